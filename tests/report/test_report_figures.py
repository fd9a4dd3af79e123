"""The figures: valid for plotly, the same every time, drawn from the frames and from nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import polars as pl
import pytest
from plotly.graph_objects import Figure

from oreloop.base.errors import NotFound
from oreloop.base.texts import LANGUAGES, Language, label
from oreloop.report import FIGURES, View, figure
from oreloop.report.chart import SHORT, colours, faint, panels, plain
from oreloop.report.figures import specification
from oreloop.report.wording import Words


def draw(name: str, view: View) -> dict[str, Any]:
    spec = specification(name, Words(view, "en"))
    assert spec is not None
    return spec


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", FIGURES)
def test_plotly_accepts_every_figure(sample: View, name: str, language: Language) -> None:
    drawn = figure(name, sample, language)
    assert isinstance(drawn, Figure)
    assert drawn.data
    assert drawn.layout.title.text == plain(label(f"report.figure.{name}", language))


@pytest.mark.parametrize("name", FIGURES)
def test_specifications_are_plain_finite_json_and_repeat(make: Callable[..., View], name: str) -> None:
    first, second = (json.dumps(draw(name, make()), allow_nan=False) for _ in range(2))
    assert first == second
    assert "bdata" not in first


@pytest.mark.parametrize("name", FIGURES)
def test_an_empty_frame_draws_a_sentence(make: Callable[..., View], name: str) -> None:
    drawn = figure(name, make(frames={}), "zh")
    assert not drawn.data
    assert drawn.layout.annotations[0].text == label(f"report.empty.{name}", "zh")


def test_an_unknown_figure_names_the_known_ones(sample: View) -> None:
    with pytest.raises(NotFound, match=r"There is no figure pie.*sankey"):
        figure("pie", sample)


def test_sankey_serves_what_the_plan_serves_and_draws_no_node_in_vain(sample: View) -> None:
    trace = draw("sankey", sample)["data"][0]
    names = [each.rpartition("  ")[0] for each in trace["node"]["customdata"]]
    served = sample["flows"].filter(pl.col("kind") == "serve")["quantity_kg"].sum()
    links = zip(trace["link"]["target"], trace["link"]["value"], strict=True)
    assert sum(kg for target, kg in links if names[target] == "Use") == pytest.approx(served, abs=1e-4)
    ends = [*trace["link"]["source"], *trace["link"]["target"]]
    assert set(ends) == set(range(len(names)))


def test_small_nodes_keep_silent_until_pointed_at(make: Callable[..., View]) -> None:
    moves = [("ship", "a/ir", "c/ir", 100.0), ("ship", "b/ir", "c/ir", 0.5), ("serve", "c/ir", "use:c/ir", 100.5)]
    flows = pl.DataFrame(
        [(kind, start, end, "ir", "2026-01", kg) for kind, start, end, kg in moves],
        schema=["kind", "from_node", "to_node", "material", "period", "quantity_kg"],
        orient="row",
    )
    node = draw("sankey", make(frames={"flows": flows}))["data"][0]["node"]
    assert dict(zip(node["customdata"], node["label"], strict=True))["B  0.5 kg"] == ""
    assert "A  100 kg" in node["label"]


def test_record_sankey_is_in_kilograms(sample: View) -> None:
    assert sorted(draw("record", sample)["data"][0]["link"]["value"]) == [0.64, 0.842, 3.49996, 3.6206]


def test_supply_and_shortage_add_up_to_demand(sample: View) -> None:
    traces = draw("supply", sample)["data"]
    supplied = sum(sum(trace["y"]) for trace in traces if trace["type"] == "bar")
    needed = next(sum(trace["y"]) for trace in traces if trace["type"] == "scatter")
    assert supplied == pytest.approx(needed)


def test_small_sources_are_drawn_together(make: Callable[..., View]) -> None:
    many = pl.DataFrame(
        {
            "site": "s",
            "material": "m",
            "period": "2026-01",
            "origin": "offer",
            "source": [f"o{n}" for n in range(12)],
            "quantity_kg": 1.0,
        }
    )
    bars = [trace for trace in draw("supply", make(frames={"supply": many}))["data"] if trace["type"] == "bar"]
    assert len(bars) == 8
    assert sum(sum(trace["y"]) for trace in bars) == 12


def test_bands_are_nested_around_the_median(sample: View) -> None:
    names = [trace["name"] for trace in draw("demand", sample)["data"] if trace.get("fill") or trace["line"]["width"]]
    assert names == ["5–95 % band", "25–75 % band", "median", "history", "demand planned for"]


def test_a_lone_level_is_named(make: Callable[..., View]) -> None:
    lone = pl.DataFrame({"unique_id": "a", "ds": ["2026-01"], "level": 0.9, "value": 3.0})
    assert [trace["name"] for trace in draw("demand", make(frames={"quantiles": lone}))["data"]] == [
        "90 % quantile",
        "history",
    ]


def test_panels_hold_the_largest_series_and_do_not_overlap(make: Callable[..., View]) -> None:
    history = pl.DataFrame(
        {"unique_id": [f"s{n}" for n in range(9)], "ds": "2026-01", "y": [float(n) for n in range(9)]}
    )
    spec = draw("demand", make(frames={"history": history}))
    assert len({trace["yaxis"] for trace in spec["data"]}) == 6
    domains = sorted(axis["domain"] for key, axis in spec["layout"].items() if key.startswith("yaxis"))
    assert all(low[1] < high[0] for low, high in pairwise(domains))
    assert spec["layout"]["annotations"][0]["text"] == "<b>s8</b>"


def test_one_panel_needs_no_title() -> None:
    assert panels(["only"], 200, {}, {})["annotations"] == []


def test_stock_is_drawn_where_metal_is_used_first_and_nowhere_idle(make: Callable[..., View]) -> None:
    places = [("port", 90.0, None), ("vault", 40.0, 10.0), ("plant", 5.0, 2.0)]
    stocks = pl.DataFrame(
        [(site, "ir", "2026-01", kg, safety) for site, kg, safety in places],
        schema=["site", "material", "period", "quantity_kg", "safety_kg"],
        orient="row",
    )
    demand = pl.DataFrame(
        {"site": "plant", "material": "ir", "period": ["2026-01"], "quantity_kg": 3.0, "rule": "mean"}
    )
    titles = draw("stock", make(frames={"stocks": stocks, "demand": demand}))["layout"]["annotations"]
    assert [each["text"] for each in titles] == ["<b>plant · ir</b>", "<b>vault · ir</b>"]


def test_status_bars_fill_a_hundred_per_cent(sample: View) -> None:
    traces = draw("inputs", sample)["data"]
    rows = zip(*(trace["x"] for trace in traces), strict=True)
    assert all(sum(row) == pytest.approx(100, abs=0.05) for row in rows)


def test_stock_without_a_safety_line_draws_none(make: Callable[..., View]) -> None:
    stocks = pl.DataFrame(
        {"site": "s", "material": "m", "period": ["2026-01", "2026-02"], "quantity_kg": [2.0, float("nan")]}
    )
    traces = draw("stock", make(frames={"stocks": stocks}))["data"]
    assert len(traces) == 1
    assert traces[0]["y"] == [2.0, None]


def test_shortage_has_the_colour_of_what_is_short(sample: View) -> None:
    bars = {trace["name"]: trace["marker"]["color"] for trace in draw("cost", sample)["data"]}
    assert bars["shortage (priced)"] == SHORT
    assert list(bars.values()).count(SHORT) == 1


def test_overdue_contracts_lie_left_of_today(sample: View) -> None:
    spec = draw("contracts", sample)
    points = [trace for trace in spec["data"] if trace["mode"] == "markers+text"]
    today = spec["layout"]["shapes"][0]["x0"]
    sides = {trace["textposition"][0]: trace["x"][0] < today for trace in points if trace["x"]}
    assert sides == {"middle left": True, "middle right": False}


def test_flips_are_drawn_by_their_relative_move(sample: View) -> None:
    trace = draw("flips", sample)["data"][0]
    assert trace["x"] == [145.8, -39.5, -12.4]


def test_colours_start_again_and_fade() -> None:
    assert len(set(colours(map(str, range(30))).values())) == 8
    assert faint("#ff0080", 0.5) == "rgba(255,0,128,0.5)"
