"""Judge: supply security from public figures, claims beside them, and what the plan leans on."""

from __future__ import annotations

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

    A source is an offer of a material in demand, or of a feed that some process turns into one: then what the process
    yields counts, and whether that process is approved. An offer without a stated ceiling is left out, since nobody
    knows how much it could give.
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


def _sources(case: Case, element: str) -> Iterator[tuple[str, str | None, float, bool, str | None]]:
    party = dict(case.tables["sites"].select("site", "party").iter_rows())
    wanted, routes = _wanted(case, element), _routes(case, element)
    for row in case.tables["offers"].filter(pl.col("kind") == "purchase").iter_rows(named=True):
        ceilings = (row["total_kg"], None if row["max_kg"] is None else row["max_kg"] * len(case.horizon))
        most = min((each for each in ceilings if each is not None), default=None)
        if most is None:
            continue
        if row["material"] in wanted:
            approved = _is_approved(case, row["material"], offer=row["offer"], party=party.get(row["site"]))
            yield row["offer"], row["origin_country"], most, approved, row["status"]
        elif row["material"] in routes:
            yields, approved = max(routes[row["material"]])
            yield row["offer"], row["origin_country"], most * yields, approved, row["status"]


def _routes(case: Case, element: str) -> dict[str, list[tuple[float, bool]]]:
    """Give by feed what processes make of a kilogram for the demand, kg per kg, and whether they are approved."""
    party = dict(case.tables["sites"].select("site", "party").iter_rows())
    site = dict(case.tables["processes"].select("process", "site").iter_rows())
    wanted = _wanted(case, element)
    found: dict[str, list[tuple[float, bool]]] = {}
    for process, rows in case.tables["recipes"].group_by("process", maintain_order=True):
        name = str(process[0])
        feed = rows.filter(pl.col("direction") == "in")["material"].to_list()
        made = rows.filter(pl.col("direction") == "out", pl.col("material").is_in(sorted(wanted)))
        for material, direct_yield in made.select("material", "direct_yield").iter_rows():
            approved = _is_approved(case, material, process=name, party=party.get(site[name]))
            for each in feed:
                found.setdefault(each, []).append((direct_yield or 0.0, approved))
    return found


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
