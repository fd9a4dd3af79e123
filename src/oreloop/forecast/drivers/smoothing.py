"""Simple exponential smoothing as a linear filter: errors of what is known, and how it goes on."""

from __future__ import annotations

import numpy as np

from oreloop.forecast.panel import Floats

ALPHAS = (0.1, 0.3, 0.6, 1.0)
"""Smoothing that is tried: from nearly a fixed level to a random walk."""


def filtering(periods: int, smoothing: float) -> Floats:
    """Give the matrix that turns a course into its one-step errors from a first level of zero.

    Returns:
        Shape (periods, periods), lower triangular.

    >>> filtering(3, 1.0) @ np.array([5.0, 7.0, 6.0])
    array([ 5.,  2., -1.])
    """
    age = np.arange(periods)[:, None] - np.arange(periods)
    weight = smoothing * (1.0 - smoothing) ** np.maximum(age - 1, 0)
    return np.where(age > 0, -weight, np.where(age == 0, 1.0, 0.0))


def fading(periods: int, smoothing: float) -> Floats:
    """Say how much of the first level is left in the forecast of each period, shape (periods,)."""
    return np.asarray((1.0 - smoothing) ** np.arange(periods))


def onwards(level: Floats, smoothing: Floats, shocks: Floats) -> Floats:
    """Go on from the last level, each shock staying in the level as far as it is smoothed into it.

    Args:
        level: shape (series,).
        smoothing: shape (series,).
        shocks: shape (series, horizon, samples).

    Returns:
        The shape of ``shocks``.
    """
    before = np.cumsum(shocks, axis=1) - shocks
    return np.asarray(level[:, None, None] + shocks + smoothing[:, None, None] * before)


def smoothed(course: Floats) -> tuple[float, float, Floats]:
    """Choose the smoothing and the first level of least squared one-step errors.

    Args:
        course: shape (periods,).

    Returns:
        Smoothing, last level, and errors, shape (periods,).
    """
    tried = []
    for smoothing in ALPHAS:
        fade, moved = fading(len(course), smoothing), filtering(len(course), smoothing) @ course
        first = float(fade @ moved / (fade @ fade))
        errors = moved - first * fade
        tried.append((smoothing, first + smoothing * float(errors.sum()), errors))
    return min(tried, key=lambda each: float(each[2] @ each[2]))
