"""What-if questions that change the matrix: started from the network without edits, beside solves from nothing."""

from __future__ import annotations

import time
from pathlib import Path

from bench.registry import Measurement, alternated, benchmark
from oreloop import case
from oreloop.app.verbs.forecast import forecast
from oreloop.app.verbs.plan import network
from oreloop.plan import Edit, Network, Optimal, Session
from oreloop.plan.formulate import formulate
from oreloop.plan.search import Searched

_CASES = Path(__file__).resolve().parents[1] / "cases"


def _stated(name: str) -> Network:
    folder = _CASES / name
    files = {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    found = case.parse(files)
    return network(found, forecast(found).required)


def _questions(network: Network) -> list[list[Edit]]:
    """Each offer at half as many days again, and with a passport."""
    offers = network.tables["offers"]["offer"].to_list()
    slower = [
        [Edit(table="offers", where={"offer": each}, column="lead_days", how="scale", value=1.5)] for each in offers
    ]
    return slower + [[Edit(table="with_passport", value=each)] for each in offers]


def _whatif(name: str) -> Measurement:
    network = _stated(name)
    asked = [formulate(network.edited(edits)) for edits in _questions(network)]
    session = Session(network)
    session.cost()
    costs: tuple[list[float], list[float]] = ([], [])

    def started() -> float:
        begun = time.process_time()
        told = [session._run(each) for each in asked]
        costs[0][:] = [each.objective for each in told if isinstance(each, Optimal)]
        return time.process_time() - begun

    def alone() -> float:
        begun = time.process_time()
        told = [Searched().solve(each.model) for each in asked]
        costs[1][:] = [each.objective for each in told if isinstance(each, Optimal)]
        return time.process_time() - begun

    found = alternated(started, alone, unit="CPU s", against="the same programmes solved from nothing", rounds=5)
    assert len(costs[0]) == len(costs[1]) == len(asked)
    assert all(abs(one - other) <= 1e-7 * abs(other) for one, other in zip(*costs, strict=True))
    return found


@benchmark
def plan_whatif_iridium() -> Measurement:
    """Questions that change the matrix of the case ``iridium``: search and solve alone."""
    return _whatif("iridium")


@benchmark
def plan_whatif_platinum() -> Measurement:
    """The same of the case ``platinum``."""
    return _whatif("platinum")
