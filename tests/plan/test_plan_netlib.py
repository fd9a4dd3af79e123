"""The Netlib programs: solved to their known optimum and proved exactly."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.plan import HIGHS, Builder, Model, Optimal, certify, verify_certificate
from oreloop.plan.proof.boxes import implied, with_implied
from oreloop.plan.proof.interior import certify_by_solver

PROVED = [
    "ADLITTLE", "AGG", "AGG2", "BANDM", "BEACONFD", "BNL1", "BNL2", "D6CUBE", "DEGEN2", "ETAMACRO", "FIT1D", "GANGES",
    "GFRD-PNC", "GROW22", "GROW7", "KB2", "QAP8", "RECIPE", "SC205", "SC50A", "SCAGR25", "SCAGR7", "SCSD1", "SCSD8",
    "SCTAP1", "SCTAP3", "SHARE1B", "SHELL", "SHIP04L", "SHIP08L", "SHIP08S", "SHIP12S", "SIERRA", "STANDATA",
    "STANDMPS", "STOCFOR2", "TUFF",
]  # fmt: skip
"""As they are: all columns are boxed, by themselves or by rows, or multipliers inside the dual program exist."""
IMPLIED = ["CAPRI", "PILOT-WE"]
"""Free columns, whose reduced costs no rounding makes zero: proved within the bounds that rows imply, which leave nothing out."""
BOXED = [
    "25FV47", "BRANDY", "E226", "FINNIS", "LOTFI", "MODSZK1", "PEROLD", "PILOT4", "SCFXM2", "SCFXM3", "SCRS8",
]  # fmt: skip
"""Some column is free and no row bounds it, or it costs nothing however far out: proved within a box ten times as large as the
optimum, column by column. That the optimum lies in this box is the solver's word, no proof."""
QUICK = [
    "ADLITTLE", "BANDM", "FIT1D", "KB2", "SCSD1", "SCTAP1", "SHIP04L", "STANDATA", "TUFF", "BRANDY", "LOTFI", "CAPRI",
]  # fmt: skip


def load(path) -> tuple[Model, float]:
    with np.load(path) as kept:
        model = Model(
            cost=kept["c"], lower=kept["lower"], upper=kept["upper"], row_lower=kept["row_lower"],
            row_upper=kept["row_upper"], indptr=kept["indptr"], indices=kept["indices"], data=kept["data"],
        )  # fmt: skip
        return model, float(kept["objective"])


def solved_and_proved(path, *, boxed: bool) -> None:
    model, reference = load(path)
    told = HIGHS.solve(model)
    assert isinstance(told, Optimal)
    assert told.objective == pytest.approx(reference, rel=1e-5)
    if boxed:
        box = 10 * np.abs(told.primal) + 10
        model = replace(model, lower=np.maximum(model.lower, -box), upper=np.minimum(model.upper, box))
        within = HIGHS.solve(model)
        assert within.objective == pytest.approx(told.objective, rel=1e-9)
        told = within
    elif path.stem in IMPLIED:
        assert not verify_certificate(certify_by_solver(model, told), model).accepted
        model = with_implied(model)
    verdict = verify_certificate(certify_by_solver(model, told), model)
    assert verdict.accepted, verdict


@pytest.mark.oracle
@pytest.mark.parametrize("name", QUICK)
def test_netlib_programs_are_solved_and_proved(shared, name):
    solved_and_proved(shared(f"data/dispatch/netlib_lp/{name}.npz"), boxed=name in BOXED)


@pytest.mark.oracle
@pytest.mark.slow
def test_all_netlib_programs_are_solved_and_proved(shared, soak_count):
    for name in sorted(PROVED + IMPLIED + BOXED)[: soak_count(1, 50)]:
        solved_and_proved(shared(f"data/dispatch/netlib_lp/{name}.npz"), boxed=name in BOXED)


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["BRANDY", "SCSD1"])
def test_columns_that_no_row_bounds_are_known_as_such(shared, name):
    model, _ = load(shared(f"data/dispatch/netlib_lp/{name}.npz"))
    told = HIGHS.solve(model)
    assert not implied(model).boxed
    assert verify_certificate(certify(model, told.primal, told.duals), model).bound is None
    assert (verify_certificate(certify_by_solver(model, told), model).bound is None) == (name == "BRANDY")


@st.composite
def loose(draw):
    """Small programs of awkward numbers in which columns have a bound of their own, or none."""
    rows, columns = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    some = st.sampled_from([0.0, 0.1, 1.0, -1.0, -0.3, 3.7])
    end = st.sampled_from([-np.inf, -3.3, 0.0, 0.7, 5.1, np.inf])
    point = np.array([draw(st.floats(-9, 9)) for _ in range(columns)])
    lp = Builder()
    x = lp.columns(
        "x", (columns,), lower=[min(draw(end), each) for each in point], upper=[max(draw(end), each) for each in point]
    )
    matrix = np.array([[draw(some) for _ in range(columns)] for _ in range(rows)])
    sums = matrix @ point
    r = lp.rows(
        "r", (rows,), lower=[min(draw(end), each) - 1e-6 for each in sums],
        upper=[max(draw(end), each) + 1e-6 for each in sums],
    )  # fmt: skip
    lp.add(r, np.arange(rows)[:, None], x, np.arange(columns)[None, :], matrix)
    return lp.build(), point


@given(loose())
def test_bounds_that_rows_imply_leave_no_feasible_point_out(made):
    model, point = made
    boxed = with_implied(model)
    assert np.all((boxed.lower <= point) & (point <= boxed.upper))
    assert np.array_equal(boxed.lower[np.isfinite(model.lower)], model.lower[np.isfinite(model.lower)])
    known = implied(model)
    assert np.array_equal(np.isfinite(boxed.lower), np.isfinite(known.lower))
    assert np.array_equal(np.isfinite(boxed.upper), np.isfinite(known.upper))


def test_an_implied_bound_is_rounded_away_from_the_feasible_points():
    """Three times as much is at most 1: a third, and the float64 next to a third is below it."""
    lp = Builder()
    x = lp.columns("x", (1,), lower=-np.inf)
    lp.add(lp.rows("r", (1,), lower=-1.0, upper=1.0), 0, x, 0, 3.0)
    boxed = with_implied(lp.build())
    assert (Fraction(boxed.lower[0]), Fraction(boxed.upper[0])) == (
        Fraction(float(np.nextafter(-1 / 3, -1))),
        Fraction(float(np.nextafter(1 / 3, 1))),
    )
