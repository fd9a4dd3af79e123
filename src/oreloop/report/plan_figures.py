"""Figures of a plan: each order from the day it is placed until its metal may be used, and what an aim costs another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import polars as pl

from oreloop.base.errors import BadInput
from oreloop.base.period import Period
from oreloop.report.chart import (
    DAY_MS,
    INK,
    PALETTE,
    QUIET,
    SHORT,
    Spec,
    axis,
    colours,
    faint,
    layout,
    panels,
    plain,
    suffix,
)  # fmt: skip
from oreloop.report.metal import cut
from oreloop.report.wording import ABSENT, THIN, Words, number

ORDERS = 30
"""Orders that are drawn, those to be placed first; the table behind the figure holds everything."""

LETTERS = 20
"""Letters of a supplier's name beside its bar, so that a phone has room for the bars."""

ROW_PX = 25
PANEL_PX = 250

AIMS: Mapping[str, tuple[str, str]] = {
    "co2e_kg": ("axis.co2e", "~s"),
    "top_country_share": ("axis.top_country", ".3~p"),
    "short_kg": ("axis.short_kg", ",.4~g"),
    "recycled_share": ("axis.recycled", ".3~p"),
}
"""What may be traded against cost, the text of its axis, and how its numbers are written there."""

TEN_MILLION = 1e7
"""Costs from here on are written in millions."""

APART = 0.06
"""Points nearer than this share of both axes to a numbered one go without a number."""


def gantt(words: Words) -> Spec | None:
    """Draw each order from its last day to the end of the period in which its metal may be used, by supplier.

    The fainter part lies after the period of arrival: acceptance, and lanes on from where it was handed over.
    """
    dated = words.view["orders"].with_columns(pl.col("act_by").str.to_date("%Y-%m-%d", strict=False))
    rows = dated.drop_nulls("act_by").sort("act_by", "order").head(ORDERS).to_dicts()
    if not rows:
        return None
    today = words.view.facts.at.date()
    ends = [_end(row[name]) for row in rows for name in ("arrive_period", "usable_period", "due_period")]
    last = max([today, rows[-1]["act_by"], *(each for each in ends if each)]) + timedelta(days=1)
    shades = colours(dict.fromkeys(_supplier(row) for row in rows))
    data: list[Spec] = []
    for supplier, colour in shades.items():
        own = [row for row in rows if _supplier(row) == supplier]
        data += _ways(own, plain(words.name(supplier)), colour, last, words)
    data += _returns(rows, words)
    keys = [plain(row["order"]) for row in reversed(rows)]
    y = axis(type="category", categoryorder="array", categoryarray=keys, showgrid=False, fixedrange=True)
    y |= {
        "tickvals": keys,
        "ticktext": [_label(row, words) for row in reversed(rows)],
        "range": [-0.6, len(keys) - 0.4],
    }
    first = min(today, rows[0]["act_by"])
    x = axis(words.own("axis.day"), type="date", tickformat="%Y<br>%m-%d", tickangle=0, nticks=4, tickfont={"size": 10})
    x["minor"] = {"dtick": "M1", "showgrid": True, "gridcolor": faint(QUIET, 0.14)}
    x["range"] = [(first - (last - first) / 60).isoformat(), last.isoformat()]
    plot = layout(140 + ROW_PX * len(rows), xaxis=x, yaxis=y, barmode="overlay", bargap=0.34, showlegend=True)
    plot["legend"] |= {"y": 0, "yref": "container"}
    plot["margin"] = plot["margin"] | {"t": 46, "b": 36}
    return {"data": data, "layout": plot | _today(today, words)}


def frontier(words: Words) -> Spec | None:
    """Draw what each aim that differs between the plans of the frontier costs, one panel an aim, plans numbered."""
    points = words.view["frontier"].fill_nan(None).drop_nulls("cost").sort("cost", "point")
    aims = [name for name in AIMS if _differs(points[name])]
    if not aims:
        return None
    millions = max(points["cost"]) >= TEN_MILLION
    unit = 1e6 if millions else 1.0
    data = [
        {
            "type": "scatter", "mode": "lines+markers+text", "x": (points["cost"] / unit).round(6).to_list(),
            "y": [None if value is None else round(value, 6) for value in points[aim]],
            "text": _numbers(points, aim), "textposition": _aside(points[aim]),
            "customdata": points["point"].to_list(), "cliponaxis": False,
            "line": {"color": faint(PALETTE[0], 0.5), "width": 1.5, "dash": "dot"},
            "marker": {"color": PALETTE[0], "size": 9}, "textfont": {"size": 12}, "showlegend": False,
            "xaxis": f"x{suffix(place)}", "yaxis": f"y{suffix(place)}",
            "hovertemplate": f"<b>%{{customdata}}</b><br>%{{x:,.6~g}}<br>%{{y:{AIMS[aim][1]}}}<extra></extra>",
        }
        for place, aim in enumerate(aims)
    ]  # fmt: skip
    cost = words.own("axis.cost_millions" if millions else "axis.cost", currency=words.view.facts.currency)
    titles = [words.own(AIMS[aim][0]) for aim in aims]
    plot = panels(titles, PANEL_PX, axis(cost, nticks=6), axis())
    for place, aim in enumerate(aims):
        plot[f"yaxis{suffix(place)}"] |= axis(titles[0] if len(aims) == 1 else "", tickformat=AIMS[aim][1])
    return {"data": data, "layout": plot}


def _supplier(row: Mapping[str, Any]) -> str:
    return str(row["party"] or row["offer"])


def _label(row: Mapping[str, Any], words: Words) -> str:
    return f"{plain(cut(words.name(_supplier(row)), LETTERS))}  <b>{number(row['quantity_kg'])}{THIN}kg</b>"


def _end(period: str | None) -> date | None:
    """Give the last day of a period; none where it lies past what was planned."""
    try:
        return Period.parse(period or "").last
    except BadInput:
        return None


def _ways(rows: Sequence[Mapping[str, Any]], name: str, colour: str, last: date, words: Words) -> list[Spec]:
    """Draw the way of one supplier's orders until arrival, and from there until use; unknown ends lie past the right edge."""
    placed = [row["act_by"] for row in rows]
    arrived = [max(_end(row["arrive_period"]) or last, start) for row, start in zip(rows, placed, strict=True)]
    usable = [max(_end(row["usable_period"]) or last, there) for row, there in zip(rows, arrived, strict=True)]
    base = {
        "type": "bar", "orientation": "h", "name": name, "showlegend": False, "y": [plain(row["order"]) for row in rows],
        "customdata": [_said(row, words) for row in rows], "hovertemplate": "%{customdata}<extra></extra>",
    }  # fmt: skip
    way = {"base": [day.isoformat() for day in placed], "x": _lengths(placed, arrived, 1), "marker": {"color": colour}}
    wait = {"base": [(day + timedelta(days=1)).isoformat() for day in arrived], "x": _lengths(arrived, usable, 0)}
    return [base | way, base | wait | {"marker": {"color": faint(colour, 0.4)}}]


def _lengths(starts: Sequence[date], ends: Sequence[date], least: int) -> list[int]:
    return [((end - start).days + least) * DAY_MS for start, end in zip(starts, ends, strict=True)]


def _said(row: Mapping[str, Any], words: Words) -> str:
    """Say an order where it is pointed at."""
    return plain(
        words.own(
            "figure.order_said",
            offer=words.name(row["offer"]),
            kg=words.kg(row["quantity_kg"]),
            material=words.name(row["material"]),
            act_by=row["act_by"],
            arrives=row["arrive_period"] or ABSENT,
            usable=row["usable_period"] or ABSENT,
            amount=words.money(row["amount"]),
        )
    ).replace("\n", "<br>")


def _returns(rows: Sequence[Mapping[str, Any]], words: Words) -> list[Spec]:
    """Mark when leased, lent or swapped metal goes back."""
    due = [(plain(row["order"]), end) for row in rows if (end := _end(row["due_period"]))]
    if not due:
        return []
    mark = {"type": "scatter", "mode": "markers", "name": words.own("figure.goes_back"), "cliponaxis": False}
    mark |= {"marker": {"symbol": "triangle-left", "size": 10, "color": INK}, "hovertemplate": "%{x|%Y-%m-%d}"}
    return [mark | {"x": [end.isoformat() for _, end in due], "y": [order for order, _ in due]}]


def _today(today: date, words: Words) -> Spec:
    """Draw the line of today, and the frozen zone behind the bars."""
    frozen = words.view.facts.frozen_until
    line = {
        "type": "line",
        "xref": "x",
        "yref": "paper",
        "y0": 0,
        "y1": 1,
        "x0": today.isoformat(),
        "x1": today.isoformat(),
    }
    shapes: list[Spec] = [line | {"line": {"color": SHORT, "width": 1.5, "dash": "dot"}}]
    said = words.own("figure.today", day=today)
    if frozen is not None and frozen > today:
        zone = line | {"type": "rect", "x1": frozen.isoformat(), "layer": "below", "line": {"width": 0}}
        shapes.append(zone | {"fillcolor": faint(QUIET, 0.22)})
        said += "\n" + words.own("figure.frozen", day=frozen)
    note = {
        "text": plain(said).replace("\n", "<br>"),
        "align": "left",
        "x": today.isoformat(),
        "xref": "x",
        "xanchor": "left",
        "y": 1,
        "yref": "paper",
    }
    return {"shapes": shapes, "annotations": [note | {"yanchor": "bottom", "showarrow": False, "font": {"size": 11}}]}


def _differs(values: pl.Series) -> bool:
    known = values.drop_nulls().to_list()
    return len(known) > 1 and max(known) - min(known) > 1e-9 * max(1.0, *map(abs, known))


def _aside(values: pl.Series) -> str:
    """Give the side of its point on which a number is off the line: left of a line that rises, right of one that falls."""
    known = values.drop_nulls()
    return "top left" if known[-1] > known[0] else "top right"


def _numbers(points: pl.DataFrame, aim: str) -> list[str]:
    """Number the points, but those that would write over a number that is there."""
    across, up = (pl.col(name) / (pl.col(name).max() - pl.col(name).min()) for name in ("cost", aim))
    there: list[tuple[float, float]] = []
    texts = []
    for point, x, y in points.select("point", across, up).iter_rows():
        near = y is None or any(abs(x - a) < APART and abs(y - b) < APART for a, b in there)
        texts.append("" if near else str(point))
        there += [] if near else [(x, y)]
    return texts
