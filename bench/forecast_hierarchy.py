"""Reconciliation of ten thousand nodes by sparse equations, beside the textbook's dense inverses on a thousand."""

from __future__ import annotations

import numpy as np
import polars as pl

from bench.registry import Measurement, alternated, benchmark, timed
from oreloop.forecast.hierarchy import Hierarchy, reconcile
from oreloop.forecast.panel import Floats

NODES, FEW = 10_000, 1_000
HORIZON, ERRORS = 12, 48


def tree(nodes: int) -> tuple[Hierarchy, Floats, Floats]:
    """Customers of grades of ten metals, nine in ten nodes a customer: with forecasts, and past errors of them."""
    grades = nodes // 10 - 11
    place = np.arange(nodes - grades - 11)
    table = pl.DataFrame(
        {
            "unique_id": [f"{each:06d}" for each in place],
            "metal": (place % grades % 10).astype(str),
            "grade": (place % grades).astype(str),
        }
    )
    made = Hierarchy.of_columns(table, ("metal", "grade"))
    own = np.random.default_rng(nodes)
    return made, own.uniform(1.0, 9.0, (len(made.ids), HORIZON)), own.normal(size=(len(made.ids), ERRORS))


def dense(hierarchy: Hierarchy, mean: Floats, errors: Floats) -> Floats:
    """Reconcile as the formula stands: ``S (S' W^-1 S)^-1 S' W^-1 y``."""
    summing = hierarchy.summing.toarray()
    weighed = summing.T @ np.linalg.inv(np.diag((errors**2).mean(axis=1)))
    return np.asarray(summing @ np.linalg.solve(weighed @ summing, weighed @ mean))


@benchmark
def forecast_hierarchy() -> Measurement:
    """Least squares by past errors, 10,000 nodes x 12 periods, in seconds."""
    hierarchy, mean, errors = tree(NODES)
    few, few_mean, few_errors = tree(FEW)
    return alternated(
        timed(lambda: reconcile(hierarchy, mean, None, errors, method="wls_variance")),
        timed(lambda: dense(few, few_mean, few_errors)),
        unit="s", against=f"dense numpy on {FEW:,} nodes", rounds=5,
    )  # fmt: skip
