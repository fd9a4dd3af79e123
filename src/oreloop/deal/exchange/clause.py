"""The tables ``[weights]`` and ``[exchange]`` of a contract file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING

from oreloop.base.errors import BadInput
from oreloop.deal.assay import SHARE_UNITS, share
from oreloop.deal.exchange.sampling import Uncertainties
from oreloop.deal.exchange.splitting import Split
from oreloop.deal.exchange.umpire import RULES, Rule
from oreloop.deal.exchange.weights import BASES, Weights

if TYPE_CHECKING:
    from oreloop.deal.clauses import Terms

_UNCERTAINTIES = ("seller_uncertainty", "buyer_uncertainty", "umpire_uncertainty")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """Last days, UTC: to commit, to reveal, for the umpire to assay."""

    commit: date
    reveal: date
    umpire: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """The exchange of assays.

    Args:
        umpire: the party who decides beyond a splitting limit.
        rule: how its result counts, 1 to 8.
        exchange_days: from delivery until both have committed.
        reveal_days: after that, until both have revealed.
        umpire_days: after that, until the umpire has assayed.
        umpire_cost: of one analyte at the umpire, major units of the contract currency; None when the contract is silent.
        analytes: what is exchanged, each with its limit.
    """

    umpire: str
    rule: Rule
    exchange_days: int
    reveal_days: int
    umpire_days: int
    umpire_cost: Fraction | None
    analytes: tuple[Split, ...]

    def deadlines(self, delivered: date) -> Deadlines:
        """Give the last days for a batch. They run from its delivery, so that no party's haste changes another's day."""
        commit = delivered + timedelta(days=self.exchange_days)
        reveal = commit + timedelta(days=self.reveal_days)
        return Deadlines(commit=commit, reveal=reveal, umpire=reveal + timedelta(days=self.umpire_days))


def read_weights(table: Terms) -> Weights:
    """Read ``[weights]``."""
    return Weights(
        within=BASES.get(table.words("within", BASES), "mean"),
        franchise_share=table.share("franchise_share"),
        beyond=BASES.get(table.words("beyond", BASES), "mean"),
        days=table.whole("days"),
    )


def read_exchange(table: Terms) -> Exchange:
    """Read ``[exchange]`` with its ``[[exchange.analytes]]``."""
    rule = table.whole("rule", least=1)
    if rule > RULES[-1]:
        table.refuse("deal.not_a_choice", "rule", got=rule, expected=", ".join(map(str, RULES)))
    analytes = tuple(_split(row) for row in table.rows("analytes"))
    names = [each.analyte for each in analytes]
    for twice in sorted({name for name in names if name and names.count(name) > 1}):
        table.refuse("deal.analyte_twice", "analytes", got=twice)
    return Exchange(
        umpire=table.name("umpire"),
        rule=RULES[rule - 1] if rule in RULES else 1,
        exchange_days=table.whole("exchange_days"),
        reveal_days=table.whole("reveal_days"),
        umpire_days=table.whole("umpire_days"),
        umpire_cost=table.number("umpire_cost") if table.has("umpire_cost") else None,
        analytes=analytes,
    )


def _split(row: Terms) -> Split:
    analyte, unit = row.words("analyte"), row.words("unit", SHARE_UNITS)
    limit = _share(row, "splitting_limit", unit) or Fraction(0)
    uncertainties = _uncertainties(row, analyte, unit) if any(map(row.has, _UNCERTAINTIES)) else None
    row.done()
    return Split(analyte=analyte, limit=limit, unit=unit, uncertainties=uncertainties)


def _uncertainties(row: Terms, analyte: str, unit: str) -> Uncertainties | None:
    """Read all three, each above 0: no assay is exact."""
    read = [_share(row, key, unit) for key in _UNCERTAINTIES]
    for key, value in zip(_UNCERTAINTIES, read, strict=True):
        if value == 0:
            row.refuse("deal.no_uncertainty", key, analyte=analyte)
    seller, buyer, umpire = read
    return Uncertainties(seller=seller, buyer=buyer, umpire=umpire) if seller and buyer and umpire else None


def _share(row: Terms, key: str, unit: str) -> Fraction | None:
    """Read a share in a unit, or None when it cannot be read."""
    written = row.words(key)
    if not written or unit not in SHARE_UNITS:
        return None
    try:
        return Fraction(share(written, unit))
    except BadInput as error:
        row.copy(key, error)
        return None
