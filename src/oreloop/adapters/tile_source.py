"""Where `log.fsck` and `log.mirror` read a log of anybody from: a folder, or a server."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

from oreloop.adapters.http_client import HttpClient, shown
from oreloop.base.closing import Closing
from oreloop.base.errors import NotFound, Unavailable
from oreloop.log.audit.fsck import Run
from oreloop.log.audit.stretch import Found, Source, Stretch
from oreloop.log.tiles import CHECKPOINT, MAX_ENTRY_BYTES, TILE_WIDTH, largest_bytes

CONNECTIONS = 16
"""Requests to a server that are under way at a time."""
_MOST_BYTES = TILE_WIDTH * (2 + MAX_ENTRY_BYTES) + 1
_FEW_STRETCHES = 8
"""So few are checked before another process has started."""
_NOT_THERE = frozenset({404, 410})
_BUSY = frozenset({408, 429})
_Given = TypeVar("_Given")
_Made = TypeVar("_Made")


class FolderSource:
    """A log in a folder: the one that is served, or one that holds it in ``public/``. Links are not followed.

    Args:
        root: the folder.

    Raises:
        NotFound: ``adapters.no_folder``.
        Unavailable: ``adapters.cannot_read``.
    """

    def __init__(self, root: Path) -> None:
        inner = root / "public"
        try:
            self._root = inner if inner.is_dir() and not (root / CHECKPOINT).exists() else root
            there = self._root.is_dir()
        except OSError as error:
            raise Unavailable.of("adapters.cannot_read", got=root, reason=error.strerror) from error
        if not there:
            raise NotFound.of("adapters.no_folder", got=root)

    def read(self, path: str) -> bytes | None:
        """Give a file, cut off where it is longer than any such file may be; None when it is not there.

        Raises:
            Unavailable: ``adapters.cannot_read``.
        """
        try:
            handle = os.open(self._root / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            if os.path.islink(self._root / path):
                return None
            raise Unavailable.of("adapters.cannot_read", got=path, reason=error.strerror) from error
        with os.fdopen(handle, "rb", buffering=0) as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                return None
            return file.read(largest_bytes(path) + 1)

    def paths(self) -> Iterator[str]:
        """List every file, link and device; what is not UTF-8 in a name is escaped.

        Raises:
            Unavailable: ``adapters.cannot_read``.
        """

        def refuse(error: OSError) -> None:
            raise Unavailable.of("adapters.cannot_read", got=error.filename, reason=error.strerror) from error

        for folder, folders, names in os.walk(self._root, onerror=refuse):
            below = Path(folder).relative_to(self._root)
            links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
            for name in (*names, *links):
                yield os.fsencode((below / name).as_posix()).decode("utf-8", "backslashreplace")


class HttpSource(Closing):
    """A log on a server. What the server does not manage at once is asked for again, a little later each time.

    Args:
        url: where ``checkpoint`` and ``tile/`` are.
        tries: how often a file is asked for, at most.
        pause_s: how long to wait before the second time, seconds; then twice as long each time.
        timeout_s: how long an answer may take, seconds.
    """

    def __init__(self, url: str, *, tries: int = 5, pause_s: float = 0.25, timeout_s: float = 30.0) -> None:
        self._url = url.rstrip("/")
        self._tries, self._pause_s = tries, pause_s
        self._client = HttpClient(timeout_s=timeout_s, max_bytes=_MOST_BYTES)
        self._pool = ThreadPoolExecutor(CONNECTIONS, "tiles")

    def read(self, path: str) -> bytes | None:
        """Give a file, cut off where it is longer than any such file may be; None when it is not there.

        Raises:
            BadInput: ``adapters.url``.
            Unavailable: ``adapters.http``.
        """
        url = f"{self._url}/{path}"
        for attempt in range(self._tries):
            if attempt:
                time.sleep(self._pause_s * 2 ** (attempt - 1))
            try:
                reply = self._client.get(url)
            except Unavailable:
                if attempt + 1 == self._tries:
                    raise
                continue
            if reply.status == 200:
                return reply.body[: largest_bytes(path) + 1]
            if reply.status in _NOT_THERE:
                return None
            if reply.status < 500 and reply.status not in _BUSY:
                break
        raise Unavailable.of("adapters.http", url=shown(url), reason=f"status {reply.status}")

    def map(self, work: Callable[[_Given], _Made], given: Iterable[_Given]) -> Iterable[_Made]:
        """Do as `map`, over many connections."""
        return self._pool.map(work, given)

    def close(self) -> None:
        """End the work that is under way and close the connections."""
        self._pool.shutdown(cancel_futures=True)
        self._client.close()


@contextmanager
def opened(place: str, *, workers: int = 1) -> Iterator[tuple[Source, Run]]:
    """Open a log to be checked: its source, and what to give `fsck` as ``run``.

    Args:
        place: a folder, or an address that begins with ``http://`` or ``https://``.
        workers: processes that check a folder; a server is asked from threads.

    Raises:
        NotFound: ``adapters.no_folder``.
        Unavailable: ``adapters.cannot_read``.
    """
    if place.startswith(("http://", "https://")):
        with HttpSource(place) as source:
            yield source, source.map
    elif workers == 1:
        yield FolderSource(Path(place)), map
    else:
        folder = FolderSource(Path(place))
        with ProcessPoolExecutor(workers, get_context("spawn")) as pool:

            def run(check: Callable[[Stretch], Found], stretches: Iterable[Stretch]) -> Iterable[Found]:
                given = list(stretches)
                return pool.map(check, given) if len(given) > _FEW_STRETCHES else map(check, given)

            yield folder, run
