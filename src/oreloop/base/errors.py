"""What can go wrong, as values.

::

    OreloopError            anything Oreloop refuses; carries one or more problems
    ├── BadInput            what was given cannot be read or makes no sense
    ├── NotFound            a thing that was named does not exist
    ├── Conflict            it exists already, or changed meanwhile
    ├── TamperFound         evidence does not match what was sealed
    ├── RuleBroken          well formed, but against a rule of the trade
    ├── Unavailable         something outside did not answer
    └── NotAllowed          whoever asks may not do this

A problem holds a code and fields, never prose; `oreloop.base.texts` turns it into Chinese or English.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a problem is: a file (or table), a line counted from 1 with the header as line 1, a column name or path."""

    file: str
    line: int | None = None
    column: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong.

    Args:
        code: stable name, ``room.what`` (``case.unknown_unit``); its texts live in the room's ``texts.toml``.
        place: where it is, if it has a place.
        fields: named values that the texts quote (``expected``, ``got`` and others), already as strings.
    """

    code: str
    place: Place | None = None
    fields: Mapping[str, str] = field(default_factory=dict)


def problem(code: str, place: Place | None = None, /, **fields: object) -> Problem:
    """Make a problem; field values are turned into strings here, once.

    >>> problem("case.unknown_unit", Place(file="prices.csv", line=3, column="price_unit"), got="USD/lb").fields
    {'got': 'USD/lb'}
    """
    return Problem(code=code, place=place, fields={name: str(value) for name, value in fields.items()})


class OreloopError(Exception):
    """The root of all refusals. ``problems`` is never empty; ``code`` is the first one's."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        if not self.problems:
            raise AssertionError("an error without a problem")
        super().__init__(self.problems)

    @classmethod
    def of(cls, code: str, place: Place | None = None, /, **fields: object) -> Self:
        """Make an error with a single problem."""
        return cls([problem(code, place, **fields)])

    @property
    def code(self) -> str:
        """The stable code of the first problem."""
        return self.problems[0].code

    def __str__(self) -> str:
        from oreloop.base.texts import render

        return "\n".join(render(each, "en") for each in self.problems)


class BadInput(OreloopError):
    """What was given cannot be read or makes no sense."""


class NotFound(OreloopError):
    """A thing that was named does not exist."""


class Conflict(OreloopError):
    """It exists already, or changed meanwhile."""


class TamperFound(OreloopError):
    """Evidence does not match what was sealed."""


class RuleBroken(OreloopError):
    """Well formed, but against a rule of the trade."""


class Unavailable(OreloopError):
    """Something outside did not answer."""


class NotAllowed(OreloopError):
    """Whoever asks may not do this."""
