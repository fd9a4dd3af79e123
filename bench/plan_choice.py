"""Choosing warehouses at scale, beside HiGHS on the same choice with its strong linking rows.

The instances of the OR-Library lie beside the checkout. ``python -m bench.plan_choice SIDE NAME [CAPACITY]`` takes one in a
fresh process and prints CPU seconds, cost, bound and gap.
"""

from __future__ import annotations

import gzip
import json
import sys
import time
from functools import partial
from typing import Any

import numpy as np

from bench.plan_build import folder
from bench.registry import Measurement, alternated, benchmark, fresh
from oreloop.plan.choice import Choice

SMALL = (
    "cap41", "cap61", "cap62", "cap63", "cap64", "cap71", "cap72", "cap73", "cap74", "cap81", "cap82", "cap83", "cap84",
    "cap101", "cap102", "cap103", "cap104", "cap111", "cap112", "cap131", "cap132",
)  # fmt: skip
LARGE = 8000.0
"""Capacity of each warehouse of ``capa`` that leaves most to search."""


def instance(name: str, capacity: float | None = None) -> Choice:
    """Read an instance: a line of costs for each customer, for all of its demand.

    Args:
        name: of the file.
        capacity: kg of every warehouse; that of the file when None.
    """
    path = folder() / "orlib_cap" / f"{name}.txt"
    text = path.read_text() if path.exists() else gzip.decompress(path.with_suffix(".txt.gz").read_bytes()).decode()
    words = text.split()
    facilities, customers = int(words[0]), int(words[1])
    numbers = np.array(words[2:], dtype=np.float64)
    head, body = numbers[: 2 * facilities].reshape(-1, 2), numbers[2 * facilities :].reshape(customers, -1)
    return Choice.of(
        open_cost=head[:, 1],
        capacity=head[:, 0] if capacity is None else capacity,
        demand=body[:, 0],
        unit_cost=(body[:, 1:] / body[:, :1]).T,
    )


def measured(side: str, name: str, capacity: float | None = None) -> dict[str, Any]:
    """Take one instance; CPU seconds without the imports and the reading."""
    import scipy.sparse

    from oreloop.plan import HIGHS, Optimal
    from oreloop.plan.choice import Proved, choose, strong, verify_choice

    assert scipy.sparse is not None
    choice = instance(name, capacity)
    started = time.process_time()
    if side == "ours":
        found = choose(choice)
        seconds = time.process_time() - started
        assert isinstance(found, Proved)
        assert verify_choice(found, choice).accepted
        return {"seconds": seconds, "cost": found.objective, "bound": found.bound, "nodes": found.nodes}
    outcome = HIGHS.solve(strong(choice))
    seconds = time.process_time() - started
    assert isinstance(outcome, Optimal)
    return {"seconds": seconds, "cost": outcome.objective, "bound": outcome.bound}


_seconds = partial(fresh, "bench.plan_choice", "seconds")


@benchmark
def plan_choice_small() -> Measurement:
    """The slowest of the small warehouse instances, with its proof, CPU seconds."""
    return alternated(
        lambda: max(_seconds("ours", name) for name in SMALL), lambda: max(_seconds("solver", name) for name in SMALL),
        unit="CPU s", against="HiGHS with strong linking rows", rounds=3,
    )  # fmt: skip


@benchmark
def plan_choice_large() -> Measurement:
    """1,000 customers and 100 warehouses of 8,000 kg, CPU seconds, beside the most scarce of the small ones by HiGHS."""
    return alternated(
        lambda: _seconds("ours", "capa", f"{LARGE}"), lambda: _seconds("solver", "cap112"),
        unit="CPU s", against="HiGHS on 50 customers and 50 warehouses", rounds=3,
    )  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(measured(sys.argv[1], sys.argv[2], float(sys.argv[3]) if len(sys.argv) > 3 else None)))
