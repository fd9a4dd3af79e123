"""What less carbon, less dependence on one country or less shortage costs: a frontier of plans.

The objectives, over every period of a plan, the guard beyond its end included:

* ``cost``: money to be paid; penalties are no money and are left out.
* ``co2e``: kg CO2e.
* ``concentration``: the largest share of one country in what is bought of an element.
* ``shortage``: kg of demand not met.

What is no objective cannot be traded: soft rules (safety stock, closing cover, debts, soft limits) are broken no more
than in the cheapest plan, by the penalties of all of them together; and where shortage is no objective, demand is met
as well as it can be so, earlier shortage counting more, as in the plan.

The method is the augmented epsilon constraint (AUGMECON: Mavrotas 2009, Effective implementation of the epsilon-constraint
method in multi-objective mathematical programming problems, Applied Mathematics and Computation 213, 455-465): ends are
lexicographic optima; between them one objective is minimised under evenly spaced ceilings on the others, with a small
reward for staying below, so that no point is dominated. A share is no weighted sum; its least is found by halving.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import polars as pl

from oreloop.base.errors import BadInput
from oreloop.plan import shown
from oreloop.plan.answers import Plan, movements
from oreloop.plan.formulate import PENALTIES, Problem, formulate
from oreloop.plan.goals import SLACK, Goals, Reached, linear, priced
from oreloop.plan.highs import MANY, Highs, Solver
from oreloop.plan.limits import METRICS, evaluate
from oreloop.plan.network import Network
from oreloop.plan.search import Searched
from oreloop.plan.session import Infeasible, solve

OBJECTIVES: Mapping[str, str] = {
    "cost": "cost",
    "co2e": "co2e_kg",
    "concentration": "top_country_share",
    "shortage": "short_kg",
}
"""Every objective, and its column in the table of points."""
AMONG_WHOLE = Highs(gap=1e-5, kept=MANY.kept)
"""With whole orders, where a small tree does not close, the search for a point ends at this relative gap."""
SHARE_STEP = 1e-5
"""Shares of a country are told apart to this much."""
_REWARD = 1e-5
"""What a whole range below a ceiling is worth, as a share of the range of the objective that is minimised."""
_ALIKE = 1e-6
"""Points closer than this share of the range, in all objectives, are one."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frontier:
    """Plans of which none is better than another in one objective without being worse in another.

    Args:
        objectives: what was traded.
        points: one row a plan, best in the first objective first: ``point`` (from 1), ``cost`` (money),
            ``co2e_kg``, ``top_country_share``, ``short_kg`` (contained kg), ``recycled_share``, all over every period
            of the plan, and ``planned_cost``, the money of the planned periods alone.
        orders: as `Plan.orders`, with a column ``point``.
    """

    objectives: tuple[str, ...]
    points: pl.DataFrame
    orders: pl.DataFrame

    __repr__ = shown.frontier


def pareto(
    network: Network, objectives: Sequence[str] = ("cost", "co2e"), *, points: int = 9, solver: Solver = AMONG_WHOLE
) -> Frontier | Infeasible:
    """Find the frontier of a network.

    Args:
        network: what is planned.
        objectives: two or more of `OBJECTIVES`.
        points: ceilings on each objective but one, the ends included; points that fall together are told once. With
            three objectives up to ``points * points`` plans are made.
        solver: what makes the plans.

    Returns:
        The frontier; `Infeasible` where hard limits leave no plan at all.

    Raises:
        BadInput: ``plan.frontier_objectives``, ``plan.frontier_points``.
        Unavailable: ``plan.solver_failed``.
    """
    if len(objectives) < 2 or len(set(objectives)) < len(objectives) or set(objectives) - OBJECTIVES.keys():
        raise BadInput.of("plan.frontier_objectives", got=", ".join(objectives), expected=", ".join(OBJECTIVES))
    if points < 2:
        raise BadInput.of("plan.frontier_points", got=points)
    plan = solve(network, solver)
    if isinstance(plan, Infeasible):
        return plan
    problem = formulate(network)
    search = _Search(problem, plan, tuple(objectives), solver)
    found = search.frontier(points)
    return Frontier(objectives=tuple(objectives), points=_rows(problem, found), orders=_orders(problem, found))


class _Search:
    """The points of one frontier while they are found."""

    def __init__(self, problem: Problem, plan: Plan, objectives: tuple[str, ...], solver: Solver) -> None:
        blocks = list(problem.model.column_blocks)
        measures = {
            "cost": priced(problem, [name for name in blocks if name not in PENALTIES]),
            "rules": priced(problem, [name for name in blocks if name in PENALTIES and name != "short"]),
            "short": priced(problem, ["short"]),
            **{name: linear(problem.network, name) for name in ("co2e", "shortage")},
        }
        self._goals = Goals(problem, measures, solver=Searched(solver=solver))
        self._objectives = objectives
        # Shares cannot be minimised in one solve, so another objective is, under ceilings on them.
        self._main = next(name for name in objectives if name != "concentration")
        self._others = [name for name in objectives if name != self._main]
        self._fixed = {"rules": self._goals.reached(plan.solution).figures["rules"]}
        if "shortage" not in objectives:
            self._fixed["short"] = self._some(self._least("short", {})).figures["short"]

    def frontier(self, points: int) -> list[Reached]:
        """The points, best in the first objective first."""
        ends = {name: self._end(name) for name in self._objectives}
        best = {name: self._value(ends[name], name) for name in ends}
        worst = {name: max(self._value(end, name) for end in ends.values()) for name in ends}
        wide = {name: max(worst[name] - best[name], _tiny(name, worst[name])) for name in ends}
        goal = {self._main: 1.0} | {
            name: _REWARD * wide[self._main] / wide[name] for name in self._others if name != "concentration"
        }
        free = dict.fromkeys(self._others, np.inf)
        asked: list[tuple[dict[str, float], Reached | None]] = [
            (free | ({} if name == self._main else {name: best[name]}), end) for name, end in ends.items()
        ]
        levels = [
            np.linspace(worst[name], best[name], points if worst[name] - best[name] > _tiny(name, worst[name]) else 1)
            for name in self._others
        ]
        for values in product(*levels):
            ceilings = dict(zip(self._others, map(float, values), strict=True))
            if not self._known(ceilings, asked):
                asked.append((ceilings, self._efficient(goal, ceilings)))
        found = [point for _, point in asked if point is not None]
        return self._undominated(found, wide)

    def _end(self, first: str) -> Reached:
        """Best in one objective, then in the others in their order."""
        ceilings: dict[str, float] = {}
        for name in (first, *(each for each in self._objectives if each != first)):
            point = self._some(self._least(name, ceilings))
            ceilings[name] = self._value(point, name)
        return point

    def _efficient(self, goal: Mapping[str, float], ceilings: Mapping[str, float]) -> Reached | None:
        """The point that is best in the main objective under ceilings, and dominated by none."""
        point = self._ask(goal, ceilings)
        if point is None or "concentration" not in self._others:
            return point
        return self._least_share(point, {name: self._value(point, name) for name in self._objectives})

    def _least(self, name: str, ceilings: Mapping[str, float]) -> Reached | None:
        """The least of one objective under ceilings; None where they leave no point."""
        if name != "concentration":
            return self._ask({name: 1.0}, ceilings)
        point = self._ask({self._main: 1.0}, ceilings)
        return None if point is None else self._least_share(point, ceilings)

    def _least_share(self, point: Reached, ceilings: Mapping[str, float]) -> Reached:
        """Halve between the share of a point and none until no less is left to be found.

        Where a share cannot be kept, the point that comes nearest to it has often the least there is.
        """
        low, close = 0.0, True
        while point.top_share - low > SHARE_STEP:
            probe = point.top_share - SHARE_STEP if close else (low + point.top_share) / 2
            near = self._goals.nearest(probe, self._sums(ceilings))
            assert near is not None
            if near.top_share > probe + SLACK:
                low = probe
            if near.top_share < point.top_share:
                point = near
            close = not close
        return point

    def _ask(self, goal: Mapping[str, float], ceilings: Mapping[str, float]) -> Reached | None:
        share = ceilings.get("concentration", np.inf)
        return self._goals.least(goal, self._sums(ceilings), top_share=share + SLACK if share < 1 else None)

    def _sums(self, ceilings: Mapping[str, float]) -> dict[str, float]:
        return {name: most for name, most in ceilings.items() if name != "concentration"} | self._fixed

    def _value(self, point: Reached, name: str) -> float:
        return point.top_share if name == "concentration" else point.figures[name]

    def _known(
        self, ceilings: Mapping[str, float], asked: Sequence[tuple[Mapping[str, float], Reached | None]]
    ) -> bool:
        """Whether an answer under looser ceilings holds these too, or there was none under looser ones."""
        for looser, point in asked:
            inside = all(ceilings[name] <= looser[name] + _tiny(name, looser[name]) for name in self._others)
            if inside and (
                point is None
                or all(
                    self._value(point, name) <= ceilings[name] + _tiny(name, most) for name, most in ceilings.items()
                )
            ):
                return True
        return False

    def _undominated(self, found: Sequence[Reached], wide: Mapping[str, float]) -> list[Reached]:
        step = np.array([max(_ALIKE * wide[name], _tiny(name, wide[name])) for name in self._objectives])
        values = np.array([[self._value(point, name) for name in self._objectives] for point in found])
        kept: list[int] = []
        for at in np.lexsort(values.T[::-1]):
            worse = (values <= values[at] + step).all(axis=1) & (values < values[at] - step).any(axis=1)
            alike = [other for other in kept if (np.abs(values[other] - values[at]) <= step).all()]
            if not worse.any() and not alike:
                kept.append(int(at))
        return [found[at] for at in kept]

    @staticmethod
    def _some(point: Reached | None) -> Reached:
        """The point of a question that the plan itself answers."""
        assert point is not None
        return point


def _tiny(name: str, value: float) -> float:
    """Below this a difference is none."""
    return SHARE_STEP if name == "concentration" else 1e-7 * max(1.0, abs(value) if np.isfinite(value) else 0.0)


def _rows(problem: Problem, found: Sequence[Reached]) -> pl.DataFrame:
    network = problem.network
    every = np.ones(len(network.calendar))
    planned = (np.arange(len(every)) < network.calendar.planned).astype(np.float64)
    recycled = METRICS["recycled_share"].measure(network, {}, every)
    paid = METRICS["cost"].measure(network, {}, planned)
    rows = []
    for number, point in enumerate(found, start=1):
        values = problem.values(point.solution.primal)
        rows.append(
            {
                "point": number,
                "cost": point.figures["cost"],
                "co2e_kg": point.figures["co2e"],
                "top_country_share": point.top_share,
                "short_kg": point.figures["shortage"],
                "recycled_share": evaluate(recycled, values)[1],
                "planned_cost": evaluate(paid, values)[1],
            }
        )
    return pl.DataFrame(rows)


def _orders(problem: Problem, found: Sequence[Reached]) -> pl.DataFrame:
    last = problem.network.horizon.periods[-1].last
    return pl.concat(
        [
            movements(problem, point.solution, until=last)[0].select(pl.lit(number).alias("point"), pl.all())
            for number, point in enumerate(found, start=1)
        ]
    )
