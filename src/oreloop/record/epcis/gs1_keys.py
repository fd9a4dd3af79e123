"""GS1 identifiers as canonical GS1 Digital Link URIs (GS1 Digital Link URI Syntax 1.3, EPC Tag Data Standard 2.0).

Two parties may name one thing as an EPC URN and as a Digital Link of any domain; canonically both are
``https://id.gs1.org/<key>/<value>[/<qualifier>/<value>]``.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_BASE = "https://id.gs1.org"
_URN = re.compile(r"urn:epc:(id|class|idpat):([a-z]+):(.+)")
_LINK = re.compile(
    r"https?://[^/]+(?:/.*?)??/(0[01]|25[35]|40[12]|41[47]|8003|8004|8006|8010|8017|8018)/([^/?#]+)([^?#]*).*"
)
_MAX_LENGTH = 2_000
"""No identifier is longer; a longer text is not searched for one, which could take long."""

_QUALIFIERS = {"01": ("21", "235", "10"), "414": ("254",), "8006": ("21", "10"), "8010": ("8011",)}
"""Qualifiers that make a key finer, finest first; only the finest that is present is kept."""


def canonical_uri(uri: str) -> str:
    """Give the canonical form of a GS1 identifier; any other URI as it is.

    >>> canonical_uri("urn:epc:id:sgtin:4012345.012345.12")
    'https://id.gs1.org/01/04012345123456/21/12'
    >>> canonical_uri("https://example.com/shop/01/04012345123456/21/12?x=1")
    'https://id.gs1.org/01/04012345123456/21/12'
    """
    if not uri.startswith(("urn:epc:", "http")) or len(uri) > _MAX_LENGTH:
        return uri
    if (urn := _URN.fullmatch(uri)) is not None:
        kind, scheme, value = urn.groups()
        parts = value.split(".", 4 if scheme == "itip" else 2)
        if kind == "idpat":
            scheme, parts = f"{scheme}-class", [part for part in parts if part != "*"]
        convert = _SCHEMES.get(scheme)
        try:
            return uri if convert is None else f"{_BASE}/{convert(parts)}"
        except (IndexError, ValueError):
            return uri
    if (link := _LINK.fullmatch(uri)) is not None:
        key, value, rest = link.groups()
        words = rest.strip("/").split("/")
        qualifiers = dict(zip(words[::2], words[1::2], strict=False))
        finest = next((f"/{name}/{qualifiers[name]}" for name in _QUALIFIERS.get(key, ()) if name in qualifiers), "")
        return f"{_BASE}/{key}/{value}{finest}"
    return uri


def has_check_digit(digits: str) -> bool:
    """Tell whether the last digit of a key (GTIN, GLN, SSCC ...) is its check digit.

    >>> has_check_digit("4012345000009"), has_check_digit("4012345000001")
    (True, False)
    """
    return _checked(digits[:-1]) == digits


def _checked(digits: str) -> str:
    """Append the check digit (GS1 General Specifications 7.9)."""
    weighted = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return f"{digits}{-weighted % 10}"


def _gtin(parts: list[str]) -> str:
    company, item = parts[:2]
    return _checked(item[0] + company + item[1:])


def _keyed(parts: list[str]) -> str:
    return _checked(parts[0] + parts[1])


def _sgln(parts: list[str]) -> str:
    return f"414/{_keyed(parts)}" + ("" if parts[2] == "0" else f"/254/{parts[2]}")


_SCHEMES: dict[str, Callable[[list[str]], str]] = {
    "sgtin": lambda parts: f"01/{_gtin(parts)}/21/{parts[2]}",
    "sgtin-class": lambda parts: f"01/{_gtin(parts)}",
    "lgtin": lambda parts: f"01/{_gtin(parts)}/10/{parts[2]}",
    "upui": lambda parts: f"01/{_gtin(parts)}/235/{parts[2]}",
    "sscc": lambda parts: f"00/{_gtin(parts)}",
    "sgln": _sgln,
    "pgln": lambda parts: f"417/{_keyed(parts)}",
    "grai": lambda parts: f"8003/0{_keyed(parts)}{parts[2]}",
    "grai-class": lambda parts: f"8003/0{_keyed(parts)}",
    "giai": lambda parts: f"8004/{parts[0]}{parts[1]}",
    "gsrn": lambda parts: f"8018/{_keyed(parts)}",
    "gsrnp": lambda parts: f"8017/{_keyed(parts)}",
    "gdti": lambda parts: f"253/{_keyed(parts)}{parts[2]}",
    "gdti-class": lambda parts: f"253/{_keyed(parts)}",
    "sgcn": lambda parts: f"255/{_keyed(parts)}{parts[2]}",
    "sgcn-class": lambda parts: f"255/{_keyed(parts)}",
    "cpi": lambda parts: f"8010/{parts[0]}{parts[1]}/8011/{parts[2]}",
    "cpi-class": lambda parts: f"8010/{parts[0]}{parts[1]}",
    "ginc": lambda parts: f"401/{parts[0]}{parts[1]}",
    "gsin": lambda parts: f"402/{_keyed(parts)}",
    "itip": lambda parts: f"8006/{_gtin(parts)}{parts[2]}{parts[3]}/21/{parts[4]}",
    "itip-class": lambda parts: f"8006/{_gtin(parts)}{parts[2]}{parts[3]}",
}
