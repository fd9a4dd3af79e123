"""The mean of a forecast is the sum of its parts, and bands of sums are corrected by how sums missed before."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import polars as pl
import pytest

import oreloop.forecast as room
from oreloop.base.period import Horizon, Period
from oreloop.forecast import Drivers, Hierarchy, Panel, backtest, predict
from oreloop.forecast.drivers import generated
from oreloop.forecast.drivers.course import course
from oreloop.forecast.nested import Nested, nested
from oreloop.forecast.outlook import How

MONTHS = np.arange(72)
SEASON = 12.0 * np.sin(MONTHS / 6.0 * np.pi)
SERIES = {
    "flat": np.full(72, 40.0),
    "growing": 40.0 + MONTHS,
    "lumpy": np.tile([0.0, 0.0, 6.0, 0.0, 0.0, 0.0], 12),
    "seasonal": 60.0 + SEASON,
}


def panel(series):
    ids = tuple(sorted(series))
    return Panel.of(ids, Horizon.of(Period.parse("2020-01"), 72), np.array([series[name] for name in ids]))


def taken_apart(forecast, series):
    own = forecast.components().filter(unique_id=series)
    return {name[0]: part["value"].to_numpy() for name, part in own.group_by("component", maintain_order=True)}


def assert_adds_up(forecast):
    parts = forecast.components()
    assert parts.columns == ["unique_id", "ds", "component", "value"]
    sums = parts.group_by("unique_id", "ds").agg(pl.col("value").sum())
    both = forecast.mean.join(sums, on=["unique_id", "ds"], how="full", validate="1:1")
    assert both["value"].to_numpy() == pytest.approx(both["mean"].to_numpy(), rel=1e-12, abs=1e-9)


@pytest.fixture(scope="module")
def plain():
    return predict(panel(SERIES), 6, lead_time=8)


def test_the_parts_add_up_to_the_mean_of_every_period(plain):
    assert_adds_up(plain)
    assert plain.components()["ds"].n_unique() == 6


def test_each_part_is_where_it_belongs(plain):
    flat, growing, seasonal = (taken_apart(plain, name) for name in ("flat", "growing", "seasonal"))
    assert flat == {name: pytest.approx(np.full(6, value)) for name, value in
                    (("level", 40.0), ("trend", 0.0), ("season", 0.0))}  # fmt: skip
    assert growing["level"] == pytest.approx(np.full(6, 111.0), abs=3.0)
    assert (np.diff(growing["trend"]) > 0.0).all()
    assert np.corrcoef(seasonal["season"], SEASON[:6])[0, 1] > 0.95
    assert np.abs(seasonal["season"]).max() > 8.0 > np.abs(seasonal["trend"]).max()


def test_lumpy_demand_is_one_rate(plain):
    assert list(taken_apart(plain, "lumpy")) == ["rate"]


def test_without_a_season_nothing_is_seasonal():
    made = predict(panel({"seasonal": SERIES["seasonal"]}), 4, season=1, pool="series")
    assert_adds_up(made)
    assert (taken_apart(made, "seasonal")["season"] == 0.0).all()


def test_drivers_are_a_part_of_their_own():
    told = generated(3, series=1, periods=72, relevant=1, irrelevant=0)
    unmoved = told.history.with_columns(unique_id=pl.lit("unmoved"), y=pl.Series(np.tile([50.0, 60.0], 36)))
    made = predict(pl.concat([told.history, unmoved]), 3, drivers=Drivers.read(told.drivers), season=1)
    assert_adds_up(made)
    assert np.abs(taken_apart(made, "s0")["drivers"]).max() > 0.1
    assert taken_apart(made, "unmoved")["drivers"] == pytest.approx(np.zeros(3), abs=1e-9)


TREE = Hierarchy.of_columns(pl.DataFrame({"unique_id": ["a", "b"]}), ())


def noisy(periods):
    own = np.random.default_rng(5)
    values = 50.0 + own.normal(0.0, 4.0, (2, periods))
    return Panel.of(("a", "b"), Horizon.of(Period.parse("2020-01"), periods), values)


def test_what_adding_up_changes_is_a_part_of_its_own():
    made = predict(noisy(40), 2, season=1, hierarchy=TREE)
    assert_adds_up(made)
    assert "reconciliation" in taken_apart(made, "total")


def told(scores):
    """A total and its two series; only the scores of the total are given."""
    own = np.random.default_rng(6)
    drawn = own.normal(100.0, 10.0, (3, 2, 400))
    return Nested(
        base=None, mean=drawn.mean(axis=2), drawn=drawn, choice=None, groups=np.zeros(1, dtype=np.int64),
        period_scores=scores, sum_scores=scores, pool="class",
    )  # fmt: skip


def test_bands_of_a_sum_widen_as_far_as_sums_missed_and_those_of_its_series_stay():
    levels, steps = np.array([0.1, 0.5, 0.9]), np.full(3, 2)
    outside = told(np.tile([0.02, 0.98], (1, 60, 1)))
    honest = told(np.random.default_rng(7).uniform(size=(1, 60, 2)))
    unknown = told(np.empty((1, 0, 2)))
    wide, usual, plain = (each.quantiles(levels) for each in (outside, honest, unknown))
    assert wide[0, 0, 2] - wide[0, 0, 0] > 1.4 * (plain[0, 0, 2] - plain[0, 0, 0])
    assert usual[0, 0, 2] - usual[0, 0, 0] == pytest.approx(plain[0, 0, 2] - plain[0, 0, 0], rel=0.2)
    assert (wide[1:] == plain[1:]).all()
    assert (np.diff(outside.running_sums(levels), axis=1) >= 0.0).all()
    assert outside.sums(levels, steps)[0, 2] > unknown.sums(levels, steps)[0, 2]


def test_a_hierarchy_learns_from_every_origin_that_had_errors_before_it():
    made = nested(noisy(40), TREE, 2, How(season=1))
    assert made.period_scores.shape == made.sum_scores.shape == (1, 3, 2)
    assert ((made.period_scores > 0.0) & (made.period_scores < 1.0)).all()
    short = nested(noisy(8), TREE, 6, How(season=1))
    assert short.period_scores.shape == (1, 0, 6)
    assert short.quantiles(np.array([0.5])).shape == (3, 6, 1)


def test_a_scenario_does_not_reach_into_the_past():
    known = generated(3, series=1, periods=48, relevant=1, irrelevant=0)
    drivers = Drivers.read(known.drivers)
    ahead = Horizon.of(Period.parse("2014-01"), 3).names
    supposing = drivers.what_if(pl.DataFrame({"driver": "d0", "ds": ahead, "value": 9.0}))
    assert supposing.as_published().supposed == {}
    how = {"season": 1, "origins": 1, "samples": 100}
    scores = (backtest(known.history, 2, drivers=each, **how).forecasts for each in (drivers, supposing))
    assert next(scores).equals(next(scores))
    # supposed from two periods after the last one that is asked for
    far = course(0, np.arange(1.0, 31.0), 32, season=1, samples=2, seed=0, name="d", supposed=(34, np.array([5.0])))
    near = course(0, np.arange(1.0, 31.0), 32, season=1, samples=2, seed=0, name="d")
    assert (far.point == near.point).all()


def test_what_a_forecast_does_not_need_is_loaded_when_it_is_used():
    source = (
        "import sys, oreloop.forecast as f\n"
        "later = ['price', 'rolling', 'schedule', 'track']\n"
        "assert not [each for each in later if f'oreloop.forecast.{each}' in sys.modules]\n"
        "assert all(getattr(f, each) is not None for each in f.__all__)\n"
    )
    assert subprocess.run([sys.executable, "-c", source], check=True).returncode == 0
    assert set(room.__all__) <= set(dir(room))
    assert not hasattr(room, "nothing")
