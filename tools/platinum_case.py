"""Write the generated files of the bundled case `platinum`: monthly tables, the illustrative record, what came later.

    python -m tools.platinum_case cases/platinum

Same program, same bytes: no clock, no random source. The methods of the monthly tables are in `tools.platinum_series`.
In the record masses are whole milligrams and what is in no output is written as a loss, so each step balances.

All parties are invented roles of national nodes. Contracts are signed with demonstration keys, whose seed anybody can
compute: SHA-256 of "oreloop demo key: <party>". They prove nothing about who signed.
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
from tools.platinum_series import tables

HOLDER = {
    "mine-zaf": "producer-zaf",
    "mine-zwe": "producer-zwe",
    "ref-zaf": "producer-zaf",
    "ref-rus": "producer-rus",
    "hub-jpn": "trader-jpn",
    "port-sha": "carrier",
    "vault-sh": "exchange",
    "ref-nicu": "producer-cn",
    "collect-cn": "collector",
    "recyc-cn": "recycler",
    "recyc-best": "recycler-b",
    "use-autocat": "maker",
    "use-glass-chem": "glassmaker",
    "use-jewel": "jeweller",
    "use-h2": "stackmaker",
}
OFFSET = {"mine-zaf": 2, "mine-zwe": 2, "ref-zaf": 2, "ref-rus": 7, "hub-jpn": 9}
MOISTURE = {"pgm-conc": "0.05", "nicu-slime": "0.2", "pt-residue": "0.1"}
IMPURITIES = (
    *(("Pd", "62"), ("Rh", "21"), ("Ir", "14"), ("Ru", "<10"), ("Au", "11"), ("Ag", "6"), ("Cu", "7")),
    *(("Fe", "18"), ("Ni", "5"), ("Al", "<5"), ("Pb", "<5"), ("Si", "9"), ("Zn", "<2"), ("Sn", "<2")),
)
"""Impurities of every sponge lot of the case, ppm by ICP-OES; together well below 500."""
BRICK = (("Pt", "800"), ("Pd", "1500"), ("Rh", "200"))
"""Contents of milled autocatalyst, g/t."""
VAT = Fraction("0.13")
PARTIES = (
    ("producer-zaf", "南非铂生产商（合计）", "Producers and refiners, South Africa (all)", "miner", "ZAF"),
    ("producer-zwe", "津巴布韦铂生产商（合计）", "Producers, Zimbabwe (all)", "miner", "ZWE"),
    ("producer-rus", "俄罗斯铂生产商（合计）", "Producers and refiners, Russia (all)", "miner", "RUS"),
    ("producer-nam", "北美铂生产商（合计）", "Producers and refiners, North America (all)", "miner", "CAN"),
    ("producer-cn", "国内镍铜副产铂生产商", "Domestic by-product refiners (nickel, copper)", "refiner", "CHN"),
    ("trader-jpn", "日本贸易与精炼商", "Refiners and traders, Japan", "trader", "JPN"),
    ("trader-gbr", "英国贸易与精炼商", "Refiners and traders, United Kingdom", "trader", "GBR"),
    ("trader-hkg", "香港贸易商", "Traders, Hong Kong", "trader", "HKG"),
    ("carrier", "贵品承运商", "Valuables carriers", "carrier", "CHN"),
    ("exchange", "上海金库与交易所库存", "Vaults and exchange stocks, Shanghai", "bank", "CHN"),
    ("collector", "废催化剂回收网络", "Collectors of spent autocatalysts", "collector", "CHN"),
    ("recycler", "再生企业（现行路线）", "Recyclers, today's route", "recycler", "CHN"),
    ("recycler-b", "再生企业（最优路线）", "Recyclers, best route", "recycler", "CHN"),
    ("maker", "汽车催化剂企业", "Autocatalyst makers", "user", "CHN"),
    ("glassmaker", "玻璃与化工企业", "Glass and chemical users", "user", "CHN"),
    ("jeweller", "首饰与投资", "Jewellery makers and investors", "user", "CHN"),
    ("stackmaker", "氢能企业", "Makers of fuel cells and electrolysers", "user", "CHN"),
    ("analyst", "行业协会分析员", "Analyst of the trade association", "owner of the case", "CHN"),
    ("lab", "第三方检测机构", "Independent laboratory", "laboratory", "CHN"),
)


# --- the illustrative record -----------------------------------------------------------------------------------


def sponge(site: str, kilograms: float) -> Lot:
    """Describe a lot of platinum sponge: all but 500 ppm is platinum."""
    return lot("pt-sponge-9995", site, kilograms / 0.9995, Pt=kilograms)


def side(site: str, metal: str, kilograms: float) -> Lot:
    """Describe a lot of palladium or rhodium sponge."""
    return lot(f"{metal.lower()}-sponge", site, kilograms / 0.9995, **{metal: kilograms})


def residue(site: str, pt: float, pd: float, rh: float) -> Lot:
    """Describe a refining residue; its wet mass follows from 3 % of platinum in dry mass."""
    return lot("pt-residue", site, pt / 0.03 / 0.9, Pt=pt, Pd=pd, Rh=rh)


def brick(site: str, kilograms: float) -> Lot:
    """Describe milled autocatalyst with its three metals."""
    return lot("spent-autocat", site, kilograms, Pt=kilograms * 0.0008, Pd=kilograms * 0.0015, Rh=kilograms * 0.0002)


def shown(book: Book, when: str, *lots: str) -> None:
    """Repeat the assay of sponge lots."""
    for each in lots:
        book.assayed(when, each, IMPURITIES, unit="ppm", method="ICP-OES")


def shipped(book: Book, lot_id: str, days: tuple[str, str, str], to: str) -> None:
    """Carry a lot by air to Shanghai, through customs, and into the vault or to a user."""
    out, landed, there = days
    book.moved(f"{out}T06:00", f"{landed}T03:00", lot_id, "port-sha")
    book.moved(f"{there}T01:00", f"{there}T08:00", lot_id, to)


def primary(book: Book) -> None:
    """Write primary metal: South Africa with Zimbabwe's matte, Russia, Japan, and the domestic by-product."""
    book.file = "record/2025-primary.jsonl"
    ore = lot("pgm-conc", "mine-zaf", 3_150_000, Pt=299.25, Pd=179.55, Rh=44.8875)
    book.mined("2025-06-02T06:00", "c-zaf-2506", ore, origin="ZAF", grams=3_900_000_000)
    book.assayed("2025-06-03T09:00", "c-zaf-2506", [("Pt", "100"), ("Pd", "60")], unit="g/t", method="NiS-FA-ICPMS")
    book.moved("2025-06-05T06:00", "2025-06-06T07:00", "c-zaf-2506", "ref-zaf")
    matte = lot("pgm-matte", "ref-zaf", 9_160, Pt=293.1, Pd=175.2, Rh=43.6)
    book.made("2025-07-10T06:00", ["c-zaf-2506"], {"m-zaf-2507": matte}, "smelting", 1_500_000_000, "slag")
    outputs = {"z-2509": sponge("ref-zaf", 140), "z-2510": sponge("ref-zaf", 145)}
    outputs |= {"pd-2509": side("ref-zaf", "Pd", 170), "rh-2509": side("ref-zaf", "Rh", 41.5)}
    outputs |= {"rs-2509": residue("ref-zaf", 6.9, 4.6, 1.8)}
    book.made("2025-09-18T06:00", ["m-zaf-2507"], outputs, "pgm-refining", 720_000_000, "effluent")
    shown(book, "2025-09-19T08:00", "z-2509", "z-2510")

    matte = lot("pgm-matte", "mine-zwe", 1_900, Pt=60.8, Pd=48.2, Rh=5.1)
    book.mined("2025-09-08T06:00", "m-zwe-2509", matte, origin="ZWE", grams=1_180_000_000)
    book.moved("2025-09-11T06:00", "2025-09-15T12:00", "m-zwe-2509", "ref-zaf")
    outputs = {"w-2511": sponge("ref-zaf", 58.5), "pd-2511": side("ref-zaf", "Pd", 46.4)}
    outputs |= {"rs-2511": residue("ref-zaf", 1.8, 1.4, 4.9)}
    book.made("2025-11-06T06:00", ["m-zwe-2509"], outputs, "pgm-refining", 165_000_000, "effluent")
    shown(book, "2025-11-07T08:00", "w-2511")

    book.mined("2025-11-24T05:00", "u-2511", sponge("ref-rus", 90), origin="RUS", grams=1_125_000_000)
    shown(book, "2025-11-25T05:00", "u-2511")
    mixed = sponge("hub-jpn", 75)
    book.mined(
        "2025-12-08T02:00", "j-2512", mixed, origin="JPN", grams=553_125_000, recycled="0.5", kind="post_consumer"
    )
    shown(book, "2025-12-08T06:00", "j-2512")
    shipped(book, "z-2509", ("2025-10-06", "2025-10-10", "2025-10-16"), "vault-sh")
    shipped(book, "z-2510", ("2025-11-03", "2025-11-07", "2025-11-13"), "vault-sh")
    shipped(book, "w-2511", ("2025-11-24", "2025-11-28", "2025-12-04"), "vault-sh")
    shipped(book, "u-2511", ("2025-12-01", "2025-12-05", "2025-12-13"), "vault-sh")
    shipped(book, "j-2512", ("2025-12-15", "2025-12-17", "2025-12-21"), "vault-sh")

    book.file = "record/2025-domestic.jsonl"
    slime = lot("nicu-slime", "ref-nicu", 4_200, Pt=16.8, Pd=13.4)
    book.mined("2025-10-13T02:00", "s-2510", slime, origin="CHN", grams=330_000_000)
    book.assayed("2025-10-14T02:00", "s-2510", [("Pt", "0.50"), ("Pd", "0.40")], unit="%", method="ICP-OES")
    outputs = {"n-2512": sponge("ref-nicu", 16.1), "pd-2512": side("ref-nicu", "Pd", 12.8)}
    book.made("2025-12-04T02:00", ["s-2510"], outputs, "slime-refining", 40_000_000, "slag and effluent")
    shown(book, "2025-12-05T02:00", "n-2512")
    book.moved("2025-12-10T01:00", "2025-12-13T03:00", "n-2512", "vault-sh")


def loop(book: Book) -> None:
    """Write the loop: spent autocatalyst on two routes, and metal that goes into new products."""
    book.file = "record/2025-loop.jsonl"
    for lot_id, day, kilograms in (("b-2509", "2025-09-22", 30_000.0), ("b-2510", "2025-10-20", 12_000.0)):
        grams, spent = round(2_000 * kilograms), brick("collect-cn", kilograms)
        book.mined(f"{day}T02:00", lot_id, spent, origin="CHN", grams=grams, recycled="1", kind="post_consumer")
        book.assayed(f"{day}T06:00", lot_id, BRICK, unit="g/t", method="XRF and ICP-OES")
    book.moved("2025-09-25T01:00", "2025-09-28T03:00", "b-2509", "recyc-cn")
    outputs = {"r-2511": sponge("recyc-cn", 17.4), "pd-r-2511": side("recyc-cn", "Pd", 32.0)}
    outputs |= {"rh-r-2511": side("recyc-cn", "Rh", 3.8)}
    book.made("2025-11-12T02:00", ["b-2509"], outputs, "recycle-now", 95_000_000, "slag and filters")
    book.moved("2025-10-23T01:00", "2025-10-26T03:00", "b-2510", "recyc-best")
    outputs = {"r-2512": sponge("recyc-best", 9.12), "pd-r-2512": side("recyc-best", "Pd", 16.9)}
    outputs |= {"rh-r-2512": side("recyc-best", "Rh", 2.1)}
    book.made("2025-12-05T02:00", ["b-2510"], outputs, "recycle-best", 50_000_000, "slag and filters")
    shown(book, "2025-12-08T02:00", "r-2511", "r-2512")
    book.moved("2025-12-10T01:00", "2025-12-11T02:00", "r-2511", "vault-sh")
    book.moved("2025-12-10T01:00", "2025-12-11T03:00", "r-2512", "vault-sh")

    parts = {"z-2601": sponge("vault-sh", 100), "z-2602": sponge("vault-sh", 40)}
    book.made("2026-01-06T02:00", ["z-2509"], parts, "split", 0, "none")
    book.moved("2026-01-08T01:00", "2026-01-10T02:00", "z-2601", "use-autocat")
    book.moved("2026-01-08T01:00", "2026-01-10T02:00", "r-2511", "use-autocat")
    book.moved("2026-01-12T01:00", "2026-01-14T02:00", "n-2512", "use-glass-chem")
    book.moved("2026-01-12T01:00", "2026-01-14T02:00", "r-2512", "use-jewel")
    book.moved("2026-01-15T01:00", "2026-01-17T02:00", "z-2602", "use-h2")
    shown(book, "2026-01-22T02:00", "z-2601", "r-2511")
    coated = {"cat-2602": lot("autocat-new", "use-autocat", 76_000, Pt=114.0)}
    coated |= {"rs-2602": lot("pt-residue", "use-autocat", 2.6 / 0.03 / 0.9, Pt=2.6)}
    book.made("2026-02-09T02:00", ["z-2601", "r-2511"], coated, "coating", 60_000_000, "wash water")
    inks = {"ink-2602": lot("pt-c", "use-h2", 77, Pt=38.5)}
    book.made("2026-02-12T02:00", ["z-2602"], inks, "pt-c", 30_000_000, "filters and samples")
    for lot_id, day, kilograms in (("b-2602", "2026-02-16", 19_800.0), ("b-2601", "2026-01-19", 10_000.0)):
        grams, spent = round(2_000 * kilograms), brick("collect-cn", kilograms)
        book.mined(f"{day}T02:00", lot_id, spent, origin="CHN", grams=grams, recycled="1", kind="post_consumer")
    book.moved("2026-02-20T01:00", "2026-02-23T03:00", "b-2601", "recyc-cn")
    book.mined("2026-02-18T05:00", "u-2602", sponge("ref-rus", 80), origin="RUS", grams=1_000_000_000)
    book.moved("2026-02-25T06:00", "", "u-2602", "port-sha")


def later(book: Book) -> None:
    """Write the record from the case's date on: metal bought in South Africa, and a toll of three metals."""
    book.file = "later/record/2026.jsonl"
    book.moved("", "2026-03-02T03:00", "u-2602", "port-sha")
    book.moved("2026-03-10T01:00", "2026-03-10T08:00", "u-2602", "vault-sh")
    matte = lot("pgm-matte", "ref-zaf", 9_750, Pt=312, Pd=238, Rh=62.5)
    book.mined("2026-03-09T06:00", "m-zaf-2603", matte, origin="ZAF", grams=6_200_000_000)
    outputs = {"z-2605": sponge("ref-zaf", 150), "z-2606": sponge("ref-zaf", 150)}
    outputs |= {"pd-2605": side("ref-zaf", "Pd", 230), "rh-2605": side("ref-zaf", "Rh", 60)}
    outputs |= {"rs-2605": residue("ref-zaf", 6, 3, 1)}
    book.made("2026-04-24T06:00", ["m-zaf-2603"], outputs, "pgm-refining", 880_000_000, "effluent")
    shown(book, "2026-04-25T08:00", "z-2605", "z-2606")
    for lot_id, day in (("z-2605", "2026-05-04"), ("z-2606", "2026-05-11")):
        book.moved(f"{day}T06:00", f"{day[:8]}{int(day[8:]) + 4:02d}T03:00", lot_id, "port-sha")
        there = f"{day[:8]}{int(day[8:]) + 10:02d}"
        book.moved(f"{there}T01:00", f"{there}T08:00", lot_id, "use-autocat", contract="pt-buy-2603")
        shown(book, "2026-05-26T02:00", lot_id)
    book.moved("2026-03-23T01:00", "2026-03-26T03:00", "b-2602", "recyc-best", contract="autocat-toll-2603")
    book.assayed("2026-03-30T02:00", "b-2602", BRICK, unit="g/t", method="ICP-OES")
    outputs = {"r-2605": sponge("recyc-best", 15.048), "pd-r-2605": side("recyc-best", "Pd", 27.918)}
    outputs |= {"rh-r-2605": side("recyc-best", "Rh", 3.48)}
    book.made("2026-05-06T02:00", ["b-2602"], outputs, "recycle-best", 83_000_000, "slag and filters")
    shown(book, "2026-05-07T02:00", "r-2605")
    for back in ("r-2605", "pd-r-2605"):
        book.moved("2026-05-08T01:00", "2026-05-09T02:00", back, "vault-sh", contract="autocat-toll-2603")


# --- contracts ---------------------------------------------------------------------------------------------------


def deals(book: Book, terms: Mapping[str, bytes]) -> list[Deal]:
    """Write the events of the contracts of 2026.

    Sums due are worked out here from the terms, apart from the package, so that a test can compare the two.

    Args:
        book: the record, with the receipt of each lot under each contract.
        terms: bytes of the contracts, by path.
    """
    path = "later/contracts/pt-buy-2603.toml"
    buy = Deal(path, terms[path], "producer-zaf")
    _agree(buy, "maker", ("2026-03-05", "2026-03-09", "2026-03-13"), 300_000_000, ("287.40", "CNY/g"))
    deposit = minor(Fraction("0.10") * 300_000 * Fraction("287.40") * (1 + VAT))
    _money(buy, "2026-03-20", "producer-zaf", deposit, kind="deposit_paid")
    slot = {"quantity_mg": 300_000_000, "from": "2026-05-01", "to": "2026-06-05"}
    buy.say("2026-03-25T02:00", "producer-zaf", "capacity_locked", **slot)
    co2e_g = (6_200_000_000 + 880_000_000) // 4
    value = 150_000 * Fraction("287.40")
    bonus = (150 * 12_500 - Fraction(co2e_g, 1000)) * Fraction("0.08")
    for each, day in (("z-2605", "2026-05-14"), ("z-2606", "2026-05-21")):
        _take(buy, "maker", each, day, book.receipts["pt-buy-2603", each], "2026-05-27", (IMPURITIES, "ppm", "ICP-OES"))
        buy.say("2026-05-27T08:00", "producer-zaf", "carbon_stated", batch=each, co2e_g=co2e_g)
    _money(buy, "2026-06-12", "producer-zaf", 2 * minor((value + bonus) * (1 + VAT)) - deposit)

    path = "later/contracts/autocat-toll-2603.toml"
    toll = Deal(path, terms[path], "recycler-b")
    _agree(toll, "collector", ("2026-03-03", "2026-03-06", "2026-03-12"), 15_840_000, ("14.50", "CNY/kg"))
    receipt = book.receipts["autocat-toll-2603", "b-2602"]
    _take(toll, "recycler-b", "b-2602", "2026-03-26", receipt, "2026-03-31", (BRICK, "g/t", "ICP-OES"))
    charge = 19_800 * Fraction("14.50") * (1 + VAT)
    rhodium = Fraction("3960") * Fraction("0.85") * 1180
    _money(toll, "2026-04-14", "collector", minor(rhodium - charge))
    return [buy, toll]


def _agree(deal: Deal, buyer: str, days: tuple[str, str, str], mg: int, price: tuple[str, str]) -> None:
    """Ask, quote and agree; the quote stands until the 28th of the month of agreement."""
    asked, quoted, agreed = days
    deal.say(f"{asked}T02:00", buyer, "requested", quantity_mg=mg)
    stands = {"price": price[0], "unit": price[1], "valid_to": f"{agreed[:8]}28"}
    deal.say(f"{quoted}T02:00", deal.seller, "quoted", **stands)
    for at, by in (("02:00", buyer), ("08:00", deal.seller)):
        deal.say(f"{agreed}T{at}", by, "agreed", contract_digest=hashlib.sha256(deal.terms).hexdigest())


def _take(
    deal: Deal,
    receiver: str,
    batch: str,
    day: str,
    event: str,
    accepted: str,
    assay: tuple[Sequence[tuple[str, str]], str, str],
) -> None:
    """Report a delivery, its assay and its acceptance."""
    found, unit, method = assay
    values = [{"analyte": name, "value": value, "unit": unit, "method": method} for name, value in found]
    deal.say(f"{day}T10:00", receiver, "delivered", batch=batch, event=event)
    deal.say(f"{accepted}T04:00", "lab", "assayed", batch=batch, certificate=f"illustrative-{batch}", values=values)
    deal.say(f"{accepted}T06:00", receiver, "accepted", batch=batch)


def _money(deal: Deal, day: str, received_by: str, amount: int, kind: str = "paid") -> None:
    """Let the party who received it confirm a payment, in hundredths of CNY."""
    reference = f"{deal.contract}-{day}"
    deal.say(f"{day}T03:00", received_by, kind, amount_minor=amount, currency="CNY", reference=reference)


# --- files -------------------------------------------------------------------------------------------------------


def parties() -> list[list[object]]:
    """Give the table of parties with the public half of each demonstration key."""
    rows: list[list[object]] = [["party", "name_zh", "name_en", "role", "country", "verifier_key", "source", "status"]]
    method = "generic role; key from the published seed SHA-256('oreloop demo key: <party>')"
    for party, zh, en, role, country in PARTIES:
        key = base64.b64encode(demo_key(party).public_key().public_bytes_raw()).decode()
        rows.append([party, zh, en, role, country, key, method, "illustrative"])
    return rows


def files(terms: Mapping[str, bytes]) -> dict[str, bytes]:
    """Give every generated file by its path inside the case.

    Args:
        terms: bytes of the contracts, by path.
    """
    book = Book("platinum", HOLDER, OFFSET, MOISTURE)
    primary(book)
    loop(book)
    later(book)
    made = {f"{name}.csv": _csv(rows) for name, rows in (tables() | {"parties": parties()}).items()} | book.lines()
    for deal in deals(book, terms):
        made[Path(deal.path).with_suffix(".jsonl").as_posix()] = b"".join(deal.lines)
    return made


def _csv(rows: Sequence[Sequence[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def main() -> None:
    arguments = argparse.ArgumentParser(description="Write the generated files of the case `platinum`.")
    arguments.add_argument("case", type=Path, help="folder of the case, which holds the contracts' terms")
    case: Path = arguments.parse_args().case
    terms = {
        path.relative_to(case).as_posix(): path.read_bytes() for path in sorted(case.glob("later/contracts/*.toml"))
    }
    for name, data in files(terms).items():
        (case / name).parent.mkdir(parents=True, exist_ok=True)
        (case / name).write_bytes(data)


if __name__ == "__main__":
    main()
