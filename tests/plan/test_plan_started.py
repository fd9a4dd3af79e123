"""A question that changes the matrix starts where the network without edits ended: sooner, and to the same cost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from by_hand import ROADS, TOLL_RECIPE
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from oreloop import case
from oreloop.app.verbs.forecast import forecast
from oreloop.app.verbs.plan import network as network_of
from oreloop.plan import HIGHS, Builder, Edit, Optimal, Plan, Session
from oreloop.plan import highs as port
from oreloop.plan.carried import carried
from oreloop.plan.formulate import formulate
from oreloop.plan.highs import HeldByHighs
from oreloop.plan.search import Searched, search

CASES = Path(__file__).resolve().parents[2] / "cases"


@pytest.fixture
def network(make):
    """Least orders, a contract to take or pay, a toll, roads, acceptance: a bit of all that an edit can move."""
    return make(
        periods=4,
        demand=10.0,
        offers=[
            {"offer": "near", "max_kg": 6.0, "lead_days": 3.0},
            {"offer": "far", "site": "ref", "lead_days": 25.0, "min_kg": 8.0},
            {"offer": "long", "lead_days": 40.0, "max_kg": 12.0, "take_or_pay_share": 0.5, "total_kg": 30.0},
        ],
        prices={"near": 130.0, "far": 90.0, "long": 100.0},
        lanes=[{**road, "lead_days": 4.0} for road in ROADS],
        processes=[{"process": "toll", "outturn_days": 20.0, "cost": 5.0}],
        recipes=TOLL_RECIPE,
        stock=[{"material": "scrap", "quantity_kg": 9.0}, {"quantity_kg": 12.0}],
        approvals=[
            {"offer": "near", "accept_days": 12.0, "accept_days_with_passport": 2.0},
            {"offer": "far", "accept_days": 9.0, "accept_days_with_passport": 1.0},
            {"offer": "long"},
            {"process": "toll", "approval": "in_qualification", "earliest_from": None},
        ],
        limits=[{"limit": "cap", "metric": "purchase", "value": 60.0}],
        settings={"funding_rate_per_year": 0.08},
    )


def lead_days(offer: str, factor: float) -> Edit:
    return Edit(table="offers", where={"offer": offer}, column="lead_days", how="scale", value=factor)


FACTORS = st.floats(0.2, 2.5)
EDITS = st.lists(
    st.one_of(
        st.builds(lead_days, st.sampled_from(["near", "far", "long"]), FACTORS),
        st.builds(lambda factor: Edit(table="processes", column="outturn_days", how="scale", value=factor), FACTORS),
        st.builds(lambda factor: Edit(table="demand", column="quantity_kg", how="scale", value=factor), FACTORS),
        st.builds(
            lambda offer, factor: Edit(
                table="offer_prices", where={"offer": offer}, column="price_per_kg", how="scale", value=factor
            ),
            st.sampled_from(["near", "far", "long"]),
            FACTORS,
        ),
        st.builds(lambda offer: Edit(table="with_passport", value=offer), st.sampled_from(["near", "far"])),
        st.just(Edit(table="approvals", where={"process": "toll"}, column="approval", value="approved")),
        st.builds(
            lambda target, kind: Edit(table="events", how="add", value={"event": kind, "target": target}),
            st.sampled_from(["near", "far", "long"]),
            st.just("site_stop"),
        ),
    ),
    min_size=1,
    max_size=3,
)


def cold(network, edits: list[Edit]) -> float:
    """What the edited network costs, solved from nothing."""
    told = Searched(solver=HIGHS).solve(formulate(network.edited(edits)).model)
    return told.objective if isinstance(told, Optimal) else float("inf")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)
@given(edits=EDITS)
@example(edits=[lead_days("long", 2.5)])  # more periods
@example(edits=[lead_days("long", 0.2), lead_days("far", 0.2)])  # fewer
def test_a_started_answer_costs_what_a_cold_one_costs(network, edits):
    session = Session(network)
    assert session.cost(edits) == pytest.approx(cold(network, edits), rel=1e-7)
    told = session.whatif(edits)
    assert isinstance(told, Plan)
    assert told.objective == pytest.approx(cold(network, edits), rel=1e-7)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=8)
@given(one=EDITS, other=EDITS)
def test_a_started_answer_does_not_depend_on_what_was_asked_before(network, one, other):
    fresh, used = Session(network), Session(network)
    used.plan(), used.whatif(other)
    first, second = fresh.whatif(one), used.whatif(one)
    assert np.array_equal(first.solution.primal, second.solution.primal)
    assert np.array_equal(first.solution.duals, second.solution.duals)


def stated(folder: Path):
    files = {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    found = case.parse(files)
    return network_of(found, forecast(found).required)


def test_questions_of_the_case_iridium_cost_what_they_cost_from_nothing_in_fewer_steps(monkeypatch):
    network, steps = stated(CASES / "iridium"), []
    run = HeldByHighs._run

    def counted(held):
        told = run(held)
        steps.append(max(0, held._highs.getInfo().simplex_iteration_count))
        return told

    monkeypatch.setattr(HeldByHighs, "_run", counted)
    session = Session(network)
    session.cost()
    started = alone = 0
    for edits in (
        [lead_days("crude-zwe", 1.5)],
        [Edit(table="with_passport", value="a-long")],  # the start is no use to HiGHS, which gives up at once
        [Edit(table="limits", where={"limit": "spot-cap"}, how="drop")],
    ):
        steps.clear()
        asked = session.cost(edits)
        started += sum(steps)
        steps.clear()
        assert asked == pytest.approx(cold(network, edits), rel=1e-7)
        alone += sum(steps)
    assert started < 0.7 * alone


def test_a_start_that_leads_nowhere_is_forgotten(network, monkeypatch):
    edits = [lead_days("far", 0.3)]
    monkeypatch.setattr(port, "_PATIENCE_SMALL", 10**9)
    assert Session(network).cost(edits) == pytest.approx(cold(network, edits), rel=1e-9)


def test_where_the_network_without_edits_has_no_plan_a_question_is_solved_from_nothing(make):
    network = make(offers=[{"offer": "a", "max_kg": 1.0}], limits=[{"limit": "x", "metric": "shortage", "value": 0.0}])
    dropped = [Edit(table="limits", where={"limit": "x"}, how="drop")]
    assert Session(network).cost() == float("inf")
    assert Session(network).cost(dropped) == pytest.approx(cold(network, dropped))


def test_what_cannot_be_planned_is_found_so_from_a_start_too(network):
    told = Edit(
        table="limits",
        how="add",
        value={"limit": "y", "metric": "shortage", "value": 0.0, "sense": "<=", "kind": "hard"},
    )
    stop = Edit(table="events", how="add", value={"event": "demand_jump", "target": "fab", "size": 40.0})
    session = Session(network)
    assert session.cost([told, stop]) == cold(network, [told, stop]) == float("inf")
    assert session.totals([told, stop]) is None


class _Plain:
    """A solver that tells nobody where it ended."""

    def solve(self, model):
        return HIGHS.solve(model)

    def warm(self, model):
        held = HIGHS.warm(model)

        class Held:
            def resolve(self, model, *, onward=False):
                return held.resolve(model, onward=onward)

        return Held()


def test_another_solver_needs_no_basis(network):
    for edits in ([lead_days("far", 0.3)], [Edit(table="demand", column="quantity_kg", how="scale", value=1.3)]):
        assert Session(network, solver=_Plain()).cost(edits) == pytest.approx(cold(network, edits), rel=1e-7)


def test_totals_are_those_of_the_plan(network):
    session, edits = Session(network), [lead_days("long", 1.6)]
    told, plan = session.totals(edits), session.whatif(edits)
    assert told.pop("objective") == plan.objective
    assert told == {name: plan.summary[name] for name in told}
    assert set(told) == {"cost", "penalty", "demand_kg", "served_kg", "short_kg"}


def indexed(**columns: list[object]) -> object:
    lp = Builder()
    lp.columns("buy", pl.DataFrame(columns))
    lp.rows("need", (2,))
    return lp.build()


def test_a_basis_is_carried_where_the_same_thing_is_spoken_of():
    old = indexed(offer=["a", "b"], period=["1", "1"])
    said, rows = np.array([5, 7]), np.array([1, 2])
    moved = indexed(offer=["b", "c", "a"], period=["1", "1", "1"])
    assert carried(said, rows, old, moved, column=0, row=9)[0].tolist() == [7, 0, 5]
    assert carried(said, rows, old, old, column=0, row=9)[0] is not said
    other = indexed(offer=["a", "b"])
    columns, numbered = carried(said, rows, old, other, column=0, row=9)
    assert columns.tolist() == [0, 0], "an index of other columns speaks of something else"
    assert numbered.tolist() == [9, 9], "and one without columns of nothing"


def contract_and_lots() -> object:
    """A contract under which each of six periods is served, and lots of four kg that serve one."""
    lp = Builder()
    signed = lp.columns("signed", (1,), upper=1.0, cost=20.0, integer=True)
    ordered = lp.columns("ordered", (6,), upper=5.0, cost=1.0)
    lots = lp.columns("lots", (1,), upper=3.0, cost=9.0, integer=True)
    bound, need = lp.rows("bound", (6,), upper=0.0), lp.rows("need", (7,), lower=[2.0] * 6 + [6.0])
    lp.add(bound, bound.all, ordered, ordered.all, 1.0)
    lp.add(bound, bound.all, signed, 0, -5.0)
    lp.add(need, ordered.all, ordered, ordered.all, 1.0)
    lp.add(need, 6, lots, 0, 4.0)
    return lp.build()


def test_what_much_hangs_on_is_decided_first():
    """The lots are farther from being whole, but the contract binds six orders."""
    model = contract_and_lots()
    relaxed = model.relaxed()
    found = search(model, relaxed, HIGHS.warm(relaxed))
    assert found.closed
    assert found.best.objective == pytest.approx(20.0 + 12.0 + 18.0)
    assert found.root.split == (0, 0)
