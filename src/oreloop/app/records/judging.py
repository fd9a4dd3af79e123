"""What the next document is held against: every event of the record so far."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from oreloop.app.records.candidate import Candidate
from oreloop.base.errors import Problem, problem
from oreloop.record import Event
from oreloop.record.folding.fold import Fold

AFTER_ALL = datetime.max.replace(tzinfo=UTC)
"""An instant by which everything that is in the record counts."""


class Judge:
    """Judges document after document; of each, all events count or none.

    Args:
        erased: tells whether a batch is known only from documents that were erased.
    """

    def __init__(self, erased: Callable[[str], bool]) -> None:
        self._erased = erased
        self._fold = Fold(erased=erased)
        self._known: dict[str, tuple[int, str]] = {}
        self._attested: dict[str, str] = {}

    def take_up(self, captured: Iterable[tuple[int, Candidate]]) -> None:
        """Take up what was captured before, each document with its number.

        Should a document have been changed meanwhile, so that it breaks a rule, its events are left out.
        """
        events: list[Event] = []
        for number, candidate in captured:
            self._keep(number, candidate)
            events += candidate.events
        if self._fold.add(events):
            for event in sorted(events, key=lambda event: event.time):
                self._fold.add([event])

    def is_new(self, candidate: Candidate) -> bool:
        """Tell whether nothing of a document is in the record already, nor in it twice."""
        if len(candidate.entries) == 1:
            return candidate.entries[0].id not in self._known
        ids = {entry.id for entry in candidate.entries}
        return len(ids) == len(candidate.entries) and self._known.keys().isdisjoint(ids)

    def number_of(self, candidate: Candidate) -> int | None:
        """Give the document that holds all events of this one, with the same content; None if any is new."""
        known = [self._known.get(entry.id) for entry in candidate.entries]
        for entry, found in zip(candidate.entries, known, strict=True):
            if found is None or found[1] != entry.content:
                return None
        return known[0][0] if known and known[0] else None

    def taken(self, candidate: Candidate) -> tuple[Problem, ...]:
        """Name the events that are in the record already, or twice in the document."""
        problems: list[Problem] = []
        seen: set[str] = set()
        for event, entry in zip(candidate.events, candidate.entries, strict=True):
            found = self._known.get(entry.id)
            if entry.id in seen:
                problems.append(problem("app.event_twice", event.place, event=event.id))
            elif found is not None:
                code = "app.event_there" if found[1] == entry.content else "app.event_differs"
                problems.append(problem(code, event.place, event=event.id, number=found[0]))
            seen.add(entry.id)
        return tuple(problems)

    def is_late(self, candidate: Candidate) -> bool:
        """Tell whether a document speaks of a time that was judged already, or corrects what was."""
        last = self._fold.last_time
        return any(event.error is not None or (last is not None and event.time < last) for event in candidate.events)

    def add(self, number: int, candidate: Candidate) -> tuple[Problem, ...]:
        """Judge a document that is not late; it counts unless something is against the rules."""
        problems = made_anew(candidate.events, self._erased) or self._fold.add(candidate.events)
        if not problems:
            self._keep(number, candidate)
        return problems

    def add_late(self, number: int, candidates: Sequence[Candidate]) -> list[tuple[Problem, ...]]:
        """Judge documents that are late, all together and in order of time with everything else.

        What is wrong with the whole is laid at those documents whose events are named. When only events of earlier
        documents are, halves are tried, the earlier one first, until the document is found that breaks them.

        Args:
            number: of the first of them that counts; the others follow.
            candidates: in order of time.

        Returns:
            For each, what is against the rules; those with nothing count.
        """
        attested = self._attested.copy() if any(candidate.party for candidate in candidates) else self._attested
        for candidate in candidates:
            attested.update(attested_events(candidate.events, candidate.party))
        verdicts = {
            position: made_anew(candidate.events, self._erased)
            + corrected_by_others(candidate.events, candidate.party, attested)
            for position, candidate in enumerate(candidates)
        }
        tried = {position: candidate for position, candidate in enumerate(candidates) if not verdicts[position]}
        self._add_all(tried, verdicts)
        good = [candidate for position, candidate in enumerate(candidates) if not verdicts.get(position)]
        for place, candidate in enumerate(good, number):
            self._keep(place, candidate)
        return [verdicts.get(position, ()) for position in range(len(candidates))]

    def _add_all(self, tried: dict[int, Candidate], verdicts: dict[int, tuple[Problem, ...]]) -> None:
        """Add those that can be added; say of the others what is wrong."""
        while tried:
            problems = self._fold.add([event for candidate in tried.values() for event in candidate.events])
            if not problems:
                return
            named = {position: _about(candidate, problems) for position, candidate in tried.items()}
            if len(tried) == 1:
                verdicts |= dict.fromkeys(tried, problems)
                return
            if not any(named.values()):
                positions = list(tried)
                half = len(positions) // 2
                self._add_all({position: tried[position] for position in positions[:half]}, verdicts)
                tried = {position: tried[position] for position in positions[half:]}
                continue
            verdicts |= {position: found for position, found in named.items() if found}
            tried = {position: candidate for position, candidate in tried.items() if not named[position]}

    def _keep(self, number: int, candidate: Candidate) -> None:
        for event, entry in zip(candidate.events, candidate.entries, strict=True):
            # The text of the event rather than its copy in the entry: the fold keeps the event anyway.
            name = event.id if event.id == entry.id else entry.id
            self._known[name] = number, event.content
        if candidate.party:
            self._attested.update(attested_events(candidate.events, candidate.party))


def made_anew(events: Iterable[Event], erased: Callable[[str], bool]) -> tuple[Problem, ...]:
    """Name the batches that are made although erased documents told of them: nobody can say it is the same metal."""
    return tuple(
        [
            problem("record.erased_before", event.place, event=event.id, batch=amount.batch)
            for event in events
            if event.step is not None and event.error is None
            for amount in event.step.made
            if erased(amount.batch)
        ]
    )


def attested_events(events: Iterable[Event], party: str) -> dict[str, str]:
    """Give the party by the id of each event that it attests; none for an operator's statement."""
    return {event.id: party for event in events if event.error is None} if party else {}


def corrected_by_others(events: Iterable[Event], party: str, attested: Mapping[str, str]) -> tuple[Problem, ...]:
    """Name the events that a document declares wrong although another party attests them.

    What a party signed only that party may withdraw; whoever runs the record cannot do it in its name.

    Args:
        events: of the document.
        party: who attests the document; empty for a statement of whoever runs the record.
        attested: the party by the id of each event that one attests.
    """
    return tuple(
        [
            problem("record.corrects_attested", event.place, event=event.id, party=theirs, got=party or "–")
            for event in events
            if event.error is not None and (theirs := attested.get(event.id, party)) != party
        ]
    )


def _about(candidate: Candidate, problems: Iterable[Problem]) -> tuple[Problem, ...]:
    ids = {event.id for event in candidate.events}
    return tuple(each for each in problems if each.fields.get("event") in ids)
