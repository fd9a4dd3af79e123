"""The main job as one function of a case and an instant: record, forecast, plan, deal, judge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from oreloop.app.verbs.deal import Dealt, dealt
from oreloop.app.verbs.forecast import Demand, forecast
from oreloop.app.verbs.judge import Judged, judged
from oreloop.app.verbs.plan import Decided, decided, network, planned
from oreloop.app.verbs.record import Recorded, recorded
from oreloop.case import Case
from oreloop.plan import Plan, Session

Progress = Callable[[str], None]
"""Called with the code of each step as it begins (label ``cli.step.<code>``)."""

METHODS = {"record": 1, "forecast": 2, "plan": 4, "deal": 2, "judge": 1}
"""The number of each method. It rises when the same input gives another answer; results say which they used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What the five verbs say of a case at an instant."""

    case: Case
    at: datetime
    record: Recorded
    forecast: Demand
    plan: Plan
    decide: Decided
    deal: Dealt
    judge: Judged


def silent(step: str) -> None:
    """Tell nobody."""


def answer(case: Case, at: datetime, progress: Progress = silent) -> Answers:
    """Do the main job.

    Args:
        case: the case.
        at: the instant by which record and contracts are judged; forecast and plan are as of the case's ``as_of``.
        progress: told of each step.

    Raises:
        BadInput: what cannot be read.
        RuleBroken: metal that does not balance; limits that cannot hold together.
    """
    progress("record")
    record = recorded(case, at)
    progress("forecast")
    demand = forecast(case)
    progress("plan")
    session = Session(network(case, demand.required))
    plan = planned(session)
    progress("decide")
    decision = decided(case, demand, session, plan)
    progress("deal")
    deals = dealt(case, at, record, plan.orders)
    progress("judge")
    return Answers(
        case=case,
        at=at,
        record=record,
        forecast=demand,
        plan=plan,
        decide=decision,
        deal=deals,
        judge=judged(case, plan.orders, plan.shortages),
    )
