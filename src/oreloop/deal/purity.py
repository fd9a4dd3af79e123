"""High-purity metal: no umpire, but a certificate for each lot, a sealed retained sample, and a referee laboratory.

The receiver may contest a certificate for some days; then the referee assays the retained sample and its values count.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from oreloop.deal.assay import Assay
from oreloop.deal.events import Event
from oreloop.deal.life import Standing
from oreloop.deal.state import Batch


def against_claim(standing: Standing, event: Event) -> tuple[str, dict[str, object]] | None:
    """Find what speaks against a retained sample or a claim: a code and its fields, or None."""
    quality, batch = standing.contract.clauses.quality, standing.batches[event.body["batch"]]
    if quality is None or quality.referee is None:
        return "deal.no_clause", {}
    if event.kind == "sample_retained":
        return ("deal.sample_before", {"batch": batch.id, "got": batch.sample}) if batch.sample else None
    if not batch.sample:
        return "deal.no_sample", {"batch": batch.id}
    known = (*(limit.analyte for limit in quality.limits), "purity")
    if event.body["analyte"] not in known:
        return "deal.no_limit", {"got": event.body["analyte"], "expected": ", ".join(known)}
    last = batch.said["assayed"].date() + timedelta(days=quality.claim_days)
    return ("deal.too_late", {"got": event.at.date(), "expected": last}) if event.at.date() > last else None


def refereed(batch: Batch, referee: Assay) -> Assay:
    """Give the assay that counts: the referee's, and of what it did not measure the first laboratory's."""
    measured = {reading.analyte for reading in referee.readings}
    kept = tuple(each for each in (batch.assay.readings if batch.assay else ()) if each.analyte not in measured)
    return replace(referee, readings=(*referee.readings, *kept))
