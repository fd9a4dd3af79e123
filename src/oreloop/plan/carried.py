"""A basis carried from one program to another of the same kind, block by block.

What an edit of a table changes is mostly a small part of a program, also where it adds and takes away columns and rows. Where
the index frames of two blocks of one name have a row in common, what was said of it in the one is said of it in the other.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from oreloop.plan.blocks import Block
from oreloop.plan.model import Ints, Model

_SAID = "said"
"""Column of what is carried; no index of a block has it."""


def carried(columns: Ints, rows: Ints, old: Model, new: Model, *, column: int, row: int) -> tuple[Ints, Ints]:
    """Carry what is said of each column and row of a program over to another one.

    Args:
        columns: what is said of the columns of ``old``, shape ``(columns,)``.
        rows: of its rows, shape ``(rows,)``.
        old: the one program.
        new: the other one.
        column: what is said of a column that ``old`` does not have.
        row: of such a row.

    >>> from oreloop.plan import Builder
    >>> one, other = Builder(), Builder()
    >>> _ = one.columns("buy", pl.DataFrame({"offer": ["a", "b"]})), other.columns("buy", pl.DataFrame({"offer": ["b", "c"]}))
    >>> none = np.zeros(0, dtype=np.int64)
    >>> carried(np.array([5, 7]), none, one.build(), other.build(), column=0, row=0)[0].tolist()
    [7, 0]
    """
    return (
        _over(columns, old.column_blocks, new.column_blocks, np.full(new.shape[1], column)),
        _over(rows, old.row_blocks, new.row_blocks, np.full(new.shape[0], row)),
    )


def _over(said: Ints, old: Mapping[str, Block], new: Mapping[str, Block], found: Ints) -> Ints:
    for name, block in new.items():
        if name in old and block.size:
            found[block.slice] = _matched(said[old[name].slice], old[name].index, block.index, found[block.slice])
    return found


def _matched(said: Ints, old: pl.DataFrame, new: pl.DataFrame, otherwise: Ints) -> Ints:
    """What is said of the rows of an index frame, for those of another one."""
    if not old.width or old.schema != new.schema:
        return otherwise
    if old.equals(new):
        return said
    known = old.with_columns(pl.Series(_SAID, said)).unique(old.columns, keep="first", maintain_order=True)
    there = new.join(known, on=old.columns, how="left", nulls_equal=True, maintain_order="left")[_SAID]
    return np.where(there.is_not_null(), there.fill_null(0), otherwise)
