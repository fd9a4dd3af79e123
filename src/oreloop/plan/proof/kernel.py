"""The exact kernel of a small sparse matrix, by elimination in whole numbers."""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd

Row = dict[int, int]


def kernel_line(rows: Sequence[Row], unknowns: int) -> list[int] | None:
    """Find the one direction in which a matrix vanishes.

    Args:
        rows: whole numbers by column, ``rows[k][j]``.
        unknowns: how many columns there are.

    Returns:
        Whole numbers without a common divisor, shape ``(unknowns,)``; None when the kernel is not exactly a line.

    >>> kernel_line([{0: 1, 1: -2}], 2)
    [2, 1]
    >>> kernel_line([{0: 1}, {1: 1}], 2) is None
    True
    """
    left = [row for given in rows if (row := _reduced({j: v for j, v in given.items() if v}))]
    solved: list[tuple[int, Row]] = []
    while left:
        # The shortest row, at its rarest column, fills in least.
        counts: dict[int, int] = {}
        for row in left:
            for j in row:
                counts[j] = counts.get(j, 0) + 1
        pivot_row = min(left, key=len)
        at = min(pivot_row, key=lambda j: (counts[j], j))
        left.remove(pivot_row)
        solved.append((at, pivot_row))
        left = [row for each in left if (row := _without(each, at, pivot_row) if at in each else each)]
    if len(solved) != unknowns - 1:
        return None
    (free,) = set(range(unknowns)) - {at for at, _ in solved}
    line = {free: 1}
    for at, row in reversed(solved):
        total = sum(value * line.get(j, 0) for j, value in row.items() if j != at)
        # Scale the line so that the new entry -total / row[at] is whole.
        share = gcd(total, row[at])
        lift = abs(row[at] // share)
        line = {j: value * lift for j, value in line.items()}
        line[at] = -(total * lift) // row[at]
    return list(_reduced({j: line.get(j, 0) for j in range(unknowns)}).values())


def _without(row: Row, at: int, pivot: Row) -> Row:
    """Take as much of a pivot row from a row as leaves nothing at a column."""
    share = gcd(row[at], pivot[at])
    mine, theirs = pivot[at] // share, row[at] // share
    found = {j: value * mine for j, value in row.items()}
    for j, value in pivot.items():
        found[j] = found.get(j, 0) - value * theirs
    return _reduced({j: value for j, value in found.items() if value})


def _reduced(row: Row) -> Row:
    share = gcd(*row.values())
    return {j: value // share for j, value in row.items()} if share > 1 else row
