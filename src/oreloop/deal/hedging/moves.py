"""What a move of the price comes to in money: on what is open, and with what options pay more or less."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import polars as pl

from oreloop.base.money import Money
from oreloop.base.period import Period
from oreloop.case.prices import Rates
from oreloop.deal.exact import fraction
from oreloop.deal.hedging.options import payoff_per_kg
from oreloop.deal.hedging.positions import Hedge

MOVED = {
    "metal": pl.String,
    "month": pl.String,
    "open_kg": pl.Float64,
    "move_per_kg": pl.Float64,
    "price_per_kg": pl.Float64,
    "currency": pl.String,
    "rise_minor": pl.Int64,
    "fall_minor": pl.Int64,
    "rise_with_options_minor": pl.Int64,
    "fall_with_options_minor": pl.Int64,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A move of the price of a metal.

    Args:
        metal: element symbol.
        move_per_kg: by how much, per contained kg.
        currency: of the move and of the price.
        price_per_kg: from which price it moves, per contained kg; None = from any, so that nothing is said of options.
    """

    metal: str
    move_per_kg: Fraction
    currency: str
    price_per_kg: Fraction | None = None


def moved(
    positions: pl.DataFrame, hedges: Iterable[Hedge], moves: Iterable[Move], *, rates: Rates, period: Period
) -> pl.DataFrame:
    """Give what moves of the price in every month are worth, exactly.

    Args:
        positions: frame of `oreloop.deal.exposed`; ``open_kg`` is what a rise by one earns.
        hedges: positions that are held; of them options count here, since all others are in ``open_kg``.
        moves: of which metals, by how much, from which prices.
        rates: exchange rates, for options in another currency than the move.
        period: which chooses the rates.

    Returns:
        One row for each move and month of its metal. ``rise_minor`` = ``open_kg`` × move, in minor units of the currency of the
        move, ``fall_minor`` the same with the other sign; ``..._with_options_minor`` add by how much more or less the options
        pay at expiry: null where no price is given, or an option of the month states no strike. A floor, a cap or a share that
        is passed through in the price of a contract is not in it.

    Raises:
        BadInput: ``case.missing_rate``.
    """
    options = [each for each in hedges if not each.is_linear]
    rows = []
    for move in moves:
        own = positions.filter(pl.col("metal") == move.metal)
        for month, open_kg in own.select("month", "open_kg").iter_rows():
            held = [each for each in options if (each.metal, each.month) == (move.metal, month)]
            up, down = (fraction(open_kg) * change for change in (move.move_per_kg, -move.move_per_kg))
            paid_up, paid_down = (_paid(held, move, sign, rates, period) for sign in (1, -1))
            with_up, with_down = (
                None if paid is None else Money.of(amount + paid, move.currency).amount_minor
                for amount, paid in ((up, paid_up), (down, paid_down))
            )
            head = (move.metal, month, open_kg, float(move.move_per_kg), _float(move.price_per_kg), move.currency)
            plain = (Money.of(amount, move.currency).amount_minor for amount in (up, down))
            rows.append((*head, *plain, with_up, with_down))
    return pl.DataFrame(rows, MOVED, orient="row")


def _paid(held: list[Hedge], move: Move, sign: int, rates: Rates, period: Period) -> Fraction | None:
    """Give by how much more options pay after a move, in the currency of the move."""
    total = Fraction(0)
    for each in held:
        if move.price_per_kg is None or each.option is None:
            return None
        rate = fraction(rates.rate(move.currency, each.currency or move.currency, period))
        before, after = (price * rate for price in (move.price_per_kg, move.price_per_kg + sign * move.move_per_kg))
        per_kg = payoff_per_kg(each.option, after) - payoff_per_kg(each.option, before)
        total += Fraction(each.mass_mg, 1_000_000) * per_kg / rate
    return None if move.price_per_kg is None else total


def _float(value: Fraction | None) -> float | None:
    return None if value is None else float(value)
