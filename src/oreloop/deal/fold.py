"""The state of a contract: a pure fold over its signed events. Folding again is the audit; there is no other truth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime
from fractions import Fraction
from operator import attrgetter

from oreloop.base.canonical import digest
from oreloop.base.quantity import decimal
from oreloop.deal.assay import Assay, readings_of
from oreloop.deal.authenticity import Authentic, authentic
from oreloop.deal.charges.fixings import fixing_of, key_of
from oreloop.deal.contract import Contract
from oreloop.deal.deadlines import batch_on
from oreloop.deal.disputes import decided
from oreloop.deal.events import Event
from oreloop.deal.exchange.course import moved
from oreloop.deal.life import Life
from oreloop.deal.purity import refereed
from oreloop.deal.refusals import not_theirs, refusal, refuse
from oreloop.deal.rules import STEPS, senders
from oreloop.deal.state import Batch, Dispute, Money, State

__all__ = ["Batch", "Money", "State", "advance", "fold", "fold_authentic"]


def fold(contract: Contract, events: Iterable[Event], at: datetime, *, keys: Mapping[str, str]) -> State:
    """Give the state of a contract at an instant.

    Events are taken in order of their time (those of one instant as given); later ones are left out, those of other
    contracts too. An event that is not legal is refused and changes nothing; a repeated one is not even looked at.

    Args:
        contract: the terms.
        events: events of this or any contract, in any order.
        at: the instant by which everything is judged.
        keys: verifier key (base64 of 32 bytes) by party.
    """
    ours = (event for event in events if event.contract == contract.id and event.at <= at)
    return fold_authentic(contract, authentic(ours, keys), at)


def fold_authentic(contract: Contract, checked: Authentic, at: datetime) -> State:
    """Give the state of a contract at an instant from events whose signatures were checked before, as `fold`.

    Args:
        contract: the terms.
        checked: events of this or any contract, in any order.
        at: the instant by which everything is judged.
    """
    life = Life.of(State(contract=contract, at=at))
    ours = [event for event in checked.events if event.contract == contract.id and event.at <= at]
    take(life, sorted(ours, key=attrgetter("at")), checked)
    return life.frozen()


def advance(state: State, event: Event, keys: Mapping[str, str]) -> State:
    """Give the state after one more event of this contract. For many events `fold` is faster: this copies the state."""
    life = Life.of(state)
    take(life, [event], authentic([event], keys))
    return life.frozen()


def take(life: Life, events: Iterable[Event], checked: Authentic) -> None:
    """Take events in turn: refuse each or let it change the life.

    Args:
        life: is changed.
        events: of this contract, none later than the life, in order of time.
        checked: what is known of their signatures.
    """
    faults, allowed, seen = checked.faults, senders(life.contract), life.seen
    for event in events:
        theirs = event.by in allowed[event.kind]
        fault = faults.get(event.document) if faults else None
        # A forged copy is remembered by its bytes only, so that it cannot keep the true event out.
        known_as = event.id if theirs and fault is None else digest(event.document)
        if known_as in seen:
            continue
        seen.add(known_as)
        if not theirs:
            life.refused.append(not_theirs(life, event))
        elif fault is not None:
            life.refused.append(refuse(life, event, fault))
        elif refused := refusal(life, event):
            life.refused.append(refused)
        else:
            _apply(life, event)


def _apply(life: Life, event: Event) -> None:
    """Change a life by an event that is legal in it."""
    body = event.body
    if life.timed and (batch := life.batches.get(body.get("batch", ""))) is not None:
        lapsed = batch_on(life, batch, event.at.date())
        if lapsed is not batch:
            life.put(lapsed)
    match event.kind:
        case "delivered":
            life.make(
                Batch(
                    id=body["batch"],
                    stage="delivered",
                    record_event=body["event"],
                    said={"delivered": event.at},
                    replaces=body.get("replaces") or "",
                )
            )
            if body.get("replaces"):
                life.put(
                    replace(batch_on(life, life.batches[body["replaces"]], event.at.date()), replaced_by=body["batch"])
                )
        case "assayed":
            life.say(body["batch"], event, stage="assayed", assay=assay_of(event))
        case "sample_retained":
            life.say(body["batch"], event, sample=body["sample"])
        case "claimed":
            life.say(body["batch"], event, stage="claimed", claimed=body["analyte"])
        case "refereed":
            life.say(
                body["batch"], event, stage="refereed", assay=refereed(life.batches[body["batch"]], assay_of(event))
            )
        case "returned":
            life.say(body["batch"], event, stage="returned")
        case "disputed":
            life.disputes[body["batch"]] = Dispute(by=event.by, at=event.at)
        case "decided":
            _decide(life, event)
        case "accepted" | "rejected":
            life.say(body["batch"], event, stage=STEPS[event.kind].leads_to, decided_at=event.at)
        case "weighed" | "assay_committed" | "assay_revealed" | "umpire_assayed" | "umpire_paid":
            life.say(body["batch"], event, course=moved(life.batches[body["batch"]].course, event))
        case "carbon_stated":
            life.say(body["batch"], event, stated_co2e_g=body["co2e_g"])
        case "deposit_paid" | "paid":
            _receive(life, event)
        case "period_declared" | "price_called" | "tendered" | "recycled_stated":
            life.declared = life.declared.after(event)
        case "price_fixed":
            life.fixings[key_of(event)] = fixing_of(event)
        case "capacity_locked":
            life.locked_mg += body["quantity_mg"]
            life.lock_missing_mg -= body["quantity_mg"]
        case "quoted":
            life.stage, life.valid_to = "quoted", date.fromisoformat(body["valid_to"])
        case "agreed":
            life.agreed_by.add(event.by)
            if len(life.agreed_by) == 2:
                life.stage, life.agreed_at = "agreed", event.at
        case "cancelled":
            life.cancelled_by.add(event.by)
            if len(life.cancelled_by) >= (2 if life.stage == "agreed" else 1):
                life.stage = "cancelled"
        case "requested":
            pass
        case _:
            raise AssertionError(event.kind)


def _decide(life: Life, event: Event) -> None:
    """Take the arbiter's word on one batch, or on all of them."""
    scope, outcome = event.body["batch"], event.body["outcome"]
    share = Fraction(decimal(event.body["share"])) if outcome == "share" else Fraction(outcome == "accept")
    dispute = replace(life.disputes[scope], outcome=outcome, share=share, decided_at=event.at)
    covered = [life.batches[scope]] if scope in life.batches else list(life.batches.values())
    for batch in covered:
        life.put(decided(batch_on(life, batch, event.at.date()), dispute))
    life.disputes[scope] = dispute


def _receive(life: Life, event: Event) -> None:
    body = event.body
    deposit = event.kind == "deposit_paid"
    life.money[body["reference"]] = Money(
        reference=body["reference"],
        received_by=event.by,
        amount_minor=body["amount_minor"],
        deposit=deposit,
        at=event.at,
    )
    if deposit:
        life.deposited_minor += body["amount_minor"]
        life.deposit_missing_minor -= body["amount_minor"]


def assay_of(event: Event) -> Assay:
    """Give the assay that an event states."""
    body = event.body
    return Assay(batch=body["batch"], certificate=body["certificate"], readings=readings_of(body["values"]))
