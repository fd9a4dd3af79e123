"""The box of a program is no limit of the case: a price holds as far as plans that are solved again say, and no farther."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oreloop.plan import Builder, Edit, Plan, shadow_prices, solve
from oreloop.plan.highs import with_whole
from oreloop.plan.ranging import Side, price_ranges
from oreloop.plan.unboxed import unboxed

FEW = settings(max_examples=max(1, settings.default.max_examples // 3))
SHORTAGE = 300.0
MONTHS = ("2026-01", "2026-02", "2026-03")


def cost(network, edits):
    """What the plan of an edited network costs, from nothing; infinite where there is none."""
    found = solve(network.edited(edits))
    return found.objective if isinstance(found, Plan) else np.inf


def edit(plan, row, by):
    """Say in the tables that there is so much more of a right-hand side; None where no table says just that."""
    network = plan.network
    if row["code"] == "limit":
        return Edit(table="limits", where={"limit": row["subject"]}, column="value", value=limit(network) + by)
    if row["code"] == "offer_capacity" and len(network.planned.names) == 1:
        [most] = network.tables["offers"].filter(pl.col("offer") == row["subject"])["max_kg"]
        return Edit(table="offers", where={"offer": row["subject"]}, column="max_kg", value=max(most + by, 0.0))
    if row["code"] == "process_capacity" and len(network.planned.names) == 1:
        [dry] = network.tables["processes"]["capacity_dry_kg"]
        return Edit(table="processes", column="capacity_dry_kg", value=max(dry + 2 * by, 0.0))
    if row["code"] == "metal" and (row["site"], row["material"]) == ("fab", "ir") and row["value_per_kg"] < SHORTAGE:
        wanted = dict(network.tables["demand"].select("period", "quantity_kg").iter_rows())
        if by <= wanted[row["period"]]:
            kg = wanted[row["period"]] - by
            return Edit(table="demand", where={"period": row["period"]}, column="quantity_kg", value=kg)
    return None


def limit(network):
    return network.tables["limits"]["value"][0]


@st.composite
def cases(draw):
    """Two or three offers, a refiner with scrap, perhaps a limit; round numbers, and now and then a ceiling far away."""
    kg = st.sampled_from([None, 3.0, 8.0, 20.0, 5000.0])
    periods = draw(st.integers(1, 3))
    offers = [{"offer": name, "max_kg": draw(kg)} for name in ("a", "b", "c")[: draw(st.integers(1, 3))]]
    made = {
        "periods": periods,
        "demand": [draw(st.sampled_from([0.0, 4.0, 10.0, 15.0])) for _ in range(periods)],
        "offers": offers,
        "prices": {row["offer"]: draw(st.sampled_from([90.0, 100.0, 130.0])) for row in offers},
        "settings": {"keep_cover": False, "shortage_cost_per_kg": SHORTAGE},
    }
    if draw(st.booleans()):
        scrap = draw(st.sampled_from([0.0, 5.0, 40.0]))
        made |= {
            "stock": [{"material": "scrap", "site": "ref", "quantity_kg": scrap}],
            "processes": [{"process": "refine", "capacity_dry_kg": 14.0, "cost": 10.0, "toll": False}],
            "recipes": [
                {"process": "refine", "material": "scrap", "direction": "in", "main": True},
                {"process": "refine", "material": "ir", "direction": "out", "direct_yield": 0.8},
            ],
            "lanes": [{"lane": "back", "from_site": "ref", "to_site": "fab"}],
        }
    if draw(st.booleans()):
        sense, value = draw(st.sampled_from([("<=", 5.0), ("<=", 12.0), (">=", 3.0), (">=", 30.0)]))
        made["limits"] = [
            {"limit": "x", "metric": "purchase", "scope": "offer=a", "sense": sense, "value": value},
        ]
    return made


@FEW
@given(case=cases())
def test_a_price_holds_in_plans_solved_again_until_where_it_is_said_to_end(make, case):
    plan = solve(make(**case))
    if not isinstance(plan, Plan):
        return
    base, close = plan.objective, 1e-7 * max(1.0, abs(plan.objective))
    for row in shadow_prices(plan).iter_rows(named=True):
        # What eases a floor is a smaller number.
        more = -1.0 if row["code"] == "limit" and case["limits"][0]["sense"] == ">=" else 1.0
        for way, price, length in (
            (1, row["value_per_kg"], row["up_to_kg"]),
            (-1, row["lost_per_kg"], row["down_to_kg"]),
        ):
            if price is None or length == 0:
                continue  # no plan can do with less, or one kg less has another price
            for by in (0.99 * length,) if length is not None else (50.0, 700.0, 12000.0):
                if said := edit(plan, row, way * more * by):
                    assert cost(plan.network, [said]) == pytest.approx(base - way * price * by, rel=1e-7, abs=close), (
                        row
                    )
            if length is not None and (said := edit(plan, row, way * more * max(1.01 * length, length + 0.1))):
                by = max(1.01 * length, length + 0.1)
                nothing_left = row["code"] in ("offer_capacity", "process_capacity") and way < 0
                assert nothing_left or cost(plan.network, [said]) > base - way * price * by + close, row


def test_metal_that_anybody_may_buy_more_of_has_one_price_without_end(make):
    """Ten kg a month, six at 100 from one offer, the rest at 120: every kg more that is wanted costs 120."""
    offers = [{"offer": "a", "max_kg": 6.0}, {"offer": "b"}]
    plan = solve(make(offers=offers, prices={"a": 100.0, "b": 120.0}))
    found = shadow_prices(plan, codes=["metal"])
    assert found["value_per_kg"].to_list() == pytest.approx([120.0] * 3)
    assert found["down_to_kg"].to_list() == [None] * 3
    assert found["up_to_kg"].null_count() == 0
    for kg in (50.0, 500.0, 50_000.0):
        more = Edit(table="demand", where={"period": "2026-01"}, column="quantity_kg", value=10.0 + kg)
        assert cost(plan.network, [more]) == pytest.approx(plan.objective + 120.0 * kg, rel=1e-9)


@pytest.mark.parametrize("ceiling", [60.0, 5_000.0, 300_000.0])
def test_a_ceiling_beyond_the_box_is_an_end_all_the_same(make, ceiling):
    plan = solve(make(periods=1, offers=[{"offer": "a", "max_kg": ceiling}], prices={"a": 100.0}))
    [row] = shadow_prices(plan, codes=["metal"]).to_dicts()
    assert row["down_to_kg"] == pytest.approx(ceiling - 10.0)


def test_a_ceiling_that_many_flows_share_is_an_end_beyond_the_box_too(make):
    """The offer has no ceiling; the lane carries 7,000 kg a month, far more than anybody could want."""
    plan = solve(
        make(
            periods=1, offers=[{"offer": "a", "site": "ref"}], prices={"a": 100.0},
            lanes=[{"lane": "back", "from_site": "ref", "to_site": "fab", "capacity_gross_kg": 7000.0}],
        )
    )  # fmt: skip
    assert plan.network.box_kg < 100.0
    found = shadow_prices(plan, codes=["metal"])
    at_user = found.filter(pl.col("site") == "fab").row(0, named=True)
    assert at_user["down_to_kg"] == pytest.approx(7000.0 - 10.0)


@pytest.mark.parametrize("more", [{"fixed_charge": 5.0}, {"min_kg": 4.0}, {"min_kg": 4.0, "fixed_charge": 5.0}])
def test_what_an_order_comes_to_without_a_ceiling_is_no_end(make, more):
    """Charges and least orders are stated by what one order comes to; where nothing bounds it, that is the box again."""
    plan = solve(make(periods=1, offers=[{"offer": "a", **more}], prices={"a": 100.0}))
    assert plan.model.has_integers
    [row] = shadow_prices(plan, codes=["metal"]).to_dicts()
    assert (row["value_per_kg"], row["down_to_kg"]) == (pytest.approx(100.0), None)
    assert row["up_to_kg"] == pytest.approx(10.0 - more.get("min_kg", 0.0))


def test_an_agreement_without_a_ceiling_in_a_period_is_no_end(make):
    """At least half of 16 kg is taken or paid; the total is the only ceiling."""
    offers = [{"offer": "a", "total_kg": 16.0, "take_or_pay_share": 0.5}, {"offer": "b"}]
    plan = solve(make(periods=1, demand=[30.0], offers=offers, prices={"a": 100.0, "b": 120.0}))
    metal = shadow_prices(plan, codes=["metal"]).row(0, named=True)
    assert (metal["value_per_kg"], metal["up_to_kg"], metal["down_to_kg"]) == (
        pytest.approx(120.0), pytest.approx(14.0), None,
    )  # fmt: skip


def test_a_soft_limit_may_be_missed_by_any_amount(make):
    limit = {
        "limit": "x",
        "metric": "purchase",
        "scope": "offer=a",
        "value": 5.0,
        "kind": "soft",
        "penalty_per_unit": 7.0,
    }
    plan = solve(make(periods=1, offers=[{"offer": "a"}], prices={"a": 100.0}, limits=[limit]))
    found = {row["code"]: row for row in shadow_prices(plan).iter_rows(named=True)}
    assert (found["metal"]["value_per_kg"], found["metal"]["down_to_kg"]) == (pytest.approx(107.0), None)
    assert (found["limit"]["up_to_kg"], found["limit"]["down_to_kg"]) == (pytest.approx(5.0), None)


def test_only_the_box_is_taken_away(make):
    offers = [{"offer": "a", "max_kg": 6.0}, {"offer": "b", "fixed_charge": 5.0}, {"offer": "far", "max_kg": 1e5}]
    plan = solve(make(offers=offers, prices={"a": 100.0, "b": 120.0, "far": 140.0}))
    network, held = plan.network, with_whole(plan.model, plan.solution.primal)
    wide = unboxed(network, held, plan.solution.primal)
    assert held.upper.max() == network.box_kg
    assert wide.of_columns("buy", wide.upper).reshape(3, -1)[:, 0].tolist() == [6.0, np.inf, 1e5]
    assert np.isinf(wide.of_columns("stock", wide.upper)).all()
    real = (held.upper < network.box_kg).copy()
    real[held.column_blocks["slack"].slice] = False
    assert np.array_equal(wide.upper[real], held.upper[real])
    ordered = plan.model.of_columns("order", plan.solution.primal) > 0.5
    assert np.isinf(wide.of_rows("order_most", wide.row_upper)).tolist() == ordered[:3].tolist()
    full = plan.solution.primal.copy()
    full[held.upper == network.box_kg] = network.box_kg
    assert unboxed(network, held, full).upper.tolist()[: len(offers) * 3] == held.upper.tolist()[: len(offers) * 3]


def test_without_bounds_a_price_that_lasts_is_told_from_one_that_ends_far_away():
    """A need met at 2 each up to a million, then at 3 without end: the first price ends, the second does not."""
    lp = Builder()
    buy = lp.columns("buy", (2,), upper=[np.inf, np.inf], cost=[2.0, 3.0])
    need, source = lp.rows("need", (1,), lower=7.0), lp.rows("source", (1,), upper=1e5)
    lp.add(need, 0, buy, buy.all, 1.0)
    lp.add(source, 0, buy, 0, 1.0)
    model = lp.build()
    [found] = price_ranges(model, [Side(rows=(0,), more=-1.0)], box=20.0)
    assert (found.value, found.up, found.loss) == pytest.approx((2.0, 7.0, 2.0))
    assert found.down == pytest.approx(1e5 - 7.0)
    dear = lp.rows("dear", (1,), upper=0.0)
    lp.add(dear, 0, buy, 0, 1.0)
    [found] = price_ranges(lp.build(), [Side(rows=(0,), more=-1.0)], box=20.0)
    assert (found.loss, found.down) == (pytest.approx(3.0), np.inf)
