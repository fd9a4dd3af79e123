"""What a price series comes to in a month: the published average once it is over, else a forecast with its band."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction

import pytest
from tools import small_case

from oreloop.app.deals.priced import outlooks_in
from oreloop.base.period import Horizon, Period
from oreloop.plan.tables.buckets import named

HEAD = "material,period,price,price_unit,price_basis,tax,source,status\n"


def months(first, count, price=lambda number: 4500.0 + 20 * (number % 5), unit="USD/ozt"):
    rows = []
    for number in range(count):
        year, month = divmod(first + number, 12)
        rows.append(f"Ir,{year}-{month + 1:02d},{price(number)},{unit},contained,0,bulletin,illustrative")
    return HEAD + "\n".join(rows) + "\n"


def look(table, month, at="2026-01-20", series="Ir"):
    files = small_case.tables() | {"case.toml": small_case.SETTINGS.encode(), "prices.csv": table.encode()}
    return outlooks_in(files, [(series, month)], date.fromisoformat(at)).get((series, month))


YEAR = 2025 * 12


def test_a_month_that_is_over_has_its_published_price_and_no_band():
    known = look(months(YEAR, 12), "2025-11")
    assert known.kind == "published"
    assert (known.low, known.price, known.high) == (4500, 4500, 4500)
    assert (known.known_on, known.source, known.unit) == (date(2025, 11, 30), "bulletin", "USD/ozt")


def test_a_month_to_come_is_forecast_from_the_prices_before_in_a_band():
    coming = look(months(YEAR, 12), "2026-03")
    assert (coming.kind, coming.known_on) == ("forecast", date(2025, 12, 31))
    assert coming.low < coming.price < coming.high
    later = look(months(YEAR, 12), "2026-06")
    assert later.high - later.low > coming.high - coming.low
    assert coming == look(months(YEAR, 12), "2026-03")


def test_a_price_that_is_not_known_on_the_day_changes_nothing():
    with_later = months(YEAR, 24)
    assert look(with_later, "2026-03") == look(months(YEAR, 12), "2026-03")
    assert look(with_later, "2026-01", at="2026-01-31").kind == "forecast"
    assert look(with_later, "2026-01", at="2026-02-01").kind == "published"


def test_a_price_that_never_moved_is_expected_to_stay():
    still = look(months(YEAR, 12, price=lambda _: 4286.02), "2026-05")
    assert (still.low, still.price, still.high) == (Fraction("4286.02"),) * 3


def test_the_average_of_weeks_is_part_known_and_part_forecast():
    """Weeks whose Thursday lies in January 2026 are W01 to W05; W01 to W03 are over on the 20th."""
    weeks = [f"2025-W{number:02d}" for number in range(40, 53)] + ["2026-W01", "2026-W02", "2026-W03"]
    rows = [
        f"Ir,{week},{4400 + number % 3 * 30},USD/ozt,contained,0,bulletin,illustrative"
        for number, week in enumerate(weeks)
    ]
    found = look(HEAD + "\n".join(rows) + "\n", "2026-01", at="2026-01-20")
    assert (found.kind, found.known_on) == ("forecast", date(2026, 1, 18))
    wider = look(HEAD + "\n".join(rows) + "\n", "2026-02", at="2026-01-20")
    assert wider.high - wider.low > found.high - found.low


def weekly(first, last):
    """Prices of weeks: 100 times the ISO week of each, from one Monday to another."""
    monday, rows = date.fromisoformat(first), []
    while monday <= date.fromisoformat(last):
        year, week, _ = monday.isocalendar()
        rows.append(f"Ir,{year}-W{week:02d},{100 * week},USD/ozt,contained,0,bulletin,illustrative")
        monday += timedelta(days=7)
    return HEAD + "\n".join(rows) + "\n"


@pytest.mark.parametrize(
    ("month", "weeks", "over"),
    [
        ("2026-12", (49, 50, 51, 52, 53), "2027-01-03"),  # W53 ends in January; its Thursday is New Year's Eve
        ("2027-01", (1, 2, 3, 4), "2027-01-31"),
        ("2026-09", (36, 37, 38, 39), "2026-09-27"),  # W40 starts in September; its Thursday is 1 October
        ("2026-10", (40, 41, 42, 43, 44), "2026-11-01"),
    ],
)
def test_a_week_belongs_to_the_month_of_its_thursday_as_in_the_plan(month, weeks, over):
    prices = weekly("2026-07-06", "2027-02-22")
    known = look(prices, month, at="2027-03-01")
    assert (known.kind, known.price) == ("published", Fraction(100 * sum(weeks), len(weeks)))
    assert known.known_on == date.fromisoformat(over)
    assert look(prices, month, at=over).kind == "forecast"
    horizon = Horizon.of(Period.parse("2026-08"), 8).refined(weeks=26)
    assert tuple(int(name[-2:]) for name in named(horizon, month) if "W" in name) == weeks


@pytest.mark.parametrize(
    ("table", "month"),
    [
        (months(YEAR + 6, 6), "2026-03"),
        (months(YEAR, 12).replace("Ir,2025-08,", "Ir,2024-08,"), "2026-03"),
        (months(YEAR, 12).replace("Ir,2025-08,", "Ir,2024-08,"), "2025-08"),
        (months(YEAR, 6) + months(YEAR + 6, 6, unit="CNY/g").removeprefix(HEAD), "2026-03"),
        (months(YEAR + 12, 3), "2026-03"),
    ],
)
def test_too_little_is_no_forecast(table, month):
    assert look(table, month) is None


def test_a_series_or_a_folder_without_prices_says_nothing():
    assert look(months(YEAR, 12), "2026-03", series="Pt") is None
    assert outlooks_in({}, [("Ir", "2026-03")], date(2026, 1, 1)) == {}
    assert outlooks_in(small_case.tables(), [], date(2026, 1, 1)) == {}


def test_plain_tables_hold_prices_too():
    tables = small_case.tables() | {"prices.csv": months(YEAR, 12).encode()}
    assert outlooks_in(tables, [("Ir", "2025-12")], date(2026, 1, 20))["Ir", "2025-12"].kind == "published"
