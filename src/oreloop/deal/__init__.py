"""Terms to contract state to settlement: contracts that settle on evidence, exactly.

A contract is a TOML file, its events are signed JSON lines, its state is a pure fold over them, and its settlement is
what the clauses say of the record's deliveries, assays and footprints. Nothing here moves money or makes events.
"""

from oreloop.deal.contract import Contract
from oreloop.deal.drafts import Draft, drafts
from oreloop.deal.events import Event, parse_events, public_key, sign_event, verify_event
from oreloop.deal.evidence import Evidence
from oreloop.deal.fold import State, advance, fold
from oreloop.deal.settlement import Settlement, settle
from oreloop.deal.statement import Statement, exposure, statement

__all__ = [
    "Contract",
    "Draft",
    "Event",
    "Evidence",
    "Settlement",
    "State",
    "Statement",
    "advance",
    "drafts",
    "exposure",
    "fold",
    "parse_events",
    "public_key",
    "settle",
    "sign_event",
    "statement",
    "verify_event",
]
