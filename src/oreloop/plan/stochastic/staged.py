"""Solving a two-stage program, and what knowing more would be worth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from oreloop.base.errors import Unavailable
from oreloop.plan.certificate import certify, with_tree
from oreloop.plan.highs import HIGHS, Optimal, Outcome, Solver, Stopped, with_whole
from oreloop.plan.model import Floats, Model
from oreloop.plan.proof.branch import written
from oreloop.plan.proof.exact import write_hex
from oreloop.plan.search import GAP, LONGER, Found, search
from oreloop.plan.stochastic.extensive import extensive, put_together, told_apart
from oreloop.plan.stochastic.started import Started
from oreloop.plan.stochastic.two_stage import TwoStage

ENOUGH = 1e-5
"""Relative gap that a proof of whole orders and campaigns over several futures may leave without a tree."""
BRANCHES = 40
"""Linear programs of that tree: each is as large as all futures together."""


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
        solution: of the extensive form.
        found: the tree by which whole numbers were found, where it was one of ours.
    """

    objective: float
    first: Floats
    points: tuple[Floats, ...]
    costs: Floats
    expected: float
    cvar: float
    model: Model
    solution: Optimal
    found: Found | None = None

    @classmethod
    def of(cls, two: TwoStage, model: Model, solution: Optimal, found: Found | None = None) -> Staged:
        """Read the optimum of the extensive form."""
        first, points = told_apart(two, model, solution.primal)
        costs = two.costs(points)
        return cls(
            objective=solution.objective,
            first=first,
            points=tuple(points),
            costs=costs,
            expected=float(two.probabilities @ costs),
            cvar=two.cvar(costs),
            model=model,
            solution=solution,
            found=found,
        )

    def certificate(self) -> dict[str, Any]:
        """The proof that no decision is better, ready for JSON; see `oreloop.plan.verify_certificate`.

        Where something is whole, it claims the gap that the tree leaves, or, without a tree of ours, that of the root.
        """
        if self.found is None:
            return certify(self.model, self.solution.primal, self.solution.duals)
        point = write_hex(np.clip(self.solution.primal, self.model.lower, self.model.upper))
        return with_tree(self.model, point, written(self.model.relaxed(), self.found.root, HIGHS))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Kept:
    """A decision, and what follows from it.

    Args:
        first: the first columns, shape ``(first,)``.
        costs: of each scenario, shape ``(scenarios,)``; infinite where it cannot live with the decision.
        points: a point of each scenario's own model; None where there is none.
    """

    first: Floats
    costs: Floats
    points: tuple[Floats | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Worth:
    """What weighing scenarios, and what knowing the future, is worth, in money.

    Args:
        stochastic: objective of the two-stage decision.
        reference: objective when the decision of a plan without scenarios is kept; infinite when some scenario cannot
            live with it.
        foreseen: objective if it were known which scenario comes.
        kept: what follows from the decision of a plan without scenarios.
        foreseen_costs: cost of each scenario where it is known, shape ``(scenarios,)``.

    Source: Birge (1982), The value of the stochastic solution in stochastic linear programs with fixed recourse.
    """

    stochastic: float
    reference: float
    foreseen: float
    kept: Kept
    foreseen_costs: Floats

    @property
    def reference_costs(self) -> Floats:
        """Cost of each scenario when the decision of a plan without scenarios is kept, shape ``(scenarios,)``."""
        return self.kept.costs

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
    return outcome if isinstance(outcome, Stopped) else Staged.of(two, model, outcome)


def decide_by_tree(two: TwoStage, *, known: Kept | None = None, solver: Solver = HIGHS) -> Staged | Stopped:
    """Decide as `decide` does, where whole numbers mostly come out by themselves; the proof is that of a small tree.

    Args:
        two: the program.
        known: a decision that is at hand; it is the answer where nothing is better.
        solver: of linear programs.
    """
    model, started = extensive(two), Started(two=two, solver=solver)
    at_hand = None
    if known is not None:
        points = [point for point in known.points if point is not None]
        at_hand = put_together(two, model, known.first, points) if len(points) == len(known.points) else None
    relaxed = model.relaxed()
    warm = started.warm(relaxed)
    found: Found | None = None
    if model.has_integers:
        told = None if at_hand is None else warm.resolve(with_whole(model, at_hand))
        best = told if isinstance(told, Optimal) else None
        found = search(model, relaxed, warm, nodes=1, best=best)
        if not _enough(found):
            found = search(model, relaxed, warm, nodes=BRANCHES, best=found.best)
        outcome = found.best or (found.root.told if isinstance(found.root.told, Stopped) else _longer(model))
    else:
        outcome = warm.resolve(relaxed)
    if isinstance(outcome, Stopped):
        return outcome
    if at_hand is not None:
        cost = float(model.cost @ at_hand + model.offset)
        if cost - outcome.objective <= GAP * max(1.0, abs(cost)):
            outcome = replace(outcome, primal=at_hand, objective=cost)
    if two.weight > 0.0:  # costs are large beside what a row may be missed by
        outcome = replace(outcome, primal=put_together(two, model, *told_apart(two, model, outcome.primal)))
    return Staged.of(two, model, outcome, found)


def _enough(found: Found) -> bool:
    """Whether the root alone leaves a gap that nobody minds."""
    best, told = found.best, found.root.told
    return isinstance(told, Stopped) or (
        best is not None and best.objective - found.root.bound <= ENOUGH * max(1.0, abs(best.objective))
    )


def _longer(model: Model) -> Optimal | Stopped:
    told = LONGER.solve(model)
    return told if isinstance(told, Optimal) else told.best or told


def keep(two: TwoStage, first: Floats, *, solver: Solver = HIGHS) -> Kept:
    """Keep a decision in every scenario.

    Args:
        two: the program.
        first: the decision, shape ``(first,)``.
        solver: what solves the single programs.
    """
    told = _each([each.fixed(first) for each in two.scenarios], solver)
    points = tuple(each.primal if isinstance(each, Optimal) else None for each in told)
    return Kept(first=first, costs=_costs(told), points=points)


def worth(two: TwoStage, staged: Staged, *, reference: Floats | Kept | None = None, solver: Solver = HIGHS) -> Worth:
    """Compare a two-stage decision with one made without scenarios and with one for each scenario.

    Args:
        two: the program.
        staged: its optimum.
        reference: the first columns decided without scenarios, shape ``(first,)``, or what follows from them; those of
            `mean_model` when None.
        solver: what solves the single programs.

    Raises:
        Unavailable: ``plan.solver_failed`` when the mean program has no optimum.
    """
    if reference is None:
        mean = solver.solve(mean_model(two))
        if isinstance(mean, Stopped):
            raise Unavailable.of("plan.solver_failed", said=mean.said)
        reference = mean.primal[two.scenarios[0].first]
    kept = reference if isinstance(reference, Kept) else keep(two, reference, solver=solver)
    foreseen = _costs(_each([each.model for each in two.scenarios], solver))
    return Worth(
        stochastic=staged.objective,
        reference=two.risk(kept.costs),
        foreseen=two.risk(foreseen),
        kept=kept,
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


def _each(models: list[Model], solver: Solver) -> list[Outcome]:
    """Solve each program by itself; those that differ in vectors only are kept warm."""
    told = []
    held, warm = models[0], solver.warm(models[0])
    for model in models:
        if not model.same_matrix(held):
            held, warm = model, solver.warm(model)
        told.append(warm.resolve(model))
    return told


def _costs(told: list[Outcome]) -> Floats:
    """Cost of each program, infinite where it has none."""
    return np.array([each.objective if isinstance(each, Optimal) else np.inf for each in told])
