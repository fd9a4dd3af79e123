"""Claims are held against public anchors and against their own set; they are never measured values."""

from __future__ import annotations

import json

import polars as pl
import pytest

from oreloop.base.texts import LANGUAGES, field_names, label, room_texts
from oreloop.judge import check_claims
from oreloop.judge.claims import intensities

SCHEMA = {
    "claim": pl.String,
    "claim_set": pl.String,
    "metric": pl.String,
    "element": pl.String,
    "value": pl.Float64,
    "unit": pl.String,
    "year": pl.Int64,
    "country": pl.String,
    "source": pl.String,
}
WORLD = {
    "element": pl.String,
    "kind": pl.String,
    "country": pl.String,
    "year": pl.Int64,
    "quantity_kg": pl.Float64,
    "source": pl.String,
}
ANCHOR = pl.DataFrame(
    [("Ir", "mine", "WLD", 2024, 7_500.0, "anchor 2024"), ("Ir", "refinery", "WLD", 2024, 1.0, "x")],
    WORLD,
    orient="row",
)


def check(*claims, world=ANCHOR):
    rows = [(*claim, "CHN", "market study 2026") for claim in claims]
    return check_claims(pl.DataFrame(rows, SCHEMA, orient="row"), world)


def row(table, code):
    return table.row(by_predicate=pl.col("code") == code, named=True)


DEMAND = ("ir-2026", "study", "demand", "Ir", 3.5, "t", 2026)


def test_demand_is_held_against_world_mine_output():
    found = row(check(DEMAND), "judge.share_of_world")
    assert (found["value"], found["against"], found["verdict"]) == (3500.0, 7500.0, "judge.below_world")
    assert found["ratio"] == pytest.approx(0.4667, abs=1e-4)
    said = label("judge.share_of_world", "en", **json.loads(found["fields"]))
    assert said == "3.5 t of Ir is 46.7 % of world mine output 7.5 t (2024)"
    assert found["source"] == "market study 2026; anchor 2024"


def test_demand_is_translated_into_electrolysers():
    found = row(check(DEMAND), "judge.in_gigawatt")
    said = json.loads(found["fields"])
    assert (said["gw_low"], said["gw_median"], said["gw_high"]) == ("0.84", "4.74", "10.3")
    assert (said["kg_low"], said["kg_high"]) == ("0.34", "4.17")
    assert found["verdict"] == "judge.translated"
    assert "premise" in found["source"]
    assert {each.element for each in intensities()} == {"Ir", "Pt"}


def test_demand_above_world_output_is_said():
    assert (
        row(check(("x", "s", "demand", "Ir", 9.0, "t", 2026)), "judge.share_of_world")["verdict"] == "judge.above_world"
    )


def test_anchor_is_the_latest_year_known_to_the_claim():
    years = pl.DataFrame(
        [("Ir", "mine", "ZAF", 2023, 6_000.0, None), ("Ir", "mine", "RUS", 2023, 1_000.0, "b")], WORLD, orient="row"
    )
    world = pl.concat([years, ANCHOR])
    assert (
        row(check(("x", "s", "supply", "Ir", 1.0, "t", 2023), world=world), "judge.share_of_world")["against"] == 7_000
    )
    assert (
        row(check(("x", "s", "supply", "Ir", 1.0, "t", 2020), world=world), "judge.share_of_world")["against"] == 7_000
    )
    assert (
        row(check(("x", "s", "supply", "Ir", 1.0, "t", None), world=world), "judge.share_of_world")["against"] == 7_500
    )


def test_claim_without_anchor_has_no_row():
    assert (
        check(("x", "s", "capacity", "Re", 1.0, "t", 2026), ("y", "s", "recovery", "Ir", 75.0, "%", 2026)).height == 0
    )
    assert check(("x", "s", "demand", "Ir", 1.0, "pieces", 2026), ("z", "s", "price", "Ir", 1.0, "t", 2026)).height == 0
    assert check(("x", "s", "capacity", "Ir", 1.0, "t", 2026), world=ANCHOR.with_columns(quantity_kg=0.0)).height == 0


@pytest.mark.parametrize(("recycled", "verdict"), [(12.0, "judge.consistent"), (22.0, "judge.contradiction")])
def test_shares_of_one_set_cannot_exceed_the_whole(recycled, verdict):
    parts = [("a", 78.0), ("b", 7.0), ("c", recycled), ("d", 3.0)]
    table = check(*((name, "s", "supply", "Pt", share, "%", 2025) for name, share in parts))
    found = row(table, "judge.sum_of_shares")
    assert (found["claim"], found["verdict"]) == ("a b c d", verdict)


def test_two_demands_in_one_set_contradict_and_in_two_sets_do_not():
    small, large = ("a", "s", "demand", "Pt", 36.7, "t", 2025), ("b", "s", "demand", "Pt", 135.0, "t", 2025)
    found = row(check(small, large), "judge.two_demands")
    assert (found["verdict"], found["ratio"]) == ("judge.contradiction", pytest.approx(135 / 36.7))
    other_set = ("b", "t", "demand", "Pt", 135.0, "t", 2025)
    assert "judge.two_demands" not in check(small, other_set)["code"].to_list()
    assert "judge.two_demands" not in check(small, ("b", "s", "demand", "Pt", 36_700.0, "kg", 2025))["code"].to_list()


@pytest.mark.parametrize(("capacity", "verdict"), [(1.0, "judge.consistent"), (0.2, "judge.contradiction")])
def test_share_of_demand_cannot_exceed_capacity(capacity, verdict):
    table = check(
        ("d", "s", "demand", "Ir", 1.9, "t", 2025),
        ("p", "s", "domestic_share", "Ir", 12.3, "%", 2025),
        ("c", "s", "capacity", "Ir", capacity, "t/yr", 2025),
    )
    found = row(table, "judge.implied_supply")
    assert found["value"] == pytest.approx(233.7)
    assert found["verdict"] == verdict


def test_no_claims_no_checks():
    assert check().height == 0


def test_every_code_has_both_texts_and_they_quote_the_same_fields():
    texts = room_texts("judge")["label"]
    for text in texts.values():
        assert field_names(text["en"]) == field_names(text["zh"])
    table = check(
        DEMAND,
        ("e", "study", "demand", "Ir", 3.6, "t", 2026),
        ("p", "study", "domestic_share", "Ir", 12.3, "%", 2026),
        ("q", "study", "domestic_share", "Ir", 1.0, "share", 2026),
        ("d", "s", "demand", "Ir", 1.9, "t", 2025),
        ("r", "s", "domestic_share", "Ir", 12.3, "%", 2025),
        ("c", "s", "capacity", "Ir", 1.0, "t", 2025),
    )
    assert table["code"].n_unique() == 5
    for found in table.iter_rows(named=True):
        for language in LANGUAGES:
            assert "{" not in label(found["code"], language, **json.loads(found["fields"]))
            assert label(found["verdict"], language)
