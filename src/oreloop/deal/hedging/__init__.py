"""Hedges: positions that are held, what they are worth, and what it would cost to cover what is open, by instrument."""

from oreloop.deal.hedging.costs import FIGURES, Market, black_76
from oreloop.deal.hedging.cover import cover
from oreloop.deal.hedging.instruments import Instrument, instruments
from oreloop.deal.hedging.moves import Move, moved
from oreloop.deal.hedging.options import Call, Collar, Option, Put, covering
from oreloop.deal.hedging.positions import Hedge, held, marked, payoffs, read_hedges

__all__ = [
    "FIGURES",
    "Call",
    "Collar",
    "Hedge",
    "Instrument",
    "Market",
    "Move",
    "Option",
    "Put",
    "black_76",
    "cover",
    "covering",
    "held",
    "instruments",
    "marked",
    "moved",
    "payoffs",
    "read_hedges",
]
