"""The frontier: what is traded, what is held, and that no point is beaten."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oreloop.base.errors import BadInput, Unavailable
from oreloop.plan import HIGHS, METRICS, Infeasible, Plan, Stopped, solve
from oreloop.plan.formulate import formulate
from oreloop.plan.goals import Goals, linear
from oreloop.plan.limits import evaluate
from oreloop.plan.pareto import OBJECTIVES, Frontier, pareto

FEW = settings(max_examples=max(2, settings.default.max_examples // 8))
# Brown metal is cheap, green metal dear; both could meet all demand alone.
BROWN_GREEN = {
    "offers": [
        {"offer": "brown", "co2e_kg_per_kg": 10.0, "origin_country": "ZAF"},
        {"offer": "green", "co2e_kg_per_kg": 2.0, "origin_country": "CHN"},
    ],
    "prices": {"brown": 100.0, "green": 140.0},
}


def drawn(make, network, objectives=("cost", "co2e"), points=9):
    found = pareto(make(**network), objectives, points=points)
    assert isinstance(found, Frontier)
    return found


def figures(frontier):
    return frontier.points.select(*(OBJECTIVES[name] for name in frontier.objectives)).to_numpy()


def is_undominated(values):
    return not any(
        (values[other] <= values[one]).all() and (values[other] < values[one]).any()
        for one in range(len(values))
        for other in range(len(values))
    )


def test_two_sources_give_a_straight_line_between_the_cheapest_and_the_greenest(make):
    found = drawn(make, BROWN_GREEN, points=5)
    # 30 kg: from 3,000 of money and 300 kg of CO2e to 4,200 and 60.
    assert found.points["cost"].to_list() == pytest.approx([3000.0, 3300.0, 3600.0, 3900.0, 4200.0], rel=1e-6)
    assert found.points["co2e_kg"].to_list() == pytest.approx([300.0, 240.0, 180.0, 120.0, 60.0], rel=1e-6)
    assert found.points["point"].to_list() == [1, 2, 3, 4, 5]


def test_the_orders_of_a_point_come_to_its_figures(make):
    found = drawn(make, BROWN_GREEN, points=3)
    middle = found.orders.filter(found.orders["point"] == 2)
    assert middle["quantity_kg"].sum() == pytest.approx(30.0)
    assert middle["amount"].sum() == pytest.approx(found.points["cost"][1])
    assert middle["co2e_kg"].sum() == pytest.approx(found.points["co2e_kg"][1])


def test_the_least_concentration_shares_the_demand_between_countries(make):
    found = drawn(make, BROWN_GREEN, ("cost", "concentration"), points=3)
    assert found.points["top_country_share"].to_list() == pytest.approx([1.0, 0.75, 0.5], abs=2e-5)
    assert found.points["cost"].to_list() == pytest.approx([3000.0, 3300.0, 3600.0], rel=1e-4)


def test_a_plan_that_buys_nothing_depends_on_no_country(make):
    own = {
        "offers": [{"offer": "a", "max_kg": 10.0}],
        "prices": {"a": 100.0},
        "lanes": [
            {"lane": "back", "from_site": "ref", "to_site": "fab", "material": "ir", "cost_per_gross_kg": 500.0},
        ],
        "stock": [{"site": "ref", "quantity_kg": 30.0}],
        "settings": {"shortage_cost_per_kg": 3000.0, "keep_cover": False},
    }
    found = drawn(make, own, ("concentration", "cost"), points=3)
    assert found.points["top_country_share"].to_list() == pytest.approx([0.0, 1.0])
    assert found.points["cost"].to_list() == pytest.approx([15_000.0, 3_000.0])


def test_cost_does_not_fall_by_leaving_demand_unmet(make):
    dear = {"offers": [{"offer": "a"}, {"offer": "b", "co2e_kg_per_kg": 1.0}], "prices": {"a": 290.0, "b": 280.0}}
    found = drawn(make, dear, points=4)
    assert found.points["short_kg"].to_list() == pytest.approx([0.0] * found.points.height, abs=1e-6)


def test_where_metal_costs_more_than_a_shortage_demand_is_met_all_the_same(make):
    dear = {"offers": [{"offer": "a", "co2e_kg_per_kg": 1.0}], "prices": {"a": 1000.0}}
    plan = solve(make(**dear))
    assert plan.summary["short_kg"] == pytest.approx(30.0)
    found = drawn(make, dear)
    assert found.points.select("cost", "short_kg").rows() == [pytest.approx((30_000.0, 0.0), abs=1e-6)]


def test_shortage_is_traded_where_it_is_an_objective(make):
    found = drawn(make, BROWN_GREEN, ("cost", "shortage"), points=4)
    assert found.points["short_kg"].to_list() == pytest.approx([30.0, 20.0, 10.0, 0.0], abs=1e-6)
    assert found.points["cost"].to_list() == pytest.approx([0.0, 1000.0, 2000.0, 3000.0], abs=1e-3)


def test_what_the_plan_keeps_in_safety_the_frontier_keeps(make):
    network = {**BROWN_GREEN, "stock_rules": [{"safety_kg": 5.0}], "settings": {"shortage_cost_per_kg": 10_000.0}}
    found = drawn(make, network, points=3)
    # 30 kg of demand and 5 kg of safety stock, at the cheap end and at the green one.
    assert found.points["cost"].to_list() == pytest.approx([3500.0, 4200.0, 4900.0], rel=1e-6)


def test_metal_is_not_put_off_beyond_the_end_to_look_green(make):
    slow = {**BROWN_GREEN, "offers": [{**each, "lead_days": 40.0} for each in BROWN_GREEN["offers"]]}
    network = make(**slow)
    found = pareto(network, points=3)
    plan = solve(network)
    assert found.points["co2e_kg"].to_list()[-1] == pytest.approx(2.0 * plan.orders["quantity_kg"].sum())


def test_whole_orders_are_whole_at_every_point(make):
    offers = [{**each, "min_kg": 10.0} for each in BROWN_GREEN["offers"]]
    found = drawn(make, {**BROWN_GREEN, "offers": offers}, points=9)
    planned = found.orders.filter("planned")
    assert planned["quantity_kg"].min() >= 10.0 - 1e-6
    assert is_undominated(figures(found))


def test_objectives_that_do_not_conflict_have_one_point(make):
    found = drawn(make, {"offers": [{"offer": "a", "co2e_kg_per_kg": 1.0}]}, ("cost", "co2e", "concentration"), 3)
    assert found.points.height == 1
    assert found.points["top_country_share"].to_list() == [pytest.approx(1.0)]


def test_a_network_without_offers_has_a_frontier_of_one(make):
    stock = {"stock": [{"quantity_kg": 60.0}], "settings": {"keep_cover": False}}
    found = drawn(make, stock, ("cost", "concentration"))
    assert found.points.select("cost", "top_country_share").rows() == [(0.0, 0.0)]
    assert found.orders.is_empty()


def test_limits_that_cannot_hold_together_are_an_answer(make):
    limits = [
        {"limit": "little", "metric": "purchase", "value": 1.0},
        {"limit": "much", "metric": "purchase", "value": 2.0, "sense": ">="},
    ]
    assert isinstance(pareto(make(**BROWN_GREEN, limits=limits)), Infeasible)


@pytest.mark.parametrize("objectives", [("cost",), ("cost", "cost"), ("cost", "beauty")])
def test_a_frontier_needs_two_known_objectives(make, objectives):
    with pytest.raises(BadInput) as caught:
        pareto(make(**BROWN_GREEN), objectives)
    assert caught.value.code == "plan.frontier_objectives"


def test_a_frontier_needs_two_points(make):
    with pytest.raises(BadInput) as caught:
        pareto(make(**BROWN_GREEN), points=1)
    assert caught.value.code == "plan.frontier_points"


class Silent:
    """A solver that stops at its limit."""

    def solve(self, model):
        return Stopped(status="limit", said="Time limit reached")

    def warm(self, model):
        return self

    def resolve(self, model, *, onward=False):
        return self.solve(model)


def test_a_solver_that_gives_no_answer_is_named(make):
    problem = formulate(make(**BROWN_GREEN))
    with pytest.raises(Unavailable) as caught:
        Goals(problem, {"cost": linear(problem.network, "cost")}, solver=Silent()).least({"cost": 1.0}, {})
    assert caught.value.code == "plan.solver_failed"


AMOUNT = st.integers(0, 40).map(lambda tenths: tenths / 7)


@st.composite
def networks(draw):
    """Give a small network: three offers, scrap to refine, a stock rule and a soft limit."""
    names = ("ca", "cb", "cc")
    offers = [
        {
            "offer": name, "max_kg": 2.0 + draw(AMOUNT), "co2e_kg_per_kg": float(draw(st.integers(0, 9))),
            "origin_country": draw(st.sampled_from(["ZAF", "CHN", "RUS"])), "lead_days": draw(st.sampled_from([0.0, 40.0])),
        }
        for name in names
    ]  # fmt: skip
    return {
        "demand": [draw(AMOUNT) for _ in range(3)],
        "offers": offers,
        "prices": {name: draw(st.integers(50, 150)) for name in names},
        "stock": [{"quantity_kg": draw(AMOUNT)}, {"site": "ref", "material": "scrap", "quantity_kg": draw(AMOUNT)}],
        "lanes": [{"lane": "back", "from_site": "ref", "to_site": "fab", "material": "ir"}],
        "processes": [{"process": "toll", "cost": 60.0, "co2e": 3.0}],
        "recipes": [
            {"process": "toll", "material": "scrap", "direction": "in", "main": True},
            {"process": "toll", "material": "ir", "direction": "out", "direct_yield": 0.9},
        ],
        "stock_rules": [{"safety_kg": draw(AMOUNT) / 4}],
        "limits": [
            {"limit": "x", "metric": "country_share", "scope": "country=ZAF", "value": 0.6, "unit": "share", "kind": "soft",
             "penalty_per_unit": 500.0},
        ],
    }  # fmt: skip


@FEW
@given(case=networks(), objectives=st.permutations(sorted(OBJECTIVES)).map(lambda names: tuple(names[:2])))
def test_no_point_is_better_than_another_in_all_that_is_traded(make, case, objectives):
    found = drawn(make, case, objectives, points=4)
    values = figures(found)
    assert is_undominated(values)
    assert (np.diff(values[:, 0]) > 0).all()
    assert (np.diff(values[:, 1]) < 0).all()


@FEW
@given(case=networks())
def test_three_objectives_are_traded_without_a_beaten_point(make, case):
    assert is_undominated(figures(drawn(make, case, ("cost", "co2e", "shortage"), points=3)))


@FEW
@given(case=networks())
def test_the_cheapest_end_is_the_plan_where_all_demand_is_met(make, case):
    network = make(**case)
    plan = solve(network)
    assert isinstance(plan, Plan)
    found = pareto(network, points=2)
    paid = plan.objective - _penalties(network, plan)
    if plan.shortages["short_kg"].sum() == 0.0:
        assert found.points["cost"][0] == pytest.approx(paid, rel=1e-7, abs=1e-5)
    assert found.points["short_kg"][0] <= plan.shortages["short_kg"].sum() + 1e-5


def _penalties(network, plan):
    problem = formulate(network)
    priced = problem.values(problem.model.cost * plan.solution.primal)
    return sum(priced[name].sum() for name in ("short", "under", "over", "closing", "owed", "slack"))


@FEW
@given(case=networks(), shares=st.lists(st.integers(1, 10), min_size=3, max_size=3))
def test_a_wider_ceiling_never_costs_more(make, case, shares):
    problem = formulate(make(**case))
    goals = Goals(problem, {name: linear(problem.network, name) for name in ("cost", "co2e", "shortage")})
    base = goals.reached(HIGHS.solve(problem.model))
    most = {"shortage": base.figures["shortage"]}
    costs = []
    for share in sorted(shares):
        point = goals.least({"cost": 1.0}, {**most, "co2e": share / 10 * base.figures["co2e"] + 1e-6})
        costs.append(np.inf if point is None else point.figures["cost"])
    assert all(wide <= narrow + 1e-5 for narrow, wide in pairwise(costs))


@FEW
@given(case=networks())
def test_no_point_near_a_share_is_nearer(make, case):
    """Where a share can be kept it is; the figures told are those of the metrics."""
    problem = formulate(make(**case))
    goals = Goals(problem, {"shortage": linear(problem.network, "shortage")})
    base = goals.reached(HIGHS.solve(problem.model))
    near = goals.nearest(0.5, {"shortage": base.figures["shortage"]})
    kept = goals.least({}, {"shortage": base.figures["shortage"]}, top_share=0.5)
    assert (kept is None) == (near.top_share > 0.5 + 1e-6)
    measure = METRICS["shortage"].measure(problem.network, {}, np.ones(len(problem.network.calendar)))
    told, _ = evaluate(measure, problem.values(near.solution.primal))
    assert near.figures["shortage"] == pytest.approx(told, abs=1e-7)
