"""The figures of a plan: costs, carbon, exposure, limits, and what one more kilogram is worth."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import polars as pl

from oreloop.plan.flows import MG_PER_KG, WholeFlows
from oreloop.plan.formulate import Problem
from oreloop.plan.highs import Optimal
from oreloop.plan.limits import METRICS, Ratio, evaluate, period_masks
from oreloop.plan.model import Floats
from oreloop.plan.restated import restated
from oreloop.plan.tables.buckets import by_time

_T, _F, _I, _D = pl.Utf8, pl.Float64, pl.Int64, pl.Date
PENALTY_COMPONENTS = ("shortage", "safety", "over_max", "closing", "debt_short", "late", "limit")
"""Components of the objective that are no money to be paid."""
TINY_KG = 1e-6
"""One milligram: less than this is no flow."""


class Teller:
    """What every frame of a plan is told from.

    Args:
        problem: the program.
        solution: its optimum.
        flows: the same plan in whole milligrams.
    """

    def __init__(self, problem: Problem, solution: Optimal, flows: WholeFlows) -> None:
        self._problem, self._solution, self._whole = problem, solution, flows
        self._kg = problem.values(solution.primal)
        self._net = problem.network
        self._names = self._net.horizon.names
        self._planned = self._net.calendar.planned
        self._nodes = list(self._net.nodes.iter_rows(named=True))
        self._charged = {name: np.zeros(each.most_kg.shape) for name, each in self._net.activities.items()}
        for counted in self._net.counted:
            self._charged[counted.activity][counted.entity] = counted.charge[:, None] * self._kg[counted.name]

    def _each(self, activity: str, periods: int | None = None) -> Iterable[tuple[int, int, int, dict[str, Any]]]:
        """Give entity, period, mg and ids of every flow of an activity, by period; of the first periods, if so asked."""
        index = self._net.activities[activity].index.to_dicts()
        mg = self._whole.mg[activity][:, :periods]
        for period, entity in zip(*np.nonzero(mg.T), strict=True):
            yield int(entity), int(period), int(mg[entity, period]), index[entity]


class Figures(Teller):
    """The frames of what it costs and means."""

    def costs(self) -> pl.DataFrame:
        """Give money by component and period; together they are the objective."""
        amounts: dict[str, Floats] = {}
        periods = len(self._names)

        def add(component: str, amount: Floats) -> None:
            amounts[component] = amounts.get(component, np.zeros(periods)) + amount

        for name, activity in self._net.activities.items():
            for component, cost in activity.costs.items():
                add(component, (cost * self._kg[name]).sum(axis=0))
        add("holding", (self._net.holding * self._kg["stock"]).sum(axis=0))
        priced = self._problem.values(self._problem.model.cost * self._solution.primal)
        for block, component in zip(("short", "under", "over", "owed"), _PENALTY_OF, strict=True):
            add(component, priced[block].sum(axis=0))
        if "late" in priced:
            add("late", priced["late"].sum(axis=0))
        for counted in self._net.counted:
            add(f"{counted.name}_charge", self._charged[counted.activity].sum(axis=0))
        add("untaken", priced["untaken"].sum() * np.eye(periods)[self._planned - 1])
        add("option", priced["right"].sum() * np.eye(periods)[0])
        last = np.eye(periods)[-1]
        add("closing", priced["closing"].sum() * last)
        missed = self._problem.model.column_blocks["slack"].index["period"]
        for label, amount in zip(missed, priced["slack"].ravel(), strict=True):
            # A soft limit is paid for where it ends: it is a limit of the plan, not of what guards its end.
            mask = period_masks(label, self._net.horizon, self._planned)[1][: self._planned]
            add("limit", amount * np.eye(periods)[np.flatnonzero(mask)[-1]])
        rows = [
            (component, self._names[period], float(amount[period]))
            for component, amount in sorted(amounts.items())
            for period in np.flatnonzero(np.abs(amount) > 1e-9)
        ]
        return pl.DataFrame(rows, schema={"component": _T, "period": _T, "amount": _F}, orient="row")

    def carbon(self) -> pl.DataFrame:
        """Give kg CO2e by what causes it."""
        rows = []
        for name, component, subject in (
            ("buy", "purchase", "offer"),
            ("ship", "freight", "lane"),
            ("run", "process", "process"),
        ):
            co2e = self._net.activities[name].co2e
            for entity, period, mg, ids in self._each(name):
                if co2e[entity]:
                    kg = mg / MG_PER_KG * float(co2e[entity])
                    rows.append((component, ids[subject], ids["element"], self._names[period], kg))
        schema = {"component": _T, "subject": _T, "element": _T, "period": _T, "co2e_kg": _F}
        frame = pl.DataFrame(rows, schema=schema, orient="row")
        keys = ["component", "subject", "element", "period"]
        return frame.group_by(keys).agg(pl.col("co2e_kg").sum()).sort(*keys[:3], *by_time(self._net.horizon))

    def exposure(self, orders: pl.DataFrame) -> pl.DataFrame:
        """Kg by country of origin: orders of the planned periods, and deliveries already agreed."""
        countries = dict(self._net.activities["buy"].index.select("offer", "country").iter_rows())
        agreed = self._net.tables.get("commitments")
        offers = (
            {}
            if agreed is None or "offer" not in agreed.columns
            else dict(agreed.select("contract", "offer").iter_rows())
        )
        rows = list(orders.filter("planned").select("element", "origin_country", "quantity_kg").iter_rows())
        for row in self._net.inflows.filter(pl.col("kind") == "commitment").iter_rows(named=True):
            if row["period"] < self._planned:
                country = countries.get(offers.get(row["subject"]))
                rows.append((self._nodes[row["node"]]["element"], country, row["quantity_kg"]))
        frame = pl.DataFrame(rows, schema={"element": _T, "origin_country": _T, "quantity_kg": _F}, orient="row")
        frame = frame.group_by("element", "origin_country").agg(pl.col("quantity_kg").sum())
        frame = frame.filter(pl.col("quantity_kg") > 0)
        whole = pl.col("quantity_kg").sum().over("element")
        return frame.with_columns((pl.col("quantity_kg") / whole).alias("share")).sort(
            "element", "quantity_kg", "origin_country", descending=[False, True, False]
        )

    def limits(self) -> pl.DataFrame:
        """Give each limit: its value, what is used of it, and what one unit more of its value changes in the cost."""
        duals = self._problem.model.of_rows("limit", self._solution.duals)
        rows = []
        for limit, dual in zip(self._problem.limits, duals, strict=True):
            _, used = evaluate(limit.expression, self._kg)
            whole = evaluate(limit.expression.whole, self._kg)[0] if isinstance(limit.expression, Ratio) else 1.0
            slack = {"<=": limit.value - used, ">=": used - limit.value}.get(limit.sense, -abs(used - limit.value))
            rows.append(
                (limit.limit, limit.metric, limit.scope, "hard" if limit.hard else "soft", limit.period, limit.sense,
                 limit.value, used, slack, float(dual) * whole, limit.unit)
            )  # fmt: skip
        return pl.DataFrame(rows, schema=_LIMITS, orient="row").sort("limit", *by_time(self._net.horizon))

    def values(self) -> pl.DataFrame:
        """What one more kg is worth: of metal at a place and time, there on the first day, and of every ceiling that binds."""
        model, solution = self._problem.model, self._solution
        again = restated(self._net, model, solution.primal).felt(solution.duals, model.shape)
        rows, columns = again[0] - solution.duals, again[1] - solution.reduced_costs
        frames = [_worth(model.row_blocks["balance"].index, model.of_rows("balance", rows), "metal", None)]
        places = model.row_blocks["ready"].index.drop("day")
        in_time = _worth(places, model.of_rows("ready", rows), "ready", None)
        keys = [name for name in in_time.columns if name != "value_per_kg"]
        frames.append(in_time.group_by(keys, maintain_order=True).agg(pl.col("value_per_kg").sum()))
        frames += [
            _worth(model.row_blocks[cap.code].index, model.of_rows(cap.code, rows), cap.code, "subject")
            for cap in self._net.caps
        ]
        frames.append(_worth(self._net.options.index, -model.of_rows("option", solution.duals), "option", "offer"))
        for name, code, subject in (("buy", "offer_capacity", "offer"), ("run", "process_capacity", "process")):
            at_most = np.isfinite(self._net.activities[name].most_kg).ravel() & (
                model.of_columns(name, model.upper) > 0
            )
            worth = np.where(at_most, model.of_columns(name, columns), 0.0)
            frames.append(_worth(model.column_blocks[name].index, np.maximum(worth, 0.0), code, subject))
        return pl.concat(frames).sort(
            "code", "subject", "site", "material", *by_time(self._net.horizon), nulls_last=False
        )

    def options(self, orders: pl.DataFrame) -> pl.DataFrame:
        """Give of each option what is held of it, what more to buy of it now, and what is ordered under it in all."""
        rights, calendar = self._net.options, self._net.calendar
        if not rights.entity.size:
            return pl.DataFrame(schema=_OPTIONS)
        needed = dict(orders.group_by("offer").agg(pl.col("act_by").min()).iter_rows())
        parties = self._net.activities["buy"].index["party"]
        felt = self._problem.model.of_rows("option", self._solution.duals)
        last = calendar.horizon.periods[0].last
        rows = []
        for at, ids in enumerate(rights.index.iter_rows(named=True)):
            entity, premium = int(rights.entity[at]), float(rights.premium[at])
            held_mg = round(float(rights.held_kg[at]) * MG_PER_KG)
            taken_mg = int(self._whole.mg["buy"][entity].sum())
            # In whole milligrams, orders may come to a few more than the right that was bought for them; and of a right
            # that costs nothing the programme may hold any amount.
            right_mg = round(float(self._kg["right"][at, 0]) * MG_PER_KG) if premium else 0
            bought_mg = max(right_mg, taken_mg - held_mg, 0)
            rows.append(
                {
                    **ids, "party": parties[entity], "act_by": min(last, needed.get(ids["offer"], last)),
                    "held_kg": held_mg / MG_PER_KG, "held_mg": held_mg,
                    "quantity_kg": bought_mg / MG_PER_KG, "quantity_mg": bought_mg,
                    "taken_kg": taken_mg / MG_PER_KG, "taken_mg": taken_mg,
                    "premium_per_kg": premium if rights.most_kg[at] else None,
                    "amount": bought_mg / MG_PER_KG * premium,
                    "worth_per_kg": max(0.0, -float(felt[at])),
                }
            )  # fmt: skip
        return pl.DataFrame(rows, schema=_OPTIONS).sort("offer")

    def totals(self, shortages: pl.DataFrame, costs: pl.DataFrame) -> dict[str, float]:
        """Add up money, and kg wanted, served and short, of the planned periods."""
        now = costs.filter(pl.col("period").is_in(list(self._net.planned.names)))
        penalty = sum(now.filter(pl.col("component").is_in(list(PENALTY_COMPONENTS)))["amount"])
        planned = shortages.filter("planned")
        return {
            "cost": float(now["amount"].sum()) - penalty,
            "penalty": float(penalty),
            **{name: float(planned[name].sum()) for name in ("demand_kg", "served_kg", "short_kg")},
        }

    def summary(
        self,
        orders: pl.DataFrame,
        shortages: pl.DataFrame,
        costs: pl.DataFrame,
        carbon: pl.DataFrame,
        exposure: pl.DataFrame,
    ) -> dict[str, float]:
        """Add up the planned periods: money, kg CO2e, contained kg, shares; kg x days where demand may be met late."""
        names, totals, bought = list(self._net.planned.names), self.totals(shortages, costs), orders.filter("planned")
        demand, served = totals["demand_kg"], totals["served_kg"]
        kg = float(bought["quantity_kg"].sum())
        mask = (np.arange(len(self._names)) < self._planned).astype(np.float64)
        _, recycled = evaluate(METRICS["recycled_share"].measure(self._net, {}, mask), self._kg)
        return {
            "cost": totals["cost"],
            "penalty": totals["penalty"],
            "co2e_kg": float(carbon.filter(pl.col("period").is_in(names))["co2e_kg"].sum()),
            "demand_kg": demand,
            "served_kg": served,
            "short_kg": totals["short_kg"],
            **({"late_kg_days": self._late_kg_days()} if "late" in self._kg else {}),
            # Orders in whole milligrams may bring a few more than is wanted.
            "fill_rate": min(served / demand, 1.0) if demand else 1.0,
            "bought_kg": kg,
            "recycled_share": recycled,
            "top_country_share": max(exposure.filter(pl.col("origin_country").is_not_null())["share"], default=0.0),
        }

    def _late_kg_days(self) -> float:
        """Kilograms that demand is met late, times the days that it waits."""
        return float((self._kg["late"] * self._net.calendar.days).sum())


def _worth(index: pl.DataFrame, worth: Floats, code: str, subject: str | None) -> pl.DataFrame:
    """The rows of a block that are worth something."""
    named = pl.lit(None, dtype=_T) if subject is None else pl.col(subject)
    period = pl.col("period") if "period" in index.columns else pl.lit(None, dtype=_T)
    source = pl.col("source") if "source" in index.columns else pl.lit(None, dtype=_T)
    frame = index.with_columns(pl.Series("value_per_kg", worth, dtype=_F)).select(
        pl.lit(code).alias("code"), named.alias("subject"), pl.col("site"), pl.col("material"), source.alias("source"),
        period.alias("period"), pl.col("value_per_kg"),
    )  # fmt: skip
    return frame.filter(pl.col("value_per_kg") > 1e-7)


_PENALTY_OF = ("shortage", "safety", "over_max", "debt_short")
_OPTIONS = {
    "offer": _T, "party": _T, "site": _T, "material": _T, "element": _T, "act_by": _D, "held_kg": _F, "held_mg": _I,
    "quantity_kg": _F, "quantity_mg": _I, "taken_kg": _F, "taken_mg": _I, "premium_per_kg": _F, "amount": _F,
    "worth_per_kg": _F,
}  # fmt: skip
_LIMITS = {
    "limit": _T, "metric": _T, "scope": _T, "kind": _T, "period": _T, "sense": _T, "value": _F, "used": _F,
    "slack": _F, "shadow_price": _F, "unit": _T,
}  # fmt: skip
