"""A price on changes of orders, how much was changed, and why."""

from __future__ import annotations

from math import inf

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oreloop.base.errors import BadInput
from oreloop.plan import Edit, solve, verify_certificate
from oreloop.plan.steadiness import KEPT, causes, nervousness, steady

FEW = settings(max_examples=max(2, settings.default.max_examples // 8))
# Metal held costs a little, so that it is ordered when it is wanted.
TWO = {
    "offers": [{"offer": "a"}, {"offer": "b"}],
    "prices": {"a": 100.0, "b": 120.0},
    "settings": {"funding_rate_per_year": 0.01},
}
NAMES = ("2026-01", "2026-02", "2026-03")


def dearer(network, price=150.0):
    return network.edited([Edit(table="offer_prices", where={"offer": "a"}, column="price_per_kg", value=price)])


def ordered(plan, offer):
    return plan.orders.filter(pl.col("offer") == offer)["quantity_kg"].sum()


def frame(**kg):
    rows = [
        (offer, name, amount) for offer, amounts in kg.items() for name, amount in zip(NAMES, amounts, strict=False)
    ]
    return pl.DataFrame(
        rows, schema={"offer": pl.Utf8, "order_period": pl.Utf8, "quantity_kg": pl.Float64}, orient="row"
    )


def test_a_change_that_saves_less_than_it_costs_is_not_made(make):
    network = make(**TWO)
    last = solve(network)
    # Moving 1 kg from a to b saves 30, and changes two orders by 1 kg each.
    for penalty, kept in ((16.0, 30.0), (14.0, 0.0)):
        plan = solve(steady(dearer(network), last.orders, penalty_per_kg=penalty, frozen_periods=3))
        assert ordered(plan, "a") == pytest.approx(kept)


def test_only_the_frozen_periods_are_kept(make):
    network = make(**TWO)
    plan = solve(steady(dearer(network), solve(network).orders, penalty_per_kg=1000.0, frozen_periods=1))
    by_offer = dict(plan.orders.group_by("offer").agg(pl.col("quantity_kg").sum()).iter_rows())
    assert by_offer == pytest.approx({"a": 10.0, "b": 20.0})


def test_a_new_order_inside_the_frozen_zone_is_a_change_too(make):
    network = make(**TWO)
    held = steady(network, frame(), penalty_per_kg=50.0, frozen_periods=3)
    assert solve(held).objective == pytest.approx(30 * 150.0)
    assert solve(held).summary["cost"] == pytest.approx(30 * 100.0)


def test_a_steady_plan_is_proved_and_says_what_was_kept(make):
    network = make(**TWO)
    plan = solve(steady(dearer(network), solve(network).orders, penalty_per_kg=1000.0, frozen_periods=2))
    assert verify_certificate(plan.certificate(), plan.model).accepted
    kept = plan.limits.filter(pl.col("limit").str.starts_with(KEPT))
    assert kept.height == 4
    assert kept["slack"].abs().max() == pytest.approx(0.0, abs=1e-6)


def test_limits_of_ones_own_stay(make):
    limit = {"limit": "cap", "metric": "purchase", "scope": "offer=a", "value": 12.0}
    network = make(**TWO, limits=[limit])
    plan = solve(steady(network, frame(a=[10.0, 10.0, 10.0]), penalty_per_kg=10.0, frozen_periods=3))
    assert ordered(plan, "a") == pytest.approx(12.0)


def test_without_offers_nothing_can_be_kept(make):
    network = make(stock=[{"quantity_kg": 30.0}])
    assert steady(network, frame(), penalty_per_kg=1.0, frozen_periods=1) is network


@pytest.mark.parametrize("penalty", [-1.0, inf, float("nan")])
def test_a_penalty_is_a_finite_amount(make, penalty):
    with pytest.raises(BadInput) as caught:
        steady(make(**TWO), frame(), penalty_per_kg=penalty, frozen_periods=1)
    assert caught.value.code == "plan.steady_penalty"


@pytest.mark.parametrize("periods", [-1, 4])
def test_only_planned_periods_can_be_frozen(make, periods):
    with pytest.raises(BadInput) as caught:
        steady(make(**TWO), frame(), penalty_per_kg=1.0, frozen_periods=periods)
    assert caught.value.code == "plan.steady_periods"


def test_nervousness_counts_what_moved_over_what_was_planned():
    last = frame(a=[6.0, 4.0], b=[0.0, 10.0])
    assert nervousness(last, frame(a=[6.0, 4.0], b=[0.0, 10.0]), NAMES) == 0.0
    # 4 kg put off by a period count as dropped and as new.
    assert nervousness(last, frame(a=[6.0, 0.0, 4.0], b=[0.0, 10.0]), NAMES) == pytest.approx(8 / 20)
    assert nervousness(last, frame(a=[3.0]), NAMES[:1]) == pytest.approx(0.5)
    assert nervousness(frame(), frame(a=[1.0]), NAMES) == inf
    assert nervousness(frame(), frame(), NAMES) == 0.0


AMOUNTS = st.lists(st.integers(0, 20).map(float), min_size=3, max_size=3)


@given(a=AMOUNTS, b=AMOUNTS)
def test_nothing_changed_is_no_nervousness_and_a_change_is_some(a, b):
    told = nervousness(frame(a=a), frame(a=b), NAMES)
    assert (told == 0.0) == (a == b)
    assert told >= 0.0


@FEW
@given(penalties=st.lists(st.integers(0, 60), min_size=2, max_size=2).map(sorted), price=st.integers(60, 180))
def test_a_higher_price_on_changes_makes_no_plan_more_nervous(make, penalties, price):
    network = make(**TWO)
    last = solve(network).orders
    told = [
        solve(steady(dearer(network, float(price)), last, penalty_per_kg=float(each), frozen_periods=3)).orders
        for each in penalties
    ]
    little, much = (nervousness(last, each, NAMES) for each in told)
    assert much <= little + 1e-6


def test_each_change_has_its_cause(make):
    network = make(**TWO)
    last = solve(network)
    dear = solve(dearer(network))
    assert set(causes(last, dear)["cause"]) == {"price"}
    more = Edit(table="demand", where={"period": "2026-02"}, column="quantity_kg", value=25.0)
    assert causes(last, solve(network.edited([more]))).select("order", "cause").rows() == [("a/2026-02", "demand")]
    shut = Edit(table="offers", where={"offer": "a"}, column="max_kg", value=4.0)
    assert set(causes(last, solve(network.edited([shut])))["cause"]) == {"edit"}


def test_a_cause_that_cannot_be_let_in_alone_waits_for_the_next(make):
    network = make(**TWO)
    new = network.edited(
        [
            Edit(table="materials", how="add", value={"material": "os", "element": "Os", "content": 1.0}),
            Edit(
                table="demand",
                how="add",
                value={"site": "fab", "material": "os", "period": "2026-01", "quantity_kg": 1.0},
            ),
            Edit(table="offers", where={"offer": "a"}, column="max_kg", value=4.0),
        ]
    )
    assert set(causes(solve(network), solve(new))["cause"]) == {"edit"}
