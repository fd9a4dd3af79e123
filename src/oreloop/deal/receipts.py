"""The rows of evidence, as far as they can be judged by themselves: each receipt counts once, and every mass is one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import polars as pl

from oreloop.base.canonical import SAFE_INTEGER
from oreloop.base.errors import BadInput, Place, Problem, problem
from oreloop.base.instant import instant

KEYS = {"deliveries": ("event", "batch", "element"), "footprint": ("batch",), "recycled": ("batch", "element")}
"""What no two rows of a frame have in common: a second one would be paid again, or hide the first."""
_MASSES = ("gross_mg", "dry_mg", "contained_mg")
_HEADER = 1


def misfits(name: str, frame: pl.DataFrame, needed: Sequence[str]) -> Iterator[Problem]:
    """Name what is wrong with the rows of a frame of evidence, by line; its header is line 1.

    Args:
        name: of the frame.
        frame: its rows; the columns that are needed are there.
        needed: columns of which no cell may be empty.
    """
    rows = list(enumerate(frame.iter_rows(named=True), start=_HEADER + 1))
    for line, row in rows:
        yield from _cells(name, line, row, needed)
    if key := KEYS.get(name):
        first: dict[tuple[object, ...], int] = {}
        for line, row in rows:
            ids = tuple(row[column] for column in key)
            if first.setdefault(ids, line) != line:
                got = ", ".join(str(each) for each in ids)
                yield problem("deal.evidence_twice", Place(file=name, line=line), got=got, first=first[ids])


def expect_within_gross(deliveries: pl.DataFrame) -> None:
    """Refuse a receipt that holds more of a metal than was weighed.

    Of a record this is judged with the uncertainty of its scales, which a table does not state.

    Raises:
        BadInput: ``deal.more_metal_than_mass``, for each row.
    """
    if problems := [
        problem(
            "deal.more_metal_than_mass",
            Place(file="deliveries", line=line, column="contained_mg"),
            contained_mg=row["contained_mg"],
            gross_mg=row["gross_mg"],
        )
        for line, row in enumerate(deliveries.iter_rows(named=True), start=_HEADER + 1)
        if row["contained_mg"] > row["gross_mg"]
    ]:
        raise BadInput(problems)


def _cells(name: str, line: int, row: dict[str, Any], needed: Sequence[str]) -> Iterator[Problem]:
    for column in needed:
        if row[column] is None:
            yield problem("deal.empty_cell", Place(file=name, line=line, column=column))
    for column in _MASSES:
        mass = row.get(column)
        if mass is not None and not 0 <= mass <= SAFE_INTEGER:
            place = Place(file=name, line=line, column=column)
            yield problem("deal.not_a_weighed_mass", place, got=mass, expected=SAFE_INTEGER)
    share = row.get("share")
    if share is not None and not 0 <= share <= 1:
        place = Place(file=name, line=line, column="share")
        yield problem("deal.out_of_range", place, got=share, least=0, most=1)
    time = row.get("time")
    if time is not None and not isinstance(time, datetime):
        try:
            instant(time)
        except BadInput as refused:
            place = Place(file=name, line=line, column="time")
            yield from (problem(each.code, place, **each.fields) for each in refused.problems)
