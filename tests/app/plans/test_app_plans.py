"""Networks from folders of tables, what their plans say, and how these are written."""

from __future__ import annotations

import json

import polars as pl
import pytest
from plan_folders import DEMAND, limited, rewritten

import oreloop
from oreloop.adapters.folder import read_folder
from oreloop.app.plans.explained import explain
from oreloop.app.plans.opened import opened, read_network
from oreloop.app.plans.pages import page
from oreloop.app.plans.plain import plain_settings
from oreloop.app.plans.solve import solve_plan
from oreloop.app.plans.solved import Blocked, rows, share
from oreloop.app.plans.traded import trade
from oreloop.app.plans.vipr import write_vipr
from oreloop.app.plans.written import MARK, write
from oreloop.base.errors import BadInput, Conflict, NotFound
from oreloop.case import template_xlsx
from oreloop.plan import Network, solve

# What plain tables imply.


def test_plain_tables_are_planned_over_the_periods_of_their_demand(tables):
    network = read_network(tables)
    assert network.planned.names == ("2026-01", "2026-02", "2026-03", "2026-04", "2026-05", "2026-06")
    assert network.settings.currency == "CNY"
    assert network.settings.at == network.planned.periods[0].first
    assert float(network.demand_kg[:, :6].sum()) == 71.0


def test_the_package_root_reads_networks_too(tables):
    assert isinstance(oreloop.read_network(tables), Network)
    assert "read_network" in dir(oreloop)


def test_weeks_and_another_currency_are_seen_in_the_tables(copied):
    weeks = "".join(f"plant,ir-4n,2026-W{week:02d},3\n" for week in (3, 5))
    (copied / "demand.csv").write_text(DEMAND + weeks, "utf-8")
    text = (copied / "offers.csv").read_bytes().decode("utf-8-sig").replace("CNY/g", "USD/ozt")
    (copied / "offers.csv").write_text(text, "utf-8")
    network = read_network(copied)
    assert network.planned.names == ("2026-W03", "2026-W04", "2026-W05")
    assert network.settings.currency == "USD"


def test_demand_that_was_used_is_no_demand_to_come(copied):
    (copied / "demand.csv").write_text(
        "site,material,period,quantity_kg,kind\nplant,ir-4n,2025-12,7,used\nplant,ir-4n,2026-01,5,\n", "utf-8"
    )
    network = read_network(copied)
    assert network.planned.names == ("2026-01",)
    rewritten(copied / "demand.csv", "5,\n", "5,used\n")
    with pytest.raises(BadInput) as refused:
        read_network(copied)
    assert refused.value.code == "app.plan_no_demand"


def test_tables_are_read_as_those_of_a_case_in_either_language(copied):
    (copied / "demand.csv").unlink()
    text = "场所,材料,期间,数量_千克\nplant,ir-4n,2026-01,5\n"
    (copied / "需求.csv").write_bytes(text.encode("gb18030"))
    assert read_network(copied).planned.names == ("2026-01",)


def test_a_workbook_alone_is_enough(tmp_path):
    (tmp_path / "tables.xlsx").write_bytes(template_xlsx())
    assert read_network(tmp_path).planned.names == ("2026-03", "2026-04", "2026-05")


def test_all_problems_of_plain_tables_are_told_at_once(copied):
    (copied / "demand.csv").write_text(DEMAND + "plant,ir-4n,sometime,much\nnowhere,ir-4n,2026-01,3\n", "utf-8")
    (copied / "sites.csv").write_bytes(b"\xff\xff\xff")
    with pytest.raises(BadInput) as refused:
        read_network(copied)
    assert {"case.encoding", "base.not_a_period", "base.not_a_number"} <= {each.code for each in refused.value.problems}


def test_settings_of_tables_without_anything_stand_in_until_the_check_speaks():
    assert b'currency = "CNY"' in plain_settings({})
    assert b'metals = ["Ir"]' in plain_settings({})


def test_a_folder_without_tables_is_refused(tmp_path):
    (tmp_path / "notes.md").write_text("nothing", "utf-8")
    with pytest.raises(BadInput) as refused:
        read_network(tmp_path)
    assert refused.value.code == "app.plan_nothing"
    with pytest.raises(NotFound):
        read_network(tmp_path / "none")


# What a plan says.


def test_a_plan_says_what_to_order_now(made):
    said = "\n".join(made.lines("en"))
    assert "To order by 2026-01-31:" in said
    assert "Example recycler" in said
    assert "Nothing is short." in said
    assert "no plan is cheaper by more than" in said
    assert "示例回收厂" in "\n".join(made.lines("zh"))


def test_json_of_a_plan_is_strict_and_complete(made):
    found = json.loads(json.dumps(made.as_json("en"), allow_nan=False))
    assert found["status"] == "optimal"
    assert found["proof"]["accepted"]
    assert found["proof"]["gap"] <= 1e-9
    assert [each["act_by"] for each in found["orders"][:2]] == ["2026-01-14", "2026-01-01"]
    assert set(made.tables("en")) <= found.keys()
    assert found["assumed"][0]["code"] == "case.shortage_cost_absent"


def test_numbers_that_json_has_not_are_left_out():
    assert rows(pl.DataFrame({"kg": [1.0, float("inf"), float("nan")]})) == [{"kg": 1.0}, {"kg": None}, {"kg": None}]
    assert share(0.5) == "50.0 %"


def test_a_plan_that_leaves_demand_short_says_where(copied):
    (copied / "stock.csv").unlink()
    said = "\n".join(solve_plan(copied, unit="g").lines("en"))
    assert "Short: " in said
    assert "2026-01 Example plant · Iridium powder 4N 500 g" in said


def test_nothing_to_order_now_is_said(copied):
    (copied / "demand.csv").write_text(DEMAND + "plant,ir-4n,2026-01,1\n", "utf-8")
    rewritten(copied / "stock.csv", "15", "900")
    assert "Nothing is to be ordered by 2026-01-31." in solve_plan(copied).lines("en")


def test_limits_that_cannot_hold_together_are_an_answer_with_its_repair(copied):
    limited(copied, "less,purchase,,<=,3,kg,hard", "more,purchase,,>=,5,kg,hard")
    blocked = solve_plan(copied)
    assert isinstance(blocked, Blocked)
    said = "\n".join(blocked.lines("en"))
    assert "less" in said
    assert "more" in said
    assert "relax" in said
    assert "The plan then costs" in said
    found = blocked.as_json("en")
    assert (found["status"], {row["limit"] for row in found["conflict"]}) == ("infeasible", {"less", "more"})
    assert found["repair"][0]["relax_by"] == pytest.approx(2.0)
    for each in (explain(copied), trade(copied, ("cost", "co2e"))):
        assert isinstance(each, Blocked)


# What is written.


@pytest.mark.parametrize("ending", ["csv", "xlsx", "json", "html"])
def test_a_plan_goes_into_one_file_by_its_ending(made, tmp_path, ending):
    path = write(made, tmp_path / f"plan.{ending}", lambda: page(made, "zh"), "zh")
    assert path.stat().st_size > 500


def test_the_same_plan_gives_the_same_bytes(made, out, tmp_path):
    again = write(made, tmp_path / "again", lambda: page(made, "en"), "en")
    assert read_folder(again) == read_folder(out)


def test_a_folder_of_somebody_else_is_not_replaced(made, tmp_path):
    for content in (b'{"format": "theirs/1"}', b"no json", b"{}"):
        (tmp_path / MARK).write_bytes(content)
        with pytest.raises(Conflict):
            write(made, tmp_path, str, "en")


def test_an_answer_replaces_a_plan_and_the_other_way_round(made, copied, tmp_path):
    target = write(made, tmp_path / "out", lambda: "page", "en")
    blocked = solve_plan(limited(copied, "less,purchase,,<=,3,kg,hard", "more,purchase,,>=,5,kg,hard"))
    write(blocked, target, lambda: "page", "en")
    assert not (target / MARK).exists()
    assert (target / "conflict.csv").read_text("utf-8").startswith("limit,metric")
    write(made, target, lambda: "page", "en")
    assert (target / MARK).exists()


def test_what_was_written_is_the_same_network(made, out):
    again = opened(out)
    assert solve(again.network).model.digest == made.plan.model.digest
    assert (again.id, again.title, again.review_on) == (made.given.id, made.given.title, made.given.review_on)
    assert again.assumed == made.given.assumed
    assert again.names["recycler"] == made.given.names["recycler"]
    assert again.names["Ir"]["zh"] == "铱"


def test_the_certificate_goes_out_as_vipr(made, tmp_path):
    lines = write_vipr(made.model, made.certificate, tmp_path / "plan.vipr").read_text("utf-8").splitlines()
    assert lines[0] == "VER 1.1"
    assert lines[1] == f"VAR {made.plan.model.shape[1]}"
