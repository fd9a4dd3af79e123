"""One event has one id, however it is written; another event has another."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.record import event_hash, parse
from oreloop.record.epcis.event_hash import prehash
from oreloop.record.epcis.gs1_keys import canonical_uri

EVENT = {
    "type": "ObjectEvent",
    "action": "OBSERVE",
    "eventTime": "2026-01-01T08:00:00.0005+08:00",
    "eventTimeZoneOffset": "+08:00",
    "bizStep": "receiving",
    "epcList": ["urn:epc:id:sgtin:4012345.012345.12", "urn:epc:id:sscc:4012345.0000000333"],
    "bizTransactionList": [{"bizTransaction": "urn:x:2"}, {"type": "po", "bizTransaction": "urn:x:1"}],
    "ex:size": 12.5,
}
CONTEXT = {"ex": "https://ns.example.com/", "cbv": "https://ref.gs1.org/cbv/"}


@pytest.mark.oracle
def test_all_official_vectors_give_their_hash(shared):
    compared = 0
    for file in sorted(shared("vectors/epcis/event-hash").glob("*.jsonld")):
        data = file.read_bytes()
        results = json.loads(data)["epcisBody"].get("queryResults", {})
        ignore = results.get("repository-x:ignoreFields", ())
        hashes = file.with_suffix(".hashes").read_text().split()
        events = parse(data, file.name)
        assert [event_hash(each.raw, each.context, ignore=ignore) for each in events] == hashes
        compared += len(hashes)
    assert compared == 23


@pytest.mark.parametrize(
    "change",
    [
        {"eventTime": "2026-01-01T00:00:00.001Z"},
        {"bizStep": "cbv:BizStep-receiving"},
        {"bizStep": "https://ref.gs1.org/cbv/BizStep-receiving"},
        {"epcList": EVENT["epcList"][::-1]},
        {"epcList": ["https://shop.example/00/040123450000003338?q=1", "https://id.gs1.org/01/04012345123456/10/lot/21/12"]},
        {"bizTransactionList": EVENT["bizTransactionList"][::-1]},
        {"eventID": "urn:x:y", "recordTime": "2026-02-01T00:00:00Z", "rdfs:comment": "words", "@context": []},
        {"errorDeclaration": {"declarationTime": "2026-02-01T00:00:00Z"}},
        {"quantityList": []},
    ],
)  # fmt: skip
def test_another_way_of_writing_gives_the_same_hash(change):
    context = CONTEXT | {"rdfs": "http://www.w3.org/2000/01/rdf-schema#"}
    assert event_hash(EVENT | change, context) == event_hash(EVENT, CONTEXT)
    renamed = {("other:size" if name == "ex:size" else name): value for name, value in EVENT.items()}
    assert event_hash(renamed, {"other": "https://ns.example.com/"}) == event_hash(EVENT, CONTEXT)


@pytest.mark.parametrize(
    "change",
    [
        {"eventTime": "2026-01-01T08:00:00.0004+08:00"},
        {"bizStep": "shipping"},
        {"epcList": EVENT["epcList"][:1]},
        {"ex:size": 12.6},
        {"ex:fresh": True},
        {"persistentDisposition": {"set": ["damaged"]}},
        {"readPoint": {"id": "urn:x:y"}},
        {"ilmd": {"ex:lot": None}},
    ],
)
def test_any_change_of_the_event_changes_the_hash(change):
    assert event_hash(EVENT | change, CONTEXT) != event_hash(EVENT, CONTEXT)


def test_what_a_store_has_added_can_be_left_out():
    added = EVENT | {"ex:stored": "yes"}
    assert event_hash(added, CONTEXT, ignore=["ex:stored"]) == event_hash(EVENT, CONTEXT)


def test_the_text_follows_the_order_of_the_standard():
    text = prehash(
        {"type": "ObjectEvent", "action": "ADD", "eventTime": "today", "ex:b": {"ex:c": ["2", "1"]}}, CONTEXT
    )
    assert text == (
        "eventType=ObjectEventeventTime=todayaction=ADD"
        "{https://ns.example.com/}b{https://ns.example.com/}c=1{https://ns.example.com/}c=2"
    )


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("urn:epc:id:sgln:4012345.00011.0", "https://id.gs1.org/414/4012345000115"),
        ("https://example.com/a/414/4012345000115/254/7", "https://id.gs1.org/414/4012345000115/254/7"),
        ("urn:epc:idpat:sgtin:4054739.099914.*", "https://id.gs1.org/01/04054739999148"),
        ("urn:epc:id:unheard:1.2", "urn:epc:id:unheard:1.2"),
        ("urn:epc:id:sgtin:x.y", "urn:epc:id:sgtin:x.y"),
        ("urn:epc:id:gsrn:x", "urn:epc:id:gsrn:x"),
        ("https://example.com/po/12345", "https://example.com/po/12345"),
        ("urn:oreloop:batch:a", "urn:oreloop:batch:a"),
    ],
)
def test_gs1_keys_have_one_form(uri, expected):
    assert canonical_uri(uri) == expected
    assert canonical_uri(expected) == expected


@given(st.text(max_size=60) | st.from_regex(r"urn:epc:(id|class|idpat):(sgtin|itip|cpi|sscc):.{0,20}", fullmatch=True))
def test_the_canonical_form_is_stable_whatever_is_given(uri):
    assert canonical_uri(canonical_uri(uri)) == canonical_uri(uri)
