"""Whole numbers split by weights, many at once: the array form of `oreloop.base.quantity.split`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.signedinteger[Any]]
Floats = NDArray[np.float64]

_UNIT = 2.0**44
"""Coarse enough that equal shares are equal in spite of rounding, on every machine; fine enough for 10,000 t in mg."""


def summed(values: Any, at: Any, size: int) -> Floats:
    """Add values up by the place they belong to.

    Args:
        values: shape ``(entries,)``.
        at: place of each, shape ``(entries,)``.
        size: number of places.

    >>> summed([1.5, 2.0, 0.5], [2, 0, 2], 3).tolist()
    [2.0, 0.0, 2.0]
    """
    total: Any = np.bincount(at, values, size)
    sums: Floats = total
    return sums


def weights_of(shares: Floats) -> Ints:
    """Give shares (0 to 1) as whole weights, in units of 2^-44.

    >>> weights_of(np.array([0.5, 0.25])).tolist() == [2**43, 2**42]
    True
    """
    weights: Ints = np.rint(shares * _UNIT).astype(np.int64)
    return weights


def apportion(totals: Ints, weights: Ints, counts: Ints) -> Ints:
    """Split each total in proportion to its weights so that the parts add up exactly (largest remainder, Hamilton).

    Ties go to the earlier part, as in `oreloop.base.quantity.split`, whose result this is, part by part. Quotients are
    estimated in floating point and corrected by their remainders, which are exact: they are small, so that 64-bit
    arithmetic, which wraps around, gives them whole.

    Args:
        totals: shape ``(groups,)``, each from 0 to 2^53.
        weights: shape ``(parts,)``, those of a group together; none negative; each group's sum is from 1 to 2^53.
        counts: parts of each group, shape ``(groups,)``, each at least 1.

    Returns:
        The parts, shape ``(parts,)``.

    >>> apportion(np.array([100, 7]), np.array([1, 1, 1, 1]), np.array([3, 1])).tolist()
    [34, 33, 33, 7]
    """
    if not totals.size:
        return np.zeros(0, np.int64)
    firsts = np.cumsum(counts) - counts
    whole, total = np.repeat(np.add.reduceat(weights, firsts), counts), np.repeat(totals, counts)
    parts: Ints = (total * (weights / whole)).astype(np.int64)
    remainders = total * weights - parts * whole
    carry = remainders // whole
    parts += carry
    remainders -= carry * whole
    short = totals - np.add.reduceat(parts, firsts)
    # Groups of one size form a table, so that remainders are ranked along its rows.
    for size in np.unique(counts[short > 0]):
        group = np.flatnonzero((counts == size) & (short > 0))
        cells = firsts[group][:, None] + np.arange(size)
        by_remainder = np.argsort(-remainders[cells], axis=1, kind="stable")
        given = np.arange(size) < short[group][:, None]
        parts[np.take_along_axis(cells, by_remainder, axis=1)[given]] += 1
    return parts
