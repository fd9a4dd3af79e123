"""What an exam of a port is written with: an `AssertionError`, in words, wherever a promise is not kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar, overload

from oreloop.base.errors import OreloopError

T = TypeVar("T")

_SHOWN = 300
"""Characters of a value that a message quotes."""


def same(got: object, expected: object, promise: str) -> None:
    """Check that a store gives what it should.

    Raises:
        AssertionError: it does not; the promise says what was expected of it.

    >>> same(2, 0, "a new store has no entries")
    Traceback (most recent call last):
        ...
    AssertionError: a new store has no entries: expected 0, got 2
    """
    if got != expected:
        raise AssertionError(f"{promise}: expected {short(expected)}, got {short(got)}")


def short(value: object) -> str:
    """Give a value as a message quotes it."""
    said = repr(value)
    return said if len(said) <= _SHOWN else f"{said[:_SHOWN]}..."


@contextmanager
def refused(family: type[OreloopError], code: str, promise: str) -> Iterator[None]:
    """Check that the body of a ``with`` statement is refused by an error of this family and code.

    Raises:
        AssertionError: it is not.
    """
    try:
        yield
    except OreloopError as error:
        same((type(error), error.code), (family, code), promise)
    else:
        raise AssertionError(f"{promise}: nothing was refused")


class Torn(Sequence[T]):
    """A sequence whose last element cannot be had: `ArithmeticError`."""

    def __init__(self, sound: Sequence[T]) -> None:
        """Put that element behind those that are sound."""
        self._sound = sound

    def __len__(self) -> int:
        """Count it too."""
        return len(self._sound) + 1

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...
    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        """Give an element or some."""
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        if index in (-1, len(self._sound)):
            raise ArithmeticError("this element cannot be had")
        return self._sound[index]
