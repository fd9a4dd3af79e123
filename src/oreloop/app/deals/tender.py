"""The terms of a tender: a TOML file that says what sources must show, and by what their quotes are compared.

::

    [request]
    at = 2026-01-15
    currency = "CNY"                    # in which quotes are compared
    incoterm = "DAP"
    approvals = "approved; trial"       # statuses that are admitted; assumed: of tables that list no approvals
    certificates = "RMI"                # optional: all must be held
    most_co2e_kg_per_kg = "9000"        # optional
    least_recycled_share = "0.2"        # optional
    most_country_risk = "0.6"           # optional, 0 (least) to 1
    answer_by = 2026-01-25              # optional: last day on which a quote is in time (UTC)

    [award]                             # needed to award, not to ask
    at = 2026-02-01
    funding_rate_per_year = "0.04"
    day_count = 365
    carbon_price_per_t = "100"          # optional
    largest_share = "0.6"               # optional: most that one seller may have
    weights = {country_risk = "2000"}   # optional: money per contained kg for one unit
    rates = [{from = "USD", to = "CNY", rate = "7.1"}]                          # optional
    freight = [{seller = "refiner", per_gross_kg = "300", currency = "CNY"}]    # optional
    duties = [{seller = "refiner", rate = "0.03"}]                              # optional

    [[award.prices]]                    # optional: what a series is taken to come to; else the prices of the case say it
    series = "Ir"
    month = "2026-03"
    price = "4300"
    low = "3900"
    high = "4800"
    unit = "USD/ozt"
    on = 2026-01-30
    source = "view of the metals committee"
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from fractions import Fraction

import polars as pl

from oreloop.base.errors import BadInput
from oreloop.base.money import MINOR_DIGITS
from oreloop.base.period import Period
from oreloop.case.prices import Rates
from oreloop.deal.clauses import Terms
from oreloop.deal.contract import INCOTERMS, opened
from oreloop.deal.tender import Comparison, Freight, Outlook, Requirements, Rules

_RATES = {"from_currency": pl.String, "to_currency": pl.String, "period": pl.String, "rate": pl.Float64}


@dataclass(frozen=True, slots=True, kw_only=True)
class AwardTerms:
    """By what quotes are compared and awarded, and on which day."""

    at: date
    comparison: Comparison
    rules: Rules


@dataclass(frozen=True, slots=True, kw_only=True)
class Tender:
    """The terms of a tender.

    Args:
        at: day of the request.
        currency: in which quotes are compared.
        incoterm: rule that they are asked on.
        requirements: what a source must show.
        award: how it is awarded; None when that is not said.
        answer_by: last day on which a quote is in time (UTC); None = none is set.
    """

    at: date
    currency: str
    incoterm: str
    requirements: Requirements
    award: AwardTerms | None
    answer_by: date | None = None

    @classmethod
    def parse(cls, data: bytes, name: str) -> Tender:
        """Read the terms of a tender.

        Args:
            data: TOML in UTF-8.
            name: file name, for messages.

        Raises:
            BadInput: all problems at once, e.g. ``deal.missing_term``, ``deal.unknown_term``.
        """
        text, whole = opened(data, name)
        asked = whole.table("request") or Terms(
            values={}, path="request", file=name, text=text, problems=whole.problems
        )
        awarded = whole.table("award")
        read = cls(
            at=asked.day("at"),
            currency=asked.words("currency", MINOR_DIGITS),
            incoterm=asked.words("incoterm", INCOTERMS),
            requirements=Requirements(
                approvals=_several(asked.words("approvals")),
                certificates=_several(asked.words("certificates") if asked.has("certificates") else ""),
                most_co2e_kg_per_kg=_maybe(asked, "most_co2e_kg_per_kg"),
                least_recycled_share=_maybe(asked, "least_recycled_share", most=1),
                most_country_risk=_maybe(asked, "most_country_risk", most=1),
            ),
            award=None if awarded is None else _award(awarded),
            answer_by=asked.day("answer_by") if asked.has("answer_by") else None,
        )
        asked.done()
        whole.done()
        if whole.problems:
            raise BadInput(whole.problems)
        return read


def _award(terms: Terms) -> AwardTerms:
    at = terms.day("at")
    period = Period.parse(f"{at:%Y-%m}") if at > date.min else Period.parse("2000-01")
    days = terms.whole("day_count", least=360)
    if days not in (360, 365):
        terms.refuse("deal.not_a_choice", "day_count", got=days, expected="360, 365")
    read = AwardTerms(
        at=at,
        comparison=Comparison(
            rates=_rates(terms, period),
            period=period,
            funding_rate_per_year=terms.share("funding_rate_per_year"),
            day_count=360 if days == 360 else 365,
            carbon_price_per_t=_maybe(terms, "carbon_price_per_t"),
            freight={
                row.name("seller"): Freight(
                    per_gross_kg=row.number("per_gross_kg"), currency=row.words("currency", MINOR_DIGITS)
                )
                for row in _rows(terms, "freight")
            },
            duty_rate={row.name("seller"): row.share("rate") for row in _rows(terms, "duties")},
            outlooks={
                (each.series, each.month): each for row in _rows(terms, "prices") if (each := _outlook(row)) is not None
            },
        ),
        rules=Rules(weights=_weights(terms), largest_share=_maybe(terms, "largest_share", most=1)),
    )
    terms.done()
    return read


def _outlook(row: Terms) -> Outlook | None:
    """Read what a series is taken to come to in a month; a month or a band that is none leaves a problem."""
    unit, _ = row.price_unit("unit", "")
    series, written, source, day = row.words("series"), row.words("month"), row.words("source"), row.day("on")
    price, low, high = row.number("price"), row.number("low"), row.number("high")
    row.done()
    try:
        month = Period.parse(written).counted_in("month").name if written else ""
        return Outlook(
            series=series, month=month, unit=unit, price=price, low=low, high=high, known_on=day, kind="stated",
            source=source,
        )  # fmt: skip
    except BadInput as error:
        row.copy("month" if error.code == "base.not_a_period" else "price", error)
        return None


def _rates(terms: Terms, period: Period) -> Rates:
    rows = [
        (row.words("from", MINOR_DIGITS), row.words("to", MINOR_DIGITS), period.name, float(row.number("rate")))
        for row in _rows(terms, "rates")
    ]
    return Rates.of(pl.DataFrame(rows, _RATES, orient="row"))


def _weights(terms: Terms) -> dict[str, Fraction]:
    weights = terms.table("weights")
    return {} if weights is None else {name: weights.number(name, least=None) for name in weights.values}


def _rows(terms: Terms, key: str) -> list[Terms]:
    return terms.rows(key) if terms.has(key) else []


def _maybe(terms: Terms, key: str, *, most: int | None = None) -> Fraction | None:
    return terms.number(key, most=most) if terms.has(key) else None


def _several(written: str) -> frozenset[str]:
    """Read words between semicolons.

    >>> sorted(_several("approved; trial"))
    ['approved', 'trial']
    """
    return frozenset(each.strip() for each in written.split(";") if each.strip())
