"""A process that runs a log until something happens to it, and says what it acknowledged.

It speaks through ``writev`` alone, so that a fault in ``write`` does not silence it: a line ``ack INDEX HASH`` for each
acknowledgement, ``head SIZE`` for each checkpoint, ``refused CODE`` for each refusal of Oreloop, ``raised TYPE: TEXT``
for anything else, ``end`` last.

``python crash_worker.py load DIR``: many callers append to the log in DIR, and it publishes, until the process is killed.
``python crash_worker.py life DIR OUT``: a short life of the log in DIR, saying its lines to OUT.
``python crash_worker.py fork``: for each line ``DIR OUT`` on the standard input, a new process that stops itself, and
when it is let go on lives like that; its number is printed when it has stopped, its exit status when it has ended.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Callable
from itertools import count
from pathlib import Path

from oreloop.adapters.sqlite_entries import SqliteEntries
from oreloop.adapters.tile_folder import TileFolder
from oreloop.base.errors import OreloopError
from oreloop.log import Checkpoint, Signer, leaf_hash, open_note
from oreloop.log.live.log import Log

CALLERS = 40
SIGNER = Signer.from_seed("metal.example/log", bytes(32))

_SAYING = os.O_WRONLY | os.O_APPEND | os.O_CREAT


def opened(folder: Path) -> Log:
    """Open the log in a folder."""
    entries = SqliteEntries(folder / "entries.sqlite")
    try:
        return Log(entries, TileFolder(folder / "public"), SIGNER)
    except BaseException:
        entries.close()
        raise


def say(out: int, line: str) -> None:
    os.writev(out, [f"{line}\n".encode()])


def acknowledge(out: int, index: int, entry: bytes) -> None:
    say(out, f"ack {index} {leaf_hash(entry).hex()}")


async def load(folder: Path, out: int) -> None:
    """Append from many callers until the process dies."""
    with opened(folder) as log:
        say(out, "open")
        salt = os.urandom(8)
        numbers = count()

        async def caller() -> None:
            while True:
                entry = salt + b"%d" % next(numbers)
                acknowledge(out, await log.aappend(entry), entry)
                await asyncio.sleep(0.01)

        async with log.publishing(every_s=0.2):
            await asyncio.gather(*(caller() for _ in range(CALLERS)))


def short_life(folder: Path, out: int) -> None:
    """Open the log twice, append and publish over the edge of a tile, go on after each refusal."""

    def attempt(step: Callable[[], None]) -> None:
        try:
            step()
        except OreloopError as error:
            say(out, f"refused {error.code}")
        except BaseException as error:
            say(out, f"raised {type(error).__name__}: {error}".replace("\n", " "))

    def once(number: int) -> None:
        with opened(folder) as log:
            for part in range(3):
                attempt(lambda part=part: append(log, b"%d in part %d" % (number, part), 1 + 130 * part))
                attempt(lambda: publish(log))

    def append(log: Log, name: bytes, many: int) -> None:
        say(out, "append")
        entries = [b"%s: %d" % (name, at) for at in range(many)]
        for index, entry in zip(log.append_many(entries), entries, strict=True):
            acknowledge(out, index, entry)
        one = name + b", alone"
        acknowledge(out, log.append(one), one)

    def publish(log: Log) -> None:
        say(out, "publish")
        say(out, f"head {Checkpoint.parse(open_note(log.checkpoint(), [SIGNER.verifier]).text).size}")

    for number in range(2):
        attempt(lambda number=number: once(number))
    say(out, "end")


def fork() -> None:
    """Serve the short lives: each in a process of its own that has everything imported already."""
    with tempfile.TemporaryDirectory() as folder, open(os.devnull, "wb") as nowhere:
        short_life(Path(folder), nowhere.fileno())
    for line in sys.stdin:
        folder, out = map(Path, line.split())
        child = os.fork()
        if not child:
            handle = os.open(out, _SAYING)
            os.kill(os.getpid(), signal.SIGSTOP)
            short_life(folder, handle)
            os._exit(0)
        os.waitpid(child, os.WUNTRACED)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        sys.stdout.write(f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1] == "load":
        asyncio.run(load(Path(sys.argv[2]), 1))
    elif sys.argv[1] == "life":
        short_life(Path(sys.argv[2]), os.open(sys.argv[3], _SAYING))
    else:
        fork()
