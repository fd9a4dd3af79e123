"""Formulas of invoice lines in words: the names of inputs and the signs of arithmetic as people write them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction

from oreloop.base.quantity import MG_PER_UNIT
from oreloop.base.texts import room_texts
from oreloop.report.deal_words import DealWords, exactly, percent
from oreloop.report.wording import THIN

_TOKEN = re.compile(r"[A-Za-z_]\w*|[-*/]")
_SCALE = re.compile(r" / 1000(?:000)?\b")
_SIGNS = {"*": "×", "/": "÷", "-": "−"}
_OF_METAL = re.compile(r"(?P<of>\w+?)_(?P<what>mg|payable_mg|returned_mg|content)")
_NUMBERED = re.compile(r"(?P<what>\w+?)_(?P<number>\d+)")
_SHARES = frozenset({"rate", "free", "step", "deduction"})
_AMOUNTS = frozenset({"value", "net", "invoice_amount", "principal", "repaid", "kept_back"})
_CHARGES = frozenset({"treatment", "charge"})
_PRICES = frozenset({"price", "average", "called", "premium", "base", "floor", "cap", "provisional_price"})


def formula(said: str, words: DealWords) -> str:
    """Write a formula over named inputs in words: ``mass_mg / mg_per_unit * price`` as *mass ÷ price unit × price*.

    Inputs are shown in kg and kg CO2e (see `given`), so that what turns mg and g into them falls away.
    """
    plain = _SCALE.sub("", said).replace("min(", "min (").replace("max(", "max (")
    return _TOKEN.sub(lambda found: _SIGNS.get(found[0]) or named(found[0], words), plain)


def named(name: str, words: DealWords) -> str:
    """Name an input of a formula; one that the texts do not know keeps its own name."""
    labels = room_texts("report")["label"]

    def known(what: str, **fields: str) -> str | None:
        return words.say(f"input.{what}", **fields) if f"report.deal.input.{what}" in labels else None

    if (found := known(name)) is not None:
        return found
    if (metal := _OF_METAL.fullmatch(name)) and (found := known(f"of_{metal['what']}", of=metal["of"])):
        return found
    if (part := _NUMBERED.fullmatch(name)) and (found := known(part["what"])):
        return f"{found}{THIN}{part['number']}"
    return name.replace("_", " ")


def given(name: str, inputs: Mapping[str, Fraction], currency: str, words: DealWords) -> str:
    """Write the value of an input with its unit, which its name and the inputs beside it tell.

    Args:
        name: of the input.
        inputs: of the line; masses in mg, CO2e in g, shares as fractions of 1.
        currency: of the contract.
        words: language.
    """
    value, bare = inputs[name], re.sub(r"_\d+$", "", name)
    if bare.endswith("mg_per_unit"):
        return f"1{THIN}{_unit(value)}"
    if bare == "value_per_mg":
        return f"{exactly(value * 1_000_000)}{THIN}{currency}/kg"
    if bare.endswith("mg_days"):
        return f"{exactly(value / 1_000_000)}{THIN}kg·{words.say('days')}"
    if bare.endswith("_mg"):
        return f"{exactly(value / 1_000_000)}{THIN}kg"
    if bare == "co2e_g":
        return f"{exactly(value / 1000)}{THIN}kg CO₂e"
    if "share" in bare or "rate_per_year" in bare or bare.endswith("_content") or bare in _SHARES:
        return percent(value)
    return exactly(value) + _measure(bare, inputs, currency)


def _measure(name: str, inputs: Mapping[str, Fraction], currency: str) -> str:
    """Give the unit of an amount or a price, after a narrow space; empty for a plain number."""
    if name == "target_kg_per_kg":
        return f"{THIN}kg CO₂e/kg"
    if name.endswith("_per_kg"):
        return f"{THIN}{currency}/kg"
    if name in _AMOUNTS:
        return f"{THIN}{currency}"
    if name == "refining":
        return f"{THIN}{currency}/{_unit(inputs['refining_mg_per_unit'])}"
    # A charge that a price moves stands on a unit of its own; the line does not know that of the price.
    known = name in _CHARGES or (name in _PRICES and "participation_base" not in inputs)
    return f"{THIN}{currency}/{_unit(inputs['mg_per_unit'])}" if known and "mg_per_unit" in inputs else ""


def _unit(mg_per_unit: Fraction) -> str:
    """Name the mass unit of so many milligrams; one that has no name in them."""
    return next(
        (unit for unit, factor in MG_PER_UNIT.items() if factor == mg_per_unit), f"{exactly(mg_per_unit)}{THIN}mg"
    )


def mass_of(inputs: Mapping[str, Fraction]) -> str:
    """Name the input that is the mass of a line, that which is paid; empty where a line counts no mass."""
    return next((name for name in inputs if name.endswith("_mg") and name != "value_per_mg"), "")
