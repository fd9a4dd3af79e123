"""Tiles follow from entries: whatever happened to them, they come back byte for byte, or nothing is touched."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.base.errors import NotFound, TamperFound
from oreloop.log import CHECKPOINT, Policy, Signer, fsck, leaf_hash
from oreloop.log.live.log import Log
from oreloop.log.live.memory import Kept, MemoryEntries, MemoryTiles
from oreloop.log.live.ports import Leaf
from oreloop.log.live.rebuild import Rebuilt, rebuild

SIGNER = Signer.from_seed("metal.example/log", bytes(32))
SIZES = (3, 5, 300, 700)


def log_of(*sizes: int, pending: int = 0) -> tuple[Kept, MemoryTiles]:
    """Give the entries and the public files of a log that published at these sizes; some entries are not public yet."""
    kept, tiles = Kept(), MemoryTiles()
    with Log(MemoryEntries(kept), tiles, SIGNER) as log:
        for size in sizes:
            log.append_many(b"heat %d" % number for number in range(log.size, size))
            log.checkpoint()
        log.append_many(b"heat %d" % number for number in range(log.size, log.size + pending))
    return kept, tiles


def mended(kept: Kept, tiles: MemoryTiles, signer: Signer = SIGNER) -> Rebuilt:
    with closing(MemoryEntries(kept)) as entries:
        return rebuild(entries, tiles, signer.verifier)


def put(tiles: MemoryTiles, files: dict[str, bytes]) -> None:
    tiles.write(files, replace=True)


def problems(tiles: MemoryTiles) -> tuple[str, ...]:
    audit = fsck(tiles.files, Policy.of_log(SIGNER.verifier), strict=False)
    return tuple(each.code for each in audit.problems)


@given(st.data())
def test_one_changed_file_comes_back_as_it_was(data: st.DataObject) -> None:
    kept, tiles = log_of(*SIZES)
    before = dict(tiles.files)
    path = data.draw(st.sampled_from(sorted(before.keys() - {CHECKPOINT})))
    at = data.draw(st.integers(0, len(before[path]) - 1))
    put(tiles, {path: before[path][:at] + bytes([before[path][at] ^ 1]) + before[path][at + 1 :]})
    assert mended(kept, tiles).replaced == 1
    assert dict(tiles.files) == before


@given(st.sampled_from(["tile", "tile/0", "tile/entries", "tile/1", "tile/0/002.p"]))
def test_a_folder_that_is_lost_comes_back_for_the_published_size(folder: str) -> None:
    kept, tiles = log_of(*SIZES)
    tiles.drop(folder)
    assert problems(tiles) != ()
    assert mended(kept, tiles).replaced > 0
    assert problems(tiles) == ()


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 5_000])
def test_all_tiles_come_back_from_the_entries_alone(size: int) -> None:
    kept, tiles = log_of(size)
    before = dict(tiles.files)
    bare = MemoryTiles()
    bare.publish(None, before[CHECKPOINT])
    made = mended(kept, bare)
    assert (made.head.size, made.replaced) == (size, len(before) - 1)
    assert dict(bare.files) == before
    again = mended(kept, bare)
    assert again.replaced == 0


def test_tiles_of_entries_that_are_not_public_yet_are_mended_too_and_the_log_goes_on() -> None:
    kept, tiles = log_of(300, pending=300)
    ahead = {"tile/0/001": tiles.files["tile/0/001"], "tile/entries/001": tiles.files["tile/entries/001"]}
    put(tiles, dict.fromkeys(ahead, b"x"))
    assert mended(kept, tiles).replaced == 2
    assert {path: tiles.files[path] for path in ahead} == ahead
    with Log(MemoryEntries(kept), tiles, SIGNER) as log:
        log.append(b"heat 600")
        log.checkpoint()
    assert problems(tiles) == ()


def changed(kept: Kept) -> Kept:
    entries = [entry if index != 4 else b"heat of another" for index, entry in enumerate(kept.entries)]
    return kept_of(entries)


def kept_of(entries: Sequence[bytes]) -> Kept:
    found = Kept()
    store = MemoryEntries(found)
    store.append([Leaf(leaf_hash(entry), entry) for entry in entries])
    store.close()
    return found


def test_entries_that_do_not_give_the_published_root_change_nothing() -> None:
    kept, tiles = log_of(300)
    put(tiles, {"tile/0/000": b"damaged"})
    before = dict(tiles.files)
    for wrong, code in ((changed(kept), "log.root_differs"), (kept_of(kept.entries[:299]), "log.entries_behind")):
        with pytest.raises(TamperFound) as refused:
            mended(wrong, tiles)
        assert refused.value.code == code
        assert dict(tiles.files) == before


def test_without_a_checkpoint_of_this_key_nothing_is_made() -> None:
    kept, tiles = log_of(3)
    with pytest.raises(NotFound, match="missing"):
        mended(kept, MemoryTiles())
    with pytest.raises(TamperFound) as refused:
        mended(kept, tiles, Signer.from_seed("metal.example/log", bytes([1]) * 32))
    assert refused.value.code == "log.unsigned"
