"""Tables whose rows are sentences: limits, worth, risks, cover, claims, security; made of one frame each."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from oreloop.report.tables import ROWS_SHOWN, Cell, Table, table, tone
from oreloop.report.wording import ABSENT, Words, number

Row = Mapping[str, Any]

SOURCE_LETTERS = 160
"""A source of many parts is quoted up to so many letters; the tables beside the report hold it whole."""

POINT = 0.01
"""What a limit on a share is relaxed by when its worth is told: one percentage point."""


MENDS_SHOWN = 5
"""Remedies on the first screen; the rest stand in the tables beside the report."""


def tabled(name: str, words: Words) -> Table:
    """Set a frame as a table, in sentences where there are any for it, else column by column."""
    return _WRITTEN[name](words) if name in _WRITTEN else table(name, words)


def _table(name: str, words: Words, headings: Sequence[str], rows: Sequence[tuple[Cell, ...]], of: int) -> Table:
    """Put a table together; a heading that begins with ``#`` stands over numbers."""
    heads = tuple(
        Cell(words.own(f"column.{each.removeprefix('#')}"), "number" * each.startswith("#")) for each in headings
    )
    return Table(words.own(f"table.{name}"), heads, tuple(rows), of)


def _limits(words: Words) -> Table:
    frame = words.view["limits"].head(ROWS_SHOWN)
    rows = [
        (
            Cell(limit(row, words), ""),
            Cell(words.word(row["kind"]), "short"),
            Cell(words.measure(row["used"], row["unit"]), "number"),
            _room(row, words),
            Cell(_relaxed(row, words), "number"),
        )
        for row in frame.iter_rows(named=True)
    ]
    headings = ("limit", "kind", "#used", "#slack", "#shadow_price")
    return _table("limits", words, headings, rows, words.view["limits"].height)


def limit(row: Row, words: Words) -> str:
    """Say a limit: what it counts, of what, when, and how much at most or at least."""
    scope = [part.partition("=")[2].strip() for part in (row["scope"] or "").split(";")]
    named = [words.word(row["metric"], "metric"), *(words.name(each) for each in scope if each)]
    if row["scope"] is None and row["limit"] in words.view.names:
        named.append(words.name(row["limit"]))
    if row["period"]:
        named.append(str(row["period"]).replace("..", " – "))
    key = {"<=": "limit.most", ">=": "limit.least"}.get(row["sense"], "limit.equal")
    return words.own(key, what=" · ".join(named), value=words.measure(row["value"], row["unit"]))


def _room(row: Row, words: Words) -> Cell:
    slack = row["slack"]
    if slack is None or abs(slack) <= 1e-6 * max(1.0, abs(row["value"] or 0.0)):
        return Cell(words.own("limit.bound"), "number")
    if slack < 0:
        return Cell(words.own("limit.broken", by=words.measure(-slack, row["unit"])), "bad")
    return Cell(words.measure(slack, row["unit"]), "number")


def _relaxed(row: Row, words: Words) -> str:
    """Say what relaxing a limit by one unit saves; by one percentage point where it is a share."""
    price = abs(row["shadow_price"] or 0.0)
    if price < 1e-9:
        return ABSENT
    if row["unit"] == "share":
        return words.own("limit.worth", money=words.money(price * POINT), unit=words.own("limit.point"))
    unit = words.view.facts.currency if row["unit"] == "currency" else words.unit_name(row["unit"])
    return words.own("limit.worth", money=words.money(price), unit=unit)


def _mends(words: Words) -> Table:
    frame = words.view["mends"].head(MENDS_SHOWN)
    numbers = ("mended_kg", "left_kg", "extra_cost", "cost_per_kg")
    rows = [
        (
            Cell(mend(row, words), ""),
            *(Cell(words.money(row[name]) if "cost" in name else number(row[name]), "number") for name in numbers),
        )
        for row in frame.iter_rows(named=True)
    ]
    return _table("mends", words, ("mend", *(f"#{name}" for name in numbers)), rows, words.view["mends"].height)


def mend(row: Row, words: Words) -> str:
    """Say what would mend a shortage, e.g. more from one offer."""
    return words.own(f"mend.{row['code']}", subject=words.name(row["subject"]))


def _worth(words: Words) -> Table:
    frame = words.view["worth"].head(ROWS_SHOWN)
    rows = []
    for row in frame.iter_rows(named=True):
        where = words.own("worth.at", site=words.name(row["site"])) if row["site"] and row["kind"] == "approval" else ""
        rows.append((Cell(worth(row, words) + where, ""), Cell(_per(row, words), "number")))
    return _table("worth", words, ("worth_of", "#worth"), rows, words.view["worth"].height)


def worth(row: Row, words: Words) -> str:
    """Say what would be worth something, e.g. an approval given today."""
    key = row["kind"] if row["kind"] in KINDS_OF_WORTH else row["code"]
    if key in KINDS_OF_WORTH:
        return words.own(f"worth.{key}", subject=words.name(row["subject"]))
    return f"{words.said(row['code'], row['fields'], 'worth')} · {words.name(row['subject'])}"


KINDS_OF_WORTH = ("approval", "licence", "acceptance", "offer_capacity", "process_capacity")


def _shadow_prices(words: Words) -> Table:
    frame = words.view["shadow_prices"].head(ROWS_SHOWN)
    spans = [name for name in ("up_to_kg", "down_to_kg", "lost_per_kg") if frame[name].drop_nulls().len()]
    rows = [
        (Cell(_one_more(row, words), ""), *(Cell(_range(name, row, words), "number") for name in spans))
        for row in frame.iter_rows(named=True)
    ]
    headings = ("worth_of", *(f"#{name}" for name in spans))
    return _table("shadow_prices", words, headings, rows, words.view["shadow_prices"].height)


def _one_more(row: Row, words: Words) -> str:
    """Say what one more kilogram of a ceiling or of metal at a place is worth."""
    fields = {name: row[name] for name in ("subject", "site", "material", "period")}
    fields |= {"value": words.money(row["value_per_kg"]), "unit": _unit_of(row, words)}
    return words.said(f"plan.value.{row['code']}", json.dumps(fields, ensure_ascii=False))


def _range(name: str, row: Row, words: Words) -> str:
    """Write for how much more or less a price holds, or what the first one less costs."""
    if name == "lost_per_kg":
        return words.money(row[name])
    return words.own("plan.any") if row[name] == float("inf") else words.unit(row[name], _unit_of(row, words))


def _unit_of(row: Row, words: Words) -> str:
    unit = row["unit"] or "kg"
    return words.view.facts.currency if unit == "currency" else words.unit_name(unit)


def _conflict(words: Words) -> Table:
    rows = [
        (Cell(limit(row, words), ""), Cell(words.name(row["limit"]), ""))
        for row in words.view["conflict"].iter_rows(named=True)
    ]
    return _table("conflict", words, ("limit", "limit_id"), rows, len(rows))


def _repair(words: Words) -> Table:
    told = {(row["limit"], row["period"]): limit(row, words) for row in words.view["conflict"].iter_rows(named=True)}
    rows = [
        (
            Cell(told.get((row["limit"], row["period"]), words.name(row["limit"])), ""),
            Cell(str(row["period"] or ABSENT).replace("..", " – "), ""),
            Cell(words.measure(row["relax_by"], row["unit"]), "number"),
        )
        for row in words.view["repair"].iter_rows(named=True)
    ]
    return _table("repair", words, ("limit", "period", "#relax_by"), rows, len(rows))


def _per(row: Row, words: Words) -> str:
    unit = str(row["unit"] or "").removeprefix("per_")
    money = words.money(row["value"])
    return money if unit in ("", "total") else f"{money}/{words.unit_name(unit)}"


def _risks(words: Words) -> Table:
    frame = words.view["risks"].head(ROWS_SHOWN)
    rows = [
        (
            Cell(f"{words.word(row['event'], 'event')}{words.own('colon')}{words.name(row['target'])}", ""),
            Cell(words.share(row["probability"]), "number"),
            Cell(words.money(row["delta_cost"]), "number"),
            Cell(words.money(row["expected_cost"]), "number"),
            Cell(words.kg(row["short_kg"]), "number"),
        )
        for row in frame.iter_rows(named=True)
    ]
    headings = ("risk_event", "#probability", "#delta_cost", "#expected_cost", "#short_kg")
    return _table("risks", words, headings, rows, words.view["risks"].height)


def _cover(words: Words) -> Table:
    frame = words.view["cover"].head(ROWS_SHOWN)
    rows = []
    for row in frame.iter_rows(named=True):
        stages = ("own_free_kg", "free"), ("in_process_kg", "in_process"), ("on_order_kg", "on_order")
        kept = [Cell(_lasts(row[kg], row[f"days_{key}"], words), "number") for kg, key in stages]
        out = [Cell(row[f"stock_out_{level}"] or words.own("tile.never"), "short") for level in ("p50", "p90")]
        place = " · ".join(words.name(row[key]) for key in ("site", "material"))
        rows.append((Cell(place, ""), Cell(words.kg(row["daily_kg"]), "number"), *kept, *out))
    headings = (
        "use_place",
        "#daily_kg",
        "#own_free_kg",
        "#plus_in_process",
        "#plus_on_order",
        "stock_out_p50",
        "stock_out_p90",
    )
    return _table("cover", words, headings, rows, words.view["cover"].height)


def _lasts(kg: float | None, days: float | None, words: Words) -> str:
    """Write what is held at a stage, and the days that all up to it last."""
    lasting = words.own("tile.past_horizon") if days is None else words.own("days", count=number(days, 0))
    return f"{words.kg(kg)} · {lasting}"


def _claims(words: Words) -> Table:
    rows: dict[tuple[object, ...], list[str]] = {}
    for row in words.view["claims"].iter_rows(named=True):
        about = " · ".join(words.name(row[key]) for key in ("element",) if row[key])
        what = f"{about} · " * bool(about) + words.word(row["metric"] or row["claim"], "metric")
        if row["year"] is not None:
            what = words.own("claim.in_year", what=what, year=row["year"])
        key = (row["claim"], what, words.measure(row["value"], row["unit"]), _quoted(row["source"], words))
        said = words.said(row["verdict"], row["verdict_fields"], "verdict")
        rows.setdefault(key, []).extend([said] * (said != ABSENT))
    ordered = sorted(rows.items(), key=lambda item: not item[1])
    cells = [
        (
            Cell(str(what), ""),
            Cell(str(value), "number"),
            Cell(words.own("semicolon").join(said), ""),
            Cell(str(source), "quiet"),
        )
        for (_, what, value, source), said in ordered[:ROWS_SHOWN]
    ]
    return _table("claims", words, ("claim", "#value", "verdict", "source_quoted"), cells, len(rows))


def _security(words: Words) -> Table:
    rows = []
    for row in words.view["security"].head(ROWS_SHOWN).iter_rows(named=True):
        what = words.own(
            "claim.in_year", what=f"{words.name(row['element'])} · {words.word(row['figure'])}", year=row["year"]
        )
        value = _on_scale(row["value"], row["unit"], words)
        status = Cell(words.word(row["status"]), tone(row["status"]))
        rows.append((Cell(what, ""), Cell(value, "number"), status, Cell(_quoted(row["source"], words), "quiet")))
    return _table(
        "security", words, ("figure", "#value", "status", "source_quoted"), rows, words.view["security"].height
    )


def _on_scale(value: float | None, unit: str | None, words: Words) -> str:
    """Write a figure; one on a scale such as ``0-10000`` with the end of the scale."""
    low, dash, high = (unit or "").partition("-")
    if dash and low == "0" and high.isdecimal():
        return words.own("security.scale", value=number(value), most=number(float(high)))
    return words.measure(value, unit)


def _quoted(source: str | None, words: Words) -> str:
    """Quote a source: ids among it by name, each part once; parts that would make it long are counted."""
    parts = list(
        dict.fromkeys(words.name(each) if each in words.view.names else each for each in (source or "").split("; "))
    )
    kept = [part for place, part in enumerate(parts) if len("; ".join(parts[: place + 1])) <= SOURCE_LETTERS] or parts[
        :1
    ]
    more = [words.own("source.more", count=len(parts) - len(kept))] if len(parts) > len(kept) else []
    return words.own("semicolon").join([*kept, *more])


_WRITTEN: Mapping[str, Callable[[Words], Table]] = {
    "limits": _limits,
    "mends": _mends,
    "worth": _worth,
    "shadow_prices": _shadow_prices,
    "conflict": _conflict,
    "repair": _repair,
    "risks": _risks,
    "cover": _cover,
    "claims": _claims,
    "security": _security,
}
