"""An invoice line by line: every amount rounded by itself, as it is posted, and what is left of the sum as a line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from oreloop.base.money import minor_digits
from oreloop.report.deal_shown import InvoiceShown


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """One line.

    Args:
        clause: it comes from; ``rounding`` is what is left of the sum, which is rounded once.
        amount_minor: rounded; positive = buyer owes seller.
        exact_minor: the same before rounding.
        formula: over ``inputs``, in major units; empty for the rounding.
        inputs: exact values.
    """

    clause: str
    amount_minor: int
    exact_minor: Fraction
    formula: str
    inputs: Mapping[str, Fraction]


@dataclass(frozen=True, slots=True, kw_only=True)
class Charges:
    """The lines of an invoice with their sums, minor units: before tax, tax, rounding and total."""

    lines: tuple[Charge, ...]
    net_minor: int
    tax_minor: int
    rounding_minor: int
    total_minor: int


def charges(shown: InvoiceShown) -> Charges:
    """Give the lines of an invoice and their sums; the lines with the rounding add up to the total."""
    contract, invoice = shown.settlement.state.contract, shown.invoice
    scale = 10 ** minor_digits(contract.currency)
    lines = tuple(
        Charge(
            clause=line.clause,
            amount_minor=contract.rounded(line.amount),
            exact_minor=line.amount * scale,
            formula=line.formula,
            inputs=line.inputs,
        )
        for line in invoice.lines
    )
    tax = sum(line.amount_minor for line in lines if line.clause == "tax")
    net = sum(line.amount_minor for line in lines) - tax
    return Charges(
        lines=lines,
        net_minor=net,
        tax_minor=tax,
        rounding_minor=invoice.amount_minor - net - tax,
        total_minor=invoice.amount_minor,
    )
