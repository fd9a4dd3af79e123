"""Why a program has no feasible point: an irreducible set of rows and bounds, proved; and the cheapest repair.

Finding and proving are apart. Finding is done in floats: the multipliers of the least total violation of the rows name a
set that cannot hold (Farkas), and leaving out one after the other of its members, keeping only what the new multipliers
name, makes it smaller (deletion filter; Chinneck & Dravnieks 1991). Proving is exact: where the rows of the set, over
the columns whose bounds are not in it, vanish in exactly one direction, where no member has a multiplier of zero in that
direction, and where that direction proves infeasibility, no proper subset can be infeasible: its proof would be another
direction (Gleeson & Ryan 1990). So no tolerance enters into what is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np

from oreloop.plan.certificate import useful
from oreloop.plan.highs import HIGHS, Highs, Optimal, Solver
from oreloop.plan.model import Flags, Floats, Ints, Model
from oreloop.plan.proof.boxes import activity_range
from oreloop.plan.proof.exact import Program, exact, finite
from oreloop.plan.proof.kernel import kernel_line

_PLAIN = Highs(presolve=False)
"""For many small programs, each a part of the one before."""
_ZERO = 1e-9
"""Multipliers below this share of the largest are rounding."""
_SIZES = (1e5, 1e3, 1.0)
"""Bounds are scaled together so that the largest is about this, for a solver's tolerance is absolute: tried in turn."""
_ALONE = 1e-9
"""Relative excess above which a single row is taken as the reason."""
_FAR = 1e9
"""No row bound is eased by more than this."""
_VIOLATED = 1e-7
"""Least total violation, in that scale, that is no rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Irreducible:
    """Rows and column bounds that cannot hold together, none of which can be spared.

    Args:
        rows: rows of the set, in order.
        lower: columns whose lower bound is in the set.
        upper: columns whose upper bound is in the set.
        weights: whole numbers by row: weighted with them, the rows contradict the bounds of columns, exactly. Empty where
            the set rests on repeated solves alone.
        exact: the weights are those of the set alone, use no bound outside it, and prove that no member can be spared.
            Otherwise rows and bounds outside the set enter with a share of the size of a rounding, and solves showed
            that no member can be spared.
    """

    rows: tuple[int, ...]
    lower: tuple[int, ...] = ()
    upper: tuple[int, ...] = ()
    weights: Mapping[int, int] = field(default_factory=dict)
    exact: bool = False


def explain_infeasible(model: Model, rows: Sequence[int] | None = None, solver: Solver = _PLAIN) -> Irreducible | None:
    """Find an irreducible set of rows and column bounds that cannot hold together.

    Args:
        model: an infeasible program.
        rows: the rows that may be blamed; then all others and all bounds hold without question, and the set holds rows
            only. None: every row and every column bound may be blamed, and whole-number columns count as continuous.
        solver: what solves the small questions.

    Returns:
        The set; None where there is none: the program is feasible, or is infeasible without these rows.
    """
    if rows is not None:
        kept = irreducible(model, rows, solver)
        return Irreducible(rows=tuple(kept)) if kept else None
    crossed = np.flatnonzero(model.lower > model.upper)
    if len(crossed):
        column = int(crossed[0])
        return Irreducible(rows=(), lower=(column,), upper=(column,), exact=True)
    model = model.relaxed()
    members = _smallest(
        model,
        _Members(rows=_suspects(model), lower=np.isfinite(model.lower), upper=np.isfinite(model.upper)),
        solver,
    )
    if members is None:
        return None
    found = Irreducible(
        rows=tuple(np.flatnonzero(members.rows).tolist()),
        lower=tuple(np.flatnonzero(members.lower).tolist()),
        upper=tuple(np.flatnonzero(members.upper).tolist()),
    )
    if (multipliers := prove_irreducible(model, found)) is not None:
        return replace(found, weights=dict(zip(found.rows, multipliers, strict=True)), exact=True)
    # The numbers of the model are decimals in binary: what cancels in the trade may miss by a rounding here.
    return replace(found, weights=_against_all_bounds(model, members, solver))


def prove_irreducible(model: Model, found: Irreducible) -> tuple[int, ...] | None:
    """Prove exactly that rows and bounds cannot hold together and that none can be spared.

    Returns:
        Whole multipliers of its rows; None where there is no such proof.
    """
    across, scale = _across(model, found.rows)
    held = {*found.lower, *found.upper}
    if not found.rows or set(found.lower) & set(found.upper) or not held <= across.keys():
        return None
    line = kernel_line([entry for column, entry in across.items() if column not in held], len(found.rows))
    if line is None or not all(line):
        return None
    for multipliers in (line, [-value for value in line]):
        if _contradict(model, found, multipliers, across, scale):
            return tuple(multipliers)
    return None


def _against_all_bounds(model: Model, members: _Members, solver: Solver) -> dict[int, int]:
    """Weights of rows that prove, exactly, that they contradict the bounds of all columns; none where that fails."""
    everywhere = replace(members, lower=np.isfinite(model.lower), upper=np.isfinite(model.upper))
    named = _named(model, everywhere, solver)
    if named is None or named.duals is None:
        return {}
    program = Program(model)
    duals = finite(useful(program, named.duals, priced=False))
    bound = program.bound(duals, exact(model.lower), exact(model.upper), priced=False)
    return {row: value for row, value in enumerate(duals.values) if value} if bound is not None and bound > 0 else {}


def _suspects(model: Model) -> Flags:
    """The row that contradicts the bounds of its columns most, where there is one; else all rows."""
    least, most = activity_range(model)
    with np.errstate(invalid="ignore"):
        beyond = np.maximum(least - model.row_upper, model.row_lower - most)
    size = np.maximum(1.0, np.abs(np.where(np.isfinite(least), least, most)))
    share = np.where(np.isfinite(beyond), beyond / np.where(np.isfinite(size), size, 1.0), 0.0)
    if share.max(initial=0.0) > _ALONE:
        return np.asarray(np.arange(len(share)) == np.argmax(share))
    return np.ones(len(share), dtype=np.bool_)


def _across(model: Model, rows: Sequence[int]) -> tuple[dict[int, dict[int, int]], int]:
    """The entries of some rows by column and position of the row, whole numbers over a common denominator."""
    data = finite(model.data)
    position = {row: number for number, row in enumerate(rows)}
    columns = model.entry_columns.tolist()
    across: dict[int, dict[int, int]] = {}
    for column, row, value in zip(columns, model.indices.tolist(), data.values, strict=True):
        if value and row in position:
            entry = across.setdefault(column, {})
            entry[position[row]] = entry.get(position[row], 0) + value
    return across, 1 << data.scale


def _contradict(
    model: Model, found: Irreducible, multipliers: list[int], across: dict[int, dict[int, int]], scale: int
) -> bool:
    """Whether the weighted rows ask for more than the bounds allow; every member is used on a side that it has."""
    total = Fraction(0)
    for row, value in zip(found.rows, multipliers, strict=True):
        bound = float(model.row_lower[row] if value > 0 else model.row_upper[row])
        if not np.isfinite(bound):
            return False
        total += value * scale * Fraction(bound)
    for columns, bounds, side in ((found.lower, model.lower, 1), (found.upper, model.upper, -1)):
        for column in columns:
            price = -sum(multipliers[at] * value for at, value in across[column].items())
            if price * side <= 0:
                return False
            total += price * Fraction(float(bounds[column]))
    return total > 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Members:
    """Rows, lower and upper bounds that must hold, as flags, with multipliers that name them.

    Shapes ``(rows,)``, ``(columns,)``, ``(columns,)``; multipliers ``(rows,)``, None before the first solve.
    """

    rows: Flags
    lower: Flags
    upper: Flags
    duals: Floats | None = None

    def within(self, model: Model) -> Model:
        """The model that asks for these only."""
        return replace(
            model,
            lower=np.where(self.lower, model.lower, -np.inf),
            upper=np.where(self.upper, model.upper, np.inf),
        )

    def without(self, part: str, at: int) -> _Members:
        """All but one row or bound."""
        flags = getattr(self, part).copy()
        flags[at] = False
        return replace(self, **{part: flags})


def _smallest(model: Model, members: _Members, solver: Solver) -> _Members | None:
    """Leave out one member after the other, as long as the rest cannot hold; None where all can hold.

    Rows first, all bounds in force: many free columns at once are more than a solver in floats can bear.
    """
    fewer = _named(model, members, solver)
    if fewer is None:
        return None
    members = replace(members, rows=fewer.rows)
    for row in np.flatnonzero(members.rows).tolist():
        if members.rows[row] and (fewer := _named(model, members.without("rows", row), solver)):
            members = replace(members, rows=fewer.rows)
    members = _named(model, members, solver) or members
    for part in ("lower", "upper"):
        for column in np.flatnonzero(getattr(members, part)).tolist():
            if getattr(members, part)[column]:
                members = _named(model, members.without(part, column), solver) or members
    return members


def _named(model: Model, members: _Members, solver: Solver) -> _Members | None:
    """Members that the multipliers of the least violation name; None where all can hold."""
    part, rows, columns = _cut(members.within(model), members.rows)
    told = least_violation(part, solver)
    # A solver that fails shows nothing: then the member in question stays, and the proof says whether that was right.
    if told is None or told.objective <= _VIOLATED:
        return None
    duals = np.where(np.abs(told.duals) > _ZERO * np.abs(told.duals).max(), told.duals, 0.0)
    owner = np.repeat(np.arange(len(columns)), np.diff(part.indptr))
    terms = -part.data * duals[part.indices]
    price, size = np.bincount(owner, terms, len(columns)), np.bincount(owner, np.abs(terms), len(columns))
    used = np.abs(price) > _ZERO * size
    every, lower, upper = (np.zeros_like(flags) for flags in (members.rows, members.lower, members.upper))
    every[rows[duals != 0]] = True
    lower[columns[used & (price > 0)]] = True
    upper[columns[used & (price < 0)]] = True
    spread = np.zeros(len(every))
    spread[rows] = duals
    return _Members(rows=every, lower=lower & members.lower, upper=upper & members.upper, duals=spread)


def least_violation(model: Model, solver: Solver) -> Optimal | None:
    """Find the point that violates rows least in total, and its multipliers; None where the solver fails.

    Where the total is above zero, the multipliers prove that the rows contradict the bounds (Farkas), up to rounding.
    """
    for size in _SIZES:
        told = solver.solve(_elastic(model, size))
        if isinstance(told, Optimal):
            return told
    return None


def _cut(model: Model, rows: Flags) -> tuple[Model, Ints, Ints]:
    """The part of a model that some rows touch, with the rows and columns that it is of."""
    from scipy.sparse import csc_array

    chosen = np.flatnonzero(rows)
    part = csc_array((model.data, model.indices, model.indptr), shape=model.shape)[chosen]
    touched = np.flatnonzero(np.diff(part.indptr))
    part = part[:, touched]
    return (
        Model(
            cost=np.zeros(len(touched)), lower=model.lower[touched], upper=model.upper[touched],
            row_lower=model.row_lower[chosen], row_upper=model.row_upper[chosen],
            indptr=part.indptr.astype(np.int32), indices=part.indices.astype(np.int32), data=part.data,
        ),
        chosen,
        touched,
    )  # fmt: skip


def _elastic(model: Model, largest: float) -> Model:
    """The program of the least total violation of rows, each relative to its largest entry; bounds scaled together."""
    rows, columns = model.shape
    size = np.zeros(rows)
    np.maximum.at(size, model.indices, np.abs(model.data))
    size = np.where(size > 0, size, 1.0)
    bounds = np.abs(np.concatenate([model.lower, model.upper, model.row_lower, model.row_upper]))
    zoom = 2.0 ** np.round(np.log2(largest / bounds.max(initial=_ZERO, where=np.isfinite(bounds))))
    return replace(
        model,
        cost=np.concatenate([np.zeros(columns), np.repeat(1.0 / size, 2)]),
        lower=np.concatenate([model.lower * zoom, np.zeros(2 * rows)]),
        upper=np.concatenate([model.upper * zoom, np.full(2 * rows, np.inf)]),
        row_lower=model.row_lower * zoom,
        row_upper=model.row_upper * zoom,
        indptr=np.concatenate([model.indptr, model.indptr[-1] + 1 + np.arange(2 * rows)]).astype(np.int32),
        indices=np.concatenate([model.indices, np.repeat(np.arange(rows), 2)]).astype(np.int32),
        data=np.concatenate([model.data, np.tile([1.0, -1.0], rows)]),
        offset=0.0,
    )


def irreducible(model: Model, rows: Sequence[int], solver: Solver = HIGHS) -> list[int]:
    """Find rows that cannot hold together with the rest of a model, none of which can be spared (deletion filter).

    Re-checked: the set is infeasible, and without any one of its rows it is not.

    Args:
        model: the model.
        rows: the rows that may be left out, in the order in which they are tried.
        solver: what solves the small questions.

    Returns:
        Rows of the set, empty when the model is feasible, or infeasible even without all of them.
    """
    asked = replace(model, cost=np.zeros_like(model.cost), offset=0.0)
    warm = solver.warm(asked)

    def stands(left_out: Iterable[int]) -> bool:
        lower, upper = model.row_lower.copy(), model.row_upper.copy()
        at = np.array(list(left_out), dtype=np.int64)
        lower[at], upper[at] = -np.inf, np.inf
        return isinstance(warm.resolve(asked.with_rows(lower, upper), onward=True), Optimal)

    if stands([]) or not stands(rows):
        return []
    violated = solver.solve(_eased(model.relaxed(), rows))
    named = np.abs(violated.duals) > _ZERO if isinstance(violated, Optimal) else np.ones(model.shape[0], dtype=np.bool_)
    left_out = [row for row in rows if not named[row]]
    if stands(left_out):
        left_out = []
    for row in rows:
        if row not in left_out and not stands([*left_out, row]):
            left_out.append(row)
    kept = [row for row in rows if row not in left_out]
    assert not stands(left_out)
    assert all(stands([*left_out, row]) for row in kept)
    return kept


def cheapest_repair(model: Model, rows: Sequence[int], solver: Solver = HIGHS) -> tuple[list[tuple[int, float]], float]:
    """Find the least change of row bounds, relative to their size, that makes a model feasible, and its cost then.

    Two solves: the first finds the least total relative change; the second the cheapest plan within it.

    Returns:
        (row, change) of each row eased, and the objective of the model with these rows eased.
    """
    columns, at = len(model.cost), np.array(rows, dtype=np.int64)
    least = solver.solve(_eased(model, rows))
    assert isinstance(least, Optimal)
    change = np.where(least.primal[columns:] > 1e-9, least.primal[columns:], 0.0).reshape(-1, 2)
    eased = [(row, float(up + down)) for row, (up, down) in zip(rows, change, strict=True) if up + down > 0]
    lower, upper = model.row_lower.copy(), model.row_upper.copy()
    lower[at] -= change[:, 0] * (1 + 1e-9) + 1e-9 * (change[:, 0] > 0)
    upper[at] += change[:, 1] * (1 + 1e-9) + 1e-9 * (change[:, 1] > 0)
    repaired = solver.solve(model.with_rows(lower, upper))
    return eased, repaired.objective if isinstance(repaired, Optimal) else float("inf")


def _eased(model: Model, rows: Sequence[int]) -> Model:
    """The program of the least total change of some row bounds, each relative to its size."""
    count, columns, at = len(rows), len(model.cost), np.array(rows, dtype=np.int64)
    bound = np.where(np.isfinite(model.row_lower[at]), model.row_lower[at], model.row_upper[at])
    size = np.maximum(1.0, np.abs(bound))
    return replace(
        model,
        cost=np.concatenate([np.zeros(columns), np.repeat(1.0 / size, 2)]),
        lower=np.concatenate([model.lower, np.zeros(2 * count)]),
        upper=np.concatenate([model.upper, np.full(2 * count, _FAR)]),
        indptr=np.concatenate([model.indptr, model.indptr[-1] + 1 + np.arange(2 * count)]),
        indices=np.concatenate([model.indices, np.repeat(at, 2)]),
        data=np.concatenate([model.data, np.tile([1.0, -1.0], count)]),
        offset=0.0,
        integer=np.concatenate([model.integer, np.zeros(2 * count, dtype=np.bool_)])
        if model.has_integers
        else model.integer,
    )
