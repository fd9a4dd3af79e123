"""The use case ``plan verify``: a written plan against its certificate, offline and without a solver.

Bytes against ``plan.json``; the certificate against the linear programme, in exact rational arithmetic; that programme
against the tables of the network, formulated again; the plan's tables against the certified point; and ``plan.json``
against all of these.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from oreloop.adapters.folder import read_file, read_folder
from oreloop.app.job import METHODS
from oreloop.app.outfiles import read_table
from oreloop.app.plans.given import Given
from oreloop.app.plans.solved import Solved, tables_of
from oreloop.app.plans.stated_again import check_stated
from oreloop.app.plans.vipr import write_vipr
from oreloop.app.plans.weighed import FORMAT as FUTURES
from oreloop.app.plans.weighed import Weighing
from oreloop.app.plans.weighed_again import check_left_out, check_tables, stated_again, weighed_again
from oreloop.app.plans.written import CERTIFICATE, MARK, MODEL, check_files, given_of, read_document, row_of
from oreloop.app.repeat import CLOSE, SAME, WIDER_GAP, differences, rounded_up, wider_gap
from oreloop.app.verbs.plan import plan_of
from oreloop.app.verify import Check, Verdict, method_of, tried
from oreloop.base.canonical import digest
from oreloop.base.errors import BadInput, OreloopError, Place, Problem, TamperFound, problem
from oreloop.base.texts import Language, label
from oreloop.plan import Model, read_model, verify_certificate
from oreloop.plan import Verdict as Proved
from oreloop.plan.certificate import GAP
from oreloop.plan.formulate import Problem as Programme
from oreloop.plan.formulate import formulate
from oreloop.plan.stochastic import Fan

_REPEATED = ("plan_model", "plan_tables", "plan_told")
"""Checks that make again what a method made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certified(Verdict):
    """What a check of a plan came to: ``certified``, ``within_gap``, ``partly`` or ``not_certified``.

    Args:
        gap: relative distance between the plan's cost and the proved bound; None where nothing is proved.
        digests: SHA-256 of the files that everything else hangs on, by name.
    """

    gap: float | None
    digests: Mapping[str, str]

    @property
    def outcome(self) -> str:
        """What it came to.

        ``certified`` (no plan is cheaper, beyond `oreloop.plan.certificate.GAP`), ``within_gap`` (none is cheaper by more
        than the gap), ``partly`` (the certificate holds, and another method made the plan) or ``not_certified``.
        """
        if not self.holds:
            return "not_certified"
        if not self.repeats_all:
            return "partly"
        return "within_gap" if self._wide else "certified"

    @property
    def _wide(self) -> str:
        """The gap that is left, rounded up, where it is more than what counts as none."""
        told = (each for check in self.checks for each in check.problems)
        return next((each.fields["got"] for each in told if each.code == WIDER_GAP), "")

    def conclusion(self, language: Language) -> str:
        """Write the outcome."""
        code = "plan_partly" if self.outcome == "partly" else self.outcome
        return label(f"app.outcome.{code}", language, gap=self._wide)

    def lines(self, language: Language) -> tuple[str, ...]:
        """Write a line for each check, the outcome, and what to compare with who handed the plan over."""
        is_told = self.holds and self.gap is not None and not self._wide
        proved = [label("app.plan.gap", language, gap=f"{self.gap:.1e}" if self.gap else "0")] if is_told else []
        digests = (label("app.plan.digest", language, file=name, sha256=said) for name, said in self.digests.items())
        return (*Verdict.lines(self, language), *proved, *digests)

    def as_json(self, language: Language) -> dict[str, Any]:
        """Give the verdict as JSON."""
        checked = Verdict.as_json(self, language)
        return {name: checked[name] for name in ("outcome", "checks")} | {
            "gap": self.gap,
            "digests": dict(self.digests),
        }


def verify_plan(
    place: Path, model: Path | None = None, *, vipr: Path | None = None, gap: float | None = None
) -> Certified:
    """Check a plan that was written, or a certificate alone.

    Args:
        place: folder of a plan; or, where ``model`` is given, a certificate.
        model: the linear programme that the certificate belongs to.
        vipr: where to write the certificate as a VIPR file, if everything holds.
        gap: most that the proof may leave, as a share of the cost; None: whatever it leaves is told.

    Raises:
        NotFound: no such folder or file.
        BadInput: ``app.not_a_plan``; ``app.gap_no_share``.
        Unavailable: ``adapters.cannot_write``.
    """
    if gap is not None and not 0 <= gap <= 1:
        raise BadInput.of("app.gap_no_share", got=gap)
    most = None if gap is None else max(GAP, Fraction(gap))
    if model is not None:
        proof = _Proof(read_file(place), read_file(model), str(place), str(model), most)
        digests = {str(place): digest(proof.certificate), str(model): digest(proof.model)}
        return _certified([tried("plan_certificate", proof.check)], proof, digests, vipr)
    content = read_folder(place, hidden=True)
    if MARK not in content:
        raise BadInput.of("app.not_a_plan", Place(file=str(place)))
    proof = _Proof(content.get(CERTIFICATE, b""), content.get(MODEL, b""), CERTIFICATE, MODEL, most)
    checks = [
        tried("plan_files", lambda: check_files(content, read_document(content))),
        tried("plan_certificate", proof.check),
        *_again(content, proof),
        Check(code="plan_as_written", state="skipped"),
    ]
    return _certified(checks, proof, {MARK: digest(content[MARK])}, vipr)


class _Proof:
    """A certificate and its programme, as bytes, and by which name to speak of them."""

    def __init__(
        self, certificate: bytes, model: bytes, certificate_name: str, model_name: str, most: Fraction | None
    ) -> None:
        self.certificate, self.model = certificate, model
        self._names, self._most = (certificate_name, model_name), most
        self.gap: float | None = None
        self.verdict: Proved | None = None

    def check(self) -> Problem | None:
        """Check the certificate against the programme, exactly.

        Returns:
            The gap that it leaves, where that is more than counts as none.

        Raises:
            TamperFound: ``app.unreadable``; ``app.gap_too_wide`` beyond what was asked for; the problems of
                `oreloop.plan.verify_certificate`.
        """
        verdict = verify_certificate(self.parsed(), self.read())
        self.gap = None if verdict.gap is None else float(verdict.gap)
        if not verdict.accepted:
            raise TamperFound(replace(each, place=Place(file=self._names[0])) for each in verdict.problems)
        self.verdict = verdict
        if self._most is not None and verdict.gap is not None and verdict.gap > self._most:
            place, said = Place(file=self._names[0]), f"{float(self._most):.3g}"
            raise TamperFound.of("app.gap_too_wide", place, got=rounded_up(verdict.gap), expected=said)
        return wider_gap(verdict.gap)

    def accepted(self) -> Proved:
        """Give what the check found, once the certificate was accepted.

        Raises:
            TamperFound: ``app.not_certified``.
        """
        if self.verdict is None:
            raise TamperFound.of("app.not_certified", Place(file=self._names[0]))
        return self.verdict

    def parsed(self) -> dict[str, Any]:
        """Read the certificate."""
        try:
            found: dict[str, Any] = msgspec.json.decode(self.certificate, type=dict)
        except (RecursionError, msgspec.DecodeError):
            raise TamperFound.of("app.unreadable", Place(file=self._names[0])) from None
        return found

    def read(self) -> Model:
        """Read the programme."""
        try:
            return read_model(self.model)
        except BadInput as refused:
            raise TamperFound(replace(each, place=Place(file=self._names[1])) for each in refused.problems) from None


class _SolvedAgain:
    """A plan made again from its files."""

    tables_said = ""
    beside: tuple[Check, ...] = ()

    def __init__(self, content: Mapping[str, bytes], document: Mapping[str, Any], proof: _Proof) -> None:
        self._content, self._document, self._proof = content, document, proof

    @cached_property
    def _given(self) -> Given:
        return given_of(self._content, self._document)

    @cached_property
    def _programme(self) -> Programme:
        return formulate(self._given.network)

    @property
    def model(self) -> Model:
        return self._programme.model

    @cached_property
    def made(self) -> Solved:
        verdict, certificate = self._proof.accepted(), self._proof.parsed()
        plan = replace(plan_of(self._programme, certificate), model=self._proof.read())
        return Solved(given=self._given, plan=plan, certificate=certificate, verdict=verdict)

    def check_tables(self) -> None:
        plan = self.made.plan
        found: list[Problem] = []
        for name, frame in tables_of(plan).items():
            found += differences(f"{name}.csv", read_table(self._content, name), frame, CLOSE)
        found += differences(MARK, row_of(self._document["summary"]), row_of(plan.summary), CLOSE)
        if found:
            raise TamperFound(found)

    def check_told(self) -> None:
        check_stated(self._content, self._document, self.made)


class _WeighedAgain:
    """A plan against several futures made again from its files."""

    tables_said = "plan_tables_futures"
    beside = (Check(code="plan_worth", state="skipped", problems=(problem("app.futures_need_solver"),)),)

    def __init__(self, content: Mapping[str, bytes], document: Mapping[str, Any], proof: _Proof) -> None:
        self._content, self._document, self._proof = content, document, proof

    @cached_property
    def _stated(self) -> tuple[Fan, Model]:
        return stated_again(self._content)

    @property
    def model(self) -> Model:
        return self._stated[1]

    @cached_property
    def made(self) -> Weighing:
        verdict = self._proof.accepted()
        return weighed_again(self._content, self._document, self._proof.read(), self._proof.parsed(), verdict)

    def check_tables(self) -> None:
        self._proof.accepted()
        check_tables(self._content, self._proof.parsed(), *self._stated)

    def check_told(self) -> None:
        check_stated(self._content, self._document, self.made)
        check_left_out(self.made)


def _again(content: Mapping[str, bytes], proof: _Proof) -> list[Check]:
    """Formulate the programme again, derive the plan's tables from the certified point, and state all of it again."""
    try:
        document = read_document(content)
        method = method_of({"plan": document.get("method")}, "plan", Place(file=MARK, column="method"))
        if method != METHODS["plan"]:
            reason = problem("app.plan_other_method", got=method, expected=METHODS["plan"])
            return [Check(code=code, state="skipped", problems=(reason,)) for code in _REPEATED]
        made_by = _WeighedAgain if document["format"] == FUTURES else _SolvedAgain
        again = made_by(content, document, proof)
    except OreloopError as refused:
        return [Check(code=code, state="failed", problems=refused.problems) for code in _REPEATED]

    def same_model() -> None:
        if not again.model.is_close(proof.read(), SAME):
            raise TamperFound.of("app.other_model", Place(file=MODEL))

    model = tried("plan_model", same_model)
    if model.state == "failed":
        proof.verdict = None  # a point of another programme may lie anywhere: nothing is derived from it
    tables = replace(tried("plan_tables", again.check_tables), wording=again.tables_said)
    return [model, tables, tried("plan_told", again.check_told), *again.beside]


def _certified(checks: list[Check], proof: _Proof, digests: Mapping[str, str], vipr: Path | None) -> Certified:
    found = Certified(checks=tuple(checks), signers=(), pinned=False, gap=proof.gap, digests=digests)
    if vipr is not None and found.holds:
        write_vipr(proof.read(), proof.parsed(), vipr)
    return found
