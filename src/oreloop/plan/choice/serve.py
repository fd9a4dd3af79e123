"""The cheapest flows once it is settled which facilities are open, and the prices that prove it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from oreloop.base.errors import Unavailable
from oreloop.plan.blocks import Builder
from oreloop.plan.choice.problem import Choice
from oreloop.plan.highs import Optimal, Solver, Warm
from oreloop.plan.model import Flags, Floats, Ints, Model

_LACK = 1e-9
"""Kg missing, relative to all demand, that count as none."""
_HELD = 10_000
"""Pairs up to which one program of all facilities, kept warm, is quicker than one of the open ones from nothing."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Served:
    """Flows of an open set.

    Args:
        cost: money, opening included; infinite when the set cannot serve.
        flows: kg, shape ``(facilities, customers)``.
        prices: money per kg that prove it, shape ``(customers,)``.
    """

    cost: float
    flows: Floats
    prices: Floats


class Server:
    """Serves open sets of one choice; a small choice stays with the solver between sets."""

    def __init__(self, choice: Choice, solver: Solver) -> None:
        self._choice, self._solver = choice, solver
        self._held: tuple[Model, Warm] | None = None
        if choice.unit_cost.size <= _HELD:
            model = _program(choice, np.arange(choice.shape[0]))
            self._held = model, solver.warm(model)

    def serve(self, is_open: Flags) -> Served:
        """Serve every customer at least cost from an open set.

        Where no customer shares a scarce capacity, each takes the cheapest; else one linear program decides. What
        cannot be served is left unserved at a price so high that the program's prices prove that the set cannot serve.

        Raises:
            Unavailable: ``plan.solver_failed``.
        """
        return _cheapest_each(self._choice, is_open) or self._programmed(is_open)

    def _programmed(self, is_open: Flags) -> Served:
        choice = self._choice
        if self._held is None:
            facilities = np.flatnonzero(is_open)
            model = _program(choice, facilities)
            outcome = self._solver.solve(model)
        else:
            facilities = np.arange(choice.shape[0])
            whole, warm = self._held
            model = _narrowed(whole, choice, is_open)
            outcome = warm.resolve(model)
        if not isinstance(outcome, Optimal):
            raise Unavailable.of("plan.solver_failed", said=outcome.said)
        flows = np.zeros(choice.shape)
        flows[facilities] = model.of_columns("flow", outcome.primal).reshape(len(facilities), -1)
        missing = sum(float(model.of_columns(name, outcome.primal).sum()) for name in ("short", "under"))
        return Served(
            cost=choice.cost(is_open, flows) if missing <= _LACK * max(float(choice.demand.sum()), 1.0) else np.inf,
            flows=flows,
            prices=model.of_rows("demand", outcome.duals),
        )


def _cheapest_each(choice: Choice, is_open: Flags) -> Served | None:
    opened = np.flatnonzero(is_open)
    if not opened.size:
        return None
    asked = np.where(choice.most[opened] >= choice.demand, choice.unit_cost[opened], np.inf)
    pick = asked.argmin(axis=0)
    customers = np.arange(len(choice.demand))
    flows = np.zeros(choice.shape)
    flows[opened[pick], customers] = choice.demand
    carried = flows.sum(axis=1)[opened]
    prices = asked[pick, customers]
    # A cheaper facility that may carry only a part would have to be used as well.
    partly = (choice.unit_cost[opened] < prices) & (choice.most[opened] > 0.0)
    fits = bool(np.all((carried <= choice.capacity[opened]) & (carried >= choice.least[opened])))
    if not (fits and np.isfinite(prices).all() and not partly.any()):
        return None
    return Served(cost=choice.cost(is_open, flows), flows=flows, prices=prices)


def _program(choice: Choice, facilities: Ints) -> Model:
    """State the flows from some facilities, all of them open."""
    dear = 1e4 * (1.0 + float(np.abs(choice.unit_cost).max()))
    dear += 1e4 * float(choice.open_cost.sum()) / max(float(choice.demand.sum()), 1e-9)
    pairs = (len(facilities), len(choice.demand))
    lp = Builder()
    flow = lp.columns("flow", pairs, upper=choice.most[facilities], cost=choice.unit_cost[facilities])
    short = lp.columns("short", choice.demand.shape, upper=choice.demand, cost=dear)
    under = lp.columns("under", facilities.shape, upper=choice.least[facilities], cost=dear)
    demand = lp.rows("demand", choice.demand.shape, lower=choice.demand, upper=choice.demand)
    load = lp.rows("load", facilities.shape, upper=choice.capacity[facilities])
    least = lp.rows("least", facilities.shape, lower=choice.least[facilities])
    lp.add(demand, demand.all, flow, flow.all, 1.0)
    lp.add(demand, demand.all, short, short.all, 1.0)
    lp.add(load, load.all[:, None], flow, flow.all, 1.0)
    lp.add(least, least.all[:, None], flow, flow.all, 1.0)
    lp.add(least, least.all, under, under.all, 1.0)
    return lp.build()


def _narrowed(whole: Model, choice: Choice, is_open: Flags) -> Model:
    """Give the program of all facilities with some of them closed."""
    upper, row_lower = whole.upper.copy(), whole.row_lower.copy()
    upper[whole.column_blocks["flow"].slice] = np.where(is_open[:, None], choice.most, 0.0).ravel()
    row_lower[whole.row_blocks["least"].slice] = np.where(is_open, choice.least, 0.0)
    return replace(whole, upper=upper, row_lower=row_lower)
