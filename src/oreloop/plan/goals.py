"""One network asked for other things than the cheapest plan: the least of any measure under ceilings on others.

A measure is a weighted sum over the blocks of the programme, as `oreloop.plan.limits` states them. Each gets one row
under those of the plan, without bounds; a ceiling is a bound of its row, a goal is a cost vector. So the matrix stays,
and every question starts from the optimum of the plan, or of an earlier question where the solver keeps some. A ceiling
on the largest share of a country is another matrix: the share stands in it (``part - share * whole``), and such a
question is solved from nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from oreloop.base.errors import Unavailable
from oreloop.plan.formulate import Problem
from oreloop.plan.highs import HIGHS, Optimal, Outcome, Solver, Stopped, Warm
from oreloop.plan.limits import METRICS, Limit, Linear, evaluate, row_terms
from oreloop.plan.model import Floats, Model
from oreloop.plan.network import Network

SLACK = 1e-9
"""A ceiling at a value that was reached is set this much above it, relative to the larger of 1 and the value."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reached:
    """A feasible point, and what it comes to.

    Args:
        solution: of the programme with its further rows; the columns are those of the plan.
        figures: value of each measure.
        top_share: largest share of one country in what is bought of an element; 0 where nothing is bought.
    """

    solution: Optimal
    figures: Mapping[str, float]
    top_share: float


class Goals:
    """A network's programme with a row for each measure.

    Args:
        problem: the programme.
        measures: by name; one sum of kg, money or kg CO2e each.
        solver: what answers.
    """

    def __init__(self, problem: Problem, measures: Mapping[str, Linear], *, solver: Solver = HIGHS) -> None:
        self._problem, self._measures, self._solver = problem, measures, solver
        self._weights = np.stack([_flat(each.terms, problem.model) for each in measures.values()])
        self._constants = np.array([each.constant for each in measures.values()])
        # A row of money beside rows of kg would be many powers of ten apart from them.
        self._scale = np.maximum(np.abs(self._weights).max(axis=1, initial=0.0), SLACK)
        self._shares = country_shares(problem.network)
        self._plain = self._extended(None)
        self._warm: Warm | None = None

    def least(
        self, goal: Mapping[str, float], ceilings: Mapping[str, float], *, top_share: float | None = None
    ) -> Reached | None:
        """Find the point with the least weighted sum of measures; None where no point holds the ceilings.

        Args:
            goal: weight of each measure that counts.
            ceilings: largest value of each measure that has one.
            top_share: largest share of one country in what is bought of an element, 0 to 1; None for any.

        Raises:
            Unavailable: ``plan.solver_failed``.
        """
        cost = np.array([goal.get(name, 0.0) for name in self._measures]) @ self._weights
        largest = np.abs(cost).max(initial=0.0) or 1.0
        return self._asked(cost / largest, ceilings, top_share)

    def nearest(self, top_share: float, ceilings: Mapping[str, float]) -> Reached | None:
        """Find the point in which the least kg are beyond a largest share of one country; arguments as for `least`."""
        return self._asked(None, ceilings, top_share)

    def reached(self, solution: Optimal) -> Reached:
        """Say what a point of the plan's columns comes to."""
        sums = self._weights @ solution.primal + self._constants
        values = self._problem.values(solution.primal)
        return Reached(
            solution=solution,
            figures=dict(zip(self._measures, sums.tolist(), strict=True)),
            top_share=max((evaluate(each.expression, values)[1] for each in self._shares), default=0.0),
        )

    def _asked(self, cost: Floats | None, ceilings: Mapping[str, float], top_share: float | None) -> Reached | None:
        """Ask for the least cost, or with none for the least excess over the share."""
        model = self._plain if top_share is None else self._extended(top_share)
        rows, columns = self._problem.model.shape
        most = np.array([ceilings.get(name, np.inf) for name in self._measures])
        slack = SLACK * np.maximum(1.0, np.abs(most, where=np.isfinite(most), out=np.zeros(len(most))))
        row_upper, upper = model.row_upper.copy(), model.upper.copy()
        row_upper[rows : rows + len(most)] = (most + slack - self._constants) / self._scale
        upper[columns] = self._problem.network.box_kg if cost is None else 0.0
        asked = replace(
            model, cost=np.append(np.zeros(columns) if cost is None else cost, 1.0), upper=upper, row_upper=row_upper
        )
        outcome = self._again(asked) if top_share is None else self._solver.solve(asked)
        if isinstance(outcome, Stopped):
            if outcome.status == "infeasible":
                return None
            raise Unavailable.of("plan.solver_failed", said=outcome.said)
        return self.reached(replace(outcome, primal=outcome.primal[:columns]))

    def _again(self, asked: Model) -> Outcome:
        if self._warm is None:
            self._warm = self._solver.warm(self._plain)
        return self._warm.resolve(asked)

    def _extended(self, top_share: float | None) -> Model:
        """The plan's program with a row for each measure and each share, and a column for the excess over the share."""
        shares = [] if top_share is None else [row_terms(replace(each, value=top_share)) for each in self._shares]
        weights = [
            self._weights / self._scale[:, None],
            *(_flat(each, self._problem.model)[None] for each, _ in shares),
        ]
        upper = np.array([*(np.inf for _ in self._scale), *(bound for _, bound in shares)])
        return _with_rows(self._problem.model, np.concatenate(weights), upper, eased=len(shares))


def whole_horizon(network: Network) -> str:
    """Name every period of a plan, the guard beyond its end included, as a limit names its periods.

    What is bounded in the planned periods alone would only be put off beyond their end.
    """
    return f"{network.horizon.names[0]}..{network.horizon.names[-1]}"


def country_shares(network: Network) -> list[Limit]:
    """State the share of each country in what is bought of each element, in all periods, as limits without a value."""
    mask, pairs = np.ones(len(network.calendar)), network.activities["buy"].index.select("element", "country")
    limits = []
    for element, country in sorted(pairs.drop_nulls().unique().iter_rows()):
        scope = {"element": element, "country": country}
        limits.append(
            Limit(
                limit="", metric="country_share", scope="; ".join(f"{key}={name}" for key, name in scope.items()),
                period=whole_horizon(network), sense="<=", value=1.0, unit="share", hard=True, penalty=0.0,
                expression=METRICS["country_share"].measure(network, scope, mask),
            )
        )  # fmt: skip
    return limits


def linear(network: Network, metric: str, scope: Mapping[str, str] | None = None) -> Linear:
    """State a metric that is a sum, and no share, as a measure over all periods."""
    measure = METRICS[metric].measure(network, scope or {}, np.ones(len(network.calendar)))
    assert isinstance(measure, Linear)
    return measure


def priced(problem: Problem, blocks: Sequence[str]) -> Linear:
    """State what the programme pays for some of its blocks as a measure, in money."""
    costs = problem.values(problem.model.cost)
    return Linear(terms={name: costs[name] for name in blocks if costs[name].any()})


def _flat(terms: Mapping[str, Floats], model: Model) -> Floats:
    """Weights by block as one vector over the columns."""
    vector = np.zeros(model.shape[1])
    for name, weights in terms.items():
        vector[model.column_blocks[name].slice] += np.asarray(weights).ravel()
    return vector


def _with_rows(model: Model, weights: Floats, upper: Floats, *, eased: int) -> Model:
    """A model with further rows ``weights @ x <= upper``, shape of the weights ``(rows, columns)``, and one more column.

    The column is how much each of the last ``eased`` rows may be missed by; nothing bounds it.
    """
    from scipy.sparse import block_array, csc_array

    own = csc_array((model.data, model.indices, model.indptr), shape=model.shape)
    excess = np.where(np.arange(len(upper)) < len(upper) - eased, 0.0, -1.0)[:, None]
    matrix = block_array([[own, None], [csc_array(weights), csc_array(excess)]], format="csc")
    matrix.sort_indices()
    return replace(
        model,
        cost=np.append(model.cost, 0.0),
        lower=np.append(model.lower, 0.0),
        upper=np.append(model.upper, np.inf),
        integer=np.append(model.integer, False) if model.has_integers else model.integer,
        row_lower=np.concatenate([model.row_lower, np.full(len(upper), -np.inf)]),
        row_upper=np.concatenate([model.row_upper, upper]),
        indptr=matrix.indptr.astype(np.int32, copy=False),
        indices=matrix.indices.astype(np.int32, copy=False),
        data=matrix.data,
        offset=0.0,
    )
