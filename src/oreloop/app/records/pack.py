"""The audit pack of a record: everything that somebody needs to verify it without its database and its secret.

A pack holds::

    record.toml       origin and public key of the record, keys of parties
    documents.jsonl   the documents as received, one a line; those that hold a line end are in documents/NUMBER.json
    openings.jsonl    for each document its number, index, salt and attestation; for each batch what opens its blinded id
    log/              the public files of the log
    tables/           batches, steps, balance, totals, assays, deliveries and corrections as CSV; record.xlsx
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import chain
from os.path import lexists
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from oreloop.adapters.folder import file_names, read_file, read_folder, write_folder
from oreloop.app.logs.folder import PUBLIC
from oreloop.app.records.folder import DOCUMENTS, LOG, SECRET, SETTINGS, RecordFolder
from oreloop.base.canonical import SAFE_INTEGER
from oreloop.base.errors import Place, Problem, TamperFound, problem
from oreloop.base.texts import Language, label
from oreloop.log import CHECKPOINT, UnpinnedPolicy
from oreloop.log.tiles import bundles_of, tiles_of
from oreloop.record import State, parse
from oreloop.record.leaf import blind_with, opening
from oreloop.record.store.values import LAST_MS, Entry, Held

if TYPE_CHECKING:
    import polars as pl

    from oreloop.app.records.reader import RecordReader

OPENINGS, LINES, DOCUMENT = "openings.jsonl", "documents.jsonl", "documents/{number}.json"
_TABLES = ("batches", "steps", "balance", "totals", "assays", "deliveries", "corrections")
WORKBOOK = "tables/record.xlsx"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FORMULA = r"^[=+\-@\t\r]"
_SHOWN = 80
_NUMBER = r"^[+-]?[0-9.]+([eE][+-]?[0-9]+)?$"

_Count = Annotated[int, msgspec.Meta(ge=0, le=SAFE_INTEGER)]


class _Document(
    msgspec.Struct,
    frozen=True,
    tag="document",
    tag_field="of",
    omit_defaults=True,
    kw_only=True,
    forbid_unknown_fields=True,
):
    """Opens the leaf of a document: ``line`` of ``documents.jsonl``, counted from 1; without one, a file of its own."""

    number: _Count
    leaf: str
    index: _Count | None = None
    line: Annotated[int, msgspec.Meta(ge=1)] | None = None
    salt: str = ""
    attestation: str = ""
    erased_at_ms: Annotated[int, msgspec.Meta(ge=0, le=LAST_MS)] | None = None


class _Batch(msgspec.Struct, frozen=True, tag="batch", tag_field="of", forbid_unknown_fields=True):
    batch: str
    key: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


_decoder, _encoder = msgspec.json.Decoder(_Document | _Batch), msgspec.json.Encoder()


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """An audit pack that was written."""

    folder: Path
    documents: int
    erased: int
    files: int

    def lines(self, language: Language) -> tuple[str, ...]:
        """Write what it holds."""
        said = {"documents": self.documents, "erased": self.erased, "folder": self.folder}
        return (label("app.record.exported", language, **said), label("app.record.pack_is_open", language))

    def as_json(self, _language: Language) -> dict[str, Any]:
        """Give the same as JSON."""
        counts = {"documents": self.documents, "erased": self.erased, "files": self.files}
        return {"folder": str(self.folder), **counts}


def export(record: RecordReader, out: Path) -> Exported:
    """Write the audit pack of a record. All of it is in memory for a while.

    Raises:
        Conflict: ``adapters.folder_in_use``.
        Unavailable: ``adapters.cannot_write``.
    """
    told = record.told()
    held = tuple(each for each, _ in told.documents)
    files = {
        SETTINGS: _settings(record.folder),
        **{f"{LOG}/{path}": data for path, data in _sealed(record.folder.log / PUBLIC).items()},
        **_documents(held, lambda batch: opening(batch, record.secret)),
        **tables(told.state(), held),
    }
    write_folder(out, files, replace=OPENINGS, private=True)
    erased = sum(each.data is None for each in held)
    return Exported(folder=out, documents=len(held), erased=erased, files=len(files))


def _settings(folder: RecordFolder) -> bytes:
    """Write ``record.toml`` as a pack holds it."""
    return replace(folder, documents=DOCUMENTS).written()


def _sealed(public: Path) -> dict[str, bytes]:
    """Read the files that the checkpoint of a log stands for; a log that is served also keeps tiles of smaller sizes."""
    files = read_folder(public, hidden=True)
    if CHECKPOINT not in files:
        return files
    size = UnpinnedPolicy().check(files[CHECKPOINT]).checkpoint.size
    due = {CHECKPOINT, *(tile.path for tile in chain(bundles_of(size), tiles_of(size)))}
    return {path: data for path, data in files.items() if path in due}


def tables(state: State, held: tuple[Held, ...]) -> dict[str, bytes]:
    """Write the tables of a state, and where its documents are in the log, by path.

    A text in them that a spreadsheet would take for a formula stands behind an apostrophe.
    """
    import polars as pl

    from oreloop.app.outfiles import workbook, written

    listed = [(each.number, each.index, each.erased_at_ms) for each in held]
    schema: dict[str, pl.DataType | type[pl.DataType]] = {
        "number": pl.Int64,
        "log_index": pl.Int64,
        "erased_at": pl.Datetime("ms", "UTC"),
    }
    frames: dict[str, pl.DataFrame] = {name: getattr(state, name)() for name in _TABLES}
    frames["documents"] = pl.DataFrame(listed, schema=schema, orient="row")
    last = max((event.time for event in state.events), default=_EPOCH)
    return {
        **{f"tables/{name}.csv": written(_shielded(frame)) for name, frame in frames.items()},
        WORKBOOK: workbook(frames, last),
    }


def _shielded(frame: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    text = pl.col(pl.String)
    is_formula = text.str.contains(_FORMULA) & ~text.str.contains(_NUMBER)
    return frame.with_columns(pl.when(is_formula).then("'" + text).otherwise(text).name.keep())


def _documents(held: tuple[Held, ...], opened: Callable[[str], bytes]) -> dict[str, bytes]:
    """Write documents and openings, by path."""
    files: dict[str, bytes] = {}
    lines: list[bytes] = []
    openings: list[_Document | _Batch] = []
    batches: set[str] = set()
    for each in held:
        line = None
        if each.data is not None:
            entries = map(Entry.of, parse(each.data, DOCUMENT.format(number=each.number)))
            batches |= {batch for entry in entries for batch in (*entry.taken, *entry.made)}
            if b"\n" in each.data:
                files[DOCUMENT.format(number=each.number)] = each.data
            else:
                lines.append(each.data + b"\n")
                line = len(lines)
        openings.append(
            _Document(
                number=each.number,
                leaf=each.leaf.decode(),
                index=each.index,
                line=line,
                salt=(each.salt or b"").hex(),
                attestation=each.attestation.decode(),
                erased_at_ms=each.erased_at_ms,
            )
        )
    openings += [_Batch(batch, opened(batch).hex()) for batch in sorted(batches)]
    files[LINES] = b"".join(lines)
    files[OPENINGS] = _encoder.encode_lines(openings)
    return files


def is_pack(folder: RecordFolder) -> bool:
    """Tell an audit pack from a record.

    Raises:
        TamperFound: ``app.record_and_pack`` for what could be either: openings that somebody put into the folder of a
            record must not stand in for its documents.
    """
    if not (folder.root / OPENINGS).is_file():
        return False
    if folder.documents != DOCUMENTS or any(lexists(folder.root / name) for name in (SECRET, DOCUMENTS)):
        raise TamperFound.of("app.record_and_pack", got=folder.root, file=OPENINGS)
    return True


@dataclass(frozen=True, slots=True)
class Pack:
    """An audit pack that was read; nothing of it is believed yet.

    Args:
        documents: as they are held, in order.
        keys: what opens each batch.
        root: its folder.
        uncovered: what is in it that no pack holds, and that nothing checks.
    """

    documents: tuple[Held, ...]
    keys: Mapping[str, bytes]
    root: Path
    uncovered: tuple[Problem, ...]

    @classmethod
    def read(cls, folder: RecordFolder) -> Pack:
        """Read a pack: each line of its documents belongs to one document, in their order.

        Raises:
            NotFound: ``adapters.no_file``.
            BadInput: ``adapters.odd_file`` for a link, also to a folder.
            TamperFound: ``app.pack_unreadable``; ``app.document_number`` unless documents are numbered in their order.
        """
        root = folder.root
        names, uncovered = file_names(root), list[Problem]()
        reading = _Reading(root=root, lines=_lines(root, LINES))
        for number, line in enumerate(_lines(root, OPENINGS), start=1):
            place = Place(file=OPENINGS, line=number)
            try:
                said = _decoder.decode(line)
                reading.take(said, place)
            except (msgspec.DecodeError, ValueError, LookupError, RecursionError) as error:
                raise TamperFound.of("app.pack_unreadable", place, got=error) from None
            if _encoder.encode(said) != line:
                uncovered.append(problem("app.more_than_read", place))
        known = {SETTINGS, OPENINGS, LINES, *reading.own}
        strange = (name for name in names if name not in known and name.partition("/")[0] not in (LOG, "tables"))
        uncovered += (problem("app.not_covered", Place(file=name)) for name in sorted(strange))
        if left := len(reading.lines) - reading.used:
            uncovered.append(problem("app.lines_not_covered", Place(file=LINES, line=reading.used + 1), count=left))
        if read_file(root / SETTINGS) != _settings(folder):
            uncovered.append(problem("app.more_than_read", Place(file=SETTINGS)))
        return cls(tuple(reading.held), reading.keys, root, tuple(uncovered))

    def blind(self, batch: str) -> str:
        """Blind a batch; a batch that the pack does not open is blinded to nothing that a leaf could hold."""
        return blind_with(batch, self.keys[batch]) if batch in self.keys else ""


def _lines(root: Path, name: str) -> list[bytes]:
    *lines, last = read_file(root / name).split(b"\n")
    if last:
        raise TamperFound.of("app.pack_unreadable", Place(file=name, line=len(lines) + 1), got=ascii(last[:_SHOWN]))
    return lines


@dataclass(slots=True, kw_only=True)
class _Reading:
    """A pack while its openings are read.

    Args:
        root: its folder.
        lines: of ``documents.jsonl``.
        used: how many of them belong to a document so far: each to one, in order.
        own: names of the documents that have a file of their own.
        held: the documents.
        keys: what opens each batch.
    """

    root: Path
    lines: list[bytes]
    used: int = 0
    own: list[str] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    keys: dict[str, bytes] = field(default_factory=dict)

    def take(self, said: _Document | _Batch, place: Place) -> None:
        match said:
            case _Batch(batch, key):
                if batch in self.keys:
                    raise ValueError(batch)
                self.keys[batch] = bytes.fromhex(key)
            case _Document(number=number):
                if number != len(self.held):
                    raise TamperFound.of("app.document_number", place, got=number, expected=len(self.held))
                self.held.append(self._held(said))

    def _held(self, said: _Document) -> Held:
        leaf, attestation = said.leaf.encode(), said.attestation.encode()
        if said.erased_at_ms is not None:
            if said.line is not None or said.salt or said.attestation:
                raise ValueError(said.number)  # erasure leaves none of them
            return Held(said.number, said.index, said.erased_at_ms, None, None, leaf, attestation)
        return Held(said.number, said.index, None, self._data(said), bytes.fromhex(said.salt), leaf, attestation)

    def _data(self, said: _Document) -> bytes:
        if said.line is None:
            self.own.append(name := DOCUMENT.format(number=said.number))
            return read_file(self.root / name)
        if said.line != self.used + 1:
            raise ValueError(f"{LINES}: line {said.line} after {self.used}")
        self.used += 1
        return self.lines[self.used - 1]
