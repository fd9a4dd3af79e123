"""What the record needs from the outside: a place for its documents.

The store keeps what is private: documents, salts, events and who made what of which batch. The log gets the leaves.
Between the two stands an outbox: a document and its leaf are stored together, and whatever is not in the log yet is
found again after a restart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Protocol

from oreloop.base.errors import BadInput, Conflict, NotFound
from oreloop.record.store.values import Edge, Found, Held, Sealed

SALT_BYTES = 32
MAX_ID_BYTES = 1_024
"""What an index of every database takes."""
MAX_EVENTS = 2**20
"""Of one document."""
_SHOWN_CHARACTERS = 200


class Outbox(Protocol):
    """The writing side of a store: documents get the numbers 0, 1, 2 ... in the order of their capture.

    One writer: a store refuses to be opened for writing twice (``record.store_in_use``). Calls may come from any
    thread, one at a time; reads may come while one is under way.
    """

    def put(self, documents: Sequence[Sealed]) -> range:
        """Store documents in one transaction, all or none, and give their numbers.

        When it returns, they survive a power cut. Who wants duplicates acknowledged asks `Archive.find` first; here an
        id that is taken is refused, so that two writers who raced cannot both have stored it.

        Raises:
            Conflict: ``record.event_taken`` when an `Entry.id` is there already, or twice among the documents.
            BadInput: ``record.not_storable`` for a salt of another length, more than 2^20 events, or an id that is
                empty, longer than 1,024 bytes, or not text that every database takes (U+0000, half a surrogate pair).
            Unavailable: ``record.not_stored``; then none of them is stored.
        """
        ...

    def pending(self, limit: int) -> list[tuple[int, bytes]]:
        """Give the first documents that are not in the log yet, in order: number and leaf.

        Args:
            limit: most documents to give.

        Raises:
            Unavailable: ``record.not_read``.
        """
        ...

    def logged(self, indices: Mapping[int, int]) -> None:
        """Note, durably and all or none, the index in the log of each document number. Saying it again does no harm.

        Raises:
            Conflict: ``record.logged_elsewhere`` when another index has been noted.
            NotFound: ``record.no_such_document``.
            Unavailable: ``record.not_stored``.
        """
        ...

    def erase(self, numbers: Sequence[int], erased_at_ms: int) -> None:
        """Remove documents for good: bytes, salt, attestation, events, and batches that no other document names.

        Number, leaf, index and the instant of the first erasure stay. When it returns, nothing of the rest is left
        where the store keeps its data; each adapter says what that covers. Erasing again does no harm.

        Raises:
            NotFound: ``record.no_such_document``; then none of them is erased.
            Unavailable: ``record.not_erased``: what remains is said; erase again.
        """
        ...


class Archive(Protocol):
    """The reading side of a store. Calls may come from any thread."""

    def size(self) -> int:
        """Give the number of documents, erased ones included."""
        ...

    def read(self, start: int, end: int) -> list[Held]:
        """Give the documents from ``start`` to before ``end``, all of which must be there.

        Raises:
            BadInput: ``record.documents_range``.
            Unavailable: ``record.not_read``.
        """
        ...

    def find(self, *, events: Sequence[str] = (), batches: Sequence[str] = ()) -> Found:
        """Look up events by `Entry.id` and batches. What was erased is not found.

        Raises:
            Unavailable: ``record.not_read``.
        """
        ...

    def trace(self, batch: str, *, up: bool, depth: int | None) -> list[Edge]:
        """Follow a batch through events, nearest first.

        Args:
            batch: where to start.
            up: towards the batches it was made of, by every event that made it; else towards what was made of it, by
                every event that took it.
            depth: how many events away at most; None: as far as it goes.

        Returns:
            For each event, a line for every batch on its other side, or one line with an empty id where there is none;
            each line once, at its least depth, sorted.

        Raises:
            NotFound: ``record.no_such_batch``.
            Unavailable: ``record.not_read``.
        """
        ...


class Documents(Outbox, Archive, Protocol):
    """A store that is open for writing."""

    def close(self) -> None:
        """Let go of the store, so that another writer may open it; once more does no harm."""
        ...


def check_documents(documents: Sequence[Sealed]) -> None:
    """Refuse what no store takes.

    Raises:
        BadInput: ``record.not_storable``.
        Conflict: ``record.event_taken`` for an `Entry.id` that comes twice.
    """
    for document in documents:
        if len(document.salt) != SALT_BYTES:
            raise BadInput.of("record.not_storable", field="salt", got=f"{len(document.salt)} bytes")
        if len(document.events) > MAX_EVENTS:
            raise BadInput.of("record.not_storable", field="events", got=len(document.events))
    entries = [entry for document in documents for entry in document.events]
    names = [name for each in entries for name in (each.id, each.content, each.kind, *each.taken, *each.made)]
    if not _are_storable(names):  # one look at all of them is fast; a second one finds which it is
        [odd, *_] = [name for name in names if not _are_storable([name])]
        raise BadInput.of("record.not_storable", field="id", got=ascii(odd)[:_SHOWN_CHARACTERS])
    if len({entry.id for entry in entries}) < len(entries):
        [(twice, _)] = Counter(entry.id for entry in entries).most_common(1)
        raise Conflict.of("record.event_taken", event=twice, number="–")


def check_numbers(numbers: Sequence[int], size: int) -> None:
    """Refuse numbers that no document of a store of ``size`` documents has.

    Raises:
        NotFound: ``record.no_such_document``.
    """
    for number in numbers:
        if not 0 <= number < size:
            raise NotFound.of("record.no_such_document", number=number, size=size)


def checked_range(start: int, end: int, size: int) -> range:
    """Give the numbers from ``start`` to before ``end`` when a store of ``size`` documents has them all.

    Raises:
        BadInput: ``record.documents_range``.
    """
    if not 0 <= start <= end <= size:
        raise BadInput.of("record.documents_range", start=start, end=end, size=size)
    return range(start, end)


def _are_storable(names: list[str]) -> bool:
    lengths = set(map(len, names))
    text = "".join(names)
    if 0 in lengths or "\x00" in text:
        return False
    if text.isascii():
        return max(lengths, default=0) <= MAX_ID_BYTES
    try:
        return max(len(name.encode()) for name in names) <= MAX_ID_BYTES
    except UnicodeEncodeError:
        return False
