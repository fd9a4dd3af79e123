"""Day counts: how much of a year lies between two days, as money markets agree on it."""

from __future__ import annotations

from calendar import isleap
from collections.abc import Callable, Mapping
from datetime import date
from fractions import Fraction


def years(day_count: str, first: date, last: date) -> Fraction:
    """Give the years from one day to another, exactly.

    Args:
        day_count: one of `DAY_COUNTS`.
        first: the first day that counts.
        last: the day after the last that counts.

    >>> years("A/360", date(2026, 1, 31), date(2026, 3, 1)), years("30E/360", date(2026, 1, 31), date(2026, 3, 1))
    (Fraction(29, 360), Fraction(31, 360))
    """
    return DAY_COUNTS[day_count](first, last)


def _actual_360(first: date, last: date) -> Fraction:
    return Fraction((last - first).days, 360)


def _actual_365(first: date, last: date) -> Fraction:
    return Fraction((last - first).days, 365)


def _eurobond(first: date, last: date) -> Fraction:
    """Months of 30 days (2006 ISDA Definitions, section 4.16 (g))."""
    months = (last.year - first.year) * 12 + last.month - first.month
    return Fraction(months * 30 + min(last.day, 30) - min(first.day, 30), 360)


def _actual_actual(first: date, last: date) -> Fraction:
    """Days of leap years count 1/366, all others 1/365 (2006 ISDA Definitions, section 4.16 (b))."""
    return _into_era(last) - _into_era(first)


def _into_era(day: date) -> Fraction:
    return day.year + Fraction(day.timetuple().tm_yday - 1, 366 if isleap(day.year) else 365)


DAY_COUNTS: Mapping[str, Callable[[date, date], Fraction]] = {
    "A/360": _actual_360,
    "A/365": _actual_365,
    "30E/360": _eurobond,
    "A/A": _actual_actual,
}
"""The conventions by the name that a contract writes."""
