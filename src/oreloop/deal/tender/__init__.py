"""From a plan line to an award: the request for quotation, the quotes made comparable, and who gets what, with reasons."""

from oreloop.deal.tender.allocation import allocate
from oreloop.deal.tender.award import Award, Awarded, Ranked, award, drafts_of
from oreloop.deal.tender.candidates import needs, request
from oreloop.deal.tender.comparison import Compared, Comparison, Freight, compare
from oreloop.deal.tender.quotes import Quote
from oreloop.deal.tender.request import Candidate, Finding, Need, Request, Requirements
from oreloop.deal.tender.rules import Excluded, Rules

__all__ = [
    "Award",
    "Awarded",
    "Candidate",
    "Compared",
    "Comparison",
    "Excluded",
    "Finding",
    "Freight",
    "Need",
    "Quote",
    "Ranked",
    "Request",
    "Requirements",
    "Rules",
    "allocate",
    "award",
    "compare",
    "drafts_of",
    "needs",
    "request",
]
