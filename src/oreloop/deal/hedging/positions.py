"""Hedges that are held, read from the table ``hedges``, and what they are worth at market prices."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import polars as pl

from oreloop.base.errors import BadInput, Place, Problem, problem
from oreloop.base.money import Money
from oreloop.base.period import Period
from oreloop.case.prices import Rates
from oreloop.deal.exact import fraction
from oreloop.deal.hedging.options import KINDS, Call, Collar, Option, Put, payoff_per_kg, premium_minor

LINEAR = ("future", "forward", "swap")
"""Positions that gain and lose with the price, kilogram for kilogram."""

INSTRUMENTS = (*LINEAR, *KINDS, "option")
"""``option``: one whose strike is not stated."""

_TERMS = {"call": ("strike",), "put": ("strike",), "collar": ("floor", "cap")}

_POSITION = {
    "instrument": pl.String,
    "venue": pl.String,
    "metal": pl.String,
    "month": pl.String,
    "kg": pl.Float64,
    "price_per_kg": pl.Float64,
}
HELD = _POSITION | {"currency": pl.String}
MARKS = _POSITION | {
    "market_per_kg": pl.Float64,
    "currency": pl.String,
    "value_minor": pl.Int64,
    "to_currency": pl.String,
    "converted_minor": pl.Int64,
}
PAYOFFS = _POSITION | {
    "currency": pl.String,
    "payoff_minor": pl.Int64,
    "premium_minor": pl.Int64,
    "result_minor": pl.Int64,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hedge:
    """One position.

    Args:
        instrument: one of `INSTRUMENTS`.
        venue: exchange or counterparty, if stated.
        metal: element symbol.
        month: of expiry.
        mass_mg: contained, mg; positive = long, negative = short.
        price_per_kg: at which it was taken, if stated.
        currency: of its prices, if stated.
        option: strikes of a call, put or collar.
        premium_per_kg: paid for an option, below 0 received; if stated.
    """

    instrument: str
    venue: str | None
    metal: str
    month: str
    mass_mg: int
    price_per_kg: Fraction | None
    currency: str | None
    option: Option | None = None
    premium_per_kg: Fraction | None = None

    @property
    def is_linear(self) -> bool:
        """Whether it covers kilogram for kilogram; how much an option covers depends on price and strike."""
        return self.instrument in LINEAR


def read_hedges(hedges: pl.DataFrame) -> tuple[Hedge, ...]:
    """Read the table ``hedges`` of a case; a week counts with the month of its Thursday.

    Raises:
        BadInput: ``deal.unknown_instrument``; ``deal.hedge_term_missing`` for an option without strike or currency;
            ``deal.hedge_term_misplaced`` for a strike that its instrument does not have; ``deal.floor_above_cap``; all rows
            at once.
    """
    found: list[Hedge] = []
    problems: list[Problem] = []
    for number, row in enumerate(hedges.iter_rows(named=True), 2):
        name = row["instrument"].strip().lower()
        wrong = list(_wrong(name, row, row.get("line", number)))
        problems += wrong
        if wrong:
            continue
        found.append(
            Hedge(
                instrument=name,
                venue=row["venue"],
                metal=row["metal"],
                month=Period.parse(row["month"]).counted_in("month").name,
                mass_mg=round(fraction(row["kg"]) * 1_000_000),
                price_per_kg=_given(row, "price"),
                currency=row["currency"],
                option=_option(name, row),
                premium_per_kg=_given(row, "premium"),
            )
        )
    if problems:
        raise BadInput(problems)
    return tuple(found)


def held(hedges: Iterable[Hedge]) -> pl.DataFrame:
    """Give the futures, forwards and swaps that are held, by metal and month: kg and the price taken.

    That price is what they keep, whatever the market does; null where it is not stated.
    """
    rows = [
        (each.instrument, each.venue, each.metal, each.month, each.mass_mg / 1e6, price, each.currency)
        for each in hedges
        if each.is_linear
        for price in [None if each.price_per_kg is None else float(each.price_per_kg)]
    ]
    return pl.DataFrame(rows, HELD, orient="row").sort("metal", "month", maintain_order=True)


def _wrong(name: str, row: Mapping[str, Any], line: int) -> Iterator[Problem]:
    """Name what a row misses, and what it states to no purpose."""

    def at(column: str) -> Place:
        return Place(file="hedges.csv", line=line, column=column)

    if name not in INSTRUMENTS:
        yield problem(
            "deal.unknown_instrument", at("instrument"), got=row["instrument"], expected=", ".join(INSTRUMENTS)
        )
        return
    needed = _TERMS.get(name, ())
    for column in (*needed, "currency") if needed else ():
        if row.get(column) is None:
            yield problem("deal.hedge_term_missing", at(column), got=column, instrument=name)
    allowed = (*needed, "premium") if needed or name == "option" else ()
    for column in ("strike", "floor", "cap", "premium"):
        if row.get(column) is not None and column not in allowed:
            yield problem("deal.hedge_term_misplaced", at(column), got=column, instrument=name)
    floor, cap = row.get("floor"), row.get("cap")
    if name == "collar" and floor is not None and cap is not None and floor > cap:
        yield problem("deal.floor_above_cap", at("floor"), got=floor, cap=cap)


def _option(name: str, row: Mapping[str, Any]) -> Option | None:
    match name:
        case "call":
            return Call(strike=fraction(row["strike"]))
        case "put":
            return Put(strike=fraction(row["strike"]))
        case "collar":
            return Collar(floor=fraction(row["floor"]), cap=fraction(row["cap"]))
        case _:
            return None


def _given(row: Mapping[str, Any], column: str) -> Fraction | None:
    return None if row.get(column) is None else fraction(row[column])


def payoffs(hedges: Iterable[Hedge], prices: pl.DataFrame, *, rates: Rates, period: Period) -> pl.DataFrame:
    """Give what positions pay at prices, exactly: at expiry, and for each price that is given.

    Args:
        hedges: positions.
        prices: metal, month, price_per_kg, currency; any number of prices for a metal and month.
        rates: exchange rates, for a price in another currency than the position.
        period: which chooses the rates.

    Returns:
        One row for each position and price, in the order of both; money in minor units of the position's currency:
        ``payoff_minor`` (of a future, forward or swap kg × (price − price taken)), ``premium_minor`` that was paid, and
        ``result_minor``, the one less the other. Null where a position states no strike, no price taken or no premium.

    Raises:
        BadInput: ``case.missing_rate``.
    """
    given: dict[tuple[str, str], list[tuple[Fraction, str]]] = {}
    for metal, month, price, money in prices.select("metal", "month", "price_per_kg", "currency").iter_rows():
        given.setdefault((metal, month), []).append((fraction(price), money))
    rows = [
        _paid(each, price * fraction(rates.rate(money, each.currency or money, period)), each.currency or money)
        for each in hedges
        for price, money in given.get((each.metal, each.month), ())
    ]
    return pl.DataFrame(rows, PAYOFFS, orient="row")


def _paid(each: Hedge, price: Fraction, currency: str) -> tuple[object, ...]:
    per_kg: Fraction | None = None
    if each.option is not None:
        per_kg = payoff_per_kg(each.option, price)
    elif each.is_linear and each.price_per_kg is not None and each.currency is not None:
        per_kg = price - each.price_per_kg
    paid = None if per_kg is None else Money.of(Fraction(each.mass_mg, 1_000_000) * per_kg, currency).amount_minor
    premium = 0 if each.is_linear else premium_minor(each)
    result = None if paid is None or premium is None else paid - premium
    head = (each.instrument, each.venue, each.metal, each.month, each.mass_mg / 1e6, float(price), currency)
    return (*head, paid, premium, result)


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
        ``converted_minor`` in those of ``to_currency``; positive = gain. An option has no value here: what it
        is worth before it expires is a matter of models; `payoffs` says what it pays then.

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
