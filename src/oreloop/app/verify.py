"""The use case ``verify``: recheck a whole result offline, trusting nobody.

Bytes against manifest and log; record, contracts and judgement folded again from the documents inside; the forecast made
again; the plan derived again from its certificate, which is checked exactly. No solver runs here.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Mapping
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
from oreloop.app.outfiles import TABLE_ENDINGS, read_table, table_paths, tables
from oreloop.app.repeat import DRAFTS, WIDER_GAP, Repetition, check_certificate
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
from oreloop.log import (
    CHECKPOINT,
    Audit,
    Checkpoint,
    Policy,
    Signature,
    Tree,
    UnpinnedPolicy,
    Verifier,
    fsck,
    open_note,
)
from oreloop.record import verify_leaf

CheckState = Literal["passed", "failed", "skipped"]
_MARKS: Mapping[CheckState, str] = {"passed": "✓", "failed": "✗", "skipped": "–"}
_OTHER_METHOD = ("app.other_method", "app.plan_other_method")
CHANGES = "decide.changes"
"""The table of a run that says what changed since an earlier one."""
WRITTEN = (MANIFEST, RUN, REPORT, DOCUMENTS, "result.xlsx", "plan/model.bin", "plan/certificate.json")
"""Files of every result that are no tables."""
SHOWN = 3
"""Differences of one check that are shown; the rest are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was checked.

    Args:
        code: which check.
        state: how it went.
        problems: what was found.
        wording: code of its label (``app.check.<wording>``) where it says less than the code's own does.
    """

    code: str
    state: CheckState
    problems: tuple[Problem, ...] = ()
    wording: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a check of a whole result came to.

    Args:
        checks: in the order in which they were made.
        signers: whose signature of the log holds: ``name+keyid``.
        pinned: whether a key or policy was given from outside, so that the signature means something; else it was
            checked with the key that the result states itself.
        unchecked: whom signatures name that nobody checked.
    """

    checks: tuple[Check, ...]
    signers: tuple[str, ...]
    pinned: bool
    unchecked: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether nothing was found wrong."""
        return all(check.state != "failed" for check in self.checks)

    @property
    def repeats_all(self) -> bool:
        """Whether nothing was left out because another method made it."""
        return not any(each.code in _OTHER_METHOD for check in self.checks for each in check.problems)

    @property
    def outcome(self) -> str:
        """``verified``, ``partly`` (nothing wrong, but another method made some of it), ``consistent`` or ``altered``.

        ``consistent`` is the least that can be said for it: nothing wrong, but no signer was pinned.
        """
        if not self.holds:
            return "altered"
        if not self.pinned:
            return "consistent"
        return "verified" if self.repeats_all else "partly"

    def lines(self, language: Language) -> tuple[str, ...]:
        """Write the verdict: a line for each check, then the outcome."""
        lines: list[str] = []
        for check in self.checks:
            lines.append(f"{_MARKS[check.state]} {label(f'app.check.{check.wording or check.code}', language)}")
            lines += [f"    {render(each, language)}" for each in check.problems[:SHOWN]]
            if len(check.problems) > SHOWN:
                lines.append(f"    {label('app.more', language, count=len(check.problems) - SHOWN)}")
        if self.unchecked:
            lines.append(f"– {label('app.unchecked_signatures', language, names=', '.join(self.unchecked))}")
        return (*lines, self.conclusion(language))

    def conclusion(self, language: Language) -> str:
        """Write the outcome."""
        return label(f"app.outcome.{self.outcome}", language, signers=", ".join(self.signers) or "–")

    def as_json(self, language: Language) -> dict[str, Any]:
        """Give the verdict as JSON."""
        return {
            "outcome": self.outcome,
            "signers": list(self.signers),
            "unchecked_signers": list(self.unchecked),
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
    audit = fsck(log, policy if isinstance(policy, Policy) else _stated(content))
    checks = [
        tried("manifest", lambda: check_manifest(content)),
        Check(
            code="log",
            state="failed" if audit.problems else "passed",
            problems=tuple(map(_below_log, audit.problems)),
        ),
        tried("manifest_sealed", lambda: _check_last_entry(content, audit)),
    ]
    parts = _Parts(content, audit)
    sealed = {code: tried(code, check) for code, check in parts.sealed().items()}
    checks += [*sealed.values(), *parts.repeated(certified=sealed["certificate"].state == "passed")]
    return Verdict(
        checks=tuple(checks),
        signers=signers_of(audit.verified),
        unchecked=signers_of(audit.ignored),
        pinned=isinstance(policy, Policy),
    )


def signers_of(signatures: Iterable[Signature]) -> tuple[str, ...]:
    """Name whoever made signatures, or is said to have made them: ``name+keyid``."""
    return tuple(f"{each.name}+{each.key_id.hex()}" for each in signatures)


def _stated(content: Mapping[str, bytes]) -> Policy | UnpinnedPolicy:
    """Believe the key that the result itself says signed it, as far as it says so."""
    try:
        return Policy.of_log(Verifier.parse(_run(content)["verifier_key"]))
    except OreloopError:
        return UnpinnedPolicy()


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

    def repeated(self, *, certified: bool) -> list[Check]:
        """Repeat each verb whose method is this version's; the others are skipped, with the reason.

        Args:
            certified: whether the certificate holds; from one that does not, nothing is derived.
        """
        opened: list[tuple[Repetition, Mapping[str, int]]] = []
        opening = tried("repeat", lambda: opened.append((self._repetition(certified), self._methods())))
        if not opened:
            return [opening]
        [(repetition, methods)] = opened
        verbs: dict[str, Callable[[], object]] = {
            "record": repetition.record,
            "forecast": repetition.forecast,
            "plan": repetition.plan,
            "deal": repetition.deal,
            "judge": repetition.judge,
        }
        checks = []
        for verb, repeat in verbs.items():
            if methods[verb] == METHODS[verb]:
                checks.append(tried(verb, repeat))
            else:
                reason = problem("app.other_method", verb=verb, got=methods[verb], expected=METHODS[verb])
                checks.append(Check(code=verb, state="skipped", problems=(reason,)))
        return [*checks, self._decisions(), tried("files", lambda: self._check_names(methods))]

    def _decisions(self) -> Check:
        """Decisions are not repeated, but both forms of their tables must say the same."""
        agree = tried("decide", lambda: [read_table(self._content, name) for name in self._decided()])
        skipped = Check(code="decide", state="skipped", problems=(problem("app.needs_solver"),))
        return agree if agree.state == "failed" else skipped

    def _decided(self) -> list[str]:
        paths = (path.rpartition(".") for path in self._content if path.startswith("decide/"))
        return sorted({name.replace("/", ".") for name, _, ending in paths if ending in TABLE_ENDINGS})

    def _check_names(self, methods: Mapping[str, int]) -> None:
        """Every file is one that a run writes; of a verb that another method made, nobody knows which those are.

        Of decisions, which nobody repeats, no table may be missing either.
        """
        written = table_paths(each.name for each in tables()) | {*WRITTEN, *(f"{CASE}{path}" for path in self._own)}
        if _run(self._content)["since"] is not None:
            written |= table_paths([CHANGES])
        unknown = {verb for verb, number in methods.items() if number != METHODS[verb]}
        if "plan" in unknown:
            unknown.add("decide")
        found = [
            problem("app.file_stranger", Place(file=path))
            for path in sorted(self._content.keys() - written)
            if not path.startswith((LOG, DRAFTS)) and path.partition("/")[0] not in unknown
        ]
        advice = table_paths(each.name for each in tables() if each.always and each.name.startswith("decide."))
        lost = set[str]() if "decide" in unknown else advice - self._content.keys()
        found += [problem("app.table_missing", Place(file=path)) for path in sorted(lost)]
        if found:
            raise TamperFound(found)

    @property
    def _own(self) -> Mapping[str, bytes]:
        """The files that are a case's own."""
        from oreloop.app.run import case_files  # slow to import: it knows the report

        return case_files(self._files)

    def _methods(self) -> dict[str, int]:
        """Give the number of each verb's method."""
        said = _run(self._content)["methods"]
        return {verb: method_of(said, verb, Place(file=RUN, column=f"methods.{verb}")) for verb in METHODS}

    def _repetition(self, certified: bool) -> Repetition:
        at = instant(_run(self._content)["at"])
        return Repetition(content=self._content, case=self._case, at=at, certified=certified)

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


def method_of(said: Mapping[str, Any], name: str, place: Place) -> int:
    """Read the number of a method: of this version, or of an earlier one.

    Args:
        said: numbers by name.
        name: of a verb.
        place: where it stands.

    Raises:
        TamperFound: ``app.unreadable`` where it is missing, or is no whole number from 1 to this version's.
    """
    number = said.get(name)
    if type(number) is not int or not 1 <= number <= METHODS[name]:
        raise TamperFound.of("app.unreadable", place)
    return number


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
    except (KeyError, ValueError, RecursionError, msgspec.DecodeError):
        raise TamperFound.of("app.unreadable", Place(file=RUN)) from None
    return run


def tried(code: str, check: Callable[[], object]) -> Check:
    """Make a check; what it has to say although it passed is told with it.

    Files of a result may hold anything: whatever else goes wrong is a failed check, not a crash.
    """
    try:
        said = check()
    except OreloopError as refused:
        return Check(code=code, state="failed", problems=refused.problems)
    except (Exception, pl.exceptions.PanicException) as broken:
        return Check(code=code, state="failed", problems=(problem("app.check_broke", got=type(broken).__name__),))
    if not isinstance(said, Problem):
        return Check(code=code, state="passed")
    return Check(code=code, state="passed", problems=(said,), wording=f"{code}_gap" if said.code == WIDER_GAP else "")
