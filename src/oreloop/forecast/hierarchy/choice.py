"""Chooses how to reconcile by what each way would have done at past origins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from oreloop.base.errors import BadInput
from oreloop.forecast.calibrate import crps
from oreloop.forecast.hierarchy.nodes import Hierarchy
from oreloop.forecast.hierarchy.reconciliation import METHODS, Method, reconcile
from oreloop.forecast.panel import Floats

MIN_ORIGINS = 3
"""Past origins below which nothing is said against bottom-up: two differences hardly have a standard error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What the base forecast said at one past origin, and what came.

    Args:
        mean: shape (nodes, horizon).
        paths: shape (nodes, horizon, samples), or None.
        errors: errors known at that origin, shape (nodes, n).
        actual: shape (nodes, horizon).
        scale: shape (nodes,); root mean squared error of a naive within the history known at that origin. Nodes with
            none (zero) are not scored.
    """

    mean: Floats
    paths: Floats | None
    errors: Floats
    actual: Floats
    scale: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Choice:
    """Which way was chosen, and why.

    Args:
        method: the choice.
        scores: ``method, level, rmsse, crps``: means over origins and the nodes of a level; ``crps`` is scaled as RMSSE
            is, and null without paths.
        gains: ``method, gain, standard_error``: mean over origins of what the score (CRPS, else RMSSE, mean over all
            nodes) is better by than that of bottom-up, and its standard error; null with a single origin.
    """

    method: Method
    scores: pl.DataFrame
    gains: pl.DataFrame


def choose(hierarchy: Hierarchy, past: Sequence[Past], *, nonnegative: bool = True) -> Choice:
    """Take bottom-up unless another way was better at past origins by more than the standard error of the difference.

    Args:
        hierarchy: which nodes are sums of which bottom series.
        past: origins; either all with paths or none. Fewer than `MIN_ORIGINS` leave bottom-up.
        nonnegative: as for `reconcile`.

    Raises:
        BadInput: ``forecast.few_origins`` without origins, and those of `reconcile`.
    """
    if not past:
        raise BadInput.of("forecast.few_origins", got=0, expected=MIN_ORIGINS)
    with_paths = all(each.paths is not None for each in past)
    each_way = {method: [_scored(hierarchy, each, method, nonnegative) for each in past] for method in METHODS}
    judged = 1 if with_paths else 0
    overall = {
        method: np.array([np.nanmean(scored[judged]) for scored in origins]) for method, origins in each_way.items()
    }
    gains = {method: overall["bottom_up"] - score for method, score in overall.items() if method != "bottom_up"}
    count = len(past)
    errors = {method: gain.std(ddof=1) / np.sqrt(count) if count > 1 else None for method, gain in gains.items()}
    best, chosen = 0.0, METHODS[0]
    for method, gain in gains.items():
        error = errors[method]
        if count >= MIN_ORIGINS and error is not None and gain.mean() > max(error, best):
            best, chosen = gain.mean(), method
    return Choice(
        method=chosen,
        scores=pl.concat(_table(hierarchy, method, origins, with_paths) for method, origins in each_way.items()),
        gains=pl.DataFrame(
            {
                "method": list(gains),
                "gain": [float(gain.mean()) for gain in gains.values()],
                "standard_error": pl.Series(list(errors.values()), dtype=pl.Float64),
            }
        ),
    )


def _scored(hierarchy: Hierarchy, past: Past, method: Method, nonnegative: bool) -> tuple[Floats, Floats]:
    """Score each node: RMSSE and scaled CRPS, shape (nodes,) each; NaN where there is no scale or no path."""
    made = reconcile(hierarchy, past.mean, past.paths, past.errors, method=method, nonnegative=nonnegative)
    scale = np.where(past.scale > 0.0, past.scale, np.nan)
    rmsse = np.sqrt(((made.mean - past.actual) ** 2).mean(axis=1)) / scale
    nothing = np.full(len(scale), np.nan)
    return rmsse, nothing if made.paths is None else crps(made.paths, past.actual).mean(axis=1) / scale


def _table(hierarchy: Hierarchy, method: str, origins: list[tuple[Floats, Floats]], with_paths: bool) -> pl.DataFrame:
    rmsse, scaled = (np.concatenate(each) for each in zip(*origins, strict=True))
    frame = pl.DataFrame({"level": hierarchy.levels * len(origins), "rmsse": rmsse, "crps": scaled}).fill_nan(None)
    means = frame.group_by("level", maintain_order=True).agg(pl.col("rmsse").mean(), pl.col("crps").mean())
    crps_column = pl.col("crps") if with_paths else pl.lit(None, dtype=pl.Float64).alias("crps")
    return means.select(pl.lit(method).alias("method"), "level", "rmsse", crps_column)
