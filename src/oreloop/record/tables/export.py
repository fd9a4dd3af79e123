"""Events to tables and what gets lost on the way: nothing unnamed.

The tables that come out are read again, and every event that they give is held against the one it came from. What is
not said again, whatever it is, is listed.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import polars as pl

from oreloop.base.errors import BadInput
from oreloop.record.events import Event
from oreloop.record.tables.back import Cells, arrived, rows_of, short
from oreloop.record.tables.derive import lines
from oreloop.record.tables.draft import utc
from oreloop.record.tables.shape import TABLES
from oreloop.record.tables.untold import Untold, differences, whole

_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A record as tables.

    Args:
        frames: ``batches``, ``movements`` and ``assays``, every column as text.
        untold: what these tables do not say.
    """

    frames: Mapping[str, pl.DataFrame]
    untold: tuple[Untold, ...]

    def files(self) -> Mapping[str, bytes]:
        """Give the tables as CSV, UTF-8 with a byte order mark for spreadsheets; empty ones are left out."""
        return {f"{name}.csv": _csv(frame) for name, frame in self.frames.items() if frame.height}


@dataclass(slots=True, kw_only=True)
class _Written:
    """A row with the events, or parts of events, that it stands for."""

    cells: Cells
    parts: list[tuple[Event, Mapping[str, Any]]]


def from_events(events: Iterable[Event]) -> Told:
    """Write events as the three tables.

    Read again, the tables give the same batches wherever nothing that moves metal is listed as untold. Events that came
    from tables give the rows they came from, ids included; ids of others cannot be said, and are listed.

    Args:
        events: events of a record, in order; error declarations mark rows void.
    """
    writer = _Writer()
    untold: list[Untold] = []
    seen: dict[str, list[_Written]] = {}
    declarations: dict[str, Event] = {}
    for event in events:
        if event.error is not None:
            declarations.setdefault(event.id, event)
        if event.id not in seen:
            seen[event.id] = writer.write(event)
            if not seen[event.id]:
                untold.append(whole(event))
    for wrong in declarations.values():
        _void(wrong, seen)
    untold += _left_out(writer.tables, declarations)
    frames = {name: _frame(name, written) for name, written in writer.tables.items()}
    return Told(frames=frames, untold=tuple(dict.fromkeys(untold)))


class _Writer:
    """Writes events as rows, one after the other."""

    def __init__(self) -> None:
        self.tables: dict[str, list[_Written]] = {name: [] for name in TABLES}
        self._batches: set[str] = set()
        self._open: dict[tuple[str | None, ...], _Written] = {}

    def write(self, event: Event) -> list[_Written]:
        """Add the rows of an event, joined with the shipment that they complete."""
        written: list[_Written] = []
        for table, cells, part in rows_of(event, event.step) if event.step is not None else ():
            if table == "movements" and (shipment := self._completed(event, cells)) is not None:
                shipment.parts.append((event, part))
                written.append(shipment)
                continue
            if table == "batches":
                if cells["batch"] in self._batches:
                    cells.setdefault("row", short(event, cells["batch"]))
                self._batches.add(cells["batch"])
            written.append(_Written(cells=cells, parts=[(event, part)]))
            self.tables[table].append(written[-1])
            if cells.get("kind") == "shipment":
                self._open[_paper(cells)] = written[-1]
        return written

    def _completed(self, event: Event, cells: Cells) -> _Written | None:
        """Find the shipment whose row also told this receipt, and join the two into that row."""
        if cells["kind"] != "receipt" or "row:movement" not in event.raw:
            return None
        shipment = self._open.get(_paper(cells))
        joined = None if shipment is None else arrived(shipment.cells, cells)
        if shipment is None or joined is None:
            return None
        del self._open[_paper(cells)]
        shipment.cells = joined
        return shipment


def _paper(cells: Cells) -> tuple[str | None, ...]:
    return tuple(cells.get(name) for name in ("movement", "batch", "row", "to_site"))


def _void(wrong: Event, seen: Mapping[str, list[_Written]]) -> None:
    """Mark the rows of an event that was declared wrong."""
    if wrong.error is None:
        raise AssertionError("not a declaration")
    by = [_name(each) for id_ in wrong.error.corrective_ids for each in seen.get(id_, ())]
    for each in seen[wrong.id]:
        each.cells |= {"void": utc(wrong.error.declared_at)}
        if wrong.error.reason in ("incorrect_data", "did_not_occur"):
            each.cells["void_reason"] = wrong.error.reason
        if by:
            each.cells["replaced_by"] = "; ".join(dict.fromkeys(by))


def _name(written: _Written) -> str:
    cells = written.cells
    return cells.get("row") or cells.get("movement") or cells["batch"]


def _left_out(tables: Mapping[str, list[_Written]], declarations: Mapping[str, Event]) -> Iterator[Untold]:
    """Read the tables again, leave out rows that cannot be, and list whatever is not said again."""
    while True:
        try:
            again = _again(tables)
            break
        except BadInput as refused:
            yield from _drop(refused, tables)
    for written in (each for rows in tables.values() for each in rows):
        values = again[id(written)]
        for event, part in written.parts:
            arriving = part.get("bizStep") == "receiving"
            mine = next((each for each in values if (each.get("bizStep") == "receiving") == arriving), values[0])
            yield from differences(event.id, part, mine)
            if (wrong := declarations.get(event.id)) is not None:
                declared = next((each for each in values if "errorDeclaration" in each), {})
                name = "errorDeclaration"
                yield from differences(event.id, {name: wrong.raw[name]}, {name: declared.get(name)})


def _again(tables: Mapping[str, list[_Written]]) -> Mapping[int, list[Mapping[str, Any]]]:
    """Give the events that each row gives when it is read again.

    Raises:
        BadInput: rows that the reader refuses.
    """
    frames = {name: _frame(name, rows) for name, rows in tables.items() if rows}
    derived = lines({f"{name}.csv": _csv(frame) for name, frame in frames.items()})
    values: dict[tuple[str, int], list[Mapping[str, Any]]] = {}
    for line in derived:
        value = msgspec.json.decode(line.data)["epcisBody"]["eventList"][0]
        for row in line.rows:
            values.setdefault((row.table, row.line), []).append(value)
    return {
        id(written): values[name, line]
        for name, rows in tables.items()
        for line, written in zip(_starts(rows), rows, strict=True)
    }


def _starts(rows: Iterable[_Written]) -> Iterator[int]:
    """Give the line of each row in its CSV file; a cell may run over several lines."""
    line = 2
    for row in rows:
        yield line
        line += 1 + sum(len(_LINE_END.findall(text)) for text in row.cells.values())


def _drop(refused: BadInput, tables: Mapping[str, list[_Written]]) -> Iterator[Untold]:
    """Take out the events whose rows were refused; their whole is untold."""
    bad: dict[str, Event] = {}
    for place in (each.place for each in refused.problems if each.place is not None):
        rows = tables.get(place.file.removesuffix(".csv"), [])
        found = [row for start, row in zip(_starts(rows), rows, strict=True) if start == place.line]
        bad |= {event.id: event for row in found for event, _ in row.parts}
    if not bad:
        raise refused
    for rows in tables.values():
        rows[:] = [row for row in rows if not any(event.id in bad for event, _ in row.parts)]
    yield from (whole(event) for event in bad.values())


def _frame(table: str, rows: Sequence[_Written]) -> pl.DataFrame:
    used = {name for row in rows for name in row.cells}
    known = [column.name for column in TABLES[table].columns if column.name in used or column.required]
    names = [*known, *sorted(used.difference(known))]
    return pl.DataFrame(
        [[row.cells.get(name) for name in names] for row in rows], schema=dict.fromkeys(names, pl.String), orient="row"
    )


def _csv(frame: pl.DataFrame) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(frame.columns)
    writer.writerows(frame.iter_rows())
    return b"\xef\xbb\xbf" + out.getvalue().encode()
