"""Whole numbers by linear programs: mostly orders come out whole by themselves, or a small tree makes them so.

Branch and bound, least bound first, one linear program a node. The first starts from the basis of the program held, each
other from where that of the node it was split from ended: so an answer does not depend on what was asked before. Before a
split, whole-number columns are moved to whole numbers wherever no row minds and the cost does not rise; an order that costs
nothing but must be of some size is free to be whole once it has that size. Split is the column farthest from being whole,
each counted as often as rows hang on it.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from oreloop.plan.highs import HIGHS, HeldByHighs, Highs, Optimal, Outcome, Solver, Stopped, Warm, with_whole
from oreloop.plan.model import Floats, Model

GAP = 5e-10
"""Relative distance of cost and bound at which a search is done: half of what a certificate may leave."""
NODES = 200
"""Linear programs after which a tree is not small."""
LONGER = Highs(nodes=100)
"""A longer search: half a minute, where a year of charged campaigns of many processes is planned."""


@dataclass(slots=True, kw_only=True)
class Node:
    """A box, what its linear program said, and how it was split.

    Args:
        lower, upper: the box, shapes ``(columns,)``.
        told: the outcome of the linear program.
        place: where the solver ended, if it tells.
        split: the column, and the whole number below which the first child stays; None for a leaf.
        children: none, or two.
    """

    lower: Floats
    upper: Floats
    told: Outcome
    place: Any = None
    split: tuple[int, int] | None = None
    children: list[Node] = field(default_factory=list)

    @property
    def bound(self) -> float:
        """No point of the box costs less; nothing is known where the solver failed."""
        match self.told:
            case Optimal(objective=objective):
                return objective
            case Stopped(status="infeasible"):
                return float("inf")
            case Stopped():
                return float("-inf")

    def leaves(self) -> Iterator[Node]:
        """Give the boxes that cover this one."""
        left = [self]
        while left:
            node = left.pop()
            left.extend(node.children)
            if not node.children:
                yield node


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a search came to.

    Args:
        best: the cheapest point that is whole, with the duals of the program in which its whole numbers are fixed; None
            where none was found.
        root: the tree.
        closed: whether nothing cheaper is left anywhere, up to `GAP`.
    """

    best: Optimal | None
    root: Node
    closed: bool


def search(model: Model, relaxed: Model, warm: Warm, *, nodes: int = NODES, best: Optimal | None = None) -> Found:
    """Look for the cheapest whole point.

    Args:
        model: a program with whole-number columns.
        relaxed: the same program without that demand.
        warm: holds ``relaxed``, or a program that differs from it in vectors only.
        nodes: most linear programs of the tree.
        best: a point known before.
    """

    def resolved(asked: Model, since: Any) -> Outcome:
        if since is not None and isinstance(warm, HeldByHighs):
            warm.go_back(since)
        told = warm.resolve(asked, onward=True)
        # Where the last basis was a bad start, that of the program held may be a better one.
        return warm.resolve(asked) if isinstance(told, Stopped) and told.status != "infeasible" else told

    def solved(lower: Floats, upper: Floats, since: Any) -> Node:
        told = resolved(replace(relaxed, lower=lower, upper=upper), since)
        return Node(lower=lower, upper=upper, told=told, place=_place(warm))

    def whole(point: Floats, since: Any) -> Optimal | None:
        fixed = with_whole(model, point)
        told = resolved(fixed, since)
        # What is fixed at 1 may come back as 0.9999999999999996.
        return (
            replace(told, primal=np.where(model.integer, fixed.lower, told.primal))
            if isinstance(told, Optimal)
            else None
        )

    root = Node(lower=model.lower, upper=model.upper, told=warm.resolve(relaxed), place=None)
    root.place = _place(warm)
    # A choice that much hangs on is made first: a contract before each of the orders under it.
    ties = np.diff(model.indptr)
    waiting = [(root.bound, 0, root)]
    count = 1
    while waiting and not _beaten(waiting[0][0], best):
        node = heapq.heappop(waiting)[2]
        if not isinstance(node.told, Optimal):
            return Found(best=best, root=root, closed=False)
        point, off = freely_rounded(model, node.told)
        if not off.any():
            best = _cheaper(_moved(model, node.told, point) or whole(point, node.place), best)
        elif node is root:
            for guess in (np.ceil(point - _NEAR), np.rint(point)):
                best = best if _beaten(node.bound, best) else _cheaper(whole(guess, node.place), best)
        if _beaten(node.bound, best):
            continue
        if count >= nodes:
            return Found(best=best, root=root, closed=False)
        if not off.any():
            point, off = node.told.primal, _off(model, node.told.primal)
        column = int(np.argmax(off * ties))
        at = int(np.floor(point[column]))
        if off[column] == 0.0 or not node.lower[column] <= at < node.upper[column]:
            continue
        node.split = (column, at)
        below, above = node.upper.copy(), node.lower.copy()
        below[column], above[column] = at, at + 1
        node.children = [solved(node.lower, below, node.place), solved(above, node.upper, node.place)]
        for child in node.children:
            count += 1
            heapq.heappush(waiting, (child.bound, count, child))
    return Found(best=best, root=root, closed=True)


def _place(warm: Warm) -> Any:
    return warm.place if isinstance(warm, HeldByHighs) else None


def _beaten(bound: float, best: Optimal | None) -> bool:
    """Whether nothing is to be found above a bound."""
    return bound == np.inf or (best is not None and bound >= best.objective - GAP * max(1.0, abs(best.objective)))


def _moved(model: Model, told: Optimal, point: Floats) -> Optimal | None:
    """The optimum moved to another point of the same cost; None where that misses a row after all.

    The duals stay: they prove that no point of the larger box costs less, so none of the smaller does.
    """
    rows = told.rows + np.bincount(
        model.indices, model.data * (point - told.primal)[model.entry_columns], len(told.rows)
    )
    beyond = np.maximum(model.row_lower - rows, rows - model.row_upper)
    dearer = model.cost @ (point - told.primal)
    return None if max(beyond.max(initial=0.0), dearer) > _MISSED else replace(told, primal=point, rows=rows)


def _cheaper(found: Optimal | None, best: Optimal | None) -> Optimal | None:
    return found if found is not None and (best is None or found.objective < best.objective) else best


def _off(model: Model, primal: Floats) -> Floats:
    """How far each whole-number column is from being whole, shape ``(columns,)``."""
    return np.where(model.whole, np.abs(primal - np.rint(primal)), 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """A solver of linear programs that also answers for whole numbers: by a small tree, and a longer search if asked to.

    Where neither comes to an end, the answer leaves a distance between its cost and its `Optimal.bound`.

    Args:
        solver: what solves the linear programs.
        nodes: linear programs of a small tree.
        longer: what goes on where the tree is not small; None: then the best point of the small tree is the answer.
    """

    solver: Solver = HIGHS
    nodes: int = NODES
    longer: Solver | None = None

    def solve(self, model: Model) -> Outcome:
        """Solve from nothing."""
        return self.warm(model).resolve(model)

    def warm(self, model: Model, *, like: Warm | None = None) -> Warm:
        """Hold a model, for many solves that differ in vectors only.

        Args:
            model: the model.
            like: holds a model that is much the same, from whose optimum the first solve starts where the solver can.
        """
        held = _Held(model, self) if model.has_integers else self.solver.warm(model)
        mine, other = _linear(held), _linear(like)
        if isinstance(mine, HeldByHighs) and isinstance(other, HeldByHighs):
            mine.start_like(other)
        return held


class _Held:
    """A program with whole-number columns, held without that demand."""

    def __init__(self, model: Model, settings: Searched) -> None:
        self._settings, self._base, self._relaxed = settings, model, model.relaxed()
        self.linear = settings.solver.warm(self._relaxed)

    def resolve(self, model: Model, *, onward: bool = False) -> Outcome:
        """Search for whole numbers, always from the optimum of the program held."""
        relaxed = self._relaxed if model is self._base else model.relaxed()
        found = search(model, relaxed, self.linear, nodes=self._settings.nodes)
        best, bound = found.best, min((leaf.bound for leaf in found.root.leaves()), default=np.inf)
        if not found.closed and (best is None or self._settings.longer is not None):
            told = (self._settings.longer or LONGER).solve(model)
            more = told if isinstance(told, Optimal) else told.best
            best = _cheaper(more, best)
            bound = max(bound, more.bound if more is not None and more.bound is not None else bound)
            if best is None:
                return told
        if best is None:
            return found.root.told if isinstance(found.root.told, Stopped) else _NOTHING_WHOLE
        return replace(best, bound=min(bound, best.objective))


def _linear(held: Warm | None) -> Warm | None:
    """What solves the linear programs of what is held."""
    return held.linear if isinstance(held, _Held) else held


def freely_rounded(model: Model, told: Optimal) -> tuple[Floats, Floats]:
    """Move whole-number columns to whole numbers where no row minds and the cost does not rise.

    Returns:
        The point, and for each column how far it is from being whole, at most one half; shapes ``(columns,)``.
    """
    columns = np.flatnonzero(model.integer)
    down, up = _room(model, told)
    cost, at = model.cost[columns], told.primal[columns]
    low = np.where(cost >= 0, np.maximum(at - down[columns], model.lower[columns]), at)
    high = np.where(cost <= 0, np.minimum(at + up[columns], model.upper[columns]), at)
    wanted = np.where(cost > 0, low, high)
    whole = np.where(cost > 0, np.ceil(low - _NEAR), np.floor(high + _NEAR))
    free = (whole >= low - _NEAR) & (whole <= high + _NEAR)
    point, off = told.primal.copy(), np.zeros(len(told.primal))
    point[columns] = np.where(free, whole, wanted)
    off[columns] = np.where(free, 0.0, np.abs(wanted - np.rint(wanted)))
    return point, off


def _room(model: Model, told: Optimal) -> tuple[Floats, Floats]:
    """How far each column can go down and up, all others staying, before a row is missed."""
    live = model.data != 0
    rows, at, value = model.indices[live], model.entry_columns[live], model.data[live]
    rises = value > 0
    below = np.maximum(told.rows - model.row_lower, 0.0)[rows] / np.abs(value)
    above = np.maximum(model.row_upper - told.rows, 0.0)[rows] / np.abs(value)
    down, up = np.full(len(model.cost), np.inf), np.full(len(model.cost), np.inf)
    np.minimum.at(down, at, np.where(rises, below, above))
    np.minimum.at(up, at, np.where(rises, above, below))
    return down, up


_NEAR = 1e-7
"""How far from a whole number a value may be to be taken for one."""
_NOTHING_WHOLE = Stopped(status="infeasible", said="Infeasible")
_MISSED = 1e-9
"""How far a row may be missed: as far as by the linear programs themselves."""
