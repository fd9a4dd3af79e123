"""How good forecasts were: the measures, from arrays of what was said and what came."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from oreloop.forecast.panel import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was said at each origin and what came; NaN where a series was too young to be forecast.

    Args:
        actual: shape (series, origins, horizon); ``mean`` and ``naive`` alike.
        quantiles: shape (series, origins, horizon, levels).
        inside: shape (series, origins, horizon, bands); share of the actual inside each band, ties split.
        total: quantiles of the sum over the horizon, shape (series, origins, levels).
        total_inside: shape (series, origins, bands).
        scale: shape (series, origins); mean absolute error of the naive within the known history. ``square`` is its mean
            squared error.
        levels: quantile levels.
        bands: places in ``levels`` of the ends of each central band, widest first.
    """

    actual: Floats
    mean: Floats
    naive: Floats
    quantiles: Floats
    inside: Floats
    total: Floats
    total_inside: Floats
    scale: Floats
    square: Floats
    levels: tuple[float, ...]
    bands: tuple[tuple[int, int], ...]

    @property
    def band_levels(self) -> tuple[float, ...]:
        """The share that each band promises to hold."""
        return tuple(round(self.levels[high] - self.levels[low], 10) for low, high in self.bands)


def bands_of(levels: tuple[float, ...]) -> tuple[tuple[int, int], ...]:
    """Pair the levels that lie symmetrically about the median.

    >>> bands_of((0.05, 0.5, 0.75, 0.95))
    ((0, 3),)
    """
    places = {round(level, 10): place for place, level in enumerate(levels)}
    mirrored = ((place, places.get(round(1.0 - level, 10))) for level, place in places.items() if level < 0.5)
    return tuple((low, high) for low, high in mirrored if high is not None)


def pinball(quantiles: Floats, actual: Floats, levels: tuple[float, ...]) -> Floats:
    """Give the pinball loss (Koenker and Bassett 1978), shape of ``quantiles``, in the unit of the history.

    >>> pinball(np.array([[10.0]]), np.array([14.0]), (0.9,))
    array([[3.6]])
    """
    short = actual[..., None] - quantiles
    level = np.array(levels)
    return np.maximum(level * short, (level - 1.0) * short)


def crps_of_levels(losses: Floats, levels: tuple[float, ...]) -> Floats:
    """Approximate the CRPS from pinball losses on the last axis: twice their mean, each weighted by its share of levels.

    A level stands for all levels that are nearer to it than to another one.
    """
    edges = np.concatenate([[0.0], (np.array(levels)[1:] + np.array(levels)[:-1]) / 2.0, [1.0]])
    return np.asarray((2.0 * losses * np.diff(edges)).sum(axis=-1))


Measure = tuple[str, float | None, Floats]
"""Name, level, and values of shape (series, horizon), or (series,) over the whole horizon."""


def measures(outcome: Outcome) -> Iterator[Measure]:
    """Give every measure by series and step, then by series over the whole horizon.

    MASE (Hyndman and Koehler 2006), RMSSE (Makridakis, Spiliotis and Assimakopoulos 2022) with the named naive's error
    as scale; WAPE and bias over the sum of actuals, NaN where that is zero; pinball; CRPS; coverage of central bands,
    ends included, and with ties split (`oreloop.forecast.calibrate.share_inside`); share at or below each level.
    """
    yield from _over(outcome, (1,))
    yield from _over(outcome, (1, 2))
    came = outcome.actual.sum(axis=2)
    losses = pinball(outcome.total, came, outcome.levels)
    for place, level in enumerate(outcome.levels):
        yield "total_pinball", level, mean_known(losses[:, :, place], 1)
    for place, (level, (low, high)) in enumerate(zip(outcome.band_levels, outcome.bands, strict=True)):
        held = inside(outcome.total[:, :, low], came, outcome.total[:, :, high])
        yield "total_coverage", level, mean_known(held, 1)
        yield "total_coverage_split", level, mean_known(outcome.total_inside[:, :, place], 1)


def _over(outcome: Outcome, axes: tuple[int, ...]) -> Iterator[Measure]:
    def mean(values: Floats) -> Floats:
        return mean_known(values, axes)

    error = outcome.mean - outcome.actual
    demand = mean(outcome.actual)
    losses = pinball(outcome.quantiles, outcome.actual, outcome.levels)
    yield "mase", None, mean(np.abs(error) / outcome.scale[:, :, None])
    yield "rmsse", None, np.sqrt(mean(error**2 / outcome.square[:, :, None]))
    yield "wape", None, ratio(mean(np.abs(error)), demand)
    yield "bias", None, ratio(mean(error), demand)
    yield "crps", None, mean(crps_of_levels(losses, outcome.levels))
    for place, level in enumerate(outcome.levels):
        yield "pinball", level, mean(losses[..., place])
        below = np.where(np.isnan(outcome.actual), np.nan, outcome.actual <= outcome.quantiles[..., place])
        yield "at_or_below", level, mean(below)
    for place, (level, (low, high)) in enumerate(zip(outcome.band_levels, outcome.bands, strict=True)):
        yield "coverage", level, mean(inside(outcome.quantiles[..., low], outcome.actual, outcome.quantiles[..., high]))
        yield "coverage_split", level, mean(outcome.inside[..., place])


def inside(low: Floats, actual: Floats, high: Floats) -> Floats:
    """Say whether actuals lie in a band, ends included; NaN where there is none."""
    return np.where(np.isnan(actual), np.nan, (low <= actual) & (actual <= high))


def mean_known(values: Floats, axes: int | tuple[int, ...]) -> Floats:
    """Average what is not NaN; NaN where there is nothing."""
    known = ~np.isnan(values)
    return ratio(np.where(known, values, 0.0).sum(axis=axes), known.sum(axis=axes).astype(np.float64))


def ratio(part: Floats, whole: Floats) -> Floats:
    """Divide; NaN by zero."""
    return np.asarray(np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=whole != 0.0))
