"""What a backtest says: one table, one headline, and every score behind them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from oreloop.base.errors import BadInput, Problem
from oreloop.base.texts import Language, label
from oreloop.forecast.demand import long_frame
from oreloop.forecast.intermittent import CLASSES
from oreloop.forecast.panel import Floats
from oreloop.forecast.scores import Outcome, measures

COLUMNS = ("mase", "rmsse", "wape", "bias", "crps", "total_scaled_loss", "skill_mae", "skill_crps")
"""Measures of the table that have no level."""
_BANDS = ("coverage", "coverage_split", "total_coverage", "total_coverage_split")


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """What one may say of a forecast in one line.

    Args:
        level: share that the band promises to hold.
        coverage: share of actuals that it held, ends included; None without forecasts.
        coverage_split: the same with ties split, which is the fair figure for demand that is mostly zero.
        horizon: periods.
        wape: sum of absolute errors of the mean over sum of demand; None without demand.
        naive: ``seasonal_naive``, ``last_value`` or ``average``, label ``forecast.naive.<name>``.
        skill: 1 less our absolute error over the naive's; above 0 is better than it; None where the naive never erred.
        forecasts: how many (series, origin, period) the figures rest on.
        origins: how many origins.
    """

    level: float
    coverage: float | None
    coverage_split: float | None
    horizon: int
    wape: float | None
    naive: str
    skill: float | None
    forecasts: int
    origins: int

    def said(self, language: Language) -> str:
        """Say it in words.

        >>> one = Headline(level=0.9, coverage=0.88, coverage_split=0.87, horizon=3, wape=0.125, naive="last_value",
        ...                skill=0.2, forecasts=72, origins=6)
        >>> one.said("en")
        'The 90 % band, 3 periods ahead, held 88 % of 72 outcomes from 6 origins (ties split: 87 %). WAPE 12.5 %. Skill 20 % over the naive forecast (the last value).'
        """
        if not self.forecasts:
            return label("forecast.headline.none", language)
        fields = {
            name: _percent(getattr(self, name)) for name in ("level", "coverage", "coverage_split", "wape", "skill")
        }
        naive = label(f"forecast.naive.{self.naive}", language)
        counts = {"horizon": self.horizon, "forecasts": f"{self.forecasts:,}", "origins": self.origins}
        return label("forecast.headline", language, **fields, **counts, naive=naive)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Backtest:
    """Rolling-origin results; frames are made when they are asked for.

    Args:
        ids: series, sorted.
        periods: names of the periods of the history.
        ends: for each origin, how many of these periods were known.
        horizon: periods ahead.
        naive: name of the naive.
        notes: what limits the figures, as problems to be shown, e.g. ``forecast.few_origins``.
        refused: what was wrong with the series that were left out, each problem with the field ``series``.
    """

    ids: tuple[str, ...]
    periods: tuple[str, ...]
    ends: tuple[int, ...]
    horizon: int
    naive: str
    notes: tuple[Problem, ...]
    refused: tuple[Problem, ...]
    _outcome: Outcome = field(repr=False)

    @property
    def origins(self) -> int:
        """How many origins there are."""
        return len(self.ends)

    @property
    def levels(self) -> tuple[float, ...]:
        """The shares that the scored central bands promise, widest first."""
        return self._outcome.band_levels

    @property
    def forecasts(self) -> pl.DataFrame:
        """``unique_id, origin, ds, step, actual, mean, naive``; ``origin`` is the last period that was known."""
        made, names = self._outcome, pl.Series("names", self.periods)
        axes: dict[str, tuple[Any, ...]] = {"unique_id": self.ids, "end": self.ends}
        axes["step"] = tuple(range(1, self.horizon + 1))
        frame = long_frame(axes, "actual", made.actual).cast({"end": pl.Int64, "step": pl.Int64})
        return (
            frame.with_columns(
                mean=pl.Series(made.mean.ravel()),
                naive=pl.Series(made.naive.ravel()).fill_nan(None),
                origin=names.gather(frame["end"] - 1),
                ds=names.gather(frame["end"] + frame["step"] - 1),
            )
            .filter(pl.col("actual").is_not_nan())
            .select("unique_id", "origin", "ds", "step", "actual", "mean", "naive")
        )

    @property
    def scores(self) -> pl.DataFrame:
        """``unique_id, step, level, metric, value``, by series.

        ``step`` null = over all periods of the horizon, ``level`` null where the metric has none, ``value`` null where it
        is not defined. Metrics: `oreloop.forecast.scores`.
        """
        return _frame("unique_id", self.ids, self._outcome)

    @property
    def class_scores(self) -> pl.DataFrame:
        """``demand_class, step, level, metric, value``; ``all`` for every series together."""
        return pl.concat(_frame("demand_class", (name,), part) for name, part in self._groups().items())

    @property
    def skill(self) -> pl.DataFrame:
        """``metric, naive, value``: 1 less our error over the naive's, of all series: ``mae``, ``rmse``, ``crps``."""
        whole = self.class_scores.filter(
            pl.col("demand_class") == "all", pl.col("step").is_null(), pl.col("metric").str.starts_with("skill_")
        )
        return whole.select(pl.col("metric").str.strip_prefix("skill_"), pl.lit(self.naive).alias("naive"), "value")

    def table(self, level: float = 0.9) -> pl.DataFrame:
        """Give one row for all series, one for each class, and one for each series.

        Args:
            level: share that the band promises whose coverage is told.

        Returns:
            ``scope`` (``all``, ``class``, ``series``), ``name``, ``demand_class`` (that of the last origin), ``series``,
            ``forecasts``, then the measures over the whole horizon: `COLUMNS` and coverages.

        Raises:
            BadInput: ``forecast.no_band``.
        """
        self._band(level)
        groups = self._groups()
        rows = [*(("class" if name != "all" else "all", name, part) for name, part in groups.items())]
        parts = [_row(scope, name, name if scope == "class" else None, part, level) for scope, name, part in rows]
        own = self.scores.filter(pl.col("step").is_null(), _wanted(level))
        wide = own.pivot(on="metric", index="unique_id", values="value", maintain_order=True)
        known = np.isfinite(self._outcome.actual).sum(axis=(1, 2))
        classes = [CLASSES[place] if place >= 0 else None for place in self._outcome.last_class]
        each = wide.select(
            scope=pl.lit("series"),
            name="unique_id",
            demand_class=pl.Series(classes, dtype=pl.String),
            series=pl.lit(1, dtype=pl.Int64),
            forecasts=pl.Series(known, dtype=pl.Int64),
            **{name: pl.col(name) for name in (*COLUMNS, *_BANDS)},
        )
        return pl.concat([*parts, each])

    def headline(self, level: float = 0.9) -> Headline:
        """Sum up over all series, origins and periods.

        Raises:
            BadInput: ``forecast.no_band`` when the levels of the backtest hold no central band of this share.
        """
        self._band(level)
        found = _row("all", "all", None, self._outcome, level).row(0, named=True)
        return Headline(
            level=level,
            coverage=found["coverage"],
            coverage_split=found["coverage_split"],
            horizon=self.horizon,
            wape=found["wape"],
            naive=self.naive,
            skill=found["skill_mae"],
            forecasts=found["forecasts"],
            origins=self.origins,
        )

    def _band(self, level: float) -> None:
        if level not in self.levels:
            raise BadInput.of("forecast.no_band", got=level, expected=", ".join(map(str, self.levels)) or "-")

    def _groups(self) -> dict[str, Outcome]:
        """Part the series by the class that they had at their last origin; all of them first."""
        of = self._outcome.last_class
        parts = {name: np.flatnonzero(of == place) for place, name in enumerate(CLASSES)}
        return {"all": self._outcome} | {name: self._outcome.of(rows) for name, rows in parts.items() if len(rows)}


def _frame(axis: str, names: tuple[str, ...], made: Outcome) -> pl.DataFrame:
    """Write the measures of each series, or, of a class, those of all its series together."""
    parts = []
    for metric, level, values in measures(made, together=axis == "demand_class"):
        steps: tuple[int | None, ...] = (None,) if values.ndim == 1 else tuple(range(1, values.shape[1] + 1))
        part = long_frame({axis: names, "step": steps}, "value", values)
        parts.append(
            part.select(
                axis,
                pl.col("step").cast(pl.Int64),
                pl.lit(level, dtype=pl.Float64).alias("level"),
                pl.lit(metric).alias("metric"),
                pl.col("value").fill_nan(None),
            )
        )
    return pl.concat(parts)


def _wanted(level: float) -> pl.Expr:
    """Choose what stands in the table."""
    return pl.col("metric").is_in(COLUMNS) | (pl.col("metric").is_in(_BANDS) & (pl.col("level") == level))


def _row(scope: str, name: str, demand_class: str | None, part: Outcome, level: float) -> pl.DataFrame:
    """Give one row of the table for several series together."""
    found: dict[str, Floats] = {
        metric: values
        for metric, at, values in measures(part, together=True)
        if values.ndim == 1 and (metric in COLUMNS or (metric in _BANDS and at == level))
    }
    known = np.isfinite(part.actual)
    first = {"scope": scope, "name": name, "demand_class": demand_class}
    counts = {"series": int(known.any(axis=(1, 2)).sum()), "forecasts": int(known.sum())}
    values = {metric: _known(found[metric][0]) for metric in (*COLUMNS, *_BANDS)}
    schema: dict[str, Any] = dict.fromkeys(first, pl.String) | dict.fromkeys(counts, pl.Int64)
    return pl.DataFrame([first | counts | values], schema=schema | dict.fromkeys(values, pl.Float64))


def _known(value: Any) -> float | None:
    return None if np.isnan(value) else float(value)


def _percent(share: float | None) -> str:
    """Write a share as per cent, to one place.

    >>> _percent(0.9), _percent(0.123), _percent(None)
    ('90 %', '12.3 %', '–')
    """
    return "–" if share is None else f"{share * 100:.1f}".removesuffix(".0") + " %"
