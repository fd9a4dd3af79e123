"""Demand forecasts: quantiles of each period and of sums of periods, and joint paths, from histories."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any, Literal

import numpy as np
import polars as pl

from oreloop.base.errors import BadInput, Problem, problem
from oreloop.forecast.drivers import Drivers
from oreloop.forecast.drivers.kernel import EFFECTS
from oreloop.forecast.ensemble import Extra
from oreloop.forecast.hierarchy import Choice, Hierarchy
from oreloop.forecast.intermittent import CLASSES
from oreloop.forecast.nested import Nested, nested
from oreloop.forecast.outlook import How, Outlook, look_ahead
from oreloop.forecast.panel import (
    Bad,
    Floats,
    Frequency,
    Gaps,
    Ints,
    Panel,
    absent_columns,
    as_polars,
    checked_levels,
    read_panel,
    season_of,
    whole,
)
from oreloop.forecast.ports import Executor, InTurn

LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
"""Quantile levels when none are named."""
Pool = Literal["class", "series"]
LeadTime = int | Mapping[str, int] | pl.DataFrame
MAX_HORIZON = 366
MAX_SAMPLES = 20_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Forecast:
    """Demand to come, in the unit of the history. Frames are made when they are asked for.

    Args:
        ids: series in the order of every array: sorted, or as in the hierarchy.
        periods: names of the coming periods.
        levels: quantile levels.
        lead_time: periods in the total of each series, shape (series,).
        refused: what is wrong with series that were left out, each problem with the field ``series``.
    """

    ids: tuple[str, ...]
    periods: tuple[str, ...]
    levels: tuple[float, ...]
    lead_time: Ints
    refused: tuple[Problem, ...]
    _said: Outlook | Nested = field(repr=False)
    _samples: int = field(repr=False)

    @cached_property
    def mean(self) -> pl.DataFrame:
        """Point forecasts: ``unique_id, ds, mean``."""
        return long_frame({"unique_id": self.ids, "ds": self.periods}, "mean", self._cut(self._said.mean))

    @cached_property
    def quantiles(self) -> pl.DataFrame:
        """``unique_id, ds, level, value``: quantiles of each period by itself."""
        return self._by_period(self._said.quantiles(np.array(self.levels)))

    @cached_property
    def cumulative(self) -> pl.DataFrame:
        """``unique_id, ds, level, value``: quantiles of the demand from the first period to ``ds``."""
        return self._by_period(self._said.running_sums(np.array(self.levels)))

    @cached_property
    def total(self) -> pl.DataFrame:
        """``unique_id, level, value``: quantiles of the demand over the lead time of the series, else the horizon."""
        return long_frame({"unique_id": self.ids, "level": self.levels}, "value", self.total_quantiles())

    @property
    def choice(self) -> Choice | None:
        """How the nodes of a hierarchy were reconciled, and why; None without one, or with too little past to compare."""
        return self._said.choice if isinstance(self._said, Nested) else None

    def total_quantiles(self, levels: tuple[float, ...] | None = None) -> Floats:
        """Give the totals as an array, shape (series, levels): a million series need no frame.

        Raises:
            BadInput: ``forecast.levels``.
        """
        asked = self.levels if levels is None else checked_levels(levels)
        return self._said.sums(np.array(asked), self.lead_time)

    @property
    def total_mean(self) -> Floats:
        """Point forecasts of the demand over each series' lead time, shape (series,)."""
        running = np.cumsum(self._said.mean, axis=1)
        return np.asarray(np.take_along_axis(running, self.lead_time[:, None] - 1, axis=1)[:, 0])

    @property
    def demand_classes(self) -> tuple[str, ...]:
        """The class of each series, see `oreloop.forecast.intermittent.CLASSES`."""
        return tuple(CLASSES[each] for each in self._base.classes)

    def paths(self, count: int) -> Floats:
        """Give joint sample paths, shape (series, count, horizon), series in the order of ``ids``.

        Each period of frequent demand holds its corrected band. A path of one series says nothing about another series,
        unless they are nodes of a hierarchy: then the n-th paths add up.

        Raises:
            BadInput: ``forecast.range`` when more are asked for than were simulated.
        """
        return self._cut(self._said.paths(whole("count", count, 1, self._samples)), axis=2)

    def components(self) -> pl.DataFrame:
        """Say what the mean of each period is the sum of; worked out when it is asked for.

        Returns:
            ``unique_id, ds, component, value``, in the unit of the history. Of frequent demand ``level``, ``trend``,
            ``season``, and by its name what each further kernel changes, such as ``drivers``
            (`oreloop.forecast.components.components` states the rule); of lumpy demand ``rate`` alone, what is to be
            expected of any period. In a hierarchy also ``reconciliation``: what adding up changes.
        """
        added = {"reconciliation": self._said.mean - self._base.mean} if isinstance(self._said, Nested) else {}
        frames = []
        for part in self._base.parts:
            found = {**part.family.components(), **{name: change[part.rows] for name, change in added.items()}}
            ids = tuple(self.ids[row] for row in part.rows)
            axes = {"unique_id": ids, "ds": self.periods, "component": tuple(found)}
            frames.append(long_frame(axes, "value", self._cut(np.stack([*found.values()], axis=2))))
        return pl.concat(frames).sort("unique_id", maintain_order=True)

    def explain(self) -> pl.DataFrame:
        """Say which kernels the forecast is made of, and why; `components` says what its mean is the sum of.

        Returns:
            ``unique_id, demand_class, model, weight, score``; one row for each kernel that takes part. ``score`` is what
            the weight follows from: of frequent demand the mean CRPS on past origins in the unit of the history, of lumpy
            demand the scaled pinball loss of past totals; less is better, null where there was no past origin.
        """
        said = self._base
        frames = []
        for part in said.parts:
            rows, models = np.nonzero(part.weights > 0.0)
            frames.append(
                pl.DataFrame(
                    {
                        "unique_id": [self.ids[part.rows[row]] for row in rows],
                        "demand_class": [CLASSES[said.classes[part.rows[row]]] for row in rows],
                        "model": [part.models[model] for model in models],
                        "weight": part.weights[rows, models],
                        "score": pl.Series(part.scores[rows, models]).fill_nan(None),
                    }
                )
            )
        return pl.concat(frames).sort("unique_id", maintain_order=True)

    def effects(self) -> pl.DataFrame:
        """Say which drivers each series answers to.

        Returns:
            ``unique_id, driver, lag, elasticity, low, high, share``, see `oreloop.forecast.drivers.DriverKernel.effects`;
            no rows without drivers.
        """
        answers = self._base.answers
        return pl.DataFrame(schema=EFFECTS) if answers is None else answers.effects()

    def left_out(self) -> tuple[Problem, ...]:
        """List the drivers that take no part, each with the reason."""
        answers = self._base.answers
        return () if answers is None else answers.left_out()

    @property
    def _base(self) -> Outlook:
        return self._said.base if isinstance(self._said, Nested) else self._said

    def _cut(self, values: Floats, axis: int = 1) -> Floats:
        """Leave out the periods that only the longest lead time needed."""
        return np.take(values, np.arange(len(self.periods)), axis=axis)

    def _by_period(self, values: Floats) -> pl.DataFrame:
        axes = {"unique_id": self.ids, "ds": self.periods, "level": self.levels}
        return long_frame(axes, "value", self._cut(values))


def predict(
    history: Any,
    horizon: int,
    *,
    season: int | None = None,
    freq: Frequency | None = None,
    levels: tuple[float, ...] = LEVELS,
    lead_time: LeadTime | None = None,
    drivers: Drivers | None = None,
    hierarchy: Hierarchy | None = None,
    gaps: Gaps = "error",
    bad: Bad = "list",
    as_of: date | None = None,
    pool: Pool = "class",
    samples: int = 500,
    seed: int = 0,
    kernels: tuple[Callable[[Panel, int], Extra], ...] = (),
    executor: Executor | None = None,
) -> Forecast:
    """Forecast demand for every series of a history.

    Kernels are weighted by their scores on the past, and bands corrected by how past actuals fell in them: of frequent
    demand by simulation (`oreloop.forecast.ensemble`), of lumpy or short series as the distribution of sums
    (`oreloop.forecast.totals`).

    Args:
        history: polars or pandas, long: ``unique_id``, ``ds`` (period names, or dates together with ``freq``), ``y``
            (demand of the period, any unit), or a `Panel`. Every series is forecast from the period after the last one of
            the table.
        horizon: periods to forecast.
        season: periods in a season; 1 for none; a year of periods when not given. A season is used only by series that
            cover three of them.
        freq: ``M`` or ``W``; what most of the table's periods are when not given.
        levels: quantile levels.
        lead_time: periods in the total: one number, one for each series by name, or a table ``unique_id, lead_time``; the
            horizon for series that are not named. It may be longer than the horizon.
        drivers: what else is known, and from when (`oreloop.forecast.drivers`).
        hierarchy: which sums of the series are wanted besides; then the nodes are forecast, and add up.
        gaps: whether a period missing after a series' first is an error, or zero demand (``zero``).
        bad: ``list`` leaves series out that cannot be forecast and lists them in ``Forecast.refused``; ``error`` refuses
            the table for them.
        as_of: a period that begins after this day cannot be history; None to accept all.
        pool: whether series learn from all series of a ``class``, or each ``series`` is treated as if alone.
        samples: paths simulated for each series.
        seed: together with the name of a series, decides its random numbers.
        kernels: makers of further kernels, each from a `Panel` and a season; weighted like our own, for the same series
            as drivers.
        executor: what parts of a large table are given to; they are worked on in turn when not given. It changes no
            result.

    Raises:
        BadInput: what is wrong with the table or an argument (``forecast.*``).

    >>> months = [f"2025-{month:02d}" for month in range(1, 13)]
    >>> history = pl.DataFrame({"unique_id": "ir", "ds": months, "y": 30.0})
    >>> predict(history, 2).mean.rows()
    [('ir', '2026-01', 30.0), ('ir', '2026-02', 30.0)]
    """
    horizon = whole("horizon", horizon, 1, MAX_HORIZON)
    panel = read_panel(history, freq=freq, gaps=gaps, bad=bad, as_of=as_of)
    ids = panel.ids if hierarchy is None else hierarchy.ids
    lead = lead_times(lead_time, ids, horizon)
    steps = max(horizon, int(lead.max()))
    how = How(
        season=season_of(panel, season),
        seed=whole("seed", seed, 0, 2**31),
        samples=whole("samples", samples, 100, MAX_SAMPLES),
        pool=checked_pool(pool),
        drivers=drivers,
        kernels=kernels,
        executor=executor or InTurn(),
    )
    return Forecast(
        ids=ids,
        periods=panel.following(horizon),
        levels=checked_levels(levels),
        lead_time=lead,
        refused=panel.refused,
        _said=look_ahead(panel, steps, how) if hierarchy is None else nested(panel, hierarchy, steps, how),
        _samples=how.samples,
    )


def lead_times(given: LeadTime | None, ids: tuple[str, ...], horizon: int) -> Ints:
    """Give the periods in the total of each series, shape (series,).

    Raises:
        BadInput: ``forecast.range`` with the series, ``forecast.lead_time_unknown`` for a name that is no series,
            ``forecast.no_column``, ``forecast.lead_time_twice``.

    >>> lead_times({"b": 5}, ("a", "b"), 3).tolist()
    [3, 5]
    """
    if given is None or isinstance(given, int | np.integer):
        return np.full(len(ids), whole("lead_time", horizon if given is None else given, 1, MAX_HORIZON))
    named = dict(given) if isinstance(given, Mapping) else _named_lead_times(given)
    unknown = sorted(set(named) - set(ids))
    if unknown:
        raise BadInput([problem("forecast.lead_time_unknown", series=name) for name in unknown])
    return np.array([whole(f"lead_time.{name}", named.get(name, horizon), 1, MAX_HORIZON) for name in ids])


def _named_lead_times(table: Any) -> dict[str, Any]:
    frame = as_polars(table, "lead_time")
    if found := absent_columns(frame, "lead_time", ("unique_id", "lead_time")):
        raise BadInput(found)
    twice = frame["unique_id"].filter(frame["unique_id"].is_duplicated()).unique().sort()
    if len(twice):
        raise BadInput([problem("forecast.lead_time_twice", series=name) for name in twice])
    return dict(frame.select(pl.col("unique_id").cast(pl.String), "lead_time").iter_rows())


def checked_pool(pool: str) -> str:
    """Check the choice of whose scores correct the bands.

    Raises:
        BadInput: ``forecast.unknown_choice``.
    """
    if pool not in ("class", "series"):
        raise BadInput.of("forecast.unknown_choice", name="pool", got=pool, expected="class, series")
    return pool


def long_frame(axes: dict[str, tuple[Any, ...]], name: str, values: Floats) -> pl.DataFrame:
    """Write an array as a long frame, one column for each axis and one for the value.

    >>> long_frame({"level": (0.1, 0.9)}, "value", np.array([3.0, 4.0])).rows()
    [(0.1, 3.0), (0.9, 4.0)]
    """
    columns: dict[str, pl.Series] = {}
    for place, (axis, labels) in enumerate(axes.items()):
        within = int(np.prod(values.shape[place + 1 :], dtype=np.int64))
        before = int(np.prod(values.shape[:place], dtype=np.int64))
        index = np.tile(np.repeat(np.arange(len(labels)), within), before)
        columns[axis] = pl.Series(axis, list(labels)).gather(index)
    return pl.DataFrame({**columns, name: values.ravel()})
