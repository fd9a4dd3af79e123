"""Demand forecasts: quantiles of each period and of sums of periods, from histories."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import polars as pl

from oreloop.base.errors import BadInput
from oreloop.forecast.ensemble import Ensemble, combine
from oreloop.forecast.intermittent import CLASSES
from oreloop.forecast.kernels import MODELS
from oreloop.forecast.panel import Floats, Frequency, Gaps, checked_levels, read_panel, season_of, whole

LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
"""Quantile levels when none are named."""
Pool = Literal["class", "series"]
MAX_HORIZON = 366
MAX_SAMPLES = 20_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Forecast:
    """Demand to come, in the unit of the history.

    Args:
        ids: series, sorted.
        periods: names of the coming periods.
        mean: ``unique_id, ds, mean``.
        quantiles: ``unique_id, ds, level, value``: of each period by itself.
        cumulative: ``unique_id, ds, level, value``: of the demand from the first period to ``ds``.
        total: ``unique_id, level, value``: of the demand over the whole horizon.
    """

    ids: tuple[str, ...]
    periods: tuple[str, ...]
    mean: pl.DataFrame
    quantiles: pl.DataFrame
    cumulative: pl.DataFrame
    total: pl.DataFrame
    _ensemble: Ensemble = field(repr=False)

    def paths(self, count: int) -> Floats:
        """Give joint sample paths, shape (series, count, horizon), series in the order of ``ids``.

        Each period of them holds its corrected band; a path of one series says nothing about another series.

        Raises:
            BadInput: ``forecast.range`` when more are asked for than were simulated.
        """
        count = whole("count", count, 1, self._ensemble.paths.shape[2])
        return np.ascontiguousarray(np.swapaxes(self._ensemble.corrected_paths()[:, :, :count], 1, 2))

    def explain(self) -> pl.DataFrame:
        """Say what the forecast is made of.

        Returns:
            ``unique_id, demand_class, model, weight, score``; one row for each kernel that takes part. ``score`` is
            its mean CRPS on past origins in the unit of the history (less is better), null where there was none.
        """
        rows, models = np.nonzero(self._ensemble.weights > 0.0)
        return pl.DataFrame(
            {
                "unique_id": [self.ids[row] for row in rows],
                "demand_class": [CLASSES[self._ensemble.classes[row]] for row in rows],
                "model": [MODELS[model] for model in models],
                "weight": self._ensemble.weights[rows, models],
                "score": pl.Series(self._ensemble.scores[rows, models]).fill_nan(None),
            }
        )


def predict(
    history: Any,
    horizon: int,
    *,
    season: int | None = None,
    freq: Frequency | None = None,
    levels: tuple[float, ...] = LEVELS,
    gaps: Gaps = "error",
    pool: Pool = "class",
    samples: int = 500,
    seed: int = 0,
) -> Forecast:
    """Forecast demand for every series of a history.

    Kernels are weighted by their scores on the series' own past, simulated jointly, and the bands corrected by how
    past actuals fell in them (`oreloop.forecast.ensemble`, `oreloop.forecast.calibrate`).

    Args:
        history: polars or pandas, long: ``unique_id``, ``ds`` (period names, or dates together with ``freq``), ``y``
            (demand of the period, any unit). Every series is forecast from the period after the last one of the table.
        horizon: periods to forecast.
        season: periods in a season; 1 for none; a year of periods when not given. A season is used only by series that
            cover two of them.
        freq: ``M`` or ``W``; read from the period names when not given.
        levels: quantile levels.
        gaps: whether a period missing after a series' first is an error, or zero demand (``zero``).
        pool: whether bands are corrected by the scores of all series of a ``class``, or of each ``series`` alone, which
            makes its bands independent of the rest of the table. Means, weights and simulated paths always are.
        samples: paths simulated for each series.
        seed: together with the name of a series, decides its random numbers.

    Raises:
        BadInput: every problem of the table, each with its series.

    >>> months = [f"2025-{month:02d}" for month in range(1, 13)]
    >>> history = pl.DataFrame({"unique_id": "ir", "ds": months, "y": 30.0})
    >>> predict(history, 2).mean.rows()
    [('ir', '2026-01', 30.0), ('ir', '2026-02', 30.0)]
    """
    horizon = whole("horizon", horizon, 1, MAX_HORIZON)
    panel = read_panel(history, freq=freq, gaps=gaps)
    asked = checked_levels(levels)
    ensemble = combine(
        panel,
        horizon,
        season=season_of(panel, season),
        seed=whole("seed", seed, 0, 2**31),
        samples=whole("samples", samples, 100, MAX_SAMPLES),
        pool=checked_pool(pool),
    )
    periods = panel.following(horizon)
    sums = ensemble.sum_quantiles(np.array(asked))
    return Forecast(
        ids=panel.ids,
        periods=periods,
        mean=long_frame({"unique_id": panel.ids, "ds": periods}, "mean", ensemble.mean),
        quantiles=long_frame(
            {"unique_id": panel.ids, "ds": periods, "level": asked}, "value", ensemble.quantiles(np.array(asked))
        ),
        cumulative=long_frame({"unique_id": panel.ids, "ds": periods, "level": asked}, "value", sums),
        total=long_frame({"unique_id": panel.ids, "level": asked}, "value", sums[:, -1]),
        _ensemble=ensemble,
    )


def checked_pool(pool: str) -> str:
    """Check the choice of whose scores correct the bands.

    Raises:
        BadInput: ``forecast.unknown_choice``.
    """
    if pool not in ("class", "series"):
        raise BadInput.of("forecast.unknown_choice", name="pool", got=pool, expected="class, series")
    return pool


def long_frame(axes: dict[str, tuple[Any, ...]], name: str, values: Floats) -> pl.DataFrame:
    """Write an array as a long frame, one column for each axis and one for the value.

    >>> long_frame({"level": (0.1, 0.9)}, "value", np.array([3.0, 4.0])).rows()
    [(0.1, 3.0), (0.9, 4.0)]
    """
    columns: dict[str, pl.Series] = {}
    for place, (axis, labels) in enumerate(axes.items()):
        within = int(np.prod(values.shape[place + 1 :], dtype=np.int64))
        before = int(np.prod(values.shape[:place], dtype=np.int64))
        index = np.tile(np.repeat(np.arange(len(labels)), within), before)
        columns[axis] = pl.Series(axis, list(labels)).gather(index)
    return pl.DataFrame({**columns, name: values.ravel()})
