"""Few sample paths with probabilities in place of many."""

from __future__ import annotations

import numpy as np

from oreloop.plan.model import Floats, Ints


def reduce_paths(paths: Floats, count: int, probabilities: Floats | None = None) -> tuple[Ints, Floats]:
    """Choose the paths that stand best for all: fast forward selection.

    Each step takes the path that leaves the least probability-weighted distance from all paths to the nearest taken;
    then each path gives its probability to the nearest one taken. The first of equals is taken.

    Args:
        paths: shape ``(paths, ...)``; the distance is Euclidean over all other axes.
        count: how many to keep.
        probabilities: shape ``(paths,)``; all the same when None.

    Returns:
        Positions of the paths kept, ascending, shape ``(count,)``, and their probabilities.

    Source: Heitsch & Römisch (2003), Scenario reduction algorithms in stochastic programming, algorithm 2.4.

    >>> reduce_paths(np.array([[1.0], [1.1], [9.0]]), 2)[0].tolist()
    [1, 2]
    """
    flat = np.asarray(paths, dtype=np.float64).reshape(len(paths), -1)
    total = len(flat)
    chances = (
        np.full(total, 1.0 / total) if probabilities is None else np.asarray(probabilities) / np.sum(probabilities)
    )
    squares = (flat**2).sum(axis=1)
    apart = np.sqrt(np.maximum(squares[:, None] + squares - 2.0 * flat @ flat.T, 0.0))
    np.fill_diagonal(apart, 0.0)
    nearest = np.full(total, np.inf)
    taken = np.zeros(total, dtype=np.bool_)
    for _ in range(min(count, total)):
        left = np.where(taken, np.inf, chances @ np.minimum(nearest[:, None], apart))
        best = int(np.argmin(left))
        taken[best] = True
        nearest = np.minimum(nearest, apart[:, best])
    kept = np.flatnonzero(taken)
    shared = np.bincount(apart[:, kept].argmin(axis=1), weights=chances, minlength=len(kept))
    return kept.astype(np.int64), shared.astype(np.float64)
