"""Joint sample paths around a point forecast: past one-step errors in blocks, carried on as the trend kernel would."""

from __future__ import annotations

import numpy as np

from oreloop.forecast.draws import Draws, block_places
from oreloop.forecast.panel import Floats, Ints
from oreloop.forecast.smooth.models import Points

RECENT = 60
"""Periods from which errors are drawn, five years of months: how restless a series is shifts as its season does."""
FARTHEST = 20.0
"""Largest distance of a path on the scale of the model: a factor of 5e8, which keeps products within float64."""


def smooth_paths(centre: Floats, made: Points, rows: Ints, start: Ints, season: int, own: Draws) -> Floats:
    """Draw paths.

    An error stays in the level and the trend by the response of the recursion, so that paths wander as far as the past
    does; on logarithms they are multiples of the centre, else distances from it.

    Args:
        centre: point forecasts, shape (series, horizon).
        made: what the kernels learned, of all series.
        rows: which of its series.
        start: of those, shape (series,).
        season: periods in a season; the errors of the first are those of a start, and are passed over, as are those of
            more than `RECENT` periods ago.
        own: draws of those series.

    Returns:
        Shape (series, horizon, samples), never below zero.
    """
    errors, response, logged = made.errors[rows], made.response[rows], made.scale.logged[rows]
    end, steps = errors.shape[1], centre.shape[1]
    first = np.maximum(start + np.minimum(season, (end - start) // 2), end - RECENT)
    told = np.arange(end) >= first[:, None]
    mean = np.where(told, errors, 0.0).sum(axis=1, keepdims=True) / told.sum(axis=1, keepdims=True)
    places = block_places(own, first, end)
    shocks = np.take_along_axis(errors - mean, places.reshape(len(rows), -1), axis=1).reshape(places.shape)
    lag = np.arange(steps)[:, None] - np.arange(steps)
    carried = np.where(lag >= 0, response[:, np.maximum(lag, 0)], 0.0) @ shocks
    held = np.clip(carried, -FARTHEST, FARTHEST)
    point = centre[:, :, None]
    distance = held * made.scale.unit[rows][:, :, None]
    return np.asarray(np.maximum(np.where(logged[:, None, None], point * np.exp(held), point + distance), 0.0))
