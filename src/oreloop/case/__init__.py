"""The case: what a planner keeps in a spreadsheet, read, checked and made comparable.

Bytes in, values out. `parse` reads a case; `TABLES` is its shape; `template_files` gives one to start from.
"""

from oreloop.case.assume import Assumption
from oreloop.case.cells import Calendar, parse_price_unit, parse_scope, parse_span, parse_weights
from oreloop.case.columns import TABLES, Column, Table
from oreloop.case.parse import Case, parse
from oreloop.case.prices import Conversion, Rates, market_prices, offer_prices, price_per_kg
from oreloop.case.reference import markdown
from oreloop.case.settings import ForecastSettings, JudgeSettings, PlanSettings
from oreloop.case.template import template_files, template_xlsx
from oreloop.case.unlike import unlike_prices

__all__ = [
    "TABLES",
    "Assumption",
    "Calendar",
    "Case",
    "Column",
    "Conversion",
    "ForecastSettings",
    "JudgeSettings",
    "PlanSettings",
    "Rates",
    "Table",
    "markdown",
    "market_prices",
    "offer_prices",
    "parse",
    "parse_price_unit",
    "parse_scope",
    "parse_span",
    "parse_weights",
    "price_per_kg",
    "template_files",
    "template_xlsx",
    "unlike_prices",
]
