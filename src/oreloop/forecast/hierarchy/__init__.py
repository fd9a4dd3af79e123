"""Forecasts that add up: which series are sums of which, and what each must be changed by so that the sums hold."""

from oreloop.forecast.hierarchy.choice import Choice, Past, choose
from oreloop.forecast.hierarchy.dependence import together
from oreloop.forecast.hierarchy.nodes import Hierarchy, aggregate
from oreloop.forecast.hierarchy.reconciliation import METHODS, Reconciled, reconcile

__all__ = ["METHODS", "Choice", "Hierarchy", "Past", "Reconciled", "aggregate", "choose", "reconcile", "together"]
