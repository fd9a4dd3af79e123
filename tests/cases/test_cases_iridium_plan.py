"""The tension of the case `iridium`: toll, lease and long order against each other, and what a stop costs."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from oreloop import case, plan
from oreloop.case.prices import market_prices, offer_prices
from oreloop.plan.worth import risks

FOLDER = Path(__file__).resolve().parents[2] / "cases" / "iridium"


@pytest.fixture(scope="module")
def session() -> plan.Session:
    files = {str(path.relative_to(FOLDER)): path.read_bytes() for path in sorted(FOLDER.rglob("*")) if path.is_file()}
    found = case.parse(files)
    use = found.tables["uses"].row(0, named=True)
    need = pl.col("units") * use["kg_per_unit"] / use["process_yield"]
    demand = found.tables["schedule"].select("site", pl.lit("ir-5n").alias("material"), "period", quantity_kg=need)
    network = plan.Network.from_frames(
        found.tables,
        horizon=found.horizon,
        demand=demand,
        offer_prices=offer_prices(found),
        metal_prices=market_prices(found),
        settings=plan.Settings(at=found.as_of.date(), carbon_price_per_t=found.plan.carbon_price_per_t),
    )
    return plan.Session(network)


@pytest.fixture(scope="module")
def base(session: plan.Session) -> plan.Plan:
    found = session.plan()
    assert isinstance(found, plan.Plan)
    return found


def test_the_plan_covers_most_of_the_year_from_many_sources(base: plan.Plan) -> None:
    """What is ordered late takes an order, a road, an acceptance: together too long for some months of the year."""
    assert 0 < base.summary["short_kg"] < 35
    assert base.summary["fill_rate"] > 0.94
    bought = base.orders.filter("planned").group_by("offer").agg(pl.col("quantity_kg").sum())
    assert {"a-long", "b-long", "cn-5n", "lease"} <= set(bought["offer"])
    assert {"toll-scrap", "toll-anode"} <= set(base.tolls["process"])
    assert base.summary["top_country_share"] < 0.65


def test_no_long_order_arrives_before_autumn(base: plan.Plan) -> None:
    assert base.orders.filter(pl.col("offer") == "a-long")["arrive_period"].min() == "2026-10"


def test_each_way_out_is_worth_something(session: plan.Session, base: plan.Plan) -> None:
    closed = {
        "lease": plan.Edit(table="offers", where={"offer": "lease"}, column="max_kg", value=0.0),
        "long order": plan.Edit(table="offers", where={"offer": "a-long"}, column="max_kg", value=0.0),
        "toll": plan.Edit(table="processes", where={"process": "toll-scrap"}, column="capacity_dry_kg", value=0.0),
    }
    for way, edit in closed.items():
        assert session.cost([edit]) > base.objective + 1e6, way


def test_a_supply_stop_of_three_months_leaves_metal_short(session: plan.Session, base: plan.Plan) -> None:
    stop = risks(session, base).filter(pl.col("risk") == "refiner-a-stop").row(0, named=True)
    assert 5 < stop["short_kg"] < 60
    assert stop["delta_cost"] > 1e7


def test_shorter_qualification_and_acceptance_never_cost_more(session: plan.Session, base: plan.Plan) -> None:
    sooner = plan.Edit(
        table="approvals", where={"process": "refine-90"}, column="earliest_from", value=date(2026, 4, 15)
    )
    quicker = plan.Edit(table="approvals", where={"material": "ir-5n"}, column="accept_days", value=3.0)
    assert session.cost([sooner]) <= base.objective + 1
    assert session.cost([quicker]) < base.objective - 1e5
