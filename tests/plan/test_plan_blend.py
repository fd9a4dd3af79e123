"""Blends in proportions that the plan chooses, held to what a furnace may be fed."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from by_hand import bought, planned
from hypothesis import given, settings
from hypothesis import strategies as st

from oreloop.base.errors import BadInput
from oreloop.plan import Edit, Infeasible, Session, solve, verify_certificate
from oreloop.plan.assays import Held, keep
from oreloop.plan.formulate import formulate
from oreloop.plan.ranges import sentence, shadow_prices

FEW = settings(max_examples=max(1, settings.default.max_examples // 4))
SITES = [{"site": "fab", "party": "us"}]
MATERIALS = [
    {"material": "lead", "element": "Pb"},
    {"material": "clean", "element": "Pb", "content": 0.8, "recycled": "primary"},
    {"material": "battery", "element": "Pb", "content": 0.5, "recycled": "recycled"},
]
CONTENTS = [
    {"material": "clean", "element": "Sb", "content": 0.002},
    {"material": "battery", "element": "Sb", "content": 0.02},
]
RECIPE = [
    {"process": "smelt", "material": "clean", "direction": "in", "main": True, "least_share": 0.0},
    {"process": "smelt", "material": "battery", "direction": "in", "most_share": 1.0},
    {"process": "smelt", "material": "lead", "direction": "out", "direct_yield": 1.0},
]
OFFERS = [{"offer": "clean", "material": "clean"}, {"offer": "battery", "material": "battery"}]
ANTIMONY = {"limit": "sb", "metric": "assay", "scope": "process=smelt; element=Sb", "value": 0.008, "unit": "share"}
SMELTER = {
    "periods": 1, "demand": {("fab", "lead"): 21.0}, "sites": SITES, "materials": MATERIALS, "contents": CONTENTS,
    "processes": [{"process": "smelt", "site": "fab", "toll": False}], "recipes": RECIPE, "offers": OFFERS,
    "prices": {"clean": 100.0, "battery": 60.0}, "settings": {"keep_cover": False},
}  # fmt: skip


def smelter(make, *limits, **changes):
    return make(**{**SMELTER, "limits": list(limits), **changes})


def share_of_battery(most: float) -> float:
    """By hand: contained kg of battery in one of the blend, where the antimony of both is just at the limit.

    0.04 x + 0.0025 (1 - x) = most * (2 x + 1.25 (1 - x)).
    """
    return (1.25 * most - 0.0025) / (0.0375 - 0.75 * most)


def test_without_a_limit_the_cheapest_input_is_the_whole_blend(make):
    plan = planned(smelter(make))
    assert bought(plan, "battery") == {"2026-01": 21.0}
    assert bought(plan, "clean") == {}


def test_the_cheapest_blend_lies_exactly_on_the_assay_limit(make):
    plan = planned(smelter(make, ANTIMONY))
    assert share_of_battery(0.008) == pytest.approx(5 / 21)
    assert bought(plan, "battery")["2026-01"] == pytest.approx(5.0, abs=1e-5)
    assert bought(plan, "clean")["2026-01"] == pytest.approx(16.0, abs=1e-5)
    [limit] = plan.limits.iter_rows(named=True)
    assert limit["used"] == pytest.approx(0.008)
    assert (limit["period"], limit["unit"]) == ("2026-01", "share")
    proof = verify_certificate(plan.certificate(), plan.model)
    assert proof.accepted
    assert proof.gap <= 1e-9


def test_the_price_of_the_limit_is_what_a_little_more_antimony_saves(make):
    """The slope of the share by hand, times 21 kg and the 40 by which battery scrap is cheaper."""
    slope = (1.25 * (0.0375 - 0.75 * 0.008) + 0.75 * (1.25 * 0.008 - 0.0025)) / (0.0375 - 0.75 * 0.008) ** 2
    network = smelter(make, ANTIMONY)
    plan = planned(network)
    assert plan.limits["shadow_price"].item() == pytest.approx(-21.0 * 40.0 * slope, rel=1e-6)
    eased = planned(smelter(make, ANTIMONY | {"value": 0.008 + 1e-6}))
    assert plan.objective - eased.objective == pytest.approx(21.0 * 40.0 * slope * 1e-6, rel=1e-3)
    [row] = shadow_prices(plan, codes=["limit"]).iter_rows(named=True)
    assert row["unit"] == "kg"
    assert sentence(row, "en").startswith("One more kg under limit sb is worth")


@pytest.mark.parametrize(("sense", "value", "unit"), [("<=", 8000.0, "ppm"), ("=", 0.008, "share")])
def test_a_limit_reads_the_same_in_ppm_and_as_an_equality(make, sense, value, unit):
    plan = planned(smelter(make, ANTIMONY | {"sense": sense, "value": value, "unit": unit}))
    assert bought(plan, "battery")["2026-01"] == pytest.approx(5.0, abs=1e-5)
    assert plan.limits["used"].item() == pytest.approx(value)


def test_a_ceiling_reckons_with_the_highest_content_and_a_floor_with_the_lowest(make):
    ranges = [{**CONTENTS[0], "low": None, "high": None}, {**CONTENTS[1], "content": 0.01, "low": 0.005, "high": 0.02}]
    ceiling = planned(smelter(make, ANTIMONY, contents=ranges))
    assert bought(ceiling, "battery")["2026-01"] == pytest.approx(5.0, abs=1e-5)
    floor = ANTIMONY | {"sense": ">=", "value": 0.003}
    dear = planned(smelter(make, floor, contents=ranges, prices={"clean": 60.0, "battery": 100.0}))
    # By hand, with 0.005 of antimony in battery scrap: 0.01 x + 0.0025 (1 - x) = 0.003 (2 x + 1.25 (1 - x)).
    assert bought(dear, "battery")["2026-01"] == pytest.approx(21.0 * 0.00125 / 0.00525, abs=1e-5)


def test_the_assay_of_the_blends_own_element_needs_no_further_row(make):
    rich = ANTIMONY | {"limit": "pb", "scope": "process=smelt; element=Pb", "sense": ">=", "value": 0.64}
    plan = planned(smelter(make, rich))
    # Dry: 21 = 0.64 * (2 x + 1.25 (21 - x)).
    assert bought(plan, "battery")["2026-01"] == pytest.approx((21 / 0.64 - 1.25 * 21) / 0.75, abs=1e-5)


def test_shares_keep_each_input_between_its_least_and_its_most(make):
    def most(share):
        return [RECIPE[0], RECIPE[1] | {"most_share": share}, RECIPE[2]]

    assert bought(planned(smelter(make, recipes=most(0.25))), "battery")["2026-01"] == pytest.approx(5.25)
    least = [RECIPE[0] | {"least_share": 0.9}, RECIPE[1], RECIPE[2]]
    assert bought(planned(smelter(make, recipes=least)), "clean")["2026-01"] == pytest.approx(18.9)


def test_a_soft_limit_is_paid_by_the_kilogram_of_the_element(make):
    """All battery scrap: 0.84 kg of antimony in 42 dry kg, of which 0.336 are allowed."""
    soft = ANTIMONY | {"kind": "soft", "penalty_per_unit": 10.0}
    plan = planned(smelter(make, soft))
    assert bought(plan, "battery") == {"2026-01": 21.0}
    money = dict(plan.costs.group_by("component").agg(pl.col("amount").sum()).iter_rows())
    assert money["limit"] == pytest.approx(10.0 * (0.84 - 0.336))
    ppm = planned(smelter(make, soft | {"value": 8000.0, "unit": "ppm"}))
    assert ppm.objective == pytest.approx(plan.objective)
    dear = planned(smelter(make, soft | {"penalty_per_unit": 1e6}))
    assert bought(dear, "battery")["2026-01"] == pytest.approx(5.0, abs=1e-5)


def test_with_the_product_as_main_row_the_blend_meets_its_yield(make):
    recipe = [
        RECIPE[0] | {"main": False}, RECIPE[1],
        {"process": "smelt", "material": "lead", "direction": "out", "main": True, "direct_yield": 0.84},
    ]  # fmt: skip
    plan = planned(smelter(make, ANTIMONY, recipes=recipe))
    assert plan.tolls["quantity_kg"].item() == pytest.approx(21.0, abs=1e-5)
    assert plan.tolls["in_kg"].item() == pytest.approx(25.0, abs=1e-5)
    assert plan.tolls["loss_kg"].item() == pytest.approx(4.0, abs=1e-5)
    assert bought(plan, "battery")["2026-01"] == pytest.approx(25.0 * 5 / 21, abs=1e-4)


def test_a_flux_of_fixed_amount_goes_with_the_blend_and_counts_in_its_assay(make):
    materials = [*MATERIALS, {"material": "iron", "element": "Fe", "content": 0.5}]
    recipe = [*RECIPE, {"process": "smelt", "material": "iron", "direction": "in", "kg_per_kg": 0.1}]
    contents = [*CONTENTS, {"material": "iron", "element": "Sb", "content": 0.004}]
    offers = [*OFFERS, {"offer": "iron", "material": "iron"}]
    plan = planned(
        smelter(make, ANTIMONY, materials=materials, recipes=recipe, contents=contents, offers=offers,
                prices={**SMELTER["prices"], "iron": 1.0})
    )  # fmt: skip
    assert bought(plan, "iron")["2026-01"] == pytest.approx(2.1, abs=1e-5)
    # 0.04 x + 0.0025 (1 - x) + 0.1 * 0.008 = 0.008 (2 x + 1.25 (1 - x) + 0.1 * 2).
    x = (0.008 * 1.45 - 0.0025 - 0.0008) / (0.0375 - 0.006)
    assert bought(plan, "battery")["2026-01"] == pytest.approx(21.0 * x, abs=1e-5)


def test_capacity_is_of_the_dry_feed_that_is_drawn(make):
    """Twenty dry kg hold 16 kg of lead as clean scrap and 10 as battery scrap."""
    plant = [{"process": "smelt", "site": "fab", "toll": False, "capacity_dry_kg": 20.0}]
    plan = planned(smelter(make, processes=plant))
    assert bought(plan, "clean") == {"2026-01": 16.0}
    assert plan.summary["short_kg"] == pytest.approx(5.0)
    [worth] = plan.values.filter(pl.col("code") == "feed_capacity").iter_rows(named=True)
    # One dry kg more of clean scrap is 0.8 kg less short.
    assert worth["value_per_kg"] == pytest.approx(0.8 * 200.0)
    [row] = shadow_prices(plan, codes=["feed_capacity"]).iter_rows(named=True)
    assert sentence(row, "zh", currency="CNY").startswith("2026-01 工序 smelt 多投 1 千克干基料值 160 CNY")
    alike = [MATERIALS[0], MATERIALS[1], MATERIALS[2] | {"content": 0.8}]
    assert planned(smelter(make, processes=plant, materials=alike)).summary["served_kg"] == pytest.approx(16.0)


def test_a_batch_holds_the_blend_in_its_poorest_proportions(make):
    plant = [{"process": "smelt", "site": "fab", "toll": False, "batch_kg": 20.0, "fixed_charge": 1.0}]
    plan = planned(smelter(make, processes=plant))
    assert plan.tolls["campaigns"].item() == 3


def test_the_recycled_share_of_a_blend_is_that_of_what_was_drawn(make):
    plan = planned(smelter(make, ANTIMONY))
    assert plan.summary["recycled_share"] == pytest.approx(5 / 21, abs=1e-6)
    half = {"limit": "green", "metric": "recycled_share", "sense": ">=", "value": 0.5, "unit": "share"}
    plan = planned(smelter(make, half, prices={"clean": 60.0, "battery": 100.0}))
    assert bought(plan, "battery")["2026-01"] == pytest.approx(10.5, abs=1e-5)
    assert not {"recycled_share"} - set(plan.network.activities["run"].index.columns)


def test_what_is_supplied_is_traced_to_every_offer_of_the_blend(make):
    plan = planned(smelter(make, ANTIMONY))
    supply = dict(plan.supply.select("source", "quantity_kg").iter_rows())
    assert supply["battery"] == pytest.approx(5.0, abs=1e-4)
    assert supply["clean"] == pytest.approx(16.0, abs=1e-4)
    assert plan.supply["via"].unique().to_list() == ["smelt"]


def test_an_assay_that_cannot_be_is_named_with_what_it_stands_against(make):
    """No scrap holds less than 0.002 of antimony, and some lead must be made."""
    must = {"limit": "must", "metric": "output", "scope": "process=smelt", "sense": ">=", "value": 5.0, "unit": "kg"}
    found = solve(smelter(make, ANTIMONY | {"value": 1000.0, "unit": "ppm"}, must))
    assert isinstance(found, Infeasible)
    assert sorted(found.limits["limit"]) == ["must", "sb"]
    assert dict(found.repair.select("limit", "unit").iter_rows()).items() <= {"sb": "mg", "must": "kg"}.items()
    # Without the floor, nothing is smelted: a feed of nothing breaks no assay.
    assert planned(smelter(make, ANTIMONY | {"value": 0.001})).tolls.is_empty()


def test_a_what_if_changes_the_limit(make):
    session = Session(smelter(make, ANTIMONY))
    tighter = session.whatif([Edit(table="limits", where={"limit": "sb"}, column="value", value=0.004)])
    assert bought(tighter, "battery")["2026-01"] == pytest.approx(21.0 * share_of_battery(0.004), abs=1e-5)


def test_blank_shares_leave_the_programme_as_it_was_to_the_last_bit(make):
    fixed = [
        {"process": "smelt", "material": "clean", "direction": "in", "main": True},
        {"process": "smelt", "material": "battery", "direction": "in", "kg_per_kg": 0.3},
        {"process": "smelt", "material": "lead", "direction": "out", "kg_per_kg": 1.2},
    ]
    blank = [{**row, "least_share": None, "most_share": None} for row in fixed]
    models = [formulate(smelter(make, recipes=rows)).model for rows in (fixed, blank)]
    assert models[0].digest == models[1].digest
    assert not {"blend_least", "blend_most"} & set(models[0].row_blocks)


@pytest.mark.parametrize(
    ("changes", "limits", "code", "words"),
    [
        ({"recipes": [RECIPE[0], RECIPE[1] | {"kg_per_kg": 0.5}, RECIPE[2]]}, [], "case.blend_fixed", "battery"),
        ({"recipes": [RECIPE[0], RECIPE[1], RECIPE[2] | {"most_share": 0.5}]}, [], "case.blend_not_fed", "lead"),
        ({"recipes": [RECIPE[0] | {"most_share": 0.3}, RECIPE[1] | {"most_share": 0.3}, RECIPE[2]]}, [],
         "case.blend_shares", "0.6"),
        ({"recipes": [RECIPE[0] | {"least_share": 0.7}, RECIPE[1] | {"least_share": 0.7}, RECIPE[2]]}, [],
         "case.blend_shares", "1.4"),
        ({"recipes": [RECIPE[0] | {"least_share": 0.7, "most_share": 0.6}, *RECIPE[1:]]}, [], "case.wrong_order", "0.7"),
        ({"recipes": [RECIPE[0] | {"main": False}, RECIPE[1], {"process": "smelt", "material": "lead", "direction": "out",
                                                               "main": True, "kg_per_kg": 1.0}]}, [],
         "case.blend_amount", "smelt"),
        ({"materials": [MATERIALS[0], MATERIALS[1], MATERIALS[2] | {"element": "Sn"}]}, [], "case.blend_elements", "Sn"),
        ({"contents": CONTENTS[:1]}, [ANTIMONY], "case.assay_unknown", "battery"),
        ({}, [ANTIMONY | {"scope": "process=smelt"}], "case.assay_scope", "sb"),
        ({}, [ANTIMONY | {"scope": None}], "case.assay_scope", "sb"),
        ({}, [ANTIMONY | {"unit": "kg"}], "case.assay_unit", "kg"),
        ({}, [ANTIMONY | {"scope": "process=smelt; element=Sb; site=fab"}], "plan.scope_key", "site"),
        ({"recipes": [*RECIPE[:2], RECIPE[2] | {"direct_yield": None, "kg_per_kg": 1.1}]}, [], "plan.metal_from_nothing",
         "1.1"),
    ],
)  # fmt: skip
def test_what_cannot_be_blended_is_refused_in_the_planners_words(make, changes, limits, code, words):
    with pytest.raises(BadInput) as refused:
        solve(smelter(make, *limits, **changes))
    assert code in {each.code for each in refused.value.problems}
    assert words in str(refused.value.problems[0].fields)


def test_a_circle_through_a_blend_that_gains_metal_is_refused(make):
    """Lead into scrap, and scrap as one input of a blend into lead and as much silver, which goes back into lead."""
    materials = [*MATERIALS, {"material": "silver", "element": "Ag"}]
    recipes = [
        *RECIPE,
        {"process": "smelt", "material": "silver", "direction": "out", "kg_per_kg": 0.5},
        {"process": "part", "material": "silver", "direction": "in", "main": True},
        {"process": "part", "material": "battery", "direction": "out", "kg_per_kg": 1.0},
        {"process": "recast", "material": "lead", "direction": "in", "main": True},
        {"process": "recast", "material": "battery", "direction": "out", "kg_per_kg": 1.0},
    ]
    plants = [{"process": name, "site": "fab", "toll": False} for name in ("smelt", "part", "recast")]
    with pytest.raises(BadInput) as refused:
        smelter(make, materials=materials, recipes=recipes, processes=plants)
    assert refused.value.problems[0].code == "plan.metal_from_nothing"
    assert "smelt" in refused.value.problems[0].fields["process"]
    # Where the blend must be half of bought scrap, the circle loses more than it gains.
    halved = [RECIPE[0] | {"least_share": 0.6}, *recipes[1:]]
    assert smelter(make, materials=materials, recipes=halved, processes=plants).blends.height == 2


# What holds of every blend.

PART = st.integers(0, 20).map(lambda each: each / 20)
TRACE = st.integers(1, 60).map(lambda each: each / 1000)
SCRAPS = ("a", "b", "c")


@st.composite
def blends(draw):
    """Three scraps of random content and trace elements, two assay limits, random stock and shares."""
    content = {name: draw(st.integers(2, 9)) / 10 for name in SCRAPS}
    shares = {
        name: (draw(st.sampled_from([0.0, 0.0, 0.1, 0.3])), draw(st.sampled_from([0.5, 0.7, 1.0]))) for name in SCRAPS
    }
    traces = {(name, element): draw(TRACE) for name in SCRAPS for element in ("Sb", "Sn")}
    unit = draw(st.sampled_from(["share", "ppm"]))
    scale = {"share": 1.0, "ppm": 1e6}[unit]
    limits = [
        {
            "limit": element,
            "metric": "assay",
            "scope": f"process=smelt; element={element}",
            "sense": sense,
            "unit": unit,
            "value": round(draw(TRACE) * scale, 9),
        }
        for element, sense in (("Sb", "<="), ("Sn", draw(st.sampled_from(["<=", ">="]))))
    ]
    return {
        "periods": 3,
        "demand": {("fab", "lead"): [float(draw(st.integers(0, 40))) / 7 for _ in range(3)]},
        "sites": SITES,
        "materials": [{"material": "lead", "element": "Pb"},
                      *({"material": name, "element": "Pb", "content": content[name]} for name in SCRAPS)],
        "contents": [{"material": name, "element": element, "content": share} for (name, element), share in traces.items()],
        "processes": [{"process": "smelt", "site": "fab", "toll": False, "outturn_days": float(draw(st.integers(0, 40)))}],
        "recipes": [
            *({"process": "smelt", "material": name, "direction": "in", "main": name == "a", "least_share": shares[name][0],
               "most_share": shares[name][1]} for name in SCRAPS),
            {"process": "smelt", "material": "lead", "direction": "out", "direct_yield": draw(st.integers(80, 100)) / 100},
        ],
        "stock": [{"material": name, "quantity_kg": draw(st.integers(0, 50)) / 7} for name in SCRAPS],
        "offers": [{"offer": name, "material": name, "max_kg": draw(st.integers(0, 60)) / 7} for name in SCRAPS],
        "prices": {name: float(draw(st.integers(10, 90))) for name in SCRAPS},
        "limits": limits,
        "settings": {"keep_cover": False},
    }  # fmt: skip


def drawn_mg(plan, period: int) -> dict[str, int]:
    index = plan.network.activities["draw"].index["material"]
    found = dict.fromkeys(SCRAPS, 0)
    for material, mg in zip(index, plan.flows_mg.mg["draw"][:, period], strict=True):
        found[material] += int(mg)
    return found


@FEW
@given(blends())
def test_no_planned_feed_breaks_a_hard_assay_limit_by_a_hair(make, case):
    """Recomputed from the milligrams drawn, in fractions of the numbers written in the tables."""
    plan = planned(make(**case))
    content = {row["material"]: Fraction(str(row.get("content", 1.0))) for row in case["materials"]}
    traces = {(row["material"], row["element"]): Fraction(str(row["content"])) for row in case["contents"]}
    for period in range(3):
        drawn = drawn_mg(plan, period)
        dry = sum(mg / content[name] for name, mg in drawn.items())
        for limit in case["limits"]:
            element = limit["limit"]
            held = sum(mg / content[name] * traces[name, element] for name, mg in drawn.items())
            most = Fraction(str(limit["value"])) / (1_000_000 if limit["unit"] == "ppm" else 1)
            assert held <= most * dry if limit["sense"] == "<=" else held >= most * dry
    assert verify_certificate(plan.certificate(), plan.model).accepted


@FEW
@given(blends())
def test_shares_hold_up_to_a_rounding_and_metal_is_conserved(make, case):
    plan = planned(make(**case))
    flows = plan.flows_mg
    for period in range(3):
        drawn, whole = drawn_mg(plan, period), sum(drawn_mg(plan, period).values())
        for row in case["recipes"][:3]:
            mg = drawn[row["material"]]
            assert row["least_share"] * whole - 1e4 <= mg <= row["most_share"] * whole + 1e4
        made = sum(int(mg) for mg in flows.posted_mg["run"][:, period])
        assert made <= whole
    assert (flows.stock_mg >= 0).all()
    last = plan.network.horizon.names[-1]
    into = plan.flows.filter(pl.col("from_site").is_null() & pl.col("arrives").is_not_null())["quantity_mg"].sum()
    out_of = plan.flows.filter(pl.col("to_site").is_null())["quantity_mg"].sum()
    assert into == out_of + plan.stocks.filter(pl.col("period") == last)["quantity_mg"].sum()


@FEW
@given(blends())
def test_a_tighter_limit_never_makes_a_blend_cheaper(make, case):
    cost = planned(make(**case)).objective
    free = planned(make(**{**case, "limits": []})).objective
    assert free <= cost + 1e-6 * max(1.0, cost)


def test_drawing_less_until_every_limit_holds_comes_to_an_end():
    """Two limits that only an empty feed can keep together; a large feed is not given up for that."""
    at, every = np.array([0, 1]), frozenset({0})
    limits = [
        Held(draws=at, weight=(Fraction(2), Fraction(-1)), periods=every),
        Held(draws=at, weight=(Fraction(-1), Fraction(2)), periods=every),
    ]
    for given_mg, period, kept in (([5, 7], 1, [5, 7]), ([5, 7], 0, [0, 0]), ([5000, 7000], 0, [5000, 7000])):
        drawn = np.array(given_mg, dtype=np.int64)
        keep(drawn, limits, period)
        assert drawn.tolist() == kept


def test_a_limit_of_at_least_and_at_most_the_same_is_planned_up_to_a_rounding(make):
    plan = planned(smelter(make, ANTIMONY, ANTIMONY | {"limit": "same", "sense": ">="}))
    assert bought(plan, "battery")["2026-01"] == pytest.approx(5.0, abs=1e-5)
    assert plan.tolls["quantity_kg"].item() == pytest.approx(21.0, abs=1e-5)
