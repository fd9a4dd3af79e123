"""A plan against several futures of a network: what to order now, whichever of them comes.

Orders and tolls of the first periods are decided now and are the same in every future; shipping, refining, stocks and
later orders each future decides for itself. What a future stops (a supplier, a licence refused) is ordered all the
same; it is not delivered there, and not paid.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from oreloop.base.errors import BadInput, Unavailable
from oreloop.plan.formulate import Problem, formulate
from oreloop.plan.highs import HIGHS, Solver, Stopped
from oreloop.plan.model import Floats, Ints
from oreloop.plan.network import Edit, Network
from oreloop.plan.stochastic.staged import Staged, Worth, decide, worth
from oreloop.plan.stochastic.two_stage import Scenario, TwoStage

_ORDERS = {"buy": "offer", "run": "process"}
"""Blocks with what is decided now, and the id of an entity of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Future:
    """One way things may go: the edits of the network that it means.

    Args:
        name: of the future.
        probability: above zero; those of all futures are scaled to add up to one.
        edits: demand of a path, a supplier's stop, a lane closed, a price; none for the network as it is.
    """

    name: str
    probability: float
    edits: tuple[Edit, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fan:
    """Futures of a network as a two-stage program.

    Args:
        two: the program.
        base: the network without edits.
        problems: of each future.
        decisions: block, entity and period of each first column.
        now: where the first columns are in the program of the network without edits, shape ``(first,)``.
    """

    two: TwoStage
    base: Problem
    problems: tuple[Problem, ...]
    decisions: pl.DataFrame
    now: Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Weighed:
    """A plan against futures.

    Args:
        orders: what to decide now: block (buy or run), entity (offer or process), period, quantity_kg, and
            reference_kg = what the plan without futures would order.
        futures: name, probability, cost, and reference_cost = with the orders of the plan without futures.
        expected: mean cost.
        cvar: mean cost of the dearest part of the futures.
        worth: value of weighing the futures and of knowing the one that comes.
        fan: the program.
        staged: its optimum.
    """

    orders: pl.DataFrame
    futures: pl.DataFrame
    expected: float
    cvar: float
    worth: Worth
    fan: Fan
    staged: Staged


def fan(
    network: Network, futures: Sequence[Future], *, periods: int = 1, level: float = 0.9, weight: float = 0.0
) -> Fan:
    """State a network's futures as a two-stage program.

    Args:
        network: without edits.
        futures: at least one.
        periods: orders and tolls of so many first periods are decided now.
        level: of the CVaR, as for `TwoStage.of`.
        weight: of the CVaR, as for `TwoStage.of`.

    Raises:
        BadInput: ``plan.stage_probability``, ``plan.stage_risk``, ``plan.stage_first`` when an edit takes an offer or
            process away (close it instead: capacity 0), and as `Network.edited`.
    """
    base = formulate(network)
    problems = [formulate(network.edited(each.edits)) if each.edits else base for each in futures]
    decisions = _decisions(base, periods)
    now = _places(base, decisions)
    box = max((each.network.box_kg for each in problems), default=0.0)
    scenarios = []
    for future, problem in zip(futures, problems, strict=True):
        at = _places(problem, decisions)
        if (at < 0).any():
            raise BadInput.of("plan.stage_first", scenario=future.name)
        upper = problem.model.upper
        # What bounds a flow by wants must not do so by those of a future with less of them.
        wide = replace(problem.model, upper=np.where(upper == problem.network.box_kg, box, upper))
        scenarios.append(
            Scenario(
                name=future.name,
                probability=future.probability,
                model=wide,
                first=at,
                loose=_ceilings(problem, at) < _ceilings(base, now),
            )
        )
    two = TwoStage.of(scenarios, level=level, weight=weight)
    return Fan(two=two, base=base, problems=tuple(problems), decisions=decisions, now=now)


def weigh(
    network: Network,
    futures: Sequence[Future],
    *,
    periods: int = 1,
    level: float = 0.9,
    weight: float = 0.0,
    solver: Solver = HIGHS,
) -> Weighed | Stopped:
    """Find the orders of the first periods that are best against all futures; arguments as for `fan`.

    Raises:
        BadInput: as `fan`.
        Unavailable: ``plan.solver_failed`` when the network without edits has no plan.
    """
    fanned = fan(network, futures, periods=periods, level=level, weight=weight)
    staged = decide(fanned.two, solver=solver)
    if isinstance(staged, Stopped):
        return staged
    alone = solver.solve(fanned.base.model)
    if isinstance(alone, Stopped):
        raise Unavailable.of("plan.solver_failed", said=alone.said)
    reference = alone.primal[fanned.now]
    known = worth(fanned.two, staged, reference=reference, solver=solver)
    return Weighed(
        orders=fanned.decisions.with_columns(
            pl.Series("quantity_kg", staged.first, dtype=pl.Float64),
            pl.Series("reference_kg", reference, dtype=pl.Float64),
        ),
        futures=pl.DataFrame(
            {
                "name": [each.name for each in fanned.two.scenarios],
                "probability": fanned.two.probabilities,
                "cost": staged.costs,
                "reference_cost": known.reference_costs,
            }
        ),
        expected=staged.expected,
        cvar=staged.cvar,
        worth=known,
        fan=fanned,
        staged=staged,
    )


def demand_futures(network: Network, paths: Floats, probabilities: Iterable[float]) -> list[Future]:
    """State demand paths as futures.

    Args:
        network: whose planned demand they replace.
        paths: kg, shape ``(paths, demands, periods)`` in the order of ``network.demands``, planned periods.
        probabilities: of each path.
    """
    places = list(network.demands.select("site", "material").iter_rows())
    return [
        Future(
            name=f"path {number}",
            probability=float(chance),
            edits=tuple(
                Edit(
                    table="demand",
                    where={"site": site, "material": material, "period": period},
                    column="quantity_kg",
                    value=float(kg),
                )
                for (site, material), wanted in zip(places, path, strict=True)
                for period, kg in zip(network.planned.names, wanted, strict=True)
            ),
        )
        for number, (path, chance) in enumerate(zip(paths, probabilities, strict=True), start=1)
    ]


def _decisions(problem: Problem, periods: int) -> pl.DataFrame:
    """Orders of every offer, and tolls of every process that is one, in the first periods."""
    rows = []
    for block, name in _ORDERS.items():
        index = problem.network.activities[block].index
        decided = index.filter(pl.col("toll") == "yes") if block == "run" else index
        rows += [
            (block, entity, period)
            for entity in decided[name].to_list()
            for period in problem.network.horizon.names[:periods]
        ]
    return pl.DataFrame(rows, schema={"block": pl.Utf8, "entity": pl.Utf8, "period": pl.Utf8}, orient="row")


def _places(problem: Problem, decisions: pl.DataFrame) -> Ints:
    """Where decisions are among the columns of a program; -1 where it has none."""
    places = {
        (block, *key): start + at
        for block, name in _ORDERS.items()
        for start in [problem.model.column_blocks[block].start]
        for at, key in enumerate(problem.model.column_blocks[block].index.select(name, "period").iter_rows())
    }
    return np.array([places.get(row, -1) for row in decisions.iter_rows()], dtype=np.int64)


def _ceilings(problem: Problem, columns: Ints) -> Floats:
    """Kg that the tables allow of each column, whatever is wanted, shape ``(columns,)``."""
    most = np.full(problem.model.shape[1], np.inf)
    for name in _ORDERS:
        most[problem.model.column_blocks[name].slice] = problem.network.activities[name].most_kg.ravel()
    return most[columns]
