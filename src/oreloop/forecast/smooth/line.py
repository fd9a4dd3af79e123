"""Where the recursions begin: the first periods of a series, and straight lines through them."""

from __future__ import annotations

import numpy as np

from oreloop.forecast.panel import Floats, Ints


def head(values: Floats, start: Ints, count: int) -> Floats:
    """Take the first periods of each series, shape (series, count); NaN where a series is shorter."""
    places = start[:, None] + np.arange(count)
    taken = np.take_along_axis(values, np.minimum(places, values.shape[1] - 1), axis=1)
    return np.where(places < values.shape[1], taken, np.nan)


def line(values: Floats, start: Ints) -> tuple[Floats, Floats]:
    """Fit a least squares line to each series: value one period before its first column, slope a period.

    >>> line(np.array([[np.nan, 3.0, 5.0, 7.0]]), np.array([1]))
    (array([1.]), array([2.]))
    """
    time = np.where(np.isnan(values), np.nan, np.arange(values.shape[1]) - start[:, None] + 1.0)
    middle = np.nanmean(time, axis=1)
    away = time - middle[:, None]
    slope = np.nansum(away * values, axis=1) / np.nansum(away * away, axis=1)
    return np.nanmean(values, axis=1) - slope * middle, slope
