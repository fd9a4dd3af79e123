"""The block layer: what it makes of arrays, and what it refuses rather than guess."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.base.errors import BadInput
from oreloop.plan import HIGHS, Block, Builder

PAIRS = pl.DataFrame({"offer": ["a", "a", "b", "b"], "period": ["1", "2", "1", "2"]})


def refused(code, state):
    with pytest.raises(BadInput) as caught:
        state()
    [problem] = caught.value.problems
    assert problem.code == code
    assert "{" not in str(caught.value)
    return problem.fields


@pytest.mark.parametrize(
    ("given_numbers", "laid"),
    [
        (2.0, [2, 2, 2, 2, 2, 2]),
        ([1, 2, 3], [1, 2, 3, 1, 2, 3]),
        ([[1], [2]], [1, 1, 1, 2, 2, 2]),
        ([[1, 2, 3], [4, 5, 6]], [1, 2, 3, 4, 5, 6]),
        (pl.Series([1, 2, 3]), [1, 2, 3, 1, 2, 3]),
        ([Fraction(1, 2), Decimal("0.25"), 3], [0.5, 0.25, 3, 0.5, 0.25, 3]),
    ],
)
def test_numbers_are_laid_out_as_numpy_broadcasts_them(given_numbers, laid):
    lp = Builder()
    lp.columns("x", (2, 3), cost=given_numbers)
    assert lp.build().cost.tolist() == laid


@pytest.mark.parametrize("shape", [(4,), (2, 2), (4, 1), (1, 4)])
def test_the_values_of_an_index_frame_may_come_in_the_axes_that_its_rows_are_made_of(shape):
    lp = Builder()
    lp.columns("x", PAIRS, cost=np.arange(4.0).reshape(shape))
    assert lp.build().cost.tolist() == [0.0, 1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("index", "cost"),
    [
        ((2, 3), np.zeros((3, 2))), ((2, 3), np.zeros(6)), ((6,), np.zeros((2, 3))), ((3,), [1.0, 2.0]), (PAIRS, [1.0, 2.0]),
        (PAIRS, np.zeros((2, 3))), ((2,), np.zeros((2, 2))),
    ],
)  # fmt: skip
def test_an_array_that_does_not_fit_the_axes_is_refused_and_never_read_in_another_order(index, cost):
    fields = refused("plan.block_shape", lambda: Builder().columns("x", index, cost=cost))
    assert (fields["field"], fields["block"], fields["got"]) == ("cost", "x", str(np.shape(cost)))


@pytest.mark.parametrize(
    ("field", "number"),
    [
        *((field, np.nan) for field in ("cost", "lower", "upper")),
        *(("cost", number) for number in (np.inf, -np.inf, "abc", ["1", "2"], 1j, [[1], [1, 2]], 10**400, None)),
        ("lower", np.inf), ("upper", -np.inf), ("upper", np.array(["2026-01-01"], dtype="datetime64[D]")),
        *(("integer", flag) for flag in (2, 0.5, np.nan, "yes")),
    ],
)  # fmt: skip
def test_what_is_no_number_is_refused_before_a_solver_sees_it(field, number):
    assert refused("plan.block_value", lambda: Builder().columns("x", (2,), **{field: number}))["field"] == field
    if field in ("lower", "upper"):
        refused("plan.block_value", lambda: Builder().rows("r", (2,), **{field: number}))


def test_bounds_that_cross_are_refused_with_where_they_do():
    fields = refused("plan.block_bounds", lambda: Builder().columns("x", (3,), lower=[0, 3, 0], upper=[1, 1, 1]))
    assert fields == {"block": "x", "at": "1", "lower": "3.0", "upper": "1.0"}
    refused("plan.block_bounds", lambda: Builder().rows("r", (1,), lower=1.0, upper=0.0))
    refused("plan.block_bounds", lambda: Builder().columns("x", (1,), upper=-1.0))


@pytest.mark.parametrize("index", [3, (-1,), (2.5,), [2], ("2",)])
def test_an_index_is_a_frame_or_whole_lengths(index):
    assert refused("plan.block_axes", lambda: Builder().columns("x", index))["block"] == "x"


def test_a_refused_block_leaves_the_builder_as_it_was():
    lp = Builder()
    refused("plan.block_value", lambda: lp.columns("x", (2,), cost=np.nan))
    refused("plan.block_value", lambda: lp.rows("r", (2,), lower=np.nan))
    lp.columns("x", (2,), cost=1.0)
    lp.rows("r", (1,), lower=1.0)
    assert lp.build().shape == (1, 2)


def test_a_name_is_used_once_among_columns_and_once_among_rows():
    lp = Builder()
    lp.columns("x", (1,))
    lp.rows("x", (1,))
    assert refused("plan.block_twice", lambda: lp.columns("x", (1,))) == {"block": "x"}
    assert refused("plan.block_twice", lambda: lp.rows("x", (1,))) == {"block": "x"}


@pytest.fixture
def three():
    """A builder with three columns and a row."""
    lp = Builder()
    return lp, lp.columns("x", (3,), upper=9.0, cost=1.0), lp.rows("r", (1,), lower=5.0)


@pytest.mark.parametrize(
    "position",
    [3, -1, 0.7, [0, 1, 2.5], np.nan, np.inf, True, [False, True, False], "0", None, [[0], [0, 1]]],
)
def test_a_position_is_a_whole_number_inside_the_block(three, position):
    lp, x, r = three
    assert refused("plan.block_position", lambda: lp.add(r, 0, x, position, 1.0))["size"] == "3"
    assert lp.build().data.size == 0


@pytest.mark.parametrize("position", [1, 1.0, np.uint8(1), np.int32(1), [1], np.array([[1.0]]), pl.Series([1])])
def test_whole_numbers_of_any_type_are_positions(three, position):
    lp, x, r = three
    lp.add(r, 0, x, position, 2.0)
    assert lp.build().indptr.tolist() == [0, 0, 1, 1]


def test_no_positions_no_coefficients(three):
    lp, x, r = three
    lp.add(r, [], x, [], [])
    lp.add(r, 0, x, np.zeros((0, 3)), 1.0)
    assert lp.build().data.size == 0


@pytest.mark.parametrize("value", [np.nan, np.inf, "1", None, 1j])
def test_a_coefficient_is_a_finite_number(three, value):
    lp, x, r = three
    assert refused("plan.block_value", lambda: lp.add(r, 0, x, 0, value))["block"] == "r, x"


def test_arrays_of_an_addition_must_broadcast_together(three):
    lp, x, r = three
    fields = refused("plan.block_broadcast", lambda: lp.add(r, [0, 0], x, x.all, 1.0))
    assert fields == {"rows": "r", "columns": "x", "got": "(2,), (3,), ()"}


def test_a_block_knows_whether_it_is_of_rows_or_columns_and_whose_it_is(three):
    lp, x, r = three
    other = Builder()
    theirs, alike = other.columns("theirs", (3,)), other.columns("x", (3,))
    for field, rows, columns in (
        ("rows", x, r), ("rows", x, x), ("columns", r, r), ("columns", r, theirs), ("columns", r, alike),
        ("rows", "r", x), ("columns", r, Block(name="x", shape=(3,), start=0, index=pl.DataFrame())),
    ):  # fmt: skip
        assert refused("plan.block_foreign", lambda a=rows, b=columns: lp.add(a, 0, b, 0, 1.0))["field"] == field


@pytest.mark.parametrize("offset", [np.nan, np.inf, "1"])
def test_what_is_paid_whatever_the_plan_is_is_finite(three, offset):
    assert refused("plan.block_value", lambda: three[0].build(offset))["field"] == "offset"


@given(data=st.data(), rows=st.integers(1, 4), columns=st.integers(1, 5))
def test_a_program_of_blocks_is_the_program_of_its_matrix(data, rows, columns):
    """Coefficients added one by one, or as one array, or twice a half: the same model."""
    matrix = np.array(
        data.draw(
            st.lists(st.lists(st.integers(-3, 3), min_size=columns, max_size=columns), min_size=rows, max_size=rows)
        )
    )
    models = []
    for way in ("whole", "single", "halves"):
        lp = Builder()
        x, r = lp.columns("x", (columns,), upper=1.0, cost=-1.0), lp.rows("r", (rows,), upper=2.0)
        if way == "single":
            for row, column in np.ndindex(rows, columns):
                lp.add(r, row, x, column, matrix[row, column])
        for _ in range({"whole": 1, "single": 0, "halves": 2}[way]):
            lp.add(r, r.all[:, None], x, x.all, matrix / (2 if way == "halves" else 1))
        models.append(lp.build())
    assert models[0].digest == models[1].digest == models[2].digest
    assert HIGHS.solve(models[0]).objective == pytest.approx(HIGHS.solve(models[1]).objective)
