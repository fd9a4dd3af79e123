"""The cheapest choice, by branch and bound on priced demand.

Each node is bounded by prices (`oreloop.plan.choice.relax`), facilities whose reduced cost settles them are settled,
and the rest is split. What remains is a list of leaves, each with prices that show that it holds nothing better: the
proof (`oreloop.plan.choice.proof`). A choice at hand cuts the search; sets that the prices take, and their
neighbours, are served exactly.
"""

from __future__ import annotations

import heapq

import numpy as np

from oreloop.plan.choice.problem import Choice
from oreloop.plan.choice.proof import Leaf, Proved
from oreloop.plan.choice.relax import Node, Priced, climb, first_prices, flipped, price
from oreloop.plan.choice.serve import Served, Server
from oreloop.plan.highs import HIGHS, Solver, Stopped
from oreloop.plan.model import Flags, Floats

_ROOT_STEPS, _NODE_STEPS = 300, 20
_NEAR = 40
"""Neighbours of the best set that are looked at, those first that prices speak for."""


def choose(choice: Choice, *, solver: Solver = HIGHS, gap: float = 1e-7, most_nodes: int = 100_000) -> Proved | Stopped:
    """Find the cheapest choice and the proof that there is no cheaper one.

    Args:
        choice: what to choose from.
        solver: for the flows of an open set.
        gap: relative distance of cost and bound at which a node is done; at least 1e-10.
        most_nodes: the search ends after so many, with a proved bound that lies farther off.

    Returns:
        The choice with its proof; `Stopped` with status ``infeasible`` when nothing serves all demand, ``failed`` when
        the search ended before any choice was found.

    Raises:
        Unavailable: ``plan.solver_failed``.

    >>> prices = [[1.0, 1.0], [2.0, 1.0]]
    >>> two = Choice.of(open_cost=[5.0, 1.0], capacity=[9.0, 4.0], demand=[3.0, 2.0], unit_cost=prices)
    >>> found = choose(two)
    >>> found.objective, found.is_open.tolist()
    (10.0, [True, False])
    """
    return _Search(choice, solver, max(gap, 1e-10)).run(most_nodes)


class _Search:
    """The heap of open nodes, the best choice so far, and the leaves."""

    def __init__(self, choice: Choice, solver: Solver, gap: float) -> None:
        self._choice, self._server, self._gap = choice, Server(choice, solver), gap
        self._all = Node(on=np.zeros(choice.shape[0], dtype=np.bool_), off=np.zeros(choice.shape[0], dtype=np.bool_))
        self._tried: set[bytes] = set()
        self._lines: list[Priced] = []
        self._paid, self._reduced = np.zeros(0), np.zeros((0, choice.shape[0]))
        self._best: tuple[Flags, Served] | None = None
        # No choice costs more than to open everything and to serve each customer from the dearest.
        self._ceiling = 1.0 + float(choice.open_cost.sum() + (np.abs(choice.unit_cost) * choice.most).max(axis=0).sum())
        self._heap: list[tuple[float, int, Node, Floats]] = []
        self._leaves: list[Leaf] = []
        self._count = 0

    def run(self, most_nodes: int) -> Proved | Stopped:
        choice = self._choice
        root = Node.root(choice)
        self._push(-np.inf, root, first_prices(choice))
        nodes = 0
        while self._heap and nodes < most_nodes:
            bound, _, node, prices = heapq.heappop(self._heap)
            if bound >= self._cutoff():
                self._close(node, prices, bound)
                continue
            self._expand(node, prices, steps=_NODE_STEPS if nodes else _ROOT_STEPS)
            nodes += 1
        ended = not self._heap
        for bound, _, node, prices in self._heap:
            self._close(node, prices, bound)
        if self._best is None:
            return Stopped(status="infeasible" if ended else "failed", said="no choice serves all demand")
        is_open, served = self._best
        return Proved(
            objective=served.cost,
            bound=min(served.cost, *(leaf.bound for leaf in self._leaves)),
            is_open=is_open,
            flows=served.flows,
            leaves=tuple(self._leaves),
            nodes=nodes,
        )

    def _cutoff(self) -> float:
        """The bound at which nothing in a node is worth a look."""
        if self._best is None:
            return self._ceiling
        cost = self._best[1].cost
        return cost - self._gap * max(1.0, abs(cost)) * 0.9

    def _expand(self, node: Node, prices: Floats, *, steps: int) -> None:
        choice = self._choice
        if not node.free.size:
            self._settle(node, prices)
            return
        tries = [max(2, steps // 20)]

        def seen(at: Priced) -> None:
            if tries[0] and self._try(at.taken):
                tries[0] -= 1

        at, often = climb(choice, node, prices, steps=steps, cutoff=self._cutoff, seen=seen)
        self._try(at.taken)
        if steps == _ROOT_STEPS:
            self._improve()
        if at.bound >= self._cutoff():
            self._close(node, at.prices, at.bound)
            return
        for facility in node.free.tolist():
            for opened in (True, False):
                bound = flipped(choice, node, at, facility, opened)
                if bound >= self._cutoff():
                    self._close(node.with_one(facility, opened), at.prices, bound)
                    node = node.with_one(facility, not opened)
                    break
        free = node.free
        if not free.size:
            self._push(at.bound, node, at.prices)
            return
        split = int(free[np.lexsort((np.abs(at.reduced[free]), np.abs(often[free] - 0.5)))[0]])
        for opened in (True, False):
            self._push(flipped(choice, node, at, split, opened), node.with_one(split, opened), at.prices)

    def _settle(self, node: Node, prices: Floats) -> None:
        """Close a node in which every facility is settled: by prices at hand, or by those of serving it."""
        best = price(self._choice, node, prices)
        if best.bound < self._cutoff() and node.on.tobytes() not in self._tried:
            self._serve(node.on)
        if self._lines:
            spoken = self._lines[int(self._said(node.on[None]).argmax())]
            best = max(best, price(self._choice, node, spoken.prices), key=lambda each: each.bound)
        self._close(node, best.prices, best.bound)

    def _try(self, is_open: Flags) -> bool:
        """Serve an open set that was not served before and may be cheaper than the best."""
        choice = self._choice
        enough = choice.capacity[is_open].sum() >= choice.demand.sum() * (1.0 - 1e-12)
        if not enough or not choice.fewest <= is_open.sum() <= choice.at_most or is_open.tobytes() in self._tried:
            return False
        if self._lines and self._said(is_open[None]).max() >= self._cutoff():
            return False
        self._serve(is_open)
        return True

    def _serve(self, is_open: Flags) -> None:
        """Serve an open set and keep the prices that prove its cost."""
        self._tried.add(is_open.tobytes())
        served = self._server.serve(is_open)
        line = price(self._choice, self._all, served.prices)
        self._lines.append(line)
        self._paid = np.append(self._paid, line.prices @ self._choice.demand)
        self._reduced = np.vstack([self._reduced, line.reduced])
        if np.isfinite(served.cost) and (self._best is None or served.cost < self._best[1].cost):
            self._best = is_open.copy(), served

    def _said(self, sets: Flags) -> Floats:
        """What the prices at hand say that open sets cost at least.

        Args:
            sets: shape ``(sets, facilities)``.

        Returns:
            Shape ``(lines, sets)``.
        """
        return np.asarray(self._paid[:, None] + self._reduced @ sets.T)

    def _improve(self) -> None:
        """Add, drop and exchange facilities of the best set, as long as it gets cheaper."""
        usable = ~Node.root(self._choice).off
        better = self._best is not None
        while better and self._best is not None:
            held, served = self._best
            outs, ins = (np.append(np.flatnonzero(each), -1) for each in (held, usable & ~held))
            near = np.repeat(held[None], len(outs) * len(ins), axis=0)
            for settled, facilities in ((False, np.repeat(outs, len(ins))), (True, np.tile(ins, len(outs)))):
                rows = np.flatnonzero(facilities >= 0)
                near[rows, facilities[rows]] = settled
            said = self._said(near).max(axis=0)
            for at in np.argsort(said, kind="stable")[:_NEAR].tolist():
                self._try(near[at])
            better = self._best[1].cost < served.cost

    def _push(self, bound: float, node: Node, prices: Floats) -> None:
        self._count += 1
        heapq.heappush(self._heap, (bound, self._count, node, prices))

    def _close(self, node: Node, prices: Floats, bound: float) -> None:
        self._leaves.append(Leaf(on=node.on, off=node.off, prices=prices, bound=bound))
