"""Documents in PostgreSQL, many stores in one set of tables: one writer for each, one transaction for each call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, LiteralString

from oreloop.adapters.postgres import Database, Tables
from oreloop.base.errors import Conflict, NotFound
from oreloop.record.store.ports import check_documents, check_numbers, checked_range
from oreloop.record.store.values import Edge, Found, Held, Sealed
from oreloop.record.store.walk import walk

_SCHEMA = """
    CREATE TABLE oreloop_store_version (version integer NOT NULL);
    INSERT INTO oreloop_store_version VALUES (1);
    CREATE TABLE oreloop_stores (store integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE);
    CREATE TABLE oreloop_documents (
        store integer NOT NULL,
        number bigint NOT NULL CHECK (number >= 0),
        log_index bigint,
        erased_at_ms bigint,
        leaf bytea NOT NULL,
        PRIMARY KEY (store, number)
    );
    CREATE INDEX oreloop_waiting ON oreloop_documents (store, number) WHERE log_index IS NULL;
    CREATE TABLE oreloop_payloads (
        store integer NOT NULL,
        number bigint NOT NULL,
        data bytea NOT NULL,
        salt bytea NOT NULL,
        attestation bytea NOT NULL,
        PRIMARY KEY (store, number)
    );
    CREATE TABLE oreloop_events (
        store integer NOT NULL,
        number bigint NOT NULL,
        id text NOT NULL,
        content text NOT NULL,
        time_ms bigint NOT NULL,
        kind text NOT NULL,
        taken text[] NOT NULL,
        made text[] NOT NULL,
        PRIMARY KEY (store, id)
    );
    CREATE INDEX oreloop_events_of ON oreloop_events (store, number);
    CREATE TABLE oreloop_touching (
        store integer NOT NULL,
        batch text NOT NULL,
        made boolean NOT NULL,
        number bigint NOT NULL,
        id text NOT NULL,
        PRIMARY KEY (store, batch, made, number, id)
    );
    CREATE INDEX oreloop_touching_of ON oreloop_touching (store, number);
"""
_TABLES = Tables(
    schema=_SCHEMA,
    version=1,
    read_version="SELECT version FROM oreloop_store_version",
    named="oreloop_documents",
    in_use="record.store_in_use",
    not_stored="record.not_stored",
)
_FIND_STORE = "SELECT store FROM oreloop_stores WHERE name = %s"
_ADD_STORE = "INSERT INTO oreloop_stores (name) VALUES (%s) RETURNING store"
_SIZE = "SELECT coalesce(max(number) + 1, 0) FROM oreloop_documents WHERE store = %s"
_ADD_DOCUMENTS = "COPY oreloop_documents (store, number, leaf) FROM STDIN (FORMAT BINARY)"
_ADD_PAYLOADS = "COPY oreloop_payloads FROM STDIN (FORMAT BINARY)"
_ADD_EVENTS = "COPY oreloop_events FROM STDIN (FORMAT BINARY)"
_ADD_TOUCHING = "COPY oreloop_touching FROM STDIN (FORMAT BINARY)"
_PENDING = """
    SELECT number, leaf FROM oreloop_documents WHERE store = %s AND log_index IS NULL ORDER BY number LIMIT %s
"""
_INDICES = """
    SELECT number, log_index FROM oreloop_documents
    WHERE store = %s AND number = ANY(%s::bigint[]) AND log_index IS NOT NULL
"""
_LOGGED = """
    UPDATE oreloop_documents SET log_index = given.log_index
    FROM unnest(%s::bigint[], %s::bigint[]) AS given (number, log_index)
    WHERE store = %s AND oreloop_documents.number = given.number
"""
_ERASED = """
    UPDATE oreloop_documents SET erased_at_ms = %s
    WHERE store = %s AND number = ANY(%s::bigint[]) AND erased_at_ms IS NULL
"""
_ERASE = (
    "DELETE FROM oreloop_payloads WHERE store = %s AND number = ANY(%s::bigint[])",
    "DELETE FROM oreloop_events WHERE store = %s AND number = ANY(%s::bigint[])",
    "DELETE FROM oreloop_touching WHERE store = %s AND number = ANY(%s::bigint[])",
)
_READ = """
    SELECT number, log_index, erased_at_ms, data, salt, leaf, coalesce(attestation, '')
    FROM oreloop_documents LEFT JOIN oreloop_payloads USING (store, number)
    WHERE store = %s AND number >= %s AND number < %s ORDER BY number
"""
_FIND_EVENTS = "SELECT id, number, content FROM oreloop_events WHERE store = %s AND id = ANY(%s::text[])"
_FIND_BATCHES = """
    SELECT batch, max(number) FROM unnest(%s::text[]) AS batch, LATERAL (
        (SELECT number FROM oreloop_touching AS t WHERE store = %s AND t.batch = batch.batch AND made
        ORDER BY number DESC LIMIT 1)
        UNION ALL
        (SELECT number FROM oreloop_touching AS t WHERE store = %s AND t.batch = batch.batch AND NOT made
        ORDER BY number DESC LIMIT 1)
    ) AS last GROUP BY batch
"""
_UP = """
    SELECT batch, id, taken, events.number, kind, time_ms FROM oreloop_touching AS touching
    JOIN oreloop_events AS events USING (store, id) WHERE store = %s AND batch = ANY(%s::text[]) AND touching.made
"""
_DOWN = """
    SELECT batch, id, events.made, events.number, kind, time_ms FROM oreloop_touching AS touching
    JOIN oreloop_events AS events USING (store, id) WHERE store = %s AND batch = ANY(%s::text[]) AND NOT touching.made
"""


class PostgresDocuments:
    """Documents of one store in a PostgreSQL database (ports `Outbox` and `Archive`), over one connection.

    When the connection is lost during a call, the server may have stored the documents all the same: open the store
    again and ask which events are there.

    What `erase` removes is gone for every query at once; on the server's disk, its bytes stay until ``VACUUM`` has run
    and their pages are written anew (at once: ``VACUUM FULL oreloop_payloads, oreloop_events, oreloop_touching``), in its
    write-ahead log until that is recycled, and in archives and backups until these are.

    Args:
        conninfo: of libpq, ``postgresql://...`` or ``host=... dbname=...``; the tables are made when they are not there.
        store: name of the store in the database; the origin of its log will do.

    Raises:
        BadInput: ``adapters.postgres_address``; ``adapters.postgres_version`` when the tables are of another version.
        Conflict: ``record.store_in_use``.
        Unavailable: ``record.not_stored`` without a connection; ``adapters.postgres_unsafe`` when the server does not
            flush what it acknowledges.
    """

    def __init__(self, conninfo: str, store: str) -> None:
        self._database = Database(conninfo, store, _TABLES)
        with self._database.opening():
            value = self._database.value
            self._store: int = value(_FIND_STORE, store) or value(_ADD_STORE, store)

    def put(self, documents: Sequence[Sealed]) -> range:
        """Store documents in one transaction; see `Outbox.put`."""
        documents = list(documents)
        check_documents(documents)
        ids = [entry.id for each in documents for entry in each.events]
        with self._database.turn("record.not_stored"), self._database.connection.transaction():
            there = self._events(ids)
            for each in ids if there else ():
                if each in there:
                    raise Conflict.of("record.event_taken", event=each, number=there[each][0])
            first = self._database.value(_SIZE, self._store)
            self._add(list(enumerate(documents, first)))
        return range(first, first + len(documents))

    def pending(self, limit: int) -> list[tuple[int, bytes]]:
        """Give what is not in the log yet; see `Outbox.pending`."""
        return self._rows(_PENDING, self._store, max(0, limit))

    def logged(self, indices: Mapping[int, int]) -> None:
        """Note indices in the log; see `Outbox.logged`."""
        check_numbers(list(indices), self.size())
        with self._database.turn("record.not_stored"), self._database.connection.transaction():
            run = self._database.connection.execute
            for number, known in run(_INDICES, (self._store, list(indices))):
                if known != indices[number]:
                    raise Conflict.of("record.logged_elsewhere", number=number, expected=known, got=indices[number])
            run(_LOGGED, (list(indices), list(indices.values()), self._store))

    def erase(self, numbers: Sequence[int], erased_at_ms: int) -> None:
        """Remove documents; see `Outbox.erase`, and above for what stays until the server tidies up."""
        check_numbers(numbers, self.size())
        with self._database.turn("record.not_erased"), self._database.connection.transaction():
            run, given = self._database.connection.execute, (self._store, list(numbers))
            for statement in _ERASE:
                run(statement, given)
            run(_ERASED, (erased_at_ms, *given))

    def size(self) -> int:
        """Give the number of documents; see `Archive.size`."""
        with self._database.turn("record.not_read"):
            size: int = self._database.value(_SIZE, self._store)
        return size

    def read(self, start: int, end: int) -> list[Held]:
        """Give documents; see `Archive.read`."""
        checked_range(start, end, self.size())
        return [Held(*row) for row in self._rows(_READ, self._store, start, end)]

    def find(self, *, events: Sequence[str] = (), batches: Sequence[str] = ()) -> Found:
        """Look up events and batches; see `Archive.find`."""
        with self._database.turn("record.not_read"):
            known = self._events(list(events))
        return Found(known, dict(self._rows(_FIND_BATCHES, list(set(batches)), self._store, self._store)))

    def trace(self, batch: str, *, up: bool, depth: int | None) -> list[Edge]:
        """Follow a batch; see `Archive.trace`."""
        if not self.find(batches=(batch,)).batches:
            raise NotFound.of("record.no_such_batch", batch=batch)
        events: dict[str, tuple[int, str, int]] = {}

        def hops(frontier: list[str]) -> Iterator[tuple[str, str, str | None]]:
            for here, event, others, *rest in self._rows(_UP if up else _DOWN, self._store, frontier):
                events[event] = tuple(rest)
                for other in others or (None,):
                    yield here, event, other

        edges = []
        for at, here, event, other in walk(batch, hops, depth=depth):
            number, kind, time_ms = events[event]
            ends = (other or "", here) if up else (here, other or "")
            edges.append(Edge(at, number, event, kind, time_ms, *ends))
        return sorted(edges)

    def close(self) -> None:
        """Let go of the store; once more does no harm."""
        self._database.close()

    def _events(self, ids: list[str]) -> dict[str, tuple[int, str]]:
        rows = self._database.connection.execute(_FIND_EVENTS, (self._store, ids))
        return {event: (number, content) for event, number, content in rows}

    def _rows(self, query: LiteralString, *given: object) -> list[Any]:
        with self._database.turn("record.not_read"):
            return self._database.connection.execute(query, given, binary=True).fetchall()

    def _add(self, documents: list[tuple[int, Sealed]]) -> None:
        store = self._store
        entries = [
            (number, entry, [*dict.fromkeys(entry.taken)], [*dict.fromkeys(entry.made)])
            for number, each in documents
            for entry in each.events
        ]
        touching = [
            (store, batch, made, number, entry.id)
            for number, entry, *sides in entries
            for made, batches in zip((False, True), sides, strict=True)
            for batch in batches
        ]
        self._copy(_ADD_DOCUMENTS, "int4 int8 bytea", [(store, number, each.leaf) for number, each in documents])
        payloads = [(store, number, each.data, each.salt, each.attestation) for number, each in documents]
        self._copy(_ADD_PAYLOADS, "int4 int8 bytea bytea bytea", payloads)
        events = [
            (store, number, e.id, e.content, e.time_ms, e.kind, taken, made) for number, e, taken, made in entries
        ]
        self._copy(_ADD_EVENTS, "int4 int8 text text int8 text text[] text[]", events)
        self._copy(_ADD_TOUCHING, "int4 text bool int8 text", touching)

    def _copy(self, query: LiteralString, types: str, rows: Iterable[tuple[object, ...]]) -> None:
        with self._database.connection.cursor(binary=True) as cursor, cursor.copy(query) as copy:
            copy.set_types(types.split())
            for row in rows:
                copy.write_row(row)
