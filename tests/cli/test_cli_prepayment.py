"""A contract that is paid ahead, through ``oreloop deal``: signed, settled, and shown in both languages."""

from __future__ import annotations

from pathlib import Path

import pytest
from tools.command_line import oreloop, told

from oreloop.base.texts import LANGUAGES, Language

CONTRACT = Path(__file__).parents[1] / "deal/examples/wording/purchase-prepaid.toml"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    deals = tmp_path / "deals"
    deals.mkdir()
    (deals / "prepaid-1.toml").write_bytes(CONTRACT.read_bytes())
    for party in ("maker", "refiner"):
        key = tmp_path / f"{party}.key"
        oreloop("log", "key", "new", party, "--out", key)
        oreloop("deal", "party", deals, "--as", party, "--key", key)
        oreloop("deal", "sign", deals / "prepaid-1.toml", "--as", party, "--key", key, "--at", "2026-01-05T08:00:00Z")
    return deals


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_prepayment_is_owed_on_its_day_and_repaid_with_interest(folder: Path, language: Language) -> None:
    owed = {day: told("deal", "settle", folder, "--at", day)["contracts"][0] for day in ("2026-01-29", "2026-01-30")}
    assert [each["open_minor"] for each in owed.values()] == [0, 59_650_000]
    [pay] = [each for each in owed["2026-01-30"]["obligations"] if each["code"] == "deal.pay"]
    assert (pay["party"], pay["due"]) == ("maker", "2026-01-30")
    shown = oreloop("deal", "settle", folder, "--at", "2026-05-10", "--lang", language).stdout
    assert "2026-04-30" in shown
    pages = folder.parent / language
    oreloop("deal", "statement", folder, "--at", "2026-05-10", "--lang", language, "--out", pages)
    said = "".join(each.read_text("utf-8") for each in sorted(pages.rglob("*.html")))
    assert {"en": "interest on the prepayment", "zh": "预付款利息"}[language] in said.lower()
