"""What a planner should know was taken for granted: what was absent, prices that look mistaken, footprints of the catalog."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import polars as pl

from oreloop.base.errors import NotFound
from oreloop.case import Assumption, Case, unlike_prices
from oreloop.catalog import carbon_factor
from oreloop.plan.tables.assemble import DEBT_KINDS


def assumed(case: Case) -> tuple[Assumption, ...]:
    """Name everything that was taken for granted in a case, in a fixed order."""
    return (*case.assumptions, *unlike_prices(case), *_footprints(case))


def _footprints(case: Case) -> Iterator[Assumption]:
    """Name the elements whose offers state no footprint, with what counts instead; borrowed metal is given back."""
    silent = case.tables["offers"].filter(pl.col("co2e_kg_per_kg").is_null() & ~pl.col("kind").is_in(DEBT_KINDS))
    element = dict(case.tables["materials"].select("material", "element").iter_rows())
    for symbol, count in sorted(Counter(element[material] for material in silent["material"]).items()):
        said = {"element": symbol, "count": str(count)}
        try:
            factor = carbon_factor(symbol)
        except NotFound:
            yield Assumption(code="app.footprint_unknown", fields=said)
        else:
            value = {"value": f"{factor.value:,.6g}", "source": factor.source}
            yield Assumption(code="app.footprint_of_catalog", fields={**said, **value})
