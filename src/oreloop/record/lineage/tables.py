"""The four tables that a lineage can be made of, and the check of their columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import polars as pl

from oreloop.base.errors import BadInput

REQUIRED = object()
"""Stands for the default of a column that has none."""

COLUMNS: Mapping[str, Mapping[str, tuple[Any, Any]]] = {
    "batches": {
        "batch": (pl.String, REQUIRED),
        "event": (pl.String, REQUIRED),
        "gross_mg": (pl.Int64, REQUIRED),
        "country": (pl.String, ""),
        "site": (pl.String, ""),
        "recycled_share": (pl.Float64, 0.0),
        "recycled_kind": (pl.String, ""),
        "emissions_g": (pl.Float64, None),
        "allocation": (pl.String, "mass"),
        "weight": (pl.Float64, None),
        "credit_g": (pl.Float64, None),
    },
    "contained": {"batch": (pl.String, REQUIRED), "element": (pl.String, REQUIRED), "mass_mg": (pl.Int64, REQUIRED)},
    "used": {
        "event": (pl.String, REQUIRED),
        "batch": (pl.String, None),
        "share": (pl.Float64, REQUIRED),
        "carried_g": (pl.Int64, 0),
    },
    "taken": {
        "event": (pl.String, REQUIRED),
        "batch": (pl.String, None),
        "element": (pl.String, REQUIRED),
        "mass_mg": (pl.Int64, REQUIRED),
    },
}  # fmt: skip
"""Per table and column: type, and default; a default of None means that the column may have blanks."""

_SHARES = ("share", "recycled_share")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """Batches and what went into them. Columns in brackets may be left out.

    Args:
        batches: a row per batch, in the order in which they came to exist: ``batch, event, gross_mg, [country, site,
            recycled_share, recycled_kind, emissions_g, allocation, weight, credit_g]``. What concerns the whole event
            counts as its first batch states it; emissions and masses as in `oreloop.record.Step` and `Amount`.
        contained: metal in each batch as it came to exist: ``batch, element, mass_mg``.
        used: what went into each event: ``event, batch, share, [carried_g]``, share of the batch as it came to exist.
        taken: the metal that went in with it: ``event, batch, element, mass_mg``.

    In ``used`` and ``taken`` a blank batch is one that is no longer on record: its metal has no known origin.
    """

    batches: pl.DataFrame
    contained: pl.DataFrame
    used: pl.DataFrame
    taken: pl.DataFrame

    def checked(self) -> Tables:
        """Give the tables with all columns in their types, defaults filled in.

        Raises:
            BadInput: ``record.lineage_columns``, ``record.lineage_value``.
        """
        return Tables(**{field.name: _typed(field.name, getattr(self, field.name)) for field in fields(self)})


def _typed(table: str, frame: pl.DataFrame) -> pl.DataFrame:
    missing = [
        name for name, (_, default) in COLUMNS[table].items() if default is REQUIRED and name not in frame.columns
    ]
    if missing:
        raise BadInput.of("record.lineage_columns", table=table, missing=", ".join(missing))
    columns = [
        _column(table, frame[name], kind, default)
        if name in frame.columns
        else pl.repeat(default, frame.height, dtype=kind, eager=True).alias(name)
        for name, (kind, default) in COLUMNS[table].items()
    ]
    return pl.DataFrame(columns)


def _column(table: str, given: pl.Series, kind: Any, default: Any) -> pl.Series:
    typed = given.cast(kind, strict=False)
    wrong = typed.is_null() & given.is_not_null() if default is None else typed.is_null()
    if kind != pl.String:
        wrong |= (typed < 0).fill_null(value=False)
        if typed.dtype == pl.Float64:
            wrong |= (~typed.is_finite()).fill_null(value=False)
        if given.name in _SHARES:
            wrong |= (typed > 1).fill_null(value=False)
    if wrong.any():
        row = wrong.arg_true()[0]
        raise BadInput.of("record.lineage_value", table=table, column=given.name, row=row + 1, got=given[row])
    return typed
