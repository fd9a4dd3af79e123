"""What a contract comes to on the evidence: to the minor unit, to the milligram."""

from __future__ import annotations

import copy
import random
from fractions import Fraction

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.base.errors import BadInput
from oreloop.base.instant import instant
from oreloop.deal import Evidence, fold, settle, statement
from oreloop.deal.invoice import final_lines
from oreloop.deal.terms import Delivered


def codes(settled):
    return [each.code for each in settled.obligations]


def invoiced(settled):
    return sum(invoice.amount_minor for invoice in settled.invoices)


def deposit(trade):
    return trade.paid("refiner", 339_000_000, "b-1", "2026-02-09", kind="deposit_paid")


def lock(trade):
    said = {"quantity_mg": 12_000_000, "from": "2026-03-01", "to": "2026-05-31"}
    return trade.event("capacity_locked", "refiner", "2026-02-08", **said)


def conserved(settled):
    """In = out + held, for each asset."""
    by_asset: dict[str, int] = {}
    for (_, asset), balance in settled.balances.items():
        by_asset[asset] = by_asset.get(asset, 0) + balance
    assert set(by_asset.values()) <= {0}
    assert all(balance >= 0 for (name, _), balance in settled.balances.items() if name == "held")
    contract = settled.state.contract
    cash = {name: balance for (name, asset), balance in settled.balances.items() if asset == contract.currency}
    paid_in = -cash.get(f"{contract.buyer}/outside", 0)
    taken_out = cash.get(f"{contract.seller}/outside", 0)
    assert paid_in == taken_out + settled.money.held
    assert settled.money.open == -cash.get(f"{contract.buyer}/account", 0) == cash.get(f"{contract.seller}/account", 0)
    assert cash.get("held", 0) == settled.money.held


def test_what_is_due_at_each_stage(offtake):
    contract = offtake.contract
    assert codes(offtake.settle([])) == ["deal.sign", "deal.sign"]
    agreed = offtake.settle(offtake.agreement(), at="2026-02-02")
    assert [(each.code, str(each.due)) for each in agreed.obligations] == [
        ("deal.pay_deposit", "2026-02-11"),
        ("deal.lock_capacity", "2026-02-16"),
        ("deal.deliver", "2026-05-31"),
    ]
    assert agreed.obligations[0].amount_minor == contract.deposit_minor
    ready = offtake.settle([*offtake.agreement(), lock(offtake), deposit(offtake)], at="2026-02-20")
    assert codes(ready) == ["deal.deliver"]
    assert ready.money.held == 339_000_000


def test_provisional_invoice_is_share_of_the_value_with_tax(offtake):
    settled = offtake.settle([*offtake.agreement(), *offtake.delivery("ir-lot-7")[:1]], at="2026-05-21")
    (invoice,) = settled.invoices
    assert invoice.amount_minor == round(Fraction("6250051.25") * Fraction("0.8") * Fraction("1.13") * 100)
    assert (invoice.final, str(invoice.due)) == (False, "2026-05-25")
    assert "deal.assay" in codes(settled)


def test_paid_in_full_ends_closed(offtake):
    life = [*offtake.life(), deposit(offtake), lock(offtake)]
    owed = offtake.settle(life)
    assert (owed.name, codes(owed)) == ("priced", ["deal.pay"])
    assert str(owed.obligations[0].due) == "2026-06-25"
    done = offtake.settle([*life, offtake.paid("refiner", owed.money.open, "b-2")])
    assert (done.name, done.obligations, done.money.open, done.money.held) == ("closed", (), 0, 0)
    conserved(done)


def test_overpayment_is_owed_back(offtake):
    life = [*offtake.life(), deposit(offtake)]
    owed = offtake.settle(life).money.open
    over = offtake.settle([*life, offtake.paid("refiner", owed + 7, "b-2")])
    assert [(each.code, each.party, each.amount_minor) for each in over.obligations] == [("deal.pay", "refiner", 7)]
    mended = [*life, offtake.paid("refiner", owed + 7, "b-2"), offtake.paid("electrolyser-maker", 7, "b-3")]
    assert offtake.settle(mended).name == "closed"
    conserved(offtake.settle(mended))


def test_second_invoice_is_due_after_the_first_is_paid(offtake):
    first, second = offtake.settle().invoices
    settled = offtake.settle([*offtake.life(), offtake.paid("refiner", first.amount_minor, "b-2")])
    assert (settled.obligations[0].due, settled.obligations[0].amount_minor) == (second.due, second.amount_minor)


def test_cancelled_contract_gives_the_deposit_back(offtake):
    end = [offtake.event("cancelled", party, "2026-02-20", reason="r") for party in ("electrolyser-maker", "refiner")]
    events = [*offtake.agreement(), deposit(offtake), *end]
    settled = offtake.settle(events)
    assert (settled.name, codes(settled)) == ("cancelled", ["deal.refund_deposit"])
    refunded = offtake.settle([*events, offtake.paid("electrolyser-maker", 339_000_000, "b-9")])
    assert (codes(refunded), refunded.money.held) == ([], 0)
    conserved(refunded)


def test_rejected_batch_is_not_paid_and_still_to_be_delivered(offtake):
    offtake.facts["assays"]["ir-lot-7"][0]["value"] = "40"
    reject = offtake.event("rejected", "electrolyser-maker", "2026-06-20", batch="ir-lot-7", reason="Fe")
    settled = offtake.settle([*offtake.agreement(), *offtake.delivery("ir-lot-7")[:2], reject])
    assert (settled.name, settled.invoices, settled.balances) == ("rejected", (), {})
    assert {each.code: each.mass_mg for each in settled.obligations}["deal.deliver"] == 12_000_000


def test_downgraded_batch_is_paid_less(offtake):
    downgrade = offtake.change('action = "reject"', 'action = "downgrade"\ndeduction_share = "0.04"')
    good = invoiced(downgrade.settle())
    downgrade.facts["assays"]["ir-lot-7"][0]["value"] = "2.1"
    settled = downgrade.settle()
    (line,) = [line for invoice in settled.invoices for line in invoice.lines if line.clause == "quality"]
    assert line.amount == -Fraction("6250051.25") * Fraction("0.04")
    less = Fraction("6250051.25") * Fraction("0.04") * Fraction("1.13") * 100
    assert abs(good - invoiced(settled) - less) <= 1  # both sums are rounded


def test_record_must_show_what_events_claim(offtake):
    nothing = Evidence(
        deliveries=offtake.evidence().deliveries.clear(),
        footprint=offtake.evidence().footprint.clear(),
        assays=offtake.evidence().assays,
    )
    settled = settle(offtake.fold(offtake.life()), nothing)
    assert (settled.name, settled.invoices) == ("accepted", ())
    assert codes(settled).count("deal.show_delivery") == 2
    unclaimed = offtake.settle(offtake.agreement())
    assert codes(unclaimed).count("deal.state_delivery") == 2


def test_carbon_waits_for_the_record(offtake):
    offtake.facts["footprint"] = {"ir-lot-7": 27_500_000}
    settled = offtake.settle()
    assert [each.batch for each in settled.obligations if each.code == "deal.show_carbon"] == ["ir-lot-8"]
    paid = offtake.settle([*offtake.life(), offtake.paid("refiner", settled.money.open, "b-2")])
    assert paid.name == "settled"


def test_statement_that_differs_from_the_record_is_a_warning_and_moves_nothing(offtake):
    stated = offtake.event("carbon_stated", "refiner", "2026-06-11", batch="ir-lot-7", co2e_g=1)
    with_claim = offtake.settle([*offtake.life(), stated])
    assert [warning.code for warning in with_claim.warnings] == ["deal.carbon_differs"]
    assert with_claim.postings == offtake.settle().postings
    recorded = offtake.evidence([("ir-lot-7", "Fe", "1.9", "ppm"), ("ir-lot-7", "Na", "<0.5", "ppm")])
    settled = settle(offtake.fold(offtake.life()), recorded)
    assert [(each.code, each.fields["analyte"]) for each in settled.warnings] == [("deal.assay_differs", "Fe")]


def test_what_does_not_fit_is_said(offtake):
    offtake.facts["deliveries"][0] |= {"time": "2026-02-20T09:00:00.000Z", "contained_mg": 9_000_000}
    offtake.facts["deliveries"][1] |= {"element": "Pt"}
    offtake.facts["deliveries"].append({**offtake.facts["deliveries"][0], "batch": "astray", "site": "harbour"})
    found = {warning.code for warning in offtake.settle().warnings}
    assert found == {"deal.early", "deal.no_element", "deal.elsewhere"}
    offtake.facts["deliveries"][1] |= {"element": "Ir"}
    assert "deal.over_delivered" in {warning.code for warning in offtake.settle().warnings}


def test_record_after_the_instant_does_not_count(offtake):
    settled = offtake.settle(at="2026-05-30")
    assert set(settled.facts.delivered) == {"ir-lot-7"}


def test_time_of_the_record_may_be_an_instant(offtake):
    frame = offtake.evidence().deliveries.with_columns(
        pl.col("time").map_elements(instant, return_dtype=pl.Datetime("us", "UTC"))
    )
    evidence = Evidence(deliveries=frame, footprint=offtake.evidence().footprint, assays=offtake.evidence().assays)
    assert settle(offtake.fold(offtake.life()), evidence).postings == offtake.settle().postings


def test_dry_mass_is_gross_mass_when_no_moisture_was_measured(toll):
    for row in toll.facts["deliveries"]:
        row["dry_mg"] = None
    assert toll.settle().facts.delivered["anode-1"].dry_mg == 96_543_210


def test_batch_that_comes_in_parts_is_delivered_when_the_last_part_comes(offtake):
    part = offtake.facts["deliveries"][0]
    rest = {
        **part,
        "time": "2026-06-03T09:00:00.000Z",
        "gross_mg": 1_000_075,
        "dry_mg": 1_000_075,
        "contained_mg": 1_000_041,
    }
    part |= {"gross_mg": 4_000_000, "dry_mg": 4_000_000, "contained_mg": 4_000_000}
    offtake.facts["deliveries"].append(rest)
    delivered = offtake.settle().facts.delivered["ir-lot-7"]
    assert (str(delivered.day), delivered.gross_mg, delivered.dry_mg) == ("2026-06-03", 5_000_075, 5_000_075)
    assert delivered.contained_mg == {"Ir": 5_000_041}


def test_evidence_needs_its_columns(offtake):
    with pytest.raises(BadInput) as caught:
        Evidence(deliveries=pl.DataFrame(), footprint=pl.DataFrame(), assays=pl.DataFrame())
    assert len(caught.value.problems) == 14


def test_index_price_waits_for_its_month(sponge):
    events = [*sponge.agreement(), *(event for batch in sponge.facts["accepted"] for event in sponge.delivery(batch))]
    settled = sponge.settle(events)
    assert settled.name == "accepted"
    assert [
        (each.batch, each.party, str(each.due)) for each in settled.obligations if each.code == "deal.fix_price"
    ] == [
        ("pt-lot-1", "publisher", "2026-03-31"),
        ("pt-lot-2", "publisher", "2026-04-30"),
    ]
    assert not any(invoice.final for invoice in settled.invoices)


def test_floor_holds_in_a_fallen_month(sponge):
    lines = {invoice.batch: invoice.lines[0] for invoice in sponge.settle().invoices}
    assert "max(" in lines["pt-lot-2"].formula
    ounces = Fraction(20_082_165) / Fraction("31103.4768")
    assert lines["pt-lot-2"].amount == pytest.approx(ounces * Fraction("0.9985") * 900, rel=1e-6)


def test_index_without_bounds(sponge):
    open_ended = sponge.change('floor = "900"\n', "").change('cap = "1500"\n', "")
    assert open_ended.settle().invoices[0].lines[0].formula.endswith("* (average + premium)")


def test_title_passes_when_the_terms_say(offtake, sponge):
    events = [*offtake.agreement(), *offtake.delivery("ir-lot-7")]
    metal = offtake.settle(events[:-1]).balances
    assert metal["held", "Ir"] == 5_000_041
    assert offtake.settle(events).balances["electrolyser-maker/outside", "Ir"] == 5_000_041
    early = offtake.change('title = "acceptance"', 'title = "delivery"')
    first = early.settle([*early.agreement(), *early.delivery("ir-lot-7")[:1]])
    assert first.balances["electrolyser-maker/outside", "Ir"] == 5_000_041
    unpaid = sponge.settle()
    assert ("catalyst-maker/outside", "Pt") not in unpaid.balances
    paid = sponge.settle([*sponge.life(), sponge.paid("refiner", unpaid.money.open, "b-1")])
    assert (
        paid.balances["catalyst-maker/outside", "Pt"]
        == paid.facts.final["pt-lot-1"].contained_mg["Pt"] + (paid.facts.final["pt-lot-2"].contained_mg["Pt"])
    )
    assert paid.name == "closed"


def test_prices_with_tax_inside_get_none_added(offtake):
    inside = offtake.change('tax = "excluded"', 'tax = "included"')
    assert {line.clause for invoice in inside.settle().invoices for line in invoice.lines} == {
        "price",
        "carbon",
        "late",
    }
    assert inside.contract.deposit_minor == 300_000_000


def test_price_on_gross_and_dry_mass(offtake):
    for basis, mass in (("gross", 5_000_075), ("dry", 5_000_070)):
        offtake.facts["deliveries"][0]["dry_mg"] = 5_000_070
        trade = offtake.change('basis = "contained"', f'basis = "{basis}"')
        assert trade.settle().invoices[0].lines[0].inputs["mass_mg"] == mass


def test_toll_keeps_the_owners_metal_apart(toll):
    settled = toll.settle()
    due = int(Fraction(94_612_346) * Fraction("0.05291") + Fraction(1, 2)) * 93 // 100
    assert settled.balances["held", "Ir"] == due - 4_000_000
    conserved(settled)
    toll.facts["deliveries"][2]["contained_mg"] = due + 10
    more = toll.settle()
    assert more.balances.get(("held", "Ir"), 0) == 0
    assert "deal.return_metal" not in codes(more)
    conserved(more)


def test_toll_in_which_the_refiner_owes_money(toll):
    settled = toll.change('treatment = "850"', 'treatment = "85"').settle()
    (owed,) = [each for each in settled.obligations if each.code == "deal.pay"]
    assert (owed.party, owed.amount_minor) == ("refiner", -settled.money.open)
    conserved(settled)


def test_lease_fee_runs_on_metal_out_day_by_day(lease):
    lease.facts["deliveries"].append(
        {
            **lease.facts["deliveries"][0],
            "batch": "back",
            "site": "lessor-store",
            "time": "2026-09-07T08:00:00.000Z",
            "contained_mg": 12_000_120,
        }
    )
    settled = lease.settle()
    # 5.000041 kg from 20 May, 7.000079 kg from 4 June; term ends 18 August, all back on 7 September
    within = 5_000_041 * 15 + 12_000_120 * 75
    after = 12_000_120 * 20
    exact = Fraction(5, 4) * (within * Fraction("0.12") + after * Fraction("0.20")) / 360 * Fraction("1.13")
    assert settled.money.open == round(exact * 100)
    assert [(each.code, str(each.due)) for each in settled.obligations] == [("deal.pay", "2026-10-07")]
    assert settled.balances == {**settled.balances, ("refiner/outside", "Ir"): 0}
    conserved(settled)


def test_leased_metal_that_is_out_is_owed_back(lease):
    settled = lease.settle(at="2026-07-01")
    assert {each.mass_mg for each in settled.obligations if each.code == "deal.return_metal"} == {5_000_041, 7_000_079}
    assert settled.balances["held", "Ir"] == 12_000_120
    nothing = lease.settle(lease.agreement())
    assert nothing.invoices == ()


def test_statement_shows_all_contracts(offtake, sponge, toll):
    frames = statement([toll.settle(), sponge.settle(sponge.agreement()), offtake.settle()])
    assert frames.contracts["contract"].to_list() == ["anode-toll-2026", "ir-offtake-2026", "pt-sponge-2026"]
    assert frames.contracts["state"].to_list() == ["priced", "priced", "agreed"]
    assert frames.contracts.row(1, named=True)["next_event"] == "deal.pay"
    assert frames.obligations.filter(pl.col("code") == "deal.pay")["overdue"].all()
    sums = frames.postings.group_by("contract", "asset").len()
    assert sums.height == 5  # CNY, Ir and Ru of the toll, CNY and Ir of the offtake
    assert frames.warnings.height == 0
    assert statement([]).contracts.height == 0


def test_exposure_by_metal_and_month(offtake, sponge):
    first = [*sponge.agreement(), *sponge.delivery("pt-lot-1"), *sponge.fixings()[:1]]
    rows = statement([sponge.settle(first), offtake.settle(offtake.agreement()), offtake.settle([])]).exposure.rows()
    assert rows == [
        ("Ir", "2026-05", 12.0, 0.0),
        ("Pt", "2026-03", pytest.approx(19.995793), 0.0),
        ("Pt", "2026-04", 0.0, pytest.approx(20.004207)),
    ]


# ---------------------------------------------------------------- properties


def mirrored(trade):
    """The same contract with the parties changed over."""
    swapped = copy.deepcopy(trade)
    swapped.text = (
        trade.text.replace('"electrolyser-maker"', '"@"')
        .replace('"refiner"', '"electrolyser-maker"')
        .replace('"@"', '"refiner"')
    )
    return swapped


def test_swapping_the_parties_mirrors_the_result(offtake):
    one, other = offtake.settle(), mirrored(offtake).settle()
    for (name, asset), balance in one.balances.items():
        party, _, kind = name.partition("/")
        swap = {"refiner": "electrolyser-maker/", "electrolyser-maker": "refiner/"}.get(party, party)
        assert other.balances[f"{swap}{kind}", asset] == balance


MASSES = st.integers(1, 20_000_000)


def final_minor(trade, **said):
    contract = trade.contract
    state = fold(contract, [], instant("2026-12-31"), keys={})
    row = {"batch": "b", "day": instant("2026-06-10").date(), "gross_mg": 30_000_000, "dry_mg": 30_000_000, **said}
    lines = list(final_lines(state, Delivered(**row)))
    return contract.rounded(sum((line.amount for line in lines), Fraction(0)))


@given(mass=MASSES, more=st.integers(0, 1000), co2e=st.integers(0, 10**11))
def test_more_metal_is_never_paid_less(ordinary, mass, more, co2e):
    assert final_minor(ordinary, contained_mg={"Ir": mass + more}, co2e_g=co2e) >= final_minor(
        ordinary, contained_mg={"Ir": mass}, co2e_g=co2e
    )


@given(mass=MASSES, co2e=st.integers(0, 10**11), more=st.integers(0, 10**9))
def test_more_carbon_is_never_paid_more(ordinary, mass, co2e, more):
    assert final_minor(ordinary, contained_mg={"Ir": mass}, co2e_g=co2e + more) <= final_minor(
        ordinary, contained_mg={"Ir": mass}, co2e_g=co2e
    )


@given(share=st.integers(0, 100), days=st.integers(0, 60))
def test_final_sum_is_independent_of_the_provisional_path(ordinary, share, days):
    other = ordinary.change('"0.80"\nprovisional_days = 5', f'"{share / 100:.2f}"\nprovisional_days = {days}')
    one, two = ordinary.settle(), other.settle()
    assert invoiced(one) == invoiced(two)
    assert one.balances == two.balances


@pytest.mark.slow
def test_random_traces_conserve_money_and_metal(ordinary, toll, soak_count):
    """Any subset of a life in any order, with any payments: in = out + held for each asset."""
    draw = random.Random(7)
    lives = {}
    for trade in (ordinary, toll):
        receiver, giver = trade.contract.seller, trade.contract.buyer
        money = [trade.paid(receiver, draw.randrange(1, 10**9), f"r-{n}", f"2026-0{n + 3}-01") for n in range(3)]
        money += [trade.paid(giver, draw.randrange(1, 10**8), f"g-{n}", f"2026-0{n + 3}-11") for n in range(3)]
        extra = [deposit(trade), lock(trade)] if trade is ordinary else []
        end = [trade.event("cancelled", party, "2026-05-28", reason="r") for party in (receiver, giver)]
        lives[trade.contract.id] = (trade, [*trade.life(), *money, *extra, *end], trade.evidence(), trade.contract)
    for _ in range(soak_count(100, 10_000)):
        trade, events, evidence, contract = lives[draw.choice(sorted(lives))]
        chosen = draw.sample(events, draw.randrange(len(events) + 1))
        at = instant(f"2026-{draw.randrange(1, 13):02d}-15")
        conserved(
            settle(fold(contract, [*trade.agreement()[: draw.randrange(3)], *chosen], at, keys=trade.keys), evidence)
        )
