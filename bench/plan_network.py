"""A large network stated as tables, until its program stands, beside the same through the block layer.

The network is that of `bench.plan_build` in the words of the tables: sites, materials, offers, lanes, processes, stock
rules, limits, demand. Two things are counted as tables count them: a lane carries gross kg, a plant's capacity is kg put out.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from bench.plan_build import instance, stated
from bench.registry import PYTHON, Measurement, alternated, benchmark
from oreloop.base.period import Horizon, Period
from oreloop.case import parse
from oreloop.plan import HIGHS, Model, Network, Plan, Settings, solve
from oreloop.plan.formulate import formulate, urgency

_START = Period.parse("2026-W01")
_PENALTY = 500.0


def tables(given: dict[str, Any]) -> dict[str, Any]:
    """Give the arguments of `Network.from_frames` for a generated network."""
    sites, periods, last = given["S"], given["T"], int(given["lead"].max())
    weeks = np.array(Horizon.of(_START, periods).names)
    site = np.array([f"s{number:03}" for number in range(sites)])
    material = np.array([f"m{number:03}" for number in range(given["K"])])
    gross = gross_per_kg(given)
    runs, at = given["pr"], site[given["ps"]]
    process = np.array([f"p{number:04}" for number in range(given["P"])])
    offer = np.array([f"o{number:04}" for number in range(given["B"])])
    most = given["bcap"].max(axis=1)
    plants = given["pl"]
    frames = {
        "sites": pl.DataFrame({"site": site, "kind": ["user"] * sites, "country": ["CHN"] * sites}),
        "materials": pl.DataFrame({"material": material, "element": material, "content": 1.0 / gross}),
        "offers": pl.DataFrame(
            {
                "offer": offer, "site": site[given["si"]], "material": material[given["sk"]],
                "lead_days": np.zeros(len(offer)), "max_kg": most, "co2e_kg_per_kg": np.zeros(len(offer)),
            }
        ),
        "events": pl.DataFrame(
            {
                "event": ["site_stop"] * given["bcap"].size, "target": offer.repeat(periods),
                "from_period": np.tile(weeks, len(offer)), "to_period": np.tile(weeks, len(offer)),
                "size": (1.0 - given["bcap"] / most[:, None]).ravel(),
            }
        ),
        "lanes": pl.DataFrame(
            {
                "lane": [f"l{number:04}" for number in range(given["L"])],
                "from_site": site[given["lanes"][:, 0]], "to_site": site[given["lanes"][:, 1]],
                "lead_days": given["lead"] * 7.0, "cost_per_gross_kg": given["ck"][gross.argmin()],
                "capacity_gross_kg": given["lcap"],
            }
        ),
        "processes": pl.DataFrame({"process": process, "site": at, "cost": given["rcost"][runs]}),
        "recipes": pl.DataFrame(
            {
                "process": np.concatenate([process] * 3),
                "material": material[np.concatenate([given[name][runs] for name in ("rin", "rout", "rby")])],
                "direction": np.array(["in", "out", "out"]).repeat(len(process)),
                "main": np.array([True, False, False]).repeat(len(process)),
                "kg_per_kg": np.concatenate([np.ones(len(process)), given["ry"][runs], given["rb"][runs]]),
            }
        ),
        "stock_rules": pl.DataFrame(
            {
                "site": np.tile(site, len(material)), "material": material.repeat(sites),
                "storage_cost": given["hold"].ravel() * 365.0 / 7.0,
            }
        ),
        "limits": pl.concat(
            [
                pl.DataFrame(
                    {
                        "metric": [metric] * len(value), "scope": np.char.add("site=", where), "period": when,
                        "value": value,
                    }
                )
                for metric, where, when, value in (
                    ("stock", site, np.full(sites, f"{weeks[0]}..{weeks[-1]}"), given["icap"]),
                    ("output", site[plants].repeat(periods), np.tile(weeks, len(plants)),
                     given["pcap"][plants].repeat(periods)),
                )
            ]
        ).with_columns(
            limit=pl.format("{}-{}-{}", "metric", "scope", "period"), sense=pl.lit("<="), kind=pl.lit("hard"),
            unit=pl.lit("kg"),
        ),
    }  # fmt: skip
    return {
        "tables": frames,
        "horizon": Horizon.of(_START, periods - last),
        "demand": pl.DataFrame(
            {
                "site": site[given["di"]].repeat(periods), "material": material[given["dk"]].repeat(periods),
                "period": np.tile(weeks, given["D"]), "quantity_kg": given["dem"].ravel(),
            }
        ),
        "offer_prices": pl.DataFrame(
            {
                "offer": offer.repeat(periods), "period": np.tile(weeks, len(offer)),
                "price_per_kg": np.broadcast_to(given["bcost"], given["bcap"].shape).ravel(),
            }
        ),
        "metal_prices": pl.DataFrame(schema={"material": pl.Utf8, "period": pl.Utf8, "price_per_kg": pl.Float64}),
        "settings": Settings(
            shortage_cost_per_kg=_PENALTY, funding_rate_per_year=0.0, accept_days=0.0, keep_cover=False
        ),
    }  # fmt: skip


def gross_per_kg(given: dict[str, Any]) -> Any:
    """Freight of each commodity relative to the cheapest one: so much gross weight has a kg of it."""
    return given["ck"][:, 0] / given["ck"][:, 0].min()


def beside(given: dict[str, Any]) -> Model:
    """State the same network in blocks: lanes count gross kg, plants what they put out, shortage costs more when early."""
    model = stated(given | {"pen": _PENALTY * urgency(given["T"])})
    lane, works = model.row_blocks["lane_capacity"], model.row_blocks["plant_capacity"]
    ship, run = model.column_blocks["ship"], model.column_blocks["run"]
    gross, put_out = gross_per_kg(given), (given["ry"] + given["rb"])[given["pr"]]
    weight = np.ones(model.shape[1])
    weight[ship.slice] = gross.repeat(given["L"] * given["T"])
    weight[run.slice] = put_out.repeat(given["T"])
    counted = (model.indices >= lane.start) & (model.indices < works.slice.stop)
    model.data[counted] = weight[model.entry_columns[counted]]
    return model


def measured(side: str, size: str) -> dict[str, float]:
    """State a network until its program stands; CPU seconds without the imports and without making the tables."""
    import scipy.sparse

    from oreloop.plan.tables import activities, assemble

    assert all((scipy.sparse, activities, assemble))
    given = instance(size)
    asked = tables(given)
    started = time.process_time()
    model = formulate(Network.from_frames(**asked)).model if side == "ours" else beside(given)
    return {"seconds": time.process_time() - started, "columns": len(model.cost)}


def year(case: str) -> dict[str, float]:
    """Plan a bundled case from its tables, with the forecast made before; CPU seconds of the plan and of its certificate.

    The reference is what the solver alone needs, from nothing, on the program that came out.
    """
    from oreloop.adapters.folder import read_folder
    from oreloop.app.run import case_files
    from oreloop.app.verbs.forecast import forecast
    from oreloop.app.verbs.plan import network

    parsed = parse(case_files(read_folder(Path(__file__).resolve().parents[1] / "cases" / case)))
    required = forecast(parsed).required
    started = time.process_time()
    plan = solve(network(parsed, required))
    assert isinstance(plan, Plan)
    assert plan.certificate()
    seconds = time.process_time() - started
    model = formulate(plan.network).model
    started = time.process_time()
    HIGHS.solve(model.relaxed())
    return {"seconds": seconds, "solver": time.process_time() - started}


def _fresh(*arguments: str) -> dict[str, float]:
    done = subprocess.run(
        [PYTHON, "-m", "bench.plan_network", *arguments],
        check=True, capture_output=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    told: dict[str, float] = json.loads(done.stdout)
    return told


@benchmark
def plan_tables() -> Measurement:
    """A network stated as tables, like 284,544 columns in arrays, until its program stands, CPU seconds."""
    return alternated(
        lambda: _fresh("ours", "full")["seconds"], lambda: _fresh("blocks", "full")["seconds"],
        unit="CPU s", against="the same in blocks",
    )  # fmt: skip


@benchmark
def plan_year() -> Measurement:
    """The slower of the two bundled cases: a year's plan from tables to certificate, CPU seconds."""
    last: list[dict[str, float]] = []

    def ours() -> float:
        last[:] = [_fresh("year", case) for case in ("iridium", "platinum")]
        return max(each["seconds"] for each in last)

    return alternated(ours, lambda: max(each["solver"] for each in last), unit="CPU s", against="the solver alone")


if __name__ == "__main__":
    print(json.dumps(year(sys.argv[2]) if sys.argv[1] == "year" else measured(sys.argv[1], sys.argv[2])))
