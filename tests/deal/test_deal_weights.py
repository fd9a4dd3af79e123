"""Weights: whose counts, and what they make of a delivery."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from exchange_trade import FACTS, TERMS, accepted, scales, started, weighed
from hypothesis import given
from hypothesis import strategies as st

from oreloop.deal.exchange.weights import Weighing, Weights, counted


@pytest.fixture
def sale(sponge):
    return type(sponge)(text=TERMS, facts=FACTS)


def test_only_weights_settle_a_contract_with_its_record(sale):
    """Metal follows the dry mass at the record's content: 7.35 kg x 4,885.12 / 4,900."""
    without = sale.change(sale.text[sale.text.index("[exchange]") : sale.text.index("[delivery]")], "")
    settled = without.settle([*started(without), *scales(without), accepted(without)])
    assert settled.facts.final["lot-1"].contained_mg["Pt"] == 7_327_680
    assert settled.state.refused == ()


def test_record_without_dry_mass_keeps_its_metal(sale):
    empty = {**FACTS["deliveries"][0], "gross_mg": 0, "dry_mg": 0, "contained_mg": 0}
    hollow = type(sale)(text=TERMS, facts={"deliveries": [empty], "footprint": {}})
    assert hollow.settle([*started(hollow), *scales(hollow)]).facts.final["lot-1"].contained_mg == {"Pt": 0}


KG = 1_000_000


@pytest.mark.parametrize(
    ("within", "beyond", "received_kg", "dry_mg", "basis"),
    [
        ("delivered", "mean", 9_950, 9_800 * KG, "delivered"),  # 49 kg apart is the franchise itself
        ("received", "mean", 9_950, 9_751 * KG, "received"),
        ("mean", "received", 9_950, 9_775_500_000, "mean"),
        ("delivered", "mean", 9_900, 9_751 * KG, "mean"),
        ("delivered", "received", 9_900, 9_702 * KG, "received"),
        ("received", "delivered", 9_900, 9_800 * KG, "delivered"),
    ],
)
def test_whose_weight_counts(within, beyond, received_kg, dry_mg, basis):
    """10,000 kg with 2 % moisture delivered; franchise 0.5 %."""
    terms = Weights(within=within, franchise_share=Fraction("0.005"), beyond=beyond, days=10)
    found = counted(terms, [lot(10_000)], [lot(received_kg)])
    assert (found.dry_mg, found.basis) == (dry_mg, basis)


def lot(kg, moisture="0.02"):
    return Weighing(wet_mg=kg * KG, moisture=Decimal(moisture))


def test_lots_add_up_before_they_are_compared():
    """One lot is far out, the other makes up for it."""
    terms = Weights(within="delivered", franchise_share=Fraction("0.001"), beyond="received", days=1)
    found = counted(terms, [lot(6_000), lot(4_000)], [lot(5_000), lot(5_001)])
    assert (found.wet_mg, found.basis) == (10_000 * KG, "delivered")


def test_one_weight_alone_counts_and_none_leaves_the_record(sale):
    for party, dry in (("refiner", 4_870_240_000), ("catalyst-maker", 4_900_000_000)):
        said = weighed(sale, party, *((4990, "0.024") if party == "refiner" else (5000, "0.02")))
        settled = sale.settle([*started(sale), said])
        assert settled.facts.final["lot-1"].dry_mg == dry
        assert [each.code for each in settled.warnings].count("deal.not_weighed") == 1
    assert sale.settle(started(sale)).facts.final["lot-1"].dry_mg == 4_900_000_000


@given(st.integers(0, 10**13), st.decimals(0, 1, places=6), st.integers(0, 10**13), st.decimals(0, 1, places=6))
def test_weight_that_counts_lies_between_the_two(ours, moist, theirs, wet):
    sides = [[Weighing(wet_mg=ours, moisture=moist)], [Weighing(wet_mg=theirs, moisture=wet)]]
    terms = Weights(within="mean", franchise_share=Fraction(1, 100), beyond="mean", days=1)
    found, mirrored = counted(terms, *sides), counted(terms, *reversed(sides))
    assert min(one[0].dry_mg for one in sides) <= found.dry_mg <= max(one[0].dry_mg for one in sides)
    assert found == mirrored
