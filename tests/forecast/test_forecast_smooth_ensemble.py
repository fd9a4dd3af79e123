"""How smooth kernels are weighed and joined, and what an extra one may do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.base.period import Horizon, Period
from oreloop.forecast.draws import block_places, draws
from oreloop.forecast.ensemble import GROWN, INNER_ORIGINS, combine, weighted_median
from oreloop.forecast.panel import Panel
from oreloop.forecast.smooth.models import SMOOTH, smooth_points
from oreloop.forecast.smooth.paths import RECENT, smooth_paths


def panel(values, start=None):
    values = np.asarray(values, dtype=float)
    return Panel(
        ids=tuple(f"s{row}" for row in range(len(values))),
        horizon=Horizon.of(Period.parse("2015-01"), values.shape[1]),
        values=values,
        start=np.zeros(len(values), dtype=np.int64) if start is None else np.array(start),
        frequency="M",
    )


def seasonal(rows=3, periods=60, seed=0):
    rng = np.random.default_rng(seed)
    season = 1 + 0.3 * np.sin(2 * np.pi * np.arange(periods) / 12)
    return 50 * season * np.exp(0.1 * rng.normal(size=(rows, periods)))


def run(made, horizon=6, **more):
    return combine(made, horizon, **{"season": 12, "seed": 1, "samples": 200, "pool": "class", **more})


@dataclass
class Oracle:
    """Knows what comes; notes what it was asked."""

    truth: np.ndarray
    name: str = "oracle"
    applies: bool = True

    def __post_init__(self):
        self.asked = []

    def __call__(self, rows, end, own):
        steps, samples = own.place.shape[1:]
        self.asked.append((end, list(rows)))
        point = self.truth[rows, end : end + steps]
        return point, np.repeat(point[:, :, None], samples, axis=2), np.full(len(rows), self.applies)


def test_an_extra_kernel_that_knows_more_takes_most_of_the_weight():
    truth = seasonal(periods=66)
    oracle = Oracle(truth)
    made = run(panel(truth[:, :60]), extra=(oracle,))
    assert made.models == (*SMOOTH, "oracle")
    assert (made.weights[:, -1] > 0.5).all()
    assert made.weights.sum(axis=1) == pytest.approx(1.0)
    assert made.scores[:, -1] == pytest.approx(0.0)
    without = run(panel(truth[:, :60]))
    assert np.abs(made.mean - truth[:, 60:]).mean() < 0.3 * np.abs(without.mean - truth[:, 60:]).mean()
    assert [end for end, _ in oracle.asked] == [53, 54, 55, 56, 57, 58, 59, 60][-len(oracle.asked) :]


def test_an_extra_kernel_that_does_not_apply_changes_nothing():
    truth = seasonal(periods=66)
    with_it = run(panel(truth[:, :60]), extra=(Oracle(truth, applies=False),))
    without = run(panel(truth[:, :60]))
    assert with_it.mean == pytest.approx(without.mean)
    assert with_it.paths == pytest.approx(without.paths)
    assert (with_it.weights[:, -1] == 0).all()


def test_what_comes_after_a_past_origin_does_not_move_its_bands():
    values = seasonal()
    changed = values.copy()
    changed[:, -1] *= 3.0
    before, after = run(panel(values)), run(panel(changed))
    same = np.isclose(before.period_scores, after.period_scores, equal_nan=True)
    # every origin sees the last period in at most one step
    assert same.any(axis=2).all()
    assert (~same).sum(axis=2).max() <= 1


def test_only_origins_with_most_of_the_history_correct_bands():
    made = run(panel(seasonal(periods=24)), horizon=8)
    told = np.isfinite(made.period_scores).any(axis=(0, 2))
    back = 2 * np.arange(INNER_ORIGINS, 0, -1)
    assert list(told) == [bool(24 - each >= GROWN * 24) for each in back]


def test_series_alone_are_not_moved_by_others():
    values = seasonal(rows=4)
    both, one = run(panel(values), pool="series"), run(panel(values[:1]), pool="series")
    assert both.mean[0] == pytest.approx(one.mean[0])
    assert both.paths[0] == pytest.approx(one.paths[0])
    assert both.weights[0, SMOOTH.index("pooled")] == 0


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 1)), min_size=1, max_size=7))
def test_the_weighted_median_lies_between_and_ignores_what_has_no_weight(pairs):
    points = np.array([value for value, _ in pairs])
    weights = np.array([weight for _, weight in pairs]) + 1e-3
    weights /= weights.sum()
    middle = weighted_median(points[:, None, None], weights[None])[0, 0]
    assert points.min() <= middle <= points.max()
    for idle in (0.0, points.mean(), 1e6):
        more = weighted_median(np.append(points, idle)[:, None, None], np.append(weights, 0.0)[None])[0, 0]
        assert more == pytest.approx(middle)


def test_equal_weights_give_the_usual_median():
    odd, even = np.array([5.0, 1.0, 9.0]), np.array([4.0, 1.0, 9.0, 6.0])
    for points in (odd, even):
        equal = np.full((1, len(points)), 1 / len(points))
        assert weighted_median(points[:, None, None], equal)[0, 0] == pytest.approx(np.median(points))


def test_paths_lie_around_the_point_and_widen():
    values = seasonal(rows=2, periods=90)
    start = np.zeros(2, dtype=np.int64)
    made = smooth_points(values, start, 12, 12, shared=False)
    own = draws(3, ("a", "b"), samples=2000, horizon=12, origins=1)
    centre = np.full((2, 12), 50.0)
    paths = smooth_paths(centre, made, np.arange(2), start, 12, own)
    assert np.median(paths, axis=2) == pytest.approx(centre, rel=0.1)
    assert (paths > 0).all()
    first = paths[:, 0] / 50.0
    used = np.log(first)
    recent = made.errors[:, -RECENT:] - made.errors[:, -RECENT:].mean(axis=1, keepdims=True)
    for row in range(2):
        assert np.abs(used[row][:, None] - recent[row]).min(axis=1).max() < 1e-9


def test_additive_paths_are_cut_at_zero_and_keep_the_unit():
    values = np.abs(np.random.default_rng(6).normal(2, 2, (1, 40))) * 1000
    values[0, 5] = 0.0
    start = np.zeros(1, dtype=np.int64)
    made = smooth_points(values, start, 1, 5, shared=False)
    assert not made.scale.logged[0]
    own = draws(3, ("a",), samples=300, horizon=5, origins=1)
    paths = smooth_paths(np.full((1, 5), 1000.0), made, np.arange(1), start, 1, own)
    assert paths.min() == 0.0
    assert paths.std() > 500


def test_blocks_are_drawn_from_recent_errors_only():
    own = draws(2, ("a",), samples=50, horizon=4, origins=1)
    assert block_places(own, np.array([100 - RECENT]), 100).min() >= 100 - RECENT
