"""How steady a plan is against the last one: a price on changes of orders, their amount, and their causes.

A supplier who was told of an order has begun to make it. So inside the frozen zone, the first periods of the horizon,
each kilogram more or less than in the last plan is given a price, and the plan changes an order only where that pays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import inf

import polars as pl

from oreloop.base.errors import BadInput
from oreloop.plan.answers import Plan
from oreloop.plan.highs import HIGHS, Solver
from oreloop.plan.network import Network
from oreloop.plan.session import solve
from oreloop.plan.worth import changes

CAUSES: Mapping[str, tuple[str, ...]] = {
    "demand": ("demand", "schedule", "uses"),
    "price": ("offer_prices", "metal_prices"),
    "late_delivery": ("commitments",),
    "licence": ("licences", "approvals"),
}
"""Tables by the cause that they stand for, in the order in which they are let in; all else is an ``edit``."""
KEPT = "kept"
"""The limits of a steady plan are named this, the offer and the period."""


def steady(network: Network, previous_orders: pl.DataFrame, *, penalty_per_kg: float, frozen_periods: int) -> Network:
    """Give the network in which changes of orders inside the frozen zone cost something.

    Each offer in each frozen period gets a soft limit, ``purchase = what the last plan ordered``; what it did not order
    counts as ordered at 0 kg. Nothing else changes, so plans of it are solved, explained and proved as any other; the
    price of changes is their ``limit`` penalty, no money to be paid.

    Args:
        network: what is to be planned.
        previous_orders: orders of the last plan, as `Plan.orders`: offer, order_period, quantity_kg.
        penalty_per_kg: money per kg more or less than in the last plan, not negative.
        frozen_periods: so many first periods of the network are frozen.

    Raises:
        BadInput: ``plan.steady_penalty``; ``plan.steady_periods`` when there are not so many planned periods.
    """
    if not 0.0 <= penalty_per_kg < inf:
        raise BadInput.of("plan.steady_penalty", got=penalty_per_kg)
    if not 0 <= frozen_periods <= len(network.planned):
        raise BadInput.of("plan.steady_periods", got=frozen_periods, expected=len(network.planned))
    before = _ordered(previous_orders, network.planned.names[:frozen_periods])
    kept = [
        {
            "limit": f"{KEPT}:{offer}/{period}", "metric": "purchase", "scope": f"offer={offer}", "period": period,
            "sense": "=", "value": before.get((offer, period), 0.0), "unit": "kg", "kind": "soft",
            "penalty_per_unit": penalty_per_kg,
        }
        for offer in network.activities["buy"].index["offer"]
        for period in network.planned.names[:frozen_periods]
    ]  # fmt: skip
    if not kept:
        return network
    limits = pl.concat([network.limits, pl.DataFrame(kept)], how="diagonal_relaxed")
    return replace(network, tables={**network.tables, "limits": limits}).edited(())


def nervousness(old: pl.DataFrame, new: pl.DataFrame, names: Iterable[str]) -> float:
    """Give how much of what one plan had ordered the next one changes: kg changed over kg planned.

    Summed over offers and the periods that both plans cover: ``sum(abs(new - old)) / sum(old)``. An order put off by a period
    counts twice, as one dropped and one new. Source: the change of quantities over the overlap of two cycles, weighed by
    what was planned, of Sridharan, Berry & Udayabhanu (1988), Measuring master production schedule stability under rolling
    planning horizons, Decision Sciences 19, 147-166; here without a discount for far periods.

    Args:
        old: orders of the last plan, as `Plan.orders`.
        new: orders of this plan.
        names: the periods that both plans cover.

    Returns:
        0 when nothing changed; infinite when orders came to be where none had been at all.

    >>> columns = {"offer": ["a", "b"], "order_period": ["2026-01", "2026-01"]}
    >>> last, now = (pl.DataFrame({**columns, "quantity_kg": kg}) for kg in ([6.0, 2.0], [4.0, 3.0]))
    >>> nervousness(last, now, ["2026-01", "2026-02"])
    0.375
    """
    periods = tuple(names)
    before, after = _ordered(old, periods), _ordered(new, periods)
    changed = sum(abs(after.get(key, 0.0) - before.get(key, 0.0)) for key in before.keys() | after.keys())
    planned = sum(before.values())
    return changed / planned if planned else inf if changed else 0.0


def causes(last: Plan, plan: Plan, *, solver: Solver = HIGHS) -> pl.DataFrame:
    """Say what moved each planned order between two plans, and by which cause.

    From the network of the last plan, the tables of one cause after the other (`CAUSES`) are replaced by those of this
    plan's network, and a plan is made after each; an order's change belongs to the cause that moved it most. Settings,
    the calendar and all other tables come last, as ``edit``. Where the halves do not fit together or have no plan, the
    next cause is let in as well.

    Returns:
        As `oreloop.plan.worth.changes`.
    """
    network, new = last.network, plan.network
    steps = []
    for cause, names in CAUSES.items():
        tables = {name: frame for name, frame in network.tables.items() if name not in names}
        tables |= {name: new.tables[name] for name in names if name in new.tables}
        if _same(network.tables, tables):
            continue
        network = replace(network, tables=tables)
        try:
            told = solve(network.edited(()), solver)
        except BadInput:
            continue
        if isinstance(told, Plan):
            steps.append((cause, told.orders))
    return changes(last.orders, plan.orders, steps=[*steps, ("edit", plan.orders)])


def _same(tables: Mapping[str, pl.DataFrame], others: Mapping[str, pl.DataFrame]) -> bool:
    return tables.keys() == others.keys() and all(frame.equals(others[name]) for name, frame in tables.items())


def _ordered(orders: pl.DataFrame, periods: Iterable[str]) -> dict[tuple[str, str], float]:
    """Kg by offer and period, in some periods."""
    inside = orders.filter(pl.col("order_period").is_in(list(periods)))
    by_order = inside.group_by("offer", "order_period").agg(pl.col("quantity_kg").sum())
    return {(offer, period): kg for offer, period, kg in by_order.sort("offer", "order_period").iter_rows()}
