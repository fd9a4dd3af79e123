"""The proof that a plan cannot be done cheaper, and its check in exact rational arithmetic. No solver is known here.

A certificate names a model by its SHA-256 and gives a primal point and row multipliers, every number exactly (as a
hexadecimal float). The check reads the numbers as rationals and does no rounding:

* the primal point misses no bound and no row by more than the stated tolerance;
* weak duality: for *any* multipliers y of the rows, with reduced costs d = c - A'y, the number
  ``offset + sum(y_i x (row bound)) + sum(min over the box of d_j x_j)`` is below the cost of every feasible point.
  Since every variable is boxed the bound is finite, whatever y is; a wrong y only makes it weaker.

So an altered certificate can be worse, or refused; it cannot make a plan look better than it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from oreloop.base.errors import Problem, problem
from oreloop.plan.model import Floats, Model

FORM = "oreloop.certificate/1"
TOLERANCE = Fraction(1, 10**6)
"""Largest miss of a bound or row, relative to the larger of 1 and the bound."""
GAP = Fraction(1, 10**9)
"""Largest relative distance between cost and bound of a certificate that is accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What an exact check found.

    Args:
        accepted: the point is feasible within the tolerance, and the gap is small enough.
        problems: why not.
        objective: cost of the point, exact.
        bound: no feasible point costs less, exact; None when a variable or row that matters has no bound.
        residual: largest miss, relative.
        gap: (objective - bound) / max(1, |objective|).
    """

    accepted: bool
    problems: tuple[Problem, ...]
    objective: Fraction | None = None
    bound: Fraction | None = None
    residual: Fraction | None = None
    gap: Fraction | None = None


def certify(model: Model, primal: Floats, duals: Floats) -> dict[str, Any]:
    """Write a certificate, ready for JSON.

    Args:
        model: the linear program.
        primal: a point, shape ``(columns,)``; put inside its box here.
        duals: row multipliers, shape ``(rows,)``.
    """
    inside = np.clip(primal, model.lower, model.upper) + 0.0
    # A multiplier towards a side that has no bound proves nothing: it is rounding, and goes.
    idle = ((duals > 0) & np.isneginf(model.row_lower)) | ((duals < 0) & np.isposinf(model.row_upper))
    duals = np.where(idle, 0.0, duals)
    return {
        "form": FORM,
        "model": model.digest,
        "primal": [float(value).hex() for value in inside],
        "duals": [float(value + 0.0).hex() for value in duals],
    }


def verify_certificate(certificate: Mapping[str, Any], model: Model) -> Verdict:
    """Check a certificate against a model, exactly.

    Problems: ``plan.certificate_form``, ``plan.certificate_model`` (a proof of another program),
    ``plan.certificate_primal`` (the point is not feasible), ``plan.certificate_gap`` (not proved optimal).
    """
    rows, columns = model.shape
    try:
        if certificate["form"] != FORM:
            raise ValueError
        primal = [_exact(text) for text in certificate["primal"]]
        duals = [_exact(text) for text in certificate["duals"]]
        if len(primal) != columns or len(duals) != rows:
            raise ValueError
    except (KeyError, TypeError, ValueError, OverflowError):
        return Verdict(accepted=False, problems=(problem("plan.certificate_form"),))
    if certificate.get("model") != model.digest:
        return Verdict(accepted=False, problems=(problem("plan.certificate_model", expected=model.digest),))
    cost = [Fraction(value) for value in model.cost.tolist()]
    objective = Fraction(model.offset) + sum((c * x for c, x in zip(cost, primal, strict=True) if x), Fraction(0))
    activity, priced = _products(model, primal, duals)
    residual = max(
        _miss(primal, model.lower, model.upper), _miss(activity, model.row_lower, model.row_upper), Fraction(0)
    )
    bound = _bound(model, [c - a for c, a in zip(cost, priced, strict=True)], duals)
    gap = None if bound is None else (objective - bound) / max(Fraction(1), abs(objective))
    problems = []
    if residual > TOLERANCE:
        problems.append(
            problem("plan.certificate_primal", got=f"{float(residual):.3g}", expected=f"{float(TOLERANCE):g}")
        )
    if gap is None or abs(gap) > GAP:
        shown = "-" if gap is None else f"{float(gap):.3g}"
        problems.append(problem("plan.certificate_gap", got=shown, expected=f"{float(GAP):g}"))
    return Verdict(
        accepted=not problems, problems=tuple(problems), objective=objective, bound=bound, residual=residual, gap=gap
    )


def _exact(text: Any) -> Fraction:
    if not isinstance(text, str) or "0x" not in text:
        raise ValueError
    return Fraction(float.fromhex(text))


def _products(model: Model, primal: list[Fraction], duals: list[Fraction]) -> tuple[list[Fraction], list[Fraction]]:
    """Give A x and A'y, exactly."""
    rows, columns = model.shape
    activity, priced = [Fraction(0)] * rows, [Fraction(0)] * columns
    starts, indices, data = model.indptr.tolist(), model.indices.tolist(), model.data.tolist()
    for column in range(columns):
        for at in range(starts[column], starts[column + 1]):
            row, value = indices[at], data[at]
            if primal[column]:
                activity[row] += Fraction(value) * primal[column]
            if duals[row]:
                priced[column] += Fraction(value) * duals[row]
    return activity, priced


def _miss(values: list[Fraction], lower: Floats, upper: Floats) -> Fraction:
    worst = Fraction(0)
    for value, low, high in zip(values, lower.tolist(), upper.tolist(), strict=True):
        for bound, beyond in ((low, -1), (high, 1)):
            if abs(bound) != float("inf"):
                miss = (value - Fraction(bound)) * beyond
                if miss > 0:
                    worst = max(worst, miss / max(Fraction(1), abs(Fraction(bound))))
    return worst


def _bound(model: Model, reduced: list[Fraction], duals: list[Fraction]) -> Fraction | None:
    """The weak-duality bound; None when it is minus infinity."""
    total = Fraction(model.offset)
    sides = (
        (duals, model.row_lower.tolist(), model.row_upper.tolist()),
        (reduced, model.lower.tolist(), model.upper.tolist()),
    )
    for prices, lower, upper in sides:
        for price, low, high in zip(prices, lower, upper, strict=True):
            if price:
                at = low if price > 0 else high
                if abs(at) == float("inf"):
                    return None
                total += price * Fraction(at)
    return total
