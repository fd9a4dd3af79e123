"""What to order now against several futures of one network."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.base.errors import BadInput, Unavailable
from oreloop.plan import HIGHS, Edit, Optimal, Plan, Stopped, certify, solve, verify_certificate
from oreloop.plan.stochastic import (
    Future,
    Staged,
    Weighed,
    combine_risks,
    crossed,
    decide,
    decide_by_tree,
    demand_futures,
    extensive,
    fan,
    reduce_paths,
    staged,
    stuck,
    weigh,
)
from oreloop.plan.stochastic.extensive import put_together, told_apart
from oreloop.plan.stochastic.fan import told_of_orders
from oreloop.plan.stochastic.started import Started

TWO = {
    "offers": [{"offer": "far", "lead_days": 40.0}, {"offer": "near", "max_kg": 6.0}],
    "prices": {"far": 90.0, "near": 150.0},
}
MORE = Future(
    name="more",
    probability=0.5,
    edits=(Edit(table="demand", where={"period": "2026-02"}, column="quantity_kg", value=20.0),),
)
AS_PLANNED = Future(name="as planned", probability=0.5)


def weighed(network, futures, **given) -> Weighed:
    found = weigh(network, futures, **given)
    assert isinstance(found, Weighed)
    return found


def ordered(found: Weighed, column: str = "quantity_kg") -> dict[str, float]:
    return dict(found.orders.select("entity", column).iter_rows())


def test_more_is_ordered_from_afar_when_demand_may_double(make):
    """February's metal from afar must be ordered in January; what near cannot carry would be short."""
    found = weighed(make(**TWO, settings={"funding_rate_per_year": 0.2}), [AS_PLANNED, MORE])
    assert ordered(found, "reference_kg") == {"far": pytest.approx(10.0), "near": pytest.approx(6.0)}
    assert ordered(found)["far"] > 13.0
    assert found.worth.vss > 0
    assert found.worth.evpi > 0
    assert found.cvar >= found.expected
    costs = found.futures
    assert costs["reference_cost"].to_list()[1] > costs["cost"].to_list()[1]
    assert costs["cost"].to_numpy() @ costs["probability"].to_numpy() == pytest.approx(found.expected)


def test_one_future_is_the_plan_itself(make):
    network = make(**TWO)
    plan = solve(network)
    assert isinstance(plan, Plan)
    found = weighed(network, [AS_PLANNED], periods=2)
    assert found.expected == pytest.approx(plan.objective)
    assert found.worth.vss == pytest.approx(0.0, abs=1e-6)
    assert found.worth.evpi == pytest.approx(0.0, abs=1e-6)


def test_futures_that_change_vectors_share_the_matrix(make):
    fanned = fan(make(**TWO), [AS_PLANNED, MORE])
    first, second = (each.model for each in fanned.two.scenarios)
    assert first.same_matrix(second)


def test_an_order_that_a_stop_swallows_is_not_paid_and_the_second_source_is_used_early(make):
    offers = [{"offer": "a"}, {"offer": "b"}]
    stop = Future(
        name="a stops",
        probability=0.5,
        edits=(Edit(table="offers", where={"offer": "a"}, column="max_kg", value=0.0),),
    )
    found = weighed(make(offers=offers, prices={"a": 100.0, "b": 120.0}), [AS_PLANNED, stop])
    costs = dict(found.futures.select("name", "cost").iter_rows())
    assert costs["a stops"] == pytest.approx(3 * 10 * 120.0)
    # Ten kg of b are ordered at once in case a stops; where it does not, they are left over for February.
    assert ordered(found)["b"] == pytest.approx(10.0)
    assert costs["as planned"] == pytest.approx(20 * 100.0 + 10 * 120.0)


def test_tolls_are_decided_now_and_runs_of_own_plants_later(make):
    recipe = [
        {"process": name, "material": material, "direction": way, **more}
        for name in ("toll", "own")
        for material, way, more in (("scrap", "in", {"main": True}), ("ir", "out", {"direct_yield": 0.9}))
    ]
    network = make(
        processes=[{"process": "toll", "site": "fab"}, {"process": "own", "site": "fab", "toll": False}],
        recipes=recipe,
        stock=[{"material": "scrap", "quantity_kg": 50.0}],
    )
    fanned = fan(network, [AS_PLANNED], periods=2)
    assert fanned.decisions.rows() == [("run", "toll", "2026-01"), ("run", "toll", "2026-02")]


def test_demand_paths_become_futures(make):
    network = make(**TWO)
    paths = np.array([[[10.0, 10.0, 10.0]], [[10.0, 20.0, 10.0]], [[10.0, 21.0, 10.0]]])
    kept, chances = reduce_paths(paths, 2)
    found = weighed(network, demand_futures(network, paths[kept], chances), weight=0.5, level=0.5)
    assert found.futures["name"].to_list() == ["path 1", "path 2"]
    assert found.worth.vss >= -1e-6


def test_wants_of_a_small_future_do_not_bound_the_orders_for_a_large_one(make):
    small, large = (
        Future(name=name, probability=1.0, edits=(Edit(table="demand", column="quantity_kg", value=kg),))
        for name, kg in (("small", 1.0), ("large", 50.0))
    )
    network = make(offers=[{"offer": "far", "lead_days": 40.0}])
    found = weighed(network, [large, small])
    assert ordered(found)["far"] == pytest.approx(50.0, abs=1.0)


def test_a_plan_against_futures_carries_its_proof(make):
    found = weighed(make(**TWO), [AS_PLANNED, MORE], weight=0.4, level=0.5)
    verdict = verify_certificate(found.staged.certificate(), found.staged.model)
    assert verdict.accepted
    assert float(verdict.objective) == pytest.approx(found.worth.stochastic)
    assert verify_certificate(certify_other(found), found.staged.model).problems[0].code == "plan.certificate_model"


def certify_other(found: Weighed):
    model = found.fan.base.model
    told = HIGHS.solve(model)
    assert isinstance(told, Optimal)
    return certify(model, told.primal, told.duals) | {
        name: found.staged.certificate()[name] for name in ("primal", "duals")
    }


def test_what_the_plan_without_futures_orders_stays_where_nothing_is_better(make):
    cheap = Edit(table="offer_prices", where={"offer": "near"}, column="price_per_kg", value=1.001, how="scale")
    found = weighed(make(**TWO), [AS_PLANNED, Future(name="a little dearer", probability=0.5, edits=(cheap,))])
    assert found.orders["change"].null_count() == found.orders.height
    assert found.worth.vss == pytest.approx(0.0, abs=1e-6)


def test_orders_that_change_are_told_and_how(make):
    found = weighed(make(**TWO, settings={"funding_rate_per_year": 0.2}), [AS_PLANNED, MORE])
    assert dict(found.orders.select("entity", "change").iter_rows())["far"] == "more"
    first = np.array([3.0, 0.0])
    for new, change in ((4.0, "more"), (2.0, "less"), (0.0, "dropped"), (3.0, None)):
        told = told_of_orders(found.fan, np.array([new, 0.0]), first)
        assert told["change"].to_list() == [change, None]
    assert told_of_orders(found.fan, first, np.zeros(2))["change"].to_list() == ["new", None]


def test_what_is_short_and_its_penalty_are_told_of_each_future(make):
    found = weighed(make(**TWO), [AS_PLANNED, MORE])
    calm, more = found.futures.rows(named=True)
    assert calm["reference_short_kg"] == pytest.approx(4.0)  # January's: far comes in February, near carries six
    assert more["reference_short_kg"] > calm["reference_short_kg"]
    assert more["reference_penalty"] > calm["reference_penalty"]
    assert more["short_kg"] < more["reference_short_kg"]
    assert (found.futures["foreseen_cost"] <= found.futures["cost"] + 1e-6).all()


LOTS = {
    "offers": [{"offer": "far", "lead_days": 40.0, "min_kg": 8.0}, {"offer": "near", "max_kg": 6.0, "min_kg": 2.0}],
    "prices": {"far": 90.0, "near": 150.0},
}


@pytest.mark.parametrize("enough", [1.0, 0.0])
def test_least_orders_stay_whole_and_what_is_proved_is_said(make, monkeypatch, enough):
    """Whether the root's bound is thought to be enough, or a small tree narrows it."""
    monkeypatch.setattr(staged, "ENOUGH", enough)
    found = weighed(make(**LOTS), [AS_PLANNED, MORE])
    assert found.staged.model.has_integers
    verdict = verify_certificate(found.staged.certificate(), found.staged.model)
    assert verdict.accepted
    assert float(verdict.gap) <= max(1e-9, enough)
    kg = ordered(found)
    assert all(each == 0 or each >= least - 1e-6 for each, least in ((kg["far"], 8.0), (kg["near"], 2.0)))
    assert found.worth.vss >= -1e-6 * found.expected


def test_a_tree_answers_as_the_solver_alone_does(make):
    two = fan(make(**LOTS), [AS_PLANNED, MORE]).two
    by_tree, alone = decide_by_tree(two), decide(two)
    assert isinstance(by_tree, Staged)
    assert isinstance(alone, Staged)
    assert by_tree.objective == pytest.approx(alone.objective, rel=2e-5)
    assert verify_certificate(alone.certificate(), alone.model).accepted


@pytest.mark.parametrize("weight", [0.0, 0.6])
def test_starting_from_where_each_future_ends_changes_no_optimum(make, weight):
    two = fan(make(**TWO), [AS_PLANNED, MORE], weight=weight).two
    model = extensive(two)
    quick, slow = Started(two=two).solve(model), HIGHS.solve(model)
    assert isinstance(quick, Optimal)
    assert isinstance(slow, Optimal)
    assert quick.objective == pytest.approx(slow.objective, rel=1e-9)

    class Foreign:
        """A solver that tells no basis."""

        def solve(self, asked):
            return HIGHS.solve(asked)

        def warm(self, asked):
            held = HIGHS.warm(asked)
            return type("Warm", (), {"resolve": staticmethod(lambda other, **_: held.resolve(other))})()

    other = Started(two=two, solver=Foreign()).solve(model)
    assert isinstance(other, Optimal)
    assert other.objective == pytest.approx(slow.objective, rel=1e-9)


def test_a_point_put_together_is_told_apart_again(make):
    two = fan(make(**TWO), [AS_PLANNED, MORE], weight=0.5).two
    found = decide_by_tree(two)
    assert isinstance(found, Staged)
    point = put_together(two, found.model, found.first, found.points)
    first, points = told_apart(two, found.model, point)
    assert first.tolist() == found.first.tolist()
    assert all((one == other).all() for one, other in zip(points, found.points, strict=True))
    assert found.model.cost @ point + found.model.offset == pytest.approx(found.objective, rel=1e-9)


def test_a_future_that_takes_an_offer_away_is_refused(make):
    gone = Future(name="gone", probability=1.0, edits=(Edit(table="offers", where={"offer": "near"}, how="drop"),))
    with pytest.raises(BadInput) as caught:
        fan(make(**TWO), [AS_PLANNED, gone])
    assert caught.value.code == "plan.stage_first"


def test_futures_that_cannot_hold_their_limits_are_an_answer(make):
    limit = {"limit": "cap", "metric": "purchase", "value": 5.0, "sense": ">="}
    network = make(offers=[{"offer": "a", "max_kg": 1.0}], limits=[limit])
    open_up = Future(name="open", probability=1.0, edits=(Edit(table="offers", where={}, column="max_kg", value=99.0),))
    with pytest.raises(Unavailable) as caught:
        weigh(network, [open_up])
    assert caught.value.code == "plan.solver_failed"
    assert isinstance(weigh(network, [AS_PLANNED]), Stopped)


def test_futures_without_orders_that_suit_all_are_explained(make):
    """Each has a plan by itself; one allows at most 5 kg in January, the other asks for 9."""

    def limit(name: str, sense: str, kg: float) -> Future:
        row = {"limit": name, "metric": "purchase", "scope": None, "period": "2026-01", "sense": sense, "value": kg}
        return Future(
            name=name,
            probability=0.5,
            edits=(Edit(table="limits", how="add", value={**row, "unit": "kg", "kind": "hard"}),),
        )

    network = make(**TWO)
    found = stuck(fan(network, [limit("low", "<=", 5.0), limit("high", ">=", 9.0)]))
    assert found.alone == {}
    assert set(found.limits.select("future", "limit").iter_rows()) == {("low", "low"), ("high", "high")}
    torn = Future(name="torn", probability=0.5, edits=limit("low", "<=", 5.0).edits + limit("high", ">=", 9.0).edits)
    lone = stuck(fan(network, [AS_PLANNED, torn]))
    assert list(lone.alone) == ["torn"]
    assert set(lone.repair["future"]) == {"torn"}
    assert stuck(fan(network, [AS_PLANNED])).limits.is_empty()


RISKS = pl.DataFrame(
    {
        "risk": ["stop", "jump", "rumour"],
        "event": ["site_stop", "demand_jump", "site_stop"],
        "target": ["a", "ir", "b"],
        "size": [1.0, 0.2, 1.0],
        "probability": [0.2, 0.1, None],
    }
)


def test_independent_risks_are_combined_and_what_is_left_out_is_said():
    all_of_it = combine_risks(RISKS, rarest=0.0)
    assert [(each.name, each.probability) for each in all_of_it.futures] == [
        ("as-planned", 0.72), ("stop", 0.18), ("jump", 0.08), ("stop + jump", 0.02),
    ]  # fmt: skip
    assert (all_of_it.left_out, all_of_it.unweighed) == (0.0, ("rumour",))
    few = combine_risks(RISKS, rarest=0.03)
    assert len(few.futures) == 3
    assert few.left_out == pytest.approx(0.02)
    assert few.futures[0].probability == pytest.approx(0.72 / 0.98, abs=1e-6)


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=7), st.floats(0.0, 0.3))
def test_probabilities_of_combined_risks_add_up_to_one_exactly(chances, rarest):
    count = len(chances)
    risks = pl.DataFrame(
        {
            "risk": [f"r{at}" for at in range(count)],
            "event": ["site_stop"] * count,
            "target": ["a"] * count,
            "probability": chances,
        }
    )
    found = combine_risks(risks, rarest=rarest)
    parts = [Fraction(repr(each.probability)) for each in found.futures]
    assert sum(parts) == 1
    assert min(parts) > 0
    assert 0.0 <= found.left_out < 1.0
    both = crossed(found.futures, [Future(name="path 1", probability=0.25), Future(name="path 2", probability=0.75)])
    assert sum(Fraction(repr(each.probability)) for each in both) == 1


def test_futures_of_two_kinds_meet_each_other():
    edit = Edit(table="demand", column="quantity_kg", value=1.1, how="scale")
    paths = [Future(name="path 1", probability=0.5, edits=(edit,)), Future(name="path 2", probability=0.5)]
    both = crossed(combine_risks(RISKS.head(1), rarest=0.0).futures, paths)
    assert [(each.name, each.probability, len(each.edits)) for each in both] == [
        ("path 1", 0.4, 1), ("path 2", 0.4, 0), ("stop + path 1", 0.1, 2), ("stop + path 2", 0.1, 1),
    ]  # fmt: skip
