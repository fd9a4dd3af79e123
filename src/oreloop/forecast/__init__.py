"""Demand and prices to come, as distributions: of each period, of sums of periods, and as joint paths.

`predict` for histories of demand, with drivers (`Drivers`) and hierarchies (`Hierarchy`) where there are any; `backtest`
for how far to believe it; `from_schedule` for a build-out and `backtest_schedule` for its record; `predict_price` and
`backtest_price`; `oreloop.forecast.signals` for orders that run ahead of use and for pulses in prices,
`oreloop.forecast.technology` for scenarios of years. Arrays are batched across series; time is the only loop.
"""

from oreloop.forecast.demand import LEVELS, Forecast, predict
from oreloop.forecast.drivers import Drivers
from oreloop.forecast.hierarchy import Hierarchy
from oreloop.forecast.panel import Panel
from oreloop.forecast.ports import Executor, InTurn
from oreloop.forecast.price import PriceBacktest, PriceForecast, backtest_price, predict_price
from oreloop.forecast.rolling import Backtest, Headline, backtest
from oreloop.forecast.schedule import ScheduledUse, from_schedule
from oreloop.forecast.track import TrackRecord, backtest_schedule

__all__ = [
    "LEVELS",
    "Backtest",
    "Drivers",
    "Executor",
    "Forecast",
    "Headline",
    "Hierarchy",
    "InTurn",
    "Panel",
    "PriceBacktest",
    "PriceForecast",
    "ScheduledUse",
    "TrackRecord",
    "backtest",
    "backtest_price",
    "backtest_schedule",
    "from_schedule",
    "predict",
    "predict_price",
]
