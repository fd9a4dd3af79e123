"""Properties of whole lives: nothing is lost, nothing is made, and every timeout ends."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from deal_traces import (
    ENDS,
    LATE,
    START,
    Drawn,
    check_conservation,
    check_end,
    contract,
    drawn,
    evidence,
    live,
    trace,
)

from oreloop.deal import fold_authentic
from oreloop.deal.authenticity import Authentic
from oreloop.deal.deadlines import lapsed
from oreloop.deal.evidence import match
from oreloop.deal.fold import take
from oreloop.deal.life import Life
from oreloop.deal.settlement import Settlement, settle_on
from oreloop.deal.state import State

SOME = 120


BLOCKS = 20
"""The million in parts, so that as many processes as there are can share it."""


@pytest.mark.slow
@pytest.mark.parametrize("block", range(BLOCKS))
def test_no_trace_loses_or_makes_money_or_metal(block, soak_count):
    length = soak_count(10_000, 1_000_000) // BLOCKS
    for number in range(block * length, (block + 1) * length):
        life = drawn(number)
        days = random.Random(-number).choice((30, 90, 250, 4000))
        settled = life.settle(at=START + timedelta(days=days))
        check_conservation(settled)
        if days == 4000:
            check_end(settled)


def test_traces_reach_every_end():
    names = [drawn(number).settle(drawn(number).closed()).name for number in range(SOME)]
    assert set(names) == ENDS
    assert names.count("closed") > SOME // 10


def test_every_prefix_ends_when_nobody_speaks_again():
    for number in range(40):
        life = drawn(number)
        for cut in range(len(life.events) + 1):
            settled = life.settle(life.events[:cut])
            check_conservation(settled)
            check_end(settled)


def test_end_does_not_change_any_more():
    for number in range(SOME):
        life = drawn(number)
        ends = [life.settle(at=LATE + timedelta(days=days)) for days in (0, 1000)]
        assert ends[0].name == ends[1].name
        assert ends[0].postings == ends[1].postings


def test_fold_of_a_prefix_then_the_rest_is_fold_of_all():
    for number in range(SOME):
        life = drawn(number)
        cut = random.Random(number).randrange(len(life.events) + 1)
        ordered = sorted(life.events, key=lambda event: event.at)
        state = live(life.contract, ordered[:cut])
        # The rest, taken by a life that was frozen and thawed between any two events.
        for event in ordered[cut:]:
            frozen = Life.of(state).frozen()
            assert frozen == state
            state = _one_more(frozen, event)
        assert state == live(life.contract, ordered)


def _one_more(state: State, event) -> State:
    thawed = Life.of(state)
    take(thawed, [event], Authentic(events=(event,)))
    return thawed.frozen()


def test_state_that_was_given_out_never_changes():
    for number in range(SOME):
        life = drawn(number)
        half = live(life.contract, life.events[: len(life.events) // 2])
        before = repr(half)
        for event in life.events:
            _one_more(half, event)
        assert repr(half) == before


def test_repeated_events_and_their_order_in_the_file_change_nothing():
    for number in range(SOME):
        life, draw = drawn(number), random.Random(number)
        strewn = life.events * 2
        draw.shuffle(strewn)
        assert live(life.contract, strewn).refused == live(life.contract, life.events).refused or _same_instants(life)


def _same_instants(life: Drawn) -> bool:
    """Events of one instant are taken as given, so that their order may matter."""
    instants = [event.at for event in life.events]
    return len(set(instants)) < len(instants)


def test_late_event_changes_nothing_but_the_list_of_refusals():
    late = 0
    for number in range(SOME):
        life = drawn(number)
        last = max((event.at for event in life.events), default=START) + timedelta(days=2000)
        everything = trace(life.contract, random.Random(number + 10**6))
        more = [event for event in everything if event.kind not in ("paid", "disputed", "returned", "cancelled")]
        strewn = [_moved(event, last) for event in more]
        before, after = life.settle(), life.settle([*life.events, *strewn])
        assert (before.name, before.postings, before.obligations) == (after.name, after.postings, after.obligations)
        late += len(after.state.refused) - len(before.state.refused)
    assert late > SOME


def _moved(event, at):
    return replace(event, at=at, id=f"late {event.id}", document=b"late " + event.document)


def test_final_is_independent_of_the_provisional_path():
    compared = 0
    for number in range(SOME):
        life = drawn(number)
        terms = life.contract.data.decode()
        if 'provisional_share = "0.8"' not in terms:
            continue
        without = type(life.contract).parse(
            terms.replace('provisional_share = "0.8"', 'provisional_share = "0"').encode(), "t"
        )
        state = live(life.contract, life.events)
        other = lapsed(replace(state, contract=without))
        one = life.settle()
        assert [each for each in one.invoices if each.final] == [
            each for each in settle_on(other, life.facts).invoices if each.final
        ]
        compared += 1
    assert compared > SOME // 10


def test_swapping_the_parties_mirrors_the_result():
    for number in range(60):
        names = {"buyer": "seller", "seller": "buyer"}
        one = contract(random.Random(number))
        other = contract(random.Random(number), buyer="seller", seller="buyer")
        settled = [_settled(each, number) for each in (one, other)]
        mirrored = {(_renamed(name, names), asset): balance for (name, asset), balance in settled[0].balances.items()}
        assert mirrored == dict(settled[1].balances)
        assert settled[0].name == settled[1].name
        owed = sorted(
            (each.code, names.get(each.party, each.party), each.amount_minor) for each in settled[0].obligations
        )
        assert owed == sorted((each.code, each.party, each.amount_minor) for each in settled[1].obligations)


def _settled(of, number: int) -> Settlement:
    facts = match(State(contract=of, at=LATE), evidence(of, random.Random(number)))
    return Drawn(contract=of, events=trace(of, random.Random(number)), facts=facts).settle()


def _renamed(name: str, names: dict[str, str]) -> str:
    party, slash, rest = name.partition("/")
    return names.get(party, party) + slash + rest


def test_independent_evidence_commutes():
    """What is said of one batch does not depend on what is said of another at another time of the same days."""
    for number in range(SOME):
        life = drawn(number)
        if not life.contract.clauses.delivery.partial or any(event.body.get("batch") == "*" for event in life.events):
            continue
        about = {batch: [e for e in life.events if e.body.get("batch") in (None, batch)] for batch in ("b1", "b2")}
        if any(event.body.get("replaces") for event in life.events):
            continue
        whole = live(life.contract, life.events)
        for batch, events in about.items():
            assert live(life.contract, events).batches.get(batch) == whole.batches.get(batch)


def test_events_of_other_contracts_and_later_ones_are_left_out():
    life = drawn(1)
    checked = Authentic(events=tuple(life.events))
    assert fold_authentic(drawn(2).contract, checked, START - timedelta(days=1)).seen == frozenset()
