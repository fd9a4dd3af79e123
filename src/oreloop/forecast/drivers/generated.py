"""Demand made from drivers whose lags and elasticities are known: the truth that estimates are measured against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from oreloop.base.period import Horizon, Period
from oreloop.forecast.draws import generator

_WARM = 36
"""Periods of the drivers before the first of the history."""
_MOVE, _CARRY = 0.05, 0.3
"""Standard deviation of a driver's log changes, and how much of a change is repeated in the next period."""
_PRINT = 0.01
"""Standard deviation of the log error of a first print, which is revised one period later."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Generated:
    """A history with its drivers and the truth.

    Args:
        history: ``unique_id, ds, y``.
        drivers: ``driver, ds, value, known``: a first print in the middle of the period after next, at the earliest, and
            its revision a period later.
        truth: ``unique_id, driver, lag, elasticity``: demand of a period rises by ``elasticity`` per cent when the driver
            ``lag`` periods before rises by one.
    """

    history: pl.DataFrame
    drivers: pl.DataFrame
    truth: pl.DataFrame


def generated(
    seed: int, *, series: int = 1, periods: int = 120, relevant: int = 2, irrelevant: int = 2, noise: float = 0.05
) -> Generated:
    """Make monthly demand of several series that answer to the same drivers at the same lags.

    Drivers are integrated autoregressions in logs. Log demand is a level that wanders, plus elasticity times each lagged
    log driver, plus noise; elasticities differ a little between series.

    Args:
        seed: decides everything.
        series: number of series, ``s0`` ...
        periods: length of the history; it begins in 2010-01.
        relevant: drivers that demand answers to, ``d0`` ...
        irrelevant: drivers that it does not, named on from there.
        noise: standard deviation of log demand about its level.

    >>> generated(7, periods=24).truth.select("unique_id", "driver").rows()
    [('s0', 'd0'), ('s0', 'd1')]
    """
    own = generator(seed, "generated drivers")
    count = relevant + irrelevant
    span = Horizon.of(Period.parse("2010-01").following(-_WARM), _WARM + periods)
    moves = own.normal(0.0, _MOVE, (count, len(span)))
    for step in range(1, len(span)):
        moves[:, step] += _CARRY * moves[:, step - 1]
    logs = np.cumsum(moves, axis=1)
    lags = own.integers(0, 7, relevant)
    common = own.uniform(0.5, 1.5, relevant) * own.choice((-1.0, 1.0), relevant)
    elasticity = common + own.normal(0.0, 0.1, (series, relevant))
    lagged = logs[np.arange(relevant)[:, None], _WARM - lags[:, None] + np.arange(periods)]
    level = np.log(100.0) + np.cumsum(own.normal(0.0, noise / 4.0, (series, periods)), axis=1)
    demand = np.exp(level + elasticity @ lagged + own.normal(0.0, noise, (series, periods)))
    names = [f"s{place}" for place in range(series)]
    delays = 1 + np.arange(count) % 2
    prints = np.exp(logs + own.normal(0.0, _PRINT, logs.shape))
    published = [
        pl.DataFrame(
            {
                "driver": f"d{place}",
                "ds": span.names,
                "value": values[place],
                "known": [period.following(int(delays[place]) + late).first.replace(day=15) for period in span.periods],
            }
        )
        for late, values in enumerate((prints, np.exp(logs)))
        for place in range(count)
    ]
    return Generated(
        history=pl.DataFrame(
            {"unique_id": np.repeat(names, periods), "ds": span.names[_WARM:] * series, "y": demand.ravel()}
        ),
        drivers=pl.concat(published),
        truth=pl.DataFrame(
            {
                "unique_id": np.repeat(names, relevant),
                "driver": [f"d{place}" for place in range(relevant)] * series,
                "lag": np.tile(lags, series),
                "elasticity": elasticity.ravel(),
            }
        ),
    )
