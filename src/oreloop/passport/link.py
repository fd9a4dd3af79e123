"""Where a passport is found: a GS1 Digital Link where the product has a GTIN, a plain address otherwise.

Source: GS1 Digital Link Standard, URI Syntax 1.6: ``/01/<GTIN-14>/10/<batch or lot>``; application identifier 10 holds
up to 20 letters of GS1 character set 82 (GS1 General Specifications 3.4.1 and 7.11).
"""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

from oreloop.base.errors import BadInput

RESOLVER = "https://id.gs1.org"
URN = "urn:oreloop:batch:"

_LOT = re.compile(r"""[!"%&'()*+,\-./0-9:;<=>?A-Z_a-z]{1,20}""")
_DIGITS = re.compile(r"[0-9]{8}|[0-9]{12,14}")
_PRINTABLE = re.compile(r"[!-~]{1,500}")  # with a batch behind it, it still fits into a QR code


def link_of(
    batch: str, *, gtin: str | None = None, heat: str | None = None, resolver: str = RESOLVER, base: str | None = None
) -> str:
    """Give the address that the QR code of a passport holds.

    Args:
        batch: id of the batch.
        gtin: GTIN of the product, 8, 12, 13 or 14 digits.
        heat: heat or lot number; the batch id stands for it where it has none that GS1 allows.
        resolver: https address of a GS1 resolver.
        base: https address under which batches without a GTIN are found; None gives a URN.

    Raises:
        BadInput: ``passport.bad_gtin``; ``passport.bad_address``.

    >>> link_of("ir-5n-001", gtin="09521234543213", heat="H 7")
    'https://id.gs1.org/01/09521234543213/10/ir-5n-001'
    >>> link_of("ir-5n-001")
    'urn:oreloop:batch:ir-5n-001'
    """
    lot = next((each for each in (heat, batch) if each and _LOT.fullmatch(each)), None)
    if gtin is not None and lot is not None:
        return f"{_address(resolver)}/01/{_gtin_14(gtin)}/10/{quote(lot, safe='')}"
    return f"{_address(base)}/{quote(batch, safe='')}" if base is not None else f"{URN}{quote(batch, safe='')}"


def _gtin_14(gtin: str) -> str:
    """Give a GTIN in 14 digits, its check digit verified (GS1 General Specifications 7.9)."""
    digits = gtin.zfill(14)
    weighted = (
        sum(int(digit) * (1 if place % 2 else 3) for place, digit in enumerate(digits)) if digits.isdecimal() else 1
    )
    if not _DIGITS.fullmatch(gtin) or weighted % 10:
        raise BadInput.of("passport.bad_gtin", got=ascii(gtin[:20]))
    return digits


def _address(address: str) -> str:
    """Give an https address without the slash at its end."""
    try:
        parts = urlsplit(address)
        plain = parts.scheme == "https" and parts.hostname and not (parts.username or parts.query or parts.fragment)
    except ValueError:
        plain = ""
    if not plain or not _PRINTABLE.fullmatch(address):
        raise BadInput.of("passport.bad_address", expected=RESOLVER)  # not quoted: it may hold a password
    return address.rstrip("/")
