"""Reads what a quantity element says about a batch: masses, contents, assays (names with ``ol:``).

Types are checked by the schema before; here numbers become exact masses, and what they say is checked for sense.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any, Literal

from oreloop.base.errors import BadInput
from oreloop.base.ids import is_id
from oreloop.base.quantity import MG_PER_UNIT, REC20_UNITS, contained_mg, decimal, stated_mg
from oreloop.record.epcis.findings import Findings
from oreloop.record.epcis.gs1_keys import has_check_digit
from oreloop.record.epcis.schema import schema
from oreloop.record.events import Amount, Assay, Content

BATCH = "urn:oreloop:batch:"

OURS = "ol:"
"""With what the names of the extension begin."""

Role = Literal["any", "made", "output"]
"""What becomes of an amount: used, brought into being, or brought into being by a transformation."""

_PLAIN = frozenset({"epcClass", "quantity", "uom"})
"""What is said of a batch that is only used; nearly half of all quantities say no more."""

_ROUNDING_SD_MG = 0.5  # what rounding to whole milligrams can add to a content that was given as a share


@cache
def _names(role: Role) -> frozenset[str]:
    roles = {"any": ("any",), "made": ("any", "made"), "output": ("any", "made", "output")}[role]
    properties = schema("ol.schema")["$defs"]["quantity"]["properties"]
    return frozenset(name for name, stated in properties.items() if stated["x-on"] in roles)


def is_ours(quantity: Mapping[str, Any]) -> bool:
    """Tell whether a quantity element is a batch of metal."""
    return bool(quantity["epcClass"].startswith(BATCH))


def read_amounts(value: Mapping[str, Any], name: str, path: str, found: Findings, role: Role) -> tuple[Amount, ...]:
    """Read the batches of a list of quantities."""
    amounts: dict[str, Amount] = {}
    for position, quantity in enumerate(value.get(name, ())):
        at = f"{path}.{name}[{position}]"
        if not is_ours(quantity) or (amount := _amount(quantity, at, found, role)) is None:
            continue
        if amount.batch in amounts:
            found.add("record.named_twice", at, got=amount.batch)
        amounts[amount.batch] = amount
    return tuple(amounts.values())


def _amount(quantity: Mapping[str, Any], path: str, found: Findings, role: Role) -> Amount | None:
    batch = quantity["epcClass"][len(BATCH) :]
    if not is_id(batch):
        found.add("record.bad_id", f"{path}.epcClass", got=batch)
        return None
    is_plain = quantity.keys() <= _PLAIN
    if not is_plain:
        known = _names(role)
        for name in quantity:
            if name.startswith(OURS) and name not in known:
                found.add("record.unknown_field", path, field=name)
    said = quantity.get
    for name in ("quantity", "uom", "ol:material") if role != "any" else ("uom",) if "quantity" in quantity else ():
        if name not in quantity:
            found.add("record.missing", path, field=name)
            return None
    gross, unit = None, said("uom", "KGM")
    if "quantity" in quantity:
        gross = read_mass(quantity, unit, path, found)
        if gross is not None and gross <= 0:
            found.add("record.not_positive", f"{path}.quantity", got=quantity["quantity"])
    if is_plain:
        return Amount(batch=batch, gross_mg=gross)
    moisture = _share(quantity, "ol:moisture", path, found) if "ol:moisture" in quantity else None
    contained = None
    if "ol:contained" in quantity:
        contained = _contents(quantity["ol:contained"], f"{path}.ol:contained", gross, moisture, found)
    return Amount(
        batch=batch,
        gross_mg=gross,
        gross_sd_mg=_deviation(quantity, "ol:uncertainty", unit, path, found) if "ol:uncertainty" in quantity else 0.0,
        moisture=moisture,
        material=said("ol:material"),
        contained=contained,
        heat=said("ol:heat"),
        gtin=_gtin(quantity, path, found) if "ol:gtin" in quantity else None,
        hs_code=said("ol:hsCode"),
        custody=said("ol:custody"),
        claimed_share=_claimed_share(quantity, path, found) if "ol:claimedShare" in quantity else None,
        weight=_weight(quantity, path, found) if "ol:weight" in quantity else None,
        credit_g=said("ol:creditG"),
    )


def _contents(
    listed: Sequence[Mapping[str, Any]], path: str, gross: int | None, moisture: Decimal | None, found: Findings
) -> dict[str, Content]:
    contents: dict[str, Content] = {}
    for position, entry in enumerate(listed):
        at = f"{path}[{position}]"
        if "content" in entry:
            content = _assayed(entry, at, gross, moisture or Decimal(0), found)
        else:
            content = read_content(entry, at, found)
        if content is None:
            continue
        if content.element in contents:
            found.add("record.named_twice", at, got=content.element)
        contents[content.element] = content
    total = sum(each.mass_mg for each in contents.values())
    if gross is not None and total > gross:
        found.add("record.more_metal_than_mass", path, contained_mg=total, gross_mg=gross)
    return contents


def _assayed(
    entry: Mapping[str, Any], path: str, gross: int | None, moisture: Decimal, found: Findings
) -> Content | None:
    """Read a content stated as a share of the dry mass."""
    if gross is None:
        found.add("record.missing", path, field="quantity")
        return None
    shares = [_share(entry, name, path, found) or Decimal(0) for name in ("content", "uncertainty", "systematic")]
    dry = gross * (1 - moisture)
    return Content(
        element=entry["element"],
        mass_mg=contained_mg(gross, moisture=moisture, content=shares[0]),
        sd_mg=math.hypot(float(dry * shares[1]), _ROUNDING_SD_MG),
        systematic_mg=_part(float(dry * shares[2]), float(dry * shares[1]), entry, path, found),
        instrument=entry.get("instrument", ""),
    )


def read_content(entry: Mapping[str, Any], path: str, found: Findings) -> Content | None:
    """Read a content, or a loss, stated as a mass."""
    unit = entry["uom"]
    stated = read_mass(entry, unit, path, found)
    if stated is None:
        return None
    if stated < 0:
        found.add("record.not_positive", f"{path}.quantity", got=entry["quantity"])
    sd = _deviation(entry, "uncertainty", unit, path, found)
    systematic = 0.0
    if "systematic" in entry:
        systematic = _part(_deviation(entry, "systematic", unit, path, found), sd, entry, path, found)
    return Content(
        element=entry["element"],
        mass_mg=stated,
        sd_mg=sd,
        systematic_mg=systematic,
        instrument=entry.get("instrument", ""),
    )


def _part(systematic: float, whole: float, entry: Mapping[str, Any], path: str, found: Findings) -> float:
    if "systematic" in entry and systematic > whole:
        expected = f"0 ... {entry.get('uncertainty', 0)}"
        found.add("record.wrong_type", f"{path}.systematic", expected=expected, got=entry["systematic"])
    return systematic


def read_assays(
    listed: Sequence[Mapping[str, Any]], amounts: Sequence[Amount], path: str, found: Findings
) -> tuple[Assay, ...]:
    """Read analytical results; each is about one batch of the event, which it must name if there are several."""
    batches = dict.fromkeys(amount.batch for amount in amounts)
    assays = []
    for position, entry in enumerate(listed):
        texts = {name: _digits(stated) for name, stated in entry.items()}
        if len(batches) == 1:
            texts.setdefault("batch", *batches)
        assay = Assay(**texts)
        if assay.batch is not None and assay.batch not in batches:
            found.add("record.other_batch", f"{path}[{position}].batch", got=assay.batch, expected=", ".join(batches))
        assays.append(assay)
    return tuple(assays)


def _digits(stated: Any) -> str:
    return format(stated, "f") if isinstance(stated, Decimal) else str(stated)


def read_mass(owner: Mapping[str, Any], unit: str, path: str, found: Findings) -> int | None:
    """Read the ``quantity`` of what stands at a path as whole milligrams; None, with a problem noted, if it cannot be."""
    try:
        return stated_mg(owner["quantity"], unit)
    except BadInput as refused:
        found.problems += [replace(each, place=found.place(f"{path}.quantity")) for each in refused.problems]
        return None


def read_share(value: Any, path: str, found: Findings) -> Decimal:
    """Read a share, 0 to 1."""
    share = _number(value)
    if share is None or share > 1:
        found.add("record.wrong_type", path, expected="0 ... 1", got=value)
        return Decimal(0)
    return share


def _share(owner: Mapping[str, Any], name: str, path: str, found: Findings) -> Decimal | None:
    return read_share(owner[name], f"{path}.{name}", found) if name in owner else None


def _claimed_share(quantity: Mapping[str, Any], path: str, found: Findings) -> Decimal | None:
    """Read the share that is claimed for a batch, which only a book of mass balance can cover."""
    share = _share(quantity, "ol:claimedShare", path, found)
    if share and quantity.get("ol:custody") != "mass_balance":
        found.add("record.needs_mass_balance", f"{path}.ol:claimedShare", got=quantity["ol:claimedShare"])
    return share


def _number(value: Any) -> Decimal | None:
    """Read a number that is not negative."""
    try:
        number = decimal(str(value))
    except BadInput:
        return None
    return number if number >= 0 else None


def _deviation(owner: Mapping[str, Any], name: str, unit: str, path: str, found: Findings) -> float:
    """Read a standard uncertainty in the unit of its mass; it may be finer than a milligram."""
    if name not in owner:
        return 0.0
    deviation = _deviation_mg(str(owner[name]), unit)
    if deviation is None:
        found.add("record.wrong_type", f"{path}.{name}", expected="0.05", got=owner[name])
        return 0.0
    return deviation


@lru_cache(maxsize=4096)  # an instrument states the same uncertainty again and again
def _deviation_mg(digits: str, unit: str) -> float | None:
    deviation = _number(digits)
    if deviation is None:
        return None
    return float(deviation * MG_PER_UNIT.get(REC20_UNITS.get(unit, unit), Decimal(0)))


def _weight(quantity: Mapping[str, Any], path: str, found: Findings) -> Decimal | None:
    weight = _number(quantity["ol:weight"])
    if weight is None:
        found.add("record.wrong_type", f"{path}.ol:weight", expected="12.5", got=quantity["ol:weight"])
    return weight


def _gtin(quantity: Mapping[str, Any], path: str, found: Findings) -> str:
    stated: str = quantity["ol:gtin"]
    if not has_check_digit(stated):
        found.add("record.check_digit", f"{path}.ol:gtin", got=stated)
    return stated.zfill(14)
