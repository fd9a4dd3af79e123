"""A small trade in EPCIS, written so that tests of a record read like it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2026, 1, 1, tzinfo=UTC)
CONTEXT = ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld", {"ol": "urn:oreloop:ns:epcis:1:"}]
Value = dict[str, Any]


def lot(batch: str, mg: int, iridium: int | None = None) -> Value:
    """So many milligrams of a batch; with the iridium in it where it is stated."""
    said: Value = {"epcClass": f"urn:oreloop:batch:{batch}", "quantity": mg, "uom": "MGM"}
    if iridium is not None:
        content = {"element": "Ir", "quantity": str(iridium), "uom": "MGM", "uncertainty": "1"}
        said |= {"ol:material": "metal", "ol:contained": [content]}
    return said


def mined(hour: float, *lots: Value, **more: Any) -> Value:
    to = [{"type": "possessing_party", "destination": "urn:oreloop:party:mill"}]
    return _event(
        hour, "ObjectEvent", action="ADD", bizStep="commissioning", quantityList=lots, destinationList=to, **more
    )


def used(hour: float, *lots: Value, **more: Any) -> Value:
    return _event(hour, "ObjectEvent", action="DELETE", bizStep="destroying", quantityList=lots, **more)


def assayed(hour: float, taken: Value, **more: Any) -> Value:
    result = {"analyte": "Ir", "value": "<0.1", "unit": "%", "method": "GDMS", "laboratory": "lab"}
    return _event(
        hour,
        "ObjectEvent",
        action="OBSERVE",
        bizStep="inspecting",
        quantityList=[taken],
        **{"ol:assay": [result]},
        **more,
    )


def refined(hour: float, taken: Sequence[Value], made: Sequence[Value], **more: Any) -> Value:
    return _event(
        hour,
        "TransformationEvent",
        bizStep="commissioning",
        inputQuantityList=list(taken),
        outputQuantityList=list(made),
        **more,
    )


def wrong(event: Value, hour: float) -> Value:
    """Declare an event wrong."""
    at = (START + timedelta(hours=hour)).isoformat()
    return event | {"errorDeclaration": {"declarationTime": at, "reason": "incorrect_data"}}


def document(*events: Value) -> bytes:
    """One document, on one line."""
    return json.dumps(
        {
            "@context": CONTEXT,
            "type": "EPCISDocument",
            "schemaVersion": "2.0",
            "creationDate": "2026-01-01T00:00:00Z",
            "epcisBody": {"eventList": events},
        }
    ).encode()


def lines(*documents: bytes) -> bytes:
    return b"".join(each + b"\n" for each in documents)


def _event(hour: float, kind: str, **fields: Any) -> Value:
    place = {"id": "urn:oreloop:site:works"}
    return {
        "type": kind,
        "eventID": fields.pop("id", f"urn:test:{hour}"),
        "eventTime": (START + timedelta(hours=hour)).isoformat(),
        "eventTimeZoneOffset": "+00:00",
        "readPoint": place,
        "bizLocation": place,
        **fields,
    }
