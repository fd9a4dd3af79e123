"""``oreloop forecast ...`` end to end: totals first, bad series named, and the same again from what was written."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from tools.command_line import oreloop

from oreloop.forecast.drivers import generated

MONTHS = [f"{year}-{month:02d}" for year in (2024, 2025) for month in range(1, 13)]


@pytest.fixture
def parts(tmp_path):
    return table(tmp_path / "parts.csv", {"铱坩埚": [0, 3, 0, 6] * 6, "银浆": [90, 100, 110] * 8})


def table(path: Path, series, head="物料,月份,用量"):
    rows = [
        f"{name},{month},{value}"
        for name, values in series.items()
        for month, value in zip(MONTHS, values, strict=False)
    ]
    path.write_text("\n".join([head, *rows]), "utf-8-sig")
    return path


def test_a_run_tells_totals_first_in_two_languages(parts):
    said = oreloop("forecast", "run", parts, "--horizon", 3, "--unit", "kg", "--lang", "en").stdout
    assert said.startswith("parts.csv: 2 series forecast 3 periods ahead, from history until 2025-12.")
    assert said.index("What to have on hand") < said.index("Each period")
    assert "50 %" in said
    assert "95 %" in said
    assert "提前期内应备数量" in oreloop("forecast", "run", parts, "--horizon", 3, "--lang", "zh").stdout


def test_json_is_one_object_that_show_reads(parts, tmp_path):
    first = oreloop("forecast", "run", parts, "--horizon", 2, "--lead-time", 1, "--unit", "g", "--json")
    (tmp_path / "r.json").write_text(first.stdout, "utf-8")
    assert [row["periods"] for row in json.loads(first.stdout)["totals"]] == [1, 1]
    assert "mean_g" in json.loads(first.stdout)["periods"][0]
    again = oreloop("forecast", "show", tmp_path / "r.json", "--json")
    assert json.loads(again.stdout) == json.loads(first.stdout)


def test_a_bad_series_is_named_and_the_rest_is_written(parts, tmp_path):
    table(parts, {"good": [5, 6] * 12, "bad": [-1] * 24})
    done = oreloop("forecast", "run", parts, "--horizon", 2, "--out", tmp_path / "out", "--lang", "en", code=3)
    assert "1 left out" in done.stdout
    assert "✗ parts.csv, column 用量: Series bad: 24 value(s) are below zero" in done.stderr
    assert f"Wrote {tmp_path / 'out'}" in done.stderr
    with (tmp_path / "out" / "refused.csv").open(encoding="utf-8", newline="") as file:
        assert [row["unique_id"] for row in csv.DictReader(file)] == ["bad"]
    shown = oreloop("forecast", "show", tmp_path / "out", "--lang", "en")
    assert shown.stdout == done.stdout
    assert "Series bad" in shown.stderr


@pytest.mark.parametrize("ending", ["csv", "xlsx", "json", "html"])
def test_one_file_by_its_ending(parts, tmp_path, ending):
    oreloop("forecast", "run", parts, "--horizon", 1, "--out", tmp_path / f"r.{ending}")
    assert (tmp_path / f"r.{ending}").stat().st_size > 300


def test_show_gives_a_page_with_what_came_since(parts, tmp_path):
    oreloop("forecast", "run", parts, "--horizon", 2, "--out", tmp_path / "out")
    came = tmp_path / "came.csv"
    came.write_text("物料,2026-01\n银浆,123\n", "utf-8")
    page = oreloop("forecast", "show", tmp_path / "out", "--html", "--actuals", came, "--series", "银浆").stdout
    assert page.startswith("<!doctype html>")
    assert "what came" in page
    assert "铱坩埚" not in page
    assert "what came" not in oreloop("forecast", "show", tmp_path / "out", "--html").stdout


def test_show_says_which_series_there_is_not(parts, tmp_path):
    oreloop("forecast", "run", parts, "--horizon", 1, "--out", tmp_path / "out")
    done = oreloop("forecast", "show", tmp_path / "out", "--series", "金", "--lang", "en", code=6)
    assert "There is no series 金" in done.stderr


def test_dates_weeks_levels_and_named_headings(tmp_path):
    rows = [f"a,2025-{month:02d}-{day:02d},{day}" for month in range(1, 4) for day in (1, 8, 15, 22)]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["what,when,much", *rows]), "utf-8")
    named = ("--id", "what", "--time", "when", "--value", "much")
    how = ("--gaps", "zero", "--season", 1, "--levels", "0.2,0.8", "--as-of", "2025-06-30", "--seed", 3)
    done = oreloop("forecast", "run", path, "--horizon", 2, "--freq", "week", *named, *how, "--json")
    found = json.loads(done.stdout)
    assert found["settings"]["levels"] == [0.2, 0.5, 0.8, 0.9, 0.95]
    assert [row["ds"] for row in found["periods"]] == ["2025-W13", "2025-W14"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--levels", "half"], 3, "cannot be read as levels"),
        (["--levels", "2"], 3, "cannot be used"),
        (["--unit", "a b"], 3, "cannot be part of a column"),
        (["--lead-time", "nothing"], 3, "There is no column nothing"),
        (["--lead-time", "0"], 3, "out of range"),
        (["--freq", "day"], 2, "day"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(parts, words, code, said):
    assert said in oreloop("forecast", "run", parts, "--horizon", 1, *words, "--lang", "en", code=code).output


def test_no_such_table_and_no_such_result(tmp_path):
    oreloop("forecast", "run", tmp_path / "none.csv", "--horizon", 1, code=6)
    oreloop("forecast", "show", tmp_path / "none", code=6)


def test_a_backtest_tells_headline_and_table(parts, tmp_path):
    words = ("forecast", "backtest", parts, "--horizon", 2, "--origins", 2, "--processes", 1, "--naive", "average")
    done = oreloop(*words, "--lang", "en", "--progress", "--out", tmp_path / "b")
    assert done.stdout.startswith("The 90 % band, 2 periods ahead, held")
    assert "the mean of what was known" in done.stdout
    assert "2 origins done" in done.stderr
    assert {"table.csv", "scores.csv", "class_scores.csv", "forecasts.csv", "forecast.html"} <= {
        path.name for path in (tmp_path / "b").iterdir()
    }
    found = json.loads(oreloop(*words, "--json").stdout)
    assert (found["headline"]["horizon"], found["headline"]["naive"]) == (2, "average")
    assert found["scores"]
    refused = oreloop("forecast", "show", tmp_path / "b", "--lang", "en", code=3)
    assert "no forecast" in refused.stderr


def test_a_short_history_is_said_in_the_headline(tmp_path):
    path = table(tmp_path / "t.csv", {"a": [1, 2, 3, 4]})
    done = oreloop("forecast", "backtest", path, "--horizon", 2, "--processes", 1, "--lang", "en")
    assert "too short to test" in done.stdout
    assert "0 of 6" in done.stderr


def test_sums_by_headings_and_by_a_table_of_nodes(tmp_path):
    rows = [
        f"{item},{month},{size + place % 5},{metal}"
        for item, metal, size in (("坩埚", "Ir", 5), ("粉", "Ir", 9), ("网", "Pt", 7))
        for place, month in enumerate(MONTHS)
    ]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["物料,月份,用量,金类", *rows]), "utf-8")
    words = ("forecast", "run", path, "--horizon", 2, "--season", 1)
    done = oreloop(*words, "--hierarchy", "金类", "--out", tmp_path / "out", "--lang", "en")
    assert "The sums hold in every path." in done.stdout
    assert "金类=Ir" in done.stdout
    assert {"reconciliation.csv", "components.csv", "effects.csv"} <= {
        each.name for each in (tmp_path / "out").iterdir()
    }
    nodes = tmp_path / "nodes.csv"
    nodes.write_text("node,parent\n坩埚,all\n粉,all\n网,all\n", "utf-8")
    found = json.loads(oreloop(*words, "--hierarchy", nodes, "--json").stdout)
    means = {row["unique_id"]: row["mean"] for row in found["totals"]}
    assert means["all"] == pytest.approx(means["坩埚"] + means["粉"] + means["网"])
    assert [row["chosen"] for row in found["reconciliation"]].count(True) == 1
    assert "There is no column colour" in oreloop(*words, "--hierarchy", "colour", "--lang", "en", code=3).stderr


def test_drivers_and_what_is_supposed_of_them(tmp_path):
    told = generated(3, series=1, periods=48, relevant=1, irrelevant=0)
    told.history.write_csv(tmp_path / "h.csv")
    told.drivers.rename({"ds": "period", "known": "known_on"}).write_csv(tmp_path / "d.csv")
    drivers = ("--season", 1, "--drivers", tmp_path / "d.csv")
    words = ("forecast", "run", tmp_path / "h.csv", "--horizon", 3, *drivers)
    done = oreloop(*words, "--set", "d0=2", "--out", tmp_path / "out", "--lang", "en")
    assert "What demand answers to" in done.stdout
    page = (tmp_path / "out" / "forecast.html").read_text("utf-8")
    assert "What the mean of each period is made of" in page
    assert "d0=2" in page
    shown = oreloop("forecast", "show", tmp_path / "out", "--lang", "en")
    assert shown.stdout == done.stdout
    assert "驱动因素表" in oreloop(*words[:5], "--set", "d0=2", "--lang", "zh", code=3).output
    assert "cannot be read" in oreloop(*words, "--delay", "d0", "--lang", "en", code=3).stderr
    back = ("forecast", "backtest", tmp_path / "h.csv", "--horizon", 2, "--origins", 1, "--processes", 1, *drivers)
    assert json.loads(oreloop(*back, "--json").stdout)["further"]["drivers"] == "d.csv"
