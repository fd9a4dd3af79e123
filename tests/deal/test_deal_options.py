"""Options in the exposure: what they keep, at which price at worst, what they cost, and what they pay to the cent."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.base.errors import BadInput
from oreloop.base.period import Period
from oreloop.base.texts import LANGUAGES, label, render
from oreloop.case import TABLES
from oreloop.case.prices import Rates
from oreloop.case.read import schema
from oreloop.deal import exposed, exposure, read_hedges
from oreloop.deal.hedging import Call, Collar, Hedge, Put, covering, payoffs
from oreloop.deal.hedging.options import payoff_per_kg

SPONGE = (Path(__file__).parent / "examples" / "platinum-sponge.toml").read_text("utf-8")
MONTH = Period.parse("2026-03")
RATES = Rates({("USD", "CNY"): ((Period.parse("2026-01"), 7.0),)})
ROW = {"instrument": "put", "metal": "Pt", "month": "2026-06", "kg": 10.0, "currency": "USD"}
NAMES = [each.name for each in TABLES["hedges"].columns]
COLUMNS = {name: kind for name, kind in schema(TABLES["hedges"]).items() if name in NAMES}


def table(*rows):
    return pl.DataFrame([dict.fromkeys(COLUMNS) | ROW | row for row in rows], COLUMNS)


def held(*rows):
    return read_hedges(table(*rows))


def keep(open_kg, *rows, month="2026-06"):
    return covering({("Pt", month): open_kg * 1_000_000}, held(*rows))


def at(*prices, metal="Pt", month="2026-06", currency="USD"):
    return pl.DataFrame(
        [(metal, month, float(price), currency) for price in prices],
        {"metal": pl.String, "month": pl.String, "price_per_kg": pl.Float64, "currency": pl.String},
        orient="row",
    )


def test_calls_puts_and_collars_are_read_with_their_strikes_and_premium():
    call, put, collar, blind = held(
        {"instrument": "Call", "strike": 44000.0, "premium": 600.0},
        {"strike": 38000.5},
        {"instrument": "collar", "kg": -10.0, "floor": 38000.0, "cap": 44000.0, "premium": -20.0},
        {"instrument": "option", "currency": None, "premium": 3.0},
    )
    assert (call.option, call.premium_per_kg) == (Call(strike=Fraction(44000)), 600)
    assert (put.option, put.premium_per_kg) == (Put(strike=Fraction("38000.5")), None)
    assert (collar.option, collar.premium_per_kg) == (Collar(floor=Fraction(38000), cap=Fraction(44000)), -20)
    assert (blind.option, blind.is_linear) == (None, False)


@pytest.mark.parametrize(
    ("row", "code", "column"),
    [
        ({}, "deal.hedge_term_missing", "strike"),
        ({"strike": 1.0, "currency": None}, "deal.hedge_term_missing", "currency"),
        ({"instrument": "collar", "floor": 1.0}, "deal.hedge_term_missing", "cap"),
        ({"instrument": "collar", "floor": 3.0, "cap": 2.0}, "deal.floor_above_cap", "floor"),
        ({"strike": 1.0, "cap": 2.0}, "deal.hedge_term_misplaced", "cap"),
        ({"instrument": "future", "strike": 2.0}, "deal.hedge_term_misplaced", "strike"),
        ({"instrument": "swap", "premium": 2.0}, "deal.hedge_term_misplaced", "premium"),
        ({"instrument": "straddle"}, "deal.unknown_instrument", "instrument"),
    ],
)
def test_a_position_states_what_its_instrument_needs_and_nothing_else(row, code, column):
    with pytest.raises(BadInput) as caught:
        held(row)
    [found] = caught.value.problems
    assert (found.code, found.place.column) == (code, column)
    assert all(render(found, language) for language in LANGUAGES)


def test_worked_example_of_what_options_keep():
    """100 kg long of June: 30 kg of puts at 39,000 for 500, 50 kg of collars 38,000 to 44,000 for 100, 40 kg written calls."""
    frame = keep(
        100,
        {"instrument": "collar", "kg": -50.0, "floor": 38000.0, "cap": 44000.0, "premium": 100.0},
        {"kg": 30.0, "strike": 39000.0, "premium": 500.0},
        {"instrument": "call", "kg": -40.0, "strike": 45000.0, "premium": -300.0},
    )
    rows = {row["instrument"]: row for row in frame.iter_rows(named=True)}
    put, collar, written = rows["put"], rows["collar"], rows["call"]
    assert (put["covers_kg"], put["against"], put["worst_per_kg"], put["best_per_kg"]) == (30.0, "fall", 38500.0, None)
    assert (collar["covers_kg"], collar["worst_per_kg"], collar["best_per_kg"]) == (50.0, 37900.0, 43900.0)
    assert (written["covers_kg"], written["against"], written["worst_per_kg"]) == (0.0, None, None)
    assert (put["premium_minor"], collar["premium_minor"], written["premium_minor"]) == (
        15_000_00, 5_000_00, -12_000_00,
    )  # fmt: skip


def test_what_must_be_bought_is_kept_by_calls_and_long_collars_the_lowest_cap_first():
    frame = keep(
        -25,
        {"instrument": "call", "kg": 20.0, "strike": 44000.0, "premium": 100.0},
        {"instrument": "collar", "kg": 10.0, "floor": 38000.0, "cap": 43000.0, "premium": 50.0},
        {"kg": 5.0, "strike": 30000.0, "premium": 1.0},
    )
    rows = {row["instrument"]: row for row in frame.iter_rows(named=True)}
    assert (rows["collar"]["covers_kg"], rows["collar"]["worst_per_kg"], rows["collar"]["best_per_kg"]) == (
        10.0, 43050.0, 38050.0,
    )  # fmt: skip
    assert (rows["call"]["covers_kg"], rows["call"]["worst_per_kg"]) == (15.0, 44100.0)
    assert (rows["put"]["covers_kg"], rows["put"]["against"]) == (0.0, "fall")


def test_an_option_keeps_nothing_of_another_month_or_without_a_strike():
    assert keep(100, {"strike": 1.0}, month="2026-07")["covers_kg"].to_list() == [0.0]
    blind = keep(100, {"instrument": "option"})
    assert blind["covers_kg"].to_list() == [0.0]
    assert blind.select("strike_per_kg", "premium_minor", "against", "worst_per_kg").row(0) == (None,) * 4


def test_without_a_premium_no_worst_price_is_said():
    [row] = keep(100, {"strike": 39000.0}).iter_rows(named=True)
    assert (row["covers_kg"], row["strike_per_kg"], row["worst_per_kg"], row["premium_minor"]) == (
        10.0,
        39000.0,
        None,
        None,
    )


def test_the_exposure_says_how_much_options_keep_and_how_much_is_open_to_any_price(sponge):
    pricing = sponge.settle([*sponge.agreement(), *sponge.delivery("pt-lot-1"), *sponge.fixings()[:1]])
    buyer = pricing.state.contract.buyer
    hedges = held(
        {"month": "2026-03", "instrument": "future", "kg": -5.0, "price": 41000.0},
        {"month": "2026-03", "kg": 12.0, "strike": 39000.0, "premium": 500.0},
        {"month": "2026-04", "instrument": "call", "kg": 30.0, "strike": 44000.0, "premium": 1.0},
    )
    found = exposed([pricing], own={buyer}, hedges=hedges)
    march, april = found.positions.iter_rows(named=True)
    assert march["open_kg"] == pytest.approx(19.995793 - 5)
    assert (march["covered_kg"], march["uncovered_kg"]) == (12.0, pytest.approx(2.995793))
    assert april["open_kg"] == pytest.approx(-20.004207)
    assert (april["covered_kg"], april["uncovered_kg"]) == (pytest.approx(20.004207), 0.0)
    assert (march["option_kg"], april["option_kg"]) == (12.0, 30.0)
    assert found.positions.equals(exposure([pricing], own={buyer}, hedges=hedges))


def test_worked_example_of_payoffs():
    """10 kg at 36,500.125 USD: a put at 38,000 pays 14,998.75; the future sold at 41,000 gains 44,998.75."""
    rows = payoffs(
        held(
            {"strike": 38000.0, "premium": 500.0},
            {"instrument": "future", "kg": -10.0, "price": 41000.0},
            {"instrument": "collar", "kg": -10.0, "floor": 38000.0, "cap": 44000.0, "premium": 0.0},
            {"instrument": "call", "strike": 44000.0, "premium": 600.0},
            {"instrument": "option"},
            {"instrument": "swap", "price": None},
        ),
        at("36500.125", 45000),
        rates=RATES,
        period=MONTH,
    )
    paid = (
        rows.filter(pl.col("price_per_kg") == 36500.125).select("payoff_minor", "premium_minor", "result_minor").rows()
    )
    assert paid[:4] == [
        (1_499_875, 500_000, 999_875), (4_499_875, 0, 4_499_875), (1_499_875, 0, 1_499_875), (0, 600_000, -600_000),
    ]  # fmt: skip
    assert paid[4:] == [(None, None, None), (None, 0, None)]
    high = rows.filter(pl.col("price_per_kg") == 45000)["payoff_minor"].to_list()
    assert high[:4] == [0, -4_000_000, -1_000_000, 1_000_000]


def test_a_price_in_another_currency_is_converted_to_that_of_the_position():
    [row] = payoffs(
        held({"strike": 38000.0, "premium": 0.0}), at(252000, currency="CNY"), rates=RATES, period=MONTH
    ).to_dicts()
    assert row["price_per_kg"] == pytest.approx(36000)
    assert row["payoff_minor"] == pytest.approx(2_000_000, abs=1)


masses = st.integers(-(10**8), 10**8)
strikes = st.tuples(st.integers(1, 10**5), st.integers(1, 10**5)).map(sorted)
kinds = st.sampled_from(["call", "put", "collar"])


def option_of(kind, bounds):
    low, high = map(Fraction, bounds)
    return {"call": Call(strike=high), "put": Put(strike=low), "collar": Collar(floor=low, cap=high)}[kind]


@given(strikes, st.integers(0, 2 * 10**5).map(Fraction))
def test_a_long_collar_is_a_call_less_a_put(bounds, price):
    low, high = map(Fraction, bounds)
    apart = payoff_per_kg(Call(strike=high), price) - payoff_per_kg(Put(strike=low), price)
    assert payoff_per_kg(Collar(floor=low, cap=high), price) == apart


@given(strikes, st.integers(0, 2 * 10**5).map(Fraction))
def test_what_is_sold_under_a_short_collar_brings_no_less_than_the_floor_and_no_more_than_the_cap(bounds, price):
    low, high = map(Fraction, bounds)
    got = price - payoff_per_kg(Collar(floor=low, cap=high), price)
    assert got == min(max(price, low), high)


@given(st.integers(-(10**9), 10**9), st.lists(st.tuples(kinds, strikes, masses.filter(bool)), max_size=5))
def test_options_never_keep_more_than_is_open_nor_more_than_they_are(open_mg, positions):
    hedges = [
        Hedge(
            instrument=kind, venue=None, metal="Pt", month="2026-06", mass_mg=mass_mg, price_per_kg=None, currency="USD",
            option=option_of(kind, bounds), premium_per_kg=Fraction(1),
        )
        for kind, bounds, mass_mg in positions
    ]  # fmt: skip
    frame = covering({("Pt", "2026-06"): open_mg}, hedges)
    kept = [round(each * 1e6) for each in frame["covers_kg"]]
    assert sum(kept) <= abs(open_mg)
    assert all(mg <= abs(round(kg * 1e6)) for mg, kg in zip(kept, frame["kg"], strict=True))
    able = sum(
        abs(each.mass_mg) for each in hedges
        if (open_mg < 0 and each.instrument != "put" and each.mass_mg > 0)
        or (open_mg > 0 and each.instrument != "call" and (each.mass_mg > 0) == (each.instrument == "put"))
    )  # fmt: skip
    assert sum(kept) == min(abs(open_mg), able)
    again = covering({("Pt", "2026-06"): open_mg}, hedges[::-1])
    assert again["covers_kg"].sum() == pytest.approx(frame["covers_kg"].sum())


@given(kinds, strikes, masses, st.integers(0, 2 * 10**5))
def test_both_sides_of_an_option_together_win_and_lose_nothing(kind, bounds, mass_mg, price):
    sides = [
        Hedge(
            instrument=kind, venue=None, metal="Pt", month="2026-06", mass_mg=sign * mass_mg, price_per_kg=None,
            currency="USD", option=option_of(kind, bounds), premium_per_kg=Fraction(sign),
        )
        for sign in (1, -1)
    ]  # fmt: skip
    frame = payoffs(sides, at(price), rates=RATES, period=MONTH)
    assert frame["payoff_minor"].sum() == frame["premium_minor"].sum() == 0


@given(kg=st.integers(1, 39), month=st.integers(-3, 3))
def test_bought_and_sold_on_the_same_quotational_month_leave_nothing_open(kg, month, ordinary):
    """What is bought from one and sold on to another at the average of the same month is no exposure, however much it is."""
    text = SPONGE.replace('"40 kg"', f'"{kg} kg"').replace("month = 1", f"month = {month}")
    bought = type(ordinary)(text=text, facts=ordinary.facts)
    sold = type(ordinary)(
        text=text.replace('buyer = "catalyst-maker"', 'buyer = "stranger"').replace('"refiner"', '"catalyst-maker"'),
        facts=ordinary.facts,
    )
    frame = exposure([each.settle(each.agreement()) for each in (bought, sold)], own={"catalyst-maker"})
    assert frame["bought_unpriced_kg"].sum() == frame["sold_unpriced_kg"].sum() == kg
    assert set(frame["open_kg"]) == {0.0}


def test_every_instrument_that_can_be_held_has_a_name():
    for name in ("future", "forward", "swap", "call", "put", "collar", "option"):
        assert all(label(f"deal.instrument.{name}", language) for language in LANGUAGES)
