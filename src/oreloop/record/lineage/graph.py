"""The graph of batches and steps as columns of numbers: what every answer about lineage is computed from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from oreloop.base.errors import BadInput, NotFound, problem
from oreloop.record.lineage.apportion import Ints, summed
from oreloop.record.lineage.numbering import Numbered, index_of

RECYCLED = ("", "pre_consumer", "post_consumer")
"""Kinds of recycled metal by number; the first is not stated."""

ALLOCATIONS = ("mass", "metal", "energy", "economic", "system_expansion")
"""How co-products share a burden, by number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """Batches and the steps that made them; in the tables, batches, steps and elements are numbers counted from zero.

    All batches of a step have the same parents, so whatever is handed on is computed once per step.

    Args:
        names: ids of the batches in the order in which they came to exist.
        order: their numbers in order of their ids, shape ``(batches,)``.
        elements: chemical symbols, sorted.
        places: country and site where metal entered, sorted; unknown is ``("", "")``, always the first.
        batches: ``step, gross_mg, weight, credit_g``, a row per batch; blanks are NaN.
        steps: ``event, place, recycled_share, recycled_kind, emissions_g, carried_g, allocation, enters``, a row per
            step; ``enters``: nothing went in, so metal enters the record here.
        contained: ``batch, element, mass_mg``, in order of batch id and element; no zeros.
        used: ``step, batch, share``.
        taken: ``step, batch, element, mass_mg``; batch is -1 for one that is no longer on record; no zeros.
    """

    names: pl.Series
    order: Ints
    elements: tuple[str, ...]
    places: tuple[tuple[str, str], ...]
    batches: pl.DataFrame
    steps: pl.DataFrame
    contained: pl.DataFrame
    used: pl.DataFrame
    taken: pl.DataFrame

    @classmethod
    def of(cls, numbered: Numbered) -> Self:
        """Build it from numbered rows.

        Raises:
            BadInput: ``record.lineage_order`` when a batch does not stand before what was made of it;
                ``record.lineage_value`` for a word that is not known.
        """
        used, taken = numbered.used, numbered.taken.filter(pl.col("mass_mg") > 0)
        step, events = numbered.batches["step"], numbered.events
        for rows in (used, taken):
            _check_order(rows, step, events["event"], numbered.names)
        order = numbered.names.arg_sort().to_numpy().astype(np.int64)
        enters = np.ones(events.height, dtype=bool)
        enters[used["step"].to_numpy()] = False
        places, place = _places(events, enters)
        return cls(
            names=numbered.names,
            order=order,
            elements=numbered.elements,
            places=places,
            batches=numbered.batches,
            steps=events.select(
                "event",
                pl.Series("place", place),
                "recycled_share",
                _code("recycled_kind", RECYCLED, events),
                "emissions_g",
                pl.Series("carried_g", summed(used["carried_g"], used["step"], events.height)),
                _code("allocation", ALLOCATIONS, events),
                pl.Series("enters", enters),
            ),
            contained=_contained(numbered, order),
            used=used.filter(pl.col("batch") >= 0).select("step", "batch", "share"),
            taken=taken,
        )

    def row(self, batch: str) -> int:
        """Give the number of a batch.

        Raises:
            NotFound: ``record.no_such_batch``.
        """
        row = self.names.index_of(batch)
        if row is None:
            raise NotFound.of("record.no_such_batch", batch=batch)
        return row

    def rows(self, batches: Iterable[str]) -> Ints:
        """Give the numbers of batches.

        Raises:
            NotFound: ``record.no_such_batch`` for each that does not exist.
        """
        asked = pl.DataFrame({"batch": pl.Series(list(batches), dtype=pl.String)})
        found = asked.join(index_of(self.names), left_on="batch", right_on="name", how="left", maintain_order="left")
        if (unknown := found.filter(pl.col("number").is_null())).height:
            raise NotFound(problem("record.no_such_batch", batch=batch) for batch in unknown["batch"])
        numbers: Ints = found["number"].to_numpy()
        return numbers

    def reached(self, row: int, *, back: bool) -> Ints:
        """Give the batches that a batch went into, or that went into it, directly or not, oldest first."""
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import breadth_first_order

        batches, steps = self.names.len(), self.steps.height
        made = (self.batches["step"].to_numpy() + batches, np.arange(batches))
        used = (self.used["batch"].to_numpy(), self.used["step"].to_numpy() + batches)
        tails, heads = (np.concatenate(ends) for ends in zip(made, used, strict=True))
        arcs = (heads, tails) if back else (tails, heads)
        arrows = coo_array((np.ones(tails.size, np.int8), arcs), (batches + steps,) * 2).tocsr()
        found = breadth_first_order(arrows, row, return_predecessors=False)
        return np.sort(found[(found < batches) & (found != row)])


def _code(column: str, words: tuple[str, ...], events: pl.DataFrame) -> pl.Series:
    codes = events[column].replace_strict(list(words), list(range(len(words))), default=-1, return_dtype=pl.Int8)
    if (wrong := codes < 0).any():
        row = wrong.arg_true()[0]
        raise BadInput.of(
            "record.lineage_value", table="batches", column=column, row=events["event"][row], got=events[column][row]
        )
    return codes


def _check_order(rows: pl.DataFrame, step: pl.Series, events: pl.Series, names: pl.Series) -> None:
    batch, at = rows["batch"].to_numpy(), rows["step"].to_numpy()
    late = np.flatnonzero(batch >= 0)
    late = late[step.to_numpy()[batch[late]] >= at[late]]
    if late.size:
        event, name = events[int(at[late[0]])], names[int(batch[late[0]])]
        raise BadInput.of("record.lineage_order", event=event, batch=name)


def _places(events: pl.DataFrame, entering: NDArray[np.bool_]) -> tuple[tuple[tuple[str, str], ...], Ints]:
    known = events.select("country", "site")
    places = sorted({("", ""), *known.filter(pl.Series(entering)).unique().rows()})
    listed = pl.DataFrame(places, schema={"country": pl.String, "site": pl.String}, orient="row").with_row_index(
        "place"
    )
    found = known.join(listed, on=["country", "site"], how="left", maintain_order="left")["place"].fill_null(0)
    return tuple(places), np.where(entering, found.to_numpy(), 0)


def _contained(numbered: Numbered, order: Ints) -> pl.DataFrame:
    batch, element = (numbered.contained[name].to_numpy() for name in ("batch", "element"))
    rank = np.empty_like(order)
    rank[order] = np.arange(order.size)
    keys = rank[batch] * max(1, len(numbered.elements)) + element
    sorting = np.argsort(keys, kind="stable")
    if (again := np.flatnonzero(np.diff(keys[sorting]) == 0)).size:
        name = numbered.names[int(batch[sorting[again[0]]])]
        raise BadInput.of("record.lineage_twice", table="contained", got=name)
    return numbered.contained[sorting].filter(pl.col("mass_mg") > 0)
