"""One SQLite file with one writer: opening it, keeping its write-ahead log short, and saying what is wrong with it."""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import apsw

from oreloop.adapters.durable import flush
from oreloop.base.errors import BadInput, OreloopError, TamperFound, Unavailable

TIDY_PAGES = 4_096
"""Pages of 8 KiB in the write-ahead log from which on it is moved into the database beside the commits."""
MOST_PAGES = 32_768
"""Pages at which commits wait for that: on a disk that cannot keep up, the write-ahead log would grow for ever."""
BUSY_MS = 5_000
"""How long to wait for whoever has the file locked, such as a reader while the write-ahead log is emptied."""

_PRAGMAS = """
    PRAGMA page_size = 8192;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileKind:
    """A kind of SQLite file of ours, and the codes by which it is refused.

    Args:
        application_id: four bytes that mark it.
        version: of its tables.
        schema: SQL that makes them.
        cache_kib: pages held in memory by each connection, KiB.
        mode: of a new file, and so of its write-ahead log.
        foreign: code for a file that is something else.
        other_version: code for a file of another version.
        damaged: code for a damaged file.
    """

    application_id: int
    version: int
    schema: str
    cache_kib: int
    mode: int
    foreign: str
    other_version: str
    damaged: str

    def connected(self, path: Path) -> apsw.Connection:
        """Open a file for reading and writing, and make its tables when it is new.

        Raises:
            BadInput: ``foreign`` or ``other_version``.
            apsw.Error: from SQLite.
            OSError: when it cannot be made.
        """
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, self.mode))
        connection = apsw.Connection(str(path))
        try:
            connection.set_busy_timeout(BUSY_MS)
            empty = self._checked(connection, path)
            connection.execute(_PRAGMAS).fetchall()  # each pragma runs when the row of the one before is fetched
            connection.pragma("cache_size", -self.cache_kib)
            if empty:
                with connection:
                    connection.execute(self.schema)
                    connection.pragma("application_id", self.application_id)
                    connection.pragma("user_version", self.version)
        except BaseException:
            connection.close()
            raise
        return connection

    def connected_to_read(self, path: Path) -> apsw.Connection:
        """Open a file that is there, for reading, also while somebody writes to it.

        Raises:
            BadInput: ``foreign`` or ``other_version``.
            apsw.Error: from SQLite.
        """
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            connection.set_busy_timeout(BUSY_MS)
            if self._checked(connection, path):
                raise BadInput.of(self.foreign, got=path)
            connection.pragma("cache_size", -self.cache_kib)
        except BaseException:
            connection.close()
            raise
        return connection

    def refusal(self, error: apsw.Error, path: Path, otherwise: str) -> OreloopError:
        """Say what SQLite says: the file is something else, or damaged, or else Unavailable by a code."""
        if isinstance(error, apsw.NotADBError):
            return BadInput.of(self.foreign, got=path)
        if isinstance(error, apsw.CorruptError):
            return TamperFound.of(self.damaged, got=path)
        return Unavailable.of(otherwise, got=path, reason=str(error))

    def _checked(self, connection: apsw.Connection, path: Path) -> bool:
        """Refuse a file that is not ours; tell whether it is empty."""
        with connection:
            marked = connection.pragma("application_id")
            version = connection.pragma("user_version")
            empty = not connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()
        if not empty and marked != self.application_id:
            raise BadInput.of(self.foreign, got=path)
        if not empty and version != self.version:
            raise BadInput.of(self.other_version, got=path, version=version, expected=self.version)
        return empty


class Tidier:
    """Moves the write-ahead log of a writer into its database, in a thread beside it: commits need not wait for it.

    Args:
        writer: whose commits are counted.
        beside: another connection to the same file, which is closed at the end.
    """

    def __init__(self, writer: apsw.Connection, beside: apsw.Connection) -> None:
        self._beside = beside
        self._thread = ThreadPoolExecutor(1, "oreloop-sqlite-tidy")
        self._moving: Future[None] | None = None
        self._pages = 0
        writer.set_wal_hook(self._count_pages)  # in place of SQLite's own checkpoints, which commits wait for

    def tidy(self) -> None:
        """Start moving when there is much to move. What cannot be moved now stays where it is, durable."""
        if self._pages < TIDY_PAGES or not (self._moving is None or self._moving.done()):
            return
        self._moving = self._thread.submit(self._move)
        if self._pages > MOST_PAGES:
            self.wait()

    def wait(self) -> None:
        """Wait until nothing is being moved."""
        if self._moving is not None:
            self._moving.result()

    def close(self) -> None:
        """Wait, and let go of the file; once more does no harm."""
        self._thread.shutdown()
        self._beside.close()

    def _count_pages(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        self._pages = pages
        return apsw.SQLITE_OK

    def _move(self) -> None:
        with suppress(apsw.Error):
            for _ in range(3):  # while the first pass runs, commits add a little: the next ones are short
                pages, moved = self._beside.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
                if pages == moved:
                    break


def flush_what_is_left(path: Path) -> None:
    """Bring to the disk what a writer that was killed had committed but not flushed: whoever opens it will show it.

    Raises:
        OSError: from the file system.
    """
    wal = path.with_name(f"{path.name}-wal")
    if wal.exists():
        flush(wal)
        flush(path.parent)


def one_integer(connection: apsw.Connection, query: str, given: tuple[int, ...] = ()) -> int:
    """Give the one integer that a query has for an answer.

    Raises:
        apsw.CorruptError: without an answer.
    """
    rows = connection.execute(query, given).fetchall()
    if not rows:
        raise apsw.CorruptError(query)
    return cast("int", rows[0][0])
