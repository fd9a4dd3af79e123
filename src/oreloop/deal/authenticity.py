"""Signatures of many events, checked once: what can be read again and again must not be verified again and again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from oreloop.deal.events import Event, verify_event

Fault = Literal["deal.no_key", "deal.wrong_signature"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Authentic:
    """Events whose signatures have been checked.

    Args:
        events: all of them, in the order given.
        faults: by the bytes of a line, why nobody is known to have signed it; such an event is refused where it is met.
    """

    events: tuple[Event, ...]
    faults: Mapping[bytes, Fault] = field(default_factory=dict)


def authentic(events: Iterable[Event], keys: Mapping[str, str]) -> Authentic:
    """Check the signature of each event once.

    Args:
        events: events of any contracts, in any order.
        keys: verifier key (base64 of 32 bytes) by party.
    """
    found = tuple(events)
    faults = {event.document: fault for event in found if (fault := _fault(event, keys))}
    return Authentic(events=found, faults=faults)


def _fault(event: Event, keys: Mapping[str, str]) -> Fault | None:
    if event.by not in keys:
        return "deal.no_key"
    return None if verify_event(event, keys[event.by]) else "deal.wrong_signature"
