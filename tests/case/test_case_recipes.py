from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.case.cells import Calendar
from oreloop.case.checks.recipes import fill, ratios
from oreloop.case.columns import TABLES
from oreloop.case.read import read_table
from oreloop.case.sheets import csv_sheet

MATERIALS = pl.DataFrame(
    {
        "material": ["cat", "pt", "pd", "scrap"],
        "element": ["Pt", "Pt", "Pd", "Pt"],
        "content": [0.002, 0.999, 0.999, 0.1],
    }
)
CONTENTS = pl.DataFrame({"material": ["cat", "cat"], "element": ["Pd", "Pt"], "content": [0.001, 0.002]})
HEADER = "process,material,direction,main,kg_per_kg,direct_yield,final_recovery\n"


def filled(rows: str, processes: tuple[str, ...] = ("p",)):
    sheet = csv_sheet((HEADER + rows).encode(), "recipes.csv")
    reading = read_table(TABLES["recipes"], sheet, Calendar(weeks=False))
    assert not reading.problems
    return fill(reading, pl.DataFrame({"process": processes}), MATERIALS, CONTENTS)


def codes(rows: str) -> list[str]:
    return [problem.code for problem in filled(rows).problems]


def test_a_yield_gives_the_kilograms_and_the_kilograms_the_yield():
    by_yield, by_mass = (filled(f"p,scrap,in,yes,,,\np,pt,out,,{cells},\n").frame for cells in (",0.9", "0.9,"))
    assert by_yield.equals(by_mass)
    assert by_yield["kg_per_kg"].to_list() == [1.0, 0.9]
    assert by_yield["direct_yield"].to_list() == [None, 0.9]


def test_with_the_product_as_main_row_the_only_input_follows_from_the_yield():
    frame = filled("p,scrap,in,,,,\np,pt,out,yes,,0.8,\n").frame
    assert frame["kg_per_kg"].to_list() == [1.25, 1.0]


def test_by_products_come_in_the_ratio_of_the_contents():
    frame = filled("p,cat,in,yes,,,\np,pt,out,,,0.95,\np,pd,out,,,0.9,\n").frame
    assert frame["kg_per_kg"].to_list() == [1.0, 0.95, pytest.approx(0.45)]


def test_a_blank_loss_takes_what_is_left():
    frame = filled("p,scrap,in,yes,,,\np,pt,out,,,0.9,\np,scrap,loss,,,,\n").frame
    assert frame["kg_per_kg"].to_list() == [1.0, 0.9, pytest.approx(0.1)]


def test_what_is_recovered_in_the_end_may_be_more_than_in_one_pass():
    assert not codes("p,scrap,in,yes,,,\np,pt,out,,,0.78,0.97\np,scrap,loss,,0.22,,\n")


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ("p,cat,in,yes,,,\np,pd,out,,0.6,,\n", "case.metal_from_nothing"),
        ("p,scrap,in,yes,,,\np,pd,out,,0.1,,\n", "case.metal_from_nothing"),
        ("p,scrap,in,yes,,,\np,pd,out,,,0.1,\n", "case.metal_from_nothing"),
        ("p,scrap,in,yes,,,\np,pt,out,,,0.9,\np,scrap,loss,,0.2,,\n", "case.metal_from_nothing"),
        ("p,scrap,in,yes,,,\np,pt,out,,,0.6,0.9\np,scrap,out,,,0.3,\n", "case.metal_from_nothing"),
        ("p,scrap,in,yes,,,\np,pt,out,,,0.9,0.8\n", "case.final_below_direct"),
        ("p,scrap,in,yes,,,\np,cat,in,,,,\np,pt,out,,,0.9,\n", "case.recipe_without_quantity"),
        ("p,pt,out,yes,,,\n", "case.recipe_one_sided"),
        ("p,scrap,in,yes,,,\np,pt,out,yes,,0.9,\n", "case.one_main_row"),
    ],
)
def test_no_metal_comes_from_nothing(rows, code):
    assert codes(rows) == [code]


def test_a_cycle_cannot_gain_metal_since_none_of_its_processes_may():
    there = "p,scrap,in,yes,,,\np,pt,out,,1,,\n"
    back = "q,pt,in,yes,,,\nq,scrap,out,,1.001,,\n"
    (problem,) = filled(there + back, ("p", "q")).problems
    assert (problem.code, problem.fields["process"]) == ("case.metal_from_nothing", "q")


def test_yield_and_mass_may_differ_by_a_millionth():
    assert not codes("p,scrap,in,yes,,,\np,pt,out,,0.9000005,0.9,\n")
    assert codes("p,scrap,in,yes,,,\np,pt,out,,0.90001,0.9,\n") == ["case.yield_disagrees"]


@given(shares=st.lists(st.floats(0.01, 1), min_size=1, max_size=1), other=st.floats(0, 1))
def test_of_every_accepted_recipe_no_more_comes_out_than_goes_in(shares, other):
    result = filled(f"p,cat,in,yes,,,\np,pt,out,,,{shares[0]:.9f},\np,pd,out,,{other:.9f},,\n")
    share = ratios(MATERIALS, CONTENTS)
    if result.problems:
        assert other > 0.5
        return
    rows = result.frame.select("material", "direction", "kg_per_kg").rows()
    for element in ("Pt", "Pd"):
        fed = sum(kg * share[name].get(element, 0) for name, side, kg in rows if side == "in")
        made = sum(kg * share[name].get(element, 0) for name, side, kg in rows if side == "out")
        assert made <= fed + 1e-9
