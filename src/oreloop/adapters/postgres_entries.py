"""Entries of logs in PostgreSQL, many logs in one table: one writer for each, one transaction for each append.

The writer of a log holds an advisory lock for as long as its connection lives. Primary key and unique constraint are the
last guard: should two writers ever meet, the later one's transaction fails as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence

from oreloop.adapters.postgres import Database, Tables
from oreloop.log.live.ports import Leaf, checked_range

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
"""  # without a foreign key to oreloop_logs: checking it for every entry would halve the rate, and only a writer makes numbers
_FIND_LOG = "SELECT log FROM oreloop_logs WHERE name = %s"
_ADD_LOG = "INSERT INTO oreloop_logs (name) VALUES (%s) RETURNING log"
_SIZE = "SELECT coalesce(max(index) + 1, 0) FROM oreloop_log_entries WHERE log = %s"
_FIND = "SELECT hash, index FROM oreloop_log_entries WHERE log = %s AND hash = ANY(%b)"
_ADD = "COPY oreloop_log_entries (log, index, hash, entry) FROM STDIN (FORMAT BINARY)"
_READ = "SELECT entry FROM oreloop_log_entries WHERE log = %s AND index >= %s AND index < %s ORDER BY index"
_TABLES = Tables(
    schema=_SCHEMA,
    version=1,
    read_version="SELECT version FROM oreloop_log_version",
    named="oreloop_log_entries",
    in_use="log.in_use",
    not_stored="log.not_stored",
)


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
        self._database = Database(conninfo, log, _TABLES)
        with self._database.opening():
            value = self._database.value
            self._log: int = value(_FIND_LOG, log) or value(_ADD_LOG, log)
            self._size: int = value(_SIZE, self._log)

    def size(self) -> int:
        """Give the number of entries."""
        return self._size

    def append(self, leaves: Sequence[Leaf]) -> list[int]:
        """Store what is new in one transaction; see `Entries.append`."""
        leaves = list(leaves)
        if not leaves:
            return []
        connection = self._database.connection
        with self._database.turn("log.not_stored"):
            with connection.transaction(), connection.cursor(binary=True) as cursor:
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
        given = self._log, start, end
        with self._database.turn("log.not_read"):
            return [entry for (entry,) in self._database.connection.execute(_READ, given, binary=True)]

    def close(self) -> None:
        """Let go of the log."""
        self._database.close()
