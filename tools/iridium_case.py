"""Write the generated files of the bundled case `iridium`: monthly series, the illustrative record, what came later.

    python -m tools.iridium_case cases/iridium

Same program, same bytes: no clock, no random source. Three methods, named in the `source` column of each row:

* **Monthly price and use.** Proportional Denton benchmarking, first differences (Denton 1971, Cholette 1984): the
  path x that minimises sum (x[t]/i[t] - x[t-1]/i[t-1])^2 while each year keeps its published mean. The price has a
  flat indicator i = 1; use has an indicator of assumed seasonality and an assumed disturbance drawn from SHA-256.
* **Annual use of one maker** = 20 % (assumed share) of the claimed Chinese demand: 1.2 t in 2023, 1.9 t in 2025,
  3.5 t in 2026; 2024 and the years before 2023 lie on the growth from 2023 to 2025.
* **Record.** Masses are whole milligrams; what is not in an output is written as a loss, so each step balances.

All parties are invented roles. Contracts are signed with demonstration keys, whose seed anybody can compute:
SHA-256 of "oreloop demo key: <party>". They prove nothing about who signed.
"""

from __future__ import annotations

import argparse
import base64
import csv
import hashlib
import io
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

from tools.case_book import Book, Lot, lot
from tools.case_deals import Deal, demo_key, minor
from tools.monthly import denton, months

CLAIM_SHARE = 0.20
CLAIMS_T = {2023: 1.2, 2025: 1.9, 2026: 3.5}
PRICE_USD_PER_OZT = {2021: 5158.40, 2022: 4581.93, 2023: 4672.78, 2024: 4810.40, 2025: 4400.0}
SEASON = (0.90, 0.78, 1.00, 1.01, 1.02, 1.05, 1.00, 0.99, 1.04, 1.02, 1.08, 1.11)
DISTURBANCE = 0.06
CNY_PER_USD = {2021: 6.449, 2022: 6.737, 2023: 7.084, 2024: 7.197, 2025: 7.19, 2026: 7.00, 2027: 7.00}
HOLDER = {
    "mine-zaf": "miner-zaf",
    "smelt-zaf": "miner-zaf",
    "smelt-zwe": "miner-zwe",
    "ref-a": "refiner-a",
    "ref-b": "refiner-b",
    "port-pvg": "carrier",
    "ref-cn": "refiner-cn",
    "recyc-cn": "recycler",
    "vault-sh": "bank",
    "dealer-sh": "dealer",
    "suzhou": "maker",
    "field-nm": "operator",
}
OFFSET = {"mine-zaf": 2, "smelt-zaf": 2, "smelt-zwe": 2, "ref-a": 2, "ref-b": 1}
MOISTURE = {
    "pgm-conc": "0.05",
    "ir-crude": "0.01",
    "ir-coating-scrap": "0.03",
    "ir-spent-anode": "0.01",
    "ir-residue": "0.10",
}
GDMS = ("Pt", "1.2"), ("Rh", "0.4"), ("Ru", "0.5"), ("Fe", "0.3"), ("Cu", "<0.1"), ("Ni", "<0.1"), ("Na", "0.2")
FIRM_KG = {"2026-03": 46, "2026-04": 47, "2026-05": 40, "2026-06": 24}
VAT = Fraction("0.13")
BUILD_MW = (52, 54, 58, 60, 62, 64, 66, 66, 70, 72, 58, 62)


# --- monthly series ---------------------------------------------------------------------------------------------


def monthly_price() -> dict[str, float]:
    """Give USD/ozt for 2021-01 to 2026-02; after the last published year the last month is carried forward."""
    path = denton(list(PRICE_USD_PER_OZT.values()), [1.0] * 60)
    return dict(zip(months("2021-01", 62), [round(price, 2) for price in [*path, path[-1], path[-1]]], strict=True))


def annual_use_kg() -> dict[int, float]:
    """Give the maker's iridium use of 2021 to 2026, kg."""
    growth = (CLAIMS_T[2025] / CLAIMS_T[2023]) ** 0.5
    claims = CLAIMS_T | {year: CLAIMS_T[2023] * growth ** (year - 2023) for year in (2021, 2022, 2024)}
    return {year: 1000 * CLAIM_SHARE * claims[year] for year in sorted(claims)}


def monthly_use_kg() -> dict[str, float]:
    """Give kg used in each month, 2021-01 to 2026-02."""
    names = months("2021-01", 72)
    noise = [int.from_bytes(hashlib.sha256(f"iridium use {name}".encode()).digest()[:4]) / 2**32 for name in names]
    indicator = [SEASON[i % 12] * (1 + DISTURBANCE * (2 * noise[i] - 1)) for i in range(72)]
    path = denton([year / 12 for year in annual_use_kg().values()], indicator)
    return {name: round(kg, 3) for name, kg in zip(names[:62], path, strict=False)}


# --- the illustrative record -----------------------------------------------------------------------------------


def pure(site: str, kilograms: float) -> Lot:
    """Describe a lot of iridium 5N: all but 10 ppm is iridium."""
    return lot("ir-5n", site, kilograms / 0.99999, Ir=kilograms)


def record(book: Book) -> None:
    """Write what happened before the case begins: four chains that end at the maker."""
    book.file = "record/2025-primary.jsonl"
    book.mined(
        "2025-05-05T06:00",
        "c-zaf-2505",
        lot("pgm-conc", "mine-zaf", 4_200_000, Ir=39.9, Pt=1316.7),
        origin="ZAF",
        grams=6_606_642_000,
    )
    book.assayed("2025-05-06T09:00", "c-zaf-2505", [("Ir", "10.0"), ("Pt", "330")], unit="g/t", method="NiS-FA-ICPMS")
    book.moved("2025-05-08T06:00", "2025-05-09T07:00", "c-zaf-2505", "smelt-zaf")
    matte = lot("pgm-matte", "smelt-zaf", 41_000, Ir=38.703, Pt=1290.366)
    book.made("2025-06-12T06:00", ["c-zaf-2505"], {"m-zaf-2506": matte}, "smelting", 3_535_000_000, "slag")
    book.moved("2025-06-16T06:00", "2025-06-17T08:00", "m-zaf-2506", "ref-a")
    refined = {
        "pt-2508": lot("pt-sponge", "ref-a", 1278.14, Pt=1277.5),
        "ic-2508": lot("ir-crude", "ref-a", 40.404041, Ir=36.0),
        "rs-2508": lot("ir-residue", "ref-a", 60, Ir=2.4, Pt=9.0),
    }
    book.made("2025-08-21T06:00", ["m-zaf-2506"], refined, "pgm-refining", 1_740_000_000, "effluent")
    book.assayed(
        "2025-08-22T08:00", "ic-2508", [("Ir", "90.0"), ("Ru", "3.1"), ("Rh", "0.9")], unit="%", method="ICP-OES"
    )
    book.mined(
        "2025-10-20T07:00",
        "ic-2510",
        lot("ir-crude", "smelt-zaf", 32.547700, Ir=29.0),
        origin="ZAF",
        grams=226_200_000,
    )
    book.moved("2025-10-22T06:00", "2025-10-22T15:00", "ic-2510", "ref-a")
    campaign(book, "2025-09-30T06:00", "ic-2508", {"a-2510": 15.0, "a-2511": 15.0}, residue=5.1)
    campaign(book, "2025-12-15T06:00", "ic-2510", {"a-2602": 15.0, "a-2603": 9.0}, residue=4.2)
    flown(book, "a-2510", ("2025-10-20", "2025-10-24", "2025-10-28"), "suzhou", "a-2025")
    flown(book, "a-2511", ("2025-11-18", "2025-11-22", "2025-11-26"), "suzhou", "a-2025")
    flown(book, "a-2602", ("2026-02-16", "2026-02-20", "2026-02-24"), "suzhou", "a-2025")
    book.moved("2026-02-26T06:00", "", "a-2603", "port-pvg")
    accepted(book, "2025-11-06", "a-2510")
    accepted(book, "2025-12-08", "a-2511")

    book.file = "record/2025-domestic.jsonl"
    crude = lot("ir-crude", "smelt-zwe", 17.957352, Ir=16.0)
    book.mined("2025-08-04T07:00", "cz-2508", crude, origin="ZWE", grams=124_800_000)
    book.moved("2025-08-08T06:00", "2025-08-14T03:00", "cz-2508", "port-pvg")
    book.moved("2025-08-20T01:00", "2025-08-21T02:00", "cz-2508", "ref-cn")
    book.assayed(
        "2025-08-25T02:00", "cz-2508", [("Ir", "90.0"), ("Ru", "2.6"), ("Fe", "0.8")], unit="%", method="ICP-OES"
    )
    made = {"cn-2512": pure("ref-cn", 12.0), "rz-2512": lot("ir-residue", "ref-cn", 60, Ir=3.2)}
    book.made("2025-10-10T02:00", ["cz-2508"], made, "refine-75", 5_600_000, "filter wash and off-gas")
    book.assayed("2025-10-13T02:00", "cn-2512", GDMS, unit="ppm", method="GDMS")
    book.moved("2025-12-18T01:00", "2025-12-19T02:00", "cn-2512", "suzhou", contract="cn-2025")
    accepted(book, "2026-01-05", "cn-2512")
    owned = pure("field-nm", 5.0)
    book.mined("2026-01-06T01:00", "cu-2601", owned, origin="ZAF", grams=44_300_000)
    book.moved("2026-01-07T01:00", "2026-01-11T02:00", "cu-2601", "suzhou")

    book.file = "record/2025-bank.jsonl"
    for lot_id, kilograms, made_on in (
        ("v-2507", 45.0, "2025-07-07"),
        ("b-2512", 8.0, "2025-11-24"),
        ("b-2601", 12.0, "2026-01-05"),
    ):
        book.mined(
            f"{made_on}T07:00",
            lot_id,
            pure("ref-b", kilograms),
            origin="ZWE",
            grams=round(5_950_000 * kilograms),
            recycled="0.4",
            kind="post_consumer",
        )
        book.assayed(f"{made_on}T12:00", lot_id, GDMS, unit="ppm", method="GDMS")
    flown(book, "v-2507", ("2025-07-10", "2025-07-14", "2025-07-16"), "vault-sh", "")
    flown(book, "b-2512", ("2025-11-28", "2025-12-02", "2025-12-04"), "suzhou", "b-2025")
    flown(book, "b-2601", ("2026-01-09", "2026-01-13", "2026-01-15"), "suzhou", "b-2025")
    accepted(book, "2025-12-17", "b-2512")
    accepted(book, "2026-01-28", "b-2601")
    parts = {"v-2601": pure("vault-sh", 40.0), "acc-2601": pure("vault-sh", 5.0)}
    book.made("2026-01-20T02:00", ["v-2507"], parts, "split", 0, "none")

    book.file = "record/2025-loop.jsonl"
    scrap = lot("ir-coating-scrap", "suzhou", 43.298969, Ir=5.04)
    book.mined("2025-11-28T02:00", "sc-2511", scrap, origin="ZAF", grams=0, recycled="1", kind="pre_consumer")
    coated(book, "2025-12-10T02:00", "a-2510", "2512", {"ccm": 11.5, "q": 0.5}, scrap_kg=2.7)
    coated(book, "2026-01-12T02:00", "a-2511", "2601", {"ccm": 12.0}, scrap_kg=2.7)
    coated(book, "2026-02-09T02:00", "cn-2512", "2602", {"ccm": 9.6}, scrap_kg=2.16)
    book.moved("2025-12-20T01:00", "2025-12-24T03:00", "ccm-2512", "field-nm")
    book.moved("2026-01-20T01:00", "2026-01-24T03:00", "ccm-2601", "field-nm")
    book.destroyed("2026-02-20T03:00", "q-2512")
    for anodes, day, mass in (("an-2511", "2025-11-03", 4.0), ("an-2601", "2026-01-26", 3.0)):
        spent = lot("ir-spent-anode", "field-nm", mass / 0.02 / 0.99, Ir=mass)
        book.mined(
            f"{day}T02:00", anodes, spent, origin="CHN", grams=round(60_000 * mass), recycled="1", kind="post_consumer"
        )
        book.moved(f"{day}T05:00", f"{day[:8]}{int(day[8:]) + 4:02d}T03:00", anodes, "recyc-cn")
        book.assayed(f"{day[:8]}{int(day[8:]) + 5:02d}T03:00", anodes, [("Ir", "2.00")], unit="%", method="ICP-OES")
    book.moved("2025-12-12T01:00", "2025-12-13T02:00", "sc-2512", "recyc-cn")
    book.assayed("2025-12-15T02:00", "sc-2512", [("Ir", "12.0"), ("Ti", "81")], unit="%", method="ICP-OES")
    outturn(book, "2026-01-12T02:00", ["an-2511"], "r-2602", 3.6, "toll-anode")
    outturn(book, "2026-01-19T02:00", ["sc-2512"], "r-2601", 2.538, "toll-scrap")
    for back in ("r-2601", "r-2602"):
        book.moved("2026-01-28T01:00", "2026-01-29T02:00", back, "suzhou")
        accepted(book, "2026-02-05", back)
    book.moved("2026-02-18T01:00", "2026-02-19T02:00", "sc-2601", "recyc-cn")
    book.assayed("2026-02-23T02:00", "sc-2601", [("Ir", "12.0"), ("Ti", "81")], unit="%", method="ICP-OES")


def campaign(book: Book, when: str, crude: str, lots: Mapping[str, float], residue: float) -> None:
    """Refine crude iridium to 5N lots at refiner A; the residue circulates."""
    left = {f"ra-{crude[3:]}": lot("ir-residue", "ref-a", residue / 0.06 / 0.9, Ir=residue)}
    grams = round(1_000_000 * sum(lots.values()))
    book.made(
        when, [crude], {name: pure("ref-a", mass) for name, mass in lots.items()} | left, "ir-5n", grams, "filter wash"
    )
    for name in lots:
        book.assayed(f"{when[:10]}T14:00", name, GDMS, unit="ppm", method="GDMS")


def flown(book: Book, lot_id: str, days: tuple[str, str, str], to: str, contract: str) -> None:
    """Carry a lot by air to Shanghai, through customs, and on by road: days of departure, landing, arrival."""
    out, landed, there = days
    book.moved(f"{out}T06:00", f"{landed}T03:00", lot_id, "port-pvg")
    book.moved(f"{there}T01:00", f"{there}T08:00", lot_id, to, contract=contract)


def accepted(book: Book, day: str, lot_id: str) -> None:
    """Repeat the assay in the buyer's acceptance."""
    book.assayed(f"{day}T02:00", lot_id, GDMS, unit="ppm", method="GDMS")


def coated(book: Book, when: str, metal: str, month: str, products: Mapping[str, float], scrap_kg: float) -> None:
    """Make catalyst layers: the rest of the metal is coating scrap and a small loss."""
    outputs = {f"{name}-{month}": lot("ir-cat", "suzhou", mass / 0.8573, Ir=mass) for name, mass in products.items()}
    outputs[f"sc-{month}"] = lot("ir-coating-scrap", "suzhou", scrap_kg / 0.12 / 0.97, Ir=scrap_kg)
    book.made(when, [metal], outputs, "coating", 9_000_000, "wash water and filters")


def outturn(book: Book, when: str, feed: Sequence[str], lot_id: str, kilograms: float, process: str) -> None:
    """Refine scrap on toll."""
    made = {lot_id: pure("recyc-cn", kilograms)}
    book.made(when, feed, made, process, round(1_600_000 * kilograms), "carrier, filters and the toller's share")


# --- what came later --------------------------------------------------------------------------------------------


def after(book: Book) -> None:
    """Write the record from the case's date on: two campaigns, the outturn of scrap, a lease and its return."""
    book.file = "later/record/2026.jsonl"
    book.moved("2026-03-20T01:00", "2026-03-21T02:00", "sc-2511", "recyc-cn", contract="ir-toll-2603")
    book.moved("2026-03-20T01:10", "2026-03-21T02:10", "sc-2602", "recyc-cn", contract="ir-toll-2603")
    for scrap in ("sc-2511", "sc-2602"):
        book.assayed("2026-03-24T02:00", scrap, [("Ir", "12.0"), ("Ti", "81")], unit="%", method="ICP-OES")
    parts = {"v-2603": pure("vault-sh", 20.0), "v-2604": pure("vault-sh", 20.0)}
    book.made("2026-03-10T02:00", ["v-2601"], parts, "split", 0, "none")
    book.moved("2026-03-12T01:00", "2026-03-12T06:00", "v-2603", "suzhou", contract="ir-lease-2603")
    accepted(book, "2026-03-13", "v-2603")
    book.moved("", "2026-03-07T03:00", "a-2603", "port-pvg")
    book.moved("2026-03-09T01:00", "2026-03-09T08:00", "a-2603", "suzhou", contract="a-2025")
    outturn(book, "2026-04-24T02:00", ["sc-2511", "sc-2602"], "r-2604", 6.768, "toll-scrap")
    book.moved("2026-04-27T01:00", "2026-04-28T02:00", "r-2604", "suzhou", contract="ir-toll-2603")
    accepted(book, "2026-05-08", "r-2604")
    for crude, mass, day in (("ic-2605", 25.0, "2026-05-11"), ("ic-2607", 15.0, "2026-07-13")):
        made = lot("ir-crude", "smelt-zaf", mass / 0.9 / 0.99, Ir=mass)
        book.mined(f"{day}T07:00", crude, made, origin="ZAF", grams=round(7_800_000 * mass))
        book.moved(f"{day[:8]}15T06:00", f"{day[:8]}15T15:00", crude, "ref-a")
    campaign(book, "2026-07-06T06:00", "ic-2605", {"a-2608": 20.0}, residue=4.2)
    campaign(book, "2026-09-14T06:00", "ic-2607", {"a-2609": 12.0}, residue=2.5)
    flown(book, "a-2608", ("2026-08-03", "2026-08-07", "2026-08-11"), "suzhou", "a-2025")
    accepted(book, "2026-08-25", "a-2608")
    book.moved("2026-09-03T01:00", "2026-09-03T06:00", "a-2608", "vault-sh", contract="ir-lease-2603")
    flown(book, "a-2609", ("2026-10-07", "2026-10-12", "2026-10-16"), "suzhou", "ir-buy-2603")
    accepted(book, "2026-10-19", "a-2609")


PARTIES = (
    ("maker", "苏州催化剂制造商", "Catalyst maker, Suzhou", "owner of the case", "CHN"),
    ("miner-zaf", "南非铂矿商", "Platinum miner, South Africa", "miner", "ZAF"),
    ("miner-zwe", "津巴布韦粗铱供应商", "Crude iridium supplier, Zimbabwe", "miner", "ZWE"),
    ("refiner-a", "境外精炼商A", "Overseas refiner A", "refiner", "ZAF"),
    ("refiner-b", "境外精炼商B", "Overseas refiner B", "refiner", "DEU"),
    ("refiner-cn", "国内精炼商", "Domestic refiner", "refiner", "CHN"),
    ("recycler", "国内再生商", "Domestic recycler", "recycler", "CHN"),
    ("bank", "金属银行", "Metal bank", "bank", "CHN"),
    ("dealer", "现货商", "Spot dealer", "dealer", "CHN"),
    ("carrier", "贵品承运商", "Valuables carrier", "carrier", "CHN"),
    ("operator", "绿氢项目业主", "Green hydrogen operator", "user", "CHN"),
    ("lab", "第三方检测机构", "Independent laboratory", "laboratory", "CHN"),
    ("publisher", "价格发布机构", "Price publisher", "price publisher", "GBR"),
)


def parties() -> bytes:
    """Write the table of parties with the public half of each demonstration key."""
    rows = [["party", "name_zh", "name_en", "role", "country", "verifier_key", "source", "status"]]
    method = "generic role; key from the published seed SHA-256('oreloop demo key: <party>')"
    for party, zh, en, role, country in PARTIES:
        key = base64.b64encode(demo_key(party).public_key().public_bytes_raw()).decode()
        rows.append([party, zh, en, role, country, key, method, "illustrative"])
    return _csv(rows)


def deals(book: Book, terms: Mapping[str, bytes]) -> list[Deal]:
    """Write the events of the contracts.

    Sums due are worked out here from the terms, apart from the package, so that a test can compare the two.

    Args:
        book: the record, with the receipt of each lot under each contract.
        terms: bytes of the contracts, by path.
    """
    home, lease, toll, buy = (
        Deal(path, terms[path], seller)
        for path, seller in (
            ("contracts/cn-2025.toml", "refiner-cn"),
            ("later/contracts/ir-lease-2603.toml", "bank"),
            ("later/contracts/ir-toll-2603.toml", "recycler"),
            ("later/contracts/ir-buy-2603.toml", "refiner-a"),
        )
    )
    home.agreed("2025-09-15", "2025-09-18", "2025-09-24", 12_000_000, "1075000", "CNY/kg")
    home.received("2025-12-19", "maker", "cn-2512", book.receipts["cn-2025", "cn-2512"], "2026-01-06", assay=GDMS)
    home.paid("2026-02-02", minor(12 * 1_075_000 * (1 + VAT)), "CNY")

    lease.agreed("2026-03-02", "2026-03-03", "2026-03-09", 20_000_000, "964000", "CNY/kg")
    receipt = book.receipts["ir-lease-2603", "v-2603"]
    lease.received("2026-03-12", "maker", "v-2603", receipt, "2026-03-14", assay=GDMS)
    lease.paid("2026-09-21", minor(20 * 964_000 * Fraction("0.09") * 175 / 365 * Fraction("1.06")), "CNY")

    toll.agreed("2026-03-05", "2026-03-09", "2026-03-16", 7_200_000, "4890", "CNY/kg")
    charge = 0
    for scrap in ("sc-2511", "sc-2602"):
        receipt = book.receipts["ir-toll-2603", scrap]
        toll.received("2026-03-21", "recycler", scrap, receipt, "2026-03-25")
        charge += minor(Fraction(book.seen[scrap].wet_mg, 1_000_000) * 4890 * (1 + VAT))
    toll.paid("2026-04-08", charge, "CNY")

    ounces = 12_000 / Fraction("31.1034768")
    deposit, co2e_g = 33_000_000, round(Fraction(7_800_000 * 15 + 12_000_000) * 12 / Fraction("14.5"))
    provisional = minor(ounces * 4346 * Fraction("0.8"))
    value = ounces * (Fraction("4452.50") + 60)
    bonus, late = (12 * 9000 - Fraction(co2e_g, 1000)) * Fraction("0.02"), value * 11 / 1000
    buy.agreed("2026-03-04", "2026-03-10", "2026-03-18", 12_000_000, "4346", "USD/ozt")
    buy.say("2026-03-27T02:00", "refiner-a", "deposit_paid", amount_minor=deposit, currency="USD", reference="deposit")
    slot = {"quantity_mg": 12_000_000, "from": "2026-09-01", "to": "2026-10-05"}
    buy.say("2026-03-30T02:00", "refiner-a", "capacity_locked", **slot)
    receipt = book.receipts["ir-buy-2603", "a-2609"]
    buy.received("2026-10-16", "maker", "a-2609", receipt, "2026-10-20", assay=GDMS)
    buy.say("2026-10-20T08:00", "refiner-a", "carbon_stated", batch="a-2609", co2e_g=co2e_g)
    buy.paid("2026-10-21", provisional, "USD")
    fixing = {"series": "ir-index", "period": "2026-10", "value": "4452.50", "unit": "USD/ozt"}
    source = "invented for the case: no price of October 2026 was known when it was written"
    buy.say("2026-11-02T02:00", "publisher", "price_fixed", **fixing, source=source)
    buy.paid("2026-11-12", minor(value + bonus - late) - deposit - provisional, "USD")
    return [home, lease, toll, buy]


# --- files -------------------------------------------------------------------------------------------------------


def _csv(rows: Sequence[Sequence[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def series() -> dict[str, bytes]:
    """Write the tables `prices`, `rates` and `demand`."""
    usgs = "USGS Mineral Commodity Summaries 2026 data release, annual average; month by proportional Denton, flat indicator"
    carried = "last month of the Denton path carried forward: no public figure of 2026 yet"
    prices: list[list[object]] = [
        ["material", "period", "price", "price_unit", "price_basis", "tax", "source", "status"]
    ]
    for name, price in monthly_price().items():
        new = name > "2025-12"
        prices.append(
            [
                "Ir",
                name,
                f"{price:.2f}",
                "USD/ozt",
                "contained",
                0,
                carried if new else usgs,
                "assumed" if new else "derived",
            ]
        )
    rates: list[list[object]] = [["from_currency", "to_currency", "period", "rate", "source", "status"]]
    for name in months("2021-01", 74):
        year = int(name[:4])
        known = f"annual average {year} (World Bank PA.NUS.FCRF, rounded), each month; not rechecked with the publisher"
        why = known if year <= 2025 else "carried forward, rounded"
        rates.append(["USD", "CNY", name, CNY_PER_USD[year], why, "assumed"])
    demand: list[list[object]] = [["site", "material", "period", "quantity_kg", "kind", "customer", "source", "status"]]
    method = "20 % (assumed share) of the claimed Chinese demand (market study 2026); month by proportional Denton, assumed seasonality"
    for name, used in monthly_use_kg().items():
        demand.append(["suzhou", "ir-5n", name, f"{used:.3f}", "used", "", method, "derived"])
    for name, ordered in FIRM_KG.items():
        demand.append(
            ["suzhou", "ir-5n", name, ordered, "ordered", "green hydrogen operator", "firm orders, assumed", "assumed"]
        )
    units: list[list[object]] = [["site", "product", "period", "units", "source", "status"]]
    for name, megawatts in zip(months("2026-03", 12), BUILD_MW, strict=True):
        why = "order book, assumed; the year takes about 690 kg, 20 % of the claimed 3.5 t"
        units.append(["suzhou", "pem-mw", name, megawatts, why, "assumed"])
    tables = {"prices": prices, "rates": rates, "demand": demand, "schedule": units}
    return {f"{name}.csv": _csv(rows) for name, rows in tables.items()}


def files(terms: Mapping[str, bytes]) -> dict[str, bytes]:
    """Give every generated file by its path inside the case.

    Args:
        terms: bytes of the contracts, by path.
    """
    book = Book("iridium", HOLDER, OFFSET, MOISTURE)
    record(book)
    after(book)
    made = series() | {"parties.csv": parties()} | book.lines()
    for deal in deals(book, terms):
        made[Path(deal.path).with_suffix(".jsonl").as_posix()] = b"".join(deal.lines)
    return made


def main() -> None:
    arguments = argparse.ArgumentParser(description="Write the generated files of the case `iridium`.")
    arguments.add_argument("case", type=Path, help="folder of the case, which holds the contracts' terms")
    case: Path = arguments.parse_args().case
    found = sorted([*case.glob("contracts/*.toml"), *case.glob("later/contracts/*.toml")])
    terms = {path.relative_to(case).as_posix(): path.read_bytes() for path in found}
    for name, data in files(terms).items():
        (case / name).parent.mkdir(parents=True, exist_ok=True)
        (case / name).write_bytes(data)


if __name__ == "__main__":
    main()
