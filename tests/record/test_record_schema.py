"""The schemas: what is valid, and what is said about what is not."""

import json
from decimal import Decimal

import jsonschema_rs
import pytest

from oreloop.base.errors import BadInput
from oreloop.record import parse
from oreloop.record.epcis.findings import Findings
from oreloop.record.epcis.schema import MAX_ERRORS, errors, is_valid, schema


def document(*events, **fields):
    return {
        "@context": [],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-01-01T00:00:00Z",
        "epcisBody": {"eventList": list(events)},
    } | fields


def event(kind="ObjectEvent", **fields):
    return {
        "type": kind,
        "action": "OBSERVE",
        "eventTime": "2026-01-01T00:00:00Z",
        "eventTimeZoneOffset": "+00:00",
        "epcList": ["urn:epc:id:sgtin:0614141.107346.2017"],
    } | fields


def said(value):
    """The problems of a value: code, path and fields."""
    assert not is_valid(value)
    found = Findings("in.json", None)
    errors(value, ("epcisBody", "eventList"), found)
    return [(each.code, each.place.column, dict(each.fields)) for each in found.problems]


def test_both_schemas_are_schemas():
    for name in ("schema", "ol.schema"):
        jsonschema_rs.meta.validate(schema(name))


def test_every_failure_can_be_explained():
    """A node that may fail in its value says what is expected: by an example, by its code, or by its plain type."""

    def nodes(node, path):
        if isinstance(node, dict):
            yield node, path
            for name, each in node.items():
                if name not in ("required", "enum", "examples", "const"):
                    yield from nodes(each, f"{path}/{name}")
        elif isinstance(node, list):
            for position, each in enumerate(node):
                yield from nodes(each, f"{path}/{position}")

    for name in ("schema", "ol.schema"):
        for node, path in nodes(schema(name)["$defs"], name):
            kinds = node.get("type")
            if kinds is None or isinstance(kinds, dict) or path.endswith(("/properties", "/if")):
                continue
            assert "examples" in node or "x-code" in node or kinds in ("object", "array", "string"), path


@pytest.mark.oracle
def test_the_schema_of_the_standard_agrees_but_for_the_known_disputes(shared):
    """One valid sample has ``persistentDisposition`` on an aggregation: the standard's text has it, its schema not."""
    root = shared("vectors/epcis")
    theirs = jsonschema_rs.validator_for(json.loads((root / "schema/EPCIS-JSON-Schema.json").read_bytes()))
    disputed = []
    for folder in ("gs1-samples", "openepcis", "event-hash"):
        for file in sorted((root / folder).rglob("*.json*")):
            value = json.loads(file.read_bytes(), parse_float=Decimal)
            if is_valid(value) != theirs.is_valid(value):
                disputed.append(file.name)
    assert disputed == ["AggregationEvent_with_persistentDisposition.json"]


@pytest.mark.parametrize(
    "wider",
    [
        event("AggregationEvent", epcList=None, childEPCs=["urn:x:y"], persistentDisposition={"set": ["reserved"]}),
        event(quantityList=[{"epcClass": "urn:x:y", "ex:grade": "A"}]),
        event(quantityList=[{"epcClass": "urn:x:y", "quantity": "12.50", "uom": "KGM"}]),
    ],
)
def test_disputes_are_decided_for_the_text_of_the_standard_and_for_digits(wider):
    value = {name: stated for name, stated in wider.items() if stated is not None}
    assert is_valid(document(value))


def test_an_error_is_said_once_at_its_place_with_the_digits_received():
    bad = {"epcClass": "urn:x:y", "quantity": 1, "uom": "kilograms", "ol:moisture": Decimal("1.50000000000000000001")}
    at = "$.epcisBody.eventList[3].quantityList[0]"
    assert sorted(said(document(event(), event(), event(), event(quantityList=[bad])))) == [
        ("record.wrong_type", f"{at}.ol:moisture", {"expected": "0 ... 1", "got": "1.50000000000000000001"}),
        ("record.wrong_type", f"{at}.uom", {"expected": "KGM", "got": "kilograms"}),
    ]


@pytest.mark.parametrize(
    ("value", "code", "path", "fields"),
    [
        (document(creationDate="yesterday"), "record.wrong_type", "$.creationDate", "yesterday"),
        (document(colour="red"), "record.unknown_field", "$", "colour"),
        (document(epcisBody=[]), "record.wrong_type", "$.epcisBody", "[]"),
        (document(epcisBody={"eventList": {}}), "record.wrong_type", "$.epcisBody.eventList", "{}"),
        (document("event"), "record.wrong_type", "$.epcisBody.eventList[0]", "event"),
        (document({}), "record.missing", "$.epcisBody.eventList[0]", "type"),
        (document(event(epcList=["urn:x:y"] * 2)), "record.named_twice", "$.epcisBody.eventList[0].epcList", "urn:x:y"),
        (document(event(persistentDisposition={})), "record.missing", "$.epcisBody.eventList[0].persistentDisposition", "set / unset"),
        (document(event(persistentDisposition={"set": []})), "record.wrong_type", "$.epcisBody.eventList[0].persistentDisposition.set", "[]"),
        (document(event(ilmd={})), "record.unknown_field", "$.epcisBody.eventList[0]", "ilmd"),
        (document(event("TransactionEvent")), "record.missing", "$.epcisBody.eventList[0]", "bizTransactionList"),
        (document(event(certificationInfo=5)), "record.wrong_type", "$.epcisBody.eventList[0].certificationInfo", "5"),
        (document(event(sensorElementList=[{"sensorReport": [{"type": "Warmth"}]}])), "record.unknown_term",
         "$.epcisBody.eventList[0].sensorElementList[0].sensorReport[0].type", "Warmth"),
    ],
)  # fmt: skip
def test_each_kind_of_error_has_its_code(value, code, path, fields):
    ((got_code, got_path, got_fields),) = said(value)
    assert (got_code, got_path) == (code, path)
    assert fields in got_fields.values()


def test_a_flood_of_errors_is_cut_short():
    with pytest.raises(BadInput) as refused:
        parse(json.dumps(document(*[{}] * 5000)).encode(), "in.json")
    assert len(refused.value.problems) == MAX_ERRORS + 2
    assert refused.value.problems[-1].code == "record.many_errors"


def test_one_bad_event_keeps_the_whole_document_out_and_hides_no_other_error():
    metal = {"quantityList": [{"epcClass": "urn:oreloop:batch:a", "quantity": 0, "uom": "KGM"}], "bizStep": "receiving"}
    place = {"readPoint": {"id": "urn:oreloop:site:mill"}}
    value = document(event(), event(**metal, **place), event(action="LOOK"), {"type": "ex:Weather"}, creationDate="now")
    with pytest.raises(BadInput) as refused:
        parse(json.dumps(value).encode(), "in.json")
    assert sorted((each.code, each.place.column) for each in refused.value.problems) == [
        ("record.not_positive", "$.epcisBody.eventList[1].quantityList[0].quantity"),
        ("record.unknown_term", "$.epcisBody.eventList[2].action"),
        ("record.wrong_type", "$.creationDate"),
    ]


@pytest.mark.parametrize("body", [None, 5, {}, {"eventList": 5}, {"queryResults": {"resultsBody": []}}])
@pytest.mark.parametrize("kind", ["EPCISDocument", "EPCISQueryDocument"])
def test_a_document_without_a_list_of_events_is_refused(kind, body):
    value = document(type=kind, epcisBody=body)
    with pytest.raises(BadInput):
        parse(json.dumps(value).encode(), "in.json")


@pytest.mark.parametrize(
    "moment", ["2026-02-30T00:00:00Z", "0001-01-01T00:00:00+14:00", "2026-01-01T00:00:00.1234567890Z"]
)
def test_a_time_that_is_no_instant_is_refused(moment):
    for change, path in (
        ({"eventTime": moment}, "eventTime"),
        ({"errorDeclaration": {"declarationTime": moment}}, "errorDeclaration.declarationTime"),
    ):
        with pytest.raises(BadInput) as refused:
            parse(json.dumps(document(event(**change))).encode(), "in.json")
        (problem,) = refused.value.problems
        assert (problem.code, problem.place.column) == ("record.wrong_type", f"$.epcisBody.eventList[0].{path}")
