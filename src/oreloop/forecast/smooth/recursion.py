"""One recursion for level and damped trend, walked for many smoothing constants at once and averaged over them.

    forecast  f  = l + phi b
    error     e  = y - f
    level     l' = l + phi b + alpha e
    trend     b' = phi b + beta e

the additive innovations model of Hyndman, Koehler, Ord and Snyder (2008), "Forecasting with Exponential Smoothing",
section 2.5; simple smoothing, Holt, damped trend and theta are settings of it. Instead of the best candidate, all count by
their Akaike weights (Kolassa 2011, International Journal of Forecasting 27): what the series cannot tell apart is averaged.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from oreloop.forecast.panel import Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Candidates.

    Args:
        alpha: shape (candidates,).
        beta: the same.
        phi: the same; 0 is no trend, 1 a trend that is not damped.
    """

    alpha: Floats
    beta: Floats
    phi: Floats

    @classmethod
    def of(cls, alphas: tuple[float, ...], trends: tuple[tuple[float, float], ...]) -> Grid:
        """Pair every alpha with every (beta as a share of alpha, phi)."""
        alpha, share, phi = np.array([(alpha, share, phi) for alpha in alphas for share, phi in trends]).T
        return cls(alpha=alpha, beta=alpha * share, phi=phi)

    def parameters(self) -> Floats:
        """Count what each candidate fits: alpha, and where they are in play the first trend, beta and phi."""
        fitted = np.stack([self.phi > 0.0, self.beta > 0.0, (self.phi > 0.0) & (self.phi < 1.0)])
        return np.asarray(1.0 + fitted.sum(axis=0), dtype=np.float64)

    def growth(self, steps: int) -> Floats:
        """Give phi + ... + phi^h for h = 1 to ``steps``, shape (steps, candidates)."""
        return np.asarray(np.cumsum(self.phi ** np.arange(1, steps + 1)[:, None], axis=0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """What the recursion learned.

    Args:
        grid: candidates.
        weights: shape (series, candidates), sum 1.
        level: after the last column, the same shape.
        trend: the same.
        errors: shape (series, periods); one-step errors of the average, zero before a series begins.
    """

    grid: Grid
    weights: Floats
    level: Floats
    trend: Floats
    errors: Floats

    @property
    def last(self) -> Floats:
        """The smoothed level after the last column, shape (series,)."""
        return np.asarray((self.weights * self.level).sum(axis=1))

    def ahead(self, steps: int) -> Floats:
        """Forecast, shape (series, steps)."""
        level, trend = self.last, self.weights * self.trend
        return np.stack([level + (trend * growth).sum(axis=1) for growth in self.grid.growth(steps)], axis=1)

    def response(self, steps: int) -> Floats:
        """Say what an error of one leaves in the coming steps, shape (series, steps); one in its own step."""
        later = self.grid.alpha + self.grid.beta * self.grid.growth(steps - 1)
        left = [(self.weights * each).sum(axis=1) for each in later]
        return np.stack([np.ones(len(self.weights)), *left], axis=1)


def errors(values: Floats, start: Ints, grid: Grid, level: Floats, trend: Floats) -> Iterator[Floats]:
    """Walk through time and yield the one-step errors of each column, shape (series, candidates), zero before a start.

    Args:
        values: shape (series, periods), NaN before ``start``.
        start: shape (series,).
        grid: candidates.
        level: before the first column, shape (series, candidates); moved on in place, as is ``trend``.
        trend: the same shape.
    """
    everyone = int(start.max())
    for column in range(values.shape[1]):
        moved = grid.phi * trend
        error = values[:, column, None] - level - moved
        if column < everyone:
            live = (column >= start)[:, None]
            error = np.where(live, error, 0.0)
            level += np.where(live, moved, 0.0)
            moved = np.where(live, moved, trend)
        else:
            level += moved
        level += grid.alpha * error
        trend[...] = moved + grid.beta * error
        yield error


def fit(values: Floats, start: Ints, grid: Grid, level: Floats, trend: Floats) -> Fit:
    """Walk all candidates and weigh them.

    The weight is ``exp(-AIC / 2)``, ``AIC = n log(SSE / n) + 2 k``.

    Args:
        values: shape (series, periods), NaN before ``start``.
        start: shape (series,).
        grid: candidates.
        level: before the first column, shape (series, candidates).
        trend: the same.
    """
    level, trend = level.copy(), trend.copy()
    walked = np.stack(list(errors(values, start, grid, level, trend)))
    squares = np.einsum("tsc,tsc->sc", walked, walked)
    count = (values.shape[1] - start).astype(np.float64)[:, None]
    # errors below what float64 can tell from none are none
    size = np.nanmax(np.abs(values), axis=1, keepdims=True)
    floor = np.maximum(count * (1e-12 * size) ** 2, 1e-300)
    criterion = count * np.log(np.maximum(squares, floor) / count) + 2.0 * grid.parameters()
    weights = np.exp((criterion.min(axis=1, keepdims=True) - criterion) / 2.0)
    weights /= weights.sum(axis=1, keepdims=True)
    mean = np.einsum("tsc,sc->st", walked, weights)
    return Fit(grid=grid, weights=weights, level=level, trend=trend, errors=mean)
