"""What a table of series teaches about one lead time at its past origins: a count model, weights of kernels, levels that held."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from oreloop.forecast.draws import generator
from oreloop.forecast.intermittent import CLASSES, demand_classes
from oreloop.forecast.panel import Floats, Ints
from oreloop.forecast.totals.calibration import hold, levels_of
from oreloop.forecast.totals.count import Count, learn_count
from oreloop.forecast.totals.hurdle import read_hurdle
from oreloop.forecast.totals.kernels import KERNELS, Past, kernel_quantiles, look_back, total_scale
from oreloop.forecast.totals.rates import Flags, Smoothed, smooth_rates
from oreloop.forecast.totals.stacking import stack

GRID = np.array([
    0.005, 0.0125, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975, 0.9875, 0.995,
])  # fmt: skip
"""Levels at which a distribution is known; straight lines between them."""
_ORIGINS = 12
"""Past origins at most, one lead time apart."""
_FINE, _EXACT = 1e6, 2.0**53
"""Sizes of pieces are looked for in millionths, as far as these are exact numbers."""
_PAIRS = 20_000
"""Series times origins that are learned from at most: 200 times the pull to equal weights."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Learned:
    """What was learned about the total of ``step`` periods.

    Args:
        step: periods in the total.
        count: corrections by the signs of a series.
        weights: shape (levels of `GRID`, kernels).
        held: shape (classes, levels of `GRID`); the level to read where one of `GRID` is wanted.
    """

    step: int
    count: Count
    weights: Floats
    held: Floats

    def grid(self, values: Floats, start: Ints, rates: Smoothed) -> Floats:
        """Give the quantiles of the coming total at the levels of `GRID`, shape (series, levels), not rounded to pieces."""
        past = look_back(values, start, rates, self.step)
        made = _mixed(kernel_quantiles(past, rates, self.step, GRID, self.count), self.weights)
        return read_levels(made, self.held[demand_classes(values, start)])


def _mixed(quantiles: Floats, weights: Floats) -> Floats:
    return np.maximum.accumulate(np.einsum("slk,lk->sl", quantiles, weights), axis=1)


def read_levels(grid: Floats, levels: Floats) -> Floats:
    """Read quantiles of each series between the levels of `GRID`, the outermost beyond its ends.

    Args:
        grid: shape (series, levels of `GRID`).
        levels: shape (levels,), or (series, levels).
    """
    upper = np.clip(np.searchsorted(GRID, levels, side="right"), 1, len(GRID) - 1)
    share = np.clip((levels - GRID[upper - 1]) / (GRID[upper] - GRID[upper - 1]), 0.0, 1.0)
    if levels.ndim == 1:
        left, right = grid[:, upper - 1], grid[:, upper]
    else:
        left, right = (np.take_along_axis(grid, at, axis=1) for at in (upper - 1, upper))
    read: Floats = left + share * (right - left)
    return read


def learn(values: Floats, start: Ints, step: int, seed: int) -> tuple[Learned, Floats]:
    """Learn from past origins, one ``step`` apart, at each of which only what came before is known to the kernels.

    A series takes part from the origin on where it has ``2 * step + 3`` periods and two demands. Of a long table a
    part is drawn by the content of its series, whatever the order of rows. Its class is what it was at the origin: a
    series that is erratic for an outlier yet to come would else be judged by what it could not know.

    Args:
        values: shape (series, periods), NaN before ``start``.
        start: shape (series,).
        step: periods in the total.
        seed: of the drawing.

    Returns:
        What was learned, and the mean scaled pinball loss of each kernel, doubled, over the levels of `GRID`, shape
        (series, kernels), NaN for series that took no part.
    """
    seen = [*at_origins(values, start, step, seed)]
    rows, classes, scale, given, actual = paired(seen, step)
    count, counted, dead = _counted(
        seen, scale, look_back(values[:0], start[:0], smooth_rates(values[:0], start[:0]), step)
    )
    counted[dead] = given[dead, :, 0]
    given = np.concatenate([given, counted[:, :, None]], axis=2)
    weights = stack(given, actual, GRID)
    mixed = _mixed(given, weights)
    piece = 0.5 * pieces(values)[rows] / scale
    last = levels_of(mixed, GRID, actual + piece)
    first = np.where(actual > 0.0, levels_of(mixed, GRID, np.nextafter(actual - piece, -1.0)), 0.0)
    held = np.array([
        hold(first[classes == group], last[classes == group], GRID) for group in range(len(CLASSES))
    ])  # fmt: skip
    away = actual[:, None, None] - given
    losses = 2.0 * np.maximum(GRID[:, None] * away, (GRID[:, None] - 1.0) * away).mean(axis=1)
    return Learned(step=step, count=count, weights=weights, held=held), _means(rows, losses, len(values))


def pieces(values: Floats) -> Floats:
    """Say in what pieces each series is demanded: the largest size of which every demand is a multiple, shape (series,).

    Sizes are looked for down to a millionth of a unit, a milligram where the unit is a kilogram; 0 where there is none.

    >>> pieces(np.array([[0.0, 3.0, 5.0], [2.5, 5.0, 0.0], [0.1, 0.3, 0.123456789]])).tolist()
    [1.0, 2.5, 0.0]
    """
    known = np.nan_to_num(values)
    least = np.where(known > 0.0, known, np.inf).min(axis=1)
    size = np.where(np.isfinite(least) & (least * _FINE >= 1.0), least, 0.0)
    # most series of parts are demanded one at a time, and need no common divisor
    rest = np.flatnonzero(~_multiples(known, size))
    if len(rest):
        small = known[rest] * _FINE
        fine = (np.abs(small - np.rint(small)) <= 1e-6 * np.maximum(small, 1.0)) & (small <= _EXACT)
        exact = np.asarray(fine.all(axis=1))
        divisor = np.gcd.reduce(np.rint(np.where(exact[:, None], small, 0.0)).astype(np.int64), axis=1)
        size[rest] = divisor / _FINE
    return size


def _multiples(known: Floats, size: Floats) -> Flags:
    ratio = known / np.where(size > 0.0, size, 1.0)[:, None]
    return np.asarray((np.abs(ratio - np.rint(ratio)) <= 1e-9 * np.maximum(ratio, 1.0)).all(axis=1))


def paired(seen: list[Origin], step: int) -> tuple[Ints, Ints, Floats, Floats, Floats]:
    """Rows, classes, scales, scaled quantiles and scaled actual totals of all pairs of a series and an origin.

    The quantiles are those of the kernels that learn nothing from other series: all but ``count``.
    """
    parts = [
        (one.rows, one.classes, one.scale, kernel_quantiles(one.past, one.rates, step, GRID) / one.scale[:, None, None],
         one.actual / one.scale)
        for one in seen
    ]  # fmt: skip
    if not parts:
        none = np.empty(0, np.int64)
        return none, none, np.empty(0), np.empty((0, len(GRID), len(KERNELS) - 1)), np.empty(0)
    rows, classes, scale, given, actual = (np.concatenate(part) for part in zip(*parts, strict=True))
    return rows, classes, scale, given, actual


def _counted(seen: list[Origin], scale: Floats, nobody: Past) -> tuple[Count, Floats, Flags]:
    """Learn the count model at the same pairs, and give its scaled quantiles there, shape (pairs, levels), and which are dead."""
    if not seen:
        return learn_count(nobody.signs, nobody.split, np.empty(0)), np.empty((0, len(GRID))), np.empty(0, np.bool_)
    told, actual = (np.concatenate(part) for part in zip(*((one.past.signs, one.actual) for one in seen), strict=True))
    kept, above, shape = (np.concatenate(part) for part in zip(*(one.past.split for one in seen), strict=True))
    count = learn_count(told, (kept, above, shape), actual)
    counted = read_hurdle(*count.corrected(told, (kept, above, shape)), GRID) / scale[:, None]
    return count, counted, np.concatenate([one.rates.dead for one in seen])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Origin:
    """The series that take part at one origin: what is known of them there, and the total that came."""

    rows: Ints
    classes: Ints
    scale: Floats
    rates: Smoothed
    past: Past
    actual: Floats


def at_origins(values: Floats, start: Ints, step: int, seed: int) -> Iterator[Origin]:
    """Look at a table from its past origins, the latest first."""
    chosen = _chosen(values, start, step, seed)
    for origin in _origins(values.shape[1], step):
        known = values[chosen, :origin]
        scale = total_scale(known, start[chosen], step)
        ready = ((known > 0.0).sum(axis=1) >= 2) & (origin - start[chosen] >= 2 * step + 3) & (scale > 0.0)
        rows, known = chosen[ready], known[ready]
        rates = smooth_rates(known, start[rows])
        yield Origin(
            rows=rows, classes=demand_classes(known, start[rows]), scale=scale[ready], rates=rates,
            past=look_back(known, start[rows], rates, step), actual=values[rows, origin : origin + step].sum(axis=1),
        )  # fmt: skip


def _origins(periods: int, step: int) -> Iterator[int]:
    least = max(2 * step + 3, periods // 3)
    return (origin for origin in range(periods - step, max(periods - (_ORIGINS + 1) * step, least - 1), -step))


def _chosen(values: Floats, start: Ints, step: int, seed: int) -> Ints:
    """Choose the series that are learned from: all, or those of the lowest fingerprints."""
    able = np.flatnonzero((values.shape[1] - start >= 3 * step + 3) & ((values > 0.0).sum(axis=1) >= 2))
    most = _PAIRS // max(len(list(_origins(values.shape[1], step))), 1)
    if len(able) <= most:
        return able
    marks = generator(seed, "totals").random(values.shape[1])
    fingerprints = (np.nan_to_num(values) @ marks)[able] % 1.0
    return np.sort(able[np.argsort(fingerprints, kind="stable")[:most]])


def _means(rows: Ints, losses: Floats, series: int) -> Floats:
    count = np.bincount(rows, minlength=series).astype(np.float64)
    count[count == 0.0] = np.nan
    return np.stack([np.bincount(rows, weights=loss, minlength=series) / count for loss in losses.T], axis=1)
