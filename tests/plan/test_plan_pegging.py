"""Which demand an order serves: no kilogram twice, none lost, and what it would cost to do without."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oreloop.plan import Plan, Session, solve
from oreloop.plan.pegging import pegging, sentence

MG = 1e-6
SOME = settings(max_examples=max(1, settings.default.max_examples // 2))
AMOUNT = st.integers(0, 40).map(lambda tenths: tenths / 7)


@st.composite
def networks(draw):
    """Two offers, one far away; scrap of the use that is refined with a loss; a lease."""
    return {
        "periods": 4,
        "demand": [draw(AMOUNT) for _ in range(4)],
        "offers": [
            {"offer": "near", "lead_days": 2.0, "max_kg": draw(AMOUNT)},
            {"offer": "far", "lead_days": float(draw(st.integers(0, 50))), "site": "pit"},
            {"offer": "bank", "kind": "lease", "max_kg": draw(AMOUNT), "lease_rate_per_year": 0.2, "term_days": 45.0},
        ],
        "prices": {"near": draw(st.integers(50, 150)), "far": draw(st.integers(50, 150))},
        "lanes": [
            {"lane": "sea", "from_site": "pit", "to_site": "fab", "lead_days": 20.0},
            {"lane": "out", "from_site": "fab", "to_site": "ref", "material": "scrap", "lead_days": 3.0},
            {"lane": "back", "from_site": "ref", "to_site": "fab", "material": "ir", "lead_days": 3.0},
        ],
        "stock": [{"quantity_kg": draw(AMOUNT) + 0.5}, {"material": "scrap", "quantity_kg": draw(AMOUNT) + 0.5}],
        "processes": [{"process": "toll", "cost": 9.0, "outturn_days": 15.0}],
        "recipes": [
            {"process": "toll", "material": "scrap", "direction": "in", "main": True},
            {"process": "toll", "material": "ir", "direction": "out", "direct_yield": 0.8,
             "final_recovery": 0.9, "return_days": 30.0},
        ],
        "uses": [{"scrap_share": 0.3, "scrap_material": "scrap", "scrap_days": 10.0}],
        "settings": {"funding_rate_per_year": 0.05},
    }  # fmt: skip


def by_order(frame):
    return dict(frame.group_by("order").agg(pl.col("quantity_kg").sum()).iter_rows())


def test_an_order_serves_the_period_in_which_its_metal_is_used(make):
    plan = solve(make(demand=[10.0, 0.0, 20.0], offers=[{"offer": "a", "max_kg": 12.0}], metal=1.0,
                      settings={"funding_rate_per_year": 0.1}))  # fmt: skip
    found = pegging(plan)
    assert found.select("order", "demand_period", "quantity_kg").rows() == [
        ("a/2026-01", "2026-01", 10.0),
        ("a/2026-02", "2026-03", 8.0),
        ("a/2026-03", "2026-03", 12.0),
    ]
    assert found["demand_site"].unique().to_list() == ["fab"]
    assert found["demand_material"].unique().to_list() == ["ir"]


def test_the_next_best_is_the_difference_to_the_dearer_offer(make):
    offers = [{"offer": "cheap"}, {"offer": "dear"}]
    network = make(periods=1, offers=offers, prices={"cheap": 100.0, "dear": 130.0})
    found = pegging(solve(network))
    assert found["offer"].to_list() == ["cheap"]
    assert found["next_best_per_kg"].to_list() == pytest.approx([30.0])


def test_an_order_that_costs_nothing_to_miss_has_a_next_best_of_nothing(make):
    network = make(periods=1, offers=[{"offer": "a"}, {"offer": "b"}], prices={"a": 100.0, "b": 100.0})
    assert set(pegging(solve(network))["next_best_per_kg"]) == {0.0}


def test_an_order_without_which_no_plan_holds_all_limits_has_no_next_best(make):
    limit = {"limit": "floor", "metric": "purchase", "sense": ">=", "value": 5.0}
    plan = solve(make(periods=1, offers=[{"offer": "a"}], limits=[limit]))
    [row] = pegging(plan, session=Session(plan.network)).iter_rows(named=True)
    assert row["next_best_per_kg"] is None
    assert sentence(row, "en").endswith("without it no plan holds all limits.")
    assert sentence(row, "zh").endswith("任何计划都无法满足全部限制。")


def test_a_process_takes_its_loss_from_the_order(make):
    plan = solve(
        make(
            periods=1,
            demand=[9.0],
            offers=[{"offer": "old", "material": "scrap", "site": "ref"}],
            prices={"old": 10.0},
            lanes=[{"lane": "back", "from_site": "ref", "to_site": "fab"}],
            processes=[{"process": "toll"}],
            recipes=[
                {"process": "toll", "material": "scrap", "direction": "in", "main": True},
                {"process": "toll", "material": "ir", "direction": "out", "direct_yield": 0.9},
            ],
        )
    )
    assert pegging(plan)["quantity_kg"].to_list() == pytest.approx([9.0])
    assert plan.orders["quantity_kg"].to_list() == pytest.approx([10.0])


def test_a_plan_without_orders_pegs_nothing(make):
    plan = solve(make(stock=[{"quantity_kg": 100.0}]))
    assert pegging(plan).is_empty()


@SOME
@given(case=networks())
def test_no_order_serves_more_than_its_kg_and_offers_serve_what_the_supply_says(make, case):
    plan = solve(make(**case))
    assert isinstance(plan, Plan)
    found = by_order(pegging(plan))
    ordered = dict(plan.orders.filter("planned").select("order", "quantity_kg").iter_rows())
    assert found.keys() <= ordered.keys()
    assert all(kg <= ordered[order] + 5 * MG for order, kg in found.items())
    supply = plan.supply.filter(pl.col("origin") == "offer").group_by("source").agg(pl.col("quantity_kg").sum())
    late = set(plan.orders.filter(~pl.col("planned"))["offer"])
    served = dict.fromkeys(supply["source"], 0.0)
    for order, kg in found.items():
        served[order.partition("/")[0]] += kg
    for offer, kg in supply.iter_rows():
        if offer not in late:
            assert served[offer] == pytest.approx(kg, abs=plan.supply.height * 2 * MG)


@given(
    demand=st.lists(AMOUNT, min_size=4, max_size=4), lead=st.integers(0, 40),
    ceilings=st.tuples(AMOUNT, AMOUNT), opening=AMOUNT,
)  # fmt: skip
def test_without_losses_an_order_serves_its_kg_less_what_is_left_of_it(make, demand, lead, ceilings, opening):
    """All metal of a place is one mixture; what is left of an order is its part of the closing stock."""
    offers = [{"offer": "a", "max_kg": ceilings[0]}, {"offer": "b", "max_kg": ceilings[1], "lead_days": float(lead)}]
    stock = [{"quantity_kg": opening + 0.5}]
    plan = solve(make(periods=4, demand=demand, offers=offers, stock=stock, prices={"a": 90.0, "b": 100.0}))
    found = by_order(pegging(plan))
    left = left_of_orders(plan)
    for order, kg in plan.orders.filter("planned").select("order", "quantity_kg").iter_rows():
        assert found.get(order, 0.0) == pytest.approx(kg - left[order], abs=20 * MG)


def left_of_orders(plan):
    """Follow one mixture by hand: each order's kg of the stock at the end of the last period."""
    orders = plan.orders.select("order", "arrive_period", "quantity_kg").rows()
    stock = dict(plan.stocks.group_by("period").agg(pl.col("quantity_kg").sum()).iter_rows())
    opening = plan.flows.filter(pl.col("kind") == "opening")["quantity_kg"].sum()
    held = {"": opening, **{order: 0.0 for order, _, _ in orders}}
    for period in plan.network.horizon.names:
        for order, arrives, kg in orders:
            held[order] += kg if arrives == period else 0.0
        whole = sum(held.values())
        held = {order: kg * stock[period] / whole if whole else 0.0 for order, kg in held.items()}
    return held


def test_a_pegged_order_is_said_in_words(make):
    row = pegging(solve(make(periods=1, offers=[{"offer": "a"}]))).row(0, named=True)
    assert sentence(row, "en", currency="CNY").startswith("Order a/2026-01 serves fab with 10 kg of ir in 2026-01")
    assert sentence(row, "zh", currency="CNY").startswith("订单 a/2026-01 供 fab 2026-01 使用 ir 10 千克")
