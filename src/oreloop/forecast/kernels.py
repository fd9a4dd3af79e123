"""The kernels by name: how each starts, what it may choose, and the paths it draws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from oreloop.forecast.draws import Draws, block_places
from oreloop.forecast.innovations import Fit, Grid, State, fit, simulate
from oreloop.forecast.intermittent import RATES, fit_rates, simulate_rate
from oreloop.forecast.panel import Flags, Floats, Ints

_ALPHAS = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)

_TEN_PERCENT = 1.645
"""Two-sided 10 % point of the normal distribution."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """A setting of the innovations recursion.

    Args:
        name: stable name; its label is ``forecast.model.<name>``.
        grid: candidate (alpha, beta, gamma, phi).
        opening: gives level, trend and seasonal slots before the first column.
        adjusted: runs on the series divided by its seasonal indices.
        seasonal: needs two seasons of history when the season is longer than one period.
    """

    name: str
    grid: Grid
    opening: Callable[[Floats, Ints, int], State]
    adjusted: bool
    seasonal: bool = False


def _head(values: Floats, start: Ints, count: int) -> Floats:
    """Take the first periods of each series, shape (series, count); NaN where a series is shorter."""
    places = start[:, None] + np.arange(count)
    taken = np.take_along_axis(values, np.minimum(places, values.shape[1] - 1), axis=1)
    return np.where(places < values.shape[1], taken, np.nan)


def _state(level: Floats, trend: Floats, season: Floats | None = None) -> State:
    slots = np.zeros((len(level), 1)) if season is None else season
    return State(level=level[:, None], trend=trend[:, None], season=slots[:, None, :])


def _by_slot(head: Floats, start: Ints) -> Floats:
    """Turn the first season of each series so that slot = column modulo season."""
    season = head.shape[1]
    return np.take_along_axis(head, (np.arange(season) - start[:, None]) % season, axis=1)


def _repeat(values: Floats, start: Ints, season: int) -> State:
    """Seasonal naive: the slots hold the last season."""
    nothing = np.zeros(len(values))
    return _state(nothing, nothing, _by_slot(_head(values, start, season), start))


def _drift(values: Floats, start: Ints, season: int) -> State:
    """Random walk: the mean change, which is last less first over their distance."""
    first = _head(values, start, 1)[:, 0]
    drift = (values[:, -1] - first) / (values.shape[1] - 1 - start)
    return _state(first - drift, drift)


def _line(values: Floats, start: Ints) -> tuple[Floats, Floats]:
    """Fit a least squares line to each series: value one period before its first column, slope a period."""
    time = np.where(np.isnan(values), np.nan, np.arange(values.shape[1]) - start[:, None] + 1.0)
    middle = np.nanmean(time, axis=1)
    away = time - middle[:, None]
    slope = np.nansum(away * values, axis=1) / np.nansum(away * away, axis=1)
    return np.nanmean(values, axis=1) - slope * middle, slope


def _mean_level(values: Floats, start: Ints, season: int) -> State:
    """Simple smoothing: the mean of the first periods, a season of them but at least four."""
    level = np.nanmean(_head(values, start, max(4, min(season, 12))), axis=1)
    return _state(level, np.zeros(len(values)))


def _early_line(values: Floats, start: Ints, season: int) -> State:
    """Damped trend: the line through the first periods."""
    head = _head(values, start, max(4, min(season, 12)))
    level, slope = _line(head, np.zeros(len(values), dtype=np.int64))
    return _state(level, slope)


def _half_slope(values: Floats, start: Ints, season: int) -> State:
    """Theta: simple smoothing with half the slope of the whole series as drift (Hyndman and Billah 2003)."""
    _, slope = _line(values, start)
    return _state(_mean_level(values, start, season).level[:, 0], slope / 2.0)


def _two_seasons(values: Floats, start: Ints, season: int) -> State:
    """Holt-Winters: level and trend from the means of the first two seasons, slots from their common shape."""
    if season == 1:
        return _early_line(values, start, season)
    head = _head(values, start, 2 * season)
    first, second = head[:, :season].mean(axis=1), head[:, season:].mean(axis=1)
    trend = (second - first) / season
    time = np.arange(1.0, season + 1.0)
    level = first - trend * (season + 1.0) / 2.0
    line = level[:, None] + trend[:, None] * time
    shape = (head[:, :season] - line + head[:, season:] - line - trend[:, None] * season) / 2.0
    return _state(level, trend, _by_slot(shape, start))


_DAMPED: Grid = tuple((a, a * b, 0.0, p) for p in (0.8, 0.9, 0.98) for b in (0.0, 0.1, 0.3) for a in _ALPHAS[1::2])
_SEASONAL: Grid = tuple(
    (a, a * b, (1.0 - a) * g, p)
    for p in (0.9, 0.98)
    for b in (0.0, 0.1)
    for g in (0.0, 0.1, 0.3)
    for a in _ALPHAS[1::2]
)

KERNELS: tuple[Kernel, ...] = (
    Kernel(name="seasonal_naive", grid=((0.0, 0.0, 1.0, 1.0),), opening=_repeat, adjusted=False, seasonal=True),
    Kernel(name="drift", grid=((1.0, 0.0, 0.0, 1.0),), opening=_drift, adjusted=True),
    Kernel(name="ses", grid=tuple((a, 0.0, 0.0, 1.0) for a in _ALPHAS), opening=_mean_level, adjusted=True),
    Kernel(name="damped_trend", grid=_DAMPED, opening=_early_line, adjusted=True),
    Kernel(name="seasonal_ets", grid=_SEASONAL, opening=_two_seasons, adjusted=False, seasonal=True),
    Kernel(name="theta", grid=tuple((a, 0.0, 0.0, 1.0) for a in _ALPHAS), opening=_half_slope, adjusted=True),
)
"""Smooth kernels: seasonal naive, random walk with drift and simple smoothing (Hyndman and Athanasopoulos, 3rd ed.,
sections 5.2 and 8.1), damped trend (Gardner and McKenzie 1985), damped additive Holt-Winters (section 8.3), theta
(Assimakopoulos and Nikolopoulos 2000, International Journal of Forecasting 16)."""

SMOOTH = tuple(kernel.name for kernel in KERNELS)
MODELS = SMOOTH + RATES
"""Names of all kernels, in the order of the columns of weights and scores."""


def seasonal_indices(values: Floats, start: Ints, season: int) -> Floats:
    """Estimate multiplicative seasonal indices; ones for series without a season that shows.

    Ratio to a centred moving average, averaged by slot (Hyndman and Athanasopoulos, "Forecasting: Principles and
    Practice", 3rd ed., section 3.4). As in Assimakopoulos and Nikolopoulos (2000), a series counts as seasonal when
    its autocorrelation at the season is significant at 10 %; here it must also be positive throughout and cover two
    seasons.

    Args:
        values: shape (series, periods), NaN before ``start``.
        start: shape (series,).
        season: periods in a season.

    Returns:
        Shape (series, season), slot = column modulo season, mean 1.
    """
    indices = np.ones((len(values), season))
    if season == 1:
        return indices
    periods = values.shape[1]
    able = (periods - start >= 2 * season) & (np.nanmin(values, axis=1) > 0.0)
    rows = np.flatnonzero(able)
    rows = rows[_shows(values[rows], start[rows], season)] if len(rows) else rows
    if not len(rows):
        return indices
    ratios = values[rows] / _centred_mean(values[rows], season)
    by_slot = np.stack([np.nanmean(ratios[:, slot::season], axis=1) for slot in range(season)], axis=1)
    indices[rows] = by_slot / by_slot.mean(axis=1, keepdims=True)
    return indices


def _shows(values: Floats, start: Ints, season: int) -> Flags:
    """Tell where the autocorrelation at the season is above its 10 % limit (Bartlett's formula)."""
    count = (values.shape[1] - start).astype(np.float64)
    centred = np.nan_to_num(values - np.nanmean(values, axis=1, keepdims=True))
    power = (centred * centred).sum(axis=1)
    power[power == 0.0] = 1.0
    lags = [(centred[:, lag:] * centred[:, :-lag]).sum(axis=1) / power for lag in range(1, season + 1)]
    limit = _TEN_PERCENT * np.sqrt((1.0 + 2.0 * sum(lag * lag for lag in lags[:-1])) / count)
    shows: Flags = lags[-1] > limit
    return shows


def _centred_mean(values: Floats, season: int) -> Floats:
    """Average over one season around each column; NaN where the season is not complete."""
    half = season // 2
    width = 2 * half + 1
    weights = np.full(width, 1.0 / season)
    if season % 2 == 0:
        weights[[0, -1]] /= 2.0
    means = np.full(values.shape, np.nan)
    inner = values.shape[1] - width + 1
    means[:, half : half + inner] = sum(weights[lag] * values[:, lag : lag + inner] for lag in range(width))
    return means


def smooth_paths(values: Floats, start: Ints, season: int, own: Draws) -> tuple[Floats, Floats, Flags]:
    """Draw paths from every smooth kernel with the same past periods' errors, so that averages of them are paths too.

    Args:
        values: shape (series, periods), NaN before ``start``.
        start: shape (series,).
        season: periods in a season.
        own: draws of the series.

    Returns:
        Point forecasts, shape (kernels, series, horizon); paths, shape (kernels, series, horizon, samples); and which
        kernels apply, shape (series, kernels): seasonal ones need two seasons of history, and are zero without.
    """
    indices = seasonal_indices(values, start, season)
    end = values.shape[1]
    adjusted = values / indices[:, np.arange(end) % season]
    length = end - start
    # a seasonal naive repeats its first season without error, so those errors say nothing
    first = start + np.minimum(season, length // 2)
    places = block_places(own, first, end)
    rows, steps, samples = places.shape
    future = indices[:, (end + np.arange(steps)) % season]
    able = np.ones((rows, len(KERNELS)), dtype=np.bool_)
    points = np.zeros((len(KERNELS), rows, steps))
    paths = np.zeros((len(KERNELS), rows, steps, samples))
    for number, kernel in enumerate(KERNELS):
        if kernel.seasonal and season > 1:
            able[:, number] = length >= 2 * season
        chosen = np.flatnonzero(able[:, number])
        if not len(chosen):
            continue
        base = (adjusted if kernel.adjusted else values)[chosen]
        fitted = fit(base, start[chosen], kernel.grid, kernel.opening(base, start[chosen], season))
        point = simulate(fitted, np.zeros((len(chosen), steps, 1)))[:, :, 0]
        drawn = simulate(fitted, _shocks(fitted, places[chosen], first[chosen]))
        if kernel.adjusted:
            point *= future[chosen]
            drawn *= future[chosen][:, :, None]
        points[number, chosen] = point
        paths[number, chosen] = drawn
    return points, paths, able


def _shocks(fitted: Fit, places: Ints, first: Ints) -> Floats:
    """Look up the errors at the chosen columns, less their mean: what is left of a lean is in the point forecast."""
    told = np.arange(fitted.errors.shape[1]) >= first[:, None]
    mean = np.where(told, fitted.errors, 0.0).sum(axis=1) / told.sum(axis=1)
    flat = np.take_along_axis(fitted.errors, places.reshape(len(places), -1), axis=1)
    return np.asarray(flat - mean[:, None]).reshape(places.shape)


def rate_paths(values: Floats, start: Ints, weights: Floats | None, own: Draws) -> tuple[Floats, Floats, Flags]:
    """Draw paths of lumpy demand: from each rate kernel, or from the weighted mean of their rates.

    Args:
        values: shape (series, periods), NaN before ``start``.
        start: shape (series,).
        weights: shape (series, rate kernels), or None for each kernel by itself.
        own: draws of the series.

    Returns:
        As `smooth_paths`, with one kernel (the mean) when weights are given.
    """
    fitted = fit_rates(values, start)
    rates = fitted.rate if weights is None else (fitted.rate * weights).sum(axis=1, keepdims=True)
    steps = own.place.shape[1]
    points = np.stack([np.repeat(rate[:, None], steps, axis=1) for rate in rates.T])
    return (
        points,
        np.stack([simulate_rate(fitted, rate, own) for rate in rates.T]),
        np.ones(rates.shape, dtype=np.bool_),
    )
