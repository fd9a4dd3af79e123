"""What is closed at the end of a ``with`` block."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Closing(ABC):
    """A class with ``close`` that may stand in a ``with``; nothing that went wrong is hidden.

    >>> class Lamp(Closing):
    ...     def close(self) -> None:
    ...         print("off")
    >>> with Lamp():
    ...     print("on")
    on
    off
    """

    __slots__ = ()

    @abstractmethod
    def close(self) -> None:
        """Let go of what is held; a second time does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
