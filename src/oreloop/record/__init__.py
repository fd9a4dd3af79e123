"""What happened: events to batches, mass balance, custody, lineage and footprint.

::

    events = parse(data, "2026-01.jsonl")
    state = fold(events, at)
    Lineage.of(state).origins()
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from oreloop.record.attestation import attest, read_attestation, verify_attestation
from oreloop.record.epcis.event_hash import event_hash
from oreloop.record.epcis.parse import Document, documents, parse
from oreloop.record.events import Amount, Assay, Claim, Content, Event, Origin, Step, document_digest
from oreloop.record.leaf import blind, leaf, leaf_hash, opening, read_leaf, salt_for, verify_leaf, write_leaf

if TYPE_CHECKING:
    from oreloop.record.folding.fold import Fold, fold
    from oreloop.record.lineage import Lineage
    from oreloop.record.reconciliation import Flowsheet, Reconciliation, reconcile
    from oreloop.record.state import State

_DOORS = {
    "Flowsheet": "oreloop.record.reconciliation",
    "Fold": "oreloop.record.folding.fold",
    "Lineage": "oreloop.record.lineage",
    "Reconciliation": "oreloop.record.reconciliation",
    "State": "oreloop.record.state",
    "fold": "oreloop.record.folding.fold",
    "reconcile": "oreloop.record.reconciliation",
}
"""What needs tables or solvers, which take long to load; whoever reads events or seals them does without."""

__all__ = [
    "Amount",
    "Assay",
    "Claim",
    "Content",
    "Document",
    "Event",
    "Flowsheet",
    "Fold",
    "Lineage",
    "Origin",
    "Reconciliation",
    "State",
    "Step",
    "attest",
    "blind",
    "document_digest",
    "documents",
    "event_hash",
    "fold",
    "leaf",
    "leaf_hash",
    "opening",
    "parse",
    "read_attestation",
    "read_leaf",
    "reconcile",
    "salt_for",
    "verify_attestation",
    "verify_leaf",
    "write_leaf",
]


def __getattr__(name: str) -> Any:
    if name in _DOORS:
        return getattr(import_module(_DOORS[name]), name)
    raise AttributeError(f"module 'oreloop.record' has no attribute {name!r}")
