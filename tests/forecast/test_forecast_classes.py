"""Which class a series is in, and where the blocks of its past errors lie."""

from __future__ import annotations

import numpy as np
import pytest

from oreloop.forecast.draws import block_places, draws
from oreloop.forecast.intermittent import demand_classes

BEGIN = np.zeros(1, dtype=np.int64)


@pytest.mark.parametrize(
    ("values", "expected"),
    [([5, 6, 5, 6], 0), ([1, 1, 1, 30], 1), ([0, 5, 0, 5], 2), ([0, 1, 0, 30], 3), ([0, 0, 0, 0], 2)],
)
def test_classes_follow_interval_and_variation(values, expected):
    assert demand_classes(np.array([values], dtype=float), BEGIN)[0] == expected


def test_blocks_stay_within_the_errors_and_mostly_run_on():
    own = draws(2, ("a", "b"), samples=500, horizon=10, origins=1)
    first = np.array([3, 20])
    places = block_places(own, first, 30)
    assert (places >= first[:, None, None]).all()
    assert places.max() < 30
    on = places[0, 1:] - places[0, :-1] == 1
    # mean block = cube root of 27 errors = 3, so two steps in three run on, a wrap apart
    assert on.mean() == pytest.approx(2 / 3, abs=0.05)
