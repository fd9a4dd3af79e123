"""Signals of demand and price: orders that swing more than use, orders that run ahead of it, prices that jump."""

from oreloop.forecast.signals.bullwhip import Hoarding, bullwhip, chain, hoarding
from oreloop.forecast.signals.pulse import pulses

__all__ = ["Hoarding", "bullwhip", "chain", "hoarding", "pulses"]
