"""Splitting a quantity over several sellers at least cost, in whole milligrams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, combinations

from oreloop.base.errors import BadInput

MOST_MINIMUMS = 12
"""Quotes with a minimum that one award can hold; every set of them is tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What one quote can take.

    Args:
        seller: party.
        cost_per_kg: what it is judged by.
        least_mg: least, if anything is taken; 0 = any.
        most_mg: most.
    """

    seller: str
    cost_per_kg: Fraction
    least_mg: int
    most_mg: int


def allocate(shares: Sequence[Share], quantity_mg: int, most_of_a_seller_mg: int) -> tuple[int, ...]:
    """Give how much each quote takes: as much of the quantity as can be had, then at least cost.

    Among equals the earlier quotes take more. Quotes without a minimum are taken from the cheapest on, which is optimal
    under bounds of quotes and of sellers; of those with one, every set is tried.

    Args:
        shares: the quotes, the least cost first.
        quantity_mg: what is wanted, mg.
        most_of_a_seller_mg: most that one seller may have, mg.

    Returns:
        mg by quote, in the order of ``shares``.

    Raises:
        BadInput: ``deal.too_many_minimums``.

    >>> one = Share(seller="a", cost_per_kg=Fraction(9), least_mg=0, most_mg=6)
    >>> two = Share(seller="b", cost_per_kg=Fraction(10), least_mg=5, most_mg=20)
    >>> allocate([one, two], 10, 10)
    (5, 5)
    """
    bound = [position for position, share in enumerate(shares) if share.least_mg]
    if len(bound) > MOST_MINIMUMS:
        raise BadInput.of("deal.too_many_minimums", got=len(bound), most=MOST_MINIMUMS)
    sets = chain.from_iterable(combinations(bound, count) for count in range(len(bound) + 1))
    found = (_fill(shares, frozenset(each), quantity_mg, most_of_a_seller_mg) for each in sets)
    tried = [taken for taken in found if taken is not None]

    def rank(taken: tuple[int, ...]) -> tuple[int, Fraction, tuple[int, ...]]:
        cost = sum((mg * share.cost_per_kg for mg, share in zip(taken, shares, strict=True)), Fraction(0))
        return -sum(taken), cost, tuple(-mg for mg in taken)

    return min(tried, key=rank)


def _fill(
    shares: Sequence[Share], chosen: frozenset[int], quantity_mg: int, most_of_a_seller_mg: int
) -> tuple[int, ...] | None:
    """Take the minimums of the chosen quotes, then fill up from the best; None where the minimums do not fit."""
    taken = [share.least_mg if position in chosen else 0 for position, share in enumerate(shares)]
    left = quantity_mg - sum(taken)
    room = {share.seller: most_of_a_seller_mg for share in shares}
    for share, mg in zip(shares, taken, strict=True):
        room[share.seller] -= mg
    if left < 0 or min(room.values(), default=0) < 0:
        return None
    for position, share in enumerate(shares):
        if share.least_mg and position not in chosen:
            continue
        more = min(share.most_mg - taken[position], left, room[share.seller])
        taken[position] += more
        left -= more
        room[share.seller] -= more
    return tuple(taken)
