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

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from string import Formatter
from typing import Any, Literal

from oreloop.base.errors import Place, Problem

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")


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
    return text.format_map({name: str(value) for name, value in fields.items()}) if fields else text


def parts(problem: Problem, language: Language) -> dict[str, str]:
    """Give the texts of a problem: ``what``, ``hint`` and, where the code has one, ``expected``."""
    texts = room_texts(problem.code.split(".", 1)[0])["message"][problem.code]
    return {part: text[language].format_map(problem.fields) for part, text in texts.items()}


def render(problem: Problem, language: Language) -> str:
    """Write a problem as one line a person can act on: place, what, expected, hint."""
    texts = parts(problem, language)
    space, colon = (" ", ": ") if language == "en" else ("", "：")
    said = space.join(texts[part] for part in ("what", "expected", "hint") if part in texts)
    return f"{written_place(problem.place, language)}{colon}{said}" if problem.place else said


def written_place(place: Place, language: Language) -> str:
    """Write a place, e.g. ``prices.csv line 3, column price_unit``."""
    line = "" if place.line is None else f" line {place.line}" if language == "en" else f" 第 {place.line} 行"
    column = "" if place.column is None else f", column {place.column}" if language == "en" else f"，{place.column} 列"
    return f"{place.file}{line}{column}"


def field_names(text: str) -> frozenset[str]:
    """Name the fields that a text quotes; both languages of a text must quote the same ones."""
    return frozenset(name for _, name, _, _ in Formatter().parse(text) if name)
