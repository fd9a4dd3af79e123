"""The rules of the double entry, on values and on random histories."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from oreloop.base.errors import BadInput
from oreloop.base.texts import LANGUAGES, render
from oreloop.ledger import INTEGER_MAX, Account, Kind, Ledger, Result, Transfer

CREATED = Result.CREATED


def opened() -> Ledger:
    ledger = Ledger()
    results = ledger.open(
        [
            Account(id=1, asset="CNY fen"),
            Account(id=2, asset="CNY fen", debits_must_not_exceed_credits=True),
            Account(id=3, asset="CNY fen", credits_must_not_exceed_debits=True),
            Account(id=4, asset="CNY fen"),
        ]
    )
    assert results == (CREATED,) * 4
    return ledger


def pay(number, debit, credit, amount, **more):
    return Transfer(id=number, debit=debit, credit=credit, amount=amount, asset="CNY fen", **more)


def test_a_bounded_account_pays_no_more_than_it_received():
    ledger = opened()
    assert ledger.apply([pay(1, 1, 2, 10), pay(2, 2, 1, 11), pay(3, 2, 1, 10)]) == (
        CREATED,
        Result.EXCEEDS_CREDITS,
        CREATED,
    )


def test_pending_amounts_are_already_reserved():
    ledger = opened()
    results = ledger.apply([pay(1, 1, 2, 10), pay(2, 2, 1, 8, kind=Kind.PENDING), pay(3, 2, 1, 3)])
    assert results == (CREATED, CREATED, Result.EXCEEDS_CREDITS)


def test_a_partial_post_releases_the_rest():
    ledger = opened()
    ledger.apply([pay(1, 1, 4, 10, kind=Kind.PENDING)])
    assert ledger.apply([Transfer(id=2, pending_id=1, amount=4, kind=Kind.POST_PENDING)]) == (CREATED,)
    held = ledger.balance(4)
    assert held is not None
    assert (held.credits_pending, held.credits_posted) == (0, 4)
    assert ledger.transfer(2) == pay(2, 1, 4, 4, kind=Kind.POST_PENDING, pending_id=1)


def test_the_same_transfer_sent_twice_moves_once():
    ledger = opened()
    entry = pay(1, 1, 4, 10)
    assert ledger.apply([entry, entry]) == (CREATED, Result.EXISTS)
    assert ledger.apply([replace(entry, amount=11)]) == (Result.EXISTS_WITH_DIFFERENT_AMOUNT,)


def test_a_chain_with_one_refused_transfer_leaves_no_trace():
    ledger = opened()
    ledger.apply([pay(1, 1, 2, 10), pay(2, 1, 4, 5, kind=Kind.PENDING)])
    before = ledger.balances()
    chain = [
        pay(10, 4, 1, 3, linked=True),
        Transfer(id=11, pending_id=2, kind=Kind.VOID_PENDING, linked=True),
        pay(12, 2, 1, 99, linked=True),
        pay(13, 4, 1, 1),
    ]
    failed = Result.LINKED_EVENT_FAILED
    assert ledger.apply(chain) == (failed, failed, Result.EXCEEDS_CREDITS, failed)
    assert ledger.balances() == before
    assert ledger.transfer(10) is None
    assert ledger.apply([Transfer(id=14, pending_id=2, kind=Kind.VOID_PENDING)]) == (CREATED,)


def test_a_chain_of_accounts_is_opened_as_a_whole():
    ledger = Ledger()
    results = ledger.open([Account(id=1, asset="Ir mg", linked=True), Account(id=2, asset="")])
    assert results == (Result.LINKED_EVENT_FAILED, Result.LEDGER_MUST_NOT_BE_ZERO)
    assert ledger.balances() == ()
    assert ledger.balance(1) is None


def test_metal_and_money_never_meet_in_one_transfer():
    ledger = opened()
    ledger.open([Account(id=9, asset="Ir mg")])
    assert ledger.apply([pay(1, 1, 9, 1)]) == (Result.ACCOUNTS_MUST_HAVE_THE_SAME_LEDGER,)


def test_nothing_grows_beyond_128_bits():
    ledger = opened()
    assert ledger.apply([pay(1, 1, 4, INTEGER_MAX), pay(2, 1, 3, 1)]) == (CREATED, Result.OVERFLOWS_DEBITS_POSTED)
    with pytest.raises(BadInput) as refused:
        pay(3, 1, 4, INTEGER_MAX + 1)
    assert refused.value.code == "ledger.out_of_range"
    assert all(render(refused.value.problems[0], language) for language in LANGUAGES)
    with pytest.raises(BadInput):
        Account(id=-1, asset="Ir mg")


transfers = st.lists(
    st.builds(
        Transfer,
        id=st.integers(1, 30),
        debit=st.integers(0, 5),
        credit=st.integers(0, 5),
        amount=st.one_of(st.integers(0, 20), st.just(INTEGER_MAX)),
        asset=st.sampled_from(["CNY fen", "CNY fen", "CNY fen", ""]),
        kind=st.sampled_from(Kind),
        pending_id=st.sampled_from([0, 0, 1, 2, 3, 4, 5, 6]),
        linked=st.booleans(),
    ),
    max_size=40,
)


@given(transfers)
def test_debits_equal_credits_and_bounds_hold_whatever_is_sent(history):
    ledger = opened()
    for entry in history:
        ledger.apply([entry])
    ledger.apply(history)
    held = ledger.balances()
    assert sum(each.debits_posted for each in held) == sum(each.credits_posted for each in held)
    assert sum(each.debits_pending for each in held) == sum(each.credits_pending for each in held)
    assert held[1].debits_posted + held[1].debits_pending <= held[1].credits_posted
    assert held[2].credits_posted + held[2].credits_pending <= held[2].debits_posted


@given(transfers)
def test_sending_everything_again_changes_nothing(history):
    ledger = opened()
    loose = [replace(entry, linked=False) for entry in history]
    first = ledger.apply(loose)
    before = ledger.balances()
    sent_again = [entry for entry, result in zip(loose, first, strict=True) if result in (CREATED, Result.EXISTS)]
    assert set(ledger.apply(sent_again)) <= {Result.EXISTS}
    assert ledger.balances() == before


@given(transfers)
def test_a_failed_chain_is_as_if_it_was_never_sent(history):
    ledger = opened()
    ledger.apply([replace(entry, linked=False) for entry in history[:10]])
    before = ledger.balances()
    results = ledger.apply([replace(entry, linked=True) for entry in history])
    assert CREATED not in results
    assert ledger.balances() == before
