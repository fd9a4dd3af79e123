"""Metal that a toller buys: at a fixed price, or at one that follows a series over the quotational period."""

from __future__ import annotations

import json
from fractions import Fraction

import pytest
from charges_trade import HERE, codes, evidence, refusals, settled
from hypothesis import given, settings
from hypothesis import strategies as st

from oreloop.base.instant import instant
from oreloop.base.period import Period
from oreloop.deal import Contract, settle
from oreloop.deal.charges.fixings import Fixing, average, quoted
from oreloop.deal.charges.pricing import indexed

FIXED = 'settled_in = "cash", price = "4620", unit = "USD/ozt"'
INDEX = 'settled_in = "cash", kind = "index", series = "rh", premium = "0", unit = "USD/ozt"'
QUOTATION = '[quotation]\nmonths = [1]\nfixed_by = "publisher"\n\n[delivery]'
RHODIUM = Fraction("1502136.15") / Fraction("31103.4768")
"""Ounces due of the worked example: 1,702,101 mg less 25 g/t of 7,998,594,000 mg."""


@pytest.fixture
def index(autocat):
    """The toll of three metals with rhodium at the average of the month after delivery."""
    return autocat.change(FIXED, INDEX).change("[delivery]", QUOTATION)


def fixed(trade, value, period="2026-03", series="rh", unit="USD/ozt", day="2026-04-02"):
    said = {"series": series, "period": period, "value": value, "unit": unit, "source": "publisher's table"}
    return trade.event("price_fixed", "publisher", day, **said)


def delivered(trade):
    return [*trade.agreement(), *trade.delivery("monolith-1")]


def bought(outcome):
    """What the toller pays for rhodium, minor units."""
    contract = outcome.state.contract
    return [-contract.rounded(each.amount) for each in outcome.invoices[0].lines if each.clause == "returns"]


def cents(price):
    return round(RHODIUM * Fraction(price) * 100)


def test_no_final_invoice_until_the_average_is_stated(index):
    waiting = settled(index, delivered(index))
    assert (waiting.invoices, waiting.name) == ((), "accepted")
    (due,) = [each for each in waiting.obligations if each.code == "deal.fix_price"]
    assert (due.party, str(due.due)) == ("publisher", "2026-03-31")
    done = settled(index, [*delivered(index), fixed(index, "4585.50")])
    assert bought(done) == [cents("4585.50")]
    assert str(done.invoices[0].due) == "2026-04-20"  # twenty days after the quotational period


@settings(max_examples=10)
@given(price=st.integers(1, 10**6))
def test_a_series_that_stands_at_the_fixed_price_settles_the_same(ordinary, autocat_text, price):
    trade = type(ordinary)(text=autocat_text[0], facts=autocat_text[1])
    shown = f"{price / 100:.2f}"
    flat = trade.change('price = "4620"', f'price = "{shown}"')
    follows = trade.change(FIXED, INDEX).change("[delivery]", QUOTATION)
    one, other = settled(flat), settled(follows, [*delivered(follows), fixed(follows, shown)])
    assert [each.amount_minor for each in one.invoices] == [each.amount_minor for each in other.invoices]


@pytest.fixture(scope="session")
def autocat_text(ordinary):
    folder = HERE / "examples" / "charges"
    facts = {"fixings": {}, **json.loads((folder / "autocatalyst-toll.json").read_text("utf-8"))}
    return (folder / "autocatalyst-toll.toml").read_text("utf-8"), facts


@pytest.mark.parametrize(
    ("terms", "value", "price"),
    [
        ('floor = "4000", cap = "5000"', "3120", "4000"),
        ('floor = "4000", cap = "5000"', "9100", "5000"),
        ('base = "4000", pass_share = "0.25"', "4800", "4200"),
        ('base = "4000", pass_share = "0.25", cap = "4150"', "4800", "4150"),
    ],
)
def test_floor_cap_and_pass_through_are_those_of_a_sale(index, terms, value, price):
    trade = index.change('series = "rh"', f'series = "rh", {terms}')
    assert bought(settled(trade, [*delivered(trade), fixed(trade, value)])) == [cents(price)]


def test_a_premium_may_be_a_discount(index):
    trade = index.change('premium = "0"', 'premium = "-35.5"')
    assert bought(settled(trade, [*delivered(trade), fixed(trade, "4600")])) == [cents("4564.5")]


def test_each_month_of_the_period_weighs_the_same(index):
    trade = index.change("months = [1]", "months = [0, 1, 2]")
    said = [
        fixed(trade, value, period) for period, value in (("2026-02", "4500"), ("2026-03", "4700"), ("2026-04", "4501"))
    ]
    assert bought(settled(trade, [*delivered(trade), *said])) == [cents(Fraction(13701, 3))]
    assert not settled(trade, [*delivered(trade), *said[:2]]).invoices


def test_the_owner_may_choose_another_month(index):
    option = 'option_by = "catalyst-maker"\noption_days = 9\noptions = [[2]]\nfixed_by'
    trade = index.change("fixed_by", option)
    said = [fixed(trade, "4500"), fixed(trade, "4700", "2026-04")]
    declared = trade.event("period_declared", "catalyst-maker", "2026-02-25", batch="monolith-1", months=[2])
    assert bought(settled(trade, [*delivered(trade), *said])) == [cents(4500)]
    assert bought(settled(trade, [*delivered(trade), declared, *said])) == [cents(4700)]


def test_part_of_the_metal_may_be_priced_by_call(index):
    trade = index.change("fixed_by", 'callable_share = "0.5"\nfixed_by')
    call = trade.event(
        "price_called", "publisher", "2026-03-12", batch="monolith-1", element="Rh", quantity_mg=622_070,
        series="rh", value="4900", unit="USD/ozt", source="screen",
    )  # fmt: skip
    outcome = settled(trade, [*delivered(trade), call, fixed(trade, "4500")])
    ounces = Fraction(622_070) / Fraction("31103.4768")
    assert bought(outcome) == [round((ounces * 4900 + (RHODIUM - ounces) * 4500) * 100)]
    for posting in [each for each in outcome.postings if each.clause == "returns" and each.formula]:
        inputs = {key: Fraction(value) for key, value in posting.inputs.items()}
        exact = eval(posting.formula, {"__builtins__": {}, "min": min, "max": max}, inputs) * 100
        assert exact + Fraction(posting.rounding) == -posting.amount


def test_a_toller_may_return_a_part_and_buy_the_rest(index):
    row = '{element = "Pt", returned_share = "0.985", settled_in = "metal", refining = "12.50", refining_unit = "USD/ozt"}'
    both = (
        '{element = "Pt", returned_share = "0.60", settled_in = "metal"},\n'
        '  {element = "Pt", returned_share = "0.38", settled_in = "cash", kind = "index", series = "pt", premium = "0", unit = "USD/ozt"}'
    )
    trade = index.change(row, both)
    assert set(quoted(trade.contract)) == {("pt", "USD/ozt", "Pt"), ("rh", "USD/ozt", "Rh")}
    said = [fixed(trade, "4500"), fixed(trade, "1000", series="pt")]
    outcome = settled(trade, [*delivered(trade), *said])
    platinum = Fraction(8_995_219) * Fraction("0.38") / Fraction("31103.4768") * 1000
    assert bought(outcome) == [round(platinum * 100), cents(4500)]
    (due,) = [each.mass_mg for each in outcome.obligations if each.code == "deal.return_metal" and each.element == "Pt"]
    assert due == 5_397_131  # 60 % of 8,995,219; part milligrams stay
    assert outcome.balances["held", "Pt"] == due


def test_what_is_paid_ahead_never_changes_what_is_paid(index):
    ahead = index.change('provisional_share = "0"', 'provisional_share = "0.7"').change(
        'series = "rh"', 'series = "rh", provisional_price = "4000"'
    )
    early = settled(ahead, delivered(ahead)[:3])
    (asked,) = early.invoices
    assert not asked.final
    assert {line.clause for line in asked.lines} == {"provisional"}
    cash = [line for line in asked.lines if line.inputs["taxed"] == 1]
    assert [line.inputs["provisional_price"] for line in cash] == [4000], "metal that is bought bears no tax"
    for posting in [each for each in early.postings if each.formula]:
        inputs = {key: Fraction(value) for key, value in posting.inputs.items()}
        exact = eval(posting.formula, {"__builtins__": {}, "min": min, "max": max}, inputs) * 100
        assert abs(exact + Fraction(posting.rounding)) == posting.amount
    said = [*delivered(index), fixed(index, "4585.50")]
    with_advance = [*delivered(ahead), fixed(ahead, "4585.50")]
    assert settled(ahead, with_advance).invoices[0].amount_minor == settled(index, said).invoices[0].amount_minor


def test_charges_of_an_advance_hold_tax_that_prices_include(autocat):
    inside = autocat.change('tax = "excluded"', 'tax = "included"').change(
        'provisional_share = "0"', 'provisional_share = "1"'
    )
    (asked,) = settled(inside, delivered(inside)[:3]).invoices
    assert {line.inputs["taxed"] for line in asked.lines} == {1}


def test_a_price_of_another_series_or_metal_is_refused(index):
    trade = index.change("fixed_by", 'callable_share = "0.5"\nfixed_by')
    call = {
        "batch": "monolith-1",
        "quantity_mg": 5,
        "series": "rh",
        "value": "1",
        "unit": "USD/ozt",
        "source": "screen",
    }
    wrong = [
        fixed(trade, "4500", series="pd"),
        fixed(trade, "4500", unit="USD/kg"),
        trade.event("price_called", "publisher", "2026-03-12", element="Pt", **call),
    ]
    assert [each.code for each in settled(trade, [*delivered(trade), *wrong]).warnings] == ["deal.other_series"] * 3
    first, second = fixed(trade, "4500"), fixed(trade, "4501", day="2026-04-03")
    state = trade.fold([*delivered(trade), first, second])
    assert [each.code for each in state.refused] == ["deal.fixed_before"]
    kept = state.fixings["rh", "USD/ozt", "2026-03"]
    assert (kept.value, kept.source, kept.by) == (4500, "publisher's table", "publisher")


def test_terms_that_a_series_needs_are_asked_for(autocat):
    without = autocat.change(FIXED, INDEX)
    assert refusals(without.text, Contract) == ["deal.missing_clause"]
    bare = autocat.change(FIXED, 'settled_in = "cash", kind = "index", unit = "USD/ozt"').change(
        "[delivery]", QUOTATION
    )
    assert refusals(bare.text, Contract) == ["deal.missing_term", "deal.missing_term"]
    ahead = without.change("[delivery]", QUOTATION).change('provisional_share = "0"', 'provisional_share = "0.5"')
    assert refusals(ahead.text, Contract) == ["deal.missing_term"]
    metal = autocat.change(FIXED, 'settled_in = "metal", kind = "index"')
    assert refusals(metal.text, Contract) == ["deal.unknown_term"], "metal that comes back has no price"


def test_an_average_needs_every_month():
    periods = [Period.parse(each) for each in ("2026-03", "2026-04")]
    one = {("rh", "USD/ozt", "2026-03"): Fixing(value=Fraction(9), source="s", by="p", at=instant("2026-04-02"))}
    assert average(one, "rh", "USD/ozt", periods) is None
    assert average(one, "rh", "USD/ozt", periods[:1]).value == 9


def test_a_fixed_price_follows_nothing(offtake):
    shown = settle(offtake.fold(offtake.life()), offtake.evidence()).facts.final["ir-lot-7"]
    assert indexed(offtake.contract.clauses.price, {}, shown) is None


def test_codes_of_a_finished_toll(index):
    back = [
        {"batch": f"{metal}-back", "time": "2026-05-02T09:00:00.000Z", "site": "owner-vault", "element": metal,
         "gross_mg": mass, "dry_mg": mass, "contained_mg": mass}
        for metal, mass in (("Pt", 8_860_290), ("Pd", 14_918_465))
    ]  # fmt: skip
    index.facts["deliveries"] += back
    events = [*delivered(index), fixed(index, "4585.50")]
    (invoice,) = settled(index, events).invoices
    paid = index.paid("catalyst-maker", -invoice.amount_minor, "w", "2026-04-18")
    outcome = settle(index.fold([*events, paid]), evidence(index))
    assert (codes(outcome), outcome.name) == ([], "closed")
