"""Ceilings that a program states twice: as a bound of flows, and again as what one order, campaign or agreement comes to.

A flow that is ordered for a charge is at most its ceiling *times* a whole-number choice: `oreloop.plan.tables.lots` takes
the tightest ceiling for that, so that the charge is felt. One kilogram more of the ceiling is then felt on either side, and
whoever prices or moves it must see both. Where two ceilings are the same number, easing one alone eases nothing: what the
choice comes to is then stated by neither.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from oreloop.plan.formulate import bound_at
from oreloop.plan.model import Floats, Ints, Model
from oreloop.plan.network import Network

_TOTAL = "offer_total"
"""The row block of ceilings on the flows of all periods together."""
_CHOSEN = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Restated:
    """Rows that state a ceiling once more, and move with it by as much as it moves.

    Args:
        columns: by the column whose upper bound is the ceiling.
        rows: by the row whose upper bound is the ceiling.
    """

    columns: Mapping[int, list[int]]
    rows: Mapping[int, list[int]]

    def felt(self, duals: Floats, shape: tuple[int, int]) -> tuple[Floats, Floats]:
        """Give what one more of each ceiling saves by these rows, shapes ``(rows,)`` and ``(columns,)`` of ``shape``."""
        rows, columns = (np.zeros(size) for size in shape)
        for worth, again in ((rows, self.rows), (columns, self.columns)):
            for ceiling, stated in again.items():
                worth[ceiling] = -sum(duals[row] for row in stated)
        return rows, columns


def restated(network: Network, model: Model, primal: Floats) -> Restated:
    """Find the rows that state a ceiling once more in a plan.

    Args:
        network: what is planned.
        model: its program.
        primal: the plan, shape ``(columns,)``; a choice that it does not make leaves no row to move.
    """
    columns: dict[int, list[int]] = {}
    rows: dict[int, list[int]] = {}
    for row, flow, comes_to, most_kg in _choices(network, model, primal):
        total = _total(model, flow)
        whole = np.inf if total is None else model.row_upper[total]
        if comes_to == most_kg < whole:
            columns.setdefault(flow, []).append(row)
        elif total is not None and comes_to == whole < most_kg:
            rows.setdefault(total, []).append(row)
    return Restated(columns=columns, rows=rows)


def _choices(network: Network, model: Model, primal: Floats) -> Iterator[tuple[int, int, float, float]]:
    """Give, for each choice that is made: its row, the flow, what the choice comes to, and the ceiling of the flow."""
    periods, agreed = len(network.calendar), network.take_or_pay
    for each in network.counted:
        at = bound_at(network, each)
        times = primal[model.column_blocks[each.name].slice][at]
        yield from _made(network, model, f"{each.name}_most", each.activity, each.entity, each.most_kg, at, times)
    at = np.flatnonzero(agreed.most_kg)
    times = primal[model.column_blocks["signed"].slice][at // periods]
    yield from _made(network, model, "signed", "buy", agreed.entity, agreed.most_kg, at, times)


def _made(
    network: Network, model: Model, block: str, activity: str, entity: Ints, comes_to: Floats, at: Ints, times: Floats
) -> Iterator[tuple[int, int, float, float]]:
    periods, made = len(network.calendar), times > _CHOSEN
    rows, at = model.row_blocks[block].start + np.flatnonzero(made), at[made]
    flow, period = entity[at // periods], at % periods
    columns = model.column_blocks[activity].start + flow * periods + period
    parts = (rows, columns, comes_to.ravel()[at], network.activities[activity].most_kg[flow, period])
    yield from zip(*(each.tolist() for each in parts), strict=True)


def _total(model: Model, flow: int) -> int | None:
    """The row that limits a flow and those of its other periods together."""
    block = model.row_blocks[_TOTAL]
    found: Ints = model.indices[model.indptr[flow] : model.indptr[flow + 1]].astype(np.int64)
    at = found[(found >= block.start) & (found < block.start + block.size)]
    return int(at[0]) if at.size else None
