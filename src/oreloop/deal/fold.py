"""The state of a contract: a pure fold over its signed events. Folding again is the audit; there is no other truth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from fractions import Fraction

from oreloop.base.canonical import digest
from oreloop.base.errors import Problem, problem
from oreloop.base.quantity import decimal
from oreloop.deal.assay import Assay, Reading
from oreloop.deal.contract import Contract
from oreloop.deal.events import Event, verify_event
from oreloop.deal.rules import SENDERS, STEPS, Step, may_send
from oreloop.deal.terms import Index


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """How far one delivery has come: delivered, assayed, accepted or rejected.

    Args:
        record_event: id of the delivery in the record.
        decided_at: when it was accepted or rejected.
        stated_co2e_g: what the seller says of its footprint.
    """

    id: str
    stage: str
    record_event: str
    assay: Assay | None = None
    decided_at: datetime | None = None
    stated_co2e_g: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """Money received: by whom, and whether it was a deposit; in minor units."""

    reference: str
    received_by: str
    amount_minor: int
    deposit: bool
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What the events of a contract say up to an instant.

    Args:
        stage: drafted, quoted, agreed or cancelled.
        valid_to: last day of the quote, if one was made.
        agreed_by, cancelled_by: parties who signed so far.
        agreed_at: when the second party signed.
        locked_mg: capacity locked, mg.
        batches: by batch id.
        fixings: average of the series by month, in the unit of the price clause.
        money: by reference.
        seen: ids of all events that were looked at.
        refused: events that were not legal, each with the clause and the state it met.
    """

    contract: Contract
    at: datetime
    stage: str = "drafted"
    valid_to: date | None = None
    agreed_by: frozenset[str] = frozenset()
    cancelled_by: frozenset[str] = frozenset()
    agreed_at: datetime | None = None
    locked_mg: int = 0
    batches: Mapping[str, Batch] = field(default_factory=dict)
    fixings: Mapping[str, Fraction] = field(default_factory=dict)
    money: Mapping[str, Money] = field(default_factory=dict)
    seen: frozenset[str] = frozenset()
    refused: tuple[Problem, ...] = ()

    @property
    def name(self) -> str:
        """The state in one word: that of the least advanced delivery once there is one."""
        if self.stage != "agreed":
            return self.stage
        stages = [batch.stage for batch in self.batches.values()]
        if stages:
            return min(stages, key=("delivered", "assayed", "accepted", "rejected").index)
        if any(money.deposit for money in self.money.values()):
            return "deposit_paid"
        return "capacity_locked" if self.locked_mg else "agreed"


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
    state = State(contract=contract, at=at)
    ours = [event for event in events if event.contract == contract.id and event.at <= at]
    for event in sorted(ours, key=lambda event: event.at):
        state = advance(state, event, keys)
    return state


def advance(state: State, event: Event, keys: Mapping[str, str]) -> State:
    """Give the state after one more event of this contract."""
    refusal = _unauthorised(state, event, keys)
    # A forged copy is remembered by its bytes only, so that it cannot keep the true event out.
    known_as = digest(event.document) if refusal else event.id
    if known_as in state.seen:
        return state
    seen = replace(state, seen=state.seen | {known_as})
    refusal = refusal or _illegal(state, event) or _contradiction(state, event)
    return replace(seen, refused=(*state.refused, refusal)) if refusal else _apply(seen, event)


def _refuse(state: State, event: Event, code: str, **fields: object) -> Problem:
    clause = STEPS[event.kind].clause
    return problem(
        code, event.place, event=event.kind, by=event.by, clause=clause, state=_stage(state, event), **fields
    )


def _stage(state: State, event: Event) -> str:
    """The state that an event meets: its batch's, if it speaks of one that is known."""
    batch = state.batches.get(event.body.get("batch", ""))
    return batch.stage if batch else state.name


def _unauthorised(state: State, event: Event, keys: Mapping[str, str]) -> Problem | None:
    if not may_send(state.contract, event.kind, event.by):
        return _refuse(state, event, "deal.not_theirs", expected=", ".join(SENDERS[event.kind]))
    if event.by not in keys:
        return _refuse(state, event, "deal.no_key")
    if not verify_event(event, keys[event.by]):
        return _refuse(state, event, "deal.wrong_signature")
    return None


def _illegal(state: State, event: Event) -> Problem | None:
    step = STEPS[event.kind]
    batch = state.batches.get(event.body["batch"]) if step.batch is not None else None
    met = batch.stage if batch else "expected"
    if state.stage not in step.contract or (step.batch is not None and met not in step.batch):
        return _refuse(state, event, "deal.not_now")
    if event.kind == "accepted" and state.contract.laboratory and met != "assayed":
        return _refuse(state, event, "deal.not_assayed", batch=event.body["batch"])
    return None


def _contradiction(state: State, event: Event) -> Problem | None:
    """Find what an event says against the terms, or against an earlier event."""
    contract, terms, body = state.contract, state.contract.clauses, event.body
    match event.kind:
        case "agreed" if body["contract_digest"] != contract.digest:
            return _refuse(state, event, "deal.other_terms", got=body["contract_digest"], expected=contract.digest)
        case "agreed" if state.valid_to is not None and event.at.date() > state.valid_to:
            return _refuse(state, event, "deal.quote_expired", got=event.at.date(), expected=state.valid_to)
        case "deposit_paid" if terms.deposit is None:
            return _refuse(state, event, "deal.no_clause")
        case "capacity_locked" if terms.capacity is None:
            return _refuse(state, event, "deal.no_clause")
        case "carbon_stated" if terms.carbon is None:
            return _refuse(state, event, "deal.no_clause")
        case "deposit_paid" | "paid" if body["currency"] != contract.currency:
            return _refuse(state, event, "deal.unlike_currency", got=body["currency"], expected=contract.currency)
        case "deposit_paid" | "paid" if body["reference"] in state.money:
            return _refuse(state, event, "deal.reference_used", got=body["reference"])
        case "rejected" if not _rejectable(state, body["batch"]):
            return _refuse(state, event, "deal.nothing_to_reject", batch=body["batch"])
        case "price_fixed":
            return _contradicted_fixing(state, event)
    return None


def _rejectable(state: State, batch: str) -> bool:
    quality, assay = state.contract.clauses.quality, state.batches[batch].assay
    return bool(quality and quality.deduction_share is None and assay and quality.breaches(assay))


def _contradicted_fixing(state: State, event: Event) -> Problem | None:
    price = state.contract.clauses.price
    if price is None or not isinstance(price.rule, Index):
        raise AssertionError("only an index price has a party who may fix it")
    said = (event.body["series"], event.body["unit"])
    if said != (price.rule.series, price.unit):
        expected = f"{price.rule.series} {price.unit}"
        return _refuse(state, event, "deal.other_series", got=" ".join(said), expected=expected)
    before = state.fixings.get(event.body["period"])
    if before is not None and before != Fraction(decimal(event.body["value"])):
        return _refuse(state, event, "deal.fixed_before", got=event.body["value"], period=event.body["period"])
    return None


def _apply(state: State, event: Event) -> State:
    body = event.body
    match event.kind:
        case "quoted":
            return replace(state, stage="quoted", valid_to=date.fromisoformat(body["valid_to"]))
        case "agreed":
            by = state.agreed_by | {event.by}
            signed = replace(state, agreed_by=by)
            return replace(signed, stage="agreed", agreed_at=event.at) if len(by) == 2 else signed
        case "cancelled":
            by = state.cancelled_by | {event.by}
            needed = 2 if state.stage == "agreed" else 1
            return replace(state, cancelled_by=by, stage="cancelled" if len(by) >= needed else state.stage)
        case "capacity_locked":
            return replace(state, locked_mg=state.locked_mg + body["quantity_mg"])
        case "deposit_paid" | "paid":
            money = Money(
                reference=body["reference"],
                received_by=event.by,
                amount_minor=body["amount_minor"],
                deposit=event.kind == "deposit_paid",
                at=event.at,
            )
            return replace(state, money={**state.money, money.reference: money})
        case "price_fixed":
            return replace(state, fixings={**state.fixings, body["period"]: Fraction(decimal(body["value"]))})
        case "requested":
            return state
        case _:
            batch = _moved(state, event, STEPS[event.kind])
            return replace(state, batches={**state.batches, batch.id: batch})


def _moved(state: State, event: Event, step: Step) -> Batch:
    """Give the batch of an event after it."""
    body = event.body
    if event.kind == "delivered":
        return Batch(id=body["batch"], stage="delivered", record_event=body["event"])
    batch = state.batches[body["batch"]]
    if event.kind == "carbon_stated":
        return replace(batch, stated_co2e_g=body["co2e_g"])
    if event.kind == "assayed":
        readings = tuple(Reading(**{name: each[name] for name in Reading.__slots__}) for each in body["values"])
        assay = Assay(batch=batch.id, certificate=body["certificate"], readings=readings)
        return replace(batch, stage="assayed", assay=assay)
    return replace(batch, stage=step.leads_to or batch.stage, decided_at=event.at)
