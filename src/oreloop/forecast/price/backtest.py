"""How far to believe a price forecast: every past origin, beside random walks with and without drift."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from oreloop.base.errors import BadInput, Place
from oreloop.forecast.calibrate import sample_quantiles
from oreloop.forecast.demand import LEVELS, MAX_HORIZON, MAX_SAMPLES, Pool, checked_pool
from oreloop.forecast.draws import draws
from oreloop.forecast.panel import MIN_HISTORY, Floats, Frequency, Ints, checked_levels, read_panel, whole
from oreloop.forecast.price.market import MODELS, admitted, observe
from oreloop.forecast.price.walk import simulate
from oreloop.forecast.scores import bands_of, inside, mean_known, pinball


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PriceBacktest:
    """Scores of the last period of the horizon, over all origins.

    Args:
        scores: ``unique_id, origins, pinball`` (mean over levels, unit of the history), ``drifted_walk, walk`` (theirs),
            ``ratio`` (ours over the drifted walk's), ``average, momentum`` (share of origins at which each moved the centre).
        coverage: ``unique_id, band, share``: of actuals inside each central band, ends included.
        horizon: periods.
    """

    scores: pl.DataFrame
    coverage: pl.DataFrame
    horizon: int
    _quantiles: Floats = field(repr=False)

    def quantiles(self) -> Floats:
        """Give what was said of the last period, shape (series, origins, levels); NaN where a series was too young."""
        return self._quantiles


def backtest_price(
    history: Any,
    horizon: int,
    *,
    origins: int = 240,
    freq: Frequency | None = None,
    levels: tuple[float, ...] = LEVELS,
    pool: Pool = "series",
    samples: int = 2000,
    seed: int = 0,
) -> PriceBacktest:
    """Forecast from the last origins, one period apart, each with only what was known then, and score what came.

    The drifted random walk is ``log last + horizon * mean change + normal quantile * sqrt(horizon) * standard deviation of
    changes``, mean and deviation over the history known at the origin; the walk has no drift.

    Args:
        history: as for `predict_price`.
        horizon: periods ahead that are scored.
        origins: how many, the last one ``horizon`` periods before the end; fewer where the history is short.
        freq: ``M`` or ``W``.
        levels: quantile levels.
        pool: as for `predict_price`.
        samples: paths simulated for each series and origin.
        seed: decides the random numbers.

    Raises:
        BadInput: as `predict_price`; ``forecast.history_for_backtest`` when no series has an origin.
    """
    horizon, wanted = whole("horizon", horizon, 1, MAX_HORIZON), whole("origins", origins, 1, 1000)
    panel = read_panel(history, freq=freq, gaps="error", positive=True)
    asked, pooled = checked_levels(levels), checked_pool(pool) == "class"
    seed, samples = whole("seed", seed, 0, 2**31), whole("samples", samples, 100, MAX_SAMPLES)
    values, logs = panel.values, np.log(panel.values)
    final = values.shape[1] - horizon
    begin = max(final - wanted, int(panel.start.min()) + MIN_HISTORY - 1)
    if begin >= final:
        raise BadInput.of("forecast.history_for_backtest", Place(file="history"), horizon=horizon, least=MIN_HISTORY)
    columns = np.arange(begin, final)  # of the last known price
    own = draws(seed, panel.ids, samples=samples, horizon=horizon, origins=0)
    market = observe(logs, panel.start)
    shares = admitted(market, logs, horizon)
    said = np.empty((len(panel.ids), len(columns), len(asked)))
    read = np.broadcast_to(asked, (len(panel.ids), 1, len(asked)))
    for place, column in enumerate(columns):
        ready = np.flatnonzero(panel.start <= column - MIN_HISTORY + 1)
        said[:, place] = np.nan
        moves = simulate(market.of(ready), shares[ready], int(column) - 1, own.rows(ready), pooled=pooled)
        said[ready, place] = sample_quantiles(moves[:, -1:], read[ready])[:, 0]
    last, actual = values[:, columns], values[:, columns + horizon]
    said = last[..., None] * np.exp(said)
    known = ~np.isnan(said[..., 0])
    actual = np.where(known, actual, np.nan)
    losses = {
        name: mean_known(pinball(each, actual, asked).mean(axis=2), 1)
        for name, each in (("pinball", said), *_walks(logs, columns, horizon, asked).items())
    }
    bands = bands_of(asked)
    held = [mean_known(inside(said[..., low], actual, said[..., high]), 1) for low, high in bands]
    return PriceBacktest(
        scores=pl.DataFrame({"unique_id": panel.ids, "origins": known.sum(axis=1), **losses}).with_columns(
            ratio=pl.col("pinball") / pl.col("drifted_walk"),
            **{
                name: pl.Series(mean_known(np.where(known, shares[:, columns - 1, place] > 0.0, np.nan), 1))
                for place, name in enumerate(MODELS)
            },
        ),
        coverage=pl.DataFrame(
            {
                "unique_id": [name for _ in bands for name in panel.ids],
                "band": [round(asked[high] - asked[low], 10) for low, high in bands for _ in panel.ids],
                "share": np.concatenate(held) if held else [],
            },
            schema={"unique_id": pl.String, "band": pl.Float64, "share": pl.Float64},
        ).sort("unique_id", "band"),
        horizon=horizon,
        _quantiles=said,
    )


def _walks(logs: Floats, columns: Ints, horizon: int, levels: tuple[float, ...]) -> dict[str, Floats]:
    """Give quantiles of the normal random walks, shape (series, origins, levels), in the unit of the history."""
    from scipy.special import ndtri

    changes = np.diff(logs, axis=1)
    live = ~np.isnan(changes)
    count = np.maximum(np.cumsum(live, axis=1), 1)
    filled = np.where(live, changes, 0.0)
    mean = np.cumsum(filled, axis=1) / count
    spread = np.sqrt(np.maximum(np.cumsum(filled**2, axis=1) / count - mean**2, 0.0))
    drift, width = mean[:, columns - 1], spread[:, columns - 1] * np.sqrt(horizon)
    centred = logs[:, columns, None] + width[..., None] * ndtri(np.array(levels))
    return {"drifted_walk": np.exp(centred + horizon * drift[..., None]), "walk": np.exp(centred)}
