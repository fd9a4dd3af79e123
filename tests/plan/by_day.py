"""A plan carried out day by day: every step of every period leaves on days of that period, and metal is there when it leaves."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import numpy as np

from oreloop.plan import HIGHS, Builder, Optimal, Plan
from oreloop.plan.formulate import formulate


def lacking_kg(plan: Plan, waits: Mapping[tuple[int, int], int] | None = None) -> float:
    """Kg that would have to come from nowhere for the plan to be carried out day by day, at the least.

    Args:
        plan: the plan.
        waits: days after the first possible one on which orders are placed, by offer and period; none where not given.
    """
    net = plan.network
    calendar = net.calendar
    kg = formulate(net).values(plan.solution.primal)
    zero = calendar.starts[0]
    first = np.array([(day - zero).days for day in calendar.starts])
    last = np.array([(each.last - zero).days for each in calendar.horizon.periods])
    ordered = np.array([(day - zero).days if day else 0 for day in calendar.orders])
    orders = np.tile(ordered, (net.activities["buy"].index.height, 1))
    for (entity, period), wait in (waits or {}).items():
        orders[entity, period] = min(orders[entity, period] + wait, last[period])
    days = int(last[-1]) + 1
    period_of = np.searchsorted([each.first - zero for each in calendar.horizon.periods],
                                [timedelta(days=day) for day in range(days)], side="right") - 1  # fmt: skip
    lp = Builder()
    nodes = net.nodes.height
    coming = np.zeros((nodes, days))
    for row in net.inflows.iter_rows(named=True):
        coming[row["node"], first[row["period"]] + row["offset_days"]] += row["quantity_kg"]
    balance = lp.rows("balance", (nodes, days), lower=coming, upper=coming)
    stock, lacks = lp.columns("stock", (nodes, days)), lp.columns("lacks", (nodes, days), cost=1.0)
    lp.add(balance, balance.all, stock, stock.all, 1.0)
    lp.add(balance, balance.all[:, 1:], stock, stock.all[:, :-1], -1.0)
    lp.add(balance, balance.all, lacks, lacks.all, -1.0)
    left = {}
    for name, activity in net.activities.items():
        count = activity.index.height
        day = np.arange(days)
        open_ = day == orders[:, period_of] if name == "buy" else np.tile(day >= first[period_of], (count, 1))
        left[name] = lp.columns(name, (count, days), upper=np.where(open_, np.inf, 0.0))
        total = lp.rows(f"{name}_in_period", (count, len(calendar)), lower=kg[name], upper=kg[name])
        lp.add(total, total.all[:, period_of], left[name], left[name].all, 1.0)
        posted = net.postings[name]
        for at, (entity, node) in enumerate(zip(posted.entity, posted.node, strict=True)):
            there = day + int(posted.days[at])
            inside = there < days
            weight = posted.kg_per_kg[at, period_of]
            lp.add(
                balance, balance.all[node, there[inside]], left[name], left[name].all[entity, inside], -weight[inside]
            )
    fed = lp.rows("feed", (net.draw_groups.height, days), lower=0.0, upper=0.0)
    runs = net.activities["run"].index["process"].to_list()
    for group, row in enumerate(net.draw_groups.iter_rows(named=True)):
        lp.add(fed, fed.all[group], left["run"], left["run"].all[runs.index(row["process"])], -row["kg"])
    for draw, group in enumerate(net.activities["draw"].index["group"]):
        lp.add(fed, fed.all[group], left["draw"], left["draw"].all[draw], 1.0)
    # The certified point misses its own rows by roundings: those are no metal that lacks.
    for name in left:
        spread = lp.columns(f"{name}_rounding", (net.activities[name].index.height, len(calendar), 2), upper=1e-6)
        lp.add(
            _block(lp, f"{name}_in_period"),
            spread.all.reshape(-1, 2) // 2,
            spread,
            spread.all.reshape(-1, 2),
            [1.0, -1.0],
        )
    told = HIGHS.solve(lp.build())
    assert isinstance(told, Optimal), told
    return told.objective


def _block(lp: Builder, name: str):
    return lp._rows[name]
