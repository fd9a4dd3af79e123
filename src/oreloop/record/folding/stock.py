"""What lies where: positions of batches, and what an amount stated by an event means against them.

A position is a batch, or a part of one, at one site (or on its way there) in one hand. With its metal go the
uncertainty of each mass (`oreloop.record.folding.drift`), the recycled content that may still be claimed for it, and the
emissions of its transport; a part takes its proportion of each in whole units, and the rest keeps what is left, so
nothing is lost or doubled by any sequence of parts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime
from fractions import Fraction
from typing import Literal

import msgspec

from oreloop.base.quantity import split
from oreloop.record.events import Amount
from oreloop.record.folding.drift import NG_PER_MG, NOTHING, Errors, added, tolerance_mg
from oreloop.record.folding.journal import Journal

WHOLE = Fraction(1)


class Position(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A batch or part of one at a place; its mappings are never changed.

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
        recycled: recycled content by element that may still be claimed, mg.
        carried_g: emissions of its transport, g CO2e.
        container: what it is packed in; empty for nothing.
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
    recycled: dict[str, int] = {}
    carried_g: int = 0
    container: str = ""
    consignee: str = ""
    contract: str | None = None
    shipped_at: datetime | None = None


class Portion(msgspec.Struct, kw_only=True, gc=False):
    """What is taken, and what goes along with it.

    Args:
        whole: whether it is all of one or more positions.
        gross_mg: wet mass taken, mg.
        contained: mass by element, mg.
        errors: uncertainty of each contained mass.
        recycled: recycled content by element, mg.
        carried_g: emissions of transport, g CO2e.
    """

    whole: bool
    gross_mg: int
    contained: dict[str, int]
    errors: dict[str, Errors]
    recycled: dict[str, int]
    carried_g: int


class Part(Portion, kw_only=True, gc=False):
    """What is taken of a position: all of it, or a part of it."""

    position: Position

    @property
    def share(self) -> Fraction:
        """Share of the batch as it came to exist."""
        held = self.position.share
        if self.whole:
            return held
        return Fraction(held.numerator * self.gross_mg, held.denominator * self.position.gross_mg)

    def rest(self, event: str) -> Position:
        """Give what stays of the position."""
        position = self.position
        return msgspec.structs.replace(
            position,
            event=event,
            gross_mg=position.gross_mg - self.gross_mg,
            share=position.share - self.share,
            contained={element: mass - self.contained[element] for element, mass in position.contained.items()},
            errors={element: added(held, self.errors[element], -1) for element, held in position.errors.items()},
            recycled={element: mass - self.recycled[element] for element, mass in position.recycled.items()},
            carried_g=position.carried_g - self.carried_g,
        )


class Taken(Portion, kw_only=True, gc=False):
    """What an amount turns out to be; its wet mass is what the event states.

    Args:
        batch: id of the batch.
        parts: the parts of positions that it takes; none for a batch that is only named.
        gross_sd_mg: standard uncertainty of the wet mass, mg.
        unchecked: whether erased events leave open what it is.
    """

    batch: str
    parts: list[Part]
    gross_sd_mg: float
    unchecked: bool = False

    @property
    def first(self) -> Position:
        """The oldest position of it."""
        return self.parts[0].position

    @property
    def last_events(self) -> str:
        """The events that last touched what was taken."""
        return named_events([part.position for part in self.parts])

    @property
    def share(self) -> Fraction:
        """Share of the batch as it came to exist."""
        if len(self.parts) == 1:
            return self.parts[0].share
        return sum((part.share for part in self.parts), Fraction(0))

    def restate(self, element: str, mass_mg: int, errors: Errors) -> bool:
        """Take a measured mass of an element, mg, instead of the proportional one; False if less is there."""
        weights = [part.contained.get(element, 0) for part in self.parts]
        if mass_mg and not any(weights):
            return False
        masses = split(mass_mg, weights)
        if any(mass > part.position.contained.get(element, 0) for part, mass in zip(self.parts, masses, strict=True)):
            return False
        for part, mass in zip(self.parts, masses, strict=True):
            part.contained = part.contained | {element: mass}
            scaled = {name: error * mass // mass_mg for name, error in errors.items()} if mass_mg else NOTHING
            part.errors = part.errors | {element: scaled}
            part.recycled = recycled_share_of(part.position.recycled, part.position.contained, part.contained)
        self.contained = self.contained | {element: mass_mg}
        self.errors = self.errors | {element: errors if mass_mg else NOTHING}
        self.recycled = self.parts[0].recycled
        for part in self.parts[1:]:
            self.recycled = _sum(self.recycled, part.recycled)
        return True


def named_events(positions: Iterable[Position]) -> str:
    """Name the events that last touched some positions."""
    return ", ".join(sorted({position.event for position in positions}))


def weigh(positions: Sequence[Position], amount: Amount) -> Taken | int:
    """Find what an amount takes of the positions of its batch, without taking it.

    The whole of a single position is meant if the masses agree within three combined standard uncertainties of the
    two weighings; likewise the whole of all together; else a part, in the order given.

    Returns:
        What is taken, or, if more is asked than is there, the mass that is there, mg.
    """
    asked, sd = amount.gross_mg, amount.gross_sd_mg
    if len(positions) == 1 and (asked is None or asked == positions[0].gross_mg):
        return whole_of(positions, positions[0].gross_mg, sd)
    there = sum(position.gross_mg for position in positions)
    if asked is None:
        return whole_of(positions, there, sd)
    slack = weighing_tolerance_mg(sd, max((position.gross_sd_mg for position in positions), default=0.0))
    for chosen in (*([position] for position in positions), positions):
        if chosen and abs(asked - sum(position.gross_mg for position in chosen)) <= slack:
            return whole_of(chosen, asked, sd)
    if asked > there:
        return there
    parts, rest = [], asked
    for position in positions:
        if (mass := min(rest, position.gross_mg)) > 0:
            parts.append(_part(position, mass))
            rest -= mass
    return _taken(amount.batch, parts, False, asked, sd or parts[-1].position.gross_sd_mg)


def whole_of(positions: Sequence[Position], gross_mg: int, gross_sd_mg: float) -> Taken:
    """Take whole positions of one batch, which together weigh ``gross_mg``."""
    sd = gross_sd_mg
    for position in positions if not sd else ():
        sd = max(sd, position.gross_sd_mg)
    return _taken(positions[0].batch, [_all(position) for position in positions], True, gross_mg, sd)


def weighing_tolerance_mg(first_sd_mg: float, second_sd_mg: float) -> int:
    """Give how far two weighings of one thing may lie apart, mg."""
    return tolerance_mg(round(first_sd_mg * NG_PER_MG) ** 2 + round(second_sd_mg * NG_PER_MG) ** 2)


def recycled_share_of(recycled: dict[str, int], before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    """Give the recycled content that goes with ``after`` of the ``before`` mg of metal; more metal brings no more."""
    return {
        element: mass * min(after.get(element, 0), before[element]) // before[element] if mass else 0
        for element, mass in recycled.items()
    }


def _taken(batch: str, parts: list[Part], whole: bool, gross_mg: int, gross_sd_mg: float) -> Taken:
    first = parts[0]
    contained, errors, recycled, carried = first.contained, first.errors, first.recycled, first.carried_g
    for part in parts[1:]:
        contained, errors = _sum(contained, part.contained), _sum_errors(errors, part.errors)
        recycled, carried = _sum(recycled, part.recycled), carried + part.carried_g
    return Taken(
        batch=batch,
        parts=parts,
        whole=whole,
        gross_mg=gross_mg,
        gross_sd_mg=gross_sd_mg,
        contained=contained,
        errors=errors,
        recycled=recycled,
        carried_g=carried,
    )


def _sum(first: dict[str, int], second: dict[str, int]) -> dict[str, int]:
    summed = dict(first)
    for element, mass in second.items():
        summed[element] = summed.get(element, 0) + mass
    return summed


def _sum_errors(first: dict[str, Errors], second: dict[str, Errors]) -> dict[str, Errors]:
    return first | {element: added(first.get(element, NOTHING), errors) for element, errors in second.items()}


def _part(position: Position, mass: int) -> Part:
    whole = position.gross_mg
    if mass == whole:
        return _all(position)
    contained = {element: _proportion(held, mass, whole) for element, held in sorted(position.contained.items())}
    return Part(
        position=position,
        whole=False,
        gross_mg=mass,
        contained=contained,
        errors={
            element: {name: error * mass // whole for name, error in errors.items()}
            for element, errors in position.errors.items()
        },
        recycled=recycled_share_of(position.recycled, position.contained, contained),
        carried_g=position.carried_g * mass // whole,
    )


def _all(position: Position) -> Part:
    return Part(
        position=position,
        whole=True,
        gross_mg=position.gross_mg,
        contained=position.contained,
        errors=position.errors,
        recycled=position.recycled,
        carried_g=position.carried_g,
    )


def _proportion(held: int, mass: int, whole: int) -> int:
    """Give the part of what is held that goes with a mass; half a milligram goes along (as `split` has it)."""
    return (2 * held * mass + whole) // (2 * whole)


class Stock:
    """All positions of all batches, oldest first."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._positions: dict[str, tuple[Position, ...]] = {}

    def of(self, batch: str) -> tuple[Position, ...]:
        """Give the positions of a batch, oldest first."""
        return self._positions.get(batch, ())

    def every(self) -> Iterable[Position]:
        """Give all positions by batch."""
        for batch in sorted(self._positions):
            yield from self._positions[batch]

    def set(self, batch: str, positions: tuple[Position, ...]) -> None:
        """Replace all positions of a batch."""
        self._journal.put(self._positions, batch, positions)

    def put(self, position: Position) -> None:
        """Put a position down; parts of a batch at one site in one hand become one, unless they are packed apart."""
        held = self.of(position.batch)
        for number, other in enumerate(held):
            if _lie_together(other, position):
                both = msgspec.structs.replace(
                    other,
                    event=position.event,
                    gross_mg=other.gross_mg + position.gross_mg,
                    gross_sd_mg=math.hypot(other.gross_sd_mg, position.gross_sd_mg),
                    share=other.share + position.share,
                    contained=_sum(other.contained, position.contained),
                    errors=_sum_errors(other.errors, position.errors),
                    recycled=_sum(other.recycled, position.recycled),
                    carried_g=other.carried_g + position.carried_g,
                )
                self.set(position.batch, (*held[:number], both, *held[number + 1 :]))
                return
        self.set(position.batch, (*held, position))

    def take(self, taken: Taken, event: str) -> None:
        """Remove what was taken."""
        held = self._positions[taken.batch]
        if taken.whole and len(held) == len(taken.parts):
            self.set(taken.batch, ())
            return
        parts = {id(part.position): part for part in taken.parts}
        left: list[Position] = []
        for position in held:
            part = parts.get(id(position))
            if part is None:
                left.append(position)
            elif not part.whole:
                left.append(part.rest(event))
        self.set(taken.batch, tuple(left))


def _lie_together(first: Position, second: Position) -> bool:
    return (
        first.state == second.state == "here"
        and first.site == second.site
        and first.holder == second.holder
        and first.container == second.container
    )
