"""Limits: each metric binds what it names; what cannot hold together is explained."""

from __future__ import annotations

import polars as pl
import pytest

from oreloop.base.errors import BadInput
from oreloop.case import TABLES
from oreloop.case.checks.limits import UNITS_OF
from oreloop.plan import METRICS, Infeasible, Plan, solve
from oreloop.plan.limits import period_masks, read_scope

OFFERS = [
    {"offer": "za", "site": "pit", "origin_country": "ZAF"},
    {"offer": "ru", "origin_country": "RUS", "co2e_kg_per_kg": 5.0},
    {"offer": "old", "origin_country": "CHN", "recycled_share": 1.0},
]
PRICES = {"za": 90.0, "ru": 100.0, "old": 120.0}
LANES = [{"lane": "sea", "from_site": "pit", "to_site": "fab"}]


def plan_with(make, *limits, **more) -> Plan:
    plan = solve(make(offers=OFFERS, prices=PRICES, lanes=LANES, limits=list(limits), **more))
    assert isinstance(plan, Plan)
    return plan


def kg(plan: Plan) -> dict[str, float]:
    found = plan.orders.group_by("offer").agg(pl.col("quantity_kg").sum()).sort("offer")
    return {offer: round(amount, 4) for offer, amount in found.iter_rows()}


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ({"metric": "country_share", "scope": "country=ZAF", "value": 0.6, "unit": "share"}, {"ru": 12.0, "za": 18.0}),
        ({"metric": "party_share", "scope": "party=digger", "value": 0.5, "unit": "share"}, {"ru": 15.0, "za": 15.0}),
        ({"metric": "recycled_share", "sense": ">=", "value": 0.3, "unit": "share"}, {"old": 9.0, "za": 21.0}),
        ({"metric": "mining_quota", "scope": "country=ZAF", "value": 25.0}, {"ru": 5.0, "za": 25.0}),
        ({"metric": "export_quota", "scope": "country=ZAF", "value": 20.0}, {"ru": 10.0, "za": 20.0}),
        ({"metric": "purchase", "scope": "offer=ru", "sense": "=", "value": 7.0}, {"ru": 7.0, "za": 23.0}),
        (
            {"metric": "purchase", "scope": "offer=za", "period": "2026-01..2026-02", "value": 0.0},
            {"ru": 20.0, "za": 10.0},
        ),
        ({"metric": "cost", "value": 1800.0, "unit": "currency"}, {"za": 20.0}),
        ({"metric": "shortage", "sense": ">=", "value": 3.0}, {"za": 27.0}),
    ],
)
def test_a_hard_limit_is_kept(make, limit, expected):
    plan = plan_with(make, {"limit": "x", **limit}, settings={"funding_rate_per_year": 0.0001})
    assert kg(plan) == pytest.approx(expected, abs=1e-3)
    row = plan.limits.row(0, named=True)
    assert row["used"] == pytest.approx(row["value"])
    assert row["slack"] == pytest.approx(0.0, abs=1e-6)


def test_carbon_can_be_capped(make):
    offers = [{"offer": "ru", "co2e_kg_per_kg": 5.0}, {"offer": "old", "co2e_kg_per_kg": 1.0}]
    limit = {"limit": "x", "metric": "co2e", "value": 70.0, "unit": "kg_co2e"}
    plan = solve(make(offers=offers, prices=PRICES, limits=[limit]))
    assert kg(plan) == {"old": 20.0, "ru": 10.0}
    assert plan.limits["shadow_price"][0] == pytest.approx(-5.0)


def test_stock_and_output_are_limited_in_each_period(make):
    floor = {
        "limit": "s",
        "metric": "stock",
        "scope": "site=fab",
        "period": "2026-01..2026-02",
        "value": 3.0,
        "sense": ">=",
    }
    plan = plan_with(make, floor, settings={"funding_rate_per_year": 0.01})
    assert plan.stocks.filter(pl.col("site") == "fab")["quantity_kg"].to_list()[:2] == pytest.approx([3.0, 3.0])
    assert plan.limits["period"].to_list() == ["2026-01", "2026-02"]
    recipes = [
        {"process": "toll", "material": "scrap", "direction": "in", "main": True},
        {"process": "toll", "material": "ir", "direction": "out", "direct_yield": 0.9},
    ]
    roads = [
        *LANES,
        {"lane": "a", "from_site": "fab", "to_site": "ref"},
        {"lane": "b", "from_site": "ref", "to_site": "fab"},
    ]
    for metric, scope in (("output", "process=toll; material=ir"), ("smelting_quota", "country=CHN")):
        made = solve(
            make(
                offers=OFFERS, prices=PRICES, lanes=roads, stock=[{"material": "scrap", "quantity_kg": 20.0}],
                processes=[{"process": "toll"}], recipes=recipes,
                limits=[{"limit": "o", "metric": metric, "scope": scope, "value": 4.5}],
            )
        )  # fmt: skip
        assert made.tolls["out_kg"].sum() == pytest.approx(4.5)


def test_recycled_output_counts_as_recycled(make):
    recipes = [
        {"process": "toll", "material": "scrap", "direction": "in", "main": True},
        {"process": "toll", "material": "ir", "direction": "out", "direct_yield": 0.9},
    ]
    roads = [{"lane": "a", "from_site": "fab", "to_site": "ref"}, {"lane": "b", "from_site": "ref", "to_site": "fab"}]
    made = solve(
        make(
            offers=[{"offer": "za"}], lanes=roads, stock=[{"material": "scrap", "quantity_kg": 20.0}],
            processes=[{"process": "toll", "cost": 500.0}], recipes=recipes,
            limits=[{"limit": "r", "metric": "recycled_share", "sense": ">=", "value": 0.3, "unit": "share"}],
        )
    )  # fmt: skip
    assert made.tolls["out_kg"].sum() > 0


def test_commitments_count_in_the_share_of_their_country(make):
    agreed = [{"contract": "c", "offer": "za", "period": "2026-01", "quantity_kg": 10.0}]
    limit = {"limit": "x", "metric": "country_share", "scope": "country=ZAF", "value": 0.5, "unit": "share"}
    plan = plan_with(make, limit, commitments=agreed)
    assert kg(plan) == {"ru": 15.0, "za": 5.0}


def test_a_soft_limit_is_broken_at_its_penalty(make):
    soft = {"limit": "x", "metric": "purchase", "scope": "offer=za", "value": 25.0, "kind": "soft"}
    assert kg(plan_with(make, {**soft, "penalty_per_unit": 4.0})) == {"za": 30.0}
    held = plan_with(make, {**soft, "penalty_per_unit": 20.0})
    assert kg(held) == {"ru": 5.0, "za": 25.0}
    broken = plan_with(make, {**soft, "penalty_per_unit": 4.0})
    assert broken.costs.filter(pl.col("component") == "limit")["amount"].sum() == pytest.approx(20.0)
    assert broken.limits["slack"][0] == pytest.approx(-5.0)


def test_a_budget_is_a_hard_limit_on_cost(make):
    plan = plan_with(make, settings={"budget": 900.0})
    assert plan.summary["cost"] == pytest.approx(900.0)


def test_limits_that_cannot_hold_together_are_named_and_repaired(make):
    limits = [
        {"limit": "carbon", "metric": "co2e", "value": 1000.0},
        {"limit": "little", "metric": "purchase", "value": 10.0},
        {"limit": "full", "metric": "shortage", "value": 5.0},
        {"limit": "half", "metric": "country_share", "scope": "country=ZAF", "value": 0.5, "unit": "share"},
    ]
    told = solve(make(offers=OFFERS, prices=PRICES, lanes=LANES, limits=limits))
    assert isinstance(told, Infeasible)
    assert told.limits["limit"].to_list() == ["little", "full"]
    assert told.repair.height == 1
    assert told.repair["relax_by"][0] == pytest.approx(15.0)
    assert told.repair_cost < float("inf")
    without = solve(make(offers=OFFERS, prices=PRICES, lanes=LANES, limits=[limits[0], limits[1], limits[3]]))
    assert isinstance(without, Plan)


@pytest.mark.parametrize(
    ("limit", "code"),
    [
        ({"metric": "beauty", "value": 1.0}, "plan.unknown_metric"),
        ({"metric": "cost", "scope": "country=ZAF", "value": 1.0, "unit": "currency"}, "plan.scope_key"),
        ({"metric": "cost", "kind": "soft", "value": 1.0, "unit": "currency"}, "plan.no_penalty"),
    ],
)
def test_a_limit_that_makes_no_sense_is_refused(make, limit, code):
    with pytest.raises(BadInput) as refused:
        solve(make(offers=OFFERS, prices=PRICES, lanes=LANES, limits=[{"limit": "x", **limit}]))
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("limit", "codes"),
    [
        ({"metric": "recycled_share", "value": 0.4, "unit": "kg"}, {"case.limit_unit"}),
        ({"metric": "country_share", "value": 60.0, "unit": "share"}, {"case.share_above_one"}),
        ({"metric": "country_share", "value": -0.1, "unit": None}, {"case.negative"}),
        ({"metric": "recycled_share", "value": 40.0, "unit": "kg"}, {"case.limit_unit", "case.share_above_one"}),
        ({"metric": "cost", "value": 150.0, "unit": "kg"}, {"case.limit_unit"}),
        ({"metric": "stock", "value": 30.0, "unit": "currency"}, {"case.limit_unit"}),
        ({"metric": "co2e", "value": 30.0, "unit": "share"}, {"case.limit_unit", "case.share_above_one"}),
        ({"metric": "purchase", "value": 30.0, "unit": "ppm"}, {"case.limit_unit"}),
    ],
)
def test_a_frame_of_limits_is_held_to_the_units_of_its_metrics(make, limit, codes):
    with pytest.raises(BadInput) as refused:
        make(offers=OFFERS, prices=PRICES, lanes=LANES, limits=[{"limit": "x", **limit}])
    assert {each.code for each in refused.value.problems} == codes
    assert {(each.place.file, each.place.line) for each in refused.value.problems} == {("limits", 2)}


def test_a_unit_that_is_left_out_is_that_of_the_metric(make):
    limit = {"limit": "x", "metric": "country_share", "scope": "country=ZAF", "value": 0.5, "unit": None}
    assert kg(plan_with(make, limit)) == {"ru": 15.0, "za": 15.0}


def test_every_metric_has_its_units():
    choices = TABLES["limits"].column("metric").choices
    assert set(METRICS) == set(UNITS_OF) == set(choices)
    assert {unit for units in UNITS_OF.values() for unit in units} == set(TABLES["limits"].column("unit").choices)


def test_scopes_and_ranges_are_read(make):
    assert read_scope("country = ZAF; material=ir-5n;") == {"country": "ZAF", "material": "ir-5n"}
    horizon = make(offers=[], prices={}).horizon
    assert period_masks("2026-02", horizon, 3)[1].tolist() == [0.0, 1.0, 0.0]
    assert set(METRICS) >= {"cost", "co2e", "shortage", "country_share", "recycled_share", "export_quota"}


@pytest.mark.parametrize("period", ["2025-11", "2027-01..2027-03"])
def test_a_limit_of_a_time_that_is_not_planned_binds_nothing(make, period):
    asked = {"limit": "then", "metric": "purchase", "scope": "offer=ru", "sense": ">=", "value": 7.0, "period": period}
    assert kg(plan_with(make, asked)) == kg(plan_with(make))
