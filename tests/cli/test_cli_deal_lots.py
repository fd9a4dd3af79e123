"""What a settlement rests on, through the door: exchanged assays, weights, price fixings, recycled shares, in every form."""

from __future__ import annotations

import json
import re
import shutil
from html import unescape
from pathlib import Path

import pytest
from tools.command_line import oreloop, told

from oreloop.base.texts import LANGUAGES, Language

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples" / "deals"
SPONGE, TOLL, LAST = "pt-sponge-2026", "autocat-toll-2026", "2026-08-31"
ASSAY = {
    "batch": "pt-lot-1",
    "nonce": "3d" * 32,
    "values": [{"analyte": "Pt", "value": "99.951", "unit": "%", "method": "gravimetry"}],
}


@pytest.fixture
def trade(tmp_path: Path) -> Path:
    """The platinum sponge, unsigned, with keys of its parties."""
    folder = tmp_path / "deals"
    folder.mkdir()
    for name in (f"{SPONGE}.toml", "deliveries.csv", "footprint.csv"):
        shutil.copy(EXAMPLES / name, folder / name)
    for party in ("catalyst-maker", "refiner"):
        oreloop("log", "key", "new", party, "--out", tmp_path / f"{party}.key")
        oreloop("deal", "party", folder, "--as", party, "--key", tmp_path / f"{party}.key")
        signing = ("--as", party, "--key", tmp_path / f"{party}.key", "--at", "2026-01-20T08:00:00Z")
        oreloop("deal", "sign", folder / f"{SPONGE}.toml", *signing)
    return folder


def sent(folder: Path, kind: str, party: str, day: str, body: dict[str, object]) -> tuple[object, ...]:
    path = folder.parent / "body.json"
    path.write_text(json.dumps(body))
    event = ("deal", "event", folder, "--contract", SPONGE, "--type", kind, "--body", path)
    return (*event, "--as", party, "--key", folder.parent / f"{party}.key", "--at", f"{day}T08:00:00Z")


def test_an_assay_is_committed_to_and_revealed_from_one_file(trade: Path) -> None:
    oreloop(*sent(trade, "delivered", "refiner", "2026-02-17", {"batch": "pt-lot-1", "event": "receipt-pt-lot-1"}))
    for party in ("refiner", "catalyst-maker"):
        written = told(*sent(trade, "assay_committed", party, "2026-02-26", ASSAY))["event"]["body"]
        assert set(written) == {"batch", "commitment"}, "nothing of the assay is in the event"
    for party in ("refiner", "catalyst-maker"):
        oreloop(*sent(trade, "assay_revealed", party, "2026-03-02", ASSAY))
    [contract] = told("deal", "settle", trade, "--at", "2026-03-03")["contracts"]
    [row] = contract["exchanges"]
    assert (row["by"], row["settled"], row["difference"]) == ("mean", "99.951", "0")
    assert row["seller_committed"] == "2026-02-26T08:00:00.000Z"


def test_an_assay_that_could_not_be_revealed_is_not_committed_to(trade: Path) -> None:
    oreloop(*sent(trade, "delivered", "refiner", "2026-02-17", {"batch": "pt-lot-1", "event": "receipt-pt-lot-1"}))
    weak = sent(trade, "assay_committed", "refiner", "2026-02-26", {**ASSAY, "nonce": "short"})
    assert "body.nonce" in oreloop(*weak, "--lang", "en", code=3).stderr


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_statement_shows_assays_weights_title_and_prices(tmp_path: Path, language: Language) -> None:
    out = tmp_path / "statement.html"
    oreloop("deal", "statement", EXAMPLES, "--contract", SPONGE, "--at", LAST, "--lang", language, "--out", out)
    page = re.sub("</?time>", "", unescape(out.read_text("utf-8")))
    for told_there in (
        "99.962",
        "99.908",
        "99.947",
        "99.9545",
        "u-2026-31",
        "2026-03-31 08:00",
        "0.004018002",
        "20.085876",
    ):
        assert told_there in page
    words = {
        "en": (
            "Umpire rule 4: the mean of the umpire's result and the nearer party's",
            "risk passes to the receiver",
            "of which tax",
        ),
        "zh": ("仲裁规则 4：以仲裁结果与较近一方结果的平均值为准", "风险转移给收货方", "其中税额"),
    }
    for each in words[language]:
        assert each in page


def test_the_folder_of_a_settlement_holds_the_same_as_tables(tmp_path: Path) -> None:
    out = tmp_path / "settled"
    oreloop("deal", "settle", EXAMPLES, "--at", LAST, "--out", out)
    head, *rows = (out / "exchanges.csv").read_text("utf-8").splitlines()
    assert head.startswith("contract,batch,analyte,unit,seller,seller_committed")
    assert [row.split(",")[1] for row in rows] == ["pt-lot-1", "pt-lot-2"]
    assert "20085876" in (out / "weights.csv").read_text("utf-8")
    assert "illustrative table, 2026-04" in (out / "fixings.csv").read_text("utf-8")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_terminal_shows_who_pays_the_umpire(language: Language) -> None:
    shown = oreloop("deal", "settle", EXAMPLES, "--contract", SPONGE, "--at", LAST, "--lang", language).stdout
    assert {"en": "umpire 99.947, rule 4; pays: buyer", "zh": "仲裁 99.947，规则 4；承担方：买方"}[language] in shown
    assert "pt-afternoon" in shown


def test_metal_that_a_toller_buys_waits_for_its_price_and_has_it(tmp_path: Path) -> None:
    [waiting] = told("deal", "settle", EXAMPLES, "--contract", TOLL, "--at", "2026-04-15")["contracts"]
    assert [(each["code"], each["party"]) for each in waiting["obligations"] if each["code"] == "deal.fix_price"] == [
        ("deal.fix_price", "publisher")
    ]
    [done] = told("deal", "settle", EXAMPLES, "--contract", TOLL, "--at", LAST)["contracts"]
    [invoice] = done["invoices"]
    [bought] = [each for each in invoice["lines"] if each["clause"] == "returns"]
    assert bought["formula"].endswith("min(max((((average_1 + average_2) / 2) + premium), floor), cap)")


def test_recycled_shares_come_from_a_table_of_the_folder(trade: Path) -> None:
    path = trade / f"{SPONGE}.toml"
    clause = '[recycled]\ntarget_share = "0.2"\nbonus_per_kg = "50"\nmalus_per_kg = "50"\ncap_share = "0.05"\n\n'
    other = path.read_text().replace("[delivery]", f"{clause}[delivery]").replace(SPONGE, "pt-green-2026")
    (trade / "pt-green-2026.toml").write_text(other)
    (trade / "recycled.csv").write_text("batch,element,share\npt-lot-1,Pt,0.35\n")
    receipts = (trade / "deliveries.csv").read_text().replace(SPONGE, "pt-green-2026")
    (trade / "deliveries.csv").write_text(receipts)
    for party in ("catalyst-maker", "refiner"):
        signing = ("--as", party, "--key", trade.parent / f"{party}.key", "--at", "2026-01-20T08:00:00Z")
        oreloop("deal", "sign", trade / "pt-green-2026.toml", *signing)
    key = ("--as", "refiner", "--key", trade.parent / "refiner.key", "--at", "2026-02-17T08:00:00Z")
    event = ("deal", "event", trade, "--contract", "pt-green-2026", "--type", "delivered")
    oreloop(*event, "--field", "batch=pt-lot-1", "--field", "event=receipt-pt-lot-1", *key)
    found = told("deal", "settle", trade, "--contract", "pt-green-2026", "--at", "2026-02-20")["contracts"]
    assert "deal.show_recycled" not in [each["code"] for each in found[0]["obligations"]]
