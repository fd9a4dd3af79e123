"""Capturing a record in bulk: JSON lines to documents that are durable, balanced and in the log.

The reference stands for the least that any store does: the same lines put into a bare SQLite table, flushed once for as
many lines as we flush for. It reads, judges and signs nothing.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import apsw

from bench.registry import Measurement, alternated, benchmark
from oreloop.app.records.capture import GROUP
from oreloop.app.records.folder import open_record, start_record

EVENTS = 20_000
ROUNDS = 3
_START = datetime(2026, 1, 1, tzinfo=UTC)
_CONTEXT = ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld", {"ol": "urn:oreloop:ns:epcis:1:"}]
_FOLDERS = tempfile.TemporaryDirectory(prefix="oreloop-bench-")


def chain(events: int) -> Iterator[bytes]:
    """Give events of a trade, one document each: a mine's lot is split, shipped, received, refined, and so on.

    Args:
        events: how many, in order of time.
    """
    made = _lots()
    for number in range(events):
        at = (_START + timedelta(minutes=number)).isoformat()
        value = {"eventID": f"urn:bench:{number}", "eventTime": at, "eventTimeZoneOffset": "+00:00", **next(made)}
        yield json.dumps(
            {
                "@context": _CONTEXT,
                "type": "EPCISDocument",
                "schemaVersion": "2.0",
                "creationDate": "2026-01-01T00:00:00Z",
                "epcisBody": {"eventList": [value]},
            }
        ).encode()


def _lots() -> Iterator[dict[str, Any]]:
    """Seven events for each lot; every tenth lot is refined together with what is left of the one before."""
    lot = 0
    while True:
        mine, left = f"mine-{lot % 5}", f"lot-{lot - 1}-b"
        yield _object("commissioning", "ADD", mine, [_amount(f"lot-{lot}", 1_000_000, 900_000)], to="smelter")
        parts = [_amount(f"lot-{lot}-{part}", 500_000, 450_000) for part in "ab"]
        yield _transformation(mine, [_amount(f"lot-{lot}", 1_000_000)], parts)
        parts_out = [_amount(f"lot-{lot}-{part}", 500_000) for part in "ab"]
        yield _object("shipping", "OBSERVE", mine, parts_out, to="refiner", destination="hanau")
        yield _object("receiving", "OBSERVE", "hanau", parts_out, to="refiner")
        taken = [_amount(f"lot-{lot}-a", 500_000)]
        mass = 450_000
        if lot % 10 == 9:
            taken.append(_amount(left, 500_000))
            mass *= 2
        yield _transformation("hanau", taken, [_amount(f"metal-{lot}", mass, mass)])
        yield _object("inspecting", "OBSERVE", "hanau", [_amount(f"metal-{lot}", mass)])
        yield _object("shipping", "OBSERVE", "hanau", [_amount(f"metal-{lot}", mass)], to="user", destination="plant")
        lot += 1


def _amount(batch: str, mass_mg: int, contained_mg: int | None = None) -> dict[str, Any]:
    said: dict[str, Any] = {"epcClass": f"urn:oreloop:batch:{batch}", "quantity": mass_mg, "uom": "MGM"}
    if contained_mg is not None:
        content = {"element": "Ir", "quantity": str(contained_mg), "uom": "MGM", "uncertainty": "100"}
        said |= {"ol:material": "crude", "ol:contained": [content]}
    return said


def _object(
    step: str, action: str, site: str, amounts: list[dict[str, Any]], *, to: str = "", destination: str = ""
) -> dict[str, Any]:
    said: dict[str, Any] = {
        "type": "ObjectEvent",
        "action": action,
        "bizStep": step,
        "readPoint": {"id": f"urn:oreloop:site:{site}"},
        "quantityList": amounts,
    }
    if not destination:
        said["bizLocation"] = said["readPoint"]
    ends = [("possessing_party", f"urn:oreloop:party:{to}")] if to else []
    ends += [("location", f"urn:oreloop:site:{destination}")] if destination else []
    if ends:
        said["destinationList"] = [{"type": kind, "destination": end} for kind, end in ends]
    return said


def _transformation(site: str, taken: list[dict[str, Any]], made: list[dict[str, Any]]) -> dict[str, Any]:
    place = {"id": f"urn:oreloop:site:{site}"}
    return {
        "type": "TransformationEvent",
        "bizStep": "commissioning",
        "readPoint": place,
        "bizLocation": place,
        "inputQuantityList": taken,
        "outputQuantityList": made,
    }


def _captured(lines: Path) -> float:
    """Capture a file into a new record; give events a second, from opening the record to its checkpoint."""
    place = Path(tempfile.mkdtemp(dir=_FOLDERS.name)) / "record"
    start_record(place, origin="bench.example/batches")
    started = time.perf_counter()
    with open_record(place) as record:
        added = record.add_files([lines])
    taken_s = time.perf_counter() - started
    assert added.counts["captured"] == EVENTS, added.counts
    return EVENTS / taken_s


def _inserted(lines: Path) -> float:
    started = time.perf_counter()
    database = apsw.Connection(str(Path(tempfile.mkdtemp(dir=_FOLDERS.name)) / "lines.sqlite"))
    database.pragma("journal_mode", "wal")
    database.pragma("synchronous", "full")
    database.execute("CREATE TABLE lines (number INTEGER PRIMARY KEY, line BLOB)")
    with lines.open("rb") as file:
        while group := [line for _, line in zip(range(GROUP), file, strict=False)]:
            with database:
                database.executemany("INSERT INTO lines (line) VALUES (?)", ((line,) for line in group))
    database.close()
    return EVENTS / (time.perf_counter() - started)


def _measured(take: Callable[[Path], float]) -> Callable[[], float]:
    lines = Path(_FOLDERS.name) / "events.jsonl"
    if not lines.exists():
        lines.write_bytes(b"".join(line + b"\n" for line in chain(EVENTS)))
    return lambda: take(lines)


@benchmark
def record_bulk_capture() -> Measurement:
    """Events a second of a file of JSON lines, until all are durable, balanced, signed and in the published log."""
    against = "the same lines put into a bare SQLite table, as durably"
    return alternated(_measured(_captured), _measured(_inserted), unit="events/s", against=against, rounds=ROUNDS)
