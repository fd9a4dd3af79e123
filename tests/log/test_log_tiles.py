"""Tiles and bundles have the paths and the bytes of the specification, and no others."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from oreloop.base.errors import TamperFound
from oreloop.log import MAX_ENTRY_BYTES
from oreloop.log.note import MAX_NOTE_BYTES
from oreloop.log.tiles import Tile, beginning, bundle, bundles_of, largest_bytes, read_bundle, tiles_of


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


@given(st.none() | st.integers(0, 63), st.integers(0, 2**55), st.integers(1, 256))
def test_the_path_of_a_tile_is_read_back(level, index, width):
    tile = Tile(level=level, index=index, width=width)
    assert Tile.parse(tile.path) == tile


@given(st.text(max_size=30) | st.from_regex(r"tile/[0-9e]{1,2}/(x?[0-9]{3}/?){1,3}(\.p/[0-9]{1,3})?", fullmatch=True))
@example("tile/0/000.p/256")
@example("tile/0/000.p/0")
@example("tile/0/000\n")
@example("tile/0/\u0660\u0660\u0660")
def test_a_tile_has_one_path(path):
    tile = Tile.parse(path)
    assert tile is None or (tile.path == path and 1 <= tile.width <= 256)


def test_a_tile_knows_its_entries():
    assert (Tile(level=None, index=1, width=44).start, Tile(level=None, index=1, width=44).end) == (256, 300)
    assert (Tile(level=1, index=2, width=3).start, Tile(level=1, index=2, width=3).end) == (131_072, 131_840)


def test_nobody_reads_more_of_a_file_than_it_can_have():
    assert largest_bytes("checkpoint") == MAX_NOTE_BYTES
    assert largest_bytes("tile/0/000") == 8192
    assert largest_bytes("tile/1/000.p/3") == 96
    assert largest_bytes("tile/entries/000.p/2") == 2 * (2 + MAX_ENTRY_BYTES)


@given(st.lists(st.binary(max_size=9), min_size=1, max_size=256), st.data())
def test_a_partial_bundle_is_the_beginning_of_a_later_one(entries, data):
    width = data.draw(st.integers(1, len(entries)))
    assert beginning(bundle(entries), Tile(level=None, index=0, width=len(entries)), width) == bundle(entries[:width])
