"""Frames to figures to one self-contained page: what to decide today first, charts and proofs after it."""

from oreloop.report.figures import FIGURES, figure
from oreloop.report.forecast_page import Outlook, backtest_figure, backtest_page, forecast_figure, forecast_page
from oreloop.report.frames import columns, empty
from oreloop.report.page import page
from oreloop.report.passport_page import passport_page, qr_code
from oreloop.report.passport_values import passport_value
from oreloop.report.proof_page import proof_page, verifier_script
from oreloop.report.summary import summary
from oreloop.report.trace_page import trace_page
from oreloop.report.view import Backtest, Facts, Headline, Seal, View

__all__ = [
    "FIGURES",
    "Backtest",
    "Facts",
    "Headline",
    "Outlook",
    "Seal",
    "View",
    "backtest_figure",
    "backtest_page",
    "columns",
    "empty",
    "figure",
    "forecast_figure",
    "forecast_page",
    "page",
    "passport_page",
    "passport_value",
    "proof_page",
    "qr_code",
    "summary",
    "trace_page",
    "verifier_script",
]
