"""The settings that plain tables imply, so that a folder of tables without ``case.toml`` can be planned.

* The plan covers the periods of the demand, from the first to the last that is not marked as used; its day is the first day.
  Where demand of single weeks stands beside that of months, its periods are months.
* All money is in the currency in which the first offer is priced; others need a row in ``rates``.
* Everything else takes the default of a case: no carbon price, 30 days until the next review, a shortage costs three
  times the highest price, and as much free metal is left at the end as there was.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import polars as pl

from oreloop.base.errors import BadInput, Place
from oreloop.base.period import Kind, Period
from oreloop.case.cells import Calendar, parse_price_unit
from oreloop.case.columns import table_named
from oreloop.case.parse import WORKBOOK
from oreloop.case.read import read_table
from oreloop.case.settings import MAX_PERIODS
from oreloop.case.sheets import Sheet, csv_sheet, xlsx_sheets

TITLE = "tables"
_ANY = Period.parse("2026-01")
"""Stands in where the demand cannot be read, which the check of the tables then reports in full."""


def plain_settings(files: Mapping[str, bytes], *, days: int = 0, weeks: int = 0) -> bytes:
    """Write the ``case.toml`` that tables without one imply.

    Args:
        files: tables by path, as of a case.
        days: that the plan is to have first.
        weeks: that the plan is to have next.

    Raises:
        BadInput: ``app.plan_no_demand`` when no demand is to come.
    """
    tables = dict(_tables(files))
    periods = _periods(tables)
    first, last = periods[0], periods[-1]
    count = next((step for step in range(MAX_PERIODS) if first.following(step) >= last), MAX_PERIODS - 1) + 1
    elements = _values(tables, "materials", "element")
    said = {
        "id": TITLE,
        "title": TITLE,
        "metals": sorted(set(elements)) or ["Ir"],
        "currency": next(iter([*_currencies(tables, "offers"), *_currencies(tables, "prices")]), "CNY"),
        "as_of": first.first.isoformat(),
        "start": first.name,
        "periods": count,
        **({"day_buckets": days} if days else {}),
        **({"week_buckets": weeks} if weeks else {}),
        "perspective": next(iter(_values(tables, "sites", "country")), "CHN"),
    }
    lines = (f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in said.items())
    return "\n".join(["[case]", *lines, ""]).encode()


def _tables(files: Mapping[str, bytes]) -> Iterator[tuple[str, pl.DataFrame]]:
    for sheet in _sheets(files):
        table = table_named(sheet.name)
        if table is not None:
            yield table.name, read_table(table, sheet, Calendar(weeks=False)).frame


def _sheets(files: Mapping[str, bytes]) -> Iterator[Sheet]:
    """Give the sheets that can be read; what cannot is told by the check of the tables, with everything else."""
    for path, data in sorted(files.items()):
        try:
            if path == WORKBOOK:
                yield from xlsx_sheets(data, path)
            elif path.lower().endswith(".csv"):
                yield csv_sheet(data, path)
        except BadInput:
            continue


def _periods(tables: Mapping[str, pl.DataFrame]) -> list[Period]:
    if "demand" not in tables or tables["demand"].is_empty():
        return [_ANY]
    demand = tables["demand"]
    to_come = demand.filter(pl.col("kind").is_null() | (pl.col("kind") != "used"))["period"].drop_nulls()
    if to_come.is_empty() and demand["period"].null_count() == 0:
        raise BadInput.of("app.plan_no_demand", Place(file="demand.csv", column="kind"))
    found = sorted(map(Period.parse, to_come.unique())) or [_ANY]
    kind: Kind = "week" if all(each.kind == "week" for each in found) else "month"
    return [Period.holding(kind, found[0].first), Period.holding(kind, max(each.last for each in found))]


def _values(tables: Mapping[str, pl.DataFrame], table: str, column: str) -> list[str]:
    return tables[table][column].drop_nulls().to_list() if table in tables else []


def _currencies(tables: Mapping[str, pl.DataFrame], table: str) -> list[str]:
    return [parse_price_unit(unit)[0] for unit in _values(tables, table, "price_unit")]
