"""The six things that can be done with metal, as entities of a network: buy, ship, draw, run, serve, repay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, inf
from typing import Any

import numpy as np
import polars as pl

from oreloop.case.cells import carries
from oreloop.plan.blend import BLENDS
from oreloop.plan.late import most_served_kg
from oreloop.plan.model import Floats, Ints
from oreloop.plan.network import Activity, Cap, Postings
from oreloop.plan.tables import lots
from oreloop.plan.tables.assemble import DEBT_KINDS, Assembly
from oreloop.plan.tables.ceilings import rated
from oreloop.plan.tables.rules import Allowed, Licence, Row

_TEXT, _NUMBER = pl.Utf8, pl.Float64
RECYCLED = {"recycled": 1.0}
"""Recycled share of a material by its own word; a mixed one counts nothing unless its offer says a share."""


class Ledger:
    """Collects one activity: its entities, vectors and postings."""

    def __init__(self, name: str, ids: Mapping[str, Any], periods: int) -> None:
        self.name, self.ids, self.periods = name, ids, periods
        self.rows: list[dict[str, Any]] = []
        self.most: list[Floats] = []
        self.costs: dict[str, dict[int, Floats | float]] = {}
        self.co2e: list[float] = []
        self.posted: list[tuple[int, int, Floats | float, Ints, str, int]] = []

    def entity(self, ids: Row, *, most: Floats, co2e: float = 0.0, costs: Mapping[str, Floats | float]) -> int:
        """Add an entity with its vectors, and give its number."""
        number = len(self.rows)
        self.rows.append(dict(ids))
        self.most.append(most)
        self.co2e.append(co2e)
        for component, cost in costs.items():
            self.costs.setdefault(component, {})[number] = cost
        return number

    def post(self, entity: int, node: int, kg: Floats | float, arrives: Ints, label: str, *, days: float = 0.0) -> None:
        """Say what one kg of an entity takes from or gives to a node, so many days after its start."""
        self.posted.append((entity, node, kg, arrives, label, ceil(days - 1e-9)))

    def activity(self) -> Activity:
        """Give what was collected as an activity."""
        shape = (len(self.rows), self.periods)
        costs = {}
        for component in sorted(self.costs):
            costs[component] = np.zeros(shape)
            for number, cost in self.costs[component].items():
                costs[component][number] = cost
        index = pl.DataFrame(self.rows, schema=self.ids)
        return Activity(
            name=self.name,
            index=index,
            most_kg=stacked(self.most, self.periods),
            costs=costs,
            co2e=np.array(self.co2e, dtype=np.float64),
        )

    def postings(self) -> Postings:
        """Give what was posted, one row a posting."""
        return Postings(
            entity=np.array([each[0] for each in self.posted], dtype=np.int64),
            node=np.array([each[1] for each in self.posted], dtype=np.int64),
            kg_per_kg=stacked([each[2] for each in self.posted], self.periods),
            arrives=stacked([each[3] for each in self.posted], self.periods, np.int64),
            label=tuple(each[4] for each in self.posted),
            days=np.array([each[5] for each in self.posted], dtype=np.int64),
        )


class Activities:
    """Reads an assembly and holds the six ledgers, the debts and the ceilings."""

    def __init__(self, assembly: Assembly) -> None:
        self._net = assembly
        self._periods = assembly.periods
        self._shares: list[tuple[str, Row, int, Allowed, float, Any]] = []
        text: dict[str, dict[str, Any]] = {name: dict.fromkeys(ids.split(), _TEXT) for name, ids in _IDS.items()}
        text["buy"] |= {"recycled_share": _NUMBER}
        text["draw"] |= {"group": pl.Int64}
        text["run"] |= {"recycled_share": _NUMBER}
        text["serve"] |= {"ratio": _NUMBER}
        text["ship"] |= {"days": _NUMBER}
        self._buy, self._ship, self._draw, self._run, self._serve, self._repay = (
            Ledger(name, text[name], self._periods) for name in _IDS
        )
        self._buys()
        self._ships()
        self._runs()
        self._serves()
        self._debts()

    @property
    def ledgers(self) -> tuple[Ledger, ...]:
        """The six, in the order in which the program lists them."""
        return (self._buy, self._ship, self._draw, self._run, self._serve, self._repay)

    def _carbon(self, co2e: float) -> float:
        return self._net.settings.carbon_price_per_t * co2e / 1000.0

    # Buying and borrowing.

    def _buys(self) -> None:
        net, calendar = self._net, self._net.calendar
        self.accept_days: dict[str, float] = {}
        self._due: list[Ints] = []
        self._debt_of: list[tuple[str, str] | None] = []
        for name, row in net.offers.items():
            material, site, kind = row["material"], row["site"], row.get("kind") or "purchase"
            node = net.node(site, material, f"offer:{name}")
            accept = net.accept_days(site, material, f"offer:{name}")
            self.accept_days[name] = accept
            usable = net.order_arrivals(row["lead_days"] + accept)
            until = row.get("valid_to")
            if until is None and lots.is_option(row):
                until = calendar.horizon.periods[calendar.planned - 1].last  # a right without an end ends with the plan
            open_ = calendar.orders_inside(row.get("valid_from"), until) * (usable < self._periods)
            permit = self._permit(row)
            if permit is not None:
                open_ = open_ * calendar.orders_inside(permit.first, permit.last, after_days=row["lead_days"])
            most = inf if row.get("max_kg") is None else float(row["max_kg"])
            co2e = row.get("co2e_kg_per_kg")
            if co2e is None:
                co2e = 0.0 if kind in DEBT_KINDS else net.factors.get(net.element(material), 0.0)
            entity = self._buy.entity(
                {
                    "offer": name, "kind": kind, "site": site, "material": material, "element": net.element(material),
                    "party": net.party(site), "country": row.get("origin_country") or net.country(site),
                    "source": net.tag(material, f"offer:{name}"), "recycled_share": self._recycled(row),
                    "site_country": net.country(site), "site_kind": net.sites.get(site, {}).get("kind"),
                },
                most=_left(
                    np.where(open_ > 0, most, 0.0),
                    net.events.lost(("site_stop",), (name, site, row.get("origin_country") or net.country(site)))
                    * net.events.lost(("licence_refused",), (name, row.get("licence"))),
                ),
                co2e=co2e,
                costs=self._buy_costs(name, row, kind, accept)
                | net.testing(site, material, f"offer:{name}")
                | {"carbon": self._carbon(co2e)},
            )  # fmt: skip
            self._buy.post(entity, node, 1.0, usable, "order", days=row["lead_days"] + accept)
            lent = kind in DEBT_KINDS
            days = row["lead_days"] + (row.get("term_days") or 0.0)
            self._due.append(net.order_arrivals(days))
            self._debt_of.append(net.debt_place(row) if lent else None)

    def _buy_costs(self, name: str, row: Row, kind: str, accept: float) -> dict[str, Floats | float]:
        net = self._net
        worth = net.metal_price(row["material"])
        held = net.funding(row["site"], row["material"]) * accept / 365.0
        price = net.offer_prices.of_any(name)
        if row.get("price_index") and price is not None:
            price = price[np.minimum(net.order_arrivals(row["lead_days"]), self._periods - 1)]
        if kind not in DEBT_KINDS:
            # Metal drawn from one's own account is one's own; anything else without a price costs what it is worth.
            price = price if price is not None else 0.0 * worth if kind == "account_draw" else worth
            # A deposit is money bound from the day of the order until the metal is handed over.
            lent = (
                net.funding(row["site"], row["material"]) * row["lead_days"] / 365.0 * (row.get("deposit_share") or 0.0)
            )
            return {"purchase": price, "holding": held * worth + lent * price}
        term = row.get("term_days") or 0.0
        rent = (row.get("lease_rate_per_year") or 0.0) * worth * term / 365.0
        back = net.metal_price(row.get("return_material") or row["material"])[-1]
        beyond = net.order_arrivals(row["lead_days"] + term) >= self._periods
        fee = price if kind == "swap" and price is not None else 0.0
        return {"rent": rent + fee, "debt": np.where(beyond, back, 0.0)}

    def _permit(self, row: Row) -> Licence | None:
        return self._net.licences.get(row.get("licence") or "")

    def _recycled(self, row: Row) -> float:
        share = row.get("recycled_share")
        own = RECYCLED.get(self._net.materials[row["material"]].get("recycled") or "", 0.0)
        return own if share is None else float(share)

    # Moving.

    def _ships(self) -> None:
        net, calendar = self._net, self._net.calendar
        now = np.arange(self._periods)
        for lane in net.rows("lanes"):
            permit = self._permit(lane)
            open_ = calendar.starts_inside(lane.get("valid_from"), lane.get("valid_to"))
            if permit is not None:
                open_ = open_ * calendar.starts_inside(permit.first, permit.last)
            closed = net.events.lost(("lane_closed",), (lane["lane"], lane["from_site"], lane["to_site"]))
            refused = net.events.lost(("licence_refused",), (lane["lane"], lane.get("licence")))
            for _, material, tag in net.nodes_of_site.get(lane["from_site"], ()):
                onward = net.node(lane["to_site"], material, tag)
                if lane.get("material") not in (None, material) or onward < 0:
                    continue
                if not carries(lane.get("hazard"), net.materials[material].get("hazard")):
                    continue
                days = lane["lead_days"] + (lane.get("customs_days") or 0.0)
                accept = net.accept_days(lane["to_site"], material, tag)
                arrives = net.arrivals(days + accept)
                gross = net.gross_per_kg(material)
                held = net.funding(lane["to_site"], material) * (days + accept) / 365.0
                co2e = (lane.get("co2e") or 0.0) * gross
                entity = self._ship.entity(
                    {
                        "lane": lane["lane"], "material": material, "element": net.element(material), "source": tag,
                        "from_site": lane["from_site"], "to_site": lane["to_site"],
                        "from_country": net.country(lane["from_site"]), "to_country": net.country(lane["to_site"]),
                        "days": days + accept,
                    },
                    most=_left(
                        np.where((open_ > 0) & (arrives < self._periods), inf, 0.0), closed * refused,
                    ),
                    co2e=co2e,
                    costs={
                        "freight": (lane.get("cost_per_gross_kg") or 0.0) * gross,
                        "holding": held * net.metal_price(material),
                        "carbon": self._carbon(co2e),
                        **net.testing(lane["to_site"], material, tag),
                    },
                )  # fmt: skip
                self._ship.post(entity, net.node(lane["from_site"], material, tag), -1.0, now, "ship")
                self._ship.post(entity, onward, 1.0, arrives, "ship", days=days + accept)

    # Turning one material into another.

    def _runs(self) -> None:
        net = self._net
        groups: list[dict[str, Any]] = []
        now = np.arange(self._periods)
        for name, recipe in net.recipes.items():
            row = net.processes[name]
            site = row["site"]
            dry = net.dry_per_kg(name)
            capacity = row.get("capacity_dry_kg")
            most = inf if capacity is None or not dry or net.dry_varies(name) else capacity / dry
            co2e = row.get("co2e") or 0.0
            held: Any = 0.0
            cash: Any = 0.0
            for out in recipe.outputs:
                worth = net.metal_price(out.material) * net.funding(site, out.material) / 365.0
                held = held + worth * (out.kg * out.days + out.later_kg * out.later_days)
                if recipe.cash:
                    paid = np.minimum(net.arrivals(out.days), self._periods - 1)
                    cash = cash - net.metal_price(out.material)[paid] * (out.kg + out.later_kg)
            # Of a blend, what is recycled is counted by what is drawn: see `oreloop.plan.limits`.
            fed_recycled = sum(
                kg for material, kg in recipe.inputs.items() if net.materials[material].get("recycled") == "recycled"
            )
            entity = self._run.entity(
                {
                    "process": name, "site": site, "party": net.party(site),
                    "site_kind": net.sites.get(site, {}).get("kind"),
                    "country": net.country(site), "material": recipe.main, "element": net.element(recipe.main),
                    "toll": "yes" if row.get("toll") else "no",
                    "recycled_share": fed_recycled / max(recipe.fed_kg, 1e-12),
                },
                most=_left(rated(most, lots.batch(net, row), net.calendar.units), net.events.lost(("site_stop",), (name, site, net.country(site)))),
                co2e=co2e,
                costs={"process": row.get("cost") or 0.0, "holding": held, "toll_cash": cash, "carbon": self._carbon(co2e)},
            )  # fmt: skip
            left = net.events.lost(("yield_drop",), (name, site))
            for out in recipe.outputs if not recipe.cash else ():
                node = net.node(site, out.material, f"process:{name}")
                self._run.post(entity, node, out.kg * left, net.arrivals(out.days), "output", days=out.days)
                if out.later_kg > 0:
                    later = net.arrivals(out.later_days)
                    self._run.post(entity, node, out.later_kg * left, later, "residue", days=out.later_days)
            first = len(groups)
            groups += [
                {"process": name, "site": site, "material": each, "kg": kg} for each, kg in recipe.inputs.items()
            ]
            if recipe.blend:
                groups.append({"process": name, "site": site, "material": None, "kg": recipe.blend.kg})
            for group, material in enumerate(recipe.fed, start=first):
                of_blend = recipe.blend is not None and material in recipe.blend.shares
                for node, tag in net.nodes_at(site, material):
                    allowed = net.approvals.allowed(site, (material,), net.source(tag))
                    ids = {
                        "process": name, "site": site, "material": material, "element": net.element(material),
                        "source": tag, "approval": allowed.status, "group": len(groups) - 1 if of_blend else group,
                    }  # fmt: skip
                    one = self._draw.entity(ids, most=np.where(allowed.share > 0, inf, 0.0), costs={})
                    self._draw.post(one, node, -1.0, now, "feed")
                    self._shares.append(("draw", ids, one, allowed, 1.0, (name, material)))
        schema = {"process": _TEXT, "site": _TEXT, "material": _TEXT, "kg": _NUMBER}
        self.draw_groups = pl.DataFrame(groups, schema=schema)
        whole = {row["process"]: at for at, row in enumerate(groups) if row["material"] is None}
        parts = [
            (whole[name], name, groups[whole[name]]["site"], material, *share)
            for name, recipe in net.recipes.items() if recipe.blend
            for material, share in recipe.blend.shares.items()
        ]  # fmt: skip
        self.blends = pl.DataFrame(parts, schema=BLENDS, orient="row")

    # Meeting demand.

    def _serves(self) -> None:
        net = self._net
        now = np.arange(self._periods)
        served_kg = most_served_kg(net.demand_kg, net.calendar.planned, net.settings.late_cost_per_kg_day)
        for number, demand in enumerate(net.demands.iter_rows(named=True)):
            site, wanted = demand["site"], demand["material"]
            ratios = {wanted: 1.0} | {
                name: others[wanted] for name, others in sorted(net.serves.items()) if wanted in others
            }
            for supplied, ratio in ratios.items():
                for node, tag in net.nodes_at(site, supplied):
                    allowed = net.approvals.allowed(site, (supplied, wanted), net.source(tag))
                    ids = {
                        "site": site, "material": wanted, "supplied": supplied, "element": demand["element"],
                        "source": tag, "approval": allowed.status, "ratio": ratio,
                    }  # fmt: skip
                    most = np.where(allowed.share > 0, served_kg[number] / ratio, 0.0)
                    one = self._serve.entity(ids, most=most, costs={})
                    self._serve.post(one, node, -1.0, now, "serve")
                    self._shares.append(("serve", ids, one, allowed, ratio, net.demand_kg[number]))
                    for scrap, kg, days in net.scrap_of(site, wanted):
                        there = net.node(site, scrap, "scrap")
                        self._serve.post(one, there, kg, net.arrivals(days), "scrap", days=days)

    # Giving back.

    def _debts(self) -> None:
        net, calendar = self._net, self._net.calendar
        leased = [row for row in net.rows("stock") if row.get("owner") == "leased_in" and row.get("due_back_on")]
        places = {place for place in self._debt_of if place} | {(row["site"], row["material"]) for row in leased}
        order = {place: number for number, place in enumerate(sorted(places))}
        self.debt_kg = np.zeros((len(order), self._periods))
        for row in leased:
            due = calendar.horizon.index(row["due_back_on"])
            if due < self._periods:
                self.debt_kg[order[row["site"], row["material"]], max(due, 0)] += row["quantity_kg"]
        self.debts = pl.DataFrame(
            [(*place, net.element(place[1])) for place in order],
            schema=dict.fromkeys(("site", "material", "element"), _TEXT), orient="row",
        )  # fmt: skip
        self.buy_debt = np.array([-1 if place is None else order[place] for place in self._debt_of], dtype=np.int64)
        self.buy_due = stacked(self._due, self._periods, np.int64)
        for site, material in order:
            for node, tag in net.nodes_at(site, material):
                ids = {"site": site, "material": material, "element": net.element(material), "source": tag}
                one = self._repay.entity(ids, most=np.full(self._periods, inf), costs={})
                self._repay.post(one, node, -1.0, np.arange(self._periods), "repay")

    # Ceilings.

    def caps(self) -> list[Cap]:
        """Give every ceiling that is not a limit of the case."""
        return [
            self._offer_totals(), self._lane_capacities(), self._licence_totals(), self._approval_shares(),
            self._feed_capacities(),
        ]  # fmt: skip

    def _offer_totals(self) -> Cap:
        net = self._net
        named = [(number, row["offer"]) for number, row in enumerate(self._buy.rows)]
        capped = [(number, name) for number, name in named if net.offers[name].get("total_kg") is not None]
        most = [np.full(self._periods, float(net.offers[name]["total_kg"])) for _, name in capped]
        rows = [(name, net.offers[name]["site"], net.offers[name]["material"]) for _, name in capped]
        entities = [number for number, _ in capped]
        return self._cap("offer_total", rows, False, most, [("buy", list(range(len(rows))), entities, 1.0)])

    def _lane_capacities(self) -> Cap:
        net = self._net
        lanes = [row for row in net.rows("lanes") if row.get("capacity_gross_kg") is not None]
        order = {row["lane"]: number for number, row in enumerate(lanes)}
        rows = [(row["lane"], row["to_site"], row.get("material")) for row in lanes]
        most = [
            row["capacity_gross_kg"]
            * net.calendar.units
            * net.events.lost(("lane_closed",), (row["lane"], row["from_site"], row["to_site"]))
            for row in lanes
        ]
        entities = [number for number, row in enumerate(self._ship.rows) if row["lane"] in order]
        at = [order[self._ship.rows[number]["lane"]] for number in entities]
        gross = [net.gross_per_kg(self._ship.rows[number]["material"]) for number in entities]
        return self._cap("lane_capacity", rows, True, most, [("ship", at, entities, gross)])

    def _feed_capacities(self) -> Cap:
        """The dry feed of a blend whose inputs differ in content is that of what is drawn."""
        net = self._net
        capped = [
            net.processes[name] for name in net.recipes
            if net.dry_varies(name) and net.processes[name].get("capacity_dry_kg") is not None
        ]  # fmt: skip
        order = {row["process"]: number for number, row in enumerate(capped)}
        most = [
            row["capacity_dry_kg"]
            * net.calendar.units
            * net.events.lost(("site_stop",), (row["process"], row["site"], net.country(row["site"])))
            for row in capped
        ]
        entities = [number for number, row in enumerate(self._draw.rows) if row["process"] in order]
        at = [order[self._draw.rows[number]["process"]] for number in entities]
        dry = [1.0 / net.content(self._draw.rows[number]["material"]) for number in entities]
        rows = [(row["process"], row["site"], None) for row in capped]
        return self._cap("feed_capacity", rows, True, most, [("draw", at, entities, dry)])

    def _licence_totals(self) -> Cap:
        net = self._net
        permits = [each for _, each in sorted(net.licences.items()) if each.most_kg < inf]
        order = {each.licence: number for number, each in enumerate(permits)}
        lanes = {row["lane"]: row.get("licence") for row in net.rows("lanes")}
        terms: list[tuple[str, list[int], list[int], Any]] = []
        for name, named in (
            ("buy", [net.offers[row["offer"]].get("licence") for row in self._buy.rows]),
            ("ship", [lanes[row["lane"]] for row in self._ship.rows]),
        ):
            entities = [number for number, licence in enumerate(named) if licence in order]
            terms.append((name, [order[str(named[number])] for number in entities], entities, 1.0))
        most = [np.full(self._periods, each.most_kg) for each in permits]
        return self._cap("licence", [(each.licence, None, None) for each in permits], False, most, terms)

    def _approval_shares(self) -> Cap:
        """A trial source serves at most its share of each period's use."""
        keys: dict[tuple[Any, ...], int] = {}
        rows: list[tuple[str | None, ...]] = []
        most: list[Floats] = []
        terms: dict[str, tuple[list[int], list[int], list[Floats]]] = {"serve": ([], [], []), "draw": ([], [], [])}
        ones = np.ones(self._periods)
        for name, ids, entity, allowed, ratio, of in self._shares:
            if allowed.row < 0 or not ((allowed.share > 0) & (allowed.share < 1)).any():
                continue
            key = (name, ids["site"], ids["material"], ids.get("process"), allowed.row)
            if key not in keys:
                keys[key] = len(rows)
                approval = self._net.rows("approvals")[allowed.row]
                rows.append(
                    (
                        approval.get("offer") or approval.get("process") or approval["party"],
                        ids["site"],
                        ids["material"],
                    )
                )
                most.append(allowed.share * of if name == "serve" else np.zeros(self._periods))
                if name == "draw":
                    for other_name, _, other, _, _, group in self._shares:
                        if other_name == "draw" and group == of:
                            _term(terms["draw"], keys[key], other, -allowed.share)
            _term(terms[name], keys[key], entity, ratio * ones)
        parts = [(name, at, entities, weights) for name, (at, entities, weights) in terms.items()]
        return self._cap("approval_share", rows, True, most, parts)

    def _cap(self, code: str, rows: list[Any], by_period: bool, most: list[Floats], terms: list[Any]) -> Cap:
        index = pl.DataFrame(rows, schema=dict.fromkeys(("subject", "site", "material"), _TEXT), orient="row")
        arrays = tuple(
            (
                name,
                np.array(at, dtype=np.int64),
                np.array(entities, dtype=np.int64),
                stacked(_each(weights, len(entities)), self._periods),
            )
            for name, at, entities, weights in terms
            if entities
        )
        return Cap(code=code, index=index, by_period=by_period, most=stacked(most, self._periods), terms=arrays)


_IDS = {
    "buy": "offer kind site material element party country source site_country site_kind",
    "ship": "lane material element source from_site to_site from_country to_country",
    "draw": "process site material element source approval",
    "run": "process site site_kind party country material element toll",
    "serve": "site material supplied element source approval",
    "repay": "site material element source",
}


def stacked(parts: Sequence[Any], periods: int, kind: type[np.generic] = np.float64) -> Any:
    """Stack vectors of one number a period, or numbers that hold in all, shape ``(len(parts), periods)``."""
    rows = np.empty((len(parts), periods), dtype=kind)
    for row, part in zip(rows, parts, strict=True):
        row[:] = part
    return rows


def _left(most: Floats, share: Floats) -> Floats:
    """What is left of a capacity, which may be infinite, when only a share of it remains."""
    return np.where(share > 0, most, 0.0) * np.where(share > 0, share, 1.0)


def _term(term: tuple[list[int], list[int], list[Floats]], row: int, entity: int, weight: Floats) -> None:
    term[0].append(row)
    term[1].append(entity)
    term[2].append(weight)


def _each(weights: Any, count: int) -> list[Any]:
    return list(weights) if isinstance(weights, list) else [weights] * count
