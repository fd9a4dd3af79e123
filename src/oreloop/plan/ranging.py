"""How far a price holds when a right-hand side moves: exact, for any solver, also where a plan is degenerate.

Give a right-hand side a lever: a column that moves it one way, fixed at zero. The optimum as a function of the move, less
the optimum at zero, is convex and piecewise linear. Its first piece has the slope ``inf change(u) / u`` over
``u > 0``, a fraction that Dinkelbach's iteration minimises (W. Dinkelbach, "On nonlinear fractional programming",
Management Science 13, 1967): minimise ``change(u) - slope * u`` over plan and lever together, take the slope of the chord
to the point found, repeat until no point lies below the chord. The last point found is where the first piece ends.

Each answer is proved by its own solves: at the end of a piece the optimum is what the price says, and a convex function
that meets its tangent at two points is that tangent between them. That a piece has no end is proved too: far out the optimum
changes by what one unit costs where no bound is left but those at zero (the recession program; R. T. Rockafellar, "Convex
Analysis", 1970, section 8); where that is the first price, the price never changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf

import numpy as np

from oreloop.base.errors import Unavailable
from oreloop.plan.blocks import Builder
from oreloop.plan.highs import HIGHS, Optimal, Solver
from oreloop.plan.model import Floats, Model

SAME = 1e-6
"""Prices that differ by less, relative to their size (and to one unit of money), count as one price."""
TINY = 1e-6
"""A move of a right-hand side by less (a milligram, where units are kg) counts as none."""
FAR = 1e4
"""A price that changes this many times farther out than every term at its box counts as one that never does."""
_WAYS = (1.0, -1.0)
"""More, less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """A right-hand side that may move: both bounds of a row, the upper bound of a column, or several as one.

    Args:
        rows: positions of the rows.
        column: position of the column; None for rows alone.
        more: 1.0 where one unit more is a larger number, -1.0 where it is a smaller one (a floor that is eased).
    """

    rows: tuple[int, ...] = ()
    column: int | None = None
    more: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """What a move of a right-hand side is worth. The two prices differ where a plan is degenerate.

    Args:
        value: by how much the optimum falls for one unit more; minus infinity where there can be no more.
        up: units more for which that holds; infinite where it has no end, as also ``down``.
        loss: by how much the optimum rises for one unit less; infinite where no plan can do with less.
        down: units less for which that holds.
    """

    value: float
    up: float
    loss: float
    down: float

    @property
    def is_even(self) -> bool:
        """Whether one unit less costs what one unit more is worth."""
        return self.loss - self.value <= 2 * SAME * max(abs(self.value), 1.0)


def price_ranges(
    model: Model, sides: Sequence[Side], *, box: float | None = None, solver: Solver = HIGHS
) -> list[Range]:
    """Give the price of each right-hand side and the range in which it holds.

    Args:
        model: a linear program that has an optimum.
        sides: the right-hand sides.
        box: how large columns without a bound are at most in any plan of interest. It bounds no answer: it says how far
            to look for an end before asking whether there is one. None where every column has bounds.
        solver: solves it, once from nothing and then from that optimum.

    Raises:
        Unavailable: ``plan.solver_failed`` when there is no optimum.

    A need of 7 is met from a source of 5 at 2 each and then at 3 each: one more from the source saves 1, until it meets
    the whole need; with one less the dearer source steps in, until nothing is left.

    >>> lp = Builder()
    >>> buy = lp.columns("buy", (2,), upper=[5.0, 9.0], cost=[2.0, 3.0])
    >>> need = lp.rows("need", (1,), lower=7.0)
    >>> lp.add(need, 0, buy, buy.all, 1.0)
    >>> [found] = price_ranges(lp.build(), [Side(column=0)])
    >>> [round(each, 6) for each in (found.value, found.up, found.loss, found.down)]
    [1.0, 2.0, 1.0, 5.0]
    """
    if not sides:
        return []
    levers = _Levers(model, sides, box, solver)
    return [levers.range(lever) for lever in range(len(sides))]


class _Levers:
    """One warm program with two levers for each right-hand side: what a lever lies below zero moves it one way.

    A lever has a cost, which means nothing while it is fixed but keeps it at its lower bound in the optimum from which
    every solve starts. There its move is largest once it may move: the program is dual feasible, and dual simplex has a
    short way back.
    """

    def __init__(self, model: Model, sides: Sequence[Side], box: float | None, solver: Solver) -> None:
        self._model = _with_levers(model, sides)
        self._first = len(model.cost)
        self._reach = np.repeat(_reach(model, sides, box), len(_WAYS))
        self._warm = solver.warm(self._model)
        base = self._solved(self._model)
        self._objective = base.objective
        self._slopes = (self._model.cost - base.reduced_costs)[self._first :]

    def range(self, side: int) -> Range:
        """Both directions of one right-hand side."""
        (rise, up), (loss, down) = (self._first_piece(len(_WAYS) * side + at) for at in range(len(_WAYS)))
        return Range(value=-rise, up=up, loss=loss, down=down)

    def _first_piece(self, lever: int) -> tuple[float, float]:
        """Slope and length of the first piece of what the optimum does when a lever moves."""
        # No chord lies below the slope that the dual values say, and mostly it is the one looked for.
        hint = float(self._slopes[lever])
        moved, _ = self._ask(lever, hint + _margin(hint))
        if moved > TINY:
            return hint, self._end(lever, hint, moved)
        length = self._farthest(lever)
        if length <= TINY:
            return inf, 0.0
        slope = self._chord(lever, length)
        while True:
            moved, change = self._ask(lever, slope)
            if moved <= TINY or change / moved >= slope - _margin(slope):
                return slope, self._end(lever, slope, length)
            slope, length = change / moved, moved

    def _end(self, lever: int, slope: float, length: float) -> float:
        """Where a piece ends that was followed so far; infinite where it does not."""
        reach = self._reach[lever] * (1 - SAME)
        if length < reach:
            return length
        if self._lasts(lever, slope):
            return inf
        end, _ = self._ask(lever, slope + _margin(slope), FAR)
        return end if end < FAR * reach else inf

    def _lasts(self, lever: int, slope: float) -> bool:
        """Whether one unit still costs a slope when so many have been moved that only bounds at zero are felt."""
        model = self._model
        lower, upper, row_lower, row_upper = (
            np.where(np.isfinite(bound), 0.0, bound)
            for bound in (model.lower, model.upper, model.row_lower, model.row_upper)
        )
        cost = model.cost.copy()
        cost[self._first :] = 0.0
        lower[self._first + lever] = upper[self._first + lever] = -1.0
        far = replace(model, cost=cost, lower=lower, upper=upper, row_lower=row_lower, row_upper=row_upper, offset=0.0)
        outcome = self._warm.resolve(far)
        return isinstance(outcome, Optimal) and outcome.objective <= slope + 2 * _margin(slope)

    def _ask(self, lever: int, slope: float, times: float = 1.0) -> tuple[float, float]:
        """Where ``change - slope * move`` is least: the move, and the change of the optimum there.

        ``times`` lets the lever go so many times as far.
        """
        cost = self._model.cost.copy()
        cost[self._first + lever] = slope
        moved, objective = self._moved(lever, 0.0, times * self._reach[lever], cost)
        return moved, objective + slope * moved - self._objective

    def _farthest(self, lever: int) -> float:
        """How far the lever can go at all."""
        cost = np.zeros_like(self._model.cost)
        cost[self._first + lever] = 1.0
        return self._moved(lever, 0.0, self._reach[lever], cost)[0]

    def _chord(self, lever: int, move: float) -> float:
        """The slope from zero to a move; the last bits of the move are left to the solver."""
        cost = self._model.cost.copy()
        cost[self._first + lever] = 0.0
        moved, objective = self._moved(lever, move * (1 - 1e-9), move, cost)
        return (objective - self._objective) / moved

    def _moved(self, lever: int, least: float, most: float, cost: Floats) -> tuple[float, float]:
        """The move and the optimum when the lever may move so far."""
        lower, upper = self._model.lower.copy(), self._model.upper.copy()
        lower[self._first + lever], upper[self._first + lever] = -most, -least
        found = self._solved(replace(self._model, cost=cost, lower=lower, upper=upper))
        return -float(found.primal[self._first + lever]), found.objective

    def _solved(self, model: Model) -> Optimal:
        outcome = self._warm.resolve(model)
        if not isinstance(outcome, Optimal):
            raise Unavailable.of("plan.solver_failed", said=outcome.said)
        return outcome


def _margin(slope: float) -> float:
    return SAME * max(abs(slope), 1.0)


def _with_levers(model: Model, sides: Sequence[Side]) -> Model:
    """The program with two more columns for each side, fixed at zero, and a row in place of each column bound that moves."""
    lp = Builder()
    every = np.arange(len(sides))
    moving = np.array([side.column for side in sides if side.column is not None], dtype=np.int64)
    upper = model.upper.copy()
    upper[moving] = np.inf
    plan = lp.columns("plan", (len(model.cost),), lower=model.lower, upper=upper, cost=model.cost)
    lever = lp.columns("lever", (len(sides), len(_WAYS)), upper=0.0, cost=np.abs(model.cost).max())
    rows = lp.rows("plan", (len(model.row_lower),), lower=model.row_lower, upper=model.row_upper)
    lp.add(rows, model.indices, plan, model.entry_columns, model.data)
    bounds = lp.rows("bound", (len(moving),), upper=model.upper[moving])
    lp.add(bounds, bounds.all, plan, moving, 1.0)
    moves = np.outer([side.more for side in sides], _WAYS)
    of_rows = np.repeat(every, [len(side.rows) for side in sides])
    rows_at = np.array([row for side in sides for row in side.rows], dtype=np.int64)
    lp.add(rows, rows_at[:, None], lever, lever.all[of_rows], moves[of_rows])
    of_bound = every[[side.column is not None for side in sides]]
    lp.add(bounds, bounds.all[:, None], lever, lever.all[of_bound], moves[of_bound])
    return lp.build(offset=model.offset)


def _reach(model: Model, sides: Sequence[Side], box: float | None) -> Floats:
    """How far to look for an end: twice every term at its largest, shape ``(sides,)``."""
    largest = np.maximum(np.abs(model.lower), np.abs(model.upper))
    if box is not None:
        largest[np.isinf(largest)] = box
    terms = np.abs(model.data) * largest[model.entry_columns]
    bound = np.abs(np.where(np.isfinite(model.row_lower), model.row_lower, model.row_upper))
    bound[np.isinf(bound)] = 0.0
    rows = np.bincount(model.indices, weights=terms, minlength=model.shape[0]) + bound + 1.0
    return np.array([2 * max(largest.max(), *(rows[row] for row in side.rows), 0.0) for side in sides])
