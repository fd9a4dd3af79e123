"""SQLite's files as they are written: a layer between SQLite and the disk that records, and fails when asked to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
from crash_disk import ROOT, Event, Link, Sync, Told, Truncate, Unlink, Write, after_kill, lay_out

_NAMED = apsw.SQLITE_OPEN_MAIN_DB | apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_WAL
_SYNCS_FOLDER = apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_WAL


class Disk:
    """The record of one folder.

    Args:
        folder: where SQLite's files really are.
        past: what happened to the folder before; its files are laid out as the death of a process left them.
        fail: number of the write or flush, counted from 0, that fails; None: none does.
        kinds: what is counted, of "write" and "sync".
    """

    def __init__(
        self, folder: Path, past: list[Event] | None = None, *, fail: int | None = None, kinds: str = "sync"
    ) -> None:
        self.folder = folder
        self.events = list(past or ())
        self.names: dict[str, int] = {}
        self._fail, self._kinds = fail, kinds
        for event in self.events:
            if isinstance(event, Link):
                self.names[event.name] = event.child
            elif isinstance(event, Unlink):
                del self.names[event.name]
        self._last = max((event.child for event in self.events if isinstance(event, Link)), default=0)
        lay_out(after_kill(self.events), folder)

    @classmethod
    def holding(cls, files: dict[str, bytes], folder: Path) -> Disk:
        """A disk on which these files are sure."""
        past: list[Event] = []
        for number, (name, data) in enumerate(files.items(), 1):
            past += [Link(ROOT, name, number), Write(number, 0, data), Sync(number)]
        return cls(folder, [*past, Sync(ROOT)])

    def say(self, what: Any) -> None:
        """Note what the world is told at this moment."""
        self.events.append(Told(what))

    def opened(self, name: str) -> int:
        if name not in self.names:
            self._last += 1
            self.names[name] = self._last
            self.events.append(Link(ROOT, name, self._last))
        return self.names[name]

    def removed(self, name: str) -> None:
        if self.names.pop(name, None) is not None:
            self.events.append(Unlink(ROOT, name))

    def flushed(self, path: Path) -> None:
        """Note a flush that did not go through SQLite."""
        if path == self.folder:
            self.events.append(Sync(ROOT))
        elif path.parent == self.folder and path.name in self.names:
            self.events.append(Sync(self.names[path.name]))

    def fails(self, kind: str) -> bool:
        """Tell whether this write or flush is the one that fails."""
        if self._fail is None or kind not in self._kinds:
            return False
        self._fail -= 1
        return self._fail == -1


class _File(apsw.VFSFile):
    def __init__(self, disk: Disk, name: apsw.URIFilename | str | None, flags: list[int]) -> None:
        super().__init__("unix", name, flags)
        self._disk, self._inode = disk, None
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        if path is not None and flags[0] & _NAMED and Path(path).parent == disk.folder:
            self._inode = disk.opened(Path(path).name)
        # unix: a journal or WAL that may be new brings its name to the disk with its first flush
        self._name_unsure = bool(flags[0] & _SYNCS_FOLDER and flags[0] & apsw.SQLITE_OPEN_CREATE)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        if self._disk.fails("write"):
            half = bytes(data)[: len(data) // 2]
            super().xWrite(half, offset)
            self._note(Write(self._inode or 0, offset, half))
            raise apsw.FullError
        super().xWrite(data, offset)
        self._note(Write(self._inode or 0, offset, bytes(data)))

    def xTruncate(self, size: int) -> None:  # noqa: N802
        super().xTruncate(size)
        self._note(Truncate(self._inode or 0, size))

    def xSync(self, flags: int) -> None:  # noqa: N802
        if self._disk.fails("sync"):
            self._note(Sync(self._inode or 0, ok=False))
            raise apsw.IOError
        super().xSync(flags)
        self._note(Sync(self._inode or 0))
        if self._name_unsure:
            self._note(Sync(ROOT))
            self._name_unsure = False

    def _note(self, event: Event) -> None:
        if self._inode is not None:
            self._disk.events.append(event)


class _Recording(apsw.VFS):
    def __init__(self, disk: Disk) -> None:
        super().__init__("oreloop-crash", "unix", makedefault=True)
        self._disk = disk

    def xOpen(self, name: apsw.URIFilename | str | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        return _File(self._disk, name, flags)

    def xDelete(self, name: str, sync_folder: bool) -> None:  # noqa: N802
        super().xDelete(name, sync_folder)
        if Path(name).parent == self._disk.folder:
            self._disk.removed(Path(name).name)
            if sync_folder:
                self._disk.events.append(Sync(ROOT))


@contextmanager
def recorded(disk: Disk) -> Iterator[Disk]:
    """Record what every connection opened meanwhile does, and what is flushed beside them; close all before the end."""
    layer, fsync = _Recording(disk), os.fsync

    def noted(handle: int) -> None:
        fsync(handle)
        disk.flushed(Path(os.readlink(f"/proc/self/fd/{handle}")))

    os.fsync = noted
    try:
        yield disk
    finally:
        os.fsync = fsync
        layer.unregister()
