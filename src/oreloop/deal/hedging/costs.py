"""What it costs to cover an open position, by instrument: formulas of figures that are given, never of assumed ones.

A position is covered by selling (metal bought and priced, not yet sold; or more sold than bought still to be priced) or
by buying (the reverse). Costs are per contained kg until the end of the month of the position; below 0 = it earns.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from statistics import NormalDist
from typing import Literal

from oreloop.base.errors import BadInput
from oreloop.deal.terms import Line

Side = Literal["buy", "sell"]

FIGURES = (
    "spot_per_kg",
    "day_count",
    "forward_premium_per_year",
    "funding_rate_per_year",
    "lease_rate_per_year",
    "account_fee_per_year",
    "margin_share",
    "fee_per_kg",
    "concession_per_kg",
    "volatility",
    "floor_per_kg",
    "cap_per_kg",
)
"""Names of the figures of a market: prices in its currency, rates as shares a year (simple), volatility of the logarithm
of the forward price for one year, ``forward_premium_per_year`` of the forward over the spot price, ``margin_share`` of the
spot value that an exchange holds, ``concession_per_kg`` given to the other side of a back-to-back pricing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """The figures of one metal, by the names of `FIGURES`.

    Args:
        currency: of its prices.
        figures: those that are known.

    Raises:
        BadInput: ``deal.unknown_figure``; ``deal.not_a_choice`` for a year of other than 360 or 365 days.
    """

    currency: str
    figures: Mapping[str, Fraction]

    def __post_init__(self) -> None:
        if unknown := sorted(set(self.figures) - set(FIGURES)):
            raise BadInput.of("deal.unknown_figure", got=", ".join(unknown), expected=", ".join(FIGURES))
        if self.figures.get("day_count", 365) not in (360, 365):
            raise BadInput.of("deal.not_a_choice", got=self.figures["day_count"], expected="360, 365")


def black_76(
    forward: float, strike: float, *, volatility: float, years: float, rate: float, kind: Literal["put", "call"]
) -> float:
    """Price a European option on a forward (Black, "The pricing of commodity contracts", J. Financial Economics 3, 1976).

    Args:
        forward: forward price, above 0.
        strike: in the same unit, above 0.
        volatility: standard deviation of the logarithm of the price over one year.
        years: until expiry.
        rate: continuously compounded, a year.
        kind: put or call.

    Raises:
        BadInput: ``deal.out_of_range`` for a price that is not above 0.

    >>> round(black_76(100, 100, volatility=0.2, years=1, rate=0.0, kind="call"), 4)
    7.9656
    """
    if min(forward, strike) <= 0:
        raise BadInput.of("deal.out_of_range", got=min(forward, strike), least=0, most="∞")
    sign = 1.0 if kind == "call" else -1.0
    spread = volatility * math.sqrt(years)
    discount = math.exp(-rate * years)
    if spread == 0:
        return discount * max(sign * (forward - strike), 0.0)
    first = math.log(forward / strike) / spread + spread / 2
    weight = NormalDist().cdf
    return discount * sign * (forward * weight(sign * first) - strike * weight(sign * (first - spread)))


Figures = Mapping[str, Fraction]


def _line(clause: str, amount: Fraction, formula: str, figures: Figures, side: Side, days: int, *names: str) -> Line:
    inputs = {name: figures[name] for name in names}
    inputs |= {"side": Fraction(1 if side == "buy" else -1), "days": Fraction(days)}
    return Line(clause=clause, amount=amount, formula=formula, inputs=inputs)


def _forward(figures: Figures, side: Side, days: int) -> Line:
    """Buying ahead pays what the forward is above the spot price; selling ahead earns it."""
    sign, years = (1 if side == "buy" else -1), days / figures["day_count"]
    carry = sign * figures["spot_per_kg"] * figures["forward_premium_per_year"] * years
    formula = "side * spot_per_kg * forward_premium_per_year * days / day_count + fee_per_kg"
    return _line("forward", carry + figures["fee_per_kg"], formula, figures, side, days, *_FORWARD)


def _future(figures: Figures, side: Side, days: int) -> Line:
    """As a forward, and the margin is funded."""
    ahead = _forward(figures, side, days)
    margin = figures["spot_per_kg"] * figures["margin_share"] * figures["funding_rate_per_year"]
    return _line(
        "future",
        ahead.amount + margin * days / figures["day_count"],
        f"{ahead.formula} + spot_per_kg * margin_share * funding_rate_per_year * days / day_count",
        figures,
        side,
        days,
        *_FORWARD,
        "margin_share",
        "funding_rate_per_year",
    )


def _back_to_back(figures: Figures, side: Side, days: int) -> Line:
    """The other side moves its pricing to the same days, for a concession."""
    return Line(
        clause="back_to_back",
        amount=figures["concession_per_kg"],
        formula="concession_per_kg",
        inputs={"concession_per_kg": figures["concession_per_kg"]},
    )


def _metal_account(figures: Figures, side: Side, days: int) -> Line:
    """To buy is to buy now and hold it in the account; to sell is to draw the account now and refill it later."""
    sign, years = (1 if side == "buy" else -1), days / figures["day_count"]
    yearly = figures["funding_rate_per_year"] + figures["account_fee_per_year"]
    formula = "side * spot_per_kg * (funding_rate_per_year + account_fee_per_year) * days / day_count"
    amount = sign * figures["spot_per_kg"] * yearly * years
    return _line("metal_account", amount, formula, figures, side, days, *_ACCOUNT)


def _lease(figures: Figures, side: Side, days: int) -> Line:
    """To sell is to borrow metal, sell it now and give the bought metal back; to buy is to buy now and lend it out."""
    sign, years = (1 if side == "buy" else -1), days / figures["day_count"]
    yearly = figures["funding_rate_per_year"] - figures["lease_rate_per_year"]
    formula = "side * spot_per_kg * (funding_rate_per_year - lease_rate_per_year) * days / day_count"
    amount = sign * figures["spot_per_kg"] * yearly * years
    return _line("lease", amount, formula, figures, side, days, *_LEASE)


def _option(figures: Figures, side: Side, days: int) -> Line:
    """A floor under what will be sold, or a cap on what will be bought."""
    strike = _strike(side)
    kind: Literal["put", "call"] = "put" if side == "sell" else "call"
    formula = f"black_76_{kind}({_BLACK.format(strike=strike)})"
    amount = Fraction(_premium(figures, strike, days, kind))
    return _line("option", amount, formula, figures, side, days, *_OPTION, strike)


def _floor_cap(figures: Figures, side: Side, days: int) -> Line:
    """Both agreed in one contract: the protection is paid by giving up the other end."""
    put, call = _premium(figures, "floor_per_kg", days, "put"), _premium(figures, "cap_per_kg", days, "call")
    floor = f"black_76_put({_BLACK.format(strike='floor_per_kg')})"
    cap = f"black_76_call({_BLACK.format(strike='cap_per_kg')})"
    formula = f"side * ({cap} - {floor})"
    amount = Fraction(call - put if side == "buy" else put - call)
    return _line("floor_cap", amount, formula, figures, side, days, *_OPTION, "floor_per_kg", "cap_per_kg")


def _premium(figures: Figures, strike: str, days: int, kind: Literal["put", "call"]) -> float:
    years = days / figures["day_count"]
    return black_76(
        float(figures["spot_per_kg"] * (1 + figures["forward_premium_per_year"] * years)),
        float(figures[strike]),
        volatility=float(figures["volatility"]),
        years=float(years),
        rate=float(figures["funding_rate_per_year"]),
        kind=kind,
    )


def _strike(side: Side) -> str:
    return "floor_per_kg" if side == "sell" else "cap_per_kg"


_BLACK = (
    "spot_per_kg * (1 + forward_premium_per_year * days / day_count), {strike}, volatility, days / day_count, "
    "funding_rate_per_year"
)
_FORWARD = ("spot_per_kg", "forward_premium_per_year", "fee_per_kg", "day_count")
_ACCOUNT = ("spot_per_kg", "funding_rate_per_year", "account_fee_per_year", "day_count")
_LEASE = ("spot_per_kg", "funding_rate_per_year", "lease_rate_per_year", "day_count")
_OPTION = ("spot_per_kg", "forward_premium_per_year", "funding_rate_per_year", "volatility", "day_count")

COSTS: Mapping[str, tuple[Callable[[Side], tuple[str, ...]], Callable[[Figures, Side, int], Line]]] = {
    "future": (lambda side: (*_FORWARD, "margin_share", "funding_rate_per_year"), _future),
    "forward": (lambda side: _FORWARD, _forward),
    "option": (lambda side: (*_OPTION, _strike(side)), _option),
    "back_to_back": (lambda side: ("concession_per_kg",), _back_to_back),
    "metal_account": (lambda side: _ACCOUNT, _metal_account),
    "lease": (lambda side: _LEASE, _lease),
    "floor_cap": (lambda side: (*_OPTION, "floor_per_kg", "cap_per_kg"), _floor_cap),
}
"""By instrument: the figures that its cost needs, and the cost."""
