"""Multipliers that prove something although columns have no bound of their own, by the bounds that rows imply.

A reduced cost that is wrong by one rounding, times an infinite bound, is no bound at all. But where a row and the boxes
of its other columns imply a bound of a column, as much of that row can be added to the multipliers as makes the reduced
cost right; this charges the other columns, whose bounds are known. So the bound that the row implies is used without
being part of the proof: the proof is still a vector of multipliers, for a checker that knows nothing of this module.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from oreloop.plan.model import Flags, Floats, Ints, Model

_ROUNDS = 64
_ROUNDING = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Implied:
    """Which row bounds a column that has no bound of its own, and in which round of propagation that was found.

    Args:
        lower, upper: bounds, own or implied (floats, not rounded outwards), shape ``(columns,)``.
        row: position of the matrix entry whose row implies the lower (first) and the upper bound (second); -1 where it
            is the column's own, or none; shape ``(2, columns)``.
        round: when it was found, from 1; 0 where it is the column's own, or none; shape ``(2, columns)``.
    """

    lower: Floats
    upper: Floats
    row: Ints
    round: Ints

    @property
    def boxed(self) -> bool:
        """Whether every column is bounded on both sides."""
        return bool(np.isfinite(self.lower).all() and np.isfinite(self.upper).all())


def implied(model: Model) -> Implied:
    """Find bounds for the columns that have none, by propagation through rows."""
    columns = model.shape[1]
    row, at, value = _entries(model)
    lower, upper = model.lower.copy(), model.upper.copy()
    places, rounds = np.full((2, columns), -1, dtype=np.int64), np.zeros((2, columns), dtype=np.int64)
    for number in range(1, _ROUNDS + 1):
        found = [_tightest(model, row, at, value, lower, upper, side) for side in (0, 1)]
        new = False
        for side, (bound, entry) in enumerate(found):
            fresh = np.isfinite(bound) & ~np.isfinite((lower, upper)[side])
            (lower, upper)[side][fresh] = bound[fresh]
            places[side, fresh], rounds[side, fresh] = entry[fresh], number
            new = new or bool(fresh.any())
        if not new:
            break
    return Implied(lower=lower, upper=upper, row=places, round=rounds)


def with_implied(model: Model) -> Model:
    """State the bounds that rows imply as bounds of the columns: the program keeps exactly its feasible points.

    Each bound is worked out in rational numbers from bounds found before it, and then rounded away from the feasible points
    to the next float64, so that numbers stay short. Whoever has the program finds the same bounds, without a solver.

    A free column is why this is needed: multipliers alone prove nothing unless its reduced cost is zero to the last bit,
    which no rounded multipliers can promise. Within a box any small reduced cost will do.
    """
    known = implied(model)
    bounds = model.lower.copy(), model.upper.copy()
    row, at, value = _entries(model)
    order = np.argsort(row, kind="stable")
    starts = np.searchsorted(row[order], np.arange(model.shape[0] + 1))
    for number in range(1, int(known.round.max(initial=0)) + 1):
        for side, column in zip(*np.nonzero(known.round == number), strict=True):
            entry = int(known.row[side, column])
            ceiling = bool(value[entry] > 0) == bool(side)
            left = Fraction((model.row_lower, model.row_upper)[ceiling][row[entry]])
            for other in order[starts[row[entry]] : starts[row[entry] + 1]].tolist():
                if other != entry and value[other] != 0:
                    near = bounds[bool(value[other] > 0) != ceiling][at[other]]
                    left -= Fraction(value[other]) * Fraction(near)
            bounds[side][column] = _outwards(left / Fraction(value[entry]), side)
    return replace(model, lower=bounds[0], upper=bounds[1])


def _outwards(number: Fraction, side: int) -> float:
    """The float64 next to a number, not above it for a lower bound, not below it for an upper one."""
    near = float(number)
    inside = Fraction(near) < number if side else Fraction(near) > number
    return float(np.nextafter(near, np.inf if side else -np.inf)) if inside else near


def activity_range(model: Model) -> tuple[Floats, Floats]:
    """Give the least and the most that each row can be within the boxes, in floats, shapes ``(rows,)``."""
    row, at, value = _entries(model)
    live = value != 0
    row, at, value = row[live], at[live], value[live]
    rises, rows = value > 0, model.shape[0]
    near, far = np.where(rises, model.lower[at], model.upper[at]), np.where(rises, model.upper[at], model.lower[at])
    least: Floats = np.bincount(row, value * near, rows).astype(np.float64)
    most: Floats = np.bincount(row, value * far, rows).astype(np.float64)
    return least, most


def settled(model: Model, duals: Floats, *, priced: bool = True) -> Floats:
    """Change multipliers by as little as makes the bound finite, where the rows imply the bounds that are missing.

    Args:
        model: the program.
        duals: row multipliers, shape ``(rows,)``.
        priced: whether reduced costs are those of the model's cost, or of a cost of zero.

    Returns:
        Multipliers, shape ``(rows,)``; the same ones where nothing is to be done or nothing can be.
    """
    endless = (~np.isfinite(model.lower), ~np.isfinite(model.upper))
    cost = model.cost if priced else np.zeros_like(model.cost)
    if not any(each.any() for each in endless) or not any(wrong.any() for wrong in _wrong(model, cost, duals, endless)):
        return duals
    known = implied(model)
    row, _, value = _entries(model)
    found = duals.copy()
    for number in range(int(known.round.max(initial=0)), 0, -1):
        wrong = _wrong(model, cost, found, endless)
        gap, margin = _reduced(model, cost, found)
        more, less = np.zeros(model.shape[0]), np.zeros(model.shape[0])
        for side in (0, 1):
            which = np.flatnonzero(wrong[side] & (known.round[side] == number))
            entry = known.row[side, which]
            target = margin[which] * (2.0 if side else -2.0)
            shift = (gap[which] - target) / value[entry]
            np.maximum.at(more, row[entry], shift)
            np.minimum.at(less, row[entry], shift)
        moved = found + more + less
        found = np.where(more + less != 0, np.nextafter(moved, np.copysign(np.inf, more + less)), found)
    return found


def _entries(model: Model) -> tuple[Ints, Ints, Floats]:
    """Row, column and value of every matrix entry, in the order of the matrix."""
    return model.indices.astype(np.int64), model.entry_columns, model.data


def _reduced(model: Model, cost: Floats, duals: Floats) -> tuple[Floats, Floats]:
    """Reduced costs, and how far rounding may have put them off."""
    row, at, value = _entries(model)
    parts = value * duals[row]
    columns = model.shape[1]
    sizes = np.abs(cost) + np.bincount(at, np.abs(parts), columns)
    return cost - np.bincount(at, parts, columns), sizes * (np.diff(model.indptr) + 2) * _ROUNDING


def _wrong(model: Model, cost: Floats, duals: Floats, endless: tuple[Flags, Flags]) -> tuple[Flags, Flags]:
    """Columns whose reduced cost may point to a side that has no bound."""
    reduced, margin = _reduced(model, cost, duals)
    moot = margin == 0.0
    return endless[0] & (reduced > -margin) & ~moot, endless[1] & (reduced < margin) & ~moot


def _tightest(
    model: Model, row: Ints, at: Ints, value: Floats, lower: Floats, upper: Floats, side: int
) -> tuple[Floats, Ints]:
    """The best bound of each column on one side that some row implies, and the matrix entry of that row."""
    rows, columns = model.shape
    best = np.full(columns, np.inf if side else -np.inf)
    entry = np.full(columns, -1, dtype=np.int64)
    rises = value > 0
    for ceiling, limits in ((True, model.row_upper), (False, model.row_lower)):
        # A ceiling of the row, less the least of the other columns, is a ceiling of a rising column, a floor of another.
        near = np.where(rises == ceiling, lower[at], upper[at])
        open_end = ~np.isfinite(near)
        part = np.where(open_end, 0.0, value * np.where(open_end, 0.0, near))
        others = np.bincount(row, part, rows)[row] - part
        ends = np.bincount(row, open_end, rows)[row] - open_end
        usable = np.flatnonzero(
            (ends == 0) & np.isfinite(limits[row]) & ((rises == ceiling) == bool(side)) & (value != 0)
        )
        bound = (limits[row[usable]] - others[usable]) / value[usable]
        order = np.argsort(-bound if side else bound, kind="stable")  # the last one written to a column is the tightest
        chosen, which = bound[order], usable[order]
        better = chosen < best[at[which]] if side else chosen > best[at[which]]
        best[at[which[better]]] = chosen[better]
        entry[at[which[better]]] = which[better]
    return best, entry
