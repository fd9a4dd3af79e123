"""Hedges that are held, read from the table ``hedges``, and what they are worth at market prices."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import polars as pl

from oreloop.base.errors import BadInput, Place, Problem, problem
from oreloop.base.money import Money
from oreloop.base.period import Period
from oreloop.case.prices import Rates
from oreloop.deal.exact import fraction

LINEAR = ("future", "forward", "swap")
"""Positions that gain and lose with the price, kilogram for kilogram."""

MARKS = {
    "instrument": pl.String,
    "venue": pl.String,
    "metal": pl.String,
    "month": pl.String,
    "kg": pl.Float64,
    "price_per_kg": pl.Float64,
    "market_per_kg": pl.Float64,
    "currency": pl.String,
    "value_minor": pl.Int64,
    "to_currency": pl.String,
    "converted_minor": pl.Int64,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hedge:
    """One position.

    Args:
        instrument: future, forward, swap or option.
        venue: exchange or counterparty, if stated.
        metal: element symbol.
        month: of expiry.
        mass_mg: contained, mg; positive = long, negative = short.
        price_per_kg: at which it was taken, if stated.
        currency: of the price, if stated.
    """

    instrument: str
    venue: str | None
    metal: str
    month: str
    mass_mg: int
    price_per_kg: Fraction | None
    currency: str | None

    @property
    def is_linear(self) -> bool:
        """Whether it covers kilogram for kilogram; how much an option covers depends on price and strike."""
        return self.instrument in LINEAR


def read_hedges(hedges: pl.DataFrame) -> tuple[Hedge, ...]:
    """Read the table ``hedges`` of a case; a week counts as the month in which it starts.

    Raises:
        BadInput: ``deal.unknown_instrument``, all rows at once.
    """
    found: list[Hedge] = []
    problems: list[Problem] = []
    for number, row in enumerate(hedges.iter_rows(named=True), 2):
        name = row["instrument"].strip().lower()
        if name not in (*LINEAR, "option"):
            place = Place(file="hedges.csv", line=row.get("line", number), column="instrument")
            expected = ", ".join((*LINEAR, "option"))
            problems.append(problem("deal.unknown_instrument", place, got=row["instrument"], expected=expected))
        found.append(
            Hedge(
                instrument=name,
                venue=row["venue"],
                metal=row["metal"],
                month=Period.month(Period.parse(row["month"]).first).name,
                mass_mg=round(fraction(row["kg"]) * 1_000_000),
                price_per_kg=None if row["price"] is None else fraction(row["price"]),
                currency=row["currency"],
            )
        )
    if problems:
        raise BadInput(problems)
    return tuple(found)


def marked(
    hedges: Iterable[Hedge], prices: pl.DataFrame, *, currency: str, rates: Rates, period: Period
) -> pl.DataFrame:
    """Mark hedges to market: kilograms times what the market price is above the price at which they were taken.

    Args:
        hedges: positions.
        prices: metal, month, price_per_kg, currency; one row for each month in which a position expires.
        currency: into which values are converted, too.
        rates: exchange rates.
        period: which chooses the rates.

    Returns:
        One row each, in the order given; ``value_minor`` in minor units of ``currency`` (that of the position),
        ``converted_minor`` in those of ``to_currency``; positive = gain. An option has no value here: what it is worth
        depends on its strike, which no position states.

    Raises:
        BadInput: ``deal.no_mark`` for a position without a price of its own or of the market, all at once;
            ``case.missing_rate``.
    """
    market = {
        (metal, month): (fraction(price), money)
        for metal, month, price, money in prices.select("metal", "month", "price_per_kg", "currency").iter_rows()
    }
    listed = list(hedges)
    unmarked = [
        problem("deal.no_mark", instrument=each.instrument, metal=each.metal, month=each.month)
        for each in listed
        if each.is_linear
        and (each.price_per_kg is None or each.currency is None or (each.metal, each.month) not in market)
    ]
    if unmarked:
        raise BadInput(unmarked)
    rows = [_marked(each, market, currency, rates, period) for each in listed]
    return pl.DataFrame(rows, MARKS, orient="row")


def _marked(
    each: Hedge, market: dict[tuple[str, str], tuple[Fraction, str]], to: str, rates: Rates, period: Period
) -> tuple[object, ...]:
    mass, taken, own = each.mass_mg / 1e6, each.price_per_kg, each.currency
    price = None if taken is None else float(taken)
    head = (each.instrument, each.venue, each.metal, each.month, mass, price)
    if not each.is_linear or taken is None or own is None:
        return (*head, None, own, None, to, None)
    stated, money = market[each.metal, each.month]
    now = stated * fraction(rates.rate(money, own, period))
    value = Fraction(each.mass_mg, 1_000_000) * (now - taken)
    converted = Money.of(value * fraction(rates.rate(own, to, period)), to)
    return (*head, float(now), own, Money.of(value, own).amount_minor, to, converted.amount_minor)
