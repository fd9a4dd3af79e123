"""A disk that fails, or a process that dies, at any one call: a clear refusal, and nothing acknowledged is lost."""

from __future__ import annotations

import errno
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from random import Random

import pytest
from crash_log import Said, examine_log, head_of
from crash_worker import opened

from oreloop.adapters.tile_folder import TileFolder
from oreloop.base.errors import Unavailable
from oreloop.log import CHECKPOINT

WORKER = Path(__file__).with_name("crash_worker.py")
CALLS = (
    "fsync",
    "fdatasync",
    "pwrite64",
    "write",
    "renameat",
    "openat",
    "mkdirat",
    "unlinkat",
    "ftruncate",
    "pread64",
    "newfstatat",
)
REFUSALS = {"log.not_stored", "log.not_read"}
UNREADABLE = {*REFUSALS, "adapters.entries_damaged"}
"""SQLite reports a read that the disk refuses as damage, since it cannot tell the two apart."""
Live = Callable[[str], tuple[Said, Path]]


@pytest.fixture(scope="module")
def live(strace: str, memory: Path) -> Iterator[Live]:
    """Walk through short lives of logs, each with a fault that strace injects; give what was said, and the folder."""
    server = subprocess.Popen(
        [sys.executable, WORKER, "fork"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    assert server.stdin
    assert server.stdout
    numbers = count()

    def run(inject: str) -> tuple[Said, Path]:
        folder = memory / f"log-{next(numbers)}"
        folder.mkdir()
        out = folder / "said"
        print(folder, out, file=server.stdin)
        child = int(server.stdout.readline())
        # of each thread the calls are counted apart
        options = ["-f", "-q", "-o", folder / "trace", "-e", "trace=" + ",".join(CALLS), "-e", "signal=none"]
        tracer = subprocess.Popen([strace, *options, *(["-e", f"inject={inject}"] if inject else []), "-p", str(child)])
        try:
            while "TracerPid:\t0\n" in Path(f"/proc/{child}/status").read_text():
                assert tracer.poll() is None, "strace could not attach"
                time.sleep(0.002)
        finally:
            os.kill(child, signal.SIGCONT)
        server.stdout.readline()
        tracer.wait()
        return Said.parse(out.read_text()), folder

    with server:
        try:
            yield run
        finally:
            server.kill()


def calls_of_a_life(folder: Path) -> Counter[str]:
    """Count the calls of the main thread in a trace; of a call that only others make, the first is sure to come."""
    lines = [line.split(maxsplit=1) for line in (folder / "trace").read_text().splitlines()]
    calls = [(thread, found[0]) for thread, call in lines if (found := re.match(r"\w+(?=\()", call))]
    main = Counter(name for thread, name in calls if thread == lines[0][0])
    return main + Counter({name for _, name in calls} - main.keys())


def moments(folder: Path, rng: Random, count: int) -> list[tuple[str, int]]:
    """Draw calls of a life by name and number, every name about as often as another."""
    calls = calls_of_a_life(folder)
    assert {"fsync", "fdatasync", "pwrite64", "write", "renameat", "openat"} <= set(calls)
    every = [(name, number) for name, many in calls.items() for number in range(1, many + 1)]
    if count >= len(every):
        return every
    names = sorted(calls)
    return [(name, rng.randint(1, calls[name])) for name in (names[at % len(names)] for at in range(count))]


@pytest.mark.slow
@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
@pytest.mark.parametrize("lasting", ["", "+"], ids=["once", "from then on"])
def test_a_call_that_fails_ends_in_a_refusal_and_loses_nothing(
    error: str, lasting: str, live: Live, soak_count: Callable[[int, int], int]
) -> None:
    sound, folder = live("")
    assert (sound.ended, sound.refused, sound.raised) == (True, [], [])
    examine_log(folder, sound)
    wrong, refused = [], 0
    for name, number in moments(folder, Random(error + lasting), soak_count(8, 250)):
        said, folder = live(f"{name}:error={error}:when={number}{lasting}")
        refused += len(said.refused)
        where = f"{name} {number}{lasting}"
        if said.raised or not said.ended or not set(said.refused) <= (UNREADABLE if name == "pread64" else REFUSALS):
            wrong.append(f"{where}: raised {said.raised}, refused {said.refused}, ended {said.ended}")
        try:
            examine_log(folder, said)
        except Exception as error_found:
            wrong.append(f"{where}: {type(error_found).__name__} {error_found}")
        shutil.rmtree(folder)
    assert not wrong, "\n".join(wrong[:20])
    assert refused


@pytest.mark.slow
def test_a_process_killed_at_any_call_loses_nothing(live: Live, soak_count: Callable[[int, int], int]) -> None:
    _, folder = live("")
    for name, number in moments(folder, Random(9), soak_count(8, 500)):
        said, folder = live(f"{name}:signal=KILL:when={number}")
        assert not said.ended
        examine_log(folder, said)
        shutil.rmtree(folder)


def _refuse(*_: object) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_a_checkpoint_that_is_in_place_although_its_folder_could_not_be_flushed_is_gone_on_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    public = tmp_path / "public"
    with opened(tmp_path) as log:
        log.append(b"heat 1")
        before = log.checkpoint()
        log.append(b"heat 2")
        fsync = os.fsync

        def fails_after_renaming(handle: int) -> None:
            if Path(os.readlink(f"/proc/self/fd/{handle}")) == public and (public / CHECKPOINT).read_bytes() != before:
                _refuse()
            fsync(handle)

        with monkeypatch.context() as fault:
            fault.setattr(os, "fsync", fails_after_renaming)
            for _ in range(2):
                with pytest.raises(Unavailable) as refusal:
                    log.checkpoint()
                assert refusal.value.code == "log.not_stored"
        log.append(b"heat 3")
        assert head_of(log.checkpoint()).size == 3
        assert head_of((public / CHECKPOINT).read_bytes()).size == 3


def test_a_disk_that_does_not_even_list_a_folder_ends_in_a_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path) as log:
        log.append(b"heat 1")
        log.checkpoint()
        log.append(b"heat 2")
        monkeypatch.setattr(os, "fsync", _refuse)
        monkeypatch.setattr(Path, "iterdir", _refuse)
        with pytest.raises(Unavailable) as refusal:
            log.checkpoint()
        assert refusal.value.code == "log.not_stored"
        TileFolder(tmp_path / "public")
