"""Reads a history table into one array: series down, periods across, every series ending in the same period."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from oreloop.base.errors import BadInput, Place, Problem, problem
from oreloop.base.period import Horizon, Period

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Frequency = Literal["M", "W"]
Gaps = Literal["error", "zero"]

MIN_HISTORY = 4
"""Periods below which a series is refused: two points fit any line, and a third cannot tell noise from trend."""
MAX_PERIODS = 5000
"""Periods above which a table is refused: a mistyped year would otherwise ask for an array of centuries."""
LARGEST = 1e15
"""Values above which a number is a slip; their squares are still exact enough to add."""
TABLE = "history"
SEASONS: dict[Frequency, int] = {"M": 12, "W": 52}
"""Periods in a year: the season that is looked for when none is named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """Histories side by side.

    Args:
        ids: series, sorted.
        horizon: the periods of the columns.
        values: shape (series, periods); NaN before a series begins, never after.
        start: shape (series,); the column in which each series begins.
        frequency: ``M`` for months, ``W`` for ISO weeks.
    """

    ids: tuple[str, ...]
    horizon: Horizon
    values: Floats
    start: Ints
    frequency: Frequency

    def until(self, column: int) -> Panel:
        """Give what was known before a column; series that had not reached `MIN_HISTORY` periods are left out."""
        kept = np.flatnonzero(column - self.start >= MIN_HISTORY)
        return Panel(
            ids=tuple(self.ids[row] for row in kept),
            horizon=Horizon(self.horizon.periods[:column]),
            values=self.values[kept, :column],
            start=self.start[kept],
            frequency=self.frequency,
        )

    def following(self, count: int) -> tuple[str, ...]:
        """Name the ``count`` periods after the last one."""
        return Horizon.of(self.horizon.periods[-1].following(), count).names


def read_panel(history: Any, *, freq: str | None, gaps: str, positive: bool = False) -> Panel:
    """Read a long table (``unique_id``, ``ds``, ``y``), polars or pandas, in any row order.

    Args:
        history: ``ds`` holds period names (``2026-01``, ``2026-W03``), or dates when ``freq`` says which period they
            stand for.
        freq: ``M`` or ``W``; read from the period names when not given.
        gaps: a period missing inside a series, or between its last period and the last of the table, is an error, or
            zero demand (``zero``).
        positive: prices: values must be above zero rather than at least zero.

    Raises:
        BadInput: every problem of the table (``forecast.*``, ``base.not_a_period``), each with its series.
    """
    if freq not in (None, "M", "W"):
        raise BadInput.of("forecast.unknown_choice", name="freq", got=freq, expected="M, W")
    if gaps not in ("error", "zero"):
        raise BadInput.of("forecast.unknown_choice", name="gaps", got=gaps, expected="error, zero")
    frame = _long(history, freq)
    names = {text: _period(text) for text in frame["ds"].unique().sort()}
    found: list[Problem] = [period for period in names.values() if isinstance(period, Problem)]
    periods = {text: period for text, period in names.items() if isinstance(period, Period)}
    frequencies = {"W" if period.is_week else "M" for period in periods.values()} | ({freq} if freq else set())
    if len(frequencies) > 1:
        found.append(problem("forecast.mixed_periods", _place("ds"), got=", ".join(sorted(frequencies))))
    if found:
        raise BadInput(found)
    found += _value_problems(frame, positive=positive)
    first, last = min(periods.values()), max(periods.values())
    column = _columns(first, last)
    frame = frame.with_columns(pl.col("ds").replace_strict({text: column[periods[text]] for text in periods}))
    ids = tuple(frame["unique_id"].unique().sort())
    values = np.full((len(ids), len(column)), np.nan)
    row = frame["unique_id"].replace_strict({unique: place for place, unique in enumerate(ids)}).to_numpy()
    values[row, frame["ds"].to_numpy()] = frame["y"].to_numpy()
    start = np.asarray(np.argmax(~np.isnan(values), axis=1), dtype=np.int64)
    inside = np.isnan(values) & (np.arange(len(column)) >= start[:, None])
    horizon = Horizon(tuple(column))
    if gaps == "zero":
        values[inside] = 0.0
    elif not found:  # a value that was refused above is not also a gap
        found += [
            problem("forecast.gap", _place("ds"), series=ids[row], got=horizon.names[int(np.argmax(inside[row]))])
            for row in np.flatnonzero(inside.any(axis=1))
        ]
    found += [
        problem("forecast.too_short", _place("y"), series=ids[row], got=len(column) - start[row], expected=MIN_HISTORY)
        for row in np.flatnonzero(len(column) - start < MIN_HISTORY)
    ]
    if found:
        raise BadInput(found)
    return Panel(ids=ids, horizon=horizon, values=values, start=start, frequency="W" if first.is_week else "M")


def season_of(panel: Panel, season: int | None) -> int:
    """Give the season in periods: as named, else a year of them.

    Raises:
        BadInput: ``forecast.range``.
    """
    return SEASONS[panel.frequency] if season is None else whole("season", season, 1, 366)


def whole(name: str, value: Any, least: int, most: int) -> int:
    """Check a whole number argument.

    Raises:
        BadInput: ``forecast.range``.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not least <= value <= most:
        raise BadInput.of("forecast.range", name=name, got=value, least=least, most=most)
    return int(value)


def checked_levels(levels: Any) -> tuple[float, ...]:
    """Check quantile levels: numbers strictly between 0 and 1, sorted here.

    Raises:
        BadInput: ``forecast.levels``.
    """
    try:
        numbers = tuple(sorted({float(level) for level in levels}))
    except (TypeError, ValueError):
        numbers = ()
    if not numbers or not all(0.0 < level < 1.0 for level in numbers):
        raise BadInput.of("forecast.levels", got=str(levels)[:60])
    return numbers


def _long(history: Any, freq: str | None) -> pl.DataFrame:
    """Bring the three columns to text, text and float64."""
    frame = as_polars(history, TABLE)
    absent = [name for name in ("unique_id", "ds", "y") if name not in frame.columns]
    if absent:
        raise BadInput(problem("forecast.no_column", _place(name), got=", ".join(frame.columns)) for name in absent)
    if frame.is_empty():
        raise BadInput.of("forecast.empty", Place(file=TABLE))
    if frame.schema["ds"] in (pl.Date, pl.Datetime("ms"), pl.Datetime("us"), pl.Datetime("ns")):
        if freq is None:
            raise BadInput.of("forecast.freq_needed", _place("ds"))
        known = frame["ds"].cast(pl.Date).to_list()
        frame = frame.with_columns(pl.Series("ds", [_named(day, freq) for day in known], dtype=pl.String))
    found = []
    if frame.schema["ds"] != pl.String:
        found.append(problem("forecast.column_type", _place("ds"), got=frame.schema["ds"], expected="text"))
    if frame.schema["unique_id"] not in (pl.String, pl.Categorical) and not frame.schema["unique_id"].is_integer():
        found.append(
            problem("forecast.column_type", _place("unique_id"), got=frame.schema["unique_id"], expected="text")
        )
    if not frame.schema["y"].is_numeric():
        found.append(problem("forecast.column_type", _place("y"), got=frame.schema["y"], expected="number"))
    if found:
        raise BadInput(found)
    frame = frame.select(pl.col("unique_id").cast(pl.String), "ds", pl.col("y").cast(pl.Float64))
    found = [
        problem("forecast.empty_cell", Place(file=TABLE, line=line + 2, column=name))
        for name in ("unique_id", "ds")
        for line in frame[name].is_null().arg_true()
    ]
    if found:
        raise BadInput(found)
    return frame


def as_polars(table: Any, name: str) -> pl.DataFrame:
    """Take a polars or pandas frame; pandas is not imported for it.

    Raises:
        BadInput: ``forecast.not_a_frame``.
    """
    if isinstance(table, pl.DataFrame):
        return table
    if type(table).__module__.split(".", 1)[0] != "pandas" or not hasattr(table, "columns"):
        raise BadInput.of("forecast.not_a_frame", Place(file=name), got=type(table).__name__)
    try:
        converted: pl.DataFrame = pl.from_pandas(table)
    except Exception as refused:  # pyarrow, polars and pandas each refuse with their own classes
        raise BadInput.of("forecast.not_a_frame", Place(file=name), got=type(refused).__name__) from None
    return converted


def _named(day: date | None, freq: str) -> str | None:
    if day is None:
        return None
    return (Period.week(day) if freq == "W" else Period.month(day)).name


def _period(text: str) -> Period | Problem:
    try:
        return Period.parse(text)
    except BadInput as refused:
        only = refused.problems[0]
        return Problem(code=only.code, place=_place("ds"), fields=only.fields)


def _value_problems(frame: pl.DataFrame, *, positive: bool) -> list[Problem]:
    """Name each series with a value that cannot be, and each period that stands twice."""
    value = pl.col("y")
    finite = frame.filter(value.is_null() | ~value.is_finite())
    low = frame.filter(value <= 0 if positive else value < 0)
    twice = frame.group_by("unique_id", "ds").len().filter(pl.col("len") > 1)
    rules = (
        ("forecast.not_finite", finite),
        ("forecast.not_positive" if positive else "forecast.negative", low),
        ("forecast.too_large", frame.filter(value.is_finite() & (value > LARGEST))),
        ("forecast.duplicate", twice),
    )
    return [
        problem(code, _place("ds" if code == "forecast.duplicate" else "y"), series=series, got=period, count=count)
        for code, wrong in rules
        for series, period, count in wrong.group_by("unique_id")
        .agg(pl.col("ds").min(), pl.len().alias("count"))
        .sort("unique_id")
        .iter_rows()
    ]


def _columns(first: Period, last: Period) -> dict[Period, int]:
    """Number the periods from the first of the table to the last."""
    count = (last.first - first.first).days // (7 if first.is_week else 28) + 1
    if count > MAX_PERIODS:
        raise BadInput.of("forecast.too_long", _place("ds"), first=first.name, last=last.name, most=MAX_PERIODS)
    return {period: place for place, period in enumerate(Horizon.of(first, count).periods) if period <= last}


def _place(column: str) -> Place:
    return Place(file=TABLE, column=column)
