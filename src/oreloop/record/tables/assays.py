"""Rows of ``assays`` to events: each row one result, and where it adjusts, a new content of the batch."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal

from oreloop.base.quantity import MG_PER_UNIT
from oreloop.record.tables.draft import UOM, Draft, Value, event, event_id, place, quantity, remarks, status, utc
from oreloop.record.tables.rows import Amount, Findings, Row, exact
from oreloop.record.tables.shape import SHARE_UNITS, WRITTEN

_RESULT = re.compile(r"<?\d+(\.\d+)?")
_PLAIN_NUMBER = re.compile(r"\d+(\.\d+)?[eE][+-]?\d{1,2}")
_UNITS = {"千克": "kg"} | {written: unit for unit in (*MG_PER_UNIT, *SHARE_UNITS) for written in WRITTEN[unit]}
_TEXTS = ("method", "detection_limit", "laboratory", "certificate", "sample")
_SHOWN = {"pct": "%"}


def assay_drafts(rows: Iterable[Row], found: Findings) -> Iterator[Draft]:
    """Turn rows into events, one for each."""
    for row in rows:
        known = len(found.problems)
        draft = _draft(row, found)
        if draft is not None and len(found.problems) == known:
            yield draft


def assay_name(row: Row) -> str:
    """Name a row: by its own id, else by batch, analyte, instant and sample."""
    at = row.moment("assayed_at", Findings())
    parts = (row.cells["batch"], row.cells["analyte"], "" if at is None else utc(at), row.text("sample") or "")
    return row.text("row") or "/".join(parts)


def _draft(row: Row, found: Findings) -> Draft | None:
    at = row.moment("assayed_at", found)
    value, unit = _result(row, found), _unit(row)
    mass = row.mass("quantity", found, row.units.get("quantity", "kg"))
    listed = quantity(row.cells["batch"], mass)
    assays: list[Value] | None = [
        {"analyte": row.cells["analyte"], "value": value, "unit": _SHOWN.get(unit, unit)}
        | {name: text for name in ("uncertainty", *_TEXTS) if (text := row.text(name)) is not None}
    ]
    if row.cells["adjusts"]:
        listed |= _content(row, value, unit, mass, found)
        # A result that is a mass is the new content itself, and no analysis of a sample.
        assays = None if unit in MG_PER_UNIT else assays
    for column in ("reason", "moisture", "instrument") if not row.cells["adjusts"] else ():
        if column in row.cells:
            found.add(row, column, "record.cell_unused", got=row.text(column))
    for column in row.streams:
        if column in row.cells:
            found.add(row, column, "record.cell_unused", got=row.text(column))
    if at is None:
        return None
    id_ = event_id("assays", "inspecting", assay_name(row))

    def write(site: str, _party: str | None) -> Value:
        return event(
            "ObjectEvent",
            at,
            id_,
            action="OBSERVE",
            bizStep="inspecting",
            disposition="active",
            readPoint=place(site),
            bizLocation=place(site),
            quantityList=[listed],
            **{"ol:assay": assays, "ol:reason": row.text("reason")},
            **status(row),
            **remarks(row),
        )

    return Draft(
        id=id_,
        name=assay_name(row),
        at=at,
        rank=1,
        kind="look",
        rows=(row,),
        takes=((str(row.cells["batch"]), None),),
        site=row.text("site"),
        void=row.moment("void", found),
        write=write,
    )


def _result(row: Row, found: Findings) -> str:
    """Read a result with its digits; an exponent, as a spreadsheet writes small numbers, is written out."""
    text = str(row.cells["value"]).replace("＜", "<").replace(" ", "")
    if _PLAIN_NUMBER.fullmatch(text):
        text = f"{Decimal(text):f}"
    if not _RESULT.fullmatch(text) or len(text) > 40:
        found.add(row, "value", "record.wrong_type", expected="99.95 | <10", got=row.text("value"))
        return "0"
    return text


def _unit(row: Row) -> str:
    """Give a unit that is known by its plain name, any other as it is written."""
    text = str(row.cells["unit"])
    return _UNITS.get(text.lower(), text)


def _content(row: Row, value: str, unit: str, mass: Amount | None, found: Findings) -> Value:
    """Write the new content of the batch; the result must be a number, of an element, in mass or as a share."""
    element = str(row.cells["analyte"])
    entry: Value = {"element": element}
    if value.startswith("<") or unit not in _UNITS.values():
        found.add(row, "value" if value.startswith("<") else "unit", "record.cannot_adjust", got=f"{value} {unit}")
        return {}
    per = Decimal(1)
    if unit in MG_PER_UNIT:
        if (content := exact(row, "value", value, unit, found)) is None:
            return {}
        entry |= {"quantity": content.text, "uom": UOM[unit]}
    else:
        if mass is None and "quantity" not in row.cells:
            found.add(row, "quantity", "record.needed", column="quantity")
        per = SHARE_UNITS[unit]
        if Decimal(value) * per > 1:
            found.add(row, "value", "record.wrong_type", expected="0 ... 1", got=f"{value} {unit}")
        entry["content"] = f"{Decimal(value) * per:f}"
    if (deviation := row.text("uncertainty")) is not None:
        entry["uncertainty"] = f"{Decimal(deviation) * per:f}"
    moisture = row.share("moisture", found)
    return ({"ol:moisture": moisture} if moisture is not None else {}) | {"ol:contained": [entry]}
