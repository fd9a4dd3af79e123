"""Three worked examples, recomputed by a plain script that shares no code with the room."""

from __future__ import annotations

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "examples" / "recompute.py"


@pytest.fixture(scope="module")
def plain():
    done = subprocess.run([sys.executable, "-I", str(SCRIPT)], capture_output=True, check=True)
    return json.loads(done.stdout)


def totals(settlement):
    return {invoice.batch: invoice.amount_minor for invoice in settlement.invoices}


def test_script_shares_no_code_with_the_room():
    assert "oreloop" not in SCRIPT.read_text("utf-8")


def test_platinum_sponge_on_a_quotational_month(plain, sponge):
    settled = sponge.settle()
    assert totals(settled) == plain["platinum-sponge"]["totals"]
    assert settled.name == "priced"
    assert sum(totals(settled).values()) == settled.money.open


def test_iridium_offtake_with_deposit_carbon_and_delay(plain, offtake):
    received = offtake.paid("refiner", 339_000_000, "bank-1", "2026-02-09", kind="deposit_paid")
    settled = offtake.settle([*offtake.life(), received])
    assert totals(settled) == plain["iridium-offtake"]["totals"]
    assert offtake.contract.deposit_minor == plain["iridium-offtake"]["deposit"] == 339_000_000
    assert settled.money.open == sum(totals(settled).values()) - 339_000_000
    clauses = {(posting.batch, posting.clause) for posting in settled.postings}
    assert {("ir-lot-8", "late"), ("ir-lot-7", "carbon")} <= clauses
    assert ("ir-lot-7", "late") not in clauses


def test_toll_of_spent_coating(plain, toll):
    settled = toll.settle()
    assert totals(settled) == plain["catalyst-toll"]["totals"]
    due = {each.element: each.mass_mg for each in settled.obligations if each.code == "deal.return_metal"}
    assert due == plain["catalyst-toll"]["metal_due_mg"]


def test_iridium_offtake_by_hand(offtake):
    """Lot 7: 5.000041 kg in time. Value 6,250,051.25; 30,000.246 - 27,500 kg CO2e saved at 0.80 = 2,000.1968; tax 13 %."""
    first = offtake.settle().invoices[0]
    assert {line.clause: line.amount for line in first.lines} == {
        "price": Fraction("6250051.25"),
        "carbon": Fraction("2000.1968"),
        "tax": Fraction("812766.688084"),
    }
    assert first.amount_minor == 706_481_813  # 7,064,818.134884


@pytest.mark.parametrize("name", ["sponge", "offtake", "toll"])
def test_anyone_can_evaluate_every_formula_again(name, request):
    settled = request.getfixturevalue(name).settle()
    computed = [posting for posting in settled.postings if posting.formula]
    assert computed
    for posting in computed:
        inputs = {key: Fraction(value) for key, value in posting.inputs.items()}
        exact = eval(posting.formula, {"__builtins__": {}, "min": min, "max": max}, inputs)
        minor = round(exact * 100 + Fraction(posting.rounding))
        assert exact * 100 + Fraction(posting.rounding) == minor
        assert abs(minor) == posting.amount
        assert posting.debit.startswith(settled.state.contract.buyer if minor > 0 else settled.state.contract.seller)
