"""Reads which series are sums of which, and adds them up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from oreloop.base.errors import BadInput, Place, problem
from oreloop.forecast.panel import Floats, absent_columns, as_polars

if TYPE_CHECKING:
    from scipy.sparse import csr_array

TABLE = "hierarchy"
TOTAL = "total"
"""Level of the sum of everything, and its only node where the levels come from columns."""
BOTTOM = "bottom"
"""Level of the series that are sums of no others."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Hierarchy:
    """Nodes that are sums of bottom series.

    Args:
        ids: nodes: the sums, from the top down, then the bottom series; sorted within a level.
        levels: name of the level of each node; ``bottom`` for the bottom series.
        sums: shape (sums, bottom series), sparse: which bottom series each sum adds up.
    """

    ids: tuple[str, ...]
    levels: tuple[str, ...]
    sums: csr_array

    @property
    def bottom(self) -> tuple[str, ...]:
        """The bottom series, in the order of the columns of ``sums``."""
        return self.ids[self.sums.shape[0] :]

    @property
    def summing(self) -> csr_array:
        """The summing matrix, shape (nodes, bottom series), sparse: ``sums`` above an identity."""
        from scipy.sparse import csr_array, eye_array, vstack

        return csr_array(vstack([self.sums, eye_array(self.sums.shape[1])]))

    @classmethod
    def of_parents(cls, table: Any) -> Hierarchy:
        """Read a tree, or several: each row names a node and the node it is part of.

        Args:
            table: polars or pandas: ``unique_id``, ``parent`` (null or empty at a top). A parent without a row of its own
                is a top. Levels are named by their distance from the top: ``0``, ``1`` ...

        Raises:
            BadInput: ``forecast.no_column``, ``forecast.empty``, ``forecast.hierarchy_empty_id``,
                ``forecast.hierarchy_twice`` (a node with two rows), ``forecast.hierarchy_cycle``.

        >>> table = pl.DataFrame({"unique_id": ["Pt", "sponge", "salt"], "parent": [None, "Pt", "Pt"]})
        >>> tree = Hierarchy.of_parents(table)
        >>> tree.ids, aggregate(tree, np.array([[3.0], [4.0]])).ravel().tolist()
        (('Pt', 'salt', 'sponge'), [7.0, 3.0, 4.0])
        """
        frame = _texts(table, ("unique_id", "parent"))
        _refuse_twice(frame["unique_id"])
        above = {node: parent or None for node, parent in frame.iter_rows()}
        above.update({parent: None for parent in set(above.values()) if parent is not None and parent not in above})
        paths = {node: _upwards(node, above) for node in above}
        parents = set(above.values())
        bottom = sorted(node for node in above if node not in parents)
        tops = sorted((node for node in above if node in parents), key=lambda node: (len(paths[node]), node))
        row = {node: place for place, node in enumerate(tops)}
        members = [
            (row[node], column) for column, leaf in enumerate(bottom) for node in paths[leaf][1:] if node is not None
        ]
        depth = [str(len(paths[node]) - 1) for node in tops]
        return _made(tuple(tops), tuple(depth), tuple(bottom), members)

    @classmethod
    def of_columns(
        cls, table: Any, columns: Sequence[str], *, groups: Iterable[tuple[str, ...]] | None = None
    ) -> Hierarchy:
        """Read the attributes of the bottom series; every combination of values in a group is a node.

        Args:
            table: polars or pandas: ``unique_id`` of each bottom series and its attributes.
            columns: attributes, each nested in the one before (metal, grade, customer).
            groups: which columns make a level; ``()`` is the total. Not given: the total and the first one, two ... of
                ``columns``. Crossed groups are named here: ``[(), ("State",), ("Purpose",), ("State", "Purpose")]``. A
                group that only renames the bottom series is left out.

        Raises:
            BadInput: ``forecast.no_column``, ``forecast.empty``, ``forecast.hierarchy_empty_id``,
                ``forecast.hierarchy_twice``.

        >>> table = pl.DataFrame({"unique_id": ["a", "b"], "metal": ["Pt", "Pt"], "grade": ["sponge", "salt"]})
        >>> Hierarchy.of_columns(table, ("metal", "grade")).ids
        ('total', 'metal=Pt', 'a', 'b')
        """
        wanted = [tuple(columns[:count]) for count in range(len(columns) + 1)] if groups is None else list(groups)
        names = tuple(dict.fromkeys((*columns, *(name for group in wanted for name in group))))
        frame = _texts(table, ("unique_id", *names)).sort("unique_id")
        found = [
            problem("forecast.hierarchy_empty_id", Place(file=TABLE, column=name), series=series)
            for name in names
            for series in frame.filter(pl.col(name) == "")["unique_id"]
        ]
        if found:
            raise BadInput(found)
        bottom = tuple(frame["unique_id"])
        ids: list[str] = []
        levels: list[str] = []
        members: list[tuple[int, int]] = []
        for group in dict.fromkeys(wanted):
            labels = [_label(group, values) for values in frame.select(group).iter_rows()] or [TOTAL] * len(bottom)
            nodes = sorted(set(labels))
            if len(nodes) == len(bottom) and group:
                continue
            row = {node: len(ids) + place for place, node in enumerate(nodes)}
            members += [(row[label], column) for column, label in enumerate(labels)]
            ids += nodes
            levels += ["/".join(group) or TOTAL] * len(nodes)
        _refuse_twice(pl.Series([*ids, *bottom]))
        return _made(tuple(ids), tuple(levels), bottom, members)


def aggregate(hierarchy: Hierarchy, bottom: Floats) -> Floats:
    """Add bottom values up to all nodes.

    Args:
        hierarchy: which nodes are sums of which bottom series.
        bottom: shape (bottom series, ...), in the order of ``hierarchy.bottom``.

    Returns:
        Shape (nodes, ...), in the order of ``hierarchy.ids``.
    """
    flat = bottom.reshape(len(bottom), -1)
    return np.concatenate([hierarchy.sums @ flat, flat]).reshape(-1, *bottom.shape[1:])


def _made(ids: tuple[str, ...], levels: tuple[str, ...], bottom: tuple[str, ...], members: Any) -> Hierarchy:
    from scipy.sparse import csr_array

    rows, columns = np.array(members, dtype=np.int64).reshape(-1, 2).T
    return Hierarchy(
        ids=ids + bottom,
        levels=levels + (BOTTOM,) * len(bottom),
        sums=csr_array((np.ones(len(rows)), (rows, columns)), shape=(len(ids), len(bottom))),
    )


def _label(group: tuple[str, ...], values: tuple[str, ...]) -> str:
    return ", ".join(f"{name}={value}" for name, value in zip(group, values, strict=True))


def _upwards(node: str, above: dict[str, str | None]) -> list[str]:
    """Give a node and all that it is part of, up to a top."""
    path = [node]
    while (parent := above[path[-1]]) is not None:
        path.append(parent)
        if parent == node or len(path) > len(above):
            raise BadInput.of("forecast.hierarchy_cycle", Place(file=TABLE, column="parent"), series=node)
    return path


def _texts(table: Any, names: tuple[str, ...]) -> pl.DataFrame:
    """Bring the named columns to text; an empty cell is empty text, which only ``parent`` may be."""
    frame = as_polars(table, TABLE)
    if found := absent_columns(frame, TABLE, names):
        raise BadInput(found)
    if frame.is_empty():
        raise BadInput.of("forecast.empty", Place(file=TABLE))
    frame = frame.select(pl.col(name).cast(pl.String).fill_null("") for name in names)
    unnamed = (frame["unique_id"] == "").arg_true()
    if len(unnamed):
        raise BadInput(
            problem("forecast.hierarchy_empty_id", Place(file=TABLE, line=line + 2, column="unique_id"), series="")
            for line in unnamed
        )
    return frame


def _refuse_twice(ids: pl.Series) -> None:
    twice = ids.filter(ids.is_duplicated()).unique().sort()
    if len(twice):
        raise BadInput(
            problem("forecast.hierarchy_twice", Place(file=TABLE, column="unique_id"), series=each) for each in twice
        )
