"""What each batch cost the climate, or its owners: burdens handed on from step to step.

``F = W F + own`` per step, where ``W[s, t]`` is the share of the burden of step t that the batches it made carried into
step s. Terms follow ISO 14067:2018: a partial carbon footprint in g CO2e (100 years) from entering the record to the
making of the batch; the declared unit is the batch; figures stated by who made or moved a batch are primary data, and
default factors, published means over the world's supply, are secondary data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import polars as pl

from oreloop.base.errors import BadInput, problem
from oreloop.catalog import Figure
from oreloop.record.lineage.allocation import Allocation, Keys
from oreloop.record.lineage.apportion import Floats, summed
from oreloop.record.lineage.graph import Graph
from oreloop.record.lineage.triangle import Triangle

Factors = Mapping[str, float | Figure]
"""Default footprint by element, g CO2e per g (= kg per kg): a number, or a figure of the catalog with its source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Burden:
    """The burden matrix of a graph under one rule of allocation.

    Args:
        graph: batches and steps.
        keys: what each batch bears of its step.
        triangle: the matrix, by steps.
    """

    graph: Graph
    keys: Keys
    triangle: Triangle

    @classmethod
    def of(cls, graph: Graph, allocation: Allocation | None) -> Self:
        """Build it.

        Raises:
            BadInput: as `Keys.of`.
        """
        keys = Keys.of(graph, allocation)
        batch = graph.used["batch"].to_numpy()
        parents = graph.batches["step"].to_numpy()[batch]
        weights = graph.used["share"].to_numpy() * keys.share[batch]
        triangle = Triangle.of(graph.used["step"].to_numpy(), parents, weights, graph.steps.height)
        return cls(graph=graph, keys=keys, triangle=triangle)

    def matrix(self) -> Any:
        """Give the shares of each batch's burden that went into the batches after it.

        Returns:
            A sparse array of shape ``(batches, batches)``, strictly lower triangular.
        """
        from scipy.sparse import coo_array

        batches, step = self.graph.names.len(), self.graph.batches["step"].to_numpy()
        made = coo_array((self.keys.share, (np.arange(batches), step)), (batches, self.graph.steps.height))
        return made.tocsr() @ self._used()

    def handed_on(self, by_step: Floats, by_batch: Floats) -> Floats:
        """Give what each batch bears as it came to exist.

        Args:
            by_step: what arises in each step, shape ``(steps, questions)``.
            by_batch: what arises with each batch alone, shape ``(batches, questions)``.

        Returns:
            Shape ``(batches, questions)``.
        """
        arrived = self.triangle.solve(by_step + self._used() @ by_batch)
        borne: Floats = self.keys.share[:, None] * arrived[self.graph.batches["step"].to_numpy()] + by_batch
        return borne

    def _used(self) -> Any:
        from scipy.sparse import coo_array

        used = self.graph.used
        places = (used["step"].to_numpy(), used["batch"].to_numpy())
        return coo_array((used["share"].to_numpy(), places), (self.graph.steps.height, self.graph.names.len())).tocsr()


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """Metal that needs a default factor because it entered without a stated footprint, in g.

    Args:
        elements: those that need one.
        by_step: metal of batches no longer on record, sparse, shape ``(steps, elements)``.
        by_batch: metal of commissioned batches, sparse, shape ``(batches, elements)``.
        examples: a batch that needs each, the first.
    """

    elements: tuple[str, ...]
    by_step: Any
    by_batch: Any
    examples: tuple[str, ...]

    @classmethod
    def of(cls, graph: Graph) -> Self:
        """Find it."""
        from scipy.sparse import coo_array

        step = graph.batches["step"].to_numpy()
        open_steps = graph.steps["enters"].to_numpy() & np.isnan(graph.steps["emissions_g"].to_numpy())
        entered = graph.contained.filter(pl.Series(open_steps[step[graph.contained["batch"].to_numpy()]]))
        lost = graph.taken.filter(pl.col("batch") < 0)
        present = np.zeros(len(graph.elements), dtype=bool)
        present[entered["element"].to_numpy()] = present[lost["element"].to_numpy()] = True
        number = np.cumsum(present) - 1

        def grams(rows: pl.DataFrame, column: str, size: int) -> Any:
            places = (rows[column].to_numpy(), number[rows["element"].to_numpy()])
            return coo_array((rows["mass_mg"].to_numpy() / 1000, places), (size, int(present.sum()))).tocsr()

        by_step, by_batch = grams(lost, "step", graph.steps.height), grams(entered, "batch", graph.names.len())
        first_made = np.unique(step, return_index=True)[1]
        needing = np.concatenate([entered["batch"].to_numpy(), first_made[lost["step"].to_numpy()]])
        listed, at = np.unique(np.concatenate([entered["element"], lost["element"]]), return_index=True)
        return cls(
            elements=tuple(graph.elements[int(each)] for each in listed),
            by_step=by_step,
            by_batch=by_batch,
            examples=tuple(graph.names.gather(needing[at])),
        )

    def values(self, factors: Factors) -> Floats:
        """Give the factor of each element, g CO2e per g, shape ``(elements,)``.

        Raises:
            BadInput: ``record.no_factor`` for each element that has none, with a batch or step that needs it.
        """
        missing = [number for number, element in enumerate(self.elements) if element not in factors]
        if missing:
            raise BadInput(
                problem("record.no_factor", element=self.elements[number], batch=self.examples[number])
                for number in missing
            )
        return np.array([value_of(factors[element]) for element in self.elements], dtype=np.float64)


def value_of(factor: float | Figure) -> float:
    """Give a factor in g CO2e per g."""
    return factor.value if isinstance(factor, Figure) else float(factor)


def stated_g(graph: Graph) -> Floats:
    """Give what arises in each step as stated, transport of what it took included, g CO2e, shape ``(steps,)``."""
    stated: Floats = np.nan_to_num(graph.steps["emissions_g"].to_numpy()) + graph.steps["carried_g"].to_numpy()
    return stated


def own_g(graph: Graph, factors: Factors, allocation: Allocation | None) -> Floats:
    """Give what each batch adds to its footprint itself, g CO2e, shape ``(batches,)``."""
    keys, defaults = Keys.of(graph, allocation), Defaults.of(graph)
    values = defaults.values(factors)
    by_step = stated_g(graph) + defaults.by_step @ values
    own: Floats = keys.share * by_step[graph.batches["step"].to_numpy()] + defaults.by_batch @ values + keys.credit
    return own


def footprint(graph: Graph, factors: Factors, allocation: Allocation | None) -> pl.DataFrame:
    """Give the footprint of every batch; see `Lineage.footprint`."""
    burden, defaults = Burden.of(graph, allocation), Defaults.of(graph)
    values = defaults.values(factors)
    steps, batches = np.zeros((graph.steps.height, 3)), np.zeros((graph.names.len(), 3))
    steps[:, 0], steps[:, 1] = stated_g(graph), defaults.by_step @ values
    batches[:, 1], batches[:, 2] = defaults.by_batch @ values, burden.keys.credit
    stated, default, credit = burden.handed_on(steps, batches).T
    total, known = stated + default + credit, stated + default + np.abs(credit)
    return _per_gram(graph, "co2e_g", total).with_columns(
        _ratio("primary_data_share", stated[graph.order], known[graph.order])
    )


def footprint_parts(graph: Graph, factors: Factors, allocation: Allocation | None) -> pl.DataFrame:
    """Give what footprints are made of; see `Lineage.footprint_parts`."""
    burden, defaults = Burden.of(graph, allocation), Defaults.of(graph)
    values = defaults.values(factors)
    by_step = np.column_stack([stated_g(graph), np.zeros(graph.steps.height), (defaults.by_step * values).toarray()])
    by_batch = np.column_stack(
        [np.zeros(graph.names.len()), burden.keys.credit, (defaults.by_batch * values).toarray()]
    )
    borne = burden.handed_on(by_step, by_batch)[graph.order]
    rows, columns = np.nonzero(borne)
    kinds = ["stated", "credit", *["default"] * len(defaults.elements)]
    elements = ["", "", *defaults.elements]
    sources = ["", "", *[_source(factors[element]) for element in defaults.elements]]
    texts = {"kind": kinds, "element": elements, "source": sources}
    return pl.DataFrame([graph.names.gather(graph.order[rows])]).with_columns(
        *[pl.Series(name, listed, pl.String).gather(columns) for name, listed in texts.items()],
        pl.Series("co2e_g", borne[rows, columns]),
    )


def cost(graph: Graph, costs: Mapping[str, int], allocation: Allocation | None) -> pl.DataFrame:
    """Give what every batch cost; see `Lineage.cost`."""
    own = np.zeros((graph.names.len(), 1))
    own[graph.rows(costs), 0] = list(costs.values())
    burden = Burden.of(graph, allocation)
    return _per_gram(graph, "cost_minor", burden.handed_on(np.zeros((graph.steps.height, 1)), own)[:, 0])


def _source(factor: float | Figure) -> str:
    return factor.source if isinstance(factor, Figure) else ""


def _per_gram(graph: Graph, name: str, total: Floats) -> pl.DataFrame:
    """Give ``batch``, a total in whole units and its quotient by the contained metal, in order of batch id."""
    metal_g = summed(graph.contained["mass_mg"], graph.contained["batch"], graph.names.len()) / 1000
    total, metal_g = total[graph.order], metal_g[graph.order]
    whole = pl.Series(name, np.rint(total), pl.Int64)
    return pl.DataFrame([graph.names.gather(graph.order), whole, _ratio(f"{name}_per_g", total, metal_g)])


def _ratio(name: str, part: Floats, whole: Floats) -> pl.Series:
    quotient = np.divide(part, whole, out=np.zeros(whole.size), where=whole != 0)
    return pl.DataFrame({name: quotient, "known": whole != 0}).select(pl.when("known").then(name).alias(name))[name]
