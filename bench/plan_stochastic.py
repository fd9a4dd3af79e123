"""Two-stage network design with ten scenarios, beside the same written out without the strong linking rows.

The instances lie beside the checkout. ``python -m bench.plan_stochastic SIDE NAME`` takes one in a fresh process and prints
CPU seconds, cost and the published cost.
"""

from __future__ import annotations

import json
import sys
import time
from functools import partial
from typing import Any

import numpy as np

from bench.plan_build import folder
from bench.registry import Measurement, alternated, benchmark, fresh
from oreloop.plan import Builder
from oreloop.plan.stochastic import Scenario, TwoStage

NAMES = tuple(f"network-10-10-{density}-0{number}" for density in "LH" for number in range(1, 6))


def instance(name: str, *, strong: bool = True) -> TwoStage:
    """Read an instance: which lanes to build now, what flows on them in each scenario.

    Args:
        name: of the file.
        strong: whether a lane's capacity counts for no more than all that flows in the scenario.
    """
    text = (folder() / "netdes" / f"{name}.dat").read_text().split("+", 1)[1]
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("--")]
    nodes, lane = int(lines[0]), _matrix(lines[3]) > 0
    start, end = np.nonzero(lane)
    build_cost, chances = _matrix(lines[4])[lane], [float(each) for each in lines[6].split(",")]
    scenarios = []
    for number, chance in enumerate(chances):
        cost, most, balance = (_matrix(line) for line in lines[7 + 3 * number : 10 + 3 * number])
        lp = Builder()
        build = lp.columns("build", start.shape, upper=1.0, cost=build_cost, integer=True)
        flow = lp.columns("flow", start.shape, upper=most[lane], cost=cost[lane])
        nets = lp.rows("balance", (nodes,), lower=balance, upper=balance)
        lp.add(nets, start, flow, flow.all, 1.0)
        lp.add(nets, end, flow, flow.all, -1.0)
        link = lp.rows("link", start.shape, upper=0.0)
        lp.add(link, link.all, flow, flow.all, 1.0)
        total = np.abs(balance).sum() / 2 if strong else np.inf
        lp.add(link, link.all, build, build.all, -np.minimum(most[lane], total))
        scenarios.append(Scenario(name=f"{number}", probability=chance, model=lp.build(), first=build.all))
    return TwoStage.of(scenarios)


def _matrix(line: str) -> Any:
    return np.array([[float(each) for each in row.split(",")] for row in line.split(";")])


def published(name: str) -> float:
    """Cost of the best plan known, one decimal."""
    rows = (folder() / "netdes" / "solutions.dat").read_text().splitlines()[1:]
    return float({row.split(",")[0]: row.split(",")[1] for row in rows}[name])


def measured(side: str, name: str) -> dict[str, float]:
    """Take one instance; CPU seconds with stating it and without the imports."""
    import scipy.sparse

    from oreloop.plan.stochastic import Staged, decide

    assert scipy.sparse is not None
    started = time.process_time()
    staged = decide(instance(name, strong=side == "ours"))
    seconds = time.process_time() - started
    assert isinstance(staged, Staged)
    return {"seconds": seconds, "cost": staged.objective, "published": published(name)}


_seconds = partial(fresh, "bench.plan_stochastic", "seconds")


@benchmark
def plan_stochastic() -> Measurement:
    """The slowest of ten two-stage network designs, CPU seconds."""
    return alternated(
        lambda: max(_seconds("ours", name) for name in NAMES), lambda: max(_seconds("weak", name) for name in NAMES),
        unit="CPU s", against="linking rows by capacity alone", rounds=3,
    )  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(measured(sys.argv[1], sys.argv[2])))
