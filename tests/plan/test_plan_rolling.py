"""A rolling horizon: what is done once orders are placed before demand is seen."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oreloop.base.errors import BadInput
from oreloop.plan import Stopped, solve, verify_certificate
from oreloop.plan.rolling import Rolled, roll

FEW = settings(max_examples=max(2, settings.default.max_examples // 8))
NAMES = ("2026-01", "2026-02", "2026-03")
# Metal held costs a little, so that it is ordered when it is wanted.
ONE = {
    "offers": [{"offer": "a", "lead_days": 31.0}],
    "stock": [{"quantity_kg": 10.0}],
    "settings": {"keep_cover": False, "funding_rate_per_year": 0.01},
}


def seen(*kg, material="ir", names=NAMES):
    return pl.DataFrame(
        [
            {"site": "fab", "material": material, "period": name, "quantity_kg": float(each)}
            for name, each in zip(names, kg, strict=False)
        ]
    )


def rolled(network, observed, **how):
    found = roll(network, observed=observed, **how)
    assert isinstance(found, Rolled)
    return found


def test_with_foresight_rolling_costs_what_the_plan_made_once_costs(make):
    network = make(**ONE)
    found = rolled(network, seen(10, 10, 10), steps=3)
    assert found.cost == pytest.approx(solve(network).objective)
    assert found.regret == pytest.approx(0.0, abs=1e-6)
    assert found.cycles["nervousness"].to_list() == [None, 0.0, 0.0]
    assert found.cycles["warm"].to_list() == [False, True, True]


def test_an_order_placed_stays_though_less_is_wanted(make):
    found = rolled(make(**ONE), seen(10, 4, 10), steps=2)
    orders = dict(found.orders.select("period", "ordered_kg").iter_rows())
    # Ten kg for February were ordered in January; six of them are left for March.
    assert orders == pytest.approx({"2026-01": 10.0, "2026-02": 10.0})
    assert found.orders["foreseen_kg"].to_list() == pytest.approx([4.0, 10.0])
    stock = found.plan.stocks.filter(pl.col("period") == "2026-02")["quantity_kg"].sum()
    assert stock == pytest.approx(6.0)


def test_what_is_wanted_beyond_what_was_ordered_is_short(make):
    found = rolled(make(**ONE), seen(10, 15, 10), steps=3)
    short = dict(found.plan.shortages.select("period", "short_kg").iter_rows())
    assert short["2026-02"] == pytest.approx(5.0)
    # The lacking 5 kg cost more than 300 each, not 100: the earlier the more.
    assert found.regret > 5 * 200.0
    assert found.hindsight < found.cost


def test_two_periods_may_pass_between_plans(make):
    network = make(**ONE, periods=4)
    observed = seen(8, 9, 10, 11, names=(*NAMES, "2026-04"))
    found = rolled(network, observed, steps=2, step=2)
    assert found.cycles["first_period"].to_list() == ["2026-01", "2026-03"]
    assert set(found.orders["period"]) <= {*NAMES, "2026-04"}
    assert found.regret >= -1e-6


def test_the_end_of_a_roll_is_a_plan_with_its_proof(make):
    found = rolled(make(**ONE), seen(12, 7, 9), steps=3)
    assert verify_certificate(found.plan.certificate(), found.plan.model).accepted
    assert found.plan.objective == found.cost
    served = found.plan.shortages.filter("planned")
    assert served["demand_kg"].to_list() == [12.0, 7.0, 9.0]


def test_refining_and_mines_are_carried_along(make):
    network = make(
        processes=[{"process": "toll", "site": "fab", "cost": 5.0}, {"process": "dig", "site": "fab", "cost": 80.0}],
        recipes=[
            {"process": "toll", "material": "scrap", "direction": "in", "main": True},
            {"process": "toll", "material": "ir", "direction": "out", "direct_yield": 0.9},
            {"process": "dig", "material": "ir", "direction": "out", "main": True, "kg_per_kg": 1.0},
        ],
        stock=[{"material": "scrap", "quantity_kg": 20.0}],
        settings={"funding_rate_per_year": 0.01},
    )
    found = rolled(network, seen(14, 6, 12), steps=3)
    assert found.regret == pytest.approx(0.0, abs=1e-5)
    assert found.plan.tolls.height > 0


def test_demand_that_stops_changes_the_matrix_and_is_planned_from_nothing(make):
    network = make(**ONE, stock_rules=[{"safety_kg": 2.0}])
    found = rolled(network, seen(0, 0, 10), steps=3)
    assert found.regret >= -1e-6
    assert found.cycles["warm"].to_list()[0] is False


def test_more_stock_than_anybody_could_want_is_still_stock(make):
    network = make(offers=[{"offer": "a", "lead_days": 31.0}], stock=[{"quantity_kg": 1.0}], demand=[1.0, 90.0, 90.0])
    found = rolled(network, seen(1, 0, 0), steps=3)
    assert found.plan.stocks["quantity_kg"].max() >= 90.0 - 1e-6


@pytest.mark.parametrize(("steps", "step"), [(0, 1), (1, 0), (4, 1), (2, 2)])
def test_steps_stay_inside_the_planned_periods(make, steps, step):
    with pytest.raises(BadInput) as caught:
        roll(make(**ONE), observed=seen(10, 10, 10), steps=steps, step=step)
    assert caught.value.code == "plan.roll_steps"


@pytest.mark.parametrize(
    "observed",
    [seen(10, 10), seen(10, 10, 10, material="os"), seen(10, 10, 10, 5, names=(*NAMES, "2026-09"))],
)
def test_demand_seen_is_that_of_the_network(make, observed):
    with pytest.raises(BadInput) as caught:
        roll(make(**ONE), observed=observed, steps=3)
    assert caught.value.code == "plan.roll_observed"


def test_limits_that_leave_no_plan_are_an_answer(make):
    most = [{"limit": "most", "metric": "stock", "value": 8.0}]
    assert isinstance(roll(make(**ONE, limits=most), observed=seen(10, 0, 10), steps=2), Stopped)
    never = [{"limit": "much", "metric": "purchase", "value": 999.0, "sense": ">="}]
    capped = {**ONE, "offers": [{"offer": "a", "max_kg": 1.0}]}
    assert isinstance(roll(make(**capped, limits=never), observed=seen(10, 10, 10), steps=1), Stopped)


AMOUNT = st.integers(0, 40).map(lambda tenths: tenths / 3)


@st.composite
def networks(draw):
    return {
        "demand": [draw(AMOUNT) for _ in NAMES],
        "offers": [
            {"offer": "a", "lead_days": float(draw(st.integers(0, 50))), "max_kg": draw(AMOUNT)},
            {"offer": "b", "max_kg": draw(AMOUNT), "min_kg": draw(st.sampled_from([None, 2.0]))},
        ],
        "prices": {"a": draw(st.integers(50, 150)), "b": draw(st.integers(50, 150))},
        "stock": [{"quantity_kg": draw(AMOUNT)}],
        "uses": [{"scrap_share": 0.3, "scrap_material": "scrap"}],
        "processes": [{"process": "toll", "site": "fab", "cost": 20.0}],
        "recipes": [
            {"process": "toll", "material": "scrap", "direction": "in", "main": True},
            {"process": "toll", "material": "ir", "direction": "out", "direct_yield": 0.9},
        ],
        "settings": {"funding_rate_per_year": 0.05},
    }


@FEW
@given(case=networks())
def test_perfect_foresight_leaves_no_regret(make, case):
    network = make(**case)
    found = rolled(network, seen(*case["demand"]), steps=3)
    whole = solve(network).objective
    assert found.cost == pytest.approx(whole, rel=1e-6, abs=1e-5)
    assert found.hindsight == pytest.approx(whole, rel=1e-6, abs=1e-5)


@FEW
@given(case=networks(), kg=st.lists(AMOUNT, min_size=3, max_size=3), steps=st.integers(1, 3))
def test_no_roll_beats_hindsight(make, case, kg, steps):
    found = rolled(make(**case), seen(*kg), steps=steps)
    assert found.regret >= -1e-6 * max(1.0, abs(found.cost))
