"""What a plan and its answers say of themselves at a prompt and in a notebook: short, true, and safe to show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from oreloop.plan import Infeasible, Plan, Session, near_optimal, pareto, roll, solve
from oreloop.plan.formulate import formulate
from oreloop.plan.network import Edit
from oreloop.plan.shown import LINES, ROWS
from oreloop.plan.stochastic.fan import Future, weigh

OFFERS = [{"offer": "a", "max_kg": 6.0}, {"offer": "b"}]


@pytest.fixture(scope="module")
def network(make):
    return make(offers=OFFERS, prices={"a": 100.0, "b": 120.5})


@pytest.fixture(scope="module")
def plan(network):
    return solve(network)


def short(shown):
    assert len(shown) < 1500
    assert len(shown.splitlines()) <= 2 * LINES + 6
    return shown.splitlines()


def test_a_plan_says_periods_cost_orders_and_what_is_short(plan):
    assert short(repr(plan)) == [
        "Plan of 3 periods, 2026-01 to 2026-03",
        "  cost 3,246.00 CNY, penalties 0.00 CNY",
        f"  {plan.orders.height} orders of 30 kg, 0 runs",
        "  short 0 kg of 30 kg wanted",
    ]
    assert str(plan) == repr(plan)


def test_nothing_is_proved_to_show_a_plan(plan, monkeypatch):
    monkeypatch.setattr("oreloop.plan.answers.certify", None)
    assert repr(plan)
    assert plan._repr_html_()


def test_a_notebook_shows_the_orders_of_the_planned_periods(plan):
    html = plan._repr_html_()
    assert html.count("<tr>") == 1 + plan.orders.filter("planned").height
    assert "<td>2026-01-31</td><td>a</td><td>us</td><td>ir</td><td>2026-01</td><td>6</td><td>600</td>" in html
    many = replace(plan, orders=pl.concat([plan.orders] * 9))
    assert many._repr_html_().count("<tr>") == 1 + ROWS
    assert f"... and {9 * plan.orders.height - ROWS} more" in many._repr_html_()


def test_what_somebody_wrote_into_an_id_is_escaped(make):
    evil = "<script>alert(1)</script>"
    made = make(periods=1, offers=[{"offer": evil}], prices={evil: 100.0})
    html = solve(made)._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    limit = {"limit": evil, "metric": "purchase", "scope": f"offer={evil}", "sense": ">=", "value": 5.0}
    stuck = solve(make(periods=1, offers=[{"offer": evil, "max_kg": 1.0}], prices={evil: 100.0}, limits=[limit]))
    assert "<script>" not in stuck._repr_html_()


def test_limits_that_cannot_hold_are_told_with_their_repair(make):
    limits = [
        {"limit": "least", "metric": "purchase", "scope": "offer=a", "period": "2026-01", "sense": ">=", "value": 5.0},
        {"limit": "most", "metric": "purchase", "scope": "offer=a", "value": 2.5},
    ]
    found = solve(make(offers=OFFERS[:1], prices={"a": 100.0}, limits=limits))
    assert isinstance(found, Infeasible)
    head, *lines = short(repr(found))
    assert head == "Infeasible: 2 limits of 3 periods, 2026-01 to 2026-03 cannot hold together"
    assert "  least: purchase offer=a 2026-01 >= 5 kg" in lines
    assert "  most: purchase offer=a <= 2.5 kg" in lines
    eased = " ".join(filter(None, found.repair.row(0)[:2]))
    assert lines[-2:] == [
        f"  {eased} relaxed by 2.5 kg", f"  with it a plan costs {found.repair_cost:,.2f} CNY, penalties included",
    ]  # fmt: skip
    html = found._repr_html_()
    assert html.count("<table>") == 2
    assert "<td>&gt;=</td><td>5</td>" in html
    alone = replace(found, limits=found.limits.head(1), repair=found.repair.clear())
    assert repr(alone).splitlines()[0].endswith("2026-03 cannot hold")
    assert alone._repr_html_().count("<table>") == 1
    many = replace(found, limits=pl.concat([found.limits] * 10))
    assert f"  ... and {20 - LINES} more" in short(repr(many))


def test_a_network_says_how_much_each_table_says_and_a_problem_its_size(network):
    assert short(repr(network)) == [
        "Network of 3 periods, 2026-01 to 2026-03",
        "  30 kg wanted; 0 later periods to guard the end",
        "  rows of tables: demand 3, materials 2, metal_prices 1, offer_prices 2, offers 2, sites 3",
    ]
    stated = formulate(network)
    rows, columns = stated.model.shape
    assert short(repr(stated))[:3] == [
        "Problem of 3 periods, 2026-01 to 2026-03",
        f"  {rows} rows, {columns} columns (0 whole), {len(stated.model.data)} coefficients",
        "  0 limits",
    ]


def test_futures_are_told_with_what_to_do_now(network):
    much = Edit(table="demand", column="quantity_kg", value=1.5, how="scale")
    found = weigh(network, [Future(name="as is", probability=0.5), Future(name="much", probability=0.5, edits=(much,))])
    head, cost, decisions = short(repr(found))
    assert head == "Plan weighed against 2 futures of 3 periods, 2026-01 to 2026-03"
    assert f"expected cost {found.expected:,.2f} CNY, of the dearest part {found.cvar:,.2f} CNY" in cost
    assert decisions.startswith(f"  {found.orders.height} decision")
    html = found._repr_html_()
    assert html.count("<tr>") == 1 + found.orders.height
    assert "<th>reference_kg</th>" in html


def test_alternatives_a_frontier_and_a_rolled_horizon_say_a_line_each(network, plan):
    near = near_optimal(Session(network), plan, within=0.2, count=2, by="offer")
    assert short(repr(near))[0] == "Near the cheapest plan: 2 alternatives"
    assert "kg away from a, for " in repr(near)
    frontier = pareto(network, ("cost", "concentration"), points=2)
    head, *points = short(repr(frontier))
    assert head == f"Frontier of cost and concentration: {_plans(frontier.points.height)}"
    assert len(points) == frontier.points.height
    observed = network.tables["demand"]
    rolled = roll(network, observed=observed, steps=2)
    lines = short(repr(rolled))
    assert lines[0] == f"Rolled over 3 periods, 2026-01 to 2026-03: {rolled.cycles.height} plans"
    assert lines[-1].endswith(f"regret {rolled.regret:,.2f} CNY")
    assert isinstance(rolled.plan, Plan)
    assert np.isfinite(rolled.cost)


def _plans(count):
    return "1 plan" if count == 1 else f"{count} plans"
