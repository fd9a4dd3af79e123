"""A written-out program solved from where each of its scenarios alone ends.

Scenario by scenario, optimal bases are a basis of the whole program that is optimal but for the rows by which scenarios use
the same first columns. Dual simplex has only these to mend: of fifteen scenarios of a year's plan (60,000 columns) in 0.2 s after
1.9 s for the scenarios, where the interior point method takes 10.8 s from nothing (CPU).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from oreloop.plan.highs import AT_LOWER, BASIC, HIGHS, HeldByHighs, Outcome, Solver, Warm
from oreloop.plan.model import Model
from oreloop.plan.stochastic.extensive import places
from oreloop.plan.stochastic.two_stage import TwoStage


class Remembered:
    """A solver that holds every matrix once, whoever asks for it.

    The same futures are solved for what foresight saves, with a decision kept, and as a start for all of them together.

    Args:
        solver: what solves.
    """

    def __init__(self, solver: Solver) -> None:
        self._solver = solver
        self._held: list[tuple[Model, Warm]] = []

    def solve(self, model: Model) -> Outcome:
        """Solve from nothing."""
        return self._solver.solve(model)

    def warm(self, model: Model) -> Warm:
        """Give the solver that holds this matrix; its answers start from the optimum of the first model that had it."""
        found = next((warm for known, warm in self._held if known.same_matrix(model)), None)
        if found is None:
            found = self._solver.warm(model)
            self._held.append((model, found))
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A solver of the linear programs of one two-stage program.

    Args:
        two: the program.
        solver: what solves; where it tells no basis, it starts from nothing.
    """

    two: TwoStage
    solver: Solver = HIGHS

    def solve(self, model: Model) -> Outcome:
        """Solve from where the scenarios end."""
        return self.warm(model).resolve(model)

    def warm(self, model: Model) -> Warm:
        """Hold the extensive form, without whole numbers, for many solves that differ in vectors only."""
        held = self.solver.warm(model)
        if isinstance(held, HeldByHighs):
            rows, columns = model.shape
            at, tied = np.full(columns, AT_LOWER), np.full(rows, BASIC)
            last: Model | None = None
            part: Warm = held
            for scenario, (own, of) in zip(self.two.scenarios, places(self.two, model), strict=True):
                alone = scenario.model.relaxed()
                if last is None or not alone.same_matrix(last):
                    part, last = self.solver.warm(alone), alone
                part.resolve(alone)
                assert isinstance(part, HeldByHighs)
                at[own], tied[of] = part.ends
            held.start(at, tied)
        return held
