"""Deciding now for several futures: never dearer than a plan that knows of one only, never cheaper than foresight."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oreloop.base.errors import BadInput, Unavailable
from oreloop.plan import HIGHS, Builder, Model, Optimal, Stopped, certify, verify_certificate
from oreloop.plan.search import search
from oreloop.plan.stochastic import (
    Scenario,
    Staged,
    TwoStage,
    decide,
    decide_by_tree,
    extensive,
    mean_model,
    read_smps,
    reduce_paths,
    worth,
)
from oreloop.plan.stochastic import staged as staged_module


def market(demand: float, *, dear: float = 30.0, sale: float = 0.0, most: float = 1e3, whole: bool = False) -> Model:
    """Order now at 10; what lacks later costs ``dear``, what is left over sells for ``sale``."""
    lp = Builder()
    order = lp.columns("order", (1,), upper=most, cost=10.0, integer=whole)
    lack = lp.columns("lack", (1,), upper=1e3, cost=dear)
    left = lp.columns("left", (1,), upper=1e3, cost=-sale)
    rows = lp.rows("demand", (1,), lower=demand, upper=demand)
    for block, sign in ((order, 1.0), (lack, 1.0), (left, -1.0)):
        lp.add(rows, 0, block, 0, sign)
    return lp.build()


def scenarios(demands, chances=None, **given) -> list[Scenario]:
    chances = chances or [1.0] * len(demands)
    return [
        Scenario(name=f"{kg:g}", probability=chance, model=market(kg, **given), first=np.array([0]))
        for kg, chance in zip(demands, chances, strict=True)
    ]


def decided(two: TwoStage) -> Staged:
    staged = decide(two)
    assert isinstance(staged, Staged)
    return staged


def test_the_newsvendor_orders_the_quantile_that_the_margin_asks_for():
    """Lacking costs 18 more than ordering, leftovers lose 10: order what suffices in 18 of 28 cases."""
    two = TwoStage.of(scenarios([10.0, 20.0, 30.0], dear=28.0))
    staged = decided(two)
    assert staged.first.tolist() == pytest.approx([20.0])
    assert staged.costs.tolist() == pytest.approx([200.0, 200.0, 480.0])
    assert [staged.expected, staged.objective] == pytest.approx([880 / 3, 880 / 3])
    known = worth(two, staged)
    assert known.foreseen == pytest.approx(200.0)
    assert known.evpi == pytest.approx(280 / 3)
    assert known.vss == pytest.approx(0.0, abs=1e-9)


def test_a_skewed_future_makes_weighing_it_worth_something():
    two = TwoStage.of(scenarios([0.0, 0.0, 60.0]))
    known = worth(two, decided(two))
    assert known.vss == pytest.approx(0.0, abs=1e-9)
    two = TwoStage.of(scenarios([0.0, 0.0, 60.0], dear=20.0))
    known = worth(two, decided(two))
    assert (known.stochastic, known.reference) == (pytest.approx(400.0), pytest.approx(200.0 + 40 * 20 / 3))
    assert known.vss == pytest.approx(200 / 3)
    assert known.reference_costs.tolist() == pytest.approx([200.0, 200.0, 1000.0])


def test_who_fears_the_tail_orders_more():
    calm, wary = (
        decided(TwoStage.of(scenarios([10.0, 20.0, 50.0], dear=28.0), level=0.6, weight=each)) for each in (0.0, 0.9)
    )
    assert wary.first[0] > calm.first[0]
    assert wary.cvar < calm.cvar
    assert wary.expected >= calm.expected


def test_the_tail_is_the_mean_of_the_dearest_part():
    two = TwoStage.of(scenarios([1.0, 2.0, 3.0, 4.0]), level=0.6)
    costs = np.array([40.0, 10.0, 20.0, 30.0])
    assert two.cvar(costs) == pytest.approx((0.25 * 40 + 0.15 * 30) / 0.4)
    assert replace(two, level=0.0).cvar(costs) == pytest.approx(25.0)
    assert two.cvar(np.array([1.0, np.inf, 1.0, 1.0])) == np.inf


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 100), st.floats(0.05, 1)), min_size=1, max_size=5),
    st.floats(0, 0.95),
    st.floats(0, 0.95),
    st.floats(11, 90),
)
def test_foresight_is_never_dearer_and_a_single_forecast_never_cheaper(given_scenarios, level, weight, dear):
    demands, chances = zip(*given_scenarios, strict=True)
    two = TwoStage.of(scenarios(demands, chances, dear=dear), level=level, weight=weight)
    staged = decided(two)
    known = worth(two, staged)
    slack = 1e-6 * (1 + abs(staged.objective))
    assert known.vss >= -slack
    assert known.evpi >= -slack
    assert staged.cvar >= staged.expected - slack
    assert staged.objective == pytest.approx(two.risk(staged.costs), rel=1e-6, abs=1e-6)
    turned = decided(replace(two, scenarios=two.scenarios[::-1]))
    assert turned.objective == pytest.approx(staged.objective, rel=1e-7, abs=1e-7)


def test_one_scenario_is_the_plan_itself():
    (only,) = scenarios([7.0], sale=3.0)
    alone = HIGHS.solve(only.model)
    assert isinstance(alone, Optimal)
    for weight in (0.0, 0.7):
        two = TwoStage.of([only], weight=weight)
        staged = decided(two)
        assert staged.objective == pytest.approx(alone.objective)
        assert staged.points[0].tolist() == pytest.approx(alone.primal.tolist())


def test_the_written_out_program_can_be_certified_and_shares_one_matrix():
    two = TwoStage.of(scenarios([5.0, 9.0, 14.0]), weight=0.5)
    staged = decided(two)
    assert [name for name in staged.model.column_blocks if name.startswith("later")] == ["later 0"]
    proof = certify(staged.model, staged.solution.primal, staged.solution.duals)
    assert verify_certificate(proof, staged.model).accepted


def test_scenarios_of_another_shape_join_in():
    lp = Builder()
    rest = lp.columns("lack", (1,), upper=50.0, cost=40.0)
    order = lp.columns("order", (1,), upper=80.0, cost=10.0)
    rows = lp.rows("demand", (1,), lower=25.0)
    lp.add(rows, 0, rest, 0, 1.0)
    lp.add(rows, 0, order, 0, 1.0)
    other = Scenario(name="other", probability=1.0, model=lp.build(2.0), first=np.array([1]))
    two = TwoStage.of([*scenarios([10.0]), other])
    staged = decided(two)
    assert staged.first.tolist() == pytest.approx([25.0])
    assert staged.costs.tolist() == pytest.approx([250.0, 252.0])
    assert worth(two, staged, reference=np.array([10.0])).vss == pytest.approx((100 + 100 + 600 + 2) / 2 - 251.0)
    with pytest.raises(AssertionError):
        mean_model(two)


def test_an_order_that_a_stopped_supplier_does_not_fill_is_not_paid():
    """In the stop only 4 of the 10 ordered come; the rest is bought dear, and what did not come costs nothing."""
    calm, stop = scenarios([10.0, 10.0], [0.75, 0.25])
    stopped = replace(stop, model=market(10.0, most=4.0), loose=np.array([True]))
    two = TwoStage.of([calm, stopped])
    staged = decided(two)
    assert staged.first.tolist() == pytest.approx([10.0])
    assert staged.costs.tolist() == pytest.approx([100.0, 40.0 + 6 * 30.0])
    kept = worth(two, staged, reference=np.array([3.0]))
    assert kept.reference_costs.tolist() == pytest.approx([30 + 210, 30 + 210])
    both = decided(TwoStage.of([stopped]))
    assert both.costs.tolist() == pytest.approx([220.0])


def test_whole_numbers_stay_whole():
    staged = decided(TwoStage.of(scenarios([2.5, 7.5, 8.5], whole=True, sale=5.0)))
    assert staged.first[0] == round(staged.first[0])
    assert staged.model.integer.sum() == 1


def test_where_no_whole_point_comes_out_by_itself_the_solver_looks_longer(monkeypatch):
    """Without a decision at hand and with a search that finds none."""

    def finds_nothing(model, relaxed, warm, *, nodes, best):
        return replace(search(model, relaxed, warm, nodes=nodes), best=None)

    monkeypatch.setattr(staged_module, "search", finds_nothing)
    two = TwoStage.of(scenarios([2.5, 7.5, 8.5], whole=True, sale=5.0))
    by_tree = decide_by_tree(two)
    assert isinstance(by_tree, Staged)
    assert by_tree.objective == pytest.approx(decided(two).objective)
    none = replace(two.scenarios[0], model=replace(two.scenarios[0].model, upper=np.array([0.5, 0.0, 0.0])))
    assert isinstance(decide_by_tree(TwoStage.of([none])), Stopped)
    monkeypatch.undo()
    assert isinstance(decide_by_tree(TwoStage.of([none])), Stopped)


def test_what_no_scenario_allows_is_an_answer_and_a_decision_it_cannot_live_with_costs_without_end():
    calm = scenarios([5.0])[0]
    model = market(5.0)
    tight = replace(calm, model=replace(model, upper=np.array([1e3, 0.0, 0.0])))
    two = TwoStage.of([calm, tight])
    assert worth(two, decided(two), reference=np.array([4.0])).vss == np.inf
    none = replace(calm, model=replace(model, upper=np.zeros(3)))
    assert isinstance(decide(TwoStage.of([calm, none])), Stopped)
    lost = replace(calm, model=replace(model, upper=np.zeros(3), row_lower=np.ones(1), row_upper=np.ones(1)))
    with pytest.raises(Unavailable) as caught:
        worth(TwoStage.of([lost]), decided(two))
    assert caught.value.code == "plan.solver_failed"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"scenarios": []}, "plan.stage_probability"),
        ({"scenarios": scenarios([1.0], [0.0])}, "plan.stage_probability"),
        ({"scenarios": [replace(scenarios([1.0])[0], first=np.array([7]))]}, "plan.stage_first"),
        ({"scenarios": [replace(scenarios([1.0])[0], loose=np.array([True, True]))]}, "plan.stage_first"),
        ({"scenarios": scenarios([1.0]), "level": 1.0}, "plan.stage_risk"),
        ({"scenarios": scenarios([1.0]), "weight": -0.1}, "plan.stage_risk"),
    ],
)
def test_stages_that_make_no_sense_are_refused(given, code):
    with pytest.raises(BadInput) as caught:
        TwoStage.of(given.pop("scenarios"), **given)
    assert caught.value.code == code


def test_few_paths_stand_for_many_and_keep_all_probability():
    rng = np.random.default_rng(3)
    paths = np.concatenate([rng.normal(centre, 0.1, (20, 2, 3)) for centre in (0.0, 10.0, 50.0)])
    kept, chances = reduce_paths(paths, 3)
    assert sorted(int(each) // 20 for each in kept) == [0, 1, 2]
    assert chances.tolist() == pytest.approx([1 / 3] * 3)
    assert reduce_paths(paths, 99)[0].tolist() == list(range(60))
    kept, chances = reduce_paths(np.array([[0.0], [1.0], [9.0]]), 1, np.array([1.0, 1.0, 8.0]))
    assert (kept.tolist(), chances.tolist()) == ([2], pytest.approx([1.0]))


CORE = """NAME  news
ROWS
 N  cost
 E  demand
 L  room
COLUMNS
    MARK  'MARKER'  'INTORG'
    order  cost  10  demand  1
    order  room  1
    MARK  'MARKER'  'INTEND'
    lack  cost  30  demand  1
    left  demand  -1
RHS
    RHS  demand  10  room  100
BOUNDS
 UP BND order 80
 UP BND lack 90
ENDATA
"""
TIME = "TIME news\nPERIODS\n    order  room  NOW\n    lack  demand  LATER\nENDATA\n"
STOCH = """STOCH news
* two futures
SCENARIOS DISCRETE
 SC low ROOT 0.5 LATER
    RHS demand 10
 SC high low 0.5 LATER
    RHS demand 30
    lack demand 0.5
ENDATA
"""


def test_a_program_in_smps_is_read():
    two = read_smps(CORE, TIME, STOCH)
    low, high = (each.model for each in two.scenarios)
    assert (low.row_lower[0], high.row_lower[0]) == (10.0, 30.0)
    assert (low.data.tolist(), high.data.tolist()) == ([1.0, 1.0, 1.0, -1.0], [1.0, 1.0, 0.5, -1.0])
    assert low.integer.tolist() == [True, False, False]
    assert decided(two).first.tolist() == pytest.approx([30.0])


def test_every_kind_of_row_and_bound_of_smps_is_read():
    core = CORE.replace(" L  room", " G  room").replace("room  100", "room  -5")
    kinds = ["LO BND order 2", "MI BND lack", "PL BND left", "FX BND left 3", "FR BND left", "BV BND left"]
    models = [read_smps(core.replace("ENDATA", f" {kind}\nENDATA"), TIME, STOCH).scenarios[0].model for kind in kinds]
    assert models[0].row_lower[1] == -5.0
    assert [(each.lower[at], each.upper[at]) for each, at in zip(models, (0, 1, 2, 2, 2, 2), strict=True)] == [
        (2.0, 80.0), (-np.inf, 90.0), (0.0, np.inf), (3.0, 3.0), (-np.inf, np.inf), (0.0, 1.0),
    ]  # fmt: skip
    assert models[5].integer.tolist() == [True, False, True]
    plain = read_smps(
        CORE.replace("'MARKER'", "cost")
        .replace("MARK  cost  'INTORG'\n", "")
        .replace("    MARK  cost  'INTEND'\n", ""),
        TIME,
        STOCH,
    )
    assert not plain.scenarios[0].model.has_integers


@pytest.mark.parametrize(
    ("texts", "file", "line"),
    [
        ((CORE.replace(" L  room", " X  room"), TIME, STOCH), "core", 5),
        ((CORE.replace("UP BND lack", "QQ BND lack"), TIME, STOCH), "core", 17),
        ((CORE.replace("RHS\n", "ODD\n", 1), TIME, STOCH), "core", 14),
        ((CORE, TIME.replace("    lack  demand  LATER\n", ""), STOCH), "time", None),
        ((CORE, TIME, STOCH.replace("SCENARIOS", "BLOCKS")), "stoch", 4),
        ((CORE, TIME, STOCH.replace("lack demand", "lack room")), "stoch", 8),
        ((CORE, TIME, STOCH.replace("RHS demand 10", "RHS demand")), "stoch", 5),
    ],
)
def test_a_line_of_smps_that_makes_no_sense_is_named(texts, file, line):
    with pytest.raises(BadInput) as caught:
        read_smps(*texts)
    assert caught.value.code == "plan.not_smps"
    place = caught.value.problems[0].place
    assert (place.file, place.line) == (file, line)


def test_published_two_stage_programs_are_read(shared):
    folder = shared("data/dispatch/smps")
    for name, count, first in (("sizes", 10, 75), ("dcap233_200", 200, 12)):
        two = read_smps(
            *((folder / name / f"{name}.{end}").read_text(errors="replace") for end in ("cor", "tim", "sto"))
        )
        assert (len(two.scenarios), len(two.scenarios[0].first)) == (count, first)
        model = extensive(two).relaxed()
        outcome = HIGHS.solve(model)
        assert isinstance(outcome, Optimal)
        assert verify_certificate(certify(model, outcome.primal, outcome.duals), model).residual < 1e-6
