"""Metal is ready on a day: what comes late in a period cannot have left early in it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from by_day import lacking_kg
from by_hand import planned
from hypothesis import given, settings
from hypothesis import strategies as st
from test_plan_conservation import refineries

from oreloop.base.errors import BadInput
from oreloop.base.period import Horizon, Period
from oreloop.base.texts import label
from oreloop.plan import HIGHS, Edit, Network, Session, Settings, solve, verify_certificate
from oreloop.plan.formulate import formulate
from oreloop.plan.punctual import Punctual
from oreloop.plan.ranges import sentence_fields, shadow_prices
from oreloop.plan.tables.ready import nothing_late
from oreloop.plan.waits import wait_days
from oreloop.plan.worth import risks

FEW = settings(max_examples=max(1, settings.default.max_examples // 5))
FEWER = settings(max_examples=max(1, settings.default.max_examples // 15))
CRUDE = [{"material": "ir"}, {"material": "crude"}]
REFINE = [
    {"process": "refine", "material": "crude", "direction": "in", "main": True},
    {"process": "refine", "material": "ir", "direction": "out", "direct_yield": 1.0},
]
HELD = [{"storage_cost": 0.0}, {"site": "ref", "material": "crude"}, {"site": "ref", "material": "ir"}]


def chain(make, *, order=10.0, there=8.0, outturn=12.0, back=5.0, periods=3, **more):
    """Crude is ordered at the pit, goes to the refinery, is refined, and goes to the user."""
    given_ = {
        "materials": CRUDE, "offers": [{"offer": "crude", "site": "pit", "material": "crude", "lead_days": order}],
        "lanes": [
            {"lane": "rail", "from_site": "pit", "to_site": "ref", "material": "crude", "lead_days": there},
            {"lane": "road", "from_site": "ref", "to_site": "fab", "material": "ir", "lead_days": back},
        ],
        "processes": [{"process": "refine", "outturn_days": outturn}], "recipes": REFINE,
        "settings": {"keep_cover": False},
    }  # fmt: skip
    return make(periods=periods, **{**given_, **more})


def short(plan) -> list[float]:
    return plan.shortages.filter("planned")["short_kg"].to_list()


def without_days(network):
    """The same network as if everything left on the first day of its period."""
    return replace(network, ready=nothing_late())


# Solved by hand.


def test_a_chain_of_short_steps_takes_the_days_of_all(make):
    """Ordered on 1 January: at the pit on the 11th, at the refinery on the 19th, refined on the 31st; at the user on
    6 February, though each step alone takes less than a month."""
    network = chain(make)
    assert short(planned(network)) == pytest.approx([10.0, 0.0, 0.0])
    assert short(planned(without_days(network))) == pytest.approx([0.0, 0.0, 0.0])


def test_a_chain_that_fits_into_a_month_is_used_in_it(make):
    assert short(planned(chain(make, order=2.0, there=3.0, outturn=20.0, back=5.0))) == pytest.approx([0.0] * 3)
    assert short(planned(chain(make, order=2.0, there=3.0, outturn=20.0, back=6.0))) == pytest.approx([10.0, 0.0, 0.0])


def test_what_is_in_stock_leaves_on_the_first_day_beside_what_comes_late(make):
    """4 kg of crude at the refinery are refined at once; the rest of the chain is too late for January."""
    stock = [{"site": "ref", "material": "crude", "quantity_kg": 4.0}]
    assert short(planned(chain(make, stock=stock))) == pytest.approx([6.0, 0.0, 0.0])


@pytest.mark.parametrize(
    ("promised", "lacks"), [(date(2026, 1, 12), 0.0), (date(2026, 1, 22), 0.0), (date(2026, 1, 23), 10.0)]
)
def test_a_delivery_leaves_on_the_day_it_comes(make, promised, lacks):
    """The road takes 9 days: what comes on 22 January is at the user on the 31st, what comes a day later is not."""
    agreed = [{"contract": "c", "site": "ref", "period": "2026-01", "quantity_kg": 10.0, "promised_on": promised}]
    network = chain(make, back=9.0, commitments=agreed, offers=[], demand=[10.0, 0.0, 0.0], processes=[], recipes=[])
    assert short(planned(network))[0] == pytest.approx(lacks)


def test_metal_in_acceptance_is_ready_when_it_is_accepted(make):
    stock = [{"site": "ref", "quantity_kg": 10.0, "state": "in_acceptance"}]
    lanes = [{"lane": "road", "from_site": "ref", "to_site": "fab", "lead_days": 9.0}]
    for days, lacks in ((21.0, 0.0), (22.0, 10.0)):
        network = make(stock=stock, lanes=lanes, demand=[10.0, 0.0, 0.0],
                       settings={"accept_days": days, "keep_cover": False})  # fmt: skip
        # Acceptance counts at the user too: the road then takes longer, so metal must be free the earlier.
        assert short(planned(network))[0] == pytest.approx(10.0 if days + 9.0 + days > 30 else lacks)


def test_demand_is_met_on_any_day_of_its_month(make):
    assert short(planned(make(offers=[{"offer": "a", "lead_days": 30.0}]))) == pytest.approx([0.0] * 3)


def test_debt_is_repaid_on_any_day_of_its_month(make):
    stock = [{"quantity_kg": 5.0, "owner": "leased_in", "due_back_on": date(2026, 1, 31)}]
    network = make(stock=stock, offers=[{"offer": "a", "lead_days": 25.0}], demand=5.0)
    assert short(planned(network)) == pytest.approx([0.0] * 3)


def test_the_first_period_begins_on_the_day_of_the_plan(make):
    """From 10 January on, 2 + 3 + 12 + 5 days still fit into the month, 4 + 3 + 12 + 5 do not."""
    at = {"settings": {"keep_cover": False, "at": date(2026, 1, 10)}}
    assert short(planned(chain(make, order=1.0, there=3.0, **at)))[0] == pytest.approx(0.0)
    assert short(planned(chain(make, order=4.0, there=3.0, **at)))[0] == pytest.approx(10.0)


def test_scrap_comes_back_from_the_day_on_which_metal_may_have_been_used(make):
    """Metal may come until the 21st; scrap of it, 15 days later, is there in February."""
    uses = [{"scrap_share": 0.5, "scrap_material": "scrap", "scrap_days": 15.0}]
    roads = [{"lane": "there", "from_site": "fab", "to_site": "ref", "material": "scrap"},
             {"lane": "back", "from_site": "ref", "to_site": "fab", "material": "ir"}]  # fmt: skip
    given_ = {
        "uses": uses, "lanes": roads, "processes": [{"process": "toll", "outturn_days": 40.0}],
        "recipes": [{"process": "toll", "material": "scrap", "direction": "in", "main": True},
                    {"process": "toll", "material": "ir", "direction": "out", "direct_yield": 0.9}],
    }  # fmt: skip
    for days, arrives in ((10.0, "2026-01"), (20.0, "2026-02")):
        plan = planned(make(offers=[{"offer": "a", "lead_days": days}], **given_))
        scrap = plan.flows.filter((pl.col("kind") == "scrap") & (pl.col("period") == "2026-01"))
        assert scrap["arrives"].to_list() == [arrives]


def test_a_run_of_two_inputs_starts_when_the_later_one_is_there(make):
    materials = [{"material": "ir"}, {"material": "crude"}, {"material": "acid", "element": "Cl"}]
    recipe = [*REFINE, {"process": "refine", "material": "acid", "direction": "in", "kg_per_kg": 0.1}]
    stock = [{"site": "ref", "material": "crude", "quantity_kg": 10.0}]
    for days, lacks in ((13.0, 0.0), (14.0, 10.0)):
        offers = [{"offer": "acid", "site": "ref", "material": "acid", "lead_days": days}]
        network = chain(make, materials=materials, recipes=recipe, stock=stock, offers=offers, demand=[10.0, 0.0, 0.0])
        assert short(planned(network))[0] == pytest.approx(lacks)


# What is told of it.


def test_an_order_is_placed_in_time_for_the_run_that_takes_it(make):
    """Refined in January if fed by the 19th, so ordered by the 9th; the run starts by the 19th."""
    network = make(
        materials=CRUDE, offers=[{"offer": "crude", "material": "crude", "lead_days": 10.0}],
        processes=[{"process": "refine", "site": "fab", "outturn_days": 12.0}], recipes=REFINE, demand=[10.0, 0.0, 0.0],
        settings={"keep_cover": False},
    )  # fmt: skip
    plan = planned(network)
    assert plan.orders["act_by"].to_list() == [date(2026, 1, 9)]
    assert plan.tolls["act_by"].to_list() == [date(2026, 1, 19)]


def test_a_run_is_started_in_time_for_the_road_after_it(make):
    """12 days in the refinery and 9 on the road: the run starts by the 10th, and its metal leaves by the 22nd."""
    stock = [{"site": "ref", "material": "crude", "quantity_kg": 10.0}]
    plan = planned(chain(make, back=9.0, stock=stock, offers=[], demand=[10.0, 0.0, 0.0]))
    assert plan.tolls["act_by"].to_list() == [date(2026, 1, 10)]


def test_what_readiness_costs_is_told_by_place_day_and_period(make):
    """Refined on the 25th, and 9 days on the road: a kg that were there in time would serve January, short at 412.5; as it
    is, it serves later months and is worth the 100 for which it is bought."""
    plan = planned(chain(make, back=9.0, order=0.0, there=0.0, outturn=24.0, demand=[10.0, 0.0, 0.0]))
    assert short(plan)[0] == pytest.approx(10.0)
    worth = plan.values.filter((pl.col("code") == "ready") & (pl.col("period") == "2026-01"))
    assert worth.select("site", "material", "value_per_kg").rows() == [("ref", "ir", pytest.approx(312.5))]
    some = planned(
        chain(
            make,
            back=9.0,
            order=0.0,
            there=0.0,
            outturn=24.0,
            demand=[10.0, 0.0, 0.0],
            stock=[{"site": "ref", "quantity_kg": 4.0}],
        )
    )
    [row] = shadow_prices(some, codes=["ready"]).filter(pl.col("period") == "2026-01").to_dicts()
    assert (row["site"], row["value_per_kg"]) == ("ref", pytest.approx(312.5))
    for language, word in (("en", "too late"), ("zh", "太晚")):
        assert word in label("plan.value.ready", language, **sentence_fields(row, currency="CNY", language=language))


def test_an_edit_of_a_lead_time_is_the_plan_of_the_edited_network(make):
    network = chain(make)
    edits = [Edit(table="offers", where={"offer": "crude"}, column="lead_days", value=2.0),
             Edit(table="lanes", where={"lane": "rail"}, column="lead_days", value=3.0)]  # fmt: skip
    session = Session(network)
    assert session.cost(edits) == pytest.approx(solve(network.edited(edits)).objective)
    assert session.cost(edits) < session.plan().objective


def test_nothing_is_stated_where_nothing_comes_late(make):
    network = make(offers=[{"offer": "a"}], lanes=[{"lane": "l", "from_site": "fab", "to_site": "ref"}])
    assert not len(network.ready.rows[0])
    one_step = make(offers=[{"offer": "a", "lead_days": 40.0}])
    model = formulate(one_step).model
    assert not model.row_blocks["ready"].size
    assert not model.column_blocks["early"].size


# Rules for every network.

DAYS = st.integers(0, 40).map(float)
AMOUNT = st.integers(0, 12).map(float)


@st.composite
def roads(draw):
    """Metal moves between four sites on any lanes, circles too, and is refined on its way."""
    sites = ["pit", "port", "ref", "fab"]
    pairs = draw(
        st.lists(st.tuples(st.sampled_from(sites), st.sampled_from(sites)), min_size=2, max_size=7, unique=True)
    )
    return {
        "periods": 3, "materials": CRUDE,
        "sites": [{"site": name, "kind": "user" if name == "fab" else "warehouse"} for name in sites],
        "offers": [{"offer": f"o{at}", "site": draw(st.sampled_from(sites)), "material": draw(st.sampled_from(["ir", "crude"])),
                    "lead_days": draw(DAYS), "max_kg": draw(AMOUNT)} for at in range(3)],
        "lanes": [{"lane": f"l{at}", "from_site": start, "to_site": end, "lead_days": draw(DAYS)}
                  for at, (start, end) in enumerate(pairs) if start != end],
        "processes": [{"process": "refine", "outturn_days": draw(DAYS)}], "recipes": REFINE,
        "stock": [{"site": draw(st.sampled_from(sites)), "quantity_kg": draw(AMOUNT)}],
        "commitments": [{"contract": "c", "site": draw(st.sampled_from(sites)), "period": "2026-01", "quantity_kg": draw(AMOUNT),
                         "promised_on": date(2026, 1, draw(st.integers(1, 31)))}],
        "demand": [draw(AMOUNT) for _ in range(3)],
        "settings": {"keep_cover": False, "accept_days": draw(st.sampled_from([0.0, 5.0])),
                     "at": date(2026, 1, draw(st.sampled_from([1, 17]))), "frozen_days": draw(st.sampled_from([0.0, 8.0]))},
    }  # fmt: skip


@given(case=roads())
@FEW
def test_a_plan_can_be_carried_out_day_by_day(make, case):
    """So that no demand is served earlier than a plan by days could serve it."""
    assert lacking_kg(planned(make(**case))) <= 1e-4


@given(case=refineries())
@FEWER
def test_a_plan_of_a_refinery_can_be_carried_out_day_by_day(make, case):
    assert lacking_kg(planned(make(**case))) <= 1e-4


@given(case=st.one_of(roads(), refineries()))
@FEW
def test_no_metal_leaves_before_it_has_come_to_the_milligram(make, case):
    plan = planned(make(**case))
    whole = plan.flows_mg
    spare = Punctual(plan.network, whole.early_mg, whole.inflow_mg).spare_mg(whole.mg, whole.posted_mg, whole.stock_mg)
    assert (spare >= 0).all()
    assert (whole.stock_mg >= 0).all()
    verdict = verify_certificate(plan.certificate(), plan.model)
    assert verdict.accepted, verdict


@given(case=st.one_of(roads(), refineries()))
@FEW
def test_days_never_make_a_plan_cheaper(make, case):
    network = make(**case)
    free = HIGHS.solve(formulate(without_days(network)).model).objective
    assert HIGHS.solve(formulate(network).model).objective >= free - 1e-6 * max(1.0, abs(free))


@given(days=st.integers(0, 45), part=st.integers(0, 45), order=st.integers(0, 40), stock=AMOUNT)
@FEW
def test_a_stop_on_the_way_never_makes_metal_arrive_earlier(make, days, part, order, stock):
    part = min(part, days)
    ways = [
        [{"lane": "whole", "from_site": "pit", "to_site": "fab", "lead_days": float(days)}],
        [{"lane": "one", "from_site": "pit", "to_site": "ref", "lead_days": float(part)},
         {"lane": "two", "from_site": "ref", "to_site": "fab", "lead_days": float(days - part)}],
    ]  # fmt: skip
    served = []
    for lanes in ways:
        network = make(
            lanes=lanes, offers=[{"offer": "a", "site": "pit", "lead_days": float(order), "max_kg": 9.0}],
            stock=[{"site": "pit", "quantity_kg": stock}], periods=4, settings={"keep_cover": False},
        )  # fmt: skip
        served.append(np.cumsum(planned(network).shortages.filter("planned")["served_kg"].to_numpy()))
    assert (served[1] <= served[0] + 1e-5).all()


@given(case=roads())
@FEWER
def test_orders_wait_until_the_day_told_and_all_can_still_be_done(make, case):
    plan = planned(make(**case))
    waits = wait_days(plan.network, plan.flows_mg)
    assert all(days >= 0 for days in waits.values())
    assert lacking_kg(plan, {key[1:]: days for key, days in waits.items() if key[0] == "buy"}) <= 1e-4


def test_weeks_count_days_as_months_do():
    """By weeks, the 35 days of the chain bring metal on 5 February, and none of it before."""
    tables = {
        "sites": pl.DataFrame({"site": ["pit", "ref", "fab"], "kind": ["mine", "refinery", "user"], "country": ["ZAF"] * 3}),
        "materials": pl.DataFrame({"material": ["ir"], "element": ["Ir"], "content": [1.0]}),
        "offers": pl.DataFrame({"offer": ["a"], "site": ["pit"], "material": ["ir"], "lead_days": [10.0]}),
        "lanes": pl.DataFrame({"lane": ["l", "m"], "from_site": ["pit", "ref"], "to_site": ["ref", "fab"], "lead_days": [12.0, 13.0]}),
    }  # fmt: skip
    horizon = Horizon.of(Period.parse("2026-W01"), 8)
    demand = pl.DataFrame(
        {"site": ["fab"] * 8, "material": ["ir"] * 8, "period": horizon.names, "quantity_kg": [1.0] * 8}
    )
    prices = pl.DataFrame({"period": ["2026-W01"], "price_per_kg": [100.0]})
    network = Network.from_frames(
        tables, horizon=horizon, demand=demand, offer_prices=prices.with_columns(offer=pl.lit("a")),
        metal_prices=prices.with_columns(material=pl.lit("Ir")), settings=Settings(accept_days=0.0),
    )  # fmt: skip
    plan = planned(network)
    first = plan.shortages.filter(pl.col("served_kg") > 0.5)["period"][0]
    assert Period.parse(first).first <= date(2025, 12, 29) + timedelta(days=35 + 6)
    assert Period.parse(first).last >= date(2025, 12, 29) + timedelta(days=35)
    assert lacking_kg(plan) <= 1e-6


# The cautious lead time.

SPREAD = [
    {"offer": "slow", "lead_days": 20.0, "lead_days_p90": 35.0},
    {"offer": "sure", "lead_days": 5.0, "lead_days_p90": None},
]


def test_a_cautious_plan_counts_on_nine_orders_in_ten(make):
    asked = {"offers": SPREAD, "prices": {"slow": 50.0, "sure": 90.0}}
    usual, cautious = (planned(make(**asked, settings={"lead_time": name})) for name in ("p50", "p90"))
    arrives = [
        plan.orders.filter(pl.col("order") == "slow/2026-01")["arrive_period"].to_list() for plan in (usual, cautious)
    ]
    assert arrives == [["2026-01"], ["2026-02"]]
    assert "sure" in cautious.orders["offer"].to_list()
    assert cautious.orders.filter(pl.col("order") == "slow/2026-01")["act_by"].to_list() == [date(2026, 1, 24)]
    assert cautious.objective > usual.objective


def test_a_plan_tells_what_it_costs_if_all_orders_take_that_long(make):
    asked = {"offers": SPREAD[:1], "prices": {"slow": 50.0}, "demand": [10.0, 0.0, 0.0]}
    session = Session(make(**asked))
    [late] = risks(session, session.plan()).to_dicts()
    assert (late["risk"], late["event"], late["target"], late["expected_cost"]) == (
        "late_orders",
        "late_orders",
        None,
        None,
    )
    assert late["short_kg"] == pytest.approx(10.0)
    assert late["delta_cost"] > 10.0 * 200.0
    for settings_, offers in (({"lead_time": "p90"}, SPREAD[:1]), ({}, SPREAD[1:])):
        told = Session(make(**{**asked, "offers": offers, "prices": {"slow": 50.0, "sure": 50.0}}, settings=settings_))
        assert risks(told, told.plan()).is_empty()


def test_orders_that_would_break_a_hard_limit_when_late_are_told_without_figures(make):
    limits = [{"limit": "all", "metric": "shortage", "value": 0.0}]
    session = Session(make(offers=SPREAD[:1], demand=[10.0, 0.0, 0.0], limits=limits))
    [late] = risks(session, session.plan()).to_dicts()
    assert (late["delta_cost"], late["short_kg"]) == (None, None)


def test_a_lead_time_that_is_neither_is_refused(make):
    with pytest.raises(BadInput) as refused:
        make(offers=SPREAD, settings={"lead_time": "p75"})
    assert [(each.code, each.fields["name"]) for each in refused.value.problems] == [("plan.setting", "lead_time")]
