"""Who may see what: a value of a tier reaches no wider audience, whichever way it is written."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count, pairwise
from typing import Any

import pytest

from oreloop.base.canonical import canonical
from oreloop.base.errors import BadInput, OreloopError
from oreloop.base.texts import LANGUAGES, render
from oreloop.passport import TIERS, Field, Passport, Tier, as_csv, as_json, disclose, fields, leaves
from oreloop.report import passport_page, passport_value

AT = datetime(2026, 6, 1, tzinfo=UTC)


class Planted:
    """A passport with every field, each holding a value that stands nowhere else."""

    def __init__(self, rows: int = 2) -> None:
        self.values: dict[str, list[str]] = {path: [] for path in fields()}
        self._next = count(1)
        self._rows = rows
        tree: dict[str, Any] = {}
        for path, field in fields().items():
            self._plant(tree, path.split("."), field)
        self.passport = Passport(batch="b", at=AT, sections=tree)

    def _plant(self, node: dict[str, Any], names: list[str], field: Field) -> None:
        name, *rest = names
        if not rest:
            node[name] = self._value(field)
        elif name.endswith("[]"):
            for row in node.setdefault(name[:-2], [{} for _ in range(self._rows)]):
                self._plant(row, rest, field)
        else:
            self._plant(node.setdefault(name, {}), rest, field)

    def _value(self, field: Field) -> Any:
        number = next(self._next)
        mark = f"zq{number:05d}qz"
        digits = f"7{number:05d}3"
        match field.kind:
            case "named":
                value: Any = {"id": mark, "name_en": f"{mark}en", "name_zh": f"{mark}zh"}
            case "spoken":
                value = {"en": f"{mark}en", "zh": f"{mark}zh"}
            case "time":
                year = 2100 + number // 360
                mark = f"{year}-{number % 12 + 1:02d}-{number % 360 // 12 + 1:02d}"
                value = f"{mark}T00:00:00.000Z"
            case "whole":
                value, mark = int(digits), digits
            case "decimal":
                value, mark = f"0.{digits}", digits
            case "share":
                value, mark = f"0.{digits}", digits
            case _:
                value = mark
        self.values[field.path].append(mark)
        return value

    def hidden_from(self, audience: Tier) -> Iterator[tuple[str, str]]:
        wide = TIERS[: TIERS.index(audience) + 1]
        for path, marks in self.values.items():
            if fields()[path].tier not in wide:
                yield from ((path, mark) for mark in marks)

    def shown_to(self, audience: Tier) -> Iterator[tuple[str, str]]:
        hidden = set(self.hidden_from(audience))
        yield from ((path, mark) for path, marks in self.values.items() for mark in marks if (path, mark) not in hidden)


@pytest.fixture(scope="module")
def planted() -> Planted:
    return Planted()


def with_only(path: str, value: Any) -> Passport:
    """A passport with one value at a path."""
    *way, last = path.split(".")
    tree: Any = {last: value}
    for name in reversed(way):
        tree = {name[:-2]: [tree]} if name.endswith("[]") else {name: tree}
    return Passport(batch="b", at=AT, sections=tree)


def squeezed(text: str) -> str:
    """A text without what stands between the digits of a number."""
    return re.sub(r"(?<=\d)[\u202f.,](?=\d)", "", text)


@pytest.mark.parametrize("audience", TIERS)
def test_no_value_of_a_higher_tier_is_in_json_csv_page_or_terminal(planted: Planted, audience: Tier) -> None:
    disclosed = disclose(planted.passport, audience)
    said = [passport_value(path, value, language) for path, _, value in leaves(disclosed) for language in LANGUAGES]
    outputs = [
        as_json(disclosed).decode(),
        as_csv(disclosed),
        *(passport_page(disclosed, language) for language in LANGUAGES),
        "\n".join(said),
        repr(planted.passport),
        str(planted.passport),
    ]
    for output in outputs:
        for text in (output, squeezed(output)):
            assert [hidden for hidden in planted.hidden_from(audience) if hidden[1] in text] == []


@pytest.mark.parametrize("audience", TIERS)
def test_an_audience_sees_all_of_its_tier_and_of_wider_ones(planted: Planted, audience: Tier) -> None:
    disclosed = disclose(planted.passport, audience)
    for text in (as_json(disclosed).decode(), as_csv(disclosed)):
        assert [path for path, mark in planted.shown_to(audience) if mark not in text] == []


def test_the_owner_sees_everything(planted: Planted) -> None:
    shown = disclose(planted.passport, "owner")
    assert {name: shown[name] for name in planted.passport.sections} == planted.passport.sections


def test_audiences_are_nested(planted: Planted) -> None:
    paths = [{place for _, place, _ in leaves(disclose(planted.passport, each))} for each in TIERS]
    assert all(narrow < wide for narrow, wide in pairwise(paths))


@pytest.mark.parametrize("audience", TIERS)
@pytest.mark.parametrize("path", ["proof.secret", "custody.steps[].price", "novel.thing", "identity.contained[].x[].y"])
def test_a_value_without_a_field_is_refused_and_never_quoted(audience: Tier, path: str, caplog: Any) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(BadInput) as refused:
        disclose(with_only(path, "zq-secret-qz"), audience)
    assert refused.value.code == "passport.unknown_field"
    assert "zq-secret-qz" not in whole_text(refused.value) + caplog.text


@pytest.mark.parametrize("empty", [{}, [], None])
def test_what_is_absent_is_left_out_and_not_blank(empty: Any) -> None:
    with pytest.raises(BadInput, match="identity") as refused:
        disclose(Passport(batch="b", at=AT, sections={"identity": empty}), "owner")
    assert refused.value.code == "passport.unknown_field"


@pytest.mark.parametrize(
    "wrong", [1.5, None, b"zq-secret-qz", {"zq-secret-qz": "zq-secret-qz"}, True, "", ["zq-secret-qz"]]
)
def test_a_value_of_another_kind_is_refused_whoever_asks_and_never_quoted(wrong: Any) -> None:
    for path in fields():
        with pytest.raises(BadInput) as refused:
            disclose(with_only(path, wrong), "public")
        assert refused.value.code == "passport.wrong_kind"
        assert refused.value.problems[0].fields["field"] == path
        assert "zq-secret-qz" not in whole_text(refused.value)


def test_an_unknown_audience_is_refused(planted: Planted) -> None:
    with pytest.raises(BadInput) as refused:
        disclose(planted.passport, "everybody")  # type: ignore[arg-type]
    assert refused.value.code == "passport.audience"
    assert [mark for marks in planted.values.values() for mark in marks if mark in whole_text(refused.value)] == []


def test_json_is_canonical_and_the_same_every_time(planted: Planted) -> None:
    disclosed = disclose(planted.passport, "authority")
    written = as_json(disclosed)
    assert written == canonical(json.loads(written)) == as_json(disclose(Planted().passport, "authority"))
    assert json.loads(written)["type"] == "oreloop.passport/1"
    assert json.loads(written)["audience"] == "authority"


def test_every_field_is_labelled_in_both_languages() -> None:
    for field in fields().values():
        assert all(field.label(language) for language in LANGUAGES)


def test_a_spreadsheet_runs_no_text_of_a_passport() -> None:
    sections: dict[str, Any] = {
        "identity": {"batch": "=1+1", "heat": "-7", "moisture": "0.1"},
        "route": {"steps": [{"route": "@x"}]},
    }
    written = as_csv(disclose(Passport(batch="b", at=AT, sections=sections), "public"))
    assert "identity.batch,'=1+1," in written
    assert "identity.heat,'-7," in written
    assert "identity.moisture,0.1," in written
    assert "route.steps[0].route,'@x," in written


def whole_text(refused: OreloopError) -> str:
    said = [render(problem, language) for problem in refused.problems for language in LANGUAGES]
    return "\n".join([*said, str(refused), repr(refused), repr(refused.__context__), repr(refused.__cause__)])
