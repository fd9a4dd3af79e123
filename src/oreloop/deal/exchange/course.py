"""The course of an exchange for one batch: what was weighed, committed, revealed and assayed, and where that leaves it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from fractions import Fraction

from oreloop.base.quantity import decimal
from oreloop.deal.assay import Assay, Reading, readings_of
from oreloop.deal.contract import Contract
from oreloop.deal.events import Event
from oreloop.deal.exchange.clause import Deadlines
from oreloop.deal.exchange.splitting import Outcome, compared
from oreloop.deal.exchange.weights import Counted, Weighing, counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What was said of a batch so far, by party.

    Args:
        weighed: on their scales.
        committed: SHA-256 of their assays.
        committed_at: when they committed.
        revealed: their assays.
        revealed_at: when they revealed them.
        umpire: the umpire's, once it was made.
        paid: parties whose part of its cost the umpire has received.
    """

    weighed: Mapping[str, Weighing] = field(default_factory=dict)
    committed: Mapping[str, str] = field(default_factory=dict)
    committed_at: Mapping[str, datetime] = field(default_factory=dict)
    revealed: Mapping[str, tuple[Reading, ...]] = field(default_factory=dict)
    revealed_at: Mapping[str, datetime] = field(default_factory=dict)
    umpire: Assay | None = None
    paid: frozenset[str] = frozenset()


NOTHING_SAID = Course()


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchanged:
    """Where the exchange of a batch stands on a day.

    Args:
        course: what was said.
        to_weigh, to_commit, to_reveal: parties who still may, and have not.
        weigh_by: last day to weigh; None without a clause of weights.
        deadlines: last days of the exchange; None without its clause.
        counted: the mass that counts; None before both have weighed, and when nobody did, so that the record's counts.
        outcomes: one for each analyte of the exchange.
    """

    course: Course
    to_weigh: tuple[str, ...] = ()
    to_commit: tuple[str, ...] = ()
    to_reveal: tuple[str, ...] = ()
    weigh_by: date | None = None
    deadlines: Deadlines | None = None
    counted: Counted | None = None
    outcomes: tuple[Outcome, ...] = ()

    @property
    def awaited(self) -> tuple[str, ...]:
        """The analytes that only the umpire can settle."""
        return tuple(each.terms.analyte for each in self.outcomes if each.by == "awaited")

    @property
    def settled(self) -> bool:
        """Whether weights and all analytes are final."""
        return not self.to_weigh and all(each.settled is not None for each in self.outcomes)

    @property
    def shares(self) -> Mapping[str, Fraction]:
        """The settled shares of dry mass by analyte."""
        return {each.terms.analyte: each.settled for each in self.outcomes if each.settled is not None}

    @property
    def runs_to(self) -> date:
        """The last day that matters: of the clauses while something is open, then of those that passed in silence."""
        if not self.settled:
            return max(self.weigh_by or date.min, self.deadlines.umpire if self.deadlines else date.min)
        said, passed = self.course, [date.min]
        if self.weigh_by and len(said.weighed) < 2:
            passed.append(self.weigh_by)
        if self.deadlines and len(said.revealed) < 2:
            passed.append(
                self.deadlines.commit if said.revealed.keys() == said.committed.keys() else self.deadlines.reveal
            )
        return max(passed)


def moved(course: Course, event: Event) -> Course:
    """Give the course after a legal event."""
    by, body = event.by, event.body
    match event.kind:
        case "weighed":
            weighing = Weighing(wet_mg=body["wet_mg"], moisture=decimal(body["moisture"]))
            return replace(course, weighed={**course.weighed, by: weighing})
        case "assay_committed":
            return replace(
                course,
                committed={**course.committed, by: body["commitment"]},
                committed_at={**course.committed_at, by: event.at},
            )
        case "assay_revealed":
            return replace(
                course,
                revealed={**course.revealed, by: readings_of(body["values"])},
                revealed_at={**course.revealed_at, by: event.at},
            )
        case "umpire_assayed":
            readings = readings_of(body["values"])
            return replace(
                course, umpire=Assay(batch=body["batch"], certificate=body["certificate"], readings=readings)
            )
        case "umpire_paid":
            return replace(course, paid=course.paid | {body["payer"]})
        case _:
            raise AssertionError(event.kind)


def exchanged(contract: Contract, course: Course, delivered: date, today: date) -> Exchanged:
    """Give where the exchange of a batch stands at the end of what was said up to a day.

    Args:
        contract: the terms.
        course: what was said.
        delivered: day on which the delivery was stated; the days of the clauses run from it.
        today: the day by which silence is judged.
    """
    weights, exchange, parties = contract.clauses.weights, contract.clauses.exchange, (contract.seller, contract.buyer)
    found = Exchanged(course=course)
    if weights:
        by = weights.last_day(delivered)
        to_weigh = tuple(party for party in parties if party not in course.weighed and today <= by)
        sides = [[course.weighed[one]] if one in course.weighed else [] for one in (contract.giver, contract.receiver)]
        mass = None if to_weigh else counted(weights, *sides)
        found = replace(found, weigh_by=by, to_weigh=to_weigh, counted=mass)
    if exchange:
        last = exchange.deadlines(delivered)
        to_commit = tuple(party for party in parties if party not in course.committed and today <= last.commit)
        unrevealed = [party for party in parties if party in course.committed and party not in course.revealed]
        to_reveal = tuple(unrevealed) if today <= last.reveal else ()
        over = not to_commit and not to_reveal
        shown = [course.revealed.get(party, ()) for party in parties]
        judged = course.umpire.readings if course.umpire else ()
        outcomes = tuple(
            compared(
                each,
                exchange.rule,
                (_share(shown[0], each.analyte), _share(shown[1], each.analyte)),
                _share(judged, each.analyte),
                over=over,
            )
            for each in exchange.analytes
        )
        found = replace(found, to_commit=to_commit, to_reveal=to_reveal, deadlines=last, outcomes=outcomes)
    return found


def runs_to(contract: Contract, course: Course, delivered: date, today: date) -> date:
    """Give the last day that matters to the exchange of a batch, the first of all days when none does."""
    if contract.clauses.weights is None and contract.clauses.exchange is None:
        return date.min
    return exchanged(contract, course, delivered, today).runs_to


def _share(readings: tuple[Reading, ...], analyte: str) -> Fraction | None:
    """Give the mean of what was read of an analyte, or None; ``<limit`` counts as the limit."""
    read = [Fraction(each.upper) for each in readings if each.analyte == analyte]
    return sum(read, Fraction(0)) / len(read) if read else None
