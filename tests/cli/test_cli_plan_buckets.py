"""Days and weeks before months through the command: plain tables, a case, and the whole main job."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tools import small_case
from tools.command_line import oreloop, said, told

import oreloop as package
from oreloop.base.period import Period

IRIDIUM = Path(__file__).resolve().parents[2] / "cases" / "iridium"
WEEKS = ("2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04", "2026-W02", "2026-W03", "2026-01-19--31")
"""January 2026 begins on a Thursday."""


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    folder = tmp_path_factory.mktemp("buckets") / "tables"
    oreloop("plan", "template", folder)
    return folder


@pytest.fixture(scope="module")
def out(tables, tmp_path_factory):
    folder = tmp_path_factory.mktemp("buckets") / "plan"
    oreloop("plan", "solve", tables, "--week-buckets", "2", "--out", folder)
    return folder


def case_folder(path: Path, **settings: int) -> Path:
    for name, data in small_case.files().items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    toml = path / "case.toml"
    lines = "".join(f"{name} = {value}\n" for name, value in settings.items())
    toml.write_text(toml.read_text().replace("periods = 6\n", f"periods = 6\n{lines}"))
    return path


def test_plain_tables_are_planned_by_weeks_first_and_the_proof_holds(tables, out):
    document = json.loads((out / "plan.json").read_text())
    assert tuple(document["horizon"][:7]) == WEEKS
    assert document["horizon"][7] == "2026-02"
    months = told("plan", "solve", tables)
    assert document["summary"]["demand_kg"] == pytest.approx(months["summary"]["demand_kg"])
    assert "certified" in said("plan", "verify", out)
    assert package.read_network(tables, days=3).planned.names[:4] == (*WEEKS[:3], "2026-01-04--31")
    assert package.read_network(out).planned.names[:7] == WEEKS


def test_questions_about_a_month_a_week_and_a_day_are_answered(out):
    month = "demand[period=2026-02].quantity_kg = *3"
    week = "demand + {site=plant, material=ir-4n, period=2026-W03, quantity_kg=1}"
    day = "limits + {limit=x, metric=purchase, period=2026-01-01, sense=<=, value=0, unit=kg, kind=hard}"
    as_it_is, then = told("plan", "whatif", out, "--edit", month, "--edit", week, "--edit", day)["scenarios"]
    assert then["bought_kg"] + then["short_kg"] > as_it_is["bought_kg"] + as_it_is["short_kg"]
    for period in ("2026-W02", "2026-01", "2026-01-02"):
        assert told("plan", "explain", out, "--period", period)["format"] == "oreloop.reasons/1"
    oreloop("plan", "explain", out, "--period", "2031-01", code=6)
    oreloop("plan", "explain", out, "--period", "soon", code=6)
    assert told("plan", "pareto", out, "--points", "2")["points"]


def test_the_demand_of_a_week_and_its_price_are_edited_where_months_are_stated(out):
    edits = ("demand[period=2026-W03].quantity_kg = 9", "offer_prices[offer=spot,period=2026-W02].price_per_kg = 1000")
    then = told("plan", "whatif", out, "--each", *(each for edit in edits for each in ("--edit", edit)))["scenarios"]
    assert then[1]["bought_kg"] > then[0]["bought_kg"]
    assert then[2]["cost"] < then[0]["cost"]
    for language, word in (("en", "In the plan this time lies in: 2026-03"), ("zh", "该时段在计划中属于：2026-03")):
        refused = oreloop(
            "plan", "whatif", out, "--edit", "demand[period=2026-W12].quantity_kg = 5", "--lang", language, code=3
        )
        assert word in refused.output


def test_futures_speak_of_weeks_and_paths_of_months(out, tmp_path):
    futures, paths = tmp_path / "futures.csv", tmp_path / "paths.csv"
    futures.write_text("future,probability,edit\nas,0.5,\nmore,0.5,demand[period=2026-W03].quantity_kg = 20\n")
    paths.write_text(
        "path,site,material,period,quantity_kg\na,plant,ir-4n,2026-01,30\nb,plant,ir-4n,2026-W03,1\n", "utf-8"
    )
    asked = ("--futures", futures, "--demand", paths, "--now", "5", "--out", tmp_path / "hedged")
    oreloop("plan", "futures", out, *asked)
    assert len((tmp_path / "hedged" / "futures.csv").read_text().splitlines()) == 1 + 2 * 2
    assert "certified" in said("plan", "verify", tmp_path / "hedged")


def test_the_page_shows_days_and_weeks_in_their_widths_and_months_in_slots(tables, out, tmp_path):
    oreloop("plan", "solve", tables, "--html", tmp_path / "months.html")
    months, mixed = ((tmp_path / "months.html").read_text(), (out / "plan.html").read_text())
    for text in ("kg contained per day (area = kg)", "每日金属量（kg/天，面积为 kg）"):
        assert text in mixed
        assert text not in months
    assert "CNY per month" in mixed
    assert "CNY per period" in months


def test_a_written_plan_keeps_its_periods(out):
    assert (
        "has its periods already" in oreloop("plan", "solve", out, "--week-buckets", "3", "--lang", "en", code=3).output
    )


def test_weekly_orders_beside_monthly_ones_stay_in_their_weeks(tables, tmp_path):
    folder = Path(shutil.copytree(tables, tmp_path / "tables"))
    before = package.read_network(tables, weeks=3)
    site, material = before.demands.select("site", "material").row(0)
    demand = folder / "demand.csv"
    text = demand.read_text(encoding="utf-8-sig")
    header = next(line for line in text.splitlines() if line.startswith("site,")).split(",")
    cells = {"site": site, "material": material, "period": "2026-W03", "quantity_kg": "5"}
    demand.write_text(text + ",".join(cells.get(name, "") for name in header) + "\n", encoding="utf-8")
    after = package.read_network(folder, weeks=3)
    more = after.demand_kg[0] - before.demand_kg[0]
    assert more[after.horizon.names.index("2026-W03")] == pytest.approx(5.0)
    assert more[: after.calendar.planned].sum() == pytest.approx(5.0)
    assert "2026-W03" in oreloop("plan", "solve", folder, "--lang", "en", code=3).output  # months alone have no weeks


@pytest.mark.parametrize(("name", "value"), [("week_buckets", "-1"), ("day_buckets", "2.5"), ("week_buckets", "900")])
def test_a_number_of_buckets_that_cannot_be_is_refused(tmp_path, name, value):
    folder = case_folder(tmp_path / "case", **{name: 1})
    toml = folder / "case.toml"
    toml.write_text(toml.read_text().replace(f"{name} = 1", f"{name} = {value}"))
    assert f"case.{name}" in oreloop("check", folder, "--lang", "en", code=3).output


@pytest.mark.parametrize("start", ["2026-01-19--31", "2026-01-05--31"])
def test_a_case_starts_with_a_month_or_a_week(tmp_path, start):
    folder = case_folder(tmp_path / "case")
    toml = folder / "case.toml"
    toml.write_text(toml.read_text().replace('start = "2026-01"', f'start = "{start}"'))
    assert "case.start" in oreloop("check", folder, "--lang", "en", code=3).output


def test_the_main_job_plans_by_weeks_and_its_result_is_verified(tmp_path):
    folder = case_folder(tmp_path / "case", week_buckets=2)
    oreloop("run", folder, "--out", tmp_path / "out")
    verdict = said("verify", tmp_path / "out")
    assert "✓ Plan: programme follows from the tables" in verdict
    assert "✗" not in verdict
    orders = (tmp_path / "out" / "plan" / "shortages.csv").read_text()
    assert all(name in orders for name in WEEKS)
    assert "2026-W02" in (tmp_path / "out" / "report.html").read_text()
    assert package.read_network(folder).planned.names[:7] == WEEKS
    assert package.read_network(folder, days=2, weeks=0).planned.names[:3] == (*WEEKS[:2], "2026-01-03--31")
    forecast = (tmp_path / "out" / "forecast" / "required.csv").read_text()
    assert "2026-W" not in forecast


@pytest.mark.slow
def test_the_iridium_case_is_planned_by_weeks_first_and_verified(tmp_path, soak_count):
    """The plan each time; the whole job, which asks a hundred plans, in the long counts."""
    folder = Path(shutil.copytree(IRIDIUM, tmp_path / "case"))
    toml = folder / "case.toml"
    toml.write_text(toml.read_text().replace("periods = 12\n", "periods = 12\nweek_buckets = 4\n"))
    for _ in range(soak_count(0, 1)):
        oreloop("run", folder, "--out", tmp_path / "out")
        assert "✗" not in said("verify", tmp_path / "out")
    made = told("plan", "solve", folder)
    assert made["horizon"][:6] == ["2026-03-01", "2026-W10", "2026-W11", "2026-W12", "2026-W13", "2026-03-30--31"]
    assert [Period.parse(name).first for name in made["horizon"]] == sorted(
        Period.parse(name).first for name in made["horizon"]
    )
