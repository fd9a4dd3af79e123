"""Weights: wet mass, moisture and dry mass of lots, and whose weight counts.

A *franchise* is the difference that two scales may show without a dispute. Within it one weight counts, beyond it another;
which ones is for the contract to say.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Literal, assert_never

from oreloop.base.quantity import contained_mg

Basis = Literal["delivered", "received", "mean"]
BASES: dict[str, Basis] = {"delivered": "delivered", "received": "received", "mean": "mean"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Whose weights count.

    Args:
        within: whose, while the dry masses differ by no more than the franchise.
        franchise_share: difference that raises no dispute, as a share of the delivered dry mass; inclusive.
        beyond: whose, when they differ by more.
        days: from delivery until both have weighed; after that the weight of the one who did counts alone.
    """

    within: Basis
    franchise_share: Fraction
    beyond: Basis
    days: int

    def last_day(self, delivered: date) -> date:
        """Give the last day to weigh, UTC."""
        return delivered + timedelta(days=self.days)


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighing:
    """One lot on one scale.

    Args:
        wet_mg: mass as weighed, mg.
        moisture: share of water in it, 0 to 1.
    """

    wet_mg: int
    moisture: Decimal

    @property
    def dry_mg(self) -> int:
        """The mass without water, mg, rounded half to even."""
        return contained_mg(self.wet_mg, moisture=self.moisture, content=Decimal(1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """The mass that counts.

    Args:
        wet_mg, dry_mg: mass, mg.
        basis: whose it is.
    """

    wet_mg: int
    dry_mg: int
    basis: Basis


def counted(terms: Weights, delivered: Iterable[Weighing], received: Iterable[Weighing]) -> Counted | None:
    """Give the mass that counts of the lots of one batch, or None when nobody has weighed.

    Args:
        terms: the clause.
        delivered: lots as the party who delivers weighed them; empty when it did not.
        received: lots as the party who receives weighed them.

    >>> terms = Weights(within="delivered", franchise_share=Fraction(1, 200), beyond="mean", days=10)
    >>> said = Weighing(wet_mg=20_000_000_000, moisture=Decimal("0.08"))
    >>> found = Weighing(wet_mg=19_980_000_000, moisture=Decimal("0.085"))
    >>> counted(terms, [said], [found])
    Counted(wet_mg=19990000000, dry_mg=18340850000, basis='mean')
    """
    ours, theirs = _total(delivered), _total(received)
    if ours is None or theirs is None:
        alone = ours or theirs
        basis: Basis = "delivered" if ours else "received"
        return Counted(wet_mg=alone[0], dry_mg=alone[1], basis=basis) if alone else None
    agree = abs(ours[1] - theirs[1]) <= terms.franchise_share * ours[1]
    basis = terms.within if agree else terms.beyond
    match basis:
        case "delivered":
            wet_mg, dry_mg = ours
        case "received":
            wet_mg, dry_mg = theirs
        case "mean":
            wet_mg, dry_mg = (round(Fraction(one + other, 2)) for one, other in zip(ours, theirs, strict=True))
        case _:
            assert_never(basis)
    return Counted(wet_mg=wet_mg, dry_mg=dry_mg, basis=basis)


def _total(lots: Iterable[Weighing]) -> tuple[int, int] | None:
    weighed = list(lots)
    return (sum(lot.wet_mg for lot in weighed), sum(lot.dry_mg for lot in weighed)) if weighed else None
