"""The kernel that answers to drivers: one more voice in the ensemble, silent for series that answer to none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from oreloop.base.errors import BadInput, Place, Problem
from oreloop.forecast.draws import Draws, block_places
from oreloop.forecast.drivers.design import MIN_DRIVER, Design, design
from oreloop.forecast.drivers.intervals import tested
from oreloop.forecast.drivers.lags import Answer, answer
from oreloop.forecast.drivers.smoothing import fading, filtering, onwards
from oreloop.forecast.drivers.table import TABLE, Drivers, ordinal
from oreloop.forecast.panel import LARGEST, Flags, Floats, Ints, Panel, whole
from oreloop.forecast.smooth.profile import seasonal_profile

LAGS = 12
"""Longest lag when none is named: a year of months."""
CARRIED = 6
"""Periods that a silent driver is carried on by its own forecast before it is left out: twice the quarter by which most
official figures are late."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DriverKernel:
    """Forecasts series from lagged drivers.

    Args:
        panel: histories.
        drivers: what was published when.
        season: periods in a season.
        lags: longest lag.
        carried: periods after its last publication for which a driver is carried on; then it has stopped, and is left
            out and listed.
        seed: with a driver's name, decides in which ways it may go on.
        name: of the kernel; its label is ``forecast.model.<name>``.
    """

    panel: Panel
    drivers: Drivers
    season: int
    lags: int = LAGS
    carried: int = CARRIED
    seed: int = 0
    name: str = "drivers"

    @classmethod
    def of(
        cls, panel: Panel, drivers: Drivers, *, season: int, lags: int = LAGS, carried: int = CARRIED, seed: int = 0
    ) -> DriverKernel:
        """Bring histories and drivers together.

        Raises:
            BadInput: ``forecast.driver_frequency`` when one is by week and the other by month; ``forecast.range``.
        """
        if drivers.frequency != panel.frequency:
            raise BadInput.of(
                "forecast.driver_frequency", Place(file=TABLE), got=drivers.frequency, expected=panel.frequency
            )
        return cls(
            panel=panel,
            drivers=drivers,
            season=whole("season", season, 1, 366),
            lags=whole("lags", lags, 0, 60),
            carried=whole("carried", carried, 0, 60),
            seed=whole("seed", seed, 0, 2**31),
        )

    def __call__(self, rows: Ints, end: int, own: Draws) -> tuple[Floats, Floats, Flags]:
        """Forecast some series from a column on, with what was known before it.

        Args:
            rows: places of the series in the panel.
            end: the origin: a column, or the number of columns for the end of the history.
            own: draws of these series.

        Returns:
            Point forecasts, shape (rows, horizon); paths, shape (rows, horizon, samples); and which rows answer to a
            driver, shape (rows,): the others are zero.
        """
        _, steps, samples = own.place.shape
        points, paths = np.zeros((len(rows), steps)), np.zeros((len(rows), steps, samples))
        able = np.zeros(len(rows), dtype=np.bool_)
        laid = self._design(end, steps, samples)
        for some, begin, logs, back in self._groups(rows, end, laid):
            candidates = laid.candidates[begin - laid.begin :]
            found = answer(logs, candidates[: end - begin], trained=laid.trained - begin)
            answering = np.flatnonzero(found.elasticity.any(axis=1))
            if not len(answering):
                continue
            mine, chosen = found.rows(answering), some[answering]
            start = self.panel.start[rows[chosen]]
            # the places of past errors that the other kernels take, so that averages of paths keep their spread
            first = np.maximum(start + np.minimum(self.season, (end - start) // 2), begin)
            places = block_places(own.rows(chosen), first, end) - begin
            point, drawn = _drawn(logs[answering], candidates, mine, laid, places)
            points[chosen] = back.rows(answering).undone(point[:, :, None])[:, :, 0]
            paths[chosen] = back.rows(answering).undone(drawn)
            able[chosen] = True
        return points, paths, able

    def effects(self) -> pl.DataFrame:
        """Say which drivers each series answers to at the end of its history.

        Returns:
            ``unique_id, driver, lag, elasticity, low, high, share``. ``elasticity``: per cent of demand for one per cent
            of the driver ``lag`` periods before (for series with zeros and drivers that are not always positive:
            multiples of their mean size). ``low`` and ``high`` hold it in 90 of 100 cases; they and the elasticity come
            from the second half of the history where the first half chose the lag. Null where it did not: then the lag
            was found by all periods together, none of them is left to test it, and the elasticity is the forecast's own.
            ``share`` of the squared one-step movements that the forecast explains by it; 0 where the forecast does not
            use it.
        """
        laid = self._design(len(self.panel.horizon), 1, 1)
        everyone = np.arange(len(self.panel.ids))
        parts = [pl.DataFrame(schema=EFFECTS)]
        for some, begin, logs, _ in self._groups(everyone, len(self.panel.horizon), laid):
            candidates = laid.candidates[begin - laid.begin : -1]
            found = answer(logs, candidates, trained=laid.trained - begin)
            apart = tested(logs, candidates, trained=laid.trained - begin)
            is_tested = np.isfinite(apart.elasticity)
            used = found.elasticity != 0.0
            row, place = np.nonzero(used | is_tested)
            parts.append(
                pl.DataFrame(
                    {
                        "unique_id": [self.panel.ids[some[each]] for each in row],
                        "driver": [laid.names[each // laid.lags] for each in place],
                        "lag": place % laid.lags,
                        "elasticity": np.where(is_tested, apart.elasticity, found.elasticity)[row, place],
                        "low": apart.low[row, place],
                        "high": apart.high[row, place],
                        "share": np.where(used, found.share, 0.0)[row, place],
                    },
                    schema=EFFECTS,
                )
            )
        return pl.concat(parts).with_columns(pl.col("low", "high").fill_nan(None)).sort("unique_id", "driver", "lag")

    def left_out(self) -> tuple[Problem, ...]:
        """List the drivers that do not take part at the end of the history, each with the reason."""
        return self._design(len(self.panel.horizon), 1, 1).left_out

    def _design(self, end: int, steps: int, samples: int) -> Design:
        return design(
            self.drivers, ordinal(self.panel.horizon.periods[0]), end, steps,
            season=self.season, lags=self.lags + 1, carried=self.carried, samples=samples, seed=self.seed,
            supposing=end == len(self.panel.horizon),
        )  # fmt: skip

    def _groups(self, rows: Ints, end: int, laid: Design) -> Iterator[tuple[Ints, int, Floats, _Shape]]:
        """Give rows that can be learned from together: their places, first column, transformed values, and the way back."""
        if not laid.names:
            return
        begins = np.maximum(self.panel.start[rows], laid.begin)
        for begin in np.unique(begins[laid.trained - begins >= MIN_DRIVER]):
            some = np.flatnonzero(begins == begin)
            known = self.panel.values[rows[some], begin:end]
            size = known.mean(axis=1, keepdims=True)
            size[size == 0.0] = 1.0
            positive = np.asarray((known > 0.0).all(axis=1, keepdims=True))
            shaped = np.where(positive, np.log(np.where(positive, known / size, 1.0)), known / size)
            profile = seasonal_profile(shaped, np.zeros(len(some), dtype=np.int64), self.season)
            cycle = profile[:, np.arange(laid.begin + len(laid.candidates) - begin) % self.season]
            back = _Shape(cycle=cycle, size=size, positive=positive)
            yield some, int(begin), shaped - cycle[:, : end - begin], back


EFFECTS = {
    "unique_id": pl.String, "driver": pl.String, "lag": pl.Int64,
    "elasticity": pl.Float64, "low": pl.Float64, "high": pl.Float64, "share": pl.Float64,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    """How series were transformed: logs, or over their mean where there are zeros, less their season.

    Args:
        cycle: seasonal profiles from the first column to the end of the horizon, shape (series, columns).
        size: mean, shape (series, 1).
        positive: shape (series, 1).
    """

    cycle: Floats
    size: Floats
    positive: Flags

    def rows(self, chosen: Ints) -> _Shape:
        return _Shape(cycle=self.cycle[chosen], size=self.size[chosen], positive=self.positive[chosen])

    def undone(self, shaped: Floats) -> Floats:
        """Turn the last columns back, shape (series, horizon, samples)."""
        whole_shape = shaped + self.cycle[:, -shaped.shape[1] :, None]
        positive, size = self.positive[:, :, None], self.size[:, :, None]
        logs = np.minimum(np.where(positive, whole_shape, 0.0), np.log(LARGEST / size))
        return np.asarray(size * np.where(positive, np.exp(logs), whole_shape))


def _drawn(logs: Floats, candidates: Floats, found: Answer, laid: Design, places: Ints) -> tuple[Floats, Floats]:
    """Smooth what drivers leave, go on from there with past errors, and add what the drivers may do."""
    (series, known), (_, steps, _) = logs.shape, places.shape
    expected = found.drift[:, None] * np.arange(1.0, known + steps + 1.0)
    expected += (found.elasticity[:, None] @ candidates.T)[:, 0]
    errors = np.empty(logs.shape)
    for row, smoothing in enumerate(found.smoothing):
        moved = filtering(known, smoothing) @ (logs[row] - expected[row, :known])
        errors[row] = moved - found.level[row] * fading(known, smoothing)
    level = found.level + found.smoothing * errors.sum(axis=1)
    shocks = np.take_along_axis(errors - errors.mean(axis=1, keepdims=True), places.reshape(series, -1), axis=1)
    point = level[:, None] + expected[:, known:]
    paths = onwards(level, found.smoothing, shocks.reshape(places.shape)) + expected[:, known:, None]
    for row, place in zip(*np.nonzero(found.elasticity), strict=True):
        driver, lag = divmod(int(place), laid.lags)
        reach = laid.lags - 1 - lag
        paths[row] += found.elasticity[row, place] * laid.spread[driver, reach : reach + steps]
    return point, paths
