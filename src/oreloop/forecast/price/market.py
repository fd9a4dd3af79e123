"""What is known of a price after each of its changes: drift, restlessness, and what the models of its centre say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from oreloop.forecast.panel import Floats, Ints

MODELS = ("average", "momentum")
"""Models of the centre beside the random walk; each says by how much the last change carries on."""
AVERAGED = 2.0 - 3.0**0.5
"""Moving-average weight of the period averages of a random walk, whose changes have autocorrelation 1/4: Working 1960,
"Note on the correlation of first differences of averages in a random chain", Econometrica 28; here that of many days."""
DECAY = 0.94
"""Weight of the past in the running variance: RiskMetrics Technical Document (1996)."""
RECENT = 0.6
"""Weight of the running variance beside the long run; 0.5 to 0.7 differ by 0.4 % on commodities that are no metals."""
FEWEST = 8
"""Horizons that past origins must span before a model can be admitted: below, a standard error means little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """What was known after each change of log price; nothing in a column comes from a later one.

    Args:
        start: shape (series,); the column of a series' first change.
        moves: shape (series, changes); change less the drift known before it, zero before ``start``.
        drift: shape (series, changes), log a period; zero where it cannot be told from none.
        running: shape (series, changes); running variance of ``moves``.
        long_run: shape (series, changes); variance of all moves so far.
        weights: shape (series, changes, models); by how much each model lets ``last`` carry on.
        last: shape (series, changes, models); the last innovation of the average, the last move.
    """

    start: Ints
    moves: Floats
    drift: Floats
    running: Floats
    long_run: Floats
    weights: Floats
    last: Floats

    @property
    def deviation(self) -> Floats:
        """The standard deviation of the next change, shape (series, changes)."""
        return np.sqrt(blended(self.running, self.long_run))

    def of(self, rows: Ints) -> Market:
        """Give the market of some series."""
        return Market(**{name: getattr(self, name)[rows] for name in self.__slots__})


def blended(running: Floats, long_run: Floats) -> Floats:
    """Blend the variance now with that of all the past.

    It is a GARCH(1, 1) (Bollerslev 1986, Journal of Econometrics 31) whose long run is the sample's (variance targeting:
    Engle and Mezrich 1996, Risk 9), so that a storm passes.
    """
    blend: Floats = RECENT * running + (1.0 - RECENT) * long_run
    return blend


def observe(logs: Floats, start: Ints) -> Market:
    """Go through log prices once.

    The drift is the mean change times ``max(0, 1 - 1 / t^2)``, ``t`` being the mean over its standard error (positive-part
    James and Stein 1961); the weight of momentum is the first autocorrelation of the moves, shrunk alike.

    Args:
        logs: shape (series, periods), NaN before a series begins.
        start: shape (series,); column of the first price.
    """
    changes = np.diff(logs, axis=1)
    live = ~np.isnan(changes)
    changes = np.where(live, changes, 0.0)
    count = np.maximum(np.cumsum(live, axis=1), 1)
    mean = np.cumsum(changes, axis=1) / count
    spread = np.maximum(np.cumsum(changes**2, axis=1) / count - mean**2, 0.0)
    drift = mean * _told_from_none(mean, spread / count)
    moves = np.where(live, changes - _before(drift), 0.0)
    squares = np.cumsum(moves**2, axis=1)
    carried = _quotient(np.cumsum(moves * _before(moves), axis=1), squares)
    pace = np.where(live, np.maximum(1.0 / count, 1.0 - DECAY), 0.0)
    running, innovation = np.zeros(moves.shape), np.zeros(moves.shape)
    variance, surprise = np.zeros(len(moves)), np.zeros(len(moves))
    for column in range(moves.shape[1]):
        move = moves[:, column]
        variance = variance + pace[:, column] * (move**2 - variance)
        surprise = move - AVERAGED * surprise
        running[:, column], innovation[:, column] = variance, surprise
    momentum = carried * _told_from_none(carried, 1.0 / count)
    return Market(
        start=start,
        moves=moves,
        drift=drift,
        running=running,
        long_run=squares / count,
        weights=np.stack([np.full(moves.shape, AVERAGED), momentum], axis=2),
        last=np.stack([innovation, moves], axis=2),
    )


def ahead(weights: Floats, last: Floats, horizon: int) -> Floats:
    """Say what each model expects beyond the drift: log moves from now, shape (..., models, horizon).

    An average carries on for one period, and the price stays there; momentum fades by its weight in each.

    Args:
        weights: shape (..., models), as in `Market`.
        last: the same shape.
        horizon: periods.
    """
    steps = np.arange(1.0, horizon + 1.0)
    average = np.broadcast_to(weights[..., :1], (*weights.shape[:-1], horizon))
    momentum = np.cumsum(weights[..., 1:] ** steps, axis=-1)
    return np.stack([average, momentum], axis=-2) * last[..., None]


def admitted(market: Market, logs: Floats, horizon: int) -> Floats:
    """Say which models move the centre at each origin.

    A model is admitted where the absolute errors of the random walk from past origins, over the deviation known at each,
    exceed the model's by more than one standard error (the rule of Breiman, Friedman, Olshen and Stone 1984); the errors of
    ``horizon`` origins in a row overlap and count as one.

    Returns:
        Equal shares of the admitted models, zeros where none is; shape (series, changes, models).
    """
    gain, scored = np.zeros(market.weights.shape), np.zeros(market.moves.shape, dtype=bool)
    origins = market.moves.shape[1] - horizon
    if origins > 0:
        steps = np.arange(1, horizon + 1)
        came = logs[:, 1 + np.arange(origins)[:, None] + steps] - logs[:, 1 : origins + 1, None]
        beyond = came - market.drift[:, :origins, None] * steps
        said = ahead(market.weights[:, :origins], market.last[:, :origins], horizon)
        better = (np.abs(beyond)[:, :, None] - np.abs(beyond[:, :, None] - said)).mean(axis=3)
        deviation = market.deviation[:, :origins]
        known = np.isfinite(beyond).all(axis=2) & (deviation > 0.0)
        # an origin is scored once its whole horizon has come
        scored[:, horizon:] = known
        gain[:, horizon:] = np.divide(better, deviation[..., None], out=gain[:, horizon:], where=known[..., None])
    count = np.cumsum(scored, axis=1)[..., None]
    total = np.maximum(count, 1)
    mean = np.cumsum(gain, axis=1) / total
    spread = np.maximum(np.cumsum(gain**2, axis=1) / total - mean**2, 0.0)
    good = (mean > np.sqrt(spread * horizon / total)) & (count >= FEWEST * horizon)
    return np.asarray(good / np.maximum(good.sum(axis=2, keepdims=True), 1))


def _before(values: Floats) -> Floats:
    """Shift by a column: what was known before."""
    return np.concatenate([np.zeros((len(values), 1)), values[:, :-1]], axis=1)


def _quotient(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros(part.shape), where=whole > 0.0)


def _told_from_none(value: Floats, error_square: Floats) -> Floats:
    """Shrink: one less the squared standard error over the square, not below zero."""
    return np.where(value != 0.0, np.maximum(0.0, 1.0 - _quotient(error_square, value**2)), 0.0)
