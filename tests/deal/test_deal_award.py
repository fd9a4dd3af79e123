"""Who wins a tender and why: nothing decides but the comparable cost and the weights that are given."""

from __future__ import annotations

import itertools
import json
import tomllib
from dataclasses import replace
from datetime import date
from fractions import Fraction

import pytest
import tender_trade
from hypothesis import given
from hypothesis import strategies as st
from tender_trade import AT, COMPARISON, SELLERS

from oreloop.base.errors import BadInput
from oreloop.base.period import Period
from oreloop.base.texts import LANGUAGES, label
from oreloop.case.prices import Rates
from oreloop.deal import Need, Request, Requirements, Rules, award, drafts_of
from oreloop.deal.tender import allocate
from oreloop.deal.tender.allocation import Share
from oreloop.deal.terms import Fixed, Tax

NEED = Need(
    id="pt-plant-2026-03",
    buyer="maker",
    material="pt-sponge",
    element="Pt",
    content=Fraction(1),
    moisture=Fraction(0),
    quantity_mg=10_000_000,
    first=date(2026, 3, 1),
    last=date(2026, 3, 31),
    site="plant",
    incoterm="DAP",
    currency="CNY",
)
RISK = {"alpha": Fraction("0.55"), "beta": Fraction("0.2"), "gamma": None}
ASKED = tender_trade.asked(RISK)
REQUEST = Request(need=NEED, requirements=Requirements(approvals=frozenset()), at=AT, candidates=ASKED)
MARCH = {
    "request": REQUEST.digest,
    "unit": "CNY/kg",
    "mg_per_unit": Fraction(1_000_000),
    "first": NEED.first,
    "last": NEED.last,
    "valid_to": date(2026, 2, 10),
}


def quote(seller="alpha", price=300_000, **changes):
    return tender_trade.quote(seller, price, **MARCH | changes)


def give(*quotes, request=REQUEST, comparison=COMPARISON, **rules):
    return award(request, quotes, comparison, Rules(**rules), at=AT)


prices = st.integers(1, 10**6)
offers = st.lists(
    st.builds(quote, st.sampled_from(SELLERS), prices, quantity_mg=st.integers(1, 12_000_000)), max_size=5
)


@given(offers)
def test_without_weights_the_cheapest_comparable_quote_leads(quotes):
    costs = [each.compared.cost_per_kg for each in give(*quotes).ranked]
    assert costs == sorted(costs)


@given(offers, st.randoms())
def test_the_order_in_which_quotes_come_changes_nothing(quotes, random):
    shuffled = random.sample(quotes, len(quotes))
    assert give(*shuffled).digest == give(*quotes).digest


@given(offers.filter(bool))
def test_a_worse_quote_changes_nothing_when_the_others_fill_the_need(quotes):
    full = [*quotes, quote("beta", 10**6 + 1)]
    worse = quote("gamma", 2 * 10**6)
    before, after = give(*full), give(*full, worse)
    assert after.awarded == before.awarded
    assert after.cost == before.cost


@given(offers, st.integers(2, 9))
def test_another_unit_of_money_changes_nothing_but_the_unit(quotes, factor):
    """The same prices in a currency of which so many make one: the same order, the same split, the same lead in money."""
    rates = Rates({("JPY", "CNY"): ((Period.parse("2026-01"), float(factor)),)})
    said = [
        replace(each, rule=Fixed(price=each.rule.price / factor), unit="JPY/kg")
        for each in sorted(quotes, key=lambda each: each.id)
    ]
    there = give(*said, comparison=replace(COMPARISON, rates=rates))
    here = give(*quotes)
    shown = [
        [(each.quote.seller, each.score_per_kg, each.behind_per_kg, each.quantity_mg) for each in one.ranked]
        for one in (here, there)
    ]
    assert shown[0] == shown[1]


@given(offers)
def test_all_that_can_be_had_is_awarded_to_the_milligram_and_no_more(quotes):
    made = give(*quotes)
    offered = sum(each.quantity_mg for each in {each.id: each for each in quotes}.values())
    assert sum(each.quantity_mg for each in made.awarded) == min(NEED.quantity_mg, offered)
    assert made.short_mg == max(NEED.quantity_mg - offered, 0)
    assert all(0 <= each.quantity_mg <= each.quote.quantity_mg for each in made.ranked)


@given(
    st.lists(
        st.builds(
            Share,
            seller=st.sampled_from("ab"),
            cost_per_kg=st.integers(1, 4).map(Fraction),
            least_mg=st.integers(0, 4),
            most_mg=st.integers(4, 6),
        ),
        max_size=3,
    ),
    st.integers(0, 12),
    st.integers(1, 12),
)
def test_no_other_split_has_more_or_costs_less(shares, quantity, most):
    ordered = sorted(shares, key=lambda each: (each.cost_per_kg, each.seller))
    choices = [[0, *range(max(each.least_mg, 1), each.most_mg + 1)] for each in ordered]

    def allowed(taken):
        by_seller = {
            name: sum(mg for mg, each in zip(taken, ordered, strict=True) if each.seller == name) for name in "ab"
        }
        return sum(taken) <= quantity and max(by_seller.values()) <= most

    def rank(taken):
        return -sum(taken), sum(mg * each.cost_per_kg for mg, each in zip(taken, ordered, strict=True))

    found = allocate(ordered, quantity, most)
    assert allowed(found)
    assert rank(found) == min(rank(taken) for taken in itertools.product(*choices) if allowed(taken))


@given(prices, prices)
def test_below_its_level_price_the_second_would_have_won(first, second):
    made = give(quote("alpha", first), quote("beta", second))
    winner, loser = made.ranked
    for ranked, other in ((loser, winner), (winner, loser)):
        at_level = replace(ranked.quote, rule=Fixed(price=ranked.level_price))
        again = give(at_level, other.quote)
        assert again.ranked[0].behind_per_kg == 0
    cheaper = replace(loser.quote, rule=Fixed(price=loser.level_price - Fraction(1, 100)))
    assert give(winner.quote, cheaper).ranked[0].quote == cheaper


def test_worked_example_of_an_award():
    """alpha pays by USD/ozt later, beta in CNY/g with tax, gamma is cheap and small; 10 kg are wanted.

    alpha: 1,300 USD/ozt x 7 = 9,100 CNY/ozt = 292,571.79 CNY/kg, less 60 days at 3.6 % = 290,816.36.
    beta: 339 CNY/g with 13 % = 300,000 CNY/kg. gamma: 280,000 CNY/kg for 2 kg.
    """
    quotes = (
        quote("alpha", 1300, unit="USD/ozt", mg_per_unit=Fraction("31103.4768"), payment_days=60),
        quote("beta", 339, unit="CNY/g", mg_per_unit=Fraction(1000), tax=Tax(included=True, rate=Fraction("0.13"))),
        quote("gamma", 280_000, quantity_mg=2_000_000),
    )
    made = give(*quotes)
    assert [(each.quote.seller, each.quantity_mg) for each in made.ranked] == [
        ("gamma", 2_000_000), ("alpha", 8_000_000), ("beta", 0),
    ]  # fmt: skip
    gamma, alpha, beta = made.ranked
    assert round(float(alpha.score_per_kg), 2) == 290_816.36
    assert beta.score_per_kg == 300_000
    assert round(float(gamma.behind_per_kg), 2) == round(float(alpha.behind_per_kg), 2) == 10_816.36
    assert round(float(gamma.level_price), 2) == 290_816.36
    assert round(float(alpha.level_price), 2) == 1251.65
    assert round(float(beta.level_price), 2) == 316.40
    assert round(float(made.cost), 2) == 2_886_530.9
    frame = made.frame
    assert frame["rank"].to_list() == [1, 2, 3]
    assert frame["awarded_mg"].to_list() == [2_000_000, 8_000_000, 0]
    sealed = json.loads(made.data)
    assert sealed["ranked"][0]["lines"][0]["formula"].startswith("price * 1000000")
    assert [each["seller"] for each in sealed["candidates"] if each["asked"]] == list(SELLERS)


def test_a_weight_is_money_for_one_unit_of_a_criterion():
    cheap, calm = quote("alpha", 300_000), quote("beta", 302_000)
    assert give(cheap, calm).ranked[0].quote == cheap
    made = give(cheap, calm, weights={"country_risk": Fraction(10_000)})
    assert made.ranked[0].quote == calm
    assert made.ranked[0].criteria == {"country_risk": Fraction("0.2")}
    assert made.ranked[1].score_per_kg == 305_500
    assert made.ranked[0].behind_per_kg == 1_500
    green = replace(cheap, recycled_share=Fraction(1), last=date(2026, 3, 11))
    weights = {"recycled_share": Fraction(-1000), "delivery_days": Fraction(10)}
    assert give(green, weights=weights).ranked[0].score_per_kg == 300_000 - 1000 + 100


@pytest.mark.parametrize(
    ("changes", "rules", "rule"),
    [
        ({"request": "another"}, {}, "request"),
        ({"seller": "stranger"}, {}, "seller"),
        ({"offer": "beta-1"}, {}, "seller"),
        ({"valid_to": date(2026, 1, 31)}, {}, "validity"),
        ({"last": date(2026, 4, 1)}, {}, "window"),
        ({"first": date(2026, 2, 28)}, {}, "window"),
        ({"recycled_share": None}, {"weights": {"recycled_share": Fraction(1)}}, "unknown"),
        ({"seller": "gamma"}, {"weights": {"country_risk": Fraction(1)}}, "unknown"),
    ],
)
def test_a_quote_that_breaks_a_rule_takes_no_part(changes, rules, rule):
    made = give(quote(**changes), **rules)
    (out,) = made.excluded
    assert (out.rule, made.ranked, made.short_mg) == (rule, (), NEED.quantity_mg)
    assert made.frame["excluded"].to_list() == [f"deal.excluded.{rule}"]
    assert all(label(out.code, language) for language in LANGUAGES)


@pytest.mark.parametrize(
    ("asks", "rule", "got"),
    [
        ({"certificates": frozenset({"RMI", "LPPM"})}, "certificates", "LPPM"),
        ({"most_co2e_kg_per_kg": Fraction(7000)}, "footprint", "8000"),
        ({"least_recycled_share": Fraction("0.3")}, "recycled", "0.2"),
    ],
)
def test_a_quote_must_itself_show_what_the_request_demands(asks, rule, got):
    strict = replace(REQUEST, requirements=Requirements(approvals=frozenset(), **asks))
    made = give(
        quote(
            request=strict.digest,
            certificates=frozenset({"LPPM"}),
            co2e_kg_per_kg=Fraction(8000),
            recycled_share=Fraction("0.2"),
        ),
        request=strict,
    )
    assert [(each.rule, each.got) for each in made.excluded] == [(rule, got)]
    assert all(label(each.code, language) for each in made.excluded for language in LANGUAGES)


def test_with_a_carbon_price_a_quote_without_footprint_takes_no_part():
    made = give(quote(), comparison=replace(COMPARISON, carbon_price_per_t=Fraction(80)))
    assert [each.rule for each in made.excluded] == ["footprint"]


def test_one_seller_may_be_kept_to_a_share():
    made = give(quote("alpha", 1), quote("beta", 2), largest_share=Fraction("0.7"))
    assert [each.quantity_mg for each in made.awarded] == [7_000_000, 3_000_000]


def test_a_minimum_is_kept_or_the_quote_gets_nothing():
    small, bulk = quote("alpha", 1, quantity_mg=4_000_000), quote("beta", 2, least_mg=8_000_000)
    made = give(small, bulk)
    assert [(each.quote.seller, each.quantity_mg) for each in made.awarded] == [
        ("alpha", 2_000_000), ("beta", 8_000_000),
    ]  # fmt: skip
    alone = give(quote("alpha", 1), bulk)
    assert [each.quote.seller for each in alone.awarded] == ["alpha"]


def test_equal_quotes_are_ranked_by_name_and_the_same_quote_twice_is_one():
    made = give(quote("beta"), quote("alpha"), quote("alpha"))
    assert [each.quote.seller for each in made.ranked] == ["alpha", "beta"]
    assert made.ranked[0].behind_per_kg == 0


def test_a_lone_quote_has_no_rival_and_a_free_one_no_level_price():
    (alone,) = give(quote()).ranked
    assert (alone.behind_per_kg, alone.level_price) == (0, None)
    unpaid = give(quote("alpha", 5, payable_share=Fraction(0)), quote("beta", 9)).ranked
    assert unpaid[0].level_price is None
    dear = give(quote("alpha", 5), quote("beta", 9, last=date(2026, 3, 30)), weights={"delivery_days": Fraction(-9)})
    assert dear.ranked[0].quote.seller == "alpha"


@pytest.mark.parametrize(
    ("rules", "code"),
    [
        ({"weights": {"beauty": Fraction(1)}}, "deal.unknown_criterion"),
        ({"largest_share": Fraction(0)}, "deal.out_of_range"),
    ],
)
def test_rules_that_make_no_sense_are_refused(rules, code):
    with pytest.raises(BadInput) as caught:
        give(quote(), **rules)
    assert caught.value.code == code


def test_more_minimums_than_can_be_tried_are_refused():
    with pytest.raises(BadInput) as caught:
        give(*(quote("alpha", price, least_mg=1) for price in range(1, 15)))
    assert caught.value.code == "deal.too_many_minimums"


def test_an_award_becomes_drafts_that_leave_open_what_nobody_said():
    cheap = quote("gamma", 280_000, quantity_mg=2_000_000, offer="gamma-1", payment_days=-10)
    first, second = drafts_of(give(cheap, quote("alpha", 1300, unit="USD/ozt", mg_per_unit=Fraction("31103.4768"))))
    said = tomllib.loads(first.data.decode())
    assert said["contract"]["id"] == first.id == "draft-pt-plant-2026-03-1"
    assert (said["contract"]["answers"], said["contract"]["quantity_mg"]) == ("gamma-1", 2_000_000)
    assert said["price"]["price"] == "280000"
    assert {"contract.rounding", "contract.title", "contract.tolerance_share", "payment"} <= set(first.open)
    other = tomllib.loads(second.data.decode())
    assert (other["contract"]["currency"], other["price"]["unit"]) == ("USD", "USD/ozt")
    assert other["payment"] == {"days": 0}
    assert {"payment.provisional_days", "payment.provisional_share"} <= set(second.open)
