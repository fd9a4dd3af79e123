"""Whatever the bytes, a case is read or refused; nothing else happens."""

from __future__ import annotations

import io
import zipfile
from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from oreloop import case
from oreloop.base.errors import BadInput
from oreloop.base.texts import LANGUAGES, render

NAMES = ["case.toml", "demand.csv", "lanes.csv", "materials.csv", "offers.csv", "sites.csv"]
FILES = {name: case.template_files()[name] for name in NAMES}


def survives(files):
    try:
        case.parse(files)
    except BadInput as error:
        for problem in error.problems[:5]:
            for language in LANGUAGES:
                assert render(problem, language)


@given(st.sampled_from(NAMES), st.binary(max_size=300))
def test_random_bytes(name, data):
    survives({**FILES, name: data})


@given(st.sampled_from(NAMES), st.text(max_size=200))
def test_random_text(name, text):
    survives({**FILES, name: text.encode("utf-8", "surrogatepass")})


@given(st.data(), st.sampled_from(sorted(case.TABLES)))
def test_random_cells_under_the_right_headers(data, name):
    columns = [column.name for column in case.TABLES[name].columns]
    cell = st.sampled_from(
        ["", "plant", "supplier", "ir-5n", "example-offer", "Ir", "CHN", "2026-03", "2026-W09", "2026-03-01", "yes",
         "in", "out", "0", "1", "-1", "1e18", "1e-18", "nan", "CNY/g", "USD/ozt", "CNY", "USD", "purchase", "<=", "share",
         "site=plant", "ir-5n:1", "approved", "refused", "0001-01", "2026-01..2026-02", "#", '"', "｜", "9" * 41]
    )  # fmt: skip
    rows = data.draw(st.lists(st.lists(cell, min_size=len(columns), max_size=len(columns)), max_size=4))
    survives({**FILES, f"{name}.csv": "\n".join(map(",".join, [columns, *rows])).encode()})


SETTING = st.sampled_from(
    ['"x"', "1", "-1", "0.5", "true", "[]", '["Ir"]', "{}", "1979-05-27", "07:32:00", "1979-05-27T07:32:00Z", "inf",
     '"2026-01"', '"9999-12"', '"0001-W01"', "0x" + "f" * 4000, "[" * 50 + "]" * 50, '{zh = 1}']
)  # fmt: skip


@given(
    st.sampled_from(["case", "forecast", "plan", "judge", "x"]),
    st.sampled_from(["id", "as_of", "start", "periods", "seed", "metals", "title", "budget"]),
    SETTING,
)
def test_random_settings(section, name, value):
    kept = "\n".join(line for line in FILES["case.toml"].decode().split("\n") if not line.startswith(f"{name} ="))
    survives({**FILES, "case.toml": f"{kept}\n[{section}.more]\n".encode()})
    survives({**FILES, "case.toml": kept.replace(f"[{section}]", f"[{section}]\n{name} = {value}").encode()})


def test_deep_nesting_is_refused():
    survives({**FILES, "case.toml": b"[case]\nid = " + b"[" * 50_000})


@cache
def workbook() -> bytes:
    return case.template_xlsx()


@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 255)), min_size=1, max_size=8))
def test_a_workbook_with_bytes_changed(changes):
    data = bytearray(workbook())
    for place, value in changes:
        data[place % len(data)] = value
    survives({"case.toml": FILES["case.toml"], "tables.xlsx": bytes(data)})


@given(
    st.integers(0, 10**9),
    st.binary(max_size=40),
    st.sampled_from(["xl/worksheets/sheet2.xml", "xl/workbook.xml", "xl/sharedStrings.xml", "xl/styles.xml"]),
)
def test_a_workbook_with_its_xml_changed(place, junk, member):
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook())) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            at = place % len(data) if data else 0
            new.writestr(name, data[:at] + junk + data[at + len(junk) :] if name == member else data)
    survives({"case.toml": FILES["case.toml"], "tables.xlsx": out.getvalue()})
