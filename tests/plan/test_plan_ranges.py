"""A shadow price and its range: inside it the cost is what the price says, outside it is no better than that."""

from __future__ import annotations

from dataclasses import replace
from math import inf, isfinite

import highspy
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oreloop.base.errors import Unavailable
from oreloop.plan import HIGHS, Builder, Edit, Optimal, Session, solve
from oreloop.plan.ranges import sentence, sentence_fields, shadow_prices
from oreloop.plan.ranging import Side, price_ranges

FEW = settings(max_examples=max(1, settings.default.max_examples // 4))


def moved(model, side, by):
    """The optimum when a right-hand side is moved by so much more, solved from nothing; infinite where there is none."""
    if side.column is not None:
        upper = model.upper.copy()
        upper[side.column] += side.more * by
        if upper[side.column] < model.lower[side.column]:
            return inf
        outcome = HIGHS.solve(replace(model, upper=upper))
    else:
        lower, upper = model.row_lower.copy(), model.row_upper.copy()
        lower[list(side.rows)] += side.more * by
        upper[list(side.rows)] += side.more * by
        outcome = HIGHS.solve(model.with_rows(lower, upper))
    return outcome.objective if isinstance(outcome, Optimal) else inf


def check(model, side, found):
    """Solve again at the ends of a range, inside it and beyond it."""
    base = HIGHS.solve(model).objective
    close = 1e-7 * max(1.0, abs(base))
    for way, price, length in ((1.0, -found.value, found.up), (-1.0, found.loss, found.down)):
        if not isfinite(price):
            assert length == 0
            assert moved(model, side, way * 1e-4) == inf
            continue
        for by in (0.25 * length, 0.999999 * length) if isfinite(length) else (1.0, 1000.0):
            assert moved(model, side, way * by) == pytest.approx(base + price * by, rel=1e-7, abs=close)
        if not isfinite(length):
            continue
        beyond = length + max(0.01, 0.1 * length)
        assert moved(model, side, way * beyond) >= base + price * beyond - close
    assert found.loss >= found.value - close


@st.composite
def programs(draw):
    """Small transport-like programs in round numbers, so that many are degenerate."""
    rows, columns = draw(st.integers(1, 4)), draw(st.integers(2, 6))
    some = st.integers(0, 4)
    matrix = np.array(draw(st.lists(some, min_size=rows * columns, max_size=rows * columns)), dtype=float)
    lp = Builder()
    x = lp.columns(
        "x", (columns,),
        upper=[draw(st.integers(1, 6)) for _ in range(columns)],
        cost=[draw(st.integers(-5, 9)) for _ in range(columns)],
    )  # fmt: skip
    short = lp.columns("short", (rows,), upper=100.0, cost=50.0)
    need = [draw(st.integers(0, 12)) for _ in range(rows)]
    most = [low + draw(st.sampled_from([0.0, 3.0, inf])) for low in need]
    r = lp.rows("r", (rows,), lower=need, upper=most)
    lp.add(r, np.arange(rows)[:, None], x, np.arange(columns)[None, :], matrix.reshape(rows, columns))
    lp.add(r, r.all, short, short.all, 1.0)
    return lp.build(offset=float(draw(some)))


@given(model=programs(), data=st.data())
def test_inside_a_range_the_optimum_is_what_the_price_says_and_outside_no_better(model, data):
    if not isinstance(HIGHS.solve(model), Optimal):
        with pytest.raises(Unavailable) as caught:
            price_ranges(model, [Side(rows=(0,))])
        assert caught.value.problems[0].code == "plan.solver_failed"
        return
    rows, columns = model.shape
    sides = [
        *(Side(rows=(row,), more=data.draw(st.sampled_from([1.0, -1.0]))) for row in range(rows)
          if model.row_upper[row] == inf or model.row_lower[row] == model.row_upper[row]),
        *(Side(column=column) for column in range(columns)),
    ]  # fmt: skip
    for side, found in zip(sides, price_ranges(model, sides), strict=True):
        check(model, side, found)


@FEW
@given(model=programs())
def test_a_range_ends_where_the_price_changes(model):
    """Beyond the end of a range one unit more is worth less, and one unit less costs more."""
    if not isinstance(HIGHS.solve(model), Optimal):
        return
    base = HIGHS.solve(model).objective
    sides = [Side(column=column) for column in range(model.shape[1])]
    for side, found in zip(sides, price_ranges(model, sides), strict=True):
        if found.value > 1e-6 and isfinite(found.up):
            assert moved(model, side, found.up + 0.1) > base - found.value * (found.up + 0.1) + 1e-6
        if found.loss > 1e-6 and isfinite(found.loss):
            assert moved(model, side, -found.down - 0.1) > base + found.loss * (found.down + 0.1) + 1e-6


def degenerate():
    """Two kilograms needed, two offered at 1, the rest at 3 and at 5: the price of the first offer has two sides."""
    lp = Builder()
    buy = lp.columns("buy", (3,), upper=[2.0, 9.0, 9.0], cost=[1.0, 3.0, 5.0])
    need = lp.rows("need", (1,), lower=2.0, upper=2.0)
    lp.add(need, 0, buy, buy.all, 1.0)
    return lp.build()


def test_where_a_plan_is_degenerate_one_more_is_worth_less_than_one_less_costs():
    model = degenerate()
    need, offer = price_ranges(model, [Side(rows=(0,), more=-1.0), Side(column=0)])
    assert (need.value, need.up, need.loss, need.down) == pytest.approx((1.0, 2.0, 3.0, 9.0))
    assert (offer.value, offer.loss, offer.down) == pytest.approx((0.0, 2.0, 2.0))
    assert not need.is_even
    assert not offer.is_even


def test_what_no_plan_can_do_without_has_no_price_for_less():
    lp = Builder()
    buy = lp.columns("buy", (1,), upper=2.0, cost=1.0)
    lp.add(lp.rows("need", (1,), lower=2.0), 0, buy, 0, 1.0)
    [found] = price_ranges(lp.build(), [Side(column=0)])
    assert (found.value, found.loss, found.down) == (pytest.approx(0.0), inf, 0.0)
    [need] = price_ranges(lp.build(), [Side(rows=(0,))])
    assert (need.value, need.up, need.loss) == pytest.approx((-inf, 0.0, -1.0))


def test_where_there_is_no_plan_there_is_no_price():
    lp = Builder()
    buy, need = lp.columns("buy", (1,), upper=2.0, cost=1.0), lp.rows("need", (1,), lower=3.0)
    lp.add(need, 0, buy, 0, 1.0)
    with pytest.raises(Unavailable) as caught:
        price_ranges(lp.build(), [Side(rows=(0,))])
    assert caught.value.problems[0].code == "plan.solver_failed"


def test_no_right_hand_side_no_solve():
    assert price_ranges(degenerate(), []) == []


@pytest.mark.oracle
@FEW
@given(model=programs())
def test_the_ranging_of_a_basis_lies_inside_the_range_of_the_price(model):
    """HiGHS tells how long its basis stays optimal; the price lasts at least as long."""
    highs = highspy.Highs()
    highs.setOptionValue("output_flag", False)
    rows, columns = model.shape
    highs.passModel(
        columns, rows, len(model.data), 1, 1, model.offset, model.cost, model.lower, model.upper, model.row_lower,
        model.row_upper, model.indptr, model.indices, model.data, np.zeros(columns, dtype=np.int32),
    )  # fmt: skip
    highs.run()
    if highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        return
    _, ranging = highs.getRanging()
    solution = highs.getSolution()
    for row in np.flatnonzero((model.row_upper == inf) | (model.row_lower == model.row_upper)):
        if abs(solution.row_value[row] - model.row_lower[row]) > 1e-9 or abs(solution.row_dual[row]) < 1e-9:
            continue
        [found] = price_ranges(model, [Side(rows=(int(row),))])
        for length, mine, price in (
            (ranging.row_bound_up.value_[row] - model.row_lower[row], found.up, -found.value),
            (model.row_lower[row] - ranging.row_bound_dn.value_[row], found.down, -found.loss),
        ):
            if 1e-6 < length < 1e6:  # a basis that cannot move says nothing of the price
                assert mine >= length - 1e-6
                assert price == pytest.approx(solution.row_dual[row], rel=1e-5, abs=1e-6)


def refinery(make, **more):
    """Scrap is refined for 10 a kg, twelve kg a month; what is lacking is bought at 100."""
    return make(
        demand=[20.0, 20.0, 20.0],
        offers=[{"offer": "spot"}],
        stock=[{"material": "scrap", "site": "ref", "quantity_kg": 100.0}],
        processes=[{"process": "refine", "capacity_dry_kg": 24.0, "cost": 10.0, "toll": False}],
        recipes=[
            {"process": "refine", "material": "scrap", "direction": "in", "main": True},
            {"process": "refine", "material": "ir", "direction": "out", "direct_yield": 1.0},
        ],
        lanes=[{"lane": "back", "from_site": "ref", "to_site": "fab"}],
        **more,
    )


def test_one_more_kg_of_refining_capacity_saves_what_spot_metal_costs_more(make):
    plan = solve(refinery(make))
    row = shadow_prices(plan).filter((pl.col("code") == "process_capacity") & (pl.col("period") == "2026-01"))
    capacity = plan.flows.filter(pl.col("subject") == "refine").filter(pl.col("period") == "2026-01")["quantity_kg"][0]
    assert row["subject"].to_list() == ["refine"]
    assert row["value_per_kg"][0] == pytest.approx(100.0 - 10.0)
    assert row["lost_per_kg"][0] == pytest.approx(90.0)
    assert row["down_to_kg"][0] == pytest.approx(capacity)
    assert row["up_to_kg"][0] == pytest.approx(3 * 20.0 - 3 * capacity)


def test_prices_come_highest_worth_times_use_first_and_no_more_than_asked(make):
    plan = solve(refinery(make))
    every = shadow_prices(plan)
    assert shadow_prices(plan, most=2).equals(every.head(2))
    assert shadow_prices(plan, codes=["process_capacity"]).equals(every.filter(pl.col("code") == "process_capacity"))
    assert every["unit"].unique().to_list() == ["kg"]
    assert set(every["code"]) == {"metal", "process_capacity"}
    metal = every.filter(pl.col("code") == "metal")
    assert metal.select("site", "material", "period").is_duplicated().sum() == 0
    assert set(metal["period"]) <= set(plan.network.planned.names)


@pytest.mark.parametrize(
    ("sense", "value", "worth"),
    [("<=", 25.0, 200.0), (">=", 25.0, 50.0)],
)
def test_a_limit_is_priced_in_the_direction_that_eases_it(make, sense, value, worth):
    """At most 25 kg of the cheap: each more saves a shortage of 300; at least 25 of the dear: each less saves 50."""
    offers = [{"offer": "a"}] if sense == "<=" else [{"offer": "a"}, {"offer": "b"}]
    limit = {
        "limit": "x",
        "metric": "purchase",
        "scope": f"offer={offers[-1]['offer']}",
        "sense": sense,
        "value": value,
    }
    urgent = {"shortage_cost_per_kg": 300.0}
    plan = solve(make(offers=offers, prices={"a": 100.0, "b": 150.0}, limits=[limit], settings=urgent))
    row = shadow_prices(plan).filter(pl.col("code") == "limit")
    assert row["subject"].to_list() == ["x"]
    assert row["period"].to_list() == [None]
    edit = Edit(table="limits", where={"limit": "x"}, column="value", value=value + (1.0 if sense == "<=" else -1.0))
    saved = plan.objective - Session(plan.network).cost([edit])
    assert saved >= worth - 1e-6
    assert row["value_per_kg"][0] == pytest.approx(saved)
    assert row["down_to_kg"][0] > 0


def test_a_share_is_priced_in_kg_and_a_budget_in_money(make):
    offers = [{"offer": "a", "origin_country": "ZAF"}, {"offer": "b", "origin_country": "CHN"}]
    share = {"limit": "s", "metric": "country_share", "scope": "country=ZAF", "value": 0.5, "unit": "share"}
    plan = solve(make(offers=offers, prices={"a": 100.0, "b": 150.0}, limits=[share]))
    row = shadow_prices(plan).filter(pl.col("code") == "limit").row(0, named=True)
    assert (row["unit"], row["value_per_kg"]) == ("kg", pytest.approx(50.0))
    budget = {"limit": "purse", "metric": "cost", "value": 2000.0, "unit": "currency"}
    plan = solve(make(offers=offers[:1], limits=[budget]))
    row = shadow_prices(plan).filter(pl.col("code") == "limit").row(0, named=True)
    assert row["unit"] == "CNY"
    assert row["value_per_kg"] > 1.0
    assert "CNY less" in sentence(row, "en")


def test_a_plan_with_nothing_scarce_has_only_the_price_of_metal(make):
    plan = solve(make(offers=[{"offer": "a"}]))
    found = shadow_prices(plan)
    assert set(found["code"]) == {"metal"}
    assert found["value_per_kg"].to_list() == pytest.approx([100.0] * 3)


def test_with_least_orders_the_price_of_a_ceiling_is_that_of_the_orders_chosen(make):
    """Ten kg of the cheap at most, four at least; each more saves the difference of the prices."""
    offers = [{"offer": "cheap", "min_kg": 4.0, "max_kg": 10.0, "fixed_charge": 5.0}, {"offer": "dear"}]
    plan = solve(make(periods=1, demand=[15.0], offers=offers, prices={"cheap": 100.0, "dear": 130.0}))
    assert plan.model.has_integers
    row = shadow_prices(plan, codes=["offer_capacity"]).row(0, named=True)
    assert (row["subject"], row["period"]) == ("cheap", "2026-01")
    assert row["value_per_kg"] == pytest.approx(30.0)
    assert row["up_to_kg"] == pytest.approx(5.0)
    assert row["down_to_kg"] == pytest.approx(6.0), "below four kg the order is too small"


ROW = {
    "code": "process_capacity", "subject": "refine", "site": "ref", "material": "ir", "source": None,
    "period": "2026-05", "value_per_kg": 4100.0, "up_to_kg": 37.0, "down_to_kg": 12.0, "lost_per_kg": 4100.0,
    "unit": "kg",
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "en", "zh"),
    [
        ({}, "it holds for up to 37 kg more and 12 kg less.", "增加不超过 37 千克、减少不超过 12 千克时此价不变。"),
        ({"down_to_kg": 0.0, "lost_per_kg": 5000.0}, "One kg less costs 5,000 CNY.", "减少 1 千克则多花 5,000 CNY。"),
        ({"down_to_kg": 0.0, "lost_per_kg": None}, "No plan can do with less.", "再少则没有可行的计划。"),
    ],
)
def test_a_price_is_said_in_words(change, en, zh):
    row = {**ROW, **change}
    assert sentence(row, "en", currency="CNY").startswith("One more kg through refine in 2026-05 is worth 4,100 CNY")
    assert sentence(row, "en", currency="CNY").endswith(en)
    assert sentence(row, "zh", currency="CNY").endswith(zh)


def test_fields_of_a_row_are_text():
    assert all(isinstance(value, str) for value in sentence_fields(ROW).values())
    assert sentence_fields({**ROW, "up_to_kg": None})["up"] == "∞"


def test_every_priced_row_of_a_plan_can_be_said(make):
    limit = {"limit": "x", "metric": "purchase", "scope": "offer=a", "value": 5.0}
    plan = solve(refinery(make, limits=[{**limit, "scope": "offer=spot"}]))
    found = shadow_prices(plan)
    for row in found.iter_rows(named=True):
        assert "{" not in sentence(row, "en") + sentence(row, "zh")
    assert "limit" in found["code"].to_list()
