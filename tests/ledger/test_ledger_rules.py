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


SECOND = 10**9


def test_what_is_reserved_for_a_time_is_released_when_it_is_over():
    ledger = opened()
    ledger.apply([pay(1, 1, 4, 10, kind=Kind.PENDING, timeout_s=60), pay(2, 1, 4, 5, kind=Kind.PENDING)], at_ns=SECOND)
    assert ledger.expire(60 * SECOND) == ()
    assert ledger.expire(61 * SECOND) == (1,)
    assert ledger.balance(4).credits_pending == 5
    late = Transfer(id=3, pending_id=1, amount=INTEGER_MAX, kind=Kind.POST_PENDING)
    assert ledger.apply([late]) == (Result.PENDING_TRANSFER_EXPIRED,)
    assert ledger.expire(2**63 - 1) == ()


def test_time_does_not_go_back():
    ledger = opened()
    ledger.expire(5)
    with pytest.raises(BadInput) as refused:
        ledger.apply([pay(1, 1, 4, 1)], at_ns=4)
    assert refused.value.code == "ledger.time_goes_back"
    assert all(render(refused.value.problems[0], language) for language in LANGUAGES)
    assert ledger.transfer(1) is None
    with pytest.raises(BadInput):
        ledger.expire(2**63)


def test_a_balancing_transfer_moves_no_more_than_is_left():
    ledger = opened()
    ledger.apply([pay(1, 1, 2, 10), pay(2, 2, 4, 3, kind=Kind.PENDING)])
    sweep = pay(3, 2, 1, INTEGER_MAX, balancing_debit=True)
    assert ledger.apply([sweep]) == (CREATED,)
    assert ledger.transfer(3).amount == 7
    assert ledger.apply([sweep, replace(sweep, amount=6)]) == (Result.EXISTS, Result.EXISTS_WITH_DIFFERENT_AMOUNT)


def test_a_closed_account_only_gives_up_what_is_reserved():
    ledger = opened()
    ledger.apply([pay(1, 1, 2, 10), pay(2, 1, 2, 4, kind=Kind.PENDING)])
    closing = pay(3, 2, 1, 0, kind=Kind.PENDING, closing_debit=True)
    assert ledger.apply([closing, pay(4, 1, 2, 1), pay(5, 2, 1, 1)]) == (
        CREATED,
        Result.CREDIT_ACCOUNT_ALREADY_CLOSED,
        Result.DEBIT_ACCOUNT_ALREADY_CLOSED,
    )
    assert ledger.balance(2).closed
    assert ledger.apply(
        [
            Transfer(id=6, pending_id=2, amount=4, kind=Kind.POST_PENDING),
            Transfer(id=7, pending_id=2, kind=Kind.VOID_PENDING),
        ]
    ) == (Result.CREDIT_ACCOUNT_ALREADY_CLOSED, CREATED)
    assert ledger.open([Account(id=2, asset="CNY fen", debits_must_not_exceed_credits=True)]) == (Result.EXISTS,)


def test_an_account_is_open_again_when_its_closing_is_voided_or_overdue():
    ledger = opened()
    close = pay(1, 4, 2, 0, kind=Kind.PENDING, closing_debit=True, closing_credit=True)
    void = Transfer(id=2, pending_id=1, kind=Kind.VOID_PENDING)
    assert ledger.apply([close, void, pay(3, 1, 4, 1)]) == (CREATED, CREATED, CREATED)
    ledger.apply([replace(close, id=4, timeout_s=1)])
    assert ledger.apply([pay(5, 1, 4, 1)]) == (Result.CREDIT_ACCOUNT_ALREADY_CLOSED,)
    assert ledger.apply([pay(6, 1, 4, 1)], at_ns=SECOND) == (CREATED,)


def test_a_chain_that_fails_closes_and_reserves_nothing():
    ledger = opened()
    close = pay(1, 4, 1, 0, kind=Kind.PENDING, closing_debit=True, timeout_s=1, linked=True)
    ledger.apply([close, Transfer(id=2, pending_id=1, kind=Kind.VOID_PENDING, linked=True), pay(3, 2, 1, 9)])
    ledger.open([Account(id=8, asset="CNY fen", closed=True, linked=True), Account(id=0, asset="CNY fen")])
    assert not ledger.balance(4).closed
    assert ledger.balance(8) is None
    # The id was not spent: now it is another reservation, which no time ends.
    assert ledger.apply([pay(1, 1, 4, 7, kind=Kind.PENDING)]) == (CREATED,)
    assert ledger.expire(SECOND) == ()
    assert ledger.apply([pay(9, 4, 1, 7), replace(close, id=10, linked=False)]) == (CREATED, CREATED)


def test_a_post_inherits_what_its_pending_transfer_says():
    ledger = opened()
    ledger.apply([pay(1, 1, 4, 10, kind=Kind.PENDING, code=7, user_data_128=2**99, user_data_64=5, user_data_32=6)])
    post = Transfer(id=2, pending_id=1, amount=10, kind=Kind.POST_PENDING, code=0, user_data_32=9)
    assert ledger.apply([replace(post, code=8), post, post]) == (
        Result.PENDING_TRANSFER_HAS_DIFFERENT_CODE,
        CREATED,
        Result.EXISTS,
    )
    kept = ledger.transfer(2)
    assert (kept.code, kept.user_data_128, kept.user_data_64, kept.user_data_32) == (7, 2**99, 5, 9)


@pytest.mark.parametrize(
    ("field", "most"),
    [("user_data_128", 128), ("user_data_64", 64), ("user_data_32", 32), ("code", 16), ("timeout_s", 32)],
)
def test_every_number_fits_in_its_bits(field, most):
    assert getattr(Transfer(id=1, **{field: 2**most - 1}), field) == 2**most - 1
    for number in (2**most, -1):
        with pytest.raises(BadInput, match=field):
            Transfer(id=1, **{field: number})


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
        timeout_s=st.sampled_from([0, 0, 1, 2]),
        balancing_debit=st.booleans(),
        balancing_credit=st.booleans(),
        closing_debit=st.sampled_from([False, False, False, True]),
        closing_credit=st.sampled_from([False, False, False, True]),
        code=st.sampled_from([1, 1, 1, 0]),
    ),
    max_size=40,
)


@given(transfers)
def test_debits_equal_credits_and_bounds_hold_whatever_is_sent(history):
    ledger = opened()
    for second, entry in enumerate(history):
        ledger.apply([entry], at_ns=second * SECOND)
    ledger.apply(history)
    held = ledger.balances()
    assert sum(each.debits_posted for each in held) == sum(each.credits_posted for each in held)
    assert sum(each.debits_pending for each in held) == sum(each.credits_pending for each in held)
    assert held[1].debits_posted + held[1].debits_pending <= held[1].credits_posted
    assert held[2].credits_posted + held[2].credits_pending <= held[2].debits_posted


@given(transfers)
def test_in_the_end_nothing_with_a_timeout_is_reserved(history):
    ledger = opened()
    timed = [replace(entry, timeout_s=entry.timeout_s or 1, linked=False) for entry in history]
    for second, entry in enumerate(timed):
        ledger.apply([entry], at_ns=second * SECOND)
    ledger.expire(2**63 - 1)
    assert all(each.debits_pending == each.credits_pending == 0 for each in ledger.balances())


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
