"""A draft of an order under an option, from the plan to the text of the contract: its price is the strike, the premium is apart."""

from __future__ import annotations

import re
import tomllib
from html import unescape
from pathlib import Path

import pytest
from tools.command_line import oreloop, told

TABLES = {
    "parties": "party\nmaker\nrefiner\n",
    "sites": "site,kind,party,country\nfab,user,maker,CHN\nsmelter,refinery,refiner,CHN\n",
    "materials": "material,element,content\nir,Ir,0.9999\n",
    "lanes": "lane,from_site,to_site,mode,lead_days,customs_days,cost_per_gross_kg\nby-road,smelter,fab,road,1,0,1\n",
    "offers": (
        "offer,site,material,price,price_unit,price_basis,option_premium,option_held_kg,lead_days\n"
        "frame,smelter,ir,90,CNY/kg,contained,40,2,0\nspot,smelter,ir,250,CNY/kg,contained,,,0\n"
    ),
    "approvals": "site,material,offer,approval,accept_days\nfab,ir,frame,approved,0\nfab,ir,spot,approved,0\n",
    "demand": "site,material,period,quantity_kg\nfab,ir,2026-02,1\nfab,ir,2026-03,10\n",
}
AGREED = {
    "contract": {
        "rounding": "half_even", "title": "acceptance", "tolerance_share": "0.02", "incoterm": "DAP",
        "buyer": "maker", "seller": "refiner", "currency": "CNY", "site": "fab",
    },
    "price": {"payable_share": "1", "tax": "excluded", "tax_rate": "0.13"},
}  # fmt: skip
PAYMENT = '\n[payment]\ndays = 30\nprovisional_share = "0"\nprovisional_days = 0\n'


@pytest.fixture
def draft(tmp_path: Path) -> str:
    for name, text in TABLES.items():
        (tmp_path / "tables").mkdir(exist_ok=True)
        (tmp_path / "tables" / f"{name}.csv").write_text(text, "utf-8")
    oreloop("deal", "draft", tmp_path / "tables", "--out", tmp_path / "drafts", "--offer", "frame")
    return sorted((tmp_path / "drafts").glob("*.toml"))[0].read_text("utf-8")


def test_the_draft_holds_the_strike_and_says_that_the_premium_is_not_in_it(draft: str) -> None:
    said = tomllib.loads(draft)
    assert (said["price"]["price"], said["contract"]["answers"], said["contract"]["under_option"]) == (
        "90",
        "frame",
        True,
    )
    assert "40" not in {str(value) for table in said.values() for value in table.values()}


def test_the_text_of_the_contract_says_so_in_both_languages(draft: str, tmp_path: Path) -> None:
    """The terms that the draft leaves open are filled in; the sentence about the option stands as the draft has it."""
    said = tomllib.loads(draft)
    kept = "\n".join(line for line in draft.splitlines() if not line.startswith("open ="))
    for table, terms in AGREED.items():
        lines = "".join(f'{key} = "{value}"\n' for key, value in terms.items() if key not in said[table])
        kept = kept.replace(f"[{table}]\n", f"[{table}]\n{lines}")
    deals, page = tmp_path / "deals", tmp_path / "contract.html"
    deals.mkdir()
    (deals / "frame-1.toml").write_text(kept + PAYMENT, "utf-8")
    oreloop("deal", "show", deals, "--at", "2026-02-01", "--html", page)
    text = unescape(page.read_text("utf-8"))
    assert "owed under the option, whether anything is ordered or not." in re.sub(r"\s+", " ", text)
    assert "无论是否订购，均按期权另行支付" in text
    [contract] = told("deal", "settle", deals, "--at", "2026-02-01")["contracts"]
    assert contract["invoices"] == [], "no premium is charged by an order"
