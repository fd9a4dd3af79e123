"""A short way to write EPCIS events, so that tests read like the trade."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from oreloop.base.errors import Place
from oreloop.record import Amount, Content, Event, State, Step, fold, parse

CONTEXT = [
    "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
    {"ol": "urn:oreloop:ns:epcis:1:"},
]
START = datetime(2026, 1, 1, tzinfo=UTC)


def quantity(batch: str, mg: int | None = None, **more: Any) -> dict[str, Any]:
    """A quantity element in mg; ``Ir=(mass, sd)`` states contents, other names become ``ol:`` names."""
    element: dict[str, Any] = {"epcClass": f"urn:oreloop:batch:{batch}"}
    if mg is not None:
        element |= {"quantity": mg, "uom": "MGM"}
    contained = [
        {"element": name, "quantity": str(stated[0]), "uom": "MGM", "uncertainty": str(stated[1])}
        for name, stated in more.items()
        if name[0].isupper()
    ]
    element |= {f"ol:{name}": value for name, value in more.items() if not name[0].isupper()}
    return element | ({"ol:contained": contained} if contained else {})


class Trade:
    """Events one after the other, an hour apart."""

    def __init__(self) -> None:
        self.values: list[dict[str, Any]] = []

    def add(self, kind: str, *, site: str = "works", to_site: str | None = None, **fields: Any) -> str:
        hour = fields.pop("hour", len(self.values))
        number = len(self.values)
        value = {
            "type": kind,
            "eventID": f"urn:test:{number}",
            "eventTime": (START + timedelta(hours=hour)).isoformat(),
            "eventTimeZoneOffset": "+00:00",
            "readPoint": {"id": f"urn:oreloop:site:{site}"},
            "bizLocation": {"id": f"urn:oreloop:site:{to_site or site}"},
        }
        for name, key, entry in (
            ("holder", "sourceList", "source"),
            ("to", "destinationList", "destination"),
        ):
            if party := fields.pop(name, None):
                listed = {"type": "possessing_party", entry: f"urn:oreloop:party:{party}"}
                value.setdefault(key, []).append(listed)
        if destination := fields.pop("destination", None):
            listed = {"type": "location", "destination": f"urn:oreloop:site:{destination}"}
            value.setdefault("destinationList", []).append(listed)
            del value["bizLocation"]
        self.values.append(value | fields)
        return value["eventID"]

    def commission(self, *quantities: dict[str, Any], to: str = "mill", **fields: Any) -> str:
        quantities = tuple({"ol:material": "crude"} | each for each in quantities)
        return self.add(
            "ObjectEvent", action="ADD", bizStep="commissioning", quantityList=list(quantities), to=to, **fields
        )

    def ship(self, *quantities: dict[str, Any], destination: str, to: str = "mill", **fields: Any) -> str:
        return self.observe("shipping", *quantities, destination=destination, to=to, **fields)

    def observe(self, step: str, *quantities: dict[str, Any], **fields: Any) -> str:
        return self.add("ObjectEvent", action="OBSERVE", bizStep=step, quantityList=list(quantities), **fields)

    def transform(self, taken: list[dict[str, Any]], made: list[dict[str, Any]], **fields: Any) -> str:
        made = [{"ol:material": "metal"} | each for each in made]
        return self.add("TransformationEvent", inputQuantityList=taken, outputQuantityList=made, **fields)

    def end(self, *quantities: dict[str, Any], **fields: Any) -> str:
        return self.add("ObjectEvent", action="DELETE", bizStep="destroying", quantityList=list(quantities), **fields)

    def declare_wrong(self, event: str, *, hour: int, by: str | None = None) -> None:
        wrong = next(value for value in self.values if value["eventID"] == event)
        declared = {"declarationTime": (START + timedelta(hours=hour)).isoformat(), "reason": "incorrect_data"}
        self.values.append(wrong | {"errorDeclaration": declared | ({"correctiveEventIDs": [by]} if by else {})})

    def data(self) -> bytes:
        return b"".join(json.dumps(document([value])).encode() + b"\n" for value in self.values)

    def events(self) -> tuple[Event, ...]:
        return parse(self.data(), "trade.jsonl")

    def state(self, hour: float = 1e5) -> State:
        return fold(self.events(), START + timedelta(hours=hour))


def document(events: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "@context": CONTEXT,
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-01-01T00:00:00Z",
        "epcisBody": {"eventList": events},
    }


def amount(batch: str, mg: int | None = None, **more: Any) -> Amount:
    """An amount in mg; ``Ir=(mass, sd)`` or ``Ir=(mass, sd, systematic, instrument)`` states contents."""
    names = ("mass_mg", "sd_mg", "systematic_mg", "instrument")
    contained = {
        element: Content(element=element, **dict(zip(names, stated, strict=False)))
        for element, stated in more.items()
        if element[0].isupper()
    }
    fields = {name: value for name, value in more.items() if not name[0].isupper()}
    return Amount(batch=batch, gross_mg=mg, contained=contained or None, **fields)


class Steps:
    """Steps of the trade as values, one after the other, an hour apart; without the detour over EPCIS."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def do(self, kind: Any, *, site: str = "works", to_site: str | None = None, **fields: Any) -> Event:
        hour, number = fields.pop("hour", len(self.events)), len(self.events)
        step = Step(kind=kind, site=site, to_site=to_site or site, **fields)
        event = Event(
            id=f"e{number}",
            kind="ObjectEvent",
            time=START + timedelta(hours=hour),
            content=f"ni:///sha-256;{number:064x}?ver=CBV2.0",
            document=f"{number:064x}",
            place=Place(file="steps", line=number + 1),
            context={},
            raw={},
            step=step,
            error=None,
        )
        self.events.append(event)
        return event

    def commission(self, *made: Amount, to_party: str = "mill", **fields: Any) -> Event:
        return self.do("commissioning", made=made, to_party=to_party, **fields)

    def ship(self, *taken: Amount, to_site: str, to_party: str = "mill", **fields: Any) -> Event:
        return self.do("shipping", taken=taken, to_site=to_site, to_party=to_party, **fields)

    def receive(self, *taken: Amount, site: str, **fields: Any) -> Event:
        return self.do("receiving", taken=taken, site=site, **fields)

    def transform(self, taken: list[Amount], made: list[Amount], **fields: Any) -> Event:
        return self.do("transformation", taken=tuple(taken), made=tuple(made), **fields)

    def state(self, hour: float = 1e5) -> State:
        return fold(self.events, START + timedelta(hours=hour))


@pytest.fixture
def new_trade() -> Callable[[], Trade]:
    return Trade


@pytest.fixture
def trade() -> Trade:
    return Trade()


@pytest.fixture
def new_steps() -> Callable[[], Steps]:
    return Steps


@pytest.fixture
def steps() -> Steps:
    return Steps()


@pytest.fixture
def a() -> Callable[..., Amount]:
    return amount


@pytest.fixture
def q() -> Callable[..., dict[str, Any]]:
    return quantity


@pytest.fixture
def wrap() -> Callable[[list[dict[str, Any]]], dict[str, Any]]:
    return document
