"""The planner: from network tables to a plan, its prices and reasons, and a proof that it cannot be done cheaper."""

from oreloop.plan.answers import Plan
from oreloop.plan.blocks import Block, Builder
from oreloop.plan.certificate import Verdict, certify, verify_certificate
from oreloop.plan.highs import HIGHS, Highs, Optimal, Solver, Stopped
from oreloop.plan.infeasible import Irreducible, explain_infeasible
from oreloop.plan.limits import METRICS
from oreloop.plan.model import Model, model_bytes, read_model
from oreloop.plan.network import Edit, Network, Settings
from oreloop.plan.proof.branch import certify_tree
from oreloop.plan.proof.interior import certify_by_solver
from oreloop.plan.session import Infeasible, Session, solve
from oreloop.plan.vipr import vipr_lines

__all__ = [
    "HIGHS", "METRICS", "Block", "Builder", "Edit", "Highs", "Infeasible", "Irreducible", "Model", "Network", "Optimal",
    "Plan", "Session", "Settings", "Solver", "Stopped", "Verdict", "certify", "certify_by_solver", "certify_tree",
    "explain_infeasible", "model_bytes", "read_model", "solve", "verify_certificate", "vipr_lines",
]  # fmt: skip
