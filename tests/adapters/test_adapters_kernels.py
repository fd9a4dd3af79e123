"""Kernels of outside packages: they pass the exam of the port, learn only from before the origin, and take part as others do."""

from __future__ import annotations

import pickle
import re
import sys
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np
import polars as pl
import pytest

from oreloop.adapters.lightgbm_kernel import LightgbmKernel, _stays
from oreloop.adapters.statsforecast_kernel import StatsforecastKernel, _carried
from oreloop.base.errors import BadInput, NotFound
from oreloop.forecast import predict
from oreloop.forecast.conformance import EXTRA_EXAM, ORIGIN, SEASON, STEPS, histories
from oreloop.forecast.draws import draws, generator
from oreloop.forecast.drivers import DriverKernel, Drivers
from oreloop.forecast.panel import Panel

ABLE = {
    "early_a",
    "early_b",
    "early_c",
    "early_d",
    "early_e",
    "early_f",
    "early_g",
    "early_h",
    "half",
    "large",
    "with_zeros",
}


@pytest.fixture
def trees():
    pytest.importorskip("lightgbm")
    return LightgbmKernel.of


@pytest.fixture(params=["theirs", "stand-in"])
def models(request, monkeypatch):
    """The models of the package where it is installed; and one of the same form, which needs no package."""
    if request.param == "theirs":
        pytest.importorskip("statsforecast")
    else:
        package = ModuleType("statsforecast.models")
        package.SeasonalNaive = type("SeasonalNaive", (RepeatsASeason,), {"__module__": package.__name__})
        conformal = {"__module__": package.__name__, "only_conformal_intervals": True}
        package.SeasonalExponentialSmoothingOptimized = type("Smoothing", (RepeatsASeason,), conformal)
        package.np = np
        monkeypatch.setitem(sys.modules, package.__name__, package)
    return StatsforecastKernel


@pytest.fixture
def theirs():
    pytest.importorskip("statsforecast")
    return StatsforecastKernel


class RepeatsASeason:
    """Answers in the form of `statsforecast.models.SeasonalNaive`."""

    def __init__(self, season_length):
        self.season = season_length

    def forecast(self, y, h, level, fitted):
        before = np.concatenate([np.full(self.season, np.nan), y[: -self.season]])
        mean = np.resize(y[-self.season :], h)
        wide = np.nanstd(y - before) * np.sqrt(1.0 + np.arange(h) // self.season) * 1.2816
        return {"mean": mean, "fitted": before, f"lo-{level[0]}": mean - wide, f"hi-{level[0]}": mean + wide}


def asked(kernel, panel, end, steps=STEPS, samples=200):
    own = draws(0, panel.ids, samples=samples, horizon=steps, origins=1)
    return kernel(np.arange(len(panel.ids)), end, own)


def named(panel, able):
    return {panel.ids[row] for row in np.flatnonzero(able)}


@pytest.mark.parametrize("check", EXTRA_EXAM, ids=lambda check: check.__name__)
def test_trees_keep_every_promise(check, trees):
    check(trees)


@pytest.mark.parametrize("check", EXTRA_EXAM, ids=lambda check: check.__name__)
def test_models_of_statsforecast_keep_every_promise(check, models):
    check(models.named("SeasonalNaive"))


@pytest.mark.parametrize("check", EXTRA_EXAM, ids=lambda check: check.__name__)
def test_a_model_that_is_fitted_keeps_every_promise(check, theirs):
    check(theirs.named("DynamicOptimizedTheta"))


def test_the_kernel_of_the_guide_keeps_every_promise():
    guide = (Path(__file__).parents[2] / "docs" / "how-to" / "further-kernels.md").read_text("utf-8")
    known = {"predict": predict, "history": seasonal(4)}
    exec(re.search(r"^```py\n(from dataclasses.*?)^```", guide, re.MULTILINE | re.DOTALL)[1], known)
    assert "last" in set(known["forecast"].explain()["model"])
    for check in EXTRA_EXAM:
        check(known["LastValue"])


def test_the_kernel_of_the_room_that_knows_drivers_keeps_every_promise():
    panel = histories()
    names = panel.horizon.names
    path = generator(0, "driver").standard_normal(len(names)).cumsum() / 10.0
    table = pl.DataFrame({"driver": "price", "ds": names, "value": np.exp(path)})
    drivers = Drivers.read(table, delays={"price": 0})
    for check in EXTRA_EXAM:
        check(lambda panel, season: DriverKernel.of(panel, drivers, season=season, lags=1))


@dataclass
class Naive:
    """Repeats the last value; what a test changes breaks one promise."""

    panel: Panel
    season: int
    name: str = "naive"

    def __call__(self, rows, end, own):
        last = self.last(rows, end)
        able = np.isfinite(last)
        point = np.where(able, last, 0.0)[:, None] * np.ones(own.place.shape[1])
        return point, point[:, :, None] * (0.5 + own.place), able

    def last(self, rows, end):
        return self.panel.values[rows, end - 1]


@dataclass
class Unnamed(Naive):
    name: str = "Repeats the last"


class Flat(Naive):
    def __call__(self, rows, end, own):
        point, paths, able = super().__call__(rows, end, own)
        return point[:, 0], paths, able


class Foreseeing(Naive):
    def last(self, rows, end):
        return self.panel.values[rows, -1]


class Forgetful(Naive):
    asked = 0

    def last(self, rows, end):
        self.asked += 1
        return super().last(rows, end) + self.asked


class Sociable(Naive):
    def last(self, rows, end):
        last = super().last(rows, end)
        return last + np.arange(len(last))


class Astray(Naive):
    def __call__(self, rows, end, own):
        point, paths, able = super().__call__(rows, end, own)
        return point, 2.0 * paths, able


class Endless(Naive):
    def __call__(self, rows, end, own):
        point, paths, able = super().__call__(rows, end, own)
        return np.where(able[:, None], point, np.inf), paths, able


class Loud(Naive):
    def __call__(self, rows, end, own):
        point, paths, able = super().__call__(rows, end, own)
        return np.where(able[:, None], point, 1.0), paths, able


@pytest.mark.parametrize("check", EXTRA_EXAM, ids=lambda check: check.__name__)
def test_the_exam_is_passed_by_repeating_the_last_value(check):
    check(Naive)


@pytest.mark.parametrize(
    ("check", "broken"),
    list(zip(EXTRA_EXAM, (Unnamed, Flat, Foreseeing, Forgetful, Sociable, Astray, Endless, Loud), strict=True)),
    ids=lambda each: each.__name__,
)
def test_each_check_of_the_exam_can_be_failed(check, broken):
    with pytest.raises(AssertionError):
        check(broken)


def test_trees_forecast_what_has_two_windows_and_changes(trees):
    panel = histories()
    able = asked(trees(panel, SEASON), panel, ORIGIN)[2]
    assert named(panel, able) == ABLE


def test_trees_learn_a_season_from_others_and_follow_it(trees):
    panel = seasonal(24, wander=0.01, noise=0.15)
    point, paths, able = asked(trees(panel, SEASON), panel, 60, SEASON)
    actual = panel.values[:, 60:]
    naive = panel.values[:, 48:60]
    assert able.all()
    assert np.abs(point / actual - 1.0).mean() < 0.9 * np.abs(naive / actual - 1.0).mean()
    assert (paths > 0.0).all()


def test_bands_of_trees_widen_and_hold(trees):
    panel = seasonal(24)
    _, paths, _ = asked(trees(panel, SEASON), panel, 60, SEASON)
    spread = paths.std(axis=2) / paths.mean(axis=2)
    assert (spread[:, -1] > 1.2 * spread[:, 0]).mean() > 0.9
    low, high = np.quantile(paths, (0.1, 0.9), axis=2)
    actual = panel.values[:, 60:]
    assert 0.65 < ((actual >= low) & (actual <= high)).mean() < 0.95


def test_trees_do_not_mind_the_order_of_the_table(trees):
    panel = histories()
    turned = panel.rows(np.arange(len(panel.ids))[::-1])
    for one, other in zip(asked(trees(panel, 1), panel, ORIGIN), asked(trees(turned, 1), turned, ORIGIN), strict=True):
        np.testing.assert_array_equal(one, other[::-1])


def test_a_table_too_small_to_learn_from_is_left_to_the_other_kernels(trees):
    panel = histories().rows(np.arange(1, 5))
    assert not asked(trees(panel, SEASON), panel, ORIGIN)[2].any()
    assert asked(trees(panel, SEASON), panel, ORIGIN)[1].shape == (4, STEPS, 200)


def test_the_share_of_an_error_that_stays_is_found_from_how_errors_grow():
    steps = np.arange(8)
    for share in (0.0, 0.3, 1.0):
        assert _stays(np.sqrt(1.0 + steps * share**2)[None]) == pytest.approx(share)
    assert _stays(np.array([[1.0]])) == 0.0
    assert _stays(np.array([[0.0, 1.0]])) == 0.0
    assert _stays(np.array([[1.0, 9.0, np.nan]])) == 1.0


def test_errors_carried_on_spread_as_the_model_says():
    shocks = generator(0, "shocks").standard_normal((1, 4, 100_000))
    width = np.array([[1.0, 1.5, 1.2, 2.0]])
    np.testing.assert_allclose(_carried(shocks, width).std(axis=2), width, rtol=0.02)
    assert not _carried(np.zeros((1, 4, 1)), np.zeros((1, 4))).any()


def test_models_are_fitted_to_series_of_two_seasons(models):
    panel = histories()
    point, paths, able = asked(models.of(panel, SEASON, "SeasonalNaive"), panel, ORIGIN)
    assert named(panel, able) == ABLE | {"constant", "zero"}
    row = panel.ids.index("early_a")
    np.testing.assert_array_equal(point[row], panel.values[row, ORIGIN - SEASON : ORIGIN - SEASON + STEPS])
    assert (paths[panel.ids.index("constant")] == 5.0).all()


def test_exponential_smoothing_is_the_model_when_none_is_named(theirs):
    from statsforecast.models import AutoETS

    panel = histories().rows(np.array([1]))
    kernel = theirs.of(panel, SEASON)
    point, paths, able = asked(kernel, panel, ORIGIN)
    said = AutoETS(season_length=SEASON).forecast(y=panel.values[0, :ORIGIN], h=STEPS, level=[80])
    assert able.all()
    np.testing.assert_allclose(point[0], said["mean"])
    # a band of paths is about as wide as the model says
    band = np.diff(np.quantile(paths[0], (0.1, 0.9), axis=1), axis=0)[0] / (said["hi-80"] - said["lo-80"])
    assert ((band > 0.6) & (band < 1.4)).all()


def test_a_series_that_a_model_refuses_is_left_to_the_other_kernels(models, monkeypatch):
    panel = histories()
    kernel = models.of(panel, SEASON, "SeasonalNaive")
    package = sys.modules["statsforecast.models"]
    true = package.SeasonalNaive.forecast

    def moody(self, y, **how):
        if y[0] == 5.0:
            raise Exception("tiny datasets")
        said = true(self, y=y, **how)
        return said | {"mean": np.full(STEPS, np.nan)} if not y.any() else said

    monkeypatch.setattr(package.SeasonalNaive, "forecast", moody)
    assert named(panel, asked(kernel, panel, ORIGIN)[2]) == ABLE


@pytest.mark.parametrize(
    "model", ["AutoEST", "CrostonClassic", "WindowAverage", "np", "_TS", "SeasonalExponentialSmoothingOptimized"]
)
def test_a_model_that_cannot_serve_is_refused(model, models):
    with pytest.raises(BadInput) as refused:
        models.named(model)(histories(), SEASON)
    assert refused.value.code == "adapters.statsforecast_model"


@pytest.mark.parametrize(
    ("make", "package", "extra"),
    [(LightgbmKernel.of, "lightgbm", "lightgbm"), (StatsforecastKernel.of, "statsforecast.models", "statsforecast")],
    ids=["lightgbm", "statsforecast"],
)
def test_the_package_that_is_missing_is_named(make, package, extra, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(NotFound, match=rf"pip install oreloop\[{extra}\]") as refused:
        make(histories(), SEASON)
    assert refused.value.code == "adapters.extra_missing"


def test_a_season_is_a_whole_number(trees):
    with pytest.raises(BadInput) as refused:
        trees(histories(), 0)
    assert refused.value.code == "forecast.range"


def test_makers_travel_to_other_processes():
    made = pickle.loads(pickle.dumps(StatsforecastKernel.named("AutoCES")))
    assert isinstance(made, partial)
    assert made.keywords == {"model": "AutoCES"}
    assert pickle.loads(pickle.dumps(LightgbmKernel.of)) == LightgbmKernel.of


def test_a_further_kernel_takes_part_in_a_forecast_and_is_explained(trees):
    panel = seasonal(8)
    known = replace(panel.until(60), refused=())
    alone, both = (predict(known, 3, samples=100, kernels=kernels) for kernels in ((), (trees,)))
    assert "lightgbm" not in set(alone.explain()["model"])
    weight = both.explain().filter(pl.col("model") == "lightgbm")["weight"]
    assert len(weight) == 8
    assert weight.min() > 0.05
    assert both.total["value"].is_finite().all()


def test_nothing_is_printed(trees, capfd):
    panel = histories()
    asked(trees(panel, SEASON), panel, ORIGIN)
    assert capfd.readouterr() == ("", "")


def seasonal(count, *, wander=0.04, noise=0.05):
    """Make series of 72 months that share a season but for its place, wander, and are measured in units of their own."""
    months = np.arange(72)
    values = []
    for row in range(count):
        own = generator(1, "seasonal", str(row))
        wanders = wander * own.standard_normal(72).cumsum() + noise * own.standard_normal(72)
        values.append(10.0 ** (row % 5) * np.exp(wanders + 0.4 * np.sin((months + row) * np.pi / 6.0)))
    ids = tuple(f"series_{row:03d}" for row in range(count))
    return Panel.of(ids, histories().horizon, np.array(values))
