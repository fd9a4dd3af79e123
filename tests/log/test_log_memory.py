"""A log in memory keeps every promise of the ports; the exam itself finds stores that do not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.base.errors import BadInput, OreloopError
from oreloop.log import leaf_hash
from oreloop.log.live import conformance as exam
from oreloop.log.live.conformance import ENTRIES_EXAM, TILES_EXAM, OpenEntries, OpenTiles
from oreloop.log.live.memory import Kept, MemoryEntries, MemoryTiles
from oreloop.log.live.ports import Leaf, checked_path, checked_range
from oreloop.log.tiles import CHECKPOINT, Tile


@pytest.mark.parametrize("check", ENTRIES_EXAM)
def test_entries_in_memory_keep_every_promise(check: Callable[[OpenEntries], None]) -> None:
    kept = Kept()
    check(lambda: MemoryEntries(kept))


@pytest.mark.parametrize("check", TILES_EXAM)
def test_tiles_in_memory_keep_every_promise(check: Callable[[OpenTiles], None]) -> None:
    tiles = MemoryTiles()
    check(lambda: tiles)


@given(batches=st.lists(st.lists(st.binary(max_size=2), max_size=8), max_size=8))
def test_an_entry_has_one_index_for_ever(batches: list[list[bytes]]) -> None:
    entries, first_seen = MemoryEntries(), list[bytes]()
    for batch in batches:
        for entry in batch:
            if entry not in first_seen:
                first_seen.append(entry)
        got = entries.append([Leaf(leaf_hash(entry), entry) for entry in batch])
        assert got == [first_seen.index(entry) for entry in batch]
    assert entries.read(0, entries.size()) == first_seen


def test_the_files_of_a_log_in_memory_can_be_seen_but_not_changed() -> None:
    tiles = MemoryTiles()
    seen = tiles.files
    tiles.write({"tile/0/000.p/1": bytes(32)})
    tiles.publish(None, b"note")
    assert dict(seen) == {"tile/0/000.p/1": bytes(32), CHECKPOINT: b"note"}
    assert not hasattr(seen, "__setitem__")


@given(level=st.none() | st.integers(0, 6), index=st.integers(0, 2**55), width=st.integers(1, 256))
def test_every_path_of_a_log_may_be_stored(level: int | None, index: int, width: int) -> None:
    path = Tile(level=level, index=index, width=width).path
    assert checked_path(path) == path


@given(path=st.text(max_size=30) | st.text("./x\\~%", max_size=12))
def test_a_path_stays_below_its_root_or_is_refused(path: str) -> None:
    try:
        checked_path(path)
    except BadInput as refusal:
        told = (refusal.code, str(refusal).isprintable())
        assert told == ("log.tile_path", True)
    else:
        assert all(part and part.isascii() and not part.startswith(".") for part in path.split("/"))


@given(start=st.integers(-3, 8), end=st.integers(-3, 8), size=st.integers(0, 6))
def test_a_range_is_whole_or_refused(start: int, end: int, size: int) -> None:
    there = all(0 <= index < size for index in range(start, end)) and 0 <= start <= end <= size
    try:
        assert there == (checked_range(start, end, size) == range(start, end))
    except BadInput:
        assert not there


class Forgetful(MemoryEntries):
    """Keeps nothing for the next one."""

    def __init__(self, kept: Kept) -> None:
        super().__init__()


class Doubling(MemoryEntries):
    """Stores what is there already once more."""

    def append(self, leaves: Sequence[Leaf]) -> list[int]:
        start = self.size()
        self._kept.entries.extend(leaf.entry for leaf in leaves)
        return list(range(start, self.size()))


class Tearing(Doubling):
    """Stores the entries of a batch one by one."""

    def append(self, leaves: Sequence[Leaf]) -> list[int]:
        return [MemoryEntries.append(self, [leaf])[0] for leaf in leaves]


class Sharing(MemoryEntries):
    """Lets anyone write."""

    def __init__(self, kept: Kept) -> None:
        super().__init__(Kept(entries=kept.entries, index_of=kept.index_of))


class Cutting(MemoryEntries):
    """Gives fewer entries than were asked for."""

    def read(self, start: int, end: int) -> list[bytes]:
        return self._kept.entries[start:end]


class Reversing(MemoryEntries):
    """Gives entries in another order."""

    def read(self, start: int, end: int) -> list[bytes]:
        return super().read(start, end)[::-1]


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (Forgetful, exam.entries_survive_reopening),
        (Doubling, exam.an_entry_is_stored_once),
        (Doubling, exam.no_duplicate_among_many_is_missed),
        (Tearing, exam.a_batch_is_stored_whole_or_not_at_all),
        (Sharing, exam.a_second_writer_is_refused),
        (Cutting, exam.entries_that_are_not_there_are_refused),
        (Reversing, exam.entries_keep_their_order_without_gaps),
    ],
)
def test_the_exam_finds_entries_that_break_a_promise(
    broken: Callable[[Kept], MemoryEntries], check: Callable[[OpenEntries], None]
) -> None:
    kept = Kept()
    with pytest.raises(AssertionError, match=r"expected|nothing was refused|no success"):
        check(lambda: broken(kept))


class Changing(MemoryTiles):
    """Replaces what is there."""

    def write(self, files: Mapping[str, bytes], *, replace: bool = False) -> None:
        super().write(files, replace=True)


class Rigid(MemoryTiles):
    """Repairs nothing."""

    def write(self, files: Mapping[str, bytes], *, replace: bool = False) -> None:
        super().write(files)


class Blind(MemoryTiles):
    """Publishes whatever is in place."""

    def publish(self, old: bytes | None, new: bytes) -> None:
        super().publish(self.read(CHECKPOINT), new)


class Sweeping(MemoryTiles):
    """Drops what begins alike."""

    def drop(self, folder: str) -> None:
        checked_path(folder)
        for path in [path for path in self._files if path.startswith(folder)]:
            del self._files[path]


class Trusting(MemoryTiles):
    """Takes any path."""

    def read(self, path: str) -> bytes | None:
        return self._files.get(path)


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (Changing, exam.a_file_never_changes),
        (Rigid, exam.a_file_never_changes),
        (Blind, exam.a_checkpoint_follows_the_one_it_knows),
        (Blind, exam.one_of_two_publishers_wins),
        (Sweeping, exam.a_folder_is_dropped_with_all_below),
        (Trusting, exam.a_hostile_path_is_refused),
    ],
)
def test_the_exam_finds_tiles_that_break_a_promise(
    broken: Callable[[], MemoryTiles], check: Callable[[OpenTiles], None]
) -> None:
    tiles = broken()
    with pytest.raises((AssertionError, OreloopError)):
        check(lambda: tiles)
