"""Weighs the kernels by how they did on the series' own past, and draws the joint paths of the ensemble."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from oreloop.forecast.calibrate import corrected_levels, pit, sample_quantiles
from oreloop.forecast.draws import Draws, draws
from oreloop.forecast.intermittent import demand_classes
from oreloop.forecast.panel import MIN_HISTORY, Flags, Floats, Ints, Panel
from oreloop.forecast.scores import mean_known
from oreloop.forecast.smooth.models import CHUNK, SMOOTH, Points, smooth_points
from oreloop.forecast.smooth.paths import smooth_paths

INNER_ORIGINS = 7
"""Past origins from which kernels are scored and bands corrected."""
INNER_SAMPLES = 100
"""Paths drawn at each of them."""
PRIOR_ORIGINS = 2.0
"""How many origins' worth of belief the equal weights have."""
SHARPNESS = 4.0
"""Weights go with the score to this power, inverted."""
TOLERANCE = 0.3
"""Distance from the kernels' mean score that says nothing of a smooth kernel: seven overlapping origins tell little, and
weights from all of their differences err more than the plain median. It is the least of those tried that does not."""

GROWN = 0.75
"""Share of its present length that a smooth series must have had at an origin for its bands there to correct those of
today: bands from half a history miss by more, for want of history and not of method."""


class Extra(Protocol):
    """A further kernel of the smooth family, such as one that knows drivers."""

    @property
    def name(self) -> str:
        """Stable name; its label is ``forecast.model.<name>``."""

    def __call__(self, rows: Ints, end: int, own: Draws) -> tuple[Floats, Floats, Flags]:
        """Forecast from an origin.

        Args:
            rows: series of the panel.
            end: the origin; only columns before it may be used.
            own: draws of those series; paths that take their errors from the same places as the others' average with
                them without losing spread.

        Returns:
            Point forecasts, shape (rows, horizon), paths, shape (rows, horizon, samples), and which apply, shape (rows,).
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Ensemble:
    """What is known of the coming periods of every series.

    Args:
        models: names of the columns of ``weights`` and ``scores``.
        classes: shape (series,), see `oreloop.forecast.intermittent.CLASSES`.
        mean: point forecast, shape (series, horizon), never below zero.
        paths: shape (series, horizon, samples), as simulated, never below zero.
        weights: shape (series, models); zero for kernels that do not apply.
        further: point forecasts of the extra kernels, shape (extra, series, horizon).
        scores: shape (series, models); mean CRPS on past origins in the unit of the history, which of a kernel that names
            a point is its absolute error; NaN where there is none.
        period_scores: `pit` of past periods, shape (series, origins, horizon).
        sum_scores: the same for the sums from the first period on.
        pool: whose scores correct the bands, see `oreloop.forecast.calibrate.corrected_levels`.
    """

    models: tuple[str, ...]
    classes: Ints
    mean: Floats
    paths: Floats
    weights: Floats
    further: Floats
    scores: Floats
    period_scores: Floats
    sum_scores: Floats
    pool: str

    def period_levels(self, levels: Floats) -> Floats:
        """Say at which levels of the paths to read, shape (series, horizon, levels)."""
        return corrected_levels(levels, self.period_scores, self.classes, self.pool)

    def sum_levels(self, levels: Floats) -> Floats:
        """Say at which levels of the summed paths to read; shape as `period_levels`."""
        return corrected_levels(levels, self.sum_scores, self.classes, self.pool)

    def quantiles(self, levels: Floats) -> Floats:
        """Give corrected quantiles of each period, shape (series, horizon, levels)."""
        return sample_quantiles(self.paths, self.period_levels(levels))

    def sum_quantiles(self, levels: Floats) -> Floats:
        """Give corrected quantiles of the sums from the first period on; shape as `quantiles`.

        They are read from sums of joint paths. Demand is never negative, so a longer sum is never the smaller one.
        """
        read = sample_quantiles(np.cumsum(self.paths, axis=1), self.sum_levels(levels))
        return np.maximum.accumulate(read, axis=1)

    def corrected_paths(self) -> Floats:
        """Give the paths with each period's values moved to corrected quantiles, ranks and so dependence kept."""
        samples = self.paths.shape[2]
        levels = self.period_levels(np.arange(1, samples + 1) / (samples + 1))
        ordered = sample_quantiles(self.paths, levels)
        rank = np.argsort(np.argsort(self.paths, axis=2, kind="stable"), axis=2, kind="stable")
        return np.take_along_axis(ordered, rank, axis=2)


def combine(
    panel: Panel, horizon: int, *, season: int, seed: int, samples: int, pool: str, extra: tuple[Extra, ...] = ()
) -> Ensemble:
    """Fit, weigh and simulate series with demand in most periods.

    Args:
        panel: histories.
        horizon: periods to forecast.
        season: periods in a season.
        seed: together with the name of a series, decides its random numbers.
        samples: paths of each series.
        pool: ``class``: series learn from one another; ``series``: each is treated as if alone.
        extra: further kernels, weighted like the others.
    """
    count = len(panel.ids)
    models = SMOOTH + tuple(each.name for each in extra)
    made = Ensemble(
        models=models,
        classes=demand_classes(panel.values, panel.start),
        mean=np.empty((count, horizon)),
        paths=np.empty((count, horizon, samples)),
        weights=np.zeros((count, len(models))),
        further=np.empty((len(extra), count, horizon)),
        scores=np.full((count, len(models)), np.nan),
        period_scores=np.full((count, INNER_ORIGINS, horizon), np.nan),
        sum_scores=np.full((count, INNER_ORIGINS, horizon), np.nan),
        pool=pool,
    )
    past = _Past.of(panel, season, horizon, shared=pool == "class")
    for first in range(0, count, CHUNK):
        rows = np.arange(first, min(first + CHUNK, count))
        ids = tuple(panel.ids[row] for row in rows)
        own = draws(seed, ids, samples=samples, horizon=horizon, origins=INNER_ORIGINS)
        _walk(made, panel, rows, past, extra, own)
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class _Past:
    """What the smooth kernels said from each past origin, earliest first, and say from the end.

    Args:
        season: periods in a season.
        origins: columns; the last is the end.
        rows: of each origin, the series of the panel that had begun, ascending.
        points: of each origin, for those series.
    """

    season: int
    origins: tuple[int, ...]
    rows: tuple[Ints, ...]
    points: tuple[Points, ...]

    @classmethod
    def of(cls, panel: Panel, season: int, horizon: int, *, shared: bool) -> _Past:
        end = panel.values.shape[1]
        begun = [(origin, np.flatnonzero(origin - panel.start >= MIN_HISTORY)) for origin in _origins(end, horizon)]
        begun = [(origin, rows) for origin, rows in begun if len(rows)] + [(end, np.arange(len(panel.ids)))]
        return cls(
            season=season,
            origins=tuple(origin for origin, _ in begun),
            rows=tuple(rows for _, rows in begun),
            points=tuple(
                smooth_points(panel.values[rows, :origin], panel.start[rows], season, horizon, shared=shared)
                for origin, rows in begun
            ),
        )


def _walk(made: Ensemble, panel: Panel, rows: Ints, past: _Past, extra: tuple[Extra, ...], own: Draws) -> None:
    """Walk the past origins from the earliest on, then forecast from the end with the weights learned."""
    end, steps = panel.values.shape[1], made.mean.shape[1]
    missed = np.full((len(rows), len(past.origins), len(made.models), steps), np.nan)
    few = own.first(min(INNER_SAMPLES, own.place.shape[2]))
    for number, (origin, begun, points) in enumerate(zip(past.origins, past.rows, past.points, strict=True)):
        ready = np.flatnonzero(np.isin(rows, begun))
        here = np.searchsorted(begun, rows[ready])
        mine = (few if origin < end else own).rows(ready)
        said = [each(rows[ready], origin, mine) for each in extra]
        point = np.concatenate([points.points[:, here], *(each[0][None] for each in said)])
        able = np.column_stack([points.able[here], *(each[2] for each in said)])
        # of earlier origins, only what had come by this one may choose its weights
        came = np.array(past.origins[:number])[:, None] + np.arange(steps) < origin
        told = _shares(mean_known(np.where(came[:, None], missed[ready, :number], np.nan), 3))
        weights = _weights(told, able)
        centre = weighted_median(point, weights)
        joint = smooth_paths(centre, points, here, panel.start[rows[ready]], past.season, mine)
        joint = _joined(joint, said, weights[:, len(SMOOTH) :])
        if origin == end:
            made.mean[rows], made.paths[rows] = centre, joint
            made.weights[rows], made.further[:, rows] = weights, point[len(SMOOTH) :]
            continue
        actual = np.full((len(ready), steps), np.nan)
        actual[:, : end - origin] = panel.values[rows[ready], origin : origin + steps]
        error = np.abs(point - actual).transpose(1, 0, 2)
        missed[ready, number] = np.where(able[:, :, None], error, np.nan)
        start = panel.start[rows[ready]]
        actual[origin - start < GROWN * (end - start)] = np.nan
        made.period_scores[rows[ready], number] = pit(joint, actual, mine.tie[:, number])
        sums = pit(np.cumsum(joint, axis=1), np.cumsum(actual, axis=1), mine.tie[:, number])
        made.sum_scores[rows[ready], number] = sums
    made.scores[rows] = mean_known(mean_known(missed, 3), 1)


def _origins(end: int, steps: int) -> list[int]:
    """Place the past origins of smooth kernels, earliest first, a quarter of a horizon apart up to the last quarter.

    The latest see few steps, but see them as the series are now.
    """
    apart = max(1, steps // 4)
    return [max(end - apart * number, 0) for number in range(INNER_ORIGINS, 0, -1)]


def _shares(score: Floats) -> Floats:
    """Divide each kernel's score by the mean over the kernels, last axis; all one where nobody erred."""
    mean = mean_known(score, score.ndim - 1)[..., None]
    return np.where(np.isnan(score), np.nan, np.where(mean > 0.0, score / np.where(mean > 0.0, mean, 1.0), 1.0))


def _weights(relative: Floats, able: Flags) -> Floats:
    """Turn past relative scores, shape (series, origins, models), into weights that are shrunk to equal ones."""
    known = np.isfinite(relative)
    count = known.sum(axis=1)
    mean = np.where(count > 0, np.where(known, relative, 0.0).sum(axis=1) / np.maximum(count, 1), 1.0)
    away = mean - 1.0
    mean = 1.0 + np.sign(away) * np.maximum(np.abs(away) - TOLERANCE, 0.0)
    merit = able / np.maximum(mean, 0.05) ** SHARPNESS
    merit /= merit.sum(axis=1, keepdims=True)
    equal = able / able.sum(axis=1, keepdims=True)
    seen = count.max(axis=1, keepdims=True)
    return np.asarray((seen * merit + PRIOR_ORIGINS * equal) / (seen + PRIOR_ORIGINS))


def weighted_median(points: Floats, weights: Floats) -> Floats:
    """Take the weighted median of the kernels, on straight lines between them.

    The median of a few simple models did best of all simple combinations in Petropoulos and Svetunkov (2020,
    International Journal of Forecasting 36): one kernel that runs away does not carry the others along.

    Args:
        points: shape (models, series, horizon).
        weights: shape (series, models), sum 1.

    Returns:
        Shape (series, horizon).

    >>> weighted_median(np.array([[[3.0]], [[9.0]], [[4.0]]]), np.array([[0.25, 0.5, 0.25]]))
    array([[5.66666667]])
    """
    each = np.broadcast_to(weights.T[:, :, None], points.shape)
    # what has no weight goes last, where no line reaches it
    order = np.argsort(np.where(each > 0.0, points, np.inf), axis=0, kind="stable")
    value, weight = np.take_along_axis(points, order, axis=0), np.take_along_axis(each, order, axis=0)
    middle = np.cumsum(weight, axis=0) - weight / 2.0
    above = np.argmax(middle >= 0.5, axis=0)[None]
    below = np.maximum(above - 1, 0)
    low, high = np.take_along_axis(value, below, axis=0), np.take_along_axis(value, above, axis=0)
    left, right = np.take_along_axis(middle, below, axis=0), np.take_along_axis(middle, above, axis=0)
    width = right - left
    share = np.divide(0.5 - left, width, out=np.ones(width.shape), where=width > 0.0)
    return np.asarray((low + np.clip(share, 0.0, 1.0) * (high - low))[0])


def _joined(joint: Floats, said: list[tuple[Floats, Floats, Flags]], weights: Floats) -> Floats:
    """Average the paths of the kernels with those of the extra ones, by weight."""
    total = (1.0 - weights.sum(axis=1))[:, None, None] * joint
    for number, (_, paths, _) in enumerate(said):
        total = total + weights[:, number, None, None] * np.maximum(paths, 0.0)
    return total if said else joint
