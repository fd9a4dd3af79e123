"""Capture that is cut short: what was acknowledged is stored and in the log, once, and nothing is half there."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest
from crash_outbox import DIED, DOCUMENTS, STEPS
from tools.record_trade import document, lines, lot, mined, used

from oreloop.app.records.folder import open_record, start_record
from oreloop.app.records.given import Given
from oreloop.app.records.monitor import verify_record

WORKER = Path(__file__).with_name("crash_outbox.py")
ROOT = Path(__file__).parents[2]
Live = Callable[[Path, Path, str, int], int]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    """Let a process live until a step; give its exit status."""
    command = [sys.executable, WORKER, "fork"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, env=environment()
    ) as server:

        def run(place: Path, out: Path, step: str, times: int) -> int:
            assert server.stdin is not None
            assert server.stdout is not None
            server.stdin.write(f"{place} {out} {step} {times}\n")
            server.stdin.flush()
            return int(server.stdout.readline())

        yield run
        assert server.stdin is not None
        server.stdin.close()


def acknowledged(said: Path) -> dict[int, tuple[int, str]]:
    """Read what was acknowledged: index and digest by number; nothing is ever acknowledged otherwise."""
    found: dict[int, tuple[int, str]] = {}
    for line in said.read_text().split("\n")[:-1] if said.exists() else []:
        word, *rest = line.split()
        if word == "ack":
            number, index, digest = int(rest[0]), int(rest[1]), rest[2]
            assert found.setdefault(number, (index, digest)) == (index, digest)
    return found


def examine(place: Path, said: dict[int, tuple[int, str]]) -> list[bytes]:
    """Open a record after a crash, hold it against what was acknowledged, and check all of it; give its documents."""
    with open_record(place) as record:
        held = list(record.held())
        assert [each.number for each in held] == list(range(len(held)))
        assert [each.index for each in held] == list(range(len(held))), "a document is not in the log, or twice"
        assert record.log.size == len(held), "the log holds what no document stands behind"
        assert [record.log.entry(index) for index in range(len(held))] == [each.leaf for each in held]
        data = [each.data or b"" for each in held]
        assert len(set(data)) == len(data), "a document is stored twice"
        for number, (index, digest) in said.items():
            assert (held[number].index, sha256(data[number]).hexdigest()) == (index, digest)
        vkey = record.folder.verifier.vkey
    found = verify_record(place, vkey=vkey)
    assert found.outcome == "verified", str(found)
    assert {check.state for check in found.checks} == {"passed"}
    return data


@pytest.mark.parametrize("step", STEPS)
def test_a_capture_that_ends_between_two_steps_is_taken_up_again(
    step: str, scratch: Path, live: Live, soak_count: Callable[[int, int], int]
) -> None:
    for times in [1, 4, 2, 3][: soak_count(2, 4)]:
        ends_and_is_taken_up_again(scratch / f"record{times}", scratch / f"said{times}", step, times, live)


def ends_and_is_taken_up_again(place: Path, said: Path, step: str, times: int, live: Live) -> None:
    start_record(place, origin="metal.example/batches")
    assert live(place, said, step, times) == DIED
    examine(place, acknowledged(said))
    live(place, said, step, times + 1)
    stored = examine(place, acknowledged(said))
    assert stored == DOCUMENTS[: len(stored)]
    with open_record(place) as record:
        added = record.add([Given("x.jsonl", data, number) for number, data in enumerate(DOCUMENTS, start=1)])
        assert added.counts == {"captured": len(DOCUMENTS) - len(stored), "duplicate": len(stored), "refused": 0}
    assert examine(place, acknowledged(said)) == DOCUMENTS


@pytest.mark.parametrize("step", [step for step in STEPS if "put" not in step])
def test_a_recovery_that_is_cut_short_is_taken_up_again(step: str, scratch: Path, live: Live) -> None:
    place, said = scratch / "record", scratch / "said"
    start_record(place, origin="metal.example/batches")
    assert live(place, said, "after put", 1) == DIED
    assert live(place, said, step, 1) == DIED  # while the record is opened, or soon after
    examine(place, acknowledged(said))


@pytest.mark.slow
def test_a_long_import_that_is_killed_again_and_again_loses_nothing(
    tmp_path: Path, soak_count: Callable[[int, int], int]
) -> None:
    rng = Random(5)
    place, file = tmp_path / "record", tmp_path / "x.jsonl"
    start_record(place, origin="metal.example/batches")
    events = []
    for number in range(soak_count(500, 4_000)):
        events += [mined(2 * number, lot(f"a{number}", 1_000, 900)), used(2 * number + 1, lot(f"a{number}", 100))]
    data = [document(event) for event in events]
    file.write_bytes(lines(*data))
    stored: list[bytes] = []
    for number in range(soak_count(3, 25)):
        done = killed(place, file, "done" if number % 2 else "open", rng.triangular(0, soak_count(1, 3) / 2))
        before, stored = stored, examine(place, {})
        assert stored == data[: len(stored)]
        assert len(stored) >= max(done, len(before)), "what was acknowledged is lost"
    assert stored


def killed(place: Path, file: Path, word: str, after_s: float) -> int:
    """Kill an import a while after it first said a word; give how many documents it said were done."""
    said = place.parent / "said"
    with (
        said.open("wb") as out,
        subprocess.Popen([sys.executable, WORKER, "bulk", place, file], stdout=out, env=environment()) as process,
    ):
        while process.poll() is None and word not in said.read_text():
            time.sleep(0.01)
        time.sleep(after_s)
        process.kill()
    told = [line.split() for line in said.read_text().split("\n")[:-1]]
    assert not [line for line in told if line[0] == "refused"]
    return max((int(line[1]) for line in told if line[0] == "done"), default=0)
