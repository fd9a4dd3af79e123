"""How good forecasts were: the measures, from arrays of what was said and what came.

Definitions and sources: ``docs/explanation/forecast-scores.md``. Arrays are (series, origins, steps of the horizon).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np

from oreloop.forecast.panel import Floats, Ints
from oreloop.forecast.totals.kernels import total_scale as mean_change

TOTAL_LEVELS = (0.025, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.975)
"""Levels of the scaled quantile loss of the total."""
FINE_LEVELS = tuple(number / 40 for number in range(1, 40))
"""Levels from which CRPS and split ties are read: every 2.5 %."""
LEAST_DEMANDS = 2
"""Demands above zero below which a series has no scaled quantile loss: one demand has no size to compare with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was said at each origin and what came; NaN where a series was too young to be forecast.

    Args:
        actual: shape (series, origins, horizon), unit of the history; ``mean``, ``naive`` and ``crps`` alike. ``naive``
            is NaN too where a series was too young for it.
        quantiles: shape (series, origins, horizon, levels).
        inside: shape (series, origins, horizon, bands); share of the actual inside each band, ties split.
        total: quantiles of the sum over the horizon, shape (series, origins, levels).
        total_inside: shape (series, origins, bands).
        total_loss: shape (series, origins); twice the pinball loss of the total, averaged over `TOTAL_LEVELS`, over the
            scale of `total_scale`.
        scale: shape (series, origins); mean absolute change of the known history at the lag of the naive. ``square`` is
            the mean squared change from one period to the next.
        classes: shape (series, origins); place in `oreloop.forecast.intermittent.CLASSES` by what was known, NaN as above.
        levels: quantile levels.
        bands: places in ``levels`` of the ends of each central band, widest first.
    """

    actual: Floats
    mean: Floats
    naive: Floats
    crps: Floats
    quantiles: Floats
    inside: Floats
    total: Floats
    total_inside: Floats
    total_loss: Floats
    scale: Floats
    square: Floats
    classes: Floats
    levels: tuple[float, ...]
    bands: tuple[tuple[int, int], ...]

    @classmethod
    def empty(cls, series: int, origins: int, horizon: int, levels: tuple[float, ...]) -> Outcome:
        """Make room for what will be said: all NaN."""
        bands = bands_of(levels)

        def absent(*shape: int) -> Floats:
            return np.full((series, origins, *shape), np.nan)

        return cls(
            actual=absent(horizon),
            mean=absent(horizon),
            naive=absent(horizon),
            crps=absent(horizon),
            quantiles=absent(horizon, len(levels)),
            inside=absent(horizon, len(bands)),
            total=absent(len(levels)),
            total_inside=absent(len(bands)),
            total_loss=absent(),
            scale=absent(),
            square=absent(),
            classes=absent(),
            levels=levels,
            bands=bands,
        )

    def take(self, rows: Ints, number: int, one: Outcome) -> None:
        """Write down what was said at one origin of some of the series."""
        for each in fields(self):
            if each.name not in ("levels", "bands"):
                getattr(self, each.name)[rows, number] = getattr(one, each.name)[:, 0]

    def of(self, rows: Ints) -> Outcome:
        """Give what concerns some of the series."""
        own = {each.name: getattr(self, each.name) for each in fields(self)}
        return Outcome(**{name: value if name in ("levels", "bands") else value[rows] for name, value in own.items()})

    @property
    def band_levels(self) -> tuple[float, ...]:
        """The share that each band promises to hold."""
        return tuple(round(self.levels[high] - self.levels[low], 10) for low, high in self.bands)

    @property
    def last_class(self) -> Ints:
        """The class of each series at the last origin that it was forecast from, shape (series,); -1 for none."""
        found = np.full(len(self.classes), -1, dtype=np.int64)
        for column in self.classes.T:
            found = np.where(np.isnan(column), found, column).astype(np.int64)
        return found


def bands_of(levels: tuple[float, ...]) -> tuple[tuple[int, int], ...]:
    """Pair the levels that lie symmetrically about the median.

    >>> bands_of((0.05, 0.5, 0.75, 0.95))
    ((0, 3),)
    """
    places = {round(level, 10): place for place, level in enumerate(levels)}
    mirrored = ((place, places.get(round(1.0 - level, 10))) for level, place in places.items() if level < 0.5)
    return tuple((low, high) for low, high in mirrored if high is not None)


def pinball(quantiles: Floats, actual: Floats, levels: tuple[float, ...]) -> Floats:
    """Give the pinball loss (Koenker and Bassett 1978, Econometrica 46), shape of ``quantiles``, unit of the history.

    >>> pinball(np.array([[10.0]]), np.array([14.0]), (0.9,))
    array([[3.6]])
    """
    short = actual[..., None] - quantiles
    level = np.array(levels)
    return np.maximum(level * short, (level - 1.0) * short)


def crps_of_levels(losses: Floats, levels: tuple[float, ...]) -> Floats:
    """Approximate the CRPS from pinball losses on the last axis: twice their mean, each weighted by its share of levels.

    A level stands for all levels that are nearer to it than to another one. The CRPS is the pinball loss averaged over
    all levels, doubled (Gneiting and Raftery 2007, JASA 102; Laio and Tamea 2007).
    """
    edges = np.concatenate([[0.0], (np.array(levels)[1:] + np.array(levels)[:-1]) / 2.0, [1.0]])
    return np.asarray((2.0 * losses * np.diff(edges)).sum(axis=-1))


def share_between(quantiles: Floats, actual: Floats, levels: tuple[float, ...], low: float, high: float) -> Floats:
    """Say what share of each actual lies between two levels of its forecast, ties split evenly.

    Half the history of a lumpy series is zeros, and so is every lower quantile; counting each zero as inside would
    flatter the band. An actual that many levels share is spread over them: the non-randomised probability integral
    transform (Czado, Gneiting and Held 2009, Biometrics 65). Demand is never below zero, so a zero begins at level 0.

    Args:
        quantiles: shape (..., levels).
        actual: shape (...); NaN gives NaN.
        levels: all the levels; the finer, the more exact is the split.
        low: level at which the band begins, one of ``levels``.
        high: level at which it ends.

    >>> float(share_between(np.array([0.0, 0.0, 3.0]), np.array(0.0), (0.25, 0.5, 0.75), 0.25, 0.75))
    0.6
    """
    grid = np.array([0.0, *levels, 1.0])
    below, upto = (quantiles < actual[..., None]).sum(axis=-1), (quantiles <= actual[..., None]).sum(axis=-1)
    middle = (grid[:-1] + grid[1:]) / 2.0
    tied = upto > below
    first = np.where(actual > 0.0, np.where(tied, middle[below], grid[below]), 0.0)
    last = np.where(tied, middle[upto], grid[below + 1])
    share = (np.minimum(last, high) - np.maximum(first, low)) / (last - first)
    return np.where(np.isnan(actual), np.nan, np.clip(share, 0.0, 1.0))


def total_scale(values: Floats, start: Ints, horizon: int) -> Floats:
    """Give the scale of the quantile loss of the total, shape (series,), unit of the history.

    The mean absolute difference of the series' own rolling totals of ``horizon`` periods, ``horizon`` periods apart;
    NaN below `LEAST_DEMANDS`, for less than two horizons of history, and where it is zero.

    >>> total_scale(np.array([[1.0, 0.0, 2.0, 4.0]]), np.array([0]), 2)
    array([5.])
    """
    scale = mean_change(values, start, horizon)
    return np.where(((values > 0.0).sum(axis=1) >= LEAST_DEMANDS) & (scale > 0.0), scale, np.nan)


Measure = tuple[str, float | None, Floats]
"""Name, level, and values of shape (rows, horizon), or (rows,) over the whole horizon."""


def measures(outcome: Outcome, *, together: bool = False) -> Iterator[Measure]:
    """Give every measure by step, then over the whole horizon.

    MASE (Hyndman and Koehler 2006), RMSSE (Makridakis, Spiliotis and Assimakopoulos 2022); WAPE and bias over the sum of
    actuals, NaN where that is zero; skill over the naive, on the forecasts that it could make too; CRPS; pinball; share
    at or below each level; coverage of central bands, ends included, and with ties split; all of these of the total too,
    as far as it has them, and its scaled quantile loss.

    Args:
        outcome: what was said and what came.
        together: one row for all series rather than a row each. Scaled measures are averaged over series, all others
            over forecasts.
    """
    yield from _over(outcome, (1,), together)
    yield from _over(outcome, (1, 2), together)
    came = outcome.actual.sum(axis=2)
    losses = pinball(outcome.total, came, outcome.levels)
    yield "total_scaled_loss", None, _of_series(mean_known(outcome.total_loss, 1), together)
    for place, level in enumerate(outcome.levels):
        yield "total_pinball", level, _mean(losses[:, :, place], (1,), together)
    for place, (level, (low, high)) in enumerate(zip(outcome.band_levels, outcome.bands, strict=True)):
        held = inside(outcome.total[:, :, low], came, outcome.total[:, :, high])
        yield "total_coverage", level, _mean(held, (1,), together)
        yield "total_coverage_split", level, _mean(outcome.total_inside[:, :, place], (1,), together)


def _over(outcome: Outcome, axes: tuple[int, ...], together: bool) -> Iterator[Measure]:
    def mean(values: Floats) -> Floats:
        return _mean(values, axes, together)

    error = outcome.mean - outcome.actual
    size, demand = np.abs(error), mean(outcome.actual)
    losses = pinball(outcome.quantiles, outcome.actual, outcome.levels)
    naive = np.abs(outcome.naive - outcome.actual)
    both = np.where(np.isnan(naive), np.nan, 1.0)
    yield "mase", None, _of_series(mean_known(size / outcome.scale[:, :, None], axes), together)
    yield "rmsse", None, _of_series(np.sqrt(mean_known(error**2 / outcome.square[:, :, None], axes)), together)
    yield "wape", None, ratio(mean(size), demand)
    yield "bias", None, ratio(mean(error), demand)
    yield "skill_mae", None, 1.0 - ratio(mean(size * both), mean(naive))
    yield "skill_rmse", None, 1.0 - np.sqrt(ratio(mean(error**2 * both), mean(naive**2)))
    # the CRPS of a forecast that names one value is its absolute error
    yield "skill_crps", None, 1.0 - ratio(mean(outcome.crps * both), mean(naive))
    yield "crps", None, mean(outcome.crps)
    for place, level in enumerate(outcome.levels):
        yield "pinball", level, mean(losses[..., place])
        below = np.where(np.isnan(outcome.actual), np.nan, outcome.actual <= outcome.quantiles[..., place])
        yield "at_or_below", level, mean(below)
    for place, (level, (low, high)) in enumerate(zip(outcome.band_levels, outcome.bands, strict=True)):
        yield "coverage", level, mean(inside(outcome.quantiles[..., low], outcome.actual, outcome.quantiles[..., high]))
        yield "coverage_split", level, mean(outcome.inside[..., place])


def _mean(values: Floats, axes: tuple[int, ...], together: bool) -> Floats:
    """Average over forecasts."""
    return mean_known(values, (0, *axes))[None] if together else mean_known(values, axes)


def _of_series(values: Floats, together: bool) -> Floats:
    """Average what each series has by itself."""
    return mean_known(values, 0)[None] if together else values


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
