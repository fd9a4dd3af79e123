"""A document that may count: its events, and how the store enters them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from oreloop.record.events import Event
from oreloop.record.store.values import Entry


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """The events of one document, and how the store enters them."""

    events: tuple[Event, ...]
    entries: tuple[Entry, ...]

    @classmethod
    def of(cls, events: Sequence[Event]) -> Candidate:
        """Take the events of a document without the JSON that they were read from, which judging does not need."""
        return cls(tuple([_lean(event) for event in events]), tuple([Entry.of(event) for event in events]))

    @property
    def start(self) -> datetime:
        """When the first of its events happened."""
        if len(self.events) == 1:
            return self.events[0].time
        return min([event.time for event in self.events])


def _lean(event: Event) -> Event:
    return Event(
        id=event.id,
        kind=event.kind,
        time=event.time,
        content=event.content,
        document=event.document,
        place=event.place,
        context={},
        raw={},
        step=event.step,
        error=event.error,
    )
