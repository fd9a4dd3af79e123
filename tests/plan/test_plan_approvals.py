"""Only approved sources serve a user; licences open and close."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from oreloop.plan import Edit, Plan, solve
from oreloop.plan.network import SAFETY_SHARE
from oreloop.plan.tables.rules import licences

TWO = [{"offer": "cheap"}, {"offer": "dear"}]
PRICES = {"cheap": 90.0, "dear": 110.0}


def kg(network) -> dict[str, float]:
    plan = solve(network)
    assert isinstance(plan, Plan)
    return dict(plan.orders.group_by("offer").agg(pl.col("quantity_kg").sum()).iter_rows())


def test_without_a_list_every_source_is_assumed_approved(make):
    plan = solve(make(offers=TWO, prices=PRICES))
    assert set(plan.orders["approval"]) == {"assumed"}
    assert set(plan.orders["offer"]) == {"cheap"}


def test_a_source_that_is_not_listed_does_not_serve(make):
    assert kg(make(offers=TWO, prices=PRICES, approvals=[{"offer": "dear"}])) == {"dear": pytest.approx(30.0)}


def test_a_refused_source_never_serves(make):
    rows = [{"offer": "cheap", "approval": "refused"}, {"offer": "dear"}]
    assert kg(make(offers=TWO, prices=PRICES, approvals=rows)) == {"dear": pytest.approx(30.0)}


def test_a_trial_source_serves_its_share_of_each_period(make):
    rows = [{"offer": "cheap", "approval": "trial", "max_share": 0.2}, {"offer": "dear"}]
    plan = solve(make(offers=TWO, prices=PRICES, approvals=rows))
    trial = plan.supply.filter(pl.col("source") == "cheap")
    assert trial["quantity_kg"].to_list() == pytest.approx([2.0, 2.0, 2.0])
    assert plan.orders.filter(pl.col("offer") == "cheap")["approval"][0] == "trial"
    value = plan.values.filter(pl.col("code") == "approval_share")
    assert value["value_per_kg"].to_list() == pytest.approx([20.0] * 3)


def test_qualification_opens_a_source_from_its_earliest_date(make):
    rows = [
        {"offer": "cheap", "approval": "in_qualification", "earliest_from": date(2026, 2, 1)},
        {"offer": "dear"},
    ]
    assert kg(make(offers=TWO, prices=PRICES, approvals=rows)) == {"cheap": 20.0, "dear": 10.0}
    undated = [{"offer": "cheap", "approval": "in_qualification"}, {"offer": "dear"}]
    assert kg(make(offers=TWO, prices=PRICES, approvals=undated)) == {"dear": 30.0}


def test_an_approval_ends_on_its_last_day(make):
    rows = [{"offer": "cheap", "expires": date(2026, 1, 31)}, {"offer": "dear"}]
    assert kg(make(offers=TWO, prices=PRICES, approvals=rows)) == {"cheap": 10.0, "dear": 20.0}


def test_a_party_is_approved_for_all_it_sells_and_processes(make):
    offers = [{"offer": "cheap", "site": "pit"}, {"offer": "dear"}]
    lanes = [{"lane": "x", "from_site": "pit", "to_site": "fab"}]
    assert kg(make(offers=offers, prices=PRICES, lanes=lanes, approvals=[{"party": "digger"}])) == {"cheap": 30.0}


def test_acceptance_takes_days_and_a_passport_fewer(make):
    rows = [{"offer": "cheap", "accept_days": 40.0, "accept_days_with_passport": 3.0}]
    slow = make(offers=TWO[:1], prices={"cheap": 90.0}, approvals=rows)
    assert solve(slow).summary["short_kg"] == pytest.approx(10.0)
    assert solve(slow.edited([Edit(table="with_passport", value="cheap")])).summary["short_kg"] == 0.0
    assert (
        solve(make(offers=TWO[:1], prices={"cheap": 90.0}, approvals=rows, with_passport=("cheap",))).summary[
            "short_kg"
        ]
        == 0.0
    )


def test_own_stock_needs_no_approval(make):
    plan = solve(make(offers=[{"offer": "dear"}], stock=[{"quantity_kg": 30.0}], approvals=[{"offer": "dear"}]))
    assert plan.summary["short_kg"] == 0.0


def test_a_listed_demand_also_binds_the_higher_grade_that_serves_it(make):
    materials = [{"material": "ir"}, {"material": "ir-5n", "serves": "ir:1.0"}]
    offers = [{"offer": "cheap", "material": "ir-5n"}, {"offer": "dear"}]
    assert kg(make(materials=materials, offers=offers, prices=PRICES, approvals=[{"offer": "dear"}])) == {"dear": 30.0}


def test_a_process_feeds_on_approved_sources_only(make):
    materials = [{"material": "ir"}, {"material": "salt"}]
    recipes = [
        {"process": "make", "material": "salt", "direction": "in"},
        {"process": "make", "material": "ir", "direction": "out", "main": True, "direct_yield": 1.0},
    ]
    offers = [{"offer": "cheap", "material": "salt"}, {"offer": "dear", "material": "salt"}]
    process = [{"process": "make", "site": "fab"}]
    trial = {"offer": "cheap", "material": "salt", "approval": "trial", "max_share": 0.3}
    rows = [trial, {"offer": "dear", "material": "salt"}]
    network = make(
        materials=materials, offers=offers, prices=PRICES, processes=process, recipes=recipes, approvals=rows
    )
    assert kg(network) == {"cheap": pytest.approx(9.0), "dear": pytest.approx(21.0)}


def test_deliveries_stop_at_the_licence_cliff(make):
    permit = {"licence": "x", "decided_on": date(2025, 6, 1), "valid_to": date(2026, 2, 10)}
    offers = [{"offer": "cheap", "licence": "x", "lead_days": 5.0}, {"offer": "dear"}]
    network = make(
        offers=offers, prices=PRICES, licences=[permit], settings={"funding_rate_per_year": 0.9}, metal=500.0
    )
    plan = solve(network)
    assert set(plan.orders.filter(pl.col("order_period") > "2026-02")["offer"]) == {"dear"}
    assert plan.orders.filter(pl.col("offer") == "cheap")["quantity_kg"].sum() == pytest.approx(20.0)


def test_a_licence_allows_so_many_kilograms(make):
    permit = {"licence": "x", "decided_on": date(2025, 6, 1), "kg": 12.0}
    offers = [{"offer": "cheap", "licence": "x", "site": "pit"}, {"offer": "dear"}]
    lane = {"lane": "sea", "from_site": "pit", "to_site": "fab"}
    assert kg(make(offers=offers, prices=PRICES, licences=[permit], lanes=[lane])) == {"cheap": 12.0, "dear": 18.0}
    offers[0] = {"offer": "cheap", "site": "pit"}
    lane["licence"] = "x"
    assert kg(make(offers=offers, prices=PRICES, licences=[permit], lanes=[lane])) == {"cheap": 12.0, "dear": 18.0}


def test_a_pending_licence_counts_from_the_day_it_must_be_decided():
    at = date(2026, 1, 1)
    rows = [
        {"licence": "new", "statutory_days": 45.0},
        {"licence": "applied", "applied_on": date(2025, 12, 1), "statutory_days": 45.0},
        {"licence": "unlikely", "applied_on": date(2025, 12, 1), "probability": 0.2, "valid_to": date(2027, 1, 1)},
        {"licence": "held", "decided_on": date(2025, 12, 1), "valid_from": date(2025, 12, 5)},
    ]
    found = licences(rows, at)
    assert found["new"].first == date(2026, 2, 15)
    assert found["applied"].first == date(2026, 1, 15)
    assert found["unlikely"].last == date.min
    assert found["held"].first == date(2025, 12, 5)


def test_metal_that_waits_for_its_approval_is_no_safety_stock(make):
    def below_safety(**approval) -> float:
        plan = solve(
            make(
                periods=2,
                offers=[{"offer": "a"}],
                prices={"a": 1.0},
                approvals=[{"offer": "a", **approval}],
                stock_rules=[{"safety_kg": 5.0}],
            )
        )
        planned = pl.col("period").is_in(["2026-01", "2026-02"])
        return plan.costs.filter((pl.col("component") == "safety") & planned)["amount"].sum()

    assert below_safety(approval="approved") == 0.0
    assert below_safety(approval="in_qualification", earliest_from=date(2026, 2, 1)) == pytest.approx(
        5 * SAFETY_SHARE / 2 * 300
    )
