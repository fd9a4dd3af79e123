"""Reading documents from one SQLite file, also while another process writes to it."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from struct import pack
from sys import byteorder
from threading import RLock
from typing import Any

import apsw

from oreloop.adapters.sqlite import FileKind, one_integer
from oreloop.base.errors import NotFound, TamperFound
from oreloop.record.store.ports import checked_range
from oreloop.record.store.values import FIRST_MS, LAST_MS, Edge, Found, Held
from oreloop.record.store.walk import walk

DOCUMENTS_FILE = FileKind(
    application_id=0x6F726C64,  # "orld"
    version=1,
    schema="""
        CREATE TABLE documents (number INTEGER PRIMARY KEY, leaf BLOB NOT NULL) STRICT;
        CREATE TABLE payloads (
            number INTEGER PRIMARY KEY, data BLOB NOT NULL, salt BLOB NOT NULL, attestation BLOB NOT NULL
        ) STRICT;
        CREATE TABLE logged (number INTEGER PRIMARY KEY, log_index INTEGER NOT NULL) STRICT;
        CREATE TABLE erased (number INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL) STRICT;
        CREATE TABLE events (
            event INTEGER PRIMARY KEY,
            key INTEGER NOT NULL,
            id TEXT NOT NULL,
            content TEXT NOT NULL,
            time_ms INTEGER NOT NULL,
            kind TEXT NOT NULL,
            taken BLOB NOT NULL,
            made BLOB NOT NULL
        ) STRICT;
        CREATE INDEX by_key ON events (key);
        CREATE TABLE batches (batch INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE) STRICT;
        CREATE TABLE touching (
            batch INTEGER, made INTEGER, event INTEGER, PRIMARY KEY (batch, made, event)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE unfinished (erasures INTEGER NOT NULL) STRICT;
        INSERT INTO unfinished VALUES (0);
    """,
    cache_kib=65_536,
    mode=0o600,
    foreign="adapters.not_documents",
    other_version="adapters.documents_version",
    damaged="adapters.documents_damaged",
)
"""What is written once is apart from what follows later, so that nothing large is written twice. An event is numbered by
its document and its place there (`EVENT_BITS`), and found by 8 bytes of the hash of its id (`keys_of`), since long random
ids make a large index; whatever is found is compared in full. Batches are numbered; ``taken`` and ``made`` of an event
are lists of 8-byte little-endian numbers, and ``touching`` finds the events of a batch: ``made`` is 1 where it is made."""

EVENT_BITS = 20
"""The number of an event is its document's, times two to this power, plus its place in the document."""

FIND_BATCHES = "SELECT id, batch FROM carray(?) CROSS JOIN batches ON id = value"
_SIZE = "SELECT coalesce(max(number) + 1, 0) FROM documents"
_READ = """
    SELECT number, log_index, at_ms, data, salt, leaf, coalesce(attestation, x'')
    FROM documents LEFT JOIN logged USING (number) LEFT JOIN erased USING (number) LEFT JOIN payloads USING (number)
    WHERE number >= ? AND number < ? ORDER BY number
"""
_FIND_EVENTS = "SELECT id, event, content FROM carray(?) CROSS JOIN events INDEXED BY by_key ON key = value"
_LAST_TOUCH = """
    SELECT id, max(
        coalesce((SELECT max(event) FROM touching WHERE touching.batch = batches.batch AND made = 0), 0),
        coalesce((SELECT max(event) FROM touching WHERE touching.batch = batches.batch AND made = 1), 0)
    ) FROM carray(?) CROSS JOIN batches ON id = value
"""
_UP = """
    SELECT batch, event, taken, id, kind, time_ms FROM carray(?)
    CROSS JOIN touching ON touching.batch = value AND touching.made = 1 CROSS JOIN events USING (event)
"""
_DOWN = """
    SELECT batch, event, events.made, id, kind, time_ms FROM carray(?)
    CROSS JOIN touching ON touching.batch = value AND touching.made = 0 CROSS JOIN events USING (event)
"""
_IDS = "SELECT batch, id FROM carray(?) CROSS JOIN batches ON batch = value"


class SqliteArchive:
    """Documents in the file ``path``, for reading (port `Archive`).

    Raises:
        BadInput: ``adapters.not_documents`` when the file is something else, ``adapters.documents_version``.
        NotFound: ``adapters.no_file``.
        Unavailable: ``record.not_read`` when it cannot be opened.
        TamperFound: ``adapters.documents_damaged`` when SQLite says so; also from every method.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reading = RLock()
        if not path.exists():
            raise NotFound.of("adapters.no_file", got=path)
        with self._answered("record.not_read"):
            self._reader = DOCUMENTS_FILE.connected_to_read(path)

    def size(self) -> int:
        """Give the number of documents; see `Archive.size`."""
        with self._reading, self._answered("record.not_read"):
            return one_integer(self._reader, _SIZE)

    def read(self, start: int, end: int) -> list[Held]:
        """Give documents; see `Archive.read`."""
        checked_range(start, end, self.size())
        held = [Held(*row) for row in self._rows(_READ, start, end)]
        if len(held) < end - start or not all(each.is_sound for each in held):
            raise TamperFound.of("adapters.documents_damaged", got=self._path)
        return held

    def find(self, *, events: Sequence[str] = (), batches: Sequence[str] = ()) -> Found:
        """Look up events and batches; see `Archive.find`."""
        touched = self._rows(_LAST_TOUCH, apsw.carray(tuple(batches))) if batches else []
        last = {batch: event >> EVENT_BITS for batch, event in touched}
        return Found(self._events(events, keys_of(events)), last)

    def trace(self, batch: str, *, up: bool, depth: int | None) -> list[Edge]:
        """Follow a batch; see `Archive.trace`."""
        with self._of_one_moment():
            try:
                return self._trace(batch, up=up, depth=depth)
            except (LookupError, ValueError):  # numbers of batches that are none
                raise TamperFound.of("adapters.documents_damaged", got=self._path) from None

    def close(self) -> None:
        """Let go of the file; once more does no harm."""
        self._reader.close()

    def _trace(self, batch: str, *, up: bool, depth: int | None) -> list[Edge]:
        known = self._rows(FIND_BATCHES, apsw.carray((batch,)))
        if not known:
            raise NotFound.of("record.no_such_batch", batch=batch)

        events: dict[int, tuple[str, str, int]] = {}

        def hops(frontier: list[int]) -> Iterator[tuple[int, int, int | None]]:
            for here, event, others, *rest in self._rows(_UP if up else _DOWN, integers(frontier)):
                events[event] = tuple(rest)
                for other in unpacked(others) or (None,):
                    yield here, event, other

        lines = walk(known[0][1], hops, depth=depth)
        batches = {each for _, here, _, other in lines for each in (here, other) if each is not None}
        ids = {None: "", **dict(self._rows(_IDS, integers(batches)))}
        edges = []
        for at, here, event, other in lines:
            name, kind, time_ms = events[event]
            if not FIRST_MS <= time_ms <= LAST_MS:
                raise ValueError(time_ms)
            ends = (ids[other], ids[here]) if up else (ids[here], ids[other])
            edges.append(Edge(at, event >> EVENT_BITS, name, kind, time_ms, *ends))
        return sorted(edges)

    def _events(self, ids: Sequence[str], keys: array[int]) -> dict[str, tuple[int, str]]:
        """Give document and content of those events that are there; ``keys`` are the `keys_of` ids."""
        found = self._rows(_FIND_EVENTS, integers(set(keys)))
        wanted = set(ids) if found else set()
        return {name: (event >> EVENT_BITS, content) for name, event, content in found if name in wanted}

    def _rows(self, query: str, *given: Any) -> list[tuple[Any, ...]]:
        with self._reading, self._answered("record.not_read"):
            return self._reader.execute(query, given).fetchall()

    @contextmanager
    def _of_one_moment(self) -> Iterator[None]:
        """Let all that is read have been true at once, whatever is written meanwhile."""
        with self._reading, self._answered("record.not_read"), self._reader:
            yield

    @contextmanager
    def _answered(self, code: str) -> Iterator[None]:
        """Turn what SQLite says into a refusal."""
        try:
            yield
        except apsw.Error as error:
            raise DOCUMENTS_FILE.refusal(error, self._path, code) from error
        except (KeyError, ValueError) as error:  # a row that another one names is missing, or is not what was written
            raise TamperFound.of(DOCUMENTS_FILE.damaged, got=self._path) from error


def keys_of(ids: Iterable[str]) -> array[int]:
    """The first 8 bytes of the SHA-256 of each id, as SQLite's integers."""
    return unpacked(b"".join([sha256(each.encode()).digest()[:8] for each in ids]))


def packed(numbers: Sequence[int]) -> bytes:
    """Write numbers as 8 little-endian bytes each."""
    return pack(f"<{len(numbers)}q", *numbers)


def unpacked(data: bytes) -> array[int]:
    """Read what `packed` has written."""
    numbers = array("q", data)
    if byteorder == "big":
        numbers.byteswap()
    return numbers


def integers(numbers: Iterable[int]) -> Any:
    """Give numbers to a query as the table ``carray(?)``, sorted; without numbers, the table has no row."""
    listed = array("q", sorted(numbers))
    return apsw.carray(listed) if listed else None
