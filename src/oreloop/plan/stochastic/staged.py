"""Solving a two-stage program, and what knowing more would be worth."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from oreloop.base.errors import Unavailable
from oreloop.plan.highs import HIGHS, Optimal, Solver, Stopped
from oreloop.plan.model import Floats, Model
from oreloop.plan.stochastic.extensive import extensive, told_apart
from oreloop.plan.stochastic.two_stage import TwoStage


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Staged:
    """The best decision now, and what follows in each scenario.

    Args:
        objective: what was minimised.
        first: the first columns, shape ``(first,)``.
        points: a point of each scenario's own model.
        costs: cost of each scenario, shape ``(scenarios,)``.
        expected, cvar: of these costs.
        model: the extensive form.
        solution: of the extensive form; a certificate can be made from it.
    """

    objective: float
    first: Floats
    points: tuple[Floats, ...]
    costs: Floats
    expected: float
    cvar: float
    model: Model
    solution: Optimal


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Worth:
    """What weighing scenarios, and what knowing the future, is worth, in money.

    Args:
        stochastic: objective of the two-stage decision.
        reference: objective when the decision of a plan without scenarios is kept; infinite when some scenario cannot
            live with it.
        foreseen: objective if it were known which scenario comes.
        reference_costs, foreseen_costs: cost of each scenario in these two, shape ``(scenarios,)``.

    Source: Birge (1982), The value of the stochastic solution in stochastic linear programs with fixed recourse.
    """

    stochastic: float
    reference: float
    foreseen: float
    reference_costs: Floats
    foreseen_costs: Floats

    @property
    def vss(self) -> float:
        """Value of the stochastic solution: what the reference decision costs more."""
        return self.reference - self.stochastic

    @property
    def evpi(self) -> float:
        """Value of perfect information: what would be saved if the future were known."""
        return self.stochastic - self.foreseen


def decide(two: TwoStage, *, solver: Solver = HIGHS) -> Staged | Stopped:
    """Find the first columns with the least expected cost, or the least mix of expected cost and CVaR."""
    model = extensive(two)
    outcome = solver.solve(model)
    if isinstance(outcome, Stopped):
        return outcome
    first, points = told_apart(two, model, outcome.primal)
    costs = np.array(
        [each.model.offset + each.model.cost @ point for each, point in zip(two.scenarios, points, strict=True)]
    )
    return Staged(
        objective=outcome.objective,
        first=first,
        points=tuple(points),
        costs=costs,
        expected=float(two.probabilities @ costs),
        cvar=two.cvar(costs),
        model=model,
        solution=outcome,
    )


def worth(two: TwoStage, staged: Staged, *, reference: Floats | None = None, solver: Solver = HIGHS) -> Worth:
    """Compare a two-stage decision with one made without scenarios and with one for each scenario.

    Args:
        two: the program.
        staged: its optimum.
        reference: the first columns decided without scenarios, shape ``(first,)``; those of `mean_model` when None.
        solver: what solves the single programs.

    Raises:
        Unavailable: ``plan.solver_failed`` when the mean program has no optimum.
    """
    if reference is None:
        mean = solver.solve(mean_model(two))
        if isinstance(mean, Stopped):
            raise Unavailable.of("plan.solver_failed", said=mean.said)
        reference = mean.primal[two.scenarios[0].first]
    kept = _costs([each.fixed(reference) for each in two.scenarios], solver)
    foreseen = _costs([each.model for each in two.scenarios], solver)
    return Worth(
        stochastic=staged.objective,
        reference=two.risk(kept),
        foreseen=two.risk(foreseen),
        reference_costs=kept,
        foreseen_costs=foreseen,
    )


def mean_model(two: TwoStage) -> Model:
    """Give the program of the mean of all numbers; scenarios must have their entries in the same places."""
    models = [each.model for each in two.scenarios]
    if any(each.shape != models[0].shape or len(each.data) != len(models[0].data) for each in models):
        raise AssertionError("a mean of programs of different shape")

    def mean(name: str) -> Floats:
        return _mean(np.stack([getattr(each, name) for each in models]), two.probabilities)

    return replace(
        models[0],
        cost=mean("cost"),
        lower=mean("lower"),
        upper=mean("upper"),
        row_lower=mean("row_lower"),
        row_upper=mean("row_upper"),
        data=mean("data"),
        offset=float(two.probabilities @ [each.offset for each in models]),
    )


def _mean(values: Floats, probabilities: Floats) -> Floats:
    """Mean over the first axis; what is the same in all stays exactly as it is (1 as the upper bound of a choice)."""
    return np.where((values == values[0]).all(axis=0), values[0], np.tensordot(probabilities, values, axes=1))


def _costs(models: list[Model], solver: Solver) -> Floats:
    """Cost of each program by itself, infinite where it has none; those that differ in vectors only are kept warm."""
    costs = []
    held, warm = models[0], solver.warm(models[0])
    for model in models:
        if not model.same_matrix(held):
            held, warm = model, solver.warm(model)
        outcome = warm.resolve(model)
        costs.append(outcome.objective if isinstance(outcome, Optimal) else np.inf)
    return np.array(costs)
