"""Whose a delivered batch is: the one reading of the title clause that people and postings share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from oreloop.deal.evidence import Facts
from oreloop.deal.posting import Money
from oreloop.deal.state import GONE, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Title:
    """Who owns a batch.

    Args:
        party: the owner.
        since: day on which title passed to it; None when it never left it, or when the day is not one of a single batch.
    """

    party: str
    since: date | None = None


def title_of(state: State, facts: Facts, money: Money, batch: str) -> Title:
    """Give who owns a delivered batch by the title clause; in a toll or a lease, who owns what is due back.

    Title that passes on payment passes with the last money that the buyer owes, and has no day of its own.

    Args:
        state: of the contract.
        facts: of the record.
        money: how the money of the contract stands.
        batch: id of a batch that was stated.
    """
    contract, known, shown = state.contract, state.batches[batch], facts.final.get(batch)
    accepted = known.decided_at.date() if known.stage == "accepted" and known.decided_at else None
    if shown is None or known.stage in GONE:
        return Title(party=contract.giver)
    match contract.title:
        case "delivery":
            return Title(party=contract.receiver, since=shown.day)
        case "acceptance" if accepted:
            return Title(party=contract.receiver, since=accepted)
        case "payment" if accepted and money.open <= 0:
            return Title(party=contract.receiver)
    return Title(party=contract.giver)
