"""What a planner is told besides the plan: prices that look mistaken, footprints of the catalog, and why metal is short."""

from __future__ import annotations

from fractions import Fraction

import pytest
from plan_folders import rewritten
from tools import small_case

from oreloop.app.assumed import assumed
from oreloop.app.check import check
from oreloop.app.plans.asked import ask
from oreloop.app.plans.pages import page
from oreloop.app.plans.solve import solve_plan
from oreloop.app.plans.solved import Words, proof_said
from oreloop.app.plans.written import refuse_target, write
from oreloop.base.errors import BadInput
from oreloop.base.texts import LANGUAGES, label
from oreloop.case import parse
from oreloop.plan import Verdict

OFFERS = "offer,site,material,price,price_unit,lead_days,co2e_kg_per_kg\n"
PRICE = "material,period,price,price_unit\nIr,2025-12,1150,CNY/g\n"


def said_of(folder, code):
    """What is taken for granted in a folder of plain tables, of one kind."""
    return [dict(each.fields) for each in solve_plan(folder).given.assumed if each.code == code]


def offered(folder, *rows):
    (folder / "approvals.csv").unlink(missing_ok=True)
    (folder / "offers.csv").write_text(OFFERS + "\n".join(rows), "utf-8")
    return folder


# Prices.


def test_a_price_per_gram_where_kilograms_were_meant_is_noticed_beside_the_market(copied):
    (copied / "prices.csv").write_text(PRICE, "utf-8")
    offered(
        copied,
        "slip,trader,ir-4n,1150000,CNY/g,5,1",
        "right,refinery,ir-4n,1150,CNY/g,5,1",
        "low,trader,ir-4n,1.15,CNY/g,5,1",
    )
    assert said_of(copied, "case.price_unlike_market") == [
        {"offer": "slip", "element": "Ir", "times": "1,000"},
        {"offer": "low", "element": "Ir", "times": "0.001"},
    ]
    for language in LANGUAGES:
        assert any("1,000" in line for line in solve_plan(copied).lines(language)[-3:])


def test_without_a_market_it_is_noticed_beside_the_other_offers_of_the_metal(copied):
    offered(
        copied, "a,trader,ir-4n,1100,CNY/g,5,1", "b,refinery,ir-4n,1200,CNY/g,5,1", "slip,trader,ir-4n,1.15,CNY/g,5,1"
    )
    [told] = said_of(copied, "case.price_unlike_offers")
    assert told == {"offer": "slip", "element": "Ir", "times": "0.001"}


@pytest.mark.parametrize("price", [20, 11000, 0])
def test_a_price_in_the_order_of_the_market_or_none_is_no_mistake(copied, price):
    (copied / "prices.csv").write_text(PRICE, "utf-8")
    offered(copied, f"a,trader,ir-4n,{price},CNY/g,5,1")
    assert said_of(copied, "case.price_unlike_market") == []


def test_a_single_offer_without_a_market_has_nothing_to_be_compared_with(copied):
    assert said_of(offered(copied, "a,trader,ir-4n,1150000,CNY/g,5,1"), "case.price_unlike_offers") == []


# Footprints.


def test_a_footprint_that_no_offer_states_is_told_with_its_source(copied):
    offered(copied, "a,trader,ir-4n,1100,CNY/g,5,", "b,refinery,ir-4n,1200,CNY/g,5,7000")
    [told] = said_of(copied, "app.footprint_of_catalog")
    assert (told["element"], told["count"], told["value"]) == ("Ir", "1", "8,860")
    assert "Nuss" in told["source"]
    assert said_of(offered(copied, "b,refinery,ir-4n,1200,CNY/g,5,7000"), "app.footprint_of_catalog") == []


def test_a_metal_of_unknown_footprint_is_said_to_count_as_nothing(copied):
    rewritten(copied / "materials.csv", ",Ir,", ",Xx,")
    assert said_of(offered(copied, "a,trader,ir-4n,1100,CNY/g,5,"), "app.footprint_unknown") == [
        {"element": "Xx", "count": "1"}
    ]


def test_the_check_of_a_case_tells_the_same(tmp_path):
    for path, data in small_case.files().items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    found = check(tmp_path)
    assert found.case is not None
    assert found.assumptions == assumed(found.case) == assumed(parse(small_case.files()))
    for language in LANGUAGES:
        for each in found.assumptions:
            assert f"· {label(each.code, language, **each.fields)}" in found.lines(language)


# Shortage.


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("lanes.csv", ",plant,,", ",recycler,,", ("nothing brings it to", "无法运到")),
        ("approvals.csv", ",approved,", ",refused,", ("refused or has ended", "被拒或已过期")),
        ("approvals.csv", ",approved,,", ",approved,,2025-06-30", ("refused or has ended", "被拒或已过期")),
        ("offers.csv", "", OFFERS, ("no offer or process gives", "没有报价或工序提供")),
    ],
)
def test_stock_that_does_not_suffice_and_nothing_behind_it_says_so(copied, file, old, new, words):
    if file == "approvals.csv":
        rewritten(copied / file, ",trial,", ",refused,")
    if file == "offers.csv":
        (copied / "approvals.csv").unlink()
        (copied / file).unlink()
    else:
        rewritten(copied / file, old, new)
    found = solve_plan(copied)
    for language, begins, word in zip(("en", "zh"), ("Beyond stock", "除库存"), words, strict=True):
        [line] = [each for each in found.lines(language) if each.startswith(begins)]
        assert word in line


def test_a_shortage_that_orders_could_have_met_has_no_missing_link(copied):
    rewritten(copied / "demand.csv", "2026-01,9", "2026-01,90")
    lines = solve_plan(copied).lines("en")
    assert any(line.startswith("Short:") for line in lines)
    assert not any(line.startswith("Beyond stock") for line in lines)


# How it is said.


def test_a_limit_of_the_whole_plan_is_relaxed_in_no_period(copied):
    head = "limit,metric,period,sense,value,unit\n"
    (copied / "limits.csv").write_text(head + "less,purchase,,<=,3,kg\nmore,purchase,,>=,5,kg\n", "utf-8")
    lines = solve_plan(copied).lines("en")
    assert any(line.startswith("  relax") and line.endswith(" by 2 kg") and " in " not in line for line in lines)
    (copied / "limits.csv").write_text(head + "less,purchase,2026-01,<=,3,kg\nmore,purchase,2026-01,>=,5,kg\n", "utf-8")
    assert any("in 2026-01 by 2 kg" in line for line in solve_plan(copied).lines("en"))


@pytest.mark.parametrize(
    ("accepted", "gap", "word"), [(True, 0, "is cheaper."), (True, 1e-9, "1.0e-09"), (False, None, "–")]
)
def test_a_proof_without_a_gap_says_so(made, accepted, gap, word):
    verdict = Verdict(accepted=accepted, gap=None if gap is None else Fraction(gap), problems=())
    assert word in proof_said(verdict, Words(made.given, "en", "kg"))


def test_a_change_of_a_share_is_told_in_percentage_points(tables):
    lines = ask(tables, ["offers[offer=recycled].max_kg = *0.5"]).lines("en")
    [share] = [line for line in lines if line.strip().startswith("recycled share")]
    assert share.endswith("percentage points")
    assert share.count(" %") == 2


# Where it goes.


@pytest.mark.parametrize("name", ["x.pdf", "x.TXT", "x.parquet", "x.docx", "x.zip"])
def test_the_ending_of_a_file_that_is_not_written_makes_no_folder(made, tmp_path, name):
    for write_it in (refuse_target, lambda out: write(made, out, lambda: page(made, "en"), "en")):
        with pytest.raises(BadInput) as refused:
            write_it(tmp_path / name)
        assert refused.value.code == "app.file_ending"
        assert ".xlsx" in refused.value.problems[0].fields["expected"]
    assert not (tmp_path / name).exists()


def test_a_folder_may_have_a_point_in_its_name(made, tmp_path):
    refuse_target(None)
    refuse_target(tmp_path / "plan.2026-01")
    assert write(made, tmp_path / "plan.2026-01", lambda: page(made, "en"), "en").is_dir()
