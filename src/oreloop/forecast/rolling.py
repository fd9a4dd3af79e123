"""Backtests: the forecast as it would have been made at past origins, against what came."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, get_args

import numpy as np

from oreloop.base.errors import BadInput, problem
from oreloop.forecast.demand import LEVELS, MAX_HORIZON, MAX_SAMPLES, Pool, checked_pool
from oreloop.forecast.drivers import Drivers
from oreloop.forecast.ensemble import Extra
from oreloop.forecast.outlook import How, look_ahead
from oreloop.forecast.panel import (
    MIN_HISTORY,
    Bad,
    Floats,
    Frequency,
    Gaps,
    Panel,
    checked_levels,
    read_panel,
    season_of,
    whole,
)
from oreloop.forecast.ports import Executor, InTurn
from oreloop.forecast.reading import Backtest, Headline
from oreloop.forecast.scores import (
    FINE_LEVELS,
    TOTAL_LEVELS,
    Outcome,
    crps_of_levels,
    mean_known,
    pinball,
    share_between,
    total_scale,
)

__all__ = ["Backtest", "Headline", "Naive", "backtest"]

Naive = Literal["seasonal_naive", "last_value", "average"]
"""What skill is measured against: the same period of the last season, the last value, the mean of all that is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """All that the forecast of one origin needs, and what came after it.

    Args:
        past: what was known; only this is forecast from.
        actual: what came, shape (series, horizon), the series of ``past``.
        levels: quantile levels that are scored.
        how: season, seed and the rest of what a forecast depends on.
        lag: periods to the value that the naive repeats.
        naive: the naive that skill is measured against.
    """

    past: Panel
    actual: Floats
    levels: tuple[float, ...]
    how: How
    lag: int
    naive: Naive


def backtest(
    history: Any,
    horizon: int,
    *,
    origins: int = 6,
    apart: int = 1,
    season: int | None = None,
    freq: Frequency | None = None,
    levels: tuple[float, ...] = LEVELS,
    gaps: Gaps = "error",
    naive: Naive | None = None,
    drivers: Drivers | None = None,
    kernels: tuple[Callable[[Panel, int], Extra], ...] = (),
    pool: Pool = "class",
    samples: int = 500,
    seed: int = 0,
    bad: Bad = "list",
    as_of: date | None = None,
    executor: Executor | None = None,
) -> Backtest:
    """Forecast from past origins, each with only what was known before it, and score against what came.

    Args:
        history: as for `predict`.
        horizon: periods to forecast; every origin has its whole horizon of actuals.
        origins: how many origins are wanted; fewer are made, and noted, where the history is short.
        apart: periods between them.
        season: as for `predict`.
        freq: ``M`` or ``W``.
        levels: quantile levels.
        gaps: what a missing period means.
        naive: what skill is measured against; when not given, the seasonal naive if most forecasts can be made by it,
            else the last value.
        drivers: as for `predict`; at each origin only what was published by then, and no scenario.
        kernels: as for `predict`.
        pool: whose scores correct the bands.
        samples: paths simulated for each series and origin.
        seed: decides the random numbers.
        bad: ``list`` leaves series out that cannot be forecast and names them in ``Backtest.refused``; ``error`` refuses
            the table for them.
        as_of: a period that begins after this day cannot be history.
        executor: what the origins are given to; they are worked on in turn when not given. It changes no result.

    Raises:
        BadInput: as `predict`.

    >>> import polars as pl
    >>> months = [f"{year}-{month:02d}" for year in (2024, 2025) for month in range(1, 13)]
    >>> history = pl.DataFrame({"unique_id": "ir", "ds": months, "y": [30.0, 34.0] * 12})
    >>> headline = backtest(history, 3, origins=2).headline()
    >>> headline.naive, headline.forecasts
    ('seasonal_naive', 6)
    """
    horizon = whole("horizon", horizon, 1, MAX_HORIZON)
    wanted = whole("origins", origins, 1, 1000)
    apart = whole("apart", apart, 1, MAX_HORIZON)
    if naive not in (None, *get_args(Naive)):
        raise BadInput.of("forecast.unknown_choice", name="naive", got=naive, expected=", ".join(get_args(Naive)))
    panel = read_panel(history, freq=freq, gaps=gaps, bad=bad, as_of=as_of)
    season = season_of(panel, season)
    asked = checked_levels(levels)
    how = How(
        season=season,
        seed=whole("seed", seed, 0, 2**31),
        samples=whole("samples", samples, 100, MAX_SAMPLES),
        pool=checked_pool(pool),
        drivers=drivers and drivers.as_published(),
        kernels=kernels,
    )
    ends = [len(panel.horizon) - horizon - apart * number for number in reversed(range(wanted))]
    known = {end: panel.until(end) for end in ends if end - int(panel.start.min()) >= MIN_HISTORY}
    seasonal = _is_seasonal(known, season)
    chosen = naive or ("seasonal_naive" if seasonal else "last_value")
    repeats = seasonal if chosen == "average" else chosen == "seasonal_naive"
    row_of = {name: row for row, name in enumerate(panel.ids)}
    rows = {end: np.array([row_of[name] for name in past.ids], dtype=np.int64) for end, past in known.items()}
    parts = (
        Origin(
            past=past,
            actual=panel.values[rows[end], end : end + horizon],
            levels=asked,
            how=how,
            lag=season if repeats else 1,
            naive=chosen,
        )
        for end, past in known.items()
    )
    made = Outcome.empty(len(panel.ids), len(known), horizon, asked)
    for number, (end, one) in enumerate(zip(known, (executor or InTurn()).map(judge, parts), strict=True)):
        made.take(rows[end], number, one)
    few = (problem("forecast.few_origins", got=len(known), expected=wanted),) if len(known) < wanted else ()
    return Backtest(
        ids=panel.ids,
        periods=panel.horizon.names,
        ends=tuple(known),
        horizon=horizon,
        naive=chosen,
        notes=few,
        refused=panel.refused,
        _outcome=made,
    )


def judge(origin: Origin) -> Outcome:
    """Forecast from one origin, then score; the shapes are those of `Outcome` with one origin."""
    asked, past, steps = origin.levels, origin.past, origin.actual.shape[1]
    fine = tuple(sorted({*asked, *TOTAL_LEVELS, *FINE_LEVELS}))
    said = look_ahead(past, steps, origin.how)
    periods, totals = said.quantiles(np.array(fine)), said.sums(np.array(fine), np.full(len(past.ids), steps))
    own, of_loss = ([fine.index(level) for level in levels] for levels in (asked, TOTAL_LEVELS))
    came = origin.actual.sum(axis=1)
    made = Outcome.empty(len(past.ids), 1, steps, asked)
    made.actual[:, 0], made.mean[:, 0], made.naive[:, 0] = origin.actual, said.mean, _naive(origin)
    made.crps[:, 0] = crps_of_levels(pinball(periods, origin.actual, fine), fine)
    made.quantiles[:, 0], made.total[:, 0] = periods[..., own], totals[:, own]
    for band, (low, high) in enumerate((asked[low], asked[high]) for low, high in made.bands):
        made.inside[:, 0, :, band] = share_between(periods, origin.actual, fine, low, high)
        made.total_inside[:, 0, band] = share_between(totals, came, fine, low, high)
    loss = 2.0 * pinball(totals[:, of_loss], came, TOTAL_LEVELS).mean(axis=1)
    made.total_loss[:, 0] = loss / total_scale(past.values, past.start, steps)
    made.scale[:, 0], made.square[:, 0] = _scale(past, origin.lag), _square(past)
    made.classes[:, 0] = said.classes
    return made


def _is_seasonal(known: dict[int, Panel], season: int) -> bool:
    """Say whether most forecasts can be made by repeating the last season."""
    length = np.concatenate([np.zeros(0), *(end - past.start for end, past in known.items())])
    return season > 1 and 2 * int((length > season).sum()) > len(length)


def _naive(origin: Origin) -> Floats:
    """Give the naive forecast, shape (series, horizon); NaN where a series does not reach back far enough."""
    values, steps = origin.past.values, origin.actual.shape[1]
    if origin.naive == "average":
        return np.repeat(mean_known(values, 1)[:, None], steps, axis=1)
    end = values.shape[1]
    if origin.lag > end:
        return np.full((len(values), steps), np.nan)
    return values[:, end - origin.lag + np.arange(steps) % origin.lag]


def _scale(past: Panel, lag: int) -> Floats:
    """Give the in-sample mean absolute error of the naive with this lag (Hyndman and Koehler 2006), NaN for none."""
    return _above_zero(mean_known(np.abs(past.values[:, lag:] - past.values[:, :-lag]), 1))


def _square(past: Panel) -> Floats:
    """Give the mean squared change from a period to the next, from the first demand on (Makridakis et al. 2022)."""
    change = (past.values[:, 1:] - past.values[:, :-1]) ** 2
    begun = np.cumsum(past.values > 0.0, axis=1)[:, :-1] > 0
    return _above_zero(mean_known(np.where(begun, change, np.nan), 1))


def _above_zero(scale: Floats) -> Floats:
    """A series that never changed has no scale."""
    return np.where(scale > 0.0, scale, np.nan)
