"""Frames to figures to one self-contained page: what to decide today first, charts and proofs after it."""

from oreloop.report.deal_contract import contract_text
from oreloop.report.deal_documents import contract_document, invoice_document, statement_document
from oreloop.report.deal_page import contract_page, invoice_page, statement_page
from oreloop.report.deal_shown import ContractShown, InvoiceShown, StatementShown
from oreloop.report.figures import FIGURES, figure
from oreloop.report.forecast_page import Outlook, backtest_figure, backtest_page, forecast_figure, forecast_page
from oreloop.report.frames import columns, empty
from oreloop.report.page import page
from oreloop.report.passport_page import passport_page, qr_code
from oreloop.report.passport_values import passport_value
from oreloop.report.plan_page import plan_page
from oreloop.report.plan_shown import PlanProof, PlanShown, plan_view
from oreloop.report.proof_page import proof_page, verifier_script
from oreloop.report.summary import summary
from oreloop.report.trace_page import trace_page
from oreloop.report.view import Backtest, Facts, Headline, Seal, View

__all__ = [
    "FIGURES",
    "Backtest",
    "ContractShown",
    "Facts",
    "Headline",
    "InvoiceShown",
    "Outlook",
    "PlanProof",
    "PlanShown",
    "Seal",
    "StatementShown",
    "View",
    "backtest_figure",
    "backtest_page",
    "columns",
    "contract_document",
    "contract_page",
    "contract_text",
    "empty",
    "figure",
    "forecast_figure",
    "forecast_page",
    "invoice_document",
    "invoice_page",
    "page",
    "passport_page",
    "passport_value",
    "plan_page",
    "plan_view",
    "proof_page",
    "qr_code",
    "statement_document",
    "statement_page",
    "summary",
    "trace_page",
    "verifier_script",
]
