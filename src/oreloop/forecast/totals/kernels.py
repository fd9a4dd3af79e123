"""Six kernels: each turns the history of a series into quantiles of its total over coming periods."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from oreloop.forecast.panel import Floats, Ints
from oreloop.forecast.totals.count import Count, Split, signs
from oreloop.forecast.totals.hurdle import hurdle_quantiles, read_hurdle, split_hurdle
from oreloop.forecast.totals.rates import Flags, Smoothed

KERNELS = ("combined", "recent", "empirical", "latest", "moved", "count")
"""Names of the kernels.

``combined``: hurdle-gamma about the mean of average, SES, SBA and TSB, its variance moved in proportion; ``recent``: about
the fast SES; ``empirical``: quantiles of all past totals, overlapping (Porras and Dekker 2008, European Journal of
Operational Research 184; the limit of a block bootstrap with blocks of the lead time); ``latest``: of the later half of
them; ``moved``: of all, times the combined rate over the average; ``count``: ``combined``, corrected by what all series
teach (`count.learn_count`).
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Past:
    """What the past totals of a table of series show.

    Args:
        totals: shape (series, totals); rolling totals, NaN where there is none.
        count: shape (series,); how many there are.
        fresh: shape (series,); the series is *new*, with fewer periods than two totals, and ``totals`` has none of it.
        variance: shape (series,); of a total, about its mean.
        empty: shape (series,); chance that a total is zero.
        split: what ``combined`` expects: `hurdle.split_hurdle`.
        signs: shape (series, signs); of `count.signs`.
    """

    totals: Floats
    count: Ints
    fresh: Flags
    variance: Floats
    empty: Floats
    split: Split
    signs: Floats


def look_back(values: Floats, start: Ints, rates: Smoothed, step: int) -> Past:
    """Look at past totals of ``step`` periods.

    The variance of a new series is that of independent periods plus the square of the mean over the number of periods,
    because the mean itself is hardly known.

    Args:
        values: shape (series, periods), NaN before ``start``.
        start: shape (series,).
        rates: of the same series.
        step: periods in the total.
    """
    length = values.shape[1] - start
    fresh = length < 2 * step
    totals = rolling_totals(values, start, step) if values.shape[1] >= step else np.full((len(values), 1), np.nan)
    totals[fresh] = np.nan
    count = np.isfinite(totals).sum(axis=1)
    variance, empty = _moments(values, rates.average, length, fresh, step, totals, count)
    moved = _over(rates.combined, rates.average)
    split = split_hurdle(step * rates.combined, variance * moved, empty**moved)
    told = signs(values, start, rates, variance, empty, split)
    return Past(totals=totals, count=count, fresh=fresh, variance=variance, empty=empty, split=split, signs=told)


def kernel_quantiles(past: Past, rates: Smoothed, step: int, levels: Floats, count: Count | None = None) -> Floats:
    """Give quantiles of the total of the next ``step`` periods by each kernel.

    A *new* series has too few past totals to read quantiles from: for it the empirical kernels repeat ``combined``. A
    series that *never* had a demand gets zeros from all. A *dead* one (`rates.Smoothed.dead`) gets ``combined`` from
    all, which then is the lower of SES and TSB and sinks with every further period without demand.

    Args:
        past: of `look_back`.
        rates: of the same series.
        step: periods in the total.
        levels: shape (levels,), ascending.
        count: what all series teach; without it the kernel of that name, the last, is not made.

    Returns:
        Shape (series, levels, kernels), >= 0.
    """
    moved, recent = _over(rates.combined, rates.average), _over(rates.recent, rates.average)
    made = np.empty((len(moved), len(levels), len(KERNELS) - (count is None)))
    made[:, :, 0] = read_hurdle(*past.split, levels)
    made[:, :, 1] = hurdle_quantiles(step * rates.recent, past.variance * recent, past.empty**recent, levels)
    made[:, :, 2] = _read(past.totals, past.count, levels)
    later = np.maximum(past.count // 2, 2 * step).clip(max=past.count)
    place = np.arange(past.totals.shape[1])
    made[:, :, 3] = _read(np.where(place < (len(place) - later)[:, None], np.nan, past.totals), later, levels)
    made[:, :, 4] = made[:, :, 2] * moved[:, None]
    if count is not None:
        made[:, :, 5] = read_hurdle(*count.corrected(past.signs, past.split), levels)
    made[past.fresh, :, 2:] = made[past.fresh, :, :1]
    made[rates.dead] = made[rates.dead, :, :1]
    return made


def _over(rate: Floats, average: Floats) -> Floats:
    return np.divide(rate, average, out=np.zeros_like(average), where=average > 0.0)


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
