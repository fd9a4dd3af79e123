"""The ``ol:`` extension: every name, where it may stand, and what it becomes."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from tools.ol_reference import EXAMPLE, page

from oreloop.base.errors import BadInput
from oreloop.base.texts import LANGUAGES, render
from oreloop.record import parse
from oreloop.record.epcis.schema import schema
from oreloop.record.events import Claim, Content

SITE = {"readPoint": {"id": "urn:oreloop:site:works"}}
TO = {
    "destinationList": [
        {"type": "possessing_party", "destination": "urn:oreloop:party:mill"},
        {"type": "location", "destination": "urn:oreloop:site:mill"},
    ]
}
MADE = {"quantity": 100, "uom": "KGM", "ol:material": "crude"}
BASE = {
    "@context": [{"ol": "urn:oreloop:ns:epcis:1:"}],
    "eventTime": "2026-01-01T00:00:00Z",
    "eventTimeZoneOffset": "+00:00",
    **SITE,
}
BATCH = {"epcClass": "urn:oreloop:batch:a"}
BOX = "urn:epc:id:sscc:4012345.0000000333"


def commissioning(**fields):
    return BASE | {"type": "ObjectEvent", "action": "ADD", "quantityList": [BATCH | MADE]} | TO | fields


def observed(step, **fields):
    return (
        BASE
        | {"type": "ObjectEvent", "action": "OBSERVE", "bizStep": step, "quantityList": [dict(BATCH)]}
        | TO
        | fields
    )


def transformation(output=None, **fields):
    made = {"epcClass": "urn:oreloop:batch:b"} | MADE | (output or {})
    return BASE | {"type": "TransformationEvent", "inputQuantityList": [BATCH], "outputQuantityList": [made]} | fields


def aggregation(action, kind="AggregationEvent", **fields):
    return BASE | {"type": kind, "action": action, "parentID": BOX, "childQuantityList": [BATCH]} | fields


def trading(**fields):
    orders = [{"type": "po", "bizTransaction": "urn:x:po:1"}, {"bizTransaction": "urn:x:other"}]
    event = {"type": "TransactionEvent", "action": "ADD", "bizTransactionList": orders, "quantityList": [BATCH]}
    return BASE | event | fields


CLAIM = {"id": "BC-7", "element": "Ir", "quantity": "1.5", "uom": "GRM"}
ISSUING, RETIRING = "urn:oreloop:bizstep:issuing_claim", "urn:oreloop:bizstep:retiring_claim"
STEPS = {
    "commissioning": commissioning(),
    "shipping": observed("shipping"),
    "receiving": observed("receiving"),
    "inspecting": observed("inspecting"),
    "transformation": transformation(),
    "end_of_use": BASE | {"type": "ObjectEvent", "action": "DELETE", "quantityList": [BATCH]},
    "stock_taking": observed("cycle_counting"),
    "packing": aggregation("ADD"),
    "unpacking": aggregation("DELETE", "AssociationEvent"),
    "trading": trading(),
    "issuing_claim": observed(ISSUING, **{"ol:claim": CLAIM}),
    "retiring_claim": observed(RETIRING, **{"ol:claim": CLAIM}),
}
VALUES = {
    "ol:status": "measured",
    "ol:origin": {"country": "ZAF", "site": "pit-3"},
    "ol:recycled": {"share": "0.25", "kind": "post_consumer"},
    "ol:emissionsG": 7,
    "ol:energyWh": 8,
    "ol:licence": "L 1",
    "ol:quota": "2026-RE-1",
    "ol:contract": "c-1",
    "ol:assay": [{"analyte": "Fe", "value": "<0.5", "unit": "ppm", "sample": "s-1"}],
    "ol:reason": "umpire",
    "ol:process": "leach",
    "ol:route": "hydrochlorination",
    "ol:parameters": {"temperature": "1250 degC"},
    "ol:parametersDigest": "sha-256:" + "0" * 64,
    "ol:loss": [{"element": "Ir", "quantity": "1", "uom": "GRM", "reason": "slag"}],
    "ol:allocation": "system_expansion",
    "ol:massBalanceMonths": 6,
    "ol:tolerance": [{"element": "Ir", "quantity": "2", "uom": "APZ"}],
    "ol:claim": CLAIM,
}
EVENT_NAMES = schema("ol.schema")["$defs"]["event"]["properties"]


def step(event):
    (read,) = parse(json.dumps(event).encode(), "in.jsonl")
    return read.step


def problems(event):
    with pytest.raises(BadInput) as refused:
        parse(json.dumps(event).encode(), "in.jsonl")
    assert all(render(each, language) for each in refused.value.problems for language in LANGUAGES)
    return [(each.code, each.place.column) for each in refused.value.problems]


@pytest.mark.parametrize("kind", STEPS)
def test_every_step_takes_its_names_and_no_other(kind):
    assert step(STEPS[kind]).kind == kind
    assert VALUES.keys() == EVENT_NAMES.keys()
    for name, stated in EVENT_NAMES.items():
        event = STEPS[kind] | {name: VALUES[name]}
        if kind in stated["x-on"]:
            assert step(event).kind == kind
        else:
            assert problems(event) == [("record.unknown_field", "$")]


def test_what_is_stated_of_a_transformation_is_read():
    names = {name: VALUES[name] for name, stated in EVENT_NAMES.items() if "transformation" in stated["x-on"]}
    read = step(transformation(**names))
    assert (read.process, read.route, read.parameters) == (
        "leach", "hydrochlorination", {"temperature": "1250 degC"},
    )  # fmt: skip
    assert (read.quota, read.licence, read.allocation) == ("2026-RE-1", "L 1", "system_expansion")
    assert (read.emissions_g, read.energy_wh, read.mass_balance_months, read.status) == (7, 8, 6, "measured")
    assert read.parameters_digest == "sha-256:" + "0" * 64
    assert read.losses == (Content(element="Ir", mass_mg=1000, sd_mg=0.0),)


def test_origin_and_recycled_share_enter_with_the_metal():
    read = step(commissioning(**{name: VALUES[name] for name in ("ol:origin", "ol:recycled")}))
    assert (read.origin.country, read.origin.site) == ("ZAF", "pit-3")
    assert (read.recycled_share, read.recycled_kind) == (Decimal("0.25"), "post_consumer")


def test_a_batch_carries_heat_numbers_codes_and_custody():
    stated = {
        "ol:heat": "H 12",
        "ol:gtin": "4012345000009",
        "ol:hsCode": "711041",
        "ol:custody": "mass_balance",
        "ol:claimedShare": "0.3",
        "ol:moisture": "0.0333",
        "ol:weight": "12.5",
        "ol:creditG": 40,
    }
    (amount,) = step(transformation(stated)).made
    assert (amount.heat, amount.gtin, amount.hs_code) == ("H 12", "04012345000009", "711041")
    assert (amount.custody, amount.claimed_share) == ("mass_balance", Decimal("0.3"))
    assert (amount.weight, amount.credit_g) == (Decimal("12.5"), 40)
    assert (amount.moisture, amount.gross_mg, amount.dry_mg) == (Decimal("0.0333"), 100_000_000, 96_670_000)
    (plain,) = step(transformation()).made
    assert (plain.moisture, plain.dry_mg) == (None, None)


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("ol:gtin", "4012345000001", "record.check_digit"),
        ("ol:gtin", "40123450", "record.check_digit"),
        ("ol:gtin", "401234500000", "record.check_digit"),
        ("ol:gtin", "12", "record.wrong_type"),
        ("ol:hsCode", "71", "record.wrong_type"),
        ("ol:custody", "blended", "record.unknown_term"),
        ("ol:claimedShare", "1.01", "record.wrong_type"),
        ("ol:claimedShare", 1.01, "record.wrong_type"),
        ("ol:weight", "-1", "record.wrong_type"),
        ("ol:weight", "1e30", "record.wrong_type"),
        ("ol:creditG", "40", "record.wrong_type"),
        ("ol:heat", " ", "record.wrong_type"),
    ],
)
def test_a_batch_is_not_described_wrongly(name, value, code):
    assert problems(transformation({name: value})) == [(code, f"$.outputQuantityList[0].{name}")]


def test_custody_is_stated_where_a_batch_comes_to_exist_and_weights_where_emissions_are_shared():
    for name, value in (("ol:custody", "segregated"), ("ol:claimedShare", "0"), ("ol:weight", 1), ("ol:creditG", 1)):
        assert problems(observed("receiving", quantityList=[BATCH | {name: value}])) == [
            ("record.unknown_field", "$.quantityList[0]")
        ]
    for name, value in (("ol:weight", 1), ("ol:creditG", 1)):
        assert problems(commissioning(quantityList=[BATCH | MADE | {name: value}])) == [
            ("record.unknown_field", "$.quantityList[0]")
        ]


def test_measurements_share_the_error_of_their_instrument():
    mass = {
        "element": "Ir",
        "quantity": "10",
        "uom": "KGM",
        "uncertainty": "0.2",
        "systematic": "0.1",
        "instrument": "s",
    }
    share = {"element": "Pt", "content": "0.5", "uncertainty": "0.01", "systematic": "0.004", "instrument": "xrf"}
    output = {"ol:moisture": "0.1", "ol:contained": [mass, share]}
    contained = step(transformation(output)).made[0].contained
    assert (contained["Ir"].sd_mg, contained["Ir"].systematic_mg, contained["Ir"].instrument) == (200_000, 100_000, "s")
    assert (contained["Pt"].mass_mg, contained["Pt"].systematic_mg) == (45_000_000, 360_000)
    too_much = {"ol:contained": [mass | {"systematic": "0.3"}]}
    assert problems(transformation(too_much)) == [
        ("record.wrong_type", "$.outputQuantityList[0].ol:contained[0].systematic")
    ]


def test_contents_of_less_than_nothing_are_refused_without_more_ado():
    negative = {"quantity": "-5", "ol:contained": [{"element": "Pt", "content": "0.5", "uncertainty": "0.01"}]}
    assert problems(transformation(negative)) == [
        ("record.not_positive", "$.outputQuantityList[0].quantity"),
        ("record.more_metal_than_mass", "$.outputQuantityList[0].ol:contained"),
    ]


def test_a_party_of_ours_has_an_id_of_ours():
    listed = [{"type": "location", "source": "urn:x:y"}, {"type": "owning_party", "source": "urn:oreloop:party:A"}]
    assert problems(observed("receiving", sourceList=listed)) == [("record.bad_id", "$.sourceList[1].source")]


def test_a_share_needs_a_mass_to_be_a_share_of():
    entry = {"element": "Pt", "content": "0.5"}
    at = "$.quantityList[0].ol:contained[0]"
    assert problems(observed("inspecting", quantityList=[BATCH | {"ol:contained": [entry]}])) == [
        ("record.missing", at)
    ]
    assert problems(observed("inspecting", quantityList=[BATCH | {"ol:contained": [{"element": "Pt"}]}])) == [
        ("record.missing", at)
    ]


def test_an_assay_keeps_its_digits_and_its_batch():
    entry = {"analyte": "Fe", "value": "<0.50", "unit": "ppm", "detection_limit": "0.50", "sample": "s-1"}
    (assay,) = step(observed("inspecting", **{"ol:assay": [entry]})).assays
    assert (assay.value, assay.detection_limit, assay.sample, assay.batch) == ("<0.50", "0.50", "s-1", "a")
    (small,) = step(observed("inspecting", **{"ol:assay": [entry | {"value": 0.0000001}]})).assays
    assert small.value == "0.0000001"
    two = [BATCH, {"epcClass": "urn:oreloop:batch:b"}]
    named = [entry | {"batch": "b"}, entry]
    assert [each.batch for each in step(observed("inspecting", quantityList=two, **{"ol:assay": named})).assays] == [
        "b", None,
    ]  # fmt: skip
    stray = [entry | {"batch": "z"}]
    assert problems(observed("inspecting", **{"ol:assay": stray})) == [("record.other_batch", "$.ol:assay[0].batch")]
    assert problems(observed("inspecting", **{"ol:assay": [entry | {"unit": "percent"}]})) == [
        ("record.unknown_term", "$.ol:assay[0].unit")
    ]


def test_a_claim_says_how_much_of_what():
    assert step(STEPS["issuing_claim"]).claim == Claim(id="BC-7", element="Ir", mass_mg=1500)
    assert problems(observed(RETIRING)) == [("record.missing", "$")]
    for quantity, code in ((0, "record.not_positive"), ("0.0001", "base.finer_than_mg")):
        assert problems(observed(ISSUING, **{"ol:claim": CLAIM | {"quantity": quantity}})) == [
            (code, "$.ol:claim.quantity")
        ]


def test_a_stock_take_may_book_so_much():
    entry = {"element": "Ir", "quantity": "2", "uom": "APZ"}
    read = step(observed("stock_taking", **{"ol:tolerance": [entry], "ol:reason": "clean-out"}))
    assert (read.unaccounted_tolerance_mg, read.reason) == ({"Ir": 62_207}, "clean-out")
    assert problems(observed("stock_taking", **{"ol:tolerance": [entry, entry]})) == [
        ("record.named_twice", "$.ol:tolerance[1]")
    ]
    assert problems(observed("stock_taking", **{"ol:tolerance": [entry | {"uom": "EA"}]})) == [
        ("base.unknown_unit", "$.ol:tolerance[0].quantity")
    ]


def test_containers_hold_batches():
    assert step(STEPS["packing"]).containers == (BOX,)
    assert [amount.batch for amount in step(STEPS["packing"]).taken] == ["a"]
    emptied = {name: value for name, value in aggregation("DELETE").items() if name != "childQuantityList"}
    assert (step(emptied).kind, step(emptied).containers, step(emptied).taken) == ("unpacking", (BOX,), ())
    assert step(emptied | {"readPoint": {"id": "urn:x:elsewhere"}}) is None
    assert step(emptied | {"childEPCs": ["urn:x:pump"]}) is None
    moved = {name: value for name, value in observed("shipping", epcList=[BOX]).items() if name != "quantityList"}
    assert (step(moved).containers, step(moved).to_site) == ((BOX,), "mill")
    loose = aggregation("ADD")
    del loose["parentID"]
    assert problems(loose) == [("record.missing", "$")]


def test_trade_and_dispositions_are_read():
    read = step(trading(persistentDisposition={"set": ["reserved"], "unset": ["available"]}))
    assert read.transactions == (("po", "urn:x:po:1"), ("", "urn:x:other"))
    assert (read.set_dispositions, read.unset_dispositions) == (("reserved",), ("available",))
    nowhere = trading()
    del nowhere["readPoint"]
    assert step(nowhere).site == ""


def test_our_names_are_refused_where_nobody_would_read_them():
    assert step(observed("storing")) is None
    assert problems(observed("storing", **{"ol:status": "measured"})) == [("record.unknown_field", "$")]
    others = {"epcClass": "urn:epc:class:lgtin:4012345.012345.x"}
    assert problems(commissioning(quantityList=[others], **{"ol:emissionsG": 1})) == [("record.unknown_field", "$")]


def test_every_name_is_explained_in_both_languages_and_in_the_context():
    parts = schema("ol.schema")["$defs"]
    context = json.loads(Path("src/oreloop/record/epcis/ol.context.jsonld").read_text("utf-8"))["@context"]
    for name, stated in (parts["event"]["properties"] | parts["quantity"]["properties"]).items():
        assert stated["description"]
        assert stated["x-zh"]
        part = parts.get((stated.get("$ref") or stated.get("items", {}).get("$ref", "")).rpartition("/")[2], {})
        assert context[name].get("@context", {}).keys() == part.get("properties", {}).keys()
    text = page()
    assert all(f"| `{name}` |" in text for name in EVENT_NAMES)
    assert json.dumps(EXAMPLE, indent=1) in text


def test_the_example_of_the_reference_is_read():
    (read,) = parse(json.dumps(EXAMPLE).encode(), "example.json")
    assert [amount.batch for amount in read.step.made] == ["ir-5n-1", "residue-1"]
    assert read.step.made[1].dry_mg == 17_340_000
