"""Reads what an EPCIS event does to batches of metal: the ``ol:`` extension (``urn:oreloop:ns:epcis:1:``).

Batches are quantity elements whose ``epcClass`` is ``urn:oreloop:batch:<id>``; sites and parties are
``urn:oreloop:site:<id>`` and ``urn:oreloop:party:<id>``. An event without such a batch concerns no metal of ours and is
kept unread. Names with the prefix ``ol:`` are ours, so one that is unknown where it stands is refused as misspelt.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from oreloop.base.canonical import SAFE_INTEGER
from oreloop.base.errors import BadInput
from oreloop.base.ids import is_id
from oreloop.base.quantity import MG_PER_UNIT, REC20_UNITS, contained_mg, decimal, mass_mg
from oreloop.record.epcis import vocabulary as words
from oreloop.record.epcis.structure import Findings
from oreloop.record.events import Amount, Assay, Content, Origin, Step, StepKind

BATCH, SITE, PARTY = "urn:oreloop:batch:", "urn:oreloop:site:", "urn:oreloop:party:"

_ELEMENT = re.compile(r"[A-Z][a-z]?")
_COUNTRY = re.compile(r"[A-Z]{3}")
_ASSAY_VALUE = re.compile(r"<?\d+(\.\d+)?")
_ROUNDING_SD_MG = 0.5  # what rounding to whole milligrams can add to a content that was given as a share

_ON_EVENT: dict[StepKind, frozenset[str]] = {
    "commissioning": frozenset({"ol:origin", "ol:recycled", "ol:emissionsG", "ol:status"}),
    "shipping": frozenset({"ol:contract", "ol:status"}),
    "receiving": frozenset({"ol:contract", "ol:status"}),
    "inspecting": frozenset({"ol:assay", "ol:reason", "ol:status"}),
    "transformation": frozenset(
        {"ol:process", "ol:loss", "ol:energyWh", "ol:emissionsG", "ol:allocation", "ol:status"}
    ),
    "end_of_use": frozenset({"ol:reason", "ol:status"}),
}
_ON_QUANTITY = frozenset({"ol:material", "ol:moisture", "ol:contained", "ol:uncertainty"})
_LISTS = ("quantityList", "inputQuantityList", "outputQuantityList", "childQuantityList")


def read_step(value: Mapping[str, Any], path: str, found: Findings) -> Step | None:
    """Read what one event (its structure already checked) does to batches.

    Returns:
        The step, or None when the event concerns no batch of ours or found problems say why it cannot be read.
    """
    if not any(_is_ours(each) for name in _LISTS for each in value.get(name, ())):
        return None
    kind = _kind(value)
    if kind is None:
        return None
    known = len(found.problems)
    for name in value:
        if name.startswith("ol:") and name not in _ON_EVENT[kind]:
            found.add("record.unknown_field", path, field=name)
    if kind == "transformation":
        taken = _amounts(value, "inputQuantityList", path, found, fresh=False)
        made = _amounts(value, "outputQuantityList", path, found, fresh=True)
        for name, amounts in (("inputQuantityList", taken), ("outputQuantityList", made)):
            if not amounts:
                found.add("record.missing", path, field=name)
    elif kind == "commissioning":
        taken, made = (), _amounts(value, "quantityList", path, found, fresh=True)
    else:
        taken, made = _amounts(value, "quantityList", path, found, fresh=False), ()
    read_point, location = _site(value, "readPoint", path, found), _site(value, "bizLocation", path, found)
    site = read_point or location
    to_site = location or read_point
    if not site:
        found.add("record.missing", path, field="readPoint")
    if kind == "shipping":
        to_site = _listed(value, "destinationList", "destination", ("location",), SITE, path, found)
        if not to_site:
            found.add("record.missing", path, field="destinationList (location)")
    to_party = _listed(
        value, "destinationList", "destination", ("possessing_party", "owning_party"), PARTY, path, found
    )
    if kind in ("commissioning", "shipping") and not to_party:
        found.add("record.missing", path, field="destinationList (possessing_party)")
    step = Step(
        kind=kind,
        site=site or "",
        to_site=to_site or "",
        from_party=_listed(value, "sourceList", "source", ("possessing_party", "owning_party"), PARTY, path, found),
        to_party=to_party,
        taken=taken,
        made=made,
        losses=_losses(value.get("ol:loss", []), f"{path}.ol:loss", found),
        process=_own_id(value, "ol:process", path, found) or "",
        contract=_own_id(value, "ol:contract", path, found),
        origin=_origin(value, path, found),
        recycled_share=_recycled(value, path, found),
        assays=_assays(value.get("ol:assay", []), f"{path}.ol:assay", found),
        reason=_optional_text(value, "ol:reason", path, found),
        emissions_g=_whole(value, "ol:emissionsG", path, found),
        energy_wh=_whole(value, "ol:energyWh", path, found),
        allocation=_word(value, "ol:allocation", words.ALLOCATIONS, "mass", path, found),
        status=_word(value, "ol:status", words.STATUSES, "unstated", path, found),
    )
    return step if len(found.problems) == known else None


def _kind(value: Mapping[str, Any]) -> StepKind | None:
    match value["type"], value.get("action"), value.get("bizStep"):
        case "TransformationEvent", _, _:
            return "transformation"
        case "ObjectEvent", "ADD", _:
            return "commissioning"
        case "ObjectEvent", "DELETE", _:
            return "end_of_use"
        case "ObjectEvent", "OBSERVE", "shipping" | "receiving" | "inspecting" as step:
            return step  # type: ignore[no-any-return]
        case _:
            return None


def _is_ours(quantity: Mapping[str, Any]) -> bool:
    return str(quantity.get("epcClass", "")).startswith(BATCH)


def _amounts(value: Mapping[str, Any], name: str, path: str, found: Findings, *, fresh: bool) -> tuple[Amount, ...]:
    amounts: list[Amount] = []
    for position, quantity in enumerate(value.get(name, ())):
        at = f"{path}.{name}[{position}]"
        if not _is_ours(quantity):
            continue
        amount = _amount(quantity, at, found, fresh=fresh)
        if amount is None:
            continue
        if any(amount.batch == other.batch for other in amounts):
            found.add("record.named_twice", at, got=amount.batch)
        amounts.append(amount)
    return tuple(amounts)


def _amount(quantity: Mapping[str, Any], path: str, found: Findings, *, fresh: bool) -> Amount | None:
    batch = quantity["epcClass"].removeprefix(BATCH)
    if not is_id(batch):
        found.add("record.bad_id", f"{path}.epcClass", got=batch)
        return None
    for name in quantity:
        if name.startswith("ol:") and name not in _ON_QUANTITY:
            found.add("record.unknown_field", path, field=name)
    for name in ("quantity", "uom", "ol:material") if fresh else ("uom",) if "quantity" in quantity else ():
        if name not in quantity:
            found.add("record.missing", path, field=name)
            return None
    gross, unit = None, str(quantity.get("uom", "KGM"))
    if "quantity" in quantity:
        gross = _mass(quantity["quantity"], unit, f"{path}.quantity", found)
        if gross is not None and gross <= 0:
            found.add("record.not_positive", f"{path}.quantity", got=quantity["quantity"])
    moisture = _share(quantity.get("ol:moisture", 0), f"{path}.ol:moisture", found)
    contained = None
    if "ol:contained" in quantity:
        contained = _contents(quantity["ol:contained"], f"{path}.ol:contained", gross or 0, moisture, found)
        if gross is not None and sum(each.mass_mg for each in contained.values()) > gross:
            total = sum(each.mass_mg for each in contained.values())
            found.add("record.more_metal_than_mass", f"{path}.ol:contained", contained_mg=total, gross_mg=gross)
    material = quantity.get("ol:material")
    if material is not None and not (isinstance(material, str) and is_id(material)):
        found.add("record.bad_id", f"{path}.ol:material", got=material)
    sd = _deviation(quantity.get("ol:uncertainty"), unit, f"{path}.ol:uncertainty", found)
    return Amount(batch=batch, gross_mg=gross, gross_sd_mg=sd, material=material, contained=contained)


def _contents(listed: Any, path: str, gross: int, moisture: Decimal, found: Findings) -> dict[str, Content]:
    contents: dict[str, Content] = {}
    for position, entry in enumerate(_objects(listed, path, found)):
        at = f"{path}[{position}]"
        content = _content(entry, at, gross, moisture, found)
        if content is None:
            continue
        if content.element in contents:
            found.add("record.named_twice", at, got=content.element)
        contents[content.element] = content
    return contents


def _content(entry: Mapping[str, Any], path: str, gross: int, moisture: Decimal, found: Findings) -> Content | None:
    element = entry.get("element")
    if not isinstance(element, str) or not _ELEMENT.fullmatch(element):
        found.add("record.wrong_type", f"{path}.element", expected="Ir", got=element)
        return None
    if "content" in entry:
        share = _share(entry["content"], f"{path}.content", found)
        sd_share = _share(entry.get("uncertainty", 0), f"{path}.uncertainty", found)
        mass = contained_mg(gross, moisture=moisture, content=share)
        sd = math.hypot(float(gross * (1 - moisture) * sd_share), _ROUNDING_SD_MG)
        return Content(element=element, mass_mg=mass, sd_mg=sd)
    for name in ("quantity", "uom"):
        if name not in entry:
            found.add("record.missing", path, field=name)
            return None
    unit = str(entry["uom"])
    stated = _mass(entry["quantity"], unit, f"{path}.quantity", found)
    if stated is None:
        return None
    if stated < 0:
        found.add("record.not_positive", f"{path}.quantity", got=entry["quantity"])
    sd = _deviation(entry.get("uncertainty"), unit, f"{path}.uncertainty", found)
    return Content(element=element, mass_mg=stated, sd_mg=sd)


def _losses(listed: Any, path: str, found: Findings) -> tuple[Content, ...]:
    losses = (
        _content(entry, f"{path}[{position}]", 0, Decimal(0), found)
        for position, entry in enumerate(_objects(listed, path, found))
    )
    return tuple(loss for loss in losses if loss is not None)


def _assays(listed: Any, path: str, found: Findings) -> tuple[Assay, ...]:
    names = ("analyte", "value", "unit", "uncertainty", "method", "detection_limit", "laboratory", "certificate")
    assays: list[Assay] = []
    for position, entry in enumerate(_objects(listed, path, found)):
        at = f"{path}[{position}]"
        for name in entry:
            if name not in names:
                found.add("record.unknown_field", at, field=name)
        stated = {name: str(entry[name]) for name in names if entry.get(name) is not None}
        missing = [name for name in names[:3] if name not in stated]
        for name in missing:
            found.add("record.missing", at, field=name)
        if missing:
            continue
        if not _ASSAY_VALUE.fullmatch(stated["value"]):
            found.add("record.wrong_type", f"{at}.value", expected="99.95 | <10", got=stated["value"])
        assays.append(Assay(**stated))
    return tuple(assays)


def _origin(value: Mapping[str, Any], path: str, found: Findings) -> Origin:
    stated = value.get("ol:origin", {})
    if not isinstance(stated, dict):
        found.add("record.wrong_type", f"{path}.ol:origin", expected="{...}", got=stated)
        return Origin()
    country, site = stated.get("country", ""), stated.get("site", "")
    if country and not (isinstance(country, str) and _COUNTRY.fullmatch(country)):
        found.add("record.wrong_type", f"{path}.ol:origin.country", expected="ZAF", got=country)
    if site and not (isinstance(site, str) and is_id(site)):
        found.add("record.bad_id", f"{path}.ol:origin.site", got=site)
    return Origin(country=str(country), site=str(site))


def _recycled(value: Mapping[str, Any], path: str, found: Findings) -> Decimal:
    stated = value.get("ol:recycled")
    if stated is None:
        return Decimal(0)
    if not isinstance(stated, dict) or str(stated.get("kind")) not in words.RECYCLED_KINDS:
        found.add("record.unknown_term", f"{path}.ol:recycled.kind", got=stated)
        return Decimal(0)
    return _share(stated.get("share"), f"{path}.ol:recycled.share", found)


def _site(value: Mapping[str, Any], name: str, path: str, found: Findings) -> str | None:
    place = value.get(name)
    return None if place is None else _own(str(place.get("id")), SITE, f"{path}.{name}.id", found)


def _listed(
    value: Mapping[str, Any], name: str, key: str, kinds: Sequence[str], prefix: str, path: str, found: Findings
) -> str | None:
    """Find the first entry of a source or destination list, by the order of the kinds."""
    for kind in kinds:
        for position, entry in enumerate(value.get(name, ())):
            if entry.get("type") == kind:
                return _own(str(entry.get(key)), prefix, f"{path}.{name}[{position}].{key}", found)
    return None


def _own(uri: str, prefix: str, path: str, found: Findings) -> str | None:
    name = uri.removeprefix(prefix)
    if uri.startswith(prefix) and is_id(name):
        return name
    found.add("record.bad_id", path, got=uri)
    return None


def _own_id(value: Mapping[str, Any], name: str, path: str, found: Findings) -> str | None:
    stated = value.get(name)
    if stated is not None and not (isinstance(stated, str) and is_id(stated)):
        found.add("record.bad_id", f"{path}.{name}", got=stated)
        return None
    return stated


def _optional_text(value: Mapping[str, Any], name: str, path: str, found: Findings) -> str | None:
    stated = value.get(name)
    if stated is not None and not (isinstance(stated, str) and stated.strip()):
        found.add("record.wrong_type", f"{path}.{name}", expected="text", got=stated)
        return None
    return stated


def _word(value: Mapping[str, Any], name: str, known: frozenset[str], default: str, path: str, found: Findings) -> str:
    stated = value.get(name, default)
    if not isinstance(stated, str) or stated not in known:
        found.add("record.unknown_term", f"{path}.{name}", got=stated)
        return default
    return stated


def _whole(value: Mapping[str, Any], name: str, path: str, found: Findings) -> int | None:
    stated = value.get(name)
    if stated is None:
        return None
    if not isinstance(stated, int) or isinstance(stated, bool) or not 0 <= stated <= SAFE_INTEGER:
        found.add("record.wrong_type", f"{path}.{name}", expected="0 ... 2^53-1", got=stated)
        return None
    return stated


def _objects(listed: Any, path: str, found: Findings) -> list[dict[str, Any]]:
    if isinstance(listed, list) and all(isinstance(entry, dict) for entry in listed):
        return listed
    found.add("record.wrong_type", path, expected="[{...}]", got=listed)
    return []


def _mass(value: Any, unit: str, path: str, found: Findings) -> int | None:
    try:
        return mass_mg(decimal(str(value)), unit)
    except BadInput as refused:
        found.problems += [replace(each, place=found.place(path)) for each in refused.problems]
        return None


def _share(value: Any, path: str, found: Findings) -> Decimal:
    try:
        share = decimal(str(value))
        if 0 <= share <= 1:
            return share
    except BadInput:
        pass
    found.add("record.wrong_type", path, expected="0 ... 1", got=value)
    return Decimal(0)


def _deviation(value: Any, unit: str, path: str, found: Findings) -> float:
    """Read a standard uncertainty in the unit of its mass; it may be finer than a milligram."""
    if value is None:
        return 0.0
    try:
        deviation = decimal(str(value))
        if deviation >= 0:
            return float(deviation * MG_PER_UNIT.get(REC20_UNITS.get(unit, unit), Decimal(0)))
    except BadInput:
        pass
    found.add("record.wrong_type", path, expected="0.05", got=value)
    return 0.0
