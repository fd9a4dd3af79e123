"""The proof that a plan cannot be done cheaper, and its check in exact rational arithmetic. No solver is known here.

A certificate names a model by its SHA-256 and gives a primal point and row multipliers, every number exactly (as a
hexadecimal float). The check does no rounding (`oreloop.plan.proof.exact`):

* the primal point misses no bound and no row by more than the stated tolerance;
* weak duality: for *any* multipliers y of the rows, with reduced costs d = c - A'y, the number
  ``offset + sum(y_i x (row bound)) + sum(min over the box of d_j x_j)`` is below the cost of every feasible point.
  Where every variable is boxed the bound is finite, whatever y is; a wrong y only makes it weaker.

A model with whole-number columns has a certificate of the second form: a point that is exactly whole where it must be,
and a tree of splits with multipliers for each leaf (`oreloop.plan.proof.tree`) instead of one vector of them.

So an altered certificate can be worse, or refused; it cannot make a plan look better than it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from oreloop.base.errors import BadInput, Problem, problem
from oreloop.plan.formulate import formulate
from oreloop.plan.model import Floats, Model
from oreloop.plan.network import Network
from oreloop.plan.proof.boxes import settled
from oreloop.plan.proof.exact import Finite, Program, exact, finite, read_hex, worst_miss, write_hex
from oreloop.plan.proof.tree import tree_bound

FORM = "oreloop.certificate/1"
FORM_WHOLE = "oreloop.certificate/2"
"""That of models with whole-number columns."""
TOLERANCE = Fraction(1, 10**6)
"""Largest miss of a bound or row, relative to the larger of 1 and the bound."""
GAP = Fraction(1, 10**9)
"""Largest relative distance between cost and bound of a certificate that is accepted, unless it claims less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What an exact check found.

    Args:
        accepted: the point is feasible within the tolerance, and the gap is as small as it should be, or as the
            certificate of a model with whole-number columns claims.
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
        model: the program. Where columns must be whole, the tree is a single leaf, and the certificate claims no smaller
            gap than it proves; `oreloop.plan.proof.branch.certify_tree` proves more.
        primal: a point, shape ``(columns,)``; put inside its box here.
        duals: row multipliers, shape ``(rows,)``; changed by a rounding where a column without a bound needs it.
    """
    proved = write_hex(useful(Program(model.relaxed()), duals))
    point = write_hex(np.clip(primal, model.lower, model.upper))
    if model.has_integers:
        return with_tree(model, point, [{"bound": proved}])
    return {"form": FORM, "model": model.digest, "primal": point, "duals": proved}


def with_tree(
    model: Model, primal: list[str], tree: list[dict[str, Any]], *, prices: Floats | None = None
) -> dict[str, Any]:
    """Write a certificate of the second form, which claims the gap that it proves.

    Args:
        model: a program with whole-number columns.
        primal: a point, hexadecimal.
        tree: splits and leaves, as in `oreloop.plan.proof.tree`.
        prices: row multipliers that prove the point the cheapest one with its whole numbers, shape ``(rows,)``.
    """
    certificate: dict[str, Any] = {
        "form": FORM_WHOLE, "model": model.digest, "primal": primal, "tree": tree, "gap": float(GAP).hex(),
    }  # fmt: skip
    if prices is not None:
        certificate["duals"] = write_hex(useful(Program(_fixed(model, read_hex(primal))), prices))
    gap = verify_certificate(certificate, model).gap
    if gap is not None and GAP < gap < _LARGEST:
        certificate["gap"] = float(np.nextafter(float(gap), np.inf)).hex()
    return certificate


def useful(program: Program, duals: Floats, *, priced: bool = True) -> Floats:
    """Give the multipliers that prove what these were meant to prove.

    A multiplier towards a side that has no bound proves nothing: it is rounding, and goes.
    """
    model = program.model
    idle = ((duals > 0) & np.isneginf(model.row_lower)) | ((duals < 0) & np.isposinf(model.row_upper))
    kept = np.where(idle, 0.0, duals)
    if np.isfinite(model.lower).all() and np.isfinite(model.upper).all():
        return kept  # whatever the multipliers are, a box bounds what they price
    if program.bound(finite(kept), exact(model.lower), exact(model.upper), priced=priced) is not None:
        return kept
    return settled(model, kept, priced=priced)


def verify_certificate(certificate: Mapping[str, Any], of: Model | Network) -> Verdict:
    """Check a certificate against a model, or against a network, whose model is stated again; exactly.

    Problems: ``plan.certificate_form``, ``plan.certificate_model`` (a proof of another program),
    ``plan.certificate_primal`` (the point is not feasible), ``plan.certificate_whole`` (it is not whole where it must
    be), ``plan.certificate_gap`` (not proved optimal), ``plan.certificate_prices`` (the prices of a certificate of the second
    form, where it states any, do not prove its point the cheapest one with its whole numbers).

    Raises:
        BadInput: ``plan.not_a_model`` for a model that is none: an offset that is no number, or a bound that no number meets.
    """
    model = of if isinstance(of, Model) else formulate(of).model
    if not model.is_sound:
        raise BadInput.of("plan.not_a_model")
    program = Program(model)
    rows, columns = model.shape
    claimed = GAP
    try:
        if certificate["form"] != (FORM_WHOLE if model.has_integers else FORM):
            raise ValueError
        point = read_hex(certificate["primal"])
        primal = finite(point)
        if len(primal.values) != columns:
            raise ValueError
        if certificate.get("model") != (expected := model.digest):
            return Verdict(accepted=False, problems=(problem("plan.certificate_model", expected=expected),))
        if model.has_integers:
            claimed = max(GAP, Fraction(float(read_hex([certificate["gap"]])[0])))
            bound = tree_bound(program, certificate["tree"])
        else:
            duals = finite(read_hex(certificate["duals"]))
            if len(duals.values) != rows:
                raise ValueError
            bound = program.bound(duals, exact(model.lower), exact(model.upper))
    except (KeyError, TypeError, ValueError, OverflowError):
        return Verdict(accepted=False, problems=(problem("plan.certificate_form"),))
    residual = max(
        worst_miss(primal, exact(model.lower), exact(model.upper)),
        worst_miss(program.activity(primal), program.row_lower, program.row_upper),
    )
    objective = program.value(primal)
    found = []
    if model.has_integers and "duals" in certificate and not _priced(certificate["duals"], point, model, objective):
        found.append(problem("plan.certificate_prices"))
    broken = _broken(primal, model)
    return judged(objective, bound, residual, broken=broken, claimed=claimed, found=found)


def judged(
    objective: Fraction,
    bound: Fraction | None,
    residual: Fraction,
    *,
    broken: int = 0,
    claimed: Fraction = GAP,
    found: Iterable[Problem] = (),
) -> Verdict:
    """Give the verdict on a point and a bound, both exact.

    Args:
        objective: cost of the point.
        bound: no feasible point costs less; None where nothing is proved.
        residual: by how much the point misses a rule at most.
        broken: columns that must be whole and are not.
        claimed: relative gap that the certificate may leave.
        found: problems found before.
    """
    problems = list(found)
    gap = None if bound is None else (objective - bound) / max(Fraction(1), abs(objective))
    if residual > TOLERANCE:
        problems.append(problem("plan.certificate_primal", got=_shown(residual), expected=_shown(TOLERANCE)))
    if broken:
        problems.append(problem("plan.certificate_whole", got=broken))
    if gap is None or not -GAP <= gap <= claimed:
        problems.append(problem("plan.certificate_gap", got=_shown(gap), expected=_shown(claimed)))
    return Verdict(
        accepted=not problems, problems=tuple(problems), objective=objective, bound=bound, residual=residual, gap=gap
    )


def _fixed(model: Model, point: Floats) -> Model:
    """The linear program in which the whole-number columns are fixed at a point."""
    lower, upper = (np.where(model.whole, point, bound) for bound in (model.lower, model.upper))
    return replace(model.relaxed(), lower=lower, upper=upper)


def _priced(given: Any, point: Floats, model: Model, objective: Fraction) -> bool:
    """Whether multipliers prove a point the cheapest one with its whole numbers."""
    try:
        duals = finite(read_hex(given))
    except (TypeError, ValueError, OverflowError):
        return False
    if len(duals.values) != model.shape[0]:
        return False
    fixed = _fixed(model, point)
    bound = Program(fixed).bound(duals, exact(fixed.lower), exact(fixed.upper))
    return bound is not None and objective - bound <= GAP * max(Fraction(1), abs(objective))


def _broken(primal: Finite, model: Model) -> int:
    """Count the columns that must be whole and are not."""
    if not model.has_integers:
        return 0
    part = (1 << primal.scale) - 1
    return sum(1 for value, whole in zip(primal.values, model.integer.tolist(), strict=True) if whole and value & part)


def _shown(number: Fraction | None) -> str:
    """A rational in three digits; what no float holds is shown as the largest one."""
    if number is None:
        return "-"
    return f"{float(max(-_LARGEST, min(_LARGEST, number))):.3g}"


_LARGEST = Fraction(float(np.finfo(np.float64).max))
