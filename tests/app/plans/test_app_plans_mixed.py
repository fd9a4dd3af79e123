"""Questions, futures and sample paths of a plan that has days and weeks before its months."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from tools import small_case

from oreloop.app.plans.asked import ask
from oreloop.app.plans.edits import read_edits
from oreloop.app.plans.futures import weigh_futures
from oreloop.app.plans.given import Buckets
from oreloop.app.plans.opened import opened, read_network
from oreloop.app.plans.pages import page
from oreloop.app.plans.paths import read_paths
from oreloop.app.plans.solve import solve_plan
from oreloop.app.plans.verified import verify_plan
from oreloop.app.plans.weighed import Weighing
from oreloop.app.plans.written import write
from oreloop.base.errors import BadInput
from oreloop.base.period import Period, first_day
from oreloop.base.texts import LANGUAGES, render
from oreloop.plan import Edit, Plan, solve
from oreloop.plan.tables.buckets import held

PATHS = "path,site,material,period,quantity_kg\n"


@pytest.fixture(scope="module")
def mixed(tables):
    """January 2026 begins on a Thursday: four days, W02 to W06, the rest of February, months."""
    return read_network(tables, days=2, weeks=5)


@pytest.fixture(scope="module")
def written(tables, tmp_path_factory):
    made = solve_plan(tables, asked=Buckets(days=2, weeks=5))
    return write(made, tmp_path_factory.mktemp("mixed") / "plan", lambda: page(made, "en"), "en")


def kg(network, *names):
    return sum(network.demand_kg[0, network.planned.names.index(name)] for name in names)


# What-if questions.


def test_the_demand_of_a_week_is_set_where_months_are_stated(mixed):
    edits = read_edits(["demand[period=2026-W03].quantity_kg = 5"], mixed)
    assert edits == (Edit(table="demand", where={"period": "2026-W03"}, column="quantity_kg", value=5.0),)
    after = mixed.edited(edits)
    assert kg(after, "2026-W03") == 5.0
    assert kg(after, "2026-W02", "2026-W04") == pytest.approx(kg(mixed, "2026-W02", "2026-W04"))


def test_a_month_is_edited_before_a_week_of_it(mixed):
    after = mixed.edited(read_edits(
        ["demand[period=2026-01].quantity_kg = 31", "需求[期间=2026-W03|2026-01-02].数量_千克 = *2"], mixed))  # fmt: skip
    assert kg(after, "2026-W03", "2026-01-02", "2026-W02") == pytest.approx(14.0 + 2.0 + 7.0)


@pytest.mark.parametrize(
    ("edit", "named"),
    [
        ("demand[period=2026-W20].quantity_kg = 5", "2026-05"),
        ("demand[period=2026-W03|2026-W20].quantity_kg = 5", "2026-05"),
        ("demand[period=2026-01-14].quantity_kg = 5", "2026-W03"),
        ("demand[period=2026-W01].quantity_kg = 5", "2026-01-01, 2026-01-02, 2026-01-03, 2026-01-04"),
        ("offer_prices[offer=spot,period=2026-W20].price_per_kg = 5", "2026-05"),
    ],
)
def test_a_period_that_is_none_of_the_plan_is_refused_with_those_that_are(mixed, edit, named):
    with pytest.raises(BadInput) as refused:
        read_edits([edit], mixed)
    (found,) = refused.value.problems
    assert (found.code, found.fields["plan"]) == ("app.edit_period", named)


def test_a_month_that_was_divided_by_an_edit_names_its_weeks(mixed):
    with pytest.raises(BadInput) as refused:
        read_edits(["demand[period=2026-W03].quantity_kg = 5", "demand[period=2026-01].quantity_kg = 5"], mixed)
    assert refused.value.problems[0].fields["plan"].startswith("2026-01-01, 2026-01-02")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_week_in_a_plan_of_months_is_refused_with_its_month(tables, language):
    with pytest.raises(BadInput) as refused:
        read_edits(["demand[period=2026-W12].quantity_kg = 5"], read_network(tables))
    (found,) = refused.value.problems
    assert found.fields["plan"] == "2026-03"
    assert "--week-buckets" in render(found, language)


def test_periods_that_there_are_are_named_in_the_order_of_time(mixed):
    more = mixed.edited(read_edits(["demand[period=2026-W03].quantity_kg = 5"], mixed))
    with pytest.raises(BadInput) as refused:
        read_edits(["demand[period=2031-01].quantity_kg = 5"], more)
    (found,) = refused.value.problems
    assert found.code == "app.edit_no_row"
    names = found.fields["there"].split(", ")
    assert names == sorted(names, key=first_day)
    assert names[0] == "2026-01-01"


def test_prices_of_a_week_are_edited_as_those_of_a_month(mixed):
    edits = read_edits(["offer_prices[offer=spot,period=2026-W03].price_per_kg = 9e5"], mixed)
    before, after = (net.activities["buy"].costs["purchase"] for net in (mixed, mixed.edited(edits)))
    moved = np.argwhere(before != after)
    assert [mixed.horizon.names[at] for _, at in moved] == ["2026-W03"]


def test_an_index_of_a_week_moves_what_follows_it_in_that_week(followed):
    network = read_network(followed, weeks=5)
    edits = read_edits(["prices[material=Ir,period=2026-W03].price = *1.2"], network)
    after = network.edited(edits).tables
    for table, key, usual in (("offer_prices", "offer", 1_050_000), ("metal_prices", "material", 1_000_000)):
        rows = after[table].filter(pl.col(key).is_in(["indexed", "Ir"])).select("period", "price_per_kg")
        told = dict(zip(network.planned.names, held(rows.iter_rows(), network.planned).tolist(), strict=True))
        assert told["2026-W03"] == usual + 200_000  # the premium stays
        assert {told[name] for name in ("2026-01-01", "2026-W02", "2026-W04", "2026-03")} == {usual}


def test_what_changes_is_told_in_the_order_of_time(written):
    asked = ask(written, ["demand[period=2026-W03].quantity_kg = 8", "offers[offer=contract].max_kg = *0.5"])
    changed = asked.changed(asked.scenarios[0])
    assert changed.height > 2
    for offer in changed["offer"].unique():
        days = [Period.parse(name).first for name in changed.filter(offer=offer)["period"]]
        assert days == sorted(days)
    network = opened(written).network
    again = solve(network.edited(read_edits(asked.scenarios[0].edits, network)))
    assert isinstance(again, Plan)
    assert asked.scenarios[0].found.objective == pytest.approx(again.objective)


# Futures.


def test_a_table_of_futures_speaks_of_weeks_and_its_answer_is_verified(written, tmp_path):
    file = tmp_path / "futures.csv"
    file.write_text(
        "future,probability,edit\nas planned,0.6,\nmore,0.4,demand[period=2026-W03].quantity_kg = 30\n"
        'more,0.4,"offer_prices[offer=spot,period=2026-W04|2026-03].price_per_kg = *1.5"\n'
    )
    made = weigh_futures(written, file=file, periods=6)
    assert isinstance(made, Weighing)
    days = [first_day(name) for name in made.orders["period"]]
    assert days == sorted(days)
    out = write(made, tmp_path / "out", lambda: page(made, "en"), "en")
    assert verify_plan(out).outcome == "certified"


def test_the_sample_paths_of_a_forecast_by_months_reach_the_weeks_of_the_plan(tmp_path):
    for path, data in small_case.files().items():
        (tmp_path / "case" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "case" / path).write_bytes(data)
    toml = tmp_path / "case" / "case.toml"
    toml.write_text(toml.read_text().replace("periods = 6\n", "periods = 6\nweek_buckets = 3\n"))
    made = weigh_futures(tmp_path / "case", paths=2, periods=2)
    assert isinstance(made, Weighing)
    assert made.futures.height == 2
    given = opened(tmp_path / "case")
    months = np.stack(list(given.paths.values()), axis=1)
    totals = {edit.value for each in made.asked.futures for edit in each.edits if edit.where["period"] == "2026-W03"}
    assert {round(each, 9) for each in totals} <= {round(7 / 31 * each, 9) for each in months[:, :, 0].ravel()}


def test_a_path_may_name_a_month_or_a_week_of_it(mixed):
    rows = "a,plant,ir-4n,2026-01,62\na,plant,ir-4n,2026-01,31\na,plant,ir-4n,2026-05,2\nb,plant,ir-4n,2026-W03,3\n"
    first, second = read_paths((PATHS + rows).encode(), "paths.csv", mixed)
    planned = mixed.planned.names
    usual = mixed.demand_kg[0, : len(planned)]
    assert first[0, planned.index("2026-W03")] == pytest.approx(7.0)  # the last row of a month counts
    assert first[0, planned.index("2026-W05")] == pytest.approx(6.0 + usual[planned.index("2026-W05")] / 7, rel=0.2)
    assert first[0, planned.index("2026-05")] == 2.0
    assert second[0, planned.index("2026-W03")] == 3.0
    assert (
        np.delete(second[0], planned.index("2026-W03")).tolist() == np.delete(usual, planned.index("2026-W03")).tolist()
    )
    with pytest.raises(BadInput) as refused:
        read_paths((PATHS + "a,plant,ir-4n,2026-W20,5\n").encode(), "paths.csv", mixed)
    assert refused.value.code == "app.futures_paths_row"
