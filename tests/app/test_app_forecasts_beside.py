"""Drivers, suppositions and sums go into a forecast of a table, and what is wrong with them is named as it was given."""

from __future__ import annotations

import json
from dataclasses import replace

import polars as pl
import pytest

from oreloop.app.forecasts.beside import Beside
from oreloop.app.forecasts.pages import outlook, predicted_page
from oreloop.app.forecasts.result import TABLES, added_up, restored
from oreloop.app.forecasts.run import Wanted, run_forecast
from oreloop.app.forecasts.written import read, write
from oreloop.base.errors import BadInput
from oreloop.base.texts import LANGUAGES, render
from oreloop.forecast.drivers import generated

MONTHS = [f"2024-{month:02d}" for month in range(1, 12)]
PARTS = {"a": ("Ir", "5N", 1), "b": ("Ir", "4N", 2), "c": ("Pt", "4N", 3)}


def refused(act):
    with pytest.raises(BadInput) as error:
        act()
    for each in error.value.problems:
        assert all(render(each, language) for language in LANGUAGES)
    return error.value


@pytest.fixture
def parts(tmp_path):
    rows = [
        f"{item},{month},{size * (30 + place % 7)},{metal},{grade}"
        for item, (metal, grade, size) in PARTS.items()
        for place, month in enumerate(MONTHS)
    ]
    path = tmp_path / "parts.csv"
    path.write_text("\n".join(["item,month,demand,metal,grade", *rows]), "utf-8")
    return path


def run(path, horizon=2, lead_time=None, **more):
    beside = Beside(**more)
    extra = (*beside.headings, *((lead_time,) if lead_time and not lead_time.isdigit() else ()))
    return run_forecast(
        Wanted(path=path, named={}, extra=extra), beside, horizon=horizon, lead_time=lead_time, season=1
    )


def test_sums_by_columns_of_the_table_hold(parts, tmp_path):
    made = run(parts, hierarchy="metal/grade")
    mean = dict(made.totals.select("unique_id", "mean").iter_rows())
    assert list(mean)[:3] == ["total", "metal=Ir", "metal=Pt"]
    assert mean["total"] == pytest.approx(mean["metal=Ir"] + mean["metal=Pt"])
    assert mean["metal=Ir"] == pytest.approx(mean["a"] + mean["b"])
    assert made.history.filter(unique_id="total")["y"][0] == 180.0
    assert made.reconciliation.filter("chosen").height == 1
    assert "sums hold" in made.lines("en")[2]
    assert "汇总均成立" in predicted_page(made, "zh")
    again = read(write(made, tmp_path / "out", lambda: "", "en"))
    for each in TABLES:
        assert getattr(again, each).equals(getattr(made, each)), each
    assert again.settings.further == {"hierarchy": "metal/grade"}
    assert again.only("total").reconciliation.equals(made.reconciliation)


def test_sums_have_the_lead_time_that_all_have_else_the_horizon(parts, tmp_path):
    periods = run(parts, lead_time="1", hierarchy="metal").totals["periods"]
    assert set(periods) == {1}
    leads = pl.read_csv(parts).with_columns(lead=pl.lit(3))
    leads.write_csv(tmp_path / "leads.csv")
    own = run(tmp_path / "leads.csv", lead_time="lead", hierarchy="metal").totals
    assert dict(own.select("unique_id", "periods").iter_rows()) == {
        "total": 2, "metal=Ir": 2, "metal=Pt": 2, "a": 3, "b": 3, "c": 3
    }  # fmt: skip


def test_sums_by_a_table_of_nodes(parts, tmp_path):
    nodes = tmp_path / "nodes.csv"
    nodes.write_text("节点,上级\na,iridium\nb,iridium\nc,platinum\niridium,all\nplatinum,all\n", "utf-8")
    made = run(parts, hierarchy=str(nodes))
    assert made.totals["unique_id"].to_list() == ["all", "iridium", "platinum", "a", "b", "c"]
    assert set(made.settings.further) == {"hierarchy", "hierarchy_sha256"}
    parts.write_text(parts.read_text("utf-8").replace("c,2024-03,96", "c,2024-03,-96"), "utf-8")
    without = run(parts, hierarchy=str(nodes))
    assert without.totals["unique_id"].to_list() == ["all", "iridium", "a", "b"]
    assert [each.code for each in without.problems] == ["forecast.negative", "app.forecast_sums_without"]
    assert without.refused_count == 1
    nodes.write_text("节点,上级\na,iridium\nb,iridium\nd,iridium\n", "utf-8")
    error = refused(lambda: run(parts, hierarchy=str(nodes)))
    assert {each.fields["series"] for each in error.problems} == {"d"}
    nodes.write_text("节点,上级\na,iridium\na,platinum\n", "utf-8")
    twice = refused(lambda: run(parts, hierarchy=str(nodes)))
    assert (twice.code, twice.problems[0].place.file) == ("forecast.hierarchy_twice", "nodes.csv")
    assert twice.problems[0].place.column == "节点"
    nodes.write_text("节点\na\n", "utf-8")
    assert refused(lambda: run(parts, hierarchy=str(nodes))).code == "app.forecast_heading"


def test_a_series_without_a_place_in_the_hierarchy_is_left_out(parts):
    text = parts.read_text("utf-8").replace("c,2024-03,96,Pt", "c,2024-03,96,Ir")
    parts.write_text(text, "utf-8")
    made = run(parts, hierarchy="metal")
    assert made.totals["unique_id"].to_list() == ["total", "metal=Ir", "a", "b"]
    assert [each.code for each in made.problems] == ["app.forecast_attribute", "app.forecast_sums_without"]
    assert refused(lambda: run(parts, hierarchy="colour")).code == "app.forecast_column"
    parts.write_text("\n".join(line for line in text.splitlines() if line[0] in "ic"), "utf-8")
    assert refused(lambda: run(parts, hierarchy="metal")).code == "app.forecast_attribute"


def test_each_way_of_adding_up_is_said_in_both_languages():
    schema = {"method": pl.String, "chosen": pl.Boolean, "gain": pl.Float64, "standard_error": pl.Float64}
    better = [("bottom_up", False, None, None), ("mint_shrink", True, 0.04, 0.01)]
    simply = [("bottom_up", True, None, None), ("mint_shrink", False, 0.01, 0.04)]
    said = [added_up(pl.DataFrame(rows, schema=schema, orient="row"), "en") for rows in (better, simply, simply[:1])]
    assert "minimum trace with shrunk correlations" in said[0]
    assert "0.04" in said[0]
    assert "no other way was better" in said[1]
    assert "too little past" in said[2]


@pytest.fixture(scope="module")
def driven(tmp_path_factory):
    told = generated(3, series=1, periods=60, relevant=1, irrelevant=0)
    place = tmp_path_factory.mktemp("driven")
    told.history.write_csv(place / "history.csv")
    short = told.drivers.filter(pl.col("ds") >= "2013").with_columns(driver=pl.lit("young"))
    pl.concat([told.drivers, short]).rename({"ds": "period", "known": "known_on"}).write_csv(place / "drivers.csv")
    return place


@pytest.fixture(scope="module")
def moved(driven):
    ahead = pl.DataFrame({"driver": "young", "ds": ["2015-01"], "value": [1.0]})
    ahead.write_csv(driven / "scenario.csv")
    how = {"drivers": driven / "drivers.csv", "supposed": ("d0=3",), "scenario": driven / "scenario.csv"}
    return run(driven / "history.csv", 8, **how)


def test_drivers_move_demand_and_their_effects_are_told(moved, driven):
    assert moved.effects["driver"].unique().to_list() == ["d0"]
    lines = "\n".join(moved.lines("en"))
    assert "What demand answers to" in lines
    assert "需求的驱动因素" in "\n".join(moved.lines("zh"))
    assert {"level", "trend", "season", "drivers"} == set(moved.components["component"])
    plain = run(driven / "history.csv", 8, drivers=driven / "drivers.csv")
    last = moved.effects["lag"].min()
    change = (moved.periods["mean"] / plain.periods["mean"]).to_list()
    assert change[:last] == pytest.approx([1.0] * last)
    assert max(abs(each - 1.0) for each in change) > 0.02
    assert moved.settings.further["set"] == "d0=3"
    assert set(moved.settings.further) == {"set", "drivers", "drivers_sha256", "scenario", "scenario_sha256"}


def test_a_driver_that_takes_no_part_is_named_and_leaves_no_series_out(moved):
    assert [(each.code, each.fields["driver"]) for each in moved.problems] == [("forecast.driver_short", "young")]
    assert moved.problems[0].place.file == "drivers.csv"
    assert moved.refused_count == 0
    again = restored(json.loads(json.dumps(moved.as_json("en"))))
    for each in TABLES:
        assert getattr(again, each).equals(getattr(moved, each)), each
    assert "young" in again.tables("zh")["notes"]["message"][0]


def test_the_page_draws_the_parts_and_tells_the_effects(moved):
    page = predicted_page(moved, "en")
    assert "What the mean of each period is made of" in page
    assert 'id="figure-components-0-en"' in page
    assert "An association that lasted, not a cause" in page
    assert dict(outlook(moved).facts)["set"] == "d0=3"
    silent = replace(moved, effects=moved.effects.clear())
    assert "no series answers" in predicted_page(silent, "en")
    assert "no series answers" in silent.lines("en")[-1]


@pytest.mark.parametrize(
    ("text", "more", "code"),
    [
        ("driver,period,value\np,2024-01,1\n", {}, "forecast.driver_no_known"),
        ("driver,period,value\np,2024-01,x\n", {"delays": ("p=1",)}, "forecast.driver_value"),
        ("driver,period,value,known\np,2024-01,1,soon\n", {}, "forecast.driver_known"),
        ("驱动因素,期间,数值,公布日\np,2024-W01,1,2024年1月15日\n", {}, "forecast.driver_frequency"),
        ("driver,period,value\np,2024-01,1\n", {"delays": ("q=1",)}, "forecast.driver_unknown"),
        ("driver,period,value\np,2024-01,1\n", {"delays": ("p=1",), "supposed": ("q=1",)}, "forecast.driver_unknown"),
        ("driver,period,value\np,2024-01,1\n", {"delays": ("p=1.5",)}, "app.forecast_pair"),
        ("driver,period,value\np,2024-01,1\n", {"delays": ("p=1", "p=2")}, "app.forecast_pair"),
        ("driver,period,value\np,2024-01,1\n", {"delays": ("p=1",), "supposed": ("p=half",)}, "app.forecast_pair"),
        ("driver,date,value\np,2024-01-15,1\n", {"delays": ("p=1",)}, "app.forecast_freq"),
        ("driver,value\np,1\n", {"delays": ("p=1",)}, "app.forecast_heading"),
    ],
)
def test_what_is_wrong_with_drivers_is_refused(parts, tmp_path, text, more, code):
    (tmp_path / "d.csv").write_text(text, "utf-8")
    values = [f"a,{2022 + place // 12}-{place % 12 + 1:02d},{30 + place % 7}" for place in range(40)]
    parts.write_text("\n".join(["item,month,demand", *values]), "utf-8")
    assert refused(lambda: run(parts, drivers=tmp_path / "d.csv", **more)).code == code


@pytest.mark.parametrize("more", [{"supposed": ("p=1",)}, {"delays": ("p=1",)}, {"scenario": "s.csv"}])
def test_suppositions_need_drivers(parts, more):
    assert refused(lambda: run(parts, **more)).code == "app.forecast_no_drivers"
