"""Why metal is short where no order could help: a link is missing, or every source is refused or its approval has ended."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import polars as pl

from oreloop.base.errors import Problem
from oreloop.plan import Network, unreachable

SPENT = ("stock", "commitments")
"""Tables of metal that is there once, and of which there was too little."""


def lacking(network: Network, short: pl.DataFrame, at: date) -> Iterator[Problem]:
    """Name the missing link of each site and material that is short and to which nothing but `SPENT` metal leads.

    Args:
        network: what was planned.
        short: ``site``, ``material`` of what is short.
        at: the day of the plan; an approval that ended before counts as refused.
    """
    tables = {name: frame for name, frame in network.tables.items() if name not in SPENT}
    approvals = tables.get("approvals", pl.DataFrame())
    if {"expires", "approval"} <= set(approvals.columns):
        ended = pl.col("expires").cast(pl.Date) < at
        kept = pl.when(ended).then(pl.lit("refused")).otherwise(pl.col("approval").cast(pl.String))
        tables["approvals"] = approvals.with_columns(approval=kept)
    tables["demand"] = tables["demand"].join(short, on=["site", "material"], how="semi")
    yield from unreachable(tables)
