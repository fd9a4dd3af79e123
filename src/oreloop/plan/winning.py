"""Why this supplier and not that: the price at which an offer would win more than the plan gives it.

The price of one offer in the planned periods is multiplied by one factor, all else stays. The optimum as a function of
that factor is concave and piecewise linear; its slope is what is spent on the offer at its present price. The offer gets
more below the largest factor at which some plan that spends more on it costs no more than the present plan does, which is
a fraction that Dinkelbach's iteration maximises (see `oreloop.plan.ranging`): solve at a factor, take the factor at which
the plan found and the present one cost the same, repeat until no plan is better than the present one. It begins with the
metal for nothing, so that the answer is the same whatever the price is today, and needs no step width. Minimum orders and
fixed charges count: the plans compared are whole plans.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from oreloop.base.errors import Unavailable
from oreloop.base.texts import Language, label
from oreloop.plan.answers import Plan
from oreloop.plan.figures import TINY_KG
from oreloop.plan.highs import HIGHS, Optimal, Solver
from oreloop.plan.model import Floats
from oreloop.plan.search import Searched
from oreloop.plan.session import Session

_T, _F = pl.Utf8, pl.Float64
_WINNING = {
    "offer": _T, "site": _T, "material": _T, "price_per_kg": _F, "wins_below_per_kg": _F, "change_share": _F,
    "ordered_kg": _F, "more_kg": _F,
}  # fmt: skip
PRICED = ("purchase", "rent")
"""Components of the cost of an order that are its price."""
_SAME = 1e-9
"""Factors closer than this are one."""


def winning_prices(session: Session, plan: Plan, *, solver: Solver = HIGHS) -> pl.DataFrame:
    """Give, for each offer that could supply more in the planned periods than it does, the price at which it would.

    Args:
        session: of the network.
        plan: its plan.
        solver: solves the plan at other prices.

    Returns:
        One row an offer with room under its own ceiling in some planned period and a price above zero, nearest to winning
        first: offer, site, material; ``price_per_kg`` of what it would get (rent of a lease included; mean of its
        periods, weighted by kg); ``wins_below_per_kg``: at any lower price the offer gets more, at any higher one no
        more; ``change_share``, the same as a relative change of the price, zero where another plan of the same cost gives
        it more already; ``ordered_kg`` in the planned periods by the plan; ``more_kg``, what it gets in addition just
        below that price. All but ``price_per_kg`` and ``ordered_kg`` are null for an offer that would get no more even
        for nothing.

    Raises:
        Unavailable: ``plan.solver_failed`` when the plan has no optimum at another price.
    """
    network = session.network
    buy, planned = network.activities["buy"], network.calendar.planned
    bid = _Bidding(plan, solver)
    price = sum((buy.costs[name] for name in PRICED if name in buy.costs), np.zeros(buy.most_kg.shape))
    ordered = bid.kg(plan.solution)[:, :planned]
    room = bid.most_kg[:, :planned] - ordered > TINY_KG
    asked = price[:, :planned]
    rows = []
    for entity in np.flatnonzero((room & (asked > 0)).any(axis=1)):
        ids = buy.index.row(int(entity), named=True)
        won = bid.winning(int(entity), asked[entity])
        given, more = (ordered[entity], None) if won is None else (won.kg, float((won.kg - ordered[entity]).sum()))
        weights = given if given.sum() > TINY_KG else room[entity].astype(np.float64)
        now = float(asked[entity] @ weights / weights.sum())
        below, change = (None, None) if won is None else (now * won.factor, won.factor - 1.0)
        named = [ids[name] for name in ("offer", "site", "material")]
        rows.append((*named, now, below, change, float(ordered[entity].sum()), more))
    frame = pl.DataFrame(rows, schema=_WINNING, orient="row")
    return frame.sort("change_share", "offer", descending=[True, False], nulls_last=True)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Won:
    """The factor below which an offer gets more, and what it then gets in kg, shape ``(planned,)``."""

    factor: float
    kg: Floats


class _Bidding:
    """One program, solved at other prices of one offer at a time."""

    def __init__(self, plan: Plan, solver: Solver) -> None:
        self._plan, self._model = plan, plan.model
        self._periods = len(plan.network.calendar)
        self._start = self._model.column_blocks["buy"].start
        self._warm = Searched(solver=solver).warm(self._model)
        self.most_kg = self._model.of_columns("buy", self._model.upper).reshape(-1, self._periods)

    def kg(self, solution: Optimal) -> Floats:
        """Kg ordered, shape ``(offers, periods)``."""
        return self._model.of_columns("buy", solution.primal).reshape(-1, self._periods)

    def winning(self, entity: int, price: Floats) -> _Won | None:
        """Find the factor; None where even metal for nothing would not be ordered more.

        Args:
            entity: the offer.
            price: what it asks for a kg, shape ``(planned,)``.
        """
        planned = slice(0, len(price))
        spent = float(price @ self.kg(self._plan.solution)[entity, planned])
        others = self._plan.objective - spent
        factor, found = 0.0, None
        while True:
            told = self._at(entity, price, factor)
            kg = self.kg(told)[entity, planned]
            spends = float(price @ kg)
            if spends <= spent + TINY_KG * float(price.max()):
                return found
            even = (others - (told.objective - factor * spends)) / (spends - spent)
            if even <= factor + _SAME:
                return found
            factor = 1.0 if even >= 1.0 - _SAME else even
            found = _Won(factor=factor, kg=kg)

    def _at(self, entity: int, price: Floats, factor: float) -> Optimal:
        """The plan when the offer asks ``factor`` times its price in the planned periods."""
        cost = self._model.cost.copy()
        first = self._start + entity * self._periods
        cost[first : first + len(price)] += (factor - 1.0) * price
        outcome = self._warm.resolve(replace(self._model, cost=cost))
        if not isinstance(outcome, Optimal):
            raise Unavailable.of("plan.solver_failed", said=outcome.said)
        return outcome


def sentence(row: Mapping[str, Any], language: Language, *, currency: str = "") -> str:
    """Say a row of `winning_prices` in words.

    >>> row = {"offer": "spot", "wins_below_per_kg": 812000.0, "change_share": -0.0625, "more_kg": 12.0}
    >>> sentence(row, "en", currency="CNY")
    'spot gets 12 kg more below 812,000 CNY per kg, which is 6.25 % off its price.'
    """
    if row["wins_below_per_kg"] is None:
        return label("plan.winning.never", language, offer=row["offer"])
    code = "plan.winning.below" if row["change_share"] < 0 else "plan.winning.tied"
    return label(
        code, language, offer=row["offer"], kg=f"{row['more_kg']:,.6g}",
        price=f"{row['wins_below_per_kg']:,.0f} {currency}".strip(), change=f"{-100 * row['change_share']:.4g}",
    )  # fmt: skip
