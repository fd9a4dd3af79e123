"""The distribution of lead-time totals: what it owes to every table, however small, lumpy, new or dead."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from oreloop.base.errors import BadInput
from oreloop.forecast.totals import KERNELS, Totals, fit_totals
from oreloop.forecast.totals.learning import at_origins, paired

Floats = NDArray[np.float64]
LEVELS = np.array([0.025, 0.1, 0.5, 0.9, 0.975])


def lumpy(series: int, periods: int, seed: int = 1) -> Floats:
    numbers = np.random.default_rng(seed)
    occurs = numbers.random((series, periods)) < numbers.uniform(0.05, 0.6, (series, 1))
    return np.asarray(occurs * numbers.poisson(numbers.lognormal(1.0, 1.0, (series, 1)), (series, periods)), np.float64)


def fitted(values: Floats, horizon: int = 3) -> Totals:
    return fit_totals(values, np.argmax(np.isfinite(values), axis=1), horizon)


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 1000), series=st.integers(1, 12), periods=st.integers(1, 40), horizon=st.integers(1, 9),
    unit=st.sampled_from([1.0, 0.37]),
)  # fmt: skip
def test_quantiles_grow_with_level_and_step_and_are_never_negative(
    seed: int, series: int, periods: int, horizon: int, unit: float
) -> None:
    totals = fitted(lumpy(series, periods, seed) * unit, horizon)
    read = np.stack([totals.quantiles(LEVELS, step) for step in sorted({1, (horizon + 2) // 2, horizon})])
    assert (read >= 0.0).all()
    assert (np.diff(read, axis=0) >= 0.0).all()
    assert (np.diff(read, axis=2) >= 0.0).all()
    assert (totals.mean >= 0.0).all()
    assert totals.weights.shape == totals.scores.shape == (series, len(KERNELS))
    np.testing.assert_allclose(totals.weights.sum(axis=1), 1.0)


def test_kilograms_or_grams_make_no_difference() -> None:
    values = lumpy(60, 40) * 0.37
    np.testing.assert_allclose(
        fitted(values * 1000.1).quantiles(LEVELS, 3), fitted(values).quantiles(LEVELS, 3) * 1000.1, rtol=1e-3, atol=1e-6
    )


def test_totals_of_pieces_are_pieces() -> None:
    read = fitted(lumpy(40, 30)).quantiles(LEVELS, 2)
    assert (read == np.rint(read)).all()
    weighed = fitted(lumpy(40, 30) * 0.37).quantiles(LEVELS, 2)
    assert (weighed != np.rint(weighed)).any()


def test_rows_in_another_order_give_the_same_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    from oreloop.forecast.totals import learning

    monkeypatch.setattr(learning, "_PAIRS", 240)
    values = lumpy(80, 40)
    order = np.random.default_rng(3).permutation(80)
    np.testing.assert_allclose(
        fitted(values[order]).quantiles(LEVELS, 3), fitted(values).quantiles(LEVELS, 3)[order], atol=1e-6
    )


def test_number_of_processes_makes_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    from oreloop.forecast.totals import model

    monkeypatch.setattr(model, "_PART", 16)
    values = lumpy(50, 30)
    start = np.zeros(50, np.int64)
    with ProcessPoolExecutor(2) as pool:
        shared = fit_totals(values, start, 3, mapped=pool.map)
    assert (shared.quantiles(LEVELS, 3) == fit_totals(values, start, 3).quantiles(LEVELS, 3)).all()


def test_a_series_without_any_demand_is_expected_to_have_none() -> None:
    values = lumpy(30, 30)
    values[7] = 0.0
    totals = fitted(values)
    assert totals.mean[7] == 0.0
    assert (totals.quantiles(LEVELS, 3)[7] == 0.0).all()
    assert np.isnan(totals.scores[7]).all()


def test_a_dead_series_fades_with_every_period_of_silence() -> None:
    table = lumpy(100, 80)
    table[:4] = np.random.default_rng(5).poisson(4.0, 80)
    for row, silence in enumerate((0, 6, 20, 50)):
        table[row, 80 - silence :] = 0.0
    totals = fitted(table)
    assert (np.diff(totals.mean[:4]) < 0.0).all()
    upper = totals.quantiles(np.array([0.9]), 3)[:4, 0]
    assert (np.diff(upper) <= 0.0).all()
    assert upper[3] < 0.5 * upper[0]


def test_a_new_series_has_wider_bands_than_a_long_one_of_the_same_demand() -> None:
    table = lumpy(100, 40)
    table[:2] = np.tile([1.0, 3.0], 20)
    table[1, :36] = np.nan
    low, high = fitted(table).quantiles(np.array([0.1, 0.9]), 3)[:2].T
    assert high[1] - low[1] > high[0] - low[0]


def test_a_series_alone_gets_equal_weights() -> None:
    alone = fitted(lumpy(1, 8, seed=4))
    np.testing.assert_allclose(alone.weights, 1.0 / len(KERNELS))
    assert np.isfinite(alone.quantiles(LEVELS, 3)).all()


def test_a_table_without_series_gives_none() -> None:
    assert fitted(np.empty((0, 12))).quantiles(LEVELS, 2).shape == (0, len(LEVELS))


def test_kernels_that_did_well_at_past_origins_get_weight() -> None:
    # demand that falls steadily: a kernel that follows must beat all of the past
    numbers = np.random.default_rng(2)
    values = numbers.poisson(40.0 * 0.93 ** np.arange(40), (300, 40)).astype(np.float64)
    totals = fitted(values)
    weight, score = (dict(zip(KERNELS, each.mean(axis=0), strict=True)) for each in (totals.weights, totals.scores))
    assert weight["recent"] > weight["empirical"]
    assert score["recent"] < score["empirical"]


def test_what_series_have_in_common_is_learned_from_all_of_them() -> None:
    # every part sells after each pause of a quarter: smoothing, which looks at one series, is least sure of it then
    numbers = np.random.default_rng(9)
    place = np.arange(60) - numbers.integers(0, 6, (400, 1))
    values = np.where(place % 6 < 3, 0.0, numbers.poisson(4.0, (400, 60)) + 1.0)
    totals = fitted(values)
    score = dict(zip(KERNELS, totals.scores.mean(axis=0), strict=True))
    assert score["count"] < 0.8 * min(score[name] for name in KERNELS if name != "count")


def test_bands_hold_their_level_on_demand_like_the_past() -> None:
    values = lumpy(1500, 63, seed=8)
    totals, actual = fitted(values[:, :60]), values[:, 60:].sum(axis=1)
    fine = np.arange(1, 200) / 200.0
    read = totals.quantiles(fine, 3)
    first, last = (read < actual[:, None]).sum(axis=1) / 200.0, ((read <= actual[:, None]).sum(axis=1) + 1.0) / 200.0
    for wide in (0.8, 0.95):
        low, high = 0.5 - wide / 2.0, 0.5 + wide / 2.0
        inside = np.clip((np.minimum(last, high) - np.maximum(first, low)) / (last - first), 0.0, 1.0)
        assert abs(inside.mean() - wide) < 0.03


def test_what_came_after_an_origin_changes_nothing_that_was_said_at_it() -> None:
    values, start = lumpy(50, 30), np.zeros(50, np.int64)
    poisoned = values.copy()
    poisoned[:, 27:] = 1e6
    rows, classes, scale, given, actual = paired([*at_origins(values, start, 3, 0)], 3)
    again = paired([*at_origins(poisoned, start, 3, 0)], 3)
    last = slice(0, int(np.flatnonzero(np.diff(rows) < 0)[0]) + 1)  # the latest origin comes first
    for mine, theirs in zip((rows, classes, scale, given), again, strict=False):
        assert (mine[last] == theirs[last]).all()
    assert (actual[last] != again[4][last]).all()


@pytest.mark.parametrize("step", [0, 4])
def test_a_step_outside_the_horizon_is_refused(step: int) -> None:
    with pytest.raises(BadInput) as caught:
        fitted(lumpy(2, 20)).quantiles(LEVELS, step)
    assert caught.value.code == "forecast.total_step"


def test_a_horizon_of_nothing_is_refused() -> None:
    with pytest.raises(BadInput) as caught:
        fitted(lumpy(2, 20), 0)
    assert caught.value.code == "forecast.total_horizon"
