"""The statement: settlements as frames, for people and for the report."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import msgspec
import polars as pl

from oreloop.base.canonical import canonical
from oreloop.base.instant import sealed
from oreloop.deal.exact import text
from oreloop.deal.exchange.table import exchanges, weights
from oreloop.deal.exposure import bought
from oreloop.deal.posting import Posting
from oreloop.deal.settlement import Settlement

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
FIXINGS = dict.fromkeys(("contract", "series", "unit", "month", "value", "source", "stated_by", "at"), pl.String)
WARNINGS = {"contract": pl.String, "code": pl.String, "fields": pl.String}


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """Frames of all contracts, each in the order of the contracts' ids.

    Args:
        contracts: one row each; next_event = code of the first open obligation, due = its day; amount_minor = what the
            buyer still owes on all invoices (negative: the seller owes).
        postings: one row each; amount in minor units or mg of the asset; inputs as JSON of exact fractions.
        obligations: open ones; overdue by the instant of the settlement.
        warnings: code and fields (JSON) of refused events and misfits.
        exposure: contained kg bought less sold at a price, by metal and month of delivery or quotation.
        exchanges: one row for each analyte of each batch whose assays are exchanged.
        weights: one row for each batch whose weights or assays are exchanged.
        fixings: what price series came to, one row for each series, unit and month that was stated.
    """

    contracts: pl.DataFrame
    postings: pl.DataFrame
    obligations: pl.DataFrame
    warnings: pl.DataFrame
    exposure: pl.DataFrame
    exchanges: pl.DataFrame
    weights: pl.DataFrame
    fixings: pl.DataFrame


def statement(settlements: Iterable[Settlement], *, own: Collection[str] = ()) -> Statement:
    """Write settlements as frames.

    Args:
        settlements: of contracts.
        own: the parties whose exposure it is, as in `oreloop.deal.exposure.bought`.
    """
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
        exposure=bought(ordered, own=own),
        exchanges=exchanges((each.state, each.facts) for each in ordered),
        weights=weights((each.state, each.facts) for each in ordered),
        fixings=pl.DataFrame([row for each in ordered for row in _fixings(each)], FIXINGS, orient="row"),
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


def _fixings(settlement: Settlement) -> list[tuple[str, ...]]:
    contract = settlement.state.contract.id
    return [
        (contract, *key, text(each.value), each.source, each.by, sealed(each.at))
        for key, each in sorted(settlement.state.fixings.items())
    ]


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
