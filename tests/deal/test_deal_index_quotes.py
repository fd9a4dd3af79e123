"""A quote that follows a price series is ranked at one price of it, shown at others, and drafted as the clause that it is."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tender_trade import COMPARISON, NEED, OZT, REQUEST, SELLERS, give, index, outlook, quote, seen

from oreloop.base.errors import BadInput
from oreloop.base.period import Period
from oreloop.base.texts import LANGUAGES, render
from oreloop.case.prices import Rates
from oreloop.deal import Quote, drafts_of
from oreloop.deal.tender import compare
from oreloop.deal.terms import Fixed

TOML = """
[quote]
request = "r"
seller = "alpha"
kind = "index"
series = "Ir"
month = -1
premium = "-25.5"
base = "4000"
pass_share = "0.5"
floor = "3800"
cap = "4600"
fixed_by = "publisher"
unit = "USD/ozt"
basis = "contained"
payable_share = "1"
tax = "excluded"
tax_rate = "0.13"
incoterm = "DAP"
quantity = "10 kg"
from = 2026-05-01
to = 2026-05-31
valid_to = 2026-02-28
payment_days = 0
"""
KG = Fraction(1_000_000) / OZT * 7
"""CNY a kg for one USD/ozt at 7 CNY/USD."""


def test_the_words_of_a_quote_on_a_series_are_those_of_a_contract():
    read = Quote.parse(TOML.encode(), "quote.toml")
    assert read.rule == index(
        "-25.5", -1, base="4000", pass_share="0.5", floor="3800", cap="4600", fixed_by="publisher"
    )
    plain = Quote.parse(TOML.replace('fixed_by = "publisher"\n', "").encode(), "quote.toml")
    assert plain.rule.fixed_by == ""


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('premium = "-25.5"', "", "deal.missing_term"),
        ('series = "Ir"', "", "deal.missing_term"),
        ("month = -1", 'price = "4300"', "deal.unknown_term"),
        ('floor = "3800"', 'floor = "4700"', "deal.floor_above_cap"),
        ('kind = "index"', 'kind = "spot"', "deal.not_a_choice"),
    ],
)
def test_what_a_quote_on_a_series_does_not_say_is_never_assumed(old, new, code):
    with pytest.raises(BadInput) as caught:
        Quote.parse(TOML.replace(old, new).encode(), "quote.toml")
    assert code in {each.code for each in caught.value.problems}


def test_worked_example_of_a_quote_on_a_series():
    """Half of the distance of the average from 4,000 is passed on, less 25.50; between 3,800 and 4,600 USD/ozt.

    May is delivered, so April's average prices it: 4,300 gives 4,000 + 150 - 25.50 = 4,124.50; 3,500 gives 3,724.50, which
    the floor raises to 3,800; 5,600 gives 4,774.50, which the cap lowers to 4,600.
    """
    said = Quote.parse(TOML.replace('request = "r"', f'request = "{REQUEST.digest}"').encode(), "quote.toml")
    by = seen(outlook("2026-04", 4300, 3500, 5600))
    compared = compare(said, NEED, by)
    assert compared.cost_per_kg == Fraction("4124.5") * KG
    assert compared.low_per_kg == 3800 * KG
    assert compared.high_per_kg == 4600 * KG
    assert compared.outlook.month == "2026-04"
    for line in compared.lines:
        assert eval(line.formula, {"min": min, "max": max}, dict(line.inputs)) == line.amount


def test_a_series_in_another_unit_is_brought_to_that_of_the_quote():
    """An average of 140 USD/g at 7 CNY/USD is 980 CNY/g; plus 20 CNY/g."""
    said = quote(rule=index(20), unit="CNY/g", mg_per_unit=Fraction(1000))
    by = seen(outlook(price=140, low=140, high=140, unit="USD/g"))
    compared = compare(said, NEED, by)
    assert compared.cost_per_kg == 1_000_000
    [price, _] = compared.lines
    assert eval(price.formula, {}, dict(price.inputs)) == price.amount


def test_an_award_names_the_price_its_date_and_source_and_who_would_lead_at_others():
    """A fixed 4,330 USD/ozt lies between 4,300 + 20 at the ranking price and 4,800 + 20 at the higher one."""
    made = give(quote("alpha", 4330), quote("beta", index(20)))
    assert [each.quote.seller for each in made.ranked] == ["beta", "alpha"]
    assert [made.leader(level).quote.seller for level in ("low", "price", "high")] == ["beta", "beta", "alpha"]
    row = made.frame.row(0, named=True)
    assert (row["average"], row["average_low"], row["average_high"]) == (4300, 3900, 4800)
    assert (row["valued"], row["known_on"], row["source"]) == ("forecast", date(2026, 1, 31), "illustrative")
    assert row["low_per_kg"] == pytest.approx(float(3920 * KG))
    sealed = json.loads(made.data)
    assert sealed["ranked"][0]["valuation"]["at"][2] == {"average": "4800", "cost_per_kg": str(4820 * KG)}
    assert sealed["ranked"][1]["valuation"] is None
    assert set(sealed["leaders"]) == {"low", "price", "high"}


def test_what_is_drafted_is_the_clause_and_not_what_it_was_valued_at():
    rule = index("-25.5", 1, floor=3800, cap=4600, base=4000, pass_share="0.5")
    [draft] = drafts_of(give(quote("beta", rule), comparison=seen(outlook("2026-06"))))
    price = tomllib.loads(draft.data.decode())["price"]
    assert (price["kind"], price["series"]) == ("index", "Ir")
    assert {name: price[name] for name in ("month", "premium", "floor", "cap", "base", "pass_share")} == {
        "month": 1, "premium": "-25.5", "floor": "3800", "cap": "4600", "base": "4000", "pass_share": "0.5",
    }  # fmt: skip
    assert "price" not in price
    assert "price.fixed_by" in draft.open
    named = drafts_of(give(quote("beta", index(fixed_by="publisher"))))[0]
    assert tomllib.loads(named.data.decode())["price"]["fixed_by"] == "publisher"


def test_a_quote_on_a_series_of_which_no_price_is_known_is_not_compared():
    with pytest.raises(BadInput) as caught:
        give(quote(rule=index(month=2)))
    assert caught.value.code == "deal.no_outlook"
    assert caught.value.problems[0].fields["month"] == "2026-07"
    assert all(render(caught.value.problems[0], language) for language in LANGUAGES)


def test_a_price_outside_its_own_band_is_refused():
    with pytest.raises(BadInput) as caught:
        outlook(low=4400)
    assert caught.value.code == "deal.band_reversed"


def test_a_published_average_leaves_no_band():
    known = outlook(low=4300, high=4300, kind="published")
    compared = compare(quote(rule=index(10)), NEED, seen(known))
    assert compared.low_per_kg == compared.cost_per_kg == compared.high_per_kg == 4310 * KG


# ---------------------------------------------------------------- properties

money = st.integers(1, 10_000)
rules = st.one_of(
    money,
    st.builds(
        lambda premium, share, bounds: index(premium, base=4000, pass_share=share, floor=min(bounds), cap=max(bounds)),
        st.integers(-2000, 2000),
        st.sampled_from(["0", "0.5", "1"]),
        st.tuples(money, money),
    ),
    st.builds(index, st.integers(-2000, 2000)),
)
quotes = st.lists(st.builds(quote, st.sampled_from(SELLERS), rules, quantity_mg=st.integers(1, 12_000_000)), max_size=5)
bands = st.tuples(money, money, money).map(sorted).map(lambda of: outlook(price=of[1], low=of[0], high=of[2]))


@given(quotes, bands)
def test_a_quote_costs_no_less_at_a_higher_price(made, band):
    for each in give(*made, comparison=seen(band)).ranked:
        assert each.compared.low_per_kg <= each.compared.cost_per_kg <= each.compared.high_per_kg


@given(quotes, bands, st.randoms())
def test_the_order_of_quotes_changes_nothing(made, band, random):
    by = seen(band)
    assert give(*random.sample(made, len(made)), comparison=by).digest == give(*made, comparison=by).digest


@given(quotes, bands, st.integers(1, 500), st.integers(0, 30))
def test_a_quote_that_is_worse_in_every_way_never_wins(made, band, dearer, sooner):
    """The same terms at a higher price, and paid no later, from somebody whose name comes first."""
    for each in made:
        rule = each.rule
        worse = replace(rule, price=rule.price + dearer) if isinstance(rule, Fixed) else replace(
            rule, premium=rule.premium + dearer
        )  # fmt: skip
        copy = replace(each, id=f"a-{each.id}", seller="alpha", rule=worse, payment_days=-sooner)
        ranked = [one.quote.id for one in give(replace(each, seller="beta"), copy, comparison=seen(band)).ranked]
        by_cost = {one.id: compare(one, NEED, seen(band)).cost_per_kg for one in (each, copy)}
        assert by_cost[copy.id] >= by_cost[each.id]
        assert ranked[0] == each.id or by_cost[copy.id] == by_cost[each.id]


@given(quotes, bands, st.integers(2, 9))
def test_another_currency_of_the_same_worth_changes_nothing(made, band, factor):
    """Quotes and series in a dollar of which so many make one, and a rate that says so."""
    rates = Rates(
        {("USD", "CNY"): ((Period.parse("2026-01"), 7.0),), ("JPY", "CNY"): ((Period.parse("2026-01"), 7.0 * factor),)}
    )

    def smaller(rule):
        names = ("price",) if isinstance(rule, Fixed) else ("premium", "floor", "cap", "base")
        return replace(rule, **{name: value / factor for name in names if (value := getattr(rule, name)) is not None})

    here = give(*made, comparison=seen(band))
    there = give(
        *(replace(each, rule=smaller(each.rule), unit="JPY/ozt") for each in made),
        comparison=seen(
            replace(band, unit="JPY/ozt", price=band.price / factor, low=band.low / factor, high=band.high / factor),
            comparison=replace(COMPARISON, rates=rates),
        ),
    )
    shown = [
        [
            (each.quote.id, each.score_per_kg, each.behind_per_kg, each.compared.low_per_kg, each.quantity_mg)
            for each in one.ranked
        ]
        for one in (here, there)
    ]
    assert shown[0] == shown[1]


@given(rules, rules, bands)
def test_at_its_level_price_or_premium_the_second_is_level_with_the_first(first, second, band):
    by = seen(band)
    made = give(quote("alpha", first), quote("beta", second), comparison=by)
    winner, loser = made.ranked
    for each, other in ((loser, winner), (winner, loser)):
        if each.level_price is None:
            continue
        rule = each.quote.rule
        level = Fixed(price=each.level_price) if isinstance(rule, Fixed) else replace(rule, premium=each.level_price)
        again = give(replace(each.quote, rule=level), other.quote, comparison=by)
        assert again.ranked[0].behind_per_kg == 0


def test_no_premium_brings_a_quote_below_its_floor_or_above_its_cap():
    made = give(quote("alpha", 3000), quote("beta", index(0, floor=3500)))
    assert made.ranked[1].level_price is None
    led = give(quote("alpha", 9000), quote("beta", index(0, cap=5000)))
    assert led.ranked[0].quote.seller == "beta"
    assert led.ranked[0].level_price is None
    assert led.ranked[1].level_price == 4300
