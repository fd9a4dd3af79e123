"""Lineage as a matrix: where metal comes from, and what it cost the climate, for all batches at once.

Batches stand in the order in which they came to exist, so whatever went into a batch stands before it. Two families of
sparse, strictly lower triangular matrices follow from the state:

* content, per element: ``C[i, j]`` is the share of batch i's content that came from batch j; its rows add up to one,
  or to zero where the metal entered the record. All outputs of a step have the same composition by parent. Then
  ``X = C X + D`` gives the shares X of any property D of entering metal (origin, recycled).
* burden: ``B[i, j]`` is the share of batch j's footprint that went into batch i. Then ``f = B f + own``.

Each answer is one triangular solve. Footprints follow ISO 14067 in naming; the attribution to co-products is
proportional to gross mass or to contained metal, as each step states or as the caller asks for all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_array, eye_array
from scipy.sparse.linalg import spsolve_triangular

from oreloop.base.errors import BadInput, NotFound
from oreloop.base.quantity import split
from oreloop.record.events import Origin
from oreloop.record.state import Made, State

Floats = NDArray[np.float64]
Allocation = Literal["mass", "metal"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """The parents of every batch.

    Args:
        made: all batches in the order in which they came to exist.
        index: row of each batch.
    """

    made: tuple[Made, ...]
    index: Mapping[str, int]

    @classmethod
    def of(cls, state: State) -> Self:
        """Give the lineage of a state."""
        return cls(made=state.made, index={each.batch: row for row, each in enumerate(state.made)})

    @property
    def elements(self) -> tuple[str, ...]:
        """All elements in any batch, sorted."""
        return tuple(sorted({element for each in self.made for element in each.contained}))

    def content_matrix(self, element: str) -> csr_array:
        """Give the shares of content by parent.

        Returns:
            Shape ``(batches, batches)``, strictly lower triangular.
        """
        entries: list[tuple[int, int, float]] = []
        for row, batch in enumerate(self.made):
            if not batch.contained.get(element):
                continue
            entered = sum(used.contained.get(element, 0) for used in batch.used)
            entries += [
                (row, self.index[used.batch], mass / entered)
                for used in batch.used
                if (mass := used.contained.get(element, 0))
            ]
        return self._matrix(entries)

    def origins(self) -> pl.DataFrame:
        """Give, per batch and element, the shares by country and site where the metal entered the record.

        Returns:
            Columns batch, element, country, site, share (0 to 1), mass_mg (of the batch as it came to exist; whole mg
            that add up to its content). Unknown origin: empty country and site.
        """
        rows: list[tuple[str, str, str, str, float, int]] = []
        for element in self.elements:
            matrix = self.content_matrix(element)
            entering = [batch.contained.get(element, 0) > 0 for batch in self.made]
            entering = [own and not parents for own, parents in zip(entering, np.diff(matrix.indptr), strict=True)]
            places = sorted({_origin(self.made[row]) for row, own in enumerate(entering) if own})
            column = {place: number for number, place in enumerate(places)}
            known = np.zeros((len(self.made), len(places)))
            for row, own in enumerate(entering):
                if own:
                    known[row, column[_origin(self.made[row])]] = 1.0
            shares = _solved(matrix, known)
            for row, batch in enumerate(self.made):
                if mass := batch.contained.get(element, 0):
                    masses = split(mass, [Fraction(float(share)) for share in shares[row]])
                    rows += [
                        (batch.batch, element, *place, float(shares[row, number]), masses[number])
                        for place, number in column.items()
                        if shares[row, number] > 0
                    ]
        schema = {"batch": pl.String, "element": pl.String, "country": pl.String, "site": pl.String,
                  "share": pl.Float64, "mass_mg": pl.Int64}  # fmt: skip
        return pl.DataFrame(rows, schema=schema, orient="row").sort("batch", "element", "country", "site")

    def recycled_share(self) -> pl.DataFrame:
        """Give, per batch and element, the share of the content that is recycled.

        Returns:
            Columns batch, element, share (0 to 1).
        """
        rows: list[tuple[str, str, float]] = []
        stated = [float(batch.step.recycled_share) if not batch.used else 0.0 for batch in self.made]
        for element in self.elements:
            shares = _solved(self.content_matrix(element), np.array(stated))
            rows += [
                (batch.batch, element, float(share))
                for batch, share in zip(self.made, shares, strict=True)
                if batch.contained.get(element)
            ]
        schema = {"batch": pl.String, "element": pl.String, "share": pl.Float64}
        return pl.DataFrame(rows, schema=schema, orient="row").sort("batch", "element")

    def burden_matrix(self, allocation: Allocation | None = None) -> csr_array:
        """Give the shares of each batch's footprint that went into the batches after it.

        Args:
            allocation: how co-products share: gross mass or contained metal; None: as each step states.

        Returns:
            Shape ``(batches, batches)``, strictly lower triangular; a column adds up to the share that was used.
        """
        keys = self._allocated(allocation)
        entries = [
            (row, self.index[used.batch], float(used.share) * keys[row])
            for row, batch in enumerate(self.made)
            for used in batch.used
        ]
        return self._matrix(entries)

    def own_g(self, factors: Mapping[str, float], allocation: Allocation | None = None) -> tuple[Floats, Floats]:
        """Give what each batch adds to its footprint itself.

        Args:
            factors: g CO2e per g of element, for metal commissioned without a stated footprint.
            allocation: as for `burden_matrix`.

        Returns:
            Own emissions, g CO2e, shape ``(batches,)``; and the part of them that was stated, same shape.

        Raises:
            BadInput: ``record.no_factor`` for an element that is needed and has none.
        """
        keys = self._allocated(allocation)
        own, stated = np.zeros(len(self.made)), np.zeros(len(self.made))
        for row, batch in enumerate(self.made):
            if batch.step.emissions_g is not None:
                own[row] = stated[row] = batch.step.emissions_g * keys[row]
            elif not batch.used:
                for element, mass in batch.contained.items():
                    if element not in factors:
                        raise BadInput.of("record.no_factor", element=element, batch=batch.batch)
                    own[row] += mass / 1000 * factors[element]
        return own, stated

    def footprint(self, factors: Mapping[str, float], allocation: Allocation | None = None) -> pl.DataFrame:
        """Give the footprint of every batch as it came to exist, from entering the record on.

        Args:
            factors: g CO2e per g of element, for metal commissioned without a stated footprint.
            allocation: how co-products share: ``mass`` (gross) or ``metal`` (contained); None: as each step states.

        Returns:
            Columns batch, co2e_g (whole g), co2e_g_per_g (per g of contained metal; null without any), and
            primary_data_share (0 to 1: the part from stated emissions; null for a footprint of zero).

        Raises:
            BadInput: ``record.no_factor``.
        """
        own, stated = self.own_g(factors, allocation)
        both = _solved(self.burden_matrix(allocation), np.column_stack([own, stated]))
        rows = []
        for batch, (total, primary) in zip(self.made, both, strict=True):
            metal_g = sum(batch.contained.values()) / 1000
            per_gram = float(total / metal_g) if metal_g else None
            rows.append((batch.batch, round(float(total)), per_gram, float(primary / total) if total else None))
        schema = {"batch": pl.String, "co2e_g": pl.Int64, "co2e_g_per_g": pl.Float64, "primary_data_share": pl.Float64}
        return pl.DataFrame(rows, schema=schema, orient="row").sort("batch")

    def upstream(self, batch: str) -> tuple[str, ...]:
        """Give all batches that went into a batch, directly or not, oldest first.

        Raises:
            NotFound: ``record.no_such_batch``.
        """
        reached = {self._row(batch)}
        for row in range(self._row(batch), -1, -1):
            if row in reached:
                reached |= {self.index[used.batch] for used in self.made[row].used}
        return self._named(reached - {self._row(batch)})

    def downstream(self, batch: str) -> tuple[str, ...]:
        """Give all batches that hold something of a batch, oldest first.

        Raises:
            NotFound: ``record.no_such_batch``.
        """
        reached = {self._row(batch)}
        for row in range(self._row(batch) + 1, len(self.made)):
            if any(self.index[used.batch] in reached for used in self.made[row].used):
                reached.add(row)
        return self._named(reached - {self._row(batch)})

    def _row(self, batch: str) -> int:
        if batch not in self.index:
            raise NotFound.of("record.no_such_batch", batch=batch)
        return self.index[batch]

    def _named(self, rows: set[int]) -> tuple[str, ...]:
        return tuple(self.made[row].batch for row in sorted(rows))

    def _allocated(self, allocation: Allocation | None) -> list[float]:
        """Give each batch's share among the outputs of its step; shares of one step add up to one."""
        siblings: dict[str, list[int]] = {}
        for row, batch in enumerate(self.made):
            siblings.setdefault(batch.event, []).append(row)
        keys = [0.0] * len(self.made)
        for rows in siblings.values():
            rule = allocation or self.made[rows[0]].step.allocation
            metal = [sum(self.made[row].contained.values()) for row in rows]
            gross = [self.made[row].gross_mg for row in rows]
            weights = metal if rule == "metal" and any(metal) else gross
            for row, weight in zip(rows, weights, strict=True):
                keys[row] = weight / sum(weights)
        return keys

    def _matrix(self, entries: Sequence[tuple[int, int, float]]) -> csr_array:
        size = (len(self.made), len(self.made))
        rows, columns, values = zip(*entries, strict=True) if entries else ((), (), ())
        matrix = csr_array(
            (np.array(values, dtype=float), (np.array(rows, dtype=int), np.array(columns, dtype=int))), size
        )
        matrix.sum_duplicates()
        return matrix


def _origin(batch: Made) -> tuple[str, str]:
    """Where metal entered with a batch; metal that a step brought out of nothing has no origin."""
    origin = batch.step.origin if not batch.used else Origin()
    return origin.country, origin.site


def _solved(matrix: Any, own: Floats) -> Floats:
    """Solve ``x = matrix x + own``."""
    if not own.size:
        return own
    identity = eye_array(matrix.shape[0], format="csr")
    solved: Floats = spsolve_triangular((identity - matrix).tocsr(), own, lower=True, unit_diagonal=True)
    return solved
