"""Witnesses: they watch that a log only ever grows, and say so with a cosignature."""

from oreloop.log.witness.client import Witnesses
from oreloop.log.witness.memory import MemoryWitnessState
from oreloop.log.witness.wire import AddCheckpoint, SignSubtree
from oreloop.log.witness.witness import Answer, Fork, Witness, WitnessState

__all__ = [
    "AddCheckpoint",
    "Answer",
    "Fork",
    "MemoryWitnessState",
    "SignSubtree",
    "Witness",
    "WitnessState",
    "Witnesses",
]
