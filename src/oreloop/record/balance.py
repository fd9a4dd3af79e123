"""The metal ledger: every step is posted per element and site, and what does not close is posted too.

Rule of the balance. For each step and element, ``in - out - declared loss = unaccounted``; it is *broken* beyond three
combined standard uncertainties of the measurements in it. Differences of a site are also summed up in time. In that
sum a measurement counts once, with the net of its signs: the content of a batch that one step made and the next one
used cancels, parts of one measurement add linearly, and independent measurements add in quadrature. So a sequence of
steps, each within its tolerance but always to the same side, soon leaves it. Systematic errors that measurements of
one laboratory or scale may share are not modelled. A step that is broken by itself is reported once and not summed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from oreloop.ledger import Account, Kind, Ledger, Result, Transfer
from oreloop.record.stock import Errors, add_errors, tolerance_mg

Book = Literal["commissioned", "stock", "in_transit", "process", "loss", "end_of_use", "unaccounted"]
Closing = Literal["balanced", "within", "broken", "adjusted"]

BOOKS: tuple[Book, ...] = ("commissioned", "loss", "end_of_use", "unaccounted", "stock", "in_transit")
"""The books in which metal comes to rest; ``process`` is empty after every step."""

_BOUNDED = frozenset({"stock", "in_transit"})


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceRow:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """A cumulative difference of a site that has left its tolerance."""

    site: str
    element: str
    unaccounted_mg: int
    tolerance_mg: int
    events: tuple[str, ...]


class MetalLedger:
    """Accounts of metal by book, site and element."""

    def __init__(self) -> None:
        self._ledger = Ledger()
        self._accounts: dict[tuple[Book, str, str], int] = {}
        self._transfers = 0
        self._crossed: dict[tuple[str, str], list[int]] = {}
        self._drift: dict[tuple[str, str], tuple[int, Errors, list[str]]] = {}

    def move(self, element: str, mass_mg: int, source: tuple[Book, str], target: tuple[Book, str]) -> None:
        """Post a mass, mg, from one book of a site to another; a negative mass goes the other way."""
        if mass_mg < 0:
            source, target, mass_mg = target, source, -mass_mg
        if mass_mg == 0:
            return
        if source[1] != target[1]:
            self._crossed.setdefault((target[1], element), [0, 0])[0] += mass_mg
            self._crossed.setdefault((source[1], element), [0, 0])[1] += mass_mg
        self._transfers += 1
        transfer = Transfer(
            id=self._transfers,
            debit=self._account(*target, element),
            credit=self._account(*source, element),
            amount=mass_mg,
            asset=f"{element} mg",
            kind=Kind.POSTED,
        )
        (result,) = self._ledger.apply([transfer])
        if result is not Result.CREATED:
            raise AssertionError(f"stock and ledger differ: {transfer} {result}")

    def close(
        self,
        event: str,
        site: str,
        element: str,
        *,
        entered: int,
        left: int,
        lost: int,
        errors: Errors,
        explained: bool,
    ) -> tuple[BalanceRow, Drift | None]:
        """Close one element of a step: post losses and what is unaccounted, judge both the step and the site.

        Args:
            event: id of the event.
            site: where it happened.
            element: chemical symbol.
            entered: mass that went in, mg.
            left: mass that came out, mg.
            lost: mass declared lost, mg.
            errors: uncertainty of the difference by measurement.
            explained: whether a reason was given (re-assay), so that the difference is an adjustment.

        Returns:
            The row, and the drift of the site if this step made it leave its tolerance.
        """
        difference = entered - left - lost
        self.move(element, lost, ("process", site), ("loss", site))
        self.move(element, difference, ("process", site), ("unaccounted", site))
        tolerance = tolerance_mg(errors)
        state: Closing = "balanced" if difference == 0 else "within"
        if abs(difference) > tolerance:
            state = "adjusted" if explained else "broken"
        row = BalanceRow(
            event=event,
            site=site,
            element=element,
            in_mg=entered,
            out_mg=left,
            loss_mg=lost,
            unaccounted_mg=difference,
            tolerance_mg=tolerance,
            state=state,
        )
        return row, self._drifted(row, errors) if state in ("balanced", "within") else None

    def _drifted(self, row: BalanceRow, errors: Errors) -> Drift | None:
        so_far, all_errors, events = self._drift.get((row.site, row.element), (0, {}, []))
        was_within = abs(so_far) <= tolerance_mg(all_errors)
        add_errors(all_errors, errors)
        total = so_far + row.unaccounted_mg
        if row.unaccounted_mg:
            events.append(row.event)
        self._drift[row.site, row.element] = (total, all_errors, events)
        tolerance = tolerance_mg(all_errors)
        if abs(total) <= tolerance or not was_within:
            return None
        return Drift(
            site=row.site, element=row.element, unaccounted_mg=total, tolerance_mg=tolerance, events=tuple(events)
        )

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

    def _account(self, book: Book, site: str, element: str) -> int:
        key = (book, site, element)
        if key not in self._accounts:
            self._accounts[key] = len(self._accounts) + 1
            account = Account(
                id=self._accounts[key], asset=f"{element} mg", credits_must_not_exceed_debits=book in _BOUNDED
            )
            self._ledger.open([account])
        return self._accounts[key]
