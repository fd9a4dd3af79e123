"""Drivers: what demand answers to, with which lag and how strongly, known only from the day of publication."""

from oreloop.forecast.drivers.generated import Generated, generated
from oreloop.forecast.drivers.kernel import DriverKernel
from oreloop.forecast.drivers.table import Drivers

__all__ = ["DriverKernel", "Drivers", "Generated", "generated"]
