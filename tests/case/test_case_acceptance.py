"""What an approval says of a source is one rule for the plan and for a tender."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.case.acceptance import days_in_acceptance, rows_of_source
from oreloop.deal.tender.candidates import _accept_days
from oreloop.deal.tender.way import Carriage
from oreloop.plan.tables.rules import Approvals, Source

ROWS = [
    {"offer": None, "process": None, "party": "refiner"},
    {"offer": None, "process": "toll", "party": None},
    {"offer": "spot", "process": None, "party": None},
    {"offer": "spot", "process": None, "party": "refiner"},
]


def test_the_row_of_an_offer_stands_before_that_of_its_process_and_its_party():
    assert rows_of_source(ROWS, offer="spot", process="toll", party="refiner") == [2, 3, 1, 0, 3]
    assert rows_of_source(ROWS, party="refiner") == [0, 3]


@pytest.mark.parametrize("nobody", [None, ""])
def test_no_row_speaks_of_a_source_without_a_name(nobody):
    assert rows_of_source([{"party": nobody, "offer": nobody}], offer=nobody, party=nobody) == []


@pytest.mark.parametrize(
    ("row", "passport", "days"),
    [
        (None, True, 20.0),
        ({}, True, 20.0),
        ({"accept_days": None}, False, 20.0),
        ({"accept_days": 14.0}, True, 14.0),
        ({"accept_days": 14.0, "accept_days_with_passport": 0.0}, True, 0.0),
        ({"accept_days": 14.0, "accept_days_with_passport": 3.0}, False, 14.0),
        ({"accept_days": None, "accept_days_with_passport": 3.0}, True, 3.0),
    ],
)
def test_acceptance_takes_what_the_approval_says_and_else_the_usual_days(row, passport, days):
    assert days_in_acceptance(row, usual=20.0, with_passport=passport) == days


IDS = st.sampled_from(["spot", "contract", None])
DAYS = st.none() | st.integers(0, 40).map(lambda halves: halves / 2)


@given(
    st.lists(
        st.fixed_dictionaries({
            "offer": IDS, "party": st.sampled_from(["refiner", None]), "accept_days": DAYS,
            "accept_days_with_passport": DAYS,
        }),
        max_size=5,
    ),
    st.sets(st.sampled_from(["spot", "contract"])),
    st.sampled_from(["refiner", ""]),
)  # fmt: skip
def test_a_tender_counts_as_many_days_in_acceptance_as_the_plan(listed, with_passport, seller):
    rows = [{"site": "fab", "material": "ir", "approval": "approved", "process": None, **row} for row in listed]
    plan = Approvals(rows, calendar=None, accept_days=9.0, with_passport=frozenset(with_passport))
    carriage = Carriage(lanes=pl.DataFrame(), permits={}, accept_days=9, with_passport=with_passport)
    planned = plan.accept_days("fab", "ir", Source(tag="offer:spot", offer="spot", party=seller or None))
    asked = _accept_days(rows, "spot", seller, carriage)
    assert asked - 1 < planned <= asked
