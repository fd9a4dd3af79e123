"""Networks from folders, what-if questions in words, plans that are written, asked again and verified."""

from __future__ import annotations

import csv
import io
import json
import shutil
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import oreloop
from oreloop.adapters.folder import read_folder
from oreloop.app.outfiles import table_files
from oreloop.app.plans import written
from oreloop.app.plans.asked import ask
from oreloop.app.plans.edits import read_edits
from oreloop.app.plans.explained import explain
from oreloop.app.plans.opened import opened, read_network
from oreloop.app.plans.pages import page, shown
from oreloop.app.plans.plain import plain_settings
from oreloop.app.plans.solve import solve_plan, write_vipr
from oreloop.app.plans.solved import Blocked, Solved, rows, share
from oreloop.app.plans.template import write_template
from oreloop.app.plans.traded import trade
from oreloop.app.plans.verified import verify_plan
from oreloop.app.plans.written import CERTIFICATE, MARK, MODEL, check_files, read_document, write
from oreloop.base.canonical import digest
from oreloop.base.errors import BadInput, Conflict, NotFound, TamperFound
from oreloop.case import template_xlsx
from oreloop.plan import Edit, Infeasible, Network, Plan, Session, solve

DEMAND = "site,material,period,quantity_kg\n"
INDEXED = """\
offer,site,material,price_index,premium,price_unit,max_kg,lead_days,kind,lease_rate_per_year,term_days
indexed,refinery,ir-4n,Ir,50,CNY/g,12,45,,,
leased,refinery,ir-4n,,,,3,5,lease,0.1,90
"""
PRICES = """\
material,period,price,price_unit
Ir,2025-12,1000,CNY/g
Ir,2026-04,1200,CNY/g
"""


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plain") / "tables"
    write_template(folder)
    return folder


@pytest.fixture(scope="module")
def network(tables):
    return read_network(tables)


@pytest.fixture(scope="module")
def made(tables):
    found = solve_plan(tables)
    assert isinstance(found, Solved)
    return found


@pytest.fixture(scope="module")
def out(made, tmp_path_factory):
    return write(made, tmp_path_factory.mktemp("plan") / "out", lambda: page(made, "en"), "en")


@pytest.fixture
def copied(tables, tmp_path):
    """The example's tables, to be changed."""
    return Path(shutil.copytree(tables, tmp_path / "tables"))


@pytest.fixture
def followed(copied):
    """The example with an offer that follows the price of iridium, and one of metal at its market value."""
    (copied / "approvals.csv").unlink()
    (copied / "offers.csv").write_text(INDEXED, "utf-8")
    (copied / "prices.csv").write_text(PRICES, "utf-8")
    return copied


def rewritten(path, old, new):
    text = path.read_bytes().decode("utf-8-sig")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def cost(network):
    found = solve(network)
    assert isinstance(found, Plan)
    return found.objective


def limited(folder, *limits):
    """Add limits to a folder of tables."""
    head = "limit,metric,scope,sense,value,unit,kind\n"
    (folder / "limits.csv").write_text(head + "\n".join(limits), "utf-8")
    return folder


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
    assert found["orders"][0]["act_by"] == "2026-01-01"
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
    lines = write_vipr(made, tmp_path / "plan.vipr").read_text("utf-8").splitlines()
    assert lines[0] == "VER 1.1"
    assert lines[1] == f"VAR {made.plan.model.shape[1]}"


# What is verified.


def states(verdict):
    return {check.code: check.state for check in verdict.checks}


def test_a_plan_is_verified_from_its_files(out):
    verdict = verify_plan(out)
    assert verdict.outcome == "certified"
    assert set(states(verdict).values()) == {"passed"}
    assert verdict.gap <= 1e-9
    assert verdict.as_json("en")["digests"] == {MARK: digest((out / MARK).read_bytes())}
    assert verify_plan(out / CERTIFICATE, out / MODEL).outcome == "certified"


def test_one_byte_altered_in_any_file_is_found_and_named(out):
    content = read_folder(out)
    for name, data in content.items():
        middle = len(data) // 2
        altered = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
        with pytest.raises(TamperFound) as found:
            check_files({**content, name: altered}, read_document({**content, name: altered}))
        assert [each.place.file for each in found.value.problems] == [name], name


def test_a_file_more_or_less_is_found_and_named(out):
    content = read_folder(out)
    document = read_document(content)
    for odd in ({**content, "more.csv": b""}, {name: data for name, data in content.items() if name != MODEL}):
        with pytest.raises(TamperFound) as found:
            check_files(odd, document)
        assert found.value.problems[0].place.file in {"more.csv", MODEL}


def resealed(folder, *, files, document=None):
    """What somebody does who alters a plan and knows how it is written: change files and seal it again."""
    content = read_folder(folder) | files
    stated = read_document(read_folder(folder)) | (document or {})
    stated["files"] = {name: digest(data) for name, data in sorted(content.items()) if name != MARK}
    content[MARK] = written._sealed(stated)
    for name, data in content.items():
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture
def forged(out, tmp_path):
    return Path(shutil.copytree(out, tmp_path / "forged"))


def test_a_forged_table_does_not_follow_from_the_certified_point(forged):
    orders = pl.read_parquet(forged / "orders.parquet").with_columns(pl.col("quantity_kg") * 2)
    verdict = verify_plan(resealed(forged, files=table_files({"orders": orders})))
    assert states(verdict)["plan_files"] == "passed"
    assert states(verdict)["plan_tables"] == "failed"
    assert "orders.csv" in "\n".join(verdict.lines("en"))
    assert not verdict.holds


def test_a_forged_summary_does_not_follow_either(forged):
    summary = read_document(read_folder(forged))["summary"] | {"cost": 1.0}
    verdict = verify_plan(resealed(forged, files={}, document={"summary": summary}))
    assert states(verdict)["plan_tables"] == "failed"


def test_forged_inputs_have_another_model(forged):
    demand = pl.read_parquet(forged / "inputs" / "demand.parquet").with_columns(pl.col("quantity_kg") * 2)
    verdict = verify_plan(resealed(forged, files=table_files({"inputs.demand": demand})))
    assert states(verdict)["plan_model"] == "failed"
    assert "model.bin" in "\n".join(verdict.lines("en"))


def test_a_forged_certificate_proves_nothing(forged):
    certificate = json.loads((forged / CERTIFICATE).read_bytes())
    certificate["primal"] = [(2 * float.fromhex(each)).hex() for each in certificate["primal"]]
    verdict = verify_plan(resealed(forged, files={CERTIFICATE: json.dumps(certificate).encode()}))
    assert states(verdict)["plan_certificate"] == "failed"
    assert verify_plan(forged / CERTIFICATE, forged / MODEL).outcome == "not_certified"


def test_a_plan_of_another_method_is_checked_as_far_as_it_can_be(forged):
    verdict = verify_plan(resealed(forged, files={}, document={"method": 0}))
    assert states(verdict)["plan_model"] == "skipped"
    assert states(verdict)["plan_certificate"] == "passed"


def test_settings_that_nobody_wrote_are_unreadable(forged):
    network = read_document(read_folder(forged))["network"] | {"settings": {"at": 7}}
    folder = resealed(forged, files={}, document={"network": network})
    assert states(verify_plan(folder))["plan_model"] == "failed"
    with pytest.raises(TamperFound) as found:
        opened(folder)
    assert found.value.code == "app.unreadable"


def test_odd_files_break_no_check(forged, tmp_path):
    for name in (CERTIFICATE, MODEL, MARK):
        (forged / name).write_bytes(b"\x00[")
    verdict = verify_plan(forged)
    assert set(states(verdict).values()) == {"failed"}
    (tmp_path / "list.json").write_bytes(b'{"form": "oreloop.certificate/1"}')
    assert not verify_plan(tmp_path / "list.json", forged / MODEL).holds
    with pytest.raises(BadInput) as refused:
        verify_plan(tmp_path)
    assert refused.value.code == "app.not_a_plan"


# What-if questions.


@pytest.mark.parametrize(
    ("edit", "meant"),
    [
        (
            "demand[site=plant, period=2026-05].quantity_kg = 20",
            Edit(table="demand", where={"site": "plant", "period": "2026-05"}, column="quantity_kg", value=20.0),
        ),
        ("需求.数量_千克 = *1.1", Edit(table="demand", column="quantity_kg", value=1.1, how="scale")),
        ("lanes[lane=road|air] drop", Edit(table="lanes", where={"lane": ("road", "air")}, how="drop")),
        ("lanes[ from = trader ]　删除", Edit(table="lanes", where={"from_site": "trader"}, how="drop")),
        (
            "offers[offer=spot].valid_to = 2026-03-31",
            Edit(table="offers", where={"offer": "spot"}, column="valid_to", value=date(2026, 3, 31)),
        ),
        (
            "offer_prices[offer=spot,period=2026-02].price_per_kg = 9e5",
            Edit(
                table="offer_prices", where={"offer": "spot", "period": "2026-02"}, column="price_per_kg", value=9e5
            ),
        ),
    ],
)  # fmt: skip
def test_edits_are_read_as_they_are_written(tables, edit, meant):
    assert read_edits([edit], read_network(tables)) == (meant,)


@given(
    factor=st.integers(0, 10**9).map(lambda thousandths: thousandths / 1000),
    offer=st.sampled_from(["recycled", "contract", "spot"]),
    heading=st.sampled_from(["max_kg", "每期上限_千克"]),
)
def test_a_factor_is_read_as_exactly_as_it_is_written(network, factor, offer, heading):
    (edit,) = read_edits([f"offers [offer = {offer}] . {heading} = *{factor!r}"], network)
    assert edit == Edit(table="offers", where={"offer": offer}, column="max_kg", value=factor, how="scale")


def test_a_new_row_takes_the_defaults_of_its_table(tables):
    text = 'limits + {limit=cap, metric=purchase, "scope=country=ZAF; offer=spot", sense=<=, value=5, unit=kg}'
    (edit,) = read_edits([text], read_network(tables))
    assert edit.how == "add"
    assert edit.value["scope"] == "country=ZAF; offer=spot"
    assert (edit.value["sense"], edit.value["kind"]) == ("<=", "hard")


@pytest.mark.parametrize(
    ("edit", "code"),
    [
        ("offers price up", "app.edit_form"),
        ("[offer=spot].price = 3", "app.edit_form"),
        ("offers[offer].price = 3", "app.edit_form"),
        ("lanes drop", "app.edit_form"),
        ("offer_prices + {offer=spot}", "app.edit_form"),
        ("orders.price = 3", "app.edit_table"),
        ("rates.rate = 3", "app.edit_table"),
        ("offers[offer=spot].prize = 3", "app.edit_column"),
        ("offer_prices.price = 3", "app.edit_column"),
        ("offers[offer=spot].certificates = RMI", "app.edit_unused"),
        ("offers[offer=spot].tax = 0.1", "app.edit_converted"),
        ("offers[offer=spot].valid_to = *2", "app.edit_scale"),
        ("offers[offer=none].price = 3", "app.edit_no_row"),
        ("limits.value = 3", "app.edit_no_row"),
        ("metal_prices[material=Ir].price_per_kg = *2", "app.edit_no_row"),
        ("prices[material=Ir].price = *2", "app.edit_no_row"),
        ("limits + {limit=cap}", "app.edit_row"),
        ("prices.price = 3", "app.edit_index"),
        ("offers[offer=spot].max_kg = much", "base.not_a_number"),
        ("offers[offer=spot].max_kg = -1", "case.negative"),
        ("offers[offer=spot].max_kg = *-1", "case.negative"),
        ("offers[offer=spot].recycled_share = 2", "case.share_above_one"),
        ("offers[offer=spot].site = moon", "plan.unknown_reference"),
    ],
)
def test_edits_that_make_no_sense_are_refused_with_the_reason(tables, edit, code):
    with pytest.raises(BadInput) as refused:
        read_edits(["demand.quantity_kg = *1", edit], read_network(tables))
    (found,) = refused.value.problems
    assert (found.code, found.place.file) == (code, edit)


def test_an_edit_is_answered_as_the_edited_tables_are(tables, copied):
    edits = ["offers[offer=contract].price = 1200", "lanes[lane=road].lead_days = 33", "offers.price = *1.1"]
    asked = ask(tables, edits)
    rewritten(copied / "offers.csv", ",1150,", ",1320,")
    rewritten(copied / "offers.csv", ",1100,", ",1210,")
    rewritten(copied / "offers.csv", ",1350,", ",1485,")
    rewritten(copied / "lanes.csv", "road,3,", "road,33,")
    assert asked.scenarios[0].found.objective == pytest.approx(cost(read_network(copied)), rel=1e-9)


def test_an_index_moves_what_follows_it_and_leaves_the_premium(followed):
    asked = ask(followed, ["prices[material=Ir].price = *1.2"])
    rewritten(followed / "prices.csv", "1000", "1200")
    rewritten(followed / "prices.csv", "2026-04,1200", "2026-04,1440")
    assert asked.scenarios[0].found.objective == pytest.approx(cost(read_network(followed)), rel=1e-9)


def test_an_offer_that_follows_an_index_is_scaled_and_not_set(followed):
    network = read_network(followed)
    (scaled, _) = read_edits(["offers[offer=indexed].price = *1.2"], network)
    assert scaled == Edit(
        table="offer_prices", where={"offer": "indexed"}, column="price_per_kg", value=1.2, how="scale"
    )
    with pytest.raises(BadInput) as refused:
        read_edits(["offers[offer=indexed].price = 3"], network)
    assert refused.value.code == "app.edit_index"


def test_what_changes_is_told_beside_the_plan_as_it_is(out):
    asked = ask(out, ["lanes[lane=road] drop"])
    said = "\n".join(asked.lines("en"))
    assert "If lanes[lane=road] drop" in said
    assert "dropped" in said
    assert asked.holds
    found = asked.as_json("en")
    assert [row["status"] for row in found["scenarios"]] == ["optimal", "optimal"]
    assert {"offer", "old_kg", "new_kg", "period"} <= found["changes"][0].keys()
    assert asked.flat.height == 2


def test_nothing_that_changes_is_said_too(tables):
    assert "No order changes." in ask(tables, ["offers[offer=spot].price = *1.01"]).lines("en")


def test_what_goes_short_is_told(tables):
    asked = ask(tables, ["stock[site=plant].quantity_kg = 0"])
    assert any(line.startswith("Short in 2026-01: Example plant") for line in asked.lines("en"))
    assert asked.tables("en")["shortages"]["new_kg"].sum() > 0


def test_scenarios_of_a_file_are_answered_one_by_one(tables, tmp_path):
    path = tmp_path / "ifs.csv"
    out_ = io.StringIO()
    csv.writer(out_).writerows(
        [
            ("scenario", "edit"),
            ("dear", "offers[offer=spot].price = *2"),
            ("dear", "offers[offer=contract].price = *2"),
            ("none", "limits + {limit=cap, metric=purchase, sense=>=, value=900, unit=kg}"),
            ("none", "limits + {limit=cup, metric=purchase, sense=<=, value=1, unit=kg}"),
            ("", ""),
        ]
    )
    path.write_text(out_.getvalue(), "utf-8")
    told = []
    asked = ask(tables, ["demand.quantity_kg = *1.1", "demand.quantity_kg = *1.2"], path, each=True, count=told.append)
    assert [each.name for each in asked.scenarios][2:] == ["dear", "none"]
    assert told == [1, 2, 3, 4]
    assert not asked.holds
    assert asked.tables("en")["conflict"]["scenario"].unique().to_list() == ["none"]
    assert "There is no plan" in "\n".join(asked.lines("en"))
    last = shown(asked)
    assert {"conflict", "repair"} == set(last.frames)


def test_a_network_without_a_plan_can_still_be_asked(copied):
    limited(copied, "less,purchase,,<=,3,kg,hard", "more,purchase,,>=,5,kg,hard")
    asked = ask(copied, ["limits[limit=less] drop"])
    said = "\n".join(asked.lines("en"))
    assert "As it is, there is no plan." in said
    assert isinstance(asked.base, Infeasible)
    assert isinstance(asked.scenarios[0].found, Plan)
    assert asked.tables("en")["changes"].is_empty()
    assert "before" not in shown(asked).frames


def test_questions_that_are_none_are_refused(tables, tmp_path):
    with pytest.raises(BadInput) as refused:
        ask(tables)
    assert refused.value.code == "app.edits_none"
    path = tmp_path / "ifs.csv"
    path.write_text("what,why\na,b\n", "utf-8")
    with pytest.raises(BadInput) as refused:
        ask(tables, file=path)
    assert refused.value.code == "app.edits_file"
    path.write_text("edit\noffers price up\n", "utf-8")
    with pytest.raises(BadInput) as refused:
        ask(tables, file=path)
    assert refused.value.problems[0].place.file == "ifs.csv: offers price up"


# Reasons and frontiers.


def test_reasons_name_suppliers_scarce_metal_and_what_orders_serve(out):
    found = explain(out)
    said = "\n".join(found.lines("en"))
    for each in ("Who would get more", "One more kg", "contract/2026-02", "Example trader"):
        assert each in said
    assert found.flat["said"].str.contains("is worth").all()
    assert {"winning_prices", "shadow_prices", "pegging", "worth"} <= found.as_json("zh").keys()


def test_reasons_can_be_asked_of_one_offer_and_period(out):
    spot = explain(out, offer="recycled", period="2026-03")
    assert set(spot.pegging["offer"]) == {"recycled"}
    assert set(spot.prices["period"]) <= {"2026-03"}
    assert set(spot.worth["subject"]) == {"recycled"}
    for wrong, code in (({"offer": "none"}, "app.plan_no_offer"), ({"period": "2030-01"}, "app.plan_no_period")):
        with pytest.raises(NotFound) as refused:
            explain(out, **wrong)
        assert refused.value.code == code


def test_a_frontier_trades_one_objective_for_another(out, tmp_path):
    found = trade(out, ("cost", "co2e"), points=3)
    points = found.flat
    assert points["cost"].is_sorted()
    assert points["co2e_kg"].is_sorted(descending=True)
    assert "carbon" in "\n".join(found.lines("en"))
    assert found.as_json("en")["objectives"] == ["cost", "co2e"]
    folder = write(found, tmp_path / "frontier", lambda: page(found, "en"), "en")
    assert {"answer.json", "points.csv", "orders.csv", "plan.html"} <= {each.name for each in folder.iterdir()}


def test_every_answer_has_a_page(made, out, copied):
    blocked = solve_plan(limited(copied, "less,purchase,,<=,3,kg,hard", "more,purchase,,>=,5,kg,hard"))
    asked = ask(out, ["lanes[lane=road] drop"])
    for answer in (made, blocked, asked, explain(out), trade(out, ("cost", "co2e"), points=2)):
        written_ = page(answer, "zh")
        assert written_.startswith("<!doctype html>")
        assert '<html lang="zh' in written_[:200]
    assert "oreloop plan verify out" in page(made, "en", Path("out"))


def test_the_session_answers_many_questions_as_from_nothing(tables):
    network = read_network(tables)
    session = Session(network)
    for factor in (1.1, 0.7, 1.3):
        edits = read_edits([f"demand.quantity_kg = *{factor}"], network)
        assert session.whatif(edits).objective == pytest.approx(cost(network.edited(edits)), rel=1e-9)
