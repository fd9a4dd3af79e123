"""Bands that hold their level: conformal correction of sample quantiles, and the scores it learns from."""

from __future__ import annotations

import numpy as np

from oreloop.forecast.panel import Floats, Ints

MIN_POOL = 100
"""Scores below which a pool is widened: the 1 % and 99 % levels need that many."""
MIN_SCORES = 20
"""Scores below which nothing is corrected: the outer levels, 5 % and 95 %, need that many."""


def crps(sample: Floats, actual: Floats) -> Floats:
    """Score samples: the pinball loss averaged over all levels, doubled, in the unit of the history.

    The continuous ranked probability score of an empirical distribution (Gneiting and Raftery 2007, JASA 102,
    equations 20-21; Laio and Tamea 2007 for the form as pinball).

    Args:
        sample: shape (..., horizon, samples).
        actual: shape (..., horizon); NaN gives NaN.

    >>> crps(np.array([[0.0, 2.0]]), np.array([1.0]))
    array([0.5])
    """
    count = sample.shape[-1]
    ordered = np.sort(sample, axis=-1)
    rank = np.arange(count) + 0.5
    away = ordered - actual[..., None]
    score: Floats = 2.0 / count**2 * (away * (np.where(away > 0.0, count, 0.0) - rank)).sum(axis=-1)
    return score


def pit(sample: Floats, actual: Floats, tie: Floats) -> Floats:
    """Say at which level of its sample an actual fell, ties split at random (probability integral transform).

    It is the conformity score of a split conformal predictive system (Vovk, Nouretdinov, Manokhin and Gammerman 2018,
    "Cross-conformal predictive distributions"): uniform when the sample is right, whatever share of it is zero.

    Args:
        sample: shape (..., horizon, samples).
        actual: shape (..., horizon); NaN gives NaN.
        tie: uniform numbers, the shape of ``actual``.
    """
    below = (sample < actual[..., None]).sum(axis=-1)
    equal = (sample == actual[..., None]).sum(axis=-1)
    level = (below + tie * (equal + 1.0)) / (sample.shape[-1] + 1.0)
    return np.where(np.isnan(actual), np.nan, level)


def share_inside(sample: Floats, actual: Floats, low: Floats, high: Floats) -> Floats:
    """Say what share of each actual lies between two levels of its sample, ties split evenly.

    Half the history of a lumpy series is zeros, and so is every lower quantile; counting each zero as inside would
    flatter the band. The non-randomised form of `pit` (Czado, Gneiting and Held 2009, Biometrics 65).

    Args:
        sample: shape (..., horizon, samples).
        actual: shape (..., horizon).
        low: level at which the band begins, the shape of ``actual``.
        high: level at which it ends.
    """
    count = sample.shape[-1] + 1.0
    first = (sample < actual[..., None]).sum(axis=-1) / count
    last = ((sample <= actual[..., None]).sum(axis=-1) + 1.0) / count
    inside = (np.minimum(last, high) - np.maximum(first, low)) / (last - first)
    return np.where(np.isnan(actual), np.nan, np.clip(inside, 0.0, 1.0))


def corrected_levels(levels: Floats, scores: Floats, groups: Ints, pool: str) -> Floats:
    """Find the level of the sample to read where a level is wanted.

    Split conformal prediction (Vovk, Gammerman and Shafer 2005; Lei, G'Sell, Rinaldo, Tibshirani and Wasserman 2018,
    JASA 113) of central bands: how far an actual fell from the middle of its sample, ``|2 pit - 1|``, is the score, and
    the band of width w reaches to the k-th smallest of n of them, ``k = ceil((n + 1) w)``. The ``n + 1`` is the
    finite-sample term; k beyond n means the edge of the sample. Bands are widened alike on both sides: that past errors
    leaned one way, in a slump that all series shared, does not say that coming ones will.

    Args:
        levels: shape (levels,), wanted.
        scores: `pit` values, shape (series, origins, horizon), NaN where there was no actual.
        groups: class of each series, shape (series,).
        pool: ``class``: scores of a class and a step of the horizon together; where they are fewer than `MIN_POOL`, of
            the class at all steps; then of all series. ``series``: only the series' own, at all steps.

    Returns:
        Shape (series, horizon, levels); the levels themselves where there are fewer than `MIN_SCORES` scores.
    """
    series, _, steps = scores.shape
    found = np.empty((series, steps, len(levels)))
    if pool == "series":
        for row in range(series):
            found[row] = _read(levels, scores[row])
        return found
    for group in np.unique(groups):
        members = groups == group
        for step in range(steps):
            pools = (scores[members, :, step], scores[members], scores)
            enough = next((each for each in pools if np.isfinite(each).sum() >= MIN_POOL), scores)
            found[members, step] = _read(levels, enough)
    return found


def _read(levels: Floats, scores: Floats) -> Floats:
    away = np.sort(np.abs(2.0 * scores[np.isfinite(scores)] - 1.0))
    count = len(away)
    if count < MIN_SCORES:
        return levels
    rank = np.ceil((count + 1) * np.abs(2.0 * levels - 1.0) - 1e-9).astype(np.int64)
    reach = np.concatenate([[0.0], away, [1.0]])[rank]
    return np.asarray(0.5 + np.sign(levels - 0.5) * reach / 2.0)


def sample_quantiles(sample: Floats, levels: Floats) -> Floats:
    """Read quantiles of samples, straight lines between the ordered values: never crossing, never outside the sample.

    Args:
        sample: shape (series, horizon, samples).
        levels: shape (series, horizon, levels); the i-th of n ordered values stands at level ``i / (n + 1)``, as in
            `pit`.

    Returns:
        Shape (series, horizon, levels).
    """
    ordered = np.sort(sample, axis=-1)
    count = ordered.shape[-1]
    place = np.clip(levels * (count + 1) - 1.0, 0.0, count - 1.0)
    lower = np.minimum(place.astype(np.int64), max(count - 2, 0))
    left = np.take_along_axis(ordered, lower, axis=-1)
    right = np.take_along_axis(ordered, np.minimum(lower + 1, count - 1), axis=-1)
    read: Floats = left + (place - lower) * (right - left)
    # the line between two equal values must give that value, to the last bit
    return np.where(left == right, left, np.maximum.accumulate(np.clip(read, left, right), axis=-1))
