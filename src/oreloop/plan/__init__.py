"""The planner: from network tables to a plan, its prices and reasons, and a proof that it cannot be done cheaper."""

from oreloop.plan.answers import Plan
from oreloop.plan.blocks import Block, Builder
from oreloop.plan.certificate import Verdict, certify, verify_certificate
from oreloop.plan.highs import HIGHS, Optimal, Solver, Stopped
from oreloop.plan.limits import METRICS
from oreloop.plan.model import Model, model_bytes, read_model
from oreloop.plan.network import Edit, Network, Settings
from oreloop.plan.session import Infeasible, Session, solve

__all__ = [
    "HIGHS", "METRICS", "Block", "Builder", "Edit", "Infeasible", "Model", "Network", "Optimal", "Plan", "Session",
    "Settings", "Solver", "Stopped", "Verdict", "certify", "model_bytes", "read_model", "solve", "verify_certificate",
]  # fmt: skip
