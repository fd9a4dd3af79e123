"""Plans under uncertainty: what to decide now, when each scenario decides the rest for itself."""

from oreloop.plan.stochastic.extensive import extensive
from oreloop.plan.stochastic.fan import Fan, Future, Weighed, demand_futures, fan, weigh
from oreloop.plan.stochastic.reduce import reduce_paths
from oreloop.plan.stochastic.smps import read_smps
from oreloop.plan.stochastic.staged import Staged, Worth, decide, mean_model, worth
from oreloop.plan.stochastic.two_stage import Scenario, TwoStage

__all__ = [
    "Fan", "Future", "Scenario", "Staged", "TwoStage", "Weighed", "Worth", "decide", "demand_futures", "extensive",
    "fan", "mean_model", "read_smps", "reduce_paths", "weigh", "worth",
]  # fmt: skip
