"""The kernel: accounts with bounds, two-phase transfers, all-or-nothing chains, idempotent ids.

Semantics of TigerBeetle's state machine (``create_accounts``, ``create_transfers``). Time is not here: whoever knows
the instant voids what is overdue.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from msgspec import structs

from oreloop.ledger.entries import INTEGER_MAX, Account, Balance, Kind, Result, Transfer

_PENDING, _POST, _VOID, _CREATED = Kind.PENDING, Kind.POST_PENDING, Kind.VOID_PENDING, Result.CREATED
# Read once: looking up a member of an enumeration takes longer than the addition it guards.

_DEBITS_PENDING, _DEBITS_POSTED, _CREDITS_PENDING, _CREDITS_POSTED = range(4)

_FAILS_FOR_GOOD = frozenset(
    {
        Result.DEBIT_ACCOUNT_NOT_FOUND,
        Result.CREDIT_ACCOUNT_NOT_FOUND,
        Result.PENDING_TRANSFER_NOT_FOUND,
        Result.EXCEEDS_CREDITS,
        Result.EXCEEDS_DEBITS,
    }
)
"""Refusals that depend on the moment: the id is spent, so that a late repetition cannot surprise its sender."""


class _Event(Protocol):
    @property
    def linked(self) -> bool: ...


_E = TypeVar("_E", bound=_Event)


class Ledger:
    """Accounts and the transfers between them. Every method either does all it says or says why not.

    >>> ledger = Ledger()
    >>> ledger.open([Account(id=1, asset="Ir mg"), Account(id=2, asset="Ir mg", credits_must_not_exceed_debits=True)])
    (<Result.CREATED: 'created'>, <Result.CREATED: 'created'>)
    >>> ledger.apply([Transfer(id=1, debit=1, credit=2, amount=5, asset="Ir mg")])
    (<Result.EXCEEDS_DEBITS: 'exceeds_debits'>,)
    """

    def __init__(self) -> None:
        self._accounts: dict[int, Account] = {}
        self._held: dict[int, list[int]] = {}
        self._transfers: dict[int, Transfer] = {}
        self._ended: dict[int, Kind] = {}
        self._failed: set[int] = set()
        self._undo: list[Callable[[], Any]] | None = None

    def open(self, accounts: Sequence[Account]) -> tuple[Result, ...]:
        """Open accounts.

        Returns:
            One result for each, in order.
        """
        return self._in_chains(accounts, self._open)

    def apply(self, transfers: Sequence[Transfer]) -> tuple[Result, ...]:
        """Apply transfers in order; a linked chain is applied as a whole or not at all.

        Returns:
            One result for each, in order.
        """
        return self._in_chains(transfers, self._apply)

    def balances(self) -> tuple[Balance, ...]:
        """Give what every account holds, by account id."""
        return tuple(self._balance(account) for _, account in sorted(self._accounts.items()))

    def balance(self, account: int) -> Balance | None:
        """Give what one account holds, or None if it was never opened."""
        return self._balance(self._accounts[account]) if account in self._accounts else None

    def transfer(self, transfer: int) -> Transfer | None:
        """Give a transfer as it was applied (accounts, asset and amount of a post or void filled in), or None."""
        return self._transfers.get(transfer)

    def _balance(self, account: Account) -> Balance:
        held = self._held[account.id]
        return Balance(
            account=account.id,
            asset=account.asset,
            debits_pending=held[_DEBITS_PENDING],
            debits_posted=held[_DEBITS_POSTED],
            credits_pending=held[_CREDITS_PENDING],
            credits_posted=held[_CREDITS_POSTED],
        )

    def _in_chains(self, events: Sequence[_E], do: Callable[[_E], Result]) -> tuple[Result, ...]:
        if not any(event.linked for event in events):
            return tuple([do(event) for event in events])
        results: list[Result] = []
        start = 0
        while start < len(events):
            end = start
            while end < len(events) and events[end].linked:
                end += 1
            chain = events[start : end + 1]
            results += [do(chain[0])] if len(chain) == 1 and end < len(events) else self._chain(chain, do)
            start = end + 1
        return tuple(results)

    def _chain(self, chain: Sequence[_E], do: Callable[[_E], Result]) -> list[Result]:
        is_open = chain[-1].linked
        self._undo = []
        broken_at: int | None = None
        result = Result.CREATED
        for position, event in enumerate(chain):
            last_of_open = is_open and position == len(chain) - 1
            result = Result.LINKED_EVENT_CHAIN_OPEN if last_of_open else do(event)
            if result is not Result.CREATED:
                broken_at = position
                break
        undo, self._undo = self._undo, None
        if broken_at is None:
            return [Result.CREATED] * len(chain)
        for step in reversed(undo):
            step()
        results = [Result.LINKED_EVENT_FAILED] * len(chain)
        results[broken_at] = result
        if is_open:
            results[-1] = Result.LINKED_EVENT_CHAIN_OPEN
        return results

    def _open(self, account: Account) -> Result:
        if account.id == 0:
            return Result.ID_MUST_NOT_BE_ZERO
        if account.id == INTEGER_MAX:
            return Result.ID_MUST_NOT_BE_INT_MAX
        if (found := self._accounts.get(account.id)) is not None:
            if replace(account, asset=found.asset) != found:
                return Result.EXISTS_WITH_DIFFERENT_FLAGS
            return Result.EXISTS if account.asset == found.asset else Result.EXISTS_WITH_DIFFERENT_LEDGER
        if account.debits_must_not_exceed_credits and account.credits_must_not_exceed_debits:
            return Result.FLAGS_ARE_MUTUALLY_EXCLUSIVE
        if not account.asset:
            return Result.LEDGER_MUST_NOT_BE_ZERO
        self._accounts[account.id] = account
        self._held[account.id] = [0, 0, 0, 0]
        if self._undo is not None:
            self._undo += [lambda: self._accounts.pop(account.id), lambda: self._held.pop(account.id)]
        return Result.CREATED

    def _apply(self, transfer: Transfer) -> Result:
        if transfer.id == 0:
            return Result.ID_MUST_NOT_BE_ZERO
        if transfer.id == INTEGER_MAX:
            return Result.ID_MUST_NOT_BE_INT_MAX
        if (found := self._transfers.get(transfer.id)) is not None:
            return self._exists(transfer, found)
        if transfer.id in self._failed:
            return Result.ID_ALREADY_FAILED
        kind = transfer.kind
        ends = kind is _POST or kind is _VOID
        result = self._end_pending(transfer) if ends else self._move(transfer)
        if result is not _CREATED and result in _FAILS_FOR_GOOD:
            self._failed.add(transfer.id)
        return result

    def _exists(self, sent: Transfer, found: Transfer) -> Result:
        if (sent.kind, sent.linked) != (found.kind, found.linked):
            return Result.EXISTS_WITH_DIFFERENT_FLAGS
        if sent.pending_id != found.pending_id:
            return Result.EXISTS_WITH_DIFFERENT_PENDING_ID
        # A post or void may leave out what its pending transfer says; then the stored one is meant.
        may_omit = bool(found.pending_id)
        if sent.debit != found.debit and not (may_omit and sent.debit == 0):
            return Result.EXISTS_WITH_DIFFERENT_DEBIT_ACCOUNT_ID
        if sent.credit != found.credit and not (may_omit and sent.credit == 0):
            return Result.EXISTS_WITH_DIFFERENT_CREDIT_ACCOUNT_ID
        amount = sent.amount
        if may_omit:
            whole = self._transfers[found.pending_id].amount
            everything = INTEGER_MAX if found.kind is Kind.POST_PENDING else 0
            amount = whole if amount == everything else amount
        if amount != found.amount:
            return Result.EXISTS_WITH_DIFFERENT_AMOUNT
        if sent.asset != found.asset and not (may_omit and not sent.asset):
            return Result.EXISTS_WITH_DIFFERENT_LEDGER
        return Result.EXISTS

    def _move(self, transfer: Transfer) -> Result:
        debit, credit = self._accounts.get(transfer.debit), self._accounts.get(transfer.credit)
        # Accounts that are there have sound ids, so for nearly all this is the only question about the shape.
        if (
            debit is None
            or credit is None
            or debit is credit
            or transfer.pending_id
            or not transfer.asset == debit.asset == credit.asset
        ):
            return _misfit(transfer, debit, credit)
        if (refusal := self._out_of_bounds(transfer, debit, credit)) is not None:
            return refusal
        pending = transfer.kind is _PENDING
        columns = (_DEBITS_PENDING, _CREDITS_PENDING) if pending else (_DEBITS_POSTED, _CREDITS_POSTED)
        if self._undo is None:
            self._held[debit.id][columns[0]] += transfer.amount
            self._held[credit.id][columns[1]] += transfer.amount
            self._transfers[transfer.id] = transfer
        else:
            self._add(debit.id, columns[0], transfer.amount)
            self._add(credit.id, columns[1], transfer.amount)
            self._keep(transfer)
        return _CREATED

    def _out_of_bounds(self, transfer: Transfer, debit: Account, credit: Account) -> Result | None:
        amount, ours, theirs = transfer.amount, self._held[debit.id], self._held[credit.id]
        if transfer.kind is _PENDING:
            if ours[_DEBITS_PENDING] + amount > INTEGER_MAX:
                return Result.OVERFLOWS_DEBITS_PENDING
            if theirs[_CREDITS_PENDING] + amount > INTEGER_MAX:
                return Result.OVERFLOWS_CREDITS_PENDING
        owed = ours[_DEBITS_PENDING] + ours[_DEBITS_POSTED] + amount
        due = theirs[_CREDITS_PENDING] + theirs[_CREDITS_POSTED] + amount
        if ours[_DEBITS_POSTED] + amount > INTEGER_MAX:
            return Result.OVERFLOWS_DEBITS_POSTED
        if theirs[_CREDITS_POSTED] + amount > INTEGER_MAX:
            return Result.OVERFLOWS_CREDITS_POSTED
        if owed > INTEGER_MAX:
            return Result.OVERFLOWS_DEBITS
        if due > INTEGER_MAX:
            return Result.OVERFLOWS_CREDITS
        if debit.debits_must_not_exceed_credits and owed > ours[_CREDITS_POSTED]:
            return Result.EXCEEDS_CREDITS
        if credit.credits_must_not_exceed_debits and due > theirs[_DEBITS_POSTED]:
            return Result.EXCEEDS_DEBITS
        return None

    def _end_pending(self, transfer: Transfer) -> Result:
        if transfer.pending_id == 0:
            return Result.PENDING_ID_MUST_NOT_BE_ZERO
        if transfer.pending_id == INTEGER_MAX:
            return Result.PENDING_ID_MUST_NOT_BE_INT_MAX
        if transfer.pending_id == transfer.id:
            return Result.PENDING_ID_MUST_BE_DIFFERENT
        pending = self._transfers.get(transfer.pending_id)
        if pending is None:
            return Result.PENDING_TRANSFER_NOT_FOUND
        if (refusal := _unlike(transfer, pending)) is not None:
            return refusal
        posts = transfer.kind is Kind.POST_PENDING
        amount = pending.amount if transfer.amount == (INTEGER_MAX if posts else 0) else transfer.amount
        if amount > pending.amount:
            return Result.EXCEEDS_PENDING_TRANSFER_AMOUNT
        if amount < pending.amount and not posts:
            return Result.PENDING_TRANSFER_HAS_DIFFERENT_AMOUNT
        match self._ended.get(pending.id):
            case Kind.POST_PENDING:
                return Result.PENDING_TRANSFER_ALREADY_POSTED
            case Kind.VOID_PENDING:
                return Result.PENDING_TRANSFER_ALREADY_VOIDED
        self._add(pending.debit, _DEBITS_PENDING, -pending.amount)
        self._add(pending.credit, _CREDITS_PENDING, -pending.amount)
        if posts:
            self._add(pending.debit, _DEBITS_POSTED, amount)
            self._add(pending.credit, _CREDITS_POSTED, amount)
        self._ended[pending.id] = transfer.kind
        if self._undo is not None:
            self._undo.append(lambda: self._ended.pop(pending.id))
        self._keep(
            structs.replace(transfer, debit=pending.debit, credit=pending.credit, asset=pending.asset, amount=amount)
        )
        return Result.CREATED

    def _add(self, account: int, column: int, amount: int) -> None:
        held = self._held[account]
        if self._undo is not None:
            self._undo.append(lambda before=held[column]: held.__setitem__(column, before))  # type: ignore[misc]
        held[column] += amount

    def _keep(self, transfer: Transfer) -> None:
        self._transfers[transfer.id] = transfer
        if self._undo is not None:
            self._undo.append(lambda: self._transfers.pop(transfer.id))


def _misfit(transfer: Transfer, debit: Account | None, credit: Account | None) -> Result:
    """Say why a transfer does not go between two accounts."""
    if (refusal := _misshapen(transfer)) is not None:
        return refusal
    if debit is None:
        return Result.DEBIT_ACCOUNT_NOT_FOUND
    if credit is None:
        return Result.CREDIT_ACCOUNT_NOT_FOUND
    if debit.asset != credit.asset:
        return Result.ACCOUNTS_MUST_HAVE_THE_SAME_LEDGER
    return Result.TRANSFER_MUST_HAVE_THE_SAME_LEDGER_AS_ACCOUNTS


def _misshapen(transfer: Transfer) -> Result | None:
    if transfer.debit == 0:
        return Result.DEBIT_ACCOUNT_ID_MUST_NOT_BE_ZERO
    if transfer.debit == INTEGER_MAX:
        return Result.DEBIT_ACCOUNT_ID_MUST_NOT_BE_INT_MAX
    if transfer.credit == 0:
        return Result.CREDIT_ACCOUNT_ID_MUST_NOT_BE_ZERO
    if transfer.credit == INTEGER_MAX:
        return Result.CREDIT_ACCOUNT_ID_MUST_NOT_BE_INT_MAX
    if transfer.credit == transfer.debit:
        return Result.ACCOUNTS_MUST_BE_DIFFERENT
    if transfer.pending_id != 0:
        return Result.PENDING_ID_MUST_BE_ZERO
    return Result.LEDGER_MUST_NOT_BE_ZERO if not transfer.asset else None


def _unlike(transfer: Transfer, pending: Transfer) -> Result | None:
    if pending.kind is not Kind.PENDING:
        return Result.PENDING_TRANSFER_NOT_PENDING
    if transfer.debit not in (0, pending.debit):
        return Result.PENDING_TRANSFER_HAS_DIFFERENT_DEBIT_ACCOUNT_ID
    if transfer.credit not in (0, pending.credit):
        return Result.PENDING_TRANSFER_HAS_DIFFERENT_CREDIT_ACCOUNT_ID
    if transfer.asset not in ("", pending.asset):
        return Result.PENDING_TRANSFER_HAS_DIFFERENT_LEDGER
    return None
