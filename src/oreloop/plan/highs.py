"""The solver port, and HiGHS behind it.

A solver takes a `Model` and answers with a value; not being feasible is an answer too. Infeasibility carries no
explanation here: `oreloop.plan.repair` asks for that with further solves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import highspy
import numpy as np

from oreloop.plan.model import Floats, Model, Places


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Optimal:
    """An optimal basic solution.

    Args:
        objective: cost of the plan, offset included.
        primal: value of each column, shape ``(columns,)``.
        reduced_costs: ``cost - A' duals``, shape ``(columns,)``.
        duals: change of the objective for one unit more of a row's active bound, shape ``(rows,)``.
        rows: ``A x``, shape ``(rows,)``.
    """

    objective: float
    primal: Floats
    reduced_costs: Floats
    duals: Floats
    rows: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """No optimum: ``infeasible``, ``unbounded``, or ``failed`` with the solver's own word for it."""

    status: str
    said: str


Outcome = Optimal | Stopped


class Warm(Protocol):
    """A solver that holds one model and keeps its basis between solves."""

    def resolve(self, model: Model) -> Outcome:
        """Solve a model with the same matrix as before; only vectors may differ."""
        ...


class Solver(Protocol):
    """What a linear-programming solver must do to serve the planner."""

    def solve(self, model: Model) -> Outcome:
        """Solve from nothing."""
        ...

    def warm(self, model: Model) -> Warm:
        """Hold a model, for many solves that differ in vectors only."""
        ...


class HeldByHighs:
    """One model inside one HiGHS instance: one thread, dual simplex, fixed seed."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._highs: Any = highspy.Highs()  # type: ignore[no-untyped-call]
        for option, value in _OPTIONS.items():
            self._highs.setOptionValue(option, value)
        rows, columns = model.shape
        self._highs.passModel(
            columns, rows, len(model.data), 1, 1, model.offset,
            model.cost, model.lower, model.upper, model.row_lower, model.row_upper,
            model.indptr, model.indices, model.data, _kinds(model),
        )  # fmt: skip

    def resolve(self, model: Model) -> Outcome:
        """Hand over the vectors that changed and solve from the basis at hand."""
        rows, columns = model.shape
        if model is not self._model:
            if not model.same_matrix(self._model):
                raise AssertionError("a warm solve with another matrix")
            every_column, every_row = np.arange(columns, dtype=np.int32), np.arange(rows, dtype=np.int32)
            self._highs.changeColsCost(columns, every_column, model.cost)
            self._highs.changeColsBounds(columns, every_column, model.lower, model.upper)
            self._highs.changeRowsBounds(rows, every_row, model.row_lower, model.row_upper)
            self._highs.changeObjectiveOffset(model.offset)
            self._model = model
        return self._run()

    def _run(self) -> Outcome:
        self._highs.run()
        status = self._highs.getModelStatus()
        word = _WORDS.get(status, "failed")
        if word == "doubtful":
            # Presolve may only know that no optimum exists; without it, simplex tells which of the two it is.
            self._highs.setOptionValue("presolve", "off")
            self._highs.run()
            self._highs.setOptionValue("presolve", "choose")
            status = self._highs.getModelStatus()
            word = _WORDS.get(status, "failed")
        if word != "optimal":
            return Stopped(status=word, said=str(self._highs.modelStatusToString(status)))
        solution: Any = self._highs.getSolution()
        return Optimal(
            objective=float(self._highs.getInfo().objective_function_value),
            primal=np.asarray(solution.col_value, dtype=np.float64),
            reduced_costs=np.asarray(solution.col_dual, dtype=np.float64),
            duals=np.asarray(solution.row_dual, dtype=np.float64),
            rows=np.asarray(solution.row_value, dtype=np.float64),
        )


@dataclass(frozen=True, slots=True)
class Highs:
    """HiGHS (https://highs.dev) as a `Solver`."""

    def solve(self, model: Model) -> Outcome:
        """Solve from nothing."""
        return HeldByHighs(model).resolve(model)

    def warm(self, model: Model) -> Warm:
        """Hold a model for warm solves."""
        return HeldByHighs(model)


def _kinds(model: Model) -> Places:
    """HiGHS's word for each column: 0 continuous, 1 whole."""
    return model.integer.astype(np.int32) if model.has_integers else np.zeros(len(model.cost), dtype=np.int32)


HIGHS = Highs()
"""The default solver."""

_OPTIONS: dict[str, Any] = {
    "output_flag": False,
    "threads": 1,
    "parallel": "off",
    "random_seed": 0,
    "solver": "simplex",
    "primal_feasibility_tolerance": 1e-9,
    "dual_feasibility_tolerance": 1e-9,
}

_WORDS = {
    highspy.HighsModelStatus.kOptimal: "optimal",
    highspy.HighsModelStatus.kModelEmpty: "optimal",
    highspy.HighsModelStatus.kInfeasible: "infeasible",
    highspy.HighsModelStatus.kUnbounded: "unbounded",
    highspy.HighsModelStatus.kUnboundedOrInfeasible: "doubtful",
}
