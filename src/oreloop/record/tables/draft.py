"""Rows to event values: what a row of any table has in common, and the words of EPCIS for it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from oreloop.base.quantity import REC20_UNITS
from oreloop.record.tables.rows import Amount, Findings, Row, exact
from oreloop.record.tables.shape import FAMILIES, SHARE_UNITS, Fact

BATCH, SITE, PARTY = "urn:oreloop:batch:", "urn:oreloop:site:", "urn:oreloop:party:"
CONTEXT: list[Any] = [
    "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
    {"ol": "urn:oreloop:ns:epcis:1:", "row": "urn:oreloop:ns:row:1:"},
]
"""JSON-LD context of derived documents; ``row:`` names keep what a row says that no rule reads."""

UOM: Mapping[str, str] = {unit: code for code, unit in REC20_UNITS.items()}

Value = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An event before its place among the others is known.

    Args:
        id: its event id, made of the key of its row.
        name: by which other rows name its row.
        at: when it happens, with the offset that was written.
        rank: what comes first of events of one moment that are all possible.
        kind: what it does to batches.
        rows: the rows it is made of.
        takes: batches that it takes, moves or looks at, with the mass (mg), None for all.
        makes: batches that it brings into being, with their mass, mg.
        site: where it happens; None: where the batch is.
        to_site: where what it moves goes.
        party: who holds it afterwards; None: who held it before.
        void: when it was found wrong.
        write: gives the event, told the site and the party.
    """

    id: str
    name: str
    at: datetime
    rank: int
    kind: str
    rows: tuple[Row, ...]
    takes: tuple[tuple[str, int | None], ...] = ()
    makes: tuple[tuple[str, int], ...] = ()
    site: str | None = None
    to_site: str | None = None
    party: str | None = None
    void: datetime | None = None
    write: Callable[[str, str | None], Value]


def event_id(*key: str) -> str:
    """Make the id of an event from the key of its row: a UUID of version 5 (RFC 9562, 5.5) as a URN.

    It does not depend on what the row says: the same row again is the same event, and a changed row is seen as a change.

    >>> event_id("batches", "row", "ir-001")
    'urn:uuid:67e93961-a924-52de-a4ed-3765a2f8bae7'
    """
    return f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, 'urn:oreloop:ns:row:1:' + json.dumps(key))}"


def event(kind: str, at: datetime, id_: str, **fields: Any) -> Value:
    """Begin an event; fields that are None are left out."""
    offset = at.strftime("%z")
    value = {
        "type": kind,
        "eventID": id_,
        "eventTime": at.isoformat(timespec="milliseconds"),
        "eventTimeZoneOffset": f"{offset[:3]}:{offset[3:5]}",
    }
    return value | {name: said for name, said in fields.items() if said is not None}


def remarks(row: Row, **more: str | None) -> Value:
    """Give what a row says beside the matter: its id, note, source, and more."""
    said = {"id": row.text("row"), "note": row.text("note"), "source": row.text("source"), **more}
    return {f"row:{name}": text for name, text in said.items() if text is not None}


def status(row: Row) -> Value:
    """Give how well the numbers are known, where that was said."""
    said = row.text("status")
    return {} if said in (None, "unstated") else {"ol:status": said}


def place(site: str) -> Value:
    """Name a site as EPCIS does."""
    return {"id": SITE + site}


def party(role: str, key: str, name: str | None) -> list[Value]:
    """Name a party or site in a source or destination list; empty for None."""
    prefix = SITE if role == "location" else PARTY
    return [] if name is None else [{"type": role, key: prefix + name}]


def quantity(batch: str, amount: Amount | None, deviation: str | None = None) -> Value:
    """Write a batch with its mass, or all of it."""
    value: Value = {"epcClass": BATCH + batch}
    if amount is not None:
        value |= {"quantity": amount.text, "uom": UOM[amount.unit]}
    return value | ({"ol:uncertainty": deviation} if deviation is not None else {})


def elements(row: Row, fact: Fact, found: Findings) -> list[Value]:
    """Write what a row says of elements: contents, losses or tolerances, sorted by element."""
    listed: list[Value] = []
    for (element, unit), parts in sorted(row.facts(fact).items()):
        column = next(
            name
            for name, stream in row.streams.items()
            if (stream.element, stream.unit, stream.fact) == (element, unit, fact) and name in row.cells
        )
        if any(other["element"] == element for other in listed):
            found.add(row, column, "record.element_twice", got=element)
            continue
        if "value" not in parts:
            found.add(row, column, "record.stands_alone", got=next(iter(parts.values())))
            continue
        entry: Value = {"element": element}
        if unit in SHARE_UNITS:
            entry["content"] = _share(row, column, parts["value"], unit, found)
        elif (mass := exact(row, column, parts["value"], unit, found)) is not None:
            entry |= {"quantity": mass.text, "uom": UOM[unit]}
        per = SHARE_UNITS.get(unit, Decimal(1))
        if "sd" in parts:
            entry["uncertainty"] = f"{Decimal(parts['sd']) * per:f}"
        if "systematic" in parts:
            entry["systematic"] = f"{Decimal(parts['systematic']) * per:f}"
            entry |= {} if (instrument := row.text("instrument")) is None else {"instrument": instrument}
        listed.append(entry)
    return listed


def _share(row: Row, column: str, text: str, unit: str, found: Findings) -> str:
    share = Decimal(text) * SHARE_UNITS[unit]
    if share > 1:
        found.add(row, column, "record.wrong_type", expected="0 ... 1", got=f"{share:f}")
    return f"{share:f}"


def whole(row: Row, column: str, per: Decimal, found: Findings) -> int | None:
    """Read a mass of CO2e or an energy as a whole number of grams or watt-hours, rounded half to even.

    Args:
        row: the row.
        column: a column whose unit has a family.
        per: milligrams or watt-hours of one of what is counted.
        found: where problems go.
    """
    text = row.text(column)
    if text is None:
        return None
    unit = TABLE_UNITS[column]
    number = Decimal(text) * FAMILIES[unit][row.units.get(column, unit.lower())] / per
    if number > 2**53:
        found.add(row, column, "record.wrong_type", expected="0 ... 2^53", got=text)
        return None
    return int(number.to_integral_value())


TABLE_UNITS: Mapping[str, str] = {"co2e_kg": "kg", "credit_co2e_kg": "kg", "energy_kwh": "kWh"}
"""The family of units of columns that are sealed as whole numbers."""


def utc(moment: datetime) -> str:
    """Write an instant in UTC, for keys and for the dates of documents."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
