"""What lies where: positions of batches, and what an amount stated by an event means against them.

A position is a batch, or a part of one, at one site (or on its way there) in one hand. Besides whole milligrams it
carries, per element, how much of each *measurement* is in it: ``errors[element][m]`` is the standard deviation (mg)
that measurement ``m`` contributes, with sign. Parts of one measurement therefore add linearly and different
measurements in quadrature, which is the law of propagation of uncertainty (GUM, JCGM 100:2008, 5.2) for sums.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Literal

from oreloop.base.quantity import split
from oreloop.record.events import Amount

Errors = dict[int, float]
"""Standard deviation, mg, by measurement; see the module."""

COVERAGE = 3
"""A difference counts as broken beyond this many standard uncertainties."""


def tolerance_mg(errors: Mapping[int, float]) -> int:
    """Give `COVERAGE` combined standard uncertainties in whole mg, rounded down."""
    return int(COVERAGE * math.sqrt(math.fsum(sd * sd for sd in errors.values())))


def add_errors(into: Errors, more: Mapping[int, float], factor: float = 1.0) -> None:
    """Add errors times a factor, measurement by measurement."""
    for measurement, sd in more.items():
        into[measurement] = into.get(measurement, 0.0) + factor * sd


@dataclass(slots=True, kw_only=True)
class Position:
    """A batch or part of one at a place.

    Args:
        batch: id of the batch.
        site: where it is, or goes to.
        state: ``here`` or ``in_transit``.
        holder: party that holds it; on its way, the party that sent it.
        event: id of the event that last touched it.
        gross_mg: wet mass, mg.
        gross_sd_mg: standard uncertainty of its weighing, mg.
        share: share of the batch as it came to exist that lies here.
        contained: mass by element, mg.
        errors: uncertainty of each contained mass.
        consignee: to whom it goes, if in transit.
        contract: contract that its movement fulfils.
        shipped_at: when it left, if in transit.
    """

    batch: str
    site: str
    state: Literal["here", "in_transit"]
    holder: str
    event: str
    gross_mg: int
    gross_sd_mg: float
    share: Fraction
    contained: dict[str, int]
    errors: dict[str, Errors]
    consignee: str = ""
    contract: str | None = None
    shipped_at: datetime | None = None


@dataclass(slots=True, kw_only=True)
class Part:
    """A share of a position, with the content (mg) and its uncertainty that go with it."""

    position: Position
    share: Fraction
    contained: dict[str, int]
    errors: dict[str, Errors]


@dataclass(slots=True, kw_only=True)
class Taken:
    """What an amount turns out to be.

    Args:
        batch: id of the batch.
        parts: the parts of positions that it takes.
        whole: whether these are whole positions.
        gross_mg: wet mass taken, as the event states it, mg.
        gross_sd_mg: standard uncertainty of that mass, mg.
    """

    batch: str
    parts: list[Part]
    whole: bool
    gross_mg: int
    gross_sd_mg: float

    @property
    def holder(self) -> str:
        """The party that held it."""
        return self.parts[0].position.holder

    @property
    def last_events(self) -> str:
        """The events that last touched what was taken."""
        return ", ".join(sorted({part.position.event for part in self.parts}))

    @property
    def share(self) -> Fraction:
        """Share of the batch as it came to exist."""
        return sum((part.position.share * part.share for part in self.parts), Fraction(0))

    def contained(self) -> dict[str, int]:
        """Give the mass taken by element, mg."""
        summed: dict[str, int] = {}
        for part in self.parts:
            for element, mass in part.contained.items():
                summed[element] = summed.get(element, 0) + mass
        return summed

    def errors(self) -> dict[str, Errors]:
        """Give the uncertainty of each contained mass."""
        summed: dict[str, Errors] = {}
        for part in self.parts:
            for element, errors in part.errors.items():
                add_errors(summed.setdefault(element, {}), errors)
        return summed

    def restate(self, element: str, mass_mg: int, errors: Errors) -> bool:
        """Take a measured mass of an element, mg, instead of the proportional one; False if less is there."""
        weights = [part.contained.get(element, 0) for part in self.parts]
        if mass_mg and not any(weights):
            return False
        for part, mass in zip(self.parts, split(mass_mg, weights), strict=True):
            if mass > part.position.contained.get(element, 0):
                return False
            part.contained[element] = mass
            part.errors[element] = {m: sd * mass / mass_mg for m, sd in errors.items()} if mass_mg else {}
        return True


def weigh(positions: Sequence[Position], amount: Amount) -> Taken | int:
    """Find what an amount takes of the positions of its batch, without taking it.

    The whole of a single position is meant if the masses agree within `COVERAGE` combined standard uncertainties of
    the two weighings; likewise the whole of all together; else a part, in the order given.

    Returns:
        What is taken, or, if more is asked than is there, the mass that is there, mg.
    """
    there = sum(position.gross_mg for position in positions)
    asked = there if amount.gross_mg is None else amount.gross_mg
    sd = max((position.gross_sd_mg for position in positions), default=0.0)
    slack = tolerance_mg({0: amount.gross_sd_mg, 1: sd})
    for chosen in (*([position] for position in positions), list(positions)):
        if chosen and abs(asked - sum(position.gross_mg for position in chosen)) <= slack:
            parts = [_part(position, Fraction(1)) for position in chosen]
            return Taken(
                batch=amount.batch, parts=parts, whole=True, gross_mg=asked, gross_sd_mg=amount.gross_sd_mg or sd
            )
    if asked > there:
        return there
    parts, rest = [], asked
    for position in positions:
        if (part := min(rest, position.gross_mg)) > 0:
            parts.append(_part(position, Fraction(part, position.gross_mg)))
            rest -= part
    return Taken(batch=amount.batch, parts=parts, whole=False, gross_mg=asked, gross_sd_mg=amount.gross_sd_mg or sd)


def _part(position: Position, share: Fraction) -> Part:
    return Part(
        position=position,
        share=share,
        contained={element: split(mass, [share, 1 - share])[0] for element, mass in sorted(position.contained.items())},
        errors={
            element: {m: sd * float(share) for m, sd in errors.items()} for element, errors in position.errors.items()
        },
    )


class Stock:
    """All positions of all batches."""

    def __init__(self) -> None:
        self._positions: dict[str, list[Position]] = {}

    def of(self, batch: str) -> list[Position]:
        """Give the positions of a batch, oldest first."""
        return self._positions.get(batch, [])

    def every(self) -> Iterable[Position]:
        """Give all positions by batch."""
        for batch in sorted(self._positions):
            yield from self._positions[batch]

    def put(self, position: Position) -> None:
        """Put a position down; parts of a batch at one site in one hand become one."""
        held = self._positions.setdefault(position.batch, [])
        for other in held:
            same = (other.site, other.holder) == (position.site, position.holder)
            if same and other.state == position.state == "here":
                other.event = position.event
                other.gross_mg += position.gross_mg
                other.gross_sd_mg = math.hypot(other.gross_sd_mg, position.gross_sd_mg)
                other.share += position.share
                for element, mass in position.contained.items():
                    other.contained[element] = other.contained.get(element, 0) + mass
                    add_errors(other.errors.setdefault(element, {}), position.errors[element])
                return
        held.append(position)

    def take(self, taken: Taken, event: str) -> None:
        """Remove what `weigh` found."""
        for part in taken.parts:
            position = part.position
            if part.share == 1:
                self._positions[position.batch] = [
                    other for other in self._positions[position.batch] if other is not position
                ]
                continue
            for element, mass in part.contained.items():
                position.contained[element] -= mass
                add_errors(position.errors[element], part.errors[element], -1.0)
            position.gross_mg -= int(position.gross_mg * part.share)
            position.share *= 1 - part.share
            position.event = event
