"""Lays the lags of all drivers beside the periods of the histories, as they were known at an origin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from oreloop.base.errors import Place, Problem, problem
from oreloop.forecast.drivers.course import course
from oreloop.forecast.drivers.table import TABLE, Drivers
from oreloop.forecast.panel import Floats

MIN_DRIVER = 24
"""Periods, beyond those that lags take, below which a driver is left out: as many as a series must have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """Candidates at one origin; columns are those of the panel.

    Args:
        names: drivers that take part; a candidate is a driver at a lag, all lags of the first driver first.
        lags: how many lags there are, from 0 on.
        begin: first column of which every candidate is known.
        trained: column before which every candidate was published.
        candidates: shape (columns from ``begin`` to the end of the horizon, names x lags), unpublished ones as expected.
        spread: what samples of each driver differ by, shape (names, lags - 1 + horizon, samples), from ``lags - 1``
            columns before the origin on.
        left_out: why the other drivers do not take part.
    """

    names: tuple[str, ...]
    lags: int
    begin: int
    trained: int
    candidates: Floats
    spread: Floats
    left_out: tuple[Problem, ...]


def design(
    drivers: Drivers,
    first: int,
    end: int,
    steps: int,
    *,
    season: int,
    lags: int,
    carried: int,
    samples: int,
    seed: int,
    supposing: bool,
) -> Design:
    """Take what was known before a column, carry it on over the horizon, and lag it.

    Args:
        drivers: all that was ever published.
        first: `oreloop.forecast.drivers.table.ordinal` of column 0.
        end: the origin: nothing published in this column or later is used.
        steps: columns to forecast.
        season: periods in a season.
        lags: number of lags, from 0 on.
        carried: periods without publication after which a driver has stopped and is left out.
        samples: ways in which each driver may go on.
        seed: decides them.
        supposing: whether a scenario counts: only at the end of the history.
    """  # fmt: skip
    origin = first + end
    taken, left_out = [], []
    for place, (begin, values) in enumerate(drivers.before(origin)):
        name = drivers.names[place]
        silent = origin - begin - len(values)
        if len(values) < lags - 1 + MIN_DRIVER:
            short = {"got": len(values), "expected": lags - 1 + MIN_DRIVER}
            left_out.append(problem("forecast.driver_short", Place(file=TABLE), driver=name, **short))
        elif silent > carried:
            left_out.append(
                problem("forecast.driver_stopped", Place(file=TABLE), driver=name, got=silent, expected=carried)
            )
        else:
            supposed = drivers.supposed.get(place) if supposing else None
            made = course(
                begin, values, origin + steps, season=season, samples=samples, seed=seed, name=name, supposed=supposed
            )
            taken.append((name, made))
    begin = max([0, *(each.first - first + lags - 1 for _, each in taken)])
    width = max(end + steps - begin, 0)
    candidates = np.empty((width, len(taken) * lags))
    spread = np.zeros((len(taken), lags - 1 + steps, samples))
    for number, (_, each) in enumerate(taken):
        for lag in range(lags):
            at = first + begin - lag - each.first
            candidates[:, number * lags + lag] = each.point[at : at + width]
        # periods of the driver's own after its last publication, from the first that a lag can still reach
        there = np.arange(origin - lags + 1, origin + steps) - each.first - each.known
        spread[number, there >= 0] = each.spread[there[there >= 0]]
    published = (each.first + each.known - first for _, each in taken)
    return Design(
        names=tuple(name for name, _ in taken),
        lags=lags,
        begin=begin,
        trained=min([end, *published]),
        candidates=candidates,
        spread=spread,
        left_out=tuple(left_out),
    )
