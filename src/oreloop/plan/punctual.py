"""Readiness in whole milligrams: no step leaves with metal that is not there yet.

The rows are those of `oreloop.plan.tables.ready`, with the integers of `oreloop.plan.flows` in place of the floats.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from oreloop.plan.model import Ints
from oreloop.plan.network import Network
from oreloop.plan.tables.ready import NAMES


class Punctual:
    """The rows of readiness of a network, asked with milligrams.

    Args:
        network: what is planned.
        early_mg: milligrams of each early part, shape ``(parts,)``; changed in place where metal lacks.
        inflow_mg: what comes without a decision, shape ``(inflows,)``.
    """

    def __init__(self, network: Network, early_mg: Ints, inflow_mg: Ints) -> None:
        self.early_mg = early_mg
        self._network, self._ready = network, network.ready
        self._count = len(self._ready.rows[0])
        row, inflow = self._ready.known
        self._known = _summed(row, inflow_mg[inflow], self._count)

    def spare_mg(self, mg: Mapping[str, Ints], posted: Mapping[str, Ints], stock_mg: Ints) -> Ints:
        """Say how much more each row has than must have left, shape ``(rows,)``; below zero, metal would leave too soon.

        Args:
            mg: of each activity, shape ``(entities, periods)``.
            posted: of each posting, shape ``(postings, periods)``.
            stock_mg: at the end of each period, shape ``(nodes, periods)``.
        """
        node, period, _ = self._ready.rows
        before = np.where(period > 0, stock_mg[node, np.maximum(period - 1, 0)], 0)
        spare = self._known + before
        for name, (row, at, since) in self._ready.comes.items():
            spare += _summed(row, posted[name][at, since], self._count)
        for name, terms in self._ready.comes_early.items():
            spare += _summed(terms[0], self._come_early(name, posted), self._count)
        for name, (row, entity) in self._ready.leaves.items():
            spare -= _summed(row, mg[name][entity, period[row]], self._count)
        row, part = self._ready.leaves_early
        return np.asarray(spare - _summed(row, self.early_mg[part], self._count))

    def _come_early(self, name: str, posted: Mapping[str, Ints]) -> Ints:
        _, at, since, part = self._ready.comes_early[name]
        kg_per_kg = self._network.postings[name].kg_per_kg[at, since]
        come = np.floor(self.early_mg[part] * kg_per_kg + 1e-9).astype(np.int64)
        return np.asarray(np.minimum(come, posted[name][at, since]))

    def send_less(self, period: int, mg: Mapping[str, Ints], posted: Mapping[str, Ints], stock_mg: Ints) -> bool:
        """Let as much less leave in a period as lacks, early parts first and the largest first; tell whether any did."""
        if not self._count:
            return False
        self._fit(period, mg)
        spare = self.spare_mg(mg, posted, stock_mg)
        lacking = np.flatnonzero((spare < 0) & (self._ready.rows[1] == period)).tolist()
        for row in lacking:
            lacks = int(-spare[row])
            parts = self._ready.leaves_early[1][self._ready.leaves_early[0] == row]
            for part in parts[np.argsort(-self.early_mg[parts], kind="stable")]:
                less = min(lacks, int(self.early_mg[part]))
                self.early_mg[part] -= less
                lacks -= less
            for name, (rows, entity) in self._ready.leaves.items():
                leaving = entity[rows == row]
                for one in leaving[np.argsort(-mg[name][leaving, period], kind="stable")]:
                    less = min(lacks, int(mg[name][one, period]))
                    mg[name][one, period] -= less
                    lacks -= less
        return bool(lacking)

    def _fit(self, period: int, mg: Mapping[str, Ints]) -> None:
        """Keep early parts within what leaves at all, and those of runs within what is fed early."""
        of, entity, when = self._ready.early
        for number, name in enumerate(NAMES):
            mine = np.flatnonzero((of == number) & (when == period))
            self.early_mg[mine] = np.minimum(self.early_mg[mine], mg[name][entity[mine], period])
        part, group = self._ready.feeds
        (whole, draw), (some, early) = self._ready.feed_draws, self._ready.feed_early
        fed = _summed(whole, mg["draw"][draw, when[part[whole]]], len(part))
        fed += _summed(some, self.early_mg[early], len(part))
        most = np.floor(fed / self._network.draw_groups["kg"].to_numpy()[group] + 1e-9).astype(np.int64)
        now = when[part] == period
        np.minimum.at(self.early_mg, part[now], most[now])


def _summed(row: Ints, mg: Ints, count: int) -> Ints:
    total = np.zeros(count, dtype=np.int64)
    np.add.at(total, row, mg)
    return total
