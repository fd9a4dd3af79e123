"""A record that is open for reading, also while somebody adds to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from oreloop.app.records.erasure import erased_batches
from oreloop.app.records.folder import SECRET, RecordFolder
from oreloop.app.records.judging import AFTER_ALL
from oreloop.app.records.unaltered import expect_unaltered, is_unaltered
from oreloop.base.closing import Closing
from oreloop.base.errors import BadInput, NotFound
from oreloop.base.ids import is_id
from oreloop.record import Event, State, fold
from oreloop.record.epcis.parse import Document, Wanted, read_many
from oreloop.record.leaf import blind, salt_for
from oreloop.record.store.ports import Archive
from oreloop.record.store.values import Held

if TYPE_CHECKING:
    from datetime import datetime

    from oreloop.app.records.pack import Exported
    from oreloop.app.records.read import Shown, Traced

GROUP = 1_024
"""Documents that are read together."""


class OpenArchive(Archive, Protocol):
    """A store that is open for reading."""

    def close(self) -> None:
        """Let go of the store."""
        ...


@dataclass(frozen=True, slots=True)
class Told:
    """All that a record tells, read once.

    Args:
        documents: each as it is held, in the order of capture, with its events; an erased one has none.
        blinded: blinds a batch as the leaves of the record name it.
    """

    documents: tuple[tuple[Held, tuple[Event, ...]], ...]
    blinded: Callable[[str], str]

    def state(self, at: datetime = AFTER_ALL) -> State:
        """Give the state of all batches by an instant; by default, by everything that is known."""
        erased = erased_batches(held for held, _ in self.documents)
        events = [event for _, found in self.documents for event in found]
        return fold(events, at, erased=lambda batch: self.blinded(batch) in erased)


class RecordReader(Closing):
    """What can be asked of a record.

    Args:
        folder: where it is.
        documents: its document store.
        secret: from which salts and blinded batches are made, 32 bytes.

    Raises:
        BadInput: ``app.other_secret`` when it is that of another record.
    """

    documents: OpenArchive

    def __init__(self, folder: RecordFolder, documents: OpenArchive, secret: bytes) -> None:
        self.folder, self.documents, self.secret = folder, documents, secret
        self._expect_own_secret()

    def held(self) -> Iterator[Held]:
        """Read every document as it is held, in the order of capture."""
        size = self.documents.size()
        for start in range(0, size, GROUP):
            yield from self.documents.read(start, min(start + GROUP, size))

    def events(self) -> Iterator[tuple[Held, tuple[Event, ...]]]:
        """Read every document that is not erased, in the order of capture, with its events.

        Raises:
            BadInput: as `oreloop.record.parse`, should a document have been changed in the store.
        """
        return ((held, events) for held, events in self._told(self.held()) if held.data is not None)

    def told(self) -> Told:
        """Read everything, once, and hold each document against its leaf.

        Raises:
            TamperFound: a document was changed in the store; all problems, as `oreloop.app.records.unaltered`.
        """
        held = tuple(self.held())
        expect_unaltered(held)
        return Told(tuple(self._told(iter(held))), lambda batch: blind(batch, self.secret))

    def told_by(self, numbers: Iterable[int]) -> Iterator[tuple[Held, tuple[Event, ...]]]:
        """Read some documents as `told` reads all, each held against its leaf.

        Raises:
            TamperFound: as `told`.
        """
        held = [each for number in numbers for each in self.documents.read(number, number + 1)]
        expect_unaltered(held)
        return self._told(iter(held))

    def state(self, at: datetime = AFTER_ALL) -> State:
        """Give the state of all batches.

        Args:
            at: by which instant; by default, by everything that is known.
        """
        return self.told().state(at)

    def show(self, batch: str) -> Shown:
        """Show a batch: where it is, whose, what it holds, what it is made of, and the documents that say so.

        Raises:
            NotFound: ``record.no_such_batch``.
        """
        from oreloop.app.records.read import show

        return show(self, batch)

    def trace(self, batch: str, *, up: bool = True, depth: int | None = None) -> Traced:
        """Follow a batch to what it was made of, or to what was made of it.

        Args:
            batch: its id.
            up: towards its origin; else towards its use.
            depth: how many steps at most; None: as far as it goes.

        Raises:
            NotFound: ``record.no_such_batch``.
        """
        from oreloop.app.records.read import trace

        return trace(self, batch, up=up, depth=depth)

    def export(self, out: Path | str) -> Exported:
        """Write an audit pack, which somebody without the record can verify.

        Args:
            out: folder, which is not there, empty, or an older pack.

        Raises:
            Conflict: ``adapters.folder_in_use``.
            Unavailable: ``adapters.cannot_write``.
        """
        from oreloop.app.records.pack import export

        return export(self, Path(out))

    def blinded(self, batch: str) -> str:
        """Blind a batch as the leaves of this record name it.

        Raises:
            NotFound: ``record.no_such_batch`` for what cannot be the id of one.
        """
        if not is_id(batch):
            raise NotFound.of("record.no_such_batch", batch=batch)
        return blind(batch, self.secret)

    def close(self) -> None:
        """Let go of the record."""
        self.documents.close()

    def _told(self, held: Iterator[Held]) -> Iterator[tuple[Held, tuple[Event, ...]]]:
        """Read documents with their events, of which an erased one has none."""
        while group := list(islice(held, GROUP)):
            read_ones = read_many(_wanted(each.number, each.data) for each in group if each.data is not None)
            for each in group:
                yield each, () if each.data is None else _events(next(read_ones))

    def _expect_own_secret(self) -> None:
        """Make the salt of the first document again that is there as it was sealed."""
        for number in range(self.documents.size()):
            [held] = self.documents.read(number, number + 1)
            if held.data is not None and is_unaltered(held):
                if salt_for(held.data, secret=self.secret) != held.salt:
                    raise BadInput.of("app.other_secret", got=self.folder.root / SECRET, number=number)
                return


def _wanted(number: int, data: bytes) -> Wanted:
    """Name a document as `oreloop.record.parse` does a file that it is alone in."""
    return f"documents/{number}", None if b"\n" in data.strip() else 1, data


def _events(read: Document) -> tuple[Event, ...]:
    if read.problems:
        raise BadInput(read.problems)
    return read.events
