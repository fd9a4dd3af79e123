"""Prices made comparable: per contained kilogram, without tax, in the currency of the case; each conversion is shown.

A price on gross or dry basis is divided by the content of what is priced; a price with tax by one plus the rate;
another currency is converted at the latest rate that is not later than the period.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from oreloop.base.errors import BadInput
from oreloop.base.period import Period
from oreloop.base.quantity import MG_PER_UNIT
from oreloop.case.cells import parse_price_unit

if TYPE_CHECKING:
    from oreloop.case.parse import Case

MG_PER_KG = MG_PER_UNIT["kg"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """A converted price.

    Args:
        price_per_kg: per contained kg, without tax, in the currency asked for.
        shown: the arithmetic, for people.
    """

    price_per_kg: float
    shown: str


@dataclass(frozen=True, slots=True)
class Rates:
    """Exchange rates by pair of currencies, each in order of time; only stated pairs and their inverses are used."""

    by_pair: Mapping[tuple[str, str], tuple[tuple[Period, float], ...]]

    @classmethod
    def of(cls, frame: pl.DataFrame) -> Rates:
        """Take rates from the table ``rates``."""
        pairs: dict[tuple[str, str], list[tuple[Period, float]]] = {}
        for source, target, period, rate in frame.select("from_currency", "to_currency", "period", "rate").iter_rows():
            if period is not None and rate:
                pairs.setdefault((source, target), []).append((Period.parse(period), rate))
        return cls({pair: tuple(sorted(rates)) for pair, rates in pairs.items()})

    def rate(self, source: str, target: str, period: Period) -> float:
        """Give units of ``target`` for one ``source``: the latest rate that starts no later than the period ends.

        Raises:
            BadInput: ``case.missing_rate``.
        """
        if source == target:
            return 1.0
        direct = _latest(self.by_pair.get((source, target), ()), period)
        inverse = _latest(self.by_pair.get((target, source), ()), period)
        if direct and (inverse is None or direct[0] >= inverse[0]):
            return direct[1]
        if inverse:
            return 1 / inverse[1]
        raise BadInput.of("case.missing_rate", source=source, target=target, period=period.name)


def _latest(rows: tuple[tuple[Period, float], ...], period: Period) -> tuple[Period, float] | None:
    position = bisect_right([row[0].first for row in rows], period.last)
    return rows[position - 1] if position else None


def price_per_kg(
    price: float,
    unit: str,
    *,
    to: str,
    rates: Rates,
    period: Period,
    basis: str = "contained",
    content: float = 1.0,
    moisture: float = 0.0,
    tax: float = 0.0,
) -> Conversion:
    """Convert a price to the currency ``to`` per contained kg, without tax.

    Args:
        price: in ``unit``, on ``basis``.
        unit: currency per mass unit, such as ``USD/ozt``.
        to: ISO 4217 code.
        rates: exchange rates.
        period: when the price holds, which chooses the rate.
        basis: ``contained``, ``dry`` or ``gross``.
        content: share of the metal in the dry mass, above 0.
        moisture: share of water in the gross mass, below 1.
        tax: rate of the tax that the price includes.

    Raises:
        BadInput: ``case.unknown_price_unit``, ``case.missing_rate``.

    >>> price_per_kg(100, "CNY/g", to="CNY", rates=Rates({}), period=Period.parse("2026-01"), tax=0.13).shown
    '100 CNY/g ÷ 0.001 kg/g ÷ 1.13 (tax) = 88,495.58 CNY/kg'
    """
    currency, mass = parse_price_unit(unit)
    kg_per_unit = float(MG_PER_UNIT[mass] / MG_PER_KG)
    rate = rates.rate(currency, to, period)
    contained = {"contained": 1.0, "dry": content, "gross": content * (1 - moisture)}[basis]
    steps = [f"{price:.10g} {unit}"]
    steps += [f"÷ {kg_per_unit:.9g} kg/{mass}"] if mass != "kg" else []
    steps += [f"× {rate:.6g} {to}/{currency}"] if currency != to else []
    steps += [f"÷ {contained:.6g} ({basis})"] if basis != "contained" else []
    steps += [f"÷ {1 + tax:.6g} (tax)"] if tax else []
    value = price / kg_per_unit * rate / contained / (1 + tax)
    return Conversion(price_per_kg=value, shown=" ".join(steps) + f" = {value:,.2f} {to}/kg")


def market_prices(case: Case) -> pl.DataFrame:
    """Give the price of everything in the table ``prices`` in every period of the horizon.

    In each period it is the latest price that starts no later than the period ends, carried forward when later ones
    are absent.

    Returns:
        ``material`` (or element), ``period``, ``price_per_kg`` (case currency per contained kg, without tax),
        ``price_period`` (period of the price used), ``shown`` (the conversion), in order of material and period.
        Nothing before the first price.
    """
    rates, shares = Rates.of(case.tables["rates"]), _shares(case.tables["materials"])
    series: dict[str, list[tuple[Period, dict[str, Any]]]] = {}
    for row in case.tables["prices"].iter_rows(named=True):
        series.setdefault(row["material"], []).append((Period.parse(row["period"]), row))
    rows: list[tuple[object, ...]] = []
    for material, priced in sorted(series.items()):
        priced.sort(key=lambda each: each[0])
        for period in case.horizon.periods:
            position = bisect_right([each[0].first for each in priced], period.last)
            if position:
                known, row = priced[position - 1]
                found = _converted(row["price"], row, shares.get(material), case.currency, rates, period)
                rows.append((material, period.name, found.price_per_kg, known.name, found.shown))
    return _frame("material", rows)


def offer_prices(case: Case) -> pl.DataFrame:
    """Give the price of every offer in every period of the horizon.

    An offer has its own price, or an index plus a premium; a lease or loan without either takes the price of its
    material, or else of its element, as the value of the metal.

    Returns:
        ``offer``, ``period``, ``price_per_kg`` (case currency per contained kg, without tax; where only a share of the
        metal is paid, that share of the price), ``price_period`` (period of the index used; null for a fixed price), ``shown`` (the conversion), in order of offer and period. An offer
        without any price in a period has no row there.
    """
    rates, shares = Rates.of(case.tables["rates"]), _shares(case.tables["materials"])
    market = {(row[0], row[1]): row[2:] for row in market_prices(case).iter_rows()}
    element = dict(case.tables["materials"].select("material", "element").iter_rows())
    indexed = {material for material, _ in market}
    rows: list[tuple[object, ...]] = []
    for offer in case.tables["offers"].sort("offer").iter_rows(named=True):
        share, material = shares.get(offer["material"]), offer["material"]
        index = offer["price_index"] or (material if material in indexed else element.get(material))
        for period in case.horizon.periods:
            if offer["price"] is not None:
                found = _converted(offer["price"], offer, share, case.currency, rates, period)
                rows.append((offer["offer"], period.name, *_payable(offer, found.price_per_kg, None, found.shown)))
            elif (index, period.name) in market:
                value, known, shown = market[index, period.name]
                if offer["premium"]:
                    extra = _converted(offer["premium"], offer, share, case.currency, rates, period)
                    value, shown = value + extra.price_per_kg, f"{shown}; + {extra.shown}"
                rows.append((offer["offer"], period.name, *_payable(offer, value, known, shown)))
    return _frame("offer", rows)


def _payable(offer: Mapping[str, Any], per_kg: float, known: str | None, shown: str) -> tuple[float, str | None, str]:
    """What a contained kg costs where the supplier is paid for a share of it."""
    share = offer["payable_share"]
    return (per_kg, known, shown) if share is None else (per_kg * share, known, f"{shown}; × {share:.6g} (payable)")


def _converted(
    price: float, terms: Mapping[str, Any], share: tuple[float, float] | None, to: str, rates: Rates, period: Period
) -> Conversion:
    content, moisture = share or (1.0, 0.0)
    return price_per_kg(
        price,
        terms["price_unit"],
        to=to,
        rates=rates,
        period=period,
        basis=terms["price_basis"],
        content=content,
        moisture=moisture,
        tax=terms["tax"],
    )


def _shares(materials: pl.DataFrame) -> dict[str, tuple[float, float]]:
    rows = materials.select("material", "content", "moisture").iter_rows()
    return {material: (content, moisture) for material, content, moisture in rows}


def _frame(name: str, rows: list[tuple[object, ...]]) -> pl.DataFrame:
    names = (name, "period", "price_per_kg", "price_period", "shown")
    types = (pl.String(), pl.String(), pl.Float64(), pl.String(), pl.String())
    return pl.DataFrame(rows, schema=dict(zip(names, types, strict=True)), orient="row")
