"""The same network stated here by hand, as arrays or in a peer's words, has the same optimum.

`World` is a restricted kind of network: offers, lanes, processes with a yield, opening stock, demand, lead times, ceilings,
freight, processing and storage costs. It is stated once as tables for `Network.from_frames`, and once more, from the
definition in `docs/explanation/plan.md` alone, for each peer; no code is shared between the statements.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import product
from math import ceil, inf
from random import Random
from typing import Any

import numpy as np
import polars as pl
import pytest

from oreloop.base.period import Horizon, Period
from oreloop.plan import HIGHS, Builder, Network, Plan, Settings, solve, verify_certificate
from oreloop.plan.tables.ready import nothing_late

SHORT = 500.0
"""Money per kg short in the last period."""
PLANNED = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Sites are numbers; each list holds tuples in the order of its comment."""

    offers: list[tuple[int, str, int, float, float]]  # site, material, days, price, most kg a period
    lanes: list[tuple[int, int, str, int, float, float]]  # from, to, material, days, cost, most kg a period
    processes: list[tuple[int, float, int, float, float]]  # site, yield of ore to metal, days, cost, most kg of ore
    stock: list[tuple[int, str, float]]  # site, material, kg
    storage: dict[tuple[int, str], float]  # money per kg and year
    demand: dict[tuple[int, str], list[float]]  # kg of each planned month


def random_world(seed: int, *, waits: bool = True) -> World:
    """Two mines, two plants, two users, and more ways than needed."""
    rng = Random(seed)

    def days(most: int) -> int:
        return rng.randint(0, most) if waits else 0

    def amount(low: int, high: int) -> float:
        return rng.randint(low * 7, high * 7) / 7

    mines, plants, users = (0, 1), (2, 3), (4, 5)
    lanes = [(a, b, "ore", days(40), amount(1, 9), amount(5, 30)) for a, b in product(mines, plants)]
    lanes += [
        (a, b, "metal", days(20), amount(1, 9), rng.choice([inf, amount(3, 12)])) for a, b in product(plants, users)
    ]
    lanes += [(4, 5, "metal", days(10), 2.0, inf), (5, 4, "metal", days(10), 2.0, inf)]
    return World(
        offers=[(site, "ore", days(35), amount(40, 80), amount(5, 25)) for site in mines]
        + [(rng.choice(users), "metal", days(50), amount(150, 300), amount(2, 9))],
        lanes=rng.sample(lanes, len(lanes) - 2),
        processes=[(site, rng.randint(50, 100) / 100, days(45), amount(5, 30), amount(8, 25)) for site in plants],
        stock=[(rng.choice(plants), "ore", amount(0, 20)), (rng.choice(users), "metal", amount(0, 10))],
        storage={(site, "metal"): amount(0, 60) for site in users} | {(2, "ore"): 12.0},
        demand={(site, "metal"): [amount(0, 12) for _ in range(PLANNED)] for site in users},
    )


# As tables.


def as_network(world: World) -> Network:
    horizon = Horizon.of(Period.parse("2026-01"), PLANNED)
    tables = {
        "sites": pl.DataFrame({"site": [f"s{number}" for number in range(6)]}),
        "materials": pl.DataFrame({"material": ["ore", "metal"], "element": ["Ir", "Ir"], "content": [1.0, 1.0]}),
        "offers": pl.DataFrame(
            [(f"o{at}", f"s{site}", material, float(days), most) for at, (site, material, days, _, most) in each(world.offers)],
            schema=["offer", "site", "material", "lead_days", "max_kg"], orient="row",
        ),
        "lanes": pl.DataFrame(
            [
                (f"l{at}", f"s{start}", f"s{end}", material, float(days), cost, None if most == inf else most)
                for at, (start, end, material, days, cost, most) in each(world.lanes)
            ],
            schema=["lane", "from_site", "to_site", "material", "lead_days", "cost_per_gross_kg", "capacity_gross_kg"],
            orient="row",
        ),
        "processes": pl.DataFrame(
            [(f"p{at}", f"s{site}", float(days), cost, most) for at, (site, _, days, cost, most) in each(world.processes)],
            schema=["process", "site", "outturn_days", "cost", "capacity_dry_kg"], orient="row",
        ),
        "recipes": pl.DataFrame(
            [row for at, (_, share, *_) in each(world.processes)
             for row in ((f"p{at}", "ore", "in", True, None), (f"p{at}", "metal", "out", False, share))],
            schema=["process", "material", "direction", "main", "direct_yield"], orient="row",
        ),
        "stock": pl.DataFrame(
            [(f"s{site}", material, kg) for site, material, kg in world.stock],
            schema=["site", "material", "quantity_kg"], orient="row",
        ),
        "stock_rules": pl.DataFrame(
            [(f"s{site}", material, cost) for (site, material), cost in world.storage.items()],
            schema=["site", "material", "storage_cost"], orient="row",
        ),
    }  # fmt: skip
    wanted = [
        (f"s{site}", material, name, kg)
        for (site, material), amounts in world.demand.items()
        for name, kg in zip(horizon.names, amounts, strict=True)
    ]
    return Network.from_frames(
        tables,
        horizon=horizon,
        demand=pl.DataFrame(wanted, schema=["site", "material", "period", "quantity_kg"], orient="row"),
        offer_prices=pl.DataFrame(
            [(f"o{at}", "2026-01", price) for at, (_, _, _, price, _) in each(world.offers)],
            schema=["offer", "period", "price_per_kg"], orient="row",
        ),
        metal_prices=pl.DataFrame({"material": ["Ir"], "period": ["2026-01"], "price_per_kg": [100.0]}),
        settings=Settings(funding_rate_per_year=0.0, accept_days=0.0, shortage_cost_per_kg=SHORT, keep_cover=False),
    )  # fmt: skip


def each(rows: list[Any]) -> Iterator[tuple[int, Any]]:
    return iter(enumerate(rows))


# As plain rows and columns, from the definition.


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """Columns with cost and ceiling; rows of ``sum(kg * column) = right side``, or ``<=`` where ``at_most``."""

    cost: list[float]
    most: list[float]
    rows: list[dict[int, float]]
    right: list[float]
    at_most: list[bool]


def months(world: World) -> list[date]:
    """First days of the planned months and of those that the longest wait adds."""
    longest = max(days for _, _, days, *_ in world.offers)
    longest = max(
        [longest, *(days for _, _, _, days, *_ in world.lanes), *(days for _, _, days, *_ in world.processes)]
    )
    firsts = [date(2026, number, 1) for number in range(1, PLANNED + 1)]
    end = following(firsts[-1]) - timedelta(days=1) + timedelta(days=longest)
    while following(firsts[-1]) <= end:
        firsts.append(following(firsts[-1]))
    return firsts


def following(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1)


def stated(world: World) -> Stated:
    firsts = months(world)
    count = len(firsts)
    last = following(firsts[-1])

    def arrives(start: int, days: float) -> int | None:
        day = firsts[start] + timedelta(days=ceil(days))
        return None if day >= last else max(at for at in range(count) if firsts[at] <= day)

    out = Stated(cost=[], most=[], rows=[], right=[], at_most=[])
    balance = {key: len(out.rows) + at for at, key in enumerate(product(range(6), ("ore", "metal"), range(count)))}
    for site, material, period in balance:
        out.rows.append({})
        opening = sum(kg for at, what, kg in world.stock if (at, what) == (site, material))
        out.right.append(opening if period == 0 else 0.0)
        out.at_most.append(False)

    def column(cost: float, most: float, **at: Any) -> int:
        out.cost.append(cost)
        out.most.append(most)
        return len(out.cost) - 1

    def row(terms: dict[int, float], right: float, *, at_most: bool) -> None:
        out.rows.append(terms)
        out.right.append(right)
        out.at_most.append(at_most)

    for (site, material, period), here in balance.items():
        length = ((firsts[period + 1] if period + 1 < count else last) - firsts[period]).days
        kept = column(world.storage.get((site, material), 0.0) * length / 365, inf)
        out.rows[here][kept] = 1.0
        if period + 1 < count:
            out.rows[balance[site, material, period + 1]][kept] = -1.0
    for period in range(count):
        for site, material, days, price, most in world.offers:
            if (there := arrives(period, days)) is not None:
                out.rows[balance[site, material, there]][column(price, most)] = -1.0
        for start, end, material, days, cost, most in world.lanes:
            if (there := arrives(period, days)) is not None:
                sent = column(cost, most)
                out.rows[balance[start, material, period]][sent] = 1.0
                out.rows[balance[end, material, there]][sent] = -1.0
        for site, share, days, cost, most in world.processes:
            run = column(cost, most)
            out.rows[balance[site, "ore", period]][run] = 1.0
            if (there := arrives(period, days)) is not None:
                out.rows[balance[site, "metal", there]][run] = -share
        for (site, material), amounts in world.demand.items():
            kg = amounts[period] if period < PLANNED else sum(amounts) / PLANNED
            served, short = column(0.0, kg), column(SHORT * (1 + 0.5 * (count - 1 - period) / count), kg)
            out.rows[balance[site, material, period]][served] = 1.0
            row({served: 1.0, short: 1.0}, kg, at_most=False)
    return out


def planned(world: World) -> Plan:
    # On which day of a period metal is ready is no part of a world: each peer starts all on the first day.
    plan = solve(replace(as_network(world), ready=nothing_late()))
    assert isinstance(plan, Plan)
    return plan


@pytest.mark.oracle
def test_linprog_finds_the_same_optimum_of_networks_stated_as_arrays(soak_count):
    optimize = pytest.importorskip("scipy.optimize")
    for seed in range(soak_count(25, 1000)):
        world = random_world(seed)
        own = stated(world)
        matrix = np.zeros((len(own.rows), len(own.cost)))
        for at, terms in enumerate(own.rows):
            for column, kg in terms.items():
                matrix[at, column] = kg
        found = optimize.linprog(
            own.cost, A_eq=matrix, b_eq=own.right, bounds=[(0, None if most == inf else most) for most in own.most]
        )
        assert found.status == 0
        plan = planned(world)
        assert plan.objective == pytest.approx(found.fun, rel=1e-7), seed
        assert verify_certificate(plan.certificate(), plan.model).accepted


@pytest.mark.oracle
def test_a_program_of_our_layer_and_scipys_solver_of_whole_numbers_agree(soak_count):
    """Lot sizing: setups that are on or off, stated through `Builder` and again as matrices for ``scipy.optimize.milp``."""
    optimize = pytest.importorskip("scipy.optimize")
    for seed in range(soak_count(10, 300)):
        rng = Random(seed)
        periods = 6
        demand = np.array([float(rng.randint(0, 20)) for _ in range(periods)])
        setup, price, keep, most = rng.randint(20, 90), rng.randint(1, 5), rng.randint(1, 3), 35.0
        lp = Builder()
        order = lp.columns("order", (periods,), upper=1.0, cost=setup, integer=True)
        make = lp.columns("make", (periods,), upper=most, cost=[price + period % 2 for period in range(periods)])
        stock = lp.columns("stock", (periods,), upper=500.0, cost=keep)
        balance = lp.rows("balance", (periods,), lower=demand, upper=demand)
        lp.add(balance, balance.all, make, make.all, 1.0)
        lp.add(balance, balance.all, stock, stock.all, -1.0)
        lp.add(balance, balance.all[1:], stock, stock.all[:-1], 1.0)
        switch = lp.rows("switch", (periods,), upper=0.0)
        lp.add(switch, switch.all, make, make.all, 1.0)
        lp.add(switch, switch.all, order, order.all, -most)
        eye, before = np.eye(periods), np.eye(periods, k=-1)
        none = np.zeros((periods, periods))
        theirs = optimize.milp(
            np.concatenate([np.full(periods, setup), price + np.arange(periods) % 2, np.full(periods, keep)]),
            integrality=np.repeat([1, 0, 0], periods),
            bounds=optimize.Bounds(0, np.repeat([1.0, most, 500.0], periods)),
            constraints=[
                optimize.LinearConstraint(np.hstack([none, eye, before - eye]), demand, demand),
                optimize.LinearConstraint(np.hstack([-most * eye, eye, none]), -np.inf, 0.0),
            ],
            options={"mip_rel_gap": 1e-9},
        )
        ours = HIGHS.solve(lp.build())
        assert ours.objective == pytest.approx(theirs.fun, rel=1e-7), seed


@pytest.mark.filterwarnings("ignore")  # of the peer's own libraries
def test_linopy_finds_the_same_optimum(soak_count):
    linopy = pytest.importorskip("linopy", reason="linopy is a peer of the bench environment; it is not installed here")
    for seed in range(soak_count(5, 50)):
        world = random_world(seed)
        own = stated(world)
        model = linopy.Model()
        columns = [
            model.add_variables(lower=0, upper=most, name=f"x{at}") for at, most in enumerate(own.most)
        ]  # fmt: skip
        for terms, right in zip(own.rows, own.right, strict=True):
            if terms:
                model.add_constraints(sum(kg * columns[column] for column, kg in terms.items()) == right)
        model.add_objective(sum(cost * column for cost, column in zip(own.cost, columns, strict=True) if cost))
        model.solve(solver_name="highs", output_flag=False)
        assert planned(world).objective == pytest.approx(model.objective.value, rel=1e-7), seed


@pytest.mark.filterwarnings("ignore")  # of the peer's own libraries
def test_pypsa_finds_the_same_optimum_of_networks_without_waits(soak_count):
    """Buses are places, generators offers and what is short, links lanes and processes, stores stock. It knows no waits."""
    pypsa = pytest.importorskip("pypsa", reason="PyPSA is a peer of the bench environment; it is not installed here")
    for seed in range(soak_count(2, 20)):
        world = random_world(seed, waits=False)
        grid = pypsa.Network()
        grid.set_snapshots(range(PLANNED))
        days = np.array([31, 28, 31, 30])
        for site, material in product(range(6), ("ore", "metal")):
            bus = f"{site}{material}"
            grid.add("Bus", bus)
            held = sum(kg for at, what, kg in world.stock if (at, what) == (site, material))
            storage = world.storage.get((site, material), 0.0) * days / 365
            grid.add(
                "Store",
                f"held {bus}",
                bus=bus,
                e_nom=1e4,
                e_initial=held,
                e_cyclic=False,
                marginal_cost_storage=storage,
            )
        for at, (site, material, _, price, most) in enumerate(world.offers):
            grid.add("Generator", f"offer {at}", bus=f"{site}{material}", p_nom=most, marginal_cost=price)
        for at, (start, end, material, _, cost, most) in enumerate(world.lanes):
            ends = {"bus0": f"{start}{material}", "bus1": f"{end}{material}"}
            grid.add("Link", f"lane {at}", **ends, p_nom=min(most, 1e4), marginal_cost=cost)
        for at, (site, share, _, cost, most) in enumerate(world.processes):
            ends = {"bus0": f"{site}ore", "bus1": f"{site}metal"}
            grid.add("Link", f"process {at}", **ends, p_nom=most, efficiency=share, marginal_cost=cost)
        short = SHORT * (1 + 0.5 * np.arange(PLANNED - 1, -1, -1) / PLANNED)
        for (site, material), amounts in world.demand.items():
            bus = f"{site}{material}"
            grid.add("Load", f"use {bus}", bus=bus, p_set=amounts)
            grid.add("Generator", f"short {bus}", bus=bus, p_nom=1e3, marginal_cost=short)
        grid.optimize(solver_name="highs", output_flag=False)
        assert planned(world).objective == pytest.approx(grid.objective, rel=1e-7), seed
