"""The fields of a passport, read once from ``fields.csv``: their tier, their kind and their unit.

A field is known by its path, such as ``substance.assays[].value``; the first word is its section.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cache
from importlib.resources import files
from typing import Any, Literal, get_args

from oreloop.base.canonical import SAFE_INTEGER
from oreloop.base.texts import LANGUAGES, Language, label

Tier = Literal["public", "legitimate_interest", "authority", "owner"]
TIERS: tuple[Tier, ...] = get_args(Tier)
"""Audiences, the widest first; each sees its own fields and those of all before it."""

Kind = Literal["code", "text", "named", "spoken", "word", "time", "whole", "decimal", "share"]

_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field.

    Args:
        path: its path; ``[]`` stands for every row of a list.
        tier: the widest audience that may see it.
        kind: what its value is: ``code`` (an id, a digest, a line of a proof) and ``text``; ``named`` (an id with its
            names); ``spoken`` (one text in each language); ``word`` (a code word with a label); ``time`` (sealed);
            ``whole`` (an integer of ``unit``); ``decimal`` and ``share`` (decimal texts).
        unit: unit of a number; empty for none.
    """

    path: str
    tier: Tier
    kind: Kind
    unit: str

    def label(self, language: Language) -> str:
        """Name the field."""
        return label(f"passport.{self.path.replace('[]', '')}", language)

    def holds(self, value: Any) -> bool:
        """Tell whether a value is of the field's kind."""
        return _HOLDS[self.kind](value)


@cache
def fields() -> Mapping[str, Field]:
    """Give all fields by path, in the order in which they are shown.

    >>> fields()["identity.gross_mg"].unit
    'mg'
    """
    lines = files("oreloop.passport").joinpath("fields.csv").read_text("utf-8").splitlines()
    found = (Field(path=row.pop("field"), **row) for row in csv.DictReader(lines))  # type: ignore[arg-type]
    return {each.path: each for each in found}


def sections() -> tuple[str, ...]:
    """Name the sections in the order in which they are shown."""
    return tuple(dict.fromkeys(path.partition(".")[0] for path in fields()))


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _is_whole(value: Any) -> bool:
    return type(value) is int and abs(value) <= SAFE_INTEGER


def _is_decimal(value: Any) -> bool:
    try:
        return isinstance(value, str) and Decimal(value).is_finite()
    except InvalidOperation:
        return False


def _is_named(value: Any) -> bool:
    return _is_spoken(value, {"id", *(f"name_{language}" for language in LANGUAGES)}) and "id" in value


def _is_spoken(value: Any, keys: frozenset[str] | set[str] = frozenset(LANGUAGES)) -> bool:
    return isinstance(value, dict) and value != {} and keys >= set(value) and all(map(_is_text, value.values()))


_HOLDS: Mapping[Kind, Callable[[Any], bool]] = {
    "code": _is_text,
    "text": _is_text,
    "named": _is_named,
    "spoken": _is_spoken,
    "word": _is_text,
    "time": lambda value: isinstance(value, str) and _TIME.fullmatch(value) is not None,
    "whole": _is_whole,
    "decimal": _is_decimal,
    "share": _is_decimal,
}
