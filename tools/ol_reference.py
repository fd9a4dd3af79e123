"""The reference page of the ``ol:`` extension, from its JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from oreloop.record.epcis.schema import schema

EXAMPLE: Mapping[str, Any] = {
    "@context": ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld", {"ol": "urn:oreloop:ns:epcis:1:"}],
    "type": "EPCISDocument",
    "schemaVersion": "2.0",
    "creationDate": "2026-03-01T08:00:00Z",
    "epcisBody": {
        "eventList": [
            {
                "type": "TransformationEvent",
                "eventID": "urn:uuid:6f1b7f3e-2f1e-4c7a-9d55-3c1d0f6a9a10",
                "eventTime": "2026-02-10T16:00:00+01:00",
                "eventTimeZoneOffset": "+01:00",
                "bizStep": "commissioning",
                "readPoint": {"id": "urn:oreloop:site:hanau"},
                "inputQuantityList": [
                    {"epcClass": "urn:oreloop:batch:ir-crude-1", "quantity": "120.5", "uom": "KGM"},
                ],
                "outputQuantityList": [
                    {
                        "epcClass": "urn:oreloop:batch:ir-5n-1",
                        "quantity": "92.9",
                        "uom": "KGM",
                        "ol:material": "ir-5n",
                        "ol:heat": "H-2026-014",
                        "ol:hsCode": "711041",
                        "ol:contained": [
                            {
                                "element": "Ir",
                                "quantity": "92.895",
                                "uom": "KGM",
                                "uncertainty": "0.01",
                                "systematic": "0.004",
                                "instrument": "scale-3",
                            }
                        ],
                    },
                    {
                        "epcClass": "urn:oreloop:batch:residue-1",
                        "quantity": "20.4",
                        "uom": "KGM",
                        "ol:material": "ir-residue",
                        "ol:moisture": "0.15",
                        "ol:contained": [{"element": "Ir", "content": "0.068", "uncertainty": "0.002"}],
                    },
                ],
                "ol:process": "ir-refining",
                "ol:loss": [{"element": "Ir", "quantity": "0.03", "uom": "KGM", "reason": "filter wash"}],
                "ol:energyWh": 310_000_000,
                "ol:emissionsG": 96_000_000,
                "ol:allocation": "metal",
                "ol:status": "measured",
            }
        ]
    },
}
"""A document that uses the extension."""

_PLACES = {"any": "every batch", "made": "a batch that comes to exist", "output": "an output of a transformation"}
_TYPES = {"string": "text", "integer": "whole number", "number": "number", "object": "object", "array": "list"}


def page() -> str:
    """Give the page as Markdown, with the meaning in English and in Chinese."""
    parts = schema("ol.schema")["$defs"]
    events, quantities = parts["event"]["properties"], parts["quantity"]["properties"]
    every = {step for stated in events.values() for step in stated["x-on"]}
    where = {
        name: "every step" if every == set(stated["x-on"]) else ", ".join(f"`{step}`" for step in stated["x-on"])
        for name, stated in events.items()
    }
    heading = ("name", "where", "type", "unit", "meaning", "含义")
    lines = [
        "# The `ol:` extension of EPCIS 2.0\n",
        "Oreloop reads plain EPCIS 2.0 documents and adds names with the prefix `ol:` (`urn:oreloop:ns:epcis:1:`) to",
        "events and quantities about batches of metal: quantities whose `epcClass` is `urn:oreloop:batch:<id>`. Sites are",
        "`urn:oreloop:site:<id>`, parties `urn:oreloop:party:<id>`. Numbers may be written as text, which keeps their",
        "digits everywhere. A name that is not listed here, or stands where it is not listed, is refused as misspelt.",
        "Names with another prefix are somebody else's and are kept as received.\n",
        "The schemas are `ol.schema.json` and `schema.json`, the JSON-LD context is `ol.context.jsonld`, all in",
        "`src/oreloop/record/epcis/`.\n",
        "## On events\n",
        *_table(heading, ((name, where[name], *_described(stated)) for name, stated in events.items())),
        "## On quantities\n",
        *_table(heading, ((name, _PLACES[stated["x-on"]], *_described(stated)) for name, stated in quantities.items())),
    ]
    for name, part in parts.items():
        if part.get("additionalProperties") is False:
            required = part.get("required", ())
            lines += [f"## {name}\n"]
            lines += _table(
                ("field", "required", "type", "unit", "meaning", "含义"),
                (
                    (field, "yes" if field in required else "", *_described(stated))
                    for field, stated in part["properties"].items()
                ),
            )
    lines += [
        "## Steps\n",
        "| step | EPCIS event |",
        "|---|---|",
        "| `commissioning` | ObjectEvent ADD |",
        "| `shipping`, `receiving`, `inspecting` | ObjectEvent OBSERVE with that `bizStep` |",
        "| `transformation` | TransformationEvent |",
        "| `end_of_use` | ObjectEvent DELETE |",
        "| `stock_taking` | ObjectEvent OBSERVE, `bizStep` `stock_taking` or `cycle_counting` |",
        "| `packing`, `unpacking` | AggregationEvent or AssociationEvent, ADD or DELETE |",
        "| `trading` | TransactionEvent |",
        "| `issuing_claim`, `retiring_claim` | ObjectEvent OBSERVE, `bizStep` `urn:oreloop:bizstep:issuing_claim` or "
        "`urn:oreloop:bizstep:retiring_claim` |",
        "",
        "## Where the standard leaves room\n",
        "Three documents that other readers dispute are taken in here: `persistentDisposition` on every event type, as the",
        "text of the standard has it (its schema allows it on ObjectEvent and TransformationEvent only); names with a",
        "prefix within quantities and other lists; numbers written as text.\n",
        "## Example\n",
        f"```json\n{json.dumps(EXAMPLE, indent=1)}\n```",
    ]
    return "\n".join(lines) + "\n"


def _described(stated: Mapping[str, Any]) -> tuple[str, ...]:
    return _type(stated), stated.get("x-unit", ""), stated["description"], stated["x-zh"]


def _type(stated: Mapping[str, Any]) -> str:
    parts = schema("ol.schema")["$defs"]
    if "$ref" in stated:
        name = stated["$ref"].rpartition("/")[2]
        return f"[{name}](#{name})" if parts[name].get("additionalProperties") is False else _type(parts[name])
    if "enum" in stated:
        return ", ".join(f"`{word}`" for word in stated["enum"])
    if stated["type"] == "array":
        return f"list of {_type(stated['items'])}"
    if stated["type"] == "object":
        return "object of texts"
    kinds = stated["type"] if isinstance(stated["type"], list) else [stated["type"]]
    return " or ".join(_TYPES[kind] for kind in kinds)


def _table(heading: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    columns = list(heading)
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    lines += [f"| `{name}` | {' | '.join(rest)} |" for name, *rest in rows]
    return [*lines, ""]
