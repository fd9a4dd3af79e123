"""Claims against public anchors. A claim is listed with its source and never used as a measurement.

Claims of one set are compared with one another, those of different sets never.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import groupby
from typing import Any

import msgspec
import polars as pl

from oreloop.base.quantity import MG_PER_UNIT

CHECKS = {
    "claim": pl.String,
    "claim_set": pl.String,
    "code": pl.String,
    "value": pl.Float64,
    "against": pl.Float64,
    "ratio": pl.Float64,
    "verdict": pl.String,
    "fields": pl.String,
    "source": pl.String,
}
"""Columns of the checks: claim ids joined by blanks; fields is a JSON object for the text of the code."""

_SHARES = {"%": 0.01, "share": 1.0}
_QUANTITIES = ("demand", "supply", "capacity")


@dataclass(frozen=True, slots=True, kw_only=True)
class Intensity:
    """Metal in one unit of a product, from a public collection of studies.

    Args:
        low, median, high: kg per MW.
    """

    element: str
    product: str
    low: float
    median: float
    high: float
    source: str


@cache
def intensities() -> tuple[Intensity, ...]:
    """Read the public metal intensities that claims are held against."""
    text = (files("oreloop.judge") / "anchors.csv").read_text("utf-8")
    return tuple(
        Intensity(
            element=row["element"],
            product=row["product"],
            low=float(row["low"]),
            median=float(row["median"]),
            high=float(row["high"]),
            source=f"{row['source']} ({row['year']})",
        )
        for row in csv.DictReader(io.StringIO(text))
    )


def check_claims(claims: pl.DataFrame, world: pl.DataFrame) -> pl.DataFrame:
    """Hold claims against world mine output and metal intensities, and against the others of their set.

    Args:
        claims: table of the case: claim, claim_set, metric, element, value, unit, year, country, source.
        world: table of the case; the row WLD of kind ``mine`` counts as world output, else the sum of countries.

    Returns:
        `CHECKS`, in order of set, claim and code. A claim that nothing can be held against has no row.
        ratio = value / against.
    """
    rows = sorted(claims.to_dicts(), key=lambda row: (row["claim_set"], row["claim"]))
    found = [check for row in rows for check in _against_world(row, world)]
    for claim_set, group in groupby(rows, key=lambda row: row["claim_set"]):
        found += _within(claim_set, list(group))
    return pl.DataFrame(found, CHECKS, orient="row").sort("claim_set", "claim", "code")


def _against_world(claim: dict[str, Any], world: pl.DataFrame) -> Iterator[tuple[object, ...]]:
    mass_kg = _mass_kg(claim)
    if mass_kg is None:
        return
    output = _world_output(world, claim["element"], claim["year"])
    if output is not None:
        year, output_kg, source = output
        ratio = mass_kg / output_kg
        yield _check(
            [claim],
            "judge.share_of_world",
            mass_kg,
            output_kg,
            "judge.above_world" if ratio > 1 else "judge.below_world",
            {"against_t": _short(output_kg / 1000), "percent": _short(100 * ratio), "year": str(year)},
            source,
        )
    if claim["metric"] == "demand":
        for each in intensities():
            if each.element == claim["element"]:
                yield _check(
                    [claim],
                    "judge.in_gigawatt",
                    mass_kg,
                    each.median,
                    "judge.translated",
                    {
                        "gw_median": _short(mass_kg / each.median / 1000),
                        "gw_low": _short(mass_kg / each.high / 1000),
                        "gw_high": _short(mass_kg / each.low / 1000),
                        "kg_low": _short(each.low),
                        "kg_high": _short(each.high),
                        "product": each.product,
                    },
                    each.source,
                )


def _world_output(world: pl.DataFrame, element: str, until: int | None) -> tuple[int, float, str] | None:
    """Give year, kg and source of world mine output: the latest year up to that of the claim, else the earliest."""
    mines = [row for row in world.to_dicts() if (row["kind"], row["element"]) == ("mine", element)]
    years = sorted({row["year"] for row in mines})
    if not years:
        return None
    past = [year for year in years if until is None or year <= until]
    year = past[-1] if past else years[0]
    of_year = [row for row in mines if row["year"] == year]
    counted = [row for row in of_year if row["country"] == "WLD"] or of_year
    output_kg = sum(row["quantity_kg"] for row in counted)
    sources = sorted({row["source"] or "unstated" for row in counted})
    return (year, output_kg, "; ".join(sources)) if output_kg > 0 else None


def _within(claim_set: str, rows: list[dict[str, Any]]) -> Iterator[tuple[object, ...]]:
    """Find what the claims of one set say against one another, for one element, country and year."""
    groups: dict[tuple[str, str, int], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["element"] or "", row["country"] or "", row["year"] or 0), []).append(row)
    for _, group in sorted(groups.items()):
        yield from _shares_above_whole(group)
        yield from _two_demands(group)
        yield from _implied_supply(group)


def _shares_above_whole(group: list[dict[str, Any]]) -> Iterator[tuple[object, ...]]:
    for metric in ("domestic_share", "supply"):
        parts = [row for row in group if row["metric"] == metric and row["unit"] in _SHARES]
        total = sum(row["value"] * _SHARES[row["unit"]] for row in parts)
        if len(parts) > 1:
            verdict = "judge.contradiction" if total > 1 + 1e-9 else "judge.consistent"
            yield _check(parts, "judge.sum_of_shares", total, 1.0, verdict, {"percent": _short(100 * total)})


def _two_demands(group: list[dict[str, Any]]) -> Iterator[tuple[object, ...]]:
    stated = [(row, mass) for row in group if row["metric"] == "demand" and (mass := _mass_kg(row)) is not None]
    masses = [mass for _, mass in stated]
    if len(set(masses)) > 1:
        least, most = min(masses), max(masses)
        fields = {"least_t": _short(least / 1000), "most_t": _short(most / 1000)}
        yield _check([row for row, _ in stated], "judge.two_demands", most, least, "judge.contradiction", fields)


def _implied_supply(group: list[dict[str, Any]]) -> Iterator[tuple[object, ...]]:
    """Demand x domestic share is a supply; it cannot exceed the capacity that the same set claims."""
    demands = [row for row in group if row["metric"] == "demand" and _mass_kg(row)]
    shares = [row for row in group if row["metric"] == "domestic_share" and row["unit"] in _SHARES]
    if len(demands) != 1 or len(shares) != 1:
        return
    implied = (_mass_kg(demands[0]) or 0.0) * shares[0]["value"] * _SHARES[shares[0]["unit"]]
    for row in group:
        capacity = _mass_kg(row)
        if row["metric"] in ("capacity", "supply") and capacity:
            verdict = "judge.contradiction" if implied > capacity else "judge.consistent"
            fields = {"implied_t": _short(implied / 1000), "capacity_t": _short(capacity / 1000)}
            yield _check([*demands, *shares, row], "judge.implied_supply", implied, capacity, verdict, fields)


def _mass_kg(claim: dict[str, Any]) -> float | None:
    """Give a claimed quantity in kg, a yearly one as that of the year; None when it is no mass."""
    unit = (claim["unit"] or "").partition("/")[0].strip()
    if claim["metric"] not in _QUANTITIES or unit not in MG_PER_UNIT or not claim["element"]:
        return None
    return float(claim["value"]) * float(MG_PER_UNIT[unit]) / 1e6


def _check(
    claims: Iterable[dict[str, Any]],
    code: str,
    value: float,
    against: float,
    verdict: str,
    fields: dict[str, str],
    anchor: str | None = None,
) -> tuple[object, ...]:
    found = list(claims)
    said = {"value": _short(float(found[0]["value"])), "unit": found[0]["unit"], "element": found[0]["element"] or ""}
    sources = [each["source"] or "unstated" for each in found]
    return (
        " ".join(each["claim"] for each in found),
        found[0]["claim_set"],
        code,
        value,
        against,
        value / against,
        verdict,
        msgspec.json.encode({**said, **fields}, order="sorted").decode(),
        "; ".join(dict.fromkeys([*sources, *([anchor] if anchor else [])])),
    )


def _short(number: float) -> str:
    """Write a number with at most three significant digits and no exponent."""
    return f"{float(f'{number:.3g}'):,.10f}".rstrip("0").rstrip(".") if number else "0"
