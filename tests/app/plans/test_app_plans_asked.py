"""What-if questions in words, reasons, frontiers, and their pages."""

from __future__ import annotations

import csv
import io
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plan_folders import cost, limited, rewritten

from oreloop.app.plans.asked import ask
from oreloop.app.plans.edits import read_edits
from oreloop.app.plans.explained import explain
from oreloop.app.plans.opened import read_network
from oreloop.app.plans.pages import page, shown
from oreloop.app.plans.solve import solve_plan
from oreloop.app.plans.traded import trade
from oreloop.app.plans.written import write
from oreloop.base.errors import BadInput, NotFound
from oreloop.plan import Edit, Infeasible, Plan, Session

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


def test_the_page_of_many_questions_shows_the_last_and_names_the_others(tables):
    asked = ask(tables, ["demand.quantity_kg = *1.1", "demand.quantity_kg = *0.9"], each=True)
    notes = shown(asked).notes
    assert notes["en"][0] == "2 questions were asked; the page shows the last, the others in a line each:"
    assert notes["en"][1].startswith("If demand.quantity_kg = *1.1: cost ")
    assert notes["en"][2] == "If demand.quantity_kg = *0.9"
    assert "demand.quantity_kg = *1.1：成本" in notes["zh"][1]
    assert shown(ask(tables, ["demand.quantity_kg = *1.1"])).notes["en"][0] == "If demand.quantity_kg = *1.1"
