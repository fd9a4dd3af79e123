"""Frames as tables that people read: captions, headings with units, cells already written in one language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from oreloop.report.frames import Column, columns
from oreloop.report.wording import Words

TINY_KG = 1e-4
"""A shortage below it is rounding, not want."""

ROWS_SHOWN = 120
"""Rows of a long frame that the page shows; the rest is in the tables beside the report."""

SHORT = 12
"""Texts up to so many letters (dates, periods, codes) stay on one line."""

HIDDEN = frozenset({"fields", "currency", "hidden"})
"""Columns that other columns quote, never shown themselves."""

_GOOD = frozenset({"passed", "balanced", "approved", "accepted", "settled", "closed", "within", "measured"})
_BAD = frozenset({"failed", "broken", "refused", "rejected", "cancelled"})
_OPEN = frozenset({"assumed", "illustrative", "unstated", "trial", "in_qualification", "open", "skipped"})
_UNITS = {"kg": "kg", "mg": "kg", "co2e": "kg CO₂e", "co2e_g": "kg CO₂e", "days": "d"}


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: its text, and how it is set (``number``, ``good``, ``bad``, ``open``, ``short`` or plainly)."""

    text: str
    style: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table ready to be set; ``of`` is the number of rows of the whole frame."""

    caption: str
    headings: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]
    of: int


def tone(value: object) -> str:
    """Give the tone of a state word: ``good``, ``bad``, ``open``, or none."""
    word = str(value).rsplit(".", 1)[-1]
    return "good" if word in _GOOD else "bad" if word in _BAD else "open" if word in _OPEN else ""


def table(name: str, words: Words) -> Table:
    """Set a frame of the view as a table; columns that are empty throughout are left out."""
    frame = words.view[name]
    shown = [column for column in columns()[name] if column.shown not in HIDDEN and _filled(frame, column)]
    rows = tuple(
        tuple(_cell(column, row, words) for column in shown) for row in frame.head(ROWS_SHOWN).iter_rows(named=True)
    )
    headings = tuple(Cell(heading(column, words), "number" if column.numeric else "") for column in shown)
    return Table(words.own(f"table.{name}"), headings, rows, frame.height)


def heading(column: Column, words: Words) -> str:
    """Give the heading of a column with its unit."""
    text = words.own(f"column.{column.name}")
    currency = words.view.facts.currency
    unit = {"amount": currency, "per_kg": f"{currency}/kg"}.get(column.shown) or _UNITS.get(column.shown)
    return f"{text} ({unit})" if unit else text


def _cell(column: Column, row: Mapping[str, object], words: Words) -> Cell:
    text = words.cell(column, row)
    if column.numeric:
        return Cell(text, "number")
    marked = tone(row[column.name]) if column.shown == "word" else ""
    return Cell(text, marked or ("short" if len(text) <= SHORT else ""))


def _filled(frame: pl.DataFrame, column: Column) -> bool:
    cells = frame[column.name].drop_nulls()
    return cells.len() > 0 and (column.dtype != pl.String() or (cells != "").any())
