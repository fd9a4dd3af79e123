"""The distribution of lead-time totals of a whole table: learned at its past origins, read at its end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from oreloop.base.errors import BadInput
from oreloop.forecast.panel import Floats, Ints
from oreloop.forecast.totals.kernels import KERNELS
from oreloop.forecast.totals.learning import GRID, Learned, learn, pieces, read_levels
from oreloop.forecast.totals.rates import smooth_rates

_PART, _CHUNK = 16_384, 1_024
"""Series handed to one process, and worked on at once so that their arrays stay in the processor's cache."""

Task = tuple[Learned, Floats, Ints]
Part = tuple[Floats, Floats]
Mapped = Callable[[Callable[[Task], Part], Iterable[Task]], Iterable[Part]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Totals:
    """The distribution of the demand of the next periods, summed, of each series.

    Args:
        mean: shape (series,); demand a period, the mean of four rates (`rates.Smoothed.combined`), in the unit of the history. It is
            not the integral of the quantiles, which are fitted to lose least pinball in units of each series' own scale.
        weights: shape (series, kernels), names in `KERNELS`; mean over levels of what was learned, summing to one.
        scores: shape (series, kernels); backtested pinball loss over the scale of the series, NaN where there is none.
        horizon: periods in the longest total.
    """

    mean: Floats
    weights: Floats
    scores: Floats
    horizon: int
    _values: Floats
    _start: Ints
    _seed: int
    _mapped: Mapped
    _piece: Floats
    _known: dict[int, Floats]

    def quantiles(self, levels: Floats, step: int) -> Floats:
        """Give quantiles of the total of the first ``step`` periods; never negative, growing with level and with step.

        Those of the whole horizon are at hand. Shorter totals are learned when they are asked for: at the steps that
        halve the horizon, straight lines between them, and never above a longer total.

        Args:
            levels: shape (levels,), within 0..1; beyond 0.005 and 0.995 the outermost quantiles stand.
            step: 1..horizon.

        Returns:
            Shape (series, levels), in whole pieces of the series (`learning.pieces`).

        Raises:
            BadInput: ``forecast.total_step`` for a step outside 1..horizon.
        """
        if not 1 <= step <= self.horizon:
            raise BadInput.of("forecast.total_step", got=step, expected=self.horizon)
        halves = self._halves()
        above = min(half for half in halves if half >= step)
        grid = self._grid(above)
        if above > step:
            below = above // 2
            shorter = self._grid(below)
            grid = shorter + (step - below) / (above - below) * (grid - shorter)
        read = read_levels(grid, np.asarray(levels, dtype=np.float64))
        piece = self._piece[:, None]
        return np.where(piece > 0.0, piece * np.rint(read / np.where(piece > 0.0, piece, 1.0)), read)

    def _halves(self) -> list[int]:
        """Name the steps that are learned: the horizon, its half, and so on down to one."""
        halves = [self.horizon]
        while halves[-1] > 1:
            halves.append(halves[-1] // 2)
        return halves

    def _grid(self, step: int) -> Floats:
        """Learn a total once; never above the next longer one."""
        if step not in self._known:
            learned, _ = learn(self._values, self._start, step, self._seed)
            longer = self._grid(min(half for half in self._halves() if half // 2 == step and half > step))
            self._known[step] = np.minimum(_read(learned, self._values, self._start, self._mapped)[0], longer)
        return self._known[step]


def fit_totals(
    values: Floats,
    start: Ints,
    horizon: int,
    *,
    seed: int = 0,
    mapped: Mapped = map,
) -> Totals:
    """Learn the distribution of lead-time totals from a table of series.

    At past origins of the same table a count model of all series is learned (`count.learn_count`), and with which
    weights to combine kernels level by level (`stacking.stack`); then the levels are corrected by class of demand
    (`calibration.hold`). A table that is too small to learn from gets equal weights.
    New, dead and empty series: see `kernels.kernel_quantiles`.

    Args:
        values: shape (series, periods), >= 0, NaN before ``start``; each series ends in the last column.
        start: shape (series,); first column of each series.
        horizon: periods in the longest total.
        seed: of the drawing of the part of a long table that is learned from.
        mapped: applies a function to tasks in order: ``map``, or the ``map`` of a pool of processes. The result does
            not depend on it.

    Raises:
        BadInput: ``forecast.total_horizon`` for a horizon below one.

    >>> table = np.array([[0.0, 2.0, 0.0, 0.0, 1.0, 0.0, 3.0, 0.0, 0.0, 2.0]])
    >>> made = fit_totals(table, np.array([0]), 2)
    >>> made.quantiles(np.array([0.1, 0.5, 0.9]), 2)
    array([[0., 2., 3.]])
    """
    if horizon < 1:
        raise BadInput.of("forecast.total_horizon", got=horizon)
    learned, scores = learn(values, start, horizon, seed)
    grid, mean = _read(learned, values, start, mapped)
    weights = learned.weights.mean(axis=0)
    share = weights / weights.sum() if weights.sum() > 0.0 else np.full(len(KERNELS), 1.0 / len(KERNELS))
    return Totals(
        mean=mean, weights=np.broadcast_to(share, (len(values), len(KERNELS))), scores=scores,
        horizon=horizon, _values=values, _start=start, _seed=seed, _mapped=mapped,
        _piece=pieces(values), _known={horizon: grid},
    )  # fmt: skip


def _read(learned: Learned, values: Floats, start: Ints, mapped: Mapped) -> Part:
    rows = [slice(first, first + _PART) for first in range(0, len(values), _PART)]
    parts = [*mapped(part_grid, ((learned, values[part], start[part]) for part in rows))]
    grid, mean = np.empty((len(values), len(GRID))), np.empty(len(values))
    for part, (one, average) in zip(rows, parts, strict=True):
        grid[part], mean[part] = one, average
    return grid, mean


def part_grid(task: Task) -> Part:
    """Read the distributions of a part of a table, chunk by chunk; can be handed to another process.

    Args:
        task: what was learned, values and start of the part.

    Returns:
        Quantiles, shape (series, levels of `learning.GRID`), and mean demand a period, shape (series,).
    """
    learned, values, start = task
    grid, mean = np.empty((len(values), len(GRID))), np.empty(len(values))
    for first in range(0, len(values), _CHUNK):
        rows = slice(first, first + _CHUNK)
        rates = smooth_rates(values[rows], start[rows])
        grid[rows], mean[rows] = learned.grid(values[rows], start[rows], rates), rates.combined
    return grid, mean
