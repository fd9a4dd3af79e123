"""Evidence as tables: a receipt counts once, a mass is one that can be weighed, and every refusal names its row."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.base.canonical import SAFE_INTEGER
from oreloop.base.errors import BadInput, Place
from oreloop.base.instant import instant
from oreloop.deal import Evidence
from oreloop.deal.receipts import expect_within_gross

DELIVERY = {
    "contract": "c", "event": "r-1", "batch": "lot-1", "time": "2026-02-01T08:00:00.000Z", "site": "plant",
    "element": "Ir", "gross_mg": 1_000, "dry_mg": None, "contained_mg": 999,
}  # fmt: skip
FOOTPRINT = pl.DataFrame({"batch": ["lot-1"], "co2e_g": [5]})
ASSAYS = pl.DataFrame(schema=dict.fromkeys(("batch", "analyte", "value", "unit"), pl.String))


def evidence(*rows, footprint=FOOTPRINT, shares=(0.5,)):
    recycled = pl.DataFrame({"batch": ["lot-1"] * len(shares), "element": ["Ir"] * len(shares), "share": list(shares)})
    deliveries = pl.DataFrame([DELIVERY | row for row in rows], schema_overrides={"dry_mg": pl.Int64})
    return Evidence(deliveries=deliveries, footprint=footprint, assays=ASSAYS, recycled=recycled)


def refusals(*rows, **frames):
    with pytest.raises(BadInput) as refused:
        evidence(*rows, **frames)
    return [(each.code, each.place) for each in refused.value.problems]


def test_one_receipt_may_hold_several_metals_and_one_batch_come_in_parts():
    assert evidence({}, {"element": "Ru", "contained_mg": 0}, {"event": "r-2"}, {"event": "r-3", "batch": "lot-2"})


def test_a_receipt_is_not_paid_twice_under_another_contract_site_or_time():
    for other in ({}, {"contract": "d"}, {"site": "vault"}, {"time": "2026-02-02"}, {"contained_mg": 1}):
        assert refusals({}, other) == [("deal.evidence_twice", Place(file="deliveries", line=3))]


def test_no_second_footprint_or_recycled_share_hides_the_first():
    twice = pl.concat([FOOTPRINT, FOOTPRINT])
    assert refusals({}, footprint=twice) == [("deal.evidence_twice", Place(file="footprint", line=3))]
    assert refusals({}, shares=(0.5, 0.9)) == [("deal.evidence_twice", Place(file="recycled", line=3))]


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan"), float("inf")])
def test_a_recycled_share_is_one(share):
    assert refusals({}, shares=(share,)) == [("deal.out_of_range", Place(file="recycled", line=2, column="share"))]


@given(mass=st.integers(-(2**63), 2**63 - 1), column=st.sampled_from(["gross_mg", "dry_mg", "contained_mg"]))
def test_a_mass_is_whole_milligrams_that_can_be_sealed(mass, column):
    if 0 <= mass <= SAFE_INTEGER:
        assert evidence({column: mass})
    else:
        assert refusals({column: mass}) == [
            ("deal.not_a_weighed_mass", Place(file="deliveries", line=2, column=column))
        ]


@pytest.mark.parametrize("column", ["contract", "event", "batch", "time", "site", "gross_mg", "contained_mg"])
def test_nothing_is_assumed_about_a_receipt(column):
    assert refusals({}, {"event": "r-2", column: None})[0] == (
        "deal.empty_cell",
        Place(file="deliveries", line=3, column=column),
    )


def test_a_time_is_an_instant_or_its_text():
    assert evidence({"time": instant("2026-02-01")})
    place = Place(file="deliveries", line=2, column="time")
    assert refusals({"time": "x"}) == [("base.not_a_time", place)]


def test_no_table_holds_more_metal_than_was_weighed():
    expect_within_gross(evidence({"contained_mg": 1_000}).deliveries)
    with pytest.raises(BadInput) as refused:
        expect_within_gross(evidence({"contained_mg": 1_001}).deliveries)
    assert refused.value.code == "deal.more_metal_than_mass"
