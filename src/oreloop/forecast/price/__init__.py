"""Prices to come: a random walk that may carry on, as wide as the market is restless, and how far to believe it."""

from oreloop.forecast.price.backtest import PriceBacktest, backtest_price
from oreloop.forecast.price.forecast import PriceForecast, predict_price

__all__ = ["PriceBacktest", "PriceForecast", "backtest_price", "predict_price"]
