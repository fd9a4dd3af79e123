"""Metal is ready on a day, and a plan may count on the cautious lead time: through ``oreloop plan`` and back."""

from __future__ import annotations

import json

import polars as pl
import pytest
from tools import small_case
from tools.command_line import oreloop, said

from oreloop.app.job import METHODS

OFFERS = """\
offer,kind,site,material,price,price_unit,price_basis,tax,lead_days,lead_days_p90,origin_country,co2e_kg_per_kg
near,purchase,near,metal,1200,CNY/g,contained,0,{days},30,CHN,6700
"""
KEPT = (
    "case.toml",
    *(f"{name}.csv" for name in ("parties", "sites", "materials", "lanes", "offers", "demand", "prices", "rates")),
)
"""The small case without its other rules."""


@pytest.fixture
def solved(tmp_path):
    """Give a function that plans the small case with other offers and settings: its folder and its orders."""

    def solve(name: str, days: int, setting: str = ""):
        case, out = tmp_path / name, tmp_path / f"{name}-out"
        files = small_case.files() | {"offers.csv": OFFERS.format(days=days).encode()}
        files["case.toml"] = files["case.toml"].replace(b"[plan]\n", b"[plan]\n" + setting.encode())
        case.mkdir()
        for path in KEPT:
            (case / path).write_bytes(files[path])
        oreloop("plan", "solve", case, "--out", out)
        return out, pl.read_csv(out / "orders.csv", infer_schema_length=None)

    return solve


def first_usable(orders: pl.DataFrame) -> str:
    return str(orders["usable_period"].min())


def test_a_plan_counts_on_the_cautious_lead_time_where_asked_and_verifies(solved):
    usual, orders = solved("usual", 1)
    cautious, later = solved("cautious", 1, 'lead_time = "p90"\n')
    assert (first_usable(orders), first_usable(later)) == ("2026-01", "2026-02")
    for out in (usual, cautious):
        assert json.loads((out / "plan.json").read_bytes())["method"] == METHODS["plan"]
        assert "certified" in said("plan", "verify", out)


def test_an_order_too_late_for_the_road_is_of_no_use_in_its_month(solved):
    """Ordered on 1 January, 20 days; 2 on the road, 14 in acceptance: used in February."""
    out, orders = solved("late", 20)
    january = orders.filter(pl.col("order_period") == "2026-01")
    assert set(january["arrive_period"]) == {"2026-01"}
    shortages = pl.read_csv(out / "shortages.csv", infer_schema_length=None)
    flows = pl.read_csv(out / "flows.csv", infer_schema_length=None)
    sent = flows.filter(
        (pl.col("kind") == "ship") & (pl.col("subject") == "near-plant") & (pl.col("period") == "2026-01")
    )
    assert sent.is_empty()
    assert shortages.height
    assert "certified" in said("plan", "verify", out)
