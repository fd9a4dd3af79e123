"""A backtest says what would have been said, and counts it as the books do."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from oreloop.base.errors import BadInput
from oreloop.base.period import Horizon, Period
from oreloop.base.texts import render
from oreloop.forecast import backtest, predict
from oreloop.forecast.drivers import Drivers, generated
from oreloop.forecast.scores import crps_of_levels, pinball


def table(series, start="2019-01"):
    parts = []
    for name, values in series.items():
        names = Horizon.of(Period.parse(start), len(values)).names
        parts.append(pl.DataFrame({"unique_id": name, "ds": names, "y": np.asarray(values, dtype=float)}))
    return pl.concat(parts)


def noisy(periods=48, count=4):
    rng = np.random.default_rng(5)
    return {f"s{n}": 80 + 30 * np.sin(np.arange(periods) * np.pi / 6) + rng.normal(0, 6, periods) for n in range(count)}


def measure(tested, metric, level=None, step=None):
    same = (pl.col("level") == level) if level else pl.col("level").is_null()
    at = (pl.col("step") == step) if step else pl.col("step").is_null()
    return tested.scores.filter(pl.col("metric") == metric, same, at)["value"].to_list()


@pytest.mark.parametrize("poison", [0.0, 1e9])
def test_what_comes_later_changes_nothing_that_was_said(poison):
    series = noisy()
    poisoned = {name: np.concatenate([values[:42], values[42:] * 0 + poison]) for name, values in series.items()}
    ours, theirs = (backtest(table(each), 4, origins=5, apart=2, samples=100) for each in (series, poisoned))
    assert len(ours.ends) == 5
    early = [number for number, end in enumerate(ours.ends) if end <= 42]
    assert early
    for said in ("mean", "naive", "quantiles", "total", "scale", "square", "classes"):
        one, other = (getattr(each._outcome, said)[:, early] for each in (ours, theirs))
        assert np.array_equal(one, other, equal_nan=True), said
    assert not ours.forecasts.select("mean").equals(theirs.forecasts.select("mean"))


def test_each_origin_is_the_forecast_of_the_history_cut_there():
    series = noisy()
    tested = backtest(table(series), 3, origins=2)
    cut = predict(table({name: values[:44] for name, values in series.items()}), 3)
    first = tested.forecasts.filter(pl.col("origin") == "2022-08")
    assert first["mean"].to_list() == cut.mean["mean"].to_list()
    assert first["ds"].to_list()[:3] == list(cut.periods)


def test_errors_add_up_to_the_measures():
    tested = backtest(table(noisy()), 3, origins=4)
    frame = tested.forecasts.with_columns(error=pl.col("mean") - pl.col("actual"))
    headline = tested.headline(0.8)
    absolute = frame["error"].abs().sum()
    assert headline.wape == pytest.approx(absolute / frame["actual"].sum())
    assert headline.skill == pytest.approx(1 - absolute / (frame["naive"] - frame["actual"]).abs().sum())
    assert (headline.level, headline.horizon, headline.forecasts, headline.origins) == (0.8, 3, 48, 4)
    mine = frame.filter(pl.col("unique_id") == "s0")
    assert measure(tested, "wape")[0] == pytest.approx(mine["error"].abs().sum() / mine["actual"].sum())
    assert measure(tested, "bias")[0] == pytest.approx(mine["error"].sum() / mine["actual"].sum())
    second = mine.filter(pl.col("step") == 2)
    assert measure(tested, "wape", step=2)[0] == pytest.approx(second["error"].abs().sum() / second["actual"].sum())
    skill = dict(tested.skill.select("metric", "value").iter_rows())
    assert skill["mae"] == pytest.approx(headline.skill)
    squares = (frame["error"] ** 2).sum() / ((frame["naive"] - frame["actual"]) ** 2).sum()
    assert skill["rmse"] == pytest.approx(1 - np.sqrt(squares))


def test_mase_is_one_where_we_err_as_the_naive_did():
    values = np.tile([10.0, 14.0], 20)
    tested = backtest(table({"a": values}), 1, origins=2, season=1)
    error = tested.forecasts.with_columns(error=(pl.col("mean") - pl.col("actual")).abs())["error"].mean()
    assert tested.naive == "last_value"
    assert measure(tested, "mase")[0] == pytest.approx(error / 4.0)


def test_pinball_and_its_mean_over_levels():
    losses = pinball(np.array([[8.0, 10.0, 12.0]]), np.array([11.0]), (0.1, 0.5, 0.9))
    assert losses[0] == pytest.approx([0.3, 0.5, 0.1])
    assert crps_of_levels(losses, (0.1, 0.5, 0.9))[0] == pytest.approx(2 * (0.3 * 0.3 + 0.5 * 0.4 + 0.1 * 0.3))


def test_coverage_of_lumpy_demand_is_told_both_ways():
    rng = np.random.default_rng(9)
    series = {f"s{n}": rng.poisson(3, 40) * (rng.random(40) < 0.25) for n in range(200)}
    tested = backtest(table(series), 3, origins=3, samples=200)
    headline = tested.headline(0.8)
    assert headline.coverage > 0.88
    assert headline.coverage_split == pytest.approx(0.8, abs=0.05)
    totals = [np.mean(measure(tested, f"total_coverage{split}", 0.8)) for split in ("", "_split")]
    assert totals[0] > totals[1] == pytest.approx(0.8, abs=0.06)
    assert np.mean(measure(tested, "at_or_below", 0.95)) > 0.93


def test_short_histories_say_so():
    tested = backtest(table({"a": [3.0, 4.0, 5.0, 4.0, 3.0, 4.0]}), 2, origins=6)
    assert tested.origins == 1
    assert [note.code for note in tested.notes] == ["forecast.few_origins"]
    assert "1 of 6" in render(tested.notes[0], "en")
    assert tested.headline().forecasts == 2


def test_no_origin_gives_no_figures():
    tested = backtest(table({"a": [3.0, 4.0, 5.0, 4.0]}), 2, origins=3)
    headline = tested.headline()
    assert (headline.forecasts, headline.origins) == (0, 0)
    assert headline.wape is headline.skill is headline.coverage is headline.coverage_split is None
    assert tested.forecasts.is_empty()
    assert tested.scores["value"].null_count() == len(tested.scores)
    assert tested.skill["value"].null_count() == 3


def test_a_young_series_joins_when_it_is_old_enough():
    old = noisy(count=1)["s0"]
    frame = pl.concat([table({"old": old}), table({"young": old[:8]}, "2022-05")])
    tested = backtest(frame, 2, origins=4)
    counts = dict(tested.forecasts.group_by("unique_id").agg(pl.col("origin").n_unique()).iter_rows())
    assert counts == {"old": 4, "young": 3}
    # four of the seven forecasts can repeat the last season; the others count in no skill
    assert tested.naive == "seasonal_naive"
    assert tested.forecasts.filter(unique_id="young")["naive"].null_count() == 6
    assert tested.table().filter(name="young")["skill_mae"].to_list() == [None]
    assert tested.table().filter(name="old")["skill_mae"][0] == pytest.approx(tested.headline().skill)


def test_no_demand_has_no_percentage():
    tested = backtest(table({"dead": [0.0] * 20}), 2, origins=2)
    assert measure(tested, "wape") == [None]
    assert tested.headline().wape is None
    assert tested.headline().coverage == 1.0


def test_the_band_asked_for_must_have_been_scored():
    tested = backtest(table(noisy(count=1)), 2, origins=1, levels=(0.1, 0.9))
    with pytest.raises(BadInput, match=r"0\.8"):
        tested.headline(0.9)
    with pytest.raises(BadInput, match="No central band"):
        backtest(table(noisy(count=1)), 2, origins=1, levels=(0.5,)).headline(0.9)


def wide(path, count):
    """Read a wide file of series in time order into a long table in which all end in the same month."""
    frame = pl.read_csv(path, infer_schema_length=None).head(count)
    columns = [name for name in frame.columns if name[0] == "t" and name[1:].isdigit()]
    rows = frame.select(columns).cast(pl.Float64).to_numpy()
    longest = Horizon.of(Period.parse("1990-01"), len(columns)).names
    parts = []
    for name, row in zip(frame["unique_id"], rows, strict=True):
        values = row[~np.isnan(row)]
        parts.append(pl.DataFrame({"unique_id": name, "ds": longest[-len(values) :], "y": values}))
    return pl.concat(parts)


@pytest.mark.oracle
def test_bands_hold_and_beat_the_naive_on_monthly_business_series(shared):
    tested = backtest(wide(shared("data/forecast/m3_monthly.csv"), 220), 12, origins=2, apart=6, samples=200)
    assert tested.naive == "seasonal_naive"
    for level in (0.8, 0.9):
        headline = tested.headline(level)
        assert headline.coverage == pytest.approx(level, abs=0.05)
        assert headline.skill > 0.05
    for level in (0.8, 0.9):
        assert np.mean(measure(tested, "total_coverage", level)) == pytest.approx(level, abs=0.06)
    assert dict(tested.skill.select("metric", "value").iter_rows())["crps"] > 0.3


@pytest.mark.oracle
def test_bands_hold_and_beat_the_naive_on_spare_parts(shared):
    tested = backtest(wide(shared("data/forecast/carparts_monthly.csv"), 600), 3, origins=4, apart=3)
    for level in (0.8, 0.9):
        headline = tested.headline(level)
        # three in four actuals are zero and every lower quantile is: a band with its ends holds more than it promises
        assert headline.coverage >= level
        assert headline.coverage_split == pytest.approx(level, abs=0.05)
        assert headline.skill > 0.0
        assert np.mean(measure(tested, "total_coverage_split", level)) == pytest.approx(level, abs=0.05)
    assert dict(tested.skill.select("metric", "value").iter_rows())["crps"] > 0.3


def test_a_backtest_tells_what_a_driver_is_worth():
    made = generated(6, series=4, periods=84, relevant=1, irrelevant=0, noise=0.02)
    alone = backtest(made.history, 4, origins=2, samples=200)
    told = backtest(made.history, 4, origins=2, samples=200, drivers=Drivers.read(made.drivers))
    assert told.headline().wape < alone.headline().wape
