"""When payment runs: conditions over named evidence, each of which is met on a day or not yet.

``[payment] when = {all_of = ["accepted", {any_of = ["carbon_stated", "record_shows"]}]}``
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oreloop.deal.clauses import Terms

EVIDENCE = ("delivered", "assayed", "accepted", "carbon_stated", "record_shows")
"""What a condition may name: what was said of a batch, and that the record shows its delivery."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One piece of evidence is there."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AllOf:
    """Every part is met."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyOf:
    """At least one part is met."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Then:
    """The parts are met one after the other: none on an earlier day than the one before it."""

    parts: tuple[Condition, ...]


Condition = Shown | AllOf | AnyOf | Then

ACCEPTED = Shown(name="accepted")
"""What payment waits for when no other condition is written."""

_COMPOSED: Mapping[str, type[AllOf] | type[AnyOf] | type[Then]] = {"all_of": AllOf, "any_of": AnyOf, "then": Then}


def met(condition: Condition, days: Mapping[str, date]) -> date | None:
    """Give the day on which a condition is met, or None while it is not.

    Args:
        condition: what must be shown.
        days: the day of each piece of evidence that is there.

    >>> days = {"accepted": date(2026, 3, 9), "delivered": date(2026, 3, 2)}
    >>> parts = (Shown(name="delivered"), Shown(name="accepted"))
    >>> met(AllOf(parts=parts), days), met(AnyOf(parts=parts), days)
    (datetime.date(2026, 3, 9), datetime.date(2026, 3, 2))
    >>> met(Then(parts=parts), days), met(Then(parts=parts[::-1]), days)
    (datetime.date(2026, 3, 9), None)
    """
    match condition:
        case Shown(name=name):
            return days.get(name)
        case AllOf(parts=parts):
            found = [met(part, days) for part in parts]
            known = [day for day in found if day is not None]
            return max(known) if len(known) == len(found) else None
        case AnyOf(parts=parts):
            return min((day for part in parts if (day := met(part, days)) is not None), default=None)
        case Then(parts=parts):
            found = [met(part, days) for part in parts]
            known = [day for day in found if day is not None]
            return known[-1] if len(known) == len(found) and known == sorted(known) else None


def read_condition(table: Terms, key: str) -> Condition:
    """Read a condition: the name of evidence, or a table with one of ``all_of``, ``any_of``, ``then``."""
    return _read(table, key, table.any_value(key))


def _read(table: Terms, key: str, written: Any) -> Condition:
    match written:
        case str() if written in EVIDENCE:
            return Shown(name=written)
        case dict() if len(written) == 1 and (composed := _COMPOSED.get(next(iter(written)))):
            parts = next(iter(written.values()))
            if isinstance(parts, list) and parts:
                return composed(parts=tuple(_read(table, key, part) for part in parts))
    table.refuse("deal.not_a_condition", key, got=written, expected=", ".join((*EVIDENCE, *_COMPOSED)))
    return ACCEPTED
