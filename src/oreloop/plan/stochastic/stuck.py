"""Why no orders suit all futures: a future that has no plan of its own, or limits of several that contradict each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from oreloop.plan.highs import HIGHS, Solver, Stopped
from oreloop.plan.infeasible import irreducible
from oreloop.plan.session import Infeasible, solve
from oreloop.plan.stochastic.extensive import extensive, places
from oreloop.plan.stochastic.fan import Fan
from oreloop.plan.stochastic.started import Started

_T, _F = pl.String, pl.Float64
_LIMITS = {
    "future": _T, "limit": _T, "metric": _T, "scope": _T, "period": _T, "sense": _T, "value": _F, "unit": _T,
}  # fmt: skip
_REPAIR = {"future": _T, "limit": _T, "period": _T, "relax_by": _F, "unit": _T}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stuck:
    """Why there are no orders that suit all futures.

    Args:
        alone: futures that have no plan even by themselves, each with its limits and the cheapest repair.
        limits: all limits concerned: future, limit, metric, scope, period, sense, value, unit. Where every future has a
            plan by itself, they are limits of several futures of which any one can be spared.
    """

    alone: Mapping[str, Infeasible]
    limits: pl.DataFrame

    @property
    def repair(self) -> pl.DataFrame:
        """The cheapest repair of each future that has no plan by itself: future, limit, period, relax_by, unit."""
        parts = [each.repair.select(pl.lit(name).alias("future"), pl.all()) for name, each in self.alone.items()]
        return pl.concat([pl.DataFrame(schema=_REPAIR), *parts])


def stuck(fanned: Fan, solver: Solver = HIGHS) -> Stuck:
    """Say which futures, and which of their hard limits, leave no orders that suit all.

    Args:
        fanned: futures for which `weigh` found none.
        solver: what solves the small questions.
    """
    alone = {}
    for scenario, problem in zip(fanned.two.scenarios, fanned.problems, strict=True):
        if isinstance(solver.solve(scenario.model.relaxed()), Stopped):
            told = solve(problem.network, solver)
            if isinstance(told, Infeasible):
                alone[scenario.name] = told
    if alone:
        parts = [each.limits.select(pl.lit(name).alias("future"), pl.all()) for name, each in alone.items()]
        return Stuck(alone=alone, limits=pl.concat([pl.DataFrame(schema=_LIMITS), *parts]))
    return Stuck(alone={}, limits=_together(fanned, solver))


def _together(fanned: Fan, solver: Solver) -> pl.DataFrame:
    """Limits of several futures that contradict each other, none of which can be spared."""
    model = extensive(fanned.two)
    hard = {}
    for scenario, problem, (_, rows) in zip(
        fanned.two.scenarios, fanned.problems, places(fanned.two, model), strict=True
    ):
        block = problem.model.row_blocks["limit"]
        for number, limit in enumerate(problem.limits):
            if limit.hard:
                hard[int(rows[block.start + number])] = (scenario.name, limit)
    relaxed = model.relaxed()
    kept = irreducible(relaxed, list(np.sort(list(hard))), Started(two=fanned.two, solver=solver)) if hard else []
    found = [(hard[int(row)][0], hard[int(row)][1]) for row in kept]
    return pl.DataFrame(
        [
            (name, each.limit, each.metric, each.scope, each.period, each.sense, each.value, each.unit)
            for name, each in found
        ],
        schema=_LIMITS, orient="row",
    )  # fmt: skip
