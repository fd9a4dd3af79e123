"""Demand and prices to come, as distributions: of each period, of sums of periods, and as joint paths.

`predict` for histories of demand, with drivers (`Drivers`) and hierarchies (`Hierarchy`) where there are any; `backtest`
for how far to believe it; `from_schedule` for a build-out and `backtest_schedule` for its record; `predict_price` and
`backtest_price`; `oreloop.forecast.signals` for orders that run ahead of use and for pulses in prices,
`oreloop.forecast.technology` for scenarios of years. Arrays are batched across series; time is the only loop.

What `predict` does not need is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from oreloop.forecast.demand import LEVELS, Forecast, predict
from oreloop.forecast.drivers import Drivers
from oreloop.forecast.hierarchy import Hierarchy
from oreloop.forecast.panel import Panel
from oreloop.forecast.ports import Executor, InTurn

if TYPE_CHECKING:
    from oreloop.forecast.price import PriceBacktest as PriceBacktest
    from oreloop.forecast.price import PriceForecast as PriceForecast
    from oreloop.forecast.price import backtest_price as backtest_price
    from oreloop.forecast.price import predict_price as predict_price
    from oreloop.forecast.rolling import Backtest as Backtest
    from oreloop.forecast.rolling import Headline as Headline
    from oreloop.forecast.rolling import backtest as backtest
    from oreloop.forecast.schedule import ScheduledUse as ScheduledUse
    from oreloop.forecast.schedule import from_schedule as from_schedule
    from oreloop.forecast.track import TrackRecord as TrackRecord
    from oreloop.forecast.track import backtest_schedule as backtest_schedule

_LATER = {
    "Backtest": "rolling",
    "Headline": "rolling",
    "PriceBacktest": "price",
    "PriceForecast": "price",
    "ScheduledUse": "schedule",
    "TrackRecord": "track",
    "backtest": "rolling",
    "backtest_price": "price",
    "backtest_schedule": "track",
    "from_schedule": "schedule",
    "predict_price": "price",
}

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


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(f"oreloop.forecast.{_LATER[name]}"), name)
    raise AttributeError(f"module 'oreloop.forecast' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_LATER])
