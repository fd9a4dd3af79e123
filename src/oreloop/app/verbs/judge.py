"""Judge: supply security from public figures, claims beside them, and what the plan leans on."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from oreloop import judge
from oreloop.base.errors import NotFound
from oreloop.case import Case
from oreloop.catalog import countries, country_risk

RISK_SOURCE = "World Bank, Worldwide Governance Indicators, political stability"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What was judged; frames of `oreloop.judge`.

    Args:
        security: figures of the market, and how much of the demand qualified domestic offers could cover.
        claims: checks of claims against public figures and against each other.
        exposure: ``element, country, before_kg, after_kg, before_share, after_share, risk``: what is agreed already,
            and with the planned orders.
        leaning: concentration and risk of the same, before and after.
    """

    security: pl.DataFrame
    claims: pl.DataFrame
    exposure: pl.DataFrame
    leaning: pl.DataFrame


def judged(case: Case, orders: pl.DataFrame, shortages: pl.DataFrame) -> Judged:
    """Judge a case and its plan.

    Args:
        case: the case.
        orders: planned orders, as in `oreloop.plan.Plan`.
        shortages: demand, served and short, as in `oreloop.plan.Plan`.
    """
    demand_kg = dict(shortages.filter("planned").group_by("element").agg(pl.col("demand_kg").sum()).iter_rows())
    year = case.judge.risk_year or case.as_of.year
    world = case.tables["world"].filter(pl.col("year") <= year)
    risk = country_risks()
    market = judge.figures(world, perspective=case.perspective, risk=risk, risk_source=RISK_SOURCE, year=year)
    local = [effective(case, metal, kg) for metal in case.metals if (kg := demand_kg.get(metal, 0.0)) > 0]
    agreed, ordered = _agreed(case), _ordered(orders)
    both = pl.concat([agreed, ordered])
    return Judged(
        security=pl.concat([market, *local]).sort("element", "figure"),
        claims=judge.check_claims(case.tables["claims"], world),
        exposure=judge.countries(agreed, both, risk=risk),
        leaning=judge.country_exposure(agreed, both, risk=risk),
    )


def country_risks() -> dict[str, float]:
    """Give governance risk by country, 0 (best) to 1 (worst), of every country that has a figure."""
    found = {}
    for code in countries():
        try:
            found[code] = country_risk(code).value
        except NotFound:
            continue
    return found


def effective(case: Case, element: str, demand_kg: float) -> pl.DataFrame:
    """Give the share of the planned demand that domestic sources could cover: all of them, and the approved ones alone.

    A source is an offer of a material in demand, or of a feed that processes turn into one: then what they yield counts,
    as far as their capacity goes, and whether they are approved. An offer without a stated ceiling is left out, since
    nobody knows how much it could give.
    """
    schema = dict.fromkeys(("source", "country"), pl.String) | {
        "quantity_kg": pl.Float64,
        "qualified": pl.Boolean,
        "status": pl.String,
    }
    return judge.effective_supply(
        pl.DataFrame(list(_sources(case, element)), schema=schema, orient="row"),
        element=element,
        perspective=case.perspective,
        demand_kg=demand_kg,
        year=case.as_of.year,
    )


@dataclass(slots=True, kw_only=True)
class _Route:
    """A process that turns a feed into what is in demand.

    Args:
        yields: contained kg out per contained kg of feed.
        approved: whether some user has approved it.
        left_kg: contained kg of feed that it can still take over the horizon; infinite without a stated capacity.
    """

    yields: float
    approved: bool
    left_kg: float


def _sources(case: Case, element: str) -> Iterator[tuple[str, str | None, float, bool, str | None]]:
    """Give domestic offers; a feed takes the routes of best yield first, as far as their capacity goes."""
    party = dict(case.tables["sites"].select("site", "party").iter_rows())
    wanted, routes = _wanted(case, element), _routes(case, element)
    own = (pl.col("kind") == "purchase") & (pl.col("origin_country") == case.perspective)
    for row in case.tables["offers"].filter(own).iter_rows(named=True):
        ceilings = (row["total_kg"], None if row["max_kg"] is None else row["max_kg"] * len(case.horizon))
        most = min((each for each in ceilings if each is not None), default=None)
        if most is None:
            continue
        if row["material"] in wanted:
            approved = _is_approved(case, row["material"], offer=row["offer"], party=party.get(row["site"]))
            yield row["offer"], row["origin_country"], most, approved, row["status"]
        for route in routes.get(row["material"], ()):
            fed = min(most, route.left_kg)
            route.left_kg, most = route.left_kg - fed, most - fed
            yield row["offer"], row["origin_country"], fed * route.yields, route.approved, row["status"]


def _routes(case: Case, element: str) -> dict[str, list[_Route]]:
    """Give by feed the processes that make something of it for the demand, those of best yield first."""
    tables, wanted = case.tables, _wanted(case, element)
    party = dict(tables["sites"].select("site", "party").iter_rows())
    content = dict(tables["materials"].select("material", "content").iter_rows())
    found: dict[str, list[_Route]] = {}
    for row in tables["processes"].iter_rows(named=True):
        recipe = tables["recipes"].filter(pl.col("process") == row["process"])
        feeds = recipe.filter(pl.col("direction") == "in")["material"]
        made = recipe.filter(pl.col("direction") == "out", pl.col("material").is_in(sorted(wanted)))
        for material, yields in made.select("material", "direct_yield").iter_rows():
            approved = _is_approved(case, material, process=row["process"], party=party.get(row["site"]))
            for feed in feeds:
                dry_kg = row["capacity_dry_kg"]
                kg = math.inf if dry_kg is None else dry_kg * content[feed] * len(case.horizon)
                found.setdefault(feed, []).append(_Route(yields=yields or 0.0, approved=approved, left_kg=kg))
    return {feed: sorted(routes, key=lambda route: -route.yields) for feed, routes in found.items()}


def _wanted(case: Case, element: str) -> set[str]:
    """Name the materials of an element that are in demand."""
    tables = case.tables
    demanded = {*tables["demand"]["material"], *tables["uses"]["material"]}
    of_element = set(tables["materials"].filter(pl.col("element") == element)["material"])
    return demanded & of_element


def _is_approved(case: Case, material: str, **source: str | None) -> bool:
    """Tell whether some user has approved a source of a material; without any row about the material, all are."""
    rows = case.tables["approvals"].filter(pl.col("material") == material)
    named = [pl.col(name) == key for name, key in source.items() if key is not None]
    return rows.is_empty() or not rows.filter(pl.any_horizontal(named), pl.col("approval") == "approved").is_empty()


def _agreed(case: Case) -> pl.DataFrame:
    """Give what is agreed already, by the origin of the offer that it came from."""
    tables = case.tables
    return (
        tables["commitments"]
        .join(tables["materials"].select("material", "element"), on="material")
        .join(tables["offers"].select("offer", "origin_country"), on="offer")
        .select("element", country="origin_country", quantity_kg="quantity_kg")
        .drop_nulls()
    )


def _ordered(orders: pl.DataFrame) -> pl.DataFrame:
    return orders.filter("planned").select("element", country="origin_country", quantity_kg="quantity_kg").drop_nulls()
