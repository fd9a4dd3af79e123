"""Which facilities to open and which suppliers to take, at scale, with a proof that needs no solver."""

from oreloop.plan.choice.problem import Choice, strong
from oreloop.plan.choice.proof import Leaf, Proved, verify_choice
from oreloop.plan.choice.tree import choose

__all__ = ["Choice", "Leaf", "Proved", "choose", "strong", "verify_choice"]
