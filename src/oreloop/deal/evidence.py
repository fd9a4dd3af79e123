"""Evidence: what the record says about deliveries, assays and footprints, matched to the batches of a contract."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from fractions import Fraction
from typing import Any

import polars as pl

from oreloop.base.errors import BadInput, Problem, problem
from oreloop.base.instant import instant
from oreloop.base.quantity import contained_mg
from oreloop.deal.exchange.course import Exchanged, exchanged
from oreloop.deal.exchange.duties import silences
from oreloop.deal.exchange.final import reassayed, reweighed
from oreloop.deal.fold import State
from oreloop.deal.receipts import misfits
from oreloop.deal.terms import Delivered

DELIVERIES = ("contract", "event", "batch", "time", "site", "element", "gross_mg", "contained_mg")
FOOTPRINT = ("batch", "co2e_g")
ASSAYS = ("batch", "analyte", "value", "unit")
RECYCLED = ("batch", "element", "share")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Frames of the record.

    Args:
        deliveries: one row per receipt, batch and element: contract, event, batch, time (instant, or sealed text),
            site, element, gross_mg, contained_mg, and dry_mg where moisture was measured (else dry = gross).
        footprint: batch, co2e_g (of all the metal delivered under that batch).
        assays: batch, analyte, value, unit; compared with what the laboratory signed.
        recycled: batch, element, share (0 to 1) of the contained metal that is recycled; read to six decimals.

    Raises:
        BadInput: ``deal.missing_column``; else all problems of all rows, each with its frame and line:
            ``deal.evidence_twice``, ``deal.empty_cell``, ``deal.not_a_weighed_mass``, ``deal.out_of_range`` for a
            share, ``base.not_a_time``.
    """

    deliveries: pl.DataFrame
    footprint: pl.DataFrame
    assays: pl.DataFrame
    recycled: pl.DataFrame | None = None

    def __post_init__(self) -> None:
        tables = [("deliveries", DELIVERIES), ("footprint", FOOTPRINT), ("assays", ASSAYS)]
        if self.recycled is not None:
            tables.append(("recycled", RECYCLED))
        problems = [
            problem("deal.missing_column", frame=table, got=column)
            for table, columns in tables
            for column in columns
            if column not in getattr(self, table).columns
        ]
        needed = {"deliveries": [name for name in DELIVERIES if name != "element"]}  # of a batch none may be stated
        problems = problems or [
            found for table, _ in tables for found in misfits(table, getattr(self, table), needed.get(table, ()))
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
        final: the same with the weights that count, and contained metal from settled shares or from the laboratory where
            it measured the content.
        returned: in order of day and batch.
        warnings: what does not fit.
        exchanges: where weights and assays stand, by batch id; empty without such clauses.
    """

    delivered: Mapping[str, Delivered]
    final: Mapping[str, Delivered]
    returned: tuple[Returned, ...]
    warnings: tuple[Problem, ...]
    exchanges: Mapping[str, Exchanged] = field(default_factory=dict)


def match(state: State, evidence: Evidence) -> Facts:
    """Match the record to a contract and its batches."""
    contract = state.contract
    rows = [row for row in _rows(evidence.deliveries, contract.id) if row["time"] <= state.at]
    footprint = dict(evidence.footprint.select("batch", "co2e_g").drop_nulls().iter_rows())
    recycled = _recycled(evidence.recycled)
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
        batch: _delivered(state, batch, lines, footprint.get(batch), recycled.get(batch, {}))
        for batch, lines in sorted(at_site.items())
    }
    exchanges = _exchanges(state)
    final = {batch: _final(state, each, exchanges.get(batch)) for batch, each in delivered.items()}
    for batch, met in exchanges.items():
        warnings += silences(contract, batch, met)
    warnings += _differences(state, evidence.assays, footprint)
    return Facts(
        delivered=delivered, final=final, returned=tuple(returned), warnings=tuple(warnings), exchanges=exchanges
    )


def _rows(deliveries: pl.DataFrame, contract: str) -> list[dict[str, Any]]:
    rows = deliveries.filter(pl.col("contract") == contract).to_dicts()
    for row in rows:
        moment = row["time"]
        row["time"] = moment if isinstance(moment, datetime) else instant(moment)
        row["element"] = row["element"] or ""
    return sorted(rows, key=lambda row: (row["time"], row["batch"], row["element"]))


def _recycled(shares: pl.DataFrame | None) -> Mapping[str, Mapping[str, Fraction]]:
    """Read recycled shares by batch and element; the record computes them in floats, so six decimals are kept."""
    found: dict[str, dict[str, Fraction]] = {}
    if shares is not None:
        for batch, element, share in shares.select(RECYCLED).drop_nulls().iter_rows():
            found.setdefault(batch, {})[element] = Fraction(round(share * 1_000_000), 1_000_000)
    return found


def _delivered(
    state: State, batch: str, rows: list[dict[str, Any]], co2e_g: int | None, recycled: Mapping[str, Fraction]
) -> Delivered:
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
        recycled_share=recycled,
    )


def _exchanges(state: State) -> Mapping[str, Exchanged]:
    contract, today = state.contract, state.at.date()
    if contract.clauses.weights is None and contract.clauses.exchange is None:
        return {}
    return {
        batch.id: exchanged(contract, batch.course, batch.said["delivered"].date(), today)
        for batch in state.batches.values()
    }


def _final(state: State, delivered: Delivered, met: Exchanged | None) -> Delivered:
    if met is None:
        return _with_assay(delivered)
    return reassayed(state.contract, _with_assay(reweighed(delivered, met)), met)


def _with_assay(delivered: Delivered) -> Delivered:
    assay = delivered.assay
    if assay is None:
        return delivered
    measured = {element: assay.content(element) for element in delivered.contained_mg}
    contained = {
        element: mass if (content := measured[element]) is None else contained_mg(delivered.dry_mg, content=content)
        for element, mass in delivered.contained_mg.items()
    }
    return replace(delivered, contained_mg=contained)


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
