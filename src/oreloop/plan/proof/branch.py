"""Making the tree of a small mixed-integer proof: the search for the cheapest point (`oreloop.plan.search`), leaf by leaf."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from oreloop.plan.certificate import useful, with_tree
from oreloop.plan.highs import HIGHS, Optimal, Solver, Stopped
from oreloop.plan.infeasible import least_violation
from oreloop.plan.model import Model
from oreloop.plan.proof.exact import Program, write_hex
from oreloop.plan.search import Node, search

NODES = 1000
"""Nodes of a tree, unless asked otherwise."""


def certify_tree(
    model: Model, solver: Solver = HIGHS, *, nodes: int = NODES, best: Optimal | None = None
) -> dict[str, Any] | None:
    """Solve a mixed-integer program and write its certificate, leaf by leaf.

    Args:
        model: a program with whole-number columns.
        solver: what solves it, and the linear programs of the nodes.
        nodes: most linear programs; where they do not suffice, what is still open becomes a leaf, and the certificate
            claims the gap that is left. With 1, it is the bound of the root.
        best: a point known before; None: the solver is asked for one.

    Returns:
        The certificate; None where the solver has no feasible point.
    """
    if best is None:
        told = solver.solve(model)
        best = told if isinstance(told, Optimal) else told.best
        if best is None:
            return None
    relaxed = model.relaxed()
    found = search(model, relaxed, solver.warm(relaxed), nodes=nodes, best=best)
    assert found.best is not None
    point = write_hex(np.clip(found.best.primal, model.lower, model.upper))
    return with_tree(model, point, written(relaxed, found.root, solver), prices=found.best.duals)


def written(relaxed: Model, root: Node, solver: Solver) -> list[dict[str, Any]]:
    """Give the tree of a search in preorder, with multipliers that are of use at each leaf.

    Args:
        relaxed: the program without the demand that columns be whole.
        root: of the tree.
        solver: what says why a box holds no point.
    """
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
