"""What an event says and another does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from oreloop.base.errors import BadInput
from oreloop.base.instant import instant
from oreloop.record.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Untold:
    """Something that an event says and the tables do not: its id, the JSON path in it, and what it says (shortened)."""

    event: str
    path: str
    said: str


def whole(event: Event) -> Untold:
    """Name a whole event."""
    return Untold(event=event.id, path="$", said=f"{event.kind} {event.raw.get('bizStep', '')}".strip())


def differences(event: str, theirs: Any, mine: Any, path: str = "$") -> Iterator[Untold]:
    """Name what one JSON value says and another does not say the same; more may be said there.

    Numbers are compared as numbers and times as instants, however they are written.
    """
    if isinstance(theirs, Mapping) and isinstance(mine, Mapping):
        for name, value in theirs.items():
            yield from differences(event, value, mine.get(name), f"{path}.{name}")
    elif isinstance(theirs, list) and isinstance(mine, list) and len(theirs) == len(mine):
        for number, (value, other) in enumerate(zip(theirs, mine, strict=True)):
            yield from differences(event, value, other, f"{path}[{number}]")
    elif _same(theirs) != _same(mine):
        yield Untold(event=event, path=path, said=str(theirs)[:80])


def _same(value: Any) -> object:
    if isinstance(value, str | int | Decimal) and not isinstance(value, bool):
        try:
            return Decimal(value)
        except InvalidOperation:
            pass
    if isinstance(value, str):
        try:
            return instant(value)
        except BadInput:
            pass
    return value
