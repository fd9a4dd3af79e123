"""Weights and exchanged assays as tables: what each side found, what counts, who pays the umpire, and what sampling costs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from fractions import Fraction

import polars as pl

from oreloop.base.instant import sealed
from oreloop.deal.assay import SHARE_UNITS
from oreloop.deal.charges.pricing import indexed, priced
from oreloop.deal.evidence import Facts
from oreloop.deal.exact import text
from oreloop.deal.exchange.course import Exchanged
from oreloop.deal.exchange.sampling import Loss, loss
from oreloop.deal.exchange.splitting import Outcome
from oreloop.deal.exchange.weights import Weighing
from oreloop.deal.state import State
from oreloop.deal.terms import Delivered, Fixed

EXCHANGES = {
    "contract": pl.String,
    "batch": pl.String,
    "analyte": pl.String,
    "unit": pl.String,
    "seller": pl.String,
    "seller_committed": pl.String,
    "seller_revealed": pl.String,
    "buyer": pl.String,
    "buyer_committed": pl.String,
    "buyer_revealed": pl.String,
    "difference": pl.String,
    "splitting_limit": pl.String,
    "mean": pl.String,
    "rule": pl.Int64,
    "umpire": pl.String,
    "certificate": pl.String,
    "settled": pl.String,
    "by": pl.String,
    "umpire_payer": pl.String,
    "seller_cost_share": pl.String,
    "buyer_cost_share": pl.String,
    "umpire_probability": pl.Float64,
    "expected_loss_mg": pl.Float64,
    "expected_loss": pl.Float64,
}
"""Results are exact in the unit of the contract (decimals, or a fraction where no decimals end), times are sealed; ``by`` says
what settled the analyte (mean, umpire, silence) or what it waits for (open, awaited). The losses are estimates: of contained
metal, and of money in major units of the contract currency where a price per mass is known."""

WEIGHTS = {
    "contract": pl.String,
    "batch": pl.String,
    "delivered_wet_mg": pl.Int64,
    "delivered_moisture": pl.String,
    "delivered_dry_mg": pl.Int64,
    "received_wet_mg": pl.Int64,
    "received_moisture": pl.String,
    "received_dry_mg": pl.Int64,
    "difference_mg": pl.Int64,
    "franchise_mg": pl.String,
    "basis": pl.String,
    "wet_mg": pl.Int64,
    "dry_mg": pl.Int64,
}
"""What the party who delivers and the party who receives weighed, by how much their dry masses differ and may differ, and
what counts: ``basis`` is delivered, received or mean, or record where nobody weighed; null while a weight may still come."""


def exchanges(settlements: Iterable[tuple[State, Facts]]) -> pl.DataFrame:
    """Give one row for each analyte of each batch whose assays are exchanged, in the order of contracts and batches."""
    rows = [
        row
        for state, facts in settlements
        for batch, met in sorted(facts.exchanges.items())
        for row in _rows(state, facts, batch, met)
    ]
    return pl.DataFrame(rows, EXCHANGES, orient="row")


def weights(settlements: Iterable[tuple[State, Facts]]) -> pl.DataFrame:
    """Give one row for each batch whose weights or assays are exchanged, in the order of contracts and batches."""
    rows = [
        _weighed(state, facts.final.get(batch), batch, met)
        for state, facts in settlements
        for batch, met in sorted(facts.exchanges.items())
    ]
    return pl.DataFrame(rows, WEIGHTS, orient="row")


def _rows(state: State, facts: Facts, batch: str, met: Exchanged) -> Iterator[tuple[object, ...]]:
    contract, shown, course = state.contract, facts.final.get(batch), met.course
    for each in met.outcomes:
        expected = _loss(each)
        mass_mg = expected.error * shown.dry_mg if expected and shown else None
        worth = _price_per_mg(state, shown, each.terms.analyte) if shown else None
        apart = None if each.seller is None or each.buyer is None else abs(each.seller - each.buyer)
        yield (
            contract.id,
            batch,
            each.terms.analyte,
            each.terms.unit,
            *(
                said
                for party, value in ((contract.seller, each.seller), (contract.buyer, each.buyer))
                for said in (
                    _written(value, each),
                    _at(course.committed_at.get(party)),
                    _at(course.revealed_at.get(party)),
                )
            ),
            *(_written(value, each) for value in (apart, each.terms.limit, each.mean)),
            each.rule,
            _written(each.umpire, each),
            course.umpire.certificate if course.umpire and each.umpire is not None else None,
            _written(each.settled, each),
            each.by,
            _payer(each),
            *map(str, each.cost),
            expected.umpire_probability if expected else None,
            mass_mg,
            None if mass_mg is None or worth is None else mass_mg * float(worth),
        )


def _weighed(state: State, shown: Delivered | None, batch: str, met: Exchanged) -> tuple[object, ...]:
    contract, terms = state.contract, state.contract.clauses.weights
    sides = [met.course.weighed.get(party) for party in (contract.giver, contract.receiver)]
    ours, theirs = sides
    franchise = terms.franchise_share * ours.dry_mg if terms and ours else None
    counted = met.counted
    basis = counted.basis if counted else "record" if shown and not met.to_weigh else None
    recorded = (shown.gross_mg, shown.dry_mg) if shown and basis else (None, None)
    return (
        contract.id,
        batch,
        *(value for side in sides for value in _scale(side)),
        abs(ours.dry_mg - theirs.dry_mg) if ours and theirs else None,
        None if franchise is None else text(franchise),
        basis,
        *((counted.wet_mg, counted.dry_mg) if counted else recorded),
    )


def _scale(side: Weighing | None) -> tuple[object, object, object]:
    return (side.wet_mg, f"{side.moisture:f}", side.dry_mg) if side else (None, None, None)


def _payer(outcome: Outcome) -> str | None:
    """Say who bears the umpire's cost for an analyte, or None when the umpire was not asked."""
    of_seller, of_buyer = outcome.cost
    if not of_seller and not of_buyer:
        return None
    return "both" if of_seller and of_buyer else "seller" if of_seller else "buyer"


def _loss(outcome: Outcome) -> Loss | None:
    terms = outcome.terms
    return loss(terms.limit, terms.uncertainties, outcome.rule) if terms.uncertainties else None


def _price_per_mg(state: State, shown: Delivered, analyte: str) -> Fraction | None:
    """Give what a milligram in the delivery is worth where its price is known, major units."""
    terms = state.contract.clauses
    if terms.price and analyte == state.contract.element:
        per_mg, rule = terms.price.payable_share / terms.price.mg_per_unit, terms.price.rule
        if isinstance(rule, Fixed):
            return per_mg * rule.price
        found = indexed(terms.price, state.fixings, shown)
        return per_mg * rule.following.of(found).value if found else None
    for metal in terms.metals:
        if metal.element == analyte and (known := priced(metal, terms, state.declared, state.fixings, shown)):
            return metal.share * known.price.value / metal.mg_per_unit
    return None


def _at(moment: datetime | None) -> str | None:
    return sealed(moment) if moment else None


def _written(share: Fraction | None, outcome: Outcome) -> str | None:
    """Write a share in the unit of the contract."""
    return None if share is None else text(share / Fraction(SHARE_UNITS[outcome.terms.unit]))
