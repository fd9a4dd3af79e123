"""Blends in the program: each input between its least and most share of the whole, which the rows of feed tie to the run.

What is drawn for a blend is one row of feed, as is each input of a fixed amount: all of its draws together are so much
for one kg of activity. The rows here keep the proportions::

    least * kg * run  <=  what is drawn of the material  <=  most * kg * run
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from oreloop.plan.blocks import Block, Builder
from oreloop.plan.model import Floats

if TYPE_CHECKING:
    from oreloop.plan.network import Network

BLENDS = {
    "group": pl.Int64, "process": pl.Utf8, "site": pl.Utf8, "material": pl.Utf8, "least": pl.Float64, "most": pl.Float64,
}  # fmt: skip
"""Columns of ``Network.blends``: ``group`` is the row of the whole blend in ``Network.draw_groups``."""


def keep_shares(lp: Builder, network: Network, blocks: Mapping[str, Block], runs: Floats) -> None:
    """State the shares of every input of every blend; a share that says nothing (0 at least, 1 at most) has no row.

    Args:
        lp: where the program is stated.
        network: what is planned.
        blocks: columns by name.
        runs: position of the run of each row of ``draw_groups`` in each period, laid end to end.
    """
    periods = len(network.calendar)
    now = np.arange(periods)
    drawn = {each: at for at, each in enumerate(network.blends.select("process", "material").iter_rows())}
    part_of = [
        drawn.get(each, -1) for each in network.activities["draw"].index.select("process", "material").iter_rows()
    ]
    part, of_run = np.array(part_of, dtype=np.int64), runs.reshape(-1, periods)
    kg = network.draw_groups["kg"].to_numpy()
    for side, idle, bound in (("least", 0.0, {"lower": 0.0}), ("most", 1.0, {"upper": 0.0})):
        said = network.blends.with_row_index("part").filter(pl.col(side) != idle)
        if said.is_empty():
            continue
        rows = lp.rows(f"blend_{side}", (said.height, periods), **bound)
        group, share = said["group"].to_numpy(), said[side].to_numpy()
        lp.add(rows, rows.all, blocks["run"], of_run[group], -(share * kg[group])[:, None])
        for row, each in enumerate(said["part"]):
            own = np.flatnonzero(part == each)
            lp.add(rows, rows.all[row], blocks["draw"], own[:, None] * periods + now, 1.0)
