"""Concentration, dependence and effective supply, as the trade reads them."""

from __future__ import annotations

import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oreloop.judge import (
    effective_share,
    effective_supply,
    figures,
    hhi,
    hhi_wgi,
    import_dependence,
    normalised_hhi,
)

SCHEMA = {
    "element": pl.String,
    "kind": pl.String,
    "country": pl.String,
    "partner": pl.String,
    "year": pl.Int64,
    "quantity_kg": pl.Float64,
    "value_usd": pl.Float64,
    "source": pl.String,
    "status": pl.String,
    "line": pl.Int64,
}
RISK = {"ZAF": 0.6, "RUS": 0.7, "ZWE": 0.7, "CAN": 0.3, "CHN": 0.55}


def world(*rows, source="USGS MCS 2025", status="measured"):
    full = [(*row, None, source, status, line) for line, row in enumerate(rows, 2)]
    return pl.DataFrame(full, SCHEMA, orient="row")


def judged(frame, year=2024, perspective="CHN", risk=None):
    return figures(frame, perspective=perspective, risk=RISK if risk is None else risk, risk_source="WGI", year=year)


def value(table, figure):
    return table.row(by_predicate=pl.col("figure") == figure, named=True)


MINE = (
    ("Pt", "mine", "ZAF", None, 2024, 120_000.0),
    ("Pt", "mine", "RUS", None, 2024, 18_000.0),
    ("Pt", "mine", "ZWE", None, 2024, 19_000.0),
    ("Pt", "mine", "CAN", None, 2024, 5_200.0),
    ("Pt", "mine", "WLD", None, 2024, 170_000.0),
)


def test_one_supplier_is_the_most_concentrated():
    assert hhi([7.0]) == 10_000
    assert hhi([1.0] * 4) == 2_500
    assert hhi([]) == 0
    assert (normalised_hhi(2_500, 4), normalised_hhi(10_000, 1), normalised_hhi(10_000, 4)) == (0, 1, 1)


@given(st.lists(st.floats(0.001, 1e9), min_size=1, max_size=20), st.floats(0.1, 1e3))
def test_concentration_depends_on_shares_only(amounts, factor):
    index = hhi(amounts)
    assert 10_000 / len(amounts) - 1e-6 <= index <= 10_000 + 1e-6
    assert hhi([amount * factor for amount in amounts]) == pytest.approx(index)
    assert 0 <= normalised_hhi(index, len(amounts)) <= 1 + 1e-9


@given(st.lists(st.floats(0.001, 1e6), min_size=2, max_size=8))
def test_merging_two_suppliers_never_lowers_concentration(amounts):
    assert hhi([amounts[0] + amounts[1], *amounts[2:]]) >= hhi(amounts) - 1e-6


def test_unknown_rest_makes_a_lower_bound():
    assert hhi([80.0], whole=100.0) == pytest.approx(6_400)
    assert hhi([80.0, 30.0], whole=100.0) == hhi([80.0, 30.0])


def test_risk_scales_concentration():
    assert hhi_wgi({"ZAF": 1.0}, {"ZAF": 1.0}) == 10
    assert hhi_wgi({"ZAF": 1.0, "XXX": 1.0}, RISK) is None
    assert hhi_wgi({}, RISK) is None


def test_net_exporter_is_below_zero_and_no_consumption_is_no_figure():
    assert import_dependence(100, 0, 50) == -1
    assert import_dependence(0, 10, 10) is None
    assert import_dependence(0, 10, 0) == 1


def test_only_qualified_supply_up_to_the_demand_is_effective():
    assert effective_share(3.0, 2.0) == 1
    assert effective_share(1.0, 0.0) is None


def test_figures_of_mine_output():
    table = judged(world(*MINE))
    index = value(table, "judge.mine_hhi")
    shares = [amount / 170 for amount in (120, 18, 19, 5.2)]
    assert index["value"] == pytest.approx(10_000 * sum(share**2 for share in shares))
    assert (index["year"], index["country"], index["status"], index["source"]) == (
        2024,
        "WLD",
        "derived",
        "USGS MCS 2025",
    )
    assert json.loads(index["inputs"])[-1]["unknown_share"] == pytest.approx(1 - 162.2 / 170)
    assert len(json.loads(index["inputs"])) == 6
    assert 0 < value(table, "judge.mine_hhi_wgi")["value"] < 10


def test_country_without_a_risk_figure_is_named_not_guessed():
    table = judged(world(*MINE), risk={"ZAF": 0.6})
    row = value(table, "judge.mine_hhi_wgi")
    assert row["value"] is None
    assert json.loads(row["inputs"])[-1]["no_risk_figure"] == ["CAN", "RUS", "ZWE"]


def test_latest_year_up_to_the_year_asked_for():
    older = [(element, kind, country, partner, 2023, 1.0) for element, kind, country, partner, _, _ in MINE[:1]]
    assert value(judged(world(*MINE, *older), year=2023), "judge.mine_hhi")["value"] == 10_000
    assert judged(world(*MINE), year=2020).height == 0


def test_import_dependence_with_trade_totals_or_partners():
    trade = (
        ("Pt", "import", "CHN", "ZAF", 2024, 60_000.0),
        ("Pt", "import", "CHN", "RUS", 2024, 46_400.0),
        ("Pt", "export", "CHN", "WLD", 2024, 18_400.0),
        ("Pt", "import", "ZAF", "RUS", 2024, 9e9),
    )
    table = judged(world(*MINE, *trade))
    row = value(table, "judge.import_dependence")
    assert (row["value"], row["status"], row["country"]) == (1.0, "assumed", "CHN")
    assert "taken as 0" in row["inputs"]
    with_mine = judged(world(*MINE, ("Pt", "mine", "CHN", None, 2024, 5_000.0), *trade))
    assert value(with_mine, "judge.import_dependence")["value"] == pytest.approx(88_000 / 93_000)
    assert value(with_mine, "judge.import_dependence")["status"] == "derived"
    with_total = judged(world(*MINE, *trade, ("Pt", "import", "CHN", None, 2024, 106_400.0)))
    assert value(with_total, "judge.import_dependence")["value"] == 1.0
    assert value(with_total, "judge.import_hhi")["value"] == pytest.approx(hhi([60_000, 46_400]))


def test_trade_without_any_stage_of_production():
    row = value(judged(world(("Ga", "import", "CHN", None, 2024, 5.0))), "judge.import_dependence")
    assert (row["value"], row["status"]) == (1.0, "assumed")


def test_figure_is_no_better_than_its_worst_input():
    frame = pl.concat([world(MINE[0]), world(MINE[1], status="illustrative"), world(MINE[2], status=None)])
    assert value(judged(frame), "judge.mine_hhi")["status"] == "unstated"
    assert value(judged(frame[:2]), "judge.mine_hhi")["status"] == "illustrative"


def test_effective_against_nominal_domestic_supply():
    supply = pl.DataFrame(
        {
            "source": ["home-new", "home", "abroad"],
            "country": ["CHN", "CHN", "ZAF"],
            "quantity_kg": [600.0, 230.0, 5000.0],
            "qualified": [False, True, True],
            "status": ["assumed", "measured", "measured"],
        }
    )
    table = effective_supply(supply, element="Ir", perspective="CHN", demand_kg=1900.0, year=2025)
    effective, nominal = table.iter_rows(named=True)
    assert effective["value"] == pytest.approx(0.121, abs=1e-3)
    assert nominal["value"] == pytest.approx(830 / 1900)
    assert (effective["status"], nominal["status"]) == ("derived", "assumed")
