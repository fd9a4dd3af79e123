"""How values are written in one language: numbers with thin spaces, ISO dates, names of ids, texts of codes."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from oreloop.base.money import MINOR_DIGITS, minor_digits
from oreloop.base.texts import Language, label, room_texts
from oreloop.report.frames import Column
from oreloop.report.view import View

THIN = "\u202f"
"""The narrow no-break space between thousands and before a unit."""

ABSENT = "–"
"""What stands for a value that does not exist."""


def number(value: float | None, digits: int | None = None) -> str:
    """Write a number with thin spaces between thousands.

    Args:
        value: any number; ``None`` and not-a-number become a dash.
        digits: decimal places; by default three significant figures, whole above 100.

    >>> number(1234567.8).split(THIN), number(0.03), number(12.345), number(-4.0)
    (['1', '234', '568'], '0.03', '12.3', '−4')
    """
    if value is None or not math.isfinite(value):
        return ABSENT
    if digits is None:
        places = 2 - math.floor(math.log10(abs(value))) if value else 0
        text = f"{value:,.{min(max(places, 0), 6)}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
    else:
        text = f"{value:,.{digits}f}"
    bare = text.lstrip("-")
    sign = "−" if text.startswith("-") and any(character in "123456789" for character in bare) else ""
    return sign + bare.replace(",", THIN)


def exact(value: int, places: int) -> str:
    """Write a whole number of small units in a unit that is a power of ten larger, losing nothing.

    >>> exact(3_499_960, 6), exact(-1_500, 3), exact(0, 6)
    ('3.49996', '−1.5', '0')
    """
    whole, rest = divmod(abs(value), 10**places)
    decimals = f"{rest:0{places}d}".rstrip("0")
    text = f"{whole:,}".replace(",", THIN) + (f".{decimals}" if decimals else "")
    return f"−{text}" if value < 0 else text


def minor(amount_minor: int, currency: str) -> str:
    """Write an amount in minor units, exactly.

    >>> minor(-1_234_567, "CNY").split(THIN)
    ['−12', '345.67', 'CNY']
    """
    digits = minor_digits(currency)
    whole, rest = divmod(abs(amount_minor), 10**digits)
    cents = f".{rest:0{digits}d}" if digits else ""
    return f"{'−' if amount_minor < 0 else ''}{whole:,}".replace(",", THIN) + f"{cents}{THIN}{currency}"


def fields_of(text: str | None) -> dict[str, str]:
    """Read the fields of a text from a JSON object; anything else gives none.

    >>> fields_of('{"kg": "12", "site": null}')
    {'kg': '12'}
    """
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    return {str(key): str(value) for key, value in found.items() if value is not None}


_ROOMS = ("plan", "deal", "forecast", "judge", "report")
_NAMED_ENDS = frozenset({"offer", "process", "commitment", "order", "toll"})
_ENDS = _NAMED_ENDS | {"use", "contract", "lender"}
_NUMERIC = re.compile(r"-?\d+\.\d+|-?\d{5,}")
"""What is written as a number inside a sentence; years and small counts stand as they are."""


@dataclass(frozen=True, slots=True)
class Words:
    """Writes values in one language, with the names and the currency of one view."""

    view: View
    language: Language

    def own(self, code: str, /, **fields: object) -> str:
        """Give a text of this room: ``own("title")`` is the label ``report.title``."""
        return label(f"report.{code}", self.language, **fields)

    def name(self, key: str | None) -> str:
        """Give the name of an id; an unknown id as it is.

        A pair such as ``site/material`` is named part by part, an end of a flow such as ``use:site/material`` too.
        """
        if key is None or key == "":
            return ABSENT
        known: Mapping[str, str] | None = self.view.names.get(key)
        if known is not None:
            return known.get(self.language) or key
        kind, colon, rest = key.partition(":")
        if colon and kind in _ENDS:
            return self.name(rest) if kind in _NAMED_ENDS else f"{self.word(kind)} · {self.name(rest)}"
        first, slash, rest = key.partition("/")
        if slash and first in self.view.names:
            return f"{self.name(first)} · {self.name(rest)}"
        return self.word(key)

    def word(self, code: str | None, kind: str = "") -> str:
        """Give the text of a code word, else the word itself with its underscores opened."""
        if code is None or code == "":
            return ABSENT
        return self._known(code, kind) or (code.replace("_", " ") if "." not in code else code)

    def said(self, code: str | None, fields: str | None, kind: str = "") -> str:
        """Give the sentence of a code with its fields; ids among the fields are written by name."""
        if code is None or code == "":
            return ABSENT
        text = self._known(code, kind)
        values = fields_of(fields)
        if text is None:
            return " ".join([code, *(f"{key}={value}" for key, value in values.items())])
        named = {key: self._field(value) for key, value in values.items()}
        try:
            return text.format_map(named)
        except (KeyError, IndexError, ValueError, AttributeError):
            return text

    def _field(self, value: str) -> str:
        """Write a field of a sentence: ids by name, numbers by the rules of numbers, code words in words."""
        if value in self.view.names:
            return self.name(value)
        if _NUMERIC.fullmatch(value):
            return number(float(value))
        return self._known(value, "") or value

    def _known(self, code: str, kind: str) -> str | None:
        """Look a code up as it stands, then as ``<room>.<kind>.<code>`` of a room that has such words, then as ours."""
        rooms = [f"{room}.{kind}.{code}" for room in _ROOMS] if kind else []
        return next(
            (text for each in (code, *rooms, f"report.word.{code}") if (text := _text(each, self.language))), None
        )

    def unit(self, value: float | None, unit: str, digits: int | None = None) -> str:
        """Write a number and its unit."""
        return ABSENT if value is None else f"{number(value, digits)}{THIN}{unit}"

    def measure(self, value: float | None, unit: str | None) -> str:
        """Write a value in a unit as the tables name it: shares as per cent, money in the currency of the case."""
        if unit == "share":
            return self.share(value)
        if unit == "currency":
            return self.money(value)
        return self.unit(value, self.unit_name(unit)).rstrip()

    def unit_name(self, unit: str | None) -> str:
        """Give the name of a unit, part by part, so that ``CNY/lot`` is read in both languages."""
        return "/".join(self._known(f"report.unit.{part}", "") or part for part in (unit or "").split("/"))

    def kg(self, value: float | None) -> str:
        """Write a mass."""
        return self.unit(value, "kg")

    def share(self, value: float | None) -> str:
        """Write a share as per cent."""
        return ABSENT if value is None else self.unit(round(value * 100, 1), "%")

    def money(self, value: float | None, currency: str | None = None) -> str:
        """Write an amount in major units, rounded to whole ones from a thousand up."""
        if value is None:
            return ABSENT
        return self.unit(value, currency or self.view.facts.currency, 0 if abs(value) >= 1000 else 2)

    def minor(self, amount_minor: int | None, currency: str | None) -> str:
        """Write an amount in minor units, exactly."""
        if amount_minor is None or currency is None:
            return ABSENT
        return minor(amount_minor, currency)

    def cell(self, column: Column, row: Mapping[str, object]) -> str:
        """Write one cell of a frame by the way its column is shown."""
        value = row[column.name]
        match column.shown, value:
            case _, None:
                return ABSENT
            case "name", str():
                return self.name(value)
            case "word", str():
                return self.word(value, column.name)
            case "unit", str():
                return self.unit_name(value)
            case "said", str():
                return self.said(value, _partner(column.name, row), column.name)
            case "kg" | "co2e", float():
                return number(value)
            case "mg", int():
                return exact(value, 6)
            case "co2e_g", int():
                return exact(value, 3)
            case "share", float():
                return self.share(value)
            case "amount" | "per_kg", float():
                return number(value, 0)
            case "minor", int():
                return self.minor(value, str(row.get("currency") or self.view.facts.currency))
            case "asset", int():
                asset = str(row.get("asset"))
                return self.minor(value, asset) if asset in MINOR_DIGITS else f"{exact(value, 6)}{THIN}kg"
            case "flag", bool():
                return self.own("yes") if value else ABSENT
            case "days" | "count", int() | float():
                return number(value, 0)
            case "number", float():
                return number(value)
            case _:
                return str(value)


def _partner(name: str, row: Mapping[str, object]) -> str | None:
    given = (row.get(each) for each in (f"{name}_fields", "fields", "label_fields"))
    return next((each for each in given if isinstance(each, str)), None)


def _text(code: str, language: Language) -> str | None:
    room, dot, _ = code.partition(".")
    texts = room_texts(room) if dot and room.isidentifier() else {}
    labels: Mapping[str, Mapping[str, str]] = texts.get("label", {})
    if code in labels:
        return labels[code][language]
    messages: Mapping[str, Mapping[str, Mapping[str, str]]] = texts.get("message", {})
    return messages[code]["what"][language] if code in messages else None
