"""Published prices: what a price series came to in a month, who states it, and from which source.

One mechanism serves every price that follows a series: that of a purchase, of each payable metal, and of metal that a toll
settles in cash. The average of a quotational period is computed from the fixings of its months.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from oreloop.base.period import Period
from oreloop.base.quantity import decimal
from oreloop.deal.charges.figure import Figure
from oreloop.deal.charges.quotation import Quoted, mean
from oreloop.deal.contract import Contract
from oreloop.deal.events import Event
from oreloop.deal.terms import Index

Key = tuple[str, str, str]
"""Series, unit, month."""

Fixings = Mapping[Key, "Fixing"]

Against = tuple[str, Mapping[str, object]]
"""A code, and the fields that its text names beside event, party, clause and state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixing:
    """What a series came to in a month.

    Args:
        value: the month's average, in the unit of its key.
        source: publication that it was taken from.
        by: the party who states it.
        at: when.
    """

    value: Fraction
    source: str
    by: str
    at: datetime


def key_of(event: Event) -> Key:
    """Give what an event ``price_fixed`` fixes."""
    return event.body["series"], event.body["unit"], event.body["period"]


def fixing_of(event: Event) -> Fixing:
    """Give what an event ``price_fixed`` states."""
    value = Fraction(decimal(event.body["value"]))
    return Fixing(value=value, source=event.body["source"], by=event.by, at=event.at)


def average(fixings: Fixings, series: str, unit: str, periods: Sequence[Period]) -> Figure | None:
    """Give the average of a series over the months of a quotational period; None while a month is not fixed.

    Args:
        fixings: what was stated.
        series: name of the series.
        unit: of the price, e.g. ``USD/ozt``.
        periods: months; each weighs the same.
    """
    found = [fixings.get((series, unit, period.name)) for period in periods]
    known = [each.value for each in found if each is not None]
    return mean(known) if len(known) == len(found) else None


def quoted(contract: Contract) -> Iterator[tuple[str, str, str]]:
    """Give series, unit and metal of each price of a contract that follows a series."""
    terms = contract.clauses
    if terms.price and isinstance(terms.price.rule, Index):
        yield terms.price.rule.series, terms.price.unit, contract.element
    for row in terms.metals:
        if isinstance(row.rule, Quoted):
            yield row.rule.series, row.unit, row.element


def against_series(contract: Contract, body: Mapping[str, str]) -> Against | None:
    """Refuse a price of a series or unit that prices nothing here, or not the metal that is named."""
    known = {f"{series} {unit}" for series, unit, metal in quoted(contract) if body.get("element", metal) == metal}
    got = f"{body['series']} {body['unit']}"
    return None if got in known else ("deal.other_series", {"got": got, "expected": ", ".join(sorted(known))})


def against_fixing(contract: Contract, fixings: Fixings, event: Event) -> Against | None:
    """Refuse a fixing that prices nothing here, or says other than an earlier one: the first stands."""
    before = fixings.get(key_of(event))
    if (found := against_series(contract, event.body)) is not None:
        return found
    if before is not None and before.value != fixing_of(event).value:
        return "deal.fixed_before", {"got": event.body["value"], "period": event.body["period"]}
    return None
