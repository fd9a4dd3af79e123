"""One sparse triangular solve for many questions, in both directions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from oreloop.record.lineage.apportion import Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Triangle:
    """The system ``x = W x + own`` with a strictly lower triangular ``W``.

    It is kept as ``I - W``, unit lower triangular, by columns, as the solver (the substitution of SuperLU) wants it.
    """

    matrix: Any

    @classmethod
    def of(cls, rows: Ints, columns: Ints, weights: Floats, size: int) -> Self:
        """Build it from the entries of ``W``; entries at one place add up.

        Args:
            rows: shape ``(entries,)``, each above its column.
            columns: shape ``(entries,)``.
            weights: shape ``(entries,)``.
            size: number of rows and of columns.
        """
        # Imported here because half of the time to start any command would go into it.
        from scipy.sparse import coo_array

        diagonal = np.arange(size, dtype=np.int32)
        places = (
            np.concatenate([diagonal, rows.astype(np.int32)]),
            np.concatenate([diagonal, columns.astype(np.int32)]),
        )
        matrix = coo_array((np.concatenate([np.ones(size), -weights]), places), (size, size)).tocsc()
        matrix.sort_indices()
        return cls(matrix=matrix)

    def solve(self, own: Floats) -> Floats:
        """Give ``x`` of ``x = W x + own``: what arrives when everything flows forward.

        Args:
            own: shape ``(size, questions)``; it is overwritten.

        Returns:
            Shape ``(size, questions)``, by columns.
        """
        return self._solved(self.matrix, own, lower=True)

    def solve_back(self, own: Floats) -> Floats:
        """Give ``y`` of ``y = Wᵀ y + own``, the adjoint: what each contributes to ``own``; shapes as in `solve`."""
        return self._solved(self.matrix.T, own, lower=False)

    def _solved(self, matrix: Any, own: Floats, *, lower: bool) -> Floats:
        from scipy.sparse.linalg import spsolve_triangular

        if not own.size:
            return own
        # The diagonal stands in the matrix as ones already, so that nothing of it is overwritten.
        solved: Floats = spsolve_triangular(
            matrix, np.asfortranarray(own), lower=lower, unit_diagonal=True, overwrite_A=True, overwrite_b=True
        )
        return solved
