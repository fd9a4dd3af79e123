"""``oreloop plan`` on tables in which an offer is an option, in Chinese headers too, alone and against several futures."""

from __future__ import annotations

import re

import polars as pl
import pytest
from tools.command_line import oreloop, said, told

TABLES = {
    "sites": "场所,类型,国家\nfab,用户,CHN\n",
    "materials": "材料,元素,含量\nir,Ir,0.9999\n",
    "offers": (
        "报价,场所,材料,价格,价格单位,期权费,已购期权_千克,交货天数\n"
        "frame,fab,ir,90,CNY/kg,40,2,0\nspot,fab,ir,250,CNY/kg,,,0\n"
    ),
    "approvals": "场所,材料,报价,认证状态,验收天数\nfab,ir,frame,已批准,0\nfab,ir,spot,已批准,0\n",
    "demand": "场所,材料,期间,数量_千克\nfab,ir,2026-01,1\nfab,ir,2026-02,1\nfab,ir,2026-03,10\n",
}
FUTURES = (
    "future,probability,edit\n"
    "less,0.5,\"demand[site=fab,period=2026-03].quantity_kg = 4\"\n"
    "as planned,0.3,\n"
    "more,0.2,\"demand[site=fab,period=2026-03].quantity_kg = 16\"\n"
)  # fmt: skip


@pytest.fixture
def tables(tmp_path):
    place = tmp_path / "tables"
    place.mkdir()
    for name, text in TABLES.items():
        (place / f"{name}.csv").write_text(text, "utf-8")
    (tmp_path / "futures.csv").write_text(FUTURES, "utf-8")
    return place


def test_the_right_to_buy_stands_beside_the_orders_and_is_verified(tables, tmp_path):
    out, page = tmp_path / "plan", tmp_path / "plan.html"
    assert "Buy the option frame of fab for 14 kg" in said("plan", "solve", tables, "--out", out, "--html", page)
    options = pl.read_csv(out / "options.csv").row(0, named=True)
    assert (options["held_mg"], options["quantity_mg"], options["taken_mg"]) == (2_000_000, 14_000_000, 16_000_000)
    assert options["amount"] == pytest.approx(560.0)
    assert {"Options", "期权"} <= set(re.findall(r"<h2[^>]*>([^<]*)</h2>", page.read_text("utf-8")))
    assert "certified" in said("plan", "verify", out)
    assert "购入期权 frame 14 kg" in oreloop("plan", "solve", tables, "--lang", "zh").stdout


def test_a_changed_right_is_noticed(tables, tmp_path):
    out = tmp_path / "plan"
    said("plan", "solve", tables, "--out", out)
    text = (out / "options.csv").read_text("utf-8")
    (out / "options.csv").write_text(text.replace("14000000", "13000000"), "utf-8")
    assert "options.csv" in oreloop("plan", "verify", out, code=4).output


def test_a_right_is_bought_until_the_chance_to_use_more_of_it_does_not_pay(tables, tmp_path):
    """A right saves 160 a kg: beyond 8 kg with a chance of one half (80), beyond 16 of a fifth (32); its premium is 40.

    Of the 8, 16 or 24 kg, a quarter is for the guard behind the horizon; 2 kg of the right are held already.
    """
    futures, out = tmp_path / "futures.csv", tmp_path / "hedged"
    found = told("plan", "futures", tables, "--futures", futures)
    [right] = [row for row in found["orders"] if row["action"] == "option"]
    assert (right["subject"], right["from"], right["quantity_kg"]) == ("frame", "fab", pytest.approx(14.0))
    assert "option frame" in said("plan", "futures", tables, "--futures", futures, "--out", out)
    said("plan", "verify", out)


def test_an_offer_and_a_process_of_one_name_are_told_apart(tables, tmp_path):
    """Ids are unique in their own table only; what was decided of each is found again by whoever verifies."""
    (tables / "processes.csv").write_text("process,site,toll,cost\nspot,fab,yes,1\n", "utf-8")
    (tables / "materials.csv").write_text("material,element,content\nir,Ir,0.9999\nraw,Ir,0.5\n", "utf-8")
    recipes = "process,material,direction,main,direct_yield\nspot,raw,in,yes,\nspot,ir,out,,1\n"
    (tables / "recipes.csv").write_text(recipes, "utf-8")
    offers = (tables / "offers.csv").read_text("utf-8") + "ore,fab,raw,95,CNY/kg,,,0\n"
    (tables / "offers.csv").write_text(offers.replace("spot,fab,ir,250", "spot,fab,ir,93"), "utf-8")
    approvals = (
        (tables / "approvals.csv")
        .read_text("utf-8")
        .replace("报价", "报价,工序")
        .replace("spot", "spot,")
        .replace("frame", "frame,")
    )
    (tables / "approvals.csv").write_text(approvals + "fab,ir,,spot,已批准,0\n", "utf-8")
    (tables / "limits.csv").write_text(
        "limit,metric,scope,sense,value,unit\nhalf,purchase,offer=spot,<=,3,kg\n", "utf-8"
    )
    (tables / "demand.csv").write_text(TABLES["demand"].replace("2026-01,1", "2026-01,9"), "utf-8")
    said("plan", "futures", tables, "--futures", tmp_path / "futures.csv", "--out", tmp_path / "both")
    orders = pl.read_csv(tmp_path / "both" / "orders.csv")
    assert set(orders.filter(pl.col("subject") == "spot")["action"]) == {"order", "toll"}
    said("plan", "verify", tmp_path / "both")
