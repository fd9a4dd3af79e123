"""Alternatives that cost hardly more and buy elsewhere."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oreloop.base.errors import BadInput
from oreloop.plan import Plan, Session
from oreloop.plan.near import near_optimal

FEW = settings(max_examples=max(2, settings.default.max_examples // 8))
SITES = [
    {"site": "fab", "party": "us"},
    {"site": "pit", "kind": "mine", "party": "digger", "country": "ZAF"},
    {"site": "works", "kind": "refinery", "party": "refiner", "country": "CHN"},
]
LANES = [{"lane": name, "from_site": name, "to_site": "fab"} for name in ("pit", "works")]
OFFERS = [
    {"offer": "cheap", "site": "pit", "origin_country": "ZAF"},
    {"offer": "other", "site": "works", "origin_country": "CHN", "max_kg": 6.0},
]
TWO = {"sites": SITES, "lanes": LANES, "offers": OFFERS, "prices": {"cheap": 100.0, "other": 110.0}}


def asked(make, network, **how):
    session = Session(make(**network))
    plan = session.plan()
    assert isinstance(plan, Plan)
    return plan, near_optimal(session, plan, **how)


def test_a_share_of_the_cost_moves_what_it_pays_for(make):
    # 30 kg for 3,000; within 2 %, 60 more pay for 6 kg at 10 more each.
    _, near = asked(make, TWO, within=0.02, count=1)
    row = near.alternatives.row(0, named=True)
    assert row["away_from"] == "digger"
    assert (row["best_kg"], row["kept_kg"], row["moved_kg"]) == pytest.approx((30.0, 24.0, 6.0), abs=1e-5)
    assert row["least_kg"] == pytest.approx(24.0, abs=1e-5)
    assert row["extra_cost"] == pytest.approx(60.0, abs=1e-3)
    assert row["extra_share"] == pytest.approx(0.02, abs=1e-6)
    assert row["verified"]
    ordered = near.orders.filter(near.orders["offer"] == "other")["quantity_kg"].sum()
    assert ordered == pytest.approx(6.0, abs=1e-5)


def test_no_more_is_moved_than_the_other_supplier_has(make):
    _, near = asked(make, TWO, within=1.0, count=1)
    assert near.alternatives["moved_kg"][0] == pytest.approx(18.0, abs=1e-5)


def test_nothing_is_moved_by_leaving_demand_unmet(make):
    # A shortage is cheaper than the only offer, yet what is bought is bought.
    _, near = asked(make, {**TWO, "offers": OFFERS[:1], "prices": {"cheap": 100.0}}, within=9.0)
    assert near.alternatives["moved_kg"].to_list() == [pytest.approx(0.0, abs=1e-5)]
    assert near.alternatives["short_kg"].to_list() == [pytest.approx(0.0, abs=1e-5)]


def test_the_largest_suppliers_come_first_and_each_has_its_plan(make):
    _, near = asked(make, {**TWO, "prices": {"cheap": 120.0, "other": 110.0}}, within=0.05, by="country")
    assert near.alternatives["away_from"].to_list() == ["CHN", "ZAF"]
    assert near.alternatives["alternative"].to_list() == [1, 2]
    assert len(near.plans) == 2


def test_an_offer_without_a_party_stands_for_itself(make):
    sites = [{**each, "party": None} for each in SITES]
    _, near = asked(make, {**TWO, "sites": sites})
    assert near.alternatives["away_from"].to_list() == ["cheap", "other"]


def test_a_plan_without_suppliers_has_no_alternatives(make):
    _, near = asked(make, {"stock": [{"quantity_kg": 30.0}], "settings": {"keep_cover": False}})
    assert near.alternatives.is_empty()
    assert near.orders.is_empty()


def test_whole_orders_stay_whole(make):
    offers = [{**each, "min_kg": 5.0} for each in OFFERS]
    _, near = asked(make, {**TWO, "offers": offers}, within=0.02, count=2)
    first = near.alternatives.row(0, named=True)
    assert first["least_kg"] <= first["kept_kg"] + 1e-6
    assert first["moved_kg"] >= 5.0 - 1e-5
    assert near.orders.filter("planned")["quantity_kg"].min() >= 5.0 - 1e-6


@pytest.mark.parametrize("within", [-0.1, float("nan")])
def test_within_is_a_share(make, within):
    with pytest.raises(BadInput) as caught:
        asked(make, TWO, within=within)
    assert caught.value.code == "plan.near_within"


def test_metal_is_moved_away_from_what_is_known(make):
    with pytest.raises(BadInput) as caught:
        asked(make, TWO, by="colour")
    assert caught.value.code == "plan.near_by"


@FEW
@given(
    prices=st.lists(st.integers(80, 130), min_size=2, max_size=2),
    most=st.integers(1, 12),
    stock=st.integers(0, 20),
    shares=st.lists(st.integers(0, 20), min_size=2, max_size=2).map(sorted),
)
def test_a_wider_share_moves_no_less_and_stays_within(make, prices, most, stock, shares):
    offers = [OFFERS[0], {**OFFERS[1], "max_kg": float(most)}]
    network = {
        **TWO, "offers": offers, "prices": dict(zip(("cheap", "other"), prices, strict=True)),
        "stock": [{"quantity_kg": float(stock)}],
    }  # fmt: skip
    moved = []
    for share in shares:
        plan, near = asked(make, network, within=share / 100)
        assert near.alternatives["verified"].all()
        assert near.alternatives["short_kg"].max() <= plan.shortages["short_kg"].sum() + 1e-4
        assert near.alternatives["extra_share"].max() <= share / 100 + 1e-6
        moved.append(near.alternatives["moved_kg"].to_list())
    assert all(wide >= narrow - 1e-5 for narrow, wide in zip(*moved, strict=True))
