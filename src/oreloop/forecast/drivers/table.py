"""Reads driver tables once, and says what of them was known when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from oreloop.base.errors import BadInput, Place, Problem, problem
from oreloop.base.period import Period
from oreloop.forecast.panel import Floats, Frequency, Ints, absent_columns, as_polars, whole

TABLE, SCENARIO = "drivers", "scenario"
MAX_DELAY = 120
"""Periods above which a delay is a slip: ten years of months."""
_DATES = (pl.Date, pl.Datetime("ms"), pl.Datetime("us"), pl.Datetime("ns"))


def ordinal(period: Period) -> int:
    """Number periods without gaps: months since year 0, or weeks since year 1.

    >>> ordinal(Period.parse("2026-01")) - ordinal(Period.parse("2025-12"))
    1
    """
    first = period.first
    return first.toordinal() // 7 if period.kind == "week" else first.year * 12 + first.month - 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Drivers:
    """Published values of drivers, each from the period in which it became known.

    Args:
        names: drivers, sorted.
        frequency: ``M`` or ``W``.
        driver: place of each value's driver in ``names``; values are sorted by driver, period and day of publication.
        period: `ordinal` of the period that each value is about.
        known: `ordinal` of the period in which it was published.
        value: any unit.
        supposed: a scenario: for a driver's place, the first period and the values from there on.
    """

    names: tuple[str, ...]
    frequency: Frequency
    driver: Ints
    period: Ints
    known: Ints
    value: Floats
    supposed: Mapping[int, tuple[int, Floats]]

    @classmethod
    def read(cls, table: Any, *, delays: Mapping[str, int] | None = None) -> Drivers:
        """Read a long table; the same period may stand in it several times, published at different days.

        Args:
            table: polars or pandas: ``driver``, ``ds`` (period names), ``value`` and, unless ``delays`` names every
                driver, ``known``: the day of publication (dates or ISO text; may be before the period, as with a tariff).
            delays: periods from the one that a value is about to the one in which it is published; counts for rows
                without ``known``. 0 is published before its own period is over.

        Raises:
            BadInput: every problem, with its driver (``forecast.driver_*``), and ``forecast.no_column``,
                ``forecast.empty``, ``forecast.column_type``, ``forecast.range``.

        >>> table = pl.DataFrame({"driver": "price", "ds": ["2026-01", "2026-02"], "value": [30.0, 31.0]})
        >>> Drivers.read(table, delays={"price": 1}).names
        ('price',)
        """
        frame = _frame(table, TABLE, ("driver", "ds", "value"))
        names = tuple(frame["driver"].unique().sort())
        late = {name: whole(f"delays.{name}", given, 0, MAX_DELAY) for name, given in (delays or {}).items()}
        unknown = sorted(set(late) - set(names))
        if unknown:
            raise BadInput(problem("forecast.driver_unknown", Place(file="delays"), driver=name) for name in unknown)
        periods, found = _periods(frame, TABLE)
        days, unreadable = _days(frame)
        found += unreadable
        found += [
            problem("forecast.driver_no_known", Place(file=TABLE, column="known"), driver=name)
            for name in frame.filter(pl.Series(days, dtype=pl.Date).is_null())["driver"].unique().sort()
            if name not in late and not unreadable
        ]
        if found:
            raise BadInput(found)
        weekly = periods[0].kind == "week"
        of = np.searchsorted(np.array(names), frame["driver"].to_numpy().astype(str))
        about = np.array([ordinal(period) for period in periods])
        stood = np.array(
            [
                about[row] + late[names[of[row]]] if day is None else ordinal(_holding(day, weekly=weekly))
                for row, day in enumerate(days)
            ]
        )
        # within a period of publication the later day counts
        order = np.lexsort((np.array([(day or date.min).toordinal() for day in days]), stood, about, of))
        made = cls(
            names=names,
            frequency="W" if weekly else "M",
            driver=of[order],
            period=about[order],
            known=stood[order],
            value=frame["value"].to_numpy()[order],
            supposed={},
        )
        twice = frame.with_columns(pl.Series("known", days, dtype=pl.Date)).select("driver", "ds", "known")
        found = [
            problem("forecast.driver_twice", Place(file=TABLE, column="ds"), driver=name, got=text)
            for name, text in twice.filter(twice.is_duplicated())
            .select("driver", "ds")
            .unique()
            .sort("driver", "ds")
            .rows()
        ]
        for place, name in enumerate(names):
            there = np.unique(made.period[made.driver == place])
            if len(there) != there[-1] - there[0] + 1:
                missing = int((~np.isin(np.arange(there[0], there[-1]), there)).sum())
                found.append(problem("forecast.driver_gap", Place(file=TABLE, column="ds"), driver=name, count=missing))
        if found:
            raise BadInput(found)
        return made

    def what_if(self, scenario: Any) -> Drivers:
        """Suppose a future path of some drivers; it counts only from the end of the history on, never in its past.

        Args:
            scenario: polars or pandas: ``driver, ds, value``, consecutive periods of each driver, once each.

        Raises:
            BadInput: every problem, with its driver (``forecast.driver_*``).
        """
        frame = _frame(scenario, SCENARIO, ("driver", "ds", "value"))
        periods, found = _periods(frame, SCENARIO)
        if periods and (periods[0].kind == "week") != (self.frequency == "W"):
            found.append(problem("forecast.driver_mixed", Place(file=SCENARIO, column="ds")))
        found += [
            problem("forecast.driver_unknown", Place(file=SCENARIO), driver=name)
            for name in frame["driver"].unique().sort()
            if name not in self.names
        ]
        if found:
            raise BadInput(found)
        frame = frame.with_columns(pl.Series("at", [ordinal(period) for period in periods])).sort("driver", "at")
        supposed = {}
        for (name,), rows in frame.group_by("driver", maintain_order=True):
            at = rows["at"].to_numpy()
            place = Place(file=SCENARIO, column="ds")
            if rows["at"].is_duplicated().any():
                found.append(problem("forecast.driver_twice", place, driver=name, got=rows["ds"][0]))
            elif len(at) != at[-1] - at[0] + 1:
                found.append(problem("forecast.driver_gap", place, driver=name, count=at[-1] - at[0] + 1 - len(at)))
            driver = self.names.index(str(name))
            low = int((rows["value"] <= 0.0).sum())
            if low and (self.value[self.driver == driver] > 0.0).all():
                found.append(
                    problem("forecast.driver_not_positive", replace(place, column="value"), driver=name, count=low)
                )
            supposed[driver] = (int(at[0]), rows["value"].to_numpy())
        if found:
            raise BadInput(found)
        return replace(self, supposed=supposed)

    def as_published(self) -> Drivers:
        """Give the same without a scenario: what counts at origins of the past."""
        return replace(self, supposed={})

    def before(self, origin: int) -> list[tuple[int, Floats]]:
        """Give what was known of each driver before a period began: the last print of each value.

        Values after one that was not yet published are left out: a course has no holes.

        Args:
            origin: `ordinal` of the period.

        Returns:
            For each driver: `ordinal` of the first period, and the values from there on; none for a driver not yet known.
        """
        seen = self.known < origin
        made = []
        for place in range(len(self.names)):
            mine = seen & (self.driver == place)
            if not mine.any():
                made.append((origin, np.empty(0)))
                continue
            about = self.period[mine]
            course = np.full(about.max() - about.min() + 1, np.nan)
            course[about - about.min()] = self.value[mine]  # the last print of a period is the last written
            holes = np.flatnonzero(np.isnan(course))
            made.append((int(about.min()), course[: holes[0]] if len(holes) else course))
        return made


def _frame(table: Any, name: str, columns: tuple[str, ...]) -> pl.DataFrame:
    """Bring driver and period to text and the value to a finite number."""
    frame = as_polars(table, name)
    if found := absent_columns(frame, name, columns):
        raise BadInput(found)
    if frame.is_empty():
        raise BadInput.of("forecast.empty", Place(file=name))
    if not frame.schema["value"].is_numeric():
        raise BadInput.of(
            "forecast.column_type", Place(file=name, column="value"), got=frame.schema["value"], expected="number"
        )
    frame = frame.with_columns(
        pl.col("driver").cast(pl.String).fill_null(""),
        pl.col("ds").cast(pl.String).fill_null(""),
        pl.col("value").cast(pl.Float64),
    )
    wrong = frame.filter(pl.col("value").is_null() | ~pl.col("value").is_finite())
    if len(wrong):
        raise BadInput(
            problem("forecast.driver_value", Place(file=name, column="value"), driver=driver, got=text, count=count)
            for driver, text, count in wrong.group_by("driver")
            .agg(pl.col("ds").min(), pl.len().alias("count"))
            .sort("driver")
            .iter_rows()
        )
    return frame


def _periods(frame: pl.DataFrame, name: str) -> tuple[list[Period], list[Problem]]:
    """Read the periods; none when one cannot be read, or months and weeks are mixed."""
    read: dict[str, Period] = {}
    found = []
    for driver, text in frame.select("driver", "ds").unique().sort("driver", "ds").iter_rows():
        try:
            read[text] = Period.parse(text)
            if read[text].kind not in ("month", "week"):
                raise BadInput.of("base.not_a_period", got=text[:40])
        except BadInput:
            found.append(problem("forecast.driver_period", Place(file=name, column="ds"), driver=driver, got=text[:40]))
    if len({period.kind for period in read.values()}) > 1:
        found.append(problem("forecast.driver_mixed", Place(file=name, column="ds")))
    return ([] if found else [read[text] for text in frame["ds"]]), found


def _days(frame: pl.DataFrame) -> tuple[list[date | None], list[Problem]]:
    """Read the days of publication; none where a delay is to count."""
    if "known" not in frame.columns:
        return [None] * len(frame), []
    given = frame["known"]
    if given.dtype in _DATES or given.dtype == pl.Null:
        return given.cast(pl.Date).to_list(), []
    days = given.cast(pl.String).str.strptime(pl.Date, "%Y-%m-%d", strict=False)
    wrong = frame.filter(days.is_null() & given.is_not_null())
    return days.to_list(), [
        problem("forecast.driver_known", Place(file=TABLE, column="known"), driver=driver, got=str(text)[:40])
        for driver, text in wrong.select("driver", "known").unique().sort("driver", "known").iter_rows()
    ]


def _holding(day: date, *, weekly: bool) -> Period:
    return Period.week(day) if weekly else Period.month(day)
