"""A two-stage program written out as one: first columns once, the rest once for each scenario."""

from __future__ import annotations

from itertools import groupby

import numpy as np
import numpy.typing as npt

from oreloop.plan.blocks import Block, Builder
from oreloop.plan.model import Floats, Model
from oreloop.plan.stochastic.two_stage import Scenario, TwoStage


def extensive(two: TwoStage) -> Model:
    """State the one program whose optimum is that of the two stages.

    Columns ``first``; for each run of scenarios with entries in the same places ``later`` (scenarios, columns), all of
    one matrix; with a weight on the CVaR also ``threshold`` and ``tail`` (how far each scenario's cost lies above it).
    """
    lp = Builder()
    lower, upper, cost = _first_vectors(two)
    whole = np.any([each.model.whole[each.first] & each.tied for each in two.scenarios], axis=0)
    first = lp.columns("first", lower.shape, lower=lower, upper=upper, cost=cost, integer=whole)
    tail = _tail(lp, two)
    start = 0
    for number, alike in enumerate(_alike(two)):
        own, later = _repeat(lp, f"{number}", alike, first, share=1.0 - two.weight)
        if tail is not None:
            tied = alike[0].tied
            costs = np.stack([each.model.cost for each in alike])
            rows = start + np.arange(len(alike))[:, None]
            lp.add(tail, rows, later, later.all, -costs[:, own])
            lp.add(tail, rows, first, np.flatnonzero(tied), -costs[:, alike[0].first[tied]])
        start += len(alike)
    return lp.build((1.0 - two.weight) * sum(each.probability * each.model.offset for each in two.scenarios))


def _repeat(
    lp: Builder, name: str, alike: list[Scenario], first: Block, *, share: float
) -> tuple[npt.NDArray[np.bool_], Block]:
    """Add scenarios with one matrix: which of a scenario's columns are its own, shape ``(columns,)``, and the block."""
    model, at, tied = alike[0].model, alike[0].first, alike[0].tied
    own = _own(alike[0])
    later = lp.columns(
        f"later {name}",
        (len(alike), int(own.sum())),
        lower=np.stack([each.model.lower[own] for each in alike]),
        upper=np.stack([each.model.upper[own] for each in alike]),
        cost=np.stack([share * each.probability * each.model.cost[own] for each in alike]),
        integer=model.whole[own],
    )
    rows = lp.rows(
        f"rows {name}",
        (len(alike), model.shape[0]),
        lower=np.stack([each.model.row_lower for each in alike]),
        upper=np.stack([each.model.row_upper for each in alike]),
    )
    place = np.cumsum(own) - 1
    place[at[tied]] = np.flatnonzero(tied)
    column = model.entry_columns
    data = np.stack([each.model.data for each in alike])
    mine = own[column]
    lp.add(rows, rows.all[:, model.indices[mine]], later, later.all[:, place[column[mine]]], data[:, mine])
    lp.add(rows, rows.all[:, model.indices[~mine]], first, place[column[~mine]], data[:, ~mine])
    loose = np.flatnonzero(~tied)
    filled = lp.rows(f"filled {name}", (len(alike), len(loose)), upper=0.0)
    lp.add(filled, filled.all, later, later.all[:, place[at[loose]]], 1.0)
    lp.add(filled, filled.all, first, loose, -1.0)
    return own, later


def told_apart(two: TwoStage, model: Model, primal: Floats) -> tuple[Floats, list[Floats]]:
    """Cut a point of the extensive form into the first columns and a point of each scenario's own model."""
    first = model.of_columns("first", primal)
    points = []
    for number, alike in enumerate(_alike(two)):
        values = model.of_columns(f"later {number}", primal).reshape(len(alike), -1)
        for each, later in zip(alike, values, strict=True):
            point = np.zeros(each.model.shape[1])
            point[_own(each)] = later
            point[each.first[each.tied]] = first[each.tied]
            points.append(point)
    return first, points


def _own(scenario: Scenario) -> npt.NDArray[np.bool_]:
    """Columns that a scenario decides for itself, shape ``(columns,)``."""
    own = np.ones(scenario.model.shape[1], dtype=np.bool_)
    own[scenario.first[scenario.tied]] = False
    return own


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


def _first_vectors(two: TwoStage) -> tuple[Floats, Floats, Floats]:
    """Bounds that every tied scenario allows, and the expected cost; one that uses less pays for what it uses."""
    tied = np.stack([each.tied for each in two.scenarios])
    lower = np.stack([each.model.lower[each.first] for each in two.scenarios])
    upper = np.stack([each.model.upper[each.first] for each in two.scenarios])
    cost = np.stack([each.model.cost[each.first] for each in two.scenarios])
    free = ~tied.any(axis=0)
    return (
        np.where(free, lower.max(axis=0), np.where(tied, lower, -np.inf).max(axis=0)),
        np.where(free, upper.max(axis=0), np.where(tied, upper, np.inf).min(axis=0)),
        (1.0 - two.weight) * two.probabilities @ np.where(tied, cost, 0.0),
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
