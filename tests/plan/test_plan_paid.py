"""What a plan pays for and counts: deposits, metal in forms without a price, limits that give way, cover at the end."""

from __future__ import annotations

import polars as pl
import pytest

from oreloop.plan import Plan, solve

FUNDED = {"settings": {"funding_rate_per_year": 0.1}}


def solved(network) -> Plan:
    plan = solve(network)
    assert isinstance(plan, Plan)
    return plan


def bought(plan: Plan) -> dict[str, float]:
    kg = plan.orders.filter("planned").group_by("offer").agg(pl.col("quantity_kg").sum())
    return dict(kg.iter_rows())


@pytest.mark.parametrize(("price", "cheaper"), [(1012.0, "later"), (1015.0, "deposit")])
def test_a_deposit_binds_money_from_the_order_to_the_hand_over(make, price, cheaper):
    """Half of 1,000 a kg for 100 days at 10 % a year costs 13.70 a kg."""
    offers = [{"offer": "deposit", "deposit_share": 0.5, "lead_days": 100.0}, {"offer": "later", "lead_days": 100.0}]
    demand = [0.0, 0.0, 0.0, 0.0, 10.0]
    network = make(
        offers=offers, prices={"deposit": 1000.0, "later": price}, periods=5, demand=demand,
        settings={"funding_rate_per_year": 0.1, "shortage_cost_per_kg": 9000.0},
    )  # fmt: skip
    plan = solved(network)
    assert set(bought(plan)) == {cheaper}
    component = plan.costs.filter(pl.col("component") == "holding")["amount"].sum()
    lent = 1000.0 * 0.5 * 0.1 * 100.0 / 365.0 if cheaper == "deposit" else 0.0
    held = float((plan.network.holding * plan.flows_mg.stock_mg / 1e6).sum())
    assert component - held == pytest.approx(lent * plan.orders["quantity_kg"].sum(), rel=1e-6)


def test_metal_in_a_form_without_a_price_is_worth_what_its_element_is_offered_for(make):
    """Crude is offered, the product it becomes is not: to hold the product binds the same money."""
    materials = [{"material": "ir"}, {"material": "crude", "content": 0.5}]
    network = make(
        materials=materials, offers=[{"offer": "crude", "site": "ref", "material": "crude"}], prices={"crude": 1000.0},
        processes=[{"process": "refine"}],
        recipes=[{"process": "refine", "material": "crude", "direction": "in", "main": True, "kg_per_kg": 1.0},
                 {"process": "refine", "material": "ir", "direction": "out", "direct_yield": 1.0}],
        lanes=[{"lane": "road", "from_site": "ref", "to_site": "fab"}], **FUNDED,
    )  # fmt: skip
    tables = {**network.tables, "metal_prices": network.tables["metal_prices"].clear()}
    bare = type(network).from_frames(
        {name: frame for name, frame in tables.items() if name not in ("demand", "offer_prices", "metal_prices")},
        horizon=network.planned, demand=tables["demand"], offer_prices=tables["offer_prices"],
        metal_prices=tables["metal_prices"], settings=network.settings,
    )  # fmt: skip
    product = [at for at, material in enumerate(bare.nodes["material"]) if material == "ir"]
    assert product
    for held in bare.holding[product]:
        assert held == pytest.approx(1000.0 * 0.1 * bare.calendar.days / 365.0)


def test_metal_that_costs_nothing_is_still_wanted(make):
    free = make(offers=[{"offer": "gift"}], prices={"gift": 0.0}, metal=0.0, settings={"shortage_cost_per_kg": None})
    plan = solved(free)
    assert plan.summary["short_kg"] == 0.0
    assert bought(plan)["gift"] == pytest.approx(30.0)


@pytest.mark.parametrize(
    ("period", "told_in"), [(None, "2026-03"), ("2026-01..2026-02", "2026-02"), ("2026-01", "2026-01")]
)
def test_a_soft_limit_that_gives_way_is_a_penalty_of_the_plan_where_it_ends(make, period, told_in):
    limit = {
        "limit": "soft",
        "metric": "purchase",
        "period": period,
        "value": 0.0,
        "kind": "soft",
        "penalty_per_unit": 3.0,
    }
    plan = solved(make(offers=[{"offer": "near"}], limits=[limit], stock_rules=[{"storage_cost": 3650.0}]))
    [row] = plan.costs.filter(pl.col("component") == "limit").rows(named=True)
    broken = -plan.limits.row(0, named=True)["slack"]
    assert (row["period"], row["amount"]) == (told_in, pytest.approx(3.0 * broken))
    assert plan.summary["penalty"] == pytest.approx(row["amount"])


def test_cover_at_the_end_lies_where_it_lay_or_where_it_is_used(make):
    """Metal that was bought at a mine and never shipped covers nothing."""
    network = make(
        offers=[{"offer": "ore", "site": "pit"}], stock=[{"quantity_kg": 15.0}], demand=10.0, periods=3,
        lanes=[{"lane": "ship", "from_site": "pit", "to_site": "fab", "cost_per_gross_kg": 20.0}],
        settings={"keep_cover": True},
    )  # fmt: skip
    plan = solved(network)
    last = plan.stocks.filter(pl.col("period") == network.horizon.names[-1])
    kept = dict(last.group_by("site").agg(pl.col("quantity_kg").sum()).iter_rows())
    assert kept["fab"] == pytest.approx(15.0)
    assert kept.get("pit", 0.0) == pytest.approx(0.0)
