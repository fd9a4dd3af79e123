"""What is wrong with an event of an exchange: against its clauses, its days, or what was said before."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from oreloop.deal.assay import readings_of
from oreloop.deal.contract import Contract
from oreloop.deal.events import Event
from oreloop.deal.exchange.commit import commitment
from oreloop.deal.exchange.course import Course, Exchanged, exchanged
from oreloop.deal.exchange.duties import charges

Against = tuple[str, Mapping[str, object]]
"""A code, and the fields that its text names beside event, party, clause and state."""


def against(contract: Contract, course: Course, event: Event, delivered: date) -> Against | None:
    """Find what makes an event illegal, or None.

    Args:
        contract: the terms.
        course: what was said of the batch before.
        event: weighed, assay_committed, assay_revealed, umpire_assayed, umpire_paid, or accepted.
        delivered: day on which the delivery was stated.
    """
    clauses, batch = contract.clauses, event.body["batch"]
    met = exchanged(contract, course, delivered, event.at.date())
    if event.kind == "accepted":
        return None if met.settled else ("deal.not_settled", {"batch": batch, "expected": _missing(met)})
    if (clauses.weights if event.kind == "weighed" else clauses.exchange) is None:
        return "deal.no_clause", {}
    if _said(course, event):
        return "deal.said_before", {"batch": batch}
    match event.kind:
        case "weighed":
            return _late(event, met.weigh_by) if event.by not in met.to_weigh else None
        case "assay_committed":
            return (
                _late(event, met.deadlines.commit if met.deadlines else None) if event.by not in met.to_commit else None
            )
        case "assay_revealed":
            return _against_reveal(contract, course, event, met)
        case "umpire_assayed":
            return _against_umpire(event, met)
        case "umpire_paid":
            payers = {each.party for each in charges(contract, met)}
            return None if event.body["payer"] in payers else ("deal.owes_umpire_nothing", {"got": event.body["payer"]})
        case _:
            raise AssertionError(event.kind)


def _said(course: Course, event: Event) -> bool:
    match event.kind:
        case "weighed":
            return event.by in course.weighed
        case "assay_committed":
            return event.by in course.committed
        case "assay_revealed":
            return event.by in course.revealed
        case "umpire_assayed":
            return course.umpire is not None
        case _:
            return event.body["payer"] in course.paid


def _late(event: Event, last: date | None) -> Against:
    return "deal.too_late", {"got": event.at.date(), "expected": last}


def _missing(met: Exchanged) -> str:
    """Name what an acceptance still waits for: weights, analytes."""
    weights = [f"weighed: {party}" for party in met.to_weigh]
    return ", ".join([*weights, *(each.terms.analyte for each in met.outcomes if each.settled is None)])


def _against_reveal(contract: Contract, course: Course, event: Event, met: Exchanged) -> Against | None:
    body = event.body
    if event.by not in course.committed:
        return "deal.not_committed", {"batch": body["batch"]}
    if met.to_commit:
        return "deal.reveal_too_early", {"batch": body["batch"], "expected": ", ".join(met.to_commit)}
    if event.by not in met.to_reveal:
        return _late(event, met.deadlines.reveal if met.deadlines else None)
    shown = commitment(contract.id, body["batch"], event.by, readings_of(body["values"]), body["nonce"])
    if shown != course.committed[event.by]:
        return "deal.other_assay", {"batch": body["batch"], "got": shown, "expected": course.committed[event.by]}
    return None


def _against_umpire(event: Event, met: Exchanged) -> Against | None:
    if not met.awaited:
        return "deal.umpire_not_asked", {"batch": event.body["batch"]}
    shown = {each.analyte for each in readings_of(event.body["values"])}
    missing = [analyte for analyte in met.awaited if analyte not in shown]
    return (
        ("deal.umpire_incomplete", {"batch": event.body["batch"], "expected": ", ".join(missing)}) if missing else None
    )
