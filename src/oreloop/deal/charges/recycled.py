"""Recycled content: a bonus above a target share, a malus below it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from oreloop.deal.terms import Delivered, Line


@dataclass(frozen=True, slots=True, kw_only=True)
class Recycled:
    """Bonus above and malus below a target share of recycled metal.

    Args:
        target_share: share of the contained metal.
        bonus_per_kg: currency per kg of recycled metal above the target.
        malus_per_kg: currency per kg below it.
        cap_share: bound of either, as a share of the value.
    """

    target_share: Fraction
    bonus_per_kg: Fraction
    malus_per_kg: Fraction
    cap_share: Fraction

    def lines(self, delivered: Delivered, element: str, value: Fraction) -> Iterator[Line]:
        """Give the bonus or malus of a delivery whose recycled share is in the record."""
        share = delivered.recycled_share.get(element)
        if share is None:
            return
        mass_mg = delivered.contained_mg.get(element, 0)
        over = (share - self.target_share) * mass_mg / 1_000_000
        rate, name = (self.bonus_per_kg, "bonus_per_kg") if over >= 0 else (self.malus_per_kg, "malus_per_kg")
        said = f"(recycled_share - target_share) * mass_mg / 1000000 * {name}"
        yield Line(
            clause="recycled",
            amount=max(-self.cap_share * value, min(self.cap_share * value, over * rate)),
            formula=f"max(-cap_share * value, min(cap_share * value, {said}))",
            inputs={
                "recycled_share": share,
                "target_share": self.target_share,
                "mass_mg": Fraction(mass_mg),
                name: rate,
                "cap_share": self.cap_share,
                "value": value,
            },
        )
