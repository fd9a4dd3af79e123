"""A log as static files (c2sp.org/tlog-tiles): hash tiles, bundles of entries, and the checkpoint."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from oreloop.base.errors import BadInput, Place, TamperFound
from oreloop.log.checkpoint import Checkpoint, speaks_for
from oreloop.log.keys import Signer
from oreloop.log.merkle import HASH_BYTES, Tree
from oreloop.log.note import sign

CHECKPOINT = "checkpoint"
MAX_ENTRY_BYTES = 65_535
TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
_LENGTH_BYTES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """Where a file of a log is in its tree.

    Args:
        level: level of tiles, from 0 at the leaves; None for a bundle of entries.
        index: place in its level, from 0.
        width: hashes or entries in it, 1 to 256.
    """

    level: int | None
    index: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """The path of the file, below the log.

        >>> Tile(level=0, index=1_234_067, width=5).path
        'tile/0/x001/x234/067.p/5'
        >>> Tile(level=None, index=0).path
        'tile/entries/000'
        """
        rest, last = divmod(self.index, 1000)
        steps = [f"{last:03d}"]
        while rest:
            rest, step = divmod(rest, 1000)
            steps.append(f"x{step:03d}")
        level = "entries" if self.level is None else self.level
        partial = "" if self.width == TILE_WIDTH else f".p/{self.width}"
        return f"tile/{level}/{'/'.join(reversed(steps))}{partial}"


def bundles_of(size: int) -> Iterator[Tile]:
    """List the bundles of entries of a log of ``size`` entries."""
    return _row(None, size)


def tiles_of(size: int) -> Iterator[Tile]:
    """List the hash tiles of a log of ``size`` entries, from the leaves up."""
    level = 0
    while size:
        yield from _row(level, size)
        level, size = level + 1, size >> TILE_HEIGHT


def bundle(entries: Sequence[bytes]) -> bytes:
    """Write entries one after the other, each behind its length in two bytes, big-endian.

    Raises:
        BadInput: ``log.entry_too_long``.
    """
    for entry in entries:
        if len(entry) > MAX_ENTRY_BYTES:
            raise BadInput.of("log.entry_too_long", expected=MAX_ENTRY_BYTES, got=len(entry))
    return b"".join(len(entry).to_bytes(_LENGTH_BYTES, "big") + entry for entry in entries)


def read_bundle(data: bytes, tile: Tile) -> list[bytes]:
    """Read the entries of a bundle, exactly as many as its tile says.

    Raises:
        TamperFound: ``log.bundle_shape`` when bytes are missing or left over.
    """
    entries, position = [], 0
    for _ in range(tile.width):
        start = position + _LENGTH_BYTES
        position = start + int.from_bytes(data[position:start], "big")
        if position > len(data):
            break
        entries.append(data[start:position])
    if len(entries) != tile.width or position != len(data):
        raise TamperFound.of("log.bundle_shape", Place(file=tile.path), expected=tile.width, got=len(entries))
    return entries


def tree_files(entries: Sequence[bytes], tree: Tree) -> dict[str, bytes]:
    """Give every file of a log but its checkpoint, by path.

    Args:
        entries: all entries of the log.
        tree: the tree over these entries.

    Raises:
        BadInput: ``log.entry_too_long``.
    """
    files = {
        tile.path: bundle(entries[tile.index * TILE_WIDTH : tile.index * TILE_WIDTH + tile.width])
        for tile in bundles_of(tree.size)
    }
    for tile in tiles_of(tree.size):
        assert tile.level is not None
        start = tile.index * TILE_WIDTH * HASH_BYTES
        level = tree.levels[tile.level * TILE_HEIGHT]
        files[tile.path] = level[start : start + tile.width * HASH_BYTES]
    return files


def static_log(entries: Sequence[bytes], signer: Signer, origin: str) -> dict[str, bytes]:
    """Give every file of a finished log, its signed checkpoint included, by path.

    Args:
        entries: each at most 65,535 bytes.
        signer: key of the log; `checkpoint.speaks_for` says for which origins.
        origin: identity of the log.

    Raises:
        BadInput: ``log.entry_too_long``; ``log.checkpoint_shape``; ``log.origin_of_key``.

    >>> sorted(static_log([b"heat 1"], Signer.from_seed("metal.example", bytes(32)), "metal.example/log"))
    ['checkpoint', 'tile/0/000.p/1', 'tile/entries/000.p/1']
    """
    if not speaks_for(signer.name, origin):
        raise BadInput.of("log.origin_of_key", origin=origin, name=signer.name)
    tree = Tree.of_entries(entries)
    head = Checkpoint(origin=origin, size=tree.size, root=tree.root())
    return {CHECKPOINT: sign(head.text, [signer]), **tree_files(entries, tree)}


def _row(level: int | None, count: int) -> Iterator[Tile]:
    full, rest = divmod(count, TILE_WIDTH)
    for index in range(full):
        yield Tile(level=level, index=index)
    if rest:
        yield Tile(level=level, index=full, width=rest)
