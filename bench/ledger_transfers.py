"""Transfers of a ledger: in memory, durable in SQLite, and a whole history opened again.

The history: random amounts from 500 accounts to 500 others, in calls of 8,190 transfers (the batch of TigerBeetle). beancount reads
the same history as text; it is needed for that benchmark alone.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from itertools import count
from pathlib import Path

import apsw
import numpy as np

from bench.registry import Measurement, alternated, benchmark
from oreloop.adapters.sqlite_ledger import SqliteLedger
from oreloop.ledger import Account, Ledger, Transfer

TRANSFERS = 200_000
OPENED_AGAIN = 50_000
CALL = 8_190
ASSET = "CNY fen"
ACCOUNTS = tuple(Account(id=number, asset=ASSET) for number in range(1, 1_001))
_FOLDERS = tempfile.TemporaryDirectory(prefix="oreloop-bench-")
_NUMBERS = count()


def history(transfers: int) -> list[Transfer]:
    """Give transfers between the accounts; the same ones each time."""
    random = np.random.default_rng(1)
    ranges = ((1, 501), (501, 1_001), (1, 10**9))
    drawn = zip(*(random.integers(low, high, transfers).tolist() for low, high in ranges), strict=True)
    return [
        Transfer(id=number, debit=debit, credit=credit, amount=amount, asset=ASSET)
        for number, (debit, credit, amount) in enumerate(drawn, 1)
    ]


def _rate(moved: list[Transfer], take: Callable[[list[Transfer]], object]) -> float:
    """Transfers a second when a history is taken in call by call."""
    calls = [moved[at : at + CALL] for at in range(0, len(moved), CALL)]
    started = time.perf_counter()
    for call in calls:
        take(call)
    return len(moved) / (time.perf_counter() - started)


def _path() -> Path:
    return Path(_FOLDERS.name) / f"{next(_NUMBERS)}.sqlite"


def _in_memory(moved: list[Transfer]) -> float:
    ledger = Ledger()
    ledger.open(ACCOUNTS)
    return _rate(moved, ledger.apply)


def _durable(moved: list[Transfer]) -> float:
    with SqliteLedger(_path()) as ledger:
        ledger.open(ACCOUNTS)
        return _rate(moved, ledger.apply)


def _bare(moved: list[Transfer]) -> float:
    """The least that a store does: four numbers a row, one flush a call; nothing is checked."""
    connection = apsw.Connection(str(_path()))
    connection.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL").fetchall()
    connection.execute("CREATE TABLE rows (id INTEGER, debit INTEGER, credit INTEGER, amount INTEGER)")

    def take(call: list[Transfer]) -> None:
        with connection:
            connection.executemany(
                "INSERT INTO rows VALUES (?, ?, ?, ?)", [(one.id, one.debit, one.credit, one.amount) for one in call]
            )

    rate = _rate(moved, take)
    connection.close()
    return rate


def _opened_again(path: Path) -> float:
    started = time.perf_counter()
    SqliteLedger(path).close()
    return OPENED_AGAIN / (time.perf_counter() - started)


def _beancount(text: str) -> float:
    from beancount.loader import load_string

    started = time.perf_counter()
    _, errors, _ = load_string(text)
    if errors:
        raise RuntimeError(errors[0])
    return OPENED_AGAIN / (time.perf_counter() - started)


def as_beancount(moved: list[Transfer]) -> str:
    """Write a history as a file of beancount, a thousand transfers a day."""
    first = date(2026, 1, 1)
    lines = [f"{first} open Assets:A{account.id} CNY" for account in ACCOUNTS]
    for transfer in moved:
        day, amount = first + timedelta(days=transfer.id // 1_000), transfer.amount / 100
        lines += [
            f'{day} * "{transfer.id}"',
            f"  Assets:A{transfer.debit}  {amount:.2f} CNY",
            f"  Assets:A{transfer.credit}  {-amount:.2f} CNY",
        ]
    return "\n".join(lines)


@benchmark
def ledger_memory() -> Measurement:
    """Transfers a second in memory, beside rows into a bare SQLite table."""
    moved = history(TRANSFERS)
    return alternated(
        lambda: _in_memory(moved), lambda: _bare(moved), unit="/s",
        against="four numbers a row into bare SQLite, durable, unchecked",
    )  # fmt: skip


@benchmark
def ledger_durable() -> Measurement:
    """Transfers a second, each on the disk before it is answered, 8,190 a call."""
    moved = history(TRANSFERS)
    return alternated(
        lambda: _durable(moved), lambda: _bare(moved), unit="/s",
        against="four numbers a row into bare SQLite, durable, unchecked", rounds=3,
    )  # fmt: skip


@benchmark
def ledger_opened_again() -> Measurement:
    """Transfers a second when a stored history is opened again, every rule checked once more."""
    moved, path = history(OPENED_AGAIN), _path()
    with SqliteLedger(path) as ledger:
        ledger.open(ACCOUNTS)
        ledger.apply(moved)
    text = as_beancount(moved)
    return alternated(
        lambda: _opened_again(path), lambda: _beancount(text), unit="/s", against="beancount's load of the same history",
        rounds=3,
    )  # fmt: skip
