"""Strict base64 (RFC 4648, section 4): one writing for each value, so that no byte of a signed file is free to change."""

from __future__ import annotations

import binascii

from oreloop.base.errors import BadInput


def armoured(data: bytes) -> str:
    """Write bytes as padded base64 on one line."""
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def unarmoured(text: str) -> bytes:
    """Read padded base64.

    Raises:
        BadInput: ``log.base64`` for anything but the one writing that `armoured` gives: foreign characters, missing
            padding, or unused bits that are not zero.

    >>> unarmoured("aXI=")
    b'ir'
    """
    try:
        data = binascii.a2b_base64(text.encode("ascii"), strict_mode=True)
    except (binascii.Error, UnicodeEncodeError):
        data = None
    if data is None or armoured(data) != text:
        raise BadInput.of("log.base64", got=ascii(text[:40]))
    return data
