"""Ten metal prices, three months ahead, beside a drifted random walk."""

from __future__ import annotations

import polars as pl

from bench.forecast_sets import folder
from bench.registry import Measurement, benchmark
from oreloop.forecast.price import backtest_price

METALS = (
    "aluminum", "iron_ore_cfr_spot", "copper", "lead", "tin", "nickel", "zinc", "gold", "platinum", "silver",
)  # fmt: skip
MONTHS_AHEAD = 3


def history() -> pl.DataFrame:
    """Monthly average prices since 1960, long."""
    sheet = pl.read_csv(folder() / "worldbank_pink_sheet_monthly.csv", infer_schema_length=None)
    long = sheet.unpivot(index="month", on=list(METALS), variable_name="unique_id", value_name="y")
    return long.rename({"month": "ds"}).drop_nulls("y")


@benchmark
def forecast_metal_prices() -> Measurement:
    """Mean over ten metals of pinball over the drifted random walk's, each of the last 240 months an origin."""
    scores = backtest_price(history(), MONTHS_AHEAD).scores
    ratios = scores["ratio"].to_numpy()
    return Measurement(
        figure=float(ratios.mean()), reference=1.0, unit="pinball / drifted random walk",
        against=f"drifted random walk; worst metal {ratios.max():.3f}, origins {scores['origins'].to_numpy().min()}", rounds=1,
    )  # fmt: skip
