"""The proof of a choice, and its check in exact rational arithmetic. No solver is known here.

The leaves split all choices. Each has prices; that no choice of the leaf costs less than they say holds for *any*
prices (`oreloop.plan.choice.relax`), so that altered ones can only make the proof weaker.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from oreloop.base.errors import problem
from oreloop.plan.certificate import Verdict, judged
from oreloop.plan.choice.problem import Choice
from oreloop.plan.choice.relax import Node, fill
from oreloop.plan.model import Flags, Floats
from oreloop.plan.proof.exact import finite

GAP = Fraction(1, 10**6)
"""Largest relative distance between cost and bound of a choice that is accepted."""

_ONE = Fraction(1)

Exact = npt.NDArray[Any]
"""Python integers in an array."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Leaf:
    """Part of all choices, and prices that bound it.

    Args:
        on, off: facilities that are open and closed in it, shape ``(facilities,)``.
        prices: money per kg, shape ``(customers,)``.
        bound: what the prices say, in floating point.
    """

    on: Flags
    off: Flags
    prices: Floats
    bound: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Proved:
    """The cheapest choice, with its proof.

    Args:
        objective: cost, opening included.
        bound: no choice costs less.
        is_open: shape ``(facilities,)``.
        flows: kg, shape ``(facilities, customers)``.
        leaves: the proof.
        nodes: how many nodes were searched.
    """

    objective: float
    bound: float
    is_open: Flags
    flows: Floats
    leaves: tuple[Leaf, ...]
    nodes: int

    @property
    def gap(self) -> float:
        """Relative distance of cost and bound."""
        return (self.objective - self.bound) / max(1.0, abs(self.objective))


def verify_choice(proved: Proved, choice: Choice) -> Verdict:
    """Check a proof against a choice, exactly.

    Problems: ``plan.certificate_form`` (arrays that do not fit, or leaves that leave something out),
    ``plan.certificate_primal`` (the flows are not feasible), ``plan.certificate_gap`` (not proved cheapest).
    """
    if not _fits(proved, choice) or not _covers(proved.leaves, Node.root(choice)):
        return Verdict(accepted=False, problems=(problem("plan.certificate_form"),))
    objective, residual = _cost_and_miss(proved, choice)
    bounds = [each for each in _bounds(proved.leaves, choice) if each is not None]
    bound = min(bounds, default=None)
    return judged(objective, bound, residual, claimed=GAP)


def _fits(proved: Proved, choice: Choice) -> bool:
    facilities, customers = choice.shape
    return (
        proved.flows.shape == choice.shape
        and proved.is_open.shape == (facilities,)
        and bool(np.isfinite(proved.flows).all())
        and all(
            each.on.shape == each.off.shape == (facilities,)
            and each.prices.shape == (customers,)
            and bool(np.isfinite(each.prices).all())
            for each in proved.leaves
        )
    )


def _covers(leaves: Sequence[Leaf], root: Node) -> bool:
    """Tell whether every way of opening facilities lies in some leaf: split by a facility that all leaves settle."""
    given = [(_bits(each.on), _bits(each.off)) for each in leaves]
    open_parts = [(given, _bits(root.on | root.off))]
    while open_parts:
        part, settled = open_parts.pop()
        if any(not (on | off) & ~settled for on, off in part):
            continue
        common = -1
        for on, off in part:
            common &= on | off
        common &= ~settled
        if not part or common <= 0:
            return False
        split = common & -common
        open_parts.extend(([each for each in part if each[side] & split], settled | split) for side in (0, 1))
    return True


def _bits(flags: Flags) -> int:
    return int.from_bytes(np.packbits(flags, bitorder="little").tobytes(), "little")


def _cost_and_miss(proved: Proved, choice: Choice) -> tuple[Fraction, Fraction]:
    """The exact cost of the flows, and by how much they miss a rule at most, relative to the larger of 1 and the kg."""
    opened = proved.is_open.astype(np.float64)
    used = np.nonzero(proved.flows)
    cost = sum((Fraction(each) for each in choice.open_cost[proved.is_open].tolist()), Fraction(0))
    carried, served = [Fraction(0)] * choice.shape[0], [Fraction(0)] * choice.shape[1]
    miss = Fraction(max(0, int(proved.is_open.sum()) - choice.at_most))
    for i, j in zip(*(each.tolist() for each in used), strict=True):
        kg = Fraction(float(proved.flows[i, j]))
        cost += kg * Fraction(float(choice.unit_cost[i, j]))
        carried[i] += kg
        served[j] += kg
        miss = max(miss, -kg, kg - Fraction(float(choice.most[i, j] * opened[i])))
    for kg, wanted in zip(served, choice.demand.tolist(), strict=True):
        miss = max(miss, abs(kg - Fraction(wanted)) / max(_ONE, Fraction(wanted)))
    for kg, most, least in zip(carried, choice.capacity * opened, choice.least * opened, strict=True):
        high, low = Fraction(float(most)), Fraction(float(least))
        miss = max(miss, (kg - high) / max(_ONE, high), (low - kg) / max(_ONE, low))
    return cost, miss


def _bounds(leaves: Sequence[Leaf], choice: Choice) -> list[Fraction | None]:
    """The exact bound of each leaf; None for a leaf in which no number of open facilities will do."""
    by_prices: dict[bytes, list[Leaf]] = {}
    for each in leaves:
        by_prices.setdefault(each.prices.tobytes(), []).append(each)
    return [bound for group in by_prices.values() for bound in _of_prices(group, choice)]


def _of_prices(leaves: Sequence[Leaf], choice: Choice) -> list[Fraction | None]:
    prices = leaves[0].prices
    alive = np.flatnonzero(~np.all([each.off for each in leaves], axis=0))
    margin = _margin(choice, alive, prices)
    money, (price, unit, edge) = _whole(prices, choice.unit_cost[alive], margin)
    mass, (kg, most, capacity, least) = _whole(
        choice.demand, choice.most[alive], choice.capacity[alive], choice.least[alive]
    )
    worth = (np.maximum(price - unit - edge[:, None], 0) * most).sum(axis=1)
    worth = worth + np.where(edge > 0, edge * capacity, edge * least)
    scale = money * mass
    reduced = {
        facility: Fraction(cost) - Fraction(int(earned)) / scale
        for facility, cost, earned in zip(alive.tolist(), choice.open_cost[alive].tolist(), worth, strict=True)
    }
    paid = Fraction(int((price * kg).sum())) / scale
    return [_selected(paid, reduced, each, choice) for each in leaves]


def _selected(paid: Fraction, reduced: dict[int, Fraction], leaf: Leaf, choice: Choice) -> Fraction | None:
    on = [reduced[each] for each in np.flatnonzero(leaf.on).tolist() if each in reduced]
    free = sorted(reduced[each] for each in np.flatnonzero(~(leaf.on | leaf.off)).tolist())
    fewest, most = max(choice.fewest - len(on), 0), choice.at_most - len(on)
    if most < 0 or fewest > min(most, len(free)):
        return None
    gains = sum(1 for each in free if each < 0)
    return paid + sum(on, Fraction(0)) + sum(free[: min(max(gains, fewest), most)], Fraction(0))


def _margin(choice: Choice, facilities: npt.NDArray[np.int64], prices: Floats) -> Floats:
    """What one kg more of each facility's capacity earns (one of a minimum order: loses). Any number is a valid one."""
    flows, _ = fill(choice, facilities, prices)
    profit = prices - choice.unit_cost[facilities]
    most, total = choice.most[facilities], flows.sum(axis=1)
    marginal = np.where(flows > 0.0, profit, np.inf).min(axis=1, initial=np.inf)
    wanted = np.where(profit > 0.0, most, 0.0).sum(axis=1)
    tight = (wanted > choice.capacity[facilities]) | (wanted < choice.least[facilities])
    return np.where(tight & (total > 0.0), marginal, 0.0) + 0.0


def _whole(*arrays: Floats) -> tuple[int, list[Exact]]:
    """Write floats as whole numbers of one common part: how many parts are one, and the arrays."""
    read = finite(np.concatenate([each.ravel() for each in arrays]))
    parts = np.split(np.array(read.values, dtype=object), np.cumsum([each.size for each in arrays[:-1]]))
    return 1 << read.scale, [part.reshape(each.shape) for part, each in zip(parts, arrays, strict=True)]
