"""Batches, events and elements as numbers counted from zero, from a state or from tables."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
import polars as pl

from oreloop.base.errors import BadInput
from oreloop.record.lineage.tables import Tables
from oreloop.record.state import State

_FACTS = {
    "event": pl.String,
    "country": pl.String,
    "site": pl.String,
    "recycled_share": pl.Float64,
    "recycled_kind": pl.String,
    "emissions_g": pl.Float64,
    "allocation": pl.String,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbered:
    """What a lineage is made of, with numbers for ids; -1 is a batch that is no longer on record.

    Args:
        names: ids of the batches in the order in which they came to exist.
        elements: chemical symbols, sorted.
        batches: ``step, gross_mg, weight, credit_g``; NaN where not stated.
        events: ``event, country, site, recycled_share, recycled_kind, emissions_g, allocation``, a row per step.
        contained: ``batch, element, mass_mg``.
        used: ``step, batch, share, carried_g``.
        taken: ``step, batch, element, mass_mg``.
    """

    names: pl.Series
    elements: tuple[str, ...]
    batches: pl.DataFrame
    events: pl.DataFrame
    contained: pl.DataFrame
    used: pl.DataFrame
    taken: pl.DataFrame


def of_state(state: State) -> Numbered:
    """Number a state; a batch that went in and is not among those made is one no longer on record."""
    # One pass touches each object once; flat lists, because tuples by the hundred thousand would wake the collector.
    rows = {each.batch: row for row, each in enumerate(state.made)}
    steps: dict[str, int] = {}
    symbols: defaultdict[str, int] = defaultdict(count().__next__)
    weight, credit = np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    step_of: list[int] = []
    facts: list[Any] = []
    contained: list[int] = []
    used: list[int] = []
    shares: list[float] = []
    taken: list[int] = []
    for row, each in enumerate(state.made):
        # A batch from before what can still be read entered by itself, whatever event first names it.
        key = f"{each.event} {each.batch}" if each.unchecked else each.event
        number = steps.get(key)
        if number is None:
            number, step = len(steps), each.step
            steps[key], origin = number, step.origin
            facts += (
                each.event, origin.country, origin.site, float(step.recycled_share), step.recycled_kind,
                step.emissions_g, step.allocation,
            )  # fmt: skip
            for amount in step.made:
                if amount.weight is not None:
                    weight[rows[amount.batch]] = float(amount.weight)
                if amount.credit_g is not None:
                    credit[rows[amount.batch]] = amount.credit_g
            for part in each.used:
                parent = rows.get(part.batch, -1)
                used += (number, parent, part.carried_g)
                shares.append(float(part.share))
                for element, mass in part.contained.items():
                    taken += (number, parent, symbols[element], mass)
        step_of.append(number)
        for element, mass in each.contained.items():
            contained += (row, symbols[element], mass)
    elements = sorted(symbols)
    place = {symbol: number for number, symbol in enumerate(elements)}
    sorted_number = pl.Series([place[symbol] for symbol in symbols], dtype=pl.Int64)

    def frame(flat: list[int], *names: str) -> pl.DataFrame:
        columns = np.array(flat, dtype=np.int64).reshape(-1, len(names)).T
        return pl.DataFrame({name: np.ascontiguousarray(column) for name, column in zip(names, columns, strict=True)})

    return Numbered(
        names=pl.Series("batch", list(rows), pl.String),
        elements=tuple(elements),
        batches=pl.DataFrame({
            "step": np.array(step_of, dtype=np.int64),
            "gross_mg": pl.Series([each.gross_mg for each in state.made], dtype=pl.Int64),
            "weight": weight,
            "credit_g": credit,
        }),
        events=pl.DataFrame(
            [pl.Series(name, facts[at :: len(_FACTS)], kind) for at, (name, kind) in enumerate(_FACTS.items())]
        ).with_columns(_or_nan("emissions_g")),
        contained=_in_order(frame(contained, "batch", "element", "mass_mg"), sorted_number),
        used=frame(used, "step", "batch", "carried_g").with_columns(pl.Series("share", shares, pl.Float64)),
        taken=_in_order(frame(taken, "step", "batch", "element", "mass_mg"), sorted_number),
    )  # fmt: skip


def of_tables(tables: Tables) -> Numbered:
    """Number tables.

    Raises:
        BadInput: ``record.lineage_columns``, ``record.lineage_value``, ``record.lineage_unknown``,
            ``record.lineage_twice``.
    """
    tables = tables.checked()
    batches = tables.batches
    if batches["batch"].n_unique() < batches.height:
        twice = batches["batch"].filter(batches["batch"].is_duplicated())
        raise BadInput.of("record.lineage_twice", table="batches", got=twice[0])
    events = batches.unique("event", keep="first", maintain_order=True).select(list(_FACTS))
    elements = sorted({*tables.contained["element"].unique(), *tables.taken["element"].unique()})
    known = {"event": index_of(events["event"]), "batch": index_of(batches["batch"])}

    def numbered(table: str) -> pl.DataFrame:
        frame: pl.DataFrame = getattr(tables, table)
        numbers = [_numbers(frame, column, index, table) for column, index in known.items() if column in frame.columns]
        if "element" in frame.columns:
            numbers.append(frame["element"].cast(pl.Enum(elements)).to_physical().cast(pl.Int64))
        return frame.with_columns(numbers).rename({"event": "step"}, strict=False)

    step = _numbers(batches, "event", known["event"], "batches").alias("step")
    return Numbered(
        names=batches["batch"],
        elements=tuple(elements),
        batches=batches.select(step, "gross_mg", _or_nan("weight", "credit_g")),
        events=events.with_columns(_or_nan("emissions_g")),
        contained=numbered("contained"),
        used=numbered("used"),
        taken=numbered("taken"),
    )


def index_of(names: pl.Series) -> pl.DataFrame:
    """Give ``name, number``: each name with its position."""
    return pl.DataFrame({"name": names, "number": np.arange(names.len(), dtype=np.int64)})


def _in_order(rows: pl.DataFrame, numbers: pl.Series) -> pl.DataFrame:
    return rows.with_columns(numbers.gather(rows["element"]).alias("element"))


def _or_nan(*columns: str) -> pl.Expr:
    return pl.col(columns).fill_null(float("nan"))


def _numbers(frame: pl.DataFrame, column: str, index: pl.DataFrame, table: str) -> pl.Series:
    """Look ids up; -1 for a blank."""
    found = frame.select(column).join(index, left_on=column, right_on="name", how="left", maintain_order="left")
    unknown = found.filter(pl.col("number").is_null() & pl.col(column).is_not_null())
    if unknown.height:
        raise BadInput.of("record.lineage_unknown", table=table, column=column, got=unknown[column][0])
    return found["number"].fill_null(-1).alias(column)
