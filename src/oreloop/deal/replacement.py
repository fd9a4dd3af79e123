"""Deliveries in one batch or several, and batches that replace rejected ones."""

from __future__ import annotations

from datetime import timedelta

from oreloop.deal.deadlines import batch_on, delivery_last, make_up_last
from oreloop.deal.events import Event
from oreloop.deal.life import Standing
from oreloop.deal.state import GONE


def against_delivery(standing: Standing, event: Event) -> tuple[str, dict[str, object]] | None:
    """Find what speaks against a delivery: a code and its fields, or None."""
    contract, terms, day = standing.contract, standing.contract.clauses, event.at.date()
    name = event.body.get("replaces")
    replaced = standing.batches.get(name) if name else None
    if replaced is not None:
        replaced = batch_on(standing, replaced, day)
    if name and terms.rejection is None:
        return "deal.no_clause", {}
    if name and (replaced is None or replaced.stage not in GONE or replaced.replaced_by):
        return "deal.nothing_to_replace", {"got": name}
    if not terms.delivery.partial and any(
        batch_on(standing, batch, day).stage not in GONE for batch in standing.batches.values()
    ):
        return "deal.one_delivery", {}
    if terms.default is None:
        return None
    ends = delivery_last(contract, replaced)
    if standing.declared.tendered_mg:
        ends = max(ends, make_up_last(contract))
    last = ends + timedelta(days=terms.default.grace_days)
    return ("deal.too_late", {"got": day, "expected": last}) if day > last else None
