"""What goes into a ledger and what comes out: accounts, transfers, balances and the closed list of results."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum, auto

import msgspec

from oreloop.base.errors import BadInput

INTEGER_MAX = 2**128 - 1
"""The largest amount, balance or id. As an amount of `Kind.POST_PENDING` it means "all that is pending"."""
INSTANT_MAX = 2**63 - 1
"""The last instant, in nanoseconds since 1970."""


class Result(StrEnum):
    """What became of an account or a transfer; where several apply, the one listed first is given.

    Names and order are those of TigerBeetle. What an `Account` or a `Transfer` cannot say has no result here: a reserved bit, a
    time stamp, an account that is not empty from the start, a transfer of two kinds.
    """

    CREATED = auto()
    LINKED_EVENT_FAILED = auto()
    LINKED_EVENT_CHAIN_OPEN = auto()
    ID_MUST_NOT_BE_ZERO = auto()
    ID_MUST_NOT_BE_INT_MAX = auto()
    EXISTS_WITH_DIFFERENT_FLAGS = auto()
    EXISTS_WITH_DIFFERENT_PENDING_ID = auto()
    EXISTS_WITH_DIFFERENT_TIMEOUT = auto()
    EXISTS_WITH_DIFFERENT_DEBIT_ACCOUNT_ID = auto()
    EXISTS_WITH_DIFFERENT_CREDIT_ACCOUNT_ID = auto()
    EXISTS_WITH_DIFFERENT_AMOUNT = auto()
    EXISTS_WITH_DIFFERENT_USER_DATA_128 = auto()
    EXISTS_WITH_DIFFERENT_USER_DATA_64 = auto()
    EXISTS_WITH_DIFFERENT_USER_DATA_32 = auto()
    EXISTS_WITH_DIFFERENT_LEDGER = auto()
    EXISTS_WITH_DIFFERENT_CODE = auto()
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
    TIMEOUT_RESERVED_FOR_PENDING_TRANSFER = auto()
    CLOSING_TRANSFER_MUST_BE_PENDING = auto()
    LEDGER_MUST_NOT_BE_ZERO = auto()
    CODE_MUST_NOT_BE_ZERO = auto()
    DEBIT_ACCOUNT_NOT_FOUND = auto()
    CREDIT_ACCOUNT_NOT_FOUND = auto()
    ACCOUNTS_MUST_HAVE_THE_SAME_LEDGER = auto()
    TRANSFER_MUST_HAVE_THE_SAME_LEDGER_AS_ACCOUNTS = auto()
    PENDING_TRANSFER_NOT_FOUND = auto()
    PENDING_TRANSFER_NOT_PENDING = auto()
    PENDING_TRANSFER_HAS_DIFFERENT_DEBIT_ACCOUNT_ID = auto()
    PENDING_TRANSFER_HAS_DIFFERENT_CREDIT_ACCOUNT_ID = auto()
    PENDING_TRANSFER_HAS_DIFFERENT_LEDGER = auto()
    PENDING_TRANSFER_HAS_DIFFERENT_CODE = auto()
    EXCEEDS_PENDING_TRANSFER_AMOUNT = auto()
    PENDING_TRANSFER_HAS_DIFFERENT_AMOUNT = auto()
    PENDING_TRANSFER_ALREADY_POSTED = auto()
    PENDING_TRANSFER_ALREADY_VOIDED = auto()
    PENDING_TRANSFER_EXPIRED = auto()
    DEBIT_ACCOUNT_ALREADY_CLOSED = auto()
    CREDIT_ACCOUNT_ALREADY_CLOSED = auto()
    OVERFLOWS_DEBITS_PENDING = auto()
    OVERFLOWS_CREDITS_PENDING = auto()
    OVERFLOWS_DEBITS_POSTED = auto()
    OVERFLOWS_CREDITS_POSTED = auto()
    OVERFLOWS_DEBITS = auto()
    OVERFLOWS_CREDITS = auto()
    OVERFLOWS_TIMEOUT = auto()
    EXCEEDS_CREDITS = auto()
    EXCEEDS_DEBITS = auto()


class Kind(Enum):
    """How a transfer moves its amount."""

    POSTED = auto()
    """At once."""
    PENDING = auto()
    """Reserved on both accounts until posted, voided, or overdue."""
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
        closed: nothing moves in it from the start; an account is closed later by a transfer.
        code: what kind of account it is, by the caller's own list; 1 to 2^16-1.
        user_data_128, user_data_64, user_data_32: whatever the caller wants to find it by.

    Raises:
        BadInput: ``ledger.out_of_range`` when a number does not fit in its bits.
    """

    id: int
    asset: str
    debits_must_not_exceed_credits: bool = False
    credits_must_not_exceed_debits: bool = False
    linked: bool = False
    closed: bool = False
    code: int = 1
    user_data_128: int = 0
    user_data_64: int = 0
    user_data_32: int = 0

    def __post_init__(self) -> None:
        # As for a transfer: two comparisons for the many that are in range.
        if (self.id | self.user_data_128) >> 128 or (self.user_data_64 | self.user_data_32 | self.code) >> 16:
            _in_range(self, ("id", "user_data_128"), _SMALL)


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
        timeout_s: seconds after which a pending transfer is released; 0 for never.
        balancing_debit: moves at most what the debited account has left, posted credits less debits.
        balancing_credit: moves at most what the credited account has left, posted debits less credits.
        closing_debit, closing_credit: a pending transfer that closes the account: nothing moves in it any more, until this
            transfer is voided or overdue.
        code: why it moves, by the caller's own list; 1 to 2^16-1, 0 in a post or void means that of the pending transfer.
        user_data_128, user_data_64, user_data_32: whatever the caller wants to find it by; 0 in a post or void likewise.

    Raises:
        BadInput: ``ledger.out_of_range`` when a number does not fit in its bits.
    """

    id: int
    debit: int = 0
    credit: int = 0
    amount: int = 0
    asset: str = ""
    kind: Kind = Kind.POSTED
    pending_id: int = 0
    linked: bool = False
    timeout_s: int = 0
    balancing_debit: bool = False
    balancing_credit: bool = False
    closing_debit: bool = False
    closing_credit: bool = False
    code: int = 1
    user_data_128: int = 0
    user_data_64: int = 0
    user_data_32: int = 0

    def __post_init__(self) -> None:
        # Two comparisons for the many that are in range: no bit above the last, and no sign.
        wide = self.id | self.debit | self.credit | self.amount | self.pending_id | self.user_data_128
        if wide >> 128 or (self.timeout_s | self.user_data_64 | self.user_data_32 | self.code) >> 16:
            _in_range(self, ("id", "debit", "credit", "amount", "pending_id", "user_data_128"), _SMALL + _TIMEOUT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What an account holds, in units of its asset, and whether it is closed."""

    account: int
    asset: str
    debits_pending: int
    debits_posted: int
    credits_pending: int
    credits_posted: int
    closed: bool = False


_SMALL = (("user_data_64", 64), ("user_data_32", 32), ("code", 16))
_TIMEOUT = (("timeout_s", 32),)


def _in_range(entry: object, wide: tuple[str, ...], small: tuple[tuple[str, int], ...]) -> None:
    for name, bits in (*((name, 128) for name in wide), *small):
        if not 0 <= getattr(entry, name) < 2**bits:
            raise BadInput.of("ledger.out_of_range", field=name, got=getattr(entry, name), most=f"2^{bits}-1")
