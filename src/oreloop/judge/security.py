"""Supply security of a country: concentration, dependence and effective domestic supply, from public figures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import polars as pl

from oreloop.judge.concentration import effective_share, hhi, hhi_wgi, import_dependence, normalised_hhi

WORLD = "WLD"
FIGURES = {
    "figure": pl.String,
    "element": pl.String,
    "country": pl.String,
    "year": pl.Int64,
    "value": pl.Float64,
    "unit": pl.String,
    "method": pl.String,
    "source": pl.String,
    "status": pl.String,
    "inputs": pl.String,
}
"""Columns of the figures: method is a code of this room, inputs a JSON list of the rows used."""

_WORST = ("unstated", "illustrative", "assumed")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """A figure with the rows of ``world`` that it comes from."""

    figure: str
    value: float | None
    unit: str
    method: str
    year: int
    rows: list[dict[str, Any]]
    notes: Mapping[str, object]


def figures(
    world: pl.DataFrame, *, perspective: str, risk: Mapping[str, float], risk_source: str, year: int
) -> pl.DataFrame:
    """Give all security figures that the rows of ``world`` allow.

    For each element and kind the latest year up to ``year`` is used; trade figures take one year for both directions.

    Args:
        world: table of the case: element, kind, country, partner, year, quantity_kg, source, status, line.
        perspective: ISO alpha-3 code of the country that is judged.
        risk: governance risk by country, 0 (best) to 1 (worst).
        risk_source: where it comes from; quoted by the figures that use it.
        year: latest year that may be used.

    Returns:
        `FIGURES`, ordered by element and figure. A value is null when an input is missing; inputs say which.
        Indices 0 to 10,000 or 0 to 10, shares 0 to 1.
    """
    rows: list[tuple[object, ...]] = []
    known = world.filter(pl.col("year") <= year)
    for element in sorted(known["element"].unique()):
        of_element = known.filter(pl.col("element") == element).sort("year", "kind", "country", "partner").to_dicts()
        found = [
            *_concentration(of_element, "mine", risk, risk_source),
            *_concentration(of_element, "refinery", risk, risk_source),
            *_imports(of_element, perspective, risk, risk_source),
            *_dependence(of_element, perspective),
        ]
        rows += [_row(each, element, perspective) for each in found]
    return pl.DataFrame(rows, FIGURES, orient="row").sort("element", "figure")


def effective_supply(
    supply: pl.DataFrame, *, element: str, perspective: str, demand_kg: float, year: int
) -> pl.DataFrame:
    """Give the share of a demand that qualified domestic sources cover, and what it would be if all were qualified.

    Args:
        supply: one row for each source: source, country, quantity_kg (contained, in the same span as the demand),
            qualified (whether the user has approved it), status.
        element: symbol.
        perspective: ISO alpha-3 code of the country that counts as domestic.
        demand_kg: contained kg.
        year: year that it speaks of.

    Returns:
        Two rows of `FIGURES`: ``judge.effective_domestic_share`` and ``judge.nominal_domestic_share``.
    """
    domestic = supply.filter(pl.col("country") == perspective).sort("source").to_dicts()
    rows = []
    for figure, used in (
        ("judge.effective_domestic_share", [row for row in domestic if row["qualified"]]),
        ("judge.nominal_domestic_share", domestic),
    ):
        quantity = sum(row["quantity_kg"] for row in used)
        rows.append(
            (
                figure,
                element,
                perspective,
                year,
                effective_share(quantity, demand_kg),
                "share",
                "judge.method.effective",
                "; ".join(row["source"] for row in used),
                _status(row["status"] for row in used),
                _json(
                    [
                        {"demand_kg": demand_kg},
                        *({"source": row["source"], "quantity_kg": row["quantity_kg"]} for row in used),
                    ]
                ),
            )
        )
    return pl.DataFrame(rows, FIGURES, orient="row")


def _latest(rows: list[dict[str, Any]], kind: str, country: str | None = None) -> list[dict[str, Any]]:
    of_kind = [row for row in rows if row["kind"] == kind and country in (None, row["country"])]
    last = max((row["year"] for row in of_kind), default=None)
    return [row for row in of_kind if row["year"] == last]


def _amounts(rows: Iterable[dict[str, Any]], key: str) -> dict[str, float]:
    amounts: dict[str, float] = {}
    for row in rows:
        amounts[row[key]] = amounts.get(row[key], 0.0) + row["quantity_kg"]
    return amounts


def _concentration(
    rows: list[dict[str, Any]], kind: str, risk: Mapping[str, float], risk_source: str
) -> Iterator[_Found]:
    used = _latest(rows, kind)
    amounts = {country: amount for country, amount in _amounts(used, "country").items() if amount > 0}
    whole = amounts.pop(WORLD, None)
    if amounts:
        yield from _indices(f"judge.{kind}", amounts, whole, used, risk, risk_source)


def _imports(
    rows: list[dict[str, Any]], perspective: str, risk: Mapping[str, float], risk_source: str
) -> Iterator[_Found]:
    used = [row for row in _latest(rows, "import", perspective) if row["partner"] not in (None, "", WORLD)]
    amounts = {partner: amount for partner, amount in _amounts(used, "partner").items() if amount > 0}
    if amounts:
        yield from _indices("judge.import", amounts, None, used, risk, risk_source)


def _indices(
    name: str,
    amounts: Mapping[str, float],
    whole: float | None,
    used: list[dict[str, Any]],
    risk: Mapping[str, float],
    risk_source: str,
) -> Iterator[_Found]:
    year = used[0]["year"]
    index = hhi(list(amounts.values()), whole=whole)
    rest = {"unknown_share": max(1 - sum(amounts.values()) / whole, 0.0)} if whole else {}
    yield _Found(
        figure=f"{name}_hhi", value=index, unit="0-10000", method="judge.method.hhi", year=year, rows=used, notes=rest
    )
    yield _Found(
        figure=f"{name}_hhi_normalised",
        value=normalised_hhi(index, len(amounts)),
        unit="0-1",
        method="judge.method.hhi_normalised",
        year=year,
        rows=used,
        notes={"suppliers": len(amounts), **rest},
    )
    missing = sorted(set(amounts) - set(risk))
    yield _Found(
        figure=f"{name}_hhi_wgi",
        value=hhi_wgi(amounts, risk, whole=whole),
        unit="0-10",
        method="judge.method.hhi_wgi",
        year=year,
        rows=used,
        notes={"risk": risk_source, **({"no_risk_figure": missing} if missing else {}), **rest},
    )


def _dependence(rows: list[dict[str, Any]], perspective: str) -> Iterator[_Found]:
    imports = _latest(rows, "import", perspective)
    if not imports:
        return
    year = imports[0]["year"]
    exports = [row for row in rows if (row["kind"], row["country"], row["year"]) == ("export", perspective, year)]
    stage = next((kind for kind in ("mine", "refinery") if _latest(rows, kind)), None)
    produced = _latest([row for row in rows if row["year"] <= year], stage, perspective) if stage else []
    imports, exports = _totals(imports), _totals(exports)
    value = import_dependence(*(sum(row["quantity_kg"] for row in part) for part in (produced, imports, exports)))
    notes = {"production": stage or "none"} if produced else {"production": "no row for the country: taken as 0"}
    yield _Found(
        figure="judge.import_dependence",
        value=value,
        unit="share",
        method="judge.method.import_dependence",
        year=year,
        rows=[*produced, *imports, *exports],
        notes=notes,
    )


def _totals(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Keep the total of a trade if it is given, else its partners: never both."""
    total = [row for row in rows if row["partner"] in (None, "", WORLD)]
    return total or rows


def _status(statuses: Iterable[str | None]) -> str:
    """A derived figure is no better than its worst input."""
    found = {status or "unstated" for status in statuses}
    return next((status for status in _WORST if status in found), "derived")


def _row(found: _Found, element: str, perspective: str) -> tuple[object, ...]:
    status = _status(row["status"] for row in found.rows)
    if found.figure == "judge.import_dependence" and not any(row["kind"] in ("mine", "refinery") for row in found.rows):
        status = status if status != "derived" else "assumed"
    used = [
        {"line": row["line"], "country": row["country"], "partner": row["partner"], "quantity_kg": row["quantity_kg"]}
        for row in found.rows
    ]
    return (
        found.figure,
        element,
        perspective if found.figure.startswith("judge.import") else WORLD,
        found.year,
        found.value,
        found.unit,
        found.method,
        "; ".join(sorted({row["source"] or "unstated" for row in found.rows})),
        status,
        _json([*used, *([dict(found.notes)] if found.notes else [])]),
    )


def _json(value: object) -> str:
    return msgspec.json.encode(value, order="sorted").decode()
