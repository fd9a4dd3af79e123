"""Days on which money moves: every so many months or days, to the last, and never on a day when banks are closed."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle:
    """Days that come again.

    Args:
        first: the first of them.
        months: calendar months between them; 0 when days are counted.
        days: days between them; 0 when months are counted.
        month_end: whether all are the last of their month, when the first is.
        short: whether a last period that is not whole stands by itself; else it lengthens the one before.
    """

    first: date
    months: int
    days: int
    month_end: bool
    short: bool

    def until(self, last: date) -> tuple[date, ...]:
        """Give the days up to the last one, which is always among them.

        >>> cycle = Cycle(first=date(2026, 1, 31), months=1, days=0, month_end=True, short=False)
        >>> [str(day) for day in cycle.until(date(2026, 4, 10))]
        ['2026-01-31', '2026-02-28', '2026-04-10']
        """
        found = list(self._before(last))
        whole = self._after(len(found)) == last
        return (*(found if whole or self.short else found[:-1]), last)

    def _before(self, last: date) -> Iterator[date]:
        passed = 0
        while (day := self._after(passed)) < last:
            yield day
            passed += 1

    def _after(self, passed: int) -> date:
        """Give the day after so many periods; counted from the first, so that a short month shortens no other."""
        if self.days:
            return self.first + passed * self.days * _DAY
        years, month = divmod(self.first.month - 1 + passed * self.months, 12)
        end = monthrange(self.first.year + years, month + 1)[1]
        first_end = monthrange(self.first.year, self.first.month)[1]
        day = end if self.month_end and self.first.day == first_end else min(self.first.day, end)
        return date(self.first.year + years, month + 1, day)


def business_day(day: date, rule: str | None, holidays: Collection[date] = ()) -> date:
    """Give the day on which banks do what is due on a day.

    Args:
        day: when it is due.
        rule: one of `BUSINESS_DAYS`, or None when every day will do.
        holidays: days when banks are closed beside Saturdays and Sundays.

    >>> str(business_day(date(2026, 5, 31), "following")), str(business_day(date(2026, 5, 31), "modified_following"))
    ('2026-06-01', '2026-05-29')
    """
    if rule is None:
        return day
    step, within_month = BUSINESS_DAYS[rule]
    moved = _open(day, step, holidays)
    return _open(day, -step, holidays) if within_month and moved.month != day.month else moved


def _open(day: date, step: timedelta, holidays: Collection[date]) -> date:
    while day.weekday() >= 5 or day in holidays:
        day += step
    return day


BUSINESS_DAYS: Mapping[str, tuple[timedelta, bool]] = {
    "following": (_DAY, False),
    "modified_following": (_DAY, True),
    "preceding": (-_DAY, False),
    "modified_preceding": (-_DAY, True),
}
"""Where a day moves when banks are closed, and whether it then stays within its month."""
