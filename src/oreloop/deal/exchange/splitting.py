"""Splitting limits: two results of one analyte, and what counts of them.

Within the limit, which is inclusive, the mean counts; beyond it the umpire decides. A party without a result when the
exchange is over is silent, and the other's counts; when both are silent, the umpire's counts alone at the cost of both.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from oreloop.deal.exchange.sampling import Uncertainties
from oreloop.deal.exchange.umpire import Rule, cost_shares, settled

By = Literal["open", "mean", "silence", "awaited", "umpire"]
"""How an analyte stands: a party may still speak; the mean counts; one result alone counts; the umpire is awaited; it spoke."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """The terms for one analyte.

    Args:
        analyte: e.g. ``Pt``.
        limit: greatest difference, as a mass share, at which the mean counts.
        unit: unit in which the contract states it.
        uncertainties: of the assays, as mass shares, where the contract states them.
    """

    analyte: str
    limit: Fraction
    unit: str
    uncertainties: Uncertainties | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What an exchange says of one analyte. All values are shares of dry mass.

    Args:
        terms: limit and unit.
        rule: the umpire rule of the contract.
        seller, buyer, umpire: results, or None.
        by: how it stands.
        settled: the share that counts, or None while it is open.
        cost: parts of the umpire's cost that the seller and the buyer bear for this analyte.
    """

    terms: Split
    rule: Rule
    seller: Fraction | None
    buyer: Fraction | None
    umpire: Fraction | None = None
    by: By
    settled: Fraction | None = None
    cost: tuple[Fraction, Fraction] = (Fraction(0), Fraction(0))

    @property
    def mean(self) -> Fraction | None:
        """The mean of the parties' results, or None when one is missing."""
        return None if self.seller is None or self.buyer is None else (self.seller + self.buyer) / 2


def compared(
    terms: Split,
    rule: Rule,
    results: tuple[Fraction | None, Fraction | None],
    umpire: Fraction | None,
    *,
    over: bool,
) -> Outcome:
    """Compare two results of an analyte.

    Args:
        terms: limit and unit.
        rule: the umpire rule.
        results: the seller's and the buyer's share, None when not shown.
        umpire: the umpire's share, None when not shown.
        over: whether neither party may speak any more.
    """
    seller, buyer = results
    alone = seller if buyer is None else buyer
    said = Outcome(terms=terms, rule=rule, seller=seller, buyer=buyer, by="open")
    if not over:
        return said
    if seller is not None and buyer is not None:
        if abs(seller - buyer) <= terms.limit:
            return replace(said, by="mean", settled=(seller + buyer) / 2)
        if umpire is None:
            return replace(said, by="awaited")
        share, cost = settled(rule, seller, buyer, umpire), cost_shares(seller, buyer, umpire)
        return replace(said, by="umpire", umpire=umpire, settled=share, cost=cost)
    if alone is not None:
        return replace(said, by="silence", settled=alone)
    if umpire is None:
        return replace(said, by="awaited")
    return replace(said, by="umpire", umpire=umpire, settled=umpire, cost=(Fraction(1, 2), Fraction(1, 2)))
