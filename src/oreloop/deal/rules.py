"""Who may send which event, and in which state it is legal: two tables, and the checks that read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from oreloop.deal.contract import Contract
from oreloop.deal.terms import Index

SENDERS: Mapping[str, tuple[str, ...]] = {
    "requested": ("buyer",),
    "quoted": ("seller",),
    "agreed": ("buyer", "seller"),
    "deposit_paid": ("seller",),
    "capacity_locked": ("seller",),
    "delivered": ("buyer", "seller"),
    "assayed": ("laboratory",),
    "weighed": ("buyer", "seller"),
    "assay_committed": ("buyer", "seller"),
    "assay_revealed": ("buyer", "seller"),
    "umpire_assayed": ("umpire",),
    "umpire_paid": ("umpire",),
    "accepted": ("receiver",),
    "rejected": ("receiver",),
    "price_fixed": ("price_fixer",),
    "paid": ("buyer", "seller"),
    "carbon_stated": ("seller",),
    "cancelled": ("buyer", "seller"),
    "sample_retained": ("laboratory",),
    "claimed": ("receiver",),
    "refereed": ("referee",),
    "returned": ("giver",),
    "disputed": ("buyer", "seller"),
    "decided": ("arbiter",),
    "period_declared": ("option_holder",),
    "price_called": ("price_fixer",),
    "tendered": ("seller",),
    "recycled_stated": ("seller",),
}
"""Who may send which event, by role. Money is acknowledged by the party who received it, never by the one who owes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """When an event is legal.

    Args:
        clause: the table of the contract file that speaks of it.
        contract: stages of the contract in which it is legal.
        batch: stages of its batch, or None for an event about the contract as a whole.
        leads_to: stage of the batch after it, or None when it stays.
    """

    clause: str
    contract: frozenset[str]
    batch: frozenset[str] | None = None
    leads_to: str | None = None


_AGREED = frozenset({"agreed"})
_ONCE_AGREED = frozenset({"agreed", "cancelled", "default"})
_DELIVERED = frozenset({"delivered"})
_UNREJECTED = frozenset({"delivered", "assayed", "claimed", "refereed", "accepted"})

STEPS: Mapping[str, Step] = {
    "requested": Step(clause="contract", contract=frozenset({"drafted"})),
    "quoted": Step(clause="price", contract=frozenset({"drafted", "quoted"})),
    "agreed": Step(clause="contract", contract=frozenset({"drafted", "quoted"})),
    "deposit_paid": Step(clause="deposit", contract=_AGREED),
    "capacity_locked": Step(clause="capacity", contract=_AGREED),
    "delivered": Step(clause="delivery", contract=_AGREED, batch=frozenset({"expected"}), leads_to="delivered"),
    "assayed": Step(clause="quality", contract=_ONCE_AGREED, batch=frozenset({"delivered"}), leads_to="assayed"),
    "weighed": Step(clause="weights", contract=_ONCE_AGREED, batch=frozenset({"delivered", "assayed"})),
    "assay_committed": Step(clause="exchange", contract=_ONCE_AGREED, batch=_DELIVERED),
    "assay_revealed": Step(clause="exchange", contract=_ONCE_AGREED, batch=_DELIVERED),
    "umpire_assayed": Step(clause="exchange", contract=_ONCE_AGREED, batch=_DELIVERED),
    "umpire_paid": Step(
        clause="exchange", contract=_ONCE_AGREED, batch=frozenset({"delivered", "accepted", "rejected", "returned"})
    ),
    "accepted": Step(
        clause="delivery",
        contract=_ONCE_AGREED,
        batch=frozenset({"delivered", "assayed", "refereed"}),
        leads_to="accepted",
    ),
    "rejected": Step(
        clause="quality",
        contract=_ONCE_AGREED,
        batch=frozenset({"delivered", "assayed", "refereed"}),
        leads_to="rejected",
    ),
    "price_fixed": Step(clause="price", contract=_ONCE_AGREED),
    "paid": Step(clause="payment", contract=_ONCE_AGREED),
    "carbon_stated": Step(
        clause="carbon",
        contract=_ONCE_AGREED,
        batch=frozenset({"delivered", "assayed", "claimed", "refereed", "accepted"}),
    ),
    "cancelled": Step(clause="contract", contract=frozenset({"drafted", "quoted", "agreed"})),
    "sample_retained": Step(clause="quality", contract=_ONCE_AGREED, batch=frozenset({"delivered", "assayed"})),
    "claimed": Step(clause="quality", contract=_ONCE_AGREED, batch=frozenset({"assayed"}), leads_to="claimed"),
    "refereed": Step(clause="quality", contract=_ONCE_AGREED, batch=frozenset({"claimed"}), leads_to="refereed"),
    "returned": Step(clause="rejection", contract=_ONCE_AGREED, batch=frozenset({"rejected"}), leads_to="returned"),
    "disputed": Step(clause="dispute", contract=_ONCE_AGREED),
    "decided": Step(clause="dispute", contract=_ONCE_AGREED),
    "period_declared": Step(clause="quotation", contract=_ONCE_AGREED, batch=_UNREJECTED | {"expected"}),
    "price_called": Step(clause="quotation", contract=_ONCE_AGREED, batch=_UNREJECTED | {"expected"}),
    "tendered": Step(clause="take_or_pay", contract=_AGREED),
    "recycled_stated": Step(clause="recycled", contract=_ONCE_AGREED, batch=_UNREJECTED),
}
"""The legal transitions. After a cancellation nothing more is delivered, but what was delivered is still settled."""


def holders(contract: Contract, role: str) -> str | None:
    """Name the party who has a role in a contract, or None when nobody has."""
    price, quotation = contract.clauses.price, contract.clauses.quotation
    match role:
        case "buyer":
            return contract.buyer
        case "seller":
            return contract.seller
        case "receiver":
            return contract.receiver
        case "laboratory":
            return contract.laboratory
        case "giver":
            return contract.giver
        case "referee":
            return contract.clauses.quality.referee if contract.clauses.quality else None
        case "arbiter":
            return contract.clauses.dispute.arbiter if contract.clauses.dispute else None
        case "umpire":
            return contract.clauses.exchange.umpire if contract.clauses.exchange else None
        case "price_fixer" if quotation:
            return quotation.fixed_by
        case "price_fixer":
            return price.rule.fixed_by if price and isinstance(price.rule, Index) else None
        case "option_holder":
            return quotation.option.by if quotation and quotation.option else None
        case _:
            raise AssertionError(role)


@lru_cache(maxsize=128)
def senders(contract: Contract) -> Mapping[str, frozenset[str]]:
    """Give the parties who may send each kind of event, of those that a contract has."""
    named = {role: holders(contract, role) for roles in SENDERS.values() for role in roles}
    return {
        kind: frozenset(party for role in roles if (party := named[role]) is not None)
        for kind, roles in SENDERS.items()
    }
