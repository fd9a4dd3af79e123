"""The Netlib programs: solved to their known optimum and proved exactly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from oreloop.plan import HIGHS, Model, Optimal, certify, verify_certificate
from oreloop.plan.proof.boxes import implied
from oreloop.plan.proof.interior import certify_by_solver

PROVED = [
    "ADLITTLE", "AGG", "AGG2", "BANDM", "BEACONFD", "BNL1", "BNL2", "D6CUBE", "DEGEN2", "ETAMACRO", "FIT1D", "GANGES",
    "GFRD-PNC", "GROW22", "GROW7", "KB2", "QAP8", "RECIPE", "SC205", "SC50A", "SCAGR25", "SCAGR7", "SCSD1", "SCSD8",
    "SCTAP1", "SCTAP3", "SHARE1B", "SHELL", "SHIP04L", "SHIP08L", "SHIP08S", "SHIP12S", "SIERRA", "STANDATA",
    "STANDMPS", "STOCFOR2", "TUFF",
]  # fmt: skip
"""As they are: all columns are boxed, by themselves or by rows, or multipliers inside the dual program exist."""
BOXED = [
    "25FV47", "BRANDY", "CAPRI", "E226", "FINNIS", "LOTFI", "MODSZK1", "PEROLD", "PILOT-WE", "PILOT4", "SCFXM2",
    "SCFXM3", "SCRS8",
]  # fmt: skip
"""Some column is free, or costs nothing however far out: proved within a box ten times as large as the optimum, column by column."""
QUICK = ["ADLITTLE", "BANDM", "FIT1D", "KB2", "SCSD1", "SCTAP1", "SHIP04L", "STANDATA", "TUFF", "BRANDY", "LOTFI"]


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
    verdict = verify_certificate(certify_by_solver(model, told), model)
    assert verdict.accepted, verdict


@pytest.mark.oracle
@pytest.mark.parametrize("name", QUICK)
def test_netlib_programs_are_solved_and_proved(shared, name):
    solved_and_proved(shared(f"data/dispatch/netlib_lp/{name}.npz"), boxed=name in BOXED)


@pytest.mark.oracle
@pytest.mark.slow
def test_all_netlib_programs_are_solved_and_proved(shared, soak_count):
    for name in sorted(PROVED + BOXED)[: soak_count(1, 50)]:
        solved_and_proved(shared(f"data/dispatch/netlib_lp/{name}.npz"), boxed=name in BOXED)


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["BRANDY", "SCSD1"])
def test_columns_that_no_row_bounds_are_known_as_such(shared, name):
    model, _ = load(shared(f"data/dispatch/netlib_lp/{name}.npz"))
    told = HIGHS.solve(model)
    assert not implied(model).boxed
    assert verify_certificate(certify(model, told.primal, told.duals), model).bound is None
    assert (verify_certificate(certify_by_solver(model, told), model).bound is None) == (name == "BRANDY")
