"""Kernels for demand in most periods, each against a case worked by hand or a rule that holds for any history."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oreloop.forecast.smooth.autoregression import LAGS, RIDGE, autoregression
from oreloop.forecast.smooth.line import head, line
from oreloop.forecast.smooth.models import (
    DAMPED,
    DRIFT,
    HOLT,
    OPENING,
    PAIRS,
    POOLED,
    SMOOTH,
    THETA,
    TREND,
    YEARS,
    apart,
    smooth_points,
    theta,
    together,
    trend,
)
from oreloop.forecast.smooth.pooled import pooled
from oreloop.forecast.smooth.profile import DECAY, centred_mean, seasonal_profile
from oreloop.forecast.smooth.recursion import Grid, fit
from oreloop.forecast.smooth.scale import scaled

BEGIN = np.zeros(1, dtype=np.int64)


def one(alpha, beta=0.0, phi=0.0):
    return Grid(alpha=np.array([alpha]), beta=np.array([beta]), phi=np.array([phi]))


def walk(values, grid, level, slope=0.0):
    wide = np.ones((1, len(grid.alpha)))
    return fit(np.array([values], dtype=float), BEGIN, grid, level * wide, slope * wide)


def test_simple_smoothing_by_hand():
    # levels 10, 12, 9 after 14 and 6 at alpha one half
    fitted = walk([14, 6], one(0.5), 10.0)
    assert fitted.ahead(2)[0] == pytest.approx([9.0, 9.0])
    assert fitted.errors[0] == pytest.approx([4.0, -6.0])
    assert fitted.response(3)[0] == pytest.approx([1.0, 0.5, 0.5])


def test_damped_trend_by_hand():
    # forecast 109, met: level 109, trend 9; then 8.1, 7.29 and 6.561 are added
    fitted = walk([109], one(0.5, 0.2, 0.9), 100.0, 10.0)
    assert fitted.ahead(3)[0] == pytest.approx([117.1, 124.39, 130.951])


def test_an_error_stays_as_the_recursion_says():
    steps = 5
    fitted = walk([3, 8, 4, 9, 7], one(0.4, 0.1, 0.9), 2.0, 0.5)
    forecast = fitted.ahead(1)[0, 0]
    quiet = walk([3, 8, 4, 9, 7, forecast], one(0.4, 0.1, 0.9), 2.0, 0.5).ahead(steps)
    shaken = walk([3, 8, 4, 9, 7, forecast + 1], one(0.4, 0.1, 0.9), 2.0, 0.5).ahead(steps)
    assert (shaken - quiet)[0] == pytest.approx(fitted.response(steps + 1)[0, 1:])


def test_candidates_count_by_their_akaike_weights():
    values = np.array([3.0, 8.0, 4.0, 9.0, 7.0])
    grid = Grid(alpha=np.array([0.2, 0.8]), beta=np.zeros(2), phi=np.zeros(2))
    squares = []
    for alpha in grid.alpha:
        level, total = 5.0, 0.0
        for value in values:
            total += (value - level) ** 2
            level += alpha * (value - level)
        squares.append(total)
    odds = (squares[1] / squares[0]) ** (5 / 2)
    assert walk(values, grid, 5.0).weights[0] == pytest.approx([odds / (1 + odds), 1 / (1 + odds)])


def test_what_fits_as_well_with_fewer_parameters_weighs_more():
    grid = Grid.of((0.5,), ((0.0, 0.0), (0.0, 1.0), (0.1, 0.9)))
    assert list(grid.parameters()) == [1, 2, 4]
    weights = walk([5, 5, 5, 5], grid, 5.0).weights[0]
    assert weights == pytest.approx(np.exp([0, -1, -3]) / np.exp([0, -1, -3]).sum())


@given(st.lists(st.floats(0, 1e4), min_size=5, max_size=30))
def test_theta_drifts_by_half_the_slope(values):
    slope = np.polyfit(np.arange(len(values)), values, 1)[0]
    forecast = theta(np.array([values]), BEGIN).ahead(3)[0]
    assert np.diff(forecast) == pytest.approx([slope / 2] * 2, abs=1e-6)


def test_a_line_is_continued_and_a_level_is_kept():
    rising, level = 10.0 + 3.0 * np.arange(30), np.full(30, 7.0)
    both = np.stack([rising, level])
    for grid in (HOLT, DAMPED):
        ahead = trend(both, np.zeros(2, dtype=np.int64), grid, OPENING).ahead(4)
        assert ahead[0] == pytest.approx(100.0 + 3.0 * np.arange(4), rel=1e-6)
        assert ahead[1] == pytest.approx([7.0] * 4)


def test_late_series_begin_where_they_begin():
    values = np.array([[np.nan, np.nan, 4.0, 6.0, 8.0], [1.0, 2.0, 3.0, 4.0, 5.0]])
    start = np.array([2, 0])
    assert head(values, start, 4) == pytest.approx(np.array([[4, 6, 8, np.nan], [1, 2, 3, 4]]), nan_ok=True)
    level, slope = line(values, start)
    assert level == pytest.approx([2.0, 0.0])
    assert slope == pytest.approx([2.0, 1.0])


def test_blocks_end_with_the_history_and_partial_ones_are_left_out():
    values = np.array([[9.0, 1.0, 3.0, 5.0, 7.0], [np.nan, np.nan, 3.0, 5.0, 7.0], [np.nan, 2.0, 4.0, 6.0, 8.0]])
    blocks, begin = together(values, np.array([0, 2, 1]), 2)
    assert blocks == pytest.approx(np.array([[2, 6], [np.nan, 6], [3, 7]]), nan_ok=True)
    assert list(begin) == [0, 1, 0]


@given(st.integers(2, 12), st.integers(1, 24), st.floats(-5, 5))
def test_blocks_of_a_line_are_read_back_as_that_line(width, steps, slope):
    count = -(-steps // width) + 1
    middles = (np.arange(count) * width + (width - 1) / 2)[None] * slope
    assert apart(middles, width, steps)[0] == pytest.approx(slope * np.arange(steps), abs=1e-9)


def test_autoregression_is_the_ridge_it_says():
    values = np.random.default_rng(4).normal(50, 5, 60)
    changes = np.diff(values)
    drift = changes.mean()
    changes = changes - drift
    past = np.stack([changes[LAGS - lag : -lag] for lag in range(1, LAGS + 1)], axis=1)
    ridge = RIDGE * changes.var() * np.diag(np.arange(1.0, LAGS + 1))
    weights = np.linalg.solve(past.T @ past + ridge, past.T @ changes[LAGS:])
    first = values[-1] + drift + changes[: -LAGS - 1 : -1] @ weights
    late = np.concatenate([[np.nan] * 3, values])
    assert autoregression(values[None], 2)[0, 0] == pytest.approx(first)
    assert autoregression(late[None], 2)[0] == pytest.approx(autoregression(values[None], 2)[0])


def test_autoregression_of_what_never_changes_and_of_little():
    assert autoregression(np.full((1, 40), 3.0), 3)[0] == pytest.approx([3.0] * 3)
    assert autoregression(np.array([[1.0, 2.0, 3.0, 4.0]]), 2)[0] == pytest.approx([5.0, 6.0])


@pytest.mark.parametrize("season", [4, 7, 12])
def test_a_profile_without_noise_is_found_whole(season):
    shape = np.sin(2 * np.pi * np.arange(season) / season)
    values = (3.0 + 0.01 * np.arange(6 * season) + np.tile(shape, 6))[None]
    assert seasonal_profile(values, BEGIN, season)[0] == pytest.approx(shape, abs=0.02)


def test_recent_seasons_count_more():
    old, new = np.tile([0.0, 1.0, 0.0, -1.0], 4), np.tile([0.0, 2.0, 0.0, -2.0], 4)
    profile = seasonal_profile(np.concatenate([old, new])[None], BEGIN, 4)[0]
    # an odd slot is measured in all eight seasons but the last half of one; equal weights give 1.5
    assert 1.5 < profile[1] < 2.0
    assert DECAY < 1.0


def test_noise_short_histories_and_no_season_have_no_profile():
    noise = np.random.default_rng(1).normal(0, 1, (200, 60))
    start = np.zeros(200, dtype=np.int64)
    spread = np.abs(seasonal_profile(noise, start, 12)).mean()
    assert spread < 0.35 * np.abs(noise.reshape(200, 5, 12).mean(axis=1)).mean()
    assert (seasonal_profile(noise[:, :23], start, 12) == 0).all()
    assert (seasonal_profile(noise, start, 1) == 0).all()
    assert (seasonal_profile(np.full((1, 48), 5.0), BEGIN, 12) == 0).all()


def test_centred_means_of_even_and_odd_seasons():
    values = np.arange(9.0)[None] ** 2
    assert centred_mean(values, 3)[0, 1] == pytest.approx((0 + 1 + 4) / 3)
    assert centred_mean(values, 4)[0, 2] == pytest.approx((0 / 2 + 1 + 4 + 9 + 16 / 2) / 4)


def test_scales_are_undone_and_hold_runaways():
    values = np.array([[2.0, 4.0, 8.0], [0.0, 4.0, 8.0], [0.0, 0.0, 0.0]])
    made = scaled(values, logs=True)
    assert list(made.logged) == [True, False, False]
    assert made.back(made.values) == pytest.approx(values)
    far = made.back(np.full((3, 1), 50.0))[:, 0]
    assert far == pytest.approx([32.0, 16.0, 0.0])
    assert made.back(np.full((3, 1), -50.0))[:, 0] == pytest.approx([0.5, 0.0, 0.0])
    assert not scaled(values, logs=False).logged.any()


def test_the_pooled_model_learns_what_all_series_share():
    # growth that fades by a tenth each period, from another place in each series
    rng = np.random.default_rng(2)
    begin, size = rng.uniform(1, 50, (40, 1)), rng.uniform(1, 9, (40, 1))
    time = np.arange(54)
    values = begin + size * (1 - 0.9**time)
    start = np.zeros(40, dtype=np.int64)
    forecast, able = pooled(values[:, :48], start, 4, 6)
    assert able.all()
    assert forecast == pytest.approx(values[:, 48:], rel=1e-2)


def test_the_pooled_model_wants_data_and_a_season():
    values = np.random.default_rng(3).normal(9, 1, (2, 40))
    start = np.array([0, 30])
    assert not pooled(values, start, 1, 4)[1].any()
    assert not pooled(values[:, :14], start * 0, 4, 4)[1].any()
    many = np.random.default_rng(4).normal(9, 1, (7, 40))
    many[5], many[6, :34] = 4.0, np.nan
    able = pooled(many, np.array([0] * 6 + [34]), 4, 4)[1]
    assert list(able) == [True] * 5 + [False, False]


def test_which_kernels_take_part_follows_from_length_and_season():
    values = np.random.default_rng(5).uniform(5, 9, (3, 60))
    start = np.array([0, 40, 50])
    for row, first in enumerate(start):
        values[row, :first] = np.nan
    able = smooth_points(values, start, 12, 6, shared=False).able
    names = [[name for name, on in zip(SMOOTH, row, strict=True) if on] for row in able]
    assert names == [["trend", "pairs", "years", "autoregression"], ["trend", "pairs"], ["trend", "theta"]]
    assert not smooth_points(values, start, 1, 6, shared=True).able[:, [YEARS, POOLED]].any()
    assert [TREND, THETA, PAIRS] == [0, 1, 2]


@settings(max_examples=8)
@given(st.integers(0, 9), st.integers(1, 5), st.floats(0.01, 1000))
def test_other_series_an_earlier_table_and_the_unit_change_nothing(seed, earlier, factor):
    rng = np.random.default_rng(seed)
    values = rng.uniform(2, 9, (3, 50)) * (1 + 0.5 * np.sin(np.arange(50) * np.pi / 2))
    start = np.zeros(3, dtype=np.int64)
    plain = smooth_points(values, start, 4, 5, shared=False).points
    alone = smooth_points(values[1:2], start[1:2], 4, 5, shared=False).points
    assert plain[:, 1] == pytest.approx(alone[:, 0])
    scale = smooth_points(factor * values, start, 4, 5, shared=True).points
    assert scale == pytest.approx(factor * smooth_points(values, start, 4, 5, shared=True).points)
    late = np.hstack([np.full((3, earlier), np.nan), values])
    assert smooth_points(late, start + earlier, 4, 5, shared=False).points == pytest.approx(plain)


def test_a_pure_season_is_repeated_by_every_kernel():
    values = np.tile([10.0, 20.0, 40.0, 20.0], 12)[None]
    made = smooth_points(np.repeat(values, 3, axis=0), np.zeros(3, dtype=np.int64), 4, 8, shared=True)
    for name, points, able in zip(SMOOTH, made.points[:, 0], made.able[0], strict=True):
        assert not able or points == pytest.approx(np.tile([10.0, 20.0, 40.0, 20.0], 2), rel=0.02), name


def test_the_grids_hold_what_they_say():
    assert (DRIFT.phi == 1).all()
    assert (DRIFT.beta == 0).all()
    assert set(HOLT.phi) == {0.0, 1.0}
    assert set(DAMPED.phi) == {0.0, 0.9, 0.98, 1.0}
    assert DAMPED.growth(2)[1] == pytest.approx(DAMPED.phi + DAMPED.phi**2)
