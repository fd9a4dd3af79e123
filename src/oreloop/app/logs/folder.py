"""The folder of a log, and the door `open_log` to a log wherever it is.

A folder holds::

    log.toml         origin and public key of the log; where its key and its entries are, unless here
    key              its private key (mode 0600)
    policy           which witnesses must cosign before anything is published (c2sp.org/tlog-policy), if any must
    entries.sqlite   the entries: the truth
    public/          what everybody may read (c2sp.org/tlog-tiles); follows from the entries
    signed           the last checkpoint that was signed: whoever loses ``public`` must not sign another history
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs, urlsplit

import msgspec

from oreloop.adapters.folder import read_file, write_file
from oreloop.adapters.tile_folder import TileFolder
from oreloop.app.logs.keys import keep_key, new_signer, signer_in
from oreloop.base.errors import BadInput, Conflict, NotFound, Place, Unavailable
from oreloop.log import (
    CHECKPOINT,
    EMPTY_ROOT,
    Checkpoint,
    Policy,
    Signer,
    UnpinnedPolicy,
    Verifier,
    Witnesses,
    speaks_for,
)
from oreloop.log.live.log import Log
from oreloop.log.live.memory import MemoryEntries, MemoryTiles
from oreloop.log.live.ports import Cosign, Entries, Tiles
from oreloop.log.live.rebuild import expect_entries
from oreloop.log.note import open_note
from oreloop.log.policy import NO_QUORUM

SETTINGS, KEY, POLICY, ENTRIES, PUBLIC, SIGNED = "log.toml", "key", "policy", "entries.sqlite", "public", "signed"
MEMORY = "memory:"
_STORE = "s3://"
_DATABASES = ("postgresql://", "postgres://")


def open_log(
    place: Path | str,
    *,
    origin: str | None = None,
    signer: Signer | None = None,
    entries: str | None = None,
    policy: Path | bytes | None = None,
) -> Log:
    """Open a log to write to it, or start one.

    Args:
        place: a folder (see `oreloop.app.logs.folder` for what is in it), made when it is not there or empty;
            ``s3://BUCKET/PREFIX`` for the public files, keys and region being in the environment; or ``memory:``.
        origin: identity of the log, like ``metal.example/log``; needed for a new folder. By default that of the folder,
            or the name of the signer.
        signer: key of the log. In a folder by default the one that is there; a new folder gets a new one. It is not
            stored: whoever starts a log with a key of their own gives it each time.
        entries: where entries are kept: a SQLite file, or ``postgresql://...``, where the origin names the log. In a
            folder by default ``entries.sqlite``; needed for ``s3://``.
        policy: file, or its content, that says which witnesses must cosign (c2sp.org/tlog-policy). In a folder by
            default the one that is there; a new folder keeps it. With a quorum, nothing is published without it.

    Raises:
        BadInput: ``app.log_without_origin``; ``app.other_origin_there``; ``app.other_key``; ``app.other_entries``;
            ``app.log_without_signer``; ``app.log_without_entries``; ``app.policy_of_other_log``;
            ``app.policy_needs_key``; ``app.password_in_entries``; ``app.log_settings``; as `Policy.parse`,
            `Log` and `signer_in`.
        NotFound: ``app.no_log_key``; ``adapters.no_file`` for a policy; ``adapters.extra_missing``.
        Conflict: ``log.in_use``; ``app.log_folder_in_use`` for a folder that holds something else.
        NotAllowed: ``app.key_open``.
        OreloopError: as `Log` and the stores.

    >>> from oreloop.log import Policy, verify_proof
    >>> with open_log("memory:", origin="metal.example/log") as log:
    ...     index = log.append(b"heat 1")
    ...     note = log.checkpoint()
    ...     proof = log.prove(index)
    >>> note.decode().splitlines()[:2]
    ['metal.example/log', '1']

    In a folder the log is there again next time::

        with oreloop.open_log("batches", origin="metal.example/batches") as log:
            log.append_many(documents)
            log.checkpoint()
    """
    rules = _policy(policy)
    if str(place).startswith((MEMORY, _STORE)):
        return _open_elsewhere(str(place), origin, signer, entries, rules)
    root = Path(place)
    if (root / SETTINGS).is_file():
        folder = LogFolder.read(root)
        folder.expect(origin=origin, signer=signer, entries=entries)
    else:
        folder = start_folder(root, origin=origin, signer=signer, entries=entries, policy=policy)
    return folder.open(signer, rules)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFolder:
    """The folder of a log, as its ``log.toml`` describes it.

    Args:
        root: the folder.
        origin: identity of the log.
        verifier: public key of the log.
        key: file of the private key, relative to the folder.
        entries: file of the entries, relative to the folder; or ``postgresql://...``.
    """

    root: Path
    origin: str
    verifier: Verifier
    key: str = KEY
    entries: str = ENTRIES

    @classmethod
    def read(cls, root: Path) -> Self:
        """Read ``log.toml``.

        Raises:
            NotFound: ``app.not_a_log``.
            BadInput: ``app.log_settings``.
        """
        path = root / SETTINGS
        if not path.is_file():
            raise NotFound.of("app.not_a_log", got=root)
        try:
            said = msgspec.toml.decode(read_file(path), type=_Settings)
            verifier = Verifier.parse(said.vkey)
        except (msgspec.DecodeError, UnicodeDecodeError, BadInput) as error:
            raise BadInput.of("app.log_settings", Place(file=str(path)), reason=error) from None
        return cls(root=root, origin=said.origin, verifier=verifier, key=said.key, entries=said.entries)

    @property
    def public(self) -> Path:
        """The folder that everybody may read."""
        return self.root / PUBLIC

    def expect(self, *, origin: str | None, signer: Signer | None, entries: str | None) -> None:
        """Refuse to be taken for another log.

        Raises:
            BadInput: ``app.other_origin_there``, ``app.other_key``, ``app.other_entries``.
        """
        if origin not in (None, self.origin):
            raise BadInput.of("app.other_origin_there", got=origin, expected=self.origin)
        if signer is not None and signer.verifier != self.verifier:
            raise BadInput.of("app.other_key", got=signer.verifier.vkey, expected=self.verifier.vkey)
        if entries not in (None, self.entries):
            raise BadInput.of("app.other_entries", got=self.root)

    def open(self, signer: Signer | None = None, policy: Policy | None = None) -> Log:
        """Open the log with its own key and policy, unless others are given.

        Raises:
            OreloopError: as `open_log`.
        """
        if signer is None:
            signer = signer_in(self.root / self.key)
            self.expect(origin=None, signer=signer, entries=None)
        if policy is None and (self.root / POLICY).is_file():
            policy = _policy(self.root / POLICY)
        cosign = _cosign(policy, self.verifier)
        found = self.open_entries()
        try:
            tiles = self.tiles()
            self._expect_history(found, tiles)
        except BaseException:
            found.close()
            raise
        return _opened(found, tiles, signer, self.origin, cosign)

    def tiles(self) -> Tiles:
        """Open the public files; what is published is kept in ``signed`` first."""
        return _Remembered(self.public, self.root / SIGNED)

    def last_signed(self) -> bytes | None:
        """Give the last checkpoint that was signed here, its signature checked; None before the first.

        Raises:
            TamperFound: as `open_note`.
        """
        path = self.root / SIGNED
        if not path.is_file():
            return None
        note = read_file(path)
        open_note(note, [self.verifier])
        return note

    def _expect_history(self, entries: Entries, tiles: Tiles) -> None:
        """Refuse to go on from other entries than those that were signed, should public files be lost or old.

        Raises:
            TamperFound: as `expect_entries` and `last_signed`.
        """
        note = self.last_signed()
        if note is not None and note != tiles.read(CHECKPOINT):
            expect_entries(entries, UnpinnedPolicy().check(note).checkpoint)

    def open_entries(self) -> Entries:
        """Open the entries alone; nobody else can write to the log meanwhile.

        Raises:
            Conflict: ``log.in_use``.
            OreloopError: as the store.
        """
        place = self.entries if self.entries.startswith(_DATABASES) else str(self.root / self.entries)
        return _entries_at(place, self.origin)


class _Remembered(TileFolder):
    """The public folder of a log whose last checkpoint is also kept elsewhere."""

    def __init__(self, root: Path, signed: Path) -> None:
        super().__init__(root)
        self._signed = signed

    def publish(self, old: bytes | None, new: bytes) -> None:
        """Keep a checkpoint, then publish it."""
        write_file(self._signed, new)
        super().publish(old, new)


class _Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    origin: str
    vkey: str
    key: str = KEY
    entries: str = ENTRIES


def start_folder(
    root: Path,
    *,
    origin: str | None,
    signer: Signer | None = None,
    key: Path | None = None,
    entries: str | None = None,
    policy: Path | bytes | None = None,
) -> LogFolder:
    """Make the folder of a new log; everything that is given is checked before anything is written.

    Args:
        root: a folder that is not there, or empty.
        origin: identity of the log.
        signer: its key, which is not stored.
        key: or the file of its key, which stays where it is. Without either a key is made in the folder.
        entries: see `open_log`.
        policy: see `open_log`.

    Raises:
        OreloopError: as `open_log`; ``adapters.cannot_write``.
    """
    rules = _policy(policy)
    if root.exists() and not (root.is_dir() and not any(root.iterdir())):
        raise Conflict.of("app.log_folder_in_use", got=root)
    if origin is None:
        raise BadInput.of("app.log_without_origin", got=root)
    if entries is not None:
        expect_no_password(entries)
    if key is not None:
        signer = signer_in(key)
    fresh = signer is None
    if fresh and policy is not None:  # it cannot name a key that is not made yet
        raise BadInput.of("app.policy_needs_key", origin=origin)
    signer = signer or new_signer(origin)
    if not speaks_for(signer.name, origin):
        raise BadInput.of("log.origin_of_key", origin=origin, name=signer.name)
    if rules is not None:
        _expect_named(rules, signer.verifier)
    Checkpoint(origin=origin, size=0, root=EMPTY_ROOT)  # refuses an origin that no checkpoint can have
    try:
        (root / PUBLIC).mkdir(parents=True, exist_ok=True)
        if fresh:
            keep_key(root / KEY, signer)
        found = LogFolder(
            root=root,
            origin=origin,
            verifier=signer.verifier,
            key=KEY if key is None else str(key.absolute()),
            entries=ENTRIES if entries is None else entries,
        )
        if policy is not None:
            write_file(root / POLICY, policy if isinstance(policy, bytes) else read_file(policy))
        write_file(root / SETTINGS, _written(found).encode())  # last: with it the folder is a log
    except OSError as error:
        raise Unavailable.of("adapters.cannot_write", got=root, reason=error.strerror) from error
    return found


def _written(folder: LogFolder) -> str:
    lines = {"origin": folder.origin, "vkey": folder.verifier.vkey, "key": folder.key, "entries": folder.entries}
    usual = {"key": KEY, "entries": ENTRIES}
    # A string of JSON is one of TOML, but for the one control character that JSON leaves as it is.
    quoted = {name: json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f") for name, value in lines.items()}
    return "".join(f"{name} = {quoted[name]}\n" for name, value in lines.items() if usual.get(name) != value)


def _policy(given: Path | bytes | None) -> Policy | None:
    if given is None:
        return None
    return Policy.parse(given) if isinstance(given, bytes) else Policy.parse(read_file(given), str(given))


def witnesses_of(policy: Path, verifier: Verifier) -> Cosign | None:
    """Give what collects the cosignatures that a policy asks for, if it asks for any.

    Args:
        policy: file of c2sp.org/tlog-policy.
        verifier: public key of the log, which the policy must name.

    Raises:
        NotFound: ``adapters.no_file``.
        BadInput: as `Policy.parse`; ``app.policy_of_other_log``.
    """
    return _cosign(_policy(policy), verifier)


def _expect_named(policy: Policy, verifier: Verifier) -> None:
    if verifier not in policy.logs:
        raise BadInput.of("app.policy_of_other_log", got=verifier.vkey)


def expect_no_password(entries: str) -> None:
    """Refuse an address with a password: what is written into a folder that others may read must hold no secret.

    Raises:
        BadInput: ``app.password_in_entries``.
    """
    address = urlsplit(entries)
    if entries.startswith(_DATABASES) and (address.password or "password" in parse_qs(address.query)):
        raise BadInput.of("app.password_in_entries")


def _open_elsewhere(
    place: str, origin: str | None, signer: Signer | None, entries: str | None, policy: Policy | None
) -> Log:
    tiles: Tiles
    if place.startswith(_STORE):
        if entries is None:
            raise BadInput.of("app.log_without_entries", got=place)
        if signer is None:
            raise BadInput.of("app.log_without_signer", got=place)
        from oreloop.adapters.s3_tiles import S3Tiles

        tiles = S3Tiles.at(place)
    else:
        tiles = MemoryTiles()
    if signer is None:
        if origin is None:
            raise BadInput.of("app.log_without_origin", got=place)
        signer = new_signer(origin)
    origin = origin or signer.name
    cosign = _cosign(policy, signer.verifier)
    return _opened(_entries_at(entries or MEMORY, origin), tiles, signer, origin, cosign)


def _entries_at(place: str, origin: str) -> Entries:
    if place == MEMORY:
        return MemoryEntries()
    if place.startswith(_DATABASES):
        from oreloop.adapters.postgres_entries import PostgresEntries

        return PostgresEntries(place, origin)
    from oreloop.adapters.sqlite_entries import SqliteEntries

    return SqliteEntries(Path(place))


def _cosign(policy: Policy | None, verifier: Verifier) -> Cosign | None:
    """Give what collects cosignatures, when a policy asks for any."""
    if policy is None:
        return None
    _expect_named(policy, verifier)
    return None if policy.quorum == NO_QUORUM else Witnesses(policy, _post).cosign


def _post(url: str, body: bytes) -> tuple[int, str, bytes]:
    """Ask a witness; nobody would close a connection that is kept for the next checkpoint."""
    from oreloop.adapters.http_client import HttpClient

    with HttpClient() as web:
        return web.post(url, body)


def _opened(entries: Entries, tiles: Tiles, signer: Signer, origin: str, cosign: Cosign | None) -> Log:
    try:
        return Log(entries, tiles, signer, origin=origin, cosign=cosign)
    except BaseException:
        entries.close()
        raise
