"""What must hold of every plan, whatever the network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oreloop.plan import HIGHS, Edit, Network, Plan, Session, solve, verify_certificate
from oreloop.plan.formulate import formulate

FEW = settings(max_examples=max(1, settings.default.max_examples // 4))
AMOUNT = st.integers(0, 40).map(lambda tenths: tenths / 7)


@st.composite
def networks(draw):
    """Give the keyword arguments of a small network: two offers, a toll, trial approvals, scrap, a lease, safety."""
    offers = [
        {"offer": "near", "lead_days": 2.0, "max_kg": draw(AMOUNT), "origin_country": "CHN"},
        {"offer": "far", "lead_days": float(draw(st.integers(0, 70))), "site": "pit", "total_kg": draw(AMOUNT) * 5},
        {"offer": "bank", "kind": "lease", "max_kg": draw(AMOUNT), "lease_rate_per_year": 0.2, "term_days": 45.0},
    ]
    yield_ = draw(st.integers(50, 100)) / 100
    approvals = [
        {"offer": "near", "accept_days": 10.0},
        {
            "offer": "far",
            "approval": "trial",
            "max_share": draw(st.sampled_from([0.1, 0.35, 1.0])),
            "accept_days": 20.0,
        },
        {"offer": "bank"},
        {"process": "toll"},
    ]
    return {
        "periods": 4,
        "demand": [draw(AMOUNT) for _ in range(4)],
        "offers": offers,
        "prices": {"near": draw(st.integers(50, 150)), "far": draw(st.integers(50, 150))},
        "lanes": [
            {"lane": "sea", "from_site": "pit", "to_site": "fab", "lead_days": 20.0, "cost_per_gross_kg": 1.0},
            {"lane": "out", "from_site": "fab", "to_site": "ref", "material": "scrap", "lead_days": 3.0},
            {"lane": "back", "from_site": "ref", "to_site": "fab", "material": "ir", "lead_days": 3.0},
        ],
        "stock": [{"quantity_kg": draw(AMOUNT)}, {"material": "scrap", "quantity_kg": draw(AMOUNT)}],
        "processes": [{"process": "toll", "cost": 9.0, "outturn_days": 15.0, "capacity_dry_kg": draw(AMOUNT) + 1}],
        "recipes": [
            {"process": "toll", "material": "scrap", "direction": "in", "main": True},
            {"process": "toll", "material": "ir", "direction": "out", "direct_yield": yield_ * 0.8,
             "final_recovery": yield_, "return_days": 30.0},
        ],
        "uses": [{"scrap_share": 0.3, "scrap_material": "scrap", "scrap_days": 10.0}],
        "approvals": approvals if draw(st.booleans()) else [],
        "stock_rules": [{"safety_kg": draw(AMOUNT) / 4, "max_kg": 30.0}],
        "settings": {"funding_rate_per_year": 0.05},
        "limits": [{"limit": "x", "metric": "country_share", "scope": "country=ZAF", "value": 0.7, "unit": "share"}],
    }  # fmt: skip


def without_empty(case: dict) -> dict:
    return {name: value for name, value in case.items() if value != []}


@given(case=networks())
def test_whole_milligrams_conserve_every_element_and_no_stock_is_negative(make, case):
    plan = solve(make(**without_empty(case)))
    assert isinstance(plan, Plan)
    flows, network = plan.flows_mg, plan.network
    periods = len(network.calendar)
    assert flows.stock_mg.min() >= 0
    change = np.zeros((network.nodes.height, periods), dtype=np.int64)
    for row, mg in zip(network.inflows.iter_rows(named=True), flows.inflow_mg, strict=True):
        change[row["node"], row["period"]] += mg
    for name, posted in network.postings.items():
        for at, period in zip(*np.nonzero(flows.posted_mg[name]), strict=True):
            if posted.arrives[at, period] < periods:
                change[posted.node[at], posted.arrives[at, period]] += flows.posted_mg[name][at, period]
    assert np.array_equal(np.diff(flows.stock_mg, axis=1, prepend=0), change)
    assert plan.tolls["loss_kg"].min() is None or plan.tolls["loss_kg"].min() >= 0
    assert np.abs(flows.stock_mg / 1e6 - formulate(network).values(plan.solution.primal)["stock"]).max() < 1e-3


@given(case=networks())
def test_pegging_adds_up_exactly_to_what_is_served(make, case):
    plan = solve(make(**without_empty(case)))
    pegged = plan.supply.group_by("period").agg(pl.col("quantity_mg").sum())
    served = plan.flows.filter(pl.col("kind") == "serve").group_by("period").agg(pl.col("quantity_mg").sum())
    assert dict(pegged.iter_rows()) == dict(served.iter_rows())


@given(case=networks())
def test_costs_add_up_to_the_objective_and_the_certificate_holds(make, case):
    plan = solve(make(**without_empty(case)))
    assert plan.costs["amount"].sum() == pytest.approx(plan.objective, rel=1e-9, abs=1e-6)
    verdict = verify_certificate(plan.certificate(), plan.model)
    assert verdict.accepted, verdict
    assert np.isfinite(plan.model.upper).all()
    assert np.isfinite(plan.model.lower).all()


@given(case=networks())
def test_no_box_binds_but_capacity_and_demand(make, case):
    network = make(**without_empty(case))
    wide = formulate(network)
    far = np.where(wide.model.upper >= network.box_kg, 10 * wide.model.upper, wide.model.upper)
    free = HIGHS.solve(replace(wide.model, upper=far))
    assert free.objective == pytest.approx(HIGHS.solve(wide.model).objective, rel=1e-7, abs=1e-6)


@FEW
@given(case=networks(), share=st.integers(1, 9))
def test_tightening_never_makes_a_plan_cheaper(make, case, share):
    network = make(**without_empty(case))
    free = Session(network).cost()
    for edit in (
        Edit(table="offers", where={"offer": "near"}, column="max_kg", value=share / 10, how="scale"),
        Edit(table="processes", column="capacity_dry_kg", value=share / 10, how="scale"),
        Edit(table="limits", column="value", value=share / 10, how="scale"),
        Edit(table="offers", where={"offer": "far"}, column="total_kg", value=0.0),
    ):
        assert Session(network.edited([edit])).cost() >= free - 1e-6 * max(1.0, abs(free))


@given(case=networks())
def test_a_unit_of_money_changes_nothing(make, case):
    plain = {**without_empty(case), "metal": 100.0}
    dear = {**plain, "metal": 700.0, "prices": {name: 7 * price for name, price in case["prices"].items()}}
    dear["settings"] = {**case["settings"], "shortage_cost_per_kg": 2100.0}
    dear["lanes"] = [{**lane, "cost_per_gross_kg": 7 * lane.get("cost_per_gross_kg", 0.0)} for lane in case["lanes"]]
    dear["processes"] = [{**case["processes"][0], "cost": 63.0}]
    assert Session(make(**dear)).cost() == pytest.approx(7 * Session(make(**plain)).cost(), rel=1e-7, abs=1e-5)


@given(case=networks(), seed=st.integers(0, 99))
def test_the_order_of_rows_changes_nothing(make, case, seed):
    network = make(**without_empty(case))
    tables = {name: frame.sample(fraction=1.0, shuffle=True, seed=seed) for name, frame in network.tables.items()}
    again = Network.from_frames(
        tables, horizon=network.planned, demand=tables["demand"], offer_prices=tables["offer_prices"],
        metal_prices=tables["metal_prices"], settings=network.settings,
    )  # fmt: skip
    assert Session(again).cost() == pytest.approx(Session(network).cost(), rel=1e-9, abs=1e-6)


@FEW
@given(case=networks(), factor=st.integers(0, 30), price=st.integers(5, 30))
def test_what_if_is_the_plan_of_the_edited_network(make, case, factor, price):
    session = Session(make(**without_empty(case)))
    edits = [
        Edit(
            table="demand",
            where={"period": ("2026-02", "2026-03")},
            column="quantity_kg",
            value=factor / 10,
            how="scale",
        ),
        Edit(table="offer_prices", where={"offer": "near"}, column="price_per_kg", value=price / 10, how="scale"),
        Edit(table="offers", where={"offer": "far"}, column="lead_days", value=float(price)),
        Edit(table="events", how="add", value={"event": "lane_closed", "target": "sea", "to_period": "2026-02"}),
    ]
    for some in (edits[:1], edits[:2], edits[3:], edits):
        told = session.whatif(some)
        cold = solve(session.network.edited(some))
        assert told.objective == pytest.approx(cold.objective, rel=1e-7, abs=1e-6)
    assert session.plan().objective == pytest.approx(solve(session.network).objective, rel=1e-9, abs=1e-6)


@FEW
@given(case=networks())
def test_the_price_of_metal_predicts_a_small_change(make, case):
    """One gram more at hand changes the cost by no more than the shadow price says, and less gram costs no less."""
    network = make(**without_empty(case))
    problem = formulate(network)
    session = Session(network)
    plan = session.plan()
    block = problem.model.row_blocks["balance"]
    dual = plan.model.of_rows("balance", plan.solution.duals)
    for row in range(0, block.size, 5):
        for step in (1e-3, -1e-3):
            lower, upper = problem.model.row_lower.copy(), problem.model.row_upper.copy()
            lower[block.start + row] += step
            upper[block.start + row] += step
            moved = HIGHS.solve(problem.model.with_rows(lower, upper))
            if hasattr(moved, "objective"):
                assert moved.objective >= plan.objective + dual[row] * step - 1e-6


def test_the_same_network_gives_the_same_bytes(make):
    case = {"offers": [{"offer": "a", "lead_days": 20.0}, {"offer": "b"}], "stock": [{"quantity_kg": 3.0}]}
    first, second = (solve(make(**case)) for _ in range(2))
    assert first.certificate() == second.certificate()
    for name in ("orders", "flows", "costs", "supply", "values"):
        assert getattr(first, name).equals(getattr(second, name))


LIKE = [
    ("offers", "max_kg"), ("offers", "total_kg"), ("stock", "quantity_kg"), ("processes", "capacity_dry_kg"),
    ("stock_rules", "safety_kg"), ("stock_rules", "max_kg"),
]  # fmt: skip
"""Where a network holds kilograms."""


@FEW
@given(case=networks())
def test_grams_for_kilograms_change_nothing_but_the_unit(make, case):
    """Every amount a thousand times, every price a thousandth: the same money, a thousand times the amounts."""
    plain = {**without_empty(case), "metal": 100.0}
    fine = {**plain, "metal": 0.1, "demand": [1000 * kg for kg in case["demand"]]}
    fine["prices"] = {name: price / 1000 for name, price in case["prices"].items()}
    for table, column in LIKE:
        fine[table] = [
            {**row, column: 1000 * row[column]} if row.get(column) is not None else row for row in fine[table]
        ]
    fine["lanes"] = [{**lane, "cost_per_gross_kg": lane.get("cost_per_gross_kg", 0.0) / 1000} for lane in case["lanes"]]
    fine["processes"] = [{**row, "cost": row["cost"] / 1000} for row in fine["processes"]]
    fine["settings"] = {**case["settings"], "shortage_cost_per_kg": 0.3}
    assert Session(make(**fine)).cost() == pytest.approx(Session(make(**plain)).cost(), rel=1e-7, abs=1e-5)


@FEW
@given(case=networks(), price=st.integers(1, 400), days=st.integers(0, 60))
def test_one_more_offer_never_raises_the_cost(make, case, price, days):
    """Metal may be left unbought. Its wait is inside the longest one, so that the horizon stays as it is."""
    case["offers"][1]["lead_days"] = 70.0
    offers = [*case["offers"], {"offer": "new", "lead_days": float(days), "max_kg": 50.0}]
    before = make(**without_empty(case))
    after = make(**without_empty({**case, "offers": offers, "prices": {**case["prices"], "new": price}}))
    free = Session(before).cost()
    assert Session(after).cost() <= free + 1e-6 * max(1.0, abs(free))


def every_kind_of_edit(share: float) -> list[list[Edit]]:
    """One or more edits of each table and of each way to edit."""
    near, toll = {"offer": "near"}, {"process": "toll"}
    event = {"to_period": "2026-02", "size": share}
    return [
        [Edit(table="demand", column="quantity_kg", value=share, how="scale")],
        [Edit(table="demand", where={"period": "2026-02"}, how="drop")],
        [Edit(table="demand", how="add", value={"site": "fab", "material": "ir", "period": "2026-03", "quantity_kg": 1.0})],
        [Edit(table="offer_prices", where=near, column="price_per_kg", value=200 * share)],
        [Edit(table="metal_prices", column="price_per_kg", value=2 * share, how="scale")],
        [Edit(table="offers", where=near, column="max_kg", value=20 * share)],
        [Edit(table="offers", where=near, column="lead_days", value=90 * share)],
        [Edit(table="offers", where=near, how="drop")],
        [Edit(table="lanes", where={"lane": "sea"}, column="capacity_gross_kg", value=3 * share)],
        [Edit(table="lanes", where={"lane": "back"}, how="drop")],
        [Edit(table="processes", where=toll, column="cost", value=90 * share)],
        [Edit(table="processes", where=toll, how="drop")],
        [Edit(table="recipes", where={"material": "ir"}, column="direct_yield", value=share / 2, how="scale")],
        [Edit(table="stock", where={"material": "ir"}, column="quantity_kg", value=9 * share)],
        [Edit(table="stock_rules", column="safety_kg", value=9 * share)],
        [Edit(table="uses", column="scrap_share", value=share)],
        [Edit(table="limits", column="value", value=share)],
        [Edit(table="limits", how="drop")],
        [Edit(table="with_passport", value="toll")],
        *([Edit(table="events", how="add", value={"event": name, "target": target, **event})] for name, target in
          (("site_stop", "ref"), ("lane_closed", "sea"), ("price_pulse", "Ir"), ("demand_jump", "fab"), ("yield_drop", "toll"))),
        [Edit(table="demand", column="quantity_kg", value=1.2, how="scale"), Edit(table="offers", where=near, how="drop")],
    ]  # fmt: skip


@settings(max_examples=max(1, settings.default.max_examples // 30))
@given(case=networks(), tenths=st.integers(1, 9))
def test_what_if_answers_every_kind_of_edit_as_a_plan_from_nothing(make, case, tenths):
    session = Session(make(**without_empty(case)))
    for edits in every_kind_of_edit(tenths / 10):
        told, cold = session.cost(edits), Session(session.network.edited(edits)).cost()
        assert told == pytest.approx(cold, rel=1e-7, abs=1e-6), edits


@FEW
@given(case=networks())
def test_the_price_of_a_ceiling_and_of_a_demand_predicts_what_a_little_more_costs(make, case):
    """The optimum is convex in the right side: a step changes it by at least the price times the step."""
    problem = formulate(make(**without_empty(case)))
    model = problem.model
    found = HIGHS.solve(model)
    for name, block in model.row_blocks.items():
        if name == "balance":
            continue
        for row in range(block.start, block.start + block.size, max(1, block.size // 2)):
            for step in (1e-3, -1e-3):
                lower, upper = model.row_lower.copy(), model.row_upper.copy()
                lower[row] += step
                upper[row] += step
                moved = HIGHS.solve(model.with_rows(lower, upper))
                if hasattr(moved, "objective"):
                    assert moved.objective >= found.objective + found.duals[row] * step - 1e-6, (name, row)


@FEW
@given(case=networks(), data=st.data())
def test_no_altered_number_of_a_certificate_makes_a_plan_look_better(make, case, data):
    plan = solve(make(**without_empty(case)))
    honest = verify_certificate(plan.certificate(), plan.model)
    for part in ("primal", "duals"):
        for _ in range(5):
            numbers = list(plan.certificate()[part])
            at = data.draw(st.integers(0, len(numbers) - 1))
            change = data.draw(st.sampled_from([1.0, -1.0, 1e-3, -1e-3, 1e6, -1e6]))
            numbers[at] = (float.fromhex(numbers[at]) + change).hex()
            verdict = verify_certificate({**plan.certificate(), part: numbers}, plan.model)
            if verdict.accepted:
                assert verdict.bound <= honest.objective + abs(honest.objective) / 10**9
                assert verdict.objective >= honest.bound - 2 * max(1, abs(honest.objective)) / 10**9
