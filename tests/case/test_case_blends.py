"""Recipes with a blend, and assay limits, as a planner writes them in tables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.case import parse
from oreloop.case.checks.blends import least_weighted


def encoded(files):
    return {name: text.encode() for name, text in files.items()}


RECIPES = """\
process,material,direction,main,kg_per_kg,least_share,most_share,direct_yield
refine,scrap,in,yes,,,0.8,
refine,sludge,in,,,0.1,,
refine,ir-5n,out,,,,,0.9
"""
LIMITS = "limit,metric,scope,sense,value,unit\npb,assay,process=refine; element=Pb,<=,2000,ppm\n"
CONTENTS = "material,element,content,high\nscrap,Pb,0.001,\nsludge,Pb,0.004,0.006\n"


@pytest.fixture
def blended(files):
    sludge = "sludge,Ir,0.01,0.2,recycled,\n"
    return files | {
        "materials.csv": files["materials.csv"] + sludge,
        "recipes.csv": RECIPES,
        "limits.csv": LIMITS,
        "contents.csv": CONTENTS,
        "offers.csv": files["offers.csv"] + "slime,refinery,sludge,900,,,CNY/g,5\n",
    }


def test_a_blend_keeps_its_shares_and_no_fixed_amount(blended):
    case = parse(encoded(blended))
    rows = {row["material"]: row for row in case.tables["recipes"].iter_rows(named=True)}
    assert (rows["scrap"]["least_share"], rows["scrap"]["most_share"], rows["scrap"]["kg_per_kg"]) == (None, 0.8, None)
    assert rows["sludge"]["kg_per_kg"] is None
    assert rows["ir-5n"]["kg_per_kg"] == pytest.approx(0.9)


def test_chinese_headers_name_the_shares(blended):
    header = "工序,材料,方向,主行,单耗,最低配比,最高配比,直收率"
    chinese = blended | {"recipes.csv": RECIPES.replace(RECIPES.splitlines()[0], header)}
    assert parse(encoded(chinese)).tables["recipes"].equals(parse(encoded(blended)).tables["recipes"])


@pytest.mark.parametrize(
    ("file", "old", "new", "code", "line", "column"),
    [
        ("recipes.csv", "sludge,in,,,0.1", "sludge,in,,0.4,0.1", "case.blend_fixed", 3, "kg_per_kg"),
        ("recipes.csv", "scrap,in,yes,,,0.8", "scrap,in,yes,1,,0.8", "case.blend_fixed", 2, "kg_per_kg"),
        ("recipes.csv", "ir-5n,out,,,,", "ir-5n,out,,,0.3,", "case.blend_not_fed", 4, "least_share"),
        ("recipes.csv", "sludge,in,,,0.1,", "sludge,in,,,,0.1", "case.blend_shares", 2, "most_share"),
        ("recipes.csv", "scrap,in,yes,,,0.8", "scrap,in,yes,,0.95,", "case.blend_shares", 2, "least_share"),
        ("recipes.csv", "sludge,in,,,0.1,", "sludge,in,,,0.6,0.5", "case.wrong_order", 3, "least_share"),
        ("recipes.csv", "sludge,in,,,0.1,", "sludge,in,,,1.1,", "case.share_above_one", 3, "least_share"),
        ("recipes.csv", "yes,,,0.8,\n", ",,,0.8,\n", "case.one_main_row", 2, "main"),
        ("materials.csv", "sludge,Ir", "sludge,Ru", "case.blend_elements", 3, "material"),
        ("contents.csv", "sludge,Pb,0.004,0.006\n", "", "case.assay_unknown", 2, "scope"),
        ("contents.csv", "0.006", "0.003", "case.wrong_order", 3, "content"),
        ("limits.csv", "process=refine; ", "", "case.assay_scope", 2, "scope"),
        ("limits.csv", "ppm", "kg_co2e", "case.assay_unit", 2, "unit"),
        ("limits.csv", "pb,assay,process=refine; element=Pb", "pb,output,process=refine", "case.limit_unit", 2, "unit"),
    ],
)  # fmt: skip
def test_what_cannot_be_blended_is_told_with_its_cell(blended, refused, file, old, new, code, line, column):
    assert blended[file].count(old) == 1
    problems = refused(blended | {file: blended[file].replace(old, new)})
    assert (code, line, column) in {(each.code, each.place.line, each.place.column) for each in problems}


def test_the_product_as_main_row_needs_a_yield_to_say_how_large_the_blend_is(blended, refused):
    product = RECIPES.replace("in,yes", "in,").replace("ir-5n,out,,,,,0.9", "ir-5n,out,yes,,,,0.9")
    case = parse(encoded(blended | {"recipes.csv": product}))
    assert case.tables["recipes"]["direct_yield"].to_list()[-1] == pytest.approx(0.9)
    [problem] = refused(blended | {"recipes.csv": product.replace("out,yes,,,,0.9", "out,yes,,,,")})
    assert problem.code == "case.blend_amount"


def test_a_by_product_may_not_exceed_what_the_poorest_blend_holds(blended, refused):
    """At most 0.8 of scrap, with 0.05 kg of lead to one of iridium; the rest is sludge, with 0.4."""
    lead = "lead,Pb,0.99,,,\n"
    files = blended | {"materials.csv": blended["materials.csv"] + lead}
    made = RECIPES + "refine,lead,out,,{},,,\n"
    least = 0.8 * 0.05 + 0.2 * 0.4
    parse(encoded(files | {"recipes.csv": made.format(round(least - 0.001, 6))}))
    problems = refused(files | {"recipes.csv": made.format(round(least + 0.001, 6))})
    assert [each.code for each in problems] == ["case.metal_from_nothing"]


def test_a_blend_needs_only_those_inputs_that_may_make_up_the_whole(blended, refused):
    """Nobody offers sludge. It is lacking where some is asked for, and where scrap may not be all of the blend."""
    only = blended | {"offers.csv": "offer,site,material,price,price_unit,lead_days\nold,refinery,scrap,900,CNY/g,5\n"}
    for recipes in (RECIPES.replace(",yes,,,0.8,", ",yes,,,1,"), RECIPES.replace(",,,0.1,,", ",,,0,,")):
        [problem] = refused(only | {"recipes.csv": recipes})
        assert (problem.code, problem.fields["material"]) == ("case.no_source", "sludge")
    free = RECIPES.replace(",yes,,,0.8,", ",yes,,,1,").replace(",,,0.1,,", ",,,0,,")
    assert parse(encoded(only | {"recipes.csv": free}))


SHARE = st.integers(0, 20).map(lambda each: each / 20)


@given(st.lists(st.tuples(SHARE, SHARE, SHARE), min_size=2, max_size=4))
def test_the_least_weighted_mean_is_no_more_than_that_of_any_blend(parts):
    parts = [(min(low, high), max(low, high), weight) for low, high, weight in parts]
    if not sum(low for low, _, _ in parts) <= 1 <= sum(high for _, high, _ in parts):
        return
    found = least_weighted(parts)
    # Another blend: each moved as far towards its most as the whole allows, in the order given.
    rest, other = 1.0 - sum(low for low, _, _ in parts), 0.0
    for low, high, weight in parts:
        more = min(max(rest, 0.0), high - low)
        other += (low + more) * weight
        rest -= more
    assert found <= other + 1e-12
    assert min(weight for *_, weight in parts) - 1e-12 <= found
