"""Quotes are read once, and compared only after every conversion that they need; each one can be computed again."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from fractions import Fraction

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.base.errors import BadInput
from oreloop.base.period import Period
from oreloop.case.prices import Rates
from oreloop.deal import Comparison, Need, Quote, parse_events, sign_event
from oreloop.deal.tender import Freight, compare
from oreloop.deal.terms import Fixed

TOML = """
[quote]
request = "r"
seller = "alpha"
offer = "o0"
price = "4700"
unit = "USD/ozt"
basis = "contained"
payable_share = "1"
tax = "excluded"
tax_rate = "0.13"
incoterm = "FCA"
quantity = "10 kg"
from = 2026-03-01
to = 2026-03-31
valid_to = 2026-02-10
payment_days = 30
certificates = "RMI"
co2e_kg_per_kg = "8000"
recycled_share = "0.2"
"""
NEED = Need(
    id="ir-5n-plant-2026-03",
    buyer="maker",
    material="ir-5n",
    element="Ir",
    content=Fraction("0.9999"),
    moisture=Fraction(0),
    quantity_mg=10_000_000,
    first=date(2026, 3, 1),
    last=date(2026, 3, 31),
    site="plant",
    incoterm="DAP",
    currency="CNY",
)
RATES = Rates.of(pl.DataFrame({"from_currency": ["USD"], "to_currency": ["CNY"], "period": ["2026-01"], "rate": [7.1]}))


def quote(text=TOML, **changes):
    return replace(Quote.parse(text.encode(), "quote.toml"), **changes)


def by(**changes):
    said = {
        "rates": RATES,
        "period": Period.parse("2026-01"),
        "funding_rate_per_year": Fraction("0.05"),
        "day_count": 360,
        "freight": {"alpha": Freight(per_gross_kg=Fraction(50), currency="USD")},
    }
    return Comparison(**(said | changes))


def codes(text):
    with pytest.raises(BadInput) as caught:
        quote(text)
    return sorted((each.code, each.place.column if each.place else None) for each in caught.value.problems)


def lines(*args, **changes):
    return {line.clause: line for line in compare(quote(**changes), NEED, *args or (by(),)).lines}


def test_a_quote_is_read_from_a_file():
    read = quote()
    assert (read.seller, read.currency, read.quantity_mg, read.valid_to) == (
        "alpha", "USD", 10_000_000, date(2026, 2, 10),
    )  # fmt: skip
    assert (read.certificates, read.least_mg, read.content) == (frozenset({"RMI"}), 0, None)


def test_a_quote_is_read_from_a_signed_event():
    body = {
        "request": "r", "price": "4700", "unit": "USD/ozt", "basis": "contained", "payable_share": "1",
        "tax": "excluded", "tax_rate": "0.13", "incoterm": "FCA", "quantity_mg": 10_000_000, "from": "2026-03-01",
        "to": "2026-03-31", "valid_to": "2026-02-10", "payment_days": 30, "offer": "o0", "certificates": "RMI",
        "co2e_kg_per_kg": "8000", "recycled_share": "0.2",
    }  # fmt: skip
    document = {"type": "oreloop.quoted/1", "contract": "c", "at": "2026-01-20T08:00:00.000Z", "by": "alpha"}
    (event,) = parse_events(sign_event({**document, "body": body}, bytes(32)), "events.jsonl")
    assert replace(Quote.of(event), id="") == replace(quote(), id="", quoted_on=date(2026, 1, 20))
    (poor,) = parse_events(sign_event({**document, "body": {**body, "basis": "wet"}}, bytes(32)), "events.jsonl")
    with pytest.raises(BadInput) as caught:
        Quote.of(poor)
    place = caught.value.problems[0].place
    assert (caught.value.code, place.file, place.line, place.column) == (
        "deal.not_a_choice", "events.jsonl", 1, "body.basis",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "code", "column"),
    [
        ('price = "4700"', "", "deal.missing_term", "quote.price"),
        ('basis = "contained"', 'basis = "dry"', "deal.missing_term", "quote.content"),
        ('basis = "contained"', 'basis = "dry"\ncontent = "0"', "deal.content_missing", "quote.content"),
        ('basis = "contained"', 'basis = "gross"\ncontent = "0.9"', "deal.missing_term", "quote.moisture"),
        (
            'basis = "contained"',
            'basis = "gross"\ncontent = "0.9"\nmoisture = "1"',
            "deal.content_missing",
            "quote.moisture",
        ),
        ("to = 2026-03-31", "to = 2026-02-01", "deal.window_reversed", "quote.to"),
        ('quantity = "10 kg"', 'quantity = "10 kg"\nleast_mg = 10000001', "deal.least_above_most", "quote.least_mg"),
        ('tax = "excluded"', 'tax = "excluded"\nhope = "1"', "deal.unknown_term", "quote.hope"),
        ('unit = "USD/ozt"', 'unit = "ozt"', "deal.not_a_price_unit", "quote.unit"),
    ],
)
def test_what_a_quote_does_not_say_is_never_assumed(old, new, code, column):
    assert (code, column) in codes(TOML.replace(old, new))


def test_a_file_without_a_quote_is_missing_all_of_it():
    assert ("deal.missing_term", "quote.price") in codes("")


def test_worked_example_of_a_comparison():
    """4,700 USD/ozt FCA at 7.1 CNY/USD, 50 USD freight for a gross kg of 99.99 % metal, 30 days later at 5 % on 360."""
    costs = by(carbon_price_per_t=Fraction(80), duty_rate={"alpha": Fraction("0.02")})
    found = lines(costs)
    kg = Fraction(1_000_000) / Fraction("31103.4768")
    price = 4700 * kg * Fraction("7.1")
    freight = 50 * Fraction("7.1") / Fraction("0.9999")
    assert found["price"].amount == price
    assert round(float(price), 2) == 1_072_870.41
    assert found["freight"].amount == freight
    assert found["duty"].amount == (price + freight) * Fraction("0.02")
    assert found["funding"].amount == -price * Fraction("0.05") * 30 / 360
    assert found["carbon"].amount == 640
    assert compare(quote(), NEED, costs).cost_per_kg == sum(line.amount for line in found.values())


def test_every_line_can_be_computed_again_from_its_formula():
    text = TOML.replace('"excluded"', '"included"').replace(
        'basis = "contained"', 'basis = "gross"\ncontent = "0.6"\nmoisture = "0.08"'
    )
    costs = by(carbon_price_per_t=Fraction(80), duty_rate={"alpha": Fraction("0.02")})
    for line in compare(quote(text), NEED, costs).lines:
        assert eval(line.formula, {}, dict(line.inputs)) == line.amount


def test_tax_that_the_price_holds_is_taken_out():
    with_tax = quote(TOML.replace('"excluded"', '"included"'), rule=Fixed(price=Fraction(4700) * Fraction("1.13")))
    assert compare(with_tax, NEED, by()).cost_per_kg == compare(quote(), NEED, by()).cost_per_kg


def test_gross_dry_and_contained_prices_of_the_same_metal_are_equal():
    dry = quote(basis="dry", content=Fraction("0.6"), rule=Fixed(price=Fraction(4700) * Fraction("0.6")))
    gross = quote(
        basis="gross",
        content=Fraction("0.6"),
        moisture=Fraction("0.1"),
        rule=Fixed(price=Fraction(4700) * Fraction("0.6") * Fraction("0.9")),
    )
    assert {lines()["price"].amount} == {
        next(iter(compare(each, NEED, by()).lines)).amount for each in (dry, gross, quote())
    }


def test_freight_of_a_kilogram_rises_with_what_is_carried_along():
    wet = quote(basis="gross", content=Fraction("0.5"), moisture=Fraction("0.2"))
    freight = {line.clause: line.amount for line in compare(wet, NEED, by()).lines}["freight"]
    assert freight == 50 * Fraction("7.1") / Fraction("0.4")


def test_incoterms_say_who_carries_and_who_pays_the_duty():
    costs = by(duty_rate={"alpha": Fraction("0.02")})
    assert set(lines(costs, incoterm="FCA")) == {"price", "freight", "duty", "funding"}
    assert set(lines(costs, incoterm="CIP")) == {"price", "freight", "duty", "funding"}
    assert set(lines(costs, incoterm="DAP")) == {"price", "duty", "funding"}
    assert set(lines(costs, incoterm="DDP")) == {"price", "funding"}
    assert set(lines(by(freight={}), incoterm="CIP")) == {"price", "funding"}
    with pytest.raises(BadInput) as caught:
        lines(by(freight={}), incoterm="FCA")
    assert caught.value.code == "deal.missing_freight"


def test_a_missing_exchange_rate_is_an_error():
    with pytest.raises(BadInput) as caught:
        lines(by(rates=Rates({})))
    assert caught.value.code == "case.missing_rate"


def test_carbon_is_priced_only_with_a_footprint():
    with pytest.raises(BadInput) as caught:
        lines(by(carbon_price_per_t=Fraction(80)), co2e_kg_per_kg=None)
    assert caught.value.code == "deal.missing_footprint"
    assert "carbon" not in lines(co2e_kg_per_kg=None)


def test_a_year_has_360_or_365_days():
    with pytest.raises(BadInput) as caught:
        by(day_count=0)
    assert caught.value.code == "deal.not_a_choice"


@given(st.integers(-365, 365), st.integers(-365, 365))
def test_the_later_the_payment_the_lower_the_cost(first, second):
    sooner, later = sorted((first, second))
    costs = by()
    at = [compare(quote(payment_days=days), NEED, costs).cost_per_kg for days in (sooner, later)]
    assert at[1] <= at[0]
