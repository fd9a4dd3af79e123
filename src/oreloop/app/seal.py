"""How a result is sealed: a manifest of all files, and a log that holds every document and ends with the manifest.

Entries of the log, in order: the input (digest of all files of the case), one leaf for each document, the manifest.
The report quotes the checkpoint over all entries but the last, since the manifest holds the report's own digest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import polars as pl

from oreloop.app.documents import Document
from oreloop.base.canonical import canonical, digest
from oreloop.base.errors import BadInput, Place, Problem, TamperFound, problem
from oreloop.log import Checkpoint, Cosign, Signer, Tree, sign, static_log
from oreloop.record import leaf, salt_for

MANIFEST = "manifest.json"
RUN = "run.json"
REPORT = "report.html"
DOCUMENTS = "record/documents.csv"
CASE = "case/"
LOG = "log/"
FORMAT = "oreloop.result/1"
INPUT_TYPE, MANIFEST_TYPE = "oreloop.input/1", "oreloop.manifest/1"
_DOCUMENTS = {"index": pl.Int64, "path": pl.String, "line": pl.Int64, "sha256": pl.String, "salt": pl.String}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """The entries of a result's log but the last, and the checkpoint over them.

    Args:
        origin: origin of the run's log.
        entries: the input, then a leaf for each document.
        documents: ``index, path, line, sha256, salt``: which entry is which document; salts in hexadecimal.
        checkpoint: signed note over ``entries``.
    """

    origin: str
    entries: tuple[bytes, ...]
    documents: pl.DataFrame
    checkpoint: bytes


def input_digest(files: Mapping[str, bytes], since: str | None) -> str:
    """Give the digest of everything a run was made from: every file of the case, and the earlier result if any."""
    return digest(canonical({"files": {path: digest(data) for path, data in files.items()}, "since": since}))


def run_origin(case_origin: str, input_sha256: str, at: str) -> str:
    """Name the log of a run: two runs are never two histories of one log."""
    return f"{case_origin}/run/{input_sha256}/{at}"


def seal_documents(found: Iterable[Document], *, origin: str, input_sha256: str, signer: Signer) -> Sealed:
    """Write the entries of a log, and sign the checkpoint over them.

    Args:
        found: documents, in the order in which they are sealed.
        origin: origin of the run's log.
        input_sha256: digest of all input.
        signer: its seed also is the secret that salts are derived from.
    """
    entries = [canonical({"type": INPUT_TYPE, "sha256": input_sha256})]
    rows: list[tuple[object, ...]] = []
    for document in found:
        salt = salt_for(document.data, secret=signer.seed)
        rows.append((len(entries), document.path, document.line, digest(document.data), salt.hex()))
        entries.append(leaf(document.data, salt=salt, issuer=signer.verifier.key_id.hex(), events=document.events))
    tree = Tree.of_entries(entries)
    text = Checkpoint(origin=origin, size=len(entries), root=tree.root()).text
    return Sealed(
        origin=origin,
        entries=tuple(entries),
        documents=pl.DataFrame(rows, schema=_DOCUMENTS, orient="row"),
        checkpoint=sign(text, [signer]),
    )


def seal(
    content: Mapping[str, bytes], sealed: Sealed, signer: Signer, cosign: Cosign | None = None
) -> dict[str, bytes]:
    """Give all files of a result: the content, its manifest, and the log that ends with the manifest.

    Raises:
        Unavailable: ``log.no_quorum`` when ``cosign`` does not find enough witnesses.
    """
    manifest = manifest_of(content)
    entries = [*sealed.entries, manifest_entry(manifest)]
    log = static_log(entries, signer, sealed.origin, cosign=cosign)
    return {**content, MANIFEST: manifest, **{f"{LOG}{path}": data for path, data in log.items()}}


def manifest_of(content: Mapping[str, bytes]) -> bytes:
    """List every file with its size and digest, in order of path."""
    listed = [{"path": path, "bytes": len(content[path]), "sha256": digest(content[path])} for path in sorted(content)]
    return canonical({"format": FORMAT, "files": listed})


def manifest_entry(manifest: bytes) -> bytes:
    """Give the last entry of a result's log."""
    return canonical({"type": MANIFEST_TYPE, "sha256": digest(manifest)})


def is_manifest(data: bytes) -> bool:
    """Tell whether a file says that it is the manifest of a result."""
    try:
        return bool(msgspec.json.decode(data)["format"] == FORMAT)
    except (msgspec.DecodeError, RecursionError, KeyError, TypeError):
        return False


def check_manifest(content: Mapping[str, bytes]) -> None:
    """Check every file of a result, but the log, against the manifest.

    Raises:
        TamperFound: ``app.file_changed``, ``app.file_missing``, ``app.file_unlisted``, one problem for each file, or
            ``app.manifest_unreadable``.
    """
    listed = {row["path"]: row for row in _listed(content)}
    found: list[Problem] = []
    for path, row in listed.items():
        data = content.get(path)
        if data is None:
            found.append(problem("app.file_missing", Place(file=path)))
        elif (len(data), digest(data)) != (row["bytes"], row["sha256"]):
            found.append(problem("app.file_changed", Place(file=path), expected=row["sha256"], got=digest(data)))
    unlisted = [path for path in content if path not in listed and path != MANIFEST and not path.startswith(LOG)]
    found += [problem("app.file_unlisted", Place(file=path)) for path in unlisted]
    if found:
        raise TamperFound(found)


def _listed(content: Mapping[str, bytes]) -> list[dict[str, Any]]:
    data = content.get(MANIFEST, b"")
    try:
        manifest = msgspec.json.decode(data)
        rows: list[dict[str, Any]] = manifest["files"]
        well_formed = all(row.keys() == {"path", "bytes", "sha256"} for row in rows)
        if manifest["format"] != FORMAT or canonical(manifest) != data or not well_formed:
            raise ValueError
    except (msgspec.DecodeError, RecursionError, ValueError, KeyError, TypeError, AttributeError, BadInput):
        raise TamperFound.of("app.manifest_unreadable", Place(file=MANIFEST), expected=FORMAT) from None
    return rows
