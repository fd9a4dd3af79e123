"""The hash tiles of a log, believed only as far as its checkpoint stands for them.

From the root down: the tiles at the right edge together give the root, and each complete tile gives the hash that is in
the tile above it. So one tile is checked by reading a handful, and nothing false is ever handed on.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from oreloop.base.errors import Place, TamperFound
from oreloop.log.armour import armoured
from oreloop.log.checkpoint import Checkpoint
from oreloop.log.live.reader import read_tile
from oreloop.log.merkle import EMPTY_ROOT, HASH_BYTES, join_root
from oreloop.log.tiles import CHECKPOINT, TILE_HEIGHT, TILE_WIDTH, Tile, tile_at

CACHED_TILES = 64
"""Tiles of 8 KiB that are kept: whoever walks along the log needs one a level."""


class SealedTiles:
    """The hash tiles under one checkpoint.

    Args:
        read: gives a file of the log by its path, or None.
        head: the checkpoint; its signatures were checked.

    Raises:
        TamperFound: ``log.root_differs`` when the tiles at the right edge do not give the root; ``log.tile_shape``.
        NotFound: ``log.file_missing``.
    """

    def __init__(self, read: Callable[[str], bytes | None], head: Checkpoint) -> None:
        self._read = read
        self._size = head.size
        self._full = lru_cache(CACHED_TILES)(self._checked)
        self._edges = [read_tile(read, tile) if tile else b"" for tile in _edge(head.size)]
        root = self.root(head.size)
        if root != head.root:
            place = Place(file=CHECKPOINT)
            raise TamperFound.of("log.root_differs", place, expected=armoured(root), got=armoured(head.root))

    def tile(self, level: int, index: int) -> bytes:
        """Give the hashes of a tile of this log, as many as are there at its size.

        Raises:
            TamperFound: ``log.tile_unsealed`` when the file is not the one that the checkpoint stands for;
                ``log.tile_shape``.
            NotFound: ``log.file_missing``.
        """
        if (index + 1) << TILE_HEIGHT * (level + 1) > self._size:
            return self._edges[level]
        return self._full(level, index)

    def node(self, level: int, index: int) -> bytes:
        """Give one hash of level ``level`` of the tiles: the root over its ``256**level`` entries.

        Raises:
            OreloopError: as `tile`.
        """
        tile, place = divmod(index, TILE_WIDTH)
        return self.tile(level, tile)[place * HASH_BYTES : (place + 1) * HASH_BYTES]

    def edge(self, size: int) -> list[bytes]:
        """Give the incomplete tiles of the first ``size`` entries, one a level from the leaves up; empty where none is.

        Raises:
            OreloopError: as `tile`.
        """
        return [
            self.tile(level, tile.index)[: tile.width * HASH_BYTES] if tile else b""
            for level, tile in enumerate(_edge(size))
        ]

    def root(self, size: int) -> bytes:
        """Give the root over the first ``size`` entries, which the log must have.

        Raises:
            OreloopError: as `tile`.
        """
        root = b""
        for hashes in self.edge(size):
            root = join_root(hashes + root)
        return root or EMPTY_ROOT

    def _checked(self, level: int, index: int) -> bytes:
        tile = Tile(level=level, index=index)
        hashes = read_tile(self._read, tile)
        if join_root(hashes) != self.node(level + 1, index):
            raise TamperFound.of("log.tile_unsealed", Place(file=tile.path))
        return hashes


def _edge(size: int) -> list[Tile | None]:
    """The incomplete tile of each level, from the leaves up; None for a level that has none."""
    levels = range(-(-size.bit_length() // TILE_HEIGHT))
    return [tile_at(level, size >> TILE_HEIGHT * (level + 1), size) for level in levels]
