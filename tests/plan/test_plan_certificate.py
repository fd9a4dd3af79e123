"""The proof: exact, bound to its model, and of no use to a forger. Outside models and solvers agree."""

from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc
from dataclasses import replace
from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.base.errors import BadInput
from oreloop.plan import (
    HIGHS,
    Builder,
    Model,
    Stopped,
    certify,
    model_bytes,
    read_model,
    solve,
    verify_certificate,
)
from oreloop.plan.formulate import formulate
from oreloop.plan.proof.boxes import implied
from oreloop.plan.proof.branch import certify_tree
from oreloop.plan.proof.exact import Program, exact, finite, least, read_hex, worst_miss, write_hex
from oreloop.plan.proof.tree import tree_bound

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


def test_a_proof_is_of_the_network_that_it_was_made_from_and_of_no_other(make):
    own, other = make(offers=OFFERS), make(offers=OFFERS, prices={"a": 100, "b": 99})
    certificate = solve(own).certificate()
    assert verify_certificate(certificate, own).accepted
    verdict = verify_certificate(certificate, other)
    assert [each.code for each in verdict.problems] == ["plan.certificate_model"]


def test_a_proof_of_another_program_does_not_pass(make):
    plan, other = solve(make(offers=OFFERS)), solve(make(offers=OFFERS, prices={"a": 100, "b": 101}))
    verdict = verify_certificate(plan.certificate(), other.model)
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


def altered(certificate: dict, rng) -> dict:
    """Change one to three numbers of a certificate, anywhere."""
    changed = json.loads(json.dumps(certificate))
    leaves = [
        node[name] for node in changed.get("tree", [changed]) for name in ("bound", "empty", "duals") if name in node
    ]
    for _ in range(int(rng.integers(1, 4))):
        part = changed["primal"] if rng.integers(2) else leaves[int(rng.integers(len(leaves)))]
        at = int(rng.integers(len(part)))
        old = float.fromhex(part[at])
        part[at] = float(
            rng.choice([0.0, -old, old + rng.normal(), old * (1 - 1e-4), old * 2, rng.normal() * 1e30])
        ).hex()
    splits = [node for node in changed.get("tree", []) if "split" in node]
    if splits and rng.integers(3) == 0:
        splits[int(rng.integers(len(splits)))]["at"] += int(rng.integers(-1, 2))
    return changed


def better_than(verdict, honest) -> bool:
    """Whether a verdict accepts a cost below the honest bound, or proves a bound above the honest cost."""
    slack = 2 * Fraction(1, 10**9) * max(1, abs(honest.bound))
    beyond = verdict.bound is not None and verdict.bound > honest.objective + slack
    return beyond or (verdict.accepted and verdict.objective < honest.bound - slack)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["tables", "network", "whole"])
def test_altered_certificates_are_never_accepted_as_better(make, soak_count, kind):
    if kind == "tables":
        plan = solve(make(offers=OFFERS, stock=[{"quantity_kg": 4.0}]))
        model, certificate = plan.model, plan.certificate()
    elif kind == "network":
        model = unboxed()
        told = HIGHS.solve(model)
        certificate = certify(model, told.primal, told.duals)
    else:
        model = located()
        certificate = certify_tree(model)
    honest = verify_certificate(certificate, model)
    assert honest.accepted
    rng = np.random.default_rng(7)
    for _ in range(soak_count(40, 1000)):
        assert not better_than(verify_certificate(altered(certificate, rng), model), honest)


def unboxed(seed: int = 3, sites: int = 5, users: int = 7) -> Model:
    """Ship with prices in odd decimals; no column has an upper bound of its own, rows imply all."""
    rng = np.random.default_rng(seed)
    lp = Builder()
    ship = lp.columns("ship", (sites, users), cost=rng.uniform(1, 9, (sites, users)))
    short = lp.columns("short", (users,), cost=50.1)
    wanted = rng.uniform(3, 9, users)
    demand = lp.rows("demand", (users,), lower=wanted, upper=wanted)
    capacity = lp.rows("capacity", (sites,), upper=rng.uniform(5, 9, sites))
    lp.add(demand, demand.all[None, :].repeat(sites, 0), ship, ship.all, rng.uniform(0.9, 1.0, (sites, users)))
    lp.add(demand, demand.all, short, short.all, 1.0)
    lp.add(capacity, capacity.all[:, None].repeat(users, 1), ship, ship.all, 1.1)
    return lp.build()


def located(seed: int = 1, sites: int = 4, users: int = 5) -> Model:
    """How many lines to open at each site, in whole numbers, and who is served from where."""
    rng = np.random.default_rng(seed)
    lp = Builder()
    lines = lp.columns("lines", (sites,), upper=2.0, cost=rng.uniform(30, 60, sites))
    flow = lp.columns("flow", (sites, users), cost=rng.uniform(1, 9, (sites, users)))
    wanted = rng.uniform(3, 9, users)
    demand, capacity = lp.rows("demand", (users,), lower=wanted, upper=wanted), lp.rows("capacity", (sites,), upper=0.0)
    lp.add(demand, demand.all[None, :].repeat(sites, 0), flow, flow.all, 1.0)
    lp.add(capacity, capacity.all[:, None].repeat(users, 1), flow, flow.all, 1.0)
    lp.add(capacity, capacity.all, lines, lines.all, -float(wanted.sum() / sites))
    model = lp.build()
    return replace(model, integer=np.arange(len(model.cost)) < sites)


@pytest.mark.parametrize("seed", range(5))
def test_bounds_that_rows_imply_make_a_proof_of_columns_without_a_bound(seed):
    model = unboxed(seed)
    told = HIGHS.solve(model)
    assert implied(model).boxed
    certificate = certify(model, told.primal, told.duals)
    verdict = verify_certificate(certificate, model)
    assert verdict.accepted, verdict
    assert np.allclose([float.fromhex(text) for text in certificate["duals"]], told.duals, atol=1e-9)


def test_bounds_are_implied_through_chains_of_rows_in_both_directions():
    lp = Builder()
    x = lp.columns("x", (3,), lower=-np.inf, cost=[1.0, -1.0, 1.0])
    first, chain, last = (
        lp.rows("first", (1,), lower=-2.0, upper=4.0),
        lp.rows("chain", (2,), upper=0.0),
        lp.rows("last", (2,), lower=-9.0),
    )
    lp.add(first, first.all, x, x.all[:1], 2.0)
    lp.add(chain, [0, 0, 1, 1], x, [1, 0, 2, 1], [1.0, -3.0, 1.0, -1.0])
    lp.add(last, [0, 1], x, [1, 2], 1.0)
    known = implied(lp.build())
    assert known.boxed
    assert known.lower.tolist() == [-1.0, -9.0, -9.0]
    assert known.upper.tolist() == [2.0, 6.0, 6.0]


@pytest.mark.parametrize("seed", range(5))
def test_a_tree_of_splits_proves_the_best_whole_numbers(seed):
    model = located(seed)
    verdict = verify_certificate(json.loads(json.dumps(certify_tree(model))), model)
    assert verdict.accepted
    assert verdict.gap <= Fraction(1, 10**9)
    assert float(verdict.objective) == pytest.approx(HIGHS.solve(model).objective, rel=1e-7)


def test_a_tree_cut_short_claims_the_gap_that_it_leaves():
    model = located()
    whole = verify_certificate(certify_tree(model), model)
    gaps = []
    for nodes in (1, 4, 1000):
        certificate = certify_tree(model, nodes=nodes)
        verdict = verify_certificate(certificate, model)
        assert verdict.accepted
        assert verdict.bound <= whole.objective
        assert verdict.gap <= Fraction(float.fromhex(certificate["gap"]))
        gaps.append(verdict.gap)
    assert gaps == sorted(gaps, reverse=True)
    boastful = verify_certificate({**certify_tree(model, nodes=1), "gap": "0x0p+0"}, model)
    assert [each.code for each in boastful.problems] == ["plan.certificate_gap"]


def test_any_multipliers_of_a_model_with_whole_numbers_are_a_tree_of_one_leaf():
    model = located()
    told = HIGHS.solve(model)
    certificate = certify(model, told.primal, told.duals)
    assert certificate["tree"] == [{"bound": certificate["tree"][0]["bound"]}]
    assert verify_certificate(certificate, model).accepted


def test_a_point_that_is_not_whole_is_refused_however_cheap():
    model = located()
    told = HIGHS.solve(model.relaxed())
    verdict = verify_certificate(certify(model, told.primal, told.duals), model)
    assert [each.code for each in verdict.problems] == ["plan.certificate_whole"]
    as_linear = certify(model.relaxed(), told.primal, told.duals) | {"model": model.digest}
    assert [each.code for each in verify_certificate(as_linear, model).problems] == ["plan.certificate_form"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda tree: tree[:-1],
        lambda tree: [*tree, tree[-1]],
        lambda tree: [],
        lambda tree: [{"split": 20, "at": 0}, *tree[1:]],
        lambda tree: [{"split": -1, "at": 0}, *tree[1:]],
        lambda tree: [{"split": 0, "at": 0.5}, *tree[1:]],
        lambda tree: [{"split": True, "at": 0}, *tree[1:]],
        lambda tree: [{"split": 0, "at": 10**30}, *tree[1:]],
        lambda tree: [{"split": 0}, *tree[1:]],
        lambda tree: [{"bound": ["0x0p+0"]}],
        lambda tree: [{}],
        lambda tree: ["split"],
        lambda tree: None,
    ],
)
def test_what_is_no_tree_is_refused(spoil):
    model = located()
    certificate = certify_tree(model)
    verdict = verify_certificate({**certificate, "tree": spoil(certificate["tree"])}, model)
    assert [each.code for each in verdict.problems] == ["plan.certificate_form"]


def test_a_leaf_that_is_not_shown_to_be_empty_proves_nothing():
    model = located()
    certificate = certify_tree(model, nodes=1)
    for leaf in ({"empty": certificate["tree"][0]["bound"]}, {"empty": write_hex(np.zeros(model.shape[0]))}):
        verdict = verify_certificate({**certificate, "tree": [leaf]}, model)
        assert verdict.bound is None
        assert [each.code for each in verdict.problems] == ["plan.certificate_gap"]


def test_a_program_without_whole_solutions_has_no_certificate():
    model = located()
    assert certify_tree(replace(model, upper=np.where(model.integer, 0.0, model.upper))) is None


NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(NUMBERS, max_size=8))
def test_numbers_are_read_and_written_exactly(numbers):
    read = finite(np.array(numbers, dtype=np.float64))
    assert [Fraction(value, 1 << read.scale) for value in read.values] == [Fraction(value) for value in numbers]
    assert read.total() == sum(map(Fraction, numbers))
    assert read_hex(write_hex(np.array(numbers, dtype=np.float64))).tolist() == numbers


@given(st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), min_size=1, max_size=6))
def test_least_and_miss_are_those_of_fractions(rows):
    prices, low, high = (np.array(column) for column in zip(*rows, strict=True))
    low, high = np.minimum(low, high), np.maximum(low, high)
    want = sum(
        min(Fraction(p) * Fraction(a), Fraction(p) * Fraction(b)) for p, a, b in zip(prices, low, high, strict=True)
    )
    assert least(finite(prices), exact(low), exact(high)) == want
    misses = [
        max(
            Fraction(0),
            (Fraction(p) - Fraction(b)) / max(1, abs(Fraction(b))),
            (Fraction(a) - Fraction(p)) / max(1, abs(Fraction(a))),
        )
        for p, a, b in zip(prices, low, high, strict=True)
    ]
    assert worst_miss(finite(prices), exact(low), exact(high)) == max(misses)


def test_a_point_beyond_all_measure_is_refused_in_words():
    model = replace(small(), upper=np.full(2, np.inf), data=small().data * 1e300)
    verdict = verify_certificate(certify(model, np.array([1e308, 1e308]), np.array([0.0])), model)
    assert not verdict.accepted
    assert verdict.problems[0].fields["got"]


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


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("row_lower", np.inf), ("row_upper", -np.inf), ("lower", np.inf), ("upper", -np.inf), ("offset", np.nan),
        ("offset", np.inf), ("offset", -np.inf), ("cost", np.nan), ("row_lower", np.nan),
    ],
)  # fmt: skip
def test_a_program_that_no_number_meets_is_none(name, value):
    """An infinite bound on the wrong side is no missing bound: nothing lies above infinity."""
    model = small()
    proof = certify(model, HIGHS.solve(model).primal, HIGHS.solve(model).duals)
    whole = (
        value if name == "offset" else np.where(np.arange(len(getattr(model, name))) == 0, value, getattr(model, name))
    )
    odd = replace(model, **{name: whole})
    for refused in (lambda: read_model(model_bytes(odd)), lambda: verify_certificate(proof, odd)):
        with pytest.raises(BadInput) as told:
            refused()
        assert told.value.code == "plan.not_a_model"


def test_a_header_thousands_of_lists_deep_is_no_model():
    header = b"[" * 100_000 + b"]" * 100_000
    with pytest.raises(BadInput):
        read_model(b"oreloop.model/1\n" + len(header).to_bytes(8, "little") + header)


def test_a_tree_that_only_splits_is_refused_before_it_is_walked():
    """Fifty thousand splits of two thousand columns, one below the other: boxes are not copied, and nothing is worked out."""
    lp = Builder()
    lots = lp.columns("lots", (2000,), upper=9.0, cost=1.0, integer=True)
    need = lp.rows("need", (1,), lower=1.0)
    lp.add(need, 0, lots, lots.all, [1.0] * 2000)
    model = lp.build()
    splits = [{"split": at % 2000, "at": 8 - at // 2000 % 8} for at in range(50_000)]
    proof = {
        "form": "oreloop.certificate/2", "model": model.digest, "primal": ["0x0p+0"] * 2000, "gap": "0x1p+0", "tree": splits,
    }  # fmt: skip
    tracemalloc.start()
    try:
        verdict = verify_certificate(proof, model)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()
    assert [each.code for each in verdict.problems] == ["plan.certificate_form"]


@given(st.randoms(use_true_random=False), st.integers(0, 12))
def test_boxes_of_a_tree_are_those_of_its_splits(random, splits):
    """One box that is narrowed and widened again gives the bounds that a box of its own for each leaf gives."""
    lp = Builder()
    lots = lp.columns("lots", (3,), lower=-4.0, upper=4.0, cost=[1.0, -2.0, 0.5], integer=True)
    lp.add(lp.rows("free", (1,), lower=-99.0), 0, lots, lots.all, 1.0)
    model = lp.build()
    program = Program(model)
    tree, bounds = [], []

    def grow(lower, upper, left):
        if not left:
            tree.append({"bound": write_hex(np.zeros(1))})
            bounds.append(sum(min(c * low, c * high) for c, low, high in zip(model.cost, lower, upper, strict=True)))
            return
        column, at, share = random.randrange(3), random.randint(-3, 3), random.randint(0, left - 1)
        tree.append({"split": column, "at": at})
        below, above = list(upper), list(lower)
        below[column], above[column] = min(upper[column], at), max(lower[column], at + 1)
        grow(lower, below, share)
        grow(above, upper, left - 1 - share)

    grow([-4.0] * 3, [4.0] * 3, splits)
    assert tree_bound(program, tree) == Fraction(min(bounds))
