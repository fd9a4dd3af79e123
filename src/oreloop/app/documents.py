"""The documents of a case as they are sealed: each line of events, each contract, each table of the record.

A table is sealed as it was received: its events are derived from it, the same ones each time, and prove nothing more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from oreloop import record
from oreloop.app.verbs.deal import is_contract, is_events, path_is_known, read_contracts
from oreloop.app.verbs.record import is_record, read_tables
from oreloop.record.tables import is_table


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One sealed document.

    Args:
        path: file, relative to the case.
        line: line of the file, counted from 1; None when the document is the whole file.
        data: the bytes as received, without the end of the line.
        events: number of EPCIS or contract events in it, or derived from it.
    """

    path: str
    line: int | None
    data: bytes
    events: int


def documents(files: Mapping[str, bytes], at: datetime) -> tuple[Document, ...]:
    """Give the documents that count at an instant, in order of path and line.

    A document of events or a table counts when one of its events happened until then, a contract as in
    `oreloop.app.verbs.deal`.

    Raises:
        BadInput: problems of the files.
    """
    contracts, events = read_contracts(files)
    rows = [event for event in read_tables(files) if event.time <= at]
    found: list[Document] = []
    for path, data in sorted(files.items()):
        if is_record(path) and is_table(path):
            # Rows of a workbook are placed in its sheets, ``tables.xlsx/batches``.
            if count := sum(event.place.file.startswith(path) for event in rows):
                found.append(Document(path=path, line=None, data=data, events=count))
        elif is_record(path):
            found += _record_documents(path, data, at)
        elif is_events(path):
            known = {each.place.line: each for each in events if each.place.file == path and each.at <= at}
            found += [
                Document(path=path, line=line, data=event.document, events=1) for line, event in sorted(known.items())
            ]
        elif is_contract(path) and path_is_known(path, contracts[path].id, events, at):
            found.append(Document(path=path, line=None, data=data, events=0))
    return tuple(found)


def _record_documents(path: str, data: bytes, at: datetime) -> Iterator[Document]:
    """Split a file of EPCIS documents as `oreloop.record.parse` does, and keep those that speak of the past."""
    past: dict[int | None, int] = {}
    for event in record.parse(data, path):
        past[event.place.line] = past.get(event.place.line, 0) + (event.time <= at)
    lines = data.split(b"\n")
    for line, count in past.items():
        if count:
            content = data if line is None else lines[line - 1].rstrip(b"\r")
            yield Document(path=path, line=line, data=content, events=count)
