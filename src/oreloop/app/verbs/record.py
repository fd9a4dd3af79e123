"""Record: what the events of a case say at an instant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from oreloop import record
from oreloop.base.errors import BadInput, NotFound, Problem, RuleBroken
from oreloop.case import Case
from oreloop.catalog import carbon_factor
from oreloop.record.tables import is_table, parse_tables


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What happened until ``at``: the frames of `oreloop.record.State` and `oreloop.record.Lineage`; masses in mg.

    Args:
        state: the fold that the frames are made of.
        deliveries: one row per contract, batch and element.
        footprint: ``batch, co2e_g, co2e_g_per_g, primary_data_share``.
    """

    state: record.State
    batches: pl.DataFrame
    steps: pl.DataFrame
    balance: pl.DataFrame
    totals: pl.DataFrame
    assays: pl.DataFrame
    deliveries: pl.DataFrame
    corrections: pl.DataFrame
    origins: pl.DataFrame
    recycled: pl.DataFrame
    footprint: pl.DataFrame


def is_record(path: str) -> bool:
    """Tell whether a document of a case tells what happened: everything under ``record/`` or ``later/record/``."""
    return path.removeprefix("later/").startswith("record/")


def read_record(documents: Mapping[str, bytes]) -> list[record.Event]:
    """Read the events of all documents: EPCIS, then tables, which are read together.

    Raises:
        BadInput: all problems of all documents.
    """
    problems: list[Problem] = []
    events: list[record.Event] = []
    found = {path: data for path, data in documents.items() if is_record(path)}
    for path, data in found.items():
        if not is_table(path):
            try:
                events += record.parse(data, path)
            except BadInput as refused:
                problems += refused.problems
    try:
        events += read_tables(found)
    except BadInput as refused:
        problems += refused.problems
    if problems:
        raise BadInput(problems)
    return events


def read_tables(documents: Mapping[str, bytes]) -> tuple[record.Event, ...]:
    """Derive the events of the tables of a record, in any order of files: a row of one may need a row of another.

    Raises:
        BadInput: all problems of all tables.
    """
    tables = {path: data for path, data in documents.items() if is_record(path) and is_table(path)}
    return parse_tables(tables) if tables else ()


def recorded(case: Case, at: datetime) -> Recorded:
    """Replay the record of a case.

    Raises:
        BadInput: all problems of all documents.
        RuleBroken: all breaches of mass balance and custody, each with both numbers and its events.
    """
    return told(record.fold(read_record(case.documents), at))


def told(state: record.State) -> Recorded:
    """Give the frames of what happened.

    Raises:
        RuleBroken: as `recorded`.
    """
    if state.problems:
        raise RuleBroken(state.problems)
    lineage = record.Lineage.of(state)
    return Recorded(
        state=state,
        batches=state.batches(),
        steps=state.steps(),
        balance=state.balance(),
        totals=state.totals(),
        assays=state.assays(),
        deliveries=state.deliveries(),
        corrections=state.corrections(),
        origins=lineage.origins(),
        recycled=lineage.recycled_share(),
        footprint=lineage.footprint(carbon_factors(lineage.elements)),
    )


def carbon_factors(elements: Iterable[str]) -> dict[str, float]:
    """Give default footprints from the catalog, kg CO2e per kg (= g per g); an element without one is left out."""
    found = {}
    for element in elements:
        try:
            found[element] = carbon_factor(element).value
        except NotFound:
            continue
    return found
