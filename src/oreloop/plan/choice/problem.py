"""Which facilities to open, or which suppliers to take, and what each customer gets from each.

Minimise the cost of opening and serving: every customer's demand is met, a facility that is open carries at most its
capacity and at least its minimum order, one that is closed carries nothing. Kilograms may be split between facilities.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from oreloop.base.errors import BadInput
from oreloop.plan.blocks import Builder
from oreloop.plan.model import Flags, Floats, Model


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Choice:
    """A choice of facilities; state it with `Choice.of`.

    Args:
        open_cost: money for opening each, shape ``(facilities,)``.
        capacity: kg that each can carry, shape ``(facilities,)``.
        least: kg that each must carry if it is open (its minimum order), shape ``(facilities,)``.
        demand: kg of each customer, shape ``(customers,)``.
        unit_cost: money per kg, shape ``(facilities, customers)``.
        most: kg that each facility may carry to each customer, at most the demand, shape ``(facilities, customers)``.
        at_most: how many may be open.
        fewest: how many must be open for their capacities to reach the demand; more than there are if none can.
    """

    open_cost: Floats
    capacity: Floats
    least: Floats
    demand: Floats
    unit_cost: Floats
    most: Floats
    at_most: int
    fewest: int

    @classmethod
    def of(
        cls,
        *,
        open_cost: Any,
        capacity: Any,
        demand: Any,
        unit_cost: Any,
        least: Any = 0.0,
        most: Any = np.inf,
        at_most: int | None = None,
    ) -> Choice:
        """State a choice; arrays broadcast to the shapes of the fields.

        Args:
            open_cost: money, not below zero.
            capacity: kg; infinite where nothing bounds it.
            demand: kg, finite, not below zero; its length is the number of customers.
            unit_cost: money per kg; infinite where a facility cannot serve a customer.
            least: kg that a facility carries at least where it is open.
            most: kg between each pair, for ceilings on shares (``0.6 * demand``).
            at_most: how many may be open; all when None.

        Raises:
            BadInput: ``plan.choice_shape`` when an array does not fit, ``plan.choice_number`` when it holds a number
                that makes no sense.

        >>> prices = [[1.0, 1.0], [2.0, 1.0]]
        >>> two = Choice.of(open_cost=[5.0, 1.0], capacity=[9.0, 4.0], demand=[3.0, 2.0], unit_cost=prices)
        >>> two.shape
        (2, 2)
        """
        kg, price = np.asarray(demand, dtype=np.float64).ravel(), np.asarray(unit_cost, dtype=np.float64)
        if price.ndim != 2 or price.shape[1] != len(kg) or price.shape[0] == 0:
            raise BadInput.of("plan.choice_shape", field="unit_cost", got=price.shape, expected=("facilities", len(kg)))
        count = len(price)
        fields = {"open_cost": open_cost, "capacity": capacity, "least": least, "most": most}
        shaped = {
            name: _shaped(name, value, price.shape if name == "most" else (count,)) for name, value in fields.items()
        }
        for name, values in {"demand": kg, "unit_cost": price, **shaped}.items():
            wrong = np.isnan(values) | np.isneginf(values)
            if name != "unit_cost":
                wrong |= values < 0.0
            if name in ("demand", "open_cost", "least"):
                wrong |= np.isinf(values)
            if wrong.any():
                raise BadInput.of("plan.choice_number", field=name, got=float(values[wrong][0]))
        served = np.isfinite(price)
        pair = np.where(served, np.minimum(shaped["most"], kg), 0.0)
        capacity = np.minimum(shaped["capacity"], pair.sum(axis=1))
        reach = np.cumsum(np.sort(capacity)[::-1])
        return cls(
            open_cost=shaped["open_cost"],
            capacity=capacity,
            least=shaped["least"],
            demand=kg,
            unit_cost=np.where(served, price, 0.0),
            most=pair,
            at_most=count if at_most is None else min(at_most, count),
            fewest=int(np.searchsorted(reach, kg.sum() * (1.0 - 1e-12))) + 1 if kg.sum() > 0.0 else 0,
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Facilities and customers."""
        facilities, customers = self.unit_cost.shape
        return facilities, customers

    def cost(self, is_open: Flags, flows: Floats) -> float:
        """Money for opening and serving; ``flows`` in kg, shape ``(facilities, customers)``."""
        return float(self.open_cost[is_open].sum() + (self.unit_cost * flows).sum())


def strong(choice: Choice) -> Model:
    """State a choice as one mixed-integer program, with a linking row for every pair.

    The row ``flow <= most * open`` of each pair cuts off fractions of a facility that the one row of its capacity lets
    pass. Columns ``flow`` (facilities, customers) in kg and ``open``;
    rows ``demand``, ``capacity``, ``least``, ``link`` and ``count``.
    """
    facilities, customers = choice.shape
    lp = Builder()
    flow = lp.columns("flow", (facilities, customers), upper=choice.most, cost=choice.unit_cost)
    opened = lp.columns("open", (facilities,), upper=1.0, cost=choice.open_cost, integer=True)
    demand = lp.rows("demand", (customers,), lower=choice.demand, upper=choice.demand)
    lp.add(demand, demand.all, flow, flow.all, 1.0)
    for name, kg, sides in (
        ("capacity", choice.capacity, {"upper": 0.0}),
        ("least", choice.least, {"lower": 0.0}),
    ):
        rows = lp.rows(name, (facilities,), **sides)
        lp.add(rows, rows.all[:, None], flow, flow.all, 1.0)
        lp.add(rows, rows.all, opened, opened.all, -kg)
    link = lp.rows("link", (facilities, customers), upper=0.0)
    lp.add(link, link.all, flow, flow.all, 1.0)
    lp.add(link, link.all, opened, opened.all[:, None], -choice.most)
    # Where fewer may be open than it takes to carry the demand, the rows of capacity say so.
    fewest = min(choice.fewest, choice.at_most)
    count = lp.rows("count", (1,), lower=float(fewest), upper=float(choice.at_most))
    lp.add(count, 0, opened, opened.all, 1.0)
    return lp.build()


def _shaped(name: str, value: Any, shape: tuple[int, ...]) -> Floats:
    given = np.asarray(value, dtype=np.float64)
    try:
        return np.array(np.broadcast_to(given, shape))
    except ValueError:
        raise BadInput.of("plan.choice_shape", field=name, got=given.shape, expected=shape) from None
