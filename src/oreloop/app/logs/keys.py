"""Key files of logs and witnesses: made once, readable by nobody but their owner, never shown."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Literal, TypeVar

from oreloop.adapters.folder import read_file, write_private
from oreloop.base.errors import BadInput, NotAllowed, NotFound
from oreloop.log import Cosigner, Kind, Signer, Verifier
from oreloop.log.keys import read_private

KeyKind = Literal["log", "witness", "witness-mldsa"]
_KINDS: dict[KeyKind, Kind] = {"log": Kind.LOG, "witness": Kind.WITNESS, "witness-mldsa": Kind.MLDSA}
_OTHERS = 0o077
_Key = TypeVar("_Key", Signer, Cosigner)


def make_key(path: Path, name: str, kind: KeyKind = "log") -> Verifier:
    """Make a key in a new file that only its owner can read (mode 0600), and give its public part.

    Args:
        path: the file.
        name: who signs; for a log its origin, or what its origins begin with.
        kind: what the key is for.

    Raises:
        BadInput: ``log.key_name``.
        Conflict: ``adapters.file_exists``; a key is never overwritten.
        Unavailable: ``adapters.cannot_write``; ``log.no_mldsa``.
    """
    if kind == "log":
        return keep_key(path, new_signer(name)).verifier
    return keep_key(path, Cosigner(name=name, kind=_KINDS[kind], seed=_seed())).verifier


def new_signer(name: str) -> Signer:
    """Make a key of a log, from the randomness of the operating system.

    Raises:
        BadInput: ``log.key_name``.
    """
    return Signer.from_seed(name, _seed())


def keep_key(path: Path, key: _Key) -> _Key:
    """Write a key into a new file, which only its owner can read (mode 0600).

    Raises:
        Conflict: ``adapters.file_exists``.
        Unavailable: ``adapters.cannot_write``; ``log.no_mldsa``.
    """
    write_private(path, f"{key.skey}\n".encode())
    return key


def signer_in(path: Path) -> Signer:
    """Read the key of a log.

    Raises:
        NotFound: ``app.no_log_key``.
        NotAllowed: ``app.key_open`` when others may read the file.
        BadInput: ``app.log_key_unreadable``, which never quotes the file.
    """
    verifier, seed = _read(path, (Kind.LOG,))
    return Signer(name=verifier.name, seed=seed)


def cosigner_in(path: Path) -> Cosigner:
    """Read the key of a witness.

    Raises:
        OreloopError: as `signer_in`; ``log.no_mldsa``.
    """
    verifier, seed = _read(path, (Kind.WITNESS, Kind.MLDSA))
    return Cosigner(name=verifier.name, kind=verifier.kind, seed=seed)


def verifier_in(path: Path) -> Verifier:
    """Give the public part of any key.

    Raises:
        OreloopError: as `cosigner_in`.
    """
    return _read(path, tuple(Kind))[0]


def _seed() -> bytes:
    return secrets.token_bytes(32)


def _read(path: Path, kinds: tuple[Kind, ...]) -> tuple[Verifier, bytes]:
    if not path.is_file():
        raise NotFound.of("app.no_log_key", got=path)
    if path.stat().st_mode & _OTHERS:
        raise NotAllowed.of("app.key_open", got=path)
    data = read_file(path)
    try:
        return read_private(data.decode("ascii").strip(), kinds)
    except (UnicodeDecodeError, BadInput):
        expected = ", ".join(name for name, kind in _KINDS.items() if kind in kinds)
        raise BadInput.of("app.log_key_unreadable", got=path, expected=expected) from None
