"""One recursion for the smooth kernels: level, damped trend and season with additive errors.

    forecast  f  = l + phi b + s
    error     e  = y - f
    level     l' = l + phi b + alpha e
    trend     b' = phi b + beta e
    season    s' = s + gamma e

the additive innovations model of Hyndman, Koehler, Ord and Snyder (2008), "Forecasting with Exponential Smoothing",
equations 2.12. Random walks, exponential smoothing, damped trend, Holt-Winters and theta are settings of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from oreloop.forecast.panel import Floats, Ints

Grid = tuple[tuple[float, float, float, float], ...]
"""Candidate (alpha, beta, gamma, phi)."""


@dataclass(slots=True, kw_only=True)
class State:
    """Where the recursion stands; `errors` moves it on in place.

    Args:
        level: shape (series, candidates).
        trend: shape (series, candidates).
        season: shape (series, candidates, season); slot = column modulo season. One slot of zeros means no season.
    """

    level: Floats
    trend: Floats
    season: Floats

    def spread(self, candidates: int) -> State:
        """Copy one state per series to every candidate."""
        return State(
            level=np.repeat(self.level, candidates, axis=1),
            trend=np.repeat(self.trend, candidates, axis=1),
            season=np.repeat(self.season, candidates, axis=1),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """A fitted recursion.

    Args:
        smoothing: shape (4, series, 1): alpha, beta, gamma, phi.
        state: state after the last column, one candidate.
        errors: shape (series, periods); one-step errors, zero before a series begins.
    """

    smoothing: Floats
    state: State
    errors: Floats


def errors(values: Floats, start: Ints, smoothing: Floats, state: State) -> Iterator[Floats]:
    """Walk through time and yield the one-step errors of each column, shape (series, candidates).

    Args:
        values: shape (series, periods).
        start: shape (series,); columns before it are passed over.
        smoothing: shape (4, series or 1, candidates).
        state: before the first column; moved on in place.
    """
    alpha, beta, gamma, phi = smoothing
    slots = state.season.shape[2]
    everyone = int(start.max())
    for column in range(values.shape[1]):
        slot = state.season[:, :, column % slots]
        moved = phi * state.trend
        error = values[:, column, None] - (state.level + moved + slot)
        if column < everyone:
            live = (column >= start)[:, None]
            error = np.where(live, error, 0.0)
            state.level += np.where(live, moved, 0.0)
            moved = np.where(live, moved, state.trend)
        else:
            state.level += moved
        state.level += alpha * error
        state.trend = moved + beta * error
        if slots > 1:
            slot += gamma * error
        yield error


def fit(values: Floats, start: Ints, grid: Grid, initial: State) -> Fit:
    """Choose for each series the candidate with the least sum of squared one-step errors.

    Raises nothing; ties go to the earlier candidate.
    """
    candidates = np.array(grid).T[:, None, :]
    chosen = np.broadcast_to(candidates[:, :, :1], (4, len(values), 1))
    if len(grid) > 1:
        squares = np.zeros((len(values), len(grid)))
        for error in errors(values, start, candidates, initial.spread(len(grid))):
            squares += error * error
        chosen = candidates[:, 0, np.argmin(squares, axis=1)][:, :, None]
    state = initial.spread(1)
    walked = [error[:, 0] for error in errors(values, start, chosen, state)]
    return Fit(smoothing=chosen, state=state, errors=np.stack(walked, axis=1))


def simulate(fitted: Fit, shocks: Floats) -> Floats:
    """Run the recursion on from the end, with the given errors.

    Args:
        fitted: the model at its last column.
        shocks: shape (series, horizon, samples); zeros give the point forecast.

    Returns:
        Paths, shape (series, horizon, samples), not cut at zero.
    """
    alpha, beta, gamma, phi = fitted.smoothing
    level, trend = fitted.state.level, fitted.state.trend
    column, count = fitted.errors.shape[1], fitted.state.season.shape[2]
    slots = [fitted.state.season[:, :, slot] for slot in range(count)]
    paths = np.empty(shocks.shape)
    for step in range(shocks.shape[1]):
        shock = shocks[:, step]
        slot = (column + step) % count
        moved = phi * trend
        level = level + moved
        paths[:, step] = level + slots[slot] + shock
        level = level + alpha * shock
        trend = moved + beta * shock
        if count > 1:
            slots[slot] = slots[slot] + gamma * shock
    return paths
