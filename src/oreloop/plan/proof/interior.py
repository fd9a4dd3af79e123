"""A proof where columns have no bound, not even one that rows imply: multipliers a little inside the dual program.

Such a column allows no wrong sign of its reduced cost, and optimal multipliers sit right at the limit, so that rounding
spoils the bound. Multipliers of the same program in which these columns cost a little less lie strictly inside; a small
share of them takes the optimal ones off the limit, at a loss of bound that is as small as the rounding was.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from oreloop.plan.certificate import certify, useful
from oreloop.plan.highs import HIGHS, Optimal, Solver
from oreloop.plan.model import Model
from oreloop.plan.proof.boxes import implied
from oreloop.plan.proof.exact import Program, exact, finite

_DEPTHS = (1e-2, 1e-4, 1e-6)
"""How much less the columns without a bound cost, relative to the size of their cost and column."""
_SHARES = tuple(10.0**power for power in range(-14, -3))


def certify_by_solver(model: Model, told: Optimal, solver: Solver = HIGHS) -> dict[str, Any]:
    """Write a certificate as `certify` does, with further solves where a column has no bound.

    Args:
        model: a linear program.
        told: its optimum.
        solver: what solves the programs with other costs.
    """
    program, lower, upper = Program(model), exact(model.lower), exact(model.upper)
    if program.bound(finite(useful(program, told.duals)), lower, upper) is not None:
        return certify(model, told.primal, told.duals)
    known = implied(model)
    below, above = ~np.isfinite(known.lower), ~np.isfinite(known.upper)
    size = np.abs(model.cost)
    np.maximum.at(size, model.entry_columns, np.abs(model.data))
    for depth in _DEPTHS:
        inner = solver.solve(replace(model, cost=model.cost + depth * size * (below * 1.0 - above * 1.0)))
        if not isinstance(inner, Optimal):
            continue
        for share in _SHARES:
            duals = useful(program, told.duals + share * (inner.duals - told.duals))
            if program.bound(finite(duals), lower, upper) is not None:
                return certify(model, told.primal, duals)
    return certify(model, told.primal, told.duals)
