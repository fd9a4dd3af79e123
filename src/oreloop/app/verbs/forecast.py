"""Forecast: the demand to plan for, from history, schedule and firm orders.

For each site and material: a schedule with its uses gives the distribution where there is one, else the history does.
The demand planned for is, in each period, the larger of the firm orders and the forecast at the service level, never
their sum. Service level means the chance of having covered all demand up to a period: the forecast's part is the
increase of the quantile of cumulative demand, not a quantile of each period.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from oreloop.base.errors import Problem
from oreloop.base.period import Horizon, Period
from oreloop.case import Case
from oreloop.forecast import LEVELS, Backtest, Forecast, backtest, from_schedule, predict
from oreloop.plan.tables.buckets import places

Floats = NDArray[np.float64]
Key = tuple[str, str]

PATHS = 500
"""Sample paths of demand that decisions are tried on."""
SHORTEST_HISTORY = 8
"""Periods of history below which no forecast is made and the mean is repeated."""
ORIGINS = 12
"""Cut-off dates of the backtest, one period apart."""
TESTED_PERIODS = 3
"""Periods ahead that the backtest judges, about the lead time from stock to use."""

_EXPLAIN = dict.fromkeys(("unique_id", "demand_class", "model"), pl.String) | dict.fromkeys(
    ("weight", "score"), pl.Float64
)
_SCORES = {"unique_id": pl.String, "step": pl.Int64, "level": pl.Float64, "metric": pl.String, "value": pl.Float64}
_QUANTILES = {"unique_id": pl.String, "ds": pl.String, "level": pl.Float64, "value": pl.Float64}


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Demand to come, kg contained; ``unique_id`` is ``<site>/<material>``.

    Args:
        history: ``unique_id, ds, y``: what was used.
        quantiles: ``unique_id, ds, level, value``, of each period.
        cumulative: the same of demand from the first period on.
        total: ``unique_id, level, value`` over the horizon.
        explain: which kernels took part, with weight and score; empty for scheduled demand.
        required: ``site, material, period, quantity_kg, rule`` (orders, forecast, schedule, mean or none).
        scores: results of the backtest; empty when no history is long enough.
        tested: the backtest, or None.
        notes: what limits the forecast.
        paths: sample paths, shape ``(paths, periods)`` each.
    """

    history: pl.DataFrame
    quantiles: pl.DataFrame
    cumulative: pl.DataFrame
    total: pl.DataFrame
    explain: pl.DataFrame
    required: pl.DataFrame
    scores: pl.DataFrame
    tested: Backtest | None
    notes: tuple[Problem, ...]
    paths: dict[Key, Floats]


def forecast(case: Case) -> Demand:
    """Forecast the demand of a case at its ``as_of``.

    Raises:
        BadInput: problems of histories and schedules.
    """
    names, level = case.horizon.names, case.forecast.service_level
    options: dict[str, Any] = {
        "season": case.forecast.season, "seed": case.forecast.seed, "gaps": "zero", "bad": "error",
    }  # fmt: skip
    history, orders = used(case), ordered(case)
    paths, rules = scheduled(case)
    long, short = by_length(history, without=[f"{site}/{material}" for site, material in paths])
    for unique_id, mean in short.group_by("unique_id").agg(pl.col("y").mean()).sort("unique_id").iter_rows():
        paths[_key(unique_id)], rules[_key(unique_id)] = np.full((PATHS, len(names)), mean), "mean"
    for key in sorted(orders.keys() - paths.keys() - {_key(each) for each in long["unique_id"].unique()}):
        paths[key], rules[key] = np.zeros((PATHS, len(names))), "none"
    levels = tuple(sorted({*LEVELS, level}))
    frames = [_read_off(paths, names, levels)]
    explain = pl.DataFrame(schema=_EXPLAIN)
    if not long.is_empty():
        gap = gap_periods(long, case.horizon)
        made = predict(long, gap + len(names), samples=PATHS, levels=levels, **options)
        for unique_id, drawn in zip(made.ids, made.paths(PATHS), strict=True):
            paths[_key(unique_id)], rules[_key(unique_id)] = drawn[:, gap:], "forecast"
        frames.append(
            _Bands.of(made)
            if gap == 0
            else _read_off({_key(each): paths[_key(each)] for each in made.ids}, names, levels)
        )
        explain = made.explain()
    bands = _Bands.joined(frames)
    judged, _ = by_length(history, without=[])
    tested = None if judged.is_empty() else backtest(judged, TESTED_PERIODS, origins=ORIGINS, **options)
    return Demand(
        history=history,
        quantiles=bands.quantiles,
        cumulative=bands.cumulative,
        total=bands.total,
        explain=explain,
        required=required(bands.cumulative.filter(pl.col("level") == level), names, orders, rules),
        scores=tested.scores if tested else pl.DataFrame(schema=_SCORES),
        tested=tested,
        notes=tested.notes if tested else (),
        paths={key: np.maximum(paths[key], orders.get(key, 0.0)) for key in sorted(paths)},
    )


def used(case: Case) -> pl.DataFrame:
    """Sum what was used by site, material and period, up to the period before the first planned one."""
    first = case.horizon.periods[0].first
    rows = case.tables["demand"].filter(pl.col("kind") == "used")
    past = [Period.parse(period).first < first for period in rows["period"]]
    return (
        rows.filter(pl.Series(past, dtype=pl.Boolean))
        .group_by(unique_id=pl.format("{}/{}", "site", "material"), ds="period")
        .agg(y=pl.col("quantity_kg").sum())
        .sort("unique_id", "ds")
    )


def ordered(case: Case) -> dict[Key, Floats]:
    """Give firm orders in each planned period, kg, shape ``(periods,)``; those of a week over two periods by days."""
    rows = (
        case.tables["demand"]
        .filter(pl.col("kind") == "ordered")
        .group_by("site", "material", "period")
        .agg(pl.col("quantity_kg").sum())
        .sort("site", "material", "period")
    )
    found: dict[Key, Floats] = {}
    there = places(rows["period"].unique(), case.horizon)
    for site, material, period, kg in rows.iter_rows():
        for at, share, _ in there[period]:
            found.setdefault((site, material), np.zeros(len(case.horizon)))[at] += kg * share
    return found


def scheduled(case: Case) -> tuple[dict[Key, Floats], dict[Key, str]]:
    """Give sample paths of the demand that a build-out schedule and its uses imply."""
    schedule = case.tables["schedule"].select("site", "product", "period", "units")
    uses = case.tables["uses"].drop("line", "source", "status", strict=False)
    if schedule.is_empty():
        return {}, {}
    made = from_schedule(schedule, uses, case.horizon.names, samples=PATHS, seed=case.forecast.seed)
    keys = list(made.keys.iter_rows())
    return dict(zip(keys, made.paths(PATHS), strict=True)), dict.fromkeys(keys, "schedule")


def by_length(history: pl.DataFrame, *, without: list[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Part the series that can be forecast from those that are too short."""
    rows = history.filter(~pl.col("unique_id").is_in(without))
    enough = pl.len().over("unique_id") >= SHORTEST_HISTORY
    return rows.filter(enough), rows.filter(~enough)


def gap_periods(history: pl.DataFrame, horizon: Horizon) -> int:
    """Count the periods between the last one of a history and the first planned one."""
    last, gap = Period.parse(str(history["ds"].max())), 0
    while last.following(gap + 1) < horizon.periods[0]:
        gap += 1
    return gap


def required(
    covered: pl.DataFrame, names: tuple[str, ...], orders: dict[Key, Floats], rules: dict[Key, str]
) -> pl.DataFrame:
    """Give the demand to plan for: the larger of orders and forecast, period by period.

    Args:
        covered: ``unique_id, ds, value``: cumulative demand at the service level.
        names: the planned periods.
        orders: firm orders, kg, shape ``(periods,)`` each.
        rules: how each forecast was made.
    """
    rows = []
    for unique_id, series in covered.group_by("unique_id", maintain_order=True):
        key = _key(str(unique_id[0]))
        wanted = np.diff(series["value"].to_numpy(), prepend=0.0)
        firm = orders.get(key, np.zeros(len(names)))
        for period, forecast_kg, order_kg in zip(names, wanted, firm, strict=True):
            rule = "orders" if order_kg > forecast_kg else rules[key]
            rows.append((*key, period, max(float(forecast_kg), float(order_kg)), rule))
    schema = dict.fromkeys(("site", "material", "period"), pl.String) | {"quantity_kg": pl.Float64, "rule": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bands:
    """Quantiles of periods, of sums from the first period on, and of the whole horizon."""

    quantiles: pl.DataFrame
    cumulative: pl.DataFrame
    total: pl.DataFrame

    @classmethod
    def of(cls, made: Forecast) -> _Bands:
        return cls(quantiles=made.quantiles, cumulative=made.cumulative, total=made.total)

    @classmethod
    def joined(cls, parts: list[_Bands]) -> _Bands:
        return cls(
            quantiles=pl.concat([each.quantiles for each in parts]).sort("unique_id", "ds", "level"),
            cumulative=pl.concat([each.cumulative for each in parts]).sort("unique_id", "ds", "level"),
            total=pl.concat([each.total for each in parts]).sort("unique_id", "level"),
        )


def _read_off(paths: dict[Key, Floats], names: tuple[str, ...], levels: tuple[float, ...]) -> _Bands:
    """Read bands off sample paths."""
    whole = {key: drawn.sum(axis=1, keepdims=True) for key, drawn in paths.items()}
    return _Bands(
        quantiles=_levels(paths, names, levels),
        cumulative=_levels({key: drawn.cumsum(axis=1) for key, drawn in paths.items()}, names, levels),
        total=_levels(whole, ("",), levels).drop("ds"),
    )


def _levels(paths: dict[Key, Floats], names: tuple[str, ...], levels: tuple[float, ...]) -> pl.DataFrame:
    rows = [
        (f"{site}/{material}", name, level, float(value))
        for (site, material), drawn in paths.items()
        for name, values in zip(names, np.quantile(drawn, levels, axis=0).T, strict=True)
        for level, value in zip(levels, values, strict=True)
    ]
    return pl.DataFrame(rows, schema=_QUANTILES, orient="row")


def _key(unique_id: str) -> Key:
    site, _, material = unique_id.partition("/")
    return site, material
