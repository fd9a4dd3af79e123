"""Where log prices may go from one origin: past shocks, drawn again and as large as the market is restless then."""

from __future__ import annotations

import numpy as np

from oreloop.forecast.draws import Draws, block_places
from oreloop.forecast.panel import Flags, Floats
from oreloop.forecast.price.market import AVERAGED, DECAY, Market, ahead, blended

BANK = 120
"""Shocks that are drawn from: ten years of months. Older ones come from other markets: pegged gold, ore at yearly prices."""


def centre(market: Market, shares: Floats, origin: int, horizon: int) -> Floats:
    """Give the expected log moves from the price after change ``origin``, shape (series, horizon)."""
    said = ahead(market.weights[:, origin], market.last[:, origin], horizon)
    drifted = market.drift[:, origin, None] * np.arange(1.0, horizon + 1.0)
    moves: Floats = drifted + (shares[:, origin, :, None] * said).sum(axis=1)
    return moves


def simulate(market: Market, shares: Floats, origin: int, own: Draws, *, pooled: bool) -> Floats:
    """Simulate log moves from the price after change ``origin``.

    Filtered historical simulation (Barone-Adesi, Giannopoulos and Vosper 1999, Journal of Futures Markets 19). Each path
    has its mirror image, so that what past shocks leaned to is not promised to come, and half the noise of drawing is gone
    (antithetic variates: Hammersley and Morton 1956).

    Args:
        market: from `observe`.
        shares: from `admitted`.
        origin: column of the last known change.
        own: draws of the series; as many steps as the horizon.
        pooled: whether all series widen their bands alike.

    Returns:
        Shape (series, horizon, samples).
    """
    weight = shares[:, origin]
    shocks = _shocks(market, weight, origin)
    first = np.maximum(market.start, origin + 1 - BANK)
    samples, horizon = own.place.shape[2], own.place.shape[1]
    places = block_places(own.first((samples + 1) // 2), first, origin + 1)
    drawn = np.take_along_axis(shocks, places.reshape(len(places), -1), axis=1).reshape(places.shape)
    drawn = drawn / _spread(shocks, np.arange(origin + 1) >= first[:, None], pooled=pooled)[:, None, None]
    drawn = np.stack([drawn, -drawn], axis=3).reshape(len(drawn), horizon, -1)[:, :, :samples]
    running, long_run = market.running[:, origin, None], market.long_run[:, origin, None]
    innovation, move = market.last[:, origin, :1], market.last[:, origin, 1:]
    average, momentum = weight[:, :1] * AVERAGED, weight[:, 1:] * market.weights[:, origin, 1:]
    now, moves = np.zeros((len(drawn), samples)), np.empty(drawn.shape)
    for step in range(horizon):
        said = average * innovation + momentum * move
        move = said + np.sqrt(blended(running, long_run)) * drawn[:, step]
        innovation = move - AVERAGED * innovation
        running = DECAY * running + (1.0 - DECAY) * move**2
        now = now + market.drift[:, origin, None] + move
        moves[:, step] = now
    return moves


def _shocks(market: Market, weight: Floats, origin: int) -> Floats:
    """Give past moves less what the admitted models said of them, over the deviation known before each."""
    said = (market.weights[:, :origin] * market.last[:, :origin] * weight[:, None]).sum(axis=2)
    left = market.moves[:, : origin + 1].copy()
    left[:, 1:] -= said
    deviation = market.deviation
    scale = np.concatenate([deviation[:, :1], deviation[:, :origin]], axis=1)
    # the first move after stillness is measured by itself
    scale = np.where(scale > 0.0, scale, deviation[:, : origin + 1])
    shocks: Floats = np.divide(left, scale, out=np.zeros(left.shape), where=scale > 0.0)
    return shocks


def _spread(shocks: Floats, kept: Flags, *, pooled: bool) -> Floats:
    """Give the root mean square of the shocks, at most one: bands are widened by a short bank, never narrowed."""
    squares = np.where(kept, shocks**2, 0.0)
    count = kept.sum(axis=1)
    if pooled:
        squares, count = squares.sum(keepdims=True), count.sum(keepdims=True)
    size = np.sqrt(squares.sum(axis=1) / count)
    widened = np.where(size > 0.0, np.minimum(size, 1.0), 1.0)
    return np.asarray(np.broadcast_to(widened, len(shocks)))
