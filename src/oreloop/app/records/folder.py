"""The folder of a record, and the door `open_record` to it.

A folder holds::

    record.toml        origin and public key of the record; keys of parties; where the documents are, unless here
    secret             from which salts and blinded batch ids are made (mode 0600); whoever has it can guess payloads
    documents.sqlite   the documents as received, their salts, their leaves: the outbox of the log
    log/               the log that holds a leaf for each document (see `oreloop.app.logs.folder`)
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from os.path import isfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import msgspec

from oreloop.adapters.folder import made_private, read_file, write_file, write_private
from oreloop.app.logs.folder import LogFolder, expect_no_password
from oreloop.app.logs.keys import signer_in
from oreloop.app.logs.write import Published, start_log
from oreloop.base.errors import BadInput, Conflict, NotAllowed, NotFound, Place, Problem
from oreloop.base.ids import is_id
from oreloop.base.texts import Language, label
from oreloop.log import Verifier
from oreloop.record.leaf import is_base64_of

if TYPE_CHECKING:
    from oreloop.app.records.reader import OpenArchive, RecordReader
    from oreloop.app.records.record import Record
    from oreloop.record.store.ports import Documents

SETTINGS, SECRET, DOCUMENTS, LOG = "record.toml", "secret", "documents.sqlite", "log"
_DATABASES = ("postgresql://", "postgres://")
_SECRET_BYTES = _KEY_BYTES = 32
_OTHERS = 0o077
_NAME_BYTES = 200


def read_record(place: Path | str) -> RecordReader:
    """Open a record to read it, also while somebody else adds to it.

    Args:
        place: its folder (see `start_record`).

    Raises:
        OreloopError: as `open_record`, but for ``record.store_in_use``.
    """
    return RecordFolder.read(Path(place)).reader()


def open_record(place: Path | str) -> Record:
    """Open a record, to add to it and to read it; what a crash left out of its log is put there first.

    Args:
        place: its folder (see `start_record`).

    Raises:
        NotFound: ``app.not_a_record``; ``adapters.no_file`` without its secret.
        BadInput: ``app.record_settings``, ``app.record_secret``.
        NotAllowed: ``app.secret_open`` when others may read the secret.
        Conflict: ``record.store_in_use`` while somebody else adds to it.
        OreloopError: as `oreloop.open_log` and the document store.

    A record is used for as long as it is open::

        with oreloop.open_record("batches") as record:
            record.add_files(["2026-01.jsonl"])
            record.show("ir-5n-001")
    """
    return RecordFolder.read(Path(place)).open()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordFolder:
    """The folder of a record, as its ``record.toml`` describes it.

    Args:
        root: the folder.
        origin: identity of the record and of its log.
        verifier: public key of whoever runs it: signs leaves and checkpoints.
        parties: public keys of those who sign documents of their own, base64 of 32 bytes, by the party's id.
        documents: file of the documents, relative to the folder; or ``postgresql://...``.
    """

    root: Path
    origin: str
    verifier: Verifier
    parties: Mapping[str, str] = field(default_factory=dict)
    documents: str = DOCUMENTS

    @classmethod
    def read(cls, root: Path) -> Self:
        """Read ``record.toml``.

        Raises:
            NotFound: ``app.not_a_record``.
            BadInput: ``app.record_settings``.
        """
        path = root / SETTINGS
        if not isfile(path):  # also for a name that no file can have
            raise NotFound.of("app.not_a_record", got=root)
        return cls.parse(read_file(path), root)

    @classmethod
    def parse(cls, data: bytes, root: Path) -> Self:
        """Read the content of a ``record.toml``.

        Raises:
            BadInput: ``app.record_settings``.
        """
        try:
            said = msgspec.toml.decode(data, type=_Settings)
            verifier = Verifier.parse(said.vkey)
            expect_keys(said.parties)
            _expect_inside(said.documents)
        except (msgspec.DecodeError, ValueError, BadInput, RecursionError) as error:
            raise BadInput.of("app.record_settings", Place(file=str(root / SETTINGS)), reason=error) from None
        return cls(root=root, origin=said.origin, verifier=verifier, parties=said.parties, documents=said.documents)

    @property
    def log(self) -> Path:
        """The folder of the log."""
        return self.root / LOG

    def secret(self) -> bytes:
        """Read the secret, 32 bytes.

        Raises:
            NotFound: ``adapters.no_file``.
            NotAllowed: ``app.secret_open``.
            BadInput: ``app.record_secret``, which never quotes the file.
        """
        path = self.root / SECRET
        data = read_file(path)
        if path.stat().st_mode & _OTHERS:
            raise NotAllowed.of("app.secret_open", got=path)
        try:
            secret = bytes.fromhex(data.decode("ascii").strip())
        except ValueError:
            secret = b""
        if len(secret) != _SECRET_BYTES:
            raise BadInput.of("app.record_secret", got=path)
        return secret

    def open(self) -> Record:
        """Open the record.

        Raises:
            OreloopError: as `open_record`.
        """
        from oreloop.app.records.record import Record

        secret, log_folder = self.secret(), LogFolder.read(self.log)
        signer = signer_in(log_folder.root / log_folder.key)
        documents = self.open_documents()
        try:
            log = log_folder.open(signer)
            try:
                return Record(self, documents, log, signer, secret)
            except BaseException:
                log.close()
                raise
        except BaseException:
            documents.close()
            raise

    def open_documents(self) -> Documents:
        """Open the document store alone; nobody else can write to the record meanwhile.

        Raises:
            Conflict: ``record.store_in_use``.
            OreloopError: as the store.
        """
        if self.documents.startswith(_DATABASES):
            from oreloop.adapters.postgres_documents import PostgresDocuments

            return PostgresDocuments(self.documents, self.origin)
        from oreloop.adapters.sqlite_documents import SqliteDocuments

        return SqliteDocuments(self.root / self.documents)

    def reader(self) -> RecordReader:
        """Open the record to read it.

        Raises:
            OreloopError: as `read_record`.
        """
        from oreloop.app.records.reader import RecordReader

        secret = self.secret()  # first: a folder that came from somewhere without one opens nothing
        archive = self.open_archive()
        try:
            return RecordReader(self, archive, secret)
        except BaseException:
            archive.close()
            raise

    def open_archive(self) -> OpenArchive:
        """Open the document store alone, for reading; in PostgreSQL nobody can write meanwhile.

        Raises:
            OreloopError: as the store.
        """
        if self.documents.startswith(_DATABASES):
            return self.open_documents()
        from oreloop.adapters.sqlite_archive import SqliteArchive

        return SqliteArchive(self.root / self.documents)

    def written(self) -> bytes:
        """Write ``record.toml``; `parse` reads it back. It holds no secret."""
        usual = [("origin", self.origin), ("vkey", self.verifier.vkey)]
        lines = [f"{name} = {_quoted(value)}" for name, value in usual]
        if self.documents != DOCUMENTS:
            lines.append(f"documents = {_quoted(self.documents)}")
        lines += ["", "[parties]", *(f"{_quoted(party)} = {_quoted(key)}" for party, key in self.parties.items())]
        return "\n".join([*lines, ""]).encode()


class _Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    origin: str
    vkey: str
    documents: str = DOCUMENTS
    parties: dict[str, str] = {}


def expect_keys(parties: Mapping[str, str]) -> Mapping[str, str]:
    """Give public keys by party when they are such.

    Raises:
        BadInput: ``app.party_key``.
    """
    for party, key in parties.items():
        if not (is_id(party) and is_base64_of(_KEY_BYTES, key)):
            # The key is not quoted: it may be a private one.
            raise BadInput.of("app.party_key", got=party if is_id(party) else "…")
    return parties


def _expect_inside(documents: str) -> None:
    """Refuse a file of documents outside the folder: one that came from somewhere must not lead to another."""
    path = Path(documents)
    is_inside = path.name and not path.is_absolute() and ".." not in path.parts
    is_name = "\0" not in documents and len(documents.encode()) <= _NAME_BYTES
    if not ((is_inside and is_name) or documents.startswith(_DATABASES)):
        raise ValueError(f"documents: {documents}")


def _quoted(text: str) -> str:
    # A string of JSON is one of TOML, but for the one control character that JSON leaves as it is.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A new record, and the first checkpoint of its log."""

    folder: RecordFolder
    published: Published

    def lines(self, language: Language) -> tuple[str, ...]:
        """Write what there is now."""
        folder = self.folder
        return (
            label("app.record.started", language, origin=folder.origin, folder=folder.root),
            label("app.log.vkey", language, vkey=folder.verifier.vkey),
            label("app.record.keep_secret", language, secret=folder.root / SECRET),
            *self.published.lines(language),
        )

    def as_json(self, language: Language) -> dict[str, Any]:
        """Give the same as JSON."""
        folder = self.folder
        named = {"folder": str(folder.root), "origin": folder.origin, "vkey": folder.verifier.vkey}
        return {**named, **self.published.as_json(language)}

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Why its first checkpoint is not published, if so."""
        return self.published.problems


def start_record(
    place: Path | str,
    *,
    origin: str,
    key: Path | None = None,
    policy: Path | None = None,
    documents: str | None = None,
    parties: Mapping[str, str] | None = None,
) -> Started:
    """Start a record in a new folder.

    Args:
        place: a folder that is not there, or empty.
        origin: identity of the record and its log, like ``metal.example/batches``.
        key: file of the key of whoever runs it; by default one is made in the folder.
        policy: file that says which witnesses must cosign the log.
        documents: where documents are kept, if not in the folder: ``postgresql://...``, without a password.
        parties: see `RecordFolder`; others are added to ``record.toml`` by hand.

    Raises:
        Conflict: ``app.record_folder_in_use``.
        BadInput: ``app.password_in_entries``; ``app.party_key``; as `oreloop.open_log`.
        Unavailable: ``adapters.cannot_write``.
    """
    root = Path(place)
    if root.exists() and not (root.is_dir() and not any(root.iterdir())):
        raise Conflict.of("app.record_folder_in_use", got=root)
    if documents is not None:
        expect_no_password(documents)
    expect_keys(parties or {})
    made_private(root)
    made = start_log(root / LOG, origin=origin, key=key, policy=policy)
    found = RecordFolder(
        root=root,
        origin=origin,
        verifier=made.folder.verifier,
        parties=dict(parties or {}),
        documents=DOCUMENTS if documents is None else documents,
    )
    write_private(root / SECRET, f"{secrets.token_bytes(_SECRET_BYTES).hex()}\n".encode())
    found.open_documents().close()
    write_file(root / SETTINGS, found.written())  # last: with it the folder is a record
    return Started(folder=found, published=made.published)
