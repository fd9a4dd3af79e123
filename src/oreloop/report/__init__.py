"""Frames to figures to one self-contained page: what to decide today first, charts and proofs after it."""

from oreloop.report.figures import FIGURES, figure
from oreloop.report.frames import columns, empty
from oreloop.report.page import page
from oreloop.report.proof_page import proof_page, verifier_script
from oreloop.report.summary import summary
from oreloop.report.view import Backtest, Facts, Headline, Seal, View

__all__ = [
    "FIGURES",
    "Backtest",
    "Facts",
    "Headline",
    "Seal",
    "View",
    "columns",
    "empty",
    "figure",
    "page",
    "proof_page",
    "summary",
    "verifier_script",
]
