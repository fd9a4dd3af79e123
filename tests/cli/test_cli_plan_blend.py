"""``oreloop plan solve`` on tables with a blend and an assay limit, and on a case whose demand may be met late."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tools.command_line import oreloop, said, told

TABLES = {
    "sites": "site,kind,country\nsmelter,smelter,CHN\nplant,user,CHN\n",
    "materials": (
        "material,element,content,recycled\nlead,Pb,0.9999,\nclean,Pb,0.8,primary\nbattery,Pb,0.5,recycled\n"
    ),
    "contents": "material,element,content,high\nclean,Sb,0.001,0.002\nbattery,Sb,0.01,0.02\n",
    "processes": "process,site,cost,capacity_dry_kg\nsmelt,smelter,1,500\n",
    "recipes": (
        "process,material,direction,main,least_share,most_share,direct_yield\n"
        "smelt,clean,in,yes,0.1,,\nsmelt,battery,in,,,0.9,\nsmelt,lead,out,,,,1\n"
    ),
    "lanes": "lane,from,to,lead_days\nroad,smelter,plant,0\n",
    "offers": (
        "offer,site,material,price,price_unit,lead_days\nclean,smelter,clean,100,CNY/kg,0\nbattery,smelter,battery,60,CNY/kg,0\n"
    ),
    "approvals": "site,material,process,approval,accept_days\nplant,lead,smelt,approved,0\n",
    "demand": "site,material,period,quantity_kg\nplant,lead,2026-01,21\n",
    "limits": "limit,metric,scope,sense,value,unit\nantimony,assay,process=smelt; element=Sb,<=,8000,ppm\n",
}  # fmt: skip
LATE = """\
[case]
id = "late"
title = "A supplier late by a month"
metals = ["Ir"]
currency = "CNY"
as_of = "2025-12-31"
start = "2026-01"
periods = 3
perspective = "CHN"

[forecast]
service_level = 0.5

[plan]
end_cover = "free"
funding_rate_per_year = 0
late_cost_per_kg_day = 1
"""
SLOW = {
    "sites": "site,kind,country\nplant,user,CHN\n",
    "materials": "material,element,content\nir,Ir,0.9999\n",
    "offers": "offer,site,material,price,price_unit,lead_days\nslow,plant,ir,100,CNY/kg,31\n",
    "approvals": "site,material,offer,approval,accept_days\nplant,ir,slow,approved,0\n",
    "demand": (
        "site,material,period,quantity_kg,kind\nplant,ir,2026-01,10,ordered\nplant,ir,2026-02,1,ordered\n"
        "plant,ir,2026-03,1,ordered\n"
    ),
}  # fmt: skip


def folder(place: Path, tables: dict[str, str], **more: str) -> Path:
    place.mkdir()
    for name, text in tables.items():
        (place / f"{name}.csv").write_text(text, "utf-8")
    for name, text in more.items():
        (place / f"{name}.toml").write_text(text, "utf-8")
    return place


@pytest.fixture
def scraps(tmp_path):
    return folder(tmp_path / "scraps", TABLES)


@pytest.fixture
def slow(tmp_path):
    return folder(tmp_path / "slow", SLOW, case=LATE)


def test_tables_with_a_blend_are_planned_to_the_limit_and_the_proof_holds(scraps, tmp_path):
    found = json.loads(oreloop("plan", "solve", scraps, "--out", tmp_path / "out", "--json").stdout)
    assert found["proof"]["accepted"]
    bought = {row["offer"]: row["quantity_kg"] for row in found["orders"] if row["planned"]}
    assert bought == pytest.approx({"battery": 5.0, "clean": 16.0}, abs=1e-4)
    [limit] = [row for row in found["limits"] if row["period"] == "2026-01"]
    assert (limit["unit"], round(limit["used"])) == ("ppm", 8000)
    assert told("plan", "verify", tmp_path / "out")["outcome"] == "certified"


def test_a_limit_that_no_scrap_can_hold_is_named(scraps):
    limits = TABLES["limits"].replace("8000", "1000") + "made,output,process=smelt,>=,5,kg\n"
    (scraps / "limits.csv").write_text(limits, "utf-8")
    done = oreloop("plan", "solve", scraps, "--lang", "en", code=5)
    assert "antimony" in done.stdout
    assert "Assay of the feed" in done.stdout
    assert "投料含量" in oreloop("plan", "solve", scraps, "--lang", "zh", code=5).stdout


def test_a_material_without_a_stated_content_is_told_by_cell(scraps):
    (scraps / "contents.csv").write_text("material,element,content\nclean,Sb,0.001\n", "utf-8")
    done = oreloop("plan", "solve", scraps, "--lang", "en", code=3)
    assert "How much Sb is in battery, which smelt is fed, is not stated." in done.stderr
    assert "limits.csv" in done.stderr


def test_a_case_that_allows_late_demand_says_what_waits(slow, tmp_path):
    found = json.loads(oreloop("plan", "solve", slow, "--out", tmp_path / "out", "--json").stdout)
    waits = {row["period"]: row["late_kg"] for row in found["shortages"] if row["planned"]}
    assert waits == pytest.approx({"2026-01": 10.0, "2026-02": 0.0, "2026-03": 0.0}, abs=1e-5)
    assert found["summary"]["late_kg_days"] == pytest.approx(310.0, abs=1e-3)
    assert told("plan", "verify", tmp_path / "out")["outcome"] == "certified"
    assert "Late at the end of a period and met later: 2026-01 plant · ir 10 kg" in said("plan", "solve", slow)
    assert "期末未满足、此后补供" in oreloop("plan", "solve", slow, "--lang", "zh").stdout
    page = (tmp_path / "out" / "plan.html").read_text("utf-8")
    assert "Late at the end" in page or "期末迟供" in page
    (slow / "case.toml").write_text(LATE.replace("day = 1", "day = 99"), "utf-8")
    assert "Nothing is met late." in said("plan", "solve", slow)


def test_the_main_job_keeps_late_demand_in_its_tables_and_verifies_it(slow, tmp_path):
    out = tmp_path / "result"
    oreloop("run", slow, "--out", out)
    header, first, *_ = (out / "plan" / "shortages.csv").read_text("utf-8").splitlines()
    assert header == "site,material,element,period,demand_kg,served_kg,short_kg,late_kg,planned"
    assert float(first.split(",")[7]) == pytest.approx(10.0, abs=1e-5)
    assert json.loads(oreloop("verify", out, "--json").stdout)["outcome"] in ("consistent", "verified")
