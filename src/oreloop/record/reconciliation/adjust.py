"""From a flowsheet to adjusted masses and contents.

Balances of elements multiply masses by contents. They are linearised where the last solution stands, and solved
again, until the products themselves balance and nothing moves any more (successive linearisation, Pai & Fisher 1988;
Narasimhan & Jordache 2000, chapter 5).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import block_array, block_diag, csr_array, diags_array, vstack

from oreloop.record.reconciliation.flowsheet import Flowsheet, Readings
from oreloop.record.reconciliation.kernel import Solution, System

Floats = NDArray[np.float64]

MOST_ROUNDS = 50
_STILL = 1e-8
"""The last round moves nothing by more than this share of its standard uncertainty (unmeasured: of its value)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjusted:
    """The solution; variables are the masses of all streams, then their contents of each element in turn.

    Args:
        solution: the last linear one.
        rounds: how many were needed; 1 without elements.
        converged: whether products of mass and content balance, and nothing moved in the last round.
    """

    solution: Solution
    rounds: int
    converged: bool


def adjust(flowsheet: Flowsheet) -> Adjusted:
    """Adjust all measurements of a flowsheet.

    Rows of the balances are: masses, then per element its balances, then per element the pairs of one composition.
    """
    of_mass = csr_array(flowsheet.incidence[flowsheet.closes_mass])
    if not flowsheet.elements:
        return Adjusted(
            solution=_solve(of_mass, np.zeros(of_mass.shape[0]), [flowsheet.mass]), rounds=1, converged=True
        )
    readings = [flowsheet.mass, *flowsheet.contents]
    point = _start(flowsheet, of_mass)
    sd = np.concatenate([each.sd for each in readings])
    scale = np.where(np.isnan(sd) | (sd == 0), np.abs(point), sd)
    for count in range(1, MOST_ROUNDS + 1):
        rows, right = _linearised(flowsheet, of_mass, point)
        solution = _solve(rows, right, readings, point)
        moved = np.abs(solution.values - point)
        point = solution.values
        if np.all(moved <= _STILL * np.maximum(scale, np.abs(point) * np.isnan(sd))):
            return Adjusted(solution=solution, rounds=count, converged=True)
    return Adjusted(solution=solution, rounds=MOST_ROUNDS, converged=False)


def _linearised(flowsheet: Flowsheet, of_mass: csr_array, point: Floats) -> tuple[csr_array, Floats]:
    size = len(flowsheet.streams)
    mass, contents = point[:size], point[size:].reshape(-1, size)
    incidence = csr_array(flowsheet.incidence[flowsheet.closes_elements])
    by_mass = vstack([incidence @ diags_array(content) for content in contents])
    by_content = block_diag([incidence @ diags_array(mass)] * len(contents))
    same = _same(flowsheet)
    rows = block_array(
        [
            [of_mass, csr_array((of_mass.shape[0], size * len(contents)))],
            [by_mass, by_content],
            [csr_array((same.shape[0] * len(contents), size)), block_diag([same] * len(contents))],
        ]
    )
    right = np.zeros(rows.shape[0])
    right[of_mass.shape[0] :][: by_mass.shape[0]] = by_mass @ mass
    return csr_array(rows), right


def _same(flowsheet: Flowsheet) -> csr_array:
    count = len(flowsheet.same)
    one, other = np.array(flowsheet.same, dtype=np.intp).reshape(-1, 2).T
    entries = (np.repeat([1.0, -1.0], count), (np.tile(np.arange(count), 2), np.concatenate([one, other])))
    return csr_array(entries, shape=(count, len(flowsheet.streams)))


def _start(flowsheet: Flowsheet, of_mass: csr_array) -> Floats:
    """Begin with masses that close by themselves, and for unmeasured contents with those that then close."""
    mass = _solve(of_mass, np.zeros(of_mass.shape[0]), [flowsheet.mass]).values
    incidence = flowsheet.incidence[flowsheet.closes_elements]
    rows = csr_array(vstack([incidence @ diags_array(mass), _same(flowsheet)]))
    right = np.zeros(rows.shape[0])
    contents = [
        np.where(np.isnan(each.values), _solve(rows, right, [each]).values, each.values)
        if np.isnan(each.values).any()
        else each.values
        for each in flowsheet.contents
    ]
    return np.concatenate([mass, *contents])


def _solve(rows: csr_array, right: Floats, readings: list[Readings], point: Floats | None = None) -> Solution:
    values = np.concatenate([each.values for each in readings])
    measured = np.isfinite(values)
    if point is None:
        typical = np.mean(np.abs(values[measured])) if measured.any() else 1.0
        point = np.full(values.size, typical)
    return Solution(
        System(
            balances=rows,
            right=right,
            values=np.where(measured, values, point),
            measured=measured,
            covariance=csr_array(block_diag([each.own for each in readings])),
            shared=csr_array(block_diag([each.shared for each in readings])),
        )
    )
