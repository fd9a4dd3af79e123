"""The exchange as a table: for each analyte both results, the limit, the umpire, what is settled, and who pays for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from fractions import Fraction

import polars as pl

from oreloop.deal.assay import SHARE_UNITS
from oreloop.deal.contract import Contract
from oreloop.deal.evidence import Facts
from oreloop.deal.exchange.course import Exchanged
from oreloop.deal.exchange.sampling import Loss, loss
from oreloop.deal.exchange.splitting import Outcome
from oreloop.deal.terms import Fixed

EXCHANGES = {
    "contract": pl.String,
    "batch": pl.String,
    "analyte": pl.String,
    "unit": pl.String,
    "seller": pl.String,
    "buyer": pl.String,
    "mean": pl.String,
    "splitting_limit": pl.String,
    "rule": pl.Int64,
    "umpire": pl.String,
    "settled": pl.String,
    "by": pl.String,
    "seller_cost_share": pl.String,
    "buyer_cost_share": pl.String,
    "umpire_probability": pl.Float64,
    "expected_loss_mg": pl.Float64,
    "expected_loss": pl.Float64,
}
"""Results are exact in the unit of the contract (decimals, or a fraction where no decimals end); the losses are estimates:
of contained metal, and of money in major units of the contract currency where a price per mass is known."""


def exchanges(settlements: Iterable[tuple[Contract, Facts]]) -> pl.DataFrame:
    """Give one row for each analyte of each batch whose assays are exchanged, in the order of contracts and batches."""
    rows = [
        row
        for contract, facts in settlements
        for batch, met in sorted(facts.exchanges.items())
        for row in _rows(contract, facts, batch, met)
    ]
    return pl.DataFrame(rows, EXCHANGES, orient="row")


def _rows(contract: Contract, facts: Facts, batch: str, met: Exchanged) -> Iterator[tuple[object, ...]]:
    shown = facts.final.get(batch)
    for each in met.outcomes:
        expected = _loss(each)
        mass_mg = expected.error * shown.dry_mg if expected and shown else None
        yield (
            contract.id,
            batch,
            each.terms.analyte,
            each.terms.unit,
            *(_written(value, each) for value in (each.seller, each.buyer, each.mean, each.terms.limit)),
            each.rule,
            *(_written(value, each) for value in (each.umpire, each.settled)),
            each.by,
            *map(str, each.cost),
            expected.umpire_probability if expected else None,
            mass_mg,
            None if mass_mg is None else _money(contract, each, mass_mg),
        )


def _loss(outcome: Outcome) -> Loss | None:
    terms = outcome.terms
    return loss(terms.limit, terms.uncertainties, outcome.rule) if terms.uncertainties else None


def _money(contract: Contract, outcome: Outcome, mass_mg: float) -> float | None:
    """Give what a mass of a metal is worth where its price is fixed, major units."""
    price, analyte = contract.clauses.price, outcome.terms.analyte
    if price and analyte == contract.element and isinstance(price.rule, Fixed):
        return mass_mg * float(price.payable_share * price.rule.price / price.mg_per_unit)
    for paid in contract.clauses.payables:
        if paid.element == analyte and isinstance(paid.rule, Fixed):
            return mass_mg * float(paid.share * paid.rule.price / paid.mg_per_unit)
    return None


def _written(share: Fraction | None, outcome: Outcome) -> str | None:
    """Write a share in the unit of the contract: exact decimals where they end, else the fraction."""
    if share is None:
        return None
    value = share / Fraction(SHARE_UNITS[outcome.terms.unit])
    places = next((digits for digits in range(13) if (value * 10**digits).denominator == 1), None)
    if places is None:
        return str(value)
    return f"{Decimal(int(value * 10**places)).scaleb(-places):f}"
