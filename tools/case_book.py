"""A book that writes the illustrative EPCIS 2.0 record of a bundled case and keeps what each lot holds.

Masses are whole milligrams. What enters a step and is in no output is written as a loss, so each step balances.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

CONTEXT = ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld", {"ol": "urn:oreloop:ns:epcis:1:"}]
Metals = Mapping[str, int]


def kg(mg: int) -> str:
    """Write milligrams as a decimal number of kilograms, exactly."""
    return f"{mg // 1_000_000}.{mg % 1_000_000:06d}".rstrip("0").rstrip(".")


@dataclass(kw_only=True)
class Lot:
    """A batch: wet mass and contained metals in mg, and where it is."""

    material: str
    wet_mg: int
    metals: Metals
    site: str


@dataclass
class Book:
    """Writes EPCIS 2.0 events one after another and keeps what each lot holds.

    Args:
        case: id of the case, part of each event's id.
        holder: who runs each site.
        offset: hours of local time ahead of UTC, by site; 8 where absent.
        moisture: share of water in each material, as text; 0 where absent.
        lots, seen: what is there now; every lot that ever was.
        files, file: events by file; the file that is written now.
        receipts: event id of each receipt, by contract and lot.
    """

    case: str
    holder: Mapping[str, str]
    offset: Mapping[str, int]
    moisture: Mapping[str, str]
    lots: dict[str, Lot] = field(default_factory=dict)
    seen: dict[str, Lot] = field(default_factory=dict)
    files: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    file: str = ""
    receipts: dict[tuple[str, str], str] = field(default_factory=dict)

    def mined(
        self, when: str, lot: str, made: Lot, *, origin: str, grams: int, recycled: str = "", kind: str = ""
    ) -> None:
        """Let a batch come to exist; `grams` is its footprint up to there."""
        self.lots[lot] = made
        extra: dict[str, Any] = {"ol:origin": {"country": origin, "site": made.site}, "ol:emissionsG": grams}
        if recycled:
            extra["ol:recycled"] = {"share": recycled, "kind": kind}
        held = {"destinationList": [self._party("destination", made.site)]}
        self._object(when, made.site, "ADD", "commissioning", [self._full(lot)], **held, **extra)

    def assayed(self, when: str, lot: str, values: Sequence[tuple[str, str]], *, unit: str, method: str) -> None:
        """Record an assay by the laboratory."""
        certificate = f"illustrative-{lot}-{when[:10]}"
        assay = [
            {"analyte": analyte, "value": value, "unit": unit, "method": method}
            | {"laboratory": "lab", "certificate": certificate}
            for analyte, value in values
        ]
        self._object(when, self.lots[lot].site, "OBSERVE", "inspecting", [self._brief(lot)], **{"ol:assay": assay})

    def moved(self, left: str, arrived: str, lot: str, to: str, *, contract: str = "") -> None:
        """Ship a whole lot and receive it; an empty `left` or `arrived` leaves out that half."""
        start = self.lots[lot].site
        sent: dict[str, Any] = {
            "sourceList": [self._party("source", start), _place("source", start)],
            "destinationList": [self._party("destination", to), _place("destination", to)],
        }
        under = {"ol:contract": contract} if contract else {}
        if left:
            self._object(left, start, "OBSERVE", "shipping", [self._brief(lot)], **sent, **under)
        if arrived:
            self.lots[lot].site = to
            got = {"sourceList": [self._party("source", start)], "destinationList": [self._party("destination", to)]}
            self._object(arrived, to, "OBSERVE", "receiving", [self._brief(lot)], **got, **under)
            self.receipts[contract, lot] = self.files[self.file][-1]["eventID"]

    def made(
        self, when: str, inputs: Sequence[str], outputs: Mapping[str, Lot], process: str, grams: int, why: str
    ) -> None:
        """Turn lots into lots; what no output holds is written as a loss."""
        taken = [self._brief(lot) for lot in inputs]
        used = [self.lots.pop(lot) for lot in inputs]
        elements = sorted({element for lot in used for element in lot.metals})
        loss = []
        for element in elements:
            lost = sum(lot.metals.get(element, 0) for lot in used) - sum(
                lot.metals.get(element, 0) for lot in outputs.values()
            )
            if lost < 0:
                raise ValueError(f"{process} at {when} makes {-lost} mg of {element} out of nothing")
            if lost:
                loss.append({"element": element, "quantity": kg(lost), "uom": "KGM", "reason": why})
        self.lots.update(outputs)
        place = {"id": f"urn:oreloop:site:{used[0].site}"}
        self._write(
            when,
            used[0].site,
            {
                "type": "TransformationEvent",
                "bizStep": "commissioning",
                "disposition": "in_progress",
                "readPoint": place,
                "bizLocation": place,
                "inputQuantityList": taken,
                "outputQuantityList": [self._full(lot) for lot in outputs],
                "ol:process": process,
                "ol:loss": loss,
                "ol:emissionsG": grams,
                "ol:allocation": "metal",
            },
        )

    def destroyed(self, when: str, lot: str) -> None:
        """End a lot for good."""
        entry, site = self._brief(lot), self.lots.pop(lot).site
        self._object(when, site, "DELETE", "destroying", [entry])

    def lines(self) -> dict[str, bytes]:
        """Give the documents, one a line, by file, in order of time."""
        return {
            name: b"".join(_line(event) for event in sorted(events, key=lambda event: str(event["eventTime"])))
            for name, events in self.files.items()
        }

    def _brief(self, lot: str) -> dict[str, Any]:
        return {"epcClass": f"urn:oreloop:batch:{lot}", "quantity": kg(self.lots[lot].wet_mg), "uom": "KGM"}

    def _full(self, lot: str) -> dict[str, Any]:
        known = self.lots[lot]
        moisture = self.moisture.get(known.material, "0")
        held = [
            {"element": element, "quantity": kg(mg), "uom": "KGM", "uncertainty": kg(max(1, mg // 2000))}
            for element, mg in sorted(known.metals.items())
        ]
        self.seen[lot] = known
        return self._brief(lot) | {"ol:material": known.material, "ol:moisture": moisture, "ol:contained": held}

    def _object(self, when: str, site: str, action: str, step: str, lots: list[dict[str, Any]], **extra: Any) -> None:
        place = {"id": f"urn:oreloop:site:{site}"}
        state = {"shipping": "in_transit", "destroying": "inactive", "receiving": "in_progress"}.get(step, "active")
        body = {"type": "ObjectEvent", "action": action, "bizStep": step, "disposition": state, "readPoint": place}
        where = {} if step == "shipping" else {"bizLocation": place}
        self._write(when, site, body | where | {"quantityList": lots} | extra)

    def _write(self, when: str, site: str, body: dict[str, Any]) -> None:
        lots = "+".join(
            entry["epcClass"] for key in ("quantityList", "outputQuantityList") for entry in body.get(key, [])
        )
        name = f"oreloop case {self.case}: {when} {site} {body['bizStep']} {lots}"
        stamp = {
            "eventID": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, name)}",
            "eventTime": f"{when}:00.000Z",
            "eventTimeZoneOffset": f"+{self.offset.get(site, 8):02d}:00",
            "ol:status": "illustrative",
        }
        self.files.setdefault(self.file, []).append(body | stamp)

    def _party(self, key: str, site: str) -> dict[str, str]:
        return {"type": "possessing_party", key: f"urn:oreloop:party:{self.holder[site]}"}


def _place(key: str, site: str) -> dict[str, str]:
    return {"type": "location", key: f"urn:oreloop:site:{site}"}


def _line(event: dict[str, Any]) -> bytes:
    document = {
        "@context": CONTEXT,
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": event["eventTime"],
        "epcisBody": {"eventList": [event]},
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode() + b"\n"


def lot(material: str, site: str, wet_kg: float, **metals_kg: float) -> Lot:
    """Describe a lot in kilograms (exact to the milligram)."""
    return Lot(
        material=material,
        site=site,
        wet_mg=round(wet_kg * 1_000_000),
        metals={element: round(mass * 1_000_000) for element, mass in metals_kg.items()},
    )
