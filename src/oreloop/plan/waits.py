"""How long an order or a step can wait for all that the plan does with its metal still to be done in time.

Told backwards, on whole milligrams. At each place and in each period, what leaves soonest takes what comes first; so
metal must come by the day on which the first step that takes it must leave, and that step must leave by the day on which it
is waited for in its turn. All can wait so long together: every step then still finds its metal.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

import numpy as np

from oreloop.plan.flows import WholeFlows
from oreloop.plan.network import Network
from oreloop.plan.tables.ready import NAMES, STEPS, Steps

Part = tuple[int, int, int]
"""A step by number, its period of departure, and 1 for its early part or 0 for the rest."""


def wait_days(network: Network, flows: WholeFlows) -> dict[tuple[str, int, int], int]:
    """Say how many days after its first possible day each order, shipment and run may start.

    Args:
        network: of the plan.
        flows: the plan in milligrams.

    Returns:
        By activity (buy, ship, run), entity and period; what is not done, or brings nothing within the horizon, may start
        on any day of its period and is not in it.
    """
    return _Waits(network, flows).told()


class _Waits:
    """What comes to and leaves each cell (a node and a period) of a plan, in parts with their days."""

    def __init__(self, network: Network, flows: WholeFlows) -> None:
        self._steps = steps = Steps(network.calendar, network.activities, network.postings, network.inflows)
        steps.settle()
        self._flows, self._periods = flows, len(network.calendar)
        self._may: dict[Part, int] = {}
        of, entity, when = network.ready.early
        first = np.array([steps.first[name] for name in NAMES], dtype=np.int64)
        known = zip((first[of] + entity).tolist(), when.tolist(), flows.early_mg.tolist(), strict=True)
        self._early = {(step, period): mg for step, period, mg in known if mg}
        coming: dict[int, list[tuple[int, int, Part | None, int]]] = {}
        self._leaving: dict[int, list[tuple[Part, int]]] = {}
        self._left: dict[Part, list[int]] = {}
        """By part, the cells that it leaves."""
        self._read_coming(coming, network)
        self._read_leaving(network)
        self._brought = {cell: self._in_order(cell, here) for cell, here in coming.items()}

    def _read_coming(self, coming: dict[int, list[tuple[int, int, Part | None, int]]], network: Network) -> None:
        """By cell: day, milligrams, the part that brings it, and the days from its departure."""
        steps, moved = self._steps, self._flows.posted_mg
        for cell, day, mg in zip(steps.inflow_cell, steps.inflow_offset, self._flows.inflow_mg, strict=True):
            coming.setdefault(int(cell), []).append((int(day), int(mg), None, 0))
        for number, name in enumerate(NAMES):
            brings = (steps.of == number).nonzero()[0]
            brings = brings[moved[name][steps.posting[brings], steps.period[brings]] > 0]
            for flow in brings[steps.cell[brings] >= 0].tolist():
                step, period, posting = int(steps.step[flow]), int(steps.period[flow]), int(steps.posting[flow])
                mg, late = int(moved[name][posting, period]), int(steps.latest[step, period])
                base = int(steps.offset[flow]) - late
                part = self._early.get((step, period), 0) if steps.soft[flow] else 0
                early = min(int(part * network.postings[name].kg_per_kg[posting, period] + 1e-9), mg)
                here = coming.setdefault(int(steps.cell[flow]), [])
                here += [(base, early, (step, period, 1), base)] if early else []
                here += [(base + late, mg - early, (step, period, 0), base)] if mg > early else []

    def _read_leaving(self, network: Network) -> None:
        """By cell: the parts that leave, and their milligrams. Parts of draws are those of the run that takes them."""
        steps = self._steps
        for name in STEPS:
            mg = self._flows.mg[name]
            for entity, period in zip(*np.nonzero(mg), strict=True):
                step, when = steps.first[name] + int(entity), int(period)
                total, early = int(mg[entity, period]), self._early.get((step, when), 0)
                # A draw that is there on the first day as a whole has no early part of its own: its run may have one.
                taker = step if name == "ship" else int(steps.run_of_draw[entity])
                if name == "draw" and not steps.latest[step, when] and (taker, when) in self._early:
                    early = total
                here = self._leaving.setdefault(int(steps.node[step]) * self._periods + when, [])
                here += [((taker, when, 1), early)] if early else []
                here += [((taker, when, 0), total - early)] if total > early else []
        for cell, parts in self._leaving.items():
            for leaver, _ in parts:
                self._left.setdefault(leaver, []).append(cell)

    def _in_order(self, cell: int, coming: list[tuple[int, int, Part | None, int]]) -> list[tuple[int, Part, int]]:
        """What comes to a cell by a decision, soonest first: mg that have come before it, part, days from its departure."""
        node, period = divmod(cell, self._periods)
        used, found = int(self._flows.stock_mg[node, period - 1]) if period else 0, []
        for _, mg, part, base in sorted(coming, key=lambda each: each[0]):
            if part is not None:
                found.append((used, part, base))
            used += mg
        return found

    def told(self) -> dict[tuple[str, int, int], int]:
        """Go back from the last period, and through each until nothing changes."""
        by_period: dict[int, set[int]] = {}
        for cell in self._brought:
            by_period.setdefault(cell % self._periods, set()).add(cell)
        for period in sorted(by_period, reverse=True):
            cells = by_period[period]
            while cells:
                sooner = {part for cell in cells for part in self._matched(cell)}
                # Only what leaves in this very period can hurry what has been looked at already.
                cells = {cell for part in sooner for cell in self._left.get(part, ())} & by_period[period]
        found: dict[tuple[str, int, int], int] = {}
        firsts = np.array([self._steps.first[name] for name in NAMES], dtype=np.int64)
        for (step, period, _), days in self._may.items():
            number = int(np.searchsorted(firsts, step, side="right")) - 1
            key = (NAMES[number], step - int(firsts[number]), period)
            found[key] = min(days, found.get(key, days))
        return found

    def _slack(self, part: Part) -> int:
        return int(self._steps.slack[part[0], part[1]])

    def _matched(self, cell: int) -> list[Part]:
        """Give what leaves soonest what comes first; name the parts that bring metal and must now start sooner."""
        may, slack = self._may, self._slack
        leaving = sorted((may[part] if part in may else slack(part), mg) for part, mg in self._leaving.get(cell, ()))
        ends, end, sooner = list(accumulate(mg for _, mg in leaving)), int(self._steps.length[cell % self._periods]), []
        for used, part, base in self._brought[cell]:
            taker = bisect_right(ends, used)
            by = leaving[taker][0] if taker < len(leaving) else end
            before = may.get(part)
            now = min(max(by - base, 0), slack(part) if before is None else before)
            if before is None or now < before:
                may[part] = now
                sooner.append(part)
        return sooner
