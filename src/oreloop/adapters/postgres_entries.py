"""Entries of logs in PostgreSQL, many logs in one table: one writer for each, one transaction for each append.

The writer of a log holds an advisory lock for as long as its connection lives. Primary key and unique constraint are the
last guard: should two writers ever meet, the later one's transaction fails as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Lock
from typing import Any, LiteralString

from oreloop.base.errors import BadInput, Conflict, NotFound, Unavailable
from oreloop.log.live.ports import Leaf, checked_range

try:
    import psycopg
    from psycopg.conninfo import conninfo_to_dict
    from psycopg.errors import UniqueViolation
except ImportError as missing:
    raise NotFound.of("adapters.extra_missing", package="psycopg", extra="postgres") from missing

_VERSION = 1
_SETTING_UP = 0x6F72656C6F6F70  # "oreloop": the advisory lock of whoever makes the tables
_SCHEMA = """
    CREATE TABLE oreloop_log_version (version integer NOT NULL);
    INSERT INTO oreloop_log_version VALUES (1);
    CREATE TABLE oreloop_logs (log integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE);
    CREATE TABLE oreloop_log_entries (
        log integer NOT NULL,
        index bigint NOT NULL CHECK (index >= 0),
        hash bytea NOT NULL CHECK (octet_length(hash) = 32),
        entry bytea NOT NULL,
        PRIMARY KEY (log, index),
        UNIQUE (log, hash)
    );
"""  # without a foreign key to oreloop_logs: checking it for every entry would halve the rate, and only _open makes numbers
_FIND_LOG = "SELECT log FROM oreloop_logs WHERE name = %s"
_ADD_LOG = "INSERT INTO oreloop_logs (name) VALUES (%s) RETURNING log"
_LOCK_OF = "SELECT hashtextextended('oreloop_log_entries'::regclass::oid::text || ' ' || %s, 0)"
_HOLDER = """
    SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (classid::bigint << 32 | objid::bigint) = %s
"""
_SIZE = "SELECT coalesce(max(index) + 1, 0) FROM oreloop_log_entries WHERE log = %s"
_FIND = "SELECT hash, index FROM oreloop_log_entries WHERE log = %s AND hash = ANY(%b)"
_ADD = "COPY oreloop_log_entries (log, index, hash, entry) FROM STDIN (FORMAT BINARY)"
_READ = "SELECT entry FROM oreloop_log_entries WHERE log = %s AND index >= %s AND index < %s ORDER BY index"
_MUST_BE_ON = ("synchronous_commit", "fsync", "full_page_writes")


class PostgresEntries:
    """Entries of one log in a PostgreSQL database (port `Entries`), over one connection.

    When the connection is lost during an append, the server may have stored the entries all the same: open the log
    again and repeat the append, and each entry gets the one index that it has.

    Args:
        conninfo: of libpq, ``postgresql://...`` or ``host=... dbname=...``; the tables are made when they are not there.
        log: name of the log in the database; its origin will do.

    Raises:
        BadInput: ``adapters.postgres_address``; ``adapters.postgres_version`` when the tables are of another version.
        Conflict: ``log.in_use``.
        Unavailable: ``log.not_stored`` without a connection; ``adapters.postgres_unsafe`` when the server does not
            flush what it acknowledges.
    """

    def __init__(self, conninfo: str, log: str) -> None:
        self._name = log
        self._turn = Lock()
        try:
            self._secret = str(conninfo_to_dict(conninfo).get("password", ""))
        except psycopg.Error:  # its words quote the address, and so the password
            raise BadInput.of("adapters.postgres_address") from None
        with self._answered("log.not_stored"):
            self._connection = psycopg.connect(conninfo, autocommit=True)
        try:
            with self._answered("log.not_stored"):
                self._log, self._lock = self._open()
                self._size: int = self._value(_SIZE, self._log)
        except BaseException:
            self._connection.close()
            raise

    def size(self) -> int:
        """Give the number of entries."""
        return self._size

    def append(self, leaves: Sequence[Leaf]) -> list[int]:
        """Store what is new in one transaction; see `Entries.append`."""
        leaves = list(leaves)
        if not leaves:
            return []
        with self._turn, self._answered("log.not_stored"):
            with self._connection.transaction(), self._connection.cursor(binary=True) as cursor:
                cursor.execute(_FIND, (self._log, [leaf.hash for leaf in leaves]))
                known: dict[bytes, int] = dict(cursor.fetchall())
                fresh = {leaf.hash: leaf.entry for leaf in leaves if leaf.hash not in known}
                if fresh:
                    with cursor.copy(_ADD) as rows:
                        rows.set_types(("int4", "int8", "bytea", "bytea"))
                        for index, (hashed, entry) in enumerate(fresh.items(), self._size):
                            rows.write_row((self._log, index, hashed, entry))
            known.update(zip(fresh, range(self._size, self._size + len(fresh)), strict=True))
            self._size += len(fresh)
        return [known[leaf.hash] for leaf in leaves]

    def read(self, start: int, end: int) -> list[bytes]:
        """Give entries; see `Entries.read`."""
        checked_range(start, end, self._size)
        with self._turn, self._answered("log.not_read"):
            return [entry for (entry,) in self._connection.execute(_READ, (self._log, start, end), binary=True)]

    def close(self) -> None:
        """Let go of the log at once, not only when the server finds that the connection has ended."""
        with self._turn:
            with suppress(psycopg.Error):
                self._connection.execute("SELECT pg_advisory_unlock(%s)", (self._lock,))
            self._connection.close()

    def _open(self) -> tuple[int, int]:
        """Make sure of tables, writer and durability; give the number of the log and its lock."""
        with self._connection.transaction():
            self._value("SELECT pg_advisory_xact_lock(%s)", _SETTING_UP)
            if self._value("SELECT to_regclass('oreloop_log_version')::text") is None:
                self._connection.execute(_SCHEMA)
            version = self._value("SELECT version FROM oreloop_log_version")
            if version != _VERSION:
                raise BadInput.of("adapters.postgres_version", got=version, expected=_VERSION)
            log: int = self._value(_FIND_LOG, self._name) or self._value(_ADD_LOG, self._name)
        self._connection.execute("SET synchronous_commit TO on")
        for setting in _MUST_BE_ON:
            got = self._value("SELECT current_setting(%s)", setting)
            if got != "on":
                raise Unavailable.of("adapters.postgres_unsafe", setting=setting, got=got)
        lock: int = self._value(_LOCK_OF, self._name)
        if not self._value("SELECT pg_try_advisory_lock(%s)", lock):
            raise Conflict.of("log.in_use", got=self._name, holder=self._value(_HOLDER, lock) or "?")
        return log, lock

    def _value(self, query: LiteralString, *given: object) -> Any:
        row = self._connection.execute(query, given).fetchone()
        return None if row is None else row[0]

    @contextmanager
    def _answered(self, code: str) -> Iterator[None]:
        """Turn what the server or the connection says into a refusal, without the password."""
        try:
            yield
        except UniqueViolation as error:
            raise Conflict.of("log.in_use", got=self._name, holder="?") from error
        except psycopg.Error as error:
            said = error.diag.message_primary or next(iter(str(error).splitlines()), type(error).__name__)
            reason = said.replace(self._secret, "***") if self._secret else said
            raise Unavailable.of(code, got=self._name, reason=reason) from error
