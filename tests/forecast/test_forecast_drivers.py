"""A driver counts from the day it was known; lags are found, elasticities have honest intervals, the rest is left out."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from oreloop.base.errors import BadInput
from oreloop.base.period import Horizon, Period
from oreloop.base.texts import render
from oreloop.forecast.draws import draws
from oreloop.forecast.drivers import DriverKernel, Drivers, generated
from oreloop.forecast.drivers.course import course
from oreloop.forecast.drivers.intervals import newey_west
from oreloop.forecast.drivers.lags import answer
from oreloop.forecast.drivers.smoothing import ALPHAS, fading, filtering, onwards, smoothed
from oreloop.forecast.drivers.table import ordinal
from oreloop.forecast.panel import Panel, read_panel

STEPS = 6


def panel_of(history):
    return read_panel(history, freq=None, gaps="error")


def kernel_of(made, **options):
    return DriverKernel.of(panel_of(made.history), Drivers.read(made.drivers), season=12, **options)


def called(kernel, end, rows=None, samples=100):
    rows = np.arange(len(kernel.panel.ids)) if rows is None else rows
    own = draws(1, tuple(kernel.panel.ids[row] for row in rows), samples=samples, horizon=STEPS, origins=1)
    return kernel(rows, end, own)


def refused(act):
    with pytest.raises(BadInput) as error:
        act()
    assert str(error.value)
    return {(each.code, each.fields.get("driver")) for each in error.value.problems}


def table(driver="price", count=60, first="2010-01", **columns):
    names = Horizon.of(Period.parse(first), count).names
    value = 100 * np.exp(np.cumsum(np.random.default_rng(len(driver)).normal(0, 0.05, count)))
    return pl.DataFrame({"driver": driver, "ds": names, "value": value}).with_columns(**columns)


# ---- what was known when ----


def test_a_value_is_known_from_its_publication_and_the_last_print_counts():
    rows = [
        ("p", "2026-01", 1.0, date(2026, 2, 10)),
        ("p", "2026-01", 1.5, date(2026, 3, 31)),
        ("p", "2026-02", 2.0, date(2026, 3, 10)),
        ("p", "2026-03", 3.0, date(2026, 6, 1)),
        ("p", "2026-04", 4.0, date(2026, 5, 1)),
    ]
    drivers = Drivers.read(pl.DataFrame(rows, schema=["driver", "ds", "value", "known"], orient="row"))

    def known(month):
        return drivers.before(ordinal(Period.parse(month)))[0][1].tolist()

    assert known("2026-02") == []
    assert known("2026-03") == [1.0]
    assert known("2026-04") == [1.5, 2.0]
    # April was published before March: a course has no holes
    assert known("2026-06") == [1.5, 2.0]
    assert known("2026-07") == [1.5, 2.0, 3.0, 4.0]


def test_the_later_print_of_a_month_counts_in_any_row_order():
    rows = [("p", "2026-01", 2.0, "2026-02-20"), ("p", "2026-01", 1.0, "2026-02-10"), ("p", "2026-02", 5.0, None)]
    read = Drivers.read(pl.DataFrame(rows, schema=["driver", "ds", "value", "known"], orient="row"), delays={"p": 3})
    assert read.before(ordinal(Period.parse("2026-03")))[0][1].tolist() == [2.0]
    assert read.before(ordinal(Period.parse("2026-06")))[0][1].tolist() == [2.0, 5.0]


def test_weeks_are_numbered_without_gaps():
    weeks = Horizon.of(Period.parse("2020-W50"), 8).periods
    assert np.diff([ordinal(week) for week in weeks]).tolist() == [1] * 7


def test_bad_rows_are_refused_with_their_driver():
    good = table().with_columns(known=pl.lit(date(2020, 1, 1)))
    cases = {
        ("forecast.driver_value", "price"): good.with_columns(value=pl.lit(float("inf"))),
        ("forecast.driver_period", "price"): good.with_columns(ds=pl.lit("soon")),
        ("forecast.driver_no_known", "price"): good.drop("known"),
        ("forecast.driver_known", "price"): good.with_columns(known=pl.lit("May")),
        ("forecast.driver_twice", "price"): pl.concat([good, good[:1]]),
        ("forecast.driver_gap", "price"): good.filter(pl.col("ds") != "2012-01"),
        ("forecast.driver_mixed", None): pl.concat([good, good[:1].with_columns(ds=pl.lit("2015-W02"))]),
        ("forecast.no_column", None): good.drop("value"),
        ("forecast.empty", None): good[:0],
        ("forecast.column_type", None): good.with_columns(value=pl.lit("much")),
    }
    for expected, rows in cases.items():
        assert refused(lambda rows=rows: Drivers.read(rows)) == {expected}
    assert refused(lambda: Drivers.read(good, delays={"cost": 1})) == {("forecast.driver_unknown", "cost")}
    assert refused(lambda: Drivers.read(good, delays={"price": -1})) == {("forecast.range", None)}


def test_pandas_is_read_alike():
    made = generated(1, periods=30)
    one, two = Drivers.read(made.drivers), Drivers.read(made.drivers.to_pandas())
    assert (one.known == two.known).all()
    assert (one.value == two.value).all()


def test_a_scenario_must_fit_its_driver():
    drivers = Drivers.read(table(), delays={"price": 1})
    path = pl.DataFrame({"driver": "price", "ds": ["2015-01", "2015-02"], "value": [3.0, 4.0]})
    assert drivers.what_if(path).supposed[0][1].tolist() == [3.0, 4.0]
    cases = {
        ("forecast.driver_unknown", "cost"): path.with_columns(driver=pl.lit("cost")),
        ("forecast.driver_twice", "price"): pl.concat([path, path[:1]]),
        ("forecast.driver_gap", "price"): path.with_columns(ds=pl.Series(["2015-01", "2015-04"])),
        ("forecast.driver_not_positive", "price"): path.with_columns(value=pl.Series([3.0, 0.0])),
        ("forecast.driver_mixed", None): path.with_columns(ds=pl.Series(["2015-W01", "2015-W02"])),
    }
    for expected, rows in cases.items():
        assert refused(lambda rows=rows: drivers.what_if(rows)) == {expected}


def test_a_driver_that_nobody_published_yet_is_left_out():
    early = table("old").with_columns(known=pl.lit(date(2010, 1, 1)))
    late = table("late", 60).with_columns(known=pl.lit(date(2030, 1, 1)))
    drivers = Drivers.read(pl.concat([early, late]))
    assert [len(values) for _, values in drivers.before(ordinal(Period.parse("2015-01")))] == [0, 60]


def test_weekly_drivers_do_not_drive_a_monthly_history():
    made = generated(1, periods=40)
    weekly = Drivers.read(table(first="2010-W01"), delays={"price": 1})
    code = {("forecast.driver_frequency", None)}
    assert refused(lambda: DriverKernel.of(panel_of(made.history), weekly, season=12)) == code


# ---- leakage ----


def test_nothing_published_at_or_after_the_origin_changes_a_forecast():
    made = generated(3, series=2, periods=72)
    end = 60
    origin = panel_of(made.history).horizon.periods[end]
    late = pl.col("known") >= origin.first
    poisoned = made.drivers.with_columns(pl.when(late).then(pl.col("value") * 1e6).otherwise(pl.col("value")))
    later = pl.col("ds") >= origin.name
    spoiled = made.history.with_columns(pl.when(later).then(7e9).otherwise(pl.col("y")).alias("y"))
    clean = kernel_of(made)
    dirty = DriverKernel.of(panel_of(spoiled), Drivers.read(poisoned), season=12)
    assert made.drivers.select(late.any()).item()
    for one, two in zip(called(clean, end), called(dirty, end), strict=True):
        assert (one == two).all()
    assert called(clean, end)[2].all()


def test_a_value_published_late_counts_late():
    made = generated(3, periods=72)
    end = 60
    origin = panel_of(made.history).horizon.periods[end]
    before, after = origin.following(-1).last, origin.first
    probe = (pl.col("driver") == "d0") & (pl.col("ds") == origin.following(-2).name)

    def with_print(day):
        extra = made.drivers.filter(probe)[:1].with_columns(value=pl.col("value") * 2, known=pl.lit(day))
        return DriverKernel.of(panel_of(made.history), Drivers.read(pl.concat([made.drivers, extra])), season=12)

    base = called(kernel_of(made), end)[0]
    assert (called(with_print(after), end)[0] == base).all()
    assert (called(with_print(before), end)[0] != base).any()


def test_a_scenario_says_nothing_about_the_past():
    made = generated(5, periods=72)
    kernel = kernel_of(made)
    path = made.drivers.filter(pl.col("driver") == "d0").group_by("ds").agg(pl.col("value").last() * 3)
    path = path.sort("ds").tail(24).with_columns(driver=pl.lit("d0"))
    supposing = DriverKernel.of(kernel.panel, kernel.drivers.what_if(path), season=12)
    assert (called(supposing, 60)[0] == called(kernel, 60)[0]).all()
    assert (supposing.effects().drop("low", "high") == kernel.effects().drop("low", "high")).to_series().all()


# ---- the model ----


@pytest.mark.parametrize("smoothing", ALPHAS)
def test_the_filter_gives_the_errors_of_simple_smoothing(smoothing):
    values = np.random.default_rng(2).normal(5, 2, 20)
    level, walked = 3.0, []
    for value in values:
        walked.append(value - level)
        level += smoothing * walked[-1]
    assert filtering(20, smoothing) @ values - 3.0 * fading(20, smoothing) == pytest.approx(walked)
    shocks = np.array([2.0, -1.0, 4.0])
    expected = [level + 2, level + 2 * smoothing - 1, level + smoothing + 4]
    ahead = onwards(np.array([level]), np.array([smoothing]), shocks[None, :, None])
    assert ahead[0, :, 0] == pytest.approx(expected)


def test_a_driver_is_smoothed_as_it_moves():
    own = np.random.default_rng(3)
    assert smoothed(np.cumsum(own.normal(size=80)))[0] == 1.0
    smoothing, level, errors = smoothed(5 + own.normal(size=80))
    assert smoothing == 0.1
    assert level == pytest.approx(5, abs=0.5)
    assert errors.mean() == pytest.approx(0, abs=0.2)


@pytest.mark.oracle
def test_elasticities_are_those_of_least_squares_on_filtered_series():
    own = np.random.default_rng(4)
    candidates = np.cumsum(own.normal(size=(80, 6)), axis=0)
    logs = (candidates[:, 2] * 0.7 + own.normal(0, 0.2, 80))[None]
    found = answer(logs, candidates, trained=80)
    assert found.elasticity.nonzero()[1].tolist() == [2]
    smoothing = float(found.smoothing[0])
    matrix = filtering(80, smoothing)
    told = matrix @ np.column_stack([np.arange(1.0, 81.0), candidates[:, 2]])
    told = np.column_stack([(1 - smoothing) ** np.arange(80.0), told])
    expected, square, *_ = np.linalg.lstsq(told, matrix @ logs[0], rcond=None)
    error = np.linalg.inv(told.T @ told)[2, 2] * square[0] / 77
    assert found.elasticity[0, 2] == pytest.approx(expected[2] * (1 - 2 * np.log(6) * error / expected[2] ** 2))
    assert found.level[0] == pytest.approx(expected[0])


def test_drivers_that_say_the_same_are_counted_once():
    own = np.random.default_rng(6)
    column = np.cumsum(own.normal(size=60))
    logs = (column + own.normal(0, 0.1, 60))[None]
    found = answer(logs, np.column_stack([column, column, 2 * column]), trained=60)
    assert np.count_nonzero(found.elasticity) == 1


def test_neighbouring_scores_count_less_the_further_apart():
    scores = np.random.default_rng(9).normal(size=(100, 2))
    expected = scores.T @ scores
    for lag in range(1, 5):
        product = scores[lag:].T @ scores[:-lag]
        expected = expected + (1 - lag / 5) * (product + product.T)
    assert newey_west(scores) == pytest.approx(expected)


def test_true_lags_are_found_and_others_hardly_ever():
    hits = wrong = 0
    for seed in range(6):
        made = generated(seed, series=2, periods=96)
        truth = set(made.truth.select("unique_id", "driver", "lag").rows())
        used = set(kernel_of(made).effects().filter(pl.col("share") > 0).select("unique_id", "driver", "lag").rows())
        hits, wrong = hits + len(truth & used), wrong + len(used - truth)
    assert hits >= 0.9 * 24
    assert wrong <= 0.25 * 12


def test_irrelevant_drivers_get_about_nothing():
    share = []
    for seed in range(4):
        kernel = kernel_of(generated(seed, series=6, periods=96, relevant=0, irrelevant=3))
        share.append(kernel.effects()["share"].sum() / 6)
    assert np.mean(share) < 0.02


@pytest.mark.slow
def test_intervals_hold_the_true_elasticities(soak_count):
    """90 % intervals of every reported lag; a lag that is not a true one has the true elasticity zero."""
    held = count = 0
    for seed in range(soak_count(20, 1000)):
        made = generated(seed, series=4, periods=96)
        shown = kernel_of(made, lags=6).effects().drop_nulls("low")
        both = shown.join(made.truth, on=["unique_id", "driver", "lag"], how="left", suffix="_true")
        both = both.with_columns(pl.col("elasticity_true").fill_null(0.0))
        held += both.filter(pl.col("elasticity_true").is_between(pl.col("low"), pl.col("high"))).height
        count += both.height
    assert count > 4 * soak_count(20, 1000)
    assert 0.85 <= held / count <= 0.95


def test_effects_read_as_promised():
    made = generated(2, series=2, periods=96)
    effects = kernel_of(made).effects()
    assert effects.columns == ["unique_id", "driver", "lag", "elasticity", "low", "high", "share"]
    told = effects.drop_nulls("low")
    assert (told["low"] < told["elasticity"]).all()
    assert (told["elasticity"] < told["high"]).all()
    assert effects["share"].is_between(0, 1).all()
    assert effects["low"].null_count() == effects["high"].null_count()


# ---- the forecast ----


def scores_against_smoothing(relevant, seeds):
    """Mean absolute errors: simple smoothing alone, and averaged with the driver kernel where it speaks."""
    alone, joined = [], []
    for seed in seeds:
        made = generated(seed, series=2, periods=96 + STEPS, relevant=relevant, irrelevant=2)
        kernel = kernel_of(made)
        values = kernel.panel.values
        base = np.array([[smoothed(np.log(row[:96]))[1]] for row in values])
        base = np.exp(np.repeat(base, STEPS, axis=1))
        point, _, able = called(kernel, 96)
        both = np.where(able[:, None], (base + point) / 2, base)
        scale = np.abs(np.diff(values[:, :96])).mean(axis=1, keepdims=True)
        alone.append(np.mean(np.abs(base - values[:, 96:]) / scale))
        joined.append(np.mean(np.abs(both - values[:, 96:]) / scale))
    return np.mean(alone), np.mean(joined)


def test_a_real_driver_helps_and_no_driver_hardly_hurts():
    alone, joined = scores_against_smoothing(2, range(20))
    assert joined < 0.95 * alone
    alone, joined = scores_against_smoothing(0, range(20))
    assert joined < 1.01 * alone


def test_a_series_is_forecast_as_if_alone():
    made = generated(4, series=5, periods=72)
    kernel = kernel_of(made)
    together, one = called(kernel, 72), called(kernel, 72, np.array([3]))
    for all_rows, row in zip(together, one, strict=True):
        assert (all_rows[3] == row[0]).all()


def test_a_scenario_moves_demand_by_its_elasticity():
    own = np.random.default_rng(12)
    drivers = Drivers.read(table(count=72), delays={"price": 0})
    logs = np.log(drivers.value)
    demand = np.exp(3 + 0.8 * logs + own.normal(0, 0.01, 72))
    history = pl.DataFrame({"unique_id": "a", "ds": Horizon.of(Period.parse("2010-01"), 72).names, "y": demand})
    ahead = Horizon.of(Period.parse("2016-01"), STEPS).names

    def forecast(value, months=STEPS):
        path = pl.DataFrame({"driver": "price", "ds": ahead[:months], "value": [value] * months})
        return called(DriverKernel.of(panel_of(history), drivers.what_if(path), season=12, lags=2), 72)

    point, paths, able = forecast(100.0)
    halved, *_ = forecast(50.0)
    assert able.all()
    assert np.log(halved / point)[0] == pytest.approx([0.8 * np.log(0.5)] * STEPS, rel=0.05)
    # what is supposed is certain; after its end the driver may go anywhere again
    _, short, _ = forecast(100.0, months=2)
    spread = np.std(np.log(short[0]), axis=1) / np.std(np.log(paths[0]), axis=1)
    assert spread[1] == pytest.approx(1.0)
    assert spread[5] > 2.0
    # a path that lies wholly in what was published is no news
    past = pl.DataFrame({"driver": "price", "ds": ["2014-01"], "value": [1.0]})
    plain = called(DriverKernel.of(panel_of(history), drivers, season=12, lags=2), 72)
    again = called(DriverKernel.of(panel_of(history), drivers.what_if(past), season=12, lags=2), 72)
    assert (plain[0] == again[0]).all()


def test_a_driver_that_stops_is_carried_for_a_while_and_then_left_out():
    made = generated(2, periods=72)
    panel = panel_of(made.history)

    def kernel(months):
        last = panel.horizon.periods[71 - months].name
        return DriverKernel.of(panel, Drivers.read(made.drivers.filter(pl.col("ds") <= last)), season=12)

    assert kernel(6).left_out() == ()
    assert called(kernel(6), 72)[2].all()
    stopped = kernel(7)
    assert [(each.code, each.fields["driver"]) for each in stopped.left_out()] == [
        ("forecast.driver_stopped", f"d{number}") for number in range(4)
    ]
    assert all("7" in render(each, "en") for each in stopped.left_out())
    # at an earlier origin it had not stopped yet
    assert called(stopped, 65)[2].all()
    point, paths, able = called(stopped, 72)
    assert not able.any()
    assert not point.any()
    assert not paths.any()
    assert stopped.effects().is_empty()


def test_a_driver_with_a_short_history_is_left_out():
    made = generated(2, periods=72)
    kernel = DriverKernel.of(
        panel_of(made.history), Drivers.read(table("new", 20, first="2014-05"), delays={"new": 0}), season=12
    )
    assert [each.code for each in kernel.left_out()] == ["forecast.driver_short"]
    unborn = kernel(np.array([0]), 40, draws(1, ("s0",), samples=9, horizon=2, origins=1))
    assert not unborn[2].any()


def test_series_with_zeros_and_short_series_are_handled_on_purpose():
    own = np.random.default_rng(1)
    drivers = Drivers.read(table("use", 84, value=pl.Series(own.normal(0, 1, 84))), delays={"use": 1})
    effect = np.concatenate([[0], drivers.value[:-1]])
    some = np.maximum(0.0, 5 + 2 * effect + own.normal(0, 0.3, 84))
    values = np.stack([some, np.full(84, np.nan), np.zeros(84)])
    values[1, 70:] = 4.0
    panel = Panel(
        ids=("lumpy", "new", "zero"),
        horizon=Horizon.of(Period.parse("2010-01"), 84),
        values=values,
        start=np.array([0, 70, 0]),
        frequency="M",
    )
    kernel = DriverKernel.of(panel, drivers, season=12)
    point, _, able = called(kernel, 84)
    assert (values[0] == 0).any()
    assert able.tolist() == [True, False, False]
    assert kernel.effects()["lag"].to_list() == [1]
    # one standard deviation of the driver is 2 of 5, told as multiples of mean sizes
    size = np.abs(drivers.value).mean() / some.mean()
    assert kernel.effects()["elasticity"][0] == pytest.approx(2 * size, rel=0.1)
    assert 0 < point[0].mean() < 15


def test_a_driver_goes_on_without_its_season():
    cycle = np.tile([0.5, 1.0, 1.5, 1.0], 15)
    made = course(0, 20 * cycle, 64, season=4, samples=50, seed=0, name="pv")
    assert np.ptp(made.point) < 0.05
    assert made.spread.shape == (4, 50)
    assert course(0, np.zeros(30), 32, season=1, samples=5, seed=0, name="none").point.tolist() == [0.0] * 32
