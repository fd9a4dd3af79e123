"""Terms to contract state to settlement: contracts that settle on evidence, exactly.

A contract is a TOML file, its events are signed JSON lines, its state is a pure fold over them, and its settlement is
what the clauses say of the record's deliveries, assays and footprints. Nothing here moves money or makes events.
"""

from oreloop.deal.authenticity import Authentic, authentic
from oreloop.deal.contract import Contract
from oreloop.deal.drafts import Draft, drafts
from oreloop.deal.events import Event, parse_events, public_key, sign_event, verify_event
from oreloop.deal.evidence import Evidence
from oreloop.deal.exposure import Exposed, exposed, exposure
from oreloop.deal.fold import State, advance, fold, fold_authentic
from oreloop.deal.hedging import Market, cover, marked, read_hedges
from oreloop.deal.settlement import Settlement, settle
from oreloop.deal.statement import Statement, statement
from oreloop.deal.tender import (
    Award,
    Comparison,
    Need,
    Quote,
    Request,
    Requirements,
    Rules,
    award,
    drafts_of,
    needs,
    request,
)

__all__ = [
    "Authentic",
    "Award",
    "Comparison",
    "Contract",
    "Draft",
    "Event",
    "Evidence",
    "Exposed",
    "Market",
    "Need",
    "Quote",
    "Request",
    "Requirements",
    "Rules",
    "Settlement",
    "State",
    "Statement",
    "advance",
    "authentic",
    "award",
    "cover",
    "drafts",
    "drafts_of",
    "exposed",
    "exposure",
    "fold",
    "fold_authentic",
    "marked",
    "needs",
    "parse_events",
    "public_key",
    "read_hedges",
    "request",
    "settle",
    "sign_event",
    "statement",
    "verify_event",
]
