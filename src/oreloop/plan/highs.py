"""The solver port, and HiGHS behind it.

A solver takes a `Model` and answers with a value; not being feasible is an answer too. Infeasibility carries no
explanation here: `oreloop.plan.infeasible` asks for that with further solves.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from oreloop.plan.carried import carried
from oreloop.plan.model import Flags, Floats, Ints, Model, Places

LARGE = 75_000
"""Nonzeros from which the interior point method with crossover is the quicker cold start. Measured on networks of one
kind, CPU s of simplex and of ipx: 0.09 and 0.3 at 18,000 nonzeros, 0.37 and 0.59 at 37,000, 2.5 and 2.2 at 76,000, 11.5
and 3.8 at 126,000, 45 and 11 at 220,000."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Optimal:
    """An optimal solution; a basic one where no column must be whole.

    Args:
        objective: cost of the plan, offset included.
        primal: value of each column, shape ``(columns,)``; exactly whole where it must be.
        reduced_costs: ``cost - A' duals``, shape ``(columns,)``.
        duals: change of the objective for one unit more of a row's active bound, shape ``(rows,)``; with whole-number
            columns, of the program in which they are fixed at these values.
        rows: ``A x``, shape ``(rows,)``.
        bound: what the solver says that no feasible point of a mixed-integer program costs less than; None for a linear
            program.
    """

    objective: float
    primal: Floats
    reduced_costs: Floats
    duals: Floats
    rows: Floats
    bound: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """No optimum: ``infeasible``, ``unbounded``, ``limit``, or ``failed`` with the solver's own word for it.

    Args:
        status: which of these.
        said: the solver's own word.
        best: the best point found before a limit of time or nodes stopped the search.
    """

    status: str
    said: str
    best: Optimal | None = None


Outcome = Optimal | Stopped


class Warm(Protocol):
    """A solver that holds one model and keeps a basis of it."""

    def resolve(self, model: Model, *, onward: bool = False) -> Outcome:
        """Solve a model with the same matrix as before; only vectors may differ.

        Args:
            model: the model with other vectors.
            onward: start from where the last solve ended, instead of from the optimum of the model held (or what
                the solver keeps beside it). Then the answer, where several are optimal, depends on what was asked before.
        """
        ...


class Solver(Protocol):
    """What a solver must do to serve the planner."""

    def solve(self, model: Model) -> Outcome:
        """Solve from nothing."""
        ...

    def warm(self, model: Model) -> Warm:
        """Hold a model, for many solves that differ in vectors only."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Highs:
    """HiGHS (https://highs.dev) as a `Solver`: one thread, fixed seed.

    Args:
        seconds: time after which a solve stops, wall clock; an answer that depends on it is not repeatable.
        nodes: nodes of the search tree after which a mixed-integer solve stops.
        gap: relative gap at which a mixed-integer solve is content.
        presolve: whether the program is made smaller first.
        kept: earlier answers that a held model keeps, besides its own optimum. With none, a question starts from the
            optimum of the model held, so that its answer depends on nothing but the question. With some, it starts from
            the nearest of them: quicker where questions are alike. The cost is the same; which of several plans of that
            cost is the answer depends on what was asked before, so the same questions in the same order are answered
            alike.
    """

    seconds: float | None = None
    nodes: int | None = None
    gap: float = 1e-9
    presolve: bool = True
    kept: int = 0

    def solve(self, model: Model) -> Outcome:
        """Solve from nothing."""
        return HeldByHighs(model, self).resolve(model)

    def warm(self, model: Model) -> HeldByHighs:
        """Hold a model for warm solves."""
        return HeldByHighs(model, self)


HIGHS = Highs()
"""The default solver."""
MANY = Highs(kept=12)
"""For many questions that are alike, where only what they cost is compared, or their order is fixed."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Start:
    """A basis from which a solve may start: where the solve of a model ended.

    Args:
        basis: in HiGHS's words.
        model: the model.
        told: what was said of it.
    """

    basis: Any
    model: Model
    told: Outcome

    def least(self, model: Model) -> float:
        """Say what the prices of this basis prove that another model costs at least.

        Dual simplex climbs from here to the optimum. Minus infinity where the basis is no start for it: under another
        cost, or where a price relies on a bound that is gone.
        """
        if not isinstance(self.told, Optimal) or not np.array_equal(self.model.cost, model.cost):
            return -np.inf
        bounds = (
            (self.told.reduced_costs, model.lower, model.upper),
            (self.told.duals, model.row_lower, model.row_upper),
        )
        return model.offset + sum(_charged(price, low, high) for price, low, high in bounds)

    def most(self, model: Model) -> float:
        """Say what another model costs at most, as the point of this basis shows; infinite where it is not feasible."""
        if not isinstance(self.told, Optimal):
            return np.inf
        bounds = ((self.told.primal, model.lower, model.upper), (self.told.rows, model.row_lower, model.row_upper))
        if any(bool(((at < low - _ALIKE) | (at > high + _ALIKE)).any()) for at, low, high in bounds):
            return np.inf
        return model.offset + float(model.cost @ self.told.primal)


class HeldByHighs:
    """One model inside one HiGHS instance."""

    def __init__(self, model: Model, settings: Highs = HIGHS) -> None:
        self._base = self._held = model
        self._settings = settings
        self._large = len(model.data) >= LARGE
        self._starts: deque[Start] = deque(maxlen=settings.kept)
        self._own: Start | None = None
        self._solved = self._begun = False
        self._patience = _NO_LIMIT
        import highspy  # here, so that a proof is checked without a solver in the process

        self._highs: Any = highspy.Highs()  # type: ignore[no-untyped-call]
        for option, value in _options(settings).items():
            self._highs.setOptionValue(option, value)
        rows, columns = model.shape
        self._highs.passModel(
            columns, rows, len(model.data), 1, 1, model.offset,
            model.cost, model.lower, model.upper, model.row_lower, model.row_upper,
            model.indptr, model.indices, model.data,
            model.whole.astype(np.int32),  # HiGHS's word for each column: 0 continuous, 1 whole
        )  # fmt: skip

    def resolve(self, model: Model, *, onward: bool = False) -> Outcome:
        """Hand over what changed and solve, from the optimum of the model held or from the last basis."""
        if model is not self._held and not model.same_matrix(self._held):
            raise AssertionError("a warm solve with another matrix")
        if model.has_integers:
            self._change_to(model)
            return self._mixed(model)
        if not self._solved and not onward and model is not self._base:
            self._cold(self._base)
        if not self._solved:
            return self._cold(model)
        self._change_to(model)
        if onward or self._own is None:
            return self._again(model)
        # Whatever else the solver remembers would make the answer depend on what was asked before.
        start = self._nearest(model)
        self._highs.clearSolver()
        self._highs.setBasis(start.basis)
        # Where costs alone differ the point stays feasible: primal simplex took 1.1 s for what dual simplex took 8 s for.
        primal = self._large and start.least(model) == -np.inf and start.most(model) < np.inf
        self._highs.setOptionValue("simplex_strategy", _PRIMAL if primal else _DUAL)
        outcome = self._again(model)
        self._highs.setOptionValue("simplex_strategy", _DUAL)
        if isinstance(outcome, Optimal) and self._highs.getInfo().simplex_iteration_count > _LONG:
            self._starts.append(Start(basis=self._highs.getBasis(), model=model, told=outcome))
        return outcome

    @property
    def ends(self) -> tuple[Ints, Ints]:
        """Where the last solve ended: HiGHS's number for each column and each row, in its basis or at which bound."""
        return _numbers(self._highs.getBasis())

    @property
    def place(self) -> Any:
        """Where the last solve ended, in HiGHS's words; for `go_back`."""
        return self._highs.getBasis()

    def go_back(self, place: Any) -> None:
        """Let the next solve that goes onward start from an earlier `place`."""
        self._highs.setBasis(place)

    def start(self, columns: Ints, rows: Ints) -> None:
        """Let the first solve start from a basis, such as one made of the `ends` of parts of the program.

        Args:
            columns: as in `ends`, shape ``(columns,)``.
            rows: as in `ends`, shape ``(rows,)``.
        """
        import highspy

        basis = highspy.HighsBasis()
        words = {number: highspy.HighsBasisStatus(number) for number in {*columns.tolist(), *rows.tolist()}}
        basis.col_status = [words[each] for each in columns.tolist()]
        basis.row_status = [words[each] for each in rows.tolist()]
        basis.valid = True
        self._highs.setBasis(basis)
        self._begun = True

    def start_like(self, other: HeldByHighs) -> None:
        """Let the first solve start from the optimum of a program that is much the same: see `carried`.

        Nothing is done where that one has no optimum. Where simplex takes longer from there than it would from nothing, or does
        not come to an end, the first solve is from nothing after all.
        """
        if other._ends is not None:
            self.start(*carried(*other._ends, other._base, self._base, column=AT_LOWER, row=BASIC))
            self._patience = sum(self._base.shape) // (_PATIENCE if self._large else _PATIENCE_SMALL)

    @cached_property
    def _ends(self) -> tuple[Ints, Ints] | None:
        """As `ends`, of the optimum of the model held; None where it has none."""
        if not self._solved:
            self._cold(self._base)
        if self._own is None or not isinstance(self._own.told, Optimal):
            return None
        return _numbers(self._own.basis)

    def _nearest(self, model: Model) -> Start:
        """The start whose prices prove most for a model; where none proves anything, the cheapest feasible one."""
        assert self._own is not None
        starts = [self._own, *self._starts]
        if len(starts) == 1:
            return self._own
        least = [start.least(model) for start in starts]
        if max(least) > -np.inf:
            return starts[int(np.argmax(least))]
        return starts[int(np.argmin([start.most(model) for start in starts]))]

    def _cold(self, model: Model) -> Outcome:
        """Solve from nothing, or from a basis that was set."""
        self._change_to(model)
        outcome = self._begin() if self._begun else None
        if outcome is None:
            self._highs.setOptionValue("solver", "ipx" if self._large else "simplex")
            outcome = self._run()
            self._highs.setOptionValue("solver", "simplex")
        if not self._solved and model is self._base:
            basis = self._highs.getBasis()
            if basis.valid:
                self._own = Start(basis=basis, model=model, told=outcome)
        self._solved = True
        return outcome

    def _begin(self) -> Outcome | None:
        """Solve from a basis that was set; None, and forget it, where that leads nowhere."""
        self._begun = False
        self._highs.setOptionValue("simplex_iteration_limit", self._patience)
        outcome = self._run()
        self._highs.setOptionValue("simplex_iteration_limit", _NO_LIMIT)
        if isinstance(outcome, Optimal) or outcome.status in ("infeasible", "unbounded"):
            return outcome
        self._highs.clearSolver()
        return None

    def _again(self, model: Model) -> Outcome:
        """Solve by simplex from the basis at hand; from nothing when that takes longer than it would."""
        if self._large:
            self._highs.setOptionValue("simplex_iteration_limit", sum(model.shape) // _PATIENCE)
        outcome = self._run()
        self._highs.setOptionValue("simplex_iteration_limit", _NO_LIMIT)
        if self._large and self._highs.getModelStatus().name == "kIterationLimit":
            self._highs.clearSolver()
            return self._cold(model)
        return outcome

    def _change_to(self, model: Model) -> None:
        """Hand over the vectors where they differ from those held."""
        held, self._held = self._held, model
        if model is held:
            return
        at = _places(model.cost != held.cost)
        self._highs.changeColsCost(len(at), at, model.cost[at])
        at = _places((model.lower != held.lower) | (model.upper != held.upper))
        self._highs.changeColsBounds(len(at), at, model.lower[at], model.upper[at])
        at = _places((model.row_lower != held.row_lower) | (model.row_upper != held.row_upper))
        self._highs.changeRowsBounds(len(at), at, model.row_lower[at], model.row_upper[at])
        self._highs.changeObjectiveOffset(model.offset)

    def _run(self) -> Outcome:
        self._highs.run()
        word = _WORDS.get(self._highs.getModelStatus().name, "failed")
        if word == "doubtful":
            # Presolve may only know that no optimum exists; without it, simplex tells which of the two it is.
            self._highs.setOptionValue("presolve", "off")
            self._highs.run()
            self._highs.setOptionValue("presolve", _presolve(self._settings))
            word = _WORDS.get(self._highs.getModelStatus().name, "failed")
        if word != "optimal":
            said = str(self._highs.modelStatusToString(self._highs.getModelStatus()))
            return Stopped(status=word, said=said)
        return self._point()

    def _point(self) -> Optimal:
        solution: Any = self._highs.getSolution()
        return Optimal(
            objective=float(self._highs.getInfo().objective_function_value),
            primal=np.asarray(solution.col_value, dtype=np.float64),
            reduced_costs=np.asarray(solution.col_dual, dtype=np.float64),
            duals=np.asarray(solution.row_dual, dtype=np.float64),
            rows=np.asarray(solution.row_value, dtype=np.float64),
        )

    def _mixed(self, model: Model) -> Outcome:
        """Search for whole numbers, then solve the rest again with these fixed, for a point that is exactly whole."""
        outcome = self._run()
        if isinstance(outcome, Stopped) and outcome.status != "limit":
            return outcome
        info = self._highs.getInfo()
        if info.primal_solution_status != _FEASIBLE:
            return outcome
        found = np.asarray(self._highs.getSolution().col_value, dtype=np.float64)
        bound = float(info.mip_dual_bound)
        fixed = self._settings.solve(with_whole(model, found))
        if not isinstance(fixed, Optimal):
            return fixed
        point = replace(fixed, bound=bound)
        return replace(outcome, best=point) if isinstance(outcome, Stopped) else point


def with_whole(model: Model, primal: Floats) -> Model:
    """Give the linear program in which the whole-number columns are fixed at the whole numbers nearest to a point."""
    whole = np.clip(np.rint(primal), np.ceil(model.lower), np.floor(model.upper))
    return replace(
        model.relaxed(),
        lower=np.where(model.integer, whole, model.lower),
        upper=np.where(model.integer, whole, model.upper),
    )


def _options(settings: Highs) -> dict[str, Any]:
    return {
        "output_flag": False,
        "threads": 1,
        "parallel": "off",
        "random_seed": 0,
        "solver": "simplex",
        "presolve": _presolve(settings),
        "primal_feasibility_tolerance": 1e-9,
        "dual_feasibility_tolerance": 1e-9,
        "mip_feasibility_tolerance": 1e-9,
        "mip_rel_gap": settings.gap,
        "mip_abs_gap": 0.0,
        # Steepest-edge weights of a basis that was set from outside cost more than most what-if questions, and from nothing
        # the programs of a year take a third less time without them.
        "simplex_dual_edge_weight_strategy": _DEVEX,
        **({} if settings.seconds is None else {"time_limit": settings.seconds}),
        **({} if settings.nodes is None else {"mip_max_nodes": settings.nodes}),
    }


def _presolve(settings: Highs) -> str:
    return "choose" if settings.presolve else "off"


def _numbers(basis: Any) -> tuple[Ints, Ints]:
    """HiGHS's numbers for each column and each row of a basis."""
    columns, rows = basis.col_status, basis.row_status
    return np.array([int(each) for each in columns]), np.array([int(each) for each in rows])


def _charged(price: Floats, lower: Floats, upper: Floats) -> float:
    """What prices are worth at the bounds that they lean on."""
    up, down = np.flatnonzero(price > _ALIKE), np.flatnonzero(price < -_ALIKE)
    return float(price[up] @ lower[up] + price[down] @ upper[down])


def _places(which: Flags) -> Places:
    return np.flatnonzero(which).astype(np.int32)


_DEVEX = 1
_NO_LIMIT = 2**31 - 1
_PATIENCE = 20
"""One simplex iteration for so many rows and columns takes as long as a cold solve."""
_PATIENCE_SMALL = 2
"""The same where the cold solve is by simplex too."""

_DUAL, _PRIMAL = 1, 4
_LONG = 50
"""Simplex iterations of an answer that is worth keeping."""
_ALIKE = 1e-7
"""A price, or a miss of a bound, below this is rounding."""

AT_LOWER, BASIC = 0, 1
"""HiGHS's numbers (``HighsBasisStatus``) for a column at its lower bound, and for one in the basis."""
_FEASIBLE = 2
"""HiGHS's number (``SolutionStatus``) for a point that is feasible."""
_WORDS = {
    "kOptimal": "optimal",
    "kModelEmpty": "optimal",
    "kInfeasible": "infeasible",
    "kUnbounded": "unbounded",
    "kUnboundedOrInfeasible": "doubtful",
    "kTimeLimit": "limit",
    "kSolutionLimit": "limit",
    "kIterationLimit": "limit",
}
