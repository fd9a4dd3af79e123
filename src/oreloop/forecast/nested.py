"""Forecasts of series that are parts of one another: every node by itself, then as little changed as lets the sums hold."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from oreloop.base.errors import BadInput, problem
from oreloop.forecast.calibrate import corrected_levels, pit, sample_quantiles
from oreloop.forecast.draws import generator
from oreloop.forecast.hierarchy import Choice, Hierarchy, Past, aggregate, choose, reconcile, together
from oreloop.forecast.hierarchy.reconciliation import METHODS, Method
from oreloop.forecast.hierarchy.spread import MIN_ERRORS
from oreloop.forecast.outlook import How, Outlook, at_steps, look_ahead
from oreloop.forecast.panel import Floats, Ints, Panel

ORIGINS = 6
"""Past origins at which the ways to reconcile are compared."""
PAST_SAMPLES = 100
"""Paths drawn at each of them: enough to rank the ways, which all see the same ones."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Nested:
    """Coming periods of all nodes of a hierarchy; sums hold for the mean and in every path.

    Args:
        base: what was said of each node by itself.
        mean: point forecasts, shape (nodes, horizon).
        drawn: paths, shape (nodes, horizon, samples).
        choice: which way of reconciling was taken, and why; None where there is too little past to compare.
        groups: level of each sum in the hierarchy, shape (sums,); the sums are the first of the nodes.
        period_scores: `oreloop.forecast.calibrate.pit` of past periods of the sums, shape (sums, origins, horizon).
        sum_scores: the same for the sums from the first period on.
        pool: whose scores correct the bands of a sum, see `oreloop.forecast.calibrate.corrected_levels`.
    """

    base: Outlook
    mean: Floats
    drawn: Floats
    choice: Choice | None
    groups: Ints
    period_scores: Floats
    sum_scores: Floats
    pool: str

    def quantiles(self, levels: Floats) -> Floats:
        """Give quantiles of each period, shape (nodes, horizon, levels)."""
        return sample_quantiles(self.drawn, self._levels(levels, self.period_scores))

    def sums(self, levels: Floats, steps: Ints) -> Floats:
        """Give quantiles of the sum of each node's first ``steps`` periods, shape (nodes, levels)."""
        return at_steps(self.running_sums(levels), steps)

    def running_sums(self, levels: Floats) -> Floats:
        """Give quantiles of the sums from the first period to each, shape (nodes, horizon, levels)."""
        read = sample_quantiles(np.cumsum(self.drawn, axis=1), self._levels(levels, self.sum_scores))
        return np.maximum.accumulate(read, axis=1)

    def paths(self, count: int) -> Floats:
        """Give joint sample paths, shape (nodes, count, horizon): the n-th path of every node is of one world."""
        return np.ascontiguousarray(np.swapaxes(self.drawn[:, :, :count], 1, 2))

    def _levels(self, levels: Floats, scores: Floats) -> Floats:
        """Say at which levels of the paths to read; those of bottom series hold already, as they were simulated."""
        at = np.tile(levels, (*self.drawn.shape[:2], 1))
        at[: len(self.groups)] = corrected_levels(levels, scores, self.groups, self.pool)
        return at


def nested(panel: Panel, hierarchy: Hierarchy, horizon: int, how: How) -> Nested:
    """Forecast all nodes of a hierarchy.

    Args:
        panel: histories of the bottom series, all of them.
        hierarchy: which nodes are sums of which bottom series.
        horizon: periods to forecast.
        how: season, seed and the rest.

    Raises:
        BadInput: ``forecast.hierarchy_series`` with the bottom series that have no history, or are in no sum.
    """
    nodes = summed(panel, hierarchy)
    base = look_ahead(nodes, horizon, how)
    said: dict[int, tuple[Floats, Floats]] = {}
    then = replace(how, samples=PAST_SAMPLES, drivers=how.drivers and how.drivers.as_published())
    for end in _ends(nodes, horizon):
        before = look_ahead(nodes.until(end), horizon, then)
        paths = np.swapaxes(before.paths(PAST_SAMPLES), 1, 2)
        said[end] = paths.mean(axis=2), paths
    errors = _errors(nodes, said, len(nodes.horizon), horizon)
    drawn = np.swapaxes(base.paths(how.samples), 1, 2)
    # a point forecast may be a median, and medians do not add up
    mean = drawn.mean(axis=2)
    drawn = together(drawn, errors, seed=how.seed) if errors.shape[1] else drawn
    past = _past(nodes, said, horizon, how.seed)
    choice = choose(hierarchy, past) if past else None
    method = choice.method if choice else METHODS[0]
    made = reconcile(hierarchy, mean, drawn, errors, method=method)
    assert made.paths is not None
    levels = hierarchy.levels[: hierarchy.sums.shape[0]]
    scores = [_scored(hierarchy, each, method, how.seed) for each in past]
    none = np.empty((len(levels), 0, horizon))
    return Nested(
        base=base,
        mean=made.mean,
        drawn=made.paths,
        choice=choice,
        groups=np.unique(levels, return_inverse=True)[1],
        period_scores=np.stack([period for period, _ in scores], axis=1) if scores else none,
        sum_scores=np.stack([total for _, total in scores], axis=1) if scores else none,
        pool=how.pool,
    )


def summed(panel: Panel, hierarchy: Hierarchy) -> Panel:
    """Add histories up to all nodes; a sum begins with the first of its series, which count as zero before they begin.

    Raises:
        BadInput: ``forecast.hierarchy_series``.
    """
    odd = sorted(set(panel.ids) ^ set(hierarchy.bottom))
    if odd:
        raise BadInput([problem("forecast.hierarchy_series", series=name) for name in odd])
    row = {name: place for place, name in enumerate(panel.ids)}
    bottom = panel.values[[row[name] for name in hierarchy.bottom]]
    values = aggregate(hierarchy, np.nan_to_num(bottom))
    begun = aggregate(hierarchy, np.isfinite(bottom).astype(np.float64)) > 0.0
    return Panel.of(hierarchy.ids, panel.horizon, np.where(begun, values, np.nan))


def _ends(nodes: Panel, horizon: int) -> list[int]:
    """Place the past origins, earliest first: where every node has a past, and a whole horizon has come since."""
    apart = max(1, horizon // 2)
    ends = [len(nodes.horizon) - horizon - apart * number for number in reversed(range(ORIGINS))]
    return [end for end in ends if end > 0 and len(nodes.until(end).ids) == len(nodes.ids)]


def _errors(nodes: Panel, said: dict[int, tuple[Floats, Floats]], known: int, horizon: int) -> Floats:
    """Give the errors of past origins that are known at a column, shape (nodes, errors)."""
    parts = [np.empty((len(nodes.ids), 0))]
    for end, (mean, _) in said.items():
        reach = min(horizon, known - end)
        if reach > 0:
            parts.append(nodes.values[:, end : end + reach] - mean[:, :reach])
    return np.concatenate(parts, axis=1)


def _past(nodes: Panel, said: dict[int, tuple[Floats, Floats]], horizon: int, seed: int) -> list[Past]:
    """Put the past origins that already had errors of their own to learn from as `choose` wants them."""
    made = []
    for end, (mean, drawn) in said.items():
        errors = _errors(nodes, said, end, horizon)
        if errors.shape[1] < MIN_ERRORS:
            continue
        change = np.diff(np.nan_to_num(nodes.values[:, :end]), axis=1)
        made.append(
            Past(
                mean=mean,
                paths=together(drawn, errors, seed=seed),
                errors=errors,
                actual=nodes.values[:, end : end + horizon],
                scale=np.sqrt((change**2).mean(axis=1)),
            )
        )
    return made


def _scored(hierarchy: Hierarchy, past: Past, method: Method, seed: int) -> tuple[Floats, Floats]:
    """Say at which level of its reconciled paths each sum fell, by period and from the first one on, shape (sums, horizon)."""
    count = hierarchy.sums.shape[0]
    made = reconcile(hierarchy, past.mean, past.paths, past.errors, method=method)
    assert made.paths is not None
    paths, actual = made.paths[:count], past.actual[:count]
    tie = generator(seed, "hierarchy", str(past.errors.shape[1])).random(actual.shape)
    return pit(paths, actual, tie), pit(np.cumsum(paths, axis=1), np.cumsum(actual, axis=1), tie)
