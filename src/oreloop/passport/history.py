"""History: the chain of custody, the process route, whether every step balanced, and dispositions that last."""

from __future__ import annotations

from collections import Counter
from typing import Any

from oreloop.base.instant import sealed
from oreloop.passport.subject import Subject, decimal_text, stated, touched
from oreloop.record import Event, Step

STEPS_SHOWN = 200
"""Steps of the chain of custody that a passport holds, the newest ones; it says how many it leaves out."""

BALANCE_STATES = ("broken", "unchecked", "adjusted", "within", "balanced")
"""States of a balance, the worst first."""


def custody(subject: Subject) -> dict[str, Any]:
    """Give the steps of the batch and of the metal in it, in order of time."""
    share = subject.amount.claimed_share
    return stated(
        model=subject.amount.custody,
        claimed_share=None if share is None else decimal_text(share),
        steps_left_out=len(subject.history) - STEPS_SHOWN if len(subject.history) > STEPS_SHOWN else None,
        steps=[_custody_step(subject, event, step) for event, step in subject.history[-STEPS_SHOWN:]],
    )


def route(subject: Subject) -> dict[str, Any]:
    """Give the steps that made the batch and those before it: process, route, parameters, energy and losses."""
    known = {subject.batch} | subject.before
    return stated(
        steps=[
            stated(
                time=sealed(event.time),
                kind=step.kind,
                process=subject.named(step.process),
                route=step.route,
                site=subject.named(step.to_site),
                material=subject.named(made[0].material),
                parameters_digest=step.parameters_digest,
                energy_wh=step.energy_wh,
                emissions_g=step.emissions_g,
                licence=step.licence,
                quota=step.quota,
                event=event.id,
                parameters=[{"name": name, "value": value} for name, value in sorted(step.parameters.items())],
                losses=[{"element": subject.named(each.element), "mass_mg": each.mass_mg} for each in step.losses],
            )
            for event, step in subject.history
            if (made := [each for each in step.made if each.batch in known])
        ]
    )


def balance(subject: Subject) -> dict[str, Any]:
    """Give the balance of every step of the history, per element."""
    times = {event.id: event.time for event, _ in subject.history}
    rows = [row for row in subject.state.balance_rows if row.event in times]
    counts: Counter[str] = Counter(row.state for row in rows)
    return stated(
        states=[{"state": state, "rows": counts[state]} for state in BALANCE_STATES if counts[state]],
        steps=[
            stated(
                time=sealed(times[row.event]),
                site=subject.named(row.site),
                element=subject.named(row.element),
                in_mg=row.in_mg,
                out_mg=row.out_mg,
                loss_mg=row.loss_mg,
                unaccounted_mg=row.unaccounted_mg,
                tolerance_mg=row.tolerance_mg,
                state=row.state,
                event=row.event,
            )
            for row in rows
        ],
    )


def dispositions(subject: Subject) -> dict[str, Any]:
    """Give the worst state of any balance, and what holds, such as a recall, for the batch or for what it is made of."""
    known = {subject.batch} | subject.before
    found = {row["state"] for row in balance(subject).get("states", [])}
    if any(each.unchecked for each in subject.state.made if each.batch in known):
        found.add("unchecked")
    return stated(
        balance=next((state for state in BALANCE_STATES if state in found), None),
        dispositions=[
            {
                "disposition": each.disposition,
                "since": sealed(each.since),
                "where": "own" if each.batch == subject.batch else "upstream",
                "batch": each.batch,
            }
            for each in subject.state.disposition_rows
            if each.batch in known
        ],
    )


def _custody_step(subject: Subject, event: Event, step: Step) -> dict[str, Any]:
    known = {subject.batch} | subject.before
    models = {each.custody for each in step.made if each.batch in known and each.custody}
    return stated(
        kind=step.kind,
        time=sealed(event.time),
        model=min(models, default=None),
        status=step.status if step.status != "unstated" else None,
        batch=" ".join(sorted(known & touched(step))),
        site=subject.named(step.site),
        to_site=subject.named(step.to_site if step.to_site != step.site else None),
        from_party=subject.named(step.from_party),
        to_party=subject.named(step.to_party),
        containers=" ".join(step.containers),
        reason=step.reason,
        event=event.id,
        contract=step.contract,
        transactions=" ".join(f"{kind}:{number}" for kind, number in step.transactions),
    )
