"""A linear program stated as named blocks: an index frame, column or row offsets, sparse triplets.

A block is a run of consecutive columns (or rows), one for each row of its index frame. Coefficients are added by
arrays of positions inside two blocks, so that no loop over single variables is needed::

    lp = Builder()
    ship = lp.columns("ship", lanes, upper=capacity, cost=freight)
    balance = lp.rows("balance", nodes, lower=demand, upper=demand)
    lp.add(balance, lanes_to, ship, ship.all, 1.0)
    model = lp.build()

The same layer states any linear program in numpy terms; it knows neither metals nor solvers.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.sparse import coo_array

from oreloop.base.errors import BadInput

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Numbers = float | Floats

_ARRAYS = (
    ("cost", "<f8"), ("lower", "<f8"), ("upper", "<f8"), ("row_lower", "<f8"), ("row_upper", "<f8"),
    ("indptr", "<i8"), ("indices", "<i8"), ("data", "<f8"),
)  # fmt: skip
_MAGIC = b"oreloop.model/1\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A named run of columns or rows.

    Args:
        name: its name, unique among columns (or rows).
        index: one row for each column (row) of the program.
        start: position of the first one in the program.
    """

    name: str
    index: pl.DataFrame
    start: int

    @property
    def size(self) -> int:
        """How many columns (rows) it has."""
        return self.index.height

    @property
    def all(self) -> Ints:
        """Every position inside the block, shape ``(size,)``."""
        return np.arange(self.size, dtype=np.int64)

    @property
    def slice(self) -> slice:
        """Where the block lies in the vectors of the program."""
        return slice(self.start, self.start + self.size)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Model:
    """Minimise ``cost @ x + offset`` with ``row_lower <= A x <= row_upper`` and ``lower <= x <= upper``.

    ``A`` is held by columns: ``indptr`` shape ``(columns + 1,)``, ``indices`` and ``data`` shape ``(nonzeros,)``.
    Infinite bounds are allowed; vectors are float64, shape ``(columns,)`` or ``(rows,)``.
    """

    cost: Floats
    lower: Floats
    upper: Floats
    row_lower: Floats
    row_upper: Floats
    indptr: Ints
    indices: Ints
    data: Floats
    offset: float = 0.0
    column_blocks: Mapping[str, Block] = field(default_factory=dict)
    row_blocks: Mapping[str, Block] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self.row_lower), len(self.cost)

    def of_columns(self, name: str, values: Floats) -> Floats:
        """Cut the part of a column vector that belongs to a block."""
        return values[self.column_blocks[name].slice]

    def of_rows(self, name: str, values: Floats) -> Floats:
        """Cut the part of a row vector that belongs to a block."""
        return values[self.row_blocks[name].slice]

    def same_matrix(self, other: Model) -> bool:
        """Tell whether two models differ in vectors only."""
        return (
            self.shape == other.shape
            and np.array_equal(self.indptr, other.indptr)
            and np.array_equal(self.indices, other.indices)
            and np.array_equal(self.data, other.data)
        )

    def is_close(self, other: Model, relative: float) -> bool:
        """Tell whether another model says the same up to a relative difference, as sums on another machine may leave."""
        if self.shape != other.shape or len(self.data) != len(other.data):
            return False
        return all(
            np.array_equal(mine, theirs)
            if kind == "<i8"
            else np.allclose(mine, theirs, rtol=relative, atol=relative * 1e-3)
            for name, kind in (*_ARRAYS, ("offset", "<f8"))
            for mine, theirs in [(getattr(self, name), getattr(other, name))]
        )

    def with_rows(self, row_lower: Floats, row_upper: Floats) -> Model:
        """Give the same model with other row bounds, shape ``(rows,)``."""
        return replace(self, row_lower=row_lower, row_upper=row_upper)

    @property
    def digest(self) -> str:
        """SHA-256 of `model_bytes`: two models share it only when every number is the same."""
        return hashlib.sha256(model_bytes(self)).hexdigest()


def model_bytes(model: Model) -> bytes:
    """Write the arrays of a model, without its blocks, in one canonical form.

    A line that names the form, a little-endian 8-byte header length, a JSON header with the length of each array,
    then the offset and the arrays as little-endian 8-byte numbers. Minus zero is written as zero.
    """
    header = json.dumps(
        {"arrays": [[name, kind, len(getattr(model, name))] for name, kind in _ARRAYS]}, separators=(",", ":")
    ).encode()
    chunks = [_MAGIC, struct.pack("<Q", len(header)), header, struct.pack("<d", model.offset + 0.0)]
    for name, kind in _ARRAYS:
        array = np.asarray(getattr(model, name), dtype=kind)
        chunks.append((array + np.zeros(1, dtype=kind)).tobytes())
    return b"".join(chunks)


def read_model(data: bytes) -> Model:
    """Read what `model_bytes` wrote.

    Raises:
        BadInput: ``plan.not_a_model`` when the bytes are not exactly one model.
    """
    start = len(_MAGIC) + 8
    try:
        if data[: len(_MAGIC)] != _MAGIC:
            raise ValueError
        (length,) = struct.unpack("<Q", data[len(_MAGIC) : start])
        header = json.loads(data[start : start + length])
        if [(name, kind) for name, kind, _ in header["arrays"]] != list(_ARRAYS):
            raise ValueError
        position = start + length + 8
        (offset,) = struct.unpack("<d", data[start + length : position])
        arrays: dict[str, Any] = {}
        for name, kind, count in header["arrays"]:
            arrays[name] = np.frombuffer(data, dtype=kind, count=count, offset=position)
            position += 8 * count
        model = Model(offset=offset, **arrays)
        if position != len(data) or not _consistent(model) or model_bytes(model) != data:
            raise ValueError
    except (ValueError, KeyError, TypeError, struct.error):
        raise BadInput.of("plan.not_a_model") from None
    return model


def _consistent(model: Model) -> bool:
    rows, columns = model.shape
    return (
        len(model.lower) == len(model.upper) == columns
        and len(model.row_upper) == rows
        and len(model.indptr) == columns + 1
        and len(model.indices) == len(model.data)
        and model.indptr[0] == 0
        and model.indptr[-1] == len(model.data)
        and bool(np.all(np.diff(model.indptr) >= 0))
        and bool(np.all((model.indices >= 0) & (model.indices < rows)))
        and bool(np.all(np.isfinite(model.cost)) and np.all(np.isfinite(model.data)))
        and not any(bool(np.isnan(getattr(model, name)).any()) for name in ("lower", "upper", "row_lower", "row_upper"))
    )


class Builder:
    """Collects blocks and triplets, then builds one `Model`.

    >>> import polars as pl
    >>> lp = Builder()
    >>> buy = lp.columns("buy", pl.DataFrame({"offer": ["a", "b"]}), upper=[5.0, 9.0], cost=[2.0, 3.0])
    >>> need = lp.rows("need", pl.DataFrame({"site": ["fab"]}), lower=7.0)
    >>> lp.add(need, [0, 0], buy, buy.all, 1.0)
    >>> lp.build().shape
    (1, 2)
    """

    def __init__(self) -> None:
        self._columns: dict[str, Block] = {}
        self._rows: dict[str, Block] = {}
        self._column_vectors: dict[str, list[Floats]] = {"cost": [], "lower": [], "upper": []}
        self._row_vectors: dict[str, list[Floats]] = {"row_lower": [], "row_upper": []}
        self._triplets: list[tuple[Ints, Ints, Floats]] = []

    def columns(
        self, name: str, index: pl.DataFrame, *, lower: Any = 0.0, upper: Any = np.inf, cost: Any = 0.0
    ) -> Block:
        """Add a block of variables; each vector is a number or has shape ``(index.height,)``."""
        block = Block(name=name, index=index, start=sum(each.size for each in self._columns.values()))
        _put(self._columns, block)
        for key, value in (("cost", cost), ("lower", lower), ("upper", upper)):
            self._column_vectors[key].append(_filled(value, block.size))
        return block

    def rows(self, name: str, index: pl.DataFrame, *, lower: Any = -np.inf, upper: Any = np.inf) -> Block:
        """Add a block of constraints; each vector is a number or has shape ``(index.height,)``."""
        block = Block(name=name, index=index, start=sum(each.size for each in self._rows.values()))
        _put(self._rows, block)
        for key, value in (("row_lower", lower), ("row_upper", upper)):
            self._row_vectors[key].append(_filled(value, block.size))
        return block

    def add(self, rows: Block, row_positions: Any, columns: Block, column_positions: Any, values: Any) -> None:
        """Add coefficients; the three arrays broadcast, and coefficients that meet in one place are added up."""
        row, column, value = np.broadcast_arrays(
            np.asarray(row_positions, dtype=np.int64),
            np.asarray(column_positions, dtype=np.int64),
            np.asarray(values, dtype=np.float64),
        )
        for positions, block in ((row, rows), (column, columns)):
            if positions.size and (positions.min() < 0 or positions.max() >= block.size):
                raise AssertionError(f"a position outside block {block.name}")
        self._triplets.append((row.ravel() + rows.start, column.ravel() + columns.start, value.ravel()))

    def build(self, offset: float = 0.0) -> Model:
        """Give the model: columns in the order added, entries of a column by row, no stored zeros."""
        columns = {key: _joined(parts) for key, parts in self._column_vectors.items()}
        rows = {key: _joined(parts) for key, parts in self._row_vectors.items()}
        shape = (len(rows["row_lower"]), len(columns["cost"]))
        parts = list(zip(*self._triplets, strict=True)) or [(), (), ()]
        row, column, value = (np.concatenate([*part, np.zeros(0)]) for part in parts)
        matrix = coo_array((value, (row.astype(np.int64), column.astype(np.int64))), shape=shape).tocsc()
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
        matrix.sort_indices()
        return Model(
            **columns,
            **rows,
            indptr=matrix.indptr.astype(np.int64),
            indices=matrix.indices.astype(np.int64),
            data=matrix.data.astype(np.float64),
            offset=offset,
            column_blocks=dict(self._columns),
            row_blocks=dict(self._rows),
        )


def _put(blocks: dict[str, Block], block: Block) -> None:
    if block.name in blocks:
        raise AssertionError(f"block {block.name} twice")
    blocks[block.name] = block


def _filled(value: Any, size: int) -> Floats:
    return np.broadcast_to(np.asarray(value, dtype=np.float64).ravel(), (size,)).copy() if size else np.zeros(0)


def _joined(parts: list[Floats]) -> Floats:
    return np.concatenate([*parts, np.zeros(0)])
