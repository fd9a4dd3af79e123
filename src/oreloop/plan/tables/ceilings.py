"""Ceilings of a stated period over its buckets taken together, in a plan that has days and weeks before its months.

What an offer allows a month may be ordered on any of its days. What a plant takes a month it takes evenly, but never less
than a batch at a time; then, too, all its days together take no more than their part of the month.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from oreloop.plan.model import Floats, Ints
from oreloop.plan.network import Activity, Cap
from oreloop.plan.tables import lots
from oreloop.plan.tables.buckets import owners

if TYPE_CHECKING:
    from oreloop.plan.tables.assemble import Assembly

_INDEX = dict.fromkeys(("subject", "site", "material", "period"), pl.String)


def rated(capacity: float, lot: float, units: Floats) -> Floats:
    """Share a capacity out by days, never less than a lot, shape of ``units``; the capacity itself for a stated period.

    Args:
        capacity: of a stated period.
        lot: what cannot be divided further, 0 for none; more than the capacity counts as the capacity.
        units: how many stated periods each bucket is.

    >>> rated(30.0, 5.0, np.array([1.0, 0.5, 0.1])).tolist()
    [30.0, 15.0, 5.0]
    """
    return np.maximum(capacity * units, min(lot, capacity))


def together(assembly: Assembly, buy: Activity, run: Activity) -> tuple[Cap, ...]:
    """Give the ceilings on the buckets of a stated period taken together; none where each bucket is a stated period.

    Of offers with ``max_kg``, and of plants where a batch is more than their part of the capacity.
    """
    if not assembly.calendar.horizon.mixed:
        return ()
    groups = _groups(owners(assembly.calendar.horizon))
    return (
        _cap("offer_period", "buy", "offer", buy, list(_offers(assembly, buy, groups))),
        _cap("process_period", "run", "process", run, list(_plants(assembly, run, groups))),
    )


def loosened(assembly: Assembly, buy: Activity) -> Activity:
    """Leave it to the ceiling over a stated period to bound its buckets, so that it is stated, and felt, once."""
    if not assembly.calendar.horizon.mixed:
        return buy
    most = buy.most_kg.copy()
    for entity, _, at, together_kg in _offers(assembly, buy, _groups(owners(assembly.calendar.horizon))):
        most[entity, at] = np.where(most[entity, at] == together_kg, np.inf if together_kg else 0.0, most[entity, at])
    return replace(buy, most_kg=most)


_Row = tuple[int, str, Ints, float]
"""Entity, stated period, its buckets, and the most of them together."""


def _groups(owned: tuple[str, ...]) -> Mapping[str, Ints]:
    """Give the buckets of each stated period that has more than one."""
    found = {name: np.flatnonzero([each == name for each in owned]) for name in dict.fromkeys(owned)}
    return {name: at for name, at in found.items() if len(at) > 1}


def _offers(assembly: Assembly, buy: Activity, groups: Mapping[str, Ints]) -> Iterator[_Row]:
    for entity, offer in enumerate(buy.index["offer"]):
        if assembly.offers[offer].get("max_kg") is not None:
            for name, at in groups.items():
                yield entity, name, at, float(buy.most_kg[entity, at].max())


def _plants(assembly: Assembly, run: Activity, groups: Mapping[str, Ints]) -> Iterator[_Row]:
    units = assembly.calendar.units
    for entity, name in enumerate(run.index["process"]):
        process, dry = assembly.processes[name], assembly.dry_per_kg(name)
        if process.get("capacity_dry_kg") and dry:
            capacity = process["capacity_dry_kg"] / dry
            whole, even = rated(capacity, lots.batch(assembly, process), units), capacity * units
            for period, at in groups.items():
                if (whole[at] > even[at]).any():
                    yield entity, period, at, float((run.most_kg[entity, at] / whole[at] * even[at]).sum())


def _cap(code: str, activity: str, subject: str, of: Activity, rows: list[_Row]) -> Cap:
    index = [
        (of.index[subject][entity], of.index["site"][entity], of.index["material"][entity], name)
        for entity, name, *_ in rows
    ]
    weights = np.zeros((len(rows), of.most_kg.shape[1]))
    for row, (_, _, at, _) in zip(weights, rows, strict=True):
        row[at] = 1.0
    entities = np.array([entity for entity, *_ in rows], dtype=np.int64)
    return Cap(
        code=code,
        index=pl.DataFrame(index, schema=_INDEX, orient="row"),
        by_period=False,
        most=np.array([most for *_, most in rows], dtype=np.float64).reshape(-1, 1) + np.zeros(of.most_kg.shape[1]),
        terms=((activity, np.arange(len(rows)), entities, weights),) if rows else (),
    )
