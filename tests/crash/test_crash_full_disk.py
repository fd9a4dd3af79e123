"""A disk that is full: appending and publishing are refused, nothing is lost or half written, and it goes on later."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random

import pytest
from crash_log import Said, examine_log, head_of
from crash_worker import opened

from oreloop.base.errors import Unavailable
from oreloop.log import CHECKPOINT, leaf_hash
from oreloop.log.live.log import Log

Resize = Callable[[str], None]


@pytest.fixture
def disk(small_disk: Callable[[str], Path]) -> tuple[Path, Resize]:
    """A small disk in memory: its folder, and what changes its size."""
    folder = small_disk("3m")
    return folder, lambda size: subprocess.run(["mount", "-o", f"remount,size={size}", folder], check=True)


@contextmanager
def full(folder: Path, left: int = 0) -> Iterator[None]:
    """Fill a disk but for so many bytes."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        with suppress(OSError):
            while file.write(bytes(4096)):
                pass
        file.truncate(max(0, file.tell() - left))
    yield
    filler.unlink()


def append_until_refused(log: Log, rng: Random, acknowledged: dict[int, str], size: int) -> None:
    while True:
        entries = [rng.randbytes(size) for _ in range(rng.randint(1, 20))]
        indices = log.append_many(entries) if len(entries) > 1 else [log.append(entries[0])]
        acknowledged.update(zip(indices, (leaf_hash(entry).hex() for entry in entries), strict=True))


def said(acknowledged: dict[int, str]) -> Said:
    return Said(acknowledged, [], [], [], ended=True)


@pytest.mark.parametrize("size", [20, 3_000, 60_000])
def test_a_full_disk_refuses_entries_loses_none_and_is_forgiven_once_there_is_room(
    size: int, disk: tuple[Path, Resize]
) -> None:
    folder, resize = disk
    rng = Random(size)
    acknowledged: dict[int, str] = {}
    with opened(folder) as log:
        head = head_of(log.checkpoint())
        with full(folder, left=300_000):
            for _ in range(2):
                with pytest.raises(Unavailable) as refusal:
                    append_until_refused(log, rng, acknowledged, size)
                assert refusal.value.code == "log.not_stored"
                count = log.size
                assert all(leaf_hash(log.entry(index)).hex() == acknowledged[index] for index in acknowledged)
        late = b"there is room again"
        acknowledged[log.append(late)] = leaf_hash(late).hex()
        assert count <= max(acknowledged) <= log.size
        resize("12m")
        assert head_of(log.checkpoint()).size == log.size > head.size
    examine_log(folder, said(acknowledged))


@pytest.mark.parametrize("left", [0, 4_096, 20_480, 65_536])
def test_a_log_that_was_closed_on_a_full_disk_opens_once_there_is_room(left: int, disk: tuple[Path, Resize]) -> None:
    folder, _ = disk
    acknowledged: dict[int, str] = {}
    log = opened(folder)
    with full(folder, left=left):
        with pytest.raises(Unavailable):
            append_until_refused(log, Random(left), acknowledged, 100)
        log.close()
    examine_log(folder, said(acknowledged))


@pytest.mark.parametrize("left", [0, 4_096, 8_192, 16_384, 32_768, 65_536])
def test_a_disk_that_fills_while_a_checkpoint_is_published_leaves_the_one_before(
    left: int, disk: tuple[Path, Resize]
) -> None:
    folder, _ = disk
    note = folder / "public" / CHECKPOINT
    acknowledged: dict[int, str] = {}
    rng = Random(left)
    with opened(folder) as log:
        for number in range(3):
            for index in log.append_many(b"%d, %d" % (number, at) for at in range(300)):
                acknowledged[index] = leaf_hash(log.entry(index)).hex()
            with full(folder, left=left):
                before = expected = note.read_bytes() if note.exists() else None
                with suppress(Unavailable):
                    for entry in (rng.randbytes(30) for _ in range(20)):
                        acknowledged[log.append(entry)] = leaf_hash(entry).hex()
                with suppress(Unavailable):
                    expected = log.checkpoint()
                assert (note.read_bytes() if note.exists() else None) == expected
                assert left or expected == before
                assert {path.name for path in (folder / ".public.staging").iterdir()} == {"lock"}
            assert head_of(log.checkpoint()).size == log.size
    examine_log(folder, said(acknowledged))
