"""How much a plan leans on single countries, before and after."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from oreloop.judge.concentration import hhi, hhi_wgi

EXPOSURE = {"element": pl.String, "figure": pl.String, "before": pl.Float64, "after": pl.Float64, "unit": pl.String}
COUNTRIES = {
    "element": pl.String,
    "country": pl.String,
    "before_kg": pl.Float64,
    "after_kg": pl.Float64,
    "before_share": pl.Float64,
    "after_share": pl.Float64,
    "risk": pl.Float64,
}


def countries(before: pl.DataFrame, after: pl.DataFrame, *, risk: Mapping[str, float]) -> pl.DataFrame:
    """Give what comes from each country, before and after.

    Args:
        before: orders: element, country (of origin, ISO alpha-3), quantity_kg (contained).
        after: the same of the plan.
        risk: governance risk by country, 0 (best) to 1 (worst).

    Returns:
        `COUNTRIES`, ordered by element and country; shares 0 to 1, null when nothing is ordered; risk null if unknown.
    """
    amounts = [
        frame.group_by("element", "country").agg(pl.col("quantity_kg").sum().alias(f"{name}_kg"))
        for name, frame in (("before", before), ("after", after))
    ]
    joined = amounts[0].join(amounts[1], on=["element", "country"], how="full", coalesce=True)
    filled = joined.with_columns(pl.col("before_kg", "after_kg").fill_null(0.0).cast(pl.Float64))
    shares = [
        pl.when((total := pl.col(f"{name}_kg").sum().over("element")) > 0)
        .then(pl.col(f"{name}_kg") / total)
        .alias(f"{name}_share")
        for name in ("before", "after")
    ]
    risks = pl.col("country").replace_strict(dict(risk), default=None, return_dtype=pl.Float64)
    return filled.with_columns(*shares, risks.alias("risk")).select(list(COUNTRIES)).sort("element", "country")


def country_exposure(before: pl.DataFrame, after: pl.DataFrame, *, risk: Mapping[str, float]) -> pl.DataFrame:
    """Give concentration and risk of where the metal comes from, before and after.

    Args: as `countries`.

    Returns:
        `EXPOSURE`: for each element ``judge.plan_hhi`` (0-10000), ``judge.plan_hhi_wgi`` (0-10) and
        ``judge.plan_risk`` (risk weighted by share, 0-1); null when nothing is ordered or a country has no risk figure.
    """
    table = countries(before, after, risk=risk)
    rows: list[tuple[str, str, float | None, float | None, str]] = []
    for element in table["element"].unique().sort():
        of_element = table.filter(pl.col("element") == element)
        by = [_amounts(of_element, f"{name}_kg") for name in ("before", "after")]
        rows += [
            (element, "judge.plan_hhi", *(hhi(list(each.values())) if each else None for each in by), "0-10000"),
            (element, "judge.plan_hhi_wgi", *(hhi_wgi(each, risk) for each in by), "0-10"),
            (element, "judge.plan_risk", *(_weighted(each, risk) for each in by), "0-1"),
        ]
    return pl.DataFrame(rows, EXPOSURE, orient="row")


def _amounts(table: pl.DataFrame, column: str) -> dict[str, float]:
    return dict(table.filter(pl.col(column) > 0).select("country", column).iter_rows())


def _weighted(amounts: Mapping[str, float], risk: Mapping[str, float]) -> float | None:
    if not amounts or any(country not in risk for country in amounts):
        return None
    return sum(amount * risk[country] for country, amount in amounts.items()) / sum(amounts.values())
