"""One connection to PostgreSQL that holds one named thing for writing: its tables, its lock, and what may go wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Lock
from typing import Any, LiteralString

from oreloop.base.errors import BadInput, Conflict, NotFound, Unavailable

try:
    import psycopg
    from psycopg.conninfo import conninfo_to_dict
    from psycopg.errors import UniqueViolation
except ImportError as missing:
    raise NotFound.of("adapters.extra_missing", package="psycopg", extra="postgres") from missing

_SETTING_UP = 0x6F72656C6F6F70  # "oreloop": the advisory lock of whoever makes the tables
_LOCK_OF = "SELECT hashtextextended(to_regclass(%s)::oid::text || ' ' || %s, 0)"
_HOLDER = """
    SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (classid::bigint << 32 | objid::bigint) = %s
"""
_MUST_BE_ON = ("synchronous_commit", "fsync", "full_page_writes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """Tables of ours in a database, and the codes by which they are refused.

    Args:
        schema: SQL that makes them, among them ``named``.
        version: of the tables.
        read_version: SQL that gives it.
        named: a table of them; its number and the name of what is held are hashed to the lock.
        in_use: code for what another writer holds.
        not_stored: code for what the server does not take.
    """

    schema: LiteralString
    version: int
    read_version: LiteralString
    named: str
    in_use: str
    not_stored: str


class Database:
    """A connection that holds the lock of one name among ``tables``, for as long as it lives.

    Args:
        conninfo: of libpq, ``postgresql://...`` or ``host=... dbname=...``; the tables are made when they are not there.
        name: of what is held.
        tables: in which it is.

    Raises:
        BadInput: ``adapters.postgres_address``; ``adapters.postgres_version`` when the tables are of another version.
        Conflict: ``tables.in_use``.
        Unavailable: ``tables.not_stored`` without a connection; ``adapters.postgres_unsafe`` when the server does not
            flush what it acknowledges.
    """

    def __init__(self, conninfo: str, name: str, tables: Tables) -> None:
        self._name, self._tables = name, tables
        self._turn = Lock()
        try:
            self._secret = str(conninfo_to_dict(conninfo).get("password", ""))
        except psycopg.Error:  # its words quote the address, and so the password
            raise BadInput.of("adapters.postgres_address") from None
        with self._said(tables.not_stored):
            self.connection = psycopg.connect(conninfo, autocommit=True)
        try:
            with self._said(tables.not_stored):
                self._make_tables()
                self._require_flushing()
                self._lock = self._hold()
        except BaseException:
            self.connection.close()
            raise

    @contextmanager
    def turn(self, code: str) -> Iterator[None]:
        """Use the connection alone, and turn what the server or the connection says into Unavailable by a code."""
        with self._turn, self._said(code):
            yield

    @contextmanager
    def opening(self) -> Iterator[None]:
        """Take a `turn` that lets go of all if it fails: for what a store asks before anybody can close it."""
        try:
            with self.turn(self._tables.not_stored):
                yield
        except BaseException:
            self.close()
            raise

    def value(self, query: LiteralString, *given: object) -> Any:
        """Give the first value of the first row, or None."""
        row = self.connection.execute(query, given).fetchone()
        return None if row is None else row[0]

    def close(self) -> None:
        """Let go of the lock at once, not only when the server finds that the connection has ended."""
        with self._turn:
            with suppress(psycopg.Error):
                self.connection.execute("SELECT pg_advisory_unlock(%s)", (self._lock,))
            self.connection.close()

    def _make_tables(self) -> None:
        tables = self._tables
        with self.connection.transaction():
            self.value("SELECT pg_advisory_xact_lock(%s)", _SETTING_UP)
            if self.value("SELECT to_regclass(%s)::text", tables.named) is None:
                self.connection.execute(tables.schema)
            version = self.value(tables.read_version)
            if version != tables.version:
                raise BadInput.of("adapters.postgres_version", got=version, expected=tables.version)

    def _require_flushing(self) -> None:
        self.connection.execute("SET synchronous_commit TO on")
        for setting in _MUST_BE_ON:
            got = self.value("SELECT current_setting(%s)", setting)
            if got != "on":
                raise Unavailable.of("adapters.postgres_unsafe", setting=setting, got=got)

    def _hold(self) -> int:
        lock: int = self.value(_LOCK_OF, self._tables.named, self._name)
        if not self.value("SELECT pg_try_advisory_lock(%s)", lock):
            raise Conflict.of(self._tables.in_use, got=self._name, holder=self.value(_HOLDER, lock) or "?")
        return lock

    @contextmanager
    def _said(self, code: str) -> Iterator[None]:
        try:
            yield
        except UniqueViolation as error:
            raise Conflict.of(self._tables.in_use, got=self._name, holder="?") from error
        except psycopg.Error as error:
            said = error.diag.message_primary or next(iter(str(error).splitlines()), type(error).__name__)
            reason = said.replace(self._secret, "***") if self._secret else said
            raise Unavailable.of(code, got=self._name, reason=reason) from error
