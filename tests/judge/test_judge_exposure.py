"""What a plan leans on, before and after."""

from __future__ import annotations

import re
from importlib.resources import files

import polars as pl
import pytest

from oreloop.base.texts import room_texts
from oreloop.judge import countries, country_exposure

RISK = {"ZAF": 0.6, "CAN": 0.3}


def orders(*rows):
    return pl.DataFrame(rows, {"element": pl.String, "country": pl.String, "quantity_kg": pl.Float64}, orient="row")


def test_spreading_orders_lowers_concentration_and_risk():
    before = orders(("Ir", "ZAF", 6.0), ("Ir", "ZAF", 4.0))
    after = orders(("Ir", "ZAF", 5.0), ("Ir", "CAN", 5.0))
    rows = {row[1]: row[2:4] for row in country_exposure(before, after, risk=RISK).rows()}
    assert rows == {
        "judge.plan_hhi": (10_000, 5_000),
        "judge.plan_hhi_wgi": (6.0, pytest.approx(0.25 * 9)),
        "judge.plan_risk": (0.6, pytest.approx(0.45)),
    }


def test_countries_side_by_side():
    table = countries(orders(("Ir", "ZAF", 6.0)), orders(("Ir", "CAN", 2.0), ("Pt", "XXX", 1.0)), risk=RISK)
    assert table.rows() == [
        ("Ir", "CAN", 0.0, 2.0, 0.0, 1.0, 0.3),
        ("Ir", "ZAF", 6.0, 0.0, 1.0, 0.0, 0.6),
        ("Pt", "XXX", 0.0, 1.0, None, 1.0, None),
    ]


def test_unknown_risk_and_no_orders_are_null():
    table = country_exposure(orders(), orders(("Pt", "XXX", 1.0)), risk=RISK)
    assert [row[2:4] for row in table.rows()] == [(None, 10_000), (None, None), (None, None)]


def test_every_code_of_the_room_has_a_text():
    source = "".join(each.read_text("utf-8") for each in files("oreloop.judge").iterdir() if each.name.endswith(".py"))
    used = set(re.findall(r'"(judge\.[a-z0-9_.]+)"', source)) - {"judge.mine", "judge.import"}
    assert used <= set(room_texts("judge")["label"])
