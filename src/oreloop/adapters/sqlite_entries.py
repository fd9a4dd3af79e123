"""Entries of a log in one SQLite file: WAL, ``synchronous=FULL``, one writer, groups of entries in one row.

A commit appends to the end of one file and flushes it once, whatever the number of entries. The table ``leaves`` finds
entries by the first 8 bytes of their leaf hash; whatever it finds is compared in full. It follows from the entries: it
trails behind, is caught up in large sorted steps, and what it lacks is held in memory and found again on opening.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from sys import byteorder
from threading import Lock
from typing import cast

import apsw

from oreloop.adapters.lock import FolderLock
from oreloop.adapters.sqlite import FileKind, Tidier, flush_what_is_left, one_integer
from oreloop.base.errors import Conflict, OreloopError, TamperFound, Unavailable
from oreloop.log import leaf_hash
from oreloop.log.live.ports import Leaf, checked_range
from oreloop.log.tiles import bundle, unbundled

ROW_BYTES = 256 * 2**10
"""A row holds about this many bytes of entries: large enough to be fast, small enough to read one entry from."""
INDEX_STEP = 32_768
"""Leaf hashes that are held in memory (about 7 MB) before they are moved into the table: commits wait for it."""

_SCHEMA = """
    CREATE TABLE rows (first INTEGER PRIMARY KEY, count INTEGER NOT NULL, entries BLOB NOT NULL) STRICT;
    CREATE TABLE leaves (prefix INTEGER, place INTEGER, PRIMARY KEY (prefix, place)) STRICT, WITHOUT ROWID;
    CREATE TABLE indexed (size INTEGER NOT NULL) STRICT;
    INSERT INTO indexed VALUES (0);
"""
_FILE = FileKind(
    application_id=0x6F726C67,  # "orlg"
    version=1,
    schema=_SCHEMA,
    cache_kib=65_536,
    mode=0o644,
    foreign="adapters.not_entries",
    other_version="adapters.not_entries",
    damaged="adapters.entries_damaged",
)
_READ = """
    SELECT first, count, entries FROM rows
    WHERE first >= (SELECT max(first) FROM rows WHERE first <= ?) AND first < ? ORDER BY first
"""
_SIZE = "SELECT coalesce(max(first + count), 0) FROM rows WHERE first = (SELECT max(first) FROM rows)"
_FIND = "SELECT place FROM carray(?) CROSS JOIN leaves ON prefix = value"
_INDEX = "INSERT INTO leaves SELECT value, ? + rowid - 1 FROM carray(?) ORDER BY value"


class SqliteEntries:
    """Entries of one log in the file ``path``; ``<path>.lock`` keeps a second writer out.

    Raises:
        Conflict: ``log.in_use``.
        BadInput: ``adapters.not_entries`` when the file is something else, or of a later version.
        Unavailable: ``log.not_stored`` when it cannot be opened or made.
        TamperFound: ``adapters.entries_damaged`` when SQLite or the rows say so.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = FolderLock(path.with_name(f"{path.name}.lock"))
        self._reading = Lock()
        self._recent: dict[bytes, int] = {}
        self._row: tuple[int, list[bytes]] = (0, [])
        with ExitStack() as undo:
            undo.callback(self._lock.close)
            try:
                flush_what_is_left(path)
                self._writer = _FILE.connected(path)
                undo.callback(self._writer.close)
                self._reader = _FILE.connected(path)
                undo.callback(self._reader.close)
                self._tidier = Tidier(self._writer, _FILE.connected(path))
                undo.callback(self._tidier.close)
                self._size = one_integer(self._writer, _SIZE)
                self._indexed = one_integer(self._writer, "SELECT size FROM indexed")
            except OSError as error:
                raise Unavailable.of("log.not_stored", got=path, reason=error.strerror) from error
            except apsw.Error as error:
                raise _refusal(error, path) from error
            self._take_up()
            undo.pop_all()

    def size(self) -> int:
        """Give the number of entries."""
        return self._size

    def append(self, leaves: Sequence[Leaf]) -> list[int]:
        """Store what is new in one transaction; see `Entries.append`."""
        hashes = [leaf.hash for leaf in leaves]
        known = self._find(hashes)
        fresh = {leaf.hash: leaf.entry for leaf in leaves}
        for there in known:
            del fresh[there]
        if not fresh:
            return [known[each] for each in hashes]
        new = dict(zip(fresh, range(self._size, self._size + len(fresh)), strict=True))
        self._commit(list(fresh.values()))
        self._size += len(fresh)
        self._recent.update(new)
        if len(self._recent) >= INDEX_STEP:
            self._index()
        self._tidier.tidy()
        if len(new) == len(hashes):
            return list(new.values())
        known.update(new)
        return [known[each] for each in hashes]

    def read(self, start: int, end: int) -> list[bytes]:
        """Give entries; see `Entries.read`.

        Raises:
            BadInput: ``log.entries_range``.
            TamperFound: ``adapters.entries_damaged``.
        """
        checked_range(start, end, self._size)
        if start == end:
            return []
        rows = self._rows_of(start, end)
        entries: list[bytes] = []
        for first, count, data in rows:
            if first != rows[0][0] + len(entries):
                raise TamperFound.of("adapters.entries_damaged", got=self._path)
            entries += _unpacked(data, count, self._path)
        skipped = start - rows[0][0]
        if len(entries) < skipped + end - start:
            raise TamperFound.of("adapters.entries_damaged", got=self._path)
        return entries[skipped : skipped + end - start]

    def close(self) -> None:
        """Close the file and let the next writer in."""
        self._tidier.close()
        self._reader.close()
        self._writer.close()
        self._lock.close()

    def _entry(self, place: int) -> bytes:
        """One entry; a row is unpacked once for the neighbours that are sought one after the other."""
        first, entries = self._row
        if not first <= place < first + len(entries):
            [(first, count, data)] = self._rows_of(place, place + 1)
            entries = _unpacked(data, count, self._path)
            self._row = first, entries
        return entries[place - first]

    def _rows_of(self, start: int, end: int) -> list[tuple[int, int, bytes]]:
        try:
            with self._reading:
                return cast("list[tuple[int, int, bytes]]", self._reader.execute(_READ, (start, end)).fetchall())
        except apsw.Error as error:
            raise _refusal(error, self._path) from error

    def _take_up(self) -> None:
        """Hold the leaf hashes that the table lacks, moving them over where they are many."""
        for start in range(self._indexed, self._size, INDEX_STEP):
            entries = self.read(start, min(start + INDEX_STEP, self._size))
            self._recent.update(zip(map(leaf_hash, entries), range(start, self._size), strict=False))
            if len(self._recent) >= INDEX_STEP:
                self._index()

    def _find(self, hashes: list[bytes]) -> dict[bytes, int]:
        """Give the places of those leaf hashes that are there."""
        recent = self._recent
        known = {} if recent.keys().isdisjoint(hashes) else {each: recent[each] for each in hashes if each in recent}
        if self._indexed:
            try:
                found = self._writer.execute(_FIND, (apsw.carray(array("q", sorted(_prefixes(hashes)))),)).fetchall()
            except apsw.Error as error:
                raise _refusal(error, self._path) from error
            wanted = set(hashes) if found else set()
            for place in sorted(cast("list[int]", [place for (place,) in found])):
                there = leaf_hash(self._entry(place))
                if there in wanted:
                    known[there] = place
        return known

    def _commit(self, entries: list[bytes]) -> None:
        try:
            with self._writer:
                self._writer.executemany("INSERT INTO rows VALUES (?, ?, ?)", _rows(self._size, entries))
        except apsw.ConstraintError:
            raise Conflict.of("log.in_use", got=self._path, holder="?") from None
        except apsw.Error as error:
            raise _refusal(error, self._path) from error

    def _index(self) -> None:
        """Move the hashes held in memory into the table.

        When this fails nothing is lost: they stay in memory, and the next group tries again.
        """
        indexed = self._indexed + len(self._recent)
        try:
            with self._writer:
                self._writer.execute(_INDEX, (self._indexed, apsw.carray(_prefixes(self._recent))))
                self._writer.execute("UPDATE indexed SET size = ?", (indexed,))
        except apsw.Error:
            return
        self._indexed = indexed
        self._recent.clear()


def _rows(first: int, entries: list[bytes]) -> Iterator[tuple[int, int, bytes]]:
    """Pack consecutive entries into rows."""
    width = max(1, ROW_BYTES // (max(map(len, entries)) + 1))
    for start in range(0, len(entries), width):
        row = entries[start : start + width]
        yield first + start, len(row), bundle(row)


def _prefixes(hashes: Iterable[bytes]) -> array[int]:
    """The first 8 bytes of each leaf hash, as SQLite's integers."""
    prefixes = array("q", b"".join([each[:8] for each in hashes]))
    if byteorder == "little":
        prefixes.byteswap()
    return prefixes


def _unpacked(data: bytes, count: int, path: Path) -> list[bytes]:
    entries = unbundled(data, count)
    if entries is None:
        raise TamperFound.of("adapters.entries_damaged", got=path)
    return entries


def _refusal(error: apsw.Error, path: Path) -> OreloopError:
    return _FILE.refusal(error, path, "log.not_stored")
