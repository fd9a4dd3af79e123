"""From a plan line to an award: the request for quotation, the quotes made comparable, and who gets what, with reasons."""

from oreloop.deal.tender.allocation import allocate
from oreloop.deal.tender.award import Award, Awarded, Ranked, award
from oreloop.deal.tender.candidates import needs, request
from oreloop.deal.tender.comparison import Compared, Comparison, Freight, compare
from oreloop.deal.tender.drafting import drafts_of
from oreloop.deal.tender.quotes import Quote
from oreloop.deal.tender.received import Received, received
from oreloop.deal.tender.request import Candidate, Finding, Need, Request, Requirements
from oreloop.deal.tender.rules import Excluded, Rules
from oreloop.deal.tender.valuation import Outlook, month_of
from oreloop.deal.tender.way import Carriage, Permit, Way, read_permits

__all__ = [
    "Award",
    "Awarded",
    "Candidate",
    "Carriage",
    "Compared",
    "Comparison",
    "Excluded",
    "Finding",
    "Freight",
    "Need",
    "Outlook",
    "Permit",
    "Quote",
    "Ranked",
    "Received",
    "Request",
    "Requirements",
    "Rules",
    "Way",
    "allocate",
    "award",
    "compare",
    "drafts_of",
    "month_of",
    "needs",
    "read_permits",
    "received",
    "request",
]
