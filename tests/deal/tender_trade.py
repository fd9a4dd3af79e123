"""A tender to test with: a need for 10 kg of iridium in May, three sellers who are asked, and quotes of every kind."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from fractions import Fraction

from oreloop.base.period import Period
from oreloop.case.prices import Rates
from oreloop.deal import Comparison, Need, Quote, Request, Requirements, Rules, award
from oreloop.deal.tender import Candidate, Finding, Outlook
from oreloop.deal.terms import Fixed, Index, Tax

SELLERS = ("alpha", "beta", "gamma")
OZT = Fraction("31103.4768")
AT = date(2026, 2, 1)
NEED = Need(
    id="ir-5n-plant-2026-05",
    buyer="maker",
    material="ir-5n",
    element="Ir",
    content=Fraction(1),
    moisture=Fraction(0),
    quantity_mg=10_000_000,
    first=date(2026, 5, 1),
    last=date(2026, 5, 31),
    site="plant",
    incoterm="DAP",
    currency="CNY",
)


def asked(risk=None):
    """Everyone who is asked, with the risk of the country."""
    return tuple(
        Candidate(
            offer=f"{seller}-1",
            seller=seller,
            origin_country="ZAF",
            country_risk=(risk or {}).get(seller),
            findings=(Finding(criterion="seller", met=True, got=seller),),
        )
        for seller in SELLERS
    )


REQUEST = Request(need=NEED, requirements=Requirements(approvals=frozenset()), at=date(2026, 1, 15), candidates=asked())
COMPARISON = Comparison(
    rates=Rates({("USD", "CNY"): ((Period.parse("2026-01"), 7.0),)}),
    period=Period.parse("2026-02"),
    funding_rate_per_year=Fraction("0.036"),
    day_count=360,
)


def outlook(month="2026-05", price=4300, low=3900, high=4800, unit="USD/ozt", series="Ir", **changes):
    said = Outlook(
        series=series,
        month=month,
        unit=unit,
        price=Fraction(price),
        low=Fraction(low),
        high=Fraction(high),
        known_on=date(2026, 1, 31),
        kind="forecast",
        source="illustrative",
    )
    return replace(said, **changes)


def seen(*outlooks, comparison=COMPARISON):
    return replace(comparison, outlooks={(each.series, each.month): each for each in outlooks})


def index(premium=0, month=0, series="Ir", **changes):
    said = Index(series=series, month=month, premium=Fraction(premium), floor=None, cap=None, fixed_by="")
    return replace(said, **{name: Fraction(value) if name != "fixed_by" else value for name, value in changes.items()})


def quote(seller="alpha", rule=1000, **changes):
    """A quote in USD/ozt; ``rule`` is a fixed price or an index."""
    said = Quote(
        id=f"{seller}-{rule}-{sorted(changes.items(), key=str)}",
        request=REQUEST.digest,
        seller=seller,
        offer=None,
        rule=rule if isinstance(rule, Index) else Fixed(price=Fraction(rule)),
        unit="USD/ozt",
        mg_per_unit=OZT,
        basis="contained",
        content=None,
        moisture=None,
        payable_share=Fraction(1),
        tax=Tax(included=False, rate=Fraction("0.13")),
        incoterm="DAP",
        quantity_mg=10_000_000,
        least_mg=0,
        first=date(2026, 5, 1),
        last=date(2026, 5, 31),
        valid_to=date(2026, 2, 28),
        payment_days=0,
        certificates=frozenset(),
        co2e_kg_per_kg=None,
        recycled_share=None,
    )
    return replace(said, **changes)


def give(*quotes, request=REQUEST, comparison=None, refused=(), at=AT, **rules):
    by = seen(outlook()) if comparison is None else comparison
    return award(request, quotes, by, Rules(**rules), at=at, refused=refused)
