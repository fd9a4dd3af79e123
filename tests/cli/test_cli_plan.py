"""``oreloop plan ...`` end to end: what to order, what if, why, what less carbon costs, and the proof checked."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tools import small_case
from tools.command_line import oreloop, said, told

DOCS = Path(__file__).resolve().parents[2] / "docs"
BLOCK = re.compile(r"^```(sh|text|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli-plan") / "tables"
    assert f"oreloop plan solve {folder}" in said("plan", "template", folder)
    return folder


@pytest.fixture(scope="module")
def out(tables, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli-plan") / "out"
    oreloop("plan", "solve", tables, "--out", folder)
    return folder


@pytest.fixture
def blocked(tables, tmp_path):
    """Tables whose limits cannot hold together."""
    folder = Path(shutil.copytree(tables, tmp_path / "blocked"))
    limits = "limit,metric,sense,value,unit,kind\nless,purchase,<=,3,kg,hard\nmore,purchase,>=,5,kg,hard\n"
    (folder / "limits.csv").write_text(limits, "utf-8")
    return folder


@pytest.fixture
def small(tmp_path):
    for path, data in small_case.files().items():
        (tmp_path / "small" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "small" / path).write_bytes(data)
    return tmp_path / "small"


def test_a_template_is_planned_in_both_languages(tables, tmp_path):
    done = oreloop("plan", "solve", tables, "--out", tmp_path / "out", "--lang", "en")
    assert "To order by 2026-01-31:" in done.stdout
    assert "Proved in exact arithmetic" in done.stdout
    assert f"Wrote {tmp_path / 'out'}" in done.stderr
    assert "Planning where every kilogram comes from" in done.stderr
    assert "须在 2026-01-31 前下单：" in oreloop("plan", "solve", tables, "--lang", "zh").stdout
    assert {"plan.json", "model.bin", "certificate.json", "plan.xlsx", "plan.html", "orders.csv"} <= {
        path.name for path in (tmp_path / "out").iterdir()
    }
    assert len(told("plan", "template", tmp_path / "more")["files"]) == 7


def test_a_case_is_planned_from_its_forecast(small, tmp_path):
    done = oreloop("plan", "solve", small, "--out", tmp_path / "out", "--json")
    found = json.loads(done.stdout)
    assert (found["status"], found["id"], found["currency"]) == ("optimal", "small", "CNY")
    assert found["proof"]["accepted"]
    assert told("plan", "verify", tmp_path / "out")["outcome"] == "certified"


def test_html_and_vipr_go_where_they_are_told(tables, tmp_path):
    oreloop("plan", "solve", tables, "--html", tmp_path / "p.html", "--vipr", tmp_path / "p.vipr", "--unit", "ozt")
    assert (tmp_path / "p.html").read_text("utf-8").startswith("<!doctype html>")
    assert (tmp_path / "p.vipr").read_text("utf-8").startswith("VER 1.1\n")


def test_who_verifies_writes_the_same_vipr_file_but_of_nothing_that_does_not_hold(tables, tmp_path):
    out = tmp_path / "plan"
    oreloop("plan", "solve", tables, "--out", out, "--vipr", tmp_path / "own.vipr")
    for given in ((out,), (out / "certificate.json", out / "model.bin")):
        oreloop("plan", "verify", *given, "--vipr", tmp_path / "theirs.vipr")
        assert (tmp_path / "theirs.vipr").read_bytes() == (tmp_path / "own.vipr").read_bytes()
    (out / "orders.csv").write_text("nothing", "utf-8")
    oreloop("plan", "verify", out, "--vipr", tmp_path / "none.vipr", code=4)
    assert not (tmp_path / "none.vipr").exists()


def test_limits_that_cannot_hold_together_end_with_the_code_of_a_broken_rule(blocked, tmp_path):
    done = oreloop("plan", "solve", blocked, "--lang", "en", "--vipr", tmp_path / "none.vipr", code=5)
    assert "these limits cannot hold together" in done.stdout
    assert "relax" in done.stdout
    assert not (tmp_path / "none.vipr").exists()
    assert "代价最小的修正" in oreloop("plan", "solve", blocked, "--lang", "zh", code=5).stdout
    found = json.loads(oreloop("plan", "solve", blocked, "--json", code=5).stdout)
    assert {row["limit"] for row in found["conflict"]} == {"less", "more"}


@pytest.mark.parametrize(
    ("language", "heard"), [("en", ("If lanes", "Orders that change:")), ("zh", ("若 lanes", "变化的订单："))]
)
def test_what_if_a_lane_were_closed(out, tmp_path, language, heard):
    words = ("plan", "whatif", out, "--edit", "lanes[lane=road] drop", "--lang", language)
    done = oreloop(*words, "--out", tmp_path / "if.xlsx", "--progress")
    assert all(each in done.stdout for each in heard)
    assert "1" in done.stderr
    assert (tmp_path / "if.xlsx").stat().st_size > 1000


def test_what_if_questions_of_a_file_or_alone(out, tmp_path):
    (tmp_path / "ifs.csv").write_text("scenario,edit\na,lanes[lane=road] drop\nb,demand.quantity_kg = *2\n", "utf-8")
    assert [row["scenario"] for row in told("plan", "whatif", out, "--edits", tmp_path / "ifs.csv")["scenarios"]] == [
        "", "a", "b",
    ]  # fmt: skip
    cap = "limits + {limit=cap, metric=purchase, sense=>=, value=999999, unit=kg}"
    cup = "limits + {limit=cup, metric=purchase, sense=<=, value=1, unit=kg}"
    oreloop("plan", "whatif", out, "--edit", cap, "--edit", cup, code=5)
    done = oreloop("plan", "whatif", out, "--edit", "offers price up", "--lang", "en", code=3)
    assert "✗ offers price up: This edit cannot be read." in done.stderr


@pytest.mark.parametrize(
    ("language", "heard"), [("en", ("To order now", "is worth", "(EVPI)")), ("zh", ("现在下的订单", "VSS", "EVPI"))]
)
def test_orders_against_several_futures(tables, tmp_path, language, heard):
    three = tmp_path / "three.csv"
    done = oreloop("plan", "futures", tables, "--template", three, "--lang", language)
    assert f"--futures {three}" in done.stdout
    words = ("plan", "futures", tables, "--futures", three, "--now", 2, "--weight", 0.2, "--lang", language)
    done = oreloop(*words, "--out", tmp_path / "out", "--html", tmp_path / "p.html")
    assert all(each in done.stdout for each in heard)
    assert done.stderr.count(" s  ") == 3
    assert "<!doctype html>" in (tmp_path / "p.html").read_text("utf-8")
    found = told("plan", "verify", tmp_path / "out")
    assert found["outcome"] == "certified"
    orders = tmp_path / "out" / "orders.csv"
    orders.write_bytes(orders.read_bytes().replace(b"2026-01", b"2026-02", 1))
    assert "orders.csv" in oreloop("plan", "verify", tmp_path / "out", code=4).stdout


def test_futures_as_json_and_what_is_refused(tables, tmp_path):
    assert told("plan", "futures", tables, "--template", tmp_path / "f.csv")["file"] == str(tmp_path / "f.csv")
    found = told("plan", "futures", tables, "--futures", tmp_path / "f.csv")
    assert found["format"] == "oreloop.futures/1"
    assert sum(row["probability"] for row in found["futures"]) == pytest.approx(1.0)
    assert told("plan", "futures", tables, code=3)["error"] == "app.futures_none"
    text = (tmp_path / "f.csv").read_text("utf-8-sig")
    must = '"limits + {limit=must, metric=purchase, sense=>=, value=99999, unit=kg, kind=hard}"'
    cap = "limit,metric,sense,value,unit,kind\ncap,purchase,<=,90,kg,hard\n"
    blocked = Path(shutil.copytree(tables, tmp_path / "capped"))
    (blocked / "limits.csv").write_text(cap, "utf-8")
    (tmp_path / "must.csv").write_text(text.replace("demand.quantity_kg = *1.2", must), "utf-8")
    stuck = told("plan", "futures", blocked, "--futures", tmp_path / "must.csv", code=5)
    assert {row["limit"] for row in stuck["conflict"]} == {"cap", "must"}


@pytest.mark.parametrize(
    ("language", "heard"), [("en", ("Who would get more", "is worth")), ("zh", ("谁会多得订单", "何物紧缺"))]
)
def test_why_a_plan_is_as_it_is(out, tmp_path, language, heard):
    done = oreloop("plan", "explain", out, "--lang", language, "--html", tmp_path / "why.html")
    assert all(each in done.stdout for each in heard)
    assert (tmp_path / "why.html").stat().st_size > 1000
    one = told("plan", "explain", out, "--offer", "recycled", "--period", "2026-03")
    assert {row["offer"] for row in one["pegging"]} == {"recycled"}
    oreloop("plan", "explain", out, "--offer", "nobody", code=6)


@pytest.mark.parametrize(
    ("language", "heard"), [("en", "cost, carbon"), ("zh", "成本、碳排放")]
)  # fmt: skip
def test_what_less_carbon_costs(out, tmp_path, language, heard):
    words = ("plan", "pareto", out, "--objectives", "cost, co2e", "--points", 3, "--lang", language)
    assert heard in oreloop(*words, "--out", tmp_path / "points.csv").stdout
    assert (tmp_path / "points.csv").read_text("utf-8").startswith("point,")
    oreloop("plan", "pareto", out, "--objectives", "cost,beauty", code=3)


def test_a_plan_is_verified_in_both_languages(out):
    assert "certified: no plan of this model is cheaper" in said("plan", "verify", out)
    assert "已证明：该模型没有更便宜的计划" in oreloop("plan", "verify", out, "--lang", "zh").stdout
    alone = told("plan", "verify", out / "certificate.json", out / "model.bin")
    assert alone["outcome"] == "certified"
    assert [check["check"] for check in alone["checks"]] == ["plan_certificate"]


@pytest.mark.parametrize("name", ["plan.json", "certificate.json", "model.bin", "orders.csv", "inputs/offers.parquet"])
def test_an_altered_byte_is_tampering_and_the_file_is_named(out, tmp_path, name):
    copy = Path(shutil.copytree(out, tmp_path / "copy"))
    data = bytearray((copy / name).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / name).write_bytes(data)
    assert name in oreloop("plan", "verify", copy, "--lang", "en", code=4).stdout


def test_how_wide_a_gap_may_be_is_asked(tables, tmp_path):
    whole = Path(shutil.copytree(tables, tmp_path / "whole"))
    offers = "offer,site,material,price,price_unit,max_kg,lead_days,min_kg\nall,refinery,ir-4n,900,CNY/g,30,5,2\n"
    (whole / "offers.csv").write_text(offers, "utf-8")
    (whole / "approvals.csv").unlink()
    oreloop("plan", "solve", whole, "--out", tmp_path / "out")
    proof, model = tmp_path / "out" / "certificate.json", tmp_path / "out" / "model.bin"
    assert told("plan", "verify", proof, model, "--gap", "0")["outcome"] == "certified"
    # The prices of the root alone: a proof cut short, which leaves more and claims it.
    short = json.loads(proof.read_text("utf-8"))
    leaf = {"bound": ["0x0p+0"] * len(short["duals"])}
    proof.write_text(json.dumps(short | {"tree": [leaf], "gap": (1.0).hex()}), "utf-8")
    found = told("plan", "verify", proof, model)
    assert (found["outcome"], found["gap"] > 0.01) == ("within_gap", True)
    assert "没有计划能便宜超过其成本的" in oreloop("plan", "verify", proof, model, "--lang", "zh").stdout
    assert (
        "At most 0.01 was asked for"
        in oreloop("plan", "verify", proof, model, "--gap", "0.01", "--lang", "en", code=4).stdout
    )
    for gap in ("nan", "-0.1", "1.5"):
        assert told("plan", "verify", proof, model, f"--gap={gap}", code=3)["error"] == "app.gap_no_share"


def test_what_is_no_plan_is_said(tables, tmp_path):
    oreloop("plan", "verify", tables, code=3)
    oreloop("plan", "solve", tmp_path / "none", code=6)
    oreloop("plan", "solve", tmp_path, code=3)
    oreloop("plan", "solve", tables, "--unit", "stone", code=2)
    done = oreloop("plan", "solve", tables, "--out", tables, code=7)
    assert "Planning" not in done.stderr


def test_the_guides_say_what_happens(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for guide, language in (("how-to/plan-purchases.md", "en"), ("zh/index.md", "zh")):
        seen = ""
        for kind, block in BLOCK.findall((DOCS / guide).read_text("utf-8")):
            lines = [each for each in block.splitlines() if kind != "sh" or each.startswith("oreloop plan ")]
            if kind == "sh":
                if "oreloop plan template tables" in block:
                    shutil.rmtree(tmp_path / "tables", ignore_errors=True)
                words = [shlex.split(line) for line in lines]
                seen = "".join(
                    oreloop(*each[1:], *(() if "--lang" in each else ("--lang", language))).output for each in words
                )
            elif kind == "text":
                assert all(each in seen for each in lines), lines
            else:
                exec(compile(block, guide, "exec"), {})


NO_SOLVER = """
import sys
from pathlib import Path

from oreloop.app.plans.verified import verify_plan

assert verify_plan(Path(sys.argv[1])).holds
assert "highspy" not in sys.modules
"""


def test_verifying_loads_no_solver(out):
    done = subprocess.run([sys.executable, "-c", NO_SOLVER, str(out)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_file_that_is_not_written_and_a_share_in_per_cent_are_refused_before_the_work(tables, tmp_path):
    done = oreloop("plan", "solve", tables, "--out", tmp_path / "plan.pdf", "--lang", "en", code=3)
    assert "A file ending in .pdf cannot be written. One of .csv, .xlsx, .json, .html" in done.stderr
    assert not (tmp_path / "plan.pdf").exists()
    folder = Path(shutil.copytree(tables, tmp_path / "tables"))
    rows = "a,country_share,country=ZAF,<=,60,share\nb,cost,,<=,9,kg\n"
    (folder / "limits.csv").write_text("limit,metric,scope,sense,value,unit\n" + rows, "utf-8")
    told_of = oreloop("plan", "solve", folder, "--lang", "en", code=3).stderr
    assert "limits.csv line 2, column value: 60 is above 1." in told_of
    assert "limits.csv line 3, column unit: The metric cost is not measured in kg." in told_of
