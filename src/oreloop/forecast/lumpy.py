"""Paths of lumpy demand whose sums have the distribution that was estimated for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from oreloop.forecast.draws import generator
from oreloop.forecast.panel import Floats, Ints, Panel
from oreloop.forecast.totals import Totals

_NEAR = 0.1
"""How far, in rank, a past piece may be from the sum that it gives its shape to: with less, every large sum would come in
the one largest burst of the past."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lumpy:
    """Demand of which no coming period differs from another as far as one can tell.

    Args:
        panel: histories.
        totals: distributions of the sums of one to ``horizon`` periods.
        horizon: periods to come.
        seed: together with the name of a series, decides its random numbers.
    """

    panel: Panel
    totals: Totals
    horizon: int
    seed: int

    @property
    def mean(self) -> Floats:
        """Point forecasts, shape (series, horizon)."""
        return np.repeat(self.totals.mean[:, None], self.horizon, axis=1)

    def components(self) -> Mapping[str, Floats]:
        """Give the mean as the one rate that it is, shape (series, horizon)."""
        return {"rate": self.mean}

    def quantiles(self, levels: Floats) -> Floats:
        """Give quantiles of each period, shape (series, horizon, levels)."""
        return np.repeat(self.totals.quantiles(levels, 1)[:, None], self.horizon, axis=1)

    def sums(self, levels: Floats, steps: Ints) -> Floats:
        """Give quantiles of the sum of each series' first ``steps`` periods, shape (series, levels)."""
        read = np.empty((len(self.panel.ids), len(levels)))
        for step in np.unique(steps):
            rows = steps == step
            read[rows] = self.totals.quantiles(levels, int(step))[rows]
        return read

    def running_sums(self, levels: Floats) -> Floats:
        """Give quantiles of the sums from the first period to each, shape (series, horizon, levels)."""
        return np.stack([self.totals.quantiles(levels, step) for step in range(1, self.horizon + 1)], axis=1)

    def paths(self, count: int) -> Floats:
        """Give sample paths, shape (series, count, horizon): pieces of the past, scaled to sums of the right distribution.

        The sums over the whole horizon have the distribution of the totals, one at each of ``count`` even levels. A piece
        of the past of about the same rank among the past's own gives each its shape, so that demand comes in bursts where
        it did before; a sum that no past piece can carry falls in one period.
        """
        levels = (np.arange(count) + 0.5) / count
        sums = self.totals.quantiles(levels, self.horizon)
        made = np.empty((len(self.panel.ids), count, self.horizon))
        for row, name in enumerate(self.panel.ids):
            own = generator(self.seed, name)
            shaped = _shaped(sums[row], levels, self._pieces(row), own)
            made[row] = shaped[own.permutation(count)]
        return made

    def _pieces(self, row: int) -> Floats:
        """Cut a history into all its pieces of one horizon, least sum first; a shorter one begins with zeros."""
        past = self.panel.values[row, self.panel.start[row] :]
        past = np.concatenate([np.zeros(max(0, self.horizon - len(past))), past])
        pieces = np.lib.stride_tricks.sliding_window_view(past, self.horizon)
        return np.asarray(pieces[np.argsort(pieces.sum(axis=1), kind="stable")])


def _shaped(sums: Floats, levels: Floats, pieces: Floats, own: np.random.Generator) -> Floats:
    """Give each sum the shape of a past piece of about its level, shape (sums, horizon)."""
    near = levels + own.uniform(-_NEAR, _NEAR, len(levels))
    chosen = pieces[np.clip((near * len(pieces)).astype(np.int64), 0, len(pieces) - 1)]
    whole = chosen.sum(axis=1)
    single = np.zeros(chosen.shape)
    single[np.arange(len(sums)), own.integers(0, chosen.shape[1], len(sums))] = 1.0
    shape = np.where(whole[:, None] > 0.0, chosen / np.where(whole > 0.0, whole, 1.0)[:, None], single)
    return np.asarray(shape * sums[:, None])
