"""A linear or mixed-integer program as arrays, and the one way it is written down.

It knows neither metals nor solvers; `oreloop.plan.blocks` states one in numpy terms.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from oreloop.base.errors import BadInput

if TYPE_CHECKING:
    from oreloop.plan.blocks import Block

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int32]

_ARRAYS = (
    ("cost", "<f8"), ("lower", "<f8"), ("upper", "<f8"), ("row_lower", "<f8"), ("row_upper", "<f8"),
    ("indptr", "<i8"), ("indices", "<i8"), ("data", "<f8"),
)  # fmt: skip
_WHOLE = (*_ARRAYS, ("integer", "<i8"))
_FORMS = {b"oreloop.model/1\n": _ARRAYS, b"oreloop.model/2\n": _WHOLE}
"""The second form is that of programs with whole-number columns."""
_MAGIC_BYTES = len(b"oreloop.model/1\n")


def _no_flags() -> Flags:
    return np.zeros(0, dtype=np.bool_)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Model:
    """Minimise ``cost @ x + offset`` with ``row_lower <= A x <= row_upper`` and ``lower <= x <= upper``.

    ``A`` is held by columns: ``indptr`` shape ``(columns + 1,)``, ``indices`` and ``data`` shape ``(nonzeros,)``.
    Infinite bounds are allowed; vectors are float64, shape ``(columns,)`` or ``(rows,)``. ``integer`` says which columns
    must be whole numbers, shape ``(columns,)``; empty where none must.
    """

    cost: Floats
    lower: Floats
    upper: Floats
    row_lower: Floats
    row_upper: Floats
    indptr: Places
    indices: Places
    data: Floats
    offset: float = 0.0
    integer: Flags = field(default_factory=_no_flags)
    column_blocks: Mapping[str, Block] = field(default_factory=dict)
    row_blocks: Mapping[str, Block] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self.row_lower), len(self.cost)

    @property
    def has_integers(self) -> bool:
        """Whether some column must be a whole number."""
        return bool(self.integer.any())

    @property
    def whole(self) -> Flags:
        """Which columns must be whole numbers, shape ``(columns,)`` also where none must."""
        return self.integer if self.integer.size else np.zeros(len(self.cost), dtype=np.bool_)

    @property
    def entry_columns(self) -> Ints:
        """The column of each entry of ``A``, shape ``(nonzeros,)``; ``indices`` has its row."""
        return np.repeat(np.arange(len(self.cost), dtype=np.int64), np.diff(self.indptr))

    def of_columns(self, name: str, values: Floats) -> Floats:
        """Cut the part of a column vector that belongs to a block."""
        return values[self.column_blocks[name].slice]

    def of_rows(self, name: str, values: Floats) -> Floats:
        """Cut the part of a row vector that belongs to a block."""
        return values[self.row_blocks[name].slice]

    def same_matrix(self, other: Model) -> bool:
        """Tell whether two models differ in vectors only."""
        return self.shape == other.shape and all(
            getattr(self, name) is getattr(other, name) or np.array_equal(getattr(self, name), getattr(other, name))
            for name in ("indptr", "indices", "data", "integer")
        )

    def is_close(self, other: Model, relative: float) -> bool:
        """Tell whether another model says the same up to a relative difference, as sums on another machine may leave."""
        if self.shape != other.shape or len(self.data) != len(other.data):
            return False
        return all(
            np.array_equal(mine, theirs)
            if kind == "<i8"
            else np.allclose(mine, theirs, rtol=relative, atol=relative * 1e-3)
            for name, kind in (*_WHOLE, ("offset", "<f8"))
            for mine, theirs in [(getattr(self, name), getattr(other, name))]
        )

    def with_rows(self, row_lower: Floats, row_upper: Floats) -> Model:
        """Give the same model with other row bounds, shape ``(rows,)``."""
        return replace(self, row_lower=row_lower, row_upper=row_upper)

    def relaxed(self) -> Model:
        """Give the same model without the demand that columns be whole."""
        return replace(self, integer=_no_flags())

    @property
    def is_sound(self) -> bool:
        """Whether the arrays fit together, costs and entries are finite, and no bound is one that no number meets."""
        return _fits(self) and _can_be_met(self)

    @property
    def digest(self) -> str:
        """SHA-256 of `model_bytes`: two models share it only when every number is the same."""
        return hashlib.sha256(model_bytes(self)).hexdigest()


def model_bytes(model: Model) -> bytes:
    """Write the arrays of a model, without its blocks, in one canonical form.

    A line that names the form, a little-endian 8-byte header length, a JSON header with the length of each array,
    then the offset and the arrays as little-endian 8-byte numbers. Minus zero is written as zero.
    """
    magic, arrays = list(_FORMS.items())[model.has_integers]
    header = json.dumps(
        {"arrays": [[name, kind, len(getattr(model, name))] for name, kind in arrays]}, separators=(",", ":")
    ).encode()
    chunks = [magic, struct.pack("<Q", len(header)), header, struct.pack("<d", model.offset + 0.0)]
    for name, kind in arrays:
        array = np.asarray(getattr(model, name), dtype=kind)
        chunks.append((array + np.zeros(1, dtype=kind)).tobytes())
    return b"".join(chunks)


def read_model(data: bytes) -> Model:
    """Read what `model_bytes` wrote.

    Raises:
        BadInput: ``plan.not_a_model`` when the bytes are not exactly one model.
    """
    start = _MAGIC_BYTES + 8
    try:
        form = _FORMS[data[:_MAGIC_BYTES]]
        (length,) = struct.unpack("<Q", data[_MAGIC_BYTES:start])
        header = json.loads(data[start : start + length])
        if [(name, kind) for name, kind, _ in header["arrays"]] != list(form):
            raise ValueError
        position = start + length + 8
        (offset,) = struct.unpack("<d", data[start + length : position])
        arrays: dict[str, Any] = {}
        for name, kind, count in header["arrays"]:
            arrays[name] = np.frombuffer(data, dtype=kind, count=count, offset=position)
            position += 8 * count
        for name in ("indptr", "indices"):
            arrays[name] = np.asarray(arrays[name], dtype=np.int32)
        if "integer" in arrays:
            arrays["integer"] = arrays["integer"] != 0
        model = Model(offset=offset, **arrays)
        if position != len(data) or not model.is_sound or model_bytes(model) != data:
            raise ValueError
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError, struct.error):
        raise BadInput.of("plan.not_a_model") from None
    return model


def _fits(model: Model) -> bool:
    """Whether the lengths of the arrays and the places in the matrix go together."""
    rows, columns = model.shape
    return (
        len(model.lower) == len(model.upper) == columns
        and len(model.row_upper) == rows
        and len(model.indptr) == columns + 1
        and len(model.indices) == len(model.data)
        and len(model.integer) in (0, columns)
        and model.indptr[0] == 0
        and model.indptr[-1] == len(model.data)
        and bool(np.all(np.diff(model.indptr) >= 0))
        and bool(np.all((model.indices >= 0) & (model.indices < rows)))
    )


def _can_be_met(model: Model) -> bool:
    """Whether costs and entries are numbers, and every bound leaves some number: nothing is above an infinite lower bound."""
    priced = np.isfinite(model.offset) and np.isfinite(model.cost).all() and np.isfinite(model.data).all()
    floors = all(bool(np.all(each < np.inf)) for each in (model.lower, model.row_lower))
    ceilings = all(bool(np.all(each > -np.inf)) for each in (model.upper, model.row_upper))
    return bool(priced) and floors and ceilings
