"""Planning periods: days (``2026-01-05``), ISO weeks (``2026-W03``), months (``2026-01``), and a horizon of consecutive ones.

A horizon may begin with days and weeks and go on in months. Between the last week and the first whole month lies the rest
of a month, named by its first and last day with the double hyphen of ISO 8601-1:2019, 5.5.1: ``2026-04-27--30``.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from itertools import pairwise
from typing import Literal, assert_never

from oreloop.base.errors import BadInput

Kind = Literal["day", "week", "month", "rest"]
"""What a period is; ``rest``: what is left of a month after its last whole week or day bucket."""

_MONTH = re.compile(r"(\d{4})-(\d{2})")
_WEEK = re.compile(r"(\d{4})-W(\d{2})")
_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_REST = re.compile(r"(\d{4})-(\d{2})-(\d{2})--(\d{2})")


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """A day, an ISO week, a month or the rest of a month, ordered by its first day.

    >>> Period.parse("2026-02").days, Period.parse("2026-W01").first
    (28, datetime.date(2025, 12, 29))
    >>> Period.parse("2026-04-27--30").following().name
    '2026-05'
    """

    first: date
    days: int
    name: str
    kind: Kind

    @classmethod
    def parse(cls, text: str) -> Period:
        """Read ``YYYY-MM``, ``YYYY-Www``, ``YYYY-MM-DD``, or ``YYYY-MM-DD--DD`` to the last day of the month.

        Raises:
            BadInput: ``base.not_a_period``.
        """
        raw = text.strip()
        try:
            if found := _MONTH.fullmatch(raw):
                return cls.month(date(int(found[1]), int(found[2]), 1))
            if found := _WEEK.fullmatch(raw):
                return cls.week(date.fromisocalendar(int(found[1]), int(found[2]), 1))
            if found := _DAY.fullmatch(raw):
                return cls.day(date(*map(int, found.groups())))
            if (found := _REST.fullmatch(raw)) and raw == (rest := cls.rest(date(*map(int, found.groups()[:3])))).name:
                return rest
        except ValueError:
            pass
        raise BadInput.of("base.not_a_period", got=raw[:40])

    @classmethod
    def day(cls, day: date) -> Period:
        """Give a day."""
        return cls(day, 1, day.isoformat(), "day")

    @classmethod
    def month(cls, day: date) -> Period:
        """Give the month that holds a day."""
        first = day.replace(day=1)
        following = (first + timedelta(days=31)).replace(day=1)
        return cls(first, (following - first).days, f"{first:%Y-%m}", "month")

    @classmethod
    def week(cls, day: date) -> Period:
        """Give the ISO week that holds a day."""
        year, number, weekday = day.isocalendar()
        return cls(day - timedelta(days=weekday - 1), 7, f"{year}-W{number:02d}", "week")

    @classmethod
    def rest(cls, day: date) -> Period:
        """Give a month from a day on: the whole month from its first.

        >>> Period.rest(date(2026, 4, 27)).name, Period.rest(date(2026, 5, 1)).name
        ('2026-04-27--30', '2026-05')
        """
        month = cls.month(day)
        if day == month.first:
            return month
        return cls(day, (month.last - day).days + 1, f"{day:%Y-%m-%d}--{month.last.day:02d}", "rest")

    @classmethod
    def holding(cls, kind: Kind, day: date) -> Period:
        """Give the period of a kind that holds a day; a rest of a month starts on it."""
        match kind:
            case "day":
                return cls.day(day)
            case "week":
                return cls.week(day)
            case "month":
                return cls.month(day)
            case "rest":
                return cls.rest(day)
            case _:
                assert_never(kind)

    @property
    def last(self) -> date:
        """The last day of the period."""
        return self.first + timedelta(days=self.days - 1)

    def following(self, count: int = 1) -> Period:
        """Give the period ``count`` steps later (earlier, if negative); from the rest of a month on, whole months."""
        match self.kind:
            case "day":
                return Period.day(self.first + timedelta(days=count))
            case "week":
                return Period.week(self.first + timedelta(days=7 * count))
            case "month" | "rest":
                months = self.first.year * 12 + self.first.month - 1 + count
                return Period.month(date(months // 12, months % 12 + 1, 1))
            case _:
                assert_never(self.kind)

    @property
    def middle(self) -> date:
        """Its middle day: of a week the Thursday."""
        return self.first + timedelta(days=self.days // 2)

    def counted_in(self, kind: Kind) -> Period:
        """Give the period of a kind with which this one counts, whole: that of its middle day.

        A week counts with the month of its Thursday, as ISO 8601-1:2019, 3.1.1.23 counts weeks to years; so it counts once.

        >>> Period.parse("2026-W53").counted_in("month").name, Period.parse("2027-W01").counted_in("month").name
        ('2026-12', '2027-01')
        """
        return Period.holding(kind, self.middle)

    def made_of(self, kind: Kind) -> tuple[Period, ...]:
        """Give the periods of a kind that count with this one, in order.

        >>> [each.name for each in Period.parse("2026-01").made_of("week")]
        ['2026-W01', '2026-W02', '2026-W03', '2026-W04', '2026-W05']
        """
        each, found = Period.holding(kind, self.first), []
        while each.first <= self.last:
            if self.first <= each.middle <= self.last:
                found.append(each)
            each = each.following()
        return tuple(found)

    def shared_days(self, other: Period) -> int:
        """Count the days that lie in both periods.

        >>> Period.parse("2026-W14").shared_days(Period.parse("2026-03"))
        2
        """
        return max(0, (min(self.last, other.last) - max(self.first, other.first)).days + 1)


def period_range(text: str) -> tuple[Period, Period]:
    """Read a period, or a range of periods such as ``2026-W03..2026-06``: its first and its last period.

    Raises:
        BadInput: ``base.not_a_period``.
    """
    first, dots, last = text.partition("..")
    begin = Period.parse(first)
    return begin, Period.parse(last) if dots else begin


@cache
def first_day(name: str) -> date:
    """Give the first day of the period of that name: what periods sort by, for the names of days, weeks and months do not.

    >>> sorted(["2026-04", "2026-W10", "2026-03-30--31"], key=first_day)
    ['2026-W10', '2026-03-30--31', '2026-04']

    Raises:
        BadInput: ``base.not_a_period``.
    """
    return Period.parse(name).first


@dataclass(frozen=True, slots=True)
class Horizon:
    """Consecutive periods, each starting the day after the one before ends.

    Args:
        periods: in order; of one kind, or finer first and coarser later, as `refined` makes them.
        stated: kind of the periods from which finer ones were made; None where all are as they were.

    Raises:
        BadInput: ``base.not_consecutive``.

    >>> Horizon.of(Period.parse("2026-01"), 3).names
    ('2026-01', '2026-02', '2026-03')
    """

    periods: tuple[Period, ...]
    stated: Kind | None = None

    def __post_init__(self) -> None:
        for before, after in pairwise(self.periods):
            if after.first != before.first + timedelta(days=before.days):
                raise BadInput.of("base.not_consecutive", before=before.name, after=after.name)

    @classmethod
    def of(cls, start: Period, count: int) -> Horizon:
        """Give ``count`` periods from ``start`` on."""
        return cls(tuple(start.following(step) for step in range(count)))

    def refined(self, *, days: int = 0, weeks: int = 0) -> Horizon:
        """Give the same time with days first, then ISO weeks, then the periods as they are.

        Days go on to the end of an ISO week and, in a horizon of months, weeks to the last one that ends within it; what is
        then left of a month is one period. Nothing is refined past the end.

        Args:
            days: how many days at least, where weeks or whole periods do not begin before.
            weeks: how many whole weeks; a horizon of weeks has them anyway.

        >>> Horizon.of(Period.parse("2026-03"), 3).refined(weeks=3).names
        ('2026-03-01', '2026-W10', '2026-W11', '2026-W12', '2026-03-23--31', '2026-04', '2026-05')
        """
        if self.unit == "day" or not (days or weeks):
            return self
        day, end = self.periods[0].first, self.periods[-1].last
        found: list[Period] = []

        def put(period: Period) -> None:
            nonlocal day
            found.append(period)
            day = period.last + timedelta(days=1)

        while day <= end and (len(found) < days or ((weeks or self.unit == "week") and day.isoweekday() != 1)):
            put(Period.day(day))
        for _ in range(weeks if self.unit == "month" else 0):
            if (week := Period.week(day)).last <= end:
                put(week)
        while day <= end:
            put(Period.week(day) if self.unit == "week" else Period.rest(day))
        return Horizon(tuple(found), self.unit)

    @property
    def unit(self) -> Kind:
        """Kind of period in which a quantity per period is stated."""
        return self.stated or self.periods[0].kind

    @property
    def mixed(self) -> bool:
        """Whether some periods are finer than those in which quantities are stated."""
        return any(period.kind != self.unit for period in self.periods)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the periods, in order."""
        return tuple(period.name for period in self.periods)

    @property
    def next(self) -> Period:
        """The period after the last one, of the kind in which quantities are stated."""
        return Period.holding(self.unit, self.periods[-1].last + timedelta(days=1))

    def __len__(self) -> int:
        return len(self.periods)

    def index(self, day: date) -> int:
        """Give the index of the period that holds a day: -1 before the first, ``len(self)`` after the last."""
        if day > self.periods[-1].last:
            return len(self.periods)
        return bisect_right([period.first for period in self.periods], day) - 1

    def arrival(self, departure: int, lead_days: float) -> int:
        """Give the index of the period that holds the first day of period ``departure`` plus ``lead_days``.

        Whole days, rounded up; ``len(self)`` when that is after the horizon.
        """
        return self.index(self.periods[departure].first + timedelta(days=-int(-lead_days // 1)))
