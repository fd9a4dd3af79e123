"""Canonical bytes: the one way in which sealed data is written.

Restricted on purpose: text, booleans, null, integers below 2^53 in magnitude, lists, and objects whose keys stay below
U+10000, so that sorting by code point and by UTF-16, as RFC 8785 asks, is one and the same. Within these limits, JSON
with sorted keys and no white space equals RFC 8785 (JSON Canonicalization Scheme).
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from oreloop.base.errors import BadInput

SAFE_INTEGER = 2**53 - 1
"""The largest magnitude that every JSON reader keeps exactly (RFC 7493, section 2.2)."""

_ASTRAL = "\U00010000"
_encoder = msgspec.json.Encoder(order="sorted")


def canonical(value: Any) -> bytes:
    """Write a value as canonical bytes.

    Raises:
        BadInput: ``base.not_canonical`` for a float, an integer of 2^53 or more, half a surrogate pair, a key that is not
            text below U+10000, or any type without a single JSON form.

    >>> canonical({"mass_mg": 12, "batch": "ir-1"})
    b'{"batch":"ir-1","mass_mg":12}'
    """
    _guard(value, "$")
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:
        raise BadInput.of("base.not_canonical", path="$", got="\\ud800..\\udfff") from None


def digest(data: bytes) -> str:
    """Give the SHA-256 of bytes as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def _guard(value: Any, path: str) -> None:
    match value:
        case None | bool() | str():
            return
        case int():
            if abs(value) > SAFE_INTEGER:
                raise BadInput.of("base.not_canonical", path=path, got=value)
        case list() | tuple():
            for position, item in enumerate(value):
                _guard(item, f"{path}[{position}]")
        case dict():
            for key, item in value.items():
                if not (isinstance(key, str) and (key.isascii() or max(key) < _ASTRAL)):
                    raise BadInput.of("base.not_canonical", path=path, got=key)
                _guard(item, f"{path}.{key}")
        case _:
            raise BadInput.of("base.not_canonical", path=path, got=type(value).__name__)
