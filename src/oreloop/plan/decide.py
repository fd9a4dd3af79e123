"""Monday morning: what to decide before the next review, days of cover, and cash.

One row an action. Kilograms are contained kg; money is in the case's currency. What happens *if nobody acts* is
simulated on demand paths: the plan's supply, less this one action, meets each path in turn, and what is not met is lost.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from math import ceil, isfinite
from typing import Any

import numpy as np
import polars as pl

from oreloop.base.period import Period
from oreloop.plan.answers import Plan
from oreloop.plan.figures import TINY_KG
from oreloop.plan.model import Floats
from oreloop.plan.session import Session
from oreloop.plan.tables.buckets import by_time

DONE = ("delivered", "settled", "cancelled")
"""States of a commitment from which no metal is to be expected."""
_T, _F, _D = pl.Utf8, pl.Float64, pl.Date
ACTIONS = {
    "rank": pl.Int64, "action": _T, "subject": _T, "site": _T, "material": _T, "element": _T, "contained_kg": _F,
    "source": _T, "approval": _T, "act_by": _D, "arrives": _T, "price": _F, "price_unit": _T, "price_basis": _T,
    "price_index": _T, "price_ceiling": _F, "cash": _F, "cash_on": _D, "short_kg_p50": _F, "short_kg_p90": _F,
    "short_from_p50": _T, "short_from_p90": _T, "reason": _T, "reason_fields": _T,
}  # fmt: skip
"""Columns of `actions`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortfall:
    """Kg short over the planned periods and the first period short, at the median and in the worst tenth of paths."""

    kg_p50: float
    kg_p90: float
    from_p50: str | None
    from_p90: str | None


def simulate(arriving: Floats, paths: Floats, names: Iterable[str]) -> Shortfall:
    """Meet demand paths from metal that arrives; what cannot be met is lost.

    Args:
        arriving: kg usable at the start of each period, shape ``(periods,)``; negative where supply falls away.
        paths: demand in kg, shape ``(paths, periods)``.
        names: the periods.
    """
    short = lost_by_path(arriving, paths)
    total = short.sum(axis=1)
    first = np.where((short > TINY_KG).any(axis=1), (short > TINY_KG).argmax(axis=1), paths.shape[1])
    periods = [*list(names)[: paths.shape[1]], None]
    late, early = (int(np.quantile(first, level, method="lower")) for level in (0.5, 0.1))
    return Shortfall(
        kg_p50=float(np.quantile(total, 0.5)), kg_p90=float(np.quantile(total, 0.9)),
        from_p50=periods[late], from_p90=periods[early],
    )  # fmt: skip


def lost_by_path(arriving: Floats, paths: Floats) -> Floats:
    """Kg not met in each period of each path, shape ``(paths, periods)``."""
    held = np.zeros(paths.shape[0])
    short = np.zeros(paths.shape)
    for period in range(paths.shape[1]):
        held = held + arriving[period] - paths[:, period]
        short[:, period] = np.maximum(-held, 0.0)
        held = np.maximum(held, 0.0)
    return short


def actions(
    session: Session, plan: Plan, *, at: date, review_days: float = 30.0, paths: Floats | None = None
) -> pl.DataFrame:
    """List what must be done before the next review, most urgent first.

    Args:
        session: the session of the plan's network, for the price above which an order is wrong.
        plan: the plan.
        at: today.
        review_days: days until the plan is looked at again.
        paths: demand in kg, shape ``(demands, paths, periods)`` in the order of ``network.demands``; the plan's own
            demand when None.

    Returns:
        Frame with the columns of `ACTIONS`. ``price_ceiling`` is the price at which the best plan without this order
        costs the same; ``reason`` is a code (label ``plan.reason.<reason>``), ``reason_fields`` its fields as JSON.
    """
    desk = _Desk(session, plan, at=at, until=at + timedelta(days=ceil(review_days)), paths=paths)
    rows = [*desk.options(), *desk.orders(), *desk.tolls(), *desk.scrap(), *desk.licences(), *desk.deliveries()]
    rows.sort(
        key=lambda row: (
            row["act_by"],
            row["action"] != "option",  # there is no order under a right that nobody has bought
            -(row["short_kg_p50"] or 0.0),
            -(row["cash"] or 0.0),
            row["action"],
            row["subject"],
        )
    )
    return pl.DataFrame([{"rank": place + 1, **row} for place, row in enumerate(rows)], schema=ACTIONS)


def first_action(orders: pl.DataFrame, tolls: pl.DataFrame, *, until: date) -> str:
    """Name the most urgent order or toll (``order:<offer>``), the one with most cash first; '' when none is due.

    Args:
        orders: of a plan.
        tolls: of a plan.
        until: the day of the next review.
    """
    due = [
        (row["act_by"], -row["amount"], f"{kind}:{row[key]}")
        for frame, kind, key in ((orders, "order", "offer"), (tolls.filter("toll"), "toll", "process"))
        for row in frame.filter(pl.col("planned") & (pl.col("act_by") <= until)).iter_rows(named=True)
    ]
    return min(due)[2] if due else ""


class _Desk:
    """The plan on the planner's desk; each method gives the rows of one kind of action."""

    def __init__(self, session: Session, plan: Plan, *, at: date, until: date, paths: Floats | None) -> None:
        self._session, self._plan, self._net = session, plan, plan.network
        self._at, self._until = at, until
        self._names = self._net.horizon.names
        self._number = {name: place for place, name in enumerate(self._names)}
        planned = self._net.calendar.planned
        self._paths = self._net.demand_kg[:, None, :planned] if paths is None else paths
        self._offers = {row["offer"]: row for row in self._rows("offers")}
        self._unit = f"{self._net.settings.currency}/kg"

    def _rows(self, table: str) -> list[dict[str, Any]]:
        frame = self._net.tables.get(table)
        return [] if frame is None else frame.to_dicts()

    def _row(self, action: str, subject: str, **fields: Any) -> dict[str, Any]:
        reason_fields = json.dumps(fields.pop("reason_fields", {}), sort_keys=True, ensure_ascii=False)
        empty = dict.fromkeys(ACTIONS)
        del empty["rank"]
        return {**empty, "action": action, "subject": subject, **fields, "reason_fields": reason_fields}

    def orders(self) -> list[dict[str, Any]]:
        rows = []
        entities = {name: number for number, name in enumerate(self._net.activities["buy"].index["offer"])}
        for order in self._due(self._plan.orders):
            offer = self._offers[order["offer"]]
            saved = self._saved("buy", entities[order["offer"]], order["order_period"])
            site, material = self._served(pl.col("origin").eq("offer") & pl.col("source").eq(order["offer"]), order)
            short = self._if_not(site, material, order["quantity_kg"], order["usable_period"])
            lent = order["kind"] in ("lease", "loan", "swap")
            deposit = (offer.get("deposit_share") or 0.0) >= 1.0
            rows.append(
                self._row(
                    "lease" if lent else "order", order["offer"], site=site, material=order["material"],
                    element=order["element"], contained_kg=order["quantity_kg"], source=order["party"] or order["from_site"],
                    approval=order["approval"], act_by=order["act_by"], arrives=order["usable_period"],
                    price=order["price_per_kg"], price_unit=self._unit, price_basis="contained",
                    price_index=offer.get("price_index"),
                    price_ceiling=_ceiling(order["price_per_kg"], saved, order["quantity_kg"]),
                    cash=order["amount"], cash_on=order["act_by"] if deposit else self._first(order["arrive_period"]),
                    **self._reason(
                        short, saved, "bridges" if lent else "cheapest", order["due_period"], order["raised_to_kg"]
                    ),
                )
            )  # fmt: skip
        return rows

    def options(self) -> list[dict[str, Any]]:
        """Rights to order that must be bought; their premium is paid at once."""
        rows = []
        number = {offer: at for at, offer in enumerate(self._net.options.index["offer"])}
        for right in self._plan.options.filter(pl.col("quantity_mg") > 0).iter_rows(named=True):
            saved = self._saved("right", number[right["offer"]])
            rows.append(
                self._row(
                    "option", right["offer"], site=right["site"], material=right["material"], element=right["element"],
                    contained_kg=right["quantity_kg"], source=right["party"] or right["site"], act_by=right["act_by"],
                    price=right["premium_per_kg"], price_unit=self._unit, price_basis="contained",
                    price_ceiling=_ceiling(right["premium_per_kg"], saved, right["quantity_kg"]),
                    cash=right["amount"], cash_on=right["act_by"], reason="right",
                    reason_fields={"kg": round(right["taken_kg"], 6)},
                )
            )  # fmt: skip
        return rows

    def tolls(self) -> list[dict[str, Any]]:
        rows = []
        entities = {name: number for number, name in enumerate(self._net.activities["run"].index["process"])}
        for run in self._due(self._plan.tolls.filter("toll")):
            saved = self._saved("run", entities[run["process"]], run["run_period"])
            site, material = self._served(pl.col("via").eq(run["process"]), run)
            short = self._if_not(site, material, run["out_kg"], run["out_period"])
            price = run["amount"] / run["quantity_kg"]
            rows.append(
                self._row(
                    "toll", run["process"], site=run["site"], material=run["material"], element=run["element"],
                    contained_kg=run["quantity_kg"], source=run["party"], approval=run["approval"], act_by=run["act_by"],
                    arrives=run["out_period"], price=price, price_unit=self._unit, price_basis="contained",
                    price_ceiling=_ceiling(price, saved, run["quantity_kg"]), cash=run["amount"],
                    cash_on=self._first(run["out_period"]), **self._reason(short, saved, "own_metal", None),
                )
            )  # fmt: skip
        return rows

    def scrap(self) -> list[dict[str, Any]]:
        """Scrap that leaves a user for a process within the review."""
        recycled = [row["material"] for row in self._rows("materials") if row.get("recycled") == "recycled"]
        users = self._net.demands["site"].unique().to_list()
        sent = self._plan.flows.filter(
            (pl.col("kind") == "ship") & pl.col("material").is_in(recycled) & pl.col("from_site").is_in(users)
        )
        rows = []
        for flow in sent.iter_rows(named=True):
            period = self._net.horizon.periods[self._number[flow["period"]]]
            if (
                self._at <= period.last
                and period.first <= self._until
                and self._number[flow["period"]] < self._net.calendar.planned
            ):
                rows.append(
                    self._row(
                        "return_scrap", flow["subject"], site=flow["from_site"], material=flow["material"],
                        element=flow["element"], contained_kg=flow["quantity_kg"], source=flow["to_site"],
                        act_by=self._send_by(flow, period), arrives=flow["arrives"], reason="feeds_toll",
                        reason_fields={"to_site": flow["to_site"]},
                    )
                )  # fmt: skip
        return rows

    def _send_by(self, flow: Mapping[str, Any], period: Period) -> date:
        """The last day of the period on which scrap still gets to where it is sent before the first run that takes it."""
        runs = self._plan.tolls.filter(
            (pl.col("site") == flow["to_site"]) & (pl.col("material") == flow["material"])
            & (pl.col("run_period") == flow["arrives"])
        )  # fmt: skip
        ship = self._net.activities["ship"].index
        days = ship.filter((pl.col("lane") == flow["subject"]) & (pl.col("material") == flow["material"]))["days"][0]
        latest: list[date] = [day - timedelta(days=ceil(days)) for day in runs["act_by"]]
        return max(min([period.last, *latest]), period.first, self._at)

    def licences(self) -> list[dict[str, Any]]:
        """Permits that the plan uses and nobody has applied for."""
        waiting = {
            row["licence"]: row
            for row in self._rows("licences")
            if not row.get("decided_on") and not row.get("applied_on")
        }
        lanes = {row["lane"]: row.get("licence") for row in self._rows("lanes")}
        needed: dict[str, tuple[date, dict[str, Any]]] = {}
        flows = self._plan.flows.filter(pl.col("kind").is_in(["order", "ship"])).sort(*by_time(self._net.horizon))
        for flow in flows.iter_rows(named=True):
            licence = (
                lanes.get(flow["subject"]) if flow["kind"] == "ship" else self._offers[flow["subject"]].get("licence")
            )
            if licence is not None and licence in waiting and licence not in needed:
                needed[licence] = (self._first(flow["period" if flow["kind"] == "ship" else "arrives"]), flow)
        rows = []
        for licence, (day, flow) in sorted(needed.items()):
            days = ceil(waiting[licence].get("statutory_days") or 0.0)
            act_by = max(self._at, day - timedelta(days=days))
            if act_by <= self._until:
                rows.append(
                    self._row(
                        "apply_licence", licence, site=flow["to_site"], material=flow["material"], element=flow["element"],
                        contained_kg=flow["quantity_kg"], source=flow["subject"], act_by=act_by, arrives=flow["arrives"],
                        reason="licence_time", reason_fields={"days": days, "needed_on": day.isoformat()},
                    )
                )  # fmt: skip
        return rows

    def deliveries(self) -> list[dict[str, Any]]:
        """Deliveries due or late, and those without a price."""
        rows = []
        elements = dict(zip(self._net.nodes["material"], self._net.nodes["element"], strict=True))
        usable = self._usable_periods()
        for row in self._rows("commitments"):
            if row.get("state") in DONE:
                continue
            arrives = next(usable.get(row["contract"], iter(())), None)
            promised = row.get("promised_on") or Period.parse(row["period"]).first
            if promised > self._until:
                continue
            shared: dict[str, Any] = {
                "site": row["site"], "material": row["material"], "element": elements.get(row["material"]),
                "contained_kg": row["quantity_kg"], "source": row.get("offer"), "arrives": arrives,
                "price": row.get("price"), "price_unit": self._unit, "price_basis": "contained",
            }  # fmt: skip
            delay = row.get("delay_days_p50") or 0.0
            if promised < self._at or delay > 0:
                late = max((self._at - promised).days, ceil(delay))
                short = self._if_not(row["site"], row["material"], row["quantity_kg"], arrives)
                rows.append(
                    self._row("chase", row["contract"], **shared, act_by=max(self._at, promised), **_shorts(short),
                              reason="late", reason_fields={"days": late, "promised_on": promised.isoformat()})
                )  # fmt: skip
            if row.get("price") is None:
                rows.append(
                    self._row("fix_price", row["contract"], **shared, act_by=max(self._at, promised), reason="unpriced",
                              reason_fields={"promised_on": promised.isoformat()})
                )  # fmt: skip
        return rows

    def _usable_periods(self) -> dict[str, Iterator[str]]:
        """By contract, the periods in which its deliveries can be used, in the order of the table."""
        coming = self._net.inflows.filter(pl.col("kind") == "commitment")
        found: dict[str, list[str]] = {}
        for contract, period in coming.select("subject", "period").iter_rows():
            found.setdefault(contract, []).append(self._names[period])
        return {contract: iter(periods) for contract, periods in found.items()}

    def _due(self, frame: pl.DataFrame) -> Iterable[dict[str, Any]]:
        return frame.filter(pl.col("planned") & (pl.col("act_by") <= self._until)).iter_rows(named=True)

    def _first(self, period: str | None) -> date:
        return Period.parse(period).first if period else self._net.horizon.periods[-1].last

    def _saved(self, block: str, entity: int, period: str | None = None) -> float:
        """What the plan saves by this order, run, or option."""
        without = self._session.cost_without(block, entity, None if period is None else self._number[period])
        return max(0.0, without - self._plan.objective)  # infinite when no plan holds all limits without it

    def _served(self, which: pl.Expr, row: Mapping[str, Any]) -> tuple[str, str]:
        """The use that this source serves most, else where its metal goes."""
        found = self._plan.supply.filter(which).group_by("site", "material").agg(pl.col("quantity_mg").sum())
        if found.is_empty():
            return str(row.get("to_site") or row["site"]), str(row["material"])
        best = found.sort("quantity_mg", "site", "material", descending=[True, False, False]).row(0)
        return str(best[0]), str(best[1])

    def _if_not(self, site: str, material: str, kg: float, usable: str | None) -> Shortfall | None:
        """What is short at a use when this metal does not come and all else goes as planned."""
        places = list(self._net.demands.select("site", "material").iter_rows())
        if (site, material) not in places or usable is None:
            return None
        paths = self._paths[places.index((site, material))]
        arriving = planned_arrivals(self._plan, site, material)
        arriving[self._number[usable]] -= kg
        return simulate(arriving, paths, self._names)

    def _reason(
        self,
        short: Shortfall | None,
        saved: float,
        otherwise: str,
        until: str | None,
        raised_to_kg: float | None = None,
    ) -> dict[str, Any]:
        fields: dict[str, Any]
        if raised_to_kg is not None and isfinite(saved):
            code = "raised"
            fields = {"kg": raised_to_kg, "saving": round(saved, 2), "currency": self._net.settings.currency}
        elif short is not None and short.kg_p50 > TINY_KG:
            code, fields = "prevents_short", {"kg": round(short.kg_p50, 6), "period": short.from_p50}
        elif not isfinite(saved):
            code, fields = "only_way", {}
        else:
            code, fields = otherwise, {"saving": round(saved, 2), "currency": self._net.settings.currency}
        if until is not None:
            fields["due"] = until
        return {**_shorts(short), "reason": code, "reason_fields": fields}


def _ceiling(price: float, saved: float, kg: float) -> float | None:
    """The price at which the plan without this metal costs the same; None when there is no such plan."""
    return price + saved / kg if isfinite(saved) else None


def planned_arrivals(plan: Plan, site: str, material: str) -> Floats:
    """Kg of metal that becomes usable for a demand in each period of the plan, shape ``(periods,)``."""
    served = plan.shortages.filter((pl.col("site") == site) & (pl.col("material") == material))["served_kg"].to_numpy()
    serve = plan.network.activities["serve"].index
    forms = serve.filter((pl.col("site") == site) & (pl.col("material") == material))["supplied"].unique().to_list()
    held = plan.stocks.filter((pl.col("site") == site) & pl.col("material").is_in(forms))
    end = (
        held.group_by("period")
        .agg(pl.col("quantity_kg").sum())
        .sort(*by_time(plan.network.horizon))["quantity_kg"]
        .to_numpy()
    )
    end = end if len(end) else np.zeros(len(served))
    return np.asarray(served + np.diff(end, prepend=0.0))


def _shorts(short: Shortfall | None) -> dict[str, Any]:
    if short is None:
        return {}
    return {
        "short_kg_p50": short.kg_p50, "short_kg_p90": short.kg_p90,
        "short_from_p50": short.from_p50, "short_from_p90": short.from_p90,
    }  # fmt: skip


def cover(plan: Plan, *, paths: Floats | None = None) -> pl.DataFrame:
    """Days of cover of each demand: own and free, with what is in process, with what is on order; first stock-out.

    Metal in a form that may serve the demand counts where it is used; where only one site uses the material, metal held
    for it elsewhere (in a vault, at a refiner) counts too, as if it were there already. ``in_process_kg`` is own metal
    that is not free yet: in acceptance, in process, on its way. ``daily_kg`` is the mean of the first three planned periods. Stock-out dates say when metal already held, in process
    or agreed runs out if nothing new is ordered: at the median, and in the worst tenth, of the demand paths.

    Args:
        plan: the plan.
        paths: as in `actions`.
    """
    net = plan.network
    planned = net.calendar.planned
    paths = net.demand_kg[:, None, :planned] if paths is None else paths
    rows = []
    for number, demand in enumerate(net.demands.iter_rows(named=True)):
        serve = net.activities["serve"].index.filter(
            (pl.col("site") == demand["site"]) & (pl.col("material") == demand["material"])
        )
        alone = net.demands.filter(pl.col("material") == demand["material"]).height == 1
        places = net.nodes["material"].is_in(serve["supplied"].implode()) & (
            (net.nodes["site"] == demand["site"]) | pl.Series([alone] * net.nodes.height, dtype=pl.Boolean)
        )
        held = net.inflows.filter(pl.col("node").is_in(np.flatnonzero(places.to_numpy())))
        is_held = pl.col("kind") == "opening"
        now = is_held & (pl.col("subject") == "free") & (pl.col("period") == 0)
        free = float(held.filter(now)["quantity_kg"].sum())
        coming = float(held.filter(is_held & ~now)["quantity_kg"].sum())
        ordered = float(held.filter(pl.col("kind") == "commitment")["quantity_kg"].sum())
        span = net.calendar.days[: min(3, planned)]
        daily = float(net.demand_kg[number, : len(span)].sum() / span.sum())
        arriving = np.zeros(len(net.calendar))
        np.add.at(arriving, held["period"].to_numpy(), held["quantity_kg"].to_numpy())
        dates = _stock_outs(plan, arriving, paths[number])
        days = [kg / daily if daily else None for kg in (free, free + coming, free + coming + ordered)]
        rows.append((*demand.values(), daily, free, coming, ordered, *days, *dates))
    names = ("daily_kg", "own_free_kg", "in_process_kg", "on_order_kg", "days_free", "days_in_process", "days_on_order")
    schema = {"site": _T, "material": _T, "element": _T} | dict.fromkeys(names, _F)
    return pl.DataFrame(rows, schema=schema | {"stock_out_p50": _D, "stock_out_p90": _D}, orient="row")


def _stock_outs(plan: Plan, arriving: Floats, paths: Floats) -> list[date | None]:
    """The day on which metal runs out, at the median and in the worst tenth of paths."""
    periods = plan.network.horizon.periods
    short = lost_by_path(arriving, paths)
    days = []
    for path, lost in zip(paths, short, strict=True):
        out = np.flatnonzero(lost > TINY_KG)
        if not out.size:
            days.append(date.max.toordinal())
            continue
        at = int(out[0])
        part = 1.0 - lost[at] / path[at]
        days.append(periods[at].first.toordinal() + int(part * periods[at].days))
    found = [int(np.quantile(days, level, method="lower")) for level in (0.5, 0.1)]
    return [None if day == date.max.toordinal() else date.fromordinal(day) for day in found]


def headline(plan: Plan, *, at: date) -> dict[str, float]:
    """Give unpriced kg (agreed or planned at a price not yet fixed) and cash to be paid in 30 and 90 days."""
    offers = (
        {row["offer"]: row for row in plan.network.tables["offers"].to_dicts()}
        if "offers" in plan.network.tables
        else {}
    )
    payments: list[tuple[date, float]] = []
    unpriced = 0.0
    for order in plan.orders.filter("planned").iter_rows(named=True):
        offer = offers[order["offer"]]
        deposit = offer.get("deposit_share") or 0.0
        payments.append((order["act_by"], order["amount"] * deposit))
        payments.append(
            (Period.parse(order["arrive_period"] or order["order_period"]).first, order["amount"] * (1 - deposit))
        )
        unpriced += order["quantity_kg"] if offer.get("price_index") else 0.0
    payments += list(plan.options.select("act_by", "amount").iter_rows())
    payments += [
        (Period.parse(run["out_period"] or run["run_period"]).first, run["amount"])
        for run in plan.tolls.filter("planned").iter_rows(named=True)
    ]
    agreed = plan.network.tables.get("commitments")
    for row in [] if agreed is None else agreed.to_dicts():
        if row.get("state") in DONE:
            continue
        if row.get("price") is None:
            unpriced += row["quantity_kg"]
        else:
            payments.append((Period.parse(row["period"]).first, row["price"] * row["quantity_kg"]))
    cash = {days: sum(amount for day, amount in payments if day <= at + timedelta(days=days)) for days in (30, 90)}
    return {"unpriced_kg": unpriced, "cash_30": cash[30], "cash_90": cash[90]}
