"""What the cases solved by hand share: a toll with its roads, and what a plan bought."""

from __future__ import annotations

import polars as pl

from oreloop.plan import Plan, solve

TOLL_RECIPE = [
    {"process": "toll", "material": "scrap", "direction": "in", "main": True},
    {"process": "toll", "material": "ir", "direction": "out", "direct_yield": 0.9},
]
ROADS = [
    {"lane": "there", "from_site": "fab", "to_site": "ref", "material": "scrap"},
    {"lane": "back", "from_site": "ref", "to_site": "fab", "material": "ir"},
]


def planned(network) -> Plan:
    plan = solve(network)
    assert isinstance(plan, Plan)
    return plan


def bought(plan: Plan, offer: str) -> dict[str, float]:
    return dict(plan.orders.filter(pl.col("offer") == offer).select("order_period", "quantity_kg").iter_rows())
