"""Erasing documents: what a document said goes for good, what the log says of it stays and tells nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from oreloop.base.errors import BadInput, NotFound
from oreloop.base.instant import unix_ms
from oreloop.base.texts import Language, label
from oreloop.record.leaf import read_leaf
from oreloop.record.store.values import Held

if TYPE_CHECKING:
    from oreloop.app.records.record import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What was erased: the numbers of the documents."""

    numbers: tuple[int, ...]

    def lines(self, language: Language) -> tuple[str, ...]:
        """Write what was erased, and what that does not reach."""
        numbers = ", ".join(map(str, self.numbers))
        return (
            label("app.record.erased", language, count=len(self.numbers), numbers=numbers),
            label("app.record.erased_elsewhere", language),
        )

    def as_json(self, _language: Language) -> dict[str, Any]:
        """Give the same as JSON."""
        return {"erased": list(self.numbers)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Doomed:
    """What would be erased: each document with its number and what it tells of, blinded batches counted."""

    documents: tuple[tuple[int, int], ...]

    def lines(self, language: Language) -> tuple[str, ...]:
        """Write which documents they are, and how to go on."""
        said = (label("app.record.doomed", language, number=number, batches=count) for number, count in self.documents)
        return (*said, label("app.record.would_erase", language, count=len(self.documents)))

    def as_json(self, _language: Language) -> dict[str, Any]:
        """Give the same as JSON."""
        return {"would_erase": [{"number": number, "batches": count} for number, count in self.documents]}


def doomed(record: Record, numbers: Sequence[int], batch: str | None) -> Doomed:
    """Say what `erase` would erase; what is erased already is left out.

    Raises:
        OreloopError: as `erase`.
    """
    chosen = _chosen(record, numbers, batch)
    held = [each for each in record.held() if each.number in chosen]
    if missing := chosen - {each.number for each in held}:
        raise NotFound.of("record.no_such_document", number=min(missing), size=record.documents.size())
    return Doomed(
        documents=tuple((each.number, len(read_leaf(each.leaf).batches)) for each in held if each.data is not None)
    )


def erase(record: Record, numbers: Sequence[int], batch: str | None, at: datetime) -> Erased:
    """Erase documents by number, or all that name a batch.

    Raises:
        BadInput: ``app.nothing_to_erase``.
        NotFound: ``record.no_such_document``, ``record.no_such_batch``.
        Unavailable: ``record.not_erased``.
    """
    chosen = _chosen(record, numbers, batch)
    record.documents.erase(sorted(chosen), unix_ms(at))
    return Erased(numbers=tuple(sorted(chosen)))


def _chosen(record: Record, numbers: Sequence[int], batch: str | None) -> set[int]:
    chosen = set(numbers)
    if batch is not None:
        blinded = record.blinded(batch)
        found = {held.number for held in record.held() if blinded in read_leaf(held.leaf).batches}
        if not found:
            raise NotFound.of("record.no_such_batch", batch=batch)
        chosen |= found
    if not chosen:
        raise BadInput.of("app.nothing_to_erase")
    return chosen


def erased_batches(held: Iterable[Held]) -> frozenset[str]:
    """Give the batches, blinded, that documents named which were erased."""
    gone = (read_leaf(each.leaf).batches for each in held if each.erased_at_ms is not None)
    return frozenset(batch for batches in gone for batch in batches)
