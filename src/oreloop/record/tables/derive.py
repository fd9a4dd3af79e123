"""Tables to events: EPCIS 2.0 documents as JSON lines, always the same ones from the same tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from oreloop.base.errors import BadInput, Problem, problem
from oreloop.record.epcis.parse import parse
from oreloop.record.events import Event, document_digest
from oreloop.record.tables.assays import assay_drafts, assay_name
from oreloop.record.tables.batches import batch_drafts, batch_name
from oreloop.record.tables.draft import CONTEXT, Draft, Value, utc
from oreloop.record.tables.movements import movement_drafts, movement_name
from oreloop.record.tables.order import in_order
from oreloop.record.tables.rows import Findings, Row, is_table, read_rows

LINES_AT_ONCE = 1_000
"""Derived documents that are parsed together."""

_NAMES = {"batches": batch_name, "movements": movement_name, "assays": assay_name}
_SITE_COLUMNS = {"batches": "site", "movements": "from_site", "assays": "site"}
_LISTED = re.compile(r"(?:outputQ|q)uantityList\[(\d+)\]")
_COLUMNS = {
    "emissionsG": "co2e_kg", "creditG": "credit_co2e_kg", "energyWh": "energy_kwh", "country": "origin_country",
    "site": "origin_site", "share": "recycled_share", "kind": "recycled_kind", "epcClass": "batch", "loss": "loss",
    "weight": "allocation_weight",
}  # fmt: skip
"""Columns by the name that an event has for them, where it is another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One derived document, with one event.

    Args:
        data: the EPCIS 2.0 document, JSON without an end of line.
        rows: the rows it is made of.
        at: when the event happened; of an error declaration, when that was made.
    """

    data: bytes
    rows: tuple[Row, ...]
    at: datetime

    @property
    def path(self) -> str:
        """The file that its rows stand in."""
        return self.rows[0].path


def to_events(files: Mapping[str, bytes]) -> bytes:
    """Write the events of tables as EPCIS 2.0, JSON lines with one document each, in order of time.

    The same tables give the same bytes. Ids of events come from the keys of rows, not from what they say.

    Args:
        files: tables by path: ``batches.csv``, ``movements.csv``, ``assays.csv`` or ``tables.xlsx``, in any folder.

    Raises:
        BadInput: all problems, each with its file, line and column.
    """
    return b"".join(line.data + b"\n" for line in lines(files))


def parse_tables(files: Mapping[str, bytes]) -> tuple[Event, ...]:
    """Read the events of tables; their places are rows, and their document is the table as received.

    Raises:
        BadInput: all problems, each with its file, line and column.
    """
    digests = {path: document_digest(data) for path, data in files.items()}
    return tuple(
        msgspec.structs.replace(event, place=line.rows[0].place(), document=digests[line.path])
        for line, event in _read(lines(files))
    )


def sound_lines(files: Mapping[str, bytes]) -> tuple[Line, ...]:
    """Derive the documents of tables that can be read, in order of time.

    Raises:
        BadInput: all problems, as `parse_tables`.
    """
    return tuple(line for line, _ in _read(lines(files)))


def _read(derived: Sequence[Line]) -> Iterator[tuple[Line, Event]]:
    """Read derived documents, each with its event; what is wrong with any is said at the end, of the row it comes from."""
    problems: list[Problem] = []
    for start in range(0, len(derived), LINES_AT_ONCE):
        some = derived[start : start + LINES_AT_ONCE]
        try:
            read = parse(b"".join(line.data + b"\n" for line in some), "tables.jsonl")
        except BadInput as refused:
            problems += [_in_table(each, some) for each in refused.problems]
            continue
        yield from zip(some, read, strict=True)
    if problems:
        raise BadInput(problems)


def lines(files: Mapping[str, bytes]) -> tuple[Line, ...]:
    """Derive the documents of tables, in order of time.

    Raises:
        BadInput: all problems of the tables themselves.
    """
    rows, problems = read_rows({path: data for path, data in files.items() if is_table(path)})
    found = Findings(problems)
    rows = list(_once(rows, found))
    drafts = [
        *batch_drafts([row for row in rows if row.table == "batches"], found),
        *movement_drafts([row for row in rows if row.table == "movements"], found),
        *assay_drafts([row for row in rows if row.table == "assays"], found),
    ]
    if problems:
        raise BadInput(problems)
    written = _written(drafts, found)
    if problems:
        raise BadInput(problems)
    return tuple(sorted(written, key=lambda line: line.at))


def _once(rows: Iterable[Row], found: Findings) -> Iterator[Row]:
    """Refuse a second row of one key in one file; in another file it may tell the same again."""
    first: dict[tuple[str, str, str], Row] = {}
    for row in rows:
        name = _NAMES[row.table](row)
        other = first.setdefault((row.path, row.table, name), row)
        if other is row:
            yield row
        else:
            found.add(row, None, "record.row_twice", got=name, other=other.line)


def _written(drafts: Sequence[Draft], found: Findings) -> list[Line]:
    """Write every event and, for rows that were found wrong, the declaration that says so."""
    written: list[Line] = []
    values: dict[str, tuple[Value, Row]] = {}
    ids = _ids(drafts)
    for draft, site, party in in_order(drafts):
        row = draft.rows[0]
        if site is None:
            found.add(row, _SITE_COLUMNS[row.table], "record.where_unknown", batch=row.cells["batch"])
            continue
        if draft.kind == "shipping" and party is None:
            found.add(row, "to_party", "record.needed", column="to_party")
            continue
        value = draft.write(site, party)
        earlier, first = values.setdefault(draft.id, (value, row))
        if earlier != value:
            place = first.place()
            found.add(row, None, "record.row_changed", got=draft.name, other=f"{place.file}:{place.line}")
            continue
        written.append(Line(data=_document(value, draft.at), rows=draft.rows, at=draft.at))
        if draft.void is not None:
            declaration: Value = {"declarationTime": utc(draft.void), "reason": _reason(draft)}
            if by := _replacing(draft, ids, found):
                declaration |= {"correctiveEventIDs": by}
            data = _document(value | {"errorDeclaration": declaration}, draft.void)
            written.append(Line(data=data, rows=draft.rows, at=draft.void))
    return written


def _document(value: Value, at: datetime) -> bytes:
    return msgspec.json.encode(
        {
            "@context": CONTEXT,
            "type": "EPCISDocument",
            "schemaVersion": "2.0",
            "creationDate": utc(at),
            "epcisBody": {"eventList": [value]},
        }
    )


def _ids(drafts: Iterable[Draft]) -> Mapping[tuple[str, str], list[str]]:
    """Give the ids of events by the table and name of each of their rows."""
    ids: dict[tuple[str, str], list[str]] = {}
    for draft in drafts:
        for row in draft.rows:
            listed = ids.setdefault((row.table, _NAMES[row.table](row)), [])
            if draft.id not in listed:
                listed.append(draft.id)
    return ids


def _reason(draft: Draft) -> str:
    return next((text for row in draft.rows if (text := row.text("void_reason"))), "incorrect_data")


def _replacing(draft: Draft, ids: Mapping[tuple[str, str], list[str]], found: Findings) -> list[str]:
    """Give the ids of the events of the rows that stand in the place of a wrong one."""
    named: list[str] = []
    for row in draft.rows:
        for name in re.split(r"[;；,，、\s]+", row.text("replaced_by") or ""):
            by = ids.get((row.table, name)) or ids.get((row.table, f"{name}/{row.cells['batch']}"))
            if by is None and name:
                found.add(row, "replaced_by", "record.no_such_row", got=name)
            named += [each for each in by or () if each != draft.id and each not in named]
    return named


def _in_table(each: Problem, some: Sequence[Line]) -> Problem:
    """Give a problem of a derived document the place of the row that it comes from."""
    path = each.place.column or "" if each.place else ""
    line = some[(each.place.line or 1) - 1 if each.place else 0]
    listed = _LISTED.search(path)
    row = line.rows[min(int(listed[1]), len(line.rows) - 1) if listed else 0]
    name = re.sub(r"\[\d+\]", "", path).rpartition(".")[2].removeprefix("ol:")
    column = _COLUMNS.get(name) or re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    return problem(each.code, row.place(column or None), **each.fields)
