"""Rows of ``movements`` to events: shipped, received, handed over, counted, come to its end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal

from oreloop.record.tables.draft import (
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
from oreloop.record.tables.rows import Amount, Findings, Row

_ALWAYS = {"movement", "batch", "kind", "quantity", "uncertainty", "from_site", "moisture", "instrument"}
_PAPERS = {"contract", "co2e_kg", "licence", "quota"}
_ARRIVAL = {"received_quantity", "received_uncertainty"}
_USED = {
    "shipment": {"to_site", "from_party", "to_party", "shipped_at", "received_at"} | _PAPERS | _ARRIVAL,
    "receipt": {"to_site", "from_party", "to_party", "received_at", "contract"},
    "transfer": {"to_site", "from_party", "to_party", "shipped_at"} | _PAPERS,
    "stock_take": {"shipped_at", "reason"},
    "end_of_use": {"shipped_at", "reason"},
}
"""Columns that mean something in a row of each kind."""
_NEEDED = {
    "shipment": ("to_site", "shipped_at"),
    "receipt": ("to_site", "received_at"),
    "transfer": ("to_party", "shipped_at"),
    "stock_take": ("shipped_at",),
    "end_of_use": ("shipped_at",),
}


def movement_drafts(rows: Iterable[Row], found: Findings) -> Iterator[Draft]:
    """Turn rows into events: one, or two for a shipment that has arrived."""
    for row in rows:
        kind, known = row.cells["kind"], len(found.problems)
        for column in row.filled():
            if column not in _USED[kind] | _ALWAYS:
                found.add(row, column, "record.cell_unused", got=row.text(column))
        for column in _NEEDED[kind]:
            if column not in row.cells:
                found.add(row, column, "record.needed", column=column)
        drafts = list(_drafts(kind, row, found))
        if len(found.problems) == known:
            yield from drafts


def movement_name(row: Row) -> str:
    """Name a row: by its own id, else by its paper and batch."""
    return row.text("row") or f"{row.cells['movement']}/{row.cells['batch']}"


def _drafts(kind: str, row: Row, found: Findings) -> Iterator[Draft]:
    mass = row.mass("quantity", found)
    weighed = mass, row.deviation("uncertainty", mass, found)
    left, came = row.moment("shipped_at", found), row.moment("received_at", found)
    match kind:
        case "shipment" | "transfer":
            if left is not None:
                yield _shipping(kind, row, weighed, left, found)
            arrived = left if kind == "transfer" else came
            if arrived is not None:
                again = row.mass("received_quantity", found)
                deviation = row.deviation("received_uncertainty", again, found)
                yield _receiving(kind, row, weighed if again is None else (again, deviation), arrived, [])
        case "receipt":
            if came is not None:
                yield _receiving(kind, row, weighed, came, elements(row, "content", found))
        case _:
            if left is not None:
                yield _here(kind, row, weighed, left, found)
    if kind != "stock_take":
        for column in (name for name, stream in row.streams.items() if stream.fact != "content" and name in row.cells):
            found.add(row, column, "record.cell_unused", got=row.text(column))


def _draft(row: Row, kind: str, at: datetime, rank: int, **more: object) -> Draft:
    mass = row.mass("quantity", Findings())
    return Draft(
        id=event_id("movements", kind, movement_name(row)),
        name=movement_name(row),
        at=at,
        rank=rank,
        kind=kind,
        rows=(row,),
        takes=((str(row.cells["batch"]), None if mass is None else mass.mg),),
        void=row.moment("void", Findings()),
        **more,  # type: ignore[arg-type]  # fields of a draft
    )


def _shipping(kind: str, row: Row, weighed: tuple[Amount | None, str | None], at: datetime, found: Findings) -> Draft:
    listed = quantity(row.cells["batch"], *weighed) | _stated(row, found)
    emissions = whole(row, "co2e_kg", Decimal(1000), found)
    papers: Value = {"ol:contract": row.text("contract"), "ol:emissionsG": emissions}
    papers |= {"ol:licence": row.text("licence"), "ol:quota": row.text("quota")}

    def write(site: str, to_party: str | None) -> Value:
        to_site = row.text("to_site") or site
        return event(
            "ObjectEvent",
            at,
            draft.id,
            action="OBSERVE",
            bizStep="shipping",
            disposition="in_transit",
            readPoint=place(site),
            sourceList=[
                *party("possessing_party", "source", row.text("from_party")),
                *party("location", "source", site),
            ],
            destinationList=[
                *party("possessing_party", "destination", to_party),
                *party("location", "destination", to_site),
            ],
            quantityList=[listed],
            **papers,
            **_remarks(row),
        )

    draft = _draft(
        row,
        "shipping",
        at,
        3,
        site=row.text("from_site"),
        to_site=row.text("to_site") if kind == "shipment" else row.text("to_site") or row.text("from_site"),
        party=row.text("to_party"),
        write=write,
    )
    return draft


def _receiving(
    kind: str, row: Row, weighed: tuple[Amount | None, str | None], at: datetime, contained: list[Value]
) -> Draft:
    listed = quantity(row.cells["batch"], *weighed) | ({"ol:contained": contained} if contained else {})

    def write(site: str, to_party: str | None) -> Value:
        return event(
            "ObjectEvent",
            at,
            draft.id,
            action="OBSERVE",
            bizStep="receiving",
            disposition="in_progress",
            readPoint=place(site),
            bizLocation=place(site),
            sourceList=party("possessing_party", "source", row.text("from_party")) or None,
            destinationList=party("possessing_party", "destination", to_party) or None,
            quantityList=[listed],
            **{"ol:contract": row.text("contract")},
            **_remarks(row),
        )

    at_site = row.text("to_site") or (row.text("from_site") if kind == "transfer" else None)
    draft = _draft(row, "receiving", at, 4, site=at_site, party=row.text("to_party"), write=write)
    return draft


def _here(kind: str, row: Row, weighed: tuple[Amount | None, str | None], at: datetime, found: Findings) -> Draft:
    listed = quantity(row.cells["batch"], *weighed) | _stated(row, found)
    tolerance = elements(row, "tolerance", found) or None if kind == "stock_take" else None
    step = {"action": "OBSERVE", "bizStep": "stock_taking", "disposition": "active"}
    if kind == "end_of_use":
        step = {"action": "DELETE", "bizStep": "decommissioning", "disposition": "inactive"}
    more: Value = {"ol:reason": row.text("reason"), "ol:tolerance": tolerance}

    def write(site: str, _party: str | None) -> Value:
        return event(
            "ObjectEvent",
            at,
            draft.id,
            **step,
            readPoint=place(site),
            bizLocation=place(site),
            quantityList=[listed],
            **more,
            **_remarks(row),
        )

    draft = _draft(row, kind, at, 6 if kind == "end_of_use" else 5, site=row.text("from_site"), write=write)
    return draft


def _stated(row: Row, found: Findings) -> Value:
    """Give what the row says that the amount contains."""
    contained = elements(row, "content", found)
    moisture = row.share("moisture", found)
    return ({"ol:moisture": moisture} if moisture is not None else {}) | (
        {"ol:contained": contained} if contained else {}
    )


def _remarks(row: Row) -> Value:
    return status(row) | remarks(row, movement=row.text("movement"))
