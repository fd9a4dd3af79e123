"""Starting again is quick."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from time import perf_counter

from crash_log import NAME
from crash_worker import opened

from oreloop.adapters.sqlite_entries import SqliteEntries


def test_a_log_of_100_000_entries_is_open_again_within_five_seconds(tmp_path: Path) -> None:
    with opened(tmp_path) as log:
        log.append_many(b"heat %d" % number for number in range(100_000))
        log.checkpoint()
    start = perf_counter()
    with opened(tmp_path) as log:
        assert log.append(b"heat 99999") == 99_999
        assert log.append(b"heat 100000") == 100_000
    assert perf_counter() - start < 5


def test_also_when_it_died_with_all_of_them_in_one_file_that_is_not_merged_yet(tmp_path: Path) -> None:
    with opened(tmp_path) as log:
        log.append_many(b"heat %d" % number for number in range(100_000))
        died = tmp_path / "died"
        died.mkdir()
        for name in (NAME, f"{NAME}-wal"):  # what kill -9 leaves, without the file of shared memory
            (died / name).write_bytes((tmp_path / name).read_bytes())
    start = perf_counter()
    with closing(SqliteEntries(died / NAME)) as entries:
        assert entries.size() == 100_000
    assert perf_counter() - start < 5
