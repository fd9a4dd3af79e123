"""The treatment charge: so much for each dry unit of material, whatever it holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from oreloop.deal.charges.figure import Figure
from oreloop.deal.terms import Delivered, Line


@dataclass(frozen=True, slots=True, kw_only=True)
class Participation:
    """Price participation: the charge rises with the price of a metal above a base and falls below it.

    Args:
        element: the payable metal whose price counts, in the unit of that price.
        base: price at which the charge is as agreed.
        above: added to the charge for each unit of price above the base (zinc's escalator).
        below: taken off for each unit below it (de-escalator).
    """

    element: str
    base: Fraction
    above: Fraction
    below: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class Treatment:
    """A charge on dry mass, never below 0.

    Args:
        charge: major units per ``mg_per_unit`` milligrams, dry.
        mg_per_unit: milligrams in the mass unit of the charge.
        participation: how it follows a price, if it does.
    """

    charge: Fraction
    mg_per_unit: Fraction
    participation: Participation | None

    def lines(self, delivered: Delivered, prices: Mapping[str, Figure]) -> Iterator[Line]:
        """Give the charge of a delivery.

        Args:
            delivered: the delivery.
            prices: of the payable metals, by element.
        """
        rate, said = self.charge, "treatment"
        inputs = {"dry_mg": Fraction(delivered.dry_mg), "mg_per_unit": self.mg_per_unit, "treatment": self.charge}
        if (following := self.participation) is not None:
            price = prices[following.element]
            over = price.value - following.base
            rate = max(
                Fraction(0), rate + following.above * max(Fraction(0), over) - following.below * max(Fraction(0), -over)
            )
            # "base" is also the base of a price that passes changes through; both may stand in one formula.
            said = (
                f"max(0, treatment + above * max(0, {price.said} - participation_base)"
                f" - below * max(0, participation_base - {price.said}))"
            )
            inputs |= price.inputs
            inputs |= {"participation_base": following.base, "above": following.above, "below": following.below}
        yield Line(
            clause="treatment",
            amount=-delivered.dry_mg / self.mg_per_unit * rate,
            formula=f"-dry_mg / mg_per_unit * {said}",
            inputs=inputs,
        )
