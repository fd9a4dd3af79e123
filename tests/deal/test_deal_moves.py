"""What a move of the price is worth: on what is open, and with what options pay more or less; to the minor unit."""

from __future__ import annotations

from fractions import Fraction

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.base.errors import BadInput
from oreloop.base.period import Period
from oreloop.case.prices import Rates
from oreloop.deal import exposed, read_hedges
from oreloop.deal.hedging import Hedge, Move, held, moved

MONTH = Period.parse("2026-04")
COLUMNS = ("instrument", "venue", "metal", "month", "kg", "price", "currency", "strike", "floor", "cap", "premium")
ROWS = [
    ("future", "NYMEX", "Pt", "2026-06", 200.0, 41000.0, "USD", None, None, None, None),
    ("put", "GFEX", "Pt", "2026-06", 150.0, None, "USD", 38000.0, None, None, 500.0),
    ("collar", "bank", "Pt", "2026-06", -80.0, None, "USD", None, 37000.0, 44000.0, 0.0),
]


def hedges(*rows):
    kinds = {
        name: pl.String if name in ("instrument", "venue", "metal", "month", "currency") else pl.Float64
        for name in COLUMNS
    }
    return read_hedges(pl.DataFrame(rows or ROWS, kinds, orient="row"))


def worth(positions, price, *, step="4000", currency="USD", rates=None):
    move = Move(
        metal="Pt",
        move_per_kg=Fraction(step),
        currency=currency,
        price_per_kg=None if price is None else Fraction(price),
    )
    open_to = exposed([], own={"maker"}, hedges=positions).positions
    return moved(open_to, positions, [move], rates=rates or Rates({}), period=MONTH).row(0, named=True)


def test_a_move_is_worth_what_is_open_and_options_soften_a_fall():
    """200 kg × 4,000 = 800,000. From 40,000 to 36,000 the put pays 150 × 2,000, the collar 80 × 1,000: 420,000 are lost."""
    row = worth(hedges(), 40000)
    assert (row["rise_minor"], row["fall_minor"]) == (800_000_00, -800_000_00)
    assert (row["rise_with_options_minor"], row["fall_with_options_minor"]) == (800_000_00, -420_000_00)


def test_a_rise_beyond_the_cap_is_given_away():
    """From 43,000 to 47,000 the collar pays −80 × 3,000: 800,000 − 240,000."""
    assert worth(hedges(), 43000)["rise_with_options_minor"] == 560_000_00


def test_without_a_price_nothing_is_said_of_options():
    row = worth(hedges(), None)
    assert (row["rise_minor"], row["rise_with_options_minor"]) == (800_000_00, None)
    unknown = (*ROWS, ("option", "bank", "Pt", "2026-06", 1.0, None, None, None, None, None, None))
    assert worth(hedges(*unknown), 40000)["fall_with_options_minor"] is None


def test_an_option_in_another_currency_is_converted_and_never_without_a_rate():
    """At 7 CNY for a USD the same numbers, seven times as large."""
    rates = Rates({("USD", "CNY"): ((Period.parse("2026-01"), 7.0),)})
    row = worth(hedges(), 280000, step="28000", currency="CNY", rates=rates)
    assert row["fall_with_options_minor"] == pytest.approx(-420_000_00 * 7, abs=1)
    with pytest.raises(BadInput) as caught:
        worth(hedges(), 280000, step="28000", currency="CNY")
    assert caught.value.code == "case.missing_rate"


def test_a_metal_that_nobody_holds_has_no_row():
    open_to = exposed([], own={"maker"}, hedges=hedges()).positions
    move = Move(metal="Ir", move_per_kg=Fraction(1), currency="USD")
    assert moved(open_to, hedges(), [move], rates=Rates({}), period=MONTH).is_empty()


@given(st.integers(1, 10**6), st.integers(1, 10**4), st.integers(-500, 500), st.integers(1, 10**5))
def test_a_rise_and_a_fall_mirror_each_other_and_a_bought_put_never_makes_a_fall_worse(price, step, kg, strike):
    positions = (
        Hedge(instrument="future", venue=None, metal="Pt", month="2026-06", mass_mg=kg * 10**6, price_per_kg=None, currency=None),
        *hedges(("put", None, "Pt", "2026-06", 3.0, None, "USD", float(strike), None, None, 0.0)),
    )  # fmt: skip
    row = worth(positions, price, step=str(step))
    assert row["rise_minor"] == -row["fall_minor"] == kg * step * 100
    assert row["fall_minor"] <= row["fall_with_options_minor"] <= row["fall_minor"] + 3 * step * 100
    assert row["rise_minor"] - 3 * step * 100 <= row["rise_with_options_minor"] <= row["rise_minor"]


def test_what_is_held_beside_options_is_listed_with_the_price_at_which_it_keeps():
    assert held(hedges()).select("instrument", "kg", "price_per_kg", "currency").rows() == [
        ("future", 200.0, 41000.0, "USD")
    ]
