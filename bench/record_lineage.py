"""Lineage of large records: origins, recycled shares and footprints of all batches.

The peer is bw2calc, the calculation engine of Brightway, on the same burden matrix. It answers one demand at a time: its
figure is for the footprint of one batch, ours for those of all, with their origins and recycled shares.
"""

from __future__ import annotations

import importlib
import time
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl

from bench.registry import Measurement, alternated, benchmark
from oreloop.record.events import Amount, Origin, Step
from oreloop.record.lineage import Lineage, Tables
from oreloop.record.state import Made, State, Used

STAGES = 12
"""Generations from ore to product, with recycling in between."""
MINES = 24
ELEMENTS = ("Ir", "Pt")
FACTORS = {"Ir": 8860.0, "Pt": 12500.0}
ROUNDS = 3
PEER = "bw2calc on the same matrix, the footprint of one batch"


def trade(batches: int, seed: int = 7) -> Tables:
    """Make the record of a trade in stages: blends of one to three neighbouring batches, split into one or two.

    Two thirds of the steps and of the entering batches state their emissions; each step loses 2 % of its metal.
    """
    rng = np.random.default_rng(seed)
    steps = round(batches / STAGES / 1.5)
    made, used = [], []
    mass = {element: rng.integers(10**6, 10**9, steps) for element in ELEMENTS}
    number, near = 0, steps // MINES // 2
    for stage in range(STAGES):
        event = np.repeat(np.arange(steps), rng.integers(1, 3, steps))
        outputs = np.bincount(event)[event]
        stated = rng.random(steps) < 2 / 3
        now = pl.DataFrame({
            "batch": number + np.arange(event.size), "event": stage * steps + event, "mine": event * MINES // steps,
            "recycled_share": rng.integers(0, 5, steps)[event] / 10,
            "emissions_g": np.where(stated, rng.integers(0, 10**6, steps), np.nan)[event],
        } | {element: mass[element][event] // outputs + 1 for element in ELEMENTS})  # fmt: skip
        made.append(now)
        number += event.size
        into = np.repeat(np.arange(steps), rng.choice(3, steps, p=[0.6, 0.3, 0.1]) + 1)
        of = np.clip(into * event.size // steps + rng.integers(-near, near + 1, into.size), 0, event.size - 1)
        share = 1 / np.bincount(of)[of]
        part = now[of].select(pl.col(*ELEMENTS) * share).cast(pl.Int64)
        used.append(pl.DataFrame({"event": (stage + 1) * steps + into, "batch": now["batch"].gather(of), "share": share,
                                  "carried_g": rng.integers(0, 99, of.size)}).hstack(part))  # fmt: skip
        mass = {element: np.bincount(into, part[element]).astype(np.int64) * 98 // 100 for element in ELEMENTS}
    names = [pl.format("{}-{}", pl.lit(name), name).alias(name) for name in ("batch", "event")]
    batches_made, parts = pl.concat(made).with_columns(names), pl.concat(used[:-1]).with_columns(names)

    def listed(frame: pl.DataFrame, *index: str) -> pl.DataFrame:
        return frame.unpivot(ELEMENTS, index=index, variable_name="element", value_name="mass_mg")

    return Tables(
        batches=batches_made.select(
            "batch", "event", "recycled_share",
            pl.sum_horizontal(ELEMENTS).alias("gross_mg"),
            pl.format("C{}", pl.col("mine") // 3).alias("country"),
            pl.format("mine-{}", "mine").alias("site"),
            pl.col("emissions_g").fill_nan(None),
        ),
        contained=listed(batches_made, "batch"),
        used=parts.select("event", "batch", "share", "carried_g"),
        taken=listed(parts, "event", "batch"),
    )  # fmt: skip


def lineage_of(tables: Tables) -> Lineage:
    """Give the lineage of tables."""
    return Lineage.of_tables(batches=tables.batches, contained=tables.contained, used=tables.used, taken=tables.taken)


def state_of(tables: Tables) -> State:
    """Give the state that a fold would have made of the same record."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    contained: dict[str, dict[str, int]] = {}
    for batch, element, mass in tables.contained.rows():
        contained.setdefault(batch, {})[element] = mass
    taken: dict[tuple[str, str], dict[str, int]] = {}
    for event, batch, element, mass in tables.taken.rows():
        parts = taken.setdefault((event, batch), {})
        parts[element] = parts.get(element, 0) + mass
    used: dict[str, tuple[Used, ...]] = {}
    for event, batch, share, carried in tables.used.rows():
        part = Used(batch=batch, share=share, contained=taken.pop((event, batch), {}), carried_g=carried)
        used[event] = (*used.get(event, ()), part)
    steps: dict[str, Step] = {}
    for (event,), rows in tables.batches.group_by("event", maintain_order=True):
        first = rows.row(0, named=True)
        steps[str(event)] = Step(
            kind="transformation" if event in used else "commissioning",
            site="works",
            to_site="works",
            made=tuple(Amount(batch=batch, gross_mg=gross) for batch, gross in rows.select("batch", "gross_mg").rows()),
            origin=Origin(country=first["country"], site=first["site"]),
            recycled_share=first["recycled_share"],
            emissions_g=first["emissions_g"],
        )
    made = tuple(
        Made(
            batch=batch, material="metal", event=event, created_at=at, site="works", holder="mill", gross_mg=gross,
            contained=contained[batch], used=used.get(event, ()), step=steps[event],
        )
        for batch, event, gross in tables.batches.select("batch", "event", "gross_mg").rows()
    )  # fmt: skip
    return State(
        at=at, events=(), corrected=(), problems=(), holdings=(), made=made, balance_rows=(), flows=(), delivered=(),
        totals_rows=(),
    )  # fmt: skip


def answers(lineage: Lineage) -> None:
    """Ask for origins, recycled shares and footprints of all batches."""
    lineage.origins()
    lineage.recycled_share()
    lineage.footprint(FACTORS)


def _peer(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as absent:
        raise SystemExit(f"{module} is not installed here: pip install -r requirements-bench.lock") from absent


def package_of(lineage: Lineage) -> Any:
    """Write the burden matrix as a data package of Brightway."""
    bw_processing = _peer("bw_processing")
    matrix, own = lineage.burden_matrix().tocoo(), lineage.own_g(FACTORS)
    rows = np.arange(own.size)
    package = bw_processing.create_datapackage()

    def add(name: str, at: tuple[Any, Any], values: Any, flip: Any = None) -> None:
        indices = np.empty(len(values), dtype=bw_processing.INDICES_DTYPE)
        indices["row"], indices["col"] = at
        package.add_persistent_vector(matrix=name, name=name, indices_array=indices, data_array=values, flip_array=flip)

    add(
        "technosphere_matrix",
        (np.concatenate([rows, matrix.col]), np.concatenate([rows, matrix.row])),
        np.concatenate([np.ones(own.size), matrix.data]),
        np.concatenate([np.zeros(own.size, bool), np.ones(matrix.nnz, bool)]),
    )
    add("biosphere_matrix", (np.full(own.size, own.size), rows), own)
    add("characterization_matrix", (np.array([own.size]), np.array([0])), np.ones(1))
    return package


def peer_footprint(package: Any, row: int) -> float:
    """Ask bw2calc for the footprint of one batch, g CO2e."""
    answer = _peer("bw2calc").LCA(demand={row: 1}, data_objs=[package])
    answer.lci()
    answer.lcia()
    return float(answer.score)


def _beside_the_peer(make: Any, batches: int) -> Measurement:
    tables = trade(batches)
    given = make(tables)
    lineage = lineage_of(tables)
    package, last = package_of(lineage), len(lineage.batches) - 1

    def ours() -> float:
        started = time.perf_counter()
        answers(Lineage.of(given) if isinstance(given, State) else lineage_of(given))
        return time.perf_counter() - started

    def peer() -> float:
        started = time.perf_counter()
        peer_footprint(package, last)
        return time.perf_counter() - started

    return alternated(ours, peer, unit="s", against=PEER, rounds=ROUNDS)


@benchmark
def record_lineage_100k() -> Measurement:
    """Lineage of a state of 100,000 batches: origins, recycled shares and footprints of all."""
    return _beside_the_peer(state_of, 100_000)


@benchmark
def record_lineage_1m() -> Measurement:
    """Lineage of tables of 1,000,000 batches: origins, recycled shares and footprints of all."""
    return _beside_the_peer(lambda tables: tables, 1_000_000)
