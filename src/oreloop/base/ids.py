"""Identifiers: our own short ids, and the check digits of codes that organisations carry."""

from __future__ import annotations

import re

ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
"""Our own ids: short, lower case, starting with a letter or digit."""

_USCC = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def is_id(text: str) -> bool:
    """Tell whether a text may be an id.

    >>> is_id("ir-5n"), is_id("Ir 5N")
    (True, False)
    """
    return ID.fullmatch(text) is not None


def is_lei(code: str) -> bool:
    """Check a Legal Entity Identifier (ISO 17442: ISO 7064 MOD 97-10 over 20 characters).

    >>> is_lei("5493001KJTIIGC8Y1R12"), is_lei("5493001KJTIIGC8Y1R13")
    (True, False)
    """
    if not re.fullmatch(r"[0-9A-Z]{18}[0-9]{2}", code):
        return False
    return int("".join(str(int(character, 36)) for character in code)) % 97 == 1


def is_gln(code: str) -> bool:
    """Check a GS1 Global Location Number (13 digits, GS1 General Specifications 7.9).

    >>> is_gln("4012345000009"), is_gln("4012345000001")
    (True, False)
    """
    if not re.fullmatch(r"[0-9]{13}", code):
        return False
    weighted = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(code[:12]))
    return (10 - weighted % 10) % 10 == int(code[12])


def is_uscc(code: str) -> bool:
    """Check a Chinese unified social credit code (GB 32100-2015: ISO 7064 MOD 31-3 over 18 characters).

    >>> is_uscc("91350100M000100Y43"), is_uscc("91350100M000100Y44")
    (True, False)
    """
    if len(code) != 18 or any(character not in _USCC for character in code):
        return False
    weighted = sum(_USCC.index(character) * pow(3, place, 31) for place, character in enumerate(code[:17]))
    return (31 - weighted % 31) % 31 == _USCC.index(code[17])


def is_organisation_code(code: str) -> bool:
    """Tell whether a code is a valid LEI, GLN or unified social credit code."""
    return is_lei(code) or is_gln(code) or is_uscc(code)
