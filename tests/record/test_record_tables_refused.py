"""What is wrong in a table is refused with its file, line and column, and all of it at once."""

from __future__ import annotations

import pytest

from oreloop.base.errors import BadInput
from oreloop.record.tables import is_table, parse_tables

BATCH = "batch,material,site,holder,made_at,quantity,Ir_kg,Ir_kg_sd\n"
CRUDE = "a-1,crude,mill,mill-co,2026-01-05,100,80,0.05\n"


def files(**tables: str) -> dict[str, bytes]:
    return {f"record/{name}.csv": text.encode() for name, text in tables.items()}


def refused(**tables: str) -> list[tuple[str, str | None, int | None, str | None]]:
    """Code, file, line and column of every problem."""
    with pytest.raises(BadInput) as caught:
        parse_tables(files(**tables))
    problems = caught.value.problems
    assert all(str(problem) for problem in problems)
    return [
        (each.code, each.place and each.place.file, each.place and each.place.line, each.place and each.place.column)
        for each in problems
    ]


B = "record/batches.csv"
M = "record/movements.csv"
A = "record/assays.csv"


@pytest.mark.parametrize(
    ("more", "row", "expected"),
    [
        ("", "a-1,crude,mill,mill-co,2026-01-05,0,,", ("record.not_positive", B, 2, "quantity")),
        ("", "a-1,crude,mill,mill-co,2026-01-05,-1,,", ("record.below_zero", B, 2, "quantity")),
        ("", "a-1,crude,mill,mill-co,2026-01-05,0.0000001,,", ("base.finer_than_mg", B, 2, "quantity")),
        ("", "a-1,crude,mill,mill-co,2026-01-05,1e18,,", ("base.mass_range", B, 2, "quantity")),
        ("", "a-1,crude,mill,mill-co,2026-01-05,12 kg,,", ("base.not_a_number", B, 2, "quantity")),
        ("", "a-1,crude,mill,mill-co,5 January,10,,", ("case.not_a_time", B, 2, "made_at")),
        ("", "a-1,crude,mill,mill-co,2026-13-05,10,,", ("case.not_a_time", B, 2, "made_at")),
        ("", "A 1,crude,mill,mill-co,2026-01-05,10,,", ("case.bad_id", B, 2, "batch")),
        ("", "a-1,crude,mill,,2026-01-05,10,,", ("record.needed", B, 2, "holder")),
        ("", "a-1,crude,mill,mill-co,2026-01-05,10,,0.1", ("record.stands_alone", B, 2, "Ir_kg_sd")),
        ("", "a-1,crude,mill,mill-co,2026-01-05,10,11,", ("record.more_metal_than_mass", B, 2, "contained")),
        (",Ir_pct", "a-1,crude,mill,mill-co,2026-01-05,10,9,,90", ("record.element_twice", B, 2, "Ir_pct")),
        (",Pt_pct", "a-1,crude,mill,mill-co,2026-01-05,10,9,,101", ("record.wrong_type", B, 2, "Pt_pct")),
        (",Pt_tolerance_kg", "a-1,crude,mill,mill-co,2026-01-05,10,9,,1", ("record.cell_unused", B, 2, "Pt_tolerance_kg")),
        (",Pt_loss_kg", "a-1,crude,mill,mill-co,2026-01-05,10,9,,1", ("record.cell_unused", B, 2, "Pt_loss_kg")),
        (",moisture", "a-1,crude,mill,mill-co,2026-01-05,10,9,,1.1", ("record.wrong_type", B, 2, "moisture")),
        (",process", "a-1,crude,mill,mill-co,2026-01-05,10,9,,refining", ("record.cell_unused", B, 2, "process")),
        (",recycled_share", "a-1,crude,mill,mill-co,2026-01-05,10,9,,0.1", ("record.needed", B, 2, "recycled_kind")),
        (",recycled_kind", "a-1,crude,mill,mill-co,2026-01-05,10,9,,消费后", ("record.needed", B, 2, "recycled_share")),
        (",utc_offset", "a-1,crude,mill,mill-co,2026-01-05,10,9,,8", ("record.wrong_type", B, 2, "utc_offset")),
        (",gtin", "a-1,crude,mill,mill-co,2026-01-05,10,9,,4012345000001", ("record.wrong_gtin", B, 2, "gtin")),
        (",uncertainty", "a-1,crude,mill,mill-co,2026-01-05,,9,,1", ("case.missing_value", B, 2, "quantity")),
        (",co2e_kg", "a-1,crude,mill,mill-co,2026-01-05,10,9,,9e17", ("record.wrong_type", B, 2, "co2e_kg")),
        (",colour", "a-1,crude,mill,mill-co,2026-01-05,10,9,,red", ("case.unknown_column", B, 1, "colour")),
        (",replaced_by,void", "a-1,crude,mill,mill-co,2026-01-05,10,9,,b-7,2026-01-06", ("record.no_such_row", B, 2, "replaced_by")),
        (",from", "b-1,crude,mill,,2026-01-05,10,9,,a-1: 5 stone", ("record.bad_inputs", B, 2, "from")),
        (",from", "b-1,crude,mill,,2026-01-05,10,9,,a-1; a-1", ("record.bad_inputs", B, 2, "from")),
        (",from,mass_balance_months", "b-1,crude,mill,,2026-01-05,10,9,,a-1,three", ("record.wrong_type", B, 2, "mass_balance_months")),
        (",from,origin_country", "b-1,crude,mill,,2026-01-05,10,9,,a-1,ZAF", ("record.cell_unused", B, 2, "origin_country")),
    ],
)  # fmt: skip
def test_a_wrong_cell_is_named_with_its_place(more, row, expected):
    found = refused(batches=BATCH.strip() + more + "\n" + row + "\n")
    if expected[0] == "record.wrong_gtin":  # the code belongs to the reader of events; the place is ours
        assert found[0][1:] == expected[1:]
    else:
        assert expected in found


def test_the_unit_of_header_and_row_must_agree():
    table = "batch,material,site,holder,made_at,quantity_g,unit\na-1,crude,mill,mill-co,2026-01-05,5,kg\n"
    assert ("record.two_units", B, 2, "unit") in refused(batches=table)


def test_rows_of_a_step_must_agree():
    table = BATCH.strip() + ",step,from,process\n" + CRUDE.strip() + ",,,\n"
    table += "b-1,metal,mill,,2026-02-01,50,40,0.05,s,a-1,refining\nb-2,metal,mill,,2026-02-02,50,40,0.05,s,,melting\n"
    found = refused(batches=table)
    assert {("record.step_differs", B, 4, "made_at"), ("record.step_differs", B, 4, "process")} == set(found)


def test_a_batch_is_named_once_in_a_file():
    assert refused(batches=BATCH + CRUDE + CRUDE) == [("record.row_twice", B, 3, None)]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("m-1,a-1,shipment,,,2026-01-08,,,", [("record.needed", M, 2, "to_site")]),
        ("m-1,a-1,transfer,,,2026-01-08,,,", [("record.needed", M, 2, "to_party")]),
        ("m-1,a-1,receipt,plant,,,,,", [("record.needed", M, 2, "received_at")]),
        ("m-1,a-1,stock_take,plant,,2026-01-08,,,", [("record.cell_unused", M, 2, "to_site")]),
        ("m-1,a-1,end_of_use,,,2026-01-08,,,1", [("record.cell_unused", M, 2, "Ir_loss_kg")]),
        ("m-1,a-9,shipment,plant,plant-co,2026-01-08,,,", [("record.where_unknown", M, 2, "from_site")]),
        ("m-1,a-1,shipment,plant,,2026-01-08,,0.1,", [("record.stands_alone", M, 2, "received_uncertainty")]),
        ("m-1,a-1,gift,plant,,2026-01-08,,,", [("case.not_a_choice", M, 2, "kind")]),
    ],
)
def test_a_movement_needs_what_its_kind_needs(row, expected):
    header = "movement,batch,kind,to_site,to_party,shipped_at,received_at,received_uncertainty,Ir_loss_kg\n"
    row = row.replace(",0.1,", ",0.1,") if "received" in expected[0][0] else row
    if expected[0][0] == "record.stands_alone":
        row = "m-1,a-1,shipment,plant,,2026-01-08,2026-01-09,0.1,"
    assert refused(batches=BATCH + CRUDE, movements=header + row + "\n") == expected


def test_a_shipment_of_unknown_hands_needs_its_party():
    moved = "movement,batch,from_site,to_site,shipped_at\nm-1,a-9,mill,plant,2026-01-08\n"
    assert refused(movements=moved) == [("record.needed", M, 2, "to_party")]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("a-1,Ir,about 5,%,2026-01-08,,,", ("record.wrong_type", A, 2, "value")),
        ("a-1,Ir,<5,%,2026-01-08,yes,100,", ("record.cannot_adjust", A, 2, "value")),
        ("a-1,Ir,5,lots,2026-01-08,yes,100,", ("record.cannot_adjust", A, 2, "unit")),
        ("a-1,Ir,5,%,2026-01-08,yes,,", ("record.needed", A, 2, "quantity")),
        ("a-1,Ir,101,%,2026-01-08,yes,100,", ("record.wrong_type", A, 2, "value")),
        ("a-1,Ir,0.0000001,kg,2026-01-08,yes,,", ("base.finer_than_mg", A, 2, "value")),
        ("a-1,Ir,5,%,2026-01-08,,,0.1", ("record.cell_unused", A, 2, "moisture")),
        ("a-9,Ir,5,%,2026-01-08,,,", ("record.where_unknown", A, 2, "site")),
    ],
)
def test_a_result_that_cannot_be_meant_is_refused(row, expected):
    header = "batch,analyte,value,unit,assayed_at,adjusts,quantity,moisture\n"
    assert expected in refused(batches=BATCH + CRUDE, assays=header + row + "\n")


def test_an_assay_says_nothing_of_other_elements_in_its_columns():
    header = "batch,analyte,value,unit,assayed_at,Pt_kg\n"
    found = refused(batches=BATCH + CRUDE, assays=header + "a-1,Ir,5,%,2026-01-08,1\n")
    assert found == [("record.cell_unused", A, 2, "Pt_kg")]


def test_all_problems_are_told_at_once():
    found = refused(batches=BATCH + "a-1,crude,,mill-co,2026,x,1,1\n", movements="movement\nm\n", assays="batch\n")
    assert {place for _, place, _, _ in found} == {B, M, A}
    assert len(found) > 6


def test_files_of_other_names_are_refused():
    assert refused(stock="site\nmill\n") == [("record.unknown_table", "record/stock.csv", None, None)]
    with pytest.raises(BadInput) as caught:
        parse_tables({"record/2026.xlsx": b""})
    assert caught.value.code == "record.other_workbook"
    assert not is_table("record/2026.jsonl")
    assert parse_tables({"record/batches-2026-01.csv": (BATCH + CRUDE).encode()})
