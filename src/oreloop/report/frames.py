"""The frames that a report is made of: their columns, and the guard that brings a given frame into that shape.

``columns.csv`` names every column, how it is shown, and whether it must be given. One kind of showing has one type:
masses, money in major units (also per kg), shares (0 to 1) and plain numbers are ``Float64``; milligrams, grams of CO2e, minor
units, counts and years are ``Int64``; flags are ``Boolean``; ids, words, dates (ISO 8601) and texts are ``String``.
A column shown as ``asset`` holds minor units or milligrams of what the column ``asset`` names. A column shown as
``fields`` holds the values that the text of its ``said`` neighbour quotes, as a JSON object or a struct. A column that
is ``hidden`` only helps to write the others.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import polars as pl

from oreloop.base.errors import BadInput, Place, problem

_FLOAT = frozenset({"kg", "co2e", "amount", "per_kg", "share", "number", "days"})
_WHOLE = frozenset({"mg", "co2e_g", "minor", "asset", "count", "year"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a report frame: its name, how it is shown, and whether it must be given."""

    name: str
    shown: str
    needed: bool

    @property
    def dtype(self) -> pl.DataType:
        """The polars type that this kind of showing needs."""
        if self.shown in _FLOAT:
            return pl.Float64()
        if self.shown == "flag":
            return pl.Boolean()
        return pl.Int64() if self.shown in _WHOLE else pl.String()

    @property
    def numeric(self) -> bool:
        """Whether the column is set flush right in tabular figures."""
        return self.shown in _FLOAT or (self.shown in _WHOLE and self.shown != "year")


@cache
def columns() -> Mapping[str, tuple[Column, ...]]:
    """Give the columns of every frame, in order."""
    found: dict[str, list[Column]] = {}
    with (files("oreloop.report") / "columns.csv").open("r", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            column = Column(name=row["column"], shown=row["shown"], needed=row["need"] == "yes")
            found.setdefault(row["frame"], []).append(column)
    return {name: tuple(parts) for name, parts in found.items()}


def empty(name: str) -> pl.DataFrame:
    """Give an empty frame with the columns of its name."""
    return pl.DataFrame(schema={column.name: column.dtype for column in columns()[name]})


def conform(name: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Bring a frame into the shape of its name: needed columns in order, types cast, other columns left out.

    Raises:
        BadInput: ``report.unknown_frame``; ``report.missing_column``, one problem for each; ``report.column_type``
            when a column cannot be cast.
    """
    if name not in columns():
        raise BadInput.of("report.unknown_frame", got=name, expected=", ".join(columns()))
    missing = [column.name for column in columns()[name] if column.needed and column.name not in frame.columns]
    if missing:
        raise BadInput(
            problem("report.missing_column", Place(file=name, column=each), got=", ".join(frame.columns))
            for each in missing
        )
    return frame.select([_cast(name, column, frame) for column in columns()[name]])


def _cast(name: str, column: Column, frame: pl.DataFrame) -> pl.Series:
    if column.name not in frame.columns:
        return pl.Series(column.name, [None] * frame.height, dtype=column.dtype)
    given = frame[column.name]
    if isinstance(given.dtype, pl.Struct):
        return given.struct.json_encode()
    if isinstance(given.dtype, pl.Datetime):
        return given.dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
    try:
        return given.cast(column.dtype)
    except pl.exceptions.PolarsError:
        raise BadInput.of(
            "report.column_type", Place(file=name, column=column.name), got=given.dtype, expected=column.dtype
        ) from None
