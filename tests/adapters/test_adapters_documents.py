"""Document stores on disk: the exam, erasure to the last byte, and files that are not as they were."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oreloop.adapters import sqlite
from oreloop.adapters.sqlite_archive import SqliteArchive
from oreloop.adapters.sqlite_documents import SqliteDocuments
from oreloop.base.errors import OreloopError
from oreloop.record.store.conformance import DOCUMENTS_EXAM, OpenDocuments
from oreloop.record.store.memory import MemoryDocuments
from oreloop.record.store.values import Entry, Sealed

Check = Callable[[OpenDocuments], None]


@contextmanager
def refused(code: str, match: str | None = None) -> Iterator[None]:
    with pytest.raises(OreloopError, match=match) as refusal:
        yield
    assert refusal.value.code == code


def entry(event: str, taken: str = "", made: str = "") -> Entry:
    return Entry(event, f"content of {event}", 1_000, "transformation", tuple(taken), tuple(made))


def sealed(*entries: Entry, data: bytes = b"{}") -> Sealed:
    return Sealed(data, bytes(32), b"a leaf", b"", entries)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "documents.sqlite"


@pytest.fixture
def filled(path: Path) -> Path:
    with closing(SqliteDocuments(path)) as store:
        for number in range(40):
            store.put([sealed(entry(f"event {number}", chr(0x4E00 + number), chr(0x4E01 + number)), data=bytes(3_000))])
        store.logged({number: number for number in range(30)})
    return path


@pytest.mark.parametrize("check", DOCUMENTS_EXAM, ids=lambda check: check.__name__)
def test_a_sqlite_file_keeps_every_promise(check: Check, path: Path) -> None:
    check(lambda: SqliteDocuments(path))


@pytest.mark.parametrize("check", DOCUMENTS_EXAM, ids=lambda check: check.__name__)
def test_also_when_the_write_ahead_log_is_emptied_all_the_time(
    check: Check, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "TIDY_PAGES", 1)
    monkeypatch.setattr(sqlite, "MOST_PAGES", 2)
    check(lambda: SqliteDocuments(path))


@settings(max_examples=25)
@given(st.lists(st.tuples(st.text("abcdef", max_size=3), st.text("abcdef", max_size=3)), max_size=12), st.data())
def test_a_sqlite_file_answers_as_the_store_in_memory_does(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str]], data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("store") / "documents.sqlite"
    documents = [sealed(entry(f"event {number}", *step)) for number, step in enumerate(steps)]
    gone = data.draw(st.lists(st.sampled_from(range(len(steps))))) if steps else []
    with closing(SqliteDocuments(path)) as file, closing(MemoryDocuments()) as memory:
        for store in (file, memory):
            store.put(documents)
            store.erase(gone, 5)
        assert file.read(0, len(steps)) == memory.read(0, len(steps))
        known = file.find(events=[f"event {number}" for number in range(20)], batches=list("abcdef"))
        assert known == memory.find(events=[f"event {number}" for number in range(20)], batches=list("abcdef"))
        for batch in known.batches:
            for up in (True, False):
                for depth in (None, 1, 2):
                    assert file.trace(batch, up=up, depth=depth) == memory.trace(batch, up=up, depth=depth)


def test_commits_are_flushed_and_what_is_deleted_is_overwritten(path: Path) -> None:
    with closing(SqliteDocuments(path)) as store:
        assert store._writer.pragma("journal_mode") == "wal"
        assert store._writer.pragma("synchronous") == 2  # FULL
        assert store._writer.pragma("secure_delete") == 1


def test_nothing_of_an_erased_document_is_left_in_any_file(path: Path) -> None:
    chance = random.Random(7)
    gone = set(chance.sample(range(1_000), 400))

    def marked(number: int) -> Sealed:
        mark = f"MARK{number:04d}"
        named = Entry(f"{chance.random()}{mark}", f"content {mark}", 1, "x", (), (f"{chance.random()}{mark}", "shared"))
        return Sealed(mark.encode() * chance.randrange(1, 300), bytes(32), b"leaf", mark.encode(), (named,))

    with closing(SqliteDocuments(path)) as store:
        for start in range(0, 1_000, 100):
            store.put([marked(number) for number in range(start, start + 100)])
        store.logged({number: number for number in range(1_000)})
        for start in (0, 200):
            store.erase(sorted(gone)[start : start + 200], 9)
        left = b"".join(each.read_bytes() for each in path.parent.iterdir())
        assert {number for number in range(1_000) if b"MARK%04d" % number in left} == set(range(1_000)) - gone
        assert {held.number for held in store.read(0, 1_000) if held.erased_at_ms == 9} == gone


def test_an_erasure_that_was_cut_short_is_finished_on_opening(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(SqliteDocuments(path)) as store:
        store.put([sealed(entry("a"), data=b"MARKED" * 1_000), sealed(entry("b"))])
        with monkeypatch.context() as cut:
            cut.setattr(SqliteDocuments, "_rewrite_unfinished", lambda self: None)
            store.erase([0], 9)
    with closing(SqliteDocuments(path)) as store:
        assert store._writer.execute("SELECT erasures FROM unfinished").fetchall() == [(0,)]
        assert b"MARKED" not in b"".join(each.read_bytes() for each in path.parent.iterdir())
        assert store.read(0, 1)[0].erased_at_ms == 9


def test_an_erasure_says_so_when_a_reader_keeps_the_old_pages(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "BUSY_MS", 20)
    with closing(SqliteDocuments(path)) as store:
        store.put([sealed(entry("a"), data=b"MARKED" * 1_000)])
        with closing(apsw.Connection(str(path))) as reader:
            reader.execute("BEGIN; SELECT * FROM documents").fetchall()
            with refused("record.not_erased", "end whoever reads"):
                store.erase([0], 9)
        assert store.read(0, 1)[0].data is None
        store.erase([0], 10)
        assert b"MARKED" not in b"".join(each.read_bytes() for each in path.parent.iterdir())
        assert store.read(0, 1)[0].erased_at_ms == 9


def test_a_store_is_read_while_another_process_writes_to_it(filled: Path) -> None:
    with closing(SqliteDocuments(filled)) as store, closing(SqliteArchive(filled)) as archive:
        assert archive.size() == 40
        store.put([sealed(entry("new", made="z"))])
        assert archive.size() == 41
        assert archive.read(40, 41) == store.read(40, 41)
        assert archive.find(events=["new"], batches=["z"]) == store.find(events=["new"], batches=["z"])
        assert archive.trace("z", up=True, depth=None) == store.trace("z", up=True, depth=None)


def test_a_store_to_be_read_must_be_there(tmp_path: Path) -> None:
    with refused("adapters.no_file"):
        SqliteArchive(tmp_path / "documents.sqlite")
    (tmp_path / "folder").mkdir()
    with refused("record.not_read"):
        SqliteArchive(tmp_path / "folder")
    (tmp_path / "empty").touch()
    with refused("adapters.not_documents"):
        SqliteArchive(tmp_path / "empty")


def test_a_writer_that_found_its_way_past_the_lock_cannot_store_over_another(path: Path) -> None:
    ours = SqliteDocuments(path)
    path.with_name("documents.sqlite.lock").unlink()
    theirs = SqliteDocuments(path)
    size = ours.size

    def seen_too_early() -> int:
        before = size()
        theirs.put([sealed(entry("a"))])
        return before

    ours.size = seen_too_early  # type: ignore[method-assign]
    with closing(ours), closing(theirs):
        with refused("record.store_in_use"):
            ours.put([sealed(entry("b"))])
        assert [number for number, _ in theirs.pending(9)] == [0]


@pytest.mark.parametrize("opened", [SqliteDocuments, SqliteArchive])
def test_what_is_not_a_document_store_is_refused_and_left_as_it_is(
    opened: Callable[[Path], object], tmp_path: Path
) -> None:
    text = tmp_path / "notes.txt"
    text.write_bytes(b"not a database, but long enough to be read as one" * 100)
    other = tmp_path / "other.sqlite"
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE accounts (name)")
    for place in (text, other):
        before = place.read_bytes()
        with refused("adapters.not_documents"):
            opened(place)
        assert place.read_bytes() == before


@pytest.mark.parametrize("opened", [SqliteDocuments, SqliteArchive])
def test_a_store_of_another_version_is_left_alone(opened: Callable[[Path], object], filled: Path) -> None:
    with closing(apsw.Connection(str(filled))) as connection:
        connection.pragma("user_version", 2)
    with refused("adapters.documents_version", "version 2; this Oreloop knows version 1"):
        opened(filled)


def test_a_place_that_cannot_be_written_is_said_to_be_so(tmp_path: Path) -> None:
    (tmp_path / "documents.sqlite").mkdir()
    with refused("record.not_stored"):
        SqliteDocuments(tmp_path / "documents.sqlite")
    (tmp_path / "file").touch()
    with refused("record.not_stored"):
        SqliteDocuments(tmp_path / "file" / "documents.sqlite")


def test_what_a_killed_writer_left_is_flushed_or_refused(filled: Path) -> None:
    wal = filled.with_name("documents.sqlite-wal")
    wal.symlink_to(wal)
    with refused("record.not_stored"):
        SqliteDocuments(filled)
    wal.unlink()
    wal.touch()
    SqliteDocuments(filled).close()


def test_a_full_disk_stores_nothing_and_the_store_goes_on(filled: Path) -> None:
    with closing(SqliteDocuments(filled)) as store:
        writer = store._writer
        pages = writer.pragma("page_count")
        writer.pragma("max_page_count", pages + 2)
        with refused("record.not_stored", "full"):
            store.put([sealed(entry("large"), data=bytes(100_000))])
        assert store.size() == 40
        assert store.find(events=["large"]).events == {}
        writer.pragma("max_page_count", pages + 1_000)
        assert store.put([sealed(entry("large"), data=bytes(100_000))]) == range(40, 41)


def test_a_file_that_may_only_be_read_is_said_to_be_so(filled: Path) -> None:
    with closing(SqliteDocuments(filled)) as store:
        store._writer.pragma("query_only", True)
        for change in (
            lambda: store.put([sealed(entry("new"))]),
            lambda: store.logged({35: 35}),
        ):
            with refused("record.not_stored", "readonly"):
                change()
        with refused("record.not_erased", "readonly"):
            store.erase([0], 9)
        assert store.read(0, 1)[0].data == bytes(3_000)


def test_a_closed_store_is_refused_without_a_traceback(filled: Path) -> None:
    store = SqliteDocuments(filled)
    store.close()
    for use in (store.size, lambda: store.trace("z", up=True, depth=None), lambda: store.find(events=["x"])):
        with refused("record.not_read"):
            use()


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM documents WHERE number = 7",
        "DELETE FROM payloads WHERE number = 7",
        "INSERT INTO erased VALUES (7, 1)",
    ],
)
def test_documents_that_do_not_fit_together_are_refused(filled: Path, damage: str) -> None:
    with closing(apsw.Connection(str(filled))) as connection:
        connection.execute(damage)
    with closing(SqliteArchive(filled)) as archive, refused("adapters.documents_damaged"):
        archive.read(0, 20)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE events SET taken = x'00', made = x'0102'",
        "DELETE FROM batches WHERE id = '一'",
        "DELETE FROM batches WHERE id = '丂'",
    ],
)
def test_a_trace_through_damaged_rows_is_refused(filled: Path, damage: str) -> None:
    with closing(apsw.Connection(str(filled))) as connection:
        connection.execute(damage)
    with closing(SqliteArchive(filled)) as archive, refused("adapters.documents_damaged"):
        archive.trace("七", up=True, depth=None)


def test_damage_anywhere_in_the_file_ends_in_a_refusal_or_in_other_bytes_which_the_log_tells(filled: Path) -> None:
    sound = filled.read_bytes()
    seen = {"refused": 0, "used": 0}
    damages = [sound[:at] + bytes([sound[at] ^ 0x55]) + sound[at + 1 :] for at in range(0, len(sound), 5_987)]
    damages += [sound[:at] + bytes([sound[at] ^ 0x55]) + sound[at + 1 :] for at in range(100, 8_192, 577)]
    damages += [sound[:size] for size in range(1, len(sound), 50_021)]
    for damaged in damages:
        filled.write_bytes(damaged)
        for beside in ("-wal", "-shm"):
            filled.with_name(f"documents.sqlite{beside}").unlink(missing_ok=True)
        try:
            with closing(SqliteDocuments(filled)) as store:
                store.read(0, store.size())
                found = store.find(events=[f"event {number}" for number in range(40)], batches=["一", "丁"])
                store.trace(min(found.batches, default="一"), up=False, depth=None)
                store.pending(50)
                store.put([sealed(entry("new", "一", "z"))])
                store.erase([3], 9)
        except OreloopError:
            seen["refused"] += 1
        else:
            seen["used"] += 1
    assert seen["refused"]
    assert seen["used"]
