"""The event hash id of CBV 2.0 (GS1, 2022, section 8.9): one id for one event, however it is written down.

The event is turned into one text: properties in the order of the standard, lists sorted, identifiers, words and times
in canonical form, extensions by their full names at the end. Left out are ``eventID``, ``recordTime``,
``errorDeclaration``, comments, and what the caller names. The hash is unsalted: whoever can guess an event can test the
guess, so it never leaves the document store.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec

from oreloop.record.epcis.context import PREFIXES
from oreloop.record.epcis.gs1_keys import canonical_uri
from oreloop.record.events import Event

_CBV, _VOC = "https://ref.gs1.org/cbv/", "https://gs1.org/voc/"
_COMMENT = "{http://www.w3.org/2000/01/rdf-schema#}comment"
_UNHASHED = ("type", "eventID", "recordTime", "errorDeclaration", "@context")
_TIMES = ("eventTime", "time", "startTime", "endTime")
_CHANGING = frozenset({"epcClass", "quantity", *_TIMES})
"""Properties that seldom say the same twice: what they say is not worth remembering."""

_RECURRING = frozenset({"readPoint", "bizLocation", "sourceList", "destinationList"})
"""Properties that are remembered as a whole: sites and parties are few."""

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)
_HALF_MS = timedelta(microseconds=500)
_written = msgspec.json.Encoder().encode
_MAX_REMEMBERED, _MAX_LENGTH = 2048, 200


class _Object:
    """The properties of an object by name, in their order; None for one that is not hashed.

    Others, which are extensions, follow after them.
    """

    __slots__ = ("known",)

    def __init__(self, known: Mapping[str, _Property | None]) -> None:
        self.known = known


_ANY_OBJECT = _Object({})


class _Property:
    """How a property is written.

    Args:
        name: its name.
        holds: what stands in an object.
        word: what stands before a plain word.
        item: what the items of a list are called and hold; by default they are called like the list.
        named: whether an object is written with its name.
    """

    __slots__ = (
        "heading",
        "holds",
        "is_changing",
        "is_recurring",
        "is_time",
        "item",
        "label",
        "listed",
        "place",
        "word",
    )

    def __init__(
        self,
        name: str,
        holds: _Object = _ANY_OBJECT,
        *,
        word: str = "",
        item: _Property | None = None,
        named: bool = True,
    ) -> None:
        self.label, self.heading, self.listed = f"{name}=", name if named else "", name if item else ""
        self.holds, self.word, self.item = holds, word, item or self
        self.is_time, self.is_changing, self.is_recurring = name in _TIMES, name in _CHANGING, name in _RECURRING
        self.place: int | None = None
        """Where it stands in its object; None for an extension."""


def _order(listed: str, *special: _Property, unhashed: Collection[str] = ()) -> _Object:
    """Give properties in the order in which they are listed, plain ones except for the special ones."""
    by_name = {each.label[:-1]: each for each in special}
    known = {name: by_name.get(name) or _Property(name) for name in listed.split()}
    for place, this in enumerate(known.values()):
        this.place = place
    return _Object(known | dict.fromkeys(unhashed))


def _typed(name: str, vocabulary: str) -> _Property:
    kinds = _Property("type", word=f"{_CBV}{vocabulary}-")
    return _Property(f"{name}List", item=_Property(name, _order(f"type {name}", kinds), named=False))


_EPC = _Property("epc")
_QUANTITY = _Property("quantityElement", _order("epcClass quantity uom"))
_DISPOSITION = f"{_CBV}Disp-"
_REPORT = _order(
    """type exception deviceID deviceMetadata rawData dataProcessingMethod time microorganism chemicalSubstance
    value component stringValue booleanValue hexBinaryValue uriValue minValue maxValue meanValue sDev percRank percValue
    uom coordinateReferenceSystem""",
    _Property("type", word=_VOC),
    _Property("exception", word=_VOC),
    _Property("component", word=f"{_CBV}Comp-"),
)
_METADATA = _order("time startTime endTime deviceID deviceMetadata rawData dataProcessingMethod bizRules")
_SENSOR = _order(
    "sensorMetadata sensorReport", _Property("sensorMetadata", _METADATA), _Property("sensorReport", _REPORT)
)
_EVENT = _order(
    """eventTime eventTimeZoneOffset certificationInfo epcList parentID inputEPCList childEPCs quantityList
    childQuantityList inputQuantityList outputEPCList outputQuantityList action transformationID bizStep disposition
    persistentDisposition readPoint bizLocation bizTransactionList destinationList sourceList sensorElementList
    ilmd""",
    *(_Property(name, item=_EPC) for name in ("epcList", "childEPCs", "inputEPCList", "outputEPCList")),
    *(
        _Property(name, item=_QUANTITY)
        for name in ("quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList")
    ),
    _Property("bizStep", word=f"{_CBV}BizStep-"),
    _Property("disposition", word=_DISPOSITION),
    _Property(
        "persistentDisposition",
        _order("set unset", _Property("set", word=_DISPOSITION), _Property("unset", word=_DISPOSITION)),
    ),
    _Property("readPoint", _order("id")),
    _Property("bizLocation", _order("id")),
    _typed("bizTransaction", "BTT"),
    _typed("destination", "SDT"),
    _typed("source", "SDT"),
    _Property("sensorElementList", item=_Property("sensorElement", _SENSOR)),
    unhashed=_UNHASHED,
)
"""The properties of an event in the order of the standard."""

_ANYWHERE = {name: _Property(name) for name in _TIMES} | {
    "bizStep": _Property("bizStep", word=f"{_CBV}BizStep-"),
    "disposition": _Property("disposition", word=_DISPOSITION),
}
"""Properties whose plain name means the same within extensions."""


def event_hash(
    event: Event | Mapping[str, Any], context: Mapping[str, str] = PREFIXES, *, ignore: Collection[str] = ()
) -> str:
    """Give the CBV 2.0 event hash id, ``ni:///sha-256;<64 hexadecimal digits>?ver=CBV2.0``.

    Args:
        event: an event, or one as JSON value (numbers with a point as `Decimal`).
        context: namespaces by prefix; those of an `Event` are its own.
        ignore: names of extension properties that a store has added and that are not part of the event.

    >>> event_hash({"type": "ObjectEvent", "eventTime": "2026-03-01T08:00:00+08:00"})[:22]
    'ni:///sha-256;7ec64fa4'
    """
    text = prehash(event, context, ignore=ignore)
    return f"ni:///sha-256;{hashlib.sha256(text.encode()).hexdigest()}?ver=CBV2.0"


def prehash(
    event: Event | Mapping[str, Any], context: Mapping[str, str] = PREFIXES, *, ignore: Collection[str] = ()
) -> str:
    """Give the text that is hashed; arguments as for `event_hash`."""
    value, known = (event.raw, event.context) if isinstance(event, Event) else (event, context)
    return _writer(tuple(known.items())).event(value, ignore)


class _Names(dict[str, _Property | None]):
    """The properties of an object by name, extensions too, in one context.

    The full name of an extension is worked out once. They are few; a flood of others is forgotten.
    """

    def __init__(self, holds: _Object, context: Mapping[str, str]) -> None:
        super().__init__(holds.known)
        self._known, self._context = holds.known, context
        self.blank = [""] * sum(this is not None for this in holds.known.values())

    def __missing__(self, name: str) -> _Property | None:
        prefix, _, local = name.partition(":")
        full = f"{{{self._context.get(prefix, prefix)}}}{local}" if local else name
        this = None if full == _COMMENT or full.startswith("@") else _ANYWHERE.get(full) or _Property(full)
        if len(name) <= _MAX_LENGTH:
            if len(self) >= _MAX_REMEMBERED:
                self.clear()
                self.update(self._known)
            self[name] = this
        return this


class _Texts(dict[tuple[_Property, str], str]):
    """Properties that are texts, as they are written: sites, parties, words and units come again and again.

    Each is worked out once, like the names.
    """

    def __init__(self, context: Mapping[str, str]) -> None:
        super().__init__()
        self._context = context

    def __missing__(self, key: tuple[_Property, str]) -> str:
        written = self.written(*key)
        if len(key[1]) <= _MAX_LENGTH:
            if len(self) >= _MAX_REMEMBERED:
                self.clear()
            self[key] = written
        return written

    def written(self, this: _Property, value: str) -> str:
        if this.is_time:
            return this.label + _time(value)
        text = value.strip()
        prefix, colon, local = text.partition(":")
        if not colon:
            return f"{this.label}{this.word}{text}"
        namespace = self._context.get(prefix)
        if namespace is not None and not local.startswith("//"):
            return f"{this.label}{namespace}{local}"
        return this.label + canonical_uri(text)


class _Writer:
    """Writes values in one context."""

    def __init__(self, context: Mapping[str, str]) -> None:
        self._context = context
        self._names: dict[_Object, _Names] = {}
        self._texts = _Texts(context)
        self._wholes: dict[tuple[_Property, str], str] = {}

    def event(self, value: Mapping[str, Any], ignore: Collection[str]) -> str:
        said = {name: item for name, item in value.items() if name not in ignore} if ignore else value
        return f"eventType={value['type']}{self._object(_EVENT, said)}"

    def _object(self, holds: _Object, value: Mapping[str, Any]) -> str:
        if holds not in self._names:
            self._names[holds] = _Names(holds, self._context)
        names, texts = self._names[holds], self._texts
        known, extensions = names.blank.copy(), []
        for name, item in value.items():
            this = names[name]
            if this is None:
                continue
            if type(item) is str:
                written = texts.written(this, item) if this.is_changing else texts[this, item]
            elif this.is_recurring:
                written = self._recurring(this, item)
            else:
                written = self._property(this, item)
            if this.place is None:
                extensions.append(written)
            else:
                known[this.place] = written
        if extensions:
            extensions.sort()
            known += extensions
        return "".join(known)

    def _recurring(self, this: _Property, value: Any) -> str:
        """Write a property that says the same in many events; as Python writes them, no two JSON values are alike."""
        key = this, repr(value)
        written = self._wholes.get(key)
        if written is None:
            written = self._property(this, value)
            if len(key[1]) <= _MAX_LENGTH:
                if len(self._wholes) >= _MAX_REMEMBERED:
                    self._wholes.clear()
                self._wholes[key] = written
        return written

    def _property(self, this: _Property, value: Any) -> str:
        if type(value) is str:
            return self._texts[this, value]
        if type(value) is dict:
            return this.heading + self._object(this.holds, value)
        if type(value) is list:
            if len(value) == 1:
                return this.listed + self._property(this.item, value[0])
            written = [self._property(this.item, each) for each in value]
            return this.listed + "".join(sorted(written)) if value else ""
        return this.label + _plain(value)


@lru_cache(maxsize=32)
def _writer(context: tuple[tuple[str, str], ...]) -> _Writer:
    return _Writer(dict(context))


def _plain(value: Any) -> str:
    if isinstance(value, Decimal):
        digits = format(value, "f")
        return digits.rstrip("0").rstrip(".") if "." in digits else digits
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _time(value: str) -> str:
    """Give a time in UTC with milliseconds, a half rounded up; what is no time stays as it is."""
    if _TIME.fullmatch(value):
        return value
    try:
        moment = datetime.fromisoformat(value.strip().upper())
        if moment.tzinfo is None:
            return value
        if moment.microsecond % 1000:
            moment += _HALF_MS
        moment = moment.astimezone(UTC)
        # As in `datetime.isoformat`, which takes many times as long.
        return f"{_written(moment)[1:20].decode()}.{moment.microsecond // 1000:03}Z"
    except (ValueError, OverflowError):
        return value
