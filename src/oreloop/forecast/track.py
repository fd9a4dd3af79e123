"""How schedules of the past held: schedule times intensity against the metal that was then used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from oreloop.base.errors import BadInput, Place, Problem, problem
from oreloop.base.period import Period
from oreloop.forecast.panel import LARGEST, absent_columns, as_polars
from oreloop.forecast.schedule import from_schedule

ON_TIME = 0.9
"""Share of the scheduled metal that must have been used for a schedule to count as built on time."""
_USED = ("site", "material", "period")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrackRecord:
    """What came of past schedules.

    Args:
        table: ``published, site, material, lead, expected_kg, used_kg, share``: one row for each schedule, site and material,
            over all its periods for which use is known; ``lead``: days from its day to its first period; ``share``: used over
            expected.
        bias: used over expected, all together, less 1: below zero, schedules promise too much.
        spread: standard deviation of ``share``.
        on_time: part of the rows of which at least 90 % was used.
    """

    table: pl.DataFrame
    bias: float
    spread: float
    on_time: float

    @property
    def shares(self) -> tuple[float, ...]:
        """Share of each past schedule that was used: what `oreloop.forecast.from_schedule` takes as ``past_shares``."""
        return tuple(self.table["share"])


def backtest_schedule(past: Any, uses: Any, used: Any) -> TrackRecord:
    """Turn each past schedule into metal, as `oreloop.forecast.from_schedule` does, and hold it against what was used.

    A schedule is taken only for periods that begin after the day it was published, and for which use is known.

    Args:
        past: ``published`` (date), ``site, product, period, units``.
        uses: as for `oreloop.forecast.from_schedule`.
        used: ``site, material, period, quantity_kg``.

    Raises:
        BadInput: as `oreloop.forecast.from_schedule`, also for ``used``; ``forecast.no_past`` when nothing can be compared.

    >>> from datetime import date
    >>> past = pl.DataFrame(
    ...     {"published": [date(2024, 12, 1)], "site": ["a"], "product": ["p"], "period": ["2025-01"], "units": [10.0]}
    ... )
    >>> uses = pl.DataFrame({"product": ["p"], "material": ["ir"], "kg_per_unit": [2.0], "process_yield": [1.0]})
    >>> used = pl.DataFrame({"site": ["a"], "material": ["ir"], "period": ["2025-01"], "quantity_kg": [15.0]})
    >>> backtest_schedule(past, uses, used).bias
    -0.25
    """
    schedules, known = as_polars(past, "past"), as_polars(used, "used")
    found = _problems(schedules, known)
    if found:
        raise BadInput(found)
    begins = {name: Period.parse(name).first for name in (*schedules["period"].unique(), *known["period"].unique())}
    parts = []
    for (published,), schedule in schedules.group_by("published", maintain_order=True):
        names = sorted({name for name in schedule["period"] if begins[name] > published}, key=begins.__getitem__)
        if names:
            expected = from_schedule(schedule.drop("published"), uses, names, samples=100).mean
            both = expected.rename({"quantity_kg": "expected_kg"}).join(
                known.select(*_USED, used_kg=pl.col("quantity_kg").cast(pl.Float64)), on=_USED
            )
            parts.append(
                both.with_columns(
                    published=pl.lit(published),
                    lead=pl.col("period").replace_strict({name: (begins[name] - published).days for name in names}),
                )
            )
    rows = pl.concat(parts) if parts else pl.DataFrame(schema={"expected_kg": pl.Float64})
    if not rows.filter(pl.col("expected_kg") > 0.0).height:
        raise BadInput.of("forecast.no_past", Place(file="past"))
    table = (
        rows.group_by("published", "site", "material")
        .agg(pl.col("lead").min(), pl.col("expected_kg").sum(), pl.col("used_kg").sum())
        .filter(pl.col("expected_kg") > 0.0)
        .with_columns(share=pl.col("used_kg") / pl.col("expected_kg"))
        .sort("published", "site", "material")
    )
    expected_kg, used_kg, shares = (table[name].to_numpy() for name in ("expected_kg", "used_kg", "share"))
    return TrackRecord(
        table=table,
        bias=float(used_kg.sum() / expected_kg.sum() - 1.0),
        spread=float(shares.std()),
        on_time=float(np.mean(shares >= ON_TIME)),
    )


def _problems(schedules: pl.DataFrame, known: pl.DataFrame) -> list[Problem]:
    """Check what `from_schedule` does not: days, periods, and the table of use."""
    found = absent_columns(schedules, "past", ("published", "period"))
    found += absent_columns(known, "used", (*_USED, "quantity_kg"))
    if found:
        return found
    typed = (
        ("past", schedules, "published", schedules.schema["published"] == pl.Date, "date"),
        ("past", schedules, "period", schedules.schema["period"] == pl.String, "text"),
        *(("used", known, name, known.schema[name] == pl.String, "text") for name in _USED),
        ("used", known, "quantity_kg", known.schema["quantity_kg"].is_numeric(), "number"),
    )
    found = [
        problem("forecast.column_type", Place(file=name, column=column), got=table.schema[column], expected=expected)
        for name, table, column, good, expected in typed
        if not good
    ]
    found += [
        problem("forecast.empty_cell", Place(file=name, line=int(line) + 2, column=column))
        for name, table, column, *_ in typed
        for line in table[column].is_null().arg_true()
    ]
    if found:
        return found
    amount = known["quantity_kg"].cast(pl.Float64)
    found += [
        problem("forecast.amount", Place(file="used", line=int(line) + 2, column="quantity_kg"), got=amount[int(line)])
        for line in (~amount.is_between(0.0, LARGEST)).arg_true()
    ]
    return found + [
        problem("forecast.twice", Place(file="used", line=int(line) + 2), got=", ".join(_USED))
        for line in known.select(_USED).is_duplicated().arg_true()
    ]
