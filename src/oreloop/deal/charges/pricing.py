"""Which price counts for each metal of a delivery: a fixed one, or the average of its series over the quotational period."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

from oreloop.base.period import Period
from oreloop.deal.charges.declared import Declared
from oreloop.deal.charges.figure import Figure, given
from oreloop.deal.charges.fixings import Fixings, average
from oreloop.deal.charges.payables import Payable
from oreloop.deal.charges.quotation import Priced, Quoted
from oreloop.deal.charges.toll import Return
from oreloop.deal.terms import Clauses, Delivered, Fixed, Index, Price


def waits_for(terms: Clauses, declared: Declared, fixings: Fixings, delivered: Delivered, today: date) -> str | None:
    """Name the month that a delivery still waits for: its average is not stated, or its choice is open; else None."""
    quotation, declaration = terms.quotation, declared.periods.get(delivered.batch)
    if quotation is None:
        return None
    periods = quotation.periods(delivered.day, declaration)
    if not quotation.is_settled(delivered.day, declaration, today):
        return periods[-1].name
    for period in periods:
        for each in terms.metals:
            if isinstance(each.rule, Quoted) and (each.rule.series, each.unit, period.name) not in fixings:
                return period.name
    return None


def priced_from(terms: Clauses, declared: Declared, delivered: Delivered) -> date:
    """Give the last day of the quotational period of a delivery; its own day when nothing is quoted."""
    return max((period.last for period in _periods(terms, declared, delivered)), default=delivered.day)


def priced(
    metal: Payable | Return, terms: Clauses, declared: Declared, fixings: Fixings, delivered: Delivered
) -> Priced | None:
    """Give the price that counts for a metal of a delivery; None while its average is not stated, or without a price."""
    match metal.rule:
        case None:
            return None
        case Fixed(price=price):
            return Priced(price=given("price", price))
        case Quoted(series=series, following=following):
            found = average(fixings, series, metal.unit, _periods(terms, declared, delivered))
            if found is None:
                return None
            last = priced_from(terms, declared, delivered)
            calls = [
                call
                for call in declared.calls
                if (call.batch, call.element) == (delivered.batch, metal.element) and call.day <= last
            ]
            return Priced(
                price=following.of(found),
                called=tuple(
                    (call.quantity_mg, following.of(given(f"called_{number}", call.value)))
                    for number, call in enumerate(calls, 1)
                ),
                callable_share=terms.quotation.callable_share if terms.quotation else Fraction(0),
            )


def indexed(price: Price, fixings: Fixings, delivered: Delivered) -> Figure | None:
    """Give the average that the one price of a purchase follows; None while it is not stated, or of a fixed price."""
    match price.rule:
        case Fixed():
            return None
        case Index() as rule:
            return average(fixings, rule.series, price.unit, [rule.quoted_in(delivered.day)])


def provisionally(metal: Payable | Return) -> Priced | None:
    """Give the price of a metal on a provisional invoice, or None without a price."""
    match metal.rule:
        case None:
            return None
        case Fixed(price=price):
            return Priced(price=given("price", price))
        case Quoted(provisional=provisional):
            return Priced(price=given("provisional_price", provisional or Fraction(0)))


def _periods(terms: Clauses, declared: Declared, delivered: Delivered) -> tuple[Period, ...]:
    if terms.quotation is None:
        return ()
    return terms.quotation.periods(delivered.day, declared.periods.get(delivered.batch))
