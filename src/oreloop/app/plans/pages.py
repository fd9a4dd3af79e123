"""The pages of plans: their frames, brought into those of `oreloop.report.plan_page`."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from oreloop.app.plans.asked import Asked
from oreloop.app.plans.explained import Explained
from oreloop.app.plans.given import Given
from oreloop.app.plans.solved import KG, Blocked, Solved, Words, given_way, guard, tables_of
from oreloop.app.plans.traded import Traded
from oreloop.app.plans.weighed import Unsuited, Weighing
from oreloop.app.shown import beside_risk, beside_safety
from oreloop.base.texts import LANGUAGES, Language, label
from oreloop.plan import Infeasible, Plan
from oreloop.report import PlanProof, PlanShown, plan_page

Made = Solved | Blocked | Asked | Explained | Traded | Weighing | Unsuited


def holds(made: Made) -> bool:
    """Tell whether there is a plan wherever one was asked for."""
    return made.holds if isinstance(made, Asked) else not isinstance(made, Blocked | Unsuited)


def page(made: Made, language: Language, out: Path | None = None) -> str:
    """Write an answer as a page.

    Args:
        made: the answer.
        language: which of the two languages is seen first.
        out: where the plan was written, so that the page can say how to verify it.
    """
    return plan_page(shown(made, out), language)


def shown(made: Made, out: Path | None = None) -> PlanShown:
    """Give what the page of an answer shows; of what-if questions, the last one beside the plan as it is."""
    match made:
        case Solved():
            told = frames(made.plan)
            summary, notes = made.plan.summary, _beside(made.given, made.plan)
            return _shown(made.given, frames=told, summary=summary, proof=_proof(made, out), notes=notes)
        case Blocked():
            return _blocked(made.given, made.found)
        case Explained():
            reasons = {"shadow_prices": made.prices, "winning_prices": made.winning}
            reasons |= {"pegging": made.pegging, "worth": made.worth}
            told = {**frames(made.plan), **reasons}
            return _shown(made.given, frames=told, summary=made.plan.summary, notes=_beside(made.given, made.plan))
        case Traded():
            return _shown(made.given, frames={"frontier": made.found.points})
        case Asked():
            return _asked(made)
        case Weighing():
            told = {"staged": made.orders, "futures": made.futures}
            return _shown(made.given, frames=told, weighed=made.summary, proof=_proof(made, out), notes=_weighed(made))
        case Unsuited():
            told = {"conflict": made.found.limits, "repair": made.found.repair}
            return _shown(made.given, frames=told, notes=_unsuited(made))


def frames(plan: Plan) -> dict[str, pl.DataFrame]:
    """Give the tables of a plan by name, stocks beside their safety and countries beside their risk."""
    return tables_of(plan) | {"stocks": beside_safety(plan), "exposure": beside_risk(plan.exposure)}


def _asked(made: Asked) -> PlanShown:
    last = made.scenarios[-1]
    notes = {
        each: (*_others(made, each), label("app.plan.if", each, edits="; ".join(last.edits))) for each in LANGUAGES
    }
    if isinstance(last.found, Infeasible):
        return _blocked(made.given, last.found, notes)
    before = made.base.summary if isinstance(made.base, Plan) else {}
    changed = {"changes": made.changed(last)} if before else {}
    told = {**frames(last.found), **changed}
    return _shown(made.given, frames=told, summary=last.found.summary, before=before, notes=notes)


def _others(made: Asked, language: Language) -> tuple[str, ...]:
    """Tell in a line each what the questions before the last one come to: the page shows the last."""
    words = Words(made.given, language, KG)
    said = [words.own("others", count=len(made.scenarios))] if made.scenarios[1:] else []
    for each in made.scenarios[:-1]:
        asked = {"edits": "; ".join(each.edits)}
        if isinstance(each.found, Infeasible):
            said.append(words.own("if_none", **asked))
        else:
            total = each.found.summary
            money = {name: words.money(total[name]) for name in ("cost", "penalty")}
            said.append(words.own("if_brief", **asked, **money, short=words.measured(total["short_kg"])))
    return tuple(said)


def _blocked(given: Given, found: Infeasible, notes: Mapping[Language, tuple[str, ...]] | None = None) -> PlanShown:
    told = {"conflict": found.limits, "repair": found.repair}
    return _shown(given, frames=told, repair_cost=found.repair_cost, notes=notes)


def _beside(given: Given, plan: Plan) -> dict[Language, tuple[str, ...]]:
    """Say what the totals leave out, and which soft limits are not kept."""
    said = {each: Words(given, each, KG) for each in LANGUAGES}
    return {each: (*guard(plan, words), *given_way(plan, words)) for each, words in said.items()}


def _weighed(made: Weighing) -> dict[Language, tuple[str, ...]]:
    return {each: made.asked_lines(each) for each in LANGUAGES}


def _unsuited(made: Unsuited) -> dict[Language, tuple[str, ...]]:
    code = "none_alone" if made.found.alone else "none_together"
    return {each: (label(f"app.plan.futures.{code}", each),) for each in LANGUAGES}


def _proof(made: Solved | Weighing, out: Path | None) -> PlanProof:
    verdict = made.verdict
    return PlanProof(
        objective=made.plan.objective if isinstance(made, Solved) else float(verdict.objective or 0),
        gap=None if verdict.gap is None else float(verdict.gap),
        residual=float(verdict.residual or 0),
        digest=made.model.digest,
        command="" if out is None or out.suffix else f"oreloop plan verify {shlex.quote(str(out))}",
    )


def _shown(
    given: Given,
    *,
    frames: Mapping[str, pl.DataFrame],
    summary: Mapping[str, float] | None = None,
    before: Mapping[str, float] | None = None,
    weighed: Mapping[str, float | None] | None = None,
    proof: PlanProof | None = None,
    repair_cost: float | None = None,
    notes: Mapping[Language, tuple[str, ...]] | None = None,
) -> PlanShown:
    assumed = {each: tuple(label(one.code, each, **one.fields) for one in given.assumed) for each in LANGUAGES}
    return PlanShown(
        title={each: given.title[each] for each in LANGUAGES},
        currency=given.currency,
        at=given.at,
        horizon=given.network.planned.names,
        review_on=given.review_on,
        frozen_until=given.frozen_until,
        facts={"source": given.id, "sha256": given.input_sha256},
        names=given.names,
        frames=frames,
        summary=summary or {},
        before=before or {},
        weighed=weighed or {},
        proof=proof,
        repair_cost=repair_cost,
        notes={each: (*(notes or {}).get(each, ()), *assumed[each]) for each in LANGUAGES},
    )
