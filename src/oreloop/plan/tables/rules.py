"""When metal may move, at what price, and whose metal may be used: dates, licences, prices and approvals.

Dates: what leaves on the first day of a period with ``lead_days`` d arrives in the period that holds that day + d,
whole days rounded up. Licences: decided ones count in their window; pending ones from the day on which a decision
must be made, unless their probability is below one half. Approvals: once a site lists sources for a material, no
other source may serve it; where it lists none, every source counts as approved (assumed).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from itertools import chain, product
from math import ceil, inf
from typing import Any

import numpy as np
import polars as pl

from oreloop.base.period import Horizon, Period
from oreloop.case.acceptance import days_in_acceptance, rows_of_source
from oreloop.case.permits import holds_from
from oreloop.plan.model import Floats, Ints
from oreloop.plan.tables.buckets import counted, held, units

Row = Mapping[str, Any]
ANY_SOURCE = "*"
"""The source tag of a material that no approval speaks of: its metal is one pool at each site."""
COUNTED_PROBABILITY = 0.5
"""A pending licence that is less probable than this is planned without."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """The horizon of a plan, with the first day in each period on which something can be started.

    Args:
        horizon: planned periods, then the extension that guards the end.
        planned: how many periods are planned for themselves.
        starts: first usable day of each period (the day of the plan, in the period that holds it).
        orders: first day on which an order may be placed, None in a frozen period.
    """

    horizon: Horizon
    planned: int
    starts: tuple[date, ...]
    orders: tuple[date | None, ...]

    @classmethod
    def of(cls, horizon: Horizon, *, longest_days: float, at: date, frozen_days: float) -> Calendar:
        """Extend a horizon by the longest lead time, in stated periods, and find the days on which one can act."""
        periods = list(horizon.periods)
        end = periods[-1].last + timedelta(days=ceil(longest_days))
        while periods[-1].last < end:
            periods.append(Horizon((periods[-1],), horizon.unit).next)
        extended = Horizon(tuple(periods), horizon.stated)
        free = at + timedelta(days=ceil(frozen_days))
        return cls(
            horizon=extended,
            planned=len(horizon),
            starts=tuple(max(each.first, at) for each in periods),
            orders=tuple(max(each.first, free) if max(at, free) <= each.last else None for each in periods),
        )

    def __len__(self) -> int:
        return len(self.horizon)

    @property
    def days(self) -> Floats:
        """Days in each period, shape ``(periods,)``."""
        return np.array([each.days for each in self.horizon.periods], dtype=np.float64)

    @property
    def units(self) -> Floats:
        """How many stated periods each period is, by days, shape ``(periods,)``: see `oreloop.plan.tables.buckets.units`."""
        return units(self.horizon)

    def index(self, day: date) -> int:
        """Give the period that holds a day; what came before the horizon counts as its first period."""
        return max(self.horizon.index(day), 0)

    def arrivals(self, days: float) -> Ints:
        """Give the period of arrival for a start in each period, ``len(self)`` when after the horizon or not at all."""
        span = timedelta(days=ceil(days - 1e-9))
        return np.array([self.index(start + span) for start in self.starts], dtype=np.int64)

    def order_arrivals(self, days: float) -> Ints:
        """Give the period of arrival of an order placed in each period; frozen periods give ``len(self)``."""
        span = timedelta(days=ceil(days - 1e-9))
        return np.array([len(self) if day is None else self.index(day + span) for day in self.orders], dtype=np.int64)

    def starts_inside(self, first: date | None, last: date | None) -> Floats:
        """Tell (1 or 0) whether the start in each period falls between two dates."""
        return _between(self.starts, first, last)

    def orders_inside(self, first: date | None, last: date | None, *, after_days: float = 0.0) -> Floats:
        """Tell (1 or 0) whether an order in each period, plus some days, falls between two dates; frozen gives 0."""
        span = timedelta(days=ceil(after_days - 1e-9))
        return _between([None if day is None else day + span for day in self.orders], first, last)

    def through(self, first: date | None, last: date | None) -> Floats:
        """Tell (1 or 0) whether the whole of each period lies between two dates."""
        return np.array(
            [
                (first is None or each.first >= first) and (last is None or each.last <= last)
                for each in self.horizon.periods
            ],
            dtype=np.float64,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Licence:
    """A permit: the dates between which it counts, and the contained kg that it allows over all."""

    licence: str
    first: date | None
    last: date | None
    most_kg: float


def licences(rows: Iterable[Row], at: date) -> dict[str, Licence]:
    """Read the permits that count.

    A refused one (``probability`` 0, or below one half while undecided) gets an empty window; from when others count says
    `oreloop.case.permits.holds_from`.
    """
    found: dict[str, Licence] = {}
    for row in rows:
        refused = _or(row.get("probability"), 1.0) < COUNTED_PROBABILITY
        name = row["licence"]
        found[name] = Licence(
            licence=name,
            first=holds_from(row, at),
            last=date.min if refused else row.get("valid_to"),
            most_kg=_or(row.get("kg"), inf),
        )
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where metal comes from, as approvals name it: a tag, and the offer, process or party behind it."""

    tag: str
    offer: str | None = None
    process: str | None = None
    party: str | None = None

    @property
    def own(self) -> bool:
        """Whether it is metal already held or one's own scrap, which needs no approval as a source."""
        return self.offer is None and self.process is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """What a site allows of a source.

    Args:
        status: approved, trial, in_qualification, refused, assumed (no list), none (a list without it), own.
        row: number of the approval that decides, -1 when none does.
        share: largest share of each period's use, shape ``(periods,)``.
        accept_days: days in acceptance after arrival.
    """

    status: str
    row: int
    share: Floats
    accept_days: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """Price paths over the periods of a plan: each price holds from its first day on; before the first, that one holds."""

    paths: Mapping[str, Floats]

    @classmethod
    def of(cls, frame: pl.DataFrame, key: str, horizon: Horizon) -> Prices:
        """Read rows of ``key``, period and price_per_kg."""
        paths: dict[str, Floats] = {}
        for (name,), rows in frame.sort(key, "period").group_by(key, maintain_order=True):
            paths[str(name)] = held(zip(rows["period"], rows["price_per_kg"], strict=True), horizon)
        return cls(paths=paths)

    def of_any(self, *names: str) -> Floats | None:
        """Give the first path known by one of the names."""
        return next((self.paths[name] for name in names if name in self.paths), None)


class Events:
    """What is taken to happen: rows with the columns of the table of risks."""

    def __init__(self, rows: Iterable[Row], calendar: Calendar) -> None:
        self._calendar = calendar
        self._by_target: dict[tuple[str, str | None], list[tuple[int, Row]]] = {}
        for number, row in enumerate(rows):
            self._by_target.setdefault((row["event"], row["target"]), []).append((number, row))
        self._inside = cache(self._periods_of)

    def lost(self, events: Iterable[str], targets: Iterable[str | None]) -> Floats:
        """Share of capacity or yield left in each period after events that hit any of the targets."""
        return self._product(events, targets, -1.0)

    def gained(self, event: str, targets: Iterable[str | None]) -> Floats:
        """Factor on prices or demand in each period by events that hit any of the targets."""
        return self._product((event,), targets, 1.0)

    def _product(self, events: Iterable[str], targets: Iterable[str | None], sign: float) -> Floats:
        factor = np.ones(len(self._calendar))
        if not self._by_target:
            return factor
        keys = product(set(events), set(targets))
        for _, row in sorted(chain.from_iterable(self._by_target.get(key, ()) for key in keys)):
            inside = self._inside(row.get("from_period"), row.get("to_period"))
            factor = factor * (1.0 + sign * _or(row.get("size"), 1.0) * inside)
        return factor

    def _periods_of(self, first: str | None, last: str | None) -> Floats:
        return counted(
            self._calendar.horizon,
            Period.parse(first).first if first else None,
            Period.parse(last).last if last else None,
        )


class Approvals:
    """The approvals table, asked by site, material and source."""

    def __init__(
        self, rows: Iterable[Row], *, calendar: Calendar | None, accept_days: float, with_passport: frozenset[str]
    ) -> None:
        self._lists: dict[tuple[str, str], list[tuple[int, Row]]] = {}
        for number, row in enumerate(rows):
            self._lists.setdefault((row["site"], row["material"]), []).append((number, row))
        self._calendar = calendar
        self._accept_days = accept_days
        self._with_passport = with_passport

    @property
    def materials(self) -> frozenset[str]:
        """Materials of which some site lists its sources."""
        return frozenset(material for _, material in self._lists)

    def lists(self, site: str, material: str) -> bool:
        """Whether a site lists its sources of a material."""
        return (site, material) in self._lists

    def accept_days(self, site: str, material: str, source: Source) -> float:
        """Days in acceptance: as the approval says, shorter with a passport, else the general rule."""
        rows = self._matching(site, material, source)
        return self._days(rows[0][1] if rows else None, source)

    def test_cost(self, site: str, material: str, source: Source) -> float:
        """Money for testing one lot of a source, 0 where no approval says."""
        rows = self._matching(site, material, source)
        return _or(rows[0][1].get("test_cost_per_lot"), 0.0) if rows else 0.0

    def longest_days(self) -> float:
        """The longest acceptance that any row, or the general rule, asks for."""
        every = [row.get("accept_days") or 0.0 for rows in self._lists.values() for _, row in rows]
        return max([self._accept_days, *every])

    def allowed(self, site: str, materials: Iterable[str], source: Source) -> Allowed:
        """Ask what a site allows of a source.

        Args:
            site: the user.
            materials: the material supplied, then the material whose demand it serves; the first with a list decides.
            source: where the metal comes from.
        """
        calendar = self._calendar
        assert calendar is not None
        full, nothing = np.ones(len(calendar)), np.zeros(len(calendar))
        material = next((each for each in materials if self.lists(site, each)), None)
        if material is None:
            return Allowed(status="assumed", row=-1, share=full, accept_days=self._accept_days)
        rows = self._matching(site, material, source)
        if not rows:
            if source.own:
                return Allowed(status="own", row=-1, share=full, accept_days=0.0)
            return Allowed(status="none", row=-1, share=nothing, accept_days=self._accept_days)
        shares = [self._share(row, calendar) for _, row in rows]
        best = int(np.argmax([share.sum() for share in shares]))
        number, row = rows[best]
        return Allowed(status=row["approval"], row=number, share=shares[best], accept_days=self._days(row, source))

    def _matching(self, site: str, material: str, source: Source) -> list[tuple[int, Row]]:
        listed = self._lists.get((site, material), [])
        rows = [row for _, row in listed]
        speaking = rows_of_source(rows, offer=source.offer, process=source.process, party=source.party)
        return [listed[at] for at in speaking]

    def _days(self, row: Row | None, source: Source) -> float:
        quick = bool({source.offer, source.process} & self._with_passport)
        return days_in_acceptance(row, usual=self._accept_days, with_passport=quick)

    @staticmethod
    def _share(row: Row, calendar: Calendar) -> Floats:
        most = _or(row.get("max_share"), 1.0)
        match row["approval"]:
            case "approved":
                return most * calendar.through(row.get("from_date"), row.get("expires"))
            case "refused":
                return np.zeros(len(calendar))
            case status:
                if status == "in_qualification" and row.get("earliest_from") is None:
                    return np.zeros(len(calendar))
                return most * calendar.through(row.get("earliest_from"), row.get("expires"))


def _between(days: Iterable[date | None], first: date | None, last: date | None) -> Floats:
    return np.array(
        [day is not None and (first is None or day >= first) and (last is None or day <= last) for day in days],
        dtype=np.float64,
    )


def _or(value: float | None, other: float) -> float:
    return other if value is None else float(value)
