"""Events to rows: the cells that say what one event says, as far as the tables have words for it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from oreloop.base.errors import BadInput
from oreloop.base.quantity import REC20_UNITS, decimal
from oreloop.record.events import Content, Event, Step
from oreloop.record.tables.draft import BATCH, event_id, utc
from oreloop.record.tables.shape import SHARE_UNITS

Cells = dict[str, str]
"""One row: texts by header; blank cells are left out."""

_SHARES = {"%": "pct", "ppm": "ppm", "mg/kg": "ppm", "ppb": "ppb", "g/t": "g/t", "share": "share"}
_ASSAY_TEXTS = ("analyte", "value", "unit", "uncertainty", "method", "detection_limit", "laboratory", "certificate",
                "sample")  # fmt: skip


def rows_of(event: Event, step: Step) -> list[tuple[str, Cells, Mapping[str, Any]]]:
    """Give the rows of an event: the table, the cells, and the part of the event that the row is to say.

    Nothing for a kind of step that the tables have no row for.
    """
    match step.kind:
        case "commissioning" | "transformation":
            return [("batches", cells, event.raw) for cells in _batches(event, step)]
        case "shipping" | "receiving" | "stock_taking" | "end_of_use":
            return [("movements", cells, part) for cells, part in _movements(event, step)]
        case "inspecting":
            return [("assays", cells, part) for cells, part in _assays(event, step)]
        case _:
            return []


def short(event: Event, *more: str) -> str:
    """Make a short id of an event from elsewhere, for a row that needs one."""
    return "e-" + hashlib.sha256("\0".join((event.id, *more)).encode()).hexdigest()[:16]


def said(value: Any) -> str:
    """Write a value of an event as a cell: numbers with their digits and without exponent."""
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def local(event: Event) -> str:
    """Write when an event happened, with the offset that it states."""
    text = str(event.raw["eventTimeZoneOffset"])
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[4:6])) * (-1 if text[0] == "-" else 1)
    return event.time.astimezone(timezone(offset)).isoformat(timespec="milliseconds")


def _plain(value: Mapping[str, Any], names: Mapping[str, str]) -> Cells:
    return {column: said(value[name]) for name, column in names.items() if value.get(name) is not None}


def _amount(quantity: Mapping[str, Any]) -> Cells:
    cells = _plain(quantity, {"quantity": "quantity", "ol:uncertainty": "uncertainty", "ol:moisture": "moisture"})
    if "quantity" in cells:
        cells["unit"] = _unit(quantity["uom"])
    return cells


def _unit(uom: str) -> str:
    return REC20_UNITS.get(uom, uom)


def _elements(entries: Sequence[Mapping[str, Any]], fact: str = "") -> Cells:
    cells: Cells = {}
    for entry in entries:
        unit = "share" if "content" in entry else _unit(entry["uom"])
        name = f"{entry['element']}_{fact}{unit}"
        cells[name] = said(entry.get("content", entry.get("quantity")))
        cells |= _plain(entry, {"uncertainty": f"{name}_sd", "systematic": f"{name}_systematic"})
        cells |= _plain(entry, {"instrument": "instrument"})
    return cells


def _remarks(value: Mapping[str, Any]) -> Cells:
    return _plain(value, {"row:id": "row", "row:note": "note", "row:source": "source"})


def _per_thousand(value: Mapping[str, Any], name: str, column: str) -> Cells:
    return {column: f"{Decimal(value[name]) / 1000:f}"} if name in value else {}


def _ours(event: Event, name: str) -> list[Mapping[str, Any]]:
    return [each for each in event.raw.get(name, ()) if str(each.get("epcClass", "")).startswith(BATCH)]


def _batches(event: Event, step: Step) -> Iterator[Cells]:
    raw = event.raw
    processed = step.kind == "transformation"
    quantities = _ours(event, "outputQuantityList" if processed else "quantityList")
    of_step = {"site": step.to_site, "made_at": local(event)} | ({"holder": step.to_party} if step.to_party else {})
    first = _plain(
        raw,
        {
            "ol:process": "process", "ol:route": "route", "ol:allocation": "allocation", "ol:licence": "licence",
            "ol:massBalanceMonths": "mass_balance_months", "ol:quota": "quota", "ol:status": "status",
        },
    )  # fmt: skip
    first |= _per_thousand(raw, "ol:emissionsG", "co2e_kg") | _per_thousand(raw, "ol:energyWh", "energy_kwh")
    first |= _plain(raw.get("ol:origin", {}), {"country": "origin_country", "site": "origin_site"})
    first |= _plain(raw.get("ol:recycled", {}), {"share": "recycled_share", "kind": "recycled_kind"})
    losses = raw.get("ol:loss", ())
    first |= _elements(losses, "loss_")
    first |= _plain(losses[0], {"reason": "loss_reason"}) if losses else {}
    if processed:
        first["from"] = "; ".join(_input(each) for each in _ours(event, "inputQuantityList"))
    key = raw.get("row:step")
    if key is None and len(quantities) > 1:
        key = short(event)
    for number, quantity in enumerate(quantities):
        cells = {"batch": quantity["epcClass"].removeprefix(BATCH)} | of_step | ({"step": key} if key else {})
        cells |= _amount(quantity) | _elements(quantity.get("ol:contained", ())) | _remarks(quantity)
        cells |= _plain(
            quantity,
            {
                "ol:material": "material", "ol:heat": "heat", "ol:gtin": "gtin", "ol:hsCode": "hs_code",
                "ol:custody": "custody", "ol:claimedShare": "claimed_share", "ol:weight": "allocation_weight",
            },
        )  # fmt: skip
        cells |= _per_thousand(quantity, "ol:creditG", "credit_co2e_kg")
        yield cells | (first if number == 0 else {})


def _input(quantity: Mapping[str, Any]) -> str:
    batch, amount = quantity["epcClass"].removeprefix(BATCH), _amount(quantity)
    if "quantity" not in amount:
        return str(batch)
    deviation = f" ± {amount['uncertainty']}" if "uncertainty" in amount else ""
    return f"{batch}: {amount['quantity']}{deviation} {amount['unit']}"


def _parts(event: Event) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Give each batch of an event, and the event as if it spoke of that batch alone."""
    for quantity in _ours(event, "quantityList"):
        yield quantity, {**event.raw, "quantityList": [quantity]}


def _movements(event: Event, step: Step) -> Iterator[tuple[Cells, Mapping[str, Any]]]:
    for number, (quantity, part) in enumerate(_parts(event)):
        cells = {
            "movement": said(event.raw.get("row:movement", short(event))),
            "batch": quantity["epcClass"].removeprefix(BATCH),
        }
        cells |= _amount(quantity) | _elements(quantity.get("ol:contained", ())) | _remarks(event.raw)
        cells |= _plain(
            event.raw,
            {
                "ol:contract": "contract", "ol:licence": "licence", "ol:quota": "quota", "ol:status": "status",
                "ol:reason": "reason",
            },
        )  # fmt: skip
        cells |= _elements(event.raw.get("ol:tolerance", ()), "tolerance_")
        # Emissions of several batches together are said once; that the others share them, the tables cannot say.
        cells |= _per_thousand(event.raw, "ol:emissionsG", "co2e_kg") if number == 0 else {}
        cells |= {"from_party": step.from_party} if step.from_party else {}
        cells |= {"to_party": step.to_party} if step.to_party else {}
        match step.kind:
            case "shipping":
                cells |= {"kind": "shipment", "from_site": step.site, "to_site": step.to_site}
                cells["shipped_at"] = local(event)
            case "receiving":
                cells |= {"kind": "receipt", "to_site": step.site, "received_at": local(event)}
            case _:
                kind = "stock_take" if step.kind == "stock_taking" else "end_of_use"
                cells |= {"kind": kind, "from_site": step.site, "shipped_at": local(event)}
        yield cells, part


def arrived(shipped: Cells, received: Cells) -> Cells | None:
    """Join a shipment and its receipt of one paper into one row; None when one row cannot say both."""
    names = {"quantity": "received_quantity", "uncertainty": "received_uncertainty"}
    weighed = {names[name]: received[name] for name in names if name in received}
    if all(shipped.get(name) == received.get(name) for name in ("quantity", "uncertainty", "unit")):
        weighed = {}
    elif "quantity" in received and received["unit"] != shipped.get("unit", received["unit"]):
        return None
    unit = {"unit": received["unit"]} if weighed and "unit" not in shipped else {}
    return {**shipped, **unit, **weighed, "received_at": received["received_at"]}


def _assays(event: Event, step: Step) -> Iterator[tuple[Cells, Mapping[str, Any]]]:
    results: list[Mapping[str, Any]] = list(event.raw.get("ol:assay", ()))
    for quantity, part in _parts(event):
        batch = quantity["epcClass"].removeprefix(BATCH)
        stated = {each["element"]: each for each in quantity.get("ol:contained", ())}
        common = {"batch": batch, "assayed_at": local(event), "site": step.site} | _remarks(event.raw)
        common |= _plain(event.raw, {"ol:status": "status"})
        reason = _plain(event.raw, {"ol:reason": "reason"})
        if "quantity" in quantity:
            common[f"quantity_{_unit(quantity['uom'])}"] = said(quantity["quantity"])
        moisture = _plain(quantity, {"ol:moisture": "moisture"})
        for number, result in enumerate(results):
            if result.get("batch", batch) != batch:
                continue
            cells = common | _plain(result, dict(zip(_ASSAY_TEXTS, _ASSAY_TEXTS, strict=True)))
            content = stated.get(result["analyte"])
            if content is not None and _is_content(result, content):
                del stated[result["analyte"]]
                cells |= reason | moisture | {"adjusts": "yes"}
            one = {**part, "ol:assay": [result]}
            yield _named(event, cells, f"{batch}/{number}"), _stating(one, content if "adjusts" in cells else None)
        known = next(each for each in step.taken if each.batch == batch).contained or {}
        for element, content in stated.items():
            cells = common | reason | _mass(known[element], content) | {"adjusts": "yes"}
            one = {name: each for name, each in part.items() if name != "ol:assay"}
            yield _named(event, cells, f"{batch}/{element}"), _stating(one, content)


def _named(event: Event, cells: Cells, number: str) -> Cells:
    """Give the row an id of its own unless the key of the row is where the event's id comes from."""
    moment = utc(datetime.fromisoformat(cells["assayed_at"]))
    key = "/".join((cells["batch"], cells["analyte"], moment, cells.get("sample", "")))
    if "row" in cells or event.id == event_id("assays", "inspecting", key):
        return cells
    return cells | {"row": short(event, number)}


def _stating(part: Mapping[str, Any], content: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Give the part of an event that speaks of one content, or of none."""
    [quantity] = part["quantityList"]
    rest = {name: each for name, each in quantity.items() if name != "ol:contained"}
    if content is None:
        return {**part, "quantityList": [{name: rest[name] for name in rest if name != "ol:moisture"}]}
    return {**part, "quantityList": [rest | {"ol:contained": [content]}]}


def _is_content(result: Mapping[str, Any], content: Mapping[str, Any]) -> bool:
    """Tell whether a content is what a result says, so that one row can say both."""
    unit = _SHARES.get(str(result["unit"]))
    if unit is None or "content" not in content or str(result["value"]).startswith("<"):
        return False
    try:
        pairs = [(decimal(str(result["value"])), content["content"])]
        if "uncertainty" in result or "uncertainty" in content:
            pairs.append((decimal(str(result["uncertainty"])), content["uncertainty"]))
    except (KeyError, BadInput):
        return False
    return all(value * SHARE_UNITS[unit] == Decimal(share) for value, share in pairs)


def _mass(known: Content, content: Mapping[str, Any]) -> Cells:
    """Say a content that no result explains: as it is stated in mass, or as the mass that a share came to."""
    cells = {"analyte": known.element}
    if "quantity" in content:
        cells |= {"value": said(content["quantity"]), "unit": _unit(content["uom"])}
        return cells | _plain(content, {"uncertainty": "uncertainty"})
    cells |= {"value": str(known.mass_mg), "unit": "mg"}
    return cells | ({"uncertainty": f"{Decimal(repr(known.sd_mg)):f}"} if known.sd_mg else {})
