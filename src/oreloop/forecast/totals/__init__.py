"""The distribution of the total demand over a lead time, for lumpy, intermittent, erratic or short series.

`fit_totals` learns from past origins of a table of series how to combine kernels, `Totals.quantiles` reads the result;
`follow` corrects a level as actuals arrive.
"""

from oreloop.forecast.totals.calibration import follow
from oreloop.forecast.totals.kernels import KERNELS
from oreloop.forecast.totals.model import Totals, fit_totals

__all__ = ["KERNELS", "Totals", "fit_totals", "follow"]
