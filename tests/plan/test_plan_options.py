"""Options: a premium for the right to order later, paid whether it is used or not."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oreloop.base.errors import BadInput
from oreloop.plan import Edit, Plan, Session, roll, solve, verify_certificate
from oreloop.plan.decide import actions, headline
from oreloop.plan.stochastic import Future, Weighed, weigh

FEW = settings(max_examples=max(1, settings.default.max_examples // 4))
SPOT, STRIKE, PREMIUM = 250.0, 90.0, 40.0
BOTH = {"prices": {"right": STRIKE, "spot": SPOT}, "periods": 3}
OPENING = [{"quantity_kg": 10.0}]


def offers(**more):
    return [{"offer": "right", "option_premium": PREMIUM, **more}, {"offer": "spot"}]


def option(plan: Plan) -> dict[str, object]:
    return plan.options.row(0, named=True)


def solved(network) -> Plan:
    plan = solve(network)
    assert isinstance(plan, Plan)
    return plan


def cost(plan: Plan, component: str) -> float:
    return float(plan.costs.filter(pl.col("component") == component)["amount"].sum())


def test_what_is_certain_to_be_ordered_costs_its_price_and_the_premium(make):
    plan = solved(make(offers=offers(), **BOTH, demand=[0.0, 4.0, 6.0]))
    assert plan.orders["offer"].unique().to_list() == ["right"]
    assert cost(plan, "option") == pytest.approx(10.0 * PREMIUM)
    assert plan.objective == pytest.approx(10.0 * (STRIKE + PREMIUM))
    told = option(plan)
    assert (told["quantity_mg"], told["taken_mg"], told["held_mg"]) == (10_000_000, 10_000_000, 0)
    assert (told["amount"], told["premium_per_kg"]) == (pytest.approx(400.0), PREMIUM)
    assert plan.costs.filter(pl.col("component") == "option")["period"].to_list() == ["2026-01"]
    assert verify_certificate(plan.certificate(), plan.model).accepted


@FEW
@given(
    premium=st.integers(0, 200).map(float),
    demand=st.lists(st.integers(0, 9).map(float), min_size=3, max_size=3),
    most=st.sampled_from([None, 2.5, 5.0]),
)
def test_when_all_is_known_an_option_is_an_offer_that_is_dearer_by_its_premium(make, premium, demand, most):
    given_ = {"periods": 3, "demand": demand}
    rows = [{"offer": "right", "max_kg": most, "option_premium": premium}, {"offer": "spot"}]
    plain = [{**rows[0], "option_premium": None}, rows[1]]
    as_option = solve(make(offers=rows, prices={"right": 90.0, "spot": 160.0}, **given_))
    as_offer = solve(make(offers=plain, prices={"right": 90.0 + premium, "spot": 160.0}, **given_))
    assert as_option.objective == pytest.approx(as_offer.objective, rel=1e-9, abs=1e-6)


def test_what_is_held_already_is_ordered_without_a_premium(make):
    plan = solved(make(offers=offers(option_held_kg=7.0), **BOTH, demand=[0.0, 4.0, 6.0]))
    told = option(plan)
    assert (told["held_kg"], told["quantity_kg"], told["taken_kg"]) == (7.0, pytest.approx(3.0), pytest.approx(10.0))
    assert plan.objective == pytest.approx(10.0 * STRIKE + 3.0 * PREMIUM)
    assert told["worth_per_kg"] == pytest.approx(PREMIUM)


def test_without_a_premium_no_more_can_be_had_than_is_held(make):
    plan = solved(make(offers=offers(option_premium=None, option_held_kg=7.0), **BOTH, demand=[0.0, 4.0, 6.0]))
    told = option(plan)
    assert (told["quantity_kg"], told["taken_kg"], told["premium_per_kg"]) == (0.0, pytest.approx(7.0), None)
    assert plan.objective == pytest.approx(7.0 * STRIKE + 3.0 * SPOT)
    # One more kg under it would take the place of one at spot.
    assert told["worth_per_kg"] == pytest.approx(SPOT - STRIKE)
    worth = plan.values.filter(pl.col("code") == "option")
    assert worth.select("subject", "value_per_kg").row(0) == ("right", pytest.approx(SPOT - STRIKE))


def test_an_option_too_dear_is_not_bought_and_says_at_which_premium_it_would_be(make):
    plan = solved(make(offers=offers(option_premium=200.0), **BOTH))
    told = option(plan)
    assert (told["quantity_mg"], told["taken_mg"]) == (0, 0)
    assert told["worth_per_kg"] <= 200.0
    cheap = solved(make(offers=offers(option_premium=SPOT - STRIKE - 1.0), **BOTH))
    assert option(cheap)["taken_kg"] == pytest.approx(30.0)


@FEW
@given(
    chances=st.lists(st.integers(1, 9), min_size=3, max_size=6),
    wants=st.lists(st.integers(0, 12), min_size=6, max_size=6, unique=True),
    premium=st.integers(5, 150).map(float),
)
def test_so_much_is_bought_as_a_newsvendor_would(make, chances, wants, premium):
    """Of uncertain demand, rights are bought until the chance to use one more, times what it then saves, is its premium.

    Source: Arrow, Harris & Marschak (1951), Optimal inventory policy, Econometrica 19, 250-272, for the critical ratio.
    """
    levels = np.array(sorted(wants[: len(chances)]), dtype=np.float64)
    weights = np.array(chances) / sum(chances)
    network = make(offers=offers(option_premium=premium), **BOTH, demand=[0.0, 0.0, 5.0])
    futures = [
        Future(
            name=f"{level:g} kg", probability=float(weight),
            edits=(Edit(table="demand", where={"period": "2026-03"}, column="quantity_kg", value=float(level)),),
        )
        for level, weight in zip(levels, weights, strict=True)
    ]  # fmt: skip

    def expected(bought: float) -> float:
        spot = np.maximum(levels - bought, 0.0)
        return premium * bought + float(weights @ (STRIKE * np.minimum(levels, bought) + SPOT * spot))

    found = weigh(network, futures)
    assert isinstance(found, Weighed)
    right = found.orders.filter(pl.col("block") == "right").row(0, named=True)
    assert (right["entity"], right["period"]) == ("right", "2026-01")
    best = min(expected(each) for each in (0.0, *levels))
    assert found.expected == pytest.approx(best, rel=1e-7, abs=1e-5)
    assert expected(right["quantity_kg"]) == pytest.approx(best, rel=1e-7, abs=1e-5)


def test_a_right_that_is_bought_stays_bought_when_the_supplier_stops(make):
    """The premium is gone whatever happens; only what is ordered is not delivered and not paid."""
    stop = Edit(
        table="events",
        how="add",
        value={"event": "site_stop", "target": "right", "from_period": None, "to_period": None, "size": 1.0},
    )
    futures = [Future(name="as planned", probability=0.9), Future(name="stop", probability=0.1, edits=(stop,))]
    found = weigh(make(offers=offers(), **BOTH, demand=[0.0, 0.0, 10.0]), futures)
    assert isinstance(found, Weighed)
    costs = dict(found.futures.select("name", "cost").iter_rows())
    assert costs["as planned"] == pytest.approx(10.0 * (STRIKE + PREMIUM))
    assert costs["stop"] == pytest.approx(10.0 * (SPOT + PREMIUM))


def test_rolling_keeps_the_right_that_was_bought_at_the_start(make):
    network = make(offers=offers(), **BOTH, demand=[0.0, 4.0, 6.0])
    seen = pl.DataFrame([("fab", "ir", name, kg) for name, kg in zip(network.planned.names, [0.0, 4.0, 11.0], strict=True)],
                        schema=["site", "material", "period", "quantity_kg"], orient="row")  # fmt: skip
    rolled = roll(network, observed=seen, steps=3)
    assert option(rolled.plan)["quantity_kg"] == pytest.approx(10.0)
    assert rolled.cost == pytest.approx(10.0 * (STRIKE + PREMIUM) + 5.0 * 300.0)  # March is short: it was seen too late
    assert rolled.hindsight == pytest.approx(15.0 * (STRIKE + PREMIUM))


def test_the_premium_counts_in_the_budget_and_is_paid_first(make):
    network = make(offers=offers(), **BOTH, demand=[0.0, 4.0, 6.0], settings={"budget": 1000.0})
    plan = solved(network)
    paid = float(plan.costs.filter(~pl.col("component").is_in(["shortage"]))["amount"].sum())
    assert paid <= 1000.0 + 1e-6
    assert option(plan)["quantity_kg"] == pytest.approx(1000.0 / (STRIKE + PREMIUM))
    assert headline(plan, at=date(2026, 1, 1))["cash_30"] >= option(plan)["amount"] - 1e-6


def test_buying_the_right_is_the_first_thing_to_do(make):
    network = make(offers=offers(valid_to=date(2026, 3, 20)), **BOTH, demand=[0.0, 4.0, 6.0])
    session = Session(network)
    plan = session.plan()
    assert isinstance(plan, Plan)
    first = actions(session, plan, at=date(2026, 1, 1)).row(0, named=True)
    assert (first["action"], first["subject"], first["reason"]) == ("option", "right", "right")
    assert (first["contained_kg"], first["cash"]) == (pytest.approx(10.0), pytest.approx(400.0))
    assert first["act_by"] <= plan.orders["act_by"].min()
    assert first["price_ceiling"] == pytest.approx(SPOT - STRIKE)


def test_a_premium_is_asked_by_what_if_from_a_warm_start(make):
    network = make(offers=offers(), **BOTH, demand=[0.0, 4.0, 6.0])
    session = Session(network)
    for value in (10.0, 159.0, 161.0):
        edit = Edit(table="offers", where={"offer": "right"}, column="option_premium", value=value)
        warm, cold = session.whatif([edit]), solve(network.edited([edit]))
        assert warm.objective == pytest.approx(cold.objective, rel=1e-9)
        assert option(warm)["taken_kg"] == pytest.approx(10.0 if value < SPOT - STRIKE else 0.0)


def test_a_premium_or_a_right_below_nothing_is_refused(make):
    for column in ("option_premium", "option_held_kg"):
        with pytest.raises(BadInput) as refused:
            make(offers=[{"offer": "right", column: -1.0}])
        assert refused.value.code == "case.negative"


def test_without_options_the_programme_is_the_same_to_the_last_bit(make):
    plain = solved(make(offers=[{"offer": "near"}]))
    blank = solved(make(offers=[{"offer": "near", "option_premium": None, "option_held_kg": None}]))
    assert plain.model.digest == blank.model.digest
    assert plain.options.is_empty()


@pytest.mark.parametrize(("valid_to", "until"), [(None, "2026-03"), (date(2026, 4, 30), "2026-04")])
def test_without_an_end_an_option_ends_with_the_plan(make, valid_to, until):
    """Metal of the guard behind the horizon is not ordered under a right that nobody said would last so long."""
    held = {"storage_cost": 3650.0}  # a kilogram held for a month costs 300: nobody buys April's metal in March
    network = make(
        offers=[*offers(valid_to=valid_to)[:1], {"offer": "spot", "lead_days": 40.0}], **BOTH, stock_rules=[held]
    )
    assert "2026-04" in network.horizon.names
    orders = solved(network).orders.filter(pl.col("offer") == "right")
    assert orders["order_period"].max() == until


def test_a_right_that_costs_nothing_is_bought_for_what_is_ordered_under_it(make):
    plan = solved(make(offers=offers(option_premium=0.0), **BOTH, demand=[0.0, 4.0, 6.0]))
    assert option(plan)["quantity_mg"] == option(plan)["taken_mg"] == 10_000_000
