"""Sankey figures: the planned flow of metal, and the batches that were really made, moved and used."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from oreloop.report.chart import QUIET, Spec, colours, faint, layout, legend_mark, plain
from oreloop.report.wording import Words, number


def flow(words: Words) -> Spec | None:
    """Draw the planned flow over the whole horizon: sources, refining, stock, use and what returns as scrap (kg)."""
    return _sankey(words.view["flows"].rename({"quantity_kg": "mass_kg"}), words)


def batches(words: Words) -> Spec | None:
    """Draw what the record says was moved or transformed between sites, by process or kind of step (kg)."""
    steps = words.view["steps"].select(
        kind=pl.coalesce("process", "kind"),
        from_node="from_site",
        to_node="to_site",
        mass_kg=pl.col("mass_mg") / 1_000_000,
    )
    return _sankey(steps.drop_nulls(["from_node", "to_node"]), words)


def _sankey(frame: pl.DataFrame, words: Words) -> Spec | None:
    links = (
        frame.filter(pl.col("mass_kg") > 0, pl.col("from_node") != pl.col("to_node"))
        .group_by("kind", "from_node", "to_node", maintain_order=True)
        .agg(pl.col("mass_kg").sum())
    )
    if links.is_empty():
        return None
    nodes = list(dict.fromkeys(node for pair in links.select("from_node", "to_node").iter_rows() for node in pair))
    kinds = colours(links["kind"].unique(maintain_order=True).drop_nulls())
    place = {node: index for index, node in enumerate(nodes)}
    trace = {
        "type": "sankey",
        "arrangement": "snap",
        "valueformat": ",.4~g",
        "valuesuffix": " kg",
        "domain": {"y": [0, 0.97]},
        "node": {
            "label": [
                f"{plain(words.name(node))}  {mass}" for node, mass in zip(nodes, _through(links, nodes), strict=True)
            ],
            "color": [QUIET] * len(nodes),
            "line": {"width": 0},
            "pad": 22,
            "thickness": 12,
            "hovertemplate": "%{label}<extra></extra>",
        },
        "link": {
            "source": [place[node] for node in links["from_node"]],
            "target": [place[node] for node in links["to_node"]],
            "value": links["mass_kg"].round(6).to_list(),
            "color": [faint(kinds.get(kind, QUIET), 0.5) for kind in links["kind"]],
            "customdata": [plain(words.word(kind, "kind")) for kind in links["kind"]],
            "hovertemplate": "%{customdata}: %{source.label} → %{target.label}<br><b>%{value}</b><extra></extra>",
        },
    }
    marks = [legend_mark(words.word(kind, "kind"), colour) for kind, colour in kinds.items()]
    hidden = {"visible": False, "fixedrange": True}
    height = max(340, 60 + 52 * _tallest(links))
    return {"data": [trace, *marks], "layout": layout(height, xaxis=hidden, yaxis=hidden)}


def _through(links: pl.DataFrame, nodes: Sequence[str]) -> list[str]:
    """Write for each node the larger of what enters and what leaves it."""
    entering = dict(links.group_by("to_node").agg(pl.col("mass_kg").sum()).iter_rows())
    leaving = dict(links.group_by("from_node").agg(pl.col("mass_kg").sum()).iter_rows())
    return [f"{number(max(entering.get(node, 0.0), leaving.get(node, 0.0)))} kg" for node in nodes]


def _tallest(links: pl.DataFrame) -> int:
    sources, targets = links["from_node"].n_unique(), links["to_node"].n_unique()
    return min(max(sources, targets), 12)
