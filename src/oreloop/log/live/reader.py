"""Proofs from tiles: the tree of a log, read through its public files, for whoever has nothing else."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from oreloop.base.errors import NotFound, Place, TamperFound
from oreloop.log.merkle import EMPTY_ROOT, HASH_BYTES, join_root
from oreloop.log.tiles import TILE_HEIGHT, TILE_WIDTH, Tile, read_bundle

CACHED_TILES = 256
"""Tiles of 8 KiB that a tree keeps: a proof needs six in a log of ten million entries."""


class TileTree:
    """The tree of a log's first ``size`` entries, read from its tiles when a hash is needed.

    It stands for `merkle.Tree` wherever a proof is built. Nothing that it reads is believed: the proofs are.

    Args:
        read: gives a file of the log by its path, or None.
        size: how many entries; a size for which the log has published a checkpoint, or its tiles may be missing.
    """

    def __init__(self, read: Callable[[str], bytes | None], size: int) -> None:
        self.size = size
        self._read = read
        self._tile = lru_cache(CACHED_TILES)(self._hashes)

    def root(self, size: int | None = None) -> bytes:
        """Give the root of the whole tree, or of its first ``size`` leaves."""
        return self.subtree(0, self.size if size is None else size)

    def subtree(self, start: int, end: int) -> bytes:
        """Give the hash over leaves ``start`` to ``end``, where ``start`` begins a subtree of RFC 9162.

        Raises:
            NotFound: ``log.file_missing``.
            TamperFound: ``log.tile_shape``.
        """
        peaks = []
        while start < end:
            level = (end - start).bit_length() - 1
            peaks.append(self._node(level, start >> level))
            start += 1 << level
        root = b""
        for peak in reversed(peaks):
            root = join_root(peak + root)
        return root or EMPTY_ROOT

    def _node(self, level: int, index: int) -> bytes:
        """The hash over the leaves from ``index * 2**level`` on, ``2**level`` of them."""
        tile_level, height = divmod(level, TILE_HEIGHT)
        tile, place = divmod(index, TILE_WIDTH >> height)
        start = (place << height) * HASH_BYTES
        return join_root(self._tile(tile_level, tile)[start : start + (HASH_BYTES << height)])

    def _hashes(self, level: int, index: int) -> bytes:
        width = min(TILE_WIDTH, (self.size >> TILE_HEIGHT * level) - index * TILE_WIDTH)
        return read_tile(self._read, Tile(level=level, index=index, width=width))


def read_tile(read: Callable[[str], bytes | None], tile: Tile) -> bytes:
    """Give a tile or bundle, exactly as wide as asked.

    A partial file may be gone once the full one is there (c2sp.org/tlog-tiles, "Partial Tiles"): then its beginning is
    taken.

    Raises:
        NotFound: ``log.file_missing``.
        TamperFound: ``log.tile_shape`` or ``log.bundle_shape`` when the file is too short, too long or torn.
    """
    data, found = read(tile.path), tile
    if data is None and tile.width < TILE_WIDTH:
        found = Tile(level=tile.level, index=tile.index)
        data = read(found.path)
    if data is None:
        raise NotFound.of("log.file_missing", Place(file=tile.path))
    if tile.level is None:
        entries = read_bundle(data, found)[: tile.width]
        return data[: sum(2 + len(entry) for entry in entries)]
    if len(data) != found.width * HASH_BYTES:
        expected = found.width * HASH_BYTES
        raise TamperFound.of("log.tile_shape", Place(file=found.path), expected=expected, got=len(data))
    return data[: tile.width * HASH_BYTES]
