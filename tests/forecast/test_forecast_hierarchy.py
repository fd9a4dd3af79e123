"""Sums of forecasts are forecasts of sums: for every node, every mean and every path."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.base.errors import BadInput
from oreloop.forecast.drivers.smoothing import smoothed
from oreloop.forecast.hierarchy import METHODS, Hierarchy, Past, aggregate, choose, reconcile, together
from oreloop.forecast.hierarchy.spread import shrinkage
from oreloop.forecast.smooth.profile import seasonal_profile

RNG = np.random.default_rng(8)
CUSTOMERS = pl.DataFrame(
    {
        "unique_id": ["e", "a", "b", "c", "d"],
        "metal": ["Ir", "Pt", "Pt", "Pt", "Ir"],
        "grade": ["sponge", "sponge", "sponge", "salt", "salt"],
    }
)
GROUPS = [(), ("metal",), ("grade",), ("metal", "grade")]


def crossed():
    return Hierarchy.of_columns(CUSTOMERS, ("metal", "grade"), groups=GROUPS)


def numbers(tree, *rest, low=-3.0):
    return RNG.uniform(low, 9.0, (len(tree.ids), *rest))


def refused(act):
    with pytest.raises(BadInput) as error:
        act()
    assert str(error.value)
    return error.value


def textbook(tree, weights, base):
    """(S' W^-1 S)^-1 S' W^-1 y, with dense inverses."""
    summing = tree.summing.toarray()
    inverse = np.linalg.inv(weights)
    return summing @ np.linalg.solve(summing.T @ inverse @ summing, summing.T @ inverse @ base)


def test_metal_grade_and_customer_come_from_columns():
    tree = Hierarchy.of_columns(CUSTOMERS, ("metal", "grade"))
    assert tree.ids[:3] == ("total", "metal=Ir", "metal=Pt")
    assert tree.ids[3:7] == (
        "metal=Ir, grade=salt",
        "metal=Ir, grade=sponge",
        "metal=Pt, grade=salt",
        "metal=Pt, grade=sponge",
    )
    assert tree.bottom == ("a", "b", "c", "d", "e")
    assert list(dict.fromkeys(tree.levels)) == ["total", "metal", "metal/grade", "bottom"]
    added = aggregate(tree, np.array([1.0, 2.0, 4.0, 8.0, 16.0]))
    assert added.tolist() == [31, 24, 7, 8, 16, 4, 3, 1, 2, 4, 8, 16]


def test_groups_may_cross():
    tree = crossed()
    added = dict(zip(tree.ids, aggregate(tree, np.array([1.0, 2.0, 4.0, 8.0, 16.0])), strict=True))
    assert added["grade=salt"] == 12
    assert added["metal=Pt"] == 7


def test_a_group_that_renames_the_bottom_is_left_out():
    named = CUSTOMERS.with_columns(customer=pl.col("unique_id"))
    tree = Hierarchy.of_columns(named, ("metal", "customer"))
    assert list(dict.fromkeys(tree.levels)) == ["total", "metal", "bottom"]


def test_a_tree_comes_from_parents_of_any_depth():
    rows = [("x", "left"), ("y", "left"), ("z", "top"), ("left", "top"), ("alone", None)]
    tree = Hierarchy.of_parents(pl.DataFrame(rows, schema=["unique_id", "parent"], orient="row"))
    assert tree.ids == ("top", "left", "alone", "x", "y", "z")
    assert tree.levels == ("0", "1", "bottom", "bottom", "bottom", "bottom")
    assert aggregate(tree, np.array([1.0, 2.0, 4.0, 8.0])).tolist() == [14, 6, 1, 2, 4, 8]


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ([("a", "b"), ("b", "a")], "forecast.hierarchy_cycle"),
        ([("a", "a")], "forecast.hierarchy_cycle"),
        ([("a", "b"), ("b", "c"), ("c", "b")], "forecast.hierarchy_cycle"),
        ([("a", "b"), ("a", "c")], "forecast.hierarchy_twice"),
        ([("", "c")], "forecast.hierarchy_empty_id"),
        ([], "forecast.empty"),
    ],
)
def test_a_table_that_is_no_tree_is_refused(rows, code):
    table = pl.DataFrame(rows, schema={"unique_id": pl.String, "parent": pl.String}, orient="row")
    assert refused(lambda: Hierarchy.of_parents(table)).code == code


def test_columns_that_make_no_levels_are_refused():
    assert refused(lambda: Hierarchy.of_columns(CUSTOMERS, ("mine",))).code == "forecast.no_column"
    hole = CUSTOMERS.with_columns(pl.lit(None, dtype=pl.String).alias("grade"))
    assert len(refused(lambda: Hierarchy.of_columns(hole, ("grade",))).problems) == 5
    twice = pl.concat([CUSTOMERS, CUSTOMERS])
    assert refused(lambda: Hierarchy.of_columns(twice, ("metal",))).code == "forecast.hierarchy_twice"


@pytest.mark.oracle
@pytest.mark.parametrize("method", ["wls_structural", "wls_variance", "mint_shrink"])
def test_reconciliation_is_the_textbook_projection(method):
    tree = crossed()
    base, errors = numbers(tree, 4), numbers(tree, 12) * RNG.uniform(0.5, 4.0, (len(tree.ids), 1))
    products = errors @ errors.T / errors.shape[1]
    share = shrinkage(errors)
    alone = np.diag(np.diag(products))
    weights = {
        "wls_structural": np.diag(tree.summing.toarray().sum(axis=1)),
        "wls_variance": alone,
        "mint_shrink": share * alone + (1 - share) * products,
    }[method]
    made = reconcile(tree, base, base[:, :, None] + 1.0, errors, method=method, nonnegative=False)
    assert made.mean == pytest.approx(textbook(tree, weights, base), abs=1e-8)
    assert made.paths[:, :, 0] == pytest.approx(textbook(tree, weights, base + 1.0), abs=1e-8)


@pytest.mark.oracle
def test_shrinkage_is_that_of_the_matrix_of_correlations():
    errors = RNG.normal(size=(9, 30)) + RNG.normal(size=30)
    scaled = (errors / np.sqrt((errors**2).mean(axis=1, keepdims=True))).T
    count = len(scaled)
    variance = ((scaled**2).T @ scaled**2 - (scaled.T @ scaled) ** 2 / count) / (count * (count - 1))
    apart = ~np.eye(9, dtype=bool)
    expected = variance[apart].sum() / ((scaled.T @ scaled / count)[apart] ** 2).sum()
    assert 0 < expected < 1
    assert shrinkage(errors) == pytest.approx(expected, rel=1e-10)


def test_one_node_alone_has_no_correlations():
    assert shrinkage(RNG.normal(size=(1, 9))) == 1.0
    assert shrinkage(np.vstack([RNG.normal(size=9), np.zeros(9)])) == 1.0


@given(st.integers(0, 2**31), st.sampled_from(METHODS), st.booleans())
def test_children_always_add_up_to_their_parents(seed, method, nonnegative):
    own = np.random.default_rng(seed)
    tree = crossed()
    mean, paths = own.normal(2, 5, (len(tree.ids), 3)), own.normal(2, 5, (len(tree.ids), 3, 4))
    errors = own.normal(size=(len(tree.ids), 6))
    made = reconcile(tree, mean, paths, errors, method=method, nonnegative=nonnegative)
    for values in (made.mean, made.paths):
        bottom = values[-len(tree.bottom) :]
        assert values == pytest.approx(aggregate(tree, bottom), rel=1e-12, abs=1e-12)
        assert not nonnegative or bottom.min() >= 0


@given(st.integers(0, 2**31), st.sampled_from(METHODS))
def test_what_adds_up_already_is_left_as_it_is(seed, method):
    own = np.random.default_rng(seed)
    tree = crossed()
    base = aggregate(tree, own.uniform(0, 9, (len(tree.bottom), 2)))
    made = reconcile(tree, base, None, own.normal(size=(len(tree.ids), 6)), method=method)
    assert made.paths is None
    assert made.mean == pytest.approx(base, abs=1e-9)


def test_a_node_that_never_erred_is_held_fast():
    tree = crossed()
    base, errors = numbers(tree, 1, low=1.0), numbers(tree, 8)
    errors[0] = 0.0
    made = reconcile(tree, base, None, errors, method="wls_variance", nonnegative=False)
    assert made.mean[0] == pytest.approx(base[0], rel=1e-6)
    never = reconcile(tree, base, None, 0.0 * errors, method="mint_shrink", nonnegative=False)
    assert np.isfinite(never.mean).all()


def test_only_periods_that_all_nodes_have_tell_correlations():
    tree = crossed()
    base, errors = numbers(tree, 1), numbers(tree, 9)
    holed = np.hstack([errors, errors[:, :2]])
    holed[0, 9], holed[3, 10] = np.nan, np.nan
    same = (reconcile(tree, base, None, each, method="mint_shrink").mean for each in (errors, holed))
    assert next(same) == pytest.approx(next(same))
    varied = reconcile(tree, base, None, holed, method="wls_variance").mean
    assert np.isfinite(varied).all()


def test_bottom_up_of_the_bottom_alone_changes_nothing():
    tree = Hierarchy.of_columns(CUSTOMERS, (), groups=[])
    base = numbers(tree, 2, low=0.0)
    assert (reconcile(tree, base, method="wls_structural").mean == base).all()


def test_what_cannot_be_reconciled_is_refused():
    tree = crossed()
    base, errors = numbers(tree, 2), numbers(tree, 6)
    code = {
        "forecast.hierarchy_shape": lambda: reconcile(tree, base[1:], base[:, :, None]),
        "forecast.hierarchy_not_finite": lambda: reconcile(tree, base * np.nan),
        "forecast.hierarchy_no_errors": lambda: reconcile(tree, base, method="mint_shrink"),
        "forecast.hierarchy_few_errors": lambda: reconcile(tree, base, None, errors[:, :3], method="wls_variance"),
        "forecast.unknown_choice": lambda: reconcile(tree, base, method="best"),
    }
    for expected, act in code.items():
        assert refused(act).code == expected
    assert len(refused(code["forecast.hierarchy_not_finite"]).problems) == len(tree.ids)
    few = np.where(np.arange(6) < 3, errors, np.nan)
    assert refused(lambda: reconcile(tree, base, None, few, method="mint_shrink")).code.endswith("few_errors")


def test_paths_brought_together_keep_each_node_and_gain_its_company():
    tree = crossed()
    shared = RNG.normal(size=200)
    errors = shared + 0.3 * RNG.normal(size=(len(tree.ids), 200))
    apart = RNG.normal(size=(len(tree.ids), 3, 500))
    joint = together(apart, errors, seed=3)
    for row in range(len(apart)):
        assert sorted(map(tuple, joint[row].T)) == sorted(map(tuple, apart[row].T))
    linked = np.corrcoef(joint.sum(axis=1))[np.triu_indices(len(apart), 1)]
    expected = np.corrcoef(errors)[np.triu_indices(len(apart), 1)]
    assert linked.mean() == pytest.approx(expected.mean(), abs=0.05)
    assert (together(apart, errors, seed=3) == joint).all()
    assert (together(apart, errors[:, :1]) == apart).all()


def origins(tree, count, *, paths=True, noise=5.0):
    """Bottom forecasts err much and by themselves, sums err little: exactly where weighing by past errors pays."""
    spread = np.where(np.array(tree.levels) == "bottom", noise, 0.5)[:, None]
    made = []
    for _ in range(count):
        actual = aggregate(tree, RNG.uniform(20, 40, (len(tree.bottom), 4)))
        mean = actual + spread * RNG.normal(size=actual.shape)
        drawn = mean[:, :, None] + spread[:, :, None] * RNG.normal(size=(*mean.shape, 50))
        errors = spread * RNG.normal(size=(len(tree.ids), 30))
        scale = np.full(len(tree.ids), 10.0)
        made.append(Past(mean=mean, paths=drawn if paths else None, errors=errors, actual=actual, scale=scale))
    return made


@pytest.mark.parametrize("paths", [True, False])
def test_weighing_by_errors_is_chosen_where_it_was_better(paths):
    tree = crossed()
    choice = choose(tree, origins(tree, 6, paths=paths))
    assert choice.method in ("wls_variance", "mint_shrink")
    gain, error = choice.gains.filter(pl.col("method") == choice.method).select("gain", "standard_error").row(0)
    assert gain > error > 0
    assert choice.scores.columns == ["method", "level", "rmsse", "crps"]
    assert choice.scores["crps"].null_count() == (0 if paths else len(choice.scores))
    by_level = {row[:2]: row[2] for row in choice.scores.iter_rows()}
    assert by_level["wls_variance", "total"] < by_level["bottom_up", "total"]


def test_bottom_up_stays_when_nothing_is_better_or_known():
    tree = crossed()
    past = [
        Past(
            mean=aggregate(tree, each.actual[-5:]), paths=None, errors=each.errors, actual=each.actual, scale=each.scale
        )
        for each in origins(tree, 4, paths=False)
    ]
    assert choose(tree, past).method == "bottom_up"
    assert choose(tree, origins(tree, 2)).method == "bottom_up"
    single = choose(tree, origins(tree, 1))
    assert single.gains["standard_error"].null_count() == 3
    assert refused(lambda: choose(tree, [])).code == "forecast.few_origins"


def test_large_trees_are_reconciled_in_seconds():
    customers = 9_000
    place = np.arange(customers)
    table = pl.DataFrame(
        {
            "unique_id": [f"{each:05d}" for each in place],
            "metal": (place % 10).astype(str),
            "grade": (place % 990).astype(str),
        }
    )
    tree = Hierarchy.of_columns(table, ("metal", "grade"))
    assert len(tree.ids) == 10_001
    base = aggregate(tree, RNG.uniform(1, 2, (customers, 3))) + RNG.normal(size=(10_001, 3))
    for method in ("wls_structural", "mint_shrink"):
        made = reconcile(tree, base, None, RNG.normal(size=(10_001, 24)), method=method)
        assert made.mean[0] == pytest.approx(made.mean[-customers:].sum(axis=0))


def test_tourism_reconciled_is_better_than_bottom_up_at_every_level(shared):
    """Quarterly nights in Australia, 304 bottom series, the last eight quarters held out; seasonal simple smoothing."""
    frame = pl.read_csv(shared("data/forecast/australia_tourism_quarterly_hier.csv"))
    names = ["State", "Region", "Purpose"]
    keys = frame.select(
        *names, pl.concat_str(names, separator="|").alias("unique_id"), pl.arange(pl.len()).alias("row")
    ).sort("unique_id")
    groups = [(), ("State",), ("Purpose",), ("State", "Region"), ("State", "Purpose")]
    tree = Hierarchy.of_columns(keys, names, groups=groups)
    values = aggregate(tree, frame.drop(names).to_numpy()[keys["row"].to_numpy()])
    known, actual = values[:, :-8], values[:, -8:]
    profile = seasonal_profile(known, np.zeros(len(known), dtype=np.int64), 4)[:, np.arange(values.shape[1]) % 4]
    fitted = [smoothed(row) for row in known - profile[:, :-8]]
    base = np.array([level for _, level, _ in fitted])[:, None] + profile[:, -8:]
    errors = np.array([each for *_, each in fitted])[:, 4:]
    scale = np.sqrt(((known[:, 4:] - known[:, :-4]) ** 2).mean(axis=1))
    levels = np.array(tree.levels)

    def rmsse(mean):
        each = np.sqrt(((mean - actual) ** 2).mean(axis=1)) / scale
        return {level: each[levels == level].mean() for level in dict.fromkeys(tree.levels)}

    score = {method: rmsse(reconcile(tree, base, None, errors, method=method).mean) for method in METHODS}
    assert all(score["mint_shrink"][level] < score["bottom_up"][level] for level in score["bottom_up"])
