"""The document store: how many documents a second become durable, and how long it takes to trace a batch.

Beside the first stands the plainest store, a file to which the same bytes are added and flushed; beside the second, a
search in dictionaries that hold the whole graph in memory.
"""

from __future__ import annotations

import hashlib
import os
import random
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from bench.registry import Measurement, alternated, benchmark
from oreloop.adapters.sqlite_archive import SqliteArchive
from oreloop.adapters.sqlite_documents import SqliteDocuments
from oreloop.record.store.values import Entry, Sealed

DOCUMENTS = 200_000
TOGETHER = 8_192
KIB = 1_024
LEAF_BYTES = 460
"""Of a signed leaf with two batches and one parent."""
EVENTS = 1_000_000
UPSTREAM = 10_000
"""Events behind the batch that is traced, each of which melts two batches into one, or brings one into the record."""
GRAPHS = EVENTS // UPSTREAM
# Removed at the end of the process: ext4 is slow to make files just after many were removed.
_FOLDERS = tempfile.TemporaryDirectory(prefix="oreloop-bench-")


def _entry(number: int) -> Entry:
    """One event of a graph; the graphs take turns, so that the events of each lie far apart in the store."""
    place, graph = divmod(number, GRAPHS)
    lot = UPSTREAM - 1 - place
    taken = tuple(f"ir-{graph}-{each}" for each in (2 * lot + 1, 2 * lot + 2) if each < UPSTREAM)
    name = hashlib.sha256(number.to_bytes(8, "big")).hexdigest()
    kind = "transformation" if taken else "commissioning"
    content = f"ni:///sha-256;{name}?ver=CBV2.0"
    return Entry(f"urn:uuid:{name[:32]}", content, 1_767_225_600_000 + number, kind, taken, (f"ir-{graph}-{lot}",))


def _documents(count: int, data_bytes: int, leaf_bytes: int) -> Iterator[list[Sealed]]:
    chance = random.Random(1)  # noqa: S311
    for first in range(0, count, TOGETHER):
        yield [
            Sealed(chance.randbytes(data_bytes), bytes(32), chance.randbytes(leaf_bytes), b"", (_entry(number),))
            for number in range(first, min(count, first + TOGETHER))
        ]


@benchmark
def record_store_put() -> Measurement:
    """Documents of 1 KiB that become durable in a second, 8,192 at a time, beside flushed appends to a plain file."""

    def ours() -> float:
        store, taken = SqliteDocuments(Path(tempfile.mkdtemp(dir=_FOLDERS.name)) / "documents.sqlite"), 0.0
        for documents in _documents(DOCUMENTS, KIB, LEAF_BYTES):
            started = time.perf_counter()
            store.put(documents)
            taken += time.perf_counter() - started
        store.close()
        return DOCUMENTS / taken

    def reference() -> float:
        taken = 0.0
        with tempfile.TemporaryFile(dir=_FOLDERS.name) as file:
            for documents in _documents(DOCUMENTS, KIB, LEAF_BYTES):
                started = time.perf_counter()
                file.write(b"".join([each.data + each.salt + each.leaf for each in documents]))
                file.flush()
                os.fdatasync(file.fileno())
                taken += time.perf_counter() - started
        return DOCUMENTS / taken

    return alternated(ours, reference, unit="documents/s", against="the same bytes in a plain file, flushed", rounds=3)


@cache
def _filled() -> Path:
    path = Path(tempfile.mkdtemp(dir=_FOLDERS.name)) / "documents.sqlite"
    store = SqliteDocuments(path)
    for documents in _documents(EVENTS, 1, 1):
        store.put(documents)
    store.close()
    return path


@cache
def _in_memory() -> tuple[dict[str, list[int]], list[Entry]]:
    entries = [_entry(number) for number in range(EVENTS)]
    made: dict[str, list[int]] = {}
    for number, entry in enumerate(entries):
        for batch in entry.made:
            made.setdefault(batch, []).append(number)
    return made, entries


@benchmark
def record_store_trace() -> Measurement:
    """The upstream graph of 10,000 events out of 1,000,000 in SQLite, milliseconds, beside the graph held in memory."""
    graph = iter(range(GRAPHS))  # each round another one: what was read for the one before does not help

    def ours() -> float:
        archive = SqliteArchive(_filled())
        started = time.perf_counter()
        edges = archive.trace(f"ir-{next(graph)}-0", up=True, depth=None)
        taken = time.perf_counter() - started
        archive.close()
        if len({edge.event for edge in edges}) != UPSTREAM:
            raise AssertionError("the trace is not whole")
        return taken * 1e3

    def reference() -> float:
        made, entries = _in_memory()
        started = time.perf_counter()
        seen, frontier, lines = {"ir-0-0"}, ["ir-0-0"], []
        while frontier:
            reached = []
            for batch in frontier:
                for number in made[batch]:
                    lines += [(entries[number].id, taken, batch) for taken in entries[number].taken]
                    reached += [taken for taken in entries[number].taken if taken not in seen]
            seen.update(reached)
            frontier = reached
        return (time.perf_counter() - started) * 1e3

    return alternated(ours, reference, unit="ms", against="a search in dictionaries in memory")
