"""The smallest case in which every verb has something to say; what the tests run and what is frozen in ``tests/golden``.

One maker, two refiners, one recycler; a contract that is settled before the case begins and one that is agreed later.
Every figure is invented and marked ``illustrative``.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from fractions import Fraction

from tools.case_book import Book, lot
from tools.case_deals import Deal, demo_key, minor

PARTIES = ("lab", "maker", "near-refiner", "far-refiner", "recycler")
SETTINGS = """\
[case]
id = "small"
title = {en = "A small case", zh = "小案例"}
metals = ["Ir"]
currency = "CNY"
as_of = "2026-01-01"
start = "2026-01"
periods = 6
perspective = "CHN"
origin = "oreloop.example/small"

[forecast]
seed = 7

[plan]
carbon_price_per_t = 80
"""
TABLES: Mapping[str, str] = {
    "sites": """\
site,name_en,name_zh,kind,party,country
plant,Plant,工厂,user,maker,CHN
near,Refiner nearby,近处精炼厂,refinery,near-refiner,CHN
far,Refiner abroad,境外精炼厂,refinery,far-refiner,ZAF
works,Recycler,回收厂,recycler,recycler,CHN
""",
    "materials": """\
material,name_en,name_zh,element,content,form,purity,moisture,recycled
metal,Iridium,铱,Ir,0.9999,sponge,4N,0,mixed
scrap,Coating scrap,涂层废料,Ir,0.1,scrap,,0.02,recycled
""",
    "lanes": """\
lane,from_site,to_site,mode,lead_days,customs_days,cost_per_gross_kg,co2e
near-plant,near,plant,road,2,0,100,0.1
far-plant,far,plant,air,5,5,900,8
plant-works,plant,works,road,2,0,20,0.1
works-plant,works,plant,road,2,0,100,0.1
""",
    "offers": """\
offer,kind,site,material,price,price_index,premium,price_unit,price_basis,tax,min_kg,max_kg,total_kg,lead_days,deposit_share,origin_country,recycled_share,co2e_kg_per_kg
near,purchase,near,metal,1200,,,CNY/g,contained,0.13,1,8,40,20,0.1,CHN,0.3,6700
far,purchase,far,metal,,Ir,60,USD/ozt,contained,0,1,30,,50,0.2,ZAF,0,8860
""",
    "approvals": """\
site,material,offer,process,approval,from_date,expires,max_share,accept_days,accept_days_with_passport
plant,metal,near,,approved,2025-01-01,2027-12-31,,7,2
plant,metal,far,,approved,2025-01-01,2027-12-31,0.8,14,3
plant,metal,,toll,approved,2025-01-01,2027-12-31,,7,
""",
    "processes": """\
process,site,capacity_dry_kg,cost,co2e,toll,outturn_days,returned_share,settled_in,batch_kg
toll,works,200,40000,1600,yes,30,0.94,metal,10
""",
    "recipes": """\
process,material,direction,main,kg_per_kg,direct_yield
toll,scrap,in,yes,1,
toll,metal,out,no,,0.94
""",
    "stock": """\
site,material,quantity_kg,owner,state,batch
plant,metal,12,own,free,m-2511
plant,scrap,2.4,own,free,s-2512
""",
    "stock_rules": """\
site,material,safety_kg,max_kg,end_kg,storage_cost
plant,metal,4,100,,3000
""",
    "prices": "material,period,price,price_unit,price_basis,tax\n"
    + "".join(
        f"Ir,{year}-{month:02d},{4500 + 20 * month},USD/ozt,contained,0\n"
        for year in (2025, 2026)
        for month in range(1, 13)
    ),
    "rates": "from_currency,to_currency,period,rate\n"
    + "".join(f"USD,CNY,{year}-{month:02d},7.1\n" for year in (2025, 2026) for month in range(1, 13)),
    "demand": "site,material,period,quantity_kg,kind\n"
    + "".join(f"plant,metal,2025-{month:02d},{6 + month * 7 % 5},used\n" for month in range(1, 13))
    + "plant,metal,2026-03,14,ordered\n",
    "commitments": """\
contract,material,site,offer,period,quantity_kg,promised_on,price,delay_days_p50,delay_days_p90,state
far-2510,metal,plant,far,2026-01,6,2026-01-20,1060000,7,20,capacity_locked
""",
    "limits": """\
limit,metric,scope,period,sense,value,unit,kind,penalty_per_unit
zaf-share,country_share,country=ZAF; element=Ir,,<=,0.7,share,soft,90000000
far-cap,purchase,offer=far,,<=,60,kg,hard,
""",
    "risks": """\
risk,event,target,from_period,to_period,size,probability
near-stop,site_stop,near,2026-02,2026-03,1,0.1
""",
    "world": """\
element,kind,country,partner,year,quantity_kg
Ir,mine,ZAF,,2024,7000
Ir,mine,ZWE,,2024,400
Ir,mine,WLD,,2024,7500
Ir,import,CHN,ZAF,2024,900
Ir,use,CHN,,2024,1000
""",
    "claims": """\
claim,claim_set,metric,element,value,unit,year,country
need-2026,study,demand,Ir,3.5,t,2026,CHN
need-2025,study,demand,Ir,1.9,t,2025,CHN
""",
}
TERMS = """\
# Illustrative: iridium at a fixed price. No real party.
[contract]
id = "{id}"
kind = "purchase"
answers = "near"
buyer = "maker"
seller = "near-refiner"
laboratory = "lab"
material = "metal"
element = "Ir"
quantity = "{kg} kg"
tolerance_share = "0.02"
currency = "CNY"
site = "plant"
incoterm = "DAP"
title = "acceptance"
rounding = "half_even"

[price]
kind = "fixed"
price = "1070000"
unit = "CNY/kg"
basis = "contained"
payable_share = "1"
tax = "excluded"
tax_rate = "0.13"

[delivery]
from = {first}
to = {last}

[payment]
days = 30
provisional_share = "0"
provisional_days = 0
"""
GDMS = (("Pt", "2"), ("Rh", "<0.5"))


def files() -> dict[str, bytes]:
    """Give the files of the case by path, the same bytes each time."""
    terms = {
        "contracts/near-2511.toml": TERMS.format(id="near-2511", kg=10, first="2025-11-01", last="2025-11-30").encode(),
        "later/contracts/near-2601.toml": TERMS.format(
            id="near-2601", kg=5, first="2026-02-01", last="2026-02-28"
        ).encode(),
    }
    book = record()
    documents = {**book.lines(), **terms, **contracts(terms, book.receipts)}
    return dict(sorted({"case.toml": SETTINGS.encode(), **tables(), **documents}.items()))


def tables() -> dict[str, bytes]:
    """Give the tables, each row marked ``illustrative``."""
    found = {}
    for name, text in TABLES.items():
        header, *rows = text.splitlines()
        marked = [f"{header},source,status", *(f"{row},invented,illustrative" for row in rows)]
        found[f"{name}.csv"] = ("\n".join(marked) + "\n").encode()
    keys = {party: base64.b64encode(demo_key(party).public_key().public_bytes_raw()).decode() for party in PARTIES}
    rows = [f"{party},{party},{key},invented,illustrative" for party, key in keys.items()]
    found["parties.csv"] = ("\n".join(["party,name_en,verifier_key,source,status", *rows]) + "\n").encode()
    return found


def record() -> Book:
    """Write what happened: metal bought and used, its scrap tolled, and a delivery of later."""
    holder = {"plant": "maker", "near": "near-refiner", "far": "far-refiner", "works": "recycler"}
    book = Book(case="small", holder=holder, offset={"far": 2}, moisture={"scrap": "0.02"})
    book.file = "record/2025.jsonl"
    book.mined("2025-10-20T02:00", "m-2511", lot("metal", "near", 10.001, Ir=10), origin="ZAF", grams=67_000_000)
    book.moved("2025-11-10T02:00", "2025-11-12T02:00", "m-2511", "plant", contract="near-2511")
    book.assayed("2025-11-13T02:00", "m-2511", GDMS, unit="ppm", method="GDMS")
    book.mined("2025-11-20T02:00", "s-2511", lot("scrap", "plant", 30, Ir=2.9), origin="CHN", grams=0)
    book.moved("2025-11-21T02:00", "2025-11-23T02:00", "s-2511", "works")
    returned = {"m-2512": lot("metal", "works", 2.7, Ir=2.69)}
    book.made("2025-12-10T02:00", ["s-2511"], returned, "toll", 4_300_000, "slag")
    book.moved("2025-12-11T02:00", "2025-12-13T02:00", "m-2512", "plant")
    book.mined("2025-12-20T02:00", "s-2512", lot("scrap", "plant", 25, Ir=2.4), origin="CHN", grams=0)
    book.file = "later/record/2026.jsonl"
    book.mined("2026-02-01T02:00", "m-2601", lot("metal", "near", 5.0005, Ir=5), origin="ZAF", grams=33_500_000)
    book.moved("2026-02-09T02:00", "2026-02-11T02:00", "m-2601", "plant", contract="near-2601")
    return book


def contracts(terms: Mapping[str, bytes], receipts: Mapping[tuple[str, str], str]) -> dict[str, bytes]:
    """Give the signed events of the contracts: one is paid before the case begins, one is agreed later."""
    found = {}
    for path, kg, batch, asked, delivered, accepted, paid in (
        ("contracts/near-2511.toml", 10, "m-2511", "2025-10", "2025-11-12", "2025-11-20", "2025-12-10"),
        ("later/contracts/near-2601.toml", 5, "m-2601", "2026-01", "2026-02-11", "2026-02-17", "2026-03-10"),
    ):
        deal = Deal(path, terms[path], "near-refiner")
        deal.agreed(f"{asked}-05", f"{asked}-08", f"{asked}-12", kg * 1_000_000, "1070000", "CNY/kg")
        deal.received(delivered, "maker", batch, receipts[deal.contract, batch], accepted, assay=GDMS)
        deal.paid(paid, minor(kg * 1_070_000 * Fraction("1.13")), "CNY")
        found[path.replace(".toml", ".jsonl")] = b"".join(deal.lines)
    return found
