"""On which day of a period metal is ready, and what may therefore still leave in that period.

Every step of a period is posted as if it left on the first usable day. Metal that comes later in the period can only leave
on a later day; and a step may leave so late only as still lets it arrive in the period in which it is posted: that
is its *slack*. Each step has two parts. The *early* part leaves on the first day, with metal that is there on that day.
The rest is counted as leaving on the last day on which metal comes that its slack lets it take: never earlier than in
life, and later by less than a period. With days counted from the first usable one, there is a row for each node, period
and day by which some part must have left::

    what has left by then  <=  stock of the period before + what has come by then

The days by which parts can be served are nested (who can wait longer can take all that others can), so that by Hall's
condition these rows are all that is needed for metal and parts to be matched.

What is not the first to come of a step (residues, by-products with a lag, scrap of production) does not hold the step
back: it is counted from the last day on which the step may leave.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl

from oreloop.plan.model import Flags, Floats, Ints
from oreloop.plan.network import Activity, Postings, Ready
from oreloop.plan.tables.rules import Calendar

STEPS = ("ship", "draw")
"""Activities that take metal onward; what serves a demand or pays a debt may do so on any day of its period."""
NAMES = ("buy", "ship", "draw", "run", "serve", "repay")


def readiness(
    calendar: Calendar,
    activities: Mapping[str, Activity],
    postings: Mapping[str, Postings],
    inflows: pl.DataFrame,
    draw_groups: pl.DataFrame,
) -> tuple[Ready, dict[str, Postings]]:
    """Work out the rows of readiness, and the periods in which what comes late of a step really comes.

    Args:
        calendar: the horizon.
        activities: the six, by name.
        postings: theirs, as if every step left on the first usable day of its period.
        inflows: what comes without a decision, with the day of its period (``offset_days``).
        draw_groups: kg of each input that one kg of a process's activity needs.

    Returns:
        The rows, none where no metal comes too late for any step; and the postings.
    """
    if not _comes_late(calendar, postings, inflows):
        return nothing_late(), dict(postings)
    steps = Steps(calendar, activities, postings, inflows)
    steps.settle()
    return _Rows(steps, draw_groups).ready(), steps.shifted()


def _comes_late(calendar: Calendar, postings: Mapping[str, Postings], inflows: pl.DataFrame) -> bool:
    """Whether anything may come after the first usable day of a period, looking at each number of days once."""
    end = calendar.horizon.periods[-1].last
    days = (
        start + timedelta(days=span)
        for name, posted in postings.items()
        for span in np.unique(posted.days).tolist()
        for start in (calendar.orders if name == "buy" else calendar.starts)
        if start is not None
    )
    return bool((inflows["offset_days"] > 0).any()) or any(
        day > calendar.starts[calendar.index(day)] for day in days if day <= end
    )


def nothing_late() -> Ready:
    """Give no rows: whatever comes is there in time."""
    none = np.zeros(0, dtype=np.int64)
    pair, triple = (none, none), (none, none, none)
    return Ready(
        rows=triple, early=triple, leaves={}, leaves_early=pair, comes={}, comes_early={}, known=pair,
        feeds=pair, feed_draws=pair, feed_early=pair,
    )  # fmt: skip


class Steps:
    """Days of all flows; days of a period count from its first usable one.

    A step is an entity of an activity, numbered through; a flow is a posting that brings metal, in one period of
    departure. Vectors by step have shape ``(steps, periods)``, by flow ``(flows,)``; ``cell`` and ``offset`` go on with what
    comes without a decision.
    """

    def __init__(
        self,
        calendar: Calendar,
        activities: Mapping[str, Activity],
        postings: Mapping[str, Postings],
        inflows: pl.DataFrame,
    ) -> None:
        self.periods = len(calendar)
        self.postings, self.activities = postings, activities
        self._starts = np.array([day.toordinal() for day in calendar.starts], dtype=np.int64)
        orders = [
            start if day is None else day.toordinal() for day, start in zip(calendar.orders, self._starts, strict=True)
        ]
        self._orders = np.array(orders, dtype=np.int64)
        self._firsts = np.array([each.first.toordinal() for each in calendar.horizon.periods], dtype=np.int64)
        self._lasts = np.array([each.last.toordinal() for each in calendar.horizon.periods], dtype=np.int64)
        self.length = np.maximum(self._lasts - self._starts, 0)
        self.width = int(self.length.max()) + 1
        """More than any offset: a day of a cell is ``cell * width + offset``."""
        counts = [activities[name].index.height for name in NAMES]
        self.first = dict(zip(NAMES, np.cumsum([0, *counts[:-1]]).tolist(), strict=True))
        self.count = sum(counts)
        self.node = np.full(self.count, -1, dtype=np.int64)
        self.slack = np.broadcast_to(self.length, (self.count, self.periods)).copy()
        self.inflow_cell = inflows["node"].to_numpy() * self.periods + inflows["period"].to_numpy()
        self.inflow_offset = np.minimum(inflows["offset_days"].to_numpy(), self.length[inflows["period"].to_numpy()])
        self._read()
        self.days = np.ones((self.count, self.periods), dtype=np.int64)
        """Days on which parts of a step may leave, bit by bit: the first one, and those on which it gets metal."""
        self.latest = np.zeros((self.count, self.periods), dtype=np.int64)
        """The last of them."""

    def _read(self) -> None:
        parts: list[tuple[Ints, ...]] = []
        for number, name in enumerate(NAMES):
            posted = self.postings[name]
            out = np.asarray((posted.kg_per_kg < 0).any(axis=1), dtype=np.bool_)
            step = self.first[name] + posted.entity
            self.node[step[out]] = posted.node[out]
            soft = self._first_to_come(name, step, ~out)
            at, period = np.nonzero(~out[:, None] & (posted.arrives < self.periods))
            parts.append((np.full(len(at), number), at, step[at], period, np.asarray(soft[at], dtype=np.int64)))
        self.of, self.posting, self.step, self.period, soft_ = (
            np.concatenate(each) for each in zip(*parts, strict=True)
        )
        self.soft = soft_ > 0
        self._leaves_on = np.where(self.of == 0, self._orders[self.period], self._starts[self.period])
        days, target, arrives = (self._of_posting(each) for each in ("days", "node", "arrives"))
        self._day = self._leaves_on + days
        self._target, self._arrives = target, arrives
        self._base = np.clip(self._day - self._starts[arrives], 0, self.length[arrives])
        left = np.clip(self._lasts[arrives] - self._day, 0, None)[self.soft]
        np.minimum.at(self.slack, (self.step[self.soft], self.period[self.soft]), left)
        runs = self.activities["run"].index["process"].to_list()
        number_of = {name: self.first["run"] + at for at, name in enumerate(runs)}
        drawn_by = [number_of[name] for name in self.activities["draw"].index["process"]]
        self.run_of_draw = np.array(drawn_by, dtype=np.int64)
        draws = self.first["draw"] + np.arange(len(drawn_by))
        self.slack[draws] = self.slack[self.run_of_draw]

    def _first_to_come(self, name: str, step: Ints, brings: Flags) -> Flags:
        """Postings by which a step keeps its period: what it ships, or puts out first."""
        posted = self.postings[name]
        found = brings & np.isin(posted.label, ("ship", "output"))
        soonest = np.full(self.count, np.iinfo(np.int64).max)
        np.minimum.at(soonest, step[found], posted.days[found])
        return np.asarray(found & (posted.days == soonest[step]) & (name in ("ship", "run")))

    def _of_posting(self, what: str) -> Ints:
        found = np.zeros(len(self.of), dtype=np.int64)
        for number, name in enumerate(NAMES):
            mine = self.of == number
            held = getattr(self.postings[name], what)
            found[mine] = held[self.posting[mine], self.period[mine]] if held.ndim > 1 else held[self.posting[mine]]
        return found

    def settle(self) -> None:
        """Find the days on which metal may come and steps may leave: each pass only adds days."""
        leaving = np.flatnonzero(self.node >= 0)
        cells = self.node[leaving, None] * self.periods + np.arange(self.periods)
        draws = self.first["draw"] + np.arange(len(self.run_of_draw))
        target, allowed = self._target * self.periods, _until(self.slack[leaving])
        comes = np.zeros((max(self.node.max(), self._target.max(initial=0)) + 1) * self.periods, dtype=np.int64)
        np.bitwise_or.at(comes, self.inflow_cell, 1 << self.inflow_offset)
        while True:
            self.days[leaving] = 1 | comes[cells] & allowed
            np.bitwise_or.at(self.days, self.run_of_draw, self.days[draws])
            self.latest = _last_day(self.days)
            known = comes.copy()
            moved = self.latest[self.step, self.period]
            arrives, offset = self.arrives(moved)
            inside = arrives < self.periods
            day = np.where(self.soft, self.days[self.step, self.period] << self._base, 1 << offset)
            np.bitwise_or.at(comes, (target + arrives)[inside], day[inside])
            if (comes == known).all():
                break
        self.last_in = _last_day(comes)
        self.cell = np.concatenate([np.where(inside, target + arrives, -1), self.inflow_cell])
        self.offset = np.concatenate([np.where(inside, offset, 0), self.inflow_offset])

    def arrives(self, moved: Ints) -> tuple[Ints, Ints]:
        """Period of arrival, and day of it, when each flow leaves so many days after the first; the soft ones keep theirs."""
        day = self._day + moved
        later = np.searchsorted(self._firsts, day, side="right") - 1
        later = np.where(day > self._lasts[-1], self.periods, np.maximum(later, self._arrives))
        arrives = np.where(self.soft | (moved == 0), self._arrives, later)
        starts = self._starts[np.minimum(arrives, self.periods - 1)]
        return arrives, np.where(arrives < self.periods, np.clip(day - starts, 0, None), 0)

    def shifted(self) -> dict[str, Postings]:
        """Give the postings with the periods in which what comes late of a step really comes."""
        arrives, _ = self.arrives(self.latest[self.step, self.period])
        found = dict(self.postings)
        for number, name in enumerate(NAMES):
            mine = (self.of == number) & (arrives != self._arrives)
            if mine.any():
                changed = found[name].arrives.copy()
                changed[self.posting[mine], self.period[mine]] = arrives[mine]
                found[name] = replace(found[name], arrives=changed)
        return found


class _Rows:
    """The rows and their terms, found backwards from the last departures.

    A cell is a node, or a step, and a period; a mark is ``cell * width + day``.
    """

    def __init__(self, steps: Steps, draw_groups: pl.DataFrame) -> None:
        self._steps, self._groups = steps, draw_groups
        self._width, self._periods = steps.width, steps.periods
        self._flows, given = len(steps.step), np.zeros(len(steps.inflow_cell), dtype=np.int64)
        self._soft = np.concatenate([steps.soft, given > 0])
        self._parted = np.concatenate([steps.soft & ~np.isin(steps.step, self._blending()), given > 0])
        moved = np.concatenate([steps.latest[steps.step, steps.period], given])
        self._soonest = np.where(self._soft, steps.offset - moved, steps.offset)
        self._by_cell = np.argsort(steps.cell, kind="stable")
        onward = np.concatenate([steps.first[name] + np.arange(steps.activities[name].index.height) for name in STEPS])
        self._onward = onward[np.argsort(steps.node[onward], kind="stable")]
        self._by_run = np.argsort(steps.run_of_draw, kind="stable")
        self._marks, self._early = self._found()

    def _blending(self) -> Ints:
        """Runs that blend: what they take on the first day alone may not keep the limits of the blend."""
        blends = self._groups.filter(pl.col("material").is_null())["process"]
        blending = self._steps.activities["run"].index["process"].is_in(blends.implode())
        return np.asarray(self._steps.first["run"] + np.flatnonzero(blending.to_numpy()))

    def _found(self) -> tuple[Ints, Ints]:
        """Marks of the rows, and cells of the steps of which an early part counts."""
        steps, periods = self._steps, self._periods
        cells = steps.node[self._onward, None] * periods + np.arange(periods)
        new = self._binding((cells * self._width + steps.latest[self._onward]).ravel())
        rows, early = new, np.zeros(0, dtype=np.int64)
        while new.size:
            row, flow = self._joined(new)
            partly = flow[self._partly(flow, new[row] % self._width)]
            asked = np.unique(steps.step[partly] * periods + steps.period[partly])
            draws = self._late_draws(asked)[1]
            early = np.unique(np.concatenate([early, asked, draws]))
            step, period = np.divmod(np.concatenate([asked, draws]), periods)
            step, period = (each[steps.node[step] >= 0] for each in (step, period))
            new = np.setdiff1d(self._binding((steps.node[step] * periods + period) * self._width), rows)
            rows = np.union1d(rows, new)
        return rows, early

    def _binding(self, marks: Ints) -> Ints:
        """Those after whose day something still comes: elsewhere the balance of the period says as much."""
        return np.unique(marks[self._steps.last_in[marks // self._width] > marks % self._width])

    def _joined(self, marks: Ints) -> tuple[Ints, Ints]:
        """Pairs of a mark and of a flow that comes to its cell, as positions."""
        pairs = _pairs(self._steps.cell[self._by_cell], marks // self._width)
        return pairs[0], self._by_cell[pairs[1]]

    def _partly(self, flow: Ints, day: Ints) -> Flags:
        """Whether only the early part of a flow has come by a day."""
        return np.asarray(self._parted[flow] & (self._soonest[flow] <= day) & (self._steps.offset[flow] > day))

    def _late_draws(self, early: Ints) -> tuple[Ints, Ints]:
        """Draws of runs that may leave after the first day: position of the run's early part, cell of the draw."""
        run, period = np.divmod(early, self._periods)
        of, at = _pairs(self._steps.run_of_draw[self._by_run], run)
        draw = self._steps.first["draw"] + self._by_run[at]
        late = self._steps.latest[draw, period[of]] > 0
        return of[late], (draw * self._periods + period[of])[late]

    def ready(self) -> Ready:
        """Put the terms together."""
        node, period = np.divmod(self._marks // self._width, self._periods)
        day = self._marks % self._width
        step, when = np.divmod(self._early, self._periods)
        # Activities without entities share their first number with the next one: the last of them has the step.
        firsts = np.array([*self._steps.first.values()])
        named = np.searchsorted(firsts, step, side="right") - 1
        leaves, leaves_early = self._leaving(node, period, day)
        comes, comes_early, known = self._coming(day)
        feeds, feed_draws, feed_early = self._feeding()
        return Ready(
            rows=(node, period, day), early=(named, step - firsts[named], when), leaves=leaves, leaves_early=leaves_early,
            comes=comes, comes_early=comes_early, known=known, feeds=feeds, feed_draws=feed_draws, feed_early=feed_early,
        )  # fmt: skip

    def _leaving(self, node: Ints, period: Ints, day: Ints) -> tuple[dict[str, tuple[Ints, Ints]], tuple[Ints, Ints]]:
        """What must have left by the day of each row: whole steps, and early parts."""
        steps = self._steps
        row, at = _pairs(steps.node[self._onward], node)
        step = self._onward[at]
        whole = steps.latest[step, period[row]] <= day[row]
        leaves = {}
        for name in STEPS:
            number = step - steps.first[name]
            mine = whole & (number >= 0) & (number < steps.activities[name].index.height)
            leaves[name] = (row[mine], number[mine])
        found, has = _places(self._early, step * self._periods + period[row])
        part = ~whole & has
        return leaves, (row[part], found[part])

    def _coming(
        self, day: Ints
    ) -> tuple[dict[str, tuple[Ints, Ints, Ints]], dict[str, tuple[Ints, Ints, Ints, Ints]], tuple[Ints, Ints]]:
        """What has come by the day of each row: whole flows, early parts, and what comes without a decision."""
        steps = self._steps
        row, flow = self._joined(self._marks)
        there, partly, given = steps.offset[flow] <= day[row], self._partly(flow, day[row]), flow >= self._flows
        known = (row[there & given], flow[there & given] - self._flows)
        (row, flow), there, partly = (row[~given], flow[~given]), there[~given], partly[~given]
        posting, period = steps.posting[flow], steps.period[flow]
        part, _ = _places(self._early, steps.step[flow] * self._periods + period)
        comes: dict[str, tuple[Ints, Ints, Ints]] = {}
        early: dict[str, tuple[Ints, Ints, Ints, Ints]] = {}
        for number, name in enumerate(NAMES):
            mine = steps.of[flow] == number
            if (whole := mine & there).any():
                comes[name] = (row[whole], posting[whole], period[whole])
            if (some := mine & partly).any():
                early[name] = (row[some], posting[some], period[some], part[some])
        return comes, early, known

    def _feeding(self) -> tuple[tuple[Ints, Ints], tuple[Ints, Ints], tuple[Ints, Ints]]:
        """The early part of a run needs the early part of each of its inputs: feeds, whole draws, early draws."""
        steps = self._steps
        runs = {name: steps.first["run"] + at for at, name in enumerate(steps.activities["run"].index["process"])}
        run_of_group = np.array([runs[name] for name in self._groups["process"]], dtype=np.int64)
        group_of_draw = steps.activities["draw"].index["group"].to_numpy()
        by_run, by_group = (np.argsort(each, kind="stable") for each in (run_of_group, group_of_draw))
        part, at = _pairs(run_of_group[by_run], self._early // self._periods)
        group, period = by_run[at], self._early[part] % self._periods
        feed, at = _pairs(group_of_draw[by_group], group)
        draw = by_group[at]
        step = steps.first["draw"] + draw
        late = steps.latest[step, period[feed]] > 0
        found, _ = _places(self._early, step * self._periods + period[feed])
        return (part, group), (feed[~late], draw[~late]), (feed[late], found[late])


def _pairs(held: Ints, asked: Ints) -> tuple[Ints, Ints]:
    """Every pair of a value asked for and of its places among sorted values, as positions in both."""
    low, high = (np.searchsorted(held, asked, side=side) for side in ("left", "right"))
    count = high - low
    of = np.repeat(np.arange(len(asked)), count)
    return of, np.arange(len(of)) - np.repeat(np.cumsum(count) - count, count) + low[of]


def _places(held: Ints, asked: Ints) -> tuple[Ints, Flags]:
    """Where values stand among sorted ones, and whether they are there at all."""
    if not held.size:
        return np.zeros(asked.shape, dtype=np.int64), np.zeros(asked.shape, dtype=np.bool_)
    at = np.minimum(np.searchsorted(held, asked), held.size - 1)
    return at, np.asarray(held[at] == asked)


def _until(day: Ints) -> Ints:
    """All days up to one, bit by bit; no period has more days than an int64 has bits."""
    return np.asarray((1 << (day + 1)) - 1)


def _last_day(days: Ints) -> Ints:
    """The last of days given bit by bit, 0 where there is none; exact below 53 days."""
    return np.asarray(np.maximum(np.frexp(days.astype(np.float64))[1].astype(np.int64) - 1, 0))


def known_kg(ready: Ready, quantity_kg: Floats) -> Floats:
    """Kg that have come without a decision by the day of each row, shape ``(rows,)``."""
    row, inflow = ready.known
    return np.bincount(row, weights=quantity_kg[inflow], minlength=len(ready.rows[0])).astype(np.float64)
