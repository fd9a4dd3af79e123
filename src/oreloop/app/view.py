"""What the report shows: the answers of a run, brought into the frames of `oreloop.report`."""

from __future__ import annotations

import json
from datetime import timedelta
from math import ceil
from typing import Any

import polars as pl

from oreloop.app.job import Answers
from oreloop.app.names import names
from oreloop.app.shown import beside_risk, beside_safety
from oreloop.case import Case
from oreloop.plan import verify_certificate
from oreloop.report import Backtest, Facts, Headline, Seal, View

STATUSES = ("measured", "derived", "assumed", "illustrative", "unstated")
BAND = 0.9
"""The band whose coverage is the headline of the backtest."""
FLIPS_SHOWN = 3


def view(
    answers: Answers, *, seal: Seal | None = None, changes: pl.DataFrame | None = None, since: str | None = None
) -> View:
    """Fill a view.

    Args:
        answers: of a run.
        seal: checkpoint and keys, when the run is sealed.
        changes: what changed since an earlier run, with ``cause``.
        since: the instant of that run.
    """
    case, plan = answers.case, answers.plan
    planned = pl.col("period").is_in(list(plan.network.planned.names))
    frames: dict[str, pl.DataFrame] = {
        "actions": answers.decide.actions,
        "cover": answers.decide.cover,
        "worth": answers.decide.worth.with_columns(kind="code"),
        "risks": answers.decide.risks,
        "mends": answers.decide.mends,
        "flips": _flips(answers),
        "flows": plan.flows.filter(planned),
        "supply": plan.supply.filter(planned),
        "orders": plan.orders.filter("planned"),
        "shortages": plan.shortages.filter("planned"),
        "stocks": beside_safety(answers.plan).filter(planned),
        "costs": plan.costs.filter(planned),
        "carbon": plan.carbon.filter(planned)
        .group_by("component", "subject", maintain_order=True)
        .agg(pl.col("co2e_kg").sum()),
        "limits": plan.limits,
        "exposure": beside_risk(answers.plan.exposure),
        "history": answers.forecast.history,
        "quantiles": answers.forecast.quantiles,
        "demand": answers.forecast.required,
        "contracts": answers.deal.contracts,
        "postings": answers.deal.postings,
        "obligations": answers.deal.obligations,
        "warnings": answers.deal.warnings,
        "security": answers.judge.security,
        "claims": _claims(answers),
        "statuses": _statuses(answers),
        "assumptions": _assumptions(case),
        "checks": _checks(answers),
        "batches": answers.record.batches,
        "steps": answers.record.steps,
        "balance": answers.record.balance,
        "origins": answers.record.origins,
        "recycled": answers.record.recycled,
        "footprint": answers.record.footprint,
    }
    if changes is not None:
        frames["changes"] = changes.with_columns(old_period="period", new_period="period")
    return View(
        facts=Facts(
            id=case.id,
            title=case.title,
            metals=case.metals,
            currency=case.currency,
            as_of=case.as_of,
            at=answers.at,
            horizon=plan.network.planned.names,
            perspective=case.perspective,
            review_on=case.as_of.date() + timedelta(days=ceil(case.plan.review_days)),
            compared_with=since,
        ),
        headline=_headline(answers),
        backtest=_backtest(answers),
        seal=seal,
        names=names(case),
        unused=case.unused,
        frames=frames,
    )


def _headline(answers: Answers) -> Headline:
    """Take cover and stock-out from the demand that runs out first."""
    cover = answers.decide.cover.sort("days_free", nulls_last=True)
    first: dict[str, Any] = cover.row(0, named=True) if cover.height else {}
    return Headline(
        cover_days_free=first.get("days_free"),
        cover_days_in_process=first.get("days_in_process"),
        cover_days_on_order=first.get("days_on_order"),
        stock_out_p50=first.get("stock_out_p50"),
        stock_out_p90=first.get("stock_out_p90"),
        **answers.decide.headline,
    )


def _backtest(answers: Answers) -> Backtest | None:
    tested = answers.forecast.tested
    if tested is None:
        return None
    found = tested.headline(BAND)
    return Backtest(
        level=found.level,
        horizon=found.horizon,
        origins=found.origins,
        wape=found.wape,
        skill=found.skill,
        naive=found.naive,
        coverage=found.coverage,
        notes=tested.notes,
    )


def _flips(answers: Answers) -> pl.DataFrame:
    """Name the inputs that would turn the first decision, each by its nearest flip, and of which offer or process."""
    parts = pl.col("input").str.splitn(":", 2).struct
    units = {"price": f"{answers.case.currency}/kg", "lead_days": "days", "outturn_days": "days", "demand": "kg"}
    nearest = answers.decide.flips.unique("input", keep="first", maintain_order=True)
    return nearest.head(FLIPS_SHOWN).with_columns(
        input=parts[0],
        unit=parts[0].replace_strict(units, default=None, return_dtype=pl.String),
        label_fields=pl.struct(subject=parts[1]).struct.json_encode(),
        first_before=pl.col("first_before").str.splitn(":", 2).struct[1],
        first_after=pl.col("first_after").str.splitn(":", 2).struct[1],
        status=pl.lit("assumed"),
    )


def _claims(answers: Answers) -> pl.DataFrame:
    """Put every claim beside the checks that speak of it."""
    checks = answers.judge.claims.select(
        pl.col("claim").str.split(" "), "claim_set", verdict="code", verdict_fields="fields"
    ).explode("claim")
    given = ("claim_set", "claim", "metric", "element", "value", "unit", "year", "source")
    claims = answers.case.tables["claims"].select(given)
    return claims.join(checks, on=["claim_set", "claim"], how="left", maintain_order="left")


def _statuses(answers: Answers) -> pl.DataFrame:
    rows = []
    for table, frame in sorted(answers.case.tables.items()):
        counts = dict(frame.group_by("status").len().iter_rows())
        if frame.height:
            rows.append((table, *(counts.get(status, 0) for status in STATUSES)))
    return pl.DataFrame(rows, schema=["table", *STATUSES], orient="row")


def _checks(answers: Answers) -> pl.DataFrame:
    """Say what was proved in the run itself; `oreloop verify` proves the rest from the files."""
    verdict = verify_certificate(answers.plan.certificate(), answers.plan.model)
    balance = answers.record.balance
    found = [
        ("mass_balance", not answers.record.state.problems, "app.proved_balance", {"steps": balance.height}),
        (
            "plan_certificate",
            verdict.accepted,
            "app.proved_plan",
            {"gap": f"{float(verdict.gap or 0):.3g}", "currency": answers.case.currency},
        ),
        (
            "settlement_replay",
            True,
            "app.proved_settlement",
            {"contracts": answers.deal.contracts.height, "postings": answers.deal.postings.height},
        ),
    ]
    rows = [(check, "passed" if holds else "failed", code, json.dumps(fields)) for check, holds, code, fields in found]
    return pl.DataFrame(rows, schema=["check", "state", "detail", "detail_fields"], orient="row")


def _assumptions(case: Case) -> pl.DataFrame:
    rows = [(each.code, json.dumps(dict(each.fields), ensure_ascii=False, sort_keys=True)) for each in case.assumptions]
    return pl.DataFrame(rows, schema={"code": pl.String, "fields": pl.String}, orient="row")


def _posted_to_nothing(answers: Answers) -> bool:
    """Whether the balances of every settlement add up to nothing, asset by asset: what one has, another gave."""
    for settlement in answers.deal.settlements:
        totals: dict[str, int] = {}
        for (_, asset), amount in settlement.balances.items():
            totals[asset] = totals.get(asset, 0) + amount
        if any(totals.values()):
            return False
    return True
