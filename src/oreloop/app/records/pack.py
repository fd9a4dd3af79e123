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
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from os.path import lexists
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from oreloop.adapters.folder import file_names, read_file, read_folder, write_folder
from oreloop.app.logs.folder import PUBLIC
from oreloop.app.records.folder import DOCUMENTS, LOG, SECRET, SETTINGS, RecordFolder
from oreloop.base.canonical import SAFE_INTEGER
from oreloop.base.errors import Place, TamperFound
from oreloop.base.texts import Language, label
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
_NUMBER = r"^[+-]?[0-9.]+([eE][+-]?[0-9]+)?$"

_Count = Annotated[int, msgspec.Meta(ge=0, le=SAFE_INTEGER)]


class _Document(msgspec.Struct, frozen=True, tag="document", tag_field="of", omit_defaults=True, kw_only=True):
    """Opens the leaf of a document: ``line`` of ``documents.jsonl``, counted from 1; without one, a file of its own."""

    number: _Count
    leaf: str
    index: _Count | None = None
    line: Annotated[int, msgspec.Meta(ge=1)] | None = None
    salt: str = ""
    attestation: str = ""
    erased_at_ms: Annotated[int, msgspec.Meta(ge=0, le=LAST_MS)] | None = None


class _Batch(msgspec.Struct, frozen=True, tag="batch", tag_field="of"):
    batch: str
    key: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


_decoder = msgspec.json.Decoder(_Document | _Batch)


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
        SETTINGS: replace(record.folder, documents=DOCUMENTS).written(),
        **{f"{LOG}/{path}": data for path, data in read_folder(record.folder.log / PUBLIC, hidden=True).items()},
        **_documents(held, lambda batch: opening(batch, record.secret)),
        **tables(told.state(), held),
    }
    write_folder(out, files, replace=OPENINGS, private=True)
    erased = sum(each.data is None for each in held)
    return Exported(folder=out, documents=len(held), erased=erased, files=len(files))


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
    files[OPENINGS] = msgspec.json.Encoder().encode_lines(openings)
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
        strangers: files in it that no pack holds.
    """

    documents: tuple[Held, ...]
    keys: Mapping[str, bytes]
    root: Path
    strangers: tuple[str, ...]

    @classmethod
    def read(cls, root: Path) -> Pack:
        """Read a pack.

        Raises:
            NotFound: ``adapters.no_file``.
            BadInput: ``adapters.odd_file`` for a link, also to a folder.
            TamperFound: ``app.pack_unreadable``; ``app.document_number`` unless documents are numbered in their order.
        """
        names = file_names(root)
        lines = read_file(root / LINES).split(b"\n")
        held: list[Held] = []
        keys: dict[str, bytes] = {}
        for number, line in enumerate(read_file(root / OPENINGS).splitlines(), start=1):
            try:
                match _decoder.decode(line):
                    case _Batch(batch, key):
                        keys[batch] = bytes.fromhex(key)
                    case said:
                        if said.number != len(held):
                            place = Place(file=OPENINGS, line=number)
                            raise TamperFound.of("app.document_number", place, got=said.number, expected=len(held))
                        held.append(_held(said, lines, root))
            except (msgspec.DecodeError, ValueError, LookupError, RecursionError) as error:
                raise TamperFound.of("app.pack_unreadable", Place(file=OPENINGS, line=number), got=error) from None
        known = {SETTINGS, OPENINGS, LINES, *(DOCUMENT.format(number=each.number) for each in held)}
        strange = (name for name in names if name not in known and name.partition("/")[0] not in (LOG, "tables"))
        return cls(tuple(held), keys, root, tuple(sorted(strange)))

    def blind(self, batch: str) -> str:
        """Blind a batch; a batch that the pack does not open is blinded to nothing that a leaf could hold."""
        return blind_with(batch, self.keys[batch]) if batch in self.keys else ""


def _held(said: _Document, lines: list[bytes], root: Path) -> Held:
    data = None
    if said.erased_at_ms is None:
        own = root / DOCUMENT.format(number=said.number)
        data = read_file(own) if said.line is None else lines[said.line - 1]
    return Held(
        said.number,
        said.index,
        said.erased_at_ms,
        data,
        None if data is None else bytes.fromhex(said.salt),
        said.leaf.encode(),
        said.attestation.encode(),
    )
