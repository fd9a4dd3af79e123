"""The solver port: what is asked twice is answered alike, cold or warm, and whole numbers come back whole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.plan import HIGHS, Builder, Model, Optimal, Stopped, certify, verify_certificate
from oreloop.plan import highs as port
from oreloop.plan.highs import MANY, HeldByHighs, Highs, Start, with_whole


def transport(seed: int = 0, sites: int = 6, users: int = 8) -> Model:
    """Ship at least cost from sites with capacity to users; a shortage costs 50 a kg."""
    rng = np.random.default_rng(seed)
    lp = Builder()
    ship = lp.columns("ship", (sites, users), cost=rng.integers(1, 4, (sites, users)))
    short = lp.columns("short", (users,), cost=50.0)
    wanted = rng.uniform(3, 9, users)
    demand = lp.rows("demand", (users,), lower=wanted, upper=wanted)
    capacity = lp.rows("capacity", (sites,), upper=rng.uniform(5, 9, sites))
    lp.add(demand, demand.all[None, :].repeat(sites, 0), ship, ship.all, 1.0)
    lp.add(demand, demand.all, short, short.all, 1.0)
    lp.add(capacity, capacity.all[:, None].repeat(users, 1), ship, ship.all, 1.0)
    return lp.build(offset=3.0)


def knapsack(seed: int = 0, items: int = 30) -> Model:
    """Choose whole lots of several weights for the most value."""
    rng = np.random.default_rng(seed)
    lp = Builder()
    weight = rng.integers(10, 60, items).astype(float)
    lots = lp.columns("lots", (items,), upper=3.0, cost=-(weight + rng.uniform(0, 9, items)))
    rest = lp.columns("rest", (1,), upper=0.5, cost=-1.0)
    room = lp.rows("room", (1,), upper=float(weight.sum()) + 0.25)
    lp.add(room, np.zeros(items, dtype=int), lots, lots.all, weight)
    lp.add(room, room.all, rest, rest.all, 1.0)
    model = lp.build()
    return replace(model, integer=np.arange(items + 1) < items)


def shared_out(rows: int = 3, items: int = 20) -> Model:
    """Share items out so that two parties get the same of everything, or as nearly as can be: hard for its size."""
    rng = np.random.default_rng(0)
    lp = Builder()
    chosen, miss = lp.columns("chosen", (items,), upper=1.0), lp.columns("miss", (2, rows), cost=1.0)
    amounts = rng.integers(0, 100, (rows, items)).astype(float)
    half = np.floor(amounts.sum(axis=1) / 2)
    equal = lp.rows("equal", (rows,), lower=half, upper=half)
    lp.add(equal, equal.all[:, None].repeat(items, 1), chosen, chosen.all[None, :].repeat(rows, 0), amounts)
    lp.add(equal, equal.all, miss, miss.all[0], 1.0)
    lp.add(equal, equal.all, miss, miss.all[1], -1.0)
    model = lp.build()
    return replace(model, integer=np.arange(len(model.cost)) < items)


def edited(model: Model, kind: int, at: int, size: float) -> Model:
    match kind:
        case 0:
            row = at % 8
            lower, upper = model.row_lower.copy(), model.row_upper.copy()
            lower[row] *= size
            upper[row] *= size
            return model.with_rows(lower, upper)
        case 1:
            columns = model.upper.copy()
            columns[at % 48] = 0.0
            return replace(model, upper=columns)
        case _:
            cost = model.cost.copy()
            cost[at % 48] *= size
            return replace(model, cost=cost, offset=size)


EDITS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 99), st.floats(0.2, 3.0)), min_size=1, max_size=4)


@given(EDITS)
def test_a_warm_answer_is_the_cold_one(edits):
    model = transport()
    warm = HIGHS.warm(model)
    for edit in edits:
        asked = edited(model, *edit)
        assert warm.resolve(asked).objective == pytest.approx(HIGHS.solve(asked).objective, rel=1e-9)


@given(EDITS)
def test_a_warm_answer_does_not_depend_on_what_was_asked_before(edits):
    model = transport()
    asked = [edited(model, *edit) for edit in edits]
    one, other = HIGHS.warm(model), HIGHS.warm(model)
    forth = [one.resolve(each) for each in asked]
    back = [other.resolve(each) for each in reversed(asked)][::-1]
    for first, second in zip(forth, back, strict=True):
        assert np.array_equal(first.primal, second.primal)
        assert np.array_equal(first.duals, second.duals)


@given(EDITS)
def test_from_the_nearest_of_earlier_answers_the_cost_is_the_same_and_proved(edits):
    model, before = transport(), port._LONG
    port._LONG = 0
    try:
        first, again = ([], [])
        for told in (first, again):
            warm = MANY.warm(model)
            told.extend(warm.resolve(edited(model, *edit)) for edit in edits)
    finally:
        port._LONG = before
    for edit, one, same in zip(edits, first, again, strict=True):
        asked = edited(model, *edit)
        assert one.objective == pytest.approx(HIGHS.solve(asked).objective, rel=1e-9)
        assert np.array_equal(one.primal, same.primal)  # the same questions in the same order
        boxed = replace(asked, upper=np.minimum(asked.upper, 100.0))
        assert verify_certificate(certify(boxed, one.primal, one.duals), boxed).accepted


def under_a_cap(kg: float) -> Model:
    """Ten kg are needed: from a source at 1 under a cap, four from one at 2, the rest at 3."""
    lp = Builder()
    buy = lp.columns("buy", (3,), upper=[50.0, 4.0, 50.0], cost=[1.0, 2.0, 3.0])
    need, cap = lp.rows("need", (1,), lower=10.0), lp.rows("cap", (1,), upper=kg)
    lp.add(need, 0, buy, buy.all, 1.0)
    lp.add(cap, 0, buy, 0, 1.0)
    return lp.build()


def test_a_cap_starts_from_the_answer_under_the_cap_next_to_it(monkeypatch):
    monkeypatch.setattr(port, "_LONG", -1)
    model, loose, tight, asked = (under_a_cap(kg) for kg in (np.inf, 8.0, 4.0, 3.0))
    warm, few = HeldByHighs(model, MANY), HeldByHighs(model, Highs(kept=1))
    for each in (model, loose, tight):
        warm.resolve(each)
        few.resolve(each)
    assert warm._nearest(asked).model is tight
    assert warm._nearest(under_a_cap(7.0)).model is loose
    assert warm._nearest(model).model is model
    assert [start.model for start in few._starts] == [tight]
    dearer = replace(asked, row_upper=tight.row_upper, cost=np.array([1.0, 2.0, 2.5]))
    assert warm._nearest(dearer).model is tight, "under other prices, the cheapest point that may stay"


def test_what_a_start_proves_is_below_the_optimum_and_what_it_shows_is_above():
    model = transport()
    warm = HeldByHighs(model, MANY)
    warm.resolve(model)
    start = warm._nearest(model)
    assert start.least(model) == pytest.approx(HIGHS.solve(model).objective) == pytest.approx(start.most(model))
    tight = model.with_rows(model.row_lower, np.where(np.arange(14) == 8, 0.5, model.row_upper))
    assert start.least(tight) < HIGHS.solve(tight).objective + 1e-6
    assert start.most(tight) == np.inf
    dear = replace(model, cost=model.cost * 2)
    assert start.least(dear) == -np.inf
    assert start.most(dear) >= HIGHS.solve(dear).objective - 1e-6
    impossible = replace(model, upper=np.where(np.arange(len(model.cost)) >= 48, 0.0, model.upper))
    nothing = Start(basis=None, model=model, told=HIGHS.solve(impossible))
    assert (nothing.least(model), nothing.most(model)) == (-np.inf, np.inf)


def test_other_prices_of_a_large_program_are_answered_from_its_own_plan(monkeypatch):
    model = transport(sites=12, users=20)
    dear = replace(model, cost=model.cost * np.linspace(1.0, 2.0, len(model.cost)))
    known = HIGHS.solve(dear).objective
    monkeypatch.setattr(port, "LARGE", 10)
    assert HIGHS.warm(model).resolve(dear).objective == pytest.approx(known, rel=1e-9)


def test_onward_solves_give_the_same_optimum():
    model = transport()
    warm = HIGHS.warm(model)
    for at in range(5):
        asked = edited(model, 0, at, 1.5)
        assert warm.resolve(asked, onward=True).objective == pytest.approx(HIGHS.solve(asked).objective, rel=1e-9)


def test_a_base_without_an_optimum_keeps_no_one_from_asking():
    model = transport()
    impossible = replace(model, upper=np.where(np.arange(len(model.cost)) >= 48, 0.0, model.upper))
    warm = HIGHS.warm(impossible)
    assert warm.resolve(impossible).status == "infeasible"
    assert warm.resolve(model).objective == pytest.approx(HIGHS.solve(model).objective)


def test_large_programs_start_by_interior_points_and_go_on_by_simplex(monkeypatch):
    model = transport(sites=12, users=20)
    known = HIGHS.solve(model)
    monkeypatch.setattr(port, "LARGE", 10)
    warm = HIGHS.warm(model)
    assert warm.resolve(model).objective == pytest.approx(known.objective, rel=1e-9)
    lower, upper = model.row_lower * 1.3, np.where(np.arange(32) < 20, model.row_upper * 1.3, model.row_upper)
    assert warm.resolve(model.with_rows(lower, upper)).objective > known.objective
    monkeypatch.setattr(port, "_PATIENCE", 10**6)
    asked = model.with_rows(lower * 2, np.where(np.arange(32) < 20, upper * 2, upper))
    hurried = warm.resolve(asked)
    assert isinstance(hurried, Optimal)
    assert hurried.objective == pytest.approx(HIGHS.solve(asked).objective, rel=1e-9)
    assert warm.resolve(model).objective == pytest.approx(known.objective, rel=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_whole_numbers_come_back_exactly_whole_with_duals_of_the_rest(seed):
    model = knapsack(seed)
    told = HIGHS.solve(model)
    lots = told.primal[model.integer]
    assert np.array_equal(lots, np.rint(lots))
    assert told.bound <= told.objective + 1e-6
    assert told.bound == pytest.approx(told.objective, rel=1e-6)
    rest = HIGHS.solve(with_whole(model, told.primal))
    assert rest.objective == told.objective
    assert np.allclose(told.reduced_costs, model.cost - told.duals[0] * model.data)
    assert told.objective >= HIGHS.solve(model.relaxed()).objective - 1e-9


def test_warm_solves_of_whole_numbers_are_cold_ones():
    model = knapsack()
    warm = HIGHS.warm(model)
    fewer = model.with_rows(model.row_lower, model.row_upper / 2)
    assert warm.resolve(fewer).objective == pytest.approx(HIGHS.solve(fewer).objective)
    assert warm.resolve(model).objective == pytest.approx(HIGHS.solve(model).objective)


def test_a_search_that_is_stopped_says_so_and_gives_its_best_point():
    model = shared_out()
    for nodes, known in ((0, False), (5, True)):
        told = Highs(nodes=nodes).solve(model)
        assert isinstance(told, Stopped)
        assert told.status == "limit"
        assert (told.best is not None) == known
    assert told.best.bound < told.best.objective


def test_a_program_without_whole_solutions_is_infeasible():
    model = replace(knapsack(), row_lower=np.array([0.6]), row_upper=np.array([0.9]))
    assert HIGHS.solve(model).status == "infeasible"


@pytest.mark.parametrize(("most", "status"), [(30.0, "unbounded"), (1.0, "infeasible")])
def test_a_program_without_an_optimum_says_which_of_the_two_it_is(most, status):
    lp = Builder()
    lots = lp.columns("lots", (4,), cost=[-1.0, 0.0, 1.0, 2.0])
    rows = lp.rows("rows", (3,), lower=[0.0, 2.0, -np.inf], upper=[np.inf, np.inf, most])
    lp.add(rows, [0, 0, 1, 1, 2, 2], lots, [0, 1, 1, 2, 1, 2], 1.0)
    lp.add(rows, rows.all, lots, 3, [2.0, 3.0, 4.0])
    model = replace(lp.build(), integer=np.ones(4, dtype=np.bool_))
    assert HIGHS.solve(model).status == status


def test_time_is_a_setting_of_the_port():
    told = Highs(seconds=0.0).solve(transport())
    assert isinstance(told, Stopped)
    assert told.status == "limit"


def test_without_presolve_the_optimum_is_the_same():
    assert Highs(presolve=False).solve(transport()).objective == pytest.approx(HIGHS.solve(transport()).objective)
