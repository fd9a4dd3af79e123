"""The page of a forecast says what to have on hand, draws it, and asks nothing of any network."""

from __future__ import annotations

import json
import re

import polars as pl
import pytest

from oreloop.base.errors import NotFound
from oreloop.base.texts import LANGUAGES
from oreloop.report import Outlook, backtest_figure, backtest_page, forecast_figure, forecast_page
from oreloop.report.forecast_figures import LABELS, course, levels_of, reliability, total
from oreloop.report.forecast_page import DRAWN

MONTHS = [f"2025-{month:02d}" for month in range(1, 13)]
AHEAD = ["2026-01", "2026-02"]


def outlook(count=1, unit="kg", **changes):
    names = [f"<b>part {number}</b>" for number in range(count)]
    q = {"mean": 5.0, "q5": 0.0, "q50": 4.0, "q90": 9.0, "q95": 12.0}
    totals = [
        {"unique_id": name, "demand_class": "lumpy", "first": AHEAD[0], "last": AHEAD[1], "periods": 2, **q}
        | {"mean": 5.0 + place}
        for place, name in enumerate(names)
    ]
    models = [("combined", 0.55), ("empirical", 0.4), ("moved", 0.05)]
    given = {
        "title": "parts.csv",
        "unit": unit,
        "facts": {"horizon": "2", "until": "2025-12"},
        "totals": pl.DataFrame(totals),
        "periods": pl.DataFrame([{"unique_id": name, "ds": ds, **q} for name in names for ds in AHEAD]),
        "components": pl.DataFrame(
            [{"unique_id": name, "ds": ds, "component": "rate", "value": 5.0} for name in names for ds in AHEAD]
        ),
        "effects": None,
        "sums": {},
        "models": pl.DataFrame(
            [
                {"unique_id": name, "demand_class": "lumpy", "model": model, "weight": weight}
                for name in names
                for model, weight in models
            ]
        ),
        "history": pl.DataFrame(
            [{"unique_id": name, "ds": ds, "y": float(place)} for name in names for place, ds in enumerate(MONTHS)]
        ),
        "actuals": pl.DataFrame({"unique_id": names[:1], "ds": AHEAD[:1], "y": [7.0]}),
        "refused": {"en": ["part 9 is negative"], "zh": ["九号为负"]},
    }
    return Outlook(**{**given, **changes})


def test_the_page_says_what_to_have_on_hand_in_both_languages():
    page = forecast_page(outlook())
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>|\u202f", " ", page))
    assert "with 4 kg on hand, one case in two is covered; with 9 kg, nine in ten; with 12 kg, nineteen" in text
    assert "两次中可满足一次" in text
    assert (
        "Demand is lumpy. The forecast rests on: hurdle-gamma about the mean of average, SES, SBA and TSB 55 %, all past totals 40 %. Others of less weight: 1."
        in text
    )
    assert "part 9 is negative" in text
    assert "九号为负" in text


def test_the_page_asks_nothing_of_any_network_and_runs_no_words_of_others():
    page = forecast_page(outlook(), "zh")
    assert "<b>part" not in page
    assert "&lt;b&gt;part 0" in page
    assert "default-src &#39;none&#39;" in page
    assert not re.search(r'(src|href)="https?:', page.split("<script>", 1)[0])
    assert re.search(r'id="choose-zh"[^>]* checked', page)


def test_the_figures_of_the_page_are_json_that_plotly_accepts():
    from plotly.graph_objects import Figure

    found = re.findall(r'<script type="application/json" id="(figure-[\w-]+)">(.*?)</script>', forecast_page(outlook()))
    assert [name for name, _ in found] == [
        f"figure-{each}-0-{language}" for language in LANGUAGES for each in ("course", "total")
    ]
    for _, text in found:
        Figure(**json.loads(text))


def test_a_long_table_is_drawn_in_part_and_says_so():
    page = forecast_page(outlook(count=DRAWN + 3))
    assert f"The {DRAWN} largest are drawn; the table below names all {DRAWN + 3}." in page
    assert page.count('<section class="card" id="series-') == 2 * DRAWN
    assert "series-0-en" in page
    largest = re.search(r'id="series-0-en">\s*<h2><bdi>&lt;b&gt;part (\d+)', page)
    assert largest is not None
    assert int(largest[1]) == DRAWN + 2


def test_without_refusals_models_unit_or_actuals_the_page_still_reads():
    bare = outlook(unit="", refused={}, models=outlook().models.clear(), actuals=outlook().actuals.clear())
    page = forecast_page(bare)
    assert "Left out" not in page
    assert "The forecast rests on" not in page
    assert "with 4 on hand" in page


def test_a_forecast_without_a_level_says_that_it_is_not_known():
    thin = outlook(totals=outlook().totals.drop("q90"))
    assert "with –, nine in ten" in forecast_page(thin)


def one(frame):
    return frame.filter(pl.col("unique_id") == frame["unique_id"][0])


def test_the_course_shows_history_bands_median_and_what_came():
    view = outlook()
    drawn = course(one(view.history), one(view.periods), one(view.actuals), "kg", "en")
    names = [trace["name"] for trace in drawn["data"]]
    assert names == ["5–95 % band", "5–95 % band", "50–90 % band", "50–90 % band", "history", "what came"]
    assert drawn["data"][-1]["x"] == ["2026-01"]
    assert len(drawn["layout"]["xaxis"]["tickvals"]) <= LABELS


@pytest.mark.parametrize(("left", "name"), [("q50", "median"), ("q90", "90 % quantile")])
def test_a_level_without_a_partner_is_a_line(left, name):
    view = outlook()
    periods = one(view.periods).select("unique_id", "ds", "mean", left)
    drawn = course(one(view.history), periods, one(view.actuals).clear(), "", "en")
    assert [trace["name"] for trace in drawn["data"]] == [name, "history"]
    assert "kg" not in json.dumps(drawn)


def test_the_total_is_the_chance_of_being_enough():
    line, marks = total({"q5": 80.0, "q50": 90.0, "q90": 97.0, "q95": 100.0}, "kg", "en")["data"]
    assert (line["x"], line["y"]) == ([80.0, 90.0, 97.0, 100.0], [0.05, 0.5, 0.9, 0.95])
    assert marks["y"] == [0.5, 0.9, 0.95]
    far = total({"q5": 80.0, "q95": 100.0}, "", "zh")["layout"]["xaxis"]["range"]
    assert 0 < far[0] < 80
    assert total({"q5": 0.0, "q95": 0.0}, "", "zh")["layout"]["xaxis"]["range"] == [0, 1.05]


def test_levels_are_read_from_the_names_of_columns():
    assert levels_of(pl.DataFrame({"q97.5": [1.0], "quantity": [1.0], "q5": [0.0]})) == {0.05: "q5", 0.975: "q97.5"}


def test_a_figure_of_one_series_is_given_by_name():
    view = outlook()
    assert len(forecast_figure(view, view.totals["unique_id"][0], "zh").data) == 6
    with pytest.raises(NotFound) as refused:
        forecast_figure(view, "none")
    assert refused.value.code == "report.unknown_series"


def scores():
    rows = [
        (group, None, level, metric, level - 0.02)
        for group in ("all", "smooth")
        for level in (0.8, 0.9)
        for metric in ("coverage_split", "total_coverage_split")
    ]
    schema = {"demand_class": str, "step": pl.Int64, "level": float, "metric": str, "value": float}
    return pl.DataFrame(rows, schema=schema, orient="row")


def test_honest_bands_lie_on_the_line():
    data = reliability(scores(), "en")["data"]
    assert [trace["name"] for trace in data] == [
        "as promised",
        "all series, each period",
        "all series, total",
        "smooth",
    ]
    assert data[1]["x"] == [0.8, 0.9]
    assert data[1]["y"] == [0.78, 0.88]
    assert len(backtest_figure(scores(), "zh").data) == 4


def test_the_page_of_a_backtest_has_headline_figure_and_table():
    cells = dict.fromkeys(("wape", "mase", "rmsse", "bias", "total_scaled_loss"), 0.5)
    cells |= dict.fromkeys(("coverage", "coverage_split", "skill_mae", "skill_crps"), 0.25)
    rows = [("all", "all"), ("class", "smooth"), ("series", "part <1>")]
    table = pl.DataFrame([{"scope": scope, "name": name, "series": 1, **cells} for scope, name in rows])
    told = {"en": "It held.", "zh": "成立。"}
    page = backtest_page("parts.csv", told, table, 0.9, scores(), {"en": [], "zh": ["一"]}, "zh")
    for part in (
        "It held.",
        "成立。",
        "figure-reliability-en",
        "part &lt;1&gt;",
        "all series",
        "smooth",
        "90\u202f% band",
    ):
        assert part in page, part


def test_a_kernel_that_somebody_brought_along_goes_by_its_own_name():
    mine = outlook().models.with_columns(pl.col("model").replace("combined", "boosted trees"))
    assert "boosted trees 55" in forecast_page(outlook(models=mine))
