"""The common look of all figures: palette, axes, layout. A figure is a plain specification until someone asks for it.

Colours are those of Okabe and Ito (2008), told apart with any colour vision; vermilion is kept for what is short.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import polars as pl

from oreloop.base.period import first_day
from oreloop.report.wording import THIN

Spec = dict[str, Any]
"""A plotly figure as plain data: ``{"data": [trace, ...], "layout": {...}}``."""

PALETTE = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#8c6bb1", "#b08d2e", "#7f8c99")
SHORT = "#d55e00"
QUIET = "#8a94a3"
INK = "#3d4653"
"""Lines and letters; the page puts its own ink in its place, light or dark."""

FONT = 'system-ui, -apple-system, "Segoe UI", "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", sans-serif'

KG = f"%{{y:,.4~g}}{THIN}kg"
"""How a hover label writes a mass on the vertical axis."""

DAY_MS = 86_400_000
"""Milliseconds of a day, in which widths along an axis of days are given."""

PANELS = 6
"""Panels that one figure holds at most; the table behind the figure holds everything."""


def plain(text: str) -> str:
    """Make a text literal in a plotly label, which would otherwise read tags in it."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def colours(keys: Iterable[str]) -> dict[str, str]:
    """Give every key a colour, in order, starting again after the last one."""
    return {key: PALETTE[place % len(PALETTE)] for place, key in enumerate(keys)}


def faint(colour: str, opacity: float) -> str:
    """Give a colour ``#rrggbb`` at an opacity from 0 to 1."""
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:g})"


def axis(title: str = "", **more: Any) -> Spec:
    """Give an axis with thin grid lines, no frame, and room for its labels."""
    base: Spec = {"automargin": True, "gridcolor": "rgba(128,138,150,.22)", "zeroline": False, "ticks": ""}
    if title:
        base["title"] = {"text": title, "font": {"size": 12}, "standoff": 8}
    return base | more


def in_time(frame: pl.DataFrame, column: str = "period") -> pl.DataFrame:
    """Sort a frame by the time of its periods: the names of days, weeks and months together do not sort by time.

    >>> in_time(pl.DataFrame({"period": ["2026-04", "2026-W10", "2026-03-30--31"]}))["period"].to_list()
    ['2026-W10', '2026-03-30--31', '2026-04']
    """
    days = {name: first_day(name) for name in frame[column].unique()}
    return frame.sort(pl.col(column).replace_strict(days, return_dtype=pl.Date), maintain_order=True)


def periods_axis(names: Sequence[str], **more: Any) -> Spec:
    """Give an axis of periods (months or ISO weeks) in the given order, with at most a dozen labels."""
    given: Spec = {"type": "category", "categoryorder": "array", "categoryarray": list(names), "showgrid": False}
    given |= {"range": [-0.5, len(names) - 0.5]}
    return axis(**given, tickangle=0, tickvals=list(names[:: max(1, -(-len(names) // 8))]), **more)


def layout(height: int, **more: Any) -> Spec:
    """Give the layout that all figures share.

    Args:
        height: pixels.
        more: axes and whatever else a figure needs.
    """
    base: Spec = {
        "height": height,
        "template": {"layout": {"colorway": list(PALETTE)}},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": 13, "color": INK},
        "margin": {"l": 8, "r": 12, "t": 44, "b": 8, "pad": 4},
        "separators": f".{THIN}",
        "legend": {"orientation": "h", "x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom", "traceorder": "normal"},
        "hoverlabel": {"font": {"family": FONT, "size": 13}},
        "bargap": 0.28,
        "hovermode": "closest",
    }
    return base | more


def panels(titles: Sequence[str], height: int, x: Spec, y: Spec, **more: Any) -> Spec:
    """Give the layout of panels one above the other, each with its title and its own axes.

    Args:
        titles: what stands above each panel; one panel alone needs no title.
        height: pixels of one panel.
        x: horizontal axis of every panel.
        y: vertical axis of every panel.
        more: other keys of the layout.
    """
    count = len(titles)
    gap = 0.34 / count if count > 1 else 0.0
    each = (1 - gap * (count - 1)) / count
    axes: Spec = {}
    notes = []
    for place, title in enumerate(titles):
        top = 1 - place * (each + gap)
        mark = suffix(place)
        axes[f"xaxis{mark}"] = x | {"anchor": f"y{mark}"}
        axes[f"yaxis{mark}"] = y | {"anchor": f"x{mark}", "domain": [max(0.0, round(top - each, 6)), round(top, 6)]}
        if count > 1:
            notes.append(_title(title, top))
    legend = {"orientation": "h", "x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom", "traceorder": "normal"}
    if count > 1:
        legend |= {"y": 1 + 28 / (height * count)}
    return layout(height * count + 40, annotations=notes, legend=legend, **axes, **more)


def suffix(place: int) -> str:
    """Give what plotly appends to the axes of a panel: nothing for the first, then 2, 3 ..."""
    return "" if place == 0 else str(place + 1)


def _title(text: str, top: float) -> Spec:
    return {
        "text": f"<b>{plain(text)}</b>",
        "x": 0, "xref": "paper", "xanchor": "left",
        "y": top, "yref": "paper", "yanchor": "bottom",
        "yshift": 4, "showarrow": False, "font": {"size": 13},
    }  # fmt: skip


def sentence(text: str) -> Spec:
    """Give a figure that says a sentence where there is nothing to draw."""
    hidden = {"visible": False}
    note = {"text": plain(text), "x": 0.5, "y": 0.5, "xref": "paper", "yref": "paper", "showarrow": False}
    return {"data": [], "layout": layout(120, annotations=[note], xaxis=hidden, yaxis=hidden)}
