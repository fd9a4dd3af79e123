"""Demand of a metal from technologies not yet built: build-out, shares, intensity and returns, each as a distribution."""

from oreloop.forecast.technology.outlook import FLOWS, Outlook, outlook
from oreloop.forecast.technology.scenario import BuildOut, Stated, Technology, TechnologyScenario

__all__ = ["FLOWS", "BuildOut", "Outlook", "Stated", "Technology", "TechnologyScenario", "outlook"]
