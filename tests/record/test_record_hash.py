"""One event has one id, however it is written; another event has another."""

import copy
import json
import warnings
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
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


CONTEXTS = ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld", {"ex": "https://ns.example.com/"}]


OURS = "urn:oreloop:ns:epcis:1:"


def generated(*events, namespace=OURS):
    """The hashes of the reference implementation, which is a program of its own and is asked to take no network."""
    jsonld = pytest.importorskip("pyld.jsonld")
    from epcis_event_hash_generator import hash_generator, json_to_py
    from epcis_event_hash_generator.file_document_loader import file_document_loader

    jsonld.set_document_loader(file_document_loader())
    contexts = [*CONTEXTS, {"ol": namespace}]
    document = {"@context": contexts, "type": "EPCISDocument", "epcisBody": {"eventList": list(events)}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        listed = json_to_py.event_list_from_epcis_document_json(copy.deepcopy(document))
    return hash_generator.epcis_hashes_from_events(listed)


def ours(*events):
    return [event_hash(each, {"ex": "https://ns.example.com/"}) for each in events]


digits = st.text("0123456789", min_size=1, max_size=6)
epcs = st.lists(
    st.builds("urn:epc:id:sgtin:4012345.0{:0>5.5}.{}".format, digits, digits)
    | st.builds("urn:epc:id:sscc:4012345.0{:0>9.9}".format, digits)
    | st.builds("https://id.example.com/01/0401234512345{}/21/{}".format, st.integers(0, 9), digits),
    max_size=4,
    unique=True,
)
places_ = st.builds(lambda text: {"id": f"urn:epc:id:sgln:4012345.00011.{text}"}, digits)
moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)).map(
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000).isoformat()
)
quantities = st.lists(
    st.fixed_dictionaries(
        {"epcClass": st.builds("urn:epc:class:lgtin:4012345.012345.L{}".format, digits)},
        optional={"quantity": st.integers(1, 10**6), "uom": st.sampled_from(["KGM", "TNE"])},
    ),
    max_size=3,
)
events = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["ObjectEvent", "TransactionEvent"]),
        "action": st.sampled_from(["OBSERVE", "ADD", "DELETE"]),
        "eventTime": moments,
        "eventTimeZoneOffset": st.sampled_from(["+00:00", "+08:00"]),
        "epcList": epcs,
    },
    optional={
        "quantityList": quantities,
        "bizStep": st.sampled_from(["receiving", "inspecting", "urn:example:step"]),
        "disposition": st.sampled_from(["in_transit", "active"]),
        "readPoint": places_,
        "bizLocation": places_,
        "eventID": st.just("urn:x:y"),
        "sourceList": st.lists(
            st.builds(
                lambda kind, text: {"type": kind, "source": f"urn:x:{text}"},
                st.sampled_from(["owning_party", "location"]),
                digits,
            ),
            max_size=2,
        ),
        "ex:note": st.text("abcxyz", min_size=1, max_size=5),
        "ex:list": st.lists(st.sampled_from(["one", "two", "three"]), min_size=1, max_size=3),
    },
)


@pytest.mark.oracle
@settings(max_examples=30)
@given(st.lists(events, min_size=1, max_size=3))
def test_the_reference_implementation_gives_the_same_hash(some):
    assert ours(*some) == generated(*some)


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("why", "change"),
    [
        ("it keeps type and source in the order of the file", {"sourceList": [{"source": "urn:x:1", "type": "location"}]}),
        ("it rounds half a millisecond to even", {"eventTime": "2026-01-01T08:00:00.0005+08:00"}),
        ("it reads text that looks like a number as one", {"ex:size": "0.10"}),
        ("it reads numbers in floating point", {"quantityList": [{"epcClass": "urn:x:y", "quantity": 12345678901234567.25}]}),
    ],
)  # fmt: skip
def test_where_the_reference_implementation_departs_from_the_standard(why, change):
    assert why
    plain = {name: value for name, value in EVENT.items() if name not in ("bizTransactionList", "ex:size")}
    plain["eventTime"] = "2026-01-01T08:00:00+08:00"
    assert ours(plain) == generated(plain)
    text = json.dumps(plain | change).replace("1.2345678901234568e+16", "12345678901234567.25")
    assert ours(json.loads(text, parse_float=Decimal)) != generated(json.loads(text))


@pytest.mark.oracle
def test_the_reference_implementation_moves_extensions_whose_namespace_ends_in_no_slash():
    value = {name: EVENT[name] for name in ("type", "action", "eventTimeZoneOffset")} | {
        "eventTime": "2026-01-01T00:00:00Z"
    }
    value["quantityList"] = [{"epcClass": "urn:x:y", "quantity": 1, "uom": "KGM", "ol:material": "crude"}]
    assert [event_hash(value, {"ol": OURS})] != generated(value)
    assert [event_hash(value, {"ol": f"{OURS}/"})] == generated(value, namespace=f"{OURS}/")


@pytest.mark.oracle
def test_the_reference_implementation_cannot_read_a_transaction_without_type():
    with pytest.raises(IndexError):
        generated(EVENT)


def test_an_event_that_was_read_is_hashed_in_its_own_context():
    data = json.dumps({"@context": CONTEXTS} | EVENT).encode()
    (read,) = parse(data, "in.json")
    assert event_hash(read) == read.content
    assert read.content == ours(json.loads(data, parse_float=Decimal))[0]


def test_what_is_no_instant_stays_as_it_is_written():
    for time in ("2026-01-01T00:00:00", "0001-01-01T00:00:00+14:00", "today"):
        assert f"eventTime={time}" in prehash(EVENT | {"eventTime": time}, CONTEXT)


@given(st.datetimes(timezones=st.timezones() | st.just(UTC)))
def test_a_time_is_written_as_python_writes_it(moment):
    text = moment.isoformat()
    try:
        rounded = (datetime.fromisoformat(text) + timedelta(microseconds=500)).astimezone(UTC)
    except (ValueError, OverflowError):  # an offset of seconds, or a day beyond the calendar
        return
    expected = rounded.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert f"eventTime={expected}" in prehash(EVENT | {"eventTime": text}, CONTEXT)


def test_long_texts_are_hashed_and_not_remembered():
    long = EVENT | {"ex:note": "x" * 5000, "ex:" + "n" * 5000: "a name"}
    assert event_hash(long, CONTEXT) == event_hash(copy.deepcopy(long), CONTEXT)
    assert "x" * 5000 in prehash(long, CONTEXT)


def test_a_flood_of_names_and_texts_is_forgotten():
    plain = event_hash(EVENT, CONTEXT)
    for number in range(5000):
        place = {"id": f"urn:x:{number}"}
        event_hash({"type": "ObjectEvent", f"ex:{number}": f"urn:x:{number}", "readPoint": place}, CONTEXT)
    assert event_hash(EVENT, CONTEXT) == plain


def test_values_that_only_python_takes_for_equal_are_not_taken_for_one_another():
    places = [{"id": "urn:x:y", "ex:floor": floor} for floor in (1, True, "1", Decimal("1.5"), "x" * 5000)]
    written = [prehash({"type": "ObjectEvent", "readPoint": place}, CONTEXT) for place in places]
    floors = [text.partition("floor=")[2] for text in written]
    assert floors == ["1", "true", "1", "1.5", "x" * 5000]


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
