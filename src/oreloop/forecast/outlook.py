"""The coming periods of all series of a panel, each from the family of kernels that suits it.

Series of frequent demand with a long past are simulated, and bands are read off the paths (`oreloop.forecast.ensemble`).
Of lumpy or short ones the distribution of sums is estimated directly (`oreloop.forecast.totals`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from oreloop.forecast.components import components
from oreloop.forecast.drivers import DriverKernel, Drivers
from oreloop.forecast.ensemble import Ensemble, Extra, combine
from oreloop.forecast.intermittent import demand_classes
from oreloop.forecast.lumpy import Lumpy
from oreloop.forecast.panel import Flags, Floats, Ints, Panel
from oreloop.forecast.ports import Executor, InTurn
from oreloop.forecast.totals import KERNELS, fit_totals

LONG = 3
"""Seasons of history from which season, trend and errors can be told apart."""
LONG_WITHOUT_SEASON = 12
"""Periods of history for the same where there is no season."""
RARE = 2
"""First class of `oreloop.forecast.intermittent.CLASSES` in which demand is rare."""


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """All that a forecast depends on besides history and horizon.

    Args:
        season: periods in a season; 1 for none.
        seed: together with the name of a series, decides its random numbers.
        samples: paths simulated for each series of frequent demand.
        pool: ``class``: series learn from one another; ``series``: each is treated as if alone.
        drivers: what else is known; for series of frequent demand with a long past.
        kernels: makers of further kernels for the same series, from a panel and a season.
        executor: what parts of the work are given to; changes no result.
    """

    season: int
    seed: int = 0
    samples: int = 500
    pool: str = "class"
    drivers: Drivers | None = None
    kernels: tuple[Callable[[Panel, int], Extra], ...] = ()
    executor: Executor = field(default_factory=InTurn)


class Family(Protocol):
    """What kernels of one family say of their series, in the unit of the history."""

    @property
    def mean(self) -> Floats:
        """Point forecasts, shape (series, horizon)."""
        ...

    def components(self) -> Mapping[str, Floats]:
        """Give what the point forecasts are sums of, by name, shape (series, horizon) each."""
        ...

    def quantiles(self, levels: Floats) -> Floats:
        """Give quantiles of each period, shape (series, horizon, levels)."""
        ...

    def sums(self, levels: Floats, steps: Ints) -> Floats:
        """Give quantiles of the sum of each series' first ``steps`` periods, shape (series, levels)."""
        ...

    def running_sums(self, levels: Floats) -> Floats:
        """Give quantiles of the sums from the first period to each, shape (series, horizon, levels)."""
        ...

    def paths(self, count: int) -> Floats:
        """Give joint sample paths, shape (series, count, horizon)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """Some series with what their family says.

    Args:
        rows: their places in the panel.
        family: what is said of them.
        models: names of the kernels.
        weights: shape (rows, models); zero for kernels that do not apply.
        scores: shape (rows, models); less is better, NaN where there was no past origin.
    """

    rows: Ints
    family: Family
    models: tuple[str, ...]
    weights: Floats
    scores: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outlook:
    """The coming periods of every series of a panel.

    Args:
        classes: shape (series,), see `oreloop.forecast.intermittent.CLASSES`.
        parts: the families; together they hold every series once.
        answers: the kernel that knows drivers, with the panel it was made from; None without drivers.
    """

    classes: Ints
    parts: tuple[Part, ...]
    answers: DriverKernel | None

    @property
    def mean(self) -> Floats:
        """Point forecasts, shape (series, horizon), never below zero."""
        return self._joined(lambda part: part.family.mean)

    def quantiles(self, levels: Floats) -> Floats:
        """Give quantiles of each period, shape (series, horizon, levels)."""
        return self._joined(lambda part: part.family.quantiles(levels))

    def sums(self, levels: Floats, steps: Ints) -> Floats:
        """Give quantiles of the sum of each series' first ``steps`` periods (shape (series,)), shape (series, levels)."""
        return self._joined(lambda part: part.family.sums(levels, steps[part.rows]))

    def running_sums(self, levels: Floats) -> Floats:
        """Give quantiles of the sums from the first period to each, shape (series, horizon, levels)."""
        return self._joined(lambda part: part.family.running_sums(levels))

    def paths(self, count: int) -> Floats:
        """Give joint sample paths, shape (series, count, horizon)."""
        return self._joined(lambda part: part.family.paths(count))

    def _joined(self, of: Callable[[Part], Floats]) -> Floats:
        told = [(part.rows, of(part)) for part in self.parts]
        joined = np.empty((len(self.classes), *told[0][1].shape[1:]))
        for rows, values in told:
            joined[rows] = values
        return joined


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Frequent:
    """Series of frequent demand, read off their paths."""

    ensemble: Ensemble
    panel: Panel
    season: int

    @property
    def mean(self) -> Floats:
        return self.ensemble.mean

    def components(self) -> Mapping[str, Floats]:
        return components(self.panel, self.season, self.ensemble)

    def quantiles(self, levels: Floats) -> Floats:
        return self.ensemble.quantiles(levels)

    def sums(self, levels: Floats, steps: Ints) -> Floats:
        return at_steps(self.running_sums(levels), steps)

    def running_sums(self, levels: Floats) -> Floats:
        return self.ensemble.sum_quantiles(levels)

    def paths(self, count: int) -> Floats:
        return np.ascontiguousarray(np.swapaxes(self.ensemble.corrected_paths()[:, :, :count], 1, 2))


def look_ahead(panel: Panel, horizon: int, how: How) -> Outlook:
    """Forecast all series of a panel.

    Args:
        panel: histories.
        horizon: periods to forecast.
        how: season, seed and the rest.
    """
    classes = demand_classes(panel.values, panel.start)
    frequent = is_frequent(panel, classes, how.season)
    parts, answers = [], None
    if len(rows := np.flatnonzero(frequent)):
        some = panel.rows(rows)
        if how.drivers is not None:
            answers = DriverKernel.of(some, how.drivers, season=how.season, seed=how.seed)
        extra = (*(make(some, how.season) for make in how.kernels), *(() if answers is None else (answers,)))
        made = combine(some, horizon, season=how.season, seed=how.seed, samples=how.samples, pool=how.pool, extra=extra)
        family = _Frequent(ensemble=made, panel=some, season=how.season)
        parts.append(Part(rows=rows, family=family, models=made.models, weights=made.weights, scores=made.scores))
    rest = np.flatnonzero(~frequent)
    together = [rest] if how.pool == "class" else [rest[place : place + 1] for place in range(len(rest))]
    for rows in together if len(rest) else ():
        some = panel.rows(rows)
        totals = fit_totals(some.values, some.start, horizon, seed=how.seed, mapped=how.executor.map)
        lumpy = Lumpy(panel=some, totals=totals, horizon=horizon, seed=how.seed)
        parts.append(Part(rows=rows, family=lumpy, models=KERNELS, weights=totals.weights, scores=totals.scores))
    return Outlook(classes=classes, parts=tuple(parts), answers=answers)


def is_frequent(panel: Panel, classes: Ints, season: int) -> Flags:
    """Tell which series are simulated: demand in most periods, and a past long enough for trend and season."""
    long = LONG * season if season > 1 else LONG_WITHOUT_SEASON
    return np.asarray((classes < RARE) & (panel.values.shape[1] - panel.start >= long))


def at_steps(running: Floats, steps: Ints) -> Floats:
    """Read each series' sums at its own step, counted from one: shape (series, levels) of (series, horizon, levels)."""
    read: Floats = np.take_along_axis(running, steps[:, None, None] - 1, axis=1)
    return read[:, 0]
