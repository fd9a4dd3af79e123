"""Frames of a plan beside what a reader compares them with."""

from __future__ import annotations

import polars as pl

from oreloop.app.verbs.judge import country_risks
from oreloop.plan import Plan

_SAFETY = {"site": pl.String, "material": pl.String, "safety_kg": pl.Float64}


def beside_safety(plan: Plan) -> pl.DataFrame:
    """Give stocks by site, material and period, kg, with the ``safety_kg`` that a rule asks for, if one does."""
    held = plan.stocks.group_by("site", "material", "period", maintain_order=True).agg(pl.col("quantity_kg").sum())
    given = plan.network.tables.get("stock_rules", pl.DataFrame())
    known = given if "safety_kg" in given.columns else pl.DataFrame(schema=_SAFETY)
    rules = known.select(pl.col(name).cast(kind) for name, kind in _SAFETY.items())
    return held.join(rules, on=["site", "material"], how="left", maintain_order="left")


def beside_risk(exposure: pl.DataFrame) -> pl.DataFrame:
    """Give kg by country of origin with the ``risk`` of the country, 0 (best) to 1; null where there is no figure."""
    risk = pl.col("origin_country").replace_strict(country_risks(), default=None, return_dtype=pl.Float64)
    return exposure.with_columns(risk=risk)
