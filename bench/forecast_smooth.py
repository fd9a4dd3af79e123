"""Points of smooth and seasonal series, beside the mean of three models of statsforecast on a fixed sample of them."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.forecast_sets import load, mase
from bench.registry import Measurement, benchmark
from oreloop.base.period import Horizon, Period
from oreloop.forecast.ensemble import combine
from oreloop.forecast.panel import Panel

SEASON = 12
PEER_SERIES = 60
"""Series that the peer forecasts: at 150 ms each all of them would take minutes."""
PEER = Path(".venv-bench/bin/python")
"""Where the bench environment is, see ``make bench``; else the peer is looked for in the running one."""


def ours(name: str, horizon: int) -> dict[str, float]:
    """Forecast a whole set with all that `predict` does; MASE of all and of the peer's sample, CPU ms a series."""
    known = load(name, horizon)
    panel = Panel(
        ids=known.ids,
        values=known.known,
        start=np.asarray(np.argmax(~np.isnan(known.known), axis=1), dtype=np.int64),
        horizon=Horizon.of(Period.parse("2000-01"), known.known.shape[1]),
        frequency="M",
    )
    levels = np.array([0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95])
    started = time.process_time()
    made = combine(panel, horizon, season=SEASON, seed=0, samples=500, pool="class")
    made.quantiles(levels), made.sum_quantiles(levels)
    spent = time.process_time() - started
    errors = mase(known.known, known.actual, made.mean, SEASON)
    return {
        "mase": errors.mean(),
        "mase_sample": errors[sample(len(errors))].mean(),
        "ms": 1000.0 * spent / len(errors),
    }


def sample(count: int) -> NDArray[np.int64]:
    """Choose the peer's series, evenly spread over the set."""
    return np.linspace(0, count - 1, min(PEER_SERIES, count)).astype(np.int64)


def peer(name: str, horizon: int) -> dict[str, float]:
    """Forecast the sample by the mean of AutoETS, DynamicOptimizedTheta and AutoCES; runs in the bench environment."""
    models = importlib.import_module("statsforecast.models")

    known = load(name, horizon)
    rows = sample(len(known.ids))
    mean = np.zeros((len(rows), horizon))
    started = time.process_time()
    for model in (models.AutoETS, models.DynamicOptimizedTheta, models.AutoCES):
        for place, row in enumerate(rows):
            series = known.known[row][~np.isnan(known.known[row])]
            mean[place] += np.maximum(model(season_length=SEASON).forecast(y=series, h=horizon)["mean"], 0.0) / 3.0
    spent = time.process_time() - started
    errors = mase(known.known[rows], known.actual[rows], mean, SEASON)
    return {"mase": errors.mean(), "ms": 1000.0 * spent / len(rows)}


def _beside(name: str, horizon: int) -> Measurement:
    """Take both in one run; the figure is the MASE of all series, the rest is told in words."""
    mine = ours(name, horizon)
    python = str(PEER) if PEER.exists() else sys.executable
    code = f"import json; from bench.forecast_smooth import peer; print(json.dumps(peer({name!r}, {horizon})))"
    found = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout
    theirs: dict[str, float] = json.loads(found.splitlines()[-1])
    against = (
        f"statsforecast, mean of AutoETS, DynamicOptimizedTheta, AutoCES on {PEER_SERIES} series at "
        f"{theirs['ms']:.0f} ms CPU each; ours on those {mine['mase_sample']:.3f}, on all {mine['mase']:.3f} "
        f"at {mine['ms']:.1f} ms each"
    )
    return Measurement(figure=mine["mase_sample"], reference=theirs["mase"], unit="MASE", against=against, rounds=1)


@benchmark
def forecast_m3_monthly() -> Measurement:
    """M3 competition, monthly, 18 months ahead: MASE (season 12) and CPU time a series."""
    return _beside("m3_monthly", 18)


@benchmark
def forecast_tourism_monthly() -> Measurement:
    """Tourism competition, monthly, 24 months ahead: MASE (season 12) and CPU time a series."""
    return _beside("tourism_monthly", 24)
