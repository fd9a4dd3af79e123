"""What long work may be given to: an executor, in the room one part after the other, outside of it on many processes.

Work is cut into parts of a fixed size, and a part's result depends on nothing but the part. So a result is the same on
one process, on two, or on a cluster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

Part = TypeVar("Part")
Made = TypeVar("Made")


class Executor(Protocol):
    """Applies a function to parts of a work.

    Function, parts and results are values that can be pickled: functions of a module, frozen dataclasses, arrays.
    """

    def map(self, function: Callable[[Part], Made], parts: Iterable[Part]) -> Iterator[Made]:
        """Give the result of every part, in the order of the parts.

        Parts are read as results are taken, a few ahead, so that all of them need not be in memory at once. What the
        function raises is raised here, in its place, and ends the work.
        """
        ...


class InTurn:
    """The executor of the room: one part after the other, in this process."""

    def map(self, function: Callable[[Part], Made], parts: Iterable[Part]) -> Iterator[Made]:
        """Give the result of every part, each made when it is asked for.

        >>> list(InTurn().map(abs, [-2, 1]))
        [2, 1]
        """
        return map(function, parts)
