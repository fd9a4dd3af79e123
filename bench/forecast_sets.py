"""Public series that forecasts are measured on, kept beside the checkout, and the two measures they are judged by."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LEVELS = (0.025, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.975)
"""Levels of the scaled quantile loss."""
LEAD = {"carparts_monthly": 3, "braf_monthly": 3, "auto_monthly": 3, "man_weekly": 13}
"""Periods in the total of each lumpy set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A set of series, each ending in the last column.

    Args:
        ids: names.
        known: shape (series, periods), NaN before a series begins: what a forecast may see.
        actual: shape (series, horizon): what came.
    """

    ids: tuple[str, ...]
    known: Floats
    actual: Floats


def folder() -> Path:
    """Where the sets are: ``ORELOOP_FORECAST_SETS``, else ``shared/data/forecast`` beside the checkout."""
    named = os.environ.get("ORELOOP_FORECAST_SETS")
    return Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data" / "forecast"


def load(name: str, horizon: int) -> Series:
    """Read a wide set; the last ``horizon`` values of each series are held out, those after ``n_train`` where it is given."""
    ids, known, actual = [], [], []
    with (folder() / f"{name}.csv").open(encoding="utf-8", newline="") as text:
        for row in csv.DictReader(text):
            values = [float(row[f"t{step}"]) for step in range(1, len(row)) if row.get(f"t{step}")]
            split = int(row["n_train"]) if row.get("n_train") else len(values) - horizon
            ids.append(row["unique_id"])
            known.append(values[:split])
            actual.append(values[split : split + horizon])
    longest = max(map(len, known))
    matrix = np.full((len(ids), longest), np.nan)
    for line, values in zip(matrix, known, strict=True):
        line[longest - len(values) :] = values
    return Series(ids=tuple(ids), known=matrix, actual=np.array(actual))


def lumpy(name: str) -> Series:
    """Read a set of parts without the series that have fewer than two demands to learn from."""
    whole = load(name, LEAD[name])
    some = np.flatnonzero((whole.known > 0.0).sum(axis=1) >= 2)
    return Series(ids=tuple(whole.ids[row] for row in some), known=whole.known[some], actual=whole.actual[some])


def scaled_quantile_loss(known: Floats, actual: Floats, quantiles: Floats) -> Floats:
    """Score the distribution of the total of each series.

    Twice the pinball loss, averaged over `LEVELS`, over the mean absolute difference of the series' own rolling totals one
    horizon apart.

    Args:
        known: shape (series, periods).
        actual: shape (series, horizon).
        quantiles: of the total, shape (series, levels).
    """
    horizon = actual.shape[1]
    sums = np.cumsum(np.insert(np.nan_to_num(known), 0, 0.0, axis=1), axis=1)
    rolling = sums[:, horizon:] - sums[:, :-horizon]
    scale = np.abs(rolling[:, horizon:] - rolling[:, :-horizon]).mean(axis=1)
    away = actual.sum(axis=1)[:, None] - quantiles
    levels = np.array(LEVELS)
    loss: Floats = 2.0 * np.maximum(levels * away, (levels - 1.0) * away).mean(axis=1) / scale
    return loss


def mase(known: Floats, actual: Floats, mean: Floats, season: int) -> Floats:
    """Score points: mean absolute error over the in-sample mean absolute error of the seasonal naive, of each series."""
    scale = np.nanmean(np.abs(known[:, season:] - known[:, :-season]), axis=1)
    error: Floats = np.abs(actual - mean).mean(axis=1) / scale
    return error
