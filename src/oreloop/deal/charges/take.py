"""Take or pay: the buyer takes a share of the quantity, or pays for what was tendered and not taken."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from oreloop.deal.terms import Line


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeOrPay:
    """Payment for metal that the seller tendered and the buyer did not take within the window of delivery.

    Args:
        share: share of the contract quantity that is to be taken.
        price: major units per ``mg_per_unit`` milligrams of what was not taken.
        mg_per_unit: milligrams in the mass unit of the price.
        make_up_days: days after the window in which what was paid for may still be taken; 0 = it may not.
    """

    share: Fraction
    price: Fraction
    mg_per_unit: Fraction
    make_up_days: int = 0

    def shortfall_mg(self, quantity_mg: int, taken_mg: int, tendered_mg: int) -> Fraction:
        """Give the metal that is paid without being taken: no more than was tendered.

        >>> clause = TakeOrPay(share=Fraction("0.9"), price=Fraction(1), mg_per_unit=Fraction(1))
        >>> clause.shortfall_mg(100, 70, 50), clause.shortfall_mg(100, 70, 5)
        (Fraction(20, 1), Fraction(5, 1))
        """
        return min(Fraction(tendered_mg), max(Fraction(0), quantity_mg * self.share - taken_mg))

    def released_mg(self, quantity_mg: int, taken_mg: int, tendered_mg: int) -> int:
        """Give what the seller need not deliver any more once the window is over: it was there and was not taken."""
        return min(tendered_mg, max(0, quantity_mg - taken_mg))

    def made_up(self, made_up_mg: Fraction) -> Line:
        """Give what is let off a delivery after the window, of which so much metal was paid for before."""
        return Line(
            clause="make_up",
            amount=-made_up_mg / self.mg_per_unit * self.price,
            formula="-made_up_mg / mg_per_unit * price",
            inputs={"made_up_mg": made_up_mg, "mg_per_unit": self.mg_per_unit, "price": self.price},
        )

    def line(self, quantity_mg: int, taken_mg: int, tendered_mg: int) -> Line | None:
        """Give what the buyer owes at the end of the window, or None."""
        shortfall = self.shortfall_mg(quantity_mg, taken_mg, tendered_mg)
        if not shortfall:
            return None
        return Line(
            clause="take_or_pay",
            amount=shortfall / self.mg_per_unit * self.price,
            formula="min(tendered_mg, max(0, quantity_mg * take_share - taken_mg)) / mg_per_unit * price",
            inputs={
                "tendered_mg": Fraction(tendered_mg),
                "quantity_mg": Fraction(quantity_mg),
                "take_share": self.share,
                "taken_mg": Fraction(taken_mg),
                "mg_per_unit": self.mg_per_unit,
                "price": self.price,
            },
        )
