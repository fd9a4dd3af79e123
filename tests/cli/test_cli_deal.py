"""``oreloop deal ...`` end to end: from a plan to drafts, to a signed contract, to the last payment."""

from __future__ import annotations

import csv
import json
import shutil
import time
from pathlib import Path

import polars as pl
import pytest
from tools import small_case
from tools.command_line import oreloop, said, told

from oreloop.base.texts import LANGUAGES, Language

CASES = Path(__file__).resolve().parents[2] / "cases"
LATER = "2026-11-15"
AGREED = {
    "[contract]": """buyer = "maker"
seller = "refiner"
incoterm = "DAP"
rounding = "half_even"
title = "acceptance"
tolerance_share = "0.02"
""",
    "[price]": """payable_share = "1"
tax = "excluded"
tax_rate = "0.13"
""",
}
PAYMENT = """
[payment]
days = 30
provisional_share = "0"
provisional_days = 0
"""
TRADE = "draft-contract-2026-02"


def filled_in(draft: str) -> str:
    """Fill in the open terms of a draft, as the parties agreed on them."""
    kept = "".join(line for line in draft.splitlines(keepends=True) if not line.startswith("open = "))
    for table, terms in AGREED.items():
        kept = kept.replace(f"{table}\n", f"{table}\n{terms}")
    return kept + PAYMENT


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli-deal")
    oreloop("plan", "template", folder / "tables")
    oreloop("plan", "solve", folder / "tables", "--out", folder / "plan")
    return folder / "plan"


@pytest.fixture
def trade(plan, tmp_path):
    """A folder with one contract, agreed in writing and not signed, and the keys of its parties."""
    folder = tmp_path / "deals"
    oreloop("deal", "draft", plan, "--out", folder, "--offer", "contract")
    contract = folder / f"{TRADE}.toml"
    for other in set(folder.glob("*.toml")) - {contract}:
        other.unlink()
    contract.write_text(filled_in(contract.read_text()))
    for party in ("maker", "refiner", "stranger"):
        oreloop("log", "key", "new", party, "--out", tmp_path / f"{party}.key")
        oreloop("deal", "party", folder, "--as", party, "--key", tmp_path / f"{party}.key")
    return folder


def signed(folder: Path, party: str, day: str, *words: object) -> tuple[object, ...]:
    return ("--as", party, "--key", folder.parent / f"{party}.key", "--at", f"{day}T08:00:00Z", *words)


def event(folder: Path, kind: str, party: str, day: str, *fields: str) -> tuple[object, ...]:
    named = [word for field in fields for word in ("--field", field)]
    return ("deal", "event", folder, "--contract", TRADE, "--type", kind, *named, *signed(folder, party, day))


def agreed(folder: Path) -> Path:
    for party in ("maker", "refiner"):
        oreloop("deal", "sign", folder / f"{TRADE}.toml", *signed(folder, party, "2026-01-05"))
    return folder


def received(folder: Path, grams: int = 4000) -> None:
    """Put the receipt that the record shows into the folder."""
    rows = [
        ["contract", "event", "batch", "time", "site", "element", "gross_mg", "contained_mg"],
        [TRADE, "receipt-1", "lot-1", "2026-03-10T06:00:00.000Z", "plant", "Ir", grams * 1000, grams * 1000],
    ]
    with (folder / "deliveries.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def quantity_g(folder: Path) -> int:
    found = told("deal", "settle", folder, "--at", "2026-01-10")["contracts"]
    return int(found[0]["quantity_mg"]) // 1000


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_contract_goes_from_draft_to_closed_by_commands_alone(trade: Path, language: Language) -> None:
    lang = ("--lang", language)
    agreed(trade)
    grams = quantity_g(trade)
    received(trade, grams)
    owed = grams * 1150 * 113  # CNY/g with 13 % tax, in fen
    oreloop(*event(trade, "delivered", "refiner", "2026-03-10", "batch=lot-1", "event=receipt-1"), *lang)
    oreloop(*event(trade, "accepted", "maker", "2026-03-14", "batch=lot-1"), *lang)
    [priced] = told("deal", "settle", trade, "--at", "2026-03-20")["contracts"]
    assert (priced["state"], priced["open_minor"]) == ("priced", owed)
    assert [(each["code"], each["party"], each["due"], each["days"]) for each in priced["obligations"]] == [
        ("deal.pay", "maker", "2026-04-13", 24)
    ]
    paid = event(trade, "paid", "refiner", "2026-04-08", f"amount_minor={owed}", "currency=CNY", "reference=bank-77")
    oreloop(*paid, *lang)
    [closed] = told("deal", "settle", trade, "--at", "2026-04-15")["contracts"]
    assert (closed["state"], closed["obligations"], closed["warnings"]) == ("closed", [], [])
    for command in ("settle", "show", "statement"):
        shown = oreloop("deal", command, trade, "--at", "2026-04-15", *lang).stdout
        assert {"en": "closed", "zh": "已关闭"}[language] in shown
    assert sum(each["amount"] for each in closed["balances"] if each["asset"] == "CNY") == 0


def test_the_contracts_of_the_case_settle_by_a_later_day_in_two_seconds() -> None:
    started = time.process_time()
    found = told("deal", "settle", CASES / "iridium", "--at", LATER)
    assert {each["contract"]: each["state"] for each in found["contracts"]} == dict.fromkeys(
        ("cn-2025", "ir-buy-2603", "ir-lease-2603", "ir-toll-2603"), "closed"
    )
    assert time.process_time() - started < 2
    by_now = told("deal", "settle", CASES / "iridium")
    assert [each["contract"] for each in by_now["contracts"]] == ["cn-2025"]


def test_the_answer_has_a_stable_shape(trade: Path) -> None:
    found = told("deal", "settle", agreed(trade), "--at", "2026-02-01")
    assert list(found) == ["format", "at", "contracts", "drafts", "notes"]
    assert list(found["contracts"][0]) == [
        "contract", "kind", "buyer", "seller", "element", "quantity_mg", "currency", "digest", "state", "open_minor",
        "held_minor", "invoices", "weights", "exchanges", "fixings", "obligations", "balances", "warnings",
    ]  # fmt: skip
    assert list(found["contracts"][0]["obligations"][0]) == [
        "code", "says", "party", "due", "days", "amount_minor", "element", "mass_mg", "batch",
    ]  # fmt: skip


def test_a_draft_with_open_terms_is_not_signed(plan: Path, tmp_path: Path, trade: Path) -> None:
    oreloop("deal", "draft", plan, "--out", tmp_path / "more", "--offer", "contract")
    refused = told("deal", "sign", tmp_path / "more" / f"{TRADE}.toml", *signed(trade, "maker", "2026-01-05"), code=3)
    codes = {each["code"] for each in refused["problems"]}
    assert {"deal.is_draft", "deal.missing_term"} <= codes
    assert not list((tmp_path / "more").glob("*.jsonl"))


def test_a_dry_run_judges_and_writes_nothing(trade: Path) -> None:
    done = told("deal", "sign", trade / f"{TRADE}.toml", *signed(trade, "maker", "2026-01-05"), "--dry-run")
    assert done["outcome"] == "legal"
    assert not (trade / f"{TRADE}.jsonl").exists()
    agreed(trade)
    wrong = event(trade, "accepted", "maker", "2026-03-10", "batch=lot-1")
    assert told(*wrong, "--dry-run", code=5)["error"] == "deal.not_now"


def test_the_same_event_is_acknowledged_and_not_written_twice(trade: Path) -> None:
    words = ("deal", "sign", trade / f"{TRADE}.toml", *signed(trade, "maker", "2026-01-05"))
    assert [told(*words)["outcome"] for _ in range(2)] == ["added", "there"]
    assert (trade / f"{TRADE}.jsonl").read_bytes().count(b"\n") == 1


def test_an_illegal_event_is_refused_with_clause_and_state(trade: Path) -> None:
    agreed(trade)
    refused = said(*event(trade, "accepted", "maker", "2026-03-10", "batch=lot-1"), code=5)
    assert refused == ""
    found = told(*event(trade, "accepted", "maker", "2026-03-10", "batch=lot-1"), code=5)["problems"][0]
    assert (found["fields"]["clause"], found["fields"]["state"]) == ("delivery", "agreed")


@pytest.mark.parametrize(
    ("party", "kind", "code"), [("maker", "paid", 5), ("stranger", "delivered", 9), ("refiner", "nonsense", 3)]
)
def test_whoever_may_not_send_or_says_nonsense_is_refused(trade: Path, party: str, kind: str, code: int) -> None:
    agreed(trade)
    fields = ("batch=lot-1", "event=receipt-1", "amount_minor=5", "currency=USD", "reference=x")
    oreloop(*event(trade, kind, party, "2026-03-10", *fields), code=code)
    assert (trade / f"{TRADE}.jsonl").read_bytes().count(b"\n") == 2


def test_a_key_that_is_not_the_partys_signs_nothing(trade: Path) -> None:
    shutil.copy(trade.parent / "stranger.key", trade.parent / "maker.key")
    refused = told("deal", "sign", trade / f"{TRADE}.toml", *signed(trade, "maker", "2026-01-05"), code=9)
    assert refused["error"] == "deal.wrong_signature"
    assert told("deal", "party", trade, "--as", "maker", "--key", trade.parent / "maker.key", code=7)["error"] == (
        "app.deal_other_key"
    )


def test_no_command_shows_a_secret(trade: Path) -> None:
    key = (trade.parent / "maker.key").read_text().strip()
    words = ("deal", "sign", trade / f"{TRADE}.toml", *signed(trade, "maker", "2026-01-05"))
    for output in (oreloop(*words).output, oreloop(*words, "--json").output):
        assert key.rpartition("+")[2] not in output


def test_what_is_settled_is_written_in_every_form(trade: Path, tmp_path: Path) -> None:
    agreed(trade)
    received(trade, quantity_g(trade))
    oreloop(*event(trade, "delivered", "refiner", "2026-03-10", "batch=lot-1", "event=receipt-1"))
    oreloop(*event(trade, "accepted", "maker", "2026-03-14", "batch=lot-1"))
    by = ("--at", "2026-03-20")
    for name in ("s.csv", "s.xlsx", "s.json", "s.html", "folder"):
        oreloop("deal", "settle", trade, *by, "--out", tmp_path / name)
    assert pl.read_csv(tmp_path / "s.csv")["state"].to_list() == ["priced"]
    assert json.loads((tmp_path / "s.json").read_text()) == told("deal", "settle", trade, *by)
    assert {"settlement.json", "settlement.xlsx", "postings.csv", "obligations.parquet"} <= {
        path.name for path in (tmp_path / "folder").iterdir()
    }
    oreloop("deal", "settle", trade, *by, "--out", tmp_path / "folder")  # an earlier one is replaced
    oreloop("deal", "settle", trade, *by, "--out", trade, code=7)
    assert f"statement-{TRADE}.html" in {path.name for path in (tmp_path / "folder").iterdir()}
    assert TRADE in (tmp_path / "s.html").read_text()
    oreloop("deal", "show", trade, *by, "--html", tmp_path / "contract.html", "--lang", "zh")
    assert "合同" in (tmp_path / "contract.html").read_text()
    oreloop("deal", "settle", CASES / "iridium", "--at", LATER, "--out", tmp_path / "many.html", code=3)
    oreloop("deal", "statement", trade, *by, "--out", tmp_path / "postings.csv")
    oreloop("deal", "statement", trade, *by, "--out", tmp_path / "postings.xlsx")
    postings = pl.read_csv(tmp_path / "postings.csv")
    assert postings["clause"].to_list()[:2] == ["price", "tax"]


def test_accounts_are_balanced_and_go_to_other_books(trade: Path, tmp_path: Path) -> None:
    found = told("deal", "accounts", CASES / "iridium", "--at", LATER)
    totals: dict[str, int] = {}
    for each in found["accounts"]:
        totals[each["asset"]] = totals.get(each["asset"], 0) + each["balance"]
        assert each["balance"] == each["credits"] - each["debits"]
    assert totals == {"CNY": 0, "USD": 0, "Ir": 0}
    for name in ("a.csv", "a.json", "a.xlsx"):
        oreloop("deal", "accounts", trade, "--out", tmp_path / name)
    shown = said("deal", "accounts", CASES / "iridium", "--at", LATER, "--out", tmp_path / "a.beancount")
    assert "maker, outside" in shown
    book = (tmp_path / "a.beancount").read_text()
    assert "2026-11-15 open Assets:Maker:Account" in book
    assert "  Equity:Refiner-cn:Outside  12.000000 IR.KG\n  Liabilities:Held:Cn-2025  -12.000000 IR.KG" in book
    assert told("deal", "accounts", trade, "--out", tmp_path / "a.txt", code=3)["error"] == "app.deal_ending"
    assert "No postings" in said("deal", "accounts", trade)


def test_a_folder_without_contracts_says_what_is_missing(tmp_path: Path) -> None:
    assert told("deal", "settle", tmp_path, code=6)["error"] == "app.deal_nothing"
    assert told("deal", "settle", tmp_path / "none", code=6)["error"] == "adapters.no_folder"


def test_an_unknown_contract_is_not_found(trade: Path) -> None:
    found = told("deal", "show", trade, "--contract", "other", code=6)
    assert (found["error"], found["problems"][0]["fields"]["expected"]) == ("app.deal_no_contract", TRADE)


def test_a_receipt_that_stands_twice_is_not_paid_twice(trade: Path) -> None:
    received(agreed(trade))
    table = trade / "deliveries.csv"
    rows = table.read_text().splitlines()
    assert told("deal", "settle", trade)["notes"] == []
    table.write_text("\n".join([*rows, rows[1].replace(TRADE, "other").replace("receipt-1", "receipt-2"), ""]))
    assert [each["code"] for each in told("deal", "settle", trade)["notes"]] == ["app.deal_receipts_unsettled"]
    table.write_text("\n".join([*rows, rows[1], ""]))
    [found] = told("deal", "settle", trade, code=3)["problems"]
    assert (found["code"], found["file"], found["line"]) == ("deal.evidence_twice", "deliveries.csv", 3)


def test_every_event_is_a_leaf_of_the_folders_log(trade: Path) -> None:
    oreloop("log", "init", trade / "log", "--origin", "metal.example/deals")
    agreed(trade)
    done = told(*event(trade, "delivered", "refiner", "2026-03-10", "batch=lot-1", "event=receipt-1"))
    assert done["log"]["checkpoint"]["size"] == 3
    vkey = said("log", "key", "show", trade / "log" / "key").strip()
    assert "verified" in said("deal", "verify", trade, "--vkey", vkey)
    assert told("deal", "verify", trade)["outcome"] == "consistent"


def test_an_event_that_was_taken_away_is_missed(trade: Path) -> None:
    oreloop("log", "init", trade / "log", "--origin", "metal.example/deals")
    agreed(trade)
    file = trade / f"{TRADE}.jsonl"
    first, second = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(first)
    found = told("deal", "verify", trade, code=4)
    assert [each["code"] for check in found["checks"] for each in check["problems"]] == ["app.deal_event_lost"]
    file.write_bytes(first + second + first.replace(b"maker", b"taker"))
    assert [each["state"] for each in told("deal", "verify", trade)["checks"]] == ["passed", "passed", "skipped"]
    assert told("deal", "verify", trade.parent, code=6)["error"] == "app.not_a_log"


def test_an_assay_comes_in_a_file(trade: Path, tmp_path: Path) -> None:
    agreed(trade)
    body = tmp_path / "assay.json"
    body.write_text('{"batch": "lot-1", "certificate": "c-1", "values": []}')
    words = event(trade, "assayed", "refiner", "2026-03-10")
    assert told(*words, "--body", body, code=3)["error"] == "deal.wrong_field"
    body.write_text("[]")
    assert told(*words, "--body", body, code=3)["error"] == "app.deal_body"
    assert told(*event(trade, "assayed", "refiner", "2026-03-10", "batch"), code=3)["error"] == "app.deal_field"


def test_a_refused_event_is_shown_with_its_reason(trade: Path) -> None:
    agreed(trade)
    file = trade / f"{TRADE}.jsonl"
    first, second = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(first + second.replace(b'"signature":"', b'"signature":"AA'))
    shown = told("deal", "show", trade, "--at", "2026-02-01")["contracts"][0]
    assert [each["refused"]["code"] if each["refused"] else None for each in shown["events"]] == [
        None,
        "deal.wrong_signature",
    ]
    assert "✗" in said("deal", "show", trade, "--at", "2026-02-01")
    assert "later" in said("deal", "show", trade, "--at", "2026-01-01")


TENDER = """\
[request]
at = 2026-01-01
currency = "CNY"
incoterm = "DAP"
approvals = "approved"
most_co2e_kg_per_kg = "9000"

[award]
at = 2026-01-20
funding_rate_per_year = "0.04"
day_count = 365
largest_share = "1"
weights = {country_risk = "2000"}
rates = [{from = "USD", to = "CNY", rate = "7.1"}]
freight = [{seller = "far-refiner", per_gross_kg = "900", currency = "CNY"}]
duties = [{seller = "far-refiner", rate = "0.03"}]
"""
QUOTE = """\
[quote]
request = "{request}"
seller = "{seller}"
price = "{price}"
unit = "{unit}"
basis = "contained"
payable_share = "1"
tax = "excluded"
tax_rate = "0.13"
incoterm = "{incoterm}"
quantity = "40 kg"
from = {first}
to = {last}
valid_to = 2026-03-01
payment_days = 30
co2e_kg_per_kg = "{co2e}"
"""


@pytest.fixture(scope="module")
def tender(tmp_path_factory):
    """A small case that is planned, and the terms of a tender for it."""
    folder = tmp_path_factory.mktemp("tender")
    for path, data in small_case.files().items():
        (folder / "case" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "case" / path).write_bytes(data)
    (folder / "tender.toml").write_text(TENDER)
    oreloop("plan", "solve", folder / "case", "--out", folder / "plan")
    return folder


def test_who_is_asked_and_who_is_not_is_told_with_the_figures(tender: Path, tmp_path: Path) -> None:
    words = ("deal", "rfq", tender / "plan", "--terms", tender / "tender.toml")
    found = told(*words)["requests"]
    by_seller = {each["seller"]: each for each in found[-1]["candidates"]}
    assert set(by_seller) == {"near-refiner", "far-refiner"}
    assert all(reason["says"] for each in by_seller.values() for reason in each["reasons"])
    oreloop(*words, "--out", tmp_path / "rfq", "--lang", "zh")
    sent = json.loads((tmp_path / "rfq" / f"request-{found[-1]['request']['id']}.json").read_text())
    assert sent == found[-1]["request"]
    assert "near-refiner" not in json.dumps(sent)
    assert "request" in (tmp_path / "rfq" / "candidates.csv").read_text().splitlines()[0]
    strict = tmp_path / "strict.toml"
    strict.write_text(TENDER.replace('"9000"', '"7000"'))
    assert "not asked: far-refiner" in said("deal", "rfq", tender / "plan", "--terms", strict)


def test_quotes_are_awarded_with_reasons_and_become_drafts(tender: Path, tmp_path: Path) -> None:
    line = next(
        each
        for each in told("deal", "rfq", tender / "plan", "--terms", tender / "tender.toml")["requests"]
        if len(each["asked"]) == 2
    )
    asked = line["request"]
    both = {"request": line["digest"], "first": asked["from"]}
    [by] = [each["offers"][0]["by"] for each in line["hand_over"] if each["seller"] == "far-refiner"]
    near = {
        "seller": "near-refiner",
        "price": "1200",
        "unit": "CNY/g",
        "incoterm": "DAP",
        "co2e": "6700",
        "last": asked["to"],
    }
    far = {"seller": "far-refiner", "price": "4900", "unit": "USD/ozt", "incoterm": "FCA", "co2e": "9500", "last": by}
    paths = []
    for each in (near, far):
        paths.append(tmp_path / f"{each['seller']}.toml")
        paths[-1].write_text(QUOTE.format(**both, **each))
    words = ("deal", "award", tender / "plan", *paths, "--terms", tender / "tender.toml")
    [found] = told(*words)["awards"]
    assert [each["seller"] for each in found["ranking"] if not each["excluded"]] == ["near-refiner"]
    assert found["ranking"][-1]["excluded"] == "deal.excluded.footprint"
    for language in LANGUAGES:
        assert "far-refiner" in oreloop(*words, "--out", tmp_path / "award", "--lang", language).stdout
    drafts = sorted(path.name for path in (tmp_path / "award").glob("draft-*.toml"))
    assert drafts == [f"draft-{asked['id']}-1.toml"]
    paths[0].write_text(QUOTE.format(**{**both, "request": "0" * 64}, **near))
    assert told(*words, code=3)["error"] == "app.deal_other_request"
    paths[0].write_text(QUOTE.format(**both, **near).replace("CNY/g", "CNY/stone"))
    assert told(*words, code=3)["error"] == "deal.not_a_price_unit"
    asked_only = tmp_path / "asked.toml"
    asked_only.write_text(TENDER.partition("[award]")[0])
    assert told(*words[:-1], asked_only, code=3)["error"] == "app.deal_no_award"


def test_a_case_is_drafted_from_its_plan_and_a_result_gives_its_own_drafts(tender: Path, tmp_path: Path) -> None:
    from_case = told("deal", "draft", tender / "case", "--out", tmp_path / "a")["drafts"]
    from_plan = told("deal", "draft", tender / "plan", "--out", tmp_path / "b")["drafts"]
    assert from_case == from_plan
    assert all(each["open"] for each in from_case)
    shutil.copytree(tmp_path / "a", tmp_path / "out" / "deal" / "drafts")
    (tmp_path / "out" / "manifest.json").write_text("{}")
    assert told("deal", "draft", tmp_path / "out", "--out", tmp_path / "c")["drafts"] == from_case
    assert told("deal", "draft", tender / "plan", "--out", tmp_path / "d", "--offer", "none", code=6)["error"] == (
        "app.deal_no_orders"
    )
    assert told("deal", "draft", tender / "plan", "--out", tmp_path / "a", code=7)["error"] == "adapters.folder_in_use"
