"""A choice with its demand rows priced instead of kept: a bound for any prices, and prices that make it a good one.

With a price for each customer's kilogram, the facilities fall apart. What an open one is worth is a knapsack: serve the
customers with most profit until the capacity is full. Then open those that are worth more than they cost, as few and as
many as may be open. No plan costs less than the prices of all demand less what these facilities are worth, whatever
the prices are; raising them where demand lacks and lowering them where it is met twice makes the bound better.

Source: Beasley (1988), An algorithm for solving large capacitated warehouse location problems; Held, Wolfe & Crowder
(1974), Validation of subgradient optimization.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from oreloop.plan.choice.problem import Choice
from oreloop.plan.model import Flags, Floats, Ints

_PATIENCE = 12
"""Steps without a better bound before steps get shorter."""
_SHORTER = 0.6
_MOMENTUM = 0.7
"""Share of the last direction kept in the next: it damps the zigzag of subgradients."""
_LONGEST, _SHORTEST = 1.0, 1e-3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Node:
    """Part of all choices: those with some facilities open and some closed, each shape ``(facilities,)``."""

    on: Flags
    off: Flags

    @classmethod
    def root(cls, choice: Choice) -> Node:
        """Give all choices; a facility whose minimum order is more than it can carry stays closed."""
        off = choice.least > choice.capacity
        return cls(on=np.zeros_like(off), off=off)

    @property
    def free(self) -> Ints:
        """The facilities that are neither."""
        return np.flatnonzero(~(self.on | self.off))

    def with_one(self, facility: int, opened: bool) -> Node:
        """Give the part in which one facility more is settled."""
        on, off = self.on.copy(), self.off.copy()
        (on if opened else off)[facility] = True
        return Node(on=on, off=off)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Priced:
    """What prices say about a node.

    Args:
        prices: money per kg, shape ``(customers,)``.
        bound: no choice of the node costs less; infinite when it holds none.
        reduced: what opening each costs less what it is worth, shape ``(facilities,)``; infinite where closed.
        taken: which are open at these prices, shape ``(facilities,)``.
        carried: kg that each customer gets from them, shape ``(customers,)``.
    """

    prices: Floats
    bound: float
    reduced: Floats
    taken: Flags
    carried: Floats


def price(choice: Choice, node: Node, prices: Floats) -> Priced:
    """Bound the choices of a node from below by prices of each customer's kg, shape ``(customers,)``."""
    alive = np.flatnonzero(~node.off)
    flows, worth = fill(choice, alive, prices)
    reduced = np.full(len(node.off), np.inf)
    reduced[alive] = choice.open_cost[alive] - worth
    taken = select(choice, node, reduced)
    paid = float(prices @ choice.demand)
    return Priced(
        prices=prices,
        bound=np.inf if taken is None else paid + float(reduced[taken].sum()),
        reduced=reduced,
        taken=node.on if taken is None else taken,
        carried=flows[node.on[alive] if taken is None else taken[alive]].sum(axis=0),
    )


def fill(choice: Choice, facilities: Ints, prices: Floats) -> tuple[Floats, Floats]:
    """Let each facility carry what earns most at prices; kg of each pair, and money earned by each.

    It carries all that earns something, up to its capacity, and what loses least, up to its minimum order.
    """
    profit, most = prices - choice.unit_cost[facilities], choice.most[facilities]
    capacity, least = choice.capacity[facilities], choice.least[facilities]
    flows = np.where(profit > 0.0, most, 0.0)
    total = flows.sum(axis=1)
    tight = np.flatnonzero((total > capacity) | (total < least))
    if tight.size:
        rows = tight[:, None]
        order = np.argsort(-profit[tight], axis=1, kind="stable")
        room = most[rows, order]
        before = np.cumsum(room, axis=1) - room
        level = np.minimum(np.maximum(total, least), capacity)[rows]
        flows[rows, order] = np.minimum(np.maximum(level - before, 0.0), room)
    return flows, (profit * flows).sum(axis=1)


def select(choice: Choice, node: Node, reduced: Floats) -> Flags | None:
    """Open the facilities that reduced costs speak for, as few and as many as must be; None when no number will do."""
    free = node.free
    ranked = free[np.argsort(reduced[free], kind="stable")]
    opened = int(node.on.sum())
    fewest, most = choice.fewest - opened, choice.at_most - opened
    count = min(max(int((reduced[free] < 0.0).sum()), fewest), most)
    if most < 0 or fewest > min(most, len(free)):
        return None
    taken = node.on.copy()
    taken[ranked[: max(count, 0)]] = True
    return taken


def flipped(choice: Choice, node: Node, at: Priced, facility: int, opened: bool) -> float:
    """Bound the part of a node in which a facility is open (or closed), by the prices at hand."""
    part = node.with_one(facility, opened)
    taken = select(choice, part, at.reduced)
    return np.inf if taken is None else float(at.prices @ choice.demand + at.reduced[taken].sum())


def first_prices(choice: Choice) -> Floats:
    """Prices to start from: what the second cheapest facility asks of each customer, shape ``(customers,)``."""
    asked = np.where(choice.most > 0.0, choice.unit_cost, np.inf)
    cheapest = np.sort(asked, axis=0)[: min(2, len(asked))]
    return np.where(np.isfinite(cheapest[-1]), cheapest[-1], np.where(np.isfinite(cheapest[0]), cheapest[0], 0.0))


def climb(
    choice: Choice,
    node: Node,
    prices: Floats,
    *,
    steps: int,
    cutoff: Callable[[], float],
    seen: Callable[[Priced], None],
) -> tuple[Priced, Floats]:
    """Raise the bound of a node by moving its prices; stops once it reaches the cutoff.

    Args:
        choice: the choice.
        node: the part of it.
        prices: where to start, shape ``(customers,)``.
        steps: at most so many.
        cutoff: the bound at which the node is done; asked each time, as a better choice may be found on the way.
        seen: told of every better bound.

    Returns:
        The best found, and how often each facility was taken on the way, late steps weighing more.
    """
    scale = np.where(choice.demand > 0.0, choice.demand, np.inf)
    at = best = price(choice, node, prices)
    seen(best)
    often = at.taken.astype(np.float64)
    heading = np.zeros_like(prices)
    length, idle = _LONGEST, 0
    for _ in range(steps):
        lacking = (choice.demand - at.carried) / scale
        heading = lacking + _MOMENTUM * heading
        square = float(heading @ heading)
        if best.bound >= cutoff() or square < 1e-24 or length < _SHORTEST:
            break
        # A far cutoff says little about how far the bound can rise.
        hope = min(cutoff(), best.bound + 0.05 * abs(best.bound) + 1e-9) - at.bound
        at = price(choice, node, at.prices + length * hope / square * heading / scale)
        often += 0.1 * (at.taken - often)
        if at.bound > best.bound + 1e-8 * abs(best.bound):
            best, idle = at, 0
            seen(best)
        else:
            idle += 1
        if idle >= _PATIENCE:
            length, idle, at, heading = length * _SHORTER, 0, best, np.zeros_like(heading)
    return best, often
