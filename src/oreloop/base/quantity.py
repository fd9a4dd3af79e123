"""Mass: units, exact parsing to integer milligrams, contained metal, and the one way to split a whole number.

Sealed masses are integers of milligrams. People's input is read through ``Decimal``; nothing here is a float.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from fractions import Fraction

from oreloop.base.canonical import SAFE_INTEGER
from oreloop.base.errors import BadInput

TROY_OUNCE_G = Decimal("31.1034768")
"""Grams in one troy ounce, exactly (definition of the international grain, 64.79891 mg, times 480)."""

MG_PER_UNIT: dict[str, Decimal] = {
    "mg": Decimal(1),
    "g": Decimal(1000),
    "kg": Decimal(1_000_000),
    "t": Decimal(1_000_000_000),
    "ozt": TROY_OUNCE_G * 1000,
    "lb": Decimal("453592.37"),
}
"""Milligrams in one unit of mass."""

REC20_UNITS: dict[str, str] = {"MGM": "mg", "GRM": "g", "KGM": "kg", "TNE": "t", "APZ": "ozt", "LBR": "lb"}
"""UN/ECE Recommendation 20 codes of the mass units above."""

_WHOLE_MG = {unit: int(factor) for unit, factor in MG_PER_UNIT.items() if factor == int(factor)}
_WHOLE_MG |= {code: _WHOLE_MG[unit] for code, unit in REC20_UNITS.items() if unit in _WHOLE_MG}
_MOST_DIGITS = 15
"""Whole numbers of so many digits are within every limit of `decimal`, and below 2^53."""


def decimal(text: str) -> Decimal:
    """Read a finite decimal number as people write it (no thousands separators, no exponent beyond six places).

    Raises:
        BadInput: ``base.not_a_number``.

    >>> decimal(" 0.030 ")
    Decimal('0.030')
    """
    try:
        number = Decimal("x" if "_" in text else text.strip())  # Python reads 1_000, people do not write it
    except InvalidOperation:
        raise BadInput.of("base.not_a_number", got=text[:40]) from None
    if not number.is_finite() or len(text) > 40 or abs(number.adjusted()) > 18:
        raise BadInput.of("base.not_a_number", got=text[:40])
    return number


def mass_mg(amount: Decimal, unit: str) -> int:
    """Turn an amount into whole milligrams, exactly.

    Args:
        amount: number of units.
        unit: one of `MG_PER_UNIT`, or its UN/ECE Rec 20 code.

    Raises:
        BadInput: ``base.unknown_unit``; ``base.finer_than_mg`` when milligrams cannot hold it exactly (troy ounces
            and pounds are rounded half to even, since they are not decimal); ``base.mass_range`` beyond 2^53.

    >>> mass_mg(Decimal("1.5"), "KGM")
    1500000
    """
    name = REC20_UNITS.get(unit, unit)
    if name not in MG_PER_UNIT:
        raise BadInput.of("base.unknown_unit", got=unit, expected=", ".join(MG_PER_UNIT))
    exact = amount * MG_PER_UNIT[name]
    whole = int(exact.to_integral_value())
    if name not in ("ozt", "lb") and whole != exact:
        raise BadInput.of("base.finer_than_mg", got=f"{amount} {unit}")
    if abs(whole) > SAFE_INTEGER:
        raise BadInput.of("base.mass_range", got=f"{amount} {unit}")
    return whole


def stated_mg(stated: object, unit: str) -> int:
    """Read a mass as it was stated, a number or its digits, as whole milligrams: `mass_mg` of `decimal`.

    Whole numbers of whole milligrams, which most are, take a shorter way to the same.

    Raises:
        BadInput: as `decimal` and `mass_mg`.

    >>> stated_mg("450", "GRM"), stated_mg(Decimal("0.25"), "KGM")
    (450000, 250000)
    """
    text = str(stated)
    factor = _WHOLE_MG.get(unit)
    if factor is not None and len(text) <= _MOST_DIGITS and text.isascii() and text.isdigit():
        whole = int(text) * factor
        if whole <= SAFE_INTEGER:
            return whole
    return mass_mg(decimal(text), unit)


def contained_mg(wet_mg: int, *, moisture: Decimal = Decimal(0), content: Decimal | Fraction) -> int:
    """Give contained metal = wet mass x (1 - moisture) x content on dry basis, in mg, rounded half to even.

    The only place where it is computed; Python integers and fractions, so nothing overflows.

    Args:
        wet_mg: mass as weighed, mg.
        moisture: share of water in the wet mass, 0 to 1.
        content: share of the metal in the dry mass, 0 to 1.

    Raises:
        BadInput: ``base.share_range`` when a share is outside 0 to 1.

    >>> contained_mg(20_000_000_000, moisture=Decimal("0.08"), content=Decimal("0.6"))
    11040000000
    """
    for share in (moisture, content):
        if not 0 <= share <= 1:
            raise BadInput.of("base.share_range", got=share)
    return round(wet_mg * (1 - Fraction(moisture)) * Fraction(content))


def split(total: int, weights: Sequence[int | Fraction]) -> list[int]:
    """Split a whole number in proportion to weights so that the parts add up exactly (largest remainder, Hamilton).

    Ties go to the earlier part. With all weights zero, only a total of zero can be split.

    Args:
        total: what to split; its sign is kept.
        weights: shape ``(parts,)``, none negative.

    Raises:
        BadInput: ``base.split_weights``.

    >>> split(100, [1, 1, 1])
    [34, 33, 33]
    """
    whole = sum(weights)
    if any(weight < 0 for weight in weights) or (whole == 0 and total != 0):
        raise BadInput.of("base.split_weights", got=list(weights))
    if whole == 0:
        return [0] * len(weights)
    sign, rest = (-1, -total) if total < 0 else (1, total)
    # floor division is exact for whole numbers and fractions alike; remainders of one divisor compare as they are
    parts = [divmod(rest * weight, whole) for weight in weights]
    floors = [int(floor) for floor, _ in parts]
    by_remainder = sorted(range(len(weights)), key=lambda part: (-parts[part][1], part))
    for part in by_remainder[: rest - sum(floors)]:
        floors[part] += 1
    return [sign * part for part in floors]
