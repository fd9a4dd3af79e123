"""Price forecasts: the last price, moved on by what past origins bear out, in bands from past shocks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from oreloop.forecast.calibrate import sample_quantiles
from oreloop.forecast.demand import LEVELS, MAX_HORIZON, MAX_SAMPLES, Pool, checked_pool, long_frame
from oreloop.forecast.draws import draws
from oreloop.forecast.panel import Floats, Frequency, checked_levels, read_panel, whole
from oreloop.forecast.price.market import MODELS, admitted, observe
from oreloop.forecast.price.walk import centre, simulate


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PriceForecast:
    """Prices to come, in the unit of the history.

    Args:
        ids: series, sorted.
        periods: names of the coming periods.
        mean: ``unique_id, ds, mean``: the centre; half the paths lie on each side of it.
        quantiles: ``unique_id, ds, level, value``, above zero.
    """

    ids: tuple[str, ...]
    periods: tuple[str, ...]
    mean: pl.DataFrame
    quantiles: pl.DataFrame
    _paths: Floats = field(repr=False)
    _explained: pl.DataFrame = field(repr=False)

    def paths(self, count: int) -> Floats:
        """Give sample paths as simulated, shape (series, count, horizon), series in the order of ``ids``.

        Paths 0 and 1, 2 and 3, and so on mirror each other about the centre.

        Raises:
            BadInput: ``forecast.range`` when more are asked for than were simulated.
        """
        count = whole("count", count, 1, self._paths.shape[2])
        return np.ascontiguousarray(np.swapaxes(self._paths[:, :, :count], 1, 2))

    def explain(self) -> pl.DataFrame:
        """Say what the forecast is made of.

        Returns:
            ``unique_id, last, centre, drift, average, momentum, volatility, long_run``: last price and the centre of the
            last period; log drift a period (0 = not told from none); weight of each model in the centre (0 = did not beat
            the random walk on past origins); standard deviation of log changes a period now and in the long run.
        """
        return self._explained


def predict_price(
    history: Any,
    horizon: int,
    *,
    freq: Frequency | None = None,
    levels: tuple[float, ...] = LEVELS,
    pool: Pool = "series",
    samples: int = 2000,
    seed: int = 0,
) -> PriceForecast:
    """Forecast prices.

    The centre is a random walk on log prices with a drift that is none where it is within its noise
    (`oreloop.forecast.price.market.observe`). Models join it where they beat it on past origins
    (`oreloop.forecast.price.market.admitted`). Bands are past shocks, scaled by how restless the market is now
    (`oreloop.forecast.price.walk.simulate`).

    Args:
        history: polars or pandas, long: ``unique_id``, ``ds``, ``y`` (price, above zero, no gaps).
        horizon: periods to forecast.
        freq: ``M`` or ``W``; read from the period names when not given.
        levels: quantile levels.
        pool: whether bands are widened by the shocks of each ``series`` or of all of them (``class``: prices are one).
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
    asked, pooled = checked_levels(levels), checked_pool(pool) == "class"
    seed, samples = whole("seed", seed, 0, 2**31), whole("samples", samples, 100, MAX_SAMPLES)
    own = draws(seed, panel.ids, samples=samples, horizon=horizon, origins=0)
    logs = np.log(panel.values)
    market = observe(logs, panel.start)
    shares = admitted(market, logs, horizon)
    now = logs.shape[1] - 2
    expected = centre(market, shares, now, horizon)
    moves = simulate(market, shares, now, own, pooled=pooled)
    read = np.broadcast_to(asked, (len(panel.ids), horizon, len(asked)))
    # moves are relative to the last price, so that a price that never moved comes out to the last bit
    last = panel.values[:, -1, None]
    periods = panel.following(horizon)
    mean = last * np.exp(expected)
    value = last[:, :, None] * np.exp(sample_quantiles(moves, read))
    return PriceForecast(
        ids=panel.ids,
        periods=periods,
        mean=long_frame({"unique_id": panel.ids, "ds": periods}, "mean", mean),
        quantiles=long_frame({"unique_id": panel.ids, "ds": periods, "level": asked}, "value", value),
        _paths=last[:, :, None] * np.exp(moves),
        _explained=pl.DataFrame(
            {
                "unique_id": panel.ids,
                "last": last[:, 0],
                "centre": mean[:, -1],
                "drift": market.drift[:, now],
                **dict(zip(MODELS, shares[:, now].T, strict=True)),
                "volatility": np.sqrt(market.running[:, now]),
                "long_run": np.sqrt(market.long_run[:, now]),
            }
        ),
    )
