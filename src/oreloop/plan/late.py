"""Demand that is met late: what may be late, what it costs, and how it is carried from one period to the next.

With ``late_cost_per_kg_day``, demand that is not met in its period may be met in a later one. Late is what is carried out
of a period; each kilogram of it costs so much for each day of that period, since what is due on its first usable day waits
until that of the next. Nothing is carried beyond the planned horizon: what is still late on the last planned day is
given up, and short at the price of a shortage in that period. In the extension, where nothing is decided, nothing is late.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from oreloop.plan.blocks import Block, Builder
from oreloop.plan.model import Floats

if TYPE_CHECKING:
    from oreloop.plan.network import Network


def most_late_kg(demand_kg: Floats, planned: int, late_cost_per_kg_day: float | None) -> Floats:
    """Give what may be late at the end of each period: all that was due so far, but on the last planned day nothing.

    Args:
        demand_kg: shape ``(demands, periods)``.
        planned: how many periods are planned for themselves.
        late_cost_per_kg_day: of the settings; None where nothing may be late.

    Returns:
        Kg, in the shape of the demand.

    >>> most_late_kg(np.array([[5.0, 0.0, 2.0, 2.0]]), 3, 0.1).tolist()
    [[5.0, 5.0, 0.0, 0.0]]
    """
    if late_cost_per_kg_day is None:
        return np.zeros_like(demand_kg)
    carried = np.arange(demand_kg.shape[1]) < planned - 1
    return np.where(carried, demand_kg.cumsum(axis=1), 0.0)


def most_served_kg(demand_kg: Floats, planned: int, late_cost_per_kg_day: float | None) -> Floats:
    """Give what may be met, or given up, in each period: its demand, and what may be late from before; as `most_late_kg`.

    >>> most_served_kg(np.array([[5.0, 0.0, 2.0, 2.0]]), 3, 0.1).tolist()
    [[5.0, 5.0, 7.0, 2.0]]
    """
    late = most_late_kg(demand_kg, planned, late_cost_per_kg_day)
    before = np.hstack([np.zeros((len(late), 1)), late[:, :-1]])
    return np.asarray(demand_kg + before)


def late_columns(network: Network) -> Mapping[str, Floats]:
    """Give most and cost of what is late, shape ``(demands, periods)``; nothing where nothing may be late."""
    each_day = network.settings.late_cost_per_kg_day
    if each_day is None:
        return {}
    kg = network.demand_kg
    return {
        "upper": most_late_kg(kg, network.calendar.planned, each_day),
        "cost": np.broadcast_to(each_day * network.calendar.days, kg.shape),
    }


def carry_late(lp: Builder, demand: Block, late: Block, periods: int) -> None:
    """Carry what is late out of the demand of its period, into that of the next.

    Args:
        lp: where the program is stated.
        demand: rows of demand.
        late: columns of what is late, in the same order.
        periods: of the horizon.
    """
    lp.add(demand, demand.all, late, late.all, 1.0)
    into = demand.all[demand.all % periods > 0]
    lp.add(demand, into, late, into - 1, -1.0)


def told_late(open_kg: float, late_kg: float) -> float:
    """Tell how much of what is still open is late and not given up: what the plan carries, as far as it is open."""
    return min(max(open_kg, 0.0), max(late_kg, 0.0))
