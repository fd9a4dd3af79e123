"""A ledger on the disk answers as the one in memory does, and answers the same after it was opened again."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oreloop.adapters.sqlite_ledger import SqliteLedger
from oreloop.base.errors import OreloopError
from oreloop.base.texts import LANGUAGES, render
from oreloop.ledger import INTEGER_MAX, Account, Kind, Ledger, Result, Transfer

ASSET = "CNY fen"
ACCOUNTS = (
    Account(id=1, asset=ASSET),
    Account(id=2, asset=ASSET, debits_must_not_exceed_credits=True, code=9, user_data_128=2**127, user_data_64=2**63),
    Account(id=2**128 - 2, asset=ASSET, credits_must_not_exceed_debits=True, user_data_32=2**32 - 1),
)


def pay(number: int, debit: int = 1, credit: int = 2, amount: int = 10, **more: object) -> Transfer:
    return Transfer(id=number, debit=debit, credit=credit, amount=amount, asset=ASSET, **more)  # type: ignore[arg-type]


def code_of(path: Path) -> str:
    with pytest.raises(OreloopError) as refused:
        SqliteLedger(path).close()
    assert all(render(refused.value.problems[0], language) for language in LANGUAGES)
    return refused.value.code


calls = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.lists(
            st.builds(
                Transfer,
                id=st.integers(1, 25),
                debit=st.sampled_from([0, 1, 2, 2**128 - 2, 7]),
                credit=st.sampled_from([0, 1, 2, 2**128 - 2]),
                amount=st.one_of(st.integers(0, 20), st.just(INTEGER_MAX)),
                asset=st.sampled_from([ASSET, ASSET, ""]),
                kind=st.sampled_from(Kind),
                pending_id=st.integers(0, 6),
                linked=st.booleans(),
                timeout_s=st.sampled_from([0, 0, 1]),
                balancing_debit=st.booleans(),
                closing_debit=st.sampled_from([False, False, True]),
                user_data_64=st.sampled_from([0, 2**64 - 1]),
            ),
            max_size=8,
        ),
    ),
    max_size=8,
)


@settings(max_examples=40)
@given(calls)
def test_it_answers_as_memory_does_and_opened_again_the_same(
    tmp_path_factory: pytest.TempPathFactory, history: Sequence[tuple[int, list[Transfer]]]
) -> None:
    path = tmp_path_factory.mktemp("ledger") / "ledger.sqlite"
    memory, at_ns = Ledger(), 0
    memory.open(ACCOUNTS)
    with SqliteLedger(path) as stored:
        assert set(stored.open(ACCOUNTS)) == {Result.CREATED}
    for seconds, transfers in history:
        at_ns += seconds * 10**9
        with SqliteLedger(path) as stored:
            assert stored.apply(transfers, at_ns=at_ns) == memory.apply(transfers, at_ns=at_ns)
    with SqliteLedger(path) as stored:
        assert stored.expire(2**62) == memory.expire(2**62)
    with SqliteLedger(path) as stored:
        assert stored.balances() == memory.balances()
        assert stored.balance(2) == memory.balance(2)
        assert all(stored.transfer(number) == memory.transfer(number) for number in range(26))
        assert stored.open(ACCOUNTS) == (Result.EXISTS,) * 3


def test_it_is_flushed_at_every_call(tmp_path: Path) -> None:
    with SqliteLedger(tmp_path / "ledger.sqlite") as ledger:
        assert ledger._connection.pragma("journal_mode") == "wal"
        assert ledger._connection.pragma("synchronous") == 2  # FULL


def test_a_second_writer_waits_outside(tmp_path: Path) -> None:
    with SqliteLedger(tmp_path / "ledger.sqlite"):
        assert code_of(tmp_path / "ledger.sqlite") == "log.in_use"


def test_what_the_disk_refused_did_not_happen_and_may_be_sent_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SqliteLedger(tmp_path / "ledger.sqlite") as ledger:
        ledger.open(ACCOUNTS)
        ledger._connection.set_authorizer(lambda *_: apsw.SQLITE_DENY)
        with pytest.raises(OreloopError) as refused:
            ledger.apply([pay(1)], at_ns=5)
        assert refused.value.code == "adapters.ledger_not_stored"
        ledger._connection.set_authorizer(None)
        assert ledger.transfer(1) is None
        assert ledger.apply([pay(1)], at_ns=4) == (Result.CREATED,)


def test_a_place_that_is_no_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").mkdir()
    assert code_of(tmp_path / "ledger.sqlite") == "adapters.ledger_not_stored"


def test_something_else_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"no database, but long enough to be one " * 200)
    assert code_of(path) == "adapters.not_ledger"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("UPDATE transfers SET amount = zeroblob(16) WHERE number = 1", "ledger.does_not_replay"),
        ("DELETE FROM transfers WHERE number = 1", "ledger.does_not_replay"),
        ("DELETE FROM accounts WHERE number = 1", "ledger.does_not_replay"),
        ("UPDATE accounts SET id = zeroblob(16) WHERE number = 1", "ledger.does_not_replay"),
        ("UPDATE transfers SET kind = 9", "adapters.ledger_damaged"),
        ("UPDATE transfers SET amount = x'05' WHERE number = 1", "ledger.does_not_replay"),
        ("UPDATE transfers SET amount = x'01000000000000000000000000000000ff'", "adapters.ledger_damaged"),
        ("UPDATE reached SET at_ns = -1", "adapters.ledger_damaged"),
        ("DELETE FROM reached", "adapters.ledger_damaged"),
    ],
)
def test_a_history_that_no_ledger_writes_is_refused(tmp_path: Path, change: str, code: str) -> None:
    path = tmp_path / "ledger.sqlite"
    with SqliteLedger(path) as ledger:
        ledger.open(ACCOUNTS)
        assert ledger.apply([pay(1), pay(2, debit=2, credit=1), pay(3, debit=8)], at_ns=7)[:2] == (Result.CREATED,) * 2
    with sqlite3.connect(path) as changed:
        changed.execute(change)
    changed.close()
    assert code_of(path) == code
