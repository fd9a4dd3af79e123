"""All figures by name, for notebook and page alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from oreloop.base.errors import NotFound
from oreloop.base.texts import Language
from oreloop.report import bars, course, metal, plan_figures, plan_futures
from oreloop.report.chart import Spec, plain, sentence
from oreloop.report.view import View
from oreloop.report.wording import Words

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_DRAWN: Mapping[str, Callable[[Words], Spec | None]] = {
    "sankey": metal.flow,
    "demand": course.demand,
    "supply": course.supply,
    "orders": plan_figures.gantt,
    "stock": course.stock,
    "cost": bars.cost,
    "carbon": bars.carbon,
    "exposure": bars.exposure,
    "contracts": bars.contracts,
    "flips": bars.flips,
    "inputs": bars.inputs,
    "record": metal.batches,
    "frontier": plan_figures.frontier,
    "futures": plan_futures.costs,
}

FIGURES: tuple[str, ...] = tuple(_DRAWN)
"""The names of all figures."""


def specification(name: str, words: Words) -> Spec | None:
    """Give a figure as plain data, or ``None`` when its frame has nothing to draw.

    Raises:
        NotFound: ``report.unknown_figure``.
    """
    if name not in _DRAWN:
        raise NotFound.of("report.unknown_figure", got=name, expected=", ".join(FIGURES))
    return _DRAWN[name](words)


def figure(name: str, view: View, language: Language = "en") -> Figure:
    """Give a plotly figure; where there is nothing to draw, it says so in a sentence.

    Args:
        name: one of `FIGURES`.
        view: what the report shows.
        language: ``en`` or ``zh``.

    Raises:
        NotFound: ``report.unknown_figure``.
    """
    from plotly.graph_objects import Figure

    words = Words(view, language)
    spec = specification(name, words) or sentence(words.own(f"empty.{name}"))
    plot = spec["layout"]
    title = {"text": plain(words.own(f"figure.{name}")), "x": 0, "xref": "paper", "yref": "container", "y": 1}
    title |= {"yanchor": "top", "pad": {"t": 14}}
    margin = plot["margin"] | {"t": plot["margin"]["t"] + 40}
    return Figure(data=spec["data"], layout=plot | {"title": title, "margin": margin, "height": plot["height"] + 40})
