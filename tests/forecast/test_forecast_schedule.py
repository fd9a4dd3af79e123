"""Metal for a build-out, and prices."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.base.errors import BadInput
from oreloop.forecast import from_schedule, predict_price

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


def prices(values, name="ir"):
    months = [f"{2000 + n // 12}-{n % 12 + 1:02d}" for n in range(len(values))]
    return pl.DataFrame({"unique_id": name, "ds": months, "y": np.asarray(values, dtype=float)})


def walk(count=120, drift=0.0, spread=0.05, seed=1):
    return 100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(drift, spread, count)))


def test_price_bands_are_above_zero_ordered_and_widen():
    forecast = predict_price(prices(walk(spread=0.3)), 12)
    value = forecast.quantiles["value"].to_numpy().reshape(12, 7)
    assert value.min() > 0
    assert (np.diff(value, axis=1) >= 0).all()
    assert value[11, 6] / value[11, 0] > value[0, 6] / value[0, 0]
    assert forecast.paths(30).shape == (1, 30, 12)


def test_a_drift_within_its_noise_is_none_and_a_steady_one_is_kept():
    noise = np.tile([100.0, 104.0, 98.0, 101.0], 15)
    flat = predict_price(prices(noise), 3)
    assert flat.mean["mean"].to_list() == [noise[-1]] * 3
    rising = predict_price(prices(100 * 1.01 ** np.arange(60)), 2)
    assert rising.mean["mean"].to_list() == pytest.approx([100 * 1.01**60, 100 * 1.01**61])


def test_a_restless_market_has_wider_bands_than_a_calm_one():
    calm, wild = np.diff(np.log(walk(60, spread=0.02))), np.diff(np.log(walk(60, spread=0.1, seed=2)))
    now_wild = predict_price(prices(100 * np.exp(np.cumsum([*calm, *wild]))), 1, pool="series")
    now_calm = predict_price(prices(100 * np.exp(np.cumsum([*wild, *calm]))), 1, pool="series")
    widths = [np.log(each.quantiles["value"][6] / each.quantiles["value"][0]) for each in (now_wild, now_calm)]
    assert widths[0] > 1.5 * widths[1]


def test_prices_in_another_currency_and_beside_others_are_the_same_forecast():
    ours = predict_price(prices(walk()), 3, pool="series")
    beside = predict_price(
        pl.concat([prices(walk()), prices(walk(80, seed=4), "pt").with_columns(ds=prices(walk())["ds"][-80:])]),
        3,
        pool="series",
    )
    mine = beside.quantiles.filter(pl.col("unique_id") == "ir")
    assert mine.equals(ours.quantiles)
    cents = predict_price(prices(walk() * 100), 3, pool="series")
    assert cents.quantiles["value"].to_numpy() == pytest.approx(ours.quantiles["value"].to_numpy() * 100, rel=1e-6)


def test_a_price_that_never_moved_stays():
    forecast = predict_price(prices([4810.0] * 30), 2)
    assert set(forecast.quantiles["value"]) == {4810.0}


@pytest.mark.parametrize("bad", [0.0, -3.0])
def test_a_price_must_be_above_zero(bad):
    with pytest.raises(BadInput) as refused:
        predict_price(prices([5.0, 5.0, bad, 5.0, 5.0]), 2)
    assert refused.value.code == "forecast.not_positive"


@pytest.mark.oracle
def test_price_bands_hold_on_metals(shared):
    sheet = pl.read_csv(shared("data/forecast/worldbank_pink_sheet_monthly.csv"), infer_schema_length=None)
    metals = ["aluminum", "copper", "lead", "tin", "nickel", "zinc", "gold", "platinum", "silver"]
    long = sheet.unpivot(index="month", on=metals, variable_name="unique_id", value_name="y").rename({"month": "ds"})
    months = sheet["month"].sort().to_list()
    held = []
    for back in range(4, 124, 12):
        forecast = predict_price(
            long.filter(pl.col("ds").is_between(pl.lit("1990-01"), pl.lit(months[-back]))), 3, samples=300
        )
        actual = forecast.quantiles.join(long, on=["unique_id", "ds"])
        low, high = (actual.filter(pl.col("level") == level).sort("unique_id", "ds") for level in (0.1, 0.9))
        held.append(((low["value"] <= low["y"]) & (high["y"] <= high["value"])).mean())
    assert np.mean(held) == pytest.approx(0.8, abs=0.07)
