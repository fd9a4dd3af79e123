"""Seasonal profiles: additive, recent seasons counting more, drawn towards none as far as they may be noise."""

from __future__ import annotations

import numpy as np

from oreloop.forecast.panel import Floats, Ints

DECAY = 0.8
"""What a season counts against the one after it, so that some five years count. With theta on long, strongly seasonal
histories 0.6 and 0.7 err one per cent less, 0.9 six more and equal weights a fifth more; on short ones 0.6 to 1 err alike."""


def seasonal_profile(values: Floats, start: Ints, season: int) -> Floats:
    """Estimate how far each place in the season lies from the level.

    Distances to a centred moving average, averaged by slot with geometric weights over the seasons, then shrunk by the
    positive-part factor of James and Stein as Miller and Williams (2003, International Journal of Forecasting 19) use
    it for seasonal factors: ``max(0, 1 - (season - 3) V / sum(s^2))``, V the variance of one average. It takes the place of
    a test for seasonality: noise has a profile of zeros, and what is between is in between.

    Args:
        values: shape (series, periods), NaN before ``start``; logarithms make the profile a multiplicative one.
        start: shape (series,).
        season: periods in a season.

    Returns:
        Shape (series, season), slot = column modulo season, sum zero; zeros for series of less than two seasons.
    """
    profile = np.zeros((len(values), season))
    periods = values.shape[1]
    rows = np.flatnonzero(periods - start >= 2 * season)
    if season == 1 or not len(rows):
        return profile
    away = values[rows] - centred_mean(values[rows], season)
    known = np.isfinite(away)
    weight = known * DECAY ** ((periods - 1 - np.arange(periods)) // season)
    away = np.where(known, away, 0.0)
    total, squares = _by_slot(weight, season), _by_slot(weight * weight, season)
    mean = _by_slot(weight * away, season) / total
    mean -= mean.mean(axis=1, keepdims=True)
    rest = away - mean[:, np.arange(periods) % season]
    variance = (weight * rest * rest).sum(axis=1) / weight.sum(axis=1)
    # so many equally weighted seasons would average as well; one of them went into the mean
    seasons = (total * total / squares).mean(axis=1)
    noise = variance / np.maximum(seasons - 1.0, 0.5)
    power = (mean * mean).sum(axis=1)
    share = np.divide((season - 3) * noise, power, out=np.ones(len(rows)), where=power > 0.0)
    profile[rows] = mean * np.clip(1.0 - share, 0.0, 1.0)[:, None]
    return profile


def _by_slot(values: Floats, season: int) -> Floats:
    return np.stack([values[:, slot::season].sum(axis=1) for slot in range(season)], axis=1)


def centred_mean(values: Floats, season: int) -> Floats:
    """Average over one season around each column; NaN where the season is not complete.

    >>> centred_mean(np.array([[1.0, 2.0, 3.0, 4.0, 5.0]]), 3)
    array([[nan,  2.,  3.,  4., nan]])
    """
    half = season // 2
    width = 2 * half + 1
    weights = np.full(width, 1.0 / season)
    if season % 2 == 0:
        weights[[0, -1]] /= 2.0
    means = np.full(values.shape, np.nan)
    inner = values.shape[1] - width + 1
    means[:, half : half + inner] = sum(weights[lag] * values[:, lag : lag + inner] for lag in range(width))
    return means
