"""Evidence: what the record says about deliveries, assays and footprints, matched to the batches of a contract."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl

from oreloop.base.errors import BadInput, Problem, problem
from oreloop.base.instant import instant
from oreloop.base.quantity import contained_mg
from oreloop.deal.fold import State
from oreloop.deal.terms import Delivered

DELIVERIES = ("contract", "event", "batch", "time", "site", "element", "gross_mg", "contained_mg")
FOOTPRINT = ("batch", "co2e_g")
ASSAYS = ("batch", "analyte", "value", "unit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Frames of the record.

    Args:
        deliveries: one row per receipt, batch and element: contract, event, batch, time (instant, or sealed text),
            site, element, gross_mg, contained_mg, and dry_mg where moisture was measured (else dry = gross).
        footprint: batch, co2e_g (of all the metal delivered under that batch).
        assays: batch, analyte, value, unit; compared with what the laboratory signed.

    Raises:
        BadInput: ``deal.missing_column``.
    """

    deliveries: pl.DataFrame
    footprint: pl.DataFrame
    assays: pl.DataFrame

    def __post_init__(self) -> None:
        tables = (("deliveries", DELIVERIES), ("footprint", FOOTPRINT), ("assays", ASSAYS))
        problems = [
            problem("deal.missing_column", frame=table, got=column)
            for table, columns in tables
            for column in columns
            if column not in getattr(self, table).columns
        ]
        if problems:
            raise BadInput(problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """Metal that came back in a toll or a lease."""

    batch: str
    day: date
    element: str
    mass_mg: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the record says about one contract up to the instant of its state.

    Args:
        delivered: by batch id, with the masses of the record.
        final: the same with contained metal from the laboratory where it measured the content.
        returned: in order of day and batch.
        warnings: what does not fit.
    """

    delivered: Mapping[str, Delivered]
    final: Mapping[str, Delivered]
    returned: tuple[Returned, ...]
    warnings: tuple[Problem, ...]


def match(state: State, evidence: Evidence) -> Facts:
    """Match the record to a contract and its batches."""
    contract = state.contract
    rows = [row for row in _rows(evidence.deliveries, contract.id) if row["time"] <= state.at]
    footprint = dict(evidence.footprint.select("batch", "co2e_g").drop_nulls().iter_rows())
    at_site: dict[str, list[dict[str, Any]]] = {}
    returned: list[Returned] = []
    warnings: list[Problem] = []
    for row in rows:
        if row["site"] == contract.site:
            at_site.setdefault(row["batch"], []).append(row)
        elif row["site"] == contract.return_site:
            mass, day = row["contained_mg"], row["time"].date()
            returned.append(Returned(batch=row["batch"], day=day, element=row["element"], mass_mg=mass))
        else:
            warnings.append(
                problem(
                    "deal.elsewhere", contract=contract.id, batch=row["batch"], got=row["site"], expected=contract.site
                )
            )
    delivered = {
        batch: _delivered(state, batch, lines, footprint.get(batch)) for batch, lines in sorted(at_site.items())
    }
    final = {batch: _with_assay(each) for batch, each in delivered.items()}
    warnings += _differences(state, evidence.assays, footprint)
    return Facts(delivered=delivered, final=final, returned=tuple(returned), warnings=tuple(warnings))


def _rows(deliveries: pl.DataFrame, contract: str) -> list[dict[str, Any]]:
    rows = deliveries.filter(pl.col("contract") == contract).to_dicts()
    for row in rows:
        moment = row["time"]
        row["time"] = moment if isinstance(moment, datetime) else instant(moment)
    return sorted(rows, key=lambda row: (row["time"], row["batch"], row["element"]))


def _delivered(state: State, batch: str, rows: list[dict[str, Any]], co2e_g: int | None) -> Delivered:
    """Add up what came under one batch; it is delivered on the day when the last of it came."""
    receipts = {row["event"]: row for row in rows}.values()
    contained: dict[str, int] = {}
    for row in rows:
        contained[row["element"]] = contained.get(row["element"], 0) + row["contained_mg"]
    known = state.batches.get(batch)
    return Delivered(
        batch=batch,
        day=rows[-1]["time"].date(),
        gross_mg=sum(row["gross_mg"] for row in receipts),
        dry_mg=sum(row["gross_mg"] if row.get("dry_mg") is None else row["dry_mg"] for row in receipts),
        contained_mg=contained,
        co2e_g=co2e_g,
        assay=known.assay if known else None,
    )


def _with_assay(delivered: Delivered) -> Delivered:
    assay = delivered.assay
    if assay is None:
        return delivered
    measured = {element: assay.content(element) for element in delivered.contained_mg}
    contained = {
        element: mass if (content := measured[element]) is None else contained_mg(delivered.dry_mg, content=content)
        for element, mass in delivered.contained_mg.items()
    }
    return Delivered(
        batch=delivered.batch,
        day=delivered.day,
        gross_mg=delivered.gross_mg,
        dry_mg=delivered.dry_mg,
        contained_mg=contained,
        co2e_g=delivered.co2e_g,
        assay=assay,
    )


def _differences(state: State, assays: pl.DataFrame, footprint: Mapping[str, int]) -> Iterable[Problem]:
    """Report where what was signed differs from the record."""
    recorded: dict[tuple[str, str, str], set[str]] = {}
    for row in assays.select(ASSAYS).iter_rows():
        recorded.setdefault(row[:2] + row[3:], set()).add(str(row[2]))
    for batch in state.batches.values():
        for reading in batch.assay.readings if batch.assay else ():
            values = recorded.get((batch.id, reading.analyte, reading.unit))
            if values is not None and reading.value not in values:
                yield problem(
                    "deal.assay_differs",
                    contract=state.contract.id,
                    batch=batch.id,
                    analyte=reading.analyte,
                    got=f"{reading.value} {reading.unit}",
                    expected=", ".join(sorted(values)),
                )
        stated, shown = batch.stated_co2e_g, footprint.get(batch.id)
        if stated is not None and shown is not None and stated != shown:
            yield problem("deal.carbon_differs", contract=state.contract.id, batch=batch.id, got=stated, expected=shown)
