"""Autoregression of changes, for each series by itself."""

from __future__ import annotations

import numpy as np

from oreloop.forecast.panel import Floats

LAGS = 12
RIDGE = 2.4
"""Strength of the ridge at lag one, in variances of a change; it grows with the lag, so that far lags must earn more.
One of a few settings that were tried."""


def autoregression(values: Floats, steps: int) -> Floats:
    """Forecast by a ridge regression of each change on the twelve before it, around the mean change.

    Least squares with a prior that the series is a random walk with drift and that near lags matter more, the prior of
    Doan, Litterman and Sims (1984, Econometric Reviews 3) for one series.

    Args:
        values: shape (series, periods), NaN before a series begins.
        steps: periods ahead.

    Returns:
        Shape (series, steps).
    """
    changes = np.diff(values, axis=1)
    live = np.isfinite(changes)
    count = live.sum(axis=1)
    changes = np.where(live, changes, 0.0)
    drift = (changes.sum(axis=1) / count)[:, None]
    changes = np.where(live, changes - drift, 0.0)
    short = ((0, 0), (max(0, LAGS + 1 - changes.shape[1]), 0))
    changes, live = np.pad(changes, short), np.pad(live, short)
    past = np.stack([changes[:, LAGS - lag : -lag] for lag in range(1, LAGS + 1)], axis=1)
    past *= live[:, None, :-LAGS]
    gram = past @ past.transpose(0, 2, 1)
    moment = past @ changes[:, LAGS:, None]
    variance = (changes * changes).sum(axis=1) / count
    # a series that never changes has no coefficients, whatever the ridge
    ridge = np.where(variance > 0.0, RIDGE * variance, 1.0)
    gram += ridge[:, None, None] * np.diag(np.arange(1.0, LAGS + 1.0))
    weights = np.linalg.solve(gram, moment)[:, :, 0]
    recent = changes[:, : -LAGS - 1 : -1]
    moves = np.empty((len(values), steps))
    for step in range(steps):
        moves[:, step] = (recent * weights).sum(axis=1)
        recent = np.concatenate([moves[:, step, None], recent[:, :-1]], axis=1)
    return np.asarray(values[:, -1, None] + np.cumsum(moves + drift, axis=1))
