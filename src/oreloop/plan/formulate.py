"""From a network to its program: linear, with whole numbers where an order or a campaign is all or nothing.

Columns: the six activities, stock at the end of each period, and what may go wrong at a price (short, under safety,
over the maximum, too little at the end, debt not repaid, soft limits). Rows: metal balance of each node and period,
demand, feed of processes, debts, ceilings, stock rules, limits. Every column has a finite box.

Under an option, orders take at most the right that is held or bought, at a premium, at the start.

Where offers ask for least orders or charge for each, where processes run in batches, and where a share is to be taken or
paid, there are whole-number columns besides (order, campaign, signed), tied to the flows by rows from both sides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from oreloop.plan import shown
from oreloop.plan.blend import keep_shares
from oreloop.plan.blocks import Block, Builder
from oreloop.plan.late import carry_late, late_columns, most_served_kg
from oreloop.plan.limits import Limit, read_limits, row_entries, row_terms
from oreloop.plan.model import Flags, Floats, Ints, Model
from oreloop.plan.network import EARLY_SHARE, SAFETY_SHARE, Counted, Network
from oreloop.plan.tables.ready import NAMES, known_kg

PENALTIES = ("short", "under", "over", "closing", "owed", "late", "slack")
"""Blocks that stand for what goes wrong."""
_ONCE = ("closing", "signed", "untaken", "right", "early", "slack")
"""Blocks without periods."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Problem:
    """A network with its linear program and its limits, row by row."""

    network: Network
    model: Model
    limits: tuple[Limit, ...]

    __repr__ = shown.problem

    def values(self, column_values: Floats) -> Mapping[str, Floats]:
        """Cut a column vector into blocks, shape ``(entities, periods)`` each (``(rows, 1)`` without periods)."""
        periods = len(self.network.calendar)
        cut = {}
        for name, block in self.model.column_blocks.items():
            part = column_values[block.slice]
            cut[name] = part.reshape(-1, 1 if name in _ONCE else periods)
        return cut


def formulate(network: Network) -> Problem:
    """State the program of a network.

    Raises:
        BadInput: as `read_limits`.
    """
    lp = Builder()
    blocks = _columns(lp, network)
    _balance(lp, network, blocks)
    _demand(lp, network, blocks)
    _feed(lp, network, blocks)
    _debts(lp, network, blocks)
    _caps(lp, network, blocks)
    _stock_rules(lp, network, blocks)
    _counted(lp, network, blocks)
    _take_or_pay(lp, network, blocks)
    _options(lp, network, blocks)
    _ready(lp, network, blocks)
    limits = read_limits(network)
    _limits(lp, network, blocks, limits)
    return Problem(network=network, model=lp.build(), limits=limits)


def _by_period(network: Network, index: pl.DataFrame) -> pl.DataFrame:
    return index.join(pl.DataFrame({"period": network.horizon.names}), how="cross", maintain_order="left_right")


def urgency(periods: int, units: Floats | None = None) -> Floats:
    """What a shortage costs in each period, relative to one in the last: the earlier, the less time is left to mend it.

    Args:
        periods: how many there are.
        units: how many stated periods each is, shape ``(periods,)``; all alike where None.
    """
    lengths = np.ones(periods) if units is None else units
    left = lengths[::-1].cumsum()[::-1] - lengths
    return np.asarray(1.0 + EARLY_SHARE * left / lengths.sum())


def decided(network: Network) -> Flags:
    """Tell in which periods something is decided, shape ``(periods,)``: not in the extension that guards the end."""
    return np.asarray(np.arange(len(network.calendar)) < network.calendar.planned)


def _columns(lp: Builder, network: Network) -> dict[str, Block]:
    box = network.box_kg
    blocks = {}
    for name, activity in network.activities.items():
        blocks[name] = lp.columns(
            name,
            _by_period(network, activity.index),
            upper=np.minimum(activity.most_kg, box),
            cost=activity.cost,
        )
    rules, periods = network.stock_rules, len(network.calendar)
    penalty, units = np.repeat(rules["penalty"].to_numpy(), periods), network.calendar.units
    lengths = np.tile(units, rules.height)
    blocks["stock"] = lp.columns("stock", _by_period(network, network.nodes), upper=box, cost=network.holding)
    blocks["short"] = lp.columns(
        "short",
        _by_period(network, network.demands),
        upper=most_served_kg(network.demand_kg, network.calendar.planned, network.settings.late_cost_per_kg_day),
        cost=np.outer(network.shortage_cost, urgency(periods, units)).ravel(),
    )
    by_rule = _by_period(network, rules.select("site", "material"))
    safety = np.repeat(rules["safety_kg"].to_numpy(), periods)
    blocks["under"] = lp.columns("under", by_rule, upper=safety, cost=SAFETY_SHARE / units.sum() * lengths * penalty)
    blocks["over"] = lp.columns("over", by_rule, upper=box, cost=lengths * penalty)
    blocks["closing"] = lp.columns(
        "closing",
        network.closing.drop("sites"),
        upper=network.closing["quantity_kg"].to_numpy(),
        cost=network.closing["penalty"].to_numpy(),
    )
    owed = network.debts
    blocks["owed"] = lp.columns(
        "owed", _by_period(network, owed), upper=box, cost=np.repeat(network.debt_penalty, periods)
    )
    for each in network.counted:
        index = network.activities[each.activity].index[each.entity]
        blocks[each.name] = lp.columns(
            each.name,
            _by_period(network, index),
            upper=each.times.ravel(),
            cost=np.repeat(each.charge, periods),
            integer=np.tile(decided(network), index.height),
        )
    agreed = network.take_or_pay
    blocks["signed"] = lp.columns("signed", agreed.index, upper=1.0, integer=True)
    blocks["untaken"] = lp.columns("untaken", agreed.index, upper=agreed.due_kg, cost=agreed.price)
    rights = network.options
    blocks["right"] = lp.columns("right", rights.index, upper=np.minimum(rights.most_kg, box), cost=rights.premium)
    if late := late_columns(network):
        blocks["late"] = lp.columns("late", _by_period(network, network.demands), **late)
    return blocks


def _balance(lp: Builder, network: Network, blocks: Mapping[str, Block]) -> None:
    """Stock now = stock before + what comes in - what goes out, at each node in each period."""
    periods, nodes = len(network.calendar), network.nodes.height
    coming = np.zeros((nodes, periods))
    np.add.at(
        coming,
        (network.inflows["node"].to_numpy(), network.inflows["period"].to_numpy()),
        network.inflows["quantity_kg"].to_numpy(),
    )
    rows = lp.rows("balance", _by_period(network, network.nodes), lower=coming, upper=coming)
    lp.add(rows, rows.all, blocks["stock"], blocks["stock"].all, 1.0)
    later = rows.all[rows.all % periods > 0] if rows.size else rows.all
    lp.add(rows, later, blocks["stock"], later - 1, -1.0)
    now = np.arange(periods)
    for name, posted in network.postings.items():
        inside = posted.arrives < periods
        row = (posted.node[:, None] * periods + posted.arrives)[inside]
        column = (posted.entity[:, None] * periods + now)[inside]
        weight = -posted.kg_per_kg[inside]
        lp.add(rows, row, blocks[name], column, weight)


def _demand(lp: Builder, network: Network, blocks: Mapping[str, Block]) -> None:
    kg = network.demand_kg
    rows = lp.rows("demand", _by_period(network, network.demands), lower=kg, upper=kg)
    lp.add(rows, rows.all, blocks["short"], blocks["short"].all, 1.0)
    serve = network.activities["serve"].index
    at = _positions(network, serve, network.demands, ("site", "material"))
    ratio = np.repeat(serve["ratio"].to_numpy(), len(network.calendar))
    lp.add(rows, at, blocks["serve"], blocks["serve"].all, ratio)
    if "late" in blocks:
        carry_late(lp, rows, blocks["late"], len(network.calendar))


def _feed(lp: Builder, network: Network, blocks: Mapping[str, Block]) -> None:
    """A process draws of each input what its activity needs."""
    groups, periods = network.draw_groups, len(network.calendar)
    rows = lp.rows("feed", _by_period(network, groups), lower=0.0, upper=0.0)
    group = network.activities["draw"].index["group"].to_numpy()
    at = (group[:, None] * periods + np.arange(periods)).ravel()
    lp.add(rows, at, blocks["draw"], blocks["draw"].all, 1.0)
    runs = _positions(network, groups, network.activities["run"].index, ("process",))
    lp.add(rows, rows.all, blocks["run"], runs, -np.repeat(groups["kg"].to_numpy(), periods))
    keep_shares(lp, network, blocks, runs)


def _debts(lp: Builder, network: Network, blocks: Mapping[str, Block]) -> None:
    periods = len(network.calendar)
    rows = lp.rows("debt", _by_period(network, network.debts), lower=network.debt_kg, upper=network.debt_kg)
    lp.add(rows, rows.all, blocks["owed"], blocks["owed"].all, 1.0)
    at = _positions(network, network.activities["repay"].index, network.debts, ("site", "material"))
    lp.add(rows, at, blocks["repay"], blocks["repay"].all, 1.0)
    inside = (network.buy_debt[:, None] >= 0) & (network.buy_due < periods)
    due = (network.buy_debt[:, None] * periods + network.buy_due)[inside]
    lp.add(rows, due, blocks["buy"], blocks["buy"].all.reshape(-1, periods)[inside], -1.0)


def _caps(lp: Builder, network: Network, blocks: Mapping[str, Block]) -> None:
    periods = len(network.calendar)
    now = np.arange(periods)
    for cap in network.caps:
        index = _by_period(network, cap.index) if cap.by_period else cap.index
        rows = lp.rows(cap.code, index, upper=cap.most if cap.by_period else cap.most[:, 0])
        for name, row, entity, weight in cap.terms:
            at = row[:, None] * periods + now if cap.by_period else np.broadcast_to(row[:, None], weight.shape)
            lp.add(rows, at, blocks[name], entity[:, None] * periods + now, weight)


def _stock_rules(lp: Builder, network: Network, blocks: Mapping[str, Block]) -> None:
    rules, periods = network.stock_rules, len(network.calendar)
    index = _by_period(network, rules.select("site", "material"))
    safety = lp.rows("safety", index, lower=np.repeat(rules["safety_kg"].to_numpy(), periods))
    most = lp.rows("most", index, upper=np.repeat(rules["max_kg"].to_numpy(), periods))
    lp.add(safety, safety.all, blocks["under"], blocks["under"].all, 1.0)
    lp.add(most, most.all, blocks["over"], blocks["over"].all, -1.0)
    now = np.arange(periods)
    places = list(network.nodes.select("site", "material").iter_rows())
    usable = _usable(network, places)
    at_place: dict[tuple[str, str], list[int]] = {}
    for node, place in enumerate(places):
        at_place.setdefault(place, []).append(node)
    ruled = [
        (number, node)
        for number, place in enumerate(rules.select("site", "material").iter_rows())
        for node in at_place.get(place, ())
    ]
    rule, held = np.array(ruled, dtype=np.int64).reshape(-1, 2).T
    at, stock = (each[:, None] * periods + now for each in (rule, held))
    lp.add(safety, at, blocks["stock"], stock, usable[held])
    lp.add(most, at, blocks["stock"], stock, 1.0)
    kg = network.closing["quantity_kg"].to_numpy()
    closing = lp.rows("closing", network.closing.drop("sites"), lower=kg)
    lp.add(closing, closing.all, blocks["closing"], blocks["closing"].all, 1.0)
    for number, (sites, material) in enumerate(network.closing.select("sites", "material").iter_rows()):
        nodes = [at for at, each in enumerate(places) if each[1] == material and each[0] in sites]
        lp.add(closing, number, blocks["stock"], np.array(nodes, dtype=np.int64) * periods + periods - 1, 1.0)


def bound_at(network: Network, counted: Counted) -> Ints:
    """Where rows tie orders or campaigns to what they come to: positions in ``(counted, periods)``, laid end to end."""
    return np.flatnonzero(decided(network) | (counted.charge[:, None] > 0))


def _counted(lp: Builder, network: Network, blocks: Mapping[str, Block]) -> None:
    """What is ordered or run is at most, and at least, what so many orders or campaigns come to.

    Where parts of an order or a campaign count and none is charged for, there is nothing to say.
    """
    periods = len(network.calendar)
    for each in network.counted:
        times, flow = blocks[each.name], (each.entity[:, None] * periods + np.arange(periods)).ravel()
        bound, least_kg = bound_at(network, each), np.repeat(each.least_kg, periods)
        for side, at, kg, limit in (
            ("most", bound, each.most_kg.ravel(), {"upper": 0.0}),
            ("least", bound[least_kg[bound] > 0], least_kg, {"lower": 0.0}),
        ):
            rows = lp.rows(f"{each.name}_{side}", times.index[at], **limit)
            lp.add(rows, rows.all, blocks[each.activity], flow[at], 1.0)
            lp.add(rows, rows.all, times, at, -kg[at])


def _take_or_pay(lp: Builder, network: Network, blocks: Mapping[str, Block]) -> None:
    """Who orders anything under an agreement takes what is due under it, or pays for what is untaken."""
    agreed, periods = network.take_or_pay, len(network.calendar)
    flow = agreed.entity[:, None] * periods + np.arange(periods)
    at = np.flatnonzero(agreed.most_kg)
    signed = lp.rows("signed", _by_period(network, agreed.index)[at], upper=0.0)
    lp.add(signed, signed.all, blocks["buy"], flow.ravel()[at], 1.0)
    lp.add(signed, signed.all, blocks["signed"], at // periods, -agreed.most_kg.ravel()[at])
    due = lp.rows("take_or_pay", agreed.index, lower=0.0)
    lp.add(due, due.all[:, None], blocks["buy"], flow, 1.0)
    lp.add(due, due.all, blocks["untaken"], due.all, 1.0)
    lp.add(due, due.all, blocks["signed"], due.all, -agreed.due_kg)


def _options(lp: Builder, network: Network, blocks: Mapping[str, Block]) -> None:
    """What is ordered under an option is at most what is held of it, and what is bought of it now."""
    rights, periods = network.options, len(network.calendar)
    rows = lp.rows("option", rights.index, upper=rights.held_kg)
    lp.add(rows, rows.all[:, None], blocks["buy"], rights.entity[:, None] * periods + np.arange(periods), 1.0)
    lp.add(rows, rows.all, blocks["right"], rows.all, -1.0)


def _ready(lp: Builder, network: Network, blocks: dict[str, Block]) -> None:
    """What leaves a node by some day of a period is there by then; see `oreloop.plan.tables.ready`."""
    ready, periods = network.ready, len(network.calendar)
    names = pl.Series("period", network.horizon.names, dtype=pl.Utf8)
    (node, period, day), (of, entity, when) = ready.rows, ready.early
    parts = pl.DataFrame({"activity": of, "entity": entity}).with_columns(names[when])
    early = blocks["early"] = lp.columns("early", parts, upper=network.box_kg)
    rows = lp.rows(
        "ready",
        network.nodes[node].with_columns(names[period], pl.Series("day", day)),
        upper=known_kg(ready, network.inflows["quantity_kg"].to_numpy()),
    )
    later = np.flatnonzero(period > 0)
    lp.add(rows, later, blocks["stock"], node[later] * periods + period[later] - 1, -1.0)
    for name, (row, left) in ready.leaves.items():
        lp.add(rows, row, blocks[name], left * periods + period[row], 1.0)
    lp.add(rows, ready.leaves_early[0], early, ready.leaves_early[1], 1.0)
    for name, (row, at, since) in ready.comes.items():
        posted = network.postings[name]
        lp.add(rows, row, blocks[name], posted.entity[at] * periods + since, -posted.kg_per_kg[at, since])
    for name, (row, at, since, part) in ready.comes_early.items():
        lp.add(rows, row, early, part, -network.postings[name].kg_per_kg[at, since])
    (part, group), (fed, draw) = ready.feeds, ready.feed_draws
    feed = lp.rows("early_feed", parts[part], upper=0.0)
    lp.add(feed, feed.all, early, part, network.draw_groups["kg"].to_numpy()[group])
    lp.add(feed, fed, blocks["draw"], draw * periods + when[part][fed], -1.0)
    lp.add(feed, ready.feed_early[0], early, ready.feed_early[1], -1.0)
    whole = lp.rows("early_part", parts, upper=0.0)
    lp.add(whole, whole.all, early, whole.all, 1.0)
    for number, name in enumerate(NAMES):
        mine = np.flatnonzero(of == number)
        lp.add(whole, mine, blocks[name], entity[mine] * periods + when[mine], -1.0)


def _usable(network: Network, places: list[tuple[str, str]]) -> npt.NDArray[np.bool_]:
    """Tell where metal held could be used, shape ``(nodes, periods)``: at a user, only metal of an approved source.

    Metal that waits for its source's approval is no safety to the user.
    """
    served = network.postings["serve"]
    nodes = [node for node, label in zip(served.node, served.label, strict=True) if label == "serve"]
    users = {places[node] for node in nodes}
    elsewhere = np.array([place not in users for place in places], dtype=np.bool_)
    usable = np.repeat(elsewhere[:, None], len(network.calendar), axis=1)
    for entity, node, label in zip(served.entity, served.node, served.label, strict=True):
        if label == "serve":
            usable[node] |= network.activities["serve"].most_kg[entity] > 0
    return usable


def _limits(lp: Builder, network: Network, blocks: Mapping[str, Block], limits: tuple[Limit, ...]) -> None:
    index = pl.DataFrame(
        [(each.limit, each.period) for each in limits], schema={"limit": pl.Utf8, "period": pl.Utf8}, orient="row"
    )
    entries = [row_entries(each) for each in limits]
    at_least = np.array([each.sense in (">=", "=") for each in limits], dtype=bool)
    at_most = np.array([each.sense in ("<=", "=") for each in limits], dtype=bool)
    bound = np.array([value for _, value in entries], dtype=np.float64)
    rows = lp.rows("limit", index, lower=np.where(at_least, bound, -np.inf), upper=np.where(at_most, bound, np.inf))
    soft = [number for number, each in enumerate(limits) if not each.hard]
    sides = [(number, sign) for number in soft for sign, on in ((1.0, at_least), (-1.0, at_most)) if on[number]]
    reach = {number: _reach(row_terms(limits[number])[0], bound[number], network) for number in soft}
    slack = lp.columns(
        "slack",
        index[[number for number, _ in sides]],
        upper=np.array([reach[number] for number, _ in sides]),
        cost=np.array([limits[number].penalty for number, _ in sides]),
    )
    for at, (number, sign) in enumerate(sides):
        lp.add(rows, number, slack, at, sign)
    for name in blocks:
        parts = [(number, *found[name]) for number, (found, _) in enumerate(entries) if name in found]
        if parts:
            row = np.repeat([number for number, _, _ in parts], [len(places) for _, places, _ in parts])
            places, weights = (np.concatenate([part[side] for part in parts]) for side in (1, 2))
            lp.add(rows, row, blocks[name], places, weights)


def _reach(weights: Mapping[str, Floats], bound: float, network: Network) -> float:
    """How far a soft limit can be missed: every term at its box."""
    return float(abs(bound) + network.box_kg * sum(float(np.abs(weight).sum()) for weight in weights.values()))


def _positions(network: Network, rows: pl.DataFrame, of: pl.DataFrame, keys: tuple[str, ...]) -> Floats:
    """For each row and period, the position of the row of another index with the same keys and period."""
    number = {key: at for at, key in enumerate(of.select(keys).iter_rows())}
    base = np.array([number[key] for key in rows.select(keys).iter_rows()], dtype=np.int64)
    periods = len(network.calendar)
    return np.asarray((base[:, None] * periods + np.arange(periods)).ravel())
