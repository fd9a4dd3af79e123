"""A stretch of a log, checked on its own: a few bundles, the leaf hashes of their entries, the tiles that hold these.

Where a hash computed from below and a stored one differ, the checkpoint decides which of them was changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import takewhile
from operator import eq
from typing import Protocol

from oreloop.base.errors import NotFound, Place, Problem, TamperFound, problem
from oreloop.log.audit.sealed import SealedTiles
from oreloop.log.checkpoint import Checkpoint
from oreloop.log.live.reader import read_tile
from oreloop.log.merkle import HASH_BYTES, join_root, leaf_hash
from oreloop.log.tiles import TILE_WIDTH, Tile, beginning, read_bundle, tile_at


class Source(Protocol):
    """Where the files of a log come from. To be read by other processes it must be small when pickled."""

    def read(self, path: str) -> bytes | None:
        """Give a file, or None when it is not there; of one too long for its path, no more than shows it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFiles:
    """A log under its checkpoint: what every part of the check needs to know."""

    source: Source
    head: Checkpoint
    first_index: int

    def read(self, tile: Tile, problems: list[Problem]) -> bytes | None:
        """Read a file; a partial one may be gone where the full one is there. One that is missing is told."""
        data = self.source.read(tile.path)
        if data is None and tile != tile.full:
            full = self.source.read(tile.full.path)
            data = None if full is None else beginning(full, tile.full, tile.width)
        if data is None:
            problems.append(problem("log.file_missing", Place(file=tile.path)))
        return data

    def settle(self, tile: Tile, stored: bytes | None, below: bytes | None, problems: list[Problem]) -> bytes | None:
        """Hold the hashes computed from below against the stored tile; give those that stand.

        Args:
            tile: of hashes.
            stored: its file; None when it is not there.
            below: what the file must be; None when that cannot be said.
            problems: takes what differs.
        """
        if stored is None or stored == below:
            return below
        if below is None:
            if len(stored) == tile.width * HASH_BYTES:
                return stored
            problems.append(
                problem("log.tile_shape", Place(file=tile.path), expected=tile.width * HASH_BYTES, got=len(stored))
            )
            return None
        if self._sealed(tile, stored):
            problems += self._changed(tile, below, stored)
            return stored
        problems.append(problem("log.tile_differs", Place(file=tile.path), byte=same_bytes(stored, below)))
        return below

    def spared(self, tile: Tile) -> list[Problem]:
        """Check a file that could have been pruned, but was not, from above: there may be nothing beside it."""
        try:
            above = SealedTiles(self.source.read, self.head).node((tile.level or 0) + 1, tile.index)
            hashes = read_tile(self.source.read, tile)
            if tile.level is None:
                hashes = b"".join(map(leaf_hash, read_bundle(hashes, tile)))
        except (NotFound, TamperFound) as refused:
            return list(refused.problems)
        if join_root(hashes) == above:
            return []
        return [problem("log.tile_unsealed", Place(file=tile.path))]

    def _sealed(self, tile: Tile, stored: bytes) -> bool:
        """Tell whether the checkpoint stands for a stored tile: then not the tile, but what is below it changed."""
        try:
            return SealedTiles(self.source.read, self.head).tile(tile.level or 0, tile.index) == stored
        except (NotFound, TamperFound):
            return False

    def _changed(self, tile: Tile, below: bytes, stored: bytes) -> Iterator[Problem]:
        """Name what is not as sealed below a tile that is."""
        if not tile.level:
            index = tile.start + same_bytes(below, stored) // HASH_BYTES
            place = Place(file=replace(tile, level=None).path)
            yield problem("log.entry_differs", place, index=index)
            return
        for at in range(tile.width):
            here = slice(at * HASH_BYTES, (at + 1) * HASH_BYTES)
            if below[here] != stored[here]:
                child = Tile(level=tile.level - 1 or None, index=tile.index * TILE_WIDTH + at)
                yield problem("log.entries_differ", Place(file=child.path), start=child.start, end=child.end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A part of the check that can be done anywhere: some bundles and the tiles of their leaf hashes."""

    log: LogFiles
    start: int
    end: int
    keep_entries: bool


@dataclass(slots=True, kw_only=True)
class Found:
    """What came of a stretch.

    Args:
        roots: for each complete bundle the hash that belongs into the tile above; None when it is not known.
        edge: leaf hashes of an incomplete bundle, the last of the log.
        size: entries read up to the first that cannot be.
        whole: whether every entry was read.
        sealed: whether every entry that was read is as sealed, so far as the tile of its leaf hash can tell.
        entries: these entries, if they were to be kept.
        problems: what is wrong.
    """

    roots: list[bytes | None] = field(default_factory=list)
    edge: bytes | None = b""
    size: int = 0
    whole: bool = True
    sealed: bool = True
    entries: list[bytes] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def check_stretch(stretch: Stretch) -> Found:
    """Check bundles and the tiles of their leaf hashes."""
    log, found = stretch.log, Found()
    for index in range(stretch.start, stretch.end):
        place = tile_at(None, index, log.head.size)
        assert place is not None
        entries = _entries(log, place, found.problems)
        below = None if entries is None else b"".join(map(leaf_hash, entries))
        tile = replace(place, level=0)
        hashes = log.settle(tile, log.read(tile, found.problems), below, found.problems)
        if found.whole and entries is not None:
            new = entries[max(0, log.first_index - place.start) :]
            found.size += len(new)
            found.entries += new if stretch.keep_entries else ()
        found.whole &= entries is not None
        found.sealed &= below is None or below == hashes
        if place.width < TILE_WIDTH:
            found.edge = hashes
        else:
            found.roots.append(None if hashes is None else join_root(hashes))
    return found


def _entries(log: LogFiles, place: Tile, problems: list[Problem]) -> list[bytes] | None:
    """Read the entries of a bundle; None when it is missing or broken."""
    data = log.read(place, problems)
    try:
        return None if data is None else read_bundle(data, place)
    except TamperFound as refused:
        problems += refused.problems
        return None


def same_bytes(one: bytes, other: bytes) -> int:
    """How many bytes two files have in common before they differ."""
    return len(tuple(takewhile(bool, map(eq, one, other))))
