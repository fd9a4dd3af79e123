"""A count model of all series at once: what signs of its recent past do to the total of a series, learned from all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from oreloop.forecast.panel import Floats, Ints
from oreloop.forecast.totals.rates import Smoothed

_WIDTHS = (3, 12)
"""Periods whose mean is a sign: a quarter and a year of months."""
_LEAST = 0.02
"""Least ratio that a logarithm is taken of: less says no more than "hardly any"."""
_SURE = 1.0 - 1e-6
"""Chance beyond which a demand is certain."""
_FAR = 4.0
"""Signs count to this many standard deviations from their mean: beyond, nothing was seen to learn from."""
_CAP = 20.0
"""Totals count to this many times what was expected of them: one order must not teach all series."""
_RIDGE = 3.0
"""Weight of no correction at all, in pairs, for a sign of unit deviation; from 1 to 30 losses differ by half a hundredth."""
_STEPS, _STRIDE = 25, 1.0
"""Steps of the iteration at most, and the longest change of a coefficient in one of them."""

Split = tuple[Floats, Floats, Floats]


def signs(values: Floats, start: Ints, rates: Smoothed, variance: Floats, empty: Floats, split: Split) -> Floats:
    """Describe each series by logarithms of numbers that do not depend on its unit: ratios, odds and times.

    Args:
        values: shape (series, periods), NaN before ``start``.
        start: shape (series,).
        rates: of the same series.
        variance: shape (series,), of past totals.
        empty: shape (series,), share of past totals that are zero.
        split: what is expected without the signs, of `hurdle.split_hurdle`.

    Returns:
        Shape (series, 14): fast and slow smoothing, TSB, ADIDA, IMAPA, the means of the last 3 and 12 periods, and what is
        expected of a total that is not zero, over the average; the average over the deviation of totals; odds of a
        demand in a period; expected odds that a total is not zero; share of past totals that are zero, and that are
        not; silence in mean intervals. Zeros for a series without demand. How old a series is, is no sign: in a
        table that begins on one day it would be the date.
    """
    length = np.maximum(values.shape[1] - start, 1)
    known = rates.average > 0.0
    average = np.where(known, rates.average, 1.0)
    kept, above, _ = split
    late = (np.nansum(values[:, -width:], axis=1) / np.minimum(width, length) for width in _WIDTHS)
    made = [each / average for each in (rates.recent, rates.smooth, rates.tsb, rates.adida, rates.imapa, *late, above)]
    made.append(average / np.sqrt(np.where(variance > 0.0, variance, np.inf)))
    share = (rates.share + _LEAST) / (1.0 + _LEAST - rates.share)
    made += [share, _odds(kept), empty, 1.0 - empty, 1.0 + rates.silent * rates.share]
    return np.where(known[:, None], np.log(np.maximum(np.stack(made, axis=1), _LEAST)), 0.0)


def _odds(chance: Floats) -> Floats:
    return chance / (1.0 - np.minimum(chance, _SURE))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Count:
    """Corrections to a hurdle-gamma total, linear in the signs of a series.

    Args:
        middle: shape (signs,); mean of each sign where it was learned.
        width: shape (signs,); its standard deviation.
        chance: shape (1 + signs,); of the log odds that a total is not zero, per deviation of a sign; first a constant.
        size: alike; of the log of the mean of a total that is not zero.
        spread: alike; of the log of its squared relative deviation.
    """

    middle: Floats
    width: Floats
    chance: Floats
    size: Floats
    spread: Floats

    def corrected(self, told: Floats, split: Split) -> Split:
        """Correct chance, mean and gamma shape of `hurdle.split_hurdle` by the signs, shape (series, signs)."""
        kept, above, shape = split
        given = _given(told, self.middle, self.width)
        odds = _odds(kept) * np.exp(given @ self.chance)
        return odds / (1.0 + odds), above * np.exp(given @ self.size), shape * np.exp(-(given @ self.spread))


def learn_count(told: Floats, split: Split, actual: Floats) -> Count:
    """Learn the corrections from past totals: three generalised linear models with a ridge that pulls to no correction.

    A hurdle (Mullahy 1986, Journal of Econometrics 33): the chance of a demand by logistic regression; the mean of what
    is not zero by a gamma regression with a log link, and the square of what is left of it by another (the dispersion
    model of Smyth 1989, Journal of the Royal Statistical Society B 51). What is expected without the signs is an offset,
    so that series without a common lesson, or no series at all, are left as they are.

    Args:
        told: shape (pairs, signs).
        split: what was expected, each (pairs,).
        actual: shape (pairs,), in the unit of the mean that was expected.

    >>> nothing = np.empty(0)
    >>> learn_count(np.empty((0, 2)), (nothing, nothing, nothing), nothing).size
    array([0., 0., 0.])
    """
    kept, above, shape = split
    pairs, kinds = told.shape
    middle = told.mean(axis=0) if pairs else np.zeros(kinds)
    width = told.std(axis=0) if pairs else np.ones(kinds)
    # a sign that is the same everywhere teaches nothing, and must not blow up where it is another
    width = np.where(width > 1e-9, width, np.inf)
    given = _given(told, middle, width)
    some = actual > 0.0
    chance = _regress(given, np.log(_odds(kept)), some.astype(np.float64), _logistic)
    ratio = np.minimum(actual[some] / above[some], _CAP)
    size = _regress(given[some], np.zeros(len(ratio)), ratio, _gamma)
    left = (ratio / np.exp(given[some] @ size) - 1.0) ** 2
    spread = _regress(given[some], -np.log(shape[some]), left, _square)
    return Count(middle=middle, width=width, chance=chance, size=size, spread=spread)


def _given(told: Floats, middle: Floats, width: Floats) -> Floats:
    away = np.clip((told - middle) / width, -_FAR, _FAR)
    return np.concatenate([np.ones((len(told), 1)), away], axis=1)


def _logistic(eta: Floats, actual: Floats) -> tuple[Floats, Floats]:
    mean = 1.0 / (1.0 + np.exp(-eta))
    return mean * (1.0 - mean), actual - mean


def _gamma(eta: Floats, actual: Floats) -> tuple[Floats, Floats]:
    return np.ones_like(eta), actual * np.exp(-eta) - 1.0


def _square(eta: Floats, actual: Floats) -> tuple[Floats, Floats]:
    # the square of a normal deviation is a gamma with half the information
    return np.full_like(eta, 0.5), 0.5 * (actual * np.exp(-eta) - 1.0)


def _regress(
    given: Floats, offset: Floats, actual: Floats, family: Callable[[Floats, Floats], tuple[Floats, Floats]]
) -> Floats:
    """Fisher scoring (Nelder and Wedderburn 1972, Journal of the Royal Statistical Society A 135) with a ridge."""
    found, ridge = np.zeros(given.shape[1]), _RIDGE * np.eye(given.shape[1])
    for _ in range(_STEPS):
        weight, slope = family(np.clip(offset + given @ found, -12.0, 12.0), actual)
        bowl = (given * weight[:, None]).T @ given + ridge
        stride = np.linalg.solve(bowl, given.T @ slope - _RIDGE * found)
        longest = float(np.abs(stride).max())
        found = found + stride * min(1.0, _STRIDE / max(longest, 1e-12))
        if longest < 1e-6:
            break
    return found
