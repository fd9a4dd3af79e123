"""Judge: supply security from public figures, claims beside them, and what the plan leans on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

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
    """Give the share of the planned demand that domestic offers could cover: all of them, and the approved ones alone."""
    offers = case.tables["offers"].join(case.tables["materials"].select("material", "element"), on="material")
    approved = _approved(case.tables["approvals"].iter_rows(named=True))
    rows = [
        (
            offer["offer"],
            offer["origin_country"],
            _available_kg(offer, len(case.horizon)),
            approved is None or offer["offer"] in approved,
            offer["status"],
        )
        for offer in offers.filter(pl.col("element") == element, pl.col("kind") == "purchase").iter_rows(named=True)
    ]
    schema = {
        "source": pl.String,
        "country": pl.String,
        "quantity_kg": pl.Float64,
        "qualified": pl.Boolean,
        "status": pl.String,
    }
    return judge.effective_supply(
        pl.DataFrame(rows, schema=schema, orient="row").drop_nulls("quantity_kg"),
        element=element,
        perspective=case.perspective,
        demand_kg=demand_kg,
        year=case.as_of.year,
    )


def _approved(approvals: Iterable[dict[str, Any]]) -> set[str] | None:
    """Name the offers that some user has approved; None when nothing is said and everything counts as approved."""
    rows = list(approvals)
    return {row["offer"] for row in rows if row["approval"] == "approved" and row["offer"]} if rows else None


def _available_kg(offer: dict[str, Any], periods: int) -> float | None:
    ceilings = [offer["total_kg"], offer["max_kg"] * periods if offer["max_kg"] is not None else None]
    return min((each for each in ceilings if each is not None), default=None)


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
