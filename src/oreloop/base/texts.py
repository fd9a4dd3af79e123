"""Texts in Chinese and English: one ``texts.toml`` per room, keyed by code, with named fields.

A file has two tables::

    [message."case.unknown_unit"]
    what     = {en = "The unit {got} is not known.", zh = "未知单位 {got}。"}
    expected = {en = "One of {expected}.", zh = "应为 {expected} 之一。"}
    hint     = {en = "Write the price as currency per mass unit.", zh = "请写成“货币/质量单位”。"}

    [label]
    "plan.cost" = {en = "Cost", zh = "成本"}

``what`` and ``hint`` are required, ``expected`` is optional.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from string import Formatter
from typing import Any, Literal

from oreloop.base.errors import Place, Problem

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")

_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Controls, line ends, whatever turns the direction of writing, and half surrogate pairs."""


@cache
def room_texts(room: str) -> Mapping[str, Mapping[str, Any]]:
    """Read the texts of one room.

    Args:
        room: name of the room, which is the first word of its codes.
    """
    source = files("oreloop") / room / "texts.toml"
    return tomllib.loads(source.read_text("utf-8")) if source.is_file() else {}


def label(code: str, language: Language, /, **fields: object) -> str:
    """Give the text of a label; an unknown code is a defect of ours and raises ``KeyError``.

    >>> label("base.kg", "zh")
    '千克'
    """
    text: str = room_texts(code.split(".", 1)[0])["label"][code][language]
    return text.format_map({name: visible(str(value)) for name, value in fields.items()}) if fields else text


def visible(text: str) -> str:
    r"""Write a text that somebody else chose so that it cannot steer a terminal or hide what it says.

    >>> visible("\x1b[2Jmass \u202e1")
    '\\x1b[2Jmass \\u202e1'
    """
    return _UNSEEN.sub(lambda found: ascii(found[0])[1:-1], text)


def parts(problem: Problem, language: Language) -> dict[str, str]:
    """Give the texts of a problem: ``what``, ``hint`` and, where the code has one, ``expected``."""
    texts = room_texts(problem.code.split(".", 1)[0])["message"][problem.code]
    fields = {name: visible(value) for name, value in problem.fields.items()}
    return {part: text[language].format_map(fields) for part, text in texts.items()}


def render(problem: Problem, language: Language) -> str:
    """Write a problem as one line a person can act on: place, what, expected, hint."""
    texts = parts(problem, language)
    space, colon = (" ", ": ") if language == "en" else ("", "：")
    said = space.join(texts[part] for part in ("what", "expected", "hint") if part in texts)
    return f"{written_place(problem.place, language)}{colon}{said}" if problem.place else said


def problem_json(problem: Problem, language: Language) -> dict[str, Any]:
    """Give a problem as JSON: code, place, fields and its texts."""
    place = problem.place
    return {
        "code": problem.code,
        "file": place.file if place else None,
        "line": place.line if place else None,
        "column": place.column if place else None,
        "fields": dict(problem.fields),
        **parts(problem, language),
    }


def written_place(place: Place, language: Language) -> str:
    """Write a place, e.g. ``prices.csv line 3, column price_unit``."""
    line = "" if place.line is None else f" line {place.line}" if language == "en" else f" 第 {place.line} 行"
    column = "" if place.column is None else f", column {place.column}" if language == "en" else f"，{place.column} 列"
    return visible(f"{place.file}{line}{column}")


def field_names(text: str) -> frozenset[str]:
    """Name the fields that a text quotes; both languages of a text must quote the same ones."""
    return frozenset(name for _, name, _, _ in Formatter().parse(text) if name)
