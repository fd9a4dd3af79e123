"""Values that cannot be: ranges, dates in the wrong order, prices without a rate, offers without a price."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from oreloop.base.errors import BadInput, Problem, problem
from oreloop.base.period import Period, first_day
from oreloop.case.cells import Calendar, parse_price_unit, parse_span
from oreloop.case.prices import Rates
from oreloop.case.read import Reading
from oreloop.case.settings import Settings

ORDERED: Mapping[str, tuple[tuple[str, str], ...]] = {
    "contents": (("low", "content"), ("content", "high")),
    "lanes": (("valid_from", "valid_to"),),
    "offers": (
        ("valid_from", "valid_to"),
        ("lead_days", "lead_days_p90"),
        ("min_kg", "max_kg"),
        ("option_held_kg", "total_kg"),
    ),
    "approvals": (("from_date", "expires"), ("accept_days_with_passport", "accept_days")),
    "stock_rules": (("safety_kg", "max_kg"), ("end_kg", "max_kg")),
    "recipes": (("least_share", "most_share"),),
    "commitments": (("delay_days_p50", "delay_days_p90"),),
    "licences": (("applied_on", "decided_on"), ("valid_from", "valid_to")),
    "risks": (("from_period", "to_period"),),
}
"""Columns of which the first may not be after, or above, the second."""

YIELDS = frozenset({"direct_yield", "final_recovery", "process_yield"})
POSITIVE = {"materials": ("content",), "contents": ("content",), "prices": ("price",), "rates": ("rate",)}
"""Columns in which zero makes no sense either."""
SAME_PERIODS = ("demand", "schedule", "commitments", "limits", "risks")
"""Tables whose periods must be of the planning kind; prices may be monthly in a weekly plan."""
WHOLE = ("limits", "risks")
"""Of these, tables that speak of whole periods of the plan: of a day or week only where the plan has it."""
FORECAST_FROM = ("schedule",)
"""Of these, tables that are read by the forecast, which knows no finer periods; so are rows of demand that was used."""


def check_values(reading: Reading) -> Iterator[Problem]:
    """Find numbers out of range, and pairs in the wrong order."""
    sound = reading.sound
    for column in reading.table.columns:
        if column.type not in ("amount", "share"):
            continue
        values = pl.col(column.name)
        wrong = values < 0
        if column.type == "share":
            wrong |= values > 1
        if column.name in POSITIVE.get(reading.table.name, ()):
            wrong |= values == 0
        for value, line in sound.filter(wrong).select(values, "line").iter_rows():
            yield problem(_range_code(column.name, value), reading.place(line, column.name), got=f"{value:.9g}")
    for low, high in ORDERED.get(reading.table.name, ()):
        below, above = (_in_time(sound, name) for name in (low, high))
        rows = sound.filter(below > above).select(low, high, "line")
        for *said, line in rows.iter_rows():
            got, other = (f"{each:.9g}" if isinstance(each, float) else each for each in said)
            yield problem("case.wrong_order", reading.place(line, low), low=low, high=high, got=got, other=other)


def _in_time(frame: pl.DataFrame, name: str) -> pl.Series:
    """Give a column by which its rows can be compared: of periods, their first days."""
    cells = frame[name]
    if cells.dtype != pl.String:
        return cells
    days = {text: first_day(text) for text in cells.drop_nulls().unique()}
    return cells.replace_strict(days, return_dtype=pl.Date)


def _range_code(name: str, value: float) -> str:
    if value > 1:
        return "case.yield_above_one" if name in YIELDS else "case.share_above_one"
    return "case.negative" if value < 0 else "case.zero"


def check_time(readings: Mapping[str, Reading], settings: Settings) -> Iterator[Problem]:
    """Find periods of the wrong kind, and facts that claim to be known before they can be."""
    calendar, own = Calendar(weeks=settings.horizon.unit == "week"), {settings.horizon.unit}
    finer = own | {period.kind for period in settings.buckets.periods}
    for name in SAME_PERIODS:
        reading = readings[name]
        past = pl.col("kind") == "used" if name == "demand" else pl.lit(name in FORECAST_FROM)
        for column in reading.table.columns:
            if column.type in ("period", "span"):
                rows = reading.sound.select(column.name, "line", past.alias("past")).drop_nulls()
                for text, line, forecast in rows.iter_rows():
                    kinds = {period.kind for period in parse_span(text, calendar)}
                    if not kinds <= (own if forecast else finer) or (
                        name in WHOLE and _splits(text, calendar, settings)
                    ):
                        start = settings.horizon.names[0]
                        yield problem("case.period_kind", reading.place(line, column.name), got=text, start=start)
    today = settings.as_of.date()
    for name, known in (("demand", pl.col("kind") == "used"), ("prices", _MEASURED), ("rates", _MEASURED)):
        reading = readings[name]
        for text, line in reading.sound.filter(known).select("period", "line").iter_rows():
            if Period.parse(text).first > today:
                place = reading.place(line, "period")
                yield problem("case.known_later", place, got=text, as_of=today.isoformat())


def _splits(text: str, calendar: Calendar, settings: Settings) -> bool:
    """Whether a span begins or ends with a day or week inside a longer period of the plan."""
    ends = [each for each in parse_span(text, calendar) if each.kind != settings.horizon.unit]
    longer = [each for each in settings.buckets.periods if each.kind in (settings.horizon.unit, "rest")]
    return any(each.shared_days(other) and each != other for each in ends for other in longer)


_MEASURED = pl.col("status") == "measured"


def check_prices(readings: Mapping[str, Reading], settings: Settings) -> Iterator[Problem]:
    """Find prices that cannot be compared: no unit, unlike bases, no rate to the case's currency."""
    prices, offers = readings["prices"], readings["offers"]
    yield from _bases(prices, offers, readings["materials"])
    rates = Rates.of(readings["rates"].sound.filter(pl.col("rate") > 0))
    start = settings.horizon.periods[0]
    for reading in (offers, prices):
        seen: set[str] = set()
        for unit, currency, line in reading.sound.select("price_unit", "currency", "line").iter_rows():
            if unit is None:
                continue
            stated = parse_price_unit(unit)[0]
            if currency not in (None, stated):
                yield problem("case.currency_disagrees", reading.place(line, "currency"), got=currency, unit=unit)
            elif stated not in seen:
                seen.add(stated)
                try:
                    rates.rate(stated, settings.currency, start)
                except BadInput as error:
                    yield problem(error.code, reading.place(line, "price_unit"), **error.problems[0].fields)


def _bases(prices: Reading, offers: Reading, materials: Reading) -> Iterator[Problem]:
    known = frozenset(materials.frame["material"])
    basis: dict[str, tuple[str, int]] = {}
    for material, stated, line in prices.sound.select("material", "price_basis", "line").iter_rows():
        first, first_line = basis.setdefault(material, (stated, line))
        place = prices.place(line, "price_basis")
        if stated != first:
            where = f"{prices.file} {first_line}"
            yield problem("case.unlike_bases", place, got=stated, other=first, where=where)
        elif material not in known and stated != "contained":
            yield problem("case.basis_of_element", place, got=stated, element=material)
    for row in offers.sound.iter_rows(named=True):
        yield from _offer(row, offers, prices, basis)


def _offer(
    row: Mapping[str, Any], offers: Reading, prices: Reading, basis: Mapping[str, tuple[str, int]]
) -> Iterator[Problem]:
    line, index = row["line"], row["price_index"]
    borrowed = row["kind"] in ("lease", "loan")
    if borrowed and row["lease_rate_per_year"] is None:
        yield problem("case.missing_value", offers.place(line, "lease_rate_per_year"))
    if row["price"] is not None and index is not None:
        yield problem("case.price_and_index", offers.place(line, "price_index"), offer=row["offer"])
    if row["price"] is None and index is None and not borrowed and row["kind"] == "purchase":
        yield problem("case.offer_without_price", offers.place(line, "price"), offer=row["offer"])
    if row["kind"] == "account_draw" and row["max_kg"] is None and row["total_kg"] is None:
        yield problem("case.draw_without_amount", offers.place(line, "total_kg"), offer=row["offer"])
    if row["price_unit"] is None and (row["price"] is not None or row["premium"]):
        yield problem("case.missing_value", offers.place(line, "price_unit"))
    if index in basis and row["premium"] and row["price_basis"] != basis[index][0]:
        place, where = offers.place(line, "price_basis"), f"{prices.file} {basis[index][1]}"
        yield problem("case.unlike_bases", place, got=row["price_basis"], other=basis[index][0], where=where)


def check_sets(readings: Mapping[str, Reading], settings: Settings) -> Iterator[Problem]:
    """Find shares that add up to more than the whole, soft limits without a price, and metals of no material."""
    contents, materials, limits, uses = (readings[name] for name in ("contents", "materials", "limits", "uses"))
    stated = {row[0]: row[1:] for row in materials.sound.select("material", "element", "content").iter_rows()}
    total: dict[str, float] = {}
    for material, element, content, line in contents.sound.select("material", "element", "content", "line").iter_rows():
        own, share = stated.get(material, (None, 0.0))
        if element == own and abs(content - share) > 1e-9:
            place = contents.place(line, "content")
            yield problem("case.contents_disagree", place, got=content, other=share, material=material)
        total[material] = total.get(material, share) + (0.0 if element == own else content)
        if total[material] > 1 + 1e-9:
            place = contents.place(line, "content")
            yield problem("case.contents_above_one", place, got=f"{total[material]:.6g}", material=material)
    for line in limits.sound.filter((pl.col("kind") == "soft") & pl.col("penalty_per_unit").is_null())["line"]:
        yield problem("case.soft_without_penalty", limits.place(line, "penalty_per_unit"))
    lost = pl.col("process_yield") + pl.col("scrap_share")
    for got, line in uses.sound.filter(lost > 1 + 1e-9).select(lost, "line").iter_rows():
        yield problem("case.uses_above_one", uses.place(line, "scrap_share"), got=f"{got:.6g}")
    elements = frozenset(materials.frame["element"]) | frozenset(contents.frame["element"])
    for metal in settings.metals:
        if metal not in elements and materials.frame.height:
            yield problem("case.metal_without_material", materials.place(None, "element"), got=metal)
