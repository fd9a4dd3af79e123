"""A two-stage program written out as one: first columns once, the rest once for each scenario."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from oreloop.plan.blocks import Block, Builder
from oreloop.plan.model import Floats, Ints, Model
from oreloop.plan.stochastic.two_stage import Scenario, TwoStage

_ROUNDING = 1e-12
"""Share of a cost by which a tail is taken longer, so that adding up in another order does not miss its row."""


def extensive(two: TwoStage) -> Model:
    """State the one program whose optimum is that of the two stages.

    Columns ``first``; for each run of scenarios with entries in the same places ``later`` (scenarios, columns), all of
    one matrix: a whole model each, with what it uses of the first columns; with a weight on the CVaR also ``threshold``
    and ``tail`` (how far each scenario's cost lies above it). Rows ``tied`` (scenarios, first) let a scenario use what
    was decided: all of it, or at most that much.
    """
    lp = Builder()
    lower, upper = _first_box(two)
    whole = np.any([each.model.whole[each.first] & each.tied for each in two.scenarios], axis=0)
    first = lp.columns("first", lower.shape, lower=lower, upper=upper, integer=whole)
    tail = _tail(lp, two)
    start = 0
    for number, alike in enumerate(_alike(two)):
        later = _repeat(lp, f"{number}", alike, first, share=1.0 - two.weight)
        if tail is not None:
            costs = np.stack([each.model.cost for each in alike])
            rows = start + np.arange(len(alike))[:, None]
            lp.add(tail, rows, later, later.all, -costs)
        start += len(alike)
    return lp.build((1.0 - two.weight) * sum(each.probability * each.model.offset for each in two.scenarios))


def _repeat(lp: Builder, name: str, alike: list[Scenario], first: Block, *, share: float) -> Block:
    """Add scenarios with one matrix."""
    model, at = alike[0].model, alike[0].first
    whole = model.whole.copy()
    whole[at[alike[0].tied]] = False  # what is tied is whole with what it is tied to
    later = lp.columns(
        f"later {name}",
        (len(alike), model.shape[1]),
        lower=np.stack([each.model.lower for each in alike]),
        upper=np.stack([each.model.upper for each in alike]),
        cost=np.stack([share * each.probability * each.model.cost for each in alike]),
        integer=whole,
    )
    rows = lp.rows(
        f"rows {name}",
        (len(alike), model.shape[0]),
        lower=np.stack([each.model.row_lower for each in alike]),
        upper=np.stack([each.model.row_upper for each in alike]),
    )
    data = np.stack([each.model.data for each in alike])
    lp.add(rows, rows.all[:, model.indices], later, later.all[:, model.entry_columns], data)
    lower = np.where(alike[0].tied, 0.0, -np.inf)
    tied = lp.rows(f"tied {name}", (len(alike), len(at)), lower=lower, upper=0.0)
    lp.add(tied, tied.all, later, later.all[:, at], 1.0)
    lp.add(tied, tied.all, first, np.arange(len(at)), -1.0)
    return later


def told_apart(two: TwoStage, model: Model, primal: Floats) -> tuple[Floats, list[Floats]]:
    """Cut a point of the extensive form into the first columns and a point of each scenario's own model."""
    return model.of_columns("first", primal), [primal[columns] for columns, _ in places(two, model)]


def put_together(two: TwoStage, model: Model, first: Floats, points: Sequence[Floats]) -> Floats:
    """Make a point of the extensive form from the first columns and a point of each scenario's own model."""
    costs = two.costs(points)
    above = costs - two.threshold(costs) + _ROUNDING * np.abs(costs)
    parts: dict[str, Floats | float] = {
        "first": first,
        "threshold": two.threshold(costs),
        "tail": np.maximum(above, 0.0),
    }
    primal = np.zeros(model.shape[1])
    for name, block in model.column_blocks.items():
        if name in parts:
            primal[block.slice] = parts[name]
    for (columns, _), point in zip(places(two, model), points, strict=True):
        primal[columns] = point
    return primal


def places(two: TwoStage, model: Model) -> list[tuple[Ints, Ints]]:
    """Give the columns and the rows of the extensive form in which each scenario's own model stands."""
    found = []
    for number, alike in enumerate(_alike(two)):
        rows, columns = alike[0].model.shape
        left, top = model.column_blocks[f"later {number}"].start, model.row_blocks[f"rows {number}"].start
        found += [
            (left + place * columns + np.arange(columns), top + place * rows + np.arange(rows))
            for place in range(len(alike))
        ]
    return found


def _alike(two: TwoStage) -> list[list[Scenario]]:
    """Runs of scenarios that can share a matrix."""
    return [list(group) for _, group in groupby(two.scenarios, key=_Pattern)]


class _Pattern:
    """Equal for scenarios whose entries lie in the same places and whose first columns are tied alike."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario

    def __eq__(self, other: object) -> bool:
        mine, theirs = self._scenario, other._scenario if isinstance(other, _Pattern) else None
        return theirs is not None and (
            mine.model.shape == theirs.model.shape
            and all(
                one is two or np.array_equal(one, two)
                for one, two in (
                    (mine.model.indptr, theirs.model.indptr),
                    (mine.model.indices, theirs.model.indices),
                    (mine.model.integer, theirs.model.integer),
                    (mine.first, theirs.first),
                    (mine.tied, theirs.tied),
                )
            )
        )

    __hash__ = None  # type: ignore[assignment]


def _first_box(two: TwoStage) -> tuple[Floats, Floats]:
    """Bounds that every tied scenario allows."""
    tied = np.stack([each.tied for each in two.scenarios])
    lower = np.stack([each.model.lower[each.first] for each in two.scenarios])
    upper = np.stack([each.model.upper[each.first] for each in two.scenarios])
    free = ~tied.any(axis=0)
    return (
        np.where(free, lower.max(axis=0), np.where(tied, lower, -np.inf).max(axis=0)),
        np.where(free, upper.max(axis=0), np.where(tied, upper, np.inf).min(axis=0)),
    )


def _tail(lp: Builder, two: TwoStage) -> Block | None:
    """Columns and rows of the CVaR: cost of each scenario - threshold <= tail."""
    if two.weight == 0.0:
        return None
    ranges = np.array([_range(each.model) for each in two.scenarios])
    low, high = float(ranges[:, 0].min()), float(ranges[:, 1].max())
    threshold = lp.columns("threshold", (1,), lower=low, upper=high, cost=two.weight)
    tails = lp.columns(
        "tail",
        (len(two.scenarios),),
        upper=high - low,
        cost=two.weight * two.probabilities / (1.0 - two.level),
    )
    rows = lp.rows("tail", (len(two.scenarios),), lower=[each.model.offset for each in two.scenarios])
    lp.add(rows, rows.all, tails, tails.all, 1.0)
    lp.add(rows, rows.all, threshold, 0, 1.0)
    return rows


def _range(model: Model) -> tuple[float, float]:
    """Between which costs every point in the box lies."""
    used = model.cost != 0.0
    ends = np.sort(np.stack([model.cost[used] * model.lower[used], model.cost[used] * model.upper[used]]), axis=0)
    return model.offset + float(ends[0].sum()), model.offset + float(ends[1].sum())
