"""Backtests: the forecast as it would have been made at past origins, against what came."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from oreloop.base.errors import BadInput, Problem, problem
from oreloop.forecast.calibrate import share_inside
from oreloop.forecast.demand import LEVELS, MAX_HORIZON, MAX_SAMPLES, Pool, checked_pool, long_frame
from oreloop.forecast.ensemble import Ensemble, combine
from oreloop.forecast.panel import (
    MIN_HISTORY,
    Floats,
    Frequency,
    Gaps,
    Ints,
    Panel,
    checked_levels,
    read_panel,
    season_of,
    whole,
)
from oreloop.forecast.scores import Outcome, bands_of, crps_of_levels, inside, mean_known, measures, pinball, ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """What one may say of a forecast in one line.

    Args:
        level: share that the band promises to hold.
        coverage: share of actuals that it held, ends included; None without forecasts.
        coverage_split: the same with ties split, which is the fair figure for demand that is mostly zero.
        horizon: periods.
        wape: sum of absolute errors of the mean over sum of demand; None without demand.
        naive: ``seasonal_naive`` or ``last_value``, label ``forecast.naive.<name>``.
        skill: 1 less our absolute error over the naive's; above 0 is better than it; None where the naive never erred.
        forecasts: how many (series, origin, period) the figures rest on.
        origins: how many origins.
    """

    level: float
    coverage: float | None
    coverage_split: float | None
    horizon: int
    wape: float | None
    naive: str
    skill: float | None
    forecasts: int
    origins: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Backtest:
    """Rolling-origin results.

    Args:
        forecasts: ``unique_id, origin, ds, step, actual, mean, naive``; ``origin`` is the last period that was known.
        scores: ``unique_id, step, level, metric, value``; ``step`` null = over all periods of the horizon, ``level``
            null where the metric has none, ``value`` null where it is not defined. Metrics: `oreloop.forecast.scores`.
        skill: ``metric, naive, value``: 1 less our error over the naive's, for ``mae``, ``rmse`` and ``crps``.
        notes: what limits the figures, as problems to be shown, e.g. ``forecast.few_origins``.
        naive: name of the naive.
        origins: how many origins there are.
        horizon: periods.
    """

    forecasts: pl.DataFrame
    scores: pl.DataFrame
    skill: pl.DataFrame
    notes: tuple[Problem, ...]
    naive: str
    origins: int
    horizon: int
    _outcome: Outcome = field(repr=False)

    def headline(self, level: float = 0.9) -> Headline:
        """Sum up over all series, origins and periods.

        Raises:
            BadInput: ``forecast.no_band`` when the levels of the backtest hold no central band of this share.
        """
        shares = self._outcome.band_levels
        if level not in shares:
            expected = ", ".join(map(str, shares)) or "-"
            raise BadInput.of("forecast.no_band", got=level, expected=expected)
        band = shares.index(level)
        low, high = self._outcome.bands[band]
        actual, quantiles = self._outcome.actual, self._outcome.quantiles
        error = np.asarray(np.nansum(np.abs(self._outcome.mean - actual)))
        naive = np.asarray(np.nansum(np.abs(self._outcome.naive - actual)))
        return Headline(
            level=level,
            coverage=_known(mean_known(inside(quantiles[..., low], actual, quantiles[..., high]), (0, 1, 2))),
            coverage_split=_known(mean_known(self._outcome.inside[..., band], (0, 1, 2))),
            horizon=self.horizon,
            wape=_known(ratio(error, np.asarray(np.nansum(actual)))),
            naive=self.naive,
            skill=_known(1.0 - ratio(error, naive)),
            forecasts=int(np.isfinite(actual).sum()),
            origins=self.origins,
        )


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
    pool: Pool = "class",
    samples: int = 500,
    seed: int = 0,
) -> Backtest:
    """Forecast from past origins, each with only what was known before it, and score against what came.

    Args:
        history: as for `predict`.
        horizon: periods to forecast; every origin has its whole horizon of actuals.
        origins: how many origins are wanted; fewer are made, and noted, where the history is short.
        apart: periods between them.
        season: as for `predict`, like all that follow.
        freq: ``M`` or ``W``.
        levels: quantile levels.
        gaps: what a missing period means.
        pool: whose scores correct the bands.
        samples: paths simulated for each series and origin.
        seed: decides the random numbers.

    Raises:
        BadInput: as `predict`.

    >>> months = [f"{year}-{month:02d}" for year in (2024, 2025) for month in range(1, 13)]
    >>> history = pl.DataFrame({"unique_id": "ir", "ds": months, "y": [30.0, 34.0] * 12})
    >>> headline = backtest(history, 3, origins=2).headline()
    >>> headline.naive, headline.forecasts
    ('seasonal_naive', 6)
    """
    horizon = whole("horizon", horizon, 1, MAX_HORIZON)
    wanted = whole("origins", origins, 1, 1000)
    apart = whole("apart", apart, 1, MAX_HORIZON)
    panel = read_panel(history, freq=freq, gaps=gaps)
    cycle = season_of(panel, season)
    asked = checked_levels(levels)
    pool_name = checked_pool(pool)
    seed, samples = whole("seed", seed, 0, 2**31), whole("samples", samples, 100, MAX_SAMPLES)
    end = len(panel.horizon)
    places = [end - horizon - apart * number for number in reversed(range(wanted))]
    known = [(place, panel.until(place)) for place in places if place - int(panel.start.min()) >= MIN_HISTORY]
    shortest = min((int((place - past.start).min()) for place, past in known), default=0)
    lag, naive = (cycle, "seasonal_naive") if 1 < cycle < shortest else (1, "last_value")
    made = _empty(len(panel.ids), len(known), horizon, asked)
    row_of = {name: row for row, name in enumerate(panel.ids)}
    for number, (place, past) in enumerate(known):
        rows = np.array([row_of[name] for name in past.ids])
        ensemble = combine(past, horizon, season=cycle, seed=seed, samples=samples, pool=pool_name)
        _record(made, rows, number, past, ensemble, panel.values[rows, place : place + horizon], lag)
    notes = () if len(known) == wanted else (problem("forecast.few_origins", got=len(known), expected=wanted),)
    return Backtest(
        forecasts=_forecasts(made, panel, [place for place, _ in known], horizon),
        scores=_scores(made, panel.ids),
        skill=_skill(made, naive),
        notes=notes,
        naive=naive,
        origins=len(known),
        horizon=horizon,
        _outcome=made,
    )


def _empty(series: int, origins: int, horizon: int, levels: tuple[float, ...]) -> Outcome:
    bands = bands_of(levels)

    def absent(*shape: int) -> Floats:
        return np.full((series, origins, *shape), np.nan)

    return Outcome(
        actual=absent(horizon),
        mean=absent(horizon),
        naive=absent(horizon),
        quantiles=absent(horizon, len(levels)),
        inside=absent(horizon, len(bands)),
        total=absent(len(levels)),
        total_inside=absent(len(bands)),
        scale=absent(),
        square=absent(),
        levels=levels,
        bands=bands,
    )


def _record(made: Outcome, rows: Ints, number: int, past: Panel, ensemble: Ensemble, actual: Floats, lag: int) -> None:
    """Write down one origin."""
    levels = np.array(made.levels)
    made.actual[rows, number], made.mean[rows, number] = actual, ensemble.mean
    made.naive[rows, number] = past.values[:, len(past.horizon) - lag + np.arange(actual.shape[1]) % lag]
    change = past.values[:, lag:] - past.values[:, :-lag]
    scale, square = mean_known(np.abs(change), 1), mean_known(change**2, 1)
    made.scale[rows, number] = np.where(scale > 0.0, scale, np.nan)
    made.square[rows, number] = np.where(square > 0.0, square, np.nan)
    made.quantiles[rows, number] = ensemble.quantiles(levels)
    made.total[rows, number] = ensemble.sum_quantiles(levels)[:, -1]
    read, read_sum = ensemble.period_levels(levels), ensemble.sum_levels(levels)[:, -1:]
    sums, came = ensemble.paths.sum(axis=1, keepdims=True), actual.sum(axis=1, keepdims=True)
    for band, (low, high) in enumerate(made.bands):
        made.inside[rows, number, :, band] = share_inside(ensemble.paths, actual, read[..., low], read[..., high])
        made.total_inside[rows, number, band] = share_inside(sums, came, read_sum[..., low], read_sum[..., high])[:, 0]


def _forecasts(made: Outcome, panel: Panel, places: list[int], horizon: int) -> pl.DataFrame:
    names = panel.horizon.names
    steps = tuple(range(1, horizon + 1))
    axes: dict[str, tuple[Any, ...]] = {"unique_id": panel.ids, "place": tuple(places), "step": steps}
    frame = long_frame(axes, "actual", made.actual).with_columns(
        mean=pl.Series(made.mean.ravel()), naive=pl.Series(made.naive.ravel())
    )
    period = pl.Series("names", names)
    place = frame["place"].cast(pl.Int64)
    return (
        frame.with_columns(
            origin=period.gather(place - 1),
            ds=period.gather(place + frame["step"].cast(pl.Int64) - 1),
        )
        .filter(pl.col("actual").is_not_nan())
        .select("unique_id", "origin", "ds", "step", "actual", "mean", "naive")
    )


def _scores(made: Outcome, ids: tuple[str, ...]) -> pl.DataFrame:
    parts = []
    for metric, level, values in measures(made):
        steps: tuple[int | None, ...] = (None,) if values.ndim == 1 else tuple(range(1, values.shape[1] + 1))
        part = long_frame({"unique_id": ids, "step": steps}, "value", values)
        parts.append(
            part.select(
                "unique_id",
                pl.col("step").cast(pl.Int64),
                pl.lit(level, dtype=pl.Float64).alias("level"),
                pl.lit(metric).alias("metric"),
                pl.col("value").fill_nan(None),
            )
        )
    return pl.concat(parts)


def _skill(made: Outcome, naive: str) -> pl.DataFrame:
    ours, theirs = made.mean - made.actual, made.naive - made.actual
    losses = crps_of_levels(pinball(made.quantiles, made.actual, made.levels), made.levels)
    # the CRPS of a forecast that names one value is its absolute error
    pairs = {
        "mae": (np.abs(ours), np.abs(theirs)),
        "rmse": (ours**2, theirs**2),
        "crps": (losses, np.abs(theirs)),
    }
    values = {}
    for metric, (mine, other) in pairs.items():
        share = ratio(np.asarray(np.nansum(mine)), np.asarray(np.nansum(other)))
        values[metric] = _known(1.0 - (np.sqrt(share) if metric == "rmse" else share))
    return pl.DataFrame(
        {"metric": list(values), "naive": [naive] * len(values), "value": list(values.values())},
        schema={"metric": pl.String, "naive": pl.String, "value": pl.Float64},
    )


def _known(value: Any) -> float | None:
    return None if np.isnan(value) else float(value)
