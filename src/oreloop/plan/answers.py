"""The answers of a plan, as frames in the trade's words.

Kilograms are contained kg of the material's element, as whole milligrams divided by 10^6; money is in the case's
currency and comes from the exact optimum; CO2e in kg. A period is *planned* when it lies inside the case's horizon;
what comes after only guards the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from math import ceil
from typing import Any

import numpy as np
import polars as pl

from oreloop.plan import shown
from oreloop.plan.certificate import certify, verify_certificate
from oreloop.plan.figures import TINY_KG, Figures, Teller
from oreloop.plan.flows import MG_PER_KG, WholeFlows, peg, whole_flows
from oreloop.plan.formulate import Problem
from oreloop.plan.highs import Optimal
from oreloop.plan.late import told_late
from oreloop.plan.model import Model
from oreloop.plan.network import Network
from oreloop.plan.proof.branch import certify_tree
from oreloop.plan.search import NODES
from oreloop.plan.tables.buckets import by_time
from oreloop.plan.waits import wait_days

_T, _F, _I, _B, _D = pl.Utf8, pl.Float64, pl.Int64, pl.Boolean, pl.Date


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """A plan with its answers and its proof.

    Args:
        network: what was planned.
        model: the linear program, array by array.
        solution: primal and dual values of the solver.
        objective: cost and penalties together.
        orders, tolls, flows, stocks, shortages, costs, carbon, exposure, limits, values, supply, options: the frames.
        summary: totals of the planned periods.
        flows_mg: the same plan in whole milligrams.
        proved: the certificate that it was derived from, None for a plan that comes from the solver.
    """

    network: Network
    model: Model
    solution: Optimal
    objective: float
    orders: pl.DataFrame
    tolls: pl.DataFrame
    flows: pl.DataFrame
    stocks: pl.DataFrame
    shortages: pl.DataFrame
    costs: pl.DataFrame
    carbon: pl.DataFrame
    exposure: pl.DataFrame
    limits: pl.DataFrame
    values: pl.DataFrame
    supply: pl.DataFrame
    options: pl.DataFrame
    summary: Mapping[str, float]
    flows_mg: WholeFlows
    proved: Mapping[str, Any] | None = None

    __repr__ = shown.plan
    _repr_html_ = shown.plan_table

    def certificate(self) -> dict[str, Any]:
        """The proof that no plan of this model is cheaper, ready for JSON; see `verify_certificate`.

        Where orders or campaigns are whole, it is a tree of at most `oreloop.plan.search.NODES` nodes, which claims the gap
        that is left.
        """
        if self.proved is not None:
            return dict(self.proved)
        tree = certify_tree(self.model, nodes=NODES, best=self.solution) if self.model.has_integers else None
        return tree or certify(self.model, self.solution.primal, self.solution.duals)

    @property
    def proved_gap(self) -> float:
        """How much cheaper another plan could be at most, as a share of the cost: what the certificate proves, exactly."""
        return float(verify_certificate(self.certificate(), self.model).gap or 0)


def answer(problem: Problem, solution: Optimal, proved: Mapping[str, Any] | None = None) -> Plan:
    """Turn an optimal solution into answers; ``proved`` is the certificate that it was read from."""
    network = problem.network
    flows = whole_flows(network, problem.values(solution.primal))
    told, figures = _Movements(problem, solution, flows), Figures(problem, solution, flows)
    orders, shortages, costs, carbon = told.orders(), told.shortages(), figures.costs(), figures.carbon()
    exposure = figures.exposure(orders)
    return Plan(
        network=network,
        model=problem.model,
        solution=solution,
        objective=solution.objective,
        orders=orders,
        tolls=told.tolls(),
        flows=told.flow_rows(),
        stocks=told.stocks(),
        shortages=shortages,
        costs=costs,
        carbon=carbon,
        exposure=exposure,
        limits=figures.limits(),
        values=figures.values(),
        supply=told.supply(),
        options=figures.options(orders),
        summary=figures.summary(orders, shortages, costs, carbon, exposure),
        flows_mg=flows,
        proved=proved,
    )


def movements(problem: Problem, solution: Optimal, *, until: date) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Give the orders and runs of the periods that start by a day, for who asks many times what would be done first."""
    periods = sum(start <= until for start in problem.network.calendar.starts)
    told = _Movements(problem, solution, whole_flows(problem.network, problem.values(solution.primal)))
    return told.orders(periods), told.tolls(periods)


def totals(problem: Problem, solution: Optimal) -> dict[str, float]:
    """Give the cost and the kg of the planned periods, as `Plan.summary` has them, for who compares many plans."""
    flows = whole_flows(problem.network, problem.values(solution.primal))
    told, figures = _Movements(problem, solution, flows), Figures(problem, solution, flows)
    return figures.totals(told.shortages(), figures.costs())


class _Movements(Teller):
    """The frames of what moves."""

    def _name(self, period: int) -> str | None:
        return self._names[period] if period < len(self._names) else None

    def orders(self, periods: int | None = None) -> pl.DataFrame:
        buy, calendar = self._net.activities["buy"], self._net.calendar
        offers = {row["offer"]: row for row in self._net.tables["offers"].to_dicts()} if buy.index.height else {}
        arrivals = {name: calendar.order_arrivals(self._net.settings.lead_days(row)) for name, row in offers.items()}
        price = sum(
            (each for key, each in buy.costs.items() if key in ("purchase", "rent")), np.zeros(buy.most_kg.shape)
        )
        rows = []
        for entity, period, mg, ids in self._each("buy", periods):
            offer = offers[ids["offer"]]
            to_site, usable = self._onward(entity, period)
            kg = mg / MG_PER_KG
            debt = self._net.buy_debt[entity] >= 0
            rows.append(
                {
                    "order": f"{ids['offer']}/{self._names[period]}", "offer": ids["offer"], "kind": ids["kind"],
                    "party": ids["party"], "from_site": ids["site"], "to_site": to_site, "material": ids["material"],
                    "element": ids["element"], "order_period": self._names[period],
                    "act_by": self._act_by(entity, period, offer),
                    "arrive_period": self._name(int(arrivals[ids["offer"]][period])),
                    "usable_period": self._name(usable),
                    "due_period": self._name(int(self._net.buy_due[entity, period])) if debt else None,
                    "quantity_kg": kg, "quantity_mg": mg, "price_per_kg": float(price[entity, period]),
                    "fixed_charge": float(self._charged["buy"][entity, period]),
                    "amount": kg * float(price[entity, period]) + float(self._charged["buy"][entity, period]),
                    "co2e_kg": kg * float(buy.co2e[entity]),
                    "approval": self._approval(ids), "origin_country": ids["country"],
                    "recycled_share": ids["recycled_share"],
                    "raised_to_kg": self._raised.get((entity, period)), "planned": period < self._planned,
                }
            )  # fmt: skip
        return pl.DataFrame(rows, schema=_ORDERS).sort(*by_time(self._net.horizon, "order_period"), "offer")

    @cached_property
    def _raised(self) -> dict[tuple[int, int], float]:
        """By entity and period, the least order of those of which less would do: the rule to order so much has its price."""
        [orders, *_] = self._net.counted
        block = self._problem.model.row_blocks["order_least"]
        felt = dict(
            zip(
                block.index.select("offer", "period").iter_rows(),
                self._problem.model.of_rows("order_least", self._solution.duals),
                strict=True,
            )
        )
        offers, times = self._net.activities["buy"].index["offer"], np.rint(self._kg["order"])
        return {
            (int(entity), period): float(orders.least_kg[at])
            for at, entity in enumerate(orders.entity)
            for period in np.flatnonzero(times[at]).tolist()
            if felt.get((offers[int(entity)], self._names[period]), 0.0) > _FELT
        }

    def _act_by(self, entity: int, period: int, offer: dict[str, Any]) -> date:
        """The last day of the order's period on which metal is still in time for all that the plan does with it."""
        calendar = self._net.calendar
        closing = [calendar.horizon.periods[period].last]
        first, wait = calendar.orders[period], self._waits.get(("buy", entity, period))
        if first is not None and wait is not None:
            closing.append(first + timedelta(days=wait))
        if offer.get("valid_to") is not None:
            closing.append(offer["valid_to"])
        return max(min(closing), first) if first else min(closing)

    @cached_property
    def _waits(self) -> Mapping[tuple[str, int, int], int]:
        """Days that orders and runs can wait."""
        return wait_days(self._net, self._whole)

    def _onward(self, order: int, ordered: int) -> tuple[str, int]:
        """Follow the largest shipments of an order's metal from where it is handed over to where it stays.

        Returns:
            The site, and the period in which metal is there that leaves as soon as it can.
        """
        bought, posted = self._net.postings["buy"], self._net.postings["ship"]
        calendar, sent = self._net.calendar, self._whole.posted_mg["ship"]
        node, period = int(bought.node[order]), int(bought.arrives[order, ordered])
        day = (calendar.orders[ordered] or calendar.starts[ordered]) + timedelta(days=int(bought.days[order]))
        seen = {node}
        while True:
            totals = [
                (int(sent[at, period:].sum()), -at)
                for at in np.flatnonzero((posted.node == node) & (posted.kg_per_kg[:, 0] < 0))
                if period < len(self._names)
            ]
            used = -sum(
                int(self._whole.posted_mg[name][(p.node == node) & (p.kg_per_kg[:, 0] < 0)][:, period:].sum())
                for name, p in self._net.postings.items()
                if name != "ship"
            )
            best = min(totals, default=(0, 0))
            if best[0] >= 0 or -best[0] < used:
                return self._nodes[node]["site"], period
            there = np.flatnonzero((posted.entity == posted.entity[-best[1]]) & (posted.kg_per_kg[:, 0] > 0))[0]
            span = timedelta(days=int(posted.days[there]))
            # What comes too late to arrive with a shipment of its period goes with the next one.
            leaves = [
                each
                for each in (np.flatnonzero(sent[-best[1], period:]) + period).tolist()
                if each > period or calendar.index(day + span) <= posted.arrives[there, each]
            ]
            if not leaves:
                return self._nodes[node]["site"], period
            day = max(day, calendar.starts[leaves[0]]) + span
            node, period = int(posted.node[there]), int(posted.arrives[there, leaves[0]])
            if node in seen:
                return self._nodes[node]["site"], period
            seen.add(node)

    def _approval(self, ids: Mapping[str, Any]) -> str:
        """How the use that takes most of this source stands with it; assumed where no list speaks of the material."""
        return self._approvals.get((ids["material"], ids["source"]), (0.0, "assumed"))[1]

    @cached_property
    def _approvals(self) -> dict[tuple[str, str], tuple[float, str]]:
        """By material and source: kg of the use that takes most, and its approval."""
        found: dict[tuple[str, str], tuple[float, str]] = {}
        for name, column in (("serve", "supplied"), ("draw", "material")):
            index = self._net.activities[name].index.select(column, "source", "approval")
            for (material, source, approval), kg in zip(index.iter_rows(), self._kg[name].sum(axis=1), strict=True):
                key = (material, source)
                found[key] = max(found.get(key, (-1.0, "assumed")), (float(kg), approval))
        return found

    def tolls(self, periods: int | None = None) -> pl.DataFrame:
        run, posted = self._net.activities["run"], self._net.postings["run"]
        draws = self._net.activities["draw"].index
        paid = sum(
            (each for key, each in run.costs.items() if key in ("process", "toll_cash")), np.zeros(run.most_kg.shape)
        )
        labels = np.array(posted.label, dtype=object)
        metals = self._net.nodes["element"].to_numpy()
        rows = []
        for entity, period, mg, ids in self._each("run", periods):
            mine = posted.entity == entity
            parts = {
                label: int(self._whole.posted_mg["run"][mine & (labels == label), period].sum())
                for label in ("output", "residue")
            }
            drawn = (draws["process"] == ids["process"]).to_numpy()
            fed = int(self._whole.mg["draw"][drawn, period].sum())
            # A by-product of an element that no input is counted in takes nothing from what was fed.
            counted = mine & np.isin(metals[posted.node], draws["element"].to_numpy()[drawn])
            given = int(self._whole.posted_mg["run"][counted, period].sum())
            out = posted.arrives[mine & (labels == "output"), period]
            arrives = int(out.min()) if out.size else period
            rows.append(
                {
                    "run": f"{ids['process']}/{self._names[period]}", "process": ids["process"],
                    "toll": ids["toll"] == "yes", "party": ids["party"], "site": ids["site"],
                    "material": ids["material"], "element": ids["element"], "run_period": self._names[period],
                    "act_by": self._start_by(entity, period),
                    "out_period": self._name(arrives), "quantity_kg": mg / MG_PER_KG, "quantity_mg": mg,
                    "in_kg": fed / MG_PER_KG, "out_kg": parts["output"] / MG_PER_KG,
                    "later_kg": parts["residue"] / MG_PER_KG,
                    "approval": self._approval_of_output(entity),
                    "campaigns": self._campaigns(entity, period, mg),
                    "fixed_charge": float(self._charged["run"][entity, period]),
                    "loss_kg": (fed - given) / MG_PER_KG if fed else 0.0,
                    "amount": mg / MG_PER_KG * float(paid[entity, period]) + float(self._charged["run"][entity, period]),
                    "co2e_kg": mg / MG_PER_KG * float(run.co2e[entity]), "planned": period < self._planned,
                }
            )  # fmt: skip
        return pl.DataFrame(rows, schema=_TOLLS).sort(*by_time(self._net.horizon, "run_period"), "process")

    def _campaigns(self, entity: int, period: int, mg: int) -> int | None:
        """How many campaigns a run takes: as decided where they are charged for, else as many as hold it; None without."""
        [_, campaigns] = self._net.counted
        if entity in campaigns.entity and period < self._planned:
            return round(float(self._kg["campaign"][campaigns.entity == entity, period].sum()))
        size = self._net.batches[entity]
        return ceil(mg / MG_PER_KG / size - 1e-6) if size else None

    def _approval_of_output(self, entity: int) -> str | None:
        """How users stand with the first material that a process puts out; None where it puts out none."""
        posted = self._net.postings["run"]
        nodes = posted.node[posted.entity == entity]
        return self._approval(self._nodes[int(nodes[0])]) if nodes.size else None

    def _start_by(self, entity: int, period: int) -> date:
        """The last day on which a run may start for what it gives to be there when it is counted on."""
        calendar = self._net.calendar
        last = calendar.horizon.periods[period].last
        wait = self._waits.get(("run", entity, period))
        return last if wait is None else min(last, calendar.starts[period] + timedelta(days=wait))

    def flow_rows(self) -> pl.DataFrame:
        rows = []
        for row, mg in zip(self._net.inflows.iter_rows(named=True), self._whole.inflow_mg, strict=True):
            node, outside = (
                self._nodes[row["node"]],
                row["kind"] if row["kind"] == "opening" else f"{row['kind']}:{row['subject']}",
            )
            rows.append(
                self._flow(row["kind"], row["subject"], None, node, outside, row["period"], row["period"], int(mg))
            )
        for name, posted in self._net.postings.items():
            index = self._net.activities[name].index.to_dicts()
            moved = self._whole.posted_mg[name]
            for at, period in zip(*np.nonzero(moved), strict=True):
                ids, node, mg = index[posted.entity[at]], self._nodes[posted.node[at]], int(moved[at, period])
                label, arrives = posted.label[at], int(posted.arrives[at, period])
                subject, outside = _outside(name, ids)
                if label == "ship":
                    if mg > 0:
                        other = {"site": ids["from_site"], "material": ids["material"], "source": ids["source"]}
                        rows.append(self._flow(label, subject, other, node, None, int(period), arrives, mg))
                elif mg < 0:
                    rows.append(self._flow(label, subject, node, None, outside, int(period), int(period), -mg))
                else:
                    rows.append(self._flow(label, subject, None, node, outside, int(period), arrives, mg))
        return pl.DataFrame(rows, schema=_FLOWS).sort(
            *by_time(self._net.horizon), "kind", "subject", "from_node", "to_node", "source"
        )

    def _flow(
        self, kind: str, subject: str, start: Any, end: Any, outside: str | None, period: int, arrives: int, mg: int
    ) -> dict[str, Any]:
        inside = end or start
        element = next((row["element"] for row in self._nodes if row["material"] == inside["material"]), None)
        return {
            "kind": kind, "subject": subject,
            "from_node": f"{start['site']}/{start['material']}" if start else outside,
            "to_node": f"{end['site']}/{end['material']}" if end else outside,
            "from_site": start["site"] if start else None, "to_site": end["site"] if end else None,
            "material": inside["material"], "element": element, "source": inside["source"],
            "period": self._names[period], "arrives": self._name(arrives),
            "quantity_kg": mg / MG_PER_KG, "quantity_mg": mg,
        }  # fmt: skip

    def stocks(self) -> pl.DataFrame:
        mg = self._whole.stock_mg
        rows = np.repeat(np.arange(mg.shape[0]), mg.shape[1])
        return self._net.nodes[rows].with_columns(
            pl.Series("period", list(self._names) * mg.shape[0], dtype=_T),
            pl.Series("quantity_kg", mg.ravel() / MG_PER_KG, dtype=_F),
            pl.Series("quantity_mg", mg.ravel(), dtype=_I),
        ).select("site", "material", "element", "source", "period", "quantity_kg", "quantity_mg")  # fmt: skip

    def shortages(self) -> pl.DataFrame:
        """Demand, served and short in every period: short is what the whole milligrams leave unserved.

        Where demand may be met late, what is open at the end of a period and not given up is ``late_kg``.
        """
        serve = self._net.activities["serve"].index
        rows = []
        for number, demand in enumerate(self._net.demands.iter_rows(named=True)):
            hit = ((serve["site"] == demand["site"]) & (serve["material"] == demand["material"])).to_numpy()
            ratio = serve["ratio"].to_numpy()[hit][:, None]
            served = (self._whole.mg["serve"][hit] * ratio).sum(axis=0) / MG_PER_KG
            late = 0.0
            for period, kg in enumerate(self._net.demand_kg[number]):
                lacking = late + float(kg - served[period])
                late = told_late(lacking, self._kg["late"][number, period]) if "late" in self._kg else 0.0
                short = max(0.0, lacking - late)
                rows.append(
                    {
                        **demand, "period": self._names[period], "demand_kg": float(kg),
                        "served_kg": float(served[period]), "short_kg": short if short > 10 * TINY_KG else 0.0,
                        "late_kg": late, "planned": period < self._planned,
                    }
                )  # fmt: skip
        frame = pl.DataFrame(rows, schema=_SHORT)
        return frame if "late" in self._kg else frame.drop("late_kg")

    def supply(self) -> pl.DataFrame:
        serve = self._net.activities["serve"].index.to_dicts()
        rows = [
            (
                serve[each.serve]["site"], serve[each.serve]["material"], self._names[each.period], each.origin[0],
                each.origin[1], each.origin[2], serve[each.serve]["supplied"], each.mg / MG_PER_KG, each.mg,
            )
            for each in peg(self._net, self._whole)
        ]  # fmt: skip
        keys = ["site", "material", "period", "origin", "source", "via", "served_material"]
        schema = dict.fromkeys(keys, _T) | {"quantity_kg": _F, "quantity_mg": _I}
        frame = pl.DataFrame(rows, schema=schema, orient="row").group_by(keys).agg(pl.col("quantity_mg").sum())
        return (
            frame.with_columns((pl.col("quantity_mg") / MG_PER_KG).alias("quantity_kg"))
            .select(list(schema))
            .sort("site", "material", *by_time(self._net.horizon), *keys[3:])
        )


def _outside(activity: str, ids: Mapping[str, Any]) -> tuple[str, str]:
    """The id that a flow belongs to, and the name of its end outside the network."""
    match activity:
        case "buy":
            return ids["offer"], f"offer:{ids['offer']}"
        case "ship":
            return ids["lane"], ""
        case "run" | "draw":
            return ids["process"], f"process:{ids['process']}"
        case "serve":
            return ids["site"], f"use:{ids['site']}/{ids['material']}"
        case _:
            return ids["site"], f"lender:{ids['site']}"


_FELT = 1e-7
"""Money per kg from which a price is more than rounding."""
_ORDERS = {
    "order": _T, "offer": _T, "kind": _T, "party": _T, "from_site": _T, "to_site": _T, "material": _T, "element": _T,
    "order_period": _T, "act_by": _D, "arrive_period": _T, "usable_period": _T, "due_period": _T, "quantity_kg": _F,
    "quantity_mg": _I, "price_per_kg": _F, "fixed_charge": _F, "amount": _F, "co2e_kg": _F, "approval": _T, "origin_country": _T,
    "recycled_share": _F, "raised_to_kg": _F, "planned": _B,
}  # fmt: skip
_TOLLS = {
    "run": _T, "process": _T, "toll": _B, "party": _T, "site": _T, "material": _T, "element": _T, "run_period": _T,
    "act_by": _D, "out_period": _T, "quantity_kg": _F, "quantity_mg": _I, "in_kg": _F, "out_kg": _F, "later_kg": _F,
    "loss_kg": _F, "approval": _T, "campaigns": _I, "fixed_charge": _F, "amount": _F, "co2e_kg": _F, "planned": _B,
}  # fmt: skip
_FLOWS = {
    "kind": _T, "subject": _T, "from_node": _T, "to_node": _T, "from_site": _T, "to_site": _T, "material": _T,
    "element": _T, "source": _T, "period": _T, "arrives": _T, "quantity_kg": _F, "quantity_mg": _I,
}  # fmt: skip
_SHORT = {
    "site": _T, "material": _T, "element": _T, "period": _T, "demand_kg": _F, "served_kg": _F, "short_kg": _F,
    "late_kg": _F, "planned": _B,
}  # fmt: skip
