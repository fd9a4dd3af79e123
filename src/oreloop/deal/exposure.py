"""Exposure: how much metal is bought and sold, priced and still to be priced, and hedged, by metal and month."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from oreloop.base.quantity import split
from oreloop.deal.charges.payables import Payable
from oreloop.deal.charges.pricing import priced_from
from oreloop.deal.charges.quotation import Quoted
from oreloop.deal.charges.toll import Return
from oreloop.deal.hedging.options import covering
from oreloop.deal.hedging.positions import Hedge
from oreloop.deal.settlement import Settlement
from oreloop.deal.state import GONE
from oreloop.deal.terms import Delivered, Fixed, Index

_Moved = tuple[str, str, int, bool]
"""Metal, month, mass in mg, whether it is priced."""

BOUGHT = {"element": pl.String, "month": pl.String, "priced_kg": pl.Float64, "unpriced_kg": pl.Float64}

_SIDES = ("bought_priced", "bought_unpriced", "sold_priced", "sold_unpriced", "hedged", "option")

EXPOSURE = {
    "metal": pl.String,
    "month": pl.String,
    **{f"{side}_kg": pl.Float64 for side in _SIDES},
    "net_kg": pl.Float64,
    "net_unpriced_kg": pl.Float64,
    "open_kg": pl.Float64,
    "covered_kg": pl.Float64,
    "uncovered_kg": pl.Float64,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """Metal of an agreed contract whose price counts in one month.

    Args:
        contract: its id.
        buyer, seller: who buys the metal, and who sells it; of metal that a toller buys, the toller and its owner.
        metal: element symbol.
        month: of quotation where the price follows an index, else of delivery.
        mass_mg: contained, or payable in a sale of contained metals, mg.
        priced: whether the price is known.
    """

    contract: str
    buyer: str
    seller: str
    metal: str
    month: str
    mass_mg: int
    priced: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Exposed:
    """What is open, and what keeps it.

    Args:
        positions: by metal and month, see `exposed`.
        options: one row each, see `oreloop.deal.hedging.covering`.
    """

    positions: pl.DataFrame
    options: pl.DataFrame


def lots(settlement: Settlement) -> Iterator[Lot]:
    """Give the metal that an agreed contract moves at a price: what was delivered, and what is still to come.

    What is still to come counts as delivered on the last day of the window; a rejected batch does not count. A sale of
    contained metals moves its payable metals, a toll what the toller buys of the feed: in equal parts in the months of the
    quotational period; what was priced by call counts in the month of the call. Metal that comes back, and a lease, move none.
    """
    state, contract = settlement.state, settlement.state.contract
    if state.stage != "agreed" or contract.kind == "lease":
        return
    buyer, seller = (contract.seller, contract.buyer) if contract.kind == "toll" else (contract.buyer, contract.seller)
    found = _of_purchase(settlement) if contract.kind == "purchase" else _of_metals(settlement)
    for metal, month, mass_mg, priced in found:
        if mass_mg:
            yield Lot(
                contract=contract.id,
                buyer=buyer,
                seller=seller,
                metal=metal,
                month=month,
                mass_mg=mass_mg,
                priced=priced,
            )


def _of_purchase(settlement: Settlement) -> Iterator[_Moved]:
    state, contract = settlement.state, settlement.state.contract
    price = contract.clauses.price
    if price is None:
        raise AssertionError("a purchase has a price")
    masses = [(each.day, each.contained_mg.get(contract.element, 0)) for each in _kept(settlement)]
    masses.append((contract.clauses.delivery.last, _to_come_mg(settlement)))
    for day, mass_mg in masses:
        match price.rule:
            case Fixed():
                yield contract.element, f"{day:%Y-%m}", mass_mg, True
            case Index() as rule:
                month = rule.period(day)
                yield contract.element, month, mass_mg, (rule.series, price.unit, month) in state.fixings


def _of_metals(settlement: Settlement) -> Iterator[_Moved]:
    contract = settlement.state.contract
    for metal in contract.clauses.metals:
        if metal.rule is None:  # it comes back as metal
            continue
        for each in _kept(settlement):
            mass_mg = _paid_mg(metal, each)
            for day, called_mg in _called(settlement, metal.element, each, mass_mg):
                mass_mg -= called_mg
                yield metal.element, f"{day:%Y-%m}", called_mg, True
            yield from _quoted(settlement, metal, each.day, each.batch, mass_mg)
        if metal.element == contract.element:
            to_come = int(_to_come_mg(settlement) * metal.share)
            yield from _quoted(settlement, metal, contract.clauses.delivery.last, "", to_come)


def _paid_mg(metal: Payable | Return, delivered: Delivered) -> int:
    """Give what of a metal in a delivery has a price: payable, or bought by the toller; part milligrams are left out."""
    match metal:
        case Payable():
            return int(metal.content(delivered).value)
        case Return():
            contained_mg = delivered.contained_mg.get(metal.element, 0)
            return int(metal.content(contained_mg, delivered.dry_mg).value)


def _called(settlement: Settlement, element: str, each: Delivered, mass_mg: int) -> Iterator[tuple[date, int]]:
    """Give the parts of a payable metal that calls price: in time, and within the share that may be called."""
    terms, declared = settlement.state.contract.clauses, settlement.state.declared
    left = int(mass_mg * terms.quotation.callable_share) if terms.quotation else 0
    for call in declared.calls:
        if (call.batch, call.element) == (each.batch, element) and call.day <= priced_from(terms, declared, each):
            called_mg = min(call.quantity_mg, left)
            left -= called_mg
            yield call.day, called_mg


def _quoted(settlement: Settlement, metal: Payable | Return, day: date, batch: str, mass_mg: int) -> Iterator[_Moved]:
    declared, quotation = settlement.state.declared, settlement.state.contract.clauses.quotation
    if not isinstance(metal.rule, Quoted) or quotation is None:
        yield metal.element, f"{day:%Y-%m}", mass_mg, True
        return
    periods = quotation.periods(day, declared.periods.get(batch))
    for period, part in zip(periods, split(mass_mg, [1] * len(periods)), strict=True):
        priced = (metal.rule.series, metal.unit, period.name) in settlement.state.fixings
        yield metal.element, period.name, part, priced


def _kept(settlement: Settlement) -> list[Delivered]:
    kept = {batch.id for batch in settlement.state.batches.values() if batch.stage not in GONE}
    return [each for batch, each in settlement.facts.final.items() if batch in kept]


def _to_come_mg(settlement: Settlement) -> int:
    return sum(each.mass_mg for each in settlement.obligations if each.code == "deal.deliver")


def bought(settlements: Iterable[Settlement], *, own: Collection[str] = ()) -> pl.DataFrame:
    """Give what some parties have bought less what they have sold, priced and unpriced, in kg by metal and month.

    Args:
        settlements: of contracts; those between two of these parties, or between others, count for nothing.
        own: the parties; none = of each contract its buyer, who in a toll owns the metal and sells it to the toller.
    """
    masses: dict[tuple[str, str], list[int]] = {}
    for settlement in settlements:
        firm = own or (settlement.state.contract.buyer,)
        for lot in lots(settlement):
            if side := (lot.buyer in firm) - (lot.seller in firm):
                masses.setdefault((lot.metal, lot.month), [0, 0])[0 if lot.priced else 1] += side * lot.mass_mg
    rows = [(*key, *(mass / 1e6 for mass in both)) for key, both in sorted(masses.items())]
    return pl.DataFrame(rows, BOUGHT, orient="row")


def exposure(settlements: Iterable[Settlement], *, own: Collection[str], hedges: Iterable[Hedge] = ()) -> pl.DataFrame:
    """Give by metal and month what `exposed` does of the open positions."""
    return exposed(settlements, own=own, hedges=hedges).positions


def exposed(settlements: Iterable[Settlement], *, own: Collection[str], hedges: Iterable[Hedge] = ()) -> Exposed:
    """Give what some parties have bought, sold and hedged, by metal and month, and what is left open.

    Args:
        settlements: of contracts; those between two of these parties, or between others, leave nothing open.
        own: the parties whose exposure it is.
        hedges: their positions.

    Returns:
        Of the positions ``metal``, ``month``, then contained kg: ``bought_priced_kg``, ``bought_unpriced_kg``, ``sold_priced_kg``,
        ``sold_unpriced_kg``, ``hedged_kg`` (futures, forwards and swaps; short is negative), ``option_kg`` (not netted:
        what an option covers depends on the price), ``net_kg`` = bought less sold at a known price, plus hedged: what
        gains when the price rises; ``net_unpriced_kg`` = bought less sold in the same quotational month: what is still
        to be priced on one side only; ``open_kg`` = the first less the second: what a rise of the price by one is worth;
        ``covered_kg`` of it are kept by options at a worst price, ``uncovered_kg`` are open to any.
    """
    masses: dict[tuple[str, str], dict[str, int]] = {}

    def add(metal: str, month: str, side: str, mass_mg: int) -> None:
        masses.setdefault((metal, month), dict.fromkeys(_SIDES, 0))[side] += mass_mg

    for lot in (lot for settlement in settlements for lot in lots(settlement)):
        if (lot.buyer in own) != (lot.seller in own):
            side = "bought" if lot.buyer in own else "sold"
            add(lot.metal, lot.month, f"{side}_{'priced' if lot.priced else 'unpriced'}", lot.mass_mg)
    positions = tuple(hedges)
    for hedge in positions:
        add(hedge.metal, hedge.month, "hedged" if hedge.is_linear else "option", hedge.mass_mg)
    open_mg = {key: _net(of) - _unpriced(of) for key, of in masses.items()}
    options = covering(open_mg, positions)
    kept: dict[tuple[str, str], int] = {}
    for metal, month, covers_kg in options.select("metal", "month", "covers_kg").iter_rows():
        kept[metal, month] = kept.get((metal, month), 0) + round(covers_kg * 1e6)
    rows = []
    for key, of in sorted(masses.items()):
        covered = kept.get(key, 0)
        nets = (_net(of), _unpriced(of), open_mg[key], covered, abs(open_mg[key]) - covered)
        rows.append((*key, *(mg / 1e6 for mg in (*(of[side] for side in _SIDES), *nets))))
    return Exposed(positions=pl.DataFrame(rows, EXPOSURE, orient="row"), options=options)


def _net(of: Mapping[str, int]) -> int:
    return of["bought_priced"] - of["sold_priced"] + of["hedged"]


def _unpriced(of: Mapping[str, int]) -> int:
    return of["bought_unpriced"] - of["sold_unpriced"]
