"""Unmeasured variables, taken out of the balances before anything is adjusted (Crowe et al. 1983).

Balances that share an unmeasured stream are added up so that it cancels. What remains holds between measurements
alone; what was used up in cancelling gives the unmeasured values afterwards, where they follow at all.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array
from scipy.sparse.linalg import splu

Floats = NDArray[np.float64]

_ZERO = 1e-12
"""What is left of a difference counts as zero below this share of its terms."""
_REACHED = 1e-9
"""A variable that moves by less than this when the free ones move by one (columns scaled to one) does not depend."""
_PIVOT = 0.1
"""A pivot has at least this share of the largest coefficient of its column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Eliminated:
    """What became of balances ``A_u u = rest``; ``m`` balances, ``p`` unmeasured variables, ``r`` of them solved for.

    Args:
        checks: combinations of balances without unmeasured variables, shape (m - r, m).
        order: columns of the variables solved for, shape (r,).
        combined: combinations of balances that give them, shape (r, m).
        triangle: upper triangle, shape (r, r): ``triangle @ u[order] = combined @ rest`` where ``u`` is observable.
        observable: whether a variable follows from the measurements, shape (p,).
    """

    checks: csr_array
    order: NDArray[np.intp]
    combined: csr_array
    triangle: csr_array
    observable: NDArray[np.bool_]

    def back(self, rest: Floats) -> Floats:
        """Solve for the variables in `order`; ``rest`` has shape (m,) or (m, k)."""
        return np.asarray(_factor(self.triangle).solve(self.combined @ rest)) if self.order.size else rest[:0]

    def back_transposed(self, chosen: NDArray[np.intp]) -> Floats:
        """Give, for chosen positions of `order`, the weights with which balances enter them, shape (m, k)."""
        unit = np.zeros((self.order.size, chosen.size))
        unit[chosen, np.arange(chosen.size)] = 1.0
        return np.asarray(self.combined.T @ _factor(self.triangle).solve(unit, "T"))


def eliminate(unmeasured: csr_array) -> Eliminated:
    """Take unmeasured variables out of balances, sparsest pivots first (Markowitz 1957).

    Args:
        unmeasured: coefficients of the unmeasured variables, shape (m, p).
    """
    size, width = unmeasured.shape
    # Flows and assays differ by many orders of magnitude; columns of one size make rounding visible as such.
    largest = abs(unmeasured).max(axis=0).toarray().ravel() if size and width else np.zeros(width)
    scale = np.divide(1.0, largest, out=np.ones(width), where=largest > 0)
    rows, columns = _by_row(csr_array(unmeasured @ diags_array(scale)))
    combos: list[dict[int, float]] = [{row: 1.0} for row in range(size)]
    pivots: list[tuple[int, int]] = []
    pivot_rows: dict[int, dict[int, float]] = {}
    waiting = [(len(members), column) for column, members in sorted(columns.items())]
    heapq.heapify(waiting)
    while waiting:
        count, column = heapq.heappop(waiting)
        if len(columns[column]) > count:
            heapq.heappush(waiting, (len(columns[column]), column))
            continue
        members = columns.pop(column)
        if not members:
            continue
        least = _PIVOT * max(abs(rows[row][column]) for row in members)
        pivot = min(
            (row for row in members if abs(rows[row][column]) >= least),
            key=lambda row: (len(rows[row]), len(combos[row]), row),
        )
        pivots.append((pivot, column))
        pivot_row = rows[pivot]
        pivot_rows[pivot] = pivot_row
        for other in pivot_row:
            if other != column:
                columns[other].discard(pivot)
        for row in members - {pivot}:
            factor = rows[row].pop(column) / pivot_row[column]
            for other, value in pivot_row.items():
                if other != column:
                    _subtract(rows[row], other, factor * value)
                    (columns[other].add if other in rows[row] else columns[other].discard)(row)
            for other, value in combos[pivot].items():
                _subtract(combos[row], other, factor * value)
    solved = [column for _, column in pivots]
    triangle, free = _triangle([pivot_rows[row] for row, _ in pivots], solved, width)
    observable = np.zeros(width, dtype=np.bool_)
    if solved:
        # A random combination of the free variables reaches exactly those that depend on any of them.
        weights = np.random.default_rng(0).uniform(1.0, 2.0, free.shape[1])
        observable[solved] = np.abs(_factor(triangle).solve(free @ weights)) <= _REACHED
    return Eliminated(
        checks=_matrix([combos[row] for row in range(size) if row not in pivot_rows], size),
        order=np.array(solved, dtype=np.intp),
        combined=_matrix([combos[row] for row, _ in pivots], size),
        triangle=csr_array(triangle @ diags_array(1 / scale[solved])),
        observable=observable,
    )


def _by_row(matrix: csr_array) -> tuple[list[dict[int, float]], dict[int, set[int]]]:
    """Give rows as dictionaries and the rows of each column."""
    rows: list[dict[int, float]] = []
    columns: dict[int, set[int]] = {}
    pointers, indices, data = matrix.indptr.tolist(), matrix.indices.tolist(), matrix.data.tolist()
    for row in range(matrix.shape[0]):
        span = slice(pointers[row], pointers[row + 1])
        rows.append({column: value for column, value in zip(indices[span], data[span], strict=True) if value})
        for column in rows[-1]:
            columns.setdefault(column, set()).add(row)
    return rows, columns


def _subtract(row: dict[int, float], column: int, value: float) -> None:
    before = row.get(column, 0.0)
    after = before - value
    if abs(after) <= _ZERO * max(abs(before), abs(value)):
        row.pop(column, None)
    else:
        row[column] = after


def _triangle(rows: list[dict[int, float]], solved: list[int], width: int) -> tuple[csr_array, csr_array]:
    """Part the rows that give variables into the triangle of those solved for and the columns of the free ones."""
    whole = _matrix(rows, width)
    return whole[:, solved], whole[:, np.setdiff1d(np.arange(width), solved)]


def _factor(triangle: csr_array) -> Any:
    return splu(triangle.tocsc(), permc_spec="NATURAL", diag_pivot_thresh=0.0)


def _matrix(rows: list[dict[int, float]], width: int) -> csr_array:
    pointers = np.cumsum([0, *(len(row) for row in rows)])
    columns = [column for row in rows for column in row]
    values = [value for row in rows for value in row.values()]
    return csr_array((values, columns, pointers), shape=(len(rows), width), dtype=np.float64)
