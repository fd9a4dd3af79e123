"""The scale on which a series is modelled: its logarithm where it is always above zero, else the series itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from oreloop.forecast.panel import Flags, Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaled:
    """Series without a unit.

    Args:
        values: shape (series, periods); logarithms of shares of the largest value, or the shares themselves.
        unit: shape (series, 1); the largest value, or one for a series of zeros.
        logged: shape (series,); which are logarithms.
    """

    values: Floats
    unit: Floats
    logged: Flags

    def back(self, forecast: Floats) -> Floats:
        """Return forecasts, shape (series, horizon), to the unit of the history, never below zero.

        No forecast leaves the past range by more than the width of that range: a trend that was fitted to a few periods
        would otherwise run away, on logarithms exponentially.
        """
        low, high = np.nanmin(self.values, axis=1, keepdims=True), np.nanmax(self.values, axis=1, keepdims=True)
        held = np.clip(forecast, 2.0 * low - high, 2.0 * high - low)
        return np.maximum(np.where(self.logged[:, None], np.exp(held), held), 0.0) * self.unit


def scaled(values: Floats, *, logs: bool) -> Scaled:
    """Divide each series by its largest value, so that a constant is exactly one, and take logarithms where possible.

    Args:
        values: shape (series, periods), NaN before a series begins, never negative.
        logs: whether to take logarithms of series that are above zero throughout.
    """
    unit = np.nanmax(values, axis=1, keepdims=True)
    unit = np.where(unit > 0.0, unit, 1.0)
    shares = values / unit
    logged = (np.nanmin(shares, axis=1) > 0.0) & logs
    taken = np.log(np.where(logged[:, None], shares, 1.0))
    return Scaled(values=np.where(logged[:, None], taken, shares), unit=unit, logged=logged)
