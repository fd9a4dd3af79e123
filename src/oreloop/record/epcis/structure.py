"""Checks of structure: what EPCIS 2.0 (GS1, 2022) demands of an event, word for word where we rely on it.

One deliberate difference: the standard's JSON Schema lets a quantity element carry nothing but ``epcClass``,
``quantity`` and ``uom``; here it may also carry names with a prefix (``ol:contained``), as every other object may.
A plain unknown name is refused everywhere, since it is most often a misspelt one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from oreloop.base.errors import BadInput, Place, Problem, problem
from oreloop.base.instant import instant
from oreloop.record.epcis import vocabulary as words

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`\x00-\x1f]+")
_OFFSET = re.compile(r"[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00)")
_UOM = re.compile(r"[A-Z0-9]{2,3}")


class Findings:
    """Problems found so far, each with the JSON path where it was found."""

    def __init__(self, file: str, line: int | None) -> None:
        self.file, self.line = file, line
        self.problems: list[Problem] = []

    def place(self, path: str) -> Place:
        """Give the place of a JSON path."""
        return Place(file=self.file, line=self.line, column=path)

    def add(self, code: str, path: str, /, **fields: object) -> None:
        """Note a problem at a path; what was received is quoted in at most 60 characters."""
        self.problems.append(problem(code, self.place(path), **{name: str(got)[:60] for name, got in fields.items()}))


Check = Callable[[Any, str, Findings], None]


def is_extension(name: str) -> bool:
    """Tell whether a name has a prefix or is a full URI, so that it belongs to somebody else's vocabulary."""
    return ":" in name or name.startswith("@")


def text(value: Any, path: str, found: Findings) -> None:
    """Check for text that is not empty."""
    if not isinstance(value, str) or not value:
        found.add("record.wrong_type", path, expected="text", got=value)


def uri(value: Any, path: str, found: Findings) -> None:
    """Check for a URI (or a compact one with a prefix)."""
    if not isinstance(value, str) or not _URI.fullmatch(value):
        found.add("record.wrong_type", path, expected="URI", got=value)


def time(value: Any, path: str, found: Findings) -> None:
    """Check for a time with its offset."""
    try:
        if isinstance(value, str) and "T" in value.upper():
            instant(value)
            return
    except BadInput:
        pass
    found.add("record.wrong_type", path, expected="2026-03-01T08:00:00Z", got=value)


def number(value: Any, path: str, found: Findings) -> None:
    """Check for a number, or the same written as a decimal string (which keeps its digits everywhere)."""
    try:
        if isinstance(value, int | Decimal | str) and not isinstance(value, bool) and Decimal(value).is_finite():
            return
    except ArithmeticError:
        pass
    found.add("record.wrong_type", path, expected="12.5", got=value)


def _pattern(pattern: re.Pattern[str], example: str) -> Check:
    def check(value: Any, path: str, found: Findings) -> None:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            found.add("record.wrong_type", path, expected=example, got=value)

    return check


def _word(known: frozenset[str]) -> Check:
    def check(value: Any, path: str, found: Findings) -> None:
        if not isinstance(value, str) or not (value in known or _URI.fullmatch(value)):
            found.add("record.unknown_term", path, got=value)

    return check


def _action(value: Any, path: str, found: Findings) -> None:
    if not isinstance(value, str) or value not in words.ACTIONS:
        found.add("record.unknown_term", path, got=value)


def each(check: Check) -> Check:
    """Check every item of a list."""

    def check_list(value: Any, path: str, found: Findings) -> None:
        if not isinstance(value, list):
            found.add("record.wrong_type", path, expected="[...]", got=value)
            return
        for position, item in enumerate(value):
            check(item, f"{path}[{position}]", found)

    return check_list


def shape(fields: Mapping[str, Check], required: Iterable[str] = (), *, only_known: bool = True) -> Check:
    """Check an object: required names, known names by their checks, no plain unknown names if ``only_known``."""
    needed = tuple(required)

    def check(value: Any, path: str, found: Findings) -> None:
        if not isinstance(value, dict):
            found.add("record.wrong_type", path, expected="{...}", got=value)
            return
        for name in needed:
            if name not in value:
                found.add("record.missing", path, field=name)
        for name, item in value.items():
            known = fields.get(name)
            if known is not None:
                known(item, f"{path}.{name}", found)
            elif only_known and not is_extension(name):
                found.add("record.unknown_field", path, field=name)

    return check


def _certification(value: Any, path: str, found: Findings) -> None:
    (each(uri) if isinstance(value, list) else uri)(value, path, found)


def _anything(value: Any, path: str, found: Findings) -> None:
    del value, path, found  # kept as received; nothing in this room reads it


_PLACE = shape({"id": uri}, ["id"])
_QUANTITY = shape({"epcClass": uri, "quantity": number, "uom": _pattern(_UOM, "KGM")}, ["epcClass"])
_DISPOSITIONS = each(_word(words.DISPOSITIONS))

_COMMON: dict[str, Check] = {
    "type": text,
    "eventTime": time,
    "recordTime": time,
    "eventTimeZoneOffset": _pattern(_OFFSET, "+08:00"),
    "eventID": uri,
    "certificationInfo": _certification,
    "errorDeclaration": shape(
        {"declarationTime": time, "reason": _word(words.ERROR_REASONS), "correctiveEventIDs": each(uri)},
        ["declarationTime"],
    ),
    "bizStep": _word(words.BIZ_STEPS),
    "disposition": _word(words.DISPOSITIONS),
    "readPoint": _PLACE,
    "bizLocation": _PLACE,
    "bizTransactionList": each(
        shape({"type": _word(words.TRANSACTION_TYPES), "bizTransaction": uri}, ["bizTransaction"])
    ),
    "sourceList": each(shape({"type": _word(words.PARTY_TYPES), "source": uri}, ["type", "source"])),
    "destinationList": each(shape({"type": _word(words.PARTY_TYPES), "destination": uri}, ["type", "destination"])),
    "sensorElementList": each(
        shape({"sensorReport": each(shape({}, only_known=False))}, ["sensorReport"], only_known=False)
    ),
}
_ACTION: dict[str, Check] = {"action": _action}
_PERSISTENT: dict[str, Check] = {"persistentDisposition": shape({"set": _DISPOSITIONS, "unset": _DISPOSITIONS})}
_ILMD: dict[str, Check] = {"ilmd": _anything}
_CHILDREN: dict[str, Check] = {"parentID": uri, "childEPCs": each(uri), "childQuantityList": each(_QUANTITY)}
_OBJECTS: dict[str, Check] = {"epcList": each(uri), "quantityList": each(_QUANTITY)}

EVENT_TYPES: dict[str, Check] = {
    "ObjectEvent": shape(
        _COMMON | _ACTION | _OBJECTS | _PERSISTENT | _ILMD, ["eventTime", "eventTimeZoneOffset", "action"]
    ),
    "AggregationEvent": shape(
        _COMMON | _ACTION | _CHILDREN | _PERSISTENT, ["eventTime", "eventTimeZoneOffset", "action"]
    ),
    "AssociationEvent": shape(
        _COMMON | _ACTION | _CHILDREN | _PERSISTENT, ["eventTime", "eventTimeZoneOffset", "action"]
    ),
    "TransactionEvent": shape(
        _COMMON | _ACTION | _OBJECTS | _PERSISTENT | {"parentID": uri},
        ["eventTime", "eventTimeZoneOffset", "action", "bizTransactionList"],
    ),
    "TransformationEvent": shape(
        _COMMON
        | _PERSISTENT
        | _ILMD
        | {"inputEPCList": each(uri), "outputEPCList": each(uri), "transformationID": uri}
        | {"inputQuantityList": each(_QUANTITY), "outputQuantityList": each(_QUANTITY)},
        ["eventTime", "eventTimeZoneOffset"],
    ),
}
"""The checks of the five event types of EPCIS 2.0."""

_SUBJECTS = {
    "ObjectEvent": ("epcList", "quantityList", "sensorElementList"),
    "TransformationEvent": ("inputEPCList", "inputQuantityList", "outputEPCList", "outputQuantityList"),
    "AggregationEvent": ("childEPCs", "childQuantityList"),
    "AssociationEvent": ("childEPCs", "childQuantityList"),
}


def check_event(value: Any, path: str, found: Findings) -> None:
    """Check one event against the structure of its type."""
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        found.add("record.missing", path, field="type")
        return
    check = EVENT_TYPES.get(value["type"])
    if check is None:
        if not is_extension(value["type"]):
            found.add("record.unknown_term", f"{path}.type", got=value["type"])
        return
    check(value, path, found)
    subjects = _SUBJECTS.get(value["type"], ())
    may_lack = value.get("action") == "DELETE" and "parentID" in value
    if subjects and not may_lack and not any(name in value for name in subjects):
        found.add("record.missing", path, field=" / ".join(subjects))
    if value["type"] == "ObjectEvent" and value.get("action") in ("OBSERVE", "DELETE") and "ilmd" in value:
        found.add("record.unknown_field", path, field="ilmd")
