"""Planning periods: months (``2026-01``), ISO weeks (``2026-W03``), and a horizon of consecutive ones."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from datetime import date, timedelta

from oreloop.base.errors import BadInput

_MONTH = re.compile(r"(\d{4})-(\d{2})")
_WEEK = re.compile(r"(\d{4})-W(\d{2})")


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """A month or an ISO week, ordered by its first day.

    >>> Period.parse("2026-02").days, Period.parse("2026-W01").first
    (28, datetime.date(2025, 12, 29))
    """

    first: date
    days: int
    name: str

    @classmethod
    def parse(cls, text: str) -> Period:
        """Read ``YYYY-MM`` or ``YYYY-Www``.

        Raises:
            BadInput: ``base.not_a_period``.
        """
        raw = text.strip()
        try:
            if found := _MONTH.fullmatch(raw):
                return cls.month(date(int(found[1]), int(found[2]), 1))
            if found := _WEEK.fullmatch(raw):
                return cls.week(date.fromisocalendar(int(found[1]), int(found[2]), 1))
        except ValueError:
            pass
        raise BadInput.of("base.not_a_period", got=raw[:40])

    @classmethod
    def month(cls, day: date) -> Period:
        """Give the month that holds a day."""
        first = day.replace(day=1)
        following = (first + timedelta(days=31)).replace(day=1)
        return cls(first, (following - first).days, f"{first:%Y-%m}")

    @classmethod
    def week(cls, day: date) -> Period:
        """Give the ISO week that holds a day."""
        year, number, weekday = day.isocalendar()
        return cls(day - timedelta(days=weekday - 1), 7, f"{year}-W{number:02d}")

    @property
    def last(self) -> date:
        """The last day of the period."""
        return self.first + timedelta(days=self.days - 1)

    @property
    def is_week(self) -> bool:
        """Whether this is a week rather than a month."""
        return self.days == 7

    def following(self, count: int = 1) -> Period:
        """Give the period ``count`` steps later (earlier, if negative)."""
        if self.is_week:
            return Period.week(self.first + timedelta(days=7 * count))
        months = self.first.year * 12 + self.first.month - 1 + count
        return Period.month(date(months // 12, months % 12 + 1, 1))


@dataclass(frozen=True, slots=True)
class Horizon:
    """Consecutive periods, each starting the day after the one before ends.

    >>> Horizon.of(Period.parse("2026-01"), 3).names
    ('2026-01', '2026-02', '2026-03')
    """

    periods: tuple[Period, ...]

    @classmethod
    def of(cls, start: Period, count: int) -> Horizon:
        """Give ``count`` periods from ``start`` on."""
        return cls(tuple(start.following(step) for step in range(count)))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the periods, in order."""
        return tuple(period.name for period in self.periods)

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
