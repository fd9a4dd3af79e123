"""A further kernel of demand: a model of statsforecast by name, fitted to one series at a time (extra ``statsforecast``)."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from statistics import NormalDist
from types import ModuleType
from typing import Any

import numpy as np

from oreloop.base.errors import BadInput, NotFound
from oreloop.forecast.draws import Draws, block_places
from oreloop.forecast.panel import Flags, Floats, Ints, Panel, whole
from oreloop.forecast.smooth.paths import RECENT

MODEL = "AutoETS"
"""The model when none is named: the exponential smoothing that fits best (Hyndman and others 2002, International Journal of
Forecasting 18)."""
SHORTEST = 12
"""Fewest periods that a model is fitted to: a year of months; two seasons where that is more."""
LEVEL = 80
"""Central level in per cent at which a model is asked how wide it is; of a normal width any other says the same."""
_WIDE = 2.0 * NormalDist().inv_cdf(0.5 + LEVEL / 200.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StatsforecastKernel:
    """Forecasts series by a model of statsforecast, each by itself (port `Extra`).

    Args:
        panel: histories.
        season: periods in a season; 1 for none.
        model: name of a class of ``statsforecast.models``.
        name: of the kernel; its label is ``forecast.model.<name>``.
    """

    panel: Panel
    season: int
    model: str
    name: str = "statsforecast"

    @classmethod
    def of(cls, panel: Panel, season: int, model: str = MODEL) -> StatsforecastKernel:
        """Make one for a table; `oreloop.forecast.predict` takes this function among its ``kernels``.

        Raises:
            NotFound: ``adapters.extra_missing`` when statsforecast is not installed.
            BadInput: ``adapters.statsforecast_model`` when it has no such model, or one that needs more than a season or
                gives no prediction intervals of its own; ``forecast.range``.
        """
        made = cls(panel=panel, season=whole("season", season, 1, 366), model=model)
        made._model()
        return made

    @classmethod
    def named(cls, model: str) -> Callable[[Panel, int], StatsforecastKernel]:
        """Give the function that makes kernels of one model: ``kernels=(StatsforecastKernel.named("AutoCES"),)``."""
        return partial(cls.of, model=model)

    def __call__(self, rows: Ints, end: int, own: Draws) -> tuple[Floats, Floats, Flags]:
        """Forecast some series from a column on; see `oreloop.forecast.ensemble.Extra`.

        Paths repeat errors of the fit in blocks, from the places that the kernels of the room take. How much of an error
        stays, step by step, follows from how the model's own prediction intervals widen.

        Returns:
            Point forecasts, shape (rows, horizon); paths, shape (rows, horizon, samples); and which rows have a forecast,
            shape (rows,): the others are too short or were refused by the model, and are zero.
        """
        _, steps, samples = own.place.shape
        points, paths = np.zeros((len(rows), steps)), np.zeros((len(rows), steps, samples))
        width, errors = np.zeros((len(rows), steps)), np.zeros((len(rows), end))
        able = np.zeros(len(rows), dtype=np.bool_)
        start = self.panel.start[rows]
        for place in np.flatnonzero(end - start >= max(SHORTEST, 2 * self.season)):
            known = self.panel.values[rows[place], start[place] : end]
            said = self._said(known, steps)
            if said is not None:
                points[place], width[place], errors[place, start[place] :] = said
                able[place] = True
        if able.any():
            first = np.maximum(start + np.minimum(self.season, (end - start) // 2), end - RECENT)
            places = block_places(own, np.where(able, first, 0), end)[able]
            shocks = _centred(errors[able], first[able])
            shocks = np.take_along_axis(shocks, places.reshape(len(shocks), -1), axis=1).reshape(places.shape)
            paths[able] = points[able][:, :, None] + _carried(shocks, width[able])
        return points, paths, able

    def _model(self) -> Any:
        made: Any = getattr(_library(), self.model, None)
        try:
            model = made(season_length=self.season)
        except TypeError:  # no class at all, or one that takes something else
            model = None
        if not hasattr(model, "forecast") or getattr(model, "only_conformal_intervals", False):
            raise BadInput.of("adapters.statsforecast_model", got=self.model)
        return model

    def _said(self, known: Floats, steps: int) -> tuple[Floats, Floats, Floats] | None:
        """Give point forecasts, their standard deviations, each shape (horizon,), and errors of the fit, shape (periods,)."""
        model = self._model()
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                said = model.forecast(y=np.ascontiguousarray(known), h=steps, level=[LEVEL], fitted=True)
        except Exception:  # models refuse a series with classes of their own, Exception among them
            return None
        point = np.asarray(said["mean"], dtype=np.float64)
        width = (np.asarray(said[f"hi-{LEVEL}"]) - np.asarray(said[f"lo-{LEVEL}"])) / _WIDE
        if not (np.isfinite(point).all() and np.isfinite(width).all()):
            return None
        missed = known - np.asarray(said["fitted"], dtype=np.float64)
        # models that look back a season have no fit there
        return point, np.maximum(width, 0.0), np.where(np.isfinite(missed), missed, 0.0)


def _library() -> ModuleType:
    """Import the models of statsforecast, which takes seconds that whoever does not use them need not wait."""
    try:
        return import_module("statsforecast.models")
    except ImportError as missing:
        raise NotFound.of("adapters.extra_missing", package="statsforecast", extra="statsforecast") from missing


def _centred(errors: Floats, first: Ints) -> Floats:
    """Take their mean from errors, shape (series, periods), those before ``first`` left out of it."""
    told = np.arange(errors.shape[1]) >= first[:, None]
    mean = np.where(told, errors, 0.0).sum(axis=1, keepdims=True) / told.sum(axis=1, keepdims=True)
    return np.asarray(errors - mean)


def _carried(shocks: Floats, width: Floats) -> Floats:
    """Add up one-step errors so that their spread grows as the model's.

    In a linear model with the weights c of past errors, c_0 = 1, the variance after s steps is that of one step times
    c_0^2 + ... + c_(s-1)^2 (Hyndman, Koehler, Ord and Snyder 2008, Forecasting with Exponential Smoothing, chapter 6), so
    that the widths tell the weights. Where a model is narrower than a step before, paths are drawn together as much.

    Args:
        shocks: shape (series, horizon, samples).
        width: standard deviations, shape (series, horizon).
    """
    steps = width.shape[1]
    one = width[:, :1]
    ratio = np.divide(width, one, out=np.ones(width.shape), where=one > 0.0) ** 2
    grown = np.maximum.accumulate(ratio, axis=1)
    weight = np.sqrt(np.diff(grown, axis=1, prepend=0.0))
    lag = np.arange(steps)[:, None] - np.arange(steps)
    carried = np.where(lag >= 0, weight[:, np.maximum(lag, 0)], 0.0) @ shocks
    return np.asarray(carried * np.sqrt(ratio / grown)[:, :, None])
