"""A sale of contained metals: what each delivery comes to, and which month's averages it waits for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from fractions import Fraction

from oreloop.base.period import Period
from oreloop.deal.charges.declared import Declared
from oreloop.deal.charges.figure import Figure, given
from oreloop.deal.charges.payables import Payable, Quoted
from oreloop.deal.charges.penalties import penalised
from oreloop.deal.charges.quotation import mean
from oreloop.deal.contract import Contract
from oreloop.deal.terms import Clauses, Delivered, Line


def lines(contract: Contract, declared: Declared, delivered: Delivered) -> Iterator[Line]:
    """Give the lines of a final invoice of a delivery whose prices are all known.

    Payable metals less refining, treatment and penalties, then carbon and recycled content within their caps; damages
    for delay and the tax come last. Tax runs on everything but the damages.
    """
    terms = contract.clauses
    prices = _prices(terms, declared, delivered)
    found = [line for each in terms.payables for line in _payable(terms, declared, delivered, each, prices)]
    value = sum((line.amount for line in found if line.clause == "payable"), Fraction(0))
    if terms.treatment:
        found += terms.treatment.lines(delivered, prices)
    found += penalised(terms.penalties, delivered, giver_is_buyer=False)
    if terms.carbon:
        found += terms.carbon.lines(delivered, contract.element, value)
    if terms.recycled:
        found += terms.recycled.lines(delivered, contract.element, value)
    yield from found
    if terms.late:
        yield from terms.late.lines(delivered, terms.delivery, value)
    if terms.tax:
        yield from terms.tax.lines(found)


def provisional(contract: Contract, delivered: Delivered) -> Iterator[Line]:
    """Give the lines of a provisional invoice: a share, with tax, of payables less refining and treatment charges.

    Prices are those that the contract states for it, masses and contents those of the record.
    """
    terms, share = contract.clauses, contract.clauses.payment.provisional_share
    if not share or terms.tax is None:
        return
    prices = {each.element: _provisional(each) for each in terms.payables}
    found = [line for each in terms.payables for line in each.lines(delivered, prices[each.element])]
    if terms.treatment:
        found += terms.treatment.lines(delivered, prices)
    taxed = Fraction(1) if terms.tax.included else 1 + terms.tax.rate
    for line in found:
        yield Line(
            clause="provisional",
            amount=line.amount * share * taxed,
            formula=f"{line.formula} * provisional_share * taxed",
            inputs={**line.inputs, "provisional_share": share, "taxed": taxed},
        )


def waits_for(terms: Clauses, declared: Declared, delivered: Delivered, today: date) -> str | None:
    """Name the month that a delivery still waits for: its average is not stated, or its choice is open; else None."""
    quotation, declaration = terms.quotation, declared.periods.get(delivered.batch)
    if quotation is None:
        return None
    periods = quotation.periods(delivered.day, declaration)
    if not quotation.is_settled(delivered.day, declaration, today):
        return periods[-1].name
    for period in periods:
        for each in terms.payables:
            if isinstance(each.rule, Quoted) and (each.rule.series, each.unit, period.name) not in declared.averages:
                return period.name
    return None


def priced_from(terms: Clauses, declared: Declared, delivered: Delivered) -> date:
    """Give the last day of the quotational period of a delivery; its own day when nothing is quoted."""
    return max((period.last for period in _periods(terms, declared, delivered)), default=delivered.day)


def _periods(terms: Clauses, declared: Declared, delivered: Delivered) -> tuple[Period, ...]:
    if terms.quotation is None:
        return ()
    return terms.quotation.periods(delivered.day, declared.periods.get(delivered.batch))


def _prices(terms: Clauses, declared: Declared, delivered: Delivered) -> Mapping[str, Figure]:
    periods, found = _periods(terms, declared, delivered), {}
    for each in terms.payables:
        average = None
        if isinstance(each.rule, Quoted):
            average = mean([declared.averages[each.rule.series, each.unit, period.name] for period in periods])
        found[each.element] = _known(each.price(average))
    return found


def _payable(
    terms: Clauses, declared: Declared, delivered: Delivered, payable: Payable, prices: Mapping[str, Figure]
) -> Iterator[Line]:
    last = priced_from(terms, declared, delivered)
    calls = [
        call
        for call in declared.calls
        if (call.batch, call.element) == (delivered.batch, payable.element) and call.day <= last
    ]
    share = terms.quotation.callable_share if terms.quotation else Fraction(0)
    return payable.lines(delivered, prices[payable.element], calls, share)


def _provisional(payable: Payable) -> Figure:
    if isinstance(payable.rule, Quoted):
        return given("provisional_price", payable.rule.provisional or Fraction(0))
    return _known(payable.price(None))


def _known(price: Figure | None) -> Figure:
    if price is None:
        raise AssertionError("a price that is asked for before it is known")
    return price
