"""The state of a contract: frozen values that say what its events came to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from fractions import Fraction

from oreloop.base.errors import Problem
from oreloop.deal.assay import Assay
from oreloop.deal.charges.declared import Declared
from oreloop.deal.charges.fixings import Fixing, Key
from oreloop.deal.contract import Contract
from oreloop.deal.exchange.course import NOTHING_SAID, Course

STAGES = ("delivered", "assayed", "claimed", "refereed", "accepted", "rejected", "returned")
"""The stages of a batch, from the least to the furthest advanced."""

GONE = ("rejected", "returned")
"""The stages of a batch that does not count as delivered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """How far one delivery has come: delivered, assayed, claimed, refereed, accepted, rejected or returned.

    Args:
        record_event: id of the delivery in the record.
        decided_at: when it was accepted or rejected.
        stated_co2e_g: what the seller says of its footprint.
        said: when each kind of event was last said of it.
        sample: id of the sealed retained sample.
        claimed: the analyte that its receiver contests.
        replaces: the rejected batch that it replaces.
        replaced_by: the batch that replaces it.
        course: how its weights and exchanged assays went.
    """

    id: str
    stage: str
    record_event: str
    assay: Assay | None = None
    decided_at: datetime | None = None
    stated_co2e_g: int | None = None
    said: Mapping[str, datetime] = field(default_factory=dict)
    sample: str = ""
    claimed: str = ""
    replaces: str = ""
    replaced_by: str = ""
    course: Course = NOTHING_SAID


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """Money received: by whom, and whether it was a deposit; in minor units."""

    reference: str
    received_by: str
    amount_minor: int
    deposit: bool
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """What the parties do not agree on, and what became of it.

    Args:
        by: the party who disputes.
        at: when.
        outcome: accept, reject or share; empty while it is open.
        share: share of the invoice that is owed after ``share``.
        decided_at: when.
    """

    by: str
    at: datetime
    outcome: str = ""
    share: Fraction = Fraction(1)
    decided_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """The timeout that ended a contract: whose, of what, and its last day with grace."""

    party: str
    code: str
    last: date


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What the events of a contract say up to an instant.

    Args:
        stage: drafted, quoted, agreed, cancelled or default.
        valid_to: last day of the quote, if one was made.
        agreed_by, cancelled_by: parties who signed so far.
        agreed_at: when the second party signed.
        locked_mg: capacity locked, mg.
        batches: by batch id.
        disputes: by batch id; ``*`` is the contract as a whole.
        fixings: what price series came to, by series, unit and month.
        money: by reference.
        declared: what the parties declared about prices and quantities.
        breach: what put the contract into default before anything was delivered.
        seen: ids of all events that were looked at.
        refused: events that were not legal, each with the clause and the state it met.
    """

    contract: Contract
    at: datetime
    stage: str = "drafted"
    valid_to: date | None = None
    agreed_by: frozenset[str] = frozenset()
    cancelled_by: frozenset[str] = frozenset()
    agreed_at: datetime | None = None
    locked_mg: int = 0
    batches: Mapping[str, Batch] = field(default_factory=dict)
    disputes: Mapping[str, Dispute] = field(default_factory=dict)
    fixings: Mapping[Key, Fixing] = field(default_factory=dict)
    money: Mapping[str, Money] = field(default_factory=dict)
    declared: Declared = field(default_factory=Declared)
    breach: Breach | None = None
    seen: frozenset[str] = frozenset()
    refused: tuple[Problem, ...] = ()

    @property
    def deposited_minor(self) -> int:
        """Deposits received, minor units."""
        return sum(money.amount_minor for money in self.money.values() if money.deposit)

    @property
    def deposit_missing_minor(self) -> int:
        """What the deposit still lacks, minor units; 0 or less when it is complete."""
        return self.contract.deposit_minor - self.deposited_minor

    @property
    def lock_missing_mg(self) -> int:
        """The capacity that is not locked yet, mg; 0 or less when enough is."""
        return self.contract.least_mg - self.locked_mg

    @property
    def name(self) -> str:
        """The state in one word: that of the least advanced delivery once there is one."""
        return named(
            self.stage,
            {batch.stage for batch in self.batches.values()},
            disputed=any(not dispute.outcome for dispute in self.disputes.values()),
            deposited=bool(self.deposited_minor),
            locked=bool(self.locked_mg),
        )


def named(stage: str, batches: Iterable[str], *, disputed: bool, deposited: bool, locked: bool) -> str:
    """Name a state in one word, from the stage of its contract and those of its batches."""
    if stage != "agreed":
        return stage
    if disputed:
        return "disputed"
    least = min(batches, key=STAGES.index, default=None)
    if least:
        return least
    if deposited:
        return "deposit_paid"
    return "capacity_locked" if locked else "agreed"
