"""Undo by remembering only what was touched.

What a fold keeps is tables (dictionaries with values that are never changed in place) and lists that only grow. So one
entry per change of a table and one length per list are all that is needed to go back to a mark.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_ABSENT: Any = object()

Mark = tuple[int, tuple[int, ...]]


class Journal:
    """The changes since the last `keep`.

    >>> journal, table = Journal(()), {"a": 1}
    >>> start = journal.mark()
    >>> journal.put(table, "a", 2)
    >>> journal.put(table, "b", 3)
    >>> journal.back(start)
    >>> table
    {'a': 1}
    """

    __slots__ = ("_changes", "_lists", "_note")

    def __init__(self, lists: Sequence[list[Any]]) -> None:
        self._changes: list[tuple[dict[Any, Any], Any, Any]] = []
        self._lists = tuple(lists)
        self._note = self._changes.append

    def put(self, table: dict[Any, Any], key: Any, value: Any) -> None:
        """Set an entry of a table."""
        self._note((table, key, table.get(key, _ABSENT)))
        table[key] = value

    def drop(self, table: dict[Any, Any], key: Any) -> None:
        """Remove an entry of a table, if it is there."""
        if key in table:
            self._changes.append((table, key, table.pop(key)))

    def mark(self) -> Mark:
        """Give the point that `back` goes back to."""
        return len(self._changes), tuple([len(each) for each in self._lists])

    def back(self, mark: Mark) -> None:
        """Undo everything since a mark."""
        kept, lengths = mark
        for table, key, before in reversed(self._changes[kept:]):
            if before is _ABSENT:
                del table[key]
            else:
                table[key] = before
        del self._changes[kept:]
        for each, length in zip(self._lists, lengths, strict=True):
            del each[length:]

    def keep(self) -> None:
        """Make everything so far final."""
        self._changes.clear()
