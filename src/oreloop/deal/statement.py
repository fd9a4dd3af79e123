"""The statement: settlements as frames, for people and for the report."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec
import polars as pl

from oreloop.base.canonical import canonical
from oreloop.deal.posting import Posting
from oreloop.deal.settlement import Settlement
from oreloop.deal.terms import Fixed, Index

CONTRACTS = {
    "contract": pl.String,
    "kind": pl.String,
    "answers": pl.String,
    "buyer": pl.String,
    "seller": pl.String,
    "material": pl.String,
    "quantity_mg": pl.Int64,
    "state": pl.String,
    "next_event": pl.String,
    "due": pl.Date,
    "amount_minor": pl.Int64,
    "currency": pl.String,
    "digest": pl.String,
}
POSTINGS = {
    "contract": pl.String,
    "batch": pl.String,
    "clause": pl.String,
    "debit": pl.String,
    "credit": pl.String,
    "asset": pl.String,
    "amount": pl.Int64,
    "formula": pl.String,
    "inputs": pl.String,
    "rounding": pl.String,
}
OBLIGATIONS = {
    "contract": pl.String,
    "code": pl.String,
    "party": pl.String,
    "due": pl.Date,
    "overdue": pl.Boolean,
    "amount_minor": pl.Int64,
    "currency": pl.String,
    "element": pl.String,
    "mass_mg": pl.Int64,
    "batch": pl.String,
}
WARNINGS = {"contract": pl.String, "code": pl.String, "fields": pl.String}
EXPOSURE = {"element": pl.String, "month": pl.String, "priced_kg": pl.Float64, "unpriced_kg": pl.Float64}


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """Frames of all contracts, each in the order of the contracts' ids.

    Args:
        contracts: one row each; next_event = code of the first open obligation, due = its day; amount_minor = what the
            buyer still owes on all invoices (negative: the seller owes).
        postings: one row each; amount in minor units or mg of the asset; inputs as JSON of exact fractions.
        obligations: open ones; overdue by the instant of the settlement.
        warnings: code and fields (JSON) of refused events and misfits.
        exposure: contained kg bought under agreed purchases, by metal and month of delivery or quotation.
    """

    contracts: pl.DataFrame
    postings: pl.DataFrame
    obligations: pl.DataFrame
    warnings: pl.DataFrame
    exposure: pl.DataFrame


def statement(settlements: Iterable[Settlement]) -> Statement:
    """Write settlements as frames."""
    ordered = sorted(settlements, key=lambda settlement: settlement.state.contract.id)
    return Statement(
        contracts=pl.DataFrame([_contract(each) for each in ordered], CONTRACTS, orient="row"),
        postings=pl.DataFrame(
            [_posting(each.state.contract.id, posting) for each in ordered for posting in each.postings],
            POSTINGS,
            orient="row",
        ),
        obligations=pl.DataFrame([row for each in ordered for row in _obligations(each)], OBLIGATIONS, orient="row"),
        warnings=pl.DataFrame(
            [
                (each.state.contract.id, warning.code, canonical(dict(warning.fields)).decode())
                for each in ordered
                for warning in each.warnings
            ],
            WARNINGS,
            orient="row",
        ),
        exposure=exposure(ordered),
    )


def exposure(settlements: Iterable[Settlement]) -> pl.DataFrame:
    """Give priced and unpriced kg by metal and month: quotational month of an index price, month of delivery of a fixed one.

    Only agreed purchases count, with what was delivered and what is still to come.
    """
    rows = [row for each in settlements for row in _exposed(each)]
    return (
        pl.DataFrame(rows, EXPOSURE, orient="row")
        .group_by("element", "month")
        .agg(pl.col("priced_kg").sum(), pl.col("unpriced_kg").sum())
        .sort("element", "month")
    )


def _contract(settlement: Settlement) -> tuple[object, ...]:
    contract = settlement.state.contract
    following = settlement.obligations[0] if settlement.obligations else None
    return (
        contract.id,
        contract.kind,
        contract.answers,
        contract.buyer,
        contract.seller,
        contract.material,
        contract.quantity_mg,
        settlement.name,
        following.code if following else None,
        following.due if following else None,
        settlement.money.open,
        contract.currency,
        contract.digest,
    )


def _posting(contract: str, posting: Posting) -> tuple[object, ...]:
    return (
        contract,
        posting.batch,
        posting.clause,
        posting.debit,
        posting.credit,
        posting.asset,
        posting.amount,
        posting.formula,
        msgspec.json.encode(dict(posting.inputs), order="sorted").decode(),
        posting.rounding,
    )


def _obligations(settlement: Settlement) -> list[tuple[object, ...]]:
    contract, today = settlement.state.contract, settlement.state.at.date()
    return [
        (
            contract.id,
            each.code,
            each.party,
            each.due,
            each.due is not None and each.due < today,
            each.amount_minor,
            contract.currency,
            each.element,
            each.mass_mg,
            each.batch,
        )
        for each in settlement.obligations
    ]


def _exposed(settlement: Settlement) -> list[tuple[str, str, float, float]]:
    state, contract = settlement.state, settlement.state.contract
    price = contract.clauses.price
    if state.stage != "agreed" or contract.kind != "purchase" or price is None:
        return []
    kept = [each for batch, each in settlement.facts.final.items() if _counts(settlement, batch)]
    lots = [(each.day, each.contained_mg.get(contract.element, 0)) for each in kept]
    to_come = sum(each.mass_mg for each in settlement.obligations if each.code == "deal.deliver")
    lots.append((contract.clauses.delivery.last, to_come))
    rows = []
    for day, mass in lots:
        match price.rule:
            case Fixed():
                month, priced = f"{day:%Y-%m}", True
            case Index() as rule:
                month = rule.period(day)
                priced = month in state.fixings
        if mass:
            rows.append((contract.element, month, mass / 1e6 if priced else 0.0, 0.0 if priced else mass / 1e6))
    return rows


def _counts(settlement: Settlement, batch: str) -> bool:
    known = settlement.state.batches.get(batch)
    return known is not None and known.stage != "rejected"
