"""Documents of a contract: every number comes from its file or its settlement, both languages, nothing that runs."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest

from oreloop.base.instant import instant, sealed
from oreloop.base.texts import LANGUAGES, Language
from oreloop.deal import Contract, Evidence, Settlement, fold, parse_events, public_key, settle, sign_event
from oreloop.deal.terms import Line
from oreloop.report import (
    ContractShown,
    InvoiceShown,
    StatementShown,
    contract_document,
    contract_page,
    contract_text,
    invoice_document,
    invoice_page,
    statement_document,
    statement_page,
)
from oreloop.report.deal_formula import formula, given, named
from oreloop.report.deal_invoice import charges
from oreloop.report.deal_tables import account_name
from oreloop.report.deal_words import DealWords, exactly, percent, spaced
from oreloop.report.wording import THIN

ROOT = Path(__file__).parents[2]
PLACES = ("tests/deal/examples/**/*.toml", "docs/examples/deals/*.toml", "cases/*/**/contracts/*.toml")
FILES = sorted(path for place in PLACES for path in ROOT.glob(place))
HOSTILE = "</script><img src=x onerror=alert(1)>\"'\u202e{{7*7}}{kg}&amp;"
NAMES = {"maker": {"en": "Catalyst maker", "zh": "催化剂制造商"}, "Ir": {"en": "iridium", "zh": "铱"}}
KEYS = {party: sha256(f"not secret: {party}".encode()).digest() for party in ("maker", "refiner", "publisher", "lab")}

TERMS = """
[contract]
id = "ir-1"
kind = "purchase"
buyer = "maker"
seller = "refiner"
material = "ir-5n"
element = "Ir"
quantity = "10 kg"
tolerance_share = "0.02"
currency = "CNY"
site = "plant"
incoterm = "DAP"
title = "acceptance"
rounding = "half_even"
[price]
kind = "fixed"
price = "1200000.35"
unit = "CNY/kg"
basis = "gross"
payable_share = "0.999"
tax = "excluded"
tax_rate = "0.13"
[deposit]
share = "0.1"
due_days = 5
[late]
share_per_day = "0.001"
cap_share = "0.05"
[delivery]
from = 2026-01-01
to = 2026-01-10
[payment]
days = 30
provisional_share = "0.8"
provisional_days = 3
"""


class Read(HTMLParser):
    """What a browser would find in a page."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self._style = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._style = tag == "style"
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        self._style = False

    def handle_data(self, data: str) -> None:
        self.text += "" if self._style else data


def contract(terms: str = TERMS) -> Contract:
    return Contract.parse(terms.encode(), "ir-1.toml")


def settlement(terms: str = TERMS, at: str = "2026-02-20T00:00:00.000Z", **changes: Any) -> Settlement:
    """A contract agreed and delivered late, a part of the deposit paid, one event from the wrong party."""
    made = contract(terms)

    def say(day: str, by: str, kind: str, **body: Any) -> bytes:
        event = {"type": f"oreloop.{kind}/1", "contract": made.id, "at": f"{day}T08:00:00.000Z", "by": by, "body": body}
        return sign_event(event, KEYS[by])

    paid = {"amount_minor": 1_000_000, "currency": made.currency, "reference": changes.get("reference", "wire 1")}
    lines = [
        say("2026-01-02", "maker", "agreed", contract_digest=made.digest),
        say("2026-01-03", "refiner", "agreed", contract_digest=made.digest),
        say("2026-01-05", "refiner", "deposit_paid", **paid),
        say("2026-01-14", made.giver, "delivered", batch="lot-1", event="receipt-1"),
        say("2026-01-15", made.giver, "accepted", batch="lot-1"),
    ]
    if changes.get("accepted", True):
        lines.append(say("2026-01-18", made.receiver, "accepted", batch="lot-1"))
    if changes.get("paid"):
        lines.append(say("2026-02-01", "refiner", "paid", **{**paid, "reference": "wire 2", "amount_minor": 5_000_001}))
    receipt = {
        "contract": made.id, "event": "receipt-1", "batch": "lot-1", "time": "2026-01-14T06:00:00.000Z", "site": "plant",
        "element": "Ir", "gross_mg": 10_050_001, "contained_mg": 10_049_900,
    }  # fmt: skip
    back = {**receipt, "site": changes.get("back", "elsewhere"), "batch": "lot-2", "contained_mg": 4_000_000}
    evidence = Evidence(
        deliveries=pl.DataFrame([receipt, back]),
        footprint=pl.DataFrame(schema={"batch": pl.String, "co2e_g": pl.Int64}),
        assays=pl.DataFrame(schema=dict.fromkeys(("batch", "analyte", "value", "unit"), pl.String)),
    )
    keys = {party: public_key(key) for party, key in KEYS.items()}
    return settle(fold(made, parse_events(b"\n".join(lines), "e.jsonl"), instant(at), keys=keys), evidence)


def invoice(found: Settlement, position: int = 0) -> InvoiceShown:
    return InvoiceShown(settlement=found, invoice=found.invoices[position], names=NAMES)


def values(found: Any) -> Iterator[Any]:
    """Every value that a file holds."""
    match found:
        case dict():
            for key, value in found.items():
                yield from values(value)
                if key in ("all_of", "any_of", "then"):
                    yield key
        case list():
            for value in found:
                yield from values(value)
        case _:
            yield found


def numbers(text: str) -> set[Decimal]:
    return {Decimal(each) for each in re.findall(r"-?\d+(?:\.\d+)?", text.replace(THIN, "").replace("−", "-"))}


def number_of(value: Any) -> Decimal | None:
    """The number that a term holds: bare, or in front of its unit."""
    try:
        return None if isinstance(value, bool) else Decimal(str(value).split(" ")[0])
    except InvalidOperation:
        return None


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_number_of_a_contract_text_is_one_of_its_file_and_every_one_of_the_file_is_there(
    path: Path, language: Language
) -> None:
    terms = tomllib.loads(path.read_text("utf-8"))
    text = contract_text(ContractShown(contract=Contract.parse(path.read_bytes(), path.name)), language)
    prose = " ".join(re.sub(r"^(?:\d+(?:\.\d+)?|-) ", "", line) for line in text)
    prose = prose.replace("Incoterms 2020", " ")  # the edition, which the code of a delivery term means
    found = list(values(terms))
    for word in sorted({each for each in found if isinstance(each, str) and number_of(each) is None}, key=len)[::-1]:
        prose = prose.replace(word, " ")
    for day in {each.isoformat() for each in found if hasattr(each, "isoformat")}:
        assert day in prose
        prose = prose.replace(day, " ")
    stated = {number for each in found if (number := number_of(each)) is not None}
    per_cent, in_kg = {each * 100 for each in stated}, {each / 1_000_000 for each in stated}
    shown = numbers(prose)
    assert shown <= stated | per_cent | in_kg
    silent = {number for number in stated if not {number, number * 100, number / 1_000_000} & shown}
    assert silent <= {Decimal(0)}, "only that there is no provisional invoice is said without a number"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_contract_text_names_each_choice_and_each_party_in_the_language_of_the_reader(language: Language) -> None:
    text = "\n".join(contract_text(ContractShown(contract=contract(), names=NAMES), language))
    party = {"en": "Catalyst maker (maker)", "zh": "催化剂制造商（maker）"}
    basis = {"en": "gross mass", "zh": "毛重"}
    assert party[language] in text
    assert basis[language] in text
    assert f"1{THIN}200{THIN}000.35{THIN}CNY/kg" in text
    assert f"99.9{THIN}%" in text
    assert "2026-01-10" in text


def test_conditions_of_payment_are_read_from_the_outside_in() -> None:
    path = ROOT / "tests/deal/examples/wording/purchase-contested.toml"
    shown = ContractShown(contract=Contract.parse(path.read_bytes(), path.name))
    english, chinese = ("\n".join(contract_text(shown, language)) for language in LANGUAGES)
    assert "all of (the batch is accepted; any of (the footprint is stated; one after the other (" in english
    assert "全部满足（已接收；满足任一（已申报碳足迹；依次满足（已申报交付、记录证明已交付）））" in chinese
    assert f"12.5{THIN}kg" in english


def test_terms_that_no_sentence_speaks_of_stand_by_name_and_a_clause_without_a_name_stops_the_page() -> None:
    made = contract()
    longer = replace(
        made, data=made.data + b'[capacity]\nproof = ["x", "y"]\nof = {kept = true, until = 2026-05-01}\nn = -1200\n'
    )
    lines = contract_text(ContractShown(contract=longer))
    assert [line.partition(" ")[2] for line in lines[-3:]] == [
        "proof: x, y", "of: kept (yes); until (2026-05-01)", f"n: −1{THIN}200",
    ]  # fmt: skip
    assert contract_text(ContractShown(contract=longer), "zh")[-2].endswith("of：kept（是）；until（2026-05-01）")
    unknown = replace(made, data=made.data + b"[moonshine]\nlitres = 3\n")
    with pytest.raises(KeyError, match="moonshine"):
        contract_page(ContractShown(contract=unknown))


def test_the_digest_that_the_parties_sign_and_who_signed_it_stand_on_the_page() -> None:
    shown = ContractShown(contract=contract(), names=NAMES, agreed_by=frozenset({"maker"}))
    text = Read(contract_page(shown)).text
    assert sha256(TERMS.encode()).hexdigest() in text
    assert text.count("has signed this digest") == text.count("has not signed yet") == 1
    document = contract_document(shown)
    assert document["digest"] == sha256(TERMS.encode()).hexdigest()
    assert document["agreed_by"] == ["maker"]
    assert [each["table"] for each in document["clauses"]] == list(tomllib.loads(TERMS))
    first = document["clauses"][0]["sentences"][0]
    assert "ir-1" in first["en"][0]
    assert "ir-1" in first["zh"][0]


def test_the_lines_of_an_invoice_with_the_rounding_add_up_to_its_total() -> None:
    for found in (settlement(), settlement(accepted=False)):
        made = charges(invoice(found))
        assert sum(line.amount_minor for line in made.lines) == made.net_minor + made.tax_minor
        assert made.net_minor + made.tax_minor + made.rounding_minor == made.total_minor
        assert made.total_minor == found.invoices[0].amount_minor


def test_an_invoice_document_can_be_computed_again_from_its_formulas() -> None:
    shown = invoice(settlement())
    document = msgspec.json.decode(msgspec.json.encode(invoice_document(shown)))
    assert [line["clause"] for line in document["lines"]] == ["price", "late", "tax"]
    for line in document["lines"]:
        inputs = {name: Fraction(value) for name, value in line["inputs"].items()}
        again = eval(line["formula"], {"min": min, "max": max}, inputs)
        assert again * 100 == Fraction(line["exact_minor"])
        assert abs(Fraction(line["exact_minor"]) - line["amount_minor"]) <= Fraction(1, 2)
    assert document["total_minor"] == shown.invoice.amount_minor
    assert (document["buyer"], document["seller"], document["currency"], document["minor_digits"]) == (
        "maker", "refiner", "CNY", 2,
    )  # fmt: skip
    assert (document["batch"], document["delivered_on"], document["due"]) == ("lot-1", "2026-01-14", "2026-02-17")


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_invoice_shows_quantity_basis_formula_tax_total_and_day(language: Language) -> None:
    found = settlement()
    page = invoice_page(invoice(found), language)
    text = Read(page).text
    for said in (
        f"10.050001{THIN}kg",
        f"1{THIN}200{THIN}000.35{THIN}CNY/kg",
        f"99.9{THIN}%",
        "2026-02-17",
        found.state.contract.digest,
    ):
        assert said in text
    assert {"en": "mass ÷ price unit × payable share × price", "zh": "质量 ÷ 计价单位 × 计价系数 × 价格"}[
        language
    ] in text
    assert {"en": "gross mass", "zh": "毛重"}[language] in text
    assert f"<title>{ {'en': 'Final invoice', 'zh': '最终发票'}[language] } ir-1 · Oreloop</title>" in page


def test_a_provisional_invoice_says_that_the_final_one_replaces_it() -> None:
    shown = invoice(settlement(accepted=False))
    assert "The final invoice replaces this one" in Read(invoice_page(shown)).text
    document = invoice_document(shown)
    assert not document["final"]
    assert document["tax_minor"] == 0


def test_an_invoice_that_the_seller_owes_names_him_as_payer() -> None:
    found = settlement()
    (made,) = found.invoices
    credit = Line(clause="late", amount=Fraction(-12), formula="-value", inputs={"value": Fraction(12)})
    owed = InvoiceShown(settlement=found, invoice=replace(made, lines=(credit,), amount_minor=-1200), names=NAMES)
    text = Read(invoice_page(owed)).text
    assert "refiner pays Catalyst maker (maker)" in text
    assert invoice_document(owed)["total_minor"] == -1200


LEASE = (
    TERMS.replace("purchase", "lease").replace('"acceptance"', '"stays"')
    .replace('[deposit]\nshare = "0.1"\ndue_days = 5\n[late]\nshare_per_day = "0.001"\ncap_share = "0.05"\n', "")
    + '[lease]\nrate_per_year = "0.09"\noverdue_rate_per_year = "0.2"\nday_count = 360\nterm_days = 20\nreturn_site = "vault"\n'
)  # fmt: skip

TOLL = (
    LEASE[: LEASE.index("[price]")] + LEASE[LEASE.index("[delivery]") : LEASE.index("[lease]")]
    + '[toll]\ntreatment = "80"\nunit = "CNY/kg"\nbasis = "dry"\ntax = "included"\ntax_rate = "0"\noutturn_days = 20\n'
    'return_site = "vault"\nreturns = [{element = "Ir", returned_share = "0.9", settled_in = "metal"}]\n'
).replace('"lease"', '"toll"')  # fmt: skip


def test_a_lease_fee_is_for_all_batches_and_a_toll_is_charged_on_its_own_mass() -> None:
    fee = invoice(settlement(LEASE, back="vault"))
    assert "metal out × days" in Read(invoice_page(fee)).text
    assert invoice_document(fee)["batch"] == ""
    assert invoice_document(fee)["delivered_on"] is None
    toll = settlement(TOLL, back="vault")
    assert "dry mass" in Read(invoice_page(invoice(toll))).text
    owed = statement_document(StatementShown(settlement=toll))["obligations"]
    assert [(each["element"], each["mass_mg"]) for each in owed if each["mass_mg"]] == [("Ir", 5_044_910)]
    assert f"5.04491{THIN}kg Ir" in Read(statement_page(StatementShown(settlement=toll))).text


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_statement_shows_money_balances_obligations_refusals_and_warnings(language: Language) -> None:
    found = settlement(paid=True)
    text = Read(statement_page(StatementShown(settlement=found, names=NAMES), language)).text
    said = {
        "en": (
            "Deposit set off",
            "3 d overdue",
            "only receiver may send it",
            "was delivered to elsewhere",
            "held",
            "payment",
            "price, late delivery, tax",
        ),
        "zh": ("已抵定金", "逾期 3 天", "只有 receiver 可以发送", "交到 elsewhere", "暂存", "付款"),
    }
    for each in (*said[language], "wire 1", f"10{THIN}000.00{THIN}CNY", f"50{THIN}000.01{THIN}CNY"):
        assert each in text
    document = msgspec.json.decode(msgspec.json.encode(statement_document(StatementShown(settlement=found))))
    assert document["open_minor"] == document["invoiced_minor"] - 6_000_001
    assert [(each["reference"], each["deposit"]) for each in document["received"]] == [
        ("wire 1", True),
        ("wire 2", False),
    ]
    assert [each["code"] for each in document["refused"]] == ["deal.not_theirs"]
    assert [each["code"] for each in document["warnings"]] == ["deal.elsewhere"]
    assert document["refused"][0]["zh"]["hint"]
    for asset in ("CNY", "Ir"):
        assert sum(each["amount"] for each in document["balances"] if each["asset"] == asset) == 0


def test_a_statement_of_a_contract_that_nobody_signed_shows_nothing_owed_but_the_signatures() -> None:
    empty = settlement(at="2026-01-01T00:00:00.000Z")
    page = Read(statement_page(StatementShown(settlement=empty))).text
    assert page.count("sign the contract") == 2
    assert "nothing is owed" in page
    assert "no day set" in page
    soon = settlement(at="2026-01-04T00:00:00.000Z", paid=True)
    assert "in 4 d" in Read(statement_page(StatementShown(settlement=soon))).text
    overpaid = replace(soon, money=replace(soon.money, open=-5))
    assert "owed by the seller" in Read(statement_page(StatementShown(settlement=overpaid))).text


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_on_a_page_runs_whatever_ids_and_names_hold(language: Language) -> None:
    hostile = TERMS.replace('element = "Ir"', "element = 'Ir<img src=x onerror=alert(1)>'")
    names = {key: {"en": HOSTILE, "zh": HOSTILE} for key in ("maker", "refiner", "lot-1", "ir-5n", "plant")}
    found = settlement(hostile, reference=HOSTILE.replace("\u202e", ""))
    pages = [
        contract_page(ContractShown(contract=contract(hostile), names=names), language),
        invoice_page(InvoiceShown(settlement=found, invoice=found.invoices[0], names=names), language),
        statement_page(StatementShown(settlement=found, names=names), language),
    ]
    for page in pages:
        read = Read(page)
        assert not {"script", "img", "iframe", "link", "form"} & set(read.tags)
        assert not [name for name, _ in read.attributes if name.startswith("on") or name in ("src", "href")]
        assert (
            "content",
            "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
        ) in read.attributes
        assert "\u202e" not in page
        assert "{{7*7}}" in read.text
        assert page.count(" checked>") == 1
        assert f'id="choose-{language}"' in next(line for line in page.splitlines() if " checked>" in line)
        assert "@page { size: A4;" in page


@pytest.mark.parametrize("language", LANGUAGES)
def test_formulas_are_written_with_the_names_of_the_trade(language: Language) -> None:
    words = DealWords({}, language)
    said = formula(
        "max(0, Pt_mg * payable_share) / refining_mg_per_unit * refining_2 - co2e_g / 1000 * bonus_per_kg", words
    )
    assert (
        said
        == {
            "en": f"the greater of (0, contained Pt × payable share) ÷ unit of the refining charge × refining charge{THIN}2 − footprint × bonus",
            "zh": f"较大者 (0, 含 Pt × 计价系数) ÷ 精炼费单位 × 精炼费{THIN}2 − 碳足迹 × 奖励单价",
        }[language]
    )
    assert named("some_new_input", words) == "some new input"
    assert named("new_2", words) == "new 2"
    assert named("As_content", words) == {"en": "content of As", "zh": "As 含量"}[language]


def test_values_of_formulas_carry_the_unit_that_their_name_tells() -> None:
    words, ounce = DealWords({}, "en"), Fraction("31103.4768")
    inputs = {
        "mass_mg": Fraction(12_000_000), "mg_per_unit": ounce, "price": Fraction(900), "average_1": Fraction("4452.5"),
        "refining_mg_per_unit": Fraction(7), "refining_1": Fraction(5), "co2e_g": Fraction(1500), "rate": Fraction("0.13"),
        "target_kg_per_kg": Fraction(9000), "bonus_per_kg": Fraction("0.02"), "value": Fraction(1, 3), "days": Fraction(11),
        "value_per_mg": Fraction("0.964"), "mg_days": Fraction(3_500_000_000), "As_content": Fraction("0.0027"),
    }  # fmt: skip
    written = {name: given(name, inputs, "USD", words).replace(THIN, " ") for name in inputs}
    assert written == {
        "mass_mg": "12 kg", "mg_per_unit": "1 ozt", "price": "900 USD/ozt", "average_1": "4 452.5 USD/ozt",
        "refining_mg_per_unit": "1 7 mg", "refining_1": "5 USD/7 mg", "co2e_g": "1.5 kg CO₂e", "rate": "13 %",
        "target_kg_per_kg": "9 000 kg CO₂e/kg", "bonus_per_kg": "0.02 USD/kg", "value": "≈ 0.333333333 USD", "days": "11",
        "value_per_mg": "964 000 USD/kg", "mg_days": "3 500 kg·days", "As_content": "0.27 %",
    }  # fmt: skip


def test_a_price_that_moves_a_charge_is_not_given_the_unit_of_the_charge() -> None:
    inputs = {
        "mg_per_unit": Fraction(10**9),
        "treatment": Fraction(195),
        "average": Fraction(987),
        "participation_base": Fraction(950),
    }
    written = [given(name, inputs, "USD", DealWords({}, "en")).replace(THIN, " ") for name in inputs]
    assert written == ["1 t", "195 USD/t", "987", "950"]


def test_numbers_keep_their_digits_and_what_is_cut_off_is_marked() -> None:
    assert (spaced("0.80"), spaced("GDMS"), spaced("1250 kg")) == ("0.80", "GDMS", f"1{THIN}250 kg")
    assert (exactly(Fraction(-5, 2)), exactly(Fraction(1, 7))) == ("−2.5", f"≈{THIN}0.142857143")
    assert percent(Fraction("0.0000005")) == f"0.00005{THIN}%"
    words = DealWords(NAMES, "en")
    assert account_name("maker/account", words) == "account of Catalyst maker (maker)"
    assert account_name("suspense", words) == "suspense"


def test_days_are_counted_from_the_instant_of_the_settlement() -> None:
    found = settlement()
    later = sealed(found.state.at + timedelta(days=7))
    assert "10 d overdue" in Read(statement_page(StatementShown(settlement=settlement(at=later)))).text
