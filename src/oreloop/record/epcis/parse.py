"""Bytes to events: EPCIS 2.0 JSON documents, one to a file or one to a line.

Nothing is taken in unless everything can be read; all problems are reported, each with its line and JSON path. Names
given twice, numbers that are not finite, text that is not Unicode, and nesting or size without measure are refused,
since readers would differ about them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, NoReturn

from oreloop.base.errors import BadInput
from oreloop.base.instant import instant
from oreloop.record.epcis.event_hash import event_hash
from oreloop.record.epcis.profile import read_step
from oreloop.record.epcis.structure import EVENT_TYPES, Findings, check_event, each, shape, text, time
from oreloop.record.events import ErrorDeclaration, Event, document_digest

MAX_BYTES = 64 * 2**20
"""The largest input that is read at once, in bytes."""

MAX_DEPTH = 64
"""The deepest nesting of objects and lists."""

PREFIXES: Mapping[str, str] = {
    "epcis": "https://ref.gs1.org/epcis/",
    "cbv": "https://ref.gs1.org/cbv/",
    "cbvmda": "urn:epcglobal:cbv:mda:",
    "gs1": "https://gs1.org/voc/",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "owl": "http://www.w3.org/2002/07/owl#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "dcterms": "http://purl.org/dc/terms/",
}
"""The prefixes that the JSON-LD context of EPCIS 2.0 declares."""

_MAX_EXPONENT = 400

_document = shape(
    {
        "type": text,
        "schemaVersion": text,
        "creationDate": time,
        "id": text,
        "instanceIdentifier": text,
        "sender": text,
        "receiver": text,
        "epcisHeader": shape({}, only_known=False),
        "epcisBody": shape({"eventList": each(check_event)}, ["eventList"]),
    },
    ["@context", "schemaVersion", "creationDate", "epcisBody"],
)
_query_document = shape(
    {
        "type": text,
        "schemaVersion": text,
        "creationDate": time,
        "id": text,
        "epcisBody": shape(
            {
                "queryResults": shape(
                    {
                        "queryName": text,
                        "subscriptionID": text,
                        "resultsBody": shape({"eventList": each(check_event)}, ["eventList"], only_known=False),
                    },
                    ["queryName", "resultsBody"],
                )
            },
            ["queryResults"],
        ),
    },
    ["@context", "epcisBody"],
)


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
        raise BadInput.of("record.too_large", Findings(name, None).place("$"), got=len(data), limit=MAX_BYTES)
    events: list[Event] = []
    problems = []
    for line, document in _documents(data, name):
        found = Findings(name, line)
        value = _value(document, found)
        if not found.problems:
            events += _events(value, document_digest(document), found)
        problems += found.problems
    if problems:
        raise BadInput(problems)
    return tuple(events)


def _documents(data: bytes, name: str) -> Iterator[tuple[int | None, bytes]]:
    """Split JSON lines; in a file of another name, a first line that is no whole document means a single document."""
    lines = data.split(b"\n")
    first = next((line for line in lines if line.strip()), b"")
    if not name.endswith((".jsonl", ".ndjson")) and not _is_whole(first):
        if first:
            yield None, data
        return
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield number, line.rstrip(b"\r")


def _is_whole(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


class _Refused(ValueError):
    def __init__(self, code: str, **fields: object) -> None:
        super().__init__(code)
        self.code, self.fields = code, fields


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        raise _Refused("record.named_twice", got=next(name for name in names if names.count(name) > 1))
    return value


def _constant(got: str) -> NoReturn:
    raise _Refused("record.not_json", got=got)


def _value(document: bytes, found: Findings) -> Any:
    try:
        value = json.loads(
            document.decode("utf-8"), parse_float=Decimal, parse_constant=_constant, object_pairs_hook=_object
        )
        _guard(value, 0)
    except RecursionError:
        found.add("record.too_deep", "$", limit=MAX_DEPTH)
    except _Refused as refused:
        found.add(refused.code, "$", **refused.fields)
    except (ValueError, ArithmeticError) as refused:
        found.add("record.not_json", "$", got=refused)
    else:
        return value
    return None


def _guard(value: Any, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise _Refused("record.too_deep", limit=MAX_DEPTH)
    match value:
        case str():
            value.encode("utf-8")
        case Decimal():
            if abs(value.adjusted()) > _MAX_EXPONENT:
                raise _Refused("record.not_json", got=value)
        case dict():
            for name, item in value.items():
                name.encode("utf-8")
                _guard(item, depth + 1)
        case list():
            for item in value:
                _guard(item, depth + 1)


def _events(value: Any, document: str, found: Findings) -> Iterator[Event]:
    kind = value.get("type") if isinstance(value, dict) else None
    if kind == "EPCISDocument":
        _document(value, "$", found)
        keys: tuple[str, ...] = ("epcisBody", "eventList")
    elif kind == "EPCISQueryDocument":
        _query_document(value, "$", found)
        keys = ("epcisBody", "queryResults", "resultsBody", "eventList")
    elif isinstance(kind, str) and kind in EVENT_TYPES and "@context" in value:
        check_event(value, "$", found)
        if not found.problems:
            yield from filter(None, [_event(value, "$", document, PREFIXES, found)])
        return
    else:
        found.add("record.not_epcis", "$", got=kind)
        return
    if found.problems:
        return
    listed = value
    for key in keys:
        listed = listed[key]
    path = ".".join(("$", *keys))
    context = _context(PREFIXES, value.get("@context"))
    for position, each_event in enumerate(listed):
        event = _event(each_event, f"{path}[{position}]", document, context, found)
        if event is not None:
            yield event


def _context(known: Mapping[str, str], stated: Any) -> Mapping[str, str]:
    """Give the namespaces by prefix; contexts by reference are those of the standard, which are known."""
    tables = [each for each in (stated if isinstance(stated, list) else [stated]) if isinstance(each, dict)]
    added = {name: uri for table in tables for name, uri in table.items() if isinstance(uri, str)}
    return {**known, **added} if added else known


def _event(
    value: Mapping[str, Any], path: str, document: str, context: Mapping[str, str], found: Findings
) -> Event | None:
    if value["type"] not in EVENT_TYPES:
        return None  # somebody's own event type: it stays in its document
    step = read_step(value, path, found)
    namespaces = _context(context, value.get("@context"))
    content = event_hash(value, namespaces)
    return Event(
        id=value.get("eventID") or content,
        kind=value["type"],
        time=instant(value["eventTime"]),
        content=content,
        document=document,
        place=found.place(path),
        context=namespaces,
        raw=value,
        step=step,
        error=_error(value.get("errorDeclaration")),
    )


def _error(value: Mapping[str, Any] | None) -> ErrorDeclaration | None:
    if value is None:
        return None
    return ErrorDeclaration(
        declared_at=instant(value["declarationTime"]),
        reason=value.get("reason", ""),
        corrective_ids=tuple(value.get("correctiveEventIDs", ())),
    )
