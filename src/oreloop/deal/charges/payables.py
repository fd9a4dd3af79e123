"""Payables: what of each metal in a delivery is paid, at which price, less which refining charge."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from oreloop.deal.charges.content import payable_mg
from oreloop.deal.charges.figure import Figure, given, symbol
from oreloop.deal.charges.quotation import Call, Following
from oreloop.deal.charges.refining import Refining
from oreloop.deal.terms import Delivered, Fixed, Line


@dataclass(frozen=True, slots=True, kw_only=True)
class Quoted:
    """A price that follows the average of a series over the quotational period.

    Args:
        series: name of the price series.
        following: how the price follows it.
        provisional: price of the provisional invoice, or None when there is none.
    """

    series: str
    following: Following
    provisional: Fraction | None


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

    def price(self, average: Figure | None) -> Figure | None:
        """Give the price in its unit; None while a series has no average."""
        match self.rule:
            case Fixed(price=price):
                return given("price", price)
            case Quoted(following=following):
                return following.of(average) if average else None

    def content(self, delivered: Delivered) -> Figure:
        """Give the payable metal of a delivery, mg."""
        return payable_mg(
            delivered.contained_mg.get(self.element, 0),
            delivered.dry_mg,
            share=self.share,
            deduction=self.deduction,
            mass=f"{symbol(self.element)}_mg",
        )

    def lines(
        self, delivered: Delivered, price: Figure, calls: Iterable[Call] = (), callable_share: Fraction = Fraction(0)
    ) -> Iterator[Line]:
        """Give what the payable metal is worth, less its refining charge.

        Args:
            delivered: the delivery.
            price: for what was not priced by call.
            calls: of this metal in this delivery, in order; what goes beyond ``callable_share`` is not priced by them.
            callable_share: share of the payable metal that may be priced by call.
        """
        payable = self.content(delivered)
        rest, rest_said, inputs = payable.value, payable.said, {**payable.inputs, **price.inputs}
        left, worth, parts = payable.value * callable_share, Fraction(0), list[str]()
        for number, call in enumerate(calls, 1):
            called = self.price(given(f"called_{number}", call.value))
            mass = min(Fraction(call.quantity_mg), left)
            if called is None or not mass:
                continue
            left, rest, worth = left - mass, rest - mass, worth + mass * called.value
            rest_said += f" - called_mg_{number}"
            parts.append(f"called_mg_{number} * {called.said}")
            inputs |= {**called.inputs, f"called_mg_{number}": mass}
        said = f"{rest_said} / mg_per_unit * {price.said}"
        if parts:
            said = f"({' + '.join(parts)} + ({rest_said}) * {price.said}) / mg_per_unit"
        yield Line(
            clause="payable",
            amount=(worth + rest * price.value) / self.mg_per_unit,
            formula=said,
            inputs={**inputs, "mg_per_unit": self.mg_per_unit},
        )
        if self.refining:
            charge = self.refining.of(payable.value, f"{symbol(self.element)}_payable_mg")
            yield Line(clause="refining", amount=-charge.value, formula=f"-{charge.said}", inputs=charge.inputs)
