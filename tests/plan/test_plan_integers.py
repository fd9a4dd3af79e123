"""Orders that are placed whole or not at all, campaigns that are paid in full, and metal that is paid, taken or not."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from math import ceil

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oreloop.base.errors import BadInput
from oreloop.base.texts import label
from oreloop.plan import HIGHS, Builder, Edit, Infeasible, Plan, Session, certify_tree, solve, verify_certificate
from oreloop.plan.decide import actions
from oreloop.plan.formulate import formulate
from oreloop.plan.highs import Highs, Stopped
from oreloop.plan.search import Searched, search

FEW = settings(max_examples=max(1, settings.default.max_examples // 4))
KG = st.integers(0, 60).map(lambda tenths: tenths / 10)
LEAST = st.sampled_from([0.0, 2.0, 5.5, 9.0])
HELD = [{"storage_cost": 73.0}]


@st.composite
def asked(draw):
    """Offers with and without a least order and a charge, and demand by period, as keyword arguments."""
    offers = [
        {"offer": "near", "min_kg": draw(LEAST), "max_kg": 12.0, "fixed_charge": draw(st.sampled_from([0.0, 40.0]))},
        {"offer": "far", "min_kg": draw(LEAST), "total_kg": draw(KG) * 3, "lead_days": 40.0, "fixed_charge": None},
    ]
    prices = {"near": float(draw(st.integers(80, 120))), "far": float(draw(st.integers(60, 120)))}
    return {"offers": offers, "prices": prices, "demand": draw(st.lists(KG, min_size=4, max_size=4)), "periods": 4}


def without(given_, *columns):
    """The same offers as if they asked for none of this."""
    return {**given_, "offers": [{**row, **dict.fromkeys(columns)} for row in given_["offers"]]}


def kilograms(plan: Plan) -> dict[str, float]:
    return dict(plan.orders.filter("planned").select("order", "quantity_kg").iter_rows())


@FEW
@given(asked())
def test_no_planned_order_lies_between_nothing_and_its_least(make, given_):
    plan = solve(make(**given_, stock_rules=HELD))
    least = {row["offer"]: row["min_kg"] for row in given_["offers"]}
    assert all(kg >= least[order.split("/")[0]] for order, kg in kilograms(plan).items())
    proof = verify_certificate(plan.certificate(), plan.model)
    assert proof.accepted
    assert proof.gap <= 1e-9
    assert float(proof.objective) == pytest.approx(HIGHS.solve(plan.model).objective, rel=1e-7, abs=1e-6)


@FEW
@given(asked())
def test_least_orders_and_charges_never_make_a_plan_cheaper(make, given_):
    free = without(given_, "min_kg", "fixed_charge")
    cost = solve(make(**free)).objective
    for columns in (("min_kg",), ("fixed_charge",), ()):
        assert solve(make(**without(given_, *columns))).objective >= cost - 1e-6 * max(1.0, cost)


@FEW
@given(asked(), st.sampled_from([0.125, 1000.0]))
def test_the_unit_of_mass_changes_nothing(make, given_, factor):
    scaled = {
        **given_,
        "offers": [
            {**row, **{name: row[name] * factor for name in ("min_kg", "max_kg", "total_kg") if row.get(name) is not None}}
            for row in given_["offers"]
        ],
        "prices": {offer: price / factor for offer, price in given_["prices"].items()},
        "demand": [kg * factor for kg in given_["demand"]],
        "metal": 100.0 / factor,
        "settings": {"shortage_cost_per_kg": 300.0 / factor},
    }  # fmt: skip
    assert solve(make(**scaled)).objective == pytest.approx(solve(make(**given_)).objective, rel=1e-6, abs=1e-6)


def test_without_such_data_the_program_is_the_linear_one_to_the_last_bit(make):
    offers = [{"offer": "near", "max_kg": 9.0}, {"offer": "far", "lead_days": 40.0}]
    plain = formulate(make(offers=offers)).model
    zeros = [{**row, "min_kg": 0.0, "fixed_charge": 0.0, "take_or_pay_share": 0.0} for row in offers]
    assert formulate(make(offers=zeros)).model.digest == plain.digest
    assert not plain.has_integers
    assert not {"order", "campaign", "signed"} & {name for name, block in plain.column_blocks.items() if block.size}


@FEW
@given(
    demand=st.lists(st.integers(0, 9).map(float), min_size=2, max_size=7),
    charge=st.integers(1, 400).map(float),
    storage=st.sampled_from([12.0, 120.0, 600.0]),
)
def test_orders_with_a_charge_are_the_lots_of_wagner_and_whitin(make, demand, charge, storage):
    """Wagner & Whitin 1958: an order covers the demand of whole periods; the last order splits the problem in two."""
    network = make(
        offers=[{"offer": "near", "fixed_charge": charge}], demand=demand, periods=len(demand),
        stock_rules=[{"storage_cost": storage}], settings={"shortage_cost_per_kg": 10_000.0},
    )  # fmt: skip
    [holding] = network.holding
    cheapest = [0.0]
    for end in range(1, len(demand) + 1):
        ways = [cheapest[-1]] if demand[end - 1] == 0 else []
        for start in range(end):
            held = sum(demand[late] * holding[start:late].sum() for late in range(start, end))
            ways.append(cheapest[start] + charge + held + 100.0 * sum(demand[start:end]))
        cheapest.append(min(ways))
    plan = solve(network)
    assert plan.objective == pytest.approx(cheapest[-1], rel=1e-9, abs=1e-9)
    money = dict(plan.costs.group_by("component").agg(pl.col("amount").sum()).iter_rows())
    assert money.get("order_charge", 0.0) == pytest.approx(charge * plan.orders.height)
    assert plan.orders["amount"].sum() == pytest.approx(charge * plan.orders.height + 100.0 * sum(demand), abs=1e-6)
    assert verify_certificate(plan.certificate(), plan.model).accepted


def test_an_order_is_raised_to_the_least_and_says_so(make):
    network = make(offers=[{"offer": "near", "min_kg": 8.0}], demand=[3.0, 0.0, 0.0], stock_rules=HELD)
    session = Session(network)
    plan = session.plan()
    [order] = plan.orders.iter_rows(named=True)
    assert (order["quantity_kg"], order["raised_to_kg"]) == (8.0, 8.0)
    [action] = actions(session, plan, at=date(2026, 1, 1)).iter_rows(named=True)
    assert action["reason"] == "raised"
    assert "8.0 kg" in label("plan.reason.raised", "en", **json.loads(action["reason_fields"]))
    enough = solve(make(offers=[{"offer": "near", "min_kg": 8.0}], demand=[9.0, 0.0, 0.0], stock_rules=HELD))
    assert enough.orders["raised_to_kg"].to_list() == [None]


def test_what_is_too_dear_for_the_least_order_goes_short(make):
    plan = solve(make(offers=[{"offer": "near", "min_kg": 40.0}], demand=[3.0, 0.0, 0.0]))
    assert plan.orders.is_empty()
    assert plan.summary["short_kg"] == 3.0


def test_a_least_order_of_odd_milligrams_is_rounded_up(make):
    plan = solve(make(offers=[{"offer": "near", "min_kg": 5.0000004}], demand=[1.0, 2.0, 2.0], stock_rules=HELD))
    assert plan.orders["quantity_mg"].to_list() == [5_000_001]


TOLL = [{"process": "toll", "cost": 5.0, "fixed_charge": 60.0, "batch_kg": 8.0, "capacity_dry_kg": 30.0}]
RECIPES = [
    {"process": "toll", "material": "scrap", "direction": "in", "main": True},
    {"process": "toll", "material": "ir", "direction": "out", "direct_yield": 1.0},
]
WAY = [{"lane": "home", "from_site": "ref", "to_site": "fab"}]


def test_campaigns_are_paid_in_full_and_hold_one_batch_each(make):
    """Scrap is half metal, so a batch of 8 dry kg is 4 kg of metal: 10 kg take three campaigns, which would hold 12."""
    network = make(
        processes=TOLL, recipes=RECIPES, lanes=WAY, demand=[10.0, 2.0, 0.0], prices={},
        stock=[{"site": "ref", "material": "scrap", "quantity_kg": 40.0}],
        stock_rules=[{"site": site, "storage_cost": 1200.0} for site in ("fab", "ref")],
    )  # fmt: skip
    apart = solve(network)
    runs = apart.tolls.select("run_period", "in_kg", "campaigns", "fixed_charge", "amount").rows()
    assert runs == [("2026-01", 10.0, 3, 180.0, 230.0), ("2026-02", 2.0, 1, 60.0, 70.0)]
    together = solve(network.edited([Edit(table="stock_rules", column="storage_cost", value=60.0)]))
    assert together.tolls.select("in_kg", "campaigns").rows() == [(12.0, 3)]
    for plan, charges in ((apart, 240.0), (together, 180.0)):
        money = dict(plan.costs.group_by("component").agg(pl.col("amount").sum()).iter_rows())
        assert money["campaign_charge"] == charges
        assert plan.objective == pytest.approx(sum(money.values()))


@pytest.mark.parametrize(("capacity", "most"), [(None, 40.0), (12.0, 6.0)])
def test_a_charge_without_a_batch_is_one_campaign_in_a_period(make, capacity, most):
    process = [{**TOLL[0], "batch_kg": None, "capacity_dry_kg": capacity}]
    plan = solve(
        make(
            processes=process, recipes=RECIPES, lanes=WAY, demand=[40.0, 0.0, 0.0], prices={},
            stock=[{"site": "ref", "material": "scrap", "quantity_kg": 40.0}],
        )
    )  # fmt: skip
    assert plan.tolls.select("in_kg", "campaigns").rows() == [(most, 1)]


def test_batches_without_a_charge_leave_the_program_linear_and_are_counted(make):
    process = [{**TOLL[0], "fixed_charge": None}]
    plan = solve(
        make(
            processes=process, recipes=RECIPES, lanes=WAY, demand=[10.0, 4.0, 0.0], prices={},
            stock=[{"site": "ref", "material": "scrap", "quantity_kg": 14.0}],
        )
    )  # fmt: skip
    assert not plan.model.has_integers
    assert plan.tolls["campaigns"].to_list() == [ceil(kg / 4.0) for kg in plan.tolls["in_kg"]]


AGREED = [
    {"offer": "frame", "total_kg": 20.0, "take_or_pay_share": 0.75},
    {"offer": "spot", "take_or_pay_share": None},
]


@pytest.mark.parametrize(
    ("spot", "agreed_kg", "untaken"), [(120.0, 12.0, 300.0), (130.0, 12.0, 300.0), (104.0, 0.0, 0.0)]
)
def test_metal_is_paid_taken_or_not_once_anything_is_ordered(make, spot, agreed_kg, untaken):
    """15 of 20 kg at 100 are due, 12 are needed: 12 x 100 + 3 x 100 beats the spot market from 125 on."""
    prices = {"frame": 100.0, "spot": spot}
    plan = solve(make(offers=AGREED, prices=prices, demand=[6.0, 6.0, 0.0], stock_rules=HELD))
    cheaper_on_spot = 12 * spot < 1500
    taken = plan.orders.filter(pl.col("offer") == "frame")["quantity_kg"].sum()
    money = dict(plan.costs.group_by("component").agg(pl.col("amount").sum()).iter_rows())
    assert plan.objective == pytest.approx(min(12 * spot, 1500.0))
    assert taken == pytest.approx(0.0 if cheaper_on_spot else agreed_kg)
    assert money.get("untaken", 0.0) == pytest.approx(0.0 if cheaper_on_spot else untaken)


def test_what_is_due_follows_what_the_periods_allow(make):
    offers = [{"offer": "frame", "max_kg": 4.0, "take_or_pay_share": 0.5}]
    assert make(offers=offers).take_or_pay.due_kg.tolist() == [6.0]
    assert make(offers=[{**offers[0], "total_kg": 5.0}]).take_or_pay.due_kg.tolist() == [2.5]


def test_a_share_of_no_quantity_is_refused(make):
    with pytest.raises(BadInput) as refused:
        make(offers=[{"offer": "frame", "take_or_pay_share": 0.5}])
    assert refused.value.code == "plan.take_or_pay"


def test_a_budget_counts_charges_and_what_is_paid_untaken(make):
    plan = solve(
        make(offers=[{**AGREED[0], "fixed_charge": 7.0}], demand=[12.0, 0.0, 0.0], settings={"budget": 1507.0})
    )
    assert plan.summary["short_kg"] == 0.0
    [used] = plan.limits["used"]
    assert used == pytest.approx(1507.0)
    tight = solve(
        make(offers=[{**AGREED[0], "fixed_charge": 7.0}], demand=[12.0, 0.0, 0.0], settings={"budget": 1506.0})
    )
    assert tight.summary["short_kg"] == 12.0


def test_after_the_horizon_parts_of_an_order_count(make):
    """Nothing is decided there; what is left open there cannot cost more than it would."""
    offers = [{"offer": "far", "lead_days": 30.0, "min_kg": 50.0}]
    plan = solve(make(offers=offers, demand=[0.0, 0.0, 6.0], stock_rules=[{"storage_cost": 0.0}]))
    integer = plan.model.of_columns("order", plan.model.integer.astype(float)).reshape(1, -1)
    assert integer.tolist() == [[1.0] * 3 + [0.0] * (integer.size - 3)]
    small = solve(make(offers=offers, demand=[0.0, 0.0, 0.0, 6.0][:3], stock=[{"quantity_kg": 6.0}]))
    assert all(kg >= 50.0 for kg in kilograms(small).values())


def test_capacity_is_worth_the_same_where_a_charge_states_it_again(make):
    offers = [{"offer": "near", "max_kg": 4.0}, {"offer": "dear"}]
    asked_ = {"prices": {"near": 80.0, "dear": 100.0}, "demand": [9.0, 0.0, 0.0]}
    worth = [
        solve(make(offers=[{**offers[0], **more}, offers[1]], **asked_))
        .values.filter(pl.col("code") == "offer_capacity")
        .select("subject", "period", "value_per_kg")
        .rows()
        for more in ({}, {"fixed_charge": 5.0}, {"min_kg": 2.0}, {"take_or_pay_share": 0.3})
    ]
    assert worth[0] == [("near", "2026-01", pytest.approx(20.0))]
    assert all(each == worth[0] for each in worth)


EDITS = st.lists(
    st.sampled_from(
        [
            Edit(table="demand", column="quantity_kg", value=1.3, how="scale"),
            Edit(table="demand", where={"period": "2026-02"}, column="quantity_kg", value=1.5),
            Edit(table="offers", where={"offer": "near"}, column="max_kg", value=0.0),
            Edit(table="offers", where={"offer": "near"}, column="max_kg", value=7.0),
            Edit(table="offer_prices", where={"offer": "far"}, column="price_per_kg", value=0.8, how="scale"),
            Edit(table="offers", where={"offer": "far"}, column="lead_days", value=10.0),
        ]
    ),
    min_size=1,
    max_size=3,
)


@FEW
@given(asked(), EDITS)
def test_whatif_is_the_plan_of_the_edited_network(make, given_, edits):
    network = make(**given_)
    session = Session(network)
    before = session.plan().objective
    assert session.cost(edits) == pytest.approx(solve(network.edited(edits)).objective, rel=1e-7, abs=1e-6)
    assert session.plan().objective == before


def test_an_answer_does_not_depend_on_what_was_asked_before(make):
    offers = [{"offer": "near", "min_kg": 5.0, "max_kg": 12.0}, {"offer": "far", "min_kg": 3.0, "lead_days": 40.0}]
    network = make(offers=offers, prices={"near": 90.0, "far": 60.0}, demand=[6.0, 7.0, 1.0], stock_rules=HELD)
    more = [Edit(table="demand", column="quantity_kg", value=1.1, how="scale")]
    one, other = Session(network), Session(network)
    one.cost([Edit(table="offers", where={"offer": "near"}, column="max_kg", value=1.0)])
    first, second = one.whatif(more), other.whatif(more)
    assert np.array_equal(first.solution.primal, second.solution.primal)
    assert first.certificate() == second.certificate()


def test_prices_are_those_of_the_plan_with_its_orders_fixed(make):
    plan = solve(make(offers=[{"offer": "near", "min_kg": 4.0, "fixed_charge": 9.0, "max_kg": 6.0}], stock_rules=HELD))
    told, model = plan.solution, plan.model
    fixed = replace(
        model.relaxed(),
        lower=np.where(model.whole, told.primal, model.lower),
        upper=np.where(model.whole, told.primal, model.upper),
    )
    assert HIGHS.solve(fixed).objective == pytest.approx(plan.objective)
    bound = np.where(told.duals > 0, model.row_lower, np.where(told.duals < 0, model.row_upper, 0.0))
    reduced = told.reduced_costs
    box = np.where(reduced > 0, fixed.lower, fixed.upper)
    assert told.duals @ bound + reduced @ box == pytest.approx(plan.objective)


def hard_case(make, **more):
    offers = [
        {"offer": f"o{at}", "min_kg": 5.0 + at, "max_kg": 11.0, "fixed_charge": 31.0 + 7 * at, "total_kg": 25.0}
        for at in range(3)
    ]
    prices = {f"o{at}": 100.0 - 3 * at for at in range(3)}
    return make(offers=offers, prices=prices, demand=[7.0, 3.0, 9.0, 4.0], periods=4, stock_rules=HELD, **more)


def test_a_certificate_refuses_a_cheaper_claim_and_prices_that_are_not_its_own(make):
    plan = solve(hard_case(make))
    honest, model = plan.certificate(), plan.model
    verdict = verify_certificate(honest, model)
    assert verdict.accepted
    assert plan.proved_gap == float(verdict.gap) <= 1e-9
    assert len(honest["tree"]) > 1
    relaxed = HIGHS.solve(model.relaxed())
    claim = {**honest, "primal": [float(value).hex() for value in relaxed.primal]}
    refused = verify_certificate(claim, model)
    assert "plan.certificate_whole" in [each.code for each in refused.problems]
    none_ordered = np.where(model.whole, 0.0, plan.solution.primal)
    claim = {**honest, "primal": [float(value).hex() for value in none_ordered]}
    assert "plan.certificate_primal" in [each.code for each in verify_certificate(claim, model).problems]
    for prices in ([float(value * 0.9).hex() for value in plan.solution.duals], honest["duals"][:-1], ["nonsense"], 7):
        refused = verify_certificate({**honest, "duals": prices}, model)
        assert [each.code for each in refused.problems] == ["plan.certificate_prices"]


def test_a_tree_cut_short_states_the_gap_that_it_leaves(make):
    plan = solve(hard_case(make))
    short = certify_tree(plan.model, nodes=1, best=plan.solution)
    assert len(short["tree"]) == 1
    verdict = verify_certificate(short, plan.model)
    assert verdict.accepted
    assert 1e-9 < verdict.gap <= float.fromhex(short["gap"])


def test_a_longer_search_goes_on_where_the_small_tree_ends(make):
    model = solve(hard_case(make)).model
    known = HIGHS.solve(model).objective
    for longer in (HIGHS, Highs(nodes=0)):
        told = Searched(nodes=1, longer=longer).solve(model)
        assert told.bound <= known + 1e-6
        assert told.objective >= known - 1e-6
    assert Searched(nodes=1, longer=HIGHS).solve(model).objective == pytest.approx(known)


def test_what_has_no_whole_point_is_infeasible_and_what_has_none_at_all_too():
    lp = Builder()
    lots = lp.columns("lots", (1,), upper=3.0, integer=True)
    half = lp.rows("half", (1,), lower=3.0, upper=3.0)
    lp.add(half, 0, lots, 0, 2.0)
    model = lp.build()
    for nodes in (1, 9):
        assert Searched(nodes=nodes).solve(model).status == "infeasible"
    assert certify_tree(model) is None
    nothing = model.with_rows(model.row_lower + 9.0, model.row_upper + 9.0)
    assert Searched().solve(nothing).status == "infeasible"


def test_rounding_that_a_row_minds_after_all_is_split():
    """Two columns that each have room alone share a row that has room for one."""
    lp = Builder()
    lots = lp.columns("lots", (2,), upper=1.0, cost=[-1.0, -1.0], integer=True)
    kept = lp.columns("kept", (2,), upper=0.3, cost=-0.1)
    room = lp.rows("room", (1,), upper=1.5)
    lp.add(room, 0, lots, lots.all, 1.0)
    lp.add(room, 0, kept, kept.all, 1.0)
    model = lp.build()
    found = search(model, model.relaxed(), HIGHS.warm(model.relaxed()))
    assert found.closed
    assert found.best.objective == pytest.approx(HIGHS.solve(model).objective)


class Failing:
    """A solver of linear programs that gives up after the first ones."""

    def __init__(self, model, solves):
        self._warm, self._left = HIGHS.warm(model), solves

    def resolve(self, model, *, onward=False):
        self._left -= 1
        return self._warm.resolve(model, onward=onward) if self._left >= 0 else Stopped(status="failed", said="tired")


@pytest.mark.parametrize("solves", [0, 3])
def test_a_box_that_the_solver_failed_on_is_not_taken_for_an_empty_one(make, solves):
    model = solve(hard_case(make)).model
    found = search(model, model.relaxed(), Failing(model.relaxed(), solves))
    assert not found.closed
    assert min(leaf.bound for leaf in found.root.leaves()) == float("-inf")


def test_hard_limits_and_least_orders_that_cannot_hold_together_are_explained(make):
    limits = [
        {"limit": "few", "metric": "purchase", "value": 4.0},
        {"limit": "all", "metric": "shortage", "value": 0.0},
    ]
    told = solve(make(offers=[{"offer": "near", "min_kg": 5.0}], demand=[3.0, 0.0, 0.0], limits=limits))
    assert isinstance(told, Infeasible)
    assert sorted(told.limits["limit"]) == ["all", "few"]
    assert told.repair_cost < float("inf")
