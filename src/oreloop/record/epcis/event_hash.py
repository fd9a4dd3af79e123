"""The event hash id of CBV 2.0 (GS1, 2022, section 8.9): one id for one event, however it is written down.

The event is turned into one text: properties in the order of the standard, lists sorted, identifiers, words and times
in canonical form, extensions by their full names at the end. Left out are ``eventID``, ``recordTime``,
``errorDeclaration``, comments, and what the caller names. The hash is unsalted: whoever can guess an event can test the
guess, so it never leaves the document store.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from oreloop.base.errors import BadInput
from oreloop.base.instant import sealed
from oreloop.record.epcis.gs1_keys import canonical_uri

_CBV, _VOC = "https://ref.gs1.org/cbv/", "https://gs1.org/voc/"
_COMMENT = "{http://www.w3.org/2000/01/rdf-schema#}comment"
_UNHASHED = frozenset({"type", "eventID", "recordTime", "errorDeclaration", "@context"})


def _names(listed: str) -> list[str]:
    return listed.split()


_EVENT = _names(
    """eventTime eventTimeZoneOffset certificationInfo epcList parentID inputEPCList childEPCs quantityList
    childQuantityList inputQuantityList outputEPCList outputQuantityList action transformationID bizStep disposition
    persistentDisposition readPoint bizLocation bizTransactionList destinationList sourceList sensorElementList
    ilmd"""
)
_METADATA = _names("time startTime endTime deviceID deviceMetadata rawData dataProcessingMethod bizRules")
_REPORT = _names(
    """type exception deviceID deviceMetadata rawData dataProcessingMethod time microorganism chemicalSubstance
    value component stringValue booleanValue hexBinaryValue uriValue minValue maxValue meanValue sDev percRank percValue
    uom coordinateReferenceSystem"""
)

_ORDERS: dict[str, list[str]] = {
    "readPoint": ["id"],
    "bizLocation": ["id"],
    "persistentDisposition": ["set", "unset"],
    "quantityElement": ["epcClass", "quantity", "uom"],
    "bizTransaction": ["type", "bizTransaction"],
    "source": ["type", "source"],
    "destination": ["type", "destination"],
    "sensorElement": ["sensorMetadata", "sensorReport"],
    "sensorMetadata": _METADATA,
    "sensorReport": _REPORT,
}
"""The order of properties within an object."""

_ITEMS = {
    **dict.fromkeys(("epcList", "childEPCs", "inputEPCList", "outputEPCList"), "epc"),
    **dict.fromkeys(
        ("quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList"), "quantityElement"
    ),
    "bizTransactionList": "bizTransaction",
    "sourceList": "source",
    "destinationList": "destination",
    "sensorElementList": "sensorElement",
}
"""What the items of a list are called."""

_UNNAMED = frozenset({"bizTransaction", "source", "destination"})
"""Objects that are written without their own name."""

_WORDS = {
    ("", "bizStep"): f"{_CBV}BizStep-",
    ("", "disposition"): f"{_CBV}Disp-",
    ("persistentDisposition", "set"): f"{_CBV}Disp-",
    ("persistentDisposition", "unset"): f"{_CBV}Disp-",
    ("bizTransaction", "type"): f"{_CBV}BTT-",
    ("source", "type"): f"{_CBV}SDT-",
    ("destination", "type"): f"{_CBV}SDT-",
    ("sensorReport", "type"): _VOC,
    ("sensorReport", "exception"): _VOC,
    ("sensorReport", "component"): f"{_CBV}Comp-",
}
"""The vocabulary of a plain word, by object and property."""

_TIMES = frozenset({"eventTime", "time", "startTime", "endTime"})


def event_hash(value: Mapping[str, Any], context: Mapping[str, str], *, ignore: Collection[str] = ()) -> str:
    """Give the CBV 2.0 event hash id, ``ni:///sha-256;<64 hexadecimal digits>?ver=CBV2.0``.

    Args:
        value: the event as JSON value (`Event.raw`).
        context: namespaces by prefix (`Event.context`).
        ignore: names of extension properties that a store has added and that are not part of the event.
    """
    text = prehash(value, context, ignore=ignore)
    return f"ni:///sha-256;{hashlib.sha256(text.encode()).hexdigest()}?ver=CBV2.0"


def prehash(value: Mapping[str, Any], context: Mapping[str, str], *, ignore: Collection[str] = ()) -> str:
    """Give the text that is hashed; arguments as for `event_hash`."""
    said = {name: item for name, item in value.items() if name not in _UNHASHED and name not in ignore}
    return f"eventType={value['type']}" + _Writer(context).ordered("", said, _EVENT)


class _Writer:
    def __init__(self, context: Mapping[str, str]) -> None:
        self._context = context

    def ordered(self, owner: str, value: Mapping[str, Any], order: list[str]) -> str:
        known = "".join(self._property(owner, name, value[name]) for name in order if name in value)
        return known + self._extensions({name: item for name, item in value.items() if name not in order})

    def _property(self, owner: str, name: str, value: Any) -> str:
        if name == "ilmd" and isinstance(value, dict):
            return name + self._extensions(value)
        if isinstance(value, list):
            if not value:
                return ""
            item = _ITEMS.get(name, name)
            heading = name if item != name else ""
            return heading + "".join(sorted(self._property(owner, item, each) for each in value))
        if isinstance(value, dict):
            return ("" if name in _UNNAMED else name) + self.ordered(name, value, _ORDERS.get(name, []))
        return f"{name}={self._scalar(owner, name, value)}"

    def _extensions(self, value: Mapping[str, Any]) -> str:
        return "".join(sorted(self._extension(self._full(name), item) for name, item in value.items()))

    def _extension(self, name: str, value: Any) -> str:
        if name == _COMMENT or name.startswith("@"):
            return ""
        if isinstance(value, list):
            return "".join(sorted(self._extension(name, each) for each in value))
        if isinstance(value, dict):
            return name + self._extensions(value)
        return f"{name}={self._scalar('', name, value)}"

    def _full(self, name: str) -> str:
        prefix, _, local = name.partition(":")
        return f"{{{self._context.get(prefix, prefix)}}}{local}" if local else name

    def _scalar(self, owner: str, name: str, value: Any) -> str:
        match value:
            case bool():
                return "true" if value else "false"
            case Decimal():
                digits = format(value, "f")
                return digits.rstrip("0").rstrip(".") if "." in digits else digits
            case str() if name in _TIMES and owner in ("", "sensorMetadata", "sensorReport"):
                return _time(value)
            case str():
                return self._uri(owner, name, value.strip())
            case _:
                return "" if value is None else str(value)

    def _uri(self, owner: str, name: str, value: str) -> str:
        if ":" not in value:
            return _WORDS.get((owner, name), "") + value
        prefix, _, local = value.partition(":")
        if prefix in self._context and not local.startswith("//"):
            return self._context[prefix] + local
        return canonical_uri(value)


def _time(value: str) -> str:
    """Give a time in UTC with milliseconds, a half rounded up; what is no time stays as it is."""
    try:
        return sealed(datetime.fromisoformat(value.strip().upper()) + timedelta(microseconds=500))
    except (ValueError, OverflowError, BadInput):
        return value
