"""Mass and money: exact, in whole units, and split without losing any."""

import contextlib
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.base.errors import BadInput
from oreloop.base.money import MINOR_DIGITS, Money
from oreloop.base.quantity import MG_PER_UNIT, REC20_UNITS, contained_mg, decimal, mass_mg, split

shares = st.decimals(min_value=0, max_value=1, places=6)


def test_twenty_tonnes_at_sixty_per_cent_do_not_overflow() -> None:
    assert contained_mg(20_000_000_000, content=Decimal("0.6")) == 12_000_000_000


def test_water_is_taken_off_before_the_assay_is_applied() -> None:
    assert contained_mg(1_000_000, moisture=Decimal("0.1"), content=Decimal("0.5")) == 450_000


@given(st.integers(0, 10**15), shares, shares)
def test_contained_metal_is_never_more_than_the_lot(wet_mg: int, moisture: Decimal, content: Decimal) -> None:
    assert 0 <= contained_mg(wet_mg, moisture=moisture, content=content) <= wet_mg


@pytest.mark.parametrize("share", ["-0.01", "1.0001", "12"])
def test_a_share_outside_zero_to_one_is_refused(share: str) -> None:
    with pytest.raises(BadInput, match="outside 0 to 1"):
        contained_mg(1, content=Decimal(share))


def test_every_rec20_code_means_a_known_unit() -> None:
    assert set(REC20_UNITS.values()) == set(MG_PER_UNIT)
    assert mass_mg(Decimal(1), "APZ") == mass_mg(Decimal(1), "ozt") == 31_103


def test_a_kilogram_written_with_six_places_is_exact() -> None:
    assert mass_mg(Decimal("94.123456"), "KGM") == 94_123_456


@pytest.mark.parametrize(
    ("amount", "unit", "code"),
    [
        ("0.0000001", "kg", "base.finer_than_mg"),
        ("1", "stone", "base.unknown_unit"),
        ("9999999999", "t", "base.mass_range"),
    ],
)
def test_a_mass_that_cannot_be_sealed_is_refused(amount: str, unit: str, code: str) -> None:
    with pytest.raises(BadInput) as refused:
        mass_mg(Decimal(amount), unit)
    assert refused.value.code == code


@pytest.mark.parametrize("text", ["", "abc", "1,5", "1_000", "nan", "inf", "1e99", "0." + "1" * 60])
def test_only_plain_finite_numbers_are_read(text: str) -> None:
    with pytest.raises(BadInput, match="not a number"):
        decimal(text)


@given(st.text(max_size=60))
def test_reading_a_number_never_fails_otherwise(text: str) -> None:
    with contextlib.suppress(BadInput):
        assert decimal(text).is_finite()


@given(st.integers(-(10**12), 10**12), st.lists(st.integers(0, 10**6), min_size=1, max_size=12))
def test_a_split_adds_up_and_is_off_by_less_than_one(total: int, weights: list[int]) -> None:
    if sum(weights) == 0:
        weights[0] = 1
    parts = split(total, weights)
    assert sum(parts) == total
    assert all(
        abs(part - Fraction(total * weight, sum(weights))) < 1 for part, weight in zip(parts, weights, strict=True)
    )


def test_nothing_can_be_split_by_no_weight() -> None:
    assert split(0, [0, 0]) == [0, 0]
    for weights in ([0, 0], [1, -1], []):
        with pytest.raises(BadInput, match="weights"):
            split(5, weights)


@given(st.integers(-(10**9), 10**9), st.sampled_from(sorted(MINOR_DIGITS)))
def test_money_of_whole_minor_units_is_exact(minor: int, currency: str) -> None:
    exact = Fraction(minor, 10 ** MINOR_DIGITS[currency])
    assert Money.of(exact, currency) == Money(amount_minor=minor, currency=currency)
    assert (Money.of(exact, currency) + -Money.of(exact, currency)).amount_minor == 0


def test_money_is_written_with_its_currency_and_places() -> None:
    assert str(Money(amount_minor=123_456_789, currency="CNY")) == "1,234,567.89 CNY"
    assert str(Money(amount_minor=-5, currency="JPY")) == "-5 JPY"


def test_unlike_currencies_are_never_added() -> None:
    with pytest.raises(BadInput, match="CNY and USD"):
        Money(amount_minor=1, currency="CNY") + Money(amount_minor=1, currency="USD")


@pytest.mark.parametrize(("amount", "currency"), [(1, "XXX"), (10**20, "CNY")])
def test_an_amount_that_cannot_be_paid_is_refused(amount: int, currency: str) -> None:
    with pytest.raises(BadInput):
        Money.of(amount, currency)
