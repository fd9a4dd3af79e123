"""The use case ``plan verify``: a written plan against its certificate, offline and without a solver.

Bytes against ``plan.json``; the certificate against the linear programme, in exact rational arithmetic; that programme
against the tables of the network, formulated again; the plan's tables against the certified point.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from oreloop.adapters.folder import read_file, read_folder
from oreloop.app.job import METHODS
from oreloop.app.outfiles import read_table
from oreloop.app.plans.solved import FORMAT, tables_of
from oreloop.app.plans.vipr import write_vipr
from oreloop.app.plans.weighed import FORMAT as FUTURES
from oreloop.app.plans.weighed_again import check_tables, stated_again
from oreloop.app.plans.written import CERTIFICATE, MARK, MODEL, check_files, given_of, read_document, row_of
from oreloop.app.repeat import CLOSE, SAME, differences
from oreloop.app.verbs.plan import plan_of
from oreloop.app.verify import Check, Verdict
from oreloop.base.canonical import digest
from oreloop.base.errors import BadInput, OreloopError, Place, Problem, TamperFound, problem
from oreloop.base.texts import Language, label
from oreloop.plan import Model, read_model, verify_certificate
from oreloop.plan.formulate import formulate


@dataclass(frozen=True, slots=True, kw_only=True)
class Certified(Verdict):
    """What a check of a plan came to: ``certified`` or ``not_certified``.

    Args:
        gap: relative distance between the plan's cost and the proved bound; None where nothing is proved.
        digests: SHA-256 of the files that everything else hangs on, by name.
    """

    gap: float | None
    digests: Mapping[str, str]

    @property
    def outcome(self) -> str:
        """``certified``, or ``not_certified`` when anything does not hold."""
        return "certified" if self.holds else "not_certified"

    def lines(self, language: Language) -> tuple[str, ...]:
        """Write a line for each check, the outcome, and what to compare with who handed the plan over."""
        proved = [label("app.plan.gap", language, gap=f"{self.gap:.1e}")] if self.holds and self.gap is not None else []
        digests = (label("app.plan.digest", language, file=name, sha256=said) for name, said in self.digests.items())
        return (*Verdict.lines(self, language), *proved, *digests)

    def as_json(self, language: Language) -> dict[str, Any]:
        """Give the verdict as JSON."""
        checked = Verdict.as_json(self, language)
        return {name: checked[name] for name in ("outcome", "checks")} | {
            "gap": self.gap,
            "digests": dict(self.digests),
        }


def verify_plan(place: Path, model: Path | None = None, *, vipr: Path | None = None) -> Certified:
    """Check a plan that was written, or a certificate alone.

    Args:
        place: folder of a plan; or, where ``model`` is given, a certificate.
        model: the linear programme that the certificate belongs to.
        vipr: where to write the certificate as a VIPR file, if everything holds.

    Raises:
        NotFound: no such folder or file.
        BadInput: ``app.not_a_plan``.
        Unavailable: ``adapters.cannot_write``.
    """
    if model is not None:
        proof = _Proof(read_file(place), read_file(model), str(place), str(model))
        digests = {str(place): digest(proof.certificate), str(model): digest(proof.model)}
        return _certified([_tried("plan_certificate", proof.check)], proof, digests, vipr)
    content = read_folder(place, hidden=True)
    if MARK not in content:
        raise BadInput.of("app.not_a_plan", Place(file=str(place)))
    proof = _Proof(content.get(CERTIFICATE, b""), content.get(MODEL, b""), CERTIFICATE, MODEL)
    checks = [
        _tried("plan_files", lambda: check_files(content, read_document(content))),
        _tried("plan_certificate", proof.check),
        *_again(content, proof),
    ]
    return _certified(checks, proof, {MARK: digest(content[MARK])}, vipr)


class _Proof:
    """A certificate and its programme, as bytes, and by which name to speak of them."""

    def __init__(self, certificate: bytes, model: bytes, certificate_name: str, model_name: str) -> None:
        self.certificate, self.model = certificate, model
        self._names = certificate_name, model_name
        self.gap: float | None = None

    def check(self) -> None:
        """Check the certificate against the programme, exactly.

        Raises:
            TamperFound: ``app.unreadable``; the problems of `oreloop.plan.verify_certificate`.
        """
        verdict = verify_certificate(self.parsed(), self.read())
        self.gap = None if verdict.gap is None else float(verdict.gap)
        if not verdict.accepted:
            raise TamperFound(replace(each, place=Place(file=self._names[0])) for each in verdict.problems)

    def parsed(self) -> dict[str, Any]:
        """Read the certificate."""
        try:
            found: dict[str, Any] = msgspec.json.decode(self.certificate, type=dict)
        except msgspec.DecodeError:
            raise TamperFound.of("app.unreadable", Place(file=self._names[0])) from None
        return found

    def read(self) -> Model:
        """Read the programme."""
        try:
            return read_model(self.model)
        except BadInput as refused:
            raise TamperFound(replace(each, place=Place(file=self._names[1])) for each in refused.problems) from None


def _again(content: Mapping[str, bytes], proof: _Proof) -> list[Check]:
    """Formulate the programme again, and derive the plan's tables from the certified point."""
    try:
        document = read_document(content)
        method, form = document["method"], document["format"]
    except (OreloopError, KeyError):
        method, form = METHODS["plan"], FORMAT
    if method != METHODS["plan"]:
        reason = problem("app.other_method", verb="plan", got=method, expected=METHODS["plan"])
        return [Check(code=code, state="skipped", problems=(reason,)) for code in ("plan_model", "plan_tables")]

    def same_model(again: Model) -> None:
        if not again.is_close(proof.read(), SAME):
            raise TamperFound.of("app.other_model", Place(file=MODEL))

    if form == FUTURES:
        futures = cache(lambda: stated_again(content))
        needs_solver = problem("app.futures_need_solver")
        return [
            _tried("plan_model", lambda: same_model(futures()[1])),
            _tried("plan_tables", lambda: check_tables(content, proof.parsed(), *futures())),
            Check(code="plan_worth", state="skipped", problems=(needs_solver,)),
        ]

    stated = cache(lambda: formulate(given_of(content, read_document(content)).network))

    def tables() -> None:
        plan = plan_of(stated(), proof.parsed())
        found: list[Problem] = []
        told = tables_of(plan) | ({"options": plan.options} if "options.csv" in content else {})
        for name, frame in told.items():
            found += differences(f"{name}.csv", read_table(content, name), frame, CLOSE)
        summary = read_document(content)["summary"]
        found += differences(MARK, row_of(summary), row_of(plan.summary), CLOSE)
        if found:
            raise TamperFound(found)

    return [_tried("plan_model", lambda: same_model(stated().model)), _tried("plan_tables", tables)]


def _certified(checks: list[Check], proof: _Proof, digests: Mapping[str, str], vipr: Path | None) -> Certified:
    found = Certified(checks=tuple(checks), signers=(), pinned=False, gap=proof.gap, digests=digests)
    if vipr is not None and found.holds:
        write_vipr(proof.read(), proof.parsed(), vipr)
    return found


def _tried(code: str, check: Callable[[], None]) -> Check:
    """Make a check. Files may hold anything: whatever else goes wrong is a failed check, not a crash."""
    try:
        check()
    except OreloopError as refused:
        return Check(code=code, state="failed", problems=refused.problems)
    except (Exception, pl.exceptions.PanicException) as broken:
        return Check(code=code, state="failed", problems=(problem("app.check_broke", got=type(broken).__name__),))
    return Check(code=code, state="passed")
