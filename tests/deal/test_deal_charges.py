"""Commercial terms as the metal trade settles them: worked examples, charges on metal, and the contract file."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from fractions import Fraction
from importlib.resources import files

import polars as pl
import pytest
from charges_trade import HERE, SCRIPT, codes, evidence, fixings, life, minor, money, one, refusals, settled

from oreloop.base.errors import BadInput
from oreloop.base.texts import room_texts
from oreloop.deal import Evidence, settle
from oreloop.deal.assay import readings_of
from oreloop.deal.exchange.commit import commitment


@pytest.fixture(scope="module")
def plain():
    done = subprocess.run([sys.executable, "-I", str(SCRIPT)], capture_output=True, check=True)
    return json.loads(done.stdout)


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
