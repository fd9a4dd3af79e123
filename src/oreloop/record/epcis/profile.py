"""Reads what an EPCIS event does to batches of metal: the ``ol:`` extension (``urn:oreloop:ns:epcis:1:``).

Batches are quantity elements whose ``epcClass`` is ``urn:oreloop:batch:<id>``; sites and parties are
``urn:oreloop:site:<id>`` and ``urn:oreloop:party:<id>``. An event without such a batch concerns no metal of ours and is
kept unread. Names with the prefix ``ol:`` are ours, so one that is unknown where it stands is refused as misspelt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import Any

from oreloop.base.ids import is_id
from oreloop.record.epcis.amounts import (
    OURS,
    is_ours,
    read_amounts,
    read_assays,
    read_content,
    read_mass,
    read_share,
)
from oreloop.record.epcis.findings import Findings
from oreloop.record.epcis.schema import schema
from oreloop.record.events import Amount, Claim, Content, Origin, Step, StepKind

SITE, PARTY = "urn:oreloop:site:", "urn:oreloop:party:"

_LISTS = ("quantityList", "inputQuantityList", "outputQuantityList", "childQuantityList")
_OBSERVED: Mapping[str, StepKind] = {
    "shipping": "shipping",
    "receiving": "receiving",
    "inspecting": "inspecting",
    "stock_taking": "stock_taking",
    "cycle_counting": "stock_taking",
    "urn:oreloop:bizstep:issuing_claim": "issuing_claim",
    "urn:oreloop:bizstep:retiring_claim": "retiring_claim",
}
"""The steps that an ObjectEvent may observe, by ``bizStep``."""

_DONE: Mapping[tuple[str, str], StepKind] = {
    ("ObjectEvent", "ADD"): "commissioning",
    ("ObjectEvent", "DELETE"): "end_of_use",
    ("AggregationEvent", "ADD"): "packing",
    ("AggregationEvent", "DELETE"): "unpacking",
    ("AssociationEvent", "ADD"): "packing",
    ("AssociationEvent", "DELETE"): "unpacking",
}
"""The steps that other events are, by type and ``action``."""

_AS_STATED = {
    "ol:process": "process",
    "ol:contract": "contract",
    "ol:reason": "reason",
    "ol:emissionsG": "emissions_g",
    "ol:energyWh": "energy_wh",
    "ol:allocation": "allocation",
    "ol:route": "route",
    "ol:parameters": "parameters",
    "ol:parametersDigest": "parameters_digest",
    "ol:quota": "quota",
    "ol:licence": "licence",
    "ol:massBalanceMonths": "mass_balance_months",
    "ol:status": "status",
}
"""Names whose value is a field of the step as it stands."""

_CLAIMS = ("issuing_claim", "retiring_claim")
_HOLDERS = ("possessing_party", "owning_party")


@cache
def _names(kind: StepKind) -> frozenset[str]:
    properties = schema("ol.schema")["$defs"]["event"]["properties"]
    return frozenset(name for name, stated in properties.items() if kind in stated["x-on"])


def read_step(value: Mapping[str, Any], path: str, found: Findings) -> Step | None:
    """Read what one event (which the schema found valid) does to batches.

    Returns:
        The step, or None when the event concerns no batch of ours or found problems say why it cannot be read.
    """
    kind = _kind(value)
    if kind is not None and not _concerns(value, kind):
        kind = None
    allowed = frozenset[str]() if kind is None else _names(kind)
    problems = len(found.problems)
    ours = [name for name in value if name.startswith(OURS)]
    for name in ours:
        if name not in allowed:
            found.add("record.unknown_field", path, field=name)
    if kind is None:
        return None
    taken, made = _flows(value, kind, path, found)
    site, to_site = _sites(value, kind, path, found)
    to_party = _listed(value, "destinationList", "destination", _HOLDERS, PARTY, path, found)
    if to_party is None and kind in ("commissioning", "shipping"):
        found.add("record.missing", path, field="destinationList (possessing_party)")
    if kind in _CLAIMS and "ol:claim" not in ours:
        found.add("record.missing", path, field="ol:claim")
    stated = _stated(value, ours, taken, path, found)
    if "bizTransactionList" in value:
        listed = value["bizTransactionList"]
        stated["transactions"] = tuple([(each.get("type", ""), each["bizTransaction"]) for each in listed])
    if "persistentDisposition" in value:
        dispositions = value["persistentDisposition"]
        stated["set_dispositions"] = tuple(dispositions.get("set", ()))
        stated["unset_dispositions"] = tuple(dispositions.get("unset", ()))
    step = Step(
        kind=kind,
        site=site,
        to_site=to_site,
        from_party=_listed(value, "sourceList", "source", _HOLDERS, PARTY, path, found),
        to_party=to_party,
        taken=taken,
        made=made,
        containers=_containers(value, kind),
        **stated,
    )
    return step if len(found.problems) == problems else None


def _stated(
    value: Mapping[str, Any], ours: Sequence[str], taken: Sequence[Amount], path: str, found: Findings
) -> dict[str, Any]:
    """Give the fields of a step that ``ol:`` names state."""
    stated: dict[str, Any] = {}
    for name in ours:
        item = value[name]
        if name in _AS_STATED:
            stated[_AS_STATED[name]] = item
            continue
        at = f"{path}.{name}"
        match name:
            case "ol:origin":
                stated["origin"] = Origin(**item)
            case "ol:recycled":
                stated["recycled_share"] = read_share(item["share"], f"{at}.share", found)
                stated["recycled_kind"] = item["kind"]
            case "ol:assay":
                stated["assays"] = read_assays(item, taken, at, found)
            case "ol:loss":
                stated["losses"] = _losses(item, at, found)
            case "ol:claim":
                stated["claim"] = _claim(item, at, found)
            case "ol:tolerance":
                stated["unaccounted_tolerance_mg"] = _tolerance(item, at, found)
    return stated


def _kind(value: Mapping[str, Any]) -> StepKind | None:
    kind = value["type"]
    if kind == "TransformationEvent":
        return "transformation"
    if kind == "TransactionEvent":
        return "trading"
    if (kind, value["action"]) == ("ObjectEvent", "OBSERVE"):
        return _OBSERVED.get(value.get("bizStep", ""))
    return _DONE.get((kind, value["action"]))


def _concerns(value: Mapping[str, Any], kind: StepKind) -> bool:
    """Tell whether an event is about batches of ours, or moves or empties a container at a site of ours."""
    if kind in _CLAIMS:
        return True
    for name in _LISTS:
        for quantity in value.get(name, ()):
            if is_ours(quantity):
                return True
    if not _containers(value, kind) or any(name in value for name in (*_LISTS, "childEPCs")):
        return False
    place = value.get("readPoint") or value.get("bizLocation") or {"id": ""}
    return bool(place["id"].startswith(SITE))


def _containers(value: Mapping[str, Any], kind: StepKind) -> tuple[str, ...]:
    if kind in ("packing", "unpacking"):
        return (value["parentID"],) if "parentID" in value else ()
    if kind in ("shipping", "receiving"):
        return tuple(value.get("epcList", ()))
    return ()


def _flows(
    value: Mapping[str, Any], kind: StepKind, path: str, found: Findings
) -> tuple[tuple[Amount, ...], tuple[Amount, ...]]:
    match kind:
        case "transformation":
            taken = read_amounts(value, "inputQuantityList", path, found, "any")
            made = read_amounts(value, "outputQuantityList", path, found, "output")
            for name, amounts in (("inputQuantityList", taken), ("outputQuantityList", made)):
                if not amounts:
                    found.add("record.missing", path, field=name)
            return taken, made
        case "commissioning":
            return (), read_amounts(value, "quantityList", path, found, "made")
        case "packing" | "unpacking":
            if "parentID" not in value:
                found.add("record.missing", path, field="parentID")
            return read_amounts(value, "childQuantityList", path, found, "any"), ()
        case _:
            return read_amounts(value, "quantityList", path, found, "any"), ()


def _sites(value: Mapping[str, Any], kind: StepKind, path: str, found: Findings) -> tuple[str, str]:
    """Give where a step happens and where the metal is afterwards; trade and claims may happen nowhere."""
    read_point, location = _site(value, "readPoint", path, found), _site(value, "bizLocation", path, found)
    site = read_point or location or ""
    if not site and kind not in ("trading", *_CLAIMS):
        found.add("record.missing", path, field="readPoint")
    if kind != "shipping":
        return site, location or site
    to_site = _listed(value, "destinationList", "destination", ("location",), SITE, path, found)
    if to_site is None:
        found.add("record.missing", path, field="destinationList (location)")
    return site, to_site or ""


def _site(value: Mapping[str, Any], name: str, path: str, found: Findings) -> str | None:
    if name not in value:
        return None
    uri = value[name]["id"]
    if (site := _id(uri, SITE)) is None:
        found.add("record.bad_id", f"{path}.{name}.id", got=uri)
    return site


def _listed(
    value: Mapping[str, Any], name: str, key: str, kinds: Sequence[str], prefix: str, path: str, found: Findings
) -> str | None:
    """Find the first entry of a source or destination list, by the order of the kinds."""
    listed = value.get(name)
    if not listed:
        return None
    for kind in kinds:
        for position, entry in enumerate(listed):
            if entry["type"] == kind:
                if (own := _id(entry[key], prefix)) is None:
                    found.add("record.bad_id", f"{path}.{name}[{position}].{key}", got=entry[key])
                return own
    return None


@lru_cache(maxsize=4096)  # sites and parties are few
def _id(uri: str, prefix: str) -> str | None:
    name = uri[len(prefix) :]
    return name if uri.startswith(prefix) and is_id(name) else None


def _losses(listed: Sequence[Mapping[str, Any]], path: str, found: Findings) -> tuple[Content, ...]:
    losses = (read_content(entry, f"{path}[{position}]", found) for position, entry in enumerate(listed))
    return tuple(loss for loss in losses if loss is not None)


def _claim(stated: Mapping[str, Any], path: str, found: Findings) -> Claim | None:
    mass = read_mass(stated, stated["uom"], path, found)
    if mass is None:
        return None
    if mass <= 0:
        found.add("record.not_positive", f"{path}.quantity", got=stated["quantity"])
    return Claim(id=stated["id"], element=stated["element"], mass_mg=mass)


def _tolerance(listed: Sequence[Mapping[str, Any]], path: str, found: Findings) -> dict[str, int]:
    tolerance: dict[str, int] = {}
    for position, entry in enumerate(listed):
        at = f"{path}[{position}]"
        content = read_content(entry, at, found)
        if entry["element"] in tolerance:
            found.add("record.named_twice", at, got=entry["element"])
        tolerance[entry["element"]] = content.mass_mg if content else 0
    return tolerance
