"""Cases of the books, in this trade's words: transport, keeping stock, blending, substitution, tolling, leasing."""

from __future__ import annotations

import polars as pl
import pytest
from by_hand import ROADS, TOLL_RECIPE, bought, planned

from oreloop.base.errors import BadInput
from oreloop.plan import Edit
from oreloop.plan.formulate import urgency


def place(name: str) -> dict[str, str]:
    return {"site": name, "kind": "user"}


def test_the_transport_problem_of_dantzig(make):
    """Two canneries, three markets, freight 90 a case and thousand miles: 153.675 (Dantzig, Linear Programming, 3.3)."""
    miles = {("seattle", "new-york"): 2.5, ("seattle", "chicago"): 1.7, ("seattle", "topeka"): 1.8,
             ("san-diego", "new-york"): 2.5, ("san-diego", "chicago"): 1.8, ("san-diego", "topeka"): 1.4}  # fmt: skip
    supply = {"seattle": 350.0, "san-diego": 600.0}
    wanted = {"new-york": 325.0, "chicago": 300.0, "topeka": 275.0}
    plan = planned(
        make(
            periods=1, sites=[place(name) for name in (*supply, *wanted)],
            demand={(market, "ir"): kg for market, kg in wanted.items()},
            offers=[{"offer": name, "site": name, "max_kg": kg} for name, kg in supply.items()],
            prices=dict.fromkeys(supply, 0.0),
            lanes=[
                {"lane": f"{start}-{end}", "from_site": start, "to_site": end, "cost_per_gross_kg": 0.09 * far}
                for (start, end), far in miles.items()
            ],
        )
    )  # fmt: skip
    assert plan.objective == pytest.approx(153.675)
    worth = plan.values.filter((pl.col("code") == "metal") & pl.col("site").is_in(list(wanted))).sort("site")
    assert worth["value_per_kg"].to_list() == pytest.approx([0.153, 0.225, 0.126])


def test_the_balanced_transport_problem_of_hitchcock(make):
    """Supplies 15, 25, 10 and uses 5, 15, 15, 15 (Taha, Operations Research, 5.3, SunRay): 435."""
    supply, wanted = [15.0, 25.0, 10.0], [5.0, 15.0, 15.0, 15.0]
    cost = [[10, 2, 20, 11], [12, 7, 9, 20], [4, 14, 16, 18]]
    plan = planned(
        make(
            periods=1, sites=[place(f"silo{at}") for at in range(3)] + [place(f"mill{at}") for at in range(4)],
            demand={(f"mill{at}", "ir"): kg for at, kg in enumerate(wanted)},
            offers=[{"offer": f"o{at}", "site": f"silo{at}", "max_kg": kg} for at, kg in enumerate(supply)],
            prices={f"o{at}": 0.0 for at in range(3)},
            lanes=[
                {"lane": f"l{a}{b}", "from_site": f"silo{a}", "to_site": f"mill{b}", "cost_per_gross_kg": float(cost[a][b])}
                for a in range(3) for b in range(4)
            ],
        )
    )  # fmt: skip
    assert plan.objective == pytest.approx(435.0)


def test_metal_is_bought_before_its_price_rises_when_keeping_it_costs_less(make):
    """Keeping 1 kg over a month costs 10 % of 100 a year x days / 365. The price jumps by 5 in March: worth two months."""
    network = make(
        offers=[{"offer": "a", "max_kg": 15.0}], settings={"funding_rate_per_year": 0.1}, prices={"a": 100}, periods=3
    )
    dearer = network.edited(
        [Edit(table="offer_prices", how="add", value={"offer": "a", "period": "2026-03", "price_per_kg": 105.0})]
    )
    plan = planned(dearer)
    month = [0.1 * 100 * days / 365 for days in (31, 28)]
    # Five kg more in February, at 15 kg a month; five more in January, kept for two months.
    assert bought(plan, "a") == {"2026-01": 15.0, "2026-02": 15.0}
    assert plan.objective == pytest.approx(30 * 100 + 5 * month[0] + 10 * month[1])


def test_a_lot_is_kept_no_longer_than_it_pays(make):
    """The same, but the price jumps by 1.5: more than one month of keeping costs (0.77), less than two (1.62)."""
    network = make(offers=[{"offer": "a", "max_kg": 15.0}], settings={"funding_rate_per_year": 0.1}, periods=3)
    dearer = network.edited(
        [Edit(table="offer_prices", how="add", value={"offer": "a", "period": "2026-03", "price_per_kg": 101.5})]
    )
    assert bought(planned(dearer), "a") == {"2026-01": 10.0, "2026-02": 15.0, "2026-03": 5.0}


def test_a_fixed_blend_of_rich_and_poor_scrap_fills_the_furnace(make):
    """For each kg in rich scrap (2 dry kg) a quarter in poor scrap (1 dry kg): 24 dry kg hold 8 such charges.

    A charge costs 10 and gives 1.1 kg of the 1.25 kg fed. Proportions of a recipe are fixed; tables cannot let them vary.
    """
    materials = [{"material": "ir"}, {"material": "rich", "content": 0.5}, {"material": "poor", "content": 0.25}]
    blend = [
        {"process": "melt", "material": "rich", "direction": "in", "main": True},
        {"process": "melt", "material": "poor", "direction": "in", "kg_per_kg": 0.25},
        {"process": "melt", "material": "ir", "direction": "out", "kg_per_kg": 1.1},
    ]
    plan = planned(
        make(
            materials=materials, periods=1, demand=20.0, offers=[{"offer": "a"}],
            stock=[{"material": "rich", "quantity_kg": 10.0}, {"material": "poor", "quantity_kg": 5.0}],
            processes=[{"process": "melt", "site": "fab", "cost": 10.0, "capacity_dry_kg": 24.0}], recipes=blend,
        )
    )  # fmt: skip
    assert plan.tolls["quantity_kg"].sum() == pytest.approx(8.0)
    assert plan.tolls["loss_kg"].sum() == pytest.approx(8 * (1.25 - 1.1))
    assert plan.objective == pytest.approx(8 * 10 + (20 - 8.8) * 100)


def test_a_blend_keeps_the_least_share_of_recycled_metal_that_a_limit_asks_for(make):
    """Blending to a share: 30 % recycled at 130 and the rest at 100 cost 109 a kg; the limit is worth 30 a kg of it."""
    offers = [{"offer": "mine"}, {"offer": "old", "recycled_share": 1.0}]
    limit = {"limit": "r", "metric": "recycled_share", "sense": ">=", "value": 0.3, "unit": "share"}
    plan = planned(make(offers=offers, prices={"mine": 100, "old": 130}, limits=[limit]))
    assert plan.objective == pytest.approx(30 * (0.3 * 130 + 0.7 * 100))
    assert plan.limits["used"][0] == pytest.approx(0.3)


def test_the_higher_grade_serves_the_lower_only_while_it_is_the_cheaper_way(make):
    """Low grade at 100, of which 6 kg a month can be had; high grade at 130 stands in one for one, then at two for one."""
    materials = [{"material": "ir"}, {"material": "high", "serves": "ir:1.0"}]
    offers = [{"offer": "low", "max_kg": 6.0}, {"offer": "fine", "material": "high"}]
    prices = {"low": 100, "fine": 130}
    demand = {("fab", "ir"): 10.0, ("fab", "high"): 2.0}
    plan = planned(make(materials=materials, offers=offers, prices=prices, demand=demand, periods=1))
    assert plan.objective == pytest.approx(6 * 100 + (4 + 2) * 130)
    poor = [{"material": "ir"}, {"material": "high", "serves": "ir:0.4"}]
    dear = planned(make(materials=poor, offers=offers, prices=prices, demand=demand, periods=1))
    assert dear.objective == pytest.approx(6 * 100 + 2 * 130 + 4 * 300)  # 2.5 kg for one would cost 325, more than 300


def test_a_toller_that_returns_a_share_is_compared_with_buying(make):
    """Scrap tolled at 20 a kg with 90 % returned costs 22.2 a kg of metal; at 95 a kg, 105.6: then one buys at 100."""
    stock = [{"material": "scrap", "quantity_kg": 10.0}]
    given = {"offers": [{"offer": "a"}], "stock": stock, "recipes": TOLL_RECIPE, "lanes": ROADS}
    cheap = planned(make(processes=[{"process": "toll", "cost": 20.0, "returned_share": 0.9}], **given))
    dear = planned(make(processes=[{"process": "toll", "cost": 95.0, "returned_share": 0.9}], **given))
    assert cheap.objective == pytest.approx(10 * 20 + (30 - 9) * 100)
    assert dear.objective == pytest.approx(30 * 100)
    assert dear.tolls.height == 0


def test_a_lease_with_debt_pays_only_while_its_rent_is_below_the_shortage(make):
    """Ten kg for 50 days at a rate r cost r x 100 x 50 / 365 and must be bought back at 100; without, 300 x urgency."""
    lease = {"offer": "bank", "kind": "lease", "term_days": 50.0, "max_kg": 10.0}
    late = {"offer": "a", "lead_days": 40.0}
    for rate in (0.5, 20.0):
        plan = planned(make(offers=[late, {**lease, "lease_rate_per_year": rate}], prices={"a": 100}))
        rent, short = rate * 100 * 50 / 365 + 100, 300 * urgency(5)[0]
        assert plan.objective == pytest.approx(10 * min(rent, short) + 4 * 10 * 100)
        assert bool(bought(plan, "bank")) == (rent < short)


def test_a_swap_brings_metal_to_where_it_is_used_for_its_fee(make):
    """No lane leads from the refinery to the user: ten kg there change place for a fee; the rest is bought at 100."""
    swap = {"offer": "bank", "kind": "swap", "term_days": 0.0, "return_site": "ref"}
    held = [{"site": "ref", "quantity_kg": 10.0}]
    for fee in (15.0, 120.0):
        plan = planned(
            make(
                offers=[{"offer": "a"}, swap],
                stock=held,
                prices={"a": 100, "bank": fee},
                settings={"keep_cover": False},
            )
        )
        assert plan.objective == pytest.approx((30 - 10) * 100 + 10 * min(fee, 100))
        assert sum(bought(plan, "bank").values()) == (10.0 if fee < 100 else 0.0)


def test_metal_drawn_from_ones_own_account_costs_nothing_until_the_account_is_empty(make):
    own = {"offer": "own", "kind": "account_draw", "total_kg": 12.0}
    plan = planned(make(offers=[{"offer": "a"}, own], prices={"a": 100}))
    assert plan.objective == pytest.approx((30 - 12) * 100)
    assert sum(bought(plan, "own").values()) == 12.0


def test_a_lane_carries_only_the_hazards_that_it_accepts(make):
    """Acid scrap takes the dear lane that accepts its class, not the cheap one that does not."""
    materials = [{"material": "ir"}, {"material": "scrap", "content": 0.5, "recycled": "recycled", "hazard": "UN 1760"}]
    road = {"from_site": "fab", "to_site": "ref", "material": "scrap"}
    lanes = [
        {**road, "lane": "cheap", "hazard": "UN 3089"},
        {**road, "lane": "dear", "hazard": "UN 3089; UN 1760", "cost_per_gross_kg": 5.0},
        {"lane": "back", "from_site": "ref", "to_site": "fab", "material": "ir", "hazard": None},
    ]
    stock = [{"material": "scrap", "quantity_kg": 10.0}]
    toll = [{"process": "toll", "cost": 20.0}]
    plan = planned(
        make(
            offers=[{"offer": "a"}], materials=materials, stock=stock, lanes=lanes, processes=toll, recipes=TOLL_RECIPE
        )
    )
    assert plan.objective == pytest.approx(10 * 2 * 5 + 10 * 20 + (30 - 9) * 100)


def test_testing_of_lots_is_spread_over_what_arrives_at_the_user(make):
    """2,000 for a lot of 10 kg are 200 a kg: the untested source at 250 is cheaper than 100 + 200, whichever way it comes."""
    rows = [{"offer": "far", "test_cost_per_lot": 2000.0}, {"offer": "near"}]
    lane = [{"lane": "l", "from_site": "ref", "to_site": "fab", "material": "ir"}]
    for site in ("fab", "ref"):
        offers = [{"offer": "far", "site": site}, {"offer": "near"}]
        given = {"offers": offers, "approvals": rows, "lanes": lane, "prices": {"far": 100, "near": 250}}
        assert planned(make(**given)).objective == pytest.approx(30 * 100)
        tested = planned(make(**given, settings={"lot_kg": 10.0, "shortage_cost_per_kg": 900.0}))
        assert tested.objective == pytest.approx(30 * 250)
        large = planned(make(**given, settings={"lot_kg": 20.0, "shortage_cost_per_kg": 900.0}))
        assert large.objective == pytest.approx(30 * (100 + 100))
        assert large.costs.filter(pl.col("component") == "testing")["amount"].sum() == pytest.approx(30 * 100)


def test_a_lot_of_nothing_is_refused(make):
    with pytest.raises(BadInput) as caught:
        make(offers=[{"offer": "a"}], settings={"lot_kg": 0.0})
    assert [each.code for each in caught.value.problems] == ["plan.setting"]
