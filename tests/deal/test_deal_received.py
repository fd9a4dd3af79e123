"""Quotes that come signed: whose they are, whether they are in time, and which correct which."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import pytest
from tender_trade import AT, REQUEST, give, quote

from oreloop.base.errors import BadInput
from oreloop.base.texts import LANGUAGES, label
from oreloop.deal import parse_events, public_key, sign_event
from oreloop.deal.tender import received

SEEDS = {name: name.encode().ljust(32, b".") for name in ("alpha", "beta", "gamma", "stranger")}
KEYS = {name: public_key(seed) for name, seed in SEEDS.items() if name != "stranger"}
DUE = replace(REQUEST, answer_by=date(2026, 1, 25))
BODY = {
    "request": DUE.digest, "kind": "index", "series": "Ir", "month": 0, "premium": "60", "unit": "USD/ozt",
    "basis": "contained", "payable_share": "1", "tax": "excluded", "tax_rate": "0.13", "incoterm": "DAP",
    "quantity": "10 kg", "from": "2026-05-01", "to": "2026-05-31", "valid_to": "2026-02-28", "payment_days": 0,
}  # fmt: skip


def say(by="alpha", day="2026-01-20", signer=None, **changes):
    body = {name: value for name, value in (BODY | changes).items() if value is not None}
    document = {
        "type": "oreloop.quoted/1",
        "contract": "request-1",
        "at": f"{day}T08:00:00.000Z",
        "by": by,
        "body": body,
    }
    [event] = parse_events(sign_event(document, SEEDS[signer or by]), "quotes.jsonl")
    return event


def take(*events, at=AT):
    return received(events, KEYS, requests={DUE.digest}, at=at)


def judge(*events, typed=()):
    found = take(*events)
    made = give(*typed, *found.quotes, request=DUE, refused=found.refused)
    return [each.quote.id for each in made.ranked], {each.quote.id: each.rule for each in made.excluded}


def test_a_signed_quote_is_its_senders_of_its_day():
    [read] = take(say()).quotes
    assert (read.seller, read.quoted_on, read.rule.premium) == ("alpha", date(2026, 1, 20), 60)


def test_a_signed_quote_counts_beside_a_typed_one():
    typed = quote("beta", 4200, request=DUE.digest, quoted_on=date(2026, 1, 22))
    event = say()
    assert judge(event, typed=[typed]) == ([typed.id, event.id], {})


def test_the_same_event_twice_is_one_quote_and_other_events_are_none():
    other = say(request="0" * 64)
    event = say()
    assert [each.id for each in take(event, event, other).quotes] == [event.id]


@pytest.mark.parametrize(("event", "rule"), [(say(signer="beta"), "wrong_signature"), (say(by="stranger"), "no_key")])
def test_a_quote_that_its_sender_did_not_sign_is_shown_and_not_compared(event, rule):
    assert judge(event) == ([], {event.id: rule})
    assert all(label(f"deal.excluded.{rule}", language) for language in LANGUAGES)


def test_what_comes_after_the_last_day_is_shown_as_late():
    in_time, late = say(day="2026-01-25"), say(by="beta", day="2026-01-26")
    assert judge(in_time, late) == ([in_time.id], {late.id: "late"})
    undated = quote("gamma", 1, request=DUE.digest)
    assert judge(in_time, typed=[undated]) == ([in_time.id], {undated.id: "late"})


def test_what_comes_after_the_award_is_not_known_yet():
    assert take(say(day="2026-02-02")).quotes == ()
    assert take(say(day="2026-02-02"), at=date(2026, 2, 2)).quotes != ()


def test_a_correction_takes_the_place_of_the_same_sellers_quote_only():
    first, other = say(), say(by="beta", premium="90")
    mended = say(day="2026-01-22", premium="40", replaces=first.id)
    assert judge(first, other, mended) == ([mended.id, other.id], {first.id: "superseded"})
    again = say(day="2026-01-23", premium="50", replaces=mended.id)
    assert judge(again, mended, first)[0] == [again.id]
    stolen = say(by="gamma", premium="10", replaces=other.id)
    assert judge(first, other, stolen)[1] == {stolen.id: "correction"}
    lost = say(replaces="f" * 64)
    assert judge(lost) == ([], {lost.id: "correction"})


def test_a_late_or_forged_correction_corrects_nothing():
    first = say()
    late = say(day="2026-01-28", premium="1", replaces=first.id)
    assert judge(first, late) == ([first.id], {late.id: "late"})
    forged = say(day="2026-01-21", premium="1", replaces=first.id, signer="beta")
    assert judge(first, forged) == ([first.id], {forged.id: "wrong_signature"})


def test_a_typed_quote_can_be_corrected_by_a_signed_one():
    typed = quote("alpha", 4400, request=DUE.digest, quoted_on=date(2026, 1, 16))
    mended = say(replaces=typed.id)
    assert judge(mended, typed=[typed]) == ([mended.id], {typed.id: "superseded"})


def test_a_signed_quote_that_says_too_little_is_told_and_stops_nobody():
    good, poor = say(), say(by="beta", incoterm=None)
    found = take(good, poor)
    assert [each.id for each in found.quotes] == [good.id]
    assert [(each.code, each.place.column) for each in found.unread] == [("deal.missing_term", "body.incoterm")]
    assert take(say(by="beta", quoted_on="2026-01-01")).unread[0].code == "deal.unknown_term"


def test_a_fixed_quote_states_a_price_and_one_on_a_series_the_series():
    assert take(say(kind=None, series=None, month=None, premium=None, price="4300")).quotes
    for missing in ("series", "month", "premium"):
        with pytest.raises(BadInput) as caught:
            say(**{missing: None})
        assert caught.value.code == "deal.wrong_field"
    with pytest.raises(BadInput):
        say(month=True)
    with pytest.raises(BadInput):
        say(kind="fixed")


def test_the_last_day_for_quotes_is_part_of_the_request():
    assert json.loads(DUE.data)["answer_by"] == "2026-01-25"
    assert "answer_by" not in json.loads(REQUEST.data)
    assert DUE.digest != REQUEST.digest
