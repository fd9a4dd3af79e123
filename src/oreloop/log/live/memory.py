"""A log in memory: for a log that is written out whole at its end, and for trying things out."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from types import MappingProxyType

from oreloop.base.errors import Conflict, Place
from oreloop.log.live.ports import Leaf, checked_path, checked_paths, checked_range
from oreloop.log.tiles import CHECKPOINT


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What `MemoryEntries` keeps; it outlives the one who writes to it, as a disk does."""

    entries: list[bytes] = field(default_factory=list)
    index_of: dict[bytes, int] = field(default_factory=dict)
    writing: Lock = field(default_factory=Lock)


class MemoryEntries:
    """Entries in memory (port `Entries`).

    Args:
        kept: entries to go on with; by default, none.

    Raises:
        Conflict: ``log.in_use`` when another has them open.

    >>> MemoryEntries().append([Leaf(bytes(32), b"heat 1"), Leaf(bytes(32), b"heat 1")])
    [0, 0]
    """

    def __init__(self, kept: Kept | None = None) -> None:
        self._kept = kept or Kept()
        self._open = self._kept.writing.acquire(blocking=False)
        if not self._open:
            raise Conflict.of("log.in_use", got="in memory", holder=os.getpid())

    def size(self) -> int:
        """Give the number of entries."""
        return len(self._kept.entries)

    def append(self, leaves: Sequence[Leaf]) -> list[int]:
        """Store entries that are not there yet; see `Entries.append`."""
        known, size = self._kept.index_of, self.size()
        fresh = {leaf.hash: leaf.entry for leaf in leaves if leaf.hash not in known}
        known.update(zip(fresh, range(size, size + len(fresh)), strict=True))
        self._kept.entries.extend(fresh.values())
        return [known[leaf.hash] for leaf in leaves]

    def read(self, start: int, end: int) -> list[bytes]:
        """Give entries; see `Entries.read`."""
        checked_range(start, end, self.size())
        return self._kept.entries[start:end]

    def close(self) -> None:
        """Let go of the entries."""
        if self._open:
            self._open = False
            self._kept.writing.release()


class MemoryTiles:
    """The public files of a log in memory (port `Tiles`).

    >>> tiles = MemoryTiles()
    >>> tiles.publish(None, b"a checkpoint")
    >>> dict(tiles.files)
    {'checkpoint': b'a checkpoint'}
    """

    def __init__(self) -> None:
        self._files: dict[str, bytes] = {}
        self._changing = Lock()

    @property
    def files(self) -> Mapping[str, bytes]:
        """Every file by its path: a view that follows the log."""
        return MappingProxyType(self._files)

    def read(self, path: str) -> bytes | None:
        """Give a file, or None; see `Tiles.read`."""
        return self._files.get(checked_path(path))

    def write(self, files: Mapping[str, bytes], *, replace: bool = False) -> None:
        """Store files; see `Tiles.write`."""
        checked_paths(files)
        with self._changing:
            for path, data in files.items():
                if not replace and self._files.get(path, data) != data:
                    raise Conflict.of("log.tile_taken", Place(file=path))
            self._files |= files

    def publish(self, old: bytes | None, new: bytes) -> None:
        """Put a checkpoint in place of another; see `Tiles.publish`."""
        with self._changing:
            if self._files.get(CHECKPOINT) != old:
                raise Conflict.of("log.published_meanwhile", Place(file=CHECKPOINT))
            self._files[CHECKPOINT] = new

    def drop(self, folder: str) -> None:
        """Remove every file below a folder; see `Tiles.drop`."""
        below = checked_path(folder) + "/"
        with self._changing:
            for path in [path for path in self._files if path.startswith(below)]:
                del self._files[path]
