"""What is wrong with an account or a transfer as it stands, beside what is there: questions that need no balance."""

from __future__ import annotations

from msgspec.structs import replace

from oreloop.ledger.entries import INTEGER_MAX, Account, Kind, Result, Transfer


def already_open(sent: Account, found: Account) -> Result:
    """Say how an account differs from the one that has its id. An account that a transfer has closed is still the same."""
    if _flags(sent) != _flags(found):
        return Result.EXISTS_WITH_DIFFERENT_FLAGS
    if (differs := _other_data(sent, found)) is not None:
        return differs
    if sent.asset != found.asset:
        return Result.EXISTS_WITH_DIFFERENT_LEDGER
    return Result.EXISTS if sent.code == found.code else Result.EXISTS_WITH_DIFFERENT_CODE


def _flags(account: Account) -> tuple[bool, ...]:
    return (
        account.linked,
        account.debits_must_not_exceed_credits,
        account.credits_must_not_exceed_debits,
        account.closed,
    )


def _other_data(sent: Account | Transfer, found: Account | Transfer) -> Result | None:
    if sent.user_data_128 != found.user_data_128:
        return Result.EXISTS_WITH_DIFFERENT_USER_DATA_128
    if sent.user_data_64 != found.user_data_64:
        return Result.EXISTS_WITH_DIFFERENT_USER_DATA_64
    return None if sent.user_data_32 == found.user_data_32 else Result.EXISTS_WITH_DIFFERENT_USER_DATA_32


def already_sent(sent: Transfer, found: Transfer, pending: Transfer | None) -> Result:
    """Say how a transfer differs from the one that has its id.

    Args:
        sent: what came now.
        found: what was applied.
        pending: what it posted or voided; a post or void may leave out what this says.
    """
    if _kind(sent) != _kind(found):
        return Result.EXISTS_WITH_DIFFERENT_FLAGS
    if sent.pending_id != found.pending_id:
        return Result.EXISTS_WITH_DIFFERENT_PENDING_ID
    if sent.timeout_s != found.timeout_s:
        return Result.EXISTS_WITH_DIFFERENT_TIMEOUT
    if sent.debit != found.debit and (pending is None or sent.debit):
        return Result.EXISTS_WITH_DIFFERENT_DEBIT_ACCOUNT_ID
    if sent.credit != found.credit and (pending is None or sent.credit):
        return Result.EXISTS_WITH_DIFFERENT_CREDIT_ACCOUNT_ID
    if not _same_amount(sent, found, pending):
        return Result.EXISTS_WITH_DIFFERENT_AMOUNT
    if (differs := _other_data(_filled(sent, pending), found)) is not None:
        return differs
    if sent.asset != found.asset and (pending is None or sent.asset):
        return Result.EXISTS_WITH_DIFFERENT_LEDGER
    if sent.code != found.code and (pending is None or sent.code):
        return Result.EXISTS_WITH_DIFFERENT_CODE
    return Result.EXISTS


def _kind(transfer: Transfer) -> tuple[Kind, bool, bool, bool, bool, bool]:
    return (
        transfer.kind,
        transfer.linked,
        transfer.balancing_debit,
        transfer.balancing_credit,
        transfer.closing_debit,
        transfer.closing_credit,
    )


def _same_amount(sent: Transfer, found: Transfer, pending: Transfer | None) -> bool:
    # A balancing transfer moved what was left, which is not more than what was asked.
    if sent.balancing_debit or sent.balancing_credit:
        return sent.amount >= found.amount
    everything = INTEGER_MAX if found.kind is Kind.POST_PENDING else 0
    amount = pending.amount if pending is not None and sent.amount == everything else sent.amount
    return amount == found.amount


def _filled(sent: Transfer, pending: Transfer | None) -> Transfer:
    """Give a post or void with the user data of its pending transfer where it says none."""
    if pending is None:
        return sent
    return replace(
        sent,
        user_data_128=sent.user_data_128 or pending.user_data_128,
        user_data_64=sent.user_data_64 or pending.user_data_64,
        user_data_32=sent.user_data_32 or pending.user_data_32,
    )


def misfit(transfer: Transfer, debit: Account | None, credit: Account | None) -> Result:
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
    if transfer.kind is not Kind.PENDING:
        if transfer.timeout_s:
            return Result.TIMEOUT_RESERVED_FOR_PENDING_TRANSFER
        if transfer.closing_debit or transfer.closing_credit:
            return Result.CLOSING_TRANSFER_MUST_BE_PENDING
    if not transfer.asset:
        return Result.LEDGER_MUST_NOT_BE_ZERO
    return None if transfer.code else Result.CODE_MUST_NOT_BE_ZERO


def unlike(transfer: Transfer, pending: Transfer | None) -> Result | None:
    """Say why a transfer does not post or void a pending one, None when it may."""
    if any(_kind(transfer)[2:]):
        return Result.FLAGS_ARE_MUTUALLY_EXCLUSIVE
    if transfer.pending_id == 0:
        return Result.PENDING_ID_MUST_NOT_BE_ZERO
    if transfer.pending_id == INTEGER_MAX:
        return Result.PENDING_ID_MUST_NOT_BE_INT_MAX
    if transfer.pending_id == transfer.id:
        return Result.PENDING_ID_MUST_BE_DIFFERENT
    if transfer.timeout_s:
        return Result.TIMEOUT_RESERVED_FOR_PENDING_TRANSFER
    if pending is None:
        return Result.PENDING_TRANSFER_NOT_FOUND
    if pending.kind is not Kind.PENDING:
        return Result.PENDING_TRANSFER_NOT_PENDING
    if transfer.debit not in (0, pending.debit):
        return Result.PENDING_TRANSFER_HAS_DIFFERENT_DEBIT_ACCOUNT_ID
    if transfer.credit not in (0, pending.credit):
        return Result.PENDING_TRANSFER_HAS_DIFFERENT_CREDIT_ACCOUNT_ID
    if transfer.asset not in ("", pending.asset):
        return Result.PENDING_TRANSFER_HAS_DIFFERENT_LEDGER
    return None if transfer.code in (0, pending.code) else Result.PENDING_TRANSFER_HAS_DIFFERENT_CODE
