"""Commercial terms as the metal trade settles them: worked examples, and what holds of every one of them."""

from __future__ import annotations

import copy
import json
import random
import re
import subprocess
import sys
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from importlib.resources import files
from pathlib import Path

import plain_settlement
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.base.errors import BadInput
from oreloop.base.instant import instant
from oreloop.base.texts import room_texts
from oreloop.deal import Evidence, advance, fold, settle
from oreloop.deal.assay import readings_of
from oreloop.deal.charges.punctuality import Due, Receipt, overdue
from oreloop.deal.exchange.commit import commitment
from oreloop.deal.invoice import final_lines

HERE = Path(__file__).parent
SCRIPT = HERE / "plain_settlement.py"


@pytest.fixture(scope="module")
def plain():
    done = subprocess.run([sys.executable, "-I", str(SCRIPT)], capture_output=True, check=True)
    return json.loads(done.stdout)


@pytest.fixture
def worked(ordinary):
    """Load an example of this page as the trade of the others."""

    def load(name):
        facts = json.loads((HERE / "examples" / "charges" / f"{name}.json").read_text("utf-8"))
        return type(ordinary)(
            text=(HERE / "examples" / "charges" / f"{name}.toml").read_text("utf-8"), facts={"fixings": {}, **facts}
        )

    return load


@pytest.fixture
def sale(worked):
    return worked("concentrate-sale")


@pytest.fixture
def autocat(worked):
    return worked("autocatalyst-toll")


def fixings(trade):
    units = {row["series"]: row["unit"] for row in trade.terms["payables"] if row["kind"] == "index"}
    return [
        trade.event(
            "price_fixed",
            "publisher",
            "2026-07-02",
            series=series,
            period=period,
            value=value,
            unit=units[series],
            source="publisher's table",
        )
        for series, values in trade.facts["fixings"].items()
        for period, value in values.items()
    ]


def life(trade):
    batches = [event for batch in trade.facts["accepted"] for event in trade.delivery(batch)]
    return [*trade.agreement(), *batches, *(fixings(trade) if trade.contract.kind == "sale" else [])]


def money(trade):
    receiver = trade.contract.seller
    return [trade.paid(receiver, each["amount_minor"], each["reference"], each["day"]) for each in trade.facts["paid"]]


def evidence(trade):
    base = trade.evidence()
    shares = [
        (batch, element, share)
        for batch, each in trade.facts.get("recycled", {}).items()
        for element, share in each.items()
    ]
    schema = {"batch": pl.String, "element": pl.String, "share": pl.Float64}
    recycled = pl.DataFrame(shares, schema, orient="row")
    return Evidence(deliveries=base.deliveries, footprint=base.footprint, assays=base.assays, recycled=recycled)


def settled(trade, events=None, at="2026-12-31T00:00:00.000Z"):
    return settle(trade.fold(life(trade) if events is None else events, at), evidence(trade))


def minor(trade, lines):
    """Rounded amounts of lines, named with their metal or impurity as the formula names it."""
    contract, found = trade.contract, {}
    for line in lines:
        metals = [name for name in line.inputs if re.fullmatch(r"[A-Z]\w*_(mg|payable_mg|returned_mg|content)", name)]
        single = line.clause in ("payable", "refining", "penalty")
        name = f"{line.clause} {metals[0].split('_')[0]}" if single else line.clause
        found[name] = contract.rounded(line.amount)
    return found


def codes(outcome):
    return [each.code for each in outcome.obligations]


def refusals(text, contract):
    with pytest.raises(BadInput) as caught:
        contract.parse(text.encode(), "contract.toml")
    return [each.code for each in caught.value.problems]


# ---------------------------------------------------------------- worked examples


def test_script_shares_no_code_with_the_room():
    assert "oreloop" not in SCRIPT.read_text("utf-8")


def test_toll_of_spent_autocatalyst_with_three_metals_and_penalties(plain, autocat):
    outcome = settled(autocat)
    (invoice,) = outcome.invoices
    expected = plain["autocatalyst-toll"]["batches"]["monolith-1"]
    found = minor(autocat, invoice.lines)
    found["returns Rh"] = found.pop("returns")
    assert found == expected["lines"]
    assert invoice.amount_minor == expected["total"] == outcome.money.open
    due = {each.element: each.mass_mg for each in outcome.obligations if each.code == "deal.return_metal"}
    assert due == expected["metal_due_mg"]
    assert outcome.balances["held", "Pt"] == due["Pt"]


def test_sale_of_concentrate_on_two_quotational_months(plain, sale):
    outcome = settled(sale)
    expected = plain["concentrate-sale"]["batches"]
    for invoice in outcome.invoices[:2]:
        assert minor(sale, invoice.lines) == expected[invoice.batch]["lines"]
        assert invoice.amount_minor == expected[invoice.batch]["total"]
    assert [str(invoice.due) for invoice in outcome.invoices[:2]] == ["2026-06-25", "2026-07-25"]


def test_page_shows_these_numbers(plain):
    page = (HERE.parents[1] / "docs" / "explanation" / "deal-charges.md").read_text("utf-8")
    for example in plain.values():
        for batch in example["batches"].values():
            assert f"**{batch['total'] / 100:,.2f}**" in page
            for name, cents in batch["lines"].items():
                rows = [line for line in page.splitlines() if line.startswith(f"| {name} |")]
                assert any(f"| {cents / 100:,.2f} |" in row for row in rows), name
    late = plain["concentrate-sale"]
    assert f"{late['interest'] / 100:,.2f}" in page
    assert f"{-late['discounts']['conc-1'] / 100:,.2f}" in page


def test_early_and_late_money(plain, sale):
    outcome = settled(sale, [*life(sale), *money(sale)])
    found = {line.clause: invoice.amount_minor for invoice in outcome.invoices[1:] for line in invoice.lines}
    assert found["discount"] == plain["concentrate-sale"]["discounts"]["conc-1"] == -141_071
    assert found["interest"] == plain["concentrate-sale"]["interest"] == 30_125
    assert [(each.code, each.amount_minor) for each in outcome.obligations] == [("deal.pay", 30_125)]
    (interest,) = [each for each in outcome.invoices if each.lines[0].clause == "interest"]
    assert str(interest.due) == "2026-08-29"  # 25 days after the money came


@pytest.mark.parametrize("name", ["autocatalyst-toll", "concentrate-sale"])
def test_anyone_can_evaluate_every_formula_again(name, worked):
    trade = worked(name)
    events = [*life(trade), *(money(trade) if "paid" in trade.facts else [])]
    early = settled(trade, [*trade.agreement(), *trade.delivery(next(iter(trade.facts["accepted"])))[:1]])
    for outcome in (settled(trade, events), early):
        for posting in [each for each in outcome.postings if each.formula]:
            inputs = {key: Fraction(value) for key, value in posting.inputs.items()}
            exact = eval(posting.formula, {"__builtins__": {}, "min": min, "max": max}, inputs) * 100
            whole = exact + Fraction(posting.rounding)
            assert whole.denominator == 1
            assert abs(whole) == posting.amount
            assert set(re.findall(r"[A-Za-z_]\w*", posting.formula)) <= {*inputs, "min", "max"}


# ---------------------------------------------------------------- payable metal and charges


def one(trade, batch="conc-1", **facts):
    """The final lines of one delivery, by clause."""
    outcome = settled(trade)
    (invoice,) = [each for each in outcome.invoices if each.batch == batch and each.final]
    return minor(trade, invoice.lines)


def test_minimum_deduction_leaves_nothing_of_a_poor_metal(sale):
    sale.facts["assays"]["conc-1"][2]["value"] = "0.99"  # 1 % is deducted
    lines = one(sale)
    assert (lines["payable Cu"], lines["refining Cu"]) == (0, 0)


def test_tiers_are_marginal(sale):
    flat = sale.change('{to = "150", charge = "14.00"}', '{to = "150", charge = "12.00"}')
    assert one(flat)["refining Pt"] - one(sale)["refining Pt"] == 150 * 2 * 100


def test_floor_cap_and_pass_through(sale):
    sale.facts["fixings"]["pt-afternoon"] |= {"2026-04": "10", "2026-05": "10"}
    ounces = round(91208675000 * Fraction("83.6") / 10**6) * Fraction("0.85") / Fraction("31103.4768")
    assert one(sale)["payable Pt"] == round(ounces * 900 * 100)
    sale.facts["fixings"]["pt-afternoon"] |= {"2026-04": "9000", "2026-05": "9000"}
    assert one(sale)["payable Pt"] == round(ounces * 1500 * 100)


def test_purchase_may_pass_a_share_of_the_change_through(sponge):
    half = sponge.change('premium = "-4.25"', 'premium = "-4.25"\nbase = "1000"\npass_share = "0.5"')
    line = half.settle().invoices[0].lines[0]
    assert line.formula.endswith("min(max((base + pass_share * (average - base) + premium), floor), cap)")
    ounces = Fraction(19_995_793) / Fraction("31103.4768")
    assert line.amount == ounces * Fraction("0.9985") * (1000 + Fraction("3.75") / 2 - Fraction("4.25"))


def test_treatment_charge_follows_the_price_down_and_never_below_nothing(sale):
    sale.facts["fixings"]["pt-afternoon"] |= {"2026-04": "910", "2026-05": "920"}
    # (910 + 920) / 2 - 4.25 = 910.75: 39.25 below the base at 0.05
    rate = 195 - Fraction("39.25") * Fraction("0.05")
    assert one(sale)["treatment"] == -round(Fraction(91208675000, 10**9) * rate * 100)
    free = sale.change('below = "0.05"', 'below = "50"')
    assert one(free)["treatment"] == 0
    plainly = sale.change(
        '[treatment.participation]\nelement = "Pt"\nbase = "950"\nabove = "0.10"\nbelow = "0.05"\n', ""
    )
    assert one(plainly)["treatment"] == -round(Fraction(91208675000, 10**9) * 195 * 100)
    none = plainly.change('[treatment]\ncharge = "195"\nunit = "USD/t"\n', "")
    assert "treatment" not in one(none)


def test_impurity_at_its_free_limit_costs_nothing(sale):
    sale.facts["assays"]["conc-1"][3]["value"] = "0.10"
    sale.facts["assays"]["conc-1"][4]["value"] = "0.649"  # less than one full step
    assert not [name for name in one(sale) if name.startswith("penalty")]
    sale.facts["assays"]["conc-1"][4]["value"] = "<0.65"  # counts as its limit: one step
    assert one(sale)["penalty Cr2O3"] == -round(Fraction(91208675000, 10**9) * 6 * 100)


def test_impurity_that_nobody_shows_is_asked_for(sale):
    del sale.facts["assays"]["conc-1"][3]
    assert [(each.code, each.party, each.batch) for each in settled(sale).obligations][-1] == (
        "deal.show_impurity",
        "catalyst-maker",
        "conc-1",
    )


def test_owner_of_tolled_feed_owes_its_penalties(autocat):
    assert all(amount > 0 for name, amount in one(autocat, "monolith-1").items() if name.startswith("penalty"))


def test_receiver_may_reject_above_the_limit_of_a_penalty(sale):
    def outcome(trade):
        delivered, assayed, _ = trade.delivery("conc-1")
        rejected = trade.event("rejected", "refiner", "2026-03-26", batch="conc-1", reason="As")
        return trade.fold([*trade.agreement(), delivered, assayed, rejected])

    assert [each.code for each in outcome(sale).refused] == ["deal.nothing_to_reject"]
    sale.facts["assays"]["conc-1"][3]["value"] = "1.01"
    assert outcome(sale).batches["conc-1"].stage == "rejected"


EXCHANGE = """[exchange]
umpire = "lab"
rule = 7
exchange_days = 8
reveal_days = 4
umpire_days = 20
analytes = [
  {analyte = "Pt", splitting_limit = "2", unit = "g/t"},
  {analyte = "Pd", splitting_limit = "2", unit = "g/t"},
  {analyte = "Cu", splitting_limit = "0.10", unit = "%"},
  {analyte = "As", splitting_limit = "0.05", unit = "%"},
  {analyte = "Cr2O3", splitting_limit = "0.05", unit = "%"},
]

[quotation]"""


def exchanged(trade, arsenic):
    """Both parties commit to and reveal the laboratory's values, but for arsenic: the seller's and the buyer's own."""
    delivered = trade.event("delivered", "catalyst-maker", "2026-03-12", batch="conc-1", event="rec")
    commits, reveals = [], []
    for party, value in zip(("catalyst-maker", "refiner"), arsenic, strict=True):
        values = [
            {**each, "value": value} if each["analyte"] == "As" else each for each in trade.facts["assays"]["conc-1"]
        ]
        nonce = "7" * 64
        shown = commitment(trade.contract.id, "conc-1", party, readings_of(values), nonce)
        commits.append(trade.event("assay_committed", party, "2026-03-14", batch="conc-1", commitment=shown))
        reveals.append(trade.event("assay_revealed", party, "2026-03-16", batch="conc-1", values=values, nonce=nonce))
    return [*trade.agreement(), delivered, *commits, *reveals]


def test_penalties_run_on_the_contents_that_the_parties_settled(sale):
    trade = sale.change("[quotation]", EXCHANGE).change('laboratory = "lab"\n', "")
    accepted = trade.event("accepted", "refiner", "2026-03-25", batch="conc-1")
    outcome = settled(trade, [*exchanged(trade, ("0.25", "0.29")), accepted, *fixings(trade)])
    found = minor(trade, outcome.invoices[0].lines)
    assert found == one(sale)  # the mean is 0.27
    rejected = trade.event("rejected", "refiner", "2026-03-25", batch="conc-1", reason="As")
    assert trade.fold([*exchanged(trade, ("1.00", "1.02")), rejected]).batches["conc-1"].stage == "rejected"
    mild = trade.fold([*exchanged(trade, ("0.98", "1.02")), rejected])
    assert [each.code for each in mild.refused] == ["deal.nothing_to_reject"]


def test_recycled_share_comes_from_the_record(sale):
    stated = sale.event("recycled_stated", "catalyst-maker", "2026-04-01", batch="conc-1", share="0.5")
    outcome = settled(sale, [*life(sale), stated])
    assert [each.code for each in outcome.warnings] == ["deal.recycled_differs"]
    assert outcome.postings == settled(sale).postings
    agreeing = sale.event("recycled_stated", "catalyst-maker", "2026-04-01", batch="conc-1", share="0.235")
    assert settled(sale, [*life(sale), agreeing]).warnings == ()
    sale.facts["recycled"] = {}
    assert codes(settled(sale)).count("deal.show_recycled") == 2
    assert "recycled" not in one(sale)


def test_recycled_bonus_is_capped_and_purchases_may_have_it(sale, offtake):
    sale.facts["recycled"]["conc-1"]["Pt"] = 1.0
    rich = sale.change('bonus_per_kg = "310"', 'bonus_per_kg = "31000"')
    value = sum(amount for name, amount in one(rich).items() if name.startswith("payable"))
    assert one(rich)["recycled"] == pytest.approx(value * 0.02, abs=1)
    clause = (
        '[recycled]\ntarget_share = "0.5"\nbonus_per_kg = "100"\nmalus_per_kg = "100"\ncap_share = "0.1"\n\n[payment]'
    )
    bought = offtake.change("[payment]", clause)
    bought.facts["recycled"] = {"ir-lot-7": {"Ir": 0.25}}
    (line,) = [
        line
        for invoice in settle(bought.fold(bought.life()), evidence(bought)).invoices
        for line in invoice.lines
        if line.clause == "recycled"
    ]
    assert line.amount == -Fraction("0.25") * Fraction("5.000041") * 100


def test_evidence_of_recycled_content_needs_its_columns(sale):
    base = sale.evidence()
    with pytest.raises(BadInput) as caught:
        Evidence(deliveries=base.deliveries, footprint=base.footprint, assays=base.assays, recycled=pl.DataFrame())
    assert len(caught.value.problems) == 3


# ---------------------------------------------------------------- provisional invoices, months, calls


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


# ---------------------------------------------------------------- take or pay, punctuality

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


# ---------------------------------------------------------------- the contract file


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('element = "Cu"', 'element = "Pd"', "deal.row_twice"),
        ('analyte = "As"', 'analyte = "Cr2O3"', "deal.row_twice"),
        ('{to = "250", charge = "12.00"}', '{to = "150", charge = "12.00"}', "deal.tiers_not_rising"),
        ('{charge = "9.50"}', '{to = "300", charge = "9.50"}', "deal.tiers_not_rising"),
        ('per = "0.10"', 'per = "0"', "deal.no_step"),
        ('from = "0.10"', 'from = "101"', "deal.out_of_range"),
        ("months = [1, 2]", "months = [1, 1]", "deal.not_months"),
        ("months = [1, 2]", "months = []", "deal.not_months"),
        ("months = [1, 2]", "", "deal.missing_term"),
        ('[quotation]\nmonths = [1, 2]\nfixed_by = "publisher"\n', "", "deal.missing_clause"),
        ("months = [1, 2]", 'months = [1]\noption_by = "refiner"\noption_days = 1\noptions = 3', "deal.not_months"),
        ('[treatment.participation]\nelement = "Pt"', '[treatment.participation]\nelement = "Ag"', "deal.not_a_choice"),
        ('floor = "900"', 'floor = "1900"', "deal.floor_above_cap"),
        ('base = "1050"\n', "", "deal.missing_term"),
        ('deduction_unit = "g/t"\n', "", "deal.missing_term"),
        ('unit = "g/t"\nkind', 'unit = "oz/t"\nkind', "deal.not_a_choice"),
        ("day_count = 360", "day_count = 364", "deal.not_a_choice"),
        ('cap_share = "0.02"', 'cap_share = "0.96"', "deal.caps_exceed_price"),
        ('provisional_price = "980"\n', "", "deal.missing_term"),
        ('kind = "sale"', 'kind = "purchase"', "deal.clause_misplaced"),
        ("[discount]", "[quality]", "deal.clause_misplaced"),
    ],
)
def test_contradictions_of_a_sale_are_named(sale, old, new, code):
    assert code in refusals(sale.text.replace(old, new, 1), type(sale.contract))


def test_sale_needs_payables(sale):
    head, rest = sale.text.split("[[payables]]", 1)
    without = head + "[quotation]" + rest.split("[quotation]")[1]
    found = refusals(without, type(sale.contract))
    assert "deal.missing_term" in found


def test_every_code_of_the_charges_has_a_text():
    source = "".join(
        each.read_text("utf-8") for each in files("oreloop.deal.charges").iterdir() if each.name.endswith(".py")
    )
    texts = room_texts("deal")
    assert set(re.findall(r'"(deal\.[a-z0-9_]+)"', source)) <= set(texts["message"]) | set(texts["label"])
    clauses = set(re.findall(r'clause="([a-z_]+)"', source))
    assert {f"deal.clause.{clause}" for clause in clauses} <= set(texts["label"])


# ---------------------------------------------------------------- properties


@pytest.fixture(scope="session")
def concentrate(ordinary):
    facts = json.loads((HERE / "examples" / "charges" / "concentrate-sale.json").read_text("utf-8"))
    text = (HERE / "examples" / "charges" / "concentrate-sale.toml").read_text("utf-8")
    trade = type(ordinary)(text=text, facts=facts)
    events = life(trade)
    state = trade.fold(events)
    return trade, events, state, settle(state, evidence(trade)).facts.final["conc-1"]


def total(state, delivered):
    return sum((line.amount for line in final_lines(state, delivered)), Fraction(0))


METAL = st.integers(0, 20_000_000)


@given(mass=METAL, more=st.integers(0, 5_000_000), element=st.sampled_from(["Pt", "Pd", "Cu"]))
def test_more_metal_is_never_paid_less(concentrate, mass, more, element):
    _, _, state, delivered = concentrate
    poor = replace(delivered, contained_mg={**delivered.contained_mg, element: mass})
    rich = replace(delivered, contained_mg={**delivered.contained_mg, element: mass + more})
    if element == "Pt":  # a richer Pt also makes the recycled malus or bonus larger: keep it at its target
        poor, rich = (replace(each, recycled_share={"Pt": Fraction(1, 5)}) for each in (poor, rich))
    assert total(state, poor) <= total(state, rich)


@pytest.mark.slow
def test_any_sale_is_what_the_plain_script_makes_of_it(concentrate, soak_count):
    """Random assays, averages and recycled shares: the same lines, to the minor unit."""
    trade, _, state, delivered = concentrate
    draw, contract, terms = random.Random(7), state.contract, trade.terms
    units = {row["series"]: row["unit"] for row in terms["payables"] if row["kind"] == "index"}
    for _ in range(soak_count(60, 5_000)):
        facts = copy.deepcopy(trade.facts)
        for reading in facts["assays"]["conc-1"]:
            reading["value"] = f"{draw.randrange(1000) / 100 * (1 if reading['unit'] == '%' else 20):.2f}"
        facts["recycled"]["conc-1"]["Pt"] = draw.randrange(1001) / 1000
        for values in facts["fixings"].values():
            values.update({period: f"{draw.randrange(50_000, 200_000) / 100:.2f}" for period in values})
        contents = plain_settlement.contents(facts, "conc-1")
        shown = replace(
            delivered,
            contained_mg={each: round(delivered.dry_mg * contents[each]) for each in delivered.contained_mg},
            settled=contents,
            recycled_share={"Pt": Fraction(str(facts["recycled"]["conc-1"]["Pt"]))},
        )
        averages = {
            (series, units[series], period): Fraction(value)
            for series, values in facts["fixings"].items()
            for period, value in values.items()
        }
        lines = list(final_lines(replace(state, declared=replace(state.declared, averages=averages)), shown))
        expected = plain_settlement.sale(terms, facts)["batches"]["conc-1"]
        assert contract.rounded(sum((line.amount for line in lines), Fraction(0))) == expected["total"]
        assert minor(trade, lines) == expected["lines"]


AMOUNTS = st.lists(st.tuples(st.integers(-500, 500), st.integers(0, 40)), max_size=6)


@given(invoices=AMOUNTS, money=AMOUNTS)
def test_overdue_days_are_those_of_a_daily_book(invoices, money):
    first, until = date(2026, 1, 1), date(2026, 2, 15)
    dues = [
        Due(batch="b", amount_minor=amount, invoiced=first, due=first + timedelta(days=day)) for amount, day in invoices
    ]
    receipts = [Receipt(amount_minor=amount, day=first + timedelta(days=day)) for amount, day in money]
    book = 0
    for day in range(45):
        due = sum(amount for amount, at in invoices if at <= day)
        open_amount = due - sum(amount for amount, at in money if at <= day)
        # Whoever owes by the invoices is late with what is open of it; the other holds a prepayment.
        book += min(open_amount, due) if due > 0 and open_amount > 0 else 0
        book += max(open_amount, due) if due < 0 and open_amount < 0 else 0
    assert overdue(dues, receipts, until)[0] == book


@given(content=st.integers(0, 10_000), more=st.integers(0, 10_000))
def test_more_impurity_is_never_paid_more(concentrate, content, more):
    _, _, state, delivered = concentrate
    clean = replace(delivered, settled={"As": Fraction(content, 10**6), "Cr2O3": Fraction(content, 10**6)})
    foul = replace(delivered, settled={"As": Fraction(content + more, 10**6), "Cr2O3": Fraction(content + more, 10**6)})
    assert total(state, foul) <= total(state, clean)


@given(share=st.integers(0, 10**6), more=st.integers(0, 10**6))
def test_more_recycled_metal_is_never_paid_less(concentrate, share, more):
    _, _, state, delivered = concentrate
    low = replace(delivered, recycled_share={"Pt": Fraction(share, 10**6)})
    high = replace(delivered, recycled_share={"Pt": Fraction(min(share + more, 10**6), 10**6)})
    assert total(state, low) <= total(state, high)


@given(share=st.integers(0, 100), days=st.integers(0, 60), price=st.integers(0, 3000))
def test_final_sum_is_independent_of_the_provisional_path(concentrate, share, days, price):
    trade, _, state, delivered = concentrate
    text = trade.text.replace('"0.80"\nprovisional_days = 10', f'"{share / 100:.2f}"\nprovisional_days = {days}')
    if not share:
        text = re.sub(r'provisional_price = "\d+"\n', "", text)
    text = re.sub(r'provisional_price = "\d+"', f'provisional_price = "{price}"', text)
    assert "\nprovisional_days = 10" not in text or days == 10
    contract = type(state.contract).parse(text.encode(), "other.toml")
    assert total(replace(state, contract=contract), delivered) == total(state, delivered)


@given(factor=st.integers(1, 1000))
def test_prices_in_smaller_units_of_money_scale_the_whole_invoice(concentrate, factor):
    """All amounts of money times a factor, as after a change of currency: every line is that much larger."""
    trade, _, state, delivered = concentrate
    keys = "price|charge|refining|premium|floor|cap|base|bonus_per_kg|malus_per_kg|provisional_price"
    text = re.sub(
        rf'\b({keys}) = "(-?[\d.]+)"', lambda found: f'{found[1]} = "{float(found[2]) * factor:.6f}"', trade.text
    )
    contract = type(state.contract).parse(text.encode(), "other.toml")
    averages = {key: value * factor for key, value in state.declared.averages.items()}
    scaled = replace(state, contract=contract, declared=replace(state.declared, averages=averages))
    for large, small in zip(final_lines(scaled, delivered), final_lines(state, delivered), strict=True):
        assert large.amount == small.amount * factor


@given(carbon=st.integers(0, 10**11), more=st.integers(0, 10**10))
def test_more_carbon_is_never_paid_more(concentrate, carbon, more):
    trade, _, state, delivered = concentrate
    clause = (
        '[carbon]\ntarget_kg_per_kg = "6000"\nbonus_per_kg = "0.8"\nmalus_per_kg = "0.8"\ncap_share = "0.03"\n\n[late]'
    )
    contract = type(state.contract).parse(trade.text.replace("[late]", clause).encode(), "carbon.toml")
    green = replace(state, contract=contract)
    assert total(green, replace(delivered, co2e_g=carbon + more)) <= total(green, replace(delivered, co2e_g=carbon))


@given(cut=st.integers(0, 40))
def test_fold_of_a_part_then_the_rest_is_the_fold_of_all(concentrate, cut):
    trade, events, state, _ = concentrate
    ordered = sorted(events, key=lambda event: event.at)
    part = fold(state.contract, ordered[:cut], instant("2026-12-31T00:00:00.000Z"), keys=trade.keys)
    for event in ordered[cut:]:
        part = advance(part, event, trade.keys)
    assert part == state


def test_swapping_the_parties_mirrors_the_sale(sale):
    swapped = copy.deepcopy(sale)
    swapped.text = sale.text.replace('"refiner"', '"@"').replace('"catalyst-maker"', '"refiner"')
    swapped.text = swapped.text.replace('"@"', '"catalyst-maker"')
    first, other = settled(sale), settled(swapped)
    assert first.money == other.money
    swap = {"refiner": "catalyst-maker", "catalyst-maker": "refiner"}
    for (name, asset), balance in first.balances.items():
        party, slash, kind = name.partition("/")
        assert other.balances[f"{swap.get(party, party)}{slash}{kind}", asset] == balance
