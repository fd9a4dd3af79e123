"""The use case ``run``: from a case folder to a sealed result."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import msgspec
import polars as pl

from oreloop import __version__
from oreloop.adapters.folder import read_folder
from oreloop.app.documents import documents
from oreloop.app.job import METHODS, Answers, Progress, answer, silent
from oreloop.app.keys import named, signer_from
from oreloop.app.logs.folder import witnesses_of
from oreloop.app.outfiles import frames, table_files, workbook, written
from oreloop.app.result import Result, refuse_target
from oreloop.app.seal import (
    CASE,
    DOCUMENTS,
    FORMAT,
    MANIFEST,
    REPORT,
    RUN,
    input_digest,
    run_origin,
    seal,
    seal_documents,
)
from oreloop.app.since import Earlier, changes
from oreloop.app.view import view
from oreloop.base.canonical import canonical
from oreloop.base.errors import BadInput, Place
from oreloop.base.instant import instant, sealed
from oreloop.base.texts import Language
from oreloop.case import Case, parse
from oreloop.log import Cosign, Signer
from oreloop.plan import model_bytes
from oreloop.report import Seal, page

SETTINGS = "case.toml"
FOLDERS = ("record/", "contracts/", "later/")
ENDINGS = (".csv", ".xlsx", ".xls", ".ods", ".md")
"""Of files that stand beside the settings; a result or a notebook in a folder below is no part of the case."""


def run(
    case: Path | str,
    out: Path | str | None = None,
    *,
    at: str | None = None,
    since: Path | str | None = None,
    signer: Signer | None = None,
    policy: Path | str | None = None,
    language: Language = "en",
    progress: Progress = silent,
) -> Result:
    """Run the main job on a case: record, forecast, plan, deal, judge, report; seal the result.

    Args:
        case: folder of the case.
        out: where the result is written; nothing is written without it.
        at: instant by which record and contracts are judged (RFC 3339, or a date); the case's ``as_of`` by default.
        since: an earlier result, to say what changed.
        signer: key that signs the log; the user's own by default.
        policy: file that says which witnesses must cosign the log (c2sp.org/tlog-policy); without their quorum there is
            no result. A witness cosigns one result for one input and one instant, and refuses another as a fork.
        language: that the report opens in.
        progress: told of each step.

    Raises:
        NotFound: no such folder.
        BadInput: all problems of the input.
        RuleBroken: metal that does not balance; limits that cannot hold together.
        Conflict: ``out`` holds something else.
        Unavailable: ``log.no_quorum``.

    >>> run("no/such/case")
    Traceback (most recent call last):
    oreloop.base.errors.NotFound: There is no folder no/such/case. Check the path. For a log, an address starts with http:// or https://; for a case, `oreloop new DIR` makes one to start from.
    """
    progress("read")
    if out is not None:
        refuse_target(out)
    earlier = None if since is None else Earlier.read(read_folder(Path(since)))
    files = case_files(read_folder(Path(case)))
    parsed = parse(files)
    signer = signer or signer_from()
    cosign = None if policy is None else witnesses_of(Path(policy), named(signer, parsed.origin).verifier)
    result = sealed_run(
        files,
        parsed,
        instant_of(parsed, at),
        signer=signer,
        cosign=cosign,
        earlier=earlier,
        language=language,
        progress=progress,
    )
    if out is not None:
        result.write(out)
    return result


def case_files(content: Mapping[str, bytes]) -> dict[str, bytes]:
    """Keep what belongs to a case: settings, tables, documents, and its own readme; nothing else is copied or hashed.

    Raises:
        BadInput: ``app.result_given`` for the files of a result.
    """
    if MANIFEST in content and f"{CASE}{SETTINGS}" in content:
        raise BadInput.of("app.result_given", Place(file=f"{CASE}{SETTINGS}"))
    kept = {
        path: data
        for path, data in content.items()
        if path == SETTINGS or path.startswith(FOLDERS) or ("/" not in path and path.lower().endswith(ENDINGS))
    }
    return dict(sorted(kept.items()))


def instant_of(case: Case, at: str | None) -> datetime:
    """Read ``at``.

    Raises:
        BadInput: ``base.not_a_time``; ``app.at_before_as_of``, since nothing known later than ``as_of`` may be used.
    """
    if at is None:
        return case.as_of
    moment = instant(at)
    if moment < case.as_of:
        raise BadInput.of("app.at_before_as_of", got=at, as_of=sealed(case.as_of))
    return moment


def sealed_run(
    files: Mapping[str, bytes],
    case: Case,
    at: datetime,
    *,
    signer: Signer,
    cosign: Cosign | None = None,
    earlier: Earlier | None = None,
    language: Language = "en",
    progress: Progress = silent,
) -> Result:
    """Do the main job on a parsed case, and seal it; touches nothing outside."""
    key = named(signer, case.origin)
    input_sha256 = input_digest(files, None if earlier is None else earlier.digest)
    origin = run_origin(case.origin, input_sha256, sealed(at))
    sealed_documents = seal_documents(
        documents(case.documents, at), origin=origin, input_sha256=input_sha256, signer=key
    )
    answers = answer(case, at, progress)
    if earlier is not None:
        progress("compare")
    changed = None if earlier is None else changes(earlier, answers)
    progress("report")
    shown = view(
        answers,
        seal=Seal(
            origin=origin,
            checkpoint=sealed_documents.checkpoint.decode(),
            input_hash=input_sha256,
            vkey=key.verifier.vkey,
        ),
        changes=changed,
        since=None if earlier is None else sealed(earlier.at),
    )
    about = {
        "format": FORMAT,
        "oreloop": __version__,
        "case": case.id,
        "origin": origin,
        "as_of": sealed(case.as_of),
        "at": sealed(at),
        "input_sha256": input_sha256,
        "since": None if earlier is None else earlier.digest,
        "methods": METHODS,
        "verifier_key": key.verifier.vkey,
    }
    content = {
        **{f"{CASE}{path}": data for path, data in files.items()},
        RUN: canonical(about),
        DOCUMENTS: written(sealed_documents.documents),
        **_tables(answers, changed),
        "plan/model.bin": model_bytes(answers.plan.model),
        "plan/certificate.json": msgspec.json.encode(answers.plan.certificate(), order="sorted"),
        **{f"deal/drafts/{draft.id}.toml": draft.data for draft in answers.deal.drafts},
        REPORT: page(shown, language).encode(),
    }
    progress("seal")
    return Result(
        answers=answers,
        view=shown,
        files=seal(content, sealed_documents, key, cosign),
        origin=origin,
        verifier_key=key.verifier.vkey,
        language=language,
    )


def _tables(answers: Answers, changed: pl.DataFrame | None) -> dict[str, bytes]:
    found = frames(answers)
    if changed is not None:
        found["decide.changes"] = changed
    return {**table_files(found), "result.xlsx": workbook(found, answers.at)}
