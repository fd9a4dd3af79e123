"""Demand that is met late: what waiting costs, what is given up, and what that changes for nobody who does not ask."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from by_hand import bought, planned
from hypothesis import given, settings
from hypothesis import strategies as st

from oreloop.base.errors import BadInput
from oreloop.plan import Edit, Plan, Rolled, Session, near_optimal, pareto, roll, solve, verify_certificate
from oreloop.plan.formulate import formulate

FEW = settings(max_examples=max(1, settings.default.max_examples // 4))
SLOW = [{"offer": "slow", "lead_days": 31.0}]
FIRST = {"offers": SLOW, "demand": [10.0, 0.0, 0.0]}


def late(cost, **others):
    """Settings: waiting costs so much, and what comes after the last period is as that period."""
    return {"late_cost_per_kg_day": cost, "keep_cover": False, "season": 1, **others}


def told(plan: Plan, column: str) -> list[float]:
    return plan.shortages.filter("planned")[column].to_list()


def money(plan: Plan) -> dict[str, float]:
    return dict(plan.costs.group_by("component").agg(pl.col("amount").sum()).iter_rows())


def test_metal_that_comes_a_month_late_meets_its_demand_then(make):
    """Ten kg due in January at 100 each, and 31 days of waiting at 1 per kg and day."""
    plan = planned(make(**FIRST, settings=late(1.0)))
    assert bought(plan, "slow") == {"2026-01": 10.0}
    assert plan.objective == pytest.approx(10.0 * (100.0 + 31.0))
    assert (told(plan, "served_kg"), told(plan, "late_kg"), told(plan, "short_kg")) == (
        [0, 10, 0],
        [10, 0, 0],
        [0, 0, 0],
    )
    assert money(plan) == pytest.approx({"purchase": 1000.0, "late": 310.0})
    assert (plan.summary["cost"], plan.summary["penalty"]) == pytest.approx((1000.0, 310.0))
    assert plan.summary["late_kg_days"] == pytest.approx(310.0)
    assert plan.summary["fill_rate"] == 1.0
    assert verify_certificate(plan.certificate(), plan.model).accepted


def test_where_waiting_is_too_dear_the_demand_is_short(make):
    plan = planned(make(**FIRST, settings=late(50.0)))
    assert plan.orders.is_empty()
    assert (told(plan, "late_kg"), told(plan, "short_kg")) == ([0, 0, 0], [10, 0, 0])
    assert plan.summary["fill_rate"] == 0.0


@pytest.mark.parametrize(("cost", "served"), [(2.0, True), (10.0, True), (11.0, False)])
def test_the_turn_lies_where_waiting_and_buying_cost_a_shortage(make, cost, served):
    """A kilogram short in January costs 300 and, since most time is left to mend it, nearly half as much again."""
    network = make(**FIRST, settings=late(cost))
    short = formulate(network).model.of_columns("short", formulate(network).model.cost)[0]
    assert short == pytest.approx(300.0 * (1 + 0.5 * (len(network.calendar) - 1) / len(network.calendar)))
    assert (100.0 + 31.0 * cost < short) == served
    assert bool(planned(network).orders.height) == served


def test_what_waits_longer_costs_the_days_of_each_period_it_is_carried_through(make):
    plan = planned(make(offers=[{"offer": "slow", "lead_days": 60.0}], demand=[4.0, 3.0, 0.0], settings=late(0.5)))
    assert told(plan, "late_kg") == pytest.approx([4.0, 7.0, 0.0])
    assert money(plan)["late"] == pytest.approx(0.5 * (4.0 * 31 + 7.0 * 28))


def test_nothing_is_carried_beyond_the_last_planned_day(make):
    """Metal that comes only then serves the demand of then; what is late on the last planned day is short in that period."""
    plan = planned(make(offers=SLOW, demand=[0.0, 0.0, 5.0], settings=late(0.01, frozen_days=59.0)))
    assert told(plan, "short_kg") == [0.0, 0.0, 5.0]
    assert plan.shortages.filter(~pl.col("planned"))["late_kg"].sum() == 0.0
    waited = planned(make(offers=[{"offer": "far", "lead_days": 200.0}], demand=[5.0, 0.0, 0.0], settings=late(0.001)))
    # Waiting is so cheap that giving up is put off to the last period, where a shortage costs least.
    assert (told(waited, "late_kg"), told(waited, "short_kg")) == ([5.0, 5.0, 0.0], [0.0, 0.0, 5.0])
    model = formulate(waited.network).model
    last = model.of_columns("short", model.cost)[2]
    assert money(waited)["shortage"] == pytest.approx(5.0 * last)


def test_scarce_metal_serves_what_is_dearest_to_leave_waiting(make):
    """Two users, one delivery a month: all of it is late by what is lacking, and none is short."""
    sites = [{"site": "fab"}, {"site": "lab"}]
    plan = planned(
        make(
            sites=sites, demand={("fab", "ir"): [6.0, 0.0, 0.0], ("lab", "ir"): [4.0, 0.0, 0.0]},
            offers=[{"offer": "drip", "max_kg": 5.0}], settings=late(0.1),
            lanes=[{"lane": "road", "from_site": "fab", "to_site": "lab"}],
        )
    )  # fmt: skip
    by_period = plan.shortages.filter("planned").group_by("period").agg(pl.col("late_kg").sum()).sort("period")
    assert by_period["late_kg"].to_list() == pytest.approx([5.0, 0.0, 0.0])
    assert plan.summary["short_kg"] == 0.0


def test_without_the_setting_nothing_is_said_of_late_demand(make):
    plan = planned(make(**FIRST))
    assert "late_kg" not in plan.shortages.columns
    assert "late_kg_days" not in plan.summary
    assert "late" not in plan.model.column_blocks


def test_a_limit_on_shortage_may_be_met_late(make):
    none = {"limit": "all", "metric": "shortage", "value": 0.0}
    plan = planned(make(**FIRST, limits=[none], settings=late(50.0)))
    assert told(plan, "late_kg") == [10.0, 0.0, 0.0]


@pytest.mark.parametrize("cost", [-1.0, float("nan"), "1"])
def test_a_cost_that_is_none_is_refused(make, cost):
    with pytest.raises(BadInput) as refused:
        make(**FIRST, settings=late(cost))
    assert refused.value.problems[0].code == "plan.setting"
    assert refused.value.problems[0].fields["name"] == "late_cost_per_kg_day"


def test_what_stands_beside_a_plan_knows_late_demand(make):
    """What-if, alternatives, frontier and rolling plan the same programme."""
    offers = [{"offer": "slow", "lead_days": 31.0}, {"offer": "near", "max_kg": 3.0}]
    network = make(offers=offers, demand=[10.0, 2.0, 2.0], settings=late(1.0), prices={"slow": 100.0, "near": 220.0})
    session = Session(network)
    plan = session.plan()
    more = Edit(table="demand", column="quantity_kg", value=1.5, how="scale")
    assert session.whatif([more]).objective == pytest.approx(solve(network.edited([more])).objective)
    frontier = pareto(network, objectives=("cost", "shortage"), points=3)
    assert frontier.points.height >= 1
    assert near_optimal(session, plan, within=0.05, by="offer").alternatives.height == 2
    seen = network.tables["demand"].with_columns(pl.col("quantity_kg") * 1.1)
    rolled = roll(network, observed=seen.filter(pl.col("period") != "2026-03"), steps=2)
    assert isinstance(rolled, Rolled)
    assert told(rolled.plan, "late_kg")[0] > 0


KG = st.integers(0, 60).map(lambda tenths: tenths / 10)


@st.composite
def waiting(draw):
    """Two offers, a lease of stock, demand of a main and a lower grade, as keyword arguments."""
    return {
        "periods": 4,
        "demand": {("fab", "ir"): draw(st.lists(KG, min_size=4, max_size=4)), ("fab", "ir3"): draw(KG)},
        "materials": [{"material": "ir", "serves": "ir3:0.9"}, {"material": "ir3"}],
        "stock": [{"quantity_kg": draw(KG)}],
        "offers": [
            {"offer": "near", "max_kg": draw(KG)},
            {"offer": "far", "lead_days": float(draw(st.integers(20, 70))), "max_kg": draw(KG) * 2},
        ],
        "prices": {"near": float(draw(st.integers(80, 120))), "far": float(draw(st.integers(60, 120)))},
    }


@FEW
@given(waiting(), st.integers(0, 40).map(lambda each: each / 4))
def test_leave_to_be_late_never_costs_more_and_is_worth_nothing_at_an_endless_price(make, case, cost):
    strict = solve(make(**case, settings={"keep_cover": False, "season": 1})).objective
    near = 1e-6 * max(1.0, strict)
    loose = solve(make(**case, settings=late(cost))).objective
    assert loose <= strict + near
    assert solve(make(**case, settings=late(2 * cost))).objective >= loose - near
    assert solve(make(**case, settings=late(1e5))).objective == pytest.approx(strict, rel=1e-7, abs=1e-6)


@FEW
@given(waiting())
def test_what_is_due_is_served_late_or_short_and_nothing_twice(make, case):
    """By demand and period: late before + demand = served + short + late after, up to a rounding; metal is conserved."""
    plan = planned(make(**case, settings=late(0.5)))
    for _, rows in plan.shortages.sort("period").group_by("site", "material", maintain_order=True):
        demand, served, short, after = (
            rows[name].to_numpy() for name in ("demand_kg", "served_kg", "short_kg", "late_kg")
        )
        before = np.concatenate([[0.0], after[:-1]])
        assert before + demand == pytest.approx(served + short + after, abs=5e-5)
        assert not after[~rows["planned"].to_numpy()].any()
        assert after[plan.network.calendar.planned - 1] == 0.0
    assert (plan.flows_mg.stock_mg >= 0).all()
    assert verify_certificate(plan.certificate(), plan.model).accepted
    last = plan.network.horizon.names[-1]
    into = plan.flows.filter(pl.col("from_site").is_null() & pl.col("arrives").is_not_null())["quantity_mg"].sum()
    out_of = plan.flows.filter(pl.col("to_site").is_null())["quantity_mg"].sum()
    assert into == out_of + plan.stocks.filter(pl.col("period") == last)["quantity_mg"].sum()
