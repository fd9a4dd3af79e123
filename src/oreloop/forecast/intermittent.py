"""Kernels for lumpy demand, and the classes of Syntetos, Boylan and Croston that say where they belong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from oreloop.forecast.draws import Draws
from oreloop.forecast.panel import Floats, Ints

CLASSES = ("smooth", "erratic", "intermittent", "lumpy")
ADI_LIMIT, CV2_LIMIT = 1.32, 0.49
"""Mean interval between demands and squared variation of their sizes: Syntetos, Boylan and Croston (2005), JORS 56."""
RATES = ("croston", "sba", "tsb")
_SMOOTHING = (0.05, 0.1, 0.2, 0.3)
_TSB = tuple(product((0.1, 0.2), (0.02, 0.05, 0.1, 0.2, 0.3)))


def demand_classes(values: Floats, start: Ints) -> Ints:
    """Put each series in a class: 0 smooth, 1 erratic, 2 intermittent, 3 lumpy (`CLASSES`).

    A series without any demand counts as intermittent.

    Args:
        values: shape (series, periods), NaN before ``start``.
        start: shape (series,).
    """
    sizes = np.where(values > 0.0, values, np.nan)
    count = np.isfinite(sizes).sum(axis=1)
    some = np.maximum(count, 1)
    mean = np.nansum(sizes, axis=1) / some
    spread = np.nansum((sizes - mean[:, None]) ** 2, axis=1) / some
    rare = (values.shape[1] - start) / some >= ADI_LIMIT
    varied = spread >= CV2_LIMIT * mean**2
    return np.asarray(2 * (rare | (count == 0)) + (varied & (count > 0)), dtype=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Demand a period as the kernels see it, and the sizes that were seen.

    Args:
        rate: shape (series, 3): Croston, SBA, TSB, in the unit of the history.
        sizes: shape (series, periods): the sizes of past demands, oldest first, zeros after the last.
        count: shape (series,): how many sizes there are.
    """

    rate: Floats
    sizes: Floats
    count: Ints


def fit_rates(values: Floats, start: Ints) -> Rates:
    """Estimate the demand rate by three kernels, each with the smoothing of least squared one-step error.

    Croston (1972, Operational Research Quarterly 23): smoothed size over smoothed interval. SBA (Syntetos and Boylan
    2005, International Journal of Forecasting 21): times ``1 - alpha / 2``. TSB (Teunter, Syntetos and Babai 2011,
    European Journal of Operational Research 214): smoothed size times smoothed chance of a demand.
    """
    occurs = values > 0.0
    count = occurs.sum(axis=1)
    order = np.argsort(~occurs, axis=1, kind="stable")
    sizes = np.where(np.arange(values.shape[1]) < count[:, None], np.take_along_axis(values, order, axis=1), 0.0)
    croston, sba = _croston(values, start, sizes[:, :1])
    rate = np.stack([croston, sba, _tsb(values, start, sizes[:, :1])], axis=1)
    rate[count == 0] = 0.0
    return Rates(rate=rate, sizes=sizes, count=count)


def _croston(values: Floats, start: Ints, first: Floats) -> tuple[Floats, Floats]:
    alpha = np.array(_SMOOTHING)
    size = np.repeat(first, len(alpha), axis=1)
    opening = (np.argmax(values > 0.0, axis=1) - start + 1.0)[:, None]
    interval = np.repeat(opening, len(alpha), axis=1)
    since = np.zeros((len(values), 1))
    plain, corrected = np.zeros(size.shape), np.zeros(size.shape)
    for live, demand in _columns(values, start):
        ratio = size / interval
        plain += live * (demand - ratio) ** 2
        corrected += live * (demand - (1.0 - alpha / 2.0) * ratio) ** 2
        since += live
        hit = demand > 0.0
        size += np.where(hit, alpha * (demand - size), 0.0)
        interval += np.where(hit, alpha * (since - interval), 0.0)
        since[hit] = 0.0
    ratio = size / interval
    return _best(ratio, plain), _best((1.0 - alpha / 2.0) * ratio, corrected)


def _tsb(values: Floats, start: Ints, first: Floats) -> Floats:
    alpha, beta = np.array(_TSB).T
    size = np.repeat(first, len(alpha), axis=1)
    share = np.nanmean(np.where(np.isnan(values), np.nan, values > 0.0), axis=1)[:, None]
    chance = np.repeat(share, len(alpha), axis=1)
    squares = np.zeros(size.shape)
    for live, demand in _columns(values, start):
        squares += live * (demand - size * chance) ** 2
        hit = demand > 0.0
        size += np.where(hit, alpha * (demand - size), 0.0)
        chance += live * beta * (hit - chance)
    return _best(size * chance, squares)


def _columns(values: Floats, start: Ints) -> Iterator[tuple[Floats, Floats]]:
    """Yield for each column who is live in it (1 or 0), and its demand with zero for those who are not."""
    known = np.nan_to_num(values)
    for column in range(values.shape[1]):
        yield (column >= start)[:, None].astype(np.float64), known[:, column, None]


def _best(rates: Floats, squares: Floats) -> Floats:
    chosen: Floats = np.take_along_axis(rates, np.argmin(squares, axis=1)[:, None], axis=1)[:, 0]
    return chosen


def simulate_rate(fitted: Rates, rate: Floats, own: Draws) -> Floats:
    """Draw paths: a demand occurs or not, and its size is one of the past sizes.

    The chance is the rate over the mean past size, so that the mean of the paths is the rate; where that is above one,
    every period has a demand and the sizes are scaled up instead.

    Args:
        fitted: sizes seen.
        rate: shape (series,); demand a period.
        own: draws of the series.

    Returns:
        Paths, shape (series, horizon, samples).
    """
    mean = fitted.sizes.sum(axis=1) / np.maximum(fitted.count, 1)
    chance = rate / np.where(mean > 0.0, mean, 1.0)
    place = (own.place * fitted.count[:, None, None]).astype(np.int64)
    rows = len(place)
    sizes = np.take_along_axis(fitted.sizes, place.reshape(rows, -1), axis=1).reshape(place.shape)
    return np.where(own.restart < chance[:, None, None], sizes, 0.0) * np.maximum(chance, 1.0)[:, None, None]
