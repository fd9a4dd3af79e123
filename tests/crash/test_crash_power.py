"""Power cuts, at any moment and with any part of the unflushed writes on the disk: nothing acknowledged is lost."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random

import pytest
from crash_disk import Event, Sync, after_power_cut, flushed, lay_out
from crash_log import NAME, Acknowledged, Promise, examine, live
from crash_vfs import Disk, recorded

from oreloop.adapters import sqlite, sqlite_entries
from oreloop.adapters.sqlite_entries import SqliteEntries
from oreloop.base.errors import OreloopError

LIVES = 10


def _small_steps(monkeypatch: pytest.MonkeyPatch, *, beside: bool = False) -> None:
    """Bring SQLite's checkpoints, and the moving of the index into its table, within the reach of a short life.

    Args:
        monkeypatch: undoes it.
        beside: whether commits go on during a checkpoint, or wait for it.
    """
    monkeypatch.setattr(sqlite, "TIDY_PAGES", 6)
    monkeypatch.setattr(sqlite, "MOST_PAGES", 1_000_000 if beside else 5)
    monkeypatch.setattr(sqlite_entries, "INDEX_STEP", 12)
    monkeypatch.setattr(sqlite_entries, "ROW_BYTES", 4_000)


@pytest.fixture(params=["small steps", "small steps beside", "as shipped"])
def steps(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Choose whether SQLite's checkpoints come within a short life, and whether commits wait for them."""
    if request.param != "as shipped":
        _small_steps(monkeypatch, beside=request.param == "small steps beside")
    return str(request.param)


def a_life(scratch: Path, rng: Random, *, fail: int | None = None, kinds: str = "sync") -> list[Event]:
    """Record a store that is killed twice without a power cut, and started again each time."""
    events: list[Event] = []
    for number in range(3):
        folder = scratch / f"life-{number}"
        folder.mkdir()
        disk = Disk(folder, events, fail=fail if number == 0 else None, kinds=kinds)
        with recorded(disk):
            live(disk, rng, rng.randint(3, 25))
        shutil.rmtree(folder)
        events = disk.events
        if number < 2:
            events = events[: rng.randint(len(events) * 2 // 3, len(events))]
    return events


def examine_states(events: list[Event], scratch: Path, rng: Random, count: int) -> list[str]:
    """Cut the power at moments of a life drawn by chance; give what is wrong with what is left."""
    wrong = []
    for number in range(count):
        cut = rng.randint(0, len(events))
        past = events[:cut]
        folder = scratch / f"state-{number}"
        folder.mkdir()
        lay_out(after_power_cut(past, rng), folder)
        if rng.random() < 0.3:  # the file of shared memory is never flushed: anything may be in it
            (folder / "entries.sqlite-shm").write_bytes(rng.randbytes(32_768))
        try:
            examine(folder, Promise.after(past))
        except (AssertionError, OreloopError) as error:
            wrong.append(f"cut {cut} of {len(events)}, state {number}: {error}".splitlines()[0])
        shutil.rmtree(folder)
    return wrong


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(LIVES))
def test_no_power_cut_loses_an_acknowledged_entry(
    seed: int, steps: str, scratch: Path, soak_count: Callable[[int, int], int]
) -> None:
    rng = Random(seed)
    events = a_life(scratch, rng)
    assert examine_states(events, scratch, rng, soak_count(3, 250)) == []


@pytest.mark.slow
def test_what_a_store_holds_when_it_is_opened_after_a_kill_survives_a_power_cut(
    steps: str, scratch: Path, soak_count: Callable[[int, int], int]
) -> None:
    """A log publishes what it finds. A killed process leaves commits in the file that it had not flushed yet."""
    rng = Random(1)
    events = a_life(scratch, rng)
    flushes = [at for at, event in enumerate(events) if isinstance(event, Sync)]
    wrong = []
    for kill in rng.sample(flushes, min(len(flushes), soak_count(15, 300))):
        folder = scratch / f"kill-{kill}"
        folder.mkdir()
        disk = Disk(folder, events[:kill])
        with recorded(disk), closing(SqliteEntries(folder / NAME)) as entries:
            disk.say(Acknowledged(tuple(entries.read(0, entries.size()))))
            past = list(disk.events)
        shutil.rmtree(folder)
        folder.mkdir()
        lay_out(flushed(past), folder)
        try:
            examine(folder, Promise.after(past))
        except (AssertionError, OreloopError) as error:
            wrong.append(f"killed after {kill} of {len(events)}: {error}".splitlines()[0])
        shutil.rmtree(folder)
    assert not wrong, "\n".join(wrong[:20])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(LIVES))
@pytest.mark.parametrize("kinds", ["sync", "write", "sync write"])
def test_nor_does_one_after_a_write_or_flush_that_failed(
    seed: int, kinds: str, scratch: Path, monkeypatch: pytest.MonkeyPatch, soak_count: Callable[[int, int], int]
) -> None:
    """Bytes whose flush failed count as not flushed, whatever flush succeeds after it."""
    _small_steps(monkeypatch)
    rng = Random(1_000 + seed)
    events = a_life(scratch, rng, fail=int(rng.triangular(0, 100, 0)), kinds=kinds)
    assert examine_states(events, scratch, rng, soak_count(1, 100)) == []


@pytest.mark.parametrize("synchronous", ["OFF", "NORMAL"])
def test_this_exam_finds_a_store_that_does_not_flush_each_commit(
    synchronous: str, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lax = sqlite._PRAGMAS.replace("synchronous = FULL", f"synchronous = {synchronous}")
    assert lax != sqlite._PRAGMAS
    monkeypatch.setattr(sqlite, "_PRAGMAS", lax)
    rng = Random(0)
    wrong = examine_states(a_life(scratch, rng), scratch, rng, 20)
    assert any("acknowledged" in each for each in wrong), wrong
