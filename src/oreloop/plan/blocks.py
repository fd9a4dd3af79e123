"""A program stated as named blocks: axes or an index frame, column or row offsets, sparse triplets.

A block is a run of consecutive columns (or rows). Coefficients are added by arrays of positions inside two blocks, which
broadcast like any numpy arrays, so that no loop over single variables is needed::

    lp = Builder()
    ship = lp.columns("ship", (lanes, periods), upper=capacity[:, None], cost=freight[:, None])
    balance = lp.rows("balance", (nodes, periods), lower=demand, upper=demand)
    lp.add(balance, balance.all[lane_to], ship, ship.all, 1.0)
    model = lp.build()

The same layer states any program of this kind; it knows neither metals nor solvers.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import polars as pl

from oreloop.plan.model import Flags, Floats, Ints, Model, Places


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A named run of columns or rows.

    Args:
        name: its name, unique among columns (or rows).
        shape: its axes; one axis where it has an index frame.
        start: position of the first one in the program.
        index: one row for each column (row) of the program; without columns where the axes are only numbered.
    """

    name: str
    shape: tuple[int, ...]
    start: int
    index: pl.DataFrame

    @property
    def size(self) -> int:
        """How many columns (rows) it has."""
        return prod(self.shape)

    @property
    def all(self) -> Ints:
        """Every position inside the block, in the shape of the block."""
        return np.arange(self.size, dtype=np.int64).reshape(self.shape)

    @property
    def slice(self) -> slice:
        """Where the block lies in the vectors of the program."""
        return slice(self.start, self.start + self.size)


class Builder:
    """Collects blocks and triplets, then builds one `Model`.

    >>> import polars as pl
    >>> lp = Builder()
    >>> buy = lp.columns("buy", pl.DataFrame({"offer": ["a", "b"]}), upper=[5.0, 9.0], cost=[2.0, 3.0])
    >>> need = lp.rows("need", (1,), lower=7.0)
    >>> lp.add(need, 0, buy, buy.all, 1.0)
    >>> lp.build().shape
    (1, 2)
    """

    def __init__(self) -> None:
        self._columns: dict[str, Block] = {}
        self._rows: dict[str, Block] = {}
        self._column_vectors: dict[str, list[Floats]] = {"cost": [], "lower": [], "upper": []}
        self._row_vectors: dict[str, list[Floats]] = {"row_lower": [], "row_upper": []}
        self._integer: list[Flags] = []
        self._triplets: list[tuple[Places, Places, Floats]] = []

    def columns(
        self,
        name: str,
        index: pl.DataFrame | tuple[int, ...],
        *,
        lower: Any = 0.0,
        upper: Any = np.inf,
        cost: Any = 0.0,
        integer: Any = False,
    ) -> Block:
        """Add a block of variables.

        Args:
            name: of the block.
            index: one row for each variable, or the lengths of the axes.
            lower: a number, or an array that has as many values as the block or broadcasts to its shape; as the others.
            upper: infinite where nothing bounds it.
            cost: of one unit.
            integer: whether each must be a whole number, or which of them.
        """
        block = _put(self._columns, name, index)
        for key, value in (("cost", cost), ("lower", lower), ("upper", upper)):
            self._column_vectors[key].append(_filled(value, block))
        self._integer.append(_filled(integer, block, np.bool_))
        return block

    def rows(
        self, name: str, index: pl.DataFrame | tuple[int, ...], *, lower: Any = -np.inf, upper: Any = np.inf
    ) -> Block:
        """Add a block of constraints; arguments as for `columns`."""
        block = _put(self._rows, name, index)
        for key, value in (("row_lower", lower), ("row_upper", upper)):
            self._row_vectors[key].append(_filled(value, block))
        return block

    def add(self, rows: Block, row_positions: Any, columns: Block, column_positions: Any, values: Any) -> None:
        """Add coefficients; the three arrays broadcast, and coefficients that meet in one place are added up."""
        row, column, value = (
            _positions(row_positions, rows),
            _positions(column_positions, columns),
            np.asarray(values, dtype=np.float64),
        )
        shape = np.broadcast_shapes(row.shape, column.shape, value.shape)
        self._triplets.append((_spread(row, shape), _spread(column, shape), _spread(value, shape)))

    def build(self, offset: float = 0.0) -> Model:
        """Give the model: columns in the order added, entries of a column by row, no stored zeros."""
        from scipy.sparse import coo_array

        columns = {key: _joined(parts) for key, parts in self._column_vectors.items()}
        rows = {key: _joined(parts) for key, parts in self._row_vectors.items()}
        shape = (len(rows["row_lower"]), len(columns["cost"]))
        nothing = (np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.int32), np.zeros(0))
        row, column, value = (np.concatenate(part) for part in zip(nothing, *self._triplets, strict=True))
        matrix = coo_array((value, (row, column)), shape=shape).tocsc()
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
        integer = np.concatenate([np.zeros(0, dtype=np.bool_), *self._integer])
        return Model(
            **columns,
            **rows,
            indptr=matrix.indptr.astype(np.int32, copy=False),
            indices=matrix.indices.astype(np.int32, copy=False),
            data=matrix.data,
            offset=offset,
            integer=integer if integer.any() else integer[:0],
            column_blocks=dict(self._columns),
            row_blocks=dict(self._rows),
        )


def _put(blocks: dict[str, Block], name: str, index: pl.DataFrame | tuple[int, ...]) -> Block:
    if name in blocks:
        raise AssertionError(f"block {name} twice")
    last = next(reversed(blocks.values()), None)
    start = 0 if last is None else last.slice.stop
    frame = index if isinstance(index, pl.DataFrame) else pl.DataFrame()
    shape = (index.height,) if isinstance(index, pl.DataFrame) else index
    blocks[name] = Block(name=name, shape=shape, start=start, index=frame)
    return blocks[name]


def _filled(value: Any, block: Block, kind: type[np.generic] = np.float64) -> Any:
    given = np.asarray(value, dtype=kind)
    if given.size != block.size:
        given = np.broadcast_to(given, block.shape)
    return given.flatten()


def _positions(given: Any, block: Block) -> Places:
    """Turn positions inside a block into positions in the program."""
    inside = np.asarray(given)
    if inside.size and (inside.min() < 0 or inside.max() >= block.size):
        raise AssertionError(f"a position outside block {block.name}")
    placed: Places = np.add(inside, block.start, dtype=np.int32, casting="unsafe")
    return placed


def _spread(array: Any, shape: tuple[int, ...]) -> Any:
    return np.broadcast_to(array, shape).reshape(-1)


def _joined(parts: list[Floats]) -> Floats:
    return np.concatenate([np.zeros(0), *parts])
