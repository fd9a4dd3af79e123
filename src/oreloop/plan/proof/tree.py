"""The bound of a program with whole-number columns: a tree of splits whose leaves are bounded one by one, exactly.

The tree is a list in preorder. ``{"split": j, "at": k}`` says that the first following subtree is about ``x_j <= k`` and
the second about ``x_j >= k + 1``; for a whole-number column they leave nothing out. ``{"bound": [...]}`` is a leaf with
row multipliers that bound the cost over its box; ``{"empty": [...]}`` one with row multipliers that prove that its box
holds no feasible point. So the leaves cover the box of the program by construction, and the least of their bounds is a
bound of the program.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from oreloop.plan.proof.exact import Exact, Program, exact, finite, read_hex

_LARGEST = 2**53


def tree_bound(program: Program, tree: Sequence[Mapping[str, Any]]) -> Fraction | None:
    """Give the least bound of the leaves, exactly; None when it is minus infinity.

    Args:
        program: the program.
        tree: its splits and leaves.

    Raises:
        ValueError: this is no such tree.
        KeyError, TypeError, OverflowError: likewise.
    """
    if len(tree) != 2 * sum("split" in node for node in tree) + 1:
        raise ValueError  # a leaf more than splits, or it is no tree: known before anything is worked out
    model = program.model
    rows, columns = model.shape
    least: Fraction | None = None
    endless = False
    box = _Box(exact(model.lower), exact(model.upper))
    # Subtrees that are still to come: at which depth of the box they begin, and what they narrow first.
    coming: list[tuple[int, tuple[int, int, int] | None]] = [(0, None)]
    for node in tree:
        if not coming:
            raise ValueError
        depth, narrower = coming.pop()
        box.widen(depth)
        if narrower is not None:
            box.narrow(*narrower)
        if "split" in node:
            column, at = node["split"], node["at"]
            if type(column) is not int or type(at) is not int or not 0 <= column < columns or abs(at) > _LARGEST:
                raise ValueError
            if not model.has_integers or not model.integer[column]:
                raise ValueError
            coming += [(box.depth, (column, at + 1, 1)), (box.depth, (column, at, -1))]
            continue
        priced = "bound" in node
        duals = finite(read_hex(node["bound" if priced else "empty"]))
        if len(duals.values) != rows:
            raise ValueError
        bound = program.bound(duals, box.lower, box.upper, priced=priced)
        if priced and bound is not None:
            least = bound if least is None else min(least, bound)
        elif priced or bound is None or bound <= 0:
            endless = True
    return None if endless else least


class _Box:
    """The box of a program, narrowed split by split and widened again: however deep a tree is, there is one box."""

    def __init__(self, lower: Exact, upper: Exact) -> None:
        self._values = {1: list(lower.values), -1: list(upper.values)}
        self._scales = {1: lower.scale, -1: upper.scale}
        self.lower, self.upper = (Exact(values=self._values[side], scale=self._scales[side]) for side in (1, -1))
        self._before: list[tuple[int, int, int | None]] = []

    @property
    def depth(self) -> int:
        """How often it was narrowed."""
        return len(self._before)

    def narrow(self, column: int, whole: int, side: int) -> None:
        """Set a bound of a column from below (side 1) or above (-1); the narrower one stays."""
        values = self._values[side]
        new, old = whole << self._scales[side], values[column]
        self._before.append((column, side, old))
        values[column] = new if old is None or (new - old) * side > 0 else old

    def widen(self, depth: int) -> None:
        """Take back what was narrowed beyond a depth."""
        while len(self._before) > depth:
            column, side, old = self._before.pop()
            self._values[side][column] = old
