"""Demand from what is not yet built: build-out times share times intensity, less what returns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.base.errors import BadInput
from oreloop.base.texts import render
from oreloop.forecast.technology import BuildOut, Stated, Technology, TechnologyScenario, outlook


def stated(low, mode=None, high=None):
    mode = low if mode is None else mode
    return Stated(low=low, mode=mode, high=mode if high is None else high, source="test plant, 2024", status="measured")


def single(**changes):
    return Technology(name="pem", share={2025: stated(1.0)}, intensity=stated(10.0), **changes)


def scenario(*technologies, build_out=None, first=2025, last=2035):
    return TechnologyScenario(
        material="ir",
        unit="GW",
        first=first,
        last=last,
        build_out=build_out or BuildOut(by_year={2025: stated(100.0), 2035: stated(200.0)}),
        technologies=technologies or (single(),),
    )


RETURNS = {
    "lifetime": stated(6.0, 8.0, 10.0), "shape": stated(3.0), "collection": stated(0.5, 0.7, 0.9), "recovery": stated(0.95),
}  # fmt: skip
SPREAD = scenario(
    Technology(
        name="pem", share={2025: stated(0.3, 0.4, 0.5), 2035: stated(0.2, 0.5, 0.7)},
        intensity=stated(300.0, 400.0, 700.0), learning=stated(0.1, 0.15, 0.2), **RETURNS,
    ),
    Technology(name="alkaline", share={2025: stated(0.6)}, intensity=stated(0.0), decline=stated(0.0)),
    build_out=BuildOut(
        curve="logistic", ceiling=stated(50.0, 100.0, 200.0), midpoint=stated(2029.0, 2030.0, 2032.0),
        speed=stated(0.5, 0.7, 0.9),
    ),
)  # fmt: skip


def flow(made, name):
    return made.mean.filter(pl.col("flow") == name)["quantity_kg"].to_numpy()


def test_fixed_coefficients_multiply_and_have_no_width():
    made = outlook(scenario(), samples=100)
    assert flow(made, "gross") == pytest.approx(1000 + 100 * np.arange(11))
    assert flow(made, "primary") == pytest.approx(flow(made, "gross"))
    widths = made.quantiles.group_by("flow", "year").agg(pl.col("quantity_kg").max() - pl.col("quantity_kg").min())
    assert widths["quantity_kg"].max() == pytest.approx(0.0, abs=1e-9)
    assert made.explain()["variance_share"].to_list() == [0.0] * 4


def test_what_is_put_in_either_returns_or_is_primary():
    made = outlook(SPREAD, samples=500)
    gross, secondary, primary = (made.paths(name, 500) for name in ("gross", "secondary", "primary"))
    assert gross == pytest.approx(secondary + primary)
    assert (secondary >= 0).all()
    assert (primary >= 0).all()
    # no more can return than was put in before
    assert (np.cumsum(secondary, axis=1)[:, 1:] <= np.cumsum(gross, axis=1)[:, :-1]).all()
    total = made.total.filter(pl.col("flow") == "gross", pl.col("level") == 0.5)["quantity_kg"][0]
    assert total == pytest.approx(np.median(gross.sum(axis=1)))


def test_all_metal_of_a_short_life_returns():
    fast = single(lifetime=stated(0.2), shape=stated(5.0), collection=stated(1.0), recovery=stated(0.9))
    made = outlook(scenario(fast), samples=100)
    assert flow(made, "secondary")[1:] == pytest.approx(0.9 * flow(made, "gross")[:-1])


def test_shares_of_a_year_add_to_one():
    halves = [replace(single(), name=name, share={2025: stated(0.2, 0.5, 0.9)}) for name in ("a", "b", "c")]
    made = outlook(scenario(*halves), samples=200)
    assert made.paths("gross", 200) == pytest.approx(np.tile(1000 + 100.0 * np.arange(11), (200, 1)))


def test_each_doubling_lowers_intensity_by_the_learning_rate():
    steady = BuildOut(by_year={2025: stated(1.0)})
    made = outlook(scenario(single(learning=stated(0.2)), build_out=steady, last=2028), samples=100)
    assert flow(made, "gross")[[0, 1, 3]] == pytest.approx([10.0, 8.0, 6.4])
    falling = outlook(scenario(single(decline=stated(0.1)), build_out=steady, last=2027), samples=100)
    assert flow(falling, "gross") == pytest.approx([10.0, 9.0, 8.1])
    late = BuildOut(by_year={2026: stated(0.0), 2027: stated(1.0)})
    made = outlook(scenario(single(learning=stated(0.2)), build_out=late, last=2028), samples=100)
    assert flow(made, "gross") == pytest.approx([0.0, 0.0, 10.0, 8.0])


def test_curves_are_where_their_coefficients_say():
    at = {"ceiling": stated(100.0), "midpoint": stated(2030.0), "speed": stated(0.5)}
    logistic = flow(outlook(scenario(build_out=BuildOut(curve="logistic", **at)), samples=100), "gross")
    assert logistic[5] == pytest.approx(500.0)
    gompertz = flow(outlook(scenario(build_out=BuildOut(curve="gompertz", **at)), samples=100), "gross")
    assert gompertz[5] == pytest.approx(1000.0 / np.e)
    bass = BuildOut(curve="bass", **{**at, "midpoint": stated(2025.0)}, pull=stated(0.03))
    sold = flow(outlook(scenario(build_out=bass, last=2085), samples=100), "gross")
    assert sold.sum() == pytest.approx(1000.0, rel=1e-6)
    peak = np.log(0.5 / 0.03) / 0.53
    assert abs(np.argmax(sold) - peak) <= 1.0


def test_the_spread_is_explained_by_what_spreads():
    # for a product of independent factors the first-order shares are known
    one = replace(single(), intensity=stated(5.0, 10.0, 15.0))
    made = outlook(scenario(one, build_out=BuildOut(by_year={2025: stated(99.0, 100.0, 101.0)})), samples=4000)
    told = made.explain()
    assert told["coefficient"][0] == "pem.intensity"
    assert told["variance_share"][0] == pytest.approx(1.0, abs=0.02)
    assert told["direction"][0] > 0.95
    assert set(told["source"]) == {"test plant, 2024"}
    assert 0.8 < outlook(SPREAD).explain()["variance_share"].sum() <= 1.05
    less = outlook(SPREAD).explain().filter(pl.col("coefficient") == "pem.collection")
    assert less["direction"][0] < 0.0


def test_a_coefficient_is_drawn_as_stated_and_belongs_to_its_name():
    one = replace(single(), intensity=stated(4.0, 10.0, 12.0))
    alone = outlook(scenario(one, last=2025), samples=2000)
    drawn = np.sort(alone.paths("gross", 2000)[:, 0]) / 100
    assert (drawn.min() >= 4.0, drawn.max() <= 12.0) == (True, True)
    assert (drawn <= 10.0).mean() == pytest.approx(0.75, abs=0.001)
    assert drawn.mean() == pytest.approx(26.0 / 3.0, rel=0.001)
    other = replace(single(), name="other", share={2025: stated(0.0)})
    beside = outlook(scenario(one, other, last=2025), samples=2000)
    assert np.array_equal(beside.paths("gross", 2000), alone.paths("gross", 2000))
    assert not np.array_equal(outlook(scenario(one), samples=2000, seed=1).paths("gross", 9), alone.paths("gross", 9))


@given(st.integers(100, 300), st.integers(0, 5))
def test_quantiles_never_cross(samples, seed):
    made = outlook(SPREAD, samples=samples, seed=seed)
    value = made.quantiles["quantity_kg"].to_numpy().reshape(-1, 7)
    assert (np.diff(value, axis=1) >= 0).all()


@pytest.mark.parametrize("source", ["", "  "])
def test_a_coefficient_without_a_source_is_refused(source):
    with pytest.raises(BadInput) as refused:
        Stated(low=1.0, mode=1.0, high=1.0, source=source, status="measured")
    assert refused.value.code == "forecast.no_source"
    with pytest.raises(BadInput):
        Stated(low=1.0, mode=1.0, high=1.0, source="book", status="guessed")


GIVEN = {"ceiling": stated(1.0), "midpoint": stated(2030.0), "speed": stated(0.5)}


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: stated(2.0, 1.0), "forecast.coefficient"),
        (lambda: stated(float("nan")), "forecast.coefficient"),
        (lambda: scenario(single(decline=stated(1.5))), "forecast.coefficient"),
        (lambda: scenario(build_out=BuildOut(by_year={2025: stated(-1.0)})), "forecast.coefficient"),
        (lambda: scenario(last=2020), "forecast.years"),
        (lambda: scenario(last=2200), "forecast.years"),
        (lambda: scenario(build_out=BuildOut()), "forecast.build_out"),
        (lambda: scenario(build_out=BuildOut(curve="bass", **GIVEN)), "forecast.build_out"),
        (lambda: scenario(build_out=BuildOut(curve="logistic", by_year={2025: stated(1.0)})), "forecast.build_out"),
        (lambda: scenario(single(), single()), "forecast.technologies"),
        (lambda: scenario(replace(single(), share={})), "forecast.technologies"),
        (lambda: scenario(replace(single(), share={2025: stated(0.0)})), "forecast.technologies"),
        (lambda: scenario(single(lifetime=stated(8.0))), "forecast.technologies"),
        (lambda: outlook(SPREAD, samples=1), "forecast.range"),
        (lambda: outlook(SPREAD, levels=(2.0,)), "forecast.levels"),
        (lambda: outlook(SPREAD, samples=100).paths("gross", 101), "forecast.range"),
    ],
)
def test_scenarios_that_make_no_sense_are_refused(make, code):
    with pytest.raises(BadInput) as refused:
        make()
    assert refused.value.code == code
    for language in ("en", "zh"):
        assert render(refused.value.problems[0], language)
