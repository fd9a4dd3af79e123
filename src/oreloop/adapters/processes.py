"""Work on several processes of this machine."""

from __future__ import annotations

import itertools
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

from oreloop.base.closing import Closing
from oreloop.base.errors import Unavailable
from oreloop.forecast.ports import Made, Part

AHEAD = 2
"""Parts a process that are under way or waiting: one is worked on while the next one is on its way."""


def cores() -> int:
    """Give how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Processes(Closing):
    """An `Executor` on processes of this machine; close it, or use it in a ``with`` statement.

    Processes are started afresh, not forked: a fork would copy the locks of the threads of polars. Starting one takes
    about half a second, so a single part is worked on here, and none is started before there are two. A script that uses
    it does so below ``if __name__ == "__main__"``, since each process reads the script again.

    Args:
        count: processes, at least 1; 1 works here, one part after the other.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._pool: ProcessPoolExecutor | None = None

    def close(self) -> None:
        """End the processes; parts that none has begun are given up."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None

    def map(self, function: Callable[[Part], Made], parts: Iterable[Part]) -> Iterator[Made]:
        """Give the result of every part, in the order of the parts.

        Raises:
            Unavailable: ``adapters.process_ended`` when a process was ended from outside, e.g. for want of memory.
        """
        rest = iter(parts)
        first = list(itertools.islice(rest, 2))
        if self._count == 1 or len(first) < 2:
            yield from map(function, itertools.chain(first, rest))
            return
        pool = self._started()
        waiting: deque[Future[Made]] = deque()
        try:
            for part in itertools.chain(first, rest):
                waiting.append(pool.submit(function, part))
                if len(waiting) >= AHEAD * self._count:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool as broken:
            self.close()
            raise Unavailable.of("adapters.process_ended") from broken
        finally:
            for each in waiting:
                each.cancel()

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(self._count, mp_context=get_context("spawn"), initializer=_left_to_parent)
        return self._pool


def _left_to_parent() -> None:
    """Leave Ctrl-C to the process that started this one, which ends all of them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
