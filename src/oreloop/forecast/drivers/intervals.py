"""Elasticities with intervals that stay honest although the lags were chosen from data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from oreloop.forecast.drivers.lags import FREE, answer, regressors
from oreloop.forecast.drivers.smoothing import filtering
from oreloop.forecast.panel import Floats

LEVEL = 0.9
"""Share of intervals that hold the elasticity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """Elasticities estimated from periods that had no say in which lags they belong to.

    Args:
        elasticity: shape (series, candidates); NaN for candidates that the first part of the history did not choose.
        low: lower end of the interval; the same shape.
        high: upper end.
    """

    elasticity: Floats
    low: Floats
    high: Floats


def tested(logs: Floats, candidates: Floats, *, trained: int) -> Tested:
    """Choose lags and smoothing in the first half of the periods, and estimate elasticities in the second.

    Sample splitting (Cox 1975, Biometrika 62; Wasserman and Roeder 2009, Annals of Statistics 37): an interval made of the
    periods that chose the lag would sit about what made it be chosen. The second half begins with a level of its own.

    Args:
        logs: shape (series, periods).
        candidates: shape (periods, candidates).
        trained: periods whose candidates were all published.
    """
    half = trained // 2
    first = answer(logs[:, :half], candidates[:half], trained=half)
    centre = np.full(first.elasticity.shape, np.nan)
    width = np.full(first.elasticity.shape, np.nan)
    for row in np.flatnonzero(first.elasticity.any(axis=1)):
        chosen = np.flatnonzero(first.elasticity[row])
        centre[row, chosen], width[row, chosen] = _estimated(
            logs[row, half:trained], candidates[half:trained, chosen], float(first.smoothing[row])
        )
    return Tested(elasticity=centre, low=centre - width, high=centre + width)


def _estimated(logs: Floats, candidates: Floats, smoothing: float) -> tuple[Floats, Floats]:
    """Estimate one series' elasticities, and half the width of their intervals.

    The errors are the larger of the classical ones and those of Newey and West, which are too small in short histories
    (Andrews 1991, Econometrica 59); with the t distribution of what is left to learn from.
    """
    from scipy.stats import t

    told = regressors(candidates, smoothing)
    moved = filtering(len(logs), smoothing) @ logs
    inverse = np.linalg.pinv(told.T @ told)
    found = inverse @ (told.T @ moved)
    free = len(logs) - told.shape[1]
    errors = moved - told @ found
    white = np.diagonal(inverse) * (errors @ errors) / free
    robust = np.diagonal(inverse @ newey_west(told * errors[:, None]) @ inverse) * len(logs) / free
    return found[FREE:], t.ppf((1.0 + LEVEL) / 2.0, free) * np.sqrt(np.maximum(white, robust)[FREE:])


def newey_west(scores: Floats) -> Floats:
    """Sum the products of scores and of neighbouring ones, less the further they are apart.

    Newey and West (1987, Econometrica 55), with ``4 (n / 100)^(2/9)`` neighbours (Newey and West 1994).

    Args:
        scores: regressors times errors, shape (periods, regressors).
    """
    count = len(scores)
    reach = int(4.0 * (count / 100.0) ** (2.0 / 9.0))
    total = scores.T @ scores
    for lag in range(1, reach + 1):
        product = scores[lag:].T @ scores[:-lag]
        total += (1.0 - lag / (reach + 1.0)) * (product + product.T)
    return np.asarray(total)
