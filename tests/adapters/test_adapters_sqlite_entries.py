import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oreloop.adapters import sqlite_entries
from oreloop.adapters.sqlite_entries import SqliteEntries
from oreloop.base.errors import OreloopError
from oreloop.log import leaf_hash
from oreloop.log.live.conformance import ENTRIES_EXAM, OpenEntries
from oreloop.log.live.ports import Leaf


@contextmanager
def refused(code: str) -> Iterator[None]:
    with pytest.raises(OreloopError) as refusal:
        yield
    assert refusal.value.code == code


def leaves(*entries: bytes) -> list[Leaf]:
    return [Leaf(leaf_hash(entry), entry) for entry in entries]


def numbered(count: int, first: int = 0) -> list[Leaf]:
    return leaves(*(b"heat %d" % number for number in range(first, first + count)))


@pytest.mark.parametrize("check", ENTRIES_EXAM, ids=lambda check: check.__name__)
def test_a_sqlite_file_keeps_every_promise_of_a_store(check: Callable[[OpenEntries], None], tmp_path: Path) -> None:
    check(lambda: SqliteEntries(tmp_path / "entries.sqlite"))


@pytest.mark.parametrize("check", ENTRIES_EXAM, ids=lambda check: check.__name__)
def test_also_when_the_index_is_moved_into_its_table_all_the_time(
    check: Callable[[OpenEntries], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_entries, "INDEX_STEP", 3)
    monkeypatch.setattr(sqlite_entries, "ROW_BYTES", 64)
    check(lambda: SqliteEntries(tmp_path / "entries.sqlite"))


def test_it_is_flushed_at_every_commit_by_a_sqlite_that_comes_with_oreloop(tmp_path: Path) -> None:
    entries = SqliteEntries(tmp_path / "entries.sqlite")
    writer = entries._writer
    assert writer.pragma("journal_mode") == "wal"
    assert writer.pragma("synchronous") == 2  # FULL
    assert tuple(map(int, apsw.sqlite_lib_version().split("."))) >= (3, 51, 3)
    entries.close()


@settings(max_examples=25)
@given(st.lists(st.lists(st.binary(max_size=6), min_size=1, max_size=8), max_size=8))
def test_an_entry_has_the_place_of_its_first_arrival(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[bytes]]
) -> None:
    entries = SqliteEntries(tmp_path_factory.mktemp("log") / "entries.sqlite")
    order: list[bytes] = []
    for batch in batches:
        order += [each for each in dict.fromkeys(batch) if each not in order]
        assert entries.append(leaves(*batch)) == [order.index(each) for each in batch]
    assert entries.read(0, len(order)) == order
    entries.close()


def test_entries_whose_hashes_begin_alike_are_kept_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_entries, "INDEX_STEP", 2)
    entries = SqliteEntries(tmp_path / "entries.sqlite")
    monkeypatch.setattr(sqlite_entries, "_prefixes", lambda hashes: sqlite_entries.array("q", [7 for _ in hashes]))
    assert entries.append(leaves(b"a", b"b")) == [0, 1]
    assert entries.append(leaves(b"c", b"b", b"d")) == [2, 1, 3]
    assert entries.append(leaves(b"d", b"a", b"e")) == [3, 0, 4]
    entries.close()


def test_hashes_that_no_table_holds_yet_are_found_again_on_opening(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "entries.sqlite"
    monkeypatch.setattr(sqlite_entries, "INDEX_STEP", 1_000_000)
    entries = SqliteEntries(path)
    entries.append(numbered(25))
    entries.close()
    monkeypatch.setattr(sqlite_entries, "INDEX_STEP", 10)
    entries = SqliteEntries(path)
    assert entries.append(numbered(30)) == list(range(30))
    assert entries._indexed in range(20, 31)
    entries.close()


def test_a_full_index_step_that_fails_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_entries, "INDEX_STEP", 4)
    entries = SqliteEntries(tmp_path / "entries.sqlite")
    entries._writer.execute("DROP TABLE leaves")
    assert entries.append(numbered(4)) == [0, 1, 2, 3]
    assert entries.append(numbered(2)) == [0, 1]
    entries.close()


def test_a_second_writer_is_refused_and_told_who_holds_the_log(tmp_path: Path) -> None:
    entries = SqliteEntries(tmp_path / "entries.sqlite")
    with refused("log.in_use"):
        SqliteEntries(tmp_path / "entries.sqlite")
    entries.close()
    SqliteEntries(tmp_path / "entries.sqlite").close()


def test_a_writer_that_found_its_way_past_the_lock_cannot_make_a_fork(tmp_path: Path) -> None:
    path = tmp_path / "entries.sqlite"
    entries = SqliteEntries(path)
    (tmp_path / "entries.sqlite.lock").unlink()
    other = SqliteEntries(path)
    assert other.append(leaves(b"theirs")) == [0]
    with refused("log.in_use"):
        entries.append(leaves(b"ours"))
    assert other.read(0, 1) == [b"theirs"]
    entries.close()
    other.close()


def test_what_is_not_a_file_of_entries_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_bytes(b"not a database, but long enough to be read as one" * 100)
    with refused("adapters.not_entries"):
        SqliteEntries(text)
    assert text.read_bytes().startswith(b"not a database")
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE accounts (name)")
    connection.close()
    with refused("adapters.not_entries"):
        SqliteEntries(other)


def test_a_place_that_cannot_be_written_is_said_to_be_so(tmp_path: Path) -> None:
    (tmp_path / "entries.sqlite").mkdir()
    with refused("log.not_stored"):
        SqliteEntries(tmp_path / "entries.sqlite")


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE rows SET entries = CAST(x'0001' || entries AS BLOB) WHERE first = 2",
        "UPDATE rows SET entries = CAST(substr(entries, 2) AS BLOB) WHERE first = 2",
        "UPDATE rows SET count = 1 WHERE first = 2",
        "DELETE FROM rows WHERE first = 2",
    ],
)
def test_damaged_rows_are_refused(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "entries.sqlite"
    entries = SqliteEntries(path)
    for start in (0, 2, 4):
        entries.append(numbered(2, start))
    entries.close()
    connection = apsw.Connection(str(path))
    connection.execute(damage)
    connection.close()
    with refused("adapters.entries_damaged"):
        SqliteEntries(path).read(0, 6)


def test_damage_anywhere_in_the_file_ends_in_a_refusal_or_in_other_bytes_which_the_root_tells(tmp_path: Path) -> None:
    path = tmp_path / "entries.sqlite"
    entries = SqliteEntries(path)
    entries.append(numbered(50))
    entries.close()
    sound = path.read_bytes()
    seen = {"refused": 0, "read": 0}
    for at in range(0, len(sound), 97):
        path.write_bytes(sound[:at] + bytes([sound[at] ^ 0x55]) + sound[at + 1 :])
        try:
            entries = SqliteEntries(path)
            try:
                entries.read(0, entries.size())
            finally:
                entries.close()
        except OreloopError:
            seen["refused"] += 1
        else:
            seen["read"] += 1
    assert seen["refused"]
    assert seen["read"]
