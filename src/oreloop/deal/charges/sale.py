"""A sale of contained metals: what each delivery comes to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction

from oreloop.deal.charges import pricing
from oreloop.deal.charges.declared import Declared
from oreloop.deal.charges.fixings import Fixings
from oreloop.deal.charges.penalties import penalised
from oreloop.deal.charges.quotation import Priced
from oreloop.deal.contract import Contract
from oreloop.deal.terms import Delivered, Line


def lines(contract: Contract, declared: Declared, fixings: Fixings, delivered: Delivered) -> Iterator[Line]:
    """Give the taxed lines of a final invoice of a delivery whose prices are all known.

    Payable metals less refining, treatment and penalties, then carbon and recycled content within their caps.
    """
    terms = contract.clauses
    priced = [(each, _known(pricing.priced(each, terms, declared, fixings, delivered))) for each in terms.payables]
    found = [line for each, price in priced for line in each.lines(delivered, price)]
    value = value_of(found)
    if terms.treatment:
        found += terms.treatment.lines(delivered, {each.element: price.price for each, price in priced})
    found += penalised(terms.penalties, delivered, giver_is_buyer=False)
    if terms.carbon:
        found += terms.carbon.lines(delivered, contract.element, value)
    if terms.recycled:
        found += terms.recycled.lines(delivered, contract.element, value)
    yield from found


def value_of(lines: Iterable[Line]) -> Fraction:
    """Give the value of a delivery, of which caps and damages are shares: the sum of its payable metals."""
    return sum((line.amount for line in lines if line.clause == "payable"), Fraction(0))


def provisional(contract: Contract, delivered: Delivered) -> Iterator[Line]:
    """Give the lines of a provisional invoice: a share, with tax, of payables less refining and treatment charges.

    Prices are those that the contract states for it, masses and contents those of the record.
    """
    terms, share = contract.clauses, contract.clauses.payment.provisional_share
    if not share or terms.tax is None:
        return
    priced = [(each, _known(pricing.provisionally(each))) for each in terms.payables]
    found = [line for each, price in priced for line in each.lines(delivered, price)]
    if terms.treatment:
        found += terms.treatment.lines(delivered, {each.element: price.price for each, price in priced})
    taxed = Fraction(1) if terms.tax.included else 1 + terms.tax.rate
    for line in found:
        yield Line(
            clause="provisional",
            amount=line.amount * share * taxed,
            formula=f"{line.formula} * provisional_share * taxed",
            inputs={**line.inputs, "provisional_share": share, "taxed": taxed},
        )


def _known(found: Priced | None) -> Priced:
    if found is None:
        raise AssertionError("a price that is asked for before it is known")
    return found
