"""Finds which lags of which drivers a series answers to, and how strongly.

A series is smoothed and regressed at once: its logs are ``level + drift t + sum b x`` about which it moves as simple
exponential smoothing says, the regression with ARIMA(0,1,1) errors. The one-step errors of smoothing are linear in what is
smoothed, so series and drivers pass through the same filter and what is left is least squares with white errors. With
smoothing 1 that is a regression of changes on changes, with little smoothing one of levels on levels.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from oreloop.forecast.drivers.smoothing import ALPHAS, fading, filtering
from oreloop.forecast.panel import Flags, Floats, Ints

MOST = 4
"""Lags that one series may answer to at most: with level and drift, six numbers from the 24 periods of the shortest history
that is learned from."""
BLOCKS = 5
"""Blocks of periods that are left out in turn when lags are judged; a sixth, the first, is always learned from."""
FREE = 2
"""Regressors that are not chosen: the first level and the drift."""
_TIGHT = 1e-6
"""Share of its square below which what is left of a driver is rounding: it says nothing that the chosen do not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What series answer to.

    Args:
        smoothing: shape (series,).
        level: shape (series,); the first level.
        drift: shape (series,); a period.
        elasticity: shape (series, candidates); zero for what was not chosen.
        share: shape (series, candidates); of the one-step movements' squares, what the candidate accounts for.
    """

    smoothing: Floats
    level: Floats
    drift: Floats
    elasticity: Floats
    share: Floats

    def rows(self, some: Ints) -> Answer:
        """Give some of the series."""
        return Answer(**{field.name: getattr(self, field.name)[some] for field in fields(self)})


def regressors(candidates: Floats, smoothing: float) -> Floats:
    """Filter the first level, the drift and the candidates, shape (periods, FREE + candidates)."""
    periods = len(candidates)
    ramp = np.arange(1.0, periods + 1.0)
    passed = filtering(periods, smoothing) @ np.column_stack([ramp, candidates])
    return np.column_stack([fading(periods, smoothing), passed])


def answer(logs: Floats, candidates: Floats, *, trained: int) -> Answer:
    """Choose lags by forward selection and their number by blocked cross-validation.

    At each step the candidate joins that lowers the squared one-step errors most. The whole selection is repeated with each
    block of periods left out (Bergmeir and Benítez 2012, Information Sciences 191). The fewest lags are taken, and none if
    possible, that predicted the left-out periods as well as the best number of them but for one standard error of the
    difference (Breiman, Friedman, Olshen and Stone 1984). What was chosen is then shrunk by ``max(0, 1 - c / t^2)``: one for
    the drift (James and Stein 1961), twice the logarithm of the number of candidates for an elasticity, which is what the
    largest of as many squared t of noise is about (Donoho and Johnstone 1994, Biometrika 81).

    Args:
        logs: shape (series, periods), all known.
        candidates: lagged, transformed drivers, shape (periods, candidates).
        trained: periods, from the first on, whose candidates were all published; only these are learned from.
    """
    series = len(logs)
    paths = [_Path.of(logs, candidates, smoothing, trained) for smoothing in ALPHAS]
    squares = np.stack([path.squares for path in paths])
    loss = squares.sum(axis=3)
    best = np.argmin(loss, axis=0)
    rows = np.arange(series)[:, None]
    at_best = squares[best, rows, np.arange(MOST + 1)]
    least = np.argmin(at_best.sum(axis=2), axis=1)[:, None]
    worse = at_best - np.take_along_axis(at_best, least[:, :, None], axis=1)
    error = np.sqrt(worse.shape[2]) * worse.std(axis=2, ddof=1)
    count = np.argmax(worse.sum(axis=2) <= error, axis=1)
    picked = best[rows[:, 0], count]
    made = np.stack([path.coefficients for path in paths])[picked, rows[:, 0], count]
    error_squares = np.stack([path.errors for path in paths])[picked, rows[:, 0], count]
    shares = np.stack([path.shares for path in paths])[picked, rows[:, 0], count]
    square = made**2
    chance = np.divide(error_squares, square, out=np.ones_like(square), where=square > 0.0)
    chance[:, FREE:] *= 2.0 * np.log(max(candidates.shape[1], 2))
    kept = np.maximum(0.0, 1.0 - chance)
    return Answer(
        smoothing=np.array(ALPHAS)[picked],
        level=made[:, 0],
        drift=made[:, 1] * kept[:, 1],
        elasticity=made[:, FREE:] * kept[:, FREE:],
        share=shares * kept[:, FREE:] ** 2,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Path:
    """Forward selection under one smoothing: after 0, 1 ... `MOST` steps.

    Args:
        squares: squared errors of the left-out periods, shape (series, steps, periods).
        coefficients: shape (series, steps, regressors).
        errors: their squared standard errors; the same shape.
        shares: shape (series, steps, candidates).
    """

    squares: Floats
    coefficients: Floats
    errors: Floats
    shares: Floats

    @classmethod
    def of(cls, logs: Floats, candidates: Floats, smoothing: float, trained: int) -> _Path:
        told = regressors(candidates[:trained], smoothing)
        # one product for each series, so that it does not depend on how many there are
        moved = (logs[:, None, :trained] @ filtering(trained, smoothing).T)[:, 0]
        missed = []
        # the first block is never left out: the first level shows there alone
        for block in np.array_split(np.arange(trained), BLOCKS + 1)[1:]:
            others = np.setdiff1d(np.arange(trained), block)
            without = np.stack([each for each, _ in _forward(told[others], moved[:, others])], axis=1)
            missed.append(moved[:, None, block] - without @ told[block].T)
        coefficients, errors = (np.stack(each, axis=1) for each in zip(*_forward(told, moved), strict=True))
        power = (moved**2).sum(axis=1)[:, None, None]
        explained = coefficients[:, :, FREE:] ** 2 * (told[:, FREE:] ** 2).sum(axis=0)
        return cls(
            squares=np.concatenate(missed, axis=2) ** 2,
            coefficients=coefficients,
            errors=errors,
            shares=np.minimum(explained / np.where(power > 0.0, power, 1.0), 1.0),
        )


def _forward(told: Floats, moved: Floats) -> list[tuple[Floats, Floats]]:
    """Take the free regressors, then the best candidates one by one: orthogonal least squares on the products alone.

    Chen, Billings and Luo (1989, International Journal of Control 50).

    Args:
        told: shape (periods, regressors).
        moved: shape (series, periods).

    Returns:
        After 0, 1 ... `MOST` steps: coefficients (series, regressors) and their squared standard errors.
    """
    series, periods = len(moved), len(told)
    rows = np.arange(series)
    products, with_moved = told.T @ told, (moved[:, None] @ told)[:, 0]
    least = _TIGHT * np.diagonal(products)
    left, cross = np.tile(np.diagonal(products), (series, 1)), with_moved.copy()
    picks = np.zeros((series, FREE + MOST), dtype=np.int64)
    able = np.zeros(picks.shape, dtype=np.bool_)
    axes: list[Floats] = []
    made = []
    for step in range(FREE + MOST):
        ready = left > least
        gain = np.where(ready, cross**2 / np.where(ready, left, 1.0), -1.0)
        pick = np.full(series, step) if step < FREE else FREE + np.argmax(gain[:, FREE:], axis=1)
        picks[:, step], able[:, step] = pick, ready[rows, pick]
        axis = products[pick] - sum(each[rows, pick, None] * each for each in axes)
        # where nothing is left to choose, the step changes nothing
        axis = np.where(able[:, step, None], axis / np.sqrt(np.where(ready, left, 1.0)[rows, pick, None]), 0.0)
        along = cross[rows, pick] / np.sqrt(np.where(ready, left, 1.0)[rows, pick]) * able[:, step]
        axes.append(axis)
        left -= axis**2
        cross -= axis * along[:, None]
        if step >= FREE - 1:
            made.append(_solved(products, with_moved, picks[:, : step + 1], able[:, : step + 1]))
    power = (moved * moved).sum(axis=1)
    return [
        (
            each,
            inverse
            * (np.maximum(power - (each * with_moved).sum(axis=1), 0.0) / max(periods - FREE - step, 1))[:, None],
        )
        for step, (each, inverse) in enumerate(made)
    ]


def _solved(products: Floats, with_moved: Floats, picks: Ints, able: Flags) -> tuple[Floats, Floats]:
    """Solve least squares on the picks of each series: coefficients and the diagonal of the inverse, both in their places."""
    both = able[:, :, None] & able[:, None, :]
    inverse = np.linalg.inv(np.where(both, products[picks[:, :, None], picks[:, None, :]], np.eye(picks.shape[1])))
    found = (inverse @ np.where(able, np.take_along_axis(with_moved, picks, axis=1), 0.0)[:, :, None])[:, :, 0]
    coefficients, diagonal = np.zeros(with_moved.shape), np.zeros(with_moved.shape)
    row, place = np.nonzero(able)
    coefficients[row, picks[row, place]] = found[row, place]
    diagonal[row, picks[row, place]] = inverse[row, place, place]
    return coefficients, diagonal
