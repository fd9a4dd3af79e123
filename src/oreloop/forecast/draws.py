"""Random numbers that belong to one series each, so that no other series and no row order can change them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from oreloop.forecast.panel import Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Draws:
    """Uniform numbers on [0, 1).

    Args:
        place: shape (series, horizon, samples); where a block begins, or which past size is drawn.
        restart: the same shape; whether a block ends, or whether a demand occurs.
        tie: shape (series, origins, horizon); splits ties between an actual and the sample.
    """

    place: Floats
    restart: Floats
    tie: Floats

    def rows(self, chosen: Ints) -> Draws:
        """Give the draws of some of the series, in their order."""
        return Draws(place=self.place[chosen], restart=self.restart[chosen], tie=self.tie[chosen])

    def first(self, samples: int) -> Draws:
        """Give the first samples of each series."""
        return Draws(place=self.place[:, :, :samples], restart=self.restart[:, :, :samples], tie=self.tie)


def generator(seed: int, *names: str) -> np.random.Generator:
    """Make the generator that belongs to a seed and a name, the same on every machine."""
    words = hashlib.sha256("\x1f".join(names).encode()).digest()
    return np.random.Generator(
        np.random.PCG64([seed, *(words[left] << 8 | words[left + 1] for left in range(0, 16, 2))])
    )


def draws(seed: int, ids: tuple[str, ...], *, samples: int, horizon: int, origins: int) -> Draws:
    """Draw for each series from its own generator.

    >>> both, one = (draws(7, ids, samples=2, horizon=3, origins=1) for ids in (("a", "b"), ("b",)))
    >>> bool((both.place[1] == one.place[0]).all())
    True
    """
    made = Draws(
        place=np.empty((len(ids), horizon, samples)),
        restart=np.empty((len(ids), horizon, samples)),
        tie=np.empty((len(ids), origins, horizon)),
    )
    for row, name in enumerate(ids):
        own = generator(seed, name)
        own.random(out=made.place[row])
        own.random(out=made.restart[row])
        own.random(out=made.tie[row])
    return made


def block_places(own: Draws, first: Ints, end: int) -> Ints:
    """Choose which past error each step of each path repeats: blocks of geometric length, wrapped at the end.

    The stationary bootstrap of Politis and Romano (1994, JASA 89, 1303-1313), whose mean block is the cube root of the
    number of errors.

    Args:
        own: draws of the series.
        first: shape (series,); first column with an error.
        end: the column after the last one.

    Returns:
        Columns, shape (series, horizon, samples).
    """
    width = (end - first)[:, None]
    chance = np.cbrt(1.0 / width)
    steps = own.place.shape[1]
    offsets = np.minimum((own.place * width[:, :, None]).astype(np.int64), width[:, :, None] - 1)
    for before, step in pairwise(range(steps)):
        carried = offsets[:, before] + 1
        carried = np.where(carried == width, 0, carried)
        offsets[:, step] = np.where(own.restart[:, step] < chance, offsets[:, step], carried)
    return offsets + first[:, None, None]
