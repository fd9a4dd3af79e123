"""Metal for a build-out, and how build-outs of the past held."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.base.errors import BadInput
from oreloop.base.texts import render
from oreloop.forecast import from_schedule
from oreloop.forecast.track import backtest_schedule

SCHEDULE = pl.DataFrame(
    {
        "site": ["north", "north", "south", "north"],
        "product": ["stack", "stack", "stack", "coil"],
        "period": ["2026-01", "2026-02", "2026-01", "2026-01"],
        "units": [10.0, 20.0, 5.0, 2.0],
    }
)
USES = pl.DataFrame(
    {
        "product": ["stack", "stack", "coil"],
        "material": ["ir", "pt", "ir"],
        "kg_per_unit": [0.5, 1.0, 3.0],
        "process_yield": [0.8, None, 0.75],
    }
)
PERIODS = ("2026-01", "2026-02")
RANGED = USES.with_columns(kg_per_unit_low=pl.Series([0.25, None, 3.0]), kg_per_unit_high=pl.Series([1.0, None, 3.0]))


def code_of(schedule, uses, periods=PERIODS):
    with pytest.raises(BadInput) as refused:
        from_schedule(schedule, uses, periods)
    assert str(refused.value)
    return refused.value.code


def test_products_add_up_by_site_and_material():
    made = from_schedule(SCHEDULE, USES, PERIODS)
    assert made.keys.rows() == [("north", "ir"), ("north", "pt"), ("south", "ir"), ("south", "pt")]
    assert made.mean["quantity_kg"].to_list() == [14.25, 12.5, 10.0, 20.0, 3.125, 0.0, 5.0, 0.0]
    assert made.mean.columns == ["site", "material", "period", "quantity_kg"]


def test_single_values_have_no_width():
    made = from_schedule(SCHEDULE, USES, PERIODS)
    by_key = made.quantiles.group_by("site", "material", "period").agg(pl.col("quantity_kg").n_unique())
    assert by_key["quantity_kg"].to_list() == [1] * 8
    assert made.total.filter(pl.col("level") == 0.5)["quantity_kg"].to_list() == [26.75, 30.0, 3.125, 5.0]


def test_a_range_is_a_triangle_about_its_value():
    made = from_schedule(SCHEDULE, RANGED, PERIODS, levels=(0.1, 0.5, 0.9), samples=20_000)
    south = made.quantiles.filter(pl.col("site") == "south", pl.col("material") == "ir", pl.col("period") == "2026-01")
    low, mode, high = 0.25, 0.5, 1.0
    tenth = low + np.sqrt(0.1 * (high - low) * (mode - low))
    ninetieth = high - np.sqrt(0.1 * (high - low) * (high - mode))
    scale = 5 / 0.8
    found = south["quantity_kg"].to_list()
    assert found[0] == pytest.approx(tenth * scale, rel=0.02)
    assert found[2] == pytest.approx(ninetieth * scale, rel=0.02)
    mean = made.mean.filter(pl.col("site") == "south", pl.col("material") == "ir")["quantity_kg"][0]
    assert mean == pytest.approx((low + mode + high) / 3 * scale)


@given(st.lists(st.floats(0.1, 1.0), min_size=3, max_size=3).map(sorted))
def test_the_mean_is_the_mean_of_the_paths(ends):
    uses = USES.with_columns(
        process_yield=pl.lit(ends[1]), process_yield_low=pl.lit(ends[0]), process_yield_high=pl.lit(ends[2])
    )
    made = from_schedule(SCHEDULE, uses, PERIODS, samples=4000)
    paths = made.paths(4000).mean(axis=1).ravel()
    assert paths == pytest.approx(made.mean["quantity_kg"].to_numpy(), rel=0.03)


def test_one_design_is_uncertain_alike_everywhere():
    paths = from_schedule(SCHEDULE, RANGED, PERIODS).paths(500)
    assert paths.shape == (4, 500, 2)
    ratio = paths[2, :, 0] / (paths[0, :, 1])
    assert ratio == pytest.approx(5 / 20)


def test_draws_of_a_use_do_not_depend_on_other_uses():
    ours = from_schedule(SCHEDULE, RANGED, PERIODS)
    fewer = from_schedule(SCHEDULE.filter(pl.col("product") == "stack"), RANGED.head(1), PERIODS)
    south = pl.col("site") == "south", pl.col("material") == "ir"
    assert fewer.quantiles.filter(*south).equals(ours.quantiles.filter(*south))
    shuffled = from_schedule(SCHEDULE.reverse(), RANGED.reverse().to_pandas(), PERIODS)
    assert shuffled.quantiles.equals(ours.quantiles)


def test_periods_outside_the_horizon_are_left_out():
    made = from_schedule(SCHEDULE, USES, ("2026-02", "2026-03"))
    assert made.mean.filter(pl.col("quantity_kg") > 0).rows() == [
        ("north", "ir", "2026-02", 12.5),
        ("north", "pt", "2026-02", 20.0),
    ]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"kg_per_unit": pl.lit(-1.0)}, "forecast.amount"),
        ({"kg_per_unit": pl.lit(None, dtype=pl.Float64)}, "forecast.amount"),
        ({"process_yield": pl.lit(1.12)}, "forecast.yield"),
        ({"process_yield": pl.lit(0.0)}, "forecast.yield"),
        ({"process_yield": pl.lit("80 %")}, "forecast.column_type"),
        ({"kg_per_unit_low": pl.lit(-1.0)}, "forecast.amount"),
        ({"process_yield_high": pl.lit(float("nan"))}, "forecast.yield"),
        ({"kg_per_unit_low": pl.lit(9.0)}, "forecast.range_order"),
        ({"product": pl.lit("stack")}, "forecast.no_use"),
        ({"product": pl.lit("stack"), "material": pl.lit("ir")}, "forecast.twice"),
        ({"material": pl.lit(None, dtype=pl.String)}, "forecast.empty_cell"),
        ({"material": pl.lit(4)}, "forecast.column_type"),
    ],
)
def test_bad_uses_are_refused(change, code):
    uses = USES.with_columns(**change)
    assert code_of(SCHEDULE, uses.head(2) if code == "forecast.no_use" and "product" in change else uses) in (
        code,
        "forecast.twice" if code == "forecast.no_use" else code,
    )


def test_products_without_uses_bad_units_and_periods_are_refused():
    assert code_of(SCHEDULE, USES.head(2)) == "forecast.no_use"
    assert code_of(SCHEDULE.with_columns(units=-pl.col("units")), USES) == "forecast.amount"
    assert code_of(SCHEDULE.drop("units"), USES) == "forecast.no_column"
    assert code_of(SCHEDULE, USES, ()) == "forecast.periods"
    assert code_of(SCHEDULE, USES, ("2026-01", "2026-01")) == "forecast.periods"
    assert code_of(SCHEDULE, USES, ("soon",)) == "base.not_a_period"
    assert code_of("schedule", USES) == "forecast.not_a_frame"


def test_no_schedule_needs_no_metal():
    assert from_schedule(SCHEDULE.clear(), USES, PERIODS).quantiles.is_empty()


text = st.one_of(st.none(), st.sampled_from(["a", "b", "2026-01", "2026-02"]))
amount = st.one_of(st.none(), st.floats(), st.floats(0, 1))


@given(
    st.lists(st.tuples(text, text, text, amount), max_size=5),
    st.lists(st.tuples(text, text, *[amount] * 4), max_size=4),
)
def test_any_schedule_is_used_or_refused(build, metal):
    columns = ["product", "material", "kg_per_unit", "process_yield", "process_yield_low", "kg_per_unit_high"]
    schedule = pl.DataFrame(
        build, {**dict.fromkeys(SCHEDULE.columns[:3], pl.String), "units": pl.Float64}, orient="row"
    )
    kinds = [pl.String] * 2 + [pl.Float64] * 4
    uses = pl.DataFrame(metal, dict(zip(columns, kinds, strict=True)), orient="row")
    try:
        assert from_schedule(schedule, uses, PERIODS, samples=100).mean["quantity_kg"].is_finite().all()
    except BadInput as refused:
        assert str(refused)  # noqa: PT017


PAST = pl.DataFrame(
    {
        "published": [date(2024, 12, 1), date(2024, 12, 1), date(2025, 1, 15), date(2025, 1, 15)],
        "site": ["north"] * 4,
        "product": ["stack"] * 4,
        "period": ["2025-01", "2025-02", "2025-01", "2025-03"],
        "units": [10.0, 10.0, 50.0, 20.0],
    }
)
USED = pl.DataFrame(
    {
        "site": ["north"] * 3,
        "material": ["ir"] * 3,
        "period": ["2025-01", "2025-02", "2025-03"],
        "quantity_kg": [5.0, 5.0, 12.5],
    }
)


def test_past_schedules_are_held_against_what_was_used():
    record = backtest_schedule(PAST, USES, USED)
    assert record.table.select("published", "lead", "expected_kg", "used_kg", "share").rows() == [
        (date(2024, 12, 1), 31, 12.5, 10.0, 0.8),
        (date(2025, 1, 15), 45, 12.5, 12.5, 1.0),
    ]
    assert record.bias == pytest.approx(-0.1)
    assert record.spread == pytest.approx(0.1)
    assert record.on_time == 0.5


def test_a_schedule_says_nothing_of_periods_that_had_begun():
    begun = PAST.filter(pl.col("published") == date(2025, 1, 15)).head(1)
    with pytest.raises(BadInput) as refused:
        backtest_schedule(begun, USES, USED)
    assert refused.value.code == "forecast.no_past"
    with pytest.raises(BadInput):
        backtest_schedule(PAST, USES, USED.with_columns(site=pl.lit("elsewhere")))


def test_a_record_of_slippage_moves_the_mean_and_widens_the_bands():
    plain = from_schedule(SCHEDULE, USES, PERIODS)
    slipped = from_schedule(SCHEDULE, USES, PERIODS, past_shares=backtest_schedule(PAST, USES, USED).shares)
    assert slipped.mean["quantity_kg"].to_numpy() == pytest.approx(plain.mean["quantity_kg"].to_numpy() * 0.9)
    paths = slipped.paths(2000)
    assert set(np.round(paths[0, :, 0] / plain.paths(1)[0, 0, 0], 9)) == {0.8, 1.0}
    # what is late at a site is late for every material
    assert paths[0, :, 0] / paths[0, 0, 0] == pytest.approx(paths[1, :, 0] / paths[1, 0, 0])
    assert from_schedule(SCHEDULE, USES, PERIODS, past_shares=[1.0]).quantiles.equals(plain.quantiles)


@pytest.mark.parametrize("shares", [[], [-0.1], [float("nan")], [[1.0]]])
def test_shares_that_are_none_are_refused(shares):
    with pytest.raises(BadInput) as refused:
        from_schedule(SCHEDULE, USES, PERIODS, past_shares=shares)
    assert refused.value.code == "forecast.past_shares"
    assert render(refused.value.problems[0], "zh")


@pytest.mark.parametrize(
    ("past", "used", "code"),
    [
        (PAST.drop("published"), USED, "forecast.no_column"),
        (PAST, USED.drop("quantity_kg"), "forecast.no_column"),
        (PAST.with_columns(published=pl.lit("today")), USED, "forecast.column_type"),
        (PAST, USED.with_columns(quantity_kg=pl.lit("some")), "forecast.column_type"),
        (PAST.with_columns(published=pl.lit(None, dtype=pl.Date)), USED, "forecast.empty_cell"),
        (PAST, USED.with_columns(quantity_kg=-pl.col("quantity_kg")), "forecast.amount"),
        (PAST, pl.concat([USED, USED]), "forecast.twice"),
        (PAST.with_columns(period=pl.lit("soon")), USED, "base.not_a_period"),
        (PAST.with_columns(product=pl.lit("unknown")), USED, "forecast.no_use"),
    ],
)
def test_bad_records_are_refused(past, used, code):
    with pytest.raises(BadInput) as refused:
        backtest_schedule(past, USES, used)
    assert refused.value.code == code
    assert str(refused.value)
