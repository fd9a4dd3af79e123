"""Documents in one SQLite file: WAL, ``synchronous=FULL``, one writer; erasing rewrites the file without them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import cast

import apsw

from oreloop.adapters.lock import FolderLock
from oreloop.adapters.sqlite import Tidier, flush_what_is_left, one_integer
from oreloop.adapters.sqlite_archive import (
    DOCUMENTS_FILE,
    EVENT_BITS,
    FIND_BATCHES,
    SqliteArchive,
    integers,
    keys_of,
    packed,
    unpacked,
)
from oreloop.base.errors import Conflict, Unavailable
from oreloop.record.store.ports import check_documents, check_numbers
from oreloop.record.store.values import Sealed

_NEXT_BATCH = "SELECT coalesce(max(batch) + 1, 0) FROM batches"
_START = "SELECT iif(count(*) = max(number) + 1, count(*), 0) FROM logged"
_PENDING = """
    SELECT number, leaf FROM documents
    WHERE number >= ? AND NOT EXISTS (SELECT 1 FROM logged WHERE logged.number = documents.number)
    ORDER BY number LIMIT ?
"""
_INDICES = "SELECT number, log_index FROM carray(?) CROSS JOIN logged ON number = value"
_SIDES = "SELECT event, taken, made FROM events WHERE event >= ? AND event < ?"
_UNTOUCH = "DELETE FROM touching WHERE batch = ? AND made = ? AND event = ?"
_ERASE_BATCH = "DELETE FROM batches WHERE batch = ?1 AND NOT EXISTS (SELECT 1 FROM touching WHERE batch = ?1)"
_ERASED = "SELECT number FROM carray(?) CROSS JOIN erased ON number = value"


class SqliteDocuments(SqliteArchive):
    """Documents in the file ``path`` (ports `Outbox` and `Archive`); ``<path>.lock`` keeps a second writer out.

    Erasing overwrites what it removes, then rewrites the whole file, so that nothing is left in it, nor in the
    write-ahead log; it takes seconds for each gigabyte, and as much free disk: erase many documents at once. Backups, and
    what a file system or a disk keeps of blocks that were given back, are beyond its reach.

    Raises:
        Conflict: ``record.store_in_use``.
        BadInput: ``adapters.not_documents`` when the file is something else, ``adapters.documents_version``.
        Unavailable: ``record.not_stored`` when it cannot be opened or made; ``record.not_erased`` when an erasure that
            was cut short cannot be finished.
        TamperFound: ``adapters.documents_damaged`` when SQLite says so; also from every method.
    """

    def __init__(self, path: Path) -> None:
        with ExitStack() as undo:
            self._lock = _locked(path)
            undo.callback(self._lock.close)
            try:
                flush_what_is_left(path)
                self._writer = DOCUMENTS_FILE.connected(path)
                undo.callback(self._writer.close)
                self._writer.pragma("secure_delete", True)
                self._tidier = Tidier(self._writer, DOCUMENTS_FILE.connected(path))
                undo.callback(self._tidier.close)
            except OSError as error:
                raise Unavailable.of("record.not_stored", got=path, reason=error.strerror) from error
            except apsw.Error as error:
                raise DOCUMENTS_FILE.refusal(error, path, "record.not_stored") from error
            super().__init__(path)
            undo.callback(self._reader.close)
            with self._answered("record.not_erased"):
                self._start = one_integer(self._writer, _START)
                self._rewrite_unfinished()
            undo.pop_all()

    def put(self, documents: Sequence[Sealed]) -> range:
        """Store documents in one transaction; see `Outbox.put`."""
        documents = list(documents)
        check_documents(documents)
        numbers = range(first := self.size(), first + len(documents))
        with self._answered("record.not_stored"):
            try:
                with self._writer:
                    self._add(list(zip(numbers, documents, strict=True)))
            except apsw.ConstraintError:
                raise Conflict.of("record.store_in_use", got=self._path, holder="?") from None
        self._tidier.tidy()
        return numbers

    def pending(self, limit: int) -> list[tuple[int, bytes]]:
        """Give what is not in the log yet; see `Outbox.pending`."""
        found = self._rows(_PENDING, self._start, max(0, limit))
        if found:
            self._start = found[0][0]
        return [(number, leaf) for number, leaf in found]

    def logged(self, indices: Mapping[int, int]) -> None:
        """Note indices in the log; see `Outbox.logged`."""
        check_numbers(list(indices), self.size())
        with self._answered("record.not_stored"), self._writer:
            known = dict(self._rows(_INDICES, integers(indices)))
            for number, index in known.items():
                if index != indices[number]:
                    raise Conflict.of("record.logged_elsewhere", number=number, expected=index, got=indices[number])
            new = [(number, index) for number, index in indices.items() if number not in known]
            self._writer.executemany("INSERT INTO logged VALUES (?, ?)", new)
        self._tidier.tidy()

    def erase(self, numbers: Sequence[int], erased_at_ms: int) -> None:
        """Remove documents; see `Outbox.erase`."""
        check_numbers(numbers, self.size())
        with self._answered("record.not_erased"):
            with self._writer:
                there = {number for (number,) in self._writer.execute(_ERASED, (integers(numbers),)).fetchall()}
                for number in set(numbers) - there:
                    self._erase(number, erased_at_ms)
                    self._writer.execute("UPDATE unfinished SET erasures = 1")
            self._rewrite_unfinished()

    def close(self) -> None:
        """Close the file and let the next writer in."""
        super().close()
        self._tidier.close()
        self._writer.close()
        self._lock.close()

    def _add(self, documents: list[tuple[int, Sealed]]) -> None:
        entries = [each for number, document in documents for each in enumerate(document.events, number << EVENT_BITS)]
        ids = [entry.id for _, entry in entries]
        keys = keys_of(ids)
        for taken_id, (number, _) in self._events(ids, keys).items():
            raise Conflict.of("record.event_taken", event=taken_id, number=number)
        add = self._writer.executemany
        add("INSERT INTO documents VALUES (?, ?)", [(number, each.leaf) for number, each in documents])
        payloads = [(number, each.data, each.salt, each.attestation) for number, each in documents]
        add("INSERT INTO payloads VALUES (?, ?, ?, ?)", payloads)
        batches = self._batches({batch for _, entry in entries for batch in (*entry.taken, *entry.made)})
        events, touching = [], []
        for (event, entry), key in zip(entries, keys, strict=True):
            sides = []
            for side, named in enumerate((entry.taken, entry.made)):
                numbers = [batches[batch] for batch in (dict.fromkeys(named) if len(named) > 1 else named)]
                touching += [(batch, side, event) for batch in numbers]
                sides.append(packed(numbers) if numbers else b"")
            events.append((event, key, entry.id, entry.content, entry.time_ms, entry.kind, *sides))
        add("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)", events)
        add("INSERT INTO touching VALUES (?, ?, ?)", sorted(touching))

    def _batches(self, ids: set[str]) -> dict[str, int]:
        """Give the numbers of batches, those of new ones included."""
        if not ids:
            return {}
        found = self._writer.execute(FIND_BATCHES, (apsw.carray(tuple(ids)),)).fetchall()
        known = cast("dict[str, int]", dict(cast("list[tuple[str, int]]", found)))
        new = dict(zip(sorted(ids - known.keys()), count(one_integer(self._writer, _NEXT_BATCH)), strict=False))
        self._writer.executemany("INSERT INTO batches VALUES (?2, ?1)", new.items())
        return known | new

    def _erase(self, number: int, erased_at_ms: int) -> None:
        run, span = self._writer.execute, (number << EVENT_BITS, number + 1 << EVENT_BITS)
        for event, *sides in cast("list[tuple[int, bytes, bytes]]", run(_SIDES, span).fetchall()):
            for made, batches in enumerate(map(unpacked, sides)):
                self._writer.executemany(_UNTOUCH, [(batch, made, event) for batch in batches])
                self._writer.executemany(_ERASE_BATCH, [(batch,) for batch in batches])
        run("DELETE FROM events WHERE event >= ? AND event < ?", span)
        run("DELETE FROM payloads WHERE number = ?", (number,))
        run("INSERT INTO erased VALUES (?, ?)", (number, erased_at_ms))

    def _rewrite_unfinished(self) -> None:
        """Leave nothing of what was erased in the file or beside it, also of an erasure that was cut short.

        Overwriting alone is not enough: SQLite moves rows between pages and leaves copies in what a page does not use.
        """
        if not one_integer(self._writer, "SELECT erasures FROM unfinished"):
            return
        self._tidier.wait()
        self._writer.execute("VACUUM")
        self._writer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        self._writer.execute("UPDATE unfinished SET erasures = 0")


def _locked(path: Path) -> FolderLock:
    try:
        return FolderLock(path.with_name(f"{path.name}.lock"))
    except Conflict as error:
        raise Conflict.of("record.store_in_use", **error.problems[0].fields) from None
    except Unavailable as error:
        raise Unavailable.of("record.not_stored", **error.problems[0].fields) from None
