"""What is stated by month, read in days and weeks: ceilings hold month by month, masses add up, and finer is no cheaper.

Finer is no cheaper where each order is free for use on the day it is handed over: whatever is done by days can be done by
months then. With lanes and processes between, months may be the dearer ones, since what misses the first day of a step waits for the
next month (see the explanation of the plan): nothing is claimed of those but masses and ceilings.
"""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from oreloop.base.period import Horizon, Period
from oreloop.plan import Edit, Infeasible, Network, Plan, solve, verify_certificate
from oreloop.plan.tables.buckets import owners

MONTHS = ("2027-02", "2027-03", "2027-04")
"""February 2027 is four weeks to the day: its weeks lie in no other month."""
TINY = 1e-6


def stated(make, horizon: Horizon, *, demand, paths, limits=(), **tables) -> Network:
    """A user with two offers, planned over February to April 2027 in the periods of a horizon."""
    made = make(
        offers=[{"offer": "near", "lead_days": 2.0, "max_kg": 20.0}, {"offer": "far", "lead_days": 12.0, "min_kg": 3.0, "max_kg": 30.0}],
        limits=list(limits), **tables,
    )  # fmt: skip
    frames = dict(made.tables)
    for name in ("demand", "offer_prices", "metal_prices"):
        frames.pop(name)
    wanted = pl.DataFrame({"site": "fab", "material": "ir", "period": MONTHS, "quantity_kg": demand})
    prices = pl.DataFrame(
        [(offer, month, float(price)) for offer, path in paths.items() for month, price in zip(MONTHS, path, strict=True)],
        schema=["offer", "period", "price_per_kg"], orient="row",
    )  # fmt: skip
    metal = pl.DataFrame({"material": ["Ir"], "period": [MONTHS[0]], "price_per_kg": [100.0]})
    return Network.from_frames(
        frames, horizon=horizon, settings=made.settings, demand=wanted, offer_prices=prices, metal_prices=metal
    )


def refined(**buckets: int) -> Horizon:
    return Horizon.of(Period.parse(MONTHS[0]), 3).refined(**buckets)


amounts = st.lists(st.integers(0, 40).map(float), min_size=3, max_size=3)
paths = st.fixed_dictionaries(dict.fromkeys(["near", "far"], st.lists(st.integers(50, 250), min_size=3, max_size=3)))
ceilings = st.lists(
    st.builds(
        lambda number, metric, offer, month, value: {
            "limit": f"l{number}", "metric": metric, "scope": f"offer={offer}" if offer else None, "period": month,
            "value": float(value),
        },
        st.integers(1, 9), st.just("purchase"), st.sampled_from(["near", "far", None]),
        st.sampled_from([*MONTHS, "2027-02..2027-03", None]), st.integers(0, 30),
    ),
    max_size=3, unique_by=lambda row: row["limit"],
)  # fmt: skip


def agreed_delivery(number: int, day: date, kg: int) -> dict[str, object]:
    return {"contract": f"c{number}", "period": Period.month(day).name, "promised_on": day, "quantity_kg": float(kg)}


coming = st.lists(
    st.builds(
        agreed_delivery, st.integers(1, 9), st.dates(date(2027, 2, 1), date(2027, 4, 30)), st.integers(1, 20)
    ),
    max_size=2, unique_by=lambda row: row["contract"],
)  # fmt: skip


@settings(max_examples=10)
@given(amounts, paths, ceilings, coming, st.integers(0, 30), st.integers(0, 60), st.integers(1, 60))
def test_a_day_more_never_makes_a_plan_cheaper(make, demand, prices, limits, commitments, held, days, more):
    given_ = {"demand": demand, "paths": prices, "limits": limits, "stock": [{"quantity_kg": float(held)}]}
    given_ |= {"commitments": commitments} if commitments else {}
    coarse, fine = (solve(stated(make, refined(days=count), **given_)) for count in (days, days + more))
    assert fine.objective >= coarse.objective - TINY * max(1.0, coarse.objective)


@settings(max_examples=5)
@given(amounts, paths, ceilings, st.integers(0, 30))
def test_months_weeks_that_fill_a_month_and_days_are_dearer_in_this_order(make, demand, prices, limits, held):
    given_ = {"demand": demand, "paths": prices, "limits": limits, "stock": [{"quantity_kg": float(held)}]}
    costs = [solve(stated(make, refined(**each), **given_)).objective for each in ({}, {"weeks": 4}, {"days": 28})]
    assert costs[0] <= costs[1] + TINY * max(1.0, costs[1])
    assert costs[1] <= costs[2] + TINY * max(1.0, costs[2])


@settings(max_examples=12)
@given(amounts, paths, ceilings, coming, st.integers(0, 20), st.integers(0, 9))
def test_masses_add_up_and_ceilings_hold_month_by_month(make, demand, prices, limits, commitments, days, weeks):
    given_ = {"demand": demand, "paths": prices, "limits": limits, "stock": [{"quantity_kg": 9.0}]}
    given_ |= {"commitments": commitments} if commitments else {}
    network = stated(make, refined(days=days, weeks=weeks), **given_)
    plan = solve(network)
    assert isinstance(plan, Plan)
    owner = dict(zip(network.horizon.names, owners(network.horizon), strict=True))

    def by_month(frame, column, kg):
        return dict(
            frame.group_by(pl.col(column).replace_strict(owner, default=None)).agg(pl.col(kg).sum()).iter_rows()
        )

    ordered = plan.orders.filter("planned")
    for offer, most in (("near", 20.0), ("far", 30.0)):
        months = by_month(ordered.filter(offer=offer), "order_period", "quantity_kg")
        assert all(kg <= most + TINY for kg in months.values())
    for limit in limits:
        first, _, last = (limit["period"] or f"{MONTHS[0]}..{MONTHS[-1]}").partition("..")
        mine = ordered if limit["scope"] is None else ordered.filter(offer=limit["scope"].removeprefix("offer="))
        months = by_month(mine, "order_period", "quantity_kg")
        assert sum(kg for month, kg in months.items() if first <= month <= (last or first)) <= limit["value"] + TINY
    arrived = by_month(plan.orders, "usable_period", "quantity_kg")
    served = by_month(plan.shortages, "period", "served_kg")
    wanted = by_month(plan.shortages, "period", "demand_kg")
    short = by_month(plan.shortages, "period", "short_kg")
    agreed = {}
    for row in commitments:
        bucket = network.horizon.names[network.horizon.index(row["promised_on"])]
        agreed[owner[bucket]] = agreed.get(owner[bucket], 0.0) + row["quantity_kg"]
    closing = dict.fromkeys(owner.values(), 0.0)
    ends = {month: name for name, month in owner.items()}  # the last period of each month
    for month, name in ends.items():
        closing[month] = plan.stocks.filter(pl.col("period") == name)["quantity_kg"].sum()
    before = 9.0
    for month in MONTHS:
        left = before + arrived.get(month, 0.0) + agreed.get(month, 0.0) - served[month]
        assert closing[month] == pytest.approx(left, abs=1e-5)
        assert served[month] + short[month] == pytest.approx(wanted[month], abs=1e-5)
        before = closing[month]
    assert sum(wanted[month] for month in MONTHS) == pytest.approx(sum(demand))


@settings(max_examples=8)
@given(amounts, paths, ceilings, st.integers(0, 20), st.integers(0, 9), st.data())
def test_a_tighter_limit_of_a_month_never_makes_a_mixed_plan_cheaper(make, demand, prices, limits, days, weeks, data):
    assume(limits)
    network = stated(make, refined(days=days, weeks=weeks), demand=demand, paths=prices, limits=limits)
    row = data.draw(st.sampled_from(limits))
    edit = Edit(table="limits", where={"limit": row["limit"]}, column="value", value=row["value"] / 2)
    loose, tight = solve(network), solve(network.edited([edit]))
    assert not isinstance(tight, Infeasible)
    assert tight.objective >= loose.objective - TINY * max(1.0, loose.objective)


@settings(max_examples=3)
@given(amounts, paths, ceilings, st.integers(1, 20), st.integers(1, 9))
def test_a_mixed_plan_with_limits_is_proved(make, demand, prices, limits, days, weeks):
    plan = solve(stated(make, refined(days=days, weeks=weeks), demand=demand, paths=prices, limits=limits))
    assert verify_certificate(plan.certificate(), plan.model).accepted


def test_a_price_path_by_month_is_paid_by_the_day_of_the_order(make):
    """Metal is cheap in March alone; by days nothing else changes what a kilogram costs."""
    network = stated(
        make,
        refined(days=28, weeks=0),
        demand=[0.0, 10.0, 0.0],
        paths={"near": [200, 100, 200], "far": [300, 300, 300]},
    )
    plan = solve(network)
    assert plan.summary["short_kg"] == 0.0
    assert plan.orders.filter("planned").select("order_period", "price_per_kg").rows() == [("2027-03", 100.0)]
