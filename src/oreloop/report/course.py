"""Figures along time: demand with its bands, supply against demand, stock against its safety line."""

from __future__ import annotations

from typing import Any

import polars as pl

from oreloop.report.chart import (
    INK,
    KG,
    PALETTE,
    PANELS,
    SHORT,
    Spec,
    axis,
    colours,
    faint,
    in_time,
    panels,
    periods_axis,
    plain,
    suffix,
)  # fmt: skip
from oreloop.report.slots import Slots, by_period, rounded
from oreloop.report.wording import Words, number

SOURCES = 7
"""Sources with a colour of their own; smaller ones are drawn together."""


def demand(words: Words) -> Spec | None:
    """Draw history and the fan of bands, one panel for each of the largest series (kg a period)."""
    history, quantiles = words.view["history"], words.view["quantiles"]
    sizes = pl.concat([history.select("unique_id", size="y"), quantiles.select("unique_id", size="value")])
    series = _largest(sizes, "unique_id", "size", PANELS)
    if not series:
        return None
    periods = sorted({*history["ds"], *quantiles["ds"]})
    data: list[Spec] = []
    for place, key in enumerate(series):
        fan = quantiles.filter(pl.col("unique_id") == key).sort("level", "ds")
        data += _fan(fan, words, place)
        past = history.filter(pl.col("unique_id") == key).sort("ds")
        data.append(_line(_points(past["ds"], past["y"]), words.own("figure.history"), INK, place))
        wanted = by_period(words.view["demand"].filter(pl.format("{}/{}", "site", "material") == key), "quantity_kg")
        if wanted.height:
            points = _points(wanted["period"], wanted["kg"])
            line = _line(points, words.own("figure.planned_for"), PALETTE[1], place)
            data.append(line | {"line": {"color": PALETTE[1], "width": 2, "dash": "dot"}})
    y = axis(words.own("axis.kg_period"), rangemode="tozero")
    layout = panels([words.name(key) for key in series], 280, periods_axis(periods), y, hovermode="x unified")
    return {"data": _legend_once(data), "layout": layout}


def _fan(fan: pl.DataFrame, words: Words, place: int) -> list[Spec]:
    levels = sorted(set(fan["level"]))
    traces: list[Spec] = []
    while len(levels) > 1:
        low, high = levels.pop(0), levels.pop()
        name = words.own("figure.band", low=number(low * 100), high=number(high * 100))
        opacity = 0.16 + 0.14 * len(traces) / 2
        for level, fill in ((low, None), (high, "tonexty")):
            part = fan.filter(pl.col("level") == level)
            trace = _line(_points(part["ds"], part["value"]), name, PALETTE[0], place)
            trace |= {"mode": "lines", "line": {"width": 0}, "legendgroup": plain(name)}
            traces.append(trace | ({"fill": fill, "fillcolor": faint(PALETTE[0], min(opacity, 0.4))} if fill else {}))
    if levels:
        part = fan.filter(pl.col("level") == levels[0])
        name = (
            words.own("figure.median") if levels[0] == 0.5 else words.own("figure.level", level=number(levels[0] * 100))
        )
        traces.append(_line(_points(part["ds"], part["value"]), name, PALETTE[0], place))
    return traces


def supply(words: Words) -> Spec | None:
    """Draw where the metal of each period comes from, stacked, against what is needed.

    In kg a period; where periods are of unlike length, in kg a day and true widths, so that areas are kg.
    """
    opened = pl.when(pl.col("origin") == "opening").then(pl.lit("opening")).otherwise("source")
    frame = words.view["supply"].with_columns(source=opened)
    materials = _largest(frame, "material", "quantity_kg", PANELS)
    if not materials:
        return None
    sources = _largest(frame, "source", "quantity_kg", frame.height)
    shades = colours(sources[:SOURCES])
    needed = _needed(words)
    slots = Slots.of([*frame["period"], *needed["period"]])
    data: list[Spec] = []
    for place, material in enumerate(materials):
        here = pl.col("material") == material
        drawn = [(source, pl.col("source") == source) for source in shades]
        if len(sources) > SOURCES:
            drawn.append(("other", ~pl.col("source").is_in(list(shades))))
        for source, chosen in drawn:
            part = slots.bars(by_period(frame.filter(here, chosen), "quantity_kg"))
            data.append(_bar(part, words.name(source), shades.get(source, PALETTE[-1]), place))
        lacking = by_period(words.view["shortages"].filter(here, pl.col("short_kg") > 0), "short_kg")
        if lacking.height:
            mark = {
                "color": faint(SHORT, 0.25),
                "line": {"color": SHORT, "width": 1},
                "pattern": {"shape": "/", "fgcolor": SHORT},
            }
            data.append(_bar(slots.bars(lacking), words.own("figure.short"), SHORT, place) | {"marker": mark})
        wanted = by_period(needed.filter(here), "quantity_kg")
        if wanted.height:
            data.append(_line(slots.steps(wanted), words.own("figure.demand_line"), INK, place))
    y = axis(words.own("axis.kg_day" if slots.uneven else "axis.kg_period"), rangemode="tozero")
    hover = "closest" if slots.uneven else "x unified"
    titles = [words.name(each) for each in materials]
    layout = panels(titles, 320, slots.axis(), y, barmode="stack", hovermode=hover)
    return {"data": _legend_once(data), "layout": layout}


def _needed(words: Words) -> pl.DataFrame:
    """Give what is wanted in each period of the plan, which may be finer than those of the forecast."""
    asked = words.view["demand"].select("material", "period", "quantity_kg")
    if set(asked["period"]) <= set(words.view.facts.horizon):
        return asked
    return words.view["shortages"].select("material", "period", pl.col("demand_kg").alias("quantity_kg"))


def stock(words: Words) -> Spec | None:
    """Draw stock at the end of each period where metal is used or has a safety line, that line, and days of cover (kg)."""
    held_kg, rest = pl.col("quantity_kg").sum(), pl.col("safety_kg", "cover_days").max()
    frame = words.view["stocks"].group_by("site", "material", "period").agg(held_kg, rest)
    frame = frame.with_columns(pair=pl.concat_str("site", "material", separator="\n"))
    used = words.view["demand"].select(pair=pl.concat_str("site", "material", separator="\n"))["pair"].unique()
    frame = frame.with_columns(used=pl.col("pair").is_in(used.to_list()))
    guarded = frame.filter(pl.col("used") | (pl.col("safety_kg").max().over("pair") > 0))
    frame = guarded if guarded.height else frame
    pairs = _largest(frame.filter("used"), "pair", "quantity_kg", PANELS)
    pairs += _largest(frame.filter(~pl.col("used")), "pair", "quantity_kg", PANELS - len(pairs))
    if not pairs:
        return None
    slots = Slots.of(frame["period"])
    data: list[Spec] = []
    titles = []
    for place, pair in enumerate(pairs):
        part = in_time(frame.filter(pl.col("pair") == pair))
        titles.append(" · ".join(words.name(each) for each in pair.split("\n")))
        labels = [
            words.own("figure.cover", days=number(days, 0)) if days is not None and room else ""
            for days, room in zip(part["cover_days"], slots.labelled(part["period"].to_list()), strict=True)
        ]
        sides = ["top right", *["top center"] * (part.height - 1)]
        held = _line(slots.ends(part, "quantity_kg"), words.own("figure.stock_line"), PALETTE[0], place)
        data.append(
            held
            | {"mode": "lines+markers+text", "text": labels, "textposition": sides, "textfont": {"size": 11}}
            | {"fill": "tozeroy", "fillcolor": faint(PALETTE[0], 0.12), "cliponaxis": False}
        )
        if part["safety_kg"].drop_nulls().len():
            safety = _line(slots.ends(part, "safety_kg"), words.own("figure.safety"), SHORT, place)
            data.append(safety | {"mode": "lines", "line": {"color": SHORT, "width": 1.5, "dash": "dash"}})
    y = axis(words.own("axis.kg"), rangemode="tozero")
    layout = panels(titles, 260, slots.axis(), y, hovermode="closest" if slots.uneven else "x unified")
    return {"data": _legend_once(data), "layout": layout}


def _largest(frame: pl.DataFrame, key: str, size: str, count: int) -> list[str]:
    """Name the keys of largest total size, the largest first, equal ones by name."""
    totals = frame.drop_nulls(key).group_by(key).agg(pl.col(size).sum()).sort([size, key], descending=[True, False])
    return totals[key].head(count).to_list()


def _points(names: pl.Series, values: pl.Series) -> Spec:
    return {"x": names.to_list(), "y": rounded(values), "hovertemplate": KG}


def _line(points: Spec, name: str, colour: str, place: int) -> Spec:
    line = {"color": colour, "width": 2, **points.get("line", {})}
    return {
        "type": "scatter", "mode": "lines", "name": plain(name), "legendgroup": plain(name), **_axes(place),
        **points, "line": line,
    }  # fmt: skip


def _bar(bars: Spec, name: str, colour: str, place: int) -> Spec:
    marker = {"color": colour, **bars.get("marker", {})}
    return {
        "type": "bar", "name": plain(name), "legendgroup": plain(name), **_axes(place), **bars, "marker": marker,
    }  # fmt: skip


def _axes(place: int) -> dict[str, Any]:
    return {"xaxis": f"x{suffix(place)}", "yaxis": f"y{suffix(place)}"}


def _legend_once(data: list[Spec]) -> list[Spec]:
    """Let each name stand in the legend once, by the trace that has its colour (the lower edge of a band has none)."""
    seen: set[str] = set()
    for trace in data:
        edge = trace.get("line", {}).get("width") == 0 and "fill" not in trace
        trace["showlegend"] = trace["name"] not in seen and bool(trace["x"]) and not edge
        if trace["showlegend"]:
            seen.add(trace["name"])
    return data
