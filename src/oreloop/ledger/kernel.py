"""The kernel: accounts with bounds, two-phase transfers with timeouts, all-or-nothing chains, idempotent ids.

Semantics of TigerBeetle's state machine (``create_accounts``, ``create_transfers``). There is no clock here: whoever applies
transfers says for which instant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from heapq import heappop, heappush
from typing import Any, Protocol, Self, TypeVar

from msgspec import structs

from oreloop.base.errors import BadInput, TamperFound
from oreloop.ledger.checks import already_open, already_sent, misfit, unlike
from oreloop.ledger.entries import INSTANT_MAX, INTEGER_MAX, Account, Balance, Kind, Result, Transfer

_PENDING, _POST, _VOID, _CREATED = Kind.PENDING, Kind.POST_PENDING, Kind.VOID_PENDING, Result.CREATED
# Read once: looking up a member of an enumeration takes longer than the addition it guards.

_DEBITS_PENDING, _DEBITS_POSTED, _CREDITS_PENDING, _CREDITS_POSTED = range(4)

FAILS_FOR_GOOD = frozenset(
    {
        Result.DEBIT_ACCOUNT_NOT_FOUND,
        Result.CREDIT_ACCOUNT_NOT_FOUND,
        Result.PENDING_TRANSFER_NOT_FOUND,
        Result.DEBIT_ACCOUNT_ALREADY_CLOSED,
        Result.CREDIT_ACCOUNT_ALREADY_CLOSED,
        Result.EXCEEDS_CREDITS,
        Result.EXCEEDS_DEBITS,
    }
)
"""Refusals that depend on the moment: the id is spent, so that a late repetition cannot surprise its sender."""

_NS_PER_S = 10**9


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
        self._ended: dict[int, Result] = {}
        self._closed: set[int] = set()
        self._failed: set[int] = set()
        self._at_ns = 0
        self._due: dict[int, int] = {}
        self._overdue: list[tuple[int, int]] = []
        self._undo: list[Callable[[], Any]] | None = None

    @classmethod
    def restored(
        cls, accounts: Sequence[Account], applied: Iterable[tuple[int, Transfer]], failed: Iterable[int], at_ns: int
    ) -> Self:
        """Give the ledger that a history has led to, by going through all of it again.

        Args:
            accounts: as they were opened, in order.
            applied: instant and transfer, as `transfer` gives it, in order; those of failed chains are not among them.
            failed: ids that are spent.
            at_ns: the instant that was reached, nanoseconds since 1970.

        Raises:
            TamperFound: ``ledger.does_not_replay`` at the first entry that these rules would not have let in.
        """
        made = cls()
        for number, account in enumerate(accounts):
            if (result := made._open(account)) is not _CREATED:
                raise TamperFound.of("ledger.does_not_replay", what="account", number=number, id=account.id, got=result)
        for number, (at, transfer) in enumerate(applied):
            if at != made._at_ns:
                made.expire(at)
            if (result := made._apply(transfer)) is not _CREATED:
                raise TamperFound.of(
                    "ledger.does_not_replay", what="transfer", number=number, id=transfer.id, got=result
                )
        made._failed.update(failed)
        made.expire(at_ns)
        return made

    @property
    def at_ns(self) -> int:
        """The instant that the ledger has reached, nanoseconds since 1970."""
        return self._at_ns

    def open(self, accounts: Sequence[Account]) -> tuple[Result, ...]:
        """Open accounts.

        Returns:
            One result for each, in order.
        """
        return self._in_chains(accounts, self._open)

    def apply(self, transfers: Sequence[Transfer], *, at_ns: int | None = None) -> tuple[Result, ...]:
        """Apply transfers in order; a linked chain is applied as a whole or not at all.

        Args:
            transfers: what moves.
            at_ns: the instant at which it moves, nanoseconds since 1970; that of the last call when not given.

        Returns:
            One result for each, in order.

        Raises:
            BadInput: ``ledger.time_goes_back``; nothing is applied.
        """
        if at_ns is not None:
            self.expire(at_ns)
        return self._in_chains(transfers, self._apply)

    def expire(self, at_ns: int) -> tuple[int, ...]:
        """Let time pass: pending transfers whose timeout is over are released.

        Args:
            at_ns: nanoseconds since 1970.

        Returns:
            The ids of the transfers released, in the order of their last instant.

        Raises:
            BadInput: ``ledger.time_goes_back``.
        """
        if not self._at_ns <= at_ns <= INSTANT_MAX:
            raise BadInput.of("ledger.time_goes_back", got=at_ns, at=self._at_ns)
        self._at_ns = at_ns
        released = []
        while self._overdue and self._overdue[0][0] <= at_ns:
            due, identity = heappop(self._overdue)
            # A transfer of a chain that failed has left its instant in the heap alone.
            if self._due.get(identity) == due and identity not in self._ended:
                self._release(self._transfers[identity], Result.PENDING_TRANSFER_EXPIRED)
                released.append(identity)
        return tuple(released)

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
            closed=account.id in self._closed,
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
            return already_open(account, found)
        if account.debits_must_not_exceed_credits and account.credits_must_not_exceed_debits:
            return Result.FLAGS_ARE_MUTUALLY_EXCLUSIVE
        if not account.asset:
            return Result.LEDGER_MUST_NOT_BE_ZERO
        if not account.code:
            return Result.CODE_MUST_NOT_BE_ZERO
        self._accounts[account.id] = account
        self._held[account.id] = [0, 0, 0, 0]
        if account.closed:
            self._close(account.id)
        if self._undo is not None:
            self._undo += [lambda: self._accounts.pop(account.id), lambda: self._held.pop(account.id)]
        return Result.CREATED

    def _apply(self, transfer: Transfer) -> Result:
        if transfer.id == 0:
            return Result.ID_MUST_NOT_BE_ZERO
        if transfer.id == INTEGER_MAX:
            return Result.ID_MUST_NOT_BE_INT_MAX
        if (found := self._transfers.get(transfer.id)) is not None:
            return already_sent(transfer, found, self._transfers.get(found.pending_id))
        if transfer.id in self._failed:
            return Result.ID_ALREADY_FAILED
        kind = transfer.kind
        ends = kind is _POST or kind is _VOID
        result = self._end_pending(transfer) if ends else self._move(transfer)
        if result is not _CREATED and result in FAILS_FOR_GOOD:
            self._failed.add(transfer.id)
        return result

    def _move(self, transfer: Transfer) -> Result:
        debit, credit = self._accounts.get(transfer.debit), self._accounts.get(transfer.credit)
        pending = transfer.kind is _PENDING
        # Accounts that are there have sound ids, so for nearly all this is the only question about the shape.
        if (
            debit is None
            or credit is None
            or debit is credit
            or transfer.pending_id
            or not transfer.asset == debit.asset == credit.asset
            or not transfer.code
            or (not pending and (transfer.timeout_s or transfer.closing_debit or transfer.closing_credit))
        ):
            return misfit(transfer, debit, credit)
        if self._closed and (refusal := self._closed_to(transfer.debit, transfer.credit)) is not None:
            return refusal
        if transfer.balancing_debit or transfer.balancing_credit:
            transfer = structs.replace(transfer, amount=self._balancing(transfer))
        if (refusal := self._out_of_bounds(transfer, debit, credit)) is not None:
            return refusal
        columns = (_DEBITS_PENDING, _CREDITS_PENDING) if pending else (_DEBITS_POSTED, _CREDITS_POSTED)
        if self._undo is None:
            self._held[debit.id][columns[0]] += transfer.amount
            self._held[credit.id][columns[1]] += transfer.amount
            self._transfers[transfer.id] = transfer
        else:
            self._add(debit.id, columns[0], transfer.amount)
            self._add(credit.id, columns[1], transfer.amount)
            self._keep(transfer)
        if pending:
            self._reserved(transfer)
        return _CREATED

    def _balancing(self, transfer: Transfer) -> int:
        """The most that leaves no account of a balancing transfer beyond its balance."""
        amount = transfer.amount
        if transfer.balancing_debit:
            held = self._held[transfer.debit]
            amount = min(amount, max(0, held[_CREDITS_POSTED] - held[_DEBITS_POSTED] - held[_DEBITS_PENDING]))
        if transfer.balancing_credit:
            held = self._held[transfer.credit]
            amount = min(amount, max(0, held[_DEBITS_POSTED] - held[_CREDITS_POSTED] - held[_CREDITS_PENDING]))
        return amount

    def _closed_to(self, debit: int, credit: int) -> Result | None:
        if debit in self._closed:
            return Result.DEBIT_ACCOUNT_ALREADY_CLOSED
        return Result.CREDIT_ACCOUNT_ALREADY_CLOSED if credit in self._closed else None

    def _reserved(self, transfer: Transfer) -> None:
        """Note when a pending transfer is overdue, and close the accounts that it closes."""
        if transfer.timeout_s:
            due = self._at_ns + transfer.timeout_s * _NS_PER_S
            self._due[transfer.id] = due
            heappush(self._overdue, (due, transfer.id))
            if self._undo is not None:
                self._undo.append(lambda: self._due.pop(transfer.id))
        if transfer.closing_debit:
            self._close(transfer.debit)
        if transfer.closing_credit:
            self._close(transfer.credit)

    def _close(self, account: int) -> None:
        self._closed.add(account)
        if self._undo is not None:
            self._undo.append(lambda: self._closed.discard(account))

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
        if transfer.timeout_s and self._at_ns + transfer.timeout_s * _NS_PER_S > INSTANT_MAX:
            return Result.OVERFLOWS_TIMEOUT
        if debit.debits_must_not_exceed_credits and owed > ours[_CREDITS_POSTED]:
            return Result.EXCEEDS_CREDITS
        if credit.credits_must_not_exceed_debits and due > theirs[_DEBITS_POSTED]:
            return Result.EXCEEDS_DEBITS
        return None

    def _end_pending(self, transfer: Transfer) -> Result:
        pending = self._transfers.get(transfer.pending_id)
        if (refusal := unlike(transfer, pending)) is not None:
            return refusal
        assert pending is not None
        posts = transfer.kind is _POST
        amount = pending.amount if transfer.amount == (INTEGER_MAX if posts else 0) else transfer.amount
        if amount > pending.amount:
            return Result.EXCEEDS_PENDING_TRANSFER_AMOUNT
        if amount < pending.amount and not posts:
            return Result.PENDING_TRANSFER_HAS_DIFFERENT_AMOUNT
        if (ended := self._ended.get(pending.id)) is not None:
            return ended
        # What a closed account has reserved can still be given up, and nothing else.
        if posts and (closed := self._closed_to(pending.debit, pending.credit)) is not None:
            return closed
        how = Result.PENDING_TRANSFER_ALREADY_POSTED if posts else Result.PENDING_TRANSFER_ALREADY_VOIDED
        self._release(pending, how)
        if posts:
            self._add(pending.debit, _DEBITS_POSTED, amount)
            self._add(pending.credit, _CREDITS_POSTED, amount)
        self._keep(
            structs.replace(
                transfer,
                debit=pending.debit,
                credit=pending.credit,
                asset=pending.asset,
                amount=amount,
                code=pending.code,
                user_data_128=transfer.user_data_128 or pending.user_data_128,
                user_data_64=transfer.user_data_64 or pending.user_data_64,
                user_data_32=transfer.user_data_32 or pending.user_data_32,
            )
        )
        return Result.CREATED

    def _release(self, pending: Transfer, how: Result) -> None:
        """End a pending transfer; one that is given up opens again what it had closed."""
        self._add(pending.debit, _DEBITS_PENDING, -pending.amount)
        self._add(pending.credit, _CREDITS_PENDING, -pending.amount)
        self._ended[pending.id] = how
        if self._undo is not None:
            self._undo.append(lambda: self._ended.pop(pending.id))
        if how is not Result.PENDING_TRANSFER_ALREADY_POSTED:
            for closes, account in ((pending.closing_debit, pending.debit), (pending.closing_credit, pending.credit)):
                if closes and account in self._closed:
                    self._closed.discard(account)
                    if self._undo is not None:
                        self._undo.append(lambda account=account: self._closed.add(account))  # type: ignore[misc]

    def _add(self, account: int, column: int, amount: int) -> None:
        held = self._held[account]
        if self._undo is not None:
            self._undo.append(lambda before=held[column]: held.__setitem__(column, before))  # type: ignore[misc]
        held[column] += amount

    def _keep(self, transfer: Transfer) -> None:
        self._transfers[transfer.id] = transfer
        if self._undo is not None:
            self._undo.append(lambda: self._transfers.pop(transfer.id))
