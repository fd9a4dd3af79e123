"""Weighs the kernels by how they did on the series' own past, and draws the joint paths of the weighted ensemble."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from oreloop.forecast.calibrate import corrected_levels, crps, pit, sample_quantiles
from oreloop.forecast.draws import Draws, draws
from oreloop.forecast.intermittent import demand_classes
from oreloop.forecast.kernels import MODELS, SMOOTH, rate_paths, smooth_paths
from oreloop.forecast.panel import MIN_HISTORY, Flags, Floats, Ints, Panel

INNER_ORIGINS = 7
"""Past origins from which kernels are scored and bands corrected."""
INNER_SAMPLES = 100
"""Paths drawn at each of them."""
PRIOR_ORIGINS = 2.0
"""How many origins' worth of belief the equal weights have."""
SHARPNESS = 4.0
"""Weights go with the score to this power, inverted."""
_CHUNK = 128
"""Series handled at a time: bounds memory, changes no result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ensemble:
    """What is known of the coming periods of every series.

    Args:
        classes: shape (series,), see `oreloop.forecast.intermittent.CLASSES`.
        mean: point forecast, shape (series, horizon), never below zero.
        paths: shape (series, horizon, samples), as simulated, never below zero.
        weights: shape (series, models); zero for kernels that do not apply.
        scores: shape (series, models); mean CRPS on past origins in the unit of the history, NaN where there is none.
        period_scores: `pit` of past periods, shape (series, origins, horizon).
        sum_scores: the same for the sums from the first period on.
        pool: whose scores correct the bands, see `oreloop.forecast.calibrate.corrected_levels`.
    """

    classes: Ints
    mean: Floats
    paths: Floats
    weights: Floats
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


def combine(panel: Panel, horizon: int, *, season: int, seed: int, samples: int, pool: str) -> Ensemble:
    """Fit, weigh and simulate all series of a panel."""
    classes = demand_classes(panel.values, panel.start)
    parts = []
    for first in range(0, len(panel.ids), _CHUNK):
        rows = slice(first, first + _CHUNK)
        own = draws(seed, panel.ids[rows], samples=samples, horizon=horizon, origins=INNER_ORIGINS)
        parts.append(_chunk(panel.values[rows], panel.start[rows], classes[rows] >= 2, season, own))
    mean, paths, weights, scores, periods, sums = (np.concatenate(each) for each in zip(*parts, strict=True))
    return Ensemble(
        classes=classes,
        mean=mean,
        paths=paths,
        weights=weights,
        scores=scores,
        period_scores=periods,
        sum_scores=sums,
        pool=pool,
    )


_Part = tuple[Floats, Floats, Floats, Floats, Floats, Floats]


def _chunk(values: Floats, start: Ints, rare: Flags, season: int, own: Draws) -> _Part:
    """Treat the rare and the frequent series of a chunk, each by its own kernels, and put them back in their places."""
    rows, steps, samples = own.place.shape
    made: _Part = (
        np.empty((rows, steps)),
        np.empty((rows, steps, samples)),
        np.zeros((rows, len(MODELS))),
        np.full((rows, len(MODELS)), np.nan),
        np.empty((rows, INNER_ORIGINS, steps)),
        np.empty((rows, INNER_ORIGINS, steps)),
    )
    families = ((~rare, slice(0, len(SMOOTH)), False), (rare, slice(len(SMOOTH), len(MODELS)), True))
    for chosen, models, lumpy in families:
        part = np.flatnonzero(chosen)
        if len(part):
            mine = Draws(place=own.place[part], restart=own.restart[part], tie=own.tie[part])
            mean, paths, weights, scores, periods, sums = _family(values[part], start[part], lumpy, season, mine)
            for whole, piece in zip((made[0], made[1], made[4], made[5]), (mean, paths, periods, sums), strict=True):
                whole[part] = piece
            made[2][part, models], made[3][part, models] = weights, scores
    return made


def _family(values: Floats, start: Ints, lumpy: bool, season: int, own: Draws) -> _Part:
    """Walk the past origins from the earliest on, then forecast from the end with the weights learned."""
    end, steps = values.shape[1], own.place.shape[1]
    few = own.first(min(INNER_SAMPLES, own.place.shape[2]))
    models = len(MODELS) - len(SMOOTH) if lumpy else len(SMOOTH)
    relative = np.full((len(values), INNER_ORIGINS, models), np.nan)
    absolute = np.full(relative.shape, np.nan)
    periods = np.full((len(values), INNER_ORIGINS, steps), np.nan)
    sums = np.full(periods.shape, np.nan)
    for number, origin in enumerate(_origins(end, steps)):
        ready = np.flatnonzero(origin - start >= MIN_HISTORY)
        if not len(ready):
            continue
        known, begin = values[ready, :origin], start[ready]
        mine = Draws(place=few.place[ready], restart=few.restart[ready], tie=few.tie[ready])
        actual = np.full((len(ready), steps), np.nan)
        actual[:, : end - origin] = values[ready, origin : origin + steps]
        _, paths, able = rate_paths(known, begin, None, mine) if lumpy else smooth_paths(known, begin, season, mine)
        reach = min(steps, end - origin)
        score = crps(np.maximum(paths[:, :, :reach], 0.0), actual[:, :reach]).mean(axis=2).T
        score = np.where(able, score, np.nan)
        absolute[ready, number], relative[ready, number] = score, _relative(score)
        # only earlier origins choose the weights that are judged here
        weights = _weights(relative[ready, :number], able)
        joint = rate_paths(known, begin, weights, mine)[1][0] if lumpy else _weighted(weights, paths)
        joint = np.maximum(joint, 0.0)
        periods[ready, number] = pit(joint, actual, mine.tie[:, number])
        sums[ready, number] = pit(np.cumsum(joint, axis=1), np.cumsum(actual, axis=1), mine.tie[:, number])
    if lumpy:
        weights = _weights(relative, np.ones((len(values), models), dtype=np.bool_))
        points, drawn, _ = rate_paths(values, start, weights, own)
        mean, joint = points[0], drawn[0]
    else:
        points, drawn, able = smooth_paths(values, start, season, own)
        weights = _weights(relative, able)
        mean, joint = _weighted(weights, points), _weighted(weights, drawn)
    seen = np.isfinite(absolute)
    scores = np.where(seen, absolute, 0.0).sum(axis=1) / np.where(seen.any(axis=1), seen.sum(axis=1), np.nan)
    return np.maximum(mean, 0.0), np.maximum(joint, 0.0), weights, scores, periods, sums


def _origins(end: int, steps: int) -> list[int]:
    """Place the past origins, earliest first: whole horizons a quarter of a horizon apart, and one half horizon."""
    apart = max(1, steps // 4)
    back = [steps + apart * number for number in range(INNER_ORIGINS - 1)]
    half = max(1, steps // 2)
    return [max(end - each, 0) for each in sorted({half, *back}, reverse=True)]


def _relative(score: Floats) -> Floats:
    """Divide each kernel's score by the mean over the kernels; all one where nobody erred."""
    mean = np.nanmean(score, axis=1, keepdims=True)
    return np.where(np.isnan(score), np.nan, np.where(mean > 0.0, score / np.where(mean > 0.0, mean, 1.0), 1.0))


def _weights(relative: Floats, able: Flags) -> Floats:
    """Turn past relative scores, shape (series, origins, models), into weights that are shrunk to equal ones."""
    known = np.isfinite(relative)
    count = known.sum(axis=1)
    mean = np.where(count > 0, np.where(known, relative, 0.0).sum(axis=1) / np.maximum(count, 1), 1.0)
    merit = able / np.maximum(mean, 0.05) ** SHARPNESS
    merit /= merit.sum(axis=1, keepdims=True)
    equal = able / able.sum(axis=1, keepdims=True)
    seen = count.max(axis=1, keepdims=True)
    return np.asarray((seen * merit + PRIOR_ORIGINS * equal) / (seen + PRIOR_ORIGINS))


def _weighted(weights: Floats, each: Floats) -> Floats:
    """Average over the first axis, kernel by kernel so that the sum does not depend on how many series there are."""
    total = np.zeros(each.shape[1:])
    for number, one in enumerate(each):
        total += weights[:, number].reshape(-1, *(1,) * (one.ndim - 1)) * one
    return total
