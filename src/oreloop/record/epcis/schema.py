"""Checks of structure by JSON Schema: what EPCIS 2.0 (GS1, 2022) and the ``ol:`` extension demand.

The schemas are data: ``schema.json`` for documents, query documents and single events, ``ol.schema.json`` for what
Oreloop adds to them. A valid document, which is nearly every one, is only asked whether it is valid; an invalid one is
gone through again for all its errors. A node says by ``x-code`` which problem its failure is, and by its first example
what is expected.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import msgspec

from oreloop.record.epcis.findings import Findings, json_path

if TYPE_CHECKING:
    import jsonschema_rs

MAX_ERRORS = 1_000
"""After how many errors the rest of a document is not gone through: they come from a wrong export or from ill will."""

_EXAMPLES = {"object": "{...}", "array": "[...]", "string": "text"}


@cache
def schema(name: str) -> dict[str, Any]:
    """Read a schema: ``schema`` or ``ol.schema``."""
    value: dict[str, Any] = msgspec.json.decode((files(__package__) / f"{name}.json").read_bytes())
    return value


@cache
def _resources() -> dict[str, dict[str, Any]]:
    return {each["$id"]: each for each in (schema("schema"), schema("ol.schema"))}


@cache
def _validator(part: str = "") -> jsonschema_rs.Validator:
    import jsonschema_rs

    return jsonschema_rs.validator_for(
        {"$ref": f"{schema('schema')['$id']}{part}"},
        registry=jsonschema_rs.Registry(list(_resources().items())),
        validate_formats=True,
        # This engine takes time linear in the text, whatever the text is.
        pattern_options=jsonschema_rs.RegexOptions(),
    )


def is_valid(value: Any) -> bool:
    """Tell whether a JSON value (numbers with a point as `Decimal`) is a valid document, query document or event."""
    return _validator().is_valid(value)


def errors(value: Any, keys: Sequence[str], found: Findings) -> set[int]:
    """Note the errors of a document, first those around its events, until there are more than `MAX_ERRORS`.

    Args:
        value: the document; or a single event.
        keys: where its list of events stands; nothing for a single event.
        found: where the errors are noted.

    Returns:
        The positions of the events with errors of their own, 0 for a single event.
    """
    events = listed(value, keys)
    _note_all(_validator(), _emptied(value, keys) if events and keys else value, (), found)
    if not keys:
        return {0}
    faulty, validator = set(), _validator("#/$defs/event")
    for position, event in enumerate(events):
        if not validator.is_valid(event):
            faulty.add(position)
            _note_all(validator, event, (*keys, position), found)
            if len(found.problems) > MAX_ERRORS:
                found.add("record.many_errors", "$", limit=MAX_ERRORS)
                break
    return faulty


def listed(value: Any, keys: Sequence[str]) -> Sequence[Any]:
    """Find the list of events of a document, which may lack it if it has errors."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, list) else ()


def _emptied(value: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    first, *rest = keys
    return {**value, first: _emptied(value[first], rest) if rest else []}


def _note_all(validator: jsonschema_rs.Validator, value: Any, above: Sequence[str | int], found: Findings) -> None:
    for error in validator.iter_errors(value):
        _note(error, value, above, found)


def _note(error: jsonschema_rs.ValidationError, value: Any, above: Sequence[str | int], found: Findings) -> None:
    node: Any = _resources()[str(error.absolute_keyword_location).partition("#")[0]]
    *steps, keyword = error.schema_path
    for step in steps:
        node = node[step]
    at = [*above, *error.instance_path]
    path, kind = json_path(at), error.kind.as_dict()
    if keyword == "additionalProperties":
        for name in kind["unexpected"]:
            found.add("record.unknown_field", path, field=name)
    elif node is False or node.get(keyword) is False:
        found.add("record.unknown_field", json_path(at[:-1]), field=at[-1])
    elif keyword == "required":
        found.add("record.missing", path, field=kind["property"])
    elif keyword == "anyOf" and "x-code" not in node:
        found.add("record.missing", path, field=" / ".join(", ".join(each["required"]) for each in node["anyOf"]))
    else:
        _note_value(node, str(keyword), path, _at(value, error.instance_path), found)


def _note_value(node: Mapping[str, Any], keyword: str, path: str, got: Any, found: Findings) -> None:
    if keyword == "uniqueItems":
        found.add("record.named_twice", path, got=Counter(map(str, got)).most_common(1)[0][0])
    elif "x-code" in node:
        found.add(node["x-code"], path, got=got)
    else:
        example = node["examples"][0] if "examples" in node else _EXAMPLES[node["type"]]
        found.add("record.wrong_type", path, expected=example, got=got)


def _at(value: Any, path: Sequence[str | int]) -> Any:
    """Look a value up, since the validator gives back numbers without their digits."""
    for step in path:
        value = value[step]
    return value
