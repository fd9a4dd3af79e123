"""What the page of a plan shows, and its frames as those that figures and tables are made from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any

import polars as pl

from oreloop.base.texts import Language
from oreloop.report.frames import columns
from oreloop.report.tables import TINY_KG
from oreloop.report.view import Facts, Headline, View
from oreloop.report.wording import THIN, number

CEILINGS = 40
"""What one more kilogram is worth is told for so many ceilings and places, the dearest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanProof:
    """What proves that no plan of this model is cheaper.

    Args:
        objective: cost and penalties together, money.
        gap: relative difference between the cost and the proved bound; ``None`` where nothing is proved.
        residual: largest relative miss of a rule by the plan.
        digest: SHA-256 of the model that the proof belongs to, hexadecimal.
        command: how to verify it; empty when nothing was written.
    """

    objective: float
    gap: float | None
    residual: float
    digest: str
    command: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlanShown:
    """What the page of a plan shows.

    Frames are given by name, with the columns of `oreloop.plan`. A plan has ``orders, tolls, flows, stocks, shortages, costs,
    carbon, exposure, limits, values, supply``, ``options`` where it has some, and what was asked for besides: ``actions`` (else the orders and tolls that
    are due), ``shadow_prices`` (else ``values``), ``winning_prices, pegging, worth, changes, frontier``. A frontier may
    stand alone. Limits that cannot hold together have ``conflict`` and ``repair``: `oreloop.plan.Infeasible`.

    Args:
        title: name of the case or of the folder of tables, by language (``en``, ``zh``).
        currency: of all money, ISO 4217.
        at: day of the plan; the line of today.
        horizon: names of the planned periods, in order; what lies beyond is left out.
        review_on: orders to be placed by this day stand first.
        frozen_until: last day of the frozen zone, where there is one.
        facts: small facts under the title: code of their label (``report.plan.<code>``: ``source``, ``sha256``, ``solver``)
            and value.
        names: ``{id: {"en": ..., "zh": ...}}`` of sites, materials, parties, offers, countries ...
        frames: by name; ``stocks`` may have ``safety_kg`` too, and ``exposure`` the ``risk`` of a country (0 to 1).
        summary: as `oreloop.plan.Plan.summary`; empty when there is no plan.
        before: the same of the plan that this one is compared with.
        weighed: totals of a plan against several futures: expected, cvar, vss, evpi, plain_expected, plain_cvar; null for
            what is endless. Its frames are ``staged`` (what is decided now) and ``futures``.
        proof: of the plan.
        repair_cost: money that the repair costs, where limits cannot hold together.
        notes: what was asked or assumed, in each language.
    """

    title: Mapping[Language, str]
    currency: str
    at: date
    horizon: tuple[str, ...]
    review_on: date
    frozen_until: date | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    frames: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    summary: Mapping[str, float] = field(default_factory=dict)
    before: Mapping[str, float] = field(default_factory=dict)
    weighed: Mapping[str, float | None] = field(default_factory=dict)
    proof: PlanProof | None = None
    repair_cost: float | None = None
    notes: Mapping[Language, tuple[str, ...]] = field(default_factory=dict)


def plan_view(shown: PlanShown) -> View:
    """Give the frames of a plan as those that all figures are drawn from, the planned periods alone.

    >>> shown = PlanShown(title={"en": "A", "zh": "A"}, currency="CNY", at=date(2026, 1, 1), horizon=("2026-01",),
    ...                   review_on=date(2026, 1, 31))
    >>> plan_view(shown)["orders"].height
    0

    Raises:
        BadInput: when a frame is unknown, lacks a needed column, or holds another type.
    """
    frames = {name: _planned(name, frame, shown) for name, frame in shown.frames.items()}
    values = frames.pop("values", None)
    if values is not None and "shadow_prices" not in frames:
        dearest = pl.col("code") == "metal", -pl.col("value_per_kg")
        # Metal of several sources at one place is told by the dearest of them.
        place = ["code", "subject", "site", "material", "period"]
        planned = values.filter(pl.col("period").is_null() | pl.col("period").is_in(list(shown.horizon)))
        frames["shadow_prices"] = planned.sort(*dearest).unique(place, keep="first", maintain_order=True).head(CEILINGS)
    if "shortages" in frames:
        needed = pl.col("demand_kg").alias("quantity_kg")
        frames["demand"] = frames["shortages"].select(
            "site", "material", "period", needed, rule=pl.lit(None, pl.String)
        )
        told = [name for name in ("short_kg", "late_kg") if name in frames["shortages"].columns]
        frames["shortages"] = frames["shortages"].filter(pl.any_horizontal(pl.col(told) > TINY_KG))
    if "actions" not in frames:
        frames["actions"] = _due(frames, shown)
    moment = datetime.combine(shown.at, time(), UTC)
    metals = frames["orders"]["element"].unique().sort() if "orders" in frames else ()
    return View(
        facts=Facts(
            id=shown.title["en"],
            title={str(key): text for key, text in shown.title.items()},
            metals=tuple(metals),
            currency=shown.currency,
            as_of=moment,
            at=moment,
            horizon=shown.horizon,
            perspective="",
            review_on=shown.review_on,
            frozen_until=shown.frozen_until,
        ),
        headline=_NO_HEADLINE,
        names=shown.names,
        frames=frames,
    )


_NO_HEADLINE = Headline(
    cover_days_free=None,
    cover_days_in_process=None,
    cover_days_on_order=None,
    stock_out_p50=None,
    stock_out_p90=None,
    unpriced_kg=0.0,
    cash_30=0.0,
    cash_90=0.0,
)
"""Cover and cash are of a whole case; the page of a plan says nothing of them."""

_BY_PERIOD = frozenset({"flows", "supply", "stocks", "costs", "carbon"})


def _planned(name: str, frame: pl.DataFrame, shown: PlanShown) -> pl.DataFrame:
    """Keep the planned periods of a frame, with the columns that the page needs besides."""
    if "planned" in frame.columns:
        frame = frame.filter("planned")
    elif name in _BY_PERIOD:
        frame = frame.filter(pl.col("period").is_in(list(shown.horizon)))
    if name == "carbon":
        frame = frame.group_by("component", "subject", maintain_order=True).agg(pl.col("co2e_kg").sum())
    if name == "exposure" and "risk" not in frame.columns:
        frame = frame.with_columns(risk=pl.lit(None, pl.Float64))
    if name == "worth":
        frame = frame.with_columns(kind="code")
    return frame.with_columns(old_period="period", new_period="period") if name == "changes" else frame


def _due(frames: Mapping[str, pl.DataFrame], shown: PlanShown) -> pl.DataFrame:
    """Write the orders and tolls that are due before the review as actions, with what an order serves as its reason."""
    reasons = _reasons(frames["pegging"], shown.currency) if "pegging" in frames else {}
    basis = {"price_unit": f"{shown.currency}/kg", "price_basis": "contained"}
    orders = [
        {
            "action": "order" if row["due_period"] is None else row["kind"],
            "subject": row["offer"],
            "site": row["to_site"],
            "contained_kg": row["quantity_kg"],
            "source": row["party"] or row["offer"],
            "arrives": row["usable_period"],
            "price": row["price_per_kg"],
        }
        | {name: row[name] for name in ("material", "approval", "act_by", "amount")}
        | reasons.get(row["order"], {})
        for row in _until_review("orders", frames, shown)
    ]
    tolls = [
        {
            "action": "toll",
            "subject": row["process"],
            "contained_kg": row["in_kg"],
            "source": row["party"] or row["site"],
            "arrives": row["out_period"],
            "price": row["amount"] / row["quantity_kg"],
        }
        | {name: row[name] for name in ("site", "material", "approval", "act_by", "amount")}
        for row in _until_review("tolls", frames, shown)
        if row["toll"]
    ]
    options = [
        {
            "action": "option",
            "subject": row["offer"],
            "contained_kg": row["quantity_kg"],
            "source": row["party"] or row["site"],
            "price": row["premium_per_kg"],
            "reason": "plan.reason.right",
            "reason_fields": json.dumps({"kg": row["taken_kg"]}),
        }
        | {name: row[name] for name in ("site", "material", "act_by", "amount")}
        for row in _until_review("options", frames, shown)
        if row["quantity_mg"]
    ]
    due = sorted((*orders, *tolls), key=lambda row: (row["act_by"], -row["amount"], row["subject"]))
    rows = sorted((*options, *due), key=lambda row: row["act_by"])  # no order before the right to it
    schema = {column.name: column.dtype for column in columns()["actions"]} | {"act_by": pl.Date()}
    given = [{"rank": rank, "cash": row.pop("amount"), **basis, **row} for rank, row in enumerate(rows, 1)]
    return pl.DataFrame(given, schema=schema)


def _until_review(name: str, frames: Mapping[str, pl.DataFrame], shown: PlanShown) -> list[dict[str, Any]]:
    return frames[name].filter(pl.col("act_by") <= shown.review_on).to_dicts() if name in frames else []


def _reasons(pegging: pl.DataFrame, currency: str) -> dict[str, dict[str, str]]:
    """Say of each order which use takes most of it, when, and how much dearer a kilogram would be without the order."""
    used = pl.col("demand_period").sort()
    served = pegging.group_by("order", "demand_site", "demand_material").agg(
        pl.col("quantity_kg").sum(), pl.col("next_best_per_kg").first(), first=used.first(), last=used.last()
    )
    found = {}
    for row in served.sort("order", "quantity_kg", "demand_site", "demand_material").iter_rows(named=True):
        span = row["first"] if row["first"] == row["last"] else f"{row['first']} – {row['last']}"
        fields = {"site": row["demand_site"], "material": row["demand_material"], "span": span}
        more = row["next_best_per_kg"]
        fields |= {} if more is None else {"more": f"{number(more, 0)}{THIN}{currency}"}
        code = "report.plan.why_only" if more is None else "report.plan.why_dearer"
        found[row["order"]] = {"reason": code, "reason_fields": json.dumps(fields, ensure_ascii=False)}
    return found
