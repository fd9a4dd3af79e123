"""The use case ``verify``: recheck a whole result offline, trusting nobody.

Bytes against manifest and log; record, contracts and judgement folded again from the documents inside; the forecast made
again; the plan derived again from its certificate, which is checked exactly. No solver runs here.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import msgspec
import polars as pl

from oreloop.adapters.folder import read_file, read_folder
from oreloop.app.documents import documents
from oreloop.app.job import METHODS
from oreloop.app.outfiles import read_table
from oreloop.app.repeat import Repetition, check_certificate
from oreloop.app.seal import (
    CASE,
    DOCUMENTS,
    FORMAT,
    INPUT_TYPE,
    LOG,
    MANIFEST,
    REPORT,
    RUN,
    check_manifest,
    input_digest,
    manifest_entry,
    run_origin,
)
from oreloop.base.canonical import canonical, digest
from oreloop.base.errors import BadInput, OreloopError, Place, Problem, TamperFound, problem
from oreloop.base.instant import instant
from oreloop.base.texts import Language, label, render
from oreloop.case import Case, parse
from oreloop.log import CHECKPOINT, Audit, Checkpoint, Policy, Tree, UnpinnedPolicy, Verifier, fsck, open_note
from oreloop.record import verify_leaf

CheckState = Literal["passed", "failed", "skipped"]
_MARKS: Mapping[CheckState, str] = {"passed": "✓", "failed": "✗", "skipped": "–"}
SHOWN = 3
"""Differences of one check that are shown; the rest are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was checked: its code (label ``app.check.<code>``), how it went, and what was found."""

    code: str
    state: CheckState
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a check of a whole result came to.

    Args:
        checks: in the order in which they were made.
        signers: who signed the log: ``name+keyid``.
        pinned: whether a key or policy was given from outside, so that the signature means something.
    """

    checks: tuple[Check, ...]
    signers: tuple[str, ...]
    pinned: bool

    @property
    def holds(self) -> bool:
        """Whether nothing was found wrong."""
        return all(check.state != "failed" for check in self.checks)

    @property
    def outcome(self) -> str:
        """``verified``, ``consistent`` (nothing wrong, but no signer was pinned) or ``altered``."""
        return "altered" if not self.holds else "verified" if self.pinned else "consistent"

    def lines(self, language: Language) -> tuple[str, ...]:
        """Write the verdict: a line for each check, then the outcome."""
        lines: list[str] = []
        for check in self.checks:
            lines.append(f"{_MARKS[check.state]} {label(f'app.check.{check.code}', language)}")
            lines += [f"    {render(each, language)}" for each in check.problems[:SHOWN]]
            if len(check.problems) > SHOWN:
                lines.append(f"    {label('app.more', language, count=len(check.problems) - SHOWN)}")
        signers = ", ".join(self.signers) or "–"
        lines.append(label(f"app.outcome.{self.outcome}", language, signers=signers))
        return tuple(lines)

    def as_json(self, language: Language) -> dict[str, Any]:
        """Give the verdict as JSON."""
        return {
            "outcome": self.outcome,
            "signers": list(self.signers),
            "pinned": self.pinned,
            "checks": [
                {
                    "check": check.code,
                    "state": check.state,
                    "problems": [{"code": each.code, "said": render(each, language)} for each in check.problems],
                }
                for check in self.checks
            ],
        }

    def __str__(self) -> str:
        return "\n".join(self.lines("en"))


def verify(out: Path | str, *, vkey: str | None = None, policy: Path | str | None = None) -> Verdict:
    """Recheck a result.

    Args:
        out: its folder.
        vkey: verifier key that must have signed it.
        policy: file that says who must have signed.

    Raises:
        NotFound: no such folder or file.
        BadInput: the key or the policy cannot be read; ``app.not_a_result``.
    """
    pinned: Policy | UnpinnedPolicy = UnpinnedPolicy()
    if vkey is not None:
        pinned = Policy.of_log(Verifier.parse(vkey))
    elif policy is not None:
        pinned = Policy.parse(read_file(Path(policy)), str(policy))
    content = read_folder(Path(out), hidden=True)
    if not {MANIFEST, RUN, f"{LOG}{CHECKPOINT}"} & content.keys():
        raise BadInput.of("app.not_a_result", Place(file=str(out)))
    return check_result(content, pinned)


def check_result(content: Mapping[str, bytes], policy: Policy | UnpinnedPolicy) -> Verdict:
    """Recheck the files of a result; touches nothing outside."""
    log = {path.removeprefix(LOG): data for path, data in content.items() if path.startswith(LOG)}
    audit = fsck(log, policy)
    checks = [
        _tried("manifest", lambda: check_manifest(content)),
        Check(
            code="log",
            state="failed" if audit.problems else "passed",
            problems=tuple(map(_below_log, audit.problems)),
        ),
        _tried("manifest_sealed", lambda: _check_last_entry(content, audit)),
    ]
    # With a key or policy, signatures that nobody checked say nothing, and are not told as if they did.
    signers = tuple(f"{each.name}+{each.key_id.hex()}" for each in audit.verified or audit.ignored)
    parts = _Parts(content, audit)
    checks += [_tried(code, check) for code, check in parts.sealed().items()]
    checks += parts.repeated()
    return Verdict(checks=tuple(checks), signers=signers, pinned=isinstance(policy, Policy))


class _Parts:
    """The checks of what is inside a result, given its files and what the log said."""

    def __init__(self, content: Mapping[str, bytes], audit: Audit) -> None:
        self._content, self._audit = content, audit
        self._files = {path.removeprefix(CASE): data for path, data in content.items() if path.startswith(CASE)}

    def sealed(self) -> dict[str, Callable[[], object]]:
        """Checks that need no method of ours: they hold for results of every version."""
        return {
            "input": self._check_input,
            "documents": self._check_documents,
            "report": self._check_report,
            "certificate": lambda: check_certificate(self._content),
        }

    def repeated(self) -> list[Check]:
        """Repeat each verb whose method is this version's; the others are skipped, with the reason."""
        opened: list[Repetition] = []
        opening = _tried("repeat", lambda: opened.append(self._repetition()))
        if not opened:
            return [opening]
        [repetition], methods = opened, _run(self._content)["methods"]
        verbs: dict[str, Callable[[], object]] = {
            "record": repetition.record,
            "forecast": repetition.forecast,
            "plan": repetition.plan,
            "deal": repetition.deal,
            "judge": repetition.judge,
        }
        checks = []
        for verb, repeat in verbs.items():
            made_by = methods.get(verb)
            if made_by == METHODS[verb]:
                checks.append(_tried(verb, repeat))
            else:
                reason = problem("app.other_method", verb=verb, got=made_by, expected=METHODS[verb])
                checks.append(Check(code=verb, state="skipped", problems=(reason,)))
        return [*checks, self._decisions()]

    def _decisions(self) -> Check:
        """Decisions are not repeated, but both forms of their tables must say the same."""
        agree = _tried("decide", lambda: [read_table(self._content, name) for name in self._decided()])
        skipped = Check(code="decide", state="skipped", problems=(problem("app.needs_solver"),))
        return agree if agree.state == "failed" else skipped

    def _decided(self) -> list[str]:
        paths = (path for path in self._content if path.startswith("decide/") and path.endswith(".csv"))
        return [path.removesuffix(".csv").replace("/", ".") for path in sorted(paths)]

    def _repetition(self) -> Repetition:
        return Repetition(content=self._content, case=self._case, at=instant(_run(self._content)["at"]))

    @cached_property
    def _case(self) -> Case:
        return parse(self._files)

    def _check_input(self) -> None:
        """The first entry is the digest of the case inside, and the log bears its name."""
        run = _run(self._content)
        expected = input_digest(self._files, run["since"])
        first = self._audit.entries[0] if self._audit.entries else b""
        if first != canonical({"type": INPUT_TYPE, "sha256": expected}) or run["input_sha256"] != expected:
            raise TamperFound.of("app.other_input", Place(file=RUN, column="input_sha256"), expected=expected)
        origin = run_origin(self._case.origin, expected, run["at"])
        checkpoint = self._audit.checkpoint
        if run["origin"] != origin or checkpoint is None or checkpoint.origin != origin:
            raise TamperFound.of("app.other_origin", Place(file=RUN, column="origin"), expected=origin)

    def _check_documents(self) -> None:
        """Every document that counts is in the log, at the place that the result says, and no other is."""
        rows = pl.read_csv(BytesIO(self._content[DOCUMENTS]), infer_schema=False).rows()
        found = documents(self._case.documents, instant(_run(self._content)["at"]))
        stated = [(path, None if not line else int(line)) for _, path, line, _, _ in rows]
        expected = [(each.path, each.line) for each in found]
        if stated != expected:
            odd = sorted(map(str, set(stated) ^ set(expected)))
            raise TamperFound.of("app.other_documents", Place(file=DOCUMENTS), got=", ".join(odd[:SHOWN]) or "–")
        problems: list[Problem] = []
        for number, (row, document) in enumerate(zip(rows, found, strict=True), start=1):
            index, path, _, sha256, salt = row
            place = Place(file=path, line=document.line)
            if int(index) != number or number >= len(self._audit.entries) or sha256 != digest(document.data):
                problems.append(problem("app.document_differs", place, index=number))
                continue
            leaf = self._audit.entries[number]
            problems += [
                problem(each.code, place, **each.fields)
                for each in verify_leaf(leaf, document.data, salt=bytes.fromhex(salt))
            ]
        if len(self._audit.entries) != len(rows) + 2:
            problems.append(problem("app.entries", got=len(self._audit.entries), expected=len(rows) + 2))
        if problems:
            raise TamperFound(problems)

    def _check_report(self) -> None:
        """The report quotes the checkpoint over all entries but the last, and one key signed it and the log."""
        entries = self._audit.entries[:-1]
        run = _run(self._content)
        expected = Checkpoint(origin=run["origin"], size=len(entries), root=Tree.of_entries(entries).root()).text
        page = html.unescape(self._content[REPORT].decode())
        place = Place(file=REPORT)
        start = page.find(expected)
        if start < 0:
            raise TamperFound.of("app.checkpoint_not_quoted", place, size=len(entries))
        note = page[start:].split("<", 1)[0].rstrip("\n") + "\n"
        key = Verifier.parse(run["verifier_key"])
        try:
            open_note(note.encode(), [key])
        except OreloopError:
            raise TamperFound.of("app.checkpoint_not_quoted", place, size=len(entries)) from None
        try:
            open_note(self._content[f"{LOG}{CHECKPOINT}"], [key])
        except OreloopError:
            raise TamperFound.of("app.other_signer", Place(file=f"{LOG}{CHECKPOINT}"), got=key.vkey) from None


def _check_last_entry(content: Mapping[str, bytes], audit: Audit) -> None:
    expected = manifest_entry(content.get(MANIFEST, b""))
    if not audit.entries or audit.entries[-1] != expected:
        raise TamperFound.of("app.manifest_not_sealed", Place(file=MANIFEST))


def _below_log(found: Problem) -> Problem:
    """Name a file of the log by its path in the result."""
    return replace(found, place=replace(found.place, file=f"{LOG}{found.place.file}")) if found.place else found


def _run(content: Mapping[str, bytes]) -> dict[str, Any]:
    """Read what a result says of itself.

    Raises:
        TamperFound: ``app.unreadable``.
    """
    try:
        run: dict[str, Any] = msgspec.json.decode(content[RUN], type=dict)
        texts = all(isinstance(run[name], str) for name in ("at", "origin", "input_sha256", "verifier_key"))
        others = isinstance(run["since"], str | None) and isinstance(run["methods"], dict)
        if run["format"] != FORMAT or not texts or not others:
            raise ValueError
    except (KeyError, ValueError, msgspec.DecodeError):
        raise TamperFound.of("app.unreadable", Place(file=RUN)) from None
    return run


def _tried(code: str, check: Callable[[], object]) -> Check:
    """Make a check; what it has to say although it passed is told with it.

    Files of a result may hold anything: whatever else goes wrong is a failed check, not a crash.
    """
    try:
        said = check()
    except OreloopError as refused:
        return Check(code=code, state="failed", problems=refused.problems)
    except (Exception, pl.exceptions.PanicException) as broken:
        return Check(code=code, state="failed", problems=(problem("app.check_broke", got=type(broken).__name__),))
    return Check(code=code, state="passed", problems=(said,) if isinstance(said, Problem) else ())
