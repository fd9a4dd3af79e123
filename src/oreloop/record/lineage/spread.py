"""How far footprints spread because default factors do: Monte Carlo over the factors' published intervals."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from oreloop.base.errors import BadInput, problem
from oreloop.catalog import Figure
from oreloop.record.lineage.allocation import Allocation
from oreloop.record.lineage.apportion import Floats
from oreloop.record.lineage.footprint import Burden, Defaults, Factors, stated_g
from oreloop.record.lineage.graph import Graph

QUANTILES = {"p05": 0.05, "p50": 0.5, "p95": 0.95}
"""Columns of the answer and their probabilities."""

_AT_ONCE = 2**22
"""Draws that are held at a time: it bounds the memory."""


def footprint_spread(
    graph: Graph,
    factors: Factors,
    *,
    draws: int,
    seed: int,
    allocation: Allocation | None,
    assumed_gsd: Mapping[str, float],
) -> pl.DataFrame:
    """Give the spread of footprints; see `Lineage.footprint_spread`.

    A footprint is linear in the factors: one solve, with an element's metal as each right-hand side, gives every batch
    its grams of metal with a default factor, and a draw of the factors then costs a product.
    """
    burden, defaults = Burden.of(graph, allocation), Defaults.of(graph)
    values = defaults.values(factors)
    drawn, assumed = _drawn(defaults.elements, factors, values, draws, seed, assumed_gsd)
    fixed = np.column_stack([stated_g(graph), defaults.by_step.toarray()])
    own = np.column_stack([burden.keys.credit, defaults.by_batch.toarray()])
    borne = burden.handed_on(fixed, own)[graph.order]
    rest, metal = borne[:, :1], borne[:, 1:]
    columns = np.empty((metal.shape[0], len(QUANTILES) + 1))
    many = max(1, _AT_ONCE // draws)
    for first in range(0, metal.shape[0], many):
        some = slice(first, first + many)
        totals = rest[some] + metal[some] @ drawn
        columns[some, :-1] = np.quantile(totals, list(QUANTILES.values()), axis=1).T
        columns[some, -1] = totals.mean(axis=1)
    held = metal != 0
    status = np.select([held[:, assumed].any(axis=1), held.any(axis=1)], ["assumed", "published"], "none")
    return pl.DataFrame([graph.names.gather(graph.order)]).with_columns(
        *[pl.Series(name, columns[:, number]) for number, name in enumerate([*QUANTILES, "mean"])],
        pl.Series("status", status, pl.String),
    )


def _drawn(
    elements: tuple[str, ...],
    factors: Factors,
    values: Floats,
    draws: int,
    seed: int,
    assumed_gsd: Mapping[str, float],
) -> tuple[Floats, Floats]:
    """Draw each element's factor, shape ``(elements, draws)``, and tell which spreads are assumed."""
    published = [factor.lognormal() if isinstance(factor := factors[each], Figure) else None for each in elements]
    missing = [
        each for each, known in zip(elements, published, strict=True) if known is None and each not in assumed_gsd
    ]
    wrong = [each for each, gsd in assumed_gsd.items() if not gsd >= 1]
    if missing or wrong or draws < 1:
        raise BadInput(
            [problem("record.no_spread", element=each) for each in missing]
            + [problem("record.bad_spread", what=f"assumed_gsd[{each}]", got=assumed_gsd[each]) for each in wrong]
            + ([problem("record.bad_spread", what="draws", got=draws)] if draws < 1 else [])
        )
    known = [
        (np.log(value), np.log(assumed_gsd[element])) if each is None else each
        for element, value, each in zip(elements, values, published, strict=True)
    ]
    normal = np.random.default_rng(seed).standard_normal((len(elements), draws))
    middle, sd = (np.array(each).reshape(-1, 1) for each in zip(*known, strict=True)) if known else (0.0, 0.0)
    return np.exp(middle + sd * normal), np.array([each is None for each in published], dtype=bool)
