"""A contract while its events are folded: the same fields as its state, mutable, and private to one fold.

Copying a frozen state at every event would make a fold quadratic; this is thawed once, changed in place, frozen once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from oreloop.base.errors import Problem
from oreloop.deal.charges.declared import Declared
from oreloop.deal.charges.fixings import Fixing, Key
from oreloop.deal.contract import Contract
from oreloop.deal.events import Event
from oreloop.deal.state import Batch, Breach, Dispute, Money, State, named


@dataclass(slots=True, kw_only=True)
class Life:
    """What `State` holds, field by field, and counts of it that would else be taken again at each event.

    Args:
        own: batches that this fold has made, so that it may still change them.
        timed: whether a clause sets timeouts.
        stages: how many batches are in each stage.
        deposited_minor: deposits received, minor units.
        deposit_missing_minor: what the deposit still lacks, minor units; 0 or less when it is complete.
        lock_missing_mg: the capacity that is not locked yet, mg; 0 or less when enough is.
    """

    contract: Contract
    at: datetime
    stage: str
    valid_to: date | None
    agreed_by: set[str]
    cancelled_by: set[str]
    agreed_at: datetime | None
    locked_mg: int
    batches: dict[str, Batch]
    disputes: dict[str, Dispute]
    fixings: dict[Key, Fixing]
    money: dict[str, Money]
    declared: Declared
    breach: Breach | None
    seen: set[str]
    refused: list[Problem]
    timed: bool
    own: set[str] = field(default_factory=set)
    stages: Counter[str] = field(default_factory=Counter)
    deposited_minor: int = 0
    deposit_missing_minor: int = 0
    lock_missing_mg: int = 0

    @classmethod
    def of(cls, state: State) -> Life:
        """Thaw a state."""
        values = {name: _thawed(getattr(state, name)) for name in _FIELDS}
        stages = Counter(batch.stage for batch in state.batches.values())
        terms = state.contract.clauses
        timed = terms.default is not None or terms.dispute is not None
        return cls(
            **values,
            timed=timed,
            stages=stages,
            deposited_minor=state.deposited_minor,
            deposit_missing_minor=state.deposit_missing_minor,
            lock_missing_mg=state.lock_missing_mg,
        )

    def frozen(self) -> State:
        """Give the state; what is frozen is no longer changed."""
        return State(**{name: _frozen(getattr(self, name)) for name in _FIELDS})

    @property
    def name(self) -> str:
        """The state in one word, as `State.name`."""
        return named(
            self.stage,
            (stage for stage, count in self.stages.items() if count),
            disputed=any(not dispute.outcome for dispute in self.disputes.values()),
            deposited=bool(self.deposited_minor),
            locked=bool(self.locked_mg),
        )

    def put(self, batch: Batch) -> None:
        """Put a batch in the place of what it was."""
        before = self.batches.get(batch.id)
        if before is not None:
            self.stages[before.stage] -= 1
        self.stages[batch.stage] += 1
        self.batches[batch.id] = batch
        self.own.discard(batch.id)

    def make(self, batch: Batch) -> None:
        """Put a batch that was made in this fold, and that nothing else holds."""
        self.put(batch)
        self.own.add(batch.id)

    def say(self, batch: str, event: Event, **changed: Any) -> None:
        """Change a batch by what an event says of it."""
        if batch not in self.own:
            before = self.batches[batch]
            self.make(replace(before, said=dict(before.said)))
        mine = self.batches[batch]
        said: Any = mine.said
        said[event.kind] = event.at
        if (stage := changed.get("stage", mine.stage)) != mine.stage:
            self.stages[mine.stage] -= 1
            self.stages[stage] += 1
        # Nobody has seen this batch yet: it was made in this fold and is frozen with it. Making it anew for each event
        # would be most of the work of a fold.
        for name, value in changed.items():
            object.__setattr__(mine, name, value)


Standing = State | Life
"""What rules read: a state, frozen or still being folded."""

_FIELDS = tuple(State.__slots__)


_THAWED: Mapping[type, type] = {dict: dict, frozenset: set, tuple: list}
_FROZEN: Mapping[type, type] = {set: frozenset, list: tuple}


def _thawed(value: Any) -> Any:
    thaw = _THAWED.get(type(value))
    return thaw(value) if thaw else value


def _frozen(value: Any) -> Any:
    freeze = _FROZEN.get(type(value))
    return freeze(value) if freeze else value
