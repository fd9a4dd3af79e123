"""A process that captures documents until something happens to it, and says what it acknowledged.

It speaks through ``writev``, unbuffered: a line ``ack NUMBER INDEX SHA256`` for each document that was captured or is a
duplicate, ``done N`` when the first N lines of a file are, ``refused CODE`` for each refusal, ``end`` last.

``python crash_outbox.py fork``: for each line ``DIR OUT STEP TIMES`` on the standard input, a new process that captures
`DOCUMENTS` in the record in DIR, saying its lines to OUT, and ends itself at the step; its exit status is printed.
``python crash_outbox.py bulk DIR FILE``: captures FILE.
"""

from __future__ import annotations

import os
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

from tools.record_trade import document, lot, mined, refined, used

from oreloop.app.logs.folder import LogFolder
from oreloop.app.logs.keys import signer_in
from oreloop.app.records import capture
from oreloop.app.records.folder import RecordFolder
from oreloop.app.records.given import Given
from oreloop.app.records.record import Record
from oreloop.base.errors import OreloopError

DIED = 77
GROUP = 4
STEPS = [f"{when} {what}" for what in ("put", "append_many", "logged", "checkpoint") for when in ("before", "after")]
"""The calls between which a process may end."""
DOCUMENTS = [
    document(event)
    for number in range(4)
    for event in (
        mined(3 * number, lot(f"a{number}", 1_000, 900)),
        refined(3 * number + 1, [lot(f"a{number}", 1_000)], [lot(f"b{number}", 900, 900)]),
        used(3 * number + 2, lot(f"b{number}", 100)),
    )
]


class Dying:
    """A port in front of another one, whose process ends before or after the n-th time that a method is called."""

    def __init__(self, port: Any, step: str, times: int) -> None:
        self._port, (self._when, self._what), self._left = port, step.split(), times

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)
        if name != self._what:
            return method

        def call(*given: Any) -> Any:
            self._left -= 1
            if not self._left and self._when == "before":
                os._exit(DIED)
            answer = method(*given)
            if not self._left:
                os._exit(DIED)
            return answer

        return call


def opened(place: Path, step: str, times: int) -> Record:
    """Open a record whose ports end the process."""
    folder = RecordFolder.read(place)
    log = LogFolder.read(folder.log)
    signer = signer_in(log.root / log.key)
    ports = Dying(folder.open_documents(), step, times), Dying(log.open(signer), step, times)
    return Record(folder, *ports, signer, folder.secret())


def say(out: int, line: str) -> None:
    os.writev(out, [f"{line}\n".encode()])


def life(place: Path, out: int, step: str, times: int) -> None:
    """Capture the documents, three at a time, and then all of them in one go; nobody reads or seals beside it."""
    capture.GROUP, capture.PUBLISH_EVERY_S, capture.has_room = GROUP, 0.0, bool
    with opened(place, step, times) as record:
        for start in (*range(0, len(DOCUMENTS) // 2, 3), 0):
            some = DOCUMENTS[start : start + 3] if start or not record.documents.size() else DOCUMENTS
            added = record.add([Given("x.jsonl", data, number) for number, data in enumerate(some, start=1)])
            for data, each in zip(some, added.documents or (), strict=True):
                say(out, f"ack {each.number} {each.index} {sha256(data).hexdigest()}")
    say(out, "end")


def bulk(place: Path, file: Path) -> None:
    capture.GROUP, capture.PUBLISH_EVERY_S = 64, 0.05
    out = sys.stdout.fileno()
    try:
        with RecordFolder.read(place).open() as record:
            say(out, "open")
            record.add_files([file], progress=lambda done: say(out, f"done {done}"))
    except OreloopError as refused:
        say(out, f"refused {refused.code}")
    say(out, "end")


def fork() -> None:
    """Serve the lives: each in a process of its own that has everything imported already."""
    for line in sys.stdin:
        place, out, when, what, times = line.split()
        child = os.fork()
        if not child:
            life(Path(place), os.open(out, os.O_WRONLY | os.O_APPEND | os.O_CREAT), f"{when} {what}", int(times))
            os._exit(0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1] == "bulk":
        bulk(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        fork()
