"""When payment runs: all of, any of, one then another."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.base.errors import BadInput
from oreloop.deal.conditions import EVIDENCE, AllOf, AnyOf, Shown, Then, met

DAYS = st.dictionaries(
    st.sampled_from(EVIDENCE), st.integers(0, 60).map(lambda day: date(2026, 1, 1) + timedelta(days=day))
)
CONDITIONS = st.recursive(
    st.sampled_from(EVIDENCE).map(lambda name: Shown(name=name)),
    lambda inner: st.tuples(st.sampled_from((AllOf, AnyOf, Then)), st.lists(inner, min_size=1, max_size=3)).map(
        lambda made: made[0](parts=tuple(made[1]))
    ),
    max_leaves=6,
)


@given(parts=st.lists(CONDITIONS, min_size=1, max_size=3), days=DAYS)
def test_all_of_is_the_last_any_of_the_first(parts, days):
    every, some = met(AllOf(parts=tuple(parts)), days), met(AnyOf(parts=tuple(parts)), days)
    found = [met(part, days) for part in parts]
    assert every == (None if None in found else max(found))
    assert some == min((day for day in found if day), default=None)
    assert met(AllOf(parts=tuple(parts[::-1])), days) == every
    assert met(AnyOf(parts=tuple(parts[::-1])), days) == some


@given(parts=st.lists(CONDITIONS, min_size=1, max_size=3), days=DAYS)
def test_then_is_all_of_in_order(parts, days):
    found = met(Then(parts=tuple(parts)), days)
    if found is not None:
        assert found == met(AllOf(parts=tuple(parts)), days)
    assert met(Then(parts=(parts[0],)), days) == met(parts[0], days)


@given(condition=CONDITIONS, days=DAYS)
def test_nothing_is_met_without_evidence(condition, days):
    assert met(condition, {}) is None
    assert (found := met(condition, days)) is None or found in days.values()


def read(offtake, when):
    return offtake.change("[payment]", f"[payment]\nwhen = {when}").contract.clauses.payment.when


def test_conditions_as_written(offtake):
    assert offtake.contract.clauses.payment.when == Shown(name="accepted")
    assert read(offtake, '"delivered"') == Shown(name="delivered")
    nested = read(offtake, '{all_of = ["accepted", {any_of = ["carbon_stated", "record_shows"]}]}')
    assert nested == AllOf(
        parts=(Shown(name="accepted"), AnyOf(parts=(Shown(name="carbon_stated"), Shown(name="record_shows"))))
    )
    assert isinstance(read(offtake, '{then = ["delivered", "assayed"]}'), Then)


@pytest.mark.parametrize("when", ['"paid"', "{none_of = []}", "{all_of = []}", '{all_of = "accepted"}', "{}", "3"])
def test_condition_that_is_none(offtake, when):
    with pytest.raises(BadInput) as caught:
        read(offtake, when)
    assert caught.value.code == "deal.not_a_condition"


@pytest.mark.parametrize(
    ("when", "due"),
    [
        ('"accepted"', "2026-06-25"),
        ('"assayed"', "2026-06-24"),
        ('"record_shows"', "2026-06-19"),
        ('{all_of = ["accepted", "carbon_stated"]}', None),
    ],
)
def test_final_invoice_is_due_from_its_condition(offtake, when, due):
    trade = offtake.change("[payment]", f"[payment]\nwhen = {when}")
    settled = trade.settle([*trade.agreement(), *trade.delivery("ir-lot-7")])
    final = [str(invoice.due) for invoice in settled.invoices if invoice.final]
    assert final == ([due] if due else [])


def test_stated_footprint_lets_payment_run(offtake):
    trade = offtake.change("[payment]", '[payment]\nwhen = {then = ["accepted", "carbon_stated"]}')
    stated = trade.event("carbon_stated", "refiner", "2026-06-02", batch="ir-lot-7", co2e_g=1)
    settled = trade.settle([*trade.agreement(), *trade.delivery("ir-lot-7"), stated])
    assert [str(invoice.due) for invoice in settled.invoices if invoice.final] == ["2026-07-02"]
