"""In which order events of one moment happened, and where a batch was: what tables leave out and their rows imply.

People write days, so that many steps share a moment. Of those that are possible, entries come first, then assays,
processes and movements; a step that needs what another brings waits for it. What cannot be put in order stays in the
order of the rows, and the fold says what is wrong with it.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from oreloop.record.tables.draft import Draft

Hold = tuple[int, str | None]
"""Mass there, mg, and who holds it."""


@dataclass(slots=True)
class Whereabouts:
    """Where batches are, as far as the rows of tables tell."""

    here: dict[str, dict[str, Hold]] = field(default_factory=dict)
    coming: dict[str, dict[str, Hold]] = field(default_factory=dict)

    def _places(self, draft: Draft, batch: str) -> dict[str, Hold]:
        """Give where an event may find a batch, by site."""
        return (self.coming if draft.kind == "receiving" else self.here).get(batch, {})

    def site(self, draft: Draft) -> str | None:
        """Give the site of an event: the stated one, else the only one where its batch is."""
        if draft.site is not None or not draft.takes:
            return draft.site
        places = self._places(draft, draft.takes[0][0])
        return next(iter(places)) if len(places) == 1 else None

    def party(self, draft: Draft) -> str | None:
        """Give who holds it afterwards: the stated party, else who held it before."""
        if draft.party is not None or not draft.takes:
            return draft.party
        return self._places(draft, draft.takes[0][0]).get(self.site(draft) or "", (0, None))[1]

    def is_possible(self, draft: Draft) -> bool:
        """Tell whether everything that an event takes is where it takes it."""
        return all(
            draft.site in places if draft.site is not None else bool(places)
            for places in (self._places(draft, batch) for batch, _ in draft.takes)
        )

    def apply(self, draft: Draft) -> None:
        """Do what an event does."""
        site, party = self.site(draft) or "", self.party(draft)
        for batch, mass in draft.takes:
            if draft.kind in ("stock_take", "look"):
                continue
            taken = _leave(self._places(draft, batch), site, mass)
            if draft.kind == "shipping":
                _arrive(self.coming, batch, draft.to_site or site, (taken, party))
            elif draft.kind == "receiving":
                _arrive(self.here, batch, site, (taken, party))
        for batch, mass in draft.makes:
            _arrive(self.here, batch, site, (mass, party))


def _leave(places: dict[str, Hold], site: str, mass: int | None) -> int:
    there, holder = places.get(site, (0, None))
    taken = there if mass is None else mass
    if taken >= there:
        places.pop(site, None)
    else:
        places[site] = (there - taken, holder)
    return taken


def _arrive(places: dict[str, dict[str, Hold]], batch: str, site: str, hold: Hold) -> None:
    at = places.setdefault(batch, {})
    at[site] = (at.get(site, (0, None))[0] + hold[0], hold[1])


def in_order(drafts: Iterable[Draft]) -> Iterator[tuple[Draft, str | None, str | None]]:
    """Put events in order, and give each with its site and the party that holds it afterwards.

    An event that is told twice, or was found wrong, changes nothing for those behind it.
    """
    where, seen = Whereabouts(), set[str]()
    by_time = sorted(drafts, key=lambda draft: draft.at)
    for _, group in groupby(by_time, key=lambda draft: draft.at):
        for draft in _possible_first(list(group), where, seen):
            site, party = where.site(draft), where.party(draft)
            if draft.id not in seen and draft.void is None:
                where.apply(draft)
            seen.add(draft.id)
            yield draft, site, party


def _possible_first(drafts: Sequence[Draft], where: Whereabouts, seen: set[str]) -> Iterator[Draft]:
    """Give events of one moment, each as soon as it is possible; ``where`` is changed by the caller in between."""
    touching: dict[str, list[int]] = {}
    for number, draft in enumerate(drafts):
        for batch, _ in draft.takes:
            touching.setdefault(batch, []).append(number)
    waiting = set(range(len(drafts)))
    ready = [(draft.rank, number) for number, draft in enumerate(drafts)]
    heapq.heapify(ready)
    forced = iter(range(len(drafts)))
    while waiting:
        number = -1
        while ready and number < 0:
            _, first = heapq.heappop(ready)
            if first in waiting and (where.is_possible(drafts[first]) or drafts[first].id in seen):
                number = first
        if number < 0:
            number = next(each for each in forced if each in waiting)
        waiting.discard(number)
        yield drafts[number]
        moved = [batch for batch, _ in (*drafts[number].takes, *drafts[number].makes)]
        for other in {other for batch in moved for other in touching.get(batch, ()) if other in waiting}:
            heapq.heappush(ready, (drafts[other].rank, other))
