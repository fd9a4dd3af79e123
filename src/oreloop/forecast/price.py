"""Price forecasts: where a random walk may go, as wide as the market is restless now."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from oreloop.forecast.calibrate import corrected_levels, pit, sample_quantiles
from oreloop.forecast.demand import LEVELS, MAX_HORIZON, MAX_SAMPLES, Pool, checked_pool, long_frame
from oreloop.forecast.draws import Draws, block_places, draws
from oreloop.forecast.panel import MIN_HISTORY, Floats, Frequency, Ints, checked_levels, read_panel, whole

DECAY = 0.97
"""Weight of the past in the running variance: RiskMetrics Technical Document (1996), monthly data."""
_ORIGINS = 24
_SAMPLES = 200


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PriceForecast:
    """Prices to come, in the unit of the history.

    Args:
        ids: series, sorted.
        periods: names of the coming periods.
        mean: ``unique_id, ds, mean``: the centre, which is the last price moved on by what drift can be told from none.
        quantiles: ``unique_id, ds, level, value``, above zero.
    """

    ids: tuple[str, ...]
    periods: tuple[str, ...]
    mean: pl.DataFrame
    quantiles: pl.DataFrame
    _paths: Floats = field(repr=False)

    def paths(self, count: int) -> Floats:
        """Give sample paths as simulated, shape (series, count, horizon), series in the order of ``ids``.

        Raises:
            BadInput: ``forecast.range`` when more are asked for than were simulated.
        """
        count = whole("count", count, 1, self._paths.shape[2])
        return np.ascontiguousarray(np.swapaxes(self._paths[:, :, :count], 1, 2))


def predict_price(
    history: Any,
    horizon: int,
    *,
    freq: Frequency | None = None,
    levels: tuple[float, ...] = LEVELS,
    pool: Pool = "class",
    samples: int = 500,
    seed: int = 0,
) -> PriceForecast:
    """Forecast prices.

    The centre is a random walk on log prices; its drift is the mean log change times ``max(0, 1 - 1 / t^2)``, ``t`` being
    the mean over its standard error (positive-part James and Stein 1961), so that a drift within its noise is none. The
    width is filtered historical simulation (Barone-Adesi, Giannopoulos and Vosper 1999): past changes over their running
    standard deviation, drawn in blocks and scaled by the running one, then corrected as demand bands are.

    Args:
        history: polars or pandas, long: ``unique_id``, ``ds``, ``y`` (price, above zero, no gaps).
        horizon: periods to forecast.
        freq: ``M`` or ``W``; read from the period names when not given.
        levels: quantile levels.
        pool: whether bands are corrected by the scores of all series (``class``: prices are one) or of each ``series``.
        samples: paths simulated for each series.
        seed: together with the name of a series, decides its random numbers.

    Raises:
        BadInput: every problem of the table, each with its series.

    >>> months = [f"2025-{month:02d}" for month in range(1, 13)]
    >>> predict_price(pl.DataFrame({"unique_id": "ir", "ds": months, "y": 4810.0}), 1).mean.rows()
    [('ir', '2026-01', 4810.0)]
    """
    horizon = whole("horizon", horizon, 1, MAX_HORIZON)
    panel = read_panel(history, freq=freq, gaps="error", positive=True)
    asked, shared = checked_levels(levels), checked_pool(pool)
    seed, samples = whole("seed", seed, 0, 2**31), whole("samples", samples, 100, MAX_SAMPLES)
    own = draws(seed, panel.ids, samples=samples, horizon=horizon, origins=_ORIGINS)
    logs = np.log(panel.values)
    scores = _past_scores(logs, panel.start, own)
    centre, moves = _walk(logs, panel.start, own)
    one_class = np.zeros(len(panel.ids), dtype=np.int64)
    read = corrected_levels(np.array(asked), scores, one_class, shared)
    # moves are relative to the last price, so that a price that never moved comes out to the last bit
    last = panel.values[:, -1, None]
    periods = panel.following(horizon)
    return PriceForecast(
        ids=panel.ids,
        periods=periods,
        mean=long_frame({"unique_id": panel.ids, "ds": periods}, "mean", last * np.exp(centre)),
        quantiles=long_frame(
            {"unique_id": panel.ids, "ds": periods, "level": asked},
            "value",
            last[:, :, None] * np.exp(sample_quantiles(moves, read)),
        ),
        _paths=last[:, :, None] * np.exp(moves),
    )


def _past_scores(logs: Floats, start: Ints, own: Draws) -> Floats:
    """Say where actuals fell in the bands of past origins, one period apart."""
    end, steps = logs.shape[1], own.place.shape[1]
    few = own.first(_SAMPLES)
    scores = np.full((len(logs), _ORIGINS, steps), np.nan)
    for number in range(_ORIGINS):
        origin = end - steps - number
        ready = np.flatnonzero(origin - start >= 2 * MIN_HISTORY)
        if len(ready):
            mine = Draws(place=few.place[ready], restart=few.restart[ready], tie=few.tie[ready])
            moves = _walk(logs[ready, :origin], start[ready], mine)[1]
            actual = logs[ready, origin : origin + steps] - logs[ready, origin - 1, None]
            scores[ready, number] = pit(moves, actual, mine.tie[:, number])
    return scores


def _walk(logs: Floats, start: Ints, own: Draws) -> tuple[Floats, Floats]:
    """Simulate log moves from the last price: centre (series, horizon) and paths (series, horizon, samples)."""
    changes = np.diff(logs, axis=1)
    live = ~np.isnan(changes)
    count = live.sum(axis=1)
    drift = (logs[:, -1] - logs[np.arange(len(logs)), start]) / count
    changes = np.where(live, changes - drift[:, None], 0.0)
    mean_square = (changes * changes).sum(axis=1) / count
    drift = drift * _told_from_none(drift, mean_square / count)
    variance, scaled = mean_square, np.zeros(changes.shape)
    for column in range(changes.shape[1]):
        change = changes[:, column]
        scaled[:, column] = change / _deviation(variance)
        variance = np.where(live[:, column], DECAY * variance + (1.0 - DECAY) * change**2, variance)
    places = block_places(own, start, changes.shape[1])
    steps = places.shape[1]
    shocks = np.take_along_axis(scaled, places.reshape(len(places), -1), axis=1).reshape(places.shape)
    now, restless = np.zeros(shocks[:, 0].shape), np.repeat(variance[:, None], places.shape[2], axis=1)
    moves = np.empty(shocks.shape)
    for step in range(steps):
        shock = np.sqrt(restless) * shocks[:, step]
        restless = DECAY * restless + (1.0 - DECAY) * shock**2
        now = now + drift[:, None] + shock
        moves[:, step] = now
    return drift[:, None] * np.arange(1.0, steps + 1.0), moves


def _told_from_none(drift: Floats, error_square: Floats) -> Floats:
    """Shrink: one less the squared standard error over the squared drift, not below zero."""
    square = drift**2
    return np.maximum(0.0, 1.0 - np.divide(error_square, square, out=np.ones(len(drift)), where=square > 0.0))


def _deviation(variance: Floats) -> Floats:
    """Give the standard deviation; one for a price that never moved, whose changes are zero anyway."""
    return np.where(variance > 0.0, np.sqrt(variance), 1.0)
