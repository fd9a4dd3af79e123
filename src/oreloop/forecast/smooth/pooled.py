"""One linear model for all series of a table: what many histories teach that one alone cannot."""

from __future__ import annotations

import numpy as np

from oreloop.forecast.panel import Flags, Floats, Ints
from oreloop.forecast.smooth.line import line

RIDGE = 0.01
"""Ridge in shares of each regressor's own power: steadies near-equal lags; a tenth or ten times of it moves the error by
some two per cent, up on one set of series and down on another."""
ROWS_EACH = 10
"""Rows of data for each regressor below which the model is not fitted: the usual ten observations a coefficient."""


def pooled(values: Floats, start: Ints, season: int, steps: int) -> tuple[Floats, Flags]:
    """Forecast by one ridge regression for each step, fitted to every past origin of every series.

    Regressors are the last season's values, the means of the last one and a half and two seasons, and the slope of the
    line through all that is known, each less the mean of the last season and over the series' mean change over a season:
    no units, no levels. The global model of Montero-Manso and Hyndman (2021, International Journal of Forecasting 37).

    Args:
        values: shape (series, periods), NaN before ``start``.
        start: shape (series,).
        season: periods in a season.
        steps: periods ahead.

    Returns:
        Forecasts, shape (series, steps), and which series have one.
    """
    periods = values.shape[1]
    able: Flags = periods - start >= 2 * season
    regressors = season + 3
    first, last = 2 * season, periods - steps
    found = np.maximum(last + 1 - start - first, 0).sum()
    if season == 1 or found < ROWS_EACH * regressors or not able.any():
        return np.zeros((len(values), steps)), np.zeros(len(values), dtype=np.bool_)
    change = np.abs(values[:, season:] - values[:, :-season])
    live = np.isfinite(change)
    scale = np.where(live, change, 0.0).sum(axis=1) / np.maximum(live.sum(axis=1), 1)
    able &= scale > 0.0
    scale = np.where(able, scale, 1.0)[:, None]
    gram = np.zeros((regressors, regressors))
    moment = np.zeros((regressors, steps))
    for origin in range(first, last + 1):
        rows = np.flatnonzero(able & (origin - start >= first))
        if len(rows):
            known, level = _regressors(values[rows, :origin], start[rows], season)
            known /= scale[rows]
            gram += known.T @ known
            moment += known.T @ ((values[rows, origin : origin + steps] - level) / scale[rows])
    gram[np.diag_indices(regressors)] *= 1.0 + RIDGE
    weights = np.linalg.lstsq(gram, moment, rcond=None)[0]
    forecast = np.zeros((len(values), steps))
    rows = np.flatnonzero(able)
    known, level = _regressors(values[rows], start[rows], season)
    forecast[rows] = known @ weights + level
    return forecast, able


def _regressors(values: Floats, start: Ints, season: int) -> tuple[Floats, Floats]:
    """Describe each series by its last column, and give the mean of its last season, shape (series, 1)."""
    level = values[:, -season:].mean(axis=1, keepdims=True)
    means = [values[:, -count:].mean(axis=1, keepdims=True) - level for count in (season + season // 2, 2 * season)]
    slope = line(values, start)[1][:, None] * season
    return np.concatenate([values[:, -season:] - level, *means, slope], axis=1), level
