"""Whatever the bytes or cells, a table is read or refused; nothing else happens."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oreloop.base.errors import BadInput
from oreloop.base.instant import instant
from oreloop.base.texts import LANGUAGES, render
from oreloop.record import fold
from oreloop.record.tables import TABLES, from_events, is_table, parse_tables, record_template

AT = instant("2027-12-31")
TEMPLATE = record_template()
CSVS = {name: data for name, data in TEMPLATE.items() if name.endswith(".csv")}
NAMES = sorted(CSVS)
CELL = st.sampled_from(
    ["", "crude-1", "ir-5n-1", "plant", "plant-co", "Ir", "Fe", "CHN", "2026-03", "2026-03-01", "2026-03-01 25:00",
     "0001-01-01", "9999-12-31", "9999-12-31T23:59-14:00", "0001-01-01T00:00+14:00", "yes", "no", "0", "1", "-1", "-0",
     "12.5", "1e18", "1e-18", "nan", "inf", "<1", "<", "%", "ppm", "kg", "lots", "crude-1: 1 kg", "crude-1: 1 ± x kg",
     ":", ";;", "crude-1:;ir-5n-1: 3", "shipment", "transfer", "stock_take", "end_of_use", "receipt", "measured",
     "+08:00", "+15:00", "#", '"', "｜", "9" * 41, "９", "#N/A", "post_consumer", "m-1", "mass", "３%"]
)  # fmt: skip
HEADER = st.sampled_from(
    ["Ir_kg", "Ir_kg_sd", "Ir_pct", "Ir_pct_systematic", "铱（%）", "Ir_loss_kg", "Ir_loss_kg_sd", "Ir_tolerance_g",
     "quantity_g", "quantity_ozt", "uncertainty_lb", "co2e_t", "能耗（度）", "moisture_%", "Xx_kg", "Ir", "%", "_kg"]
)  # fmt: skip


def survives(files):
    try:
        events = parse_tables(files)
    except BadInput as error:
        for problem in error.problems[:5]:
            for language in LANGUAGES:
                assert render(problem, language)
        return
    fold(events, AT)
    parse_tables(from_events(events).files())


@given(st.sampled_from([*NAMES, "tables.xlsx", "x.csv"]), st.binary(max_size=300))
def test_random_bytes(name, data):
    survives({**CSVS, f"record/{name}": data})


@given(st.sampled_from(NAMES), st.text(max_size=200))
def test_random_text(name, text):
    survives({**CSVS, name: text.encode("utf-8", "surrogatepass")})


@given(st.data(), st.sampled_from(sorted(TABLES)))
@settings(max_examples=settings().max_examples // 2)
def test_random_cells_under_the_right_headers(data, name):
    columns = [column.name for column in TABLES[name].columns] + data.draw(st.lists(HEADER, max_size=4, unique=True))
    rows = data.draw(st.lists(st.lists(CELL, min_size=len(columns), max_size=len(columns)), max_size=3))
    survives({**CSVS, f"{name}.csv": "\n".join(map(",".join, [columns, *rows])).encode()})


@pytest.mark.slow
@given(st.data(), st.sampled_from(sorted(CSVS)))
@settings(max_examples=settings().max_examples // 2)
def test_one_cell_of_the_template_changed(data, name):
    lines = [line for line in CSVS[name].decode("utf-8-sig").splitlines() if not line.startswith(("#", '"#'))]
    rows = [line.split(",") for line in lines]
    row = data.draw(st.integers(0, len(rows) - 1))
    rows[row][data.draw(st.integers(0, len(rows[row]) - 1))] = data.draw(st.one_of(CELL, HEADER, st.text(max_size=9)))
    text = "\n".join(map(",".join, rows))
    survives({**CSVS, name: text.encode("utf-8", "surrogatepass")})


@pytest.mark.slow
@given(st.integers(0, 400), st.integers(0, 255))
@settings(max_examples=settings().max_examples // 2)
def test_one_byte_of_a_workbook_changed(at, byte):
    data = bytearray(TEMPLATE["tables.xlsx"])
    data[at * len(data) // 401] = byte
    survives({"record/tables.xlsx": bytes(data)})


def test_only_tables_are_taken():
    assert [name for name in ("a.csv", "b.XLSX", "c.ods", "d.json", "e.jsonl") if is_table(name)] == [
        "a.csv",
        "b.XLSX",
        "c.ods",
    ]
