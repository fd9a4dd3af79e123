"""Solving a network: a plan, or the limits that cannot hold together; and what-if questions from a warm start."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date

import polars as pl

from oreloop.base.errors import Unavailable
from oreloop.plan import shown
from oreloop.plan.answers import Plan, answer, movements, totals
from oreloop.plan.formulate import Problem, formulate
from oreloop.plan.highs import HIGHS, Optimal, Outcome, Solver, Stopped, Warm
from oreloop.plan.infeasible import cheapest_repair, irreducible
from oreloop.plan.limits import ROW_UNITS, Limit
from oreloop.plan.network import Edit, Network
from oreloop.plan.search import LONGER, Searched


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Infeasible:
    """Hard limits that cannot hold together. Metal may always be short at a price, so nothing else can be the reason.

    Args:
        network: what was asked.
        limits: the irreducible set: limit, metric, scope, period, sense, value, unit. Leave out any one, and the others
            can hold.
        repair: the cheapest change of limits that lets a plan exist: limit, period, relax_by (in the row's unit: kg,
            money or kg CO2e; kg for a share, mg for ppm), unit.
        repair_cost: what the repaired plan costs, penalties included.
    """

    network: Network
    limits: pl.DataFrame
    repair: pl.DataFrame
    repair_cost: float

    __repr__ = shown.infeasible
    _repr_html_ = shown.infeasible_table


def solve(network: Network, solver: Solver = HIGHS) -> Plan | Infeasible:
    """Find the cheapest plan, or say which limits stand in the way of any.

    Raises:
        Unavailable: ``plan.solver_failed`` when the solver gives neither.
    """
    problem, searched = formulate(network), Searched(solver=solver, longer=LONGER)
    return _told(problem, searched.solve(problem.model), searched)


class Session:
    """A network and a solver that stays warm: many what-if questions, each answered as `solve` would.

    Whole orders and campaigns are looked for by a small tree alone, so that each answer is quick and all of them compare;
    where that leaves a gap, `Plan.proved_gap` says so, and `solve` looks longer.

    Every question starts from the optimum of the network without edits, also where edits change the matrix (lead times,
    yields, approvals): then block by block, where the blocks speak of the same things (`oreloop.plan.carried`). So an answer is
    the same whatever was asked before, and may be sealed; of several plans of one cost, `solve` may tell another one. With the
    solver `oreloop.plan.highs.MANY` a question starts from the nearest earlier answer instead: quicker on a large network that is
    asked much the same many times. Its cost is the same; of several plans of that cost, which one is told depends on the
    questions before, so a fixed order of questions is answered alike.
    """

    def __init__(self, network: Network, solver: Solver = HIGHS) -> None:
        self._network, self._solver = network, Searched(solver=solver)
        self._problem = formulate(network)
        self._warm: Warm | None = None

    @property
    def network(self) -> Network:
        """The network without edits."""
        return self._network

    def plan(self) -> Plan | Infeasible:
        """Answer the network as it is."""
        return self.whatif(())

    def whatif(self, edits: Iterable[Edit]) -> Plan | Infeasible:
        """Answer the network with edits; the session's own network stays as it is."""
        problem = self._edited(edits)
        return _told(problem, self._run(problem), self._solver)

    def movements(self, edits: Iterable[Edit], *, until: date) -> tuple[pl.DataFrame, pl.DataFrame] | None:
        """Give orders and tolls of the plan with edits, None where no plan exists; quicker than `whatif`.

        Args:
            edits: what changes.
            until: only the periods that start by this day are told.
        """
        problem = self._edited(edits)
        outcome = self._run(problem)
        return movements(problem, outcome, until=until) if isinstance(outcome, Optimal) else None

    def totals(self, edits: Iterable[Edit]) -> Mapping[str, float] | None:
        """Give ``objective``, ``cost``, ``penalty``, ``demand_kg``, ``served_kg`` and ``short_kg``; quicker than `whatif`.

        Returns:
            All but the objective as in `Plan.summary`; None where no plan exists.
        """
        problem = self._edited(edits)
        outcome = self._run(problem)
        if not isinstance(outcome, Optimal):
            return None
        return {"objective": outcome.objective, **totals(problem, outcome)}

    def cost(self, edits: Iterable[Edit] = ()) -> float:
        """Give the objective alone, infinite where no plan exists; quicker than `whatif`."""
        outcome = self._run(self._edited(edits))
        return outcome.objective if isinstance(outcome, Optimal) else float("inf")

    def cost_without(self, block: str, entity: int, period: int | None = None) -> float:
        """Give the objective of the plan that must do without one order (buy) or run in one period, or one option (right)."""
        model = self._problem.model
        upper = model.upper.copy()
        at = entity if period is None else entity * len(self._network.calendar) + period
        upper[model.column_blocks[block].start + at] = 0.0
        outcome = self._run(replace(self._problem, model=replace(model, upper=upper)))
        return outcome.objective if isinstance(outcome, Optimal) else float("inf")

    def _edited(self, edits: Iterable[Edit]) -> Problem:
        edits = tuple(edits)
        return formulate(self._network.edited(edits)) if edits else self._problem

    def _run(self, problem: Problem) -> Outcome:
        if self._warm is None:
            self._warm = self._solver.warm(self._problem.model)
        if problem.model.same_matrix(self._problem.model):
            return self._warm.resolve(problem.model)
        return self._solver.warm(problem.model, like=self._warm).resolve(problem.model)


def _told(problem: Problem, outcome: Outcome, solver: Solver) -> Plan | Infeasible:
    match outcome:
        case Optimal():
            return answer(problem, outcome)
        case Stopped(status="infeasible"):
            return _explained(problem, solver)
        case Stopped(said=said):
            raise Unavailable.of("plan.solver_failed", said=said)


def _explained(problem: Problem, solver: Solver) -> Infeasible:
    model = problem.model
    block = model.row_blocks["limit"]
    hard = [block.start + number for number, limit in enumerate(problem.limits) if limit.hard]
    kept = irreducible(model, hard, solver)
    relaxed, cost = cheapest_repair(model, hard, solver)
    chosen = [problem.limits[row - block.start] for row in kept]
    eased = [(problem.limits[row - block.start], amount) for row, amount in relaxed]
    return Infeasible(
        network=problem.network,
        limits=pl.DataFrame(
            [(each.limit, each.metric, each.scope, each.period, each.sense, each.value, each.unit) for each in chosen],
            schema=_SET, orient="row",
        ),
        repair=pl.DataFrame(
            [(each.limit, each.period, amount, _row_unit(each)) for each, amount in eased], schema=_REPAIR, orient="row"
        ),
        repair_cost=cost,
    )  # fmt: skip


def _row_unit(limit: Limit) -> str:
    return ROW_UNITS.get(limit.unit, limit.unit)


_SET = dict.fromkeys(("limit", "metric", "scope", "period", "sense"), pl.Utf8) | {"value": pl.Float64, "unit": pl.Utf8}
_REPAIR = {"limit": pl.Utf8, "period": pl.Utf8, "relax_by": pl.Float64, "unit": pl.Utf8}
