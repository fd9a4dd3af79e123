"""A view as a real run fills it: a year of iridium for an electrolyser maker. Every number here is invented."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest

from oreloop.report import Backtest, Facts, Headline, Seal, View

PERIODS = (*(f"2026-{month:02d}" for month in range(2, 13)), "2027-01")

NAMES = {
    "maker-sh": ("Shanghai coating shop", "上海涂层车间"),
    "refiner-cn": ("Guixi refinery", "贵溪精炼厂"),
    "recycler-cn": ("Taizhou recycler", "台州回收厂"),
    "mine-za": ("Rustenburg mine", "勒斯滕堡矿"),
    "ir-5n": ("Iridium sponge 5N", "5N 铱粉"),
    "ir-crude": ("Crude iridium", "粗铱"),
    "ir-scrap": ("Coating scrap", "涂层废料"),
    "hml-6m": ("Six-month order, Hanau", "哈瑙 6 个月订单"),
    "lease-ldn": ("Lease, London", "伦敦租赁"),
    "toll-tz": ("Toll of own scrap, Taizhou", "台州来料加工"),
    "licence-sc": ("Import licence for scrap", "废料进口许可"),
    "maker": ("Electrolyser maker", "电解槽企业"),
    "hanau": ("Hanau metals", "哈瑙金属"),
    "tz": ("Taizhou recycling", "台州再生"),
    "Ir": ("iridium", "铱"),
    "CHN": ("China", "中国"), "ZAF": ("South Africa", "南非"), "ZWE": ("Zimbabwe", "津巴布韦"),
    "DEU": ("Germany", "德国"), "CAN": ("Canada", "加拿大"),
}  # fmt: skip


def rows(columns: str, *values: tuple[Any, ...]) -> pl.DataFrame:
    return pl.DataFrame(list(values), schema=columns.split(), orient="row", infer_schema_length=None)


def _decisions() -> dict[str, pl.DataFrame]:
    return {
        "actions": rows(
            "rank action subject site material contained_kg source approval act_by arrives price price_unit price_basis "
            "price_ceiling cash cash_on short_kg_p50 short_kg_p90 short_from_p50 short_from_p90 reason reason_fields",
            (1, "toll", "toll-tz", "maker-sh", "ir-5n", 6.4, "toll-tz", "approved", date(2026, 2, 3), "2026-04", 41.5, "CNY/g",
             "contained", 118.2, 265_600.0, date(2026, 4, 20), 3.1, 5.4, "2026-05", "2026-04", "cheapest",
             json.dumps({"next": "hml-6m", "saving": "412 000"})),
            (2, "order", "hml-6m/2026-02", "maker-sh", "ir-5n", 12.0, "hml-6m", "assumed", date(2026, 2, 9), "2026-08", 1085.0, "CNY/g",
             "contained", 1240.0, 13_020_000.0, date(2026, 2, 16), 9.8, 13.2, "2026-08", "2026-07", "only_way", "{}"),
            (3, "apply_licence", "licence-sc", "recycler-cn", "ir-scrap", 2.2, None, None, date(2026, 2, 20), None, None, None,
             None, None, 14_000.0, None, None, 1.6, None, "2026-09", None, None),
            (4, "lease", "lease-ldn/2026-03", "maker-sh", "ir-5n", 2.5, "lease-ldn", "trial", date(2026, 3, 1), "2026-03", 8.4, "CNY/g",
             "contained", 9.9, 21_000.0, date(2026, 3, 31), 0.0, 2.4, None, "2026-04", "bridges", "{}"),
        ),
        "changes": rows(
            "order change old_kg new_kg old_period new_period cause cause_fields",
            ("hml-6m/2026-02", "more", 9.0, 12.0, "2026-02", "2026-02", "demand_jump", "{}"),
            ("lease-ldn/2026-03", "new", None, 2.5, None, "2026-03", "acceptance", "{}"),
        ),
        "flips": rows(
            "input label_fields status base flip_value unit change_share first_before first_after",
            ("recovery of coating scrap", "{}", "assumed", 0.93, 0.815, "kg/kg", -0.124, "toll-tz", "lease-ldn"),
            ("lead time of Hanau", "{}", "assumed", 195.0, 118.0, "d", -0.395, "toll-tz", "hml-6m"),
            ("toll charge", "{}", "assumed", 41.5, 102.0, "CNY/g", 1.458, "toll-tz", "lease-ldn"),
        ),
        "cover": rows(
            "site material daily_kg own_free_kg in_process_kg on_order_kg days_free days_in_process days_on_order stock_out_p50 stock_out_p90",
            ("maker-sh", "ir-5n", 0.071, 3.2, 1.8, 4.0, 45.0, 70.0, 126.0, date(2026, 5, 14), date(2026, 4, 22)),
        ),
    }  # fmt: skip


def _plan() -> dict[str, pl.DataFrame]:
    need = [1.9 + 0.14 * step for step in range(12)]
    demand = [("maker-sh", "ir-5n", period, kg, "forecast") for period, kg in zip(PERIODS, need, strict=True)]
    supply, stocks, costs, flows, shortages = [], [], [], [], []
    for step, (period, kg) in enumerate(zip(PERIODS, need, strict=True)):
        stock = max(0.0, 1.4 - 0.5 * step)
        scrap = 0.55 if step > 1 else 0.0
        lease = 0.6 if step in (3, 4) else 0.0
        short = 0.35 if step == 5 else 0.0
        supply += [("maker-sh", "ir-5n", period, "stock", "opening", min(stock, kg))]
        supply += [
            ("maker-sh", "ir-5n", period, "scrap", "toll-tz", scrap),
            ("maker-sh", "ir-5n", period, "offer", "lease-ldn", lease),
        ]
        bought = kg - min(stock, kg) - scrap - lease - short
        supply.append(("maker-sh", "ir-5n", period, "offer", "hml-6m", bought))
        shortages.append(("maker-sh", "ir-5n", period, kg, kg - short, short))
        level = 3.4 + 1.1 * ((step * 5) % 4) - 0.15 * step
        stocks.append(("maker-sh", "ir-5n", period, level, 2.0, level / kg * 30))
        costs += [
            ("purchase", period, bought * 1_085_000),
            ("toll_cash", period, scrap * 41_500),
            ("rent", period, lease * 8_400),
        ]
        costs += [
            ("holding", period, level * 4_200),
            ("freight", period, 9_000.0),
            ("shortage", period, short * 3_255_000),
        ]
        flows += [
            ("order", "offer:hml-6m", "maker-sh/ir-5n", "ir-5n", period, bought),
            ("order", "offer:lease-ldn", "maker-sh/ir-5n", "ir-5n", period, lease),
            ("feed", "recycler-cn/ir-scrap", "process:toll-tz", "ir-scrap", period, scrap * 1.075),
            ("output", "process:toll-tz", "maker-sh/ir-5n", "ir-5n", period, scrap),
            ("serve", "maker-sh/ir-5n", "use:maker-sh/ir-5n", "ir-5n", period, kg - short),
            ("scrap", "use:maker-sh/ir-5n", "recycler-cn/ir-scrap", "ir-scrap", period, scrap * 1.075),
            ("opening", "opening", "maker-sh/ir-5n", "ir-5n", period, min(stock, kg)),
        ]
    return {
        "demand": rows("site material period quantity_kg rule", *demand),
        "supply": rows("site material period origin source quantity_kg", *supply),
        "shortages": rows("site material period demand_kg served_kg short_kg", *shortages),
        "stocks": rows("site material period quantity_kg safety_kg cover_days", *stocks),
        "costs": rows("component period amount", *costs),
        "flows": rows("kind from_node to_node material period quantity_kg", *flows),
        "carbon": rows("component subject co2e_kg", ("purchase", "hml-6m", 212_000.0), ("process", "toll-tz", 3_150.0), ("freight", "lane", 420.0)),
        "exposure": rows(
            "origin_country quantity_kg share risk",
            ("ZAF", 17.2, 0.62, 0.61), ("CHN", 6.6, 0.24, 0.48), ("ZWE", 2.3, 0.083, 0.79), ("CAN", 1.6, 0.057, 0.22),
        ),
        "orders": rows(
            "order offer party material to_site quantity_kg act_by arrive_period usable_period due_period price_per_kg "
            "fixed_charge amount co2e_kg approval origin_country recycled_share raised_to_kg",
            ("hml-6m/2026-02", "hml-6m", "hanau", "ir-5n", "maker-sh", 12.0, date(2026, 2, 9), "2026-07", "2026-08", None, 1_085_000.0,
             0.0, 13_020_000.0, 106_000.0, "assumed", "ZAF", 0.0, None),
            ("lease-ldn/2026-03", "lease-ldn", None, "ir-5n", "maker-sh", 2.5, date(2026, 3, 1), "2026-03", "2026-03", "2026-09", 8_400.0,
             500.0, 21_500.0, 0.0, "trial", None, 0.0, 2.5),
        ),
        "staged": rows(
            "action subject from site material period quantity_kg plain_kg change",
            ("order", "hml-6m", "hanau", "maker-sh", "ir-5n", "2026-02", 12.0, 4.0, "more"),
            ("toll", "toll-tz", "hanau", "maker-sh", "ir-5n", "2026-02", 2.0, 2.0, None),
        ),
        "futures": rows(
            "future probability cost penalty short_kg plain_cost plain_short_kg foreseen_cost",
            ("as-planned", 0.7, 2.0e7, 0.0, 0.0, 1.9e7, 0.0, 1.9e7), ("za-stop", 0.3, 3.0e7, 1.0e6, 0.4, None, None, 2.9e7),
        ),
        "frontier": rows(
            "point cost co2e_kg top_country_share short_kg recycled_share",
            (1, 2.0e7, 215_000.0, 0.62, 0.35, 0.2), (2, 2.4e7, 160_000.0, 0.62, 0.35, 0.31), (3, 3.1e7, 118_000.0, 0.62, 0.35, 0.44),
        ),
        "limits": rows(
            "limit metric kind period sense value used slack unit shadow_price",
            ("za-share", "country_share", "hard", "2026-12", "<=", 0.65, 0.62, 0.03, "share", 0.0),
            ("budget", "cost", "soft", "2027-01", "<=", 3.0e7, 3.0e7, 0.0, "CNY", -0.12),
        ),
        "worth": rows(
            "code kind subject site material value unit",
            ("approval", "approval", "toll-tz", "maker-sh", "ir-5n", 214_000.0, "total"),
            ("acceptance", "acceptance", "hml-6m", "maker-sh", "ir-5n", 18_500.0, "per_day"),
        ),
        "risks": rows(
            "risk event target probability delta_cost expected_cost short_kg",
            ("za-stop", "site_stop", "mine-za", 0.12, 2_150_000.0, 258_000.0, 3.3),
            ("jump", "demand_jump", "maker-sh", 0.25, 930_000.0, 232_500.0, 1.1),
        ),
    }  # fmt: skip


def _forecast() -> dict[str, pl.DataFrame]:
    history = [
        ("maker-sh/ir-5n", f"{2022 + step // 12}-{step % 12 + 1:02d}", 1.0 + 0.02 * step + 0.22 * ((step * 7) % 5 - 2))
        for step in range(49)
    ]
    spread = {0.05: -0.62, 0.25: -0.22, 0.5: 0.0, 0.75: 0.24, 0.95: 0.7}
    bands = [
        ("maker-sh/ir-5n", period, level, 2.0 + 0.05 * step + width * (1 + 0.09 * step))
        for step, period in enumerate(PERIODS)
        for level, width in spread.items()
    ]
    return {"history": rows("unique_id ds y", *history), "quantiles": rows("unique_id ds level value", *bands)}


def _rest() -> dict[str, pl.DataFrame]:
    return {
        "contracts": rows(
            "contract kind buyer seller material quantity_mg state next_event due amount_minor currency",
            ("ir-offtake-2026", "purchase", "maker", "hanau", "ir-5n", 12_000_000, "agreed", "deposit", date(2026, 2, 16), 1_302_000_000, "CNY"),
            ("toll-2026-1", "toll", "maker", "tz", "ir-scrap", 2_150_000, "capacity_locked", "deliver", date(2026, 4, 2), 8_922_500, "CNY"),
            ("spot-2025-11", "purchase", "maker", "hanau", "ir-5n", 2_000_000, "delivered", "assay", date(2026, 1, 20), 217_000_000, "CNY"),
            ("spot-2025-09", "purchase", "maker", "hanau", "ir-5n", 1_500_000, "settled", None, None, 162_750_000, "CNY"),
        ),
        "postings": rows(
            "contract batch clause debit credit asset amount",
            ("spot-2025-09", "ir-5n-01", "price", "maker/account", "hanau/account", "CNY", 162_750_000),
            ("spot-2025-09", "ir-5n-01", "title", "hanau/account", "maker/account", "Ir", 1_499_960),
        ),
        "obligations": rows(
            "contract code party due overdue amount_minor currency element mass_mg batch",
            ("spot-2025-11", "deal.assay", "tz", date(2026, 1, 20), True, None, "CNY", "Ir", None, "ir-5n-02"),
            ("ir-offtake-2026", "deal.pay_deposit", "maker", date(2026, 2, 16), False, 260_400_000, "CNY", "Ir", None, ""),
        ),
        "recycled": rows("batch element share", ("ir-5n-01", "Ir", 0.0)),
        "security": rows(
            "figure element year value unit status source",
            ("hhi", "Ir", 2023, 8771.0, "0-10000", "derived", "EC 2023, mine shares"),
            ("import_dependence", "Ir", 2024, 0.96, "share", "assumed", "no public customs line for iridium alone"),
        ),
        "claims": rows(
            "claim_set claim value unit year source verdict verdict_fields",
            ("report-2026", "demand", 3500.0, "kg", 2026, "industry report, 2026", "judge.share_of_world", json.dumps({"element": "Ir", "value": "3500", "unit": "kg", "percent": "49", "against_t": "7.1", "year": "2026"})),
            ("report-2026", "domestic_share", 0.123, "share", 2025, "industry report, 2026", None, None),
        ),
        "statuses": rows(
            "table measured derived assumed illustrative unstated",
            ("sites", 0, 0, 9, 0, 0), ("offers", 0, 2, 5, 0, 0), ("prices", 5, 55, 0, 0, 0), ("demand", 0, 12, 0, 0, 1), ("world", 21, 3, 0, 0, 0),
        ),
        "assumptions": rows("code fields", ("case.approvals_absent", json.dumps({"days": "14"})), ("case.setting_defaulted", json.dumps({"setting": "funding", "value": "0.05"}))),
        "checks": rows(
            "check state", ("manifest", "passed"), ("log_root", "passed"), ("checkpoint", "passed"), ("mass_balance", "passed"),
            ("plan_certificate", "passed"), ("settlement_replay", "passed"), ("forecast_coverage", "skipped"),
        ),
        "batches": rows(
            "batch material site holder state gross_mg created_at element contained_mg",
            ("ir-crude-01", "ir-crude", "refiner-cn", "tz", "consumed", 4_210_000, "2025-08-02", "Ir", 3_620_600),
            ("ir-5n-01", "ir-5n", "maker-sh", "maker", "consumed", 3_500_000, "2025-09-14", "Ir", 3_499_960),
            ("ir-scrap-01", "ir-scrap", "recycler-cn", "maker", "available", 11_300_000, "2025-12-20", "Ir", 842_000),
        ),
        "steps": rows(
            "event time kind process from_site to_site element mass_mg",
            ("e1", "2025-08-02T08:00:00.000Z", "shipping", None, "mine-za", "refiner-cn", "Ir", 3_620_600),
            ("e2", "2025-09-14T08:00:00.000Z", "shipping", None, "refiner-cn", "maker-sh", "Ir", 3_499_960),
            ("e3", "2025-12-20T08:00:00.000Z", "shipping", None, "maker-sh", "recycler-cn", "Ir", 842_000),
            ("e5", "2025-09-01T08:00:00.000Z", "transformation", "refining", "refiner-cn", "refiner-cn", "Ir", 3_620_600),
            ("e6", "2025-10-01T08:00:00.000Z", "transformation", "coating", "maker-sh", "maker-sh", "Ir", 3_499_960),
            ("e7", "2025-12-27T08:00:00.000Z", "transformation", "dissolving", "recycler-cn", "recycler-cn", "Ir", 842_000),
            ("e4", "2026-01-12T08:00:00.000Z", "shipping", None, "recycler-cn", "refiner-cn", "Ir", 640_000),
        ),
        "balance": rows(
            "event site element in_mg out_mg loss_mg unaccounted_mg tolerance_mg state",
            ("e5", "refiner-cn", "Ir", 3_620_600, 3_499_960, 108_000, 12_640, 41_000, "within"),
            ("e6", "maker-sh", "Ir", 3_499_960, 3_499_960, 0, 0, 9_000, "balanced"),
        ),
        "origins": rows("batch element country site share mass_mg", ("ir-5n-01", "Ir", "ZAF", "mine-za", 1.0, 3_499_960)),
        "footprint": rows("batch co2e_g co2e_g_per_g primary_data_share", ("ir-5n-01", 31_009_646, 8860.0, 0.2)),
    }  # fmt: skip


def sample_view(**changes: Any) -> View:
    whole: dict[str, Any] = {
        "facts": Facts(
            id="iridium",
            title={"en": "Iridium for PEM electrolysers", "zh": "PEM 电解槽用铱"},
            metals=("Ir",),
            currency="CNY",
            as_of=datetime(2026, 1, 31, 23, 59, 59, 999_000, tzinfo=UTC),
            at=datetime(2026, 1, 31, 23, 59, 59, 999_000, tzinfo=UTC),
            horizon=PERIODS,
            perspective="CHN",
            review_on=date(2026, 3, 2),
            compared_with="2025-12-31",
        ),
        "headline": Headline(
            cover_days_free=45.0,
            cover_days_in_process=70.0,
            cover_days_on_order=126.0,
            stock_out_p50=date(2026, 5, 14),
            stock_out_p90=date(2026, 4, 22),
            unpriced_kg=14.6,
            cash_30=13_034_000.0,
            cash_90=13_320_600.0,
        ),
        "backtest": Backtest(
            level=0.9, horizon=6, origins=12, wape=0.142, skill=0.21, naive="seasonal_naive", coverage=0.88
        ),
        "seal": Seal(
            origin="oreloop.example/iridium/run/9f2c41aa/2026-01-31T23:59:59.999Z",
            checkpoint="oreloop.example/iridium/run/9f2c41aa\n47\nq0mI2Qv5nVwxl3lC5X6n0J0r7bU3b3uT1oP8h2R1m2E=\n\n— demo.example Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5\n",
            input_hash="9f2c41aa53f3a1a1e9d1d64c8f30c4c0a1a0b9b7fcd8f0f0dbe35a1b8f0a9a11",
            vkey="demo.example+2f1b3c4d+AR1mU0Z5q0mI2Qv5nVwxl3lC5X6n0J0r7bU3b3uT1oP8",
        ),
        "names": {key: {"en": en, "zh": zh} for key, (en, zh) in NAMES.items()},
        "unused": ("hedges", "drivers", "sites.latitude"),
        "frames": _decisions() | _plan() | _forecast() | _rest(),
    }
    return View(**(whole | changes))


@pytest.fixture(scope="session")
def sample() -> View:
    return sample_view()


@pytest.fixture(scope="session")
def make() -> Callable[..., View]:
    """Give the maker of the sample view, to change a part of it."""
    return sample_view
