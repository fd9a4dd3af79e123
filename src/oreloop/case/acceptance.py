"""What the table ``approvals`` says of a source: which rows speak of it, and how long its metal is in acceptance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]
"""A row of the table ``approvals``; a column that is absent counts as blank."""


def rows_of_source(
    rows: Sequence[Row], *, offer: str | None = None, process: str | None = None, party: str | None = None
) -> list[int]:
    """Number the rows that speak of a source, the nearest first: those of its offer, then its process, then its party.

    Args:
        rows: those of one site and material.
        offer: the offer behind the source; None or empty where there is none, as for the other two.
        process: the process that makes it.
        party: who sells it, or works it.

    >>> rows_of_source([{"party": "refiner"}, {"party": "other"}, {"offer": "spot"}], offer="spot", party="refiner")
    [2, 0]
    """
    keys = (("offer", offer), ("process", process), ("party", party))
    return [at for name, value in keys if value for at, row in enumerate(rows) if row.get(name) == value]


def days_in_acceptance(row: Row | None, *, usual: float, with_passport: bool) -> float:
    """Give the days from arrival until metal is accepted: as its approval says, fewer with a passport, else the usual ones.

    Args:
        row: the row that decides; None where none speaks of the source.
        usual: days where no row says.
        with_passport: whether its batches bring a passport.

    >>> days_in_acceptance({"accept_days": 14.0, "accept_days_with_passport": 3.0}, usual=20.0, with_passport=True)
    3.0
    """
    if row is None:
        return usual
    names = ("accept_days_with_passport", "accept_days") if with_passport else ("accept_days",)
    return next((float(row[name]) for name in names if row.get(name) is not None), usual)
