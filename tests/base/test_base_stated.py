"""Short ways to an exact value say the same as the long ones: stated masses, and instants as milliseconds."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from oreloop.base.errors import BadInput
from oreloop.base.instant import from_unix_ms, instant, sealed, unix_ms
from oreloop.base.quantity import MG_PER_UNIT, REC20_UNITS, decimal, mass_mg, stated_mg

UNITS = st.sampled_from([*MG_PER_UNIT, *REC20_UNITS, "KG", ""])
NUMBERS = st.one_of(
    st.integers(-(10**20), 10**20),
    st.decimals(allow_nan=False, allow_infinity=False, places=3),
    st.from_regex(r"[ 0-9_.+-]{0,20}", fullmatch=True),
    st.text(max_size=18),
)


def said(stated: object, unit: str, way: object) -> int | list[str]:
    try:
        return stated_mg(stated, unit) if way == "short" else mass_mg(decimal(str(stated)), unit)
    except BadInput as refused:
        return [f"{each.code} {each.fields}" for each in refused.problems]


@given(NUMBERS, UNITS)
@example("\u0661\u0662", "KGM")
@example("\u00b2", "KGM")
@example("000000000000012", "GRM")
@example(9_007_199_254, "KGM")
@example(9_007_199_255, "KGM")
@example(True, "KGM")
def test_a_stated_mass_is_what_its_digits_say_exactly(stated: object, unit: str) -> None:
    assert said(stated, unit, "short") == said(stated, unit, "long")


def test_a_stated_mass_of_whole_units_is_whole_milligrams() -> None:
    assert stated_mg(3, "TNE") == 3_000_000_000
    assert stated_mg(Decimal("0.000001"), "KGM") == 1
    with pytest.raises(BadInput) as refused:
        stated_mg("0.0000001", "KGM")
    assert refused.value.code == "base.finer_than_mg"


@given(st.datetimes(datetime(1900, 1, 1), datetime(2199, 12, 31), timezones=st.just(UTC)))
def test_an_instant_and_its_milliseconds_are_the_same(moment: datetime) -> None:
    whole = instant(moment.isoformat(timespec="milliseconds"))
    assert from_unix_ms(unix_ms(moment)) == whole
    assert unix_ms(whole) == unix_ms(moment)
    assert instant(sealed(whole)) == whole


def test_an_instant_of_another_zone_is_the_same_in_utc() -> None:
    assert instant("2026-03-01T08:00:00.123456+08:00") == datetime(2026, 3, 1, 0, 0, 0, 123_000, tzinfo=UTC)
    assert instant("2026-03-01t00:00:00z").tzinfo is UTC
