"""Appending from asyncio: many callers wait for one flush (group commit), and a clock for publishing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress

from oreloop.base.errors import OreloopError

WAITING_BYTES = 64 * 2**20
"""Bytes of entries under way above which a caller waits before its entry is taken in."""


class Batching:
    """Collects entries while a flush is under way; the next flush takes all that came meanwhile.

    Its state is touched by the event loop alone, so that it needs no lock; only the flush runs in a thread.

    Args:
        store: makes entries durable, and gives their indices.
    """

    def __init__(self, store: Callable[[list[bytes]], list[int]]) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(1, "oreloop-log-flush")
        self._loop: asyncio.AbstractEventLoop | None = None

    async def append(self, data: bytes) -> int:
        """Give the index of an entry once it is durable."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._begin(loop)
        while self._held > WAITING_BYTES:
            await self._room.wait()
        waiting = loop.create_future()
        self._items.append(data)
        self._callers.append(waiting)
        self._held += len(data)
        if not self._flushing:
            self._flush()
        index: int = await waiting
        return index

    def close(self) -> None:
        """Wait for the flush that is under way."""
        self._thread.shutdown()

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start anew on an event loop; callers of an earlier one are gone with it."""
        self._loop = loop
        self._items: list[bytes] = []
        self._callers: list[asyncio.Future[int]] = []
        self._held = 0
        self._room = asyncio.Event()
        self._flushing = False

    def _flush(self) -> None:
        assert self._loop is not None
        items, self._items = self._items, []
        callers, self._callers = self._callers, []
        self._flushing = True
        self._room.clear()
        flush = self._loop.run_in_executor(self._thread, self._store, items)
        flush.add_done_callback(lambda done: self._answer(done, items, callers))

    def _answer(self, done: asyncio.Future[list[int]], items: list[bytes], callers: list[asyncio.Future[int]]) -> None:
        self._held -= sum(map(len, items))
        self._flushing = False
        self._room.set()
        error = done.exception()
        for place, caller in enumerate(callers):
            if caller.done():  # who gave up waiting is not told; the entry stays
                continue
            if error is None:
                caller.set_result(done.result()[place])
            else:
                caller.set_exception(error)
        if self._items:
            self._flush()


@asynccontextmanager
async def publishing(publish: Callable[[], bytes], every_s: float) -> AsyncIterator[None]:
    """Call ``publish`` in a thread every so many seconds, and once more at the end."""

    async def tick() -> None:
        while True:
            await asyncio.sleep(every_s)
            with suppress(OreloopError):  # the next attempt, or the last one, says what is wrong
                await asyncio.to_thread(publish)

    ticking = asyncio.create_task(tick())
    try:
        yield
    finally:
        ticking.cancel()
        with suppress(asyncio.CancelledError):
            await ticking
    await asyncio.to_thread(publish)
