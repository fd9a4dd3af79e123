"""When prices and money count: provisional invoices, months, options, calls, take or pay, interest and discount."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest
from charges_trade import codes, fixings, life, minor, one, settled


def test_provisional_invoice_of_a_sale_nets_its_charges(sale):
    outcome = settled(sale, [*sale.agreement(), *sale.delivery("conc-1")[:1]])
    (invoice,) = outcome.invoices
    assert {line.clause for line in invoice.lines} == {"provisional"}
    assert (invoice.final, str(invoice.due)) == (False, "2026-03-22")
    ounces = Fraction(7_600_000) * Fraction("31103.4768") ** -1
    mass = min(ounces * Fraction("0.85"), ounces - Fraction(91208675000, 10**6) * 12 / Fraction("31103.4768"))
    assert invoice.lines[0].amount == mass * 980 * Fraction("0.8") * Fraction("1.13")
    none = sale.change('provisional_share = "0.80"', 'provisional_share = "0"').text
    none = re.sub(r'provisional_price = "\d+"\n', "", none)
    assert (
        settled(type(sale)(text=none, facts=sale.facts), [*sale.agreement(), *sale.delivery("conc-1")[:1]]).invoices
        == ()
    )


PLAIN = """
[tax]
tax = "included"
tax_rate = "0.13"

[[payables]]
element = "Pt"
payable_share = "0.85"
kind = "fixed"
price = "980"
unit = "USD/ozt"

[delivery]
from = 2026-02-01
to = 2026-04-30

[payment]
days = 25
provisional_share = "0.5"
provisional_days = 10
"""


def test_sale_at_a_fixed_price_with_nothing_else(sale):
    plain = type(sale)(text=sale.text.split("[tax]")[0] + PLAIN, facts=sale.facts)
    events = [*plain.agreement(), *plain.delivery("conc-1")]
    price = Fraction(980) / Fraction("31103.4768")
    early = settled(plain, events[:-2])
    assert early.invoices[0].amount_minor == round(7_600_000 * Fraction("0.85") * price / 2 * 100)
    (invoice,) = settled(plain, events).invoices
    assert [line.clause for line in invoice.lines] == ["payable"]
    assert invoice.amount_minor == round(round(91208675000 * Fraction("83.6") / 10**6) * Fraction("0.85") * price * 100)
    assert str(invoice.due) == "2026-04-19"


def test_delivery_waits_for_every_month_of_every_series(sale):
    events = [*sale.agreement(), *sale.delivery("conc-1")]
    said = fixings(sale)
    outcome = settled(sale, [*events, *said[:2]])
    waiting = [each for each in outcome.obligations if each.code == "deal.fix_price"]
    assert [(each.party, str(each.due)) for each in waiting] == [("publisher", "2026-04-30")]
    assert outcome.name == "accepted"
    assert settled(sale, [*events, *said]).invoices[0].final


def test_fixing_of_another_series_or_value_is_refused(sale):
    first = fixings(sale)[0]
    said = {**first.body}
    other = sale.event("price_fixed", "publisher", "2026-07-03", **{**said, "series": "au-afternoon"})
    moved = sale.event("price_fixed", "publisher", "2026-07-03", **{**said, "value": "1"})
    same = sale.event("price_fixed", "publisher", "2026-07-03", **said)
    state = sale.fold([*life(sale), other, moved, same])
    assert [each.code for each in state.refused] == ["deal.other_series", "deal.fixed_before"]


OPTION = 'months = [1, 2]\noption_by = "refiner"\noption_days = 10\noptions = [[0], [1]]\n'


def declare(trade, day, months, by="refiner", batch="conc-1"):
    return trade.event("period_declared", by, day, batch=batch, months=months)


@pytest.fixture
def optional(sale):
    sale.facts["fixings"]["pt-afternoon"]["2026-03"] = "1100"
    sale.facts["fixings"]["pd-afternoon"]["2026-03"] = "1050"
    return sale.change("months = [1, 2]\n", OPTION)


def test_holder_of_the_option_chooses_the_months(optional):
    default = one(optional)["payable Pt"]
    outcome = settled(optional, [*life(optional), declare(optional, "2026-03-20", [0])])
    chosen = minor(optional, outcome.invoices[0].lines)["payable Pt"]
    ounces = round(91208675000 * Fraction("83.6") / 10**6) * Fraction("0.85") / Fraction("31103.4768")
    assert chosen == round(ounces * Fraction("1095.75") * 100)
    assert chosen != default
    assert str(outcome.invoices[0].due) == "2026-04-25"


def test_silence_and_late_declaration_leave_the_months_of_the_clause(optional):
    late = settled(optional, [*life(optional), declare(optional, "2026-03-23", [0])])
    assert late.postings == settled(optional).postings
    assert [each.code for each in late.warnings] == ["deal.declared_late"]


def test_nothing_is_final_while_the_option_is_open(optional):
    optional.facts["accepted"]["conc-1"] = "2026-03-15T08:00:00.000Z"
    events = [*optional.agreement(), *optional.delivery("conc-1")]
    outcome = settled(optional, events, "2026-03-22T12:00:00.000Z")
    owed = {each.code: (each.party, str(each.due)) for each in outcome.obligations}
    assert owed["deal.declare_period"] == ("refiner", "2026-03-22")
    assert not any(each.final for each in outcome.invoices)
    over = settled(optional, [*events, declare(optional, "2026-03-20", [0])], "2026-03-22T12:00:00.000Z")
    assert "deal.declare_period" not in codes(over)


def test_period_is_declared_once_from_those_offered_by_its_holder(optional):
    events = [
        declare(optional, "2026-03-14", [5]),
        declare(optional, "2026-03-15", [1]),
        declare(optional, "2026-03-16", [0]),
        declare(optional, "2026-03-17", [0], by="catalyst-maker"),
    ]
    state = optional.fold([*optional.agreement(), *optional.delivery("conc-1")[:1], *events])
    assert [each.code for each in state.refused] == ["deal.not_offered", "deal.declared_before", "deal.not_theirs"]
    assert state.declared.periods["conc-1"].months == (1,)


def call(trade, quantity_mg, value, day="2026-05-10", **changed):
    said = {"batch": "conc-1", "element": "Pt", "series": "pt-afternoon", "unit": "USD/ozt", "source": "s", **changed}
    return trade.event("price_called", "publisher", day, quantity_mg=quantity_mg, value=value, **said)


@pytest.fixture
def callable_sale(sale):
    return sale.change("months = [1, 2]\n", 'months = [1, 2]\ncallable_share = "0.5"\n')


def test_metal_priced_by_call_and_the_rest_at_the_average(callable_sale):
    payable = round(91208675000 * Fraction("83.6") / 10**6) * Fraction("0.85")
    average = (Fraction("987.10") + Fraction("1012.44")) / 2 - Fraction("4.25")
    outcome = settled(callable_sale, [*life(callable_sale), call(callable_sale, 1_000_000, "1050")])
    line = outcome.invoices[0].lines[0]
    ounce = Fraction("31103.4768")
    assert line.amount == (1_000_000 * Fraction("1045.75") + (payable - 1_000_000) * average) / ounce
    inputs = {"__builtins__": {}, "min": min, "max": max}
    assert eval(line.formula, inputs, dict(line.inputs)) == line.amount
    beyond = settled(
        callable_sale, [*life(callable_sale), *(call(callable_sale, 5_000_000, price) for price in ("1050", "1051"))]
    )
    assert beyond.invoices[0].lines[0].amount == payable / 2 * (Fraction("1045.75") + average) / ounce


def test_call_after_the_quotational_period_does_not_count(callable_sale):
    outcome = settled(callable_sale, [*life(callable_sale), call(callable_sale, 1_000_000, "1050", "2026-06-01")])
    assert [each.code for each in outcome.warnings] == ["deal.called_late"]
    assert outcome.postings == settled(callable_sale).postings


def test_call_needs_the_clause_and_the_metals_series(sale, callable_sale):
    assert [each.code for each in sale.fold([*life(sale), call(sale, 1, "1")]).refused] == ["deal.no_clause"]
    wrong = call(callable_sale, 1, "1", element="Pd")
    assert [each.code for each in callable_sale.fold([*life(callable_sale), wrong]).refused] == ["deal.other_series"]


TAKE = '[take_or_pay]\nshare = "0.90"\nprice = "250000"\nunit = "CNY/kg"\n\n[payment]'


def tender(trade, quantity_mg, day="2026-05-30"):
    return trade.event("tendered", "refiner", day, quantity_mg=quantity_mg)


@pytest.fixture
def binding(offtake):
    return offtake.change("[payment]", TAKE)


def test_buyer_pays_for_what_was_tendered_and_not_taken(binding):
    events = [*binding.agreement(), *binding.delivery("ir-lot-7"), tender(binding, 7_000_000)]
    before = binding.settle(events, at="2026-05-31")
    owed = {each.code: each.mass_mg for each in before.obligations}
    assert owed["deal.take"] == 12_000_000 * 9 // 10 - 5_000_041
    after = binding.settle(events, at="2026-06-01")
    (line,) = [line for invoice in after.invoices for line in invoice.lines if line.clause == "take_or_pay"]
    assert line.amount == Fraction(5_799_959, 10**6) * 250_000
    assert "deal.deliver" not in codes(after)
    (invoice,) = [each for each in after.invoices if each.batch == ""]
    assert (str(invoice.due), [each.clause for each in invoice.lines]) == ("2026-06-30", ["take_or_pay"])


def test_shortfall_is_never_more_than_was_tendered(binding):
    events = [*binding.agreement(), *binding.delivery("ir-lot-7"), tender(binding, 1_000_000)]
    outcome = binding.settle(events, at="2026-06-10")
    (line,) = [line for invoice in outcome.invoices for line in invoice.lines if line.clause == "take_or_pay"]
    assert line.amount == 250_000
    assert {each.code: each.mass_mg for each in outcome.obligations}["deal.deliver"] == 12_000_000 - 6_000_041
    nothing = binding.settle(events[:-1], at="2026-06-10")
    assert not [line for invoice in nothing.invoices for line in invoice.lines if line.clause == "take_or_pay"]


def test_tender_counts_within_the_window_and_with_the_clause(binding, offtake):
    late = tender(binding, 1, "2026-06-01")
    assert [each.code for each in binding.fold([*binding.agreement(), late]).refused] == ["deal.window_over"]
    idle = tender(offtake, 1)
    assert [each.code for each in offtake.fold([*offtake.agreement(), idle]).refused] == ["deal.no_clause"]
    said = offtake.event("recycled_stated", "refiner", "2026-06-01", batch="ir-lot-7", share="1")
    refused = offtake.fold([*offtake.agreement(), *offtake.delivery("ir-lot-7")[:1], said]).refused
    assert [each.code for each in refused] == ["deal.no_clause"]


def test_money_in_time_bears_neither_interest_nor_discount(sale):
    total = sum(invoice.amount_minor for invoice in settled(sale, at="2026-06-20T00:00:00.000Z").invoices)
    paid = sale.paid("catalyst-maker", total, "p-1", "2026-06-20")
    outcome = settled(sale, [*life(sale), paid], "2026-07-20T00:00:00.000Z")
    assert {line.clause for invoice in outcome.invoices for line in invoice.lines}.isdisjoint({"interest", "discount"})


def test_seller_who_owes_is_late_too(autocat):
    punctual = autocat.change("[payment]", '[interest]\nrate_per_year = "0.10"\nday_count = 365\n\n[payment]')
    owed = -settled(autocat).money.open
    paid = punctual.paid("catalyst-maker", owed, "p-1", "2026-04-04")  # due 25 March: ten days late
    outcome = settled(punctual, [*life(punctual), paid])
    (invoice,) = outcome.invoices[1:]
    assert invoice.amount_minor == -round(Fraction(owed * 10) / 10 / 365)
    running = settled(punctual, life(punctual), "2026-03-26T00:00:00.000Z")
    assert running.invoices[1].amount_minor == -round(Fraction(owed) / 10 / 365)
