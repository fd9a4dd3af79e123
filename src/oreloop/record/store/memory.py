"""A document store in memory: for trying things out, and as the shortest statement of what a store does."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock

import msgspec

from oreloop.base.errors import Conflict, NotFound
from oreloop.record.store.ports import check_documents, check_numbers, checked_range
from oreloop.record.store.values import Edge, Entry, Found, Held, Sealed
from oreloop.record.store.walk import walk


@dataclass(slots=True, kw_only=True)
class Kept:
    """What `MemoryDocuments` keeps; it outlives the one who writes to it, as a disk does."""

    held: list[Held] = field(default_factory=list)
    events: dict[str, tuple[int, Entry]] = field(default_factory=dict)
    taken: dict[str, dict[str, None]] = field(default_factory=dict)
    made: dict[str, dict[str, None]] = field(default_factory=dict)
    writing: Lock = field(default_factory=Lock)


class MemoryDocuments:
    """Documents in memory (ports `Outbox` and `Archive`).

    Args:
        kept: documents to go on with; by default, none.

    Raises:
        Conflict: ``record.store_in_use`` when another has them open.

    >>> store = MemoryDocuments()
    >>> store.put([Sealed(b"{}", bytes(32), b"a leaf", b"", ())])
    range(0, 1)
    >>> store.pending(10)
    [(0, b'a leaf')]
    """

    def __init__(self, kept: Kept | None = None) -> None:
        self._kept = kept or Kept()
        self._open = self._kept.writing.acquire(blocking=False)
        if not self._open:
            raise Conflict.of("record.store_in_use", got="in memory", holder=os.getpid())

    def put(self, documents: Sequence[Sealed]) -> range:
        """Store documents; see `Outbox.put`."""
        documents = list(documents)
        check_documents(documents)
        kept, first = self._kept, self.size()
        for document in documents:
            for entry in document.events:
                if entry.id in kept.events:
                    raise Conflict.of("record.event_taken", event=entry.id, number=kept.events[entry.id][0])
        for number, document in enumerate(documents, first):
            data, salt, leaf, attestation = document.data, document.salt, document.leaf, document.attestation
            kept.held.append(Held(number, None, None, data, salt, leaf, attestation))
            for entry in document.events:
                kept.events[entry.id] = number, entry
                for batch in entry.taken:
                    kept.taken.setdefault(batch, {})[entry.id] = None
                for batch in entry.made:
                    kept.made.setdefault(batch, {})[entry.id] = None
        return range(first, self.size())

    def pending(self, limit: int) -> list[tuple[int, bytes]]:
        """Give what is not in the log yet; see `Outbox.pending`."""
        waiting = [(each.number, each.leaf) for each in self._kept.held if each.index is None]
        return waiting[: max(0, limit)]

    def logged(self, indices: Mapping[int, int]) -> None:
        """Note indices in the log; see `Outbox.logged`."""
        held = self._kept.held
        check_numbers(list(indices), self.size())
        for number, index in indices.items():
            known = held[number].index
            if known not in (None, index):
                raise Conflict.of("record.logged_elsewhere", number=number, expected=known, got=index)
        for number, index in indices.items():
            held[number] = msgspec.structs.replace(held[number], index=index)

    def erase(self, numbers: Sequence[int], erased_at_ms: int) -> None:
        """Remove documents; see `Outbox.erase`. Memory is given back to the process, not overwritten."""
        kept = self._kept
        check_numbers(numbers, self.size())
        gone = {number for number in numbers if kept.held[number].erased_at_ms is None}
        for number in gone:
            left = kept.held[number]
            kept.held[number] = Held(number, left.index, erased_at_ms, None, None, left.leaf, b"")
        for event, (number, entry) in list(kept.events.items()):
            if number in gone:
                del kept.events[event]
                for touching, batches in ((kept.taken, entry.taken), (kept.made, entry.made)):
                    for batch in set(batches):
                        del touching[batch][event]
                        if not touching[batch]:
                            del touching[batch]

    def size(self) -> int:
        """Give the number of documents."""
        return len(self._kept.held)

    def read(self, start: int, end: int) -> list[Held]:
        """Give documents; see `Archive.read`."""
        checked_range(start, end, self.size())
        return self._kept.held[start:end]

    def find(self, *, events: Sequence[str] = (), batches: Sequence[str] = ()) -> Found:
        """Look up events and batches; see `Archive.find`."""
        known = {each: self._kept.events[each] for each in events if each in self._kept.events}
        touched = {each: [self._kept.events[event][0] for event in self._touching(each)] for each in batches}
        return Found(
            {event: (number, entry.content) for event, (number, entry) in known.items()},
            {batch: max(numbers) for batch, numbers in touched.items() if numbers},
        )

    def trace(self, batch: str, *, up: bool, depth: int | None) -> list[Edge]:
        """Follow a batch; see `Archive.trace`."""
        if not self._touching(batch):
            raise NotFound.of("record.no_such_batch", batch=batch)
        touching = self._kept.made if up else self._kept.taken

        def hops(frontier: list[str]) -> Iterator[tuple[str, str, str | None]]:
            for here in frontier:
                for event in touching.get(here, ()):
                    entry = self._kept.events[event][1]
                    for other in dict.fromkeys(entry.taken if up else entry.made) or (None,):
                        yield here, event, other

        edges = []
        for at, here, event, other in walk(batch, hops, depth=depth):
            number, entry = self._kept.events[event]
            ends = (other or "", here) if up else (here, other or "")
            edges.append(Edge(at, number, event, entry.kind, entry.time_ms, *ends))
        return sorted(edges)

    def close(self) -> None:
        """Let go of the documents."""
        if self._open:
            self._open = False
            self._kept.writing.release()

    def _touching(self, batch: str) -> list[str]:
        return [*self._kept.taken.get(batch, ()), *self._kept.made.get(batch, ())]
