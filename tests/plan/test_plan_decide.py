"""Monday morning: actions, cover, cash; what things are worth; what changed; what would flip the first decision."""

from __future__ import annotations

import json
from datetime import date

import numpy as np
import polars as pl
import pytest

from oreloop.base.texts import label
from oreloop.plan import Edit, Infeasible, Session, solve
from oreloop.plan.decide import actions, cover, first_action, headline, simulate
from oreloop.plan.formulate import urgency
from oreloop.plan.worth import Candidate, changes, flips, mends, risks, worth

AT = date(2026, 1, 1)
REVIEW = date(2026, 1, 31)
OFFERS = [{"offer": "far", "lead_days": 40.0, "max_kg": 25.0}, {"offer": "near", "max_kg": 20.0, "deposit_share": 1.0}]
PRICES = {"far": 90.0, "near": 110.0}
FUNDED = {"funding_rate_per_year": 0.01}


@pytest.fixture
def desk(make):
    session = Session(make(offers=OFFERS, prices=PRICES, settings=FUNDED))
    return session, session.plan()


def test_every_order_due_before_the_review_is_an_action(desk):
    session, plan = desk
    rows = actions(session, plan, at=AT, review_days=30.0)
    assert rows.select("rank", "action", "subject").rows() == [(1, "order", "far"), (2, "order", "near")]
    assert rows["act_by"].to_list() == [date(2026, 1, 19), date(2026, 1, 31)]
    assert rows["price_unit"].to_list() == ["CNY/kg"] * 2


def test_the_price_ceiling_is_where_the_plan_without_the_order_costs_the_same(desk):
    session, plan = desk
    near = actions(session, plan, at=AT).filter(pl.col("subject") == "near").row(0, named=True)
    assert near["price_ceiling"] == pytest.approx(300.0 * urgency(5)[0])
    far = actions(session, plan, at=AT).filter(pl.col("subject") == "far").row(0, named=True)
    dearer = Edit(table="offer_prices", where={"offer": "far"}, column="price_per_kg", value=far["price_ceiling"] + 0.1)
    only_now = solve(session.network.edited([dearer]))
    assert only_now.orders.filter((pl.col("offer") == "far") & (pl.col("order_period") == "2026-01")).is_empty()


def test_what_is_short_if_nobody_acts_is_simulated_on_paths(desk):
    session, plan = desk
    paths = np.array([[[10.0, 10.0, 10.0]] * 9 + [[15.0, 10.0, 10.0]]])[0][None]
    rows = actions(session, plan, at=AT, paths=paths)
    near = rows.filter(pl.col("subject") == "near").row(0, named=True)
    assert near["short_kg_p50"] == pytest.approx(10.0)
    assert near["short_from_p50"] == "2026-01"
    assert near["cash_on"] == near["act_by"]
    assert near["reason"] == "prevents_short"
    told = label("plan.reason.prevents_short", "en", **json.loads(near["reason_fields"]))
    assert told == "Without it 10.0 kg are short from 2026-01."


def test_short_kilograms_and_dates_are_read_at_the_median_and_the_worst_tenth():
    paths = np.array([[1.0, 1.0]] * 17 + [[5.0, 1.0]] * 3)
    found = simulate(np.array([2.0, 0.0]), paths, ("a", "b"))
    assert (found.kg_p50, found.from_p50) == (0.0, None)
    assert (found.kg_p90, found.from_p90) == (pytest.approx(4.0), "a")


def test_scrap_is_returned_tolled_and_a_lease_bridges(make):
    lease = {"offer": "bank", "kind": "lease", "lease_rate_per_year": 0.3, "term_days": 50.0, "max_kg": 3.0}
    network = make(
        offers=[{"offer": "far", "lead_days": 40.0}, lease],
        prices={"far": 90.0},
        stock=[{"material": "scrap", "quantity_kg": 10.0}, {"quantity_kg": 2.0}],
        processes=[{"process": "toll", "cost": 20.0, "outturn_days": 20.0}],
        recipes=[
            {"process": "toll", "material": "scrap", "direction": "in", "main": True},
            {"process": "toll", "material": "ir", "direction": "out", "direct_yield": 0.5},
        ],
        lanes=[
            {"lane": "out", "from_site": "fab", "to_site": "ref", "material": "scrap"},
            {"lane": "back", "from_site": "ref", "to_site": "fab", "material": "ir"},
        ],
        settings=FUNDED,
    )
    session = Session(network)
    rows = actions(session, session.plan(), at=AT)
    assert set(rows["action"]) == {"order", "toll", "lease", "return_scrap"}
    toll = rows.filter(pl.col("action") == "toll").row(0, named=True)
    assert toll["price"] == pytest.approx(20.0)
    assert toll["price_ceiling"] > 100.0
    lease_row = rows.filter(pl.col("action") == "lease").row(0, named=True)
    assert json.loads(lease_row["reason_fields"])["due"] == "2026-02"
    assert rows.filter(pl.col("action") == "return_scrap")["contained_kg"].sum() == pytest.approx(10.0)
    assert rows["price_ceiling"].drop_nulls().is_finite().all()


def test_scrap_is_sent_in_time_for_the_run_that_takes_it(make):
    network = make(
        stock=[{"material": "scrap", "quantity_kg": 10.0}],
        processes=[{"process": "toll", "outturn_days": 40.0}],
        recipes=[
            {"process": "toll", "material": "scrap", "direction": "in", "main": True},
            {"process": "toll", "material": "ir", "direction": "out", "direct_yield": 0.5},
        ],
        lanes=[
            {"lane": "out", "from_site": "fab", "to_site": "ref", "material": "scrap", "lead_days": 4.0},
            {"lane": "back", "from_site": "ref", "to_site": "fab", "material": "ir"},
        ],
    )
    session = Session(network)
    rows = actions(session, session.plan(), at=AT)
    by = dict(rows.select("action", "act_by").iter_rows())
    assert by == {"toll": date(2026, 1, 19), "return_scrap": date(2026, 1, 15)}


def test_an_order_without_which_no_plan_holds_has_no_ceiling(make):
    limit = {"limit": "x", "metric": "purchase", "period": "2026-01", "sense": ">=", "value": 5.0}
    session = Session(make(periods=1, offers=[{"offer": "a"}], limits=[limit]))
    row = actions(session, session.plan(), at=AT).row(0, named=True)
    assert row["price_ceiling"] is None
    idle = Session(make(periods=1, demand=0.0, offers=[{"offer": "a"}], limits=[limit]))
    assert actions(idle, idle.plan(), at=AT).row(0, named=True)["reason"] == "only_way"


def test_permits_nobody_applied_for_late_deliveries_and_open_prices_are_actions(make):
    offers = [{"offer": "far", "lead_days": 40.0, "licence": "x"}]
    agreed = [
        {"contract": "late", "period": "2026-01", "quantity_kg": 3.0, "promised_on": date(2025, 12, 20), "price": 95.0},
        {"contract": "open", "period": "2026-01", "quantity_kg": 3.0},
        {"contract": "done", "period": "2026-01", "quantity_kg": 3.0, "state": "settled"},
        {"contract": "later", "period": "2026-03", "quantity_kg": 3.0, "price": 95.0},
    ]
    session = Session(
        make(offers=offers, licences=[{"licence": "x", "statutory_days": 30.0}], commitments=agreed, settings=FUNDED)
    )
    plan = session.plan()
    rows = actions(session, plan, at=AT)
    found = {(row["action"], row["subject"]) for row in rows.iter_rows(named=True)}
    assert found == {("order", "far"), ("apply_licence", "x"), ("chase", "late"), ("fix_price", "open")}
    for row in rows.iter_rows(named=True):
        for language in ("zh", "en"):
            assert label(f"plan.reason.{row['reason']}", language, **json.loads(row["reason_fields"]))
            assert label(f"plan.action.{row['action']}", language)
    money = headline(plan, at=AT)
    assert money["unpriced_kg"] == pytest.approx(3.0)
    assert money["cash_30"] == pytest.approx(3 * 95.0)
    assert money["cash_90"] > money["cash_30"]


def test_cover_counts_days_and_says_when_metal_runs_out(make):
    stock = [
        {"quantity_kg": 5.0},
        {"quantity_kg": 4.0, "state": "in_process", "available_from": date(2026, 2, 3)},
        {"quantity_kg": 9.0, "pledged": True},
    ]
    agreed = [{"contract": "c", "period": "2026-03", "quantity_kg": 10.0, "price": 95.0}]
    plan = solve(make(offers=[], prices={}, stock=stock, commitments=agreed, demand=[9.0, 9.0, 9.0]))
    row = cover(plan, paths=np.array([[[9.0, 9.0, 9.0]] * 8 + [[2.0, 2.0, 2.0]] * 2])).row(0, named=True)
    assert (row["own_free_kg"], row["in_process_kg"], row["on_order_kg"]) == (5.0, 4.0, 10.0)
    assert row["days_free"] == pytest.approx(5 / (27 / 90))
    assert row["days_on_order"] == pytest.approx(19 / (27 / 90))
    assert row["stock_out_p50"] == date(2026, 1, 18)
    full = solve(make(offers=[], prices={}, stock=[{"quantity_kg": 99.0}]))
    assert cover(full)["stock_out_p50"].to_list() == [None]
    assert cover(solve(make(offers=[], prices={}, demand=0.0)))["days_free"].to_list() == [None]


def test_a_day_of_acceptance_saved_is_worth_the_money_that_it_frees_with_or_without_a_passport(make):
    """It is what the plan costs less when metal waits one day less, its funding above all."""
    network = make(
        offers=[{"offer": "slow"}], prices={"slow": 100.0}, approvals=[{"offer": "slow", "accept_days": 10.0}],
        settings={"funding_rate_per_year": 0.365, "shortage_cost_per_kg": 300.0},
    )  # fmt: skip
    session = Session(network)
    [row] = worth(session).filter(pl.col("code") == "acceptance").rows(named=True)
    less = network.edited([Edit(table="approvals", where={"offer": "slow"}, column="accept_days", value=9.0)])
    assert (row["subject"], row["site"], row["unit"]) == ("slow", "fab", "day")
    assert row["value"] == pytest.approx(session.cost() - Session(less).cost(), rel=1e-6)
    assert row["value"] > 0.0


def test_pending_approvals_licences_passports_and_capacity_have_a_worth(make):
    offers = [{"offer": "cheap", "licence": "x"}, {"offer": "slow", "max_kg": 4.0}, {"offer": "dear"}]
    approvals = [
        {"offer": "cheap", "approval": "in_qualification", "earliest_from": date(2026, 3, 1)},
        {"offer": "slow", "accept_days": 40.0, "accept_days_with_passport": 0.0},
        {"offer": "dear"},
        {"party": "refiner"},
        {"offer": None},
    ]
    session = Session(
        make(
            offers=offers, prices={"cheap": 80, "slow": 90, "dear": 110}, approvals=approvals, settings=FUNDED,
            licences=[{"licence": "x", "statutory_days": 70.0, "applied_on": date(2026, 1, 1)}],
        )
    )  # fmt: skip
    found = worth(session)
    values = {(row["code"], row["subject"]): row["value"] for row in found.iter_rows(named=True)}
    assert ("acceptance", "slow") in values
    assert values["offer_capacity", "slow"] > 0
    assert found["value"].to_list() == sorted(found["value"], reverse=True)
    open_now = Session(session.network.edited([Edit(table="licences", column="decided_on", value=AT)]))
    granted = {(row["code"], row["subject"]): row["value"] for row in worth(open_now).iter_rows(named=True)}
    assert granted["approval", "cheap"] == pytest.approx(20 * 30.0 + 0.0, rel=0.2)


def test_an_infeasible_network_has_no_worth(make):
    limits = [{"limit": "a", "metric": "shortage", "value": 0.0}, {"limit": "b", "metric": "purchase", "value": 0.0}]
    session = Session(make(offers=[{"offer": "a", "max_kg": 1.0}], limits=limits))
    assert isinstance(session.plan(), Infeasible)
    assert worth(session).is_empty()


@pytest.mark.parametrize(
    ("risk", "cost", "short"),
    [
        ({"event": "site_stop", "target": "fab"}, 30 * 20, 0.0),
        ({"event": "site_stop", "target": "ZAF"}, 10 * (300 * sum(urgency(3)) - 3 * 100), 30.0),
        ({"event": "site_stop", "target": "near", "to_period": "2026-01"}, 10 * 20, 0.0),
        ({"event": "lane_closed", "target": "sea"}, 0.0, 0.0),
        ({"event": "licence_refused", "target": "x"}, 0.0, 0.0),
        ({"event": "price_pulse", "target": "Ir", "size": 0.5}, 30 * 50, 0.0),
        ({"event": "demand_jump", "target": "fab", "from_period": "2026-02", "size": 0.1}, 2 * 1.0 * 100, 0.0),
        ({"event": "yield_drop", "target": "toll", "size": 0.5}, 0.0, 0.0),
    ],
)
def test_a_risk_costs_what_the_best_answer_to_it_costs(make, risk, cost, short):
    offers = [{"offer": "near"}, {"offer": "sea", "site": "pit", "licence": "x"}]
    session = Session(
        make(
            offers=offers, prices={"near": 100, "sea": 120}, risks=[{"risk": "r", "probability": 0.5, **risk}],
            lanes=[{"lane": "sea", "from_site": "pit", "to_site": "fab"}],
            licences=[{"licence": "x", "decided_on": date(2025, 1, 1)}], processes=[{"process": "toll"}],
            settings={"funding_rate_per_year": 0.0001},
        )
    )  # fmt: skip
    row = risks(session, session.plan()).row(0, named=True)
    assert row["delta_cost"] == pytest.approx(cost, rel=0.01, abs=0.5)
    assert row["short_kg"] == pytest.approx(short, abs=1e-4)
    assert row["expected_cost"] == pytest.approx(row["delta_cost"] / 2)


def test_a_risk_that_no_plan_survives_is_named_without_a_cost(make):
    limit = [{"limit": "x", "metric": "shortage", "value": 0.0}]
    session = Session(
        make(offers=[{"offer": "a"}], limits=limit, risks=[{"risk": "r", "event": "site_stop", "target": "a"}])
    )
    assert risks(session, session.plan()).row(0, named=True)["delta_cost"] is None


def test_changes_name_what_changed_and_its_cause(make):
    old = make(offers=OFFERS, prices=PRICES, settings=FUNDED)
    more = old.edited([Edit(table="demand", column="quantity_kg", value=1.2, how="scale")])
    dear = more.edited([Edit(table="offer_prices", where={"offer": "far"}, column="price_per_kg", value=200.0)])
    plans = [solve(each).orders for each in (old, more, dear)]
    found = changes(plans[0], plans[2], steps=[("demand", plans[1]), ("price", plans[2])])
    rows = {row["order"]: row for row in found.iter_rows(named=True)}
    assert rows["near/2026-01"]["cause"] == "demand"
    assert rows["near/2026-01"]["change"] == "more"
    assert rows["far/2026-01"]["change"] == "dropped"
    assert rows["far/2026-01"]["cause"] == "price"
    assert rows["near/2026-02"]["change"] == "new"
    assert changes(plans[0], plans[0]).is_empty()
    less = changes(plans[1], plans[0])
    assert set(less["change"]) == {"less"}
    assert less["cause"].null_count() == less.height


def test_the_price_that_flips_the_first_decision_is_found_by_bisection(make):
    network = make(periods=1, offers=[{"offer": "a"}, {"offer": "b"}], prices={"a": 100.0, "b": 130.0})

    session = Session(network)

    def first(edits) -> str:
        return first_action(*session.movements(edits, until=REVIEW), until=REVIEW)

    def price(offer):
        return lambda value: [Edit(table="offer_prices", where={"offer": offer}, column="price_per_kg", value=value)]

    candidates = [
        Candidate(input="offer_prices:a", base=100.0, far=200.0, edits=price("a")),
        Candidate(input="offer_prices:b", base=130.0, far=120.0, edits=price("b")),
        Candidate(input="unknown", base=1.0, far=2.0, edits=price("nobody")),
    ]
    found = flips(first, candidates)
    assert found["input"].to_list() == ["offer_prices:a"]
    row = found.row(0, named=True)
    assert row["flip_value"] == pytest.approx(130.0, abs=0.1)
    assert (row["first_before"], row["first_after"]) == ("order:a", "order:b")
    nothing = solve(make(offers=[], prices={}))
    assert first_action(nothing.orders, nothing.tolls, until=REVIEW) == ""


def test_orders_and_tolls_alone_are_those_of_the_whole_answer(make):
    session = Session(make(periods=2, offers=[{"offer": "a"}, {"offer": "b"}], prices={"a": 100.0, "b": 130.0}))
    dearer = [Edit(table="offer_prices", where={"offer": "a"}, column="price_per_kg", value=150.0)]
    told = session.whatif(dearer)
    every, _ = session.movements(dearer, until=date(2099, 1, 1))
    assert every.equals(told.orders)
    first, tolls = session.movements(dearer, until=date(2026, 1, 31))
    assert first.equals(told.orders.filter(pl.col("order_period") == "2026-01"))
    assert tolls.is_empty()


def test_an_edit_that_hits_nothing_is_refused(make):
    from oreloop.base.errors import BadInput

    network = make(offers=[{"offer": "a"}])
    for edit in (
        Edit(table="nowhere", column="x", value=1),
        Edit(table="offers", where={"offer": "z"}, column="max_kg", value=1.0),
        Edit(table="offers", column="beauty", value=1.0),
    ):
        with pytest.raises(BadInput) as refused:
            network.edited([edit])
        assert refused.value.code == "plan.edit_nothing"
    dropped = network.edited([Edit(table="offers", where={"offer": "a"}, how="drop")])
    assert solve(dropped).orders.is_empty()
    assert solve(network.with_settings(shortage_cost_per_kg=50.0)).orders.is_empty()


def test_a_shortage_comes_with_what_would_mend_it_the_cheapest_complete_remedy_first(make):
    network = make(
        periods=1,
        demand=10.0,
        offers=[{"offer": "near", "max_kg": 6.0}, {"offer": "dear", "max_kg": 1.0}, {"offer": "blocked"}],
        prices={"near": 100.0, "dear": 150.0, "blocked": 120.0},
        approvals=[{"offer": "near"}, {"offer": "dear"}, {"offer": "blocked", "approval": "in_qualification"}],
    )
    session = Session(network)
    plan = session.plan()
    assert plan.summary["short_kg"] == pytest.approx(3.0)
    found = mends(session, plan)
    assert found.select("code", "subject").rows() == [
        ("offer_capacity", "near"),
        ("approval", "blocked"),
        ("offer_capacity", "dear"),
    ]
    assert found["left_kg"].to_list() == pytest.approx([0.0, 0.0, 0.0])
    assert found["mended_kg"].to_list() == pytest.approx([3.0, 3.0, 3.0])
    assert found["cost_per_kg"][2] == pytest.approx(150.0)
    assert found["cost_per_kg"].is_sorted()


def test_nothing_is_to_be_mended_where_nothing_is_short(make):
    session = Session(make(periods=1, offers=[{"offer": "a"}]))
    assert mends(session, session.plan()).is_empty()


def test_where_a_limit_binds_only_the_limit_or_another_way_mends_the_shortage(make):
    session = Session(
        make(
            periods=1,
            demand=10.0,
            offers=[{"offer": "a", "max_kg": 20.0}],
            limits=[{"limit": "cap", "metric": "purchase", "value": 4.0}],
            processes=[{"process": "refine", "site": "fab", "capacity_dry_kg": 1.0}],
            recipes=[
                {"process": "refine", "material": "scrap", "direction": "in", "main": True, "kg_per_kg": 1.0},
                {"process": "refine", "material": "ir", "direction": "out", "kg_per_kg": 1.0, "direct_yield": 1.0},
            ],
            stock=[{"material": "scrap", "quantity_kg": 5.0}],
        )
    )
    found = mends(session, session.plan())
    assert found["code"].to_list() == ["limit", "process_capacity"]
    assert found["left_kg"][0] == pytest.approx(0.0)
    assert found["left_kg"][1] > 0.0


def test_a_licence_granted_today_may_mend_a_shortage(make):
    session = Session(
        make(
            periods=1,
            demand=10.0,
            offers=[{"offer": "a", "licence": "export"}],
            licences=[{"licence": "export", "applied_on": date(2026, 1, 1), "statutory_days": 400}],
        )
    )
    assert mends(session, session.plan()).row(0)[:2] == ("licence", "export")


def test_a_source_without_a_party_is_told_by_its_site(make):
    sites = [{"site": "fab", "party": None}]
    session = Session(make(periods=1, sites=sites, offers=[{"offer": "a"}]))
    assert actions(session, session.plan(), at=AT)["source"].to_list() == ["fab"]
