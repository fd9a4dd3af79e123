"""Which demand each order serves, in kilograms, and what it would cost to do without the order.

Metal is followed in whole milligrams by `oreloop.plan.flows.peg`: what leaves a place is a proportional part of all that
it holds. Here every order of a plan is an origin of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import isfinite
from typing import Any

import numpy as np
import polars as pl

from oreloop.base.texts import Language, label
from oreloop.plan.answers import Plan
from oreloop.plan.flows import MG_PER_KG, WholeFlows, peg
from oreloop.plan.model import Ints
from oreloop.plan.network import Activity, Network, Postings
from oreloop.plan.session import Session
from oreloop.plan.tables.buckets import by_time

_T, _F = pl.Utf8, pl.Float64
_SAME = 1e-10
"""Two costs closer than this, relative, are one."""
_ORDER = ("order", "offer", "order_period")
_DEMAND = ("demand_site", "demand_material", "demand_period")
_PEGGED = dict.fromkeys((*_ORDER, *_DEMAND), _T) | {"quantity_kg": _F, "next_best_per_kg": _F}


def pegging(plan: Plan, *, session: Session | None = None) -> pl.DataFrame:
    """Give the demand that each order of the planned periods serves.

    Args:
        plan: the plan.
        session: of its network, where the caller has one; asked what the plan costs without each order.

    Returns:
        One row an order and a demand of one period: order, offer, order_period, demand_site, demand_material,
        demand_period, ``quantity_kg`` of the order's metal that is used there, ``next_best_per_kg``: what one kg more
        costs on average when the whole order must be done without (the rise of the cost, penalties included, over the
        kg of the order), null where no plan holds all limits without it. In the order of orders, then demands.

        The rows of an order add up to its kg, less what is lost in processes, given back, left in stock or under way at
        the end of the horizon. Scrap that comes back from a use is the metal of that use, no longer of an order.
    """
    session = session or Session(plan.network)
    orders = np.argwhere(plan.flows_mg.mg["buy"] > 0)
    serve, names = plan.network.activities["serve"].index, plan.network.horizon.names
    served: dict[tuple[int, int, int], int] = {}
    numbers = {f"{number}": number for number in range(len(orders))}
    for each in peg(*_by_order(plan.network, plan.flows_mg, orders)):
        kind, name, _ = each.origin
        if kind == "offer" and orders[numbers[name]][1] < plan.network.calendar.planned:
            key = (numbers[name], each.serve, each.period)
            served[key] = served.get(key, 0) + each.mg
    offers = plan.network.activities["buy"].index["offer"]
    dearer = {number: _dearer(plan, session, *orders[number]) for number in {key[0] for key in served}}
    rows = [
        (
            f"{offers[int(orders[number][0])]}/{names[orders[number][1]]}", offers[int(orders[number][0])],
            names[orders[number][1]], *serve.select("site", "material").row(use), names[period], mg, dearer[number],
        )
        for (number, use, period), mg in served.items()
    ]  # fmt: skip
    frame = pl.DataFrame(rows, schema=_PEGGED | {"quantity_kg": pl.Int64}, orient="row")
    frame = frame.group_by(*_ORDER, *_DEMAND, "next_best_per_kg").agg(pl.col("quantity_kg").sum() / MG_PER_KG)
    ordered, wanted = (by_time(plan.network.horizon, name) for name in ("order_period", "demand_period"))
    return frame.select(list(_PEGGED)).sort(*ordered, "offer", *wanted, "demand_site", "demand_material")


def _dearer(plan: Plan, session: Session, entity: int, period: int) -> float | None:
    """What one kg more costs when an order must be done without; a difference in the last digits is none."""
    risen = session.cost_without("buy", int(entity), int(period)) - plan.objective
    kg = int(plan.flows_mg.mg["buy"][entity, period]) / MG_PER_KG
    if not isfinite(risen):
        return None
    return risen / kg if risen > _SAME * max(1.0, abs(plan.objective)) else 0.0


def _by_order(network: Network, flows: WholeFlows, orders: Ints) -> tuple[Network, WholeFlows]:
    """The same network and flows as if each order were an offer of its own, named by its number.

    Args:
        network: of the plan.
        flows: its flows.
        orders: offer and period of each order, shape ``(orders, 2)``.
    """
    entity, period = orders.T
    buy, posted = network.activities["buy"], network.postings["buy"]
    index = buy.index[entity].with_columns(pl.Series("offer", [str(number) for number in range(len(orders))]))
    costs = {name: cost[entity] for name, cost in buy.costs.items()}
    single = Activity(name="buy", index=index, most_kg=buy.most_kg[entity], costs=costs, co2e=buy.co2e[entity])
    number, at = np.nonzero(entity[:, None] == posted.entity)
    postings = Postings(
        entity=number,
        node=posted.node[at],
        kg_per_kg=posted.kg_per_kg[at],
        arrives=posted.arrives[at],
        label=tuple(posted.label[each] for each in at),
        days=posted.days[at],
    )
    mg, moved = np.zeros_like(flows.mg["buy"][entity]), np.zeros_like(flows.posted_mg["buy"][at])
    mg[np.arange(len(orders)), period] = flows.mg["buy"][entity, period]
    moved[np.arange(len(at)), period[number]] = flows.posted_mg["buy"][at, period[number]]
    return (
        replace(
            network,
            activities={**network.activities, "buy": single},
            postings={**network.postings, "buy": postings},
        ),
        replace(flows, mg={**flows.mg, "buy": mg}, posted_mg={**flows.posted_mg, "buy": moved}),
    )


def sentence(row: Mapping[str, Any], language: Language, *, currency: str = "") -> str:
    """Say a row of `pegging` in words.

    >>> row = {"order": "spot/2026-05", "demand_site": "fab", "demand_material": "ir", "demand_period": "2026-06",
    ...        "quantity_kg": 4.0, "next_best_per_kg": 95000.0}
    >>> sentence(row, "en", currency="CNY")
    'Order spot/2026-05 serves fab with 4 kg of ir in 2026-06; the next best would cost 95,000 CNY more per kg.'
    """
    more = row["next_best_per_kg"]
    return label(
        "plan.pegging.only" if more is None else "plan.pegging.serves", language,
        order=row["order"], site=row["demand_site"], material=row["demand_material"], period=row["demand_period"],
        kg=f"{row['quantity_kg']:,.6g}", more="" if more is None else f"{more:,.0f} {currency}".strip(),
    )  # fmt: skip
