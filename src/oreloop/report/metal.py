"""Sankey figures: the planned flow of metal, and the batches that were really made, moved and used."""

from __future__ import annotations

import re

import polars as pl

from oreloop.report.chart import QUIET, Spec, colours, faint, layout, plain
from oreloop.report.routes import AGREED, BACK, RETURNED, SCRAP, USED, Links, Move, routes, through
from oreloop.report.wording import Words, number

LABELLED = 0.015
"""Nodes that carry at least this share of the largest one are labelled; the rest speak when pointed at."""

LABEL_LETTERS = 34

ROW_PX = 38
"""Height for each labelled node of the fuller side."""

_ASIDE = re.compile(r"\s*[(（].*?[)）]")


def flow(words: Words) -> Spec | None:
    """Draw the planned flow over the whole horizon: sources, refining, stock, use and what returns as scrap (kg)."""
    frame = words.view["flows"].select("kind", "from_node", "to_node", "quantity_kg")
    return _sankey(routes(_moves(frame)), words)


def batches(words: Words) -> Spec | None:
    """Draw what the record says was moved between sites, batch by batch, in the metals of the case (kg)."""
    metals = words.view.facts.metals
    steps = words.view["steps"].filter(pl.col("from_site") != "", pl.col("to_site") != "")
    own = steps.filter(pl.col("element").is_in(list(metals)))
    frame = (own if own.height else steps).select(
        kind=pl.when(pl.col("process").fill_null("") != "").then("process").otherwise("kind"),
        from_node=pl.concat_str("from_site", "batch", "element", separator="/", ignore_nulls=True),
        to_node=pl.concat_str("to_site", "batch", "element", separator="/", ignore_nulls=True),
        mass_kg=pl.col("mass_mg") / 1_000_000,
    )
    return _sankey(routes(_moves(frame)), words)


def _moves(frame: pl.DataFrame) -> list[Move]:
    return [(kind or "", start, end, kg or 0.0) for kind, start, end, kg in frame.iter_rows()]


def _sankey(links: Links, words: Words) -> Spec | None:
    if not links:
        return None
    masses = through(links)
    nodes = list(masses)
    place = {node: index for index, node in enumerate(nodes)}
    names = [_name(node, words) for node in nodes]
    shades = colours(nodes) | dict.fromkeys((USED, SCRAP, RETURNED), QUIET)
    shown = [masses[node] >= LABELLED * max(masses.values()) for node in nodes]
    written = [f"{number(masses[node])} kg" for node in nodes]
    trace = {
        "type": "sankey",
        "arrangement": "snap",
        "valueformat": ",.4~g",
        "valuesuffix": " kg",
        "node": {
            "label": [
                f"{plain(cut(name))}  {mass}" if known else ""
                for name, mass, known in zip(names, written, shown, strict=True)
            ],
            "customdata": [f"{plain(name)}  {mass}" for name, mass in zip(names, written, strict=True)],
            "color": [shades[node] for node in nodes],
            "line": {"width": 0},
            "pad": 26,
            "thickness": 12,
            "hovertemplate": "%{customdata}<extra></extra>",
        },
        "link": {
            "source": [place[start] for start, _ in links],
            "target": [place[end] for _, end in links],
            "value": [round(kg, 6) for kg in links.values()],
            "color": [faint(shades[start], 0.38) for start, _ in links],
            "customdata": [f"{plain(names[place[start]])} → {plain(names[place[end]])}" for start, end in links],
            "hovertemplate": "%{customdata}<br><b>%{value}</b><extra></extra>",
        },
    }
    sides = len({start for start, _ in links}), len({end for _, end in links})
    height = max(340, 80 + ROW_PX * min(max(sides), 14))
    return {"data": [trace], "layout": layout(height, margin={"l": 8, "r": 8, "t": 14, "b": 14, "pad": 4})}


def _name(node: str, words: Words) -> str:
    """Give the full name of a node."""
    for mark, key in ((SCRAP, "flow.scrap"), (BACK, "flow.back")):
        if node.startswith(mark) and node != mark:
            return words.own(key, place=words.name(node.removeprefix(mark)))
    own = {USED: "flow.used", SCRAP: "flow.scrapped", RETURNED: "flow.returned", AGREED: "flow.agreed"}
    name = words.own(own[node]) if node in own else words.name(node)
    return name[:1].upper() + name[1:]


def cut(name: str, letters: int = LABEL_LETTERS) -> str:
    """Shorten a name for its label: what stands in brackets goes first, then what is too long."""
    short = _ASIDE.sub("", name) or name
    return short if len(short) <= letters else short[: letters - 1].rstrip() + "…"
