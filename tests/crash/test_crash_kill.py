"""``kill -9`` under load, again and again, on one log: it goes on each time, and it is one log to the end."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from crash_log import Said, examine_log, head_of

from oreloop.log import CHECKPOINT, Checkpoint, Tree

WORKER = Path(__file__).with_name("crash_worker.py")


def killed(folder: Path, after_s: float, *, once_open: bool) -> tuple[Said, set[Checkpoint]]:
    """Run a log under load, read its checkpoint as a web server would, kill it; give what it said and what was seen.

    Args:
        folder: of the log.
        after_s: when it is killed, in seconds.
        once_open: whether these seconds begin when the log is open, or with the process.
    """
    said = folder / "said"
    seen: set[Checkpoint] = set()
    note = folder / "public" / CHECKPOINT
    with said.open("wb") as out, subprocess.Popen([sys.executable, WORKER, "load", folder], stdout=out) as process:
        try:
            while once_open and process.poll() is None and not said.stat().st_size:
                time.sleep(0.01)
            end = time.monotonic() + after_s
            while process.poll() is None and time.monotonic() < end:
                if note.exists():
                    seen.add(head_of(note.read_bytes()))
                time.sleep(0.005)
            assert process.poll() is None, "it ended before it was killed"
        finally:
            process.kill()
    return Said.parse(said.read_text()), seen


@pytest.mark.slow
def test_a_log_that_is_killed_again_and_again_loses_nothing_and_never_forks(
    tmp_path: Path, soak_count: Callable[[int, int], int]
) -> None:
    rng = Random(3)
    kills = int(os.environ.get("ORELOOP_KILLS", soak_count(4, 100)))
    earlier: tuple[bytes, ...] = ()
    acknowledged = 0
    seen: set[Checkpoint] = set()
    for _ in range(kills):
        said, heads = killed(tmp_path, rng.triangular(0, 1.2, 0.2), once_open=rng.random() < 0.8)
        found = examine_log(tmp_path, said)
        assert found.opened_s < 5
        assert found.hashes[: len(earlier)] == earlier, "entries of an earlier round are lost or others"
        earlier = found.hashes
        acknowledged += len(said.acknowledged)
        seen |= {*heads, found.after, *filter(None, [found.before])}
    assert acknowledged
    tree = Tree.of_hashes(earlier)
    assert {head.size: head.root for head in seen} == {head.size: tree.root(head.size) for head in seen}
    assert len({head.size for head in seen}) == len(seen), "two checkpoints of one size differ"
