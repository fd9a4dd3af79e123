"""Edits of a day or a week where a month is stated: what the planner sees in a period of the plan is what is changed."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oreloop.base.errors import BadInput
from oreloop.base.period import Horizon, Period
from oreloop.plan import Edit, Network, Session, solve
from oreloop.plan.formulate import formulate
from oreloop.plan.stochastic import demand_futures
from oreloop.plan.tables.buckets import held, spread
from oreloop.plan.tables.divided import divided

MIXED = Horizon.of(Period.parse("2026-01"), 4).refined(days=2, weeks=6)
"""Four days to Sunday, W02 to W07, the rest of February, March and April."""
FINER = [each.name for each in MIXED.periods if each.kind != "month"]


def demand(*rows):
    return pl.DataFrame(
        rows, schema={"site": pl.String, "material": pl.String, "period": pl.String, "quantity_kg": pl.Float64}, orient="row"
    )  # fmt: skip


def prices(*rows):
    return pl.DataFrame(
        rows, schema={"offer": pl.String, "period": pl.String, "price_per_kg": pl.Float64}, orient="row"
    )


def wanted(network: Network) -> dict[str, float]:
    """What the plan is to serve; beyond it follows the mean of what is planned."""
    return dict(zip(network.planned.names, network.demand_kg[0].tolist(), strict=False))


@pytest.fixture(scope="module")
def mixed(make):
    months = make(
        periods=4,
        demand=[31.0, 28.0, 31.0, 30.0],
        offers=[{"offer": "a", "lead_days": 3}, {"offer": "b"}],
        prices={"a": 100.0, "b": 150.0},
    )
    tables = dict(months.tables)
    paths = {name: tables.pop(name) for name in ("demand", "offer_prices", "metal_prices")}
    return Network.from_frames(tables, horizon=MIXED, settings=months.settings, **paths)


def on(table="demand", how="set", value=None, column="quantity_kg", **where):
    return Edit(table=table, where=where, column=column, value=value, how=how)


def test_the_demand_of_a_week_is_what_is_set_and_all_else_stays(mixed):
    before, after = wanted(mixed), wanted(mixed.edited([on(period="2026-W03", value=5.0)]))
    assert after["2026-W03"] == 5.0
    assert {name: kg for name, kg in after.items() if name != "2026-W03"} == pytest.approx(
        {name: kg for name, kg in before.items() if name != "2026-W03"}
    )


def test_a_week_that_lies_in_two_months_is_one_amount(mixed):
    after = wanted(mixed.edited([on(period="2026-W05", value=9.0)]))  # 26 January to 1 February
    assert after["2026-W05"] == 9.0
    assert sum(after.values()) == pytest.approx(120.0 - 7.0 + 9.0)


def test_the_order_of_a_week_beside_a_month_is_part_of_what_is_set(mixed):
    more = mixed.edited([Edit(table="demand", how="add", value={
        "site": "fab", "material": "ir", "period": "2026-W03", "quantity_kg": 2.0})])  # fmt: skip
    assert wanted(more)["2026-W03"] == pytest.approx(9.0)
    assert wanted(more.edited([on(period="2026-W03", value=4.0)]))["2026-W03"] == 4.0
    assert wanted(more.edited([on(period="2026-W03", value=2.0, how="scale")]))["2026-W03"] == pytest.approx(18.0)
    assert wanted(more.edited([on(period="2026-W02", value=4.0)]))["2026-W03"] == pytest.approx(9.0)


def test_several_periods_and_one_after_the_other(mixed):
    once = wanted(mixed.edited([on(period=("2026-W03", "2026-03"), value=1.0)]))
    assert (once["2026-W03"], once["2026-03"]) == (1.0, 1.0)
    twice = mixed.edited([on(period="2026-01", value=62.0), on(period="2026-W03", value=2.0, how="scale")])
    assert wanted(twice)["2026-W03"] == pytest.approx(28.0)
    assert wanted(twice)["2026-W02"] == pytest.approx(14.0)
    assert wanted(mixed.edited([on(period="2026-W03", how="drop")]))["2026-W03"] == 0.0


def test_what_is_divided_is_a_month_no_more(mixed):
    with pytest.raises(BadInput) as refused:
        mixed.edited([on(period="2026-W03", value=5.0), on(period="2026-01", value=5.0)])
    assert refused.value.code == "plan.edit_nothing"


def test_a_price_of_a_week_holds_in_that_week_alone(mixed):
    edit = on("offer_prices", column="price_per_kg", offer="a", period="2026-W03", value=40.0)
    before, after = (net.activities["buy"].costs["purchase"] for net in (mixed, mixed.edited([edit])))
    at = MIXED.names.index("2026-W03")
    assert after[0, at] == 40.0
    assert np.delete(after[0], at) == pytest.approx(np.delete(before[0], at))
    assert (after[1] == before[1]).all()
    assert (
        solve(mixed.edited([edit])).orders.filter(pl.col("offer") == "a")["order_period"].to_list()[0] == "2026-01-01"
    )


def test_the_last_price_of_a_plan_is_no_price_of_what_comes_after(make):
    days = Horizon.of(Period.parse("2026-01"), 1).refined(days=31)
    frame = divided("offer_prices", prices(("a", "2026-01", 7.0)), {"period": "2026-01-31"}, days)
    assert frame.height == 32
    assert frame["period"].to_list()[-2:] == ["2026-01-31", "2026-02"]


def test_of_prices_that_begin_on_one_day_the_one_that_held_is_divided():
    weeks = Horizon.of(Period.parse("2027-02"), 2).refined(weeks=4)  # 1 February 2027 is a Monday
    frame = prices(("a", "2027-02", 9.0), ("a", "2027-W05", 3.0), ("b", "2027-02", 1.0))
    assert held([("2027-02", 9.0), ("2027-W05", 3.0)], weeks)[0] == 9.0
    found = divided("offer_prices", frame, {"offer": "a", "period": "2027-W05"}, weeks)
    mine = found.filter(pl.col("offer") == "a")
    assert dict(mine.select("period", "price_per_kg").iter_rows()) == dict.fromkeys([*weeks.names, "2027-04"], 9.0)
    assert found.filter(pl.col("offer") == "b").height == 1


@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.sampled_from(["x", "y"]), st.sampled_from(["2026-01", "2026-02", "2026-W05", "2026-01-06",
             "2026-03", "2026-05", "2026-W18"]), st.integers(0, 50).map(float)), min_size=1, max_size=8),
    st.lists(st.sampled_from(FINER), min_size=1, max_size=3, unique=True), st.sampled_from([{}, {"site": "x"}]),
)  # fmt: skip
def test_dividing_changes_no_amount_in_any_period(rows, names, where):
    """And then each series with anything in a period has exactly one row of it."""

    def amounts(frame):
        rows = [("xy".index(site), name, kg) for site, _, name, kg in frame.iter_rows()]
        return spread(rows, MIXED, 2)[0]

    frame = demand(*((site, "ir", name, kg) for site, name, kg in rows))
    after = divided("demand", frame, {"period": tuple(names), **where}, MIXED)
    assert amounts(after) == pytest.approx(amounts(frame))
    assert after["quantity_kg"].sum() == pytest.approx(frame["quantity_kg"].sum())
    assert divided("demand", after, {"period": tuple(names), **where}, MIXED).equals(after)
    counts = after.filter(pl.col("period").is_in(names)).group_by("site", "period").len()
    assert counts.filter(pl.col("site").is_in([where.get("site", "x"), where.get("site", "y")]))["len"].max() in (
        1,
        None,
    )


@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.sampled_from(["2025-11", "2026-01", "2026-02", "2026-W05", "2026-01-06", "2026-04"]),
             st.integers(1, 50).map(float)), min_size=1, max_size=5, unique_by=lambda each: each[0]),
    st.lists(st.sampled_from(FINER), min_size=1, max_size=3, unique=True),
)  # fmt: skip
def test_dividing_changes_no_price_on_any_day(rows, names):
    after = divided("offer_prices", prices(*(("a", *row) for row in rows)), {"period": tuple(names)}, MIXED)
    told = list(after.select("period", "price_per_kg").iter_rows())
    longer = Horizon((*MIXED.periods, MIXED.next), MIXED.stated)
    assert held(told, longer).tolist() == held(rows, longer).tolist()
    assert set(names) <= set(after["period"])


@pytest.mark.parametrize(
    ("table", "where"),
    [("demand", {"period": "2026-03"}), ("demand", {"site": "x"}), ("demand", {"period": "2031-W01"}),
     ("demand", {"period": "2026-W03", "colour": "red"}), ("limits", {"period": "2026-W03"})],
)  # fmt: skip
def test_what_an_edit_does_not_speak_of_stays_as_it_is(table, where):
    frame = demand(("x", "ir", "2026-01", 31.0), ("x", "ir", "2026-03", 3.0))
    assert divided(table, frame, where, MIXED) is frame


def test_a_question_about_a_week_is_answered_like_the_network_of_it(mixed):
    edits = [on(period="2026-W04", value=20.0), on("offer_prices", column="price_per_kg", offer="b", period="2026-W04", value=9.0)]  # fmt: skip
    session = Session(mixed)
    session.plan()
    assert session.whatif(edits).objective == pytest.approx(solve(mixed.edited(edits)).objective)


def test_paths_of_demand_are_futures_of_a_plan_by_weeks_too(mixed):
    planned = len(mixed.planned)
    usual = mixed.demand_kg[:, :planned]
    same, more = demand_futures(mixed, np.stack([usual, 2 * usual]), [0.5, 0.5])
    assert mixed.edited(same.edits).demand_kg[:, :planned] == pytest.approx(usual)
    assert mixed.edited(more.edits).demand_kg[:, :planned] == pytest.approx(2 * usual)
    assert formulate(mixed.edited(same.edits)).model.shape == formulate(mixed).model.shape
