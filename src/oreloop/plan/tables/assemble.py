"""From a case's tables to a `Network`: reachable nodes, activities, postings, ceilings, boxes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from functools import cache
from math import ceil, inf
from typing import Any

import numpy as np
import polars as pl

from oreloop.base.errors import BadInput
from oreloop.base.period import Horizon, Period
from oreloop.plan.model import Floats
from oreloop.plan.network import CLOSING_SHARE, Network, Settings
from oreloop.plan.tables import buckets, lots
from oreloop.plan.tables.ceilings import loosened, together
from oreloop.plan.tables.cycles import refuse_gaining_circle
from oreloop.plan.tables.ready import readiness
from oreloop.plan.tables.recipes import read_recipes, refuse_metal_from_nothing
from oreloop.plan.tables.rules import ANY_SOURCE, Approvals, Calendar, Events, Prices, Row, Source, licences

Node = tuple[str, str, str]
DEBT_KINDS = ("lease", "loan", "swap")
"""Kinds of offer under which metal must be given back."""


class Assembly:
    """Builds a network; each ``_add`` method reads one kind of table."""

    def __init__(
        self,
        tables: Mapping[str, pl.DataFrame],
        *,
        horizon: Horizon,
        settings: Settings,
        carbon_factors: Mapping[str, float],
        with_passport: frozenset[str],
    ) -> None:
        self._cache: dict[str, list[dict[str, Any]]] = {}
        self._tables, self.settings = tables, settings
        self.factors, self._passports = carbon_factors, with_passport
        self._at = settings.at or horizon.periods[0].first
        self.sites = {row["site"]: row for row in self.rows("sites")}
        self.materials = {row["material"]: row for row in self.rows("materials")}
        self.processes = {row["process"]: row for row in self.rows("processes")}
        self.offers = {
            row["offer"]: row | {"lead_days": settings.lead_days(row)}
            for row in sorted(self.rows("offers"), key=lambda row: str(row["offer"]))
        }
        self._contents = {(row["material"], row["element"]): row["content"] for row in self.rows("contents")}
        self.recipes = read_recipes(self.rows("recipes"), self.processes, self.element)
        refuse_metal_from_nothing(self.recipes, self.element)
        refuse_gaining_circle(self.recipes, self.element)
        self._planned = horizon
        self.calendar = Calendar.of(
            horizon, longest_days=self._longest_days(), at=self._at, frozen_days=settings.frozen_days
        )
        self.approvals = Approvals(
            self.rows("approvals"),
            calendar=self.calendar,
            accept_days=settings.accept_days,
            with_passport=with_passport,
        )
        self.events = Events(self.rows("events"), self.calendar)
        self.periods = len(self.calendar)
        self.arrivals, self.order_arrivals = cache(self.calendar.arrivals), cache(self.calendar.order_arrivals)
        self.metal_price = cache(self._metal_price)
        self._funding = {
            (row["site"], row["material"]): float(row["funding_rate_per_year"])
            for row in reversed(self.rows("stock_rules"))
            if row.get("funding_rate_per_year") is not None
        }
        self.offer_prices = self._pulsed(Prices.of(tables["offer_prices"], "offer", self.calendar.horizon))
        self.metal_prices = self._pulsed(Prices.of(tables["metal_prices"], "material", self.calendar.horizon))
        self.licences = licences(self.rows("licences"), self._at)
        self.serves = {name: _weights(row.get("serves")) for name, row in self.materials.items()}
        self._tracked = self.approvals.materials | {
            name for name, others in self.serves.items() if self.approvals.materials & others.keys()
        }
        self._read_demand()
        self._find_nodes()

    def network(self) -> Network:
        """Put everything together."""
        from oreloop.plan.tables.activities import Activities

        activities = Activities(self)
        made = {each.name: each.activity() for each in activities.ledgers}
        box_kg = self._box(activities)
        inflows = self._inflow_frame()
        posted = {each.name: each.postings() for each in activities.ledgers}
        ready, posted = readiness(self.calendar, made, posted, inflows, activities.draw_groups)
        return Network(
            calendar=self.calendar,
            settings=self.settings,
            tables=dict(self._tables),
            with_passport=self._passports,
            carbon_factors=dict(self.factors),
            nodes=self.node_frame(),
            inflows=inflows,
            demands=self.demands,
            demand_kg=self.demand_kg,
            shortage_cost=np.array([self.shortage_cost(row["material"]) for row in self.demands.iter_rows(named=True)]),
            activities={**made, "buy": loosened(self, made["buy"])},
            postings=posted,
            ready=ready,
            caps=(*activities.caps(), *together(self, made["buy"], made["run"])),
            counted=(lots.orders(self, made["buy"], box_kg), lots.campaigns(self, made["run"], box_kg)),
            batches=np.array([lots.batch(self, self.processes[name]) for name in made["run"].index["process"]]),
            take_or_pay=lots.take_or_pay(self, made["buy"], box_kg),
            options=lots.options(self, made["buy"]),
            debts=activities.debts,
            debt_kg=activities.debt_kg,
            debt_penalty=np.array([self.shortage_cost(material) for material in activities.debts["material"]]),
            buy_debt=activities.buy_debt,
            buy_due=activities.buy_due,
            accept_days=activities.accept_days,
            draw_groups=activities.draw_groups,
            blends=activities.blends,
            holding=self._holding(),
            stock_rules=self._stock_rules(),
            closing=self._closing(),
            box_kg=box_kg,
            limits=self._tables.get("limits", pl.DataFrame()),
        )

    # What materials are.

    def element(self, material: str) -> str:
        """The element in whose kilograms a material is counted."""
        if material not in self.materials:
            raise BadInput.of("plan.unknown_reference", table="materials", got=material)
        own = self.materials[material].get("element")
        return str(own or next((element for name, element in self._contents if name == material), material))

    def content(self, material: str) -> float:
        """Share of the element in the dry mass."""
        own = self.materials[material].get("content")
        return float(own or self._contents.get((material, self.element(material)), 1.0))

    def gross_per_kg(self, material: str) -> float:
        """Wet kg carried for one contained kg."""
        return 1.0 / (self.content(material) * (1.0 - (self.materials[material].get("moisture") or 0.0)))

    def dry_per_kg(self, process: str) -> float:
        """Dry kg of feed for one kg of a process's activity; for a blend, of its poorest proportions."""
        recipe = self.recipes.get(process)
        dry = sum(kg / self.content(material) for material, kg in recipe.inputs.items()) if recipe else 0.0
        if recipe and recipe.blend:
            dry -= recipe.blend.least_weighted(lambda material: -1.0 / self.content(material))
        return dry

    def dry_varies(self, process: str) -> bool:
        """Whether the dry feed of a process depends on the proportions of its blend."""
        blend = self.recipes[process].blend
        return blend is not None and len({self.content(material) for material in blend.shares}) > 1

    def _metal_price(self, material: str) -> Floats:
        """What a kg of a material is worth in each period: its own price, its element's, an offer's, else nothing.

        An offer of the material itself comes before one of another form of its element.
        """
        found = self.metal_prices.of_any(material, self.element(material))
        if found is None:
            offered = {name: row["material"] for name, row in sorted(self.offers.items())}
            own = [name for name, other in offered.items() if other == material]
            alike = [name for name, other in offered.items() if self._is(other, self.element(material))]
            found = self.offer_prices.of_any(*own, *alike)
        return np.zeros(self.periods) if found is None else found

    def shortage_cost(self, material: str) -> float:
        """Penalty per kg: the setting, else three times the highest price of the element."""
        if self.settings.shortage_cost_per_kg is not None:
            return self.settings.shortage_cost_per_kg
        element = self.element(material)
        paths = [path for name, path in self.metal_prices.paths.items() if self._is(name, element)]
        paths += [
            path
            for name, path in self.offer_prices.paths.items()
            if name in self.offers and self.element(self.offers[name]["material"]) == element
        ]
        # Metal that costs nothing is wanted all the same: then a kilogram that is short costs 3, whatever the currency.
        return 3.0 * (max((float(path.max()) for path in paths), default=0.0) or 1.0)

    def _is(self, name: str, element: str) -> bool:
        return name == element or (name in self.materials and self.element(name) == element)

    # What is taken to happen.

    def _pulsed(self, prices: Prices) -> Prices:
        paths = {}
        for name, path in prices.paths.items():
            material = self.offers[name]["material"] if name in self.offers else name
            element = self.element(material) if material in self.materials else material
            paths[name] = path * self.events.gained("price_pulse", (name, material, element))
        return Prices(paths=paths)

    # Where metal comes from and may go.

    def source(self, tag: str) -> Source:
        """Read a source tag."""
        kind, _, name = tag.partition(":")
        if kind == "offer":
            return Source(tag=tag, offer=name, party=self.party(self.offers[name]["site"]))
        if kind == "process":
            return Source(tag=tag, process=name, party=self.party(self.processes[name]["site"]))
        return Source(tag=tag)

    def party(self, site: str) -> str | None:
        """Whose site it is."""
        found = self.sites.get(site, {}).get("party")
        return None if found is None else str(found)

    def country(self, site: str) -> str | None:
        """Country of a site."""
        found = self.sites.get(site, {}).get("country")
        return None if found is None else str(found)

    def tag(self, material: str, tag: str) -> str:
        """The source that metal keeps: its own if the material's sources need approval, else the common pool."""
        return tag if material in self._tracked else ANY_SOURCE

    def accept_days(self, site: str, material: str, tag: str) -> float:
        """Days in acceptance when metal arrives at a site that uses it; none elsewhere."""
        listed = (material, *self.serves[material])
        used = any((site, each) in self._used for each in listed)
        if not used and not self.approvals.lists(site, material):
            return 0.0
        return self.approvals.accept_days(site, self._judged_as(site, material), self.source(tag))

    def testing(self, site: str, material: str, tag: str) -> dict[str, float]:
        """Money per kg for testing what arrives at a site, the cost of a lot over its usual kilograms; empty if none."""
        if self.settings.lot_kg is None:
            return {}
        cost = self.approvals.test_cost(site, self._judged_as(site, material), self.source(tag))
        return {"testing": cost / self.settings.lot_kg} if cost else {}

    def _judged_as(self, site: str, material: str) -> str:
        """The material under which a site lists the sources of another: its own, else one that it serves."""
        listed = (material, *self.serves[material])
        return next((each for each in listed if self.approvals.lists(site, each)), material)

    def node(self, site: str, material: str, tag: str) -> int:
        """The number of a node, -1 when there is none."""
        return self._node_number.get((site, material, self.tag(material, tag)), -1)

    def nodes_at(self, site: str, material: str) -> list[tuple[int, str]]:
        """Every node of a material at a site with its source tag."""
        return self._nodes_by_place.get((site, material), [])

    def node_frame(self) -> pl.DataFrame:
        """The nodes in their order."""
        rows = [(*node, self.element(node[1])) for node in self.node_list]
        return pl.DataFrame(
            rows, schema=dict.fromkeys(("site", "material", "source", "element"), pl.Utf8), orient="row"
        )

    def _find_nodes(self) -> None:
        self._inflows = list(self._read_inflows())
        seeds = {(site, material, self.tag(material, tag)) for _, _, site, material, tag, _, _ in self._inflows}
        for name, row in self.offers.items():
            seeds.add((row["site"], row["material"], self.tag(row["material"], f"offer:{name}")))
        for name, recipe in self.recipes.items():
            for out in recipe.outputs:
                seeds.add((self.processes[name]["site"], out.material, self.tag(out.material, f"process:{name}")))
        for row in self.demands.iter_rows(named=True):
            for scrap, _, _ in self.scrap_of(row["site"], row["material"]):
                seeds.add((row["site"], scrap, self.tag(scrap, "scrap")))
        reached, frontier = set(seeds), sorted(seeds)
        wanted = self._wanted()
        away = _grouped(self.rows("lanes"), "from_site")
        while frontier:
            site, material, tag = frontier.pop()
            for lane in away.get(site, ()):
                onward = (lane["to_site"], material, tag)
                carried = lane.get("material") in (None, material)
                if carried and onward[:2] in wanted and onward not in reached:
                    reached.add(onward)
                    frontier.append(onward)
        self.node_list = sorted(reached)
        self._node_number = {node: number for number, node in enumerate(self.node_list)}
        self._nodes_by_place: dict[tuple[str, str], list[tuple[int, str]]] = {}
        self.nodes_of_site: dict[str, list[Node]] = {}
        for number, (site, material, tag) in enumerate(self.node_list):
            self._nodes_by_place.setdefault((site, material), []).append((number, tag))
            self.nodes_of_site.setdefault(site, []).append((site, material, tag))

    def _wanted(self) -> set[tuple[str, str]]:
        """Places from which metal can still get to a use, a process, a lender or a stock that a rule asks for."""
        wanted = {(self.processes[name]["site"], each) for name, recipe in self.recipes.items() for each in recipe.fed}
        for row in self.demands.iter_rows(named=True):
            serving = [name for name, others in self.serves.items() if row["material"] in others]
            wanted |= {(row["site"], each) for each in (row["material"], *serving)}
        wanted |= {self.debt_place(row) for row in self.offers.values() if row.get("kind") in DEBT_KINDS}
        wanted |= {(row["site"], row["material"]) for row in self.rows("stock_rules")}
        frontier = sorted(wanted)
        towards = _grouped(self.rows("lanes"), "to_site")
        while frontier:
            site, material = frontier.pop()
            for lane in towards.get(site, ()):
                before = (lane["from_site"], material)
                if lane.get("material") in (None, material) and before not in wanted:
                    wanted.add(before)
                    frontier.append(before)
        return wanted

    def debt_place(self, offer: Row) -> tuple[str, str]:
        """Where, and in which material, what an offer lends must be given back."""
        return (offer.get("return_site") or offer["site"], offer.get("return_material") or offer["material"])

    # Demand and its scrap.

    def _read_demand(self) -> None:
        frame = self._tables["demand"].group_by("site", "material", "period").agg(pl.col("quantity_kg").sum())
        self.demands = frame.select("site", "material").unique().sort("site", "material")
        number = {key: at for at, key in enumerate(self.demands.iter_rows())}
        stated = frame.select("site", "material", "period", "quantity_kg").iter_rows()
        rows = ((number[site, material], name, quantity) for site, material, name, quantity in stated)
        wanted, said = buckets.spread(rows, self.calendar.horizon, len(number))
        planned = self.calendar.planned
        usual = buckets.usual(wanted[:, :planned], self._planned, self.settings.season)
        beyond = np.arange(self.periods) >= planned
        self.demand_kg = wanted + np.where(beyond, 1.0 - said, 0.0) * usual
        element = [self.element(material) for material in self.demands["material"]]
        for at, (site, material) in enumerate(number):
            targets = (site, material, element[at], self.country(site))
            self.demand_kg[at] *= self.events.gained("demand_jump", targets)
        self.demands = self.demands.with_columns(pl.Series("element", element, dtype=pl.Utf8))
        self._used = frozenset(number)

    def scrap_of(self, site: str, material: str) -> list[tuple[str, float, float]]:
        """Scrap of one kg used at a site: material, kg, days. Products weigh by their metal in the schedule."""
        rows = [row for row in self.rows("uses") if row["material"] == material]
        planned: dict[str, float] = {}
        for row in self.rows("schedule"):
            if row["site"] == site:
                planned[row["product"]] = planned.get(row["product"], 0.0) + (row["units"] or 0.0)
        weights = [planned.get(row["product"], 0.0) * row["kg_per_unit"] for row in rows]
        if not sum(weights):
            weights = [1.0] * len(rows)
        return [
            (row["scrap_material"], row["scrap_share"] * weight / sum(weights), row.get("scrap_days") or 0.0)
            for row, weight in zip(rows, weights, strict=True)
            if row.get("scrap_material") and row.get("scrap_share") and weight
        ]

    # Metal that comes without a decision.

    def _read_inflows(self) -> Iterable[tuple[str, str, str, str, str, date | None, float]]:
        """Give kind, subject, site, material, tag, day (None: there at the start), kg."""
        for row in self.rows("stock"):
            free = row.get("available_from")
            state = row.get("state") or "free"
            usable = row.get("owner") in (None, "own", "leased_in") and not row.get("pledged")
            if free is None and state == "in_acceptance":
                free = self._at + timedelta(days=ceil(self.settings.accept_days))
            if not usable or (free is None and state != "free"):
                continue
            yield "opening", state, row["site"], row["material"], "opening", free, row["quantity_kg"]
        for row in self.rows("commitments"):
            if row.get("state") in ("delivered", "settled", "cancelled"):
                continue
            tag = f"offer:{row['offer']}" if row.get("offer") in self.offers else f"contract:{row['contract']}"
            promised = row.get("promised_on") or Period.parse(row["period"]).first
            there = max(promised + timedelta(days=ceil(row.get("delay_days_p50") or 0.0)), self._at)
            accepted = there + timedelta(days=ceil(self.accept_days(row["site"], row["material"], tag)))
            yield "commitment", row["contract"], row["site"], row["material"], tag, accepted, row["quantity_kg"]
        uses = {(row["product"], row["material"]): row for row in self.rows("uses")}
        for plan in self.rows("schedule"):
            for (product, _), use in uses.items():
                life, scrap = use.get("life_years"), use.get("scrap_material")
                if product != plan["product"] or not (life and scrap and use.get("collected_share")):
                    continue
                day = Period.parse(plan["period"]).first + timedelta(days=ceil(life * 365.25))
                if day >= self._at:
                    kg = plan["units"] * use["kg_per_unit"] * use["collected_share"]
                    yield "scrap", product, plan["site"], scrap, "scrap", day, kg

    def _inflow_frame(self) -> pl.DataFrame:
        starts = self.calendar.starts
        rows = [
            (kind, subject, self.node(site, material, tag), when, float(kg), max((there - starts[when]).days, 0))
            for kind, subject, site, material, tag, day, kg in self._inflows
            for there in [day or starts[0]]
            for when in [self.calendar.index(there)]
            if when < self.periods
        ]
        schema = {
            "kind": pl.Utf8, "subject": pl.Utf8, "node": pl.Int64, "period": pl.Int64, "quantity_kg": pl.Float64,
            "offset_days": pl.Int64,
        }  # fmt: skip
        frame = pl.DataFrame(rows, schema=schema, orient="row")
        keys = ["kind", "subject", "node", "period"]
        return frame.group_by(keys).agg(pl.col("quantity_kg").sum(), pl.col("offset_days").max()).sort(keys)

    # Stock.

    def _holding(self) -> Floats:
        rules = {(row["site"], row["material"]): row for row in self.rows("stock_rules")}
        cost = np.zeros((len(self.node_list), self.periods))
        for number, (site, material, _) in enumerate(self.node_list):
            rule = rules.get((site, material), {})
            cost[number] = self.funding(site, material) * self.metal_price(material) + (rule.get("storage_cost") or 0.0)
        return cost * self.calendar.days / 365.0

    def funding(self, site: str, material: str) -> float:
        """Cost of money bound in a material at a site, share a year."""
        return self._funding.get((site, material), self.settings.funding_rate_per_year)

    def _stock_rules(self) -> pl.DataFrame:
        rows = [
            {
                "site": row["site"],
                "material": row["material"],
                "safety_kg": row.get("safety_kg") or 0.0,
                "max_kg": inf if row.get("max_kg") is None else row["max_kg"],
                "penalty": self.shortage_cost(row["material"]),
            }
            for row in self.rows("stock_rules")
            if self.nodes_at(row["site"], row["material"])
        ]
        schema = {
            "site": pl.Utf8,
            "material": pl.Utf8,
            "safety_kg": pl.Float64,
            "max_kg": pl.Float64,
            "penalty": pl.Float64,
        }
        return pl.DataFrame(rows, schema=schema)

    def _closing(self) -> pl.DataFrame:
        """What must be left at the end: as a stock rule says, else the own metal of the start, by material in use."""
        ruled = [row for row in self.rows("stock_rules") if row.get("end_kg") is not None]
        rows: list[tuple[str | None, str, float, float, list[str]]] = [
            (
                row["site"], row["material"], row["end_kg"], CLOSING_SHARE * self.shortage_cost(row["material"]),
                [row["site"]],
            )
            for row in ruled
        ]  # fmt: skip
        kept = set(self.demands["material"]) if self.settings.keep_cover else set()
        for material in sorted(kept - {row["material"] for row in ruled}):
            own = [
                (row["site"], row["quantity_kg"])
                for row in self.rows("stock")
                if row["material"] == material and row.get("owner") in (None, "own") and not row.get("pledged")
                and (row.get("state") or "free") == "free"
            ]  # fmt: skip
            if kg := sum(quantity_kg for _, quantity_kg in own):
                # Cover is where it was, or where it is used: metal that lies at a supplier covers nothing.
                used = self.demands.filter(pl.col("material") == material)["site"].to_list()
                sites = sorted({*used, *(site for site, _ in own)})
                rows.append((None, material, kg, CLOSING_SHARE * self.shortage_cost(material), sites))
        schema: dict[str, Any] = {
            "site": pl.Utf8, "material": pl.Utf8, "quantity_kg": pl.Float64, "penalty": pl.Float64,
            "sites": pl.List(pl.Utf8),
        }  # fmt: skip
        return pl.DataFrame(rows, schema=schema, orient="row")

    def _box(self, activities: Any) -> float:
        """Bound every flow: twice all metal that could be wanted, times the worst chain of yields."""
        wanted = self.demand_kg.sum() + activities.debt_kg.sum() + sum(each[6] for each in self._inflows)
        wanted += float(
            sum(row.get("safety_kg") or 0.0 for row in self.rows("stock_rules")) + sum(self._closing()["quantity_kg"])
        )
        wanted += sum(abs(row["value"]) for row in self.rows("limits") if (row.get("unit") or "kg") == "kg")
        # A whole order or campaign may bring more than is wanted.
        wanted += sum(lots.least_order(row) for row in self.offers.values())
        wanted += sum(lots.batch(self, row) for row in self.processes.values())
        worst = 1.0
        for recipe in self.recipes.values():
            worst *= max([1.0, *recipe.most_kg]) / min([1.0, *(out.kg for out in recipe.outputs if out.kg > 0)])
        substitution = min([1.0, *(ratio for others in self.serves.values() for ratio in others.values())])
        return float(2.0 * max(wanted, 1.0) * min(worst, 1e4) / substitution)

    def _longest_days(self) -> float:
        approvals = Approvals(
            self.rows("approvals"), calendar=None, accept_days=self.settings.accept_days, with_passport=frozenset()
        )
        accept = approvals.longest_days()
        every = [row["lead_days"] + accept for row in self.offers.values()]
        every += [row["lead_days"] + (row.get("customs_days") or 0.0) + accept for row in self.rows("lanes")]
        every += [recipe.longest_days for recipe in self.recipes.values()]
        return max(every, default=0.0)

    def rows(self, table: str) -> list[dict[str, Any]]:
        """The rows of a table, none when it is absent."""
        if table not in self._cache:
            frame = self._tables.get(table)
            rows = [] if frame is None else frame.to_dicts()
            self._cache[table] = sorted(rows, key=lambda row: str(row["lane"])) if table == "lanes" else rows
        return self._cache[table]


def _grouped(rows: Iterable[dict[str, Any]], column: str) -> dict[str, list[dict[str, Any]]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row[column], []).append(row)
    return groups


def _weights(text: str | None) -> dict[str, float]:
    """Read ``ir-4n:1.0; ir-3n:1``."""
    found = {}
    for part in (text or "").split(";"):
        name, _, ratio = part.strip().partition(":")
        if name:
            found[name.strip()] = float(ratio or 1.0)
    return found
