"""What follows when a contract does not go as agreed: silence, default, dispute, rejection, claims on high-purity metal."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pytest

from oreloop.base.errors import BadInput
from oreloop.base.instant import instant
from oreloop.base.texts import render
from oreloop.deal.rules import SENDERS, senders

DEFAULT = """
[default]
grace_days = 5
answer_days = 10
silence = "accepted"
buyer = "forfeited"
seller = "doubled"
"""
DISPUTE = """
[dispute]
arbiter = "publisher"
days = 30
default = "accept"
"""
REJECTION = """
[rejection]
return_days = 10
replace_days = 40
"""
LOT = "ir-lot-7"


def codes(state):
    return [each.code for each in state.refused]


def owed(settled):
    return [(each.code, each.party, str(each.due)) for each in settled.obligations]


def ready(trade):
    """Agreed, deposit received, capacity locked."""
    locked = {"quantity_mg": 12_000_000, "from": "2026-03-01", "to": "2026-05-31"}
    return [
        *trade.agreement(),
        trade.event("capacity_locked", "refiner", "2026-02-08", **locked),
        trade.paid("refiner", 339_000_000, "b-1", "2026-02-09", kind="deposit_paid"),
    ]


def added(trade, *clauses):
    return trade.change("[payment]", "\n".join(clauses) + "\n[payment]")


@pytest.fixture
def timed(offtake):
    return added(offtake, DEFAULT)


@pytest.fixture
def disputed(offtake):
    return added(offtake, DISPUTE)


@pytest.fixture
def contested(offtake):
    """With a referee laboratory, and 15 days to contest a certificate."""
    return offtake.change('action = "reject"', 'action = "reject"\nreferee = "publisher"\nclaim_days = 15')


def assayed(trade, value="1", day="2026-05-22"):
    trade.facts["assays"][LOT][0]["value"] = value
    values = trade.facts["assays"][LOT]
    delivered = trade.event("delivered", "refiner", "2026-05-20", batch=LOT, event=f"rec-{LOT}")
    return [delivered, trade.event("assayed", "lab", day, batch=LOT, certificate="c", values=values)]


# --- deadlines


def test_offer_that_nobody_signs_lapses(timed):
    assert timed.settle([], at="2026-06-05").name == "drafted"
    assert timed.settle([], at="2026-06-06").name == "cancelled"
    late = timed.agreement("2026-06-06")
    assert codes(timed.fold(late)) == ["deal.not_now"] * 2


def test_deposit_that_is_missing_ends_the_contract_on_the_buyer(timed):
    settled = timed.settle(timed.agreement(), at="2026-02-17")
    assert (settled.name, settled.state.breach.party, settled.state.breach.last) == (
        "default",
        "electrolyser-maker",
        date(2026, 2, 16),
    )
    assert settled.obligations == ()
    late = timed.paid("refiner", 339_000_000, "b-1", "2026-02-17", kind="deposit_paid")
    assert codes(timed.fold([*timed.agreement(), late])) == ["deal.not_now"]
    assert timed.fold([*timed.agreement(), late]).refused[0].fields["state"] == "default"


def test_buyer_in_default_forfeits_the_deposit(timed):
    partial = timed.paid("refiner", 1_000_000, "b-1", "2026-02-09", kind="deposit_paid")
    settled = timed.settle([*timed.agreement(), partial])
    assert (settled.name, settled.money.held, settled.money.open) == ("default", 0, 0)
    (posting,) = [each for each in settled.postings if each.clause == "default"]
    assert (posting.amount, posting.formula) == (1_000_000, "deposit - min(deposit, earned)")
    returned = timed.change('buyer = "forfeited"', 'buyer = "returned"')
    settled = returned.settle([*returned.agreement(), _again(returned, partial)])
    assert owed(settled) == [("deal.refund_deposit", "refiner", "2026-06-10")]
    assert settled.money.held == 1_000_000


def _again(trade, event):
    return trade.paid(event.by, event.body["amount_minor"], event.body["reference"], str(event.at.date()), event.kind)


def test_seller_who_does_not_deliver_returns_the_deposit_twice(timed):
    before = timed.settle(ready(timed), at="2026-06-05")
    assert before.name == "deposit_paid"
    settled = timed.settle(ready(timed), at="2026-06-06")
    assert settled.name == "default"
    back = {each.code: each.amount_minor for each in settled.obligations}
    assert back["deal.pay"] + back["deal.refund_deposit"] == 2 * 339_000_000
    once = timed.change('seller = "doubled"', 'seller = "returned"')
    settled = once.settle(ready(once), at="2026-06-06")
    assert settled.money.held == 339_000_000
    assert "deal.pay" not in {each.code for each in settled.obligations}
    returned = once.paid("electrolyser-maker", 339_000_000, "b-9", "2026-06-10")
    assert once.settle([*ready(once), returned]).money.held == 0


def test_delivery_after_its_last_day_and_grace_is_refused(timed):
    late = timed.event("delivered", "refiner", "2026-06-06", batch=LOT, event="e")
    state = timed.fold([*ready(timed), late])
    assert codes(state) == ["deal.too_late"]
    assert "2026-06-05" in render(state.refused[0], "en")
    in_time = timed.event("delivered", "refiner", "2026-06-05", batch=LOT, event="e")
    assert codes(timed.fold([*ready(timed), in_time])) == []


@pytest.mark.parametrize(("silence", "stage"), [("accepted", "accepted"), ("rejected", "rejected")])
def test_batch_on_which_nobody_speaks_is_decided_by_silence(offtake, silence, stage):
    trade = added(offtake, DEFAULT.replace('silence = "accepted"', f'silence = "{silence}"'))
    events = [*ready(trade), *assayed(trade)]
    assert trade.settle(events, at="2026-06-06").state.batches[LOT].stage == "assayed"
    batch = trade.settle(events, at="2026-06-07").state.batches[LOT]
    assert (batch.stage, batch.decided_at.date()) == (stage, date(2026, 6, 6))
    late = trade.event("accepted", "electrolyser-maker", "2026-06-07", batch=LOT)
    assert codes(trade.fold([*events, late])) == ["deal.not_now"]


def test_what_has_no_day_of_its_own_gets_one(timed, offtake):
    events = [*ready(timed), *assayed(timed)[:1]]
    assert ("deal.assay", "lab", "2026-05-30") in owed(timed.settle(events, at="2026-05-21"))
    plain = [*ready(offtake), *assayed(offtake)[:1]]
    assert ("deal.assay", "lab", "None") in owed(offtake.settle(plain, at="2026-05-21"))


def test_payment_after_its_grace_puts_into_default_until_it_is_made(timed):
    two = [event for batch in timed.facts["accepted"] for event in timed.delivery(batch)]
    events = [*ready(timed), *two]
    settled = timed.settle(events)
    assert settled.name == "default"
    paid = timed.paid("refiner", settled.money.open, "b-2", "2026-12-30")
    assert timed.settle([*events, paid]).name == "closed"


def test_deposit_clause_must_say_what_becomes_of_it(timed):
    with pytest.raises(BadInput) as caught:
        timed.change('buyer = "forfeited"\n', "").contract  # noqa: B018
    assert (caught.value.code, caught.value.problems[0].fields["got"]) == ("deal.missing_term", "default.buyer")


# --- disputes


def dispute(trade, batch=LOT, by="electrolyser-maker", day="2026-05-25"):
    return trade.event("disputed", by, day, batch=batch, reason="weight")


def decide(trade, outcome, batch=LOT, day="2026-06-10", **share):
    return trade.event("decided", "publisher", day, batch=batch, outcome=outcome, **share)


def test_dispute_stops_payment_until_it_is_decided(disputed):
    life = [*ready(disputed), *disputed.delivery(LOT)]
    before = disputed.settle(life, at="2026-05-28")
    said = dispute(disputed, day="2026-05-28")
    during = disputed.settle([*life, said], at="2026-05-29")
    assert "deal.pay" in [each.code for each in before.obligations]
    assert "deal.pay" not in [each.code for each in during.obligations]
    assert ("deal.decide", "publisher", "2026-06-27") in owed(during)
    assert during.name == "disputed"
    assert disputed.settle([*life, said, decide(disputed, "accept")]).money == disputed.settle(life).money


def test_arbiter_may_accept_reject_or_share(disputed):
    life = [*ready(disputed), *disputed.delivery(LOT), dispute(disputed, day="2026-05-28")]
    full = disputed.settle([*life, decide(disputed, "accept")]).invoices[0].amount_minor
    shared = disputed.settle([*life, decide(disputed, "share", share="0.7")]).invoices[0]
    assert shared.lines[-1].clause == "dispute"
    assert abs(shared.amount_minor - Fraction(7, 10) * full) <= 1
    rejected = disputed.settle([*life, decide(disputed, "reject")])
    assert (rejected.invoices, rejected.state.batches[LOT].stage) == ((), "rejected")


def test_dispute_that_nobody_decides_counts_as_the_contract_says(disputed):
    life = [*ready(disputed), *assayed(disputed), dispute(disputed)]
    assert disputed.settle(life, at="2026-06-24").name == "disputed"
    batch = disputed.settle(life, at="2026-06-25").state.batches[LOT]
    assert (batch.stage, batch.decided_at.date()) == ("accepted", date(2026, 6, 24))
    share = disputed.change('default = "accept"', 'default = "share"\nshare = "0.5"')
    settled = share.settle([*ready(share), *assayed(share), dispute(share)], at="2026-07-01")
    assert settled.invoices[0].lines[-1].inputs["share"] == Fraction(1, 2)
    late = decide(disputed, "reject", day="2026-06-25")
    assert codes(disputed.fold([*life, late])) == ["deal.decided_before"]


def test_what_is_disputed_is_neither_accepted_nor_disputed_again(disputed):
    accepted = disputed.event("accepted", "electrolyser-maker", "2026-05-26", batch=LOT)
    again = dispute(disputed, by="refiner", day="2026-05-27")
    state = disputed.fold([*ready(disputed), *assayed(disputed), dispute(disputed), accepted, again])
    assert codes(state) == ["deal.in_dispute", "deal.in_dispute"]
    done = [*ready(disputed), *assayed(disputed), dispute(disputed), decide(disputed, "accept")]
    after = [dispute(disputed, day="2026-06-11"), decide(disputed, "reject", day="2026-06-12")]
    assert codes(disputed.fold([*done, *after])) == ["deal.decided_before", "deal.decided_before"]


def test_whole_contract_in_dispute_covers_every_batch(disputed):
    whole = dispute(disputed, "*")
    events = [*ready(disputed), *assayed(disputed), whole]
    settled = disputed.settle(events, at="2026-05-27")
    assert ("deal.decide", "publisher", "2026-06-24") in owed(settled)
    accepted = disputed.event("accepted", "electrolyser-maker", "2026-05-26", batch=LOT)
    assert codes(disputed.fold([*events, accepted])) == ["deal.in_dispute"]
    settled = disputed.settle([*events, decide(disputed, "share", "*", share="0.9")])
    assert settled.state.batches[LOT].stage == "accepted"
    assert settled.invoices[0].lines[-1].inputs["share"] == Fraction(9, 10)
    second = disputed.event("delivered", "refiner", "2026-06-11", batch="ir-lot-8", event="e")
    later = disputed.fold([*events, decide(disputed, "reject", "*"), second])
    assert {name: batch.stage for name, batch in later.batches.items()} == {LOT: "rejected", "ir-lot-8": "delivered"}


@pytest.mark.parametrize(
    ("events", "code"),
    [
        (lambda trade: [dispute(trade, "unknown")], "deal.not_now"),
        (lambda trade: [decide(trade, "accept")], "deal.not_disputed"),
        (lambda trade: [dispute(trade), decide(trade, "share")], "deal.no_share"),
    ],
)
def test_dispute_that_cannot_be(disputed, events, code):
    assert codes(disputed.fold([*ready(disputed), *assayed(disputed), *events(disputed)])) == [code]


def test_without_a_clause_there_is_no_dispute(offtake):
    assert codes(offtake.fold([*ready(offtake), *assayed(offtake), dispute(offtake)])) == ["deal.no_clause"]
    assert codes(offtake.fold([*ready(offtake), decide(offtake, "accept")])) == ["deal.not_theirs"]


def test_arbiter_and_referee_are_independent(disputed, contested):
    for trade, old, clause in ((disputed, "arbiter", "dispute"), (contested, "referee", "quality")):
        with pytest.raises(BadInput) as caught:
            trade.change(f'{old} = "publisher"', f'{old} = "refiner"').contract  # noqa: B018
        assert caught.value.code == "deal.not_independent"
        assert caught.value.problems[0].fields["clause"] == clause


# --- rejection, return, replacement, partial delivery


def rejected(trade):
    return trade.event("rejected", "electrolyser-maker", "2026-05-25", batch=LOT, reason="Fe")


def test_rejected_batch_is_held_until_it_is_back(offtake):
    trade = added(offtake, REJECTION)
    events = [*ready(trade), *assayed(trade, "40"), rejected(trade)]
    settled = trade.settle(events, at="2026-05-26")
    assert ("deal.return_batch", "electrolyser-maker", "2026-06-04") in owed(settled)
    assert settled.balances["held", "Ir"] == settled.facts.final[LOT].contained_mg["Ir"]
    back = trade.event("returned", "refiner", "2026-06-01", batch=LOT)
    settled = trade.settle([*events, back])
    assert (settled.balances["held", "Ir"], settled.state.batches[LOT].stage) == (0, "returned")
    assert "deal.return_batch" not in [each.code for each in settled.obligations]
    assert codes(offtake.fold([*ready(offtake), *assayed(offtake, "40"), rejected(offtake), back])) != []


def test_rejected_batch_may_be_replaced_after_the_window(offtake):
    trade = added(offtake, REJECTION, DEFAULT)
    events = [*ready(trade), *assayed(trade, "40"), rejected(trade)]
    assert ("deal.deliver", "refiner", "2026-07-04") in owed(trade.settle(events, at="2026-05-26"))
    said = {"batch": "ir-lot-8", "event": "rec-ir-lot-8", "replaces": LOT}
    new = trade.event("delivered", "refiner", "2026-06-20", **said)
    state = trade.fold([*events, new])
    assert (codes(state), state.batches[LOT].replaced_by) == ([], "ir-lot-8")
    assert codes(trade.fold([*events, trade.event("delivered", "refiner", "2026-07-10", **said)])) == ["deal.too_late"]
    plain = trade.event("delivered", "refiner", "2026-06-20", batch="ir-lot-8", event="rec-ir-lot-8")
    assert codes(trade.fold([*events, plain])) == ["deal.too_late"]


def test_replacement_in_its_time_is_not_late(offtake):
    trade = added(offtake, REJECTION)
    base = [*ready(trade), *assayed(trade, "40"), rejected(trade)]

    def clauses(**replaces):
        new = trade.event("delivered", "refiner", "2026-06-05", batch="ir-lot-8", event="e", **replaces)
        rest = trade.delivery("ir-lot-8")[1:]
        settled = trade.settle([*base, new, *rest])
        return [line.clause for invoice in settled.invoices for line in invoice.lines]

    assert "late" in clauses()
    assert "late" not in clauses(replaces=LOT)


@pytest.mark.parametrize("old", ["unknown", LOT])
def test_only_a_rejected_batch_is_replaced(offtake, old):
    trade = added(offtake, REJECTION)
    new = trade.event("delivered", "refiner", "2026-05-30", batch="ir-lot-8", event="e", replaces=old)
    assert codes(trade.fold([*ready(trade), *assayed(trade), new])) == ["deal.nothing_to_replace"]
    plain = offtake.event("delivered", "refiner", "2026-05-30", batch="ir-lot-8", event="e", replaces=old)
    assert codes(offtake.fold([*ready(offtake), *assayed(offtake), plain])) == ["deal.no_clause"]


def test_return_needs_a_clause(offtake):
    back = offtake.event("returned", "refiner", "2026-06-01", batch=LOT)
    assert codes(offtake.fold([*ready(offtake), *assayed(offtake, "40"), rejected(offtake), back])) == [
        "deal.no_clause"
    ]


def test_where_partial_delivery_is_not_allowed_one_batch_is_all(offtake):
    trade = offtake.change("to = 2026-05-31", "to = 2026-05-31\npartial = false")
    second = trade.event("delivered", "refiner", "2026-05-30", batch="ir-lot-8", event="e")
    assert codes(trade.fold([*ready(trade), *assayed(trade), second])) == ["deal.one_delivery"]
    settled = trade.settle([*ready(trade), *assayed(trade)])
    assert "deal.part_delivered" in [each.code for each in settled.warnings]
    after = trade.fold([*ready(trade), *assayed(trade, "40"), rejected(trade), second])
    assert codes(after) == []


# --- high-purity metal


def sample(trade, day="2026-05-21"):
    return trade.event("sample_retained", "lab", day, batch=LOT, sample="seal-4711")


def claim(trade, day="2026-05-30", analyte="Fe"):
    return trade.event("claimed", "electrolyser-maker", day, batch=LOT, analyte=analyte)


def refereed(trade, value, day="2026-06-05"):
    values = [{"analyte": "Fe", "value": value, "unit": "ppm", "method": "GDMS"}]
    return trade.event("refereed", "publisher", day, batch=LOT, certificate="r-1", values=values)


@pytest.mark.parametrize(("value", "accepts"), [("1.9", True), ("9", False)])
def test_referee_has_the_last_word(contested, value, accepts):
    trade = contested
    events = [*ready(trade), *assayed(trade), sample(trade), claim(trade), refereed(trade, value)]
    state = trade.fold(events)
    assert (codes(state), state.name) == ([], "refereed")
    assert {reading.analyte for reading in state.batches[LOT].assay.readings} == {"Fe", "Na", "Pt"}
    reject = trade.event("rejected", "electrolyser-maker", "2026-06-08", batch=LOT, reason="Fe")
    assert (trade.fold([*events, reject]).name == "rejected") is not accepts
    accept = trade.event("accepted", "electrolyser-maker", "2026-06-08", batch=LOT)
    assert trade.fold([*events, accept]).name == "accepted"


def test_downgrade_follows_the_referee(contested):
    trade = contested.change('action = "reject"', 'action = "downgrade"\ndeduction_share = "0.02"')
    accept = trade.event("accepted", "electrolyser-maker", "2026-06-08", batch=LOT)
    for value, downgraded in (("1", False), ("9", True)):
        life = [*ready(trade), *assayed(trade), sample(trade), claim(trade), refereed(trade, value), accept]
        lines = [line.clause for line in trade.settle(life).invoices[0].lines]
        assert ("quality" in lines) is downgraded


def test_while_a_claim_is_open_the_referee_is_due(contested):
    trade = added(contested, DEFAULT)
    events = [*ready(trade), *assayed(trade), sample(trade), claim(trade)]
    assert ("deal.referee", "publisher", "2026-06-09") in owed(trade.settle(events, at="2026-06-01"))
    accept = trade.event("accepted", "electrolyser-maker", "2026-06-02", batch=LOT)
    assert codes(trade.fold([*events, accept])) == ["deal.not_now"]


@pytest.mark.parametrize(
    ("events", "code"),
    [
        (lambda trade: [claim(trade)], "deal.no_sample"),
        (lambda trade: [sample(trade), claim(trade, analyte="Rh")], "deal.no_limit"),
        (lambda trade: [sample(trade), claim(trade, "2026-06-07")], "deal.too_late"),
        (lambda trade: [sample(trade), sample(trade, "2026-05-22T09:00:00.000Z")], "deal.sample_before"),
        (lambda trade: [sample(trade), refereed(trade, "1")], "deal.not_now"),
    ],
)
def test_claim_that_cannot_be(contested, events, code):
    assert codes(contested.fold([*ready(contested), *assayed(contested), *events(contested)])) == [code]


def test_without_a_referee_there_is_no_claim(offtake):
    events = [*ready(offtake), *assayed(offtake), sample(offtake), claim(offtake), refereed(offtake, "1")]
    assert codes(offtake.fold(events)) == ["deal.no_clause", "deal.no_clause", "deal.not_theirs"]


# --- who may say what


def test_every_event_has_a_holder_in_a_contract_with_all_clauses(contested):
    trade = added(contested, DEFAULT, DISPUTE, REJECTION)
    allowed = senders(trade.contract)
    expected = {
        "sample_retained": {"lab"},
        "claimed": {"electrolyser-maker"},
        "refereed": {"publisher"},
        "returned": {"refiner"},
        "disputed": {"electrolyser-maker", "refiner"},
        "decided": {"publisher"},
        "accepted": {"electrolyser-maker"},
        "deposit_paid": {"refiner"},
    }
    assert {kind: set(allowed[kind]) for kind in expected} == expected
    assert set(allowed) == set(SENDERS)


@pytest.mark.parametrize("kind", ["sample_retained", "claimed", "refereed", "returned", "disputed", "decided"])
def test_stranger_may_say_nothing(contested, kind):
    trade = added(contested, DISPUTE, REJECTION)
    bodies = {
        "sample_retained": {"sample": "s"},
        "claimed": {"analyte": "Fe"},
        "refereed": {"certificate": "c", "values": trade.facts["assays"][LOT]},
        "returned": {},
        "disputed": {"reason": "r"},
        "decided": {"outcome": "accept"},
    }
    said = trade.event(kind, "stranger", "2026-05-28", batch=LOT, **bodies[kind])
    state = trade.fold([*ready(trade), *assayed(trade), said])
    assert codes(state) == ["deal.not_theirs"]
    assert state.refused[0].fields["state"] == "assayed"


@pytest.mark.parametrize(
    "body", [{"batch": "*", "outcome": "perhaps"}, {"batch": "*", "outcome": "share", "share": "2"}, {"batch": "A b"}]
)
def test_decision_that_is_none_is_not_signed(disputed, body):
    with pytest.raises(BadInput) as caught:
        disputed.event("decided", "publisher", "2026-06-10", **body)
    assert caught.value.code == "deal.wrong_field"


def test_instant_of_the_settlement_decides_not_the_last_event(timed):
    early = timed.settle(ready(timed), at="2026-06-05")
    late = timed.settle(ready(timed), at="2026-06-06")
    assert early.state.seen == late.state.seen
    assert instant("2026-06-06") == late.state.at
