"""Which instruments exist for which metal: a small table, each row with its source or ``assumed``."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """One way to cover a position of a metal.

    Args:
        metal: element symbol.
        name: future, option, forward, back_to_back, metal_account, lease or floor_cap.
        venue: exchange, ``bilateral`` or ``contract``.
        lot_kg: kg of one lot; None where any quantity is traded or no figure is known.
        source: publisher, document, year.
        year: of the source; None when it bears none.
        status: ``measured``, ``derived``, ``assumed`` or ``illustrative``.
    """

    metal: str
    name: str
    venue: str
    lot_kg: float | None
    source: str
    year: int | None
    status: str


@cache
def instruments(metal: str) -> tuple[Instrument, ...]:
    """Give the instruments known for a metal; none for a metal that the table does not hold.

    >>> [each.name for each in instruments("Ir")]
    ['back_to_back', 'metal_account', 'lease', 'floor_cap']
    """
    text = files(__package__).joinpath("instruments.csv").read_text("utf-8")
    return tuple(
        Instrument(
            metal=row["metal"],
            name=row["instrument"],
            venue=row["venue"],
            lot_kg=float(row["lot_kg"]) if row["lot_kg"] else None,
            source=row["source"],
            year=int(row["year"]) if row["year"] else None,
            status=row["status"],
        )
        for row in csv.DictReader(text.splitlines())
        if row["metal"] == metal
    )
