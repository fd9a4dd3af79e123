"""Files to rows: every cell read by the rule of its column, every problem with its file, line and column."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from oreloop.base.errors import BadInput, Place, Problem, problem
from oreloop.base.quantity import MG_PER_UNIT, mass_mg
from oreloop.case.cells import Calendar
from oreloop.case.columns import nearest, table_named
from oreloop.case.read import Reading, read_table
from oreloop.case.sheets import Sheet, csv_sheet, xlsx_sheets
from oreloop.record.tables.shape import SHARE_UNITS, TABLES, Fact, Part, Stream, fitted

WORKBOOK = "tables.xlsx"
EXCEL_DIGITS = 15
"""Digits of a number that a spreadsheet shows; those behind are left over from its binary arithmetic."""

_MONTHS = Calendar(weeks=False)
_OFFSET = re.compile(r"([+-])(0\d|1[0-4]):([0-5]\d)")
_PLAIN = frozenset(
    {"source", "status", "note", "row", "void", "void_reason", "replaced_by", "utc_offset", "unit", "line"}
)


@dataclass(slots=True)
class Findings:
    """Problems found so far."""

    problems: list[Problem] = field(default_factory=list)

    def add(self, row: Row, column: str | None, code: str, /, **fields: object) -> None:
        """Note a problem of a cell."""
        self.problems.append(problem(code, row.place(column), **{name: str(got)[:80] for name, got in fields.items()}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """A mass as it was written: exact digits, its unit, and the same in whole milligrams."""

    text: str
    unit: str
    mg: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of a table.

    Args:
        table: ``batches``, ``movements`` or ``assays``.
        path: the file it stands in.
        reading: the sheet it stands in.
        line: its line.
        cells: values by column, blank ones left out.
        units: units that the header carries, by column.
        streams: columns about elements.
    """

    table: str
    path: str
    reading: Reading
    line: int
    cells: Mapping[str, Any]
    units: Mapping[str, str]
    streams: Mapping[str, Stream]

    def place(self, column: str | None = None) -> Place:
        """Give the place of the row, or of one of its cells under the header that the user wrote."""
        return self.reading.place(self.line, column)

    def text(self, column: str) -> str | None:
        """Give a cell as text; None when it is blank."""
        value = self.cells.get(column)
        return None if value is None else str(value)

    def filled(self) -> Iterator[str]:
        """Name the columns of the table that this row fills in, but those that every row may have."""
        defaults = {column.name: column.default for column in TABLES[self.table].columns if column.default}
        for name in self.cells:
            if name not in _PLAIN and name not in self.streams and self.text(name) != defaults.get(name):
                yield name

    def facts(self, fact: Fact) -> dict[tuple[str, str], dict[Part, str]]:
        """Give what the row says of elements: digits by part, by element and unit."""
        said: dict[tuple[str, str], dict[Part, str]] = {}
        for name, stream in self.streams.items():
            if stream.fact == fact and name in self.cells:
                said.setdefault((stream.element, stream.unit), {})[stream.part] = self.cells[name]
        return said

    def unit(self, column: str, found: Findings) -> str:
        """Give the unit of a mass: of the row, else of the header of that column, else kilograms."""
        own, header = self.text("unit"), self.units.get(column)
        if own and header and own != header:
            found.add(self, "unit", "record.two_units", got=own, other=self.reading.headers[column])
        return own or header or "kg"

    def mass(self, column: str, found: Findings, unit: str | None = None) -> Amount | None:
        """Read a mass that is above zero; None when it is blank or, with a problem noted, wrong."""
        text = self.text(column)
        if text is None:
            return None
        amount = exact(self, column, text, unit or self.unit(column, found), found)
        if amount is not None and amount.mg <= 0:
            found.add(self, column, "record.not_positive", got=text)
            return None
        return amount

    def deviation(self, column: str, beside: Amount | None, found: Findings) -> str | None:
        """Read a standard uncertainty, and give it in the unit of the mass that it belongs to."""
        text = self.text(column)
        if text is None:
            return None
        if beside is None:
            found.add(self, column, "record.stands_alone", got=text)
            return None
        unit = self.units.get(column, beside.unit)
        if unit == beside.unit:
            return text
        return f"{(Decimal(text) * MG_PER_UNIT[unit] / MG_PER_UNIT[beside.unit]).normalize():f}"

    def share(self, column: str, found: Findings) -> str | None:
        """Read a share from 0 to 1; its header may say per cent."""
        text = self.text(column)
        if text is None:
            return None
        share = Decimal(text) * SHARE_UNITS[self.units.get(column, "share")]
        if share > 1:
            found.add(self, column, "record.wrong_type", expected="0 ... 1", got=text)
        return f"{share:f}"

    def moment(self, column: str, found: Findings) -> datetime | None:
        """Read a time; one without an offset has that of the row."""
        text = self.text(column)
        if text is None:
            return None
        moment = datetime.fromisoformat(text)
        offset = self.text("utc_offset") or "+00:00"
        if (parts := _OFFSET.fullmatch(offset)) is None:
            found.add(self, "utc_offset", "record.wrong_type", expected="+08:00", got=offset)
            return None
        if moment.tzinfo is None:
            zone = timedelta(hours=int(parts[2]), minutes=int(parts[3]))
            moment = moment.replace(tzinfo=timezone(-zone if parts[1] == "-" else zone))
        return moment


def exact(row: Row, column: str, text: str, unit: str, found: Findings) -> Amount | None:
    """Read a mass to whole milligrams; what is finer only behind the digits of a spreadsheet is rounded to those."""
    for digits in (text, f"{Decimal(text):.{EXCEL_DIGITS}g}"):
        plain = f"{Decimal(digits):f}"
        try:
            return Amount(text=plain, unit=unit, mg=mass_mg(Decimal(plain), unit))
        except BadInput as refused:
            problems = refused.problems
    for each in problems:
        found.add(row, column, each.code, **each.fields)
    return None


def is_table(path: str) -> bool:
    """Tell whether a file of a record is meant as a table: CSV, or a workbook of any kind.

    >>> is_table("record/batches.csv"), is_table("record/2026.jsonl")
    (True, False)
    """
    return path.lower().endswith((".csv", ".xlsx", ".xls", ".ods"))


def read_rows(files: Mapping[str, bytes]) -> tuple[list[Row], list[Problem]]:
    """Read the rows of all tables in order of table, path and line; rows with a problem are left out."""
    problems: list[Problem] = []
    rows: dict[str, list[Row]] = {name: [] for name in TABLES}
    for path, data in sorted(files.items()):
        try:
            for sheet in _sheets(path, data):
                if not sheet.name.startswith("#"):
                    name, read = _sheet_rows(path, sheet, problems)
                    rows[name] += read
        except BadInput as refused:
            problems += refused.problems
    return [row for name in rows for row in rows[name]], problems


def _sheets(path: str, data: bytes) -> Sequence[Sheet]:
    name = path.rpartition("/")[2]
    if name == WORKBOOK:
        return xlsx_sheets(data, path)
    if name.lower().endswith(".csv"):
        return (csv_sheet(data, path),)
    raise BadInput.of("record.other_workbook", Place(file=path), expected=WORKBOOK)


def _sheet_rows(path: str, sheet: Sheet, problems: list[Problem]) -> tuple[str, list[Row]]:
    """Read a sheet; its name may go on behind a hyphen, as in ``batches-2026-01.csv``."""
    title = sheet.name.rpartition("/")[2]
    table = table_named(title.split("-")[0], TABLES)
    if table is None:
        like = nearest(title, tuple(TABLES))
        raise BadInput.of("record.unknown_table", Place(file=sheet.file), got=title[:80], nearest=like)
    fit = fitted(table, sheet.rows[0][1])
    reading = read_table(fit.table, sheet, _MONTHS)
    problems += reading.problems
    found = Findings(problems)
    decimals = [column.name for column in fit.table.columns if column.type == "decimal"]
    rows = []
    for values in reading.sound.iter_rows(named=True):
        cells = {name: value for name, value in values.items() if value is not None and name != "line"}
        row = Row(
            table=table.name,
            path=path,
            reading=reading,
            line=values["line"],
            cells=cells,
            units=fit.units,
            streams=fit.streams,
        )
        below = [name for name in decimals if str(cells.get(name, "")).startswith("-")]
        for name in below:
            found.add(row, name, "record.below_zero", got=cells[name])
        if not below:
            rows.append(row)
    return table.name, rows
