"""Which suppliers to take: never dearer than a solver's answer, and proved without one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oreloop.base.errors import BadInput, Unavailable
from oreloop.plan import HIGHS, Model, Optimal, Stopped
from oreloop.plan.choice import Choice, Proved, choose, strong, verify_choice

NEAR = {"open_cost": [10.0, 10.0, 30.0], "capacity": 12.0, "demand": [5.0, 5.0, 4.0]}
PRICES = [[1.0, 2.0, 9.0], [9.0, 2.0, 1.0], [1.0, 1.0, 1.0]]


def chosen(choice: Choice) -> Proved:
    proved = choose(choice)
    assert isinstance(proved, Proved)
    verdict = verify_choice(proved, choice)
    assert verdict.accepted, verdict.problems
    assert proved.bound <= proved.objective
    return proved


def by_solver(choice: Choice) -> float:
    outcome = HIGHS.solve(strong(choice))
    return outcome.objective if isinstance(outcome, Optimal) else np.inf


def some_choice(seed: int) -> Choice:
    rng = np.random.default_rng(seed)
    facilities, customers = int(rng.integers(1, 6)), int(rng.integers(1, 8))
    demand = rng.integers(0, 20, customers).astype(float)
    cost = rng.integers(1, 30, (facilities, customers)).astype(float)
    cost[rng.random(cost.shape) < 0.1] = np.inf
    return Choice.of(
        open_cost=rng.integers(0, 200, facilities),
        capacity=rng.integers(5, 60, facilities),
        least=rng.integers(0, 12, facilities) * (rng.random(facilities) < 0.3),
        most=np.where(rng.random(cost.shape) < 0.2, 0.6 * demand, np.inf),
        demand=demand,
        unit_cost=cost,
        at_most=int(rng.integers(1, facilities + 1)) if rng.random() < 0.4 else None,
    )


def test_two_near_suppliers_beat_a_dear_one_in_the_middle():
    proved = chosen(Choice.of(**NEAR, unit_cost=PRICES))
    assert proved.is_open.tolist() == [True, True, False]
    assert proved.objective == pytest.approx(10 + 10 + 5 * 1 + 5 * 2 + 4 * 1)
    assert proved.flows.sum(axis=0).tolist() == pytest.approx([5.0, 5.0, 4.0])


def test_a_minimum_order_above_what_is_wanted_keeps_a_supplier_out():
    choice = Choice.of(**NEAR, unit_cost=PRICES, least=[8.0, 8.0, 0.0])
    proved = chosen(choice)
    assert not proved.is_open[:2].all()
    assert proved.objective == pytest.approx(by_solver(choice))


def test_a_minimum_order_above_its_own_capacity_is_never_taken():
    proved = chosen(
        Choice.of(open_cost=[0.0, 9.0], capacity=[5.0, 9.0], least=[6.0, 0.0], demand=[5.0], unit_cost=[[1.0], [1.0]])
    )
    assert proved.is_open.tolist() == [False, True]


def test_at_most_one_supplier_must_be_one_that_can_carry_all():
    choice = Choice.of(
        open_cost=[10.0, 10.0, 30.0], capacity=[12, 12, 20], demand=[5, 5, 4], unit_cost=PRICES, at_most=1
    )
    assert chosen(choice).is_open.tolist() == [False, False, True]


def test_a_share_ceiling_forces_a_second_source():
    demand = np.array([10.0])
    choice = Choice.of(open_cost=[1.0, 5.0], capacity=99.0, demand=demand, unit_cost=[[1.0], [3.0]], most=0.6 * demand)
    proved = chosen(choice)
    assert proved.flows[:, 0].tolist() == pytest.approx([6.0, 4.0])


def test_nothing_wanted_costs_nothing():
    assert chosen(Choice.of(open_cost=[5.0], capacity=3.0, demand=[0.0], unit_cost=[[1.0]])).objective == 0.0


@pytest.mark.parametrize(
    "limits",
    [
        {"capacity": 4.0},
        {"capacity": 14.0, "at_most": 0},
        {"capacity": 99.0, "most": [[9.0, 9.0, 1.0]] * 3},
        {"capacity": 99.0, "least": 50.0},
    ],
)
def test_demand_that_nobody_can_meet_is_an_answer(limits):
    outcome = choose(Choice.of(**{**NEAR, **limits}, unit_cost=PRICES))
    assert isinstance(outcome, Stopped)
    assert outcome.status == "infeasible"


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_no_solver_finds_a_cheaper_choice_and_the_proof_holds(seed):
    choice = some_choice(seed)
    outcome, expected = choose(choice), by_solver(choice)
    if isinstance(outcome, Stopped):
        assert expected == np.inf
        return
    assert outcome.objective == pytest.approx(expected, rel=1e-6, abs=1e-6)
    assert verify_choice(outcome, choice).accepted


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10**6))
def test_the_order_of_suppliers_changes_nothing_and_fewer_make_nothing_cheaper(seed):
    choice = some_choice(seed)
    outcome = choose(choice)
    turned = choose(
        replace(
            choice,
            **{name: getattr(choice, name)[::-1] for name in ("open_cost", "capacity", "least", "unit_cost", "most")},
        )
    )
    fewer = choose(replace(choice, at_most=max(choice.at_most - 1, 0)))
    if isinstance(outcome, Stopped):
        assert isinstance(turned, Stopped)
        assert isinstance(fewer, Stopped)
        return
    assert isinstance(turned, Proved)
    assert turned.objective == pytest.approx(outcome.objective, rel=1e-6)
    assert isinstance(fewer, Stopped) or fewer.objective >= outcome.objective * (1 - 1e-6)


def test_a_search_cut_short_says_how_far_it_may_be_off():
    rng = np.random.default_rng(5)
    choice = Choice.of(
        open_cost=rng.integers(30, 60, 12),
        capacity=25.0,
        demand=rng.integers(1, 9, 20),
        unit_cost=rng.random((12, 20)) * 9,
    )
    rough = choose(choice, most_nodes=1)
    exact = chosen(choice)
    assert isinstance(rough, Proved)
    assert rough.bound <= exact.objective <= rough.objective
    assert verify_choice(rough, choice).accepted == (rough.gap <= 1e-6)
    assert choose(choice, most_nodes=0) == Stopped(status="failed", said="no choice serves all demand")


def test_many_pairs_are_served_set_by_set_and_proved():
    rng = np.random.default_rng(2)
    places, homes = rng.random((12, 2)), rng.random((900, 2))
    far = np.sqrt(((places[:, None] - homes) ** 2).sum(axis=2))
    proved = chosen(
        Choice.of(open_cost=400.0, capacity=2100.0, demand=rng.integers(1, 10, 900), unit_cost=far, at_most=4)
    )
    assert proved.is_open.sum() >= 3


class Broken:
    """A solver that never answers."""

    def solve(self, model: Model) -> Stopped:
        return Stopped(status="failed", said="out of order")

    def warm(self, model: Model) -> Broken:
        return self

    def resolve(self, model: Model, *, onward: bool = False) -> Stopped:
        return self.solve(model)


def test_a_solver_that_fails_is_said():
    with pytest.raises(Unavailable) as caught:
        choose(Choice.of(**{**NEAR, "capacity": 4.8}, unit_cost=PRICES), solver=Broken())
    assert caught.value.code == "plan.solver_failed"


def test_a_proof_that_was_altered_is_refused_or_weaker():
    choice = Choice.of(**NEAR, unit_cost=PRICES)
    proved = chosen(choice)
    codes = {
        "plan.certificate_form": [
            replace(proved, leaves=proved.leaves[1:] if len(proved.leaves) > 1 else ()),
            replace(proved, leaves=()),
            replace(proved, flows=proved.flows[:1]),
            replace(proved, leaves=tuple(replace(each, prices=each.prices[:1]) for each in proved.leaves)),
        ],
        "plan.certificate_primal": [
            replace(proved, flows=proved.flows * 0.9),
            replace(proved, is_open=np.zeros(3, dtype=bool)),
        ],
        "plan.certificate_gap": [
            replace(proved, leaves=tuple(replace(each, prices=each.prices * 0.0) for each in proved.leaves))
        ],
    }
    for code, altered in codes.items():
        for each in altered:
            verdict = verify_choice(each, choice)
            assert not verdict.accepted
            assert code in [problem.code for problem in verdict.problems]


def test_a_proof_of_another_choice_does_not_pass():
    proved = chosen(Choice.of(**NEAR, unit_cost=PRICES))
    cheaper = Choice.of(**{**NEAR, "open_cost": [10.0, 10.0, 1.0]}, unit_cost=PRICES)
    assert not verify_choice(proved, cheaper).accepted


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"capacity": [1.0, 2.0]}, "plan.choice_shape"),
        ({"unit_cost": [[1.0]]}, "plan.choice_shape"),
        ({"demand": [5.0, -5.0, 4.0]}, "plan.choice_number"),
        ({"open_cost": np.inf}, "plan.choice_number"),
        ({"unit_cost": [[np.nan] * 3] * 3}, "plan.choice_number"),
    ],
)
def test_arrays_that_make_no_sense_are_refused(change, code):
    with pytest.raises(BadInput) as caught:
        Choice.of(**{**NEAR, "unit_cost": PRICES, **change})
    assert caught.value.code == code


def warehouse(path, capacity=None) -> Choice:
    """Read the OR-Library format: each customer's line of costs is for all of its demand."""
    words = path.read_text().split()
    facilities, customers = int(words[0]), int(words[1])
    numbers = np.array(words[2:], dtype=float)
    head, body = numbers[: 2 * facilities].reshape(-1, 2), numbers[2 * facilities :].reshape(customers, -1)
    return Choice.of(
        open_cost=head[:, 1],
        capacity=head[:, 0] if capacity is None else capacity,
        demand=body[:, 0],
        unit_cost=(body[:, 1:] / body[:, :1]).T,
    )


@pytest.mark.parametrize("name", ["cap41", "cap63", "cap72", "cap83", "cap104", "cap111", "cap131"])
def test_published_warehouse_optima_are_reached_and_proved(shared, name):
    folder = shared("data/dispatch/orlib_cap")
    published = dict(
        line.split()[:2] for line in (folder / "capopt.txt").read_text().splitlines() if line[:4] == name[:4]
    )
    proved = chosen(warehouse(folder / f"{name}.txt"))
    assert proved.objective == pytest.approx(float(published[name]), rel=1e-8)
    assert proved.gap <= 1e-6
