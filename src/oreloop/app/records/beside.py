"""The second process of a long import: it reads and seals documents, while this one judges and stores them.

A group of documents goes through five steps, in three places at once::

    read      second process, a few groups ahead
    judged    here, one document after the other
    sealed    second process: blinded, held against the leaves before it, signed
    stored    here, in a thread: documents and leaves in one transaction
    logged    in that thread

What is asked first is answered first, and there is one second process, so leaves are made in the order of the judgement
and each can name the hashes of those before it: the result is the same as without it. While the second process has
enough to do, groups are read here, so that both are equally busy. Should it end, all of it is done here from then on.

Secret and key reach it through its standard input, which nobody else can read.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from fcntl import F_SETPIPE_SZ, fcntl
from functools import partial
from signal import SIG_DFL, SIGPIPE, signal
from types import TracebackType
from typing import IO, Any, Protocol, Self, TypeVar

import msgspec

from oreloop.app.records.reading import Reading, read_all
from oreloop.app.records.sealing import Known, Seal, Sealer, Unsealed
from oreloop.record.epcis.parse import Wanted

_SIZE_BYTES = 8
_PIPE_BYTES = 2**20
"""A message goes through a pipe in pieces of this size. For each, its thread must wait its turn beside the others that
run Python here, up to 5 ms; with the usual 64 KiB that would take longer than the work."""
_FEW_COLLECTIONS = 100_000
"""Objects that may be in a cycle, made and not given back, after which the collector looks for one."""
_ENOUGH = 4
"""Requests that keep the second process busy: with as many unanswered, what is to be read is read here instead."""

_T = TypeVar("_T")


class Worker(Protocol):
    """Who reads and seals. What they give is called for the answer, in the order in which it was asked for."""

    def read(self, wanted: Sequence[Wanted]) -> Callable[[], list[Reading]]:
        """Have documents read."""
        ...

    def seal(self, unsealed: Sequence[Unsealed]) -> Callable[[], list[Seal]]:
        """Have documents sealed; they follow all that were sealed before."""
        ...


class Alone:
    """Does all of it here, when the answer is called for."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def read(self, wanted: Sequence[Wanted]) -> Callable[[], list[Reading]]:
        """See `Worker.read`."""
        return partial(read_all, wanted)

    def seal(self, unsealed: Sequence[Unsealed]) -> Callable[[], list[Seal]]:
        """See `Worker.seal`."""
        return partial(self._sealer.seal, unsealed)


class _Asked(msgspec.Struct, frozen=True, gc=False):
    read: list[Wanted]
    seal: list[Unsealed]


_known, _asked = msgspec.msgpack.Decoder(Known), msgspec.msgpack.Decoder(_Asked)
_readings, _seals = msgspec.msgpack.Decoder(list[Reading]), msgspec.msgpack.Decoder(list[Seal])
_encode = msgspec.msgpack.Encoder().encode


class Helper:
    """Has all of it done in a second process, for as long as it is open.

    Unlike a process of `multiprocessing`, it does not load the program that asks, which may have no guard against that.

    Args:
        sealer: what it takes over from; it is kept up to date, so that it can go on at any time.
    """

    def __init__(self, sealer: Sealer) -> None:
        command = [sys.executable, "-c", f"from {__name__} import serve; serve()"]
        # In a group of its own: whoever interrupts us at a terminal means us, and we end it.
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=0
        )
        asking, answers = self._process.stdin, self._process.stdout
        assert asking is not None
        assert answers is not None
        self._pipes = asking, answers
        for pipe in self._pipes:
            with suppress(OSError):  # who has many pipes may not have large ones
                fcntl(pipe, F_SETPIPE_SZ, _PIPE_BYTES)
        self._sealer = sealer
        self._unanswered: deque[Future[Any]] = deque()
        self._asking = ThreadPoolExecutor(1, "oreloop-record-ask")
        self._answering = ThreadPoolExecutor(1, "oreloop-record-answer")
        self._asking.submit(_send, asking, _encode(sealer.known))

    def read(self, wanted: Sequence[Wanted]) -> Callable[[], list[Reading]]:
        """See `Worker.read`."""
        while self._unanswered and self._unanswered[0].done():
            self._unanswered.popleft()
        if len(self._unanswered) >= _ENOUGH:
            return partial(read_all, wanted)
        return self._ask(_Asked(list(wanted), []), _readings.decode, partial(read_all, wanted))

    def seal(self, unsealed: Sequence[Unsealed]) -> Callable[[], list[Seal]]:
        """See `Worker.seal`."""
        return self._ask(_Asked([], list(unsealed)), self._followed, partial(self._sealer.seal, unsealed))

    def _ask(self, asked: _Asked, decode: Callable[[bytes], _T], instead: Callable[[], _T]) -> Callable[[], _T]:
        def answer() -> _T:
            said = _received(self._pipes[1])
            return instead() if said is None else decode(said)

        self._asking.submit(_send, self._pipes[0], _encode(asked))  # fails if nobody listens; nor comes an answer then
        answering = self._answering.submit(answer)
        self._unanswered.append(answering)
        return answering.result

    def _followed(self, said: bytes) -> list[Seal]:
        seals = _seals.decode(said)
        self._sealer.follow(seals)
        return seals

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        for each in (self._asking, self._answering):
            each.shutdown(cancel_futures=True)
        self._process.communicate()


@contextmanager
def few_collections() -> Iterator[None]:
    """Look for cycles among what is made less often for a while: documents and what is made of them are in none."""
    before = gc.get_threshold()
    gc.set_threshold(_FEW_COLLECTIONS)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def has_room() -> bool:
    """Tell whether a second process has a processor of its own."""
    return len(os.sched_getaffinity(0)) > 1


def serve() -> None:
    """Read and seal documents as asked on the standard input, until it ends."""
    # What is made here lasts as long as a group and is in no cycle: the collector would look through it for nothing.
    gc.freeze()
    gc.set_threshold(_FEW_COLLECTIONS)
    signal(SIGPIPE, SIG_DFL)  # when nobody waits for the answer any more, this process ends without a word
    source, out = sys.stdin.buffer, sys.stdout.buffer
    started = _received(source)
    if started is None:
        return
    sealer = Sealer(_known.decode(started))
    while (said := _received(source)) is not None:
        asked = _asked.decode(said)
        _send(out, _encode(read_all(asked.read) if asked.read else sealer.seal(asked.seal)))


def _send(out: IO[bytes], message: bytes) -> None:
    out.write(len(message).to_bytes(_SIZE_BYTES, "big"))
    out.write(message)
    out.flush()


def _received(source: IO[bytes]) -> bytes | None:
    """Give a message; None when it does not come whole."""
    size = int.from_bytes(source.read(_SIZE_BYTES), "big")
    message = source.read(size)
    return message if size and len(message) == size else None
