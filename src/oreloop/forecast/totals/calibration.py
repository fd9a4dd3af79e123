"""Levels that hold: a pooled conformal correction by class, and its correction as actuals arrive."""

from __future__ import annotations

import numpy as np

from oreloop.forecast.panel import Floats

_SHRINK = 100.0
"""Actuals whose weight the uncorrected levels have: a class of few pairs is hardly moved."""


def levels_of(quantiles: Floats, levels: Floats, at: Floats) -> Floats:
    """Say at which level of its quantiles a value stands, on straight lines between them; 0 below all, 1 above all.

    Args:
        quantiles: shape (rows, levels), ascending.
        levels: shape (levels,).
        at: shape (rows,).

    Returns:
        Shape (rows,); where quantiles are equal to the value, the highest of their levels.
    """
    last = len(levels)
    place = (quantiles <= at[:, None]).sum(axis=1)
    lower, upper = np.clip(place - 1, 0, last - 1), np.clip(place, 0, last - 1)
    rows = np.arange(len(at))
    left, right = quantiles[rows, lower], quantiles[rows, upper]
    share = np.divide(at - left, right - left, out=np.zeros_like(at), where=right > left)
    found = levels[lower] + share * (levels[upper] - levels[lower])
    return np.where(place == 0, 0.0, np.where(place == last, 1.0, found))


def hold(first: Floats, last: Floats, levels: Floats) -> Floats:
    """Find the level to read where a level is wanted, so that the wanted share of past actuals lies below.

    Split conformal prediction on the probability integral transform (Vovk, Nouretdinov, Manokhin and Gammerman 2018,
    "Cross-conformal predictive distributions"), ties split evenly over the levels of an actual (Czado, Gneiting and Held
    2009, Biometrics 65), with the ``n + 1`` of the finite sample, and shrunk to no correction where actuals are few.

    Args:
        first: shape (pairs,); level just below the actual.
        last: shape (pairs,); level of the actual.
        levels: shape (levels,), ascending.

    Returns:
        Shape (levels,), ascending.

    >>> hold(np.empty(0), np.empty(0), np.array([0.1, 0.9]))
    array([0.1, 0.9])
    """
    count = len(first)
    if not count:
        return levels
    fine = np.linspace(0.0, 1.0, 401)
    wide = np.maximum(last - first, 1e-9)
    held = np.array([np.clip((level - first) / wide, 0.0, 1.0).sum() for level in fine]) / (count + 1)
    # above the last step of the finite sample only the top of the distribution is safe
    held[-1] = 1.0
    found = np.interp(levels, np.maximum.accumulate(held), fine)
    read: Floats = (count * found + _SHRINK * levels) / (count + _SHRINK)
    return read


def follow(read: float, level: float, below: float, *, pace: float = 0.02) -> float:
    """Move the level that is read after an actual came, so that in the long run the wanted share lies below.

    Adaptive conformal inference (Gibbs and Candès 2021, Advances in Neural Information Processing Systems 34, equation
    2). Whatever the demand does, after n actuals the share below is within ``(1 + pace) / (pace * n)`` of ``level``.

    Args:
        read: level read so far; may leave 0..1, where the edge of the distribution is meant.
        level: level wanted.
        below: 1 if the actual lay below the quantile, 0 if above, between where it was equal.
        pace: step of the correction, per actual.

    >>> round(follow(0.9, 0.9, 0.0), 3)
    0.918
    """
    return read + pace * (level - below)
