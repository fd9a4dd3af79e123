"""The leaf: the little that goes into the public log about a document, from which nobody can guess the rest.

A document is known only by a salted digest: ``SHA-256(salt || SHA-256(document))``. The salt is
``HMAC-SHA256(secret, SHA-256(document))`` (RFC 2104), so the owner of the secret can make it again, and hands it to
whom he shows the document. Without the salt nobody can test a guess about the document.
"""

from __future__ import annotations

import hashlib
import hmac

import msgspec

from oreloop.base.canonical import canonical
from oreloop.base.errors import BadInput, Problem, problem

LEAF_TYPE = "oreloop.document/1"
SALT_BYTES = 32


def salt_for(document: bytes, *, secret: bytes) -> bytes:
    """Derive the salt of a document, 32 bytes.

    Args:
        document: its bytes.
        secret: known to the owner only, at least 32 bytes.

    Raises:
        BadInput: ``record.short_secret``.
    """
    if len(secret) < SALT_BYTES:
        raise BadInput.of("record.short_secret", got=len(secret), expected=SALT_BYTES)
    return hmac.digest(secret, hashlib.sha256(document).digest(), "sha256")


def leaf(document: bytes, *, salt: bytes, issuer: str, events: int) -> bytes:
    """Write the leaf of a document as canonical bytes.

    Args:
        document: its bytes.
        salt: 32 bytes, from `salt_for`.
        issuer: id of the issuer's key.
        events: number of events that the document holds.

    Raises:
        BadInput: ``record.short_secret`` for a salt of another length.

    >>> leaf(b"{}", salt=bytes(32), issuer="mill+1a2b3c4d", events=0)[:54]
    b'{"digest":"961af672d320bfb80e482edf9e092930b12b6f10f28'
    """
    return canonical({"type": LEAF_TYPE, "issuer": issuer, "digest": _salted(document, salt), "events": events})


def verify_leaf(sealed: bytes, document: bytes, *, salt: bytes) -> tuple[Problem, ...]:
    """Check a leaf against the document and the salt.

    Returns:
        What is wrong: nothing, or ``record.not_a_leaf`` or ``record.leaf_differs``.
    """
    try:
        value = msgspec.json.decode(sealed)
        if canonical(value) != sealed or value["type"] != LEAF_TYPE:
            return (problem("record.not_a_leaf"),)
        stated, expected = str(value["digest"]), _salted(document, salt)
    except (msgspec.DecodeError, BadInput, KeyError, TypeError):
        return (problem("record.not_a_leaf"),)
    if not hmac.compare_digest(stated.encode(), expected.encode()):
        return (problem("record.leaf_differs", got=expected, expected=stated),)
    return ()


def _salted(document: bytes, salt: bytes) -> str:
    if len(salt) != SALT_BYTES:
        raise BadInput.of("record.short_secret", got=len(salt), expected=SALT_BYTES)
    return hashlib.sha256(salt + hashlib.sha256(document).digest()).hexdigest()
