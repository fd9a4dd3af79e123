"""How the values of a passport are written for people in one language: masses in kg, shares in per cent, ids by name."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from oreloop.base.texts import Language, label, room_texts
from oreloop.passport import Field, fields
from oreloop.report.wording import THIN, exact, number

_SCALES: Mapping[str, tuple[tuple[int, str], ...]] = {
    "mg": ((9, "t"), (6, "kg"), (3, "g"), (0, "mg")),
    "g CO2e": ((6, "t CO2e"), (3, "kg CO2e"), (0, "g CO2e")),
    "Wh": ((6, "MWh"), (3, "kWh"), (0, "Wh")),
}
"""Units that numbers are shown in, by the unit they are kept in: the power of ten and the name, the largest first."""

_TONNES_FROM = 10
"""Masses and emissions are shown in tonnes from so many tonnes on."""


class Written(NamedTuple):
    """A value as people read it: its text, what stands small beside it, and how it looks (``code``, ``number``, ...)."""

    text: str
    beside: str
    look: str


def write(field: Field, value: Any, language: Language) -> Written:
    """Write a value of a field."""
    match field.kind:
        case "named":
            spoken = name(value, language)
            return Written(spoken, visible(value["id"]) if spoken != visible(value["id"]) else "", "")
        case "spoken":
            return Written(visible(value.get(language) or next(iter(value.values()))), "", "spoken")
        case "word":
            return Written(word(value, language), "", tone(value) or "word")
        case "time":
            return Written(value[:10], f"{value[11:16]} UTC", "time")
        case "share":
            return Written(percent(value), "", "number")
        case "decimal" if field.unit in _SCALES and value.lstrip("-").isdecimal():
            return Written(scaled(int(value), field.unit), "", "number")
        case "decimal":
            return Written(_with_unit(value, field.unit), "", "number")
        case "whole" if field.unit:
            return Written(scaled(value, field.unit), "", "number")
        case "whole":
            return Written(str(value) if field.path.endswith(".year") else number(value, 0), "", "number")
        case "code":
            return Written(visible(value, lines=True), "", "code")
        case "text":
            return Written(visible(value), "", "")


def passport_value(path: str, value: Any, language: Language) -> str:
    """Write the value of a field on one line.

    Args:
        path: of the field, as in `oreloop.passport.fields`.
        value: as disclosed.
        language: ``en`` or ``zh``.

    >>> passport_value("status.balance", "balanced", "zh")
    '平衡'
    """
    text, beside, _ = write(fields()[path], value, language)
    return " ".join(part for part in (text.replace("\n", " "), beside and f"({beside})") if part)


def name(value: Mapping[str, str], language: Language) -> str:
    """Give the name of an id in a language, else in any, else the id."""
    return visible(value.get(f"name_{language}") or value.get("name_en") or value.get("name_zh") or value["id"])


def word(code: str, language: Language) -> str:
    """Give the text of a code word; a word of somebody else's stands as it is, its underscores opened."""
    known = f"passport.word.{code}" in room_texts("passport")["label"]
    return label(f"passport.word.{code}", language) if known else visible(code.replace("_", " "))


def tone(code: str) -> str:
    """Tell how a code word is coloured: ``good``, ``open``, ``bad``, or not at all."""
    for found, codes in _TONES.items():
        if code in codes:
            return found
    return ""


_TONES = {
    "good": {"balanced", "within", "endorsed", "conformant", "completeness_verified"},
    "open": {"adjusted", "unchecked", "pending", "partial", "included", "unproved", "expired", "damaged"},
    "bad": {"broken", "recalled", "stolen", "non_conformant"},
}


def percent(share: str) -> str:
    """Write a share as per cent, to a tenth; what is not nothing is never written as nothing, nor as all.

    >>> percent("0.839429").split(THIN), percent("0.00001").split(THIN), percent("0.99999").split(THIN)
    (['83.9', '%'], ['<0.1', '%'], ['>99.9', '%'])
    """
    whole = Decimal(share) * 100
    for outside, said in ((0 < whole < Decimal("0.1"), "<0.1"), (Decimal("99.9") < whole < 100, ">99.9")):
        if outside:
            return f"{said}{THIN}%"
    return f"{number(float(whole), 1).removesuffix('.0')}{THIN}%"


def scaled(value: int, unit: str) -> str:
    """Write a whole number in the unit that suits it, losing nothing.

    >>> scaled(104_995_000, "mg").split(THIN), scaled(0, "mg").split(THIN)
    (['104.995', 'kg'], ['0', 'mg'])
    """
    places, shown = _scale(value, unit)
    return f"{exact(value, places)}{THIN}{shown}"


def rounded(value: int, unit: str) -> tuple[str, str]:
    """Write a whole number to three significant figures: the number and its unit."""
    places, shown = _scale(value, unit)
    return number(value / 10**places), shown


def visible(text: str, *, lines: bool = False) -> str:
    r"""Show signs that nobody sees, such as those that turn the direction of reading, by their numbers.

    >>> visible("ir\u202e-1")
    'ir\\u{202e}-1'
    """
    kept = "\n" if lines else ""
    return "".join(
        sign if sign in kept or not unicodedata.category(sign).startswith("C") else f"\\u{{{ord(sign):x}}}"
        for sign in text
    )


def _scale(value: int, unit: str) -> tuple[int, str]:
    scales = _SCALES.get(unit, ((0, unit),))
    return next(
        (
            (places, shown)
            for places, shown in scales
            if abs(value) >= 10**places * (_TONNES_FROM if shown.startswith("t") else 1)
        ),
        scales[-1],
    )


def _with_unit(value: str, unit: str) -> str:
    whole, dot, rest = value.partition(".")
    grouped = f"{int(whole):,}".replace(",", THIN) if whole.lstrip("-").isdecimal() else whole
    shown = f"{grouped}{dot}{rest}".replace("-", "−")
    return f"{shown}{THIN}{unit}".rstrip(THIN)
