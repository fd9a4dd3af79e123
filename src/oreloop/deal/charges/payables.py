"""Payables: what of each metal in a delivery is paid, at which price, less which refining charge."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from oreloop.deal.charges.content import payable_mg
from oreloop.deal.charges.figure import Figure, symbol
from oreloop.deal.charges.quotation import Priced, Quoted
from oreloop.deal.charges.refining import Refining
from oreloop.deal.terms import Delivered, Fixed, Line


@dataclass(frozen=True, slots=True, kw_only=True)
class Payable:
    """One metal that is paid.

    Args:
        element: symbol.
        share: share of the content that is payable.
        deduction: minimum deduction from the content, a share of dry mass, or None.
        rule: fixed price, or one that follows a series.
        unit: of the price, as written, e.g. ``USD/ozt``.
        mg_per_unit: milligrams in the mass unit of the price.
        refining: refining charge, if any.
    """

    element: str
    share: Fraction
    deduction: Fraction | None
    rule: Fixed | Quoted
    unit: str
    mg_per_unit: Fraction
    refining: Refining | None

    def content(self, delivered: Delivered) -> Figure:
        """Give the payable metal of a delivery, mg."""
        return payable_mg(
            delivered.contained_mg.get(self.element, 0),
            delivered.dry_mg,
            share=self.share,
            deduction=self.deduction,
            mass=f"{symbol(self.element)}_mg",
        )

    def lines(self, delivered: Delivered, priced: Priced) -> Iterator[Line]:
        """Give what the payable metal is worth, less its refining charge."""
        payable = self.content(delivered)
        sold = priced.worth(payable, self.mg_per_unit)
        yield Line(clause="payable", amount=sold.value, formula=sold.said, inputs=sold.inputs)
        if self.refining:
            charge = self.refining.of(payable.value, f"{symbol(self.element)}_payable_mg")
            yield Line(clause="refining", amount=-charge.value, formula=f"-{charge.said}", inputs=charge.inputs)
