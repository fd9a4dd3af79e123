"""Seven kernels: each turns the history of a series into quantiles of its total over coming periods."""

from __future__ import annotations

import numpy as np

from oreloop.forecast.panel import Floats, Ints
from oreloop.forecast.totals.hurdle import hurdle_quantiles
from oreloop.forecast.totals.rates import Flags, Smoothed

KERNELS = ("combined", "steady", "average", "recent", "empirical", "latest", "moved")
"""Names of the kernels.

``combined``: hurdle-gamma about the mean of average, SES, SBA and TSB, its variance moved in proportion; ``steady``: the
same with the variance of the past; ``average`` and ``recent``: about the plain mean and about the fast SES;
``empirical``: quantiles of all past totals, overlapping (Porras and Dekker 2008, European Journal of Operational
Research 184; the limit of a block bootstrap with blocks of the lead time); ``latest``: of the later half of them;
``moved``: of all, times the combined rate over the average.
"""


def rolling_totals(values: Floats, start: Ints, step: int) -> Floats:
    """Sum each run of ``step`` known periods: shape (series, periods - step + 1), NaN where a run begins before ``start``."""
    sums = np.zeros((len(values), values.shape[1] + 1))
    np.cumsum(np.nan_to_num(values), axis=1, out=sums[:, 1:])
    totals = sums[:, step:] - sums[:, :-step]
    # sums of decimals that cancel leave dust, which must not pass for demand
    totals[totals < 1e-12 * sums[:, -1:]] = 0.0
    totals[np.arange(totals.shape[1]) < start[:, None]] = np.nan
    return totals


def total_scale(values: Floats, start: Ints, step: int) -> Floats:
    """Mean absolute difference of rolling totals one step apart, shape (series,): what losses are divided by; NaN for none."""
    totals = rolling_totals(values, start, step)
    apart = np.abs(totals[:, step:] - totals[:, :-step])
    count = np.isfinite(apart).sum(axis=1)
    scale: Floats = np.divide(np.nansum(apart, axis=1), count, out=np.full(len(values), np.nan), where=count > 0)
    return scale


def kernel_quantiles(values: Floats, start: Ints, rates: Smoothed, step: int, levels: Floats) -> Floats:
    """Give quantiles of the total of the next ``step`` periods by each kernel.

    A *new* series, with fewer than ``2 * step`` periods, has too few past totals to read quantiles from: for it the three
    empirical kernels repeat ``combined``, whose variance is then that of independent periods plus the square of the mean
    over the number of periods, because the mean itself is hardly known. A series that *never* had a demand gets zeros
    from all. A *dead* one (`rates.Smoothed.dead`) gets
    ``combined`` from all, which then is the lower of SES and TSB and sinks with every further period without demand.

    Args:
        values: shape (series, periods), NaN before ``start``.
        start: shape (series,).
        rates: of the same series.
        step: periods in the total.
        levels: shape (levels,), ascending.

    Returns:
        Shape (series, levels, kernels), >= 0.
    """
    length = values.shape[1] - start
    fresh = length < 2 * step
    combined, usual = step * rates.combined, step * rates.average
    moved = np.divide(combined, usual, out=np.zeros_like(usual), where=usual > 0.0)
    recent = np.divide(rates.recent, rates.average, out=np.zeros_like(usual), where=usual > 0.0)
    totals = rolling_totals(values, start, step) if values.shape[1] >= step else np.full((len(values), 1), np.nan)
    totals[fresh] = np.nan
    count = np.isfinite(totals).sum(axis=1)
    variance, empty = _moments(values, rates.average, length, fresh, step, totals, count)
    made = np.empty((len(values), len(levels), len(KERNELS)))
    made[:, :, 0] = hurdle_quantiles(combined, variance * moved, empty**moved, levels)
    made[:, :, 1] = hurdle_quantiles(combined, variance, empty**moved, levels)
    made[:, :, 2] = hurdle_quantiles(usual, variance, empty, levels)
    made[:, :, 3] = hurdle_quantiles(step * rates.recent, variance * recent, empty**recent, levels)
    made[:, :, 4] = _read(totals, count, levels)
    later = np.maximum(count // 2, 2 * step).clip(max=count)
    totals[np.arange(totals.shape[1]) < (totals.shape[1] - later)[:, None]] = np.nan
    made[:, :, 5] = _read(totals, later, levels)
    made[:, :, 6] = made[:, :, 4] * moved[:, None]
    made[fresh, :, 4:] = made[fresh, :, :1]
    made[rates.dead] = made[rates.dead, :, :1]
    return made


def _moments(
    values: Floats, average: Floats, length: Ints, fresh: Flags, step: int, totals: Floats, count: Ints
) -> tuple[Floats, Floats]:
    """Variance of the total about its mean, and the chance that it is zero: never none, as if one more total were split."""
    some = np.maximum(count, 1)
    filled = np.nan_to_num(totals)
    middle = filled.sum(axis=1) / some
    away = np.where(np.isnan(totals), 0.0, totals - middle[:, None])
    variance = np.einsum("st,st->s", away, away) / some
    empty = (totals == 0.0).sum(axis=1) / some
    if fresh.any():
        own, known = np.maximum(length[fresh], 1), values[fresh]
        spread = np.nansum((known - average[fresh, None]) ** 2, axis=1) / own
        variance[fresh] = step * spread + (step * average[fresh]) ** 2 / own
        empty[fresh] = ((known == 0.0).sum(axis=1) / own) ** step
    return variance, np.clip(empty, 1e-6, 0.999)


def _read(totals: Floats, count: Ints, levels: Floats) -> Floats:
    """Read quantiles of rows with ``count`` known totals each, on straight lines between them (Hyndman and Fan's type 7)."""
    ordered = np.sort(totals, axis=1)
    place = levels * np.maximum(count - 1, 0)[:, None]
    lower = place.astype(np.int64)
    upper = np.minimum(lower + 1, np.maximum(count - 1, 0)[:, None])
    left = np.take_along_axis(ordered, lower, axis=1)
    right = np.take_along_axis(ordered, upper, axis=1)
    read: Floats = left + (place - lower) * (right - left)
    return read
