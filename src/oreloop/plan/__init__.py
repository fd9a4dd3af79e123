"""The planner: from network tables to a plan, its prices and reasons, and a proof that it cannot be done cheaper."""

from oreloop.plan.answers import Plan
from oreloop.plan.blocks import Block, Builder
from oreloop.plan.certificate import Verdict, certify, verify_certificate
from oreloop.plan.highs import HIGHS, Highs, Optimal, Solver, Stopped
from oreloop.plan.infeasible import Irreducible, explain_infeasible
from oreloop.plan.limits import METRICS
from oreloop.plan.model import Model, model_bytes, read_model
from oreloop.plan.near import Near, near_optimal
from oreloop.plan.network import Edit, Network, Settings
from oreloop.plan.pareto import Frontier, pareto
from oreloop.plan.pegging import pegging
from oreloop.plan.proof.branch import certify_tree
from oreloop.plan.proof.interior import certify_by_solver
from oreloop.plan.ranges import shadow_prices
from oreloop.plan.rolling import Rolled, roll
from oreloop.plan.session import Infeasible, Session, solve
from oreloop.plan.steadiness import causes, nervousness, steady
from oreloop.plan.tables.given import unreachable
from oreloop.plan.vipr import vipr_lines
from oreloop.plan.winning import winning_prices

__all__ = [
    "HIGHS", "METRICS", "Block", "Builder", "Edit", "Frontier", "Highs", "Infeasible", "Irreducible", "Model", "Near",
    "Network", "Optimal", "Plan", "Rolled", "Session", "Settings", "Solver", "Stopped", "Verdict", "causes", "certify",
    "certify_by_solver", "certify_tree", "explain_infeasible", "model_bytes", "near_optimal", "nervousness", "pareto",
    "pegging", "read_model", "roll", "shadow_prices", "solve", "steady", "unreachable", "verify_certificate",
    "vipr_lines", "winning_prices",
]  # fmt: skip
