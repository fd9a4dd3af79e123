"""Why an event is refused: not theirs, not now, or against the terms or an earlier event. Each names clause and state."""

from __future__ import annotations

from oreloop.base.errors import Problem, problem
from oreloop.deal.charges import declared
from oreloop.deal.charges.fixings import against_fixing
from oreloop.deal.charges.penalties import rejectable
from oreloop.deal.deadlines import batch_on, stage_on
from oreloop.deal.disputes import against_dispute, is_open
from oreloop.deal.events import Event
from oreloop.deal.exchange.course import exchanged
from oreloop.deal.exchange.legality import against
from oreloop.deal.life import Life
from oreloop.deal.purity import against_claim
from oreloop.deal.replacement import against_delivery
from oreloop.deal.rules import SENDERS, STEPS
from oreloop.deal.state import Batch

_STOPPED = frozenset({"accepted", "rejected", "claimed", "refereed", "returned"})
"""What is not said of a batch while it is in dispute."""


def refuse(life: Life, event: Event, code: str, **fields: object) -> Problem:
    """Say why an event is refused, with its clause and the state it met: its batch's, if it speaks of a known one."""
    batch, stage = _batch_met(life, event), _stage_met(life, event)
    met = batch.stage if batch else life.name if stage == life.stage else stage
    return problem(
        code, event.place, event=event.kind, by=event.by, clause=STEPS[event.kind].clause, state=met, **fields
    )


def refusal(life: Life, event: Event) -> Problem | None:
    """Find why an authentic event of the right party is refused, or None."""
    return _illegal(life, event) or _contradiction(life, event)


def not_theirs(life: Life, event: Event) -> Problem:
    """Say that a party may not send this."""
    return refuse(life, event, "deal.not_theirs", expected=", ".join(SENDERS[event.kind]))


def _illegal(life: Life, event: Event) -> Problem | None:
    step = STEPS[event.kind]
    batch = _batch_met(life, event) if step.batch is not None else None
    met = batch.stage if batch else "expected"
    # What was cancelled before both had signed is a draft that ended: no clause of it was ever in force.
    never_agreed = life.agreed_at is None and "drafted" not in step.contract
    if never_agreed or _stage_met(life, event) not in step.contract:
        return refuse(life, event, "deal.not_now")
    if step.batch is not None and met not in step.batch:
        return refuse(life, event, "deal.not_now")
    if step.batch is not None and life.disputes and event.kind in _STOPPED and _in_dispute(life, event):
        return refuse(life, event, "deal.in_dispute", batch=event.body["batch"])
    if event.kind == "accepted" and life.contract.laboratory and met == "delivered":
        return refuse(life, event, "deal.not_assayed", batch=event.body["batch"])
    return None


def _batch_met(life: Life, event: Event) -> Batch | None:
    """Give the batch of an event as the event meets it: with the timeouts that passed before."""
    batch = life.batches.get(event.body.get("batch", ""))
    return batch_on(life, batch, event.at.date()) if life.timed and batch else batch


def _stage_met(life: Life, event: Event) -> str:
    """Give the stage of the contract as the event meets it."""
    return stage_on(life, event.at.date())[0] if life.timed else life.stage


def _in_dispute(life: Life, event: Event) -> bool:
    return is_open(life.disputes, event.body["batch"], life.contract.clauses.dispute, event.at.date())


def _contradiction(life: Life, event: Event) -> Problem | None:
    """Find what an event says against the terms, or against an earlier event."""
    contract, terms, body = life.contract, life.contract.clauses, event.body
    match event.kind:
        case "agreed" if body["contract_digest"] != contract.digest:
            return refuse(life, event, "deal.other_terms", got=body["contract_digest"], expected=contract.digest)
        case "agreed" if life.valid_to is not None and event.at.date() > life.valid_to:
            return refuse(life, event, "deal.quote_expired", got=event.at.date(), expected=life.valid_to)
        case "deposit_paid" if terms.deposit is None:
            return refuse(life, event, "deal.no_clause")
        case "capacity_locked" if terms.capacity is None:
            return refuse(life, event, "deal.no_clause")
        case "carbon_stated" if terms.carbon is None:
            return refuse(life, event, "deal.no_clause")
        case "deposit_paid" | "paid" if body["currency"] != contract.currency:
            return refuse(life, event, "deal.unlike_currency", got=body["currency"], expected=contract.currency)
        case "deposit_paid" | "paid" if body["reference"] in life.money:
            return refuse(life, event, "deal.reference_used", got=body["reference"])
        case "delivered":
            return _said(life, event, against_delivery(life, event))
        case "sample_retained" | "claimed":
            return _said(life, event, against_claim(life, event))
        case "disputed" | "decided":
            return _said(life, event, against_dispute(life, event))
        case "returned" if terms.rejection is None:
            return refuse(life, event, "deal.no_clause")
        case "rejected" if not _rejectable(life, body["batch"]) and not _impure(life, event):
            return refuse(life, event, "deal.nothing_to_reject", batch=body["batch"])
        case "period_declared" | "price_called" | "tendered" | "recycled_stated":
            return _against_declared(life, event)
        case "price_fixed":
            return _against_fixing(life, event)
        case "weighed" | "assay_committed" | "assay_revealed" | "umpire_assayed" | "umpire_paid":
            return _against_exchange(life, event)
        case "accepted" if terms.weights or terms.exchange:
            return _against_exchange(life, event)
    return None


def _said(life: Life, event: Event, found: tuple[str, dict[str, object]] | None) -> Problem | None:
    return refuse(life, event, found[0], **found[1]) if found else None


def _against_exchange(life: Life, event: Event) -> Problem | None:
    batch = life.batches[event.body["batch"]]
    found = against(life.contract, batch.course, event, batch.said["delivered"].date())
    return refuse(life, event, found[0], **found[1]) if found else None


def _against_declared(life: Life, event: Event) -> Problem | None:
    found = declared.against(life.contract, life.declared, event)
    return refuse(life, event, found[0], **found[1]) if found else None


def _rejectable(life: Life, batch: str) -> bool:
    quality, assay = life.contract.clauses.quality, life.batches[batch].assay
    return bool(quality and quality.deduction_share is None and assay and quality.breaches(assay))


def _impure(life: Life, event: Event) -> bool:
    """Tell whether a penalty clause lets the receiver reject a batch, on the assay or on the shares settled so far."""
    batch = life.batches[event.body["batch"]]
    met = exchanged(life.contract, batch.course, batch.said["delivered"].date(), event.at.date())
    return rejectable(life.contract.clauses.penalties, batch.assay, met.shares)


def _against_fixing(life: Life, event: Event) -> Problem | None:
    found = against_fixing(life.contract, life.fixings, event)
    return refuse(life, event, found[0], **found[1]) if found else None
