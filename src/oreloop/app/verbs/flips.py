"""Which assumed inputs are tried for whether they would turn the first decision, and how far."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import polars as pl

from oreloop.plan import Edit, Plan
from oreloop.plan.worth import Candidate

HALVINGS = 6
"""1/64 of the way from the value assumed to the farthest thought possible."""
ASSUMED = ("assumed", "illustrative", "unstated")
"""Statuses of a row whose numbers may be doubted."""


def candidates(plan: Plan) -> Iterator[Candidate]:
    """Name the assumed inputs of a plan: prices and lead times of offers, outturn of processes, demand as a whole.

    Each is tried in both directions, between a quarter or a half of the value assumed and its double.
    """
    tables = plan.network.tables
    prices = dict(
        tables["offer_prices"].group_by("offer", maintain_order=True).agg(pl.col("price_per_kg").first()).iter_rows()
    )
    for row in _doubtful(tables, "offers"):
        offer = row["offer"]
        yield from _both(
            f"price:{offer}", prices.get(offer), (0.5, 2.0), "offer_prices", {"offer": offer}, "price_per_kg"
        )
        yield from _both(f"lead_days:{offer}", row["lead_days"], (0.25, 2.0), "offers", {"offer": offer}, "lead_days")
    for row in _doubtful(tables, "processes"):
        where = {"process": row["process"]}
        yield from _both(
            f"outturn_days:{row['process']}", row["outturn_days"], (0.25, 2.0), "processes", where, "outturn_days"
        )
    demand_kg = float(tables["demand"]["quantity_kg"].sum())
    yield from _both("demand:", demand_kg, (0.5, 1.5), "demand", {}, "quantity_kg")


def _doubtful(tables: Mapping[str, pl.DataFrame], table: str) -> Iterable[dict[str, Any]]:
    return tables[table].filter(pl.col("status").fill_null("unstated").is_in(ASSUMED)).iter_rows(named=True)


def _both(
    name: str, base: float | None, factors: tuple[float, float], table: str, where: Mapping[str, Any], column: str
) -> Iterator[Candidate]:
    """Give a candidate for each direction; the whole column is scaled, so that a path of prices keeps its shape."""
    if not base:
        return

    def edits(value: float) -> list[Edit]:
        return [Edit(table=table, where=where, column=column, how="scale", value=value / base)]

    for factor in factors:
        yield Candidate(input=name, base=base, far=base * factor, edits=edits)
