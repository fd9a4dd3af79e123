"""Where a milligram, a cent or a day decides: what is exactly enough is enough, and the last day still counts."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest
from deal_traces import CARBON, START, contract, event, evidence

from oreloop.deal import Contract, Evidence, settle
from oreloop.deal.authenticity import Authentic
from oreloop.deal.deadlines import lapsed
from oreloop.deal.fold import fold_authentic
from oreloop.deal.posting import Posting, balances


def terms(kind="purchase", more="", **wanted):
    """A contract of the traces with certain terms changed, each by its key; the last line that has it."""
    lines = contract(random.Random(3), kind=kind, more=more).data.decode().splitlines()
    for name, value in wanted.items():
        position = max(number for number, line in enumerate(lines) if line.startswith(f"{name} = "))
        lines[position] = f"{name} = {value}"
    return Contract.parse("\n".join(lines).encode(), "bounds.toml")


def agreed(of, day=0):
    said = [event(of, "agreed", party, day, contract_digest=of.digest) for party in ("buyer", "seller")]
    if of.clauses.deposit:
        amount = of.deposit_minor
        said.append(event(of, "deposit_paid", "seller", day + 1, amount_minor=amount, currency="CNY", reference="d"))
    if of.clauses.capacity:
        locked = {"quantity_mg": 10_000_000, "from": "2026-01-01", "to": "2026-04-30"}
        said.append(event(of, "capacity_locked", "seller", day + 1, **locked))
    return said


def delivered(of, batch="b1", day=5.0, **body):
    return event(of, "delivered", of.giver, day, batch=batch, event=f"receipt-{batch}", **body)


def certified(of, batch="b1", day=6.0):
    values = [{"analyte": "Fe", "value": "1", "unit": "ppm", "method": "GDMS"}]
    return event(of, "assayed", "lab", day, batch=batch, certificate="c", values=values)


def folded(of, events, day):
    return fold_authentic(of, Authentic(events=tuple(events)), START + timedelta(days=day))


def shown(of, **mass_mg):
    """The receipts of batches, all on 5 January."""
    base = evidence(of, random.Random(0))
    told = {"contract": of.id, "time": "2026-01-05T08:00:00.000Z", "site": of.site, "element": of.element}
    rows = [
        told | {"batch": batch, "event": f"receipt-{batch}", "gross_mg": mass, "contained_mg": mass}
        for batch, mass in mass_mg.items()
    ]
    deliveries = pl.DataFrame(rows, schema=base.deliveries.schema)
    return Evidence(deliveries=deliveries, footprint=base.footprint, assays=base.assays)


def codes(found):
    return {each.code for each in found}


@pytest.mark.parametrize(("mass_mg", "missing"), [(9_500_000, False), (9_499_999, True)])
def test_the_least_that_fulfils_a_contract_is_enough(mass_mg, missing):
    of = terms()
    settled = settle(folded(of, [*agreed(of), delivered(of)], 7), shown(of, b1=mass_mg))
    assert ("deal.deliver" in codes(settled.obligations)) is missing


@pytest.mark.parametrize(("mass_mg", "over"), [(10_500_000, False), (10_500_001, True)])
def test_the_most_that_fulfils_a_contract_is_not_too_much(mass_mg, over):
    of = terms()
    settled = settle(folded(of, [*agreed(of), delivered(of)], 7), shown(of, b1=mass_mg))
    assert ("deal.over_delivered" in codes(settled.warnings)) is over


def test_what_is_held_can_never_be_overdrawn():
    """No settlement asks for it; that the ledger refuses is what proves it."""
    into = Posting(clause="deposit", batch="", debit="buyer/outside", credit="held", asset="CNY", amount=5)
    out = replace(into, debit="held", credit="buyer/outside")
    assert balances([into, out])["held", "CNY"] == 0
    with pytest.raises(AssertionError):
        balances([into, replace(out, amount=6)])


def test_what_is_said_at_the_very_instant_counts():
    of = terms()
    said = event(of, "quoted", "seller", 1, price="1", unit="CNY/kg", valid_to="2026-01-31")
    assert folded(of, [said], 1).stage == "quoted"
    assert folded(of, [said], 0.999).stage == "drafted"


def test_a_part_of_the_deposit_is_not_the_deposit():
    of = terms()
    deposit = event(of, "deposit_paid", "seller", 1, amount_minor=of.deposit_minor - 1, currency="CNY", reference="d")
    rest = event(of, "deposit_paid", "seller", 2, amount_minor=1, currency="CNY", reference="e")
    said = [each for each in agreed(of) if each.kind != "deposit_paid"]
    late = delivered(of, day=16.5)  # ten days for the deposit, five of grace
    assert codes(folded(of, [*said, deposit, late], 20).refused) == {"deal.not_now"}
    assert not folded(of, [*said, deposit, rest, late], 20).refused
    assert not folded(of, [*said, deposit, delivered(of, day=15.5)], 20).refused


def test_what_silence_has_decided_is_not_opened_again_by_a_later_word():
    of = terms(more=CARBON, silence='"accepted"')
    said = [*agreed(of), delivered(of), certified(of)]
    late = event(of, "carbon_stated", "seller", 60, batch="b1", co2e_g=5)
    days = [lapsed(folded(of, events, 70)).batches["b1"].decided_at for events in (said, [*said, late])]
    assert days[0] == days[1]
    assert days[0].date() == (START + timedelta(days=6 + 15)).date()


def test_an_offer_lapses_with_its_own_last_day_not_with_the_window():
    of = terms()
    offer = event(of, "quoted", "seller", 1, price="1", unit="CNY/kg", valid_to="2026-01-31")
    assert lapsed(folded(of, [offer], 35)).stage == "quoted"
    assert lapsed(folded(of, [offer], 36)).stage == "cancelled"
    assert lapsed(folded(of, [], 100)).stage == "drafted"


def test_a_rejection_never_shortens_the_window():
    of = terms(replace_days="2", partial="true")
    bad = [{"analyte": "Fe", "value": "9", "unit": "ppm", "method": "GDMS"}]
    said = [
        *agreed(of),
        delivered(of),
        event(of, "assayed", "lab", 6, batch="b1", certificate="c", values=bad),
        event(of, "rejected", "buyer", 7, batch="b1", reason="Fe"),
    ]
    assert not folded(of, [*said, delivered(of, "b2", 100, replaces="b1")], 101).refused
    assert codes(folded(of, [*said, delivered(of, "b2", 126, replaces="b1")], 130).refused) == {"deal.too_late"}


def test_a_dispute_over_all_that_is_over_says_nothing_of_what_came_later():
    of = terms(partial="true")
    said = [*agreed(of), event(of, "disputed", "buyer", 3, batch="*", reason="r"), delivered(of, "b2", 30)]
    assert lapsed(folded(of, said, 31)).batches["b2"].stage == "delivered"
    # delivered while it was open: decided with it, as its clause says
    early = [*said[:-1], delivered(of, "b2", 10)]
    assert lapsed(folded(of, early, 31)).batches["b2"].stage != "delivered"


def test_a_provisional_invoice_has_earned_nothing_of_a_deposit():
    of = _forfeiting()
    settled = settle(folded(of, [*agreed(of), delivered(of)], 16), shown(of, b1=10_000_000))
    assert settled.name == "default"
    (lost,) = [each for each in settled.invoices if each.lines[0].clause == "default"]
    assert lost.amount_minor == of.deposit_minor


def _forfeiting():
    """A buyer who has not paid the provisional invoice in time forfeits the deposit."""
    made = (contract(random.Random(seed), kind="purchase") for seed in range(99))
    return next(of for of in made if of.clauses.default.forfeited and of.clauses.payment.provisional_share)


@pytest.mark.parametrize(("day", "refused"), [(15.4, set()), (16.4, {"deal.too_late"})])
def test_the_last_day_to_weigh_still_counts(day, refused):
    of = terms("sale")
    weighed = event(of, "weighed", "buyer", day, batch="b1", wet_mg=5_000_000, moisture="0")
    assert codes(folded(of, [*agreed(of), delivered(of), weighed], 20).refused) == refused


@pytest.mark.parametrize(("day", "earned"), [(15.4, True), (16.4, False)])
def test_the_last_day_for_a_discount_still_earns_it(day, earned):
    """Accepted on 8 January, eight days: the rest less the discount is there on the 16th."""
    of = terms(more='[discount]\nshare = "0.01"\ndays = 8\n', when='"accepted"')
    said = [*agreed(of), delivered(of), certified(of), event(of, "accepted", "buyer", 7, batch="b1")]
    whole = settle(folded(of, said, 8), shown(of, b1=10_000_000)).money.invoiced
    rest = round(whole * 0.99) - of.deposit_minor
    paid = event(of, "paid", "seller", day, amount_minor=rest, currency="CNY", reference="p")
    settled = settle(folded(of, [*said, paid], 20), shown(of, b1=10_000_000))
    assert any(line.clause == "discount" for invoice in settled.invoices for line in invoice.lines) is earned
    assert (settled.money.open == 0) is earned


@pytest.mark.parametrize(("day", "refused"), [(21.4, set()), (22.4, {"deal.not_now"})])
def test_the_last_day_to_contest_a_certificate_still_counts(day, refused):
    of = terms()
    sealed = event(of, "sample_retained", "lab", 6, batch="b1", sample="seal")
    claim = event(of, "claimed", "buyer", day, batch="b1", analyte="Fe")
    assert codes(folded(of, [*agreed(of), delivered(of), certified(of), sealed, claim], 30).refused) == refused
