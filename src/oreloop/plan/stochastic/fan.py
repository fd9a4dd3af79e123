"""A plan against several futures of a network: what to order now, whichever of them comes.

Orders and tolls of the first periods, and how much of each option is bought, are decided now and are the same in every
future; shipping, refining, stocks and later orders, those under an option too, each future decides for itself. What a future stops (a supplier, a licence refused) is ordered all the
same; it is not delivered there, and not paid.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from oreloop.base.errors import BadInput, Unavailable
from oreloop.plan import shown
from oreloop.plan.figures import TINY_KG
from oreloop.plan.formulate import PENALTIES, Problem, formulate
from oreloop.plan.highs import HIGHS, Optimal, Solver, Stopped
from oreloop.plan.model import Floats, Ints
from oreloop.plan.network import Edit, Network
from oreloop.plan.search import LONGER, Searched
from oreloop.plan.stochastic.staged import Staged, Worth, decide_by_tree, keep, worth
from oreloop.plan.stochastic.started import Remembered
from oreloop.plan.stochastic.two_stage import Scenario, TwoStage

_ORDERS = {"buy": "offer", "run": "process"}
"""Blocks with what is decided now period by period, and the id of an entity of each."""
_RIGHT = "right"
"""The block of the rights that are bought now, whichever future comes: options, by their offer."""


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
        orders: what to decide now: block (buy, run, or right for an option), entity (offer or process), period, quantity_kg, reference_kg =
            what the plan without futures would order, and change (new, dropped, more, less; null where it is the same).
        futures: name, probability; cost (with penalties), penalty (what nobody pays: shortages, safety not kept) and
            short_kg (in the planned periods) of each; the same with the orders of the plan without futures
            (``reference_``), infinite or null where a future cannot keep its hard limits with them; and foreseen_cost =
            if it were known that this future comes.
        expected: mean cost.
        cvar: mean cost of the dearest part of the futures.
        worth: value of weighing the futures and of knowing the one that comes.
        fan: the program.
        staged: its optimum, with the certificate.
    """

    orders: pl.DataFrame
    futures: pl.DataFrame
    expected: float
    cvar: float
    worth: Worth
    fan: Fan
    staged: Staged

    __repr__ = shown.weighed
    _repr_html_ = shown.weighed_table


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
    return weigh_fan(fanned, solver=solver)


def weigh_fan(fanned: Fan, *, plain: Optimal | None = None, solver: Solver = HIGHS) -> Weighed | Stopped:
    """Find the orders that are best against the futures of a program that is stated already.

    Args:
        fanned: the program.
        plain: the optimum of the network without edits, where it is known.
        solver: of linear programs.

    Raises:
        Unavailable: ``plan.solver_failed`` when the network without edits has no plan.
    """
    two, solver = fanned.two, Remembered(solver)
    single = Searched(solver=solver)
    alone = plain or replace(single, longer=LONGER).solve(fanned.base.model)
    if isinstance(alone, Stopped):
        together = decide_by_tree(two, solver=solver)
        if isinstance(together, Stopped):
            return together
        raise Unavailable.of("plan.solver_failed", said=alone.said)
    kept = keep(two, alone.primal[fanned.now], solver=single)
    staged = decide_by_tree(two, known=kept, solver=solver)
    if isinstance(staged, Stopped):
        return staged
    known = worth(two, staged, reference=kept, solver=single)
    futures = told_of_futures(fanned, staged.points).with_columns(
        pl.Series("reference_cost", kept.costs),
        *(each.alias(f"reference_{each.name}") for each in _priced(fanned, kept.points)),
        pl.Series("foreseen_cost", known.foreseen_costs),
    )
    return Weighed(
        orders=told_of_orders(fanned, staged.first, kept.first),
        futures=futures,
        expected=staged.expected,
        cvar=staged.cvar,
        worth=known,
        fan=fanned,
        staged=staged,
    )


def told_of_orders(fanned: Fan, first: Floats, reference: Floats) -> pl.DataFrame:
    """Tell what to decide now beside another decision, both of shape ``(first,)``: `Weighed.orders`."""
    now, old = (pl.Series(np.where(np.abs(each) <= TINY_KG, 0.0, each)) for each in (first, reference))
    moved = np.abs(now - old) > 10 * TINY_KG
    quantity, plain = pl.col("quantity_kg"), pl.col("reference_kg")
    change = (
        pl.when(~pl.lit(moved))
        .then(None)
        .when(plain == 0)
        .then(pl.lit("new"))
        .when(quantity == 0)
        .then(pl.lit("dropped"))
        .otherwise(pl.when(quantity > plain).then(pl.lit("more")).otherwise(pl.lit("less")))
    )
    return fanned.decisions.with_columns(now.alias("quantity_kg"), old.alias("reference_kg")).with_columns(
        change.cast(pl.String).alias("change")
    )


def told_of_futures(fanned: Fan, points: Sequence[Floats]) -> pl.DataFrame:
    """Tell what each future costs at a point of its own program: name, probability, cost, penalty, short_kg."""
    return pl.DataFrame(
        {
            "name": [each.name for each in fanned.two.scenarios],
            "probability": fanned.two.probabilities,
            "cost": fanned.two.costs(points),
        }
    ).with_columns(_priced(fanned, points))


def _priced(fanned: Fan, points: Sequence[Floats | None]) -> list[pl.Series]:
    """Penalties, and kg short in the planned periods, at a point of each future's program; null where there is none."""
    penalties: list[float | None] = []
    shorts: list[float | None] = []
    for problem, point in zip(fanned.problems, points, strict=True):
        if point is None:
            penalties.append(None)
            shorts.append(None)
            continue
        values = problem.values(point)
        wrong = [name for name in PENALTIES if name in values]
        cost = problem.values(problem.model.cost)
        penalties.append(sum(float((values[name] * cost[name]).sum()) for name in wrong))
        short = float(values["short"][:, : len(problem.network.planned)].sum())
        shorts.append(short if short > TINY_KG else 0.0)
    return [pl.Series("penalty", penalties, dtype=pl.Float64), pl.Series("short_kg", shorts, dtype=pl.Float64)]


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
    """Orders of every offer, and tolls of every process that is one, in the first periods; and every option."""
    first = problem.network.horizon.names[0]
    rows = [(_RIGHT, offer, first) for offer in problem.network.options.index["offer"].to_list()]
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
    rights, first = problem.model.column_blocks[_RIGHT], problem.network.horizon.names[0]
    places |= {(_RIGHT, offer, first): rights.start + at for at, offer in enumerate(rights.index["offer"])}
    return np.array([places.get(row, -1) for row in decisions.iter_rows()], dtype=np.int64)


def _ceilings(problem: Problem, columns: Ints) -> Floats:
    """Kg that the tables allow of each column, whatever is wanted, shape ``(columns,)``."""
    most = np.full(problem.model.shape[1], np.inf)
    for name in _ORDERS:
        most[problem.model.column_blocks[name].slice] = problem.network.activities[name].most_kg.ravel()
    return most[columns]
