"""Demand and prices to come, as distributions: of each period, of sums of periods, and as joint paths.

`predict` for histories of demand, `backtest` for how far to believe it, `from_schedule` for a build-out, and
`predict_price`. Arrays are batched across series; time is the only loop.
"""

from oreloop.forecast.demand import LEVELS, Forecast, predict
from oreloop.forecast.price import PriceForecast, predict_price
from oreloop.forecast.rolling import Backtest, Headline, backtest
from oreloop.forecast.schedule import ScheduledUse, from_schedule

__all__ = [
    "LEVELS",
    "Backtest",
    "Forecast",
    "Headline",
    "PriceForecast",
    "ScheduledUse",
    "backtest",
    "from_schedule",
    "predict",
    "predict_price",
]
