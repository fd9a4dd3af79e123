"""Brings paths that were drawn node by node together, as past errors were."""

from __future__ import annotations

import numpy as np

from oreloop.forecast.draws import generator
from oreloop.forecast.hierarchy.spread import shrinkage
from oreloop.forecast.panel import Floats


def together(paths: Floats, errors: Floats, *, seed: int = 0) -> Floats:
    """Pair the paths of all nodes so that high ones meet as often as high errors met in the past.

    A normal copula with the shrunk correlations of past errors (`oreloop.forecast.hierarchy.spread.shrinkage`) orders
    whole paths by their sums over the horizon: every node keeps exactly its own paths, so its own distribution and its
    dependence over time; only which path of one node goes with which of another changes. The reordering of samples by a
    dependence template is that of Clark, Gangopadhyay, Hay, Rajagopalan and Wilby (2004, J. Hydrometeorology 5).

    Args:
        paths: shape (nodes, horizon, samples).
        errors: shape (nodes, n), NaN where there is none; periods in which some node has none are left out, and with
            fewer than two left the paths stay as they are.
        seed: decides the template.

    >>> apart = np.array([[[1.0, 2.0, 3.0]], [[30.0, 10.0, 20.0]]])
    >>> joint = together(apart, np.array([[1.0, -1.0, 2.0, 0.5]] * 2))
    >>> [sorted(each) for each in joint[:, 0].tolist()]
    [[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]]
    """
    known = errors[:, np.isfinite(errors).all(axis=0)]
    if known.shape[1] < 2:
        return paths
    spread = np.sqrt((known**2).mean(axis=1))[:, None]
    scaled = np.divide(known, spread, out=np.zeros_like(known), where=spread > 0.0)
    share, (nodes, _, samples) = shrinkage(known), paths.shape
    own = generator(seed, "hierarchy")
    shared = scaled @ own.standard_normal((known.shape[1], samples)) * np.sqrt((1.0 - share) / known.shape[1])
    template = shared + np.sqrt(share) * own.standard_normal((nodes, samples))
    ranks = np.argsort(np.argsort(template, axis=1, kind="stable"), axis=1, kind="stable")
    order = np.take_along_axis(np.argsort(paths.sum(axis=1), axis=1, kind="stable"), ranks, axis=1)
    return np.take_along_axis(paths, order[:, None, :], axis=2)
