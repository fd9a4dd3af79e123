"""Rows of ``batches`` to events: metal enters the record, or batches become batches."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal

from oreloop.base.errors import BadInput
from oreloop.base.ids import is_id
from oreloop.base.quantity import MG_PER_UNIT, decimal
from oreloop.record.tables.draft import (
    BATCH,
    Draft,
    Value,
    elements,
    event,
    event_id,
    party,
    place,
    quantity,
    remarks,
    status,
    whole,
)
from oreloop.record.tables.rows import Findings, Row, exact
from oreloop.record.tables.shape import WRITTEN

_INPUT = re.compile(r"([^:]+?)(?::\s*([\d.]+)(?:\s*(?:±|\+/-)\s*([\d.]+))?\s*(\D+)?)?")
_MASS_UNITS = {"千克": "kg"} | {written: unit for unit in MG_PER_UNIT for written in WRITTEN[unit]}
_OF_STEP = (
    "made_at", "site", "holder", "from", "process", "route", "allocation", "energy_kwh", "mass_balance_months",
    "origin_country", "origin_site", "recycled_share", "recycled_kind", "co2e_kg", "licence", "quota", "void",
    "void_reason", "replaced_by", "status", "loss_reason",
)  # fmt: skip
"""Columns that speak of a step: one row of the step says them, or all that do say the same."""
_OF_ENTRY = frozenset({"origin_country", "origin_site", "recycled_share", "recycled_kind"})
_OF_PROCESS = frozenset(
    {"loss_reason", "process", "route", "allocation", "allocation_weight", "credit_co2e_kg", "mass_balance_months"}
)


def batch_drafts(rows: Iterable[Row], found: Findings) -> list[Draft]:
    """Turn rows into events, one for each step, or for each row without a step."""
    steps: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        key = ("step", row.cells["step"]) if "step" in row.cells else ("row", batch_name(row))
        steps.setdefault((row.path, *key), []).append(row)
    drafts = (_draft(kind, key, of_step, found) for (_, kind, key), of_step in steps.items())
    return [draft for draft in drafts if draft is not None]


def batch_name(row: Row) -> str:
    """Name a row: by its own id, else by its batch."""
    return row.text("row") or str(row.cells["batch"])


def _draft(kind: str, key: str, rows: Sequence[Row], found: Findings) -> Draft | None:
    head = _head(key, rows, found)
    at = head.moment("made_at", found)
    known = len(found.problems)
    takes = _inputs(head, found)
    made = [_made(row, found, processed=bool(takes)) for row in rows]
    for row in rows:
        stray = _OF_ENTRY if takes else _OF_PROCESS
        for column in (name for name in row.filled() if name in stray):
            found.add(row, column, "record.cell_unused", got=row.text(column))
    holder = head.text("holder")
    if not takes and holder is None:
        found.add(head, "holder", "record.needed", column="holder")
    common = _common(head, found)
    own = _process(head, rows, found) if takes else _entry(head, found)
    if at is None or len(found.problems) > known:
        return None
    site, id_ = head.cells["site"], event_id("batches", kind, key)
    places: Value = {"readPoint": place(site), "bizLocation": place(site)}
    to = party("possessing_party", "destination", holder)

    def write(_site: str, _party: str | None) -> Value:
        lists: Value = {"inputQuantityList": [each for each, _ in takes], "outputQuantityList": made}
        return event(
            "TransformationEvent" if takes else "ObjectEvent",
            at,
            id_,
            action=None if takes else "ADD",
            bizStep="commissioning",
            disposition="in_progress" if takes else "active",
            **places,
            destinationList=to or None,
            **(lists if takes else {"quantityList": made}),
            **own,
            **common,
            **({"row:step": key} if kind == "step" else {}),
        )

    masses = [row.mass("quantity", Findings()) for row in rows]
    return Draft(
        id=id_,
        name=batch_name(rows[0]),
        at=at,
        rank=2 if takes else 0,
        kind="make",
        rows=tuple(rows),
        takes=tuple((each["epcClass"].removeprefix(BATCH), mg) for each, mg in takes),
        makes=tuple((str(row.cells["batch"]), mass.mg) for row, mass in zip(rows, masses, strict=True) if mass),
        site=site,
        party=holder,
        void=head.moment("void", found),
        write=write,
    )


def _head(step: str, rows: Sequence[Row], found: Findings) -> Row:
    """Give a row that says everything its step says, once."""
    first = rows[0]
    cells = dict(first.cells)
    for row in rows[1:]:
        of_step = (*_OF_STEP, *(name for name, stream in row.streams.items() if stream.fact == "loss"))
        for name in of_step:
            said = row.cells.get(name)
            if said is None or (name == "status" and said == "unstated"):
                continue
            if cells.get(name) in (None, "unstated"):
                cells[name] = said
            elif cells[name] != said:
                found.add(row, name, "record.step_differs", got=said, other=cells[name], step=step)
    return Row(
        table=first.table,
        path=first.path,
        reading=first.reading,
        line=first.line,
        cells=cells,
        units=first.units,
        streams=first.streams,
    )


def _made(row: Row, found: Findings, *, processed: bool) -> Value:
    mass = row.mass("quantity", found)
    value = quantity(row.cells["batch"], mass, row.deviation("uncertainty", mass, found))
    value["ol:material"] = row.cells["material"]
    contained = elements(row, "content", found)
    gtin = row.text("gtin")
    said: Value = {
        "ol:moisture": row.share("moisture", found),
        "ol:contained": contained or None,
        "ol:heat": row.text("heat"),
        # A spreadsheet takes leading zeros away; GTIN-8, -12 and -13 are written with zeros before them as GTIN-14.
        "ol:gtin": None if gtin is None else gtin.zfill(14),
        "ol:hsCode": row.text("hs_code"),
        "ol:custody": row.text("custody"),
        "ol:claimedShare": row.share("claimed_share", found),
    }
    if processed:
        said["ol:weight"] = row.text("allocation_weight")
        said["ol:creditG"] = whole(row, "credit_co2e_kg", Decimal(1000), found)
    for column in (name for name, stream in row.streams.items() if stream.fact == "tolerance" and name in row.cells):
        found.add(row, column, "record.cell_unused", got=row.text(column))
    return value | {name: each for name, each in said.items() if each is not None} | remarks(row)


def _common(head: Row, found: Findings) -> Value:
    said = {
        "ol:emissionsG": whole(head, "co2e_kg", Decimal(1000), found),
        "ol:energyWh": whole(head, "energy_kwh", Decimal(1), found),
        "ol:licence": head.text("licence"),
        "ol:quota": head.text("quota"),
    }
    return {name: each for name, each in said.items() if each is not None} | status(head)


def _entry(head: Row, found: Findings) -> Value:
    value: Value = {}
    origin = {"country": head.text("origin_country"), "site": head.text("origin_site")}
    if any(origin.values()):
        value["ol:origin"] = {name: said for name, said in origin.items() if said}
    share, kind = head.share("recycled_share", found), head.text("recycled_kind")
    if share is not None and kind is not None:
        value["ol:recycled"] = {"share": share, "kind": kind}
    elif kind is not None or (share is not None and Decimal(share)):
        lacking = "recycled_share" if share is None else "recycled_kind"
        found.add(head, lacking, "record.needed", column=lacking)
    for column in (name for name, stream in head.streams.items() if stream.fact == "loss" and name in head.cells):
        found.add(head, column, "record.cell_unused", got=head.text(column))
    return value


def _process(head: Row, rows: Sequence[Row], found: Findings) -> Value:
    months = head.text("mass_balance_months")
    if months is not None and not re.fullmatch(r"[1-9]\d?", months):
        found.add(head, "mass_balance_months", "record.wrong_type", expected="3", got=months)
        months = None
    losses = elements(head, "loss", found)
    if (reason := head.text("loss_reason")) is not None:
        losses = [loss | {"reason": reason} for loss in losses]
    said = {
        "ol:process": head.text("process"),
        "ol:route": head.text("route"),
        "ol:loss": losses or None,
        "ol:allocation": head.text("allocation"),
        "ol:massBalanceMonths": None if months is None else int(months),
    }
    return {name: each for name, each in said.items() if each is not None}


def _inputs(head: Row, found: Findings) -> list[tuple[Value, int | None]]:
    """Read ``a-1: 12.5 kg; a-2: 3 ± 0.01 g; a-3``."""
    inputs: list[tuple[Value, int | None]] = []
    text = (head.text("from") or "").replace("：", ":").replace("；", ";").replace("、", ";")
    for part in filter(None, map(str.strip, re.split(r"[;\n]", text))):
        found_part = _INPUT.fullmatch(part)
        batch = "" if found_part is None else found_part[1].strip()
        unit = head.text("unit") or head.units.get("quantity", "kg")
        try:
            if found_part is None or not is_id(batch) or any(each["epcClass"] == BATCH + batch for each, _ in inputs):
                raise ValueError
            _, mass, deviation, written = found_part.groups()
            if written is not None:
                unit = _MASS_UNITS[written.strip().lower()]
            amount = None if mass is None else exact(head, "from", f"{decimal(mass):f}", unit, found)
            sd = None if deviation is None else f"{decimal(deviation):f}"
        except (ValueError, KeyError, BadInput):
            found.add(head, "from", "record.bad_inputs", got=part)
            continue
        inputs.append((quantity(batch, amount, sd), None if amount is None else amount.mg))
    return inputs
