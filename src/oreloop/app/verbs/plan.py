"""Plan: the network of a case, its plan, and what to decide today."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import Any

import numpy as np
import polars as pl
from scipy.sparse import csc_array

from oreloop.app.verbs.flips import HALVINGS, candidates
from oreloop.app.verbs.forecast import Demand, Floats
from oreloop.app.verbs.record import carbon_factors
from oreloop.base.errors import RuleBroken, problem
from oreloop.case import Case, market_prices, offer_prices
from oreloop.plan import Edit, Infeasible, Network, Optimal, Plan, Session, Settings, decide, worth
from oreloop.plan.answers import answer
from oreloop.plan.formulate import Problem, formulate
from oreloop.plan.tables.buckets import places, shares


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What to decide today, and what stands behind it; frames of `oreloop.plan.decide` and `oreloop.plan.worth`."""

    actions: pl.DataFrame
    cover: pl.DataFrame
    headline: dict[str, float]
    worth: pl.DataFrame
    risks: pl.DataFrame
    flips: pl.DataFrame
    mends: pl.DataFrame


def network(case: Case, required: pl.DataFrame) -> Network:
    """State the tables of a case as a network.

    Args:
        case: the case.
        required: the demand to plan for: ``site, material, period, quantity_kg``, of the periods of the case. Firm orders
            of single days or weeks within them stay where they are; the rest of a period is spread over its days.

    Raises:
        BadInput: as `Network.from_frames`.
    """
    settings = case.plan
    elements = sorted(set(case.tables["materials"]["element"]))
    return Network.from_frames(
        case.tables,
        horizon=case.buckets,
        demand=_dated(case, required.select("site", "material", "period", "quantity_kg")),
        offer_prices=offer_prices(case).select("offer", "period", "price_per_kg"),
        metal_prices=market_prices(case).select("material", "period", "price_per_kg"),
        carbon_factors=carbon_factors(elements),
        settings=Settings(
            at=case.as_of.date(),
            currency=case.currency,
            carbon_price_per_t=settings.carbon_price_per_t,
            shortage_cost_per_kg=settings.shortage_cost_per_kg,
            late_cost_per_kg_day=settings.late_cost_per_kg_day,
            lead_time=settings.lead_time,
            frozen_days=settings.frozen_days,
            lot_kg=settings.lot_kg,
            funding_rate_per_year=settings.funding_rate_per_year,
            keep_cover=settings.end_cover == "keep",
            season=case.forecast.season or 12,
            budget=settings.budget,
        ),
    )


def _dated(case: Case, required: pl.DataFrame) -> pl.DataFrame:
    """Take firm orders of single days and weeks out of the periods that hold them, and state them for themselves."""
    orders = case.tables["demand"].filter(pl.col("kind") == "ordered")
    there = places(orders["period"].unique(), case.horizon)
    finer = orders.filter(
        pl.col("period").is_in([name for name, at in there.items() if at and name not in case.horizon.names])
    ).select(required.columns)
    inside = pl.DataFrame(
        [
            (site, material, case.horizon.names[at], -kg * share)
            for site, material, period, kg in finer.iter_rows()
            for at, share, _ in there[period]
        ],
        schema=required.schema,
        orient="row",
    )
    if finer.is_empty():
        return required
    left = pl.concat([required, inside]).group_by("site", "material", "period", maintain_order=True)
    rest = left.agg(pl.col("quantity_kg").sum().clip(0.0))
    return pl.concat([rest, finer])


def planned(session: Session) -> Plan:
    """Give the plan of a session.

    Raises:
        RuleBroken: ``app.infeasible``, one problem for each limit of a set that cannot hold together, and
            ``app.cheapest_repair`` with what relaxing would cost.
    """
    found = session.plan()
    if isinstance(found, Infeasible):
        names = session.network.planned.names
        whole = {"period": f"{names[0]}..{names[-1]}"}
        limits = [problem("app.infeasible", **whole | _shown(row)) for row in found.limits.iter_rows(named=True)]
        repairs = [problem("app.cheapest_repair", **whole | _shown(row)) for row in found.repair.iter_rows(named=True)]
        raise RuleBroken([*limits, *repairs])
    return plan_of(formulate(session.network), found.certificate())


def plan_of(programme: Problem, certificate: Mapping[str, Any]) -> Plan:
    """Derive a plan's tables from a certified point and its prices, so that whoever has the certificate derives the same ones.

    Args:
        programme: a network with its programme.
        certificate: of a plan of that programme (`Plan.certificate`).
    """
    model = programme.model
    primal, duals = (
        np.array([float.fromhex(text) for text in certificate[name]], dtype=np.float64) for name in ("primal", "duals")
    )
    matrix = csc_array((model.data, model.indices, model.indptr), shape=model.shape)
    point = Optimal(
        objective=float(model.cost @ primal + model.offset),
        primal=primal,
        reduced_costs=model.cost - matrix.T @ duals,
        duals=duals,
        rows=matrix @ primal,
    )
    return answer(programme, point, certificate)


def decided(case: Case, demand: Demand, session: Session, plan: Plan) -> Decided:
    """Work out what to decide before the next review."""
    at, review_days = case.as_of.date(), case.plan.review_days
    until = at + timedelta(days=ceil(review_days))
    paths = demand_paths(case, demand, plan)

    def first(edits: Iterable[Edit]) -> str:
        moved = session.movements(edits, until=until)
        return decide.first_action(*moved, until=until) if moved else ""

    return Decided(
        actions=decide.actions(session, plan, at=at, review_days=review_days, paths=paths),
        cover=decide.cover(plan, paths=paths),
        headline=decide.headline(plan, at=at),
        worth=worth.worth(session),
        risks=worth.risks(session, plan),
        mends=worth.mends(session, plan),
        flips=worth.flips(first, candidates(plan), steps=HALVINGS),
    )


def demand_paths(case: Case, demand: Demand, plan: Plan) -> Floats:
    """Stack the sample paths in the order of the network's demands, shape ``(demands, paths, periods)``.

    Of a period that the plan divides, each path is spread evenly over the days.
    """
    keys = plan.network.demands.select("site", "material").iter_rows()
    stacked = np.stack([demand.paths[key] for key in keys])
    return np.asarray(stacked @ shares(case.horizon, case.buckets)) if case.buckets.mixed else stacked


def _shown(row: dict[str, Any]) -> dict[str, str]:
    return {
        name: f"{value:,.6g}" if isinstance(value, float) else str(value)
        for name, value in row.items()
        if name != "period" or value  # a limit without a period is one of the whole plan
    }
