"""Signing keys: the user's own, made at first use, and the published demo key.

One key signs the results of many cases; in each result it carries the name of that case's log, so that it speaks for
no other (see `oreloop.log.checkpoint.speaks_for`).
"""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path

from oreloop.adapters.folder import read_file, write_private
from oreloop.app.places import config_folder
from oreloop.base.errors import BadInput, Unavailable
from oreloop.log import Signer

DEMO_SIGNER = Signer.from_seed("oreloop.demo", hashlib.sha256(b"oreloop demo key: operator").digest())
"""The published demo key. Anyone can sign with it: it shows how a result is checked, and proves nothing about who made it."""


def signer_from(path: Path | None = None) -> Signer:
    """Read the user's signing key; without a path, the one in the configuration folder, made at first use (mode 0600).

    Raises:
        NotFound: ``adapters.no_file`` when a path is given and nothing is there.
        BadInput: ``app.key_unreadable``; the message never quotes the file.
    """
    if path is None:
        path = config_folder() / "signer.key"
        if not path.exists():
            fresh = Signer.from_seed("oreloop", secrets.token_bytes(32))
            try:
                write_private(path, f"{fresh.skey}\n".encode())
            except Unavailable:
                raise Unavailable.of("app.key_not_kept", got=path) from None
            return fresh
    data = read_file(path)
    try:
        return Signer.parse(data.decode("ascii").strip())
    except (UnicodeDecodeError, BadInput):
        raise BadInput.of("app.key_unreadable", got=path) from None


def named(signer: Signer, origin: str) -> Signer:
    """Give the same key under the name of a case's log."""
    return Signer.from_seed(origin, signer.seed)
