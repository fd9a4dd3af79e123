"""What goes into a document store and what comes out of it."""

from __future__ import annotations

import msgspec

from oreloop.base.instant import unix_ms
from oreloop.record.events import Amount, Event

FIRST_MS, LAST_MS = -62_135_596_800_000, 253_402_300_799_999
"""The years 1 to 9999, in milliseconds since 1970-01-01 UTC: a store that says another instant was changed."""


class Entry(msgspec.Struct, frozen=True, gc=False):
    """What a store knows of one event without reading its document.

    Args:
        id: what no two entries of a store have in common, so that nothing is captured twice.
        content: CBV event hash; two copies of one event agree in it. It never leaves the store.
        time_ms: when it happened, milliseconds since 1970-01-01 UTC.
        kind: step of the trade, ``error_declaration``, or the EPCIS type of an event that concerns no batch.
        taken: batches that enter it, or that it concerns.
        made: batches that it brings into being.
    """

    id: str
    content: str
    time_ms: int
    kind: str
    taken: tuple[str, ...] = ()
    made: tuple[str, ...] = ()

    @classmethod
    def of(cls, event: Event) -> Entry:
        """Enter an event.

        A declaration that an event was wrong bears the id and the content of that event. It is entered under an id of
        its own, as concerning every batch of the event and making none.
        """
        step, time_ms = event.step, unix_ms(event.time)
        taken = _batches(step.taken) if step else ()
        made = _batches(step.made) if step else ()
        if event.error is not None:
            declared_ms = unix_ms(event.error.declared_at)
            batches = tuple(dict.fromkeys(taken + made))
            return cls(f"{event.id}#wrong@{declared_ms}", event.content, declared_ms, "error_declaration", batches)
        return cls(event.id, event.content, time_ms, step.kind if step else event.kind, taken, made)


class Sealed(msgspec.Struct, frozen=True, gc=False):
    """One document as captured.

    Args:
        data: its bytes as received.
        salt: of its leaf, 32 bytes.
        leaf: what goes into the log (`oreloop.record.leaf`).
        attestation: signature of whoever wrote it (`oreloop.record.attestation`); empty for an operator's statement.
        events: in the order of the document.
    """

    data: bytes
    salt: bytes
    leaf: bytes
    attestation: bytes
    events: tuple[Entry, ...]


class Held(msgspec.Struct, frozen=True, gc=False):
    """One document as the store holds it.

    Args:
        number: its place in the order of capture, from 0.
        index: of its leaf in the log; None as long as it is not there.
        erased_at_ms: when it was erased, milliseconds since 1970-01-01 UTC; None: it was not.
        data: its bytes; None once erased.
        salt: None once erased.
        leaf: stays for ever.
        attestation: empty for an operator's statement, and once erased.
    """

    number: int
    index: int | None
    erased_at_ms: int | None
    data: bytes | None
    salt: bytes | None
    leaf: bytes
    attestation: bytes

    @property
    def is_sound(self) -> bool:
        """Whether a store can hold this: index and instant are such, and only what is erased has no content."""
        return (
            (self.index is None or self.index >= 0)
            and (self.data is None) == (self.salt is None) == (self.erased_at_ms is not None)
            and (self.erased_at_ms is None or 0 <= self.erased_at_ms <= LAST_MS)
        )


class Found(msgspec.Struct, frozen=True):
    """What a store knows of ids that it was asked for; those that it does not know are left out.

    Args:
        events: by `Entry.id`, the number of the document and the content of the event.
        batches: by batch, the number of the document that last touched it (the latest captured).
    """

    events: dict[str, tuple[int, str]]
    batches: dict[str, int]


class Edge(msgspec.Struct, frozen=True, gc=False, order=True):
    """One line of a trace: a batch that became another one in an event.

    Args:
        depth: number of events between this line and the batch that was asked for, itself included, from 1.
        number: of the document that holds the event.
        event: `Entry.id`.
        kind: `Entry.kind`.
        time_ms: `Entry.time_ms`.
        from_batch: empty where the event takes none: the batch enters the record.
        to_batch: empty where the event makes none: the batch is moved, assayed or leaves the record.
    """

    depth: int
    number: int
    event: str
    kind: str
    time_ms: int
    from_batch: str
    to_batch: str


def _batches(amounts: tuple[Amount, ...]) -> tuple[str, ...]:
    if len(amounts) < 2:
        return (amounts[0].batch,) if amounts else ()
    return tuple(dict.fromkeys([amount.batch for amount in amounts]))
