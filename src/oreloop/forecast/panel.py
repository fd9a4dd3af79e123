"""Reads a history table into one array: series down, periods across, every series ending in the same period.

What is wrong with the table as a whole is refused. What is wrong with a series refuses that series, by name, and leaves
the others as they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
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
Bad = Literal["list", "error"]

MIN_HISTORY = 4
"""Periods below which a series is refused: two points fit any line, and a third cannot tell noise from trend."""
MAX_PERIODS = 5000
"""Periods above which a table is refused: a mistyped year would otherwise ask for an array of centuries."""
YEARS = range(1900, 2200)
"""Years in which a period may lie."""
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
        refused: what was wrong with the series that are not here, each problem with the field ``series``.

    >>> months = Horizon.of(Period.parse("2026-01"), 5)
    >>> panel = Panel.of(("a", "b"), months, np.array([[3.0, 0.0, 4.0, 0.0, 1.0], [np.nan, 1.0, 1.0, 1.0, 1.0]]))
    >>> panel.start.tolist(), panel.following(1)
    ([0, 1], ('2026-06',))
    """

    ids: tuple[str, ...]
    horizon: Horizon
    values: Floats
    start: Ints
    frequency: Frequency
    refused: tuple[Problem, ...] = ()

    @classmethod
    def of(cls, ids: tuple[str, ...], horizon: Horizon, values: Floats) -> Panel:
        """Take an array that is known to be right: a million series need not pass through a table.

        Args:
            ids: names of the series, sorted, none twice.
            horizon: the periods of the columns.
            values: shape (series, periods), finite and not negative; NaN before a series begins, never after.
        """
        start = np.asarray(np.argmax(~np.isnan(values), axis=1), dtype=np.int64)
        frequency: Frequency = "W" if horizon.periods[0].kind == "week" else "M"
        return cls(ids=ids, horizon=horizon, values=values, start=start, frequency=frequency)

    def rows(self, chosen: Ints) -> Panel:
        """Give some of the series, shape (chosen,) rows, in their order."""
        return replace(
            self,
            ids=tuple(self.ids[row] for row in chosen),
            values=self.values[chosen],
            start=self.start[chosen],
        )

    def until(self, column: int) -> Panel:
        """Give what was known before a column; series that had not reached `MIN_HISTORY` periods are left out."""
        kept = self.rows(np.flatnonzero(column - self.start >= MIN_HISTORY))
        return replace(kept, horizon=Horizon(self.horizon.periods[:column]), values=kept.values[:, :column])

    def following(self, count: int) -> tuple[str, ...]:
        """Name the ``count`` periods after the last one."""
        return Horizon.of(self.horizon.periods[-1].following(), count).names


def read_panel(
    history: Any, *, freq: str | None, gaps: str, positive: bool = False, bad: str = "error", as_of: date | None = None
) -> Panel:
    """Read a long table (``unique_id``, ``ds``, ``y``), polars or pandas, in any row order.

    Args:
        history: ``ds`` holds period names (``2026-01``, ``2026-W03``), or dates when ``freq`` says which period they
            stand for. A panel is given back as it is.
        freq: ``M`` or ``W``; when not given, what most of the rows are.
        gaps: a period missing inside a series, or between its last period and the last of the table, is an error, or
            zero demand (``zero``).
        positive: prices: values must be above zero rather than at least zero.
        bad: ``list`` leaves series out that cannot be forecast and lists why in ``Panel.refused``; ``error`` refuses
            the table for them.
        as_of: a period that begins after this day cannot be history; None to accept all.

    Raises:
        BadInput: what is wrong with the table; every series' problem, with its name, when ``bad`` is ``error`` or when
            no series is left (``forecast.*``).
    """
    if isinstance(history, Panel):
        return history
    choices = (("freq", freq, (None, "M", "W")), ("gaps", gaps, ("error", "zero")), ("bad", bad, ("list", "error")))
    for name, got, known in choices:
        if got not in known:
            raise BadInput.of("forecast.unknown_choice", name=name, got=got, expected=", ".join(filter(None, known)))
    frame = _long(history, freq)
    periods = {text: _period(text) for text in frame["ds"].unique().sort()}
    found = _period_problems(frame, periods, freq, as_of) + _value_problems(frame, positive=positive)
    frame = _without(frame, found)
    there = [each for text in frame["ds"].unique() if (each := periods[text]) is not None]
    column = _columns(min(there), max(there))
    names = tuple(each.name for each in column)
    ids = tuple(frame["unique_id"].unique().sort())
    values = np.full((len(ids), len(column)), np.nan)
    row = frame["unique_id"].replace_strict({unique: place for place, unique in enumerate(ids)}).to_numpy()
    place_of = {text: column[each] for text, each in periods.items() if each in column}
    values[row, frame["ds"].replace_strict(place_of).to_numpy()] = frame["y"].to_numpy()
    panel = Panel.of(ids, Horizon(tuple(column)), values)
    inside = np.isnan(values) & (np.arange(len(column)) >= panel.start[:, None])
    if gaps == "zero":
        values[inside] = 0.0
    length = len(column) - panel.start
    late = [
        problem("forecast.gap", _place("ds"), series=ids[place], got=names[int(np.argmax(inside[place]))])
        for place in (np.flatnonzero(inside.any(axis=1)) if gaps == "error" else ())
    ] + [
        problem("forecast.too_short", _place("y"), series=ids[place], got=length[place], expected=MIN_HISTORY)
        for place in np.flatnonzero(length < MIN_HISTORY)
    ]
    wrong = {each.fields["series"] for each in late}
    kept = np.array([place for place, each in enumerate(ids) if each not in wrong], dtype=np.int64)
    found += late
    if found and (bad == "error" or not len(kept)):
        raise BadInput(found)
    return replace(panel.rows(kept) if wrong else panel, refused=tuple(found))


def _without(frame: pl.DataFrame, found: list[Problem]) -> pl.DataFrame:
    """Leave out the series that have problems; when none is left, that is an error whatever was asked for."""
    if not found:
        return frame
    wrong = {each.fields["series"] for each in found}
    left = frame.filter(~pl.col("unique_id").is_in(wrong))
    if left.is_empty():
        raise BadInput(found)
    return left


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
    if found := absent_columns(frame, TABLE, ("unique_id", "ds", "y")):
        raise BadInput(found)
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


def absent_columns(frame: pl.DataFrame, name: str, columns: Iterable[str]) -> list[Problem]:
    """List the columns that a table should have and has not, each as ``forecast.no_column``.

    >>> [each.place.column for each in absent_columns(pl.DataFrame({"ds": ["2026-01"]}), "history", ("ds", "y"))]
    ['y']
    """
    there = ", ".join(frame.columns)
    return [
        problem("forecast.no_column", Place(file=name, column=column), got=there)
        for column in columns
        if column not in frame.columns
    ]


def _named(day: date | None, freq: str) -> str | None:
    if day is None:
        return None
    return (Period.week(day) if freq == "W" else Period.month(day)).name


def _period(text: str) -> Period | None:
    """Read a month or a week, or give None for what is none, or lies in no year of ours."""
    try:
        period = Period.parse(text)
    except BadInput:
        return None
    return period if period.kind in ("month", "week") and period.first.year in YEARS else None


def _period_problems(
    frame: pl.DataFrame, periods: dict[str, Period | None], freq: str | None, as_of: date | None
) -> list[Problem]:
    """Name each series with a period that cannot be read, is of another kind than most, or is yet to come."""
    kinds = {text: None if each is None else "W" if each.kind == "week" else "M" for text, each in periods.items()}
    kind = frame["ds"].replace_strict(kinds, return_dtype=pl.String)
    most = (
        freq or kind.drop_nulls().value_counts(sort=True).sort(["count", "ds"], descending=[True, False])["ds"].first()
    )
    future = [text for text, each in periods.items() if as_of and each is not None and each.first > as_of]
    rules = (
        ("forecast.not_a_period", kind.is_null()),
        ("forecast.mixed_periods", kind.is_not_null() & (kind != (most or ""))),
        ("forecast.future", frame["ds"].is_in(future)),
    )
    return [each for code, wrong in rules for each in _by_series(code, "ds", frame.filter(wrong))]


def _value_problems(frame: pl.DataFrame, *, positive: bool) -> list[Problem]:
    """Name each series with a value that cannot be, and each period that stands twice."""
    value = pl.col("y")
    rules = (
        ("forecast.not_finite", value.is_null() | ~value.is_finite()),
        ("forecast.not_positive" if positive else "forecast.negative", value <= 0 if positive else value < 0),
        ("forecast.too_large", value.is_finite() & (value > LARGEST)),
    )
    found = [each for code, wrong in rules for each in _by_series(code, "y", frame.filter(wrong))]
    twice = frame.group_by("unique_id", "ds").len().filter(pl.col("len") > 1)
    return found + _by_series("forecast.duplicate", "ds", twice)


def _by_series(code: str, column: str, wrong: pl.DataFrame) -> list[Problem]:
    """Make one problem for each series, with the first period it concerns and how many there are."""
    return [
        problem(code, _place(column), series=series, got=period, count=count)
        for series, period, count in wrong.group_by("unique_id")
        .agg(pl.col("ds").min(), pl.len().alias("count"))
        .sort("unique_id")
        .iter_rows()
    ]


def _columns(first: Period, last: Period) -> dict[Period, int]:
    """Number the periods from the first of the table to the last."""
    count = (last.first - first.first).days // (7 if first.kind == "week" else 28) + 1
    if count > MAX_PERIODS:
        raise BadInput.of("forecast.too_long", _place("ds"), first=first.name, last=last.name, most=MAX_PERIODS)
    return {period: place for place, period in enumerate(Horizon.of(first, count).periods) if period <= last}


def _place(column: str) -> Place:
    return Place(file=TABLE, column=column)
