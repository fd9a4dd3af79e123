"""Quantile stacking: how much of each kernel's quantile goes into ours, learned at past origins of the whole table."""

from __future__ import annotations

import numpy as np

from oreloop.forecast.panel import Floats

_PENALTY = 100.0
"""Pull towards equal weights, as a number of pairs: with fewer, equal weights rule; with many, what was seen."""
_STEPS = 12
"""Steps of the descent; each halves the smoothing of the loss, down to a thousandth of the mean error."""


def stack(quantiles: Floats, actual: Floats, levels: Floats) -> Floats:
    """Find the weights, none negative, of kernels at each level that lose least pinball, pulled towards equal weights.

    Linear quantile regression (Koenker and Bassett 1978, Econometrica 46) on the quantiles of the kernels, by majorising
    the loss with parabolas (Hunter and Lange 2000, Journal of Computational and Graphical Statistics 9), with the ridge
    of a normal prior. The weights need not sum to one: a trend that all series share shows in the sum.

    Args:
        quantiles: shape (pairs, levels, kernels), divided by the scale of their series.
        actual: shape (pairs,), divided alike.
        levels: shape (levels,).

    Returns:
        Shape (levels, kernels).

    >>> flat = np.ones((1, 1, 2))
    >>> stack(flat[:0], np.empty(0), np.array([0.5]))
    array([[0.5, 0.5]])
    """
    kernels = quantiles.shape[2]
    equal = np.full(kernels, 1.0 / kernels)
    if not len(actual):
        return np.tile(equal, (len(levels), 1))
    return np.stack([_weigh(quantiles[:, at], actual, level, equal) for at, level in enumerate(levels)])


def _weigh(given: Floats, actual: Floats, level: float, equal: Floats) -> Floats:
    from scipy.optimize import nnls

    weights, ridge = equal, _PENALTY / len(actual)
    error = actual - given @ weights
    smoothing = max(float(np.abs(error).mean()), 1e-9)
    lean = (level - 0.5) * given.sum(axis=0)
    for step in range(_STEPS):
        weight = 0.5 / (np.abs(error) + smoothing * max(0.5**step, 1e-3))
        weighted = given * weight[:, None]
        bowl = weighted.T @ given / len(actual) + ridge * np.eye(len(equal))
        root = np.linalg.cholesky(bowl)
        slope = (weighted.T @ actual + lean) / len(actual) + ridge * equal
        weights = nnls(root.T, np.linalg.solve(root, slope))[0]
        error = actual - given @ weights
    return weights
