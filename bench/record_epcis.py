"""Reading EPCIS: schema validation, the event hash, and whole documents, beside what else there is for each."""

from __future__ import annotations

import copy
import json
import time
import warnings
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from epcis_event_hash_generator import hash_generator, json_to_py
from epcis_event_hash_generator.file_document_loader import file_document_loader
from pyld import jsonld

from bench.registry import Measurement, alternated, benchmark
from oreloop.record import event_hash
from oreloop.record.epcis.context import PREFIXES, namespaces
from oreloop.record.epcis.parse import read
from oreloop.record.epcis.schema import is_valid

DOCUMENTS = 2_000
SLOW = 100
"""How many documents the references read in one round."""


def typical(number: int) -> dict[str, Any]:
    """Give a document with one receiving, as a case holds them, with digits of its own."""
    event = {
        "action": "OBSERVE",
        "bizLocation": {"id": "urn:oreloop:site:hanau"},
        "bizStep": "receiving",
        "destinationList": [{"type": "possessing_party", "destination": "urn:oreloop:party:de-refiner"}],
        "disposition": "in_progress",
        "eventID": f"urn:uuid:00000000-0000-4000-8000-{number:012d}",
        "eventTime": f"2026-01-20T{number // 3600 % 24:02d}:{number // 60 % 60:02d}:{number % 60:02d}.000Z",
        "eventTimeZoneOffset": "+01:00",
        "ol:contract": "ir-offtake-2026",
        "ol:status": "measured",
        "quantityList": [
            {
                "epcClass": f"urn:oreloop:batch:ir-5n-{number}",
                "quantity": f"{30 + number / 1000:.3f}",
                "uom": "KGM",
                "ol:uncertainty": "0.002",
            }
        ],
        "readPoint": {"id": "urn:oreloop:site:hanau"},
        "sourceList": [{"type": "possessing_party", "source": "urn:oreloop:party:sa-smelter"}],
        "type": "ObjectEvent",
    }
    return {
        "@context": [
            "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
            {"ol": "urn:oreloop:ns:epcis:1:"},
        ],
        "creationDate": event["eventTime"],
        "epcisBody": {"eventList": [event]},
        "schemaVersion": "2.0",
        "type": "EPCISDocument",
    }


def _rate(work: Callable[[Any], object], items: Sequence[Any]) -> float:
    work(items[0])
    started = time.perf_counter()
    for item in items:
        work(item)
    return len(items) / (time.perf_counter() - started)


@benchmark
def record_schema() -> Measurement:
    """Validation of documents with one event by the schema, from their JSON values."""
    documents = [typical(number) for number in range(DOCUMENTS)]
    lines = [json.dumps(document) for document in documents]
    return alternated(
        lambda: _rate(is_valid, documents),
        lambda: _rate(json.loads, lines),
        unit="documents/s",
        against="json.loads of the same documents",
    )


@benchmark
def record_event_hash() -> Measurement:
    """CBV event hashes of documents with one event, from their JSON values."""
    documents = [typical(number) for number in range(DOCUMENTS)]
    jsonld.set_document_loader(file_document_loader())

    def ours(document: dict[str, Any]) -> object:
        context = namespaces(PREFIXES, document["@context"])
        return [event_hash(event, context) for event in document["epcisBody"]["eventList"]]

    def peer(document: dict[str, Any]) -> object:
        listed = json_to_py.event_list_from_epcis_document_json(document)
        return hash_generator.epcis_hashes_from_events(listed)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return alternated(
            lambda: _rate(ours, documents),
            lambda: _rate(peer, copy.deepcopy(documents[:SLOW])),  # it changes what it is given
            unit="hashes/s",
            against="epcis-event-hash-generator",
        )


@benchmark
def record_parse() -> Measurement:
    """Bytes to events: exact JSON, schema, event hash and the metal of each, beside reading the same JSON exactly."""
    lines = [json.dumps(typical(number)).encode() for number in range(DOCUMENTS)]
    if any(read(line, "bench.jsonl").problems for line in lines):
        raise AssertionError("a document of the benchmark is refused")
    return alternated(
        lambda: _rate(lambda line: read(line, "bench.jsonl", 1), lines),
        lambda: _rate(lambda line: json.loads(line, parse_float=Decimal, object_pairs_hook=dict), lines),
        unit="documents/s",
        against="json.loads with Decimal, nothing checked",
    )
