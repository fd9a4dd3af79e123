"""What goes into a ledger and what comes out: accounts, transfers, balances and the closed list of results."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum, auto

import msgspec

from oreloop.base.errors import BadInput

INTEGER_MAX = 2**128 - 1
"""The largest amount, balance or id. As an amount of `Kind.POST_PENDING` it means "all that is pending"."""


class Result(StrEnum):
    """What became of an account or a transfer; where several apply, the one listed first is given.

    Names and order are those of TigerBeetle for the parts that exist here.
    """

    CREATED = auto()
    LINKED_EVENT_FAILED = auto()
    LINKED_EVENT_CHAIN_OPEN = auto()
    ID_MUST_NOT_BE_ZERO = auto()
    ID_MUST_NOT_BE_INT_MAX = auto()
    EXISTS_WITH_DIFFERENT_FLAGS = auto()
    EXISTS_WITH_DIFFERENT_PENDING_ID = auto()
    EXISTS_WITH_DIFFERENT_DEBIT_ACCOUNT_ID = auto()
    EXISTS_WITH_DIFFERENT_CREDIT_ACCOUNT_ID = auto()
    EXISTS_WITH_DIFFERENT_AMOUNT = auto()
    EXISTS_WITH_DIFFERENT_LEDGER = auto()
    EXISTS = auto()
    ID_ALREADY_FAILED = auto()
    FLAGS_ARE_MUTUALLY_EXCLUSIVE = auto()
    DEBIT_ACCOUNT_ID_MUST_NOT_BE_ZERO = auto()
    DEBIT_ACCOUNT_ID_MUST_NOT_BE_INT_MAX = auto()
    CREDIT_ACCOUNT_ID_MUST_NOT_BE_ZERO = auto()
    CREDIT_ACCOUNT_ID_MUST_NOT_BE_INT_MAX = auto()
    ACCOUNTS_MUST_BE_DIFFERENT = auto()
    PENDING_ID_MUST_BE_ZERO = auto()
    PENDING_ID_MUST_NOT_BE_ZERO = auto()
    PENDING_ID_MUST_NOT_BE_INT_MAX = auto()
    PENDING_ID_MUST_BE_DIFFERENT = auto()
    LEDGER_MUST_NOT_BE_ZERO = auto()
    DEBIT_ACCOUNT_NOT_FOUND = auto()
    CREDIT_ACCOUNT_NOT_FOUND = auto()
    ACCOUNTS_MUST_HAVE_THE_SAME_LEDGER = auto()
    TRANSFER_MUST_HAVE_THE_SAME_LEDGER_AS_ACCOUNTS = auto()
    PENDING_TRANSFER_NOT_FOUND = auto()
    PENDING_TRANSFER_NOT_PENDING = auto()
    PENDING_TRANSFER_HAS_DIFFERENT_DEBIT_ACCOUNT_ID = auto()
    PENDING_TRANSFER_HAS_DIFFERENT_CREDIT_ACCOUNT_ID = auto()
    PENDING_TRANSFER_HAS_DIFFERENT_LEDGER = auto()
    EXCEEDS_PENDING_TRANSFER_AMOUNT = auto()
    PENDING_TRANSFER_HAS_DIFFERENT_AMOUNT = auto()
    PENDING_TRANSFER_ALREADY_POSTED = auto()
    PENDING_TRANSFER_ALREADY_VOIDED = auto()
    OVERFLOWS_DEBITS_PENDING = auto()
    OVERFLOWS_CREDITS_PENDING = auto()
    OVERFLOWS_DEBITS_POSTED = auto()
    OVERFLOWS_CREDITS_POSTED = auto()
    OVERFLOWS_DEBITS = auto()
    OVERFLOWS_CREDITS = auto()
    EXCEEDS_CREDITS = auto()
    EXCEEDS_DEBITS = auto()


class Kind(Enum):
    """How a transfer moves its amount."""

    POSTED = auto()
    """At once."""
    PENDING = auto()
    """Reserved on both accounts until posted or voided."""
    POST_PENDING = auto()
    """Posts all or part of a pending transfer; the rest is released."""
    VOID_PENDING = auto()
    """Releases a pending transfer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A place where one asset is held.

    Args:
        id: 1 to 2^128-2.
        asset: what is counted, with its unit: ``Ir mg``, ``CNY fen``; the ledger that the account belongs to.
        debits_must_not_exceed_credits: it can pay out only what came in by credit (pending included).
        credits_must_not_exceed_debits: the same the other way round.
        linked: stands or falls with the next account of the same call.

    Raises:
        BadInput: ``ledger.out_of_range`` when a number is not 0 to 2^128-1.
    """

    id: int
    asset: str
    debits_must_not_exceed_credits: bool = False
    credits_must_not_exceed_debits: bool = False
    linked: bool = False

    def __post_init__(self) -> None:
        _in_range(id=self.id)


class Transfer(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An amount that goes from one account (credited) to another (debited).

    Args:
        id: 1 to 2^128-2; the same transfer sent twice moves once.
        debit: id of the account whose debits grow; 0 in a post or void means that of the pending transfer.
        credit: id of the account whose credits grow; 0 likewise.
        amount: 0 to 2^128-1 units of the asset.
        asset: that of both accounts; empty in a post or void means that of the pending transfer.
        kind: at once, pending, or the end of a pending one.
        pending_id: which pending transfer is posted or voided; else 0.
        linked: stands or falls with the next transfer of the same call.

    Raises:
        BadInput: ``ledger.out_of_range`` when a number is not 0 to 2^128-1.
    """

    id: int
    debit: int = 0
    credit: int = 0
    amount: int = 0
    asset: str = ""
    kind: Kind = Kind.POSTED
    pending_id: int = 0
    linked: bool = False

    def __post_init__(self) -> None:
        # One comparison for the many that are in range: no bit above the last, and no sign.
        if (self.id | self.debit | self.credit | self.amount | self.pending_id) >> 128:
            _in_range(id=self.id, debit=self.debit, credit=self.credit, amount=self.amount, pending_id=self.pending_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What an account holds, in units of its asset."""

    account: int
    asset: str
    debits_pending: int
    debits_posted: int
    credits_pending: int
    credits_posted: int


def _in_range(**numbers: int) -> None:
    for name, number in numbers.items():
        if not 0 <= number <= INTEGER_MAX:
            raise BadInput.of("ledger.out_of_range", field=name, got=number)
