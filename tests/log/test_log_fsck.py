"""A log as static files: where each byte belongs, and that no byte can change unseen."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.base.errors import BadInput, OreloopError, Place, TamperFound
from oreloop.base.texts import LANGUAGES, render
from oreloop.log import (
    MAX_ENTRY_BYTES,
    Checkpoint,
    Policy,
    Signer,
    Tree,
    UnpinnedPolicy,
    fsck,
    leaf_hash,
    sign,
    static_log,
)
from oreloop.log.tiles import Tile, bundle, bundles_of, read_bundle, tiles_of

SIGNER = Signer.from_seed("metal.example", bytes(range(32)))
ORIGIN = "metal.example/run/1"
PINNED = Policy.of_log(SIGNER.verifier)


def log_of(size: int) -> dict[str, bytes]:
    return static_log([f"heat {index}".encode() for index in range(size)], SIGNER, ORIGIN)


def codes(files, policy=PINNED) -> list[str]:
    return [problem.code for problem in fsck(files, policy).problems]


def signed(size: int, root: bytes) -> bytes:
    return sign(Checkpoint(origin=ORIGIN, size=size, root=root).text, [SIGNER])


SMALL = log_of(3)


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(level=0, index=0), "tile/0/000"),
        (Tile(level=1, index=999, width=255), "tile/1/999.p/255"),
        (Tile(level=2, index=1000, width=1), "tile/2/x001/000.p/1"),
        (Tile(level=0, index=1_234_067), "tile/0/x001/x234/067"),
        (Tile(level=None, index=1_000_000), "tile/entries/x001/x000/000"),
    ],
)
def test_tiles_have_the_paths_of_the_specification(tile, path):
    assert tile.path == path


def test_a_log_of_70000_entries_has_the_tiles_that_the_specification_counts():
    tiles = list(tiles_of(70_000))
    full = [tile.level for tile in tiles if tile.width == 256]
    assert (full.count(0), full.count(1)) == (273, 1)
    assert [(tile.level, tile.width) for tile in tiles if tile.width < 256] == [(0, 112), (1, 17), (2, 1)]
    assert [tile.path for tile in tiles_of(256)] == ["tile/0/000", "tile/1/000.p/1"]
    assert len(list(bundles_of(70_000))) == 274


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 512, 600])
def test_a_sound_log_is_found_sound(size):
    audit = fsck(log_of(size), PINNED)
    assert not audit.problems
    assert audit.entries == tuple(f"heat {index}".encode() for index in range(size))
    assert audit.size == size
    assert audit.root == Tree.of_entries(audit.entries).root()
    assert audit.checkpoint == Checkpoint(origin=ORIGIN, size=size, root=audit.root)
    assert [each.name for each in audit.verified] == [SIGNER.name]
    assert not audit.ignored


def test_a_log_is_written_byte_for_byte_as_the_specification_says():
    assert sorted(SMALL) == ["checkpoint", "tile/0/000.p/3", "tile/entries/000.p/3"]
    assert SMALL["tile/entries/000.p/3"] == b"\x00\x06heat 0\x00\x06heat 1\x00\x06heat 2"
    assert SMALL["tile/0/000.p/3"] == b"".join(leaf_hash(f"heat {index}".encode()) for index in range(3))
    large = log_of(300)
    assert large["tile/1/000.p/1"] == Tree.of_entries(f"heat {index}".encode() for index in range(256)).root()


def test_without_a_pinned_key_nothing_is_called_verified():
    audit = fsck(SMALL, UnpinnedPolicy())
    assert not audit.problems
    assert not audit.verified
    assert [each.key_id for each in audit.ignored] == [SIGNER.verifier.key_id]


def test_every_flipped_bit_of_every_byte_is_found():
    for path, data in SMALL.items():
        for at in range(len(data)):
            for bit in range(8):
                forged = data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]
                assert codes(SMALL | {path: forged}), (path, at, bit)


@pytest.mark.slow
def test_every_flipped_byte_of_a_bigger_log_is_found(soak_count):
    files = log_of(270)
    places = [(path, at) for path, data in files.items() for at in range(len(data))]
    rounds = soak_count(300, len(places))
    for path, at in places[:: max(1, len(places) // rounds)]:
        data = files[path]
        forged = data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]
        assert codes(files | {path: forged}), (path, at)


BIG = log_of(258)


@pytest.mark.parametrize("path", sorted(BIG))
def test_a_removed_file_is_found(path):
    files = {name: data for name, data in BIG.items() if name != path}
    found = fsck(files, PINNED).problems
    assert [(problem.code, problem.place.file) for problem in found] == [("log.file_missing", path)]


@pytest.mark.parametrize(
    "path", ["tile/0/000.p/3", "tile/0/002", "tile/entries/000.p/1", "notes.txt", "tile/1/000", ""]
)
def test_an_added_file_is_found(path):
    assert codes(BIG | {path: b"\x00" * 32}) == ["log.file_unexpected"]


@pytest.mark.parametrize("path", sorted(BIG))
def test_lost_and_added_bytes_are_found(path):
    assert codes(BIG | {path: BIG[path][:-1]})
    assert codes(BIG | {path: BIG[path] + b"\n"})
    assert codes(BIG | {path: b""})


@given(st.data())
def test_swapped_files_are_found(data):
    first, second = data.draw(st.lists(st.sampled_from(sorted(BIG)), min_size=2, max_size=2, unique=True))
    assert codes(BIG | {first: BIG[second], second: BIG[first]})


def test_swapped_entries_are_found_and_placed():
    entries = [b"heat 0", b"heat 2", b"heat 1"]
    [found] = fsck(SMALL | {"tile/entries/000.p/3": bundle(entries)}, PINNED).problems
    assert (found.code, found.place) == ("log.entry_differs", Place(file="tile/entries/000.p/3"))
    assert found.fields["index"] == "1"


def test_entries_and_tiles_changed_together_are_held_against_the_checkpoint():
    other = static_log([b"heat 0", b"heat 1", b"heat 3"], SIGNER, ORIGIN)
    found = fsck(other | {"checkpoint": SMALL["checkpoint"]}, PINNED).problems
    assert [(each.code, each.place.file) for each in found] == [("log.root_differs", "checkpoint")]


def test_entries_stop_at_the_first_that_cannot_be_read():
    audit = fsck(log_of(600) | {"tile/entries/001": b"\xff"}, PINNED)
    assert [problem.code for problem in audit.problems] == ["log.bundle_shape"]
    assert (audit.size, audit.root) == (256, None)


def test_an_older_checkpoint_does_not_fit_a_longer_log():
    older = log_of(2)["checkpoint"]
    assert set(codes(SMALL | {"checkpoint": older})) == {"log.file_missing", "log.file_unexpected"}


def test_the_checkpoint_of_another_log_does_not_fit():
    other = static_log([b"scrap 0", b"scrap 1", b"scrap 2"], SIGNER, ORIGIN)["checkpoint"]
    assert codes(SMALL | {"checkpoint": other}) == ["log.root_differs"]


def test_a_checkpoint_of_a_stranger_is_found_and_the_rest_still_checked():
    stranger = Signer.from_seed("metal.example", bytes(32))
    entries = [b"heat 0", b"heat 1", b"heat 2"]
    forged = static_log(entries, stranger, ORIGIN)
    assert codes(forged) == ["log.unsigned"]
    assert codes(forged | {"extra": b""}) == ["log.unsigned", "log.file_unexpected"]


def test_a_size_is_not_trusted_before_the_bytes_are_there():
    for size in (2**63 - 1, 769):
        assert codes(SMALL | {"checkpoint": signed(size, bytes(32))}) == ["log.size_beyond_files"]
    assert "log.file_missing" in codes(SMALL | {"checkpoint": signed(768, bytes(32))})


def test_a_checkpoint_that_is_none_is_said_to_be_none():
    assert codes(SMALL | {"checkpoint": b"nothing"}) == ["log.note_shape"]
    assert codes(SMALL | {"checkpoint": sign("nothing\n", [SIGNER])}) == ["log.checkpoint_shape"]


@given(st.dictionaries(st.sampled_from(sorted(SMALL)), st.binary(max_size=99)), st.booleans())
def test_fsck_fails_on_nothing_and_can_say_everything(changes, pinned):
    audit = fsck(SMALL | changes, PINNED if pinned else UnpinnedPolicy())
    assert audit.problems or not changes
    for problem in audit.problems:
        for language in LANGUAGES:
            assert render(problem, language)


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=256))
def test_bundles_are_read_back_as_written(entries):
    tile = Tile(level=None, index=0, width=len(entries))
    assert read_bundle(bundle(entries), tile) == entries


@given(st.binary(max_size=80), st.integers(1, 256))
def test_a_bundle_is_read_whole_or_not_at_all(data, width):
    with suppress(TamperFound):
        assert bundle(read_bundle(data, Tile(level=None, index=0, width=width))) == data


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x00\x02a", b"\x00\x01ab", b"\x00\x01a\x00\x00"])
def test_a_bundle_of_one_entry_holds_no_less_and_no_more(data):
    with pytest.raises(TamperFound) as refused:
        read_bundle(data, Tile(level=None, index=0, width=1))
    assert refused.value.code == "log.bundle_shape"


def test_the_longest_entry_fits_and_no_longer_one():
    files = static_log([b"", b"x" * MAX_ENTRY_BYTES], SIGNER, ORIGIN)
    assert not codes(files)
    with pytest.raises(BadInput) as refused:
        static_log([b"x" * (MAX_ENTRY_BYTES + 1)], SIGNER, ORIGIN)
    assert refused.value.code == "log.entry_too_long"


def test_a_key_signs_no_foreign_log():
    with pytest.raises(OreloopError) as refused:
        static_log([], SIGNER, "metal.example.org")
    assert refused.value.code == "log.origin_of_key"
