"""The way of metal from where it is handed over to its use: lanes, customs, acceptance, licences, and the last day of each.

It is found backwards from the last day on which the metal must be free for use, by the latest departure from each site: what
may leave later leaves more days to the seller.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from heapq import heappop, heappush
from itertools import count
from math import ceil
from typing import Any, Literal

import polars as pl

from oreloop.case.cells import carries
from oreloop.case.permits import holds_from, is_pending

Standing = Literal["granted", "pending", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """A licence that a flow may need.

    Args:
        licence: its id.
        standing: granted, pending (no decision on the day of the request) or refused.
        first: from when it holds; of a pending one, when it is expected to. None = from ever.
        last: until when; None = without end.
        rule: on which it rests, with its date and source; empty = not stated.
    """

    licence: str
    standing: Standing
    first: date | None
    last: date | None
    rule: str = ""

    def latest(self, day: date) -> date | None:
        """Give the last day up to ``day`` on which it holds, or None."""
        if self.standing == "refused":
            return None
        found = day if self.last is None else min(day, self.last)
        return None if self.first is not None and self.first > found else found


@dataclass(frozen=True, slots=True, kw_only=True)
class Carriage:
    """What is known of ways and licences.

    Args:
        lanes: table of the case.
        permits: by licence; one that is named and not here is refused, since nobody knows of it.
        accept_days: days in acceptance for a source without a row among the approvals.
        with_passport: offers whose batches bring a passport, which may shorten acceptance.
        hazards: hazard classes by material, which a lane must accept; none where it has none.
    """

    lanes: pl.DataFrame
    permits: Mapping[str, Permit]
    accept_days: int
    with_passport: Collection[str] = frozenset()
    hazards: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One lane of a way.

    Args:
        lane: its id.
        from_site, to_site: its ends.
        lead_days, customs_days: on the way, and in customs on top; whole days, together rounded up.
        leaves_by: last day of departure.
        licence: that it needs, if any.
    """

    lane: str
    from_site: str
    to_site: str
    lead_days: int
    customs_days: int
    leaves_by: date
    licence: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """A licence that a way needs.

    Args:
        permit: the licence.
        subject: the offer or lane that needs it.
        by: the day on which it must hold; of a pending one, the last day on which it can be decided.
    """

    permit: Permit
    subject: str
    by: date

    @property
    def holds(self) -> bool:
        """Whether it holds on that day, or is expected to."""
        return self.permit.latest(self.by) == self.by


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How metal gets from hand-over to use.

    Args:
        site: where it is handed over.
        legs: lanes in order; none where it is used there.
        accept_days: at the point of use.
        hand_over_by: last day on which it can be handed over.
        licences: that it needs, in order.
    """

    site: str
    legs: tuple[Leg, ...]
    accept_days: int
    hand_over_by: date
    licences: tuple[Needed, ...]

    @property
    def lead_days(self) -> int:
        """Days on lanes."""
        return sum(each.lead_days for each in self.legs)

    @property
    def customs_days(self) -> int:
        """Days in customs."""
        return sum(each.customs_days for each in self.legs)

    @property
    def days(self) -> int:
        """Days from hand-over until the metal is free for use."""
        return self.lead_days + self.customs_days + self.accept_days


@dataclass(slots=True, kw_only=True)
class _Search:
    """The latest departure to one site by which metal is accepted there in time.

    Args:
        last: the last day of arrival there.
        lanes: those that carry the material.
        permits: by licence.
        licensed: whether licences count.
    """

    to_site: str
    last: date
    lanes: list[dict[str, Any]]
    permits: Mapping[str, Permit]
    licensed: bool
    _found: dict[str, tuple[date, dict[str, Any] | None]] = field(default_factory=dict)

    def run(self) -> dict[str, tuple[date, dict[str, Any] | None]]:
        """Give by site the last day on which metal may be there, and the lane that it then takes."""
        turn = count()
        queue: list[tuple[int, int, str, dict[str, Any] | None]] = [
            (-self.last.toordinal(), next(turn), self.to_site, None)
        ]
        into: dict[str, list[dict[str, Any]]] = {}
        for each in self.lanes:
            into.setdefault(each["to_site"], []).append(each)
        while queue:
            ordinal, _, site, lane = heappop(queue)
            if site in self._found:
                continue
            there = date.fromordinal(-ordinal)
            self._found[site] = (there, lane)
            for before in into.get(site, ()):
                leaves = self._leaves(before, there)
                if leaves is not None:
                    heappush(queue, (-leaves.toordinal(), next(turn), before["from_site"], before))
        return self._found

    def _leaves(self, lane: Mapping[str, Any], there: date) -> date | None:
        """Give the last departure on a lane that is there by a day, or None."""
        leaves = there - timedelta(days=_days(lane))
        if lane["valid_to"] is not None:
            leaves = min(leaves, lane["valid_to"])
        if self.licensed and lane["licence"]:
            allowed = permit_of(self.permits, lane["licence"]).latest(leaves)
            if allowed is None:
                return None
            leaves = allowed
        return leaves if lane["valid_from"] is None or lane["valid_from"] <= leaves else None


def read_permits(licences: pl.DataFrame, at: date) -> dict[str, Permit]:
    """Read the table ``licences`` of a case as it stands on a day.

    A decision with ``probability`` 0 is a refusal.
    """
    found: dict[str, Permit] = {}
    for row in licences.iter_rows(named=True):
        standing: Standing = "pending" if is_pending(row, at) else "refused" if row["probability"] == 0 else "granted"
        found[row["licence"]] = Permit(
            licence=row["licence"],
            standing=standing,
            first=holds_from(row, at),
            last=row["valid_to"],
            rule=row["rule"] or "",
        )
    return found


def permit_of(permits: Mapping[str, Permit], licence: str) -> Permit:
    """Give a licence; one that nobody knows of is refused."""
    return permits.get(licence) or Permit(licence=licence, standing="refused", first=None, last=None)


def find_ways(
    offers: Iterable[Mapping[str, Any]],
    *,
    to_site: str,
    material: str,
    last: date,
    accept_days: Mapping[str, int],
    carriage: Carriage,
) -> dict[str, Way]:
    """Give the way of each offer's metal to its use; none for an offer from which no lanes lead there.

    A way whose licences hold in time comes before one with more days whose licences do not; where there is only the latter, it
    is given with the licences that it would need.

    Args:
        offers: rows with offer, site and licence.
        to_site: where the metal is used.
        material: what is carried.
        last: day on which it must be free for use.
        accept_days: at the point of use, by offer.
        carriage: lanes and licences.
    """
    lanes = [
        row
        for row in carriage.lanes.sort("lane").to_dicts()
        if row["material"] in (None, material) and carries(row.get("hazard"), carriage.hazards.get(material))
    ]
    found: dict[str, Way] = {}
    searched: dict[tuple[int, bool], dict[str, tuple[date, dict[str, Any] | None]]] = {}
    for offer in offers:
        days = accept_days[offer["offer"]]
        for licensed in (True, False):
            if (days, licensed) not in searched:
                searched[days, licensed] = _Search(
                    to_site=to_site, last=last - timedelta(days=days), lanes=lanes, permits=carriage.permits,
                    licensed=licensed,
                ).run()  # fmt: skip
            if offer["site"] in searched[days, licensed]:
                found[offer["offer"]] = _way(offer, searched[days, licensed], days, carriage.permits)
                break
    return found


def _way(
    offer: Mapping[str, Any],
    reached: Mapping[str, tuple[date, dict[str, Any] | None]],
    accept_days: int,
    permits: Mapping[str, Permit],
) -> Way:
    site = offer["site"]
    by, lane = reached[site]
    legs: list[Leg] = []
    while lane is not None:
        customs = ceil(lane["customs_days"] or 0)
        legs.append(
            Leg(
                lane=lane["lane"], from_site=lane["from_site"], to_site=lane["to_site"],
                lead_days=_days(lane) - customs, customs_days=customs, leaves_by=reached[lane["from_site"]][0],
                licence=lane["licence"],
            )
        )  # fmt: skip
        lane = reached[lane["to_site"]][1]
    if offer["licence"]:
        by = permit_of(permits, offer["licence"]).latest(by) or by
    return Way(
        site=site,
        legs=tuple(legs),
        accept_days=accept_days,
        hand_over_by=by,
        licences=tuple(_needed(offer, by, legs, permits)),
    )


def _needed(offer: Mapping[str, Any], by: date, legs: Iterable[Leg], permits: Mapping[str, Permit]) -> Iterator[Needed]:
    if offer["licence"]:
        yield Needed(permit=permit_of(permits, offer["licence"]), subject=offer["offer"], by=by)
    for leg in legs:
        if leg.licence:
            yield Needed(permit=permit_of(permits, leg.licence), subject=leg.lane, by=leg.leaves_by)


def _days(lane: Mapping[str, Any]) -> int:
    """Give the days of a lane with its customs, rounded up together."""
    return ceil(float(lane["lead_days"]) + float(lane["customs_days"] or 0))
