"""Days and weeks before months: what is stated per month keeps its total, and the plan knows what comes when."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oreloop.base.errors import BadInput
from oreloop.base.period import Horizon, Period
from oreloop.plan import Edit, Infeasible, Network, roll, solve
from oreloop.plan.decide import cover, planned_arrivals
from oreloop.plan.formulate import formulate
from oreloop.plan.ranges import shadow_prices
from oreloop.plan.tables.buckets import by_bucket, counted, held, named, owners, places, shares, spread, units, usual

MARCH = Horizon.of(Period.parse("2026-03"), 3)
"""1 March 2026 is a Sunday."""


def finer(network: Network, horizon: Horizon | None = None, **refined: int) -> Network:
    """The same tables, with days and weeks first."""
    tables = dict(network.tables)
    paths = {name: tables.pop(name) for name in ("demand", "offer_prices", "metal_prices")}
    return Network.from_frames(
        tables, horizon=horizon or network.planned.refined(**refined), settings=network.settings, **paths
    )


def bought(plan, period: str) -> float:
    return float(plan.orders.filter(pl.col("order_period") == period)["quantity_kg"].sum())


# One rule for each kind.


def test_a_quantity_is_spread_evenly_over_its_days():
    horizon = MARCH.refined(weeks=5)
    kg, said = spread([(0, "2026-03", 31.0), (0, "2026-W14", 7.0), (1, "2026-03-02", 3.0)], horizon, 2)
    assert kg[0].round(9).tolist() == [1, 7, 7, 7, 7, 2 + 7, 0, 0]
    assert kg[1].tolist() == [0, 3, 0, 0, 0, 0, 0, 0]
    assert said[0].round(9).tolist() == [1, 1, 1, 1, 1, 1, 0, 0]


def test_what_lies_outside_the_horizon_is_left_out():
    assert places(["2025-01", "2026-W09", "2027-01"], MARCH) == {
        "2025-01": (), "2026-W09": ((0, 1 / 7, 1 / 31),), "2027-01": (),
    }  # fmt: skip


@given(
    st.dates(date(2020, 1, 1), date(2030, 1, 1)).map(Period.month), st.integers(1, 6), st.integers(0, 30),
    st.integers(0, 9), st.lists(st.floats(0, 1e6), min_size=6, max_size=6),
)  # fmt: skip
def test_nothing_is_lost_or_gained_by_spreading(start, months, days, weeks, amounts):
    stated = Horizon.of(start, months)
    horizon = stated.refined(days=days, weeks=weeks)
    rows = [(0, name, kg) for name, kg in zip(stated.names, amounts, strict=False)]
    kg, said = spread(rows, horizon, 1)
    assert kg.sum() == pytest.approx(sum(amounts[:months]), rel=1e-12, abs=0.5e-6)
    assert said.min() == pytest.approx(1.0)
    assert units(horizon).sum() == pytest.approx(months)
    assert shares(stated, horizon).sum(axis=1) == pytest.approx(np.ones(months))
    assert (np.array(amounts[:months]) @ shares(stated, horizon)) == pytest.approx(kg[0])
    assert set(owners(horizon)) <= set(stated.names)
    inside = sum(counted(horizon, each.first, each.last) for each in stated.periods)
    assert inside.tolist() == [1.0] * len(horizon)


def test_a_week_in_two_months_counts_with_the_month_of_its_thursday():
    horizon = MARCH.refined(weeks=9)
    assert owners(horizon)[4:7] == ("2026-03", "2026-04", "2026-04")  # W14 is 30 March to 5 April
    assert named(horizon, "2026-03") == ("2026-03-01", "2026-W10", "2026-W11", "2026-W12", "2026-W13")
    assert named(horizon, "2026-W10..2026-W11") == ("2026-W10", "2026-W11")
    assert named(horizon, "2026-05") == ("2026-05-04--31",)  # W18 ends on 3 May, its Thursday is 30 April


def test_a_price_holds_from_its_first_day_whatever_its_period_is_called():
    horizon = MARCH.refined(weeks=3)
    path = held([("2026-04", 40.0), ("2026-W11", 11.0), ("2026-03-16", 16.0), ("2026-03", 3.0)], horizon)
    assert path.tolist() == [3, 3, 11, 16, 16, 40, 40]
    assert held([("2026-05", 5.0)], horizon).tolist() == [5.0] * 7


def test_what_is_usual_is_the_mean_of_the_last_stated_periods():
    quantity = np.array([[1.0, 7, 7, 7, 7, 2, 60, 90]])
    horizon = MARCH.refined(weeks=4)
    assert usual(quantity, horizon, 3) == pytest.approx((31 + 60 + 90) / 3)
    assert usual(quantity, horizon, 2) == pytest.approx(75)
    assert usual(quantity, horizon, 12) == pytest.approx((31 + 60 + 90) / 3)


# The network.


def rich(make, **more):
    return make(
        periods=5,
        demand=[31.0, 28.0, 31.0, 30.0, 31.0],
        offers=[
            {"offer": "a", "lead_days": 10, "max_kg": 40.0},
            {"offer": "b", "lead_days": 2, "min_kg": 4.0, "max_kg": 9.0, "fixed_charge": 20.0},
            {"offer": "c", "site": "pit", "material": "scrap", "max_kg": 30.0, "take_or_pay_share": 0.5},
        ],
        prices={"a": 100.0, "b": 180.0, "c": 60.0},
        lanes=[
            {"lane": "road", "from_site": "pit", "to_site": "ref", "lead_days": 3, "capacity_gross_kg": 60.0},
            {"lane": "back", "from_site": "ref", "to_site": "fab", "lead_days": 1},
        ],
        processes=[{"process": "melt", "capacity_dry_kg": 40.0, "batch_kg": 12.0, "outturn_days": 9.0}],
        recipes=[
            {"process": "melt", "material": "scrap", "direction": "in", "main": True, "kg_per_kg": 1.0},
            {"process": "melt", "material": "ir", "direction": "out", "direct_yield": 0.9},
        ],
        stock=[{"quantity_kg": 12.0}],
        stock_rules=[{"safety_kg": 5.0, "max_kg": 60.0}],
        limits=[{"limit": "cup", "metric": "purchase", "scope": "offer=a", "period": "2026-02", "value": 25.0}],
        settings={"funding_rate_per_year": 0.05},
        **more,
    )


@settings(max_examples=8)
@given(st.integers(1, 12))
def test_a_uniform_horizon_through_the_finer_one_is_the_same_to_the_last_bit(make, periods):
    network = make(
        periods=periods, offers=[{"offer": "a", "lead_days": 40, "max_kg": 8.0}], stock=[{"quantity_kg": 3.0}]
    )
    same = finer(network, Horizon(tuple(map(Period.parse, network.planned.names)), "month"))
    assert formulate(same).model.digest == formulate(network).model.digest
    assert finer(network).horizon == network.horizon


def test_demand_and_ceilings_keep_their_totals(make):
    months = rich(make)
    mixed = finer(months, days=3, weeks=6)
    planned = mixed.calendar.planned
    assert mixed.demand_kg[:, :planned].sum() == pytest.approx(151.0)
    assert mixed.demand_kg[:, planned:] == pytest.approx(
        months.demand_kg[:, 5 : 5 + mixed.demand_kg.shape[1] - planned]
    )
    due = {name: network.take_or_pay.due_kg[0] for name, network in (("months", months), ("mixed", mixed))}
    assert due["mixed"] == pytest.approx(due["months"] + 15.0 * (mixed.calendar.units.sum() - len(months.calendar)))
    plan = solve(mixed)
    owner = dict(zip(mixed.horizon.names, owners(mixed.horizon), strict=True))
    for offer, most in (("a", 40.0), ("b", 9.0), ("c", 30.0)):
        orders = plan.orders.filter(pl.col("offer") == offer)
        by_month = orders.group_by(pl.col("order_period").replace_strict(owner)).agg(pl.col("quantity_kg").sum())
        assert max(by_month["quantity_kg"], default=0.0) <= most + 1e-6
    assert all(kg >= 4 - 1e-6 for kg in plan.orders.filter((pl.col("offer") == "b") & pl.col("planned"))["quantity_kg"])
    days = dict(zip(mixed.horizon.names, mixed.calendar.units, strict=True))
    part = pl.Series([days[name] for name, whose in owner.items() if whose == "2026-01"]).sum()
    ran = plan.tolls.filter(pl.col("run_period").replace_strict(owner) == "2026-01")["in_kg"]
    assert 0 < ran.sum() <= 20.0 * part + 1e-6  # 40 kg of dry scrap hold 20


def test_a_month_limit_is_one_row_over_its_days_and_weeks(make):
    mixed = finer(rich(make), days=3, weeks=6)
    [cup] = [each for each in formulate(mixed).limits if each.limit == "cup"]
    inside = named(mixed.horizon, "2026-02")
    assert len(inside) > 1
    plan = solve(mixed)
    ordered = plan.orders.filter((pl.col("offer") == "a") & pl.col("order_period").is_in(inside))["quantity_kg"].sum()
    assert ordered <= 25.0 + 1e-6
    assert plan.limits.filter(pl.col("limit") == "cup")["used"].to_list() == pytest.approx([ordered])
    assert cup.period == "2026-02"


def test_an_offer_gives_a_months_metal_on_any_of_its_days(make):
    network = make(periods=2, demand=[31.0, 0.0], offers=[{"offer": "a", "max_kg": 31.0, "min_kg": 31.0}])
    plan = solve(finer(network, days=31))
    assert plan.summary["short_kg"] == 0.0
    assert plan.orders["order_period"].to_list() == ["2026-01-01"]


def test_a_ceiling_of_a_month_is_felt_once(make):
    network = make(periods=2, demand=[31.0, 28.0], offers=[{"offer": "a", "max_kg": 20.0}, {"offer": "b"}],
                   prices={"a": 100.0, "b": 180.0})  # fmt: skip
    plan = solve(finer(network, weeks=3))
    told = shadow_prices(plan)
    felt = told.filter(pl.col("subject") == "a")
    assert felt.select("code", "period", "value_per_kg").rows() == [
        ("offer_capacity", "2026-02", pytest.approx(80.0)), ("offer_period", "2026-01", pytest.approx(80.0)),
    ]  # fmt: skip


def test_a_risk_of_a_month_hits_the_weeks_that_count_with_it(make):
    network = make(periods=2, demand=[31.0, 28.0], offers=[{"offer": "a"}])
    stop = {"event": "site_stop", "target": "a", "from_period": "2026-01", "to_period": "2026-01"}
    plan = solve(finer(network, weeks=4).edited([Edit(table="events", value=stop, how="add")]))
    assert plan.summary["short_kg"] == pytest.approx(31.0 + 1.0)  # W05 ends on 1 February


# The plan, by hand.


def test_months_hide_a_wait_of_ten_days_and_days_show_it(make):
    """31 kg in January, one a day, ordered on the first at the earliest, ten days on the way."""
    months = make(periods=2, demand=[31.0, 28.0], offers=[{"offer": "a", "lead_days": 10}])
    assert solve(months).summary["short_kg"] == 0.0
    days = solve(finer(months, days=31))
    short = days.shortages.filter(pl.col("short_kg") > 0)
    assert short["period"].to_list() == [f"2026-01-{day:02d}" for day in range(1, 11)]
    assert short["short_kg"].sum() == pytest.approx(10.0)
    assert days.summary["served_kg"] == pytest.approx(49.0)
    weeks = solve(finer(months, weeks=4))  # four days to Sunday, then W02, which holds the eleventh
    assert weeks.shortages.filter(pl.col("short_kg") > 0)["period"].to_list() == [
        f"2026-01-0{day}" for day in range(1, 5)
    ]


def test_tables_stand_in_the_order_of_time(make):
    plan = solve(finer(rich(make), days=3, weeks=6))
    place = {name: at for at, name in enumerate(plan.network.horizon.names)}
    for frame, column in ((plan.orders, "order_period"), (plan.tolls, "run_period"), (plan.flows, "period")):
        at = [place[name] for name in frame[column]]
        assert at == sorted(at)
    arriving = planned_arrivals(plan, "fab", "ir")
    assert arriving.sum() == pytest.approx(
        plan.shortages["served_kg"].sum()
        + plan.stocks.filter((pl.col("material") == "ir") & (pl.col("site") == "fab")
                             & (pl.col("period") == plan.network.horizon.names[-1]))["quantity_kg"].sum()
    )  # fmt: skip
    assert cover(plan)["days_free"][0] == pytest.approx(12.0)


@settings(max_examples=15)
@given(st.lists(st.integers(0, 40), min_size=3, max_size=3), st.integers(0, 45), st.integers(1, 60), st.integers(0, 20))
def test_days_before_months_never_cost_less(make, demand, lead, days, held_kg):
    """Whatever is planned by days can be planned by months: an order of a day is one of its month, and waits in stock."""
    months = make(demand=[float(kg) for kg in demand], offers=[{"offer": "a", "lead_days": lead, "max_kg": 25.0}],
                  stock=[{"quantity_kg": float(held_kg)}])  # fmt: skip
    coarse, fine = solve(months), solve(finer(months, days=days))
    assert fine.objective >= coarse.objective - 1e-6 * max(1.0, coarse.objective)


def test_a_plan_with_days_and_weeks_is_proved_like_any_other(make):
    from oreloop.plan import verify_certificate

    plan = solve(finer(rich(make), days=2, weeks=3))
    assert verify_certificate(plan.certificate(), plan.model).accepted


# Edits, rolling, bad input.


def test_an_edit_of_a_month_is_felt_in_its_weeks(make):
    mixed = finer(rich(make), weeks=4)
    more = mixed.edited(
        [Edit(table="demand", where={"period": "2026-01"}, column="quantity_kg", value=2.0, how="scale")]
    )
    before, after = mixed.demand_kg[0], more.demand_kg[0]
    assert after[:7] == pytest.approx(2 * before[:7])
    assert after[:8].sum() - before[:8].sum() == pytest.approx(31.0)
    week = mixed.edited(
        [
            Edit(
                table="demand",
                value={"site": "fab", "material": "ir", "period": "2026-W03", "quantity_kg": 3.0},
                how="add",
            )
        ]
    )
    assert (week.demand_kg - mixed.demand_kg)[0, mixed.horizon.names.index("2026-W03")] == pytest.approx(3.0)


def test_demand_stated_bucket_by_bucket_is_the_same_demand(make):
    network = make(periods=3, demand=[31.0, 28.0, 31.0], offers=[{"offer": "a", "lead_days": 70}])
    beyond = pl.DataFrame(
        [("fab", "ir", "2026-W14", 7.0), ("fab", "ir", "2026-05", 9.0)],
        schema=network.tables["demand"].schema,
        orient="row",
    )
    mixed = finer(network, weeks=6).edited([Edit(table="demand", value=row, how="add") for row in beyond.to_dicts()])
    restated = by_bucket(mixed)
    assert restated.demand_kg == pytest.approx(mixed.demand_kg)
    assert set(restated.tables["demand"]["period"]) >= set(mixed.planned.names)
    assert by_bucket(network) is network


def test_rolling_with_what_was_foreseen_costs_what_the_plan_costs(make):
    mixed = finer(make(periods=2, demand=[31.0, 28.0], offers=[{"offer": "a", "lead_days": 5}], stock=[{"quantity_kg": 9.0}]),
                  weeks=3)  # fmt: skip
    seen = by_bucket(mixed).tables["demand"].filter(pl.col("period").is_in(list(mixed.planned.names[:4])))
    rolled = roll(mixed, observed=seen, steps=4)
    assert rolled.cost == pytest.approx(solve(mixed).objective)
    assert rolled.regret == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("text", ["2026-W12", "2026-02-10", "2026-01..2026-W12"])
def test_a_limit_of_part_of_a_planned_month_is_refused(make, text):
    network = make(offers=[{"offer": "a"}], limits=[{"limit": "x", "metric": "purchase", "period": text, "value": 1.0}])
    with pytest.raises(BadInput) as refused:
        finer(network, weeks=2)
    assert refused.value.code == "case.period_kind"


def test_demand_of_weeks_in_a_plan_of_months_is_refused(make):
    network = make(offers=[{"offer": "a"}])
    with pytest.raises(BadInput) as refused:
        network.edited([Edit(table="demand", where={"period": "2026-01"}, column="period", value="2026-W02")])
    assert refused.value.code == "case.period_kind"


def test_limits_that_cannot_hold_name_the_month(make):
    network = make(offers=[{"offer": "a"}], limits=[
        {"limit": "least", "metric": "purchase", "period": "2026-01", "sense": ">=", "value": 9.0},
        {"limit": "most", "metric": "purchase", "period": "2026-01", "value": 5.0},
    ])  # fmt: skip
    found = solve(finer(network, weeks=3))
    assert isinstance(found, Infeasible)
    assert found.limits["period"].unique().to_list() == ["2026-01"]
