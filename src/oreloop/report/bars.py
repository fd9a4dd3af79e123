"""Figures of amounts side by side: cost, carbon, country exposure, the inputs that would flip row one, contracts."""

from __future__ import annotations

import polars as pl

from oreloop.report.chart import (
    PALETTE,
    QUIET,
    SHORT,
    Spec,
    axis,
    colours,
    faint,
    in_time,
    layout,
    plain,
)  # fmt: skip
from oreloop.report.slots import Slots
from oreloop.report.wording import THIN, Words, number

RISK = [[0.0, "#00204d"], [0.25, "#414d6b"], [0.5, "#7c7b78"], [0.75, "#bcaf6f"], [1.0, "#ffea46"]]
"""The scale Cividis (Nuñez, Anderton and Renslow 2018), even for any colour vision."""

STATUSES = {
    "measured": PALETTE[2],
    "derived": PALETTE[4],
    "assumed": PALETTE[1],
    "illustrative": PALETTE[3],
    "unstated": QUIET,
}
"""Colours of the statuses of input rows, the firmest first."""


def cost(words: Words) -> Spec | None:
    """Draw the cost of each period by component, in the currency of the case.

    An order is paid at once and not day by day, so finer periods are drawn together, as the month with which they count.
    """
    frame = words.view["costs"].filter(pl.col("amount") != 0)
    if frame.is_empty():
        return None
    totals = (
        frame.group_by("component")
        .agg(pl.col("amount").abs().sum())
        .sort(["amount", "component"], descending=[True, False])
    )
    slots = Slots.of(frame["period"].drop_nulls())
    frame = slots.together(frame)
    drawn = Slots.of(frame["period"].drop_nulls())
    currency = words.view.facts.currency
    data = []
    for component, shade in colours(totals["component"]).items():
        colour = SHORT if component == "shortage" else shade
        part = in_time(frame.filter(pl.col("component") == component).group_by("period").agg(pl.col("amount").sum()))
        data.append(
            {
                "type": "bar",
                "x": part["period"].to_list(),
                "y": part["amount"].round(2).to_list(),
                "name": plain(words.word(component, "component")),
                "marker": {"color": colour},
                "hovertemplate": f"%{{y:,.0f}}{THIN}{currency}",
            }
        )
    code = f"axis.amount_{slots.unit}" if slots.uneven else "axis.amount"
    y = axis(words.own(code, currency=currency), tickformat="~s")
    return {
        "data": data,
        "layout": layout(360, barmode="relative", hovermode="x unified", xaxis=drawn.axis(), yaxis=y),
    }


def carbon(words: Words) -> Spec | None:
    """Draw emissions by component, the largest on top (kg CO2e)."""
    frame = words.view["carbon"].drop_nulls("component").group_by("component").agg(kg=pl.col("co2e_kg").sum())
    frame = frame.filter(pl.col("kg") != 0).sort(["kg", "component"], descending=[False, True])
    if frame.is_empty():
        return None
    labels = [plain(words.word(each, "component")) for each in frame["component"]]
    trace = _lying(labels, frame["kg"].round(3).to_list(), [f"{number(each)} kg" for each in frame["kg"]])
    reach = _reach(frame["kg"])
    return {
        "data": [trace],
        "layout": _lying_layout(frame.height, words.own("axis.co2e"), tickformat="~s", range=reach),
    }


def exposure(words: Words) -> Spec | None:
    """Draw how much of the metal comes from each country, coloured by its risk from 0 (low) to 1 (high)."""
    frame = (
        words.view["exposure"].filter(pl.col("share") > 0).sort(["share", "origin_country"], descending=[False, True])
    )
    if frame.is_empty():
        return None
    labels = [plain(words.name(each)) for each in frame["origin_country"]]
    text = [f"{words.share(share)} · {words.kg(kg)}" for share, kg in frame.select("share", "quantity_kg").iter_rows()]
    trace = _lying(labels, (frame["share"] * 100).round(4).to_list(), text)
    bar = {
        "title": {"text": words.own("axis.risk"), "side": "right", "font": {"size": 12}},
        "thickness": 10,
        "outlinewidth": 0,
        "tickvals": [0, 0.5, 1],
    }
    risk = [None if each is None else round(each, 4) for each in frame["risk"]]
    if any(each is not None for each in risk):
        trace["marker"] = {"color": risk, "cmin": 0, "cmax": 1, "colorscale": RISK, "showscale": True, "colorbar": bar}
    reach = _reach(frame["share"] * 100)
    plot = _lying_layout(frame.height, words.own("axis.share"), ticksuffix=f"{THIN}%", range=reach)
    return {"data": [trace], "layout": plot}


def flips(words: Words) -> Spec | None:
    """Draw by how much each assumed input would have to move, in per cent of its value, to flip row one."""
    frame = words.view["flips"].filter(pl.col("change_share").is_finite())
    if frame.is_empty():
        return None
    rows = frame.sort(pl.col("change_share").abs(), descending=True).to_dicts()
    labels = [plain(words.said(row["input"], row["label_fields"], "input")) for row in rows]
    text = [
        f"{number(row['base'])} → {number(row['flip_value'])} {plain(words.unit_name(row['unit']))}" for row in rows
    ]
    trace = _lying(labels, [round(row["change_share"] * 100, 4) for row in rows], text) | {"textposition": "none"}
    trace["marker"] = {"color": [PALETTE[1] if row["change_share"] > 0 else PALETTE[0] for row in rows]}
    plot = _lying_layout(len(rows), words.own("axis.move"), ticksuffix=f"{THIN}%")
    plot["xaxis"] |= {"zeroline": True, "zerolinecolor": QUIET}
    return {"data": [trace], "layout": plot}


def inputs(words: Words) -> Spec | None:
    """Draw for each table how much of it is measured, derived, assumed, illustrative or unstated (per cent of rows)."""
    frame = words.view["statuses"].with_columns(rows=pl.sum_horizontal(*STATUSES)).filter(pl.col("rows") > 0)
    if frame.is_empty():
        return None
    frame = frame.sort("rows", "table", descending=[False, True])
    labels = [
        f"{plain(words.word(name))}  {number(rows, 0)}" for name, rows in frame.select("table", "rows").iter_rows()
    ]
    data = []
    for status, colour in STATUSES.items():
        share = (frame[status] / frame["rows"] * 100).round(2)
        trace = _lying(labels, share.to_list(), [words.share(each / 100) for each in share])
        more = {"name": plain(words.word(status)), "marker": {"color": colour}, "showlegend": True}
        said = "%{y}<br>%{fullData.name} <b>%{text}</b><extra></extra>"
        data.append(trace | more | {"textposition": "none", "hovertemplate": said})
    y = axis(type="category", showgrid=False)
    x = axis(ticksuffix=f"{THIN}%", range=[0, 100])
    return {"data": data, "layout": layout(80 + 24 * frame.height, xaxis=x, yaxis=y, barmode="stack", bargap=0.3)}


def contracts(words: Words) -> Spec | None:
    """Draw when the next event of each contract is due, from the instant of judgement on; overdue ones to its left."""
    frame = words.view["contracts"].drop_nulls("due").sort("due", "contract", descending=True)
    if frame.is_empty():
        return None
    today = words.view.facts.at.date().isoformat()
    states = colours(words.view["contracts"]["state"].drop_nulls().unique().sort())
    labels = {row["contract"]: plain(words.name(row["contract"])) for row in frame.iter_rows(named=True)}
    data: list[Spec] = []
    for state, colour in states.items():
        part = frame.filter(pl.col("state") == state)
        if part.is_empty():
            continue
        stems = [each for due in part["due"] for each in (today, due, None)]
        rows = [each for key in part["contract"] for each in (labels[key], labels[key], None)]
        name = plain(words.word(state, "state"))
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": stems,
                "y": rows,
                "showlegend": False,
                "hoverinfo": "skip",
                "legendgroup": name,
                "line": {"color": faint(colour, 0.45), "width": 5},
            }
        )
        data.append(
            {
                "type": "scatter",
                "mode": "markers+text",
                "name": name,
                "legendgroup": name,
                "x": part["due"].to_list(),
                "y": [labels[key] for key in part["contract"]],
                "text": [f"  {plain(words.word(each))}  " for each in part["next_event"]],
                "textposition": ["middle left" if due < today else "middle right" for due in part["due"]],
                "textfont": {"size": 11},
                "cliponaxis": False,
                "marker": {"color": colour, "size": 12},
                "hovertemplate": "%{y}<br>%{text} · <b>%{x|%Y-%m-%d}</b><extra>%{fullData.name}</extra>",
            }
        )
    order = list(labels.values())
    y = axis(type="category", categoryorder="array", categoryarray=order, showgrid=False)
    plot = layout(90 + 34 * frame.height, xaxis=axis(type="date", tickformat="%Y-%m-%d", nticks=6), yaxis=y)
    plot["margin"] = plot["margin"] | {"r": 110}
    plot["shapes"] = [
        {
            "type": "line",
            "xref": "x",
            "yref": "paper",
            "x0": today,
            "x1": today,
            "y0": 0,
            "y1": 1,
            "line": {"color": SHORT, "width": 1, "dash": "dot"},
        }
    ]
    return {"data": data, "layout": plot}


def _lying(labels: list[str], values: list[float], text: list[str]) -> Spec:
    return {
        "type": "bar", "orientation": "h", "y": labels, "x": values, "text": text, "textposition": "outside",
        "cliponaxis": False, "constraintext": "none",
        "marker": {"color": PALETTE[0]}, "hovertemplate": "%{y}<br><b>%{text}</b><extra></extra>", "showlegend": False,
    }  # fmt: skip


def _reach(values: pl.Series) -> list[float]:
    """Give the ends of an axis that leaves a fifth for the words behind the longest bar."""
    return [round(min(0.0, *values) * 1.22, 6), round(max(0.0, *values) * 1.22, 6)]


def _lying_layout(rows: int, title: str, **x: object) -> Spec:
    y = axis(type="category", showgrid=False)
    return layout(96 + 38 * rows, xaxis=axis(title, **x), yaxis=y, bargap=0.38) | {
        "margin": {"l": 8, "r": 16, "t": 12, "b": 8, "pad": 4}
    }
