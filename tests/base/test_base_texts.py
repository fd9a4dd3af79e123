"""Every code has its texts in both languages, with the same fields; every problem reads as a sentence."""

from importlib.resources import files
from typing import Any

import pytest

from oreloop.base.errors import BadInput, OreloopError, Place, Problem, problem
from oreloop.base.texts import LANGUAGES, field_names, label, parts, render, room_texts

ROOMS = sorted(room.name for room in files("oreloop").iterdir() if (room / "texts.toml").is_file())
MESSAGES = [(room, code) for room in ROOMS for code in room_texts(room).get("message", {})]
LABELS = [(room, code) for room in ROOMS for code in room_texts(room).get("label", {})]


def same_fields(text: dict[str, str]) -> bool:
    return set(text) == set(LANGUAGES) and len({field_names(text[language]) for language in LANGUAGES}) == 1


@pytest.mark.parametrize(("room", "code"), MESSAGES)
def test_a_message_renders_in_both_languages(room: str, code: str) -> None:
    text: dict[str, dict[str, str]] = room_texts(room)["message"][code]
    assert code.startswith(f"{room}.")
    assert {"what", "hint"} <= set(text) <= {"what", "expected", "hint"}
    assert all(same_fields(part) for part in text.values())
    fields = {name: f"<{name}>" for part in text.values() for name in field_names(part["en"])}
    for language in LANGUAGES:
        said = render(Problem(code=code, fields=fields), language)
        assert all(value in said for value in fields.values())
        assert said[-1] in ".。!?？`)）"


@pytest.mark.parametrize(("room", "code"), LABELS)
def test_a_label_has_both_languages(room: str, code: str) -> None:
    text: dict[str, str] = room_texts(room)["label"][code]
    assert code.startswith(f"{room}.")
    assert same_fields(text)
    assert all(text.values())
    for language in LANGUAGES:
        assert label(code, language, **dict.fromkeys(field_names(text["en"]), "x"))


def test_a_problem_names_its_place_what_was_got_and_the_remedy() -> None:
    place = Place(file="prices.csv", line=3, column="price_unit")
    said = problem("base.unknown_unit", place, got="USD/lb", expected="USD/ozt, CNY/g")
    assert render(said, "en") == (
        "prices.csv line 3, column price_unit: The unit USD/lb is not known. One of USD/ozt, CNY/g. "
        "Use one of these units or its UN/ECE Rec 20 code."
    )
    assert render(said, "zh").startswith("prices.csv 第 3 行，price_unit 列：未知单位 USD/lb。")
    assert set(parts(said, "zh")) == {"what", "expected", "hint"}


def test_an_error_carries_every_problem() -> None:
    error = BadInput([problem("base.not_a_number", got="x"), problem("base.not_a_period", got="y")])
    assert error.code == "base.not_a_number"
    assert isinstance(error, OreloopError)
    assert len(str(error).splitlines()) == 2


def test_an_error_without_a_problem_is_a_defect() -> None:
    with pytest.raises(AssertionError):
        OreloopError([])


def test_an_unknown_code_is_a_defect() -> None:
    unknown: Any = "base.no_such_label"
    with pytest.raises(KeyError):
        label(unknown, "en")
    assert room_texts("no_such_room") == {}
