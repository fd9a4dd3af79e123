"""The Netlib programs: solved and proved, and the infeasible ones explained, beside solving them alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.plan_build import folder
from bench.registry import Measurement, alternated, benchmark
from oreloop.plan import HIGHS, Model, Optimal, verify_certificate
from oreloop.plan.infeasible import explain_infeasible
from oreloop.plan.proof.boxes import with_implied
from oreloop.plan.proof.interior import certify_by_solver


def load(path: Path) -> Model:
    with np.load(path) as kept:
        return Model(
            cost=kept["c"], lower=kept["lower"], upper=kept["upper"], row_lower=kept["row_lower"],
            row_upper=kept["row_upper"], indptr=kept["indptr"], indices=kept["indices"], data=kept["data"],
        )  # fmt: skip


def prove(model: Model) -> None:
    """Prove a program's optimum exactly; where not even rows bound a column, within a box ten times around the optimum."""
    told = HIGHS.solve(model)
    assert isinstance(told, Optimal)
    if _proved(model, told):
        return
    boxed = with_implied(model)
    if not _proved(boxed, told):
        box = 10 * np.abs(told.primal) + 10
        boxed = replace(model, lower=np.maximum(model.lower, -box), upper=np.minimum(model.upper, box))
        told = HIGHS.solve(boxed)
        assert isinstance(told, Optimal)
        assert _proved(boxed, told)


def _proved(model: Model, told: Optimal) -> bool:
    return verify_certificate(certify_by_solver(model, told), model).accepted


def explain(model: Model) -> None:
    """Find an irreducible set of an infeasible program."""
    assert explain_infeasible(model) is not None


def _each(name: str, work: Callable[[Model], object]) -> Callable[[], float]:
    models = [load(path) for path in sorted((folder() / name).glob("*.npz"))]

    def run() -> float:
        started = time.process_time()
        for model in models:
            work(model)
        return time.process_time() - started

    return run


@benchmark
def plan_netlib() -> Measurement:
    """50 linear programs solved and proved exactly, CPU seconds."""
    return alternated(
        _each("netlib_lp", prove), _each("netlib_lp", HIGHS.solve), unit="CPU s", against="solving alone", rounds=3
    )


@benchmark
def plan_infeasible() -> Measurement:
    """18 infeasible linear programs explained, CPU seconds."""
    return alternated(
        _each("netlib_infeasible", explain), _each("netlib_infeasible", HIGHS.solve),
        unit="CPU s", against="finding them infeasible", rounds=3,
    )  # fmt: skip
