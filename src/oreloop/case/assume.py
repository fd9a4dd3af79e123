"""What was absent, and the stated rule that filled it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import polars as pl

from oreloop.base.period import Period, period_range
from oreloop.case.read import Reading
from oreloop.case.settings import Settings, value_of

ACCEPT_DAYS = 14
"""Days of acceptance when no approvals are given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumption:
    """One thing that was absent: ``code`` is a label of this room, ``fields`` are what it quotes."""

    code: str
    fields: Mapping[str, str]


def assumption(code: str, **fields: object) -> Assumption:
    """Make an assumption; fields become text."""
    return Assumption(code=code, fields={name: str(value) for name, value in fields.items()})


def filled(readings: Mapping[str, Reading], settings: Settings) -> dict[str, Reading]:
    """Fill what one row implies about another: names of lanes, kinds of demand, origins and currencies."""
    sites = readings["sites"].frame.select("site", pl.col("country").alias("site_country")).unique("site")
    recycled = pl.col("material_recycled")
    materials = readings["materials"].frame.select("material", pl.col("recycled").alias("material_recycled"))
    currency = pl.col("currency").fill_null(pl.col("price_unit").str.split("/").list.first())
    offers = (
        readings["offers"]
        .frame.join(sites, on="site", how="left", maintain_order="left")
        .join(materials.unique("material"), on="material", how="left", maintain_order="left")
        .with_columns(
            pl.col("origin_country").fill_null(pl.col("site_country")),
            pl.col("recycled_share").fill_null(pl.when(recycled == "recycled").then(1.0).otherwise(0.0)),
            currency,
        )
        .drop("site_country", "material_recycled")
    )
    frames = {
        "lanes": _named_lanes(readings["lanes"].frame),
        "demand": _kinds(readings["demand"].frame, settings),
        "offers": offers,
        "prices": readings["prices"].frame.with_columns(currency),
    }
    return {name: replace(reading, frame=frames.get(name, reading.frame)) for name, reading in readings.items()}


def _named_lanes(lanes: pl.DataFrame) -> pl.DataFrame:
    """Name a lane by its ends; where several would share a name, add the line."""
    ends = pl.format("{}--{}", "from_site", "to_site")
    crowded = pl.len().over("from_site", "to_site") > 1
    made = pl.when(crowded).then(pl.format("{}--{}", ends, "line")).otherwise(ends)
    return lanes.with_columns(pl.col("lane").fill_null(made))


def _kinds(demand: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    """Call demand before the start used, and from the start on ordered."""
    start = settings.horizon.periods[0].first
    kinds = [
        kind or (None if period is None else "used" if Period.parse(period).first < start else "ordered")
        for kind, period in demand.select("kind", "period").iter_rows()
    ]
    return demand.with_columns(pl.Series("kind", kinds, dtype=pl.String))


def assumptions(given: Mapping[str, Reading], settings: Settings) -> tuple[Assumption, ...]:
    """Name everything that was absent, in a fixed order.

    Args:
        given: the tables as they were read, before anything was filled.
        settings: the settings.
    """
    return tuple(_absent(given, settings))


def _absent(given: Mapping[str, Reading], settings: Settings) -> Iterator[Assumption]:
    frames = {name: reading.frame for name, reading in given.items()}
    if frames["approvals"].is_empty():
        yield assumption("case.approvals_absent", days=ACCEPT_DAYS)
    if frames["stock"].is_empty():
        yield assumption("case.stock_absent")
    if frames["stock_rules"].is_empty():
        yield assumption("case.stock_rules_absent")
    if settings.plan.shortage_cost_per_kg is None:
        yield assumption("case.shortage_cost_absent")
    for table, column, code in _BLANKS:
        count = frames[table][column].null_count()
        if count:
            yield assumption(code, count=count, rows=frames[table].height)
    yield from _carried(frames, settings)
    yield from _outside(frames["limits"], settings)
    for path in settings.defaulted:
        yield assumption("case.setting_defaulted", setting=path, value=value_of(path, settings))
    for name, reading in given.items():
        unstated = reading.frame.filter(pl.col("status") == "unstated").height
        if unstated:
            yield assumption("case.status_unstated", table=name, count=unstated, rows=reading.frame.height)


_BLANKS = (
    ("demand", "kind", "case.demand_kind_absent"),
    ("lanes", "lane", "case.lane_unnamed"),
    ("offers", "max_kg", "case.offer_unlimited"),
    ("offers", "origin_country", "case.origin_absent"),
    ("offers", "recycled_share", "case.recycled_absent"),
    ("offers", "lead_days_p90", "case.lead_spread_absent"),
    ("processes", "capacity_dry_kg", "case.capacity_unlimited"),
    ("lanes", "capacity_gross_kg", "case.lane_unlimited"),
)
"""Tables, columns, and the label of the rule that fills a blank."""


def _carried(frames: Mapping[str, pl.DataFrame], settings: Settings) -> Iterator[Assumption]:
    """Name each price whose last known period is before the horizon ends: it is carried forward."""
    last = settings.horizon.periods[-1]
    latest: dict[str, Period] = {}
    for material, text in frames["prices"].select("material", "period").iter_rows():
        period = Period.parse(text)
        latest[material] = max(latest.get(material, period), period)
    for material, period in sorted(latest.items()):
        if period.last < last.first:
            yield assumption("case.price_carried", material=material, period=period.name)


def _outside(limits: pl.DataFrame, settings: Settings) -> Iterator[Assumption]:
    """Name each limit that speaks of no planned period: the plan is made without it."""
    start, end = settings.horizon.periods[0].first, settings.horizon.periods[-1].last
    for limit, text in limits.select("limit", "period").drop_nulls().iter_rows():
        first, last = period_range(text)
        if last.last < start or first.first > end:
            yield assumption("case.limit_outside", limit=limit, period=text)


def unused(given: Mapping[str, Reading]) -> tuple[str, ...]:
    """Name what the user filled and no verb reads yet: ``table`` or ``table.column``."""
    found: list[str] = []
    for name, reading in given.items():
        own = reading.table.columns[:-2]
        if not any(column.used for column in own):
            found += [name] if reading.frame.height else []
            continue
        found += [f"{name}.{column.name}" for column in own if not column.used and column.name in reading.filled]
    return tuple(found)
