"""A distribution for a lead-time total: nothing with some chance, else a gamma quantity; free of the unit of mass."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from oreloop.forecast.panel import Floats

Singles = NDArray[np.float32]
_LEAST_SPREAD = 0.3
"""Least relative deviation of a total that is not zero: keeps a series of equal sizes from being thought certain."""
_SHAPES = np.linspace(np.log(0.02), np.log(1.0 / _LEAST_SPREAD**2), 64)
_ODDS = np.linspace(-7.0, 7.0, 141)


def hurdle_quantiles(mean: Floats, variance: Floats, empty: Floats, levels: Floats) -> Floats:
    """Give quantiles of a total that is zero with a chance, and otherwise gamma, with a given mean and variance.

    It takes the place of the negative binomial, which counts pieces and so changes its mind when kilograms become grams.

    Args:
        mean: shape (series,), of the total, zeros included.
        variance: shape (series,), of the total, zeros included.
        empty: shape (series,), chance that the total is zero.
        levels: shape (levels,).

    Returns:
        Shape (series, levels); from a table of gamma quantiles, good to one per cent.

    >>> hurdle_quantiles(np.array([2.0]), np.array([4.0]), np.array([0.5]), np.array([0.4, 0.5, 0.9])).round(1)
    array([[0., 0., 5.]])
    """
    return read_hurdle(*split_hurdle(mean, variance, empty), levels)


def split_hurdle(mean: Floats, variance: Floats, empty: Floats) -> tuple[Floats, Floats, Floats]:
    """Split a total into the chance that it is not zero, its mean if so, and the shape of the gamma, each (series,)."""
    kept = 1.0 - np.clip(empty, 0.0, 0.999)
    above = np.maximum(mean, 0.0) / kept
    spread = np.maximum((variance + mean**2) / kept - above**2, (_LEAST_SPREAD * above) ** 2)
    return kept, above, np.divide(above**2, spread, out=np.ones_like(above), where=spread > 0.0)


def read_hurdle(kept: Floats, above: Floats, shape: Floats, levels: Floats) -> Floats:
    """Give quantiles, shape (series, levels), of what `split_hurdle` gave."""
    # the odds of the level among the totals that are not zero; single precision is far finer than the table
    odds = (kept[:, None] / (1.0 - levels) - 1.0).astype(np.float32)
    read = _gamma(shape, np.log(np.maximum(odds, np.float32(1e-6)))) * above[:, None]
    return np.where(odds > 0.0, read, 0.0)


@cache
def _table() -> Singles:
    from scipy.special import gammaincinv

    shape = np.exp(_SHAPES)[:, None]
    return np.asarray(gammaincinv(shape, 1.0 / (1.0 + np.exp(-_ODDS))) / shape, dtype=np.float32)


def _gamma(shape: Floats, odds: Singles) -> Singles:
    """Read the table of gamma quantiles of mean one, bilinear in log shape and log odds of the level."""
    table = _table()
    across = np.clip((np.log(shape) - _SHAPES[0]) / (_SHAPES[1] - _SHAPES[0]), 0.0, len(_SHAPES) - 1.001)
    pace = np.float32(_ODDS[1] - _ODDS[0])
    along = np.clip((odds - np.float32(_ODDS[0])) / pace, np.float32(0.0), np.float32(len(_ODDS) - 1.001))
    row, column = across.astype(np.int32), along.astype(np.int32)
    right = along - column.astype(np.float32)
    down = (across - row).astype(np.float32)[:, None]
    flat = table.ravel()
    first = row[:, None] * np.int32(len(_ODDS)) + column
    upper = flat[first] * (1.0 - right) + flat[first + 1] * right
    first += len(_ODDS)
    lower = flat[first] * (1.0 - right) + flat[first + 1] * right
    read: Singles = upper * (1.0 - down) + lower * down
    return read
