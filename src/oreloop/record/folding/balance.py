"""The metal ledger: every step is posted per element and site, and what does not close is posted too.

Rule of the balance. For each step and element, ``in - out - declared loss = unaccounted``; it is *broken* beyond three
combined standard uncertainties of the measurements in it. Differences also add up in time, see `oreloop.record.folding.drift`.
A step that is broken by itself is reported once and not summed. A re-assay or a stock-take that is beyond its tolerance
and gives a reason is an adjustment, which stays visible in its row and adds to no sum; within it, a reason changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from oreloop.ledger import Account, Ledger, Result, Transfer

Book = Literal["commissioned", "stock", "in_transit", "process", "loss", "end_of_use", "unaccounted"]
Closing = Literal["balanced", "within", "broken", "adjusted", "unchecked"]

BOOKS: tuple[Book, ...] = ("commissioned", "loss", "end_of_use", "unaccounted", "stock", "in_transit")
"""The books in which metal comes to rest; ``process`` is empty after every step."""

_BOUNDED = frozenset({"stock", "in_transit"})
_CREATED = Result.CREATED  # read once: looking up a member of an enumeration takes longer than comparing it


class BalanceRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The balance of one element in one step, all in mg."""

    event: str
    site: str
    element: str
    in_mg: int
    out_mg: int
    loss_mg: int
    unaccounted_mg: int
    tolerance_mg: int
    state: Closing


_Account = tuple[Book, str, str]
_Move = tuple[_Account, _Account, int]
"""From, to, and the mass, mg."""


class MetalLedger:
    """Accounts of metal by book, site and element.

    Moves wait in ``moves`` until the document that they belong to is accepted as a whole.
    """

    def __init__(self) -> None:
        self.moves: list[_Move] = []
        self._ledger = Ledger()
        self._accounts: dict[_Account, int] = {}
        self._transfers = 0
        self._crossed: dict[tuple[str, str], list[int]] = {}

    def move(self, element: str, mass_mg: int, source: tuple[Book, str], target: tuple[Book, str]) -> None:
        """Move a mass, mg, from one book of a site to another; a negative mass goes the other way."""
        if mass_mg < 0:
            source, target, mass_mg = target, source, -mass_mg
        if mass_mg and source != target:
            self.moves.append(((*source, element), (*target, element), mass_mg))

    def post(self) -> None:
        """Post the moves that wait."""
        if self.moves:
            self._post(self.moves)
            self.moves.clear()

    def stock_mg(self, site: str, element: str) -> int:
        """Give the book stock of an element at a site, mg, moves that wait included."""
        account: _Account = ("stock", site, element)
        number = self._accounts.get(account)
        balance = self._ledger.balance(number) if number is not None else None
        held = balance.debits_posted - balance.credits_posted if balance is not None else 0
        for source, target, mass in self.moves:
            held += mass * ((target == account) - (source == account))
        return held

    def _post(self, moves: Sequence[_Move]) -> None:
        transfers, accounts, crossed = [], self._accounts, self._crossed
        for source, target, mass in moves:
            element = source[2]
            if source[1] != target[1]:
                crossed.setdefault((target[1], element), [0, 0])[0] += mass
                crossed.setdefault((source[1], element), [0, 0])[1] += mass
            self._transfers += 1
            transfers.append(
                Transfer(
                    id=self._transfers,
                    debit=accounts.get(target) or self._opened(target),
                    credit=accounts.get(source) or self._opened(source),
                    amount=mass,
                    asset=element,
                )
            )
        results = self._ledger.apply(transfers)
        if results.count(_CREATED) < len(results):
            raise AssertionError(f"stock and ledger differ: {transfers} {results}")

    def totals(self) -> list[dict[str, object]]:
        """Give, by site and element in mg: what came in, what went out, and where the rest is.

        ``commissioned + arrived = departed + loss + end_of_use + unaccounted + stock + in_transit``; ``arrived`` and
        ``in_transit`` include what is on its way to the site.
        """
        held = {balance.account: balance.debits_posted - balance.credits_posted for balance in self._ledger.balances()}
        rows: list[dict[str, object]] = []
        for site, element in sorted({(site, element) for _, site, element in self._accounts}):
            books = {book: held.get(self._accounts.get((book, site, element), 0), 0) for book in BOOKS}
            arrived, departed = self._crossed.get((site, element), (0, 0))
            rows.append(
                {
                    "site": site,
                    "element": element,
                    "commissioned_mg": -books["commissioned"],
                    "arrived_mg": arrived,
                    "departed_mg": departed,
                    **{f"{book}_mg": books[book] for book in BOOKS[1:]},
                }
            )
        return rows

    def _opened(self, account: _Account) -> int:
        book, _, element = account
        number = self._accounts[account] = len(self._accounts) + 1
        self._ledger.open([Account(id=number, asset=element, credits_must_not_exceed_debits=book in _BOUNDED)])
        return number
