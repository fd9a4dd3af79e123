"""A lock that one process at a time can hold, and that its death lets go of."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

from oreloop.adapters.durable import make_folder
from oreloop.base.closing import Closing
from oreloop.base.errors import Conflict, Unavailable


class FolderLock(Closing):
    """A lock that is held from construction to `close`, by means of flock(2) on a file.

    The kernel lets go of it when the process dies, however it dies. The file holds the process number of whoever has
    or had the lock last, and stays: if it were removed, two processes could hold a lock of one name.

    Args:
        path: the file, e.g. ``DIR/lock``; made, with its folder, when it is not there.
        wait: whether to wait for whoever holds it, or to be refused.

    Raises:
        Conflict: ``log.in_use``.
        Unavailable: ``log.not_stored`` when the file cannot be made or locked.
    """

    def __init__(self, path: Path, *, wait: bool = False) -> None:
        self._handle: int | None = None
        try:
            make_folder(path.parent)
            self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
            fcntl.flock(self._handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            holder = self._holder()
            self.close()
            raise Conflict.of("log.in_use", got=path.parent, holder=holder) from None
        except OSError as error:
            self.close()
            raise Unavailable.of("log.not_stored", got=path, reason=error.strerror) from error
        self._say_holder()

    def close(self) -> None:
        """Let go of the lock; once more does no harm."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def _holder(self) -> str:
        assert self._handle is not None
        return os.pread(self._handle, 20, 0).decode("ascii", "replace") or "?"

    def _say_holder(self) -> None:
        assert self._handle is not None
        with contextlib.suppress(OSError):  # a full disk: the lock holds all the same
            os.ftruncate(self._handle, 0)
            os.pwrite(self._handle, str(os.getpid()).encode(), 0)
