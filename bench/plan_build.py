"""Stating a large network through the block layer, until the solver holds it, beside the same by hand.

Each side runs in a fresh process (``python -m bench.plan_build SIDE SIZE``) and prints CPU seconds and megabytes above what
its imports need. The generator of the network lies beside the checkout.
"""

from __future__ import annotations

import importlib.util
import json
import os
import resource
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from bench.registry import Measurement, alternated, benchmark, fresh
from oreloop.plan import Builder, Model

SIZES = {
    "full": {"K": 20, "S": 50, "L": 200, "T": 52, "R": 30},
    "mid": {"K": 10, "S": 50, "L": 200, "T": 26, "R": 20},
    "small": {"K": 6, "S": 20, "L": 60, "T": 12, "R": 8},
}
"""Commodities, sites, lanes, periods and recipes."""


def folder() -> Path:
    """Where the instances are: ``ORELOOP_DISPATCH``, else ``shared/data/dispatch`` beside the checkout."""
    named = os.environ.get("ORELOOP_DISPATCH")
    return Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data" / "dispatch"


def instance(size: str) -> dict[str, Any]:
    """Generate the network of a size: flows, stocks, lead times, yields and by-products."""
    spec = importlib.util.spec_from_file_location("make_instance", folder() / "netlp" / "make_instance.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made: dict[str, Any] = module.make(**SIZES[size])
    return made


def stated(given: dict[str, Any]) -> Model:
    """State the network in blocks: ship, stock, run, buy and short; balances and three kinds of capacity."""
    commodities, sites, lanes, periods = (given[name] for name in "KSLT")
    runs, sources, demands = (given[name] for name in "PBD")
    start, end = given["lanes"].T
    lp = Builder()
    ship = lp.columns("ship", (commodities, lanes, periods), cost=given["ck"][:, :, None])
    stock = lp.columns("stock", (commodities, sites, periods), cost=given["hold"][:, :, None])
    run = lp.columns("run", (runs, periods), cost=given["rcost"][given["pr"]][:, None])
    buy = lp.columns("buy", (sources, periods), upper=given["bcap"], cost=given["bcost"])
    short = lp.columns("short", (demands, periods), cost=given["pen"])
    due = np.zeros((commodities, sites, periods))
    due[:, :, 0] -= given["inv0"]
    np.add.at(due, (given["dk"], given["di"]), given["dem"])
    balance = lp.rows("balance", (commodities, sites, periods), lower=due, upper=due)
    at, moved = balance.all, ship.all
    lp.add(balance, at[:, start, :], ship, moved, -1.0)
    for lead in np.unique(given["lead"]):
        slow = given["lead"] == lead
        lp.add(balance, at[:, end[slow], lead:], ship, moved[:, slow, : periods - lead], 1.0)
    lp.add(balance, at, stock, stock.all, -1.0)
    lp.add(balance, at[:, :, 1:], stock, stock.all[:, :, :-1], 1.0)
    recipe, plant = given["pr"], given["ps"]
    for commodity, kg in (("rin", -1.0), ("rout", given["ry"][recipe, None]), ("rby", given["rb"][recipe, None])):
        lp.add(balance, at[given[commodity][recipe], plant], run, run.all, kg)
    lp.add(balance, at[given["sk"], given["si"]], buy, buy.all, 1.0)
    lp.add(balance, at[given["dk"], given["di"]], short, short.all, 1.0)
    plants = given["pl"]
    lane = lp.rows("lane_capacity", (lanes, periods), upper=given["lcap"][:, None])
    works = lp.rows("plant_capacity", (len(plants), periods), upper=given["pcap"][plants][:, None])
    store = lp.rows("store_capacity", (sites, periods), upper=given["icap"][:, None])
    lp.add(lane, lane.all, ship, moved, 1.0)
    lp.add(works, works.all[plant - plants[0]], run, run.all, 1.0)
    lp.add(store, store.all, stock, stock.all, 1.0)
    return lp.build()


def by_hand(given: dict[str, Any]) -> Model:
    """State the same as one function of index arithmetic, as little as can be done in numpy."""
    from scipy.sparse import csc_array

    commodities, sites, lanes, periods = (given[name] for name in "KSLT")
    runs, sources, demands = (given[name] for name in "PBD")
    start, end = given["lanes"].T
    counts = (commodities * lanes, commodities * sites, runs, sources, demands)
    first = np.cumsum([0, *(count * periods for count in counts)])
    columns_of: tuple[Any, ...] = tuple(
        np.arange(low, high, dtype=np.int32).reshape(-1, periods) for low, high in pairwise(first)
    )
    ship, stock, run, buy, short = columns_of
    ship, stock = ship.reshape(commodities, lanes, periods), stock.reshape(commodities, sites, periods)
    balance = np.arange(stock.size, dtype=np.int32).reshape(stock.shape)
    plants, recipe, plant = given["pl"], given["pr"], given["ps"]
    lane = stock.size + np.arange(lanes * periods, dtype=np.int32).reshape(lanes, periods)
    works = lane[-1, -1] + 1 + np.arange(len(plants) * periods, dtype=np.int32).reshape(-1, periods)
    store = works[-1, -1] + 1 + np.arange(sites * periods, dtype=np.int32).reshape(sites, periods)
    arrives = np.arange(periods) + given["lead"][:, None]
    which, when = np.nonzero(arrives < periods)
    parts = (
        (balance[:, start], ship, -1.0), (balance[:, end[which], arrives[which, when]], ship[:, which, when], 1.0),
        (balance, stock, -1.0), (balance[:, :, 1:], stock[:, :, :-1], 1.0),
        (balance[given["rin"][recipe], plant], run, -1.0),
        (balance[given["rout"][recipe], plant], run, given["ry"][recipe, None]),
        (balance[given["rby"][recipe], plant], run, given["rb"][recipe, None]),
        (balance[given["sk"], given["si"]], buy, 1.0), (balance[given["dk"], given["di"]], short, 1.0),
        (lane, ship, 1.0), (works[plant - plants[0]], run, 1.0), (store, stock, 1.0),
    )  # fmt: skip
    rows, columns, values = zip(*(map(np.ravel, np.broadcast_arrays(*part)) for part in parts), strict=True)
    shape = (store[-1, -1] + 1, first[-1])
    matrix = csc_array((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape=shape)
    matrix.sum_duplicates()
    due = np.zeros(stock.shape)
    due[:, :, 0] -= given["inv0"]
    np.add.at(due, (given["dk"], given["di"]), given["dem"])
    most = np.concatenate([given["lcap"], given["pcap"][plants], given["icap"]]).repeat(periods)
    upper = np.full(first[-1], np.inf)
    upper[first[3] : first[4]] = given["bcap"].ravel()
    cost = np.concatenate([given["ck"].ravel(), given["hold"].ravel(), given["rcost"][recipe]]).repeat(periods)
    return Model(
        cost=np.concatenate([cost, given["bcost"].ravel(), np.full(short.size, given["pen"])]),
        lower=np.zeros(first[-1]),
        upper=upper,
        row_lower=np.concatenate([due.ravel(), np.full(most.size, -np.inf)]),
        row_upper=np.concatenate([due.ravel(), most]),
        indptr=matrix.indptr,
        indices=matrix.indices,
        data=matrix.data,
    )


def measured(side: str, size: str) -> dict[str, float]:
    """State a network and hand it to the solver; CPU seconds, and peak megabytes above the imports and the instance."""
    import scipy.sparse

    from oreloop.plan import HIGHS

    assert scipy.sparse is not None
    given = instance(size)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.process_time()
    HIGHS.warm(stated(given) if side == "ours" else by_hand(given))
    seconds = time.process_time() - started
    return {"seconds": seconds, "megabytes": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024}


def _full(figure: str, side: str) -> float:
    return fresh("bench.plan_build", figure, side, "full")


@benchmark
def plan_build() -> Measurement:
    """A network of 284,544 columns in arrays until the solver holds it, CPU seconds."""
    return alternated(
        lambda: _full("seconds", "ours"), lambda: _full("seconds", "by-hand"), unit="CPU s", against="numpy by hand",
    )  # fmt: skip


@benchmark
def plan_build_memory() -> Measurement:
    """The same in megabytes above the imports."""
    return alternated(
        lambda: _full("megabytes", "ours"), lambda: _full("megabytes", "by-hand"), unit="MB", against="numpy by hand",
        rounds=3,
    )  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(measured(sys.argv[1], sys.argv[2])))
