"""The public files of a log in a folder on a POSIX file system, as any web server can serve them.

A file appears under its name only when all its bytes are on the disk: files are written into a folder beside the public
one (``.<name>.staging``), flushed, renamed, and the folders that they are in are flushed. A crash leaves at worst files
in the staging folder, which the next to open the folder removes; the public folder holds nothing but the log. Whoever
writes holds the lock in the staging folder. Links inside the public folder are not followed: what is behind them is
not there.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from oreloop.adapters.durable import flush, make_folder
from oreloop.adapters.lock import FolderLock
from oreloop.base.errors import Conflict, OreloopError, Place, Unavailable
from oreloop.log.live.ports import checked_path, checked_paths
from oreloop.log.tiles import CHECKPOINT

_FLUSHERS = 16
"""Threads that flush files side by side, so that the file system writes its journal once for many of them."""
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
_NOT_THERE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}


class TileFolder:
    """The public files of one log below the folder ``root`` (port `Tiles`).

    The staging folder is beside ``root``, so both must be on one file system. Neither needs to exist before something
    is written; whoever only reads needs no permission to write.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()
        self._staging = self._root.with_name(f".{self._root.name}.staging")
        with suppress(OSError, OreloopError):  # whoever only reads may not be allowed to look into it
            if self._staging.is_dir():
                with FolderLock(self._staging / "lock"):
                    self._clear_staging()

    def read(self, path: str) -> bytes | None:
        """Give a file, or None when it is not there; see `Tiles.read`."""
        try:
            return self._there(checked_path(path))
        except OSError as error:
            raise Unavailable.of("log.not_read", got=path, reason=error.strerror) from error

    def write(self, files: Mapping[str, bytes], *, replace: bool = False) -> None:
        """Store files durably, flushing each folder once; see `Tiles.write`."""
        folders: dict[str, dict[str, bytes]] = {}
        for path, data in checked_paths(files).items():
            folder, _, name = path.rpartition("/")
            folders.setdefault(folder, {})[name] = data
        with self._writing():
            self._store({folder: self._changed(folder, inside, replace) for folder, inside in folders.items()})

    def publish(self, old: bytes | None, new: bytes) -> None:
        """Put a checkpoint in place of another durably; see `Tiles.publish`."""
        with self._writing():
            if self._there(CHECKPOINT) != old:
                raise Conflict.of("log.published_meanwhile", Place(file=CHECKPOINT))
            self._store({"": {CHECKPOINT: new}})

    def drop(self, folder: str) -> None:
        """Remove every file below a folder, and the folder; see `Tiles.drop`."""
        above, _, name = checked_path(folder).rpartition("/")
        with suppress(Unavailable), self._writing(), self._opened(above) as handle:
            shutil.rmtree(name, ignore_errors=True, dir_fd=handle)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Keep other writers out; when the disk refuses, say so, and leave nothing in the staging folder."""
        with FolderLock(self._staging / "lock", wait=True):
            try:
                yield
            except BaseException as error:
                self._clear_staging()
                if isinstance(error, OSError):
                    raise Unavailable.of("log.not_stored", got=self._root, reason=error.strerror) from error
                raise

    def _changed(self, folder: str, files: Mapping[str, bytes], replace: bool) -> dict[str, bytes]:
        """Choose the files of a folder that are not there with these bytes."""
        try:
            with self._opened(folder) as handle:
                there = {name: _read(name, handle) for name in files.keys() & os.listdir(handle)}
        except FileNotFoundError:
            return dict(files)
        changed = {name: data for name, data in files.items() if there.get(name) != data}
        for name in changed:
            if there.get(name) is not None and not replace:
                raise Conflict.of("log.tile_taken", Place(file=f"{folder}/{name}" if folder else name))
        return changed

    def _store(self, changed: Mapping[str, Mapping[str, bytes]]) -> None:
        """Put changed files, by folder and name, into place, and flush these folders and those above them.

        A folder without changes is flushed as well: whoever stored what is there may have died before that.
        """
        staged = self._stage({(folder, name): data for folder in changed for name, data in changed[folder].items()})
        make_folder(self._root)
        above = {str(parent) for folder in changed for parent in PurePosixPath(folder).parents}
        folders = sorted((above - {"."}) | {"", *changed})
        for folder in folders[1:]:
            self._make(folder)
        for folder in folders:
            with self._opened(folder) as handle:
                for name in changed.get(folder, ()):
                    os.rename(staged[folder, name], name, dst_dir_fd=handle)
                os.fsync(handle)
        flush(self._root.parent)

    def _stage(self, files: Mapping[tuple[str, str], bytes]) -> dict[tuple[str, str], str]:
        """Write files into the staging folder and flush them, many at a time: the disk takes them together."""
        staged = {place: f"{self._staging}/{number}" for number, place in enumerate(files)}
        with ThreadPoolExecutor(_FLUSHERS) as flushers:
            list(flushers.map(_write_flushed, staged.values(), files.values()))
        return staged

    def _make(self, folder: str) -> None:
        above, _, name = folder.rpartition("/")
        with self._opened(above) as handle, suppress(FileExistsError):
            os.mkdir(name, dir_fd=handle)

    def _there(self, path: str) -> bytes | None:
        folder, _, name = path.rpartition("/")
        try:
            with self._opened(folder) as handle:
                return _read(name, handle)
        except (FileNotFoundError, NotADirectoryError):
            return None

    @contextmanager
    def _opened(self, folder: str) -> Iterator[int]:
        """Open a folder step by step from the root, so that no link leads elsewhere."""
        handle = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for part in folder.split("/") if folder else ():
                inner = os.open(part, _FOLDER, dir_fd=handle)
                os.close(handle)
                handle = inner
            yield handle
        finally:
            os.close(handle)

    def _clear_staging(self) -> None:
        with suppress(OSError):  # what stays does no harm: the next to open the folder tries again
            for left in self._staging.iterdir():
                if left.name != "lock":
                    left.unlink()


def _read(name: str, folder: int) -> bytes | None:
    """Read a file of an open folder; what is not a file is not there."""
    try:
        handle = os.open(name, _FILE, dir_fd=folder)
    except OSError as error:
        if error.errno in _NOT_THERE:
            return None
        raise
    try:
        about = os.fstat(handle)
        return os.read(handle, about.st_size) if stat.S_ISREG(about.st_mode) else None
    finally:
        os.close(handle)


def _write_flushed(path: str, data: bytes) -> None:
    """Write a file and flush it, in as few calls as can be: there may be thousands of them."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644)
    try:
        left = memoryview(data)
        while left:
            left = left[os.write(handle, left) :]
        os.fsync(handle)
    finally:
        os.close(handle)
