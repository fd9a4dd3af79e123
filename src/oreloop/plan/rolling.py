"""A rolling horizon: plan, order for the first periods, see what is wanted, plan again; and what foresight would have saved.

What is done once is a poor test of a plan, for a plan is never carried out to its end: only its first orders are, then
demand turns out otherwise and the next plan begins from there. `roll` does that with demand that is known afterwards.

Time does not move in the program. The periods of the network stay, with the guard beyond their end; what was done in
periods that have passed is fixed by the bounds of its columns, and demand that was seen stands in their rows. So orders
already placed arrive when they do, what they cost is counted, the matrix stays, and each plan starts from the basis of the
one before. Because the end stays too, rolling with perfect foresight costs what the plan made once costs.

Source: Baker & Peterson (1979), An analytic framework for evaluating rolling schedules, Management Science 25, 341-351.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import polars as pl

from oreloop.base.errors import BadInput
from oreloop.plan import shown
from oreloop.plan.answers import Plan, answer, movements
from oreloop.plan.figures import TINY_KG
from oreloop.plan.formulate import Problem, formulate
from oreloop.plan.highs import HIGHS, Optimal, Outcome, Solver, Stopped, Warm
from oreloop.plan.model import Flags, Floats, Model
from oreloop.plan.network import Network
from oreloop.plan.search import Searched
from oreloop.plan.steadiness import nervousness
from oreloop.plan.tables.buckets import by_bucket, by_time

_T, _F = pl.Utf8, pl.Float64
_CYCLES = {
    "cycle": pl.Int64, "first_period": _T, "ordered_kg": _F, "objective": _F, "nervousness": _F, "warm": pl.Boolean,
}  # fmt: skip
_ORDERS = {"offer": _T, "period": _T, "ordered_kg": _F, "foreseen_kg": _F}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rolled:
    """What was done on a rolling horizon.

    Args:
        orders: what was ordered in the periods that passed: offer, period, ordered_kg, and foreseen_kg, what the plan
            that knew all demand would have ordered (contained kg).
        cycles: one row a plan: ``cycle`` (from 1), ``first_period``, ``ordered_kg`` (in the periods that pass before
            the next plan), ``objective`` (cost and penalties of everything done and planned, as then known),
            ``nervousness`` (against the plan before, over all planned periods not yet passed then; null for the
            first), ``warm`` (whether the plan started from the basis of an earlier one).
        plan: the whole horizon after the last period seen: what was done, and what is planned from there.
        cost: cost and penalties of `plan`.
        hindsight: what they would be, had all demand seen been known at the start.
    """

    orders: pl.DataFrame
    cycles: pl.DataFrame
    plan: Plan
    cost: float
    hindsight: float

    __repr__ = shown.rolled

    @property
    def regret(self) -> float:
        """What not knowing cost, in money and penalties; never below 0 but for rounding."""
        return self.cost - self.hindsight


def roll(
    network: Network, *, observed: pl.DataFrame, steps: int, step: int = 1, solver: Solver = HIGHS
) -> Rolled | Stopped:
    """Carry out a network's plans period by period against demand that turns out otherwise.

    Orders are placed before the demand of the periods that pass is seen, and stay. Shipping, refining and serving answer to
    the demand of these periods; that of later ones is expected as in the network, until it is seen.

    Args:
        network: at the start, with the demand that was expected.
        observed: what was wanted: site, material, period, quantity_kg; of every demand in every period that passes.
        steps: how many plans are made and begun.
        step: so many periods pass between two plans; ``steps * step`` of the planned periods pass in all.
        solver: what makes the plans.

    Returns:
        What came of it; what the solver said where hard limits leave no plan.

    Raises:
        BadInput: ``plan.roll_steps``; ``plan.roll_observed`` for demand that the network lacks, or that was not seen.
    """
    network, periods = by_bucket(network), len(network.planned)
    if steps < 1 or step < 1 or steps * step > periods:
        raise BadInput.of("plan.roll_steps", steps=steps, step=step, expected=periods)
    seen = _seen(network, observed, steps * step)
    track = _Track(network, Searched(solver=solver))
    rows: list[dict[str, object]] = []
    last: pl.DataFrame | None = None
    for cycle in range(steps):
        passed = cycle * step
        outcome = track.planned(_known(network, seen, passed), done=passed - step, ordered=passed)
        if isinstance(outcome, Stopped):
            return outcome
        now = movements(track.problem, outcome, until=network.horizon.periods[-1].last)[0]
        ahead = network.planned.names[passed:]
        rows.append(
            {
                "cycle": cycle + 1,
                "first_period": ahead[0],
                "ordered_kg": _ordered(now, ahead[:step]),
                "objective": outcome.objective,
                "nervousness": None if last is None else nervousness(last, now, ahead),
                "warm": track.warm,
            }
        )
        last = now
    passed = steps * step
    outcome = track.planned(_known(network, seen, passed), done=passed - step, ordered=passed)
    if isinstance(outcome, Stopped):
        return outcome
    return _told(track, outcome, passed, pl.DataFrame(rows, schema=_CYCLES))


class _Track:
    """The program of a network while its periods pass."""

    def __init__(self, network: Network, solver: Solver) -> None:
        self._solver = solver
        self._held: tuple[Model, Warm] | None = None
        self._box = network.box_kg
        self._point: Floats | None = None
        self.problem = formulate(network)
        self.warm = False

    def planned(self, network: Network, *, done: int, ordered: int) -> Outcome:
        """Plan with all that was done in the first periods fixed, and orders of a few more; they are as last planned."""
        problem = formulate(network)
        model = self._wide(problem)
        if self._point is not None:
            fixed = _moved(problem, done) | _placed(problem, ordered)
            value = np.maximum(self._point, 0.0)
            model = replace(model, lower=np.where(fixed, value, model.lower), upper=np.where(fixed, value, model.upper))
        self.problem = replace(problem, model=model)
        outcome = self.solved(model)
        if isinstance(outcome, Optimal):
            self._point = outcome.primal
        return outcome

    def solved(self, model: Model) -> Outcome:
        """Solve from an earlier basis while the matrix stays, else from nothing."""
        self.warm = self._held is not None and model.same_matrix(self._held[0])
        if self._held is None or not self.warm:
            self._held = model, self._solver.warm(model)
        return self._held[1].resolve(model, onward=True)

    def _wide(self, problem: Problem) -> Model:
        """What bounds a flow by what is wanted must not do so by the least that was wanted at any time."""
        upper, box = problem.model.upper, problem.network.box_kg
        self._box = max(self._box, box)
        return replace(problem.model, upper=np.where(upper == box, self._box, upper))


def _told(track: _Track, outcome: Optimal, passed: int, cycles: pl.DataFrame) -> Rolled | Stopped:
    network = track.problem.network
    plan = answer(track.problem, outcome)
    foreseen = track.solved(formulate(network).model)
    if isinstance(foreseen, Stopped):
        return foreseen
    index = network.activities["buy"].index["offer"]
    done, known = (track.problem.values(each.primal)["buy"][:, :passed] for each in (outcome, foreseen))
    orders = [
        (offer, network.horizon.names[period], float(done[at, period]), float(known[at, period]))
        for (at, offer), period in product(enumerate(index), range(passed))
        if max(done[at, period], known[at, period]) > TINY_KG
    ]
    return Rolled(
        orders=pl.DataFrame(orders, schema=_ORDERS, orient="row").sort(*by_time(network.horizon), "offer"),
        cycles=cycles,
        plan=plan,
        cost=outcome.objective,
        hindsight=foreseen.objective,
    )


def _seen(network: Network, observed: pl.DataFrame, passed: int) -> Mapping[tuple[str, str, str], float]:
    """Kg wanted by site, material and period, of the periods that pass."""
    names = network.planned.names[:passed]
    wanted = {(*place, name) for place in network.demands.select("site", "material").iter_rows() for name in names}
    by_key = observed.group_by("site", "material", "period").agg(pl.col("quantity_kg").sum())
    given = {
        (site, material, period): float(kg)
        for site, material, period, kg in by_key.select("site", "material", "period", "quantity_kg").iter_rows()
    }
    places = {key[:2] for key in wanted}
    strange = sorted(key for key in given if key[:2] not in places or key[2] not in network.planned.names)
    if strange or wanted - given.keys():
        site, material, period = next(iter(strange), None) or min(wanted - given.keys())
        raise BadInput.of("plan.roll_observed", site=site, material=material, period=period)
    return {key: given[key] for key in wanted}


def _known(network: Network, seen: Mapping[tuple[str, str, str], float], passed: int) -> Network:
    """The network with what was wanted in the periods that passed, instead of what was expected there."""
    names = network.planned.names[:passed]
    if not names:
        return network
    rows = [(*key, kg) for key, kg in sorted(seen.items()) if key[2] in names]
    schema = {"site": _T, "material": _T, "period": _T, "quantity_kg": _F}
    frame = network.tables["demand"]
    kept = frame.filter(~pl.col("period").is_in(list(names)))
    demand = pl.concat([kept, pl.DataFrame(rows, schema=schema, orient="row")], how="diagonal_relaxed")
    return replace(network, tables={**network.tables, "demand": demand}).edited(())


def _moved(problem: Problem, periods: int) -> Flags:
    """Columns of what is done in the first periods, shape ``(columns,)``.

    What follows from it (stock, what is short, how much a process was run by what it drew) stays free: its rows would
    hold nothing but fixed columns, and be missed by a rounding.
    """
    drawn = set(problem.network.draw_groups["process"])
    found = np.zeros(problem.model.shape[1], dtype=np.bool_)
    for name in ("buy", "ship", "draw", "serve", "repay", "run"):
        rows = problem.network.activities[name].index
        own = np.ones(rows.height, dtype=np.bool_)
        if name == "run":
            own = np.array([process not in drawn for process in rows["process"]], dtype=np.bool_)
        found[problem.model.column_blocks[name].slice] = np.outer(own, _first(problem, periods)).ravel()
    return found


def _placed(problem: Problem, periods: int) -> Flags:
    """Columns of orders of the first periods, and of options once one has passed, shape ``(columns,)``."""
    found = np.zeros(problem.model.shape[1], dtype=np.bool_)
    found[problem.model.column_blocks["right"].slice] = periods > 0
    block = problem.model.column_blocks["buy"]
    found[block.slice] = np.tile(_first(problem, periods), block.size // len(problem.network.calendar))
    return found


def _first(problem: Problem, periods: int) -> Flags:
    return np.arange(len(problem.network.calendar)) < periods


def _ordered(orders: pl.DataFrame, names: tuple[str, ...]) -> float:
    return float(orders.filter(pl.col("order_period").is_in(list(names)))["quantity_kg"].sum())
