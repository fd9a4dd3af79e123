"""Days, ISO weeks, months, and a horizon that begins with days and weeks and goes on in months."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.base.errors import BadInput
from oreloop.base.period import Horizon, Period, first_day, period_range

days = st.dates(date(1990, 1, 1), date(2090, 12, 31))
starts = st.one_of(days.map(Period.month), days.map(Period.week))
every = st.one_of(starts, days.map(Period.day), days.map(Period.rest))


@given(every)
def test_every_period_reads_back_with_its_days_and_its_kind(period: Period) -> None:
    assert Period.parse(period.name) == period
    assert first_day(period.name) == period.first


@pytest.mark.parametrize(
    ("name", "first", "days", "kind"),
    [
        ("2026-01-05", date(2026, 1, 5), 1, "day"),
        ("2024-02-29", date(2024, 2, 29), 1, "day"),
        ("2026-W53", date(2026, 12, 28), 7, "week"),
        ("2027-W01", date(2027, 1, 4), 7, "week"),
        ("2024-02", date(2024, 2, 1), 29, "month"),
        ("2026-04-27--30", date(2026, 4, 27), 4, "rest"),
        ("2026-04-30--30", date(2026, 4, 30), 1, "rest"),
    ],
)
def test_a_period_says_what_it_is(name: str, first: date, days: int, kind: str) -> None:
    period = Period.parse(name)
    assert (period.first, period.days, period.kind) == (first, days, kind)


@pytest.mark.parametrize(
    "text", ["2026-02-29", "2025-W53", "2026-13", "2026-04-27--29", "2026-04-01--30", "2026-4-27", "spring", ""]
)
def test_what_is_no_period_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="not a period"):
        Period.parse(text)


def test_after_the_rest_of_a_month_come_whole_months() -> None:
    rest = Period.parse("2026-12-28--31")
    assert [rest.following(count).name for count in (1, 2, -1)] == ["2027-01", "2027-02", "2026-11"]


@given(every, st.sampled_from(["day", "week", "month", "rest"]))
def test_the_period_of_a_kind_that_holds_a_day_holds_it(period: Period, kind) -> None:
    found = Period.holding(kind, period.first)
    assert found.first <= period.first <= found.last
    assert found.shared_days(Period.day(period.first)) == 1


def test_a_range_runs_from_its_first_to_its_last_period() -> None:
    assert [each.name for each in period_range("2026-W10..2026-04-27--30")] == ["2026-W10", "2026-04-27--30"]
    first, last = period_range("2026-03")
    assert first == last


@given(starts, st.integers(1, 14), st.integers(0, 40), st.integers(0, 20))
def test_a_finer_horizon_covers_the_same_days_and_never_a_day_twice(
    start: Period, count: int, days: int, weeks: int
) -> None:
    stated = Horizon.of(start, count)
    finer = stated.refined(days=days, weeks=weeks)
    assert (finer.periods[0].first, finer.periods[-1].last) == (stated.periods[0].first, stated.periods[-1].last)
    assert finer.unit == stated.unit
    assert finer.next == stated.next
    kinds = [period.kind for period in finer.periods]
    assert kinds == sorted(kinds, key=["day", "week", "rest", "month"].index)
    assert kinds.count("rest") <= 1
    assert Horizon(tuple(map(Period.parse, finer.names)), finer.stated) == finer
    asked = min(days, sum(period.days for period in stated.periods))
    assert kinds.count("day") >= asked
    assert not days or (stated.unit == "month" and not weeks) or kinds.count("day") < days + 7


@given(starts, st.integers(1, 30))
def test_without_days_and_weeks_a_horizon_is_as_it_was(start: Period, count: int) -> None:
    horizon = Horizon.of(start, count)
    assert horizon.refined() is horizon
    assert not horizon.mixed


def test_days_are_followed_by_whole_weeks_the_rest_of_a_month_and_months() -> None:
    horizon = Horizon.of(Period.parse("2026-03"), 3).refined(days=3, weeks=2)
    assert horizon.names == (
        *(f"2026-03-0{day}" for day in range(1, 9)), "2026-W11", "2026-W12", "2026-03-23--31", "2026-04", "2026-05",
    )  # fmt: skip
    assert horizon.mixed


def test_weeks_may_cross_the_end_of_a_year_and_of_a_month() -> None:
    year = Horizon.of(Period.parse("2026-12"), 2).refined(weeks=5)
    assert year.names[-6:] == ("2026-W50", "2026-W51", "2026-W52", "2026-W53", "2027-W01", "2027-01-11--31")[-6:]
    month = Horizon.of(Period.parse("2026-06"), 2).refined(weeks=5)  # 1 June 2026 is a Monday; W27 ends on 5 July
    assert month.names == ("2026-W23", "2026-W24", "2026-W25", "2026-W26", "2026-W27", "2026-07-06--31")


def test_where_weeks_end_with_a_month_nothing_is_left_of_it() -> None:
    assert Horizon.of(Period.parse("2027-02"), 2).refined(weeks=4).names[3:] == ("2027-W08", "2027-03")
    leap = Horizon.of(Period.parse("2024-02"), 2).refined(days=29)
    assert leap.names[-2:] == ("2024-02-29", "2024-03")


def test_no_week_reaches_past_the_end() -> None:
    assert Horizon.of(Period.parse("2027-04"), 1).refined(weeks=9).names[-2:] == ("2027-W16", "2027-04-26--30")


def test_a_horizon_of_weeks_has_only_its_days_before_them() -> None:
    horizon = Horizon.of(Period.parse("2026-W10"), 3).refined(days=2, weeks=5)
    assert horizon.names == (*(f"2026-03-0{day}" for day in range(2, 9)), "2026-W11", "2026-W12")


def test_a_horizon_of_days_has_nothing_finer() -> None:
    horizon = Horizon.of(Period.parse("2026-01-05"), 3)
    assert horizon.refined(days=2, weeks=1) is horizon
    assert (horizon.unit, horizon.next.name) == ("day", "2026-01-08")


@pytest.mark.parametrize("names", [("2026-01", "2026-03"), ("2026-W03", "2026-01"), ("2026-01", "2026-01-31")])
def test_periods_with_a_gap_or_an_overlap_are_no_horizon(names: tuple[str, ...]) -> None:
    with pytest.raises(BadInput) as refused:
        Horizon(tuple(map(Period.parse, names)))
    assert refused.value.code == "base.not_consecutive"


def test_metal_arrives_on_its_day_where_days_are_planned() -> None:
    horizon = Horizon.of(Period.parse("2026-03"), 2).refined(days=14)
    assert horizon.names[horizon.arrival(0, 9.5)] == "2026-03-11"
    assert horizon.names[horizon.arrival(3, 20)] == "2026-03-15--31"
    assert horizon.index(horizon.periods[0].first - timedelta(days=1)) == -1


@pytest.mark.parametrize(
    ("week", "month"),
    [("2026-W53", "2026-12"), ("2027-W01", "2027-01"), ("2026-W05", "2026-01"), ("2026-W14", "2026-04"),
     ("2024-W01", "2024-01"), ("2024-W52", "2024-12"), ("2025-W01", "2025-01")],
)  # fmt: skip
def test_a_week_counts_with_the_month_of_its_thursday(week: str, month: str) -> None:
    assert Period.parse(week).counted_in("month").name == month
    assert Period.parse(week).middle.isoweekday() == 4
    assert Period.parse(week) in Period.parse(month).made_of("week")


@given(st.dates(date(2000, 1, 1), date(2040, 1, 1)).map(Period.month))
def test_each_week_is_part_of_one_month(month: Period) -> None:
    weeks = [*month.made_of("week"), *month.following().made_of("week")]
    assert [each.first for each in weeks] == [weeks[0].first + timedelta(days=7 * at) for at in range(len(weeks))]
    assert {each.counted_in("month") for each in weeks} == {month, month.following()}
    assert len(month.made_of("day")) == month.days
    assert month.made_of("month") == (month,)
