"""Reading EPCIS: what is taken in, what is refused, and where the messages point."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.base.errors import BadInput
from oreloop.base.texts import LANGUAGES, render
from oreloop.record import parse
from oreloop.record.epcis.parse import MAX_BYTES


def problems(data, name="in.jsonl"):
    with pytest.raises(BadInput) as refused:
        parse(data if isinstance(data, bytes) else json.dumps(data).encode(), name)
    for problem in refused.value.problems:
        assert all(render(problem, language) for language in LANGUAGES)
    return [(problem.code, problem.place.column) for problem in refused.value.problems]


def event(**fields):
    return {
        "type": "ObjectEvent",
        "action": "OBSERVE",
        "eventTime": "2026-01-01T00:00:00Z",
        "eventTimeZoneOffset": "+00:00",
        "epcList": ["urn:epc:id:sgtin:0614141.107346.2017"],
    } | fields


VALID = ("gs1-samples", "openepcis/Capture/Documents", "openepcis/Capture/Events", "openepcis/Query", "event-hash")


@pytest.mark.oracle
@pytest.mark.parametrize("folder", VALID)
def test_official_samples_are_read_without_loss(shared, folder):
    root = shared(f"vectors/epcis/{folder}")
    files = [each for each in sorted(root.rglob("*.json*")) if "Invalid" not in each.parts]
    assert files
    for file in files:
        data = file.read_bytes()
        events = parse(data, file.name)
        value = json.loads(data, parse_float=Decimal)
        body = value.get("epcisBody", {"eventList": [value]})
        listed = body.get("eventList") or body["queryResults"]["resultsBody"]["eventList"]
        assert [each.raw for each in events] == listed
        assert all(each.step is None for each in events)


@pytest.mark.oracle
def test_official_bad_documents_are_all_refused(shared):
    root = shared("vectors/epcis/openepcis")
    files = sorted(file for file in root.rglob("*.json") if "Invalid" in file.parts)
    assert len(files) == 7
    for file in files:
        assert problems(file.read_bytes(), file.name)


def test_all_problems_of_all_lines_are_reported_with_line_and_path(trade, q, wrap):
    trade.commission(q("a", 100))
    good = trade.data().rstrip()
    bad = json.dumps(wrap([event(action="LOOK"), event(bizStep="transforming", colour="red")])).encode()
    with pytest.raises(BadInput) as refused:
        parse(good + b"\n\n" + bad + b"\n{\r\n", "in.jsonl")
    places = [(each.code, each.place.line, each.place.column) for each in refused.value.problems]
    assert places == [
        ("record.unknown_term", 3, "$.epcisBody.eventList[0].action"),
        ("record.unknown_term", 3, "$.epcisBody.eventList[1].bizStep"),
        ("record.unknown_field", 3, "$.epcisBody.eventList[1]"),
        ("record.not_json", 4, "$"),
    ]
    assert "in.jsonl line 3, column $.epcisBody.eventList[0].action" in str(refused.value)


def test_a_document_over_several_lines_is_one_document(wrap):
    data = json.dumps(wrap([event(), event(eventID="urn:test:1")]), indent=1).encode()
    first, second = parse(data, "document.json")
    assert (first.place.line, first.place.column) == (None, "$.epcisBody.eventList[0]")
    assert second.id == "urn:test:1"
    assert first.id == first.content
    assert first.document == second.document
    assert parse(json.dumps(wrap([event()])).encode(), "document.json")[0].place.line == 1


def test_unknown_extensions_survive_with_every_digit(wrap):
    data = json.dumps(wrap([event(**{"ex:grade": {"deep": [1, "x"]}})])).replace('"x"', "0.100000000000000000001")
    (read,) = parse(data.encode(), "in.jsonl")
    assert str(read.raw["ex:grade"]["deep"][1]) == "0.100000000000000000001"


def test_events_of_other_vocabularies_stay_in_their_document(wrap):
    assert parse(json.dumps(wrap([{"type": "ex:Weather"}])).encode(), "in.jsonl") == ()


def test_record_time_and_error_declaration_do_not_change_what_an_event_says(wrap):
    copies = [
        event(),
        event(recordTime="2026-02-01T00:00:00Z"),
        event(errorDeclaration={"declarationTime": "2026-02-01T00:00:00Z"}),
    ]
    ids = {each.id for each in parse(json.dumps(wrap(copies)).encode(), "in.jsonl")}
    assert len(ids) == 1


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"eventTime": "2026-01-01"}, [("record.wrong_type", ".eventTime")]),
        ({"eventTime": "2026-01-01T00:00:00"}, [("record.wrong_type", ".eventTime")]),
        ({"eventTimeZoneOffset": "8"}, [("record.wrong_type", ".eventTimeZoneOffset")]),
        ({"epcList": "x"}, [("record.wrong_type", ".epcList")]),
        ({"epcList": ["x"]}, [("record.wrong_type", ".epcList[0]")]),
        ({"readPoint": 5}, [("record.wrong_type", ".readPoint")]),
        ({"readPoint": {}}, [("record.missing", ".readPoint")]),
        ({"action": ["ADD"]}, [("record.unknown_term", ".action")]),
        ({"type": 5}, [("record.unknown_term", ".type")]),
        ({"type": "Event"}, [("record.unknown_term", ".type")]),
        ({"ilmd": {"ex:a": 1}}, [("record.unknown_field", "")]),
        ({"disposition": ""}, [("record.unknown_term", ".disposition")]),
        ({"certificationInfo": ["no uri"]}, [("record.wrong_type", ".certificationInfo[0]")]),
        ({"quantityList": [{"epcClass": "urn:x:y", "quantity": True}]}, [("record.wrong_type", ".quantityList[0].quantity")]),
        ({"quantityList": [{"epcClass": "urn:x:y", "quantity": "ten"}]}, [("record.wrong_type", ".quantityList[0].quantity")]),
        ({"errorDeclaration": {"reason": "oops"}}, [("record.missing", ".errorDeclaration"), ("record.unknown_term", ".errorDeclaration.reason")]),
        ({"sensorElementList": [{}]}, [("record.missing", ".sensorElementList[0]")]),
    ],
)  # fmt: skip
def test_structure_is_checked(wrap, change, expected):
    assert problems(wrap([event(**change)])) == [(code, f"$.epcisBody.eventList[0]{at}") for code, at in expected]


def test_an_event_names_what_it_is_about(wrap):
    bare = event()
    del bare["epcList"]
    assert problems(wrap([bare])) == [("record.missing", "$.epcisBody.eventList[0]")]
    unpacked = event(type="AggregationEvent", action="DELETE", parentID="urn:epc:id:sscc:1.2")
    del unpacked["epcList"]
    assert len(parse(json.dumps(wrap([unpacked])).encode(), "in.jsonl")) == 1


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"[]", "record.not_epcis"),
        (b'{"type": ["ObjectEvent"]}', "record.not_epcis"),
        (b'{"type": "EPCISDocument"}', "record.missing"),
        (b'{"a": 1, "a": 2}', "record.named_twice"),
        (b'{"a": NaN}', "record.not_json"),
        (b'{"a": 1e999999}', "record.not_json"),
        (b'{"a": 1e99999999999999999999}', "record.not_json"),
        (b'{"a": ' + b"9" * 5000 + b"}", "record.not_json"),
        (b'{"a": "\\ud800"}', "record.not_json"),
        (b'{"\\ud800": 1}', "record.not_json"),
        (b"\xff", "record.not_json"),
        (b"[" * 100 + b"]" * 100, "record.too_deep"),
        (b"[" * 100_000, "record.too_deep"),
        (b'{"a":' * 100_000, "record.too_deep"),
    ],
)
def test_hostile_bytes_end_in_a_clear_refusal(data, code):
    assert problems(data)[0] == (code, "$")
    assert problems(data, "in.json")[0][0] == code


def test_size_has_a_limit():
    assert problems(b" " * (MAX_BYTES + 1)) == [("record.too_large", "$")]


def metal(q, **fields):
    return {
        "type": "ObjectEvent",
        "action": "ADD",
        "bizStep": "commissioning",
        "eventTime": "2026-01-01T00:00:00Z",
        "eventTimeZoneOffset": "+00:00",
        "readPoint": {"id": "urn:oreloop:site:mine"},
        "destinationList": [{"type": "owning_party", "destination": "urn:oreloop:party:mill"}],
        "quantityList": [q("a", 100, material="crude", Ir=(60, 0))],
    } | fields


def test_content_is_stated_as_mass_or_as_share_of_the_dry_mass(q, wrap):
    wet = q("a", material="crude", moisture="0.1") | {"quantity": 0.5, "uom": "KGM"}
    wet["ol:contained"] = [
        {"element": "Ir", "content": "0.2", "uncertainty": "0.001"},
        {"element": "Pt", "quantity": 0.125, "uom": "APZ"},
    ]
    (read,) = parse(json.dumps(wrap([metal(q, quantityList=[wet])])).encode(), "in.jsonl")
    (amount,) = read.step.made
    assert amount.gross_mg == 500_000
    assert (amount.contained["Ir"].mass_mg, round(amount.contained["Ir"].sd_mg)) == (90_000, 450)
    assert (amount.contained["Pt"].mass_mg, amount.contained["Pt"].sd_mg) == (3_888, 0.0)
    assert read.step.to_party == "mill"


ASSAY = {"analyte": "Fe", "value": "<10", "unit": "ppb"}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"readPoint": {"id": "urn:oreloop:site:Mine"}}, ["record.bad_id", "record.missing"]),
        ({"destinationList": []}, ["record.missing"]),
        ({"ol:colour": "red"}, ["record.unknown_field"]),
        ({"ol:contract": "x"}, ["record.unknown_field"]),
        ({"ol:origin": "ZAF"}, ["record.wrong_type"]),
        ({"ol:origin": {"country": "South Africa", "site": "Mine 1"}}, ["record.wrong_type", "record.bad_id"]),
        ({"ol:recycled": {"share": "0.5", "kind": ["pre_consumer"]}}, ["record.unknown_term"]),
        ({"ol:recycled": {"share": "1.5", "kind": "pre_consumer"}}, ["record.wrong_type"]),
        ({"ol:recycled": {"share": "many", "kind": "pre_consumer"}}, ["record.wrong_type"]),
        ({"ol:emissionsG": 0.5}, ["record.wrong_type"]),
        ({"ol:status": "guessed"}, ["record.unknown_term"]),
    ],
)
def test_the_extension_is_checked_on_events(q, wrap, fields, expected):
    assert [code for code, _ in problems(wrap([metal(q, **fields)]))] == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"epcClass": "urn:oreloop:batch:A 1"}, ["record.wrong_type"]),
        ({"epcClass": "urn:oreloop:batch:UPPER"}, ["record.bad_id"]),
        ({"ol:material": "Crude!"}, ["record.bad_id"]),
        ({"ol:containd": []}, ["record.unknown_field"]),
        ({"ol:contained": "Ir"}, ["record.wrong_type"]),
        ({"quantity": 0}, ["record.not_positive", "record.more_metal_than_mass"]),
        ({"quantity": 0.5}, ["base.finer_than_mg"]),
        ({"quantity": 50}, ["record.more_metal_than_mass"]),
        ({"uom": "EA"}, ["base.unknown_unit"]),
        ({"ol:moisture": "2"}, ["record.wrong_type"]),
        ({"ol:uncertainty": "-1"}, ["record.wrong_type"]),
        ({"ol:uncertainty": "x"}, ["record.wrong_type"]),
        ({"ol:contained": [{"element": "iridium", "content": 0}]}, ["record.wrong_type"]),
        ({"ol:contained": [{"element": "Ir", "quantity": 1}]}, ["record.missing"]),
        ({"ol:contained": [{"element": "Ir", "quantity": 0.1, "uom": "MGM"}]}, ["base.finer_than_mg"]),
        ({"ol:contained": [{"element": "Ir", "quantity": -1, "uom": "MGM"}]}, ["record.not_positive"]),
        ({"ol:contained": [{"element": "Ir", "content": "0.1"}] * 2}, ["record.named_twice"]),
    ],
)
def test_the_extension_is_checked_on_quantities(q, wrap, change, expected):
    quantity = q("a", 100, material="crude", Ir=(60, 0)) | change
    assert [code for code, _ in problems(wrap([metal(q, quantityList=[quantity])]))] == expected


@pytest.mark.parametrize(
    ("assays", "expected"),
    [
        ([ASSAY | {"value": "about 3"}], ["record.wrong_type"]),
        ([{"analyte": "Fe"}], ["record.missing", "record.missing"]),
        ([ASSAY | {"colour": "red"}], ["record.unknown_field"]),
    ],
)
def test_assays_are_checked(q, wrap, assays, expected):
    inspected = metal(q, action="OBSERVE", bizStep="inspecting", **{"ol:assay": assays})
    assert [code for code, _ in problems(wrap([inspected]))] == expected


def test_steps_say_what_they_take_and_make(q, wrap):
    lame = metal(q, type="TransformationEvent", inputQuantityList=[q("a", 5), q("a", 5)])
    for name in ("action", "quantityList"):
        del lame[name]
    codes = [code for code, _ in problems(wrap([lame]))]
    assert codes == ["record.named_twice", "record.missing"]
    assert problems(wrap([lame | {"ol:allocation": "luck"}])) == [
        ("record.unknown_term", "$.epcisBody.eventList[0].ol:allocation")
    ]
    lame["outputQuantityList"] = [q("b", 5)]
    assert ("record.missing", "$.epcisBody.eventList[0].outputQuantityList[0]") in problems(wrap([lame]))
    adrift = metal(q, action="OBSERVE", bizStep="shipping")
    assert [code for code, _ in problems(wrap([adrift]))] == ["record.missing"]
    assert [code for code, _ in problems(wrap([adrift | {"ol:contract": "No 1"}]))] == ["record.bad_id"]
    unclear = metal(q, action="DELETE", **{"ol:reason": " "})
    assert [code for code, _ in problems(wrap([unclear]))] == ["record.wrong_type"]


def test_other_events_about_batches_are_kept_and_change_nothing(q, wrap):
    mixed = [q("a", 100), {"epcClass": "urn:epc:class:lgtin:4023333.002000.x"}]
    (read,) = parse(json.dumps(wrap([metal(q, action="OBSERVE", bizStep="storing", quantityList=mixed)])).encode(), "x")
    assert read.step is None
    (read,) = parse(json.dumps(wrap([metal(q, quantityList=[*metal(q)["quantityList"], mixed[1]])])).encode(), "x")
    assert [amount.batch for amount in read.step.made] == ["a"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
NAMES = [
    "type", "action", "bizStep", "eventTime", "eventTimeZoneOffset", "readPoint", "bizLocation", "quantityList",
    "inputQuantityList", "outputQuantityList", "sourceList", "destinationList", "ol:assay", "ol:loss", "ol:origin",
    "ol:recycled", "ol:emissionsG", "ol:process", "ol:contract", "ol:allocation", "errorDeclaration", "eventID",
    "ilmd", "sensorElementList", "persistentDisposition", "bizTransactionList", "@context", "ex:size", "epcList",
]  # fmt: skip


def outcome(data):
    """Reading either works or ends in messages; anything else is an exception of ours."""
    try:
        return f"{len(parse(data, 'in.jsonl'))} events"
    except BadInput as refused:
        return str(refused)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data):
    assert outcome(data)


@given(st.dictionaries(st.sampled_from(NAMES), json_values, max_size=5), st.booleans())
def test_any_damage_to_an_event_is_read_or_refused(damage, transforms):
    quantity = {"epcClass": "urn:oreloop:batch:a", "quantity": 5, "uom": "MGM", "ol:material": "m"}
    value = {
        "type": "TransformationEvent" if transforms else "ObjectEvent",
        "eventTime": "2026-01-01T00:00:00Z",
        "eventTimeZoneOffset": "+00:00",
        "readPoint": {"id": "urn:oreloop:site:mine"},
        "destinationList": [{"type": "owning_party", "destination": "urn:oreloop:party:mill"}],
    }
    value |= (
        {"inputQuantityList": [quantity], "outputQuantityList": [quantity]}
        if transforms
        else {"action": "ADD", "quantityList": [quantity]}
    )
    damaged = {"@context": {"ex": "urn:ex:"}, **value, **damage}
    assert outcome(json.dumps(damaged).encode())


@given(
    st.sampled_from(["epcClass", "quantity", "uom", "ol:material", "ol:moisture", "ol:uncertainty", "ol:contained"]),
    json_values,
)
def test_any_damage_to_a_quantity_is_read_or_refused(name, damage):
    quantity = {"epcClass": "urn:oreloop:batch:a", "quantity": 5, "uom": "MGM", "ol:material": "m"} | {name: damage}
    value = {
        "@context": [],
        "type": "ObjectEvent",
        "action": "ADD",
        "eventTime": "2026-01-01T00:00:00Z",
        "eventTimeZoneOffset": "+00:00",
        "readPoint": {"id": "urn:oreloop:site:mine"},
        "quantityList": [quantity],
    }
    assert outcome(json.dumps(value).encode())
