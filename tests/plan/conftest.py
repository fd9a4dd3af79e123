"""A small network in hand-countable numbers: no funding, no acceptance days unless a test asks for them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from oreloop.base.period import Horizon, Period
from oreloop.plan import Network, Settings

sys.path.append(str(Path(__file__).parent))  # modules that several of these tests share

DEFAULTS: dict[str, dict[str, Any]] = {
    "sites": {"kind": "user", "party": None, "country": "CHN"},
    "materials": {"element": "Ir", "content": 1.0, "moisture": 0.0, "recycled": "primary", "serves": None},
    "offers": {
        "kind": "purchase", "site": "fab", "material": "ir", "lead_days": 0.0, "max_kg": None, "total_kg": None,
        "min_kg": None, "licence": None, "valid_from": None, "valid_to": None, "origin_country": "ZAF",
        "recycled_share": None, "co2e_kg_per_kg": 0.0, "lease_rate_per_year": None, "term_days": None,
        "return_material": None, "return_site": None, "deposit_share": 0.0, "price_index": None,
    },
    "stock": {
        "site": "fab", "material": "ir", "owner": "own", "pledged": False, "state": "free", "available_from": None,
        "due_back_on": None,
    },
    "lanes": {
        "material": None, "lead_days": 0.0, "customs_days": 0.0, "cost_per_gross_kg": 0.0, "co2e": 0.0,
        "capacity_gross_kg": None, "licence": None, "valid_from": None, "valid_to": None,
    },
    "processes": {
        "site": "ref", "capacity_dry_kg": None, "cost": 0.0, "co2e": 0.0, "toll": True, "outturn_days": 0.0,
        "returned_share": None, "settled_in": "metal",
    },
    "recipes": {
        "main": False, "kg_per_kg": None, "direct_yield": None, "final_recovery": None, "return_days": None,
        "lag_days": 0.0,
    },
    "approvals": {
        "site": "fab", "material": "ir", "offer": None, "process": None, "party": None, "approval": "approved",
        "from_date": None, "expires": None, "earliest_from": None, "max_share": None, "accept_days": 0.0,
        "accept_days_with_passport": None,
    },
    "stock_rules": {
        "site": "fab", "material": "ir", "safety_kg": 0.0, "max_kg": None, "end_kg": None, "storage_cost": 0.0,
        "funding_rate_per_year": None,
    },
    "commitments": {
        "material": "ir", "site": "fab", "offer": None, "promised_on": None, "price": None, "delay_days_p50": 0.0,
        "state": "agreed",
    },
    "licences": {
        "applied_on": None, "statutory_days": None, "decided_on": None, "valid_from": None, "valid_to": None,
        "kg": None, "probability": None,
    },
    "limits": {
        "scope": None, "period": None, "sense": "<=", "unit": "kg", "kind": "hard", "penalty_per_unit": None, "line": 2,
    },
    "uses": {
        "product": "cell", "material": "ir", "kg_per_unit": 1.0, "scrap_share": 0.0, "scrap_material": None,
        "scrap_days": 0.0, "life_years": None, "collected_share": None,
    },
    "schedule": {"site": "fab", "product": "cell"},
    "contents": {},
    "risks": {"from_period": None, "to_period": None, "size": 1.0, "probability": None},
}  # fmt: skip
SITES = [
    {"site": "fab", "party": "us"},
    {"site": "ref", "kind": "refinery", "party": "refiner"},
    {"site": "pit", "kind": "mine", "party": "digger", "country": "ZAF"},
]
MATERIALS = [{"material": "ir"}, {"material": "scrap", "recycled": "recycled", "content": 0.5}]


@pytest.fixture(scope="session")
def make() -> Callable[..., Network]:
    """Give a function that makes a network: tables by name as lists of rows, demand and prices in short."""

    def network(
        *,
        periods: int = 3,
        demand: Any = 10.0,
        prices: dict[str, float] | None = None,
        metal: float = 100.0,
        with_passport: tuple[str, ...] = (),
        carbon_factors: dict[str, float] | None = None,
        settings: dict[str, Any] | None = None,
        **rows: list[dict[str, Any]],
    ) -> Network:
        horizon = Horizon.of(Period.parse("2026-01"), periods)
        rows = {"sites": SITES, "materials": MATERIALS, **rows}
        tables = {
            name: pl.DataFrame([{**DEFAULTS[name], **row} for row in given], infer_schema_length=None)
            for name, given in rows.items()
        }
        wanted = {("fab", "ir"): demand} if not isinstance(demand, dict) else demand
        frame = pl.DataFrame(
            [
                {"site": site, "material": material, "period": name, "quantity_kg": float(kg)}
                for (site, material), amounts in wanted.items()
                for name, kg in zip(
                    horizon.names, [amounts] * periods if isinstance(amounts, float) else amounts, strict=True
                )
            ]
        )
        offered = prices if prices is not None else {row["offer"]: 100.0 for row in rows.get("offers", [])}
        schema = {"period": pl.Utf8, "price_per_kg": pl.Float64}
        return Network.from_frames(
            tables,
            horizon=horizon,
            demand=frame,
            offer_prices=pl.DataFrame(
                [{"offer": name, "period": "2026-01", "price_per_kg": float(price)} for name, price in offered.items()],
                schema={"offer": pl.Utf8, **schema},
            ),
            metal_prices=pl.DataFrame(
                [{"material": "Ir", "period": "2026-01", "price_per_kg": metal}],
                schema={"material": pl.Utf8, **schema},
            ),
            settings=Settings(
                **{"accept_days": 0.0, "funding_rate_per_year": 0.0, "shortage_cost_per_kg": 300.0, **(settings or {})}
            ),
            carbon_factors=carbon_factors,
            with_passport=with_passport,
        )

    return network
