"""Every measure is what its definition says, counted here with plain loops."""

from __future__ import annotations

import math
from statistics import fmean

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.base.errors import BadInput
from oreloop.base.period import Horizon, Period
from oreloop.base.texts import LANGUAGES, label
from oreloop.forecast import backtest
from oreloop.forecast.outlook import How
from oreloop.forecast.panel import Panel
from oreloop.forecast.rolling import Origin, judge
from oreloop.forecast.scores import FINE_LEVELS, TOTAL_LEVELS, Outcome, measures, share_between, total_scale

LEVELS = (0.05, 0.1, 0.5, 0.9, 0.95)


def panel(values):
    rows = np.array(values, dtype=float)
    names = tuple(f"s{number}" for number in range(len(rows)))
    return Panel.of(names, Horizon.of(Period.parse("2020-01"), rows.shape[1]), rows)


def history(periods=40, count=6):
    rng = np.random.default_rng(3)
    rows = rng.poisson(6, (count, periods)).astype(float)
    rows[count // 2 :] *= rng.random((count - count // 2, periods)) < 0.3
    rows[0, :10] = np.nan
    return panel(rows)


@pytest.fixture(scope="module")
def tested():
    return backtest(history(), 3, origins=4, levels=LEVELS, season=1)


def value(tested, metric, level=None, step=None, series="s1"):
    frame = tested.scores.filter(unique_id=series, metric=metric).filter(
        pl.col("level").eq_missing(level), pl.col("step").eq_missing(step)
    )
    return frame["value"].item()


def own(tested, series="s1"):
    return tested.forecasts.filter(unique_id=series).to_dicts()


def test_mase_scales_by_the_naive_error_within_what_was_known(tested):
    known = history().values[1]
    errors = [
        abs(row["actual"] - row["mean"]) / fmean(abs(known[t] - known[t - 1]) for t in range(1, end))
        for row, end in zip(own(tested), np.repeat(tested.ends, 3), strict=True)
    ]
    assert value(tested, "mase") == pytest.approx(fmean(errors))


def test_rmsse_scales_by_squared_changes_from_the_first_demand_on(tested):
    known = history().values[5]
    first = next(t for t, demand in enumerate(known) if demand > 0)
    errors = [
        (row["actual"] - row["mean"]) ** 2 / fmean((known[t] - known[t - 1]) ** 2 for t in range(first + 1, end))
        for row, end in zip(own(tested, "s5"), np.repeat(tested.ends, 3), strict=True)
    ]
    assert value(tested, "rmsse", series="s5") == pytest.approx(math.sqrt(fmean(errors)))


def test_wape_bias_and_skill_are_sums_over_sums(tested):
    rows = own(tested)
    demand = sum(row["actual"] for row in rows)
    wrong = sum(abs(row["mean"] - row["actual"]) for row in rows)
    naive = sum(abs(row["naive"] - row["actual"]) for row in rows)
    assert value(tested, "wape") == pytest.approx(wrong / demand)
    assert value(tested, "bias") == pytest.approx(sum(row["mean"] - row["actual"] for row in rows) / demand)
    assert value(tested, "skill_mae") == pytest.approx(1 - wrong / naive)
    assert value(tested, "wape", step=2) == pytest.approx(
        sum(abs(row["mean"] - row["actual"]) for row in rows if row["step"] == 2)
        / sum(row["actual"] for row in rows if row["step"] == 2)
    )


def test_the_scaled_loss_of_the_total_is_that_of_its_definition():
    whole = history(count=2)
    past, actual = whole.until(37), whole.values[:, 37:]
    made = judge(
        Origin(
            past=past, actual=actual, levels=TOTAL_LEVELS, how=How(season=1, samples=200), lag=1, naive="last_value",
        )
    )  # fmt: skip
    for row, came in enumerate(actual.sum(axis=1)):
        known = [float(each) for each in past.values[row] if not math.isnan(each)]
        sums = [sum(known[t : t + 3]) for t in range(len(known) - 2)]
        scale = fmean(abs(sums[t + 3] - sums[t]) for t in range(len(sums) - 3))
        loss = fmean(
            2 * max(level * (came - quantile), (level - 1) * (came - quantile))
            for level, quantile in zip(TOTAL_LEVELS, made.total[row, 0], strict=True)
        )
        assert made.total_loss[row, 0] == pytest.approx(loss / scale)


def test_a_series_with_one_demand_a_short_one_and_a_steady_one_have_no_scale_of_totals():
    rows = np.array([[0, 0, 5, 0, 0, 0], [math.nan] * 3 + [1, 2, 3], [2.0] * 6, [1, 0, 2, 0, 3, 1]], dtype=float)
    found = total_scale(rows, np.array([0, 3, 0, 0]), 2)
    assert np.isnan(found).tolist() == [True, True, True, False]
    assert np.isnan(total_scale(rows, np.array([0, 3, 0, 0]), 6)).all()


def test_what_is_told_of_all_series_weighs_forecasts_but_scaled_errors_by_series(tested):
    whole = tested.table().row(0, named=True)
    assert (whole["scope"], whole["series"], whole["forecasts"]) == ("all", 6, 72)
    each = tested.table().filter(scope="series")
    assert whole["mase"] == pytest.approx(each["mase"].mean())
    assert whole["total_scaled_loss"] == pytest.approx(each["total_scaled_loss"].mean())
    rows = tested.forecasts
    assert whole["wape"] == pytest.approx((rows["mean"] - rows["actual"]).abs().sum() / rows["actual"].sum())
    headline = tested.headline()
    assert (headline.wape, headline.coverage) == (whole["wape"], whole["coverage"])


def test_the_table_has_a_row_for_each_class_and_each_series(tested):
    table = tested.table(0.8)
    assert table["scope"].unique(maintain_order=True).to_list() == ["all", "class", "series"]
    classes = table.filter(scope="class")
    assert classes["series"].sum() == 6
    assert set(classes["name"]) == set(table.filter(scope="series")["demand_class"])
    assert tested.class_scores["demand_class"].unique().sort().to_list() == sorted(["all", *classes["name"]])
    with pytest.raises(BadInput) as refused:
        tested.table(0.5)
    assert refused.value.code == "forecast.no_band"


def test_scores_are_told_by_item_class_level_and_step(tested):
    for frame, who in ((tested.scores, "unique_id"), (tested.class_scores, "demand_class")):
        assert frame.columns == [who, "step", "level", "metric", "value"]
        assert set(frame["level"].drop_nulls()) == {*LEVELS, 0.8}
        assert set(frame["step"].drop_nulls()) == {1, 2, 3}


@pytest.mark.parametrize("naive", ["seasonal_naive", "last_value", "average"])
def test_skill_is_over_the_naive_that_was_named(naive):
    whole = history()
    found = backtest(whole, 3, origins=1, season=12, naive=naive)
    known = whole.values[1, :37]
    expected = {"seasonal_naive": known[25:28], "last_value": [known[-1]] * 3, "average": [known.mean()] * 3}
    assert [row["naive"] for row in own(found)] == pytest.approx(list(expected[naive]))
    assert found.naive == naive == found.headline().naive
    assert found.skill["naive"].unique().to_list() == [naive]


def test_a_naive_beyond_the_history_makes_no_forecast():
    found = backtest(history(), 3, origins=1, season=52, naive="seasonal_naive")
    assert found.forecasts["naive"].null_count() == 18
    assert found.headline().skill is None


def test_an_unknown_naive_is_refused():
    with pytest.raises(BadInput) as refused:
        backtest(history(), 3, naive="zero")
    assert refused.value.code == "forecast.unknown_choice"


def test_a_bad_series_is_listed_and_the_others_are_tested():
    names = Horizon.of(Period.parse("2022-01"), 24).names
    good = pl.DataFrame({"unique_id": "good", "ds": names, "y": np.arange(24.0)})
    bad = good.with_columns(unique_id=pl.lit("bad"), y=-pl.col("y"))
    found = backtest(pl.concat([good, bad]), 2, origins=2)
    assert found.ids == ("good",)
    assert [(each.code, each.fields["series"]) for each in found.refused] == [("forecast.negative", "bad")]
    with pytest.raises(BadInput):
        backtest(pl.concat([good, bad]), 2, origins=2, bad="error")


def test_a_zero_is_split_over_all_levels_that_are_zero():
    quantiles = np.where(np.array(FINE_LEVELS) < 0.74, 0.0, 5.0)
    share = share_between(quantiles, np.array(0.0), FINE_LEVELS, 0.1, 0.9)
    assert share == pytest.approx((0.74 - 0.1) / 0.74, abs=0.005)
    assert np.isnan(share_between(quantiles, np.array(np.nan), FINE_LEVELS, 0.1, 0.9))


@given(
    st.lists(st.sampled_from([0.0, 0.0, 1.0, 2.5, 7.0]), min_size=39, max_size=39),
    st.sampled_from([0.0, 0.5, 1.0, 2.5, 3.0, 7.0, 9.0]),
)
def test_an_actual_is_spread_over_the_levels_once(values, actual):
    quantiles, came = np.sort(np.array(values)), np.array(actual)
    middle = [share_between(quantiles, came, FINE_LEVELS, low, high) for low, high in ((0.1, 0.5), (0.5, 0.9))]
    assert sum(middle) == pytest.approx(share_between(quantiles, came, FINE_LEVELS, 0.1, 0.9))
    assert share_between(quantiles, came, FINE_LEVELS, 0.0, 1.0) == pytest.approx(1.0)


def test_every_measure_has_a_name_in_both_languages():
    names = {name for name, _, _ in measures(Outcome.empty(1, 1, 2, LEVELS))}
    for language in LANGUAGES:
        assert all(label(f"forecast.metric.{name}", language) for name in names)


def test_the_headline_says_level_horizon_wape_skill_naive_and_coverage(tested):
    said = {language: tested.headline().said(language) for language in LANGUAGES}
    assert all(
        part in said["en"] for part in ("90 %", "3 periods", "72 outcomes", "4 origins", "WAPE", "the last value")
    )
    assert all(part in said["zh"] for part in ("90 %", "3 期", "72", "最近一期值"))
    short = backtest(panel([[3, 4, 5, 4]]), 2, origins=3).headline()
    assert "too short" in short.said("en")
    dead = backtest(panel([[0.0] * 20]), 2, origins=2).headline()
    assert "WAPE –" in dead.said("en")
