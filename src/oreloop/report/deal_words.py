"""How the documents of a contract write its terms: as the file has them, exact, in one language."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from string import Formatter
from typing import Any

from oreloop.base.money import MINOR_DIGITS
from oreloop.base.quantity import decimal
from oreloop.base.texts import Language, label, room_texts, visible
from oreloop.deal.wording import Saying
from oreloop.report.deal_shown import Names
from oreloop.report.wording import THIN, exact, minor

PLACES = 9
"""A value that no short decimal writes is rounded to so many places and marked as such; JSON holds it as a fraction."""

_NUMBER = re.compile(r"([+-]?)(\d+)(\.\d+)?(.*)", re.DOTALL)


def spaced(written: str) -> str:
    """Part the thousands of a number in front of a text; every digit stays as it was written.

    >>> spaced("-1250000.50 CNY").split(THIN)
    ['−1', '250', '000.50 CNY']
    """
    found = _NUMBER.fullmatch(written)
    if found is None:
        return written
    sign, whole, rest, unit = found.groups()
    return f"{'−' if sign == '-' else ''}{int(whole):,}".replace(",", THIN) + (rest or "") + unit


def exactly(value: Fraction) -> str:
    """Write a fraction as a decimal: exactly where few places suffice, else rounded and marked.

    >>> exactly(Fraction("0.125")), exactly(Fraction(2, 3)).split(THIN)
    ('0.125', ['≈', '0.666666667'])
    """
    scaled = round(value * 10**PLACES)
    written = exact(scaled, PLACES)
    return written if scaled == value * 10**PLACES else f"≈{THIN}{written}"


def capital(text: str) -> str:
    """Begin a text with a capital letter, where its script has any."""
    return text[0].upper() + text[1:]


def percent(value: Fraction) -> str:
    """Write a share as per cent.

    >>> percent(Fraction("0.99999")) == f"99.999{THIN}%"
    True
    """
    return f"{exactly(value * 100)}{THIN}%"


@dataclass(frozen=True, slots=True)
class DealWords:
    """Writes values of contracts in one language, with the names of ids."""

    names: Names
    language: Language

    def say(self, code: str, /, **fields: object) -> str:
        """Give a text of these documents: ``say("due")`` is the label ``report.deal.due``."""
        return label(f"report.deal.{code}", self.language, **fields)

    def name(self, key: str) -> str:
        """Write an id with its name: people know the name, the contract has the id."""
        named = self.names.get(key, {}).get(self.language)
        return self.say("named", name=named, id=key) if named and named != key else visible(key)

    def clause(self, table: str) -> str:
        """Name a clause; one that the texts do not know is an error, so that none goes without its name."""
        return label(f"deal.clause.{table}", self.language)

    def heading(self, table: str) -> str:
        """Name a clause as a heading does."""
        return capital(self.clause(table))

    def measured(self, amount: int, asset: str) -> str:
        """Write minor units of a currency, or milligrams of a metal as kg."""
        return minor(amount, asset) if asset in MINOR_DIGITS else f"{exact(amount, 6)}{THIN}kg {visible(asset)}"

    def sentence(self, saying: Saying) -> str:
        """Write a sentence of a contract with its terms."""
        if not saying.code:
            return "".join(
                f"{key}{label('report.colon', self.language)}{self.term(saying.table, key, value)}"
                for key, value in saying.terms.items()
            )
        text = room_texts("deal")["clause"][saying.code][self.language]
        values = {**saying.terms, **saying.beside}
        # A value and its unit are never parted by the end of a line.
        parts = Formatter().parse(text.replace("} {", f"}}{THIN}{{"))
        return "".join(
            literal + (self._field(saying.table, field, values[field], spec or "") if field else "")
            for literal, field, spec, _ in parts
        )

    def _field(self, table: str, field: str, value: Any, spec: str) -> str:
        match spec:
            case "share":
                return percent(Fraction(decimal(str(value))))
            case "number":
                return visible(spaced(str(value)))
            case "mg":
                return f"{exact(value, 6)}{THIN}kg"
            case _:
                return self.term(table, field, value)

    def term(self, table: str, key: str, value: Any) -> str:
        """Write a term as the file has it: choices in words, ids with their names, lists and tables part by part."""
        match value:
            case bool():
                return self.say("true" if value else "false")
            case date():
                return value.isoformat()
            case list():
                comma = label("report.semicolon", self.language) if _is_nested(value) else self.say("comma")
                return comma.join(self.term(table, key, each) for each in value)
            case Mapping():
                return label("report.semicolon", self.language).join(
                    self.say("named", name=self.term(table, key, name), id=self.term(table, key, each))
                    for name, each in value.items()
                )
            case str():
                return self._choice(table, key, value) or self.name(value)
            case _:
                return spaced(str(value))

    def _choice(self, table: str, key: str, value: str) -> str | None:
        labels = room_texts("deal")["label"]
        found = labels.get(f"deal.choice.{table}.{key}.{value}") or labels.get(f"deal.{key}.{value}")
        return found[self.language] if found else None


def _is_nested(values: list[Any]) -> bool:
    return any(isinstance(each, list | dict) for each in values)
