"""A driver on from its last published value: transformed, without its season, with what may come."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from oreloop.forecast.draws import block_places, draws
from oreloop.forecast.drivers.smoothing import onwards, smoothed
from oreloop.forecast.panel import Floats
from oreloop.forecast.smooth.profile import seasonal_profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """A driver in logs, or over its mean size where it is not always positive; without its season.

    Args:
        first: `oreloop.forecast.drivers.table.ordinal` of the first period.
        known: periods that were published.
        point: shape (periods,): as published, then as expected.
        spread: what samples differ by from what is expected, shape (periods - known, samples).
    """

    first: int
    known: int
    point: Floats
    spread: Floats


def course(
    first: int,
    values: Floats,
    until: int,
    *,
    season: int,
    samples: int,
    seed: int,
    name: str,
    supposed: tuple[int, Floats] | None = None,
) -> Course:
    """Carry a driver on by simple exponential smoothing, its spread by blocks of past errors.

    Args:
        first: `ordinal` of the first period.
        values: published values, shape (known,).
        until: `ordinal` of the period before which to end.
        season: periods in a season.
        samples: how many ways it may go.
        seed: with the name, decides them; so the same for all series that answer to it.
        name: the driver.
        supposed: first period and values of a scenario, taken as certain; after it the driver goes on from its end.
    """  # fmt: skip
    known = len(values)
    nothing = np.zeros(1, dtype=np.int64)
    ahead = max(until - first - known, 0)
    size = np.abs(values).mean() or 1.0
    positive = bool((values > 0.0).all())

    def transformed(raw: Floats) -> Floats:
        return np.asarray(np.log(raw / size) if positive else raw / size)

    profile = seasonal_profile(transformed(values)[None], nothing, season)[0]
    cycle = profile[np.arange(known + ahead) % season]
    told = transformed(values) - cycle[:known]
    smoothing, level, errors = smoothed(told)
    point = np.concatenate([told, np.full(ahead, level)])
    spread = np.zeros((ahead, samples))
    if ahead:
        own = draws(seed, (f"driver {name}",), samples=samples, horizon=ahead, origins=1)
        shocks = (errors - errors.mean())[block_places(own, nothing, known)]
        spread = onwards(np.zeros(1), np.array([smoothing]), shocks)[0]
    if supposed is not None:
        begin, path = max(supposed[0] - first, known), supposed[1]
        path = path[begin - (supposed[0] - first) :][: max(known + ahead - begin, 0)]
        if len(path):
            end = begin + len(path)
            told = transformed(path) - cycle[begin:end]
            point[begin:end], point[end:] = told, told[-1]
            spread[end - known :] -= spread[end - known - 1]
            spread[begin - known : end - known] = 0.0
    return Course(first=first, known=known, point=point, spread=spread)
