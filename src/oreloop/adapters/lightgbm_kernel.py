"""A further kernel of demand: boosted trees that learn from all series of a table at once (extra ``lightgbm``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from oreloop.base.errors import NotFound
from oreloop.forecast.draws import Draws, block_places
from oreloop.forecast.panel import Flags, Floats, Ints, Panel, whole
from oreloop.forecast.smooth.paths import FARTHEST, RECENT
from oreloop.forecast.smooth.profile import seasonal_profile
from oreloop.forecast.smooth.scale import Scaled, scaled

SHORTEST = 12
"""Fewest periods in the window that a series is described by, whatever its season: a year of months."""
ROWS_EACH = 10
"""Rows of data for each regressor below which a model is not fitted: the usual ten observations a coefficient."""
ROUNDS = 150
"""Trees of each model. Half as many or twice as many move the error of the ensemble by less than half a per cent."""
SETTINGS = {
    "objective": "regression", "learning_rate": 0.05, "num_leaves": 15, "min_data_in_leaf": 20,
    "num_threads": 1, "deterministic": True, "force_row_wise": True, "seed": 0, "verbosity": -1,
}  # fmt: skip
"""Half the usual step and half the usual leaves, since tables of hundreds of series are to be learned from, not of
millions. One thread: sums that are taken in another order make other trees."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LightgbmKernel:
    """Forecasts series by gradient-boosted trees on their own last periods (port `Extra`).

    One model serves all series of the table, as in Montero-Manso and Hyndman (2021, International Journal of Forecasting
    37); the trees are those of Ke and others (2017, Advances in Neural Information Processing Systems 30). A series is
    described without unit, season and level: its logarithm where it is always above zero, less its seasonal profile, over
    its mean change across a season, less the mean of its last window. One step is learned, and repeated. Two models are
    fitted, each to every other series: a forecast is their mean, and the errors of a series are those of the model that
    never saw it.

    Args:
        panel: histories.
        season: periods in a season; 1 for none.
        name: of the kernel; its label is ``forecast.model.<name>``.
    """

    panel: Panel
    season: int
    name: str = "lightgbm"
    _learned: dict[tuple[int, int], _Learned | None] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, panel: Panel, season: int) -> LightgbmKernel:
        """Make one for a table; `oreloop.forecast.predict` takes this function among its ``kernels``.

        Raises:
            NotFound: ``adapters.extra_missing`` when lightgbm is not installed.
            BadInput: ``forecast.range``.
        """
        _library()
        return cls(panel=panel, season=whole("season", season, 1, 366))

    def __call__(self, rows: Ints, end: int, own: Draws) -> tuple[Floats, Floats, Flags]:
        """Forecast some series from a column on; see `oreloop.forecast.ensemble.Extra`.

        Paths repeat past one-step errors in blocks, from the places that the kernels of the room take. A share of each
        error stays in the level: the one by which the errors of the table grow with the steps ahead.

        Returns:
            Point forecasts, shape (rows, horizon); paths, shape (rows, horizon, samples); and which rows apply, shape
            (rows,): those with two windows of a history that changes, in a table with enough of it. The others are zero.
        """
        _, steps, samples = own.place.shape
        points, paths = np.zeros((len(rows), steps)), np.zeros((len(rows), steps, samples))
        if (end, steps) not in self._learned:
            self._learned[end, steps] = _learn(self.panel, self.season, end, steps)
        made = self._learned[end, steps]
        if made is None or not (able := made.place[rows] >= 0).any():
            return points, paths, np.zeros(len(rows), dtype=np.bool_)
        here = made.place[rows[able]]
        first = np.maximum(self.panel.start[rows] + _window(self.season), end - RECENT)
        places = block_places(own, np.where(able, first, 0), end)[able]
        told = np.arange(end) >= first[able, None]
        mean = np.where(told, made.errors[here], 0.0).sum(axis=1, keepdims=True) / told.sum(axis=1, keepdims=True)
        shocks = np.take_along_axis(made.errors[here] - mean, places.reshape(len(here), -1), axis=1)
        shocks = shocks.reshape(places.shape)
        carried = shocks + made.stays * (np.cumsum(shocks, axis=1) - shocks)
        held = np.clip(carried * made.change[here, :, None], -FARTHEST, FARTHEST)
        points[able] = made.points[here]
        centre, unit, logged = made.points[here, :, None], made.scale.unit[here, :, None], made.scale.logged[here]
        paths[able] = np.where(logged[:, None, None], centre * np.exp(held), centre + held * unit)
        return points, paths, able


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Learned:
    """What the two models say from one origin, of the series that they learned from.

    Args:
        place: shape (series of the panel,); where each is in the arrays below, -1 for one that is not.
        points: shape (series, horizon), in the unit of the history.
        errors: shape (series, periods); one-step errors in shares of ``change``, zero where there is none.
        change: shape (series, 1); mean change across a season, on the scale.
        scale: of the series.
        stays: share of an error that stays in the level.
    """

    place: Ints
    points: Floats
    errors: Floats
    change: Floats
    scale: Scaled
    stays: float


def _library() -> ModuleType:
    """Import lightgbm, which takes a second that whoever does not use it need not wait."""
    try:
        return import_module("lightgbm")
    except ImportError as missing:
        raise NotFound.of("adapters.extra_missing", package="lightgbm", extra="lightgbm") from missing


def _window(season: int) -> int:
    return max(season, SHORTEST)


def _learn(panel: Panel, season: int, end: int, steps: int) -> _Learned | None:
    """Fit both models to what was known before a column, and forecast with them; None where there is too little."""
    window = _window(season)
    # trees depend on the order of the data: it is that of the names, whatever the order of the table
    rows = np.array(sorted(range(len(panel.ids)), key=panel.ids.__getitem__), dtype=np.int64)
    rows = rows[end - panel.start[rows] >= 2 * window]
    known = panel.values[rows, :end]
    rows = rows[np.nanmax(known, axis=1, initial=0.0) > np.nanmin(known, axis=1, initial=np.inf)]
    known, start = panel.values[rows, :end], panel.start[rows]
    count = np.maximum(end - start - window, 0)
    if min(count[0::2].sum(), count[1::2].sum()) < ROWS_EACH * (window + len(_averages(window))):
        return None
    scale = scaled(known, logs=True)
    profile = seasonal_profile(scale.values, start, season)
    adjusted = scale.values - profile[:, np.arange(end) % season]
    change = np.nanmean(np.abs(adjusted[:, season:] - adjusted[:, :-season]), axis=1, keepdims=True)
    # a season that repeats to the last digit leaves changes of rounding errors, which are no unit
    change = np.maximum(change, np.sqrt(np.finfo(np.float64).eps))
    adjusted /= change
    begun = np.pad(adjusted, ((0, 0), (2 * window, 0)), constant_values=np.nan)
    tails = sliding_window_view(begun, 2 * window, axis=1)
    row, column = np.nonzero(np.arange(end) >= start[:, None] + window)
    described, level = _described(tails[row, column])
    target = adjusted[row, column] - level
    half = row % 2
    models = [_fitted(described[half == which], target[half == which]) for which in (0, 1)]
    errors = np.zeros(adjusted.shape)
    growth = np.zeros((0, steps))
    for which in (0, 1):
        # each half is judged by the model of the other
        other = models[1 - which : 2 - which]
        unseen = half == which
        errors[row[unseen], column[unseen]] = target[unseen] - other[0].predict(described[unseen])
        growth = np.concatenate([growth, _missed(adjusted[which::2], tails[which::2], start[which::2], other, steps)])
    ahead = _ahead(models, tails[:, end], steps) * change + profile[:, np.arange(end, end + steps) % season]
    place = np.full(len(panel.ids), -1)
    place[rows] = np.arange(len(rows))
    return _Learned(
        place=place, points=scale.back(ahead), errors=errors, change=change, scale=scale, stays=_stays(growth)
    )


def _averages(window: int) -> tuple[int, int, int]:
    """Say over how many of the last periods averages are taken: a quarter of a window, one and a half, and two."""
    return window // 4, window + window // 2, 2 * window


def _described(tails: Floats) -> tuple[Floats, Floats]:
    """Describe series by their last two windows, of which the first may not have begun.

    Args:
        tails: shape (rows, two windows).

    Returns:
        Regressors, shape (rows, regressors), and the level that they and the target are distances from, shape (rows,).
    """
    window = tails.shape[1] // 2
    level = tails[:, window:].mean(axis=1, keepdims=True)
    means = [tails[:, -count:].mean(axis=1, keepdims=True) for count in _averages(window)]
    return np.concatenate([tails[:, window:], *means], axis=1) - level, level[:, 0]


def _fitted(described: Floats, target: Floats) -> Any:
    library = _library()
    return library.train(dict(SETTINGS), library.Dataset(described, target), ROUNDS)


def _ahead(models: Sequence[Any], tails: Floats, steps: int) -> Floats:
    """Repeat one step, shape (rows, steps), by the mean of some models."""
    said = np.empty((len(tails), steps))
    for step in range(steps):
        described, level = _described(tails)
        said[:, step] = level + sum(model.predict(described) for model in models) / len(models)
        tails = np.concatenate([tails[:, 1:], said[:, step : step + 1]], axis=1)
    return said


def _missed(adjusted: Floats, tails: Floats, start: Ints, models: Sequence[Any], steps: int) -> Floats:
    """Forecast from the quarters of the last two windows; absolute errors, shape (forecasts, steps), NaN if to come."""
    end, window = adjusted.shape[1], tails.shape[2] // 2
    origins = np.arange(end - 2 * window, end, window // 4)
    row, which = np.nonzero(origins >= start[:, None] + window)
    origin = origins[which]
    coming = np.pad(adjusted, ((0, 0), (0, steps)), constant_values=np.nan)
    actual = coming[row[:, None], origin[:, None] + np.arange(steps)]
    return np.abs(actual - _ahead(models, tails[row, origin], steps))


def _stays(missed: Floats) -> float:
    """Give the share of an error that stays in the level, from how errors grow with the steps ahead.

    Under simple smoothing with the parameter a the variance grows as 1 + (step - 1) a^2 (Hyndman, Koehler, Ord and Snyder
    2008, Forecasting with Exponential Smoothing, chapter 6); a is fitted by least squares, at most 1.

    Args:
        missed: absolute errors, shape (forecasts, steps), NaN if to come.
    """
    known = np.isfinite(missed)
    seen = known.any(axis=0)
    size = np.where(known, missed, 0.0).sum(axis=0)[seen] / known.sum(axis=0)[seen]
    if len(size) < 2 or size[0] == 0.0:
        return 0.0
    after = np.arange(len(size))
    return float(np.sqrt(np.clip(after @ ((size / size[0]) ** 2 - 1.0) / (after @ after), 0.0, 1.0)))
