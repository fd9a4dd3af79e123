"""Near-optimal alternatives: plans that cost hardly more than the best one, and buy elsewhere.

The cheapest plan is rarely the only good one. For each of the largest suppliers it is asked how little can be bought from
it while the plan costs at most a share more and no more demand goes short; the cheapest plan that buys no more than that
is the alternative. So what is said of each is no guess: no plan within the share buys less from that supplier.

Source: modelling to generate alternatives (Brill 1979, The use of optimization models in public-sector planning,
Management Science 25, 413-422); here the differences asked for are those that a buyer cares for, one supplier at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from oreloop.base.errors import BadInput
from oreloop.plan import shown
from oreloop.plan.answers import Plan
from oreloop.plan.certificate import verify_certificate
from oreloop.plan.figures import TINY_KG
from oreloop.plan.formulate import PENALTIES, formulate
from oreloop.plan.goals import SLACK, Goals, Reached, linear, priced, whole_horizon
from oreloop.plan.highs import Highs, Solver
from oreloop.plan.network import Edit
from oreloop.plan.session import Session

BY = ("party", "country", "offer")
"""What metal may be moved away from."""
AMONG_WHOLE = Highs(gap=1e-4)
"""With whole orders, the search for the least kg from a supplier ends at this relative gap."""
_T, _F = pl.Utf8, pl.Float64
_ALTERNATIVES = {
    "alternative": pl.Int64, "away_from": _T, "best_kg": _F, "least_kg": _F, "kept_kg": _F, "moved_kg": _F, "cost": _F,
    "extra_cost": _F, "extra_share": _F, "co2e_kg": _F, "top_country_share": _F, "short_kg": _F, "verified": pl.Boolean,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Near:
    """Alternatives to a plan.

    Args:
        alternatives: one row for each of the largest suppliers: ``alternative`` (from 1), ``away_from``, ``best_kg`` and
            ``kept_kg`` (contained kg bought from it in the plan and in the alternative), ``least_kg`` (no plan within the
            share buys less; below ``kept_kg`` only where orders must be whole), ``moved_kg``, ``cost`` (money),
            ``extra_cost`` (with penalties, as the plan minimises both) and ``extra_share`` of the plan's cost, ``co2e_kg``, ``top_country_share``, ``short_kg``;
            all over every period of the plan, the guard beyond its end included. ``verified``: the certificate of the
            alternative holds, and it is within the share.
        orders: as `Plan.orders`, with a column ``alternative``.
        plans: the alternatives themselves, in the order of the rows.
    """

    alternatives: pl.DataFrame
    orders: pl.DataFrame
    plans: tuple[Plan, ...]

    __repr__ = shown.near


def near_optimal(
    session: Session,
    plan: Plan,
    *,
    within: float = 0.01,
    count: int = 3,
    by: str = "party",
    solver: Solver = AMONG_WHOLE,
) -> Near:
    """Find plans that buy as little as possible from the largest supplier, then from the next, and so on.

    Args:
        session: of the network of the plan.
        plan: the cheapest plan.
        within: how much more an alternative may cost, penalties included, as a share of the plan's money.
        count: how many suppliers, the largest first.
        by: ``party``, ``country`` (of origin) or ``offer``. An offer without a party stands for itself.
        solver: what finds how little can be bought.

    Returns:
        The alternatives. Where nothing can be moved away within the share, ``moved_kg`` is 0: that is an answer too.

    Raises:
        BadInput: ``plan.near_within`` for a share below 0, ``plan.near_by``.
        Unavailable: ``plan.solver_failed``.
    """
    if not within >= 0.0:
        raise BadInput.of("plan.near_within", got=within)
    if by not in BY:
        raise BadInput.of("plan.near_by", got=by, expected=", ".join(BY))
    problem = formulate(session.network)
    suppliers = dict(_suppliers(session, by))
    blocks = list(problem.model.column_blocks)
    goals = Goals(
        problem,
        {
            "objective": priced(problem, blocks),
            "cost": priced(problem, [name for name in blocks if name not in PENALTIES]),
            "co2e": linear(session.network, "co2e"),
            "shortage": linear(session.network, "shortage"),
            **{_kg(name): linear(session.network, "purchase", scope) for name, scope in suppliers.items()},
        },
        solver=solver,
    )
    best = goals.reached(plan.solution)
    most = best.figures["objective"] + within * abs(best.figures["cost"])
    ceilings = {"objective": most, "shortage": best.figures["shortage"]}
    largest = sorted(suppliers, key=lambda name: (-best.figures[_kg(name)], name))[:count]
    rows, orders, plans = [], [plan.orders.clear().select(pl.lit(0).alias("alternative"), pl.all())], []
    for number, name in enumerate(largest, start=1):
        least = goals.least({_kg(name): 1.0}, ceilings)
        assert least is not None
        kept = least.figures[_kg(name)]
        other = _limited(session, suppliers[name], kept, best.figures["shortage"])
        point = goals.reached(other.solution)
        floor = kept if least.solution.bound is None else min(kept, least.solution.bound)
        rows.append(_row(number, name, best, point, least_kg=floor, verified=_verified(other, most)))
        orders.append(other.orders.select(pl.lit(number).alias("alternative"), pl.all()))
        plans.append(other)
    return Near(alternatives=pl.DataFrame(rows, schema=_ALTERNATIVES), orders=pl.concat(orders), plans=tuple(plans))


def _suppliers(session: Session, by: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Give each supplier with the scope of its purchases."""
    for row in session.network.activities["buy"].index.iter_rows(named=True):
        key = by if row[by] is not None else "offer"
        yield row[key], {key: row[key]}


def _kg(name: str) -> str:
    return f"kg of {name}"


def _limited(session: Session, scope: Mapping[str, str], kept_kg: float, short_kg: float) -> Plan:
    """The cheapest plan that buys no more from a supplier and leaves no more demand unmet."""
    rule = {"period": whole_horizon(session.network), "sense": "<=", "unit": "kg", "kind": "hard"}
    named = "; ".join(f"{key}={value}" for key, value in scope.items())
    limits = [
        {"limit": "near", "metric": "purchase", "scope": named, "value": kept_kg + TINY_KG, **rule},
        {"limit": "near-short", "metric": "shortage", "scope": None, "value": short_kg + TINY_KG, **rule},
    ]
    told = session.whatif([Edit(table="limits", how="add", value=limit) for limit in limits])
    assert isinstance(told, Plan)
    return told


def _verified(plan: Plan, most: float) -> bool:
    """Whether a plan is proved to hold all rules, and costs no more than it may."""
    within = plan.objective <= most + 10 * SLACK * max(1.0, abs(most))
    return within and verify_certificate(plan.certificate(), plan.model).accepted


def _row(
    number: int, name: str, best: Reached, point: Reached, *, least_kg: float, verified: bool
) -> dict[str, object]:
    extra = point.figures["objective"] - best.figures["objective"]
    return {
        "alternative": number,
        "away_from": name,
        "best_kg": best.figures[_kg(name)],
        "least_kg": least_kg,
        "kept_kg": point.figures[_kg(name)],
        "moved_kg": max(0.0, best.figures[_kg(name)] - point.figures[_kg(name)]),
        "cost": point.figures["cost"],
        "extra_cost": extra,
        "extra_share": extra / abs(best.figures["cost"]) if best.figures["cost"] else 0.0,
        "co2e_kg": point.figures["co2e"],
        "top_country_share": point.top_share,
        "short_kg": point.figures["shortage"],
        "verified": verified,
    }
