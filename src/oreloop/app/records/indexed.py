"""What the store of a record finds by its index, held against what the documents say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from oreloop.base.errors import NotFound, Place, Problem, problem
from oreloop.record.store.ports import Archive
from oreloop.record.store.values import Edge, Entry


def index_problems(archive: Archive, told: Mapping[int, Sequence[Entry]], size: int) -> Iterator[Problem]:
    """Name every event and every batch that the store finds otherwise than its documents say.

    One step in each direction from every batch is all that a longer trace is made of.

    Args:
        archive: the store.
        told: entries of each document that was read, by its number.
        size: number of documents that were read; what was added since is left out.
    """
    entries = [(number, entry) for number, listed in told.items() for entry in listed]
    found = archive.find(events=[entry.id for _, entry in entries]).events
    for number, entry in entries:
        if found.get(entry.id) != (number, entry.content):
            yield problem("app.index_differs", Place(file=f"documents/{number}"), got=entry.id)
    batches = dict.fromkeys(batch for _, entry in entries for batch in (*entry.taken, *entry.made))
    up, down = _edges(entries, up=True), _edges(entries, up=False)
    for batch in batches:
        if (
            _traced(archive, batch, size, up=True) != up[batch]
            or _traced(archive, batch, size, up=False) != down[batch]
        ):
            yield problem("app.index_differs", got=batch)


def _edges(entries: Sequence[tuple[int, Entry]], *, up: bool) -> Mapping[str, set[Edge]]:
    edges: dict[str, set[Edge]] = defaultdict(set)
    for number, entry in entries:
        here, there = (entry.made, entry.taken) if up else (entry.taken, entry.made)
        for batch in here:
            for other in there or ("",):
                ends = (other, batch) if up else (batch, other)
                edges[batch].add(Edge(1, number, entry.id, entry.kind, entry.time_ms, *ends))
    return edges


def _traced(archive: Archive, batch: str, size: int, *, up: bool) -> set[Edge]:
    try:
        return {edge for edge in archive.trace(batch, up=up, depth=1) if edge.number < size}
    except NotFound:
        return set()
