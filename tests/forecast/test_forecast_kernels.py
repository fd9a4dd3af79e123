"""Each kernel against its closed form or a case worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.forecast.draws import block_places, draws
from oreloop.forecast.innovations import State, fit, simulate
from oreloop.forecast.intermittent import demand_classes, fit_rates, simulate_rate
from oreloop.forecast.kernels import KERNELS, rate_paths, seasonal_indices, smooth_paths

KERNEL = {kernel.name: kernel for kernel in KERNELS}
BEGIN = np.zeros(1, dtype=np.int64)


def point(name, values, steps, season=1, grid=None):
    y = np.array([values], dtype=float)
    kernel = KERNEL[name]
    fitted = fit(y, BEGIN, grid or kernel.grid, kernel.opening(y, BEGIN, season))
    return simulate(fitted, np.zeros((1, steps, 1)))[0, :, 0]


@given(st.lists(st.floats(0, 1e4), min_size=5, max_size=30), st.floats(0.05, 1.0))
def test_simple_smoothing_is_an_exponentially_weighted_sum(values, alpha):
    opening = np.mean(values[:4])
    ages = np.arange(len(values))[::-1]
    expected = np.sum(alpha * (1 - alpha) ** ages * values) + (1 - alpha) ** len(values) * opening
    assert point("ses", values, 3, grid=((alpha, 0.0, 0.0, 1.0),)) == pytest.approx([expected] * 3, abs=1e-6)


def test_drift_continues_the_line_from_first_to_last():
    assert point("drift", [10, 30, 5, 16], 3) == pytest.approx([18, 20, 22])


def test_seasonal_naive_repeats_the_last_season():
    assert point("seasonal_naive", [9, 9, 9, 1, 2, 3, 4, 5, 6], 4, season=3) == pytest.approx([4, 5, 6, 4])


def test_damped_trend_adds_geometric_steps():
    state = State(level=np.array([[100.0]]), trend=np.array([[10.0]]), season=np.zeros((1, 1, 1)))
    fitted = fit(np.array([[109.0]]), BEGIN, ((0.5, 0.2, 0.0, 0.9),), state)
    assert simulate(fitted, np.zeros((1, 3, 1)))[0, :, 0] == pytest.approx(
        [109 + 8.1, 109 + 8.1 + 7.29, 124.39 + 6.561]
    )


def test_seasonal_smoothing_follows_a_pure_seasonal_line():
    shape = np.array([3.0, -1.0, -2.0])
    values = [50 + 2 * t + shape[t % 3] for t in range(12)]
    expected = [50 + 2 * t + shape[t % 3] for t in range(12, 15)]
    grid = ((0.0, 0.0, 0.0, 1.0),)
    assert point("seasonal_ets", values, 3, season=3, grid=grid) == pytest.approx(expected)


@given(st.lists(st.floats(0, 1e4), min_size=6, max_size=30), st.floats(0.05, 1.0))
def test_theta_is_smoothing_with_half_the_slope(values, alpha):
    slope = np.polyfit(np.arange(len(values)), values, 1)[0]
    level = np.mean(values[:4])
    for value in values:
        level = alpha * value + (1 - alpha) * (level + slope / 2)
    assert point("theta", values, 2, grid=((alpha, 0.0, 0.0, 1.0),)) == pytest.approx(
        [level + slope / 2, level + slope], abs=1e-6
    )


def test_shocks_enter_the_coming_steps_as_the_recursion_says():
    state = State(level=np.zeros((1, 1)), trend=np.zeros((1, 1)), season=np.zeros((1, 1, 2)))
    fitted = fit(np.zeros((1, 2)), BEGIN, ((0.5, 0.1, 0.25, 1.0),), state)
    path = simulate(fitted, np.array([[[8.0], [0.0], [0.0]]]))[0, :, 0]
    assert path == pytest.approx([8.0, 4.0 + 0.8, 4.0 + 1.6 + 2.0])


def test_the_smoothing_of_least_squared_error_is_chosen():
    jumps = np.array([[10.0] * 10 + [50.0] * 10])
    kernel = KERNEL["ses"]
    fitted = fit(jumps, BEGIN, kernel.grid, kernel.opening(jumps, BEGIN, 1))
    assert fitted.smoothing[0, 0, 0] == 1.0


def test_a_late_series_is_fitted_as_if_alone():
    rng = np.random.default_rng(3)
    short, season = rng.uniform(5, 9, 30), 4
    late = np.vstack([np.concatenate([np.full(8, np.nan), short]), rng.uniform(5, 9, 38)])
    start = np.array([8, 0])
    own = draws(1, ("a", "b"), samples=3, horizon=5, origins=1)
    alone = draws(1, ("a",), samples=3, horizon=5, origins=1)
    together = smooth_paths(late, start, season, own)[0][:, 0]
    assert together == pytest.approx(smooth_paths(short[None], BEGIN, season, alone)[0][:, 0])


def test_croston_divides_smoothed_size_by_smoothed_interval():
    # demands 4 and 8, three and then two periods apart; alpha 0.1: size 4.4, interval 2.9
    values = np.array([[0, 0, 4, 0, 8.0]])
    rates = {alpha: 4 + alpha * 4 for alpha in (0.05, 0.1, 0.2, 0.3)}
    possible = [size / (3 - alpha) for alpha, size in rates.items()]
    corrected = [size / (3 - alpha) * (1 - alpha / 2) for alpha, size in rates.items()]
    fitted = fit_rates(values, BEGIN)
    assert min(abs(fitted.rate[0, 0] - each) for each in possible) < 1e-12
    assert min(abs(fitted.rate[0, 1] - each) for each in corrected) < 1e-12


def test_tsb_decays_after_the_last_demand_and_croston_does_not():
    active = np.array([[0, 5, 0, 5, 0, 5, 0, 5.0]])
    dead = np.hstack([active, np.zeros((1, 20))])
    before, after = fit_rates(active, BEGIN).rate[0], fit_rates(dead, BEGIN).rate[0]
    assert after[2] < 0.5 * before[2]
    assert after[0] > 0.8 * before[0]


def test_no_demand_means_no_rate():
    fitted = fit_rates(np.zeros((1, 9)), BEGIN)
    assert (fitted.rate == 0).all()
    assert fitted.count[0] == 0


def test_lumpy_paths_repeat_past_sizes_and_hold_the_rate():
    values = np.array([[0, 0, 4, 0, 0, 8, 0, 0, 0, 6.0]])
    own = draws(5, ("a",), samples=20_000, horizon=2, origins=1)
    paths = simulate_rate(fit_rates(values, BEGIN), np.array([1.5]), own)
    assert set(np.unique(paths)) == {0.0, 4.0, 6.0, 8.0}
    assert paths.mean() == pytest.approx(1.5, rel=0.03)
    full = simulate_rate(fit_rates(values, BEGIN), np.array([9.0]), own)
    assert full.min() > 0
    assert full.mean() == pytest.approx(9.0, rel=0.03)


def test_weighted_rates_are_one_kernel():
    values = np.array([[0, 0, 4, 0, 0, 8, 0, 0, 0, 6.0]])
    own = draws(5, ("a",), samples=10, horizon=2, origins=1)
    points, _, _ = rate_paths(values, BEGIN, np.array([[0.5, 0.25, 0.25]]), own)
    assert points[0, 0, 0] == pytest.approx(fit_rates(values, BEGIN).rate[0] @ [0.5, 0.25, 0.25])


@pytest.mark.parametrize(
    ("values", "expected"),
    [([5, 6, 5, 6], 0), ([1, 1, 1, 30], 1), ([0, 5, 0, 5], 2), ([0, 1, 0, 30], 3), ([0, 0, 0, 0], 2)],
)
def test_classes_follow_interval_and_variation(values, expected):
    assert demand_classes(np.array([values], dtype=float), BEGIN)[0] == expected


@pytest.mark.parametrize("season", [3, 4])
def test_seasonal_indices_find_a_multiplicative_season(season):
    indices = np.array([0.5, 1.0, 1.5, 1.0][:season])
    indices /= indices.mean()
    values = np.array([[(100 + t) * indices[t % season] for t in range(10 * season)]])
    assert seasonal_indices(values, BEGIN, season)[0] == pytest.approx(indices, rel=0.02)


def test_noise_zeros_and_short_series_have_no_season():
    noise = 100 + np.random.default_rng(11).normal(0, 5, (1, 48))
    assert (seasonal_indices(noise, BEGIN, 12) == 1).all()
    assert (seasonal_indices(np.tile([0.0, 5.0], (1, 24)), BEGIN, 2) == 1).all()
    assert (seasonal_indices(noise[:, :20], BEGIN, 12) == 1).all()
    assert (seasonal_indices(np.full((1, 48), 7.0), BEGIN, 12) == 1).all()


def test_blocks_stay_within_the_errors_and_mostly_run_on():
    own = draws(2, ("a", "b"), samples=500, horizon=10, origins=1)
    first = np.array([3, 20])
    places = block_places(own, first, 30)
    assert (places >= first[:, None, None]).all()
    assert places.max() < 30
    on = places[0, 1:] - places[0, :-1] == 1
    # mean block = cube root of 27 errors = 3, so two steps in three run on, a wrap apart
    assert on.mean() == pytest.approx(2 / 3, abs=0.05)
