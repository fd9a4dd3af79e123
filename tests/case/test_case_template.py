from __future__ import annotations

from dataclasses import fields
from importlib.resources import files as resources
from string import Formatter
from typing import get_args

import pytest

from oreloop import case
from oreloop.base.texts import LANGUAGES, room_texts
from oreloop.case.columns import Kind, nearest
from oreloop.case.settings import declared


def test_the_template_is_a_case_that_runs():
    loop = case.parse(case.template_files())
    assert loop.unused == ()
    assert case.offer_prices(loop).height == 6
    for frame in loop.tables.values():
        assert set(frame["status"]) <= {"illustrative"}


def test_the_workbook_of_the_template_says_the_same():
    files = case.template_files()
    plain = case.parse(files)
    again = case.parse({"case.toml": files["case.toml"], "tables.xlsx": case.template_xlsx()})
    for name, frame in plain.tables.items():
        assert frame.drop("line").equals(again.tables[name].drop("line"))


def test_the_template_has_the_same_bytes_each_time():
    assert case.template_xlsx() == case.template_xlsx()
    assert case.template_files() == case.template_files()


def test_the_template_explains_every_column_and_setting_in_both_languages():
    files = case.template_files()
    for table in case.TABLES.values():
        text = files[f"{table.name}.csv"].decode("utf-8-sig")
        for column in table.columns:
            assert column.meaning["zh"] in text
            assert column.name in text
    settings = files["case.toml"].decode()
    for setting in declared():
        assert setting.meaning["zh"] in settings
        assert setting.meaning["en"] in settings


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_reference_names_everything(language):
    page = case.markdown(language)
    for table in case.TABLES.values():
        assert f"## `{table.name}`" in page
        for column in table.columns:
            assert f"| `{column.name}` |" in page
            assert column.meaning[language] in page
    for setting in declared():
        assert f"| `{setting.name}` |" in page
        assert setting.meaning[language] in page


@pytest.mark.parametrize("table", case.TABLES.values(), ids=lambda table: table.name)
def test_every_column_is_described_in_full(table):
    names = [column.name for column in table.columns]
    assert len(set(names)) == len(names)
    assert set(table.key) <= set(names)
    headers = [text for column in table.columns[:-2] for text in (column.zh, *column.aliases)]
    assert len(set(headers)) == len(headers), "a header that means two columns"
    for column in table.columns:
        assert column.type in get_args(Kind)
        assert column.meaning["en"]
        assert column.meaning["zh"]
        assert column.basis in ("", "wet", "dry", "gross", "contained")
        assert bool(column.choices) == (column.type == "choice")
        for target in column.refers:
            other, _, key = target.partition(".")
            assert target in ("element", "country") or case.TABLES[other].column(key)


def test_settings_and_their_classes_agree():
    classes = {"forecast": case.ForecastSettings, "plan": case.PlanSettings, "judge": case.JudgeSettings}
    for section, kind in classes.items():
        assert [field.name for field in fields(kind)] == [s.name for s in declared() if s.section == section]


def test_every_text_says_the_same_fields_in_both_languages():
    for kind in room_texts("case").values():
        for code, text in kind.items():
            for part in text.values() if "what" in text else [text]:
                names = {
                    language: {name for _, name, _, _ in Formatter().parse(part[language]) if name}
                    for language in LANGUAGES
                }
                assert names["en"] == names["zh"], code


def test_every_message_is_used_and_every_used_message_exists():
    folders = (resources("oreloop.case"), resources("oreloop.case.checks"))
    modules = [path for folder in folders for path in folder.iterdir() if path.name.endswith(".py")]
    source = "".join(path.read_text("utf-8") for path in modules)
    texts = room_texts("case")
    for code in texts["message"]:
        assert f'"{code}"' in source, code
    for code in texts["label"]:
        assert f'"{code}"' in source or code.startswith(("case.type_", "case.basis_", "case.head_")), code


def test_the_nearest_of_nothing_is_nothing():
    assert nearest("a", ()) == ""
