"""Clauses on what follows when a contract does not go as agreed: default, dispute, rejection. Nothing in them is assumed."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from oreloop.deal.clauses import Terms

WHOLE = "*"
"""The contract as a whole, where a dispute names a batch."""

ANY_KIND = frozenset({"default", "dispute", "rejection"})
"""These clauses, which a contract of any kind may have."""

Outcome = Literal["accept", "reject", "share"]
OUTCOMES: dict[str, Outcome] = {"accept": "accept", "reject": "reject", "share": "share"}
"""What becomes of what is disputed: it is accepted, rejected, or accepted for a share of its invoice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Default:
    """What follows when nobody does what is due.

    Args:
        grace_days: after the day on which something is due.
        answer_days: for what has no day of its own, after the last thing said of its batch.
        accepted_by_silence: whether a batch on which nobody speaks counts as accepted; else as rejected.
        forfeited: whether a buyer in default loses the deposit that no invoice has earned; else it is returned.
        doubled: whether a seller in default returns that deposit twice (the deposit rule of Chinese law, Civil Code
            art. 587); else once.
    """

    grace_days: int
    answer_days: int
    accepted_by_silence: bool
    forfeited: bool = False
    doubled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Arbitration:
    """Who decides a dispute, and what holds when he does not.

    Args:
        arbiter: a party of his own.
        days: from the dispute until it counts as decided.
        outcome: how it then counts.
        share: share of the invoice that is owed after ``share``.
    """

    arbiter: str
    days: int
    outcome: Outcome
    share: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """What follows a rejected batch: it goes back, and may be replaced; days from the rejection."""

    return_days: int
    replace_days: int


def read_default(table: Terms, *, deposit: bool) -> Default:
    """Read ``[default]``; what becomes of a deposit must be said where there is one."""
    return Default(
        grace_days=table.whole("grace_days"),
        answer_days=table.whole("answer_days"),
        accepted_by_silence=table.words("silence", ("accepted", "rejected")) == "accepted",
        forfeited=deposit and table.words("buyer", ("forfeited", "returned")) == "forfeited",
        doubled=deposit and table.words("seller", ("returned", "doubled")) == "doubled",
    )


def read_arbitration(table: Terms) -> Arbitration:
    """Read ``[dispute]``."""
    outcome = OUTCOMES.get(table.words("default", OUTCOMES), "accept")
    return Arbitration(
        arbiter=table.name("arbiter"),
        days=table.whole("days", least=1),
        outcome=outcome,
        share=table.share("share") if outcome == "share" else Fraction(outcome == "accept"),
    )


def read_rejection(table: Terms) -> Rejection:
    """Read ``[rejection]``."""
    return Rejection(return_days=table.whole("return_days"), replace_days=table.whole("replace_days"))
