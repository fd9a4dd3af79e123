"""Which assumed inputs are tried for whether they would turn the first decision, and how far."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import polars as pl

from oreloop.plan import Edit, Plan
from oreloop.plan.worth import Candidate

HALVINGS = 6
"""1/64 of the way from the value assumed to the farthest thought possible."""
DAYS = (0.25, 2.0)
"""How far lead times and outturn are tried, as factors."""
ASSUMED = ("assumed", "illustrative", "unstated")
"""Statuses of a row whose numbers may be doubted."""


def candidates(plan: Plan) -> Iterator[Candidate]:
    """Name the assumed inputs of a plan: prices and lead times of offers, outturn of processes, demand as a whole.

    What the plan uses is tried at up to double its price and at a quarter to double its days; an offer that it leaves
    aside can only come first by a lower price. Demand is tried at half to one and a half times.
    """
    tables = plan.network.tables
    offer_prices = tables["offer_prices"].group_by("offer", maintain_order=True).agg(pl.col("price_per_kg").first())
    prices, used = dict(offer_prices.iter_rows()), {*plan.orders["offer"], *plan.tolls["process"]}
    for row in _doubtful(tables, "offers"):
        offer = row["offer"]
        where, factors = {"offer": offer}, (2.0,) if offer in used else (0.5,)
        yield from _scaled(f"price:{offer}", prices.get(offer), factors, "offer_prices", where, "price_per_kg")
        if offer in used:
            days = plan.network.settings.lead_days(row)
            column = "lead_days" if days == row["lead_days"] else "lead_days_p90"
            yield from _scaled(f"lead_days:{offer}", days, DAYS, "offers", where, column)
    for row in _doubtful(tables, "processes"):
        where = {"process": row["process"]}
        if row["process"] in used:
            name = f"outturn_days:{row['process']}"
            yield from _scaled(name, row["outturn_days"], DAYS, "processes", where, "outturn_days")
    demand_kg = float(tables["demand"]["quantity_kg"].sum())
    yield from _scaled("demand:", demand_kg, (0.5, 1.5), "demand", {}, "quantity_kg")


def _doubtful(tables: Mapping[str, pl.DataFrame], table: str) -> Iterable[dict[str, Any]]:
    return tables[table].filter(pl.col("status").fill_null("unstated").is_in(ASSUMED)).iter_rows(named=True)


def _scaled(
    name: str, base: float | None, factors: tuple[float, ...], table: str, where: Mapping[str, Any], column: str
) -> Iterator[Candidate]:
    """Give a candidate for each factor; all values of the column are scaled, so that a path of prices keeps its shape."""
    if not base:
        return

    def edits(value: float) -> list[Edit]:
        return [Edit(table=table, where=where, column=column, how="scale", value=value / base)]

    for factor in factors:
        yield Candidate(input=name, base=base, far=base * factor, edits=edits)
