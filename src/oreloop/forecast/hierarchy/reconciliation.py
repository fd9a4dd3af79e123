"""Changes forecasts of all nodes as little as needed for the sums to hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from oreloop.base.errors import BadInput, problem
from oreloop.forecast.hierarchy.nodes import Hierarchy, aggregate
from oreloop.forecast.hierarchy.spread import Spread, shrunk, variances
from oreloop.forecast.panel import Floats

Method = Literal["bottom_up", "wls_structural", "wls_variance", "mint_shrink"]
METHODS: tuple[Method, ...] = get_args(Method)
"""Labels are ``forecast.reconciliation.<name>``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """Forecasts that add up.

    Args:
        mean: shape (nodes, horizon), nodes in the order of the hierarchy.
        paths: shape (nodes, horizon, samples), each adding up by itself; None where none were given.
    """

    mean: Floats
    paths: Floats | None


def reconcile(
    hierarchy: Hierarchy,
    mean: Floats,
    paths: Floats | None = None,
    errors: Floats | None = None,
    *,
    method: Method = "bottom_up",
    nonnegative: bool = True,
) -> Reconciled:
    """Make forecasts of all nodes add up.

    ``b = y_b + W_b A' (A W_b A' + W_a)^-1 (y_a - A y_b)`` for independent errors, the same projection as
    ``(S' W^-1 S)^-1 S' W^-1 y`` (Wickramasuriya, Athanasopoulos and Hyndman 2019, JASA 114, equations 9 and 10), written
    so that one equation stands for each sum; these are sparse in a tree. Correlated errors add a low-rank term, solved by
    the Woodbury identity. Sums are then made of the bottom values, so that they hold for the mean and every path.

    Args:
        hierarchy: which nodes are sums of which bottom series.
        mean: base forecasts, shape (nodes, horizon): means, as the mean of paths is. Medians do not add up: of skewed
            demand their sums are too low.
        paths: base sample paths, shape (nodes, horizon, samples). Paths drawn for each node by itself must first be
            brought together (`oreloop.forecast.hierarchy.together`), or the bands of the sums are too narrow.
        errors: past errors of the base forecasts, shape (nodes, n), NaN where there is none; needed by ``wls_variance``
            and ``mint_shrink``.
        method: ``bottom_up``; ``wls_structural``, variances as the number of bottom series in a node (Athanasopoulos,
            Hyndman, Kourentzes and Petropoulos 2017); ``wls_variance``, as past errors; ``mint_shrink``, with their
            shrunk correlations.
        nonnegative: bottom values below zero are set to zero before they are added up (Di Fonzo and Girolimetto 2023,
            Solar Energy 251), which lifts the sums above them by as much.

    Raises:
        BadInput: ``forecast.unknown_choice``, ``forecast.hierarchy_shape``, ``forecast.hierarchy_not_finite`` with the
            node, ``forecast.hierarchy_no_errors``, ``forecast.hierarchy_few_errors``.
    """
    _check(hierarchy, mean, paths, errors)
    project = _projection(hierarchy, _spread(hierarchy, errors, method))

    def added(values: Floats) -> Floats:
        flat = project(values.reshape(len(values), -1))
        return aggregate(hierarchy, (np.maximum(flat, 0.0) if nonnegative else flat).reshape(-1, *values.shape[1:]))

    return Reconciled(mean=added(mean), paths=None if paths is None else added(paths))


def _spread(hierarchy: Hierarchy, errors: Floats | None, method: str) -> Spread | None:
    """Choose the weights; none for bottom-up."""
    match method:
        case "bottom_up":
            return None
        case "wls_structural":
            members = np.concatenate([hierarchy.sums.sum(axis=1), np.ones(len(hierarchy.bottom))])
            return Spread(alone=members, common=np.zeros((len(members), 0)))
        case "wls_variance" | "mint_shrink":
            if errors is None:
                raise BadInput.of("forecast.hierarchy_no_errors", name=method)
            return variances(errors) if method == "wls_variance" else shrunk(errors)
        case _:
            raise BadInput.of("forecast.unknown_choice", name="method", got=method, expected=", ".join(METHODS))


def _projection(hierarchy: Hierarchy, spread: Spread | None) -> Callable[[Floats], Floats]:
    """Prepare the map from base values of all nodes to bottom values, shapes (nodes, n) and (bottom series, n)."""
    from scipy.sparse import csc_array, diags_array
    from scipy.sparse.linalg import splu

    sums = hierarchy.sums
    above = sums.shape[0]
    if spread is None or not above:
        return lambda values: values[above:]
    weights = spread.alone[above:]
    equations = sums @ diags_array(weights) @ sums.T + diags_array(spread.alone[:above])
    # symmetric and positive definite: pivots stay on the diagonal, and the order keeps a tree's factor sparse
    alone = splu(
        csc_array(equations), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True}
    ).solve
    below, gap = spread.common[above:], spread.common[:above] - sums @ spread.common[above:]
    solved = alone(gap)
    inner = np.eye(gap.shape[1]) + gap.T @ solved

    def project(values: Floats) -> Floats:
        missing = alone(np.asarray(values[:above] - sums @ values[above:]))
        shadow = missing - solved @ np.linalg.solve(inner, gap.T @ missing)
        moved: Floats = values[above:] + weights[:, None] * (sums.T @ shadow) - below @ (gap.T @ shadow)
        return moved

    return project


def _check(hierarchy: Hierarchy, mean: Floats, paths: Floats | None, errors: Floats | None) -> None:
    nodes = len(hierarchy.ids)
    wanted = (
        ("mean", mean, 2, (nodes,)),
        ("paths", paths, 3, (nodes, *mean.shape[1:])),
        ("errors", errors, 2, (nodes,)),
    )
    found = [
        problem("forecast.hierarchy_shape", name=name, got=given.shape, nodes=nodes)
        for name, given, axes, first in wanted
        if given is not None and (given.ndim != axes or given.shape[: len(first)] != first)
    ]
    if found:
        raise BadInput(found)
    for name, given in (("mean", mean), ("paths", paths)):
        if given is not None:
            bad = ~np.isfinite(given.reshape(nodes, -1)).all(axis=1)
            found += [
                problem("forecast.hierarchy_not_finite", name=name, series=hierarchy.ids[row])
                for row in np.flatnonzero(bad)
            ]
    if found:
        raise BadInput(found)
