from __future__ import annotations

import csv
import io
import zipfile
from datetime import date

import pytest
import xlsxwriter

from oreloop import case
from oreloop.case.sheets import MAX_UNPACKED_BYTES, xlsx_sheets


def workbook(sheets: dict[str, list[list[object]]]) -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for line, row in enumerate(rows):
                for column, cell in enumerate(row):
                    if isinstance(cell, date):
                        sheet.write_datetime(line, column, cell, day)
                    elif cell is not None:
                        sheet.write(line, column, cell)
    return out.getvalue()


def cells(text: str) -> list[list[object]]:
    return [[number(cell) for cell in row] for row in csv.reader(io.StringIO(text))]


def number(text: str) -> object:
    try:
        return float(text)
    except ValueError:
        return text or None


def split(files, names=lambda name: name):
    tables = {names(name.removesuffix(".csv")): cells(text) for name, text in files.items() if name.endswith(".csv")}
    return {"case.toml": files["case.toml"].encode(), "tables.xlsx": workbook(tables)}


@pytest.mark.parametrize("names", [lambda name: name, lambda name: case.TABLES[name].zh])
def test_a_workbook_says_the_same_as_the_files(files, names):
    plain = case.parse({name: text.encode() for name, text in files.items()})
    again = case.parse(split(files, names))
    assert all(plain.tables[name].equals(again.tables[name]) for name in plain.tables)


def test_an_excel_date_means_the_period_it_falls_in(files):
    given = split(files)
    del files["demand.csv"]
    given["tables.xlsx"] = workbook(
        {name.removesuffix(".csv"): cells(text) for name, text in files.items() if name.endswith(".csv")}
        | {"demand": [["site", "material", "period", "quantity_kg"], ["plant", "ir-5n", date(2026, 3, 9), 2.5]]}
    )
    assert case.parse(given).tables["demand"].select("period", "quantity_kg").row(0) == ("2026-03", 2.5)


def test_a_problem_in_a_sheet_is_named_by_sheet_and_row(files, refused):
    files["demand.csv"] = "\n\n" + files["demand.csv"].replace(",12", ",-12")
    (problem,) = refused(split(files))
    assert (problem.place.file, problem.place.line, problem.place.column) == ("tables.xlsx/demand", 6, "quantity_kg")


def test_a_table_in_both_file_and_sheet_is_refused(files, refused):
    given = split(files) | {"offers.csv": files["offers.csv"].encode()}
    (problem,) = refused(given)
    assert (problem.code, problem.fields["other"]) == ("case.table_twice", "offers.csv")


def test_a_blank_sheet_and_a_note_are_no_tables(files):
    given = split(files)
    tables = {name.removesuffix(".csv"): cells(text) for name, text in files.items() if name.endswith(".csv")}
    given["tables.xlsx"] = workbook(tables | {"Sheet1": [], "#notes": [["buy", "more"]]})
    assert case.parse(given).id == "loop"


def test_another_workbook_is_not_read(files, refused):
    (problem,) = refused(files | {"Tabelle.xlsx": b""})
    assert problem.code == "case.unknown_workbook"


def test_a_lock_file_of_a_spreadsheet_is_ignored(files):
    assert case.parse({name: text.encode() for name, text in files.items()} | {"~$tables.xlsx": b"x"}).id == "loop"


def archive(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "case.broken_xlsx"),
        (b"PK\x03\x04 and no more", "case.broken_xlsx"),
        (archive({"content.xml": b"<a/>"}), "case.broken_xlsx"),
        (archive({"xl/workbook.xml": b"<workbook"}), "case.broken_xlsx"),
        (archive({"xl/workbook.xml": b"", "xl/s.xml": b'<c r="XFD1048576"/><c r="A1"/>'}), "case.too_large"),
        (archive({"xl/workbook.xml": b"", "big": b"\0" * (MAX_UNPACKED_BYTES // 8)}), "case.broken_xlsx"),
    ],
)
def test_a_hostile_workbook_is_refused_before_it_takes_memory(files, refused, data, code):
    assert code in [problem.code for problem in refused({"case.toml": files["case.toml"], "tables.xlsx": data})]


def test_a_zip_bomb_is_refused_by_its_size(monkeypatch, files, refused):
    monkeypatch.setattr("oreloop.case.sheets.MAX_UNPACKED_BYTES", 1000)
    given = {"case.toml": files["case.toml"], "tables.xlsx": workbook({"sites": [["site"]]})}
    assert "case.too_large" in [problem.code for problem in refused(given)]


@pytest.mark.parametrize("name", ["sites.csv", "tables.xlsx"])
def test_a_file_too_large_is_refused_by_its_size(monkeypatch, files, refused, name):
    monkeypatch.setattr("oreloop.case.sheets.MAX_BYTES", 1000)
    given = {"case.toml": files["case.toml"], name: b"x" * 1001}
    assert [problem.code for problem in refused(given)] == ["case.too_large"]


def test_a_table_too_long_is_refused(monkeypatch, files, refused):
    monkeypatch.setattr("oreloop.case.sheets.MAX_ROWS", 3)
    files["materials.csv"] += "a,Ir,1,,,\n"
    assert "case.too_many_rows" in [problem.code for problem in refused(files)]


def test_rows_keep_their_number_below_blank_ones():
    (sheet,) = xlsx_sheets(workbook({"sites": [[], ["site"], [], ["# note"], ["a"]]}), "tables.xlsx")
    assert sheet.rows == ((2, ("site",)), (5, ("a",)))


@pytest.mark.parametrize("error", ["#DIV/0!", "#N/A"])
def test_a_formula_that_failed_is_no_blank_cell(files, refused, error):
    given = split(files)
    tables = {name.removesuffix(".csv"): cells(text) for name, text in files.items() if name.endswith(".csv")}
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        for name, rows in tables.items():
            sheet = book.add_worksheet(name)
            for line, row in enumerate(rows):
                sheet.write_row(line, 0, row)
            if name == "processes":
                sheet.write_formula(1, 3, "=1/0", None, error)
    given["tables.xlsx"] = out.getvalue()
    (problem,) = refused(given)
    assert (problem.code, problem.fields["got"]) == ("case.formula_failed", error)
    assert (problem.place.file, problem.place.line, problem.place.column) == (
        "tables.xlsx/processes",
        2,
        "capacity_dry_kg",
    )


def test_a_failed_formula_at_the_start_of_a_row_is_no_comment(files, refused):
    files["demand.csv"] += "#N/A,ir-5n,2026-05,7\n"
    (problem,) = refused(files)
    assert (problem.code, problem.place.line, problem.place.column) == ("case.formula_failed", 5, "site")


def test_a_time_of_day_falls_in_its_period(files):
    files["demand.csv"] = files["demand.csv"].replace("2026-04,12", "2026-04-15 08:30:00,12")
    assert "2026-04" in case.parse({name: text.encode() for name, text in files.items()}).tables["demand"]["period"]


def test_full_width_characters_mean_the_ordinary_ones(files):
    plain = case.parse({name: text.encode() for name, text in files.items()}).tables
    files["demand.csv"] = files["demand.csv"].replace(
        "plant,ir-5n,2026-04,12", "ｐｌａｎｔ,ｉｒ－５ｎ,２０２６－０４,１２"
    )
    files["offers.csv"] = files["offers.csv"].replace("CNY/g", "ＣＮＹ／ｇ")
    again = case.parse({name: text.encode() for name, text in files.items()}).tables
    assert all(plain[name].equals(again[name]) for name in ("demand", "offers"))


@pytest.mark.parametrize("header", ["Quantity (kg)", "数量（千克）", "数量(kg)", "quantity-kg"])
def test_a_header_may_put_its_unit_in_brackets(files, header):
    files["demand.csv"] = files["demand.csv"].replace("quantity_kg", header)
    assert case.parse({name: text.encode() for name, text in files.items()}).tables["demand"]["quantity_kg"].sum() == 31


def test_an_unknown_chinese_header_is_answered_in_chinese(files, refused):
    files["lanes.csv"] = files["lanes.csv"].replace("lead_days", "天数")
    assert refused(files)[0].fields["nearest"] == "运输天数"
