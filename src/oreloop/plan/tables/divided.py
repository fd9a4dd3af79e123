"""What is stated for a month, stated for its days and weeks instead, where an edit speaks of one of them.

A planner sees demand and prices in the periods of the plan and edits them there. Only the rows concerned are divided, and the
plan stays what it was: quantities are spread by days, prices hold as they held.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from typing import Any

import polars as pl

from oreloop.base.period import Horizon, first_day
from oreloop.plan.tables.buckets import places, spread_rows

KEYS: Mapping[str, str] = {"demand": "", "offer_prices": "offer", "metal_prices": "material"}
"""Tables that are divided; of prices, what has a path of its own."""
_DEMAND = ("site", "material", "period", "quantity_kg")
_PRICE = "price_per_kg"


def divided(table: str, frame: pl.DataFrame, where: Mapping[str, Any], horizon: Horizon) -> pl.DataFrame:
    """Give a table in which each series that an edit speaks of has one row for each finer period that the edit names.

    Args:
        table: its name; one that is not of `KEYS` stays as it is.
        frame: the table.
        where: column -> value that a row must have, or a tuple of values: the condition of the edit.
        horizon: planned periods.

    Returns:
        The table itself where the edit names no period that is finer than the stated ones.
    """
    names = where.get("period", ())
    finer = {each.name: at for at, each in enumerate(horizon.periods) if each.kind != horizon.unit}
    wanted = [name for name in (names if isinstance(names, tuple) else (names,)) if name in finer]
    others = {name: value for name, value in where.items() if name != "period"}
    if table not in KEYS or not wanted or not {*others, "period"} <= set(frame.columns):
        return frame
    hit = pl.lit(True)
    for name, value in others.items():
        hit = hit & pl.col(name).is_in(list(value) if isinstance(value, tuple) else [value])
    for name in wanted:
        frame = (
            _demand(frame, hit, finer[name], horizon)
            if table == "demand"
            else _prices(frame, KEYS[table], hit, finer[name], horizon)
        )
    return frame


def _demand(frame: pl.DataFrame, hit: pl.Expr, number: int, horizon: Horizon) -> pl.DataFrame:
    """Divide the rows that lie in a bucket, even in part; those of one place and bucket become one."""
    there = places(frame["period"].unique(), horizon)
    inside = [name for name, at in there.items() if any(each == number for each, *_ in at)]
    alone = (pl.len().over("site", "material") == 1) & (pl.col("period") == horizon.names[number])
    rows = frame.filter(hit & pl.col("period").is_in(inside)).filter(~alone).select(_DEMAND)
    if rows.is_empty():
        return frame
    parts = spread_rows(rows, horizon).group_by("site", "material", "period", maintain_order=True)
    rest = frame.join(rows, on=["site", "material", "period"], how="anti", maintain_order="left")
    return pl.concat([rest, parts.agg(pl.col("quantity_kg").sum())], how="diagonal_relaxed")


def _prices(frame: pl.DataFrame, key: str, hit: pl.Expr, number: int, horizon: Horizon) -> pl.DataFrame:
    """Put, for the price that holds in a bucket, one row for each bucket in which it holds."""
    buckets = (*horizon.periods, horizon.next)  # what comes after the plan takes its last price
    for name in frame.filter(hit)[key].unique(maintain_order=True):
        own = [row for row in frame.iter_rows(named=True) if row[key] == name]
        own.sort(key=lambda row: (first_day(row["period"]), row[_PRICE]))
        since = [first_day(row["period"]) for row in own]
        holding = [max(bisect_right(since, each.first) - 1, 0) for each in buckets]
        mine = holding[number]
        if own[mine]["period"] == buckets[number].name:
            continue
        begun = [row["period"] for row, day in zip(own, since, strict=True) if day == since[mine]]
        rest = frame.filter(~((pl.col(key) == name) & pl.col("period").is_in(begun)))
        there = [each.name for each, at in zip(buckets, holding, strict=True) if at == mine]
        told = pl.DataFrame([own[mine] | {"period": each} for each in there], schema=frame.schema)
        frame = pl.concat([rest, told])
    return frame
