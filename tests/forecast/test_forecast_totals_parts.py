"""The parts of the totals: rates against textbook recursions, the hurdle, the weights and the levels that hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from oreloop.forecast.totals import KERNELS, follow
from oreloop.forecast.totals.calibration import hold, levels_of
from oreloop.forecast.totals.count import learn_count
from oreloop.forecast.totals.hurdle import hurdle_quantiles
from oreloop.forecast.totals.kernels import kernel_quantiles, look_back, rolling_totals, total_scale
from oreloop.forecast.totals.rates import smooth_rates
from oreloop.forecast.totals.stacking import stack

Floats = NDArray[np.float64]
FIRST = np.array([0])


def test_rates_of_a_short_history_by_hand() -> None:
    # 0, 6, 0, 0, 3: mean 1.8, mean size 4.5, mean interval 2.5, share of periods with demand 0.4
    rates = smooth_rates(np.array([[0.0, 6.0, 0.0, 0.0, 3.0]]), FIRST)
    size = 0.9 * (0.9 * 4.5 + 0.1 * 6.0) + 0.1 * 3.0
    interval = 0.9 * (0.9 * 2.5 + 0.1 * 2.0) + 0.1 * 3.0
    chance = 0.9 * 0.9 * 0.9 * (0.9 * (0.9 * 0.4) + 0.1) + 0.1
    smooth = 0.9 * 0.9 * 0.9 * (0.9 * (0.9 * 1.8) + 0.6) + 0.3
    recent = 0.8 * 0.8 * 0.8 * (0.8 * (0.8 * 1.8) + 1.2) + 0.6
    assert rates.average.item() == pytest.approx(1.8)
    assert rates.smooth.item() == pytest.approx(smooth)
    assert rates.recent.item() == pytest.approx(recent)
    assert rates.croston.item() == pytest.approx(size / interval)
    assert rates.sba.item() == pytest.approx(0.95 * size / interval)
    assert rates.tsb.item() == pytest.approx(size * chance)
    # three periods in five are empty, so three fifths of the correction are due
    unbiased = (1.0 - 0.6 * 0.05) * size / interval
    assert rates.combined.item() == pytest.approx((1.8 + smooth + unbiased + size * chance) / 4.0)


def test_demand_of_every_period_is_not_marked_down() -> None:
    assert smooth_rates(np.full((1, 12), 30.0), FIRST).combined.item() == pytest.approx(30.0)


def test_aggregated_rates_by_hand() -> None:
    # six periods, two demands: buckets of three from the end hold 9 and 3, a period 3 and 1; begun at the mean of 2
    rates = smooth_rates(np.array([[0.0, 9.0, 0.0, 0.0, 0.0, 3.0]]), FIRST)
    ones = 0.9 * (0.9**3 * (0.9 * (0.9 * 2.0) + 0.9)) + 0.3
    pairs = 0.9 * (0.9 * (0.9 * 2.0 + 0.1 * 4.5)) + 0.1 * 1.5
    triples = 0.9 * (0.9 * 2.0 + 0.1 * 3.0) + 0.1 * 1.0
    assert rates.adida.item() == pytest.approx(triples)
    assert rates.imapa.item() == pytest.approx((ones + pairs + triples) / 3.0)


def test_aggregated_rates_agree_with_statsforecast_where_smoothing_is_best_slow() -> None:
    # it searches a smoothing constant from 0.1 to 0.3: most series of independent demand take the lowest, which is ours
    models = pytest.importorskip("statsforecast.models")
    numbers = np.random.default_rng(2)
    values = np.where(numbers.random((9, 1200)) < 0.3, numbers.poisson(6.0, (9, 1200)) + 1.0, 0.0)
    rates = smooth_rates(values, np.zeros(9, np.int64))
    for name, model in {"adida": models.ADIDA(), "imapa": models.IMAPA()}.items():
        theirs = [model.forecast(y=row.astype(np.float32), h=1)["mean"][0] for row in values]
        agrees = np.isclose(getattr(rates, name), theirs, rtol=1e-5)
        assert agrees.mean() > 0.6


def test_periods_before_a_series_begins_do_not_count() -> None:
    long, late = np.array([[0.0, 6.0, 0.0, 3.0]]), np.array([[np.nan, np.nan, 0.0, 6.0, 0.0, 3.0]])
    one, other = smooth_rates(long, FIRST), smooth_rates(late, np.array([2]))
    for name in ("average", "smooth", "recent", "croston", "sba", "tsb", "adida", "imapa"):
        assert getattr(one, name).item() == pytest.approx(getattr(other, name).item())
    levels = np.array([0.1, 0.5, 0.9])
    np.testing.assert_allclose(
        kernel_quantiles(look_back(long, FIRST, one, 2), one, 2, levels),
        kernel_quantiles(look_back(late, np.array([2]), other, 2), other, 2, levels),
    )


def test_rates_agree_with_statsforecast_where_the_beginning_is_forgotten() -> None:
    models = pytest.importorskip("statsforecast.models")
    numbers = np.random.default_rng(1)
    values = np.where(numbers.random((3, 1500)) < 0.3, numbers.poisson(6.0, (3, 1500)) + 1.0, 0.0)
    rates = smooth_rates(values, np.zeros(3, np.int64))
    peers = {
        "croston": models.CrostonClassic(), "sba": models.CrostonSBA(), "tsb": models.TSB(alpha_d=0.1, alpha_p=0.1),
        "smooth": models.SimpleExponentialSmoothing(alpha=0.1), "recent": models.SimpleExponentialSmoothing(alpha=0.2),
    }  # fmt: skip
    for name, model in peers.items():
        theirs = [model.forecast(y=row.astype(np.float32), h=1)["mean"][0] for row in values]
        np.testing.assert_allclose(getattr(rates, name), theirs, rtol=1e-4)


def test_rolling_totals_begin_where_the_series_does() -> None:
    values = np.array([[np.nan, 1.0, 2.0, 0.0, 4.0]])
    np.testing.assert_array_equal(rolling_totals(values, np.array([1]), 2), [[np.nan, 3.0, 2.0, 4.0]])
    assert total_scale(values, np.array([1]), 2).item() == 1.0
    assert np.isnan(total_scale(values, np.array([1]), 3)).all()


def test_past_totals_are_read_as_numpy_reads_them() -> None:
    values = np.random.default_rng(6).poisson(1.0, (4, 30)).astype(np.float64)
    start, levels = np.zeros(4, np.int64), np.array([0.1, 0.33, 0.5, 0.9])
    rates = smooth_rates(values, start)
    made = kernel_quantiles(look_back(values, start, rates, 3), rates, 3, levels)
    totals = rolling_totals(values, start, 3)
    np.testing.assert_allclose(made[:, :, KERNELS.index("empirical")], np.quantile(totals, levels, axis=1).T)
    np.testing.assert_allclose(made[:, :, KERNELS.index("latest")], np.quantile(totals[:, 14:], levels, axis=1).T)


@settings(max_examples=40, deadline=None)
@given(st.floats(0.01, 1e4), st.floats(0.1, 4.0), st.floats(0.0, 0.95))
def test_a_hurdle_keeps_its_chance_of_nothing_and_its_mean(mean: float, relative: float, empty: float) -> None:
    least = mean**2 * (1.09 / (1.0 - empty) - 1.0)
    variance = least + relative * mean**2
    levels = (np.arange(4000) + 0.5) / 4000
    read = hurdle_quantiles(np.array([mean]), np.array([variance]), np.array([empty]), levels)[0]
    assert (np.diff(read) >= 0.0).all()
    assert (read == 0.0).mean() == pytest.approx(empty, abs=1e-3)
    assert read.mean() == pytest.approx(mean, rel=0.04)


def test_gamma_quantiles_of_the_table_are_good_to_a_hundredth() -> None:
    from scipy.special import gammaincinv

    levels = np.array([0.1, 0.5, 0.9, 0.99])
    for spread in (0.35, 0.7, 1.0, 1.5):
        read = hurdle_quantiles(np.array([5.0]), np.array([(5.0 * spread) ** 2]), np.zeros(1), levels)[0]
        np.testing.assert_allclose(read, gammaincinv(spread**-2, levels) * 5.0 * spread**2, rtol=0.01)


def test_a_count_model_finds_the_lesson_that_all_series_share() -> None:
    numbers = np.random.default_rng(7)
    sign = numbers.normal(size=(20_000, 2))
    kept, above, shape = np.full(20_000, 0.4), numbers.lognormal(2.0, 1.0, 20_000), np.full(20_000, 2.0)
    chance = 1.0 / (1.0 + np.exp(-(np.log(0.4 / 0.6) + 0.8 * sign[:, 0])))
    size = above * np.exp(0.5 - 0.3 * sign[:, 1])
    actual = np.where(numbers.random(20_000) < chance, numbers.gamma(4.0, size / 4.0), 0.0)
    found = learn_count(sign, (kept, above, shape), actual)
    np.testing.assert_allclose(found.chance, [0.0, 0.8, 0.0], atol=0.06)
    np.testing.assert_allclose(found.size, [0.5, 0.0, -0.3], atol=0.03)
    np.testing.assert_allclose(found.spread, [np.log(0.5), 0.0, 0.0], atol=0.08)
    told = found.corrected(sign[:9], (kept[:9], above[:9], shape[:9]))
    np.testing.assert_allclose(told[0], chance[:9], atol=0.03)
    np.testing.assert_allclose(told[1], size[:9], rtol=0.06)
    np.testing.assert_allclose(told[2], 4.0, rtol=0.15)


def test_a_count_model_of_hardly_any_series_corrects_hardly_anything() -> None:
    split = (np.array([0.3, 0.6]), np.array([2.0, 5.0]), np.array([1.0, 2.0]))
    none = learn_count(np.empty((0, 3)), (np.empty(0),) * 3, np.empty(0))
    for mine, theirs in zip(none.corrected(np.ones((2, 3)), split), split, strict=True):
        np.testing.assert_allclose(mine, theirs)
    alone = learn_count(np.ones((1, 3)), (np.array([0.5]), np.array([3.0]), np.array([1.0])), np.array([6.0]))
    kept, above, _ = alone.corrected(np.full((2, 3), 7.0), split)
    np.testing.assert_allclose(kept, split[0], atol=0.05)
    np.testing.assert_allclose(above, split[1], rtol=0.3)


def test_much_evidence_finds_the_kernel_that_is_right_and_little_leaves_weights_equal() -> None:
    numbers = np.random.default_rng(4)
    size = numbers.lognormal(0.0, 1.0, 20_000)
    right = size[:, None] * np.quantile(numbers.exponential(1.0, 100_000), [0.5, 0.9])
    quantiles = np.stack([right, 1.5 * numbers.permutation(right)], axis=2)
    actual, levels = size * numbers.exponential(1.0, 20_000), np.array([0.5, 0.9])
    np.testing.assert_allclose(stack(quantiles, actual, levels), [[1.0, 0.0]] * 2, atol=0.1)
    np.testing.assert_allclose(stack(quantiles[:1], actual[:1], levels), 0.5, atol=0.05)


def test_weights_are_found_where_kernels_are_already_exact() -> None:
    np.testing.assert_allclose(stack(np.ones((5, 1, 2)), np.ones(5), np.array([0.5])), 0.5, atol=1e-4)


def test_a_level_is_read_between_quantiles() -> None:
    levels = np.array([0.1, 0.5, 0.9])
    quantiles = np.array([[1.0, 2.0, 4.0]] * 5 + [[0.0, 0.0, 4.0]])
    at = np.array([0.5, 1.0, 1.5, 3.0, 5.0, 0.0])
    np.testing.assert_allclose(levels_of(quantiles, levels, at), [0.0, 0.1, 0.3, 0.7, 1.0, 0.5])


def test_levels_that_were_too_low_are_raised_and_few_actuals_move_them_little() -> None:
    levels = np.array([0.1, 0.5, 0.9])
    seen = np.sqrt((np.arange(5000) + 0.5) / 5000)
    np.testing.assert_allclose(hold(seen, seen, levels), np.sqrt(levels), atol=0.02)
    np.testing.assert_allclose(hold(seen[::1000], seen[::1000], levels), levels, atol=0.03)


def test_an_actual_that_is_a_tie_counts_in_parts() -> None:
    levels = np.array([0.2, 0.6, 0.9])
    np.testing.assert_allclose(hold(np.zeros(20_000), np.ones(20_000), levels), levels, atol=1e-3)


@given(st.lists(st.booleans(), min_size=1, max_size=300), st.floats(0.05, 0.95))
def test_an_online_level_holds_in_the_long_run_whatever_comes(below: list[bool], level: float) -> None:
    # beyond the edges of a distribution everything is above or below it: the actual cannot choose there
    read, count = level, 0.0
    for wish in below:
        share = 1.0 if read >= 1.0 else 0.0 if read <= 0.0 else float(wish)
        count += share
        read = follow(read, level, share, pace=0.05)
    assert abs(count / len(below) - level) <= 1.05 / (0.05 * len(below))
