"""Folders on disk: read whole, written whole or not at all.

A result appears under its name only when every byte of it is on the disk: files are written into a hidden folder beside
the target, flushed, and put into place in one step. On Linux that step exchanges two names, so a crash at any moment
leaves either the old folder or the new one, and at worst a hidden folder that the next write removes. Where names cannot
be exchanged, two renames follow each other, and a crash between them leaves the old folder as ``.<name>.old``, which the
next write puts back.
"""

from __future__ import annotations

import ctypes
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from oreloop.adapters.durable import flush
from oreloop.base.errors import BadInput, Conflict, NotFound, Unavailable

_HERE, _EXCHANGE = -100, 2
"""``AT_FDCWD`` and ``RENAME_EXCHANGE`` of renameat2(2)."""
LARGEST_FILE_BYTES = 512 * 2**20
"""A file above this is refused before it is read into memory."""


def read_folder(folder: Path, *, hidden: bool = False) -> dict[str, bytes]:
    """Read every file below a folder, sorted by its path relative to it (``/`` between parts).

    Args:
        folder: where to read.
        hidden: whether hidden files and Office lock files (``~$...``) are read too; links are never followed.

    Raises:
        NotFound: ``adapters.no_folder``.
        BadInput: ``adapters.file_too_large``, ``adapters.odd_file`` for a link, socket or device.
        Unavailable: ``adapters.cannot_read``.
    """
    if not folder.is_dir():
        raise NotFound.of("adapters.no_folder", got=folder)
    try:
        return {name: _read(path, name) for name, path in sorted(_files(folder, hidden=hidden))}
    except OSError as error:
        raise Unavailable.of("adapters.cannot_read", got=folder, reason=error.strerror) from error


def read_file(path: Path) -> bytes:
    """Read one file.

    Raises:
        NotFound: ``adapters.no_file``.
        BadInput: ``adapters.file_too_large``.
        Unavailable: ``adapters.cannot_read``.
    """
    if not os.path.isfile(path):  # also for a name that no file can have
        raise NotFound.of("adapters.no_file", got=path)
    try:
        return _read(path, str(path))
    except OSError as error:
        raise Unavailable.of("adapters.cannot_read", got=path, reason=error.strerror) from error


def file_names(folder: Path) -> list[str]:
    """Name every file below a folder, sorted, hidden ones included, without reading them.

    Raises:
        BadInput: ``adapters.odd_file`` for a link (to a folder, too), socket or device.
    """
    found = sorted(_files(folder, hidden=True))
    for name, path in found:
        if path.is_symlink() or not path.is_file():
            raise BadInput.of("adapters.odd_file", got=name)
    return [name for name, _ in found]


def write_folder(
    folder: Path, files: Mapping[str, bytes], *, replace: str | None = None, private: bool = False
) -> None:
    """Write a folder so that it appears complete or not at all.

    Args:
        folder: the target; it must not exist, be empty, or hold a file named ``replace`` (then it is replaced).
        files: content by relative path.
        replace: name of the file by which a folder of our own making is recognised.
        private: whether only its owner may read it (mode 0700, files 0600).

    Raises:
        Conflict: ``adapters.folder_in_use`` when the target holds something that is not ours.
        Unavailable: ``adapters.cannot_write`` (disk full, no permission); the target is left as it was.
    """
    folder = folder.absolute()
    fresh = folder.with_name(f".{folder.name}.new")
    old = folder.with_name(f".{folder.name}.old")
    try:
        if old.exists() and not folder.exists():
            old.rename(folder)
        refuse_in_use(folder, replace=replace)
        _remove(fresh, old)
        fresh.parent.mkdir(parents=True, exist_ok=True)
        fresh.mkdir(mode=0o700 if private else 0o777)
        for name, content in files.items():
            (fresh / name).parent.mkdir(parents=True, exist_ok=True)
            _write(fresh / name, content, mode=0o600 if private else 0o666)
        for directory in {fresh, *(path for path in fresh.rglob("*") if path.is_dir())}:
            flush(directory)
        if folder.exists() and _exchange(fresh, folder):
            old = fresh
        else:
            if folder.exists():
                folder.rename(old)
            fresh.rename(folder)
        flush(folder.parent)
        _remove(old)
    except OSError as error:
        if old.exists() and not folder.exists():
            old.rename(folder)
        shutil.rmtree(fresh, ignore_errors=True)
        raise Unavailable.of("adapters.cannot_write", got=folder, reason=error.strerror) from error


def write_file(path: Path, content: bytes) -> None:
    """Write a file so that it appears with all its bytes or not at all; one that is there is replaced.

    A device or a pipe, such as ``/dev/stdout``, is written to as it is.

    Raises:
        Unavailable: ``adapters.cannot_write``; what was there stays.
    """
    fresh = path.with_name(f".{path.name}.new")
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            path.write_bytes(content)  # a device or a pipe takes bytes; it must not be replaced by a file
            return
        _write(fresh, content)
        fresh.replace(path)
        flush(path.parent)
    except OSError as error:
        with suppress(OSError):
            fresh.unlink()
        raise Unavailable.of("adapters.cannot_write", got=path, reason=error.strerror) from error


def refuse_in_use(folder: Path, *, replace: str | None = None) -> None:
    """Refuse a target that `write_folder` would refuse, before the work whose result it is to take.

    Raises:
        Conflict: ``adapters.folder_in_use``.
    """
    if folder.exists() and not _may_replace(folder, replace):
        raise Conflict.of("adapters.folder_in_use", got=folder)


def write_private(path: Path, content: bytes) -> None:
    """Write a new file that only its owner can read (mode 0600).

    Raises:
        Conflict: ``adapters.file_exists``.
        Unavailable: ``adapters.cannot_write``.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unavailable.of("adapters.cannot_write", got=path, reason=error.strerror) from error
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Conflict.of("adapters.file_exists", got=path) from None
    except OSError as error:
        raise Unavailable.of("adapters.cannot_write", got=path, reason=error.strerror) from error
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def made_private(folder: Path) -> Path:
    """Make a folder that only its owner can enter (mode 0700), or make it so.

    Raises:
        Unavailable: ``adapters.cannot_write``.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
    except OSError as error:
        raise Unavailable.of("adapters.cannot_write", got=folder, reason=error.strerror) from error
    return folder


def _files(folder: Path, *, hidden: bool) -> Iterator[tuple[str, Path]]:
    for path in folder.rglob("*"):
        relative = path.relative_to(folder)
        left_out = not hidden and any(part.startswith((".", "~$")) for part in relative.parts)
        if not left_out and (path.is_symlink() or not path.is_dir()):
            yield relative.as_posix(), path


def _read(path: Path, name: str) -> bytes:
    if path.is_symlink() or not path.is_file():
        raise BadInput.of("adapters.odd_file", got=name)
    if path.stat().st_size > LARGEST_FILE_BYTES:
        raise BadInput.of("adapters.file_too_large", got=name, expected=LARGEST_FILE_BYTES // 2**20)
    return path.read_bytes()


def _may_replace(folder: Path, mark: str | None) -> bool:
    if not folder.is_dir():
        return False
    return not any(folder.iterdir()) or (mark is not None and (folder / mark).is_file())


def _write(path: Path, content: bytes, *, mode: int = 0o666) -> None:
    with open(path, "wb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two names in one step (Linux, ``renameat2`` with ``RENAME_EXCHANGE``); tell whether it was done."""
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    if rename is None:
        return False
    return bool(rename(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0)


def _remove(*folders: Path) -> None:
    for folder in folders:
        if folder.exists():
            shutil.rmtree(folder)
