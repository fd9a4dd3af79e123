"""The recursions beside statsforecast, at the same parameters where it gives them, and the measures on public series.

Statsforecast compiles itself on first use and comes with the benchmarks only (``requirements-bench.lock``), so the comparisons
with it run where that is installed.
"""

from __future__ import annotations

import csv

import numpy as np
import pytest

from oreloop.base.period import Horizon, Period
from oreloop.forecast.ensemble import combine
from oreloop.forecast.panel import Panel
from oreloop.forecast.smooth.models import theta
from oreloop.forecast.smooth.recursion import Grid, fit

BEGIN = np.zeros(1, dtype=np.int64)
STEPS = 6


def series(seed=0, periods=72):
    rng = np.random.default_rng(seed)
    season = 10 * np.sin(2 * np.pi * np.arange(periods) / 12)
    return 100 + 0.5 * np.arange(periods) + season + rng.normal(0, 3, periods)


def test_simple_smoothing_is_theirs_at_the_same_alpha():
    models = pytest.importorskip("statsforecast.models")
    values = series()
    theirs = models.SimpleExponentialSmoothing(alpha=0.3).forecast(y=values, h=STEPS)["mean"]
    grid = Grid(alpha=np.array([0.3]), beta=np.zeros(1), phi=np.zeros(1))
    # theirs begins with the first value
    ours = fit(values[None], BEGIN, grid, values[:1, None], np.zeros((1, 1))).ahead(STEPS)[0]
    assert ours == pytest.approx(theirs)


@pytest.mark.parametrize(("model", "damped"), [("AAN", False), ("AAN", True)])
def test_trends_are_theirs_at_their_parameters_and_states(model, damped):
    models = pytest.importorskip("statsforecast.models")
    values = series(1)
    fitted = models.AutoETS(model=model, damped=damped).fit(values)
    made = fitted.model_
    alpha, beta = made["par"][:2]
    phi = made["par"][3] if damped else 1.0
    level, trend = made["states"][0][:2]
    grid = Grid(alpha=np.array([alpha]), beta=np.array([beta]), phi=np.array([phi]))
    ours = fit(values[None], BEGIN, grid, np.full((1, 1), level), np.full((1, 1), trend))
    assert ours.errors[0] == pytest.approx(made["residuals"], abs=1e-6)
    # their forecast counts the first power of phi twice: 0.98, 1.96, 2.92 times the trend where ours is 0.98, 1.94, 2.88
    assert ours.ahead(STEPS)[0] == pytest.approx(fitted.predict(h=STEPS)["mean"], rel=1e-3 if damped else 1e-6)


def test_theta_is_near_theirs():
    models = pytest.importorskip("statsforecast.models")
    rng = np.random.default_rng(3)
    values = 100 + np.cumsum(rng.normal(0.5, 2, 80))
    # theirs chooses one alpha and opens differently; the drift is half the slope in both
    for model in (models.Theta, models.OptimizedTheta):
        theirs = model(season_length=1).forecast(y=values, h=STEPS)["mean"]
        assert theta(values[None], BEGIN).ahead(STEPS)[0] == pytest.approx(theirs, rel=0.02)


def measured(path, horizon):
    known, actual = [], []
    with path.open(encoding="utf-8", newline="") as text:
        for row in list(csv.DictReader(text))[::6]:
            values = [float(row[f"t{step}"]) for step in range(1, len(row)) if row.get(f"t{step}")]
            split = int(row["n_train"])
            known.append(values[:split])
            actual.append(values[split : split + horizon])
    longest = max(map(len, known))
    matrix = np.full((len(known), longest), np.nan)
    for line, values in zip(matrix, known, strict=True):
        line[longest - len(values) :] = values
    return matrix, np.array(actual)


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "horizon", "most"), [("m3_monthly", 18, 0.86), ("tourism_monthly", 24, 1.50)])
def test_public_series_are_forecast_as_well_as_was_measured(shared, name, horizon, most):
    known, actual = measured(shared(f"data/forecast/{name}.csv"), horizon)
    start = np.asarray(np.argmax(~np.isnan(known), axis=1), dtype=np.int64)
    made = combine(
        Panel(
            ids=tuple(f"{row:04}" for row in range(len(known))),
            horizon=Horizon.of(Period.parse("1970-01"), known.shape[1]),
            values=known,
            start=start,
            frequency="M",
        ),
        horizon, season=12, seed=0, samples=200, pool="class",
    )  # fmt: skip
    scale = np.nanmean(np.abs(known[:, 12:] - known[:, :-12]), axis=1)
    assert (np.abs(made.mean - actual).mean(axis=1) / scale).mean() < most
