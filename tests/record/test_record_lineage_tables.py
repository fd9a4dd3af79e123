"""Lineage from tables, and whole masses split for many batches at once."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.base.errors import BadInput
from oreloop.base.quantity import split
from oreloop.record import Lineage
from oreloop.record.lineage.apportion import apportion, weights_of

GROUPS = st.lists(
    st.tuples(st.integers(0, 2**53), st.lists(st.integers(0, 2**44), min_size=1, max_size=9).filter(any)),
    max_size=12,
)


@given(GROUPS)
def test_many_totals_are_split_as_one_by_one(groups):
    totals = np.array([total for total, _ in groups], dtype=np.int64)
    weights = np.array([weight for _, listed in groups for weight in listed], dtype=np.int64)
    counts = np.array([len(listed) for _, listed in groups], dtype=np.int64)
    expected = [part for total, listed in groups for part in split(total, listed)]
    assert apportion(totals, weights, counts).tolist() == expected


def test_a_tie_goes_to_the_earlier_part():
    assert apportion(np.array([7, 1]), np.array([1, 1, 1, 1, 1]), np.array([2, 3])).tolist() == [4, 3, 1, 0, 0]


def test_shares_that_differ_by_rounding_weigh_the_same():
    assert len(set(weights_of(np.array([1 / 3, 1 / 3 + 1e-16, 1 - 2 / 3])))) == 1


def tables(**changed):
    plain = {
        "batches": {"batch": ["a", "b"], "event": ["e", "f"], "gross_mg": [10, 10]},
        "contained": {"batch": ["a", "b"], "element": ["Ir", "Ir"], "mass_mg": [4, 4]},
        "used": {"event": ["f"], "batch": ["a"], "share": [1.0]},
        "taken": {"event": ["f"], "batch": ["a"], "element": ["Ir"], "mass_mg": [4]},
    }
    return Lineage.of_tables(**{name: pl.DataFrame(plain[name] | changed.get(name, {})) for name in plain})


def test_columns_that_are_left_out_have_their_defaults():
    lineage = tables()
    assert lineage.origins().rows() == [("a", "Ir", "", "", 1.0, 4), ("b", "Ir", "", "", 1.0, 4)]
    assert lineage.recycled_kinds().row(0) == ("a", "Ir", 0.0, 0.0, 0.0)
    assert lineage.footprint({"Ir": 1000.0})["co2e_g"].to_list() == [4, 4]


def test_a_blend_of_many_mines_names_them_all():
    mines = [f"m{number:02}" for number in range(40)]
    lineage = Lineage.of_tables(
        batches=pl.DataFrame({"batch": [*mines, "blend"], "event": [*mines, "blended"], "gross_mg": 9,
                              "country": "ZAF", "site": [*mines, ""]}),
        contained=pl.DataFrame({"batch": [*mines, "blend"], "element": "Ir", "mass_mg": [1] * 40 + [100]}),
        used=pl.DataFrame({"event": "blended", "batch": mines, "share": 1.0}),
        taken=pl.DataFrame({"event": "blended", "batch": mines, "element": "Ir", "mass_mg": 1}),
    )  # fmt: skip
    blend = lineage.origins().filter(batch="blend")
    assert blend["site"].to_list() == mines
    assert blend["mass_mg"].to_list() == split(100, [1] * 40)


def test_the_order_of_rows_within_tables_does_not_matter():
    one = tables(batches={"country": ["ZAF", ""]})
    other = tables(batches={"country": ["ZAF", ""]}, contained={"batch": ["b", "a"], "mass_mg": [4, 4]})
    assert one.origins().equals(other.origins())


def test_metal_of_a_blank_batch_is_of_unknown_origin():
    lineage = tables(
        batches={"country": ["ZAF", ""]},
        used={"event": ["f", "f"], "batch": ["a", None], "share": [1.0, 1.0]},
        taken={"event": ["f", "f"], "batch": ["a", None], "element": ["Ir", "Ir"], "mass_mg": [4, 12]},
    )
    assert lineage.origins().filter(batch="b")["country", "share", "mass_mg"].rows() == [
        ("", 0.75, 3),
        ("ZAF", 0.25, 1),
    ]
    assert lineage.footprint({"Ir": 1000.0})["co2e_g"].to_list() == [4, 16]
    assert lineage.own_g({"Ir": 1000.0}).tolist() == pytest.approx([4, 12])


@pytest.mark.parametrize(
    ("code", "changed", "words"),
    [
        ("columns", {"used": None}, "used of a lineage lacks the columns event, share"),
        ("value", {"batches": {"gross_mg": [10, -1]}}, "row 2, column gross_mg: -1"),
        ("value", {"batches": {"gross_mg": ["10", "much"]}}, "row 2, column gross_mg: much"),
        ("value", {"batches": {"batch": ["a", None]}}, "row 2, column batch: None"),
        ("value", {"batches": {"allocation": ["mass", "beauty"]}}, "column allocation: beauty"),
        ("value", {"batches": {"recycled_kind": ["", "old"]}}, "column recycled_kind: old"),
        ("value", {"batches": {"recycled_share": [0.5, 1.1]}}, "column recycled_share: 1.1"),
        ("value", {"batches": {"emissions_g": [0.5, float("nan")]}}, "column emissions_g: nan"),
        ("value", {"used": {"share": [1.5]}}, "column share: 1.5"),
        ("unknown", {"used": {"batch": ["z"]}}, "used, column batch: z"),
        ("unknown", {"taken": {"event": ["z"]}}, "taken, column event: z"),
        ("unknown", {"contained": {"batch": ["a", "z"]}}, "contained, column batch: z"),
        ("twice", {"batches": {"batch": ["a", "a"]}}, "batches lists batch a twice"),
        ("twice", {"contained": {"batch": ["a", "a"]}}, "contained lists batch a twice"),
        ("order", {"used": {"batch": ["b"]}}, "f takes batch b"),
        ("order", {"taken": {"event": ["e"]}}, "e takes batch a"),
    ],
)
def test_tables_that_make_no_sense_are_refused(code, changed, words):
    if changed.get("used", ()) is None:
        with pytest.raises(BadInput, match=words) as caught:
            Lineage.of_tables(batches=pl.DataFrame({"batch": [], "event": [], "gross_mg": []}),
                              contained=pl.DataFrame({"batch": [], "element": [], "mass_mg": []}),
                              used=pl.DataFrame(), taken=pl.DataFrame())  # fmt: skip
    else:
        with pytest.raises(BadInput, match=words) as caught:
            tables(**changed)
    assert caught.value.code == f"record.lineage_{code}"
