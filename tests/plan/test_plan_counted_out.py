"""Orders of some least size under two ceilings: the plan costs what the best of all choices of orders costs, counted out."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from oreloop.plan import Edit, Session, shadow_prices, solve
from oreloop.plan.network import EARLY_SHARE

SHORT = 300.0
KG = st.sampled_from([2.0, 3.0, 5.0, 8.0, 12.0])
OFFER = st.fixed_dictionaries(
    {
        "min_kg": st.sampled_from([0.0, 2.0, 4.0, 7.0]),
        "max_kg": st.none() | KG,
        "total_kg": KG,
        "fixed_charge": st.sampled_from([0.0, 40.0, 900.0]),
        "take_or_pay_share": st.sampled_from([0.0, 0.0, 0.5, 1.0]),
    }
)


def counted_out(offers, prices, demand):
    """The least cost over every choice of orders, the kilograms of each choice by a linear program of `scipy`.

    An order is between the least and the most of its offer, those of an offer together at most its total; metal waits free
    of charge; what is short costs more the earlier it is short; of what is due of an offer that is ordered from, the rest
    is paid.
    """
    periods, many = len(demand), len(offers)
    urgent = SHORT * (1.0 + EARLY_SHARE * np.arange(periods)[::-1] / periods)
    cost = np.concatenate([np.repeat(prices, periods), urgent, prices])
    so_far, of_offer = np.tril(np.ones((periods, periods))), np.kron(np.eye(many), np.ones(periods))
    wanted = np.hstack([*[-so_far] * many, -so_far, np.zeros((periods, many))])
    total = np.hstack([of_offer, np.zeros((many, periods + many))])
    taken = np.hstack([-of_offer, np.zeros((many, periods)), -np.eye(many)])
    most = np.array([min(each["max_kg"] or np.inf, each["total_kg"]) for each in offers])
    due = [
        each["take_or_pay_share"] * min((each["max_kg"] or np.inf) * periods, each["total_kg"]) for each in offers
    ]  # fmt: skip
    best = np.inf
    for chosen in product((False, True), repeat=many * periods):
        placed = np.reshape(chosen, (many, periods))
        boxes = [
            (each["min_kg"], top) if order else (0.0, 0.0)
            for each, top, row in zip(offers, most.tolist(), placed, strict=True)
            for order in row
        ]
        if any(low > high for low, high in boxes):
            continue
        told = linprog(
            cost, A_ub=np.vstack([wanted, total, taken]),
            b_ub=np.concatenate([-np.cumsum(demand), [each["total_kg"] for each in offers], -(placed.any(axis=1) * due)]),
            bounds=[*boxes, *((0.0, kg) for kg in demand), *[(0.0, None)] * many],
        )  # fmt: skip
        charges = sum(each["fixed_charge"] * row.sum() for each, row in zip(offers, placed, strict=True))
        best = min(best, told.fun + charges) if told.status == 0 else best
    return best


def stated(make, offers, prices, demand):
    named = [{"offer": f"o{at}", **each} for at, each in enumerate(offers)]
    return make(
        offers=named, prices={f"o{at}": price for at, price in enumerate(prices)}, demand=demand, periods=len(demand)
    )


@pytest.mark.parametrize(("many", "periods"), [(1, 3), (2, 2)])
@settings(max_examples=12)
@given(data=st.data())
def test_a_plan_costs_what_the_best_choice_of_orders_costs(make, many, periods, data):
    offers = data.draw(st.lists(OFFER, min_size=many, max_size=many))
    prices = data.draw(st.lists(st.sampled_from([90.0, 100.0, 250.0]), min_size=many, max_size=many))
    demand = data.draw(st.lists(st.sampled_from([0.0, 3.0, 6.0, 10.0]), min_size=periods, max_size=periods))
    plan = solve(stated(make, offers, prices, demand))
    assert plan.objective == pytest.approx(counted_out(offers, prices, demand), rel=1e-7, abs=1e-6)


@pytest.mark.parametrize("max_kg", [6.0, None])
def test_the_total_of_an_offer_that_charges_for_an_order_is_worth_all_that_one_more_kg_saves(make, max_kg):
    """One order of five kg is all there is; a sixth saves the shortage of the first month, and no second charge."""
    network = stated(
        make, [{"total_kg": 5.0, "max_kg": max_kg, "min_kg": 4.0, "fixed_charge": 5.0}], [100.0], [10.0] * 3
    )
    plan = solve(network)
    more = Session(network).cost([Edit(table="offers", where={"offer": "o0"}, column="total_kg", value=6.0)])
    row = shadow_prices(plan, codes=["offer_total"]).row(0, named=True)
    assert row["value_per_kg"] == pytest.approx(plan.objective - more) == pytest.approx(300.0)
    assert row["up_to_kg"] == pytest.approx(1.0 if max_kg else 5.0)
    told = plan.values.filter(plan.values["code"] == "offer_total")["value_per_kg"]
    assert told.to_list() == pytest.approx([300.0])
    assert "offer_capacity" not in plan.values["code"].to_list()


def test_of_two_ceilings_of_the_same_size_easing_one_alone_is_worth_nothing(make):
    network = stated(make, [{"total_kg": 5.0, "max_kg": 5.0, "min_kg": 4.0, "fixed_charge": 5.0}], [100.0], [10.0] * 3)
    plan = solve(network)
    one = shadow_prices(plan, codes=["offer_total"]).row(0, named=True)
    assert one["value_per_kg"] is None or one["value_per_kg"] == pytest.approx(0.0)
    assert one["lost_per_kg"] == pytest.approx(300.0)
    assert "offer_capacity" not in plan.values["code"].to_list()
