"""A program stated as named blocks: axes or an index frame, column or row offsets, sparse triplets.

A block is a run of consecutive columns (or rows). Coefficients are added by arrays of positions inside two blocks, which
broadcast like any numpy arrays, so that no loop over single variables is needed::

    lp = Builder()
    ship = lp.columns("ship", (lanes, periods), upper=capacity[:, None], cost=freight[:, None])
    balance = lp.rows("balance", (nodes, periods), lower=demand, upper=demand)
    lp.add(balance, balance.all[lane_to], ship, ship.all, 1.0)
    model = lp.build()

The same layer states any program of this kind; it knows neither metals nor solvers. What makes no sense is refused where it
is said: a number that is none, bounds that cross, an array that does not fit the axes, a position that the block has not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import polars as pl

from oreloop.base.errors import BadInput
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
            lower: a number, or an array that broadcasts to the axes of the block, as numpy does it; where the block has an
                index frame also an array of any axes that has a value for each row, laid end to end. The same holds for
                the others. Finite or ``-inf``.
            upper: ``inf`` where nothing bounds it.
            cost: of one unit; finite.
            integer: whether each must be a whole number, or which of them.

        Raises:
            BadInput: ``plan.block_twice``; ``plan.block_axes`` for an index that is neither; ``plan.block_shape`` for an array
                that does not fit; ``plan.block_value`` for what is no such number; ``plan.block_bounds`` where a lower
                bound is above the upper.
        """
        block = _made(self._columns, name, index)
        low, high = (_filled(value, block, field) for field, value in (("lower", lower), ("upper", upper)))
        _refuse_crossed(block, low, high)
        found = {"cost": _filled(cost, block, "cost"), "lower": low, "upper": high}
        flags = _filled(integer, block, "integer").astype(np.bool_)
        self._columns[name] = block
        for key, vector in found.items():
            self._column_vectors[key].append(vector)
        self._integer.append(flags)
        return block

    def rows(
        self, name: str, index: pl.DataFrame | tuple[int, ...], *, lower: Any = -np.inf, upper: Any = np.inf
    ) -> Block:
        """Add a block of constraints; arguments and refusals as for `columns`."""
        block = _made(self._rows, name, index)
        low, high = (_filled(value, block, field) for field, value in (("lower", lower), ("upper", upper)))
        _refuse_crossed(block, low, high)
        self._rows[name] = block
        self._row_vectors["row_lower"].append(low)
        self._row_vectors["row_upper"].append(high)
        return block

    def add(self, rows: Block, row_positions: Any, columns: Block, column_positions: Any, values: Any) -> None:
        """Add coefficients; the three arrays broadcast, and coefficients that meet in one place are added up.

        Args:
            rows: a block of rows of this builder.
            row_positions: whole numbers from 0 up to, not including, the size of the block.
            columns: a block of columns of this builder.
            column_positions: as for the rows.
            values: finite.

        Raises:
            BadInput: ``plan.block_foreign`` for a block that is none of this builder's rows (or columns);
                ``plan.block_position`` for a position that the block has not; ``plan.block_value`` for a coefficient that is
                no finite number; ``plan.block_broadcast`` for arrays that do not broadcast together.
        """
        for field, block, own in (("rows", rows, self._rows), ("columns", columns, self._columns)):
            if not isinstance(block, Block) or own.get(block.name) is not block:
                raise BadInput.of("plan.block_foreign", field=field, got=getattr(block, "name", type(block).__name__))
        row, column = _positions(row_positions, rows), _positions(column_positions, columns)
        value = _numbers(values, "values", f"{rows.name}, {columns.name}")
        try:
            shape = np.broadcast_shapes(row.shape, column.shape, value.shape)
        except ValueError:
            raise BadInput.of(
                "plan.block_broadcast", rows=rows.name, columns=columns.name,
                got=f"{row.shape}, {column.shape}, {value.shape}",
            ) from None  # fmt: skip
        self._triplets.append((_spread(row, shape), _spread(column, shape), _spread(value, shape)))

    def build(self, offset: float = 0.0) -> Model:
        """Give the model: columns in the order added, entries of a column by row, no stored zeros.

        Args:
            offset: what is paid whatever the plan is.

        Raises:
            BadInput: ``plan.block_value`` for an offset that is no finite number.
        """
        from scipy.sparse import coo_array

        offset = _numbers(offset, "offset", "-").item()
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


def _made(blocks: dict[str, Block], name: str, index: Any) -> Block:
    """A block behind the others."""
    if name in blocks:
        raise BadInput.of("plan.block_twice", block=name)
    last = next(reversed(blocks.values()), None)
    start = 0 if last is None else last.slice.stop
    if isinstance(index, pl.DataFrame):
        return Block(name=name, shape=(index.height,), start=start, index=index)
    if not (isinstance(index, tuple) and all(isinstance(each, int | np.integer) and each >= 0 for each in index)):
        raise BadInput.of(
            "plan.block_axes", block=name, got=index if isinstance(index, tuple) else type(index).__name__
        )
    return Block(name=name, shape=tuple(map(int, index)), start=start, index=pl.DataFrame())


def _filled(value: Any, block: Block, field: str) -> Any:
    """One number for each column (row) of a block, laid end to end."""
    given = _numbers(value, field, block.name)
    # The rows of an index frame mostly are pairs, such as offer and period: their values may come in the axes of the pair.
    framed = given.ndim > 1 and given.size == block.size and block.index.width > 0
    try:
        return given.flatten() if framed else np.broadcast_to(given, block.shape).flatten()
    except ValueError:
        raise BadInput.of(
            "plan.block_shape", field=field, block=block.name, got=given.shape, expected=block.shape
        ) from None


_ALLOWED: Mapping[str, tuple[float, ...]] = {"lower": (-np.inf,), "upper": (np.inf,)}
"""What a field may be beside a finite number."""


def _numbers(value: Any, field: str, block: str) -> Any:
    """Read numbers as floats and refuse what is none: text, nan, an infinity on the wrong side, a flag beside 0 and 1."""
    try:
        given = np.asarray(value)
        if given.dtype.kind not in "biufO":
            raise TypeError
        read = given.astype(np.float64, copy=False)
    except (TypeError, ValueError, OverflowError):
        shown = value if isinstance(value, str | complex) else type(value).__name__
        raise BadInput.of("plan.block_value", field=field, block=block, got=shown) from None
    fits = np.isfinite(read) if field != "integer" else (read == 0) | (read == 1)
    if not fits.all():
        for allowed in _ALLOWED.get(field, ()):
            fits |= read == allowed
        if not fits.all():
            raise BadInput.of("plan.block_value", field=field, block=block, got=read[~fits][0])
    return read


def _refuse_crossed(block: Block, lower: Floats, upper: Floats) -> None:
    crossed = lower > upper
    if crossed.any():
        at = int(crossed.argmax())
        raise BadInput.of("plan.block_bounds", block=block.name, at=at, lower=lower[at], upper=upper[at])


def _positions(given: Any, block: Block) -> Places:
    """Turn positions inside a block into positions in the program; a mask of flags holds none."""
    try:
        inside = np.asarray(given)
    except ValueError:
        inside = np.asarray(given, dtype=np.object_)
    if inside.size:
        if inside.dtype.kind not in "iuf":
            raise BadInput.of("plan.block_position", block=block.name, got=inside.flat[0], size=block.size)
        inside_block = inside.min() >= 0 and inside.max() < block.size  # never so with a nan
        if not inside_block or (inside.dtype.kind == "f" and (inside != np.rint(inside)).any()):
            wrong = ~((inside >= 0) & (inside < block.size) & (inside == np.rint(inside)))
            raise BadInput.of("plan.block_position", block=block.name, got=inside[wrong][0], size=block.size)
    placed: Places = np.add(inside, block.start, dtype=np.int32, casting="unsafe")
    return placed


def _spread(array: Any, shape: tuple[int, ...]) -> Any:
    return np.broadcast_to(array, shape).reshape(-1)


def _joined(parts: list[Floats]) -> Floats:
    return np.concatenate([np.zeros(0), *parts])
