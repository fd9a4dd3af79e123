"""Instants are sealed in UTC; periods are months and ISO weeks that follow each other without a gap."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.base.errors import BadInput
from oreloop.base.instant import instant, sealed
from oreloop.base.period import Horizon, Period

days = st.dates(date(1990, 1, 1), date(2090, 12, 31))
names = st.one_of(days.map(Period.month), days.map(Period.week))


@given(st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)))
def test_a_sealed_instant_reads_back_to_the_millisecond(moment: datetime) -> None:
    assert instant(sealed(moment)) == moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def test_a_date_includes_its_whole_day() -> None:
    assert sealed(instant("2026-03-01")) == "2026-03-01T23:59:59.999Z"


@pytest.mark.parametrize("text", ["2026-03-01T08:00:00", "2026-13-01", "yesterday", "2026-02-30T00:00:00Z", ""])
def test_a_time_that_names_no_instant_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="not an instant"):
        instant(text)


def test_a_moment_without_offset_cannot_be_sealed() -> None:
    with pytest.raises(BadInput):
        sealed(datetime(2026, 3, 1))
    assert sealed(datetime(2026, 3, 1, 8, tzinfo=timezone(timedelta(hours=8)))) == "2026-03-01T00:00:00.000Z"


@given(names)
def test_a_period_reads_back(period: Period) -> None:
    assert Period.parse(period.name) == period


@given(names, st.integers(-60, 60))
def test_following_goes_there_and_back(period: Period, count: int) -> None:
    assert period.following(count).following(-count) == period


@given(names, st.integers(1, 40))
def test_a_horizon_leaves_no_day_out(start: Period, count: int) -> None:
    horizon = Horizon.of(start, count)
    for before, after in zip(horizon.periods, horizon.periods[1:], strict=False):
        assert after.first == before.last + timedelta(days=1)
    for position, period in enumerate(horizon.periods):
        assert horizon.index(period.first) == horizon.index(period.last) == position
    assert horizon.index(start.first - timedelta(days=1)) == -1
    assert horizon.index(horizon.periods[-1].last + timedelta(days=1)) == len(horizon) == count


def test_metal_arrives_in_the_period_that_holds_departure_plus_lead_time() -> None:
    horizon = Horizon.of(Period.parse("2026-01"), 12)
    assert [horizon.arrival(0, lead) for lead in (0, 30, 31, 30.5, 59, 400)] == [0, 0, 1, 1, 2, 12]


@pytest.mark.parametrize("text", ["2026", "2026-00", "2026-W54", "2025-W53", "26-01", "2026-1", "0000-01"])
def test_a_text_that_is_no_period_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="not a period"):
        Period.parse(text)
