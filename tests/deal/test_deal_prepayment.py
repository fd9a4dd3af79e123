"""Money that is paid ahead: when it moves, what interest it bears, and that it comes back whatever becomes of the metal."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path

import pytest
from charges_trade import refusals
from hypothesis import given
from hypothesis import strategies as st

from oreloop.deal import Contract
from oreloop.deal.prepayment.daycount import DAY_COUNTS, years
from oreloop.deal.prepayment.schedule import BUSINESS_DAYS, Cycle, business_day

DAYS = st.dates(date(1999, 1, 1), date(2042, 12, 31))
TEXT = "examples/wording/purchase-prepaid.toml"


@pytest.fixture
def prepaid(ordinary):
    """A purchase with a prepayment, of which nothing is ever delivered."""
    facts = {"deliveries": [], "accepted": {}, "assays": {}, "footprint": {}, "fixings": {}}
    text = (Path(__file__).parent / TEXT).read_text("utf-8").replace('"maker"', '"electrolyser-maker"')
    return type(ordinary)(text=text, facts=facts)


def moved(settled):
    """What is due on which day, in cents; positive = the buyer owes it."""
    return [(str(each.due), each.amount_minor) for each in settled.invoices if each.lines[0].clause != "interest"]


@given(DAYS, DAYS, DAYS, st.sampled_from(sorted(DAY_COUNTS)))
def test_years_of_two_periods_add_up_to_those_of_both(one, two, three, convention):
    first, middle, last = sorted((one, two, three))
    both = years(convention, first, middle) + years(convention, middle, last)
    assert both == years(convention, first, last)


@given(DAYS, st.sampled_from(sorted(DAY_COUNTS)))
def test_a_calendar_year_is_a_year_by_every_count_but_one(day, convention):
    first, last = date(day.year, 1, 1), date(day.year + 1, 1, 1)
    days = (last - first).days
    assert (
        years(convention, first, last)
        == {
            "A/360": Fraction(days, 360),
            "A/365": Fraction(days, 365),
            "30E/360": 1,
            "A/A": 1,
        }[convention]
    )


@given(DAYS, st.sampled_from(sorted(BUSINESS_DAYS)), st.sets(st.integers(-9, 9), max_size=6))
def test_money_moves_on_a_day_when_banks_are_open_and_on_the_nearest_that_the_rule_allows(day, rule, closed):
    holidays = {day + timedelta(days=each) for each in closed}
    found = business_day(day, rule, holidays)
    assert found.weekday() < 5
    assert found not in holidays
    forward = (rule.endswith("following")) == ((found.month == day.month) or not rule.startswith("modified"))
    assert found >= day if forward or found == day else found <= day
    skipped = [day + timedelta(days=each) for each in range(1, abs((found - day).days))]
    assert all(other.weekday() >= 5 or other in holidays for other in (skipped if found > day else _before(day, found)))
    assert not rule.startswith("modified") or found.month == day.month or len(holidays) > 5


def _before(day, found):
    return [day - timedelta(days=each) for each in range((day - found).days)]


def test_without_a_rule_a_day_stays():
    assert business_day(date(2026, 5, 31), None, {date(2026, 5, 31)}) == date(2026, 5, 31)


@pytest.mark.parametrize(
    ("changes", "days"),
    [
        ({}, ["01-31", "02-28", "03-31", "05-10"]),
        ({"short": True}, ["01-31", "02-28", "03-31", "04-30", "05-10"]),
        ({"months": 2}, ["01-31", "05-10"]),
        ({"months": 0, "days": 33, "short": True}, ["01-31", "03-05", "04-07", "05-10"]),
        ({"months": 0, "days": 33}, ["01-31", "03-05", "04-07", "05-10"]),
        ({"first": date(2026, 2, 28)}, ["02-28", "03-28", "05-10"]),
        ({"first": date(2026, 2, 28), "month_end": True}, ["02-28", "03-31", "05-10"]),
        ({"first": date(2026, 2, 27), "month_end": True}, ["02-27", "03-27", "05-10"]),
    ],
)
def test_days_come_again_from_the_first_and_end_with_the_last(changes, days):
    cycle = Cycle(first=date(2026, 1, 31), months=1, days=0, month_end=False, short=False)
    assert [each.strftime("%m-%d") for each in replace(cycle, **changes).until(date(2026, 5, 10))] == days


def test_a_prepayment_is_paid_bears_interest_and_is_repaid(prepaid):
    """31 January, 28 February and 31 May are weekend days, 29 May is a holiday: all stay in their month."""
    settled = prepaid.settle(prepaid.agreement("2026-01-05"))
    assert moved(settled)[0] == ("2026-01-30", 59_650_000)
    clause = prepaid.contract.clauses.prepayment
    periods = list(clause.periods())
    assert [(str(each.first), str(each.last)) for each in periods] == [
        ("2026-01-30", "2026-02-27"),
        ("2026-02-27", "2026-03-31"),
        ("2026-03-31", "2026-04-30"),
        ("2026-04-30", "2026-05-28"),
        ("2026-05-28", "2026-07-15"),
    ]
    assert periods[0].interest == Fraction(600_000) * Fraction("0.045") * Fraction(28, 360)
    assert [each.capitalised for each in periods] == [True, True, False, False, False]
    principal = Fraction(600_000)
    for each in periods:
        assert each.principal == principal
        assert each.interest == principal * Fraction("0.045") * (each.last - each.first).days / 360
        repaid = min(principal, Fraction(150_000)) if each is not periods[-1] else principal
        assert each.repaid == repaid
        principal += (each.interest if each.capitalised else 0) - repaid
    assert principal == 0
    assert [day for day, _ in moved(settled)] == ["2026-01-30", *(str(each.last) for each in periods)]


def test_only_what_is_due_by_now_is_invoiced_and_what_is_owed_is_known_on_every_day(prepaid):
    signed = prepaid.agreement("2026-01-05")
    clause = prepaid.contract.clauses.prepayment
    assert moved(prepaid.settle(signed, "2026-01-29T23:00:00.000Z")) == []
    assert clause.owed(date(2026, 1, 29)) == (0, 0)
    assert moved(prepaid.settle(signed, "2026-01-30T01:00:00.000Z")) == [("2026-01-30", 59_650_000)]
    assert clause.owed(date(2026, 1, 30)) == (600_000, 0)
    assert clause.owed(date(2026, 2, 26)) == (600_000, Fraction(600_000) * Fraction("0.045") * Fraction(27, 360))
    assert clause.owed(date(2026, 2, 27)) == (452_100, 0)
    assert clause.owed(date(2026, 7, 15)) == (0, 0)


def test_a_contract_that_is_not_agreed_asks_for_no_prepayment(prepaid):
    assert moved(prepaid.settle(prepaid.agreement()[:1])) == []


def test_paid_to_the_day_a_prepayment_leaves_nothing_open_and_late_money_bears_interest(prepaid):
    signed = prepaid.agreement("2026-01-05")
    dues = moved(prepaid.settle(signed))
    maker, refiner = "electrolyser-maker", "refiner"
    paid = [
        prepaid.paid(refiner if amount > 0 else maker, abs(amount), f"p{number}", day)
        for number, (day, amount) in enumerate(dues)
    ]
    settled = prepaid.settle([*signed, *paid])
    assert settled.money.open == 0
    assert all(not each.code.startswith("deal.pay") for each in settled.obligations)
    late = prepaid.settle([*signed, *paid[:-1], prepaid.paid(maker, -dues[-1][1], "late", "2026-07-25")])
    days = Fraction(-dues[-1][1], 100) * 10
    assert late.money.open == round(-days * Fraction("0.08") / 365 * 100)


def test_what_was_prepaid_comes_back_after_a_cancellation(prepaid):
    signed = prepaid.agreement("2026-01-05")
    ended = [
        prepaid.event("cancelled", each, "2026-02-03", reason="no metal") for each in ("refiner", "electrolyser-maker")
    ]
    settled = prepaid.settle([*signed, *ended])
    assert settled.name == "cancelled"
    assert moved(settled) == moved(prepaid.settle(signed))


def test_lines_can_be_computed_again_from_their_formulas(prepaid):
    for invoice in prepaid.settle(prepaid.agreement("2026-01-05")).invoices:
        for line in invoice.lines:
            assert eval(line.formula, {}, dict(line.inputs)) == line.amount


def test_a_rate_below_zero_is_owed_by_the_buyer(prepaid):
    turned = prepaid.change('rate_per_year = "0.045"', 'rate_per_year = "-0.005"').change(
        "capitalised_to = 2026-03-31\n", ""
    )
    (_, paid), (_, first), *_ = moved(turned.settle(turned.agreement("2026-01-05")))
    assert (paid, first) == (59_650_000, -15_000_000 + round(600_000_00 * Fraction("0.005") * Fraction(28, 360)))


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("repaid_on = 2026-07-15", "repaid_on = 2026-01-31", "deal.repaid_before_paid"),
        ('kept_back = "3500"', 'kept_back = "600001"', "deal.out_of_range"),
        ('rate_per_year = "0.045"', 'rate_per_year = "4.5"', "deal.out_of_range"),
        ('day_count = "A/360"', 'day_count = "30/360"', "deal.not_a_choice"),
        ("holidays = [2026-05-29]", 'holidays = ["Easter"]', "deal.not_a_day"),
        ("holidays = [2026-05-29]", "holidays = 3", "deal.not_a_day"),
        ("every_months = 1", "every_months = 0", "deal.not_whole"),
        ("every_months = 1\n", "", "deal.missing_term"),
        ("[prepayment]", '[deposit]\nshare = "0.1"\ndue_days = 3\n[prepayment]', "deal.deposit_and_prepayment"),
    ],
)
def test_terms_that_make_no_sense_are_refused(prepaid, old, new, code):
    assert code in refusals(prepaid.change(old, new).text, Contract)
