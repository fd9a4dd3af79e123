"""Quotes made comparable: what a contained kilogram costs as delivered, without tax, in one currency, line by line.

Unlike units, bases, currencies, taxes, places and days of payment are converted, each by a line that can be computed
again; where what a conversion needs is missing, nothing is assumed. A price that follows a series is shown at three prices of
it: the one by which quotes are ranked, a lower and a higher one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from oreloop.base.errors import BadInput
from oreloop.base.period import Period
from oreloop.case.prices import Rates
from oreloop.deal.charges.figure import Figure
from oreloop.deal.exact import fraction
from oreloop.deal.tender.quotes import Quote
from oreloop.deal.tender.request import Need
from oreloop.deal.tender.valuation import LEVELS, Level, Outlook, Outlooks, outlook_of, price_of
from oreloop.deal.terms import Line

BUYER_CARRIES = frozenset({"EXW", "FCA", "FAS", "FOB"})
"""Rules of Incoterms 2020 under which the buyer pays the main carriage."""

DELIVERED = frozenset({"DAP", "DPU", "DDP"})
"""Rules under which the price holds all carriage; DDP holds the import duty too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Freight:
    """What the buyer pays to bring one gross kilogram home: under C rules, from the place to which carriage is paid."""

    per_gross_kg: Fraction
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """By what quotes are made comparable; every number is the buyer's to state.

    Args:
        rates: exchange rates.
        period: which chooses the rates.
        funding_rate_per_year: what a year of payment later is worth, share of the price; simple interest.
        day_count: days of a year, 360 or 365.
        carbon_price_per_t: in the currency of the need, per tonne of CO2e; None = carbon is not priced.
        freight: by seller; needed where the buyer carries.
        duty_rate: by seller, share of price and freight; absent = none is due.
        outlooks: by series and month, what prices that follow a series are taken to be.

    Raises:
        BadInput: ``deal.not_a_choice`` for a year of other than 360 or 365 days.
    """

    rates: Rates
    period: Period
    funding_rate_per_year: Fraction
    day_count: int
    carbon_price_per_t: Fraction | None = None
    freight: Mapping[str, Freight] = field(default_factory=dict)
    duty_rate: Mapping[str, Fraction] = field(default_factory=dict)
    outlooks: Outlooks = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.day_count not in (360, 365):
            raise BadInput.of("deal.not_a_choice", got=self.day_count, expected="360, 365")


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A quote and what it comes to.

    Args:
        quote: as made.
        lines: price, freight, duty, funding, carbon; amounts in the currency of the need per contained kg.
        outlook: by which a price that follows a series is ranked; None for a fixed price.
        low_per_kg, high_per_kg: the sum of the lines at the lower and the higher price of the series; of a fixed price the
            same as at its own.
    """

    quote: Quote
    lines: tuple[Line, ...]
    outlook: Outlook | None
    low_per_kg: Fraction
    high_per_kg: Fraction

    @property
    def cost_per_kg(self) -> Fraction:
        """The sum of the lines."""
        return sum((line.amount for line in self.lines), Fraction(0))

    def at(self, level: Level) -> Fraction:
        """Give the cost of a contained kg at a price of the series, in the currency of the need."""
        match level:
            case "low":
                return self.low_per_kg
            case "price":
                return self.cost_per_kg
            case "high":
                return self.high_per_kg


def compare(quote: Quote, need: Need, by: Comparison) -> Compared:
    """Give what a contained kilogram of a quote costs as delivered.

    Raises:
        BadInput: ``case.missing_rate`` for an exchange rate that is not known; ``deal.missing_freight`` where the buyer
            carries; ``deal.missing_footprint`` when carbon is priced and the quote states no footprint;
            ``deal.no_outlook`` for a series and month of which no price is known.
    """
    outlook = outlook_of(quote, by.outlooks)
    found = {level: tuple(_lines(quote, need, by, outlook, level)) for level in LEVELS}
    cost = {level: sum((line.amount for line in lines), Fraction(0)) for level, lines in found.items()}
    return Compared(
        quote=quote, lines=found["price"], outlook=outlook, low_per_kg=cost["low"], high_per_kg=cost["high"]
    )


def series_rate(quote: Quote, outlook: Outlook, by: Comparison) -> Fraction:
    """Give units of a quote's currency for one of the currency of the series that it follows.

    Raises:
        BadInput: ``case.missing_rate``.
    """
    return _rate(by, outlook.unit.partition("/")[0], quote.currency)


def _lines(quote: Quote, need: Need, by: Comparison, outlook: Outlook | None, level: Level) -> Iterator[Line]:
    stated = price_of(quote, outlook, level, series_rate(quote, outlook, by) if outlook else Fraction(1))
    price = _price(quote, stated, _rate(by, quote.currency, need.currency))
    yield price
    freight = _freight(quote, need, by)
    if freight is not None:
        yield freight
    duty_rate = by.duty_rate.get(quote.seller)
    if duty_rate is not None and quote.incoterm != "DDP":
        landed = price.amount + (freight.amount if freight else 0)
        yield Line(
            clause="duty",
            amount=landed * duty_rate,
            formula="landed_per_kg * duty_rate",
            inputs={"landed_per_kg": landed, "duty_rate": duty_rate},
        )
    yield Line(
        clause="funding",
        amount=-price.amount * by.funding_rate_per_year * quote.payment_days / by.day_count,
        formula="-price_per_kg * funding_rate_per_year * payment_days / day_count",
        inputs={
            "price_per_kg": price.amount,
            "funding_rate_per_year": by.funding_rate_per_year,
            "payment_days": Fraction(quote.payment_days),
            "day_count": Fraction(by.day_count),
        },
    )
    if by.carbon_price_per_t is not None:
        if quote.co2e_kg_per_kg is None:
            raise BadInput.of("deal.missing_footprint", seller=quote.seller)
        yield Line(
            clause="carbon",
            amount=quote.co2e_kg_per_kg * by.carbon_price_per_t / 1000,
            formula="co2e_kg_per_kg * carbon_price_per_t / 1000",
            inputs={"co2e_kg_per_kg": quote.co2e_kg_per_kg, "carbon_price_per_t": by.carbon_price_per_t},
        )


def _price(quote: Quote, stated: Figure, rate: Fraction) -> Line:
    inputs = {**stated.inputs, "mg_per_unit": quote.mg_per_unit, "payable_share": quote.payable_share}
    said = f"{stated.said} * 1000000 / mg_per_unit * payable_share"
    amount = stated.value * 1_000_000 / quote.mg_per_unit * quote.payable_share
    if quote.content is not None:
        amount, said, inputs["content"] = amount / quote.content, f"{said} / content", quote.content
    if quote.moisture is not None:
        amount, said, inputs["moisture"] = amount / (1 - quote.moisture), f"{said} / (1 - moisture)", quote.moisture
    if quote.tax.included:
        amount, said, inputs["tax_rate"] = amount / (1 + quote.tax.rate), f"{said} / (1 + tax_rate)", quote.tax.rate
    if rate != 1:
        amount, said, inputs["rate"] = amount * rate, f"{said} * rate", rate
    return Line(clause="price", amount=amount, formula=said, inputs=inputs)


def _freight(quote: Quote, need: Need, by: Comparison) -> Line | None:
    freight = by.freight.get(quote.seller)
    if freight is None and quote.incoterm in BUYER_CARRIES:
        raise BadInput.of("deal.missing_freight", seller=quote.seller, incoterm=quote.incoterm)
    if freight is None or quote.incoterm in DELIVERED:
        return None
    rate = _rate(by, freight.currency, need.currency)
    content = need.content if quote.content is None else quote.content
    moisture = need.moisture if quote.moisture is None else quote.moisture
    return Line(
        clause="freight",
        amount=freight.per_gross_kg * rate / (content * (1 - moisture)),
        formula="per_gross_kg * rate / (content * (1 - moisture))",
        inputs={"per_gross_kg": freight.per_gross_kg, "rate": rate, "content": content, "moisture": moisture},
    )


def _rate(by: Comparison, source: str, target: str) -> Fraction:
    return fraction(by.rates.rate(source, target, by.period))
