"""Disputes: over one batch or the whole contract, decided by the arbiter, or after its days as the contract says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction

from oreloop.deal.events import Event
from oreloop.deal.life import Standing
from oreloop.deal.remedies import WHOLE, Arbitration
from oreloop.deal.state import Batch, Dispute
from oreloop.deal.terms import Line


def dispute_of(disputes: Mapping[str, Dispute], batch: Batch) -> Dispute | None:
    """Give the dispute that covers a batch: the open one, else the last decided, else None."""
    found = [disputes[name] for name in (batch.id, WHOLE) if name in disputes and _covers(disputes[name], batch)]
    return max(found, key=lambda dispute: (not dispute.outcome, dispute.decided_at or dispute.at), default=None)


def is_open(disputes: Mapping[str, Dispute], batch: str, clause: Arbitration | None, day: date) -> bool:
    """Tell whether a batch, or with it the whole contract, is in dispute on a day."""
    found = [disputes[name] for name in (batch, WHOLE) if name in disputes]
    return clause is not None and any(not concluded(clause, dispute, day).outcome for dispute in found)


def concluded(clause: Arbitration, dispute: Dispute, day: date) -> Dispute:
    """Give a dispute on a day: what nobody has decided in time counts as decided as the clause says."""
    last = dispute.at.date() + timedelta(days=clause.days)
    if dispute.outcome or day <= last:
        return dispute
    at = datetime.combine(last, time(23, 59, 59, 999_000), UTC)
    return replace(dispute, outcome=clause.outcome, share=clause.share, decided_at=at)


def decided(batch: Batch, dispute: Dispute) -> Batch:
    """Give a batch after the dispute over it; one that came back stays away, one that came later is not covered."""
    if batch.stage == "returned" or not _covers(dispute, batch):
        return batch
    stage = "rejected" if dispute.outcome == "reject" else "accepted"
    at = batch.decided_at if batch.stage == stage else dispute.decided_at
    return replace(batch, stage=stage, decided_at=at)


def shared(batch: Batch, disputes: Mapping[str, Dispute], lines: tuple[Line, ...]) -> tuple[Line, ...]:
    """Give the line that reduces an invoice to the share of it that a decision left."""
    dispute = dispute_of(disputes, batch)
    if dispute is None or dispute.outcome != "share":
        return ()
    invoiced = sum((line.amount for line in lines), Fraction(0))
    return (
        Line(
            clause="dispute",
            amount=-invoiced * (1 - dispute.share),
            formula="-invoiced * (1 - share)",
            inputs={"invoiced": invoiced, "share": dispute.share},
        ),
    )


def against_dispute(standing: Standing, event: Event) -> tuple[str, dict[str, object]] | None:
    """Find what speaks against a dispute or a decision: a code and its fields, or None."""
    clause, scope, day = standing.contract.clauses.dispute, event.body["batch"], event.at.date()
    if clause is None:
        return "deal.no_clause", {}
    known = standing.disputes.get(scope)
    if event.kind == "disputed":
        if is_open(standing.disputes, scope, clause, day):
            return "deal.in_dispute", {"batch": scope}
        batch = standing.batches.get(scope)
        if scope != WHOLE and (batch is None or batch.stage == "returned"):
            return "deal.not_now", {}
        return ("deal.decided_before", {"batch": scope}) if known else None
    if known is None:
        return "deal.not_disputed", {"batch": scope}
    if concluded(clause, known, day).outcome:
        return "deal.decided_before", {"batch": scope}
    missing = event.body["outcome"] == "share" and event.body.get("share") is None
    return ("deal.no_share", {}) if missing else None


def _covers(dispute: Dispute, batch: Batch) -> bool:
    return dispute.decided_at is None or batch.said["delivered"] <= dispute.decided_at
