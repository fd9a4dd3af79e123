"""Making the tree of a small mixed-integer proof: branch and bound, least bound first, one linear program a node."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from oreloop.plan.certificate import GAP, useful, with_tree
from oreloop.plan.highs import HIGHS, Optimal, Outcome, Solver, Stopped, with_whole
from oreloop.plan.infeasible import least_violation
from oreloop.plan.model import Floats, Model
from oreloop.plan.proof.exact import Program, write_hex

NODES = 1000
"""Nodes of a tree, unless asked otherwise."""
_PRUNED = float(GAP) / 2


@dataclass(slots=True, kw_only=True)
class _Node:
    """A box, what its linear program said, and how it was split."""

    lower: Floats
    upper: Floats
    told: Outcome
    split: tuple[int, int] | None = None
    children: list[_Node] = field(default_factory=list)


def certify_tree(model: Model, solver: Solver = HIGHS, *, nodes: int = NODES) -> dict[str, Any] | None:
    """Solve a mixed-integer program and write its certificate, leaf by leaf.

    Args:
        model: a program with whole-number columns.
        solver: what solves it, and the linear programs of the nodes.
        nodes: most linear programs; where they do not suffice, what is still open becomes a leaf, and the certificate
            claims the gap that is left. With 1, it is the bound of the root.

    Returns:
        The certificate; None where the solver has no feasible point.
    """
    told = solver.solve(model)
    best = told if isinstance(told, Optimal) else told.best
    if best is None:
        return None
    relaxed = model.relaxed()
    warm = solver.warm(relaxed)

    def solved(lower: Floats, upper: Floats) -> _Node:
        return _Node(lower=lower, upper=upper, told=warm.resolve(replace(relaxed, lower=lower, upper=upper)))

    root = solved(model.lower, model.upper)
    waiting: list[tuple[float, int, _Node]] = [(0.0, 0, root)]
    count = 1
    while waiting and count < nodes:
        _, _, node = heapq.heappop(waiting)
        if not isinstance(node.told, Optimal):
            continue
        if (better := _whole(model, node.told, best, solver)) is not None:
            best = better
        if node.told.objective >= best.objective - _PRUNED * max(1.0, abs(best.objective)):
            continue
        parts = np.where(model.integer, np.abs(node.told.primal - np.rint(node.told.primal)), 0.0)
        column = int(np.argmax(parts))
        at = int(np.floor(node.told.primal[column]))
        if parts[column] == 0.0 or not node.lower[column] <= at < node.upper[column]:
            continue
        node.split = (column, at)
        below, above = node.upper.copy(), node.lower.copy()
        below[column], above[column] = at, at + 1
        node.children = [solved(node.lower, below), solved(above, node.upper)]
        for child in node.children:
            count += 1
            heapq.heappush(waiting, (_bound(child), count, child))
    return with_tree(model, write_hex(np.clip(best.primal, model.lower, model.upper)), _written(relaxed, root, solver))


def _bound(node: _Node) -> float:
    return node.told.objective if isinstance(node.told, Optimal) else float("inf")


def _whole(model: Model, told: Optimal, best: Optimal, solver: Solver) -> Optimal | None:
    """The point with a node's whole numbers, where it has them and costs less than the best known."""
    off = np.abs(told.primal - np.rint(told.primal))[model.integer]
    if off.max(initial=0.0) > _NEAR or told.objective >= best.objective:
        return None
    found = solver.solve(with_whole(model, told.primal))
    return found if isinstance(found, Optimal) and found.objective < best.objective else None


def _written(relaxed: Model, root: _Node, solver: Solver) -> list[dict[str, Any]]:
    """The tree in preorder, with multipliers that are of use at each leaf."""
    tree: list[dict[str, Any]] = []
    left = [root]
    while left:
        node = left.pop()
        if node.split is not None:
            tree.append({"split": node.split[0], "at": node.split[1]})
            left.extend(reversed(node.children))
            continue
        box = replace(relaxed, lower=node.lower, upper=node.upper)
        match node.told:
            case Optimal(duals=duals):
                tree.append({"bound": write_hex(useful(Program(box), duals))})
            case Stopped():
                violated = least_violation(box, solver)
                duals = violated.duals if violated is not None else np.zeros(relaxed.shape[0])
                tree.append({"empty": write_hex(useful(Program(box), duals, priced=False))})
    return tree


_NEAR = 1e-6
"""How far from a whole number a value may be to be tried as one."""
