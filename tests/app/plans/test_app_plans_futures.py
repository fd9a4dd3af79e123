"""Orders against several futures: where futures come from, what is said, and a folder that is verified without a solver."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import date
from fractions import Fraction
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from plan_folders import limited
from tools import small_case

from oreloop.adapters.folder import read_folder
from oreloop.app.outfiles import table_files
from oreloop.app.plans import written
from oreloop.app.plans.asked import ask
from oreloop.app.plans.futures import read_futures, weigh_futures, write_futures_template
from oreloop.app.plans.opened import opened
from oreloop.app.plans.pages import holds, page
from oreloop.app.plans.paths import read_paths
from oreloop.app.plans.solved import Blocked
from oreloop.app.plans.verified import verify_plan
from oreloop.app.plans.weighed import Unsuited, Weighing
from oreloop.app.plans.weighed_again import asked_of, check_left_out
from oreloop.app.plans.written import CERTIFICATE, MARK, check_files, read_document, write
from oreloop.base.canonical import digest
from oreloop.base.errors import BadInput, TamperFound
from oreloop.plan import Edit

HEAD = "future,probability,edit\n"
STOP = "stop,0.3,offers[offer=recycled].max_kg = 0\n"
SPREAD = """path,site,material,period,quantity_kg
1,plant,ir-4n,2026-03,5
2,plant,ir-4n,2026-03,25
"""
RISKS = """risk,event,target,from_period,to_period,size,probability
stop,site_stop,recycler,2026-02,2026-03,1,0.2
jump,demand_jump,ir-4n,,,0.3,0.1
rumour,site_stop,trader,,,1,
"""


def saved(folder, text, name="futures.csv"):
    (folder / name).write_text(text, "utf-8")
    return folder / name


def weighed(place, **given) -> Weighing:
    made = weigh_futures(place, **given)
    assert isinstance(made, Weighing)
    return made


@pytest.fixture(scope="module")
def three(tables, tmp_path_factory):
    return write_futures_template(tables, tmp_path_factory.mktemp("futures") / "three.csv", "en")


@pytest.fixture(scope="module")
def hedged(tables, three):
    return weighed(tables, file=three)


@pytest.fixture(scope="module")
def folder(hedged, tmp_path_factory):
    out = tmp_path_factory.mktemp("hedged") / "out"
    return write(hedged, out, lambda: page(hedged, "en", out), "en")


def test_the_template_is_weighed_as_it_is_and_more_is_ordered_early(hedged):
    assert hedged.futures["future"].to_list() == ["as planned", "recycled stops", "a fifth more demand"]
    assert sum(Fraction(repr(each)) for each in hedged.futures["probability"]) == 1
    changed = hedged.orders.filter(pl.col("change").is_not_null())
    assert changed.select("subject", "change").rows() == [("contract", "more")]
    total = hedged.summary
    assert total["vss"] > total["evpi"] > 0
    assert total["plain_expected"] - total["expected"] == pytest.approx(total["vss"])
    assert hedged.verdict.accepted
    short = hedged.futures.select("short_kg", "plain_short_kg").rows()
    assert short[1] == (pytest.approx(0.0), pytest.approx(1.0))


@pytest.mark.parametrize(
    ("language", "heard"),
    [("en", ("without futures", "is worth", "EVPI")), ("zh", ("不考虑未来", "VSS", "完美预测的价值"))],
)
def test_it_is_said_in_both_languages(hedged, language, heard):
    lines = "\n".join(hedged.lines(language))
    assert all(each in lines for each in heard)
    told = hedged.as_json(language)
    assert (told["format"], told["status"]) == ("oreloop.futures/1", "optimal")
    assert {"orders", "futures", "summary", "asked", "proof"} <= told.keys()
    assert hedged.flat.equals(hedged.orders)


def test_the_folder_is_verified_without_a_solver_and_can_be_asked_again(folder):
    verdict = verify_plan(folder)
    assert verdict.outcome == "certified"
    states = {each.code: each.state for each in verdict.checks}
    assert states == {
        "plan_files": "passed", "plan_certificate": "passed", "plan_model": "passed", "plan_tables": "passed",
        "plan_told": "passed", "plan_worth": "skipped", "plan_as_written": "skipped",
    }  # fmt: skip
    again = ask(folder, ["demand.quantity_kg = *1.1"])
    assert again.scenarios[0].found.summary["cost"] > again.base.summary["cost"]


def test_one_byte_altered_in_any_file_is_found_and_named(folder):
    content = read_folder(folder)
    for name, data in content.items():
        middle = len(data) // 2
        altered = {**content, name: data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]}
        with pytest.raises(TamperFound) as found:
            check_files(altered, read_document(altered))
        assert [each.place.file for each in found.value.problems] == [name], name


def resealed(folder, files, **document):
    content = read_folder(folder) | files
    stated = read_document(read_folder(folder)) | document
    stated["files"] = {name: digest(data) for name, data in sorted(content.items()) if name != MARK}
    content[MARK] = written._sealed(stated)
    for name, data in content.items():
        (folder / name).write_bytes(data)
    return {each.code: each for each in verify_plan(folder).checks}


@pytest.fixture
def forged(folder, tmp_path):
    return Path(shutil.copytree(folder, tmp_path / "forged"))


def test_a_forged_order_does_not_follow_from_the_certified_point(forged, hedged):
    orders = hedged.orders.with_columns(pl.col("quantity_kg") + 1)
    checks = resealed(forged, table_files({"orders": orders}))
    assert (checks["plan_files"].state, checks["plan_tables"].state) == ("passed", "failed")


def test_a_forged_worth_contradicts_the_costs_it_is_made_of(forged, hedged):
    checks = resealed(forged, {}, summary=dict(hedged.summary) | {"vss": 1.0})
    assert [each.place.file for each in checks["plan_tables"].problems] == [MARK]


def test_a_likelier_future_is_another_programme(forged):
    asked = read_document(read_folder(forged))["asked"]
    asked["futures"][1]["probability"] = 0.9
    assert resealed(forged, {}, asked=asked)["plan_model"].state == "failed"


def test_a_plan_that_does_not_say_what_was_weighed_cannot_be_made_again(forged):
    assert resealed(forged, {}, asked={"futures": 7})["plan_model"].problems[0].code == "app.unreadable"


def test_a_certificate_of_less_is_refused(forged, hedged):
    low = dict(hedged.certificate)
    low["primal"] = ["0x0p+0"] * len(low["primal"])
    assert resealed(forged, {CERTIFICATE: json.dumps(low).encode()})["plan_certificate"].state == "failed"


def test_what_comes_from_other_programmes_stands_under_no_tick(forged, hedged):
    """Orders of the plan without futures may be stated as one likes: it is said that nobody made them again."""
    orders = hedged.orders.with_columns(
        pl.col("quantity_kg").alias("plain_kg"), pl.lit(None, pl.String).alias("change")
    )
    resealed(forged, table_files({"orders": orders}))
    lines = verify_plan(forged).lines("en")
    [worth] = [line for line in lines if "plain_kg" in line]
    assert worth.startswith("– ")
    assert "change" in worth
    assert not [line for line in lines if line.startswith("✓ Tables: derived again from the certified point")]
    assert any("plain_kg" in line for line in verify_plan(forged).lines("zh") if line.startswith("–"))


@pytest.mark.parametrize("about", [{"left_out": 0.5}, {"unweighed": ["forged"]}, {"more": 1}])
def test_what_a_file_of_futures_leaves_out_is_nothing(forged, about):
    asked = read_document(read_folder(forged))["asked"] | about
    assert resealed(forged, {}, asked=asked)["plan_told"].state == "failed"


def test_what_risks_leave_out_follows_from_them(copied, tmp_path):
    (copied / "risks.csv").write_text(RISKS, "utf-8")
    for given in ({}, {"risks": True, "demand": saved(tmp_path, SPREAD, "paths.csv"), "paths": 2}, {"rarest": 0.5}):
        made = weighed(copied, **given)
        out = write(made, tmp_path / f"out-{len(given)}-{len(made.asked.futures)}", lambda: "", "en")
        assert verify_plan(out).holds
        assert made.asked.unweighed == ("rumour",)
        for about in ({"left_out": made.asked.left_out + 0.01}, {"unweighed": ()}, {"unweighed": ("jump",)}):
            with pytest.raises(TamperFound):
                check_left_out(replace(made, asked=replace(made.asked, **about)))
    asked = read_document(read_folder(out))["asked"] | {"left_out": 0.0}
    assert resealed(out, {}, asked=asked)["plan_told"].state == "failed"


def test_edits_come_back_as_they_were_sealed():
    dropped = Edit(table="lanes", where={"lane": ("road", "air")}, how="drop")
    event = {"event": "site_stop", "target": "a", "from_period": "2026-01"}
    document = {
        "asked": {
            "futures": [
                {
                    "name": "n",
                    "probability": 1.0,
                    "edits": [
                        {"table": "lanes", "where": {"lane": ["road", "air"]}, "column": "", "value": None, "how": "drop"},
                        {
                            "table": "licences", "where": {"licence": "l"}, "column": "decided_on", "value": "2026-02-01",
                            "how": "set",
                        },
                        {"table": "events", "where": {}, "column": "", "value": event, "how": "add"},
                    ],
                }
            ],
            "periods": 1, "level": 0.9, "weight": 0.0,
        }
    }  # fmt: skip
    first, dated, added = asked_of(document).futures[0].edits
    assert first == dropped
    assert dated.value == date(2026, 2, 1)
    assert added == Edit(table="events", how="add", value=event)


def test_a_future_of_several_edits_has_several_rows_and_headings_may_be_chinese(copied, tmp_path):
    text = "未来,概率,修改\n如计划,60%,\n停,40 %,offers[offer=recycled].max_kg = 0\n,,demand.quantity_kg = *1.1\n,,\n"
    found = read_futures(text.encode("gb18030"), "f.csv", opened(copied))
    assert [(each.name, each.probability, len(each.edits)) for each in found] == [("如计划", 0.6, 0), ("停", 0.4, 2)]
    made = weighed(copied, file=saved(tmp_path, text), periods=2, weight=0.5, level=0.5)
    assert made.asked.periods == 2
    assert made.verdict.accepted
    assert "2026-01 – 2026-02" in made.lines("en")[1]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("name,edit\na,b\n", "app.futures_file"),
        (f"{HEAD}calm,0.6,\n{STOP}", "app.futures_sum"),
        (f"{HEAD}calm,soon,\n{STOP}", "app.futures_probability"),
        (f"{HEAD}calm,0.7,\ncalm,0.6,\n{STOP}", "app.futures_probability"),
        (f"{HEAD}calm,0,\n{STOP}", "app.futures_probability"),
        (f"{HEAD}calm,,\n{STOP}", "app.futures_probability"),
        (f"{HEAD}calm,0.7,offers price up\n{STOP}", "app.edit_form"),
        (f"{HEAD}calm,1,\n", "app.futures_none"),
    ],
)
def test_futures_that_make_no_sense_are_refused(tables, tmp_path, text, code):
    with pytest.raises(BadInput) as refused:
        weigh_futures(tables, file=saved(tmp_path, text))
    assert refused.value.code == code


def test_other_things_that_cannot_be_asked(tables, three):
    for given, code in (
        ({}, "app.futures_none"),
        ({"risks": True, "file": three}, "app.futures_two_sources"),
        ({"file": three, "periods": 0}, "app.futures_now"),
        ({"file": three, "periods": 99}, "app.futures_now"),
        ({"paths": 2}, "app.futures_paths_none"),
    ):
        with pytest.raises(BadInput) as refused:
            weigh_futures(tables, **given)
        assert refused.value.code == code


def test_risks_happen_alone_or_two_together_and_it_is_said_what_is_left_out(copied):
    saved(copied, RISKS, "risks.csv")
    made = weighed(copied)
    assert made.futures["future"].to_list() == ["as-planned", "stop", "jump", "stop + jump"]
    assert made.asked.left_out == 0.0
    lines = "\n".join(made.lines("en"))
    assert "Without a probability between 0 and 1, and so in no future: rumour" in lines
    assert "\nas planned " in lines
    rare = weighed(copied, rarest=0.05)
    assert rare.asked.left_out == pytest.approx(0.02)
    assert "2.0 % of what may happen" in "\n".join(rare.lines("en"))
    assert sum(Fraction(repr(each)) for each in rare.futures["probability"]) == 1


def test_sample_paths_of_demand_meet_the_risks(copied, tmp_path):
    network = opened(copied).network
    rows = ["path,site,material,period,quantity_kg"]
    places = network.demands.select("site", "material").rows()
    site, material = places[0]
    rows += [f"{number},{site},{material},2026-03,{kg}" for number, kg in enumerate((5, 10, 40))]
    text = "\n".join(rows) + "\n"
    paths = read_paths(text.encode(), "paths.csv", network)
    assert paths.shape == (3, len(places), len(network.planned))
    assert paths[:, 0, 2].tolist() == [5.0, 10.0, 40.0]
    assert np.ptp(np.delete(paths, 2, axis=2), axis=0).max() == 0.0
    file = saved(tmp_path, text, "paths.csv")
    made = weighed(copied, demand=file, paths=2)
    assert sum(Fraction(repr(each)) for each in made.futures["probability"]) == 1
    assert made.futures.height == 2
    saved(copied, RISKS, "risks.csv")
    both = weighed(copied, demand=file, paths=2, risks=True, rarest=1.0)
    assert both.futures["future"].to_list()[:3] == ["path 1", "path 2", "stop + path 1"]
    assert both.futures.height == 6


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("path,site\n1,a\n", "app.futures_paths_columns"),
        ("路径,场所,材料,期间,数量\n1,nowhere,ir-4n,2026-03,5\n", "app.futures_paths_row"),
        ("path,site,material,period,quantity_kg\n1,plant,ir-4n,2026-03,-5\n", "app.futures_paths_row"),
        ("path,site,material,period,quantity_kg\n1,plant,ir-4n,2026-03,\n", "base.not_a_number"),
        ("path,site,material,period,quantity_kg\n", "app.futures_paths_none"),
    ],
)
def test_paths_that_make_no_sense_are_refused(tables, text, code):
    with pytest.raises(BadInput) as refused:
        read_paths(text.encode(), "paths.csv", opened(tables).network)
    assert refused.value.code == code


def test_the_sample_paths_of_a_case_are_those_of_its_forecast(tmp_path):
    for path, data in small_case.files().items():
        (tmp_path / "small" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "small" / path).write_bytes(data)
    made = weighed(tmp_path / "small", paths=3)
    assert made.futures.height <= 3
    assert made.summary["vss"] is None or made.summary["vss"] >= 0.0


def test_a_future_whose_limits_cannot_hold_is_named_with_its_cheapest_repair(copied, tmp_path):
    limited(copied, "cap,purchase,,<=,60,kg,hard")
    text = f'{HEAD}calm,0.5,\nforced,0.5,"limits + {{limit=must, metric=purchase, sense=>=, value=70, unit=kg, kind=hard}}"\n'
    made = weigh_futures(copied, file=saved(tmp_path, text))
    assert isinstance(made, Unsuited)
    assert not holds(made)
    assert set(made.flat.select("future", "limit").rows()) == {("forced", "cap"), ("forced", "must")}
    assert made.tables("en")["repair"]["relax_by"].to_list() == pytest.approx([10.0], rel=1e-6)
    lines = "\n".join(made.lines("en"))
    assert "forced" in lines
    assert "The cheapest repair of forced:" in lines
    assert made.as_json("zh")["status"] == "infeasible"
    assert "The cheapest repair" in page(made, "en")


def test_limits_that_only_several_futures_together_break_are_named(copied, tmp_path):
    low, high = (
        f'{name},0.5,"limits + {{limit={name}, metric=purchase, period=2026-01, sense={sense}, value={kg}, unit=kg, kind=hard}}"'
        for name, sense, kg in (("low", "<=", 5), ("high", ">=", 9))
    )
    made = weigh_futures(copied, file=saved(tmp_path, f"{HEAD}{low}\n{high}\n"))
    assert isinstance(made, Unsuited)
    assert set(made.flat.select("future", "limit").rows()) == {("low", "low"), ("high", "high")}
    assert made.found.repair.is_empty()
    assert "没有订单适合全部未来" in page(made, "zh")


def test_without_a_plan_as_it_is_there_is_nothing_to_compare(copied, three):
    limited(copied, "less,purchase,,<=,3,kg,hard", "more,purchase,,>=,5,kg,hard")
    assert isinstance(weigh_futures(copied, file=three), Blocked)


def test_orders_that_a_future_cannot_keep_have_no_price(copied, tmp_path):
    high = 'high,0.5,"limits + {limit=high, metric=purchase, period=2026-01, sense=>=, value=15, unit=kg, kind=hard}"\n'
    made = weighed(copied, file=saved(tmp_path, f"{HEAD}calm,0.5,\n{high}"))
    assert made.summary["vss"] is None
    assert made.futures["plain_cost"].null_count() == 1
    assert "cannot be kept in: high" in "\n".join(made.lines("en"))
    assert verify_plan(write(made, tmp_path / "out", lambda: "", "en")).holds


def test_where_the_plan_is_best_already_nothing_changes(copied, tmp_path):
    made = weighed(copied, file=saved(tmp_path, f"{HEAD}calm,0.5,\ncheap,0.5,offers[offer=spot].price = *1.01\n"))
    assert made.orders["change"].null_count() == made.orders.height
    assert made.summary["vss"] == 0.0
    assert "the plan without futures orders the same" in "\n".join(made.lines("en"))
    assert "VSS 0" in "\n".join(made.lines("en"))


def test_nothing_may_have_to_be_ordered_now(hedged):
    idle = replace(hedged, orders=hedged.orders.clear())
    assert "Nothing is to be ordered now" in "\n".join(idle.lines("en"))


def test_a_template_where_no_supplier_can_simply_stop(copied, tmp_path):
    leased = "offer,site,material,price,price_unit,max_kg,lead_days,min_kg\nall,refinery,ir-4n,900,CNY/g,30,5,2\n"
    (copied / "offers.csv").write_text(leased, "utf-8")
    (copied / "approvals.csv").unlink()
    path = write_futures_template(copied, tmp_path / "t.csv", "zh")
    assert path.read_bytes().decode("utf-8-sig").split() == [
        "未来,概率,修改", "如计划,0.7,", "需求增两成,0.3,demand.quantity_kg", "=", "*1.2",
    ]  # fmt: skip
    assert weighed(copied, file=path).verdict.accepted
