"""The inverse of a sparse covariance, only where it is asked for.

``H = H0 + W W'``: ``H0`` is sparse, and each column of ``W`` is an error that many measurements share. ``H0`` is
factored once; the entries of its inverse on the pattern of the factor follow from Takahashi's recursion (Takahashi,
Fagan & Chin 1973; Erisman & Tinney 1975), the shared errors from the Woodbury identity.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array, diags_array
from scipy.sparse.linalg import splu

Floats = NDArray[np.float64]

_DEPENDENT = 1e-11
"""A balance whose variance, given those before it, is below this share of its own follows from them."""
_LIFT = 1e-14
"""Added to a correlation matrix of ones on the diagonal, so that a balance that follows from others has a pivot."""


def independent(covariance: csr_array) -> NDArray[np.bool_]:
    """Tell which rows of a positive semidefinite matrix, shape (n, n), do not follow from the others kept."""
    spread = np.sqrt(covariance.diagonal())
    keep = np.asarray(spread > 0)
    if keep.any():
        scale = diags_array(1 / spread[keep])
        one = scale @ covariance[keep][:, keep] @ scale
        factor = _factor(csr_array(one + _LIFT * diags_array(np.ones(one.shape[0]))))
        keep[keep] = factor.U.diagonal()[factor.perm_c] > _DEPENDENT
    return keep


@dataclass(frozen=True, kw_only=True)
class Inverse:
    """``Z = (H0 + W W')^-1`` by its parts; make it with `of`.

    Args:
        factor: the factored ``H0``, scaled to ones on its diagonal.
        spread: square roots of the diagonal of ``H0``, shape (n,).
        shared: ``H0^-1 W``, shape (n, k).
        middle: ``(1 + W' H0^-1 W)^-1``, shape (k, k).
        forms: pattern of what `quadratic` will be asked for: rows that share a column, shape (n, q).
    """

    factor: Any
    spread: Floats
    shared: Floats
    middle: Floats
    forms: csr_array

    @classmethod
    def of(cls, covariance: csr_array, shared: Floats, forms: csr_array) -> Self:
        """Factor ``H0``, positive definite, shape (n, n), with shared errors ``W``, shape (n, k)."""
        spread = np.sqrt(covariance.diagonal())
        scale = diags_array(1 / spread)
        factor = _factor(csr_array(scale @ covariance @ scale))
        solved = factor.solve(shared / spread[:, None]) / spread[:, None]
        middle = np.linalg.inv(np.eye(shared.shape[1]) + shared.T @ solved)
        return cls(factor=factor, spread=spread, shared=solved, middle=middle, forms=forms)

    def solve(self, right: Floats) -> Floats:
        """Give ``Z @ right``; shape (n,) or (n, k)."""
        scaled = self.spread if right.ndim == 1 else self.spread[:, None]
        return np.asarray(
            self.factor.solve(right / scaled) / scaled - self.shared @ (self.middle @ (self.shared.T @ right))
        )

    def quadratic(self, forms: csr_array) -> Floats:
        """Give ``diag(forms' Z forms)``, shape (n, q) to (q,), for columns within the pattern of `forms`."""
        scaled = csr_array(diags_array(1 / self.spread) @ forms)
        own = (self._near @ scaled).multiply(scaled).sum(axis=0)
        common = forms.T @ self.shared
        removed: Floats = np.asarray(own).ravel() - np.einsum("ij,jk,ik->i", common, self.middle, common)
        return removed

    def draw(self, generator: np.random.Generator, count: int) -> Floats:
        """Draw from the normal distribution with covariance ``Z``, shape (n, count)."""
        own = generator.standard_normal((self.spread.size, count))
        common = generator.standard_normal((self.shared.shape[1], count))
        own = np.asarray(self.factor.L @ (np.sqrt(self.factor.U.diagonal())[:, None] * own))[self.factor.perm_c]
        across = self.factor.solve(own) / self.spread[:, None] + self.shared @ common
        # That is H0^-1 (e + W c) with e and c drawn; what remains is Woodbury's correction of both terms at once.
        seen = (
            self.shared.T @ (self.spread[:, None] * own)
            + (np.linalg.inv(self.middle) - np.eye(common.shape[0])) @ common
        )
        return np.asarray(across - self.shared @ (self.middle @ seen))

    @cached_property
    def _near(self) -> csr_array:
        return _on_pattern(self.factor, self.forms)


def _factor(matrix: csr_array) -> Any:
    """Factor with pivots on the diagonal, so that L and U are the two halves of one symmetric factor."""
    return splu(matrix.tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})


def _on_pattern(factor: Any, forms: csr_array) -> csr_array:
    """Give the entries of the inverse wherever two rows share a column of ``forms``, shape (n, n)."""
    size = factor.shape[0]
    below = _closed(factor, forms)
    lower, pivots = factor.L.tocsc(), factor.U.diagonal()
    fronts: dict[int, Floats] = {}
    waiting = np.zeros(size, dtype=np.intp)
    for rows in below:
        if rows.size:
            waiting[rows[0]] += 1
    entries: list[Floats] = [np.empty(0)] * size
    for column in range(size - 1, -1, -1):
        rows = below[column]
        front = np.empty((rows.size + 1, rows.size + 1))
        if rows.size:
            parent = int(rows[0])
            # All of a column's rows stand in the front of the first of them: that is what closing the pattern is for.
            at = np.searchsorted(np.concatenate(([parent], below[parent])), rows)
            inner = fronts[parent][at[:, None], at]
            weights = np.zeros(rows.size)
            span = slice(lower.indptr[column], lower.indptr[column + 1])
            stored, values = lower.indices[span], lower.data[span]
            off = stored > column
            weights[np.searchsorted(rows, stored[off])] = values[off]
            across = -(inner @ weights)
            front[1:, 1:] = inner
            front[0, 1:] = front[1:, 0] = across
            front[0, 0] = 1 / pivots[column] - weights @ across
            waiting[parent] -= 1
            if not waiting[parent]:
                del fronts[parent]
        else:
            front[0, 0] = 1 / pivots[column]
        entries[column] = front[:, 0]
        if waiting[column]:
            fronts[column] = front
    return _symmetric(factor, below, entries)


def _closed(factor: Any, forms: csr_array) -> list[NDArray[np.intp]]:
    """Give the rows below the diagonal of each column of L, with all that elimination may fill in.

    The stored factor leaves out entries that happen to be zero, and pairs of rows that only ``forms`` brings
    together; the recursion needs both.
    """
    order = factor.perm_c
    asked = abs(forms) @ abs(forms).T
    pattern = csc_array(asked[np.argsort(order)][:, np.argsort(order)])
    lower = factor.L.tocsc()
    sets: list[set[int]] = []
    for column in range(factor.shape[0]):
        rows = {int(row) for row in pattern.indices[pattern.indptr[column] : pattern.indptr[column + 1]]}
        rows.update(lower.indices[lower.indptr[column] : lower.indptr[column + 1]].tolist())
        sets.append({row for row in rows if row > column})
    for rows in sets:
        if rows:
            parent = min(rows)
            sets[parent] |= rows - {parent}
    return [np.array(sorted(rows), dtype=np.intp) for rows in sets]


def _symmetric(factor: Any, below: list[NDArray[np.intp]], entries: list[Floats]) -> csr_array:
    counts = [rows.size + 1 for rows in below]
    columns = np.repeat(np.arange(len(below)), counts)
    rows = np.concatenate([np.concatenate(([column], rows)) for column, rows in enumerate(below)])
    values = np.concatenate(entries)
    whole = csr_array((values, (rows, columns)), shape=factor.shape)
    whole = whole + whole.T - diags_array(whole.diagonal())
    return csr_array(whole[factor.perm_c][:, factor.perm_c])
