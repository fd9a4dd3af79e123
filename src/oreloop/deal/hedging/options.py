"""Options: what they pay at a price, and up to which price they keep an open position.

A payoff at expiry is arithmetic and exact. What an option is worth before is a matter of models, and is not said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

import polars as pl

from oreloop.base.money import Money

if TYPE_CHECKING:  # positions hold options
    from oreloop.deal.hedging.positions import Hedge

Move = Literal["fall", "rise"]

KINDS = ("call", "put", "collar")

OPTIONS = {
    "metal": pl.String,
    "month": pl.String,
    "instrument": pl.String,
    "venue": pl.String,
    "kg": pl.Float64,
    "currency": pl.String,
    "strike_per_kg": pl.Float64,
    "floor_per_kg": pl.Float64,
    "cap_per_kg": pl.Float64,
    "premium_per_kg": pl.Float64,
    "premium_minor": pl.Int64,
    "against": pl.String,
    "covers_kg": pl.Float64,
    "worst_per_kg": pl.Float64,
    "best_per_kg": pl.Float64,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """The right to buy at a strike, per contained kg."""

    strike: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """The right to sell at a strike, per contained kg."""

    strike: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class Collar:
    """A put at a floor and a call at a cap, per contained kg, one bought and the other sold.

    Long, the call is bought and the put sold: whoever must buy pays no more than the cap and no less than the floor. Short,
    the put is bought and the call sold: whoever must sell gets no less than the floor and no more than the cap.
    """

    floor: Fraction
    cap: Fraction


Option = Call | Put | Collar


def payoff_per_kg(option: Option, price: Fraction) -> Fraction:
    """Give what one long contained kg of an option pays at expiry; the short side pays it.

    Args:
        option: the option.
        price: at expiry, per contained kg, in the currency of its strike.

    >>> payoff_per_kg(Put(strike=Fraction(38000)), Fraction(36500))
    Fraction(1500, 1)
    >>> payoff_per_kg(Collar(floor=Fraction(38000), cap=Fraction(44000)), Fraction(36500))
    Fraction(-1500, 1)
    """
    nothing = Fraction(0)
    match option:
        case Call(strike=strike):
            return max(price - strike, nothing)
        case Put(strike=strike):
            return max(strike - price, nothing)
        case Collar(floor=floor, cap=cap):
            return max(price - cap, nothing) - max(floor - price, nothing)


def kept_at(option: Option, mass_mg: int) -> tuple[Move, Fraction] | None:
    """Give against which move of the price an option keeps, and at which price; None for one that was written.

    Args:
        option: the option.
        mass_mg: of the position, mg; long above 0.
    """
    match option:
        case Call(strike=strike):
            return ("rise", strike) if mass_mg > 0 else None
        case Put(strike=strike):
            return ("fall", strike) if mass_mg > 0 else None
        case Collar(floor=floor, cap=cap):
            return ("rise", cap) if mass_mg > 0 else ("fall", floor)


def covering(open_mg: Mapping[tuple[str, str], int], hedges: Iterable[Hedge]) -> pl.DataFrame:
    """Give each option, how much of the open position of its metal and month it keeps, and at which price at worst.

    The best price comes first: the highest floor of what must be sold, the lowest cap of what must be bought; among several
    currencies, which are not compared, in the order of their codes.

    Args:
        open_mg: by metal and month, contained mg; above 0 gains when the price rises.
        hedges: positions; those that are no options are left out.

    Returns:
        Contained kg, prices per contained kg. ``against`` is the move it keeps against, empty for one that was written or
        whose strike is not stated; ``covers_kg`` is how much of the open position is kept, never more than is open.
        ``worst_per_kg`` is the least that is got, or the most that is paid, with the premium; ``best_per_kg`` the other end
        of a collar. ``premium_minor`` is what the position cost.
    """
    left = dict(open_mg)
    rows = []
    for each in sorted((each for each in hedges if not each.is_linear), key=_order):
        kept = kept_at(each.option, each.mass_mg) if each.option else None
        covered = 0
        if kept is not None:
            key, sign = (each.metal, each.month), 1 if kept[0] == "fall" else -1
            covered = min(max(left.get(key, 0) * sign, 0), abs(each.mass_mg))
            left[key] = left.get(key, 0) - covered * sign
        rows.append((*_head(each), kept[0] if kept else None, covered / 1e6, *_ends(each, kept)))
    rows.sort(key=lambda row: (row[0], row[1]))
    return pl.DataFrame(rows, OPTIONS, orient="row")


def premium_minor(hedge: Hedge) -> int | None:
    """Give what the premium of a position came to, in minor units of its currency; None where none is stated."""
    if hedge.premium_per_kg is None or hedge.currency is None:
        return None
    return Money.of(Fraction(abs(hedge.mass_mg), 1_000_000) * hedge.premium_per_kg, hedge.currency).amount_minor


def _order(each: Hedge) -> tuple[str, str, str, Fraction, str, str]:
    kept = kept_at(each.option, each.mass_mg) if each.option else None
    best = Fraction(0) if kept is None else -kept[1] if kept[0] == "fall" else kept[1]
    return each.metal, each.month, each.currency or "", best, each.instrument, each.venue or ""


def _head(each: Hedge) -> tuple[object, ...]:
    strike = each.option.strike if isinstance(each.option, Call | Put) else None
    floor, cap = (each.option.floor, each.option.cap) if isinstance(each.option, Collar) else (None, None)
    prices = (None if price is None else float(price) for price in (strike, floor, cap, each.premium_per_kg))
    where = (each.metal, each.month, each.instrument, each.venue, each.mass_mg / 1e6, each.currency)
    return (*where, *prices, premium_minor(each))


def _ends(each: Hedge, kept: tuple[Move, Fraction] | None) -> Iterator[float | None]:
    """Give the worst price and, of a collar, the best one, both with the premium."""
    if kept is None or each.premium_per_kg is None:
        yield from (None, None)
        return
    move, price = kept
    paid = -each.premium_per_kg if move == "fall" else each.premium_per_kg
    yield float(price + paid)
    match each.option:
        case Collar(floor=floor, cap=cap):
            yield float((cap if move == "fall" else floor) + paid)
        case _:
            yield None
