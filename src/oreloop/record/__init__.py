"""What happened: events to batches, mass balance, custody, lineage and footprint.

::

    events = parse(data, "2026-01.jsonl")
    state = fold(events, at)
    Lineage.of(state).origins()
"""

from oreloop.record.epcis.event_hash import event_hash
from oreloop.record.epcis.parse import parse
from oreloop.record.events import Amount, Assay, Content, Event, Origin, Step, document_digest
from oreloop.record.fold import fold
from oreloop.record.leaf import leaf, salt_for, verify_leaf
from oreloop.record.lineage import Lineage
from oreloop.record.state import State

__all__ = [
    "Amount",
    "Assay",
    "Content",
    "Event",
    "Lineage",
    "Origin",
    "State",
    "Step",
    "document_digest",
    "event_hash",
    "fold",
    "leaf",
    "parse",
    "salt_for",
    "verify_leaf",
]
