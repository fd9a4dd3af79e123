"""Who may say what, and when: the state of a contract is a fold over signed events."""

from __future__ import annotations

import json

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from oreloop.base.errors import BadInput
from oreloop.base.instant import instant
from oreloop.base.texts import render
from oreloop.deal import advance, fold, parse_events, sign_event, verify_event
from oreloop.deal.fold import State
from oreloop.deal.rules import SENDERS, STEPS, holders


def codes(state):
    return [problem.code for problem in state.refused]


def locked(trade, day="2026-02-08", mass=12_000_000):
    return trade.event(
        "capacity_locked", "refiner", day, **{"quantity_mg": mass, "from": "2026-03-01", "to": "2026-05-31"}
    )


def test_life_of_an_offtake_state_by_state(offtake):
    quote = offtake.event("quoted", "refiner", "2026-01-25", price="1250000", unit="CNY/kg", valid_to="2026-02-10")
    lot = offtake.delivery("ir-lot-7")
    events = [
        (offtake.event("requested", "electrolyser-maker", "2026-01-20", quantity_mg=12_000_000), "drafted"),
        (quote, "quoted"),
        (offtake.agreement()[0], "quoted"),
        (offtake.agreement()[1], "agreed"),
        (locked(offtake), "capacity_locked"),
        (offtake.paid("refiner", 339_000_000, "b-1", "2026-02-09", kind="deposit_paid"), "deposit_paid"),
        (lot[0], "delivered"),
        (lot[1], "assayed"),
        (lot[2], "accepted"),
    ]
    for count, (_, name) in enumerate(events, 1):
        state = offtake.fold([event for event, _ in events[:count]])
        assert (state.name, state.refused) == (name, ())


def test_every_kind_of_event_has_senders_and_a_step():
    assert set(SENDERS) == set(STEPS)


def test_only_the_right_party_may_send(offtake):
    stolen = offtake.event("accepted", "refiner", "2026-06-01", batch="ir-lot-7")
    state = offtake.fold([*offtake.agreement(), *offtake.delivery("ir-lot-7")[:2], stolen])
    assert codes(state) == ["deal.not_theirs"]
    assert state.batches["ir-lot-7"].stage == "assayed"


def test_a_debtor_cannot_declare_a_deposit_paid(offtake):
    claimed = offtake.paid("electrolyser-maker", 339_000_000, "b-1", kind="deposit_paid")
    assert codes(offtake.fold([*offtake.agreement(), claimed])) == ["deal.not_theirs"]


def test_wrong_signature_and_unknown_key_are_refused(offtake):
    forged = offtake.event(
        "capacity_locked",
        "refiner",
        "2026-02-08",
        signer="stranger",
        quantity_mg=1,
        **{"from": "2026-03-01", "to": "2026-03-02"},
    )
    assert codes(offtake.fold([*offtake.agreement(), forged])) == ["deal.wrong_signature"]
    no_key = fold(offtake.contract, [forged], instant("2026-12-31"), keys={})
    assert codes(no_key) == ["deal.no_key"]


def test_unsigned_event_is_refused(offtake):
    document = json.loads(offtake.agreement()[0].document)
    for signature in (None, "not base64!", ""):
        (event,) = parse_events(json.dumps({**document, "signature": signature}).encode(), "e.jsonl")
        assert codes(offtake.fold([event])) == ["deal.wrong_signature"]


def test_forged_copy_does_not_keep_the_true_event_out(offtake):
    true = offtake.agreement()
    document = json.loads(true[0].document)
    (forged,) = parse_events(json.dumps({**document, "signature": "AAAA"}).encode(), "e.jsonl")
    assert offtake.fold([forged, forged, *true]).stage == "agreed"


def test_signature_covers_rfc8785_bytes(offtake):
    event = offtake.agreement()[0]
    document = json.loads(event.document)
    assert rfc8785.dumps(document) == event.document
    del document["signature"]
    assert rfc8785.dumps(document) == event.signed
    assert verify_event(event, offtake.keys[event.by])
    assert not verify_event(event, "short")


def test_both_must_sign_the_same_terms(offtake):
    contract = offtake.contract
    other = offtake.event("agreed", contract.seller, "2026-02-01", contract_digest="0" * 64)
    state = offtake.fold([offtake.agreement()[0], other])
    assert (state.name, codes(state)) == ("drafted", ["deal.other_terms"])


def test_quote_ends(offtake):
    quote = offtake.event("quoted", "refiner", "2026-01-25", price="1250000", unit="CNY/kg", valid_to="2026-01-31")
    assert codes(offtake.fold([quote, *offtake.agreement()])) == ["deal.quote_expired"] * 2


def test_batch_cannot_be_accepted_before_its_assay(offtake):
    delivered, assayed, accepted = offtake.delivery("ir-lot-7")
    state = offtake.fold([*offtake.agreement(), delivered, accepted])
    assert codes(state) == ["deal.not_assayed"]
    assert "ir-lot-7" in render(state.refused[0], "en")
    assert offtake.fold([*offtake.agreement(), delivered, accepted, assayed]).name == "accepted"


@pytest.mark.parametrize("kind", ["delivered", "deposit_paid", "capacity_locked"])
def test_nothing_happens_before_agreement(offtake, kind):
    event = {
        "delivered": offtake.delivery("ir-lot-7")[0],
        "deposit_paid": offtake.paid("refiner", 1, "b", kind="deposit_paid"),
        "capacity_locked": locked(offtake),
    }[kind]
    state = offtake.fold([event])
    assert codes(state) == ["deal.not_now"]
    assert (state.refused[0].fields["clause"], state.refused[0].fields["state"]) == (STEPS[kind].clause, "drafted")


def test_batch_cannot_be_delivered_twice(offtake):
    again = offtake.event("delivered", "electrolyser-maker", "2026-06-30", batch="ir-lot-7", event="other")
    assert codes(offtake.fold([*offtake.agreement(), *offtake.delivery("ir-lot-7"), again])) == ["deal.not_now"]


def test_good_batch_cannot_be_rejected(offtake):
    delivered, assayed, _ = offtake.delivery("ir-lot-7")
    reject = offtake.event("rejected", "electrolyser-maker", "2026-06-20", batch="ir-lot-7", reason="price fell")
    assert codes(offtake.fold([*offtake.agreement(), delivered, assayed, reject])) == ["deal.nothing_to_reject"]


@pytest.mark.parametrize(("value", "why"), [("2.5", "above the limit"), ("<5", "not shown to be below the limit")])
def test_batch_that_breaks_its_limits_may_be_rejected(offtake, value, why):
    offtake.facts["assays"]["ir-lot-7"][0]["value"] = value
    delivered, assayed, _ = offtake.delivery("ir-lot-7")
    reject = offtake.event("rejected", "electrolyser-maker", "2026-06-20", batch="ir-lot-7", reason="Fe")
    assert offtake.fold([*offtake.agreement(), delivered, assayed, reject]).name == "rejected", why


def test_impurity_by_another_method_is_not_shown(offtake):
    offtake.facts["assays"]["ir-lot-7"][0]["method"] = "ICP-MS"
    state = offtake.fold([*offtake.agreement(), *offtake.delivery("ir-lot-7")[:2]])
    quality, assay = offtake.contract.clauses.quality, state.batches["ir-lot-7"].assay
    assert quality.breaches(assay) == ("Fe",)


def test_purity_is_one_minus_the_named_list(offtake):
    for reading, value in zip(offtake.facts["assays"]["ir-lot-7"], ("2", "1", "3"), strict=True):
        reading["value"] = value
    strict = offtake.change('"0.99999"', '"0.999995"')
    strict.facts["assays"] = offtake.facts["assays"]
    state = strict.fold([*strict.agreement(), *strict.delivery("ir-lot-7")[:2]])
    assert strict.contract.clauses.quality.breaches(state.batches["ir-lot-7"].assay) == ("purity",)


def test_clause_that_is_absent_refuses_its_events(sponge, toll):
    deposit = sponge.paid("refiner", 1, "b", kind="deposit_paid")
    stated = sponge.event("carbon_stated", "refiner", "2026-02-20", batch="pt-lot-1", co2e_g=1)
    state = sponge.fold([*sponge.agreement(), deposit, locked(sponge), *sponge.delivery("pt-lot-1"), stated])
    assert codes(state) == ["deal.no_clause"] * 3
    fixing = toll.event(
        "price_fixed", "publisher", "2026-05-04", series="x", period="2026-03", value="1", unit="y", source="z"
    )
    assert codes(toll.fold([*toll.agreement(), fixing])) == ["deal.not_theirs"]


def test_money_has_one_currency_and_each_payment_one_reference(offtake):
    dollars = offtake.event("paid", "refiner", "2026-07-01", amount_minor=5, currency="USD", reference="a")
    first, again = offtake.paid("refiner", 5, "b"), offtake.paid("refiner", 5, "b", "2026-07-02")
    state = offtake.fold([*offtake.agreement(), dollars, first, again])
    assert codes(state) == ["deal.unlike_currency", "deal.reference_used"]
    assert sum(money.amount_minor for money in state.money.values()) == 5


def test_average_is_fixed_once(sponge):
    def fixing(day, **other):
        said = {"series": "pt-afternoon", "period": "2026-03", "value": "1003.75", "unit": "USD/ozt", "source": "s"}
        return sponge.event("price_fixed", "publisher", day, **{**said, **other})

    events = [fixing("2026-05-01"), fixing("2026-05-02", value="1003.750"), fixing("2026-05-03", value="1")]
    state = sponge.fold([*sponge.agreement(), *events, fixing("2026-05-04", series="au")])
    assert codes(state) == ["deal.fixed_before", "deal.other_series"]


def test_cancelling_takes_one_before_agreement_and_two_after(offtake):
    by_buyer = offtake.event("cancelled", "electrolyser-maker", "2026-01-15", reason="r")
    assert offtake.fold([by_buyer]).name == "cancelled"
    late = [offtake.event("cancelled", party, "2026-02-20", reason="r") for party in ("electrolyser-maker", "refiner")]
    assert offtake.fold([*offtake.agreement(), late[0]]).name == "agreed"
    assert offtake.fold([*offtake.agreement(), *late]).name == "cancelled"
    after = offtake.fold([*offtake.agreement(), *late, *offtake.delivery("ir-lot-7")])
    assert codes(after) == ["deal.not_now"] * 3


def test_events_of_other_contracts_and_of_the_future_are_left_out(offtake, sponge):
    state = offtake.fold([*offtake.agreement(), *sponge.agreement(), *offtake.delivery("ir-lot-7")], at="2026-02-28")
    assert (state.name, state.refused) == ("agreed", ())


def test_roles_that_nobody_holds(toll, sponge):
    assert holders(toll.contract, "price_fixer") is None
    assert holders(sponge.contract, "price_fixer") == "publisher"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"{", "deal.not_json"),
        (b'{"\x80":1}', "deal.not_json"),
        (b"[1]", "deal.not_json"),
        (b'{"type": "oreloop.sold/1"}', "deal.unknown_event"),
        (
            b'{"type": "oreloop.accepted/1", "contract": "c", "by": "p", "at": "2026-01-01T00:00:00.000Z"}',
            "deal.wrong_field",
        ),
        (
            b'{"type": "oreloop.accepted/1", "contract": "C", "by": 4, "at": "2026-01-01", "body": {}}',
            "deal.wrong_field",
        ),
        (
            b'{"type": "oreloop.requested/1", "contract": "c", "by": "p", "at": "2026-01-01T00:00:00.000Z", "body": {"quantity_mg": 1.5}}',
            "deal.wrong_field",
        ),
        (
            b'{"type": "oreloop.accepted/1", "contract": "c", "by": "p", "at": "2026-01-01T00:00:00.000Z", "body": {"batch": "b", "x": 1.5}}',
            "base.not_canonical",
        ),
    ],
)
def test_line_that_is_no_event(line, code):
    with pytest.raises(BadInput) as caught:
        parse_events(b"\n" + line + b"\n", "events.jsonl")
    assert caught.value.code == code
    assert caught.value.problems[0].place.line == 2


@pytest.mark.parametrize(
    "body",
    [
        {"batch": "b", "certificate": "c", "values": []},
        {"batch": "b", "certificate": "c", "values": [{"analyte": "Fe"}]},
        {"batch": "b", "certificate": "c", "values": [{"analyte": "Fe", "value": "x", "unit": "ppm", "method": "m"}]},
    ],
)
def test_assay_without_readable_values_is_not_signed(body):
    document = {
        "type": "oreloop.assayed/1",
        "contract": "c",
        "by": "lab",
        "at": "2026-01-01T00:00:00.000Z",
        "body": body,
    }
    with pytest.raises(BadInput):
        sign_event(document, bytes(32))


def test_unknown_fields_are_kept_and_signed(offtake):
    event = offtake.event("accepted", "electrolyser-maker", "2026-06-01", batch="ir-lot-7", note="seal 4711")
    assert event.body["note"] == "seal 4711"
    assert b"seal 4711" in event.signed


@given(cut=st.integers(0, 12), order=st.randoms(use_true_random=False))
def test_fold_of_a_prefix_then_the_rest_is_fold_of_all(ordinary, cut, order):
    trade = ordinary
    events = sorted(trade.life(), key=lambda event: event.at)
    first = trade.fold(events[:cut])
    for event in events[cut:]:
        first = advance(first, event, trade.keys)
    shuffled = list(events)
    order.shuffle(shuffled)
    assert first == trade.fold(events) == trade.fold(shuffled)


@given(times=st.integers(2, 4), order=st.randoms(use_true_random=False))
def test_repeated_events_change_nothing(ordinary, times, order):
    trade = ordinary
    once = trade.life()
    events = once * times
    order.shuffle(events)
    assert trade.fold(events) == trade.fold(once)


def test_independent_evidence_commutes(offtake):
    agreed = offtake.fold(offtake.agreement())
    deposit = offtake.paid("refiner", 339_000_000, "b-1", "2026-02-09", kind="deposit_paid")
    lock = locked(offtake)
    one = advance(advance(agreed, deposit, offtake.keys), lock, offtake.keys)
    other = advance(advance(agreed, lock, offtake.keys), deposit, offtake.keys)
    assert one == other


def test_state_is_a_value(offtake):
    assert isinstance(offtake.fold([]), State)
    assert offtake.fold([]).name == "drafted"
