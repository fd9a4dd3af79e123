"""What a demand forecast promises, whatever the history."""

from __future__ import annotations

import subprocess
import sys
from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oreloop.base.errors import BadInput
from oreloop.base.period import Horizon, Period
from oreloop.base.texts import LANGUAGES, field_names, label, room_texts
from oreloop.forecast import predict
from oreloop.forecast.calibrate import (
    corrected_levels,
    crps,
    pit,
    sample_quantiles,
    share_inside,
)
from oreloop.forecast.drivers import Drivers, generated
from oreloop.forecast.hierarchy import METHODS, Hierarchy
from oreloop.forecast.intermittent import CLASSES
from oreloop.forecast.panel import read_panel
from oreloop.forecast.smooth.models import SMOOTH
from oreloop.forecast.totals import KERNELS


def table(series, start="2020-01"):
    parts = []
    for name, values in series.items():
        names = Horizon.of(Period.parse(start), len(values)).names
        parts.append(pl.DataFrame({"unique_id": name, "ds": names, "y": np.asarray(values, dtype=float)}))
    return pl.concat(parts)


def mixed(seed=0, count=6, periods=40):
    rng = np.random.default_rng(seed)
    time = np.arange(periods)
    smooth = {
        f"smooth-{n}": np.maximum(0, 100 + n * time + 20 * np.sin(time * np.pi / 6) + rng.normal(0, 8, periods))
        for n in range(count)
    }
    lumpy = {f"lumpy-{n}": rng.poisson(4, periods) * (rng.random(periods) < 0.3) for n in range(count)}
    return smooth | lumpy


def values(forecast, name="quantiles"):
    return getattr(forecast, name)["value"].to_numpy()


histories = st.dictionaries(
    st.text("abcdef", min_size=1, max_size=4),
    st.lists(st.one_of(st.just(0.0), st.integers(0, 50).map(float), st.floats(0, 1e6)), min_size=9, max_size=9),
    min_size=1,
    max_size=3,
)


@settings(max_examples=25)
@given(histories, st.integers(1, 5), st.integers(1, 4))
def test_quantiles_are_ordered_and_never_negative(series, horizon, season):
    forecast = predict(table(series), horizon, season=season, samples=100)
    for name in ("quantiles", "cumulative", "total"):
        frame = getattr(forecast, name)
        keys = [column for column in frame.columns if column not in ("level", "value")]
        rising = frame.group_by(keys).agg(pl.col("value").sort_by("level").diff().min().alias("step"))["step"]
        assert rising.min() >= 0
        assert frame["value"].min() >= 0
        assert frame["value"].is_finite().all()
    longer = forecast.cumulative.sort("ds").group_by("unique_id", "level").agg(pl.col("value").diff().min())
    assert longer["value"].drop_nulls().ge(0).all()
    assert forecast.mean["mean"].min() >= 0


@pytest.mark.parametrize("factor", [0.25, 1024.0])
def test_another_unit_gives_the_same_forecast_in_that_unit(factor):
    series = mixed()
    ours = predict(table(series), 6)
    theirs = predict(table({name: np.asarray(each) * factor for name, each in series.items()}), 6)
    assert values(theirs) == pytest.approx(values(ours) * factor, rel=1e-9)
    assert values(theirs, "total") == pytest.approx(values(ours, "total") * factor, rel=1e-9)


def test_shifted_dates_change_nothing_but_the_dates():
    ours, later = predict(table(mixed()), 6), predict(table(mixed(), "2027-04"), 6)
    assert (values(ours) == values(later)).all()
    assert later.periods[0] == "2030-08"


def test_a_constant_is_forecast_as_that_constant_without_width():
    forecast = predict(table({"a": [7.3] * 40, "b": [0.1] * 40, "short": [7.3] * 40}), 5)
    for name, constant in (("a", 7.3), ("b", 0.1)):
        mine = forecast.quantiles.filter(pl.col("unique_id") == name)["value"].to_numpy()
        assert mine == pytest.approx(constant, rel=1e-12)
        assert mine.max() - mine.min() <= 1e-12
    assert values(forecast, "total")[:7] == pytest.approx(5 * 7.3)


def test_no_demand_is_forecast_as_none():
    forecast = predict(table({"dead": [0] * 30, "live": mixed(periods=30)["smooth-1"]}), 4)
    dead = pl.col("unique_id") == "dead"
    assert forecast.mean.filter(dead)["mean"].to_list() == [0.0] * 4
    assert forecast.quantiles.filter(dead)["value"].sum() == 0.0
    assert forecast.total.filter(dead)["value"].sum() == 0.0


def test_row_order_does_not_matter():
    ours = table(mixed())
    ordered, shuffled = predict(ours, 4), predict(ours.sample(fraction=1, shuffle=True, seed=4), 4)
    for name in ("mean", "quantiles", "cumulative", "total"):
        assert getattr(ordered, name).equals(getattr(shuffled, name))
    assert (ordered.paths(50) == shuffled.paths(50)).all()


def test_adding_a_series_changes_no_other_when_bands_are_corrected_alone():
    series = mixed()
    few = {name: series[name] for name in ("smooth-0", "smooth-3", "lumpy-2")}
    ours, more = (predict(table(each), 4, pool="series") for each in (few, series))
    kept = pl.col("unique_id").is_in(list(few))
    for name in ("mean", "quantiles", "cumulative", "total"):
        assert getattr(more, name).filter(kept).equals(getattr(ours, name))
    assert more.explain().filter(kept).equals(ours.explain())


def test_another_seed_changes_the_paths_and_the_same_seed_does_not():
    once, again, other = (predict(table(mixed()), 4, seed=seed) for seed in (3, 3, 4))
    assert (once.paths(20) == again.paths(20)).all()
    assert not (once.paths(20) == other.paths(20)).all()


def test_paths_hold_the_bands_and_their_sums_are_not_sums_of_quantiles():
    forecast = predict(table(mixed()), 6, samples=2000)
    paths = forecast.paths(2000)
    assert paths.shape == (12, 2000, 6)
    assert paths.min() >= 0
    shaped = values(forecast).reshape(12, 6, 7)
    smooth = slice(6, 12)  # the lumpy six come first, in which ties blur the share
    share = (paths[smooth] <= shaped[smooth, None, :, 5]).mean()
    assert share == pytest.approx(0.9, abs=0.03)
    total = values(forecast, "total").reshape(12, 7)
    assert (total[smooth, 6] < shaped[smooth, :, 6].sum(axis=1)).all()


def test_the_first_cumulative_band_is_the_first_periods_band():
    forecast = predict(table(mixed()), 3, pool="series", samples=300)
    first = pl.col("ds") == forecast.periods[0]
    median = pl.col("level") == 0.5
    assert (
        forecast.cumulative.filter(first, median)["value"].to_list()
        == forecast.quantiles.filter(first, median)["value"].to_list()
    )


def test_explain_names_the_kernels_and_their_weights():
    explained = predict(table(mixed()), 4).explain()
    assert explained.columns == ["unique_id", "demand_class", "model", "weight", "score"]
    weights = explained.group_by("unique_id").agg(pl.col("weight").sum())["weight"]
    assert weights.to_numpy() == pytest.approx(1.0)
    lumpy = explained.filter(pl.col("unique_id").str.starts_with("lumpy"))
    assert set(lumpy["model"]) <= set(KERNELS)
    assert set(explained["model"]) - set(lumpy["model"]) <= set(SMOOTH)


def test_a_kernel_that_did_well_weighs_more_and_little_history_weighs_equally():
    line = {"line": 10.0 + 5.0 * np.arange(40) + np.random.default_rng(3).normal(0, 2, 40)}
    explained = predict(table(line), 4, season=1).explain().sort("score")
    assert explained["weight"][0] == explained["weight"].max()
    short = predict(table({"a": [1.0, 3.0, 2.0, 4.0]}), 4).explain()
    assert short["score"].null_count() == len(short)
    assert short["weight"].to_numpy() == pytest.approx(1 / len(short))


def test_trend_and_season_are_followed():
    time = np.arange(60)
    shape = 1 + 0.4 * np.sin(2 * np.pi * time / 12)
    forecast = predict(table({"a": (100 + 2 * time) * shape}), 12)
    ahead = np.arange(60, 72)
    expected = (100 + 2 * ahead) * (1 + 0.4 * np.sin(2 * np.pi * ahead / 12))
    assert forecast.mean["mean"].to_numpy() == pytest.approx(expected, rel=0.12)


def test_weeks_and_late_series():
    long, late = mixed()["smooth-2"], mixed()["smooth-4"][-6:]
    frame = pl.concat([table({"a": long}, "2025-W01"), table({"b": late}, "2025-W35")])
    forecast = predict(frame, 2)
    assert forecast.periods == ("2025-W41", "2025-W42")
    assert forecast.mean["unique_id"].to_list() == ["a", "a", "b", "b"]


def test_dates_and_pandas_are_read_as_periods():
    ours = table(mixed())
    dated = ours.with_columns(pl.concat_str("ds", pl.lit("-15")).str.to_date()).to_pandas()
    assert predict(dated, 3, freq="M").mean.equals(predict(ours, 3).mean)


def test_missing_periods_are_zero_demand_only_when_said_so():
    frame = table({"a": [5.0, 0, 5, 0, 5, 0, 5, 0], "b": [1.0] * 8})
    holes = frame.filter(pl.col("y") > 0)
    assert predict(holes, 2, gaps="zero").mean.equals(predict(frame, 2).mean)
    with pytest.raises(BadInput) as refused:
        predict(holes, 2, bad="error")
    assert refused.value.code == "forecast.gap"
    assert refused.value.problems[0].fields == {"series": "a", "got": "2020-02"}


def test_one_bad_series_never_stops_the_others():
    good = table({name: [3.0, 1.0, 2.0, 4.0, 2.0, 3.0, 1.0, 2.0] for name in ("a", "c")})
    bad = {
        "forecast.negative": table({"b": [1.0] * 7 + [-1.0]}),
        "forecast.gap": table({"b": [1.0] * 5}),
        "forecast.too_short": table({"b": [1.0, 1.0]}, "2020-07"),
        "forecast.duplicate": pl.concat([table({"b": [1.0] * 8}), table({"b": [1.0]})]),
        "forecast.mixed_periods": table({"b": [1.0] * 8}, "2020-W20"),
        "forecast.not_a_period": table({"b": [1.0] * 8}).with_columns(ds=pl.format("{}?", "ds")),
        "forecast.not_finite": table({"b": [1.0] * 7 + [float("inf")]}),
    }
    for code, rows in bad.items():
        made = predict(pl.concat([good, rows]), 2)
        assert [(each.code, each.fields["series"]) for each in made.refused] == [(code, "b")]
        assert made.mean.equals(predict(good, 2).mean)
        with pytest.raises(BadInput) as refused:
            predict(pl.concat([good, rows]), 2, bad="error")
        assert refused.value.code == code


def test_a_period_to_come_is_no_history():
    rows = pl.concat([table({"a": [2.0] * 8}), table({"b": [2.0] * 9})])
    made = predict(rows, 2, as_of=date(2020, 8, 15))
    assert [(each.code, each.fields) for each in made.refused] == [
        ("forecast.future", {"series": "b", "got": "2020-09", "count": "1"})
    ]
    assert made.periods == ("2020-09", "2020-10")


def test_the_total_is_that_of_each_series_own_lead_time():
    rows = table(mixed())
    lead = {"lumpy-1": 2, "smooth-1": 8}
    made = predict(rows, 4, lead_time=lead)
    assert made.mean["ds"].unique().len() == 4
    for name, periods in (*lead.items(), ("smooth-2", 4)):
        by_itself = predict(rows, 8, lead_time=periods).total.filter(pl.col("unique_id") == name)["value"]
        assert made.total.filter(pl.col("unique_id") == name)["value"].to_list() == by_itself.to_list()
    as_table = pl.DataFrame({"unique_id": list(lead), "lead_time": list(lead.values())})
    assert predict(rows, 4, lead_time=as_table).total.equals(made.total)


@pytest.mark.parametrize(
    ("lead", "code"),
    [
        (0, "forecast.range"),
        ({"a": 0}, "forecast.range"),
        ({"x": 2}, "forecast.lead_time_unknown"),
        (pl.DataFrame({"unique_id": ["a", "a"], "lead_time": [2, 3]}), "forecast.lead_time_twice"),
        (pl.DataFrame({"unique_id": ["a"]}), "forecast.no_column"),
    ],
)
def test_a_lead_time_that_cannot_be_is_refused(lead, code):
    with pytest.raises(BadInput) as refused:
        predict(table({"a": [1.0] * 8}), 2, lead_time=lead)
    assert refused.value.code == code
    assert str(refused.value)


def test_paths_of_lumpy_series_have_the_totals_for_sums():
    made = predict(table(mixed(count=20)), 5)
    lumpy = [row for row, name in enumerate(made.ids) if name.startswith("lumpy")]
    sums = np.sort(made.paths(200).sum(axis=2)[lumpy], axis=1)
    levels = (np.arange(200) + 0.5) / 200
    assert sums == pytest.approx(made.total_quantiles(tuple(levels))[lumpy])


def test_nodes_of_a_hierarchy_add_up_in_the_mean_and_in_every_path():
    series = {name: each for name, each in mixed(count=4, periods=60).items() if name.startswith("smooth")}
    bottom = pl.DataFrame({"unique_id": list(series), "metal": ["Pt", "Pt", "Ir", "Ir"]})
    tree = Hierarchy.of_columns(bottom, ("metal",))
    made = predict(table(series), 3, hierarchy=tree)
    assert made.ids == tree.ids
    paths = made.paths(100)
    mean = made.mean["mean"].to_numpy().reshape(len(tree.ids), 3)
    for values in (mean, paths):
        below = [values[tree.ids.index(name)] for name in tree.bottom]
        assert values[tree.ids.index("total")] == pytest.approx(sum(below))
    assert made.choice is not None
    assert made.choice.method in METHODS
    assert set(made.explain()["unique_id"]) == set(tree.ids)
    with pytest.raises(BadInput, match="hierarchy"):
        predict(table({"smooth-0": series["smooth-0"]}), 3, hierarchy=tree)


def test_drivers_take_part_and_are_explained():
    made = generated(4, periods=96, relevant=1, irrelevant=1)
    told = predict(made.history, 6, drivers=Drivers.read(made.drivers))
    assert "drivers" in set(told.explain()["model"])
    assert told.effects().columns == ["unique_id", "driver", "lag", "elasticity", "low", "high", "share"]
    assert told.left_out() == ()
    without = predict(made.history, 6)
    assert without.effects().is_empty()
    assert without.left_out() == ()
    assert not told.mean.equals(without.mean)


def test_processes_change_nothing():
    class Reversed:
        """Works on the parts last first."""

        def map(self, function, parts):
            return reversed([function(part) for part in reversed(list(parts))])

    rows = table(mixed())
    assert predict(rows, 3, executor=Reversed()).total.equals(predict(rows, 3).total)


def test_a_panel_is_taken_as_it_is():
    rows = table(mixed())
    panel = read_panel(rows, freq=None, gaps="error")
    assert predict(panel, 3).total.equals(predict(rows, 3).total)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"y": pl.lit(-1.0)}, "forecast.negative"),
        ({"y": pl.lit(float("inf"))}, "forecast.not_finite"),
        ({"y": pl.lit(None, dtype=pl.Float64)}, "forecast.not_finite"),
        ({"y": pl.lit(1e300)}, "forecast.too_large"),
        ({"y": pl.lit("x")}, "forecast.column_type"),
        ({"ds": pl.lit("2020-13")}, "forecast.not_a_period"),
        ({"ds": pl.lit("2020-01")}, "forecast.duplicate"),
        ({"ds": pl.lit(3)}, "forecast.column_type"),
        ({"ds": pl.lit(None, dtype=pl.String)}, "forecast.empty_cell"),
        ({"unique_id": pl.lit(1.5)}, "forecast.column_type"),
        ({"unique_id": pl.lit(None, dtype=pl.String)}, "forecast.empty_cell"),
        ({"ds": pl.lit("2020-01-31").str.to_date()}, "forecast.freq_needed"),
        ({"ds": pl.when(pl.col("ds") == "2020-02").then(pl.lit("2020-W05")).otherwise("ds")}, "forecast.mixed_periods"),
        ({"ds": pl.when(pl.col("ds") == "2020-02").then(pl.lit("0002-02")).otherwise("ds")}, "forecast.not_a_period"),
    ],
)
def test_bad_cells_are_refused_by_name(change, code):
    with pytest.raises(BadInput) as refused:
        predict(table({"a": [1.0] * 8}).with_columns(**change), 2)
    assert refused.value.code == code
    assert str(refused.value)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"horizon": 0}, "forecast.range"),
        ({"horizon": True}, "forecast.range"),
        ({"season": 0}, "forecast.range"),
        ({"seed": -1}, "forecast.range"),
        ({"samples": 5}, "forecast.range"),
        ({"levels": (0.5, 1.0)}, "forecast.levels"),
        ({"levels": ()}, "forecast.levels"),
        ({"levels": "ab"}, "forecast.levels"),
        ({"levels": 0.5}, "forecast.levels"),
        ({"freq": "D"}, "forecast.unknown_choice"),
        ({"freq": "W"}, "forecast.mixed_periods"),
        ({"gaps": "mean"}, "forecast.unknown_choice"),
        ({"pool": "all"}, "forecast.unknown_choice"),
    ],
)
def test_bad_arguments_are_refused_by_name(arguments, code):
    with pytest.raises(BadInput) as refused:
        predict(table({"a": [1.0] * 8}), **{"horizon": 2, **arguments})
    assert refused.value.code == code
    assert str(refused.value)


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ([1, 2], "forecast.not_a_frame"),
        (pl.DataFrame({"unique_id": ["a"], "ds": ["2020-01"]}), "forecast.no_column"),
        (table({"a": [1.0] * 8}).clear(), "forecast.empty"),
        (table({"a": [1.0] * 3}), "forecast.too_short"),
        (table({"a": [1.0] * 4}).to_pandas().assign(y=[1, "x", None, {}]), "forecast.not_a_frame"),
        (
            table({"a": [1.0] * 4}).with_columns(pl.lit("2020-01-31").str.to_datetime(time_zone="UTC").alias("ds")),
            "forecast.column_type",
        ),
    ],
)
def test_bad_tables_are_refused_by_name(frame, code):
    with pytest.raises(BadInput) as refused:
        predict(frame, 2)
    assert refused.value.code == code


def test_all_problems_are_told_at_once():
    frame = table({"a": [-1.0] * 8, "b": [float("nan")] * 8, "c": [1.0] * 8})
    rows = pl.concat([frame, table({"d": [1.0] * 2}, "2020-07"), frame.filter(pl.col("unique_id") == "c")])
    with pytest.raises(BadInput) as refused:
        predict(rows, 2, bad="error")
    assert {each.code.removeprefix("forecast.") for each in refused.value.problems} == {
        "negative", "not_finite", "duplicate", "too_short",
    }  # fmt: skip


cell = st.one_of(st.none(), st.text(max_size=8), st.sampled_from(["2020-01", "2020-02", "2020-W01", "a"]))
number = st.one_of(st.none(), st.floats(), st.integers(-3, 3))


@given(st.lists(st.tuples(cell, cell, number), max_size=12), st.sampled_from(["error", "zero"]))
def test_any_table_is_forecast_or_refused(rows, gaps):
    frame = pl.DataFrame(rows, {"unique_id": pl.String, "ds": pl.String, "y": pl.Float64}, orient="row", strict=False)
    try:
        predict(frame, 2, gaps=gaps, samples=100)
    except BadInput as refused:
        assert str(refused)  # noqa: PT017


def test_more_paths_than_simulated_are_refused():
    with pytest.raises(BadInput, match="count"):
        predict(table({"a": [1.0] * 8}), 2, samples=100).paths(101)


def test_crps_of_one_value_is_its_absolute_error():
    assert crps(np.array([[[4.0]]]), np.array([[1.0]]))[0, 0] == pytest.approx(3.0)
    sample, actual = np.random.default_rng(2).normal(size=(1, 1, 400)), np.array([[0.3]])
    pairs = np.abs(sample[0, 0][:, None] - sample[0, 0]).mean()
    assert crps(sample, actual)[0, 0] == pytest.approx(np.abs(sample - 0.3).mean() - pairs / 2)


def test_levels_of_actuals_split_ties():
    sample = np.array([[[0.0, 0.0, 0.0, 5.0]]])
    assert pit(sample, np.array([[0.0]]), np.array([[0.5]]))[0, 0] == pytest.approx(0.4)
    assert pit(sample, np.array([[9.0]]), np.array([[0.5]]))[0, 0] == pytest.approx(0.9)
    assert np.isnan(pit(sample, np.array([[np.nan]]), np.array([[0.5]])))[0, 0]
    low, high = np.array([[0.2]]), np.array([[0.6]])
    assert share_inside(sample, np.array([[0.0]]), low, high)[0, 0] == pytest.approx(0.5)
    assert share_inside(sample, np.array([[9.0]]), low, high)[0, 0] == 0.0


def test_correction_is_the_split_conformal_rank():
    # 99 scores, evenly spread out to half the width: the 90 % band needs the 90th smallest of them
    away = np.arange(1, 100) / 200
    scores = (0.5 + away / 2)[None, :, None]
    read = corrected_levels(np.array([0.05, 0.5, 0.95]), scores, np.zeros(1, dtype=int), "series")
    assert read[0, 0] == pytest.approx([0.5 - 0.225, 0.5, 0.5 + 0.225])
    edge = corrected_levels(np.array([0.001]), scores, np.zeros(1, dtype=int), "series")
    assert edge[0, 0, 0] == 0.0


def test_few_scores_correct_nothing_and_small_pools_are_widened():
    levels = np.array([0.1, 0.9])
    groups = np.array([0, 1])
    few = np.full((2, 3, 2), 0.5)
    assert (corrected_levels(levels, few, groups, "class") == levels).all()
    many = np.full((2, 30, 2), np.nan)
    many[1] = 0.5
    widened = corrected_levels(levels, many, groups, "class")
    assert widened == pytest.approx(0.5)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30), st.lists(st.floats(0, 1), min_size=2, max_size=9))
def test_sample_quantiles_never_cross_nor_leave_the_sample(sample, levels):
    read = sample_quantiles(np.array([[sample]]), np.sort(np.array([[levels]])))[0, 0]
    assert (np.diff(read) >= 0).all()
    assert min(sample) <= read.min()
    assert read.max() <= max(sample)


def test_every_text_is_there_in_both_languages_with_the_same_fields():
    texts = room_texts("forecast")
    for code, parts in texts["message"].items():
        assert {"what", "hint"} <= set(parts), code
        for part in parts.values():
            assert field_names(part["en"]) == field_names(part["zh"]), code
    for code in [f"forecast.model.{name}" for name in (*SMOOTH, *KERNELS, "drivers")] + [
        f"forecast.class.{name}" for name in CLASSES
    ]:
        assert all(label(code, language) for language in LANGUAGES)


def test_import_loads_no_room_above_and_no_pandas():
    code = (
        "import sys, oreloop.forecast; rooms = {m.split('.')[1] for m in sys.modules if m.startswith('oreloop.')};"
        "assert rooms <= {'base', 'forecast'}, rooms; assert 'pandas' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
