"""``oreloop deal rfq``, ``quote``, ``award`` and ``exposure`` end to end: quotes on a series, signed quotes, licences, options."""

from __future__ import annotations

import hashlib
import json
import shutil
import tomllib
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from tools import small_case
from tools.command_line import oreloop, said, told

from oreloop.app.logs.keys import keep_key
from oreloop.deal import sign_event
from oreloop.log import Signer

CASES = Path(__file__).resolve().parents[2] / "cases"
TENDER = """\
[request]
at = 2026-03-01
currency = "CNY"
incoterm = "DAP"
approvals = "approved; trial; assumed"
answer_by = 2026-03-12

[award]
at = 2026-03-15
funding_rate_per_year = "0.05"
day_count = 365
rates = [{from = "USD", to = "CNY", rate = "7"}]
freight = [{seller = "refiner-a", per_gross_kg = "960", currency = "CNY"}]

[[award.prices]]
series = "Ir"
month = "MONTH"
price = "4300"
low = "3900"
high = "4800"
unit = "USD/ozt"
on = 2026-03-10
source = "view of the metals committee"
"""
INDEX = """\
[quote]
request = "{request}"
seller = "{seller}"
kind = "index"
series = "Ir"
month = 0
premium = "{premium}"
floor = "4000"
unit = "USD/ozt"
basis = "contained"
payable_share = "1"
tax = "excluded"
tax_rate = "0"
incoterm = "{incoterm}"
quantity = "40 kg"
from = {first}
to = {last}
valid_to = 2026-04-30
payment_days = 0
"""
FIXED = INDEX.replace(
    'kind = "index"\nseries = "Ir"\nmonth = 0\npremium = "{premium}"\nfloor = "4000"', 'price = "{price}"'
)


def key_of(party: str, folder: Path) -> Path:
    """Write the demonstration key of a party, which anybody can compute."""
    path = folder / f"{party}.key"
    if not path.exists():
        keep_key(path, Signer.from_seed(party, hashlib.sha256(f"oreloop demo key: {party}".encode()).digest()))
    return path


def sign(folder: Path, text: str, party: str, day: str, out: Path, **changes: object) -> str:
    """Sign a quote as its seller at noon of a day, and give its id."""
    typed = folder / f"{party}.toml"
    typed.write_text(text)
    words = ("deal", "quote", typed, "--as", party, "--key", key_of(party, folder), "--at", f"{day}T12:00:00Z")
    return told(*words, "--out", out)["id"]


@pytest.fixture(scope="module")
def iridium(tmp_path_factory):
    """The plan of the bundled case, and the terms of a tender for it."""
    folder = tmp_path_factory.mktemp("iridium-tender")
    oreloop("plan", "solve", CASES / "iridium", "--out", folder / "plan")
    (folder / "tender.toml").write_text(TENDER.replace("MONTH", "2026-10"))
    return folder


@pytest.fixture(scope="module")
def asked(iridium):
    words = ("deal", "rfq", iridium / "plan", "--terms", iridium / "tender.toml")
    oreloop(*words, "--out", iridium / "rfq")
    return told(*words)["requests"]


def line_of(asked, seller):
    return next(each for each in asked if seller in each["asked"])


def test_each_seller_is_told_alone_by_when_it_must_hand_over(iridium, asked):
    """From Johannesburg 4 days by air, 4 in customs, 1 by road, 14 in acceptance; the public request has those 14 off."""
    line = line_of(asked, "refiner-a")
    sheet = json.loads((iridium / "rfq" / f"hand-over-{line['request']['id']}-refiner-a.json").read_text())
    [offer] = [each for each in sheet["offers"] if each["offer"] == "a-long"]
    to = date.fromisoformat(line["request"]["to"])
    assert date.fromisoformat(offer["by"]) == to - timedelta(days=9)
    assert (offer["accept_days"], [each["customs_days"] for each in offer["way"]]) == (14, [4, 0])
    assert offer["lead_days"] == (date.fromisoformat(offer["by"]) - date(2026, 3, 1)).days
    assert sheet["request"] == line["digest"]
    assert line["request"]["answer_by"] == "2026-03-12"
    assert "refiner-b" not in json.dumps(sheet)


def test_a_flow_under_a_pending_licence_is_asked_for_with_the_day_of_its_decision(iridium, asked):
    crude = [each for each in asked if each["request"]["material"] == "ir-crude"]
    sheets = [json.loads(path.read_text()) for path in (iridium / "rfq").glob("hand-over-ir-crude-*.json")]
    assert len(sheets) == sum(bool(each["asked"]) for each in crude)
    for sheet in sheets:
        [offer] = sheet["offers"]
        [licence] = offer["licences"]
        assert (licence["licence"], licence["standing"], licence["expected_on"]) == (
            "zwe-export",
            "pending",
            "2026-04-15",
        )
        assert licence["by"] == offer["by"] >= "2026-04-15"
    words = ("deal", "rfq", iridium / "plan", "--terms", iridium / "tender.toml")
    if sheets:
        assert "licence zwe-export is pending: to be decided by" in said(*words)
        assert "许可 zwe-export 待批" in oreloop(*words, "--lang", "zh").stdout


def test_signed_quotes_on_a_series_are_awarded_and_drafted_as_their_clause(iridium, asked, tmp_path):
    """refiner-a corrects 90 to 60 USD/ozt over the average; refiner-cn asks 1,000,000 CNY/kg but comes too late."""
    line = line_of(asked, "refiner-a")
    [offer] = [each["offers"][0] for each in line["hand_over"] if each["seller"] == "refiner-a"]
    events = tmp_path / "quotes.jsonl"
    month = offer["by"][:7]
    (tmp_path / "tender.toml").write_text(TENDER.replace("MONTH", month))
    terms = {
        "request": line["digest"],
        "seller": "refiner-a",
        "incoterm": "FCA",
        "first": f"{month}-01",
        "last": offer["by"],
    }
    first = sign(tmp_path, INDEX.format(**terms, premium="90"), "refiner-a", "2026-03-05", events)
    mended = INDEX.format(**terms, premium="60") + f'replaces = "{first}"\n'
    better = sign(tmp_path, mended, "refiner-a", "2026-03-06", events)
    assert sign(tmp_path, mended, "refiner-a", "2026-03-06", events) == better
    assert len(events.read_bytes().splitlines()) == 2
    window = {"first": line["request"]["from"], "last": line["request"]["to"], "incoterm": "DAP"}
    late = FIXED.format(**terms | window | {"seller": "refiner-cn"}, price="900")
    sign(tmp_path, late, "refiner-cn", "2026-03-13", events)
    typed = tmp_path / "typed.toml"
    typed.write_text(FIXED.format(**terms | window | {"seller": "dealer"}, price="4700") + "quoted_on = 2026-03-12\n")
    words = ("deal", "award", iridium / "plan", events, typed, "--terms", tmp_path / "tender.toml")
    found = told(*words)
    assert found["unread"] == []
    [award] = found["awards"]
    rows = {row["quote"]: row for row in award["ranking"]}
    assert rows[better]["rank"] == 1
    assert rows[better]["cost_per_kg"] == pytest.approx(4360 * 7 / 0.0311034768 + 960 / 0.99999, rel=1e-6)
    assert rows[better]["low_per_kg"] == pytest.approx(4000 * 7 / 0.0311034768 + 960 / 0.99999, rel=1e-6)
    assert rows[first]["excluded"] == "deal.excluded.superseded"
    assert {row["seller"]: row["excluded"] for row in award["ranking"] if row["rank"] is None}["refiner-cn"] == (
        "deal.excluded.late"
    )
    shown = said(*words, "--out", tmp_path / "award")
    assert "ranked at 4,300 USD/ozt" in shown
    assert "view of the metals committee" in shown
    assert "at the higher prices dealer would lead" in shown
    assert "按高价" in oreloop(*words, "--lang", "zh").stdout
    drafts = [tomllib.loads(path.read_text()) for path in (tmp_path / "award").glob("draft-*.toml")]
    [own] = [each for each in drafts if each["contract"]["seller"] == "refiner-a"]
    assert {name: own["price"][name] for name in ("kind", "series", "month", "premium", "floor")} == {
        "kind": "index", "series": "Ir", "month": 0, "premium": "60", "floor": "4000",
    }  # fmt: skip
    nothing = told(*words[:3], "--terms", tmp_path / "tender.toml", code=6)
    assert nothing["error"] == "app.deal_no_quotes"


def test_a_quote_is_signed_by_its_seller_only(tmp_path):
    typed = tmp_path / "q.toml"
    typed.write_text(
        INDEX.format(request="r", seller="a", premium="1", incoterm="DAP", first="2026-05-01", last="2026-05-31")
    )
    words = ("deal", "quote", typed, "--as", "b", "--key", key_of("b", tmp_path), "--out", tmp_path / "q.jsonl")
    assert told(*words, code=3)["error"] == "app.deal_other_seller"
    assert not (tmp_path / "q.jsonl").exists()
    words = ("deal", "quote", typed, "--as", "a", "--key", key_of("a", tmp_path), "--out", tmp_path / "q.jsonl")
    assert "A correction names it by" in said(*words, "--at", "2026-01-01")
    assert "已有" in oreloop(*words, "--at", "2026-01-01", "--lang", "zh").stdout


SMALL = TENDER.partition("[[award.prices]]")[0].replace("2026-03-15", "2026-01-20").replace("2026-03-12", "2026-01-15")
SMALL = SMALL.replace("at = 2026-03-01", "at = 2026-01-01").replace("refiner-a", "far-refiner")


def test_quotes_signed_in_a_case_are_valued_by_the_forecast_of_its_prices(tmp_path):
    case = tmp_path / "case"
    for path, data in small_case.files().items():
        (case / path).parent.mkdir(parents=True, exist_ok=True)
        (case / path).write_bytes(data)
    terms = tmp_path / "tender.toml"
    terms.write_text(SMALL)
    words = ("deal", "award", case, "--terms", terms)
    line = line_of(told("deal", "rfq", case, "--terms", terms)["requests"], "near-refiner")
    last = line["request"]["to"]
    quoted = {"request": line["digest"], "seller": "near-refiner", "incoterm": "DAP", "first": line["request"]["from"]}
    events = case / "later" / "contracts" / "quotes.jsonl"
    sign(tmp_path, INDEX.format(**quoted, premium="60", last=last), "near-refiner", "2026-01-10", events)
    poor = "oreloop.quoted/1", {"request": line["digest"], "price": "1", "unit": "CNY/g", "valid_to": "2026-02-01"}
    line_of_poor = {
        "type": poor[0],
        "contract": "c",
        "at": "2026-01-11T00:00:00.000Z",
        "by": "far-refiner",
        "body": poor[1],
    }
    with events.open("ab") as file:
        file.write(sign_event(line_of_poor, bytes(32)) + b"\n")
    made = told(*words)
    assert {each["code"] for each in made["unread"]} == {"deal.missing_term"}
    [award] = made["awards"]
    [row] = award["ranking"]
    assert (row["valued"], row["known_on"], row["month"]) == ("forecast", "2025-12-31", last[:7])
    assert row["average_low"] < row["average"] < row["average_high"]
    assert row["low_per_kg"] < row["cost_per_kg"] < row["high_per_kg"]
    assert "由截至 2025-12-31 的价格预测" in oreloop(*words, "--lang", "zh").stdout
    settled = told("deal", "settle", case, "--at", "2026-03-15")["contracts"]
    assert {each["contract"] for each in settled} == {"near-2511", "near-2601"}


def test_what_is_open_to_the_price_of_a_case_is_that_of_its_users():
    found = told("deal", "exposure", CASES / "iridium", "--at", "2026-06-01")
    assert found["parties"] == ["maker"]
    assert {row["metal"] for row in found["positions"]} == {"Ir"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with one contract of a case, its parties, and hedges."""
    folder = tmp_path_factory.mktemp("hedged")
    for name in ("pt-buy-2603.toml", "pt-buy-2603.jsonl"):
        shutil.copy(CASES / "platinum" / "later" / "contracts" / name, folder)
    shutil.copy(CASES / "platinum" / "parties.csv", folder)
    (folder / "hedges.csv").write_text(
        "instrument,venue,metal,month,kg,price,currency,strike,floor,cap,premium\n"
        "future,NYMEX,Pt,2026-06,-100,41000,USD,,,,\n"
        "put,GFEX,Pt,2026-06,150,,USD,38000,,,500\n"
        "collar,bank,Pt,2026-06,-80,,USD,,37000,44000,0\n"
    )
    return folder


def test_options_of_a_folder_are_shown_with_what_they_keep_cost_and_pay(folder):
    """300 kg are bought and priced, 100 sold ahead: 150 are kept at 37,500, 50 at 37,000. At 36,000 the put pays 300,000."""
    words = ("deal", "exposure", folder, "--at", "2026-04-30", "--party", "maker", "--price", "Pt=36000 USD/kg")
    found = told(*words)
    [row] = found["positions"]
    assert (row["open_kg"], row["covered_kg"], row["uncovered_kg"]) == (200.0, 200.0, 0.0)
    kept = {each["instrument"]: (each["covers_kg"], each["worst_per_kg"]) for each in found["options"]}
    assert kept == {"put": (150.0, 37500.0), "collar": (50.0, 37000.0)}
    paid = {each["instrument"]: (each["payoff_minor"], each["result_minor"]) for each in found["payoffs"]}
    assert paid == {
        "future": (500_000_00, 500_000_00), "put": (300_000_00, 225_000_00), "collar": (80_000_00, 80_000_00),
    }  # fmt: skip
    text = said(*words)
    assert "37,500.00 USD" in text
    assert "a fall" in text
    assert "看跌期权" in oreloop(*words, "--lang", "zh").stdout


def test_what_is_open_is_written_as_one_file(folder, tmp_path):
    words = ("deal", "exposure", folder, "--at", "2026-04-30", "--party", "maker")
    for name in ("a.csv", "a.xlsx", "a.json"):
        oreloop(*words, "--out", tmp_path / name)
    assert "uncovered_kg" in (tmp_path / "a.csv").read_text().splitlines()[0]
    assert json.loads((tmp_path / "a.json").read_text())["format"] == "oreloop.exposure/1"
    assert told(*words, "--out", tmp_path / "a.html", code=3)["error"] == "app.deal_ending"
    assert told(*words, "--price", "Pt", code=3)["error"] == "app.deal_price"


def test_whose_exposure_it_is_must_be_said_of_a_folder(folder, tmp_path):
    assert told("deal", "exposure", folder, code=3)["error"] == "app.deal_whose"
    bare = tmp_path / "bare"
    shutil.copytree(folder, bare)
    (bare / "hedges.csv").unlink()
    assert told("deal", "exposure", bare, "--at", "2026-04-30", "--party", "maker")["options"] == []
    (bare / "hedges.csv").write_text("instrument,metal,month,kg\nput,Pt,2026-05,1\n")
    assert told("deal", "exposure", bare, "--party", "maker", code=3)["error"] == "deal.hedge_term_missing"
    (bare / "hedges.csv").write_text("instrument,metal,month,kg\nput,Pt,some day,1\n")
    assert told("deal", "exposure", bare, "--party", "maker", code=3)
    assert pl.read_csv(folder / "hedges.csv").height == 3
