"""The accounts of contracts: all postings through one ledger, balances by account and asset, and the same for beancount."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from oreloop.adapters.folder import write_file
from oreloop.app.deals.settled import Settled, account_name, amount
from oreloop.app.deals.written import write
from oreloop.base.columns import aligned
from oreloop.base.errors import BadInput
from oreloop.base.instant import sealed
from oreloop.base.money import MINOR_DIGITS
from oreloop.base.quantity import decimal
from oreloop.base.texts import Language, label
from oreloop.deal.posting import HELD
from oreloop.ledger import Account, Ledger, Result, Transfer

FORMAT = "oreloop.accounts/1"
BEANCOUNT = ".beancount"
ENDINGS = (".csv", ".xlsx", ".json", BEANCOUNT)
_MG_DIGITS = 6
_COLUMNS = {"account": pl.String, "asset": pl.String, "debits": pl.Int64, "credits": pl.Int64, "balance": pl.Int64}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Accounts:
    """Balances by account and asset, over all contracts.

    Args:
        settled: the contracts.
        flat: account, asset, debits, credits, balance = credits less debits; minor units of a currency, mg of a metal.
    """

    settled: Settled
    flat: pl.DataFrame

    @classmethod
    def of(cls, settled: Settled) -> Accounts:
        """Apply the postings of all contracts to one ledger."""
        moves = [
            (_own(each.state.contract.id, posting.debit), _own(each.state.contract.id, posting.credit), posting)
            for each in settled.settlements
            for posting in each.postings
        ]
        names = sorted({(name, posting.asset) for *ends, posting in moves for name in ends})
        numbers = {key: number for number, key in enumerate(names, 1)}
        ledger = Ledger()
        results = ledger.open(
            [
                Account(id=number, asset=asset, debits_must_not_exceed_credits=name.startswith(f"{HELD}/"))
                for (name, asset), number in numbers.items()
            ]
        )
        results += ledger.apply(
            [
                Transfer(
                    id=number,
                    debit=numbers[debit, posting.asset],
                    credit=numbers[credit, posting.asset],
                    amount=posting.amount,
                    asset=posting.asset,
                )
                for number, (debit, credit, posting) in enumerate(moves, 1)
            ]
        )
        if any(result is not Result.CREATED for result in results):
            raise AssertionError("settlements that one ledger refuses though each has its own")
        rows = [
            (
                *names[each.account - 1],
                each.debits_posted,
                each.credits_posted,
                each.credits_posted - each.debits_posted,
            )
            for each in ledger.balances()
        ]
        return cls(settled=settled, flat=pl.DataFrame(sorted(rows), _COLUMNS, orient="row"))

    def lines(self, language: Language) -> tuple[str, ...]:
        """Write each account with what it holds."""
        rows = [
            [_named(row["account"], language), amount(row["balance"], row["asset"])]
            for row in self.flat.iter_rows(named=True)
        ]
        head = label("app.deal.accounts", language, at=sealed(self.settled.at))
        return (head, *aligned(rows)) if rows else (head, label("app.deal.no_postings", language))

    def as_json(self, _language: Language) -> dict[str, Any]:
        """Give the same as JSON."""
        return {"format": FORMAT, "at": sealed(self.settled.at), "accounts": self.flat.to_dicts()}

    def tables(self, _language: Language) -> dict[str, pl.DataFrame]:
        """Give the same as a table."""
        return {"accounts": self.flat}

    def beancount(self) -> str:
        """Write all postings as a beancount file: money in major units, metal in kg, a debit positive.

        Every transaction bears the day of the settlement, by which all of it is derived.
        """
        day = self.settled.at.date().isoformat()
        lines = [f'option "title" "Oreloop {sealed(self.settled.at)}"', ""]
        opened = sorted({_beancount(name) for name in self.flat["account"]})
        lines += [f"{day} open {name}" for name in opened]
        for each in self.settled.settlements:
            contract = each.state.contract.id
            for posting in each.postings:
                number, unit = _quantity(posting.amount, posting.asset)
                lines += [
                    "",
                    f'{day} * "{posting.clause}" "{" ".join(filter(None, (contract, posting.batch)))}"',
                    f"  {_beancount(_own(contract, posting.debit))}  {number} {unit}",
                    f"  {_beancount(_own(contract, posting.credit))}  -{number} {unit}",
                ]
        return "\n".join([*lines, ""])


def write_accounts(made: Accounts, out: Path, language: Language) -> Path:
    """Write accounts as one file, whose ending (`ENDINGS`) says what is in it.

    Raises:
        BadInput: ``app.deal_ending``.
        Unavailable: ``adapters.cannot_write``.
    """
    ending = out.suffix.lower()
    if ending not in ENDINGS:
        raise BadInput.of("app.deal_ending", got=out, expected=", ".join(ENDINGS))
    if ending == BEANCOUNT:
        write_file(out, made.beancount().encode())
        return out
    return write(made, out, "accounts", language, page=str, pages=dict)


def _own(contract: str, name: str) -> str:
    """Tell what one contract holds from what another holds."""
    return f"{HELD}/{contract}" if name == HELD else name


def _named(name: str, language: Language) -> str:
    first, _, rest = name.partition("/")
    return f"{account_name(HELD, language)} · {rest}" if first == HELD else account_name(name, language)


def _beancount(name: str) -> str:
    """Name an account as beancount writes names; an id has only letters and digits in common with them, and ``-``.

    >>> _beancount("maker/account"), _beancount("held/ir_buy.1")
    ('Assets:Maker:Account', 'Liabilities:Held:Ir-x5f-buy-x2e-1')
    """
    first, _, rest = name.partition("/")
    parts = (
        ("Liabilities", "held", rest) if first == HELD else ("Assets" if rest == "account" else "Equity", first, rest)
    )
    return ":".join(_part(each) for each in parts)


def _part(text: str) -> str:
    written = "".join(each if each.isalnum() or each == "-" else f"-x{ord(each):02x}-" for each in text)
    return written[:1].upper() + written[1:]


def _quantity(value: int, asset: str) -> tuple[str, str]:
    digits = MINOR_DIGITS.get(asset, _MG_DIGITS)
    return f"{decimal(str(value)).scaleb(-digits):f}", asset if asset in MINOR_DIGITS else f"{asset.upper()}.KG"
