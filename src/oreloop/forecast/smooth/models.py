"""The kernels by name, and what each says of the coming periods."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from oreloop.forecast.panel import Flags, Floats, Ints
from oreloop.forecast.smooth.autoregression import LAGS, autoregression
from oreloop.forecast.smooth.line import head, line
from oreloop.forecast.smooth.pooled import pooled
from oreloop.forecast.smooth.profile import seasonal_profile
from oreloop.forecast.smooth.recursion import Fit, Grid, fit
from oreloop.forecast.smooth.scale import Scaled, scaled

SMOOTH = ("trend", "theta", "pairs", "years", "autoregression", "pooled")
TREND, THETA, PAIRS, YEARS, AUTOREGRESSION, POOLED = range(len(SMOOTH))
CHUNK = 128
"""Series handled at a time: bounds memory, changes no result."""
OPENING = 12
"""Periods through which the line is laid that a trend begins with."""
_ALPHAS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0)
_FLAT = (0.0, 0.0)
DRIFT = Grid.of(_ALPHAS, ((0.0, 1.0),))
"""A slope that stays as it begins."""
HOLT = Grid.of(_ALPHAS, (_FLAT, *((share, 1.0) for share in (0.0, 0.05, 0.1, 0.2))))
"""No trend, or one that is not damped."""
DAMPED = Grid.of(_ALPHAS, (_FLAT, *((share, phi) for phi in (0.9, 0.98, 1.0) for share in (0.0, 0.1, 0.3))))
"""No trend, a damped one, or one that is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """What the kernels say from one origin.

    Args:
        points: shape (kernels, series, horizon), in the unit of the history, never below zero.
        able: shape (series, kernels); which kernels apply.
        level: shape (series,); last smoothed level of ``trend``, without season, on the scale of the model.
        response: shape (series, horizon); what an error of one leaves in the coming steps.
        errors: shape (series, periods); one-step errors on the scale of the model, zero before a series begins.
        scale: the scale.
    """

    points: Floats
    able: Flags
    level: Floats
    response: Floats
    errors: Floats
    scale: Scaled


def theta(values: Floats, start: Ints) -> Fit:
    """Smooth with half the slope of the whole series as drift.

    Assimakopoulos and Nikolopoulos (2000, International Journal of Forecasting 16) in the form of Hyndman and Billah
    (2003, the same journal, 19).
    """
    level = np.nanmean(head(values, start, OPENING // 2), axis=1)
    drift = line(values, start)[1] / 2.0
    shape = (len(values), len(DRIFT.alpha))
    return fit(values, start, DRIFT, np.broadcast_to(level[:, None], shape), np.broadcast_to(drift[:, None], shape))


def trend(values: Floats, start: Ints, grid: Grid, opening: int) -> Fit:
    """Smooth with no trend, a damped one or a full one, as the grid allows.

    Holt (1957), damped by Gardner and McKenzie (1985, Management Science 31).

    Args:
        values: shape (series, periods), NaN before ``start``.
        start: shape (series,).
        grid: candidates.
        opening: periods through which the first line is laid.
    """
    first = head(values, start, opening)
    level, slope = line(first, np.zeros(len(values), dtype=np.int64))
    mean = np.nanmean(first, axis=1)
    none = grid.phi == 0.0
    level = np.where(none, mean[:, None], level[:, None])
    return fit(values, start, grid, level, np.where(none, 0.0, slope[:, None]))


def together(values: Floats, start: Ints, width: int) -> tuple[Floats, Ints]:
    """Average blocks of periods, the last one ending with the history; blocks that are not whole are left out."""
    rest = values.shape[1] % width
    begin = np.maximum(-((rest - start) // width), 0)
    means = values[:, rest:].reshape(len(values), -1, width).mean(axis=2)
    return np.where(np.arange(means.shape[1]) < begin[:, None], np.nan, means), begin


def apart(blocks: Floats, width: int, steps: int) -> Floats:
    """Read single periods from forecasts of blocks: on straight lines between their middles, the first one drawn on."""
    place = (np.arange(steps) - (width - 1) / 2.0) / width
    left = np.clip(np.floor(place).astype(np.int64), 0, blocks.shape[1] - 2)
    share = place - left
    return blocks[:, left] * (1.0 - share) + blocks[:, left + 1] * share


def smooth_points(
    values: Floats, start: Ints, season: int, steps: int, *, shared: bool, seasonal: bool = True
) -> Points:
    """Let every kernel forecast from the end of the history.

    All work on series without their seasonal profile, which is added again, and all but ``autoregression`` on logarithms
    where they can, so that season and growth are factors: ``trend`` on the periods, ``pairs`` on averages of two of them and
    ``years`` on averages of a season (temporal aggregation brings out what is slow: Kourentzes, Petropoulos and Trapero
    2014, International Journal of Forecasting 30). ``theta`` stands in where the history is too short for ``pairs``.

    Args:
        values: shape (series, periods), NaN before ``start``.
        start: shape (series,).
        season: periods in a season.
        steps: periods ahead.
        shared: whether the kernel that learns from all series takes part.
        seasonal: whether the season that was taken out is added again.
    """
    scale = scaled(values, logs=True)
    profile = seasonal_profile(scale.values, start, season)
    end = values.shape[1]
    now, coming = np.arange(end) % season, np.arange(end, end + steps) % season
    adjusted, added = scale.values - profile[:, now], profile[:, coming] * seasonal
    able = _able(end - start, season)
    points = np.zeros((len(SMOOTH), len(values), steps))
    level, response, errors = np.empty(len(values)), np.empty((len(values), steps)), np.empty(values.shape)
    for part in _chunks(able[:, TREND]):
        fitted = trend(adjusted[part], start[part], HOLT, OPENING)
        points[TREND, part], level[part] = fitted.ahead(steps), fitted.last
        response[part], errors[part] = fitted.response(steps), fitted.errors
    for part in _chunks(able[:, THETA]):
        points[THETA, part] = theta(adjusted[part], start[part]).ahead(steps)
    for part in _chunks(able[:, PAIRS]):
        blocks, begin = together(adjusted[part], start[part], 2)
        points[PAIRS, part] = apart(trend(blocks, begin, DAMPED, 2 * OPENING).ahead(steps // 2 + 2), 2, steps)
    for part in _chunks(able[:, YEARS]):
        blocks, begin = together(adjusted[part], start[part], season)
        points[YEARS, part] = apart(theta(blocks, begin).ahead(steps // season + 2), season, steps)
    if shared:
        # with the profile taken out, and with the season left for the model to learn
        smooth, able[:, POOLED] = pooled(adjusted, start, season, steps)
        points[POOLED] = (smooth + pooled(scale.values, start, season, steps)[0] - profile[:, coming]) / 2.0
    points = np.stack([scale.back(each + added) for each in points])
    plain = scaled(values, logs=False)
    own = seasonal_profile(plain.values, start, season)
    moved = autoregression(plain.values - own[:, now], steps)
    points[AUTOREGRESSION] = plain.back(moved + own[:, coming] * seasonal)
    points = np.where(able.T[:, :, None], points, 0.0)
    return Points(points=points, able=able, level=level, response=response, errors=errors, scale=scale)


def _able(length: Ints, season: int) -> Flags:
    """Say which kernels have the history they need, shape (series, kernels); the pooled one finds out for itself."""
    able = np.zeros((len(length), len(SMOOTH)), dtype=np.bool_)
    able[:, TREND] = True
    # eight pairs are as few as a line and its spread can be told from
    able[:, PAIRS] = length >= 16
    able[:, THETA] = ~able[:, PAIRS]
    able[:, YEARS] = (length >= 4 * season) & (season > 1)
    able[:, AUTOREGRESSION] = length > 2 * LAGS
    return able


def _chunks(chosen: Flags) -> list[Ints]:
    rows = np.flatnonzero(chosen)
    return [rows[first : first + CHUNK] for first in range(0, len(rows), CHUNK)]
