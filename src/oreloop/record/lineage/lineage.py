"""Where metal comes from, what it cost the climate, and what came of it, for all batches at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import polars as pl

from oreloop.record.lineage import footprint, spread
from oreloop.record.lineage.allocation import Allocation
from oreloop.record.lineage.apportion import Floats, Ints
from oreloop.record.lineage.content import Content
from oreloop.record.lineage.footprint import Burden, Factors
from oreloop.record.lineage.graph import Graph
from oreloop.record.lineage.numbering import Numbered, of_state, of_tables
from oreloop.record.lineage.tables import Tables
from oreloop.record.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """The parents of every batch, as matrices.

    Batches stand in the order in which they came to exist, so that whatever went into a batch stands before it, and the
    matrices of content (per element) and of burden are strictly lower triangular. Each answer about all batches is one
    triangular solve. Make it with `Lineage.of` or `Lineage.of_tables`; every frame is sorted by batch.

    Args:
        graph: batches and steps as columns of numbers.
        content: the content matrix of all elements.
    """

    graph: Graph
    content: Content

    @classmethod
    def of(cls, state: State) -> Self:
        """Give the lineage of a state.

        A batch that is known only because it was used (its making was erased, or it is not in the state) counts as metal
        of unknown origin, not recycled, with the default footprint.
        """
        return cls._of(of_state(state))

    @classmethod
    def of_tables(
        cls, *, batches: pl.DataFrame, contained: pl.DataFrame, used: pl.DataFrame, taken: pl.DataFrame
    ) -> Self:
        """Give the lineage of tables, for graphs too large to be a `State`; their columns are those of `Tables`.

        Raises:
            BadInput: ``record.lineage_columns``, ``record.lineage_value``, ``record.lineage_unknown``,
                ``record.lineage_twice``, ``record.lineage_order``.

        >>> lineage = Lineage.of_tables(
        ...     batches=pl.DataFrame({"batch": ["ore", "metal"], "event": ["mined", "refined"], "gross_mg": [900, 100],
        ...                           "country": ["ZAF", ""], "emissions_g": [50, 20]}),
        ...     contained=pl.DataFrame({"batch": ["ore", "metal"], "element": ["Ir", "Ir"], "mass_mg": [200, 95]}),
        ...     used=pl.DataFrame({"event": ["refined"], "batch": ["ore"], "share": [0.5]}),
        ...     taken=pl.DataFrame({"event": ["refined"], "batch": ["ore"], "element": ["Ir"], "mass_mg": [100]}),
        ... )
        >>> lineage.origins().row(0)
        ('metal', 'Ir', 'ZAF', '', 1.0, 95)
        >>> lineage.footprint({})["co2e_g"].to_list()
        [45, 50]
        """
        return cls._of(of_tables(Tables(batches=batches, contained=contained, used=used, taken=taken)))

    @classmethod
    def _of(cls, numbered: Numbered) -> Self:
        graph = Graph.of(numbered)
        return cls(graph=graph, content=Content.of(graph))

    @property
    def batches(self) -> tuple[str, ...]:
        """All batches in the order in which they came to exist: the rows of the matrices."""
        return tuple(self.graph.names)

    @property
    def elements(self) -> tuple[str, ...]:
        """All elements in any batch, sorted."""
        return self.graph.elements

    def content_matrix(self, element: str) -> Any:
        """Give the shares of content by parent: each row adds up to one, or to zero where metal entered the record.

        Returns:
            Sparse, shape ``(batches, batches)``, strictly lower triangular.
        """
        return self.content.matrix(element)

    def burden_matrix(self, allocation: Allocation | None = None) -> Any:
        """Give the shares of each batch's footprint that went into the batches after it.

        Args:
            allocation: as for `footprint`.

        Returns:
            Sparse, shape ``(batches, batches)``, strictly lower triangular; a column adds up to the share that was used.

        Raises:
            BadInput: ``record.no_weight``, ``record.no_main_product``.
        """
        return Burden.of(self.graph, allocation).matrix()

    def own_g(self, factors: Factors, allocation: Allocation | None = None) -> Floats:
        """Give what each batch adds to its footprint itself, so that ``f = B f + own``.

        Args:
            factors: as for `footprint`.
            allocation: as for `footprint`.

        Returns:
            g CO2e, shape ``(batches,)``.

        Raises:
            BadInput: as `footprint`.
        """
        return footprint.own_g(self.graph, factors, allocation)

    def origins(self) -> pl.DataFrame:
        """Give, per batch and element, the shares by country and site where the metal entered the record.

        Returns:
            Columns batch, element, country, site, share (0 to 1; those of a batch and element add up to one), mass_mg (of
            the batch as it came to exist; whole mg that add up to its content). Unknown origin: empty country and site.
        """
        return self.content.origins()

    def recycled_share(self) -> pl.DataFrame:
        """Give, per batch and element, the share of the content that is recycled.

        Returns:
            Columns batch, element, share (0 to 1).
        """
        return self.recycled_kinds().select("batch", "element", "share")

    def recycled_kinds(self) -> pl.DataFrame:
        """Give the recycled share by kind (ISO 14021).

        Returns:
            Columns batch, element, share (0 to 1), and the parts of it that are pre_consumer and post_consumer; what is
            left of it was stated without its kind.
        """
        return self.content.recycled()

    def came_of(self, batch: str, element: str) -> pl.DataFrame:
        """Give what came of a batch: how much of every later batch is metal of it.

        Metal passes through several batches one after the other, so the masses of a chain do not add up.

        Returns:
            Columns batch, share (of the later batch's content), mass_mg (of it as it came to exist, rounded).

        Raises:
            NotFound: ``record.no_such_batch``.
        """
        return self.content.came_of(batch, element)

    def came_from(self, batch: str, element: str) -> pl.DataFrame:
        """Give what a batch came from: how much of its content passed through every earlier batch.

        Returns:
            Columns batch, share (of this batch's content), mass_mg (of this batch as it came to exist, rounded).

        Raises:
            NotFound: ``record.no_such_batch``.
        """
        return self.content.came_from(batch, element)

    def footprint(self, factors: Factors, allocation: Allocation | None = None) -> pl.DataFrame:
        """Give the partial carbon footprint (ISO 14067) of every batch, from entering the record until it came to exist.

        The declared unit is the batch. It holds what was stated for entering metal, for the steps since, and for the
        transport of what went in; a step that states nothing adds nothing.

        Args:
            factors: g CO2e per g of element, for metal commissioned without a stated footprint.
            allocation: how co-products share: ``mass`` (gross), ``metal`` (contained), ``energy`` or ``economic`` (by
                stated weights), ``system_expansion`` (by stated credits); None: as each step states.

        Returns:
            Columns batch, co2e_g (whole g), co2e_g_per_g (per g of contained metal; null without any), and
            primary_data_share (0 to 1: the part that was stated, not taken from default factors or credits; null for a
            footprint of zero).

        Raises:
            BadInput: ``record.no_factor``; ``record.no_weight`` and ``record.no_main_product`` name the steps whose
                outputs lack what the rule counts.
        """
        return footprint.footprint(self.graph, factors, allocation)

    def footprint_parts(self, factors: Factors, allocation: Allocation | None = None) -> pl.DataFrame:
        """Give what each footprint is made of.

        Args:
            factors: as for `footprint`; a figure of the catalog brings its source.
            allocation: as for `footprint`.

        Returns:
            Columns batch, kind (``stated``, ``default`` or ``credit``), element and source (of a default factor, else
            empty), co2e_g (not rounded; the parts of a batch add up to its footprint).

        Raises:
            BadInput: as `footprint`.
        """
        return footprint.footprint_parts(self.graph, factors, allocation)

    def footprint_spread(
        self,
        factors: Factors,
        *,
        draws: int,
        seed: int,
        allocation: Allocation | None = None,
        assumed_gsd: Mapping[str, float] | None = None,
    ) -> pl.DataFrame:
        """Give how far each footprint spreads because its default factors do.

        Factors are drawn from the lognormal distribution that has their published 95 % interval, independently of each
        other, and one draw of a factor holds for all batches. Nothing else varies: stated emissions, masses, shares and
        credits count as exact, so this is the spread of the defaults and not the whole uncertainty.

        Args:
            factors: as for `footprint`.
            draws: how many.
            seed: of the random numbers; the same seed gives the same answer.
            allocation: as for `footprint`.
            assumed_gsd: geometric standard deviation by element for factors without a published interval, at least 1;
                1 takes the factor as exact. There is no default.

        Returns:
            Columns batch; p05, p50, p95 and mean, g CO2e; and status, where the spread comes from: ``published``,
            ``assumed`` (in part at least), or ``none`` when no default factor is in it.

        Raises:
            BadInput: as `footprint`; ``record.no_spread`` for each element whose factor has no interval and no assumed
                spread; ``record.bad_spread``.
        """
        assumed = assumed_gsd or {}
        return spread.footprint_spread(
            self.graph, factors, draws=draws, seed=seed, allocation=allocation, assumed_gsd=assumed
        )

    def cost(self, costs: Mapping[str, int], allocation: Allocation | None = None) -> pl.DataFrame:
        """Give what every batch cost: costs are handed on like emissions.

        Args:
            costs: what arose with a batch itself (its purchase, its processing), in minor units of one currency.
            allocation: as for `footprint`; with ``system_expansion`` the main product bears all, as credits are no money.

        Returns:
            Columns batch, cost_minor (whole minor units), cost_minor_per_g (per g of contained metal; null without any).

        Raises:
            NotFound: ``record.no_such_batch``.
            BadInput: ``record.no_weight``, ``record.no_main_product``.
        """
        return footprint.cost(self.graph, costs, allocation)

    def upstream(self, batch: str) -> tuple[str, ...]:
        """Give all batches that went into a batch, directly or not, oldest first.

        Raises:
            NotFound: ``record.no_such_batch``.
        """
        return self._named(self.graph.reached(self.graph.row(batch), back=True))

    def downstream(self, batch: str) -> tuple[str, ...]:
        """Give all batches that hold something of a batch, oldest first.

        Raises:
            NotFound: ``record.no_such_batch``.
        """
        return self._named(self.graph.reached(self.graph.row(batch), back=False))

    def _named(self, rows: Ints) -> tuple[str, ...]:
        return tuple(self.graph.names.gather(rows))
