"""A ledger in one SQLite file: what was answered is on the disk.

The file holds the history: accounts, transfers as they were applied, ids that are spent. Balances follow from it: opening the file
goes through all of it again by the rules of the kernel, and refuses a history that these rules would not have written. (What must
not change unseen belongs in the log; an amount can be changed here so that it still fits.) One call is one transaction and one
flush; send many transfers in a call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import apsw

from oreloop.adapters.lock import FolderLock
from oreloop.adapters.sqlite import FileKind, Tidier, flush_what_is_left, one_integer
from oreloop.base.closing import Closing
from oreloop.base.errors import BadInput, TamperFound, Unavailable
from oreloop.ledger import FAILS_FOR_GOOD, Account, Balance, Kind, Ledger, Result, Transfer

Done = TypeVar("Done")

_SCHEMA = """
    CREATE TABLE accounts (
        number INTEGER PRIMARY KEY, id BLOB NOT NULL, asset TEXT NOT NULL, flags INTEGER NOT NULL, code INTEGER NOT NULL,
        user_data_128 BLOB NOT NULL, user_data_64 BLOB NOT NULL, user_data_32 INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE transfers (
        number INTEGER PRIMARY KEY, at_ns INTEGER NOT NULL, id BLOB NOT NULL, debit BLOB NOT NULL, credit BLOB NOT NULL,
        amount BLOB NOT NULL, asset TEXT NOT NULL, kind INTEGER NOT NULL, flags INTEGER NOT NULL, pending_id BLOB NOT NULL,
        timeout_s INTEGER NOT NULL, code INTEGER NOT NULL, user_data_128 BLOB NOT NULL, user_data_64 BLOB NOT NULL,
        user_data_32 INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE failed (number INTEGER PRIMARY KEY, id BLOB NOT NULL) STRICT;
    CREATE TABLE reached (at_ns INTEGER NOT NULL) STRICT;
    INSERT INTO reached VALUES (0);
"""
_FILE = FileKind(
    application_id=0x6F726C61,  # "orla"
    version=1,
    schema=_SCHEMA,
    cache_kib=16_384,
    mode=0o644,
    foreign="adapters.not_ledger",
    other_version="adapters.not_ledger",
    damaged="adapters.ledger_damaged",
)
_ADD_ACCOUNT = "INSERT INTO accounts VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)"
_ADD_TRANSFER = "INSERT INTO transfers VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_ACCOUNT_FLAGS = ("debits_must_not_exceed_credits", "credits_must_not_exceed_debits", "linked", "closed")
_TRANSFER_FLAGS = ("linked", "balancing_debit", "balancing_credit", "closing_debit", "closing_credit")
_KINDS = (Kind.POSTED, Kind.PENDING, Kind.POST_PENDING, Kind.VOID_PENDING)
"""The number of each kind in the file; never reordered."""


class SqliteLedger(Closing):
    """`Ledger` in the file ``path``; ``<path>.lock`` keeps a second writer out.

    Args:
        path: the file; made, with its folder, when it is not there.

    Raises:
        Conflict: ``log.in_use``.
        BadInput: ``adapters.not_ledger`` when the file is something else, or of a later version.
        TamperFound: ``adapters.ledger_damaged`` from SQLite, ``ledger.does_not_replay`` from the history.
        Unavailable: ``adapters.ledger_not_stored`` when it cannot be opened or written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = FolderLock(path.with_name(f"{path.name}.lock"))
        with ExitStack() as undo:
            undo.callback(self._lock.close)
            with self._storing():
                flush_what_is_left(path)
                self._connection = _FILE.connected(path)
                undo.callback(self._connection.close)
                self._tidier = Tidier(self._connection, _FILE.connected(path))
                undo.callback(self._tidier.close)
                self._ledger: Ledger | None = self._read()
            undo.pop_all()

    def open(self, accounts: Sequence[Account]) -> tuple[Result, ...]:
        """Open accounts durably; see `Ledger.open`."""

        def write(results: tuple[Result, ...]) -> None:
            new = [each for each, result in zip(accounts, results, strict=True) if result is Result.CREATED]
            self._connection.executemany(_ADD_ACCOUNT, map(_account_row, new))

        return self._durably(lambda ledger: ledger.open(accounts), write)

    def apply(self, transfers: Sequence[Transfer], *, at_ns: int | None = None) -> tuple[Result, ...]:
        """Apply transfers durably, all of a call in one transaction; see `Ledger.apply`."""

        def write(results: tuple[Result, ...]) -> None:
            ledger, failed = self._known(), []
            rows = []
            for transfer, result in zip(transfers, results, strict=True):
                if result is Result.CREATED:
                    applied = ledger.transfer(transfer.id)
                    assert applied is not None
                    rows.append(_transfer_row(applied, ledger.at_ns))
                elif result in FAILS_FOR_GOOD:
                    failed.append((_wide(transfer.id),))
            self._connection.executemany(_ADD_TRANSFER, rows)
            self._connection.executemany("INSERT INTO failed VALUES (NULL, ?)", failed)

        return self._durably(lambda ledger: ledger.apply(transfers, at_ns=at_ns), write)

    def expire(self, at_ns: int) -> tuple[int, ...]:
        """Let time pass durably; see `Ledger.expire`."""
        return self._durably(lambda ledger: ledger.expire(at_ns), lambda _: None)

    def balances(self) -> tuple[Balance, ...]:
        """Give what every account holds, by account id."""
        return self._known().balances()

    def balance(self, account: int) -> Balance | None:
        """Give what one account holds, or None if it was never opened."""
        return self._known().balance(account)

    def transfer(self, transfer: int) -> Transfer | None:
        """Give a transfer as it was applied, or None."""
        return self._known().transfer(transfer)

    def close(self) -> None:
        """Close the file and let the next writer in."""
        self._tidier.close()
        self._connection.close()
        self._lock.close()

    def _durably(self, do: Callable[[Ledger], Done], write: Callable[[Done], None]) -> Done:
        ledger = self._known()
        before = ledger.at_ns
        done = do(ledger)
        try:
            with self._storing(), self._connection:
                write(done)
                if ledger.at_ns != before:
                    self._connection.execute("UPDATE reached SET at_ns = ?", (ledger.at_ns,))
        except Unavailable:
            # Memory is ahead of the disk, and nobody was told: what is on the disk counts.
            self._ledger = None
            raise
        self._tidier.tidy()
        return done

    def _known(self) -> Ledger:
        if self._ledger is None:
            with self._storing():
                self._ledger = self._read()
        return self._ledger

    def _read(self) -> Ledger:
        rows = self._connection.execute
        try:
            accounts = [_account(row) for row in rows("SELECT * FROM accounts ORDER BY number")]
            applied = (_transfer(row) for row in rows("SELECT * FROM transfers ORDER BY number"))
            failed = [int.from_bytes(row[0], "big") for row in rows("SELECT id FROM failed")]
            return Ledger.restored(
                accounts, applied, failed, one_integer(self._connection, "SELECT at_ns FROM reached")
            )
        except (BadInput, IndexError) as error:  # a number that no entry can hold, a kind that there is not
            raise TamperFound.of("adapters.ledger_damaged", got=self._path) from error

    @contextmanager
    def _storing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise Unavailable.of("adapters.ledger_not_stored", got=self._path, reason=error.strerror) from error
        except apsw.Error as error:
            raise _FILE.refusal(error, self._path, "adapters.ledger_not_stored") from error


def _wide(number: int) -> bytes:
    return number.to_bytes(16, "big")


def _account_row(account: Account) -> tuple[object, ...]:
    return (
        _wide(account.id),
        account.asset,
        sum(getattr(account, name) << bit for bit, name in enumerate(_ACCOUNT_FLAGS)),
        account.code,
        _wide(account.user_data_128),
        account.user_data_64.to_bytes(8, "big"),
        account.user_data_32,
    )


def _account(row: tuple[Any, ...]) -> Account:
    _, identity, asset, flags, code, data_128, data_64, data_32 = row
    return Account(
        id=int.from_bytes(identity, "big"),
        asset=asset,
        code=code,
        user_data_128=int.from_bytes(data_128, "big"),
        user_data_64=int.from_bytes(data_64, "big"),
        user_data_32=data_32,
        **{name: bool(flags >> bit & 1) for bit, name in enumerate(_ACCOUNT_FLAGS)},
    )


def _transfer_row(transfer: Transfer, at_ns: int) -> tuple[object, ...]:
    return (
        at_ns,
        _wide(transfer.id),
        _wide(transfer.debit),
        _wide(transfer.credit),
        _wide(transfer.amount),
        transfer.asset,
        _KINDS.index(transfer.kind),
        sum(getattr(transfer, name) << bit for bit, name in enumerate(_TRANSFER_FLAGS)),
        _wide(transfer.pending_id),
        transfer.timeout_s,
        transfer.code,
        _wide(transfer.user_data_128),
        transfer.user_data_64.to_bytes(8, "big"),
        transfer.user_data_32,
    )


def _transfer(row: tuple[Any, ...]) -> tuple[int, Transfer]:
    _, at_ns, identity, debit, credit, amount, asset, kind, flags, pending, timeout_s, code, *data = row
    more = {name: True for bit, name in enumerate(_TRANSFER_FLAGS) if flags >> bit & 1} if flags else {}
    return at_ns, Transfer(
        id=int.from_bytes(identity, "big"),
        debit=int.from_bytes(debit, "big"),
        credit=int.from_bytes(credit, "big"),
        amount=int.from_bytes(amount, "big"),
        asset=asset,
        kind=_KINDS[kind],
        pending_id=int.from_bytes(pending, "big"),
        timeout_s=timeout_s,
        code=code,
        user_data_128=int.from_bytes(data[0], "big"),
        user_data_64=int.from_bytes(data[1], "big"),
        user_data_32=data[2],
        **more,
    )
