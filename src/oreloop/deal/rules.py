"""Who may send which event, and in which state it is legal: two tables, and the checks that read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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
    "accepted": ("receiver",),
    "rejected": ("receiver",),
    "price_fixed": ("price_fixer",),
    "paid": ("buyer", "seller"),
    "carbon_stated": ("seller",),
    "cancelled": ("buyer", "seller"),
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
_ONCE_AGREED = frozenset({"agreed", "cancelled"})

STEPS: Mapping[str, Step] = {
    "requested": Step(clause="contract", contract=frozenset({"drafted"})),
    "quoted": Step(clause="price", contract=frozenset({"drafted", "quoted"})),
    "agreed": Step(clause="contract", contract=frozenset({"drafted", "quoted"})),
    "deposit_paid": Step(clause="deposit", contract=_AGREED),
    "capacity_locked": Step(clause="capacity", contract=_AGREED),
    "delivered": Step(clause="delivery", contract=_AGREED, batch=frozenset({"expected"}), leads_to="delivered"),
    "assayed": Step(clause="quality", contract=_ONCE_AGREED, batch=frozenset({"delivered"}), leads_to="assayed"),
    "accepted": Step(
        clause="delivery", contract=_ONCE_AGREED, batch=frozenset({"delivered", "assayed"}), leads_to="accepted"
    ),
    "rejected": Step(clause="quality", contract=_ONCE_AGREED, batch=frozenset({"assayed"}), leads_to="rejected"),
    "price_fixed": Step(clause="price", contract=_ONCE_AGREED),
    "paid": Step(clause="payment", contract=_ONCE_AGREED),
    "carbon_stated": Step(
        clause="carbon", contract=_ONCE_AGREED, batch=frozenset({"delivered", "assayed", "accepted"})
    ),
    "cancelled": Step(clause="contract", contract=frozenset({"drafted", "quoted", "agreed"})),
}
"""The legal transitions. After a cancellation nothing more is delivered, but what was delivered is still settled."""


def holders(contract: Contract, role: str) -> str | None:
    """Name the party who has a role in a contract, or None when nobody has."""
    price = contract.clauses.price
    match role:
        case "buyer":
            return contract.buyer
        case "seller":
            return contract.seller
        case "receiver":
            return contract.receiver
        case "laboratory":
            return contract.laboratory
        case "price_fixer":
            return price.rule.fixed_by if price and isinstance(price.rule, Index) else None
        case _:
            raise AssertionError(role)


def may_send(contract: Contract, kind: str, party: str) -> bool:
    """Tell whether a party may send an event of a kind."""
    return party in {holders(contract, role) for role in SENDERS[kind]}
