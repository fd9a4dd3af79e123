"""A price is a random walk until the past says otherwise."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.base.errors import BadInput
from oreloop.base.period import Horizon, Period
from oreloop.base.texts import render
from oreloop.forecast.price import backtest_price, predict_price
from oreloop.forecast.price.market import AVERAGED, admitted, observe

METALS = (
    "aluminum", "iron_ore_cfr_spot", "copper", "lead", "tin", "nickel", "zinc", "gold", "platinum", "silver",
)  # fmt: skip


def prices(values, name="ir"):
    months = Horizon.of(Period.parse("1990-01"), len(values)).names
    return pl.DataFrame({"unique_id": name, "ds": months, "y": np.asarray(values, dtype=float)})


def walk(count=120, drift=0.0, spread=0.05, seed=1):
    return 100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(drift, spread, count)))


def averaged(count=240, days=21, seed=3):
    """Monthly averages of a daily random walk."""
    return walk(count * days, spread=0.01, seed=seed).reshape(count, days).mean(axis=1)


def test_bands_are_above_zero_ordered_and_widen():
    forecast = predict_price(prices(walk(spread=0.3)), 12)
    value = forecast.quantiles["value"].to_numpy().reshape(12, 7)
    assert value.min() > 0
    assert (np.diff(value, axis=1) >= 0).all()
    assert value[11, 6] / value[11, 0] > value[0, 6] / value[0, 0]
    assert forecast.paths(30).shape == (1, 30, 12)


def test_a_drift_within_its_noise_is_none_and_a_steady_one_is_kept():
    noise = np.tile([100.0, 104.0, 98.0, 101.0], 15)
    flat = predict_price(prices(noise), 3).explain()
    assert flat["drift"].to_list() == [0.0]
    rising = predict_price(prices(100 * 1.01 ** np.arange(60)), 2)
    assert rising.mean["mean"].to_list() == pytest.approx([100 * 1.01**60, 100 * 1.01**61])


def test_a_restless_market_has_wider_bands_than_a_calm_one():
    calm, wild = np.diff(np.log(walk(60, spread=0.02))), np.diff(np.log(walk(60, spread=0.1, seed=2)))
    now_wild = predict_price(prices(100 * np.exp(np.cumsum([*calm, *wild]))), 1)
    now_calm = predict_price(prices(100 * np.exp(np.cumsum([*wild, *calm]))), 1)
    widths = [np.log(each.quantiles["value"][6] / each.quantiles["value"][0]) for each in (now_wild, now_calm)]
    assert widths[0] > 1.5 * widths[1]
    told = [each.explain() for each in (now_wild, now_calm)]
    assert told[0]["volatility"][0] > told[0]["long_run"][0] > told[1]["volatility"][0]


def test_prices_in_another_currency_and_beside_others_are_the_same_forecast():
    ours = predict_price(prices(walk()), 3)
    other = prices(walk(80, seed=4), "pt").with_columns(ds=prices(walk())["ds"][-80:])
    beside = predict_price(pl.concat([other, prices(walk())]), 3)
    assert beside.quantiles.filter(pl.col("unique_id") == "ir").equals(ours.quantiles)
    cents = predict_price(prices(walk() * 100), 3)
    assert cents.quantiles["value"].to_numpy() == pytest.approx(ours.quantiles["value"].to_numpy() * 100, rel=1e-6)


def test_one_class_of_prices_widens_alike():
    both = pl.concat([prices(walk()), prices(walk(seed=5), "pt")])
    own, shared = (predict_price(both, 3, pool=pool).quantiles for pool in ("series", "class"))
    assert not own.equals(shared)
    alone = predict_price(prices(walk()), 3, pool="class").quantiles
    assert alone.equals(predict_price(prices(walk()), 3).quantiles)


def test_a_price_that_never_moved_stays():
    forecast = predict_price(prices([4810.0] * 30), 2)
    assert set(forecast.quantiles["value"]) == {4810.0}


def test_four_prices_are_enough():
    assert predict_price(prices([5.0, 5.5, 5.2, 5.3]), 6).quantiles["value"].is_finite().all()


def test_half_of_the_paths_lie_on_each_side_of_the_centre():
    forecast = predict_price(prices(averaged()), 3, samples=101)
    centre = forecast.mean["mean"].to_numpy()
    paths = forecast.paths(100)[0]
    assert (paths[:, 0] > centre[0]).mean() == pytest.approx(0.5, abs=0.02)
    assert forecast.quantiles.filter(pl.col("level") == 0.5)["value"].to_numpy() == pytest.approx(centre, rel=0.01)
    assert forecast.explain()["centre"].to_list() == [centre[-1]]


def test_averages_of_a_random_walk_carry_on_and_are_admitted():
    logs = np.log(np.stack([averaged(600, seed=seed) for seed in range(30)]))
    shares = admitted(observe(logs, np.zeros(30, dtype=np.int64)), logs, 3)
    assert (shares[:, -1, 0] > 0).mean() > 0.6
    changes = np.diff(np.log(averaged(4000)))
    # Working's autocorrelation, and the weight that gives it
    assert np.corrcoef(changes[1:], changes[:-1])[0, 1] == pytest.approx(0.25, abs=0.04)
    assert pytest.approx(0.25) == AVERAGED / (1 + AVERAGED**2)


def test_on_a_random_walk_hardly_any_model_is_admitted():
    logs = np.log(np.stack([walk(300, seed=seed) for seed in range(60)]))
    shares = admitted(observe(logs, np.zeros(60, dtype=np.int64)), logs, 3)
    assert (shares[:, -1].sum(axis=1) > 0).mean() < 0.1
    assert not shares[:, :26].any()


@given(st.integers(30, 110), st.floats(0.2, 5.0))
def test_nothing_known_at_an_origin_comes_from_later(column, shock):
    logs = np.log(walk(120))[None]
    shocked = logs.copy()
    shocked[0, column + 1 :] += shock
    start = np.zeros(1, dtype=np.int64)
    ours, theirs = observe(logs, start), observe(shocked, start)
    for name in ("moves", "drift", "running", "long_run", "weights", "last"):
        assert np.array_equal(getattr(ours, name)[:, :column], getattr(theirs, name)[:, :column])
    seen, other = admitted(ours, logs, 3), admitted(theirs, shocked, 3)
    assert np.array_equal(seen[:, :column], other[:, :column])


def test_each_origin_of_a_backtest_is_the_forecast_of_the_history_cut_there():
    values = averaged(60)
    tested = backtest_price(prices(values), 3, origins=4, samples=200)
    for place, known in enumerate((54, 55, 56, 57)):
        cut = predict_price(prices(values[:known]), 3, samples=200).quantiles
        assert tested.quantiles()[0, place] == pytest.approx(cut["value"].to_numpy()[-7:])


def test_a_young_series_is_scored_from_its_first_origin():
    young = prices(walk(20), "pt").with_columns(ds=prices(walk(60))["ds"][-20:])
    tested = backtest_price(pl.concat([prices(walk(60)), young]), 3, samples=100)
    assert dict(tested.scores.select("unique_id", "origins").rows()) == {"ir": 54, "pt": 14}
    assert tested.coverage["band"].unique().sort().to_list() == [0.5, 0.8, 0.9]
    assert backtest_price(prices(walk(20)), 1, levels=(0.3,), samples=100).coverage.is_empty()


def test_a_history_without_an_origin_is_refused():
    with pytest.raises(BadInput) as refused:
        backtest_price(prices(walk(6)), 3)
    assert refused.value.code == "forecast.history_for_backtest"
    assert render(refused.value.problems[0], "zh")


@pytest.mark.parametrize("bad", [0.0, -3.0])
def test_a_price_must_be_above_zero(bad):
    with pytest.raises(BadInput) as refused:
        predict_price(prices([5.0, 5.0, bad, 5.0, 5.0]), 2)
    assert refused.value.code == "forecast.not_positive"


@pytest.mark.oracle
def test_ten_metals_beat_the_drifted_random_walk(shared):
    sheet = pl.read_csv(shared("data/forecast/worldbank_pink_sheet_monthly.csv"), infer_schema_length=None)
    long = sheet.unpivot(index="month", on=list(METALS), variable_name="unique_id", value_name="y")
    tested = backtest_price(
        long.rename({"month": "ds"}), 3, levels=(0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975)
    )
    ratios = tested.scores["ratio"]
    assert tested.scores["origins"].to_list() == [240] * 10
    assert ratios.mean() <= 0.99
    assert ratios.max() <= 1.01
    held = dict(tested.coverage.group_by("band").agg(pl.col("share").mean()).rows())
    assert held[0.8] == pytest.approx(0.8, abs=0.03)
    assert held[0.95] == pytest.approx(0.95, abs=0.03)
