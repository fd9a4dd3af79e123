"""What proof and what-if questions cost on a network of 72,514 columns, beside its cold solve.

Each run is a fresh process (``python -m bench.plan_proof``), which solves the network cold, writes and checks the
certificate, asks 100 seeded questions, and prints CPU seconds. Each answer is held against a cold solve by its own
certificate: a gap of 1e-9 proves it, exactly, without one.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from bench.plan_build import instance, stated
from bench.registry import PYTHON, Measurement, alternated, benchmark
from oreloop.plan import Model, Optimal, certify, verify_certificate
from oreloop.plan.highs import MANY
from oreloop.plan.model import Floats

QUESTIONS = 100
_CHECKED = 10


def with_carbon(model: Model, given: dict[str, Any]) -> tuple[Model, Floats]:
    """Give the network with one row more, its emissions, and their weights; nothing limits them yet."""
    from scipy.sparse import csc_array, vstack

    rng = np.random.default_rng(5)
    weights = np.zeros(len(model.cost))
    lanes = np.tile(rng.uniform(0.1, 1.0, given["L"]), given["K"])
    weights[model.column_blocks["ship"].slice] = lanes.repeat(given["T"])
    weights[model.column_blocks["run"].slice] = rng.uniform(1.0, 5.0, given["P"]).repeat(given["T"])
    matrix = vstack(
        [csc_array((model.data, model.indices, model.indptr), shape=model.shape), csc_array(weights[None, :])],
        format="csc",
    )
    capped = replace(
        model,
        indptr=matrix.indptr.astype(np.int32),
        indices=matrix.indices.astype(np.int32),
        data=matrix.data,
        row_lower=np.append(model.row_lower, -np.inf),
        row_upper=np.append(model.row_upper, np.inf),
    )
    return capped, weights


def questions(model: Model, given: dict[str, Any], emitted: float, count: int = QUESTIONS) -> Iterator[Model]:
    """Give edited networks in turn: more demand, a lane closed, a quota halved, emissions capped."""
    rng = np.random.default_rng(1)
    periods = given["T"]
    for number in range(count):
        upper, row_lower, row_upper = model.upper.copy(), model.row_lower.copy(), model.row_upper.copy()
        match number % 4:
            case 0:
                at, period = rng.integers(given["D"]), rng.integers(periods)
                row = (given["dk"][at] * given["S"] + given["di"][at]) * periods + period
                more = given["dem"][at, period] * rng.uniform(0.1, 0.5)
                row_lower[row] += more
                row_upper[row] += more
            case 1:
                ship = upper[model.column_blocks["ship"].slice].reshape(given["K"], given["L"], periods)
                ship[:, rng.integers(given["L"])] = 0.0
            case 2:
                buy = upper[model.column_blocks["buy"].slice].reshape(given["B"], periods)
                buy[rng.integers(given["B"])] *= 0.5
            case _:
                row_upper[-1] = emitted * rng.uniform(0.97, 0.999)
        yield replace(model, upper=upper, row_lower=row_lower, row_upper=row_upper)


def measured() -> dict[str, float]:
    """Solve, prove and ask; CPU seconds of each."""
    given = instance("mid")
    model, weights = with_carbon(stated(given), given)
    warm = MANY.warm(model)
    started = time.process_time()
    told = warm.resolve(model)
    cold = time.process_time() - started
    assert isinstance(told, Optimal)
    started = time.process_time()
    certificate = json.loads(json.dumps(certify(model, told.primal, told.duals)))
    verdict = verify_certificate(certificate, model)
    proof = time.process_time() - started
    assert verdict.accepted
    taken = []
    for number, asked in enumerate(questions(model, given, float(weights @ told.primal))):
        started = time.process_time()
        answer = warm.resolve(asked)
        taken.append(time.process_time() - started)
        assert isinstance(answer, Optimal)
        if number % (QUESTIONS // _CHECKED) == 0:
            assert verify_certificate(certify(asked, answer.primal, answer.duals), asked).accepted
    return {
        "cold": cold,
        "proof": proof,
        "median": float(np.median(taken)),
        "p95": float(np.quantile(taken, 0.95)),
        "max": float(max(taken)),
    }


def _beside_cold(figure: str) -> Measurement:
    last: dict[str, float] = {}

    def ours() -> float:
        done = subprocess.run(
            [PYTHON, "-m", "bench.plan_proof"],
            check=True, capture_output=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        last.update(json.loads(done.stdout))
        return last[figure]

    return alternated(ours, lambda: last["cold"], unit="CPU s", against="cold solve", rounds=3)


@benchmark
def plan_proof() -> Measurement:
    """A certificate written and checked exactly, CPU seconds."""
    return _beside_cold("proof")


@benchmark
def plan_whatif() -> Measurement:
    """A what-if question, CPU seconds: the median of 100."""
    return _beside_cold("median")


@benchmark
def plan_whatif_slow() -> Measurement:
    """A what-if question, CPU seconds: the 95th percentile of 100."""
    return _beside_cold("p95")


if __name__ == "__main__":
    print(json.dumps(measured()))
