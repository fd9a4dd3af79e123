"""Exact numbers at the edges: as text in files and digests, from the floats of tables."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction


def fraction(number: float) -> Fraction:
    """Take a number of a table as the decimal that was typed.

    >>> fraction(0.13)
    Fraction(13, 100)
    """
    return Fraction(Decimal(repr(float(number))))


def text(value: Fraction) -> str:
    """Write an exact value: as a decimal where it ends, else as a fraction.

    >>> text(Fraction(13, 100)), text(Fraction(-1250)), text(Fraction(1, 3))
    ('0.13', '-1250', '1/3')
    """
    digits, scaled = 0, value
    while scaled.denominator != 1 and digits < _MOST_DIGITS:
        digits, scaled = digits + 1, scaled * 10
    if scaled.denominator != 1:
        return str(value)
    whole = f"{abs(scaled.numerator):0{digits + 1}d}"
    written = f"{whole[:-digits]}.{whole[-digits:]}" if digits else whole
    return f"-{written}" if value < 0 else written


_MOST_DIGITS = 40
"""Places after which an exact value is written as a fraction; typed decimals have fewer."""
