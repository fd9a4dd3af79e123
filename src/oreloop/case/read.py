"""Rows of text -> a typed frame, with every problem of shape found on the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from oreloop.base.errors import BadInput, Place, Problem, problem
from oreloop.case.cells import Calendar, Value, read_cell
from oreloop.case.columns import FLOAT_KINDS, Column, Table, nearest
from oreloop.case.sheets import Sheet

MOST_UNKNOWN = 50
"""Unknown columns of a sheet that are named, each with the known one most like it; of more, these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was read of one table.

    Args:
        table: the table.
        file: how problems name where it came from.
        frame: a row per row; a cell that could not be read is null.
        filled: names of the columns in which the user wrote something.
        headers: the header under which each column was given, for problems found later.
        broken: lines with a problem of shape; later checks leave them out, but their ids still resolve.
        problems: problems of shape.
    """

    table: Table
    file: str
    frame: pl.DataFrame
    filled: frozenset[str]
    headers: Mapping[str, str]
    broken: frozenset[int]
    problems: tuple[Problem, ...]

    def place(self, line: int | None, column: str | None = None) -> Place:
        """Give the place of a cell, naming the column as the user wrote it."""
        return Place(file=self.file, line=line, column=self.headers.get(column, column) if column else None)

    @property
    def sound(self) -> pl.DataFrame:
        """The rows without a problem of shape."""
        return self.frame.filter(~pl.col("line").is_in(sorted(self.broken))) if self.broken else self.frame


def schema(table: Table) -> dict[str, pl.DataType]:
    """Give the types of a table's frame; the last column is ``line``."""
    return {column.name: _type(column) for column in table.columns} | {"line": pl.Int64()}


def _type(column: Column) -> pl.DataType:
    if column.type in FLOAT_KINDS:
        return pl.Float64()
    match column.type:
        case "year":
            return pl.Int64()
        case "date":
            return pl.Date()
        case "yesno":
            return pl.Boolean()
        case _:
            return pl.String()


def absent(table: Table) -> Reading:
    """Give the reading of a table that was not given: an empty frame with its columns."""
    return Reading(
        table=table,
        file=f"{table.name}.csv",
        frame=pl.DataFrame(schema=schema(table)),
        filled=frozenset(),
        headers={},
        broken=frozenset(),
        problems=(),
    )


def read_table(table: Table, sheet: Sheet, calendar: Calendar) -> Reading:
    """Read one sheet as a table; nothing is raised, problems are values."""
    header_line, header = sheet.rows[0]
    positions, problems = _resolve(table, sheet.file, header_line, header)
    defaults = {column.name: read_cell(column.default, column, calendar) for column in table.columns if column.default}
    cells: dict[str, list[Value | None]] = {column.name: [] for column in table.columns}
    filled: set[str] = set()
    broken: set[int] = set()
    for line, row in sheet.rows[1:]:
        issues = [*_beyond(sheet.file, line, row, header)]
        for column in table.columns:
            position = positions.get(column.name, len(row))
            value: Value | None = defaults.get(column.name)
            if text := row[position] if position < len(row) else "":
                filled.add(column.name)
                try:
                    value = read_cell(text, column, calendar)
                except BadInput as error:
                    value, place = None, Place(file=sheet.file, line=line, column=header[position])
                    issues += [problem(each.code, place, **each.fields) for each in error.problems]
            elif column.required and column.name in positions:
                place = Place(file=sheet.file, line=line, column=header[positions[column.name]])
                issues.append(problem("case.missing_value", place))
            cells[column.name].append(value)
        if issues:
            problems += issues
            broken.add(line)
    lines = [line for line, _ in sheet.rows[1:]]
    if any(column.required and column.name not in positions for column in table.columns):
        broken.update(lines)
    return Reading(
        table=table,
        file=sheet.file,
        frame=pl.DataFrame({**cells, "line": lines}, schema=schema(table)),
        filled=frozenset(filled),
        headers={name: header[position] for name, position in positions.items()},
        broken=frozenset(broken),
        problems=tuple(problems),
    )


def _resolve(table: Table, file: str, line: int, header: tuple[str, ...]) -> tuple[dict[str, int], list[Problem]]:
    """Find the position of each column by its header."""
    problems: list[Problem] = []
    meant = {position: table.header(text) for position, text in enumerate(header) if text}
    # A header that can mean one thing only is settled first, so that `status` beside `approval` is the evidence.
    settled = {names[0] for names in meant.values() if len(names) == 1}
    positions: dict[str, int] = {}
    unknown = 0
    for position, names in meant.items():
        place, got = Place(file=file, line=line, column=header[position]), header[position][:80]
        if not names:
            unknown += 1
            if unknown > MOST_UNKNOWN:
                continue
            like = nearest(got, [name for column in table.columns for name in (column.name, column.zh)])
            problems.append(problem("case.unknown_column", place, got=got, table=table.name, nearest=like))
            continue
        name = next((name for name in names if len(names) == 1 or name not in settled), names[0])
        if name in positions:
            problems.append(problem("case.column_twice", place, got=got, other=header[positions[name]]))
        else:
            positions[name] = position
    for column in table.columns:
        if column.required and column.name not in positions:
            place = Place(file=file, line=line, column=column.name)
            problems.append(problem("case.missing_column", place, got=column.name, zh=column.zh, table=table.name))
    return positions, problems


def _beyond(file: str, line: int, row: tuple[str, ...], header: tuple[str, ...]) -> Iterator[Problem]:
    """Find cells that stand under no header."""
    for position, text in enumerate(row):
        if text and (position >= len(header) or not header[position]):
            yield problem("case.cell_without_header", Place(file=file, line=line), got=text[:40], position=position + 1)
