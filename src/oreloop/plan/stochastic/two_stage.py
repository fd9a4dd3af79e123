"""Decisions now, the rest later: programs of several scenarios that share their first columns.

A scenario is a whole program of its own. The columns decided before it is known which scenario comes are the same in
all; everything else each scenario decides for itself. Scenarios usually differ in vectors only, and then share their
matrix.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import fsum

import numpy as np

from oreloop.base.errors import BadInput
from oreloop.plan.model import Flags, Floats, Ints, Model


def _none() -> Flags:
    return np.zeros(0, dtype=np.bool_)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scenario:
    """One way things may go.

    Args:
        name: of the scenario.
        probability: above zero.
        model: all that is decided in it, first columns included.
        first: position of each first column in the model, shape ``(first,)``; the same order in every scenario.
        loose: first columns of which the scenario may use less than was decided, and pays for what it uses (an order
            that a stopped supplier does not fill), shape ``(first,)``; empty where there are none.
    """

    name: str
    probability: float
    model: Model
    first: Ints
    loose: Flags = field(default_factory=_none)

    @property
    def tied(self) -> Flags:
        """First columns that are used as decided, shape ``(first,)``."""
        return ~self.loose if self.loose.size else np.ones(len(self.first), dtype=np.bool_)

    def fixed(self, first: Floats) -> Model:
        """Give its model with the first columns decided, shape ``(first,)``."""
        model, at, tied = self.model, self.first, self.tied
        lower, upper = model.lower.copy(), model.upper.copy()
        upper[at] = np.where(tied, first, np.minimum(upper[at], first))
        lower[at] = np.where(tied, first, np.minimum(lower[at], upper[at]))
        return replace(model, lower=lower, upper=upper)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TwoStage:
    """Scenarios with shared first columns, and how cost is weighed; state it with `TwoStage.of`.

    Args:
        scenarios: their probabilities add up to one.
        level: of the CVaR: 0.9 looks at the dearest tenth.
        weight: of the CVaR in what is minimised, the rest is that of the expected cost; at least 0 and below 1.
    """

    scenarios: tuple[Scenario, ...]
    level: float
    weight: float

    @classmethod
    def of(cls, scenarios: Sequence[Scenario], *, level: float = 0.9, weight: float = 0.0) -> TwoStage:
        """State a two-stage program; probabilities are scaled to add up to one.

        Raises:
            BadInput: ``plan.stage_probability`` (none, or not above zero), ``plan.stage_first`` (first columns that do
                not match, or outside a model), ``plan.stage_risk`` (a level or weight outside its range).
        """
        chances = [each.probability for each in scenarios]
        if not chances or not all(0.0 < each < np.inf for each in chances):
            raise BadInput.of("plan.stage_probability", got=chances)
        if not (0.0 <= level < 1.0 and 0.0 <= weight < 1.0):
            raise BadInput.of("plan.stage_risk", level=level, weight=weight)
        count = len(scenarios[0].first)
        for each in scenarios:
            inside = (each.first >= 0) & (each.first < each.model.shape[1])
            if len(each.first) != count or len(each.loose) not in (0, count) or not inside.all():
                raise BadInput.of("plan.stage_first", scenario=each.name)
        total = fsum(chances)  # of decimals that add up to one it is exactly one, and they stay as they are
        return cls(
            scenarios=tuple(replace(each, probability=each.probability / total) for each in scenarios),
            level=level,
            weight=weight,
        )

    @property
    def probabilities(self) -> Floats:
        """Shape ``(scenarios,)``."""
        return np.array([each.probability for each in self.scenarios])

    def costs(self, points: Sequence[Floats]) -> Floats:
        """Cost of each scenario at a point of its own model, shape ``(scenarios,)``."""
        return np.array(
            [each.model.offset + each.model.cost @ point for each, point in zip(self.scenarios, points, strict=True)]
        )

    def risk(self, costs: Floats) -> float:
        """What is minimised, of the costs of the scenarios, shape ``(scenarios,)``."""
        mean = float(self.probabilities @ costs)
        return mean if self.weight == 0.0 else (1.0 - self.weight) * mean + self.weight * self.cvar(costs)

    def threshold(self, costs: Floats) -> float:
        """Least of the costs in the dearest ``1 - level`` of what may happen, shape ``(scenarios,)``."""
        order = np.argsort(-costs, kind="stable")
        reached = np.cumsum(self.probabilities[order])
        return float(costs[order[min(int(np.searchsorted(reached, 1.0 - self.level)), len(order) - 1)]])

    def cvar(self, costs: Floats) -> float:
        """Mean cost of the dearest ``1 - level`` of what may happen, shape ``(scenarios,)``.

        Source: Rockafellar & Uryasev (2000), Optimization of conditional value-at-risk.
        """
        if not np.isfinite(costs).all():
            return float("inf")
        order = np.argsort(-costs, kind="stable")
        tail = 1.0 - self.level
        chances = self.probabilities[order]
        before = np.cumsum(chances) - chances
        used = np.clip(tail - before, 0.0, chances)
        return float(used @ costs[order] / used.sum())
