"""What is bought, sold and hedged, by metal and month; what is open, what covers it, and what that costs."""

from __future__ import annotations

import json
import math
from datetime import date
from fractions import Fraction
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.base.errors import BadInput
from oreloop.base.period import Period
from oreloop.base.texts import LANGUAGES, label
from oreloop.case.prices import Rates
from oreloop.deal import Market, cover, exposure, marked, read_hedges
from oreloop.deal.exposure import bought, lots
from oreloop.deal.hedging import FIGURES, Hedge, black_76, instruments
from oreloop.deal.hedging.costs import COSTS

CHARGES = Path(__file__).parent / "examples" / "charges"
TABLE = {
    "instrument": pl.String,
    "venue": pl.String,
    "metal": pl.String,
    "month": pl.String,
    "kg": pl.Float64,
    "price": pl.Float64,
    "currency": pl.String,
}
POSITIONS = [
    ("future", "NYMEX", "Pt", "2026-03", -15.0, 41000.0, "USD"),
    ("Option", None, "Pt", "2026-04", 2.0, None, None),
    ("swap", None, "Ir", "2026-W20", 1.0, 1.0, "USD"),
]
SHOWN = [f"{side}_{priced}_kg" for side in ("bought", "sold") for priced in ("priced", "unpriced")]
SHOWN += ["hedged_kg", "option_kg", "net_kg", "net_unpriced_kg"]
RATES = Rates({("USD", "CNY"): ((Period.parse("2026-01"), 7.0),)})
MONTH = Period.parse("2026-03")
AT = date(2026, 3, 1)


def table(*rows):
    return pl.DataFrame(rows, TABLE, orient="row")


@pytest.fixture
def pricing(sponge):
    """Platinum of which one lot is priced, and the other waits for its month."""
    return sponge.settle([*sponge.agreement(), *sponge.delivery("pt-lot-1"), *sponge.fixings()[:1]])


@pytest.fixture
def concentrate(ordinary):
    """A concentrate whose metals are quoted over the two months after delivery; some may be priced by call."""
    facts = {"fixings": {}, **json.loads((CHARGES / "concentrate-sale.json").read_text("utf-8"))}
    trade = type(ordinary)(text=(CHARGES / "concentrate-sale.toml").read_text("utf-8"), facts=facts)
    return trade.change("months = [1, 2]", 'months = [1, 2]\ncallable_share = "0.5"')


def shown(frame):
    return {
        (row["metal"], row["month"]): {
            name.removesuffix("_kg"): value for name, value in row.items() if name in SHOWN and value
        }
        for row in frame.iter_rows(named=True)
    }


def test_a_buyer_is_long_of_what_is_priced_and_still_has_to_price_the_rest(pricing):
    buyer = pricing.state.contract.buyer
    found = shown(exposure([pricing], own={buyer}))
    assert found[("Pt", "2026-03")] == pytest.approx({"bought_priced": 19.995793, "net": 19.995793})
    assert found[("Pt", "2026-04")] == pytest.approx({"bought_unpriced": 20.004207, "net_unpriced": 20.004207})


def test_a_fixed_price_is_priced_from_agreement_in_the_month_of_delivery(offtake):
    found = shown(exposure([offtake.settle(offtake.agreement())], own={offtake.contract.buyer}))
    assert found == {("Ir", "2026-05"): {"bought_priced": 12.0, "net": 12.0}}


def test_whoever_buys_the_purchases_of_a_statement_are_those_of_the_exposure(pricing):
    frame = bought([pricing])
    assert frame["priced_kg"].sum() == pytest.approx(19.995793)
    assert frame["unpriced_kg"].sum() == pytest.approx(20.004207)


def test_a_statement_shows_what_its_parties_have_bought_less_what_they_have_sold(pricing):
    contract = pricing.state.contract
    ours, theirs = (bought([pricing], own=(party,)) for party in (contract.buyer, contract.seller))
    assert ours.equals(bought([pricing]))
    for column in ("priced_kg", "unpriced_kg"):
        assert theirs[column].to_list() == [-each for each in ours[column].to_list()]
    assert bought([pricing], own=(contract.buyer, contract.seller)).is_empty()
    assert bought([pricing], own=("stranger",)).is_empty()


def test_a_toll_that_returns_metal_and_a_lease_move_it_at_no_price(toll, lease):
    for trade in (toll, lease):
        assert list(lots(trade.settle(trade.agreement()))) == []


def test_the_seller_has_the_same_exposure_with_the_other_sign(pricing):
    contract = pricing.state.contract
    ours, theirs = (exposure([pricing], own={party}) for party in (contract.buyer, contract.seller))
    for net in ("net_kg", "net_unpriced_kg"):
        assert ours[net].to_list() == [-each for each in theirs[net].to_list()]
    assert theirs["sold_priced_kg"].to_list() == ours["bought_priced_kg"].to_list()


def test_a_contract_within_the_firm_or_between_others_leaves_nothing_open(pricing, offtake):
    contract = pricing.state.contract
    assert exposure([pricing], own={contract.buyer, contract.seller}).height == 0
    assert exposure([pricing], own={"stranger"}).height == 0
    assert exposure([offtake.settle([])], own={offtake.contract.buyer}).height == 0


def test_purchase_and_sale_in_one_quotational_month_are_netted(pricing, sponge):
    """What is bought from one and sold on to another on the same month's average needs no cover."""
    onward = sponge.change('buyer = "catalyst-maker"', 'buyer = "stranger"').change(
        'seller = "refiner"', 'seller = "catalyst-maker"'
    )
    sold = onward.settle([*onward.agreement(), *onward.delivery("pt-lot-1"), *onward.fixings()[:1]])
    frame = exposure([pricing, sold], own={"catalyst-maker"})
    assert frame["bought_unpriced_kg"].to_list() == frame["sold_unpriced_kg"].to_list()
    assert set(frame["net_kg"]) == set(frame["net_unpriced_kg"]) == {0.0}


def test_hedges_are_netted_kilogram_for_kilogram_but_options_are_only_shown(pricing):
    found = shown(exposure([pricing], own={pricing.state.contract.buyer}, hedges=read_hedges(table(*POSITIONS))))
    assert found[("Pt", "2026-03")]["hedged"] == -15.0
    assert found[("Pt", "2026-03")]["net"] == pytest.approx(4.995793)
    assert found[("Pt", "2026-04")]["option"] == 2.0
    assert "net" not in found[("Pt", "2026-04")]
    assert found[("Ir", "2026-05")] == {"hedged": 1.0, "net": 1.0}


def test_metals_of_a_concentrate_are_quoted_in_equal_parts_over_their_months(concentrate):
    fixed = [
        concentrate.event(
            "price_fixed", "publisher", "2026-07-02", series="pt-afternoon", period="2026-04", value="987.10",
            unit="USD/ozt", source="publisher's table",
        )
    ]  # fmt: skip
    outcome = concentrate.settle([*concentrate.agreement(), *concentrate.delivery("conc-1"), *fixed])
    found = shown(exposure([outcome], own={"refiner"}))
    delivered = outcome.facts.final["conc-1"]
    content = {
        each.element: int(each.content(delivered).value) / 1e6 for each in outcome.state.contract.clauses.payables
    }
    assert found[("Cu", "2026-03")]["bought_priced"] == content["Cu"]
    for month in ("2026-04", "2026-05"):
        assert found[("Pd", month)]["bought_unpriced"] == pytest.approx(content["Pd"] / 2, abs=1e-6)
    assert found[("Pt", "2026-04")]["bought_priced"] > content["Pt"] / 2 - 1e-6
    assert found[("Pt", "2026-05")]["bought_unpriced"] > content["Pt"] / 2 - 1e-6
    platinum = sum(
        each.get("bought_priced", 0) + each.get("bought_unpriced", 0) for key, each in found.items() if key[0] == "Pt"
    )
    to_come = sum(each.mass_mg for each in outcome.obligations if each.code == "deal.deliver")
    assert platinum == pytest.approx(content["Pt"] + int(to_come * Fraction("0.85")) / 1e6)


def test_what_is_priced_by_call_counts_in_the_month_of_the_call_within_the_share_that_may_be_called(concentrate):
    calls = [
        concentrate.event(
            "price_called", "publisher", "2026-04-20", batch="conc-1", element="Pd", quantity_mg=mass_mg,
            series="pd-afternoon", value="1000", unit="USD/ozt", source="publisher's table",
        )
        for mass_mg in (1_000_000, 9_000_000)
    ]  # fmt: skip
    outcome = concentrate.settle([*concentrate.agreement(), *concentrate.delivery("conc-1"), *calls])
    found = shown(exposure([outcome], own={"refiner"}))
    delivered = outcome.facts.final["conc-1"]
    palladium = next(each for each in outcome.state.contract.clauses.payables if each.element == "Pd")
    content = int(palladium.content(delivered).value)
    assert found[("Pd", "2026-04")]["bought_priced"] == pytest.approx(content // 2 / 1e6)
    rest = found[("Pd", "2026-04")]["bought_unpriced"] + found[("Pd", "2026-05")]["bought_unpriced"]
    assert rest == pytest.approx((content - content // 2) / 1e6)


def test_a_sale_at_a_fixed_price_needs_no_quotation(concentrate):
    outcome = concentrate.settle(concentrate.agreement())
    assert ("Cu", "2026-03") not in shown(exposure([outcome], own={"refiner"}))
    assert {key[1] for key in shown(exposure([outcome], own={"refiner"}))} == {"2026-04", "2026-05"}


# ---------------------------------------------------------------- positions


def test_positions_are_read_with_their_sign_in_milligrams():
    first, option, swap = read_hedges(table(*POSITIONS))
    assert (first.mass_mg, first.price_per_kg, first.is_linear) == (-15_000_000, Fraction(41000), True)
    assert (option.instrument, option.price_per_kg, option.is_linear) == ("option", None, False)
    assert swap.month == "2026-05"


@pytest.mark.parametrize(("week", "month"), [("2026-W53", "2026-12"), ("2026-W14", "2026-04")])
def test_a_position_of_a_week_counts_with_the_month_of_its_thursday(week, month):
    (hedge,) = read_hedges(table(("swap", None, "Pt", week, 1.0, 900.0, "USD")))
    assert hedge.month == month


def test_what_is_no_hedge_is_refused_at_its_line():
    with pytest.raises(BadInput) as caught:
        read_hedges(table(*POSITIONS, ("straddle", None, "Pt", "2026-03", 1.0, None, None)))
    assert (caught.value.code, caught.value.problems[0].place.line) == ("deal.unknown_instrument", 5)


def market(price=42000.0, currency="USD"):
    rows = [("Pt", "2026-03", price, currency), ("Ir", "2026-05", 1.0, "USD")]
    return pl.DataFrame(rows, ["metal", "month", "price_per_kg", "currency"], orient="row")


def test_a_short_position_loses_what_the_market_has_risen():
    frame = marked(read_hedges(table(*POSITIONS)), market(), currency="CNY", rates=RATES, period=MONTH)
    assert frame["value_minor"].to_list() == [-15_000_00, None, 0]
    assert frame["converted_minor"].to_list() == [-105_000_00, None, 0]
    assert frame["to_currency"].to_list() == ["CNY"] * 3


def test_a_market_in_another_currency_is_converted_first_and_never_without_a_rate():
    hedge = read_hedges(table(POSITIONS[0]))
    frame = marked(hedge, market(42000.0 * 7, "CNY"), currency="USD", rates=RATES, period=MONTH)
    assert frame["converted_minor"][0] == pytest.approx(-15_000_00, abs=1)
    with pytest.raises(BadInput) as caught:
        marked(hedge, market(), currency="EUR", rates=RATES, period=MONTH)
    assert caught.value.code == "case.missing_rate"


def test_a_position_without_a_price_is_not_marked():
    unpriced = ("future", "GFEX", "Pt", "2026-03", 1.0, None, "CNY")
    unknown = ("future", "GFEX", "Pt", "2027-01", 1.0, 1.0, "CNY")
    with pytest.raises(BadInput) as caught:
        marked(read_hedges(table(unpriced, unknown)), market(), currency="CNY", rates=RATES, period=MONTH)
    assert [each.code for each in caught.value.problems] == ["deal.no_mark"] * 2


@given(st.integers(-(10**9), 10**9), st.integers(1, 10**6), st.integers(1, 10**6))
def test_buyer_and_seller_of_a_future_gain_and_lose_the_same(mass_mg, taken, now):
    sides = [
        Hedge(
            instrument="future", venue=None, metal="Pt", month="2026-03", mass_mg=sign * mass_mg,
            price_per_kg=Fraction(taken), currency="USD",
        )
        for sign in (1, -1)
    ]  # fmt: skip
    frame = marked(sides, market(float(now)), currency="USD", rates=RATES, period=MONTH)
    assert frame["value_minor"].sum() == 0


# ---------------------------------------------------------------- costs of cover

FIGURE = {
    "spot_per_kg": "41000",
    "day_count": "360",
    "forward_premium_per_year": "0.02",
    "funding_rate_per_year": "0.05",
    "lease_rate_per_year": "0.08",
    "account_fee_per_year": "0.01",
    "margin_share": "0.09",
    "fee_per_kg": "3",
    "concession_per_kg": "25",
    "volatility": "0.3",
    "floor_per_kg": "38000",
    "cap_per_kg": "45000",
}
ALL = Market(currency="USD", figures={name: Fraction(value) for name, value in FIGURE.items()})


def positions(metal="Pt", net=100.0, unpriced=0.0, month="2026-05"):
    return pl.DataFrame({"metal": [metal], "month": [month], "net_kg": [net], "net_unpriced_kg": [unpriced]})


def costs(frame):
    return {row["instrument"]: row["cost_per_kg"] for row in frame.iter_rows(named=True)}


def test_worked_example_of_the_cost_of_cover():
    """100 kg of platinum bought and priced, to be sold by the end of May: 91 days at 41,000 USD/kg."""
    frame = cover(positions(), {"Pt": ALL}, at=AT)
    years = 91 / 360
    found = costs(frame)
    assert found["forward"] == pytest.approx(-41000 * 0.02 * years + 3)
    assert found["future"] == pytest.approx(-41000 * 0.02 * years + 3 + 41000 * 0.09 * 0.05 * years)
    assert found["back_to_back"] == 25
    assert found["metal_account"] == pytest.approx(-41000 * 0.06 * years)
    assert found["lease"] == pytest.approx(41000 * 0.03 * years)
    forward = 41000 * (1 + 0.02 * years)
    put = black_76(forward, 38000, volatility=0.3, years=years, rate=0.05, kind="put")
    call = black_76(forward, 45000, volatility=0.3, years=years, rate=0.05, kind="call")
    assert found["option"] == pytest.approx(put)
    assert found["floor_cap"] == pytest.approx(put - call)
    assert frame.filter(pl.col("venue") == "NYMEX")["lots"].to_list() == [64]
    assert set(frame["side"]) == {"sell"}
    assert set(frame["currency"]) == {"USD"}


def test_every_cost_can_be_computed_again_from_its_formula():
    black = {
        f"black_76_{kind}": lambda f, k, v, y, r, kind=kind: black_76(
            float(f), float(k), volatility=float(v), years=float(y), rate=float(r), kind=kind
        )
        for kind in ("put", "call")
    }
    frame = cover(positions(unpriced=5.0), {"Pt": ALL}, at=AT)
    assert frame.height == 16
    for row in frame.iter_rows(named=True):
        inputs = {name: Fraction(value) for name, value in json.loads(row["inputs"]).items()}
        assert float(eval(row["basis"], black, inputs)) == pytest.approx(row["cost_per_kg"])


def test_who_must_buy_pays_what_who_must_sell_earns():
    sell, buy = (costs(cover(positions(net=net), {"Pt": ALL}, at=AT)) for net in (1.0, -1.0))
    for name in ("metal_account", "lease", "floor_cap"):
        assert buy[name] == pytest.approx(-sell[name])
    assert sell["forward"] + buy["forward"] == pytest.approx(2 * 3)


def test_metal_still_to_be_priced_is_covered_by_buying():
    frame = cover(positions(net=0.0, unpriced=10.0), {"Pt": ALL}, at=AT)
    assert (set(frame["position"]), set(frame["side"])) == ({"unpriced"}, {"buy"})
    other = cover(positions(net=0.0, unpriced=-10.0), {"Pt": ALL}, at=AT)
    assert set(other["side"]) == {"sell"}
    assert cover(positions(net=0.0), {"Pt": ALL}, at=AT).height == 0


def test_no_figure_is_assumed():
    known = {name: value for name, value in ALL.figures.items() if name not in ("lease_rate_per_year", "volatility")}
    frame = cover(positions(), {"Pt": Market(currency="USD", figures=known)}, at=AT)
    missing = {row["instrument"]: row["missing"] for row in frame.iter_rows(named=True) if row["missing"]}
    assert missing == {"lease": "lease_rate_per_year", "option": "volatility", "floor_cap": "volatility"}
    assert frame.filter(pl.col("missing").is_not_null())["cost_per_kg"].null_count() == 3
    nothing = cover(positions(), {}, at=AT)
    assert nothing["cost_per_kg"].null_count() == nothing.height == 8


@pytest.mark.parametrize("metal", ["Ir", "Ga", "In"])
def test_iridium_gallium_and_indium_have_no_exchange(metal):
    frame = cover(positions(metal), {metal: ALL}, at=AT)
    assert frame["instrument"].to_list() == ["back_to_back", "metal_account", "lease", "floor_cap"]
    assert set(frame["venue"]) == {"bilateral", "contract"}


def test_an_open_position_without_a_known_instrument_is_still_shown():
    (row,) = cover(positions("Re"), {"Re": ALL}, at=AT).iter_rows(named=True)
    assert (row["metal"], row["net_kg"], row["instrument"], row["cost_per_kg"]) == ("Re", 100.0, None, None)


@pytest.mark.parametrize("metal", ["Pt", "Ir", "Ga", "In"])
def test_every_instrument_has_a_cost_a_source_and_a_name(metal):
    for each in instruments(metal):
        assert each.name in COSTS
        assert each.source
        assert each.status in ("measured", "assumed")
        assert each.status == "assumed" or each.lot_kg
        assert all(label(f"deal.instrument.{each.name}", language) for language in LANGUAGES)


def test_figures_are_named_and_a_year_has_360_or_365_days():
    for figures, code in (
        ({"beta": Fraction(1)}, "deal.unknown_figure"),
        ({"day_count": Fraction(0)}, "deal.not_a_choice"),
    ):
        with pytest.raises(BadInput) as caught:
            Market(currency="USD", figures=figures)
        assert caught.value.code == code
    assert set(FIGURES) == set(FIGURE)


# ---------------------------------------------------------------- Black 1976

above = st.floats(1.0, 1e5)


@given(above, above, st.floats(0.0, 1.5), st.floats(0.0, 3.0), st.floats(-0.05, 0.2))
def test_call_less_put_is_the_discounted_distance_of_forward_and_strike(forward, strike, volatility, years, rate):
    put, call = (
        black_76(forward, strike, volatility=volatility, years=years, rate=rate, kind=kind) for kind in ("put", "call")
    )
    assert call - put == pytest.approx(math.exp(-rate * years) * (forward - strike), abs=1e-6 * (forward + strike))
    assert min(put, call) >= -1e-9 * (forward + strike)


@given(above, above, st.floats(0.0, 1.0), st.floats(0.01, 2.0))
def test_an_option_is_dearer_the_more_the_price_may_move(forward, strike, volatility, years):
    less, more = (
        black_76(forward, strike, volatility=each, years=years, rate=0.0, kind="put")
        for each in (volatility, volatility + 0.1)
    )
    assert more >= less - 1e-9 * (forward + strike)


def test_a_price_of_nothing_has_no_option():
    with pytest.raises(BadInput) as caught:
        black_76(0.0, 1.0, volatility=0.1, years=1.0, rate=0.0, kind="put")
    assert caught.value.code == "deal.out_of_range"
