"""Reference tests of ACTUS contract types: what the clauses and the ledger express pays to the digit what is published."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import zip_longest
from pathlib import Path

import pytest
from actus_terms import TYPES, day_of, expected, flows, is_published, prepayment, published, why_not

PAGE = Path(__file__).parents[2] / "docs/explanation/deal-actus.md"
FOLDER = "data/dispatch/actus"


@pytest.mark.parametrize("kind", TYPES)
def test_cash_flows_are_those_published(kind, shared):
    for name, test in published(shared(FOLDER), kind).items():
        if why_not(test):
            continue
        for flow, (day, event, amount) in zip_longest(flows(test), sorted(expected(test), key=lambda each: each[0])):
            assert (name, flow.day, flow.event) == (name, day, event)
            assert is_published(flow.amount, amount), (name, day, float(flow.amount), amount)


@pytest.mark.parametrize("kind", ["PAM", "UMP"])
def test_principal_after_each_day_is_that_published(kind, shared):
    """So capitalised interest is seen, too, although no money moves."""
    for name, test in published(shared(FOLDER), kind).items():
        if why_not(test):
            continue
        terms = test["terms"]
        clause = prepayment(terms, day_of(test["to"] or terms["maturityDate"])).clauses.prepayment
        after = {day_of(each["eventDate"]): abs(Decimal(str(each["notionalPrincipal"]))) for each in test["results"]}
        for day, principal in after.items():
            assert is_published(clause.owed(day)[0], principal), (name, day)


def test_the_page_counts_what_is_expressed_and_what_is_not(shared):
    rows = re.findall(r"^\| `([A-Z]+)` \| (\d+) \| (\d+) \| (\d+) \|", PAGE.read_text("utf-8"), re.MULTILINE)
    counted = {}
    for kind in TYPES:
        tests = published(shared(FOLDER), kind).values()
        told = [test for test in tests if not why_not(test)]
        counted[kind] = (len(tests), len(told), sum(len(list(expected(test))) for test in told))
    assert {kind: tuple(map(int, numbers)) for kind, *numbers in rows} == counted


def test_a_number_is_published_when_no_digit_of_it_differs():
    assert is_published(Fraction(2, 3), Decimal("0.66666666"))
    assert not is_published(Fraction(2, 3), Decimal("0.68"))
    assert not is_published(Fraction(3), Decimal(4))


@pytest.mark.parametrize(
    ("written", "day"), [("2016-12-31T23:59:59", date(2016, 12, 31)), ("2013-01-01", date(2013, 1, 1))]
)
def test_days_are_read_whole(written, day):
    assert day_of(written) == day
