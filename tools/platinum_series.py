"""Monthly tables of the bundled case `platinum`: prices, rates, demand, build-out.

Methods, named in the `source` column of each row:

* **Price.** World Bank Pink Sheet months as published to 2022-12; from 2023 on the annual means of USGS spread over
  months by proportional Denton benchmarking with a flat indicator (`tools.monthly`), which keeps each mean and shows no
  move within a year; January and February 2026 carry December 2025 forward. The Shanghai price is the same one in
  CNY/g with 13 % VAT.
* **Use.** Annual levels from public anchors, held from 2021 to 2026 for want of a published yearly figure; months by
  proportional Denton along an indicator = assumed season x assumed disturbance (drawn from SHA-256), and for jewellery
  and investment x (price / mean price) ^ -0.4, an assumed elasticity.
* **The 135 t family.** The claimed year in twelve equal parts, as `planned` rows of the group `family-135t`: a named
  scenario that no forecast and no base plan reads.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from tools.monthly import denton, months

Table = list[list[object]]
GRAMS_PER_OZT = 31.1034768
VAT = 0.13

PINK_SHEET = {
    2016: (855.25, 919.35, 967.73, 994.19, 1035.86, 984.14, 1087.5, 1121.65, 1046.71, 959.14, 955.14, 918.38),
    2017: (971.15, 1007.63, 962.87, 960.84, 930.27, 930.73, 918.9, 972.7, 964.1, 921.0, 934.05, 907.2),
    2018: (990.12, 987.26, 954.57, 924.05, 904.73, 884.9, 832.0, 804.91, 804.79, 829.87, 846.19, 791.16),
    2019: (806.77, 818.15, 842.81, 887.29, 833.55, 808.2, 843.95, 859.14, 944.7, 897.26, 901.8, 924.25),
    2020: (987.36, 961.1, 759.0, 753.86, 790.22, 820.77, 864.64, 940.33, 907.62, 876.27, 911.55, 1028.0),
    2021: (1090.95, 1206.7, 1181.0, 1208.81, 1214.0, 1124.0, 1086.48, 1008.73, 973.19, 1017.1, 1038.05, 944.59),
    2022: (994.15, 1049.4, 1043.26, 965.0, 958.38, 956.59, 869.25, 908.65, 881.24, 914.67, 989.05, 1010.95),
}
"""USD/ozt, World Bank Commodity Price Data (The Pink Sheet), monthly, CC BY 4.0."""
USGS_USD_PER_OZT = {2023: 973.0, 2024: 960.70, 2025: 1200.0}
"""USGS Mineral Commodity Summaries 2026; 2025 is its estimate."""
CNY_PER_USD = {2025: 7.19, 2026: 7.00, 2027: 7.00}

WORLD_KOZ, CHINA_SHARE, CHINA_AUTOCATALYST_KOZ = 7821, 0.31, 484
SECTORS = {"use-autocat": "autocatalyst", "use-glass-chem": "glass-chemical", "use-jewel": "jewellery-investment"}
REST_SHARE = {"use-glass-chem": 0.40, "use-jewel": 0.60}
"""Assumed split of what is left after autocatalysts and hydrogen."""
HYDROGEN_T = 0.6
SEASON = {
    "use-autocat": (0.95, 0.75, 1.03, 0.99, 0.97, 1.00, 0.93, 0.96, 1.06, 1.07, 1.14, 1.15),
    "use-glass-chem": (0.98, 0.90, 1.02, 1.02, 1.01, 1.01, 1.00, 1.00, 1.01, 1.01, 1.02, 1.02),
    "use-jewel": (1.12, 0.88, 0.98, 1.00, 1.02, 0.94, 0.93, 0.98, 1.04, 1.00, 1.03, 1.08),
    "use-h2": (0.70, 0.60, 0.90, 0.90, 0.95, 1.05, 0.95, 1.00, 1.10, 1.10, 1.30, 1.45),
}
DISTURBANCE = {"use-autocat": 0.05, "use-glass-chem": 0.08, "use-jewel": 0.10, "use-h2": 0.15}
ELASTICITY = {"use-jewel": -0.4}
EXPORT_KG = 900
FAMILY_KG, FAMILY_AUTOCATALYST = 135_000, 0.58
BUILD_MW = {
    "fuel-cell-mw": (75, 78, 82, 92, 84, 90, 98, 98, 118, 130, 66, 56),
    "electrolyser-mw": (22, 24, 26, 30, 28, 30, 34, 34, 40, 46, 24, 20),
}
HISTORY = months("2021-01", 62)
HORIZON = months("2026-03", 12)


def monthly_price() -> dict[str, float]:
    """Give USD/ozt for 2016-01 to 2026-02: measured, then spread annual means, then the last month carried forward."""
    measured = [price for year in sorted(PINK_SHEET) for price in PINK_SHEET[year]]
    spread = denton(list(USGS_USD_PER_OZT.values()), [1.0] * 36)
    path = [*measured, *(round(price, 2) for price in [*spread, spread[-1], spread[-1]])]
    return dict(zip(months("2016-01", len(path)), path, strict=True))


def annual_use_t() -> dict[str, float]:
    """Give tonnes a year by user: China's share of world demand, less what is known of autocatalysts and hydrogen."""
    tonnes_per_koz = GRAMS_PER_OZT / 1000
    autocatalyst = CHINA_AUTOCATALYST_KOZ * tonnes_per_koz
    rest = CHINA_SHARE * WORLD_KOZ * tonnes_per_koz - autocatalyst - HYDROGEN_T
    return {"use-autocat": autocatalyst, "use-h2": HYDROGEN_T} | {
        user: share * rest for user, share in REST_SHARE.items()
    }


def monthly_use_kg(user: str) -> dict[str, float]:
    """Give kg used in each month, 2021-01 to 2026-02."""
    price = monthly_price()
    mean = sum(price[name] for name in HISTORY) / len(HISTORY)
    names = months("2021-01", 72)
    indicator = [
        SEASON[user][at % 12]
        * (1 + DISTURBANCE[user] * _disturbance(user, name))
        * (price.get(name, price["2026-02"]) / mean) ** ELASTICITY.get(user, 0.0)
        for at, name in enumerate(names)
    ]
    path = denton([1000 / 12 * annual_use_t()[user]] * 6, indicator)
    return {name: round(kg, 3) for name, kg in zip(HISTORY, path, strict=False)}


def _disturbance(user: str, name: str) -> float:
    """A number between -1 and 1 that looks like chance and is the same every time."""
    return int.from_bytes(hashlib.sha256(f"platinum {user} {name}".encode()).digest()[:4]) / 2**31 - 1


def family_kg() -> dict[str, float]:
    """Give kg a month of each user in the claimed family of 135 t a year."""
    base = annual_use_t()
    others = sum(tonnes for user, tonnes in base.items() if user != "use-autocat")
    year = {user: FAMILY_KG * (1 - FAMILY_AUTOCATALYST) * tonnes / others for user, tonnes in base.items()}
    year["use-autocat"] = FAMILY_KG * FAMILY_AUTOCATALYST
    return {user: year[user] / 12 for user in base}


def tables() -> dict[str, Table]:
    """Give the tables by name, each with its header."""
    return {"prices": _prices(), "rates": _rates(), "demand": _demand(), "schedule": _schedule()}


def _prices() -> Table:
    bank = "World Bank, Commodity Price Data (The Pink Sheet), platinum, monthly average, CC BY 4.0"
    usgs = "USGS Mineral Commodity Summaries 2026 data release, annual average{}; month by proportional Denton, flat indicator"
    carried = "December 2025 of the derived path carried forward; the last measured month is 2022-12"
    rows: Table = [["material", "period", "price", "price_unit", "price_basis", "tax", "source", "status"]]
    path = monthly_price()
    for name, price in path.items():
        why, status = bank, "measured"
        if name > "2022-12":
            why, status = usgs.format(" (estimated)" if name > "2024-12" else ""), "derived"
        if name > "2025-12":
            why, status = carried, "assumed"
        rows.append(["Pt", name, f"{price:.2f}", "USD/ozt", "contained", 0, why, status])
    for name in months("2025-11", 4):
        local = path[name] * CNY_PER_USD[int(name[:4])] / GRAMS_PER_OZT * (1 + VAT)
        why = "Shanghai price = USD/ozt of the month x rate / 31.1034768 x 1.13: 13 % VAT since 1 Nov 2025 (WPIC)"
        status = "assumed" if name > "2025-12" else "derived"
        rows.append(["pt-sponge-9995", name, f"{local:.2f}", "CNY/g", "contained", VAT, why, status])
    return rows


def _rates() -> Table:
    rows: Table = [["from_currency", "to_currency", "period", "rate", "source", "status"]]
    for name in months("2025-11", 16):
        year = int(name[:4])
        known = "annual average 2025 (World Bank PA.NUS.FCRF, rounded); not rechecked with the publisher"
        why = known if year == 2025 else "assumed near the last months of 2025, carried forward"
        rows.append(["USD", "CNY", name, f"{CNY_PER_USD[year]:.2f}", why, "assumed"])
    return rows


def _demand() -> Table:
    rows: Table = [["site", "material", "period", "quantity_kg", "kind", "customer", "group", "source", "status"]]
    method = "held from 2021 on; month by proportional Denton, assumed season and disturbance"
    why = {
        "use-autocat": f"484 koz of China in 2023 (Johnson Matthey, PGM Market Report, May 2023), {method}",
        "use-glass-chem": f"40 % (assumed) of what is left of 31 % of 7,821 koz (WPIC 2025), {method}",
        "use-jewel": f"60 % (assumed) of what is left of 31 % of 7,821 koz (WPIC 2025), {method}, price elasticity -0.4",
        "use-h2": f"0.6 t a year assumed, near the build-out in schedule, {method}",
    }
    groups = SECTORS | {"use-h2": "hydrogen"}
    for user in annual_use_t():
        for name, used in monthly_use_kg(user).items():
            status = "assumed" if user == "use-h2" else "derived"
            rows.append([user, "pt-sponge-9995", name, f"{used:.3f}", "used", "", groups[user], why[user], status])
    orders = "firm orders, assumed: 10.8 t a year, below the 18.4 t of 2024 (BACI) and the claimed quota"
    for name in HORIZON:
        abroad = ["ordered", "customers abroad", "export", orders, "assumed"]
        rows.append(["use-export", "pt-sponge-9995", name, EXPORT_KG, *abroad])
    family = "claimed 135 t a year, 58 % autocatalyst (market study 2026 §1.1), in twelve equal parts: a scenario only"
    for user, kg in family_kg().items():
        for name in HORIZON:
            scenario = ["planned", "", "family-135t", family, "assumed"]
            rows.append([user, "pt-sponge-9995", name, f"{kg:.3f}", *scenario])
    return rows


def _schedule() -> Table:
    rows: Table = [["site", "product", "period", "units", "source", "status"]]
    for product, megawatts in BUILD_MW.items():
        rows += _build(product, megawatts)
    return rows


def _build(product: str, megawatts: Sequence[int]) -> Table:
    why = "build-out assumed: about 1.1 GW of fuel cells and 0.4 GW of electrolysers in the year"
    return [["use-h2", product, name, units, why, "assumed"] for name, units in zip(HORIZON, megawatts, strict=True)]
