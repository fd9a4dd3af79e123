"""Adding to a log: how many entries a second become durable, and how long one waits for its index and its checkpoint.

The peer is the Python package aics-tlog, which writes the same tiles, flushed. It has no store of entries, finds no
duplicates and takes one caller at a time, so it stands behind our group commit.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from aics_tlog import DirectoryTileStore, IncrementalTileWriter

from bench.registry import Measurement, alternated, benchmark
from oreloop.adapters.sqlite_entries import SqliteEntries
from oreloop.adapters.tile_folder import TileFolder
from oreloop.log import Cosigner, Kind, Log, Policy, Signer
from oreloop.log.live.batching import Batching
from oreloop.log.live.ports import Cosign
from oreloop.log.witness.client import Witnesses
from oreloop.log.witness.memory import MemoryWitnessState
from oreloop.log.witness.witness import Witness

CALLERS = 4_096
SECONDS = 5.0
KIB = 1_024
BULK_ENTRIES = 1_000_000
BULK_BYTES = 256
PER_SECOND = 5_000
LATENCY_SECONDS = 20.0
"""Long enough for everything that commits wait for now and then."""
# Removed at the end of the process: ext4 is slow to make files just after many were removed.
_FOLDERS = tempfile.TemporaryDirectory(prefix="oreloop-bench-")
SIGNER = Signer.from_seed("bench.example/log", bytes(32))


@contextmanager
def new_folder_log(cosign: Cosign | None = None) -> Iterator[tuple[Log, Path]]:
    """Give a new log on disk, and the folder of its public files."""
    place = Path(tempfile.mkdtemp(dir=_FOLDERS.name))
    folder = place / "public"
    with Log(SqliteEntries(place / "entries.sqlite"), TileFolder(folder), SIGNER, cosign=cosign) as log:
        yield log, folder


@contextmanager
def new_log(cosign: Cosign | None = None) -> Iterator[Log]:
    """Give a new log on disk."""
    with new_folder_log(cosign) as (log, _):
        yield log


def _entry(base: bytes, caller: int, number: int) -> bytes:
    return base + caller.to_bytes(8, "big") + number.to_bytes(8, "big")


def _concurrent_adds() -> float:
    async def run(log: Log) -> float:
        started = time.perf_counter()
        async with log.publishing(every_s=1.0):
            await _callers(log.aappend)
        return log.size / (time.perf_counter() - started)

    with new_log() as log:
        return asyncio.run(run(log))


async def _callers(add: Callable[[bytes], Awaitable[int]]) -> None:
    """4,096 callers, each of whom waits for the index of an entry before adding the next."""
    base = os.urandom(KIB - 16)
    end = time.perf_counter() + SECONDS

    async def caller(name: int) -> None:
        number = 0
        while time.perf_counter() < end:
            await add(_entry(base, name, number))
            number += 1

    await asyncio.gather(*(caller(name) for name in range(CALLERS)))


def _peer_adds() -> float:
    store = DirectoryTileStore(tempfile.mkdtemp(dir=_FOLDERS.name))
    writer = IncrementalTileWriter(store)
    published = time.perf_counter()

    def append(items: list[bytes]) -> list[int]:
        nonlocal published
        first = writer.size
        writer.append(items)
        if time.perf_counter() - published > 1:
            store.write_checkpoint(writer.root())
            published = time.perf_counter()
        return list(range(first, writer.size))

    started = time.perf_counter()
    batching = Batching(append)
    asyncio.run(_callers(batching.append))
    batching.close()
    return writer.size / (time.perf_counter() - started)


@benchmark
def log_durable_adds() -> Measurement:
    """Durable adds a second: entries of 1 KiB, 4,096 callers at once, a checkpoint each second."""
    return alternated(_concurrent_adds, _peer_adds, unit="entries/s", against="aics-tlog behind the same group commit")


@benchmark
def log_bulk_import() -> Measurement:
    """Import of 1,000,000 entries of 256 bytes, durable, with all tiles and the checkpoint."""
    filler = bytes(BULK_BYTES - 8)
    items = [number.to_bytes(8, "big") + filler for number in range(BULK_ENTRIES)]

    def ours() -> float:
        with new_log() as log:
            started = time.perf_counter()
            log.append_many(items)
            log.checkpoint()
            return BULK_ENTRIES / (time.perf_counter() - started)

    def peer(entries: int = BULK_ENTRIES // 10) -> float:
        writer = IncrementalTileWriter(DirectoryTileStore(tempfile.mkdtemp(dir=_FOLDERS.name)))
        started = time.perf_counter()
        for first in range(0, entries, CALLERS):
            writer.append(items[first : min(entries, first + CALLERS)])
        return writer.size / (time.perf_counter() - started)

    return alternated(ours, peer, unit="entries/s", against="aics-tlog, a tenth of the entries")


@benchmark
def log_latency() -> Measurement:
    """The wait for an index at 5,000 adds a second: 99th percentile, in milliseconds, beside one flush of the disk."""
    base = os.urandom(KIB - 16)

    async def run(log: Log) -> float:
        waits: list[float] = []

        async def one(number: int) -> None:
            started = time.perf_counter()
            await log.aappend(_entry(base, 0, number))
            waits.append(time.perf_counter() - started)

        async with log.publishing(every_s=1.0):
            started, tasks, sent = time.perf_counter(), set[asyncio.Task[None]](), 0
            while (now := time.perf_counter() - started) < LATENCY_SECONDS:
                due = int(now * PER_SECOND)
                for number in range(sent, due):
                    task = asyncio.create_task(one(number))
                    tasks.add(task)
                    task.add_done_callback(tasks.discard)
                sent = due
                await asyncio.sleep(0.001)
            await asyncio.gather(*tasks)
        return statistics.quantiles(waits, n=100)[98] * 1e3

    def ours() -> float:
        with new_log() as log:
            return asyncio.run(run(log))

    return alternated(ours, _flush_ms, unit="ms", against="p99 of writing 4 KiB and flushing it")


def _flush_ms() -> float:
    with tempfile.NamedTemporaryFile() as file:
        waits = []
        for _ in range(500):
            started = time.perf_counter()
            os.write(file.fileno(), bytes(4_096))
            os.fdatasync(file.fileno())
            waits.append(time.perf_counter() - started)
    return statistics.quantiles(waits, n=100)[98] * 1e3


@benchmark
def log_witnessed_checkpoint() -> Measurement:
    """From an add to a checkpoint with three witnesses' cosignatures, in milliseconds, beside one without witnesses."""
    cosigners = [
        Cosigner(name=f"witness.example/{number}", kind=kind, seed=bytes([number]) * 32)
        for number, kind in enumerate((Kind.WITNESS, Kind.WITNESS, Kind.MLDSA))
    ]
    names = " ".join(cosigner.name for cosigner in cosigners)
    lines = [f"witness {each.name} {each.verifier.vkey} http://{each.name}" for each in cosigners]
    rules = [f"log {SIGNER.verifier.vkey}", *lines, f"group three all {names}", "quorum three"]
    policy = Policy.parse("\n".join(rules).encode())

    witnesses: dict[str, Witness] = {}

    def post(url: str, body: bytes) -> tuple[int, str, bytes]:
        answer = witnesses[url].add_checkpoint(body, int(time.time()))
        return answer.status, answer.content_type, answer.body

    def waited(cosign: Cosign | None) -> float:
        with new_log(cosign) as log:
            log.append_many(number.to_bytes(8, "big") for number in range(PER_SECOND))
            log.checkpoint()
            started = time.perf_counter()
            log.append(b"one more")
            log.checkpoint()
            return (time.perf_counter() - started) * 1e3

    def witnessed() -> float:
        for each in cosigners:
            witnesses[f"http://{each.name}/add-checkpoint"] = Witness([each], [SIGNER.verifier], MemoryWitnessState())
        return waited(Witnesses(policy, post).cosign)

    return alternated(witnessed, lambda: waited(None), unit="ms", against="the same without witnesses")
