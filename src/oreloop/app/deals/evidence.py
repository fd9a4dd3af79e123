"""The evidence on which the contracts of a folder settle: of its case, its tables, or a record."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from io import BytesIO
from pathlib import Path

import polars as pl

from oreloop import record as batches
from oreloop.adapters.folder import read_file, read_folder
from oreloop.app.deals.folder import DealFolder
from oreloop.app.verbs.record import Recorded, read_record, recorded, told
from oreloop.base.errors import BadInput, Place, Problem, problem
from oreloop.deal import Evidence
from oreloop.deal.evidence import ASSAYS, DELIVERIES, FOOTPRINT, RECYCLED
from oreloop.deal.receipts import expect_within_gross

RECORD = "record"
_TYPES = dict.fromkeys(("gross_mg", "dry_mg", "contained_mg", "co2e_g"), pl.Int64) | {"share": pl.Float64}
_TABLES = {"deliveries": DELIVERIES, "footprint": FOOTPRINT, "assays": ASSAYS, "recycled": RECYCLED}


def evidence_of(folder: DealFolder, at: datetime, record: Path | None = None) -> Evidence:
    """Read the evidence of a folder.

    Args:
        folder: where the contracts are.
        at: nothing that the record says of a later time is evidence.
        record: a record or a folder of its documents, instead of what the folder itself holds.

    Returns:
        Of a case, its record; else ``deliveries.csv``, ``footprint.csv``, ``assays.csv`` and ``recycled.csv`` where the
        first of them is there; else what is under ``record/``; else nothing.

    Raises:
        NotFound: ``adapters.no_folder`` when the record that was named is not there.
        BadInput: ``app.deal_table``; ``deal.more_metal_than_mass``; as `Evidence`; all problems of the documents.
        TamperFound: a document of the record was changed, as `oreloop.app.records.unaltered`.
        RuleBroken: all breaches of mass balance and custody.
    """
    if record is None and folder.case is not None:
        return _of_record(recorded(folder.case, at))
    if record is None and (folder.root / "deliveries.csv").is_file():
        return _of_tables(folder.root)
    place = record or folder.root / RECORD
    if (place / "record.toml").is_file():
        from oreloop.app.records.folder import read_record as open_reader

        with open_reader(place) as reader:
            return _of_record(told(reader.state(at)))
    documents = read_folder(place) if record is not None or place.is_dir() else {}
    events = read_record({f"{RECORD}/{path}": data for path, data in documents.items()})
    return _of_record(told(batches.fold(events, at)))


def _of_record(found: Recorded) -> Evidence:
    return Evidence(
        deliveries=found.deliveries, footprint=found.footprint, assays=found.assays, recycled=found.recycled
    )


def _of_tables(root: Path) -> Evidence:
    frames = {name: _table(root / f"{name}.csv", columns) for name, columns in _TABLES.items()}
    try:
        evidence = Evidence(**frames)
        expect_within_gross(evidence.deliveries)
    except BadInput as refused:
        raise BadInput(map(_in_file, refused.problems)) from None
    return evidence


def _in_file(found: Problem) -> Problem:
    """Name a frame by its file."""
    return replace(found, place=replace(found.place, file=f"{found.place.file}.csv")) if found.place else found


def _table(path: Path, columns: tuple[str, ...]) -> pl.DataFrame:
    if not path.is_file():
        return pl.DataFrame(schema={name: _TYPES.get(name, pl.String) for name in columns})
    try:
        read = pl.read_csv(BytesIO(read_file(path)), infer_schema=False)
    except (pl.exceptions.PolarsError, ValueError) as error:
        raise BadInput.of("app.deal_table", Place(file=path.name), reason=error) from None
    typed = read.with_columns(
        pl.col(name).cast(kind, strict=False) for name, kind in _TYPES.items() if name in read.columns
    )
    if problems := [
        problem("app.deal_table", Place(file=path.name, line=line, column=name), reason=got)
        for name in _TYPES.keys() & set(read.columns)
        for line, (got, value) in enumerate(zip(read[name], typed[name], strict=True), start=2)
        if got is not None and value is None
    ]:
        raise BadInput(problems)
    return typed
