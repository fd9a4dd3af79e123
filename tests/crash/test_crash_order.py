"""The order in which a publication reaches the disk, and what a power cut leaves of the whole folder of a log."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from crash_disk import Event, Sync, Told, after_power_cut, lay_out
from crash_log import Said, examine_log
from crash_trace import Call, events_of, traced

from oreloop.base.errors import OreloopError
from oreloop.log import CHECKPOINT

WORKER = Path(__file__).with_name("crash_worker.py")
Life = tuple[Path, Path, list[Call]]


@pytest.fixture(scope="module")
def life(strace: str, memory: Path) -> Life:
    """Trace a short life of a log: its folder, where it spoke, the calls."""
    folder, said = memory / "log", memory / "said"
    folder.mkdir()
    calls = traced(strace, memory / "trace", WORKER, "life", folder, said)
    found = Said.parse(said.read_text())
    assert found.ended
    assert not found.refused + found.raised
    return folder, said, calls


def test_every_file_is_flushed_before_it_gets_its_name_and_every_name_before_the_checkpoint(life: Life) -> None:
    folder, said, calls = life
    public = folder / "public"
    unflushed: set[Path] = set()
    renamed = 0
    for call in calls:
        path = call.paths[0]
        if call.name == "fsync":
            unflushed.discard(path)
        elif call.name.startswith("write") and path.is_relative_to(folder):
            unflushed.add(path)
        elif call.name.startswith("mkdir"):
            unflushed.add(path.parent)
        elif call.name.startswith("rename"):
            source, target = call.paths
            assert source not in unflushed, f"{target} has its name before its bytes are on the disk"
            if target == public / CHECKPOINT:
                assert not unflushed, f"a checkpoint is published before {unflushed} are on the disk"
                renamed += 1
            unflushed.add(target.parent)
        elif path == said and call.texts[0].startswith(b"head"):
            assert not unflushed, f"publication is acknowledged before {unflushed} are on the disk"
    assert renamed >= 6


def test_all_that_the_log_has_done_is_in_the_record(life: Life) -> None:
    folder, said, calls = life
    events = events_of(calls, folder, said)
    left = after_power_cut([*events, *(Sync(inode) for inode in range(-5_000, 5_000))], Random(0))
    there = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert left == there


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_no_power_cut_loses_what_was_acknowledged_or_published(
    seed: int, life: Life, scratch: Path, soak_count: Callable[[int, int], int]
) -> None:
    folder, said, calls = life
    events = events_of(calls, folder, said)
    rng = Random(seed)
    wrong = []
    for _ in range(soak_count(6, 600)):
        past: list[Event] = events[: rng.randint(0, len(events))]
        told = Said.parse("".join(event.what for event in past if isinstance(event, Told)))
        with TemporaryDirectory(dir=scratch) as left:
            lay_out(after_power_cut(past, rng), Path(left))
            try:
                examine_log(Path(left), told)
            except (AssertionError, OreloopError) as error:
                wrong.append(f"cut {len(past)} of {len(events)}: {error}".splitlines()[0])
    assert not wrong, "\n".join(wrong[:20])
