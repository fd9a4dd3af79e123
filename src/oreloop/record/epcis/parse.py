"""Bytes to events: EPCIS 2.0 JSON documents, one to a file or one to a line.

Nothing of a document is taken in unless everything in it can be read; all its problems are reported, each with its line
and JSON path. `documents` streams: a file of JSON lines of any size needs the memory of one document. What is split by
`split` can be read by `read` in any order and in other processes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import chain, islice
from typing import Any

import msgspec

from oreloop.base.errors import BadInput, Problem
from oreloop.base.instant import instant
from oreloop.record.epcis import schema
from oreloop.record.epcis.context import PREFIXES, namespaces
from oreloop.record.epcis.decode import decode
from oreloop.record.epcis.event_hash import event_hash
from oreloop.record.epcis.findings import Findings, json_path
from oreloop.record.epcis.profile import read_step
from oreloop.record.events import ErrorDeclaration, Event, document_digest

MAX_BYTES = 64 * 2**20
"""The largest document, in bytes."""

MAX_EVENT_ID_BYTES = 1_000
"""With what an `oreloop.record.store.values.Entry` of a declaration adds to it, what an index of every database takes."""

EVENT_TYPES = frozenset(
    {"ObjectEvent", "AggregationEvent", "TransactionEvent", "TransformationEvent", "AssociationEvent"}
)
"""The event types of EPCIS 2.0."""

_LISTS: Mapping[str, tuple[str, ...]] = {
    "EPCISDocument": ("epcisBody", "eventList"),
    "EPCISQueryDocument": ("epcisBody", "queryResults", "resultsBody", "eventList"),
}
"""Where the events of a document stand, by its type."""

_FIRST_YEAR, _LAST_YEAR = 1900, 2199  # before and after there is no trade to record, and periods could not be reckoned

_PATHS = {kind: json_path(keys) for kind, keys in _LISTS.items()}


class Document(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One document as received, with what it says.

    Args:
        data: its bytes; of a document beyond `MAX_BYTES`, the beginning.
        line: line where it stands in its file; None when it is the whole file.
        events: its events; none if there are problems.
        problems: why it cannot be taken in.
    """

    data: bytes
    line: int | None
    events: tuple[Event, ...]
    problems: tuple[Problem, ...]


def parse(data: bytes, name: str) -> tuple[Event, ...]:
    """Read all events of a file.

    Args:
        data: a JSON document, or JSON lines with one document each.
        name: what to call the file in messages.

    Raises:
        BadInput: with all problems; places hold the line (JSON lines only) and the JSON path as column.

    >>> parse(b"", "empty.jsonl")
    ()
    """
    if len(data) > MAX_BYTES:
        raise BadInput(read(data, name).problems)
    read_ones = list(read_many((name, line, document) for line, document in split([data], name)))
    if problems := [problem for document in read_ones for problem in document.problems]:
        raise BadInput(problems)
    return tuple(event for document in read_ones for event in document.events)


def documents(stream: Iterable[bytes], name: str) -> Iterator[Document]:
    """Read the documents of a file one after the other.

    Args:
        stream: the bytes of the file in pieces of any size, such as the file itself, opened for reading bytes.
        name: what to call the file in messages.
    """
    for line, data in split(stream, name):
        yield read(data, name, line)


def split(stream: Iterable[bytes], name: str) -> Iterator[tuple[int | None, bytes]]:
    """Split a file into documents, each with its line, without reading them; arguments as for `documents`.

    A file named ``.jsonl`` or ``.ndjson`` holds a document a line; so does another one whose first line is a whole
    document. Of a document beyond `MAX_BYTES`, just enough is given that `read` refuses it.
    """
    lines = _lines(stream)
    if not name.endswith((".jsonl", ".ndjson")):
        first: list[tuple[int, bytes]] = []
        for numbered in lines:
            first.append(numbered)
            if numbered[1].strip():
                break
        else:
            return
        lines = chain(first, lines)
        if decode(first[-1][1], Findings(name, None)) is None:
            yield None, _joined(line for _, line in lines)
            return
    for number, line in lines:
        if line.strip():
            yield number, line.rstrip(b"\r")


def _lines(stream: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Give numbered lines; one beyond `MAX_BYTES` is cut a byte after."""
    number, held, size = 1, list[bytes](), 0
    for piece in stream:
        start = 0
        while (end := piece.find(b"\n", start)) >= 0:
            yield number, b"".join([*held, piece[start:end]])[: MAX_BYTES + 1]
            number, held, size, start = number + 1, [], 0, end + 1
        if size <= MAX_BYTES:
            held.append(piece[start : start + MAX_BYTES + 1])
            size += len(held[-1])
    yield number, b"".join(held)[: MAX_BYTES + 1]


def _joined(lines: Iterable[bytes]) -> bytes:
    held, size = list[bytes](), 0
    for line in lines:
        held.append(line)
        size += len(line) + 1
        if size > MAX_BYTES + 1:
            break
    return b"\n".join(held)


Wanted = tuple[str, int | None, bytes]
"""What to call a document's file in messages, where it stands in it, and its bytes."""

_AT_ONCE = 64
"""Documents that are checked before the first of them is read further. The checks and the reading each take more code
than the caches next to a processor hold: in turns for every document, both would take a quarter longer."""


def read(data: bytes, name: str, line: int | None = None) -> Document:
    """Read one document.

    Args:
        data: a JSON document.
        name: what to call its file in messages.
        line: where it stands in that file, if that has several.
    """
    [document] = read_many([(name, line, data)])
    return document


def read_many(wanted: Iterable[Wanted]) -> Iterator[Document]:
    """Read documents, each as `read` does."""
    left = iter(wanted)
    while checked := [_checked(data, Findings(name, line)) for name, line, data in islice(left, _AT_ONCE)]:
        yield from map(_document, checked)


class _Checked(msgspec.Struct, frozen=True, gc=False):
    """A document of which the structure was checked.

    Args:
        data: its bytes.
        found: what is wrong with it so far.
        value: the JSON value; None if nothing more can be read of it.
        faulty: positions of its events that cannot be read further.
    """

    data: bytes
    found: Findings
    value: Any = None
    faulty: Collection[int] = ()


def _checked(data: bytes, found: Findings) -> _Checked:
    if len(data) > MAX_BYTES:
        found.add("record.too_large", "$", limit=MAX_BYTES)
        return _Checked(data, found)
    value = decode(data, found)
    if found.problems:
        return _Checked(data, found)
    kind = value.get("type") if isinstance(value, dict) else None
    if not isinstance(kind, str) or not (kind in _LISTS or (kind in EVENT_TYPES and "@context" in value)):
        found.add("record.not_epcis", "$", got=kind)
        return _Checked(data, found)
    faulty = () if schema.is_valid(value) else schema.errors(value, _LISTS.get(kind, ()), found)
    return _Checked(data, found, None if len(found.problems) > schema.MAX_ERRORS else value, faulty)


def _document(checked: _Checked) -> Document:
    data, found = checked.data, checked.found
    events = () if checked.value is None else tuple(_events(checked))
    problems = tuple(found.problems)
    return Document(data=data, line=found.line, events=() if problems else events, problems=problems)


def _events(checked: _Checked) -> list[Event]:
    value, found, faulty = checked.value, checked.found, checked.faulty
    kind, document = value["type"], document_digest(checked.data)
    if kind not in _LISTS:
        return [] if faulty else [_event(value, "$", document, PREFIXES, found)]
    at, context = _PATHS[kind], namespaces(PREFIXES, value.get("@context"))
    return [
        # An event with errors of its own is not read further; the others are, so that all problems are reported.
        _event(each, f"{at}[{position}]", document, context, found)
        for position, each in enumerate(schema.listed(value, _LISTS[kind]))
        if position not in faulty and each["type"] in EVENT_TYPES
    ]


def _event(value: Mapping[str, Any], path: str, document: str, context: Mapping[str, str], found: Findings) -> Event:
    time = _time(value["eventTime"], f"{path}.eventTime", found)
    error = (
        _error(value["errorDeclaration"], f"{path}.errorDeclaration", found) if "errorDeclaration" in value else None
    )
    step = read_step(value, path, found)
    if "@context" in value:
        context = namespaces(context, value["@context"])
    content = event_hash(value, context)
    name = value.get("eventID") or content
    if len(name.encode()) > MAX_EVENT_ID_BYTES:
        found.add("record.not_storable", f"{path}.eventID", field="eventID", got=f"{name[:80]}…")
    return Event(
        id=name,
        kind=value["type"],
        time=time,
        content=content,
        document=document,
        place=found.place(path),
        context=context,
        raw=value,
        step=step,
        error=error,
    )


def _error(value: Mapping[str, Any], path: str, found: Findings) -> ErrorDeclaration:
    return ErrorDeclaration(
        declared_at=_time(value["declarationTime"], f"{path}.declarationTime", found),
        reason=value.get("reason", ""),
        corrective_ids=tuple(value.get("correctiveEventIDs", ())),
    )


def _time(value: str, path: str, found: Findings) -> datetime:
    """Read a time, of which the schema knows only how it is written: there may be no such day, or it may be no instant."""
    try:
        time = instant(value)
        if _FIRST_YEAR <= time.year <= _LAST_YEAR:
            return time
        found.add("record.time_range", path, expected=f"{_FIRST_YEAR}-{_LAST_YEAR}", got=value)
        return time
    except BadInput:
        found.add("record.wrong_type", path, expected="2026-03-01T08:00:00Z", got=value)
        return datetime.min.replace(tzinfo=UTC)
