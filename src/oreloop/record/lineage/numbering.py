"""Batches, events and elements as numbers counted from zero, from a state or from tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count

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
    # A list per column: rows as tuples, or mappings' views kept, by the hundred thousand would wake the collector.
    made = state.made
    rows = {each.batch: row for row, each in enumerate(made)}
    numbers: defaultdict[str, int] = defaultdict(count().__next__)
    # A batch from before what can still be read entered by itself, whatever event first names it.
    step = np.array(
        [numbers[f"{each.event} {each.batch}" if each.unchecked else each.event] for each in made], dtype=np.int64
    )
    firsts = [made[row] for row in np.unique(step, return_index=True)[1].tolist()]
    steps = [each.step for each in firsts]
    origins = [each.origin for each in steps]
    parts = [part for each in firsts for part in each.used]
    into = np.repeat(np.arange(len(firsts)), [len(each.used) for each in firsts])
    parents = np.array([rows.get(part.batch, -1) for part in parts], dtype=np.int64)
    contained, taken = _flat([each.contained for each in made]), _flat([part.contained for part in parts])
    elements = sorted({*contained["element"].unique(), *taken["element"].unique()})
    owners = taken["row"].to_numpy()
    weight, credit = np.full((2, len(made)), np.nan)
    for each in steps:
        for amount in each.made:
            if amount.weight is not None:
                weight[rows[amount.batch]] = float(amount.weight)
            if amount.credit_g is not None:
                credit[rows[amount.batch]] = amount.credit_g
    return Numbered(
        names=pl.Series("batch", list(rows), pl.String),
        elements=tuple(elements),
        batches=pl.DataFrame({
            "step": step,
            "gross_mg": pl.Series([each.gross_mg for each in made], dtype=pl.Int64),
            "weight": weight,
            "credit_g": credit,
        }),
        events=pl.DataFrame({
            "event": [each.event for each in firsts],
            "country": [each.country for each in origins],
            "site": [each.site for each in origins],
            "recycled_share": [float(each.recycled_share) for each in steps],
            "recycled_kind": [each.recycled_kind for each in steps],
            "emissions_g": [each.emissions_g for each in steps],
            "allocation": [each.allocation for each in steps],
        }, schema=_FACTS).with_columns(_or_nan("emissions_g")),
        contained=contained.select(pl.col("row").alias("batch"), _codes(contained["element"], elements), "mass_mg"),
        used=pl.DataFrame({
            "step": into,
            "batch": parents,
            "carried_g": pl.Series([part.carried_g for part in parts], dtype=pl.Int64),
            "share": pl.Series([float(part.share) for part in parts], dtype=pl.Float64),
        }),
        taken=pl.DataFrame({
            "step": into[owners],
            "batch": parents[owners],
            "element": _codes(taken["element"], elements),
            "mass_mg": taken["mass_mg"],
        }),
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
            numbers.append(_codes(frame["element"], elements))
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


def _flat(contents: Sequence[Mapping[str, int]]) -> pl.DataFrame:
    """Give ``row, element, mass_mg``: every entry of every content, with the row of the content."""
    return pl.DataFrame({
        "row": np.repeat(np.arange(len(contents)), [len(each) for each in contents]),
        "element": pl.Series([element for each in contents for element in each], dtype=pl.String),
        "mass_mg": pl.Series([mass for each in contents for mass in each.values()], dtype=pl.Int64),
    })  # fmt: skip


def _codes(symbols: pl.Series, elements: Sequence[str]) -> pl.Series:
    return symbols.cast(pl.Enum(elements)).to_physical().cast(pl.Int64)


def _or_nan(*columns: str) -> pl.Expr:
    return pl.col(columns).fill_null(float("nan"))


def _numbers(frame: pl.DataFrame, column: str, index: pl.DataFrame, table: str) -> pl.Series:
    """Look ids up; -1 for a blank."""
    found = frame.select(column).join(index, left_on=column, right_on="name", how="left", maintain_order="left")
    unknown = found.filter(pl.col("number").is_null() & pl.col(column).is_not_null())
    if unknown.height:
        raise BadInput.of("record.lineage_unknown", table=table, column=column, got=unknown[column][0])
    return found["number"].fill_null(-1).alias(column)
