"""A document that may count: its events, and how the store enters them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
from msgspec.structs import replace

from oreloop.record.events import Event
from oreloop.record.store.values import Entry


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """The events of one document, how the store enters them, and who attests it (empty: an operator's statement)."""

    events: tuple[Event, ...]
    entries: tuple[Entry, ...]
    party: str = ""

    @classmethod
    def of(cls, events: Sequence[Event], party: str = "") -> Candidate:
        """Take the events of a document, without its digest and its JSON, which judging does not need."""
        return cls(
            tuple([replace(event, document="", context={}, raw={}) for event in events]),
            tuple([Entry.of(event) for event in events]),
            party,
        )

    def by(self, party: str) -> Candidate:
        """Give the same as attested by a party."""
        return replace(self, party=party) if party else self

    @property
    def start(self) -> datetime:
        """When the first of its events happened."""
        if len(self.events) == 1:
            return self.events[0].time
        return min([event.time for event in self.events])
