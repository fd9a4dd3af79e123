"""A log as static files (c2sp.org/tlog-tiles): hash tiles, bundles of entries, and the checkpoint."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from oreloop.base.errors import BadInput, Place, TamperFound
from oreloop.log.merkle import HASH_BYTES
from oreloop.log.note import MAX_NOTE_BYTES

CHECKPOINT = "checkpoint"
MAX_ENTRY_BYTES = 65_535
TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
_LENGTH_BYTES = 2
_PATH = re.compile(r"tile/(entries|[0-9]{1,2})/((?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/([0-9]{1,3}))?")


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

    @classmethod
    def parse(cls, path: str) -> Tile | None:
        """Read a path; None for anything but the one writing that `path` gives.

        >>> Tile.parse("tile/0/x001/x234/067.p/5")
        Tile(level=0, index=1234067, width=5)
        >>> Tile.parse("tile/0/x000/067") is Tile.parse("tile/00/067") is None
        True
        """
        found = _PATH.fullmatch(path)
        if found is None:
            return None
        level, index, width = found.groups()
        tile = cls(
            level=None if level == "entries" else int(level),
            index=int(index.replace("x", "").replace("/", "")),
            width=TILE_WIDTH if width is None else int(width),
        )
        return tile if tile.path == path and 0 < tile.width <= TILE_WIDTH else None

    @property
    def full(self) -> Tile:
        """The tile that takes this one's place when it is full."""
        return Tile(level=self.level, index=self.index)

    @property
    def start(self) -> int:
        """The index of the first entry below the tile."""
        return self.index << TILE_HEIGHT * ((self.level or 0) + 1)

    @property
    def end(self) -> int:
        """The index after the last entry below the tile: its start and ``width`` entries, or hashes over entries."""
        return self.start + (self.width << TILE_HEIGHT * (self.level or 0))

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


def tile_at(level: int | None, index: int, size: int) -> Tile | None:
    """Give a tile as wide as it is in a log of ``size`` entries; None when that log does not reach it.

    >>> tile_at(0, 1, 300), tile_at(1, 1, 300)
    (Tile(level=0, index=1, width=44), None)
    """
    width = min(TILE_WIDTH, (size >> TILE_HEIGHT * (level or 0)) - index * TILE_WIDTH)
    return Tile(level=level, index=index, width=width) if width > 0 else None


def largest_bytes(path: str) -> int:
    """Give the length above which a file of a log cannot be right: nobody needs to read more of it."""
    tile = Tile.parse(path)
    if tile is None:
        return MAX_NOTE_BYTES
    return tile.width * (HASH_BYTES if tile.level is not None else _LENGTH_BYTES + MAX_ENTRY_BYTES)


def beginning(data: bytes, tile: Tile, width: int) -> bytes | None:
    """Give the file that a tile or bundle was when it held its first ``width`` hashes or entries.

    Returns:
        A beginning of ``data``; None when ``data`` is not the file of a tile so wide.
    """
    if tile.level is not None:
        return data[: width * HASH_BYTES] if len(data) == tile.width * HASH_BYTES else None
    try:
        entries = read_bundle(data, tile)
    except TamperFound:
        return None
    return data[: sum(_LENGTH_BYTES + len(entry) for entry in entries[:width])]


def bundle(entries: Sequence[bytes]) -> bytes:
    """Write entries one after the other, each behind its length in two bytes, big-endian.

    Raises:
        BadInput: ``log.entry_too_long``.
    """
    longest = max(map(len, entries), default=0)
    if longest > MAX_ENTRY_BYTES:
        raise BadInput.of("log.entry_too_long", expected=MAX_ENTRY_BYTES, got=longest)
    return b"".join([len(entry).to_bytes(_LENGTH_BYTES, "big") + entry for entry in entries])


def read_bundle(data: bytes, tile: Tile) -> list[bytes]:
    """Read the entries of a bundle, exactly as many as its tile says.

    Raises:
        TamperFound: ``log.bundle_shape`` when bytes are missing or left over.
    """
    entries = unbundled(data, tile.width)
    if entries is None:
        raise TamperFound.of("log.bundle_shape", Place(file=tile.path), expected=tile.width)
    return entries


def unbundled(data: bytes, count: int) -> list[bytes] | None:
    """Read what `bundle` wrote; None unless it holds exactly ``count`` entries."""
    entries, position, end = [], 0, len(data)
    for _ in range(count):
        start = position + _LENGTH_BYTES
        if start > end:
            return None
        position = start + (data[start - 2] << 8 | data[start - 1])
        if position > end:
            return None
        entries.append(data[start:position])
    return entries if position == end else None


def _row(level: int | None, count: int) -> Iterator[Tile]:
    full, rest = divmod(count, TILE_WIDTH)
    for index in range(full):
        yield Tile(level=level, index=index)
    if rest:
        yield Tile(level=level, index=full, width=rest)
