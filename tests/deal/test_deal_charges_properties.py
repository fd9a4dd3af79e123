"""What holds of every sale, whatever the assay, the price and the day."""

from __future__ import annotations

import copy
import json
import random
import re
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction

import plain_settlement
import pytest
from charges_trade import HERE, evidence, life, minor, settled
from hypothesis import given
from hypothesis import strategies as st

from oreloop.base.instant import instant
from oreloop.deal import advance, fold, settle
from oreloop.deal.charges.fixings import Fixing
from oreloop.deal.charges.punctuality import Due, Receipt, overdue
from oreloop.deal.invoice import final_lines


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
        fixed = {
            (series, units[series], period): fixing(value)
            for series, values in facts["fixings"].items()
            for period, value in values.items()
        }
        lines = list(final_lines(replace(state, fixings=fixed), shown))
        expected = plain_settlement.sale(terms, facts)["batches"]["conc-1"]
        assert contract.rounded(sum((line.amount for line in lines), Fraction(0))) == expected["total"]
        assert minor(trade, lines) == expected["lines"]


def fixing(value):
    return Fixing(value=Fraction(value), source="table", by="publisher", at=instant("2026-07-02"))


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
    fixed = {key: fixing(each.value * factor) for key, each in state.fixings.items()}
    scaled = replace(state, contract=contract, fixings=fixed)
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
