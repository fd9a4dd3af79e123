"""What to order now against several futures of one network."""

from __future__ import annotations

import numpy as np
import pytest

from oreloop.base.errors import BadInput, Unavailable
from oreloop.plan import Edit, Plan, Stopped, solve
from oreloop.plan.stochastic import Future, Weighed, demand_futures, fan, reduce_paths, weigh

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
