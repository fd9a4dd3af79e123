"""Where metal comes from and what comes of it: content as shares of the parents' content, all elements in one matrix.

A node is an element in a step. All outputs of a step have the same composition by parent, element by element (a
refinery does not know one atom of iridium from another), so that ``W[(s, e), (t, e)]`` is the share of the element e
going into step s that came from batches made by step t. The rows add up to one, or to zero where the metal entered the
record. Then ``X = W X + D`` gives the shares X of any property D of entering metal, and its transpose what each source
contributed to one batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from oreloop.record.lineage.apportion import Floats, Ints, apportion, summed, weights_of
from oreloop.record.lineage.graph import RECYCLED, Graph
from oreloop.record.lineage.triangle import Triangle

AT_ONCE = 16
"""Places that are solved for together: it bounds the memory, ``8 * AT_ONCE`` bytes a node."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """The content matrix of a graph.

    Args:
        graph: batches and steps.
        node_step: step of each node, shape ``(nodes,)``.
        node_element: element of each node.
        source: whether its metal comes from no parent.
        unknown: share of its metal that comes from batches no longer on record, or from nowhere.
        pair_node: node of each row of ``graph.contained``.
        edge_node: node that a parent's metal went into, shape ``(edges,)``.
        edge_batch: that parent.
        edge_share: its share of the node's metal.
        triangle: the matrix.
    """

    graph: Graph
    node_step: Ints
    node_element: Ints
    source: NDArray[np.bool_]
    unknown: Floats
    pair_node: Ints
    edge_node: Ints
    edge_batch: Ints
    edge_share: Floats
    triangle: Triangle

    @classmethod
    def of(cls, graph: Graph) -> Self:
        """Build it."""
        step_of, width = graph.batches["step"].to_numpy(), max(1, len(graph.elements))

        def keys(step: Ints, rows: pl.DataFrame) -> Ints:
            keyed: Ints = step.astype(np.int64) * width + rows["element"].to_numpy()
            return keyed

        kept = graph.taken.filter(pl.col("batch") >= 0)
        pairs = keys(step_of[graph.contained["batch"].to_numpy()], graph.contained)
        parents = keys(step_of[kept["batch"].to_numpy()], kept)
        entering = keys(graph.taken["step"].to_numpy(), graph.taken)
        present = np.zeros(graph.steps.height * width, dtype=bool)
        for some in (pairs, parents, entering):
            present[some] = True
        nodes, number = np.flatnonzero(present), np.cumsum(present, dtype=np.int32) - 1

        entered = summed(graph.taken["mass_mg"], number[entering], nodes.size)
        edge_node = number[keys(kept["step"].to_numpy(), kept)]
        edge_share = kept["mass_mg"].to_numpy() / entered[edge_node]
        source = entered == 0
        lost = graph.taken["batch"].to_numpy() < 0
        gone = summed(graph.taken["mass_mg"].to_numpy()[lost], number[entering[lost]], nodes.size)
        return cls(
            graph=graph,
            node_step=nodes // width,
            node_element=nodes % width,
            source=source,
            unknown=np.divide(gone, entered, out=np.zeros(nodes.size), where=~source),
            pair_node=number[pairs],
            edge_node=edge_node,
            edge_batch=kept["batch"].to_numpy(),
            edge_share=edge_share,
            triangle=Triangle.of(edge_node, number[parents], edge_share, nodes.size),
        )

    def matrix(self, element: str) -> Any:
        """Give the shares of content of one element, batch by batch.

        Returns:
            A sparse array of shape ``(batches, batches)``, strictly lower triangular.
        """
        from scipy.sparse import coo_array

        size = self.graph.names.len()
        chosen, rows = self._edges(element), self._pairs(element)
        made = coo_array(
            (np.ones(rows.size), (self.graph.contained["batch"].to_numpy()[rows], self.pair_node[rows])),
            (size, self.node_step.size),
        )
        used = coo_array(
            (self.edge_share[chosen], (self.edge_node[chosen], self.edge_batch[chosen])), (self.node_step.size, size)
        )
        return made.tocsr() @ used.tocsr()

    def origins(self) -> pl.DataFrame:
        """Give the shares by country and site where the metal entered; see `Lineage.origins`."""
        from scipy.sparse import coo_array

        size, places = self.node_step.size, len(self.graph.places)
        sources = np.flatnonzero(self.source)
        place = self.graph.steps["place"].to_numpy()[self.node_step[sources]]
        found: list[tuple[Ints, Ints, Floats]] = []
        for first in range(0, places, AT_ONCE):
            own = np.zeros((size, min(AT_ONCE, places - first)), order="F")
            here = (place >= first) & (place < first + AT_ONCE)
            own[sources[here], place[here] - first] = 1.0
            if first == 0:
                own[:, 0] += self.unknown
            by_place = self.triangle.solve(own).T
            column, node = np.nonzero(by_place)
            found.append((node, column + first, by_place[column, node]))
        node, column, value = (np.concatenate(each) for each in zip(*found, strict=True))
        shares = coo_array((value, (node, column)), (size, places)).tocsr()

        counts = np.diff(shares.indptr)[self.pair_node].astype(np.int64)
        starts = shares.indptr[self.pair_node] - (np.cumsum(counts) - counts)
        cells = np.repeat(starts, counts) + np.arange(counts.sum())
        share, column = shares.data[cells], shares.indices[cells]
        mass = apportion(self.graph.contained["mass_mg"].to_numpy(), weights_of(share), counts)
        countries, sites = zip(*self.graph.places, strict=True)
        return self._named(np.repeat(np.arange(counts.size), counts)).with_columns(
            _texts("country", countries, column),
            _texts("site", sites, column),
            pl.Series("share", share),
            pl.Series("mass_mg", mass, pl.Int64),
        )

    def recycled(self) -> pl.DataFrame:
        """Give the recycled share and its kinds; see `Lineage.recycled_kinds`."""
        share = np.where(self.graph.steps["enters"], self.graph.steps["recycled_share"], 0.0)[self.node_step]
        kind = self.graph.steps["recycled_kind"].to_numpy()[self.node_step]
        own = np.zeros((self.node_step.size, len(RECYCLED)), order="F")
        own[:, 0] = share * self.source
        for number in range(1, len(RECYCLED)):
            own[:, number] = own[:, 0] * (kind == number)
        solved = self.triangle.solve(own)[self.pair_node]
        return self._named(np.arange(self.pair_node.size)).with_columns(
            pl.Series(name, solved[:, number]) for number, name in enumerate(("share", *RECYCLED[1:]))
        )

    def came_of(self, batch: str, element: str) -> pl.DataFrame:
        """Give what came of a batch; see `Lineage.came_of`."""
        row, chosen = self.graph.row(batch), self._edges(element)
        chosen = chosen[self.edge_batch[chosen] == row]
        own = summed(self.edge_share[chosen], self.edge_node[chosen], self.node_step.size)
        share = self.triangle.solve(own[:, None])[:, 0][self.pair_node]
        rows = self._pairs(element)
        rows = rows[share[rows] > 0]
        return self._parts(self.graph.contained["batch"].to_numpy()[rows], share[rows], self._mass(rows))

    def came_from(self, batch: str, element: str) -> pl.DataFrame:
        """Give the batches that a batch came from; see `Lineage.came_from`."""
        rows = self._pairs(element)
        rows = rows[self.graph.contained["batch"].to_numpy()[rows] == self.graph.row(batch)]
        own = summed(np.ones(rows.size), self.pair_node[rows], self.node_step.size)
        flow = self.triangle.solve_back(own[:, None])[:, 0]
        share = summed(flow[self.edge_node] * self.edge_share, self.edge_batch, self.graph.names.len())
        found = self.graph.order[share[self.graph.order] > 0]
        return self._parts(found, share[found], self._mass(rows))

    def _edges(self, element: str) -> Ints:
        return np.flatnonzero(self.node_element[self.edge_node] == self._number(element))

    def _pairs(self, element: str) -> Ints:
        return np.flatnonzero(self.graph.contained["element"].to_numpy() == self._number(element))

    def _number(self, element: str) -> int:
        return self.graph.elements.index(element) if element in self.graph.elements else -1

    def _mass(self, rows: Ints) -> Ints:
        mass: Ints = self.graph.contained["mass_mg"].to_numpy()[rows]
        return mass

    def _parts(self, batches: Ints, share: Floats, mass: Ints) -> pl.DataFrame:
        parts = pl.Series("mass_mg", np.rint(share * mass), pl.Int64)
        return pl.DataFrame([self.graph.names.gather(batches), pl.Series("share", share), parts])

    def _named(self, rows: Ints) -> pl.DataFrame:
        """Give batch and element of rows of ``graph.contained``."""
        batch, element = (self.graph.contained[name].to_numpy()[rows] for name in ("batch", "element"))
        return pl.DataFrame([self.graph.names.gather(batch), _texts("element", self.graph.elements, element)])


def _texts(name: str, texts: tuple[str, ...], numbers: Ints) -> pl.Series:
    return pl.Series(name, texts, pl.String).gather(numbers)
