"""Cases small enough to solve by hand."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from by_hand import ROADS, TOLL_RECIPE, bought, planned

from oreloop.base.errors import BadInput
from oreloop.plan import solve
from oreloop.plan.formulate import urgency

TOLL = [{"process": "toll", "cost": 20.0}]


def test_one_supplier_is_bought_from_when_metal_is_needed(make):
    plan = planned(make(offers=[{"offer": "a"}], settings={"funding_rate_per_year": 0.01}))
    assert plan.objective == pytest.approx(3 * 10 * 100)
    assert bought(plan, "a") == {"2026-01": 10.0, "2026-02": 10.0, "2026-03": 10.0}
    assert plan.summary["fill_rate"] == 1.0


def test_what_cannot_arrive_in_time_is_short_and_the_horizon_grows_by_the_lead_time(make):
    plan = planned(make(offers=[{"offer": "a", "lead_days": 40.0}]))
    assert plan.network.horizon.names == ("2026-01", "2026-02", "2026-03", "2026-04", "2026-05")
    assert plan.objective == pytest.approx(10 * 300 * urgency(5)[0] + 4 * 10 * 100)
    short = plan.shortages.filter(pl.col("short_kg") > 0)
    assert short.select("period", "short_kg").rows() == [("2026-01", 10.0)]


def test_a_dear_near_supplier_covers_until_the_cheap_far_one_arrives(make):
    plan = planned(
        make(offers=[{"offer": "far", "lead_days": 40.0}, {"offer": "near"}], prices={"far": 90, "near": 110})
    )
    assert plan.objective == pytest.approx(10 * 110 + 4 * 10 * 90)
    assert bought(plan, "near") == {"2026-01": 10.0}
    far = plan.orders.filter(pl.col("offer") == "far").row(0, named=True)
    assert (far["order_period"], far["arrive_period"], far["act_by"]) == ("2026-01", "2026-02", date(2026, 1, 19))


def test_the_last_day_to_order_leaves_time_for_the_whole_way(make):
    """40 days to the refiner, 5 on the lane, 2 at the customs, 7 in acceptance: by 5 January for use in February."""
    lane = {"lane": "l", "from_site": "ref", "to_site": "fab", "lead_days": 5.0, "customs_days": 2.0}
    offers = [{"offer": "far", "site": "ref", "lead_days": 40.0}]
    plan = planned(make(offers=offers, lanes=[lane], settings={"accept_days": 7.0}))
    far = plan.orders.row(0, named=True)
    assert (far["order_period"], far["to_site"], far["usable_period"]) == ("2026-01", "fab", "2026-02")
    assert far["act_by"] == date(2026, 1, 5)


def test_an_order_too_late_for_the_road_of_its_month_has_time_until_the_next_one(make):
    """40 days from 1 January is 10 February, too late to be there in February after 25 days; on 1 March the road takes
    all that was ordered by 19 January."""
    lane = {"lane": "l", "from_site": "ref", "to_site": "fab", "lead_days": 25.0}
    plan = planned(make(offers=[{"offer": "far", "site": "ref", "lead_days": 40.0}], lanes=[lane]))
    far = plan.orders.row(0, named=True)
    assert (far["act_by"], far["arrive_period"], far["usable_period"]) == (date(2026, 1, 19), "2026-02", "2026-03")


def test_capacity_of_a_period_and_in_total_bound_an_offer(make):
    plan = planned(make(offers=[{"offer": "a", "max_kg": 8.0, "total_kg": 20.0}]))
    assert plan.summary["short_kg"] == pytest.approx(10.0)
    assert plan.values.filter(pl.col("code") == "offer_total")["value_per_kg"][0] == pytest.approx(200.0)


def test_own_scrap_is_tolled_before_metal_is_bought(make):
    plan = planned(
        make(
            offers=[{"offer": "a"}],
            stock=[{"material": "scrap", "quantity_kg": 10.0}],
            processes=TOLL,
            recipes=TOLL_RECIPE,
            lanes=ROADS,
        )
    )
    assert plan.objective == pytest.approx(10 * 20 + (30 - 9) * 100)
    assert plan.tolls["loss_kg"].sum() == pytest.approx(1.0)
    via = plan.supply.filter(pl.col("via") == "toll")
    assert via.select("origin", "quantity_kg").rows() == [("opening", 9.0)]


def test_a_lease_bridges_and_is_given_back(make):
    lease = {"offer": "bank", "kind": "lease", "lease_rate_per_year": 0.365, "term_days": 50.0}
    plan = planned(make(offers=[{"offer": "a", "lead_days": 40.0}, lease], prices={"a": 100}))
    assert bought(plan, "bank") == {"2026-01": 10.0}
    order = plan.orders.filter(pl.col("offer") == "bank").row(0, named=True)
    assert order["due_period"] == "2026-02"
    assert plan.summary["short_kg"] == 0.0
    rent = 10 * 0.365 * 100 * 50 / 365
    assert plan.objective == pytest.approx(rent + 10 * 100 + 4 * 10 * 100)
    assert plan.flows.filter(pl.col("kind") == "repay")["quantity_kg"].sum() == pytest.approx(10.0)


def test_a_debt_beyond_the_horizon_is_charged_at_the_last_price(make):
    lease = {"offer": "bank", "kind": "lease", "lease_rate_per_year": 0.0, "term_days": 4000.0}
    plan = planned(make(periods=1, offers=[lease], prices={}))
    assert plan.objective == pytest.approx(10 * 100)
    assert plan.costs["component"].to_list() == ["debt"]


def test_leased_stock_can_be_used_and_must_be_given_back(make):
    leased = {"quantity_kg": 10.0, "owner": "leased_in", "due_back_on": date(2026, 2, 10)}
    plan = planned(make(offers=[{"offer": "a"}], stock=[leased]))
    assert plan.objective == pytest.approx(30 * 100)


@pytest.mark.parametrize(
    "held",
    [
        {"owner": "customer"},
        {"owner": "consigned"},
        {"pledged": True},
        {"state": "quarantined"},
    ],
)
def test_metal_that_is_not_free_and_own_meets_no_demand(make, held):
    plan = planned(make(offers=[], prices={}, stock=[{"quantity_kg": 30.0, **held}]))
    assert plan.summary["served_kg"] == 0.0


def test_stock_in_transit_is_usable_from_its_date(make):
    stock = [{"quantity_kg": 30.0, "state": "in_transit", "available_from": date(2026, 2, 5)}]
    plan = planned(make(offers=[], prices={}, stock=stock, settings={"accept_days": 0.0}))
    assert plan.shortages.filter(pl.col("short_kg") > 0)["period"].to_list() == ["2026-01"]


def test_stock_in_acceptance_is_free_after_the_days_of_acceptance(make):
    stock = [{"quantity_kg": 30.0, "state": "in_acceptance"}]
    plan = planned(make(offers=[], prices={}, stock=stock, settings={"accept_days": 40.0}))
    assert plan.shortages["short_kg"].to_list()[:2] == [10.0, 0.0]


def test_a_by_product_follows_its_main_metal(make):
    materials = [{"material": "ir"}, {"material": "conc", "element": "Pt"}, {"material": "pt", "element": "Pt"}]
    recipes = [
        {"process": "refine", "material": "conc", "direction": "in", "main": True},
        {"process": "refine", "material": "pt", "direction": "out", "direct_yield": 0.9},
        {"process": "refine", "material": "ir", "direction": "out", "kg_per_kg": 0.03},
    ]
    plan = planned(
        make(
            materials=materials, periods=1, demand=3.0, offers=[{"offer": "conc", "site": "ref", "material": "conc"}],
            prices={"conc": 1.0}, processes=[{"process": "refine"}], recipes=recipes,
            lanes=[{"lane": "back", "from_site": "ref", "to_site": "fab", "material": "ir"}],
        )
    )  # fmt: skip
    assert bought(plan, "conc") == {"2026-01": pytest.approx(100.0)}
    assert plan.stocks.filter(pl.col("material") == "pt")["quantity_kg"].sum() == pytest.approx(90.0)


def test_residues_come_back_later(make):
    recipe = [TOLL_RECIPE[0], {**TOLL_RECIPE[1], "direct_yield": 0.7, "final_recovery": 0.9, "return_days": 40.0}]
    plan = planned(
        make(
            offers=[], prices={}, demand=[7.0, 2.0, 0.0], stock=[{"material": "scrap", "quantity_kg": 10.0}],
            processes=TOLL, recipes=recipe, lanes=ROADS,
        )
    )  # fmt: skip
    assert plan.summary["short_kg"] == pytest.approx(0.0)
    run = plan.tolls.row(0, named=True)
    assert (run["out_kg"], run["later_kg"], run["loss_kg"]) == pytest.approx((7.0, 2.0, 1.0))


def test_a_toller_returns_the_agreed_share_whatever_it_recovers(make):
    process = [{"process": "toll", "returned_share": 0.95}]
    plan = planned(
        make(
            offers=[], prices={}, demand=[9.5, 0.0, 0.0], stock=[{"material": "scrap", "quantity_kg": 10.0}],
            processes=process, recipes=TOLL_RECIPE, lanes=ROADS,
        )
    )  # fmt: skip
    assert plan.summary["short_kg"] == pytest.approx(0.0, abs=1e-5)


def test_outturn_settled_in_cash_gives_money_and_no_metal(make):
    process = [{"process": "toll", "settled_in": "cash", "cost": 20.0}]
    plan = planned(
        make(
            offers=[], prices={}, periods=1, demand=1.0, stock=[{"material": "scrap", "quantity_kg": 10.0}],
            processes=process, recipes=TOLL_RECIPE, lanes=ROADS,
        )
    )  # fmt: skip
    assert plan.objective == pytest.approx(300 + 10 * (20 - 0.9 * 100))


def test_a_main_output_draws_its_input_by_the_yield(make):
    recipe = [
        {"process": "toll", "material": "scrap", "direction": "in"},
        {"process": "toll", "material": "ir", "direction": "out", "main": True, "direct_yield": 0.8},
        {"process": "toll", "material": "ir", "direction": "loss", "kg_per_kg": 0.25},
    ]
    plan = planned(
        make(
            offers=[], prices={}, periods=1, demand=8.0, stock=[{"material": "scrap", "quantity_kg": 10.0}],
            processes=TOLL, recipes=recipe, lanes=ROADS,
        )
    )  # fmt: skip
    assert plan.summary["short_kg"] == pytest.approx(0.0, abs=1e-5)
    assert plan.objective == pytest.approx(8 * 20)


def test_plant_capacity_is_dry_feed(make):
    plan = planned(
        make(
            offers=[{"offer": "a"}], periods=1, stock=[{"material": "scrap", "quantity_kg": 10.0}],
            processes=[{"process": "toll", "cost": 20.0, "capacity_dry_kg": 10.0}], recipes=TOLL_RECIPE, lanes=ROADS,
        )
    )  # fmt: skip
    assert plan.tolls["in_kg"].sum() == pytest.approx(5.0)
    assert plan.values.filter(pl.col("code") == "process_capacity")["value_per_kg"][0] == pytest.approx(70.0)


def test_freight_is_gross_and_a_lane_has_a_capacity(make):
    materials = [{"material": "ir", "content": 0.5, "moisture": 0.5}]
    lane = {"lane": "road", "from_site": "ref", "to_site": "fab", "cost_per_gross_kg": 2.0, "capacity_gross_kg": 20.0}
    plan = planned(make(materials=materials, periods=1, offers=[{"offer": "a", "site": "ref"}], lanes=[lane]))
    assert plan.orders["quantity_kg"].sum() == pytest.approx(5.0)
    assert plan.objective == pytest.approx(5 * (100 + 8) + 5 * 300)
    assert plan.orders["to_site"].to_list() == ["fab"]
    assert plan.values.filter(pl.col("code") == "lane_capacity")["value_per_kg"][0] == pytest.approx((300 - 108) / 4)


def test_a_higher_grade_serves_a_lower(make):
    materials = [{"material": "ir"}, {"material": "ir-5n", "serves": "ir:0.5"}]
    plan = planned(make(materials=materials, periods=1, offers=[{"offer": "a", "material": "ir-5n"}]))
    assert plan.orders["quantity_kg"].sum() == pytest.approx(20.0)
    assert plan.supply["served_material"].to_list() == ["ir-5n"]


def test_scrap_of_production_returns_and_is_tolled(make):
    uses = [{"scrap_share": 0.5, "scrap_material": "scrap", "scrap_days": 31.0}]
    plan = planned(
        make(
            offers=[{"offer": "a"}], uses=uses, processes=TOLL, recipes=TOLL_RECIPE, lanes=ROADS,
            schedule=[{"period": "2026-01", "units": 5.0}], settings={"funding_rate_per_year": 0.01},
        )
    )  # fmt: skip
    assert plan.orders["quantity_kg"].to_list() == pytest.approx([10.0, 5.5, 5.5])


def test_end_of_life_metal_returns_after_years(make):
    uses = [{"life_years": 10.0, "collected_share": 0.5, "scrap_material": "scrap", "scrap_share": 0.0}]
    plan = planned(
        make(
            offers=[], prices={}, uses=uses, schedule=[{"period": "2016-02", "units": 20.0}],
            processes=TOLL, recipes=TOLL_RECIPE, lanes=ROADS,
        )
    )  # fmt: skip
    assert plan.summary["served_kg"] == pytest.approx(9.0)


def test_safety_stock_is_built_and_a_maximum_is_kept(make):
    plan = planned(make(offers=[{"offer": "a"}], stock_rules=[{"safety_kg": 4.0}], prices={"a": 20}))
    assert plan.stocks["quantity_kg"].to_list() == pytest.approx([4.0, 4.0, 4.0])
    commitment = [{"contract": "c", "period": "2026-01", "quantity_kg": 50.0}]
    full = planned(make(offers=[], prices={}, commitments=commitment, stock_rules=[{"max_kg": 20.0}]))
    assert full.costs.filter(pl.col("component") == "over_max")["amount"].sum() == pytest.approx((20 + 10) * 300)


def test_opening_cover_is_kept_at_the_end_unless_a_rule_says_otherwise(make):
    offers, stock = [{"offer": "a"}], [{"quantity_kg": 10.0}]
    kept = planned(make(offers=offers, stock=stock))
    assert kept.stocks.filter(pl.col("period") == "2026-03")["quantity_kg"].sum() == pytest.approx(10.0)
    drained = planned(make(offers=offers, stock=stock, stock_rules=[{"end_kg": 0.0}]))
    assert drained.objective == pytest.approx(20 * 100)


def test_holding_costs_money_and_storage(make):
    stock = [{"quantity_kg": 20.0}]
    plan = planned(
        make(periods=2, offers=[], prices={}, stock=stock, settings={"funding_rate_per_year": 0.05},
             stock_rules=[{"storage_cost": 5.0, "end_kg": 0.0, "funding_rate_per_year": 0.1}])
    )  # fmt: skip
    assert plan.objective == pytest.approx(10 * (0.1 * 100 + 5) * 31 / 365)


def test_carbon_has_a_price(make):
    offers = [{"offer": "dirty", "co2e_kg_per_kg": None}, {"offer": "clean", "co2e_kg_per_kg": 1000.0}]
    network = make(
        offers=offers, prices={"dirty": 90, "clean": 100}, carbon_factors={"Ir": 9000.0},
        settings={"carbon_price_per_t": 10.0},
    )  # fmt: skip
    plan = planned(network)
    assert set(plan.orders["offer"]) == {"clean"}
    assert plan.summary["co2e_kg"] == pytest.approx(30_000.0)
    assert plan.costs.filter(pl.col("component") == "carbon")["amount"].sum() == pytest.approx(300.0)


def test_commitments_arrive_late_as_usual(make):
    agreed = {"contract": "c", "period": "2026-01", "quantity_kg": 10.0, "delay_days_p50": 31.0, "offer": "a"}
    gone = {"contract": "d", "period": "2026-01", "quantity_kg": 10.0, "state": "cancelled"}
    plan = planned(make(offers=[{"offer": "a", "max_kg": 0.0}], commitments=[agreed, gone]))
    assert plan.shortages["short_kg"].to_list() == pytest.approx([10.0, 0.0, 10.0])
    assert plan.exposure.row(0, named=True)["origin_country"] == "ZAF"


def test_a_delivery_is_counted_from_the_day_it_was_promised_and_never_before_today(make):
    promised = {"contract": "c", "period": "2026-01", "quantity_kg": 10.0, "delay_days_p50": 10.0}

    def served(day: date) -> list[float]:
        plan = planned(make(commitments=[{**promised, "promised_on": day}]))
        return plan.shortages["served_kg"].to_list()

    assert served(date(2026, 1, 20)) == pytest.approx([10.0, 0.0, 0.0])
    assert served(date(2026, 1, 25)) == pytest.approx([0.0, 10.0, 0.0])
    assert served(date(2025, 6, 1)) == pytest.approx([10.0, 0.0, 0.0])


def test_nothing_is_ordered_inside_the_frozen_days(make):
    plan = planned(make(offers=[{"offer": "a"}], settings={"frozen_days": 40.0, "funding_rate_per_year": 0.01}))
    assert plan.orders["order_period"].to_list() == ["2026-02", "2026-03"]


def test_an_offer_is_open_between_its_dates(make):
    plan = planned(make(offers=[{"offer": "a", "valid_from": date(2026, 1, 15), "valid_to": date(2026, 2, 20)}]))
    assert bought(plan, "a") == {"2026-02": 20.0}


def test_a_swap_gives_metal_elsewhere_at_once(make):
    swap = {"offer": "s", "kind": "swap", "site": "fab", "return_site": "ref"}
    plan = planned(make(periods=1, offers=[swap], prices={"s": 2.0}, stock=[{"site": "ref", "quantity_kg": 10.0}],
                        stock_rules=[{"end_kg": 0.0}]))  # fmt: skip
    assert plan.objective == pytest.approx(20.0)


def test_an_index_price_is_that_of_the_delivery(make):
    network = make(periods=2, demand=[0.0, 10.0], offers=[{"offer": "a", "lead_days": 31.0, "price_index": "Ir"}])
    later = pl.DataFrame({"offer": ["a"], "period": ["2026-02"], "price_per_kg": [150.0]})
    tables = dict(network.tables)
    tables["offer_prices"] = pl.concat([tables["offer_prices"], later])
    again = type(network).from_frames(
        tables, horizon=network.planned, demand=tables["demand"], offer_prices=tables["offer_prices"],
        metal_prices=tables["metal_prices"], settings=network.settings,
    )  # fmt: skip
    assert planned(again).orders["price_per_kg"][0] == 150.0


@pytest.mark.parametrize(
    ("recipes", "code"),
    [
        ([{**TOLL_RECIPE[0], "main": False}, TOLL_RECIPE[1]], "plan.no_main"),
        ([TOLL_RECIPE[0], {**TOLL_RECIPE[1], "direct_yield": None}], "plan.no_coefficient"),
        ([TOLL_RECIPE[0], {**TOLL_RECIPE[1], "direct_yield": 1.2}], "case.yield_above_one"),
        ([TOLL_RECIPE[0], {**TOLL_RECIPE[1], "kg_per_kg": 1.2}], "plan.metal_from_nothing"),
        ([TOLL_RECIPE[0], {**TOLL_RECIPE[1], "material": "unknown"}], "case.unknown_id"),
    ],
)
def test_a_recipe_that_makes_no_sense_is_refused(make, recipes, code):
    with pytest.raises(BadInput) as refused:
        make(offers=[], prices={}, processes=TOLL, recipes=recipes)
    assert refused.value.code == code


def test_metal_in_an_own_account_is_drawn_for_nothing(make):
    offers = [{"offer": "account", "kind": "account_draw", "total_kg": 12.0}, {"offer": "a"}]
    plan = planned(make(offers=offers, prices={"a": 100}))
    assert plan.objective == pytest.approx((30 - 12) * 100)


def test_an_offer_without_a_price_costs_what_the_metal_is_worth(make):
    assert planned(make(offers=[{"offer": "a"}], prices={}, metal=70.0)).objective == pytest.approx(30 * 70)


def test_cover_need_not_be_kept_when_the_settings_say_so(make):
    plan = planned(make(offers=[{"offer": "a"}], stock=[{"quantity_kg": 10.0}], settings={"keep_cover": False}))
    assert plan.objective == pytest.approx(20 * 100)


def test_safety_stock_is_used_before_a_demand_goes_short(make):
    plan = solve(
        make(
            periods=3,
            offers=[{"offer": "a", "max_kg": 8.0}],
            stock=[{"quantity_kg": 5.0}],
            stock_rules=[{"safety_kg": 5.0}],
        )
    )
    assert plan.summary["short_kg"] == pytest.approx(3 * 10.0 - 3 * 8.0 - 5.0)
    assert plan.shortages["short_kg"].to_list()[:2] == pytest.approx([0.0, 0.0])


def test_a_kilogram_short_costs_more_the_earlier_it_is():
    assert urgency(4).tolist() == pytest.approx([1.375, 1.25, 1.125, 1.0])
