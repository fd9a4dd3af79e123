"""A toll: another's metal refined for a charge; what is due comes back, or the toller buys it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from oreloop.deal.charges.content import payable_mg
from oreloop.deal.charges.figure import Figure, symbol
from oreloop.deal.charges.quotation import Priced, Quoted
from oreloop.deal.charges.refining import Refining
from oreloop.deal.terms import Basis, Delivered, Fixed, Line, Tax


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """What comes back of one element in a toll: metal, or its value in cash.

    Args:
        element: symbol.
        share: share of the element in the feed that is due.
        rule: None = settled in metal; else the price at which the toller buys it, fixed or following a series.
        unit: of the price, as written, e.g. ``USD/ozt``; empty when it is settled in metal.
        mg_per_unit: milligrams in the mass unit of the price.
        deduction: minimum deduction from the content, a share of dry mass, or None.
        refining: refining charge on what is due, if any.
    """

    element: str
    share: Fraction
    rule: Fixed | Quoted | None
    unit: str
    mg_per_unit: Fraction
    deduction: Fraction | None = None
    refining: Refining | None = None

    def content(self, contained_mg: int, dry_mg: int) -> Figure:
        """Give what is due of contained metal in the feed, mg, exactly."""
        return payable_mg(contained_mg, dry_mg, share=self.share, deduction=self.deduction, called="returned_share")

    def due_mg(self, contained_mg: int, dry_mg: int) -> int:
        """Give the metal due back, mg; part milligrams stay with the toller."""
        return int(self.content(contained_mg, dry_mg).value) if self.rule is None else 0

    def lines(self, delivered: Delivered, priced: Priced | None) -> Iterator[Line]:
        """Give what the toller owes for metal settled in cash (``priced``), and the refining charge on what is due."""
        content = self.content(delivered.contained_mg.get(self.element, 0), delivered.dry_mg)
        if priced is not None:
            bought = priced.worth(content, self.mg_per_unit)
            yield Line(
                clause="returns",
                amount=-bought.value,
                formula=f"-{bought.said}",
                inputs={**content.inputs, "mg_per_unit": self.mg_per_unit, **bought.inputs},
            )
        if self.refining is not None:
            charge = self.refining.of(content.value, f"{symbol(self.element)}_returned_mg")
            yield Line(clause="refining", amount=charge.value, formula=charge.said, inputs=charge.inputs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Toll:
    """Refining another's metal for a treatment charge.

    Args:
        treatment: charge in major units per ``mg_per_unit`` milligrams of feed.
        mg_per_unit: milligrams in the mass unit of the charge.
        basis: gross or dry mass of feed.
        tax: how tax on the charge is treated.
        outturn_days: days from acceptance of the feed until metal is back.
        return_site: where it comes back.
        returns: one value for each element that is due.
    """

    treatment: Fraction
    mg_per_unit: Fraction
    basis: Basis
    tax: Tax
    outturn_days: int
    return_site: str
    returns: tuple[Return, ...]

    def lines(self, delivered: Delivered, priced: Callable[[Return], Priced | None]) -> Iterator[Line]:
        """Give the treatment and refining charges, and what the toller owes for metal settled in cash.

        Args:
            delivered: the feed.
            priced: gives the price of what is settled in cash, None of what is settled in metal.
        """
        mass_mg = delivered.mass_mg(self.basis, "")
        yield Line(
            clause="treatment",
            amount=mass_mg / self.mg_per_unit * self.treatment,
            formula="mass_mg / mg_per_unit * treatment",
            inputs={"mass_mg": Fraction(mass_mg), "mg_per_unit": self.mg_per_unit, "treatment": self.treatment},
        )
        for due in self.returns:
            yield from due.lines(delivered, priced(due))
