"""What a price that follows a series is taken to be when quotes are compared: an average that is known, forecast or stated.

A valuation ranks quotes and is no term of a contract: what is drafted carries the index clause.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from typing import Literal

from oreloop.base.errors import BadInput
from oreloop.base.quantity import MG_PER_UNIT
from oreloop.deal.charges.figure import Figure, given
from oreloop.deal.tender.quotes import Quote
from oreloop.deal.terms import Fixed, Index

Kind = Literal["published", "forecast", "stated"]
Level = Literal["low", "price", "high"]

LEVELS: tuple[Level, ...] = ("low", "price", "high")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """The average of a price series in one month, as far as it is known.

    Args:
        series: its name, as quotes and contracts write it.
        month: e.g. ``2026-05``.
        unit: as the publisher states it, e.g. ``USD/ozt``.
        price: by which quotes are ranked.
        low, high: at which they are shown, too; both the price itself once the average is published.
        known_on: last day of what it rests on.
        kind: ``published`` (the month is over), ``forecast`` (the price has even odds; low and high are passed in one of
            ten), or ``stated`` by the buyer.
        source: publisher and document, or who states it.

    Raises:
        BadInput: ``deal.band_reversed`` when the price is not between low and high.
    """

    series: str
    month: str
    unit: str
    price: Fraction
    low: Fraction
    high: Fraction
    known_on: date
    kind: Kind
    source: str

    def __post_init__(self) -> None:
        if not self.low <= self.price <= self.high:
            raise BadInput.of("deal.band_reversed", series=self.series, month=self.month, got=self.price)

    def at(self, level: Level) -> Fraction:
        """Give the price at a level."""
        match level:
            case "low":
                return self.low
            case "price":
                return self.price
            case "high":
                return self.high


Outlooks = Mapping[tuple[str, str], Outlook]
"""By series and month."""


def month_of(quote: Quote) -> str | None:
    """Name the month whose average prices a quote that follows a series; None for a fixed price.

    Metal counts as delivered on the last day of the window.
    """
    return quote.rule.period(quote.last) if isinstance(quote.rule, Index) else None


def outlook_of(quote: Quote, outlooks: Outlooks) -> Outlook | None:
    """Give what prices a quote that follows a series; None for a fixed price.

    Raises:
        BadInput: ``deal.no_outlook``.
    """
    month = month_of(quote)
    if month is None or not isinstance(quote.rule, Index):
        return None
    found = outlooks.get((quote.rule.series, month))
    if found is None:
        raise BadInput.of("deal.no_outlook", seller=quote.seller, series=quote.rule.series, month=month)
    return found


def price_of(quote: Quote, outlook: Outlook | None, level: Level, rate: Fraction) -> Figure:
    """Give the price of a quote in its own unit.

    Args:
        quote: a fixed price, or one that follows a series.
        outlook: of `outlook_of`.
        level: at which of its prices.
        rate: units of the quote's currency for one of the series'.
    """
    match quote.rule:
        case Fixed(price=price):
            return given("price", price)
        case Index() as rule:
            if outlook is None:
                raise AssertionError("a price that follows a series has an outlook")
            return rule.following.of(_average(quote, outlook, level, rate))


def premium_for(quote: Quote, outlook: Outlook, rate: Fraction, price: Fraction) -> Fraction | None:
    """Give the premium at which a quote that follows a series comes to a price; None where floor or cap keep it from that.

    Args:
        quote: one that follows a series.
        outlook: of `outlook_of`; its price counts.
        rate: units of the quote's currency for one of the series'.
        price: in the unit of the quote.
    """
    rule = quote.rule
    if isinstance(rule, Fixed):
        raise AssertionError("a fixed price has no premium")
    outside = (rule.floor is not None and price < rule.floor) or (rule.cap is not None and price > rule.cap)
    passed = replace(rule.following, premium=Fraction(0), floor=None, cap=None)
    return None if outside else price - passed.of(_average(quote, outlook, "price", rate)).value


def _average(quote: Quote, outlook: Outlook, level: Level, rate: Fraction) -> Figure:
    """Bring the average of a series to the unit of a quote."""
    value = outlook.at(level)
    if outlook.unit == quote.unit:
        return given("average", value)
    mg = Fraction(MG_PER_UNIT[outlook.unit.partition("/")[2]])
    return Figure(
        value=value * rate * quote.mg_per_unit / mg,
        said="(average * average_rate * mg_per_unit / average_mg_per_unit)",
        inputs={
            "average": value,
            "average_rate": rate,
            "mg_per_unit": quote.mg_per_unit,
            "average_mg_per_unit": mg,
        },
    )
