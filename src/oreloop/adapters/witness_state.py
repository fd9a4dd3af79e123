"""The memory of a witness in a file of SQLite: one row for each log, durable before a cosignature leaves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

import apsw

from oreloop.base.closing import Closing
from oreloop.base.errors import Unavailable
from oreloop.log.witness import Fork

_BUSY_MS = 10_000
_TABLES = """
CREATE TABLE IF NOT EXISTS cosigned (origin TEXT NOT NULL PRIMARY KEY, note BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS fork (
    origin TEXT NOT NULL, suspicion INTEGER NOT NULL, held BLOB NOT NULL, refused BLOB NOT NULL,
    PRIMARY KEY (origin, suspicion)
) STRICT, WITHOUT ROWID;
"""
_FIRST = "INSERT INTO cosigned (origin, note) VALUES (:origin, :new) ON CONFLICT DO NOTHING"
_NEXT = "UPDATE cosigned SET note = :new WHERE origin = :origin AND note = :old"
_KEEP = """
INSERT INTO fork (origin, suspicion, held, refused) VALUES (:origin, :suspicion, :held, :refused)
ON CONFLICT DO UPDATE SET held = excluded.held, refused = excluded.refused WHERE suspicion
"""
_FORKS = "SELECT held, refused FROM fork ORDER BY origin, suspicion"


class SqliteWitnessState(Closing):
    """`WitnessState` in one file; safe for many threads, and for several processes at once.

    Args:
        path: the file; made when it is not there, but not its folder.

    Raises:
        Unavailable: ``log.not_stored`` when the file cannot be opened, or is something else.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()
        with self._doing("log.not_stored"):
            self._connection = apsw.Connection(str(path))
            try:
                self._connection.set_busy_timeout(_BUSY_MS)
                # FULL: each commit of a write-ahead log reaches the disk before it is reported.
                self._connection.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL")
                self._connection.execute(f"BEGIN IMMEDIATE; {_TABLES} COMMIT")
            except apsw.Error:
                self._connection.close()
                raise

    def read(self, origin: str) -> bytes | None:
        """Give the note that was cosigned last, or None.

        Raises:
            Unavailable: ``log.not_read``.
        """
        with self._doing("log.not_read"):
            note: bytes | None = self._connection.execute("SELECT note FROM cosigned WHERE origin = ?", (origin,)).get
            return note

    def swap(self, origin: str, old: bytes | None, new: bytes) -> bool:
        """Put ``new`` in place of ``old`` durably, or give False.

        Raises:
            Unavailable: ``log.not_stored``.
        """
        with self._doing("log.not_stored"):
            return self._write(_FIRST if old is None else _NEXT, {"origin": origin, "old": old, "new": new}) == 1

    def keep(self, fork: Fork) -> None:
        """Keep the first proven fork and the latest suspicion of an origin.

        Raises:
            Unavailable: ``log.not_stored``.
        """
        row = {"origin": fork.origin, "suspicion": not fork.proven, "held": fork.held, "refused": fork.refused}
        with self._doing("log.not_stored"):
            self._write(_KEEP, row)

    def forks(self) -> list[Fork]:
        """Give the evidence that is kept.

        Raises:
            Unavailable: ``log.not_read``.
        """
        with self._doing("log.not_read"):
            return [Fork(held=held, refused=refused) for held, refused in self._connection.execute(_FORKS)]

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def _write(self, statement: str, values: dict[str, object]) -> int:
        """Run one statement in a transaction of its own, taking its turn before it looks; give how many rows changed."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._connection.execute(statement, values)
            changed = self._connection.changes()
            self._connection.execute("COMMIT")
        except apsw.Error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        return changed

    @contextmanager
    def _doing(self, code: str) -> Iterator[None]:
        """One thread at a time; what SQLite cannot do becomes a refusal."""
        with self._lock:
            try:
                yield
            except (apsw.Error, OSError) as error:
                raise Unavailable.of(code, got=self._path, reason=error) from error
