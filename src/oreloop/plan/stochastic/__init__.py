"""Plans under uncertainty: what to decide now, when each scenario decides the rest for itself."""

from oreloop.plan.stochastic.extensive import extensive
from oreloop.plan.stochastic.fan import Fan, Future, Weighed, demand_futures, fan, weigh, weigh_fan
from oreloop.plan.stochastic.reduce import reduce_paths
from oreloop.plan.stochastic.risks import Combined, combine_risks, crossed
from oreloop.plan.stochastic.smps import read_smps
from oreloop.plan.stochastic.staged import Kept, Staged, Worth, decide, decide_by_tree, keep, mean_model, worth
from oreloop.plan.stochastic.stuck import Stuck, stuck
from oreloop.plan.stochastic.two_stage import Scenario, TwoStage

__all__ = [
    "Combined", "Fan", "Future", "Kept", "Scenario", "Staged", "Stuck", "TwoStage", "Weighed", "Worth", "combine_risks",
    "crossed", "decide", "decide_by_tree", "demand_futures", "extensive", "fan", "keep", "mean_model", "read_smps",
    "reduce_paths", "stuck", "weigh", "weigh_fan", "worth",
]  # fmt: skip
