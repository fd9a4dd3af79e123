"""Points of smooth and seasonal series with a further kernel beside those without."""

from __future__ import annotations

import os
import time

from bench.forecast_sets import load, mase
from bench.registry import Measurement, benchmark
from oreloop.adapters.lightgbm_kernel import LightgbmKernel
from oreloop.base.period import Horizon, Period
from oreloop.forecast.ensemble import combine
from oreloop.forecast.panel import Panel

SEASON = 12


def beside(name: str, horizon: int) -> Measurement:
    """Forecast a whole set with the trees of LightGBM and without; MASE of each, CPU ms a series in words."""
    known = load(name, horizon)
    panel = Panel.of(known.ids, Horizon.of(Period.parse("2000-01"), known.known.shape[1]), known.known)
    scores, spent = [], []
    for extra in ((LightgbmKernel.of(panel, SEASON),), ()):
        started = time.process_time()
        made = combine(panel, horizon, season=SEASON, seed=0, samples=500, pool="class", extra=extra)
        spent.append(1000.0 * (time.process_time() - started) / len(known.ids))
        scores.append(float(mase(known.known, known.actual, made.mean, SEASON).mean()))
    against = (
        f"without it, at {spent[1]:.0f} ms CPU a series; with it at {spent[0]:.0f} ms; "
        f"{len(known.ids)} series, load {os.getloadavg()[0]:.1f}"
    )
    return Measurement(figure=scores[0], reference=scores[1], unit="MASE", against=against, rounds=1)


@benchmark
def forecast_lightgbm_m3_monthly() -> Measurement:
    """M3 competition, monthly, 18 months ahead: MASE (season 12) with the trees of LightGBM beside without."""
    return beside("m3_monthly", 18)


@benchmark
def forecast_lightgbm_tourism_monthly() -> Measurement:
    """Tourism competition, monthly, 24 months ahead: MASE (season 12) with the trees of LightGBM beside without."""
    return beside("tourism_monthly", 24)
