"""The plain way in: what rows of three tables mean, in the words of the trade."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path

import pytest

from oreloop.base.errors import BadInput
from oreloop.base.instant import instant
from oreloop.record import fold
from oreloop.record.tables import TABLES, lines, parse_tables, record_tables_page, record_template, to_events

AT = instant("2026-12-31")
BATCH = "batch,material,site,holder,made_at,quantity,Ir_kg,Ir_kg_sd\n"
CRUDE = "a-1,crude,mill,mill-co,2026-01-05,100,80,0.05\n"


def files(**tables: str) -> dict[str, bytes]:
    return {f"record/{name}.csv": text.encode() for name, text in tables.items()}


def events(**tables: str) -> list[dict]:
    """The derived events as plain JSON."""
    documents = [json.loads(line) for line in to_events(files(**tables)).splitlines()]
    return [event for document in documents for event in document["epcisBody"]["eventList"]]


def state(**tables: str):
    folded = fold(parse_tables(files(**tables)), AT)
    assert [str(each) for each in folded.problems] == []
    return folded


def left(**tables: str) -> dict[tuple[str, str, str], int]:
    """What is left of every batch: contained mg by batch, site and holder."""
    rows = state(**tables).batches().filter(state(**tables).batches()["state"] != "used_up")
    return {(r["batch"], r["site"], r["holder"]): r["contained_mg"] for r in rows.iter_rows(named=True)}


# What a row means


def test_a_batch_comes_to_exist():
    (event,) = events(
        batches=BATCH.strip()
        + ",moisture,origin_country,origin_site,recycled_share,recycled_kind,co2e_kg,status,note\n"
        "a-1,crude,mill,mill-co,2026-01-05 08:30,100.50,80,0.05,0.02,ZAF,pit,0.1,post_consumer,12.5,measured,first\n"
    )
    assert event["eventTime"] == "2026-01-05T08:30:00.000+00:00"
    (quantity,) = event["quantityList"]
    assert (quantity["quantity"], quantity["uom"], quantity["ol:moisture"]) == ("100.50", "KGM", "0.02")
    assert quantity["ol:contained"] == [{"element": "Ir", "quantity": "80", "uom": "KGM", "uncertainty": "0.05"}]
    assert quantity["row:note"] == "first"
    assert event["ol:origin"] == {"country": "ZAF", "site": "pit"}
    assert event["ol:recycled"] == {"share": "0.1", "kind": "post_consumer"}
    assert (event["ol:emissionsG"], event["ol:status"]) == (12_500, "measured")


@pytest.mark.parametrize(
    ("header", "cell", "mg"),
    [
        ("Ir_g", "1.5", 1_500),
        ("Ir (mg)", "1500", 1_500),
        ("铱（克）", "1.5", 1_500),
        ("Ir_ozt", "1", 31_103),
        ("Ir_pct", "1.5", 1_500_000),
        ("Ir%", "1.5", 1_500_000),
        ("铱含量（%）", "1.5", 1_500_000),
        ("ir_ppm", "15", 1_500),
        ("Ir_g/t", "15", 1_500),
        ("Ir_ppb", "15000", 1_500),
        ("Ir_share", "0.015", 1_500_000),
    ],
)
def test_a_header_names_an_element_and_a_unit(header, cell, mg):
    table = f"batch,material,site,holder,made_at,quantity,{header}\na-1,crude,mill,mill-co,2026-01-05,100,{cell}\n"
    assert left(batches=table) == {("a-1", "mill", "mill-co"): mg}


@pytest.mark.parametrize(
    ("header", "unit", "cell"),
    [
        ("quantity", "", "12.5"),
        ("quantity_g", "", "12500"),
        ("Quantity (g)", "", "12500"),
        ("数量（千克）", "", "12.5"),
        ("毛重(克)", "", "12500"),
        ("quantity_t", "", "0.0125"),
        ("quantity", "g", "12500"),
        ("quantity", "克", "12500"),
        ("quantity", "毫克", "12500000"),
    ],
)
def test_the_mass_has_its_unit_in_the_header_or_in_the_row(header, unit, cell):
    table = f"batch,material,site,holder,made_at,{header},unit\na-1,crude,mill,mill-co,2026-01-05,{cell},{unit}\n"
    assert state(batches=table).batches()["gross_mg"].to_list() == [12_500_000]


def test_an_uncertainty_is_given_in_the_unit_of_its_mass():
    table = "batch,material,site,holder,made_at,quantity_kg,uncertainty_g\na-1,crude,mill,mill-co,2026-01-05,12.5,20\n"
    (event,) = events(batches=table)
    assert event["quantityList"][0]["ol:uncertainty"] == "0.02"


def test_chinese_tables_in_gb18030_mean_the_same():
    english = "batch,material,site,holder,made_at,quantity,moisture,custody,Ir_kg\n"
    chinese = "批次,材料,场所,持有方,产生时间,数量,水分,监管链模型,铱_kg\n"
    row = "a-1,crude,mill,mill-co,{},１００,0.02,{},80\n"
    one = to_events({"record/batches.csv": (english + row.format("2026-01-05", "segregated")).encode()})
    other = to_events({"record/批次.csv": (chinese + row.format("2026年1月5日", "隔离")).encode("gb18030")})
    assert (
        one
        == other
        == to_events({"x/batches.csv": b"\xef\xbb\xbf" + (english + row.format("2026/1/5", "隔离")).encode()})
    )


def test_a_process_takes_batches_whole_or_in_part_and_makes_several():
    made = (
        BATCH.strip() + ",step,from,process,route,allocation,energy_kwh,co2e_kg,Ir_loss_kg,Ir_loss_kg_sd,loss_reason\n"
    )
    made += "a-1,crude,mill,mill-co,2026-01-05,100,80,0.05,,,,,,,,,,\n"
    made += "a-2,crude,mill,mill-co,2026-01-05,10,8,0.05,,,,,,,,,,\n"
    made += (
        "b-1,metal,mill,,2026-02-01,70,69.9,0.05,s-1,a-1: 90 ± 0.01 kg；a-2,refining,hydro,metal,10,5,0.1,0.01,wash\n"
    )
    made += "b-2,residue,mill,,2026-02-01,20,10,0.05,s-1,,,,,,,,,\n"
    *_, step = events(batches=made)
    assert step["type"] == "TransformationEvent"
    assert [each["epcClass"][18:] for each in step["outputQuantityList"]] == ["b-1", "b-2"]
    assert step["inputQuantityList"] == [
        {"epcClass": "urn:oreloop:batch:a-1", "quantity": "90", "uom": "KGM", "ol:uncertainty": "0.01"},
        {"epcClass": "urn:oreloop:batch:a-2"},
    ]
    assert (step["ol:process"], step["ol:route"], step["ol:allocation"]) == ("refining", "hydro", "metal")
    assert (step["ol:energyWh"], step["ol:emissionsG"]) == (10_000, 5_000)
    assert step["ol:loss"] == [
        {"element": "Ir", "quantity": "0.1", "uom": "KGM", "uncertainty": "0.01", "reason": "wash"}
    ]
    assert left(batches=made) == {
        ("a-1", "mill", "mill-co"): 8_000_000,
        ("b-1", "mill", "mill-co"): 69_900_000,
        ("b-2", "mill", "mill-co"): 10_000_000,
    }


def test_a_batch_says_what_its_maker_and_its_papers_say():
    table = (
        "batch,material,site,holder,made_at,quantity,heat,gtin,hs_code,custody,claimed_share,licence,quota,Ir_kg,"
        "Ir_kg_sd,Ir_kg_systematic,instrument\n"
        "a-1,metal,mill,mill-co,2026-01-05,10,H7,4012345000009,71104100,mass_balance,0.3,L-1,Q-1,9,0.05,0.02,scale-1\n"
    )
    (event,) = events(batches=table)
    (quantity,) = event["quantityList"]
    assert (quantity["ol:heat"], quantity["ol:gtin"], quantity["ol:hsCode"]) == ("H7", "04012345000009", "71104100")
    assert (quantity["ol:custody"], quantity["ol:claimedShare"]) == ("mass_balance", "0.3")
    assert (event["ol:licence"], event["ol:quota"]) == ("L-1", "Q-1")
    assert quantity["ol:contained"] == [
        {
            "element": "Ir", "quantity": "9", "uom": "KGM", "uncertainty": "0.05", "systematic": "0.02",
            "instrument": "scale-1",
        }
    ]  # fmt: skip


def test_credits_and_weights_go_with_the_products_of_a_step():
    table = (
        BATCH.strip()
        + ",from,allocation,allocation_weight,credit_co2e_kg,mass_balance_months\n"
        + CRUDE.strip()
        + ",,,,,\n"
    )
    table += "b-1,metal,mill,,2026-02-01,100,80,0.05,a-1,system_expansion,2.5,1.5,3\n"
    *_, step = events(batches=table)
    (made,) = step["outputQuantityList"]
    assert (made["ol:weight"], made["ol:creditG"], step["ol:massBalanceMonths"]) == ("2.5", 1_500, 3)


# Movements


def test_a_shipment_is_on_its_way_until_it_is_received():
    batches = BATCH + CRUDE
    sent = "movement,batch,to_site,to_party,shipped_at,received_at,contract,co2e_kg\nm-1,a-1,plant,plant-co,2026-01-08,"
    on_its_way = state(batches=batches, movements=sent + ",c-1,3\n")
    assert on_its_way.batches()["state"].to_list() == ["in_transit"]
    there = state(batches=batches, movements=sent + "2026-01-20,c-1,3\n")
    assert there.batches()["site"].to_list() == ["plant"]
    assert there.deliveries()["contract"].to_list() == ["c-1"]
    shipping = events(batches=batches, movements=sent + ",c-1,3\n")[1]
    assert shipping["ol:emissionsG"] == 3_000
    assert shipping["readPoint"] == {"id": "urn:oreloop:site:mill"}, "where the tables have it"


def test_an_arrival_adds_an_event_and_changes_none():
    batches = BATCH + CRUDE
    sent = "movement,batch,to_site,to_party,shipped_at,received_at\nm-1,a-1,plant,plant-co,2026-01-08,"
    before = to_events(files(batches=batches, movements=sent + "\n")).splitlines()
    after = to_events(files(batches=batches, movements=sent + "2026-01-20\n")).splitlines()
    assert after[:2] == before
    assert len(after) == 3


def test_what_arrives_is_weighed_again():
    moved = (
        "movement,batch,quantity,from_party,to_site,to_party,shipped_at,received_at,received_quantity,received_uncertainty\n"
        "m-1,a-1,40,mill-co,plant,plant-co,2026-01-08,2026-01-20,39.99,0.01\n"
    )
    assert left(batches=BATCH + CRUDE, movements=moved) == {
        ("a-1", "mill", "mill-co"): 48_000_000,
        ("a-1", "plant", "plant-co"): 32_000_000,
    }
    received = events(batches=BATCH + CRUDE, movements=moved)[2]
    assert (received["quantityList"][0]["quantity"], received["quantityList"][0]["ol:uncertainty"]) == ("39.99", "0.01")


def test_without_another_party_it_stays_in_the_same_hands():
    moved = "movement,batch,to_site,shipped_at,received_at\nm-1,a-1,store,2026-01-08,2026-01-09\n"
    assert left(batches=BATCH + CRUDE, movements=moved) == {("a-1", "store", "mill-co"): 80_000_000}


def test_a_transfer_changes_hands_at_one_site():
    moved = "movement,batch,kind,to_party,date\nm-1,a-1,transfer,bank,2026-01-08\n"
    assert left(batches=BATCH + CRUDE, movements=moved) == {("a-1", "mill", "bank"): 80_000_000}


def test_a_receipt_ends_a_shipment_that_is_told_elsewhere():
    moved = (
        "movement,batch,kind,quantity,to_site,to_party,shipped_at,received_at,Ir_kg,Ir_kg_sd\n"
        "m-1,a-1,shipment,,plant,plant-co,2026-01-08,,,\n"
        "r-1,a-1,receipt,100,plant,plant-co,,2026-01-20,80.01,0.05\n"
    )
    assert left(batches=BATCH + CRUDE, movements=moved) == {("a-1", "plant", "plant-co"): 80_010_000}


def test_metal_comes_to_its_end_of_use():
    moved = "movement,batch,kind,quantity_g,date,reason\nm-1,a-1,终止使用,500,2026-01-08,worn out\n"
    assert left(batches=BATCH + CRUDE, movements=moved) == {("a-1", "mill", "mill-co"): 79_600_000}


def test_a_count_states_what_is_there_and_the_difference_that_may_be_booked():
    moved = (
        "movement,batch,kind,quantity,date,reason,moisture,Ir_pct,Ir_pct_sd,Ir_tolerance_g\n"
        "m-1,a-1,stock_take,100,2026-01-31,year end,0.1,88,0.1,900\n"
    )
    *_, counted = events(batches=BATCH + CRUDE, movements=moved)
    assert (counted["bizStep"], counted["ol:reason"]) == ("stock_taking", "year end")
    assert counted["ol:tolerance"] == [{"element": "Ir", "quantity": "900", "uom": "GRM"}]
    (quantity,) = counted["quantityList"]
    assert quantity["ol:contained"] == [{"element": "Ir", "content": "0.88", "uncertainty": "0.001"}]
    parse_tables(files(batches=BATCH + CRUDE, movements=moved))


# Assays


def test_results_keep_their_digits_and_their_limits():
    assays = (
        "batch,analyte,value,unit,uncertainty,method,detection_limit,laboratory,sample,certificate,assayed_at\n"
        "a-1,Ir,99.9950,%,0.0004,GDMS,,lab,s-1,c-1,2026-01-10\n"
        "a-1,Fe,＜0.50,PPM,,GDMS,0.5,lab,s-1,c-1,2026-01-10\n"
        "a-1,Na,1e-3,ppm,,GDMS,,lab,s-1,c-1,2026-01-10\n"
    )
    found = state(batches=BATCH + CRUDE, assays=assays).assays()
    assert dict(found.select("analyte", "value").rows()) == {"Ir": "99.9950", "Fe": "<0.50", "Na": "0.001"}
    assert dict(found.select("analyte", "unit").rows())["Fe"] == "ppm"


@pytest.mark.parametrize(
    ("cells", "mg"),
    [("80.5,%,0.1,100,0.2", 64_400_000), ("640000,g/t,900,100,0", 64_000_000), ("64.4,kg,0.1,,", 64_400_000)],
)
def test_a_re_assay_changes_the_content(cells, mg):
    assays = (
        "batch,analyte,value,unit,uncertainty,quantity,moisture,assayed_at,adjusts,reason\n"
        f"a-1,Ir,{cells},2026-01-10,yes,wrong sample\n"
    )
    assert left(batches=BATCH + CRUDE, assays=assays) == {("a-1", "mill", "mill-co"): mg}
    has_assay = "kg" not in cells
    assert ("ol:assay" in events(batches=BATCH + CRUDE, assays=assays)[1]) == has_assay


# Time and order


def test_a_time_has_the_offset_of_its_row():
    table = BATCH.strip() + ",utc_offset\na-1,crude,mill,mill-co,2026-01-05 08:00,100,80,0.05,+08:00\n"
    (event,) = events(batches=table)
    assert (event["eventTime"], event["eventTimeZoneOffset"]) == ("2026-01-05T08:00:00.000+08:00", "+08:00")
    table = BATCH.strip() + ",utc_offset\na-1,crude,mill,mill-co,2026-01-05T08:00-03:30,100,80,0.05,+08:00\n"
    assert events(batches=table)[0]["eventTimeZoneOffset"] == "-03:30"


def test_steps_of_one_day_come_in_the_order_in_which_they_are_possible():
    day = "2026-01-05"
    batches = BATCH.strip() + ",from\n"
    batches += f"c-1,part,plant,,{day},50,40,0.05,b-1\n"
    batches += f"b-1,metal,plant,,{day},50,40,0.05,a-1: 50 kg\n"
    batches += f"a-1,crude,mill,mill-co,{day},100,80,0.05,\n"
    moved = f"movement,batch,quantity,to_site,to_party,shipped_at,received_at\nm-1,a-1,60,plant,plant-co,{day},{day}\n"
    assays = f"batch,analyte,value,unit,assayed_at\nc-1,Fe,<1,ppm,{day}\n"
    assert left(batches=batches, movements=moved, assays=assays) == {
        ("a-1", "mill", "mill-co"): 32_000_000,
        ("a-1", "plant", "plant-co"): 8_000_000,
        ("c-1", "plant", "plant-co"): 40_000_000,
    }


def test_what_cannot_be_put_in_order_is_left_to_the_judge_of_the_record():
    batches = (
        BATCH.strip() + ",from\nb-1,metal,mill,,2026-01-05,50,40,0.05,a-9\nb-2,metal,mill,,2026-01-05,50,40,0.05,b-1\n"
    )
    problems = fold(parse_tables(files(batches=batches)), AT).problems
    assert [each.code for each in problems] == ["record.unknown_batch", "record.follows_refused"]
    assert problems[0].place is not None
    assert (problems[0].place.file, problems[0].place.line) == ("record/batches.csv", 2)


def test_a_breach_is_told_at_its_row():
    batches = BATCH.strip() + ",from\n" + CRUDE.strip() + ",\nb-1,metal,mill,,2026-02-01,50,40,0.05,a-1\n"
    (problem,) = fold(parse_tables(files(batches=batches)), AT).problems
    assert (problem.code, problem.place and problem.place.line) == ("record.mass_balance", 3)


# Ids, repetition, correction


def test_the_same_table_again_is_the_same_record():
    tables = files(batches=BATCH + CRUDE)
    assert to_events(tables) == to_events(dict(reversed(tables.items())))
    twice = {**tables, "later/record/batches.csv": tables["record/batches.csv"]}
    assert fold(parse_tables(twice), AT).problems == ()
    assert len(lines(twice)) == 2, "each file is told in full"


def test_an_event_is_named_by_its_row_and_not_by_what_it_says():
    one = events(batches=BATCH + CRUDE)
    changed = events(batches=BATCH + CRUDE.replace("100,80", "101,80"))
    assert one[0]["eventID"] == changed[0]["eventID"]
    both = [
        *parse_tables(files(batches=BATCH + CRUDE)),
        *parse_tables(files(batches=BATCH + CRUDE.replace("100", "101"))),
    ]
    assert [each.code for each in fold(both, AT).problems] == ["record.same_id"]


def test_a_row_that_was_changed_in_another_file_is_refused():
    tables = files(batches=BATCH + CRUDE)
    with pytest.raises(BadInput) as caught:
        parse_tables({**tables, "later/record/batches.csv": (BATCH + CRUDE.replace("100,80", "101,80")).encode()})
    (problem,) = caught.value.problems
    assert (problem.code, problem.fields["got"]) == ("record.row_changed", "a-1")


def test_a_void_row_stays_and_no_longer_counts():
    header = BATCH.strip() + ",row,void,void_reason,replaced_by\n"
    table = header + "a-1,crude,mill,mill-co,2026-01-05,100,80,0.05,,2026-01-07,,a-1-again\n"
    table += "a-1,crude,mill,mill-co,2026-01-05,100,79,0.05,a-1-again,,,\n"
    assert left(batches=table) == {("a-1", "mill", "mill-co"): 79_000_000}
    corrections = state(batches=table).corrections()
    ids = [event["eventID"] for event in events(batches=table)]
    assert corrections["event"].to_list() == [ids[0]]
    assert corrections["replaced_by"].to_list() == [ids[1]]
    before = fold(parse_tables(files(batches=table.replace("a-1-again,,,\n", "a-1-again,2026-01-06,,\n"))), AT)
    assert before.batches().is_empty(), "void rows stay void"


def test_a_void_movement_takes_back_shipment_and_receipt():
    moved = (
        "movement,batch,to_site,to_party,shipped_at,received_at,void,void_reason,replaced_by\n"
        "m-1,a-1,plant,plant-co,2026-01-08,2026-01-09,2026-01-10,未曾发生,m-2\n"
        "m-2,a-1,works,works-co,2026-01-08,2026-01-09,,,\n"
    )
    assert left(batches=BATCH + CRUDE, movements=moved) == {("a-1", "works", "works-co"): 80_000_000}
    wrong = [each for each in events(batches=BATCH + CRUDE, movements=moved) if "errorDeclaration" in each]
    assert [each["errorDeclaration"]["reason"] for each in wrong] == ["did_not_occur"] * 2
    assert all(len(each["errorDeclaration"]["correctiveEventIDs"]) == 2 for each in wrong)


def test_digits_that_only_a_spreadsheet_leaves_are_dropped():
    assert state(batches=BATCH + CRUDE.replace("100,80", "100.30000000000001,80")).made[0].gross_mg == 100_300_000


# Template and reference


def test_the_template_is_a_record_that_balances():
    template = record_template()
    csvs = {name: data for name, data in template.items() if name.endswith(".csv")}
    folded = fold(parse_tables(csvs), AT)
    assert folded.problems == ()
    assert folded.batches()["state"].to_list() == ["used_up", "here", "here"]
    assert to_events({"tables.xlsx": template["tables.xlsx"]}) == to_events(csvs)
    assert record_template() == template


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_reference_names_every_column(language):
    page = record_tables_page(language)
    for table in TABLES.values():
        assert f"## `{table.name}`" in page
        for column in table.columns:
            assert f"| `{column.name}` |" in page
            assert column.meaning[language] in page


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_every_header_means_one_column(table):
    headers = [text for column in table.columns[:-2] for text in (column.name, column.zh, *column.aliases)]
    assert len(set(headers)) == len(headers)
    for text in headers:
        assert len(table.header(text)) == 1
    assert all(column.meaning["en"] and column.meaning["zh"] for column in table.columns)


def test_the_tables_of_the_guide_balance():
    page = Path(__file__).parents[2] / "docs" / "how-to" / "record-batches.md"
    batches, movements, assays, corrected = re.findall(r"^```text\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)
    assert state(batches=batches, movements=movements, assays=assays).deliveries().height == 1
    assert state(batches=corrected).corrections().height == 1


def test_numbers_of_mass_are_exact():
    (event,) = events(batches=BATCH + CRUDE.replace("100,80", "0.1,0.000001"))
    assert Decimal(event["quantityList"][0]["ol:contained"][0]["quantity"]) == Decimal("0.000001")
