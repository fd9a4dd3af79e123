"""The proof: exact, bound to its model, and of no use to a forger. Outside models and solvers agree."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction

import numpy as np
import polars as pl
import pytest

from oreloop.base.errors import BadInput
from oreloop.plan import (
    HIGHS,
    Builder,
    Model,
    Optimal,
    Stopped,
    certify,
    model_bytes,
    read_model,
    solve,
    verify_certificate,
)
from oreloop.plan.formulate import formulate
from oreloop.plan.session import cheapest_repair, irreducible

OFFERS = [{"offer": "a", "lead_days": 20.0}, {"offer": "b", "max_kg": 7.0}]


def small() -> Model:
    """2x + 3y, x + y >= 7, x <= 5: the optimum is 16."""
    lp = Builder()
    buy = lp.columns("buy", pl.DataFrame({"offer": ["a", "b"]}), upper=[5.0, 9.0], cost=[2.0, 3.0])
    need = lp.rows("need", pl.DataFrame({"site": ["fab"]}), lower=7.0)
    lp.add(need, [0, 0], buy, buy.all, 1.0)
    return lp.build(offset=0.0)


def test_blocks_state_a_program_and_its_bytes_return_it():
    model = small()
    again = read_model(model_bytes(model))
    assert again.digest == model.digest
    assert again.same_matrix(model)
    assert not again.same_matrix(replace(model, data=model.data * 2))
    assert HIGHS.solve(again).objective == 16.0


@pytest.mark.parametrize(
    "spoil",
    [
        lambda b: b[:-1],
        lambda b: b + b"\0" * 8,
        lambda b: b"x" + b[1:],
        lambda b: b"",
        lambda b: b.replace(b"cost", b"tsoc"),
    ],
)
def test_other_bytes_are_no_model(spoil):
    with pytest.raises(BadInput) as refused:
        read_model(spoil(model_bytes(small())))
    assert refused.value.code == "plan.not_a_model"


def test_a_block_name_is_used_once_and_positions_stay_inside():
    lp = Builder()
    index = pl.DataFrame({"n": [1]})
    columns, rows = lp.columns("x", index), lp.rows("r", index)
    with pytest.raises(AssertionError, match="twice"):
        lp.columns("x", index)
    with pytest.raises(AssertionError, match="outside"):
        lp.add(rows, 1, columns, 0, 1.0)
    assert lp.build().shape == (1, 1)


def test_outcomes_are_values():
    model = small()
    assert HIGHS.solve(replace(model, row_lower=np.array([99.0]))) == Stopped(status="infeasible", said="Infeasible")
    endless = replace(model, cost=-model.cost, upper=np.full(2, np.inf))
    assert HIGHS.solve(endless).status == "unbounded"
    with pytest.raises(AssertionError, match="another matrix"):
        HIGHS.warm(model).resolve(replace(model, data=model.data * 2))


def test_the_bound_is_exact(make):
    model = small()
    told = HIGHS.solve(model)
    verdict = verify_certificate(json.loads(json.dumps(certify(model, told.primal, told.duals))), model)
    assert verdict.accepted
    assert verdict.objective == verdict.bound == Fraction(16)
    assert verdict.gap == verdict.residual == 0


def test_any_multipliers_give_a_valid_bound():
    model = small()
    rng = np.random.default_rng(0)
    primal = np.array([5.0, 2.0])
    for duals in rng.normal(scale=5, size=(50, 1)):
        verdict = verify_certificate(certify(model, primal, duals), model)
        assert verdict.bound <= 16


def test_a_proof_of_another_program_does_not_pass(make):
    plan, other = solve(make(offers=OFFERS)), solve(make(offers=OFFERS, prices={"a": 100, "b": 101}))
    verdict = verify_certificate(plan.certificate, other.model)
    assert [each.code for each in verdict.problems] == ["plan.certificate_model"]


@pytest.mark.parametrize(
    "change",
    [
        {"form": "other"},
        {"primal": []},
        {"duals": None},
        {"primal": ["1.5", "1"]},
        {"duals": ["nan"]},
        {"primal": ["0x1p+5000", "0x0p+0"]},
    ],
)
def test_what_is_no_certificate_is_refused(change):
    model = small()
    told = HIGHS.solve(model)
    verdict = verify_certificate({**certify(model, told.primal, told.duals), **change}, model)
    assert [each.code for each in verdict.problems] == ["plan.certificate_form"]


def test_an_unbounded_side_proves_nothing():
    model = replace(small(), upper=np.array([np.inf, 9.0]))
    certificate = {**certify(model, np.array([5.0, 2.0]), np.array([5.0]))}
    verdict = verify_certificate(certificate, model)
    assert verdict.bound is None
    assert [each.code for each in verdict.problems] == ["plan.certificate_gap"]


@pytest.mark.slow
def test_altered_certificates_are_never_accepted_as_better(make, soak_count):
    plan = solve(make(offers=OFFERS, stock=[{"quantity_kg": 4.0}]))
    honest = verify_certificate(plan.certificate, plan.model)
    assert honest.accepted
    rng = np.random.default_rng(7)
    for _ in range(soak_count(60, 1000)):
        altered = {key: list(value) if isinstance(value, list) else value for key, value in plan.certificate.items()}
        part = ("primal", "duals")[int(rng.integers(2))]
        for at in rng.integers(len(altered[part]), size=int(rng.integers(1, 4))):
            old = float.fromhex(altered[part][at])
            altered[part][at] = float(rng.choice([0.0, -old, old + rng.normal(), old * (1 - 1e-4), old * 2])).hex()
        verdict = verify_certificate(altered, plan.model)
        if verdict.accepted:
            assert verdict.objective >= honest.bound - Fraction(1, 10**9) * max(1, abs(honest.bound))
        if verdict.bound is not None:
            assert verdict.bound <= honest.objective * (1 + Fraction(1, 10**9))


def load(path) -> tuple[Model, float]:
    with np.load(path) as kept:
        model = Model(
            cost=kept["c"], lower=kept["lower"], upper=kept["upper"], row_lower=kept["row_lower"],
            row_upper=kept["row_upper"], indptr=kept["indptr"].astype(np.int64),
            indices=kept["indices"].astype(np.int64), data=kept["data"],
        )  # fmt: skip
        return model, float(kept["objective"])


NETLIB = [
    "ADLITTLE",
    "BANDM",
    "BEACONFD",
    "BRANDY",
    "E226",
    "FIT1D",
    "KB2",
    "LOTFI",
    "RECIPE",
    "SC205",
    "SCFXM2",
    "SCSD1",
    "SHARE1B",
    "STANDATA",
    "TUFF",
]


@pytest.mark.oracle
@pytest.mark.parametrize("name", NETLIB)
def test_netlib_programs_are_solved_and_proved_once_boxed(shared, name):
    model, reference = load(shared(f"data/dispatch/netlib_lp/{name}.npz"))
    free = HIGHS.solve(model)
    assert isinstance(free, Optimal)
    assert free.objective == pytest.approx(reference, rel=1e-6, abs=1e-5)
    box = 10 * np.abs(free.primal).max() + 1
    boxed = replace(model, lower=np.maximum(model.lower, -box), upper=np.minimum(model.upper, box))
    told = HIGHS.solve(boxed)
    assert told.objective == pytest.approx(free.objective, rel=1e-9)
    verdict = verify_certificate(certify(boxed, told.primal, told.duals), boxed)
    assert verdict.accepted, verdict


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["box1", "ex73a", "forest6", "itest2", "klein1", "woodinfe"])
def test_infeasible_netlib_programs_are_explained(shared, name):
    model, _ = load(shared(f"data/dispatch/netlib_infeasible/{name}.npz"))
    assert HIGHS.solve(model).status == "infeasible"
    rows = range(model.shape[0])
    kept = irreducible(model, rows)
    out = np.setdiff1d(np.arange(model.shape[0]), kept)

    def feasible(left_out) -> bool:
        lower, upper = model.row_lower.copy(), model.row_upper.copy()
        lower[left_out], upper[left_out] = -np.inf, np.inf
        return isinstance(HIGHS.solve(replace(model, row_lower=lower, row_upper=upper, cost=0 * model.cost)), Optimal)

    assert kept
    assert not feasible(out)
    assert all(feasible(np.append(out, row)) for row in kept)
    eased, cost = cheapest_repair(model, list(rows))
    assert eased
    assert cost < float("inf")


def test_a_model_that_is_infeasible_by_its_boxes_has_no_rows_to_blame():
    model = replace(small(), lower=np.array([6.0, 0.0]))
    assert irreducible(model, [0]) == []


GLOP = """
import json, sys
from ortools.linear_solver import pywraplp
model = json.load(sys.stdin)
glop = pywraplp.Solver.CreateSolver("GLOP")
columns = [glop.NumVar(low, high, "") for low, high in zip(model["lower"], model["upper"])]
rows = [glop.Constraint(low, high) for low, high in zip(model["row_lower"], model["row_upper"])]
for column, variable in enumerate(columns):
    glop.Objective().SetCoefficient(variable, model["cost"][column])
    for at in range(model["indptr"][column], model["indptr"][column + 1]):
        rows[model["indices"][at]].SetCoefficient(variable, model["data"][at])
assert glop.Solve() == pywraplp.Solver.OPTIMAL
print(glop.Objective().Value())
"""
"""In a process of its own: two solver libraries with like symbols do not load into one."""


@pytest.mark.oracle
def test_another_solver_reaches_the_same_optimum(make):
    plan = solve(
        make(
            periods=6,
            offers=[*OFFERS, {"offer": "bank", "kind": "lease", "lease_rate_per_year": 0.3, "term_days": 60.0}],
            stock=[{"quantity_kg": 4.0}], stock_rules=[{"safety_kg": 2.0}], prices={"a": 90, "b": 110},
            limits=[{"limit": "x", "metric": "purchase", "scope": "offer=a", "value": 33.0}],
        )
    )  # fmt: skip
    names = ("cost", "lower", "upper", "row_lower", "row_upper", "indptr", "indices", "data")
    arrays = json.dumps({name: getattr(plan.model, name).tolist() for name in names})
    told = subprocess.run([sys.executable, "-c", GLOP], input=arrays, capture_output=True, text=True, check=True)
    assert float(told.stdout) == pytest.approx(plan.objective, rel=1e-7)


def test_a_programme_is_the_same_up_to_the_last_digits_and_no_further(make):
    model = formulate(make(offers=[{"offer": "a"}])).model
    nudged = replace(model, cost=model.cost * (1 + 1e-12))
    assert model.is_close(nudged, 1e-9)
    assert not model.is_close(replace(model, cost=model.cost * (1 + 1e-6)), 1e-9)
    assert not model.is_close(replace(model, upper=model.upper + 1.0), 1e-9)
    assert not model.is_close(replace(model, offset=1.0), 1e-9)
    assert not model.is_close(replace(model, indices=model.indices[::-1].copy()), 1e-9)
    bigger = formulate(make(periods=4, offers=[{"offer": "a"}])).model
    assert not model.is_close(bigger, 1e-9)
