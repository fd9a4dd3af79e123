"""The distribution of lead-time totals of lumpy demand: how good on public sets of parts, and how fast on a million series."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from importlib.util import find_spec

import numpy as np
from scipy.stats import nbinom

from bench.forecast_sets import LEAD, LEVELS, Floats, Series, lumpy, scaled_quantile_loss
from bench.registry import Measurement, benchmark
from oreloop.forecast.panel import Ints
from oreloop.forecast.totals import fit_totals
from oreloop.forecast.totals.kernels import rolling_totals, total_scale
from oreloop.forecast.totals.rates import smooth_rates

MILLION, PERIODS, SAMPLE = 1_000_000, 84, 20_000
GRADES = np.array(LEVELS)


def ours(series: Series) -> Floats:
    """Quantiles by the totals of the room."""
    return fit_totals(series.known, _start(series.known), series.actual.shape[1]).quantiles(
        GRADES, series.actual.shape[1]
    )


def empirical(series: Series) -> Floats:
    """Quantiles of all past totals, overlapping."""
    totals = rolling_totals(series.known, _start(series.known), series.actual.shape[1])
    return np.asarray(np.nanquantile(totals, GRADES, axis=1).T)


def rates(series: Series) -> Floats:
    """Negative binomial about the mean of SBA, TSB, SES and average, with the variance of past totals."""
    step = series.actual.shape[1]
    mean = np.maximum(step * smooth_rates(series.known, _start(series.known)).combined, 1e-9)[:, None]
    past = rolling_totals(series.known, _start(series.known), step)
    variance = np.maximum(np.nanvar(past, axis=1)[:, None], 1.05 * mean)
    return np.asarray(nbinom.ppf(GRADES, mean**2 / (variance - mean), mean / variance))


def trees(series: Series) -> Floats:
    """Quantiles of the total over the scale by LightGBM, one model a level, on features of each past origin."""
    lightgbm = import_module("lightgbm")
    step, known = series.actual.shape[1], series.known
    periods = known.shape[1]
    features, targets = [], []
    for origin in range(periods - step, max(2 * step + 3, periods // 3) - 1, -step)[:12]:
        scale = total_scale(known[:, :origin], _start(known), step)
        able = ((known[:, :origin] > 0.0).sum(axis=1) >= 2) & (scale > 0.0)
        features.append(_features(known[able, :origin], step, scale[able]))
        targets.append(np.minimum(known[able, origin : origin + step].sum(axis=1) / scale[able], 20.0))
    scale = total_scale(known, _start(known), step)
    now = _features(known, step, scale)
    settings = {
        "objective": "quantile", "learning_rate": 0.05, "num_leaves": 15, "min_child_samples": 60,
        "colsample_bytree": 0.5, "subsample": 0.7, "subsample_freq": 1, "verbose": -1, "num_threads": 1, "seed": 0,
    }  # fmt: skip
    past, target = np.concatenate(features), np.concatenate(targets)
    found = [
        lightgbm.train({**settings, "alpha": level}, lightgbm.Dataset(past, target), num_boost_round=150).predict(now)
        for level in LEVELS
    ]
    return np.maximum.accumulate(np.maximum(np.stack(found, axis=1), 0.0), axis=1) * scale[:, None]


def _features(known: Floats, step: int, scale: Floats) -> Floats:
    some = known > 0.0
    seen = smooth_rates(known, _start(known))
    past = rolling_totals(known, _start(known), step)
    recent = [known[:, -width:].mean(axis=1) for width in (1, 3, 6)]
    sized = [
        seen.average,
        seen.smooth,
        seen.recent,
        seen.tsb,
        past.std(axis=1),
        *recent,
        *np.quantile(past, GRADES, axis=1),
    ]
    silent = np.where(some.any(axis=1), np.argmax(some[:, ::-1], axis=1), known.shape[1])
    free = [some.mean(axis=1), some[:, -6:].mean(axis=1), silent, np.log(scale)]
    return np.stack([*(each / scale for each in sized), *free], axis=1)


def _start(known: Floats) -> Ints:
    return np.asarray(np.argmax(np.isfinite(known), axis=1), dtype=np.int64)


@benchmark
def forecast_totals_parts() -> Measurement:
    """Geometric mean over four sets of parts of the scaled quantile loss, beside the best of the peers that are there."""
    sets = [lumpy(name) for name in LEAD]
    peers = {"empirical quantiles": empirical, "mean of rates, negative binomial": rates}
    if find_spec("lightgbm"):
        peers["LightGBM direct quantiles"] = trees

    def losses(method: Callable[[Series], Floats]) -> list[float]:
        return [float(scaled_quantile_loss(one.known, one.actual, method(one)).mean()) for one in sets]

    def middle(of: list[float]) -> float:
        return float(np.exp(np.mean(np.log(of))))

    own, theirs = losses(ours), {name: losses(method) for name, method in peers.items()}
    best = min(theirs, key=lambda name: middle(theirs[name]))
    told = "; ".join(
        f"{name} {' '.join(f'{each:.3f}' for each in of)}" for name, of in (("ours", own), *theirs.items())
    )
    return Measurement(
        figure=middle(own), reference=middle(theirs[best]), unit="scaled loss", against=f"{best} ({told})", rounds=1
    )


def synthetic(series: int) -> Floats:
    """Lumpy demand: rates of 5 to 40 % of periods, sizes Poisson about a lognormal mean."""
    numbers = np.random.default_rng(series)
    made = numbers.poisson(numbers.lognormal(1.0, 1.0, (series, 1)), (series, PERIODS)).astype(np.float64)
    for first in range(0, series, SAMPLE):
        part = made[first : first + SAMPLE]
        part *= numbers.random(part.shape) < numbers.uniform(0.05, 0.4, (len(part), 1))
    return made


@benchmark
def forecast_totals_million() -> Measurement:
    """Seconds for mean and quantiles of the total of a million series of 84 months, two processes.

    Beside it: means alone by the Croston-SBA and TSB of statsforecast on 20,000 of the series, one process, times 25
    (two processes that share the work); without statsforecast, past totals read by numpy, scaled alike.
    """
    values = synthetic(MILLION)
    started = time.perf_counter()
    with ProcessPoolExecutor(2) as pool:
        fit_totals(values, _start(values), 3, mapped=pool.map).quantiles(GRADES, 3)
    taken = time.perf_counter() - started
    sample = values[:SAMPLE]
    started = time.perf_counter()
    against = _means(sample)
    return Measurement(
        figure=taken,
        reference=(time.perf_counter() - started) * MILLION / SAMPLE / 2.0,
        unit="s",
        against=against,
        rounds=1,
    )


def _means(sample: Floats) -> str:
    if not find_spec("statsforecast"):
        np.quantile(rolling_totals(sample, _start(sample), 3), GRADES, axis=1)
        return "numpy, quantiles of past totals alone, scaled from 20,000 series to two processes"
    models = import_module("statsforecast.models")
    for row in sample.astype(np.float32):
        models.CrostonSBA().forecast(y=row, h=3)
        models.TSB(alpha_d=0.1, alpha_p=0.1).forecast(y=row, h=3)
    return "statsforecast CrostonSBA and TSB, means alone, scaled from 20,000 series to two processes"
