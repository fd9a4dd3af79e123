"""The memory of a witness outlives its process, however that ends, and serves several processes at once."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import apsw
import pytest

from oreloop.adapters.witness_state import SqliteWitnessState
from oreloop.base.errors import Unavailable
from oreloop.log import Checkpoint, Fork
from oreloop.log.witness.conformance import STATE_EXAM

ORIGIN = "metal.example/log"


@pytest.fixture
def opened(tmp_path):
    """Opens one file again and again, and closes it in the end."""
    states = []

    def open_again() -> SqliteWitnessState:
        states.append(SqliteWitnessState(tmp_path / "witness.sqlite"))
        return states[-1]

    yield open_again
    for state in states:
        state.close()


@pytest.mark.parametrize("check", STATE_EXAM)
def test_the_memory_in_a_file_keeps_its_promises(check, opened):
    check(opened)


def test_the_file_is_flushed_at_every_commit(opened):
    connection = opened()._connection
    assert connection.execute("PRAGMA journal_mode").get == "wal"
    assert connection.execute("PRAGMA synchronous").get == 2


def refusal(action) -> str:
    with pytest.raises(Unavailable) as refused:
        action()
    assert str(refused.value)
    return refused.value.code


def test_what_is_no_memory_of_a_witness_is_refused(tmp_path):
    (tmp_path / "text").write_text("not a database, but long enough to look like a file of some kind\n" * 20)
    for path in (tmp_path / "text", tmp_path / "no folder" / "file", tmp_path):
        assert refusal(lambda path=path: SqliteWitnessState(path)) == "log.not_stored"


def test_a_file_that_fails_is_told(tmp_path, opened):
    state = opened()
    assert state.swap(ORIGIN, None, b"1")
    fork = Fork(held=note(1), refused=note(2))
    other = apsw.Connection(str(tmp_path / "witness.sqlite"))
    other.execute("DROP TABLE cosigned; DROP TABLE fork")
    other.close()
    assert refusal(lambda: state.swap(ORIGIN, b"1", b"2")) == "log.not_stored"
    assert refusal(lambda: state.keep(fork)) == "log.not_stored"
    assert refusal(lambda: state.read(ORIGIN)) == "log.not_read"
    assert refusal(state.forks) == "log.not_read"
    state.close()
    state.close()
    assert refusal(lambda: state.read(ORIGIN)) == "log.not_read"


def test_a_disk_that_is_full_leaves_what_was_there(tmp_path):
    with SqliteWitnessState(tmp_path / "witness.sqlite") as state:
        assert state.swap(ORIGIN, None, b"1")
        state._connection.execute("PRAGMA max_page_count = 1")
        assert refusal(lambda: state.swap(ORIGIN, b"1", bytes(1_000_000))) == "log.not_stored"
        assert state.read(ORIGIN) == b"1"
        assert state.swap(ORIGIN, b"1", b"2")


def note(size: int) -> bytes:
    return f"{Checkpoint(origin=ORIGIN, size=size, root=bytes(32)).text}\n— m AAAAAAA=\n".encode()


CLIMB = """
import sys
from pathlib import Path
from oreloop.adapters.witness_state import SqliteWitnessState

state = SqliteWitnessState(Path(sys.argv[1]))
while (old := state.read("metal.example/log")) is None or int(old) < int(sys.argv[2]):
    new = b"%d" % (int(old or 0) + 1)
    if state.swap("metal.example/log", old, new):
        sys.stdout.write(f"{int(new)}\\n")
        sys.stdout.flush()
"""


def climbing(path: Path, until: int) -> subprocess.Popen:
    command = [sys.executable, "-c", CLIMB, str(path), str(until)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_processes_that_start_and_write_at_once_never_repeat_a_step(tmp_path):
    path, until = tmp_path / "witness.sqlite", 60
    with ThreadPoolExecutor(3) as threads:
        told = list(
            threads.map(lambda process: process.communicate(timeout=60)[0], [climbing(path, until) for _ in "abc"])
        )
    steps = [[int(step) for step in each.split()] for each in told]
    assert sorted(step for each in steps for step in each) == list(range(1, until + 1))
    assert all(each == sorted(each) for each in steps)


@pytest.mark.slow
def test_what_was_acknowledged_survives_a_kill(tmp_path, soak_count):
    path = tmp_path / "witness.sqlite"
    least = 0
    for turn in range(soak_count(3, 100)):
        with climbing(path, 10**9) as process:
            assert process.stdout is not None
            for _ in range(5 + turn % 7):
                acknowledged = int(process.stdout.readline())
            os.kill(process.pid, signal.SIGKILL)
            acknowledged = max([acknowledged, *(int(line) for line in process.stdout if line.endswith("\n"))])
        with SqliteWitnessState(path) as state:
            kept = int(state.read(ORIGIN) or 0)
        assert least < acknowledged <= kept <= acknowledged + 1
        least = kept
