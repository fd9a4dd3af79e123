"""The program of a network without its box: only what the case itself says bounds a flow.

A proof needs a bound for every column, so a program boxes each flow by `Network.box_kg`, more than any metal that could be
wanted. Where more is wanted the box grows with it; so it is no limit of the case, and whoever asks how far something holds
must not meet it. The box stands in three places: as the upper bound of columns, as what a whole order, campaign or agreement
without a ceiling comes to, and as how far a soft limit may be missed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from oreloop.plan.formulate import bound_at
from oreloop.plan.model import Floats, Ints, Model
from oreloop.plan.network import Network

_ROUNDING = 1e-9


def unboxed(network: Network, model: Model, primal: Floats) -> Model:
    """Give a program without the box of its network.

    Args:
        network: what is planned.
        model: its program, with whole-number choices fixed.
        primal: an optimal point, shape ``(columns,)``. A flow that fills the box stays in it: something that pays for itself
            at any size has no other end.
    """
    box = network.box_kg
    upper, row_upper = model.upper.copy(), model.row_upper.copy()
    boxed, slack = upper == box, model.column_blocks["slack"].slice
    boxed[slack] = True
    own = np.full(len(upper), np.inf)
    for name, activity in network.activities.items():
        own[model.column_blocks[name].slice] = activity.most_kg.ravel()
    boxed &= primal < upper * (1 - _ROUNDING)
    upper[boxed] = own[boxed]
    for rows, columns, comes_to in _choices(network, model):
        row_upper[rows[(comes_to >= box / 2) & (model.lower[columns] >= 1)]] = np.inf
    return replace(model, upper=upper, row_upper=row_upper)


def _choices(network: Network, model: Model) -> Iterator[tuple[Ints, Ints, Floats]]:
    """The rows that tie flows to choices: rows, columns of the choices, and what each comes to in kg."""
    for each in network.counted:
        at = bound_at(network, each)
        rows = model.row_blocks[f"{each.name}_most"].start + np.arange(len(at))
        yield rows, model.column_blocks[each.name].start + at, each.most_kg.ravel()[at]
    agreed, at = network.take_or_pay, np.flatnonzero(network.take_or_pay.most_kg)
    columns = model.column_blocks["signed"].start + at // len(network.calendar)
    yield model.row_blocks["signed"].start + np.arange(len(at)), columns, agreed.most_kg.ravel()[at]
